"""Lesson 01, A residual block is an Euler step: two predictions, five exercises and the quiz."""

import math

import numpy as np

from nodekit.classroom.checks import Exercise, Wrong, as_array, random_field, same_values
from nodekit.classroom.quiz import Prediction, Question, Quiz

first_guess = Prediction(
    "A wheel turns: each point moves at right angles to its radius, at speed equal to the radius. One full turn "
    "is computed with 12 residual layers, each of which follows the wheel's field in a straight line. Where "
    "does a point that starts on the circle of radius 1 end?",
    {
        "a": "Back on the circle: the field points along it.",
        "b": "Inside: straight lines cut the corner.",
        "c": "Outside: every step leaves the circle a little.",
        "d": "Outside at first, then back: the errors of opposite sides cancel.",
    },
    answer="c",
    explain={
        "a": "The field points along the circle where the step starts, not where it ends.",
        "b": "A chord would cut the corner, but a step follows the tangent, and the tangent lies outside.",
        "c": "A step h along the tangent multiplies the radius by √(1 + h²), which is above 1 for every h.",
        "d": "The radius is multiplied by the same factor √(1 + h²) in every step: nothing cancels.",
    },
)

second_guess = Prediction(
    "A residual net with 4 layers and shared weights, so 4 Euler steps of one learned field, classifies two "
    "spirals almost without error. Now the same field is followed with 512 steps, which follow it 128 times "
    "more finely. What happens to the accuracy on new points?",
    {
        "a": "It falls, far.",
        "b": "It stays, because the weights are the same.",
        "c": "It rises, because the ODE is solved more accurately.",
    },
    answer="a",
    explain={
        "a": "Training found weights that make these 4 big steps right. The exact flow of that field goes elsewhere.",
        "b": "The weights are the same, but the map they are used in is another one.",
        "c": "Nobody asked for an accurate solution: the loss was computed from the 4 big steps.",
    },
)


# ---- 1 -------------------------------------------------------------------------------------------------


def velocity(block, x, h):
    """The vector field f at x of which this residual block is one Euler step of size h.

    block: function (n, d) -> (n, d), the part F that the layer adds to x. x: (n, d). h: float. Returns (n, d).
    """
    return block(x) / h


def check_velocity(velocity):
    for seed in range(4):
        field, x0 = random_field(seed)
        rng = np.random.default_rng(seed)
        x, h = rng.normal(size=(5 - seed, len(x0))), float(rng.uniform(0.05, 0.8))

        def block(z, field=field):
            return 0.1 * field(0.3, z)

        F = block(x)
        mistakes = {
            "You multiplied by h. The block is h f, so f is the block divided by h.": F * h,
            "This is the block itself. It is h f; what is f?": F,
            "This contains the skip connection. The field is only about the part that is added to x.": (x + F) / h,
            "block(x) is what the layer adds to x already: nothing is to be subtracted.": (F - x) / h,
        }
        same_values(velocity(block, x, h), F / h, what="your field", mistakes=mistakes)
    return "x + h f(x) is the layer x + F(x), on 4 random blocks."


