"""The accepted steps of a solve, and dense output from them (built in lesson 04)."""

import numpy as np

from nodekit.arrays import is_torch
from nodekit.travel import detached, trajectory_again


class Trajectory:
    """The accepted steps of one solve, and dense output from them.

    states[i] at times[i] starts step i, of size sizes[i], which stepper.restep repeats (see stepper.py).

    keep: "all" the states; "sqrt", about √n of them; "start", the first alone. A state that was not kept is found
    again by repeating the steps that led to it from the last one that was.
    """

    def __init__(self, t0, y0, stepper, keep="all"):
        self.times, self.sizes, self.states, self.kept, self.stepper = [t0], [], {0: y0}, [], stepper
        self.keep, self.stride = keep, 1
        self.outputs = {}  # the states at output times, to the bit as the solve returned them
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
            found[j + 1] = self.stepper.again_end(self.times[j], found[j], self.sizes[j])
            j += 1
        return found

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
        sign = 1.0 if ends[1] >= ends[0] else -1.0
        held_by = np.searchsorted(sign * np.asarray(self.times), sign * wanted) - 1
        held_by[outside] = held_by[outside].clip(0, len(self.sizes) - 1)
        with self.stepper.held():
            mode = self.stepper.mode()
            repeated = self.repeated if mode is not None else (None, None)  # one pair: threads may be here at once
            states = []
            for time, j in zip(wanted.tolist(), held_by.tolist(), strict=True):
                known = self.known(time, j)
                if known is None:
                    if repeated[0] != (j, mode):  # what a repeated step depends on is in the key
                        kept = self.kept[j] if self.kept else None
                        inside = self.stepper.restep(self.times[j], self.state(j), self.sizes[j], kept)
                        repeated = (j, mode), inside
                    known = repeated[1]((time - self.times[j]) / self.sizes[j])
                states.append(known)
            if mode is not None:
                self.repeated = repeated
            if t.ndim == 0:
                return self.stepper.show(states[0] + 0.0)  # not a state of ours: the caller may write into it
            return self.stepper.stack(states, self.states[0])

    def known(self, time, j):
        """The flat state at an output time or at an end of step j, or None."""
        if time in self.outputs:
            return self.outputs[time]
        i = j + 1 if time == self.times[j + 1] else None
        return self.states.get(0 if j < 0 else i)
