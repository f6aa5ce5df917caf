"""What torch is asked to do, counted: against the textbook's count of each product."""

import pytest
import torch

from nodekit.classroom.work import counted

M, N, K, B = 5, 7, 3, 2


@pytest.mark.parametrize(
    ("product", "multiplications"),
    [
        (lambda: torch.ones(M, K) @ torch.ones(K, N), M * N * K),
        (lambda: torch.ones(B, M, K) @ torch.ones(B, K, N), B * M * N * K),
        (lambda: torch.ones(M, K) @ torch.ones(K), M * K),
        (lambda: torch.ones(K) @ torch.ones(K), K),
        (lambda: torch.addmm(torch.ones(N), torch.ones(M, K), torch.ones(K, N)), M * N * K),
        (lambda: torch.addmv(torch.ones(M), torch.ones(M, K), torch.ones(K)), M * K),
        (lambda: torch.baddbmm(torch.ones(N), torch.ones(B, M, K), torch.ones(B, K, N)), B * M * N * K),
        (lambda: torch.einsum("bmk,kn->bmn", torch.ones(B, M, K), torch.ones(K, N)), B * M * N * K),
        (lambda: torch.ones(M) * torch.ones(M), 0),
    ],
)
def test_products_are_counted(product, multiplications):
    """Those of matrices and vectors, in batches or not, and nothing elementwise."""
    with counted() as work:
        product()
    assert work.multiplications == multiplications


def test_the_way_back_is_counted():
    """A linear layer: the gradients of its weight and of its input are a product each, as large as the one forward."""
    layer, x = torch.nn.Linear(K, N), torch.ones(M, K, requires_grad=True)
    with counted() as forward:
        y = layer(x)
    with counted() as both:
        layer(x).sum().backward()
    assert forward.multiplications == M * N * K
    assert both.multiplications == 3 * M * N * K
    assert both.operations > forward.operations > 0
    assert y.shape == (M, N)


def test_inner_gradients_are_counted():
    """Also where the function takes a gradient itself, as a field of an energy does."""
    layer, x = torch.nn.Linear(K, N), torch.ones(M, K, requires_grad=True)
    with counted() as work:
        torch.autograd.grad(layer(x).square().sum(), x, create_graph=True)[0].square().sum().backward()
    assert work.multiplications > 3 * M * N * K


def test_outside_of_the_block_nothing_counts():
    """Also after an error within it."""
    with pytest.raises(RuntimeError, match="shapes"), counted() as work:
        torch.ones(2, 3) @ torch.ones(2, 3)
    before = (work.operations, work.multiplications)
    torch.ones(2, 3) @ torch.ones(3, 2)
    assert (work.operations, work.multiplications) == before
