"""The drop-in for SciPy's solve_ivp: its arguments, result, warnings and errors; its accuracy; and gradients.

The system is non-autonomous, unsymmetric, nonlinear and of odd dimension; SciPy itself is the reference.
"""

import pickle
import subprocess
import sys

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
import scipy.integrate
import scipy.sparse
import torch

import nodekit
from nodekit.drop_in import solve_ivp

SCIPYS = ["RK45", "RK23", "DOP853", "Radau", "BDF", "LSODA"]
FIXED = [name for name, m in nodekit.methods.METHODS.items() if not m.adaptive and not hasattr(m, "kicks")]
OWN = [name for name, m in nodekit.methods.METHODS.items() if m.adaptive]
A = np.array([[-0.4, 1.1, 0.2], [-0.7, 0.3, 0.9], [-0.3, -0.6, -0.2]])
Y0, SPAN = [0.8, -0.5, 0.3], (0.2, 4.0)
TIGHT = {"rtol": 1e-7, "atol": 1e-9}


def field(t, y, bend=0.4, xp=np, a=A):
    """As a list, which SciPy takes too."""
    s, linear = xp.sin(2 * y), a @ y
    return [linear[0] - bend * s[1] + xp.sin(3 * t), linear[1] - bend * s[2], linear[2] - bend * s[0] + xp.cos(2 * t)]


def matrix(t, y, bend=0.4):
    return A - 2 * bend * np.roll(np.diag(np.cos(2 * y)), -1, axis=0)


@pytest.fixture(scope="module", params=[SPAN, SPAN[::-1]], ids=["forward", "backward"])
def there(request):
    """(t_span, the solution by SciPy's DOP853 as a function of time)."""
    tight = {"rtol": 1e-12, "atol": 1e-13, "dense_output": True}
    return request.param, scipy.integrate.solve_ivp(field, request.param, Y0, "DOP853", **tight).sol


# --- solutions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["RK45", "RK23", "DOP853"])
@pytest.mark.parametrize("options", [{}, {"rtol": 1e-6, "atol": [1e-9, 1e-8, 1e-7]}, {"first_step": 0.1}])
def test_explicit_methods_take_scipys_steps(method, options, there):
    """The same times and states, up to rounding, and no more evaluations of f."""
    a, b = (solver(field, there[0], Y0, method, **options) for solver in (solve_ivp, scipy.integrate.solve_ivp))
    assert a.t.shape == b.t.shape
    assert a.y.shape == b.y.shape
    assert np.allclose(a.t, b.t, rtol=0, atol=1e-6)
    assert np.allclose(a.y, b.y, rtol=0, atol=1e-6)
    assert a.nfev <= b.nfev


@pytest.mark.parametrize("method", [*SCIPYS, *OWN])
def test_every_method(method, there):
    """By SciPy's name or ours, both ways in time: steps, output times and dense output near the solution."""
    span, exact = there
    inner, tight = np.linspace(*span, 13)[1:-1], TIGHT if method in SCIPYS else {"rtol": 1e-5, "atol": 1e-7}
    bound = 1e-4 if method in SCIPYS else 5e-3
    result = solve_ivp(field, span, Y0, method, dense_output=True, **tight)
    assert (result.status, result.success, result.t[0], result.t[-1]) == (0, True, *span)
    assert result.y.shape == (3, len(result.t))
    assert np.abs(result.y - exact(result.t)).max() < bound
    assert np.abs(result.sol(inner) - exact(inner)).max() < bound
    assert np.array_equal(result.sol(result.t), result.y)
    assert np.array_equal(result.sol.ts, result.t)
    at = solve_ivp(field, span, Y0, method, t_eval=inner, **tight)
    assert np.array_equal(at.t, inner)
    assert np.abs(at.y - exact(inner)).max() < bound
    assert at.t_events is at.y_events is at.sol is None


@pytest.mark.parametrize("method", FIXED)
def test_methods_of_fixed_step(method, there):
    """With the option step; without it a ValueError that asks for it."""
    (t0, t1), exact = there
    t1 = t0 + 0.2 * (t1 - t0)
    result = solve_ivp(field, (t0, t1), Y0, method, step=0.02)
    assert np.allclose(np.abs(np.diff(result.t)), 0.02)
    assert np.abs(result.y[:, -1] - exact(t1)).max() < 2e-2
    with pytest.raises(ValueError, match="step"):
        solve_ivp(field, there[0], Y0, method)


