"""fixed_point: four iterations, one interface; what they find, what they cost, and what they say when they fail."""

import numpy as np
import pytest
import torch
from scipy.optimize import root

from nodekit.models.equilibrium import FixedPointError, Outcome, fixed_point

F64 = torch.float64
METHODS = ["picard", "newton", "broyden", "anderson"]


def affine(seed, factor, d=7):
    """z -> A z + b with an unsymmetric A of the spectral norm `factor`, and its fixed point."""
    g = torch.Generator().manual_seed(seed)
    A, b = torch.randn(d, d, generator=g, dtype=F64), torch.randn(d, generator=g, dtype=F64)
    A = A * factor / torch.linalg.matrix_norm(A, 2)
    return (lambda z: z @ A.T + b), torch.linalg.solve(torch.eye(d, dtype=F64) - A, b)


def net(seed, factor, n=5, d=7):
    """z -> tanh(W z + x), W unsymmetric of the spectral norm `factor`, an x for each sample; W and x."""
    g = torch.Generator().manual_seed(seed)
    W, x = torch.randn(d, d, generator=g, dtype=F64), torch.randn(n, d, generator=g, dtype=F64)
    W = W * factor / torch.linalg.matrix_norm(W, 2)
    return (lambda z: torch.tanh(z @ W.T + x)), W, x


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(3))
def test_the_fixed_point_of_an_affine_map(method, seed):
    """By a linear solve, to the tolerance over 1 − L."""
    f, right = affine(seed, 0.8)
    found = fixed_point(f, torch.zeros(7, dtype=F64), method, tol=1e-11, max_evaluations=300)
    assert found.success
    assert found.residual <= 1e-11
    assert (found.z - right).norm() <= 1e-11 * (1 + found.z.norm()) / (1 - 0.8)


@pytest.mark.parametrize("method", METHODS)
def test_against_scipy(method):
    """Each sample's fixed point is the root that SciPy's hybrid method finds for it alone."""
    f, W, x = net(3, 0.9)
    found = fixed_point(f, torch.zeros_like(x), method, tol=1e-12, max_evaluations=500)
    for z, x_i in zip(found.z.numpy(), x.numpy(), strict=True):
        g = lambda z, x_i=x_i: np.tanh(W.numpy() @ z + x_i) - z  # noqa: E731
        assert np.allclose(z, root(g, np.zeros(7), tol=1e-13).x, atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_no_sample_depends_on_its_companions(method):
    """A sample in a batch, in another shape or alone: the same fixed point; the batch costs what its slowest does."""
    f, W, x = net(4, 0.95)
    options = {"method": method, "tol": 1e-10, "max_evaluations": 600}
    together = fixed_point(f, torch.zeros_like(x), **options)
    alone = [
        fixed_point(lambda z, i=i: torch.tanh(W @ z + x[i]), torch.zeros(7, dtype=F64), **options) for i in range(5)
    ]
    assert torch.allclose(together.z, torch.stack([each.z for each in alone]), atol=1e-12)
    assert together.nfev == max(each.nfev for each in alone)
    shaped = fixed_point(lambda z: f(z.reshape(5, 7)).reshape(5, 7, 1), torch.zeros(5, 7, 1, dtype=F64), **options)
    assert torch.allclose(shaped.z[..., 0], together.z, atol=1e-12)


def test_picard_shrinks_by_the_factor_of_contraction():
    """z -> factor · Q z + b with an orthogonal Q: each residual is `factor` times the one before."""
    Q = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(0), dtype=F64))[0]
    b = torch.arange(1.0, 6.0, dtype=F64)
    found = fixed_point(lambda z: 0.6 * (Q @ z) + b, torch.zeros(5, dtype=F64), "picard", tol=1e-10)
    sizes = torch.tensor(found.residuals[5:])
    assert (sizes[1:] / sizes[:-1]).mean().item() == pytest.approx(0.6, abs=0.01)
    assert found.nfev == pytest.approx(np.log(1e-10) / np.log(0.6), abs=8)


def test_damping_is_a_step_of_euler():
    """With damping h, a round of "picard" is one step of Euler's method along z' = f(z) − z."""
    f, _ = affine(1, 2.0)
    z = torch.ones(7, dtype=F64)
    found = fixed_point(f, z, "picard", damping=0.3, max_evaluations=4, throw=False)
    for _ in range(3):
        z = z + 0.3 * (f(z) - z)
    assert torch.allclose(found.z, z, atol=1e-14)


