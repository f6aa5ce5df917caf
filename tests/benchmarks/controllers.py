"""What the step-size controllers cost at equal error: python -m tests.benchmarks.controllers

For each method and problem: the evaluations with which the error at the end is 1e-5, read off a line fitted through
log nfev against log error at four tolerances, as a ratio to those of the elementary controller. No times are taken.
"""

import numpy as np

import nodekit
from nodekit import problems
from nodekit.stepping.control import CONTROLLERS

NAMES = (
    "Lotka–Volterra",
    "Arenstorf orbit",
    "cubic spiral",
    "predator and prey",
    "rigid body",
    "oscillating growth",
)


def evaluations(problem, method, controller, error=1e-5):
    """nfev at the given error at the end."""
    end = problem.exact(problem.t_span[1]) if problem.exact else problem.y1
    points = []
    for tol in (1e-5, 1e-6, 1e-7, 1e-8):
        arguments = {"method": method, "rtol": tol, "atol": 1e-3 * tol, "controller": controller}
        sol = nodekit.solve(problem.f, problem.y0, problem.t_span, **arguments)
        points.append((np.abs(sol.y[-1] - end).max(), sol.stats.nfev))
    slope, offset = np.polyfit(*np.log(points).T, 1)
    return np.exp(slope * np.log(error) + offset)


def main():
    ratios = {name: [] for name in CONTROLLERS}
    print(f"{'method':8s} {'problem':20s}" + "".join(f"{name:>8s}" for name in CONTROLLERS))
    for method in ("dopri5", "tsit5", "dopri8", "dop853"):
        for name in NAMES:
            cost = {c: evaluations(problems.get(name), method, c) for c in CONTROLLERS}
            row = {c: cost[c] / cost["I"] for c in CONTROLLERS}
            print(f"{method:8s} {name:20s}" + "".join(f"{row[c]:8.2f}" for c in CONTROLLERS))
            for c in CONTROLLERS:
                ratios[c].append(row[c])
    print(f"{'geometric mean':29s}" + "".join(f"{np.exp(np.mean(np.log(r))):8.2f}" for r in ratios.values()))


if __name__ == "__main__":
    main()
