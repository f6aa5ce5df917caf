"""Homework 4: well posed for every variant, right answers, self-checks that name the mistake, judged as data."""

import json
from itertools import product

import numpy as np
import pytest

import nodekit
from tests.homework.bank import brief, filled, reference
from tests.homework.bank_hw4 import FULL, LIGHT, PARTS, bank, module, other_ways, wrong
from tests.homework.conftest import MANY, VARIANTS, Homework, automatic, grade, release

pytestmark = pytest.mark.slow(seconds=45)

POINTS = {int(part[4:]): points for part, points in FULL.items()}
COUNTS = {  # of wrong answers
    "log_density": 14, "sample_and_log_density": 6, "noisy_log_density": 15, "score": 14, "probability_flow": 13,
    "model_log_density": 10, "estimate": 11, "log_density_variance": 14, "fewest": 5, "mean_velocity": 15, "fit": 8,
}  # fmt: skip
PART_OF = {name: part for part, names in PARTS.items() for name in names}
CASES = [(name, i) for name, count in COUNTS.items() for i in range(count)]
DRAWS = [(31 * k + 1, 1000 + k) for k in range(40)]  # variant and secret


@pytest.fixture(scope="module")
def homework():
    return Homework("hw4", LIGHT)


@pytest.fixture(scope="module")
def hw4(homework):
    return homework.module


@pytest.fixture(scope="module")
def truth(homework):
    return module("pump_truth")


@pytest.fixture(scope="module")
def mistakes(homework):
    return wrong()


@pytest.fixture(scope="module")
def others(homework):
    return other_ways(homework.solution)


# ---- what is asked, and what is right --------------------------------------------------------------------


@pytest.mark.parametrize("variant", MANY)
def test_every_variant_is_well_posed(hw4, truth, variant):
    """Modes lie apart and are slanted; both orders of the times occur; the best noise is clearly the best, and is not
    always the same.
    """
    for secret in (0, 99 + variant):
        pump = hw4.inputs(5, variant, secret)[1]
        apart = np.linalg.norm(pump.means[:, None] - pump.means, axis=-1)[np.triu_indices(3, 1)]
        assert apart.min() > 1.8
        assert pump.weights.min() > 0.05
        assert np.isclose(pump.weights.sum(), 1)
        assert all(np.abs(np.tril(L, -1)).sum() > 0.3 for L in pump.factors)
        assert {t0 > t1 for _, _, t0, t1 in hw4.inputs(1, variant, secret)} == {True, False}
        for _, schedule, _, _ in hw4.inputs(3, variant, secret):
            assert 0.005 < schedule.alpha(1.0) < 0.05
            assert np.isclose(schedule.alpha(0.3) ** 2 + schedule.sigma(0.3) ** 2, 1)
        best = set()
        for f, x, t0, t1, *_ in hw4.inputs(4, variant, secret):
            K, _ = truth.summed_jacobian(f, f.jacobian, x, t0, t1)
            found = sorted((truth.variance_of(K, noise), noise) for noise in hw4.tried.NOISES)
            assert found[1][0] > 1.1 * found[0][0]
            best.add(found[0][1])
        assert best == {"rademacher", "sphere"}


def test_the_judges_densities_are_right(hw4, truth):
    """Log densities are the change of variables, with the flow's Jacobian by differences; samples are their inverse."""
    eps = 1e-4
    for f, x, t0, t1 in hw4.inputs(1, 5, 3):

        def back(x, f=f, times=(t1, t0)):
            return nodekit.solve(f, x, times, method="dopri8", rtol=1e-11, atol=1e-11).y[-1]

        columns = [(back(x + eps * e) - back(x - eps * e)) / (2 * eps) for e in np.eye(3)]
        changed = np.log(np.linalg.det(np.stack(columns, -1)))
        right = truth.log_density(f, f.jacobian, hw4.tried.log_base, x, t0, t1)
        assert np.abs(hw4.tried.log_base(back(x)) + changed - right).max() < 1e-5
        again, log_p = truth.sample_and_log_density(f, f.jacobian, hw4.tried.log_base, back(x), t0, t1)
        assert np.abs(again - x).max() < 1e-5
        assert np.abs(log_p - right).max() < 1e-5


