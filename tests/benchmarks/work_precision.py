"""Evaluations against error, of nodekit's explicit pairs and SciPy's: what a step-size controller costs. By hand:

    python -m tests.benchmarks.work_precision [--controller NAME ...] [--plot FILE]

Each pair solves a problem at thirteen tolerances. The evaluations are interpolated, in logarithms, at errors that both
libraries reach: the ratio SciPy/nodekit is their geometric mean, and above 1 nodekit takes fewer. SciPy's controller is
the elementary one, "I". An error is that of the end, of which all digits are known. Then, at equal tolerances and in
nodekit alone: evaluations on networks, and how smooth the steps are where stability limits them. Last, which of the
pairs takes the fewest evaluations for an error, on smooth problems and on ReLU networks. No times are taken, so that
the figures are the same on every machine.
"""

import argparse
import functools
import inspect

import numpy as np
from scipy.integrate import solve_ivp

import nodekit
from nodekit import problems
from nodekit.problems.problem import vector
from nodekit.problems.stiff import relaxation
from nodekit.stepping.control import CONTROLLERS
from tests.benchmarks.numpy_vs_scipy import at_equal_error

PAIRS = (("bosh3", "RK23"), ("dopri5", "RK45"), ("dop853", "DOP853"))
TOLERANCES = 10.0 ** -np.arange(3, 9.1, 0.5)
NAMES = (
    "logistic", "oscillating growth", "bell", "linear 10", "predator and prey", "Lotka–Volterra", "DETEST B4",
    "rigid body", "DETEST D1", "DETEST D2", "DETEST D3", "DETEST D4", "DETEST D5", "Arenstorf orbit", "DETEST E1",
    "DETEST E2", "DETEST E3", "DETEST E5", "pendulum", "cubic spiral", "Brusselator", "FitzHugh–Nagumo",
)  # fmt: skip
# Where stability limits explicit steps at 1e-3: f, y0, t_span.
LIMITED = [(p.f, p.y0, p.t_span) for p in (relaxation(100.0), relaxation(1000.0), problems.get("DETEST C4"))]
LIMITED.append((lambda t, y: vector(y, y[1], 30 * (1 - y[0] ** 2) * y[1] - y[0]), [2.0, 0.0], (0.0, 40.0)))


def error(p, y):
    return np.max(np.abs(y - p.end) / (p.scale + np.abs(p.end)))


@functools.cache
def theirs(name, method):
    """(errors, evaluations) of SciPy at all tolerances."""
    p = problems.get(name)
    runs = [solve_ivp(p.f, p.t_span, p.y0, method, rtol=tol, atol=p.atol(tol)) for tol in TOLERANCES]
    return np.array([(error(p, run.y[:, -1]), run.nfev) for run in runs]).T


@functools.cache
def ours(name, method, controller):
    """(errors, evaluations) of nodekit at all tolerances."""
    p = problems.get(name)
    more = {"controller": controller, "max_steps": 10**7}
    runs = [nodekit.solve(p.f, p.y0, p.t_span, method, tol, p.atol(tol), **more) for tol in TOLERANCES]
    return np.array([(error(p, run.y[-1]), run.stats.nfev) for run in runs]).T


def ratio(name, pair, controller):
    """SciPy's evaluations over ours at equal error."""
    curves = np.stack([ours(name, pair[0], controller), theirs(name, pair[1])], axis=1)
    return np.exp(np.log(at_equal_error(*curves)[1]).mean())


def network(seed):
    """A tanh network of layers 2-64-64-2 with doubled weights as a field for 16 states at once, over [0, 1]."""
    rng = np.random.default_rng(seed)
    layers = [2 * rng.normal(size=shape) / np.sqrt(shape[0]) for shape in ((2, 64), (64, 64), (64, 2))]

    def f(t, y):
        return np.tanh(np.tanh(y @ layers[0]) @ layers[1]) @ layers[2]

    return f, rng.normal(size=(16, 2)), (0.0, 1.0)


def at_equal_tolerance(method, controller):
    """Mean evaluations on networks; then over problems limited by stability: evaluations, part rejected, unevenness.

    The unevenness is the root mean square of log(h_(n+1) / h_n) over accepted steps.
    """
    nets = [nodekit.solve(*network(seed), method, 1e-6, 1e-6, controller=controller).stats.nfev for seed in range(8)]
    limited = []
    for field in LIMITED:
        sol = nodekit.solve(*field, method, 1e-3, 1e-3, controller=controller, max_steps=10**6)
        h = sol.steps.h[sol.steps.accepted][:-1]  # the last one is cut
        limited.append((sol.stats.nfev, 1 - sol.steps.accepted.mean(), np.sqrt(np.mean(np.diff(np.log(h)) ** 2))))
    cost, rejected, unevenness = np.transpose(limited)
    return np.mean(nets), cost.sum(), rejected.mean(), unevenness.mean()


