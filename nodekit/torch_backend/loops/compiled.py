"""The loop as one compiled graph, for explicit methods: `solve(..., compile=True)` (used from lesson 08 on).

torch.compile turns the loop of loop.py, its controller included, into a while-loop of generated code. It comes back to
Python when its record of steps is full; outputs within steps are found from that record. What goes wrong in it is left
to the ordinary loop, which meets it again and puts it into words. Times, step sizes and tolerances are tensors, so that
no change of theirs compiles anything again.
"""

import math

import numpy as np
import torch

from nodekit.solution import Solution, Stats, Status, Steps
from nodekit.stepping import control, loop
from nodekit.stepping.breaks import before, behind
from nodekit.stepping.breaks import goals as goals_of
from nodekit.stepping.step import runge_kutta_step
from nodekit.stepping.trajectory import Trajectory
from nodekit.torch_backend.control import combined, factor
from nodekit.torch_backend.loops.cache import compiled
from nodekit.torch_backend.loops.compiled_step import Plain, by, weighted
from nodekit.torch_backend.private_torch import while_loop
from nodekit.torch_backend.state import rms

ATTEMPTS, RECORDED = 1024, 2**24  # the loop comes back to Python after so many attempts, or bytes of states


# The scalars of the loop in one vector, so that a turn makes one tensor of them and not eleven: where the next attempt
# begins, and its size; attempts made, steps taken of them, refused in a row, whether the last was rejected; the error
# ratios of the last two steps, and the size of the last; where a solve of fixed steps began, and the steps before.
SCALARS = "t", "h", "attempts", "taken", "refused", "rejected", "r1", "r2", "previous", "t0", "before"


