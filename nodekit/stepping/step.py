"""One Runge–Kutta step and its interpolant, in + and * only (built in lesson 03, dense output in lesson 04).

The same lines run on NumPy arrays, on autograd's boxes and on torch tensors, and can be differentiated by
either library. `advance` is the one piece that a backend replaces by a faster one of equal value.

Source: W. Kutta, Beitrag zur näherungsweisen Integration totaler Differentialgleichungen, 1901.
"""

__all__ = ["advance", "dense_slopes", "hermite", "runge_kutta_step"]


def advance(y, h, weights, k):
    """y + h Σ_j weights_j k_j over the leading slopes; h Σ_j weights_j k_j when y is None.

    y and every k_j have one shape, any shape; `weights` has at most as many entries as `k`.
    """
    increment = h * sum(w * k_j for w, k_j in zip(weights, k, strict=False) if w)
    return increment if y is None else y + increment


def runge_kutta_step(f, t, y, h, tableau, k0=None, advance=advance, slopes=list):
    """One explicit step from (t, y) to t + h.

    Parameters
    ----------
    f : callable
        f(t, y) -> dy/dt, of y's shape.
    t, h : float
        Start and (signed) size of the step.
    y : array of any shape
    tableau : Tableau
    k0 : array, optional
        f(t, y) where it is known already: it is evaluated otherwise.
    advance, slopes : callables
        What forms y + h Σ w k, and what makes the empty list of slopes.

    Returns
    -------
    y1 : array, the state at t + h.
    k : the list of slopes k_0 ... k_{s−1}; for an FSAL method k_{s−1} = f(t + h, y1).

    Source: W. Kutta, 1901; in this form J. C. Butcher, 1964. Built in lesson 03.
    """
    k = slopes()
    k.append(f(t, y) if k0 is None else k0)
    y_i = y
    for c_i, a_i in tableau.later_stages:
        y_i = advance(y, h, a_i, k)
        k.append(f(t + c_i * h, y_i))
    y1 = y_i if tableau.fsal else advance(y, h, tableau.b, k)
    return y1, k


def dense_slopes(f, t, y, h, k, tableau, advance=advance):
    """Append to `k` the stages that only dense output needs, once; returns `k`.

    The first of them is f(t + h, y1) where the method is not FSAL: the slope with which the next step begins.
    y and the slopes in `k`: any shape, one for all. tableau: a Tableau with dense rows.
    """
    for c_i, a_i in tableau.dense_rows[len(k) - tableau.stages :]:
        k.append(f(t + c_i * h, advance(y, h, a_i, k)))
    return k


def hermite(y, y1, h, k0, k1, theta):
    """The cubic through y with slope k0 and y1 with slope k1, at θ: for methods without an interpolant of their own.

    y, y1 and the slopes: any shape, one for all. θ: a number, or of a shape that broadcasts against theirs.
    Source: Hairer, Nørsett, Wanner, Solving Ordinary Differential Equations I, 1993, II.6.7. Built in lesson 04.
    """
    bend = (1 - 2 * theta) * (y1 - y) + h * ((theta - 1) * k0 + theta * k1)
    return (1 - theta) * y + theta * y1 + theta * (theta - 1) * bend
