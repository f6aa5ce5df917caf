"""Homework 2, what the self-checks of parts 2 to 5 try: each function here is called by one in hw2_checks.py."""

import hw2
import numpy as np
from handin import in_sizes

import nodekit
from nodekit.classroom.checks import as_array, same_values, several
from nodekit.classroom.watch import Wrong, is_stub

# ---- part 2 --------------------------------------------------------------------------------------------


def adams(task, field, x, theta):
    """The states (n + 1, 2) of Adams' and Bashforth's steps, for complex numbers too."""
    states, slopes = [x], []
    for k in range(task.n):
        slopes.append(field.slope(k * task.h, states[k], theta))
        new = slopes[0] if k == 0 else (3 * slopes[k] - slopes[k - 1]) / 2
        states.append(states[k] + task.h * new)
    return np.array(states)


def by_complex_steps(states_of, task, weights=None):
    """dL/dx0 (2,), dL/dθ (15,) of the loss over states_of(field, x0, θ), from 17 runs forward with complex numbers."""
    field, losses = hw2.Smooth(task.seed), []
    weights = task.weights if weights is None else weights
    for e in 1e-30j * np.eye(17):
        off = states_of(field, field.x0 + e[:2], field.theta + e[2:]) - task.targets
        losses.append(0.5 * np.sum(weights[:, None] * off**2).imag / 1e-30)
    return np.split(np.array(losses), [2])


def both(value):
    """The two returned gradients as arrays."""
    by_x0, by_theta = several(value, ("dL_dx0", "dL_dtheta"))
    return as_array(by_x0, "dL/dx0"), as_array(by_theta, "dL/dθ")


def steps(steps_gradient):
    def straight(n, looks, rate=lambda t: 1.0):
        """Of x' = θ rate(t), with the loss x_k. With the rate 1 the slope is θ, and x_k = x_0 + k h θ."""
        one = np.array([1.0])
        f, vjp = (lambda t, x: 3.0 * rate(t) * one), (lambda t, x, a: (0.0 * a, rate(t) * a))
        return both(steps_gradient(f, vjp, one, 0.5, n, lambda k, x: one if k == looks else 0 * one))

    for n in (1, 2, 3, 6):
        by_x0, by_theta = straight(n, n)
        right = 0.5 * n
        mistakes = {
            "The first step is Euler's: its slope counts once, not 3/2.": np.array([right + 0.25]),
            "Each slope acts twice: with 3/2 in its own step, and with -1/2 in the next. The second one is missing.": (
                np.array([right + 0.25 * (n - 1)])
            ),
            "The opposite sign. These are steps, not an equation: nothing turns its sign.": np.array([-right]),
            "The factor h is missing.": np.array([1.0 * n]),
            "The factor h is there twice: κ has it already.": np.array([0.5 * right]),
            "Only one step's share is left: the shares of all steps are added.": np.array([0.5]),
            "A slope's second use has the weight -1/2: here its sign is turned.": np.array([right + 0.5 * (n - 1)]),
        }
        mistakes = {words: value for words, value in mistakes.items() if n == 1 or "first" not in words}
        if n == 1 and np.array_equal(by_x0, [right]) and np.array_equal(by_theta, [1.0]):
            raise Wrong("The two are in the other order: dL/dx0, then dL/dθ.")
        same_values(by_theta, np.array([right]), 1e-12, f"On x' = θ with {counted(n)} of 0.5, d(x_{n})/dθ", mistakes)
        same_values(by_x0, np.ones(1), 1e-12, f"On x' = θ with {counted(n)}, d(x_{n})/d(x_0)")
    for n in (2, 3):
        _, by_theta = straight(n, n, lambda t: t)
        words = "This is the way back through Euler's steps. Each slope acts twice, with 3/2 and with -1/2."
        if by_theta.shape == (1,) and abs(by_theta[0] - 0.25 * np.arange(n).sum()) < 1e-12:
            raise Wrong(words)
    by_x0, by_theta = straight(3, 0)
    same_values(by_x0, np.ones(1), 1e-12, "With a loss of ℓ_0 alone, which looks at x_0 itself, dL/dx0")
    same_values(by_theta, np.zeros(1), 1e-12, "With a loss of ℓ_0 alone, dL/dθ")

    for n in (1, 2, 3, 12):
        task = hw2.looks_at_steps(np.random.default_rng(n), n)
        task.weights[0] = 1.0
        path = adams(task, hw2.Smooth(task.seed), hw2.Smooth(task.seed).x0, hw2.Smooth(task.seed).theta)
        right = by_complex_steps(lambda *given, task=task: adams(task, *given), task)
        got, elsewhere = both(task.steps(watching(steps_gradient, task.h, path))), watching.found
        for name, value, truth in zip(("dL/dx0", "dL/dθ"), got, right, strict=True):
            if value.shape == truth.shape and not np.allclose(value, truth, 1e-10, 1e-10):
                if elsewhere:
                    raise Wrong(f"With {counted(n)} {name} is wrong: {elsewhere[0]}")
                if name == "dL/dθ":
                    raise Wrong(
                        f"With {counted(n)} dL/dx0 is right, and dL/dθ is not: is a share taken before it is whole?"
                    )
                if n > 1:
                    raise Wrong(
                        f"With {counted(n)} dL/dx0 is wrong, and with {n - 1} it was right. The states are right, and "
                        "vjp is asked in the right places: is κ_k made of the adjoints of x_{k+1} and x_{k+2}?"
                    )
            value, truth = in_sizes(value, truth)
            same_values(value, truth, 2e-11, f"With {counted(n)} of a random field, {name}, in units of its true size,")
    return "Equal to the derivative of the steps to 1e-10, with 1, 2, 3 and 12 of them."


