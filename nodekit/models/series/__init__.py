"""Series that were seen at uneven times: their batches, a latent ODE, recurrent networks, CDEs (lessons 19 and 20)."""

from nodekit.models.series.cde import CDE
from nodekit.models.series.gap_gru import GapGRU
from nodekit.models.series.latent_ode import LatentODE, gaussian_kl
from nodekit.models.series.observations import Series
from nodekit.models.series.ode_rnn import ODERNN

__all__ = ["CDE", "ODERNN", "GapGRU", "LatentODE", "Series", "gaussian_kl"]
