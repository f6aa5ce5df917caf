"""Homework 3, the self-checks of parts 3 and 4: trace_estimate, probe_variance, log_density_estimate, step4."""

from itertools import product

import hw3_tried as tried
import numpy as np
from handin import SelfCheck

from nodekit.classroom.checks import as_array, same_values, several
from nodekit.classroom.watch import Wrong


def number(value, what):
    value = as_array(value, what)
    if value.shape != () or value.dtype.kind == "c" or not np.isfinite(value):
        raise Wrong(f"{what} is one finite number; yours is {str(value)[:60]}.")
    return float(value)


def trace_estimate(vjp, d, probes, rng):
    """The signature that the check expects."""


def check_trace_estimate(trace_estimate):
    J = tried.matrices(np.random.default_rng(30))[1]
    trace, d, n, rng, values, seen = np.trace(J), len(J), 3, np.random.default_rng(31), [], []
    for _ in range(600):
        vjp = tried.Recorded(lambda v: J.T @ np.reshape(as_array(v, "what vjp is called with"), d), 1000)
        values.append(number(trace_estimate(vjp, d, n, rng), "the estimate"))
        if len(vjp.probes) != n:
            raise Wrong(
                f"For {n} probes vjp was called {len(vjp.probes)} times; one product for a probe was asked for."
            )
        seen += vjp.probes
    if np.ptp(values) == 0:
        raise Wrong("The estimate is the same each time. Draw new probes from rng in each call.")
    seen, mean, error = np.array(seen), np.mean(values), np.std(values) / np.sqrt(len(values))
    signs = bool((np.abs(seen) == 1).all())
    if abs(seen.mean()) > 0.1:
        raise Wrong(f"The mean of your probes' entries is {seen.mean():.2f}: +1 and -1 are to be equally likely.")
    if abs(mean - trace) > 5 * error:
        size = np.mean(seen**2)
        for words, factor in (
            (f"The entries of your probes have the mean square {size:.2f}, and it has to be 1.", size),
            (f"Divide by the number of probes: the mean of {n} is wanted.", n),
            ("It is divided twice by the number of probes.", 1 / n),
        ):
            if abs(factor - 1) > 0.05 and abs(mean - factor * trace) < 5 * error:
                raise Wrong(words)
        raise Wrong(f"The mean of {len(values)} estimates is {mean:.2f} ± {error:.2f}, and the trace is {trace:.2f}.")
    if not signs:
        raise Wrong(f"Unbiased, with a variance of {np.var(values):.1f}. Entries of ±1 have a smaller one: take those.")
    return (
        f"The mean of {len(values)} estimates is {mean:.2f} ± {error:.2f}, the trace {trace:.2f}; one product a probe."
    )


trace_estimate = SelfCheck(
    trace_estimate,
    check_trace_estimate,
    hints=(
        "vᵀ J v is the sum of v_i J_ij v_j over all i, j. Which of these have the mean 0, which the mean J_ii?",
        "vjp(v) is Jᵀ v. What is its scalar product with v? Take the mean over the probes.",
        "v = rng.choice([-1.0, 1.0], d) is a probe; vjp(v) @ v is its estimate.",
    ),
)


def probe_variance(J):
    """The signature that the check expects."""


def check_probe_variance(probe_variance):
    for seed, d in ((1, 3), (2, 5), (3, 1), (4, 4)):
        J = np.random.default_rng(seed).normal(size=(d, d))
        right = np.var([np.array(v) @ J @ np.array(v) for v in product((-1.0, 1.0), repeat=d)])  # over all probes
        diagonal, off = np.diag(J) ** 2, np.sum(J**2) - np.sum(np.diag(J) ** 2)
        mistakes = {
            "This is half of it. v_i v_j and v_j v_i are the same random number: each pair counts at once.": right / 2,
            "This is twice as much.": 2 * right,
            "This is the variance of normal probes. Those of ±1 make no error on the diagonal.": right
            + 2 * diagonal.sum(),
            "The off-diagonal entries count as sums J_ij + J_ji: where one is the other's negative, nothing is left.": (
                2 * off
            ),
            "The off-diagonal entries count as sums J_ij + J_ji, not each for itself.": off,
            "This is the standard deviation. The variance is its square.": np.sqrt(right),
        }
        given = {words: np.float64(v) for words, v in mistakes.items() if abs(v - right) > 1e-9}
        what = f"the variance for a matrix of size {d}"
        same_values(np.float64(number(probe_variance(J.copy()), what)), np.float64(right), 1e-10, what, given)
    return "Equal to the variance over all probes of ±1, for four matrices."