@pytest.mark.parametrize("method", SCIPYS)
def test_complex(method):
    """A complex system whose coefficients are off both axes; Radau and LSODA take it too."""
    b = A + 1j * np.array([[0.3, -0.4, 0.1], [0.5, 0.2, -0.3], [0.0, 0.4, -0.7]])
    f = lambda t, y: b @ y - 0.1 * y[[1, 2, 0]] ** 2 + np.sin(3 * t)  # noqa: E731
    y0 = np.array(Y0) * (1 - 0.4j)
    exact = scipy.integrate.solve_ivp(f, SPAN, y0, "DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    assert np.abs(solve_ivp(f, SPAN, y0, method, **TIGHT).y[:, -1] - exact).max() < 1e-4


def test_t_eval_with_and_without_ends():
    """Any of the ends may be among t_eval, or none; one time; no time, which gives [] as in SciPy."""
    for t_eval in ([0.2, 1.0, 4.0], [0.2, 1], [1, 4], (1.0, 2.0), [0.2, 4.0], [0.2], [4.0], [2.0], []):
        a, b = (solver(field, SPAN, Y0, t_eval=t_eval) for solver in (solve_ivp, scipy.integrate.solve_ivp))
        assert np.array_equal(a.t, b.t)
        assert np.allclose(a.y, b.y, rtol=0, atol=1e-8)
    assert (a.t, a.y) == (b.t, b.y) == ([], [])


def test_dense_output_goes_on_outside_as_scipys_does():
    """The polynomial of the first and of the last step; a float, an array, and no more than one axis."""
    a, b = (solver(field, SPAN, Y0, dense_output=True).sol for solver in (solve_ivp, scipy.integrate.solve_ivp))
    for t in (0.1, 0.2, 1.0, 4.0, 4.3, [4.3, 0.0, 2.0]):
        assert a(t).shape == b(t).shape
        assert np.allclose(a(t), b(t), rtol=1e-6, atol=1e-8)
    assert (a.t_min, a.t_max) == (b.t_min, b.t_max) == SPAN
    with pytest.raises(ValueError, match="1-D"):
        a([[1.0, 2.0]])


def test_nothing_to_do():
    """An interval of no length and a state of no components, with SciPy's shapes."""
    for y0, span in ((Y0, (4, 4)), ([], (0, 3)), ([], (0, -np.inf))):
        for method in SCIPYS:
            a = solve_ivp(lambda t, y: -y, span, y0, method, dense_output=True)
            b = scipy.integrate.solve_ivp(lambda t, y: -y, span, y0, method, dense_output=True)
            assert a.y.shape == b.y.shape
            assert a.success
            assert np.array_equal(a.sol([4, 5, 6]), b.sol([4, 5, 6]))


@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA", "rodas5p"])
@pytest.mark.parametrize("jac", [matrix, lambda *a: scipy.sparse.csr_array(matrix(*a)), lambda *a: matrix(*a).tolist()])
def test_jac_as_function(method, jac):
    """Dense, sparse or a list, with args: the solution, and fewer evaluations of f than without it where it is used."""

    def f(t, y, bend, stiff):
        return np.array(field(t, y, bend)) - stiff * y[[1, 0, 2]] * [0, 0, 1]

    given = lambda t, y, bend, stiff: jac(t, y, bend) - stiff * np.diag([0.0, 0.0, 1.0])  # noqa: E731
    span, args = (0.2, 2.0), (0.3, 2000.0)
    exact = scipy.integrate.solve_ivp(f, span, Y0, "Radau", args=args, rtol=1e-10, atol=1e-12).y[:, -1]
    plain, helped = (solve_ivp(f, span, Y0, method, args=args, jac=j, **TIGHT) for j in (None, given))
    assert np.abs(helped.y[:, -1] - exact).max() < 1e-5
    assert helped.nfev < plain.nfev
    assert helped.njev > 0


@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA"])
@pytest.mark.parametrize("form", [np.array, scipy.sparse.csc_matrix, lambda a: a.tolist()])
def test_jac_as_matrix(method, form):
    """A constant matrix, not its transpose, is never evaluated."""
    b = A - np.array([[0, 0, 0], [900.0, 1000.0, 0], [0, 0, 30.0]])
    f = lambda t, y: b @ y + np.sin(3 * t)  # noqa: E731
    span = (0.2, 1.0)
    exact = scipy.integrate.solve_ivp(f, span, Y0, "Radau", rtol=1e-9, atol=1e-11).y[:, -1]
    result = solve_ivp(f, span, Y0, method, jac=form(b), **TIGHT)
    assert np.abs(result.y[:, -1] - exact).max() < 1e-5
    assert result.njev == 0
    assert result.nlu > 0
    assert result.nfev < solve_ivp(f, span, Y0, method, jac=b.T, max_steps=1000, **TIGHT).nfev


def test_lsoda_unpacks_banded_jacobians():
    """jac in LSODA's packed form, packed[i − j + uband, j]; the same solve as with the full matrix."""
    b = np.triu(np.tril(np.random.default_rng(0).normal(size=(5, 5)), 1), -2) - 800 * np.diag([1, 0, 0, 1, 0])
    packed = np.zeros((4, 5))
    for i, j in np.argwhere(b):
        packed[i - j + 1, j] = b[i, j]
    solves = [
        solve_ivp(lambda t, y: b @ y, (0, 2), np.arange(5.0), "LSODA", **o)
        for o in ({"jac": lambda t, y: b}, {"jac": lambda t, y: packed, "lband": 2, "uband": 1})
    ]
    assert solves[0].njev > 0
    assert np.array_equal(solves[0].y, solves[1].y)


def test_forms_of_fun():
    """A tuple, a number for one component, columns with vectorized=True, and y changed in place."""

    def careless(t, y):
        y *= -1
        return y

    assert np.isclose(solve_ivp(careless, (0, 1), [1.0], **TIGHT).y[0, -1], np.exp(-1))
    assert np.isclose(solve_ivp(lambda t, y: -y[0], (0, 1), [1], **TIGHT).y[0, -1], np.exp(-1))
    assert np.isclose(solve_ivp(lambda t, y: (y[1], -y[0]), (0, 1), [1, 0], **TIGHT).y[0, -1], np.cos(1))
    columns = lambda t, y: np.vstack(field(t, y))  # noqa: E731
    for method in SCIPYS:
        a, b = (solve_ivp(f, SPAN, Y0, method, vectorized=v) for f, v in ((columns, True), (field, False)))
        assert np.allclose(a.y, b.y, rtol=0, atol=1e-10)


# --- events --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", [-1, 0, 0.5])
@pytest.mark.parametrize("terminal", [None, False, True, 2])
def test_events(direction, terminal, there):
    """Times, states, status and outputs are SciPy's, of events with args; terminal at the first or the second zero."""

    def crossing(t, y, bend):
        return y[0] - 0.1 * bend

    def never(t, y, bend):
        return y[1] + 50

    crossing.direction, crossing.terminal = direction, terminal
    arguments = {"events": [crossing, never], "args": (0.35,), "t_eval": np.linspace(*there[0], 9), **TIGHT}
    a, b = (solver(field, there[0], Y0, **arguments) for solver in (solve_ivp, scipy.integrate.solve_ivp))
    assert (a.status, a.message, a.success) == (b.status, b.message, b.success)
    for i in range(2):
        assert a.t_events[i].shape == b.t_events[i].shape
        assert a.y_events[i].shape == b.y_events[i].shape
        assert np.allclose(a.t_events[i], b.t_events[i], rtol=0, atol=1e-8)
        assert np.allclose(a.y_events[i], b.y_events[i], rtol=0, atol=1e-8)
    assert np.array_equal(a.t, b.t)
    assert np.allclose(a.y, b.y, rtol=0, atol=1e-8)
    assert len(b.t_events[0]) + len(solve_ivp(field, SPAN, Y0, events=lambda t, y: y[0] - 0.035).t_events[0]) > 0


def test_an_event_ends_an_endless_solve():
    """t_span may be infinite, both ways, with a small max_step too; the last step ends on the event."""
    hit = nodekit.event(lambda t, y: y[0] + 3, terminal=True, direction=-1)
    for sign in (1, -1):
        for options in ({}, {"max_step": 1e-2}):
            result = solve_ivp(lambda t, y: [y[1], -9.81], (0, sign * np.inf), [0, 0], events=hit, **options)
            assert result.status == 1
            assert np.isclose(result.t[-1], sign * np.sqrt(6 / 9.81))
            assert np.abs(np.diff(result.t)).max() <= options.get("max_step", np.inf) + 1e-12


# --- the result ----------------------------------------------------------------------------------------------------


def test_result_by_attribute_and_item():
    """As SciPy's: the same names, items, membership, and a pickle that holds the dense output."""
    a, b = (solver(field, SPAN, Y0, dense_output=True) for solver in (solve_ivp, scipy.integrate.solve_ivp))
    assert set(a.keys()) == set(b.keys())
    assert all(a[name] is getattr(a, name) and name in a for name in b)
    with pytest.raises(KeyError):
        a["steps"]
    again = pickle.loads(pickle.dumps(a))
    assert np.array_equal(again.y, a.y)
    assert np.array_equal(again.sol(1.0), a.sol(1.0))


@pytest.mark.parametrize("method", SCIPYS)
def test_failures_have_status_minus_one(method):
    """y' = y² beyond its pole, and nan: no exception; what was solved, and a message that says where."""
    result = solve_ivp(lambda t, y: y**2, (0, 2), [1.0], method, dense_output=True)
    assert (result.status, result.success) == (-1, False)
    assert result.t[-1] == result.sol.t_max < 1.01
    assert np.isfinite(result.y[:, :-1]).all()
    with np.errstate(invalid="ignore"):
        result = solve_ivp(lambda t, y: -np.sqrt(1.5 - t) * y, (0, 2), [1.0], method, t_eval=[0.5, 1, 1.9])
    assert (result.status, list(result.t)) == (-1, [0.5, 1])
    assert "nan" in result.message
    assert "t = 1." in result.message
    result = solve_ivp(lambda t, y: -y, (0, 2), [1.0], method, max_steps=3, max_step=0.1)
    assert (result.status, len(result.t)) == (-1, 4)


BAD = {
    "method": ({"method": "RK4"}, ValueError, "`method` must be one of .*'RK45'.*'RK4' is not known.*dopri5"),
    "a class": ({"method": dict}, ValueError, "`method` must be one of"),
    "y0": ({"y0": [[1.0, 2.0, 3.0]]}, ValueError, "`y0` must be 1-dimensional"),
    "a number": ({"y0": 1.0}, ValueError, "`y0` must be 1-dimensional"),
    "nan": ({"y0": [1.0, np.nan, 0.0]}, ValueError, "All components of the initial state `y0` must be finite"),
    "t_span": ({"t_span": (0, np.nan)}, ValueError, "finite"),
    "t_eval": ({"t_eval": [0.5, 5]}, ValueError, "not within `t_span`.*5"),
    "order": ({"t_eval": [2, 1]}, ValueError, "not properly sorted"),
    "axes": ({"t_eval": [[2, 1]]}, ValueError, "`t_eval` must be 1-dimensional"),
    "args": ({"args": -1}, TypeError, "Supplied 'args' cannot be unpacked"),
    "atol": ({"atol": -1e-3}, ValueError, "`atol` must be positive"),
    "its shape": ({"atol": [1e-3, 1e-3]}, ValueError, "`atol` has wrong shape"),
    "first_step": ({"first_step": -0.1}, ValueError, "`first_step` must be positive"),
    "long": ({"first_step": 4.0}, ValueError, "`first_step` exceeds bounds"),
    "max_step": ({"max_step": -1}, ValueError, "max_step=-1"),
    "jac": ({"method": "BDF", "jac": np.eye(2)}, ValueError, "shape"),
    "fun": ({"fun": 3}, TypeError, "fun must be a function"),
    "slope": ({"fun": lambda t, y: [1.0, 2.0]}, ValueError, "shape"),
    "complex": ({"fun": lambda t, y: 1j * y}, TypeError, "complex"),
    "events": ({"events": [3]}, TypeError, r"events\[0\]"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments(case):
    """The type of error that SciPy raises, or a kinder one, and words that say what is wrong."""
    given, error, words = BAD[case]
    with pytest.raises(error, match=words):
        solve_ivp(**{"fun": field, "t_span": SPAN, "y0": Y0, **given})


@pytest.mark.parametrize("terminal", [-1, 3.5, "first"])
def test_bad_terminal(terminal):
    """SciPy's words, and ours."""

    def g(t, y):
        return y[0]

    g.terminal = terminal
    with pytest.raises(
        ValueError, match="The `terminal` attribute of each event must be a boolean or positive integer"
    ):
        solve_ivp(field, SPAN, Y0, events=g)


@pytest.mark.parametrize(
    ("method", "options", "names"),
    [
        ("RK45", {"jac": matrix}, "`jac`"),
        ("DOP853", {"lband": 1, "foo": 3}, "`lband`, `foo`"),
        ("BDF", {"jac_sparsity": np.eye(3)}, "`jac_sparsity`"),
        ("LSODA", {"min_step": 1e-3, "uband": 1}, "`min_step`, `uband`"),
    ],
)
def test_what_has_no_effect_warns(method, options, names):
    """In SciPy's words."""
    with pytest.warns(UserWarning, match=f"The following arguments have no effect for a chosen solver: {names}"):
        result = solve_ivp(field, SPAN, Y0, method, **options)
    assert np.array_equal(result.y, solve_ivp(field, SPAN, Y0, method, min_step=0, jac=None).y)


def test_small_tolerances():
    """rtol is raised to 100 eps, with SciPy's warning; atol = 0 is allowed, even where a component is zero."""
    with pytest.warns(UserWarning, match="At least one element of `rtol` is too small"):
        solve_ivp(field, (0, 0.1), Y0, rtol=[1e-3, 1e-16, 1e-3])

    def robertson(t, y):
        return [-0.04 * y[0] + 1e4 * y[1] * y[2], 0.04 * y[0] - 1e4 * y[1] * y[2] - 3e7 * y[1] ** 2, 3e7 * y[1] ** 2]

    for method in ("Radau", "BDF", "LSODA"):
        y = solve_ivp(robertson, (0, 40), [1, 0, 0], method, rtol=1e-6, atol=0).y[:, -1]
        assert np.allclose(y, [0.7158270688, 9.18553e-6, 0.2841637457], rtol=1e-5)  # Hairer, Wanner 1996, IV.10
        y0 = torch.tensor([1.0, 0.0, 0.0])
        y = solve_ivp(lambda t, y: torch.stack(robertson(t, y)), (0, 40), y0, method, rtol=1e-3, atol=0).y[:, -1]
        assert np.allclose(y, [0.7158270688, 9.18553e-6, 0.2841637457], rtol=1e-2)


# --- gradients -----------------------------------------------------------------------------------------------------

WEIGHTS = np.array([0.7, -1.1, 0.4])


def loss(y0, bend, xp=anp, method="RK45", convert=lambda x: x, **options):
    """A function of all that a result has: states at output times, of an event, and dense output."""
    g = nodekit.event(lambda t, y, bend: y[0] - 0.1 * bend)
    f = lambda t, y, bend: field(t, y, bend, xp, convert(A))  # noqa: E731
    result = solve_ivp(
        f, (0.2, 2.5), y0, method, [0.7, 1.9, 2.5], True, g, args=(bend,), rtol=1e-9, atol=1e-11, **options
    )
    assert len(result.t_events[0]) > 0
    rows = convert(WEIGHTS) @ result.y
    return (rows**2).sum() + (result.sol([0.5, 1.3]) ** 3).sum() + (convert(WEIGHTS) @ result.y_events[0].T).sum()


def differences(f, x, size=1e-4):
    """df/dx by central differences of order 4."""
    rows = []
    for e in np.eye(len(x)) * size:
        rows.append((8 * (f(x + e) - f(x - e)) - (f(x + 2 * e) - f(x - 2 * e))) / (12 * size))
    return np.array(rows)


@pytest.fixture(scope="module")
def expected():
    """The gradient by (y0, bend), without the event, whose time moves, and with it."""
    return differences(lambda x: float(loss(x[:3], x[3], np)), np.array([*Y0, 0.4]))


@pytest.mark.slow(seconds=30)
def test_gradient_on_torch(expected):
    """By y0 and args, of explicit methods; through output times, dense output and the event."""
    x = torch.tensor([*Y0, 0.4], dtype=torch.float64, requires_grad=True)
    loss(x[:3], x[3], torch, convert=torch.as_tensor).backward()
    assert np.allclose(x.grad, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.slow(seconds=30)
def test_gradient_of_parameters_within_fun():
    """A network that fun closes over, with a list of numbers and tensors as y0, as by nodekit.solve."""
    torch.manual_seed(0)
    net, a = torch.nn.Linear(3, 3).double(), torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    f = lambda t, y: torch.tanh(net(y)) - t * y  # noqa: E731
    solve_ivp(f, SPAN, [a, -0.5, 0.3], t_eval=[1.0, 3.0], **TIGHT).y.square().sum().backward()
    found = [a.grad, net.weight.grad, net.bias.grad]
    b, times = a.detach().requires_grad_(), (SPAN[0], 1.0, 3.0, SPAN[1])
    y0 = torch.stack([b, *torch.tensor([-0.5, 0.3], dtype=torch.float64)])
    y = nodekit.solve(f, y0, times, controller="I", gradient="backprop", **TIGHT).y[1:3]
    for mine, other in zip(found, torch.autograd.grad(y.square().sum(), [b, *net.parameters()]), strict=True):
        assert torch.allclose(mine, other, rtol=1e-6)


@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA"])
@pytest.mark.slow(seconds=30)
def test_gradient_of_implicit_methods_on_torch(method, expected):
    """Through the steps that were taken, also where one of args alone requires grad."""
    bend = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    loss(Y0, bend, torch, method, torch.as_tensor).backward()
    assert np.allclose(bend.grad, expected[3], rtol=1e-3)


@pytest.mark.slow(seconds=30)
def test_gradient_by_autograd():
    """By y0 and args, of an explicit method on NumPy arrays, at output times and on dense output; y0 may be a list."""

    def f(x, xp=anp):
        arguments = {"t_eval": [0.7, 1.9], "dense_output": True, "args": (x[3],), "rtol": 1e-9, "atol": 1e-11}
        y0 = [x[0], x[1], x[2]]
        result = solve_ivp(lambda t, y, bend: field(t, y, bend, xp), (0.2, 2.5), y0, "DOP853", **arguments)
        return xp.sum((WEIGHTS @ result.y) ** 2) + xp.sum(result.sol(1.3) ** 3)

    x = np.array([*Y0, 0.4])
    assert np.allclose(autograd.grad(f)(x), differences(lambda x: f(x, np), x), rtol=1e-6, atol=1e-7)
    with pytest.raises(TypeError, match="cannot be differentiated"):
        autograd.grad(lambda y0: anp.sum(solve_ivp(lambda t, y: -y, (0, 1), y0, "Radau").y))(x)


def test_lost_gradients_are_refused():
    """A recorded tensor for an array y, times that require grad, a recorded solution outside of its ends."""
    k = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    f = lambda t, y: -k * torch.as_tensor(y)  # noqa: E731
    with pytest.raises(TypeError, match="Give y0 as a torch tensor"):
        solve_ivp(f, (0, 1), [1.0])
    with pytest.raises(ValueError, match="no gradient"):
        solve_ivp(lambda t, y: -y, (0, k), [1.0])
    with pytest.raises(ValueError, match="outside"):
        solve_ivp(f, (0, 1), torch.ones(1, dtype=torch.float64), dense_output=True).sol(1.1)
    with torch.no_grad():  # as SciPy's takes it
        assert np.isclose(solve_ivp(f, (0, 1), [1.0], **TIGHT).y[0, -1], np.exp(-2))
        on_torch = solve_ivp(f, (0, 1), torch.ones(1, dtype=torch.float64), dense_output=True, **TIGHT)
        assert np.isclose(on_torch.sol(1.01)[0], np.exp(-2.02))


# --- what it needs -------------------------------------------------------------------------------------------------


def test_import_brings_neither_torch_nor_scipy():
    """Nor does a solve; torchdiffeq's names are there too, and bring torch."""
    code = """
import sys
from nodekit.drop_in import solve_ivp
import nodekit.drop_in
assert "odeint" in dir(nodekit.drop_in)
for method in ("RK45", "BDF", "LSODA"):
    assert solve_ivp(lambda t, y: -y, (0, 1), [1.0], method, dense_output=True).sol(0.5).shape == (1,)
assert not {"torch", "scipy"} & set(sys.modules)
from nodekit.drop_in import odeint
assert odeint is nodekit.odeint and "torch" in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)
    with pytest.raises(AttributeError, match="ode_int"):
        nodekit.drop_in.ode_int  # noqa: B018
