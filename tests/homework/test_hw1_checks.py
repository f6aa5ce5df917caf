"""Homework 1, the self-checks: they name the mistake, take what the judge takes, and say what a setting is worth."""

import sys
from dataclasses import replace

import numpy as np
import pytest

import nodekit
from tests.homework.bank_hw1 import HOMEWORK, WRONG, answers, hw1

pytestmark = pytest.mark.slow(seconds=40)

more = sys.modules["hw1_checks_more"]
checks, hand_in, earned = HOMEWORK.checks, HOMEWORK.hand_in, HOMEWORK.earned


KINDS = {
    "list": lambda x: x.tolist(),
    "tuple": lambda x: tuple(x.tolist()),
    "whole numbers": lambda x: np.round(x).astype(int),
    "float32": lambda x: x.astype(np.float32),
}


@pytest.mark.parametrize("kind", KINDS)
def test_judge_and_self_check_agree_on_kinds_of_numbers(capsys, kind):
    """Lists and tuples are right for both; float32, and what is rounded, for neither, and the check says why."""
    right = HOMEWORK.solution["field"]
    given = lambda x, cell: KINDS[kind](right(x, cell))  # noqa: E731
    full = earned(1, 7, 5, hand_in(1, 7, 5, field=given))[0] == 12
    assert bool(checks.field.check(given)) == full == (kind in ("list", "tuple"))
    assert ("compute in float64" in capsys.readouterr().out) == (kind == "float32")


def test_the_third_hint_of_the_period_is_enough_on_every_cell():
    """An implicit method, 1e-8 and 1e-10 over 10 units, with room to the limit on steps, where cells are stiffest."""
    for seed in range(3):
        cell = replace(hw1.firing(np.random.default_rng(seed)), epsilon=8e-4)
        f, jac = (lambda t, x, c=cell: answers.field(x, c)), (lambda t, x, c=cell: answers.jacobian(x, c))
        rising = nodekit.event(lambda t, x: x[0], direction=1)
        options = {"method": "radau", "rtol": 1e-8, "atol": 1e-10, "jac": jac, "events": rising, "max_steps": 7000}
        sol = nodekit.solve(f, np.array(hw1.START), (0.0, 10.0), **options)
        assert abs(np.diff(sol.t_events[0])[-1] / answers.period(cell) - 1) < 1e-7


def test_the_self_check_of_the_setting_prints_what_the_cost_is_worth():
    """Its two figures, of the default and of full marks, and its times of upstrokes are right."""
    cost = dict.fromkeys(("default", "reference"), 0)
    for cell, right in more.TRIED.items():
        truth = answers.upstrokes(cell)
        assert np.abs(truth - right).max() < 1e-7
        end = right[-1] + 0.3 * (right[-1] - right[-2])
        for name, setting in (("default", answers.DEFAULT), ("reference", answers.REFERENCE)):
            cost[name] += hw1.spike_times(lambda t, x, c=cell: answers.field(x, c), setting, end)[1]
    assert abs(more.DEFAULT_COST / cost["default"] - 1) < 0.02
    assert abs(more.FULL_COST / (1.1 * cost["reference"]) - 1) < 0.02


TIGHT = [  # settings that were exact enough on one cell, and not on those that decided
    ({"method": "bdf", "rtol": 1e-4, "atol": 1e-6}, "✗"),
    ({"method": "bdf", "rtol": 3e-5, "atol": 3e-7}, "near to what is allowed"),
    ({"method": "bdf", "rtol": 1e-5, "atol": 1e-7}, "✓"),
    (..., "Not attempted"),
    ({"method": "dopri5", "rtol": 1e-12, "atol": 1e-12}, "20000 steps, the most"),
    ({"method": "A" * 10**5}, "nodekit.solve refuses it"),
]


@pytest.mark.parametrize(("setting", "words"), TIGHT, ids=lambda value: str(value)[:40])
def test_the_self_check_of_the_setting_warns(capsys, setting, words):
    """One that is too loose for some cells is refused, or warned of; one sentence for what is none."""
    checks.setting(setting, HOMEWORK.solution["field"])
    printed = capsys.readouterr().out
    assert words in printed
    assert len(printed) < 1000


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
