"""An exercise says one true thing about a student's function, whatever the function does."""

import signal
import threading
import time

import numpy as np
import pytest

from nodekit.classroom import checks, watch
from nodekit.classroom.checks import Exercise, Wrong, same_values


def double(x):
    """Twice x. x: (d,). Returns (d,)."""
    return 2.0 * x


def check_double(student):
    x = np.random.default_rng(0).normal(size=3)
    same_values(student(x), 2.0 * x, what="your result", mistakes={"You halved it.": x / 2.0})
    return "Twice x on 1 random vector."


twice = Exercise(double, check_double, hints=("one", "two", "three"), seconds=0.3)


def stub_dots(x):
    """Twice x."""
    ...


def stub_pass(x):
    pass


def stub_raises(x):
    raise NotImplementedError


class StubClass:
    def __init__(self, d):
        self.d = d

    def forward(self, x):
        """Twice x."""
        ...


@pytest.mark.parametrize("stub", [stub_dots, stub_pass, stub_raises, StubClass])
def test_untouched_stub_is_not_attempted(stub, capsys):
    """A stub gets the first line of help, not a verdict, and nothing is raised."""
    result = twice.check(stub)
    assert not result.passed
    assert not result.attempted
    assert capsys.readouterr().out == "Not attempted yet. test_checks.twice.hint() gives the first of three hints.\n"


def test_right_answer_passes_and_shows_once(capsys):
    """The reference passes; the message is printed once and the result shows nothing of itself."""
    result = twice.check(double)
    assert result.passed
    assert bool(result)
    assert capsys.readouterr().out == "✓ Twice x on 1 random vector.\n"
    result._ipython_display_()
    assert capsys.readouterr().out == ""
    assert repr(result) == "passed"


def test_float32_is_held_to_its_own_rounding():
    """A right answer in float32, PyTorch's default, passes, as an array and as a tensor."""
    torch = pytest.importorskip("torch")
    assert twice.check(lambda x: (2.0 * x).astype(np.float32)).passed
    assert twice.check(lambda x: torch.tensor(2.0 * x, dtype=torch.float32)).passed


def test_an_integer_is_a_number():
    """1 for 1.0 is right where one number is asked for."""
    assert same_values(1, np.float64(1.0)) == 0.0


def in_place(x):
    x *= 2.0
    return x


def raises(x):
    y = 1.0
    return x / y.real.missing


def raises_in_helper(x):
    def helper(z):
        return z["a"]

    return helper(x)


def swallows_everything(x):
    while True:
        try:
            pass
        except Exception:
            pass


WRONG = {
    "none": (lambda x: print(end=""), "returned None"),
    "list": (lambda x: list(2.0 * x), "a number or an array was expected. Make one with np.array(...)."),
    "zero": (lambda x: 0.0, "has shape (); (3,) was expected"),
    "string": (lambda x: "2x", "your result is a str"),
    "generator": (lambda x: (2.0 * v for v in x), "your result is a generator"),
    "objects": (lambda x: np.array([None, x, 1], dtype=object), "your result is an array of dtype object"),
    "booleans": (lambda x: x > 0.0, "your result is an array of dtype bool; an array of numbers was expected."),
    "shape": (lambda x: np.append(x, 1.0), "has shape (4,); (3,) was expected"),
    "dtype": (lambda x: (2.0 * x).astype(complex), "has dtype complex128; float64 was expected"),
    "a wrong float32": (lambda x: (2.0001 * x).astype(np.float32), "your result is off"),
    "float16": (lambda x: (2.0 * x).astype(np.float16), "has dtype float16; float64 was expected"),
    "integers": (lambda x: (2.0 * x).astype(int), "has dtype int64; float64 was expected"),
    "nan": (lambda x: 2.0 * x * [1.0, np.nan, 1.0], "not finite: nan at index [1]"),
    "value": (lambda x: 2.0 * x + [0.0, 0.0, 1.0], "your result is off at index [2]"),
    "mistake": (lambda x: x / 2.0, "You halved it."),
    "in place": (in_place, "Right value, but your double changed x itself: the caller's x is now different."),
    "raises": (raises, "double raised AttributeError: 'float' object has no attribute 'missing'"),
    "its line": (raises, "line 3 of raises: return x / y.real.missing"),
    "helper": (raises_in_helper, 'line 2 of helper: return z["a"]'),
    "exits": (lambda x: exit(3), "double raised SystemExit: 3"),
    "arguments": (lambda t, x: x, "double is called as double(x), and yours cannot be"),
    "endless": (swallows_everything, "Stopped after 0.3 s of computing.\n  line"),
    "not a function": (np.zeros(3), "check takes the function itself"),
}


