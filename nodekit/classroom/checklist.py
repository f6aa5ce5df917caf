"""The checks of `diagnose`: each takes a `Case` and returns a line of its table, (found, good) or with an advice."""

import copy
import inspect
import math
from itertools import pairwise

import numpy as np

from nodekit.analysis.stiffness import detect_stiffness
from nodekit.classroom.watched import array, import_torch, tensor

# The non-stiff problems of nodekit.problems stay below 0.22 of all attempts, and 2 in a row.
MANY_REJECTED, REJECTED_IN_A_ROW = 1 / 3, 4
TOLERANCES_OFF = 1000  # an error at the end above so many tolerances is worth a word
REVERSED = 1e-3  # relative error after the way there and back (100 rtol, if that is more)
GRADIENT_OFF = 0.02  # relative difference from central differences
GROWTH = 1e3  # of the adjoint's size along the way, either way
BYTES = 2**30  # that backpropagation may keep
COMPONENTS = 1000  # the stiffness detector may need a Jacobian with so many columns


TIMES = ("t", "time", "tau", "τ")


def takes_the_state_first(f):
    """Whether f's first two arguments are named as if they were (y, t)."""
    try:
        names = list(inspect.signature(getattr(f, "forward", f)).parameters)[:2]
    except (TypeError, ValueError):  # a function that does not tell
        return False
    return len(names) == 2 and names[0].lower() not in TIMES and names[1].lower() in TIMES


def field(case):
    """The order of the arguments; two calls at the start: the shape, and the same value twice."""
    if takes_the_state_first(case.f.f):
        advice = "solve calls f(t, y), with the time first: exchange the arguments."
        return "f's arguments are named as (y, t)", False, advice
    y, t = copy.deepcopy(array(case.y0)), tensor(case.t[0], case) if case.torch else case.t[0]
    first = array(case.f(t, case.y0))
    if first.shape != y.shape:
        return f"f returns shape {first.shape} for y of shape {y.shape}", False, "Return dy/dt, of the shape of y."
    if not np.array_equal(array(case.y0), y):
        return "f changes y in place", False, "Compute a new array: y + 1 in place of y += 1."
    first = first.copy()
    if not np.array_equal(first, array(case.f(t, case.y0)), equal_nan=True):
        advice = "Draw random numbers once for a solve; put dropout and batch normalisation into eval mode."
        return "f gives two different values at the same (t, y)", False, advice
    return f"shape {first.shape}, {first.dtype}, the same value twice", True


def solve(case):
    s = case.solution = case.solve(throw=False)
    cost = f"nfev {s.stats.nfev}, {s.stats.n_accepted} steps accepted, {s.stats.n_rejected} rejected"
    if not s.success:
        what, _, advice = s.message.partition(". ")
        return f"{s.status.name}: {what}. {cost}", False, advice
    share = s.stats.n_rejected / (s.stats.n_accepted + s.stats.n_rejected)
    advice = "f changes faster than the steps before let expect: look for noise, kinks and jumps."
    return f"{cost} ({share:.0%})", share <= MANY_REJECTED or s.stats.n_rejected < 10, advice


def finite(case):
    advice = "Look for a logarithm or root of a negative number, a division by zero, a state that blows up."
    if case.f.bad:
        return f"NaN or infinity in {case.f.bad_calls} calls of f, {case.f.bad}", False, advice
    return "no NaN or infinity in any call of f", True


def jumps(case):
    """Rejections in a row: the step shrinks again and again to find a place that suits no step."""
    longest, run, where, steps = 0, 0, 0.0, case.solution.steps
    for t, h, accepted in zip(steps.t, steps.h, steps.accepted, strict=True):
        run = 0 if accepted else run + 1
        if run > longest:
            longest, where = run, t + h
    advice = "Does f jump or have a kink there? End the solve there and begin a new one, each with its own formula."
    found = f"at most {longest} rejected in a row" + (f", near t = {where:.6g}" if longest >= REJECTED_IN_A_ROW else "")
    return found, longest < REJECTED_IN_A_ROW, advice


