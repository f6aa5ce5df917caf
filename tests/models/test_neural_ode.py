"""NeuralODE: a layer as any other, that counts what it costs and can be regularised."""

import copy
import gc
import io
import subprocess
import sys
import textwrap

import pytest
import torch
from torch import nn

from nodekit import solve
from nodekit.models import NeuralODE

Y0 = torch.tensor([[1.0, -0.5], [0.3, 2.0], [-1.0, 0.4]], dtype=torch.float64)


class Field(nn.Module):
    """A tanh field of t and y."""

    def __init__(self, width=8):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, 2)).double()
        generator = torch.Generator().manual_seed(0)
        for p in self.parameters():
            p.data = torch.randn(p.shape, generator=generator, dtype=torch.float64) * 0.6

    def forward(self, t, y):
        return self.net(y * torch.cos(t))


def test_two_times_give_the_end_more_the_trajectory():
    """t of two times: the state at t1, in y0's shape. More: (n, *y0.shape)."""
    field, t = Field(), [0.0, 0.4, 1.0, 1.5]
    with torch.no_grad():
        truth = solve(field, Y0, t, method="dop853", rtol=1e-11, atol=1e-12).y
    assert torch.allclose(NeuralODE(field, (0.0, 1.5), rtol=1e-8)(Y0), truth[-1], atol=1e-5)
    assert torch.allclose(NeuralODE(field, t, rtol=1e-8)(Y0), truth, atol=1e-5)
    assert torch.allclose(NeuralODE(field, (1.5, 0.0), rtol=1e-8)(truth[-1]), Y0, atol=1e-5)
    assert torch.allclose(NeuralODE(field, (0.0, 1.5), method="rk4", step=0.05)(Y0), truth[-1], atol=1e-5)


@pytest.mark.parametrize("gradient", ["checkpoint", "backprop", "adjoint", "interpolated"])
def test_a_layer_in_sequential(gradient):
    """Gradients reach the layers before, the field and y0: equal to central differences."""
    model = nn.Sequential(
        nn.Linear(2, 2).double(), NeuralODE(Field(), rtol=1e-9, gradient=gradient), nn.Linear(2, 1).double()
    )
    y0 = Y0.clone().requires_grad_()
    loss = lambda: model(y0).square().sum()  # noqa: E731
    loss().backward()
    for x in (y0, model[0].weight, model[1].field.net[0].weight):
        values, e = [], 1e-5
        with torch.no_grad():
            for sign in (1, -2):
                x.view(-1)[0] += sign * e
                values.append(loss().item())
            x.view(-1)[0] += e
        assert x.grad.view(-1)[0].item() == pytest.approx((values[0] - values[1]) / (2 * e), rel=1e-5)


def test_counts():
    """nfev and nfev_backward are those of the last call; the totals add up until they are reset."""
    calls = []

    class Counting(Field):
        def forward(self, t, y):
            calls.append(torch.is_grad_enabled())
            return super().forward(t, y)

    model = NeuralODE(Counting(), gradient="checkpoint")
    first = model(Y0)
    n1 = model.nfev
    second = model(Y0 * 2)
    n2 = model.nfev
    assert model.total_nfev == n1 + n2
    assert n1 + n2 - 2 <= len(calls) <= n1 + n2 + 2
    assert model.nfev_backward == model.total_nfev_backward == 0
    first.sum().backward()
    assert model.nfev_backward == 0  # it belongs to the first call
    b1 = model.total_nfev_backward
    assert b1 > 0
    second.sum().backward()
    assert model.total_nfev_backward == b1 + model.nfev_backward > b1
    model.reset_counts()
    assert model.nfev == model.total_nfev == model.total_nfev_backward == 0


def test_state_dict_and_copies():
    """state_dict holds the field's parameters alone; .to, loading, deepcopy and pickle work, after training too."""
    model = NeuralODE(Field(), regularizer="kinetic")
    assert list(model.state_dict()) == [f"field.{name}" for name in Field().state_dict()]
    y = model(Y0)
    (y.sum() + model.regularization["kinetic"]).backward()
    twin = copy.deepcopy(model)
    assert torch.equal(twin.eval()(Y0), model.eval()(Y0))
    assert twin.total_nfev == model.total_nfev
    buffer = io.BytesIO()
    torch.save(model, buffer)
    buffer.seek(0)
    assert torch.equal(torch.load(buffer, weights_only=False)(Y0), model(Y0))
    other = NeuralODE(Field(), regularizer="kinetic")
    other.load_state_dict(model.state_dict())
    assert other.to(torch.float32)(Y0.float()).dtype == torch.float32


def test_repr():
    assert "t=(0.0, 1.0), method='dopri5'" in repr(NeuralODE(Field()))
    assert "step=0.1, gradient='adjoint', regularizer=('kinetic',)" in repr(
        NeuralODE(Field(), method="rk4", step=0.1, gradient="adjoint", regularizer="kinetic")
    )


