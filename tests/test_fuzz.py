"""Seeded bad calls of nodekit.solve: every one ends soon, in a documented exception with a message, or in a Solution
whose status is true. Never a hang, a silent nan, a foreign exception, or f called outside the interval.
"""

import math
import time
import warnings
from collections import Counter

import numpy as np
import pytest
import torch
from autograd.tracer import trace_stack

import nodekit
from nodekit.methods import METHODS
from nodekit.solution import Solution, Status

BLOCK = 50
BEYOND = ("kvaerno5", "yoshida4")  # their nodes lie outside [0, 1]
SECONDS = 5.0
nan, inf = math.nan, math.inf


class FieldError(Exception):
    """Raised by a fuzzed f, event or jac: it must come out as it went in."""


class Hang(BaseException):
    """Raised by f when a call takes too long: nothing may catch it."""


class Fuzz:
    """One random call: good arguments, of which one to three are spoilt. `refused`: some must be refused."""

    def __init__(self, seed, backend):
        self.rng, self.backend = np.random.default_rng(seed), backend
        self.calls, self.seen, self.what, self.refused = 0, [], [], False
        self.fault = FieldError(f"seed {seed}")
        name = self.pick(list(METHODS))
        m = METHODS[name]
        self.shape = self.pick([(2,), (4,), (2, 3)]) if m.family == "geometric" else self.pick([(), (1,), (3,), (2, 2)])
        self.field, self.dtype = self.pick(FIELDS), float
        span = self.pick([(0.0, 1.0), (2.0, -1.0), (0.0, 0.25, 0.5, 1.0), (1.0, 0.5, 0.4), (-3.0, 1e-3)])
        self.arguments = {
            "f": self.f, "y0": self.rng.normal(size=self.shape), "t": span, "method": name,
            "max_steps": int(self.pick([20, 200, 1000])), "rtol": float(self.pick([1e-2, 1e-6, 1e-12])),
            "throw": bool(self.pick([True, False])),
        }  # fmt: skip
        if not m.adaptive or (m.family not in ("auto", "bdf") and self.rng.random() < 0.2):
            self.arguments["step"] = abs(span[-1] - span[0]) / 17
        self.at = {"call": int(self.rng.integers(0, 40)), "time": self.rng.uniform(*sorted((span[0], span[-1])))}
        self.trigger = self.pick(["call", "time"])
        self.spoilt = set()
        for _ in range(self.rng.integers(1, 4)):
            self.pick([self.spoil_argument, self.spoil_field, self.spoil_field, self.spoil_state])()
        if backend == "torch" and isinstance(self.arguments["y0"], np.ndarray):
            if self.arguments["y0"].dtype.kind in "fciub":
                self.arguments["y0"] = torch.as_tensor(self.arguments["y0"])

    def pick(self, options):
        return options[int(self.rng.integers(len(options)))]

    def choose(self, name, options):
        """Spoil the argument `name`, once, as often with a value that is to be refused as with one that is not."""
        if name not in self.spoilt:
            kind = bool(self.rng.integers(2))
            value, refused = self.pick([o for o in options if o[1] == kind] or options)
            self.spoilt.add(name)
            self.what.append(f"{name}={value!r}"[:80])
            self.refused = self.refused or refused
            return value
        return None

    # What f does

    def f(self, t, y):
        self.calls += 1
        if time.perf_counter() - self.began > SECONDS:
            raise Hang(f"{self.calls} calls of f: {self.what}")
        self.seen.append(float(t))
        xp = torch if isinstance(y, torch.Tensor) else np
        k = self.field(float(t), y, xp)
        fault = getattr(self, "field_fault", None)
        if fault and (self.calls > self.at["call"] if self.trigger == "call" else self.passed(float(t))):
            return fault(self, t, y, k, xp)
        return k

    def passed(self, t):
        forward = self.arguments["t"][-1] > self.arguments["t"][0] if np.ndim(self.arguments["t"]) == 1 else True
        return t > self.at["time"] if forward else t < self.at["time"]

    # What can be wrong

    def spoil_field(self):
        name = self.pick(list(FAULTS))
        self.field_fault = FAULTS[name]
        self.what.append(f"f: {name} by {self.trigger}")

    def spoil_state(self):
        value = self.choose("y0", STATES)
        if value:
            self.arguments["y0"] = value(self.shape)

    def spoil_argument(self):
        name = self.pick(list(ARGUMENTS))
        if name not in self.spoilt:
            value = self.choose(name, ARGUMENTS[name])
            self.arguments[name] = self.raising if isinstance(value, str) and value == "@raising" else value

    def raising(self, t, y):
        raise self.fault

    def run(self):
        """The outcome: 'refused', 'passed through', 'failed' or 'solved'. Asserts what is asked of all calls."""
        self.began = time.perf_counter()
        error, level = None, trace_stack.top
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                sol = nodekit.solve(**self.arguments)
        except (nodekit.SolveError, TypeError, ValueError, FieldError) as raised:
            error = raised
        assert time.perf_counter() - self.began < SECONDS
        trace_stack.top, left_at = level, trace_stack.top
        assert left_at == level  # autograd is not left in the middle of a derivative
        self.check_interval()
        if isinstance(error, FieldError):
            assert error is self.fault
            return "passed through"
        assert error is None or str(error).strip()
        if isinstance(error, nodekit.SolveError):
            assert self.arguments["throw"]
            sol = error.solution
            assert not sol.success
        elif error:
            return "refused"
        assert not self.refused
        self.check(sol)
        return "solved" if sol.success else "failed"

    def check_interval(self):
        if self.seen:
            ends, y0 = np.asarray(self.arguments["t"], float)[[0, -1]], self.arguments["y0"]
            # torch: f sees the time in the precision of the state
            eps = torch.finfo(y0.dtype if y0.is_floating_point() else torch.float64).eps if torch.is_tensor(y0) else 0.0
            slack = eps * np.abs(ends).max()
            if self.arguments["method"] in BEYOND:
                slack += 0.5 * abs(ends[1] - ends[0])
            assert ends.min() - slack <= min(self.seen)
            assert max(self.seen) <= ends.max() + slack

    def check(self, sol):
        assert isinstance(sol, Solution)
        assert sol.message.strip()
        t, y = np.asarray(sol.t), np.asarray(sol.y)
        assert y.shape == (len(t), *np.shape(self.arguments["y0"]))
        assert np.isfinite(y).all()
        asked = np.asarray(self.arguments["t"], float)
        assert ((np.diff(t) > 0) if asked[-1] > asked[0] else (np.diff(t) < 0)).all()
        assert t[0] == asked[0]
        if sol.status is Status.SUCCESS:
            assert t[-1] == asked[-1]
            assert len(asked) == 2 or np.array_equal(t, asked)
        elif sol.status is Status.MAX_STEPS:
            assert len(sol.steps.t) == self.arguments["max_steps"]


