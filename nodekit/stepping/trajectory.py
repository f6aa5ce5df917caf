"""The accepted steps of a solve, and dense output from them (built in lesson 04)."""

import numpy as np

from nodekit.arrays import is_torch
from nodekit.travel import detached, trajectory_again


class Trajectory:
    """The accepted steps of one solve, and dense output from them.

    states[i] at times[i] starts step i, of size sizes[i], which stepper.restep repeats (see stepper.py). It begins at
    begin(i), which is times[i] but behind a breakpoint: begins has the exceptions.

    keep: "all" the states; "sqrt", about √n of them; "start", the first alone. A state that was not kept is found
    again by repeating the steps that led to it from the last one that was.
    """

    def __init__(self, t0, y0, stepper, keep="all"):
        self.times, self.sizes, self.states, self.kept, self.stepper = [t0], [], {0: y0}, [], stepper
        self.keep, self.stride, self.begins = keep, 1, {}
        self.outputs = np.empty(0), None  # times and states that the solve returned
        self.repeated = None, None  # the step asked for last: a loop over times asks for one again and again

    def __reduce__(self):
        state = {name: value for name, value in vars(self).items() if name != "stepper"}
        return trajectory_again, (type(self), self.stepper.recipe, detached({**state, "repeated": (None, None)}))

    def append(self, t, h, y, kept):
        self.times.append(t)
        self.sizes.append(h)
        i = len(self.sizes)
        if self.keep == "all":
            self.states[i] = y
            self.kept.append(kept)
            return
        self.last = y
        if self.keep == "sqrt" and i % self.stride == 0:
            self.states[i] = y
            if len(self.states) > 2 * self.stride:
                self.stride *= 2
                self.states = {j: y for j, y in self.states.items() if j % self.stride == 0}

    def begin(self, i):
        """Where step i begins."""
        return self.begins.get(i, self.times[i])

    def state(self, i):
        """The state at times[i]."""
        if i in self.states:
            return self.states[i]
        if i == len(self.sizes):
            return self.last
        return self.segment(i)[i]

    def segment(self, i):
        """{j: state} from the last state kept at or before i, up to i."""
        j = max(j for j in self.states if j <= i)
        found = {j: self.states[j]}
        while j < i:
            found[j + 1] = self.stepper.again_end(self.begin(j), found[j], self.sizes[j])
            j += 1
        return found

    def returned(self, times, states):
        """Note the states (n, d) that the solve returned at its output times: asked for again, they are these."""
        self.outputs = np.array(times), states

    def __call__(self, t, beyond=False):
        """States at the time or times t. Raises ValueError outside the solved part.

        beyond: outside of it, go on with the polynomial of the first or last step.
        """
        t = np.asarray(t.detach().cpu() if is_torch(t) and hasattr(t, "detach") else t, float)
        ends = (self.times[0], self.times[-1])
        low, high = min(ends), max(ends)
        wanted = t.reshape(-1)
        outside = ~((wanted >= low) & (wanted <= high))  # true for nan too
        if outside.any() and not beyond:
            raise ValueError(f"t={float(wanted[outside][0])!r} is outside the solved interval [{low!r}, {high!r}].")
        with self.stepper.held():
            states = self.at(wanted, outside)
            return self.stepper.show(states[0] + 0.0 if t.ndim == 0 else states)  # for the caller to write into

    def at(self, wanted, outside):
        """The states (n, d) at the times wanted (n,), those within one step together."""
        sign = 1.0 if self.times[-1] >= self.times[0] else -1.0
        times, (t_out, y_out) = np.array(self.times), self.outputs
        j = np.searchsorted(sign * times, sign * wanted) - 1  # the step that holds each
        j[outside] = j[outside].clip(0, len(self.sizes) - 1)
        i = np.searchsorted(sign * t_out, sign * wanted).clip(max=len(t_out) - 1)
        known = t_out[i] == wanted if len(t_out) else np.zeros(len(wanted), bool)
        blocks, places = [y_out[i[known]]] if known.any() else [], [np.flatnonzero(known)]
        end = np.where(wanted == times[j + 1], j + 1, -1)  # of which step it is the end
        for place in np.flatnonzero(~known & (end >= 0)):
            if end[place] in self.states:
                blocks.append(self.states[end[place]][None])
                places.append([place])
                known[place] = True
        mode, (last, inside) = self.stepper.mode(), self.repeated  # one pair: threads may be here at once
        rest = np.flatnonzero(~known)
        rest = rest[np.argsort(j[rest], kind="stable")]
        for group in np.split(rest, np.flatnonzero(np.diff(j[rest])) + 1) if len(rest) else ():
            step = int(j[group[0]])
            if mode is None or last != (step, mode):  # what a repeated step depends on is in the key
                kept = self.kept[step] if self.kept else None
                inside = self.stepper.restep(self.begin(step), self.state(step), self.sizes[step], kept)
                last = step, mode
            blocks.append(inside((wanted[group] - self.begin(step)) / self.sizes[step]))
            places.append(group)
        if mode is not None:
            self.repeated = last, inside
        states = self.stepper.join(blocks) if blocks else self.states[0][None][:0]
        places = np.concatenate(places)
        return states if (np.diff(places) == 1).all() else states[np.argsort(places)]
