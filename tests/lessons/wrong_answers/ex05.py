"""Wrong answers to the exercises of lesson 05."""

import numpy as np

# ---- leaky_vjp -----------------------------------------------------------------------------------------


def leaky(formula):
    """An answer to leaky_vjp from z and g: formula(t, x, W, a, z, g) -> three arrays."""

    def leaky_vjp(t, x, W, b, a):
        z = np.tanh(W @ x + t * b)
        return formula(t, x, W, a, z, (1 - z**2) * a)

    return leaky_vjp


def leaky_in_place(t, x, W, b, a):
    z = np.tanh(W @ x + t * b)
    sign = -a
    a *= 1 - z**2
    return sign + W.T @ a, np.outer(a, x), t * a


# ---- backward ------------------------------------------------------------------------------------------


def back(
    share=lambda grad, h, a_theta: grad + h * a_theta,
    pull=lambda a, h, a_x, jump: a + h * a_x + jump,
    at=0,
    size=lambda times, k: times[k + 1] - times[k],
    order=lambda n: reversed(range(n)),
    first=lambda dL_dx: dL_dx[-1],
):
    """An answer to backward with one part replaced."""

    def backward(vjp, times, states, dL_dx):
        a, grad = first(dL_dx), 0.0
        for k in order(len(times) - 1):
            a_x, a_theta = vjp(times[k + at], states[k + at], a)
            h = size(times, k)
            grad, a = share(grad, h, a_theta), pull(a, h, a_x, dL_dx[k])
        return a, grad

    return backward


def late_gradient(vjp, times, states, dL_dx):
    a, grad = dL_dx[-1], 0.0
    for k in reversed(range(len(times) - 1)):
        h = times[k + 1] - times[k]
        a = a + h * vjp(times[k], states[k], a)[0] + dL_dx[k]
        grad = grad + h * vjp(times[k], states[k], a)[1]
    return a, grad


def back_in_place(vjp, times, states, dL_dx):
    a, grad = dL_dx[-1], 0.0
    for k in reversed(range(len(times) - 1)):
        h = times[k + 1] - times[k]
        a_x, a_theta = vjp(times[k], states[k], a)
        grad = grad + h * a_theta
        a += h * a_x + dL_dx[k]
    return a, grad


def jump_early(vjp, times, states, dL_dx):
    a, grad = dL_dx[-1], 0.0
    for k in reversed(range(len(times) - 1)):
        h, a = times[k + 1] - times[k], a + dL_dx[k]
        a_x, a_theta = vjp(times[k], states[k], a)
        grad, a = grad + h * a_theta, a + h * a_x
    return a, grad


def later_clock(vjp, times, states, dL_dx):
    a, grad = dL_dx[-1], 0.0
    for k in reversed(range(len(times) - 1)):
        h = times[k + 1] - times[k]
        a_x, a_theta = vjp(times[k + 1], states[k], a)
        grad, a = grad + h * a_theta, a + h * a_x + dL_dx[k]
    return a, grad


def next_row(vjp, times, states, dL_dx):
    return back()(vjp, times, states, np.concatenate([dL_dx[1:], dL_dx[-1:]]))


def no_jump_at_start(vjp, times, states, dL_dx):
    jumps = dL_dx.copy()
    jumps[0] = 0.0
    return back()(vjp, times, states, jumps)


# ---- heun_back -----------------------------------------------------------------------------------------


def heun(first=lambda h, a, v2: h / 2 * a + h * v2, weight=0.5, place=(1.0, 1.0), end=None, share=None):
    """An answer to heun_back with one part replaced. place: factors of h in the time and the place of stage 2."""

    def heun_back(f, vjp, t, x, h, a):
        v2, grad2 = vjp(t + place[0] * h, x + place[1] * h * f(t, x), weight * h * a)
        v1, grad1 = vjp(t, x, first(h, a, v2))
        whole = end(a, v1, v2) if end else a + v1 + v2
        return whole, share(grad1, grad2) if share else grad1 + grad2

    return heun_back


def euler_back(f, vjp, t, x, h, a):
    a_x, a_theta = vjp(t, x, h * a)
    return a + a_x, a_theta


def heun_at_the_end(f, vjp, t, x, h, a):
    k1 = f(t, x)
    v2, grad2 = vjp(t + h, x + h / 2 * (k1 + f(t + h, x + h * k1)), h / 2 * a)
    v1, grad1 = vjp(t, x, h / 2 * a + h * v2)
    return a + v1 + v2, grad1 + grad2


