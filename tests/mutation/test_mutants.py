"""The mistakes themselves: each operator makes what it says, and nothing else."""

import ast

import numpy as np
import pytest

from tests.mutation import mutants as module
from tests.mutation.mutants import mutants
from tests.mutation.operators import ALL, FOR_LESSONS


def texts(source, operator=None, operators=ALL):
    """The texts of the mutants of the first definition in the source, of one operator."""
    found = [mutant.text for mutant in mutants(ast.parse(source).body[0], operators)]
    return [text.split(": ", 1)[1] for text in found if operator in (None, text.split(":")[0])]


def step(line, arguments="f, t, x, h"):
    return f"def step({arguments}):\n    {line}"


CASES = [
    ("transpose", "y = A.T @ x", {"y = A.T @ x -> y = A @ x", "y = A.T @ x -> y = A.T @ _transposed_(x)"}),
    ("transpose", "y = linalg.solve(A, b)", {"y = linalg.solve(A, b) -> y = linalg.solve(_transposed_(A), b)"}),
    ("sign", "y = -a - b", {"y = -a - b -> y = a - b", "y = -a - b -> y = -a + b"}),
    ("sign", "y += a", {"y += a -> y -= a"}),
    ("sign", "y = 'a' + b + x.sum(axis=-1)", {"y = 'a' + b + x.sum(axis=-1) -> y = 'a' + b - x.sum(axis=-1)"}),
    ("factor", "y = x / 2", {"y = x / 2 -> y = x / 4", "y = x / 2 -> y = x / 1"}),
    ("factor", "y = x[-1]", set()),
    ("factor", "return x", {"return x -> return 2 * x"}),
    ("factor", "return x, k", {"return (x, k) -> return (2 * x, k)", "return (x, k) -> return (x, 2 * k)"}),
    ("time", "y = f(t, x)", {"y = f(t, x) -> y = f(t + h, x)"}),
    ("time", "y = f(t + h / 2, x)", {"y = f(t + h / 2, x) -> y = f(t, x)"}),
    ("time", "y = np.sin(t)", set()),
    ("off_by_one", "y = range(n)", {"y = range(n) -> y = range(0, n - 1)", "y = range(n) -> y = range(1, n)"}),
    ("off_by_one", "y = a[i]", {"y = a[i] -> y = a[i + 1]", "y = a[i] -> y = a[i - 1]"}),
    ("off_by_one", "y = a[:-1]", {"y = a[:-1] -> y = a[:0]", "y = a[:-1] -> y = a[:-2]"}),
    ("off_by_one", "y = a['b']", set()),
    ("comparison", "y = a < b", {"y = a < b -> y = a <= b", "y = a < b -> y = a > b"}),
    ("opposite", "y = max(a, b())", {"y = max(a, b()) -> y = min(a, b())"}),
    ("opposite", "y = a.argmin()", {"y = a.argmin() -> y = a.argmax()"}),
    ("opposite", "y = a.sum()", {"y = a.sum() -> y = a.mean()"}),
    ("inexact", "return x", {"return x -> return _inexact_(x)"}),
    ("absolute", "return x", {"return x -> return _absolute_(x)"}),
    ("absolute", "return np.sqrt(np.mean(x))", set()),
    ("absolute", "return x ** 2 + 1", set()),
    ("absolute", "return max(0.2, min(x, 10.0))", set()),
    ("absolute", "return float(np.abs(x).max() / sum(k ** 2 for k in x))", set()),
    ("absolute", "return min(x, 1.0)", {"return min(x, 1.0) -> return _absolute_(min(x, 1.0))"}),
    ("in_place", "x = x + h * k", {"x = x + h * k -> x += h * k"}),
    ("in_place", "return x - k", {"return x - k -> x -= k ⏎ return x"}),
    ("in_place", "y = y + k", set()),
    ("removed", "x = k", {"x = k -> pass"}),
    ("removed", "y = k", set()),
    ("logic", "y = a and not b", {"y = a and (not b) -> y = a or not b", "y = a and (not b) -> y = a and b"}),
    ("swapped", "y = f(t, x, h)", {"y = f(t, x, h) -> y = f(x, t, h)", "y = f(t, x, h) -> y = f(t, h, x)"}),
    ("swapped", "y = np.allclose(a, b)", set()),
    ("tolerance", "y = a < 1e-6", {"y = a < 1e-06 -> y = a < 1e-05"}),
]  # fmt: skip


