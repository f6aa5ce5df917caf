"""method="auto": dopri5 until the problem is stiff, radau as long as it is, and back (used from lesson 14 on).

Stiff means that stability, not accuracy, limits the explicit step: |hλ| stands at the edge of dopri5's stability
region, 3.3 on the negative axis. λ is estimated from each step as stepping/limited.py does it, with the same counts.
"""

import numpy as np
from autograd.tracer import getval

from nodekit.methods.explicit import METHODS as EXPLICIT
from nodekit.methods.implicit import METHODS as IMPLICIT
from nodekit.numpy_backend.explicit import ExplicitRungeKutta
from nodekit.numpy_backend.implicit import ImplicitRungeKutta
from nodekit.numpy_backend.newton import refuse_boxes
from nodekit.numpy_backend.state import Stepper
from nodekit.stepping.limited import CALM_AFTER, LIMITED, STIFF_AFTER, rate_of_step

LIMIT = LIMITED * 3.31  # |hλ| at which a step counts as limited by stability
BACK_BELOW, BACK_AFTER = 1.0, 5  # |hλ| of implicit steps with which an explicit method could go on, so many in a row


class Auto(Stepper):
    """A stepper (see stepper.py) that passes every call on to one of two others.

    `switches` in the statistics lists (t, name) of each change of method.
    """

    adaptive = True

    def __init__(self, f, y0, method, rtol, atol, fixed, jac=None):
        super().__init__(f, y0, rtol, atol, fixed)
        if fixed:
            raise ValueError("method='auto' chooses its own steps: leave out step, or name a method.")
        self.explicit = ExplicitRungeKutta(f, y0, EXPLICIT["dopri5"], rtol, atol, fixed)
        self.implicit = ImplicitRungeKutta(f, y0, IMPLICIT["radau"], rtol, atol, fixed, jac)
        self.now, self.switches, self.error_order = self.explicit, [], self.explicit.error_order
        self.stiff = self.calm = self.back = 0

    def start(self, t, y):
        return self.explicit.start(t, y)

    def first_step(self, t, y, t_end):
        return self.explicit.first_step(t, y, t_end)

    def attempt(self, t, y, h):
        self.step = t, y, h
        y1, ratio = self.now.attempt(t, y, h)
        self.y1 = y1
        return y1, ratio

    def accept(self):
        self.now.accept()
        self.switched = False
        t, _, h = self.step
        if self.now is self.explicit:
            k = np.array([getval(self.explicit.k[i]) for i in range(7)])
            limited = abs(h) * rate_of_step(k, h) > LIMIT
            self.stiff, self.calm = self.stiff + limited, 0 if limited else self.calm + 1
            if self.calm == CALM_AFTER:
                self.stiff = 0
            if self.stiff >= STIFF_AFTER:
                self.go(self.implicit, t + h)
        else:
            small = abs(h) * self.spectral_radius() < BACK_BELOW
            self.back = self.back + 1 if small else 0
            if self.back == BACK_AFTER:
                self.go(self.explicit, t + h)

    def go(self, other, t):
        """Go on with the other method from the state just reached."""
        self.switches.append((t, "radau" if other is self.implicit else "dopri5"))
        self.switched = True
        slope = self.field(t, self.y1)
        other.k0, self.stiff, self.calm, self.back = slope, 0, 0, 0
        if other is self.implicit:
            refuse_boxes(other.rk, self.y1, slope)
            other.J = other.before = other.k_last = other.previous = None
        else:
            other.size = np.abs(self.y1)
        self.now, self.error_order = other, other.error_order

    def spectral_radius(self):
        """The largest |λ| of the implicit method's Jacobian, computed once for each."""
        J = self.implicit.last_J
        if J is not getattr(self, "known", None):
            self.known, self.radius = J, float(np.abs(np.linalg.eigvals(J)).max())
        return self.radius

    def reject(self):
        self.now.reject()

    def factor(self, ratio, accepted):
        if accepted and self.switched:
            return 1.0  # the new method begins with the old one's step
        return self.now.factor(ratio, accepted)

    def inside(self, theta):
        return self.now.inside(theta)

    def keep(self):
        return self.now is self.explicit, self.now.keep()

    def restep(self, t, y, h, kept):
        explicit, kept = kept
        return (self.explicit if explicit else self.implicit).restep(t, y, h, kept)

    def trouble(self, t, h):
        return self.now.trouble(t, h)

    def worst(self):
        return self.now.worst()

    def count(self):
        a, b = self.explicit.count(), self.implicit.count()
        nfev = a["nfev"] + b["nfev"] + self.field.nfev
        return {"nfev": nfev, "njev": b["njev"], "nlu": b["nlu"], "switches": self.switches}


def stepper(f, y0, method, rtol, atol, fixed, jac=None):
    """The stepper of method="auto"."""
    return Auto(f, y0, method, rtol, atol, fixed, jac)
