"""Flow matching, against closed forms: a mean velocity that is known, Gaussians, and paths whose energy is known."""

import math

import pytest
import torch
from torch import nn

import nodekit
from nodekit.models import CNF
from nodekit.models.density import (
    ConcatSquashField,
    MeasuredPaths,
    flow_matching_loss,
    measured_paths,
    rectified_ends,
    straight_path,
    wasserstein2,
)
from tests.models.density.test_cnf import F64, points

LEFT = 0.3


class MeanVelocity(nn.Module):
    """E[velocity | x at t] for standard normal starts and a few ends with weights, in closed form; left as given."""

    def __init__(self, ends, weights, left=LEFT):
        super().__init__()
        self.ends, self.weights, self.left = ends, weights, left

    def forward(self, t, x):
        scale = 1 - (1 - self.left) * t
        start = (x[..., None, :] - torch.as_tensor(t)[..., None] * self.ends) / torch.as_tensor(scale)[..., None]
        share = torch.softmax(self.weights.log() - 0.5 * start.square().sum(-1), -1)
        return (share[..., None] * (self.ends - (1 - self.left) * start)).sum(-2)


ENDS = torch.tensor([[2.0, 0.0, -1.0], [-1.0, 1.5, 0.5], [0.5, -2.0, 1.0]], dtype=F64)
WEIGHTS = torch.tensor([0.5, 0.3, 0.2], dtype=F64)


def pairs(n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x0 = torch.randn(n, 3, generator=generator, dtype=F64)
    return x0, ENDS[torch.multinomial(WEIGHTS, n, replacement=True, generator=generator)]


def test_the_mean_velocity_carries_the_starts_to_the_ends():
    """The density of its flow at time 1, by CNF, is the mixture of the N(end, left² I), to 1e-6."""
    exact = CNF(MeanVelocity(ENDS, WEIGHTS), 3, rtol=1e-9, atol=1e-9)
    x = ENDS.repeat(3, 1) + 0.4 * points(9, 3, seed=7)
    square = (x[:, None] - ENDS).square().sum(-1) / (2 * LEFT**2)
    mixture = torch.logsumexp(WEIGHTS.log() - square, 1) - 1.5 * math.log(2 * math.pi * LEFT**2)
    assert torch.allclose(exact.log_prob(x).detach(), mixture, atol=1e-6)


def test_the_loss_splits_into_a_floor_and_a_distance():
    """loss(v) = loss(u) + E|v − u|² for the mean velocity u, up to sampling: within 4 standard errors."""
    (x0, x1), field = pairs(40_000), MeanVelocity(ENDS, WEIGHTS)
    t = torch.rand(len(x0), 1, generator=torch.Generator().manual_seed(1), dtype=F64)
    x, velocity = straight_path(x0, x1, t, LEFT)
    u = field(t, x)
    floor = flow_matching_loss(field, x0, x1, t, LEFT)
    assert floor.item() == pytest.approx((u - velocity).square().sum(-1).mean().item(), rel=1e-12)
    assert floor > 1
    for other in (lambda t, x: 0 * x, lambda t, x: field(t, x) + t * x.flip(-1), lambda t, x: 2 * field(t, x)):
        v = other(t, x)
        cross = 2 * ((v - u) * (u - velocity)).sum(-1)
        error = 4 * cross.std().item() / len(x0) ** 0.5
        loss = flow_matching_loss(other, x0, x1, t, LEFT)
        assert loss.item() == pytest.approx((floor + (v - u).square().sum(-1).mean()).item(), abs=error)
        assert loss > floor + 0.3


def test_the_loss_of_gaussians_is_least_at_the_affine_field():
    """N(0, S0) to N(m, S1), independent: u = m + (t S1 − (1 − t) S0) S_t⁻¹ (x − t m); gradients vanish there."""
    n, t = 4000, 0.4
    both = points(n, 4, seed=2)
    both = both - both.mean(0)
    both = both @ torch.linalg.inv(torch.linalg.cholesky(both.T @ both / n)).T  # independent to the last digit
    L0, L1 = points(2, 2, seed=3), points(2, 2, seed=4)
    m = torch.tensor([1.0, -2.0], dtype=F64)
    x0, x1 = both[:, :2] @ L0.T, m + both[:, 2:] @ L1.T
    S0, S1 = L0 @ L0.T, L1 @ L1.T
    A = (t * S1 - (1 - t) * S0) @ torch.linalg.inv((1 - t) ** 2 * S0 + t**2 * S1)
    A, b = A.requires_grad_(), (m - t * A @ m).detach().requires_grad_()
    flow_matching_loss(lambda t, x: x @ A.T + b, x0, x1, t).backward()
    assert A.grad.abs().max() < 1e-10
    assert b.grad.abs().max() < 1e-10


def test_straight_path():
    """Ends, velocity and position, for times of each pair, a number, and any leading shape."""
    x0, x1 = points(2, 4, 3, seed=1), points(2, 4, 3, seed=2)
    for left in (0.0, 0.2):
        assert torch.allclose(straight_path(x0, x1, 0.0, left)[0], x0)
        assert torch.allclose(straight_path(x0, x1, 1.0, left)[0], x1 + left * x0)
        t = torch.rand(2, 4, 1, generator=torch.Generator().manual_seed(0), dtype=F64) * 0.9
        (x, velocity), (later, _) = straight_path(x0, x1, t, left), straight_path(x0, x1, t + 0.1, left)
        assert torch.allclose((later - x) / 0.1, velocity, atol=1e-12)


def test_the_loss_draws_a_time_for_each_pair_from_its_generator():
    seen = []

    def field(t, x):
        seen.append(t)
        return torch.zeros_like(x)

    x0, x1 = pairs(50)
    losses = [flow_matching_loss(field, x0, x1, generator=torch.Generator().manual_seed(s)) for s in (3, 3, 4)]
    assert losses[0].item() == pytest.approx((x1 - x0).square().sum(-1).mean().item())
    assert seen[0].shape == (50, 1)
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], seen[2])
    assert 0 <= seen[0].min() < 0.2
    assert 0.8 < seen[0].max() <= 1


