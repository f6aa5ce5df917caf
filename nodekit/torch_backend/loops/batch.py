"""Batches whose samples do not share a step size: `solve(..., batch="independent")` (used from lesson 04 on).

Every sample has its own times, direction, step size, acceptance and failure; one evaluation of f serves all that are
still on their way, and those that have arrived leave the batch. What a sample does is what it would do alone.
"""

import math
from typing import NamedTuple

import torch

from nodekit.solution import Solution, Stats, Status, Steps, max_steps_reached, not_finite
from nodekit.solution import step_too_small as too_small_in_words
from nodekit.stepping import loop
from nodekit.stepping.breaks import Sided
from nodekit.stepping.step import runge_kutta_step
from nodekit.torch_backend.context import Context
from nodekit.torch_backend.control import combined, factor, first_step, smallest
from nodekit.torch_backend.layout import Layout
from nodekit.torch_backend.loops.pieces import Pieces


class Taken(NamedTuple):
    """The steps that one attempt took: m samples, and the outputs that lie within or at the end of these steps."""

    samples: torch.Tensor  # (m,) numbers of the samples
    t: torch.Tensor  # (m,)
    h: torch.Tensor  # (m,)
    y: torch.Tensor  # (m, d) at their starts
    outputs: list  # of (which, rows, theta): output `which[i]` of the sample in row rows[i], at theta[i] of its step


class Field:
    """f on (n, d) states at times (n,): t reaches f as a tensor that broadcasts against y, (n, 1, ..., 1)."""

    def __init__(self, f, layout, y, context):
        lists = (f.points, f.low, f.high) if isinstance(f, Sided) else ()
        self.sided = [torch.tensor(x, dtype=torch.float64, device=y.device) for x in lists]
        f = f.f if lists else f
        self.f, self.layout, self.dtype, self.nfev = context.around(f), layout, y.real.dtype, 0
        self.kind = y.dtype if context.autocast else None
        self.axes = 1 if layout.shape is None else len(layout.shape)

    def shown(self, t):
        """Times (..., n) as f is to get them."""
        if self.sided:
            points, low, high = self.sided
            i = torch.bucketize(t.contiguous(), points, right=True)
            t = t.clamp(low[i], high[i])
        return t.to(self.dtype).reshape(*t.shape, *[1] * self.axes)

    def __call__(self, t, y, shown=None):
        """shown: t as `shown` makes it, where that was done."""
        self.nfev += 1
        state = self.layout.show(y)
        k = self.f(self.shown(t) if shown is None else shown, state)
        expected = {n: state[n].shape for n in self.layout.names} if self.layout.names else state.shape
        try:
            found = {n: k[n].shape for n in self.layout.names} if self.layout.names else k.shape
        except (AttributeError, KeyError, IndexError, TypeError) as error:
            raise TypeError(f"f returned {type(k).__name__}, which does not fit y. Return what y is.") from error
        if found != expected:
            raise ValueError(f"f returned shape {found}, but y has {expected}: samples first.")
        k = self.layout.flatten(k)
        return k if self.kind is None else k.to(self.kind)


def first_sample(y0):
    """The state of one sample, in the form of y0: a tensor, or a tuple or dict of them, samples first."""
    if isinstance(y0, torch.Tensor):
        return y0[0]
    return {name: part[0] for name, part in y0.items()} if isinstance(y0, dict) else tuple(part[0] for part in y0)


def weighted(y, h, weights, k):
    """y + h Σ_j weights_j k_j for h (n, 1) and slopes (n, d)."""
    total = None
    for w, k_j in zip(weights, k, strict=False):
        if w:
            total = k_j * w if total is None else torch.add(total, k_j, alpha=w)
    return h * total if y is None else torch.addcmul(y, h, total)


