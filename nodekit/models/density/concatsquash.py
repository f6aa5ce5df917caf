"""ConcatSquash: layers whose output the time shifts and gates, and the field made of them (built in lesson 11)."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeAlias

import torch
from torch import nn

T = torch.Tensor
Generators: TypeAlias = "torch.Generator | Sequence[torch.Generator] | None"


class ConcatSquash(nn.Module):
    """A linear layer that the time shifts and gates: (x W + b) · σ(t g + c) + t s, with σ(z) = 1 / (1 + exp(−z)).

    The gate lies between 0 and 1 and lets each output be turned down at some times, the shift moves it. So one layer
    is another linear map at each time, for 3 numbers more an output.

    Parameters
    ----------
    inputs, outputs : int >= 1
    generator : torch.Generator, or a sequence of k of them
        Of the first weights, uniform in ±1/√(number of inputs), t's being one. From a sequence k layers are made that
        compute side by side, with weights of their own: the i-th is the layer that its generator alone would give.

    t is a number; x (..., inputs) -> (..., outputs); with k generators (k, n, inputs) -> (k, n, outputs).
    Raises ValueError for other sizes and shapes, TypeError for another generator.

    Source: W. Grathwohl, R. T. Q. Chen, J. Bettencourt, I. Sutskever, D. Duvenaud, FFJORD, 2019: the layer
    "concatsquash" of the authors' code.
    """

    def __init__(self, inputs: int, outputs: int, generator: Generators = None) -> None:
        super().__init__()
        for name, size in (("inputs", inputs), ("outputs", outputs)):
            if not isinstance(size, int) or isinstance(size, bool) or size < 1:
                raise ValueError(f"{name}={size!r} must be an int >= 1.")
        self.inputs, self.outputs = inputs, outputs
        draws = [_drawn(inputs, outputs, each) for each in _listed(generator)]
        self.copies = len(draws) if isinstance(generator, Sequence) else None
        parts = [torch.stack(each) if self.copies else each[0] for each in zip(*draws, strict=True)]
        self.weight, self.bias, self.gate, self.gate_bias, self.shift = map(nn.Parameter, parts)

    def forward(self, t: float | T, x: T) -> T:
        """The layer at time t."""
        if x.dim() == 0 or x.shape[-1] != self.inputs or (self.copies and (x.dim() != 3 or len(x) != self.copies)):
            wanted = f"({self.copies}, n, {self.inputs})" if self.copies else f"(..., {self.inputs})"
            raise ValueError(f"x has shape {tuple(x.shape)}; {wanted} was expected.")
        if x.dim() == 1:
            return self(t, x[None])[0]
        linear = torch.baddbmm(self.bias, x, self.weight) if self.copies else x @ self.weight + self.bias
        return torch.addcmul(t * self.shift, linear, torch.sigmoid(self.gate_bias + t * self.gate))

    def extra_repr(self) -> str:
        return f"{self.inputs}, {self.outputs}" + (f", copies={self.copies}" if self.copies else "")


class ConcatSquashField(nn.Module):
    """dx/dt = f(t, x), a network of `ConcatSquash` layers: dim -> widths -> dim, for `CNF` and `solve`.

    Parameters
    ----------
    dim : int >= 1
    widths : sequence of int
        Of the hidden layers; (64, 64, 64) as in the source.
    activation : function, applied between two layers. Default: tanh.
    generator : as of `ConcatSquash`; with k generators the field is of k networks side by side, x (k, n, dim).

    Raises ValueError or TypeError as `ConcatSquash`.

    Source: W. Grathwohl, R. T. Q. Chen, J. Bettencourt, I. Sutskever, D. Duvenaud, FFJORD, 2019: the field of the
    densities in the plane.
    """

    def __init__(
        self,
        dim: int,
        widths: Sequence[int] = (64, 64, 64),
        activation: Callable[[T], T] = torch.tanh,
        generator: Generators = None,
    ) -> None:
        super().__init__()
        sizes = [dim, *widths, dim]
        self.layers = nn.ModuleList(ConcatSquash(a, b, generator) for a, b in pairwise(sizes))
        self.activation = activation

    def forward(self, t: float | T, x: T) -> T:
        """dx/dt, of x's shape."""
        for layer in self.layers[:-1]:
            x = self.activation(layer(t, x))
        return self.layers[-1](t, x)


def _listed(generator: Generators) -> list[torch.Generator | None]:
    """A generator or a sequence of them as a list, checked."""
    listed: list[torch.Generator | None] = list(generator) if isinstance(generator, Sequence) else [generator]
    for each in listed:
        if not isinstance(each, torch.Generator) and not (each is None and listed == [None] and generator is None):
            raise TypeError(f"generator must be a torch.Generator or a sequence of them, got {generator!r}.")
    if not listed:
        raise ValueError("generator=[] is empty: one generator is needed for each network.")
    return listed


def _drawn(inputs: int, outputs: int, generator: torch.Generator | None) -> list[T]:
    """The first weight (inputs, outputs), and bias, gate, its bias and shift (1, outputs) each."""
    shapes = [((inputs, outputs), inputs), ((1, outputs), inputs), *[((1, outputs), 1)] * 3]
    return [(2 * torch.rand(shape, generator=generator) - 1) / fan_in**0.5 for shape, fan_in in shapes]
