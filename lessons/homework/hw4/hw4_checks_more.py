"""Homework 4, the self-checks of parts 4 and 5: estimate, log_density_variance, fewest, mean_velocity, fit."""

import hw4
import numpy as np
from handin import SelfCheck
from hw4_known import compared, example, numbers, said, two

from nodekit.classroom.watch import Wrong

tried = hw4.tried


def given(part):
    return hw4.inputs(part, *tried.EXAMPLE)


def estimate(f, vjp, log_base, x, t0, t1, draw, m):
    """The signature that the check expects."""


def check_estimate(estimate):
    sums, starts = (np.array(example()["estimate"][name]) for name in ("K", "start"))
    for (f, x, t0, t1, seed, m, _), K, start in zip(given(4), sums, starts, strict=True):
        random = np.random.default_rng(seed)
        draw = tried.Recorded(
            lambda random=random, seed=seed: tried.noise(random, tried.NOISES[seed % 3]), True, 200 + m
        )
        vjp = tried.Recorded(f.vjp)
        try:
            value = estimate(f, vjp, tried.log_base, x, t0, t1, draw, m)
        except Wrong:
            if len(draw.kept) < 200 + m and len(vjp.kept) < tried.MOST:
                raise
            value = np.nan  # it came to no end; what was drawn says why
        one_estimate(value, K, start, x, draw.kept, vjp.kept, m)
    return "Right for the probes that were drawn, of three kinds of noise, and each is held along its solve."


def one_estimate(value, K, start, x, probes, products, m):
    """Look at one estimate. Raises Wrong."""
    if not probes:
        raise Wrong("draw was never called: each of the m probes comes from it.")
    along = (
        "Probes are drawn along the solve. Draw all m before it: with new ones in every evaluation the right-hand side "
        "is random, and no step size is small enough for it."
    )
    if len(probes) > m + 100:
        raise Wrong(along)
    if len(probes) < m:
        raise Wrong(f"{len(probes)} probes were drawn, and m = {m} were asked for, once each, before the solve.")
    if products and any(np.array_equal(products[0], state) for state in (x, start)):
        raise Wrong("vjp is called with the state where the probe belongs: its arguments are t, x, v, in this order.")
    value = float(numbers(value, (), "the estimate", "one number"))
    probes, more = np.array(probes[:m]), len(probes) > m
    each = np.einsum("ni,ij,nj->n", probes, K, probes)
    base, right = tried.log_base(start), tried.log_base(start) - each.mean()
    for words, wrong in (
        ("The sign of the trace is turned.", base + each.mean()),
        ("The trace is missing: this is the base density at the start of the path.", base),
        (f"The estimates of the probes are added up. Their mean is wanted: divide by m = {m}.", base - each.sum()),
        ("One of the probes alone is used, the first.", base - each[0]),
        ("One of the probes alone is used, the last.", base - each[-1]),
        ("This is the exact trace. The estimate with the probes that were drawn is wanted.", base - np.trace(K)),
        ("The base density is asked about x itself.", tried.log_base(x) - each.mean()),
    ):
        if hw4.miss(wrong, right) > 3e-3 and hw4.miss(value, wrong) < 1e-3:
            raise Wrong(words)
    off = hw4.miss(value, right)
    if off > 5e-3 and more:
        raise Wrong(along)
    if off > 5e-3:
        raise Wrong(
            "Not what the probes that were drawn lead to. Is x taken at t1, and does the solve go to t0, whichever is "
            "the later? With v = e₁, then e₂, then e₃ for the draws the sum of the three would be the exact trace."
        )
    if off > hw4.LIMIT:
        raise Wrong(f"Right to {off:.0e}, and {hw4.LIMIT:g} was asked for. Tighten the tolerances of your solve.")


