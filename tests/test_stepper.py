"""The protocol of steppers: every attribute is declared, and an attempt leaves a Step."""

import numpy as np
import pytest
import torch

from nodekit import steppers
from nodekit.drop_in.odeint_problem import Problem
from nodekit.methods import METHODS
from nodekit.stepping import loop
from nodekit.stepping.control import CONTROLLERS
from nodekit.stepping.stepper import Step, Stepper

SIZES = {"first_step": None, "max_step": np.inf, "max_steps": 500, "controller": CONTROLLERS["PI"]}


def harmonic(t, y):
    """A separable field, for the symplectic methods too."""
    return 2 * y.flip(0) * y.new_tensor([1, -1]) if isinstance(y, torch.Tensor) else 2 * y[::-1] * np.array([1, -1])


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("method", METHODS)
def test_nothing_appears_on_the_way(method, library):
    """A solve sets no attribute of a stepper that its class or its __init__ does not declare, and leaves a `Step`."""
    y = np.array([1.0, 0.5]) if library == "numpy" else torch.tensor([1.0, 0.5], dtype=torch.float64)
    method, step = METHODS[method], None if METHODS[method].adaptive else 0.1
    stepper = steppers.stepper(library, harmonic, y, method, 1e-4, 1e-6, step is not None)
    declared = set(dir(stepper))
    with torch.no_grad():
        solution = loop.integrate(stepper, y, [0.0, 0.45, 1.0], step=step, **SIZES)
    assert solution.success, solution.message
    assert set(dir(stepper)) == declared
    assert isinstance(stepper.step, Step)
    assert abs(stepper.step.t + stepper.step.h - 1.0) < 1e-12
    assert np.array_equal(np.asarray(stepper.step.y1), np.asarray(solution.y[-1]))


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_nothing_appears_where_auto_switches(library):
    """The same of "auto" and both of its methods, over a switch to the implicit one."""
    y = np.ones(2) if library == "numpy" else torch.ones(2, dtype=torch.float64)
    stepper = steppers.stepper(library, lambda t, y: -1000 * y, y, METHODS["auto"], 1e-4, 1e-6, False)
    all_three = stepper, stepper.explicit, stepper.implicit
    declared = [set(dir(one)) for one in all_three]
    with torch.no_grad():
        assert loop.integrate(stepper, y, [0.0, 0.5, 1.0], step=None, **SIZES).success
    assert stepper.switches
    assert [set(dir(one)) for one in all_three] == declared


@pytest.mark.parametrize("method", ["dopri5", "radau", "auto", "rk4", "radauIIA5", "explicit_adams"])
def test_nothing_appears_on_an_observed_stepper(method):
    """The same with torchdiffeq's options: it is a stepper of the method's class, that an `Observer` follows."""
    y0, t, told = torch.tensor([1.0, 0.5]), torch.tensor([0.0, 0.4, 1.0]), []

    class Field(torch.nn.Module):
        def forward(self, t, y):
            return harmonic(t, y)

        def callback_step(self, t, y, h):
            told.append(float(t))

    adaptive = METHODS[method].adaptive
    options = {"jump_t": torch.tensor([0.3])} if adaptive else {"perturb": True, "step_size": 0.1}
    p = Problem(Field(), y0, t, 1e-4, 1e-6, method, options, None)
    stepper = p.make(y0)
    assert isinstance(stepper, steppers.stepper_class("torch", METHODS[method]))
    declared = set(dir(stepper))
    with torch.no_grad():
        assert p.run(stepper, y0.clone()).success
    assert set(dir(stepper)) == declared
    assert told[0] == 0.0
    assert (np.diff(told) >= 0).all()


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("method", METHODS)
def test_what_a_stepper_says_it_can_do_it_can(method, library):
    """`one_step` and `repeats` stand for the operations step_vjp and again_end: neither is there without the other."""
    kind = steppers.stepper_class(library, METHODS[method])
    assert issubclass(kind, Stepper)
    if library == "torch":
        assert kind.one_step == hasattr(kind, "step_vjp")
        assert kind.repeats == hasattr(kind, "again_end")


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("method", METHODS)
def test_a_slope_that_is_known_is_not_evaluated_again(method, library):
    """`begin_with` saves the first evaluation of f, and `forget_slope` takes it back."""
    y = np.array([1.0, 0.5]) if library == "numpy" else torch.tensor([1.0, 0.5], dtype=torch.float64)
    adaptive, counts = METHODS[method].adaptive, []
    for known in ("nothing", "slope", "forgotten"):
        stepper = steppers.stepper(library, harmonic, y, METHODS[method], 1e-4, 1e-6, not adaptive)
        if known != "nothing":
            stepper.begin_with(harmonic(0.0, y))
        if known == "forgotten":
            stepper.forget_slope()
        with torch.no_grad():
            assert stepper.start(0.0, y)
        counts.append(stepper.count()["nfev"])
    assert counts == [1, 0, 1]