@pytest.mark.parametrize("case", WRONG)
def test_each_failure_has_its_own_message(case, capsys):
    """None, a wrong type, shape or dtype, NaN, an exception, an endless loop: each is named."""
    student, words = WRONG[case]
    result = twice.check(student)
    assert not result.passed
    assert result.attempted
    assert words in result.message
    assert capsys.readouterr().out == f"✗ {result.message}\n"
    assert "Traceback" not in result.message


def test_student_output_is_not_swallowed(capsys):
    """What the student's function prints is printed."""

    def chatty(x):
        print("here I am")
        return 2.0 * x

    assert twice.check(chatty).passed
    assert "here I am" in capsys.readouterr().out


def test_check_keeps_its_inputs():
    """A function that overwrites its input cannot corrupt the inputs that the check goes on to use."""
    seen = []

    def check(student):
        x = [np.ones(2), {"a": np.ones(1)}]
        student(x)
        seen.append(x)
        return "ok"

    def spoil(x):
        x[0][:] = 7.0
        x[1]["a"] += 1.0
        return 1.0

    def reference(x):
        return 1.0

    message = Exercise(reference, check, "123").check(spoil).message
    assert "changed x itself" in message
    np.testing.assert_array_equal(seen[0][0], np.ones(2))
    np.testing.assert_array_equal(seen[0][1]["a"], np.ones(1))


def test_endless_because_it_changed_its_input():
    """A loop that never ends because the function overwrote its input is told of that, not only of the time."""

    def shrinks_what_it_waits_for(x):
        while x.max() < 1.0:
            x *= 0.5
        return 2.0 * x

    def check(student):
        student(np.full(3, 0.5))

    result = Exercise(double, check, "123", seconds=0.3).check(shrinks_what_it_waits_for)
    assert "Stopped after 0.3 s of computing.\n  line" in result.message
    assert "had changed x itself, which may be why it does not come to an end" in result.message


def test_sleeping_is_stopped_by_the_clock(monkeypatch):
    """What does not compute is stopped too, later, and is not told of loops."""
    monkeypatch.setattr(watch, "WAIT", 3)

    def sleeps(x):
        while True:
            time.sleep(10.0)

    start = time.monotonic()
    result = twice.check(sleeps)
    assert time.monotonic() - start < 5.0
    assert result.message.startswith("Stopped after 0.9 s, of which 0.0 s were spent on computing.\n  line 3 of sleeps")
    assert "sleep, or wait for something?" in result.message


def test_waiting_for_others_is_not_computing():
    """A right answer passes where the clock runs past the limit and its own computing does not: a busy machine."""

    def slow(x):
        time.sleep(0.5)
        return 2.0 * x

    assert twice.check(slow).passed


def test_torch_inputs_are_copied():
    """A tensor changed in place is noticed too."""
    torch = pytest.importorskip("torch")
    x = torch.ones(3)
    watched = watch.Watched(lambda x: x.mul_(2.0), double)
    watched(x)
    assert watched.changed == "x"
    assert x.sum() == 3


def test_alarm_is_put_back():
    """The time limit leaves the process's alarm handler as it was."""
    before = signal.getsignal(signal.SIGALRM)
    twice.check(swallows_everything)
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_time_limit_without_an_alarm():
    """Outside the main thread, where no alarm can ring, an endless Python loop is stopped as well."""
    results = []
    thread = threading.Thread(target=lambda: results.append(twice.check(swallows_everything)), daemon=True)
    start = time.monotonic()
    thread.start()
    thread.join(10.0)
    assert not thread.is_alive()
    assert time.monotonic() - start < 5.0
    assert "Stopped after 0.3 s of computing" in results[0].message


