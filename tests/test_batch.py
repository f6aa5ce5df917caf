"""batch="independent": every sample does what it would do alone."""

import math

import pytest
import torch

import nodekit
from nodekit.stepping.control import CONTROLLERS
from nodekit.torch_backend import control as on_tensors

F64 = torch.float64


def van_der_pol(t, y):
    """mu = 10; y (..., 2)."""
    u, v = y[..., 0], y[..., 1]
    return torch.stack([v, 10 * (1 - u * u) * v - u], -1)


def start(n):
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(0), dtype=F64)


@pytest.mark.parametrize("controller", CONTROLLERS.values(), ids=lambda c: c.name)
def test_controllers_on_tensors(controller):
    """On tensors every controller takes the decisions that it takes on floats."""
    draw = torch.Generator().manual_seed(0)
    ratio, r1, r2 = 10 ** (-6 + 8 * torch.rand(3, 500, generator=draw, dtype=F64))
    ratio[:4], r1[:2] = torch.tensor([0.0, 1.0, math.inf, math.nan]), torch.tensor([0.0, 1e-4])
    growth = 10 ** (2 * torch.rand(500, generator=draw, dtype=F64) - 1)
    growth[10:20] = 0.0
    rejected, good = torch.rand(500, generator=draw) < 0.5, ratio <= 1
    found = on_tensors.factor(controller, 5, ratio, good, rejected, r1, r2, growth)
    for i, (r, *history, after, g) in enumerate(
        zip(*(x.tolist() for x in (ratio, r1, r2, rejected, growth)), strict=True)
    ):
        wanted = controller.accepted(r, history, 5, after, g) if r <= 1 else controller.rejected(r, 5)
        assert found[i].item() == pytest.approx(wanted, rel=1e-12)


@pytest.mark.slow(seconds=30)
@pytest.mark.parametrize(("controller", "off"), [("I", 0.0), ("predictive", 2e-6)])
def test_sixty_four_van_der_pol(controller, off, measured):
    """64 trajectories: each, and every third is looked at, takes the attempts and reaches the state of its solo solve;
    the batch, as many attempts as the hardest one; a shared step size takes several times as many.

    With "I" to rounding. Where the default looks at the trend of tiny error estimates, rounding may move steps on a
    long way: one of the 64 ends 7e-7 off, in one attempt more, and all others to rounding.
    """
    y0, tol = start(64), {"rtol": 1e-6, "atol": 1e-6, "controller": controller}
    together = nodekit.solve(van_der_pol, y0, (0.0, 20.0), batch="independent", **tol)
    each, far = together.stats.per_sample, 0
    for i in range(0, 64, 3):
        sol = nodekit.solve(van_der_pol, y0[i], (0.0, 20.0), **tol)
        far += not torch.allclose(together.y[-1, i], sol.y[-1], rtol=1e-8, atol=1e-9)
        assert torch.allclose(together.y[-1, i], sol.y[-1], rtol=1e-8, atol=max(1e-9, off))
        assert abs(int(each.n_accepted[i] + each.n_rejected[i]) - len(sol.steps.t)) <= 1
        assert each.nfev[i] == 6 * (each.n_accepted[i] + each.n_rejected[i]) + 2
    assert far <= (controller == "predictive")
    hardest = int((each.n_accepted + each.n_rejected).max())
    attempts = (together.stats.nfev - 2) / 6
    assert attempts <= 1.1 * hardest
    joint = len(nodekit.solve(van_der_pol, y0, (0.0, 20.0), **tol).steps.t)
    assert joint > 2 * hardest
    measured(
        f"64 van der Pol (mu = 10), {controller}: {attempts:.0f} attempts, hardest alone {hardest}, one step size for "
        f"all {joint}"
    )


