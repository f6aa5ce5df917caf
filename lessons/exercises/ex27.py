"""The exercises of lesson 27, Scaling out, and when not to."""

import numpy as np

from nodekit.classroom.checks import Exercise, as_array, same_values
from nodekit.classroom.quiz import Prediction, Question, Quiz
from nodekit.classroom.watch import Wrong

first_guess = Prediction(
    "Two processes, each with a processor of its own, take half of every batch of 64 samples, and solve it with a step "
    "size that adapts. Of these evaluations of the field, one after the other, how many does a training step then wait "
    "for?",
    {
        "a": "About half as many as one process with the whole batch.",
        "b": "About as many, or even a few more.",
        "c": "About three quarters.",
    },
    answer="b",
    explain={
        "a": "An evaluation handles all samples of a share at once. What gets less is the work in each evaluation.",
        "b": "The number depends on the hardest sample, and one of the two processes has it. Its share is smaller, so "
        "that the hard sample weighs more in its error.",
        "c": "That would be so if samples were solved one by one, and shares were a bit uneven.",
    },
)

second_guess = Prediction(
    "One number of one recording is nan. In some step process 1 has this recording, so its loss is nan. Nobody has "
    "written anything about this case. What happens to process 0?",
    {
        "a": "Its gradient is finite, so it trains on, and the nan stays with process 1.",
        "b": "It waits for process 1 without end.",
        "c": "Its weights become nan in the same step.",
    },
    answer="c",
    explain={
        "a": "The gradients are averaged over the processes, and a mean with a nan is nan.",
        "b": "It would, if process 1 stopped with an error. A nan does not stop anything: it is sent as any number.",
        "c": "Both take the averaged gradient. From then on all weights of all processes are nan, and so is the next "
        "checkpoint.",
    },
)


# ---- 1 -------------------------------------------------------------------------------------------------


def joined(gradients, sizes):
    """The gradient of the mean loss over a whole batch, from those of its shares.

    gradients: (ranks, p), row r the gradient of the mean loss over the share of process r. sizes: (ranks,), how many
    samples each share has, > 0. Returns (p,).
    """
    return (sizes[:, None] * gradients).sum(0) / sizes.sum()


def check_joined(joined):
    rng = np.random.default_rng(271)
    for ranks, p in ((3, 5), (2, 3), (5, 1), (1, 4)):
        gradients, sizes = rng.normal(size=(ranks, p)) + 1, rng.permutation(np.arange(1, 3 * ranks + 1, 3)) + 1
        n, weighted = sizes.sum(), sizes[:, None] * gradients
        inverse = 1 / sizes
        mistakes = {
            "This is the plain mean over the processes. A sample of a small share then counts more than one of a "
            "large share.": gradients.mean(0),
            "This is the sum over the whole batch: divide by the number of its samples.": weighted.sum(0),
            "You divide by the number of processes. Divide by the number of samples of the whole batch.": (
                weighted.mean(0)
            ),
            "This is the sum of the gradients, without the sizes.": gradients.sum(0),
            "The weights are upside down: the larger share counts more.": (
                (inverse[:, None] * gradients).sum(0) / inverse.sum()
            ),
            "Each share is weighted by one over its number of samples, but row r is a mean over its share already.": (
                (inverse[:, None] * gradients).sum(0)
            ),
            "The sizes belong to the processes in the same order as the rows, and you have them turned round.": (
                (sizes[::-1, None] * gradients).sum(0) / n
            ),
            "The sign is wrong.": -weighted.sum(0) / n,
            "This is half of it.": weighted.sum(0) / n / 2,
        }
        if ranks == 1:
            mistakes = {}
        same_values(joined(gradients, sizes), weighted.sum(0) / n, 1e-12, "the gradient", mistakes)
    return "Right for 1, 2, 3 and 5 processes with shares of different sizes."


