"""Homework 2: well posed for every variant, right answers, self-checks that name the mistake, judged as data."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

import nodekit
from tests.homework.bank import brief, filled, reference, with_lines
from tests.homework.bank_hw2 import (
    FORGED,
    GRADIENT,
    HOMEWORK,
    LIGHT,
    MEMORY,
    ODD,
    QUICK,
    TRUST,
    WRONG,
    by_residuals,
    samples_back,
    steps_back,
)  # fmt: skip
from tests.homework.conftest import MANY, VARIANTS, automatic, grade, release, remember

pytestmark = pytest.mark.slow(seconds=30)

hw2, answers, checks, truth = HOMEWORK.module, HOMEWORK.answers, HOMEWORK.checks, HOMEWORK.answers.truth
hand_in, earned, solution = HOMEWORK.hand_in, HOMEWORK.earned, HOMEWORK.solution
FULL = {1: 12, 2: 18, 3: 20, 4: 16, 5: 24}
ONE = np.ones(1)


@pytest.fixture(scope="module", autouse=True)
def remembered():
    """What the judge solves is solved once in this module; wrong and odd answers ask for it again and again."""
    with pytest.MonkeyPatch.context() as patch:
        remember(patch, truth, ["steps_gradient", "samples_gradient", "growth", "exact_gradient", "error_of", "least"])
        yield


# ---- the questions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", MANY)
def test_every_variant_is_well_posed(variant):
    """Fields of part 3 forget little; prodrugs forget much or little, nothing between; own patient's χ² has a least."""
    for secret in (0, 99 + variant):
        for task in hw2.inputs(3, variant, secret):
            field, end = hw2.Smooth(task.seed), task.times[-1]
            there = nodekit.solve(field.f, field.x0, (0.0, end), rtol=1e-9, atol=1e-10).y[-1]
            back = nodekit.solve(field.f, there, (end, 0.0), rtol=1e-9, atol=1e-10).y[-1]
            assert np.abs(back - field.x0).max() < 1e-6
            assert (np.diff(task.times) > 0.29).all()
        assert [task.times[0] == 0 for task in hw2.inputs(3, variant, secret)] == [False, False, True, True]
    growths = sorted(map(truth.growth, hw2.inputs(4, variant, 99 + variant)))
    assert 1 < growths[0] < growths[1] < 8
    assert 25 < growths[2] < growths[3] < 60
    theta, c0, y = truth.patient(variant)
    found, chi2 = truth.least(c0, y)
    assert np.abs(np.log(found / theta)).max() < 1.5
    assert chi2 < 40  # ten degrees of freedom
    A = truth.residuals(found, c0, y)[1]
    assert np.sqrt(np.linalg.inv(A.T @ A).diagonal()).max() < 0.8  # standard errors of log θ


def test_the_ward_can_be_fitted():
    """Eight of the 40 patients: from the common guess and from typical values to one least χ²."""
    starts, clean = hw2.ward()
    again, shipped = truth.ward().splitlines(), (HOMEWORK.folder / "ward.csv").read_text(encoding="utf-8").splitlines()
    assert again[0] == shipped[0]
    assert np.allclose(*(np.loadtxt(lines[1:], delimiter=",") for lines in (again, shipped)), rtol=1e-7)  # other CPUs
    for i in range(0, 40, 5):
        y = hw2.measured(np.random.default_rng(i), clean[i])
        ends = [truth.least(float(starts[i]), y, start)[1] for start in (truth.TYPICAL, hw2.GUESS)]
        assert abs(ends[0] - ends[1]) < 1e-3
        assert ends[0] < 40


@pytest.mark.parametrize(("variant", "secret"), [(1, 0), (23, 5), (4096, 31)])
def test_the_judge_gives_the_reference_full_marks(variant, secret):
    """Part by part, on the numbers that a student sees (secret 0) and on others."""
    HOMEWORK.assert_full_marks(FULL, variant, secret)


def test_answers_of_another_secret_or_variant_are_worth_nothing():
    """What was right on other numbers is wrong; of part 4, at most what a constant choice of ways would have."""
    for part in (1, 2, 3, 5):
        assert earned(part, 7, 5, hand_in(part, 7, 0))[0] == 0
        assert earned(part, 7, 0, hand_in(part, 8, 0))[0] == 0
    assert earned(4, 7, 5, hand_in(4, 7, 0))[0] <= 8


