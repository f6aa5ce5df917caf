"""What nodekit uses of autograd and torch beyond their documented interfaces: each thing does what nodekit needs of it.

A release of either library that is not named in TRIED is not known to keep these; run this file with it, and name it.
"""

import ast
import re
import subprocess
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import autograd.numpy as anp
import numpy as np
import pytest
import torch
from autograd import grad
from autograd.tracer import trace_stack

from nodekit import private_autograd as inside
from nodekit.torch_backend import private_torch

TRIED = {"autograd": ("1.8", "1.9"), "torch": ("2.13",)}
GATHERED = ("private_autograd.py", "private_torch.py")
DOCUMENTED = {"autograd", "autograd.numpy", "autograd.misc"}  # of autograd; of torch, whatever has no underscore
SOURCES = sorted(Path(inside.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("library", TRIED)
def test_the_version_was_tried(library):
    """The installed release is one of those that these tests were run with; of another one the tests below tell."""
    if ".".join(version(library).split(".")[:2]) not in TRIED[library]:
        pytest.skip(f"{library} {version(library)} was not tried; if all is well here, name it in TRIED")


def private_names(path):
    """What a file imports, or reaches by attributes of torch, beyond what is documented."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "autograd":
            yield from [node.module] * (node.module not in DOCUMENTED)
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            yield from (name for name in names if re.match(r"torch\..*\b_", name))
        if isinstance(node, ast.Attribute) and re.match(r"torch\.(\w+\.)*_[a-z]", ast.unparse(node)):
            yield ast.unparse(node)
        if isinstance(node, ast.Attribute) and node.attr == "_version":
            yield "_version"


def test_they_are_gathered():
    """No other file of nodekit's reaches behind the documented interfaces, and these two do."""
    found = {path.name: sorted(set(private_names(path))) for path in SOURCES}
    assert {name for name, names in found.items() if names} == set(GATHERED)


@pytest.fixture
def outside(monkeypatch):
    """Outside of any derivative, also where a test before has left one by an error of autograd's."""
    monkeypatch.setattr(trace_stack, "top", -1)


@pytest.mark.usefixtures("outside")
def test_recording_is_seen_and_ends():
    """recording() is True inside a derivative of autograd's and False outside; getval and isbox look under a box."""
    seen = []

    def f(x):
        seen.append((inside.recording(), inside.isbox(x), type(inside.getval(x))))
        return anp.sum(anp.sin(x))

    grad(f)(np.ones(3))
    assert seen == [(True, True, np.ndarray)]
    assert (inside.recording(), inside.isbox(np.ones(3))) == (False, False)


@pytest.mark.usefixtures("outside")
def test_an_error_leaves_autograd_as_it_was():
    """Of an error inside a derivative autograd keeps its level; level_restored gives it back; the error goes on."""

    def f(x):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), inside.level_restored():
        grad(f)(1.0)
    assert not inside.recording()


def test_derivatives_of_vectors():
    """make_vjp(f, x) gives (v ↦ ∂f/∂xᵀ v, f(x)), of tuples too; make_jvp(f, x)(v) gives (f(x), ∂f/∂x v)."""
    a, x, v = np.array([[1.0, 2, 3], [0, -1, 4]]), np.array([0.3, -0.2, 0.7]), np.array([2.0, -1.0])
    vjp, value = inside.make_vjp(lambda both: both[0] @ both[1], (a, x))
    np.testing.assert_array_equal(value, a @ x)
    by_a, by_x = vjp(v)
    np.testing.assert_allclose(by_x, a.T @ v, rtol=1e-15)
    np.testing.assert_allclose(by_a, np.outer(v, x), rtol=1e-15)
    value, moved = inside.make_jvp(lambda x: a @ x, x)(np.array([1.0, 0.0, -2.0]))
    np.testing.assert_allclose(moved, a @ [1.0, 0.0, -2.0], rtol=1e-15)


def test_changes_in_place_are_counted():
    """version_of(x) grows with a change in place of x or of a view of it, and by nothing else."""
    x = torch.ones(3)
    before = private_torch.version_of(x)
    x + 1
    assert private_torch.version_of(x) == before
    x[:1].add_(1)
    assert private_torch.version_of(x) > before


def test_operations_are_watched():
    """watching(see) is told each operation with its arguments and result, forward and back, and nothing afterwards."""
    seen = []
    a, b = torch.ones(2, 3, requires_grad=True), torch.full((3, 4), 2.0)
    with private_torch.watching(lambda name, arguments, result: seen.append((name, len(arguments), result.shape))):
        (a @ b).sum().backward()
    assert ("mm", 2, (2, 4)) in seen
    assert ("mm", 2, (2, 3)) in seen  # the way back
    count = len(seen)
    a + 1
    assert len(seen) == count
    assert a.grad.tolist() == [[8.0] * 3] * 2


@pytest.mark.parametrize(
    "transform",
    [
        lambda f: torch.func.vmap(f)(torch.ones(2)),
        lambda f: torch.func.grad(f)(torch.tensor(1.0)),
        lambda f: torch.func.jvp(f, (torch.tensor(1.0),), (torch.tensor(1.0),)),
    ],
    ids=["vmap", "grad", "jvp"],
)
def test_transforms_are_seen(transform):
    """transformed() is True inside torch.func's transforms and False outside."""
    seen = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's of its own
        transform(lambda x: seen.append(private_torch.transformed()) or x * x)
    assert seen == [True]
    assert not private_torch.transformed()


COMPILED = """
import warnings

import numpy as np
import torch

from nodekit.torch_backend import private_torch


def turns(x):
    return private_torch.while_loop(lambda x: x.sum() < 100, lambda x: (x * 2,), (x,))[0]


def slope(x):
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        return torch.autograd.grad((x**3).sum(), x)[0]


def broken(x):
    return x if np.random.default_rng().random() < x.sum() else -x


def compiled(f):
    return torch.compile(f, fullgraph=True, dynamic=False)


with private_torch.vjps_compiled():
    assert compiled(turns)(torch.ones(3)).tolist() == [64.0] * 3
    assert compiled(slope)(torch.tensor([2.0])).tolist() == [12.0]
    try:
        compiled(broken)(torch.ones(3))
    except private_torch.compiler_errors():
        print("as expected")
"""


@pytest.mark.slow(seconds=20)
def test_a_loop_and_a_vjp_compile():
    """while_loop stays one loop, and torch.autograd.grad goes into the graph; what cannot be compiled raises one of
    compiler_errors(). In a process of its own: what the compiler imports clashes with what other tests do.
    """
    done = subprocess.run([sys.executable, "-c", COMPILED], capture_output=True, text=True, timeout=300)
    assert done.stdout == "as expected\n", done.stderr
