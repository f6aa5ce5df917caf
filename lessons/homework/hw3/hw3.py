"""Homework 3, what the notebook needs: your variant's trap and cloud, a simulator, and `hand_in`.

The fields that parts 3 and 4 are tried on are in hw3_tried.py, the self-checks in hw3_checks.py.
"""

import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import nodekit
from nodekit.arrays import namespace
from nodekit.classroom.watch import NotAttempted, is_stub

sys.path.append(str(Path(__file__).resolve().parents[1]))  # in the course's own folder, handin.py lies one level up
import hw3_tried as tried
from handin import attempted, called, rng, secret, show, variant_of  # noqa: F401, the notebook asks hw3.attempted

ATOMS = 24  # of a recording, and of the new starts that part 5 is asked about
MOMENTS = 0.15 * np.arange(41)  # at which a recording looks
NOISE = 0.04  # of each number of a recording
SHORT, LONG = np.linspace(0.0, 12.0, 41), np.append(0.0, np.linspace(110.0, 120.0, 21))  # what part 5 predicts
LEARNED = (0.35, 0.9)  # part 5: full points up to the first error, none from the second on
KEPT = (0.08, 0.25)  # part 5: the same for the energy's change, in barriers


@dataclass(frozen=True)
class Trap:
    """A double well V(q) = quartic q⁴/4 - square q²/2 + tilt q for atoms of a mass, and a beam that cools them.

    The beam's friction is γ(q) = cooling exp(-(q - center)²/(2 width²)), a rate. All are floats. A state is
    x = (q, p), along the last axis: arrays, tensors, autograd's boxes.
    """

    mass: float
    quartic: float
    square: float
    tilt: float
    cooling: float = 0.0
    center: float = 0.0
    width: float = math.inf

    def potential(self, q):
        """V(q): (...) -> (...)."""
        return self.quartic * q**4 / 4 - self.square * q**2 / 2 + self.tilt * q

    def energy(self, x):
        """H(x) = p²/(2 mass) + V(q): (..., 2) -> (...)."""
        return x[..., 1] ** 2 / (2 * self.mass) + self.potential(x[..., 0])

    def friction(self, q):
        """γ(q): (...) -> (...)."""
        return self.cooling * namespace(q).exp(-(((q - self.center) / self.width) ** 2) / 2)

    def without_beam(self):
        """The same trap with γ = 0."""
        return replace(self, cooling=0.0)

    def in_wide_beam(self):
        """The same trap with γ = cooling everywhere."""
        return replace(self, width=math.inf)

    @property
    def scales(self):
        """(length, momentum, rate): half the distance of the wells, √(2 mass barrier), the wells' frequency."""
        barrier = self.square**2 / (4 * self.quartic)  # all of them without the tilt
        length, rate = np.sqrt(self.square / self.quartic), np.sqrt(2 * self.square / self.mass)
        return float(length), float(np.sqrt(2 * self.mass * barrier)), float(rate)

    def barrier(self):
        """(lowest V, height of the barrier above it): floats."""
        V = self.potential(np.linspace(-1.5, 1.5, 3001) * self.scales[0])
        top = V[1:-1][(V[1:-1] > V[:-2]) & (V[1:-1] > V[2:])].max()
        return float(V.min()), float(top - V.min())


@dataclass(frozen=True)
class Cloud:
    """A normal density of states: center (q, p), spread (of q, of p)."""

    center: tuple
    spread: tuple

    def log_density(self, x):
        """log p(x), in nats: (..., 2) -> (...)."""
        square = sum(((x[..., i] - self.center[i]) / self.spread[i]) ** 2 for i in (0, 1))
        return -square / 2 - math.log(2 * math.pi * self.spread[0] * self.spread[1])

    def sample(self, n, random):
        """n states: (n, 2)."""
        return np.array(self.center) + np.array(self.spread) * random.normal(size=(n, 2))


def some_trap(random):
    """A trap with two wells and a beam."""
    quartic, square = random.uniform(0.8, 1.4), random.uniform(1.0, 1.8)
    length = np.sqrt(square / quartic)
    tilt = random.choice([-1, 1]) * random.uniform(0.1, 0.25) * square * length
    trap = Trap(*map(float, (random.uniform(0.6, 1.8), quartic, square, tilt)))
    cooling = random.uniform(0.2, 0.4) * trap.scales[2]
    beam = cooling, random.uniform(-0.6, 0.6) * length, random.uniform(0.3, 0.6) * length
    return replace(trap, **dict(zip(("cooling", "center", "width"), map(float, beam), strict=True)))


def some_cloud(trap, random):
    """A cloud that starts at rest, or nearly, in one of the wells."""
    length, momentum, _ = trap.scales
    center = random.choice([-1, 1]) * random.uniform(0.7, 1.3) * length, random.uniform(-0.4, 0.4) * momentum
    spread = random.uniform(0.25, 0.4) * length, random.uniform(0.4, 0.6) * momentum
    return Cloud(tuple(map(float, center)), tuple(map(float, spread)))


def parameters(variant):
    """A variant's trap with its beam, and the cloud that is put into it: Trap, Cloud."""
    return drawn(variant_of(variant))


def drawn(variant):
    """`parameters`, whatever the environment says."""
    random = rng(variant, 0, 0)
    trap = some_trap(random)
    return trap, some_cloud(trap, random)


# ---- a simulator, and what a camera sees ---------------------------------------------------------------


