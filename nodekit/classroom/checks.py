"""Exercises: what a student's function is asked for, how it is checked, and what the check says.

`Exercise` holds a reference solution, a check and three hints; a lesson's exercises are assigned in
lessons/exercises/exNN.py. The helpers below it measure properties (values, order of convergence, gradients,
conservation) on seeded random inputs and raise `Wrong` with a message for the student. How a function is run
safely is in watch.py, predictions and quizzes in quiz.py. Every lesson from 00 on has exercises.
"""

import inspect
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from nodekit.classroom.named import Named
from nodekit.classroom.watch import NotAttempted, TimeUp, Watched, Wrong, is_stub, time_limit

__all__ = ["Exercise", "as_array", "conserves", "gradient_matches", "order_slope", "same_values"]


@dataclass(frozen=True)
class Result:
    """The outcome of a check: true when passed. It shows nothing of itself in a notebook."""

    passed: bool
    message: str
    attempted: bool = True

    def __bool__(self):
        return self.passed

    def __repr__(self):
        return "passed" if self.passed else "not passed" if self.attempted else "not attempted"

    def shown(self):
        """Print the message with its mark, and return the result."""
        print(("✓ " if self.passed else "✗ " if self.attempted else "") + self.message)
        return self

    def _ipython_display_(self):
        """The message is printed already; an Out[] line below it would only be noise."""


class Exercise(Named):
    """An exercise: `check` a function, ask for a `hint`, read the `solution`.

    reference   the solution, an ordinary function with the stub's name, arguments and docstring
    check       called as check(function) with the student's function. Returns what was found right, in one
                sentence, or raises `Wrong` (the helpers in this file do)
    hints       three, rising from "where to look" to "almost the line itself"
    seconds     limit on the whole check: seconds of computing, whatever the clock says

    `check` prints one message, and raises nothing because of what the function does: Wrong stays inside. `hint` raises
    ValueError for a number other than 1, 2 or 3.
    """

    after_hints = "{name}.solution() prints a solution."  # what to do when there are no more

    def __init__(self, reference, check, hints, seconds=10.0):
        super().__init__()
        self.reference, self._check, self.hints, self.seconds = reference, check, tuple(hints), seconds
        self._hints_given = 0

    def check(self, function) -> Result:
        """Check the student's function; print one message; never raise because of what the function does."""
        result = self._judge(function).shown()
        if result.passed:
            self.note("exercises", self.own_name, {"passed": True})
        return result

    def _judge(self, function) -> Result:
        own = self.reference.__name__
        if not callable(function):
            given = type(function).__name__
            return Result(False, f"check takes the function itself, without (...): it was given a {given}.")
        not_attempted = Result(
            False, f"Not attempted yet. {self.name}.hint() gives the first of three hints.", attempted=False
        )
        if is_stub(function):
            return not_attempted
        watched = Watched(function, self.reference)
        try:
            watched.compare_arguments()
            with time_limit(self.seconds, function):
                praise = self._check(watched)
        except NotAttempted:
            return not_attempted
        except Wrong as wrong:
            return Result(False, str(wrong))
        except TimeUp as error:
            stopped, advice = f"{error}{watched.own_line(error)}\n", f"Does every loop in {own} come to an end?"
            if error.waited:
                advice = f"Does {own} sleep, or wait for something? (Or is this machine busy with other things?)"
            if watched.changed:
                advice = (
                    f"By then your {own} had changed {watched.changed} itself, which may be why it does not come to an "
                    "end: work on a copy."
                )
            return Result(False, stopped + advice)
        except Exception as error:  # a value so odd that the check itself stumbles over it
            return Result(
                False,
                f"{own} returned a {type(watched.last).__name__} that could not be checked "
                f"({type(error).__name__}: {error}). Compare it with what the docstring promises.",
            )
        if watched.changed:
            return Result(
                False,
                f"Right value, but your {own} changed {watched.changed} itself: "
                f"the caller's {watched.changed} is now different.",
            )
        return Result(True, praise)

    def hint(self, number=None):
        """Print the next hint, or hint `number` (1, 2 or 3)."""
        count = len(self.hints)
        if number is None:
            number = self._hints_given + 1
            if number > count:
                print(f"That was the last of {count} hints. {self.after_hints.format(name=self.name)}")
                return
            self._hints_given = number
        elif number not in range(1, count + 1):
            raise ValueError(f"hint({number!r}): there are hints 1 to {count}.")
        print(f"Hint {number} of {count}: {self.hints[number - 1]}")

    def solution(self):
        """Print the reference solution's source."""
        print(inspect.getsource(self.reference).rstrip())


