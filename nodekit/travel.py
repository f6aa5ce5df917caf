"""What of a Solution can be copied, pickled and sent to another process (used by solution.py; no lesson builds it).

Arrays and statistics travel; tensors without their graph. Dense output travels as data, its accepted steps, together
with f and what else makes the stepper that repeats them: where f cannot be pickled, as a lambda cannot, it stays
behind, and says so when it is called.
"""

import pickle

from nodekit.arrays import is_torch


class LeftBehind:
    """In the place of a dense output that could not travel. Raises RuntimeError when called."""

    def __init__(self, why):
        self.why = why

    def __call__(self, t):
        raise RuntimeError(
            f"dense output did not travel with this Solution: {self.why}. Ask for it where the solve was made, give "
            "output times to solve(), or define f at the top of a module."
        )


def detached(x):
    """x with every tensor in it, in any nesting of tuples, lists and dicts, taken out of its graph."""
    if isinstance(x, dict):
        return {key: detached(part) for key, part in x.items()}
    if type(x) in (tuple, list):
        return type(x)(detached(part) for part in x)
    return x.detach() if is_torch(x) and hasattr(x, "detach") else x


def packed(dense):
    """A dense output as bytes, or what takes its place."""
    try:
        return pickle.dumps(dense)
    except Exception as error:  # whatever f's own pickling raises
        return LeftBehind(f"f, or what it uses, cannot be pickled ({type(error).__name__}: {error})")


def unpacked(data):
    """The dense output again, or what takes its place."""
    if not isinstance(data, bytes):
        return data
    try:
        return pickle.loads(data)
    except Exception as error:
        return LeftBehind(f"f cannot be loaded here ({type(error).__name__}: {error})")


def error_again(kind, solution):
    """An error of this kind about this solution, whose message says all already."""
    error = kind.__new__(kind, solution.message)
    error.solution = solution
    return error


def trajectory_again(kind, recipe, state):
    """A trajectory with a new stepper, made as the old one was."""
    trajectory = kind.__new__(kind)
    make, arguments = recipe
    vars(trajectory).update(state, stepper=make(*arguments))
    return trajectory
