"""The exercises of lesson 24, Optimisation as an ODE."""

import numpy as np

from nodekit.classroom.checks import Exercise, as_array, same_values
from nodekit.classroom.quiz import Prediction, Question, Quiz
from nodekit.classroom.watch import Wrong

first_guess = Prediction(
    "With the learning rate 0.1891 the loss exploded: after 547 steps it was above 10,000. Now both runs begin a "
    "thousand times nearer to the best weights, where the gradient is a thousand times smaller. What does the larger "
    "learning rate do?",
    {
        "a": "It trains: with so small a gradient no step is too long.",
        "b": "It explodes all the same, about 700 steps later.",
        "c": "It explodes all the same, a thousand times later.",
        "d": "It stays near the best weights, and neither falls nor rises.",
    },
    answer="b",
    explain={
        "a": "Smaller gradients mean smaller steps, but what counts is how much a step multiplies the distance by.",
        "b": "Each step multiplies one component of the distance by -1.010. To make good a factor of 1000 takes "
        "ln(1000)/ln(1.010) steps, about 680.",
        "c": "A thousand times nearer is not a thousand times later: the distance grows like 1.010 to the power k.",
        "d": "For that the factor of a step would have to be -1. It is -1.010.",
    },
)

second_guess = Prediction(
    "A small net has the sharpness 16 at its first weights. Along its gradient flow, the sharpness rises to more than "
    "60. We train it by gradient descent with the learning rate 0.06, for which 2/h is 33. What happens?",
    {
        "a": "The sharpness passes 33, and from there on the loss explodes.",
        "b": "The sharpness follows the flow to more than 60, as 2/h is a border for quadratic functions only.",
        "c": "The sharpness rises to 33 and stays there, while the loss goes up and down, and falls in the long run.",
        "d": "The sharpness stays near 16: descent changes the weights, not the curvature.",
    },
    answer="c",
    explain={
        "a": "So it would be on a quadratic function, whose curvature is the same everywhere. A net's is not: the "
        "weights can go where it is smaller, and they do.",
        "b": "Beyond 33 the weights swing from side to side of the steepest direction, and wider at each step. That "
        "does not go on, but it does not go unnoticed either.",
        "c": "Nobody has told it to. It has been seen in many nets, with 2/h for very many learning rates h.",
        "d": "The curvature of a net's loss differs from place to place.",
    },
)


# ---- 1 -------------------------------------------------------------------------------------------------


def largest_rate(X):
    """The learning rate below which gradient descent on mean((X w - y)²) converges from every start.

    X: (n, d), of rank d. Returns float. The targets y do not matter.
    """
    return float(len(X) / np.linalg.norm(X, 2) ** 2)


def check_largest_rate(largest_rate):
    rng = np.random.default_rng(241)
    for n, d in ((7, 3), (20, 5), (4, 1), (9, 8)):
        X = rng.normal(size=(n, d)) * rng.uniform(0.5, 3, size=d) + 0.4
        sizes = np.linalg.svd(X, compute_uv=False)
        big = sizes[0]
        right = n / big**2
        mistakes = {
            "This is 1/L, the half of it: the border is where 1 - hL reaches -1, not 0.": n / (2 * big**2),
            "A factor of 2 is missing in the curvature: the second derivative of (X w - y)² is 2 XᵀX.": 2 * n / big**2,
            "This is the border for the sum of the squares. The loss is their mean: its curvature is 2 XᵀX / n.": [
                1 / big**2,
                2 / big**2,
            ],
            "Your curvature is divided by n². The mean divides by n once.": n**2 / big**2,
            "This comes from the smallest curvature. The largest one explodes first.": [
                n / sizes[-1] ** 2,
                2 * n / sizes[-1] ** 2,
            ],
            "The curvatures are the squares of X's singular values, times 2/n.": [n / big, 2 * n / big],
            "This takes the sum of all curvatures, the trace, for the largest of them.": [
                n / np.sum(X**2),
                2 * n / np.sum(X**2),
            ],
            "This is the largest curvature L itself. The border is 2/L.": 2 * big**2 / n,
            "This is L/2. The border is 2/L.": big**2 / n,
            "The mean is over the n samples, which are X's rows, not over its d columns.": d / big**2,
        }
        got = largest_rate(X)
        if np.shape(got) != ():
            raise Wrong(f"One number is wanted; yours has shape {np.shape(got)}.")
        value = float(as_array(got, "your rate"))
        if d > 1 and not abs(value - right) <= 1e-9 * right:
            for text, wrong in mistakes.items():
                if np.any(np.abs(value - np.array(wrong)) <= 1e-9 * np.abs(wrong)):
                    raise Wrong(text)
        same_values(value / right, np.float64(1.0), 1e-9, "your rate, divided by the right one,")
    return "Right for 4 random X, of 1 to 8 columns."


