"""Lesson 17, symplectic integrators and second-order Neural ODEs: two predictions, three exercises and the quiz."""

import numpy as np

from nodekit.classroom.checks import Exercise, Wrong, as_array, same_values, several, slope
from nodekit.classroom.quiz import Prediction, Question, Quiz

first_guess = Prediction(
    "After one turn RK4 is a hundred times nearer to the truth than leapfrog, and after ten turns still some eight "
    "times. We let both go on for 50,000 steps, about 800 turns. What becomes of the two energies?",
    {
        "a": "Leapfrog's is off by far more: its errors are larger from the start, and they add up.",
        "b": "RK4's leaves its value and moves one way; leapfrog's comes back in every turn.",
        "c": "Both come back in every turn, RK4's with a smaller error.",
        "d": "Both drift, and RK4's drifts more slowly.",
    },
    answer="b",
    explain={
        "a": "Leapfrog's errors of the place do add up. Those of the energy cancel within each turn.",
        "b": "RK4 loses a little energy at each passage near the sun, and never gains it back.",
        "c": "RK4's does not come back: each passage takes a little, always with the same sign.",
        "d": "Leapfrog's does not drift at all. After 50,000 steps its largest error is that of the first turn.",
    },
)

second_guess = Prediction(
    "Near the sun the planet is fast, and far away it is slow. So we let leapfrog take short steps near the sun and "
    "long ones far away, with h in proportion to r^(3/2), about as many in a turn as before. What does the energy do?",
    {
        "a": "Its error stays bounded and becomes smaller: the steps are where they are needed.",
        "b": "Its error stays bounded, with about the same size.",
        "c": "It drifts, as RK4's does.",
    },
    answer="c",
    explain={
        "a": "In the first turns the error is in fact much smaller. But it no longer comes back.",
        "b": "The bound belonged to a map that is the same at each step. This one is another at each place.",
        "c": "A step whose length depends on where it starts is no longer symplectic, nor is it undone by a step back.",
    },
)


# ---- 1 -------------------------------------------------------------------------------------------------


def triple_jump(step, q, p, h):
    """One step of order 4 from three steps of a symmetric method of order 2. step: (q, p, h) -> (q, p). q, p: (d,).
    Returns (q, p) after the time h.
    """
    w1 = 1 / (2 - 2 ** (1 / 3))
    w0 = 1 - 2 * w1
    for w in (w1, w0, w1):
        q, p = step(q, p, w * h)
    return q, p


def leapfrog_of(dT, dV):
    def step(q, p, h):
        p = p - h / 2 * dV(q)
        q = q + h * dT(p)
        return q, p - h / 2 * dV(q)

    return step


def jumps(step, q, p, h, weights):
    for w in weights:
        q, p = step(q, p, w * h)
    return np.concatenate([q, p])


