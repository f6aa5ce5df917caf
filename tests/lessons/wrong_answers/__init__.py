"""Wrong answers that a student would plausibly give, for each exercise of each lesson.

exNN.py holds WRONG: exercise name -> {what is wrong: (function, words its message must contain)}.
tests/lessons/test_exercises.py gives each to its exercise.
"""
