"""Each line of the checklist fires on a field that is bad in that way, and stays quiet on a good one."""

import subprocess
import sys

import numpy as np
import pytest

from nodekit import problems
from nodekit.classroom import checklist
from nodekit.classroom.diagnose import diagnose

torch = pytest.importorskip("torch")


def pendulum(t, y):
    return np.array([y[1], -np.sin(y[0])], y.dtype)


def lorenz(t, y):
    return np.array([10 * (y[1] - y[0]), y[0] * (28 - y[2]) - y[1], y[0] * y[1] - 8 / 3 * y[2]])


def noisy(t, y, rng=np.random.default_rng(0)):  # noqa: B008
    return -y + rng.normal(size=y.shape)


def in_place(t, y):
    y *= 2.0
    return y


def late(t, y):
    if t > 1.0:
        raise KeyError("weights")
    return -y


class Net(torch.nn.Module):
    def __init__(self, p=0.0, scale=1.0):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.net = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 2))
        for weight in self.net.parameters():
            weight.data = scale * torch.randn(weight.shape, generator=generator) / 4
        self.drop = torch.nn.Dropout(p)

    def forward(self, t, y):
        return self.drop(self.net(y))


def batch(dtype=torch.float64):
    return torch.tensor(np.random.default_rng(1).normal(size=(5, 2)), dtype=dtype)


ONE, TWO, ONE_TENSOR = np.ones(1), np.array([1.0, 0.0]), torch.ones(1, dtype=torch.float64)
D5 = problems.get("DETEST D5")
NET, WEIGHTS = Net().double(), torch.ones(2, 2, dtype=torch.float64, requires_grad=True)
GOOD = {
    "pendulum": lambda: diagnose(pendulum, TWO, (0.0, 10.0)),
    "backward in time": lambda: diagnose(pendulum, TWO, (10.0, 0.0)),
    "a list": lambda: diagnose(lambda t, y: -y, [1, 2], (0, 1)),
    "a matrix": lambda: diagnose(lambda t, y: -y, np.ones((3, 2)), (0.0, 1.0), atol=np.full((3, 2), 1e-8)),
    "complex": lambda: diagnose(lambda t, y: 1j * y, np.ones(2) + 0j, (0.0, 1.0)),
    "float32": lambda: diagnose(pendulum, TWO.astype(np.float32), (0.0, 10.0), rtol=1e-5, atol=1e-6),
    "fixed steps": lambda: diagnose(pendulum, TWO, (0.0, 10.0), method="rk4", step=0.1),
    "stiff, implicit": lambda: diagnose(lambda t, y: -1e4 * (y - 1) + t, ONE, (0.0, 1e-3), method="radau"),
    "two bodies": lambda: diagnose(D5.f, D5.y0, (0.0, 6.0)),
    "module": lambda: diagnose(Net().double(), batch(), (0.0, 1.0)),
    "module in float32": lambda: diagnose(Net(), batch(torch.float32), (0.0, 1.0), rtol=1e-4, atol=1e-5),
    "function of a module": lambda: diagnose(lambda t, y: NET(t, y) * t, batch(), (0.0, 1.0)),
    "without parameters": lambda: diagnose(lambda t, y: torch.sin(y), batch(), (0.0, 1.0)),
    "torch, fixed steps": lambda: diagnose(Net().double(), batch(), (0.0, 1.0), method="rk4", step=0.1),
}


NUMPY = set(list(GOOD)[:9])


def sized(limit):
    def run(monkeypatch):
        monkeypatch.setattr(checklist, "BYTES", limit)
        return diagnose(Net().double(), batch(), (0.0, 1.0), gradient="backprop")

    return run


