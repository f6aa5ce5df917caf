"""Frames between frames: a learned law of motion, a GRU and a cross-fade, over five seeds: a long run of lesson 29.

    python lessons/runs/29_film.py [--compare]

way: "law", codes of frames and a second-order field for them, trained through the solver, each film's start by
shooting; "law, longer", in four times as many steps; "GRU", a bidirectional one over the same codes that is told the
times (GapGRU), with the same decoder, trained for half as long again as the law; "GRU, longer", with three times as
many steps, for about as long as "law, longer"; "GRU, longer, faster", with twice the rate as well; "line", the codes on
a straight line from one kept frame to the next; "cross-fade"; "mean", the mean of all kept frames; and "black". films:
how many there are to learn from. All are measured on 100 other films, against frames without noise.
gaps: the mean squared error of a pixel in gaps of five and more missing frames, times 1000; sixth: that of the 20
frames after the window, where none is kept; jump: that of the differences of neighbouring frames, within the window.
"""

from functools import cache
from itertools import pairwise

import numpy as np
import torch
from torch import nn

import nodekit
from nodekit.classroom.films import FRAMES_A_PERIOD, pendulum_films
from nodekit.classroom.runs import make
from nodekit.models.physics import SecondOrderField
from nodekit.models.series import GapGRU, Series

H = 2 * np.pi / FRAMES_A_PERIOD  # the time from frame to frame
READ, LENGTH = 6, 30  # a piece of a film: the kept frames that its start is read from, and its length in frames
WAYS = ("law", "law, longer", "GRU", "GRU, longer", "GRU, longer, faster", "line", "cross-fade", "mean", "black")
SETTINGS = [{"films": 300, "way": way, "seed": seed} for way in WAYS for seed in range(5)]
SETTINGS += [{"films": 60, "way": way, "seed": seed} for way in ("law", "GRU, longer") for seed in range(5)]
STEPS = {"law": 200, "law, longer": 800, "GRU": 500, "GRU, longer": 1500, "GRU, longer, faster": 1500}  # of training
RATES = {"GRU, longer, faster": 2e-2}  # all others 1e-2, as the law


def perceptron(*sizes, activation=nn.ReLU):
    layers = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), activation())]
    return nn.Sequential(*layers[:-1])


def descend(parameters, loss, steps, rate):
    """Adam; the rate rises to `rate` and falls again. loss: function of the share of the steps that are done."""
    parameters = list(parameters)
    optimizer = torch.optim.Adam(parameters, rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.2)
    for k in range(steps):
        optimizer.zero_grad()
        loss(k / steps).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()


def data(films, seed):
    """Films to learn from, and 100 others to measure on."""
    return pendulum_films(films, seed), pendulum_films(100, 1000 + seed)


def kept(films):
    """The kept frames (m, 30, 16, 16) and their times (m, 30), as tensors."""
    rows = np.arange(len(films.seen))[:, None]
    return torch.tensor(films.frames[rows, films.seen]), torch.tensor(films.t[films.seen], dtype=torch.float32)


class Acceleration(nn.Module):
    """The acceleration of a code, from the code and its velocity."""

    def __init__(self, width=32):
        super().__init__()
        self.net = perceptron(2, width, width, 1, activation=nn.Tanh)

    def forward(self, t, x, v):
        return self.net(torch.cat([x, v], -1))


class Code(nn.Module):
    """A frame (..., 16, 16) as a number (..., 1), and back."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(-2), perceptron(256, 64, 1))
        self.decoder = nn.Sequential(perceptron(1, 64, 64, 256), nn.Unflatten(-1, (16, 16)))

    def loss(self, x, noise, generator):
        """How badly frames come back from codes to which noise was added; and the codes' mean 0 and variance 1."""
        q = self.encoder(x)
        back = self.decoder(q + noise * torch.randn(q.shape, generator=generator))
        return (back - x).square().mean() + 0.01 * (q.mean().square() + (q.var() - 1).square())


def train_code(films, seed, steps=700):
    torch.manual_seed(seed)
    code, g = Code(), torch.Generator().manual_seed(seed)
    x = kept(films)[0].reshape(-1, 16, 16)

    def loss(done):
        batch = x[torch.randint(len(x), (128,), generator=g)]
        return code.loss(batch, 0.5 * 0.04**done, g)

    descend(code.parameters(), loss, steps, 5e-3)
    return code


@cache
def code_of(films, seed):
    """The code that was trained on so many films of this seed."""
    return train_code(data(films, seed)[0], seed)


def pieces(codes, times, first):
    """From the kept frame `first` (m,) of each film: its READ codes and gaps, (m, 2 READ − 1), for `Law.start`."""
    at = first[:, None] + torch.arange(READ)
    q, t = codes.gather(1, at), times.gather(1, at)
    return torch.cat([q, t.diff(dim=1)], 1)


class Law(nn.Module):
    """The field of the code's motion, and a net that guesses a start (code, velocity) from a few codes and gaps."""

    def __init__(self):
        super().__init__()
        self.field = SecondOrderField(Acceleration())
        self.start = perceptron(2 * READ - 1, 64, 64, 2, activation=nn.Tanh)

    def path(self, z, frames):
        """The states z (..., 2) in so many frames from now on: (frames, ..., 2)."""
        return nodekit.solve(self.field, z, [H * k for k in range(frames)], method="rk4", step=2 * H).y