def test_newton_needs_one_round_on_an_affine_map_and_doubles_the_digits():
    f, _ = affine(2, 3.0)  # no contraction, and no obstacle to Newton
    found = fixed_point(f, torch.zeros(7, dtype=F64), "newton", tol=1e-10)
    assert (found.nfev, found.njev) == (2, 1)
    g, _, x = net(5, 0.95)
    sizes = fixed_point(g, torch.zeros_like(x), "newton", tol=1e-13).residuals
    assert len(sizes) <= 7
    assert sizes[-1] < 100 * sizes[-2] ** 2 + 1e-15


def test_anderson_on_an_affine_map_ends_after_d_rounds():
    """With all differences kept it is GMRES (Walker and Ni 2011, theorem 2.2), which ends after d rounds."""
    f, right = affine(6, 1.5, d=5)
    found = fixed_point(f, torch.zeros(5, dtype=F64), "anderson", tol=1e-8, memory=10)
    assert found.nfev <= 5 + 3
    assert torch.allclose(found.z, right, atol=1e-6)


def test_broyden_ends_after_twice_d_rounds():
    """On an affine map Broyden's method ends after at most 2d steps (Gay 1979)."""
    f, _ = affine(7, 0.9, d=4)
    assert fixed_point(f, torch.zeros(4, dtype=F64), "broyden", tol=1e-9).nfev <= 2 * 4 + 2


@pytest.mark.parametrize("method", ["newton", "broyden", "anderson"])
def test_fewer_evaluations_than_picard(method):
    f, _, x = net(8, 0.98)
    start = torch.zeros_like(x)
    plain = fixed_point(f, start, "picard", tol=1e-8, max_evaluations=2000).nfev
    assert fixed_point(f, start, method, tol=1e-8).nfev < plain


@pytest.mark.parametrize("method", ["picard", "broyden", "anderson"])
def test_out_of_evaluations(method):
    f, _ = affine(0, 0.999)
    with pytest.raises(
        FixedPointError, match=r"max_evaluations = 4 was reached.*more evaluations or a looser tol"
    ) as e:
        fixed_point(f, torch.zeros(7, dtype=F64), method, max_evaluations=4)
    found = e.value.result
    assert (found.status, found.nfev, found.success) == (Outcome.MAX_EVALUATIONS, 4, False)
    assert found.residual == pytest.approx(((f(found.z) - found.z).norm() / (1 + found.z.norm())).item())


@pytest.mark.parametrize("factor", [0.9, 1.4])
def test_contraction_is_the_spectral_radius(factor):
    """A rotation scaled by `factor`, with a complex pair of eigenvalues: no power iteration settles, the mean does."""
    turn = factor * torch.tensor([[0.6, -0.8], [0.8, 0.6]], dtype=F64)
    shear = torch.tensor([[1.0, 3.0], [0.0, 1.0]], dtype=F64)
    J = shear @ turn @ torch.linalg.inv(shear)
    f = lambda z: z @ J.T + 1.0  # noqa: E731
    found = fixed_point(f, torch.zeros(2, 2, dtype=F64), "picard", max_evaluations=6, throw=False)
    assert found.contraction == pytest.approx(factor, rel=0.1)
    assert ("does not contract" in found.message) == (factor > 1)


def test_a_cycle_is_called_one():
    """z -> 4/(1 + z²): a round contracts at one point of its cycle, and the fixed point between them is not reached."""
    f = lambda z: 4.0 / (1 + z**2)  # noqa: E731
    found = fixed_point(f, torch.full((1,), 0.3, dtype=F64), "picard", throw=False)
    assert abs(f(f(found.z)) - found.z) < 1e-9 < abs(f(found.z) - found.z)
    assert found.contraction > 1 or "caught in a cycle. Try method='newton'" in found.message
    later = fixed_point(f, torch.full((1,), 0.3, dtype=F64), "picard", max_evaluations=101, throw=False)
    assert ("caught in a cycle" in found.message) + ("caught in a cycle" in later.message) == 1


def test_growth_without_bound_ends():
    f = lambda z: z**2 + 1.0  # noqa: E731
    found = fixed_point(f, torch.full((2, 1), 0.5), "picard", max_evaluations=10_000, throw=False)
    assert found.status is Outcome.NOT_FINITE
    assert found.nfev < 20


def test_not_finite_names_component_and_sample():
    def f(z):
        out = 0.5 * z
        out[1, 2] = torch.nan
        return out

    with pytest.raises(FixedPointError, match="nan in component 2 in sample 1"):
        fixed_point(f, torch.ones(3, 4))


def test_newton_without_an_inverse():
    """z -> z + 1 has no fixed point, and I − J is 0."""
    with pytest.raises(FixedPointError, match="I - J is singular in sample 0"):
        fixed_point(lambda z: z + 1.0, torch.zeros(1, 3), "newton")


