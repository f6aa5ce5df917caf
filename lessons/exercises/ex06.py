"""Lesson 06, The adjoint, derived: two predictions, four exercises and the quiz.

An adjoint a is a column here as in the lesson, kept as an array (d,). vjp(t, x, a) returns three arrays, all taken at
(t, x): f (d,), (∂f/∂x)ᵀ a (d,) and (∂f/∂θ)ᵀ a (p,).
"""

import numpy as np

from exercises import ex05
from nodekit.classroom.checks import Exercise, Wrong, as_array, gradient_matches, rk4, same_values, several, slope
from nodekit.classroom.quiz import Prediction, Question, Quiz

first_guess = Prediction(
    "All solutions of x' = -x decay. The loss is the state at the end, L = x(T), so at T itself a nudge is worth "
    "a(T) = 1. Now go back in time from T to 0. The state was larger there, by the factor exp(T - t). What is a nudge "
    "at the time t worth, a(t)?",
    {
        "a": "The earlier, the more: a(t) = exp(T - t), as backward in time everything grows.",
        "b": "The earlier, the less: a(t) = exp(-(T - t)).",
        "c": "It is worth 1 at all times, because a nudge of x(t) is a nudge of x(T).",
        "d": "It changes its sign on the way back, because the slope -x has a minus.",
    },
    answer="b",
    explain={
        "a": "A nudge at time t decays until T, by exp(-(T - t)). The earlier the nudge, the less is left of it.",
        "b": "A nudge at time t is multiplied by exp(-(T - t)) until T, and that factor is what it is worth.",
        "c": "A nudge of x(t) reaches T through the flow, and it decays on the way as the state does.",
        "d": "If you nudge x(t) up, x(T) goes up: a is positive at all times. The minus makes the nudge decay.",
    },
)

second_guess = Prediction(
    "The loss looks at the state twice: L = l1(x(t1)) + l2(x(t2)) with 0 < t1 < t2. Let b(t) be the adjoint of l2 "
    "alone. What is the adjoint of L between t1 and t2, and what is it before t1?",
    {
        "a": "b(t) in between; before t1 something else, and a jumps at t1.",
        "b": "b(t) plus the gradient of l1, everywhere.",
        "c": "The same b(t) on both sides: the loss at t1 only adds a constant.",
        "d": "In between something else, before t1 b(t): l1 acts from t1 on.",
    },
    answer="a",
    explain={
        "a": "A nudge after t1 cannot change x(t1). A nudge before it does, so the gradient of l1 comes in at t1.",
        "b": "A nudge after t1 comes too late for l1. And before t1 the gradient of l1 must be carried back first.",
        "c": "l1 depends on x(t1), and x(t1) depends on every earlier state.",
        "d": "It is the other way round: a nudge acts on what comes later, so l1 is felt before t1.",
    },
)


def tanh_field(seed, d=3, m=4):
    """Lesson 05's field: f(t, x, theta), vjp(t, x, theta, a), which returns f too, a start (d,), theta (p,)."""
    f, back, x0, theta = ex05.tanh_field(seed, d, m)

    def vjp(t, x, theta, a):
        return f(t, x, theta), *back(t, x, theta, a)

    return f, vjp, x0, 0.8 * theta


def integrate(field, z, t0, t1, n=60):
    """z at t1, from z at t0, by n steps of RK4; t1 may lie before t0."""
    h = (t1 - t0) / n
    for i in range(n):
        z = rk4(field, t0 + i * h, z, h)
    return z


def arrays(value, names):
    """The returned arrays, one for each name; Wrong if one is none."""
    return [as_array(part, name) for part, name in zip(several(value, names), names, strict=True)]


def named_mistake(got, expected, mistakes, tol=1e-9):
    """Raise Wrong with the words of the mistake that all of `got` equals, unless it is the right answer too."""

    def near(ones, others):
        return all(
            np.shape(a) == np.shape(b) and np.allclose(a, b, tol, tol) for a, b in zip(ones, others, strict=True)
        )

    for words, wrong in mistakes.items():
        if near(got, wrong) and not near(wrong, expected):
            raise Wrong(words)


# ---- 1 -------------------------------------------------------------------------------------------------


