"""Whether a diffusion acts element by element, as methods of order 1 need it with diagonal noise (lesson 21).

Milstein's differences move all components at once. They are Σ_j g_j ∂_j g_i, where the equation has g_i ∂_i g_i: with a
component that depends on another one, the solution is that of another equation, whatever the step size.
"""

from contextlib import ExitStack

import numpy as np

from nodekit.arrays import is_torch, namespace
from nodekit.stochastic.methods import METHODS

POINTS, FAR = 4, 0.125  # how many states are looked at, and how far from y they are, in parts of it
ROUNDING = 16  # roundings by which a component may change that is not to change


def needs(method, fixed):
    """Whether a method needs component i of a diagonal diffusion to depend on y_i alone.

    Otherwise the noise is general, with the matrix diag(g): for a method that takes it, at the order that it has then.
    """
    return "general" not in method.orders or not (fixed or method.orders["general"] >= 1)


def refuse_mixing(stepper, t, y):
    """Raise ValueError if a component of the diffusion is seen to depend on another one. y (d,): each of its numbers is
    a component, those of all samples; t: a time within the solve.

    Each component has equal values in two of four states near y, and others in the other two; in which, is drawn, with
    neighbours apart. Where its diffusion differs between the two, it depends on what has changed there. So there are no
    derivatives, and no bound but rounding; a pair of components is missed where both rest in the same two, which of up
    to six in a row none do. It takes four evaluations, which are not counted, and leaves torch's random state alone.
    """
    if y.shape[-1] < 2 or not stepper.sees_values():
        return
    kept = stepper.values(y)
    eps = float(namespace(kept).finfo(kept.dtype).eps)
    states, rests = nearby(numbers(kept), stepper.state_shape, stepper.brownian.seed)
    g = [look(stepper, t, state) for state in states]
    seen = [abs(x[np.isfinite(x)]).max(initial=0.0) for x in g]
    slack = ROUNDING * eps * max(seen)

    def moved(a, b):
        """Where two answers differ; nan, outside of the diffusion's domain, says nothing."""
        with np.errstate(invalid="ignore"):
            return abs(a - b) > slack

    for (a, b), rest in rests.items():
        at = np.flatnonzero(moved(g[a], g[b]) & rest)
        if len(at):
            i = int(at[0])
            others = np.flatnonzero(~rest)
            low, high = 0, len(others)  # moved with the first `high` of the others, and not with the first `low`
            while high - low > 1:
                middle = (low + high) // 2
                state = states[a].copy()
                state[others[:middle]] = states[b][others[:middle]]
                low, high = (low, middle) if moved(look(stepper, t, state), g[a])[i] else (middle, high)
            raise ValueError(told(stepper, i, int(others[low])))


def told(stepper, i, k):
    calculus, (i, k) = "ito" if stepper.ito else "stratonovich", (place(stepper, i), place(stepper, k))
    takes = next(m.name for m in METHODS.values() if calculus in m.calculi and "general" in m.orders)
    name = f"method={stepper.method.name!r}"
    name += " with steps of its own choice" if takes == stepper.method.name else ""
    return (
        f'diffusion[{i}] depends on y[{k}]; with noise="diagonal", {name} needs it to depend on y[{i}] alone. Take '
        f"method={takes!r} and a step size, as in step=0.01, which has strong order ½ with such noise; or a diffusion "
        "that acts element by element."
    )


def place(stepper, i):
    return ", ".join(str(int(x)) for x in np.unravel_index(i, stepper.state_shape))


def nearby(y, shape, seed):
    """Four states (d,) near y, float64, and which components rest between two of them: {(a, b): (d,) of bool}.

    They are nearer to 0 than y, so that they have its signs, and its bounds: y may be a price, or a share. One that is
    0 grows. seed: of the Brownian path, so that other paths have other pairs.
    """
    rng, row = np.random.default_rng(seed), shape[-1] if shape else 1
    pairs = [(a, b) for a in range(POINTS) for b in range(a + 1, POINTS)]
    kinds = rng.permuted(np.tile(np.arange(row), (y.size // row, 1)), axis=1) + rng.integers(
        len(pairs), size=(y.size // row, 1)
    )
    kinds = (kinds % len(pairs)).reshape(-1)
    # Four different numbers in (0, 1) for each component; those of the two states where it rests become one.
    parts = (rng.permuted(np.tile(np.arange(POINTS), (y.size, 1)), axis=1).T + rng.uniform(0.2, 0.8, y.size)) / POINTS
    rests = {pair: kinds == k for k, pair in enumerate(pairs)}
    for (a, b), rest in rests.items():
        parts[b, rest] = parts[a, rest]
    scale = abs(y).max() or 1.0
    return y + FAR * parts * np.where(y == 0, scale, -y), rests


def look(stepper, t, state):
    """The diffusion at a state (d,): float64 (d,), without a graph, a count, NumPy's warnings or a random number."""
    y = stepper.constant(state)
    with ExitStack() as stack:
        if is_torch(y):
            devices = [y.device] if y.device.type == "cuda" else []
            stack.enter_context(namespace(y).random.fork_rng(devices))
            stack.enter_context(namespace(y).no_grad())
        else:
            stack.enter_context(np.errstate(all="ignore"))
        found = stepper.diffusion(stepper.clock(t, y), stepper.show(y))
    return numbers(stepper.values(found)).reshape(-1)


def numbers(x):
    return x.detach().cpu().double().numpy() if is_torch(x) else np.asarray(x, float)
