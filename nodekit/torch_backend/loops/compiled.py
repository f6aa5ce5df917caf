"""The loop as one compiled graph, for explicit methods: `solve(..., compile=True)` (used from lesson 08 on).

torch.compile turns the loop of loop.py, its controller included, into a while-loop of generated code. It comes back to
Python where an output lies within a step, and when its record of attempts is full. What goes wrong in it is left to
the ordinary loop, which meets it again and puts it into words. Times, step sizes and tolerances are tensors, so that
no change of theirs compiles anything again.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch._higher_order_ops.while_loop import while_loop

from nodekit.solution import Solution, Stats, Status, Steps
from nodekit.stepping import control, loop
from nodekit.stepping.step import runge_kutta_step
from nodekit.stepping.trajectory import Trajectory
from nodekit.torch_backend.control import combined, factor
from nodekit.torch_backend.loops.cache import compiled
from nodekit.torch_backend.state import rms

ATTEMPTS, RECORDED = 1024, 2**24  # the loop comes back to Python after so many attempts, or bytes of states


class Plain(NamedTuple):
    """What a step needs of a tableau, as plain data that the compiler can see through."""

    later_stages: tuple
    b: tuple
    fsal: bool

    @staticmethod
    def of(m):
        return Plain(m.later_stages, m.b, m.fsal)


def build_vjp(f, layout, m, params):
    """The compiled twin of explicit.step_vjp. weights (n, slopes), d (n, d) stand for the outputs within the step."""
    rk = Plain(m.later_stages[:-1] if m.fsal else m.later_stages, m.b, False)
    whole, dense = Plain.of(m), tuple((row.c, row.a) for row in m.dense_rows)

    def vjp(t, h, y, a, weights, d):
        h_y = h.to(y.real.dtype)

        def field(t, y):
            return layout.slopes(f(t.to(h_y.dtype), layout.show(y)), "t")

        with torch.enable_grad():
            y = y.detach().requires_grad_()
            y1, k = runge_kutta_step(field, t, y, h, whole if len(d) else rk, None, by(h_y))
            total = torch.sum(y1 * a)
            if len(d):
                for c, row in dense:
                    k.append(field(t + c * h, weighted(y, h_y, row, k)))
                total = total + torch.sum((y + h_y * (weights @ torch.stack(k))) * d)
            found = torch.autograd.grad(total, [y, *params], allow_unused=True)
        return [x if x is None else x.detach() for x in found]

    return vjp


def step_vjp(stepper, t, y, h, a, inside, params):
    """As explicit.step_vjp, compiled. The outputs within the step are filled up to a power of two by nothing."""
    m, f, layout = stepper.method, stepper.field_back, stepper.layout
    n = 1 << (len(inside) - 1).bit_length() if inside else 0
    weights = torch.zeros((n, len(m.dense_weights)), dtype=y.dtype)
    d = y.new_zeros((n, y.numel()))
    for i, (theta, d_theta) in enumerate(inside):
        weights[i], d[i] = torch.tensor(m.weights_at(theta), dtype=y.dtype), d_theta
    key = ("vjp", m, n, y.shape, y.dtype, y.device, layout.key, stepper.context.default, tuple(map(id, params)))
    vjp = compiled(f.own, key, lambda field: build_vjp(field, layout, m, params))
    t, h = (torch.full((), x, dtype=torch.float64, device=y.device) for x in (t, h))
    dy, *parts = vjp(t, h, y, a, weights.to(y.device), d)
    evaluations = m.stages + len(m.dense_rows) if n else m.stages - m.fsal
    return dy, parts, evaluations


def weighted(y, h, weights, k):
    """`step.advance` as the compiler likes it: one expression, which it fuses."""
    total = sum(w * k_j for w, k_j in zip(weights, k, strict=False) if w)
    return h * total if y is None else y + h * total


def by(h):
    """`weighted` as `runge_kutta_step` takes it, for a step h in the state's precision."""
    return lambda y, _, weights, k: weighted(y, h, weights, k)