def watching(gradient, h, path):
    """`gradient`, noting in watching.found where it asks for a vjp or a loss's gradient beside the states `path`."""
    watching.found = found = []

    def call(f, vjp, x0, h, n, dl):
        def looked(k, x):
            if np.shape(x) != (2,) or np.abs(x - path[k]).max() > 1e-9:
                found.append(f"dl({k}, x) was given another state than x_{k}. Are the steps right, and is k that of x?")
            return dl(k, x)

        def watched(t, x, a):
            k = round(float(t) / h)
            if abs(t - k * h) > 1e-9 or not 0 <= k < len(path) - 1:
                found.append(f"vjp was asked for at t = {t:.3g}, where no slope was taken.")
            elif np.shape(x) != (2,) or np.abs(x - path[k]).max() > 1e-9:
                found.append(f"at the time of x_{k} vjp was given another state than x_{k}.")
            return vjp(t, x, a)

        return gradient(f, watched, x0, h, n, looked)

    return call


def counted(n):
    """1 step, 2 steps, ..."""
    return f"{n} step{'s' if n > 1 else ''}"


# ---- part 3 --------------------------------------------------------------------------------------------


def samples(samples_gradient):
    rate, start = 0.4, 2.0
    for times in ([3.0], [1.0, 1.5, 4.0], [0.0, 1.0, 3.0]):
        t, one = np.array(times), np.ones(1)
        r = np.arange(1.0, len(t) + 1)  # the loss is Σ r_i x(t_i)
        f, vjp = (lambda t, x: -rate * x), (lambda t, x, a: (-rate * a, -x * a))
        got = both(samples_gradient(f, vjp, start * one, t.copy(), lambda i, x, r=r: r[i] + 0 * x))
        decay, what = np.exp(-rate * t), f"On x' = -θ x with samples at {times}"
        by_x0, by_theta = np.sum(r * decay), -np.sum(r * t * start * decay)
        words = {
            "only the last sample counts. At every sample a jumps by its gradient.": (r * decay)[-1],
            "the first sample is missing. (One at time 0 looks at x0 itself.)": np.sum((r * decay)[1:]),
            "a grows backward where it should shrink: the sign of a' = -Jᵀ a.": np.sum(r / decay),
            "every jump comes one solve too late. On reaching a sample a jumps, and then the solve goes on.": np.sum(
                r * np.exp(-rate * np.append(0.0, t[:-1]))
            ),
        }
        if t[0] == 0:
            words["the sample at time 0 is the first one: dl(0, x0). You ask for that of another one."] = (
                np.sum((r * decay)[1:]) + r[-1]
            )
            words[
                "every sample has the index of the one before it. With a sample at time 0 their number is one less."
            ] = np.sum(np.roll(r, 1) * decay)
        if t[0] > 0 and len(t) > 1:
            words["the jumps replace a. At every sample its gradient is added."] = (r * decay)[0]
        if len(t) == 1:
            words = {"a does not change from the sample to time 0. First the jump, then a solve to 0.": r[0], **words}
        mistakes = {f"{what}: {text}": np.array([value]) for text, value in words.items()}
        same_values(got[0], np.array([by_x0]), 1e-4, f"{what}, dL/dx0", mistakes)
        if len(t) == 1 and got[1].shape == (1,) and abs(got[1][0]) > 1.01 * abs(by_theta):
            raise Wrong(f"{what} dL/dθ is too large. With two times nodekit.solve gives every step: is x that at 3.0?")
        words = {
            "dL/dθ has the opposite sign. Downward in time, g' = -Fᵀ a makes g grow by +Fᵀ a.": -by_theta,
            "dL/dθ of the last sample alone.": -(r * t * start * decay)[-1],
        }
        if t[0] > 0 and len(t) > 1:
            words["only the last solve's share of dL/dθ is left. g goes on, it does not begin anew."] = (
                -start * t[0] * by_x0
            )
        if len(t) == 1:
            back = start * decay[0] * (decay[0] ** 2 - 1) / (2 * rate) * r[0]
            words["x runs the wrong way in dL/dθ. f keeps its sign: the solver's steps are negative."] = back
        mistakes = {f"{what}: {text}": np.array([value]) for text, value in words.items()}
        same_values(got[1], np.array([by_theta]), 1e-4, f"{what}, dL/dθ", mistakes)

    for seed, at_once in ((1, False), (2, True), (3, False), (4, False)):
        task = hw2.looks_at_times(np.random.default_rng(seed), at_once)
        stops = task.times if at_once else np.array([0.0, *task.times])

        def states(field, x, theta, stops=stops):
            options = {"method": "dop853", "rtol": 1e-11, "atol": 1e-12}
            return nodekit.solve(lambda t, x: field.slope(t, x, theta), x, stops, **options).y[-4:]

        right, beside = by_complex_steps(states, task), []
        path = states(hw2.Smooth(seed=task.seed), hw2.Smooth(task.seed).x0, hw2.Smooth(task.seed).theta)

        def watched(f, vjp, x0, times, dl, path=path, beside=beside):
            def looked(i, x):
                if np.shape(x) != (2,) or np.abs(x - path[i]).max() > 1e-3:
                    beside.append(f"dl({i}, x) was given another state than that at times[{i}].")
                return dl(i, x)

            return samples_gradient(f, vjp, x0, times, looked)

        for name, value, truth in zip(("dL/dx0", "dL/dθ"), both(task.samples(watched)), right, strict=True):
            size = np.maximum(np.abs(truth), 1e-3 * np.abs(truth).max())
            if value.shape != truth.shape:
                raise Wrong(f"{name} has shape {value.shape}; {truth.shape} was expected.")
            off = (np.abs(value - truth) / size).max()
            if 2e-7 < off < 1e-3:
                raise Wrong(f"{name} is right to {off:.0e}; 1e-6 is asked for, on fields that may be harder, so that "
                            "this check wants 2e-7. Tighter tolerances, both ways?")  # fmt: skip
            if off > 1e-3 and beside:
                raise Wrong(f"{name} is wrong: {beside[0]} Is i the number of the sample?")
            same_values(value / size, truth / size, 2e-7, f"{name} of a random field, in units of its true size,")
    return "Right to 1e-6, with samples anywhere, one of them at time 0."