estimate = SelfCheck(
    estimate,
    check_estimate,
    seconds=60.0,
    hints=(
        "It is part 1's log density for one state, with an estimate in place of the trace. When are the probes drawn?",
        "All m before the solve. In the right-hand side the mean of vjp(t, x, v) @ v over them is the trace.",
        "nodekit.solve(lambda t, s: np.append(f(t, s[:3]), np.mean([...])), np.append(x, 0.0), (t1, t0), ...)",
    ),
)


def log_density_variance(f, jacobian, x, t0, t1, noise):
    """The signature that the check expects."""


def check_log_density_variance(log_density_variance):
    worst = 0.0
    for noise in tried.NOISES:
        got = [
            numbers(log_density_variance(f, f.jacobian, x, t0, t1, noise), (), "the variance", "one number")
            for f, x, t0, t1, *_ in given(4)
        ]
        advice = (
            "The estimate is base - vᵀ K v with K the integral of the Jacobian along the path. For signs you can go "
            "through all eight probes, and for the others through many."
        )
        worst = max(worst, compared(noise, got, f"the variance with {noise} noise", advice))
    return f"The variances are right for eight fields and three kinds of noise, {said(worst)}."


log_density_variance = SelfCheck(
    log_density_variance,
    check_log_density_variance,
    seconds=60.0,
    hints=(
        "One probe is held, so the integral of vᵀ J v is vᵀ K v, with K the integral of J along the path. Of which "
        "matrix is the variance wanted?",
        "K: solve for nine numbers beside the state, from t1 to t0. Its sign does not matter here. Then lesson 11, "
        "section 3, with S = ½ (K + Kᵀ).",
        "Sphere: Σ_ij S_ii S_jj E[v_i² v_j²] + 2 Σ_{i≠j} S_ij² E[v_i² v_j²], less (tr S)², with the moments that the "
        "text gives.",
    ),
)


def fewest(f, jacobian, x, t0, t1, error):
    """The signature that the check expects."""


def check_fewest(fewest):
    rows = list(zip(given(4), example()["fewest"], strict=True))
    for (f, x, t0, t1, _, _, error), (noise, m) in rows:
        own, count = two(fewest(f, f.jacobian, x, t0, t1, error), "the kind of noise and m")
        if not isinstance(own, str) or own not in tried.NOISES:
            raise Wrong(f"The first is one of {', '.join(tried.NOISES)}, as text; yours is {str(own)[:40]}.")
        count = float(numbers(count, (), "the number of probes", "one number"))
        if own != noise:
            raise Wrong(
                f"{own.capitalize()} noise is not the best for each of the fields: for one of them {noise} needs fewer "
                "probes. Compare the three variances. Which entries of S does each of them see?"
            )
        exact = m * error**2
        for words, wrong in (
            (
                "The mean of m probes has the variance V/m, and error is a standard deviation: V/m = error².",
                exact / error,
            ),
            ("The standard deviation falls like 1/√m: m is not √V / error, but its square.", np.sqrt(exact) / error),
            ("This is V / error² with twice the variance.", 2 * m),
        ):
            if abs(count - wrong) <= 1 + 0.01 * wrong and abs(wrong - m) > 2 + 0.03 * m:
                raise Wrong(words)
        if abs(count - m) > 1 + 0.01 * m:
            raise Wrong(f"The kind of noise is right, and the number is not: {m} probes are the fewest, not {count:g}.")
        if count < m - 0.5:
            raise Wrong("Round up: with one probe less the standard deviation is above error.")
    return "The best noise and the fewest probes for eight fields: signs here, the sphere there."


fewest = SelfCheck(
    fewest,
    check_fewest,
    seconds=60.0,
    hints=(
        "How does the variance of a mean fall with the number of probes?",
        "V/m ≤ error², with the variance V of one probe by your log_density_variance. Which noise has the least V?",
        "min over the three kinds; m = V / error², rounded up with np.ceil.",
    ),
)


def mean_velocity(t, x, pump):
    """The signature that the check expects."""


