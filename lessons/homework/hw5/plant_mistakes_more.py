"""Homework 5, what plausible mistakes return in parts 3 and 5; plant_mistakes.py has the others. It stays at home."""

import numpy as np
import plant_truth as right

import nodekit
from nodekit import paths
from nodekit.analysis.sparse import integral_rows


def pieces(t, y, known, library, longest=0.5):
    return [(part[0], *integral_rows(library, *part, known)) for part in right.stretches(t, y, longest)]


def together(pairs):
    return tuple(np.concatenate(parts) for parts in zip(*pairs, strict=True))


def across(t, y, known, library):
    theta, change = integral_rows(library, t[ok(y)], y[ok(y)], known)
    return theta, change[:, 1]


def ok(y):
    return ~np.isnan(y).any(axis=1)


ROWS = {
    "One of your intervals is the gap: an integral over it, from the values at its ends, means nothing.": across,
    "What is explained is the change of v, the second component.": lambda *given: together(
        [(theta, change[:, 0]) for _, theta, change in pieces(*given)]
    ),
    "The known part is not subtracted from the change.": lambda t, y, known, library: together(
        [(theta, change[:, 1]) for _, theta, change in pieces(t, y, None, library)]
    ),
    "These are means over the intervals: integrals are longer where an interval is.": lambda *given: together(
        [(theta / np.diff(t)[:, None], change[:, 1] / np.diff(t)) for t, theta, change in pieces(*given)]
    ),
    "What is explained has its sign turned: change = ∫ terms dt · c.": lambda *given: together(
        [(theta, -change[:, 1]) for _, theta, change in pieces(*given)]
    ),
    "A slope is no integral: the terms at the left ends are not ∫ terms dt.": lambda t, y, known, library: together(
        [(library(part[1])[:-1], np.diff(part[1], axis=0)[:, 1]) for part in right.stretches(t, y, 0.5)]
    ),
}


def response_by(make, matrix=lambda f, h, X, s: f(h) @ X.derivative(s)):
    def response(f, h0, t, y):
        X = make(y, t)
        options = {"rtol": 1e-9, "atol": 1e-10, "breakpoints": X.breakpoints}
        return nodekit.solve(lambda s, h: matrix(f, h, X, s), h0, X.ends, **options).y[-1]

    return response


def held(y, t):
    y = y.copy()
    for i in range(1, len(y)):
        y[i] = np.where(np.isnan(y[i]), y[i - 1], y[i])
    return paths.linear(y, t)


def dropped(y, t):
    return paths.linear(y[ok(y)], t[ok(y)])


RESPONSE = {
    "The state moves with dX: multiply by the path's derivative, and not by the path.": response_by(
        paths.linear, lambda f, h, X, s: f(h) @ X(s)
    ),
    "f(h) is transposed: a row for each state, a column for each channel.": response_by(
        paths.linear, lambda f, h, X, s: f(h).T @ X.derivative(s)
    ),
    "A missing number is not 0.": response_by(lambda y, t: paths.linear(np.nan_to_num(y), t)),
    "A missing number lies on the line between its neighbours; you hold the last one.": response_by(held),
    "Where one number is missing, the others of that moment are known.": response_by(dropped),
    "The path is made of straight lines. Yours is a spline, which knows the future.": response_by(paths.natural_spline),
    "The path is made of straight lines. Yours is Hermite's.": response_by(paths.hermite),
    "This is the change of h. Its end is wanted, from h0.": lambda f, h0, t, y: right.response(f, h0, t, y) - h0,
    "The matrix is that at h0. It changes with h.": lambda f, h0, t, y: (
        h0 + f(h0) @ (right.filled(t, y)[-1] - right.filled(t, y)[0])
    ),
}


def band_by(change):
    def forecast(record, later):
        q, _, A = right.least(record, right.first_guess(record))
        p, G = right.sensitivities(q[:3], q[3:], later, record.power, record.plant)
        return p, change(G, np.linalg.inv(A.T @ A), record)

    return forecast


def by_rows(G, C):
    return np.einsum("nij,jk,nik->ni", G, C, G)


FORECAST = {
    "This is the mean of the recording. The model can do better.": lambda record, later: (
        np.tile(np.nanmean(record.y, axis=0), (len(later), 1)),
        right.forecast(record, later)[1],
    ),
    "The clock of `later` is that of the recording: it does not begin anew at its end.": lambda record, later: (
        right.forecast(record, later - record.t[-1])
    ),
    "The bands are variances. Take the square root.": band_by(lambda G, C, _: by_rows(G, C)),
    "The errors of the fit hang together. You add them up as if they did not: use the whole covariance.": band_by(
        lambda G, C, _: np.sqrt(by_rows(G, np.diag(np.diag(C))))
    ),
    "The errors of the start are missing in the bands, or those of its covariance with c, r and β.": band_by(
        lambda G, C, _: np.sqrt(by_rows(G[..., :3], C[:3, :3]))
    ),
    "The states are asked for, and not new measurements: the noise is no part of the bands.": band_by(
        lambda G, C, record: np.sqrt(by_rows(G, C) + record.sigma**2)
    ),
    "The bands are two standard deviations wide. One is wanted.": band_by(lambda G, C, _: 2 * np.sqrt(by_rows(G, C))),
}
