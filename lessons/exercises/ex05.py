"""Lesson 05, Backprop through the solver: two predictions, four exercises and the quiz.

An adjoint a is a column here as in the lesson, kept as an array (d,). vjp(t, x, a) returns (∂f/∂x)ᵀ a (d,) and
(∂f/∂θ)ᵀ a (p,), both taken at (t, x).
"""

import math
import weakref

import numpy as np

from nodekit.classroom.checks import Exercise, Wrong, as_array, gradient_matches, same_values, several
from nodekit.classroom.quiz import Prediction, Question, Quiz

first_guess = Prediction(
    "You may evaluate the field 160 times: in 160 steps of Euler's method, or in 40 steps of RK4, which has four "
    "stages in each step. PyTorch records the solve. Compared with Euler's, how many bytes does it keep of RK4's?",
    {
        "a": "A quarter: it has a quarter of the steps, and so of the states.",
        "b": "The same.",
        "c": "Four times as many: it has four stages.",
        "d": "Half: fewer states, but more to keep in each step.",
    },
    answer="b",
    explain={
        "a": "That would be true if only the states between the steps were kept. But each stage is an evaluation of f, "
        "and leaves its own input and activations.",
        "b": "What is kept belongs to an evaluation of f: its input, and what was computed inside. There are 160 "
        "evaluations in both.",
        "c": "In each step it is four times as many. But there are a quarter of the steps.",
        "d": "Count evaluations of f: each of them keeps its input and its activations, whichever step it belongs to.",
    },
)

second_guess = Prediction(
    "The same parameters θ act in every step of Euler's method. You solve from t = 0 to T = 1 with 10 steps, then "
    "with 1000, and differentiate a loss of the end by θ. How large is the gradient with 1000 steps, compared with "
    "that with 10?",
    {
        "a": "About 100 times as large: θ acts 100 times as often, and the shares of the steps add up.",
        "b": "About the same.",
        "c": "About a hundredth: each step is a hundredth as long.",
        "d": "Near 0: a product of 1000 Jacobians vanishes.",
    },
    answer="b",
    explain={
        "a": "The shares do add up, 1000 of them. But each has a factor h = 1/1000, because a step is that short.",
        "b": "There are 1000 shares, each with a factor 1/1000. The sum settles as the steps get shorter.",
        "c": "Each share is about a hundredth as large. But there are 100 times as many, and they add up.",
        "d": "Each of the 1000 Jacobians is I + h J, which is nearly the identity. Their product settles at a matrix.",
    },
)


def tanh_field(seed, d=3, m=4):
    """f(t, x, theta), vjp(t, x, theta, a), a start (d,), theta (p,): f = V tanh(W x + t b), as in the lesson."""
    rng = np.random.default_rng(seed)

    def parts(theta):
        return theta[: m * d].reshape(m, d), theta[m * d : m * d + m], theta[m * d + m :].reshape(d, m)

    def f(t, x, theta):
        W, b, V = parts(theta)
        return V @ np.tanh(W @ x + t * b)

    def vjp(t, x, theta, a):
        W, b, V = parts(theta)
        z = np.tanh(W @ x + t * b)
        g = (1 - z**2) * (V.T @ a)
        return W.T @ g, np.concatenate([np.outer(g, x).ravel(), t * g, np.outer(a, z).ravel()])

    return f, vjp, rng.normal(size=d), rng.normal(size=2 * m * d + m)


def compare(got, expected, mistakes, names=("dL/dx0", "dL/dtheta")):
    """got, expected and each mistake: (dL/dx0, dL/dtheta). Raise Wrong with the words of the mistake that fits."""
    arrays = [as_array(value, name) for value, name in zip(several(got, names), names, strict=True)]
    for words, wrong in mistakes.items():
        differs = any(not np.allclose(w, e, rtol=1e-6, atol=1e-9) for w, e in zip(wrong, expected, strict=True))
        same = all(
            np.shape(w) == g.shape and np.allclose(g, w, 1e-9, 1e-11) for g, w in zip(arrays, wrong, strict=True)
        )
        if differs and same:
            raise Wrong(words)
    for value, right, name in zip(arrays, expected, names, strict=True):
        opposite = {f"{name} has the opposite sign: the way back adds, as the way forward does.": -right}
        same_values(value, right, 1e-10, name, opposite)


