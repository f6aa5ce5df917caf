"""Symplectic and reversible methods: their orders, what they conserve, and that a step back undoes a step."""

import numpy as np
import pytest
import torch
from autograd import grad

import nodekit
from nodekit.arrays import namespace
from nodekit.methods.geometric import METHODS, Reversible, Splitting
from nodekit.steppers import geometric

BACKENDS = {"numpy": np.array, "torch": lambda x: torch.tensor(x, dtype=torch.float64)}
SYMPLECTIC = [m.name for m in METHODS.values() if isinstance(m, Splitting)]
REVERSIBLE = [m.name for m in METHODS.values() if isinstance(m, Reversible)]


@pytest.fixture(params=BACKENDS)
def array(request):
    return BACKENDS[request.param]


def forced(t, y):
    """q' = (1 + 0.3 cos t) p, p' = −(1 + 0.3 cos t) q + 0: separable, non-autonomous; a rotation by t + 0.3 sin t."""
    rate = 1 + 0.3 * namespace(y).cos(t)
    return namespace(y).stack([rate * y[1], -rate * y[0]])


def pendulum(t, y):
    return namespace(y).stack([y[1], -namespace(y).sin(y[0])])


def energy(y):
    """of the pendulum, y (n, 2)."""
    return y[:, 1] ** 2 / 2 - np.cos(y[:, 0])


@pytest.mark.parametrize("span", [(0.0, 5.0), (5.0, 0.0)], ids=["forward", "backward"])
@pytest.mark.parametrize("name", METHODS)
def test_measured_order(name, span, array, measured):
    """The fitted slope is the stated order ± 0.15 on a non-autonomous problem, dense output too."""

    def exact(t):
        angle = np.asarray(t + 0.3 * np.sin(t))
        return np.stack([np.cos(angle), -np.sin(angle)], -1)

    counts, errors = np.array([100, 140, 200, 280, 400]), []
    for n in counts:
        sol = nodekit.solve(forced, array(exact(span[0])), span, method=name, step=5.0 / n)
        t = np.linspace(*span, 203)[1:-1]
        errors.append([np.sqrt(np.mean((np.asarray(sol(s)) - exact(s)) ** 2)) for s in (np.asarray(sol.t), t)])
    order, dense = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    measured(f"order of {name}, {span[0]:g} to {span[1]:g}: {order:.2f}, dense output {dense:.2f}")
    assert abs(order - METHODS[name].order) <= 0.15
    assert abs(dense - METHODS[name].dense_order) <= 0.15


@pytest.mark.parametrize("name", SYMPLECTIC)
def test_a_step_is_symplectic(name):
    """The Jacobian M of a step satisfies Mᵀ J M = J, for a pendulum, to 1e-8 (differences)."""
    J, y0, M = np.array([[0.0, 1.0], [-1.0, 0.0]]), np.array([0.8, 0.3]), np.zeros((2, 2))
    step = lambda y: nodekit.solve(pendulum, y, (0.0, 0.3), method=name, step=0.3).y[-1]  # noqa: E731
    for i in range(2):
        e = 1e-5 * np.eye(2)[i]
        M[:, i] = (step(y0 + e) - step(y0 - e)) / 2e-5
    assert np.allclose(M.T @ J @ M, J, atol=1e-8)


def test_rk4_is_not_symplectic():
    """The test above can fail: RK4's step at the same size has det M ≠ 1 by more than 1e-6."""
    y0, M = np.array([0.8, 0.3]), np.zeros((2, 2))
    for i in range(2):
        e = 1e-5 * np.eye(2)[i]
        solve = lambda y: nodekit.solve(pendulum, y, (0.0, 0.3), method="rk4", step=0.3).y[-1]  # noqa: E731
        M[:, i] = (solve(y0 + e) - solve(y0 - e)) / 2e-5
    assert abs(np.linalg.det(M) - 1) > 1e-6


@pytest.mark.parametrize("name", SYMPLECTIC)
@pytest.mark.slow(seconds=30)
def test_energy_stays_bounded(name, array):
    """Over 5000 steps of 0.2 the pendulum's energy error does not grow: the last quarter's is that of the first."""
    sol = nodekit.solve(pendulum, array([1.5, 0.0]), (0.0, 1000.0), method=name, step=0.2)
    error = np.abs(energy(np.asarray(sol.y)) - energy(np.asarray(sol.y))[0])
    assert error[3750:].max() < 1.2 * error[:1250].max()
    rk4 = nodekit.solve(pendulum, array([1.5, 0.0]), (0.0, 1000.0), method="rk4", step=0.2)
    error = np.abs(energy(np.asarray(rk4.y)) - energy(np.asarray(rk4.y))[0])
    assert error[3750:].max() > 2.5 * error[:1250].max()


