"""Jacobians, time derivatives and Newton matrices on NumPy: right from every source, and never quietly wrong."""

import math

import autograd.numpy as anp
import numpy as np
import pytest
from autograd.extend import primitive
from autograd.tracer import getval

from nodekit import problems
from nodekit.numpy_backend.newton import Jacobian, inverse
from nodekit.numpy_backend.state import Field
from nodekit.steppers.jacobian import time_difference

Y = np.array([0.7, -1.3, 2.1])
T = 0.4


def smooth(t, y):
    return anp.stack([anp.sin(t) * y[1] ** 2, y[0] * y[2] + t**2, anp.exp(-y[0]) * anp.cos(t * y[2])])


def smooth_jacobian(t, y):
    a, s = math.exp(-y[0]), math.sin(t * y[2])
    return np.array(
        [[0, 2 * math.sin(t) * y[1], 0], [y[2], 0, y[0]], [-a * math.cos(t * y[2]), 0, -a * t * s]],
    )


def smooth_slope(t, y):
    return np.array([math.cos(t) * y[1] ** 2, 2 * t, -math.exp(-y[0]) * y[2] * math.sin(t * y[2])])


def by_math(t, y):
    """smooth, in a way that autograd cannot follow: math refuses its boxes."""
    a, b, c = (float(x) for x in y)
    return np.array([math.sin(t) * b**2, a * c + t**2, math.exp(-a) * math.cos(t * c)])


def in_array(t, y):
    """smooth, with NumPy's array in place of autograd's: it holds boxes as objects."""
    return np.array([np.sin(getval(t)) * y[1] ** 2, y[0] * y[2] + t**2, 0.3 * y[0]])


def detached(t, y):
    """smooth, with values taken out of the boxes: autograd finds derivatives, and they are wrong."""
    y0 = getval(y[0])
    return anp.stack([anp.sin(t) * y[1] ** 2, y0 * y[2] + t**2, anp.exp(-y0) * anp.cos(getval(t) * y[2])])


@pytest.mark.parametrize(
    ("f", "autograd", "tolerance"), [(smooth, True, 1e-14), (by_math, False, 1e-6), (detached, False, 1e-6)]
)
def test_jacobian(f, autograd, tolerance):
    """The derivative by hand is met: by autograd where it can follow f, otherwise by differences."""
    jacobian = Jacobian(Field(f, (3,)), "autograd")
    for t, y in ((T, Y), (2 * T, Y**2)):
        assert np.allclose(jacobian(t, y), smooth_jacobian(t, y), rtol=tolerance, atol=tolerance)
    assert jacobian.by_autograd is autograd
    assert jacobian.njev == 2


@pytest.mark.parametrize(("f", "autograd", "tolerance"), [(smooth, True, 1e-14), (by_math, False, 1e-8)])
@pytest.mark.parametrize("h", [0.1, -0.1, 1e-6])
def test_time_derivative(f, autograd, tolerance, h):
    """∂f/∂t, from either end of a step, likewise."""
    jacobian = Jacobian(Field(f, (3,)), "autograd")
    for _ in range(2):
        slope = jacobian.time_derivative(T, Y, f(T, Y), h)
        assert np.allclose(slope, smooth_slope(T, Y), rtol=tolerance / min(1, 10 * abs(h)), atol=tolerance / abs(h))
    assert jacobian.time_by_autograd is autograd


def test_derivatives_that_autograd_gets_wrong():
    """A time dependence hidden from autograd is seen by differences, and so is an array of boxes."""
    jacobian = Jacobian(Field(detached, (3,)), "autograd")
    assert np.allclose(jacobian.time_derivative(T, Y, detached(T, Y), 0.1), smooth_slope(T, Y), atol=1e-8)
    assert jacobian.time_by_autograd is False
    jacobian = Jacobian(Field(in_array, (3,)), "autograd")
    expected = [[0, 2 * math.sin(T) * Y[1], 0], [Y[2], 0, Y[0]], [0.3, 0, 0]]
    assert np.allclose(jacobian(T, Y), expected, atol=1e-6)
    assert jacobian.by_autograd is False


