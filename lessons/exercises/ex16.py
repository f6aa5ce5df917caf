"""Lesson 16, Hamiltonian networks: two predictions, four exercises and the quiz."""

import numpy as np

import nodekit
from nodekit.classroom.checks import Exercise, Wrong, as_array, rk4, same_values, several, slope
from nodekit.classroom.quiz import Prediction, Question, Quiz

first_guess = Prediction(
    "You have seen one of five pairs. The other four plain networks learned from other recordings of the same spring, "
    "and their losses are as good. What will they do from the same start?",
    {
        "a": "All of them spiral outward: an error of the slope always leads to a wider orbit, as with Euler's method.",
        "b": "Some spiral outward and some inward, each by another amount.",
        "c": "All of them spiral inward: noise acts like friction.",
        "d": "Their orbits stay closed, or nearly so. The one that you have seen is an exception.",
    },
    answer="b",
    explain={
        "a": "Euler's error points outward on every circle. What a network gets wrong points outward here and inward "
        "there, and chance decides what remains after a turn.",
        "b": "Two gained energy and three lost some, between 9% and 75%. Nothing decides the sign but chance.",
        "c": "Of the five plain networks three lose energy and two gain some. Nothing decides the sign but chance.",
        "d": "Two of the five are nearly closed from this start, and the other three are not. Section 7 asks why.",
    },
)

second_guess = Prediction(
    "A pendulum gets friction: p' = −3 sin q − 0.3 p. A plain network and a Hamiltonian one, both wide enough, are "
    "trained on exact slopes, without any noise. Where do their losses end?",
    {
        "a": "Both end near 0: a network that is wide enough fits anything.",
        "b": "The plain one ends near 0, the Hamiltonian one at a floor that can be computed beforehand.",
        "c": "Both end at a floor: friction makes the problem harder.",
    },
    answer="b",
    explain={
        "a": "Any energy H is within reach. But friction shrinks areas, so it is not the field of any energy.",
        "b": "The floor is γ² E[r²]/8 for every Hamiltonian network, and training ends within a few percent of it.",
        "c": "A plain network has no more trouble with friction than without.",
    },
)


# ---- 1 -------------------------------------------------------------------------------------------------


def symplectic_gradient(g):
    """J g, the slope (q', p') where H has the gradient g = (∂H/∂q, ∂H/∂p). g: (2d,) or (..., 2d). Returns its shape."""
    d = g.shape[-1] // 2
    return np.concatenate([g[..., d:], -g[..., :d]], axis=-1)


def check_symplectic_gradient(symplectic_gradient):
    rng, shapes = np.random.default_rng(160), ((2,), (6,), (5, 4), (3, 2, 8), (4, 2))
    for shape in shapes:
        g = rng.normal(size=shape)
        d = shape[-1] // 2
        dq, dp = g[..., :d], g[..., d:]
        join = lambda a, b, axis=-1: np.concatenate([a, b], axis=axis)  # noqa: E731
        pairs = np.stack([g[..., 1::2], -g[..., ::2]], -1).reshape(shape)
        mistakes = {
            "The signs are exchanged: q' = +∂H/∂p and p' = −∂H/∂q.": join(-dp, dq),
            "A minus sign is missing: p' = −∂H/∂q. Without it the energy is not conserved.": join(dp, dq),
            "The halves are not exchanged: q' comes from ∂H/∂p, and p' from ∂H/∂q.": join(dq, -dp),
            "This is the gradient itself: along it the energy grows as fast as it can.": g,
            "This is minus the gradient: a descent. The energy falls along it.": -g,
            "Both halves have a minus sign. Only p' has one.": join(-dp, -dq),
            "The state is (q₁, …, q_d, p₁, …, p_d), all positions first; yours takes pairs (q₁, p₁, q₂, p₂, …).": pairs,
            "Only the first and the last number are exchanged; d may be more than 1.": join(g[..., -1:], -g[..., :1]),
        }
        if len(shape) > 1:
            h = shape[0] // 2
            mistakes["The halves are those of the last axis, not of the first."] = join(g[h:], -g[:h], 0)
        same_values(symplectic_gradient(g), symplectic_of(g), 1e-14, "J g", mistakes)
    return f"Right for {len(shapes)} shapes; orthogonal to the gradient at every point."


symplectic_of = symplectic_gradient

