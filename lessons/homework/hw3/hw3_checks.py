"""Homework 3, the self-checks: field, divergence, log_density, trace_estimate, probe_variance, log_density_estimate,
step4, learn.

They look at properties of what you wrote, on numbers of their own. What is handed in is looked at on other numbers, and
by another program, so that it helps nobody to satisfy this file alone. Parts 3 and 4: hw3_checks_more.py.
"""

import hw3
import numpy as np
from handin import SelfCheck, in_sizes, numbers
from hw3_checks_more import log_density_estimate, probe_variance, step4, trace_estimate

from nodekit.classroom.checks import as_array, same_values
from nodekit.classroom.watch import Wrong

EXAMPLE = hw3.Trap(mass=1.25, quartic=1.2, square=1.5, tilt=0.3, cooling=0.8, center=0.2, width=0.5)
STATES = np.array([[0.5, -0.4], [-1.3, 0.9], [0.1, 1.5]])
SLOPES = np.array([[-0.32, 0.567286467652], [0.72, 0.378401522492], [1.2, -1.327438407968]])
FRICTION = np.array([0.668216169129, 0.008887197231, 0.784158938645])


def field(x, trap):
    """The signature that the check expects."""


def check_field(field):
    got, p = as_array(field(STATES, EXAMPLE), "the field"), STATES[:, 1]
    drag, q_slope = FRICTION * p, SLOPES[:, 0]
    force, q = SLOPES[:, 1] + drag, STATES[:, 0]
    no_tilt, as_written = force + EXAMPLE.tilt, -EXAMPLE.potential(q)
    made = lambda a, b: np.stack([a, b], 1)  # noqa: E731
    mistakes = {
        "The friction is missing: p' = -∂H/∂q - γ(q) p.": made(q_slope, force),
        "The friction drives: its sign is turned. p' = -∂H/∂q - γ(q) p.": made(q_slope, force + drag),
        "The force has the wrong sign: p' = -∂H/∂q - γ(q) p.": made(q_slope, -force - drag),
        "Force and friction have the wrong sign: p' = -∂H/∂q - γ(q) p.": made(q_slope, drag - force),
        "The tilt is missing: V has a term k₁ q, whose derivative is k₁.": made(q_slope, no_tilt - drag),
        "The force is -V'(q): you have V itself.": made(q_slope, as_written - drag),
        "The friction is γ(q), and not γ₀ everywhere: ask trap.friction.": made(q_slope, force - EXAMPLE.cooling * p),
        "The friction takes -γ(q) p: you have no p in it.": made(q_slope, force - FRICTION),
        "q' is ∂H/∂p = p / mass, not p.": made(p, SLOPES[:, 1]),
        "q' is p / mass, not p · mass.": made(p * EXAMPLE.mass, SLOPES[:, 1]),
        "q' is ∂H/∂p: the square in p²/(2 mass) has the derivative 2p.": made(q_slope / 2, SLOPES[:, 1]),
        "The friction is -γ(q) p, with the momentum and not the velocity.": made(q_slope, force - drag / EXAMPLE.mass),
        "The friction takes momentum alone: q' = ∂H/∂p has none.": made(q_slope - drag, SLOPES[:, 1]),
        "q' has a friction of its own: only p' has one.": made(q_slope - FRICTION * STATES[:, 0], SLOPES[:, 1]),
        "The two are in the other order: (q', p').": SLOPES[:, ::-1],
        "Transposed: a row is a state.": SLOPES.T,
        "The friction depends on where the atom is, γ(q): you ask for γ(p).": made(
            q_slope, force - EXAMPLE.friction(p) * p
        ),
    }
    same_values(got, SLOPES, 1e-8, "the field", mistakes)
    same_values(*in_sizes(got, SLOPES), 4e-9, "the field, in units of its true size,")
    free = as_array(field(STATES, EXAMPLE.without_beam()), "the field")
    same_values(free, made(q_slope, force), 1e-8, "the field without a beam")
    same_values(as_array(field(STATES[:1], EXAMPLE), "the field"), SLOPES[:1], 1e-8, "the field of a single row")
    return "The slopes in the example trap are right, with and without its beam."


field = SelfCheck(
    field,
    check_field,
    hints=(
        "x has a state in each row: q = x[..., 0], p = x[..., 1]. q' = ∂H/∂p, p' = -∂H/∂q - γ(q) p.",
        "By hand: ∂H/∂p = p / mass, and ∂H/∂q = V'(q), a cubic. By machine: autograd.elementwise_grad(trap.energy)(x).",
        "np.stack([p / trap.mass, -(V' of q) - trap.friction(q) * p], axis=-1)",
    ),
)


def divergence(x, trap):
    """The signature that the check expects."""