def relu(seed):
    """A ReLU network of layers 2-64-64-2, a field with kinks: f, a start, and the state at time 1 to ten digits."""
    rng = np.random.default_rng(seed)
    layers = [2 * rng.normal(size=shape) / np.sqrt(shape[0]) for shape in ((2, 64), (64, 64), (64, 2))]
    biases = rng.normal(size=(2, 64))

    def f(t, y):
        for layer, bias in zip(layers[:-1], biases, strict=True):
            y = np.maximum(y @ layer + bias, 0.0)
        return y @ layers[-1] / 2

    start = rng.normal(size=2)
    return f, start, nodekit.solve(f, start, (0.0, 1.0), "dop853", 1e-11, 1e-11, max_steps=10**6).y[-1]


def on_relu(seed, method):
    """(errors, evaluations) on a ReLU network, relative to 1 + |y|, at all tolerances and at looser ones."""
    f, start, end = relu(seed)
    runs = [nodekit.solve(f, start, (0.0, 1.0), method, tol, tol) for tol in 10.0 ** -np.arange(1, 8, 0.5)]
    errors = [np.linalg.norm(run.y[-1] - end) / (1 + np.linalg.norm(end)) for run in runs]
    return np.array([errors, [run.stats.nfev for run in runs]])


def which_pair(controller):
    """For an error that is wanted: each pair's evaluations over the fewest of the three, geometric means."""
    smooth = {pair: [ours(name, pair, controller) for name in NAMES] for pair, _ in PAIRS}
    kinks = {pair: [on_relu(seed, pair) for seed in range(12)] for pair, _ in PAIRS}
    for title, found in (("smooth problems", smooth), ("ReLU networks", kinks)):
        for wanted in 10.0 ** -np.arange(2, 7):
            cost = np.array([[min(n[e <= wanted], default=np.inf) for e, n in runs] for runs in found.values()])
            cost = cost[:, np.isfinite(cost).all(axis=0)]
            means = np.exp(np.log(cost / cost.min(axis=0)).mean(axis=1)) if cost.size else []
            print(f"{title:16s} {wanted:.0e}  {cost.shape[1]:3d} fields" + "".join(f"{x:9.2f}" for x in means))


def draw(file, controllers):
    """The work-precision diagrams: a row for each problem, a column for each pair."""
    import matplotlib.pyplot as plt

    size = {"figsize": (12, 3 * len(NAMES)), "layout": "constrained"}
    fig, axes = plt.subplots(len(NAMES), len(PAIRS), sharex="row", sharey="row", **size)
    for row, name in zip(axes, NAMES, strict=True):
        for ax, (mine, other) in zip(row, PAIRS, strict=True):
            ax.loglog(*theirs(name, other), "k.-", label=f"SciPy {other}")
            for controller in controllers:
                ax.loglog(*ours(name, mine, controller), ".-", label=f"{mine}, {controller}")
            ax.set(title=name, xlabel="error at the end", ylabel="evaluations")
            ax.legend()
    fig.savefig(file)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = inspect.signature(nodekit.solve).parameters["controller"].default
    parser.add_argument("--controller", nargs="+", choices=list(CONTROLLERS), default=[default], metavar="NAME")
    parser.add_argument("--plot", metavar="FILE")
    given = parser.parse_args()
    columns = [(pair, controller) for controller in given.controller for pair in PAIRS]
    print("SciPy/nodekit, evaluations at equal error")
    print(f"{'':20s}" + "".join(f"{controller:>11s}" for _, controller in columns))
    print(f"{'':20s}" + "".join(f"{pair[0]:>11s}" for pair, _ in columns))
    table = []
    for name in NAMES:
        table.append([ratio(name, *column) for column in columns])
        print(f"{name:20s}" + "".join(f"{x:11.2f}" for x in table[-1]), flush=True)
    print(f"{'geometric mean':20s}" + "".join(f"{x:11.3f}" for x in np.exp(np.log(table).mean(axis=0))))
    print(f"{'smallest':20s}" + "".join(f"{x:11.2f}" for x in np.min(table, axis=0)))
    print("\nnodekit at equal tolerance")
    found = np.transpose([at_equal_tolerance(pair[0], controller) for pair, controller in columns])
    forms = {"networks, 1e-6": "11.1f", "stability, 1e-3": "11.0f", "  part rejected": "11.3f", "  unevenness": "11.2f"}
    for (title, form), row in zip(forms.items(), found, strict=True):
        print(f"{title:20s}" + "".join(format(x, form) for x in row))
    print("\nevaluations over the fewest of the three at an error: " + ", ".join(pair for pair, _ in PAIRS))
    which_pair(given.controller[0])
    if given.plot:
        draw(given.plot, given.controller)


if __name__ == "__main__":
    main()