symplectic_gradient = Exercise(
    symplectic_gradient,
    check_symplectic_gradient,
    hints=(
        "The first half of the answer is q' = ∂H/∂p. In which half of g does ∂H/∂p stand?",
        "d = g.shape[-1] // 2. Then ∂H/∂q is g[..., :d] and ∂H/∂p is g[..., d:]. np.concatenate joins along axis=-1.",
        "return np.concatenate([g[..., d:], -g[..., :d]], axis=-1)",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def energy_drift(t, E):
    """The energy's drift per unit of time: the slope of the straight line that is nearest to E over t in the mean
    square. t: (n,), increasing, not always evenly spaced. E: (n,). Returns a float.
    """
    s = t - t.mean()
    return float(np.sum(s * E) / np.sum(s**2))


def check_energy_drift(energy_drift):
    rng = np.random.default_rng(161)
    t = np.sort(rng.uniform(3, 40, size=300))
    cases = {
        "an energy that oscillates and drifts": 2 + 0.3 * np.sin(2 * t + 1) + 0.02 * t,
        "an energy that oscillates and does not drift": 5 + np.sin(3 * t),
        "an energy that is constant": 2.0 + 0 * t,
        "an energy on a line": 1.0 + 0.05 * t,
        "a noisy one": -1 + 0.1 * rng.normal(size=300) - 0.01 * t,
    }
    for what, E in cases.items():
        s = t - t.mean()
        expected = np.sum(s * E) / np.sum(s**2)
        k = np.arange(len(t)) - (len(t) - 1) / 2
        mistakes = {
            "The two ends alone depend on where in its oscillation the energy stands. Take all points.": (
                (E[-1] - E[0]) / (t[-1] - t[0])
            ),
            "This is the drift over the whole time; divide by it for the drift per unit of time.": E[-1] - E[0],
            "This is the drift of the whole time, not per unit of it.": expected * (t[-1] - t[0]),
            "This is the drift per sample. The times are not evenly spaced: use t.": np.sum(k * E) / np.sum(k**2),
            "This is a mean of slopes between neighbours. Short intervals count too much in it.": (
                np.mean(np.diff(E) / np.diff(t))
            ),
            "This is how far the energy gets from its first value. A bounded oscillation does not drift.": (
                np.abs(E - E[0]).max()
            ),
            "This is the drift relative to the first energy. Do not divide E by E[0].": expected / E[0],
            "This is a standard deviation: an oscillation has one too, and it has lost the sign.": E.std(),
            "The sign is lost: energy that is lost is a negative drift.": abs(expected),
            "The sign is turned: energy that is gained is a positive drift.": -expected,
            "np.polyfit gives the slope first, and then the intercept.": np.polyfit(t, E, 1)[1],
            "A line needs an intercept: take the mean off t (and E).": np.sum(t * E) / np.sum(t**2),
            "This line is forced through the first point. The nearest line need not pass there: it has an intercept.": (
                np.sum((t - t[0]) * (E - E[0])) / np.sum((t - t[0]) ** 2)
            ),
        }
        same_values(float_of(energy_drift(t, E)), expected, 1e-9, f"the drift of {what}", unlike(mistakes, expected))
    return f"Right for {len(cases)} energies."


def unlike(mistakes, expected):
    """The mistakes that are no right answer in this case: on a straight line, say, the two ends alone will do."""
    return {text: value for text, value in mistakes.items() if not np.allclose(value, expected, rtol=1e-7, atol=1e-9)}


def float_of(value):
    value = as_array(value, "the drift")
    if value.shape != ():
        raise Wrong(f"the drift has shape {value.shape}; one number was expected.")
    return value


energy_drift = Exercise(
    energy_drift,
    check_energy_drift,
    hints=(
        "Least squares through all points: the oscillation averages out, the trend stays.",
        "With s = t − mean(t), the slope is Σ s E / Σ s².",
        "s = t - t.mean(); return float(np.sum(s * E) / np.sum(s**2))",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def leapfrog_step(dT, dV, q, p, h):
    """One leapfrog step for H = T(p) + V(q): half a kick, a drift, half a kick. dT: p -> ∂T/∂p, dV: q -> ∂V/∂q, both
    (d,) -> (d,). q, p: (d,). Returns (q, p) after the time h.
    """
    p = p - h / 2 * dV(q)
    q = q + h * dT(p)
    p = p - h / 2 * dV(q)
    return q, p


def check_leapfrog_step(leapfrog_step):
    rng, worst = np.random.default_rng(162), 0.0

    def step(dT, dV, q, p, h):
        got = [as_array(x, name) for x, name in zip(several(leapfrog_step(dT, dV, q, p, h), "qp"), "qp", strict=True)]
        for x, name in zip(got, "qp", strict=True):
            if x.shape != q.shape:
                raise Wrong(f"{name} has shape {x.shape}; {q.shape} was expected.")
        return np.concatenate(got)

    for d, h in ((1, 0.3), (2, 0.2), (3, -0.25), (1, 0.4)):
        A, B = rng.normal(size=(2, d, d))
        dT, dV = (lambda p, A=A: A.T @ np.sinh(A @ p / 2)), (lambda q, B=B: B.T @ np.sin(B @ q))
        q, p = rng.normal(size=(2, d)) / 2
        half = p - h / 2 * dV(q)
        q1 = q + h * dT(half)
        right = np.concatenate([q1, half - h / 2 * dV(q1)])
        kick, drift = p - h * dV(q), q + h / 2 * dT(p)
        mistakes = {
            "The force is −∂V/∂q: your kicks have the wrong sign.": made(q, p, -h, h, dT, dV),
            "The second half kick takes the force at the NEW position: ∂V/∂q has to be computed again.": (
                np.concatenate([q1, half - h / 2 * dV(q)])
            ),
            "One whole kick, then a drift, is symplectic Euler, of order 1. Leapfrog halves the kick.": (
                np.concatenate([q + h * dT(kick), kick])
            ),
            "A drift and then a whole kick is symplectic Euler, of order 1. Leapfrog begins with half a kick.": (
                np.concatenate([q + h * dT(p), p - h * dV(q + h * dT(p))])
            ),
            "All slopes are taken at the start: this is Euler's method.": np.concatenate([q + h * dT(p), kick]),
            "The second half kick is missing.": np.concatenate([q1, half]),
            "The second half kick starts from the old p: the first half kick is lost.": (
                np.concatenate([q1, p - h / 2 * dV(q1)])
            ),
            "The drift goes backwards: q' = +∂T/∂p.": made(q, p, h, -h, dT, dV),
            "Both kicks are whole. Each is half a step long.": made(q, p, 2 * h, h, dT, dV),
            "The drift is half as long as it should be.": made(q, p, h, h / 2, dT, dV),
            "The drift uses the old p. It moves with the momentum after the half kick.": (
                np.concatenate([q + h * dT(p), half - h / 2 * dV(q + h * dT(p))])
            ),
            "This is drift–kick–drift. It is a leapfrog too, of order 2; here the kicks go first and last.": (
                np.concatenate(
                    [drift + h / 2 * dT(p - h * dV(drift)), p - h * dV(drift)],
                )
            ),
            "The drift is by ∂T/∂p, not by p itself: the mass need not be 1.": (
                np.concatenate([q + h * half, half - h / 2 * dV(q + h * half)])
            ),
            "The momentum comes before the position: return q, p.": np.concatenate([right[d:], right[:d]]),
        }
        worst = max(worst, same_values(step(dT, dV, q, p, h), right, 1e-12, "(q, p)", mistakes))
        back = step(dT, dV, *np.split(right, 2), -h)
        if not np.allclose(back, np.concatenate([q, p]), atol=1e-10):
            raise Wrong("A step by −h does not undo a step by h.")
    sizes, errors = np.array([0.1, 0.05, 0.025]), []
    start = np.array([0.7, 0.2])
    field = lambda t, x: np.array([2 * x[1], -3 * np.sin(x[0])])  # noqa: E731
    exact = start
    for _ in range(800):
        exact = rk4(field, 0.0, exact, 1 / 800)
    for h in sizes:
        x = start
        for _ in range(round(1 / h)):
            x = step(lambda p: 2 * p, lambda q: 3 * np.sin(q), x[:1], x[1:], h)
        errors.append(np.abs(x - exact).max())
    sol = nodekit.solve(field, start, (0.0, 1.0), method="leapfrog", step=float(sizes[-1]))
    same_values(x, sol.y[-1], 1e-12, "the state after 40 steps")
    order = slope(sizes, errors)
    return f"Order {order:.2f} on the pendulum, reversible, and equal to nodekit's leapfrog."


def made(q, p, kick, drift, dT, dV):
    p = p - kick / 2 * dV(q)
    q = q + drift * dT(p)
    return np.concatenate([q, p - kick / 2 * dV(q)])


leapfrog_step = Exercise(
    leapfrog_step,
    check_leapfrog_step,
    hints=(
        "Three lines: p by half a step, q by a whole step, p by half a step. Each uses the newest values.",
        "A kick is p − (h/2) ∂V/∂q at the present q. A drift is q + h ∂T/∂p at the present p. "
        "Make new arrays: p = p - ..., not p -= ....",
        "p = p - h / 2 * dV(q); q = q + h * dT(p); p = p - h / 2 * dV(q); return q, p",
    ),
)


# ---- 4 -------------------------------------------------------------------------------------------------


def two_body_field(x, m1, m2):
    """Hamilton's equations of two bodies in the plane that attract each other, H = |p₁|²/(2 m1) + |p₂|²/(2 m2)
    − m1 m2/|q₁ − q₂|. x = (q₁, q₂, p₁, p₂): (8,). m1, m2: float, the masses. Returns x': (8,).
    """
    q1, q2, p1, p2 = np.split(x, 4)
    apart = q1 - q2
    pull = m1 * m2 * apart / np.linalg.norm(apart) ** 3
    return np.concatenate([p1 / m1, p2 / m2, -pull, pull])


def two_body_energy(x, m1, m2):
    q1, q2, p1, p2 = np.split(x, 4)
    return p1 @ p1 / (2 * m1) + p2 @ p2 / (2 * m2) - m1 * m2 / np.linalg.norm(q1 - q2)


def check_two_body_field(two_body_field):
    rng = np.random.default_rng(163)
    for m1, m2 in ((2.0, 0.7), (0.6, 3.0), (1.0, 1.0)):
        x = rng.normal(size=8)
        q1, q2, p1, p2 = np.split(x, 4)
        apart = q1 - q2
        r = np.linalg.norm(apart)
        pull = m1 * m2 * apart / r**3
        join = lambda *parts: np.concatenate(parts)  # noqa: E731
        mistakes = {
            "They repel each other: the force on body 1 points from q₁ towards q₂.": join(
                p1 / m1, p2 / m2, pull, -pull
            ),
            "Both forces point the same way. What body 1 gets, body 2 gets with the opposite sign.": join(
                p1 / m1, p2 / m2, -pull, -pull
            ),
            "The force falls as 1/r²: the vector q₁ − q₂ has the length r, so divide it by r³.": join(
                p1 / m1, p2 / m2, -pull * r, pull * r
            ),
            "The force is off by a power of r: ∂(1/r)/∂q₁ = −(q₁ − q₂)/r³.": join(
                p1 / m1, p2 / m2, -pull * r**2, pull * r**2
            ),
            "q' = p/m: a momentum is no velocity when the mass is not 1.": join(p1, p2, -pull, pull),
            "Each velocity has the other body's mass: q₁' = p₁/m1 and q₂' = p₂/m2.": join(
                p1 / m2, p2 / m1, -pull, pull
            ),
            "q' = p/m, not p/(2m): the square in |p|²/(2m) has the derivative 2p.": join(
                p1 / (2 * m1), p2 / (2 * m2), -pull, pull
            ),
            "A force has one mass too few: both m1 and m2 are in it.": join(p1 / m1, p2 / m2, -pull / m2, pull / m1),
            "q' = p/m, not p m.": join(p1 * m1, p2 * m2, -pull, pull),
            "The masses are missing in the force: p' = m1 m2 (...)/r³.": join(
                p1 / m1, p2 / m2, -apart / r**3, apart / r**3
            ),
            "These are accelerations. p' is the force itself, not divided by the mass.": join(
                p1 / m1, p2 / m2, -pull / m1, pull / m2
            ),
            "The order is (q₁', q₂', p₁', p₂').": join(p1 / m1, -pull, p2 / m2, pull),
        }
        right = join(p1 / m1, p2 / m2, -pull, pull)
        got = as_array(two_body_field(x, m1, m2), "x'")
        if got.shape == (8,) and 1e-12 < np.abs(got - right).max() < 1e-3 and np.allclose(got[:4], right[:4], 1e-14):
            raise Wrong(
                f"The force is nearly right, off by {np.abs(got - right).max():.1g}. Is something added to the "
                "distance, or to r³, so that it is never 0? H has no such softening."
            )
        same_values(got, right, 1e-12, "x'", unlike(mistakes, right))
        numeric = np.array(
            [(two_body_energy(x + e, m1, m2) - two_body_energy(x - e, m1, m2)) / 2e-5 for e in 1e-5 * np.eye(8)]
        )
        if not np.allclose(got, symplectic_of(numeric), atol=1e-5 * max(1, np.abs(got).max())):
            raise Wrong("x' is not J ∇H, with ∇H by differences.")
    return "Equal to J ∇H by differences, for three pairs of masses."


two_body_field = Exercise(
    two_body_field,
    check_two_body_field,
    hints=(
        "q₁' = ∂H/∂p₁ and p₁' = −∂H/∂q₁. The first is easy. For the second: ∇(1/r) = −(q₁ − q₂)/r³ with respect to q₁.",
        "q1, q2, p1, p2 = np.split(x, 4). The force on body 1 is −m1 m2 (q₁ − q₂)/r³, that on body 2 the opposite.",
        "pull = m1 * m2 * (q1 - q2) / np.linalg.norm(q1 - q2) ** 3; "
        "return np.concatenate([p1 / m1, p2 / m2, -pull, pull])",
    ),
)


quiz = Quiz(
    Question(
        "Why is H constant along the flow of J∇H?",
        {
            "a": "Because J is orthogonal, and orthogonal maps keep lengths.",
            "b": "Because ∇H·J∇H = 0: J is antisymmetric.",
            "c": "Because training makes dH/dt small on the data, and the network is smooth in between.",
        },
        "b",
        {
            "a": "J is orthogonal, but that is not used. It is the antisymmetry that makes g·Jg = 0.",
            "b": "dH/dt = ∇H·x' = ∇H·J∇H, and g·Jg = 0 for every g.",
            "c": "It holds for random weights, before any training. It is the structure, not the data.",
        },
    ),
    Question(
        "The two networks have equal test losses. Why does the test loss not tell them apart?",
        {
            "a": "The test set is too small.",
            "b": "Both have overfitted the training set.",
            "c": "Nearly all of it is the noise of the inputs, which no field can take away.",
        },
        "c",
        {
            "a": "It has 12,000 samples. With more of them the two stay near the same floor.",
            "b": "Training and test losses are both near 0.037: nothing was learned by heart.",
            "c": "The floor is 0.0369, and both are near 0.0375. The true field has even more: 0.040.",
        },
    ),
    Question(
        "A plain network gave an energy error that is only a tenth of another's, with the same loss. Why?",
        {
            "a": "Its mean radial speed along that orbit happens to be near 0.",
            "b": "It has learned the law of conservation from more epochs of training on the same data.",
            "c": "Its learning rate was better.",
        },
        "a",
        {
            "a": "The energy drifts by the field's flux through the orbit, and chance makes that small at one radius.",
            "b": "All had equal data and equal steps. From another starting radius it may drift like the others.",
            "c": "All seeds had the same learning rate.",
        },
    ),
    Question(
        "You follow a Hamiltonian network with a solver for many turns, and the learned H falls by a third. What is "
        "the reason?",
        {
            "a": "The network was trained on noisy data, so its H is not conserved.",
            "b": "The solver: its steps are not the exact flow, and its errors add up.",
            "c": "The learned H is not the true energy.",
        },
        "b",
        {
            "a": "The exact flow conserves the learned H for any weights, however badly they were trained.",
            "b": "A tighter tolerance makes the loss smaller, as in section 8. Or take a solver such as leapfrog.",
            "c": "That is true, but it makes the true energy oscillate. It cannot change the learned H.",
        },
    ),
    Question(
        "Which of these should NOT be given to a Hamiltonian network in (q, p)?",
        {
            "a": "A planet around a star.",
            "b": "A pendulum that starts high up.",
            "c": "A pendulum with friction.",
        },
        "c",
        {
            "a": "Gravity has an energy; the two-body problem is the classical example.",
            "b": "It stays on its own level line, whatever its height.",
            "c": "Friction shrinks volumes, and no J∇H does. The loss has a floor above 0 (section 9).",
        },
    ),
)
