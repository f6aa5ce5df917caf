"""Sparse regression over a library of named terms: against polynomials with known coefficients, and its errors."""

import numpy as np
import pytest
import torch

import nodekit
from nodekit.analysis.sparse import Library, integral_rows, polynomial, sparse_regression


def populations(m=51, end=5.0):
    """Lotka–Volterra, 1.3 u − 0.9 u v and 0.8 u v − 1.8 v: t (m,), y (m, 2), at uneven times."""
    t = end * np.linspace(0, 1, m) ** 1.2
    f = lambda t, y: np.array([1.3 * y[0] - 0.9 * y[0] * y[1], 0.8 * y[0] * y[1] - 1.8 * y[1]])  # noqa: E731
    return t, nodekit.solve(f, np.array([0.44, 4.6]), t, rtol=1e-10, atol=1e-12).y


def data(n=40, seed=0):
    """theta (n, 4), of columns of very different sizes, and targets (n, 2) with two and one of them, and their c."""
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=(n, 4)) * [1.0, 1e-3, 50.0, 7.0] + [0.5, 0.0, 3.0, 0.0]
    c = np.array([[0.0, -2.0], [800.0, 0.0], [0.0, 0.0], [0.3, 0.0]])
    return theta, theta @ c + 1e-3 * rng.normal(size=(n, 2)), c


def test_names_and_values_of_a_polynomial():
    """The terms of degree 2 in three components, written out."""
    library = polynomial(["a", "b", "c"], 2)
    assert library.names == ["1", "a", "b", "c", "a²", "a·b", "a·c", "b²", "b·c", "c²"]
    y = np.random.default_rng(0).normal(size=(5, 4, 3))
    a, b, c = y[..., 0], y[..., 1], y[..., 2]
    expected = np.stack([0 * a + 1, a, b, c, a * a, a * b, a * c, b * b, b * c, c * c], -1)
    assert np.allclose(library(y), expected, rtol=1e-14)
    assert np.allclose(library(torch.tensor(y)).numpy(), expected, rtol=1e-14)
    assert polynomial(["x"], 3).names == ["1", "x", "x²", "x³"]
    assert library.without("a·b", "1").names == ["a", "b", "c", "a²", "a·c", "b²", "b·c", "c²"]


def test_finds_the_terms_and_their_coefficients():
    theta, target, c = data()
    fit = sparse_regression(theta, target, 0.05, ["p", "q", "r", "s"])
    assert np.array_equal(fit.kept, c != 0)
    assert np.allclose(fit.coefficients, c, rtol=2e-3)
    assert np.allclose(fit.residual, target - theta @ fit.coefficients)
    assert fit.rounds == 2


def test_shares_are_sizes_of_contributions():
    theta, target, _ = data()
    fit = sparse_regression(theta, target, 0.0)
    contributions = np.sqrt(((theta[:, :, None] * fit.coefficients) ** 2).mean(0))
    assert np.allclose(np.abs(fit.shares), contributions / np.sqrt((target**2).mean(0)))
    assert np.array_equal(np.sign(fit.shares), np.sign(fit.coefficients))


@pytest.mark.parametrize("units", [(1e3, 1.0), (1.0, 1e-4), (60.0, 1e5)])
def test_units_change_no_term(units):
    """Columns and targets in other units: the same terms, the same shares, coefficients in the other units."""
    theta, target, _ = data(seed=2)
    column, time = np.array([1.0, units[0], units[0] ** 2, 1 / units[0]]), units[1]
    plain, other = sparse_regression(theta, target, 0.1), sparse_regression(theta * column, target * time, 0.1)
    assert np.allclose(plain.shares, other.shares, rtol=1e-8)
    assert np.allclose(other.coefficients, plain.coefficients * time / column[:, None], rtol=1e-8)


def test_dropped_terms_come_one_round_after_the_other():
    """The rounds written out by hand: fit, drop the small shares, fit the rest; a term can fall in a later round."""
    rng = np.random.default_rng(5)
    theta = rng.normal(size=(30, 5))
    theta[:, 1] += 2 * theta[:, 0]
    target = theta @ [1.0, 0.5, 0.25, 0.12, 0.06] + 0.3 * rng.normal(size=30)
    keep, rounds = list(range(5)), 0
    while True:
        c = np.linalg.lstsq(theta[:, keep], target, rcond=None)[0]
        rounds += 1
        sizes = [abs(x) * np.linalg.norm(theta[:, j]) / np.linalg.norm(target) for x, j in zip(c, keep, strict=True)]
        left = [j for j, size in zip(keep, sizes, strict=True) if size >= 0.13]
        if left == keep:
            break
        keep = left
    fit = sparse_regression(theta, target, 0.13)
    assert np.flatnonzero(fit.coefficients[:, 0]).tolist() == keep
    assert np.allclose(fit.coefficients[keep, 0], c)
    assert fit.rounds == rounds > 1