def test_autograd_that_fails_later():
    """An f whose other branch autograd cannot follow is differentiated by differences from there on."""
    f = lambda t, y: smooth(t, y) if t < 1 else by_math(t, y)  # noqa: E731
    jacobian = Jacobian(Field(f, (3,)), "autograd")
    jacobian(0.0, Y)
    assert jacobian.by_autograd
    assert np.allclose(jacobian(1.5, Y), smooth_jacobian(1.5, Y), atol=1e-6)
    assert not jacobian.by_autograd


def test_a_function_without_a_derivative_in_autograd():
    """A primitive whose derivative autograd was not told is differentiated by differences, by y and by t."""
    cube = primitive(lambda x: x**3)
    jacobian = Jacobian(Field(lambda t, y: cube(t) * cube(y), (3,)), "autograd")
    assert np.allclose(jacobian(T, Y), np.diag(3 * T**3 * Y**2), atol=1e-6)
    assert np.allclose(jacobian.time_derivative(T, Y, T**3 * Y**3, 0.1), 3 * T**2 * Y**3, atol=1e-8)


def test_errors_of_f_are_not_hidden():
    """What f raises for ordinary arrays is raised."""

    def f(t, y):
        raise KeyError("parameter")

    with pytest.raises(KeyError, match="parameter"):
        Jacobian(Field(f, (3,)), "autograd")(T, Y)


@pytest.mark.parametrize("shape", [(), (4,), (2, 2)])
def test_jacobian_of_the_user(shape):
    """jac sees y in f's shape and returns (d, d) or y.shape + y.shape; nothing else is evaluated."""
    field, d = Field(lambda t, y: t * y**2, shape), math.prod(shape)
    y = np.arange(1.0, d + 1)
    for result in {shape + shape, (d, d)}:

        def jac(t, y, result=result):
            assert y.shape == shape
            return np.diag(2 * t * y.reshape(-1)).reshape(result)

        jacobian = Jacobian(field, jac)
        assert np.array_equal(jacobian(T, y), np.diag(2 * T * y))
        assert (jacobian.njev, field.nfev) == (1, 0)


def test_bad_jacobians_of_the_user():
    """Another shape is refused with both shapes named; something that cannot be called too."""
    with pytest.raises(ValueError, match=r"jac returned shape \(3,\) at t = 0.4; for y of shape \(3,\).*\(3, 3\)"):
        Jacobian(Field(smooth, (3,)), lambda t, y: y)(T, Y)
    with pytest.raises(ValueError, match=r"must be \(4, 4\) or \(2, 2, 2, 2\)"):
        Jacobian(Field(smooth, (2, 2)), lambda t, y: np.eye(2))(T, np.ones(4))
    with pytest.raises(TypeError, match=r'jac must be a function jac\(t, y\), "autograd" or None, got ndarray'):
        Jacobian(Field(smooth, (3,)), np.eye(3))
    with pytest.raises(TypeError, match='"autograd" or None, got str'):
        Jacobian(Field(smooth, (3,)), "torch")


def test_differences_are_the_default():
    """Without jac: d + 1 evaluations of f, and no trace of autograd; near the exact matrix."""
    field = Field(smooth, (3,))
    matrix = Jacobian(field)(T, Y)
    assert field.nfev == 4
    assert np.allclose(matrix, Jacobian(Field(smooth, (3,)), "autograd")(T, Y), rtol=1e-5, atol=1e-5)


def test_every_evaluation_is_counted():
    """field.nfev is what f was called: by autograd, by the check of it, by d + 1 differences."""
    for f, later in ((smooth, 1), (by_math, 4)):
        calls = []
        field = Field(lambda t, y, f=f, calls=calls: calls.append(t) or f(t, y), (3,))
        jacobian = Jacobian(field, "autograd")
        jacobian(T, Y)
        jacobian.time_derivative(T, Y, f(T, Y), 0.1)
        assert field.nfev == len(calls) <= 10
        before = field.nfev
        jacobian(T, Y)
        assert field.nfev - before == later