def test_the_fields_have_the_jacobians_that_they_say(hw4):
    """By differences; a field takes one state as well as many; no Jacobian is symmetric or normal."""
    rows = hw4.inputs(4, 5, 3)
    features, theta = hw4.tried.Features(3), np.random.default_rng(0).normal(size=(204, 3))
    kinds = [(f, f.jacobian) for f, *_ in rows[:2]]
    kinds += [(s, s.jacobian) for s, *_ in hw4.inputs(3, 5, 3)[:1]]
    kinds.append((lambda t, x: features(t, x) @ theta, lambda t, x: features.jacobian(t, x, theta)))
    x = np.random.default_rng(1).normal(size=(4, 3))
    for f, jacobian in kinds:
        J = jacobian(0.4, x)
        columns = [(f(0.4, x + 1e-5 * e) - f(0.4, x - 1e-5 * e)) / 2e-5 for e in np.eye(3)]
        assert np.abs(np.stack(columns, -1) - J).max() < 1e-7
        assert np.allclose(f(0.4, x[0]), f(0.4, x)[0])
        assert np.allclose(jacobian(0.4, x[0]), J[0])
        assert np.abs(J - J.swapaxes(-1, -2)).max() > 0.05
        assert np.abs(J @ J.swapaxes(-1, -2) - J.swapaxes(-1, -2) @ J).max() > 0.02
        assert np.abs(f(0.9, x) - f(0.4, x)).max() > 0.01
    f, v = rows[0][0], np.array([1.0, -2.0, 0.5])
    assert np.allclose(f.vjp(0.4, x[0], v), f.jacobian(0.4, x[0]).T @ v)


def test_the_judges_mixtures_are_right(hw4, truth):
    """The density is SciPy's, the score its slope by differences, and the mean velocity that of many walkers."""
    from scipy.stats import multivariate_normal

    for x, alpha, sigma, pump in hw4.inputs(2, 5, 3):
        p = 0.0
        for w, m, L in zip(pump.weights, pump.means, pump.factors, strict=True):
            p += w * multivariate_normal(alpha * m, alpha**2 * L @ L.T + sigma**2 * np.eye(3)).pdf(x)
        log_p = truth.noisy_log_density(x, alpha, sigma, pump)
        near = p > 1e-290
        assert np.allclose(np.log(p[near]), log_p[near])
        ends = [[truth.noisy_log_density(x + s * 1e-5 * e, alpha, sigma, pump) for s in (1, -1)] for e in np.eye(3)]
        slopes = np.stack([(a - b) / 2e-5 for a, b in ends], 1)
        assert np.allclose(slopes, truth.score(x, alpha, sigma, pump), rtol=1e-4, atol=1e-4)
    random, pump, t = np.random.default_rng(0), hw4.inputs(5, 5, 3)[1], 0.6
    x0, x1 = random.normal(size=(1_000_000, 3)), pump.sample(1_000_000, random)
    place = t * pump.means[0] + 0.2
    near = np.linalg.norm((1 - t) * x0 + t * x1 - place, axis=1) < 0.1
    counted, error = (x1 - x0)[near].mean(0), (x1 - x0)[near].std(0) / np.sqrt(near.sum())
    assert near.sum() > 500
    assert np.all(np.abs(counted - truth.mean_velocity(t, place[None], pump)[0]) < 4 * error + 0.02)


def test_the_probability_flow_gives_the_mixture_back(hw4, truth):
    """With the exact score of a pump the samples have the density of its readings, but for what is left at time 1."""
    pump, schedule = hw4.inputs(5, 5, 3)[1], hw4.Schedule(0.2, 30.0)

    def score(t, x):
        return truth.score(x, schedule.alpha(t), schedule.sigma(t), pump)

    def jacobian(t, x):
        return np.stack([(score(t, x + 1e-5 * e) - score(t, x - 1e-5 * e)) / 2e-5 for e in np.eye(3)], -1)

    x, early = pump.sample(5, np.random.default_rng(0)), hw4.EARLY
    exact = truth.noisy_log_density(x, schedule.alpha(early), schedule.sigma(early), pump)
    assert np.abs(truth.model_log_density(score, jacobian, schedule, x) - exact).max() < 0.01


