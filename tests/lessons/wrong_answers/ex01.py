"""Wrong answers to the exercises of lesson 01."""

import math

import numpy as np


def states_in_place(blocks, x):
    states = [x]
    for block in blocks:
        x += block(x)
        states.append(x)
    return np.stack(states)


def states_overwriting_a_copy(blocks, x):
    z = x.copy()
    states = [z]
    for block in blocks:
        z += block(z)
        states.append(z)
    return np.stack(states)


def states_right_but_input_spoilt(blocks, x):
    states = [x.copy()]
    for block in blocks:
        x += block(x)
        states.append(x.copy())
    return np.stack(states)


def states_from(next_state):
    def hidden_states(blocks, x):
        states = [x]
        for block in blocks:
            states.append(next_state(block, states[-1], x))
        return np.stack(states)

    return hidden_states


def right_states(blocks, x):
    return states_from(lambda block, z, x: z + block(z))(blocks, x)


def layers(formula, rounding=math.ceil):
    return lambda tol, T, lipschitz, second: rounding(formula(T, lipschitz, second) / tol)


def total(T, lipschitz, second):
    return T * second / (2 * lipschitz) * math.expm1(lipschitz * T)


def flow(f, x, h, steps):
    for k in range(steps):
        x = x + h * f(k * h, x)
    return x


def share(h_and_steps, compare=lambda a, b: float(np.mean(a != b))):
    def changed_labels(f, classify, x, T, L, finer):
        return compare(classify(flow(f, x, T / L, L)), classify(flow(f, x, *h_and_steps(T, L, finer))))

    return changed_labels


def labels_at(clock):
    """An answer to changed_labels whose step k takes the field at time clock(k * h, T)."""

    def changed_labels(f, classify, x, T, L, finer):
        def end(z, steps):
            h = T / steps
            for k in range(steps):
                z = z + h * f(clock(k * h, T), z)
            return classify(z)

        return float(np.mean(end(x, L) != end(x, L * finer)))

    return changed_labels


def labels_in_place(f, classify, x, T, L, finer):
    def end(steps):
        nonlocal x
        for k in range(steps):
            x += T / steps * f(k * T / steps, x)
        return classify(x)

    return float(np.mean(end(L) != end(L * finer)))


def averages_between(theta, h):
    doubled = np.repeat(theta, 2, axis=0)
    doubled[1:-1:2] = (theta[1:] + theta[:-1]) / 2
    return doubled, h / 2


def finer_net(T, L, finer):
    return T / (L * finer), L * finer