@pytest.mark.parametrize("name", REVERSIBLE)
def test_a_step_back_undoes_a_step(name):
    """200 steps forward and 200 back return to the start to 1e-13, although each has an error of 1e-4 and more."""
    step, first_aux = geometric.REVERSIBLE[name]
    y = start = np.array([1.0, 0.5])
    aux = first_aux(y, forced(0.0, y))
    for i in range(200):
        y, aux = step(forced, 0.05 * i, y, aux, 0.05)
    assert np.abs(y - start).max() > 0.1
    for i in range(200, 0, -1):
        y, aux = step(forced, 0.05 * i, y, aux, -0.05)
    assert np.abs(y - start).max() < 1e-13


def test_cost(array):
    """A leapfrog step costs two evaluations (one for the drift, one for the kick shared with the next), and one more
    at the start; a reversible step costs one."""
    cost = {"symplectic_euler": 2 * 50, "leapfrog": 2 * 50 + 1, "yoshida4": 6 * 50 + 1}
    cost |= {"asynchronous_leapfrog": 51, "reversible_heun": 51}
    for name, nfev in cost.items():
        sol = nodekit.solve(pendulum, array([1.0, 0.0]), (0.0, 5.0), method=name, step=0.1)
        assert abs(sol.stats.nfev - nfev) <= 1, name


def test_gradients_flow():
    """d(loss)/dy0 through a leapfrog solve: autograd equals torch.autograd."""
    loss = lambda y0: namespace(y0).sum(  # noqa: E731
        nodekit.solve(pendulum, y0, (0.0, 2.0), method="yoshida4", step=0.1).y[-1] ** 2
    )
    y0 = torch.tensor([1.0, 0.3], dtype=torch.float64, requires_grad=True)
    loss(y0).backward()
    assert np.allclose(y0.grad.numpy(), grad(loss)(np.array([1.0, 0.3])), rtol=1e-11)


def test_what_is_no_hamiltonian_is_refused(array):
    """An odd state, an f that is not separable, no step size: one clear error each."""
    with pytest.raises(ValueError, match=r"needs a state \(q, p\) with an even first axis, got shape \(3,\)"):
        nodekit.solve(pendulum, array([1.0, 0.0, 0.0]), (0.0, 1.0), method="leapfrog", step=0.1)
    damped = lambda t, y: namespace(y).stack([y[1], -y[0] - 0.1 * y[1]])  # noqa: E731
    with pytest.raises(ValueError, match="needs a separable f, but p' depends on p here"):
        nodekit.solve(damped, array([1.0, 0.5]), (0.0, 1.0), method="leapfrog", step=0.1)
    with pytest.raises(ValueError, match="method='leapfrog' has no error estimate: give it a step size"):
        nodekit.solve(pendulum, array([1.0, 0.0]), (0.0, 1.0), method="leapfrog")
    with pytest.raises(ValueError, match=r"splitting 'mine': kicks sum to 0\.5, not 1"):
        Splitting("mine", 1, (0.5,), (1.0,), "here, 2026")


@pytest.mark.parametrize("method", ["symplectic_euler", "leapfrog", "yoshida4"])
@pytest.mark.parametrize("form", [tuple, lambda pair: dict(zip(("q", "p"), pair, strict=True))])
def test_a_pair_of_tensors_is_q_and_p(method, form):
    """On torch, positions and momenta in a tuple or a dict: the same steps as one above the other in one tensor."""
    torch = pytest.importorskip("torch")
    q, p = torch.tensor([[2.0], [1.0]], dtype=torch.float64), torch.zeros(2, 1, dtype=torch.float64)

    def pair(t, y):
        q, p = y.values() if isinstance(y, dict) else y
        return form((2 * p, -3 * torch.sin(q)))

    def stacked(t, y):
        return torch.cat([2 * y[2:], -3 * torch.sin(y[:2])])

    options = {"method": method, "step": 0.1}
    found = nodekit.solve(pair, form((q, p)), (0.0, 1.0), **options).y
    found = found.values() if isinstance(found, dict) else found
    assert torch.equal(torch.cat(list(found), 1), nodekit.solve(stacked, torch.cat([q, p]), (0.0, 1.0), **options).y)
    with pytest.raises(ValueError, match=r"needs a state \(q, p\) of two equal shapes, got \[\(2, 1\), \(1, 1\)\]"):
        nodekit.solve(pair, form((q, p[:1])), (0.0, 1.0), **options)
