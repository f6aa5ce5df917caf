"""What every method keeps, on both libraries, in every precision that it takes: its order, its dense output, its dtype,
what it says of an f that becomes nan, singular or too steep, events, pickling, vmap.

The system is non-autonomous, unsymmetric, not normal, nonlinear and of odd dimension (for splittings, of odd halves);
the complex one is holomorphic with coefficients off both axes. The reference is SciPy's DOP853.
"""

import functools
import math
import pickle
import re

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

import nodekit
from nodekit.arrays import namespace
from nodekit.methods import METHODS
from nodekit.solution import Status

LIBRARIES = {"numpy": np.asarray, "torch": torch.as_tensor}
DTYPES = ["float32", "float64", "complex128"]
SPAN = (0.2, 1.5)
SPLITTINGS = [name for name, m in METHODS.items() if m.family == "geometric" and hasattr(m, "kicks")]
FIXED = [name for name, m in METHODS.items() if m.family not in ("bdf", "auto")]
CHOOSE = [name for name in METHODS if name not in FIXED]  # their steps themselves
NEWTON = [name for name, m in METHODS.items() if m.family in ("implicit", "rosenbrock", "bdf", "auto")]

A = np.array([[-0.4, 1.1, 0.2], [-0.7, 0.3, 0.9], [-0.3, -0.6, -0.2]])
B = A + 1j * np.array([[0.3, -0.4, 0.1], [0.5, 0.2, -0.3], [0.0, 0.4, -0.7]])
Y0 = np.array([0.8, -0.5, 0.3])


def field(t, y, splits=False):
    """f for NumPy arrays and tensors, real or complex, of three numbers; splits: separable, of six."""
    xp, complex_state = namespace(y), "complex" in str(y.dtype)
    own = lambda x: torch.as_tensor(np.asarray(x)).to(y.dtype) if xp is torch else np.asarray(x).astype(y.dtype)  # noqa: E731
    t = float(t)
    if splits:
        q, p = y[:3], y[3:]
        return xp.concatenate([own(A) @ xp.sin(p) + math.cos(3 * t), -(own(A.T) @ (q + 0.3 * q * q)) + math.sin(2 * t)])
    bend = 0.3 * y * y if complex_state else xp.sin(2 * y)
    force = own([math.sin(3 * t), 0.0, math.cos(2 * t)])
    return own(B if complex_state else A) @ y - 0.4 * bend[[1, 2, 0]] + force


def start(name, dtype="float64"):
    y0 = np.concatenate([Y0, Y0[::-1] * 0.7]) if name in SPLITTINGS else Y0
    return (y0 * (1 - 0.4j) if dtype.startswith("complex") else y0).astype(dtype)


@functools.lru_cache
def exact(name, dtype, forward):
    """The solution over SPAN, in either direction, as a function of time."""
    splits, kind = name in SPLITTINGS, "complex128" if dtype.startswith("complex") else "float64"
    span = SPAN if forward else SPAN[::-1]
    f = lambda t, y: field(t, y, splits)  # noqa: E731
    return solve_ivp(f, span, start(name, kind), "DOP853", rtol=1e-13, atol=1e-14, dense_output=True).sol


def case(name, library, dtype="float64", forward=True):
    """(f, y0, span) for solve, and exact(t)."""
    f = functools.partial(field, splits=name in SPLITTINGS)
    key = "splits" if name in SPLITTINGS else "three"
    reference = exact(name if key == "splits" else "rk4", dtype, forward)
    return (f, LIBRARIES[library](start(name, dtype)), SPAN if forward else SPAN[::-1]), reference


def promised(name, dtype):
    """Whether the method takes states of this dtype: splittings of complex ones have no meaning here."""
    return not (dtype.startswith("complex") and name in SPLITTINGS)


ALL = [(name, library, dtype) for name in METHODS for library in LIBRARIES for dtype in DTYPES if promised(name, dtype)]


