"""Homework 3, the instructor's half: what is right, for any variant, and how many points an answer is worth.

It is never released, and runs in a process of its own that sees of a submission nothing but data. `judge` is what
grading.py asks; LIMITS bounds a submission's run; `files` is what a release holds besides notebook and modules.
"""

import hw3
import hw3_tried as tried
import numpy as np
from judging import array, by_parts, compared, flat, share, summed, worth

import nodekit
from nodekit.classroom.watch import Wrong

BY_HAND = {"step4": ("nodekit", "scipy", "torch")}  # and what it must not use
LIMITS = {"memory_gb": 3.0, "cell_seconds": 120, "notebook_seconds": 400}


# ---- what is right -------------------------------------------------------------------------------------


def field(x, trap):
    q, p = x[..., 0], x[..., 1]
    force = -trap.quartic * q**3 + trap.square * q - trap.tilt
    return np.stack([p / trap.mass, force - trap.friction(q) * p], -1)


def divergence(x, trap):
    return -trap.friction(x[..., 0])


def log_density(x, t, trap, cloud):
    """To some 1e-9: the trajectories back to time 0, with the friction that they met."""

    def f(time, s):
        return np.concatenate([field(s[:, :2], trap), trap.friction(s[:, :1])], 1)

    start = np.concatenate([x, np.zeros((len(x), 1))], 1)
    end = nodekit.solve(f, start, (t, 0.0), method="dopri8", rtol=1e-11, atol=1e-11).y[-1]
    return cloud.log_density(end[:, :2]) - end[:, 2]


def probe_variance(J):
    S = (J + J.T) / 2
    return 2 * (np.sum(S**2) - np.sum(np.diag(S) ** 2))


def log_density_with(probe, f, vjp, x, T):
    """The estimate of log p that one probe gives, held along the solve."""

    def both(t, s):
        return np.append(f(t, s[:-1]), vjp(t, s[:-1], probe) @ probe)

    end = nodekit.solve(both, np.append(x, 0.0), (T, 0.0), method="dopri8", rtol=1e-10, atol=1e-10).y[-1]
    return tried.log_normal(end[:-1]) + end[-1]


def files(variant):
    """{name: text} to release beside the notebook: a camera's recording of atoms in the variant's trap, no beam."""
    t, y = hw3.recording(hw3.drawn(variant)[0], hw3.rng(variant, 9, 0))
    rows = (f"{i},{t_k:.2f},{q:.4f},{p:.4f}" for i, atom in enumerate(y) for t_k, (q, p) in zip(t, atom, strict=True))
    return {"recording.csv": "\n".join(["atom,t,q,p", *rows, ""])}


# ---- what an answer is worth ---------------------------------------------------------------------------


def judge_field(answer, given):
    slopes, traces = [field(x, trap) for x, trap in given], [divergence(x, trap) for x, trap in given]
    return summed([compared(answer, "field", slopes, {2e-8: 8}), compared(answer, "divergence", traces, {2e-8: 6})])


def judge_density(answer, given):
    """4 points without a beam, 6 in a wide one, 8 in a narrow one: to 1e-6; by the logarithm down to half for 1e-3."""
    got, why = array(answer, "log density", (len(given), len(given[0][0])))
    right = np.array([log_density(*row) for row in given])
    off = (np.abs(got - right) / np.maximum(1, np.abs(right))).max(axis=1)
    rows = []
    for kind, where, points in (
        ("no beam", slice(2), 4.0),
        ("a wide beam", slice(2, 4), 6.0),
        ("a narrow beam", slice(4, 7), 8.0),
    ):
        part = max(np.mean(off[where] <= 1e-6), worth(off[where].max(), {1e-6: 1.0, 1e-3: 0.5}))
        rows.append((points * float(part), f"{kind}: off by {off[where].max():.1e}"))
    points, message = summed(rows)
    return points, why or message


def judge_traces(answer, given):
    """3 + 3 points for a mean and a variance, 4 for the formula, 6 for log densities with one probe held."""
    matrices, seeds = given
    got, why = array(answer, "trace", (len(matrices), tried.REPEATS))
    lowest = np.array([probe_variance(J) for J in matrices]) / tried.PROBES
    normal = np.array([np.sum(((J + J.T) / 2) ** 2) * 2 for J in matrices]) / tried.PROBES
    off = np.abs(got.mean(axis=1) - [np.trace(J) for J in matrices]) / np.sqrt(normal / tried.REPEATS)
    unbiased = answer.get("products") == [tried.REPEATS * tried.PROBES] * len(matrices) and off.max() < 5
    ratio = float(np.mean(got.var(axis=1) / lowest))
    why = (
        why or f"trace: the mean is off by {off.max():.1f} standard errors, products {str(answer.get('products'))[:40]}"
    )
    rows = [(3.0 * unbiased, why), (3.0 * (unbiased and ratio < 1.3), f"variance / that of ±1 probes: {ratio:.2f}")]
    rows.append(compared(answer, "variance", [probe_variance(J) for J in matrices], {1e-9: 4}))
    return summed([*rows, judge_probes(answer, seeds)])


