"""The first figure of each project: what is known, in half a minute for all ten.

    python lessons/homework/projects/figures.py [FOLDER] [NAME ...]

writes NAME.png for each of FIGURES into the folder, which is this file's own unless one is named. Data are simulated,
or lie in lessons/data. A figure is a function from axes to what is drawn there: start from its code.
"""

import sys
from pathlib import Path

import numpy as np
from scipy.optimize import least_squares

import nodekit
import nodekit.problems
from nodekit import paths
from nodekit.analysis.identifiability import identifiability
from nodekit.analysis.sparse import integral_rows, polynomial
from nodekit.analysis.stability import lyapunov_exponents
from nodekit.classroom import plotting
from nodekit.stochastic import BrownianPath
from nodekit.stochastic import solve as solve_sde

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "data"


def controllers(ax):
    """Evaluations against the error reached, for two step size controllers on three problems."""
    for name, color in zip(("Brusselator", "FitzHugh–Nagumo", "pendulum"), plotting.COLORS, strict=False):
        problem = nodekit.problems.get(name)
        run = lambda tol, p=problem, **more: nodekit.solve(p.f, p.y0, p.t_span, rtol=tol, atol=tol, **more)  # noqa: E731
        end = run(1e-12, method="dop853").y[-1]
        for controller, style in (("I", "-o"), ("PI", "--x")):
            sols = [run(tol, controller=controller) for tol in 10.0 ** np.arange(-3, -9, -1)]
            errors = [np.abs(sol.y[-1] - end).max() for sol in sols]
            ax.loglog(errors, [sol.stats.nfev for sol in sols], style, color=color, label=f"{name}, {controller}")
    ax.set(xlabel="error at the end", ylabel="evaluations of f", title="What a digit costs (dopri5)")


def lyapunov(ax):
    """The spread of finite-time Lyapunov exponents of Lorenz' system over starts, against the time."""
    lorenz, times = nodekit.problems.get("Lorenz"), np.array([2.0, 4.0, 8.0, 16.0])
    jac = lambda t, y: np.array([[-10, 10, 0], [28 - y[2], -1, -y[0]], [y[1], y[0], -8 / 3]])  # noqa: E731
    starts = nodekit.solve(lorenz.f, lorenz.y0, np.linspace(10.0, 30.0, 9)).y[1:]
    exponent = lambda y, t: lyapunov_exponents(lorenz.f, y, (0.0, t), 1, 0.5, jac, rtol=1e-4)[0]  # noqa: E731
    found = np.array([[exponent(y, t) for t in times] for y in starts])
    ax.loglog(times, found.std(0), "o-", label="spread over 8 starts")
    ax.loglog(times, found.std(0)[0] * (times[0] / times), "--", label="like 1/T")
    ax.loglog(times, found.std(0)[0] * (times[0] / times) ** 0.5, ":", label="like 1/√T")
    ax.set(xlabel="time T", ylabel="standard deviation", title="Largest Lyapunov exponent after the time T (Lorenz)")


def switching(ax):
    """Evaluations for van der Pol's equation against its stiffness, for three methods."""
    stiffness = np.array([1.0, 3.0, 10.0, 30.0, 100.0])
    for method, style in (("dopri5", "-o"), ("radau", "--s"), ("auto", ":x")):
        calls = []
        for mu in stiffness:
            f = lambda t, y, mu=mu: np.array([y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]])  # noqa: E731
            jac = lambda t, y, mu=mu: np.array([[0, 1], [-2 * mu * y[0] * y[1] - 1, mu * (1 - y[0] ** 2)]])  # noqa: E731
            options = {} if method == "dopri5" else {"jac": jac}
            sol = nodekit.solve(f, np.array([2.0, 0.0]), (0.0, 2 * mu), method, 1e-5, 1e-7, max_steps=10**5, **options)
            calls.append(sol.stats.nfev)
        ax.loglog(stiffness, calls, style, label=method)
    ax.set(xlabel="stiffness μ", ylabel="evaluations of f", title="Van der Pol over two μ of time")


