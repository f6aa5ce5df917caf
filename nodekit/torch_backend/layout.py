"""How the caller's state lies in the flat one that the steppers keep (used wherever a state is more than a vector)."""

import torch


class Layout:
    """How the caller's state lies in a flat one: a tensor, or a tuple or dict of tensors.

    Raises TypeError when y0 is none of these, or holds tensors of several dtypes or devices.
    """

    def __init__(self, y0):
        self.names = list(y0) if isinstance(y0, dict) else range(len(y0)) if isinstance(y0, tuple) else None
        parts = [y0] if self.names is None else [y0[name] for name in self.names]
        for name, part in zip(self.names or [""], parts, strict=True):
            if not isinstance(part, torch.Tensor):
                raise TypeError(f"y0[{name!r}] must be a torch tensor, got {type(part).__name__}.")
        kinds = {(part.dtype, part.device) for part in parts}
        if len(kinds) > 1:
            several = " and ".join(sorted(f"{dtype} on {device}" for dtype, device in kinds))
            raise TypeError(f"the tensors of y0 are {several}. Give all of them one dtype on one device.")
        self.shapes, self.sizes = [part.shape for part in parts], [part.numel() for part in parts]
        self.shape = self.shapes[0] if self.names is None else None
        self.key = (None if self.names is None else tuple(self.names), isinstance(y0, dict), tuple(self.shapes))
        self.vector = self.shape is not None and len(self.shape) == 1
        if self.vector:  # the quick ways of the common cases
            self.show = lambda v: v
        elif self.names is None:
            self.show = lambda v: v.view(self.shape) if v.dim() == 1 else v.reshape((*v.shape[:-1], *self.shape))

    def flatten(self, y):
        """(..., d) from a state of this layout; leading axes, if any, are kept."""
        if self.vector:
            return y
        if self.names is None:
            return y.reshape((*y.shape[: y.dim() - len(self.shape)], *self.sizes))
        lead = y[self.names[0]].shape[: y[self.names[0]].dim() - len(self.shapes[0])]
        parts = zip(self.names, self.sizes, strict=True)
        return torch.cat([y[name].reshape((*lead, size)) for name, size in parts], -1)

    def show(self, v):
        """The state in the caller's form from (..., d); leading axes, if any, are kept."""
        if self.vector:
            return v
        lead = v.shape[:-1]
        if self.names is None:
            return v.reshape((*lead, *self.shape))
        parts = [p.reshape((*lead, *s)) for p, s in zip(v.split(self.sizes, -1), self.shapes, strict=True)]
        return tuple(parts) if isinstance(self.names, range) else dict(zip(self.names, parts, strict=True))

    def index(self, i):
        """Where the i-th number of the flat state stands in the caller's: a tuple of ints, after the part's name."""
        for name, shape, size in zip(self.names or [None], self.shapes, self.sizes, strict=True):
            if i < size:
                place = tuple(map(int, torch.unravel_index(torch.tensor(i), shape)))
                return place if name is None else (name, *place)
            i -= size

    def slopes(self, k, t):
        """f's answer, flat. Raises TypeError or ValueError that says what does not fit."""
        if self.names is None:
            if not isinstance(k, torch.Tensor):
                raise TypeError(
                    f"f returned {type(k).__name__} at t = {t!r}, but y is a torch tensor. Return a tensor."
                )
            if k.shape != self.shape:
                raise ValueError(f"f returned {describe(k)} at t = {t!r}, but y has shape {tuple(self.shape)}.")
            return k if self.vector else k.reshape(-1)
        form, kind = ("a tuple", (tuple, list)) if isinstance(self.names, range) else ("a dict", dict)
        if not isinstance(k, kind) or len(k) != len(self.names) or (kind is dict and set(k) != set(self.names)):
            raise TypeError(f"f returned {describe(k)} at t = {t!r}, but y is {form} of {len(self.names)} tensors.")
        for name, shape in zip(self.names, self.shapes, strict=True):
            if not isinstance(k[name], torch.Tensor) or k[name].shape != shape:
                raise ValueError(f"f returned {describe(k[name])} for y[{name!r}] at t = {t!r}, not {tuple(shape)}.")
        return torch.cat([k[name].reshape(-1) for name in self.names])


def describe(x):
    """What x is, in a few words, for a message."""
    if isinstance(x, torch.Tensor):
        return f"shape {tuple(x.shape)}"
    if isinstance(x, tuple | list | dict):
        return f"a {type(x).__name__} of {list(x) if isinstance(x, dict) else len(x)}"
    return type(x).__name__
