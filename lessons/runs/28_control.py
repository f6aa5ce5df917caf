"""Models of a pendulum learned from random play, and what they are good for: a long run of lesson 28.

    python lessons/runs/28_control.py [--compare]

model: "ode", a learned acceleration under a held torque; "told", a network that predicts the next state and is told
the interval; or "told3", the same network trained for three times as many steps. (The lesson also trains "untold",
which is not told.) All learn from the same 20 episodes of 80 decisions, whose intervals are uniform in [0.05, 0.25] s.
shorter, inside, longer: the root mean square error of the next state, at intervals within [0.01, 0.03], [0.05, 0.25]
and [0.3, 0.45] s. up_inside, up_longer: how many of 10 swing-ups succeed with decisions at intervals within
[0.15, 0.25] and [0.3, 0.45] s: within 0.2 rad of the top from 9 s to 10 s. planned, blind: with the longer ones, how
many of the 10 are within 0.2 rad of the top at the end of the first plan, after 8 s, by the model's own reckoning and
when it is carried out without looking. end_planned, end_blind: their mean angle from the top there, in degrees.
"""

import copy

import numpy as np
import torch
from scipy import linalg

from nodekit.classroom.pendulum import Pendulum, play, wrapped
from nodekit.classroom.runs import make
from nodekit.models.control import RecedingHorizon, linearise, plan, rollout

PENDULUM = Pendulum()
INTERVALS = {"shorter": (0.01, 0.03), "inside": (0.05, 0.25), "longer": (0.3, 0.45)}
PACES = {"inside": (0.15, 0.25), "longer": (0.3, 0.45)}  # the intervals of swing-ups
END, AHEAD, GUESSES = 10.0, 8.0, 16  # of a swing-up: seconds, seconds of the first plan, its random guesses
SETTINGS = [{"model": model, "seed": seed} for model in ("ode", "told", "told3") for seed in range(5)]


def seen(x, u):
    """What a network sees: angle, speed and torque as numbers of size one. (..., 2), (..., 1) -> (..., 4)."""
    return torch.stack([torch.cos(x[..., 0]), torch.sin(x[..., 0]), x[..., 1] / 4, u[..., 0] / 2], -1)


def perceptron(inputs, outputs, width=32):
    sizes = [(inputs, width), (width, width), (width, outputs)]
    layers = [layer for a, b in sizes for layer in (torch.nn.Linear(a, b), torch.nn.Tanh())]
    return torch.nn.Sequential(*layers[:-1]).double()


class Acceleration(torch.nn.Module):
    """dx/dt = (speed, 10 · network): that the angle's rate is the speed is known."""

    def __init__(self):
        super().__init__()
        self.network = perceptron(4, 1)

    def forward(self, t, x, u):
        return torch.stack([x[..., 1], 10 * self.network(seen(x, u))[..., 0]], -1)


class NextState(torch.nn.Module):
    """The state after an interval: x + h · network(x, u, h), or x + 0.15 · network(x, u) where it isn't told h."""

    def __init__(self, told):
        super().__init__()
        self.told, self.network = told, perceptron(4 + told, 2)

    def forward(self, t, x, u, h):
        if not self.told:
            return x + 0.15 * self.network(seen(x, u))
        h = h[..., None].expand(*x.shape[:-1], 1)
        return x + h * self.network(torch.cat([seen(x, u), 10 * h - 1.5], -1))


def one_step(model, network, intervals="inside"):
    """The step (t, x, u, h) -> x of a model: a field is solved by RK4, in two steps where intervals are longer."""
    if model != "ode":
        return network
    steps = 2 if intervals == "longer" else 1

    def step(t, x, u, h):  # nodekit's Held, without what `solve` checks: half of the time
        h = h[..., None] / steps
        for _ in range(steps):
            k1 = network(t, x, u)
            k2 = network(t, x + h / 2 * k1, u)
            k3 = network(t, x + h / 2 * k2, u)
            x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + network(t, x + h * k3, u))
        return x

    return step