joined = Exercise(
    joined,
    check_joined,
    hints=(
        "A sum over the whole batch is the sum of the sums over the shares. What is the sum over one share?",
        "The sum over share r is sizes[r] * gradients[r]. The mean over the batch is the sum of these, divided by ...",
        "(sizes[:, None] * gradients).sum(0) / sizes.sum()",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def busy_share(work):
    """The share of the processors' time in which they work, when all meet at the end of each step.

    work: (steps, ranks), seconds >= 0 that each process needs for its part of each step; in each step some process
    needs more than 0. Exchanges take no time. Returns a float, between 1/ranks and 1.
    """
    return work.sum() / (work.shape[1] * work.max(1).sum())


def check_busy_share(busy_share):
    rng = np.random.default_rng(272)
    for steps, ranks in ((6, 2), (9, 4), (3, 5), (7, 1)):
        work = rng.gamma(1.5, size=(steps, ranks)) * 10.0 ** rng.uniform(-1, 1, size=(steps, 1))
        right = work.sum() / (ranks * work.max(1).sum())
        mistakes = {
            "This is the share in which they wait.": 1 - right,
            "This is above 1: you have divided the other way round.": 1 / right,
            "The longest sum over all steps: as if they met only at the very end. They meet in each step, so take the "
            "largest of each step, and then the sum.": work.sum() / (ranks * work.sum(0).max()),
            "You take the largest over the steps. In each step all wait for the slowest process: the largest over the "
            "processes.": work.sum() / (steps * work.max(0).sum()),
            "This is the mean of the steps' shares. A long step counts more than a short one: add up times first.": (
                (work.mean(1) / work.max(1)).mean()
            ),
            "The number of processes is missing: while one works, all of them have a processor.": (
                work.sum() / work.max(1).sum()
            ),
            "You compare with the fastest process. They wait for the slowest.": work.min(1).sum() * ranks / work.sum(),
            "Each step lasts as long as its slowest process needs, not as the slowest of all steps.": (
                work.sum() / (ranks * steps * work.max())
            ),
        }
        if ranks == 1:
            mistakes = {}
        same_values(busy_share(work), right, 1e-12, "the share", mistakes)
    return "Right for 1, 2, 4 and 5 processes, whose steps differ in length."


busy_share = Exercise(
    busy_share,
    check_busy_share,
    hints=(
        "How long does one step last, and for how long do all processors together have time in it?",
        "A step lasts work.max(1). All processors have ranks times that. They work for the sum of all entries.",
        "work.sum() / (work.shape[1] * work.max(1).sum())",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def piece_to_send(rank, turn, ranks):
    """Which piece of its vector a process sends to its right neighbour, so that sums come together in a ring.

    Each of `ranks` processes has a vector, cut into `ranks` pieces, 0 to ranks - 1. In turn 0, 1, ..., ranks - 2 each
    sends one piece at the same time, process r to (r + 1) % ranks, which adds what comes to its own piece of the same
    number. After the last turn each process must have the complete sum of one piece, each of another one.
    Returns an int.
    """
    return (rank - turn) % ranks


def check_piece_to_send(piece_to_send):
    for ranks in (3, 2, 5, 4):
        has = np.zeros((ranks, ranks, ranks), int)  # process, piece, how often it holds the part of each process
        for rank in range(ranks):
            has[rank, :, rank] = 1
        sent = set()
        for turn in range(ranks - 1):
            before = has.copy()
            for rank in range(ranks):
                piece = as_array(piece_to_send(rank, turn, ranks), "the piece")
                if piece.shape != () or piece != np.round(piece) or not 0 <= piece < ranks:
                    raise Wrong(f"Process {rank} of {ranks}, turn {turn}: {piece} is no piece from 0 to {ranks - 1}.")
                piece = int(piece)
                sent.add((rank, piece))
                has[(rank + 1) % ranks, piece] += before[rank, piece]
        if len(sent) == ranks > 2:
            raise Wrong("Each process sends the same piece in all turns. Send on what has just come from the left.")
        if has.max() > 1:
            raise Wrong(
                f"With {ranks} processes some part is added twice, as a piece that comes back to one that has added it "
                "already. In turn 0 send any piece of your own; after that, which piece has just grown?"
            )
        complete = (has == 1).all(2)
        if not (complete.any(1).all() and complete.any(0).all()):
            count = int(complete.any(0).sum())
            raise Wrong(
                f"With {ranks} processes {count} of {ranks} pieces are complete at the end. Send on what has just come "
                "to you from the left."
            )
    return "All pieces are complete after the last turn, with 2, 3, 4 and 5 processes."


piece_to_send = Exercise(
    piece_to_send,
    check_piece_to_send,
    hints=(
        "A sum must travel round the ring: what has just come to you and grown by your part is what you send next.",
        "If process r sends piece r in turn 0, process r + 1 gets piece r, and sends it in turn 1.",
        "(rank - turn) % ranks",
    ),
)


quiz = Quiz(
    Question(
        "Eight processes train with one solve each a step. Seven need 40 evaluations and one 80, always another one. "
        "Which share of the processors' time is work?",
        {
            "a": "45/80, about 56%.",
            "b": "40/80, 50%, because most need 40.",
            "c": "About 100%, because the hard share goes round.",
        },
        "a",
        {
            "a": "Each step lasts 80, and on average they work for (7 · 40 + 80)/8 = 45 of it.",
            "b": "Seven work for half of the time, but the one that needs 80 works all the time.",
            "c": "It would be, if they met only at the end. They meet in each step, and each step has its hard share.",
        },
    ),
    Question(
        "A last batch has 7 samples for 2 processes: 4 and 3. Each takes the mean of its losses, and "
        "DistributedDataParallel averages the gradients. What is wrong?",
        {
            "a": "Nothing: the mean of the two means is the mean over all samples of the batch.",
            "b": "The samples of the share of 3 count 4/3 as much.",
            "c": "It stops, because the shares differ.",
        },
        "b",
        {
            "a": "It would be for 4 and 4.",
            "b": "Each of them has the weight 1/6, each of the others 1/8. Sum the losses, divide by 7, multiply by 2.",
            "c": "Gradients have one shape for any number of samples, so nobody notices.",
        },
    ),
    Question(
        "The gradient of two processes differs from that of one by a relative 1e-3, with dopri5 at rtol 1e-3. With "
        "fixed steps the difference is 1e-16. What do you conclude?",
        {
            "a": "The exchange loses digits.",
            "b": "A share of the batch chose other steps than the whole batch.",
            "c": "The code that shares the batch has a mistake.",
        },
        "b",
        {
            "a": "Then it would lose them with fixed steps too.",
            "b": "Both gradients are right to the tolerance, each for its own steps.",
            "c": "That is why one tests with fixed steps first: there a mistake would show.",
        },
    ),
    Question(
        "A training was killed while it wrote its checkpoint. Why is the file on the disk whole all the same?",
        {
            "a": "The new file takes the old one's place only when it is whole.",
            "b": "Writing it is one operation, too short to be interrupted.",
            "c": "torch.load drops what is half written, and goes on from the rest.",
        },
        "a",
        {
            "a": "Before this one operation the old file is there, after it the new one.",
            "b": "A large model takes seconds, and a full disk interrupts it as well.",
            "c": "Half a file is an error when it is read.",
        },
    ),
    Question(
        "A target moves with normal, linear changes of known size, and is seen with normal noise. You have a thousand "
        "recordings. What do you use to follow it?",
        {
            "a": "A neural ODE, because the times are uneven.",
            "b": "A GRU that is told the gaps.",
            "c": "A Kalman filter.",
        },
        "c",
        {
            "a": "Uneven times are in the filter's F and Q, which are exact for any gap.",
            "b": "It can come close. It cannot be better on average, and needs the recordings.",
            "c": "No estimate has a smaller mean square error there, it needs no training, and says how sure it is.",
        },
    ),
)
