"""Right answers in other forms than the reference's, for the exercises of the lessons: each must pass.

exNN.py holds RIGHT: exercise name -> {what is different about it: function}: a list where the reference returns a
tuple, an array where it returns a pair, float32, another order of the work. tests/lessons/test_exercises.py gives each
to its exercise.
"""