def test_interrupt_by_the_user_is_not_swallowed():
    """Ctrl-C in the student's function stops the notebook, as it should."""

    def interrupted(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        twice.check(interrupted)


def test_hints_climb_then_end(capsys):
    """hint() climbs the ladder; hint(2) picks one; hint(4) is refused with the valid numbers."""
    fresh = Exercise(double, check_double, hints=("one", "two", "three"))
    for _ in range(4):
        fresh.hint()
    fresh.hint(2)
    out = capsys.readouterr().out.splitlines()
    assert out[:3] == ["Hint 1 of 3: one", "Hint 2 of 3: two", "Hint 3 of 3: three"]
    assert out[3].startswith("That was the last of 3 hints.")
    assert out[4] == "Hint 2 of 3: two"
    with pytest.raises(ValueError, match=r"hint\(4\): there are hints 1 to 3"):
        fresh.hint(4)


def test_solution_prints_the_reference(capsys):
    """solution() prints source that can be pasted over the stub."""
    twice.solution()
    out = capsys.readouterr().out
    assert out.startswith("def double(x):")
    assert "return 2.0 * x" in out


def euler(f, t, x, h):
    return x + h * f(t, x)


def heun(f, t, x, h):
    k1 = f(t, x)
    return x + h / 2 * (k1 + f(t + h, x + h * k1))


def heun_at_wrong_time(f, t, x, h):
    k1 = f(t, x)
    return x + h / 2 * (k1 + f(t, x + h * k1))


def heun_forward_only(f, t, x, h):
    return heun(f, t, x, abs(h))


def heun_of_two_components(f, t, x, h):
    k1, new = f(t, x), np.zeros(2)
    for i in range(2):
        new[i] = x[i] + h / 2 * (k1[i] + f(t + h, x + h * k1)[i])
    return new


@pytest.mark.parametrize(
    ("step", "order"),
    [
        (euler, 1),
        (heun, 2),
        (heun_at_wrong_time, 1),
        (heun_forward_only, 0),
        (checks.rk4, 4),
        (lambda f, t, x, h: x, 0),
    ],
)
def test_order_slope(step, order):
    """The measured order is the method's; a second slope taken at the wrong time costs one order."""
    assert checks.order_slope(step) == pytest.approx(order, abs=0.06)


def test_order_slope_refuses_a_bad_step():
    """A step that blows up or returns another shape is reported, not fitted."""
    with pytest.raises(Wrong, match="finite array of shape"):
        checks.order_slope(lambda f, t, x, h: x * np.nan)
    calls = []
    with pytest.raises(Wrong, match=r"gives 0.0; a finite array of shape \(2,\)"):
        checks.order_slope(lambda f, t, x, h: calls.append(t) or 0.0)
    assert len(calls) == 1  # refused at the first step, not after all of them
    with pytest.raises(Wrong, match=r"a finite array of shape \(3,\) was expected"):
        checks.order_slope(heun_of_two_components)


def test_random_field_breaks_the_symmetries():
    """2 and 3 dimensions; it depends on time; its Jacobian is neither symmetric nor normal."""
    eps = 1e-6
    for seed in range(8):
        f, x0 = checks.random_field(seed)
        assert x0.shape == (2 + seed % 2,)
        J = np.stack([(f(0.3, x0 + e) - f(0.3, x0 - e)) / (2 * eps) for e in eps * np.eye(len(x0))], axis=1)
        assert np.linalg.norm(J - J.T) > 0.05 * np.linalg.norm(J)
        assert np.linalg.norm(J @ J.T - J.T @ J) > 0.05 * np.linalg.norm(J) ** 2
        assert np.linalg.norm(f(0.0, x0) - f(0.8, x0)) > 0.04
    assert checks.random_field(0, d=4)[1].shape == (4,)


def test_several_takes_any_form():
    """A tuple, a list, an array stacked from the parts; a vector is one thing, however long it is."""
    q, p = np.random.default_rng(0).normal(size=(2, 3))
    for form in ((q, p), [q, p], np.stack([q, p])):
        one, two = checks.several(form, "qp")
        assert np.array_equal(one, q)
        assert np.array_equal(two, p)
    for bad in (q[:2], (q,), np.stack([q, p, p]), 1.0, "qp"):
        with pytest.raises(Wrong, match="2 things are returned: return q, p"):
            checks.several(bad, "qp")


def test_gradient_matches():
    """A right gradient passes; a flipped sign is named; a wrong one is located."""
    x = np.random.default_rng(1).normal(size=(2, 3))

    def f(x):
        return float(np.sum(np.sin(x)))

    checks.gradient_matches(f, np.cos(x), x)
    with pytest.raises(Wrong, match="opposite sign"):
        checks.gradient_matches(f, -np.cos(x), x)
    with pytest.raises(Wrong, match="off at index"):
        checks.gradient_matches(f, np.cos(x) + 1e-3, x)


def test_conserves():
    """A circle conserves its radius; a spiral, and NaN, do not."""
    angle = np.linspace(0.0, 6.0, 50)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert checks.conserves(np.linalg.norm, circle, 1e-12) < 1e-12
    for bad in (circle * np.linspace(1.0, 1.1, 50)[:, None], circle * np.nan):
        with pytest.raises(Wrong, match="drifts"):
            checks.conserves(np.linalg.norm, bad, 1e-3)


def test_a_small_difference_is_shown_in_digits_that_differ():
    """Where six digits are equal, the message has fifteen: never '1, and 1 was expected'."""
    with pytest.raises(Wrong, match=r"off at index \[1\]: 1\.00000001, and 1 was expected"):
        same_values(np.array([2.0, 1.00000001]), np.array([2.0, 1.0]))
    with pytest.raises(Wrong, match=r"off at index \[1\]: 1\.5, and 1 was expected"):
        same_values(np.array([2.0, 1.5]), np.array([2.0, 1.0]))
