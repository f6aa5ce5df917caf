"""The exercises of the lessons: `from exercises import ex01` in a notebook of lessons/."""
