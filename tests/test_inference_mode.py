"""Models whose fields differentiate inside: the same values with gradients, under no_grad and under inference_mode."""

import pytest
import torch
from torch import nn

import nodekit
from nodekit.models import CNF, HamiltonianField, LagrangianField
from nodekit.models.density import Hutchinson
from nodekit.models.equilibrium import fixed_point
from nodekit.models.regularisers import Regularized

F64 = torch.float64


torch.manual_seed(3)
ENERGY = nn.Sequential(nn.Linear(4, 9), nn.Tanh(), nn.Linear(9, 1)).to(F64)
FIELD = nn.Sequential(nn.Linear(4, 9), nn.Tanh(), nn.Linear(9, 4)).to(F64)


class Field(nn.Module):
    def forward(self, t, y):
        return FIELD(y)


HAMILTONIAN = HamiltonianField(ENERGY)
LAGRANGIAN = LagrangianField(lambda y: ENERGY(y)[..., 0] + y[..., 2:].square().sum(-1))


def generator():
    return torch.Generator().manual_seed(5)


def penalties(x):
    f = Regularized(lambda t, y: FIELD(y), ("kinetic", "jacobian", "taylor2"), x, generator())
    sol = nodekit.solve(f, f.start(x), (0.0, 1.0), rtol=1e-8, atol=1e-8)
    return torch.stack(list(f.integrals(sol.y).values()))


MADE = {
    "Hamiltonian": lambda x: HAMILTONIAN(0.0, x),
    "Lagrangian": lambda x: LAGRANGIAN(0.0, x),
    "Lagrangian, its energy": lambda x: LAGRANGIAN.energy(x),
    "Lagrangian, its mass matrix": lambda x: LAGRANGIAN.mass_matrix(x),
    "CNF": lambda x: CNF(Field(), 4).log_prob(x),
    "CNF, estimated": lambda x: CNF(Field(), 4, divergence=Hutchinson()).log_prob(x, generator()),
    "penalties": penalties,
    "a fixed point by Newton": lambda x: (
        fixed_point(lambda z: torch.tanh(FIELD(z) + x), torch.zeros_like(x), "newton").z
    ),
    "an implicit solve": lambda x: nodekit.solve(HAMILTONIAN, x, (0.0, 1.0), "kvaerno5", jac="autograd").y,
}


@pytest.mark.parametrize("name", MADE)
def test_values_do_not_depend_on_who_records(name):
    """A tensor of inference_mode has no graph: a derivative of 0 in its place would be wrong without a word."""
    x = torch.randn(3, 4, dtype=F64, generator=torch.Generator().manual_seed(0))
    recorded = MADE[name](x.clone().requires_grad_()).detach()
    assert recorded.abs().max() > 1e-3
    with torch.no_grad():
        assert torch.allclose(MADE[name](x), recorded, rtol=1e-12, atol=1e-12)
    with torch.inference_mode():
        assert torch.allclose(MADE[name](x), recorded, rtol=1e-12, atol=1e-12)
        assert torch.allclose(MADE[name](x.clone()), recorded, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("field", [HAMILTONIAN, LAGRANGIAN])
def test_tangents_of_forward_mode(field):
    """Set by hand or by torch.func.jvp: the derivative along a direction, as by differences."""
    g = torch.Generator().manual_seed(1)
    x, v = torch.randn(3, 4, dtype=F64, generator=g), torch.randn(3, 4, dtype=F64, generator=g)
    with torch.autograd.forward_ad.dual_level():
        dual = field(0.0, torch.autograd.forward_ad.make_dual(x, v))
        found = torch.autograd.forward_ad.unpack_dual(dual).tangent
    with torch.no_grad():
        differences = (field(0.0, x + 1e-5 * v) - field(0.0, x - 1e-5 * v)) / 2e-5
    assert torch.allclose(found, differences, rtol=1e-6, atol=1e-8)
    assert torch.allclose(torch.func.jvp(lambda y: field(0.0, y), (x,), (v,))[1], differences, rtol=1e-6, atol=1e-8)
