"""torchdiffeq's names and options, as what our loop and steppers take (used by odeint.py and odeint_adjoint.py)."""

import dataclasses
import math
import warnings
from fractions import Fraction
from itertools import pairwise

import torch

from nodekit import methods
from nodekit.methods.multistep import Adams
from nodekit.stepping.control import CONTROLLERS

RENAMED = {"rk4": "rk4_38", "fixed_adams": "implicit_adams"}
STEPPING = {"norm", "first_step", "min_step", "max_step", "step_t", "jump_t", "safety", "ifactor", "dfactor"}
ADAPTIVE = STEPPING | {"max_num_steps", "dtype"}
FIXED = {"norm", "step_size", "grid_constructor", "interp", "perturb"}
OF_FAMILY = {"multistep": {"max_order", "max_iters"}, "implicit": {"max_iters"}}
CALLBACKS = "callback_step", "callback_accept_step", "callback_reject_step"
# With Shampine's error weights (1986), 2/3 of the original ones, a tolerance means here what it means there.
DOPRI5 = methods.get("dopri5")
DOPRI5 = dataclasses.replace(DOPRI5, b_error=tuple(2 / 3 * e for e in DOPRI5.b_error))
MAX_EVENT_STEPS = 20_000  # of a solve that has no other end than its event


