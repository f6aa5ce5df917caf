"""Backward differentiation of orders 1 to 5 with variable steps (outlined in lesson 15).

The state is a table of backward differences, ∇^j y in row j, as if all steps so far had had the present size: rows 0
to k are the polynomial through the last k + 1 points, which predicts the next one and is the dense output. A step
solves for the correction d = y1 − predicted; the new row k + 1 is d, and every other row is the sum of the rows below
it. d is also the error estimate, and its neighbours tell what orders k − 1 and k + 1 would do.

On torch an iteration waits for the device once, to read how far it has come. A gradient is recorded, whatever was asked
for: a step is no function of its start alone. It goes through Newton's iteration by the implicit function theorem.

Source: L. F. Shampine, M. W. Reichelt, The MATLAB ODE suite, SIAM J. Sci. Comput. 18(1), 1997, section 2.
"""

import math

import numpy as np

from nodekit.steppers.newton import Newton

BASE = "equations"
MAX_ITERATIONS = 4
NEWTON_TOL = 0.03  # the error that Newton's iteration may leave, in units of the tolerance
MIN_FACTOR, MAX_FACTOR = 0.2, 10.0
WORTHWHILE = 1.2  # a smaller growth of the step is not worth a new table and a new inverse


class Formulas:
    """What the orders k = 0 ... 5 need, each a list with k as index. constant: an array in the state's kind.

    alpha: (1 − κ)γ; psi: γ_1 ... γ_k over alpha, for the known part of the formula; error: the error constant, which
    times ∇^{k+1} y is the error of a step; sums: the triangle of ones that brings the table to the next point.
    """

    def __init__(self, kappa, constant):
        kappa = np.array([0.0, *kappa])
        n = len(kappa)
        gamma = np.cumsum([0.0, *(1 / np.arange(1, n))])
        alpha = (1 - kappa) * gamma
        self.highest = n - 1
        self.alpha = alpha.tolist()
        self.psi = [constant(gamma[1 : k + 1] / (alpha[k] or 1)) for k in range(n)]
        self.error = (kappa * gamma + 1 / np.arange(1, n + 1)).tolist()
        self.ones = [constant(np.ones(k + 1)) for k in range(n)]
        self.sums = [constant(np.triu(np.ones((k + 2, k + 2)))) for k in range(n)]


def rescaling(order, factor):
    """The matrix (k + 1, k + 1) that turns differences for steps h into those for steps factor·h, same polynomial.

    The polynomial's value at t − s r h, r = 0 ... k, is a sum of differences with the weights binomial(−s r, j)
    up to sign; s = factor gives the new points from the old table, s = 1, which is its own inverse, the way back.
    """

    def values(s):
        i = np.arange(1, order + 1)[:, None]
        steps = (i - 1 - s * np.arange(order + 1)) / i
        return np.cumprod(np.vstack([np.ones(order + 1), steps]), axis=0)

    return (values(factor) @ values(1.0)).T


def weights_at(order, theta):
    """Of the differences 1 ... k in their polynomial's value, beside row 0, at θ within the step that ended there.

    (k,), or (m, k) for m of them.
    """
    j = np.arange(order)
    return np.cumprod((np.asarray(theta)[..., None] - 1 + j) / (1 + j), -1)


