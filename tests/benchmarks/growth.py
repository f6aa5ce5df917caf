"""How time grows with steps, outputs, batch, width and state: a table of slopes, and a figure.

    python -m tests.benchmarks.growth [figure.png]

For each, the least CPU time of some runs against the size, and the slope of a line through the last three points in
logarithms: 1 is linear, 0 does not grow. Memory against steps is in memory_against_steps.py. Then, each in a process
of its own, what `import nodekit` takes beyond NumPy's and autograd's, and a first compile=True.
"""

import subprocess
import sys
import time

import matplotlib
import numpy as np
import torch

import nodekit
from nodekit.classroom import plotting
from tests.benchmarks.torch_vs_peers import Net, van_der_pol

ROUNDS = 5


def oscillator(t, y):
    return np.array([y[1], -y[0]])


def numpy_steps(n):
    nodekit.solve(oscillator, np.array([1.0, 0.0]), (0.0, 1.0), "rk4", step=1 / n)


def numpy_outputs(n):
    nodekit.solve(oscillator, np.array([1.0, 0.0]), np.linspace(0, 20, n))


def numpy_state(n):
    nodekit.solve(lambda t, y: -y, np.ones(n), (0.0, 1.0), "rk4", step=0.02)


def torch_steps(n):
    net, y0 = Net(32), torch.ones(16, 2)
    nodekit.solve(net, y0, [0.0, 0.5, 1.0], "rk4", step=1 / n).y.sum().backward()


def torch_outputs(n):
    net, y0 = Net(32), torch.ones(16, 2)
    nodekit.solve(net, y0, np.linspace(0, 4, n)).y.sum().backward()


def torch_batch(n):
    with torch.no_grad():
        nodekit.solve(van_der_pol, torch.ones(n, 2), (0.0, 5.0))


def torch_width(n):
    net, y0 = Net(n), torch.ones(64, 2)
    nodekit.solve(net, y0, (0.0, 1.0), "rk4", step=0.1).y.sum().backward()


SIZES = {
    "NumPy, steps": (numpy_steps, [500, 1000, 2000, 4000, 8000]),
    "NumPy, outputs": (numpy_outputs, [100, 1000, 10_000, 100_000, 200_000]),
    "NumPy, numbers of the state": (numpy_state, [10_000, 100_000, 400_000, 800_000]),
    "torch with gradient, steps": (torch_steps, [50, 100, 200, 400, 800]),
    "torch with gradient, outputs": (torch_outputs, [100, 1000, 10_000, 40_000]),
    "torch, batch": (torch_batch, [1000, 10_000, 100_000, 200_000]),
    "torch with gradient, width (parameters: its square)": (torch_width, [128, 256, 512, 1024]),
}


def least(run, n):
    run(n)
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        run(n)
        times.append(time.process_time() - start)
    return min(times)


def seconds(code):
    """The wall time of some code in a process of its own, as it prints it."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


IMPORT = "import autograd.numpy, time; a = time.perf_counter(); import nodekit; print(time.perf_counter() - a)"
COMPILE = """import time, torch, nodekit
f = lambda t, y: torch.tanh(y * torch.cos(t)) - 0.1234 * y
a = time.perf_counter()
nodekit.solve(f, torch.ones(7, 3), (0.0, 1.0), compile=True)
print(time.perf_counter() - a)"""


def main():
    matplotlib.use("agg")
    torch.set_num_threads(1)
    plotting.use_style()
    fig, ax = plotting.figure()
    for (name, (run, sizes)), color in zip(SIZES.items(), plotting.COLORS * 2, strict=False):
        times = np.array([least(run, n) for n in sizes])
        slope = np.polyfit(np.log(sizes[-3:]), np.log(times[-3:]), 1)[0]
        print(f"{name:52s} n^{slope:.2f}   " + " ".join(f"{t / times[0]:.1f}" for t in times), flush=True)
        ax.loglog(sizes, times / times[0], "o-", color=color, label=name)
    ax.set(xlabel="size", ylabel="time / time of the smallest")
    ax.legend(loc="upper left", fontsize=7)
    print(f"import nodekit, beyond autograd: {seconds(IMPORT):.3f} s; first compile=True: {seconds(COMPILE):.1f} s")
    if len(sys.argv) > 1:
        fig.savefig(sys.argv[1], dpi=100)


if __name__ == "__main__":
    main()