def stiffness(case):
    y0 = array(case.y0)
    if y0.size > COMPONENTS or y0.dtype.kind == "c":
        return f"not looked at: complex, or more than {COMPONENTS} components (diagnose one sample)", None
    f = (lambda t, y: array(case.f(tensor(t, case), tensor(y, case))).astype(float)) if case.torch else case.f
    seen = detect_stiffness(f, y0.astype(float), case.t, max(case.rtol, 4 * case.precision), settings_atol(case))
    case.stiff = seen.stiff
    advice = "The steps are short for stability alone. Take an implicit method, such as method='radau': lesson 14."
    return str(seen), not (seen.stiff and case.explicit), advice


def precision(case):
    found = f"rtol {case.rtol:.0e} against a rounding of {case.precision:.0e}"
    return found, case.rtol >= 4 * case.precision, "Work in float64, or loosen rtol: below rounding it buys nothing."


def accuracy(case):
    """A known answer: the same problem, a thousand times tighter, and in float64 where f can."""
    f, y0, rounding = doubled(case)
    rtol = max(1e-3 * case.rtol, 4e3 * rounding)
    if rtol > 0.1 * case.rtol:
        return f"not looked at: rounding leaves no room below rtol {case.rtol:.0e}", None
    method = "dop853" if case.explicit and not case.stiff else "radau"
    changed = {"rtol": rtol, "atol": settings_atol(case, rtol / case.rtol), "step": None, "first_step": None}
    end = array(case.solve(y0, f=f, method=method, max_steps=100_000, **changed).y[-1])
    error, size = np.abs(array(case.solution.y[-1]) - end), np.abs(array(case.solution.y)).max(axis=0)
    off = float(np.sqrt(np.mean((error / (case.atol + case.rtol * size)) ** 2)))
    found = f"the end is off by {error.max():.1e}, {off:.2g} tolerances, judged by a solve at rtol {rtol:.0e}"
    if "step" in case.settings:
        return found.replace(f", {off:.2g} tolerances", ""), error.max() <= 0.01 * size.max(), "Take a smaller step."
    advice = "Errors grow along this solution. Tighten rtol and atol until its end stays; shorten t if it is chaotic."
    return found, off <= TOLERANCES_OFF, advice


def reversal(case):
    """There and back again: what an adjoint that solves the state backward relies on."""
    advice = "Do not solve this state backward: gradient='checkpoint' and not 'adjoint'. See lesson 07."
    back, unsafe = case.solve(case.solution.y[-1], case.t[::-1], throw=False), False if case.way == "adjoint" else None
    if not back.success:
        return f"the way back stops at t = {float(back.t[-1]):.4g}: {back.status.name}", unsafe, advice
    error, size = np.abs(array(back.y[-1] - case.y0)).max(), np.abs(array(case.solution.y)).max()
    good = bool(error <= max(REVERSED, 100 * case.rtol) * size)
    return f"there and back again, the start is off by {error:.1e}", good or unsafe, advice


def gradient(case):
    """Along a random direction of y0 and the parameters, for a random linear function of the end."""
    torch, w = import_torch(), case.random(case.y0, 0)
    directions = [case.random(x, 1 + i) for i, x in enumerate([case.y0, *case.params])]
    length = math.sqrt(sum(float((d * d).sum()) for d in directions))
    with torch.enable_grad():
        inputs = [case.start(), *case.params]
        found = torch.autograd.grad((w * case.solve_recorded(inputs[0]).y[-1]).sum(), inputs, allow_unused=True)
    slope = sum(float((g * d).sum()) for g, d in zip(found, directions, strict=True) if g is not None) / length
    eps, values, kept = max(case.rtol, 4 * case.precision) ** (1 / 3), [], [p.detach().clone() for p in case.params]
    try:
        for sign in (1, -1):
            for p, old, d in zip(case.params, kept, directions[1:], strict=True):
                p.copy_(old + sign * eps / length * d)
            values.append(float((w * case.solve(case.y0.detach() + sign * eps / length * directions[0]).y[-1]).sum()))
    finally:
        for p, old in zip(case.params, kept, strict=True):
            p.copy_(old)
    numeric = (values[0] - values[1]) / (2 * eps)
    off = abs(slope - numeric) / max(abs(slope), abs(numeric), 1e-300)
    advice = "Does f detach, or leave torch (.item(), .numpy(), no_grad)? Does it jump? Are its tensors in params?"
    if case.way == "adjoint":
        advice = f"Where reversal is bad too, that is the cause. If not: {advice[0].lower()}{advice[1:]}"
    return f"in a random direction {slope:.6g}, by central differences {numeric:.6g}", off < GRADIENT_OFF, advice