# name: (the line that must fire, words in it or its advice, the lines that may fire with it, the diagnosis)
BAD = {
    "raises at once": ("field", "f raised AttributeError: ", "", lambda: diagnose(lambda t, y: y.foo, ONE, (0, 1))),
    "returns nothing": ("field", "f returned None", "", lambda: diagnose(lambda t, y: None, ONE, (0, 1))),
    "shape": ("field", "shape (1,) for y of shape (2,)", "", lambda: diagnose(lambda t, y: y[:1], TWO, (0, 1))),
    "in place": ("field", "f changes y in place", "", lambda: diagnose(in_place, TWO, (0, 1))),
    "in place on torch": ("field", "f changes y in place", "", lambda: diagnose(in_place, batch(), (0, 1))),
    "noise": ("field", "two different values", "", lambda: diagnose(noisy, TWO, (0, 1))),
    "dropout": ("field", "eval mode", "", lambda: diagnose(Net(p=0.5), batch(torch.float32), (0, 1))),
    "raises later": ("solve", "f raised KeyError: 'weights' at t = 1.", "", lambda: diagnose(late, ONE, (0, 3))),
    "blow-up": ("solve", "STEP_TOO_SMALL", "", lambda: diagnose(lambda t, y: y * y, ONE, (0, 2))),
    "max_steps": ("solve", "MAX_STEPS", "", lambda: diagnose(pendulum, TWO, (0, 10), max_steps=5)),
    "rejections": (
        "solve",
        "look for noise, kinks and jumps",
        "jumps reversal",
        lambda: diagnose(lambda t, y: np.sign(np.sin(5 * t)) + 0 * y, ONE, (0, 4)),
    ),
    "root": ("finite", "first at t = 1.9", "solve", lambda: diagnose(lambda t, y: -np.sqrt(y), ONE, (0, 3))),
    "root on torch": (
        "finite",
        "in component 0",
        "solve",
        lambda: diagnose(lambda t, y: -(y**0.5), ONE_TENSOR, (0, 3)),
    ),
    "jump": (
        "jumps",
        "near t = 1.0",
        "solve",
        lambda: diagnose(lambda t, y: (3.0 if t < 1 else -3.0) - y, ONE, (0, 2)),
    ),
    "stiff": (
        "stiffness",
        "Take an implicit method",
        "reversal",
        lambda: diagnose(lambda t, y: -1e3 * (y - np.cos(t)), ONE, (0, 2)),
    ),
    "stiff on torch": (
        "stiffness",
        "stiff from t = ",
        "reversal gradient adjoint",
        lambda: diagnose(lambda t, y: -1e3 * (y - torch.cos(t)), ONE_TENSOR, (0, 1)),
    ),
    "float32": (
        "precision",
        "Work in float64",
        "",
        lambda: diagnose(pendulum, TWO.astype(np.float32), (0, 10), rtol=1e-8, atol=1e-8),
    ),
    "chaos": ("accuracy", "chaotic", "reversal", lambda: diagnose(lorenz, [-8.0, 8.0, 27.0], (0, 20))),
    "long steps": (
        "accuracy",
        "Take a smaller step",
        "reversal",
        lambda: diagnose(pendulum, TWO, (0, 10), method="euler", step=0.5),
    ),
    "decay": (
        "reversal",
        "gradient='checkpoint'",
        "",
        lambda: diagnose(lambda t, y: -20 * y, ONE, (0, 1), gradient="adjoint"),
    ),
    "detached": (
        "gradient",
        "Does f detach",
        "",
        lambda: diagnose(lambda t, y: NET(t, y.detach()), batch(), (0, 1)),
    ),
    "detached weights": (
        "gradient",
        "Does f detach",
        "",
        lambda: diagnose(lambda t, y: torch.tanh(y @ WEIGHTS.detach()), batch(), (0, 1), params=[WEIGHTS]),
    ),
    "leaves torch": (
        "gradient",
        "Can't call numpy()",
        "adjoint memory",
        lambda: diagnose(lambda t, y: torch.tensor(np.tanh(y.numpy())), batch(), (0, 1)),
    ),
    "vanishing": ("adjoint", "vanish or explode", "reversal", lambda: diagnose(lambda t, y: -12 * y, batch(), (0, 1))),
    "exploding": ("adjoint", "vanish or explode", "", lambda: diagnose(lambda t, y: 12 * y, batch(), (0, 1))),
    "memory": ("memory", "gradient='checkpoint'", "", sized(1000)),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_good_fields_are_left_in_peace(name):
    """No line fires, and none says that it failed."""
    found = GOOD[name]()
    assert found.bad == [], found
    assert len(found.lines) == (8 if name in NUMPY else 11)


@pytest.mark.parametrize("name", BAD)
def test_its_line_fires(name, monkeypatch):
    """The line of that fault fires, with the words that help, and no line that has nothing to do with it."""
    line, words, with_it, run = BAD[name]
    found = run(monkeypatch) if name == "memory" else run()
    assert line in found.bad, found
    assert words in found[line].found + found[line].advice
    assert set(found.bad) <= {line, *with_it.split()}, found
    text = str(found)
    assert "✗ " + line in text
    assert "Traceback" not in text


def test_what_does_no_harm_is_a_note(monkeypatch):
    """A state that cannot be solved backward, or much to keep, matters only to the gradient that would do so."""
    found = diagnose(lambda t, y: -20 * y, ONE, (0, 1))
    assert found.bad == []
    assert "! reversal" in str(found)
    assert "→ Do not solve this state backward" in str(found)
    monkeypatch.setattr(checklist, "BYTES", 1000)
    found = diagnose(NET, batch(), (0.0, 1.0))
    assert found.bad == []
    assert "! memory" in str(found)


def test_every_line_is_seen_to_fire():
    assert {line for line, *_ in BAD.values()} == {check.__name__ for check in checklist.CHECKS}


def test_the_numbers_are_those_of_the_solve():
    """nfev, steps and the error at the end are what one finds by hand."""
    import nodekit

    found, sol = diagnose(pendulum, TWO, (0.0, 10.0)), nodekit.solve(pendulum, TWO, (0.0, 10.0))
    exact = nodekit.solve(pendulum, TWO, (0.0, 10.0), method="dop853", rtol=1e-12, atol=1e-12).y[-1]
    assert f"nfev {sol.stats.nfev}, {sol.stats.n_accepted} steps accepted" in found["solve"].found
    assert f"off by {np.abs(sol.y[-1] - exact).max():.1e}" in found["accuracy"].found


def test_memory_is_what_backprop_keeps():
    """For y' = tanh(y): a step keeps a few tensors of y's size for each of its stages."""
    found = diagnose(
        lambda t, y: torch.tanh(y), torch.zeros(1000, dtype=torch.float64), (0.0, 1.0), method="rk4", step=0.1
    )
    kept = float(found["memory"].found.split(": ")[1].split(" kB")[0])
    assert 4 * 8 <= kept <= 16 * 8


def test_the_field_is_as_it_was():
    """The weights that the gradient check moves are put back, and no gradient is left on them."""
    net = Net().double()
    before = [p.detach().clone() for p in net.parameters()]
    diagnose(net, batch(), (0.0, 1.0))
    assert all(torch.equal(p, old) for p, old in zip(net.parameters(), before, strict=True))
    assert all(p.grad is None for p in net.parameters())


def test_bad_arguments_are_errors():
    """What f does becomes a line; what the caller mistypes is an error."""
    with pytest.raises(ValueError, match="not known"):
        diagnose(pendulum, TWO, (0, 1), method="dopri6")
    with pytest.raises(TypeError, match="got a tuple"):
        diagnose(pendulum, (batch(), batch()), (0, 1))


def test_it_works_without_torch():
    """A NumPy field is diagnosed without importing torch."""
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from nodekit.classroom.diagnose import diagnose\n"
        "found = diagnose(lambda t, y: -y, [1.0], (0.0, 1.0)); print(found); assert found.bad == []"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "✓ accuracy" in done.stdout


def test_exchanged_arguments():
    """A field that takes (y, t) would be solved without a word: its names tell."""
    for f in (lambda y, t: -y * t, lambda x, time: -x):
        found = diagnose(f, np.ones(3), (0.0, 1.0))
        assert found.bad == ["field"]
        assert "solve calls f(t, y)" in str(found)
    assert diagnose(lambda t, y: -y, np.ones(3), (0.0, 1.0)).lines[0].good
