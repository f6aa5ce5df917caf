"""Noise, and differential equations that it drives: dy = f(t, y) dt + g(t, y) dW (built in lesson 21).

    from nodekit import stochastic

    sol = stochastic.solve(drift, diffusion, y0, (0.0, 1.0), "ito", brownian=7, method="milstein", step=0.01)

Which integral is meant, "ito" or "stratonovich", is an argument: the same drift and diffusion are two different
equations. The noise is a `BrownianPath`, a function of a seed and of time.
"""

from nodekit.stochastic.brownian import BrownianPath
from nodekit.stochastic.solve import solve

__all__ = ["BrownianPath", "solve"]
