"""Homework 4: self-checks that name the mistake, answers judged as data, a batch. What is right: test_hw4_truth.py."""

import numpy as np
import pytest

import nodekit
from tests.homework.bank_hw4 import FULL, LIGHT, PARTS, bank, module, other_ways, wrong
from tests.homework.conftest import VARIANTS, Homework, automatic, batch

pytestmark = pytest.mark.slow(seconds=60)

POINTS = {int(part[4:]): points for part, points in FULL.items()}
COUNTS = {  # of wrong answers
    "log_density": 14, "sample_and_log_density": 6, "noisy_log_density": 15, "score": 14, "probability_flow": 13,
    "model_log_density": 10, "estimate": 11, "log_density_variance": 14, "fewest": 5, "mean_velocity": 14, "fit": 8,
}  # fmt: skip
PART_OF = {name: part for part, names in PARTS.items() for name in names}
CASES = [(name, i) for name, count in COUNTS.items() for i in range(count)]
DRAWS = [(31 * k + 1, 1000 + k) for k in range(40)]  # variant and secret


@pytest.fixture(scope="module")
def homework():
    return Homework("hw4", LIGHT)


@pytest.fixture(scope="module")
def truth(homework):
    return module("pump_truth")


@pytest.fixture(scope="module")
def mistakes(homework):
    return wrong()


@pytest.fixture(scope="module")
def others(homework):
    return other_ways(homework.solution)


# ---- what an answer is worth -----------------------------------------------------------------------------


@pytest.mark.parametrize(("variant", "secret"), [(1, 0), (23, 5), (4096, 31), (10**6, 2**31)])
def test_the_judge_gives_the_reference_full_marks(homework, variant, secret):
    """Part by part, on the numbers that a student sees (secret 0) and on others."""
    homework.assert_full_marks(POINTS, variant, secret)


def test_answers_of_another_secret_or_variant_are_worth_nothing(homework):
    """What was right on other numbers is wrong."""
    for part in (1, 2, 3, 4, 5):
        for variant, secret, asked in ((7, 0, (7, 5)), (8, 0, (7, 0))):
            points, _ = homework.earned(part, *asked, homework.hand_in(part, variant, secret))
            assert points <= 3


@pytest.mark.parametrize(("name", "index"), CASES)
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
def test_wrong_answers_lose_points(homework, mistakes, capsys, name, index):
    """The self-check refuses each with words that help, and the judge takes the points of what is missed."""
    part = PART_OF[name]
    function, words, points = mistakes[part][name][index]
    assert not getattr(homework.checks, name).check(function)
    assert words in capsys.readouterr().out
    got = homework.earned(part, 7, 5, homework.hand_in(part, 7, 5, **{name: function}))
    assert got[0] <= points, got[1]


def test_all_wrong_answers_are_tried(mistakes):
    """The counts above are those of the bank."""
    assert {name: len(rows) for part in mistakes.values() for name, rows in part.items()} == COUNTS


@pytest.mark.parametrize("name", COUNTS)
def test_other_ways_have_full_marks(homework, others, name):
    """Another way, lists, tuples, tensors, float32: the self-check and the judge take them as the reference."""
    part = PART_OF[name]
    for function in others[name]:
        assert getattr(homework.checks, name).check(lambda *given, function=function: function(*given)), name
        got = homework.earned(part, 7, 5, homework.hand_in(part, 7, 5, **{name: function}))
        assert got[0] == POINTS[part], got[1]


def loosest(homework, patch, names):
    """The loosest tolerance, of a ladder, with which the self-checks of these functions accept the reference."""
    tight = nodekit.solve
    for tol in (1e-2, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5):

        def looser(*arguments, tol=tol, **options):
            return tight(*arguments, **options | {"rtol": tol, "atol": tol})

        patch.setattr(nodekit, "solve", looser)
        if all(getattr(homework.checks, name)._judge(homework.solution[name]) for name in names):
            return tol
    raise AssertionError(f"no tolerance passes for {names}")


@pytest.mark.parametrize("part", [1, 3, 4])
def test_the_loosest_solves_that_a_self_check_accepts_have_full_marks(homework, truth, part):
    """On 40 draws: the self-check asks for 1e-4, the judge for 1e-3."""
    found = []
    with pytest.MonkeyPatch.context() as patch:
        loosest(homework, patch, PARTS[part])
        handed = [homework.hand_in(part, *draw) for draw in DRAWS]
    for draw, answer in zip(DRAWS, handed, strict=True):
        found.append(homework.earned(part, *draw, answer)[0])
    assert found == [POINTS[part]] * len(DRAWS)


