"""A student's function, run safely: on copies, within a time limit, its failures turned into one message.

`Watched` is what a check calls in place of the function; `Wrong`, `NotAttempted` and `TimeUp` are how a check
ends early. checks.py builds the exercise on top.
"""

import inspect
import linecache
import signal
import sys
import threading
import time
from contextlib import contextmanager

import numpy as np


class Wrong(Exception):
    """Raised by a check: the answer is wrong, and the message says what is likely the matter."""


class NotAttempted(Exception):
    """Raised when the function is still the untouched stub."""


class TimeUp(BaseException):
    """Raised inside a function that runs too long. No Exception: `except Exception` must not catch it.

    str() of it says what ran out, the computing or the clock. waited: True if it was the clock.
    """

    waited = False


class Waited(TimeUp):
    """Raised inside a function that sleeps or waits too long, with hardly anything computed."""

    waited = True


def is_stub(function) -> bool:
    """True if the function has no body yet: a docstring and `...` or `pass`; a class, if any method is so.

    (`raise NotImplementedError` is seen when it is raised.) Compared as instructions, not as text, so that
    it needs no source.
    """

    def empty():
        """A docstring, as a stub has."""

    if inspect.isclass(function):
        return any(is_stub(method) for method in vars(function).values() if inspect.isfunction(method))
    code = getattr(function, "__code__", None)
    if code is None or not set(code.co_consts) <= {None, function.__doc__}:  # `return 0.0` is an answer
        return False
    return code.co_code[::2] == empty.__code__.co_code[::2]  # [::2]: the instructions without arguments


class Watched:
    """A student's function as a check calls it: on copies of the inputs, its failures turned into `Wrong`.

    last      the value returned last
    changed   the name of an argument that the function changed in place, or None
    """

    def __init__(self, function, reference):
        self.function, self.reference, self.__name__ = function, reference, reference.__name__
        self.names = list(inspect.signature(reference).parameters)
        self.last = self.changed = None

    def __call__(self, *args):
        own = copied(args)
        try:
            self.last = self.function(*own)
        except NotImplementedError:
            raise NotAttempted from None
        except (Wrong, NotAttempted):  # from an argument that is a function of the check's own
            raise
        except TimeUp:
            self.look_for_changes(args, own)
            raise
        except (Exception, SystemExit) as error:
            what = f"{self.__name__} raised {type(error).__name__}: {error}"
            raise Wrong(what + self.own_line(error)) from None
        if self.last is None:
            raise Wrong(f"{self.__name__} returned None. Does every path through it end with `return ...`?")
        self.look_for_changes(args, own)
        return self.last

    def look_for_changes(self, args, own):
        """Set `changed` where an argument no longer is what it was."""
        for name, before, after in zip(self.names, args, own, strict=False):
            if not unchanged(before, after):
                self.changed = name

    def compare_arguments(self):
        """Raise Wrong if the function cannot be called as the reference is."""
        expected = inspect.signature(self.reference)
        arguments = [name for name, p in expected.parameters.items() if p.default is p.empty]
        try:
            inspect.signature(self.function).bind(*arguments)
        except TypeError as error:
            raise Wrong(
                f"{self.__name__} is called as {self.__name__}{expected}, and yours cannot be: {error}."
            ) from None
        except ValueError:  # a built-in without a signature
            pass

    def own_line(self, error) -> str:
        """'\\n  line 3 of heun_step: k2 = f(t, x)': the innermost line in the student's own file."""
        code = getattr(self.function, "__code__", None)
        frames, tb = [], error.__traceback__
        while tb is not None:
            if code is not None and tb.tb_frame.f_code.co_filename == code.co_filename:
                frames.append(tb)
            tb = tb.tb_next
        if not frames:
            return ""
        place, line = frames[-1].tb_frame.f_code, frames[-1].tb_lineno
        text = linecache.getline(place.co_filename, line).strip()
        return f"\n  line {line - place.co_firstlineno + 1} of {place.co_name}: {text}"


def copied(value):
    """A copy of arrays and tensors, also inside lists, tuples and dicts; anything else as it is."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(copied(item) for item in value)
    if isinstance(value, np.ndarray):
        return value.copy()
    return value.clone() if type(value).__name__ == "Tensor" else value


def unchanged(before, after) -> bool:
    """True if the copy `after` still has the values of `before`."""
    if isinstance(before, dict):
        return before.keys() == after.keys() and all(unchanged(before[key], after[key]) for key in before)
    if type(before) in (list, tuple):
        return len(before) == len(after) and all(map(unchanged, before, after))
    if isinstance(before, np.ndarray):
        return np.array_equal(before, after, equal_nan=before.dtype.kind in "fc")
    if type(before).__name__ == "Tensor":
        return before.shape == after.shape and bool(((before == after) | (before != before)).all())
    return True


WAIT = 10  # times the limit by the clock: a machine may be busy with other things, but a check must end


@contextmanager
def time_limit(seconds, function):
    """Raise TimeUp inside the block after `seconds` of this thread's computing, or `WAIT` times as many by the clock.

    It is the computing that counts, so that a right answer passes on a busy machine too; the clock stops a function
    that sleeps or waits. An alarm signal rings now and then where there is one (Unix, main thread). Elsewhere every
    line that `function`'s own file executes is traced: that stops a Python loop there, slows it several times, and
    cannot interrupt one long call into compiled code.
    """
    computed, waited = time.thread_time(), time.monotonic()

    def look():
        used = time.thread_time() - computed
        if used > seconds:
            raise TimeUp(f"Stopped after {seconds:g} s of computing.")
        if time.monotonic() - waited > WAIT * seconds:
            raise Waited(f"Stopped after {WAIT * seconds:g} s, of which {used:.1f} s were spent on computing.")

    if hasattr(signal, "SIGALRM") and threading.current_thread() is threading.main_thread():
        previous = signal.signal(signal.SIGALRM, lambda signum, frame: look())
        signal.setitimer(signal.ITIMER_REAL, seconds / 20, max(seconds / 20, 0.05))
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)
        return

    own_file = getattr(getattr(function, "__code__", None), "co_filename", None)

    def trace(frame, event, argument):
        if frame.f_code.co_filename != own_file:
            return None  # do not trace other people's lines
        look()
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(previous)
