"""nodekit's torch engine against torchdiffeq, torchode and diffrax, in one run, as ratios of medians.

    python -m tests.benchmarks.torch_vs_peers [forward] [train] [batch]

The peers are optional: `pip install torchdiffeq torchode diffrax`. Every contender is warmed up, and then all of them
take turns. Times are printed as multiples, and above 1 nodekit is quicker.

At one tolerance the contenders do not deliver one accuracy. nodekit's dopri5 has the error weights of Dormand and
Prince (1980), torchdiffeq's those of Shampine (1986), which are 2/3 as large, and diffrax's controller aims closer to
the tolerance. So each comparison stands twice: at the same tolerance, and at the tolerance at which nodekit's final
error is no larger than torchdiffeq's.
"""

import itertools
import os
import statistics
import sys
import time

import torch

import nodekit

try:
    import torchdiffeq
except ImportError:
    torchdiffeq = None
try:
    import torchode
except ImportError:
    torchode = None
try:
    import diffrax
    import jax
    import jax.numpy as jnp
except ImportError:
    diffrax = None


def at_once():
    """What waits for the device where there is none."""


def medians(contenders, rounds=15, warm=3, wait=at_once):
    """{name: median seconds} of functions that take turns. wait: waits until the device is idle."""
    for run in contenders.values():
        for _ in range(warm):
            run()
    times = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            wait()
            start = time.perf_counter()
            run()
            wait()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(t) for name, t in times.items()}


def looser(error_at, peer_error, tol):
    """The largest of some tolerances at which nodekit's error is still at most the peer's; tol if none is."""
    candidates = [tol * 10 ** (i / 10) for i in range(11)]
    return max([c for c in candidates if error_at(c) <= peer_error], default=tol)


def table(title, rows):
    print(f"\n{title}")
    width = max(len(row[0]) for row in rows)
    for row in rows:
        print("  " + row[0].ljust(width) + "".join(f"  {cell:>22s}" for cell in row[1:]))


def van_der_pol(t, y):
    """mu = 1; y (..., 2)."""
    u, v = y[..., 0], y[..., 1]
    return torch.stack([v, (1 - u * u) * v - u], -1)


def jax_van_der_pol(t, y, _):
    u, v = y[..., 0], y[..., 1]
    return jnp.stack([v, (1 - u * u) * v - u], -1)


def with_diffrax(field, y0, end, tol, args=None):
    return diffrax.diffeqsolve(
        diffrax.ODETerm(field), diffrax.Dopri5(), 0.0, end, None, y0, args=args, max_steps=1024,
        stepsize_controller=diffrax.PIDController(rtol=tol, atol=tol), saveat=diffrax.SaveAt(t1=True),
    )  # fmt: skip


def with_torchode(field, y0, end, tol):
    term = torchode.ODETerm(field)
    method, controller = torchode.Dopri5(term=term), torchode.IntegralController(atol=tol, rtol=tol, term=term)
    problem = torchode.InitialValueProblem(y0=y0, t_start=torch.zeros(len(y0)), t_end=torch.full((len(y0),), end))
    return torchode.AutoDiffAdjoint(method, controller).solve(problem)


def against(m, ours, peers):
    """Cells with (time of the peer / time of ours)."""
    return [f"{m[peer] / m[ours]:.2f}" if peer in m else "-" for peer in peers]


@torch.no_grad()
def forward(tol=1e-5, end=10.0):
    """dopri5 on van der Pol, rtol = atol = 1e-5, float32, t from 0 to 10."""
    rows = [("batch", "tolerance", "attempts", "error", "f alone x", "torchdiffeq", "torchode", "diffrax jit")]
    for n in (1, 256, 4096):
        rows += forward_rows(n, tol, end)
    table(f"forward, van der Pol, peers at {tol:.0e} (time of the peer / time of nodekit)", rows)