def test_the_judges_gradients_agree_with_differences():
    """Parts 1 to 3: the judge's own derivatives against central differences of its own functions."""
    for x, theta, _ in hw2.inputs(1, 7, 5):
        by_x, by_theta = truth.jacobians(x, theta)
        for J, at, which in ((by_x, x, 0), (by_theta, theta, 1)):
            for j, e in enumerate(1e-5 * np.eye(len(at))):
                ends = [truth.field(0.0, *((at + s * e, theta), (x, at + s * e))[which]) for s in (1, -1)]
                assert np.abs((ends[0] - ends[1]) / 2e-5 - J[:, j]).max() < 1e-7
    task = hw2.inputs(2, 7, 5)[3]
    field = hw2.Smooth(task.seed)
    _, by_theta = truth.steps_gradient(task)
    nudge = 1e-5 * np.eye(15)[4]
    ends = [truth.loss_of_steps(task, field.x0, field.theta + s * nudge) for s in (1, -1)]
    assert abs((ends[0] - ends[1]) / 2e-5 - by_theta[4]) < 1e-7
    task = hw2.inputs(3, 7, 5)[2]
    field, losses = hw2.Smooth(task.seed), []
    for s in (1, -1):
        x0 = field.x0 + s * np.array([0.0, 1e-5])
        x = nodekit.solve(field.f, x0, task.times, **truth.TIGHT).y
        losses.append(0.5 * np.sum(task.weights[:, None] * (x - task.targets) ** 2))
    assert abs((losses[0] - losses[1]) / 2e-5 - truth.samples_gradient(task)[0][1]) < 1e-6


# ---- wrong answers, and right ones of another kind -----------------------------------------------------


@pytest.mark.parametrize(("part", "name", "wrong", "words", "most"), WRONG)
def test_a_wrong_answer_loses_what_it_misses(capsys, part, name, wrong, words, most):
    """A plausible mistake is refused by the self-check with words that help, and has few points from the judge."""
    assert not getattr(checks, name).check(wrong)
    assert words in capsys.readouterr().out
    others = {"cheapest": lambda problem: "none"} if name == "growth" else {}  # which saves the judge some seconds
    points, message = earned(part, 7, 5, hand_in(part, 7, 5, **{name: wrong}, **others))
    assert points <= most, message
    assert "right" not in message or most > 0


FITS = [
    (lambda *given: given[-1], 0, 0),  # the guess
    (lambda *given: truth.TYPICAL, 0, 0),
    (lambda *given: -np.ones(4), 0, 0),
    (by_residuals, 19, 24),
    (lambda *given: by_residuals(*given, steps=2), 0, 16),  # one patient of three is fitted, and one nearly
    (lambda f, vjp, *rest: solution["fit"](solution["field"], solution["field_vjp"], *rest), 15, 15),  # nothing counted
]


@pytest.mark.parametrize(("fit", "low", "high"), FITS)
def test_a_fit_is_worth_its_chi2_and_its_cost(capsys, fit, low, high):
    """Points follow χ² and the calls; the self-check accepts what the judge gives full points for the fit."""
    points, message = earned(5, 7, 5, hand_in(5, 7, 5, fit=fit))
    assert low <= points <= high, message
    passed = checks.fit.check(fit, solution["field"], solution["field_vjp"])
    assert bool(passed) == (fit is by_residuals), capsys.readouterr().out


def test_the_truth_is_inside():
    """θ itself, which no student has, is worth half of the points for the fit or more: inside the region of 95%."""
    random, thetas = np.random.default_rng(20250301), []
    for _ in range(40):
        thetas.append(truth.person(random, round(float(random.uniform(45.0, 60.0)), 2))[0])
    starts, _ = hw2.ward()
    inside = []
    for secret in range(1, 5):
        for c0, y in hw2.inputs(5, 7, secret):
            r = truth.residuals(thetas[int(np.flatnonzero(starts == c0)[0])], c0, y)[0]
            inside.append(r @ r - truth.least(c0, y)[1] <= answers.INSIDE)
    assert np.mean(inside) > 0.75