@pytest.mark.parametrize("part", [2, 5])
def test_the_largest_errors_that_a_self_check_accepts_have_full_marks(homework, truth, part):
    """On 40 draws: formulas that are off by nearly 1e-4 everywhere, and a field as bad as the self-check lets it be."""

    def off(function):
        def value(*given):
            right = np.array(function(*given))
            return right + 0.99e-4 * max(1.0, np.abs(right).max())

        return value

    instead = {name: off(homework.solution[name]) for name in PARTS[part] if name != "fit"}
    for name, function in instead.items():
        assert getattr(homework.checks, name)._judge(function), name
    if part == 5:
        instead["fit"] = lambda *given: truth.fit(*given, walkers=20_000)
        assert homework.checks.fit._judge(instead["fit"])
    for k, draw in enumerate(DRAWS):
        most, given = POINTS[part], instead
        if part == 5 and k % 4:  # a fit takes half a second
            most, given = 8, instead | {"fit": lambda features, *_: np.zeros((features.size, 3))}
        points, message = homework.earned(part, *draw, homework.hand_in(part, *draw, **given))
        assert points == most, message


# ---- odd answers, self-checks ----------------------------------------------------------------------------

ODD = [
    None, 3, [], {}, {"error": 1}, {"log density": 1, "sample": [[1] * 3] * 6}, {"log density": [["nan"] * 4] * 6},
    {"log density": [[1e400] * 4] * 6, "flow": [{"error": 1}] * 6, "jacobian": "text"},
    {"noisy log density": [[0.0] * 4] * 8, "score": [[[0.0] * 3] * 4] * 8},
    {"estimate": [0.0] * 8, "draws": [1] * 8, "fewest": [["rademacher", float("inf")]] * 8},
    {"estimate": [10**400] * 8, "draws": "x", "fewest": [["sphere", True]] * 8, "sphere": [[]] * 8},
    {"estimate": ["x"] * 8, "draws": [None] * 8, "fewest": [[["rademacher"], 5]] * 8},
    {"mean velocity": {"x": 1}, "fit": {"x": 1}}, {"mean velocity": [[]] * 6, "fit": [[0.0] * 3] * 204},
    {"fit": [["x"] * 3] * 204}, {"fit": [[1e200] * 3] * 204},
]  # fmt: skip


@pytest.mark.parametrize("part", POINTS)
@pytest.mark.parametrize("answer", ODD, ids=lambda a: str(a)[:40])
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
def test_odd_answers_are_worth_nothing(homework, part, answer):
    """Whatever comes out of a notebook is data: it has no points and a sentence, and raises nothing else."""
    points, message = homework.earned(part, 7, 5, answer)
    assert points == 0
    assert message


def test_self_checks_accept_the_reference(homework, capsys):
    """All eleven say right; there is no solution to print; hints are asked for by the name that a student has."""
    for name in COUNTS:
        assert getattr(homework.checks, name).check(homework.solution[name])
        getattr(homework.checks, name).solution()
        assert getattr(homework.checks, name).name == f"hw4_checks.{name}"
        assert len(getattr(homework.checks, name).hints) == 3
    assert capsys.readouterr().out.count("no solution") == len(COUNTS)


@pytest.mark.parametrize(
    ("name", "function", "words"),
    [
        ("log_density", lambda *given: given[3][:, :1], "shape (4, 1); (4,) was expected, one number for each state"),
        ("log_density", lambda *given: ["a"] * 4, "is not made of numbers"),
        ("log_density", lambda *given: np.full(4, np.nan), "is not finite everywhere"),
        ("log_density", lambda *given: np.zeros(4), "Try f = 0"),
        ("sample_and_log_density", lambda *given: given[3], "Two things are returned, x and its log density"),
        ("sample_and_log_density", lambda *given: (given[3][:, 0], given[3]), "Return the sample first"),
        ("score", lambda x, *given: x.T, "Transposed: rows are states"),
        ("score", lambda x, *given: x, "differences of your own noisy_log_density"),
        ("probability_flow", lambda *given: (1, 2), "return them without calling them"),
        ("fewest", lambda *given: (0, 5), "is one of rademacher, gaussian, sphere, as text"),
        ("fit", lambda features, *given: np.ones((features.size, 3)), "worse than no field"),
    ],
)  # fmt: skip
def test_answers_of_another_form_are_refused_with_words(homework, capsys, name, function, words):
    """A wrong shape or type, and a value that is nobody's known mistake: the sentence says what was expected."""
    expected = getattr(homework.checks, name).reference
    names = ", ".join(expected.__code__.co_varnames[: expected.__code__.co_argcount])
    space = {"function": function}
    assert not getattr(homework.checks, name).check(eval(f"lambda {names}: function({names})", space))
    assert words in capsys.readouterr().out


# ---- one batch -------------------------------------------------------------------------------------------

SLOW = pytest.mark.slow(seconds=40)


@pytest.fixture(scope="module")
def graded(homework, tmp_path_factory):
    """({student: row}, bank) of the reference on two variants and of the bank, through the instructor's commands."""
    return batch(homework, bank, LIGHT, tmp_path_factory)


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
        for said in ("part3: Nothing was handed in", "part4: ", "part5: "):
            assert said in rows[student]["note"]
    if student == "accidents":  # an exception, an endless loop and 4 GB, each in a cell of its own
        for said in ("part2: Nothing was handed in: NameError", "part4: Nothing was handed in: NameError"):
            assert said in rows[student]["note"]
