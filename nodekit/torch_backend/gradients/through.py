"""Gradients through a solve on torch tensors: four ways (built in lessons 05, 06 and 07).

Its reference is numpy_backend/gradient.py. The loop runs without recording, and one autograd.Function, `Through`,
stands for the whole solve: its backward is the vjp of one of the ways in gradients.py. The vjp takes dL/dy at
*marks*, the times of the outputs and events, and returns dL/dy0 and one gradient for every parameter.
"""

import warnings

import numpy as np
import torch

from nodekit import gradients
from nodekit.stepping.breaks import before, behind
from nodekit.torch_backend import apart
from nodekit.torch_backend.depends import on_what
from nodekit.torch_backend.explicit import ExplicitRungeKutta
from nodekit.torch_backend.gradients.adjoint import adjoint, interpolated
from nodekit.torch_backend.gradients.events import differentiate
from nodekit.torch_backend.gradients.graphs import Recorded, recorded
from nodekit.torch_backend.once import Once
from nodekit.torch_backend.private_torch import transformed


def solve(stepper, run, f, y, t, way, params, method, step, events=None):
    """Run a solve so that gradients flow to y, to what f depends on, to the output times t, and to event times.

    run(stepper, y, keep=...) -> Solution. y: flat, (d,). way: a record of gradients.py. params: tensors that f depends
    on; None: they are found. What the stepper holds is in force already. Returns the Solution.
    Raises ValueError for a way that cannot be had of the method.
    """
    if stepper.compile and stepper.context.autocast:
        raise ValueError("compile=True does not go with torch.autocast. Leave one out, or call autocast within f.")
    if transformed():
        try:
            return run(stepper, y)
        except RuntimeError as error:
            if "vmap" in str(error) and step is None:
                raise ValueError("torch.func.vmap needs a fixed step size, as in step=0.01.") from error
            raise
    if not torch.is_grad_enabled():
        return run(stepper, y)
    times = tracked(t)
    t0 = behind(stepper.breaks, float(t[0] if times is None else times[0].detach()))
    if stepper.compile and isinstance(way, gradients.Backprop):
        raise ValueError('compile=True cannot be recorded by autograd: use gradient="checkpoint", which is as exact.')
    record = isinstance(way, gradients.Backprop) or not stepper.one_step
    pairs = [] if record else apart.in_force(f)
    first = None  # of a solve whose steps may be recorded: the first slope with its graph
    if isinstance(way, gradients.Discrete) and type(stepper) is ExplicitRungeKutta and not stepper.compile:
        first = recorded(stepper.field, t0, y)
    if not record:
        if params is None:
            params, k0 = on_what(f, stepper.field, t0, y, first)
            stepper.begin_with(k0)
        else:
            params = apart.inner(params, pairs)
        params = [p for p in params if p.requires_grad]
        if not params and not y.requires_grad and times is None:
            with torch.no_grad():
                return run(stepper, y)
    if times is not None:  # a later start moves the whole solution back by f
        y = y - slope(stepper, t0, y, record) * (times[0] - times[0].detach()).to(y)
    if record:
        solution = run(stepper, y)
    else:
        if isinstance(way, gradients.Checkpoint) and way.every == "sqrt":
            tell_if_nothing_is_saved(t, stepper, method)
        if first is not None:
            stepper = Recorded(stepper, way.memory, first)
        stepper.context.note_random()
        with torch.no_grad():
            solution = run(stepper, y.detach(), keep=to_keep(way, stepper))
        way_back = WayBack(way, stepper, params, method, step, solution, apart.outer(params, pairs))
        out = Through.apply(way_back, None, y, *way_back.outer)
        stepper.context.refuse_random(way.name)
        n = len(solution.t)
        solution.y = stepper.layout.show(out[:n])
        sizes = [len(ts) for ts in solution.t_events]
        solution.y_events = [stepper.layout.show(part) for part in out[n:].split(sizes)] if sizes else []
        solution._dense = Dense(way_back, y)
    if times is not None:
        solution.y = moved_with(times, stepper, solution, record)
    if events is not None:
        differentiate(solution, stepper, events, slope)
    return solution