probe_variance = SelfCheck(
    probe_variance,
    check_probe_variance,
    hints=(
        "vᵀ J v = tr J + a sum over pairs i < j of (J_ij + J_ji) v_i v_j. The products v_i v_j are ±1.",
        "Products of different pairs are uncorrelated, and each has the variance 1. So the variances add up.",
        "The sum of (J_ij + J_ji)² over the pairs i < j. np.triu(..., 1) keeps what is above the diagonal.",
    ),
)


def log_density_estimate(f, vjp, log_base, x, T, rng):
    """The signature that the check expects."""


def check_log_density_estimate(log_density_estimate):
    probes = [check_one_estimate(log_density_estimate, seed) for seed in range(8)]
    if len(np.unique(probes, axis=0)) == 1:
        raise Wrong("Right for your probe, which is the same in every call: draw it from rng.")
    return "Right for the probes that you drew, and each is held along its solve."


def check_one_estimate(log_density_estimate, seed):
    """On the field (1 + t) A x, which is solved exactly. Returns the probe. Raises Wrong."""
    random = np.random.default_rng([33, seed])
    A, x, T = random.normal(size=(3, 3)) / 2, random.normal(size=3), float(random.uniform(0.6, 1.2))
    rates, V = np.linalg.eig(A)
    clock = T + T**2 / 2

    def carried(clock):
        return (V @ (np.exp(rates * clock) * np.linalg.solve(V, x.astype(complex)))).real

    vjp = tried.Recorded(lambda t, x, v: (1 + t) * A.T @ v, tried.MOST)
    arguments = (lambda t, x: (1 + t) * A @ x), vjp, tried.log_normal, x, T, np.random.default_rng(seed)
    try:
        got = number(log_density_estimate(*arguments), "the estimate")
    except Wrong:
        if len(vjp.probes) < tried.MOST:
            raise
        got = np.nan  # it came to no end; the probes say why
    if not vjp.probes:
        raise Wrong("vjp was never called.")
    v = vjp.probes[0]
    if not all(np.array_equal(v, other) for other in vjp.probes):
        if all(np.count_nonzero(other) == 1 for other in vjp.probes[:3]):
            raise Wrong("This is the exact trace, one unit vector after another. One probe of ±1 was asked for.")
        if np.array_equal(v, x):
            raise Wrong("vjp is called with x where the probe belongs: its arguments are t, x, v, in this order.")
        raise Wrong(
            "The probe changes along the solve. Draw it once, before the solve: with a new one in every evaluation "
            "the right-hand side is random, and no step size is small enough for it."
        )
    if (np.abs(v) != 1).any():
        raise Wrong(f"The entries of a probe are to be ±1. Yours is {np.round(v, 2)}.")
    change, base, ahead = clock * (v @ A @ v), tried.log_normal(carried(-clock)), tried.log_normal(carried(clock))
    forward = "You go forward from x. x is at time T: go back to time 0, where the base density is known."
    for words, value in (
        ("The sign of the trace is turned.", base + change),
        ("The trace is missing: this is the base density at the start of the path.", base),
        (forward, ahead - change),
        (forward, ahead + change),
        ("The base density is asked about x itself.", tried.log_normal(x) - change),
    ):
        if abs(value - (base - change)) > 1e-3 and abs(got - value) < 1e-4:
            raise Wrong(words)
    off = abs(got - (base - change)) / max(1, abs(base - change))
    if 2e-6 < off < 1e-3:
        raise Wrong(
            f"Right to {off:.0e}. 1e-5 is asked for, of fields that may be harder, so that this check wants 2e-6. "
            "Tighter tolerances, rtol and atol."
        )
    same_values(np.float64(got), np.float64(base - change), 2e-6, "the estimate with your probe")
    return v


log_density_estimate = SelfCheck(
    log_density_estimate,
    check_log_density_estimate,
    hints=(
        "It is part 2's log density, with an estimate in place of the trace. When is the probe drawn?",
        "Draw v before the solve. The last component's slope is vjp(t, x, v) @ v, and the solve goes from T to 0.",
        "nodekit.solve(lambda t, s: np.append(f(t, s[:-1]), ...), np.append(x, 0.0), (T, 0.0), rtol=1e-8, atol=1e-8)",
    ),
)


