"""Stochastic solves against torchsde 0.2.6, where it is installed: equal steps on one path, and time. By hand:

    python -m tests.benchmarks.stochastic

dy = −y sin(t + 1) dt + (0.3 cos y + 0.1) dW over (0, 1), 200 steps. First both solve along our path, in float64: the
largest difference. Then each with its own Brownian motion, in float32, states of 2 and of 10,240 numbers, forward
without gradients, and forward and back through all steps: the ratio of the least CPU times of alternating runs.
"""

import time
import warnings

import torch

from nodekit import stochastic
from nodekit.stochastic import BrownianPath

ROUNDS, STEPS = 5, 200
METHODS = [  # ours, theirs, integral, their options: without derivatives, as ours
    ("euler_maruyama", "euler", "ito", {}),
    ("milstein", "milstein", "ito", {"grad_free": True}),
    ("milstein", "milstein", "stratonovich", {"grad_free": True}),
    ("heun", "heun", "stratonovich", {}),
]


class Equation(torch.nn.Module):
    noise_type = "diagonal"

    def __init__(self, calculus):
        super().__init__()
        self.sde_type, self.size = calculus, torch.nn.Parameter(torch.tensor(0.3))

    def f(self, t, y):
        return -y * torch.sin(t + 1)

    def g(self, t, y):
        return self.size * torch.cos(y) + 0.1


def along(torchsde, path):
    """Our path as torchsde asks for one."""

    class Given(torchsde.BaseBrownian):
        dtype, device, levy_area_approximation = torch.float64, torch.device("cpu"), "none"
        shape = property(lambda self: path.shape)

        def __call__(self, ta, tb=None, return_U=False, return_A=False):
            return torch.tensor(path.increment(float(ta), float(tb)))

        def __repr__(self):
            return repr(path)

    return Given()


def main():
    try:
        import torchsde
    except ImportError:
        print("torchsde is not installed: nothing to compare with.")
        return
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print("                                   difference   theirs/ours: 2 numbers, back   10,240 numbers, back")
    for name, other, calculus, options in METHODS:
        equation = Equation(calculus).double()
        y0, path = torch.linspace(-1, 1, 6).double().reshape(3, 2), BrownianPath(9, 0.0, 1.0, (3, 2), cells=STEPS)
        ends = [
            stochastic.solve(equation.f, equation.g, y0, (0.0, 1.0), calculus, path, name, step=1 / STEPS).y[-1],
            torchsde.sdeint(
                equation,
                y0,
                torch.tensor([0.0, 1.0]).double(),
                along(torchsde, path),
                other,
                1 / STEPS,
                options=options,
            )[-1],
        ]
        ratios = []
        for shape in ((1, 2), (1024, 10)):
            for back in (False, True):
                equation, y0 = Equation(calculus), torch.ones(shape)
                runs = {
                    "ours": lambda e=equation, y=y0, c=calculus, m=name: (
                        stochastic.solve(e.f, e.g, y, [0.0, 0.5, 1.0], c, 3, m, step=1 / STEPS).y
                    ),
                    "theirs": lambda e=equation, y=y0, m=other, o=options: torchsde.sdeint(
                        e, y, torch.tensor([0.0, 0.5, 1.0]), method=m, dt=1 / STEPS, options=o
                    ),
                }
                least = dict.fromkeys(runs, float("inf"))
                for _ in range(ROUNDS):
                    for who, run in runs.items():
                        began = time.process_time()
                        with torch.set_grad_enabled(back):
                            y = run()
                            if back:
                                y[-1].square().sum().backward()
                        least[who] = min(least[who], time.process_time() - began)
                ratios.append(least["theirs"] / least["ours"])
        print(
            f"{name:16s}{calculus:14s}{(ends[0] - ends[1]).abs().max().item():15.1e}"
            f"{ratios[0]:18.2f}{ratios[1]:14.2f}{ratios[2]:14.2f}{ratios[3]:12.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