def check_divergence(divergence):
    p = STATES[:, 1]
    right = -FRICTION
    curved = 3 * EXAMPLE.quartic * STATES[:, 0] ** 2 - EXAMPLE.square
    bend = FRICTION * (STATES[:, 0] - EXAMPLE.center) / EXAMPLE.width**2 * p
    mistakes = {
        "The sign is turned: friction draws states together, so volumes shrink.": -right,
        "This is the friction's force itself. Its derivative by p is wanted.": right * p,
        "This is ∂p'/∂p divided by the mass. The friction is -γ(q) p.": right / EXAMPLE.mass,
        "γ'(q) p is no part of it: p' is differentiated by p only, at a fixed q.": right + bend,
        "γ'(q) p is no part of it: p' is differentiated by p only, at a fixed q. ": right - bend,
        "V''(q) is no part of it: p' is differentiated by p only.": right - curved,
        "V''(q) is no part of it: p' is differentiated by p only. ": right + curved,
        "Without a beam it is 0. Here the beam is on.": 0 * right,
        "One number for each state: yours is summed over them.": right.sum(),
        "This is γ in the middle of the beam. It depends on q.": right * 0 - EXAMPLE.cooling,
        "One number for each state: its shape is that of x without the last axis.": right[:, None],
    }
    mistakes["The friction depends on where the atom is, γ(q): you ask for γ(p)."] = -EXAMPLE.friction(p)
    got = as_array(divergence(STATES, EXAMPLE), "the divergence")
    same_values(got, right, 1e-8, "the divergence", mistakes)
    same_values(*in_sizes(got, right), 4e-9, "the divergence, in units of its true size,")
    nothing = as_array(divergence(STATES, EXAMPLE.without_beam()), "the divergence")
    same_values(nothing, 0 * right, 1e-8, "the divergence without a beam")
    return "Right: the beam makes volumes shrink, and without it they are kept."


divergence = SelfCheck(
    divergence,
    check_divergence,
    hints=(
        "The divergence is ∂q'/∂q + ∂p'/∂p. Which terms of q' hold q, and which of p' hold p?",
        "q' = p / mass holds no q. In p', the force holds no p. What is left?",
        "The derivative of -γ(q) p by p. It is a number for each row of x, from trap.friction.",
    ),
)


CLOUD = hw3.Cloud(center=(0.9, 0.2), spread=(0.3, 0.5))
POINTS, TIME = np.array([[0.8, 0.5], [-0.9, 0.3], [1.2, -0.6]]), 1.5
ROWS = (  # trap, log density at the points, their states at time 0, their states after another TIME
    (
        EXAMPLE.without_beam(),
        [-0.919731865041, -31.499639118623, -0.533999005999],
        [[0.494906, 0.016558], [-1.48151, 0.041793], [1.032112, 0.698135]],
        [[1.302645, -0.048073], [-1.224058, -0.657265], [0.488226, -0.3916]],
    ),
    (
        EXAMPLE.in_wide_beam(),
        [-3.815139009277, -36.928139899115, -0.705824994591],
        [[0.053528, 0.939509], [-1.712957, -0.158185], [1.002633, 1.176358]],
        [[1.150132, -0.00672], [-1.157668, -0.433227], [0.771522, -0.045753]],
    ),
    (
        EXAMPLE,
        [-1.590921039024, -31.614002895071, -0.507926261396],
        [[0.246576, 0.535141], [-1.486834, 0.030031], [1.026911, 0.751506]],
        [[1.251393, -0.007782], [-1.220014, -0.643936], [0.610836, -0.168182]],
    ),
)


def log_density(x, t, trap, cloud):
    """The signature that the check expects."""


def check_log_density(log_density):
    got = [as_array(log_density(POINTS, TIME, trap, CLOUD), "the log density") for trap, *_ in ROWS]
    unbraked = CLOUD.log_density(np.array(ROWS[0][2]))
    for value, (trap, right, start, later) in zip(got, ROWS, strict=True):
        right, then = np.array(right), CLOUD.log_density(np.array(start))
        growth, ahead = right - then, CLOUD.log_density(np.array(later))
        here, there = TIME * trap.friction(POINTS[:, 0]), TIME * trap.friction(np.array(start)[:, 0])
        mistakes = {
            "The sign of the trace is turned: with friction the states come together, and their density rises.": (
                then - growth
            ),
            "The change of log p is missing: this is the cloud's density at the start of the path.": then,
            "The cloud is asked about x itself. Ask about the start of its path.": CLOUD.log_density(POINTS) + growth,
            "The cloud is asked about x itself, and nothing is added.": CLOUD.log_density(POINTS),
            "The friction is not that at x: it changes along the path. Integrate it with the path.": then + here,
            "The friction is not that at the start: it changes along the path. Integrate it.": then + there,
            "You go forward from x. x is the state at time t: go back to time 0, where the cloud is known.": ahead,
            "The states are carried without the beam. It slows them down, too: use the whole field.": unbraked + growth,
            "This is the density. Its logarithm is wanted.": np.exp(right),
            "One number for each state, (n,).": right[:, None],
        }
        given = {words: wrong for words, wrong in mistakes.items() if not np.allclose(wrong, right, atol=1e-3)}
        what = "the log density" + ("" if trap.cooling else " without a beam")
        same_values(value, right, 1e-3, what, given)
    off = max(np.abs((v - r) / np.maximum(1, np.abs(r))).max() for v, (_, r, *_) in zip(got, ROWS, strict=True))
    if off > 2e-7:
        raise Wrong(
            f"Right to {off:.0e}. 1e-6 was asked for, in traps that may be harder, so that this check wants 2e-7. "
            "Tighter tolerances, rtol and atol."
        )
    return f"The log density is right without a beam, in a wide and in a narrow one, to {max(off, 1e-12):.0e}."