def test_it_trains_a_module_side_by_side():
    """ConcatSquashField takes a time for each pair, for several networks at once, and its loss falls to the floor."""
    generators = [torch.Generator().manual_seed(s) for s in range(2)]
    field = ConcatSquashField(3, (16, 16), generator=generators).double()
    optimizer = torch.optim.Adam(field.parameters(), 1e-2)
    draws = torch.Generator().manual_seed(0)
    for k in range(400):
        x0, x1 = pairs(256, seed=k)
        loss = flow_matching_loss(field, x0.view(2, 128, 3), x1.view(2, 128, 3), left=LEFT, generator=draws)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    x0, x1 = pairs(20_000, seed=999)
    x0, x1 = x0.view(2, -1, 3), x1.view(2, -1, 3)
    with torch.no_grad():
        found, floor = (flow_matching_loss(f, x0, x1, left=LEFT, generator=torch.Generator().manual_seed(1))
                        for f in (field, MeanVelocity(ENDS, WEIGHTS)))  # fmt: skip
    assert floor - 0.05 < found < floor + 0.25
    assert measured_paths(MeanVelocity(ENDS, WEIGHTS), x0[0]).energy.mean() > 1.0  # what a field of zeros would miss


def test_energy_of_paths_that_are_known():
    """v = 2t c: every path has the energy 4/3 |c|² and the cost |c|². v = B x: the energy is ∫ |B exp(Bt) x0|² dt."""
    x0, c = points(7, 3), torch.tensor([1.0, -2.0, 0.5], dtype=F64)
    found = measured_paths(lambda t, x: 2 * t * c.expand_as(x), x0)
    assert torch.allclose(found.ends, x0 + c)
    assert torch.allclose(found.energy, 4 / 3 * (c @ c).expand(7), atol=1e-10)
    assert torch.allclose(found.cost, (c @ c).expand(7))
    assert found.bend == pytest.approx((c @ c).item() / 3, rel=1e-9)
    assert found.excess() == pytest.approx(1 / 3, rel=1e-9)  # a shift is optimal: W2² = |c|²
    assert found.excess(2.0) == pytest.approx((c @ c).item() * 2 / 3 - 1, rel=1e-9)
    B = points(3, 3, seed=5)
    found = measured_paths(lambda t, x: x @ B.T, x0, rtol=1e-10, atol=1e-10)
    nodes = torch.linspace(0, 1, 2001, dtype=F64)
    speeds = torch.stack([(x0 @ torch.linalg.matrix_exp(B * t).T @ B.T).square().sum(-1) for t in nodes])
    assert torch.allclose(found.energy, torch.trapezoid(speeds, nodes, dim=0), rtol=1e-5)
    assert torch.allclose(found.ends, x0 @ torch.linalg.matrix_exp(B).T, atol=1e-8)
    assert (found.energy > found.cost).all()
    assert isinstance(found, MeasuredPaths)


