"""Wrong answers to the exercises of lesson 06."""

import numpy as np
from exercises.ex06 import augmented_wrongly, gradient_of_times, heun_back, observed_wrongly


def step(**how):
    """An answer to step_back with one mistake."""
    return lambda jac, t, a, h: heun_back(jac, t, a, h, **how)


def step_in_place(jac, t, a, h):
    k1 = -jac(t).T @ a
    k2 = -jac(t - h).T @ (a - h * k1)
    a -= h * (k1 + k2) / 2
    return a


def step_with(formula):
    """An answer to step_back from a, h, the slope k1 and the Jacobian at t - h, or at another time."""
    return lambda jac, t, a, h: formula(jac, t, a, h, -jac(t).T @ a)


def augmented(**how):
    """An answer to augmented_field with one mistake."""
    return lambda vjp, dc_dx, d, t, z: augmented_wrongly(vjp, dc_dx, d, t, z, **how)


def augmented_in_place(vjp, dc_dx, d, t, z):
    z[:] = augmented_wrongly(vjp, dc_dx, d, t, z.copy())
    return z


def augmented_parts(vjp, dc_dx, d, t, z):
    f, a_x, a_theta = vjp(t, z[:d], z[d : 2 * d])
    return f, -a_x - dc_dx(z[:d]), -a_theta


def cost_at_a(vjp, dc_dx, d, t, z):
    f, a_x, a_theta = vjp(t, z[:d], z[d : 2 * d])
    return np.concatenate([f, -a_x - dc_dx(z[d : 2 * d]), -a_theta])


def cost_in_vjp(vjp, dc_dx, d, t, z):
    x, a = z[:d], z[d : 2 * d]
    f, a_x, _ = vjp(t, x, a)
    return np.concatenate([f, -a_x - dc_dx(x), -vjp(t, x, a + dc_dx(x))[2]])


def without_g(vjp, dc_dx, d, t, z):
    return augmented_wrongly(vjp, dc_dx, d, t, z)[: 2 * d]


def looks(**how):
    """An answer to observed with one mistake."""
    return lambda back, times, states, dL_dx, p: observed_wrongly(back, times, states, dL_dx, p, **how)


def after(change):
    """An answer to observed whose right result is changed at the end."""
    return lambda back, times, states, dL_dx, p: change(*observed_wrongly(back, times, states, dL_dx, p))


def all_at_the_end(back, times, states, dL_dx, p):
    _, a, g = back(times[-1], 0.0, states[-1], dL_dx.sum(axis=0), np.zeros(p))
    return a, g


def forward_in_time(back, times, states, dL_dx, p):
    a, g = np.zeros_like(states[-1]), np.zeros(p)
    for i in range(len(times)):
        a = a + dL_dx[i]
        _, a, g = back(times[i - 1] if i > 0 else 0.0, times[i], states[i], a, g)
    return a, g


def always_back(back, times, states, dL_dx, p):
    a, g = np.zeros_like(states[-1]), np.zeros(p)
    for i in reversed(range(len(times))):
        _, a, g = back(times[i], times[i - 1] if i > 0 else 0.0, states[i], a + dL_dx[i], g)
    return a, g


def from_row(row):
    """An answer to observed whose legs start at the wrong row of states."""
    return lambda back, times, states, dL_dx, p: observed_wrongly(
        back, times, np.array([states[row(i)] for i in range(len(times))]), dL_dx, p
    )


def to_0_each_time(back, times, states, dL_dx, p):
    a, g = np.zeros_like(states[-1]), np.zeros(p)
    for i in reversed(range(len(times))):
        a = a + dL_dx[i]
        if times[i] > 0:
            _, a, g = back(times[i], 0.0, states[i], a, g)
    return a, g


def rows_in_place(back, times, states, dL_dx, p):
    g = np.zeros(p)
    for i in reversed(range(len(times))):
        end = times[i - 1] if i > 0 else 0.0
        if times[i] > end:
            _, dL_dx[i], g = back(times[i], end, states[i], dL_dx[i], g)
        if i > 0:
            dL_dx[i - 1] += dL_dx[i]
    return dL_dx[0], g