def test_no_fixed_point_says_so():
    for method in ("picard", "broyden", "anderson"):
        assert not fixed_point(lambda z: z + 1.0, torch.zeros(3), method, throw=False).success


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"method": "secant"}, ValueError, "'secant' is not known.*'picard', 'newton', 'broyden', 'anderson'"),
        ({"tol": 0.0}, ValueError, "tol=0.0 must be a positive"),
        ({"tol": float("nan")}, ValueError, "tol=nan must be"),
        ({"max_evaluations": 0}, ValueError, "max_evaluations=0 must be an int, at least 1"),
        ({"memory": 2.5}, ValueError, "memory=2.5 must be an int"),
        ({"damping": 1.5}, ValueError, r"damping=1.5 must lie in \(0, 1\]"),
        ({"z0": torch.zeros(3, dtype=torch.int64)}, TypeError, "floating-point numbers, got torch.int64"),
        ({"z0": [0.0]}, TypeError, "floating-point numbers, got list"),
        ({"z0": torch.tensor(1.0)}, ValueError, r"z0 has shape \(\)"),
        ({"f": lambda z: z[:2]}, ValueError, r"f\(z\) has shape \(2,\), and z \(3,\)"),
    ],
)
def test_bad_arguments(changed, error, words):
    with pytest.raises(error, match=words):
        fixed_point(**{"f": lambda z: 0.5 * z, "z0": torch.zeros(3), **changed})


def test_float32_and_what_is_shown():
    f, W, x = net(9, 0.7)
    single = lambda z: torch.tanh(z @ W.float().T + x.float())  # noqa: E731
    found = fixed_point(single, torch.zeros(5, 7), tol=1e-5)
    assert found.z.dtype == torch.float32
    assert not found.z.requires_grad
    assert torch.allclose(found.z.double(), fixed_point(f, torch.zeros_like(x)).z, atol=1e-4)
    assert repr(found).startswith("FixedPoint(CONVERGED: residual ")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_what_grows_beyond_the_numbers_has_not_converged(method, dtype):
    """The norm of a state overflows before the state does; one sample that diverges is enough, and is named."""
    slope = torch.tensor([[0.5], [3.0], [0.2]], dtype=dtype)
    f = lambda z: slope * z * (1 + z**2) + 1  # noqa: E731
    found = fixed_point(f, torch.full((3, 2), 0.1, dtype=dtype), "picard", max_evaluations=2000, throw=False)
    assert found.status is Outcome.NOT_FINITE
    assert "in sample 1" in found.message
    line = fixed_point(lambda z: 2 * z + 1, torch.zeros(3, dtype=dtype), "picard", max_evaluations=2000, throw=False)
    assert line.status is Outcome.NOT_FINITE
    nan = fixed_point(torch.cos, torch.full((3,), torch.nan, dtype=dtype), method, throw=False)
    assert nan.status is Outcome.NOT_FINITE


@pytest.mark.parametrize("method", ["picard", "broyden", "anderson"])
def test_a_map_that_works_in_place(method):
    start = torch.zeros(3, dtype=F64)
    found = fixed_point(lambda z: z.mul_(0.5).add_(1), start, method)
    assert torch.allclose(found.z, torch.full((3,), 2.0, dtype=F64), atol=1e-5)
    assert torch.equal(start, torch.zeros(3, dtype=F64))


@pytest.mark.parametrize(
    "f",
    [
        lambda z: torch.cos(z.detach()),
        lambda z: torch.from_numpy(np.cos(z.detach().numpy())),
        lambda z: torch.cos(z.detach()) * torch.ones(1, dtype=F64, requires_grad=True),
    ],
)
def test_newton_without_a_graph_is_refused(f):
    with pytest.raises(ValueError, match="method='newton' needs the Jacobian of f"):
        fixed_point(f, torch.zeros(3, dtype=F64), "newton")


def test_advice_at_the_rounding():
    g = torch.Generator().manual_seed(0)
    A, b = 0.08 * torch.randn(50, 50, generator=g), torch.randn(50, generator=g)
    with pytest.raises(FixedPointError, match=r"rounding of torch.float32: take a larger tol, or float64"):
        fixed_point(lambda z: 100 * torch.tanh(z @ A.T / 100 + b), torch.zeros(50), tol=1e-10)


def test_half_precision_is_refused():
    with pytest.raises(TypeError, match=r"z0 is torch.bfloat16.*Take z0.float\(\)"):
        fixed_point(torch.cos, torch.zeros(3, dtype=torch.bfloat16))
