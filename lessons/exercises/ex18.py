"""Lesson 18, Lagrangian networks: two predictions, four exercises and the quiz."""

import autograd.numpy as anp
import numpy as np
from autograd import grad

from nodekit.classroom.checks import Exercise, Wrong, as_array, same_values
from nodekit.classroom.quiz import Prediction, Question, Quiz

first_guess = Prediction(
    "The Hamiltonian network was given angles and angular velocities. Which accelerations can it learn, if it also has "
    "to get the velocities right, q' = v?",
    {
        "a": "All of them: a network that is wide enough fits anything.",
        "b": "Only those that conserve some energy. The double pendulum's do, so it needs more training.",
        "c": "Only those that depend on the angles alone, and not on the velocities.",
    },
    answer="c",
    explain={
        "a": "Its H may be anything. But two slopes have to come from the same H, and that ties them together.",
        "b": "The double pendulum does conserve its energy. But it is Hamiltonian in other variables than these.",
        "c": "∂H/∂v = v leaves only H = |v|²/2 + V(q), and then v' = −∇V(q): no velocity occurs in it.",
    },
)

second_guess = Prediction(
    "We add to a Lagrangian L(q, v) the term dF(q)/dt = ∇F(q)·v, for some function F of the positions. What happens to "
    "the accelerations that follow from it?",
    {
        "a": "They change, because L does: another Lagrangian is another system.",
        "b": "They stay the same, for every F.",
        "c": "They stay the same only if F is linear.",
    },
    answer="b",
    explain={
        "a": "The momenta do change, and the action too. But the action changes by the same number for every path.",
        "b": "The term adds F(end) − F(start) to the action of every path, so it favours none.",
        "c": "For a linear F the term changes no derivative that enters. For another F two changes cancel each other.",
    },
)


# ---- 1 -------------------------------------------------------------------------------------------------


def action(L, t, q):
    """The action of a path: the sum over its pieces of L at the middle of a piece, with the piece's mean velocity,
    times its duration. L: (q, v) -> number. t: (n,), increasing, not evenly spaced. q: (n, d). Returns a float.
    """
    total = 0.0
    for k in range(len(t) - 1):
        dt = t[k + 1] - t[k]
        total += L((q[k] + q[k + 1]) / 2, (q[k + 1] - q[k]) / dt) * dt
    return total


def uneven(q, v):
    """A Lagrangian that no exchange of its arguments leaves alone."""
    return (1 + q[0] ** 2) * v[0] ** 2 + 0.5 * v[-1] ** 2 - np.sin(q[-1]) + 0.3 * q[0] * v[-1] - 30.0


def check_action(action):
    rng = np.random.default_rng(180)
    for n, d in ((6, 1), (9, 3), (2, 2), (12, 2)):
        t, q = np.cumsum(rng.uniform(0.1, 1.0, size=n)), rng.normal(size=(n, d))
        dt, middle = np.diff(t), (q[1:] + q[:-1]) / 2
        v = np.diff(q, axis=0) / dt[:, None]
        each = np.array([uneven(a, b) for a, b in zip(middle, v, strict=True)])
        by = lambda a, b, dt=dt: float(sum(uneven(x, y) * h for x, y, h in zip(a, b, dt, strict=True)))  # noqa: E731
        mean = (t[-1] - t[0]) / (n - 1)
        mistakes = {
            "L is taken at the left ends of the pieces. Take the middle, (q[k] + q[k+1])/2.": by(q[:-1], v),
            "L is taken at the right ends of the pieces. Take the middle, (q[k] + q[k+1])/2.": by(q[1:], v),
            "The velocity is (q[k+1] − q[k]) divided by the piece's duration: the division is missing.": by(
                middle, np.diff(q, axis=0)
            ),
            "The sum lacks the durations: each L counts as long as its piece lasts.": each.sum(),
            "This is the mean of L over the pieces. The action is the integral: L times the duration, added up.": (
                each.mean()
            ),
            "This is a mean over time. The action is not divided by the whole duration.": (
                (each * dt).sum() / (t[-1] - t[0])
            ),
            "The pieces are not equally long: use t[k+1] − t[k] for each.": float(
                sum(uneven(a, b) * mean for a, b in zip(middle, np.diff(q, axis=0) / mean, strict=True))
            ),
            "The velocity has the wrong sign: the later position less the earlier one.": by(middle, -v),
            "The last piece is missing: n times make n − 1 pieces.": float((each * dt)[:-1].sum()),
            "The sign is turned.": -(each * dt).sum(),
        }
        expected = float((each * dt).sum())
        got = as_array(action(uneven, t, q), "the action")
        if got.shape != ():
            raise Wrong(f"the action has shape {got.shape}; one number was expected.")
        wrong = {text: x for text, x in mistakes.items() if abs(x - expected) > 1e-9}
        same_values(got, expected, 1e-12, "the action", wrong)
    return "Right for 4 paths of unequal pieces."


