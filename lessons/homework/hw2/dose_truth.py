"""Homework 2, what is right, for any variant: answers.py judges by it. Never released.

A patient's field and its derivatives, gradients of parts 2 and 3 by roads of their own, prodrugs, least χ², patients.
"""

import warnings

import hw2
import numpy as np

import nodekit
from nodekit.numpy_backend.gradient import solve_and_vjp

TYPICAL, SPREAD = np.array([5.0, 4.0, 0.6, 1.2]), 0.35  # of a patient's vmax, km, k12, k21, and of their logarithms
TIGHT = {"method": "dop853", "rtol": 1e-11, "atol": 1e-12}


def field(t, x, theta):
    (vmax, km, k12, k21), (c, p) = theta, x
    exchange = k12 * c - k21 * p
    return np.array([-vmax * c / (km + c) - exchange, exchange])


def jacobians(x, theta):
    """∂f/∂x (2, 2) and ∂f/∂θ (2, 4)."""
    (vmax, km, k12, k21), (c, p) = theta, x
    by_x = np.array([[-vmax * km / (km + c) ** 2 - k12, k21], [k12, -k21]])
    return by_x, np.array([[-c / (km + c), vmax * c / (km + c) ** 2, -c, p], [0.0, 0.0, c, -p]])


def loss_of_steps(task, x, theta):
    """The loss of part 2 after Adams' and Bashforth's steps, for complex numbers too. x (2,), theta (15,)."""
    field, before, states = hw2.Smooth(task.seed), None, [x]
    for k in range(task.n):
        now = field.slope(k * task.h, states[-1], theta)
        states.append(states[-1] + task.h * (now if before is None else 1.5 * now - 0.5 * before))
        before = now
    return 0.5 * np.sum(task.weights[:, None] * (np.array(states) - task.targets) ** 2)


def steps_gradient(task):
    """dL/dx0 (2,) and dL/dθ (15,) of part 2, by complex steps: exact to rounding, and nothing goes backward."""
    field, directions = hw2.Smooth(task.seed), 1e-30j * np.eye(17)
    losses = [loss_of_steps(task, field.x0 + e[:2], field.theta + e[2:]) for e in directions]
    return np.split(np.imag(losses) / 1e-30, [2])


def samples_gradient(task):
    """dL/dx0 (2,) and dL/dθ (15,) of part 3, from the sensitivities S = ∂x/∂(x0, θ), solved forward."""
    field = hw2.Smooth(task.seed)

    def tangent(t, z):
        J, F = (np.array(rows) for rows in zip(*(field.vjp(t, z[:2], e) for e in np.eye(2)), strict=True))
        return np.concatenate([field.f(t, z[:2]), (J @ z[2:].reshape(2, 17) + np.hstack([0 * J, F])).ravel()])

    start = np.concatenate([field.x0, np.eye(2, 17).ravel()])
    times = task.times if task.times[0] > 0 else task.times[1:]
    states = nodekit.solve(tangent, start, [0.0, *times], **TIGHT).y[-len(task.times) :]
    off = task.weights[:, None] * (states[:, :2] - task.targets)
    return np.split(np.einsum("ij,ijk->k", off, states[:, 2:].reshape(-1, 2, 17)), [2])


def growth(problem):
    """The logarithm of the largest factor by which an error at T has grown at 0, when x is solved backward."""
    options = {"rtol": 1e-8, "atol": 1e-11}
    path = nodekit.solve(lambda t, x: problem.f(t, x, problem.theta), problem.x0, (0.0, problem.T), **options)

    def along(t, M):
        return problem.jacobian(t, path(t)) @ M

    back = nodekit.solve(along, np.eye(2), (problem.T, 0.0), rtol=1e-7, atol=1e-7)
    return float(np.log(np.linalg.norm(back.y[-1], 2)))


