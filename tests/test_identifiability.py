"""The report on a formula: found, library wrong, or cannot be told; each where it is known which of them holds."""

import numpy as np
import pytest

import nodekit
from nodekit.analysis.identifiability import identifiability
from nodekit.analysis.sparse import integral_rows, polynomial, sparse_regression

NAMES = ["a", "b", "c"]


def data(seed, n=60, near=1.0, noise=0.1):
    """theta (n, 3), whose first two columns differ by `near` times a third; targets 2 a − 0.5 c and 3 b, with noise."""
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=(n, 3)) * [1.0, 1.0, 4.0] + [0.3, 0.0, 1.0]
    theta[:, 1] = theta[:, 0] + near * theta[:, 1]
    return theta, theta @ np.array([[2.0, 0.0], [0.0, 3.0], [-0.5, 0.0]]) + noise * rng.normal(size=(n, 2))


@pytest.mark.parametrize("seed", range(5))
def test_found(seed):
    theta, target = data(seed)
    report = identifiability(theta, target, 0.1, 0.1, NAMES)
    assert report.verdict == ["found", "found"]
    assert np.all((report.misfit > 0.7) & (report.misfit < report.bound))
    assert report.fit.kept.T.tolist() == [[True, False, True], [False, True, False]]
    c = report.fit.coefficients
    assert np.all((report.low <= c) & (c <= report.high))
    assert np.all(report.agreement > 0.95)


@pytest.mark.parametrize("seed", range(5))
def test_library_wrong(seed):
    """Without the column c the first target is not explained, and the second is."""
    theta, target = data(seed)
    report = identifiability(theta[:, :2], target, 0.1, 0.1)
    assert report.verdict == ["library wrong", "found"]
    assert report.misfit[0] > 5


@pytest.mark.parametrize("seed", range(5))
def test_cannot_be_told(seed):
    """The columns a and b differ by a thousandth, less than what the noise leaves: the misfit is small all the same."""
    theta, target = data(seed, near=1e-3, noise=0.3)
    report = identifiability(theta, target, 0.3, 0.05, NAMES)
    assert report.verdict == ["cannot be told", "cannot be told"]
    assert np.all(report.misfit < report.bound)
    assert report.condition > 500


def test_condition_does_not_depend_on_units():
    theta, target = data(0)
    plain = identifiability(theta, target, 0.1, 0.1).condition
    assert np.isclose(identifiability(theta * [1e3, 1.0, 1e-5], target, 0.1, 0.1).condition, plain)
    sizes = np.sqrt((theta**2).mean(0))
    assert np.isclose(plain, np.linalg.cond(theta / sizes))


def test_misfit_and_bound_written_out():
    """Each component with its own noise, and with as many numbers taken off as it has terms."""
    theta, target = data(1)
    report = identifiability(theta, target, [0.1, 0.2], 0.1)
    left = target - theta @ sparse_regression(theta, target, 0.1).coefficients
    assert np.allclose(
        report.misfit, [np.sqrt((left[:, 0] ** 2).sum() / 58) / 0.1, np.sqrt((left[:, 1] ** 2).sum() / 59) / 0.2]
    )
    assert np.isclose(report.bound, 1 + np.sqrt(12 / 60))


def test_the_bound_is_four_deviations_of_differences():
    """Rows that are differences of neighbours: the standard deviation of their misfit is a quarter of the margin."""
    rng, n = np.random.default_rng(0), 60
    differences = np.diff(rng.normal(size=(4000, n + 1)), axis=1) / 2**0.5
    misfit = np.sqrt((differences**2).mean(1))
    assert np.isclose(misfit.std(), np.sqrt(12 / n) / 4, rtol=0.05)


def test_ranges_match_the_theory():
    """The width from 5% to 95% is 3.29 standard deviations of the least-squares coefficient, s² (ΘᵀΘ)⁻¹."""
    theta, target = data(3, n=400)
    report = identifiability(theta, target, 0.1, 0.0, bootstraps=400)
    deviation = 0.1 * np.sqrt(np.diag(np.linalg.inv(theta.T @ theta)))
    assert np.allclose((report.high - report.low) / 3.29, deviation[:, None], rtol=0.25)


def test_seeded():
    theta, target = data(4)
    one, same, other = (identifiability(theta, target, 0.1, 0.1, seed=s) for s in (1, 1, 2))
    assert np.array_equal(one.low, same.low)
    assert not np.array_equal(one.low, other.low)