def test_the_judges_variances_are_right(truth):
    """Signs: all eight probes. Gaussian: Gauss and Hermite's rule. Sphere: a product rule. All three are exact."""
    K = np.random.default_rng(0).normal(size=(3, 3))
    signs = np.array(list(product((-1.0, 1.0), repeat=3)))
    nodes, weights = np.polynomial.hermite_e.hermegauss(4)
    normal = np.array(list(product(nodes, repeat=3)))
    share = np.prod(list(product(weights / weights.sum(), repeat=3)), axis=1)
    z, height = np.polynomial.legendre.leggauss(4)
    angle = 2 * np.pi * np.arange(8) / 8
    ring = np.stack([np.cos(angle), np.sin(angle)], 1)
    sphere = np.concatenate([np.column_stack([np.sqrt(1 - a * a) * ring, np.full(8, a)]) for a in z]) * np.sqrt(3)
    rules = {
        "rademacher": (signs, np.full(8, 1 / 8)),
        "gaussian": (normal, share),
        "sphere": (sphere, np.repeat(height / 16, 8)),
    }
    for noise, (v, w) in rules.items():
        q = np.einsum("ni,ij,nj->n", v, K, v)
        assert np.isclose(w @ q, np.trace(K))
        assert np.isclose(w @ q**2 - (w @ q) ** 2, truth.variance_of(K, noise))


def test_the_self_checks_example_is_up_to_date(homework):
    """example.json holds what pump_examples.py makes: a change of a formula or of a mistake asks for a new one."""
    kept, made = module("hw4_known").example(), module("pump_examples").made()
    assert kept.keys() == made.keys()

    def compare(a, b):
        if isinstance(a, dict):
            assert list(a) == list(b)
            a, b = list(a.values()), list(b.values())
        if isinstance(a, list | tuple):
            assert len(a) == len(b)
            for one, other in zip(a, b, strict=True):
                compare(one, other)
        else:
            assert a == b or abs(a - b) <= 1e-3 * max(1.0, abs(b))

    compare(kept, made)


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
    for tol in 10.0 ** np.arange(-2.0, -8.0, -0.5):

        def looser(*arguments, tol=tol, **options):
            return tight(*arguments, **options | {"rtol": tol, "atol": tol})

        patch.setattr(nodekit, "solve", looser)
        if all(getattr(homework.checks, name)._judge(homework.solution[name]) for name in names):
            return tol
    raise AssertionError(f"no tolerance passes for {names}")


@pytest.mark.parametrize("part", [1, 3, 4])
def test_the_loosest_solves_that_a_self_check_accepts_have_full_marks(homework, truth, part):
    """On 40 draws: what the self-check accepts at 1e-4, the judge does at 5e-4."""
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
    for draw in DRAWS if part == 2 else DRAWS[::2]:
        points, message = homework.earned(part, *draw, homework.hand_in(part, *draw, **instead))
        assert points == POINTS[part], message


# ---- odd answers, self-checks ----------------------------------------------------------------------------

ODD = [
    None, 3, [], {}, {"error": 1}, {"log density": 1, "sample": [[1] * 3] * 6}, {"log density": [["nan"] * 4] * 6},
    {"log density": [[1e400] * 4] * 6, "flow": [{"error": 1}] * 6, "jacobian": "text"},
    {"noisy log density": [[0.0] * 4] * 8, "score": [[[0.0] * 3] * 4] * 8},
    {"estimate": [0.0] * 8, "draws": [1] * 8, "probes": [[]] * 8, "fewest": [["rademacher", float("inf")]] * 8},
    {"estimate": [10**400] * 8, "draws": "x", "probes": {}, "fewest": [["sphere", True]] * 8, "sphere": [[]] * 8},
    {"estimate": ["x"] * 8, "draws": [None] * 8, "probes": [1] * 8, "fewest": [[["rademacher"], 5]] * 8},
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
    folder = release("hw4", tmp_path_factory.mktemp("release"), {"first": VARIANTS["first"]})  # the roster decides
    released = json.loads((folder / "first" / "hw4.ipynb").read_text(encoding="utf-8"))
    good = dict.fromkeys(VARIANTS, brief(filled(released, reference(homework.source) | LIGHT)))
    tried = bank(released, homework.source, {part: homework.hand_in(part, 8) for part in (1, 2)})
    bad = {student: notebook for student, (notebook, _, _) in tried.items()}
    hasty = {"accidents": bad.pop("accidents")}  # with a smaller limit, to save time
    to = tmp_path_factory.mktemp("graded")
    rows, _ = grade("hw4", to, good | bad, VARIANTS | dict.fromkeys(bad, VARIANTS["first"]), 120)
    return rows | grade("hw4", to / "hasty", hasty, VARIANTS["first"], 8)[0], tried


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