def check_mean_velocity(mean_velocity):
    got = []
    for t, x, pump in given(5)[0]:
        value = numbers(mean_velocity(t, x, pump), x.shape, "the velocity", "a row for each state", finite=False)
        if not np.isfinite(value).all():
            where = " Nothing may be divided by t." if t == 0 else ""
            raise Wrong(f"The velocity is not finite at t = {t:.2f}.{where} At time 0 all ends are as likely anywhere.")
        got.append(value)
    advice = (
        "At time 0 it is the mean of all ends less x. Later: take 200,000 pairs, those that are near x at t, and the "
        "mean of their x1 - x0, as lesson 23 does in section 2."
    )
    off = compared("mean_velocity", got, "the mean velocity", advice)
    return f"The mean velocity is right for six pumps, at time 0 too, {said(off)}."


mean_velocity = SelfCheck(
    mean_velocity,
    check_mean_velocity,
    hints=(
        "Given x, the walkers' ends and starts hang together: x = (1 - t) x0 + t x1. It is enough to know one "
        "of the two means.",
        "x is a noisy reading: a share t of it is left, and the noise has the size 1 - t. Lesson 22 says what the mean "
        "noise in x has to do with the score of part 2.",
        "E[x0 | x] = -(1 - t) score(x, t, 1 - t, pump), and E[x1 | x] = (x - (1 - t) E[x0 | x]) / t for t > 0.",
    ),
)


def fit(features, readings, rng):
    """The signature that the check expects."""


def check_fit(fit):
    _, _, readings, features, seed = given(5)
    theta = fit(features, readings, np.random.default_rng(seed))
    if np.shape(theta) == (3, features.size):
        raise Wrong(f"theta has the shape {np.shape(theta)}: transposed. v is features(t, x) @ theta.")
    theta = numbers(theta, (features.size, 3), "theta", "a column for each component")
    rows = [(t, np.array(x), np.array(u)) for t, x, u in example()["walkers"]]
    t, x, u = (np.concatenate([np.broadcast_to(row[i], row[2].shape) for row in rows]) for i in range(3))
    t = t[:, :1]
    v, turned = features(t, x) @ theta, features(1 - t, x) @ theta
    error = hw4.misfit(v, u)
    if error <= hw4.LEARNED:
        return f"Its squared error is {error:.3f} of that of the field 0, up to {hw4.LEARNED:g} was asked for."
    for words, wrong in (
        ("The sign is turned: a walker goes from x0 to x1.", hw4.misfit(v, -u)),
        (
            "Your field is the mean end of the walkers, E[x1 | x]. Their velocity is x1 - x0.",
            hw4.misfit(v, x + (1 - t) * u),
        ),
        (
            "Your field is the mean start of the walkers, E[x0 | x]. Their velocity is x1 - x0.",
            hw4.misfit(v, x - t * u),
        ),
        (
            "The walkers' times are turned: at time 0 they are at x0, the noise, and at time 1 at a reading.",
            hw4.misfit(turned, u),
        ),
        ("The walkers have no starts: x0 is standard normal.", 2 * hw4.misfit(features(t, t * x) @ theta, x)),
    ):
        if wrong < min(0.1, 0.5 * error):
            raise Wrong(words)
    if error < 1:
        raise Wrong(
            f"The error is {error:.2f} of that of the field 0, and {hw4.LEARNED:g} is asked for. It points the "
            "right way: are there tens of thousands of walkers, and is the regression at its least?"
        )
    raise Wrong(
        f"The error is {error:.2f} of that of the field 0: worse than no field. Are there tens of thousands of "
        "walkers, each with a time of its own, uniform between 0 and 1? Are place and velocity of the same walker?"
    )


fit = SelfCheck(
    fit,
    check_fit,
    seconds=60.0,
    hints=(
        "Lesson 23, section 1: walkers at random times, and a regression on their velocities. Which line of its "
        "training is left where the field is linear in theta?",
        "Draw tens of thousands of starts, ends and times. phi = features(t, x) has a row for each walker.",
        "The least squares of phi @ theta - (x1 - x0): phi.T @ phi + a little times the identity, and np.linalg.solve.",
    ),
)
