"""Homework 5, what is right, worked out in NumPy with derivatives by hand. It stays at home, as answers.py does."""

import numpy as np

import nodekit
from nodekit.analysis.sparse import integral_rows

TIGHT = {"method": "dop853", "rtol": 1e-8, "atol": 1e-9}


def slopes(t, y, theta, power, plant):
    """(x', v', p') for y (..., 3)."""
    (x, v, p), (c, r, beta) = np.moveaxis(np.asarray(y, float), -1, 0), np.asarray(theta, float)
    push = plant.push(t) - plant.k * x - c * p - beta * v * np.abs(v) ** (power - 1)
    return np.stack([v, push, plant.b * v - r * p], -1)


def sensitivities(theta, y0, times, power, plant):
    """The states (n, 3) at the times, and their derivatives by theta and y0 (n, 3, 6): the variational equation."""
    c, r, beta = (float(number) for number in theta)

    def f(t, z):
        y, S = z[:3], z[3:].reshape(3, 6)
        v = y[1]
        J = np.array([[0, 1, 0], [-plant.k, -beta * power * abs(v) ** (power - 1), -c], [0, plant.b, -r]])
        by_theta = np.array([[0, 0, 0], [-y[2], 0, -v * abs(v) ** (power - 1)], [0, -y[2], 0]])
        change = J @ S
        change[:, :3] += by_theta
        return np.concatenate([slopes(t, y, theta, power, plant), change.ravel()])

    start = np.concatenate([y0, np.hstack([np.zeros((3, 3)), np.eye(3)]).ravel()])
    z = nodekit.solve(f, start, [0.0, *times], **TIGHT).y[1:]
    return z[:, :3], z[:, 3:].reshape(-1, 3, 6)


def residuals(q, record):
    """(model - data) / σ of the numbers that were seen (n,), and their derivatives by q (n, 6)."""
    seen = ~np.isnan(record.y)
    path, by_q = sensitivities(q[:3], q[3:], record.t, record.power, record.plant)
    left = (path - np.nan_to_num(record.y)) / record.sigma
    return left[seen], (by_q / record.sigma[:, None])[seen]


def misfit(q, record):
    """½ χ² and its gradient (6,)."""
    r, A = residuals(q, record)
    return r @ r / 2, A.T @ r


def least(record, start):
    """q (6,) where χ² is least, from a start near it or far, and the least χ²; Levenberg's and Marquardt's steps."""
    q, damping = np.array(start, float), 1e-3
    r, A = residuals(q, record)
    for _ in range(40):
        H = A.T @ A
        new = q - np.clip(np.linalg.solve(H + damping * np.diag(np.diag(H)), A.T @ r), -0.5, 0.5)
        r_new, A_new = residuals(new, record)
        gain = r @ r - r_new @ r_new
        damping = damping / 10 if gain > 0 else damping * 10
        if gain > 0:
            q, r, A = new, r_new, A_new
        if abs(gain) < 1e-6 or damping > 1e6:
            break
    return q, r @ r, A


def first_guess(record):
    """Where a fit may begin: typical numbers, and the first number of each sensor."""
    first = [column[~np.isnan(column)][0] for column in record.y.T]
    return np.array([0.8, 0.8, 0.3, *first])


def fit(record):
    """q (6,), the standard errors of its numbers (6,), and the least χ²."""
    q, chi2, A = least(record, first_guess(record))
    return q, np.sqrt(np.diag(np.linalg.inv(A.T @ A))), chi2


def forecast(record, later):
    """The states at later times, and their standard deviations: (n, 3) twice."""
    q, _, A = least(record, first_guess(record))
    path, G = sensitivities(q[:3], q[3:], later, record.power, record.plant)
    return path, np.sqrt(np.einsum("nij,jk,nik->ni", G, np.linalg.inv(A.T @ A), G))


def stretches(t, y, longest):
    """(t, y) of the parts of a recording that have every number and no step longer than `longest`."""
    whole = ~np.isnan(y).any(axis=1)
    t, y = t[whole], y[whole]
    ends = np.flatnonzero(np.diff(t) > longest) + 1
    return [pair for pair in zip(np.split(t, ends), np.split(y, ends), strict=True) if len(pair[0]) >= 3]


def term_rows(t, y, known, library, longest=0.5):
    """∫ terms dt (n, p) and what they explain of v (n,), over the intervals that are not too long."""
    pairs = [integral_rows(library, *part, known) for part in stretches(t, y, longest)]
    return np.concatenate([theta for theta, _ in pairs]), np.concatenate([change[:, 1] for _, change in pairs])


def filled(t, y):
    """y (m, 3) with its missing numbers on the lines between their neighbours."""
    return np.stack([np.interp(t, t[~np.isnan(c)], c[~np.isnan(c)]) for c in y.T], 1)


def response(f, h0, t, y):
    """The end of dh = f(h) dX along the lines: each is one unit of s with dX/ds constant, and so without corners."""
    h, points = np.array(h0, float), filled(t, y)
    for step in np.diff(points, axis=0):
        h = nodekit.solve(lambda s, h, step=step: f(h) @ step, h, (0.0, 1.0), **TIGHT).y[-1]
    return h