def test_the_chain_of_costs():
    """cost of the pairs >= mean energy >= cost of the ends >= W2², and cost of the pairs − energy = the floor."""
    x0, x1 = pairs(4000)
    field = MeanVelocity(ENDS, WEIGHTS)
    found = measured_paths(field, x0, method="rk4", step=1 / 40)
    cost = (x1 - (1 - LEFT) * x0).square().sum(-1).mean().item()
    floor = flow_matching_loss(field, x0, x1, left=LEFT, generator=torch.Generator().manual_seed(0)).item()
    energy = found.energy.mean().item()
    assert cost - energy == pytest.approx(floor, rel=0.05)
    part = measured_paths(field, x0[:500], method="rk4", step=1 / 40)
    assert cost > energy > found.cost.mean() > 0
    assert part.cost.mean() >= wasserstein2(part.starts, part.ends) ** 2 - 1e-12
    assert part.excess() > 0


def test_rectified_ends_are_those_of_the_flow():
    """Ends of x' = B x; no gradient comes back."""
    x0, B = points(5, 3), points(3, 3, seed=5).requires_grad_()
    ends = rectified_ends(lambda t, x: x @ B.T, x0, rtol=1e-10, atol=1e-10)
    assert torch.allclose(ends, (x0 @ torch.linalg.matrix_exp(B).T).detach(), atol=1e-8)
    assert not ends.requires_grad
    by_default = nodekit.solve(lambda t, x: x @ B.detach().T, x0, (0.0, 1.0), method="rk4", step=1 / 16).y[-1]
    assert torch.allclose(rectified_ends(lambda t, x: x @ B.T, x0), by_default, atol=1e-12)


@pytest.mark.parametrize("call", [straight_path, lambda x0, x1, t, **o: flow_matching_loss(torch.add, x0, x1, t, **o)])
def test_bad_arguments(call):
    """Each error names the value and says what was expected."""
    x = points(4, 2)
    with pytest.raises(ValueError, match=r"x0 has shape \(4, 2\) and x1 \(3, 2\)"):
        call(x, x[:3], 0.5)
    with pytest.raises(TypeError, match="x1 must be a torch tensor"):
        call(x, x.numpy(), 0.5)
    with pytest.raises(ValueError, match=r"t has shape \(4,\); a number or \(4, 1\)"):
        call(x, x, torch.zeros(4, dtype=F64))
    with pytest.raises(ValueError, match=r"outside of \[0, 1\]"):
        call(x, x, 1.5)
    with pytest.raises(ValueError, match=r"left=1.0"):
        call(x, x, 0.5, left=1.0)


@pytest.mark.parametrize("call", [straight_path, lambda x0, x1, t, **o: flow_matching_loss(torch.add, x0, x1, t, **o)])
def test_refuses_types_in_which_it_would_compute_something_else(call):
    """Integers and complex numbers, two dtypes, times and shares that are neither numbers nor tensors."""
    x, whole = points(4, 2), torch.ones(4, 2, dtype=torch.int64)
    with pytest.raises(TypeError, match=r"x0 has the dtype torch.int64 and x1 torch.int64"):
        call(whole, whole, 0.5)
    with pytest.raises(TypeError, match=r"x0 has the dtype torch.float32 and x1 torch.float64"):
        call(x.float(), x, 0.5)
    with pytest.raises(TypeError, match=r"complex128.* must have the same, of real floats"):
        call(x + 0j, x + 0j, 0.5)
    for t in (torch.full((4, 1), 0.5).numpy(), [0.5] * 4, "0.5"):
        with pytest.raises(TypeError, match=f"t must be a number or a torch tensor, got {type(t).__name__}"):
            call(x, x, t)
    with pytest.raises(TypeError, match=r"t has the dtype torch.float64 and x0 torch.float32"):
        call(x.float(), x.float(), torch.full((4, 1), 0.5, dtype=F64))
    with pytest.raises(ValueError, match=r"left=tensor(.|\n)* must be a number in \[0, 1\)"):
        call(x, x, 0.5, left=torch.full((4, 1), 0.1))


