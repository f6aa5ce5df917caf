"""Gradients flow through the loops: exact for the steps that were taken, with respect to y0 and to parameters."""

import autograd.numpy as anp
import numpy as np
import pytest
import torch
from autograd import elementwise_grad, grad, jacobian

import nodekit
from nodekit.methods.explicit import METHODS

A = np.array([[-0.3, 1.1], [-1.4, -0.2]])


def field(xp, theta):
    return lambda t, y: xp.tanh(theta @ y) * (1 + 0.1 * t)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("times", [(0.0, 1.5), (1.5, 0.0), [0.0, 0.4, 1.1, 1.5]], ids=str)
@pytest.mark.parametrize("step", [0.05, None], ids=["fixed", "adaptive"])
@pytest.mark.slow(seconds=30)
def test_both_backends_give_the_same_gradient(method, times, step):
    """d/dy0 and d/dθ of a loss over the outputs: autograd through NumPy equals torch.autograd, to 1e-11.

    Adaptive steps differ between the backends by the rounding of their error estimates: there, to 1e-6.
    """
    if step is None and not METHODS[method].adaptive:
        return
    arguments = {"method": method, "step": step, "rtol": 1e-5, "atol": 1e-7}
    tol = 1e-11 if step else 1e-6
    outputs = -1 if len(times) == 2 else slice(None)

    def numpy_loss(y0, theta):
        return anp.sum(nodekit.solve(field(anp, theta), y0, times, **arguments).y[outputs] ** 2)

    y0, theta = torch.tensor([0.7, -0.4], dtype=torch.float64), torch.tensor(A)
    y0.requires_grad_()
    theta.requires_grad_()
    (nodekit.solve(field(torch, theta), y0, times, **arguments).y[outputs] ** 2).sum().backward()
    g_y0, g_theta = grad(numpy_loss, 0)(np.array([0.7, -0.4]), A), grad(numpy_loss, 1)(np.array([0.7, -0.4]), A)
    assert np.allclose(y0.grad.numpy(), g_y0, rtol=tol, atol=tol)
    assert np.allclose(theta.grad.numpy(), g_theta, rtol=tol, atol=tol)


@pytest.mark.parametrize("method", METHODS)
def test_gradient_against_finite_differences(method):
    """Fixed steps: the gradient of the loss by θ equals central differences to 1e-8."""

    def loss(theta):
        sol = nodekit.solve(field(anp, theta), np.array([0.7, -0.4]), (0.0, 1.5), method=method, step=0.1)
        return anp.sum(sol.y[-1] ** 2)

    g = grad(loss)(A)
    for i in range(2):
        for j in range(2):
            e = np.zeros((2, 2))
            e[i, j] = 1e-6
            assert g[i, j] == pytest.approx((loss(A + e) - loss(A - e)) / 2e-6, rel=1e-8, abs=1e-9)


def test_gradient_is_that_of_the_linear_flow():
    """d y(T)/d y0 of y' = Ay is the matrix exponential."""
    matrix = np.array([[0.0, 1.0], [-4.0, 0.0]])  # exp(At) = cos 2t I + sin 2t / 2 A
    solve = lambda y0: nodekit.solve(lambda t, y: matrix @ y, y0, (0.0, 1.0), rtol=1e-10, atol=1e-12).y[-1]  # noqa: E731
    exact = np.cos(2) * np.eye(2) + np.sin(2) / 2 * matrix
    assert np.allclose(jacobian(solve)(np.array([0.3, 0.4])), exact, atol=1e-8)
    tensor = torch.tensor(matrix)
    solve_torch = lambda y0: nodekit.solve(lambda t, y: tensor @ y, y0, (0.0, 1.0), rtol=1e-10, atol=1e-12).y[-1]  # noqa: E731
    j = torch.autograd.functional.jacobian(solve_torch, torch.tensor([0.3, 0.4], dtype=torch.float64))
    assert np.allclose(j.numpy(), exact, atol=1e-8)


def test_second_derivatives():
    """y' = y: d²(y(1)²)/dy0² = 2e², on both backends; on torch by backprop, and the others say so."""

    def f(y0, gradient="backprop"):
        sol = nodekit.solve(lambda t, y: y, y0, (0.0, 1.0), rtol=1e-10, atol=1e-12, gradient=gradient)
        return sol.y[-1] ** 2

    second = elementwise_grad(elementwise_grad(f))
    assert second(np.array([1.0]))[0] == pytest.approx(2 * np.e**2, rel=1e-8)
    y0 = torch.ones(1, dtype=torch.float64, requires_grad=True)
    (g,) = torch.autograd.grad(f(y0).sum(), y0, create_graph=True)
    assert torch.autograd.grad(g.sum(), y0)[0].item() == pytest.approx(2 * np.e**2, rel=1e-8)
    for gradient in ("checkpoint", "adjoint", "interpolated"):
        (g,) = torch.autograd.grad(f(y0, gradient).sum(), y0, create_graph=True)
        with pytest.raises(RuntimeError, match=f"gradient='{gradient}' can be differentiated once"):
            torch.autograd.grad(g.sum(), y0)


def test_gradcheck():
    """torch.autograd.gradcheck agrees for a fixed-step solve."""
    theta = torch.tensor(A, requires_grad=True)
    y0 = torch.tensor([0.7, -0.4], dtype=torch.float64, requires_grad=True)
    solve = lambda y0, theta: nodekit.solve(field(torch, theta), y0, (0.0, 1.0), step=0.2).y  # noqa: E731
    assert torch.autograd.gradcheck(solve, (y0, theta))


def test_dense_output_is_differentiable():
    """sol(t) carries the gradient: y(t) = y0 exp(−t) has derivative exp(−t)."""
    f = lambda y0: nodekit.solve(lambda t, y: -y, y0, (0.0, 1.0), rtol=1e-9, atol=1e-12)(0.37)[0]  # noqa: E731
    assert grad(f)(np.array([2.0]))[0] == pytest.approx(np.exp(-0.37), rel=1e-7)
    y0 = torch.tensor([2.0], dtype=torch.float64, requires_grad=True)
    f(y0).backward()
    assert y0.grad.item() == pytest.approx(np.exp(-0.37), rel=1e-7)


def test_a_parameter_that_enters_late():
    """A field whose first slope does not depend on the parameter is still differentiated."""

    def loss(a):
        f = lambda t, y: a * y if t > 0.5 else 0.0 * y  # noqa: E731
        return nodekit.solve(f, np.array([1.0]), (0.0, 1.0), method="rk4", step=0.05).y[-1][0]

    assert grad(loss)(2.0) == pytest.approx((loss(2.0 + 1e-6) - loss(2.0 - 1e-6)) / 2e-6, rel=1e-8)


def test_a_field_that_reuses_its_array_while_autograd_looks_on():
    """Inside autograd's trace too, a field that writes into the array it returned before gives the right states."""
    buffer = np.zeros(2)

    def f(t, y):
        buffer[0], buffer[1] = y[1], -y[0]
        return buffer

    ends = []

    def loss(x):
        ends.append(nodekit.solve(f, np.array([1.0, 0.0]), (0.0, 1.0), rtol=1e-8).y[-1])
        return x**2

    grad(loss)(1.0)
    assert np.allclose(ends[0], [np.cos(1), -np.sin(1)], atol=1e-7)