def errors(name, library, dtype, forward, steps):
    """(at the ends, in between): the largest errors of a solve in this number of equal steps."""
    (f, y0, span), reference = case(name, library, dtype, forward)
    sol = nodekit.solve(f, y0, span, method=name, step=abs(span[1] - span[0]) / steps)
    ends = np.abs(np.asarray(sol.y) - reference(np.asarray(sol.t)).T).max()
    times = np.linspace(*span, 48)[1:-1]
    return ends, np.abs(np.asarray(sol(times)) - reference(times).T).max()


@pytest.mark.parametrize("forward", [True, False], ids=["forward", "backward"])
@pytest.mark.parametrize(("name", "library", "dtype"), [x for x in ALL if x[0] in FIXED and x[2] != "float32"])
def test_order(name, library, dtype, forward, measured):
    """The error falls with the step as the order says, and that of dense output as its own, in both directions."""
    method = METHODS[name]
    few = {1: 160, 2: 60, 3: 40, 4: 24, 5: 20, 6: 12, 8: 6}[method.order]
    few *= 3 if method.family == "multistep" else 1
    a, b = (errors(name, library, dtype, forward, n) for n in (few, 2 * few))
    order, dense = (math.log2(x / y) for x, y in zip(a, b, strict=True))
    measured(
        f"contract: {name} {library} {dtype} {'forward' if forward else 'backward'}: {order:.2f}, dense {dense:.2f}"
    )
    assert order > method.order - 0.35
    assert dense > min(method.order, method.dense_order) - (0.45 if method.order < 8 else 0.75)
    assert b[0] < 0.01


@pytest.mark.parametrize(("name", "library", "dtype"), [x for x in ALL if x[2] == "float32" or x[0] in CHOOSE])
@pytest.mark.parametrize("forward", [True, False], ids=["forward", "backward"])
def test_accuracy(name, library, dtype, forward):
    """In float32, and for methods that choose their steps: near the solution, at the steps and between them."""
    (f, y0, span), reference = case(name, library, dtype, forward)
    tolerance = 1e-5 if dtype == "float32" else 1e-9
    settings = {"rtol": tolerance, "atol": tolerance}
    if not METHODS[name].adaptive:
        settings = {"step": {1: 1e-3, 2: 0.01}.get(METHODS[name].order, 0.05)}
    sol = nodekit.solve(f, y0, span, method=name, **settings)
    times = np.linspace(*span, 11)
    allowed = {"fehlberg2": 1e-2, "trbdf2": 3e-3}.get(name, 2e-3 if METHODS[name].order < 3 else 300 * tolerance)
    assert np.abs(np.asarray(sol(times)) - reference(times).T).max() < allowed


@pytest.mark.parametrize(("name", "library", "dtype"), ALL)
def test_dtype_is_kept(name, library, dtype):
    """f sees y0's dtype, and solution, dense output and events have it; output times too."""
    (f, y0, span), _ = case(name, library, dtype)

    def seen(t, y):
        assert y.dtype == y0.dtype
        return f(t, y)

    settings = {"rtol": 1e-3, "atol": 1e-3} if METHODS[name].adaptive else {"step": 0.1}
    crossing = lambda t, y: float(t) - 0.77  # noqa: E731
    for t in (span, np.linspace(*span, 4)):
        sol = nodekit.solve(seen, y0, t, method=name, events=crossing, **settings)
        assert sol.y.dtype == sol(0.5).dtype == sol(np.array([0.5])).dtype == sol.y_events[0].dtype == y0.dtype
        assert sol.y.shape[1:] == y0.shape
        assert float(sol.t_events[0][0]) == pytest.approx(0.77, abs=1e-6)