def leapfrog(ax):
    """The largest error of a pendulum's energy over 400 steps, against the step, for two swings."""
    steps = np.geomspace(0.05, 1.6, 14)
    f = lambda t, y: np.array([y[1], -np.sin(y[0])])  # noqa: E731
    energy = lambda y: y[..., 1] ** 2 / 2 - np.cos(y[..., 0])  # noqa: E731
    for angle, style in ((0.5, "-o"), (2.5, "--x")):
        worst = []
        for h in steps:
            times = h * np.arange(401)
            y = nodekit.solve(f, np.array([angle, 0.0]), times, method="leapfrog", step=h).y
            worst.append(np.abs(energy(y) - energy(y[0])).max())
        ax.loglog(steps, worst, style, label=f"from {angle} rad")
    ax.loglog(steps, worst[0] * (steps / steps[0]) ** 2, ":", label="like h²")
    ax.set(xlabel="step h", ylabel="largest energy error", title="Leapfrog on a pendulum, 400 steps")


def probes(ax):
    """The variance of one probe's trace estimate against the dimension, for two kinds of noise and two matrices."""
    random, sizes = np.random.default_rng(0), np.array([3, 5, 9, 17, 33, 65])
    for kind, color in zip(("unsymmetric", "symmetric"), plotting.COLORS, strict=False):
        both = []
        for d in sizes:
            J = random.normal(size=(d, d)) / np.sqrt(d)
            S = (J + J.T) / 2 if kind == "unsymmetric" else np.triu(J) + np.triu(J, 1).T
            off = 2 * (np.sum(S**2) - np.sum(np.diag(S) ** 2))
            both.append((off, off + 2 * np.sum(np.diag(S) ** 2)))
        for column, (name, style) in zip(np.transpose(both), (("±1", "-o"), ("normal", "--x")), strict=True):
            ax.loglog(sizes, column, style, color=color, label=f"{kind}, {name} probes")
    ax.set(xlabel="dimension d", ylabel="variance", title="One probe of the trace of a random matrix")


def next_look(ax):
    """How sure a start's path is at t = 6, against the time of one more look, for three growth rates."""
    A0, C = np.array([[0.0, 2.0, 0.4], [-2.0, 0.0, 0.0], [0.3, 0.5, 0.0]]), np.array([1.0, 0.3, 0.0])
    when = np.linspace(0.1, 6, 60)
    for growth, style in ((-0.4, "-"), (0.0, "--"), (0.4, ":")):
        A = A0 + growth * np.eye(3)
        flow = nodekit.solve(lambda t, Z, A=A: A @ Z, np.eye(3), (0.0, 6.0), rtol=1e-8, atol=1e-10)
        seen = np.array([C @ flow(t) for t in (0.5, 1.0, 1.5)])
        end, wide = C @ flow(6.0), []
        for t in when:
            H = np.vstack([seen, C @ flow(t)])
            wide.append(np.sqrt(end @ np.linalg.inv(np.eye(3) + H.T @ H / 0.3**2) @ end))
        ax.semilogy(when, wide, style, label=f"growth {growth:+.1f}")
    ax.set(xlabel="time of the fourth look", ylabel="deviation at t = 6", title="Where is one more look worth most?")


def dropped(ax):
    """The error of a controlled equation's end against the share of points dropped, for three paths."""
    random, rates = np.random.default_rng(1), np.array([0.1, 0.3, 0.5, 0.7, 0.85])
    W, V = random.normal(size=(8, 3)), random.normal(size=(6, 8)) / 3
    f = lambda h: np.tanh(V @ np.tanh(W @ h)).reshape(3, 2)  # noqa: E731
    t = np.linspace(0, 4, 81)
    X = np.stack([np.sin(2 * t), np.cos(3 * t) + 0.3 * t], 1)

    def end(path):
        along = lambda s, h: f(h) @ path.derivative(s)  # noqa: E731
        return nodekit.solve(along, np.ones(3), path.ends, method="rk4", step=0.05, breakpoints=path.breakpoints).y[-1]

    exact = end(paths.natural_spline(X, t))
    for name, style in (("linear", "-o"), ("hermite", "--s"), ("natural_spline", ":x")):
        errors = []
        for rate in rates:
            keeps = [np.append(0, np.append(1 + np.flatnonzero(random.random(79) > rate), 80)) for _ in range(5)]
            errors.append(np.mean([np.abs(end(getattr(paths, name)(X[k], t[k])) - exact).max() for k in keeps]))
        ax.semilogy(100 * rates, errors, style, label=name.replace("_", " "))
    ax.set(
        xlabel="points dropped (%)", ylabel="error of the end", title="A controlled equation, fewer and fewer points"
    )