@pytest.mark.parametrize("method", ["dopri5", "dop853", "bosh3", "fehlberg2"])
def test_times_and_directions_of_their_own(method):
    """Each column of t serves its sample, backward in time too; y, and gradients by y0 and a parameter, equal the
    sums of solo solves."""
    t = torch.stack([torch.linspace(0, 1 + i / 10, 5, dtype=F64) for i in range(3)], 1)
    t[:, 2] = t[:, 2].flip(0)
    mu = torch.tensor(3.0, dtype=F64, requires_grad=True)

    def f(t, y):
        time = t[..., 0] if t.dim() else t  # (n, 1) in a batch, 0-d alone
        return torch.stack([y[..., 1], mu * (1 - y[..., 0] ** 2) * y[..., 1] - y[..., 0] * torch.cos(time)], -1)

    y0 = start(3).requires_grad_()
    tol = {"method": method, "rtol": 1e-5, "atol": 1e-5}
    together = nodekit.solve(f, y0, t, batch="independent", **tol)
    alone = [nodekit.solve(f, y0[i], t[:, i], **tol) for i in range(3)]
    assert together.t.shape == (5, 3)
    for i, sol in enumerate(alone):
        assert torch.allclose(together.y[:, i], sol.y, atol=1e-11)
    a = torch.autograd.grad((together.y**2).sum(), [y0, mu])
    b = torch.autograd.grad(sum((sol.y**2).sum() for sol in alone), [y0, mu])
    assert all(torch.allclose(x, y, rtol=1e-9, atol=1e-9) for x, y in zip(a, b, strict=True))


def test_mates_do_not_matter():
    """The same sample in other company gives the same result."""
    y0 = start(5)
    a = nodekit.solve(van_der_pol, y0, (0.0, 3.0), batch="independent").y[-1, 0]
    b = nodekit.solve(van_der_pol, torch.cat([y0[:1], 3 * y0[3:]]), (0.0, 3.0), batch="independent").y[-1, 0]
    assert torch.allclose(a, b, rtol=1e-12)


def test_fixed_steps():
    """With step, each sample takes it in its own direction."""
    t = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=F64)
    sol = nodekit.solve(lambda t, y: -y, torch.ones(2, 1, dtype=F64), t, method="rk4", step=0.05, batch="independent")
    assert torch.allclose(sol.y[-1, :, 0], torch.tensor([1.0, -1.0], dtype=F64).neg().exp(), rtol=1e-6)
    assert sol.stats.per_sample.n_accepted.tolist() == [20, 20]


def test_dicts():
    """A dict of tensors, samples first."""
    f = lambda t, s: {"q": s["p"], "p": -s["q"]}  # noqa: E731
    y0 = {"q": torch.ones(3, 2, dtype=F64), "p": torch.zeros(3, 2, dtype=F64)}
    sol = nodekit.solve(f, y0, (0.0, 1.0), rtol=1e-9, batch="independent")
    assert sol.y["q"].shape == (2, 3, 2)
    assert torch.allclose(sol.y["q"][-1], torch.full((3, 2), math.cos(1.0), dtype=F64), atol=1e-8)


def test_one_sample_fails():
    """nan in one sample: the error names it, and the others have arrived."""
    f = lambda t, y: torch.sqrt(y - t)  # noqa: E731
    y0 = torch.tensor([[5.0], [0.4], [6.0]], dtype=F64)
    with pytest.raises(nodekit.SolveError, match=r"sample 1 of 3 \(1 failed\)") as error:
        nodekit.solve(f, y0, (0.0, 2.0), batch="independent")
    y = error.value.solution.y
    assert torch.isfinite(y[-1, [0, 2]]).all()
    assert torch.isnan(y[-1, 1]).all()
    with pytest.raises(nodekit.SolveError, match=r"sample 0 of 3 \(3 failed\): max_steps = 2 steps were tried"):
        nodekit.solve(lambda t, y: -y, y0, (0.0, 2.0), batch="independent", max_steps=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch": "both"}, "batch='both' is not known"),
        ({"method": "radau"}, 'batch="independent" takes torch tensors and explicit methods'),
        ({"events": lambda t, y: 1.0}, "with events"),
        ({"compile": True}, 'does not go with batch="independent"'),
        ({"t": torch.zeros(2, 5)}, r"or \(m, 3\), one column for each of the 3 samples; got shape \(2, 5\)"),
        ({"t": torch.tensor([[0.0, 0, 0], [1, 1, 0], [2, 2, 1]])}, "strictly increasing or strictly decreasing"),
        ({"y0": torch.tensor(1.0)}, "needs samples along the first axis"),
        ({"gradient": "adjoint", "y0": torch.ones(3, 1, requires_grad=True)}, 'takes gradient="checkpoint"'),
        ({"f": lambda t, y: y[:, :0]}, "f returned shape"),
    ],
)
def test_bad_arguments(arguments, message):
    arguments = {"f": lambda t, y: -y, "y0": torch.ones(3, 1), "t": (0.0, 1.0), "batch": "independent", **arguments}
    with pytest.raises(ValueError, match=message):
        nodekit.solve(**arguments)


