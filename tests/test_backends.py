"""The two backends are twins: the same steps, the same states, the same cost; and torch is imported only on demand."""

import importlib
import subprocess
import sys

import numpy as np
import pytest
import torch

import nodekit
from nodekit import problems
from nodekit.methods.explicit import METHODS
from nodekit.numpy_backend import explicit as numpy_explicit
from nodekit.stepping import step
from nodekit.torch_backend import explicit as torch_explicit

# One problem of each kind; tests/test_problems.py checks all of them.
SAMPLE = [
    "decay", "oscillating growth", "logistic", "predator and prey", "rigid body", "non-autonomous", "bell", "rational",
    "harmonic oscillator", "Lotka–Volterra", "Arenstorf orbit", "cubic spiral",
]  # fmt: skip


@pytest.mark.parametrize("p", [problems.get(name) for name in SAMPLE], ids=SAMPLE)
@pytest.mark.parametrize("method", METHODS)
def test_same_steps(method, p):
    """float64: every h to 1e-10, nfev, and y agree.

    An error estimate is a sum of slopes that nearly cancel: its rounding error is some 100 eps, and h follows it.
    Where the estimate is so small that this is more than 1e-10 of it, as much is allowed. fehlberg2, whose estimate
    is small, needs a tighter tolerance: at 1e-3 its steps on the spiral are so long that rounding errors grow.
    """
    tol, (t0, t1) = 1e-4 if method == "fehlberg2" else 1e-3, p.t_span
    step = None if METHODS[method].adaptive else (t1 - t0) / 2000
    span = (t0, t0 + (t1 - t0) * (0.5 if step is None else 0.05))
    arguments = {"method": method, "step": step, "rtol": tol, "atol": tol, "first_step": 0.1}
    a = nodekit.solve(p.f, p.y0, span, **arguments)
    b = nodekit.solve(p.f, torch.tensor(p.y0), span, **arguments)
    assert a.stats == b.stats
    assert np.array_equal(a.steps.accepted, b.steps.accepted)
    rounding = 0.0 if step else np.maximum.accumulate(100 * np.finfo(float).eps / (tol * a.steps.error_ratio))
    assert (np.abs(a.steps.h - b.steps.h) <= (1e-10 + rounding) * np.abs(a.steps.h)).all()
    between = np.linspace(*span, 9)
    assert np.allclose(a(between), b(between).numpy(), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_advance_of_each_backend_equals_the_plain_one(method):
    """The tuned weighted sums equal step.advance to rounding, for every row of every tableau."""
    rng = np.random.default_rng(0)
    m = METHODS[method]
    y, slopes = rng.normal(size=5), rng.normal(size=(m.stages + len(m.dense_rows), 5))
    buffer = numpy_explicit.Slopes(len(slopes), y)
    for k in slopes:
        buffer.append(k)
    tensors = [torch.tensor(k) for k in slopes]
    tensor_buffer = torch_explicit.Slopes(len(slopes), tensors[0])
    for k in tensors:
        tensor_buffer.append(k)
    for weights in (*m.a[1:], m.b, *(row.a for row in m.dense_rows), m.weights_at(0.3)):
        for start, tensor in ((y, torch.tensor(y)), (None, None)):
            plain = step.advance(start, 0.1, weights, slopes)
            bound = 1e-15 * (np.abs(y) + sum(abs(w) * np.abs(k) for w, k in zip(weights, slopes, strict=False)))
            assert (np.abs(numpy_explicit.advance(start, 0.1, 0.1 * np.array(weights), buffer) - plain) <= bound).all()
            if start is not None:
                by_torch = torch_explicit.advance(tensor, 0.1, torch.tensor(weights, dtype=float), tensor_buffer)
                assert (np.abs(by_torch.numpy() - plain) <= bound).all()
            by_torch = torch_explicit.fused_advance(tensor, 0.1, weights, tensors)
            assert (np.abs(by_torch.numpy() - plain) <= bound).all()


@pytest.mark.parametrize(
    ("name", "only_numpy", "only_torch"),
    [
        (  # Copies: autograd's NumPy; Scaled: what is quick in NumPy; the others: torch.autograd's own ways
            "explicit",
            {"Copies", "Scaled", "rescaled"},
            {"fused_advance", "EndsOnly", "ends_only", "step_vjp"}
            | {f"ExplicitRungeKutta.{m}" for m in ("go_along", "in_tolerances", "weighted", "worst")}
            | {f"ExplicitRungeKutta.{m}" for m in ("plan", "judged", "recall", "again_end", "step_vjp")},
        ),
        ("state", set(), {"Field.checked", "Field.time", "Stepper.recorded_vjp"}),
        # refuse_boxes: what autograd's NumPy records; refuse_recording and check_kind: what torch does
        ("newton", {"refuse_boxes"}, {"refuse_recording", "check_kind", "backward_rows"}),
        ("equations", set(), {"HeldInverse", "Stepper.recorded_derivatives", "Stepper.newton_end"}),
    ],
)
def test_both_files_have_the_same_names(name, only_numpy, only_torch):
    """The twins read side by side: every class, method and function of one has its namesake in the other."""

    def names(backend):
        module = importlib.import_module(f"nodekit.{backend}_backend.{name}")
        own = {n: v for n, v in vars(module).items() if getattr(v, "__module__", None) == module.__name__}
        methods = {
            f"{n}.{m}"
            for n, v in own.items()
            if isinstance(v, type) and n not in only_numpy | only_torch
            for m in vars(v)
            if callable(getattr(v, m))
        }
        return set(own) | methods

    assert names("numpy") - names("torch") == only_numpy
    assert names("torch") - names("numpy") == only_torch


def test_import_leaves_torch_alone():
    """`import nodekit` and a NumPy solve import neither torch, nor matplotlib, nor SciPy."""
    code = (
        "import sys, numpy, nodekit; nodekit.solve(lambda t, y: -y, numpy.ones(2), (0, 1));"
        "print([m for m in ('torch', 'matplotlib', 'scipy', 'IPython') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert result.stdout.strip() == "[]"


def test_time_reaches_torch_fields_in_the_dtype_of_the_state():
    """A float32 field that concatenates t to y keeps float32, while sol.t is float64."""

    def f(t, y):
        assert t.dtype == torch.float32
        assert t.shape == ()
        return torch.cat([y, t.expand(1)])[:2] * 0.1

    sol = nodekit.solve(f, torch.ones(2), (0.0, 1.0))
    assert sol.y.dtype == torch.float32
    assert sol.t.dtype == torch.float64