log_density = SelfCheck(
    log_density,
    check_log_density,
    seconds=30.0,
    hints=(
        "Lesson 10, section 5: go back from time t to time 0, with one more number that adds up the trace.",
        "A state of shape (n, 3) does it for all rows at once: (field, divergence). Solve from t to 0.",
        "end = nodekit.solve(both, start, (t, 0.0), rtol=1e-9, atol=1e-9).y[-1], then the cloud's log density at "
        "end[:, :2], and one more column of end to add",
    ),
)


def learn(t, y):
    """The signature that the check expects."""


def check_learn(learn):
    random = np.random.default_rng(5)
    t, y = hw3.recording(EXAMPLE, random)
    x0 = hw3.some_starts(EXAMPLE, hw3.ATOMS, random, largest=1.8, beside=0.15)
    predict = learn(t, y)
    if not callable(predict):
        raise Wrong(f"learn returned a {type(predict).__name__}; a function predict(x0, t) was expected.")
    found = []
    for times in (hw3.SHORT, hw3.LONG):
        try:
            states = numbers(predict(x0.copy(), times.copy()))
        except Exception as error:
            raise Wrong(f"predict raised {type(error).__name__}: {error}") from None
        states, (k, n) = as_array(states, "the prediction"), (len(times), len(x0))
        if states.shape == (n, k, 2):
            raise Wrong(f"The prediction has shape {states.shape}: times come first, {(k, n, 2)}.")
        if states.shape != (k, n, 2):
            raise Wrong(f"The prediction has shape {states.shape}; {(k, n, 2)} was expected.")
        found.append(states)
    short, long = found
    if not np.allclose(short[0], x0, atol=1e-3):
        raise Wrong("At t[0] = 0 the prediction is not x0.")
    error, stay = (hw3.typical(hw3.misses(s, x0, EXAMPLE)) for s in (short, np.broadcast_to(x0, short.shape)))
    change = hw3.energy_change(long, x0, EXAMPLE)
    says = f"The typical error over {hw3.SHORT[-1]:g} units is {error:.3f}, the energy is off by {change:.3f} barriers."
    flipped = short * (1, -1)
    if hw3.typical(hw3.misses(flipped, x0 * (1, -1), EXAMPLE)) < 0.5 * error:
        raise Wrong(f"{says} With p turned it would be less: do you run backward in time?")
    (near, all_near), (kept, all_kept) = ((full / 5, full) for full, _ in (hw3.LEARNED, hw3.KEPT))
    if not error <= near:
        raise Wrong(
            f"{says} All points are for an error up to {all_near:g}, and {near:g} is wanted here, since other traps "
            f"may be harder; atoms that stay where they are have {stay:.2f}."
        )
    if not change <= kept:
        why = "Is it the field that does not conserve, or a solver with too loose a tolerance?"
        raise Wrong(
            f"{says} The error is fine. All points are for an energy that is off by {all_kept:g} at most, and {kept:g} "
            f"is wanted here. {why}"
        )
    return says


learn = SelfCheck(
    learn,
    check_learn,
    seconds=60.0,
    hints=(
        "Lesson 16 trains on slopes. Here there are states only, with noise. Where do slopes come from? A line or a "
        "cubic through a few neighbouring moments gives a state and a slope, both with less noise.",
        "HamiltonianField(Separable(V, T)) with a small tanh network for V and p²/(2m) with one trained number for T. "
        "Adam on the mean squared error of the slopes, some 300 steps, a second or two.",
        "predict solves the field from x0 as a tensor at the times t, with nodekit.solve under torch.no_grad(), and "
        "returns .y.numpy(). For (n, 2) states side by side any Runge–Kutta method does, at 1e-5.",
    ),
)

for check in (trace_estimate, probe_variance, log_density_estimate, step4):
    check._module = globals()  # a student calls them by this file's name
