"""Series: several recordings, each with its own length, times and gaps, as one batch (built in lesson 19)."""

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

__all__ = ["Series", "a_series", "gather_union", "union"]

T = torch.Tensor


@dataclass(frozen=True)
class Series:
    """A batch of recordings: what was seen, when, and what was missing. Make one by `Series.of`.

    Attributes
    ----------
    t : (samples, n), the times of each sample, rising; behind its last observation the last time is repeated
    x : (samples, n, d), the values, 0 where nothing was seen
    mask : (samples, n, d), bool: True where a number was seen
    length : (samples,), how many times of each sample count; the largest is n

    `Series.of` and `split` raise ValueError that names the recording or sample and the place.
    Source of the masks: Z. Che et al., Recurrent neural networks for multivariate time series, 2018.
    """

    t: T
    x: T
    mask: T
    length: T

    @classmethod
    def of(cls, recordings: Iterable[Sequence[Any]], least: int = 2, like: T | None = None) -> "Series":
        """From recordings of any lengths: each (t, x) or (t, x, mask), t (n,), x (n, d), mask (n, d) bool.

        Without a mask a nan in x is a missing number. Times at which nothing at all was seen are dropped.
        least: how many times with an observation a recording needs. like: a tensor whose dtype and device are taken;
        None takes the dtype of the first x, if it is one of floats, or else PyTorch's default.

        Raises ValueError that names the recording and the place: shapes that do not fit, times that are not finite or
        do not rise, gaps that x's dtype cannot hold to a thousandth, nan or infinity where the mask says observed,
        nothing observed, fewer than `least` observations, complex numbers.
        """
        recordings = list(recordings)
        if not recordings:
            raise ValueError("Series.of needs at least one recording (t, x) or (t, x, mask), got none.")
        if like is None:
            first = torch.as_tensor(recordings[0][1])
            like = first if first.is_floating_point() else torch.zeros(())
        parts = [checked(i, recording, least, like) for i, recording in enumerate(recordings)]
        widths = {x.shape[1] for _, x, _ in parts}
        if len(widths) > 1:
            raise ValueError(f"recordings have different numbers of components, x (n, d) with d in {sorted(widths)}.")
        length = torch.tensor([len(t) for t, _, _ in parts], device=like.device)
        t, x, mask = (
            torch.nn.utils.rnn.pad_sequence(list(column), batch_first=True) for column in zip(*parts, strict=True)
        )
        behind = torch.arange(t.shape[1], device=like.device) >= length[:, None]
        last = t.gather(1, length[:, None] - 1)
        return cls(torch.where(behind, last, t), x, mask, length)

    def __len__(self) -> int:
        return len(self.t)

    @property
    def dim(self) -> int:
        """d, the number of components of an observation."""
        return self.x.shape[2]

    @property
    def real(self) -> T:
        """(samples, n), bool: which times count."""
        return torch.arange(self.t.shape[1], device=self.t.device) < self.length[:, None]

    def __getitem__(self, index: Any) -> "Series":
        """The samples of this index: a slice, a list or a tensor of numbers, or one number (a batch of one).

        Raises ValueError if none is left, IndexError for numbers that are not there.
        """
        try:
            index = [operator.index(index)]
        except TypeError:
            pass  # it says many
        length = self.length[index]
        if not len(length):
            raise ValueError(f"no sample is left: the index takes none of {len(self)}.")
        n = int(length.max())
        return Series(self.t[index, :n], self.x[index, :n], self.mask[index, :n], length)

    def to(self, device: "torch.device | str") -> "Series":
        """The same on another device."""
        return Series(*(part.to(device) for part in (self.t, self.x, self.mask, self.length)))

    def asked(self, t: Any, dim: int) -> T:
        """The times t at which a model of `dim` components is asked, (m,) for all or (samples, m), as (samples, m).

        Raises ValueError for a series of another dim, and for times of another shape or that are not finite.
        """
        if self.dim != dim:
            raise ValueError(f"the series has {self.dim} components, and the model dim={dim}.")
        t = torch.as_tensor(t).to(self.t)
        shape = tuple(t.shape)
        t = t.expand(len(self), -1) if t.dim() == 1 else t
        if t.dim() != 2 or len(t) != len(self):
            raise ValueError(f"t has shape {shape}; (m,) or ({len(self)}, m) fits this series.")
        if not t.isfinite().all():
            raise ValueError(f"t holds {t[~t.isfinite()][0].item()}: a time must be finite.")
        return t

    def split(self, share: float, generator: torch.Generator | None = None) -> tuple["Series", "Series"]:
        """Two batches: each observation is in the second with the chance `share`, in the first otherwise.

        Both keep at least one observation of every sample, which needs two. For training a model to say what it was
        not shown. Raises ValueError for a share outside of (0, 1), or a sample with one observation.
        """
        if not 0 < share < 1:
            raise ValueError(f"share={share!r} must lie between 0 and 1.")
        if int(self.length.min()) < 2:
            raise ValueError(f"sample {int(self.length.argmin())} has one observation, which cannot be split in two.")
        device = self.t.device if generator is None else generator.device
        draw = torch.rand(self.t.shape, generator=generator, dtype=torch.float64, device=device).to(self.t.device)
        draw = torch.where(self.real, draw, 2.0)
        least = draw.min(1, keepdim=True).values  # always hidden; the largest always kept
        most = torch.where(self.real, draw, -1.0).max(1, keepdim=True).values
        hidden = ((draw < share) | (draw == least)) & (draw != most)
        return self._where(self.real & ~hidden), self._where(hidden)

    def _where(self, keep: T) -> "Series":
        """The observations at the times (samples, n) that are kept, moved together."""
        order = torch.argsort(~keep, dim=1, stable=True)
        length = keep.sum(1)
        order = order[:, : int(length.max())]
        t = self.t.gather(1, order)
        behind = torch.arange(order.shape[1], device=t.device) >= length[:, None]
        t = torch.where(behind, t.gather(1, length[:, None] - 1), t)
        wide = order[..., None].expand(-1, -1, self.dim)
        mask = self.mask.gather(1, wide) & ~behind[..., None]
        return Series(t, torch.where(mask, self.x.gather(1, wide), 0.0), mask, length)


