"""Uses of nodekit, for mypy to read and nobody to run: the right ones pass, and each wrong one is refused.

A line that mypy must refuse ends in `type: ignore` with the kind of error. An ignore that is not needed is an error.
"""

from collections.abc import Callable
from typing import Any, assert_type

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import nodekit
from nodekit import gradients, methods, problems
from nodekit.analysis import stability, stiffness
from nodekit.analysis.logarithmic_norm import logarithmic_norm
from nodekit.methods.explicit import DOPRI5
from nodekit.models import (
    CNF,
    AntisymmetricCell,
    AntisymmetricField,
    Augmented,
    ConvField,
    HamiltonianField,
    NeuralODE,
    Separable,
)
from nodekit.problems.problem import Problem
from nodekit.stepping.control import Controller


def decay(t: float, y: Any) -> Any:
    return -y


ARRAY, TENSOR, NET = np.ones(2), torch.ones(2), nn.Linear(2, 2)

# Every form of a state and of the times.
solution = nodekit.solve(decay, ARRAY, (0.0, 1.0))
nodekit.solve(decay, 1, (0, 1))
nodekit.solve(decay, [1.0, 2.0], [0.0, 0.5, 1.0], method=DOPRI5, controller=Controller("mine", 0.7))
nodekit.solve(
    NET, TENSOR, torch.linspace(0, 1, 3), gradient=gradients.Adjoint(rtol=1e-3), params=list(NET.parameters())
)
nodekit.solve(decay, (TENSOR, TENSOR), (0.0, TENSOR[0]), rtol=TENSOR, events=[nodekit.steady_state(decay, 1e-3)])
nodekit.solve(decay, {"q": TENSOR}, (0.0, 1.0), batch="independent", gradient="interpolated", compile=False)
nodekit.solve(decay, ARRAY, (0.0, 1.0), "radau", jac="autograd", step=None, first_step=1e-3)

nodekit.solve(decay, "1", (0.0, 1.0))  # type: ignore[arg-type]
nodekit.solve(ARRAY, decay, (0.0, 1.0))  # type: ignore[arg-type]
nodekit.solve(decay, ARRAY, 1.0)  # type: ignore[arg-type]
nodekit.solve(decay, ARRAY)  # type: ignore[call-arg]
nodekit.solve(decay, ARRAY, (0.0, 1.0), method=5)  # type: ignore[arg-type]
nodekit.solve(decay, ARRAY, (0.0, 1.0), method=Controller)  # type: ignore[arg-type]
nodekit.solve(decay, ARRAY, (0.0, 1.0), rtol="1e-6")  # type: ignore[arg-type]
nodekit.solve(decay, ARRAY, (0.0, 1.0), max_steps=1e4)  # type: ignore[arg-type]
nodekit.solve(decay, ARRAY, (0.0, 1.0), controller="PD")  # type: ignore[arg-type]
nodekit.solve(decay, ARRAY, (0.0, 1.0), jac="differences")  # type: ignore[arg-type]
nodekit.solve(decay, ARRAY, (0.0, 1.0), batch="all")  # type: ignore[arg-type]
nodekit.solve(decay, ARRAY, (0.0, 1.0), gradient="checkpoints")  # type: ignore[arg-type]
nodekit.solve(decay, ARRAY, (0.0, 1.0), events=3)  # type: ignore[arg-type]
nodekit.solve(lambda y: -y, ARRAY, (0.0, 1.0))  # type: ignore[misc, arg-type]

# What comes back.
assert_type(solution, nodekit.Solution)
assert_type(solution.stats.nfev, int)
assert_type(solution.message, str)
assert_type(solution.success, bool)
assert_type(nodekit.SolveError(solution).solution, nodekit.Solution)
solution(0.5), solution([0.1, 0.2]), solution(TENSOR), solution.y[-1].mean()
solution("0.5")  # type: ignore[arg-type]
solution.states  # type: ignore[attr-defined]  # noqa: B018
nodekit.SolveError("it failed")  # type: ignore[arg-type]

# Events, gradients, methods, problems.
nodekit.event(decay, terminal=3, direction=-1)
nodekit.event(decay, direction=2)  # type: ignore[arg-type]
nodekit.steady_state(decay, "1e-3")  # type: ignore[arg-type]
assert_type(gradients.get("adjoint"), gradients.Way)
gradients.get("adjoints")  # type: ignore[arg-type]
methods.get("dopri5").stages, methods.get(DOPRI5)
methods.get(None)  # type: ignore[arg-type]
assert_type(DOPRI5.weights_at(0.5), NDArray[Any])
assert_type(DOPRI5.dense_order, int)
DOPRI5.name = "mine"  # type: ignore[misc]
methods.tableau.Tableau("mine", 1, (0.0,), ((),), "1", "here, 2026")  # type: ignore[arg-type]
assert_type(problems.get("bell"), Problem)
assert_type(problems.get("bell").f, Callable[[Any, Any], Any])
problems.get(1)  # type: ignore[arg-type]

# What is said of methods and fields.
assert_type(stability.real_limit("rk4"), float)
assert_type(stability.is_a_stable(DOPRI5), bool)
stability.stability_function("rk4", 1j), stability.lyapunov_exponents(decay, ARRAY, (0.0, 9.0), 1)
stability.real_limit(4)  # type: ignore[arg-type]
assert_type(logarithmic_norm(ARRAY, 1), float)
logarithmic_norm(ARRAY, "2")  # type: ignore[arg-type]
assert_type(stiffness.detect_stiffness(decay, ARRAY, (0.0, 1.0)), stiffness.Stiffness)
stiffness.detect_stiffness(decay, ARRAY, 1.0)  # type: ignore[arg-type]

# Models.
assert_type(NeuralODE(NET, (0.0, 1.0), regularizer="kinetic").forward(TENSOR), torch.Tensor)
assert_type(NeuralODE(NET).nfev, int)
NeuralODE(decay)  # type: ignore[arg-type]
NeuralODE(NET, gradient="none")  # type: ignore[arg-type]
Augmented(NET, 1, dim=1, rtol=1e-3)
Augmented(NET, 1.5)  # type: ignore[arg-type]
ConvField(8, activation=nn.Tanh()), HamiltonianField(Separable(NET), dim=0).energy(TENSOR)
ConvField("8")  # type: ignore[arg-type]
HamiltonianField(3)  # type: ignore[arg-type]
assert_type(AntisymmetricField(3, inputs=1, damping=0.1).matrix(), torch.Tensor)
assert_type(AntisymmetricCell(1, 3).sequence(TENSOR), torch.Tensor)
AntisymmetricCell(1, "3")  # type: ignore[arg-type]
assert_type(CNF(NET, 2).sample((3,)), torch.Tensor)
CNF(NET, 2, base=NET)  # type: ignore[arg-type]
