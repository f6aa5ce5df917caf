"""The rooms of nodekit: every module is in one, arrows go down, and docs/architecture.md is what the code says."""

from graphlib import CycleError, TopologicalSorter

import pytest
from autograd.tracer import trace_stack

from tests import architecture
from tests.architecture import DISPATCH, FILES, KNOWN, LEVELS, MODULES, PAGE


def test_the_page_is_up_to_date(monkeypatch):
    """docs/architecture.md is what `python -m tests.architecture` writes: picture, table, levels of calls."""
    # An error within autograd leaves it believing that it differentiates, which NumPy steps are then fit for.
    monkeypatch.setattr(trace_stack, "top", -1)
    text = PAGE.read_text(encoding="utf-8")
    assert architecture.page(text) == text


def test_every_module_has_its_room():
    """LEVELS and FILES place every folder and file of nodekit, and nothing else; every room has its paragraph."""
    names = [name for row in LEVELS for name in row]
    assert {architecture.room(module) for module in MODULES} == set(names)
    beside = [f"nodekit.{file}" for files in FILES.values() for file in files]
    assert sorted(beside) == sorted(module for module in MODULES if module.count(".") == 1)
    text = PAGE.read_text(encoding="utf-8")
    assert not [name for name in names if f"\n**{name}**" not in text]


def test_arrows_go_down():
    """No room imports one of its own row or above, but for lazy dispatch and those in KNOWN, which are all needed."""
    assert architecture.upward() == set(KNOWN)


def test_dispatch_is_used():
    """What is allowed as dispatch exists, and goes up: no allowance is left over."""
    assert set(architecture.arrows()) >= DISPATCH
    assert not any(architecture.goes_down(*pair) for pair in DISPATCH)


def test_no_circle_while_modules_are_imported():
    """No module imports another at once, directly or not, that imports it at once: the order of imports is free."""
    graph = {module: set() for module in MODULES}
    for (module, target), lazy in architecture.module_arrows().items():
        if not lazy and module != target:
            graph[module].add(target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(error.args[1]))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import nodekit", [("nodekit", False)]),
        ("from nodekit import methods, arrays", [("nodekit.methods", False), ("nodekit.arrays", False)]),
        ("from nodekit.solve import solve", [("nodekit.solve", False)]),
        ("if TYPE_CHECKING:\n    from nodekit.solve import solve", []),
        ("class A:\n    import nodekit.solve", [("nodekit.solve", False)]),
        ("def f():\n    if 1:\n        from nodekit import solve", [("nodekit.solve", True)]),
        ("f = lambda: import_module('nodekit.solve')", [("nodekit.solve", True)]),
        ("import_module(f'nodekit.{x}_backend.state')", [("nodekit.\x00_backend.state", False)]),
    ],
)
def test_imports_are_read(source, found):
    """Every form of an import that nodekit uses, at once and inside functions."""
    assert architecture.imports(source) == found


def test_holes_and_relative_imports():
    """A hole fits every name; a relative import is refused."""
    assert architecture.found("nodekit.\x00_backend.state") == [
        "nodekit.numpy_backend.state",
        "nodekit.torch_backend.state",
    ]
    assert architecture.found("nodekit.stepping") == ["nodekit.stepping.__init__"]
    with pytest.raises(ValueError, match="write the whole name"):
        architecture.imports("from .solve import solve")