def check_triple_jump(triple_jump):
    rng = np.random.default_rng(170)
    w1 = 1 / (2 - 2 ** (1 / 3))
    w0 = 1 - 2 * w1
    square, fifth = 1 / (2 - 2**0.5), 1 / (2 - 2 ** (1 / 5))

    def jump(step, q, p, h):
        got = [as_array(x, name) for x, name in zip(several(triple_jump(step, q, p, h), "qp"), "qp", strict=True)]
        for x, name in zip(got, "qp", strict=True):
            if x.shape != q.shape:
                raise Wrong(f"{name} has shape {x.shape}; {q.shape} was expected.")
        return np.concatenate(got)

    for d, h in ((1, 0.3), (2, -0.2), (3, 0.25)):
        A, B = rng.normal(size=(2, d, d))
        step = leapfrog_of(lambda p, A=A: A.T @ np.sinh(A @ p / 2), lambda q, B=B: B.T @ np.sin(B @ q))
        q, p = rng.normal(size=(2, d)) / 2
        of = lambda *weights, q=q, p=p, h=h, step=step: jumps(step, q, p, h, weights)  # noqa: E731
        right = of(w1, w0, w1)
        mistakes = {
            "Nothing moves: each jump starts from where the one before has ended.": np.concatenate([q, p]),
            "This is one plain step of order 2.": of(1.0),
            "Three equal steps have the sum 1, but their errors of order 3 do not cancel.": of(1 / 3, 1 / 3, 1 / 3),
            "The middle step goes back: w0 = 1 − 2 w1 is negative.": of(w1, -w0, w1),
            "The middle step is missing.": of(w1, w1),
            "The last step is missing.": of(w1, w0),
            "The order of the jumps is w1, w0, w1; yours begins with the one that goes back.": of(w0, w1, w1),
            "Here w0 and w1 are exchanged: w1 comes first and last.": of(w0, w1, w0),
            "The two conditions are 2 w1 + w0 = 1 and 2 w1³ + w0³ = 0: the cube root of 2, not the square root.": of(
                square, 1 - 2 * square, square
            ),
            "2^(1/5) is for the next jump, from order 4 to 6.": of(fifth, 1 - 2 * fifth, fifth),
            "w0 = 1 − 2 w1, because the times add up to h; yours is 1 − w1.": of(w1, 1 - w1, w1),
            "Each of your three steps starts from the given (q, p). Use the newest values.": jumps(
                step, q, p, h, (w1,)
            ),
            "The momentum comes before the position: return q, p.": np.concatenate([right[d:], right[:d]]),
        }
        same_values(jump(step, q, p, h), right, 1e-12, "(q, p)", mistakes)
    sizes, errors = np.array([0.2, 0.1, 0.05]), []
    step, start = leapfrog_of(lambda p: p, np.sin), (np.array([0.7]), np.array([0.2]))
    exact = jumps(step, *start, 1 / 320, [w for _ in range(320) for w in (w1, w0, w1)])
    for h in sizes:
        q, p = start
        for _ in range(round(1 / h)):
            q, p = np.split(jump(step, q, p, h), 2)
        errors.append(np.abs(np.concatenate([q, p]) - exact).max())
    return f"Order {slope(sizes, errors):.2f} on the pendulum, from a step of order 2."


