"""Lesson 08, ODE-Nets that classify: two predictions, four exercises and the quiz.

Images are arrays (n, c, h, w): samples, channels, height, width.
"""

import numpy as np

from nodekit.classroom.checks import Exercise, Wrong, as_array, same_values, several
from nodekit.classroom.quiz import Prediction, Question, Quiz

first_guess = Prediction(
    "Our ODE-Net was trained with DOPRI5 at the tolerance 0.01. Now we run it, without any further training, with "
    "looser and with tighter tolerances, from 10 down to 0.00001. What happens to its accuracy?",
    {
        "a": "It rises steadily with each digit: a more accurate solve is a more accurate classifier.",
        "b": "It hardly changes at all, over the whole range.",
        "c": "It stays where it is for tighter tolerances, and falls by several points for the loosest.",
        "d": "It is best at the tolerance of training, and falls in both directions.",
    },
    answer="b",
    explain={
        "a": "More accurate as a solution. But a class is the largest of ten numbers, and most margins are wide.",
        "b": "A class needs few digits of the solution, and even the loosest solve has enough of them.",
        "c": "A fair guess: at some point a solve is too coarse. But the two steps that DOPRI5 takes at least are not.",
        "d": "That would be a network that has learned its solver's errors. Section 6 trains one.",
    },
)

second_guess = Prediction(
    "We solve each test image with steps of its own, at a tolerance much tighter than that of training. Some images "
    "are hard for the network: it gets them wrong, or nearly so. Do they cost more evaluations?",
    {
        "a": "Yes, clearly: hard images need more computation, and a solver that chooses its steps gives it to them.",
        "b": "Hardly, by a few per cent at most: cost measures how the path bends, not how hard the decision is.",
        "c": "No, the other way round: hard images are clearly cheaper, as the network gives up early on them.",
    },
    answer="b",
    explain={
        "a": "A tempting story. But the solver has not seen the scores. It sees how smooth the path of the state is.",
        "b": "The error estimate knows nothing of classes. Where there is an effect, say how large it is.",
        "c": "Nothing gives up. The solver stops at T, whatever the class.",
    },
)


# ---- 1 -------------------------------------------------------------------------------------------------


def with_time(t, x):
    """The images with the time as one more channel, the last one, constant over each image.

    t: float, or (n, 1, 1, 1), one time for each sample. x: (n, c, h, w). Returns (n, c + 1, h, w).
    """
    time = np.broadcast_to(t, (x.shape[0], 1, *x.shape[2:]))
    return np.concatenate([x, time], axis=1)


def check_with_time(with_time):
    for seed, (n, c, h, w) in enumerate([(2, 3, 4, 5), (3, 1, 2, 2), (1, 4, 3, 6), (5, 2, 3, 3)]):
        rng = np.random.default_rng(800 + seed)
        x = rng.normal(size=(n, c, h, w))
        for t in (float(rng.uniform(0.2, 0.9)), rng.uniform(size=(n, 1, 1, 1))):
            time = np.broadcast_to(t, (n, 1, h, w))
            expected = np.concatenate([x, time], axis=1)
            mistakes = {
                "The time stands in front of the channels; the last channel was asked for.": np.concatenate(
                    [time, x], axis=1
                ),
                "The added channel is zero. It holds the time t.": np.concatenate([x, 0 * time], axis=1),
                "The added channel is one. It holds the time t.": np.concatenate([x, 0 * time + 1], axis=1),
                "The time is added to the images. It is a channel of its own.": x + t,
                "The time is joined to every axis but the channels': axis 1 is theirs.": np.concatenate(
                    [x, np.broadcast_to(t, x.shape)], axis=1
                ),
            }
            if not isinstance(t, float):
                first = np.broadcast_to(t[0], (n, 1, h, w))
                mistakes["Every sample got the first one's time."] = np.concatenate([x, first], axis=1)
                mean = np.full((n, 1, h, w), t.mean())
                mistakes["Every sample got the same time: t has one for each."] = np.concatenate([x, mean], axis=1)
            got = as_array(with_time(t, x), "the images with time")
            if got.shape == (n, c + c, h, w) != expected.shape:
                raise Wrong(f"One channel is added, not {c}: the time is the same in all of them.")
            same_values(got, expected, 1e-14, "the images with time", mistakes)
    return "The time is the last channel, for one time and for one each, on 4 random batches."


