"""A stepper: how one step of a family of methods is attempted on one backend's arrays.

The loop (loop.py) decides, in plain floats, which attempts count and how long the next one is. What it asks:

    start(t, y)                    evaluate f at the start, where it is not known; False if that is not finite. Behind
                                   a breakpoint it is called again: nothing known of what was before counts
    first_step(t, y, t_end)        a first step size (adaptive only)
    attempt(t, y, h)               -> (y1, ratio): the error ratio, 0 without an estimate, nan or inf if the step cannot
                                   be taken (nan, infinity, an iteration that did not converge). It leaves a `Step`
    accept(), reject()             what became of that attempt
    factor(ratio, accepted)        next step size / this one where the method decides it itself, else None
    inside(theta)                  the state within the step attempted last, (d,); (m, d) for an array of m thetas
    finite(y)                      whether a state has neither nan nor infinity
    trouble(t, h)                  (status, message) for an attempt that could not be taken
    worst()                        index of the component with the largest error of the last attempt
    warning(t, y)                  what is to be said of a solve that arrived at y; None for most
    count()                        dict of nfev, njev, nlu

What dense output and gradients ask of accepted steps:

    keep()                         what restep needs beyond t, y and h; None for most
    restep(t, y, h, kept)          a function of theta, as `inside` is: the states within an accepted step
    again_end(t, y, h)             its end; only if the stepper `repeats`
    step_vjp(t, y, h, kept, a, inside, params)
                                   its vjp, on torch; only if it is `one_step`. inside: (theta (m,), dL/dy there
                                   (m, d)) or None. See torch_backend/explicit.py
    mode()                         what a repeated step depends on besides its start, hashable; None where it must not
                                   be kept (a graph is recorded)
    held()                         a context for steps that are repeated, perhaps elsewhere in the program

What whoever makes a stepper, or goes on with it, may say:

    begin_with(k0)                 f at the start of the next step, where it is known
    forget_slope()                 it is not: f is to be evaluated anew
    enter(t, y, k0)                go on at (t, y), where another stepper arrived and f is k0; nothing else known counts
    blame(what, values)            what is not finite, for `trouble`
    norm, compile, recipe, breaks  attributes that may be set, see below

What each library says of its arrays:

    field, again, field_back       f on flat states, counted apart: in the solve, in dense output, on torch's way back
    values(x)                      x without a graph
    in_tolerances(v, y)            the root mean square of v in units of the tolerance at y, a float
    culprit(values)                (index, value) of the first nan or infinity in a flat array

    show(y)                        a state (d,), or states (n, d), in f's shape
    stack(ys, like)                states as one array (n, d); like: a state, where there are none
    join(parts)                    arrays end to end
    plus(y, h, weights, k)         y + h Σ_j weights_j k_j: weights (s,), or (m, s) for m sums at once; k (s, d)
    constant(array)                a small NumPy array in the state's kind
    column(theta)                  a number as it is; an array (m,) as (m, 1), to be multiplied with states
    times(ts), time(t)             times as an array; a time as an event gets it
    sees_values()                  whether values can be looked at: not under torch.func
    largest(x)                     the largest size of a number in an array, a float; None where none is seen
"""

from functools import cache
from typing import Any, NamedTuple

from nodekit.solution import Status, not_finite
from nodekit.stepping import control
from nodekit.stepping.step import advance


@cache
def over(base, family):
    """The class `family` over the class `base`, made once: a family (steppers/) over a library's base, for example."""
    return type(family.__name__, (family, base), {"__doc__": family.__doc__, "__module__": family.__module__})


class Step(NamedTuple):
    """What an attempt leaves behind: from (t, y) by h it led to y1, whatever becomes of it."""

    t: float
    y: Any
    h: float
    y1: Any


class Stepper:
    """What every stepper can start from; each backend's state.py adds what depends on its arrays."""

    adaptive, error_order = False, None  # whether it estimates errors, and the order of the estimate
    dense_holds = True  # whether states within a step are about as accurate as those at its ends
    one_step = False  # whether a step is a function of its start alone, so that step_vjp repeats it for a gradient
    repeats = False  # whether again_end finds the end of an accepted step from its start
    graphs = None  # of the accepted steps, where autograd recorded them one by one
    compile = False  # whether the steps of a backward pass run as compiled graphs
    adjoint = None  # on torch: the family's own continuous adjoint, as those of torch_backend/gradients/adjoint.py
    recipe = None  # (function, arguments): how to make one that repeats steps, in another process
    breaks: dict[float, Any] = {}  # noqa: RUF012  {time: `breaks.Sides`} of the breakpoints, in the order of the way
    norm: Any = (
        None  # function of an error in units of the tolerance: what decides. A library's is the root mean square
    )

    k0 = None  # f at the start of the next step, where it is known
    step = None  # the `Step` attempted last
    error = None  # of that attempt, in units of the tolerance
    bad = None  # (what, values): what `trouble` looks into for nan and infinity

    go_along = staticmethod(advance)  # how the trial of a first step is taken

    def first_step(self, t, y, t_end):
        trial = self.error_order, self.in_tolerances, self.go_along
        return control.first_step(self.field, t, self.values(y), self.k0, t_end, *trial)

    def begin_with(self, k0):
        self.k0 = k0

    def forget_slope(self):
        self.k0 = None

    def enter(self, t, y, k0):
        self.begin_with(k0)

    def interpolate(self, y, h, k, theta):
        """For a family whose method is a Tableau: the state at t + θh, (d,), from its slopes k (s, d), those of dense
        output included; (m, d) for m thetas. Exact at θ = 0.

        Source: b_i(θ) as in L. F. Shampine, "Some practical Runge–Kutta formulas", 1986. Built in lesson 04.
        """
        return self.plus(y, h, self.constant(self.method.weights_at(theta)), k)

    def blame(self, what, values):
        self.bad = what, values

    def led_to(self, t, y, h, y1):
        """For a family: note what an attempt led to, which is to blame unless something before it is."""
        self.step = Step(t, y, h, y1)
        self.blame("the result of a step", y1)

    def blame_slopes(self, slopes):
        """For a family: blame f for the first of its slopes that is not finite. Returns whether there is one."""
        bad = next((k for k in slopes if not self.finite(k)), None)
        if bad is not None:
            self.blame("f", bad)
        return bad is not None

    def trouble(self, t, h):
        what, values = self.bad
        return Status.NOT_FINITE, not_finite(what, t, h, *self.culprit(values))

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
