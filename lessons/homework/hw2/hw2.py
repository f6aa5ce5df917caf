"""Homework 2, what the notebook needs: your patient, the problems that your functions are tried on, and `hand_in`.

The self-checks are in hw2_checks.py.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import autograd.numpy as anp
import numpy as np

from nodekit.classroom.watch import Wrong, is_stub

sys.path.append(str(Path(__file__).resolve().parents[1]))  # in the course's own folder, handin.py lies one level up
from handin import attempted, called, plain, rng, secret, show, variant_of  # noqa: F401, the notebook asks hw2.attempted

TIMES = np.array([0.1, 0.3, 0.6, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0, 20.0])  # of the samples, in h
GUESS = np.array([4.0, 4.0, 1.0, 1.0])  # where every fit of part 5 begins: vmax, km, k12, k21
PATIENTS = 3  # that part 5 fits
FULL_COST, NO_COST = 25_000, 400_000  # calls of f and vjp for one patient: all of the points for cost, and none
TRUST = 1e-3  # the relative error of a gradient that part 4 allows
WAYS = ("adjoint", "interpolated", "checkpoint", "backprop")  # of nodekit's solve_and_vjp
TOLERANCES = {"rtol": 1e-6, "atol": 1e-9}  # of part 4


def noise(c):
    """The standard error of a concentration c (...) in mg/L, as the laboratory states it: 2% and 0.03 mg/L."""
    return 0.02 * np.asarray(c) + 0.03


def parameters(variant):
    """The concentration c(0) in your patient's blood, in mg/L, when the injection has just been given. Float."""
    return drawn(variant_of(variant))


def drawn(variant):
    """`parameters`, whatever the environment says."""
    return round(float(rng(variant, 0, 0).uniform(45.0, 60.0)), 2)


# ---- smooth fields that parts 2 and 3 are tried on -----------------------------------------------------


class Smooth:
    """A random field of two components, V tanh(W x + b sin(2 t)) with three hidden units, and a start x0 (2,).

    theta (15,): W (3, 2), b (3,), V (2, 3). most: calls of f, and of vjp, beyond which Wrong is raised.
    """

    def __init__(self, seed, most=(10**9, 10**9)):
        random = np.random.default_rng(seed)
        self.theta, self.x0 = 0.7 * random.normal(size=15), random.normal(size=2)
        self.most, self.calls = dict(zip(("f", "vjp"), most, strict=True)), {"f": 0, "vjp": 0}

    def count(self, name):
        self.calls[name] += 1
        if self.calls[name] > self.most[name]:
            both = " One call gives both products." if name == "vjp" else ""
            raise Wrong(f"{name} was called more than {self.most[name]} times.{both}")

    def slope(self, t, x, theta):
        """f for any theta (15,), complex numbers too: x (2,) -> (2,)."""
        W, b, V = theta[:6].reshape(3, 2), theta[6:9], theta[9:].reshape(2, 3)
        return V @ np.tanh(W @ x + b * np.sin(2 * t))

    def f(self, t, x):
        """The field at its own theta: (2,)."""
        self.count("f")
        return self.slope(t, x, self.theta)

    def vjp(self, t, x, a):
        """(∂f/∂x)ᵀ a (2,) and (∂f/∂θ)ᵀ a (15,) for a (2,)."""
        self.count("vjp")
        W, b, V = self.theta[:6].reshape(3, 2), self.theta[6:9], self.theta[9:].reshape(2, 3)
        hidden = np.tanh(W @ x + b * np.sin(2 * t))
        g = (1 - hidden**2) * (V.T @ a)
        return W.T @ g, np.concatenate([np.outer(g, x).ravel(), g * np.sin(2 * t), np.outer(a, hidden).ravel()])


def residual(targets, weights):
    """dl(i, x) = wᵢ (x - yᵢ), the gradient of ℓᵢ(x) = wᵢ |x - yᵢ|² / 2. targets (n, 2), weights (n,)."""
    return lambda i, x: weights[i] * (x - targets[i])


@dataclass(frozen=True)
class Looks:
    """A field of `Smooth`, and a loss Σ wᵢ |x(tᵢ) - yᵢ|² / 2 over its states at certain times, or after certain steps.

    times: (n,), increasing; or h and n, with one term for each of the states 0, ..., n. targets (m, 2), weights (m,).
    """

    seed: int
    targets: np.ndarray
    weights: np.ndarray
    times: np.ndarray = None
    h: float = 0.0
    n: int = 0

    def steps(self, gradient):
        """What `gradient` of part 2 returns: dL/dx0 (2,), dL/dθ (15,)."""
        field = Smooth(self.seed, most=(self.n + 5, self.n + 5))
        return gradient(field.f, field.vjp, field.x0.copy(), self.h, self.n, residual(self.targets, self.weights))

    def samples(self, gradient):
        """What `gradient` of part 3 returns: dL/dx0 (2,), dL/dθ (15,)."""
        field = Smooth(self.seed, most=(200_000, 200_000))
        return gradient(field.f, field.vjp, field.x0.copy(), self.times.copy(), residual(self.targets, self.weights))


def looks_at_steps(random, n):
    """A task for part 2 with n steps: some of the states are looked at, the last one always."""
    weights = random.uniform(0.5, 2.0, n + 1) * (random.uniform(size=n + 1) < 0.4)
    weights[-1] = 1.0
    h = float(random.uniform(0.1, 0.2))
    return Looks(int(random.integers(1, 2**31)), random.normal(size=(n + 1, 2)), weights, h=h, n=n)