with_time = Exercise(
    with_time,
    check_with_time,
    hints=(
        "Which shape has the one channel that is added? np.concatenate joins along an axis: which one?",
        "np.broadcast_to(t, shape) makes it from a float and from an array (n, 1, 1, 1) alike.",
        "np.concatenate([x, np.broadcast_to(t, (x.shape[0], 1, *x.shape[2:]))], axis=1)",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def body_parameters(channels, blocks):
    """The numbers of parameters of two bodies: a ResNet's blocks, and the one field of an ODE-Net.

    A block of the ResNet: norm, 3×3 convolution, norm, 3×3 convolution, from `channels` to `channels` channels.
    The field: norm, convolution, norm, convolution, norm, where each convolution has one more channel in: the time.
    A convolution has a bias for each channel out; a norm a gain and a bias for each channel.

    channels: int. blocks: int. Returns two int: the ResNet's `blocks` blocks, the ODE-Net's field.
    """
    block = 2 * (9 * channels + 1) * channels + 2 * 2 * channels
    field = 2 * (9 * (channels + 1) + 1) * channels + 3 * 2 * channels
    return blocks * block, field


def check_body_parameters(body_parameters):
    for c, n in ((3, 2), (8, 4), (32, 4), (64, 6)):
        right = counted(c, n)
        got = body_parameters(c, n)
        if np.shape(got) == (2,):  # two numbers: an array of them will do
            got = list(np.asarray(got))
        got = [as_array(value, "your number") for value in several(got, ("resnet", "field"))]
        for words, options in COUNT_MISTAKES.items():
            wrong = counted(c, n, **options)
            hits = [g.shape == () and g == w != r for g, w, r in zip(got, wrong, right, strict=True)]
            if any(hits) and all(h or g == r for h, g, r in zip(hits, got, right, strict=True)):
                raise Wrong(words)
        if got[0] == right[1] and got[1] == right[0]:
            raise Wrong("The two numbers are exchanged: the ResNet's first.")
        for value, expected, name in zip(got, right, ("the ResNet's", "the field's"), strict=True):
            if value.shape != () or value != expected:
                raise Wrong(f"With {c} channels and {n} blocks, {name} is off: {value}, and {expected} was expected.")
    return "Both counts are right, for 4 choices of channels and blocks."


def counted(
    c, n, bias=1, gains=2, time=1, kernel=9, all_blocks=True, convs=2, out_time=0, norms=(2, 3), per_block=0, once=0
):
    """body_parameters with one thing or another changed."""
    block = convs * (kernel * c + bias) * c + norms[0] * gains * c
    field = convs * (kernel * (c + time) + bias) * (c + out_time) + norms[1] * gains * c - once * kernel * c
    return (n if all_blocks else 1) * block, field * (n if per_block else 1)


COUNT_MISTAKES = {
    "The field has three norms, a block two.": {"norms": (2, 2)},
    "A block has two norms, the field three.": {"norms": (3, 3)},
    "A convolution has a bias too, one for each channel out.": {"bias": 0},
    "A norm has parameters too: a gain and a bias for each channel.": {"gains": 0},
    "A norm has a gain and a bias for each channel: two numbers, not one.": {"gains": 1},
    "The field's convolutions have one more channel in: the time.": {"time": 0},
    "Both convolutions of the field have the time as one more channel, not only one.": {"once": 1},
    "A 3×3 kernel has 9 numbers, not 3.": {"kernel": 3},
    "This is one block. The ResNet has its own parameters in each of them.": {"all_blocks": False},
    "There are two convolutions, in a block and in the field.": {"convs": 1},
    "The time goes into a convolution; none comes out.": {"out_time": 1},
    "The field has one set of parameters, however many times it is evaluated.": {"per_block": 1},
}

body_parameters = Exercise(
    body_parameters,
    check_body_parameters,
    hints=(
        "One channel out of a 3×3 convolution sees 9 numbers in each channel in. How many weights is that, and a bias?",
        "A convolution: (9 · in + 1) · out. A norm: 2 · channels. How many of each are there?",
        "block = 2 * (9 * c + 1) * c + 4 * c; in the field the convolutions have c + 1 channels in, and norms are 3.",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def costs_more(nfev, wrong):
    """The probability that a random misclassified image costs more than a random one that is classified rightly.

    All pairs of one of each are compared. A pair with equal costs counts as half. 0.5: no difference.

    nfev: (n,), the evaluations of each image. wrong: (n,) of bool, both values occur. Returns float.
    """
    a, b = nfev[wrong][:, None], nfev[~wrong][None, :]
    return float(np.mean((a > b) + 0.5 * (a == b)))


def check_costs_more(costs_more):
    for seed in range(6):
        rng = np.random.default_rng(830 + seed)
        n = 40 + 7 * seed
        nfev = 2 + 6 * rng.integers(2, 6, size=n)
        wrong = rng.permutation(np.arange(n) < 3 + seed)
        a, b = nfev[wrong][:, None], nfev[~wrong][None, :]
        more, equal = np.mean(a > b), np.mean(a == b)
        right = more + 0.5 * equal
        mistakes = {
            "Pairs with equal costs are left out: each counts as half.": more,
            "Pairs with equal costs count in full; half was asked for.": more + equal,
            "This is the other way round: the probability that the wrong one costs less.": 1 - right,
            "Every image was compared with every image. Only pairs of a wrong with a right one count.": np.mean(
                (a > nfev) + 0.5 * (a == nfev)
            ),
            "These are the means of the costs, one over the other. Compare pairs.": a.mean() / b.mean(),
            "These are the means of the costs, one less the other. Compare pairs.": a.mean() - b.mean(),
            "This is the correlation. Compare pairs.": np.corrcoef(nfev, wrong)[0, 1],
            "Pairs with equal costs are dropped from the count. Each counts as half a pair.": more / (1 - equal),
            "Each wrong one is compared with the mean of the right ones. Compare pairs.": np.mean(a > b.mean()),
            "This counts pairs; a probability divides by their number.": right * a.size * b.size,
        }
        mistakes = {k: v for k, v in mistakes.items() if abs(v - right) > 1e-9}
        same_values(costs_more(nfev, wrong), np.float64(right), 1e-12, "the probability", mistakes)
    return "Right for 6 random sets of costs, many of them equal."


costs_more = Exercise(
    costs_more,
    check_costs_more,
    hints=(
        "nfev[wrong] and nfev[~wrong] are the two groups. How do you compare each of one with each of the other?",
        "nfev[wrong][:, None] > nfev[~wrong][None, :] is a table of all pairs. And where both are equal?",
        "np.mean((a > b) + 0.5 * (a == b)) with a = nfev[wrong][:, None], b = nfev[~wrong][None, :].",
    ),
)


# ---- 4 -------------------------------------------------------------------------------------------------


def group_norm(x, groups, eps=1e-5):
    """GroupNorm without gains: each sample's channels in `groups` groups of neighbours, each group standardised.

    A group's mean is subtracted, and it is divided by the square root of its variance plus eps. Both are taken over
    the group's channels and all pixels of this one sample; the variance is a mean, it divides by their number.

    x: (n, c, h, w). groups: int that divides c. eps: float. Returns (n, c, h, w).
    """
    g = x.reshape(len(x), groups, -1)
    g = (g - g.mean(axis=2, keepdims=True)) / np.sqrt(g.var(axis=2, keepdims=True) + eps)
    return g.reshape(x.shape)


def normed(x, shape, axes, eps, ddof=0, root_first=False, only_shift=False, root=True, only_scale=False):
    """x standardised over `axes` of its reshape to `shape`, with one thing or another changed."""
    g = x.reshape(shape)
    shifted = g if only_scale else g - g.mean(axis=axes, keepdims=True)
    variance = g.var(axis=axes, keepdims=True, ddof=ddof)
    if only_shift:
        return shifted.reshape(x.shape)
    if not root:
        return (shifted / (variance + eps)).reshape(x.shape)
    return (shifted / (np.sqrt(variance) + eps if root_first else np.sqrt(variance + eps))).reshape(x.shape)


def check_group_norm(group_norm):
    for seed, (shape, groups) in enumerate([((3, 4, 2, 3), 2), ((2, 6, 3, 3), 3), ((4, 6, 2, 2), 2)]):
        rng = np.random.default_rng(810 + seed)
        n, c, h, w = shape
        x = rng.normal(size=shape) * rng.uniform(0.5, 3, size=(n, c, 1, 1)) + rng.normal(size=(n, c, 1, 1))
        for eps in (1e-5, 0.3):
            split = (n, groups, c // groups, h, w)
            strided = normed(np.swapaxes(x.reshape(n, c // groups, groups, h, w), 1, 2), split, (2, 3, 4), eps)
            strided = np.swapaxes(strided.reshape(split), 1, 2).reshape(shape)
            mistakes = {
                "This looks at the whole batch: a sample then depends on the others. Take each by itself.": normed(
                    x, split, (0, 2, 3, 4), eps
                ),
                "This is BatchNorm: over samples and pixels. GroupNorm looks at one sample at a time.": normed(
                    x, shape, (0, 2, 3), eps
                ),
                "This takes each channel by itself. A group has c / groups channels.": normed(x, shape, (2, 3), eps),
                "This takes all channels together. There are `groups` groups.": normed(x, shape, (1, 2, 3), eps),
                "This takes each pixel by itself. The pixels belong to the group too.": normed(x, split, (2,), eps),
                "The variance divides by the number less one; a mean was asked for.": normed(
                    x, split, (2, 3, 4), eps, ddof=1
                ),
                "eps belongs under the square root.": normed(x, split, (2, 3, 4), eps, root_first=True),
                "The square root is missing: this divides by the variance.": normed(
                    x, split, (2, 3, 4), eps, root=False
                ),
                "The group's mean is not subtracted.": normed(x, split, (2, 3, 4), eps, only_scale=True),
                "This makes groups of `groups` channels. There are `groups` groups.": normed(
                    x, (n, c // groups, groups, h, w), (2, 3, 4), eps
                ),
                "The mean is gone, but nothing is divided.": normed(x, split, (2, 3, 4), eps, only_shift=True),
                "A group's channels are neighbours: the first c / groups, then the next.": strided,
                "eps is fixed in yours; it is an argument.": normed(x, split, (2, 3, 4), 1e-5),
            }
            expected = normed(x, split, (2, 3, 4), eps)
            mistakes = {k: v for k, v in mistakes.items() if not np.allclose(v, expected, rtol=1e-8, atol=1e-9)}
            same_values(group_norm(x, groups, eps), expected, 1e-10, "your result", mistakes)
    return "Each group of each sample has mean 0 and the right variance, on 3 random batches, each with two eps."


group_norm = Exercise(
    group_norm,
    check_group_norm,
    hints=(
        "Bring x into a shape in which a group of a sample is one axis. What is reshape(n, groups, -1)?",
        "g = x.reshape(len(x), groups, -1); then mean and var over axis 2, with keepdims=True.",
        "(g - mean) / np.sqrt(var + eps), and back: .reshape(x.shape).",
    ),
)


# ---- the quiz ------------------------------------------------------------------------------------------

quiz = Quiz(
    Question(
        "An ODE-Net has a quarter of a ResNet's parameters. What does a forward pass cost, at 32 evaluations?",
        {
            "a": "A quarter: every parameter is used once, so the cost follows their number.",
            "b": "As much as about 32 blocks of that width.",
            "c": "As much as the ResNet: both are the same function.",
            "d": "As much as one block: there is one field.",
        },
        answer="b",
        explain={
            "a": "Parameters are stored once, but used at each evaluation.",
            "b": "Sharing saves memory for parameters. Every evaluation of the field is a layer's work.",
            "c": "They may reach the same accuracy, but by different work: the ResNet of the lesson has four blocks.",
            "d": "One field, evaluated 32 times.",
        },
    ),
    Question(
        "Why does BatchNorm, in training mode, not belong inside a field?",
        {
            "a": "A sample's slope then depends on the other samples.",
            "b": "It has parameters of its own, which the solver would have to integrate as well.",
            "c": "It cannot be differentiated.",
            "d": "It makes the field's values too small.",
        },
        answer="a",
        explain={
            "a": "And each evaluation changes the running averages. Existence, the error estimate and the adjoint "
            "assume one fixed f(t, x).",
            "b": "So has GroupNorm; parameters are no obstacle.",
            "c": "It can, and is, in most ResNets.",
            "d": "It sets their size as GroupNorm does.",
        },
    ),
    Question(
        "The adjoint keeps O(1) memory in the number of steps. One of what?",
        {
            "a": "One byte for each parameter.",
            "b": "One state: that at the end of the solve.",
            "c": "All the activations of one evaluation of the field, for each step.",
            "d": "One state for each accepted step.",
        },
        answer="b",
        explain={
            "a": "The parameters are there in any case, and are not counted.",
            "b": "The trajectory is computed again, backward, with one evaluation's activations at a time.",
            "c": "That is backprop: the number of evaluations times the activations of one.",
            "d": "That is what checkpoints keep.",
        },
    ),
    Question(
        "A trained net has the same test error at the tolerances 0.01 and 0.00001. What follows?",
        {
            "a": "That the solve at 0.01 is accurate to five digits.",
            "b": "That the solver does not matter at all, so that one single step of Euler's method would do as well.",
            "c": "That classes do not depend on digits of the state that the looser solve gets wrong.",
            "d": "That the field is linear.",
        },
        answer="c",
        explain={
            "a": "The end state differs; the largest of the ten outputs is the same one.",
            "b": "It says nothing about longer steps. The lesson's second net is ruined by a change of solver.",
            "c": "For use, take the loosest tolerance that keeps the validation error. For a density (lesson 10) the "
            "digits will matter.",
            "d": "A linear field is not solved exactly at 0.01 either.",
        },
    ),
    Question(
        "A paper's ODE-Net has a third of its ResNet's parameters at equal error. What does this show?",
        {
            "a": "That Neural ODEs need fewer parameters.",
            "b": "That the ResNet needs three times as many.",
            "c": "Nothing about ODEs until a ResNet of the same small size, or with shared weights, has been tried.",
            "d": "That the adjoint regularises.",
        },
        answer="c",
        explain={
            "a": "One pair of nets, and one of them perhaps larger than need be.",
            "b": "It has three times as many. Whether it needs them was not tested.",
            "c": "One block, or blocks that share their weights, save the same parameters without any solver.",
            "d": "The adjoint computes a gradient. Nothing here isolates its effect.",
        },
    ),
)