def judge_probes(answer, seeds):
    n = len(seeds) - 3
    got, why = array(answer, "log density", (n,))
    probes, short = array(answer, "probe", (n, 5))
    held = answer.get("held")
    if why or short or not isinstance(held, list):
        return 0.0, why or short or "held: nothing was handed in"
    if [h is True for h in held] != [True] * n:
        return 0.0, "log density: the probe changes along a solve"
    if (np.abs(probes) != 1).any() or np.abs(probes.mean()) > 0.7 or len(np.unique(probes, axis=0)) < 5:
        return 0.0, "log density: a probe is ±1 at random, anew in each call"
    right = []
    for i, probe in enumerate(probes):
        f, vjp, x, T = tried.smooth(seeds[3 + i // 4])
        right.append(log_density_with(probe, f, vjp, x, T))
    off = np.abs(got - right) / np.maximum(1, np.abs(right))
    return 6.0 * float(
        np.mean([worth(one, {1e-5: 1.0, 1e-3: 0.5}) for one in off])
    ), f"log density: off by {off.max():.1e}"


def judge_steps(answer, given):
    """9 points for the order, 4 for the symplectic form, 2 for reversibility, 5 for the energy along a lattice."""
    seeds, lattice = given
    starts = np.array([np.concatenate(tried.separable(seed)[2:]) for seed in seeds])
    got, why = array({"order": flat(answer.get("order"))}, "order", (len(seeds) * len(tried.COUNTS), 4))
    order, last = tried.measured_order(got.reshape(len(seeds), -1, 4), seeds)
    forces = answer.get("forces")
    forces = max(forces) if isinstance(forces, list) and forces and all(isinstance(n, int) for n in forces) else 0
    right = order < 8 and last < 1e-4 and 1 <= forces <= tried.FORCES
    rows = [
        (
            9.0 * right * float(np.clip((order - 3.2) / 0.4, 0, 1) if right else 0),
            why or f"order {order:.2f}, {forces} forces a step ({tried.FORCES} are allowed)",
        )
    ]

    got, why = array({"image": flat(answer.get("image"))}, "image", (24, 4))
    defect = tried.symplectic_defect(got.reshape(3, 8, 4))
    rows.append((4.0 * (defect < tried.DEFECT and order > 0.8), why or f"MᵀJM - J: {defect:.1e}"))
    got, why = array(answer, "back", (3, 4))
    left = np.abs(got - starts[:3]).max()
    rows.append((2.0 * (left < 1e-9 and order > 0.8), why or f"a step and one back: {left:.1e}"))
    return summed([*rows, judge_orbit(answer, lattice)])


def judge_orbit(answer, lattice):
    """2 points where the energy's error at the end is that of the beginning, 3 where it is small, too."""
    if isinstance(answer.get("orbit"), dict):
        return 0.0, f"orbit: {str(answer['orbit'].get('error', 'no numbers'))[:200]}"
    got, why = array(answer, "orbit", (2 * tried.KEPT, 16))
    early, late = tried.energy_errors(got, lattice)
    moving = (np.abs(got[:, :8] - got[0, :8]).max(axis=0) * lattice.kappa).max() > 0.5
    steady = moving and late <= (1 + tried.GROWTH) * early + 1e-9 and late < 0.5
    points = 2.0 * bool(steady) + 3.0 * bool(steady and late < tried.ENERGY)
    return points, why or f"energy's error: {early:.1e} at first, {late:.1e} after {tried.ROUNDS} steps"


def judge_learnt(answer, given):
    """10 points for predictions over 12 units of time, 12 for the energy after 110; the latter not without the first.

    An error is the root mean square over the times, in the trap's length and momentum; its geometric mean over the
    atoms counts. An energy is in barriers.
    """
    trap, _, _, x0 = given
    if isinstance(answer.get("short"), dict):
        raise Wrong(f"learn: {str(answer['short'].get('error', 'no numbers'))[:200]}")
    got, why = array(answer, "short", (len(hw3.SHORT), len(x0), 2))
    error = hw3.typical(hw3.misses(got, x0, trap))
    right = share(error, *hw3.LEARNED)
    rows = [(10 * right, why or f"error {error:.3f}, full points up to {hw3.LEARNED[0]:g}")]
    got, why = array(answer, "long", (len(hw3.LONG), len(x0), 2))
    change = hw3.energy_change(got, x0, trap)
    words = why or f"energy off by {change:.3f}, full points up to {hw3.KEPT[0]:g}"
    rows.append((12 * right * share(change, *hw3.KEPT), words))
    return summed(rows)


judge = by_parts(hw3.inputs, judge_field, judge_density, judge_traces, judge_steps, judge_learnt)