action = Exercise(
    action,
    check_action,
    hints=(
        "n times make n − 1 pieces. Each has a duration, a middle and a mean velocity.",
        "dt = t[k + 1] - t[k], the middle (q[k] + q[k + 1]) / 2, the velocity (q[k + 1] - q[k]) / dt.",
        "total += L((q[k] + q[k + 1]) / 2, (q[k + 1] - q[k]) / dt) * dt, for k in range(len(t) - 1).",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def acceleration(force, C, M, v):
    """The q'' with M q'' + C v = force, for every sample. force, v: (n, d). C, M: (n, d, d). Returns (n, d)."""
    right = force - np.einsum("nij,nj->ni", C, v)
    return np.linalg.solve(M, right[..., None])[..., 0]


def check_acceleration(acceleration):
    rng = np.random.default_rng(181)
    for n, d in ((4, 3), (1, 2), (3, 3), (5, 1)):
        force, v = rng.normal(size=(2, n, d))
        C, M = rng.normal(size=(2, n, d, d))
        M = M + M.swapaxes(1, 2) + 2 * d * np.eye(d) * rng.choice([-1.0, 1.0])
        of = lambda r, M=M: np.linalg.solve(M, r[..., None])[..., 0]  # noqa: E731
        times = lambda A, x: np.einsum("nij,nj->ni", A, x)  # noqa: E731
        Ct = C.swapaxes(1, 2)
        mistakes = {
            "C v has to be subtracted: it is on the left side of M q'' + C v = force.": of(force + times(C, v)),
            "C is transposed: row i of C belongs to the momentum p_i. In einsum: 'nij,nj->ni'.": of(
                force - times(Ct, v)
            ),
            "The term C v is missing.": of(force),
            "M is not divided by: this is the right side alone.": force - times(C, v),
            "This multiplies by M. Solve with it: np.linalg.solve.": times(M, force - times(C, v)),
            "C v is missing in the solve and subtracted after it.": of(force) - times(C, v),
            "The sign is turned: M q'' = force − C v.": -of(force - times(C, v)),
            "Only the diagonal of M is used. Each acceleration pulls on the others.": (
                (force - times(C, v)) / np.diagonal(M, axis1=1, axis2=2)
            ),
            "Each velocity multiplies one entry of C only; C v is a matrix times a vector.": of(
                force - np.diagonal(C, axis1=1, axis2=2) * v
            ),
        }
        expected = of(force - times(C, v))
        wrong = {text: x for text, x in mistakes.items() if not np.allclose(x, expected, rtol=1e-7, atol=1e-9)}
        try:
            got = acceleration(force, C, M, v)
        except ValueError as error:
            if "core dimension" in str(error):
                raise Wrong(
                    "np.linalg.solve takes a right side (n, d) for one matrix. For n of them give it (n, d, 1), "
                    "right[..., None], and take [..., 0] of the result."
                ) from error
            raise
        same_values(got, expected, 1e-10, "q''", wrong)
    return "Right for 4 batches, with matrices C that are not symmetric."


acceleration = Exercise(
    acceleration,
    check_acceleration,
    hints=(
        "Bring C v to the right side; then it is one linear system for each sample.",
        "np.linalg.solve(M, b) wants b of shape (n, d, 1) for n systems: write b[..., None], and take [..., 0] after.",
        'right = force - np.einsum("nij,nj->ni", C, v); return np.linalg.solve(M, right[..., None])[..., 0]',
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def energy(L, q, v):
    """The energy v·∂L/∂v − L that belongs to a Lagrangian L: (q, v) -> number, which autograd can differentiate.
    q, v: (d,). Returns a number.
    """
    return v @ grad(L, 1)(q, v) - L(q, v)


def bent(q, v):
    """A Lagrangian that is not quadratic in the velocities, and has a term that is linear in them."""
    return (2 + anp.cos(q[0])) * v[0] ** 2 + 0.3 * anp.sum(v**4) - q[-1] ** 3 + anp.sin(q[0] + 0.2) * v[-1]


def check_energy(energy):
    rng = np.random.default_rng(182)
    for d in (3, 1, 2):
        q, v = rng.normal(size=(2, d))
        p, f, L = grad(bent, 1)(q, v), grad(bent, 0)(q, v), bent(q, v)
        mistakes = {
            "L has to be subtracted, not added.": v @ p + L,
            "The sign is turned: v·∂L/∂v − L.": L - v @ p,
            "The derivative is by the velocity, ∂L/∂v: grad(L, 1).": v @ f - L,
            "This is v·∂L/∂v alone; subtract L.": v @ p,
            "The momentum is not v: take ∂L/∂v.": v @ v - L,
            "The momentum is multiplied by v, not by q.": q @ p - L,
            "There is no half here: for L = v²/2 the term v·∂L/∂v is v², and v² − v²/2 is right.": v @ p / 2 - L,
            "This is minus L.": -L,
        }
        got = as_array(energy(bent, q, v), "the energy")
        if got.shape != ():
            raise Wrong(f"the energy has shape {got.shape}; one number was expected: v·∂L/∂v is a sum.")
        expected = v @ p - L
        wrong = {text: x for text, x in mistakes.items() if abs(x - expected) > 1e-9}
        same_values(got, expected, 1e-11, "the energy", wrong)
    return "Right for 1, 2 and 3 positions, and for a Lagrangian that is not quadratic in the velocities."


energy = Exercise(
    energy,
    check_energy,
    hints=(
        "grad(L, 1) is a function: it takes q and v, and returns the derivative by the second argument.",
        "p = grad(L, 1)(q, v) has the shape of v. The product v·p is v @ p, one number.",
        "return v @ grad(L, 1)(q, v) - L(q, v)",
    ),
)


# ---- 4 -------------------------------------------------------------------------------------------------


def gauge_term(F, q, v):
    """dF(q)/dt along a path that passes q with the velocity v, for F: (d,) -> number, which autograd can
    differentiate. q, v: (d,). Returns a number.
    """
    return grad(F)(q) @ v


def check_gauge_term(gauge_term):
    rng = np.random.default_rng(183)
    F = lambda q: anp.sin(q[0] + 0.4) * anp.sum(q**2) + 0.5 * q[-1]  # noqa: E731
    for d in (3, 1, 2):
        q, v = rng.normal(size=(2, d))
        g = grad(F)(q)
        mistakes = {
            "The velocity is missing: by the chain rule dF/dt = ∇F·v.": g.sum(),
            "∇F is taken at v. It belongs to the position q.": grad(F)(v) @ v,
            "This is F times v, not its derivative.": F(q) * v.sum(),
            "∇F is multiplied by q. The chain rule multiplies by v = dq/dt.": g @ q,
            "The sign is turned.": -(g @ v),
            "This is F itself, not dF/dt.": F(q),
            "F(q + v) − F(q) is a difference over a whole unit of time. dF/dt is a derivative.": F(q + v) - F(q),
        }
        got = as_array(gauge_term(F, q, v), "dF/dt")
        if got.shape != ():
            raise Wrong(f"dF/dt has shape {got.shape}; one number was expected: ∇F·v is a sum.")
        same_values(got, g @ v, 1e-9, "dF/dt", mistakes)
    return "Right for 1, 2 and 3 positions."


gauge_term = Exercise(
    gauge_term,
    check_gauge_term,
    hints=(
        "F depends on time through q only. Which rule differentiates F(q(t))?",
        "The chain rule: dF/dt = Σ ∂F/∂q_i · v_i.",
        "return grad(F)(q) @ v",
    ),
)


quiz = Quiz(
    Question(
        "We have recorded the joint angles of a robot arm and their rates. Its masses are not known, friction is "
        "negligible. Which network fits?",
        {
            "a": "A Hamiltonian one, with the rates as momenta.",
            "b": "A Lagrangian one.",
            "c": "Neither, because without masses no energy can be learned.",
        },
        "b",
        {
            "a": "The momenta of an arm depend on its masses and on its pose. Rates are something else.",
            "b": "It needs positions and velocities only, and learns the mass matrix.",
            "c": "The masses are in L, and L is learned. Only a common factor stays undecided.",
        },
    ),
    Question(
        "Which step from L to the acceleration can fail?",
        {
            "a": "The solve with the mass matrix ∂²L/∂v².",
            "b": "The product C v, where the matrix C is not symmetric.",
            "c": "The gradient ∂L/∂q, if L depends on the velocities.",
        },
        "a",
        {
            "a": "M may be singular. Then no acceleration, or more than one, satisfies the equation. Random "
            "networks have such points.",
            "b": "C need not be symmetric; a product always exists.",
            "c": "L depends on both, and each derivative holds the other argument fixed.",
        },
    ),
    Question(
        "Two trainings of the same network end with the same accelerations. Are their Lagrangians equal?",
        {
            "a": "Yes, up to a constant: the accelerations at all states determine L, as slopes do a function.",
            "b": "Not necessarily: c L + dF(q)/dt + a constant has the same accelerations.",
            "c": "Yes, because both networks have seen the same data.",
        },
        "b",
        {
            "a": "A factor c and a term ∇F(q)·v are undecided as well.",
            "b": "And so the learned L must not be compared with T − V by its values.",
            "c": "The data are accelerations. They say nothing about what leaves accelerations unchanged.",
        },
    ),
    Question(
        "What does a Lagrangian network conserve, whatever its weights?",
        {
            "a": "The true energy of the system, once the training has gone on for long enough.",
            "b": "The value of L.",
            "c": "v·∂L/∂v − L of its own L, along exact solutions.",
        },
        "c",
        {
            "a": "Only as well as it has learned. Its own energy is what it conserves exactly.",
            "b": "T − V goes up and down all the time; T + V is constant.",
            "c": "For the true L this is T + V. A solver adds its own error, as in lesson 16.",
        },
    ),
    Question(
        "A double pendulum starts high up. Two networks are compared at a time that is 20 Lyapunov times later. What "
        "do their distances from the true angles say?",
        {
            "a": "Which of the two has learned the better field.",
            "b": "Hardly anything: a nudge has grown by e to the power 20 by then, so both are lost.",
            "c": "Which of the two conserves energy.",
        },
        "b",
        {
            "a": "By then every network, and every solver, is far from the true angles.",
            "b": "Compare angles within the Lyapunov time, and energies beyond it.",
            "c": "The energy can be kept by a path that is lost, and lost by one that is near.",
        },
    ),
)