@pytest.mark.parametrize("forward", [True, False], ids=["forward", "backward"])
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", METHODS)
def test_f_becomes_nan(name, library, forward):
    """A wall of nan at |t| = 0.5: the solve ends there, NOT_FINITE, names a component of it, keeps finite states, in a
    bounded number of calls; with nan from the start it ends at once."""
    y0 = LIBRARIES[library](np.array([1.0, 2.0, 0.5, 0.3, 1.0, 1.0]))
    wall = LIBRARIES[library](np.array([1.0, 1, math.nan, 1, math.nan, 1]))
    if name in SPLITTINGS:
        plain = lambda t, y: namespace(y).concatenate([y[3:], -y[:3]])  # noqa: E731
    else:
        plain = lambda t, y: -y * (1 + 0.1 * y)  # noqa: E731
    step = None if METHODS[name].adaptive else 0.04
    span = (0.0, 1.0) if forward else (0.0, -1.0)
    solve = lambda f: nodekit.solve(f, y0, span, method=name, step=step, throw=False)  # noqa: E731
    sol = solve(lambda t, y: plain(t, y) * (wall if abs(t) > 0.5 else 1.0))
    assert sol.status is Status.NOT_FINITE, sol.message
    assert "nan in component 2 at t = " in sol.message or "nan in component 4 at t = " in sol.message
    assert 0.4 <= abs(float(sol.t[-1])) <= 0.5 + (step or 1e-9)
    assert np.isfinite(np.asarray(sol.y)).all()
    assert sol.stats.nfev < 3000
    sol = solve(lambda t, y: plain(t, y) * math.nan)
    assert (sol.status, len(sol.t)) == (Status.NOT_FINITE, 1)
    assert sol.stats.nfev <= 2


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", [n for n in METHODS if METHODS[n].adaptive])
def test_a_solution_that_ends(name, library):
    """y' = y², which has no solution from t = 1 on: no method goes past, hangs, or calls it a success."""
    y0 = LIBRARIES[library](np.array([1.0, 0.5, 0.2]))
    sol = nodekit.solve(
        lambda t, y: y * y, y0, (0.0, 2.0), method=name, rtol=1e-4, atol=1e-4, throw=False, max_steps=3000
    )
    assert not sol.success
    assert float(sol.t[-1]) < 1.1
    assert "h = " in sol.message or "step size" in sol.message


def gamma(name):
    """The largest real eigenvalue of the method's matrix, into which I − h a ⊗ J falls apart; 0 if there is none."""
    m = METHODS[name]
    if m.family == "rosenbrock":
        return m.gamma
    values = np.linalg.eigvals(np.array(m.a))
    return float(max((v.real for v in values if abs(v.imag) < 1e-12), default=0.0))


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", [n for n in NEWTON if n in FIXED and gamma(n)])
def test_a_singular_newton_matrix(name, library):
    """I − hγJ = 0: a fixed step fails with the reason; an adaptive one is repeated smaller, and the solve goes on."""
    y0, error = LIBRARIES[library](np.ones(3)), None
    for h in np.linspace(0.2, 0.3, 41).tolist():  # for some methods γ is a computed eigenvalue: 1 − hγJ may be ε, not 0
        rate = 1 / (h * gamma(name))
        arguments = {"y0": y0, "method": name, "jac": lambda t, y, rate=rate: rate * np.eye(3)}
        arguments["f"] = lambda t, y, rate=rate: rate * y
        try:
            nodekit.solve(t=(0.0, 2 * h), step=h, **arguments)
        except nodekit.SolveError as caught:
            error = caught
            if "singular" in str(error):
                break
    assert re.search(rf"from t = 0.0 with h = {h} could not be solved.*singular", str(error))
    assert error.solution.status is Status.NO_CONVERGENCE
    if METHODS[name].adaptive:
        sol = nodekit.solve(t=(0.0, 0.5), first_step=h, **arguments)
        assert sol.steps.error_ratio[0] == math.inf
        assert np.allclose(np.asarray(sol.y[-1]), math.exp(0.5 * rate), rtol=1e-2)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", METHODS)
def test_f_may_use_its_array_again(name, library):
    """An f that writes its answers into one array of its own: right on NumPy, refused in words on torch."""
    splits = name in SPLITTINGS
    (f, y0, span), _ = case(name, library)
    own = y0 * 0
    settings = {"rtol": 1e-5, "atol": 1e-5} if METHODS[name].adaptive else {"step": 0.1}

    def into_its_own(t, y):
        own[:] = field(t, y, splits)
        return own

    expected = nodekit.solve(f, y0, span, method=name, **settings).y
    if library == "numpy":
        found = nodekit.solve(into_its_own, y0, span, method=name, **settings).y[-1]
        assert np.allclose(found, expected[-1], rtol=0, atol=1e-4)  # rodas5p's Jacobian is by differences then
    else:
        with pytest.raises(ValueError, match="f wrote into the tensor that it returned before"):
            nodekit.solve(into_its_own, y0, span, method=name, **settings)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", METHODS)
