"""ConcatSquash and its field, against the formula written out by hand, and one network against many side by side."""

import pytest
import torch

from nodekit.models import CNF
from nodekit.models.density import ConcatSquash, ConcatSquashField, exact_divergence
from tests.models.density.test_cnf import F64, points


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shape", [(3,), (5, 3), (2, 4, 3)])
def test_the_layer_is_its_formula(shape):
    """(x W + b) σ(t g + c) + t s, entry by entry, at several times, with 3 inputs and 2 outputs."""
    layer, x = ConcatSquash(3, 2, seeded(0)).double(), points(*shape)
    with torch.no_grad():
        w, b, g, c, s = layer.weight, layer.bias[0], layer.gate[0], layer.gate_bias[0], layer.shift[0]
        for t in (0.0, 0.7, -2.0, torch.tensor(1.5, dtype=F64)):
            found = layer(t, x).reshape(-1, 2)
            for row, out in zip(x.reshape(-1, 3), found, strict=True):
                for j in range(2):
                    linear = sum(row[i] * w[i, j] for i in range(3)) + b[j]
                    assert out[j] == pytest.approx((linear / (1 + (-t * g[j] - c[j]).exp()) + t * s[j]).item(), 1e-12)


def test_the_field_is_its_layers_with_an_activation_in_between():
    field, x = ConcatSquashField(3, (5, 4), torch.sin, seeded(1)).double(), points(6, 3)
    first, second, last = field.layers
    assert [(each.inputs, each.outputs) for each in field.layers] == [(3, 5), (5, 4), (4, 3)]
    assert torch.equal(field(0.3, x), last(0.3, torch.sin(second(0.3, torch.sin(first(0.3, x))))))
    plain = ConcatSquashField(3, (5,), generator=seeded(1)).double()
    assert torch.equal(plain(0.3, x), plain.layers[1](0.3, torch.tanh(plain.layers[0](0.3, x))))


def test_networks_side_by_side_are_those_of_their_generators():
    """Three generators: the i-th network is the one that its generator alone gives, values and traces."""
    seeds, x = (4, 0, 9), points(3, 6, 2)
    many = ConcatSquashField(2, (7, 5), generator=[seeded(s) for s in seeds]).double()
    k, trace = exact_divergence(many, 0.6, x)
    for i, s in enumerate(seeds):
        alone = ConcatSquashField(2, (7, 5), generator=seeded(s)).double()
        k_alone, trace_alone = exact_divergence(alone, 0.6, x[i])
        assert torch.allclose(k[i], k_alone, atol=1e-12)
        assert torch.allclose(trace[i], trace_alone, atol=1e-12)


def test_first_weights_are_uniform_within_their_bounds():
    """Within ±1/√(inputs), ±1 for what multiplies t, filling it; another seed, other weights."""
    layer = ConcatSquash(400, 300, seeded(0))
    for p, bound in ((layer.weight, 0.05), (layer.bias, 0.05), (layer.gate, 1), (layer.gate_bias, 1), (layer.shift, 1)):
        assert 0.97 * bound < p.abs().max() <= bound
        assert p.std().item() == pytest.approx(bound / 3**0.5, rel=0.1)
    assert not torch.equal(layer.weight, ConcatSquash(400, 300, seeded(1)).weight)
    assert not torch.equal(ConcatSquash(2, 2).weight, ConcatSquash(2, 2).weight)


def test_the_field_has_gradients_and_carries_a_density():
    """In a CNF every parameter gets a gradient; ∫ p over a grid is 1."""
    field = ConcatSquashField(2, (8,), generator=seeded(3)).double()
    flow, u = CNF(field, 2, rtol=1e-6, atol=1e-6), torch.linspace(-9, 9, 121, dtype=F64)
    flow.log_prob(points(4, 2)).mean().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in field.parameters())
    grid = torch.stack(torch.meshgrid(u, u, indexing="ij"), -1)
    with torch.no_grad():
        assert flow.log_prob(grid).exp().sum().item() * (u[1] - u[0]).item() ** 2 == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: ConcatSquash(0, 2), ValueError, r"inputs=0 must be an int >= 1"),
        (lambda: ConcatSquash(2, 2.0), ValueError, r"outputs=2\.0 must be an int >= 1"),
        (lambda: ConcatSquashField(2, (8, True)), ValueError, "outputs=True"),
        (lambda: ConcatSquash(2, 2, 7), TypeError, "generator must be a torch.Generator or a sequence of them, got 7"),
        (lambda: ConcatSquash(2, 2, [None]), TypeError, r"generator must be .* got \[None\]"),
        (lambda: ConcatSquash(2, 2, []), ValueError, r"generator=\[\] is empty"),
        (lambda: ConcatSquash(3, 2)(0.0, points(4, 2)), ValueError, r"x has shape \(4, 2\); \(\.\.\., 3\)"),
        (lambda: ConcatSquash(2, 2, [seeded(0)] * 3)(0.0, points(4, 2)), ValueError, r"\(3, n, 2\) was expected"),
        (lambda: ConcatSquash(2, 2, [seeded(0)] * 3)(0.0, points(4, 5, 2)), ValueError, r"x has shape \(4, 5, 2\)"),
    ],
)
def test_errors_name_value_and_way_out(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_what_it_says_of_itself():
    assert repr(ConcatSquash(2, 5)) == "ConcatSquash(2, 5)"
    assert repr(ConcatSquash(2, 5, [seeded(0), seeded(1)])) == "ConcatSquash(2, 5, copies=2)"