def test_a_solve_that_does_not_come_to_time_one_has_no_ends():
    """An event that stops it, a solution that blows up with throw=False, and one sample of a batch that does."""
    zero = torch.zeros(3, 2, dtype=F64)
    half = nodekit.event(lambda t, x: (x[0] if isinstance(x, tuple) else x)[0, 0] - 0.5, terminal=True)
    for call in (rectified_ends, measured_paths):
        for method in ({"method": "rk4", "step": 1 / 16}, {}):
            with pytest.raises(ValueError, match=r"not all come to time 1.* terminal"):
                call(lambda t, x: torch.ones_like(x), zero, events=half, **method)
        for batch in ("joint", "independent"):
            with pytest.raises(ValueError, match=r"not all come to time 1.*throw=False"):
                call(lambda t, x: 50 * x**2, points(3, 2), method="dopri5", throw=False, batch=batch)
        assert call(lambda t, x: 0 * x, zero, events=half, throw=False) is not None


def test_options_leave_the_defaults_that_they_do_not_name():
    """step=1/4 alone is RK4 with it, max_steps alone is RK4 with 1/16, a tolerance is an adaptive solve."""
    x0, B = points(5, 3), points(3, 3, seed=5)

    def field(t, x):
        return torch.cos(3 * t) * x @ B.T

    def by(**options):
        return nodekit.solve(field, x0, (0.0, 1.0), **options).y[-1]

    for options, full in (
        ({"step": 1 / 4}, {"method": "rk4", "step": 1 / 4}),
        ({"max_steps": 100}, {"method": "rk4", "step": 1 / 16}),
        ({"rtol": 1e-4}, {"method": "dopri5", "rtol": 1e-4}),
        ({"method": "heun2", "step": 1 / 4}, {"method": "heun2", "step": 1 / 4}),
    ):
        assert torch.equal(rectified_ends(field, x0, **options), by(**full))
        if "rtol" not in options:  # the energy has a part in the error estimate
            assert torch.equal(measured_paths(field, x0, **options).ends, by(**full))
    assert (by(method="rk4", step=1 / 4) - by(method="rk4", step=1 / 16)).abs().max() > 1e-5


def test_single_points():
    """A pair of (d,) is one pair; ConcatSquashField takes it too."""
    field = ConcatSquashField(3, (4,), generator=torch.Generator().manual_seed(0)).double()
    x0, x1 = points(3, seed=1), points(3, seed=2)
    assert torch.allclose(flow_matching_loss(field, x0, x1, 0.3), flow_matching_loss(field, x0[None], x1[None], 0.3))
    assert rectified_ends(field, x0).shape == (3,)


def test_other_bad_arguments():
    x = points(4, 2)
    with pytest.raises(ValueError, match=r"field\(t, x\) has shape \(4,\)"):
        flow_matching_loss(lambda t, x: x[:, 0], x, x)
    with pytest.raises(ValueError, match=r"x0 has shape \(2,\)"):
        measured_paths(torch.add, x[0])
    with pytest.raises(ValueError, match=r"squared_distance=0\.0"):
        measured_paths(lambda t, x: 0 * x, x).excess()
    for bad in (math.inf, math.nan, -1.0, torch.tensor(1.0)):
        with pytest.raises(ValueError, match=r"squared_distance=.* must be a number greater than 0"):
            measured_paths(lambda t, x: 1 + 0 * x, x).excess(bad)
    for empty in (lambda: flow_matching_loss(torch.add, x[:0], x[:0]), lambda: measured_paths(torch.add, x[:0])):
        with pytest.raises(ValueError, match=r"x0 has shape \(0, 2\), and so no point"):
            empty()
