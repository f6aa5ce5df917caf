"""A network for the missing part of two populations' equation, over five seeds: a long run of lesson 26.

    python lessons/runs/26_missing.py [--compare]

recording: "short", 31 times until t = 3, or "long", 51 until 5. The network is trained through the solver on windows of
five intervals, 300 steps of Adam and 200 of L-BFGS.
on_path: the relative error of the learned part along the true path of the recording; in_box: on a grid over the box
from 0 to the largest values seen. u_v_1, u_v_2: the coefficients of u·v in the formulas that sparse regression (share
0.2) reads from the network, and right: 1 if u·v is the only term of both. ahead_network, ahead_formula: the largest
error of the prey, forecast from the end of the recording until two time units later, divided by their largest value
(at most 10). whole: the standard error of a solve over the whole recording from the true start, in units of the noise.
calls: how often the loss was evaluated in training.
"""

import numpy as np
import torch
from scipy.optimize import least_squares

import nodekit
from nodekit.analysis.sparse import integral_rows, polynomial, sparse_regression
from nodekit.classroom.runs import make
from nodekit.models.hybrid import HybridField

RECORDINGS = {"short": (3.0, 31, (0.44249296, 4.6280594)), "long": (5.0, 51, (0.44249296, 4.6280594))}
RECORDINGS["calm"] = (5.0, 51, (2.4, 1.5))  # hardly moves: near the point at which nothing changes
RATES = np.array([1.3, -1.8])  # the prey's growth and the predators' death, which are known
MEETING = np.array([-0.9, 0.8])  # the coefficients of u·v, which are not
LIBRARY = polynomial(["u", "v"], 2)
SETTINGS = [{"recording": name, "seed": seed} for name in ("short", "long") for seed in range(5)]


def known(t, x):
    """The part that is known: prey grow, predators die. x: (..., 2), arrays or tensors."""
    return x * (torch.tensor(RATES).to(x) if isinstance(x, torch.Tensor) else RATES)


def truth(t, x):
    """The whole equation. x: (..., 2), arrays or tensors."""
    return known(t, x) + x[..., :1] * x[..., 1:] * (
        torch.tensor(MEETING).to(x) if isinstance(x, torch.Tensor) else MEETING
    )


def record(recording, seed, noise=0.005):
    """t (m,), the true states and the recorded ones (m, 2), and the noise's standard deviation (2,)."""
    end, m, start = RECORDINGS[recording]
    t = np.linspace(0.0, end, m)
    clean = nodekit.solve(truth, np.array(start), t, rtol=1e-9, atol=1e-10).y
    sigma = noise * clean.mean(0)
    return t, clean, clean + sigma * np.random.default_rng(seed).normal(size=clean.shape), sigma


def perceptron(seed, inputs=2, width=16):
    torch.manual_seed(seed)
    sizes = [(inputs, width), (width, width), (width, 2)]
    layers = [layer for a, b in sizes for layer in (torch.nn.Linear(a, b), torch.nn.Tanh())]
    return torch.nn.Sequential(*layers[:-1]).double()


def minimise(parameters, loss, adam, lbfgs):
    """Adam with a learning rate that falls from 0.01 to 0, then L-BFGS. Returns how often the loss was evaluated."""
    parameters, calls = list(parameters), 0
    optimizer = torch.optim.Adam(parameters, lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, adam)
    for _ in range(adam):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
        schedule.step()
    second = torch.optim.LBFGS(parameters, max_iter=lbfgs, history_size=30, line_search_fn="strong_wolfe")

    def closure():
        nonlocal calls
        calls += 1
        second.zero_grad()
        value = loss()
        value.backward()
        return value

    second.step(closure)
    return adam + calls


def windows(field, t, x, sigma, k=5):
    """The mean squared error, in units of the noise, of solves over k intervals from each recorded state."""
    h, x = t[1] - t[0], torch.as_tensor(x)
    starts, ends = x[:-k], torch.stack([x[i : len(x) - k + i] for i in range(1, k + 1)])
    path = nodekit.solve(field, starts, torch.tensor(t[: k + 1]), method="rk4", step=float(h)).y[1:]
    return ((path - ends) / torch.as_tensor(sigma)).square().mean()


def train(recording, seed):
    """The hybrid field, and how often its loss was evaluated."""
    t, _, x, sigma = record(recording, seed)
    field = HybridField(known, perceptron(seed), scale=x.max(0))
    return field, minimise(field.parameters(), lambda: windows(field, t, x, sigma), adam=300, lbfgs=200)


