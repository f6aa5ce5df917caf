"""Control of a field: held controls, shooting, the receding horizon, the regulator."""

import numpy as np
import pytest
import torch
from scipy import linalg

import nodekit
from nodekit.models.control import Held, RecedingHorizon, held_matrices, linearise, plan, regulator, rollout

F64 = torch.float64
M = torch.tensor([[0.3, -1.1, 0.2], [0.7, 0.1, -0.4], [-0.2, 0.9, -0.6]], dtype=F64)
N = torch.tensor([[0.5, -0.3], [0.2, 1.1], [-0.7, 0.4]], dtype=F64)


def field(t, y, u):
    """Three components, two controls, unsymmetric, and changing in time."""
    t = torch.as_tensor(t, dtype=F64)[..., None]
    return torch.sin(y @ M.T) + (1 + t) * (u @ N.T) * torch.cos(y)


def batch(b=4, seed=0):
    g = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=g, dtype=F64)  # noqa: E731
    return draw(b, 3), draw(b, 2), 0.1 + 0.4 * torch.rand(b, generator=g, dtype=F64), draw(b).abs()


# ---- Held ----------------------------------------------------------------------------------------------


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


# ---- rollout and plan ----------------------------------------------------------------------------------


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


def quadratic_task(b=3):
    y, _, _, _ = batch(b, seed=5)
    t = torch.tensor([0.0, 0.2, 0.5, 0.6, 1.0], dtype=F64)[:, None].expand(-1, b)
    weight = torch.tensor([1.0, 0.2, 3.0], dtype=F64)
    running = lambda y, u: (weight * y**2).sum(-1) + 0.3 * (u**2).sum(-1)  # noqa: E731
    final = lambda y: 2 * (y**2).sum(-1)  # noqa: E731
    return y, t, running, final


def cost_of(step, running, final, y, t, u):
    states = rollout(step, y, t, u)
    return final(states[-1]) + sum((t[k + 1] - t[k]) * running(states[k + 1], u[k]) for k in range(len(u)))


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


# ---- RecedingHorizon -----------------------------------------------------------------------------------


def horizon(every=2, shortest=1, ahead=3, **options):
    y, t, running, final = quadratic_task()
    made = RecedingHorizon(Held(field), running, final, 1.0, t, ahead, every, shortest, (20, 6), **options)
    made.start(y, torch.zeros(ahead, 2, 3, 2, dtype=F64))
    return made, y


def test_the_plan_is_carried_out_until_it_is_time_to_look_again():
    made, y = horizon()
    first = made.u.clone()
    assert torch.equal(made.decide(0, y), first[0])
    assert torch.equal(made.decide(1, y + 9), first[1])
    again = made.decide(2, y)
    expected = plan(made.step, made.running, made.final, y, made.t[2:4], first[2:], 1.0, 6, 0.03)[0]
    assert torch.equal(again, expected[0])
    assert not torch.equal(again, first[2])


def test_a_plan_that_is_used_up_goes_on_for_the_shortest_but_not_beyond_the_end():
    made, y = horizon(every=5, ahead=2, shortest=2)
    for k in (0, 1, 2):
        made.decide(k, y)
    assert len(made.u) == 1  # two new decisions, of which one is done
    made, y = horizon(every=5, ahead=3, shortest=2)
    for k in (0, 1, 2, 3):
        made.decide(k, y)
    assert len(made.u) == 0  # only one was left before the end


def test_the_best_guess_is_kept_for_each_sample():
    y, t, running, final = quadratic_task()
    made = RecedingHorizon(Held(field), running, final, 1.0, t, 4, iterations=(1, 1), rates=(1e-9, 0.1))
    guesses = torch.randn(4, 5, 3, 2, generator=torch.Generator().manual_seed(8), dtype=F64).clamp(-0.9, 0.9)
    cost = made.start(y, guesses)
    each = torch.stack([cost_of(made.step, running, final, y, t, guesses[:, r]) for r in range(5)])
    assert torch.allclose(cost, each.min(0)[0], atol=1e-6)
    assert len(set(each.argmin(0).tolist())) > 1
    for i in range(3):
        assert torch.allclose(made.u[:, i], guesses[:, each.argmin(0)[i], i], atol=1e-6)


def test_decisions_come_in_order_after_a_start():
    y, t, running, final = quadratic_task()
    made = RecedingHorizon(Held(field), running, final, 1.0, t, 4)
    with pytest.raises(ValueError, match="call start"):
        made.decide(0, y)
    made.start(y, torch.zeros(4, 1, 3, 2, dtype=F64))
    with pytest.raises(ValueError, match="0 is next, of 4"):
        made.decide(1, y)
    for k in range(4):
        made.decide(k, y)
    with pytest.raises(ValueError, match="k=4"):
        made.decide(4, y)


@pytest.mark.parametrize("bad", [{"horizon": 0}, {"every": 0}, {"shortest": 0}])
def test_counts_of_a_horizon(bad):
    _y, t, running, final = quadratic_task()
    with pytest.raises(ValueError, match="must be an int of at least 1"):
        RecedingHorizon(Held(field), running, final, 1.0, t, **{"horizon": 2, **bad})


# ---- linear feedback -----------------------------------------------------------------------------------


def test_jacobians():
    y, u = np.array([0.3, -0.2, 0.9]), np.array([0.4, -1.0])
    A, B = linearise(field, y, u, t=0.7)
    at = lambda y, u: field(0.7, torch.tensor(y), torch.tensor(u)).numpy()  # noqa: E731
    for i, e in enumerate(1e-6 * np.eye(3)):
        assert np.allclose(A[:, i], (at(y + e, u) - at(y - e, u)) / 2e-6, atol=1e-8)
    for i, e in enumerate(1e-6 * np.eye(2)):
        assert np.allclose(B[:, i], (at(y, u + e) - at(y, u - e)) / 2e-6, atol=1e-8)


