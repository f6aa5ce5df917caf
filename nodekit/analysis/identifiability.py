"""Is the library wrong, or can it not be told from these data? (built in lesson 26)

    report = identifiability(theta, change, noise=2**0.5 * sigma, threshold=0.2, names=library.names)
    print(report)                                  # verdict, misfit, condition number, coefficients with their ranges

Three questions, in this order. Does the best that the library can do leave more than the noise? Then a term is missing,
or the rows themselves are off, and `best` says so. If not, does the formula leave more than the noise? Then the
threshold has dropped a term that is needed, and `misfit` says so. If not: does the formula hang on a few of the rows?
Then these data cannot tell, and `agreement`, `low` and `high` say so; the condition number of the library on the data
is the usual cause.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nodekit.analysis.sparse import Numbers, SparseFit, checked, real, sparse_regression

__all__ = ["Report", "identifiability"]

FOUND, WRONG, HIGH, UNTOLD = "found", "library wrong", "threshold too high", "cannot be told"
AGREEMENT = 0.9  # of the bootstraps have to keep the same terms
RANGE = 0.5  # of a coefficient's size may be the half width of its range
DRAWS = 20  # for each bootstrap that is wanted, before it is given up


@dataclass(frozen=True)
class Report:
    """What the data say about a formula, for each of the d components of the target.

    fit: the `SparseFit` to all rows. noise (d,): as given. condition: float, the condition number of the whole library
    on the data, its columns scaled to size one. rank: int, p unless some terms depend exactly on others on these data.
    misfit (d,): the standard deviation of the residual, divided by the noise; about 1 where the formula suffices.
    best (d,): the same of least squares with all terms. bound: what a misfit may be by chance. kept (p, d): in which
    part of the bootstraps a term stayed. agreement (d,): in which part exactly the same terms stayed. low, high (p, d):
    the 5% and 95% quantiles of the coefficients over the bootstraps. verdict: d strings, "found", "library wrong",
    "threshold too high" or "cannot be told". Printed, it is a table.
    """

    fit: SparseFit
    noise: Numbers
    condition: float
    rank: int
    misfit: Numbers
    best: Numbers
    bound: float
    kept: Numbers
    agreement: Numbers
    low: Numbers
    high: Numbers
    verdict: list[str]

    def __str__(self) -> str:
        lines = [f"condition number of the library on these data: {self.condition:.3g}"]
        if self.rank < len(self.fit.names):
            lines.append(f"some terms depend on others on these data: of {len(self.fit.names)} only {self.rank} do not")
        for i, verdict in enumerate(self.verdict):
            lines.append(
                f"component {i}: {verdict}. Misfit {self.misfit[i]:.2f} of the noise (bound {self.bound:.2f}); "
                f"the same terms in {self.agreement[i]:.0%} of the bootstraps"
                + (f". With all terms the misfit is {self.best[i]:.2f}" if verdict == HIGH else "")
            )
            for j in np.flatnonzero(self.fit.kept[:, i]):
                lines.append(
                    f"    {self.fit.names[j]:8s} {self.fit.coefficients[j, i]:+.3g}, "
                    f"from {self.low[j, i]:+.3g} to {self.high[j, i]:+.3g}; kept in {self.kept[j, i]:.0%}"
                )
        return "\n".join(lines)


def identifiability(
    theta: Any,
    target: Any,
    noise: Any,
    threshold: float,
    names: Sequence[str] | None = None,
    bootstraps: int = 200,
    seed: int = 0,
) -> Report:
    """A `Report` on target ≈ theta · c: found, library wrong, threshold too high, or cannot be told from these data.

    theta (n, p), target (n,) or (n, d), threshold, names: as for `sparse_regression`. noise: float or (d,) > 0, the
    standard deviation of the error of a target. bootstraps: int >= 20. seed: of the resampling of the rows.

    The library is wrong where even least squares with all terms has a misfit above 1 + √(12/n), and the threshold is
    too high where only the formula has. For normal errors of rows that are differences of neighbours the square of the
    misfit has the standard deviation √(3/n), so that this is four of its own. What else is wrong with the rows counts
    as the library's: of `integral_rows` of few times, the error of the integrals.
    It cannot be told where the misfit is below, but some terms depend on others exactly, fewer than 90% of the
    bootstraps keep the same terms, or the range of a coefficient that is kept is wider than the coefficient. Rows are
    resampled one by one, as if their errors were independent, and a draw can miss the few rows that a term needs: so it
    says "cannot be told" also where other recordings would have given the same terms.
    A misfit of 1 does not prove that the formula is the law: it holds for what was seen.

    Raises ValueError for what `sparse_regression` refuses, for noise that is not positive or of another shape, for too
    few bootstraps, and where hardly a bootstrap has a row in which no term is zero everywhere.
    Source: B. Efron, Bootstrap methods: another look at the jackknife, Annals of Statistics 7, 1979. Lesson 26.
    """
    theta, target, labels = checked(theta, target, threshold, names)
    (n, p), d = theta.shape, target.shape[1]
    sigma = real("noise", noise)
    if sigma.shape not in ((), (d,)):
        raise ValueError(f"noise has shape {sigma.shape}: one number, or one for each of the {d} components of target.")
    sigma = np.broadcast_to(sigma, (d,))
    if not (np.all(np.isfinite(sigma)) and np.all(sigma > 0)):
        raise ValueError(f"noise={noise!r} must be positive and finite: the standard deviation of a target's error.")
    if bootstraps < 20:
        raise ValueError(f"bootstraps={bootstraps!r}: fewer than 20 say nothing about a range from 5% to 95%.")
    fit = sparse_regression(theta, target, threshold, labels)
    free = np.maximum(n - fit.kept.sum(0), 1)
    misfit = np.sqrt((fit.residual**2).sum(0) / free) / sigma
    scaled = theta / np.sqrt((theta**2).mean(0))
    rank = int(np.linalg.matrix_rank(scaled))
    everything = target - scaled @ np.linalg.lstsq(scaled, target, rcond=None)[0]
    best = np.sqrt((everything**2).sum(0) / max(n - rank, 1)) / sigma
    rng = np.random.default_rng(seed)
    found: list[Numbers] = []
    for _ in range(DRAWS * bootstraps):
        rows = rng.integers(0, n, n)
        if np.all(theta[rows].any(0)) and np.all(target[rows].any(0)):  # else a column is zero in this one
            found.append(sparse_regression(theta[rows], target[rows], threshold, labels).coefficients)
        if len(found) == bootstraps:
            break
    else:
        raise ValueError("some terms are not zero in so few rows that hardly a bootstrap has them: leave them out.")
    profile = np.array(found)
    same = ((profile != 0) == fit.kept).all(1).mean(0)
    low, high = np.quantile(profile, [0.05, 0.95], axis=0)
    bound = 1 + np.sqrt(12 / n)
    verdict: list[str] = []
    for i in range(d):
        j = fit.kept[:, i]
        wide = np.any(high[j, i] - low[j, i] > 2 * RANGE * np.abs(fit.coefficients[j, i]))
        untold = rank < p or same[i] < AGREEMENT or wide
        verdict.append(WRONG if best[i] > bound else HIGH if misfit[i] > bound else UNTOLD if untold else FOUND)
    condition, kept = float(np.linalg.cond(scaled)), (profile != 0).mean(0)
    return Report(fit, sigma, condition, rank, misfit, best, float(bound), kept, same, low, high, verdict)
