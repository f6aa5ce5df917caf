"""Homework 4, the instructor's half: how many points an answer is worth, for any variant.

It is never released, and runs in a process of its own that sees of a submission nothing but data. `judge` is what
grading.py asks; LIMITS bounds a submission's run; `files` is what a release holds besides notebook and modules. What is
right is in pump_truth.py.
"""

from pathlib import Path

import hw4
import numpy as np
import pump_truth as right
from judging import array, by_parts, share, summed

from nodekit.classroom.watch import Wrong

LIMITS = {"memory_gb": 3.0, "cell_seconds": 120, "notebook_seconds": 400}
FULL, NONE = 1e-3, 1e-2  # full points up to the first error, none from the second on; the self-checks ask for 1e-4
FIT, NO_FIT = 0.25, 0.45  # the same for a field that was fitted, in shares of |u|²; the self-check asks for 0.05
COUNT, NO_COUNT = 0.05, 0.7  # the same for |log(m / fewest)|; one probe more or less is right


def files(variant):
    """{name: text} to release beside the notebook: readings of the variant's pump, and the self-checks' example."""
    readings = hw4.drawn(variant)[0].sample(hw4.READINGS, hw4.rng(variant, 9, 0))
    rows = (",".join(f"{value:.3f}" for value in row) for row in readings)
    example = Path(__file__).with_name("example.json").read_text(encoding="utf-8")
    return {"readings.csv": "\n".join(["x1,x2,x3", *rows, ""]), "example.json": example}


def near(answer, name, correct, points):
    """(points, message) for answer[name] against the rows of `correct`: each row its share, by hw4.miss."""
    correct = np.array(correct, float)
    got, why = array(answer, name, correct.shape)
    off = np.array([hw4.miss(g, r) for g, r in zip(got, correct, strict=True)])
    earned = points * float(np.mean([0.0 if np.isnan(x) else share(x, FULL, NONE) for x in off]))
    if not why and earned < points:
        why = f"{name}: off by {np.max(off):.1e} in the worst of {len(off)} cases, {hw4.LIMIT:g} was asked for"
    return earned, why or f"{name}: right"


def judge_densities(answer, given):
    """10 points for the log density of given states, 2 + 4 for samples and theirs."""
    rows = [(f, f.jacobian, hw4.tried.log_base, x, t0, t1) for f, x, t0, t1 in given]
    out = [right.sample_and_log_density(*row) for row in rows]
    return summed([
        near(answer, "log density", [right.log_density(*row) for row in rows], 10.0),
        near(answer, "sample", [x for x, _ in out], 2.0),
        near(answer, "its log density", [log_p for _, log_p in out], 4.0),
    ])  # fmt: skip


def judge_scores(answer, given):
    return summed([
        near(answer, "noisy log density", [right.noisy_log_density(*row) for row in given], 6.0),
        near(answer, "score", [right.score(*row) for row in given], 10.0),
    ])  # fmt: skip


def judge_flows(answer, given):
    """3 + 3 points for the field and its Jacobian, 10 for the density of its samples."""
    flows = [(right.probability_flow(s, s.jacobian, schedule), t, x) for s, schedule, t, x in given]
    models = [right.model_log_density(s, s.jacobian, schedule, x) for s, schedule, _, x in given]
    return summed([
        near(answer, "flow", [f(t, x) for (f, _), t, x in flows], 3.0),
        near(answer, "jacobian", [jacobian(t, x) for (_, jacobian), t, x in flows], 3.0),
        near(answer, "log density", models, 10.0),
    ])  # fmt: skip


def judge_estimates(answer, given):
    """7 points for estimates with the probes that were drawn, 3 + 2 + 3 for variances, 5 for the fewest probes."""
    sums = [right.summed_jacobian(f, f.jacobian, x, t0, t1) for f, x, t0, t1, *_ in given]
    parts = [judge_probes(answer, given, sums)]
    for noise, points in zip(hw4.tried.NOISES, (3.0, 2.0, 3.0), strict=True):
        parts.append(near(answer, noise, [right.variance_of(K, noise) for K, _ in sums], points))
    return summed([*parts, judge_counts(answer, given, sums)])


def judge_probes(answer, given, sums):
    """Each of the estimates counts its share: it has to be that of the first m probes that were drawn."""
    n, most = len(given), 7.0
    got, why = array(answer, "estimate", (n,))
    draws = answer.get("draws")
    if not isinstance(draws, list) or len(draws) != n:
        return 0.0, "estimate: no probes were handed in"
    earned = 0.0
    for (_, _, _, _, seed, m, _), (K, start), value, drawn in zip(given, sums, got, draws, strict=True):
        random = np.random.default_rng(seed)
        own = np.array([hw4.tried.noise(random, hw4.tried.NOISES[seed % 3]) for _ in range(m)])
        correct = hw4.tried.log_base(start) - np.mean(np.einsum("ni,ij,nj->n", own, K, own))
        off = hw4.miss(value, correct)
        earned += 0.0 if np.isnan(off) else most / n * share(off, FULL, NONE)
        if not off <= FULL:
            why = why or f"estimate: off by {off:.1e}; {str(drawn)[:9]} probes were drawn, {m} asked for"
    return earned, why or "estimate: right"


def judge_counts(answer, given, sums):
    """5 points for (noise, probes): nothing for another noise, by the logarithm for another number."""
    rows, most, earned, why = answer.get("fewest"), 5.0, 0.0, ""
    if not isinstance(rows, list) or len(rows) != len(given):
        return 0.0, "fewest: nothing was handed in"
    for (*_, error), (K, _), row in zip(given, sums, rows, strict=True):
        noise, m = right.fewest_of(K, error)
        if isinstance(row, dict):
            why = why or f"fewest: {str(row.get('error', 'no numbers'))[:200]}"
            continue
        if not (isinstance(row, list) and len(row) == 2) or row[0] not in hw4.tried.NOISES or not is_number(row[1]):
            why = why or "fewest: (noise, m) was asked for"
            continue
        if row[0] != noise:
            why = why or f"fewest: {row[0]}, and {noise} needs fewer"
            continue
        off = 0.0 if abs(row[1] - m) <= 1 else abs(np.log(row[1] / m))
        earned += most / len(given) * share(off, COUNT, NO_COUNT)
        if off > COUNT:
            why = why or f"fewest: {row[1]:.0f} probes, and it takes {m}"
    return earned, why or "fewest: right"


def is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9


def judge_matching(answer, given):
    """8 points for the mean velocity, 14 for the field that was fitted to readings of another pump."""
    rows, pump, _, features, _ = given
    parts = [near(answer, "mean velocity", [right.mean_velocity(*row) for row in rows], 8.0)]
    if isinstance(answer.get("fit"), dict):
        return summed([*parts, (0.0, f"fit: {str(answer['fit'].get('error', 'no numbers'))[:200]}")])
    theta, why = array(answer, "fit", (features.size, 3))
    at = right.judged_at(pump)
    u = np.concatenate([u for _, _, u in at])
    error = hw4.misfit(np.concatenate([features(t, x) @ theta for t, x, _ in at]), u)
    points = 14 * share(error, FIT, NO_FIT) if np.isfinite(error) else 0.0
    words = f"fit: its squared error is {error:.3f} of that of the field 0, full points up to {FIT:g}"
    return summed([*parts, (points, why or words)])


judge = by_parts(hw4.inputs, judge_densities, judge_scores, judge_flows, judge_estimates, judge_matching)
__all__ = ["LIMITS", "Wrong", "files", "judge"]
