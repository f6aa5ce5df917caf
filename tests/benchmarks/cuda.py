"""nodekit on a GPU, in one run, as ratios of medians: python -m tests.benchmarks.cuda

Forward solves (van der Pol, dopri5, float32) and training steps (a network of width 512): eager against compiled,
against the CPU of the same machine, and against torchdiffeq where it is installed. Times are taken between
synchronisations. "waits" counts how often an attempt waits for the device: once, to read its error ratio; the compiled
loop waits when its record is full. Where there is no GPU it says so and measures nothing.
"""

import torch

import nodekit
from tests.benchmarks.torch_vs_peers import Net, medians, table, van_der_pol

try:
    import torchdiffeq
except ImportError:
    torchdiffeq = None

ROUNDS = 9


def waits(run):
    """How often a run waits for the device: calls that bring a number to the host."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        run()
    return sum(row.count for row in profile.key_averages() if row.key == "aten::_local_scalar_dense")


@torch.no_grad()
def forward(tol=1e-5, end=10.0):
    rows = [("batch", "compiled", "CPU eager", "torchdiffeq", "waits an attempt")]
    for n in (1, 256, 4096, 65536):
        y0 = torch.randn(n, 2, generator=torch.Generator().manual_seed(0)) * 0.5 + torch.tensor([2.0, 0.0])
        y0_gpu, t = y0.cuda(), torch.tensor([0.0, end], device="cuda")

        def ours(y0=y0_gpu, **how):
            return nodekit.solve(van_der_pol, y0, (0.0, end), rtol=tol, atol=tol, **how)

        contenders = {"eager": ours, "compiled": lambda: ours(compile=True), "cpu": lambda y0=y0: ours(y0)}
        if torchdiffeq:
            contenders["peer"] = lambda y0=y0_gpu, t=t: torchdiffeq.odeint(
                van_der_pol, y0, t, rtol=tol, atol=tol, method="dopri5"
            )
        m = medians(contenders, ROUNDS, wait=torch.cuda.synchronize)
        ratios = [f"{m[name] / m['eager']:.2f}" if name in m else "-" for name in ("compiled", "cpu", "peer")]
        rows.append((str(n), *ratios, f"{waits(ours) / len(ours().steps.t):.2f}"))
    table("forward: time / time of nodekit, eager, on the GPU", rows)


def train(tol=1e-6, end=4.0, width=512):
    rows = [("batch", "checkpoint", "backprop", "adjoint", "compiled", "odeint", "odeint_adjoint")]
    net = Net(width).cuda()
    for n in (128, 4096):
        y0 = torch.randn(n, 2, generator=torch.Generator().manual_seed(1)).cuda()
        t = torch.tensor([0.0, end], device="cuda")

        def step(solve):
            net.zero_grad()
            (solve()[-1] ** 2).mean().backward()

        def ours(y0=y0, **how):
            step(lambda: nodekit.solve(net, y0, (0.0, end), rtol=tol, atol=tol, **how).y)

        contenders = {"discrete": ours, "compiled": lambda ours=ours: ours(compile=True)}
        for way in ("checkpoint", "backprop", "adjoint"):
            contenders[way] = lambda ours=ours, way=way: ours(gradient=way)
        for name in ("odeint", "odeint_adjoint") if torchdiffeq else ():
            contenders[name] = lambda name=name, y0=y0, t=t: step(
                lambda: getattr(torchdiffeq, name)(net, y0, t, rtol=tol, atol=tol, method="dopri5")
            )
        m = medians(contenders, ROUNDS, wait=torch.cuda.synchronize)
        rows.append((str(n), *(f"{m[name] / m['discrete']:.2f}" if name in m else "-" for name in rows[0][1:])))
    table("a training step: time / time of nodekit's default, on the GPU", rows)


if __name__ == "__main__":
    if torch.cuda.is_available():
        print(torch.cuda.get_device_name(), "torch", torch.__version__)
        forward()
        train()
    else:
        print("There is no GPU that torch can use here: nothing is measured.")
