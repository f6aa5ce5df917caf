"""Every tableau satisfies the order conditions that its stated orders demand, and no bad tableau can be made."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from rooted_trees import residual, trees

import nodekit
from nodekit import methods
from nodekit.methods.explicit import METHODS as EXPLICIT
from nodekit.methods.implicit import METHODS as IMPLICIT
from nodekit.methods.tableau import Row, Tableau

METHODS = EXPLICIT | IMPLICIT

every_method = pytest.mark.parametrize("m", METHODS.values(), ids=METHODS)
explicit_method = pytest.mark.parametrize("m", EXPLICIT.values(), ids=EXPLICIT)
with_error = pytest.mark.parametrize("m", [m for m in METHODS.values() if m.adaptive], ids=lambda m: m.name)
# What double precision leaves of the conditions of methods whose coefficients reach 60.
ROUNDING = 2e-13


def matrix(m):
    """All stages, dense ones included, as a square lower triangle."""
    rows = [*m.a, *(row.a for row in m.dense_rows)]
    a = np.zeros((len(rows), len(rows)))
    for i, row in enumerate(rows):
        a[i, : len(row)] = row
    return a


def test_number_of_rooted_trees():
    """There are 1, 1, 2, 4, 9, 20, 48, 115 rooted trees of 1 to 8 nodes (Cayley 1857)."""
    assert [len(trees(n)) for n in range(1, 9)] == [1, 1, 2, 4, 9, 20, 48, 115]


@every_method
def test_order_conditions(m):
    """b satisfies every condition up to the stated order, and fails one of the next order."""
    a = matrix(m)[: m.stages, : m.stages]
    for n in range(1, m.order + 1):
        assert residual(n, m.b, a) < ROUNDING
    assert residual(m.order + 1, m.b, a) > 1e-7


@with_error
def test_order_of_the_error_estimate(m):
    """The embedded weights b − b_error have order error_order − 1 exactly.

    Three are special: dop853 combines orders 5 and 3, trbdf2's second formula is of order 3, one more than its own,
    and radau's uses f(t, y) as a further stage.
    """
    a = matrix(m)[: m.stages, : m.stages]
    orders = {"dop853": [(m.b_error, 5), (m.b_error_low, 3)], "trbdf2": [(m.b_error, 3)]}
    orders = orders.get(m.name, [(m.b_error, m.error_order - 1)])
    if m.error_start:
        a = np.pad(a, ((1, 0), (1, 0)))
        m = SimpleNamespace(b=(0.0, *m.b))
        orders = [((IMPLICIT["radau"].error_start, *b), order) for b, order in orders]
    for b_error, order in orders:
        embedded = np.subtract(m.b, b_error)
        for n in range(1, order + 1):
            assert residual(n, embedded, a) < ROUNDING
        assert residual(order + 1, embedded, a) > 1e-6


@every_method
def test_dense_order_conditions(m):
    """b(θ) satisfies the conditions up to dense_order − 1 at every θ, which makes the dense output of dense_order."""
    a = matrix(m)
    for theta in (0.0, 0.1, 0.37, 0.5, 0.9, 1.0):
        for n in range(1, max(m.dense_order, 2)):
            assert residual(n, m.weights_at(theta), a, theta) < ROUNDING


@explicit_method
def test_dense_output_joins_the_steps(m):
    """b(0) = 0 and b(1) = b; above order 1 the slopes at both ends are f there, so that it is smooth too."""
    rows = np.array(m.dense_weights)
    ends = [*m.b, *[0] * len(m.dense_rows)]
    assert np.allclose(m.weights_at(0.0), 0, atol=0)
    assert np.allclose(m.weights_at(1.0), ends, atol=1e-12)
    if m.order > 1:
        last = m.stages - 1 if m.fsal else m.stages
        slope_at_1 = rows @ np.arange(1, rows.shape[1] + 1)
        assert np.allclose(rows[:, 0], np.eye(len(rows))[0], atol=1e-12)
        assert np.allclose(slope_at_1, np.eye(len(rows))[last], atol=1e-10)


@every_method
def test_source_is_cited(m):
    """Every method names author and year."""
    assert any(1700 < int(year) < 2100 for year in re.findall(r"\d{4}", m.source))


def test_first_same_as_last_is_derived():
    """bosh3, dopri5, tsit5 and the ESDIRK methods are FSAL; the others are not."""
    fsal = {"bosh3", "dopri5", "tsit5", "trapezoid", "trbdf2", "kvaerno3", "kvaerno5"}
    assert {m.name for m in METHODS.values() if m.fsal} == fsal
    assert {m.family for m in EXPLICIT.values()} == {"explicit"}
    assert {m.family for m in IMPLICIT.values()} == {"implicit"}


def test_an_implicit_method_without_dense_weights():
    """Crouzeix's SDIRK of order 3 (1975) has no slope at either end: its dense output is linear, and the steps hold."""
    g = 0.5 + 3**0.5 / 6
    m = Tableau("crouzeix3", 3, (g, 1 - g), ((g, 0.0), (1 - 2 * g, g)), (0.5, 0.5), "M. Crouzeix, thesis, 1975")
    assert (m.dense_rows, m.dense_weights, m.dense_order) == ((), ((0.5,), (0.5,)), 2)
    y = np.array([1.0])
    sol = nodekit.solve(lambda t, y: -y, y, (0.0, 1.0), method=m, step=0.05)
    assert sol.y[-1] == pytest.approx(np.exp(-1), rel=1e-4)
    assert sol(0.975) == pytest.approx((sol.y[-2] + sol.y[-1]) / 2, rel=1e-14)


