"""Gradients through a solve, four ways, on NumPy arrays with autograd's vjps (built in lessons 05, 06 and 07).

A vjp takes dL/dy at the outputs and returns dL/dy0, dL/dparams and dL/dt. The state's adjoint a(t) = dL/dy(t) is a
row of partial derivatives, kept as an array of y's shape; a vjp of f by a is (∂f/∂y)ᵀ a.

    backprop      autograd records every operation of the solve: O(steps · stages) memory, exact
    checkpoint    (t, h, y) of each step are kept, and one step at a time is repeated and differentiated: exact
    adjoint       a' = −(∂f/∂y)ᵀ a is solved backward together with y itself: O(1) memory (Chen et al. 2018)
    interpolated  the same along the dense output of the forward solve

Exact means: of the steps that were taken, with their sizes held.
"""

from typing import Any, NamedTuple

import numpy as np
from autograd.misc import flatten

from nodekit import methods
from nodekit.gradients import on_the_way_back, warn_if_lost
from nodekit.numpy_backend.explicit import ExplicitRungeKutta
from nodekit.private_autograd import make_vjp
from nodekit.solution import SolveError
from nodekit.solve import solve
from nodekit.stepping import control, loop
from nodekit.stepping.breaks import before, pieces
from nodekit.stepping.control import CONTROLLERS

__all__ = ["Gradients", "solve_and_vjp"]


class Gradients(NamedTuple):
    """dL/dy0 of y0's shape, dL/dparams in the nesting of params, dL/dt (n,) one for every output time.

    nfev: evaluations of f that the way back cost; a vjp of f counts as one.
    """

    y0: np.ndarray
    params: Any
    t: np.ndarray
    nfev: int


def solve_and_vjp(f, y0, t, params=(), gradient="checkpoint", method="dopri5", adjoint_method="dopri5", **arguments):
    """Solve y' = f(t, y, params), and return (solution, vjp).

    vjp(dL_dy) takes an array of sol.y's shape and returns `Gradients`.

    f: f(t, y, params) -> dy/dt in autograd's NumPy. y0: array of any shape. t: (t0, t1) or output times. params: any
    nesting of lists, tuples, dicts and arrays. gradient: "backprop", "checkpoint", "adjoint" or "interpolated".
    method: Runge–Kutta; an implicit one is differentiated by the implicit function theorem ("checkpoint"), or not by
    recording ("backprop" is for explicit methods). adjoint_method: explicit; the way back of the last two.
    The rest goes to `nodekit.solve`; the way back uses the same rtol and atol.

    Raises ValueError for an unknown gradient, or a method it cannot be had of; SolveError as solve does.
    Source: R. T. Q. Chen et al., "Neural ordinary differential equations", 2018, algorithm 1.
    """
    if gradient not in GRADIENTS:
        raise ValueError(f"gradient={gradient!r} is not known. Choose one of: {', '.join(GRADIENTS)}.")
    method = methods.get(method)
    if method.family not in ("explicit", "implicit") or (gradient == "backprop" and method.family == "implicit"):
        raise ValueError(f"gradient={gradient!r} cannot be had of method={method.name!r}: see the docstring.")
    y0 = np.asarray(y0, float)
    vector, unflatten = flatten(params)

    def g(t, y, p):
        return f(t, y, unflatten(p))

    def run(y0, p):
        return solve(lambda t, y: g(t, y, p), y0, t, method=method, **arguments)

    sol = run(y0, vector)
    if gradient == "backprop":
        recorded_vjp, _ = make_vjp(lambda both: run(*both).y, (y0, vector))
    # A tolerance for every number of y counts, on the way back, as its smallest.
    settings = {name: float(np.min(arguments.get(name, x))) for name, x in (("rtol", 1e-6), ("atol", 1e-9))}

    def vjp(dy):
        """(dL/dy0, dL/dp, evaluations of f)."""
        if gradient == "backprop":
            return *recorded_vjp(dy), 0
        return GRADIENTS[gradient](g, sol, vector, dy, method, methods.get(adjoint_method), settings)

    def full_vjp(dL_dy):
        dy0, dp, nfev = vjp(np.asarray(dL_dy, float))
        # A later output time moves the output along f; a later start moves the whole solution back by f.
        breaks = sol._dense.stepper.breaks
        slopes = [g(before(breaks, t_i), y_i, vector) for t_i, y_i in zip(sol.t.tolist(), sol.y, strict=True)]
        dt = np.array([np.sum(a * k) for a, k in zip(dL_dy, slopes, strict=True)])
        dt[0] -= np.sum(dy0 * slopes[0])
        return Gradients(dy0, unflatten(dp), dt, nfev)

    return sol, full_vjp


