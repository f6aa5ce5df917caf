"""Scripts that a researcher copies: whole programs, of which the lessons show how they behave."""