def exact_gradient(problem):
    """dL/dθ of a prodrug (3,), from the sensitivities ∂x/∂θ, solved forward."""

    def tangent(t, z):
        (rate, kappa, _), one = problem.theta, 1 / (1 + z[0] / problem.theta[1])
        by_theta = np.array([[-1, -1, 0], [1, 1, -1]]) * (z[0] * one, rate * (z[0] * one / kappa) ** 2, z[1])
        return np.concatenate(
            [problem.f(t, z[:2], problem.theta), (problem.jacobian(t, z[:2]) @ z[2:].reshape(2, 3) + by_theta).ravel()]
        )

    end = nodekit.solve(tangent, np.concatenate([problem.x0, np.zeros(6)]), (0.0, problem.T), rtol=1e-9, atol=1e-12)
    return problem.dL_dx(end.y[-1][:2]) @ end.y[-1][2:].reshape(2, 3)


def error_of(way, problem, exact):
    """The relative error of dL/dθ by one of nodekit's ways, at part 4's tolerances; infinite where it breaks down."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "gradient='adjoint' solved the state backward", RuntimeWarning)
            sol, vjp = solve_and_vjp(
                problem.f, problem.x0, (0.0, problem.T), problem.theta, gradient=way, **hw2.TOLERANCES
            )
            dL_dy = np.zeros_like(sol.y)
            dL_dy[-1] = problem.dL_dx(sol.y[-1])
            return float(np.linalg.norm(vjp(dL_dy).params - exact) / np.linalg.norm(exact))
    except (nodekit.SolveError, ArithmeticError, ValueError):
        return np.inf


def residuals(theta, c0, y, tol=1e-7):
    """((c - y)/σ (14,), their derivatives by log θ (14, 4)) at hw2.TIMES, for a patient with c(0) = c0."""

    def tangent(t, z):
        by_x, by_theta = jacobians(z[:2], theta)
        return np.concatenate([field(t, z[:2], theta), (by_x @ z[2:].reshape(2, 4) + by_theta).ravel()])

    start = np.concatenate([[c0], np.zeros(9)])
    z = nodekit.solve(tangent, start, [0.0, *hw2.TIMES], rtol=tol, atol=1e-2 * tol).y[1:]
    sigma = hw2.noise(y)
    return (z[:, 0] - y) / sigma, z[:, 2:6] * theta / sigma[:, None]


def least(c0, y, start=TYPICAL):
    """(θ (4,), χ²) where χ² is least, by Levenberg's and Marquardt's damped Gauss–Newton steps in log θ."""
    q, damping = np.log(start), 1e-2
    r, A = residuals(np.exp(q), c0, y)
    for _ in range(60):
        step = -np.linalg.solve(A.T @ A + damping * np.diag(np.sum(A * A, 0)), A.T @ r)
        new = q + np.clip(step, -1, 1)
        r_new, A_new = residuals(np.exp(new), c0, y)
        gain = r @ r - r_new @ r_new
        damping = damping / 10 if gain > 0 else damping * 10
        if gain > 0:
            q, r, A = new, r_new, A_new
        if abs(gain) < 1e-7 or damping > 1e8:
            break
    return np.exp(q), float(r @ r)


# ---- patients ------------------------------------------------------------------------------------------


def person(random, c0):
    """A random θ (4,) and the exact concentrations (14,) at hw2.TIMES after an injection that gives c(0) = c0."""
    theta = TYPICAL * np.exp(random.uniform(-SPREAD, SPREAD, 4))
    sol = nodekit.solve(lambda t, x: field(t, x, theta), np.array([c0, 0.0]), [0.0, *hw2.TIMES], **TIGHT)
    return theta, sol.y[1:, 0]


def ward():
    """The text of ward.csv, the same for all variants: 40 patients, c(0) and exact concentrations. No θ."""
    random, rows = np.random.default_rng(20250301), ["c0," + ",".join(f"c_{t:g}h" for t in hw2.TIMES)]
    for _ in range(40):
        c0 = round(float(random.uniform(45.0, 60.0)), 2)
        rows.append(",".join([f"{c0:.2f}", *(f"{c:.9e}" for c in person(random, c0)[1])]))
    return "\n".join([*rows, ""])


def patient(variant):
    """θ (4,) of the variant's own patient, c(0), and the samples (14,)."""
    random, c0 = hw2.rng(variant, 9, 0), hw2.drawn(variant)
    theta, clean = person(random, c0)
    return theta, c0, hw2.measured(random, clean)
