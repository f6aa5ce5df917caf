"""What output times cost: nodekit against SciPy and torchdiffeq at one tolerance, as ratios of least CPU times.

    python -m tests.benchmarks.many_outputs [--times 10 100 1000 10000]

Lotka–Volterra over (0, 15), rtol = 1e-6, atol = 1e-9, dopri5 and its twins (SciPy's RK45, torchdiffeq's dopri5). The
contenders are warmed up and take turns within one process. torchdiffeq is optional: `pip install torchdiffeq`.
"""

import argparse
import os
import time

import numpy as np
import torch
from scipy.integrate import solve_ivp

import nodekit

try:
    import torchdiffeq
except ImportError:
    torchdiffeq = None

END, ROUNDS = 15.0, 5


def f(t, y):
    u, v = y
    return np.array([1.5 * u - u * v, u * v - 3 * v])


class Field(torch.nn.Module):
    """Lotka–Volterra with its four numbers as parameters."""

    def __init__(self):
        super().__init__()
        self.p = torch.nn.Parameter(torch.tensor([1.5, 1.0, 1.0, 3.0], dtype=torch.float64))

    def forward(self, t, y):
        p, u, v = self.p, y[0], y[1]
        return torch.stack([p[0] * u - p[1] * u * v, p[2] * u * v - p[3] * v])


def least(contenders):
    """{name: least CPU seconds} of functions that take turns."""
    for run in contenders.values():
        run()
    times = dict.fromkeys(contenders, np.inf)
    for _ in range(ROUNDS):
        for name, run in contenders.items():
            start = time.process_time()
            run()
            times[name] = min(times[name], time.process_time() - start)
    return times


def of_numpy(grid):
    """{row: SciPy / nodekit}."""
    y0, tol = np.array([1.0, 1.0]), {"rtol": 1e-6, "atol": 1e-9}
    ours, theirs = nodekit.solve(f, y0, (0.0, END)), solve_ivp(f, (0.0, END), y0, dense_output=True, **tol)
    m = least(
        {
            "solve": lambda: nodekit.solve(f, y0, grid),
            "SciPy": lambda: solve_ivp(f, (0.0, END), y0, t_eval=grid, **tol),
            "dense": lambda: nodekit.solve(f, y0, (0.0, END))(grid),
            "SciPy dense": lambda: solve_ivp(f, (0.0, END), y0, dense_output=True, **tol).sol(grid),
            "sol(t)": lambda: ours(grid),
            "SciPy sol(t)": lambda: theirs.sol(grid),
        }
    )
    pairs = {"solve": "SciPy", "dense": "SciPy dense", "sol(t)": "SciPy sol(t)"}
    return {f"NumPy {ours}, SciPy's time / ours": m[theirs] / m[ours] for ours, theirs in pairs.items()}


def of_torch(grid):
    """{row: torchdiffeq / nodekit}, and compiled / eager."""
    field, y0 = Field(), torch.tensor([1.0, 1.0], dtype=torch.float64)
    t = torch.as_tensor(grid)

    def forward(**how):
        with torch.no_grad():
            return nodekit.solve(field, y0, t, **how)

    def train(solve):
        field.zero_grad()
        (solve() ** 2).mean().backward()

    def peer(odeint):
        return odeint(field, y0, t, rtol=1e-6, atol=1e-9, method="dopri5")

    contenders = {"forward": forward, "compiled": lambda: forward(compile=True)}
    for way in ("discrete", "checkpoint", "backprop", "adjoint"):
        contenders[way] = lambda way=way: train(lambda: nodekit.solve(field, y0, t, gradient=way).y)
    pairs = {"forward": "odeint", "discrete": "direct", "checkpoint": "direct", "backprop": "direct"}
    if torchdiffeq:
        contenders["odeint"] = torch.no_grad()(lambda: peer(torchdiffeq.odeint))
        contenders["direct"] = lambda: train(lambda: peer(torchdiffeq.odeint))
    m = least(contenders)
    rows = {"torch compiled / eager forward, time": m["compiled"] / m["forward"]}
    rows |= {f"torch {way} / forward, time": m[way] / m["forward"] for way in ("discrete", "adjoint")}
    if torchdiffeq:
        rows |= {f"torch {ours}, torchdiffeq's time / ours": m[theirs] / m[ours] for ours, theirs in pairs.items()}
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--times", type=int, nargs="+", default=[10, 100, 1000, 10000])
    numbers = parser.parse_args().times
    torch.set_num_threads(1)
    print(f"cores {os.cpu_count()}, one thread, load {os.getloadavg()[0]:.1f}")
    columns = [of_numpy(grid) | of_torch(grid) for grid in (np.linspace(0, END, n) for n in numbers)]
    print(f"{'output times':44s}" + "".join(f"{n:>9d}" for n in numbers))
    for row in columns[0]:
        print(f"{row:44s}" + "".join(f"{column[row]:9.2f}" for column in columns))


if __name__ == "__main__":
    main()
