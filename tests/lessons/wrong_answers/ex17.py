"""Wrong answers to the exercises of lesson 17."""

import numpy as np

W1 = 1 / (2 - 2 ** (1 / 3))
W0 = 1 - 2 * W1


def jump(*weights, swap=False):
    """An answer to triple_jump with these steps."""

    def triple_jump(step, q, p, h):
        for w in weights:
            q, p = step(q, p, w * h)
        return (p, q) if swap else (q, p)

    return triple_jump


def from_the_start(step, q, p, h):
    for w in (W1, W0, W1):
        end = step(q, p, w * h)
    return end


def no_h(step, q, p, h):
    return jump(W1, W0, W1)(step, q, p, abs(h))


def square():
    w = 1 / (2 - 2**0.5)
    return jump(w, 1 - 2 * w, w)


def fifth():
    w = 1 / (2 - 2**0.2)
    return jump(w, 1 - 2 * w, w)


def jump_in_place(step, q, p, h):
    new = jump(W1, W0, W1)(step, q, p, h)
    q[:], p[:] = new
    return q, p


def shadow(
    a=1 / 12, b=-1 / 24, power=2, speed=lambda p, m: p / m, light=lambda m: 1 / m, square=2, kinetic=0.5, rest=1
):
    """An answer to shadow_energy with one of its parts replaced."""

    def shadow_energy(q, p, h, m, V, dV, d2V):
        plain = kinetic * p**2 / m + V(q)
        return rest * plain + h**power * (a * d2V(q) * speed(p, m) ** 2 + b * light(m) * dV(q) ** square)

    return shadow_energy


def mixed_mass(q, p, h, m, V, dV, d2V):
    return p**2 / (2 * m) + V(q) + h**2 * (d2V(q) * p**2 / m / 12 - dV(q) ** 2 / m / 24)


def kinetic_without_mass(q, p, h, m, V, dV, d2V):
    return shadow()(q, p, h, m, V, dV, d2V) - p**2 / (2 * m) + p**2 / 2


def repeat(slope, times=100, share=1.0):
    """An answer to implicit_midpoint_step: x1 = x + share h slope(f, t, x, x1, h), repeated."""

    def implicit_midpoint_step(f, t, x, h):
        x1 = x + h * f(t, x)
        for _ in range(times):
            x1 = x + share * h * slope(f, t, x, x1, h)
        return x1

    return implicit_midpoint_step


def middle(f, t, x, x1, h):
    return f(t + h / 2, (x + x1) / 2)


def midpoint_in_place(f, t, x, h):
    x[:] = repeat(middle)(f, t, x.copy(), h)
    return x


WRONG = {
    "triple_jump": {
        "nothing moves": (lambda step, q, p, h: (1.0 * q, 1.0 * p), "Nothing moves"),
        "zeros": (lambda step, q, p, h: (0 * q, 0 * p), "(q, p) is off"),
        "one step": (jump(1.0), "one plain step"),
        "three equal steps": (jump(1 / 3, 1 / 3, 1 / 3), "do not cancel"),
        "the middle forward": (jump(W1, -W0, W1), "The middle step goes back"),
        "no middle": (jump(W1, W1), "The middle step is missing"),
        "two jumps": (jump(W1, W0), "The last step is missing"),
        "back first": (jump(W0, W1, W1), "begins with the one that goes back"),
        "exchanged": (jump(W0, W1, W0), "are exchanged"),
        "square root": (square(), "not the square root"),
        "fifth root": (fifth(), "from order 4 to 6"),
        "one w1 only": (jump(W1, 1 - W1, W1), "because the times add up"),
        "from the start": (from_the_start, "starts from the given"),
        "p first": (jump(W1, W0, W1, swap=True), "return q, p"),
        "h not negative": (no_h, "(q, p) is off"),
        "in place": (jump_in_place, "itself"),
        "joined": (lambda step, q, p, h: np.concatenate(jump(W1, W0, W1)(step, q, p, h)), "2 things are returned"),
    },
    "shadow_energy": {
        "zeros": (lambda q, p, h, m, V, dV, d2V: 0 * q, "the energy is off"),
        "H": (shadow(0, 0), "This is H itself"),
        "both plus": (shadow(b=1 / 24), "opposite signs"),
        "signs turned": (shadow(-1 / 12, 1 / 24), "Both signs are turned"),
        "factors exchanged": (shadow(1 / 24, -1 / 12), "1/12 and 1/24 are exchanged"),
        "both twelfths": (shadow(b=-1 / 12), "Both factors are 1/12"),
        "both 24": (shadow(a=1 / 24), "Both factors are 1/24"),
        "h": (shadow(power=1), "h², not h"),
        "speed": (shadow(speed=lambda p, m: p), "the first term has (p/m)²"),
        "one mass": (mixed_mass, "One factor 1/m is missing"),
        "no mass in the second": (shadow(light=lambda m: 1), "missing in the second term"),
        "force not squared": (shadow(square=1), "The force is squared"),
        "the correction": (shadow(rest=0), "Add H"),
        "kinetic without mass": (kinetic_without_mass, "p²/(2m)"),
        "one number": (lambda *given: float(shadow()(*given).sum()), "was expected"),
    },
    "implicit_midpoint_step": {
        "zeros": (lambda f, t, x, h: 0 * x, "x1 is off"),
        "Euler": (repeat(middle, 0), "Euler's method"),
        "explicit midpoint": (repeat(middle, 1), "explicit midpoint"),
        "not repeated enough": (repeat(middle, 3), "repeat it more often"),
        "trapezoid": (repeat(lambda f, t, x, x1, h: (f(t, x) + f(t + h, x1)) / 2), "trapezoidal rule"),
        "backward Euler": (repeat(lambda f, t, x, x1, h: f(t + h, x1)), "backward Euler"),
        "time at the start": (repeat(lambda f, t, x, x1, h: f(t, (x + x1) / 2)), "yours is at t."),
        "time at the end": (repeat(lambda f, t, x, x1, h: f(t + h, (x + x1) / 2)), "yours is at t + h"),
        "half a step": (repeat(middle, share=0.5), "Only half a step"),
        "the sum": (repeat(lambda f, t, x, x1, h: f(t + h / 2, x + x1)), "at their mean"),
        "in place": (midpoint_in_place, "itself"),
    },
}