largest_rate = Exercise(
    largest_rate,
    check_largest_rate,
    hints=(
        "The gradient is 2 Xᵀ(X w - y)/n. Differentiate once more: which matrix is the Hessian?",
        "The Hessian is 2 XᵀX/n. Its largest eigenvalue L is 2/n times the square of X's largest singular value, which "
        "is np.linalg.norm(X, 2). The border is 2/L.",
        "return len(X) / np.linalg.norm(X, 2) ** 2",
    ),
)


# ---- 2 -------------------------------------------------------------------------------------------------


def slowest_decay(friction, curvatures):
    """The rate c at which the slowest component of the ball comes to rest, like exp(-c t).

    friction: float > 0. curvatures: (d,), positive, in any order: x_i″ + friction x_i′ + curvatures_i x_i = 0.
    Returns float > 0.
    """
    root = np.sqrt(friction**2 - 4 * np.asarray(curvatures) + 0j)
    return float(((friction - root) / 2).real.min())


def check_slowest_decay(slowest_decay):
    rng = np.random.default_rng(242)
    for d, friction in ((4, 9.0), (3, 0.4), (5, 2.6), (1, 3.0), (3, 1.9)):
        curvatures = np.exp(rng.uniform(-0.5, 2.0, size=d))
        discriminant = friction**2 - 4 * curvatures
        root = np.sqrt(discriminant + 0j)
        rates = ((friction - root) / 2).real
        right = float(rates.min())
        mistakes = {
            "This is friction/2, the rate of the components that swing. Those with curvature < friction²/4 creep back, "
            "more slowly.": friction / 2,
            "This is the fastest component. The slowest is asked for.": float(rates.max()),
            "This is the other root, with + before the square root: it decays faster.": float(
                ((friction + root) / 2).real.min()
            ),
            "You solved s² + friction s + curvature = 0 without the half.": float(2 * right),
            "The roots have 4 times the curvature under the square root.": float(
                ((friction - np.sqrt(friction**2 - curvatures + 0j)) / 2).real.min()
            ),
            "√μ is the rate at the best friction only; the friction here is another.": float(np.sqrt(curvatures.min())),
            "This is how fast the gradient flow comes to rest: the smallest curvature. The ball has mass.": float(
                curvatures.min()
            ),
            "The rate is wanted: exp(-c t) with a positive c.": -right,
        }
        got = slowest_decay(friction, curvatures)
        if np.shape(got) != ():
            raise Wrong(f"One number is wanted; yours has shape {np.shape(got)}.")
        if np.iscomplexobj(got):
            raise Wrong("Yours is a complex number. The rate is the real part: the imaginary one is the swing.")
        value = float(as_array(got, "your rate"))
        if np.isnan(value):
            raise Wrong(
                "Yours is nan: where friction² < 4 curvature the square root is imaginary, and the component swings. "
                "Its rate is friction/2. Add 0j below the root, and take the real part."
            )
        if not abs(value - right) <= 1e-9:
            for text, wrong in mistakes.items():
                if abs(value - wrong) <= 1e-9:
                    raise Wrong(text)
        same_values(value, np.float64(right), 1e-9, "your rate")
    return "Right for 5 random sets of curvatures: swinging, creeping, and both at once."


slowest_decay = Exercise(
    slowest_decay,
    check_slowest_decay,
    hints=(
        "Try x = exp(s t): s² + friction s + curvature = 0. It has two roots s for each curvature.",
        "The slower root is s = -(friction - root)/2 with root = sqrt(friction² - 4 curvature). If that is imaginary, "
        "only the real part of s counts.",
        "root = np.sqrt(friction**2 - 4 * curvatures + 0j), and then ((friction - root) / 2).real.min()",
    ),
)


# ---- 3 -------------------------------------------------------------------------------------------------


def momentum_limit(L, beta):
    """The learning rate below which x ← x - a L x + beta (x - x_before) converges from every start.

    L: float > 0, the curvature. beta: float, 0 <= beta < 1. Returns float.
    """
    return 2 * (1 + beta) / L


