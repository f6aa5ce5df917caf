"""Homework 3: well posed for every variant, right answers, self-checks that name the mistake, judged as data."""

import numpy as np
import pytest
import torch

import nodekit
from tests.homework.bank_hw3 import FULL, LIGHT, bank, composed, densities, fields, steps, traces
from tests.homework.conftest import MANY, VARIANTS, Homework, automatic, batch

pytestmark = pytest.mark.slow(seconds=30)

POINTS = {int(part[4:]): points for part, points in FULL.items()}
WRONG = {1: fields, 2: densities, 3: traces, 4: steps}
COUNTS = {1: {"field": 10, "divergence": 7}, 2: {"log_density": 9}, 4: {"step4": 13}}
COUNTS[3] = {"trace_estimate": 7, "probe_variance": 5, "log_density_estimate": 8}
CASES = [(p, name, i) for p, names in sorted(COUNTS.items()) for name, n in names.items() for i in range(n)]


@pytest.fixture(scope="module")
def homework():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the notebook
    homework = Homework("hw3", LIGHT)
    homework.module.tried.ROUNDS = 8_000  # the batch runs all
    yield homework
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def hw3(homework):
    return homework.module


@pytest.mark.parametrize("variant", MANY)
def test_every_variant_is_well_posed(hw3, variant):
    """Traps have two wells of different depth and a beam in reach; points, starts and recordings are where they are."""
    for secret in (0, 99 + variant):
        (trap, t, y, x0), (length, _, rate) = (given := hw3.inputs(5, variant, secret)), given[0].scales
        V = trap.potential(np.linspace(-1.5, 1.5, 3001) * length)
        wells = V[1:-1][(V[1:-1] < V[:-2]) & (V[1:-1] < V[2:])]
        bottom, barrier = trap.barrier()
        assert len(wells) == 2
        assert 0.05 * barrier < np.ptp(wells) < 0.95 * barrier
        assert 2 * np.pi / rate > 15 * (t[1] - t[0])  # a swing has moments enough for a slope
        assert y.shape == (hw3.ATOMS, len(t), 2)
        energy = (trap.energy(x0) - bottom) / barrier
        assert 0.05 < energy.min() < energy.max() < 1.8
        assert np.abs(energy - 1).min() > 0.15
        assert trap.friction(np.array([-1.0, 0.0, 1.0]) * length).max() > 0.1 * rate
        rows = hw3.inputs(2, variant, secret)
        assert [bool(given.cooling) for _, _, given, _ in rows] == [False] * 2 + [True] * 5
        assert [bool(np.isinf(given.width)) for _, _, given, _ in rows][2:] == [True] * 2 + [False] * 3
        assert all(given.cooling * time < 1.7 for _, time, given, _ in rows)


def test_the_judges_densities_are_right(homework):
    """The judge's log density is the change of variables: log p₀ less log det of the flow's Jacobian by differences."""
    answers, eps = homework.answers, 1e-4
    for x, t, trap, cloud in homework.module.inputs(2, 5, 3):

        def back(x, t=t, trap=trap):
            options = {"method": "dopri8", "rtol": 1e-12, "atol": 1e-12}
            return nodekit.solve(lambda time, s: answers.field(s, trap), x, (t, 0.0), **options).y[-1]

        columns = [(back(x + eps * e) - back(x - eps * e)) / (2 * eps) for e in np.eye(2)]
        by_determinant = cloud.log_density(back(x)) + np.log(np.linalg.det(np.stack(columns, -1)))
        assert np.abs(by_determinant - answers.log_density(x, t, trap, cloud)).max() < 1e-5


def test_the_simulator_is_right(homework):
    """What a release can simulate is the judge's trap without its beam, to 1e-6."""
    trap, _, _, x0 = homework.module.inputs(5, 5, 3)
    t, free = homework.module.SHORT, trap.without_beam()
    sol = nodekit.solve(lambda t, x: homework.answers.field(x, free), x0, t, rtol=1e-11, atol=1e-11)
    assert np.abs(homework.module.simulate(trap, x0, t) - sol.y).max() < 1e-6


@pytest.mark.parametrize(("variant", "secret"), [(1, 0), (23, 5), (4096, 31)])
def test_the_judge_gives_the_reference_full_marks(homework, variant, secret):
    """Part by part, on the numbers that a student sees (secret 0) and on others."""
    homework.assert_full_marks(POINTS, variant, secret)


@pytest.mark.parametrize("variant", MANY)
def test_full_marks_leave_room(homework, variant):
    """Parts 1 to 3 have full marks for every variant: as lists, at a tolerance of 1e-8, with other random numbers."""
    right, secret = homework.solution, 7 * variant + 1
    tight = nodekit.solve

    def looser(*arguments, **options):
        return tight(*arguments, **options | {"rtol": 1e-8, "atol": 1e-8})

    listed = homework.hand_in(1, variant, secret, field=lambda x, trap: right["field"](x, trap).tolist())
    assert homework.earned(1, variant, secret, listed)[0] == 14
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nodekit, "solve", looser)
        loose = homework.hand_in(2, variant, secret)
    assert homework.earned(2, variant, secret, loose)[0] == 18
    assert homework.earned(3, variant, secret, homework.hand_in(3, variant, secret))[0] == 16


