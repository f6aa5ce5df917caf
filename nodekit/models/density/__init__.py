"""Densities that a differential equation carries (lessons 10 to 12, 22 and 23).

A score is trained without a solve; then it gives samples and likelihoods by the solver of your choice:

    schedule = VariancePreserving()
    score = NoiseScore(net, schedule)                            # net(t, x) -> the noise in x
    denoising_loss(score, x0, schedule).backward()               # in each step of training
    ProbabilityFlow(score, schedule, dim=2).log_prob(x)
    dpm_solve(score, schedule, z, steps=10, method="ddim").x[-1]  # samples from noise z
"""

from nodekit.models.density.cnf import CNF
from nodekit.models.density.concatsquash import ConcatSquash, ConcatSquashField
from nodekit.models.density.divergence import Hutchinson, exact_divergence
from nodekit.models.density.dpm_solver import SOLVERS, Exponential, Sampled, dpm_solve
from nodekit.models.density.flow_matching import (
    MeasuredPaths,
    flow_matching_loss,
    measured_paths,
    rectified_ends,
    straight_path,
)
from nodekit.models.density.mixture import GaussianMixture
from nodekit.models.density.planar import PlanarFlow
from nodekit.models.density.probability_flow import ProbabilityFlow, ProbabilityFlowField, ancestral, reverse_sde
from nodekit.models.density.score import (
    NoiseScore,
    Schedule,
    VarianceExploding,
    VariancePreserving,
    denoising_loss,
)
from nodekit.models.density.transport import optimal_pairs, sliced_wasserstein2, wasserstein2

__all__ = [
    "CNF",
    "SOLVERS",
    "ConcatSquash",
    "ConcatSquashField",
    "Exponential",
    "GaussianMixture",
    "Hutchinson",
    "MeasuredPaths",
    "NoiseScore",
    "PlanarFlow",
    "ProbabilityFlow",
    "ProbabilityFlowField",
    "Sampled",
    "Schedule",
    "VarianceExploding",
    "VariancePreserving",
    "ancestral",
    "denoising_loss",
    "dpm_solve",
    "exact_divergence",
    "flow_matching_loss",
    "measured_paths",
    "optimal_pairs",
    "rectified_ends",
    "reverse_sde",
    "sliced_wasserstein2",
    "straight_path",
    "wasserstein2",
]