class Linear(nn.Module):
    """dy/dt = y A, of a symmetric A."""

    def __init__(self):
        super().__init__()
        self.A = nn.Parameter(torch.tensor([[0.3, 0.5], [0.5, -0.8]], dtype=torch.float64))

    def forward(self, t, y):
        return y @ self.A


@pytest.mark.parametrize("gradient", ["checkpoint", "backprop", "adjoint"])
@pytest.mark.parametrize("names", ["kinetic", "jacobian", ("kinetic", "jacobian"), ("jacobian", "kinetic")], ids=str)
def test_regularisers(names, gradient):
    """∫ mean |f|² and ∫ mean |εᵀ ∂f/∂y|² of a linear field equal their closed forms; so do the gradients by A.

    f = y0 e^{At} A: by quadrature of the closed form. εᵀ ∂f/∂y = ε Aᵀ at all times.
    """
    names = (names,) if isinstance(names, str) else names
    model = NeuralODE(Linear(), (0.0, 1.5), rtol=1e-9, atol=1e-10, gradient=gradient, regularizer=names)
    torch.manual_seed(3)
    noise = torch.randn_like(Y0)
    torch.manual_seed(3)
    y = model(Y0)
    A, (nodes, weights) = model.field.A, gauss(20)
    kinetic = sum(
        w * (Y0 @ torch.linalg.matrix_exp(A * t) @ A).square().mean() for t, w in zip(nodes, weights, strict=True)
    )
    exact = {"kinetic": kinetic, "jacobian": 1.5 * (noise @ A.T).square().mean()}
    assert torch.allclose(y, Y0 @ torch.linalg.matrix_exp(1.5 * A), atol=1e-7)
    assert set(model.regularization) == set(names)
    for name in names:
        found = model.regularization[name]
        assert found.shape == ()
        assert found.item() == pytest.approx(exact[name].item(), rel=1e-6)
        a, b = (torch.autograd.grad(x, A, retain_graph=True)[0] for x in (found, exact[name]))
        assert torch.allclose(a, b, rtol=1e-5)


def gauss(n):
    """Gauss–Legendre nodes and weights on (0, 1.5), from the eigenvalues of Legendre's Jacobi matrix."""
    k = torch.arange(1, n, dtype=torch.float64)
    off = k / torch.sqrt(4 * k**2 - 1)
    x, v = torch.linalg.eigh(torch.diag(off, 1) + torch.diag(off, -1))
    return 0.75 * (x + 1), 1.5 * v[0] ** 2


def test_regularisers_are_for_training():
    """In eval mode there are none, and none of their cost."""
    model = NeuralODE(Field(), regularizer=("kinetic", "jacobian")).eval()
    model(Y0)
    assert model.regularization == {}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"field": lambda t, y: y}, TypeError, "field must be an nn.Module"),
        ({"method": "rk5"}, ValueError, "method='rk5' is not known"),
        ({"gradient": "magic"}, ValueError, "gradient='magic' is not known"),
        ({"regularizer": "ridge"}, ValueError, "regularizer='ridge' is not known"),
        ({"t": (0.0, 1.0, 0.5)}, ValueError, "strictly increasing"),
        ({"method": "rk4"}, ValueError, "method='rk4' has no error estimate: give it a step size"),
        ({"step": -0.1}, ValueError, "step=-0.1 must be a number greater than 0"),
        ({"step": 1e-9}, ValueError, "step=1e-09 needs 1000000000 steps from t=0.0 to t=1.0"),
        ({"rtol": 0.0}, ValueError, "rtol=0.0"),
        ({"max_steps": 0}, ValueError, "max_steps=0"),
        (
            {"t": torch.tensor([0.0, 1.0], requires_grad=True)},
            ValueError,
            "t requires gradients, and a layer keeps its",
        ),
        ({"t": (0.0, torch.tensor(1.0, requires_grad=True))}, ValueError, "t requires gradients"),
    ],
)
def test_bad_arguments(arguments, error, message):
    """In the constructor."""
    with pytest.raises(error, match=message):
        NeuralODE(**{"field": Field(), **arguments})


def test_a_state_that_is_no_tensor():
    """Nor is a tuple of them one."""
    for y0, kind in ((Y0.numpy(), "ndarray"), ([1.0, 2.0], "list"), (1.0, "float"), ((Y0, Y0), "tuple")):
        with pytest.raises(TypeError, match=f"y0 must be a torch tensor, got {kind}"):
            NeuralODE(Field())(y0)


