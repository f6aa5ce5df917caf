"""Lesson 27: follow a target from noisy positions at uneven times, by a Kalman filter, a GRU and an ODE-RNN.

A row is a law of motion and a seed. Under both laws the velocity changes at random, with the same variance in a time
Δ, q·Δ: "smooth" by white noise, "kicks" by rare kicks. So the Kalman filter has the same covariances for both. The
networks are trained on the true positions of 2,048 targets, and all are judged on 2,000 others. The GRU is trained for
800 steps and the ODE-RNN for 300, which take it about three times as long; `gru_300` is the GRU after 300 steps too.
"""

import numpy as np
import torch

from nodekit.classroom.runs import make
from nodekit.models import ODERNN, GapGRU, Series

SETTINGS = [{"law": law, "seed": seed} for law in ("smooth", "kicks") for seed in range(5)]
COUNT, Q, R, KICKS = 20, 1.0, 0.5, 0.1  # observations, velocity variance a unit of time, noise, kicks a unit of time


def targets(law, n, rng):
    """t (n, COUNT) times, x (n, COUNT) true positions, seen (n, COUNT) with noise. Start: velocity N(0, 1), x = 0."""
    gaps = rng.exponential(0.5, (n, COUNT)) + 0.05
    position, velocity, x = np.zeros(n), rng.normal(size=n), []
    for gap in gaps.T:
        if law == "smooth":
            a, b = rng.normal(size=(2, n))
            change = np.sqrt(Q * gap) * a
            drift = gap * change / 2 + np.sqrt(Q * gap**3 / 12) * b
        else:
            number = rng.poisson(KICKS * gap)
            change, drift = np.zeros(n), np.zeros(n)
            for k in range(number.max()):
                kick, left = rng.normal(0, np.sqrt(Q / KICKS), n) * (k < number), gap * rng.uniform(size=n)
                change, drift = change + kick, drift + kick * left
        position, velocity = position + gap * velocity + drift, velocity + change
        x.append(position)
    t, x = np.cumsum(gaps, 1), np.stack(x, 1)
    return t, x, x + R * rng.normal(size=x.shape)


def kalman(t, seen, q=Q, r=R):
    """The estimate of each position from what was seen until then, and its theoretical variance: two of (n, COUNT)."""
    n = len(t)
    m, P = np.zeros((n, 2)), np.broadcast_to(np.diag([0.0, 1.0]), (n, 2, 2))
    found, variance = [], []
    for gap, z in zip(np.diff(t, axis=1, prepend=0).T, seen.T, strict=True):
        F, noise = np.zeros((n, 2, 2)), np.zeros((n, 2, 2))
        F[:, 0, 0] = F[:, 1, 1] = 1
        F[:, 0, 1] = gap
        noise[:, 0, 0], noise[:, 1, 1] = gap**3 / 3, gap
        noise[:, 0, 1] = noise[:, 1, 0] = gap**2 / 2
        m, P = np.einsum("nij,nj->ni", F, m), F @ P @ F.transpose(0, 2, 1) + q * noise
        gain = P[:, :, 0] / (P[:, 0, 0] + r**2)[:, None]
        m, P = m + gain * (z - m[:, 0])[:, None], P - gain[:, :, None] * P[:, None, 0, :]
        found.append(m[:, 0])
        variance.append(P[:, 0, 0])
    return np.stack(found, 1), np.stack(variance, 1)


def series(t, seen):
    """What a network is given: the changes from one observation to the next, at their times; its answer is a correction
    to the last observation. So it need not learn that positions far away are followed like near ones."""
    as_tensor = lambda a: torch.tensor(a, dtype=torch.float32)  # noqa: E731
    length = torch.full((len(t),), COUNT)
    changes = as_tensor(np.diff(seen, axis=1, prepend=0))[..., None]
    return Series(as_tensor(t), changes, torch.ones_like(changes, dtype=torch.bool), length), as_tensor(t)


def networks(seed):
    torch.manual_seed(seed)
    gru = GapGRU(1, hidden=32, width=32)
    net = torch.nn.Sequential(torch.nn.Linear(32, 32), torch.nn.Tanh(), torch.nn.Linear(32, 32))
    field = type("Field", (torch.nn.Module,), {"forward": lambda self, t, h: self.net(h)})()
    field.net = net
    return {
        "gru": (gru, 800),
        "gru_300": (gru, 300),
        "ode_rnn": (ODERNN(field, 1, 32, 32, method="midpoint", step=2.0), 300),
    }


def fit(model, steps, t, x, seen, seed, batch=64):
    """Adam with a falling rate on the mean square error of the true positions."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    falling = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, steps)
    for _ in range(steps):
        i = torch.randint(len(t), (batch,), generator=generator).numpy()
        optimizer.zero_grad()
        correction = model(*series(t[i], seen[i]))[..., 0]
        torch.mean((correction - torch.tensor(x[i] - seen[i], dtype=torch.float32)) ** 2).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        falling.step()
    return model


def answers(model, t, seen):
    with torch.no_grad():
        return seen + model(*series(t, seen))[..., 0].numpy()


def rms(a):
    return float(np.sqrt(np.mean(np.square(a))))


def measure(law, seed, names=("gru", "gru_300", "ode_rnn")):
    rng = np.random.default_rng([27, seed, law == "kicks"])
    train, test = targets(law, 2048, rng), targets(law, 2000, rng)
    found, variance = kalman(test[0], test[2])
    row = {"kalman": rms(found - test[1]), "theory": float(np.sqrt(variance.mean())), "seen": rms(test[2] - test[1])}
    for name in names:
        model, steps = networks(seed)[name]
        fit(model, steps, *train, seed)
        row[name] = rms(answers(model, test[0], test[2]) - test[1])
    return row


if __name__ == "__main__":
    make(__file__, measure, SETTINGS)
