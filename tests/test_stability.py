"""R(z) of every method, against what the method does and what is known of it."""

import numpy as np
import pytest

import nodekit
from nodekit.stability import stability_function
from nodekit.tableaus import METHODS


@pytest.mark.parametrize("method", METHODS)
def test_stability_function_is_what_a_step_multiplies_by(method):
    """One step on y' = λy, h = 1, gives R(λ) y, for random complex λ."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=8) + 1j * rng.normal(size=8)
    sol = nodekit.solve(lambda t, y: z * y, np.ones(8, complex), (0.0, 1.0), method=method, step=1.0)
    assert np.allclose(sol.y[-1], stability_function(method, z), rtol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_stability_function_agrees_with_exp_to_the_order(method):
    """R(z) = exp(z) + O(z^(p+1)), and not better by two orders."""
    p = METHODS[method].order
    z = 0.4 * np.exp(2j * np.pi * np.arange(16) / 16)
    coefficients = np.fft.fft(stability_function(method, z)) / 16 / 0.4 ** np.arange(16)
    factorials = np.cumprod([1, *range(1, 16)])
    errors = np.abs(coefficients * factorials - 1)
    assert (errors[: p + 1] < 1e-7).all()
    assert errors[p + 1 : p + 3].max() > 1e-3


@pytest.mark.parametrize(("method", "real", "imaginary"), [("euler", 2.0, 0.0), ("rk4", 2.785293563405282, 2 * 2**0.5)])
def test_known_limits(method, real, imaginary):
    """|R| crosses 1 at the known points of the negative real and the imaginary axis."""
    for limit, direction in ((real, -1.0), (imaginary, 1j)):
        if limit:
            assert abs(stability_function(method, direction * limit * (1 - 1e-9))) <= 1
        assert abs(stability_function(method, direction * (limit + 1e-3))) > 1
