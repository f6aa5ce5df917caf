"""How much a computation asks of torch (used from lesson 12 on): the same on every machine, unlike its time."""

from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["Work", "counted"]

PRODUCTS = ("mm", "addmm", "bmm", "baddbmm", "mv", "addmv", "dot")  # the last two arguments are multiplied


@dataclass
class Work:
    """operations: calls of torch's operations. multiplications: those within products of matrices and vectors."""

    operations: int = 0
    multiplications: int = 0


@contextmanager
def counted():
    """Count what is asked of torch within a `with` block, a backward pass's part too; gives the `Work` so far.

        with counted() as work:
            loss().backward()
        print(work.multiplications)

    A multiplication counts once, also where complex numbers need four. What convolutions and elementwise operations
    multiply does not count. A process or a kernel that was compiled counts nothing of its own.
    """
    from nodekit.torch_backend.private_torch import watching

    work = Work()

    def see(name, arguments, result):
        work.operations += 1
        if name in PRODUCTS:
            work.multiplications += result.numel() * arguments[-2].shape[-1]

    with watching(see):
        yield work