def test_answers_of_another_secret_or_variant_are_worth_nothing(homework):
    """What was right on other numbers is wrong: parts 1 to 3, and the order in part 4. What a step keeps is kept."""
    for part, most in ((1, 0), (2, 0), (3, 0), (4, 11)):
        assert homework.earned(part, 7, 5, homework.hand_in(part, 7, 0))[0] <= most
        assert homework.earned(part, 7, 0, homework.hand_in(part, 8, 0))[0] <= most


@pytest.mark.parametrize(("part", "name", "index"), CASES)
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
def test_wrong_answers_lose_points(homework, capsys, part, name, index):
    """The self-check refuses each with words that help, and the judge takes the points of what is missed."""
    function, words, points = WRONG[part](homework.solution)[name][index]
    assert not getattr(homework.checks, name).check(function)
    assert words in capsys.readouterr().out
    got = homework.earned(part, 7, 5, homework.hand_in(part, 7, 5, **{name: function}))
    assert got[0] <= points, got[1]


def test_all_wrong_answers_are_tried(homework):
    """The counts above are those of the bank."""
    for part, names in COUNTS.items():
        assert {name: len(rows) for name, rows in WRONG[part](homework.solution).items()} == names


@pytest.mark.parametrize("tight", [{"rtol": 1e-6, "atol": 1e-9}, {"rtol": 3e-8, "atol": 3e-10}], ids=str)
def test_a_log_density_that_passes_at_home_passes_here(homework, tight):
    """On forty draws of traps: what the self-check accepts has all points, and it refuses the default tolerances."""
    answers = homework.answers

    def log_density(x, t, trap, cloud):
        def both(time, s):
            return np.concatenate([answers.field(s[:, :2], trap), answers.divergence(s[:, :2], trap)[:, None]], 1)

        end = nodekit.solve(both, np.concatenate([x, np.zeros((len(x), 1))], 1), (t, 0.0), **tight).y[-1]
        return cloud.log_density(end[:, :2]) + end[:, 2]

    accepted = bool(homework.checks.log_density.check(log_density))
    points = []
    for secret in range(1, 7):  # seven traps each
        rows = homework.module.inputs(2, 7, secret)
        points.append(homework.earned(2, 7, secret, {"log density": [log_density(*row).tolist() for row in rows]})[0])
    assert accepted == (min(points) == 18) == (tight["rtol"] < 1e-7)


def forest_ruth(dT, dV, q, p, h):
    for w in (OUTER, 1 - 2 * OUTER, OUTER):
        q = q + w * h / 2 * dT(p)
        p = p - w * h * dV(q)
        q = q + w * h / 2 * dT(p)
    return [q, p]


FIFTH, OUTER = 1 / (4 - 4 ** (1 / 3)), 1 / (2 - 2 ** (1 / 3))
SUZUKI = composed((FIFTH, FIFTH, 1 - 4 * FIFTH, FIFTH, FIFTH))


@pytest.mark.parametrize("step4", [SUZUKI, forest_ruth], ids=["Suzuki", "drift first"])
def test_other_methods_of_order_4_have_full_marks(homework, step4):
    """Suzuki's five-fold composition, and one that begins with a drift, are as right as the reference."""
    got = homework.earned(4, 7, 5, homework.hand_in(4, 7, 5, step4=step4))
    assert got[0] == 20, got[1]
    assert homework.checks.step4.check(lambda dT, dV, q, p, h: step4(dT, dV, q, p, h))


# ---- part 5 --------------------------------------------------------------------------------------------


def staying(t, y):
    """Atoms that stay where they are conserve everything."""
    return lambda x0, t: np.broadcast_to(x0, (len(t), *x0.shape))


def by_polynomials(slopes, drag=0.0):
    """Another way to learn: a mass and a force of degree 5 by least squares, no network, and a friction beside them."""

    def learn(t, y):
        x, dx = slopes(t, y)
        force, inverse = np.polyfit(x[:, 0], dx[:, 1], 5), x[:, 1] @ dx[:, 0] / (x[:, 1] @ x[:, 1])

        def f(t, x):
            return np.stack([x[..., 1] * inverse, np.polyval(force, x[..., 0]) - drag * x[..., 1]], -1)

        return lambda x0, t: nodekit.solve(f, x0, t, method="dopri8", rtol=1e-6, atol=1e-6).y.astype(np.float32)

    return learn


def judged(homework, variant, learn):
    """(points, message) for part 5."""
    answer = homework.hand_in(5, variant, variant + 1, learn=learn)
    return homework.earned(5, variant, variant + 1, answer)