WRONG = {
    "velocity": {
        "multiplied": (lambda block, x, h: block(x) * h, "You multiplied by h"),
        "the block": (lambda block, x, h: block(x), "This is the block itself"),
        "the whole layer": (lambda block, x, h: (x + block(x)) / h, "contains the skip connection"),
        "zeros": (lambda block, x, h: np.zeros_like(x), "your field is off"),
        "sign": (lambda block, x, h: -block(x) / h, "your field is off"),
        "x subtracted": (lambda block, x, h: (block(x) - x) / h, "nothing is to be subtracted"),
        "a function": (lambda block, x, h: lambda x: block(x) / h, "your field is a function"),
        "the block not called": (lambda block, x, h: block / h, "velocity raised TypeError"),
        "a step of 1/4 built in": (lambda block, x, h: 4.0 * block(x), "your field is off"),
        "two coordinates": (
            lambda block, x, h: np.stack([block(x)[:, 0], block(x)[:, 1]], axis=1) / h,
            "has shape (4, 2); (4, 3) was expected",
        ),
        "one sample": (lambda block, x, h: block(x)[0] / h, "has shape (2,); (5, 2) was expected"),
    },
    "hidden_states": {
        "output only": (lambda blocks, x: right_states(blocks, x)[-1], "That is the output only"),
        "without input": (lambda blocks, x: right_states(blocks, x)[1:], "x itself is hidden state number 0"),
        "one too few": (lambda blocks, x: right_states(blocks[:-1], x), "The last state is missing"),
        "no skip": (states_from(lambda block, z, x: block(z)), "The skip connection is missing"),
        "always from the input": (states_from(lambda block, z, x: x + block(x)), "Every block was given the input"),
        "blocks of the input": (states_from(lambda block, z, x: z + block(x)), "You add the blocks of the input"),
        "divided by L": (
            lambda blocks, x: states_from(lambda block, z, _: z + block(z) / len(blocks))(blocks, x),
            "not divided by L",
        ),
        "in place": (states_in_place, "the same array was appended each time"),
        "in place on a copy": (states_overwriting_a_copy, "the same array was appended each time"),
        "input spoilt": (states_right_but_input_spoilt, "changed x itself"),
        "a list": (lambda blocks, x: list(right_states(blocks, x)), "your result is a list"),
        "sign": (states_from(lambda block, z, x: z - block(z)), "your array of states is off"),
        "zeros": (lambda blocks, x: np.zeros((len(blocks) + 1, *x.shape)), "All zeros"),
        "four layers built in": (
            lambda blocks, x: right_states([blocks[k] for k in range(4)], x),
            "hidden_states raised IndexError",
        ),
    },
    "refine": {
        "tiled": (lambda theta, h: (np.tile(theta, (2, 1)), h / 2), "runs through the schedule twice"),
        "weights halved": (lambda theta, h: (np.repeat(theta, 2, axis=0) / 2, h), "You halved the weights"),
        "averages between": (averages_between, "averages between the layers"),
        "same step": (lambda theta, h: (np.repeat(theta, 2, axis=0), h), "take twice the time"),
        "doubled step": (lambda theta, h: (np.repeat(theta, 2, axis=0), 2 * h), "You doubled the step"),
        "step without its sign": (lambda theta, h: (np.repeat(theta, 2, axis=0), abs(h) / 2), "has a negative h"),
        "only the step": (lambda theta, h: (theta, h / 2), "The number of layers is still L"),
        "a step of 1/4 built in": (lambda theta, h: (np.repeat(theta, 2, axis=0), 0.25), "your step size is off"),
        "wrong axis": (lambda theta, h: (np.repeat(theta, 2, axis=1), h / 2), "has shape (4, 6); (8, 3)"),
        "weights only": (lambda theta, h: np.repeat(theta, 2, axis=0), "refine returns two things"),
        "zeros": (lambda theta, h: (np.zeros((8, 3)), h / 2), "your theta is off"),
    },
    "layers_needed": {
        "rounded down": (layers(total, math.floor), "which way must a number of layers be rounded"),
        "no minus one": (
            layers(lambda T, K, M: T * M / (2 * K) * math.exp(K * T)),
            "The exponential has lost its -1",
        ),
        "no half": (layers(lambda T, K, M: T * M / K * math.expm1(K * T)), "The factor 1/2"),
        "local error": (
            lambda tol, T, lipschitz, second: math.ceil(T * math.sqrt(second / (2 * tol))),
            "That makes one step's error small",
        ),
        "no Lipschitz": (layers(lambda T, K, M: T * M / 2 * math.expm1(K * T)), "The division by the Lipschitz"),
        "no T": (layers(lambda T, K, M: M / (2 * K) * math.expm1(K * T)), "T is missing"),
        "a float": (layers(total, lambda number: number), "an int"),
        "may be zero": (layers(total, lambda n: math.ceil(n) if n > 1e-3 else 0), "fewer than one makes no net"),
        "zero for a straight path": (layers(total), "With second = 0"),
        "Λ missing in the exponent": (layers(lambda T, K, M: T * M / (2 * K) * math.expm1(T)), "The exponent is"),
        "a constant": (lambda tol, T, lipschitz, second: 1, "was expected"),
    },
    "changed_labels": {
        "a count": (share(finer_net, lambda a, b: int(np.sum(a != b))), "That is a count"),
        "unchanged": (share(finer_net, lambda a, b: float(np.mean(a == b))), "the share of points that keep"),
        "same net twice": (share(lambda T, L, finer: (T / L, L)), "No point changes"),
        "same step size": (share(lambda T, L, finer: (T / L, L * finer)), "runs to another time"),
        "finer steps": (share(lambda T, L, finer: (T / finer, finer)), "L * finer, not finer"),
        "class numbers subtracted": (
            share(finer_net, lambda a, b: float(np.mean(np.abs(a - b)))),
            "compare them with !=",
        ),
        "percent": (share(finer_net, lambda a, b: 100 * float(np.mean(a != b))), "in percent"),
        "one for each point": (share(finer_net, lambda a, b: a != b), "their mean"),
        "clock stopped": (labels_at(lambda t, T: 0.0), "yours stays at 0"),
        "clock from 0 to 1": (labels_at(lambda t, T: t / T), "runs from 0 to 1"),
        "x in place": (labels_in_place, "starts where the first ended"),
        "plus": (share(lambda T, L, finer: (T / (L + finer), L + finer)), "not L + finer"),
        "with the inputs": (
            lambda f, classify, x, T, L, finer: float(np.mean(classify(flow(f, x, T / L, L)) != classify(x))),
            "before any layer",
        ),
        "arguments swapped": (
            lambda f, classify, x, T, L, finer: float(np.mean(classify(f(x, 0.0)) != classify(x))),
            "changed_labels raised",
        ),
    },
}