def learned(model, seed, episodes=20, iterations=1200, batch=128):
    """A network trained to predict the state after one decision, by Adam; "told3" for three times the iterations."""
    iterations = 3 * iterations if model == "told3" else iterations
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    data = play(PENDULUM, episodes, 80, rng, INTERVALS["inside"])
    before, after, u, h = (torch.tensor(each) for each in (data.x[:-1], data.x[1:], data.u, np.diff(data.t, axis=0)))
    network = Acceleration() if model == "ode" else NextState(model != "untold")
    step = one_step(model, network)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, iterations, pct_start=0.1)
    for _ in range(iterations):
        at = rng.integers(0, len(u), batch), rng.integers(0, episodes, batch)
        loss = (step(0.0, before[at], u[at], h[at]) - after[at]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network


def error(step, intervals, n=40):
    """The root mean square error of the next state, over random play with such intervals that was not learned from."""
    data = play(PENDULUM, 50, n, np.random.default_rng(999), INTERVALS[intervals], noise=0.0)
    x, u, h = (torch.tensor(each) for each in (data.clean, data.u, np.diff(data.t, axis=0)))
    with torch.no_grad():
        return (step(0.0, x[:-1], u, h) - x[1:]).square().mean().sqrt().item()


def running(x, u):
    return 1 - torch.cos(x[..., 0])


def final(x):
    return 20 * (1 - torch.cos(x[..., 0]) + 0.05 * x[..., 1] ** 2)


def gains(step, intervals, points=8):
    """Intervals h (points), and the gains (points, 2) of the regulator that holds the top with decisions h apart."""
    h, found = np.linspace(*intervals, points), []
    for each in torch.tensor(h):
        F, G = linearise(lambda t, x, u, h=each: step(t, x, u, h), np.zeros(2), np.zeros(1))
        P = linalg.solve_discrete_are(F, G, np.diag([10.0, 1.0]), np.eye(1))
        found.append(np.linalg.solve(1 + G.T @ P @ G, G.T @ P @ F)[0])
    return h, np.array(found)


def guesses(n, starts, rng, smooth=5):
    """Random torques (n, GUESSES, starts, 1) that change slowly."""
    walk = rng.normal(size=(n + smooth, GUESSES, starts, 1)).cumsum(0)
    return torch.tensor(np.tanh((walk[smooth:] - walk[:-smooth]) / smooth**0.5) * PENDULUM.limit)


def task(step, pace, seed, starts=10, **options):
    """What a swing-up begins with: the times (n + 1, starts) of all decisions, the states (starts, 2), a first plan."""
    rng = np.random.default_rng(100 + seed)
    low, high = PACES[pace]
    t = np.concatenate([np.zeros((1, starts)), rng.uniform(low, high, (int(END / low), starts)).cumsum(0)])
    t = t[: int(np.argmax(t.min(1) >= END)) + 1]
    x = np.stack([np.pi + rng.uniform(-0.2, 0.2, starts), rng.uniform(-0.2, 0.2, starts)], -1)
    horizon = int(AHEAD / np.mean((low, high)))
    often = {"every": 2 if pace == "longer" else 3}  # again after about 0.6 or 0.75 s
    options = {**often, "iterations": (30, 16), "rates": (0.2, 0.06), **options}
    planner = RecedingHorizon(step, running, final, PENDULUM.limit, torch.tensor(t), horizon, **options)
    planner.start(torch.tensor(x + 0.01 * rng.normal(size=x.shape)), guesses(horizon, starts, rng))
    return t, x, planner


def finished(step, begin, iterations=60):
    """The same task with the chosen plan improved further, from the states that are now, which are known exactly."""
    t, x, planner = begin
    planner, times = copy.copy(planner), torch.tensor(t[: planner.horizon + 1])
    planner.u, _ = plan(step, running, final, torch.tensor(x), times, planner.u, PENDULUM.limit, iterations, 0.1)
    return t, x, planner


def reckoned(step, begin):
    """The states (n + 1, starts, 2) that a model foresees for the first plan of a task."""
    t, x, planner = begin
    path = rollout(step, torch.tensor(x), torch.tensor(t[: planner.horizon + 1]), planner.u)
    return torch.stack(path).detach().numpy()


def swing_up(step, pace, seed, begin, blind=False):
    """Carry a task out: plan again as it goes, and hold the top where the regulator asks for no more than the limit;
    or only the first plan, blind. Returns the times t (n + 1, starts), the states x and the torques u."""
    rng = np.random.default_rng(200 + seed)
    t, x, planner = copy.copy(begin)
    planner = copy.copy(planner)
    h, K = gains(step, PACES[pace])
    states, torques = [x], []
    for k in range(planner.horizon if blind else len(t) - 1):
        now = x + 0.01 * rng.normal(size=x.shape)
        if blind:
            u = planner.u[k].numpy()
        else:
            u = planner.decide(k, torch.tensor(now)).numpy()
            now[:, 0] = wrapped(now[:, 0])
            asked = -sum(np.interp(t[k + 1] - t[k], h, K[:, i]) * now[:, i] for i in (0, 1))
            hold = (np.abs(asked) <= PENDULUM.limit) & (np.abs(now[:, 0]) < 0.6)
            u = np.where(hold[:, None], asked[:, None], u)
        x = PENDULUM.step(x, u, t[k + 1] - t[k])
        states.append(x)
        torques.append(u)
    return t[: len(states)], np.stack(states), np.stack(torques)


def held(t, x):
    """For each start, whether it is within 0.2 rad of the top from END - 1 to END. t: (n + 1, b). x: (n + 1, b, 2)."""
    last = (t >= END - 1) & (t <= END)
    return np.all((np.abs(wrapped(x[..., 0])) < 0.2) | ~last, axis=0)


def from_top(x):
    """The mean angle from the top of the states x (n, b, 2) at the end, in degrees."""
    return float(np.degrees(np.abs(wrapped(x[-1, :, 0]))).mean())


def arrived(x):
    """How many of the states x (n, b, 2) are within 0.2 rad of the top at the end."""
    return int((np.abs(wrapped(x[-1, :, 0])) < 0.2).sum())


def measure(model, seed):
    network = learned(model, seed)
    row = {name: error(one_step(model, network, name), name) for name in INTERVALS}
    for name in ("inside", "longer"):
        step = one_step(model, network, name)
        begin = task(step, name, seed)
        if name == "longer":
            begin = finished(step, begin)
        row[f"up_{name}"] = int(held(*swing_up(step, name, seed, begin)[:2]).sum())
    paths = {"planned": reckoned(step, begin), "blind": swing_up(step, "longer", seed, begin, blind=True)[1]}
    row |= {name: arrived(path) for name, path in paths.items()}
    return row | {f"end_{name}": from_top(path) for name, path in paths.items()}


if __name__ == "__main__":
    make(__file__, measure, SETTINGS)