LINEAR = (
    np.array([[0.2, 1.0, 0.0], [-0.3, 0.4, 0.7], [0.5, 0.0, -0.1]]),
    np.array([[0.0, 0.3], [1.0, 0.2], [0.1, -0.8]]),
)


def test_held_matrices_are_those_of_the_solved_equation():
    A, B = LINEAR
    F, G = held_matrices(A, B, 0.8)
    x, u = np.array([1.0, -0.5, 0.3]), np.array([0.6, -1.2])
    end = nodekit.solve(lambda t, x: A @ x + B @ u, x, (0.0, 0.8), rtol=1e-11, atol=1e-12).y[-1]
    assert np.allclose(F @ x + G @ u, end)
    singular = held_matrices(np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[0.0], [1.0]]), 2.0)
    assert np.allclose(singular[0], [[1, 2], [0, 1]])
    assert np.allclose(singular[1], [[2], [2]])
    with pytest.raises(ValueError, match="h=0"):
        held_matrices(A, B, 0)


def test_no_other_gain_costs_less_with_held_controls():
    A, B = LINEAR
    Q, R, (F, G) = np.diag([2.0, 0.5, 1.0]), np.array([[1.0, 0.2], [0.2, 3.0]]), held_matrices(A, B, 0.4)

    def total(K):
        cost, x = 0.0, np.array([1.0, -2.0, 0.5])
        for _ in range(300):
            u = -K @ x
            cost, x = cost + x @ Q @ x + u @ R @ u, F @ x + G @ u
        return cost

    K = regulator(A, B, Q, R, held=0.4)
    assert K.shape == (2, 3)
    rng = np.random.default_rng(0)
    assert all(total(K) < total(K + 1e-3 * rng.normal(size=K.shape)) for _ in range(20))


def test_short_holds_approach_the_continuous_regulator():
    A, B = LINEAR
    Q, R = np.diag([2.0, 0.5, 1.0]), np.array([[1.0, 0.2], [0.2, 3.0]])
    K = regulator(A, B, Q, R)
    off = [np.abs(regulator(A, B, h * Q, h * R, held=h) - K).max() for h in (0.02, 0.01)]
    assert 1.8 < off[0] / off[1] < 2.2
    P = linalg.solve_continuous_are(A, B, Q, R)
    assert np.allclose(R @ K, B.T @ P)
    assert np.all(np.linalg.eigvals(A - B @ K).real < 0)


def test_shapes_of_a_regulator():
    A, B = LINEAR
    for wrong in ((A, B, np.eye(2), np.eye(2)), (A, B[:2], np.eye(3), np.eye(2)), (A, B[:, 0], np.eye(3), np.eye(1))):
        with pytest.raises(ValueError, match=r"A and Q must be \(d, d\)"):
            regulator(*wrong)
    with pytest.raises(ValueError, match="must be positive: the time"):
        regulator(A, B, np.eye(3), np.eye(2), held=-1.0)


# ---- what must not pass in silence ---------------------------------------------------------------------


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


def test_a_horizon_counts_in_whole_decisions_and_has_times_for_each_sample():
    _y, t, running, final = quadratic_task()
    with pytest.raises(ValueError, match=r"every=1\.5"):  # it would never be reached
        RecedingHorizon(Held(field), running, final, 1.0, t, 3, every=1.5)
    with pytest.raises(ValueError, match=r"t must be \(n \+ 1, b\)"):
        RecedingHorizon(Held(field), running, final, 1.0, t[:, 0], 3)


def test_jacobians_where_gradients_are_off_and_of_vectors_only():
    right = linearise(field, np.array([0.3, -0.2, 0.9]), np.array([0.4, -1.0]))
    for off in (torch.no_grad(), torch.inference_mode()), (torch.no_grad(),):
        for each in off:
            with each:
                got = linearise(field, np.array([0.3, -0.2, 0.9]), np.array([0.4, -1.0]))
            assert np.array_equal(got[0], right[0])
            assert np.array_equal(got[1], right[1])
    assert np.array_equal(linearise(field, [0, 0, 0], [0, 0])[0], linearise(field, np.zeros(3), np.zeros(2))[0])
    with pytest.raises(ValueError, match="must be"):
        linearise(field, np.zeros((4, 3)), np.zeros((4, 2)))


def test_costs_that_are_none_and_a_regulator_that_would_not_hold():
    A, B = LINEAR
    Q, R = np.diag([2.0, 0.5, 1.0]), np.eye(2)
    for held in (None, 0.3):
        for q, r, name in ((-Q, R, "Q"), (Q, -R, "R"), (Q, 0 * R, "R"), (Q + np.eye(3, k=1), R, "Q")):
            with pytest.raises(ValueError, match=f"{name} must be symmetric and positive"):
                regulator(A, B, q, r, held)
    drifts = np.array([[0.0, 1.0], [0.0, 0.0]]), np.array([[0.0], [1.0]])
    with pytest.raises(linalg.LinAlgError):
        regulator(*drifts, np.zeros((2, 2)), np.eye(1), held=0.1)
    with pytest.raises(linalg.LinAlgError):
        regulator(A, 0 * B, Q, R, held=0.3)
    assert np.all(np.isfinite(regulator(A, B, np.diag([1.0, 0.0, 0.0]), R, held=0.3)))
    with pytest.raises(ValueError, match=r"A must be \(d, d\)"):
        held_matrices(A, B[:, 0], 0.1)