def test_nothing_is_kept_above_all_shares():
    theta, target, _ = data()
    fit = sparse_regression(theta, target, 100.0)
    assert not fit.kept.any()
    assert np.array_equal(fit.residual, target)
    assert fit.formula(1) == "0"


def test_formula_says_the_largest_share_first():
    theta, target, _ = data()
    fit = sparse_regression(theta, target, 0.05, ["p", "q", "r", "s"])
    assert fit.formula(0, digits=2) == "0.3 s +8e+02 q"
    assert fit.formula(1, digits=2) == "−2 p"


def test_rows_are_integrals():
    """Over cubic paths the rule is exact at inner intervals: the rows of dy/dt = known + library · c close there."""
    t = np.array([0.0, 0.1, 0.3, 0.4, 0.6, 0.7, 1.0])
    y = np.stack([t, 2 - t], 1)
    library = polynomial(["u", "v"], 1)
    theta, change = integral_rows(library, t, y, lambda t, y: 3 * y * [1.0, -2.0])
    assert np.allclose(theta, np.diff(np.stack([t, t**2 / 2, 2 * t - t**2 / 2], 1), axis=0))
    known = np.stack([1.5 * t**2, -12 * t + 3 * t**2], 1)
    assert np.allclose(change, np.diff(y - known, axis=0))


def test_integrals_are_of_order_four_inside():
    """Halving the distance of the times divides the error of an inner interval's integral by 2⁵."""
    errors = []
    for m in (21, 41):
        t = np.linspace(0, 2, m)
        theta, _ = integral_rows(Library({"s": lambda y: np.sin(3 * y[..., 0])}), t, t[:, None])
        exact = -np.diff(np.cos(3 * t)) / 3
        errors.append(np.abs(theta[:, 0] - exact)[2:-2].max())
    assert 4.7 < np.log2(errors[0] / errors[1]) < 5.3


def test_populations_are_found_and_forecast():
    """Lotka–Volterra's two terms from exact states at uneven times; the field of the fit goes on as the truth does."""
    t, y = populations()
    library, known = polynomial(["u", "v"], 2), lambda t, y: y * [1.3, -1.8]
    fit = sparse_regression(*integral_rows(library, t, y, known), 0.1, library.names)
    assert [np.array(library.names)[fit.kept[:, i]].tolist() for i in (0, 1)] == [["u·v"], ["u·v"]]
    assert np.allclose(fit.coefficients[4], [-0.9, 0.8], rtol=1e-2)
    exact = np.zeros((6, 2))
    exact[4] = [-0.9, 0.8]
    later = nodekit.solve(library.field(exact, known), y[0], t, rtol=1e-10, atol=1e-12)
    assert np.allclose(later.y, y, rtol=1e-7)


def test_field_on_tensors():
    library = polynomial(["u", "v"], 2)
    c = np.random.default_rng(0).normal(size=(6, 2))
    y = np.random.default_rng(1).normal(size=(4, 2))
    on_torch = library.field(c, lambda t, y: t * y)(2.0, torch.tensor(y)).numpy()
    assert np.allclose(on_torch, library(y) @ c + 2 * y)
    assert np.allclose(library.field(c)(2.0, y), library(y) @ c)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"theta": np.ones((5, 2)), "target": np.ones(4)}, "need equal n"),
        ({"theta": np.ones((2, 3)), "target": np.ones(2)}, "2 rows cannot tell 3 terms apart"),
        ({"threshold": -0.1}, "threshold=-0.1 must be at least 0"),
        ({"threshold": float("nan")}, "threshold=nan"),
        ({"threshold": np.array([0.1, 0.2])}, "must be at least 0"),
        ({"theta": data()[0] * (1 + 1j)}, "theta must be real numbers, got complex128"),
        ({"target": data()[1] * 1j}, "target must be real numbers, got complex128"),
        ({"names": ["a"]}, "1 names for 4 columns"),
        ({"target": np.zeros(40)}, "'component 0 of target' is zero in every row"),
        ({"target": np.full(40, np.inf)}, "'component 0 of target' has numbers that are not finite"),
        ({"theta": data()[0] * [1, 1, 0, 1]}, "'term 2' is zero in every row"),
        ({"theta": data()[0] * [1, np.nan, 1, 1]}, "'term 1' has numbers that are not finite"),
    ],
)
def test_bad_regression(change, words):
    theta, target, _ = data()
    arguments = {"theta": theta, "target": target, "threshold": 0.1, **change}
    with pytest.raises(ValueError, match=words):
        sparse_regression(**arguments)


