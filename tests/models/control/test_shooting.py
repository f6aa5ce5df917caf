"""Held controls, rollouts and plans: against other solvers and optimizers, and what they refuse."""

import numpy as np
import pytest
import torch

import nodekit
from nodekit.models.control import Held, plan, rollout
from tests.models.control.tasks import F64, batch, cost_of, field, quadratic_task


def test_a_held_control_is_solved_over_each_samples_own_interval():
    y, u, h, t = batch()
    ours = Held(field, steps=40)(t, y, u, h)
    for i in range(4):
        own = lambda s, z, i=i: field(s, z, u[i])  # noqa: E731
        end = nodekit.solve(own, y[i], (t[i].item(), (t[i] + h[i]).item()), rtol=1e-10, atol=1e-12).y[-1]
        assert torch.allclose(ours[i], end, atol=1e-7)


def test_more_steps_are_more_accurate_by_the_methods_order():
    y, u, h, t = batch()
    right = Held(field, steps=64)(t, y, u, h)
    off = [(Held(field, steps=n)(t, y, u, h) - right).abs().max().item() for n in (1, 2, 4)]
    assert 10 < off[0] / off[1] < 24
    assert 10 < off[1] / off[2] < 24


def test_arrays_and_tensors_agree():
    y, u, h, _ = batch()
    f = lambda t, y, u: -0.5 * y + y[..., ::1] * u[..., :1]  # noqa: E731
    ours = Held(f, method="heun2", steps=3)
    assert np.allclose(ours(0.0, y, u, h), ours(0.0, y.numpy(), u.numpy(), h.numpy()))
    assert np.allclose(ours(0.0, y, u, 0.2), ours(0.0, y.numpy(), u.numpy(), 0.2))


def test_gradients_of_a_step_to_state_control_interval_and_start():
    y, u, h, t = (each.requires_grad_() for each in batch(2))
    assert torch.autograd.gradcheck(Held(field, steps=2), (t, y, u, h))


@pytest.mark.parametrize("steps", [0, -1, 1.5, True])
def test_steps_of_held(steps):
    with pytest.raises(ValueError, match="solver's steps to an interval"):
        Held(field, steps=steps)


def test_a_rollout_is_the_steps_one_after_the_other():
    y, _, _, _ = batch()
    t = torch.tensor([0.0, 0.3, 0.4, 0.9], dtype=F64)[:, None].expand(-1, 4)
    u = torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(3), dtype=F64)
    states = rollout(Held(field), y, t, u)
    assert len(states) == 4
    assert torch.equal(states[0], y)
    assert torch.equal(states[2], Held(field)(t[1], states[1], u[1], t[2] - t[1]))
    with pytest.raises(ValueError, match="3 controls need 4 times"):
        rollout(Held(field), y, t[:-1], u)


def test_a_plan_finds_what_another_optimizer_finds():
    from scipy.optimize import minimize

    y, t, running, final = quadratic_task(1)
    step = Held(field)
    u, cost = plan(step, running, final, y, t, torch.zeros(4, 1, 2, dtype=F64), 0.8, iterations=600, rate=0.05)

    def loss(v):
        v = torch.tensor(v.reshape(4, 1, 2), requires_grad=True)
        value = cost_of(step, running, final, y, t, v).sum()
        return value.item(), torch.autograd.grad(value, v)[0].numpy().ravel()

    best = minimize(loss, np.zeros(8), jac=True, method="L-BFGS-B", bounds=[(-0.8, 0.8)] * 8)
    assert best.fun - 1e-9 < cost.item() < best.fun + 2e-3 * abs(best.fun)
    assert u.abs().max() <= 0.8


def test_a_plan_returns_the_best_that_it_met_with_its_cost():
    y, t, running, final = quadratic_task()
    step, guess = Held(field), torch.full((4, 3, 2), 0.3, dtype=F64)
    u, cost = plan(step, running, final, y, t, guess, 1.0, iterations=3, rate=30.0)  # far too fast: it gets worse
    assert torch.allclose(cost_of(step, running, final, y, t, u), cost)
    assert torch.all(cost <= cost_of(step, running, final, y, t, guess) + 1e-12)
    slow = plan(step, running, final, y, t, guess, 1.0, iterations=30, rate=0.05)[1]
    assert torch.all(slow < cost_of(step, running, final, y, t, guess))


def test_guesses_beyond_the_limit_are_moved_back():
    y, t, running, final = quadratic_task()
    u, _ = plan(Held(field), running, final, y, t, torch.full((4, 3, 2), 9.0, dtype=F64), 1.0, iterations=1)
    assert u.abs().max() <= 1.0


@pytest.mark.parametrize("bad", [{"limit": 0.0}, {"iterations": 0}, {"rate": -0.1}])
def test_numbers_of_a_plan(bad):
    y, t, running, final = quadratic_task()
    with pytest.raises(ValueError, match="must be positive"):
        plan(Held(field), running, final, y, t, torch.zeros(4, 3, 2), **{"limit": 1.0, **bad})


def test_a_plan_is_made_under_no_grad_too():
    y, t, running, final = quadratic_task()
    guess = torch.full((4, 3, 2), 0.3, dtype=F64)
    expected = plan(Held(field), running, final, y, t, guess, 1.0, iterations=3)[0]
    with torch.no_grad():
        assert torch.equal(plan(Held(field), running, final, y, t, guess, 1.0, iterations=3)[0], expected)


def test_what_a_plan_refuses():
    y, t, running, final = quadratic_task()
    guess, bad = torch.zeros(4, 3, 2, dtype=F64), torch.tensor(float("nan"), dtype=F64)
    with pytest.raises(ValueError, match="one each"):
        plan(Held(field), lambda y, u: running(y, u).mean(), lambda y: final(y).mean(), y, t, guess, 1.0)
    with pytest.raises(ValueError, match="t must increase"):
        plan(Held(field), running, final, y, t.flip(0), guess, 1.0)
    with pytest.raises(ValueError, match="guess has entries"):
        plan(Held(field), running, final, y, t, guess + bad, 1.0)
    with pytest.raises(ValueError, match="y has entries"):
        plan(Held(field), running, final, y * bad, t, guess, 1.0)
    with pytest.raises(ValueError, match="no controls"):
        plan(Held(field), running, final, y, t[:1], guess[:0], 1.0)
    with pytest.raises(ValueError, match="positive and finite"):
        plan(Held(field), running, final, y, t, guess, float("inf"))


def test_where_no_cost_is_a_number_the_plan_says_inf_and_stays_within_the_limit():
    y, t, running, final = quadratic_task()
    lost = lambda y: final(y) * torch.tensor([1.0, float("nan"), 1.0], dtype=F64)  # noqa: E731
    u, cost = plan(Held(field), running, lost, y, t, torch.full((4, 3, 2), 9.0, dtype=F64), 1.0, iterations=2)
    assert torch.isfinite(cost).tolist() == [True, False, True]
    assert u.abs().max() <= 1.0