# ---- part 4 --------------------------------------------------------------------------------------------

LINEAR = 1e300  # a κ at which the enzyme is never busy
NONLINEAR = hw2.Prodrug(np.array([10.0, 2.0, 0.2]), np.array([3.0, 0.0]), 2.0)
AT_NONLINEAR = 17.95617


def spread(J, T, norm=2):
    """The logarithm of the largest factor between 0 and T of an error along x' = J x with a constant J (2, 2)."""
    values, V = np.linalg.eig(J)
    return float(np.log(np.linalg.norm(V @ np.diag(np.exp(values * T)) @ np.linalg.inv(V), norm)))


def growth(growth):
    cases = ((3, 1), (8, 4), (0.5, 1))
    rows = [(hw2.Prodrug(np.array([rate, LINEAR, 0.2]), np.array([2.0, 0.0]), T), None) for rate, T in cases]
    for problem, right in [*rows, (NONLINEAR, AT_NONLINEAR)]:
        got = as_array(growth(problem), "the growth")
        if got.shape != () or got.dtype.kind == "c" or not np.isfinite(got):
            raise Wrong(f"The growth is one number; yours is {got!r}.")
        J, T = problem.jacobian(0.0, problem.x0), problem.T
        later = problem.jacobian(T, 0 * problem.x0)
        right = spread(-J, T) if right is None else right
        what = f"λ = {problem.theta[0]:g}, κ = {problem.theta[1]:g}, T = {T:g}"
        mistakes = {
            "This is how an error grows or shrinks from 0 to T. The way back is asked for.": spread(J, T),
            "This is the factor itself. Its natural logarithm is asked for.": np.exp(right),
            "This is the logarithm to base 10.": right / np.log(10),
            "This is the smallest factor that a direction gets: the largest is asked for.": -spread(J, T),
            "This is the growth of z's own error (an eigenvalue). An error in z makes one in w, and the length of both "
            "together is asked for.": problem.theta[0] * T,
            "This is the norm of the whole matrix. The largest factor of one direction is np.linalg.norm(E, 2).": (
                spread(-J, T, None)
            ),
            "Here the Jacobian is that at x0 all the way. It changes along the solution.": spread(-J, T),
            "Here the Jacobian is that of z = 0 all the way. It changes along the solution.": spread(-later, T),
        }
        for words, value in mistakes.items():
            if abs(got - value) < 0.01 and abs(value - right) > 0.02:
                raise Wrong(f"At {what}: {words}")
        if abs(got - right) > 0.002:
            why = " Tighter tolerances? 0.01 is allowed, and 0.002 here." if abs(got - right) < 0.02 else ""
            raise Wrong(f"At {what} the logarithm is {right:.4f}, and yours is {got:.4f}.{why}")
    return "The growth of four prodrugs is right, with and without saturation."


