"""The debugging checklist of a field: `diagnose(f, y0, t)` says what is well, and what to do about the rest.

Lessons 04, 05 and 07 use it. Each check below takes a `Case` and returns (found, good) or (found, good, advice): one
line of the table. Whatever f raises becomes a line too.
"""

import copy
import inspect
import math
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import pairwise
from textwrap import wrap

import numpy as np

from nodekit import gradients, methods
from nodekit.analysis.stiffness import detect_stiffness
from nodekit.arrays import is_torch
from nodekit.solve import solve as nodekit_solve

__all__ = ["Diagnosis", "diagnose"]

# The non-stiff problems of nodekit.problems stay below 0.22 of all attempts, and 2 in a row.
MANY_REJECTED, REJECTED_IN_A_ROW = 1 / 3, 4
TOLERANCES_OFF = 1000  # an error at the end above so many tolerances is worth a word
REVERSED = 1e-3  # relative error after the way there and back (100 rtol, if that is more)
GRADIENT_OFF = 0.02  # relative difference from central differences
GROWTH = 1e3  # of the adjoint's size along the way, either way
BYTES = 2**30  # that backpropagation may keep
COMPONENTS = 1000  # the stiffness detector may need a Jacobian with so many columns


@dataclass
class Line:
    """One line of the table. good: True; False; None: nothing to judge, or (with advice) no harm as things are set."""

    name: str
    found: str
    good: bool | None
    advice: str = ""

    def __post_init__(self):
        self.good = None if self.good is None else bool(self.good)  # a NumPy one would not be `is False`


class Diagnosis:
    """What `diagnose` found; it prints as a table. lines: list of Line; bad: the names of those that are not good."""

    def __init__(self):
        self.lines = []

    @property
    def bad(self):
        return [line.name for line in self.lines if line.good is False]

    def __getitem__(self, name):
        return {line.name: line for line in self.lines}[name]

    def __repr__(self):
        rows = []
        for line in self.lines:
            first, *more = wrap(line.found, 88)
            mark = {True: "✓", False: "✗", None: "!" if line.advice else " "}[line.good]
            rows.append(f"{mark} {line.name:11s}{first}")
            rows += [" " * 13 + text for text in more]
            if not line.good:
                rows += [" " * 13 + ("  " if i else "→ ") + text for i, text in enumerate(wrap(line.advice, 86))]
        return "\n".join(rows)


class FieldError(Exception):
    """f raised; the message says what, and when."""


class Watch:
    """f as the checks call it: it notes the first value that is not finite, and the time at which f raises."""

    def __init__(self, f):
        self.f, self.bad, self.bad_calls = f, None, 0

    def __call__(self, t, y):
        try:
            with np.errstate(all="ignore"):
                k = self.f(t, y)
        except Exception as error:
            raise FieldError(f"f raised {type(error).__name__}: {error} at t = {float(t):.6g}") from error
        if k is None:
            raise FieldError(f"f returned None at t = {float(t):.6g}")
        wrong = np.argwhere(~np.isfinite(array(k)))
        if len(wrong):
            self.bad_calls += 1
            self.bad = self.bad or f"first at t = {float(t):.6g} in component {', '.join(map(str, wrong[0]))}"
        return k


class Case:
    """The problem that is looked at, and what several checks share."""

    def __init__(self, f, y0, t, params, seed, settings):
        self.torch = is_torch(y0)
        if isinstance(y0, tuple | dict):
            raise TypeError(f"diagnose takes an array or one tensor, got a {type(y0).__name__}: concatenate its parts.")
        self.f, self.y0, self.t = Watch(f), y0 if self.torch else np.asarray(y0) * 1.0, (float(t[0]), float(t[-1]))
        own = ("throw",) if self.torch else ("throw", "gradient")  # of NumPy's solve it is the way that is thought of
        self.settings = {key: value for key, value in settings.items() if key not in own}
        self.rtol, self.atol = settings.get("rtol", 1e-6), array(settings.get("atol", 1e-9))
        self.method = methods.get(settings.get("method", "dopri5"))
        self.way = gradients.get(settings.get("gradient", "discrete")).name
        self.explicit, self.stiff, self.seed = self.method.family == "explicit", False, seed
        self.precision = float(np.finfo(array(self.y0).dtype).eps)
        if self.torch and params is None:
            from nodekit.torch_backend.depends import held

            params = held(f)[0]
        self.params = list(params or ())

    def solve(self, y0=None, t=None, f=None, **changed):
        """nodekit.solve with the caller's settings, and changes to them."""
        settings = {**self.settings, **changed}
        return nodekit_solve(f or self.f, self.y0 if y0 is None else y0, t or self.t, **settings)

    def solve_recorded(self, y0, t=None, **changed):
        return self.solve(y0, t, **({"params": self.params} if self.params else {}), **changed)

    def no_grad(self):
        return import_torch().no_grad() if self.torch else nullcontext()

    def start(self):
        return self.y0.detach().clone().requires_grad_()

    def random(self, x, number):
        """Standard normal numbers like the tensor x, the same for the same seed and number."""
        values = np.random.default_rng([self.seed, number]).normal(size=tuple(x.shape))
        return x.detach().new_tensor(values)


def diagnose(f, y0, t, *, params=None, seed=0, **settings):
    """Go through the checklist of a field and return a `Diagnosis`, which prints as a table.

    f, y0, t: as for `nodekit.solve`; of t the two ends count. y0, of any shape, is an array or one torch
        tensor, which adds the checks of gradients and memory.
    params: the tensors whose gradient is checked; by default those that are found in f.
    seed: of the random directions of the gradient check.
    settings: any other argument of `nodekit.solve`, such as method, rtol, atol, step.

    It costs about ten solves, or twenty on torch. Nothing is raised for what f does: it becomes a line.
    """
    case, diagnosis = Case(f, y0, t, params, seed, settings), Diagnosis()
    for check in CHECKS if case.torch else CHECKS[:-3]:
        if check in NEEDS_AN_END and not case.solution.success:
            continue
        try:
            with np.errstate(all="ignore"), case.no_grad():
                line = Line(check.__name__, *check(case))
        except FieldError as error:
            line = Line(check.__name__, str(error), False, "Call f(t, y) there yourself, and read the traceback.")
        except Exception as error:
            line = Line(check.__name__, f"{type(error).__name__}: {error}", False)
        diagnosis.lines.append(line)
        if line.good is False and (check is field or not hasattr(case, "solution")):
            break  # what follows would only repeat it
    return diagnosis


# ---- the checks ------------------------------------------------------------------------------------------------


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
    advice = "gradient='checkpoint', the default, keeps only the state of each step. See lessons 05 and 07."
    return found, every <= BYTES or (False if case.way == "backprop" else None), advice


CHECKS = [field, solve, finite, jumps, stiffness, precision, accuracy, reversal, gradient, adjoint, memory]
NEEDS_AN_END = {accuracy, reversal, gradient, adjoint, memory}


def import_torch():
    import torch

    return torch


def array(x):
    """x as a NumPy array, also where it is a tensor."""
    return x.detach().cpu().numpy() if is_torch(x) else np.asarray(x)


def in_bytes(x):
    power = min(3, int(math.log10(max(x, 1)) / 3))
    return f"{x / 1000**power:.3g} {('B', 'kB', 'MB', 'GB')[power]}"


def tensor(x, case):
    return import_torch().as_tensor(np.array(x), dtype=case.y0.dtype, device=case.y0.device)


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
