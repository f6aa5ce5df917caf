"""The way back of odeint_adjoint: one sweep of the continuous adjoint, with torchdiffeq's adjoint options.

It is the sweep of adjoint.py; what is added is a grid of fixed steps, norms, callbacks and jumps.
"""

import warnings

import torch
from torch import nn

from nodekit import gradients, methods
from nodekit.drop_in.odeint_observed import Observed, Observer
from nodekit.drop_in.odeint_options import CALLBACKS, Options
from nodekit.drop_in.odeint_problem import OdeintError, norm_of
from nodekit.gradients import on_the_way_back, warn_if_lost
from nodekit.stepping import loop
from nodekit.stepping.stepper import over
from nodekit.torch_backend import apart
from nodekit.torch_backend.gradients.adjoint import Augmented, missed
from nodekit.torch_backend.gradients.sweep import ImplicitSweep, Sweep
from nodekit.torch_backend.gradients.through import Through, WayBack, slope
from nodekit.torch_backend.state import flat, rms


class AdjointOptions:
    """The adjoint_ arguments of odeint_adjoint, checked: options, norm, rtol, atol, params. Raises ValueError."""

    def __init__(self, func, forward, rtol, atol, method, options, params):
        if params is None and not isinstance(func, nn.Module):
            raise ValueError(
                "func must be an instance of nn.Module to specify the adjoint parameters; alternatively they can be "
                "given as adjoint_params=(...), or adjoint_params=() if there are none."
            )
        if method is not None and method != forward["method"] and options is None and forward["options"] is not None:
            raise ValueError(
                "If `adjoint_method != method` then we cannot infer `adjoint_options` from `options`. So as `options` "
                "has been passed then `adjoint_options` must be passed as well."
            )
        told = options is not None
        options = dict(options) if told else {k: v for k, v in (forward["options"] or {}).items() if k != "norm"}
        self.norm = options.pop("norm", None)
        self.options = Options(method or forward["method"], options, warn=told)
        family = "scipy" if self.options.scipy else self.options.method.family
        if family == "multistep":  # they carry a history, and an output changes a within a step
            self.options.method = methods.get("dopri5")
        elif family != "explicit" and not (family == "implicit" and self.options.fixed):
            self.options = Options("dopri5", {})
        self.rtol = smallest(forward["rtol"] if rtol is None else rtol)
        self.atol = smallest(forward["atol"] if atol is None else atol)
        params = parameters(func) if params is None else list(params)
        self.params = [p for p in params if p.requires_grad]
        if len(self.params) < len(params) and callable(self.norm):
            warnings.warn("An adjoint parameter that does not require gradient is left out of the norm.", stacklevel=4)


def parameters(module):
    """A module's parameters; those of a replica made by DataParallel are plain attributes."""
    if not getattr(module, "_is_replica", False):
        return list(module.parameters())
    return [x for m in module.modules() for x in vars(m).values() if isinstance(x, torch.Tensor) and x.requires_grad]


def smallest(tolerance):
    """A number, from one or from a tolerance for every number of the state."""
    parts = tolerance if isinstance(tolerance, tuple | list) else [tolerance]
    return min(float(torch.as_tensor(part).min()) for part in parts)


def solve(p, adjoint):
    """Solve the `Problem` p so that gradients go back by `adjoint`, an `AdjointOptions`. Returns (states, Solution)."""
    (p.f,) = apart.apart((p.f,), adjoint.params)
    pairs = apart.in_force(p.f)
    adjoint.params = apart.inner(adjoint.params, pairs)
    stepper = p.make(p.y0)
    with stepper.held():
        return _solve(p, adjoint, stepper, flat(p.y0), p.t, apart.outer(adjoint.params, pairs))


def _solve(p, adjoint, stepper, y, t, outer):
    if not torch.is_grad_enabled() or not (y.requires_grad or t.requires_grad or adjoint.params):
        with torch.no_grad():
            solution = p.run(stepper, y)
            return solution.y, solution
    if t.requires_grad:  # as in gradient.solve: a later start, or output, moves the states along f
        y = y - slope(stepper, p.times[0], y) * (t[0] - t[0].detach()).to(y)
    with torch.no_grad():
        solution = p.run(stepper, y.detach())  # whatever the way back asks for, no state of a step is kept
    way_back = Sweeping(p, adjoint, stepper, solution)
    shown = Swept.apply(way_back, None, y, *outer)
    if t.requires_grad:
        states = p.layout.flatten(shown) if way_back.whole else shown
        slopes = [slope(stepper, t_i, y_i) for t_i, y_i in zip(solution.t.tolist(), states, strict=True)]
        return p.layout.show(states + (t - t.detach()).to(y)[:, None] * torch.stack(slopes)), solution
    return shown if way_back.whole else p.layout.show(shown), solution


