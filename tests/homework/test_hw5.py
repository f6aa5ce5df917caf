"""Homework 5: self-checks that name the mistake, answers judged as data, a batch. What is right: test_hw5_truth.py."""

import os

import numpy as np
import pytest
import torch

import nodekit
from tests.homework.bank_hw5 import FULL, LAWS, LIGHT, ODD, PART, VERDICTS, WORTH, bank, law_by, verdict_by
from tests.homework.conftest import VARIANTS, Homework, automatic, batch, remember

pytestmark = pytest.mark.slow(seconds=60)

POINTS = {int(part[4:]): points for part, points in FULL.items()}
GIVES = {
    "field": ["slopes"], "states": ["states"], "misfit": ["misfit", "gradient"], "fit": ["fitted", "errors"],
    "term_rows": ["terms", "change"], "missing_term": ["verdict", "coefficients"], "learn": ["friction", "range"],
    "response": ["response"], "forecast": ["forecast", "band"],
}  # fmt: skip
DRAWS = int(os.environ.get("HOMEWORK_DRAWS", 10))  # of another variant each
CASES = [(name, i) for name, rows in WORTH.items() for i in range(len(rows))]


@pytest.fixture(scope="module")
def homework():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the notebook
    yield Homework("hw5", LIGHT)
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def hw5(homework):
    return homework.module


@pytest.fixture(scope="module")
def mistakes(homework):
    import plant_mistakes

    return plant_mistakes


@pytest.fixture(scope="module")
def right(mistakes):
    """The judge's own functions, in NumPy."""
    return mistakes.right


@pytest.fixture(scope="module", autouse=True)
def remembered(hw5, right):
    """What the judge solves is solved once in this module; mistakes and odd answers ask for it again and again."""
    with pytest.MonkeyPatch.context() as patch:
        remember(patch, hw5, ["motion"])
        remember(patch, right, ["sensitivities", "least", "fit", "forecast", "response"])
        yield


@pytest.fixture(scope="module")
def handed_in(homework, mistakes):
    """What is right for variant 7 and secret 5, part by part, by the judge's functions."""
    made = mistakes.RIGHT | {"missing_term": verdict_by()(mistakes.RIGHT), "learn": law_by()}
    return {part: homework.hand_in(part, 7, 5, **of_part(made, part)) for part in POINTS}


def of_part(functions, part):
    return {name: (lambda *a, f=functions[name]: f(*a)) for name in PART if PART[name] == part}


def worth(homework, handed_in, name, function, variant=7, secret=5):
    """(points, message) of a part where `name` is this function and the rest is right."""
    part = PART[name]
    rest = {other: (lambda *a: 0) for other in PART if PART[other] == part and other != name}
    found = homework.hand_in(part, variant, secret, **rest, **{name: lambda *a: function(*a)})
    return homework.earned(part, variant, secret, handed_in[part] | {key: found[key] for key in GIVES[name]})


# ---- what an answer is worth -------------------------------------------------------------------------------


@pytest.mark.parametrize(("variant", "secret"), [(1, 0), (4096, 31)])
def test_the_judge_gives_the_reference_full_marks(homework, variant, secret):
    """Part by part, on the numbers that a student sees (secret 0) and on others."""
    homework.assert_full_marks(POINTS, variant, secret)


@pytest.mark.parametrize("part", [1, 3, 4])
def test_full_marks_leave_room(homework, mistakes, part):
    """DRAWS times: lists and float32 in place of arrays, other bootstraps, no network: full marks in each."""
    made = mistakes.RIGHT | {"missing_term": verdict_by()(mistakes.RIGHT), "learn": law_by()}
    single = lambda f: lambda *a: np.asarray(f(*a), np.float32)  # noqa: E731
    listed = lambda f: lambda *a: [np.asarray(v, np.float32).tolist() for v in f(*a)]  # noqa: E731
    made |= {"field": single(made["field"]), "states": single(made["states"]), "term_rows": listed(made["term_rows"])}
    for variant in range(DRAWS):
        answer = homework.hand_in(part, variant, variant + 1, **of_part(made, part))
        got = homework.earned(part, variant, variant + 1, answer)
        assert got[0] == POINTS[part], (variant, got[1])


def test_a_self_check_asks_for_a_fifth_of_what_the_judge_does(homework):
    """What a self-check lets pass is at most a fifth of the error that still has full marks."""
    a = homework.answers
    asked = [(1e-5, a.FULL), (1e-4, 10 * a.FULL), (0.02, a.RATIO), (0.02, a.EXCESS), (1e-3, a.ROWS)]
    asked += [(0.02, a.COEFFICIENT), (0.03, a.LAW), (0.006, a.AHEAD)]
    assert all(5 * check <= judge * (1 + 1e-9) for check, judge in asked)


def test_answers_of_another_secret_or_variant_are_worth_nothing(homework, handed_in):
    """What was right on other numbers is wrong. Kinds may happen to be in the same places."""
    for part, most in ((1, 0.5), (2, 0.5), (3, 9.0), (5, 0.5)):
        assert homework.earned(part, 7, 6, handed_in[part])[0] <= most
        assert homework.earned(part, 8, 5, handed_in[part])[0] <= most


