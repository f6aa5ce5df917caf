"""What batch="blocks" saves on a stiff batch, against the joint solve, which takes the same steps. By hand:

    python -m tests.benchmarks.batched_jacobians [--samples 1 8 64]

n van der Pol oscillators (mu = 100, starts drawn with seed 0) over (0, 2) at rtol = 1e-6, forward, and forward and
back by the default gradient. Ratios of least CPU times of turns within one process, one thread.
"""

import argparse
import time

import torch

import nodekit

ROUNDS = 3


def f(t, y):
    return torch.stack([y[:, 1], 100 * (1 - y[:, 0] ** 2) * y[:, 1] - y[:, 0]], 1)


def run(y0, method, batch, back):
    start = y0.clone().requires_grad_(back)
    began = time.process_time()
    sol = nodekit.solve(f, start, (0.0, 2.0), method, rtol=1e-6, atol=1e-8, batch=batch)
    if back:
        sol.y[-1].square().sum().backward()
    return time.process_time() - began, sol


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, nargs="*", default=[1, 8, 64])
    torch.set_num_threads(1)
    print("                       joint/blocks forward   forward and back   steps   largest difference")
    for n in parser.parse_args().samples:
        generator = torch.Generator().manual_seed(0)
        y0 = torch.stack([2 - torch.rand(n, generator=generator, dtype=torch.float64), torch.zeros(n)], 1)
        for method in ("kvaerno5", "radau", "rodas5p", "bdf"):
            least = {}
            for back in (False, True):
                for _ in range(ROUNDS):
                    for batch in ("joint", "blocks"):
                        took, sol = run(y0, method, batch, back)
                        best, _ = least.get((batch, back), (took, None))
                        least[batch, back] = min(best, took), sol
            ratios = [least["joint", back][0] / least["blocks", back][0] for back in (False, True)]
            ends = [least[batch, False][1] for batch in ("joint", "blocks")]
            difference = (ends[0].y[-1] - ends[1].y[-1]).abs().max().item()
            print(
                f"{n:5d} samples {method:10s}{ratios[0]:15.2f}{ratios[1]:20.2f}{ends[1].stats.n_accepted:12d}"
                f"{difference:15.1e}",
                flush=True,
            )


if __name__ == "__main__":
    main()
