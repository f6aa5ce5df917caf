"""What nodekit takes of autograd beyond its documented interface: all of it, so that a new version is looked at here.

tests/test_private.py names the versions that were tried, and holds each of these to what is said of it.
"""

from contextlib import contextmanager

from autograd.core import make_jvp, make_vjp
from autograd.tracer import getval, isbox, trace_stack

__all__ = ["getval", "isbox", "level_restored", "make_jvp", "make_vjp", "recording"]

# getval(x): the array under autograd's boxes, or x itself. isbox(x): whether x is a box, which autograd follows.
# make_vjp(f, x): (vjp, f(x)); make_jvp(f, x)(v): (f(x), ∂f/∂x v). They take f of any array, and warn of nothing else.


def recording():
    """Whether autograd is differentiating now, in whatever function calls this."""
    return trace_stack.top >= 0


@contextmanager
def level_restored():
    """autograd's level of nesting as before, where an error ends a derivative: it does not see to that itself, and
    would believe for ever to be differentiating."""
    level = trace_stack.top
    try:
        yield
    except BaseException:
        trace_stack.top = level
        raise