def test_pickling(name, library):
    """A Solution survives pickle and both copies, dense output included, where f does."""
    (f, y0, span), _ = case(name, library)
    settings = {"rtol": 1e-4, "atol": 1e-4} if METHODS[name].adaptive else {"step": 0.1}
    sol = nodekit.solve(f, y0, span, method=name, **settings)
    again = pickle.loads(pickle.dumps(sol))
    assert np.array_equal(np.asarray(again.y), np.asarray(sol.y))
    assert again.stats == sol.stats
    assert np.allclose(np.asarray(again(0.777)), np.asarray(sol(0.777)), rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", METHODS)
def test_vmap(name):
    """torch.func.vmap over a parameter: fixed steps equal those one by one; Newton's methods say that they look at
    values, adaptive ones that they need a step."""
    rates = torch.linspace(0.5, 2.0, 4, dtype=torch.float64)
    y0 = torch.as_tensor(start(name))

    def end(rate, step):
        f = lambda t, y: rate * field(t, y, name in SPLITTINGS)  # noqa: E731
        return nodekit.solve(f, y0, SPAN, method=name, step=step).y[-1]

    def together(step):
        return torch.func.vmap(lambda rate: end(rate, step))(rates)

    if name in NEWTON:
        with pytest.raises(ValueError, match=r"looks at values, and cannot run inside torch\.func's transforms"):
            together(None if name in CHOOSE else 0.1)
        return
    assert torch.allclose(together(0.1), torch.stack([end(rate, 0.1) for rate in rates]), rtol=1e-12)
    if METHODS[name].adaptive:
        with pytest.raises(ValueError, match=r"torch.func.vmap needs a fixed step size"):
            together(None)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", METHODS)
def test_nothing_to_do(name, library):
    """t0 = t1 gives y0, and an empty state an empty solution, as SciPy has it."""
    (f, y0, _), _ = case(name, library)
    step = None if METHODS[name].adaptive else 0.1
    sol = nodekit.solve(f, y0, (0.5, 0.5), method=name, step=step)
    assert sol.success
    assert np.array_equal(np.asarray(sol.y), np.asarray(y0)[None])
    assert np.array_equal(np.asarray(sol(0.5)), np.asarray(y0))
    empty = nodekit.solve(lambda t, y: -y, y0[:0], (0.0, 1.0), method=name, step=step)
    assert empty.success
    assert empty.y.shape == (len(empty.t), 0)
    assert empty(0.5).shape == (0,)


@pytest.mark.parametrize("name", [n for n in METHODS if n in NEWTON])
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_jacobian_of_the_user_is_asked(name, library):
    """Every implicit method calls jac(t, y), and is as accurate with it."""
    (f, y0, span), reference = case(name, library)
    calls = []

    def jac(t, y):
        calls.append(1)
        y = np.asarray(y)
        j = A.copy()
        for i, k in enumerate((1, 2, 0)):
            j[i, k] -= 0.8 * np.cos(2 * y[k])
        return LIBRARIES[library](j)

    stiff = 1e3 if name == "auto" else 1.0  # so that it changes over
    if name == "auto":
        g = lambda t, y: f(t, y) - stiff * (y - y0)  # noqa: E731
        nodekit.solve(g, y0, span, method=name, jac=lambda t, y: jac(t, y) - LIBRARIES[library](stiff * np.eye(3)))
    else:
        step = None if METHODS[name].adaptive else 0.02
        sol = nodekit.solve(f, y0, span, method=name, jac=jac, step=step, rtol=1e-7, atol=1e-7)
        assert np.abs(np.asarray(sol.y[-1]) - reference(span[1])).max() < (2e-2 if METHODS[name].order == 1 else 2e-3)
    assert calls
