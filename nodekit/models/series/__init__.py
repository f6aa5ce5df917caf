"""Series that were seen at uneven times: their batches, a latent ODE, and recurrent networks (lesson 19)."""

from nodekit.models.series.gap_gru import GapGRU
from nodekit.models.series.latent_ode import LatentODE, gaussian_kl
from nodekit.models.series.observations import Series
from nodekit.models.series.ode_rnn import ODERNN

__all__ = ["ODERNN", "GapGRU", "LatentODE", "Series", "gaussian_kl"]