def test_no_dense_output():
    sol = nodekit.solve(lambda t, y: -y, torch.ones(3, 1), (0.0, 1.0), batch="independent")
    with pytest.raises(ValueError, match="keeps no dense output"):
        sol(0.5)


@pytest.mark.parametrize("method", ["dopri5", "dop853", "bosh3"])
def test_counts_of_samples(method):
    """A sample's nfev counts the calls of f in which it took part: never more than there were, and those that it was in
    to the end are all of them. A repeated step begins with the slope it had."""
    calls = []

    def f(t, y):
        calls.append(len(y))
        return torch.stack([y[:, 1], 8 * (1 - y[:, 0] ** 2) * y[:, 1] - y[:, 0]], -1)

    sol = nodekit.solve(f, start(5), (0.0, 6.0), method=method, rtol=1e-5, batch="independent")
    each = sol.stats.per_sample
    assert sol.stats.nfev == len(calls)
    assert int(each.nfev.max()) == sol.stats.nfev
    assert int(each.nfev.sum()) == sum(calls)
    alone = nodekit.solve(f, start(1), (0.0, 6.0), method=method, rtol=1e-5, batch="independent").stats
    stages = {"dopri5": 6, "dop853": 12, "bosh3": 3}[method]
    repeated = 0 if method != "dop853" else alone.n_rejected
    assert alone.nfev == 2 + stages * (alone.n_accepted + alone.n_rejected) - repeated - (method == "dop853")


def test_tolerances_of_samples():
    """atol and rtol of y0's shape: each sample has its own."""
    y0 = torch.ones(3, 2, dtype=F64)
    tight = torch.tensor([[1e-9], [1e-3], [1e-6]], dtype=F64).expand(3, 2)
    sol = nodekit.solve(lambda t, y: -y * t, y0, (0.0, 3.0), rtol=tight, atol=tight, batch="independent")
    taken = sol.stats.per_sample.n_accepted.tolist()
    assert taken[0] > taken[2] > taken[1]
    for i in range(3):
        tol = tight[i, 0].item()
        alone = nodekit.solve(lambda t, y: -y * t, y0[i], (0.0, 3.0), rtol=tol, atol=tol)
        assert torch.allclose(sol.y[-1, i], alone.y[-1], atol=1e-14)


@pytest.mark.parametrize("grad", [False, True])
def test_some_samples_have_nothing_to_do(grad):
    """t0 = t1 for the first sample alone, directions mixed: the others are what they are by themselves."""
    y0 = torch.tensor([[1.0, 2.0], [0.5, -1.0], [2.0, 0.3]], dtype=F64, requires_grad=grad)
    t = torch.tensor([[0.5, 0.0, 1.0], [0.5, 2.0, 0.2]], dtype=F64)
    sol = nodekit.solve(lambda t, y: -y * t, y0, t, rtol=1e-9, atol=torch.full((3, 2), 1e-9), batch="independent")
    exact = y0.detach() * torch.exp((t[0] ** 2 - t[1] ** 2) / 2)[:, None]
    assert torch.allclose(sol.y[-1].detach(), exact, atol=1e-7)
    if grad:
        (g,) = torch.autograd.grad(sol.y[-1].sum(), y0)
        assert torch.allclose(g, torch.exp((t[0] ** 2 - t[1] ** 2) / 2)[:, None].expand(3, 2), atol=1e-7)
