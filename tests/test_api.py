"""Every public name says what it is, what it takes, how it fails and where it comes from; API.md lists them all."""

import ast
import importlib
import inspect
import re
import textwrap

import pytest

from tests import api

pytest.importorskip("torch")
NAMES = [(module, name) for module in api.MODULES for name, thing in api.public(module).items() if callable(thing)]
SHAPE = re.compile(r"\((?:\.\.\.|\*?[\w.]+),[^()]*(?:\([^()]*\))?[^()]*\)|any shape|0-d|'s shape")
# Parameters that are arrays wherever they occur in nodekit.
ARRAYS = {"y", "y0", "x", "x0", "t", "k", "jacobian", "z", "h", "h0", "expected", "axes", "values"}
LITERATURE = re.compile(r"\b(?:1[6-9]|20)\d\d\b")


def inside(thing):
    """The syntax trees of a function, or of a class and its methods."""
    return ast.parse(textwrap.dedent(inspect.getsource(thing)))


def words(module, name):
    """The object, its docstring, and that of its module."""
    thing = api.public(module)[name]
    home = importlib.import_module(thing.__module__)
    return thing, inspect.getdoc(thing) or "", home.__doc__ or ""


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_it_says_in_one_line_what_it_is(module, name):
    """The first line of the docstring is a sentence of its own."""
    thing, _, _ = words(module, name)
    line = api.one_line(thing)
    assert line
    assert 10 < len(line) <= 120
    assert line[-1] in ".:"


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_it_gives_shapes(module, name):
    """Where a parameter is an array, the docstring has the shape of one."""
    thing, doc, _ = words(module, name)
    if ARRAYS & set(inspect.signature(thing).parameters):
        assert SHAPE.search(doc)


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_it_says_how_it_fails(module, name):
    """Where it raises something itself, the docstring says which error."""
    thing, doc, home = words(module, name)
    for raised in (node.exc for node in ast.walk(inside(thing)) if isinstance(node, ast.Raise) and node.exc):
        error = ast.unparse(raised.func if isinstance(raised, ast.Call) else raised)
        if error.endswith(("Error", "Wrong")):
            assert error.split(".")[-1] in doc + home, error


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_it_names_its_lesson_and_its_source(module, name):
    """It or its module names a lesson; what computes has its source, an author's year."""
    _, doc, home = words(module, name)
    assert re.search(r"[Ll]essons? ", doc + home)
    if module in SOURCED:
        assert LITERATURE.search(doc + home)


SOURCED = {"nodekit.models", "nodekit.gradients", "nodekit.methods.tableau", "nodekit.stepping.step",
           "nodekit.stepping.control", "nodekit.drop_in", "nodekit.analysis.stability", "nodekit.analysis.stiffness",
           "nodekit.numpy_backend.gradient"}  # fmt: skip


def test_the_page_is_up_to_date():
    """nodekit/API.md is what `python -m tests.api` writes: no public name is missing, none is left over."""
    assert api.PAGE.read_text(encoding="utf-8") == api.page()