def refined(library, coefficients, t, x, sigma):
    """A formula's coefficients (p, 2), those that are not 0 fitted anew through the solver, with the first state (2,).

    Returns (coefficients, start, misfit), the last the standard deviation of what is left, in units of the noise.
    """
    keep = coefficients != 0

    def path(numbers):
        weights = np.zeros_like(coefficients)
        weights[keep] = numbers[:-2]
        field = library.field(weights, known)
        return weights, nodekit.solve(field, numbers[-2:], t, method="rk4", step=t[1] - t[0], throw=False).y

    def residual(numbers):
        found, off = path(numbers)[1], np.full(x.shape, 1e3)
        off[: len(found)] = np.clip((found - x[: len(found)]) / sigma, -1e3, 1e3)
        return off.ravel()

    first = np.append(coefficients[keep], x[0])
    best = least_squares(residual, first, x_scale=np.maximum(np.abs(first), 0.01))
    return path(best.x)[0], best.x[-2:], np.sqrt(2 * best.cost / (x.size - len(first)))


def rivals(seed=0):
    """[(name, library, coefficients, start, misfit)] of two formulas for the short recording: with u·v, and without."""
    t, _, x, sigma = record("short", seed)
    found = []
    for name, library in (("A", LIBRARY), ("B", LIBRARY.without("u·v"))):
        fit = sparse_regression(*integral_rows(library, t, x, known), 0.1, library.names)
        found.append((name, library, *refined(library, fit.coefficients, t, x, sigma)))
    return found


def relative(found, true):
    return np.sqrt(((found - true) ** 2).sum() / (true**2).sum())


def learned(field, x):
    with torch.no_grad():
        return field.learned(torch.tensor(x)).numpy()


def ahead(field, recording, beyond=2.0):
    """The largest error of the prey from the recording's end until `beyond` later, divided by their largest value."""
    end, _, start = RECORDINGS[recording]
    t = end + np.linspace(0, beyond, 41)
    begin = nodekit.solve(truth, np.array(start), (0.0, end), rtol=1e-9, atol=1e-10).y[-1]
    true = nodekit.solve(truth, begin, t, rtol=1e-9, atol=1e-10).y[:, 0]
    begin = torch.tensor(begin) if isinstance(field, torch.nn.Module) else begin
    with torch.no_grad():
        sol = nodekit.solve(field, begin, t, rtol=1e-6, atol=1e-8, throw=False)
    off = np.abs(np.asarray(sol.y)[:, 0] - true[: len(sol.y)]).max() / true.max()
    return min(float(off), 10.0) if sol.success else 10.0


def whole(field, recording, seed):
    """The root mean square error of a solve over the recording, from the true start, in noises (at most 1000)."""
    t, clean, _, sigma = record(recording, seed)
    with torch.no_grad():
        sol = nodekit.solve(field, torch.tensor(clean[0]), t, rtol=1e-6, atol=1e-8, throw=False)
    off = np.clip((sol.y.numpy() - clean[: len(sol.y)]) / sigma, -1000, 1000)
    return float(np.sqrt((off**2).mean())) if sol.success else 1000.0


def measure(recording, seed):
    return measured(*train(recording, seed), recording, seed)


def measured(field, calls, recording, seed):
    """The numbers of one row, of a field that is trained."""
    _, clean, x, _ = record(recording, seed)
    true = clean[:, :1] * clean[:, 1:] * MEETING
    grid = np.stack(np.meshgrid(*(np.linspace(0, top, 21) for top in x.max(0))), -1).reshape(-1, 2)
    fit = sparse_regression(LIBRARY(x), learned(field, x), 0.2, LIBRARY.names)
    found = fit.coefficients[LIBRARY.names.index("u·v")]
    return {
        "on_path": relative(learned(field, clean), true),
        "in_box": relative(learned(field, grid), grid[:, :1] * grid[:, 1:] * MEETING),
        "u_v_1": found[0],
        "u_v_2": found[1],
        "right": int(fit.kept.sum() == 2 and np.all(found != 0)),
        "ahead_network": ahead(field, recording),
        "ahead_formula": ahead(LIBRARY.field(fit.coefficients, known), recording),
        "whole": whole(field, recording, seed),
        "calls": calls,
    }


if __name__ == "__main__":
    make(__file__, measure, SETTINGS)
