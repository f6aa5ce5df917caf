"""nodekit on NumPy against scipy.integrate.solve_ivp: time at equal error. Run by hand:

    python -m tests.benchmarks.numpy_vs_scipy

Each pair of methods solves a problem at several tolerances, the two libraries in turn within one process, after a
warm-up; a time is the median of the repeats. The times are interpolated, in logarithms, at errors that both reach:
the ratio SciPy/nodekit is their geometric mean, and above 1 nodekit is the quicker one. Both get the same f and no
Jacobian, except where it says "jac". The bound is what f alone would take: nfev times the time of one call.
"""

import os
import time
import timeit

import numpy as np
from scipy.integrate import solve_ivp

import nodekit
from nodekit import problems
from nodekit.problems.problem import Problem, linear

REPEATS = 7
EXPLICIT = [1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10]
IMPLICIT = [1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8]


def linear_50(stiff):
    """Heat conduction on 50 points, with rates from 10 to 10⁴, or a damped wave along 50 points."""
    j = np.arange(50)
    if stiff:
        matrix = 51.0**2 * (np.eye(50, k=1) - 2 * np.eye(50) + np.eye(50, k=-1))
        values, v = np.linalg.eigh(matrix)
    else:
        matrix = 2 * (np.eye(50, k=1) - np.eye(50, k=-1)) - 0.05 * np.eye(50)
        values, v = np.linalg.eigh(-1j * (matrix + 0.05 * np.eye(50)))
        values = 1j * values - 0.05
    y0, end = np.exp(-((j - 20.0) ** 2) / 30), 0.2 if stiff else 10.0
    y1 = (v @ (np.exp(values * end) * (v.conj().T @ y0))).real
    name = f"linear 50 {'stiff' if stiff else 'non-stiff'}"
    return Problem(name, linear(matrix), y0, (0.0, end), "benchmark", y1=y1, stiff=stiff), lambda t, y: matrix


def van_der_pol_jac(t, y):
    return np.array([[0.0, 1.0], [-2000 * y[0] * y[1] - 1, 1000 * (1 - y[0] ** 2)]])


def robertson_jac(t, y):
    return np.array(
        [[-0.04, 1e4 * y[2], 1e4 * y[1]], [0.04, -1e4 * y[2] - 6e7 * y[1], -1e4 * y[1]], [0.0, 6e7 * y[1], 0.0]]
    )


def ours(p, method, rtol, jac):
    sol = nodekit.solve(p.f, p.y0, p.t_span, method, rtol, p.atol(rtol), jac=jac, max_steps=10**7)
    return sol.y[-1], sol.stats


def theirs(p, method, rtol, jac):
    more = {} if jac is None else {"jac": jac}
    sol = solve_ivp(p.f, p.t_span, p.y0, method, rtol=rtol, atol=p.atol(rtol), **more)
    return sol.y[:, -1], sol


def measure(p, pair, tolerances, jac):
    """(2, n) errors, (2, n) median times, and the counts (nfev, njev, nlu), of both at every tolerance."""
    runs, n = ((ours, pair[0]), (theirs, pair[1])), len(tolerances)
    errors, times, counts = np.zeros((2, n)), np.zeros((2, n, REPEATS)), np.zeros((2, n, 3), int)
    for repeat in range(-1, REPEATS):  # the first one warms up
        for i, rtol in enumerate(tolerances):
            for who, (run, method) in enumerate(runs):
                began = time.perf_counter()
                y, stats = run(p, method, rtol, jac)
                took = time.perf_counter() - began
                if repeat < 0:
                    errors[who, i] = np.max(np.abs(y - p.end) / (p.scale + np.abs(p.end)))
                    counts[who, i] = stats.nfev, stats.njev, stats.nlu
                else:
                    times[who, i, repeat] = took
    return errors, np.median(times, axis=2), counts


def at_equal_error(errors, times):
    """Ratios of the times at five errors that both reach, from interpolation of log time over log error."""
    low, high = errors.min(axis=1).max(), errors.max(axis=1).min()
    if not low < high:
        return None
    at, curves = np.linspace(np.log(low), np.log(high), 5), []
    for error, took in zip(np.log(errors), np.log(times), strict=True):
        order = np.argsort(error)
        cheapest = np.minimum.accumulate(took[order])  # a solve that is more accurate counts for less accurate ones
        curves.append(np.interp(at, error[order], cheapest))
    return np.exp(at), np.exp(curves[1] - curves[0])


def time_of_f(p):
    return min(timeit.repeat(lambda: p.f(p.t_span[0], p.y0), number=500, repeat=5)) / 500


def compare(p, pair, tolerances, jac=None):
    errors, times, counts = measure(p, pair, tolerances, jac)
    one = time_of_f(p)
    title = f"{p.name}{', jac' if jac else ''}: {pair[0]} against SciPy's {pair[1]}"
    found = at_equal_error(errors, times)
    if found is None:
        print(f"{title}: no error that both reach")
    else:
        at, ratios = found
        mean = np.exp(np.log(ratios).mean())
        spread, reached = f"{ratios.min():.2f} to {ratios.max():.2f}", f"{at[0]:.0e} to {at[-1]:.0e}"
        print(f"{title}: SciPy/nodekit {mean:.2f} ({spread}), errors {reached}")
    for i, rtol in enumerate(tolerances):
        row = [f"    rtol {rtol:.0e}"]
        for who, name in enumerate(("nodekit", "SciPy")):
            nfev, njev, nlu = counts[who, i]
            row.append(
                f"{name} {1e3 * times[who, i]:8.2f} ms, error {errors[who, i]:.1e}, nfev {nfev:6d}, njev {njev:4d}, "
                f"nlu {nlu:5d}, f alone {1e3 * nfev * one:7.2f} ms"
            )
        print(" | ".join(row))
    return title, None if found is None else mean


def main():
    print(f"medians of {REPEATS} interleaved repeats; load average {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
    nonstiff, stiff = linear_50(False), linear_50(True)
    summary = []
    for p in (problems.get("Lotka–Volterra"), problems.get("Arenstorf orbit"), nonstiff[0]):
        for pair in (("dopri5", "RK45"), ("tsit5", "RK45"), ("dop853", "DOP853")):
            summary.append(compare(p, pair, EXPLICIT))
    cases = (
        (problems.get("van der Pol 1000"), van_der_pol_jac),
        (problems.get("Robertson 40"), robertson_jac),
        stiff,
    )
    for p, jac in cases:
        for given in (None, jac):
            for pair in (("radau", "Radau"), ("bdf", "BDF")):
                summary.append(compare(p, pair, IMPLICIT, given))
        summary.append(compare(p, ("rodas5p", "Radau"), IMPLICIT))
    print(f"\nSciPy/nodekit at equal error; load average now {os.getloadavg()[0]:.2f}")
    for title, ratio in summary:
        print(f"{'-' if ratio is None else format(ratio, '.2f'):>6}  {title}")


if __name__ == "__main__":
    main()