def check_momentum_limit(momentum_limit):
    rng = np.random.default_rng(243)
    for beta in (0.9, *rng.uniform(0.1, 0.8, size=3), 0.0):
        L = float(np.exp(rng.uniform(-1, 3)))
        right = 2 * (1 + beta) / L
        mistakes = {
            "This is the border without momentum, 2/L.": 2 / L,
            "Momentum moves the border up, not down: check the sign of beta.": 2 * (1 - beta) / L,
            "Momentum makes each step about 1/(1 - beta) times as long in the end, but the border moves by 1 + beta "
            "only.": [2 / (L * (1 - beta)), 2 * (1 - beta) / L],
            "A factor of 2 is missing: without momentum the border is 2/L.": (1 + beta) / L,
            "This is where the two roots become complex, not where one leaves the unit circle.": [
                (1 - np.sqrt(beta)) ** 2 / L,
                (1 + np.sqrt(beta)) ** 2 / L,
            ],
            "This is the limit for β → 1: here β is smaller.": 4 / L,
            "L is the curvature: the larger it is, the lower the border. Divide by it.": 2 * (1 + beta) * L,
        }
        value = float(as_array(momentum_limit(L, beta), "your border"))
        if beta > 0 and not abs(value - right) <= 1e-9 * right:
            for text, wrong in mistakes.items():
                if np.any(np.abs(value - np.array(wrong)) <= 1e-9 * np.abs(wrong)):
                    raise Wrong(text)
        same_values(value / right, np.float64(1.0), 1e-9, "your border, divided by the right one,")
    return "Right for 5 pairs of L and beta, without momentum among them."


momentum_limit = Exercise(
    momentum_limit,
    check_momentum_limit,
    hints=(
        "Try x_k = z**k: z² - (1 + beta - a L) z + beta = 0. It converges while both roots have |z| < 1.",
        "The product of the roots is beta < 1, so two complex roots are inside. As a grows, a real one leaves at "
        "z = -1, as without momentum.",
        "Put z = -1: 1 + (1 + beta - a L) + beta = 0, so a = 2 * (1 + beta) / L.",
    ),
)


# ---- 4 -------------------------------------------------------------------------------------------------


def linear_outputs(K, start, target, times):
    """The solution of u′ = -K (u - target), u(0) = start, at the times, in closed form by K's eigenvalues.

    K: (n, n), symmetric. start, target: (n,). times: (m,). Returns (m, n).
    """
    values, vectors = np.linalg.eigh(K)
    left = vectors.T @ (start - target)
    return target + (np.exp(-np.outer(times, values)) * left) @ vectors.T


def check_linear_outputs(linear_outputs):
    rng = np.random.default_rng(244)
    for n, m in ((3, 4), (5, 2), (4, 4), (1, 3)):
        J = rng.normal(size=(n, 2 * n)) / np.sqrt(n)
        K, start, target = J @ J.T, rng.normal(size=n), rng.normal(size=n)
        times = np.concatenate([[0.0], np.sort(rng.uniform(0.1, 1.5, size=m - 1))])
        values, V = np.linalg.eigh(K)

        def by(decay, left, right, values=values, times=times):
            return (decay(-np.outer(times, values)) * left) @ right

        gap = start - target
        right = target + by(np.exp, V.T @ gap, V.T)
        mistakes = {
            "This is the distance from the target. The target itself is missing: u = target + ...": right - target,
            "It starts at the target and goes to the start: the distance at the start is start - target.": start
            - by(np.exp, V.T @ gap, V.T),
            "The exponent has the wrong sign: the distance decays.": target + by(lambda z: np.exp(-z), V.T @ gap, V.T),
            "np.linalg.eigh has the eigenvectors in the columns: K = V diag(λ) Vᵀ. Yours are transposed.": target
            + by(np.exp, V @ gap, V),
            "The components along the eigenvectors decay, not those of the outputs: over with Vᵀ, and back with V.": [
                target + np.exp(-np.outer(times, values)) * gap,
                target + np.exp(-np.outer(times, np.diag(K))) * gap,
            ],
            "You came over to the eigenvectors, and not back.": target + by(np.exp, V.T @ gap, np.eye(n)),
            "np.exp takes each entry of the matrix by itself. A matrix's exponential is made by its eigenvalues.": (
                np.array([target + np.exp(-K * t) @ gap for t in times])
            ),
            "This is one Euler step of the length t. The exact solution has exponentials.": np.array(
                [start - t * K @ gap for t in times]
            ),
            "The start decays, the distance from the target does not: use start - target.": by(
                np.exp, V.T @ start, V.T
            ),
            "Time comes first: (m, n).": right.T,
        }
        got = as_array(linear_outputs(K, start, target, times), "the outputs")
        for text, wrong in mistakes.items():
            for each in wrong if isinstance(wrong, list) else [wrong]:
                if n > 1 and got.shape == each.shape != () and np.allclose(got, each, rtol=1e-8, atol=1e-9):
                    if each.shape != right.shape or not np.allclose(each, right):
                        raise Wrong(text)
        same_values(got, right, 1e-8, "the outputs")
    return "Right for 4 random kernels of 1 to 5 samples."


