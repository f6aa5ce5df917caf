"""Homework 1: well posed for every variant, right answers, and judged as data, no more strictly than the checks say."""

import math
import sys

import numpy as np
import pytest

import nodekit
from tests.homework.bank_hw1 import HOMEWORK, answers, hw1, like, one_newton
from tests.homework.conftest import MANY

pytestmark = pytest.mark.slow(seconds=100)

judging, more = sys.modules["judging"], sys.modules["hw1_checks_more"]
checks, hand_in, earned = HOMEWORK.checks, HOMEWORK.hand_in, HOMEWORK.earned
FULL = {1: 12, 2: 18, 3: 24, 4: 16, 5: 20}


@pytest.mark.parametrize("variant", MANY)
def test_every_variant_is_well_posed(variant):
    """The cells fire and settle on a cycle; those at rest are stable; each matrix dies out, and two of them turn."""
    for secret in (0, 99 + variant):
        for cell in hw1.inputs(5 if secret == 0 else 4, variant, secret):
            rounds = np.diff(answers.upstrokes(cell))
            assert len(rounds) == hw1.SPIKES - 1
            assert abs(rounds[-1] / rounds[-2] - 1) < 1e-7
        cells, matrices = hw1.inputs(2, variant, secret)
        for cell in cells:
            at_rest = answers.rest(cell)
            assert np.abs(answers.field(at_rest, cell)).max() < 1e-9
            assert (np.linalg.eigvals(answers.jacobian(at_rest, cell)).real < -0.1).all()
        eigenvalues = [np.linalg.eigvals(matrix) for matrix in matrices]
        assert all((values.real < 0).all() for values in eigenvalues)
        assert [bool(np.iscomplex(values).any()) for values in eigenvalues] == [False, False, True, True]


@pytest.mark.parametrize(("variant", "secret"), [(1, 0), (23, 5), (4096, 31)])
def test_the_judge_gives_the_reference_full_marks(variant, secret):
    """Part by part, on the numbers that a student sees (secret 0) and on others."""
    HOMEWORK.assert_full_marks(FULL, variant, secret)


def test_answers_of_another_secret_or_variant_are_worth_nothing():
    """What was right on other numbers is wrong: parts 1 to 4. Part 5 is a choice, which may well be right elsewhere."""
    for part in (1, 2, 4):
        assert earned(part, 7, 5, hand_in(part, 7, 0))[0] == 0
        assert earned(part, 7, 0, hand_in(part, 8, 0))[0] == 0
    assert earned(3, 7, 5, hand_in(3, 7, 0))[0] <= 16  # R(z) and the stiff end depend little on the numbers


def test_the_longest_step_is_the_longest():
    """The judge's own number: just below it a step does not grow, just above it one does."""
    for seed in range(5):
        J = np.random.default_rng(seed).normal(size=(2, 2))
        J -= (np.linalg.eigvals(J).real.max() + 0.3) * np.eye(2)
        for method in ("euler", "dopri5"):
            H = answers.largest_stable_step(J, method)
            for h, stable in ((0.3 * H, True), (H * (1 - 1e-9), True), (H * (1 + 1e-6), False)):
                step = [
                    nodekit.solve(lambda t, y, J=J: J @ y, e, (0, h), method=method, step=h).y[-1] for e in np.eye(2)
                ]
                assert (np.abs(np.linalg.eigvals(np.transpose(step))).max() <= 1) == stable


METHODS = {"trapezoid": 16, "implicit_euler": 8, "trbdf2": 24, "kvaerno3": 16, "implicit_midpoint": 15.5, "midpoint": 8}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_part_3_is_judged_by_behaviour(name):
    """Another L-stable method of order 2 has full marks, in the self-check too; another kind of method loses points."""

    step = like(name)
    got = earned(3, 7, 5, hand_in(3, 7, 5, implicit_step=step))
    assert got[0] == pytest.approx(METHODS[name], abs=0.1), got[1]
    assert bool(checks.implicit_step.check(lambda f, jac, t, x, h: step(f, jac, t, x, h))) == (name == "trbdf2")


SETTINGS = [
    ({}, 6, 6.01),
    ({"method": "dopri5", "rtol": 1e-4, "atol": 1e-6}, 6.5, 9),
    ({"method": "radau", "rtol": 1e-4, "atol": 1e-6}, 15, 19.9),
    ({"method": "bdf", "rtol": 1e-2, "atol": 1e-2}, 0, 0),
    ({"method": "euler", "step": 1e-3}, 0, 0),
]


WORTHLESS = {
    "zeros": lambda f, jac, t, x, h: 0.0 * x,
    "it stays": lambda f, jac, t, x, h: x,
    "small, but no step": lambda f, jac, t, x, h: x / (1 + abs(f(t, x))),
}


@pytest.mark.parametrize("name", WORTHLESS)
def test_part_3_wants_a_method_before_it_looks_at_R(name):
    """What makes everything small is no L-stable method: nothing for R either."""
    points, message = earned(3, 7, 5, hand_in(3, 7, 5, implicit_step=WORTHLESS[name]))
    assert points == 0
    assert "R does not count" in message


@pytest.mark.parametrize("variant", [1, 7, 101])
def test_what_a_self_check_accepts_is_worth_its_points(variant, capsys):
    """Near misses: the check refuses what the judge refuses. A step of 0.9995 H; one Newton iteration."""
    largest = HOMEWORK.solution["largest_stable_step"]
    near = lambda J, method: largest(J, method) * (1 - 5e-4)  # noqa: E731
    assert not checks.largest_stable_step.check(near)
    assert "The relative error may be 1e-6" in capsys.readouterr().out
    assert 12 < earned(2, variant, 5, hand_in(2, variant, 5, largest_stable_step=near))[0] < 15
    exact = lambda J, method: largest(J, method) * (1 + 1e-7)  # noqa: E731
    assert checks.largest_stable_step.check(exact)
    assert not checks.implicit_step.check(one_newton)
    assert "1e-3 is allowed" in capsys.readouterr().out