# ---- 1 -------------------------------------------------------------------------------------------------


def leaky_vjp(t, x, W, b, a):
    """The vjp of f(t, x) = -x + tanh(W x + t b): what the column a = dL/df gives for x, W and b.

    t: float. x, b, a: (d,). W: (d, d). Returns three arrays: for x (d,), for W (d, d), for b (d,).
    """
    z = np.tanh(W @ x + t * b)
    g = (1 - z**2) * a
    return -a + W.T @ g, np.outer(g, x), t * g


def check_leaky_vjp(leaky_vjp):
    names = ["for x", "for W", "for b"]
    for seed in range(6):
        rng = np.random.default_rng(500 + seed)
        d, t = (3, 2, 4)[seed % 3], rng.uniform(0.3, 0.9) * (-1) ** (seed // 3)
        x, b, a = rng.normal(size=(3, d))
        W = rng.normal(size=(d, d))
        z = np.tanh(W @ x + t * b)
        g, flat = (1 - z**2) * a, (1 - z) * a
        got = [
            as_array(v, f"your array {n}") for v, n in zip(several(leaky_vjp(t, x, W, b, a), names), names, strict=True)
        ]
        for_x = {
            "For x: the matrix must be transposed. A column goes back through W.T.": -a + W @ g,
            "For x: f holds x twice, in the tanh and in -x. The second part is missing.": W.T @ g,
            "For x: the derivative of -x is -1, not 1.": a + W.T @ g,
            "For x: the derivative of tanh is missing, 1 - tanh².": -a + W.T @ a,
            "For x: the derivative of tanh(u) is 1 - tanh(u)², and yours lacks the square.": -a + W.T @ flat,
            "For x: this is J a, not Jᵀ a. First a times 1 - tanh², then W.T.": -a + (1 - z**2) * (W @ a),
            "For x: first times 1 - tanh², then W.T: the way back meets them in this order.": -a
            + (1 - z**2) * (W.T @ a),
        }
        for_W = {
            "For W: the outer product is transposed. Row i of W feeds component i of the tanh.": np.outer(x, g),
            "For W: the derivative of tanh is missing, 1 - tanh².": np.outer(a, x),
            "For W: the derivative of tanh(u) is 1 - tanh(u)², and yours lacks the square.": np.outer(flat, x),
        }
        for_b = {
            "For b: b comes in multiplied by t, so t stays.": g,
            "For b: the derivative of tanh is missing, 1 - tanh².": t * a,
            "For b: the derivative of tanh(u) is 1 - tanh(u)², and yours lacks the square.": t * flat,
        }
        expected = [-a + W.T @ g, np.outer(g, x), t * g]
        for value, right, name, mistakes in zip(got, expected, names, (for_x, for_W, for_b), strict=True):
            same_values(value, right, 1e-12, f"your array {name}", mistakes)
        gradient_matches(lambda x, t=t, W=W, b=b, a=a: a @ (-x + np.tanh(W @ x + t * b)), got[0], x)
        gradient_matches(lambda W, t=t, x=x, b=b, a=a: a @ (-x + np.tanh(W @ x + t * b)), got[1], W)
        gradient_matches(lambda b, t=t, x=x, W=W, a=a: a @ (-x + np.tanh(W @ x + t * b)), got[2], b)
    return "All three agree with central differences on 6 random fields."


leaky_vjp = Exercise(
    leaky_vjp,
    check_leaky_vjp,
    hints=(
        "Let z = tanh(u) with u = W x + t b. What does a become on its way back through tanh? And then through W?",
        "g = (1 - z**2) * a belongs to u. From u it goes on to x by W.T, to W by an outer product, to b by t.",
        "x also comes in as -x: return -a + W.T @ g, np.outer(g, x), t * g.",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def backward(vjp, times, states, dL_dx):
    """Back through Euler's steps from times[k] to times[k + 1], for a loss that looks at all the states.

    vjp: function (t, x, a) -> two arrays, (∂f/∂x)ᵀ a (d,) and (∂f/∂θ)ᵀ a (p,). times: (n + 1,), not equally far
    apart. states: (n + 1, d). dL_dx: (n + 1, d), the partial derivative of the loss by each state, the others held.
    Returns two arrays: dL/dx0 (d,) and dL/dθ (p,).
    """
    a, grad = dL_dx[-1], 0.0
    for k in reversed(range(len(times) - 1)):
        h = times[k + 1] - times[k]
        a_x, a_theta = vjp(times[k], states[k], a)
        grad = grad + h * a_theta
        a = a + h * a_x + dL_dx[k]
    return a, grad


def back_wrongly(vjp, times, states, dL_dx, *, add=True, at=0, early=True, identity=True, h_theta=True,
                 only_end=False, equal=False, jump_first=False, last_jump=True, clock=0, h_x=True, sign=1, row=0,
                 h_row=False):  # fmt: skip
    """`backward` with one mistake."""
    a, grad = dL_dx[-1], 0.0
    for k in reversed(range(len(times) - 1)):
        h = times[1] - times[0] if equal else times[k + 1] - times[k]
        if jump_first:
            a = a + dL_dx[k]
        a_x, a_theta = vjp(times[k + at + clock], states[k + at], a)
        new = (a if identity else 0.0) + sign * (h if h_x else 1.0) * a_x
        if not (only_end or jump_first) and (k > 0 or last_jump):
            new = new + (h if h_row else 1.0) * dL_dx[k + row]
        if not early:
            a_theta = vjp(times[k], states[k], new)[1]
        grad = (grad if add else 0.0) + (h if h_theta else 1.0) * a_theta
        a = new
    return a, grad


BACK_MISTAKES = {
    "dL/dθ is overwritten in each step: what is left is the first step's share. θ acts in all of them: add.": {
        "add": False
    },
    "The vjp is taken at x_{k+1}. Euler evaluated f at x_k, so there it must be differentiated.": {"at": 1},
    "dL/dθ uses a_k, the adjoint before the step. It is a_{k+1}, that of the state which the step made.": {
        "early": False
    },
    "a lost itself: x_{k+1} = x_k + h f, so a_k = a_{k+1} + h (∂f/∂x)ᵀ a_{k+1}, with the first term too.": {
        "identity": False
    },
    "dL/dθ has no h: a step moves the state by h f.": {"h_theta": False},
    "Only the last row of dL_dx is used. The loss looks at every state: add each row when a gets there.": {
        "only_end": True
    },
    "The steps are not of equal size: h is times[k + 1] - times[k].": {"equal": True},
    "A row of dL_dx is added too early: a must first go back through the step, then dL_dx[k] is added.": {
        "jump_first": True
    },
    "dL_dx[0] is missing: the loss looks at the start too.": {"last_jump": False},
    "The vjp is taken at times[k + 1]. Euler evaluated f at times[k].": {"clock": 1},
    "a has no h: a step moves the state by h f, so a_k = a_{k+1} + h (∂f/∂x)ᵀ a_{k+1} + ...": {"h_x": False},
    "a has the wrong sign: the step adds h f, so the way back adds h (∂f/∂x)ᵀ a_{k+1}.": {"sign": -1},
    "Behind step k the adjoint is that of states[k], so it is dL_dx[k] that is added, not dL_dx[k + 1].": {"row": 1},
    "dL_dx[k] has no factor h: the loss looks at the state itself.": {"h_row": True},
}


def check_backward(backward):
    worst = 0.0
    for seed in range(5):
        d, n = (3, 2, 4, 3, 2)[seed], 6 - seed % 2
        f, vjp, x, theta = tanh_field(seed, d)
        rng = np.random.default_rng(510 + seed)
        times = 0.2 + np.concatenate([[0.0], np.cumsum(rng.uniform(0.05, 0.4, size=n))]) * (1 if seed < 4 else -1)
        weights = rng.normal(size=(n + 1, d))

        def forward(x, theta, f=f, times=times):
            states = [x]
            for t, h in zip(times, np.diff(times), strict=False):
                states.append(states[-1] + h * f(t, states[-1], theta))
            return np.array(states)

        def loss(x, theta, weights=weights, forward=forward):
            states = forward(x, theta)
            return np.sum(weights * states + states**2)

        states = forward(x, theta)
        dL_dx = weights + 2 * states

        def at_theta(t, x, a, vjp=vjp, theta=theta):
            return vjp(t, x, theta, a)

        got = backward(at_theta, times, states, dL_dx)
        wrong = {words: back_wrongly(at_theta, times, states, dL_dx, **how) for words, how in BACK_MISTAKES.items()}
        compare(got, back_wrongly(at_theta, times, states, dL_dx), wrong)
        worst = max(worst, gradient_matches(lambda x, theta=theta: loss(x, theta), got[0], x, 1e-5, "dL/dx0"))
        worst = max(worst, gradient_matches(lambda theta, x=x: loss(x, theta), got[1], theta, 1e-5, "dL/dtheta"))
    return f"Both gradients agree with central differences on 5 random fields, to {worst:.0e}."


backward = Exercise(
    backward,
    check_backward,
    hints=(
        "Begin with the loss's derivative by the last state, and go down in k. What does one step add to a, to dL/dθ?",
        "In step k: a_x, a_theta = vjp(times[k], states[k], a), with the a of state k + 1. θ acts in every step: add.",
        "grad = grad + h * a_theta, then a = a + h * a_x + dL_dx[k], with h = times[k + 1] - times[k].",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def heun_back(f, vjp, t, x, h, a):
    """Back through one step of Heun's method, x1 = x + h (k1 + k2) / 2, with k2 = f(t + h, x + h k1).

    f: function (t, x) -> (d,). vjp: function (t, x, a) -> two arrays, (∂f/∂x)ᵀ a (d,) and (∂f/∂θ)ᵀ a (p,). t: float.
    x: (d,), the state before the step. h: float. a: (d,), dL/dx1. Returns two arrays: dL/dx (d,) and dL/dθ (p,).
    """
    k1 = f(t, x)
    v2, grad2 = vjp(t + h, x + h * k1, h / 2 * a)
    v1, grad1 = vjp(t, x, h / 2 * a + h * v2)
    return a + v1 + v2, grad1 + grad2


def check_heun_back(heun_back):
    worst = 0.0
    for seed in range(5):
        f, vjp, x, theta = tanh_field(20 + seed, (3, 2, 4, 3, 2)[seed])
        rng = np.random.default_rng(520 + seed)
        t, h, a = 0.4, float(rng.uniform(0.2, 0.5)) * (1 if seed < 4 else -1), rng.normal(size=len(x))
        k1 = f(t, x, theta)
        half = h / 2 * a
        v2, g2 = vjp(t + h, x + h * k1, theta, half)
        v1, g1 = vjp(t, x, theta, half + h * v2)
        direct, g_direct = vjp(t, x, theta, half)
        stale, g_stale = vjp(t + h, x, theta, half)
        stale1, g_stale1 = vjp(t, x, theta, half + h * stale)
        early, g_early = vjp(t, x + h * k1, theta, half)
        early1, g_early1 = vjp(t, x, theta, half + h * early)
        full, g_full = vjp(t + h, x + h * k1, theta, h * a)
        full1, g_full1 = vjp(t, x, theta, h * a + h * full)
        no_h, g_no_h = vjp(t, x, theta, half + v2)
        weak, g_weak = vjp(t, x, theta, half + h / 2 * v2)
        ahead, g_ahead = vjp(t + h, x + h / 2 * (k1 + f(t + h, x + h * k1, theta)), theta, half)
        ahead1, g_ahead1 = vjp(t, x, theta, half + h * ahead)
        euler, g_euler = vjp(t, x, theta, h * a)
        wrong = {
            "k1 acts twice: in the average, and in the place where k2 is taken. Its second way is missing: h v2.": (
                a + direct + v2,
                g_direct + g2,
            ),
            "a lost itself: x1 = x + ..., so dL/dx begins with a.": (v1 + v2, g1 + g2),
            "Only the first stage reaches dL/dx. The place of the second, x + h k1, holds x too.": (a + v1, g1 + g2),
            "Only the second stage reaches dL/dx.": (a + v2, g1 + g2),
            "The second stage is differentiated at x. It was taken at x + h k1.": (
                a + stale1 + stale,
                g_stale1 + g_stale,
            ),
            "The second stage is differentiated at time t. It was taken at t + h.": (
                a + early1 + early,
                g_early1 + g_early,
            ),
            "Each slope has the weight h/2, not h.": (a + full1 + full, g_full1 + g_full),
            "What the second stage hands to k1 has a factor h: its place is x + h k1.": (a + no_h + v2, g_no_h + g2),
            "What the second stage hands to k1 has the factor h, not h/2: its place is x + h k1.": (
                a + weak + v2,
                g_weak + g2,
            ),
            "The second stage is differentiated at the step's end, x1. It was taken at x + h k1.": (
                a + ahead1 + ahead,
                g_ahead1 + g_ahead,
            ),
            "dL/dθ holds the second stage's share only. θ acts in both: add.": (a + v1 + v2, g2),
            "dL/dθ holds the first stage's share only. θ acts in both: add.": (a + v1 + v2, g1),
            "This is Euler's way back. Heun's step has two stages.": (a + euler, g_euler),
        }
        got = heun_back(lambda t, x, f=f, theta=theta: f(t, x, theta),
                        lambda t, x, a, vjp=vjp, theta=theta: vjp(t, x, theta, a), t, x, h, a)  # fmt: skip
        compare(got, (a + v1 + v2, g1 + g2), wrong, ("dL/dx", "dL/dtheta"))

        def loss(x, theta, f=f, t=t, h=h, a=a):
            k1 = f(t, x, theta)
            return a @ (x + h / 2 * (k1 + f(t + h, x + h * k1, theta)))

        worst = max(worst, gradient_matches(lambda x, theta=theta: loss(x, theta), got[0], x, 1e-6, "dL/dx"))
        worst = max(worst, gradient_matches(lambda theta, x=x: loss(x, theta), got[1], theta, 1e-6, "dL/dtheta"))
    return f"Both gradients agree with central differences on 5 random fields, to {worst:.0e}."


heun_back = Exercise(
    heun_back,
    check_heun_back,
    hints=(
        "Take the last stage first. k2 enters x1 with the weight h/2, so its adjoint is h/2 a. Where was k2 taken?",
        "v2, grad2 = vjp(t + h, x + h * k1, h / 2 * a). The place x + h k1 passes v2 on to x, and h v2 on to k1.",
        "v1, grad1 = vjp(t, x, h / 2 * a + h * v2), and then return a + v1 + v2, grad1 + grad2.",
    ),
)


# ---- 4 -------------------------------------------------------------------------------------------------


def checkpointed(f, vjp, x, h, n, every, loss_slope):
    """n steps of Euler from x at t = 0, and the way back, with few states stored: x_0, x_every, x_{2 every}, ...

    The states between two stored ones are computed again when the way back gets there.
    f: function (t, x) -> (d,). vjp: function (t, x, a) -> two arrays, (∂f/∂x)ᵀ a (d,) and (∂f/∂θ)ᵀ a (p,). x: (d,).
    h: float. n, every: int. loss_slope: function x_n -> dL/dx_n (d,). Returns two arrays: dL/dx0 (d,), dL/dθ (p,).
    """
    kept = []
    for k in range(n):
        if k % every == 0:
            kept.append(x)
        x = x + h * f(k * h, x)
    a, grad = loss_slope(x), 0.0
    for start in reversed(range(0, n, every)):
        states, end = [kept.pop()], min(start + every, n)
        for k in range(start, end - 1):
            states.append(states[-1] + h * f(k * h, states[-1]))
        for k in reversed(range(start, end)):
            a_x, a_theta = vjp(k * h, states.pop(), a)
            grad = grad + h * a_theta
            a = a + h * a_x
    return a, grad


def check_checkpointed(checkpointed):
    counts = []
    for seed, (n, every) in enumerate([(12, 3), (64, 8), (23, 5), (9, 1), (7, 10)]):
        f, vjp, x, theta = tanh_field(40 + seed, 3 - seed % 2)
        h, target, calls, seen, most = 0.9 / n, np.array([0.5, -1.0, 2.0])[: len(x)], 0, {}, 0

        def look(x, seen=seen):
            """How many different states are alive that were handed to f or vjp so far."""
            nonlocal most
            seen[id(x)] = weakref.ref(x)
            most = max(most, sum(ref() is not None for ref in seen.values()))

        def own_f(t, x, f=f, theta=theta, look=look):
            nonlocal calls
            calls += 1
            look(x)
            return f(t, x, theta)

        def own_vjp(t, x, a, vjp=vjp, theta=theta, look=look):
            look(x)
            return vjp(t, x, theta, a)

        states = [x]
        for k in range(n):
            states.append(states[-1] + h * f(k * h, states[-1], theta))
        times, jumps = h * np.arange(n + 1), np.zeros((n + 1, len(x)))
        jumps[-1] = states[-1] - target
        at_theta = lambda t, x, a, vjp=vjp, theta=theta: vjp(t, x, theta, a)  # noqa: E731
        got = checkpointed(own_f, own_vjp, x, h, n, every, lambda x, target=target: x - target)
        if getattr(checkpointed, "changed", None) == "x":
            raise Wrong("x += ... changes the array that you stored, too. Make a new one: x = x + h * f(...).")
        wrong = {w: back_wrongly(at_theta, times, states, jumps, **BACK_MISTAKES[w]) for w in list(BACK_MISTAKES)[:5]}
        coarse = [states[k - k % every] for k in range(n)] + [states[-1]]
        words = "Each step of the way back is differentiated at the last stored state. Compute the ones between again."
        wrong[words] = back_wrongly(at_theta, times, coarse, jumps)
        compare(got, back_wrongly(at_theta, times, states, jumps), wrong)
        expected = 2 * n - math.ceil(n / every)
        if calls <= n and every > 1:
            raise Wrong(
                f"Right gradient, but f was called {calls} times for {n} steps: nothing was computed again, so "
                "all states were stored."
            )
        if calls > expected + n // every + 2:
            raise Wrong(
                f"Right gradient, but f was called {calls} times for n = {n}, every = {every}; {expected} do: "
                "n forward, and each state that was not stored once more. Begin at the last stored one."
            )
        if most > math.ceil(n / every) + 2 * every + 2:  # a stretch may still be there while the next one is filled
            raise Wrong(
                f"Right gradient, but {most} states were held at once for n = {n}, every = {every}; at most "
                f"{math.ceil(n / every)} stored ones and {every} others are needed."
            )
        counts.append(f"{calls} calls of f and {most} states at once for n = {n}, every = {every}")
    return f"Right to rounding on 5 fields. {counts[1]}; {counts[2]}."


checkpointed = Exercise(
    checkpointed,
    check_checkpointed,
    hints=(
        "Forward: n steps, and kept.append(x) when k % every == 0. Backward: the stretches between two stored states, "
        "the last first.",
        "For a stretch from `start`: states = [kept.pop()], then append until x_{end-1}, with end = min(start + every, "
        "n). Then walk it backward as in exercise 2.",
        "for start in reversed(range(0, n, every)): fill states; then for k in reversed(range(start, end)): a_x, "
        "a_theta = vjp(k * h, states.pop(), a); grad = grad + h * a_theta; a = a + h * a_x.",
    ),
)


# ---- quiz ----------------------------------------------------------------------------------------------

quiz = Quiz(
    Question(
        "Your gradient through 10 Euler steps differs from central differences by 4%. With 1000 steps it differs by "
        "0.04%. What is the most likely cause?",
        {
            "a": "Rounding: differences of nearly equal numbers",
            "b": "The vjp is taken at x_{k+1} in place of x_k",
            "c": "dL/dθ is overwritten in each step",
            "d": "None: Euler's method itself has an error of order h",
        },
        answer="b",
        explain={
            "a": "Rounding does not fall in proportion to h, and is far below 1%.",
            "b": "Neighbouring states are O(h) apart, so the error falls with h, and a loose test lets it pass.",
            "c": "Then the share of one step is left, and more is missing the more steps there are.",
            "d": "Both sides differentiate the same Euler steps. Right code agrees to rounding at any h.",
        },
    ),
    Question(
        "A net with one hidden layer of width 64 is the field of a state of 2 numbers; Euler, 100 steps, one sample, "
        "float64. About how much does autograd keep?",
        {
            "a": "1.6 kB: 100 states of 2 numbers",
            "b": "About 53 kB, as each evaluation keeps the input and the hidden layer",
            "c": "16 bytes: the end alone",
            "d": "5 MB: a Jacobian for each step",
        },
        answer="b",
        explain={
            "a": "Those are the states. The way back through tanh needs its 64 outputs as well, in each step.",
            "b": "It is 100 times (2 + 64) numbers of 8 bytes: 52.8 kB. The hidden layer outweighs the state.",
            "c": "The steps cannot be differentiated from the end alone. They would have to be found again first.",
            "d": "No Jacobian is ever formed. A vjp needs what the net computed on its way, not the matrix.",
        },
    ),
    Question(
        "With checkpoints at each of n steps, then at every √n-th: how many states must the way back of Euler compute "
        "again? (To take a step again in order to differentiate it does not count.)",
        {
            "a": "0, then n - √n",
            "b": "n, then n√n, as each state is found from the nearest stored one",
            "c": "√n, then n",
            "d": "0 in both cases",
        },
        answer="a",
        explain={
            "a": "If all states are there, none is missing. Else each of the n - √n missing ones is computed once.",
            "b": "A stretch is computed once, and its states are held until it is done: not once for each state.",
            "c": "It is nearly the other way round: the fewer are stored, the more must be found again.",
            "d": "States that are not stored have to be computed again.",
        },
    ),
    Question(
        "f = -3x + small net, T = 3. The adjoint at the start is |a_0| = 0.0001 |a_N|, and dL/dθ is 0.2. Why is that "
        "no contradiction?",
        {
            "a": "dL/dθ also holds the parameters' own size",
            "b": "Rounding: dL/dθ cannot be trusted when a_0 is so small",
            "c": "It is one: a product of Jacobians that vanishes leaves no gradient at all",
            "d": "dL/dθ adds up all steps, and in the last ones a is still large",
        },
        answer="d",
        explain={
            "a": "dL/dθ is made of a and ∂f/∂θ. What matters is which share each step has.",
            "b": "It is right to many digits. 0.0001 is nothing unusual for float64.",
            "c": "It leaves none for x_0 and the early steps. But the shares of the last steps have few factors.",
            "d": "The last few steps supply it. But they cannot make the end depend on the start again.",
        },
    ),
    Question(
        "x' = -50 x is solved to T = 1 with 20 steps of Euler, and differentiated through the steps. The factor "
        "dx_N/dx_0 is",
        {
            "a": "e^{-50}: the flow contracts",
            "b": "about 0.08, as 1 / (1 + 2.5)^2",
            "c": "1.5^20, about 3300: we differentiate the steps",
            "d": "0, because the solution is 0 long before the end",
        },
        answer="c",
        explain={
            "a": "That is the factor of the flow. The steps do not follow it, because 1 + hλ = 1 - 2.5.",
            "b": "The factor of a step is 1 + hλ, and there are 20 of them.",
            "c": "It is (1 - 2.5)^20. The way back is stable exactly if the way forward is.",
            "d": "The solution is. But Euler's points grow without bound for hλ = -2.5, and so does the product.",
        },
    ),
)