# ---- mistakes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "i"), CASES)
def test_mistakes_are_named_and_lose_their_points(homework, mistakes, handed_in, capsys, name, i):
    """The self-check's sentence is that of the mistake, and the judge takes what is missed and nothing else."""
    words, function = list(mistakes.MISTAKES[name].items())[i]
    assert not getattr(homework.checks, name).check(lambda *given: function(*given))
    assert words in capsys.readouterr().out
    low, high = WORTH[name][i]
    points, message = worth(homework, handed_in, name, function)
    assert low <= points <= high, message


def test_all_mistakes_are_tried(mistakes):
    """The bank has a row for each of them."""
    assert {name: len(rows) for name, rows in mistakes.MISTAKES.items()} == {n: len(rows) for n, rows in WORTH.items()}
    assert len(CASES) + len(VERDICTS) + len(LAWS) >= 60


@pytest.mark.parametrize("i", range(len(VERDICTS)))
def test_wrong_verdicts_lose_points(homework, mistakes, handed_in, capsys, i):
    """A wrong noise, threshold, row or word: named, and taken off part 3."""
    make, words, low, high = VERDICTS[i]
    function = make(mistakes.RIGHT)
    assert not homework.checks.missing_term.check(function)
    assert words in capsys.readouterr().out
    points, message = worth(homework, handed_in, "missing_term", function)
    assert low <= points <= high, message


@pytest.mark.parametrize("i", range(len(LAWS)))
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
def test_wrong_laws_lose_points(homework, handed_in, capsys, i):
    """No friction, one that drives, a straight line, a range where no data were: named, and taken off part 4."""
    learn, words, low, high = LAWS[i]
    assert not homework.checks.learn.check(lambda *given: learn(*given))
    assert words in capsys.readouterr().out
    points, message = worth(homework, handed_in, "learn", learn)
    assert low <= points <= high, message


@pytest.mark.parametrize("part", POINTS)
@pytest.mark.parametrize("answer", ODD, ids=lambda a: str(a)[:40])
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
def test_odd_answers_are_worth_nothing(homework, part, answer):
    """Whatever comes out of a notebook is data: it has 0 points and a sentence, and raises nothing else."""
    points, message = homework.earned(part, 7, 5, answer)
    assert points == 0
    assert message


def test_self_checks_accept_the_reference(homework, capsys):
    """All nine say right; there is no solution to print; hints are asked for by the name that a student has."""
    for name in PART:
        assert getattr(homework.checks, name).check(homework.solution[name]), name
        getattr(homework.checks, name).solution()
        assert getattr(homework.checks, name).name == f"hw5_checks.{name}"
        assert len(getattr(homework.checks, name).hints) == 3
    assert capsys.readouterr().out.count("no solution") == len(PART)


def test_the_example_is_that_of_the_code(homework, mistakes):
    """example.json holds what is right on the example, by today's code, to 1e-6."""
    examples = homework.checks.compared.__globals__
    for name, function in mistakes.RIGHT.items():
        kept = examples["example"]()[name]
        assert list(kept["mistakes"]) == list(mistakes.MISTAKES[name])
        for row, old in zip(examples["arguments"](name), kept["right"], strict=True):
            value = function(*row)
            for a, b in zip(*((v if isinstance(value, tuple) else [v]) for v in (value, old)), strict=True):
                assert np.allclose(a, b, rtol=1e-6, atol=1e-6 * np.max(np.abs(b)))


def test_learning_is_by_the_known_equation(homework, hw5):
    """The reference's law leaves the data when it is asked beyond them: what the notebook says of networks."""
    record, known, law = hw5.inputs(4, 1, 0)
    friction, low, high = homework.solution["learn"](record.t, record.y, record.sigma, known)
    v = np.linspace(low, high, 50)
    assert np.sqrt(np.mean((friction(v) - law(v)) ** 2) / np.mean(law(v) ** 2)) < 0.03
    assert nodekit.solve(known, record.y[0], (0.0, 1.0)).success


# ---- one batch ---------------------------------------------------------------------------------------------

SLOW = pytest.mark.slow(seconds=90)


@pytest.fixture(scope="module")
def graded(homework, tmp_path_factory):
    """({student: row}, bank) of the reference on two variants and of the bank, through the instructor's commands."""
    return batch(homework, bank, LIGHT, tmp_path_factory, parts=(1, 2, 5))


@SLOW
@pytest.mark.parametrize("student", VARIANTS)
def test_the_reference_scores_full_marks(graded, student):
    """Released, filled in, handed in, graded with numbers not seen before: 90 of 90, and 10 for a human to give."""
    row = graded[0][student]
    assert automatic(row) == FULL, row["note"]
    assert float(row["total"]) == float(row["out of"]) == 90
    assert row["part6"] == ""


@SLOW
@pytest.mark.parametrize("student", ["stub", "cheat", "accidents"])
def test_a_bad_submission_gets_what_it_deserves(graded, student):
    """Each of the bank has the points of what it did right, and a note that says what happened."""
    rows, tried = graded
    _, points, words = tried[student]
    assert automatic(rows[student]) == points, rows[student]["note"]
    assert words in rows[student]["note"]
    if student == "cheat":  # numbers of another variant, checks and hand_in patched
        for said in ("part2: misfit: off by", "part3: terms: ", "part4: Nothing was handed in", "part5: response: off"):
            assert said in rows[student]["note"]