def build(f, layout, m, controller, adaptive, keep_states, keep_step, unrolled):
    """The function that is compiled: turns of the loop from `s`, a dict of tensors, until t_stop.

    It writes t, h and error ratio of every attempt into log (n, 3), and accepted states into states (1 + n, d).
    """
    rk, b_error, b_error_low, order = Plain.of(m), m.b_error, m.b_error_low, m.error_order

    def going(s, t_stop, limit):
        more = ((s["t"] - t_stop) * torch.sign(s["h"]) < 0) & (s["attempts"] < limit)
        return more & (s["refused"] < loop.MAX_REFUSED) & (s["h"].abs() > 1e-15 * s["t"].abs())

    def turn(s, log, states, t_stop, t_end, rtol, atol, max_step, limit):
        active, way = going(s, t_stop, limit), torch.sign(s["h"])
        last = s["h"].abs() * (1 + 1e-10) >= (t_end - s["t"]).abs()
        h = torch.where(last, t_end - s["t"], s["h"])
        t1 = torch.where(last, t_end, s["t"] + h)
        h_y = h.to(s["y"].real.dtype)

        def field(t, y):  # the sum t + c h may round past the end
            t = way * torch.minimum(way * t, way * t_end)
            return layout.slopes(f(t.to(h_y.dtype), layout.show(y)), "t")

        y1, k = runge_kutta_step(field, s["t"], s["y"], h, rk, s.get("k0"), by(h_y))
        if adaptive:
            scale = atol + rtol * torch.maximum(s["y"].abs(), y1.abs())
            ratio = rms((weighted(None, h_y, b_error, k) + 0 * y1) / scale).to(h.dtype)
            if b_error_low is not None:
                low = rms(weighted(None, h_y, b_error_low, k) / scale).to(h.dtype)
                ratio = combined(ratio, low)
            good = ratio <= 1
            growth = h / s["previous"]
            h1 = h * factor(controller, order, ratio, good, s["rejected"], s["r1"], s["r2"], growth)
            h1 = torch.where(last & good & (h1.abs() < s["h"].abs()), s["h"], h1)  # as in loop.py
            h1 = torch.sign(h) * torch.minimum(h1.abs(), max_step)
        else:
            ratio = torch.zeros_like(h)
            good, h1 = ratio == 0, s["h"]
            t1 = torch.where(last, t_end, s["t0"] + (s["taken"] + s["before"] + 1) * s["h"])
        good = good & active
        new = {
            "t": torch.where(good, t1, s["t"]),
            "h": torch.where(active, h1, s["h"]),
            "y": torch.where(good, y1, s["y"]),
            "attempts": s["attempts"] + active,
            "taken": s["taken"] + good,
            "refused": torch.where(active & ~(ratio < math.inf), s["refused"] + 1, 0 * s["refused"]),
            "rejected": torch.where(active, ~good, s["rejected"]),
            "r1": torch.where(good, ratio, s["r1"]),
            "r2": torch.where(good, s["r1"], s["r2"]),
            "previous": torch.where(good, h, s["previous"]),
        }
        log.index_put_((s["attempts"],), torch.stack([s["t"], h, ratio]))
        if not adaptive:
            new |= {"t0": s["t0"].clone(), "before": s["before"].clone()}
        if rk.fsal:
            new["k0"] = torch.where(good, k[-1], s["k0"])
        if keep_states:
            states.index_put_((new["taken"],), new["y"])
        if keep_step:  # of the step taken last, for outputs within it
            now = [s["t"].clone(), h.clone(), s["y"].clone(), k[0].clone(), *k[1:]]
            if unrolled > 1:
                now = [torch.where(good, x, s[f"step{i}"]) for i, x in enumerate(now)]
            new |= {f"step{i}": x for i, x in enumerate(now)}
        return {name: new[name] for name in s}

    def turns(s, log, states, t_stop, t_end, rtol, atol, max_step, limit):
        def body(s):
            for _ in range(unrolled):
                s = turn(s, log, states, t_stop, t_end, rtol, atol, max_step, limit)
            return (s,)

        return while_loop(lambda s: going(s, t_stop, limit), body, (s,))[0]

    return turns


