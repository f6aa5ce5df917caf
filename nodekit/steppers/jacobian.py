"""∂f/∂y and ∂f/∂t at a point, as values, over either library (lessons 14 and 15).

What differs between arrays and tensors is in newton.py of numpy_backend/ and torch_backend/. How a gradient goes
through an implicit step is decided elsewhere.
"""

import math

AGREEMENT = 1e-3  # how far autograd may be from a difference quotient, relatively, before it is not believed
SUSPICION = 1e-2  # how far, in the quick look at every step, before it is compared as carefully as at first


class Jacobian:
    """∂f/∂y at (t, y): call it with t and the flat state (d,) for a matrix (d, d).

    field: f on flat states, a `Field`, which counts every evaluation made here. jac: the user's jac(t, y), with t and y
    as f gets them; None for forward differences; or "autograd". autograd is tried at the first call: when it raises, or
    disagrees with a difference quotient of f, differences are used from then on. njev counts the calls.

    smallest: (d,) or a number, the size of a component below which differences take it to be that large. Where atol
    takes over from rtol, at atol/rtol, is the right size: smaller values do not matter.

    For a complex state f must be holomorphic in y.

    A library adds: values(x), without a graph; finite(x); eps(x), of its precision; product(matrix, v);
    moves(y, k), how far differences move each component; columns(t, y) -> (∂f/∂y, f) by differences; rows(t, y), the
    same by autograd; time_slope(t, y, k, h), ∂f/∂t by autograd; given(t, y) -> (the user's matrix, y's shape);
    attempt(function, *arguments), None where autograd cannot follow f; rounds_time, whether f gets t in y's precision.

    Raises ValueError when jac returns a shape other than (d, d) or y.shape + y.shape, TypeError when it is no function.
    """

    def __init__(self, field, jac=None, smallest=1e-3):
        if not (jac is None or callable(jac) or (isinstance(jac, str) and jac == "autograd")):
            raise TypeError(f'jac must be a function jac(t, y), "autograd" or None, got {type(jac).__name__}.')
        self.field, self.jac, self.smallest, self.njev = field, jac if callable(jac) else None, smallest, 0
        wanted = False if jac is None else None  # None: whether f allows it is not known before the first call
        self.by_autograd = self.time_by_autograd = wanted

    def __call__(self, t, y):
        return self.from_user(t, y) if self.jac else self.with_value(t, y)[0]

    def with_value(self, t, y):
        """(∂f/∂y, f) at (t, y), (d, d) and (d,): the one meets the other on its way."""
        y = self.values(y)
        self.njev += 1
        if self.by_autograd is not False:
            found = self.attempt(self.rows if self.by_autograd else self.checked_rows, t, y)
            self.by_autograd = found is not None
            if self.by_autograd:
                return found
        return self.columns(t, y)

    def from_user(self, t, y):
        self.njev += 1
        (matrix, shape), d = self.given(t, self.values(y)), len(y)
        if matrix.shape != (d, d) and matrix.shape != shape + shape:
            expected = f"({d}, {d})" if shape == (d,) else f"({d}, {d}) or {shape + shape}"
            raise ValueError(
                f"jac returned shape {tuple(matrix.shape)} at t = {t!r}; for y of shape {shape} it must be {expected}: "
                "the derivative of component i of f by component j of y in row i and column j."
            )
        return matrix.reshape(d, d)

    def with_time(self, t, y, k, h):
        """(∂f/∂y, ∂f/∂t, f), (d, d), (d,) and (d,), at (t, y), from times between t and t + h alone.

        k: f(t, y) where it is known already.

        What autograd says agrees, at its first call, with differences of f. That may be a coincidence: a slope that it
        does not see, as through t.item(), may be zero there. So at every call one evaluation of f nearby is compared
        with what both predict, and where it differs by more than SUSPICION they are checked as at first.
        """
        if self.jac:
            matrix, k = self.from_user(t, y), self.field(t, y) if k is None else k
        else:
            matrix, k = self.with_value(t, y)
        y, k = self.values(y), self.values(k)
        slope = self.time_derivative(t, y, k, h)
        if (self.by_autograd or self.time_by_autograd) and self.suspicious(t, y, k, h, matrix, slope):
            self.by_autograd, self.time_by_autograd = self.by_autograd and None, self.time_by_autograd and None
            self.njev -= 1
            matrix, slope = self(t, y), self.time_derivative(t, y, k, h)
        return matrix, slope, k

    def suspicious(self, t, y, k, h, matrix, slope):
        """Whether f nearby is another than these derivatives predict."""
        s, move = time_move(t, h, self.eps(y)), self.moves(y, k)
        turned = [i for i in range(len(y)) if ((i + 1) * (2 * self.njev + 1) >> 1) % 2 == 0]
        move[turned] *= -1  # another direction every time
        found = self.attempt(self.field, t + s, y + move)  # it may lie beyond a border of f
        if found is None or not self.finite(found):  # no number to compare with
            return False
        difference = abs(found - k - self.product(matrix, move) - s * slope)
        allowed = SUSPICION * (self.product(abs(matrix), abs(move)) + abs(s) * abs(slope)) + self.noise(k)
        return not bool((difference <= allowed).all())

    def checked_rows(self, t, y):
        """`rows`, or None when they do not give the change of f that one small move of all components causes."""
        matrix, k = self.rows(t, y)
        move = self.moves(y, k)
        move[::2] *= -1
        change = self.values(self.field(t, y + move) - self.field(t, y - move)) / 2  # central: parabolas do not count
        allowed = AGREEMENT * self.product(abs(matrix), abs(move)) + self.noise(k)
        return (matrix, k) if bool((abs(self.product(matrix, move) - change) <= allowed).all()) else None

    def time_derivative(self, t, y, k, h):
        """∂f/∂t by autograd's forward mode, checked once; or by a one-sided difference of second order."""
        if self.time_by_autograd is not False:
            slope = self.attempt(self.time_slope if self.time_by_autograd else self.checked_time_slope, t, y, k, h)
            self.time_by_autograd = slope is not None
            if self.time_by_autograd:
                return slope
        return self.values(time_difference(self.field, t, y, k, h, self.eps(y)))

    def checked_time_slope(self, t, y, k, h):
        """`time_slope`, or None when it disagrees with `time_difference`."""
        slope, eps = self.time_slope(t, y, k, h), self.eps(y)
        other = self.values(time_difference(self.field, t, y, k, h, eps))
        move = abs(time_move(t, h, eps))
        rounding = eps * abs(t) / move if self.rounds_time else 0.0
        allowed = (AGREEMENT + rounding) * (abs(slope) + abs(other)) + self.noise(k) / move
        return slope if bool((abs(slope - other) <= allowed).all()) else None

    def noise(self, k):
        """What rounding may have changed in f = k, generously."""
        return 1e3 * self.eps(k) * abs(k).max()


def time_difference(field, t, y, k, h, eps):
    """∂f/∂t (d,) at t from f at t, where it is k, t + s, t + 2s: exact for parabolas. Recorded where autograd is."""
    s = time_move(t, h, eps)
    return (4 * field(t + s, y) - field(t + 2 * s, y) - 3 * k) / (2 * s)


def time_move(t, h, eps):
    """s with |2s| <= |h| and h's sign, ∛eps of h's or t's size, such that t + s and t + 2s are exact sums."""
    size = min(eps ** (1 / 3) * max(abs(t), abs(h)), abs(h) / 2)
    exponent = math.frexp(size)[1] - 1
    return math.copysign(math.ldexp(1.0, exponent), h)
