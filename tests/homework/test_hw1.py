"""Homework 1: well posed for every variant, right answers, self-checks that name the mistake, judged as data."""

import math

import numpy as np
import pytest

import nodekit
from tests.homework.bank import LIGHT
from tests.homework.conftest import Homework

HOMEWORK = Homework("hw1", LIGHT)
hw1, answers, checks = HOMEWORK.module, HOMEWORK.answers, HOMEWORK.checks
hand_in, earned = HOMEWORK.hand_in, HOMEWORK.earned
FULL = {1: 12, 2: 18, 3: 24, 4: 16, 5: 20}
MANY = [0, 1, 2, 3, 5, 8, 13, 101, 4096, 77777, 10**6, 123456789]


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


@pytest.mark.parametrize(("variant", "secret"), [(1, 0), (4096, 31)])
def test_the_judge_gives_the_reference_full_marks(variant, secret):
    """Part by part, on the numbers that a student sees (secret 0) and on others."""
    for part, points in FULL.items():
        got = earned(part, variant, secret, hand_in(part, variant, secret))
        assert got[0] == points, got[1]


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


METHODS = {"trapezoid": 16, "implicit_euler": 8, "trbdf2": 24, "kvaerno3": 16, "implicit_midpoint": 8, "midpoint": 8}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_part_3_is_judged_by_behaviour(name):
    """Another L-stable method of order 2 has full marks, in the self-check too; another kind of method loses points."""

    def step(f, jac, t, x, h):
        jac = jac if name != "midpoint" else None
        return nodekit.solve(f, x, (t, t + h), method=name, step=h, jac=jac).y[-1]

    got = earned(3, 7, 5, hand_in(3, 7, 5, implicit_step=step))
    assert got[0] == METHODS[name], got[1]
    assert bool(checks.implicit_step.check(lambda f, jac, t, x, h: step(f, jac, t, x, h))) == (name == "trbdf2")


SETTINGS = [
    ({}, 6, 6.01),
    ({"method": "dopri5", "rtol": 1e-4, "atol": 1e-6}, 6.5, 9),
    ({"method": "radau", "rtol": 1e-4, "atol": 1e-6}, 15, 19.9),
    ({"method": "bdf", "rtol": 1e-2, "atol": 1e-2}, 0, 0),
    ({"method": "euler", "step": 1e-3}, 0, 0),
]


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


def wrong_largest(J, method):
    return {"euler": 2.0, "dopri5": 3.3066}[method] / np.abs(np.linalg.eigvals(J)).max()


WRONG = {
    "field": [
        (lambda x, c: np.array([x[0] - x[0] ** 3 / 3 - x[1] + c.current, x[0] + c.a - c.b * x[1]]), "divide by ε"),
        (lambda x, c: np.array([(x[0] - x[0] ** 3 / 3 - x[1]) / c.epsilon, x[0] + c.a - c.b * x[1]]), "current I is"),
        (lambda x, c: np.zeros(2), "off at index [0]"),
    ],
    "jacobian": [
        (lambda x, c: np.array([[(1 - x[0] ** 2) / c.epsilon, 1.0], [-1 / c.epsilon, -c.b]]), "Transposed"),
        (lambda x, c: np.array([[1 - x[0] ** 2, -1.0], [1.0, -c.b]]), "Row 0 is not divided by ε"),
        (lambda x, c: np.array([[7.5, -10.0], [1.0, -0.8]]), "at v = -1.8"),
    ],
    "rest": [
        (lambda c: np.array([-1.2, -0.625]), "and 1 was expected"),
        (lambda c: np.array([-0.625, -1.2]), "the order is (v, w)"),
        (lambda c: np.roots([-1 / 3, 0, 1 - 1 / c.b, c.current - c.a / c.b]), "take the real root"),
    ],
    "largest_stable_step": [
        (wrong_largest, "complex"),
        (lambda J, m: 0.0, "one positive number"),
        (lambda J, m: 1e-6, "only"),
    ],
    "implicit_step": [
        (lambda f, jac, t, x, h: x + h * f(t, x), "blows up"),
        (lambda f, jac, t, x, h: np.linalg.solve(np.eye(len(x)) - h * jac(t, x), x), "does not converge"),
    ],
    "period": [(lambda c: 3.3525, "relative error"), (lambda c: 1.7, "every crossing")],
}


@pytest.mark.parametrize(("name", "wrong", "words"), [(n, w, t) for n, rows in WRONG.items() for w, t in rows])
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_self_checks_name_the_mistake(capsys, name, wrong, words):
    """A plausible wrong answer is refused with words that help."""
    given = wrong
    if name in ("field", "jacobian"):
        given = lambda x, cell: wrong(x, cell)  # noqa: E731
    elif name in ("rest", "period"):
        given = lambda cell: wrong(cell)  # noqa: E731
    assert not getattr(checks, name).check(given)
    assert words in capsys.readouterr().out


def test_self_checks_accept_the_reference(capsys):
    """All six say right, and the setting's prints its error and cost; there is no solution to print."""
    solution = HOMEWORK.solution
    for name in ("field", "jacobian", "rest", "largest_stable_step", "implicit_step", "period"):
        assert getattr(checks, name).check(solution[name])
        getattr(checks, name).solution()
    assert checks.setting(solution["setting"], solution["field"])
    assert not checks.setting({"rtol": 0.1, "atol": 0.1, "method": "bdf"}, solution["field"])
    assert "no solution" in capsys.readouterr().out
