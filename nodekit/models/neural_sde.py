"""NeuralSDE: a learned drift and a learned diffusion as a layer (built in lesson 21)."""

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from nodekit.arguments import tensor
from nodekit.solution import Stats
from nodekit.stochastic import BrownianPath, solve
from nodekit.stochastic.solve import check

if TYPE_CHECKING:
    from nodekit.hints import Gradient, Times, Tolerance


class NeuralSDE(nn.Module):
    """y0 and a Brownian path -> the state at the end of dy = drift(t, y) dt + g(t, y) dW, y(t[0]) = y0.

    Parameters
    ----------
    drift, diffusion : nn.Modules, called with (t, y)
        As in `nodekit.stochastic.solve`: of y's shape, the diffusion with an axis of noises more unless the noise is
        diagonal. Their parameters are the layer's; state_dict holds nothing else. Gradients reach the tensors too that
        they or modules within them hold otherwise, as a condition that is set before each forward.
        With diagonal noise, method="milstein", the default, and steps of its own choice need a component i of the
        diffusion that depends on y_i alone, or raise ValueError. One net for every component does:

            net = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1)); return net(y[..., None])[..., 0]

        (a net for each: nn.Conv1d(d, 16 * d, 1, groups=d) in place of nn.Linear(1, 16), and back). Any other net goes
        with a step size and method="euler_maruyama" (Itô) or "heun" (Stratonovich), which have strong order ½ with it.
    calculus : "ito" or "stratonovich"
        Which integral dW means: the same two networks are two different models.
    t : (t0, t1), or (n,) output times; not tensors that require gradients
        Two times: forward returns the state at t1, of y0's shape. More: the states at all of them, (n, *y0.shape).
    positive : bool
        True: g = softplus(diffusion), which is positive, so that noise never vanishes where its sign changes. Paths
        with g and with -g have one distribution, which is why data cannot tell the sign. For diagonal noise only.
    method, noise, step, rtol, atol, max_steps, gradient
        As in `nodekit.stochastic.solve`.

    `f(t, y)` and `g(t, y)` are the drift and the diffusion as the solver sees them. `nfev` counts the drift's
    evaluations in the last forward.

    Raises ValueError or TypeError for bad arguments, in the constructor; in forward, for a y0 that is not one tensor, a
    path that does not fit, and a diffusion that mixes components where it must not; SolveError where the solve fails.

    Sources: X. Li, T.-K. L. Wong, R. T. Q. Chen, D. Duvenaud, Scalable gradients for stochastic differential equations,
    2020; B. Tzen, M. Raginsky, Neural stochastic differential equations, 2019.
    """

    def __init__(
        self,
        drift: nn.Module,
        diffusion: nn.Module,
        calculus: str,
        t: "Times" = (0.0, 1.0),
        method: str = "milstein",
        noise: str = "diagonal",
        step: float | None = None,
        positive: bool = True,
        rtol: "Tolerance" = 1e-3,
        atol: "Tolerance" = 1e-6,
        max_steps: int = 100_000,
        gradient: "Gradient" = "backprop",
    ) -> None:
        super().__init__()
        for name, module in (("drift", drift), ("diffusion", diffusion)):
            if not isinstance(module, nn.Module):
                raise TypeError(f"{name} must be an nn.Module with forward(t, y), got {type(module).__name__}.")
        if not isinstance(positive, bool):
            raise TypeError(f"positive={positive!r} must be True or False.")
        _, _, times = check(calculus, t, method, noise, step, rtol, atol, max_steps, gradient)
        if positive and noise != "diagonal":
            raise ValueError(f"noise={noise!r} needs positive=False: a matrix of noises has no sign to choose.")
        self.drift, self.diffusion, self.calculus, self.t = drift, diffusion, calculus, times
        self.method, self.noise, self.step, self.positive = method, noise, step, positive
        self.rtol, self.atol, self.max_steps, self.gradient = rtol, atol, max_steps, gradient
        self.last = Stats()

    def f(self, t: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """The drift at (t, y), of y's shape."""
        return self.drift(t, y)

    def g(self, t: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """The diffusion at (t, y): of y's shape with diagonal noise, else (*y's shape, m)."""
        found = self.diffusion(t, y)
        return nn.functional.softplus(found) if self.positive else found

    def forward(self, y0: torch.Tensor, brownian: "int | BrownianPath") -> torch.Tensor:
        """The state at t[-1], of y0's shape; with more than two times (n, *y0.shape). brownian: a seed, or a path.

        The same seed is the same noise: give a training step a seed of its own.
        """
        tensor("y0", y0)
        solution = solve(
            self.f,
            self.g,
            y0,
            self.t,
            self.calculus,
            brownian,
            self.method,
            self.noise,
            step=self.step,
            rtol=self.rtol,
            atol=self.atol,
            max_steps=self.max_steps,
            gradient=self.gradient,
        )
        self.last = solution.stats
        return solution.y[-1] if len(self.t) == 2 else solution.y

    @property
    def nfev(self) -> int:
        return self.last.nfev

    def extra_repr(self) -> str:
        shown: dict[str, Any] = {"calculus": self.calculus, "t": (self.t[0], self.t[-1])}
        shown |= {"method": self.method, "noise": self.noise}
        shown |= {"step": self.step} if self.step is not None else {}
        return ", ".join(f"{name}={value!r}" for name, value in shown.items())