def forward_rows(n, tol, end):
    y0 = torch.randn(n, 2, generator=torch.Generator().manual_seed(0)) * 0.5 + torch.tensor([2.0, 0.0])
    t, rows = torch.tensor([0.0, end]), []
    exact = nodekit.solve(van_der_pol, y0.double(), t, method="dop853", rtol=1e-12, atol=1e-12).y[-1]

    def ours(tol, y=y0, **how):
        return nodekit.solve(van_der_pol, y, (0.0, end), rtol=tol, atol=tol, **how)

    def odeint(y=y0, t=t):
        return torchdiffeq.odeint(van_der_pol, y, t, rtol=tol, atol=tol, method="dopri5")

    def error(y):
        return (y - exact).pow(2).mean().sqrt().item()

    def error_at(tol):
        return error(ours(tol, y0.double()).y[-1])

    equal = looser(error_at, error(odeint(y0.double(), t.double())[-1]), tol) if torchdiffeq else tol
    peers = {}
    if torchdiffeq:
        peers["torchdiffeq"] = odeint
    if torchode:
        peers["torchode"] = lambda: with_torchode(van_der_pol, y0, end, tol)
    if diffrax:
        jitted, start = jax.jit(lambda y: with_diffrax(jax_van_der_pol, y, end, tol).ys), jnp.asarray(y0.numpy())
        peers["diffrax"] = lambda: jax.block_until_ready(jitted(start))
    for at in dict.fromkeys((tol, equal)):
        sol = ours(at)
        contenders = {"eager": lambda at=at: ours(at), "compiled": lambda at=at: ours(at, compile=True)}
        contenders["f"] = lambda k=sol.stats.nfev: [van_der_pol(None, y0) for _ in range(k)]
        m = medians(contenders | peers)
        for kind in ("eager", "compiled"):
            cells = f"{at:.1e}", str(len(sol.steps.t)), f"{error_at(at):.1e}", f"{m[kind] / m['f']:.2f}"
            rows.append((f"{n} {kind}", *cells, *against(m, kind, ("torchdiffeq", "torchode", "diffrax"))))
    return rows