def step4(dT, dV, q, p, h):
    """The signature that the check expects."""


def check_step4(step4):
    dT, dV, q, p = tried.separable(40)
    new = several(step4(dT, dV, q, p, 1e-3), "qp")
    for name, old, value in zip("qp", (q, p), new, strict=True):
        if as_array(value, name).shape != old.shape:
            raise Wrong(f"{name} has shape {np.shape(value)}; {old.shape} was expected.")
    moved = np.concatenate([new[0] - q, new[1] - p]) / 1e-3
    for words, slopes in (
        ("The momentum comes before the position: return q, p.", None),
        ("The force is -∂V/∂q: your kicks have the wrong sign.", (dT(p), dV(q))),
        ("The drifts have the wrong sign: q' = +∂T/∂p.", (-dT(p), -dV(q))),
        ("The positions drift by p itself: q' is ∂T/∂p.", (p, -dV(q))),
    ):
        swapped = np.allclose(new[0], p, atol=0.05) and np.allclose(new[1], q, atol=0.05)
        if swapped if slopes is None else np.allclose(moved, np.concatenate(slopes), atol=0.02):
            raise Wrong(words)
    if not np.allclose(moved, np.concatenate([dT(p), -dV(q)]), atol=0.02):
        raise Wrong("For a small h the step does not follow q' = ∂T/∂p, p' = -∂V/∂q. Do the sub-steps add up to h?")
    seeds, lattice = list(range(41, 49)), tried.some_lattice(np.random.default_rng(49))
    found = tried.steps(step4, seeds)
    for rows in (*found["order"], *found["image"], found["back"]):
        for row in rows:
            if isinstance(row, dict):
                raise Wrong(f"In a longer run: {row['error']}")
    order, last = tried.measured_order(np.array(found["order"], float), seeds)
    if max(found["forces"]) > tried.FORCES:
        raise Wrong(f"A step takes {max(found['forces'])} evaluations of ∂V/∂q; {tried.FORCES} are allowed.")
    if not 3.68 < order < 8:
        why = {
            3: "Order 3 is what the sub-steps w₁, w₁, w₀ give: the long one belongs in the middle, w₁, w₀, w₁.",
            1: "Order 1 is what an old q in a kick leaves, or an old p in a drift. Or what you compose is no leapfrog.",
            2: "Sub-steps whose cubes do not cancel leave order 2.",
        }.get(np.round(order), "")
        raise Wrong(f"The measured order is {order:.2f}; 4 was asked for. {why}".strip())
    if last > 2e-5:
        raise Wrong(f"Order {order:.2f}, with an error of {last:.0e} in 64 steps: do the sub-steps add up to h?")
    defect = tried.symplectic_defect(np.array(found["image"], float))
    if not defect < tried.DEFECT / 5:
        raise Wrong(
            f"Order {order:.2f}, and not symplectic: MᵀJM differs from J by {defect:.0e}. Make it of drifts and kicks."
        )
    left = np.abs(np.array(found["back"]) - [np.concatenate(tried.separable(s)[2:]) for s in seeds[:3]]).max()
    if not left < 2e-10:
        raise Wrong(f"Symplectic, but a step by h and one by -h end {left:.0e} from the start: it is not symmetric.")
    early, late = tried.energy_errors(tried.orbit(step4, lattice), lattice)
    most = tried.ENERGY / 5
    if not late < min(most, (1 + tried.GROWTH / 5) * early + 2e-10):
        allowed = f"{most:g} is wanted here" if late >= most else "it grows, which no symplectic method lets it do"
        raise Wrong(f"Along the lattice the energy's error is {early:.0e} at first, {late:.0e} at the end: {allowed}.")
    return (
        f"Order {order:.2f}, {max(found['forces'])} forces a step, symplectic, reversible; the energy's error is "
        f"{early:.0e} at first and {late:.0e} after {tried.ROUNDS} steps."
    )


step4 = SelfCheck(
    step4,
    check_step4,
    seconds=90.0,
    hints=(
        "Make leapfrog a function of its own: half a kick, a drift, half a kick. Then call it three times, or five.",
        "Leapfrog's error is c h³ + O(h⁵). With the sub-steps w h, (1 - 2w) h, w h the sum of cubes has to be 0.",
        "2w³ + (1 - 2w)³ = 0 has the real solution with (1 - 2w) = -2^(1/3) w. The middle step goes backward.",
    ),
)