def train_law(code, films, seed, steps=200, batch=128):
    torch.manual_seed(seed)
    law, g = Law(), torch.Generator().manual_seed(seed)
    x, t = kept(films)
    with torch.no_grad():
        q = code.encoder(x)[..., 0]

    def loss(done):
        rows, first = (
            torch.randint(len(q), (batch,), generator=g),
            torch.randint(q.shape[1] - READ, (batch,), generator=g),
        )
        codes, times = q[rows], t[rows]
        path = law.path(law.start(pieces(codes, times, first)), LENGTH)[..., 0]  # (LENGTH, batch)
        later = ((times - times.gather(1, first[:, None])) / H).round().long()  # frames from the start on
        asked = (later >= 0) & (later < LENGTH)
        found = path.T.gather(1, later.clamp(0, LENGTH - 1))
        return (found - codes)[asked].square().mean()

    descend(law.parameters(), loss, steps, 1e-2)
    return law


def shoot(law, q, seen, frames, rounds=6):
    """The states z (m, 2) at the first kept frame from which the paths run through the codes q (m, k) best.

    seen (m, k): the numbers of the kept frames. By Gauss and Newton, with slopes from two neighbours of each start.
    A round changes no number by more than 0.5, so that a bad slope leads nowhere far. Returns z, and the codes of the
    paths (m, frames), from the first kept frame on.
    """
    later = seen - seen[:, :1]
    z = law.start(pieces(q, later * H, torch.zeros(len(q), dtype=torch.long)))
    shift = 0.01 * torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    for _ in range(rounds):
        path = law.path(z[:, None] + shift, int(later.max()) + 1)[..., 0].permute(1, 0, 2)  # (m, frames, 3)
        at = path.gather(1, later[..., None].expand(-1, -1, 3))
        slope = (at[..., 1:] - at[..., :1]) / 0.01
        z = z + torch.linalg.lstsq(slope, (q - at[..., 0])[..., None]).solution[..., 0].clamp(-0.5, 0.5)
    return z, law.path(z, frames)[..., 0].T


def by_law(code, law, films):
    """All frames of films whose kept frames are told: (m, n, 16, 16). Those before the first kept one are as it is."""
    with torch.no_grad():
        q = code.encoder(kept(films)[0])[..., 0]
        seen, n = torch.tensor(films.seen), len(films.t)
        path = shoot(law, q, seen, n)[1]
        number = (torch.arange(n) - seen[:, :1]).clamp(min=0)
        return code.decoder(path.gather(1, number)[..., None]).numpy()


def train_gru(code, films, seed, steps, batch=64, rate=1e-2):
    """A GRU of both sides over the codes, trained to tell codes that it is not shown."""
    torch.manual_seed(seed)
    gru, g = GapGRU(1, hidden=64, width=64, both_sides=True), torch.Generator().manual_seed(seed)
    x, t = kept(films)
    with torch.no_grad():
        q = code.encoder(x)

    def loss(done):
        rows = torch.randint(len(q), (batch,), generator=g)
        shown = torch.rand(batch, q.shape[1], generator=g).argsort(1)[:, :22].sort(1).values
        if torch.rand((), generator=g) < 0.5:  # half of the time the end of the film is not shown: to look ahead
            shown = shown[:, : 10 + int(torch.randint(12, (), generator=g))]
        series = observed(q[rows].gather(1, shown[..., None]), t[rows].gather(1, shown))
        return (gru(series, t[rows]) - q[rows]).square().mean()

    descend(gru.parameters(), loss, steps, rate)
    return gru


def by_gru(code, gru, films):
    """As `by_law`, by the GRU."""
    x, t = kept(films)
    with torch.no_grad():
        return code.decoder(gru(observed(code.encoder(x), t), torch.tensor(films.t, dtype=t.dtype))).numpy()


def observed(q, t):
    """A Series of codes q (m, k, 1) at the times t (m, k)."""
    return Series(t, q, torch.ones_like(q, dtype=torch.bool), torch.full((len(q),), q.shape[1]))


def between(films, kept_ones):
    """For each frame what lies on a straight line from one kept one to the next: (m, n, ...); the ends stay."""
    found = []
    for seen, x in zip(films.seen, kept_ones, strict=True):
        place = np.interp(np.arange(len(films.t)), seen, np.arange(len(seen)))
        left = np.minimum(place.astype(int), len(seen) - 2)
        w = (place - left).reshape(-1, *[1] * (x.ndim - 1))
        found.append((1 - w) * x[left] + w * x[left + 1])
    return np.array(found, np.float32)


def errors(found, films):
    """The three numbers of a row, of the frames found (m, n, 16, 16)."""
    window = films.window
    off = found - films.clean
    square, number = (off**2).mean((2, 3)), np.arange(off.shape[1])
    inside = (number >= films.seen[:, :1]) & (number < films.seen[:, -1:])
    jump = (np.diff(off, axis=1) ** 2).mean((2, 3))
    return {
        "gaps": 1000 * float(square[films.gaps() >= 5].mean()),
        "sixth": 1000 * float(square[:, window:].mean()),
        "jump": 1000 * float(jump[inside[:, :-1]].mean()),
    }


def measure(films, way, seed):
    learn, new = data(films, seed)
    if way in ("cross-fade", "mean", "black"):
        x = kept(new)[0].numpy()
        mean = kept(learn)[0].mean((0, 1)).numpy()
        found = {
            "cross-fade": lambda: between(new, x),
            "mean": lambda: 0 * new.clean + mean,
            "black": lambda: 0 * new.clean,
        }
        return errors(found[way](), new)
    code = code_of(films, seed)
    if way.startswith("GRU"):
        gru = train_gru(code, learn, seed, STEPS[way], rate=RATES.get(way, 1e-2))
        return errors(by_gru(code, gru, new), new)
    if way == "line":
        with torch.no_grad():
            q = between(new, code.encoder(kept(new)[0]).numpy())
            return errors(code.decoder(torch.tensor(q)).numpy(), new)
    return errors(by_law(code, train_law(code, learn, seed, STEPS[way]), new), new)


if __name__ == "__main__":
    make(__file__, measure, SETTINGS)
