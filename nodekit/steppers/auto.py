"""method="auto": dopri5 until the problem is stiff, radau as long as it is, and back (taught in lesson 15).

Stiff means that stability, not accuracy, limits the explicit step: |hλ| stands at the edge of dopri5's stability
region, 3.3 on the negative axis. λ is estimated from each step as stepping/limited.py does it, with the same counts.
"""

from nodekit import steppers
from nodekit.methods.explicit import DOPRI5
from nodekit.methods.implicit import METHODS as IMPLICIT
from nodekit.stepping.limited import CALM_AFTER, LAST_STAGES_APART, LIMITED, STIFF_AFTER

BASE = "equations"
LIMIT = LIMITED * 3.31  # |hλ| at which a step counts as limited by stability
BACK_BELOW, BACK_AFTER = 1.0, 5  # |hλ| of implicit steps with which an explicit method could go on, so many in a row


class Auto:
    """A stepper (see stepping/stepper.py) that passes every call on to one of two others.

    `switches` in the statistics lists (t, name) of each change of method.
    """

    adaptive = one_step = True
    switched = False  # whether the step accepted last was the last of its method

    def __init__(self, f, y0, method, rtol, atol, fixed, jac=None, samples=None):
        if fixed:
            raise ValueError("method='auto' chooses its own steps: leave out step, or name a method.")
        super().__init__(f, y0, method, rtol, atol, fixed)
        self.explicit = steppers.stepper(self.library, f, y0, DOPRI5, rtol, atol, fixed)
        self.implicit = steppers.stepper(self.library, f, y0, IMPLICIT["radau"], rtol, atol, fixed, jac, samples)
        self.now, self.switches, self.error_order = self.explicit, [], self.explicit.error_order
        self.known = None, 0.0  # a Jacobian, and its spectral radius
        self.stiff = self.calm = self.easy = 0

    def start(self, t, y):
        self.explicit.norm = self.implicit.norm = self.norm
        self.now.begin_with(self.k0)
        finite = self.now.start(t, y)
        self.only_values(y, self.now.k0)
        return finite

    def first_step(self, t, y, t_end):
        return self.explicit.first_step(t, y, t_end)

    def attempt(self, t, y, h):
        y1, ratio = self.now.attempt(t, y, h)
        self.step = self.now.step
        return y1, ratio

    def accept(self):
        self.now.accept()
        self.switched = False
        t, _, h, y1 = self.step
        if self.now is self.explicit:
            limited = abs(h) * self.rate(h) > LIMIT
            self.stiff, self.calm = self.stiff + limited, 0 if limited else self.calm + 1
            if self.calm == CALM_AFTER:
                self.stiff = 0
            if self.stiff >= STIFF_AFTER:
                self.go(self.implicit, t + h, y1)
        else:
            small = abs(h) * self.largest_rate() < BACK_BELOW
            self.easy = self.easy + 1 if small else 0
            if self.easy == BACK_AFTER:
                self.go(self.explicit, t + h, y1)

    def rate(self, h):
        """|λ| ≈ ‖k₇ − k₆‖ / ‖Y₇ − Y₆‖ of the explicit step: `rate_of_step` of stepping/limited.py in this library."""
        k = [self.explicit.k[i] for i in range(7)]
        self.only_values(*k)  # a parameter that entered late
        k = self.stacked(k)
        gap, apart = self.numbers(self.rms(k[6] - k[5]), self.rms(self.constant(LAST_STAGES_APART) @ k[:6]))
        return gap / (abs(h) * apart) if apart else 0.0

    def largest_rate(self):
        """The largest |λ| of the implicit method's Jacobian, computed once for each."""
        J = self.implicit.last_J
        if J is not self.known[0]:
            self.known = J, self.spectral_radius(J)
        return self.known[1]

    def go(self, other, t, y):
        """Go on with the other method from the state just reached."""
        self.switches.append((t, other.method.name))
        self.switched = True
        other.enter(t, y, self.field(t, y))
        self.stiff = self.calm = self.easy = 0
        self.now, self.error_order = other, other.error_order

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

    def took(self, kept):
        """The stepper that took a step, and what it kept of it."""
        explicit, kept = kept
        return (self.explicit if explicit else self.implicit), kept

    def restep(self, t, y, h, kept):
        stepper, kept = self.took(kept)
        return stepper.restep(t, y, h, kept)

    def step_vjp(self, t, y, h, kept, a, inside, params):
        stepper, kept = self.took(kept)
        return stepper.step_vjp(t, y, h, kept, a, inside, params)

    def blame(self, what, values):
        self.now.blame(what, values)

    def trouble(self, t, h):
        return self.now.trouble(t, h)

    def worst(self):
        return self.now.worst()

    def count(self):
        a, b = self.explicit.count(), self.implicit.count()
        nfev = a["nfev"] + b["nfev"] + self.field.nfev
        return {"nfev": nfev, "njev": b["njev"], "nlu": b["nlu"], "switches": self.switches}


def of(method):
    return Auto
