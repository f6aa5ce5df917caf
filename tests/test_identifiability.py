"""The report on a formula: found, library wrong, or cannot be told; each where it is known which of them holds."""

import numpy as np
import pytest

from nodekit.analysis.identifiability import identifiability
from nodekit.analysis.sparse import sparse_regression

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
    ],
)
def test_bad_arguments(change, words):
    theta, target = data(0)
    with pytest.raises(ValueError, match=words):
        identifiability(**{"theta": theta, "target": target, "noise": 0.1, "threshold": 0.1, **change})