def test_dopri5_has_the_error_weights_of_1980():
    """Dormand and Prince's own: 71/57600 first, not two thirds of it as in Shampine's variant."""
    assert METHODS["dopri5"].b_error == pytest.approx(
        [71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40], abs=1e-17
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"c": (0.0, 0.4)}, "row 1 of a sums to 0.5, but c[1] = 0.4"),
        ({"b": (0.1, 1.0)}, "b sums to 1.1, not 1"),
        ({"a": ((), (0.5, 0.0))}, "row 1 of a has 2 entries; an explicit method has 1"),
        ({"a": ((),)}, "c, a and b have 2, 1 and 2 stages"),
        ({"b_error": (1.0, 0.0), "error_order": 2}, "b_error sums to 1.0, not 0"),
        ({"b_error": (1.0, -1.0)}, "b_error is given without error_order"),
        ({"b_error": (1.0, 0.0, -1.0), "error_order": 2}, "b_error has 3 entries for 2 stages"),
        ({"dense_weights": ((1.0,), (0.5,))}, "dense weight 0 at θ = 1 is not b[0]"),
        ({"dense_weights": ((0.0,),)}, "1 rows of dense weights for 2 slopes"),
        (
            {"dense_rows": (Row(1.0, (0.0, 0.9)),), "dense_weights": ((0.0,), (1.0,), (0.0,))},
            "dense row 0 sums to 0.9, but c = 1.0",
        ),
    ],
)
def test_bad_tableau_is_refused(change, words):
    """A tableau whose coefficients contradict each other raises ValueError that says which."""
    good = {"c": (0.0, 0.5), "a": ((), (0.5,)), "b": (0.0, 1.0)}
    Tableau("mine", 2, source="here, 2026", **good)
    with pytest.raises(ValueError, match="tableau 'mine'") as error:
        Tableau("mine", 2, source="here, 2026", **(good | change))
    assert words in str(error.value)


def test_unknown_method_lists_the_known_ones():
    """get('rk5') raises ValueError that repeats the name and lists the methods."""
    with pytest.raises(ValueError, match="'rk5' is not known") as error:
        methods.get("rk5")
    assert all(name in str(error.value) for name in methods.METHODS)
