"""A stepper: how one step of a family of methods is attempted on one backend's arrays.

The loop (loop.py) decides, in plain floats, which attempts count and how long the next one is. What it asks:

    stepper.adaptive, stepper.error_order  whether it estimates errors, and the order of the estimate
    stepper.dense_holds                    whether states within a step are about as accurate as those at its ends
    stepper.start(t, y)                    evaluate f at the start; False if that is not finite
    stepper.first_step(t, y, t_end)        a first step size (adaptive only)
    stepper.attempt(t, y, h)               -> (y1, ratio): the error ratio, 0 without an estimate, nan or inf if the
                                           step cannot be taken (nan, infinity, an iteration that did not converge)
    stepper.accept(), stepper.reject()     what became of that attempt
    stepper.factor(ratio, accepted)        next step size / this one where the method decides it itself, else None
    stepper.inside(theta)                  the state within the step attempted last
    stepper.keep()                         what restep needs beyond t, y and h; None for most
    stepper.restep(t, y, h, kept)          a function of theta: the states within an accepted step
    stepper.trouble(t, h)                  (status, message) for an attempt that could not be taken
    stepper.worst()                        index of the component with the largest error of the last attempt
    stepper.show(y)                        the state in f's shape
    stepper.stack(ys, like)                states as one array in f's shape; like: a flat state, where there are none
    stepper.times(ts), stepper.time(t)     times as an array; a time as an event gets it
    stepper.held()                         a context for steps that are repeated, perhaps elsewhere in the program
    stepper.mode()                         what a repeated step depends on besides its start, hashable; None where it
                                           must not be kept (a graph is recorded)
    stepper.sees_values()                  whether values can be looked at: not under torch.func
    stepper.largest(x)                     the largest size of a number in an array, a float; None where none is seen
    stepper.warning(t, y)                  what is to be said of a solve that arrived at y; None for most
    stepper.count()                        dict of nfev, njev, nlu
"""

from functools import cache


@cache
def over(base, family):
    """The stepper class of a family (steppers/) over the base of a library (state.py), made once."""
    return type(family.__name__, (family, base), {"__doc__": family.__doc__, "__module__": family.__module__})


class Stepper:
    """What every stepper can start from; each backend's state.py adds what depends on its arrays."""

    adaptive, error_order, compile, dense_holds = False, None, False, True
    k0 = None  # f at the start of the next step, where it is known
    recipe = None  # the arguments of steppers.stepper: how to make one that repeats steps, in another process

    def accept(self):
        """Nothing to do for most methods."""

    def reject(self):
        """Nothing to do for most methods."""

    def factor(self, ratio, accepted):
        return None

    def keep(self):
        return None

    def warning(self, t, y):
        return None

    def count(self):
        return {"nfev": self.field.nfev}