@pytest.mark.parametrize(("operator", "line", "expected"), CASES, ids=[f"{name}: {line}" for name, line, _ in CASES])
def test_operator(operator, line, expected):
    """Every mistake that the operator can make in the line, and no other."""
    assert set(texts(step(line), operator)) == expected


def test_every_operator_is_tried():
    assert {name for name, _, expected in CASES if expected} == {operator.__name__ for operator in ALL}


def test_time_is_ignored_where_there_is_no_step():
    assert texts(step("return f(t, x)", "f, t, x"), "time") == ["return f(t, x) -> return f(0 * t, x)"]


@pytest.mark.parametrize("line", ["print(x + 1)", "assert x < 1", "'''x + 1'''", "ax.plot(x + 1)", "y: 1 - 2"])
def test_left_alone(line):
    """What is said, asserted and drawn, and annotations."""
    assert texts(step(line)) == []


def test_what_draws_is_left_alone():
    assert texts(step("return x + 1", "ax, x")) == []
    assert texts("def step(x):\n    def draw(ax):\n        ax = x + 1") == []


def test_two_equal_lines_are_told_apart():
    assert texts("def f(x):\n    x += 1\n    x += 1", "removed") == ["x += 1 -> pass", "x += 1 -> pass (2)"]


def test_names_of_methods():
    tree = ast.parse("class A:\n    def f(self, x):\n        return -x\n    def g(self, x):\n        return -x").body[0]
    assert [m.name for m in mutants(tree, ALL) if m.text.startswith("sign")] == ["A.f", "A.g"]


def test_mutants_are_sound_and_leave_the_original(monkeypatch):
    """Each compiles, differs from the original and from the others; the same list each time."""
    source = "def f(t, x, A):\n    for i in range(3):\n        x = x + A.T @ x[i:] / 2\n    return x, min(t, 1e-6)"
    tree = ast.parse(source).body[0]
    found = mutants(tree, ALL)
    assert ast.unparse(tree) == ast.unparse(ast.parse(source).body[0])
    codes = [ast.unparse(mutant.tree) for mutant in found]
    assert len({*codes, ast.unparse(tree)}) == len(found) + 1
    for code in codes:
        compile(code, "<mutant>", "exec")
    assert [(m.name, m.text) for m in mutants(tree, ALL)] == [(m.name, m.text) for m in found]
    assert len({(m.name, m.text) for m in found}) == len(found)


def test_lessons_are_not_asked_for_digits():
    source = step("return x < 1e-6")
    assert texts(source, "tolerance", FOR_LESSONS) == texts(source, "inexact", FOR_LESSONS) == []


@pytest.mark.parametrize(
    ("call", "value", "expected", "mistake"),
    [
        ("_transposed_", np.ones(3), (3,), False),
        ("_transposed_", np.ones((2, 3)), (3, 2), True),
        ("_transposed_", np.ones((4, 2, 3)), (4, 3, 2), True),
        ("_absolute_", [np.array([-1.0, 2.0])], [[1.0, 2.0]], True),
        ("_absolute_", (-1, len), (-1, len), False),
        ("_inexact_", (2.0, 3), (2.0002, 3), True),
        ("_inexact_", np.arange(3), [0, 1, 2], False),
    ],
)
def test_what_mutants_call(monkeypatch, call, value, expected, mistake):
    """The helpers change what they say, and know whether there was anything to change."""
    monkeypatch.setattr(module, "used", set())
    got = getattr(module, call)(value)
    if call == "_transposed_":
        assert got.shape == expected
    elif isinstance(value, np.ndarray):
        assert got.tolist() == expected
    else:
        assert all(np.array_equal(a, b) for a, b in zip(got, expected, strict=True))
    assert module.no_mistake(ast.parse(f"{call}(x)")) is not mistake
    assert not module.no_mistake(ast.parse("f(x)"))
