"""The loop around the steps: sizes, outputs, statistics, failures. Both backends and all families of methods share it.

A *stepper* (stepper.py) knows how one step of its family is attempted on its backend's arrays; the loop decides, in
plain floats, which attempts count and how long the next one is. Built in lessons 03 (fixed steps) and 04 (adaptive).
"""

import math
import warnings
from bisect import bisect_left

import numpy as np

from nodekit.events import Watch
from nodekit.solution import Solution, Stats, Status, Steps, max_steps_reached, step_too_small
from nodekit.stepping import control
from nodekit.stepping.breaks import before, behind
from nodekit.stepping.breaks import goals as goals_of
from nodekit.stepping.trajectory import Trajectory

# So many attempts in a row that cannot be taken, each a fifth of the one before, and the solve gives up.
MAX_REFUSED = 20


def integrate(
    stepper, y, times, *, step, first_step, max_step, max_steps, controller, events=None, keep="all",
    min_step=0.0, stops=(),
):  # fmt: skip
    """Solve from times[0] to times[-1]; arguments as `nodekit.solve` has checked them.

    y: the state as the stepper keeps it. times: floats; two of them mean every accepted step. Returns a Solution,
    also of a solve that failed. keep: which states the trajectory keeps for dense output, see `Trajectory`.
    min_step: a step no longer than this is taken whatever its error. stops: times in between, in order, that a step
    must end on; with step=inf they are the grid of a fixed-step method. On stepper.breaks (see breaks.py) it must end
    too, and whatever the stepper knows is forgotten there.
    """
    t, t_end = times[0], times[-1]
    direction = math.copysign(1.0, t_end - t)
    adaptive, every_step = step is None, len(times) == 2
    forced = min_step * (1 + 1e-9)  # rounding stretches a step that is to end on a time
    stats, log = Stats(), []
    trajectory = Trajectory(t, y, stepper, "all" if every_step else keep)
    # Outputs are taken together where they lie within one step: `outputs` holds blocks of states, (m, d).
    outputs, n_out, ordered = [y[None]], 1, [] if every_step else [direction * time for time in times]
    history, previous, rejections, refused = (1.0, 1.0), math.inf, 0, 0
    status, message = Status.SUCCESS, f"reached t = {t_end!r}"
    watch = Watch(events, stepper)
    breaks = stepper.breaks
    if adaptive and not every_step and not stepper.dense_holds:
        stops = [*stops, *times[1:-1]]
    goals = goals_of(stops, breaks, t, t_end)  # the last of them is where a step must end next
    ends = [before(breaks, goal) for goal in goals]
    t = trajectory.begins[0] = behind(breaks, t)
    origin, n_origin = t, 0  # fixed steps are counted from here

    if not stepper.start(t, y):
        status, message = stepper.trouble(t, 0.0)
    elif adaptive:
        h = first_step or max(stepper.first_step(t, y, ends[-1] if breaks else t_end), control.smallest(t))
        h = direction * min(max(h, min_step), max_step)
    else:
        h = direction * step
    if status is Status.SUCCESS:
        watch.start(times[0], y)

    while status is Status.SUCCESS and t != t_end:
        if len(log) == max_steps:
            status = Status.MAX_STEPS
            message = max_steps_reached(max_steps, t, h, t_end, stats.n_rejected)
            break
        wanted, (h, last) = h, control.end_on(t, h, ends[-1])
        y1, ratio = stepper.attempt(t, y, h)
        accepted = ratio <= 1 or (abs(h) <= forced and ratio < math.inf)  # false for nan
        log.append((t, h, ratio if adaptive else math.nan, accepted))

        if not accepted:
            stepper.reject()
            stats.n_rejected, rejections = stats.n_rejected + 1, rejections + 1
            refused = 0 if ratio < math.inf else refused + 1
            if refused and (not adaptive or refused == MAX_REFUSED or control.too_small(t, h)):
                status, message = stepper.trouble(t, h)
                break
            h *= stepper.factor(ratio, False) or controller.rejected(ratio, stepper.error_order)
            h = math.copysign(max(abs(h), min_step), h)
            if control.too_small(t, h) and not refused:
                status, message = Status.STEP_TOO_SMALL, step_too_small(t, h, stepper.worst())
                break
            continue

        # t0 + n h, and not a sum of n terms: its rounding errors would grow.
        if last:
            t1, _ = goals.pop(), ends.pop()
        else:
            t1 = t + h if adaptive else origin + (stats.n_accepted + 1 - n_origin) * h
        if t1 == t:  # the error may accept what rounding has lost
            status, message = Status.STEP_TOO_SMALL, step_too_small(t, h, stepper.worst())
            break
        stats.n_accepted += 1
        stop = watch.after(t, h, t1, y1) if watch.events else None
        if stop:
            t1, y1 = stop
            status, message = Status.TERMINATED, f"a terminal event ended the solve at t = {t1!r}"
        trajectory.append(t1, h, y1, stepper.keep())
        if n_out < len(ordered) and ordered[n_out] <= direction * t1:
            n = bisect_left(ordered, direction * t1, n_out)  # the first of them that is not within the step
            if n > n_out:
                states = stepper.inside((np.array(times[n_out:n]) - t) / h)
                if not stepper.finite(states.reshape(-1)):
                    bad = next(i for i, state in enumerate(states) if not stepper.finite(state))
                    stepper.blame("the dense output", states[bad])
                    status, message = stepper.trouble(t, h)
                    states = states[:bad]
                outputs.append(states)
                n_out += len(states)
            if n_out == n < len(times) and times[n] == t1:
                outputs.append(y1[None])
                n_out += 1
        if stop and not every_step and times[n_out - 1] != t1:
            outputs.append(y1[None])  # an ended solve ends with its event
            n_out, times = n_out + 1, [*times[:n_out], t1]
        stepper.accept()
        if adaptive:
            order = stepper.error_order
            known = ratio, history, order, rejections > 0, h / previous
            previous = h
            h *= stepper.factor(ratio, True) or controller.accepted(*known)
            h = wanted if last and abs(h) < abs(wanted) else h  # what was shortened for a stop goes on as before
            h = math.copysign(min(max(abs(h), min_step), max_step), h)
            history, rejections, refused = (ratio, history[0]), 0, 0
        else:
            h = direction * step  # the last one was shortened, perhaps, to end on a stop
        t, y = t1, y1
        if last and t in breaks and t != t_end and status is Status.SUCCESS:  # f is another one: begin anew
            t = origin = trajectory.begins[stats.n_accepted] = behind(breaks, t)
            n_origin, history, previous = stats.n_accepted, (1.0, 1.0), math.inf
            stepper.forget_slope()
            if not stepper.start(t, y):
                status, message = stepper.trouble(t, 0.0)
            # The step size is carried over: at 100 knots, a step each, one chosen anew cost 45% more evaluations.
            elif adaptive and not stepper.one_step:  # it goes on at a low order, for which h is too long
                h = direction * min(max(stepper.first_step(t, y, ends[-1]), control.smallest(t), min_step), max_step)

    if status is Status.SUCCESS and (warning := stepper.warning(before(breaks, t), y)):
        message += f". {warning}"
        warnings.warn(warning, RuntimeWarning, stacklevel=2)
    for name, value in stepper.count().items():
        setattr(stats, name, value)
    if every_step:
        t_out, states = trajectory.times, stepper.stack(list(trajectory.states.values()), y)
    else:
        t_out, states = times[:n_out], stepper.join(outputs)
        trajectory.returned(t_out, stepper.join(outputs))
    t_out, y_out = stepper.times(t_out), stepper.show(states)
    t_events = [stepper.times(ts) for ts in watch.t_events]
    y_events = [stepper.show(stepper.stack(ys, y)) for ys in watch.y_events]
    return Solution(t_out, y_out, stats, Steps.of(log), status, message, t_events, y_events, trajectory, watch.which)