def nothing(fuzz, t, y, k, xp):
    return k


def spoilt(value):
    """One random component of the slope is `value`."""

    def fault(fuzz, t, y, k, xp):
        k, i = k * 1.0, int(fuzz.rng.integers(max(1, math.prod(k.shape))))
        k.reshape(-1)[i] = value if value != 1e308 else float(xp.finfo(k.dtype).max)
        return k

    return fault


def in_place(fuzz, t, y, k, xp):
    y += 1.0
    return k


def raising(fuzz, t, y, k, xp):
    raise fuzz.fault


FIELDS = [
    lambda t, y, xp: -y,
    lambda t, y, xp: 0 * y,
    lambda t, y, xp: xp.sin(y) + t,
    lambda t, y, xp: y**2,  # a pole in finite time
    lambda t, y, xp: xp.exp(40 * y),
    lambda t, y, xp: 1e300 * y,
    lambda t, y, xp: -1e8 * (y - math.cos(t)),  # stiff
    lambda t, y, xp: -(abs(y) ** 0.5) * (1 if t < 0.3 else -1e6),  # a jump
    lambda t, y, xp: xp.sqrt(1 - y**2),  # nan outside of [−1, 1]
    lambda t, y, xp: 1 / y,
    lambda t, y, xp: 1e-320 * y,
]
FAULTS = {
    "nan": spoilt(nan),
    "inf": spoilt(inf),
    "-inf": spoilt(-inf),
    "huge": spoilt(1e308),
    "all nan": lambda fuzz, t, y, k, xp: k * nan,
    "another shape": lambda fuzz, t, y, k, xp: k.reshape(-1)[:1].reshape((1, 1, 1)),
    "too many": lambda fuzz, t, y, k, xp: xp.stack([k, k]),
    "None": lambda fuzz, t, y, k, xp: None,
    "a string": lambda fuzz, t, y, k, xp: "slope",
    "a dict": lambda fuzz, t, y, k, xp: {"slope": k},
    "complex": lambda fuzz, t, y, k, xp: 1j * k,
    "objects": lambda fuzz, t, y, k, xp: np.full(np.shape(k), None),
    "float32": lambda fuzz, t, y, k, xp: k.astype("float32") if xp is np else k.float(),
    "integers": lambda fuzz, t, y, k, xp: np.zeros(k.shape, int) if xp is np else torch.zeros(k.shape, dtype=int),
    "booleans": lambda fuzz, t, y, k, xp: abs(k) > 1,
    "a list": lambda fuzz, t, y, k, xp: k.tolist(),
    "y itself": lambda fuzz, t, y, k, xp: y,
    "in place": in_place,
    "noise": lambda fuzz, t, y, k, xp: k + fuzz.rng.normal(),
    "raising": raising,
}
STATES = [
    (lambda shape: np.full(shape, nan), True),
    (lambda shape: np.full(shape, -inf), True),
    (lambda shape: np.zeros((0,)), False),
    (lambda shape: np.zeros((0, 3)), False),
    (lambda shape: "state", True),
    (lambda shape: None, True),
    (lambda shape: [None, 1.0], True),
    (lambda shape: {"y": 1.0}, True),
    (lambda shape: [[1.0, 2.0], [3.0]], True),
    (lambda shape: np.array(["a"]), True),
    (lambda shape: np.full(shape, 1e308), False),
    (lambda shape: np.full(shape, 1e-320), False),
    (lambda shape: np.ones(shape, int), False),
    (lambda shape: np.ones(shape, bool), False),
    (lambda shape: np.ones(shape, "float32"), False),
    (lambda shape: np.ones(shape, "float16"), False),
    (lambda shape: np.ones(shape) + 1j, False),
    (lambda shape: np.ma.masked_array(np.ones(shape)), False),
]
_NOT_POSITIVE = [(x, True) for x in (0.0, -1e-3, nan, "1e-3", 1j, [1e-3], -inf)]
ARGUMENTS = {
    "f": [(None, True), (3.0, True), ("f", True), (lambda y: -y, True), (lambda t, y, p: -y, True)],
    "t": [
        *(((), True), ((1.0,), True), (1.0, True), (None, True), ("01", True), ((0.0, nan), True), ((0.0, inf), True)),
        *(((0.0, 0.0), False), ((0.0, 0.0, 0.0), True), ((0.0, 1.0, 1.0), True), ((0.0, 2.0, 1.0), True)),
        ((0.0, 1j), True),
        *((((0.0, 1.0), (2.0, 3.0)), True), ({0: 1}, True), ((None, 1.0), True), ([True, False], True)),
        *(((0.0, 1e-320), False), ((0.0, 1e308), False), ((-1e308, 1e308), False), ((1e16, 1e16 + 2), False)),
        ((1.0, 1.0 + 2.3e-16), False),
    ],
    "rtol": [
        *_NOT_POSITIVE[:5], (-inf, True), ([1e-3] * 9, True), ([[1e-3]], True), (None, True), (inf, True),
        (1e-30, False), (1e3, False), (1e-300, False),
    ],
    "atol": [
        *_NOT_POSITIVE[:4], (None, True), (np.ones(7), True), (np.full((2, 2, 2), 1e-3), True), (1e-300, False),
        ([1e-3, -1.0], True), (1e30, False),
    ],
    "step": [*_NOT_POSITIVE, (inf, True), (1e-300, True), (5e-324, True), (1e300, False), (0.3, False)],
    "first_step": [*_NOT_POSITIVE, (inf, True), (1e-300, False), (5e-324, False), (1e300, False)],
    "max_step": [*_NOT_POSITIVE, (None, True), (1e-300, False), (5e-324, False), (0.01, False)],
    "max_steps": [(x, True) for x in (0, -1, 2.5, None, "10", True, nan)] + [(1, False), (2, False)],
    "controller": [(x, True) for x in (None, "P", 3, [], {})] + [("PID", False), ("I", False)],
    "method": [(x, True) for x in (None, 3, "", "RK45", [], ("dopri5",), {})],
    "events": [
        (3, True), ([3], True), ("g", True), ("@raising", False), ([lambda t, y: 1.0, lambda t, y: nan], False),
        (lambda t, y: t - 0.3, False), (nodekit.event(lambda t, y: t - 0.3, terminal=True), False),
    ],
    "jac": [
        ("@raising", False), (lambda t, y: np.zeros((1, 7)), False), (lambda t, y: nan, False),
        (lambda t, y: "J", False), (lambda t, y: np.full((math.prod(y.shape),) * 2, nan), False),
        (lambda t, y: 1e200 * np.ones((math.prod(y.shape),) * 2), False), (lambda t, y: None, False),
    ],
}  # fmt: skip


@pytest.mark.parametrize("block", range(14))
def test_bad_calls_on_numpy(block, measured):
    """50 calls a block, 700 in all."""
    outcomes = Counter(Fuzz(seed, "numpy").run() for seed in range(BLOCK * block, BLOCK * (block + 1)))
    measured(f"fuzz, NumPy, block {block}: {dict(outcomes)}")
    assert outcomes["refused"] > 0


@pytest.mark.parametrize("block", range(14))
def test_bad_calls_on_torch(block, measured):
    """50 calls a block, 700 in all."""
    outcomes = Counter(Fuzz(seed, "torch").run() for seed in range(10**6 + BLOCK * block, 10**6 + BLOCK * (block + 1)))
    measured(f"fuzz, torch, block {block}: {dict(outcomes)}")
    assert outcomes["refused"] > 0