# ---- what a check measures -----------------------------------------------------------------------------


def as_array(value, what="the result"):
    """The value as an array; Wrong if it is none. Torch tensors come back as arrays on the CPU."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray | np.generic | float | int) and np.asarray(value).dtype.kind in "fciu":
        return np.asarray(value)
    if isinstance(value, np.ndarray):
        raise Wrong(f"{what} is an array of dtype {value.dtype}; an array of numbers was expected.")
    way_out = " Make one with np.array(...)." if isinstance(value, list | tuple) else ""
    raise Wrong(f"{what} is a {type(value).__name__}; a number or an array was expected.{way_out}")


def several(value, names):
    """What was returned, one entry for each name, from a tuple, a list or an array; Wrong if it is none.

    An array counts from two dimensions on (np.stack of a pair): one of a single dimension is one thing, a vector that
    happens to have as many components as there are names.
    """
    if hasattr(value, "detach"):
        value = as_array(value)
    if isinstance(value, np.ndarray) and value.ndim > 1:
        value = list(value)
    if not (isinstance(value, tuple | list) and len(value) == len(names)):
        raise Wrong(f"{len(names)} things are returned: return {', '.join(names)}.")
    return value


def same_values(got, expected, tol=1e-12, what="the result", mistakes=None):
    """Return the largest difference, relative to max(1, |expected|); raise Wrong if it is above `tol`.

    A float32 answer, PyTorch's default, is held to its own rounding where `tol` is finer.
    mistakes: {message: value}. When the wrong value equals one of these, that message is the one given.
    """
    got, expected = as_array(got, what), as_array(expected)
    if got.dtype == np.float32 and expected.dtype == np.float64:
        got, tol = got.astype(np.float64), max(tol, SINGLE)
    elif got.shape == () and got.dtype.kind == "i" and expected.dtype.kind == "f":
        got = got.astype(expected.dtype)  # a number is a number: 1 for 1.0
    difference = np.inf
    if got.shape == expected.shape and np.all(np.isfinite(got)):
        relative = np.abs(got - expected) / np.maximum(1.0, np.abs(expected))
        difference = float(relative.max(initial=0.0))
    if difference > tol:
        near = max(tol, 1e-9)
        for message, value in (mistakes or {}).items():
            if np.shape(value) == got.shape and np.allclose(got, value, rtol=near, atol=near):
                raise Wrong(message)
    if got.shape != expected.shape:
        raise Wrong(f"{what} has shape {got.shape}; {expected.shape} was expected.")
    if not np.all(np.isfinite(got)):
        bad = tuple(np.argwhere(~np.isfinite(got))[0])
        raise Wrong(f"{what} is not finite: {got[bad]}{place(bad)}.")
    if got.dtype.kind != expected.dtype.kind or (got.dtype.kind == "f" and got.dtype != expected.dtype):
        raise Wrong(f"{what} has dtype {got.dtype}; {expected.dtype} was expected.")
    if difference > tol:
        worst = np.unravel_index(int(relative.argmax()), relative.shape)
        digits = 6 if f"{got[worst]:.6g}" != f"{expected[worst]:.6g}" else 15
        numbers = f"{got[worst]:.{digits}g}, and {expected[worst]:.{digits}g} was expected"
        raise Wrong(f"{what} is off{place(worst)}: {numbers}.")
    return difference


SINGLE = 1e-5  # what a few dozen roundings to float32, of 6e-8 each, may add up to


def place(index) -> str:
    """' at index [1, 0]', or nothing for a scalar."""
    return f" at index {[int(i) for i in index]}" if len(index) else ""


def random_field(seed, d=None):
    """A smooth random field and a start: f(t, x) -> (..., d) for x (..., d), depends on t; x0 (d,).

    d is 2 for even seeds and 3 for odd ones, unless it is given. The Jacobian is neither symmetric nor normal.
    """
    d = 2 + seed % 2 if d is None else d
    rng = np.random.default_rng(seed)
    A, B = rng.normal(size=(2, d, d))
    b, c, x0 = rng.normal(size=(3, d))

    def f(t, x):
        return np.tanh(x @ A.T + b + c * np.sin(2.0 * t)) @ B.T

    return f, x0


def rk4(f, t, x, h):
    """One classical Runge–Kutta step, for reference solutions only (Kutta 1901)."""
    k1 = f(t, x)
    k2 = f(t + h / 2, x + h / 2 * k1)
    k3 = f(t + h / 2, x + h / 2 * k2)
    k4 = f(t + h, x + h * k3)
    return x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def many_steps(step, f, x, T, n):
    """x after n steps of size T / n from time 0."""
    for i in range(n):
        x = step(f, i * T / n, x, T / n)
    return x


@lru_cache
def exact_end(seed, T):
    """random_field(seed)'s solution at T to about 1e-12."""
    f, x0 = random_field(seed)
    return many_steps(rk4, f, x0, T, 512)