class BackwardDifferences(Newton):
    """A stepper (see stepping/stepper.py) for a `BackwardDifferentiation`.

    The Jacobian is renewed when Newton's iteration fails with an old one, and only then; the inverse of the Newton
    matrix when the step size or the order changes. Step size and order are held for k + 1 steps after a change, so
    that the table holds true differences when they are chosen anew. `controller` does not apply.
    """

    order = 1
    table = after = None  # of differences, before and after the step attempted last
    h, equal_steps = None, 0  # the step size of the table, and how many steps it was held for
    matrix, fresh = None, False  # the Jacobian, and whether it is from this step
    inverted = c = None  # the inverse of I − c ∂f/∂y
    eta, iterations = 1.0, 0  # of Newton's iteration: rate/(1 − rate) as last seen, and its length
    weight = None  # 1 / what the last error was measured in
    tracks = False  # whether f depends on something that a gradient flows to

    def __init__(self, f, y0, method, rtol, atol, fixed, jac=None, samples=None):
        if fixed:
            raise ValueError(f"method={method.name!r} chooses its steps and its order: leave out step=...")
        super().__init__(f, y0, method, rtol, atol, fixed, jac, samples)
        self.formulas = Formulas(method.kappa, self.constant)
        self.exact = self.Jacobian(self.field, jac or "autograd", self.atol / rtol)  # for a gradient
        self.newton_tol = max(10 * self.eps / self.tightest, NEWTON_TOL)

    @property
    def error_order(self):
        return self.order + 1

    def start(self, t, y):
        self.order, self.table, self.h, self.equal_steps = 1, None, None, 0
        self.matrix, self.fresh, self.c = None, False, None
        finite = super().start(t, y)
        self.tracks = self.records(self.k0)
        return finite

    def attempt(self, t, y, h):
        self.led_to(t, y, h, y)
        if self.table is None:
            self.table = self.zeros(self.formulas.highest + 3)
            self.table[0], self.table[1], self.h = y, h * self.k0, h
        elif h != self.h:
            k = self.order
            self.table[: k + 1] = self.constant(rescaling(k, h / self.h)) @ self.table[: k + 1]
            self.h, self.equal_steps = h, 0
        k, formulas = self.order, self.formulas
        predicted = self.product(formulas.ones[k], self.table[: k + 1])
        known = self.product(formulas.psi[k], self.table[1 : k + 1])
        c = h / formulas.alpha[k]
        d = self.corrected(t + h, *map(self.values, (predicted, known)), c)
        if d is None:
            return y, math.inf
        if self.tracks or self.records(predicted):
            d = self.recorded(t + h, predicted, d, known, c)

        y1 = predicted + d
        self.led_to(t, y, h, y1)
        self.weight = 1 / self.scale(y, y1)
        ratio = self.ratio(formulas.error[k] * d * self.weight)
        if ratio < math.inf:  # above 1 too: a step no longer than min_step is taken whatever its error
            table = self.after = self.zeros(len(self.table))
            before = self.table[k + 1] + 0.0
            self.table[k + 1] = d
            table[: k + 2] = self.product(formulas.sums[k], self.table[: k + 2])
            table[k + 2] = d - before
            table[0] = y1
            self.table[k + 1] = before  # the step may yet be refused
        return y1, ratio

    def corrected(self, t, predicted, known, c):
        """The correction d (d,) by Newton's iteration, with a new Jacobian where an old one does not do; or None."""
        weight, self.why = 1 / (self.atol + self.rtol * abs(predicted)), ""
        while True:
            if self.matrix is None:
                self.matrix, self.fresh, self.c, self.eta = self.jacobian(t, predicted), True, None, 1.0
            if c != self.c:
                self.inverted, self.c = self.inverse(self.eye - c * self.matrix), c
                self.nlu += 1
            d = self.newton(t, predicted, known, c, weight)
            if d is not None or (self.fresh and self.inverted is not None):
                return d
            self.matrix = None  # it is old, or useless
            if self.fresh:
                return None

    def newton(self, t, y, known, c, weight):
        """The correction d (d,) of y that solves known + d = c f(t, y + d), or None if it is not found."""
        if self.inverted is None:
            self.refuse("its matrix I − c ∂f/∂y is singular or not finite", [self.field(t, y)])
            return None
        self.eta = max(self.eta, 1e-10) ** 0.8  # rate/(1 − rate) as last seen, trusted less with every step
        d, before = 0.0, math.inf
        for m in range(MAX_ITERATIONS):
            k = self.field(t, y)
            self.tracks = self.records(k) or self.tracks  # a parameter may enter late
            k = self.values(k)
            change = self.applied(self.inverted, c * k - known - d)
            (size,) = self.numbers(self.rms(change * weight))
            if not size < math.inf:
                self.refuse("Newton's iteration overflows", [k])
                return None
            if m:
                rate = size / before
                if rate >= 1 or rate ** (MAX_ITERATIONS - m) / (1 - rate) * size > self.newton_tol:
                    self.why = f"Newton's iteration converges too slowly (rate {rate:.2g})"
                    return None
                self.eta = rate / (1 - rate)
            y, d, before = y + change, d + change, size
            # What a first iteration promises rests on a rate of earlier steps: it may have changed, so ask for more.
            if self.eta * size <= self.newton_tol * (1 if m else 1e-3):
                self.iterations = m + 1
                return d
        self.why = f"Newton's iteration did not converge in {MAX_ITERATIONS} steps"
        return None

    def recorded(self, t, predicted, d, known, c):
        """The correction d, as a function of what `predicted`, `known` and f depend on: the implicit function theorem.

        One more step of Newton's iteration with the true Jacobian at its end, which is held: exact to first order.
        """
        y = self.values(predicted + d)
        residual = c * self.field(t, y) + predicted - known - y
        return self.newton_end(self.eye - c * self.exact(t, y), residual) + y - predicted

    def accept(self):
        self.table, self.fresh = self.after, False

    def factor(self, ratio, accepted):
        """The order k − 1, k or k + 1 that promises the longest step, and how much longer it is."""
        k, error, table = self.order, self.formulas.error, self.table
        if not ratio < math.inf:
            return 0.25
        if accepted:
            self.equal_steps += 1
            if self.equal_steps <= k:
                return 1.0
        neighbours = [j for j in (k - 1, k + 1) if accepted and 0 < j <= self.formulas.highest]
        norms = self.numbers(*(self.norm(table[j + 1] * self.weight) for j in neighbours)) if neighbours else ()
        ratios = {k: ratio, **{j: error[j] * norm for j, norm in zip(neighbours, norms, strict=True)}}
        factors = {j: max(r, 1e-10) ** (-1 / (j + 1)) for j, r in ratios.items()}
        best = max(factors, key=factors.get)
        # 0.9, less when Newton's iteration was slow
        factor = 0.9 * (2 * MAX_ITERATIONS + 1) / (2 * MAX_ITERATIONS + self.iterations) * factors[best]
        if accepted and best == k and factor < WORTHWHILE:
            return 1.0
        self.order, self.equal_steps = best, 0
        return max(MIN_FACTOR, min(factor, MAX_FACTOR))

    def inside(self, theta):
        return self.polynomial(self.after[: self.order + 1], theta)

    def keep(self):
        return self.after[: self.order + 1] + 0.0

    def restep(self, t, y, h, kept):
        return lambda theta: self.polynomial(kept, theta)

    def polynomial(self, table, theta):
        """The state at θ from the differences (k + 1, d) at the end of the step."""
        return table[0] + self.constant(weights_at(len(table) - 1, theta)) @ table[1:]

    def count(self):
        return {**super().count(), "njev": self.jacobian.njev + self.exact.njev}


def of(method):
    return BackwardDifferences