triple_jump = Exercise(
    triple_jump,
    check_triple_jump,
    hints=(
        "The times must add up to h, and the errors C (w h)³ of the three steps to 0. Two equations, two unknowns.",
        "2 w1 + w0 = 1 and 2 w1³ + w0³ = 0 give w0 = −2^(1/3) w1, so w1 = 1/(2 − 2^(1/3)) and w0 = 1 − 2 w1.",
        "for w in (w1, w0, w1): q, p = step(q, p, w * h)",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def shadow_energy(q, p, h, m, V, dV, d2V):
    """The energy p²/(2m) + V(q) with leapfrog's term in h². q, p: (n,), n states with d = 1. h, m: float. V, dV, d2V:
    q (n,) -> (n,), the potential and its first two derivatives. Returns (n,).
    """
    return p**2 / (2 * m) + V(q) + h**2 * (d2V(q) * (p / m) ** 2 / 12 - dV(q) ** 2 / m / 24)


def check_shadow_energy(shadow_energy):
    rng = np.random.default_rng(172)
    V, dV, d2V = (
        lambda q: np.cosh(q) + 0.3 * q**3 - 3,
        lambda q: np.sinh(q) + 0.9 * q**2,
        lambda q: np.cosh(q) + 1.8 * q,
    )
    for h, m in ((0.3, 1.0), (0.2, 0.4), (-0.5, 2.5)):
        q, p = rng.normal(size=(2, 7))
        H, moved, force = p**2 / (2 * m) + V(q), d2V(q) * (p / m) ** 2, dV(q) ** 2 / m
        mistakes = {
            "This is H itself. Leapfrog conserves something else: add the term in h².": H,
            "The two terms have opposite signs.": H + h**2 * (moved / 12 + force / 24),
            "Both signs are turned: + for the term with V'', − for the one with (V')².": H
            - h**2 * (moved / 12 - force / 24),
            "The factors 1/12 and 1/24 are exchanged.": H + h**2 * (moved / 24 - force / 12),
            "Both factors are 1/12; the second is 1/24.": H + h**2 * (moved - force) / 12,
            "Both factors are 1/24; the first is 1/12.": H + h**2 * (moved - force) / 24,
            "The term is h², not h.": H + h * (moved / 12 - force / 24),
            "∂T/∂p is p/m, so the first term has (p/m)².": H + h**2 * (d2V(q) * p**2 / 12 - force / 24),
            "One factor 1/m is missing in (p/m)².": H + h**2 * (d2V(q) * p**2 / m / 12 - force / 24),
            "∂²T/∂p² is 1/m: it is missing in the second term.": H + h**2 * (moved / 12 - dV(q) ** 2 / 24),
            "The force is squared: (V')².": H + h**2 * (moved / 12 - dV(q) / m / 24),
            "This is the correction alone. Add H.": h**2 * (moved / 12 - force / 24),
            "The kinetic energy is p²/(2m).": H - p**2 / (2 * m) + p**2 / 2 + h**2 * (moved / 12 - force / 24),
        }
        right = H + h**2 * (moved / 12 - force / 24)
        got = as_array(shadow_energy(q, p, h, m, V, dV, d2V), "the energy")
        same_values(got, right, 1e-12, "the energy", unlike(mistakes, right))
    sizes, ranges = np.array([0.1, 0.05]), []
    for h in sizes:
        step, states = leapfrog_of(lambda p: p / 0.4, np.sin), [(np.array([1.0]), np.array([0.3]))]
        for _ in range(round(2 / h)):
            states.append(step(*states[-1], h))
        q, p = np.array(states)[:, :, 0].T
        ranges.append(np.ptp(shadow_energy(q, p, h, 0.4, lambda q: -np.cos(q), np.sin, np.cos)))
    return f"Leapfrog conserves it to order {slope(sizes, ranges):.1f} in h; H itself only to order 2."


def unlike(mistakes, expected):
    """The mistakes that are no right answer in this case: with the mass 1, say, it may be left out."""
    return {text: value for text, value in mistakes.items() if not np.allclose(value, expected, rtol=1e-7, atol=1e-9)}


shadow_energy = Exercise(
    shadow_energy,
    check_shadow_energy,
    hints=(
        "Which are ∂T/∂p and ∂²T/∂p² for T = p²/(2m)? Put them into the formula above.",
        "∂T/∂p = p/m and ∂²T/∂p² = 1/m. So the correction is h² (V'' (p/m)²/12 − (V')²/(24 m)).",
        "return p**2 / (2*m) + V(q) + h**2 * (d2V(q) * (p/m)**2 / 12 - dV(q)**2 / m / 24)",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def implicit_midpoint_step(f, t, x, h):
    """One step of the implicit midpoint rule, x1 = x + h f(t + h/2, (x + x1)/2), by repeating the right-hand side until
    it changes nothing any more. x: (d,). f: (t, x) -> (d,). Returns x1: (d,).
    """
    x1 = x + h * f(t, x)
    for _ in range(100):
        x1 = x + h * f(t + h / 2, (x + x1) / 2)
    return x1


def check_implicit_midpoint_step(implicit_midpoint_step):
    rng, t = np.random.default_rng(173), 0.7
    for d, h in ((2, 0.2), (3, -0.15), (5, 0.1)):
        A, b, x = rng.normal(size=(d, d)) / 2, rng.normal(size=d), rng.normal(size=d)
        f = lambda t, x, A=A, b=b: np.tanh(A @ x) + b * np.sin(3 * t)  # noqa: E731

        def settled(again, x=x):
            y = x
            for _ in range(200):
                y = again(y)
            return y

        right = settled(lambda y, f=f, x=x, h=h: x + h * f(t + h / 2, (x + y) / 2))
        once = x + h * f(t, x)
        mistakes = {
            "This is Euler's method.": once,
            "This is the explicit midpoint method: its middle is a guess by Euler. Repeat until nothing changes.": (
                x + h * f(t + h / 2, x + h / 2 * f(t, x))
            ),
            "This is the trapezoidal rule: it takes the mean of two slopes. Here it is the slope at the mean.": settled(
                lambda y, f=f, x=x, h=h: x + h / 2 * (f(t, x) + f(t + h, y))
            ),
            "This is backward Euler: its slope stands at the end of the step.": settled(
                lambda y, f=f, x=x, h=h: x + h * f(t + h, y)
            ),
            "The slope stands at the time t + h/2; yours is at t.": settled(
                lambda y, f=f, x=x, h=h: x + h * f(t, (x + y) / 2)
            ),
            "The slope stands at the time t + h/2; yours is at t + h.": settled(
                lambda y, f=f, x=x, h=h: x + h * f(t + h, (x + y) / 2)
            ),
            "Only half a step is taken: x1 = x + h f(...).": settled(
                lambda y, f=f, x=x, h=h: x + h / 2 * f(t + h / 2, (x + y) / 2)
            ),
            "The slope is taken at the sum of x and x1; it belongs at their mean.": settled(
                lambda y, f=f, x=x, h=h: x + h * f(t + h / 2, x + y)
            ),
        }
        got = as_array(implicit_midpoint_step(f, t, x, h), "x1")
        if (
            got.shape == x.shape
            and 1e-10 < np.abs(got - right).max() < 5e-3
            and not any(np.allclose(got, value, rtol=1e-9) for value in mistakes.values())
        ):
            off = np.abs(got - x - h * f(t + h / 2, (x + got) / 2)).max()
            raise Wrong(f"The equation still has the remainder {off:.0e}: repeat it more often.")
        same_values(got, right, 1e-10, "x1", mistakes)
        back = as_array(implicit_midpoint_step(f, t + h, right, -h), "x1")
        if not np.allclose(back, x, atol=1e-9):
            raise Wrong("A step by −h does not undo a step by h.")
    return "The equation is solved to rounding, in 2, 3 and 5 dimensions, and a step by −h undoes it."


implicit_midpoint_step = Exercise(
    implicit_midpoint_step,
    check_implicit_midpoint_step,
    hints=(
        "Start with any guess of x1, Euler's say, and put it into the right-hand side. The result is a better guess.",
        "Each repetition shrinks the error by about h|J|/2, J the Jacobian: 50 repetitions are plenty here.",
        "x1 = x + h * f(t, x); for _ in range(50): x1 = x + h * f(t + h / 2, (x + x1) / 2); return x1",
    ),
)


quiz = Quiz(
    Question(
        "Why is leapfrog's energy error bounded?",
        {
            "a": "Its local errors are smaller than those of RK4, because it evaluates the force at better places.",
            "b": "It conserves the energy exactly, up to rounding.",
            "c": "Its steps follow, almost exactly, the flow of another energy, which is near H.",
        },
        "c",
        {
            "a": "They are larger, by far: it has order 2. What counts is their structure.",
            "b": "On the planet its energy moves by up to 3% in each turn. It comes back.",
            "c": "That energy, H + h² H₂ + …, is kept for very long times, so H can only move by O(h²).",
        },
    ),
    Question(
        "A kick changes p by a function of q alone. Which property of it makes leapfrog symplectic?",
        {
            "a": "It is the exact flow of the Hamiltonian V(q), and so keeps the symplectic form.",
            "b": "It conserves the energy of each state, because the position does not change in it.",
            "c": "It is a linear map of (q, p), and linear maps with determinant 1 keep all areas.",
        },
        "a",
        {
            "a": "The drift is the flow of T(p). A composition of maps that keep the form keeps it.",
            "b": "A kick alone changes H: it changes p, and with it the kinetic energy.",
            "c": "It is not linear in q unless V is quadratic, and it need not be.",
        },
    ),
    Question(
        "A spring has ω = 50. What is the largest step with which leapfrog is stable on it?",
        {"a": "2/50 = 0.04", "b": "2.83/50 = 0.057", "c": "Any step: a symplectic method is stable."},
        "a",
        {
            "a": "Leapfrog is stable on x'' = −ω² x for hω < 2.",
            "b": "2.83 is RK4's limit on the imaginary axis. RK4 pays four evaluations a step for it.",
            "c": "Beyond hω = 2 leapfrog's map keeps areas and stretches them into ever longer strips.",
        },
    ),
    Question(
        "You let a cluster of atoms run forward by leapfrog, change the signs of all momenta, and run as many steps "
        "again. How near does it come to its start?",
        {
            "a": "As near as the global error of leapfrog, O(h²).",
            "b": "To rounding errors, multiplied by as much as the motion itself parts neighbours.",
            "c": "Exactly, to the last bit, because each addition of the way out is subtracted again on the way home.",
        },
        "b",
        {
            "a": "The error is undone together with the steps. RK4 and dopri5 come back only to their errors.",
            "b": "In the cold cluster that is below 1e-12. In the warm one, which is chaotic, roundings grew far more.",
            "c": "Additions round, and the rounding is not the same on the way back.",
        },
    ),
    Question(
        "An augmented Neural ODE with one more number fits the positions of oscillators well. What is that number?",
        {
            "a": "The velocity, up to a small error of the fit: nothing else would explain the positions.",
            "b": "Some function of position and velocity, which the data do not fix.",
            "c": "Noise: the network does not use it.",
        },
        "b",
        {
            "a": "Any invertible change of that number, with a fitting field, gives the same positions.",
            "b": "The data fix it only up to such a change. In a SONODE the first half of the field fixes it.",
            "c": "It must use it: the position alone does not say where the oscillator goes next.",
        },
    ),
)