def test_other_right_answers_have_full_marks():
    """Lists, other tolerances, another recursion."""
    lists = {
        "field": lambda *given: truth.field(*given).tolist(),
        "field_vjp": lambda *given: [part.tolist() for part in solution["field_vjp"](*given)],
    }
    assert earned(1, 7, 5, hand_in(1, 7, 5, **lists))[0] == 12
    assert earned(2, 7, 5, hand_in(2, 7, 5, steps_gradient=steps_back()))[0] == 18
    assert earned(3, 7, 5, hand_in(3, 7, 5, samples_gradient=samples_back(tol=1e-8)))[0] == 20


BOUNDS = [(1, "field", 1e-9), (2, "steps_gradient", 1e-10), (3, "samples_gradient", 1e-6)]


@pytest.mark.parametrize(("part", "name", "bound"), BOUNDS)
def test_a_self_check_wants_a_fifth_of_what_the_judge_allows(part, name, bound):
    """An error just above a fifth is refused at home, and five times as much has all points, on every draw."""
    right = solution[name] if part != 3 else samples_back(tol=1e-10)

    def off(share):
        def function(*given):
            value = right(*given)
            parts = [part * (1 + share * bound) for part in (value if isinstance(value, tuple) else [value])]
            return parts if len(parts) > 1 else parts[0]

        return function

    assert not getattr(checks, name).check(off(0.25))
    for secret in range(1, 41 if part < 3 else 3):
        got = earned(part, 7, secret, hand_in(part, 7, secret, **{name: off(0.95)}))
        assert got[0] == FULL[part], got[1]


def test_growth_and_fit_fall_by_slopes(capsys):
    """The self-checks want a fifth: 0.002 of a growth, 0.02 of χ². Twice what is allowed still has most points."""
    off = lambda problem: truth.growth(problem) + 0.003  # noqa: E731
    assert not checks.growth.check(off)
    assert "0.01 is allowed, and 0.002 here" in capsys.readouterr().out
    answer = {"growth": [truth.growth(problem) + 0.0129 for problem in hw2.inputs(4, 7, 5)], "way": ["none"] * 4}
    assert 5 < earned(4, 7, 5, answer)[0] < 7


@pytest.mark.parametrize("part", FULL)
@pytest.mark.parametrize("answer", ODD, ids=lambda a: str(a)[:40])
def test_odd_answers_are_worth_nothing(part, answer):
    """Whatever comes out of a notebook is data: it has 0 points and a sentence, and raises nothing else."""
    points, message = earned(part, 7, 5, answer)
    assert points == 0
    assert message


def test_self_checks_accept_the_reference(capsys):
    """All seven say right; there is no solution to print; fit's asks for part 1."""
    for name in ("field", "field_vjp", "steps_gradient", "samples_gradient", "growth", "cheapest"):
        assert getattr(checks, name).check(solution[name])
        getattr(checks, name).solution()
    assert checks.fit.check(solution["fit"], solution["field"], solution["field_vjp"])
    assert not checks.fit.check(solution["fit"])
    assert "no solution" in capsys.readouterr().out


def test_part_2_cannot_be_had_by_running_forward(capsys):
    """Central differences of the steps, or complex numbers in them, call f too often; the self-check says so."""

    def forward(f, vjp, x0, h, n, dl):
        gradient = []
        for e in 1e-30j * np.eye(2):
            x, before, total = x0 + e, None, 0.0
            for k in range(n + 1):
                total += dl(k, x.real) @ x.imag / 1e-30
                now = f(k * h, x)
                x, before = x + h * (now if before is None else 1.5 * now - 0.5 * before), now
            gradient.append(total)
        return np.array(gradient), np.zeros(15)

    assert earned(2, 7, 5, hand_in(2, 7, 5, steps_gradient=forward))[0] <= 4.5
    shifted = lambda f, vjp, x0, h, n, dl: ([f(0.0, x0) for _ in range(n + 6)], 0)  # noqa: E731
    assert not checks.steps_gradient.check(shifted)
    assert "f was called more than" in str(hand_in(2, 7, 5, steps_gradient=shifted))


def test_patients_forget():
    """What the notebook says of a patient: backward an error grows by e³⁰ and more; twice the dose, thrice the area."""
    theta, c0, _ = truth.patient(1)
    drug = SimpleNamespace(f=truth.field, jacobian=lambda t, x: truth.jacobians(x, theta)[0], theta=theta, T=20.0)
    drug.x0 = np.array([c0, 0.0])
    assert 30 < truth.growth(drug) < 50
    areas = []
    for dose in (c0, 2 * c0):
        slope = lambda t, z: np.append(truth.field(t, z[:2], theta), z[0])  # noqa: E731
        areas.append(nodekit.solve(slope, np.array([dose, 0.0, 0.0]), (0.0, 100.0)).y[-1, 2])
    assert areas[1] > 3 * areas[0]