def heun_in_place(f, vjp, t, x, h, a):
    k1 = f(t, x)
    v2, grad2 = vjp(t + h, x + h * k1, h / 2 * a)
    v1, grad1 = vjp(t, x, h / 2 * a + h * v2)
    a += v1 + v2
    return a, grad1 + grad2


# ---- checkpointed --------------------------------------------------------------------------------------


def stretches(fill, add=True, spare=0, keep_all=False, at=0):
    """An answer to checkpointed. fill(f, x, h, start, end) -> the states of the stretch, x first."""

    def checkpointed(f, vjp, x, h, n, every, loss_slope):
        kept, extra = [], []
        for k in range(n):
            if k % every == 0:
                kept.append(x)
            extra.append(x if keep_all else None)
            x = x + h * f(k * h, x)
        a, grad = loss_slope(x), 0.0
        for start in reversed(range(0, n, every)):
            end = min(start + every, n)
            states = fill(f, kept[start // every], h, start, end)
            for k in reversed(range(start, end)):
                a_x, a_theta = vjp((k + at) * h, states[k - start], a)
                grad = (grad if add else 0.0) + h * a_theta
                a = a + h * a_x
        return a, grad

    return checkpointed


def rightly(f, x, h, start, end):
    states = [x]
    for k in range(start, end - 1):
        states.append(states[-1] + h * f(k * h, states[-1]))
    return states


def from_local_time(f, x, h, start, end):
    states = [x]
    for k in range(end - start - 1):
        states.append(states[-1] + h * f(k * h, states[-1]))
    return states


def each_from_the_checkpoint(f, x, h, start, end):
    return [rightly(f, x, h, start, k + 1)[-1] for k in range(start, end)]


def stored_all(f, vjp, x, h, n, every, loss_slope):
    states = [x]
    for k in range(n):
        states.append(states[-1] + h * f(k * h, states[-1]))
    a, grad = loss_slope(states[-1]), 0.0
    for k in reversed(range(n)):
        a_x, a_theta = vjp(k * h, states[k], a)
        grad, a = grad + h * a_theta, a + h * a_x
    return a, grad


def wrong_loop(change):
    """stored_all with a mistake: change(k, h, states, a, grad, vjp) -> the new a and grad."""

    def checkpointed(f, vjp, x, h, n, every, loss_slope):
        states = [x]
        for k in range(n):
            states.append(states[-1] + h * f(k * h, states[-1]))
        a, grad = loss_slope(states[-1]), 0.0
        for k in reversed(range(n)):
            a, grad = change(k, h, states, a, grad, vjp)
        return a, grad

    return checkpointed


def late_checkpointed(k, h, states, a, grad, vjp):
    a = a + h * vjp(k * h, states[k], a)[0]
    return a, grad + h * vjp(k * h, states[k], a)[1]


def from_the_start(f, vjp, x, h, n, every, loss_slope):
    a, grad = None, 0.0
    for k in reversed(range(n + 1)):
        state = x
        for j in range(k):
            state = state + h * f(j * h, state)
        if a is None:
            a = loss_slope(state)
        else:
            a_x, a_theta = vjp(k * h, state, a)
            grad, a = grad + h * a_theta, a + h * a_x
    return a, grad


def forward_in_place(f, vjp, x, h, n, every, loss_slope):
    kept = []
    for k in range(n):
        if k % every == 0:
            kept.append(x)
        x += h * f(k * h, x)
    a, grad = loss_slope(x), 0.0
    for start in reversed(range(0, n, every)):
        end = min(start + every, n)
        states = rightly(f, kept[start // every], h, start, end)
        for k in reversed(range(start, end)):
            a_x, a_theta = vjp(k * h, states[k - start], a)
            grad, a = grad + h * a_theta, a + h * a_x
    return a, grad


def holds_all_while_counting(f, vjp, x, h, n, every, loss_slope):
    """Calls f as often as it should, but has every state all the time."""
    return stretches(rightly, keep_all=True)(f, vjp, x, h, n, every, loss_slope)


WRONG = {
    "leaky_vjp": {
        "not transposed": (leaky(lambda t, x, W, a, z, g: (-a + W @ g, np.outer(g, x), t * g)), "must be transposed"),
        "leak forgotten": (leaky(lambda t, x, W, a, z, g: (W.T @ g, np.outer(g, x), t * g)), "holds x twice"),
        "leak's sign": (leaky(lambda t, x, W, a, z, g: (a + W.T @ g, np.outer(g, x), t * g)), "-1, not 1"),
        "no tanh'": (leaky(lambda t, x, W, a, z, g: (-a + W.T @ a, np.outer(a, x), t * a)), "tanh is missing"),
        "no tanh' for W": (leaky(lambda t, x, W, a, z, g: (-a + W.T @ g, np.outer(a, x), t * g)), "For W: the deriv"),
        "no tanh' for b": (leaky(lambda t, x, W, a, z, g: (-a + W.T @ g, np.outer(g, x), t * a)), "For b: the deriv"),
        "1 - z": (
            leaky(lambda t, x, W, a, z, g: (-a + W.T @ ((1 - z) * a), np.outer((1 - z) * a, x), t * (1 - z) * a)),
            "lacks the square",
        ),
        "the Jacobian itself": (
            leaky(lambda t, x, W, a, z, g: (-a + (1 - z**2) * (W @ a), np.outer(g, x), t * g)),
            "this is J a, not Jᵀ a",
        ),
        "wrong order": (
            leaky(lambda t, x, W, a, z, g: (-a + (1 - z**2) * (W.T @ a), np.outer(g, x), t * g)),
            "in this order",
        ),
        "outer transposed": (
            leaky(lambda t, x, W, a, z, g: (-a + W.T @ g, np.outer(x, g), t * g)),
            "outer product is transposed",
        ),
        "t forgotten": (leaky(lambda t, x, W, a, z, g: (-a + W.T @ g, np.outer(g, x), g)), "so t stays"),
        "sign": (leaky(lambda t, x, W, a, z, g: (a - W.T @ g, -np.outer(g, x), -t * g)), "your array for x is off"),
        "zeros": (leaky(lambda t, x, W, a, z, g: (0 * x, 0 * W, 0 * a)), "your array for x is off"),
        "g alone": (leaky(lambda t, x, W, a, z, g: g), "3 things are returned"),
        "for x alone": (leaky(lambda t, x, W, a, z, g: -a + W.T @ g), "3 things are returned"),
        "three components": (
            leaky(lambda t, x, W, a, z, g: (-a[:3] + (W.T @ g)[:3], np.outer(g, x), t * g)),
            "your array for x has shape (3,); (4,) was expected",
        ),
        "t without its sign": (
            leaky(lambda t, x, W, a, z, g: (-a + W.T @ g, np.outer(g, x), abs(t) * g)),
            "your array for b is off",
        ),
        "flat W": (
            leaky(lambda t, x, W, a, z, g: (-a + W.T @ g, np.outer(g, x).ravel(), t * g)),
            "for W has shape (9,)",
        ),
        "in place": (leaky_in_place, "changed a itself"),
    },
    "backward": {
        "overwritten": (back(share=lambda grad, h, a_theta: h * a_theta), "overwritten in each step"),
        "other end": (back(at=1), "taken at x_{k+1}"),
        "a before": (late_gradient, "It is a_{k+1}"),
        "a lost": (back(pull=lambda a, h, a_x, jump: h * a_x + jump), "a lost itself"),
        "h forgotten": (back(share=lambda grad, h, a_theta: grad + a_theta), "dL/dθ has no h"),
        "h forgotten in a": (back(pull=lambda a, h, a_x, jump: a + a_x + jump), "a has no h"),
        "only the end": (back(pull=lambda a, h, a_x, jump: a + h * a_x), "Only the last row"),
        "equal steps": (back(size=lambda times, k: times[1] - times[0]), "not of equal size"),
        "absolute step": (back(size=lambda times, k: abs(times[k + 1] - times[k])), "dL/dx0 is off"),
        "mean step": (back(size=lambda times, k: (times[-1] - times[0]) / (len(times) - 1)), "dL/dx0 is off"),
        "row too early": (jump_early, "added too early"),
        "no row 0": (no_jump_at_start, "dL_dx[0] is missing"),
        "forward order": (back(order=range), "dL/dx0 is off"),
        "one step too few": (back(order=lambda n: reversed(range(1, n))), "dL/dx0 is off"),
        "sum of the rows": (back(first=lambda dL_dx: dL_dx.sum(axis=0)), "dL/dx0 is off"),
        "minus": (back(share=lambda grad, h, a_theta: grad - h * a_theta), "dL/dtheta has the opposite sign"),
        "a minus": (back(pull=lambda a, h, a_x, jump: a - h * a_x + jump), "a has the wrong sign"),
        "later clock": (later_clock, "The vjp is taken at times[k + 1]"),
        "row k + 1": (next_row, "not dL_dx[k + 1]"),
        "h times the row": (back(pull=lambda a, h, a_x, jump: a + h * (a_x + jump)), "has no factor h"),
        "zeros": (lambda vjp, times, states, dL_dx: (0 * states[0], 0 * vjp(0.0, *states[:2])[1]), "dL/dx0 is off"),
        "swapped": (lambda *all_: back()(*all_)[::-1], "dL/dx0 has shape"),
        "x alone": (lambda *all_: back()(*all_)[0], "2 things are returned"),
        "in place": (back_in_place, "changed dL_dx itself"),
    },
    "heun_back": {
        "k1 acts once": (heun(first=lambda h, a, v2: h / 2 * a), "k1 acts twice"),
        "h forgotten": (heun(first=lambda h, a, v2: h / 2 * a + v2), "its place is x + h k1"),
        "a lost": (heun(end=lambda a, v1, v2: v1 + v2), "a lost itself"),
        "first stage alone": (heun(end=lambda a, v1, v2: a + v1), "Only the first stage"),
        "second stage alone": (heun(end=lambda a, v1, v2: a + v2), "Only the second stage"),
        "at the old x": (heun(place=(1.0, 0.0)), "differentiated at x"),
        "at the old t": (heun(place=(0.0, 1.0)), "differentiated at time t"),
        "full weights": (heun(first=lambda h, a, v2: h * a + h * v2, weight=1.0), "weight h/2, not h"),
        "share of 2": (heun(share=lambda grad1, grad2: grad2), "second stage's share only"),
        "share of 1": (heun(share=lambda grad1, grad2: grad1), "first stage's share only"),
        "half of the share": (heun(share=lambda grad1, grad2: (grad1 + grad2) / 2), "dL/dtheta is off"),
        "Euler": (euler_back, "Euler's way back"),
        "midpoint": (heun(place=(0.5, 0.5)), "dL/dx is off"),
        "minus": (heun(end=lambda a, v1, v2: a - v1 - v2), "dL/dx is off"),
        "zeros": (heun(end=lambda a, v1, v2: 0 * a, share=lambda grad1, grad2: 0 * grad1), "dL/dx is off"),
        "a alone": (lambda f, vjp, t, x, h, a: a, "2 things are returned"),
        "half of v2": (heun(first=lambda h, a, v2: h / 2 * a + h / 2 * v2), "the factor h, not h/2"),
        "at the end": (heun_at_the_end, "differentiated at the step's end"),
        "in place": (heun_in_place, "changed a itself"),
    },
    "checkpointed": {
        "overwritten": (stretches(rightly, add=False), "overwritten in each step"),
        "stored all": (stored_all, "nothing was computed again"),
        "holds all": (holds_all_while_counting, "states were held at once"),
        "never filled in": (stretches(lambda f, x, h, start, end: [x] * (end - start)), "at the last stored state"),
        "local time": (stretches(from_local_time), "dL/dx0 is off"),
        "each from the checkpoint": (stretches(each_from_the_checkpoint), "each state that was not stored once more"),
        "from the start": (from_the_start, "each state that was not stored once more"),
        "other end's time": (stretches(rightly, at=1), "dL/dx0 is off"),
        "other end": (
            wrong_loop(
                lambda k, h, s, a, grad, vjp: (
                    a + h * vjp((k + 1) * h, s[k + 1], a)[0],
                    grad + h * vjp((k + 1) * h, s[k + 1], a)[1],
                )
            ),
            "taken at x_{k+1}",
        ),
        "a before": (wrong_loop(late_checkpointed), "It is a_{k+1}"),
        "a lost": (
            wrong_loop(
                lambda k, h, s, a, grad, vjp: (h * vjp(k * h, s[k], a)[0], grad + h * vjp(k * h, s[k], a)[1]),
            ),
            "a lost itself",
        ),
        "h forgotten": (
            wrong_loop(
                lambda k, h, s, a, grad, vjp: (a + h * vjp(k * h, s[k], a)[0], grad + vjp(k * h, s[k], a)[1]),
            ),
            "dL/dθ has no h",
        ),
        "minus": (
            wrong_loop(
                lambda k, h, s, a, grad, vjp: (a + h * vjp(k * h, s[k], a)[0], grad - h * vjp(k * h, s[k], a)[1]),
            ),
            "dL/dtheta has the opposite sign",
        ),
        "zeros": (
            lambda f, vjp, x, h, n, every, loss_slope: (0 * x, 0 * vjp(0.0, x, x)[1]),
            "dL/dx0 is off",
        ),
        "the end's slope": (
            lambda f, vjp, x, h, n, every, loss_slope: (loss_slope(x), h * vjp(0.0, x, loss_slope(x))[1]),
            "dL/dx0 is off",
        ),
        "in place": (forward_in_place, "changes the array that you stored"),
    },
}
