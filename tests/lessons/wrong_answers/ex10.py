"""Wrong answers to the exercises of lesson 10."""

import autograd
import autograd.numpy as anp
import numpy as np

import nodekit


def det2(A):
    return A[0, 0] * A[1, 1] - A[0, 1] * A[1, 0]


def rows(vjp, d):
    """J, by d calls."""
    return np.array([vjp(e) for e in np.eye(d)])


def stream(arrange):
    """An answer to stream_field with its own order and signs of (∂ψ/∂x, ∂ψ/∂y)."""

    def stream_field(psi):
        gradient = autograd.grad(psi)
        return lambda t, z: anp.array(arrange(*gradient(z)))

    return stream_field


def scored(way=-1, sign=1, at=lambda x, end: end, change=True, result=lambda v: v, start=0.0):
    """An answer to log_prob with one of its parts replaced. way: -1 backward, 1 forward."""

    def log_prob(f, trace, base, x, T):
        times = (T, 0.0) if way < 0 else (0.0, T)
        field = lambda t, s: np.append(f(t, s[:-1]), trace(t, s[:-1]))  # noqa: E731
        end = nodekit.solve(field, np.append(x, start), times, rtol=1e-9, atol=1e-9).y[-1]
        return result(base(at(x, end[:-1])) + sign * change * end[-1])

    return log_prob


def scored_in_place(f, trace, base, x, T):
    value = scored()(f, trace, base, x, T)
    x -= 1.0
    return value


def clock_not_turned(f, trace, base, x, T):
    field = lambda t, s: -np.append(f(t, s[:-1]), trace(t, s[:-1]))  # noqa: E731
    end = nodekit.solve(field, np.append(x, 0.0), (0.0, T), rtol=1e-9, atol=1e-9).y[-1]
    return base(end[:-1]) + end[-1]


def trace_of_the_end(f, trace, base, x, T):
    return base(nodekit.solve(f, x, (T, 0.0), rtol=1e-9, atol=1e-9).y[-1]) - T * trace(T, x)


def plane_only(f, trace, base, x, T):
    field = lambda t, s: np.append(f(t, s[:2]), trace(t, s[:2]))  # noqa: E731
    end = nodekit.solve(field, np.append(x, 0.0), (T, 0.0), rtol=1e-9, atol=1e-9).y[-1]
    return base(end[:2]) + end[2]


WRONG = {
    "area_factor": {
        "first order": (lambda A, eps: 1 + eps * np.trace(A), "the first order alone"),
        "sign": (
            lambda A, eps: 1 + eps * np.trace(A) + eps**2 * (A[0, 0] * A[1, 1] + A[0, 1] * A[1, 0]),
            "the wrong sign",
        ),
        "diagonal": (lambda A, eps: (1 + eps * A[0, 0]) * (1 + eps * A[1, 1]), "off-diagonal entries are missing"),
        "not squared": (lambda A, eps: 1 + eps * np.trace(A) + eps * det2(A), "comes with ε², not with ε"),
        "without I": (lambda A, eps: eps**2 * det2(A), "Where is the I?"),
        "without 1": (lambda A, eps: eps * np.trace(A) + eps**2 * det2(A), "The 1 is missing"),
        "absolute": (lambda A, eps: abs(1 + eps * np.trace(A) + eps**2 * det2(A)), "The sign is lost"),
        "eps not negative": (lambda A, eps: 1 + abs(eps) * np.trace(A) + eps**2 * det2(A), "the determinant is off"),
        "exponential": (lambda A, eps: np.exp(eps * np.trace(A)), "This is exp(ε tr A)"),
        "zero": (lambda A, eps: 0.0, "the determinant is off"),
        "a matrix": (lambda A, eps: np.eye(2) + eps * A, "one number was expected"),
    },
    "trace_by_vjps": {
        "all entries": (lambda vjp, d: rows(vjp, d).sum(), "the sum of all entries"),
        "ones": (lambda vjp, d: vjp(np.ones(d)).sum(), "For d = 2 vjp was called once"),
        "first component": (lambda vjp, d: rows(vjp, d)[:, 0].sum(), "Every time the same component"),
        "squares": (lambda vjp, d: (rows(vjp, d) ** 2).sum(), "the squares of all entries"),
        "absolute": (lambda vjp, d: np.abs(np.diag(rows(vjp, d))).sum(), "no absolute values"),
        "mean": (lambda vjp, d: np.diag(rows(vjp, d)).mean(), "This is the mean of the diagonal"),
        "product": (lambda vjp, d: np.prod(np.diag(rows(vjp, d))), "This is the product of the diagonal"),
        "one short": (lambda vjp, d: np.trace(rows(vjp, d)[: d - 1, : d - 1]) + 0.0, "The last one is missing"),
        "largest": (lambda vjp, d: rows(vjp, d).max(axis=1).sum(), "the largest number was taken"),
        "whole matrix": (lambda vjp, d: vjp(np.eye(d)), "vjp was called with shape"),
        "never": (lambda vjp, d: 0.0, "vjp was called never"),
        "diagonal": (lambda vjp, d: np.diag(rows(vjp, d)), "one number was expected"),
    },
    "stream_field": {
        "gradient": (stream(lambda gx, gy: [gx, gy]), "the gradient of ψ itself"),
        "both plus": (stream(lambda gx, gy: [gy, gx]), "Both signs are plus"),
        "turned": (stream(lambda gx, gy: [-gy, gx]), "The signs are turned"),
        "swapped": (stream(lambda gx, gy: [gx, -gy]), "The components are swapped: x' is"),
        "swapped, sign": (stream(lambda gx, gy: [-gx, gy]), "the sign is at the wrong place"),
        "half": (stream(lambda gx, gy: [gy / 2, -gx / 2]), "the field is off"),
        "zeros": (stream(lambda gx, gy: [0.0, 0.0]), "the field is off"),
        "at once": (lambda psi: autograd.grad(psi)(np.ones(2)), "a function f(t, z) was expected"),
        "one number": (stream(lambda gx, gy: gy), "the field has shape ()"),
    },
    "log_prob": {
        "sign": (scored(sign=-1), "The sign of the trace is turned"),
        "no change": (scored(change=False), "The change of log p is missing"),
        "forward": (scored(way=1, sign=-1), "x is the END, at time T: go back to time 0."),
        "forward, plus": (scored(way=1), "x is the END, at time T: go back to time 0, where"),
        "base at x": (scored(at=lambda x, end: x), "The base density is asked about x itself. Ask"),
        "base at x, sign": (scored(at=lambda x, end: x, sign=-1), "and the sign of the trace is turned"),
        "p": (scored(result=np.exp), "This is p, not log p"),
        "clock": (clock_not_turned, "You turned the sign of f and not its clock"),
        "trace at the end": (trace_of_the_end, "log p is off"),
        "starts at 1": (scored(start=1.0), "log p is off"),
        "for d = 2 only": (plane_only, "f was called with a state of shape (2,); x has shape (1,) here"),
        "autonomous": (
            lambda f, trace, base, x, T: scored()(lambda t, x: f(0.0, x), lambda t, x: trace(0.0, x), base, x, T),
            "log p is off",
        ),
        "half of the trace": (scored(sign=0.5), "log p is off"),
        "zero": (lambda f, trace, base, x, T: 0.0, "log p is off"),
        "in place": (scored_in_place, "Right value, but your log_prob changed x itself"),
    },
}
