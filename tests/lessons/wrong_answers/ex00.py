"""Wrong answers to the exercise of lesson 00, and the words that each must be answered with."""

import numpy as np


def zeros(t, x):
    return np.zeros(2)


def turned(t, x):
    return np.array([-0.1 * x[0] + 2.0 * x[1], -2.0 * x[0] - 0.1 * x[1]])


def growing(t, x):
    return np.array([0.1 * x[0] - 2.0 * x[1], 2.0 * x[0] + 0.1 * x[1]])


def swapped(t, x):
    return np.array([2.0 * x[0] - 0.1 * x[1], -0.1 * x[0] - 2.0 * x[1]])


def stepped(t, x):
    return x + np.array([-0.1 * x[0] - 2.0 * x[1], 2.0 * x[0] - 0.1 * x[1]])


def tuple_of_two(t, x):
    return -0.1 * x[0] - 2.0 * x[1], 2.0 * x[0] - 0.1 * x[1]


def in_place(t, x):
    x0, x1 = x
    x[0], x[1] = -0.1 * x0 - 2.0 * x1, 2.0 * x0 - 0.1 * x1
    return x


def one_by_one(t, x):
    x[0] = -0.1 * x[0] - 2.0 * x[1]
    x[1] = 2.0 * x[0] - 0.1 * x[1]
    return x


WRONG = {
    "spiral": {
        "all zeros": (zeros, "dx/dt is off"),
        "turns the other way": (turned, "turns the other way"),
        "sign of the damping": (growing, "grows"),
        "one sign, first 0.1": (
            lambda t, x: np.array([0.1 * x[0] - 2.0 * x[1], 2.0 * x[0] - 0.1 * x[1]]),
            "sign of the 0.1 in the first",
        ),
        "one sign, first 2": (
            lambda t, x: np.array([-0.1 * x[0] + 2.0 * x[1], 2.0 * x[0] - 0.1 * x[1]]),
            "sign of the 2 in the first",
        ),
        "one sign, second 2": (
            lambda t, x: np.array([-0.1 * x[0] - 2.0 * x[1], -2.0 * x[0] - 0.1 * x[1]]),
            "sign of the 2 in the second",
        ),
        "one sign, second 0.1": (
            lambda t, x: np.array([-0.1 * x[0] - 2.0 * x[1], 2.0 * x[0] + 0.1 * x[1]]),
            "sign of the 0.1 in the second",
        ),
        "components swapped": (swapped, "swapped"),
        "the next point": (stepped, "only the slope"),
        "a tuple": (tuple_of_two, "tuple"),
        "a list": (
            lambda t, x: list(tuple_of_two(t, x)),
            "dx/dt is a list; a number or an array was expected. Make one",
        ),
        "a question": (lambda t, x: x > 0.0, "dx/dt is an array of dtype bool; an array of numbers"),
        "changes x itself": (in_place, "changed x itself"),
        "overwrites x one by one": (one_by_one, "overwrote x[0]"),
        "second component mixed": (
            lambda t, x: np.array([-0.1 * x[0] - 2.0 * x[1], 2.0 * x[1] - 0.1 * x[0]]),
            "x0 and x1 are swapped",
        ),
        "the path": (lambda t, x: np.exp(-0.1 * t) * np.array([np.cos(2 * t), np.sin(2 * t)]), "That is the path"),
    }
}
