"""Steps with what torchdiffeq's options and callbacks ask beyond our loop (used by odeint and odeint_adjoint)."""

import math

import torch

from nodekit.stepping.step import hermite


class Inward:
    """f, told a time just inside the step in progress where that begins or ends on a discontinuity of f.

    ends: (time, the direction in which its neighbour inside the step lies).
    """

    def __init__(self, f):
        self.f, self.ends = f, ()

    def __call__(self, t, y):
        for end, towards in self.ends:
            if t == t.new_tensor(end):
                t = torch.nextafter(t, t.new_tensor(towards))
                break
        return self.f(t, y)


class Observer:
    """What options ask of a solve beyond the loop, and tell its callbacks.

    callbacks: up to three functions (t, y, |h|) by torchdiffeq's names. inward: an `Inward` or None. show: turns the
    flat state into what callbacks get. ahead: ±1, the direction of the steps. sign: −1 where the stepper counts s = −t.
    """

    def __init__(self, options, callbacks, inward, show, ahead, sign=1.0):
        self.options, self.callbacks, self.inward = options, callbacks, inward
        self.show, self.ahead, self.sign = show, ahead, sign

    def step_begins(self, t, h):
        """Nudge times inward in the step from t by h. Returns the jump that it ends on, or None."""
        if self.inward is None:
            return None
        options, start, end = self.options, self.sign * t, self.sign * (t + h)
        first, last = (
            next((j for j in options.jumps if abs(j - x) <= 4 * math.ulp(j)), x if options.perturb else None)
            for x in (start, end)
        )
        ahead = math.copysign(math.inf, end - start)
        self.inward.ends = [(x, towards) for x, towards in ((first, ahead), (last, -ahead)) if x is not None]
        return last if options.jumps else None

    def solve_begins(self, t):
        """Nudge t, the start of a solve whose first step is not known yet."""
        self.step_begins(t, self.ahead * math.inf)

    def tell(self, name, t, y, h):
        if name in self.callbacks:
            time, size = (torch.tensor(x, dtype=torch.float64) for x in (self.sign * t, abs(h)))
            self.callbacks[name](time, self.show(y), size)


class Observed:
    """Goes before a stepper's class: steps that an `Observer` follows, with its interpolation and its restarts."""

    def __init__(self, observer, *arguments):
        self.observer, self.options = observer, observer.options
        self.jump = None  # that the step attempted last ends on
        super().__init__(*arguments)

    def start(self, t, y):
        self.observer.solve_begins(t)
        return super().start(t, y)

    def attempt(self, t, y, h):
        self.jump = self.observer.step_begins(t, h)
        self.observer.tell("callback_step", t, y, h)
        return super().attempt(t, y, h)

    def accept(self):
        t, y, h, y1 = self.step
        self.observer.tell("callback_accept_step", t, y, h)
        super().accept()
        if self.options.perturb:  # the slope just before this time is not that with which the next step begins
            self.forget_slope()
        if self.jump is not None:  # beyond it f is another one: begin anew
            self.forget_slope()
            self.start(self.observer.sign * self.jump, y1)

    def reject(self):
        t, y, h, _ = self.step
        self.observer.tell("callback_reject_step", t, y, h)
        super().reject()

    def inside(self, theta):
        if self.options.dense:
            return super().inside(theta)
        t, y, h, y1 = self.step
        if self.options.interp == "linear":
            return y + self.column(theta) * (y1 - y)
        return hermite(y, y1, h, self.field(t, y), self.field(t + h, y1), self.column(theta))

    def step_vjp(self, t, y, h, kept, a, inside, params):
        """As the stepper's own, with outputs within the step from the straight line through its ends."""
        self.observer.step_begins(t, h)
        if self.options.dense or not inside:
            return super().step_vjp(t, y, h, kept, a, inside, params)
        theta, d = self.column(inside[0]), inside[1]
        a = a + (theta * d).sum(0)
        dy, dparams, nfev = super().step_vjp(t, y, h, kept, a, None, params)
        return dy + ((1 - theta) * d).sum(0), dparams, nfev