linear_outputs = Exercise(
    linear_outputs,
    check_linear_outputs,
    hints=(
        "With K = V diag(λ) Vᵀ, the components Vᵀ(u - target) obey c_i′ = -λ_i c_i, each by itself.",
        "values, V = np.linalg.eigh(K); the components at the start are V.T @ (start - target); at the time t each is "
        "multiplied by exp(-λ_i t).",
        "return target + (np.exp(-np.outer(times, values)) * (V.T @ (start - target))) @ V.T",
    ),
)


quiz = Quiz(
    Question(
        "A linear model without a constant has two uncorrelated features of mean 0 and about the same size. You "
        "measure the second one in millimetres instead of centimetres, so that its numbers are ten times as large. "
        "What happens to the largest learning rate?",
        {
            "a": "It stays: the data are the same.",
            "b": "It becomes about ten times smaller.",
            "c": "It becomes about a hundred times smaller.",
            "d": "It becomes larger, since that feature now counts for more.",
        },
        answer="c",
        explain={
            "a": "The data are, but the loss as a function of the weights is not.",
            "b": "The slope by that weight is ten times as large. The curvature has the feature twice.",
            "c": "The curvature XᵀX has the feature twice, so L is about a hundred times as large. This is one reason "
            "to scale features before training.",
            "d": "A larger feature makes the valley steeper, and the border 2/L lower.",
        },
    ),
    Question(
        "In a valley that is turned, as in section 2, with the largest curvature L, gradient descent with h = 2.02/L "
        "starts exactly on the floor of the valley, at a point that has no component along the steepest direction. "
        "What happens?",
        {
            "a": "It converges, in exact arithmetic; rounding puts a little into the steepest direction, which grows.",
            "b": "It explodes at once: h is above 2/L.",
            "c": "It converges, and rounding does not matter.",
            "d": "It stays where it is.",
        },
        answer="a",
        explain={
            "a": "Components do not mix: 0 times -1.02 is 0. But rounding is never quite 0.",
            "b": "What explodes is the component along the steepest direction, and here it is zero.",
            "c": "A component of 1e-16 grows by 1.02 a step. After some 1900 steps it is of size one.",
            "d": "The gradient along the floor is not zero, and its component shrinks.",
        },
    ),
    Question(
        "A net is trained with the learning rate 0.04, and you measure a sharpness of about 50 for hundreds of steps. "
        "Which statement is right?",
        {
            "a": "It is a theorem: gradient descent on a net always ends with the sharpness 2/h.",
            "b": "It is about to explode, so you should stop it.",
            "c": "It has converged: at a sharpness of 2/h the gradient is zero.",
            "d": "It trains at the edge of stability, as has been observed for many nets.",
        },
        answer="d",
        explain={
            "a": "It has been seen in many nets, and explained in part. There are losses for which it does not happen: "
            "on a quadratic one the sharpness never changes.",
            "b": "2/h is 50. In our net, and in many others, training goes on there. The loss falls in the long run.",
            "c": "The sharpness says how the gradient changes, not how large it is.",
            "d": "2/0.04 is 50. The loss may rise from one step to the next, and falls in the long run.",
        },
    ),
    Question(
        "A quadratic function has curvatures between 1 and 10,000. You train it once by gradient descent and once by a "
        "heavy ball, each with its best settings. About how many steps does the ball save?",
        {
            "a": "A factor of 2, as its steps may be almost twice as long.",
            "b": "A factor of some tens up to a hundred.",
            "c": "A factor of 10,000.",
            "d": "None: it swings.",
        },
        answer="b",
        explain={
            "a": "That is how far the border of the learning rate moves. More comes from the rate at which the slowest "
            "component comes to rest.",
            "b": "The steps grow like the condition number for descent, and like its square root for the ball: 10,000 "
            "and 100, up to factors. We measured 46.",
            "c": "The root of the condition number remains.",
            "d": "It swings, but with the friction 2√μ all components come to rest at the same rate.",
        },
    ),
    Question(
        "In Nesterov's equation x″ + (r/t) x′ + ∇f(x) = 0 someone takes r = 2. The proof of the bound on t²(f - f*) "
        "needs r >= 3. What do you know?",
        {
            "a": "The bound fails for r = 2, for every convex function.",
            "b": "Not more than this: the proof says nothing. An example has to show that the bound can fail.",
            "c": "The bound holds, as friction only slows the ball down.",
            "d": "The ball does not come to rest.",
        },
        answer="b",
        explain={
            "a": "A proof that does not apply proves nothing, in either direction. On a parabola, for example, t²f is "
            "bounded for r = 2.",
            "b": "For r = 1 the parabola of section 6 is such an example.",
            "c": "Less friction lets it swing through the minimum again and again: for r = 1 that breaks any bound.",
            "d": "It does, but more slowly than 1/t² on some functions.",
        },
    ),
)
