"""Linear feedback with held controls: against the solved equation, and against every other gain."""

import numpy as np
import pytest
import torch
from scipy import linalg

import nodekit
from nodekit.models.control import held_matrices, linearise, regulator
from tests.models.control.tasks import field


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