def integrate(
    stepper, y, times, *, step, first_step, max_step, max_steps, controller, events=None, keep="all", unrolled=None
):
    """As `loop.integrate`, for an explicit Runge–Kutta stepper, with equal steps up to rounding.

    unrolled: attempts between two looks at whether the end is reached; one on a CPU, four on a device that must be
    waited for. It takes no events: solve() sees to that.
    """
    y = y.detach()  # nothing is recorded here
    arguments = {
        "step": step, "first_step": first_step, "max_step": max_step, "max_steps": max_steps, "controller": controller
    }  # fmt: skip

    def ordinary():
        return loop.integrate(stepper, y, times, keep=keep, **arguments)

    t, t_end, m, adaptive = times[0], times[-1], stepper.method, step is None
    if t == t_end or not stepper.start(t, y):
        return ordinary()
    if not adaptive:
        h = step
    else:
        h = first_step or max(stepper.first_step(t, y, t_end), control.smallest(t))
    h = math.copysign(min(h, max_step), t_end - t)

    def number(x, kind=torch.float64):
        return torch.full((), x, dtype=kind, device=y.device)

    def count(n):
        return number(n, torch.int64)

    keep = "all" if len(times) == 2 else keep
    rows = max(8, min(ATTEMPTS, RECORDED // (y.numel() * y.element_size()))) if keep == "all" else ATTEMPTS
    unrolled = unrolled or (1 if y.device.type == "cpu" else 4)
    keep_step = len(times) > 2
    key = (
        m, controller, adaptive, keep, keep_step, unrolled, y.shape, y.dtype, y.device,
        np.ndim(stepper.atol), np.ndim(stepper.rtol), stepper.layout.key, stepper.context.default,
    )  # fmt: skip
    field, layout = stepper.field, stepper.layout
    turns = compiled(
        field.own, key, lambda f: build(f, layout, m, controller, adaptive, keep == "all", keep_step, unrolled)
    )

    s = {"t": number(t), "h": number(h), "y": y, "attempts": None, "taken": None, "refused": count(0)}
    s |= {"rejected": count(0) > 0, "r1": number(1.0), "r2": number(1.0), "previous": number(math.inf)}
    if not adaptive:
        s |= {"t0": number(t), "before": None}
    if m.fsal:
        s["k0"] = stepper.k0
    if keep_step:
        s |= {"step0": number(t), "step1": number(h)}
        s |= {f"step{i + 2}": torch.zeros_like(y) for i in range(m.stages + 1)}
    rtol = torch.as_tensor(stepper.rtol, dtype=stepper.floor.dtype, device=y.device)
    logs, outputs, next_output, attempts, taken = [], [y], 1, 0, 0
    trajectory = Trajectory(t, y, stepper, keep)
    while t != t_end:
        s |= {"attempts": count(0), "taken": count(0)}
        log = torch.empty((rows + 1, 3), dtype=torch.float64, device=y.device)
        states = y.new_empty((rows + 1 if keep == "all" else 0, y.numel()))
        if not adaptive:
            s["before"] = count(taken)
        limit = min(rows, max_steps - attempts)
        stop = times[next_output] if keep_step else t_end
        goal = t_end if m.dense_holds or not adaptive else stop  # where a step must end next
        s = turns(s, log, states, number(stop), number(goal), rtol, stepper.floor, number(max_step), count(limit))
        n, now = int(s["attempts"]), int(s["taken"])
        t, attempts, taken = float(s["t"]), attempts + n, taken + now
        reached = (t - stop) * (t_end - times[0]) >= 0
        if not reached and (n < limit or attempts == max_steps):
            return ordinary()  # it meets the failure again, and says what it is
        logs.append(log[:n].cpu().numpy())
        if keep == "all":
            trajectory.states |= {len(trajectory.states) + i: row for i, row in enumerate(states[1 : now + 1])}
        while keep_step and next_output < len(times) and (times[next_output] - t) * (t_end - times[0]) <= 0:
            outputs.append(s["y"] if times[next_output] == t else inside_last_step(stepper, s, times[next_output]))
            next_output += 1
    trajectory.last = s["y"]
    log = np.concatenate(logs)
    accepted = log[:, 2] <= 1
    trajectory.times = [*log[accepted, 0].tolist(), t]
    trajectory.sizes = log[accepted, 1].tolist()
    trajectory.kept = [None] * len(trajectory.sizes)
    stats = Stats(n_accepted=taken, n_rejected=attempts - taken)
    stats.nfev = stepper.field.nfev + attempts * (m.stages - m.fsal) - (0 if m.fsal else 1)
    steps = Steps(log[:, 0], log[:, 1], log[:, 2] if adaptive else np.full(len(log), math.nan), accepted)
    if keep_step:
        trajectory.outputs = dict(zip(times, outputs, strict=True))
    else:
        times, outputs = trajectory.times, list(trajectory.states.values())
    if not stepper.finite(outputs[-1]):
        return ordinary()
    t_out, y_out = stepper.times(times), stepper.stack(outputs, y)
    return Solution(t_out, y_out, stats, steps, Status.SUCCESS, f"reached t = {t_end!r}", _dense=trajectory)


def inside_last_step(stepper, s, t):
    """The state at t, within the step taken last."""
    start, h, y, *slopes = (s[f"step{i}"] for i in range(sum(name.startswith("step") for name in s)))
    start, h = float(start), float(h)
    stepper.recall(start, y, h, s["y"], slopes)
    return stepper.inside((t - start) / h)