@pytest.mark.parametrize("kind", ["leaf", "computed", "buffer"])
@pytest.mark.parametrize("regularizer", [None, "kinetic"])
@pytest.mark.parametrize("gradient", ["discrete", "checkpoint", "adjoint", "interpolated"])
def test_gradients_reach_what_a_field_holds(gradient, regularizer, kind):
    """A condition that is no parameter, in a module within the field: an input, or what a net made of it; as backprop
    has it."""

    class Inner(Field):
        def forward(self, t, y):
            return super().forward(t, y) * self.condition

    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = Inner()

        def forward(self, t, y):
            return self.inner(t, y)

    x, found = torch.tensor([0.5, -0.3], dtype=torch.float64, requires_grad=True), {}
    for way in ("backprop", gradient):
        field = Outer()
        if kind == "buffer":
            field.inner.register_buffer("condition", x.tanh(), persistent=False)
        else:
            field.inner.condition = x if kind == "leaf" else x.tanh()
        model = NeuralODE(field, rtol=1e-9, gradient=way, regularizer=regularizer)
        loss = model(Y0).square().sum()
        loss = loss + model.regularization["kinetic"] if regularizer else loss
        found[way] = torch.autograd.grad(loss, [x, *model.parameters()])
    for a, b in zip(found[gradient], found["backprop"], strict=True):
        assert torch.allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize("gradient", ["discrete", "checkpoint", "backprop", "adjoint"])
@pytest.mark.slow(seconds=30)
def test_memory_is_flat(gradient):
    """100 training steps with clipped gradients, the garbage collector off: no tensor is left but the last solve's
    states, one a step, and the loss falls.
    """
    model = NeuralODE(Field(), gradient=gradient, rtol=1e-4, atol=1e-4, regularizer="kinetic")
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []

    def step():
        optimizer.zero_grad()
        loss = (model(Y0) - Y0.flip(0)).square().mean()
        (loss + 1e-3 * model.regularization["kinetic"]).backward()
        assert nn.utils.clip_grad_norm_(model.parameters(), 0.5).isfinite()
        optimizer.step()
        losses.append(loss.item())

    def tensors():
        return sum(issubclass(type(x), torch.Tensor) for x in gc.get_objects())

    step()
    gc.collect()
    gc.disable()
    try:
        before, nfev = tensors(), model.nfev
        for _ in range(100):
            step()
        assert tensors() <= before + 2 + (model.nfev - nfev) / 6
    finally:
        gc.enable()
    assert losses[-1] < 0.7 * losses[0]


DISTRIBUTED = """
    import sys, torch, torch.distributed as dist
    from torch.nn.parallel import DistributedDataParallel
    from nodekit.models import NeuralODE
    from tests.models.test_neural_ode import Field, Y0
    rank, place = int(sys.argv[1]), sys.argv[2]
    dist.init_process_group("gloo", init_method=place, rank=rank, world_size=2)
    for gradient, tol in (("checkpoint", 1e-12), ("adjoint", 1e-5)):
        model = NeuralODE(Field(), gradient=gradient)
        shared = DistributedDataParallel(model)
        shared(Y0 + rank).square().mean().backward()
        found = model.field.net[0].weight.grad
        single = NeuralODE(Field(), gradient=gradient)
        sum(single(Y0 + r).square().mean() / 2 for r in (0, 1)).backward()
        right = single.field.net[0].weight.grad
        assert torch.allclose(found, right, rtol=tol), (gradient, found, right)
        print(gradient)
    dist.destroy_process_group()
"""


@pytest.mark.slow(seconds=30)
def test_distributed_data_parallel(tmp_path, request):
    """Two processes, each with its batch: the gradient is the mean of both, as of one process with both batches.

    The adjoint's steps depend on the size of dL/dy, which is halved here: there to its tolerance. One pair of processes
    has both gradients in turn, for most of its time is importing.
    """
    command = [sys.executable, "-c", textwrap.dedent(DISTRIBUTED)]
    place, pipes = f"file://{tmp_path}/meeting", {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = [subprocess.Popen([*command, rank, place], cwd=request.config.rootpath, **pipes) for rank in ("0", "1")]
    for process in running:
        printed, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors[-2000:]
        assert printed.split() == ["checkpoint", "adjoint"]


def test_the_adjoint_records_no_evaluation_on_the_way_there():
    """Autograd is handed states only, whatever the width of the field is: its parameters are told, not looked for."""
    net = torch.nn.Sequential(torch.nn.Linear(3, 1000), torch.nn.Tanh(), torch.nn.Linear(1000, 3)).double()
    wide = [0]

    def pack(x):
        wide[0] += x.shape[-1:] == (1000,) and x.dim() == 2 and len(x) == 5
        return x

    layer = NeuralODE(Timeless(net), method="rk4", step=0.25, gradient="adjoint")
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        layer(torch.ones(5, 3, dtype=torch.float64))
    assert wide[0] == 0


class Timeless(torch.nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, t, y):
        return self.net(y)