def noises(ax):
    """The strong error of two methods against the step, for a geometric Brownian motion."""
    counts, finest = np.array([8, 16, 32, 64, 128]), 128
    for method, style in (("euler_maruyama", "-o"), ("milstein", "--x")):
        errors = []
        for n in counts:
            path = BrownianPath(0, 0.0, 1.0, (2000,), finest)
            drift, noise = (lambda t, y: 0.5 * y), (lambda t, y: 0.8 * y)
            y = solve_sde(drift, noise, np.ones(2000), (0.0, 1.0), "ito", path, method, step=1 / n).y[-1]
            errors.append(np.mean(np.abs(y - np.exp(0.5 - 0.32 + 0.8 * path(1.0)))))
        ax.loglog(1 / counts, errors, style, label=method.replace("_", "–"))
    ax.loglog(1 / counts, errors[0] * 8 / counts, ":", label="like h")
    ax.set(xlabel="step h", ylabel="mean |error| at t = 1", title="One noise: strong errors of two methods")


def how_long(ax):
    """How often bootstraps keep the same terms, against the length of the recording of lesson 26's animals."""
    truth = lambda t, y: np.stack([1.3 * y[..., 0] - 0.9 * y[..., 0] * y[..., 1],  # noqa: E731
                                   -1.8 * y[..., 1] + 0.8 * y[..., 0] * y[..., 1]], -1)  # fmt: skip
    known = lambda t, y: y * np.array([1.3, -1.8])  # noqa: E731
    t, library = np.linspace(0, 5, 51), polynomial(["u", "v"], 2)
    clean = nodekit.solve(truth, np.array([0.44, 4.63]), t, rtol=1e-9, atol=1e-10).y
    lengths = np.arange(16, 52, 5)
    for noise, style in ((0.005, "-o"), (0.02, "--s"), (0.05, ":x")):
        sigma, found = noise * clean.mean(0), []
        for m in lengths:
            x = clean + sigma * np.random.default_rng(0).normal(size=clean.shape)
            rows = integral_rows(library, t[:m], x[:m], known)
            found.append(identifiability(*rows, 2**0.5 * sigma, 0.2, library.names, bootstraps=60).agreement.min())
        ax.plot(t[lengths - 1], found, style, label=f"noise {noise:.1%}")
    ax.axhline(0.9, color="0.5", linewidth=1)
    ax.set(xlabel="length of the recording", ylabel="agreement", title="The same terms in how many bootstraps?")


def lynx(ax):
    """Forecast errors for 1914 to 1920 against the number of years that Lotka–Volterra is fitted to."""
    _, *pelts = np.loadtxt(DATA / "hudson_bay.csv", delimiter=",", skiprows=1).T
    z, years = np.log(np.transpose(pelts)), np.arange(21.0)

    def path(q, times):
        a, b, c, d = np.exp(q[:4])
        f = lambda t, s: np.array([a - b * np.exp(s[1]), -c + d * np.exp(s[0])])  # noqa: E731
        return nodekit.solve(f, q[4:], times, method="rk4", step=0.1).y

    counts, off, mean = np.arange(8, 15), [], []
    for n in counts:
        use = slice(14 - n, 14)
        start = np.append(np.log([0.5, 0.025, 0.9, 0.025]), z[14 - n])
        left = lambda q, use=use: np.clip(path(q, years[use]) - z[use], -9, 9).ravel()  # noqa: E731
        q = least_squares(left, start).x
        ahead = path(q, years[14 - n :])[n:]
        off.append(np.sqrt(np.mean((ahead - z[14:]) ** 2)))
        mean.append(np.sqrt(np.mean((z[use].mean(0) - z[14:]) ** 2)))
    ax.plot(counts, off, "-o", label="Lotka–Volterra")
    ax.plot(counts, mean, "--x", label="the mean")
    ax.set(
        xlabel="years fitted, until 1913", ylabel="error of log pelts", title="Forecast of 1914 to 1920", ylim=(0, 1.6)
    )


FIGURES = {f.__name__: f for f in (
    controllers, lyapunov, switching, leapfrog, probes, next_look, dropped, noises, how_long, lynx,
)}  # fmt: skip


def make(name, folder):
    """Draw one figure, and write it as a small PNG."""
    fig, ax = plotting.figure(size=(6.4, 3.4))
    FIGURES[name](ax)
    ax.legend(fontsize=8)
    fig.savefig(Path(folder, f"{name}.png"), dpi=80, metadata={"Software": None})


if __name__ == "__main__":
    plotting.use_style()
    folder, *names = [*sys.argv[1:], HERE][:1] + sys.argv[2:]
    for name in names or FIGURES:
        make(name, folder)