def checked(i: int, recording: Sequence[Any], least: int, like: T) -> tuple[T, T, T]:
    """The times, values and mask of one recording, without the times at which nothing was seen."""
    if not isinstance(recording, tuple | list) or len(recording) not in (2, 3):
        raise ValueError(f"recording {i} is not (t, x) or (t, x, mask).")
    times, x = (torch.as_tensor(part) for part in recording[:2])
    if times.is_complex() or x.is_complex():
        raise ValueError(f"recording {i} holds complex numbers: give real and imaginary parts as two components.")
    times, x = times.to(like.device, torch.float64), x.to(like)  # in float32 times far from 0 would merge
    t = times.to(like)
    if t.dim() != 1 or x.dim() != 2 or len(t) != len(x) or not x.shape[1]:
        raise ValueError(
            f"recording {i} has t of shape {tuple(t.shape)} and x of shape {tuple(x.shape)}; (n,) and (n, d) fit."
        )
    if not t.isfinite().all():
        raise ValueError(f"recording {i}: t[{int((~t.isfinite()).nonzero()[0])}] is not finite.")
    falls = (times.diff() <= 0).nonzero()
    if len(falls):
        k = int(falls[0])
        raise ValueError(
            f"recording {i}: times must rise, and t[{k}]={times[k].item():g} is followed by t[{k + 1}]="
            f"{times[k + 1].item():g}. Sort t and x by time; merge observations of one time."
        )
    gaps, held = times.diff(), t.to(torch.float64).diff()
    lost = ((held - gaps).abs() > 1e-3 * gaps).nonzero()
    if len(lost):
        k = int(lost[0])
        raise ValueError(
            f"recording {i}: in {like.dtype} the gap behind t[{k}]={times[k].item():.10g} would be {held[k].item():g} "
            f"and not {gaps[k].item():g}. Subtract the first time from all, or give x in float64."
        )
    mask = torch.as_tensor(recording[2]).to(like.device) if len(recording) == 3 else ~x.isnan()
    if mask.dtype != torch.bool or mask.shape != x.shape:
        raise ValueError(
            f"recording {i} has a mask of {mask.dtype} and shape {tuple(mask.shape)}; bool and x's shape "
            f"{tuple(x.shape)} are wanted."
        )
    bad = (mask & ~x.isfinite()).nonzero()
    if len(bad):
        k, j = bad[0].tolist()
        raise ValueError(
            f"recording {i}: x[{k}, {j}]={x[k, j].item()} at t={t[k].item():g}, where the mask says observed. "
            "Set the mask to False there, or give the number."
        )
    seen = mask.any(1)
    count = int(seen.sum())
    if not count:
        raise ValueError(f"recording {i} has no observation: all of its {x.numel()} numbers are missing. Leave it out.")
    if count < least:
        raise ValueError(
            f"recording {i} has observations at {count} time{'s' * (count > 1)}, and at least {least} are wanted. "
            f"Leave it out, or allow it by least={count}."
        )
    return t[seen], torch.where(mask, x, 0.0)[seen], mask[seen]


def a_series(series: Any) -> Series:
    """The same, if it is a Series. Raises TypeError if not."""
    if not isinstance(series, Series):
        raise TypeError(f"series must be a Series, got {type(series).__name__}: Series.of([(t, x), ...]).")
    return series


def union(t: T) -> tuple[T, T]:
    """All times in t (samples, m), each once, rising (u,), and the place of each in that list (samples, m)."""
    return torch.unique(t, return_inverse=True)


def gather_union(y: T, place: T) -> T:
    """y (u, samples, ...) at each sample's own places (samples, m): (samples, m, ...)."""
    return y[place, torch.arange(place.shape[0], device=y.device)[:, None]]