@pytest.mark.parametrize(
    ("t", "h"), [(0.0, 0.25), (0.0, -3e-14), (1.0, -0.25), (1.0, 1e-12), (1.0, -3e-14), (-1234.5, 0.25), (1e9, -1e-5)]
)
def test_times_stay_between_t_and_t_plus_h(t, h):
    """∂f/∂t by differences looks only where the step goes, and is exact for a parabola up to rounding."""
    seen = []

    def f(s, y):
        seen.append(s)
        return np.array([(s - t) ** 2 + 3 * (s - t)])

    slope = time_difference(Field(f, (1,)), t, np.ones(1), f(t, None), h, np.finfo(float).eps)
    assert all(min(t, t + h) <= s <= max(t, t + h) for s in seen)
    assert len(set(seen)) == 3
    assert slope == pytest.approx(3.0, rel=1e-10)


def test_differences_move_with_the_solution():
    """√y at y = 0 with y' > 0 is moved upwards; with y' < 0 the other way: f need not exist on the far side."""
    for sign in (1, -1):

        def f(t, y, sign=sign):
            assert (sign * y >= 0).all()
            return np.array([sign * (1 + math.sqrt(sign * float(y[0])))])

        assert np.isfinite(Jacobian(Field(f, (1,)), "autograd")(0.0, np.zeros(1))).all()


def test_differences_on_small_scales():
    """Robertson's y2 = 1e-12 matters, as its atol says: the column of y2 is right to six digits, not by a quarter."""
    f = problems.get("Robertson 1e11").f
    y = np.array([1e-6, 1e-12, 1.0])
    exact = [1e4, -1e4 - 6e7 * y[1], 6e7 * y[1]]
    plain = lambda t, y: np.array(f(t, np.array([float(x) for x in y])))  # noqa: E731
    column = Jacobian(Field(plain, (3,)), None, np.array([1e-6, 1e-12, 1.0]))(0.0, y)[:, 1]
    assert np.allclose(column, exact, rtol=1e-6, atol=0)
    column = Jacobian(Field(plain, (3,)))(0.0, y)[:, 1]
    assert not np.allclose(column, exact, rtol=0.5, atol=0)


def test_complex_states():
    """A holomorphic f of a complex state: the complex derivative, by autograd and by differences."""
    y = np.array([1 + 2j, -0.5j])
    f = lambda t, y: anp.stack([y[0] * y[1], 1j * y[0] ** 2])  # noqa: E731
    plain = lambda t, y: np.array([complex(y[0]) * complex(y[1]), 1j * complex(y[0]) ** 2])  # noqa: E731
    exact = np.array([[y[1], y[0]], [2j * y[0], 0]])
    assert np.allclose(Jacobian(Field(f, (2,)), "autograd")(0.0, y), exact, rtol=1e-14)
    assert np.allclose(Jacobian(Field(plain, (2,)))(0.0, y), exact, rtol=1e-6, atol=1e-6)


def test_inverse():
    """The inverse, or None for a singular matrix, nan and infinity."""
    m = np.random.default_rng(0).normal(size=(5, 5))
    assert np.allclose(inverse(m) @ m, np.eye(5), atol=1e-12)
    for bad in (np.zeros((2, 2)), np.full((2, 2), math.nan), np.array([[math.inf, 0], [0, 1]]), np.diag([1, 1e-320])):
        assert inverse(bad) is None


@pytest.mark.parametrize("stiffness", [1e3, 1e8, 1e13])
def test_an_inverse_is_as_good_as_elimination(stiffness):
    """Also where b lies in the stiff direction, so that x is small and b is not: within 20 times the error of solve."""
    rng, errors = np.random.default_rng(1), []
    for _ in range(50):
        q, _ = np.linalg.qr(rng.normal(size=(4, 4)))
        m, b = q * np.array([1.0, 2.0, 30.0, stiffness]) @ q.T, q[:, 3]
        errors.append([np.abs(x * stiffness - b).max() for x in (inverse(m) @ b, np.linalg.solve(m, b))])
    by_inverse, by_solve = np.median(errors, axis=0)
    assert by_inverse < 20 * by_solve
    assert by_inverse < 10 * stiffness * np.finfo(float).eps