class Swept(Through):
    """`Through`, whose node in the graph has torchdiffeq's attribute: y.grad_fn.adjoint_options["norm"], to exchange.

    That norm takes (t, y, dL/dy, *dL/dparams), with a tensor y in its shape, and those of a tuple flat.
    """

    @staticmethod
    def forward(ctx, way_back, times, y, *params):
        states = Through.forward(ctx, way_back, times, y, *params)
        ctx.adjoint_options = {"norm": way_back.public_norm}
        return way_back.p.layout.show(states) if way_back.whole else states

    @staticmethod
    def backward(ctx, d):
        way_back, norm = ctx.way_back, ctx.adjoint_options["norm"]
        way_back.exchanged = None if norm == way_back.public_norm else norm
        return Through.backward(ctx, way_back.p.layout.flatten(d) if way_back.whole else d)


class Sweeping(WayBack):
    """The way back as `Through` asks for it."""

    def __init__(self, p, adjoint, stepper, solution):
        super().__init__(gradients.Adjoint(), stepper, adjoint.params, p.options.method, None, solution)
        self.p, self.adjoint, self.exchanged = p, adjoint, None
        self.whole = p.layout.names is None  # whether a state is one tensor
        n = len(solution.t)  # an event's state is the last of these, and `linked` differentiates it
        self.states, self.marks = self.states[:n], self.marks[:n]
        # Where the grid of the way back meets an output, y is set to it; a copy, for the caller may change the output.
        self.known = self.states.clone() if adjoint.options.fixed else None

    def public_norm(self, parts):
        """The norm of the way back, of (t, y, dL/dy, *dL/dparams): a 0-d tensor."""
        _, y, a, *dparams = parts
        of_state = norm_of(self.p.options.norm, self.p.layout) or rms
        counted = [] if self.adjoint.norm == "seminorm" else [rms(x.reshape(-1)) for x in dparams]
        return torch.stack([of_state(y.reshape(-1)), of_state(a.reshape(-1)), *counted]).max()

    def vjp(self, marks, d, params):
        """dL/dy0 and dL/dparams from dL/dy (m, d) at the times marks (m,)."""
        p, options, path, n = self.p, self.adjoint.options, self.path, d.shape[1]
        sign = 1.0 if path.times[-1] >= path.times[0] else -1.0  # s = sign t is swept from its largest value down
        ends = [path.times[-1], path.times[0]]
        s = torch.tensor([sign * t for t in marks], dtype=torch.float64)
        at_end, at_start = s == sign * ends[0], s == sign * ends[1]
        inner = ~(at_end | at_start) & (d.ne(0).any(1).cpu() | options.fixed)
        sizes = [x.numel() for x in params]
        y1 = path.state(len(path.sizes))
        z = torch.cat([y1, d[at_end].sum(0), y1.new_zeros(sum(sizes))])

        def grid(_):
            t = p.t.detach().flip(0) if p.event is None else torch.tensor(ends, dtype=torch.float64)
            return options.grid(p.func, p.layout.show(y1), t)

        arguments = options.loop(ends, grid, sign)
        augmented = Augmented(self.stepper.field_back, params, n, sign, None)
        known = self.known[inner] if options.fixed else None

        def split(z):
            """torchdiffeq's (t, y, dL/dy, *dL/dparams)."""
            return z.new_zeros(()), *z[: 2 * n].split(n), *self.shaped(z[2 * n :], params)

        kind, observer = ImplicitSweep if options.method.family == "implicit" else Sweep, []
        callbacks = {name: c for name in CALLBACKS if (c := getattr(p.func, f"{name}_adjoint", None)) is not None}
        if callbacks or p.inward:
            kind, observer = over(kind, Observed), [Observer(options, callbacks, p.inward, split, -1.0, sign)]
        min_step = arguments.get("min_step", 0.0)
        sweep = kind(
            *observer, augmented, z, options, self.adjoint, s[inner], d[inner], p.layout.sizes, min_step, known
        )
        if norm := self.norm(split):
            sweep.norm = norm
        solution = loop.integrate(
            sweep, z, [sign * ends[0], *2 * [sign * ends[1]]], events=None, keep="start", **arguments
        )
        if not solution.success:
            raise OdeintError(on_the_way_back(solution, "adjoint"))
        warn_if_lost(missed(solution.y[-1][:n], path.state(0), y1), self.adjoint.rtol, "adjoint")
        self.stats.went_back(solution.stats.nfev)
        z = solution.y[-1]
        return z[n : 2 * n] + d[at_start].sum(0), self.shaped(z[2 * n :], params)

    @staticmethod
    def shaped(z, params):
        """The parameters' part of a state, in their shapes."""
        return [x.view(p.shape) for x, p in zip(z.split([p.numel() for p in params]), params, strict=True)]

    def norm(self, split):
        """torchdiffeq's norms of (t, y, a, *dparams), of a flat error; None for the sweep's own, their block form."""
        given, layout, own = self.adjoint.norm, self.p.layout, self.p.options.norm
        if self.exchanged is not None:
            whole = layout.show if self.whole else lambda v: v

            def norm(e):
                t, y, a, *dparams = split(e)
                return torch.as_tensor(self.exchanged((t, whole(y), whole(a), *dparams))).abs()

            return norm
        if callable(given):

            def parts(v):
                return (layout.show(v),) if layout.names is None else layout.show(v)

            def norm(e):
                t, y, a, *dparams = split(e)
                return torch.as_tensor(given((t, *parts(y), *parts(a), *dparams))).abs()

            return norm
        return None if own is None else lambda e: self.public_norm(split(e))
