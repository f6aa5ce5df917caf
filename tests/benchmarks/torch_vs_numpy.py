"""What implicit methods take on torch tensors, against the same solves on NumPy arrays: small stiff systems. By hand:

    python -m tests.benchmarks.torch_vs_numpy

Both take the same steps with the same evaluations, so that the ratio of their times is at equal error. The bound is
what f alone would take: nfev times the time of one call. "own" is the ratio of what is left, the methods' own
arithmetic. CPU time, least of the rounds, one thread.
"""

import time
from functools import partial

import numpy as np
import torch

import nodekit
from nodekit import problems

ROUNDS, TOL = 5, 1e-6


def least(function):
    function()
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        result = function()
        times.append(time.process_time() - began)
    return min(times), result


def one_call(p, y, t):
    return least(lambda: [p.f(t, y) for _ in range(1000)])[0] / 1000


def main():
    torch.set_num_threads(1)
    print(f"{'':34s}NumPy ms  torch ms   ratio     own   f alone on torch ms    nfev (NumPy, torch)")
    for name in ("van der Pol 1000", "Robertson 40", "HIRES"):
        p = problems.get(name)
        start, atol = np.array(p.y0, float), p.atol(TOL)
        tensor_atol = torch.as_tensor(atol) if np.ndim(atol) else atol
        states = {"numpy": (start, atol), "torch": (torch.as_tensor(start), tensor_atol)}
        calls = {
            "numpy": one_call(p, start, p.t_span[0]),
            "torch": one_call(p, states["torch"][0], torch.tensor(p.t_span[0], dtype=torch.float64)),
        }
        for method in ("kvaerno5", "radau", "bdf", "rodas5p", "trbdf2"):
            took, nfev = {}, {}
            for library, (y0, tolerance) in states.items():
                arguments = p.f, y0, p.t_span, method, TOL, tolerance
                with torch.no_grad():
                    took[library], sol = least(partial(nodekit.solve, *arguments, max_steps=10**6))
                nfev[library] = sol.stats.nfev
            own = [took[library] - nfev[library] * calls[library] for library in states]
            print(
                f"{name:20s}{method:10s}{1e3 * took['numpy']:12.1f}{1e3 * took['torch']:10.1f}"
                f"{took['torch'] / took['numpy']:8.2f}{own[1] / own[0]:8.2f}"
                f"{1e3 * nfev['torch'] * calls['torch']:20.1f}    {nfev['numpy']}, {nfev['torch']}",
                flush=True,
            )


if __name__ == "__main__":
    main()