class Net(torch.nn.Module):
    """2 -> width -> width -> 2, tanh."""

    def __init__(self, width):
        super().__init__()
        g = torch.Generator().manual_seed(0)
        sizes = [2, width, width, 2]
        self.layers = torch.nn.ModuleList(torch.nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
        for layer in self.layers:
            layer.weight.data = torch.randn(layer.weight.shape, generator=g) * 1.5 / layer.weight.shape[1] ** 0.5
            layer.bias.data.zero_()

    def forward(self, t, y):
        for layer in self.layers[:-1]:
            y = torch.tanh(layer(y))
        return self.layers[-1](y)


def jax_net(t, y, weights):
    *hidden, last = weights
    for w in hidden:
        y = jnp.tanh(y @ w.T)
    return y @ last.T


def train(tol=1e-6, end=4.0):
    """One training step: loss = mean of y(4)², rtol = atol = 1e-6, float32.

    "floor x": how many times as long as the matrix products alone, those of every evaluation of the forward solve and
    twice as many for each on the way back.
    """
    rows = [("width, batch", "tolerance", "attempts", "floor x", "odeint_adjoint", "odeint (direct)", "diffrax jit")]
    for width, n in ((64, 128), (64, 1024), (512, 128)):
        rows += train_rows(width, n, tol, end)
    table(f"a training step, peers at {tol:.0e} (time of the peer / time of nodekit)", rows)


def train_rows(width, n, tol, end):
    net, double, rows = Net(width), Net(width).double(), []
    y0, t = torch.randn(n, 2, generator=torch.Generator().manual_seed(1)), torch.tensor([0.0, end])

    def ours(tol, f=net, y=y0, **how):
        return nodekit.solve(f, y, (0.0, end), rtol=tol, atol=tol, **how).y

    def peer(odeint, f=net, y=y0, t=t):
        return odeint(f, y, t, rtol=tol, atol=tol, method="dopri5")

    def step(solve, *args, **kwargs):
        net.zero_grad()
        (solve(*args, **kwargs)[-1] ** 2).mean().backward()

    equal = tol
    with torch.no_grad():
        exact = nodekit.solve(double, y0.double(), t, method="dop853", rtol=1e-11, atol=1e-11).y[-1]
        error = lambda y: (y[-1] - exact).pow(2).mean().sqrt().item()  # noqa: E731
        if torchdiffeq:
            theirs = error(peer(torchdiffeq.odeint, double, y0.double(), t.double()))
            equal = looser(lambda c: error(ours(c, double, y0.double())), theirs, tol)
    peers = {}
    if torchdiffeq:
        peers["odeint_adjoint"] = lambda: step(peer, torchdiffeq.odeint_adjoint)
        peers["odeint"] = lambda: step(peer, torchdiffeq.odeint)
    if diffrax:
        jitted = jax.jit(jax.grad(lambda w, y: (with_diffrax(jax_net, y, end, tol, w).ys[-1] ** 2).mean()))
        weights = [jnp.asarray(layer.weight.detach().numpy()) for layer in net.layers]
        peers["diffrax"] = lambda: jax.block_until_ready(jitted(weights, jnp.asarray(y0.numpy())))
    for at in dict.fromkeys((tol, equal)):
        ways = {way: {"gradient": way} for way in ("discrete", "checkpoint", "backprop", "adjoint")}
        ways["compiled"] = {"compile": True}
        contenders = {way: lambda how=how, at=at: step(ours, at, **how) for way, how in ways.items()}
        with torch.no_grad():
            sol = nodekit.solve(net, y0, (0.0, end), rtol=at, atol=at)
        attempts, back = len(sol.steps.t), 6 * sol.stats.n_accepted
        contenders["floor"] = lambda n_f=sol.stats.nfev, back=back: products(net, y0, n_f, back)
        m = medians(contenders | peers, rounds=9)
        for way in ways:
            cells = against(m, way, ("odeint_adjoint", "odeint", "diffrax"))
            floor = f"{m[way] / m['floor']:.2f}"
            rows.append((f"{width}, {n} {way}", f"{at:.1e}", str(attempts), floor, *cells))
    return rows


@torch.no_grad()
def products(net, y, forward, back):
    """The matrix products of so many evaluations, and of so many vector–Jacobian products."""
    inputs = [y]
    for layer in net.layers:
        inputs.append(layer(inputs[-1]))
    for _ in range(forward):
        for layer, x in zip(net.layers, inputs, strict=False):
            torch.addmm(layer.bias, x, layer.weight.T)
    for _ in range(back):
        for layer, x, d in zip(net.layers, inputs, inputs[1:], strict=False):
            torch.mm(d, layer.weight)
            torch.mm(d.T, x)


@torch.no_grad()
def batch(tol=1e-6, end=20.0):
    """64 van der Pol trajectories, mu = 1 ... 50, a part of the state: one step size for all, or each its own."""

    def f(t, y):
        u, v, mu = y[..., 0], y[..., 1], y[..., 2]
        return torch.stack([v, mu * (1 - u * u) * v - u, torch.zeros_like(mu)], -1)

    mu = torch.linspace(1, 50, 64, dtype=torch.float64)
    y0 = torch.stack([2 + 0 * mu, 0 * mu, mu], -1)
    run = lambda batch: nodekit.solve(f, y0, (0.0, end), rtol=tol, atol=tol, batch=batch)  # noqa: E731
    contenders = {"independent": lambda: run("independent"), "joint": lambda: run("joint")}
    if torchdiffeq:
        t = torch.tensor([0.0, end], dtype=torch.float64)
        contenders["torchdiffeq (joint)"] = lambda: torchdiffeq.odeint(f, y0, t, rtol=tol, atol=tol, method="dopri5")
    if torchode:
        contenders["torchode (independent)"] = lambda: with_torchode(f, y0, end, tol)
    m = medians(contenders, rounds=5)
    attempts = {
        "independent": int(run("independent").stats.per_sample.nfev.max()) // 6,
        "joint": len(run("joint").steps.t),
    }
    rows = [("", "attempts", "time / independent")]
    rows += [(name, str(attempts.get(name, "-")), f"{t / m['independent']:.2f}") for name, t in m.items()]
    table("64 van der Pol, mu = 1 ... 50", rows)


if __name__ == "__main__":
    print(f"cores {os.cpu_count()}, torch threads {torch.get_num_threads()}, load {os.getloadavg()[0]:.1f}")
    for name in sys.argv[1:] or ("forward", "train", "batch"):
        {"forward": forward, "train": train, "batch": batch}[name]()
    print(f"load at the end {os.getloadavg()[0]:.1f}")
