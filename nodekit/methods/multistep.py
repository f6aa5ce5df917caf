"""The linear multistep methods as data: Adams, and backward differentiation (outlined in lesson 15)."""

from dataclasses import dataclass

from nodekit.methods.tableau import numbers


@dataclass(frozen=True)
class Adams:
    """y_{n+1} = y_n + h Σ_j b_j f_{n−j}; with `corrector`, that prediction P is evaluated, E, corrected,
    y_{n+1} = y_n + h (c_0 f(t_{n+1}, P) + Σ_j c_{j+1} f_{n−j}), and evaluated again, E. Fixed step.

    predictor, corrector : b (k,) and c (k,), newest slope first; corrector None for an explicit method.
    order : int
    source : str
    """

    name: str
    order: int
    predictor: tuple[float, ...]
    corrector: tuple[float, ...] | None
    source: str
    family = "multistep"
    adaptive = False
    dense_order = 4

    def __post_init__(self):
        for what in ("predictor", "corrector"):
            weights = getattr(self, what)
            if weights is not None and abs(sum(weights) - 1) > 1e-14:
                raise ValueError(f"Adams method {self.name!r}: {what} sums to {sum(weights)!r}, not 1.")


@dataclass(frozen=True)
class BackwardDifferentiation:
    """Σ_{j=1}^k ∇^j y_{n+1} / j − κ_k γ_k (y_{n+1} − predicted) = h f(t_{n+1}, y_{n+1}), γ_k = Σ_{j=1}^k 1/j.

    kappa : (k,) of the orders 1 ... k. All zero: the classical formulas (C. F. Curtiss, J. O. Hirschfelder, 1952).
    Others trade some of the angle of stability for a smaller error.
    """

    name: str
    kappa: tuple[float, ...]
    source: str
    family = "bdf"
    adaptive = True
    order = property(lambda self: len(self.kappa), doc="The highest order.")
    dense_order = order  # of the order in use


METHODS = {
    m.name: m
    for m in (
        Adams(
            "explicit_adams",
            4,
            numbers("55/24 -59/24 37/24 -9/24"),
            None,
            "J. C. Adams and F. Bashforth, 1883; Hairer, Nørsett, Wanner, Solving ODEs I, 1993, III.1.5",
        ),
        Adams(
            "implicit_adams",
            4,
            numbers("55/24 -59/24 37/24 -9/24"),
            numbers("9/24 19/24 -5/24 1/24"),
            "F. R. Moulton, 1926, as predictor and corrector (PECE); Hairer, Nørsett, Wanner 1993, III.1.9",
        ),
        BackwardDifferentiation(
            "bdf",
            (-0.1850, -1 / 9, -0.0823, -0.0415, 0.0),
            "L. F. Shampine, M. W. Reichelt, The MATLAB ODE suite, SIAM J. Sci. Comput. 18(1), 1997, table 1 (NDF)",
        ),
    )
}