def test_the_stiff_end_is_no_harder_at_grading():
    """On forty draws the methods that the self-check accepts, the reference and TR-BDF2, stay within its own bound: the
    judge's is five times as wide.
    """
    steps = {"reference": HOMEWORK.solution["implicit_step"], "TR-BDF2": like("trbdf2")}
    for secret in range(1, 41):
        for mu in hw1.inputs(3, 7, secret)[2]:
            (f, jac, x0), truth = hw1.van_der_pol(mu), hw1.stiff_end(mu)
            for name, step in steps.items():
                off = np.abs(hw1.march(step, f, jac, x0, 0.5, 10) - truth).max()
                assert off < more.STIFF == answers.SLACK * 1e-3 / 5, name


BOUNDS = [(1, {"field": 1e-9, "jacobian": 1e-9}, 40), (2, {"rest": 1e-8, "largest_stable_step": 1e-6}, 40),
          (4, {"period": 1e-6}, 2)]  # fmt: skip


@pytest.mark.parametrize(("part", "bounds", "draws"), BOUNDS)
def test_a_self_check_wants_a_fifth_of_what_the_judge_allows(part, bounds, draws):
    """An error just above a fifth is refused at home, and five times as much has all points, on every draw."""
    right = HOMEWORK.solution | {"largest_stable_step": answers.largest_stable_step}

    def off(name, share):
        return lambda *given: right[name](*given) * (1 + share * bounds[name])

    for name in bounds:
        assert not getattr(checks, name).check(off(name, 0.25))
    for secret in range(1, draws + 1):
        got = earned(part, 7, secret, hand_in(part, 7, secret, **{name: off(name, 0.99) for name in bounds}))
        assert got[0] == FULL[part], got[1]


def test_little_is_lost_by_a_little():
    """An error of twice what is allowed costs a few per cent, and ten times the last bound leaves nothing."""
    right = HOMEWORK.solution["period"]
    points = [
        earned(4, 7, 5, hand_in(4, 7, 5, period=lambda c, e=e: right(c) * (1 + e)))[0] for e in (2e-6, 1e-4, 2e-3)
    ]
    assert 14 < points[0] < 16
    assert 7 < points[1] < 9
    assert points[2] == 0
    rows = [
        judging.worth(error, {1e-6: 16.0, 1e-4: 8.0})
        for error in (0.0, 1e-6, 1e-5, 1e-4, 3e-4, 1e-3, math.inf, math.nan)
    ]
    assert rows[:4] == pytest.approx([16, 16, 12, 8])
    assert 0 < rows[4] < 8
    assert rows[5:] == [0, 0, 0]


def test_an_accurate_setting_loses_nothing_by_luck():
    """What passes the self-check has all points; bdf at 3e-5, near it, is refused there, and loses a part at most."""
    assert np.isclose(5 * more.NEAR, answers.SETTING_SLACK * hw1.TARGET)
    for secret in (1, 2):
        assert earned(5, 7, secret, hand_in(5, 7, secret, setting=answers.REFERENCE))[0] == 20
    edge = {"method": "bdf", "rtol": 3e-5, "atol": 3e-7}
    assert not checks.setting(edge, HOMEWORK.solution["field"])
    assert earned(5, 7, 1, hand_in(5, 7, 1, setting=edge))[0] > 12


@pytest.mark.parametrize(("setting", "low", "high"), SETTINGS)
def test_part_5_falls_with_the_cost(setting, low, high):
    """6 points for a default that is exact enough, more for a cheaper one, none for one that is not exact."""
    got = earned(5, 7, 5, hand_in(5, 7, 5, setting=setting))
    assert low <= got[0] <= high, got[1]


ODD_SETTINGS = [None, 3, "bdf", [], {"jac": 1}, {"method": ["bdf"]}, {"method": "no"}, {"rtol": "1e-3"}, {"rtol": True},
                {"rtol": math.nan}, {"rtol": -1.0}, {"step": 1e-9}, {"max_step": 1e-9}, {"controller": "x"},
                {"first_step": -1.0}, {"max_steps": 10**9}]  # fmt: skip


@pytest.mark.parametrize("setting", ODD_SETTINGS, ids=str)
def test_odd_settings_are_worth_nothing(setting):
    """A setting that is none, or that nodekit refuses, has 0 points and one sentence; it takes no long run."""
    points, message = earned(5, 7, 5, hand_in(5, 7, 5, setting=setting))
    assert points == 0
    assert message


ODD = [
    None,
    3,
    [],
    {},
    {"field": 1},
    {"field": [1] * 6},
    {"field": [[1, 2, 3]] * 6},
    {"field": [["x", {}]] * 6},
    {"field": [["nan", "inf"]] * 6},
    {"field": [[[1]], [1e400, 0]] * 3},
    {"field": [{"error": 1}] * 6},
    {"order": [1], "decay": {}, "stiff": "x"},
    {"order": [[1, 2], [3]]},
    {"period": [[1], None]},
    {"period": [True, 10**400]},
    {"rest": [[0, 0]] * 4, "euler": [0] * 4, "dopri5": [-1] * 4},
    {"setting": {"error": 1}},
]


@pytest.mark.parametrize("part", FULL)
@pytest.mark.parametrize("answer", ODD, ids=lambda a: str(a)[:40])
def test_odd_answers_are_worth_nothing(part, answer):
    """Whatever comes out of a notebook is data: it has 0 points and a sentence, and raises nothing else."""
    points, message = earned(part, 7, 5, answer)
    assert points == 0
    assert message
