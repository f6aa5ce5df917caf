"""method="scipy_solver" of odeint: SciPy's solve_ivp, where SciPy is installed."""

import torch

from nodekit.solution import Solution, Stats, Status, Steps
from nodekit.stepping.trajectory import Trajectory


def run_scipy(problem, stepper, y):
    """Solve by SciPy's solver options["solver"], LSODA if not given. Returns a Solution, without gradients.

    stepper: for f on flat states. Raises ImportError without SciPy, ValueError for events, RuntimeError for a failure.
    """
    try:
        from scipy.integrate import solve_ivp
    except ImportError as error:
        raise ImportError(
            'method="scipy_solver" needs SciPy, which is not installed. Take another method, as "dopri5" or "auto".'
        ) from error
    if problem.event:
        raise ValueError('method="scipy_solver" takes no event_fn. Take another method.')
    t, given = problem.times, problem.options.given
    limits = {key: float(given[key]) for key in ("min_step", "max_step") if key in given}
    atol = problem.atol.cpu().numpy() if isinstance(problem.atol, torch.Tensor) else problem.atol

    @torch.no_grad()
    def f(t, values):
        return stepper.field(t, torch.as_tensor(values).to(y)).cpu().numpy()

    method = given.get("solver", "LSODA")
    start = y.detach().cpu().numpy()
    found = solve_ivp(f, (t[0], t[-1]), start, method, t_eval=t, rtol=problem.rtol, atol=atol, **limits)
    if not found.success:
        raise RuntimeError(f"SciPy's {method} stopped at t = {found.t[-1] if len(found.t) else t[0]}: {found.message}")
    states = torch.as_tensor(found.y.T.copy()).to(y)
    path = Trajectory(t[0], y, stepper, "start")
    path.append(t[-1], t[-1] - t[0], states[-1], None)  # as one long step: the way back needs its ends
    stats, times = Stats(nfev=stepper.field.nfev), stepper.times(t)
    return Solution(times, stepper.show(states), stats, Steps.of([]), Status.SUCCESS, "reached the end", [], [], path)