velocity = Exercise(
    velocity,
    check_velocity,
    hints=(
        "Write the layer and the Euler step below each other. Which two terms must be equal?",
        "F(x) = h f(x). Solve for f(x).",
        "Evaluate the block at x and divide by h.",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def hidden_states(blocks, x):
    """Every hidden state of a residual net whose layers have weights of their own.

    blocks: list of L functions (n, d) -> (n, d). x: (n, d). Returns (L + 1, n, d): x first, the output last.
    """
    states = [x]
    for block in blocks:
        states.append(states[-1] + block(states[-1]))
    return np.stack(states)


def check_hidden_states(hidden_states):
    for L, n, d in ((4, 5, 2), (3, 4, 3)):
        check_states_of(hidden_states, L, n, d)
    return "All states of two nets, of 4 and of 3 different random blocks."


def check_states_of(hidden_states, L, n, d):
    """Check hidden_states on a net of L blocks, with n points of d numbers."""
    x = np.random.default_rng(L).normal(size=(n, d))
    fields = [random_field(seed, d)[0] for seed in range(L)]
    blocks = [lambda z, f=field: 0.5 * f(0.0, z) for field in fields]
    right, plain, from_input, added, thinned = [x], [x], [x], [x], [x]
    for block in blocks:
        right.append(right[-1] + block(right[-1]))
        plain.append(block(plain[-1]))
        from_input.append(x + block(x))
        added.append(added[-1] + block(x))
        thinned.append(thinned[-1] + block(thinned[-1]) / len(blocks))
    right = np.stack(right)
    got = as_array(hidden_states(blocks, x), "your result")
    mistakes = {
        "That is the output only. All L + 1 hidden states are wanted, x first.": right[-1],
        "The input is missing: x itself is hidden state number 0.": right[1:],
        "The last state is missing: L layers have L + 1 states.": right[:-1],
        "The skip connection is missing: a layer adds its block to x, it does not replace x.": np.stack(plain),
        "Every block was given the input x. Block k takes the state that layer k - 1 left.": np.stack(from_input),
        "You add the blocks of the input x. Block k takes the state that layer k - 1 left.": np.stack(added),
        "A block is the whole step, h f: it is not divided by L.": np.stack(thinned),
        "All zeros: are the states ever stored?": np.zeros((L + 1, n, d)),
        "All states are equal to the last one: the same array was appended each time, and changed in place.": (
            np.stack([got[-1]] * (L + 1)) if got.ndim == 3 else got * np.nan
        ),
    }
    same_values(got, right, what="your array of states", mistakes=mistakes)


hidden_states = Exercise(
    hidden_states,
    check_hidden_states,
    hints=(
        "It is residual_net from above, with a different block in each turn of the loop and no h.",
        "Start a list with x in it. Each turn appends (last state) + block(last state).",
        "states[-1] is the last state. Make a new array in each turn (no +=), and np.stack(states) at the end.",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def refine(theta, h):
    """Twice as many layers, for the same weights as a function of time.

    theta: (L, p), row k holds the weights used from time k h to (k + 1) h. h: float, the step size.
    Returns (theta, h) of the refined net: (2 L, p) and float.
    """
    return np.repeat(theta, 2, axis=0), h / 2


def check_refine(refine):
    for L, p, h in ((4, 3, 0.5), (3, 2, 0.7), (2, 4, -0.3)):  # the last one runs back in time
        theta = np.random.default_rng(L).normal(size=(L, p))
        got = refine(theta, h)
        if not (isinstance(got, tuple | list) and len(got) == 2):
            raise Wrong("refine returns two things, the new weights and the new step size: return theta, h.")
        expected = np.repeat(theta, 2, axis=0)
        between = expected.copy()
        between[1:-1:2] = (theta[1:] + theta[:-1]) / 2
        mistakes = {
            "The layers follow one another twice, 0 1 2 3 0 1 2 3: that runs through the schedule twice. "
            "Each layer is to be doubled where it stands.": np.tile(theta, (2, 1)),
            "You halved the weights. The block is not linear in its weights, and the field is to stay the same: "
            "what shrinks is the step.": expected / 2,
            "You put averages between the layers. That is another schedule: row k holds until (k + 1) h.": between,
            "The number of layers is still L.": theta,
        }
        same_values(got[0], expected, what="your theta", mistakes=mistakes)
        steps = {
            "Twice as many layers of the same step size take twice the time. The horizon T = L h is to stay.": h,
            "You doubled the step. Twice as many layers share the same time.": 2 * h,
            "A net that runs back in time has a negative h, and so has the refined one.": abs(h / 2),
        }
        same_values(got[1], h / 2, what="your step size", mistakes=steps)
    return "The same weights at every time: 8 layers of size 0.25 in place of 4 of size 0.5, and 6 in place of 3."


refine = Exercise(
    refine,
    check_refine,
    hints=(
        "Draw the weights as a staircase over time, from 0 to T = L h. The refined net has the same staircase.",
        "Each stair of width h becomes two of width h / 2 at the same height: rows 0 0 1 1 2 2 ...",
        "np.repeat(theta, 2, axis=0) doubles each row where it stands. The step size is halved.",
    ),
)


# ---- 4 -------------------------------------------------------------------------------------------------


def layers_needed(tol, T, lipschitz, second):
    """The fewest Euler steps with which the theorem promises an error of at most tol at time T.

    tol: float > 0. T: float, the horizon. lipschitz: float > 0, the field's Lipschitz constant.
    second: float, a bound on |x''(t)|. Returns int, at least 1.
    """
    bound_times_steps = T * second / (2 * lipschitz) * math.expm1(lipschitz * T)
    return max(1, math.ceil(bound_times_steps / tol))


def check_layers_needed(layers_needed):
    rng = np.random.default_rng(6)
    for _ in range(20):
        T, lipschitz, second = rng.uniform(0.5, 2.0, size=3)
        tol = 10.0 ** rng.uniform(-3, -1)
        growth = math.expm1(lipschitz * T)
        total = T * second / (2 * lipschitz) * growth  # the bound is total / L
        got = layers_needed(tol, T, lipschitz, second)
        if not isinstance(got, int | np.integer):
            raise Wrong(f"{got!r} is a {type(got).__name__}; a number of layers is a whole number, an int.")
        near = {
            "One too few: the bound with exp(Λ T) is then still above tol; which way must a number of layers be "
            "rounded?": math.floor(total / tol),
            "The exponential has lost its -1: without it the error would not vanish as T goes to 0.": math.ceil(
                T * second / (2 * lipschitz) * (growth + 1) / tol
            ),
            "The factor 1/2 of the local error h² M / 2 is missing.": math.ceil(2 * total / tol),
            "That makes one step's error small, h² M / 2. The errors of all steps add up and grow.": math.ceil(
                T * math.sqrt(second / (2 * tol))
            ),
            "The division by the Lipschitz constant is missing.": math.ceil(total * lipschitz / tol),
            "T is missing: the bound contains h, and h = T / L.": math.ceil(total / T / tol),
            "The exponent is Λ T.": math.ceil(T * second / (2 * lipschitz) * math.expm1(T) / tol),
        }
        right = max(1, math.ceil(total / tol))
        if got != right:
            message = next((message for message, value in near.items() if got == value), None)
            raise Wrong(message or f"{got} layers for an error of at most {tol:.3g}; {right} was expected.")
    if layers_needed(1e9, 1.0, 1.0, 1.0) != 1:
        raise Wrong("With a tolerance of 1e9 one layer is enough, and fewer than one makes no net.")
    if layers_needed(0.1, 1.0, 1.0, 0.0) != 1:
        raise Wrong("With second = 0 (a straight path) one layer is enough, and fewer than one makes no net.")
    return "The bound holds with your number of layers and fails with one fewer, in 20 random cases."


layers_needed = Exercise(
    layers_needed,
    check_layers_needed,
    hints=(
        "Put h = T / L into the bound. It is then a number divided by L.",
        "Solve (T / L) M / (2 Λ) (exp(Λ T) - 1) ≤ tol for L, and round so that the inequality holds.",
        "math.ceil(T * second / (2 * lipschitz) * (math.exp(lipschitz * T) - 1) / tol), but at least 1.",
    ),
)


# ---- 5 -------------------------------------------------------------------------------------------------


def changed_labels(f, classify, x, T, L, finer):
    """The share of points whose class changes when the field of a net is followed more finely.

    f: function (t, x) -> (n, d). classify: function (n, d) -> (n,) int. x: (n, d). T: float, the horizon.
    L: int, the net's layers. finer: int, how many times more steps. Returns float between 0 and 1.
    """

    def output(z, steps):
        h = T / steps
        for k in range(steps):
            z = z + h * f(k * h, z)
        return z

    return float(np.mean(classify(output(x, L)) != classify(output(x, L * finer))))


def check_changed_labels(changed_labels):
    def classify(z):  # three classes: a difference of class numbers is not a share
        return (z[:, 0] > 0).astype(int) + (z[:, 1] > 0)

    def output(f, x, h, steps, clock=1.0):
        for k in range(steps):
            x = x + h * f(clock * k * h, x)
        return x

    for seed, (T, L, finer) in enumerate([(4.0, 3, 7), (3.0, 2, 5), (5.0, 4, 3)]):
        random, x0 = random_field(seed)

        def field(t, z, random=random):  # turning, so that points go on changing class
            turning = np.zeros_like(z)
            turning[:, 0], turning[:, 1] = -z[:, 1], z[:, 0]
            return 0.3 * random(t, z) + turning

        x = np.random.default_rng(10 + seed).normal(size=(400 - 50 * seed, len(x0)))
        own = classify(output(field, x, T / L, L))
        right = np.mean(own != classify(output(field, x, T / (L * finer), L * finer)))
        stopped, unit = (
            np.mean(np.not_equal(*(classify(output(field, x, T / n, n, clock)) for n in (L, L * finer))))
            for clock in (0.0, 1 / T)
        )
        coarse_end = output(field, x, T / L, L)
        again = classify(output(field, coarse_end, T / (L * finer), L * finer))
        mistakes = {
            "That is a count. Divide by the number of points.": np.sum(right * len(x)),
            "That is the share of points that keep their class.": 1.0 - right,
            "No point changes: are both nets the one with L layers?": 0.0,
            "The finer net runs to another time: with L * finer steps, h is T / (L * finer).": np.mean(
                own != classify(output(field, x, T / L, L * finer))
            ),
            "finer is a factor: L * finer steps, not L + finer.": np.mean(
                own != classify(output(field, x, T / (L + finer), L + finer))
            ),
            "That compares with the classes of the inputs x, before any layer.": np.mean(own != classify(x)),
            "finer is how many times more steps: L * finer, not finer.": np.mean(
                own != classify(output(field, x, T / finer, finer))
            ),
            "The field depends on t: at step k the time is k h, and yours stays at 0.": stopped,
            "The time at step k is k h, with h = T / steps. Yours runs from 0 to 1.": unit,
            "The second net starts where the first ended: x was changed in place.": np.mean(own != again),
            "Class numbers may differ by more than 1: compare them with !=.": np.mean(
                np.abs(own - classify(output(field, x, T / (L * finer), L * finer)))
            ),
            "That is in percent. A share is between 0 and 1.": 100 * right,
        }
        got = changed_labels(field, classify, x, T, L, finer)
        if np.shape(got) == (len(x),):
            raise Wrong("You return one value for each point. The share of points is their mean.")
        same_values(got, right, what="your share", mistakes=mistakes)
    return "The share of changed labels, on 3 random fields that depend on time."


changed_labels = Exercise(
    changed_labels,
    check_changed_labels,
    hints=(
        "Two nets with the same field and the same horizon: one of L steps, one of L * finer.",
        "Write the Euler loop once, as a helper with the number of steps as argument; h is T divided by that.",
        "np.mean(classify(output(x, L)) != classify(output(x, L * finer))), where output is your Euler loop.",
    ),
)


# ---- the quiz ------------------------------------------------------------------------------------------

quiz = Quiz(
    Question(
        "A layer computes x + F(x). It is read as an Euler step of size h = 0.1. Which field does it follow?",
        {"a": "F", "b": "0.1 F", "c": "10 F", "d": "x + 10 F"},
        answer="c",
        explain={
            "a": "That is the reading with h = 1. The step and the field change together.",
            "b": "h f = 0.01 F would be too small by a factor of 100.",
            "c": "h f = F gives f = F / h = 10 F: a smaller step of a faster field is the same layer.",
            "d": "The skip connection is the x of the Euler step, and no part of the field.",
        },
    ),
    Question(
        "The field and the horizon T are fixed, and the number of layers goes from 50 to 100. The error at T",
        {
            "a": "is about half of what it was",
            "b": "is about a quarter of what it was, as the error of one step is proportional to h squared",
            "c": "stays as it is, since twice as many layers make twice as many errors",
            "d": "doubles",
        },
        answer="a",
        explain={
            "a": "The errors of all steps together are proportional to h = T / L: order 1.",
            "b": "Each step's error is a quarter, but there are twice as many steps.",
            "c": "There are twice as many errors, but each is a quarter of the size.",
            "d": "It would if each step's error stayed the same; it falls to a quarter.",
        },
    ),
    Question(
        "A trained ResNet has 50 layers with weights of their own. What tells you that one smooth ODE describes it?",
        {
            "a": "Its test accuracy, which is as high as that of a Neural ODE",
            "b": "That it has skip connections, and that with 50 layers it is deep",
            "c": "That its blocks are small",
            "d": "That its blocks are small, and neighbours are alike",
        },
        answer="d",
        explain={
            "a": "Accuracy is about the output. The net may reach it by jumps.",
            "b": "So have the standard nets of this lesson, whose neighbouring blocks differ by over half their size.",
            "c": "Half of it: small blocks may still change from layer to layer without any smooth law.",
            "d": "Both can be measured: relative step size, and relative change from one block to the next.",
        },
    ),
    Question(
        "A net trained with 4 shared layers is right on 99% of the points; its field, solved accurately, on 25%. Then",
        {
            "a": "the accurate solver has a bug",
            "b": "training fitted the 4 big steps, not the field's flow",
            "c": "the net is overfitted: more training data would close the gap",
            "d": "solving a learned ODE more accurately always costs some accuracy",
        },
        answer="b",
        explain={
            "a": "It follows the field as it is. The 4 steps do not.",
            "b": "The loss only ever saw the 4 steps. Train with enough steps and the two agree.",
            "c": "The gap is between two ways to use the same weights, on the same points.",
            "d": "With 16 or more layers in training, nets that had learned their task lost next to nothing.",
        },
    ),
    Question(
        "“My ResNet has h = 1, so its steps are too large to be an ODE's.” What is right about this?",
        {
            "a": "All of it: h must be well below 1.",
            "b": "The first half: the steps are large, but 50 layers make up for it.",
            "c": "Nothing: h = 1 is a choice of units.",
            "d": "It is right for ReLU and wrong for tanh.",
        },
        answer="c",
        explain={
            "a": "With time in other units the same net has h = 0.02. No number in it has changed.",
            "b": "The number of layers says nothing about how large the step of each of them is.",
            "c": "Only the product h f is in the net. The question, in any units, is how much it stretches distances.",
            "d": "The activation plays a part in how smooth the field is, but none in the choice of units.",
        },
    ),
)
