"""Paths through observations: what steers a controlled differential equation, dh = f(h) dX (built in lesson 20).

    from nodekit import paths

    X = paths.hermite(values, times)                  # values (..., n, channels), n times
    sol = nodekit.solve(lambda t, h: f(h, X.derivative(t)), h0, X.ends, breakpoints=X.breakpoints)

Each is a piecewise polynomial with its knots as breakpoints. They differ in what a piece knows of the observations to
come, which `Path.looks_ahead` says.
"""

from nodekit.paths.path import Path
from nodekit.paths.schemes import hermite, linear, natural_spline, rectilinear

__all__ = ["Path", "hermite", "linear", "natural_spline", "rectilinear"]