class Independent:
    """One solve. y0: (n, ...), or a tuple or dict of such; times (m, n) in float64. solve() checked the rest."""

    def __init__(self, f, y0, times, m, rtol, atol, step, first_step, max_step, max_steps, controller, points):
        self.layout = Layout(first_sample(y0))
        self.y0, self.times, self.m = self.layout.flatten(y0), times.to(self.layout.flatten(y0).device), m
        self.pieces = Pieces(points, self.times) if points else None
        self.context = Context(self.y0.device)
        self.field = Field(f, self.layout, self.y0, self.context)
        self.step, self.first, self.max_step = step, first_step, max_step
        self.rtol, self.atol = (x.reshape(self.y0.shape) if isinstance(x, torch.Tensor) else x for x in (rtol, atol))
        self.who = slice(None)
        self.max_steps, self.controller = max_steps, controller
        self.c = torch.tensor(m.c, dtype=torch.float64, device=self.y0.device)[:, None]
        self.k0 = None  # f at the start, where it is known

    @property
    def start(self):
        """Where the first step of every sample begins, (n,)."""
        return self.pieces.begins[0] if self.pieces else self.times[0]

    @property
    def first_end(self):
        """Which time the first step of every sample may not pass, (n,)."""
        return self.pieces.stops[0] if self.pieces else self.times[-1]

    def begin_with(self, k0):
        self.k0 = k0

    def scale(self, size):
        """atol + rtol size (n, d) of the samples that are still on their way."""
        rtol, atol = (x[self.who] if isinstance(x, torch.Tensor) else x for x in (self.rtol, self.atol))
        return atol + rtol * size

    def norm(self, v):
        return (torch.linalg.vector_norm(v, dim=1) / math.sqrt(v.shape[1])).to(torch.float64)

    def in_tolerances(self, v, y):
        """The root mean square of v (n, d) in units of the tolerance at y, for every sample (n,)."""
        return self.norm(v / self.scale(y.abs()))

    def run(self, y, keep=False):
        """Solve from y (n, d). Sets what `solution` reports; returns the outputs (m, n, d).

        keep: whether `taken` keeps the steps, for a gradient.
        """
        n, m, order = len(y), self.m, self.m.error_order
        real = {"dtype": torch.float64, "device": y.device}
        ends, way, pieces = self.times[-1], torch.sign(self.times[-1] - self.times[0]), self.pieces
        out = torch.full((len(self.times), *y.shape), math.nan, dtype=y.dtype, device=y.device)
        out[0] = y
        self.attempts, self.accepted = (torch.zeros(n, dtype=torch.int64, device=y.device) for _ in range(2))
        self.calls = torch.zeros_like(self.attempts)  # of f, in which a sample took part
        self.failures, self.log, self.taken = {}, [], [] if keep else None
        out[:, self.times[0] == ends] = y[self.times[0] == ends]  # nothing to do
        who = torch.nonzero(self.times[0] != ends)[:, 0]
        self.who, y, t, piece = who, y[who], self.start[who], torch.zeros(n, dtype=torch.int64, device=y.device)
        k0 = self.field(t, y) if self.k0 is None else self.k0[who]
        if self.step is not None:
            h = way[who] * self.step
        elif self.first is not None:
            h = way[who] * self.first
        else:
            h = way[who] * first_step(self.field, t, y, k0, self.first_end[who], order, self.in_tolerances)
        h = way[who] * torch.clamp(h.abs(), max=self.max_step)
        r1 = r2 = torch.ones(len(who), **real)
        previous = torch.full_like(r1, math.inf)  # the size of the accepted step before
        rejected = torch.zeros(len(who), dtype=torch.bool, device=y.device)
        refused, todo, accepted = torch.zeros_like(who), torch.ones_like(who), torch.zeros_like(who)
        attempts = 0  # of every sample that is still on its way
        self.calls += self.field.nfev
        while len(who):
            attempts, self.who = attempts + 1, who
            end = ends[who] if m.dense_holds or self.step else self.times[todo, who]  # where a step must end next
            if pieces:
                stop, goal = pieces.stops[piece[who], who], pieces.goals[piece[who], who]
                end = torch.where((end - stop) * way[who] > 0, stop, end)
            wanted, last = h, h.abs() * (1 + 1e-10) >= (end - t).abs()
            h = torch.where(last, end - t, h)
            if pieces:  # a repeated step has h alone, and t + h may round past the end
                h = torch.where((t + h - end) * way[who] > 0, torch.nextafter(h, torch.zeros_like(h)), h)
            t1 = torch.where(last, end, t + h)
            h_y = h.to(self.field.dtype)[:, None]
            y1, k = self.attempt(t, y, h, h_y, end, k0)
            if self.step is None:
                ratio = self.ratio(y, y1, h_y, k)
            else:
                ratio = torch.where(torch.isfinite(y1).all(1), 0.0, math.nan).to(torch.float64)
            good = ratio <= 1
            self.log.append((who, t, h, ratio, good))
            accepted = accepted + good
            if pieces:
                there = good & (t1 == stop)
                t1 = torch.where(there, goal, t1)
            todo = self.note(out, who, t, h, h_y, y, y1, t1, k, good, todo)
            if self.step is None:
                factors = factor(self.controller, order, ratio, good, rejected, r1, r2, h / previous)
                previous = torch.where(good, h, previous)
                h = way[who] * (h * factors).abs()
                h = torch.where(last & good & (h.abs() < wanted.abs()), wanted, h)  # as in loop.py
                h = h.clamp(-self.max_step, self.max_step)
            else:
                h = wanted
            r1, r2 = torch.where(good, ratio, r1), torch.where(good, r1, r2)
            refused = torch.where(ratio < math.inf, 0, refused + 1)
            rejected = ~good
            if m.fsal:
                k0 = torch.where(good[:, None], k[-1], k[0])
            else:  # a sample that goes back begins with the slope it had; one that goes on needs a new one
                k0 = None if bool(good.any()) else k[0]
            y, t = torch.where(good[:, None], y1, y), torch.where(good, t1, t)
            arrived = t == ends[who]
            if pieces and bool((there := there & ~arrived).any()):  # f is another one: begin anew
                piece[who] += there
                t, k0 = torch.where(there, pieces.begins[piece[who], who], t), None
                r1, r2 = torch.where(there, 1.0, r1), torch.where(there, 1.0, r2)
                previous = torch.where(there, math.inf, previous)
            failed = (h.abs() < smallest(t)) & ~arrived if self.step is None else refused > 0
            failed = failed | (refused >= loop.MAX_REFUSED)
            gone = arrived | failed if attempts < self.max_steps else torch.ones_like(arrived)
            if bool(gone.any()):
                self.attempts[who[gone]], self.calls[who[gone]] = attempts, self.field.nfev
                self.accepted[who[gone]] = accepted[gone]
                self.explain(gone & ~arrived, who, t, h, y1, refused)
                stay = ~gone
                who, t, h, y, r1, r2, previous, rejected, refused, todo, accepted = (
                    x[stay] for x in (who, t, h, y, r1, r2, previous, rejected, refused, todo, accepted)
                )
                k0 = None if k0 is None else k0[stay]
        return out

    def attempt(self, t, y, h, h_y, end, k0):
        """(y1, slopes) of a step of every sample. The times of all stages are made at once."""
        way, c = torch.sign(h), self.c if k0 is None else self.c[1:]
        times = way * torch.minimum(way * torch.addcmul(t, c, h), way * end)  # the sum t + c h may round past the end
        shown = iter(self.field.shown(times).unbind())

        def field(_, y):
            return self.field(None, y, next(shown))

        return runge_kutta_step(field, 0.0, y, 0.0, self.m, k0, lambda y, _, w, k: weighted(y, h_y, w, k))

    def ratio(self, y, y1, h, k):
        """The error ratio of every sample (n,)."""
        scale = self.scale(torch.maximum(y.abs(), y1.abs()))
        ratio = self.norm((weighted(None, h, self.m.b_error, k) + 0 * y1) / scale)
        if self.m.b_error_low is not None:
            low = self.norm(weighted(None, h, self.m.b_error_low, k) / scale)
            ratio = combined(ratio, low)
        return ratio

    def note(self, out, who, t, h, h_y, y, y1, t1, k, good, todo):
        """Record the steps taken, and write the outputs within them. Returns the numbers of the next outputs."""
        outputs, k = [], list(k)
        while True:
            wanted = self.times[todo.clamp(max=len(self.times) - 1), who]
            here = good & (todo < len(self.times)) & ((wanted - t1) * torch.sign(h) <= 0)
            rows = here.nonzero()[:, 0]
            if not len(rows):
                break
            theta = ((wanted - t) / h)[rows].clamp(max=1.0)
            theta[wanted[rows] == t1[rows]] = 1.0
            which = todo[rows]
            states = y1[rows]
            if bool((theta < 1).any()):
                self.dense_slopes(t, y, h, h_y, k)
                between = self.between(y[rows], h_y[rows], [k_j[rows] for k_j in k], theta)
                states = torch.where(theta[:, None] < 1, between, states)
            out[which, who[rows]] = states
            outputs.append((which, rows, theta))
            todo = todo + here
        if self.taken is not None:
            place = torch.cumsum(good, 0) - 1  # the rows among those taken
            outputs = [(which, place[rows], theta) for which, rows, theta in outputs]
            self.taken.append(Taken(who[good], t[good], h[good], y[good], outputs))
        return todo

    def dense_slopes(self, t, y, h, h_y, k):
        for row in self.m.dense_rows[len(k) - self.m.stages :]:
            k.append(self.field(t + row.c * h, weighted(y, h_y, row.a, k)))

    def between(self, y, h, k, theta):
        """The states at theta (n,) of the steps from y (n, d) by h (n, 1)."""
        weights = torch.as_tensor(self.m.weights_at(theta.cpu().numpy()), dtype=y.dtype, device=y.device)
        return y + h * torch.einsum("ns,snd->nd", weights, torch.stack(k))

    def explain(self, failed, who, t, h, y1, refused):
        """Put into words why these samples leave before they have arrived."""
        for i in failed.nonzero()[:, 0].tolist():
            t_i, h_i, sample = t[i].item(), h[i].item(), who[i].item()
            if refused[i] >= loop.MAX_REFUSED or (refused[i] > 0 and self.step is not None):
                j = int((~torch.isfinite(y1[i])).nonzero()[0]) if not bool(torch.isfinite(y1[i]).all()) else 0
                where = self.layout.index(j)
                why = Status.NOT_FINITE, not_finite("the result of a step", t_i, h_i, where, y1[i, j].item())
            elif h[i].abs() < smallest(t[i]):
                why = Status.STEP_TOO_SMALL, too_small_in_words(t_i, h_i, ())
            else:
                n, taken = int(self.attempts[sample]), int(self.accepted[sample])
                why = Status.MAX_STEPS, max_steps_reached(n, t_i, h_i, self.times[-1, sample].item(), n - taken)
            self.failures[sample] = why

    def solution(self, out):
        """What solve() returns, from the outputs (m, n, d)."""
        names = ("sample", "t", "h", "error_ratio", "accepted")
        log = {name: torch.cat(x).cpu().numpy() for name, x in zip(names, zip(*self.log, strict=True), strict=True)}
        accepted, rejected = self.accepted.cpu(), (self.attempts - self.accepted).cpu()
        each = Stats(nfev=self.calls.cpu(), n_accepted=accepted, n_rejected=rejected)
        stats = Stats(
            nfev=self.field.nfev, n_accepted=int(accepted.sum()), n_rejected=int(rejected.sum()), per_sample=each
        )
        self.stats = stats
        status, message = Status.SUCCESS, f"all {len(accepted)} samples reached their ends"
        if self.failures:
            sample, (status, message) = min(self.failures.items())
            message = f"sample {sample} of {len(accepted)} ({len(self.failures)} failed): {message}"
        t = self.times.cpu()
        t = t[:, 0] if bool((t == t[:, :1]).all()) else t
        return Solution(t, self.layout.show(out), stats, Steps(**log), status, message, _dense=no_dense_output)


def no_dense_output(t):
    raise ValueError(f't={t!r}: batch="independent" keeps no dense output. Give the times to solve(), as t.')