@pytest.mark.parametrize(
    ("t", "y", "words"),
    [
        ([0.0, 1.0], np.ones((2, 2)), "three or more increasing times"),
        ([0.0, 2.0, 1.0], np.ones((3, 2)), "three or more increasing times"),
        ([0.0, 1.0, 2.0], np.ones(3), "needs y \\(m, d\\) with m = 3"),
        ([0.0, 1.0, 2.0], np.ones((4, 2)), "needs y \\(m, d\\) with m = 3"),
        ([0.0, 1.0, 2.0], np.array([[1.0, 2.0], [np.nan, 1.0], [1.0, 1.0]]), "the changes of y are not"),
    ],
)
def test_bad_rows(t, y, words):
    with pytest.raises(ValueError, match=words):
        integral_rows(polynomial(["u", "v"], 1), t, y)


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (lambda t, y: y[:, :1], "known\\(t, y\\) has the shape \\(3, 1\\), and \\(3, 2\\) was expected"),
        (lambda t, y: y * 1j, "known\\(t, y\\) must be real numbers"),
    ],
)
def test_bad_known_parts(known, words):
    """One column would have been taken off both components, and an imaginary part dropped."""
    with pytest.raises(ValueError, match=words):
        integral_rows(polynomial(["u", "v"], 1), [0.0, 1.0, 2.0], np.ones((3, 2)), known)


@pytest.mark.parametrize("names", [["u", "u"], ["u", "v", "u"], ["a", "a²"], ["1", "x"]])
def test_names_that_are_taken_twice(names):
    """Of two terms with one name the second would have replaced the first."""
    with pytest.raises(ValueError, match="names that tell its terms apart"):
        polynomial(names, 2)


@pytest.mark.parametrize("state", [np.ones((4, 3)), np.ones(1), torch.ones(3), np.array(1.0)])
def test_states_of_another_dimension(state):
    """A third component would have been left out without a word."""
    with pytest.raises(ValueError, match="a polynomial in 2 names is for states"):
        polynomial(["u", "v"], 1)(state)


@pytest.mark.parametrize("state", [np.ones((4, 2)), torch.ones(2)], ids=["array", "tensor"])
@pytest.mark.parametrize("term", [lambda y: 1.0, lambda y: y[..., :1]], ids=["a float", "a column"])
def test_terms_of_another_shape(term, state):
    with pytest.raises(ValueError, match="the term 'c' at y"):
        Library({"u": lambda y: y[..., 0], "c": term})(state)


@pytest.mark.parametrize("state", [np.ones((4, 2)), torch.ones(2)], ids=["array", "tensor"])
def test_fields_of_another_shape(state):
    """Coefficients for one equation would have been added to both components of what is known; and the other way."""
    library = polynomial(["u", "v"], 1)
    with pytest.raises(ValueError, match="library\\(y\\) · coefficients has the shape"):
        library.field(np.ones((3, 1)), lambda t, y: 0 * y)(0.0, state)
    with pytest.raises(ValueError, match="known\\(t, y\\) has the shape"):
        library.field(np.ones((3, 2)), lambda t, y: y[..., :1])(0.0, state)


def test_bad_libraries():
    with pytest.raises(ValueError, match="at least one term"):
        Library({})
    with pytest.raises(TypeError, match="the term 'x' must be a function of y, got float"):
        Library({"x": 1.0})
    with pytest.raises(ValueError, match="a name for each component and degree >= 0"):
        polynomial([], 2)
    with pytest.raises(ValueError, match="no term 'w' to leave out; there are 1, u, v"):
        polynomial(["u", "v"], 1).without("w")
    with pytest.raises(ValueError, match="coefficients must be \\(3, d\\)"):
        polynomial(["u", "v"], 1).field(np.ones((2, 2)))