def cheapest(cheapest):
    for seed, brief, forgets in ((1, True, False), (2, False, True), (3, True, True), (4, False, False)):
        problem = hw2.prodrug(np.random.default_rng(seed), brief, forgets)
        way, what = cheapest(problem), f"With λ = {problem.theta[0]:.3g} and T = {problem.T:.3g}"
        if not isinstance(way, str) or way not in hw2.WAYS:
            raise Wrong(f"One of {', '.join(hw2.WAYS)} is returned, as text; yours is {way!r}.")
        if forgets and way == "adjoint":
            raise Wrong(f"{what} the adjoint's gradient is off by more than 10%. It is returned all the same.")
        if not forgets and way != "adjoint":
            raise Wrong(
                f"{what} the adjoint's gradient is right to 1e-6, and it keeps the end alone; {way} keeps more."
            )
        if way == "backprop":
            raise Wrong(f"{what} backprop is right, and keeps every stage. There is one that keeps less.")
    return "Right for four prodrugs, two of which forget their start."


# ---- part 5 --------------------------------------------------------------------------------------------

SAMPLED = np.array(  # c(0), and what was measured at hw2.TIMES
    [52.0, 49.704, 44.053, 38.606, 34.945, 26.571, 19.463, 13.256, 7.827, 3.19, 0.993, 0.18, 0.025, 0.046, 0.014]
)
LEAST = np.array([5.677885, 3.121741, 0.486910, 0.918829])  # where χ² is least, and a root of its curvature in log θ
ROOT = np.array(
    [
        [290.299, -63.572, 4.8, -10.046],
        [0.0, 16.833, 27.007, -33.01],
        [0.0, 0.0, 26.768, -15.81],
        [0.0, 0.0, 0.0, 8.535],
    ]
)


def fit(function, *given):
    if not all(callable(own) and not is_stub(own) for own in given):
        raise Wrong("Part 1 comes first: hw2_checks.fit.check(fit, field, field_vjp).")
    left = [hw2.NO_COST]
    f, vjp = (hw2.Counted(own, left) for own in given)
    start = np.array([SAMPLED[0], 0.0])
    found = function(f, vjp, start, hw2.TIMES.copy(), SAMPLED[1:].copy(), hw2.noise(SAMPLED[1:]), hw2.GUESS.copy())
    found = np.asarray(found, float) if isinstance(found, list | tuple) else as_array(found, "θ")
    if found.shape != (4,) or not np.isfinite(found).all():
        raise Wrong(f"Four finite numbers are returned; yours are {found}.")
    if not (found > 0).all():
        if np.abs(found - np.log(LEAST)).max() < 0.1:
            raise Wrong("These are the logarithms of the parameters.")
        raise Wrong(f"A parameter is not positive: {np.round(found, 3)}. Vary the logarithms of the parameters.")
    off = ROOT @ np.log(found / LEAST)  # χ² is nearly quadratic in log θ
    cost, above = hw2.NO_COST - left[0], float(off @ off)
    if above > 0.02:
        why = "Is part 1 right, and the gradient that of χ²? Did the descent end early?"
        if np.allclose(found, hw2.GUESS, 1e-6):
            why = "That is the guess: no step was taken. What does the first one do to χ²? It may have to be shorter."
        elif above <= 9.49:
            why = "It ended too early, or the sum is another one: is each residual divided by its own σ?"
        raise Wrong(
            f"χ² at {np.round(found, 3)} is about {above:.2g} above the least one; 0.1 is allowed, and 0.02 here. {why}"
        )
    if cost < 100:
        raise Wrong("f and vjp were hardly called. Evaluate the field by these two alone.")
    return f"χ² is within {max(above, 1e-4):.0e} of the least one, after {cost} calls of f and vjp."