@pytest.mark.parametrize("variant", MANY)
def test_any_sensible_field_has_full_marks_in_part_5(homework, variant):
    """Least squares with a polynomial, predictions in float32: 22 points for every variant tried."""
    points, message = judged(homework, variant, by_polynomials(homework.solution["slopes"]))
    assert points == 22, message


@pytest.mark.parametrize("variant", MANY[:3])
def test_part_5_asks_for_prediction_and_for_energy(homework, variant):
    """A field that loses energy slowly has the points of the prediction; standing still, which loses none, has none."""
    points, message = judged(homework, variant, by_polynomials(homework.solution["slopes"], 0.01))
    assert 8 <= points <= 13, message
    assert judged(homework, variant, staying)[0] == 0


WRONG_LEARN = [
    (lambda t, y: y, "a function predict(x0, t) was expected"),
    (lambda t, y: lambda x0, t: 1 / 0, "predict raised ZeroDivisionError"),
    (lambda t, y: lambda x0, t: np.zeros((len(x0), len(t), 2)), "times come first"),
    (lambda t, y: lambda x0, t: np.zeros((len(t), len(x0), 2)), "the prediction is not x0"),
    (staying, "atoms that stay where they are"),
    ("lossy", "0.016 is wanted here"),
    ("backward", "do you run backward in time?"),
]


@pytest.mark.parametrize(("learn", "words"), WRONG_LEARN, ids=[words for _, words in WRONG_LEARN])
def test_the_self_check_of_learn_names_the_mistake(homework, capsys, learn, words):
    """A prediction of the wrong form, that stays, that loses energy, or runs backward is refused with words."""
    right = by_polynomials(homework.solution["slopes"], 0.002 if learn == "lossy" else 0.0)

    def backward(t, y):
        return lambda x0, t: right(*RECORDED)(x0 * (1, -1), t) * (1, -1)

    RECORDED = homework.module.recording(homework.checks.EXAMPLE, np.random.default_rng(5))
    learn = {"lossy": right, "backward": backward}.get(learn, learn) if isinstance(learn, str) else learn
    assert not homework.checks.learn.check(lambda t, y: learn(t, y))
    assert words in capsys.readouterr().out


# ---- odd answers, self-checks, the notebook's cells -------------------------------------------------------

ZEROS = {"order": [[[0] * 4] * 4] * 8, "image": [[[0] * 4] * 8] * 3, "back": [[0] * 4] * 3, "orbit": [[0] * 16] * 200}
PROBES = {"held": [True] * 12, "probe": [[1] * 5] * 12, "log density": [0] * 12}
ODD = [
    None, 3, [], {}, {"error": 1}, {"field": 1, "divergence": [1] * 6}, {"field": [[[1, 2, 3]]] * 6},
    {"field": [["x"]] * 6}, {"log density": [["nan"] * 6] * 7}, {"log density": [[1e400] * 6] * 7},
    {"log density": [{"error": 1}] * 7},
    PROBES | {"trace": [[0.0] * 400] * 3, "products": [1200] * 3, "variance": [0] * 3},
    {"trace": [1], "products": {}, "variance": "x", "held": {}, "probe": [[]], "log density": [[]] * 12},
    ZEROS | {"forces": ["x"]}, {"order": 1, "image": [1], "back": None, "forces": [None], "orbit": {"x": 1}},
    {"short": [[[10**400, 0]] * 24] * 41, "long": "text"}, {"short": {"x": 1}, "long": []},
    {"short": [[[0, 0]] * 24] * 41, "long": [[[0, 0]] * 24] * 22},
]  # fmt: skip


@pytest.mark.parametrize("part", POINTS)
@pytest.mark.parametrize("answer", ODD, ids=lambda a: str(a)[:40])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:divide by zero:RuntimeWarning")
def test_odd_answers_are_worth_nothing(homework, part, answer):
    """Whatever comes out of a notebook is data: it has 0 points and a sentence, and raises nothing else."""
    points, message = homework.earned(part, 7, 5, answer)
    assert points == 0
    assert message


def test_self_checks_accept_the_reference(homework, capsys):
    """All eight say right; there is no solution to print; hints are asked for by the name that a student has."""
    names = [name for names in COUNTS.values() for name in names] + ["learn"]
    for name in names:
        assert getattr(homework.checks, name).check(homework.solution[name])
        getattr(homework.checks, name).solution()
        assert getattr(homework.checks, name).name == f"hw3_checks.{name}"
        assert len(getattr(homework.checks, name).hints) == 3
    assert capsys.readouterr().out.count("no solution") == 8


# ---- one batch -----------------------------------------------------------------------------------------

SLOW = pytest.mark.slow(seconds=70)


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
        for said in ("part2: no beam", "part3: Nothing was handed in", "part4: order: nothing was handed in"):
            assert said in rows[student]["note"]
    if student == "accidents":  # an exception, an endless loop and 4 GB, each in a cell of its own
        for said in ("part2: Nothing was handed in: NameError", "part4: Nothing was handed in: NameError"):
            assert said in rows[student]["note"]