def tell_if_nothing_is_saved(t, stepper, method):
    """Warn where Checkpoint(every="sqrt") keeps no less than every=1."""
    why = None
    if len(t) == 2:
        why = "every step is an output, and kept, where t = (t0, t1). Give three output times or more"
    elif not stepper.repeats:
        why = f"method={method.name!r} needs all that it keeps of a step. Take an explicit method"
    if why:
        warnings.warn(f'Checkpoint(every="sqrt") keeps as much as every=1: {why}.', stacklevel=5)


def tracked(t):
    """The times (n,) as one tensor through which gradients flow, or None where none of them wants any."""
    if isinstance(t, tuple | list) and any(isinstance(x, torch.Tensor) and x.requires_grad for x in t):
        device = next(x.device for x in t if isinstance(x, torch.Tensor))
        return torch.stack([torch.as_tensor(x, dtype=torch.float64, device=device).reshape(()) for x in t])
    return t if isinstance(t, torch.Tensor) and t.requires_grad else None


def moved_with(times, stepper, solution, record):
    """solution.y as a function of the output times too: a later one moves its output along f.

    An output that is at none of them, a step's end or an event, does not move.
    """
    states, marks = stepper.layout.flatten(solution.y), times.detach().tolist()
    marks = [marks[0], *[None] * (len(solution.t) - 2), marks[1]] if len(marks) == 2 else marks
    states = list(states)
    for i, (t_i, mark) in enumerate(zip(solution.t.tolist(), marks, strict=False)):
        if t_i == mark:
            time = times[i if len(times) > 2 else min(i, 1)]
            states[i] = states[i] + slope(stepper, t_i, states[i], record) * (time - time.detach()).to(states[i])
    return stepper.layout.show(torch.stack(states))


def slope(stepper, t, y, recorded=False):
    """f(t, y), in the count of dense output; as a value, unless second derivatives may be wanted.

    At a breakpoint it is that with which the solution arrives there.
    """
    with torch.set_grad_enabled(recorded):
        return stepper.again(before(stepper.breaks, t), y)


def to_keep(way, stepper):
    """Which states of the steps a solve keeps for this way back: see `Trajectory`."""
    if stepper.repeats and type(way) is gradients.Adjoint:
        return "start"
    return "sqrt" if stepper.repeats and isinstance(way, gradients.Checkpoint) and way.every == "sqrt" else "all"


class Through(torch.autograd.Function):
    """The states of a solve at its marks, (m, d), as a function of y (d,) and of the parameters."""

    @staticmethod
    def forward(ctx, way_back, times, y, *params):
        ctx.way_back, ctx.n = way_back, len(params)
        ctx.save_for_backward(y, *params)  # autograd then refuses parameters that were changed in place meanwhile
        states, ctx.marks = way_back.arrived() if times is None else way_back.between(times)
        return states

    @staticmethod
    def backward(ctx, d_states):
        y, *params = ctx.saved_tensors
        twice = torch.is_grad_enabled()  # create_graph=True
        with torch.no_grad(), ctx.way_back.stepper.held():
            dy, dparams = ctx.way_back.vjp(ctx.marks, d_states, ctx.way_back.params)
        if twice:
            why = f'gradient={ctx.way_back.way.name!r} can be differentiated once. For a double backward use "backprop"'
            dy, *dparams = Once.apply(why, (dy, *dparams), d_states, y, *params)
        return None, None, dy, *dparams

    @staticmethod
    def jvp(ctx, *tangents):
        raise RuntimeError(
            f'forward-mode gradients cannot be had of gradient={ctx.way_back.way.name!r}. Use gradient="backprop".'
        )