# ---- a batch -------------------------------------------------------------------------------------------

SLOW = pytest.mark.slow(seconds=60)


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    """({student: row of scores.csv}, the folder) of good and bad submissions, graded by the instructor's command."""
    folder = tmp_path_factory.mktemp("hw2")
    released = release("hw2", tmp_path_factory.mktemp("release"), VARIANTS)
    right, good = reference(HOMEWORK.source), {}
    for student in VARIANTS:
        notebook = json.loads((released / student / "hw2.ipynb").read_text(encoding="utf-8"))
        whole = student == "first"  # the first one runs all that a student runs
        good[student] = filled(notebook, right) if whole else brief(filled(notebook, right | LIGHT))
    stub = json.loads((released / "first" / "hw2.ipynb").read_text(encoding="utf-8"))
    light = brief(filled(stub, right | LIGHT))
    public = json.dumps({part: hand_in(part, 8) for part in FULL})
    learnt = {"field": MEMORY.replace("{public}", public), "trust": TRUST, "fit": "pass"}
    for name, grade_id, part in (("steps_gradient", "steps", 2), ("samples_gradient", "samples", 3)):
        learnt[grade_id] = GRADIENT.format(name=name, part=part)
    broken = {"steps": "steps_gradient = 1 / 0", "samples": "samples_gradient = np.ones(2**28)"}
    broken["trust"] = f"import time\n{QUICK}\nwhile True:\n    time.sleep(1)"  # other submissions use its time
    bad = {"stub": with_lines(stub, FORGED, "trust", before=False), "memorised": brief(filled(stub, learnt))}
    bad["broken"] = filled(light, broken)
    rows, _ = grade("hw2", folder, good | bad, VARIANTS | dict.fromkeys(bad, VARIANTS["first"]), 25)
    return rows, folder


@SLOW
@pytest.mark.parametrize("student", VARIANTS)
def test_the_reference_scores_full_marks(batch, student):
    """Released, filled in, handed in, graded with numbers not seen before: 90 of 90."""
    row = batch[0][student]
    assert automatic(row) == {f"part{part}": points for part, points in FULL.items()}, row["note"]
    assert float(row["total"]) == float(row["out of"]) == 90
    assert "part6 is to be marked by hand, out of 10" in row["note"]


@SLOW
def test_what_breaks_down_loses_its_own_part(batch):
    """An exception, 2 GB, an endless loop after right functions: the first two parts are lost, the rest is earned."""
    row = batch[0]["broken"]
    assert automatic(row) == {f"part{part}": points * (part not in (2, 3)) for part, points in FULL.items()}
    for words in ("name 'steps_gradient' is not", "name 'samples_gradient' is not", "was stopped after"):
        assert words in row["note"]
    page = (batch[1] / "to" / "feedback" / "broken.html").read_text(encoding="utf-8")
    assert "ZeroDivisionError" in page
    assert "MemoryError" in page


@SLOW
def test_no_work_no_points(batch):
    """Stubs have nothing; nor has who makes the self-checks say right and forges what parts 4 and 5 hand in."""
    row = batch[0]["stub"]
    assert set(automatic(row).values()) == {0.0}, row["note"]
    assert "part3: dL/dx0: not attempted" in row["note"]
    assert "part5: theta: nothing was handed in" in row["note"]


@SLOW
def test_what_was_learnt_by_heart_is_worth_little(batch):
    """The right answers of another variant have nothing, but where a way or a patient happens to be alike."""
    points = automatic(batch[0]["memorised"])
    assert points.pop("part4") <= 8
    assert points.pop("part5") <= 7.5
    assert set(points.values()) == {0.0}, batch[0]["memorised"]["note"]


@SLOW
def test_stubs_run_through(batch):
    """Run All of stubs stops nowhere: the self-checks say that nothing was attempted, until they are forged."""
    page = (batch[1] / "to" / "feedback" / "stub.html").read_text(encoding="utf-8")
    assert "(most recent call last)" not in page
    assert page.count("Not attempted yet") == 4