def checkpoint(g, sol, p, dy, method, adjoint_method, settings):
    """The exact adjoint of the steps that were taken, one step at a time from the last to the first."""
    path, dp, nfev = sol._dense, np.zeros_like(p), 0
    shape, a = sol.y.shape[1:], np.zeros(sol.y[0].size)
    todo = len(sol.t) - 1
    for i in reversed(range(len(path.sizes))):
        t, h, y = path.begin(i), path.sizes[i], path.state(i)
        inside = []  # outputs within this step, or at its end: (theta, dL/dy)
        while todo > 0 and abs(sol.t[todo] - t) > 0 and (sol.t[todo] - t) * h > 0:
            theta = min((sol.t[todo] - t) / h, 1.0)
            inside.append((theta, dy[todo].reshape(-1)))
            todo -= 1
        a, dp_step, evaluations = step_vjp(g, t, y, h, path.kept[i], p, shape, method, a, inside)
        dp, nfev = dp + dp_step, nfev + evaluations
    return (a + dy[0].reshape(-1)).reshape(shape), dp, nfev


def step_vjp(g, t, y, h, k, p, shape, method, a, inside):
    """The vjp of one Runge–Kutta step: (dL/dy, dL/dp, evaluations). a: dL/dy1 (d,); inside: (theta, dL/dy(theta)).

    With Y_i = y + h Σ a_ij k_j and k_i = f(Y_i), the adjoints κ_i = dL/dk_i solve
    κ_i = h (b_i a + Σ b_i(θ) g_θ) + h Σ_j a_ji J_jᵀ κ_j, and dL/dy = a + Σ g_θ + Σ_j J_jᵀ κ_j. For an explicit method
    that is one stage after the other, the last first; for an implicit one it is a linear system.
    Source: W. Hager, "Runge–Kutta methods in optimal control", Numer. Math. 87, 2000.
    """
    rows = [*method.a, *(row.a for row in method.dense_rows)] if any(th < 1 for th, _ in inside) else [*method.a]
    nodes = [*method.c, *(row.c for row in method.dense_rows)][: len(rows)]
    s = len(rows)
    weights = np.zeros((s, s))
    for i, row in enumerate(rows):
        weights[i, : len(row)] = row
    vjps, slopes = [], [] if k is None else list(k)
    for i in range(s):
        Y = y + h * sum((w * k_j for w, k_j in zip(weights[i], slopes, strict=False) if w), np.zeros_like(y))
        vjp, k_i = make_vjp(lambda both, i=i: g(t + nodes[i] * h, both[0].reshape(shape), both[1]).reshape(-1), (Y, p))
        vjps.append(vjp)
        if k is None:
            slopes.append(k_i)
    b = np.zeros(s)
    b[: len(method.b)] = method.b
    direct, dL_dy = np.outer(h * b, a), a.copy()
    for theta, da in inside:
        b_theta = b if theta == 1 else np.array(method.weights_at(theta))
        direct, dL_dy = direct + np.outer(h * b_theta, da), dL_dy + da
    dp, evaluations = np.zeros_like(p), s
    if k is not None:  # implicit: all κ at once
        J = np.array([[vjp(e)[0] for e in np.eye(y.size)] for vjp in vjps])  # (s, d, d): row e of J_j
        system = np.eye(s * y.size) - h * np.einsum("ji,jkl->iljk", weights, J).reshape(s * y.size, -1)
        direct = np.linalg.solve(system, direct.reshape(-1)).reshape(s, -1)
        evaluations += s * y.size
    for i in reversed(range(s)):
        dY, dp_i = vjps[i](direct[i])
        dL_dy, dp = dL_dy + dY, dp + dp_i
        if k is None:
            direct[:i] += h * np.outer(weights[i, :i], dY)
    return dL_dy, dp, evaluations + s


