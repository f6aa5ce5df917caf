"""LatentODE: a recording as one start of a latent differential equation, with its uncertainty (built in lesson 19)."""

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from nodekit import gradients, methods
from nodekit.arguments import at_least_one
from nodekit.models.series.observations import Series, a_series, gather_union, union
from nodekit.solve import solve
from nodekit.torch_backend.depends import told

if TYPE_CHECKING:
    from nodekit.hints import Gradient, Method, Times

__all__ = ["LatentODE", "gaussian_kl"]

T = torch.Tensor


def gaussian_kl(mean: T, std: T) -> T:
    """KL(N(mean, diag std²) ‖ N(0, I)) in nats, summed over the last axis: ½ Σ (mean² + std² − 1 − log std²).

    mean, std: (..., latent). Returns (...). Source: D. P. Kingma, M. Welling, Auto-encoding variational Bayes, 2014.
    """
    return 0.5 * (mean.square() + std.square() - 1 - 2 * std.log()).sum(-1)


class LatentODE(nn.Module):
    """A variational autoencoder of series: z(t0) ~ N(0, I), dz/dt = field(t, z), x(t) = decoder(z(t)) + noise.

    A GRU, the recognition network, reads the observations from the last to the first, each with its mask and its gap
    to the one before it (the first: to t0), and ends in the mean and deviation of a normal density of z0.

    Parameters
    ----------
    field : nn.Module, field(t, z) -> dz/dt, z (..., latent)
    decoder : nn.Module, z (..., latent) -> (..., dim)
    latent, dim : int, the numbers in z and in an observation
    hidden : int, the size of the GRU
    t0 : float, the time of z0, not after any observation
    noise : float > 0, the standard deviation of an observation about decoder(z(t)), in units of x
    method, rtol, atol, step, max_steps, gradient : as in `nodekit.solve`

    The latent equation is solved once for a batch, on the union of all its times, with one step size for all.

    Attributes: nfev, evaluations of the field in the last solve.

    Raises ValueError or TypeError for bad arguments, for series of another dim and times before t0, SolveError where
    the solve fails. What `Series.of` refuses does not get here.

    Sources: R. T. Q. Chen, Y. Rubanova, J. Bettencourt, D. Duvenaud, Neural ordinary differential equations, 2018,
    section 5; Y. Rubanova, R. T. Q. Chen, D. Duvenaud, Latent ODEs for irregularly-sampled time series, 2019.
    """

    def __init__(
        self,
        field: nn.Module,
        decoder: nn.Module,
        latent: int,
        dim: int,
        hidden: int = 25,
        t0: float = 0.0,
        noise: float = 0.1,
        method: "str | Method" = "dopri5",
        rtol: float = 1e-4,
        atol: float = 1e-4,
        step: float | None = None,
        max_steps: int = 10_000,
        gradient: "Gradient" = "discrete",
    ) -> None:
        super().__init__()
        for name, module in (("field", field), ("decoder", decoder)):
            if not isinstance(module, nn.Module):
                raise TypeError(f"{name} must be an nn.Module, got {type(module).__name__}.")
        for name, value in (("latent", latent), ("dim", dim), ("hidden", hidden)):
            at_least_one(name, value)
        if isinstance(noise, bool | str) or not 0 < noise < math.inf:
            raise ValueError(f"noise={noise!r} must be a number greater than 0.")
        if not math.isfinite(t0):
            raise ValueError(f"t0={t0!r} must be finite.")
        methods.get(method)
        gradients.get(gradient)
        self.field, self.decoder, self.latent, self.dim = field, decoder, latent, dim
        self.t0, self.noise = float(t0), float(noise)
        self.options: dict[str, Any] = {
            "method": method, "rtol": rtol, "atol": atol, "step": step, "max_steps": max_steps, "gradient": gradient,
        }  # fmt: skip
        self.recognition = nn.GRU(2 * dim + 1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 2 * latent)
        self.nfev = 0

    def encode(self, series: Series) -> tuple[T, T]:
        """The mean and the standard deviation of z0 given the series: (samples, latent) each."""
        self._check(series)
        start = torch.full_like(series.t[:, :1], self.t0)
        gap = series.t.diff(dim=1, prepend=start)
        inputs = torch.cat([series.x, series.mask.to(series.x.dtype), gap[..., None]], -1)
        back = (series.length[:, None] - 1 - torch.arange(series.t.shape[1], device=gap.device)).clamp(min=0)
        inputs = inputs.gather(1, back[..., None].expand_as(inputs))  # each sample from its last to its first
        packed = nn.utils.rnn.pack_padded_sequence(inputs, series.length.cpu(), batch_first=True, enforce_sorted=False)
        mean, log_std = self.head(self.recognition(packed)[1][0]).chunk(2, -1)
        return mean, log_std.exp()

    def sample(self, series: Series, samples: int = 1, generator: torch.Generator | None = None) -> T:
        """Starts z0 from the recognition network's density, mean + std · ε: (samples, len(series), latent)."""
        return self._draw(*self.encode(series), samples, generator)

    def decode(self, z0: T, t: "Times") -> T:
        """The means of observations at the times t (m,), rising, not before t0: z0 (..., latent) -> (..., m, dim)."""
        times = torch.as_tensor(t, dtype=torch.float64)
        if times.dim() > 1:
            raise ValueError(f"t has shape {tuple(times.shape)}; (m,) was expected. decode_own takes (samples, m).")
        return self._decoded(self._path(z0, times.reshape(-1)).movedim(0, -2))

    def decode_own(self, z0: T, t: T) -> T:
        """As `decode`, each sample at its own times t (samples, m): (..., samples, latent) -> (..., samples, m, d)."""
        if t.dim() != 2 or z0.dim() < 2 or len(t) != z0.shape[-2]:
            raise ValueError(
                f"t has shape {tuple(t.shape)} and z0 {tuple(z0.shape)}; (samples, m) and (..., samples, latent) fit."
            )
        times, place = union(t.to(torch.float64))
        y = self._path(z0, times)
        y = gather_union(y.movedim(-2, 1), place)  # (samples, m, ..., latent)
        return self._decoded(y.movedim((0, 1), (-3, -2)))

    def loss(
        self,
        series: Series,
        target: Series | None = None,
        kl_weight: float = 1.0,
        samples: int = 1,
        generator: torch.Generator | None = None,
    ) -> T:
        """−ELBO in nats, the mean over the batch: −E log p(target | z0) + kl_weight · KL(q(z0 | series) ‖ N(0, I)).

        target: what is to be explained, the same samples; None: the series itself. The expectation is the mean over
        `samples` draws. With kl_weight 1 it bounds −log p(target) from above whatever the recognition network says.
        """
        target = series if target is None else target
        self._check(target)
        if len(target) != len(series):
            raise ValueError(f"target has {len(target)} samples, and series {len(series)}: they are the same ones.")
        at_least_one("samples", samples)
        if not 0 <= kl_weight < math.inf:
            raise ValueError(f"kl_weight={kl_weight!r} must be a number of at least 0.")
        mean, std = self.encode(series)
        z0 = self._draw(mean, std, samples, generator)
        miss = (self.decode_own(z0, target.t) - target.x) / self.noise
        each = 0.5 * miss.square() + math.log(self.noise) + 0.5 * math.log(2 * math.pi)
        missed = torch.where(target.mask, each, 0.0).sum((-2, -1)).mean(0)
        return (missed + kl_weight * gaussian_kl(mean, std)).mean()

    def predict(
        self, series: Series, t: "Times", samples: int = 32, generator: torch.Generator | None = None
    ) -> tuple[T, T]:
        """The mean over draws of z0 of what is at the times t (m,), and its standard deviation: (len(series), m, dim).

        t may reach beyond the data. The deviation is that of the path; an observation's is √(it² + noise²).
        Raises ValueError for fewer than 2 samples.
        """
        at_least_one("samples", samples)
        if samples < 2:
            raise ValueError(f"samples={samples!r} must be at least 2: the spread is one between draws.")
        paths = self.decode(self.sample(series, samples, generator), t)
        return paths.mean(0), paths.std(0)

    def _decoded(self, z: T) -> T:
        """The decoder's means, whose last axis is checked: a single one would be broadcast over all components."""
        x = self.decoder(z)
        if x.shape != (*z.shape[:-1], self.dim):
            raise ValueError(
                f"the decoder returned {tuple(x.shape)} for z of shape {tuple(z.shape)}, and dim={self.dim}."
            )
        return x

    def _draw(self, mean: T, std: T, samples: int, generator: torch.Generator | None) -> T:
        device = mean.device if generator is None else generator.device
        noise = torch.randn(samples, *mean.shape, generator=generator, dtype=mean.dtype, device=device)
        return mean + std * noise.to(mean.device)

    def _path(self, z0: T, times: T) -> T:
        """z at the times (u,), rising: (u, *z0.shape)."""
        if z0.shape[-1] != self.latent:
            raise ValueError(f"z0 has shape {tuple(z0.shape)}; (..., {self.latent}) was expected.")
        if not len(times):
            raise ValueError("t holds no time.")
        if times[0] < self.t0:
            raise ValueError(f"t={times[0].item():g} lies before t0={self.t0:g}, where the latent path begins.")
        at_start = times[0] == self.t0
        whole = times.tolist() if at_start else [self.t0, *times.tolist()]
        if len(whole) == 1:
            return z0[None]
        whole = whole if len(whole) > 2 else [whole[0], (whole[0] + whole[1]) / 2, whole[1]]
        solution = solve(self.field, z0, whole, params=told(self.field), **self.options)
        self.nfev = solution.stats.nfev
        if len(times) + (not at_start) < len(whole):  # the middle that keeps solve from returning every step
            return solution.y[[0, 2]] if at_start else solution.y[2:]
        return solution.y if at_start else solution.y[1:]

    def _check(self, series: Series) -> None:
        a_series(series)
        if series.dim != self.dim:
            raise ValueError(f"the series has {series.dim} components, and the model dim={self.dim}.")
        first = series.t[:, 0].min()
        if first < self.t0:
            i = int(series.t[:, 0].argmin())
            raise ValueError(
                f"sample {i} begins at t={first.item():g}, before t0={self.t0:g}. Give the model an earlier t0."
            )

    def extra_repr(self) -> str:
        o = self.options
        return f"latent={self.latent}, dim={self.dim}, t0={self.t0}, noise={self.noise}, method={o['method']!r}"
