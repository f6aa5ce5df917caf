"""A field whose weights neither stretch nor shrink, W − Wᵀ − γI, and its Euler steps along a sequence (lesson 13)."""

import torch
from torch import nn

__all__ = ["AntisymmetricCell", "AntisymmetricField"]


class AntisymmetricField(nn.Module):
    """f(t, y) = tanh((W − Wᵀ − γI) y + V u + b): a field f(t, y) for `solve` and `NeuralODE`, with an input u or none.

    Its Jacobian is D (W − Wᵀ − γI) with a diagonal D, 0 < D <= 1. No eigenvalue of it has a positive real part; where
    D changes along a path, nudges may grow all the same (lesson 13, sections 7 and 13).

    Parameters
    ----------
    size : int >= 1, the number d of components of y
    inputs : int >= 0, the number m of components of u; 0: no input
    damping : float >= 0, γ, a rate (per unit of time)
    scale : float >= 0; the entries of W begin as normal numbers of deviation scale/√d, those of V of 1; b is 0
    generator : torch.Generator of those numbers, or None

    Attributes: weight W (d, d), of which only W − Wᵀ counts; inward V (d, m); bias b (d,).

    Raises ValueError for a number outside of its range, and for y or u of another length.

    Sources: E. Haber, L. Ruthotto, Stable architectures for deep neural networks, 2017; B. Chang, M. Chen, E. Haber,
    E. H. Chi, AntisymmetricRNN: a dynamical system view on recurrent neural networks, 2019.
    """

    def __init__(
        self,
        size: int,
        inputs: int = 0,
        damping: float = 0.0,
        scale: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        for name, value, least in (("size", size, 1), ("inputs", inputs, 0)):
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ValueError(f"{name}={value!r} must be an int, at least {least}.")
        for name, number in (("damping", damping), ("scale", scale)):
            if not 0 <= number < float("inf"):
                raise ValueError(f"{name}={number!r} must be a finite number >= 0.")
        self.size, self.inputs, self.damping = size, inputs, float(damping)
        self.weight = nn.Parameter(scale * torch.randn(size, size, generator=generator) / size**0.5)
        self.inward = nn.Parameter(torch.randn(size, inputs, generator=generator))
        self.bias = nn.Parameter(torch.zeros(size))

    def matrix(self) -> torch.Tensor:
        """W − Wᵀ − γI: (d, d). Its eigenvalues are −γ ± iω, and its logarithmic norm is −γ."""
        identity = torch.eye(self.size, dtype=self.weight.dtype, device=self.weight.device)
        return self.weight - self.weight.T - self.damping * identity

    def forward(self, t: float | torch.Tensor, y: torch.Tensor, u: torch.Tensor | None = None) -> torch.Tensor:
        """The velocity at y (..., d) under the input u (..., m), None for an input of zeros: (..., d)."""
        return torch.tanh(self._checked(y) @ self.matrix().T + self.drive(u))

    def drive(self, u: torch.Tensor | None) -> torch.Tensor:
        """V u + b: u (..., m) -> (..., d)."""
        if u is None:
            return self.bias
        if u.dim() == 0 or u.shape[-1] != self.inputs:
            raise ValueError(f"u has shape {tuple(u.shape)}; its last axis must hold {self.inputs} inputs.")
        return u @ self.inward.T + self.bias

    def _checked(self, y: torch.Tensor) -> torch.Tensor:
        if y.dim() == 0 or y.shape[-1] != self.size:
            raise ValueError(f"y has shape {tuple(y.shape)}; its last axis must hold {self.size} components.")
        return y

    def extra_repr(self) -> str:
        return f"size={self.size}, inputs={self.inputs}, damping={self.damping:g}"


class AntisymmetricCell(nn.Module):
    """A recurrent cell: one Euler step of size ε of an `AntisymmetricField` for each input, y + ε f(y, u).

    Parameters
    ----------
    inputs, size : as nn.RNNCell's, int >= 1
    step : float > 0, ε: what one input lasts. ε times the length of the sequence is the time that a gradient travels.
    damping, scale, generator : the field's. Euler's steps of a rotation grow (lesson 03); a damping γ with
        1 − √(1 − ε²ω²) <= εγ <= 1 + √(1 − ε²ω²) for the largest frequency ω holds them.

    Attributes: field, the AntisymmetricField; step. Raises ValueError as the field does.

    Source: B. Chang, M. Chen, E. Haber, E. H. Chi, AntisymmetricRNN, 2019.
    """

    def __init__(
        self,
        inputs: int,
        size: int,
        step: float = 0.01,
        damping: float = 0.01,
        scale: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if not 0 < step < float("inf"):
            raise ValueError(f"step={step!r} must be a finite number > 0.")
        self.step, self.field = float(step), AntisymmetricField(size, inputs, damping, scale, generator)

    def forward(self, u: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
        """The state after the input u (..., inputs), from y (..., size), zeros if None: (..., size)."""
        y = self._start(u) if y is None else y
        return y + self.step * self.field(0.0, y, u)

    def sequence(self, u: torch.Tensor, y: torch.Tensor | None = None) -> torch.Tensor:
        """The state after all inputs u (..., steps, inputs), from y (..., size), zeros if None: (..., size)."""
        if u.dim() < 2:
            raise ValueError(f"u has shape {tuple(u.shape)}; (..., steps, {self.field.inputs}) was expected.")
        y = self._start(u[..., 0, :]) if y is None else self.field._checked(y)
        turned = self.field.matrix().T  # once for all steps, as are the inputs
        for drive in self.field.drive(u).unbind(-2):
            y = y + self.step * torch.tanh(y @ turned + drive)
        return y

    def _start(self, u: torch.Tensor) -> torch.Tensor:
        return u.new_zeros(*u.shape[:-1], self.field.size)

    def extra_repr(self) -> str:
        return f"step={self.step:g}"