def adjoint(case, pieces=8):
    """|a(t)| = |∂L/∂y(t)| at the ends of equal pieces, for a random linear function L of the end."""
    torch, times = import_torch(), np.linspace(*case.t, pieces + 1).tolist()
    with torch.enable_grad():
        states = [case.start()]
        for ends in pairwise(times):
            states.append(case.solve_recorded(states[-1], ends).y[-1])
        a = torch.autograd.grad((case.random(case.y0, 0) * states[-1]).sum(), states, allow_unused=True)
    size = [0.0 if x is None else float(x.norm()) for x in a]
    advice = "Gradients vanish or explode on the way: a shorter t, smaller weights; lesson 05 says why."
    found = f"|∂L/∂y(t)| from the start to the end: {', '.join(f'{x:.2g}' for x in size[::2])}"
    return found, math.isfinite(max(size)) and max(size) <= GROWTH * min(size), advice


def memory(case, steps=5):
    """What autograd saves in the first few steps, each storage once and parameters left out, times their number."""
    torch, saved, own = import_torch(), {}, {p.untyped_storage().data_ptr() for p in case.params}

    def pack(x):
        saved[x.untyped_storage().data_ptr()] = x.untyped_storage()  # held, so that no address is used twice
        return x

    times = case.solution.t
    steps, total = min(steps, len(times) - 1), case.solution.stats.n_accepted
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        end = (case.t[0], float(times[steps]))
        first = {} if "step" in case.settings else {"first_step": abs(float(times[1] - times[0]))}
        s = case.solve_recorded(case.start(), end, gradient="backprop", **first)
    count = sum(x.nbytes() for address, x in saved.items() if address not in own)
    every = count / (s.stats.n_accepted + s.stats.n_rejected) * total
    state = in_bytes(case.y0.numel() * case.y0.element_size())
    found = (
        f"backprop saves {in_bytes(every)} on the way forward: {in_bytes(every / total)} a step, for a state of {state}"
    )
    advice = "gradient='checkpoint' keeps only the states, as the default does beyond its budget: lessons 05 and 07."
    return found, every <= BYTES or (False if case.way == "backprop" else None), advice


CHECKS = [field, solve, finite, jumps, stiffness, precision, accuracy, reversal, gradient, adjoint, memory]
NEEDS_AN_END = {accuracy, reversal, gradient, adjoint, memory}


def in_bytes(x):
    power = min(3, int(math.log10(max(x, 1)) / 3))
    return f"{x / 1000**power:.3g} {('B', 'kB', 'MB', 'GB')[power]}"


def settings_atol(case, factor=1.0):
    """The caller's atol times factor, as `nodekit.solve` takes it."""
    return float(case.atol * factor) if case.atol.ndim == 0 else case.atol * factor


def doubled(case):
    """(f, y0, rounding) in float64 where f can be called so, else as they are."""
    f = case.f.f
    try:
        if not case.torch:
            y0 = case.y0.astype(np.result_type(case.y0.dtype, float))
        else:
            y0, f = case.y0.double(), copy.deepcopy(f).double() if hasattr(f, "parameters") else f
        k = f(y0.new_tensor(case.t[0]) if case.torch else case.t[0], y0)
        if k.dtype == y0.dtype:
            return f, y0, float(np.finfo(float).eps)
    except Exception:  # weights of another dtype: then the answer is judged in that one
        pass
    return case.f, case.y0, case.precision