def test_printed():
    theta, target = data(0)
    text = str(identifiability(theta, target, 0.1, 0.1, NAMES))
    assert "component 0: found. Misfit" in text
    assert "condition number" in text
    assert "kept in 100%" in text
    assert text.count("\n") == 5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"noise": 0.0}, "noise=0.0 must be positive and finite"),
        ({"noise": [0.1, np.nan]}, "must be positive and finite"),
        ({"bootstraps": 5}, "bootstraps=5: fewer than 20"),
        ({"threshold": -1.0}, "threshold=-1.0"),
        ({"noise": np.full(60, 0.1)}, "noise has shape \\(60,\\): one number, or one for each of the 2 components"),
        ({"noise": 1j}, "noise must be real numbers, got complex128"),
    ],
)
def test_bad_arguments(change, words):
    theta, target = data(0)
    with pytest.raises(ValueError, match=words):
        identifiability(**{"theta": theta, "target": target, "noise": 0.1, "threshold": 0.1, **change})


@pytest.mark.parametrize("seed", range(5))
def test_threshold_too_high(seed):
    """The library has the term, and the threshold drops it: not the library is wrong, and the report says so."""
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=(60, 3))
    target = theta @ [1.0, 0.15, 0.0] + 0.02 * rng.normal(size=60)
    for threshold, verdict in ((0.2, "threshold too high"), (5.0, "threshold too high"), (0.05, "found")):
        report = identifiability(theta, target, 0.02, threshold, NAMES)
        assert report.verdict == [verdict]
        assert (report.misfit[0] > report.bound) == (verdict != "found")
        assert report.best[0] < report.bound
        assert ("With all terms the misfit is" in str(report)) == (verdict != "found")


def test_best_written_out():
    """Least squares with all columns, each component with its own noise; the library without c is wrong by it too."""
    theta, target = data(2)
    report = identifiability(theta[:, :2], target, [0.1, 0.2], 0.5)
    left = target - theta[:, :2] @ np.linalg.lstsq(theta[:, :2], target, rcond=None)[0]
    assert np.allclose(report.best, np.sqrt((left**2).sum(0) / 58) / [0.1, 0.2])
    assert report.verdict[0] == "library wrong"


@pytest.mark.parametrize(
    "again", [lambda a, b: a, lambda a, b: -3 * a, lambda a, b: 2 * a - b], ids=["a", "-3a", "2a-b"]
)
def test_columns_that_depend_exactly(again):
    """Every bootstrap keeps the same terms with the same parts, but which of them is right cannot be told."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 60))
    theta, target = np.stack([a, again(a, b), b], 1), a + 0.008 * rng.normal(size=60)
    report = identifiability(theta, target, 0.008, 0.1, NAMES)
    assert report.verdict == ["cannot be told"]
    assert report.rank == 2
    assert "of 3 only 2 do not" in str(report)
    assert identifiability(*data(0), 0.1, 0.1).rank == 3


def test_terms_of_single_rows():
    """Each row has a term of its own, so that a bootstrap without one of them is the rule: an end, and its reason."""
    with pytest.raises(ValueError, match="not zero in so few rows that hardly a bootstrap has them"):
        identifiability(np.eye(20), np.random.default_rng(0).normal(size=20), 1.0, 0.2)


def test_a_term_of_a_few_rows():
    """One that half of the bootstraps miss is no reason to give up: there are as many bootstraps as were wanted."""
    rng = np.random.default_rng(1)
    theta = np.stack([rng.normal(size=40), np.arange(40) == 7], 1)
    report = identifiability(theta, theta @ [1.0, 3.0] + 0.1 * rng.normal(size=40), 0.1, 0.1, bootstraps=100)
    assert np.allclose(report.kept * 100, np.round(report.kept * 100))
    assert report.kept[1, 0] == 1


def test_few_times_count_as_a_wrong_library():
    """As the docstring says: right terms, noise of half a percent, and integrals of every fifth time only."""
    t = np.linspace(0, 5, 51)
    y = nodekit.solve(lambda t, y: [1.3 * y[0] - 0.9 * y[0] * y[1], 0.8 * y[0] * y[1] - 1.8 * y[1]], [0.44, 4.6], t).y
    sigma = 0.005 * y.mean(0)
    y = y + sigma * np.random.default_rng(0).normal(size=y.shape)
    known, library = lambda t, y: y * [1.3, -1.8], polynomial(["u", "v"], 2)
    verdicts = [
        identifiability(*integral_rows(library, t[::k], y[::k], known), 2**0.5 * sigma, 0.2, bootstraps=50).verdict
        for k in (1, 5)
    ]
    assert verdicts == [["found", "found"], ["library wrong", "library wrong"]]