def step_back(jac, t, a, h):
    """One step of Heun's method for the adjoint a' = -J(t)ᵀ a, backward from t to t - h.

    jac: function t -> J (d, d), the Jacobian ∂f/∂x along the solution. t, h: float, h > 0. a: (d,), the adjoint at t.
    Returns the adjoint at t - h: (d,).
    """
    k1 = -jac(t).T @ a
    k2 = -jac(t - h).T @ (a - h * k1)
    return a - h * (k1 + k2) / 2


def heun_back(jac, t, a, h, sign=-1, transpose=True, step=-1, both=True, later=True):
    """`step_back` with one mistake."""

    def slope_of(t, a):
        return sign * ((jac(t).T if transpose else jac(t)) @ a)

    k1 = slope_of(t, a)
    k2 = slope_of(t + step * h if later else t, a + step * h * k1)
    return a + step * h * ((k1 + k2) / 2 if both else k1)


def check_step_back(step_back):
    cases = []
    for seed, (d, h) in enumerate(((3, 0.1), (2, 0.25), (4, 0.1), (1, 0.3), (3, 0.05), (5, 0.1))):
        rng = np.random.default_rng(600 + seed)
        A, B = rng.normal(size=(2, d, d))
        a, t = rng.normal(size=d), rng.uniform(1.0, 2.0)

        def jac(t, A=A, B=B):
            return A + np.sin(2 * t) * B

        expected = heun_back(jac, t, a, h)
        got = as_array(step_back(jac, t, a, h), "the adjoint at t - h")
        mistakes = {
            "The sign is turned: a' = -Jᵀ a, and h goes backward too. Near t, a(t - h) is a + h Jᵀ a.": {"sign": 1},
            "J without its transpose. A column a goes back through Jᵀ.": {"transpose": False},
            "This goes forward, to t + h. Backward the step is -h, in a and in the time.": {"step": 1},
            "The signs agree, but your second J is taken at t + h, beyond the end. Backward it is t - h.": {
                "step": 1,
                "sign": 1,
            },
            "This is Euler's step, of order 1. Heun averages the slope at t with one at t - h.": {"both": False},
            "Your second slope uses J(t) again. It is taken at t - h.": {"later": False},
            "The sign is turned, and the transpose is missing.": {"sign": 1, "transpose": False},
        }
        named_mistake([got], [expected], {words: [heun_back(jac, t, a, h, **how)] for words, how in mistakes.items()})
        k1 = -jac(t).T @ a
        k2 = -jac(t - h).T @ (a - h * k1)
        swapped = {
            "The second slope starts from a + h k1. A step backward starts it from a - h k1.": a
            - h * (k1 - jac(t - h).T @ (a + h * k1)) / 2,
            "The two slopes are added: Heun follows their average.": a - h * (k1 + k2),
            "This is the average slope only. The step goes from a.": (k1 + k2) / 2,
            "Your second slope uses a itself. It is taken at Euler's point, a - h k1.": a
            - h * (k1 - jac(t - h).T @ a) / 2,
            "The second Jacobian lacks its transpose.": a - h * (k1 - jac(t - h) @ (a - h * k1)) / 2,
            "This is the midpoint method. Heun averages the slope at t with one at t - h.": a
            + h * jac(t - h / 2).T @ (a - h / 2 * k1),
            "Both slopes use J(t - h). The first is taken at t.": heun_back(lambda s, t=t, h=h: jac(t - h), t, a, h),
        }
        same_values(got, expected, 1e-12, "the adjoint at t - h", swapped)
        cases.append((jac, a))
    sizes, errors = 1 / np.array([16, 32, 64, 128]), []
    for h in sizes:
        ends = []
        for jac, a in cases:
            end = a
            for i in range(round(1 / h)):
                end = step_back(jac, 1 - i * h, end, h)
            exact = integrate(lambda t, a, jac=jac: -jac(t).T @ a, a, 1.0, 0.0, 400)
            ends.append(np.linalg.norm(end - exact) / np.linalg.norm(exact))
        errors.append(np.sqrt(np.mean(np.square(ends))))
    return f"Order {slope(sizes, errors):.2f} on 6 random adjoint equations, in 1 to 5 dimensions."