def looks_at_times(random, at_once):
    """A task for part 3 with four samples; at_once: the first one at time 0."""
    times = np.cumsum(random.uniform(0.3, 1.0, 4))
    times = times - times[0] if at_once else times
    return Looks(int(random.integers(1, 2**31)), random.normal(size=(4, 2)), random.uniform(0.5, 2.0, 4), times=times)


# ---- prodrugs, part 4 ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Prodrug:
    """A drug z that an enzyme turns into the drug w that works: z' = -m, w' = m - k w, m = λ z / (1 + z/κ).

    theta (3,): λ, κ, k. x0 (2,): z and w at 0. T: float, the end. The loss is L = w(T).
    """

    theta: np.ndarray
    x0: np.ndarray
    T: float

    def f(self, t, x, theta):
        """x' (2,), also in autograd's NumPy."""
        m = theta[0] * x[0] / (1 + x[0] / theta[1])
        return anp.array([-m, m - theta[2] * x[1]])

    def jacobian(self, t, x):
        """∂f/∂x at the problem's own theta: (2, 2)."""
        rate = self.theta[0] / (1 + x[0] / self.theta[1]) ** 2
        return np.array([[-rate, 0.0], [rate, -self.theta[2]]])

    def dL_dx(self, x):
        """The gradient of the loss by the state at T: (2,)."""
        return np.array([0.0, 1.0])


def prodrug(random, brief, forgets):
    """A random `Prodrug`: over a brief or a long time; one whose way forward forgets much of the start, or little."""
    T = random.uniform(0.3, 0.8) if brief else random.uniform(4.0, 8.0) if forgets else random.uniform(2.0, 4.0)
    rate = (random.uniform(32.0, 55.0) if forgets else random.uniform(3.0, 7.0)) / T
    theta = np.array([rate, random.uniform(2.0, 6.0), random.uniform(0.1, 0.3)])
    return Prodrug(theta, np.array([random.uniform(1.0, 3.0), 0.0]), float(T))


# ---- patients, part 5 ----------------------------------------------------------------------------------


def ward():
    """What an exact instrument found in 40 patients: their c(0) (40,), their concentrations at TIMES (40, 14)."""
    rows = np.loadtxt(Path(__file__).with_name("ward.csv"), delimiter=",", skiprows=1)
    return rows[:, 0], rows[:, 1:]


def measured(random, clean):
    """The concentrations `clean` (n,) as the laboratory would measure them: with noise, never below 0. (n,)."""
    return np.abs(clean + noise(clean) * random.normal(size=len(clean)))


class Counted:
    """A function and how often it was called. Raises Wrong beyond `most`, a list of one number that several share."""

    def __init__(self, function, left):
        self.function, self.left = function, left

    def __call__(self, *inputs):
        self.left[0] -= 1
        if self.left[0] < 0:
            raise Wrong(f"f and vjp were called more than {NO_COST} times for one patient.")
        return self.function(*inputs)


def fitted(fit, field, field_vjp, c0, y):
    """(what `fit` returns as JSON can hold it, how often it called f and vjp together) for one patient's samples y."""
    left = [NO_COST]
    inputs = (np.array([c0, 0.0]), TIMES.copy(), y.copy(), noise(y), GUESS.copy())
    found = called(fit, Counted(field, left), Counted(field_vjp, left), *inputs)
    return found, NO_COST - max(left[0], 0)


# ---- what is handed in ---------------------------------------------------------------------------------


def inputs(part, variant, secret):
    """What the work of one part (1 to 5) is tried on: the same for whoever asks and whoever judges."""
    random = rng(variant, part, secret)
    if part == 1:  # x, theta, a
        low, high = (0.5, 0.0, 3.0, 2.5, 0.4, 0.8, -2.0, -2.0), (50.0, 20.0, 7.0, 6.0, 0.9, 1.8, 2.0, 2.0)
        return [np.split(random.uniform(low, high), [2, 6]) for _ in range(6)]
    if part == 2:
        return [looks_at_steps(random, n) for n in (1, 2, 3, 8, 20, 40)]
    if part == 3:
        return [looks_at_times(random, at_once) for at_once in (False, False, True, True)]
    if part == 4:
        kinds = [(False, False), (False, True), (True, False), (True, True)]
        return [prodrug(random, *kinds[i]) for i in random.permutation(4)]
    starts, clean = ward()
    chosen = random.permutation(len(clean))[:PATIENTS]
    return [(float(starts[i]), measured(random, clean[i])) for i in chosen]


def hand_in(part, variant, *work):
    """Call what you wrote on the inputs of this part and put what comes back into the cell's output.

    part: 1 to 5. work: the part's functions, in the order of the tasks; in part 5 fit, and field and field_vjp.
    """
    given = inputs(part, variant_of(variant), secret())
    if part == 1:
        field, vjp = work
        answer = {
            "field": [called(field, 0.0, x.copy(), theta.copy()) for x, theta, _ in given],
            "vjp": [called(vjp, 0.0, x.copy(), theta.copy(), a.copy()) for x, theta, a in given],
        }
    elif part in (2, 3):
        (gradient,) = work
        tried = Looks.steps if part == 2 else Looks.samples
        run = gradient if is_stub(gradient) or not callable(gradient) else lambda task: tried(task, gradient)
        answer = {"gradient": [called(run, task) for task in given]}
    elif part == 4:
        answer = {name: [called(f, p) for p in given] for name, f in zip(("growth", "way"), work, strict=True)}
    else:
        rows = [fitted(*work, c0, y) for c0, y in given]
        answer = {"theta": [plain(theta) for theta, _ in rows], "calls": [calls for _, calls in rows]}
    show(part, answer)