class WayBack:
    """What the way back of one solve needs. way: the record; params: the tensors to differentiate by; outer: those
    that get the gradients, where these are others.

    It takes the states and the dense output out of `solution`: the caller sets those that autograd knows. They will
    hold this object, which therefore does not hold the solution: no cycle may keep tensors alive.
    """

    def __init__(self, way, stepper, params, method, step, solution, outer=None):
        self.way, self.stepper, self.params, self.method, self.step = way, stepper, params, method, step
        self.outer = params if outer is None else outer
        self.path, self.stats = solution._dense, solution.stats
        self.graphs = stepper.hand_over() if stepper.graphs else None  # of the first steps; used once
        flatten, at_events = stepper.layout.flatten, zip(solution.y_events, solution.t_events, strict=True)
        states = [flatten(solution.y), *(flatten(ys) for ys, ts in at_events if len(ts))]
        self.states = torch.cat(states) if len(states) > 1 else states[0]
        self.marks = solution.t.tolist() + [t for ts in solution.t_events for t in ts.tolist()]
        solution.y, solution.y_events, solution._dense = None, [], None

    def arrived(self):
        """The states at the marks (m, d), and the marks: times as floats. Once."""
        states, self.states = self.states, None
        return states, self.marks

    def between(self, times):
        """The states at `times`, any shape, as (m, d), and the marks."""
        marks = times.reshape(-1).tolist()
        return self.stepper.layout.flatten(self.path(marks)), marks

    def vjp(self, marks, d_states, params):
        way = {"adjoint": self.stepper.adjoint or adjoint, "interpolated": interpolated}.get(self.way.name, discrete)
        direction = 1.0 if self.path.times[-1] >= self.path.times[0] else -1.0
        order = sorted(range(len(marks)), key=lambda i: direction * marks[i])
        repeated = self.stepper.again.nfev  # by steps that are repeated for their states alone
        dy, dparams, nfev = way(self, [marks[i] for i in order], d_states[order] if order else d_states, params)
        self.stats.went_back(nfev + self.stepper.again.nfev - repeated)
        return dy, dparams


class Dense:
    """Dense output through which gradients flow: what `sol(t)` calls. Pickled, it is the path alone."""

    def __init__(self, way_back, y):
        self.way_back, self.y = way_back, y

    @property
    def times(self):
        return self.way_back.path.times

    def __call__(self, t):
        way_back, show = self.way_back, self.way_back.stepper.layout.show
        wanted = t.detach() if isinstance(t, torch.Tensor) else torch.as_tensor(t, dtype=torch.float64)
        if not torch.is_grad_enabled():
            return show(way_back.between(wanted)[0].reshape(*wanted.shape, self.y.numel()))
        return show(Through.apply(way_back, wanted, self.y, *way_back.outer).reshape(*wanted.shape, self.y.numel()))

    def __reduce__(self):
        return self.way_back.path.__reduce__()


def added(total, parts):
    """total + parts, entry by entry; None counts as zero. In place."""
    return [p if x is None else x if p is None else x.add_(p) for x, p in zip(total, parts, strict=True)]


def discrete(way_back, marks, d, params):
    """The exact adjoint of the steps that were taken: those whose graphs were kept are the first ones, and are gone
    through at once; the others before them, from the last on, each repeated.
    """
    path, stepper, marks = way_back.path, way_back.stepper, np.array(marks)
    dparams, nfev, a, segment = [None] * len(params), 0, torch.zeros_like(d[0]), {}
    (leaf, graphs), way_back.graphs = way_back.graphs or (None, []), None
    sign = 1.0 if path.times[-1] >= path.times[0] else -1.0
    first = np.searchsorted(sign * marks, sign * np.array(path.times), "right").tolist()  # mark behind each time

    def step(i):
        """(t, h, dL/dy of the marks at the end of step i or None, `inside`)."""
        t, h = path.begin(i), path.sizes[i]
        theta = (marks[first[i] : first[i + 1]] - t) / h
        n = int(np.searchsorted(theta, 1 - 1e-12, "right"))
        within, at_end = d[first[i] : first[i] + n], d[first[i] + n : first[i + 1]]
        return t, h, at_end.sum(0) if len(at_end) else None, (theta[:n], within) if n else None

    for i in reversed(range(len(graphs), len(path.sizes))):
        t, h, at_end, inside = step(i)
        a = a if at_end is None else a + at_end
        if i not in segment:
            segment = path.segment(i)
        kept = path.kept[i] if path.kept else None
        a, parts, evaluations = stepper.step_vjp(t, segment.pop(i), h, kept, a, inside, params)
        dparams, nfev = added(dparams, parts), nfev + evaluations
    if graphs:
        steps = [step(i) for i in range(len(graphs))]
        t, h, at_end, inside = steps[-1]
        steps[-1] = t, h, a if at_end is None else a + at_end, inside
        a, parts = stepper.graph_vjp(leaf, graphs, steps, params)
        dparams = added(dparams, parts)
    return a + d[: first[0]].sum(0), dparams, nfev
