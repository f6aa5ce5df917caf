"""What the ways of going backward keep in memory, against the number of steps: a table and a figure.

    python -m tests.benchmarks.memory_against_steps [figure.png]

tests/test_torch_gradients.py asserts the same growth.
"""

import sys

import matplotlib

from nodekit.classroom import plotting
from nodekit.gradients import Adjoint, Backprop, Checkpoint, Discrete, Interpolated
from tests.test_torch_gradients import saved_bytes

STEPS = [32, 64, 128, 256, 512, 1024, 2048]
WAYS = {
    "backprop": Backprop(),
    "discrete, 2 MB of graphs": Discrete(memory=2_000_000),
    "checkpoint": Checkpoint(),
    "interpolated": Interpolated(),
    'checkpoint, every="sqrt"': Checkpoint(every="sqrt"),
    "adjoint": Adjoint(),
}

if __name__ == "__main__":
    matplotlib.use("agg")
    plotting.use_style()
    fig, ax = plotting.figure()
    styles = iter(("-", "--", "-", "--", "-.", ":"))
    print("bytes kept by rk4, y of shape (100, 3) in float64, steps:", *STEPS)
    for (name, way), color in zip(WAYS.items(), plotting.COLORS, strict=False):
        kept = [saved_bytes(way, n) for n in STEPS]
        print(f"{name:26s}", *kept)
        ax.loglog(STEPS, kept, next(styles), color=color, marker="o", label=name)
    ax.set(xlabel="steps", ylabel="bytes kept for the way back")
    ax.set_ylim(3e3, 3e9)  # room for the legend
    ax.legend(loc="upper left")
    if len(sys.argv) > 1:
        fig.savefig(sys.argv[1], dpi=100)