class Options:
    """`options` of one method, checked.

    method: its record. fixed: whether it takes the steps of a grid. interp, perturb, norm, jumps: as the options say.
    Raises ValueError for a name or a value that is not known, and warns of options that the method does not take.
    """

    def __init__(self, method, options, warn=True):
        name = "dopri5" if method is None else method
        names = list(dict.fromkeys([*methods.METHODS, *RENAMED, "scipy_solver"]))
        if name not in names:
            raise ValueError(f'Invalid method "{name}". Must be one of {", ".join(names)}.')
        self.name, self.scipy = name, name == "scipy_solver"
        self.method = DOPRI5 if name in ("dopri5", "scipy_solver") else methods.get(RENAMED.get(name, name))
        self.fixed = not self.scipy and (not self.method.adaptive or name == "trbdf2")
        self.given = dict(options or {})
        if self.scipy:
            known = {"norm", "solver", "min_step", "max_step"}
        else:
            known = (FIXED if self.fixed else ADAPTIVE) | OF_FAMILY.get(self.method.family, set())
        unexpected = {key: value for key, value in self.given.items() if key not in known}
        if unexpected and warn:
            warnings.warn(f"{name}: Unexpected arguments {unexpected}", stacklevel=4)
        get = self.given.get
        self.interp, self.perturb, self.norm = (
            get("interp", "linear"),
            bool(get("perturb", False)),
            get("norm"),
        )
        if self.interp not in ("linear", "cubic"):
            raise ValueError(f'Unknown interpolation method {self.interp}. Choose "linear" or "cubic".')
        if get("step_size") is not None and get("grid_constructor") is not None:
            raise ValueError("step_size and grid_constructor are mutually exclusive arguments.")
        if self.method.family == "multistep" and "max_order" in self.given:
            self.method = adams_up_to(int(self.given["max_order"]), self.method)
        self.steps, self.jumps = [], []
        if not self.fixed:
            self.steps, self.jumps = (floats(get(key)) for key in ("step_t", "jump_t"))
            if len(set(self.steps + self.jumps)) < len(self.steps + self.jumps):
                raise ValueError("`step_t` and `jump_t` must not have any repeated elements between them.")

    @property
    def dense(self):
        """Whether outputs within a step are from the method's own dense output: an implicit method's cubic too."""
        return not self.fixed or (self.interp == "cubic" and self.method.family == "implicit")

    @property
    def inward(self):
        """Whether f is to be told times just inside a step."""
        return self.perturb or bool(self.jumps)

    def loop(self, t, grid=None, sign=1.0):
        """What the loop takes for a solve through the times t, floats; the last may be infinite.

        grid: function of the times that returns a fixed-step method's grid. sign: −1 where the loop counts −t.
        """
        get, end = self.given.get, t[-1]
        if not self.fixed:
            low, high = min(t[0], end), max(t[0], end)
            stops = sorted(sign * s for s in self.steps + self.jumps if low < s < high)
            first, settings = get("first_step"), ("safety", "dfactor", "ifactor")
            fields = zip(settings, ("safety", "min_factor", "max_factor"), strict=True)
            return {
                "step": None,
                "stops": stops if sign * end > sign * t[0] else stops[::-1],
                "first_step": None if first is None else abs(float(first)),
                "min_step": float(get("min_step", 0.0)),
                "max_step": float(get("max_step", math.inf)),
                "max_steps": int(get("max_num_steps", MAX_EVENT_STEPS if math.isinf(end) else 2**31 - 1)),
                "controller": dataclasses.replace(
                    CONTROLLERS["I"],
                    **{ours: float(get(theirs)) for theirs, ours in fields if theirs in self.given},
                ),
            }
        common = {"first_step": None, "max_step": math.inf, "controller": None}
        if end in (math.inf, -math.inf):
            if get("step_size") is None:
                raise AssertionError(
                    "Event handling for fixed step solvers currently requires `step_size` to be provided in options."
                )
            return {**common, "step": float(get("step_size")), "max_steps": MAX_EVENT_STEPS}
        points = grid(t)
        if points[0] != t[0] or points[-1] != t[-1]:
            raise AssertionError(
                f"the grid must go from t[0]={t[0]} to t[-1]={t[-1]}, not {points[0]} to {points[-1]}."
            )
        n, span = len(points) - 1, abs(end - t[0])
        if self.method.family == "multistep" and all(
            abs(abs(b - a) * n / span - 1) < 1e-4 for a, b in pairwise(points)
        ):  # steps that differ by the rounding of t alone: with equal ones it keeps its history
            return {**common, "step": span / n, "max_steps": n}
        return {**common, "step": math.inf, "stops": [sign * s for s in points[1:-1]], "max_steps": n}

    def grid(self, func, y0, t):
        """The grid of a fixed-step method as floats, from a tensor of times t."""
        if self.given.get("grid_constructor"):
            return floats(self.given["grid_constructor"](func, y0, t))
        if self.given.get("step_size") is None:
            return floats(t)
        t0, t1 = float(t[0]), float(t[-1])
        step = float(self.given["step_size"])
        # A quotient that exceeds a whole number by the rounding of t is no reason for one more step.
        n = max(1, math.ceil(abs(t1 - t0) / step * (1 - 4 * torch.finfo(t.dtype).eps)))
        return [t0 + i * math.copysign(step, t1 - t0) for i in range(n)] + [t1]


def floats(t):
    """Times as a list of floats; [] for None."""
    return [] if t is None else torch.as_tensor(t).detach().to(torch.float64).reshape(-1).tolist()


def adams_up_to(order, method):
    """The Adams method of this order like `method`; the 3/8 rule below order 4, as in torchdiffeq."""
    if order > 12:
        raise AssertionError(f"max_order must be at most 12, got {order}.")
    if order < 4:
        warnings.warn(f"max_order={order} is below 4, so the solver reduces to `rk4`.", stacklevel=5)
        return methods.get("rk4_38")
    predictor = integrals([-j for j in range(order)])
    corrector = method.corrector and integrals([1 - j for j in range(order)])
    return Adams(method.name, order, predictor, corrector, "Hairer, Nørsett, Wanner 1993, III.1.5 and III.1.8")


def integrals(nodes):
    """∫₀¹ of each Lagrange polynomial on the nodes, computed exactly."""
    weights = []
    for j in nodes:
        p = [Fraction(1)]  # coefficients, lowest first
        for m in nodes:
            if m != j:
                p = [(b - m * a) / (j - m) for a, b in zip([*p, 0], [0, *p], strict=True)]
        weights.append(float(sum(c / (i + 1) for i, c in enumerate(p))))
    return tuple(weights)