def simulate(trap, x0, t):
    """The states of atoms in a trap without its beam. x0: (n, 2). t: (k,), increasing, from t[0]. Returns (k, n, 2).

    It knows nothing but trap.energy, whose slopes it takes by differences; good to some 1e-8.
    """

    def f(t, x, eps=1e-4):
        slopes = (trap.energy(x + eps * e) - trap.energy(x - eps * e) for e in np.eye(2)[::-1])
        return np.stack([sign * slope / (2 * eps) for sign, slope in zip((1, -1), slopes, strict=True)], -1)

    return nodekit.solve(f, np.array(x0, float), t, method="dop853", rtol=1e-9, atol=1e-9).y


def some_starts(trap, n, random, largest=2.0, beside=0.0):
    """n states (n, 2) with energies up to `largest` barriers above the bottom, none within `beside` of the barrier."""
    (length, momentum, _), (bottom, barrier), found = trap.scales, trap.barrier(), []
    while len(found) < n:
        x = random.uniform((-2.2, -1.8), (2.2, 1.8)) * (length, momentum)
        energy = (trap.energy(x) - bottom) / barrier
        if 0.05 < energy < largest and abs(energy - 1) > beside:
            found.append(x)
    return np.array(found)


def recording(trap, random):
    """What a camera sees of ATOMS atoms in a trap without its beam: times (41,), noisy states (ATOMS, 41, 2)."""
    y = simulate(trap, some_starts(trap, ATOMS, random), MOMENTS).swapaxes(0, 1)
    return MOMENTS.copy(), y + NOISE * random.normal(size=y.shape)


def misses(short, x0, trap):
    """How far predictions (k, n, 2) at the times SHORT are off: one number for each of the n atoms, (n,).

    It is the root mean square over the times of the distance to the truth, in the trap's length and momentum.
    """
    length, momentum, _ = trap.scales
    off = (short - simulate(trap, x0, SHORT)) / (length, momentum)
    return np.sqrt(np.square(off).sum(-1).mean(0))


def typical(errors):
    """The geometric mean over the atoms; each counts as 0.01 at least and 3 at most, nan as 3."""
    return float(np.exp(np.log(np.clip(np.nan_to_num(errors, nan=3.0), 0.01, 3)).mean()))


def energy_change(long, x0, trap):
    """By how much predictions (k, n, 2) at the times LONG change the true energy: root mean square, in barriers."""
    change = np.nan_to_num(np.abs(trap.energy(long) - trap.energy(x0)) / trap.barrier()[1], nan=3.0)
    return float(np.sqrt(np.mean(np.clip(change, 0, 3)[1:] ** 2)))


# ---- what is handed in ---------------------------------------------------------------------------------


def inputs(part, variant, secret):
    """What the work of one part (1 to 5) is tried on: the same for whoever asks and whoever judges.

    With the secret 0 your own trap is among it. At grading all are new, since your own numbers can be passed around.
    """
    random = rng(variant, part, secret)
    trap = some_trap(random) if secret else drawn(variant)[0]
    if part == 1:  # states and traps
        traps = [trap, *(some_trap(random) for _ in range(5))]
        return [(some_points(t, 3, random), t) for t in traps]
    if part == 2:  # states, times, traps, clouds
        rows = []
        for beam in ("no", "no", "wide", "wide", "narrow", "narrow", "narrow"):
            given = {"no": trap.without_beam(), "wide": trap.in_wide_beam(), "narrow": trap}[beam]
            time = float(random.uniform(2.0, 4.0) / trap.scales[2])
            rows.append((some_points(trap, 6, random), time, given, some_cloud(trap, random)))
            trap = some_trap(random)
        return rows
    if part == 3:  # matrices, seeds of generators, fields
        return tried.matrices(random), [int(s) for s in random.integers(1, 2**31, 3 + 12)]
    if part == 4:  # seeds of energies, a lattice
        return [int(s) for s in random.integers(1, 2**31, 8)], tried.some_lattice(random)
    t, y = recording(trap, random)
    return trap, t, y, some_starts(trap, ATOMS, random, largest=1.8, beside=0.15)


def some_points(trap, n, random):
    """n states (n, 2) about the wells and above the barrier."""
    length, momentum, _ = trap.scales
    return random.uniform((-1.6, -1.2), (1.6, 1.2), (n, 2)) * (length, momentum)


def hand_in(part, variant, *work):
    """Call what you wrote on the inputs of this part and put what comes back into the cell's output.

    part: 1 to 5. work: the part's functions, in the order of the tasks.
    """
    given = inputs(part, variant_of(variant), secret())
    if part == 1:
        names = ("field", "divergence")
        answer = {name: [called(f, x.copy(), trap) for x, trap in given] for name, f in zip(names, work, strict=True)}
    elif part == 2:
        answer = {"log density": [called(work[0], x.copy(), *others) for x, *others in given]}
    elif part == 3:
        answer = tried.estimates(*work, *given)
    elif part == 4:
        answer = tried.steps(work[0], *given)
    else:
        t, y, x0 = given[1:]
        del given  # with the trap in it, which is not for `learn`
        predict = learnt(work[0], t, y)
        answer = {"short": called(predict, x0.copy(), SHORT.copy()), "long": called(predict, x0.copy(), LONG.copy())}
    show(part, answer)


def learnt(learn, t, y):
    """learn(t, y), or a function that raises what it raised."""
    try:
        if callable(learn) and is_stub(learn):
            raise NotAttempted
        return learn(t.copy(), y.copy())
    except Exception as error:
        reason = error

        def failed(x0, t):
            raise reason

        return failed