WRONG = {
    "step_back": {
        "sign": (step(sign=1), "The sign is turned: a' = -Jᵀ a"),
        "no transpose": (step(transpose=False), "J without its transpose"),
        "forward": (step(step=1), "This goes forward, to t + h"),
        "two signs": (step(step=1, sign=1), "second J is taken at t + h, beyond the end"),
        "Euler": (step(both=False), "This is Euler's step"),
        "J(t) twice": (step(later=False), "Your second slope uses J(t) again"),
        "sign and transpose": (step(sign=1, transpose=False), "The sign is turned, and the transpose"),
        "from a + h k1": (
            step_with(lambda jac, t, a, h, k1: a - h * (k1 - jac(t - h).T @ (a + h * k1)) / 2),
            "starts from a + h k1",
        ),
        "beyond the end": (
            step_with(lambda jac, t, a, h, k1: a - h * (k1 - jac(t + h).T @ (a - h * k1)) / 2),
            "second J is taken at t + h, beyond the end",
        ),
        "sum": (
            step_with(lambda jac, t, a, h, k1: a - h * (k1 - jac(t - h).T @ (a - h * k1))),
            "The two slopes are added",
        ),
        "slope": (
            step_with(lambda jac, t, a, h, k1: (k1 - jac(t - h).T @ (a - h * k1)) / 2),
            "This is the average slope only",
        ),
        "a twice": (
            step_with(lambda jac, t, a, h, k1: a - h * (k1 - jac(t - h).T @ a) / 2),
            "Your second slope uses a itself",
        ),
        "second transpose": (
            step_with(lambda jac, t, a, h, k1: a - h * (k1 - jac(t - h) @ (a - h * k1)) / 2),
            "The second Jacobian lacks its transpose",
        ),
        "midpoint": (
            step_with(lambda jac, t, a, h, k1: a + h * jac(t - h / 2).T @ (a - h / 2 * k1)),
            "This is the midpoint method",
        ),
        "J(t - h) twice": (
            lambda jac, t, a, h: heun_back(lambda s: jac(t - h), t, a, h),
            "Both slopes use J(t - h)",
        ),
        "implicit": (
            lambda jac, t, a, h: np.linalg.solve(np.eye(len(a)) - h / 2 * jac(t - h).T, a + h / 2 * jac(t).T @ a),
            "the adjoint at t - h is off",
        ),
        "zeros": (lambda jac, t, a, h: np.zeros_like(a), "the adjoint at t - h is off"),
        "unchanged": (lambda jac, t, a, h: a, "the adjoint at t - h is off"),
        "for d = 3 only": (
            lambda jac, t, a, h: np.array([heun_back(jac, t, a, h)[i] for i in range(3)]),
            "raised IndexError",
        ),
        "h fixed": (lambda jac, t, a, h: heun_back(jac, t, a, 0.1), "the adjoint at t - h is off"),
        "a matrix": (lambda jac, t, a, h: np.eye(len(a)) + h * jac(t).T, "the adjoint at t - h has shape (3, 3)"),
        "in place": (step_in_place, "changed a itself"),
    },
    "augmented_field": {
        "sign of a'": (augmented(a=1), "a' has the wrong sign: a' = -(∂f/∂x)ᵀ a"),
        "sign of g'": (augmented(g=1), "g' has the wrong sign"),
        "no running cost": (augmented(c=0), "The running cost is missing"),
        "sign of the cost": (augmented(c=1), "The running cost has the wrong sign"),
        "both parts of a'": (augmented(a=1, c=1), "a' has the wrong sign in both parts"),
        "a' and g'": (augmented(a=1, g=1), "a' and g' both have the wrong sign"),
        "a', g', cost": (augmented(a=1, g=1, c=1), "a' and g' have the wrong sign, all of it"),
        "g' and cost": (augmented(g=1, c=1), "and so has the running cost"),
        "autonomous": (lambda vjp, dc_dx, d, t, z: augmented_wrongly(vjp, dc_dx, d, 0.0, z), "dz/dt is off"),
        "half the cost": (augmented(c=-0.5), "dz/dt is off"),
        "-f": (augmented(x=-1), "x' is f, not -f"),
        "-f and cost": (augmented(x=-1, c=1), "but x' is -f"),
        "cost in g'": (cost_in_vjp, "dz/dt is off"),
        "time reversed": (augmented(x=-1, a=1, g=1, c=1), "All signs are turned"),
        "a' first": (augmented(order=(1, 0, 2)), "yours returns a' first"),
        "g' second": (augmented(order=(0, 2, 1)), "another order"),
        "a and x swapped": (augmented(swapped=True), "You took the first d numbers for a"),
        "a first throughout": (augmented(swapped=True, order=(1, 0, 2)), "for a, and return a' first"),
        "cost in x'": (augmented(early=True), "belongs to a', not to x'"),
        "cost of a": (cost_at_a, "dz/dt is off"),
        "a tuple": (augmented_parts, "dz/dt is a tuple"),
        "without g'": (without_g, "dz/dt has shape"),
        "zeros": (lambda vjp, dc_dx, d, t, z: np.zeros_like(z), "dz/dt is off"),
        "in place": (augmented_in_place, "changed z itself"),
    },
    "observed": {
        "overwritten": (looks(add=False), "a is overwritten at an observation"),
        "wrong side": (looks(early=True), "The jumps are on the wrong side"),
        "not to 0": (looks(to_0=False), "The walk stops at the first observation"),
        "g from 0": (looks(g_added=False), "g starts from 0 in every leg"),
        "subtracted": (looks(sign=-1.0), "The jumps are subtracted"),
        "no last": (looks(first=False), "The last observation is missing"),
        "only the last": (looks(only_end=True), "Only the last observation is used"),
        "all at the end": (all_at_the_end, "added at the last observation"),
        "nothing at 0": (looks(at_0=False), "An observation at time 0"),
        "g halved": (after(lambda a, g: (a, g / 2)), "dL/dθ is off"),
        "three observations only": (
            lambda back, times, states, dL_dx, p: observed_wrongly(back, times[:3], states[:3], dL_dx[:3], p),
            "dL/dx0 is off",
        ),
        "g negated": (after(lambda a, g: (a, -g)), "dL/dθ has the opposite sign"),
        "both negated": (after(lambda a, g: (-a, -g)), "dL/dx0 has the opposite sign"),
        "swapped": (after(lambda a, g: (g, a)), "dL/dx0 has shape"),
        "only a": (after(lambda a, g: a), "2 things are returned"),
        "zeros": (after(lambda a, g: (0 * a, 0 * g)), "dL/dx0 is off"),
        "always back": (always_back, "an observation at time 0 needs no walk"),
        "states[0]": (from_row(lambda i: 0), "Yours starts at another row"),
        "states[i - 1]": (from_row(lambda i: i - 1), "Yours starts at states[i - 1]"),
        "to 0 each time": (to_0_each_time, "dL/dx0 is off"),
        "forward in time": (forward_in_time, "It goes from the later to the earlier"),
        "in place": (rows_in_place, "changed dL_dx itself"),
    },
    "gradient_of_times": {
        "no minus": (lambda f, t0, T, x0, xT, a0, aT: (a0 @ f(t0, x0), aT @ f(T, xT)), "dL/dt0 has the wrong sign"),
        "both signs": (lambda f, t0, T, x0, xT, a0, aT: (a0 @ f(t0, x0), -aT @ f(T, xT)), "Both signs are turned"),
        "minus at T": (lambda f, t0, T, x0, xT, a0, aT: (-a0 @ f(t0, x0), -aT @ f(T, xT)), "dL/dT has the wrong"),
        "swapped": (
            lambda f, t0, T, x0, xT, a0, aT: gradient_of_times.reference(f, t0, T, x0, xT, a0, aT)[::-1],
            "swapped",
        ),
        "aT at t0": (lambda f, t0, T, x0, xT, a0, aT: (-aT @ f(t0, x0), aT @ f(T, xT)), "takes the adjoint at t0"),
        "a0 at T": (lambda f, t0, T, x0, xT, a0, aT: (-a0 @ f(t0, x0), a0 @ f(T, xT)), "takes the adjoint at T"),
        "f at the end": (lambda f, t0, T, x0, xT, a0, aT: (-a0 @ f(T, xT), aT @ f(T, xT)), "takes f at the start"),
        "f at the start": (lambda f, t0, T, x0, xT, a0, aT: (-a0 @ f(t0, x0), aT @ f(t0, x0)), "takes f at the end"),
        "clock": (lambda f, t0, T, x0, xT, a0, aT: (-a0 @ f(t0, x0), aT @ f(t0, xT)), "f depends on t"),
        "exchanged": (lambda f, t0, T, x0, xT, a0, aT: (-aT @ f(t0, x0), a0 @ f(T, xT)), "adjoints are exchanged"),
        "opposites of the start": (
            lambda f, t0, T, x0, xT, a0, aT: (-a0 @ f(t0, x0), a0 @ f(t0, x0)),
            "not the opposite of dL/dt0",
        ),
        "opposites": (lambda f, t0, T, x0, xT, a0, aT: (-aT @ f(T, xT), aT @ f(T, xT)), "not the opposite of dL/dT"),
        "vectors": (lambda f, t0, T, x0, xT, a0, aT: (-a0 * f(t0, x0), aT * f(T, xT)), "dL/dt0 has shape (3,)"),
        "one number": (lambda f, t0, T, x0, xT, a0, aT: aT @ f(T, xT), "2 things are returned"),
        "zeros": (lambda f, t0, T, x0, xT, a0, aT: (0.0, 0.0), "dL/dt0 is off"),
        "only the duration": (lambda f, t0, T, x0, xT, a0, aT: (0.0, aT @ f(T, xT)), "dL/dt0 is off"),
    },
}