def build(f, layout, m, controller, adaptive, keep_states, keep_slopes, unrolled, pieces):
    """The function that is compiled: turns of the loop from `s`, a dict of tensors, until t_stop.

    s: x, the scalars, in float64; y; k0, of an FSAL method. bounds: t_stop, max_step, the largest number of attempts;
    between breakpoints (pieces) also the first and the last time that f may see.
    It writes t, h and error ratio of every attempt into log (n, 3), accepted states into states (1 + n, d), and the
    slopes of accepted steps, each of which begins with the state of its row, into slopes (n, s, d).
    """
    rk, b_error, b_error_low, order = Plain.of(m), m.b_error, m.b_error_low, m.error_order

    def going(x, bounds):
        more = ((x["t"] - bounds[0]) * torch.sign(x["h"]) < 0) & (x["attempts"] < bounds[2])
        return more & (x["refused"] < loop.MAX_REFUSED) & (x["h"].abs() > 1e-15 * x["t"].abs())

    def scalars(s):
        return dict(zip(SCALARS, s["x"].unbind(), strict=True))

    def turn(s, log, states, slopes, bounds, rtol, atol):
        x, y, t_end = scalars(s), s["y"], bounds[0]
        active, way = going(x, bounds), torch.sign(x["h"])
        last = x["h"].abs() * (1 + 1e-10) >= (t_end - x["t"]).abs()
        h = torch.where(last, t_end - x["t"], x["h"])
        if pieces:  # a repeated step has h alone, and t + h may round past the end: one unit less in h's last place
            h = torch.where((x["t"] + h - t_end) * way > 0, h * (1 - 2.0**-53), h)
        t1 = torch.where(last, t_end, x["t"] + h)
        h_y = h.to(y.real.dtype)

        def field(t, y):  # the sum t + c h may round past the end
            t = way * torch.minimum(way * t, way * t_end)
            t = t.clamp(bounds[3], bounds[4]) if pieces else t
            return layout.slopes(f(t.to(h_y.dtype), layout.show(y)), "t")

        y1, k = runge_kutta_step(field, x["t"], y, h, rk, s.get("k0"), by(h_y))
        if adaptive:
            scale = atol + rtol * torch.maximum(y.abs(), y1.abs())
            ratio = rms((weighted(None, h_y, b_error, k) + 0 * y1) / scale).to(h.dtype)
            if b_error_low is not None:
                low = rms(weighted(None, h_y, b_error_low, k) / scale).to(h.dtype)
                ratio = combined(ratio, low)
            good = ratio <= 1
            growth = h / x["previous"]
            h1 = h * factor(controller, order, ratio, good, x["rejected"] > 0, x["r1"], x["r2"], growth)
            h1 = torch.where(last & good & (h1.abs() < x["h"].abs()), x["h"], h1)  # as in loop.py
            h1 = torch.sign(h) * torch.minimum(h1.abs(), bounds[1])
        else:
            ratio = torch.zeros_like(h)
            good, h1 = ratio == 0, x["h"]
            t1 = torch.where(last, t_end, x["t0"] + (x["taken"] + x["before"] + 1) * x["h"])
        good = good & active
        then = {
            "t": torch.where(good, t1, x["t"]),
            "h": torch.where(active, h1, x["h"]),
            "attempts": x["attempts"] + active,
            "taken": x["taken"] + good,
            "refused": torch.where(active & ~(ratio < math.inf), x["refused"] + 1, 0.0),
            "rejected": torch.where(active, (~good).to(h.dtype), x["rejected"]),
            "r1": torch.where(good, ratio, x["r1"]),
            "r2": torch.where(good, x["r1"], x["r2"]),
            "previous": torch.where(good, h, x["previous"]),
        }
        new = {"x": torch.stack([(x | then)[name] for name in SCALARS]), "y": torch.where(good, y1, y)}
        if rk.fsal:
            new["k0"] = torch.where(good, k[-1], s["k0"])
        log.index_put_((x["attempts"].long(),), torch.stack([x["t"], h, ratio]))
        if keep_states:
            states.index_put_((then["taken"].long(),), new["y"])
        if keep_slopes:  # the next attempt writes over those of a step that is not taken
            slopes.index_put_((x["taken"].long(),), torch.stack(k))
        return {name: new[name] for name in s}

    def turns(s, log, states, slopes, bounds, rtol, atol):
        def body(s):
            for _ in range(unrolled):
                s = turn(s, log, states, slopes, bounds, rtol, atol)
            return (s,)

        return while_loop(lambda s: going(scalars(s), bounds), body, (s,))[0]

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
    breaks, n_origin, at_outputs = stepper.breaks, 0, adaptive and not m.dense_holds  # whether steps end on outputs
    goals = goals_of(times[1:-1] if at_outputs else (), breaks, t, t_end)
    ends = [before(breaks, goal) for goal in goals]
    t = behind(breaks, t)
    if t == t_end or not stepper.start(t, y):
        return ordinary()
    if not adaptive:
        h = step
    else:
        h = first_step or max(stepper.first_step(t, y, ends[-1] if breaks else t_end), control.smallest(t))
    h = math.copysign(min(h, max_step), t_end - t)

    def vector(*numbers):
        return torch.tensor(numbers, dtype=torch.float64, device=y.device)

    keep = "all" if len(times) == 2 else keep
    keep_slopes = len(times) > 2 and not at_outputs
    keep_states = keep == "all" or keep_slopes
    recorded = y.numel() * y.element_size() * (keep_states + m.stages * keep_slopes)  # bytes a step
    rows = max(8, min(ATTEMPTS, RECORDED // max(recorded, 1)))
    unrolled = unrolled or (1 if y.device.type == "cpu" else 4)
    key = (
        m, controller, adaptive, keep_states, keep_slopes, unrolled, y.shape, y.dtype, y.device,
        np.ndim(stepper.atol), np.ndim(stepper.rtol), stepper.layout.key, stepper.context.default,
        bool(breaks),
    )  # fmt: skip
    field, layout = stepper.field, stepper.layout
    turns = compiled(
        field.own, key,
        lambda f: build(f, layout, m, controller, adaptive, keep_states, keep_slopes, unrolled, bool(breaks)),
    )  # fmt: skip

    x = {"t": t, "h": h, "refused": 0.0, "rejected": 0.0, "r1": 1.0, "r2": 1.0, "previous": math.inf, "t0": t}
    s = {"y": y, "k0": stepper.k0} if m.fsal else {"y": y}
    rtol = torch.as_tensor(stepper.rtol, dtype=stepper.floor.dtype, device=y.device)
    logs, outputs, n_out, attempts, taken = [], [y[None]], 1, 0, 0
    trajectory = Trajectory(times[0], y, stepper, keep)
    while t != t_end:
        x |= {"attempts": 0.0, "taken": 0.0, "before": taken - n_origin}
        s["x"] = vector(*(x[name] for name in SCALARS))
        log = torch.empty((rows + 1, 3), dtype=torch.float64, device=y.device)
        states = y.new_empty((rows + 1 if keep_states else 0, y.numel()))
        slopes = y.new_empty((rows + 1 if keep_slopes else 0, m.stages, y.numel()))
        states[:1] = s["y"]
        limit = min(rows, max_steps - attempts)
        stop, seen = (
            ends[-1],
            ((-math.inf, math.inf) if field.sided is None else field.sided.around(t)) if breaks else (),
        )
        s = turns(s, log, states, slopes, vector(stop, max_step, limit, *seen), rtol, stepper.floor)
        x = dict(zip(SCALARS, s["x"].tolist(), strict=True))
        n, now = int(x["attempts"]), int(x["taken"])
        t, attempts, taken = x["t"], attempts + n, taken + now
        reached = (t - stop) * (t_end - times[0]) >= 0
        if not reached and (n < limit or attempts == max_steps):
            return ordinary()  # it meets the failure again, and says what it is
        if reached:
            t, _ = goals.pop(), ends.pop()
        logs.append(log[:n].cpu().numpy())
        if keep == "all":
            trajectory.states |= {len(trajectory.states) + i: row for i, row in enumerate(states[1 : now + 1])}
        if keep_slopes:
            steps = logs[-1][logs[-1][:, 2] <= 1]
            n_out = append_outputs(outputs, n_out, stepper, times, [*steps[:, 0], t], steps[:, 1], states, slopes)
        elif len(times) > 2 and t == times[n_out]:
            outputs.append(s["y"][None])
            n_out += 1
        if t in breaks and t != t_end:  # f is another one: begin anew
            t, n_origin = breaks[t].behind, taken
            x |= {"t": t, "t0": t, "r1": 1.0, "r2": 1.0, "previous": math.inf}
            if m.fsal:
                s["k0"] = field(t, s["y"])
                if not stepper.finite(s["k0"]):
                    return ordinary()
    trajectory.last = s["y"]
    log = np.concatenate(logs)
    accepted = log[:, 2] <= 1
    begins = log[accepted, 0].tolist()
    reported = {sides.behind: b for b, sides in breaks.items()}
    trajectory.times = [*(reported.get(begin, begin) for begin in begins), t]
    trajectory.begins = {i: begin for i, begin in enumerate(begins) if begin in reported}
    trajectory.sizes = log[accepted, 1].tolist()
    trajectory.kept = [None] * len(trajectory.sizes)
    stats = Stats(n_accepted=taken, n_rejected=attempts - taken)
    stats.nfev = stepper.field.nfev + attempts * (m.stages - m.fsal) - (0 if m.fsal else 1)
    steps = Steps(log[:, 0], log[:, 1], log[:, 2] if adaptive else np.full(len(log), math.nan), accepted)
    if len(times) > 2:
        states = stepper.join(outputs)
        trajectory.returned(times, stepper.join(outputs))
    else:
        times, states = trajectory.times, stepper.stack(list(trajectory.states.values()), y)
    if not stepper.finite(states[1:].reshape(-1)):
        return ordinary()
    t_out, y_out = stepper.times(times), stepper.show(states)
    return Solution(t_out, y_out, stats, steps, Status.SUCCESS, f"reached t = {t_end!r}", _dense=trajectory)


def append_outputs(outputs, n_out, stepper, times, ends, sizes, states, slopes):
    """Append to `outputs` the blocks of states that lie within some steps, or at their ends. Returns the next output.

    Step i goes from ends[i], states[i] by sizes[i] to ends[i + 1], states[i + 1], with slopes[i] (s, d).
    """
    direction = math.copysign(1.0, times[-1] - times[0])
    first = np.searchsorted(direction * np.array(times), direction * np.array(ends)).tolist()
    for i, (t, h, t1) in enumerate(zip(ends, sizes, ends[1:], strict=False)):
        n = first[i + 1]
        if n > n_out:
            stepper.recall(t, states[i], h, states[i + 1], slopes[i])
            outputs.append(stepper.inside((np.array(times[n_out:n]) - t) / h))
            n_out = n
        if n_out == n < len(times) and times[n] == t1:
            outputs.append(states[i + 1][None])
            n_out += 1
    return n_out