def order_slope(step, fields=8, steps=(16, 32, 64, 128), T=1.0) -> float:
    """The measured order of convergence of step(f, t, x, h) -> x: the slope of log error against log h.

    The error is the root mean square over `fields` seeded random fields, which depend on time, so that a stage taken
    at the wrong time shows. They have 2 and 3 dimensions in turn; every other pair is followed back, to -T, with
    h < 0. Raises Wrong if a step does not return a finite array like x.
    """

    def checked(f, t, x, h):
        new = as_array(step(f, t, x, h), "the new x")
        if new.shape != x.shape or not np.all(np.isfinite(new)):
            raise Wrong(f"A step from x = {x} gives {new}; a finite array of shape {x.shape} was expected.")
        return new

    errors = []
    for n in steps:
        ends = []
        for seed in range(fields):
            (f, x0), end = random_field(seed), (T, T, -T, -T)[seed % 4]
            ends.append(many_steps(checked, f, x0, end, n) - exact_end(seed, end))
        errors.append(np.sqrt(np.mean(np.square(np.concatenate(ends)))))
    return slope(T / np.array(steps), errors)


def slope(h, errors) -> float:
    """The least-squares slope of log(errors) against log(h). Zero errors count as rounding."""
    return float(np.polyfit(np.log(h), np.log(np.maximum(errors, 1e-16)), 1)[0])


def gradient_matches(function, gradient, x, tol=1e-6, what="the gradient"):
    """Compare a gradient (x's shape) with central differences of function(x) -> float; raise Wrong."""
    numeric, eps = np.zeros_like(x), 1e-5
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = eps
        numeric[index] = (function(x + step) - function(x - step)) / (2 * eps)
    return same_values(gradient, numeric, tol, what, {f"{what} has the opposite sign.": -numeric})


def conserves(quantity, states, tol, what="the conserved quantity"):
    """The largest relative drift of quantity(state) along `states`; raise Wrong if it is above `tol`."""
    values = np.array([quantity(state) for state in states])
    drift = float(np.abs(values - values[0]).max() / max(1.0, abs(values[0])))
    if not drift <= tol:
        raise Wrong(f"{what} drifts by {drift:.2g} along the trajectory; at most {tol:.2g} was expected.")
    return drift
