"""The trace of a field's Jacobian, against the Jacobian itself."""

import torch

from nodekit.models.density import exact_divergence
from tests.models.density.test_cnf import F64, Net, points


def test_the_trace_is_that_of_the_jacobian():
    """exact_divergence against torch.func.jacrev, sample by sample; also where gradients are not recorded."""
    field, x, t = Net(d=4), points(5, 4), torch.tensor(0.3, dtype=F64)
    traces = torch.stack([torch.func.jacrev(lambda x: field(t, x))(row).trace() for row in x])
    for recorded in (True, False):
        with torch.set_grad_enabled(recorded):
            k, found = exact_divergence(field, t, x)
        assert torch.allclose(found, traces, atol=1e-12)
        assert torch.allclose(k, field(t, x), atol=1e-14)
        assert k.requires_grad is found.requires_grad is recorded
