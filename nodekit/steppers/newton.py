"""What the families that solve equations with ∂f/∂y share: backward Euler is built in lesson 14, the rest in 15."""

from nodekit.solution import Status, no_convergence


class Newton:
    """Goes before a library's base, `Stepper` in equations.py. jac: ∂f/∂y as in its `Jacobian`; samples: see `stepper`.

    why: why the last attempt could not be taken, in words; empty where it could, or where f is at fault.
    """

    adaptive, why = True, ""

    def __init__(self, f, y0, method, rtol, atol, fixed, jac=None, samples=None):
        super().__init__(f, y0, method, rtol, atol, fixed, jac, samples)
        self.jacobian, self.nlu = self.Jacobian(self.field, jac, self.atol / rtol), 0

    def scale(self, y, y1):
        """atol + rtol max(|y|, |y1|): what an error is measured in."""
        return self.atol + self.rtol * self.maximum(abs(y), abs(y1))

    def ratio(self, error):
        """The norm that decides, of an error in units of `scale`: a step is good when it is at most 1."""
        self.error = abs(error)
        return self.numbers(self.norm(self.error))[0]

    def refuse(self, why, slopes):
        """Note why a step cannot be taken. It is f's own fault where one of its slopes is not finite."""
        self.why = "" if self.blame_slopes(slopes) else why

    def trouble(self, t, h):
        return (Status.NO_CONVERGENCE, no_convergence(t, h, self.why)) if self.why else super().trouble(t, h)

    def count(self):
        return {**super().count(), "njev": self.jacobian.njev, "nlu": self.nlu}