step_back = Exercise(
    step_back,
    check_step_back,
    hints=(
        "It is Heun's step of lesson 03, for the field -J(t)ᵀ a, with the step size -h.",
        "k1 = -jac(t).T @ a. The second slope is at the time t - h, and at Euler's point there, a - h * k1.",
        "k2 = -jac(t - h).T @ (a - h * k1), and then: return a - h * (k1 + k2) / 2.",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def observed(back, times, states, dL_dx, p):
    """The gradient of a loss that looks at the states at several times. The solution starts at time 0.

    back: function (t1, t0, x, a, g) -> x, a, g at t0 < t1, one solve of the augmented system from t1 to t0.
    times: (n,), increasing; the first may be 0. states: (n, d). dL_dx: (n, d), the partial derivative of the loss by
    each state, the others held. p: int, the number of parameters. Returns two arrays: dL/dx0 (d,), dL/dθ (p,).
    """
    a, g = np.zeros_like(states[-1]), np.zeros(p)
    for i in reversed(range(len(times))):
        a = a + dL_dx[i]
        end = times[i - 1] if i > 0 else 0.0
        if times[i] > end:
            _, a, g = back(times[i], end, states[i], a, g)
    return a, g


def observed_wrongly(back, times, states, dL_dx, p, *, add=True, early=False, to_0=True, g_added=True, sign=1.0,
                     first=True, only_end=False, at_0=True):  # fmt: skip
    """`observed` with one mistake."""
    n = len(times)
    a, g = np.zeros_like(states[-1]), np.zeros(p)
    for i in reversed(range(n)):
        if times[i] == 0 and not at_0:
            break
        jump = dL_dx[i] * (sign if i < n - 1 else 1.0) * (0.0 if only_end and i < n - 1 else 1.0)
        if i == n - 1 and not first:
            jump = 0.0 * jump
        if not early:
            a = a + jump if add else jump
        if (i > 0 or to_0) and times[i] > 0:
            _, a, g = back(times[i], times[i - 1] if i > 0 else 0.0, states[i], a, g if g_added else 0 * g)
        if early:
            a = a + jump
    return a, g


OBSERVED_MISTAKES = {
    "a is overwritten at an observation. It jumps: what came from later times stays, dL_dx[i] is added.": {
        "add": False
    },
    "The jumps are on the wrong side: dL_dx[i] is added at times[i], before the walk from there to times[i - 1].": {
        "early": True
    },
    "The walk stops at the first observation. The last leg goes from times[0] to 0.": {"to_0": False},
    "g starts from 0 in every leg. It is one integral over all of them: carry it on.": {"g_added": False},
    "The jumps are subtracted. Walking backward, dL_dx[i] is added.": {"sign": -1.0},
    "The last observation is missing: it is what a starts from.": {"first": False},
    "Only the last observation is used. a jumps at every one of them.": {"only_end": True},
    "An observation at time 0 needs no walk, but it has its jump: dL/dx0 = a(0) with it.": {"at_0": False},
}


LEG = 40  # steps of RK4 for one leg: so many that longer legs, or x carried on, come to the same to 1e-5


def check_observed(observed):
    worst = 0.0
    for seed, (n, d) in enumerate(((3, 3), (3, 2), (1, 4), (5, 3))):
        f, vjp, x0, theta = tanh_field(640 + seed, d)
        rng = np.random.default_rng(650 + seed)
        p = len(theta)
        times = np.cumsum(rng.uniform(0.2, 0.6, size=n)) - (0.0 if seed % 2 else 0.1)
        if n > 1:
            times[0] *= seed % 2  # an observation at time 0 in every second case
        weights = rng.normal(size=(n, d))

        def forward(x, theta, f=f, times=times):
            states, t = [x], 0.0
            for end in times:
                states.append(integrate(lambda t, x: f(t, x, theta), states[-1], t, end, LEG))
                t = end
            return np.array(states[1:])

        def back(t1, t0, x, a, g, vjp=vjp, theta=theta, d=d):
            if t1 == t0 == 0:
                raise Wrong(
                    "back was called from 0 to 0. It goes from the later to the earlier; an observation at time 0 "
                    "needs no walk, only its jump."
                )
            if not t1 > t0:
                raise Wrong(
                    f"back was called from t1 = {t1:.3g} to t0 = {t0:.3g}. It goes from the later to the earlier."
                )

            def field(t, z):
                slopes = vjp(t, z[:d], theta, z[d : 2 * d])
                return np.concatenate([slopes[0], -slopes[1], -slopes[2]])

            z = integrate(field, np.concatenate([x, a, g]), t1, t0, LEG)
            return z[:d], z[d : 2 * d], z[2 * d :]

        states = forward(x0, theta)
        dL_dx = weights + states
        expected = observed_wrongly(back, times, states, dL_dx, p)
        got = arrays(observed(back, times, states, dL_dx, p), ["dL/dx0", "dL/dθ"])
        right = all(g.shape == e.shape and np.allclose(g, e, 1e-5, 1e-5) for g, e in zip(got, expected, strict=True))
        if not right:  # each of these is a walk of its own: only where one of them is looked for
            named_mistake(got, expected, mistaken_walks(back, times, states, dL_dx, p), 1e-5)
        for value, best, name in zip(got, expected, ["dL/dx0", "dL/dθ"], strict=True):
            opposite = {f"{name} has the opposite sign. g already carries its minus on the way back.": -best}
            same_values(value, best, 1e-5, name, opposite)  # x may be carried on, or restarted

        direction = rng.normal(size=d + p)

        def loss(s, x0=x0, theta=theta, v=direction, d=d, weights=weights, forward=forward):
            states = forward(x0 + s * v[:d], theta + s * v[d:])
            return np.sum(weights * states + states**2 / 2)

        along = np.concatenate(got) @ direction  # one direction that holds all components
        worst = max(worst, gradient_matches(loss, along, np.array(0.0), 1e-5, "the gradient in a random direction"))
    return f"Both gradients agree with central differences on 4 random fields, 1 to 5 observations, to {worst:.0e}."


def mistaken_walks(back, times, states, dL_dx, p):
    """The words for a mistake -> what `observed` returns with it."""
    wrong = {w: observed_wrongly(back, times, states, dL_dx, p, **how) for w, how in OBSERVED_MISTAKES.items()}
    at_once = back(times[-1], 0.0, states[-1], dL_dx.sum(axis=0), np.zeros(p))[1:]
    wrong["All rows of dL_dx are added at the last observation. Each belongs to its own time."] = at_once
    rows = np.arange(len(times))
    for words, order in {
        "A leg back from times[i] starts at states[i], the state there. Yours starts at another row.": 0 * rows,
        "A leg back from times[i] starts at states[i]. Yours starts at states[i - 1].": rows - 1,
    }.items():
        wrong[words] = observed_wrongly(back, times, states[order], dL_dx, p)
    return wrong


observed = Exercise(
    observed,
    check_observed,
    hints=(
        "After the last observation a is 0. Walk back from one observation to the next, and from the first one to 0.",
        "At times[i]: first the jump, a = a + dL_dx[i], then the leg to times[i - 1]; from times[0] the leg to 0.",
        "for i in reversed(range(len(times))): the jump, then x, a, g = back(times[i], end, states[i], a, g).",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def augmented_field(vjp, dc_dx, d, t, z):
    """The right-hand side z' of the augmented system, for a loss with the running cost ∫ c(x(t)) dt.

    vjp: function (t, x, a) -> three arrays: f (d,), (∂f/∂x)ᵀ a (d,), (∂f/∂θ)ᵀ a (p,). dc_dx: function x -> (d,), the
    gradient of c. d: int. t: float. z: (2 d + p,), holds x, a, g, in this order. Returns dz/dt: (2 d + p,).
    """
    x, a = z[:d], z[d : 2 * d]
    f, a_x, a_theta = vjp(t, x, a)
    return np.concatenate([f, -a_x - dc_dx(x), -a_theta])


def augmented_wrongly(vjp, dc_dx, d, t, z, x=1, a=-1, g=-1, c=-1, order=(0, 1, 2), swapped=False, early=False):
    """`augmented_field` with one mistake."""
    state, adjoint = (z[d : 2 * d], z[:d]) if swapped else (z[:d], z[d : 2 * d])
    f, a_x, a_theta = vjp(t, state, adjoint)
    cost = c * dc_dx(state)
    parts = [x * f, a * a_x + (0 if early else cost), g * a_theta]
    if early:
        parts[0] = parts[0] + cost
    return np.concatenate([parts[i] for i in order])


AUGMENTED_MISTAKES = {
    "a' has the wrong sign: a' = -(∂f/∂x)ᵀ a - ∂c/∂x.": {"a": 1},
    "g' has the wrong sign. g is 0 at T and grows on the way back, so g' = -(∂f/∂θ)ᵀ a.": {"g": 1},
    "The running cost is missing in a'.": {"c": 0},
    "The running cost has the wrong sign. Walking backward, a collects +∂c/∂x, so a' holds -∂c/∂x.": {"c": 1},
    "a' has the wrong sign in both parts: a' = -(∂f/∂x)ᵀ a - ∂c/∂x.": {"a": 1, "c": 1},
    "a' and g' both have the wrong sign.": {"a": 1, "g": 1},
    "g' has the wrong sign, and so has the running cost in a'.": {"g": 1, "c": 1},
    "The signs of (∂f/∂x)ᵀ a and of g' are right, but x' is -f and the cost has the wrong sign.": {"x": -1, "c": 1},
    "a' and g' have the wrong sign, all of it.": {"a": 1, "g": 1, "c": 1},
    "x' is f, not -f. z' is the derivative by t, and a solver that steps backward changes no sign in it.": {"x": -1},
    "All signs are turned. z' is the derivative by t, and a solver that steps backward changes no sign in it.": {
        "x": -1, "a": 1, "g": 1, "c": 1
    },
    "z holds x, a, g: yours returns a' first.": {"order": (1, 0, 2)},
    "z holds x, a, g: yours returns them in another order.": {"order": (0, 2, 1)},
    "z holds x first, then a. You took the first d numbers for a.": {"swapped": True},
    "You took the first d numbers for a, and return a' first.": {"swapped": True, "order": (1, 0, 2)},
    "The running cost belongs to a', not to x'.": {"early": True},
}  # fmt: skip


def check_augmented_field(augmented_field):
    worst = 0.0
    for seed, (d, m) in enumerate(((3, 4), (2, 3), (4, 2), (1, 3))):
        f, vjp, x0, theta = tanh_field(620 + seed, d, m)
        rng = np.random.default_rng(630 + seed)
        p, T = len(theta), 1.2
        weights, t = rng.uniform(0.5, 1.5, size=d), rng.uniform(0.2, 1.0)

        def dc_dx(x, weights=weights):
            return weights * x

        def at_theta(t, x, a, vjp=vjp, theta=theta):
            return vjp(t, x, theta, a)

        z = rng.normal(size=2 * d + p)
        expected = augmented_wrongly(at_theta, dc_dx, d, t, z)
        got = as_array(augmented_field(at_theta, dc_dx, d, t, z), "dz/dt")
        wrong = {
            words: [augmented_wrongly(at_theta, dc_dx, d, t, z, **how)] for words, how in AUGMENTED_MISTAKES.items()
        }
        named_mistake([got], [expected], wrong)
        same_values(got, expected, 1e-12, "dz/dt")

        def loss(both, f=f, d=d, weights=weights, T=T):
            def with_cost(s, y):
                return np.append(f(s, y[:-1], both[d:]), 0.5 * weights @ y[:-1] ** 2)

            end = integrate(with_cost, np.append(both[:d], 0.0), 0.0, T)
            return end[0] + end[-1]

        xT = integrate(lambda t, x, f=f, theta=theta: f(t, x, theta), x0, 0.0, T)
        zT = np.concatenate([xT, np.eye(d)[0], np.zeros(p)])
        z0 = integrate(lambda t, z, v=at_theta, c=dc_dx, d=d: augmented_field(v, c, d, t, z), zT, T, 0.0)
        worst = max(worst, gradient_matches(loss, z0[d:], np.concatenate([x0, theta]), 1e-5, "the gradient at 0"))
    return f"Solved backward, it gives the gradient of an end plus a running cost on 4 random fields, to {worst:.0e}."


augmented_field = Exercise(
    augmented_field,
    check_augmented_field,
    hints=(
        "Take z apart into x and a; g does not appear on the right. Three derivatives by t: x', a', g'.",
        "x' = f. a' = -(∂f/∂x)ᵀ a - ∂c/∂x. g' = -(∂f/∂θ)ᵀ a, so that g grows from 0 on the way back.",
        "f, a_x, a_theta = vjp(t, z[:d], z[d:2*d]), then np.concatenate([f, -a_x - dc_dx(z[:d]), -a_theta]).",
    ),
)


# ---- 4 -------------------------------------------------------------------------------------------------


def gradient_of_times(f, t0, T, x0, xT, a0, aT):
    """How the loss L(x(T)) changes with the two times, when the solution starts at t0 from a given x0.

    f: function (t, x) -> (d,). t0, T: float. x0, xT: (d,), the states at t0 and T. a0, aT: (d,), the adjoints there.
    Returns two floats: dL/dt0, dL/dT.
    """
    return -a0 @ f(t0, x0), aT @ f(T, xT)


def check_gradient_of_times(gradient_of_times):
    worst = 0.0
    for seed, d in enumerate((3, 2, 4, 3, 5, 1)):
        f, vjp, x0, theta = tanh_field(660 + seed, d)
        rng = np.random.default_rng(670 + seed)
        t0, T = rng.uniform(0.1, 0.4), rng.uniform(1.0, 1.5)
        weights = rng.normal(size=d)

        def field(t, x, f=f, theta=theta):
            return f(t, x, theta)

        def adjoint(t, z, vjp=vjp, theta=theta, d=d):
            slopes = vjp(t, z[:d], theta, z[d:])
            return np.concatenate([slopes[0], -slopes[1]])

        def loss(times, field=field, x0=x0, weights=weights):
            return weights @ np.sin(integrate(field, x0, times[0], times[1]))

        xT = integrate(field, x0, t0, T)
        aT = weights * np.cos(xT)
        a0 = integrate(adjoint, np.concatenate([xT, aT]), T, t0)[d:]
        early, late = a0 @ f(t0, x0, theta), aT @ f(T, xT, theta)
        got = gradient_of_times(field, t0, T, x0, xT, a0, aT)
        if np.shape(got) == (2,):  # two numbers: an array of them will do
            got = tuple(np.asarray(got))
        got = arrays(got, ["dL/dt0", "dL/dT"])
        mistakes = {
            "dL/dt0 has the wrong sign: a solution that starts later is behind. At the start there is a minus.": (
                early, late
            ),
            "Both signs are turned.": (early, -late),
            "dL/dT has the wrong sign: at a later T the state has moved on along +f.": (-early, -late),
            "The two are swapped: return dL/dt0 first.": (late, -early),
            "dL/dt0 takes the adjoint at t0, not that at T: a nudge at the start must first travel to T.": (
                -aT @ f(t0, x0, theta), late
            ),
            "dL/dT takes the adjoint at T, not that at t0.": (-early, a0 @ f(T, xT, theta)),
            "The two adjoints are exchanged: a0 belongs to dL/dt0, aT to dL/dT.": (
                -aT @ f(t0, x0, theta), a0 @ f(T, xT, theta)
            ),
            "dL/dT is not the opposite of dL/dt0 here, as f depends on t.": (-early, early),
            "dL/dt0 takes f at the start, f(t0, x0).": (-a0 @ f(T, xT, theta), late),
            "dL/dT takes f at the end, f(T, xT).": (-early, aT @ f(t0, x0, theta)),
            "f depends on t: in dL/dT it is taken at T.": (-early, aT @ f(t0, xT, theta)),
            "dL/dt0 is not the opposite of dL/dT here, as f depends on t.": (-late, late),
        }  # fmt: skip
        named_mistake(got, (-early, late), mistakes)
        same_values(got[0], -early, 1e-10, "dL/dt0")
        same_values(got[1], late, 1e-10, "dL/dT")
        both = np.array([float(value) for value in got])
        worst = max(worst, gradient_matches(loss, both, np.array([t0, T]), 1e-5, "the gradient by (t0, T)"))
    return f"Both agree with central differences on 6 random fields, to {worst:.0e}."


gradient_of_times = Exercise(
    gradient_of_times,
    check_gradient_of_times,
    hints=(
        "If the end comes a little later, by how much does x(T) move? And what does the loss make of that?",
        "A solution that starts at t0 + δ from x0 is behind the old one, by δ f(t0, x0). A nudge at t0 is worth a0.",
        "dL/dT = aT @ f(T, xT). At the start the same with a minus, and everything taken at t0.",
    ),
)


# ---- the quiz ------------------------------------------------------------------------------------------

quiz = Quiz(
    Question(
        "A colleague's adjoint uses J where Jᵀ belongs. On which field does the gradient come out right all the same?",
        {
            "a": "On none: a wrong formula gives wrong numbers.",
            "b": "x' = -∇E(x), a gradient flow",
            "c": "x' = S x with an antisymmetric S, a rotation",
            "d": "On any field, if d = 2",
        },
        answer="b",
        explain={
            "a": "It does where J and its transpose agree.",
            "b": "J is minus the Hessian of E, and a Hessian is symmetric. Test on a field whose J is not.",
            "c": "There Jᵀ = -J, so even the sign of a' is wrong.",
            "d": "A 2 by 2 matrix need not be symmetric: the pendulum's is not.",
        },
    ),
    Question(
        "g' = -(∂f/∂θ)ᵀ a, and g(T) = 0. What is g half-way, at time t, on the walk back?",
        {
            "a": "The gradient if the solve had ended at t",
            "b": "Half of the gradient, as half of the way is done",
            "c": "Minus the integral from 0 to t, which is still to come",
            "d": "What a change of θ during the time from t to T, and only then, does to the loss, per unit of change",
        },
        answer="d",
        explain={
            "a": "The loss looks at T, and a(t) would be another one if it looked at t.",
            "b": "Only if θ mattered equally at all times.",
            "c": "g(t) is the integral over what is done, from t to T, and with a plus.",
            "d": "g(t) is the integral of (∂f/∂θ)ᵀ a from t to T: the share of these times.",
        },
    ),
    Question(
        "Why is the adjoint solved from T to 0?",
        {
            "a": "Because its equation has a minus",
            "b": "Because only at T its value is known",
            "c": "Because the flow of f can be inverted",
            "d": "Because backward it is always stable",
        },
        answer="b",
        explain={
            "a": "Any ODE may be solved in either direction, with a minus or without.",
            "b": "a(T) is the gradient of the loss. a(0) is what is wanted, not what is given.",
            "c": "That is what makes recomputing x possible. The adjoint's equation could be solved without it.",
            "d": "It is as stable backward as the flow is forward, and the flow need not be.",
        },
    ),
    Question(
        "A derivation says: 'perturb the trajectory by δx(t), with δx(0) = 0 and the same θ. Then δx' = J δx, and so "
        "δL = ...'. What is wrong with it?",
        {
            "a": "Nothing is.",
            "b": "J should be transposed in δx' = J δx.",
            "c": "δx is 0 at all times: nothing was perturbed.",
            "d": "δx' = J δx holds only where the system itself is linear in x.",
        },
        answer="c",
        explain={
            "a": "Solve δx' = J δx from δx(0) = 0, and see what comes out.",
            "b": "The perturbation goes forward with J. It is the adjoint that goes back with its transpose.",
            "c": "A linear equation without a source, started at 0, stays at 0. θ or x0 must be perturbed.",
            "d": "It is linear in δx for any smooth f, with J along the solution.",
        },
    ),
    Question(
        "The continuous adjoint with x recomputed on the way back: what does 'O(1) memory' mean?",
        {
            "a": "A gradient needs no more memory than a number does.",
            "b": "The memory does not grow with d and p.",
            "c": "The memory does not grow with the number of steps; it does with d and p.",
            "d": "The states are stored in a compressed form.",
        },
        answer="c",
        explain={
            "a": "x, a and g must be held, and what one evaluation of f and its vjp keep.",
            "b": "The state that is solved backward has 2 d + p components.",
            "c": "Nothing is kept of the steps. The price: x is computed again, and may come out otherwise.",
            "d": "They are not stored at all.",
        },
    ),
)