class AdjointSteps(ExplicitRungeKutta):
    """Steps of the way back, from later to earlier times. a jumps by dL/dy at the time of each output.

    A step need not end there: the problem is linear in a, so that what the outputs within a step add to its end is
    computed apart, by one `step_vjp` over the same interval, however many they are.
    """

    def __init__(self, f, z, method, settings, times, jumps, carry, adjoint):
        super().__init__(f, z, method, settings["rtol"], settings["atol"], False)
        self.shorter, self.jumped = None, False  # of the attempt last made: what to take in its place, if it jumped
        self.jump_times, self.jumps, self.carry, self.adjoint = times, jumps, carry, adjoint

    def attempt(self, t, z, h):
        passed = (self.jump_times < t) & (self.jump_times >= t + h)
        self.shorter = self.up_to_a_large_jump(t, z, h, passed)
        if self.shorter:
            self.led_to(t, z, h, z)
            return z, 2.0  # refused without an evaluation
        z1, ratio = super().attempt(t, z, h)
        self.jumped = ratio <= 1 and passed.any()
        if self.jumped:
            z1 = z1 + self.carry(t, h, z1, self.jump_times[passed], self.jumps[passed])
            self.led_to(t, z, h, z1)
            self.size1 = np.abs(z1)
        return z1, ratio

    def up_to_a_large_jump(self, t, z, h, passed):
        """Part of h that just passes the first jump larger than a itself, or None.

        What a jump within a step adds has the relative error of the step: little, but only beside an a of its size.
        """
        large = passed & (np.linalg.norm(self.jumps, axis=1) > np.linalg.norm(z[self.adjoint]))
        if not large.any():
            return None
        part = (self.jump_times[large].max() - t) / h * (1 + 1e-9)
        return part if part < 0.999 else None

    def factor(self, ratio, accepted):
        return None if accepted else self.shorter

    def reject(self):
        if not self.shorter:
            super().reject()

    def accept(self):
        super().accept()
        if self.jumped:
            self.forget_slope()


def adjoint(g, sol, p, dy, method, adjoint_method, settings, path=None):
    """a' = −(∂f/∂y)ᵀ a and (dL/dp)' = −(∂f/∂p)ᵀ a, solved backward in one sweep, with y solved backward too.

    path: a function of t that gives y, instead of solving for it. Between breakpoints there is a sweep for each piece,
    the last first. Derived in lesson 06.
    """
    shape, d = sol.y.shape[1:], sol.y[0].size
    t, dy = np.asarray(sol.t, float), dy.reshape(len(dy), d)
    sign = np.sign(t[-1] - t[0])  # we sweep over s = sign·t, from its largest value down
    n = d if path is None else 0  # z is (y, a, dL/dp), or (a, dL/dp) where y is known
    z = np.concatenate([sol.y[-1].reshape(-1)[:n], np.zeros(d), np.zeros_like(p)])
    nfev, h = 0, None

    def state(s, z):
        return z[:d].reshape(shape) if path is None else path(sign * s)

    def field(s, z):
        vjp, k = make_vjp(lambda both: g(sign * s, *both), (state(s, z), p))
        a_y, a_p = vjp(z[n : n + d].reshape(shape))
        return sign * np.concatenate([k.reshape(-1)[:n], -a_y.reshape(-1), -a_p])

    def carry(s, h, z1, times, jumps):
        nonlocal nfev
        inside = list(zip((times - s - h) / -h, jumps, strict=True))
        start, t = state(s + h, z1).reshape(-1), sign * (s + h)
        size, _ = control.end_on(t, -sign * h, sign * s)  # t - (-h) may round past s, and so past a breakpoint
        a, dp, evaluations = step_vjp(g, t, start, size, None, p, shape, adjoint_method, np.zeros(d), inside)
        nfev += evaluations
        return np.concatenate([np.zeros(n), a, dp])

    a, times = slice(n, n + d), sign * t
    for t0, t1, first, last in reversed(pieces(sol._dense.stepper.breaks, float(t[0]), float(t[-1]))):
        z[a] += dy[t == t1].sum(0)
        inner = (times > sign * t0) & (times < sign * t1) & dy.any(axis=1)
        swept = loop.integrate(
            AdjointSteps(field, z, adjoint_method, settings, times[inner], dy[inner], carry, a),
            z, [sign * last, sign * first],
            step=None, first_step=h, max_step=np.inf, max_steps=100_000, controller=CONTROLLERS["predictive"],
        )  # fmt: skip
        if not swept.success:
            raise SolveError(on_the_way_back(swept, "interpolated" if path else "adjoint"))
        z, nfev, taken = swept.y[-1].copy(), nfev + swept.stats.nfev, swept.steps
        h = np.abs(taken.h[taken.accepted]).max(initial=0.0) or None  # the last step may be a short one
    if path is None:
        y0 = sol.y[0].reshape(-1)
        off, size = np.abs(z[:d] - y0).max(), max(np.abs(y0).max(), np.abs(sol.y[-1]).max())
        warn_if_lost((off, size), settings["rtol"], "adjoint")
    return (z[a] + dy[0]).reshape(shape), z[n + d :], nfev


def interpolated(g, sol, p, dy, method, adjoint_method, settings):
    """The adjoint along the dense output of the forward solve: no y is solved backward, so none can go astray."""
    return adjoint(g, sol, p, dy, method, adjoint_method, settings, path=sol)


GRADIENTS = {"backprop": None, "checkpoint": checkpoint, "adjoint": adjoint, "interpolated": interpolated}
