"""Adams methods of fixed step: one or two evaluations of f a step, whatever the order.

A step uses the slopes at the starts of the steps before it. Where they are missing, at the beginning, or belong to
another step size, as in a shortened last step, it is one of dopri5 instead, which loses no order. On torch a gradient
is recorded by autograd: a step is no function of its start alone. No lesson builds them: they are two of the methods
that `odeint` names.
"""

import math

from nodekit.methods.explicit import DOPRI5
from nodekit.stepping.step import advance, hermite, runge_kutta_step

BASE = "state"


class Multistep:
    """A stepper (see stepping/stepper.py) for an `Adams` method. Dense output is cubic Hermite, of order 4."""

    h, slopes = None, ()  # of the steps before, and the slopes at their starts, newest first
    k1 = None  # the slope at the end of the step attempted last, where it is known

    def start(self, t, y):
        self.h, self.slopes = None, ()
        return super().start(t, y)

    def attempt(self, t, y, h):
        if self.k0 is None:
            self.k0 = self.field(t, y)
        if h != self.h:
            self.h, self.slopes = h, ()
        slopes, method, self.k1 = [self.k0, *self.slopes], self.method, None
        if len(slopes) < len(method.predictor):
            y1, k = runge_kutta_step(self.field, t, y, h, DOPRI5, self.k0)
            self.k1 = k[-1]
        else:
            y1 = advance(y, h, method.predictor, slopes)
            if method.corrector:
                y1 = advance(y, h, method.corrector, [self.field(t + h, y1), *slopes])
        self.led_to(t, y, h, y1)
        return y1, 0.0 if self.finite(y1) else math.nan

    def accept(self):
        self.slopes = [self.k0, *self.slopes][: len(self.method.predictor) - 1]
        self.k0 = self.k1

    def inside(self, theta):
        t, y, h, y1 = self.step
        if self.k1 is None:
            self.k1 = self.field(t + h, y1)
        return hermite(y, y1, h, self.k0, self.k1, self.column(theta))

    def keep(self):
        return self.k0, self.step.y1

    def restep(self, t, y, h, kept):
        (k0, y1), k1 = kept, self.again(t + h, kept[1])
        return lambda theta: hermite(y, y1, h, k0, k1, self.column(theta))


def of(method):
    return Multistep
