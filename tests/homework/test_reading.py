"""Which lines of a student's code are pointed out to a human: seen in the syntax tree, by whatever name."""

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.homework.bank import reference
from tests.homework.conftest import HOMEWORK, Homework, load

reading, similar = load(HOMEWORK / "reading.py"), load(HOMEWORK / "similar.py")
NAMES = load(HOMEWORK / "grading.py").assignments()

IMPORTS = "import numpy as np\nimport hw1\nimport nodekit"
LOCKED = "hw1.hand_in(1, VARIANT, field)"


def notes(*sources, name="hw1", by_hand=None, draws=("smooth", "firing")):
    """What is said about a notebook with these cells of a student's own."""
    given = [new_code_cell(IMPORTS), new_code_cell(LOCKED, metadata={"nbgrader": {"grade": True}})]
    own = [new_code_cell(source) for source in sources]
    released = new_notebook(cells=given)
    return reading.to_be_read(new_notebook(cells=[*given, *own]), released, name, by_hand or {}, set(draws))


CAUGHT = [
    'os.environ["NODEKIT_HOMEWORK_SECRET"] = "0"',
    'import os\nx = os.getenv("A")',
    "import os\nx = os.environ.copy()",
    "from os import getenv as g",
    "from os import *",
    "import os as system\nsystem.environ",
    'import os\nx = getattr(os, "environ")',
    'import os\nx = getattr(os, "env" + "iron")',
    "import os\nx = getattr(os, name)",
    'import os\nx = vars(os)["environ"]',
    'import os\nx = os.__dict__["environ"]',
    'x = __import__("os").environ',
    'import sys\nx = sys.modules["handin"]',
    "import handin as h",
    "from handin import secret",
    'import importlib\nx = importlib.import_module("answers")',
    "import gc\nx = gc.get_objects()",
    "import subprocess",
    "!cat /proc/1/environ",
    "%env NODEKIT_HOMEWORK_SECRET",
    'x = open("/proc/self/environ").read()',
    'exec("import os")',
    "x = field.__globals__",
    "h = hw1\nx = h.drawn(3)",
    "x = hw1.inputs(1, VARIANT, hw1.secret())",
    "x = hw1.rng(1, 2, 3)",
    "hw1.hand_in = print",
    'setattr(hw1, "hand_in", print)',
    "np.random.default_rng = None",
    "def field(x, cell):\n    return hw1.firing(x)",
    "def helper(x):\n    return hw1.smooth(3)\n\n\ndef field(x, cell):\n    return helper(x)",
    "from hw1 import smooth as s\nfield = lambda x, cell: s(3)",
    "def field(x, cell):\n    cell.left = 10**9\n    return x",
]


@pytest.mark.parametrize("source", CAUGHT, ids=lambda source: source[-40:])
def test_what_reaches_for_the_hidden_numbers_is_pointed_out(source):
    """The environment, the judge's modules and generators, a look inside, under any name: a line for a human."""
    assert any(note.startswith("to be read by a human: ") for note in notes(source))


def test_the_line_is_the_students_own():
    """In a cell that begins with an empty line, too."""
    (note,) = notes("\n\nx = 1\nimport gc  # now\n")
    assert note == "to be read by a human: 'import gc  # now' (imports gc)"


HONEST = [
    "gc = 9.81\ng = gc * 2",
    "secret = 3\nprint(secret)",
    "# os.environ is none of my business, nor is the secret\nx = 1",
    'print("the secret of the environment")',
    "import re\nx = re.compile('a')",
    "answers = {}\nanswers.update(a=1)",
    "x = hw1.inputs(1, VARIANT, 0)",
    "inputs = 3\nx = inputs",
    "handin = 3\nhandin += 1",
    "x = hw1.firing(np.random.default_rng(1))",  # to explore, not in what is handed in
    "%matplotlib inline",
    "import os\nx = os.path.join('a', 'b')",
    "model.eval()",
    "x = tree.left",
    "def field(x, cell):\n    return np.array([cell.epsilon, x[0]])",
    "def broken(:",
]


@pytest.mark.parametrize("source", HONEST)
def test_honest_code_is_left_alone(source):
    """A variable's name, a word in a comment or a text, the public numbers: no alarm."""
    assert notes(source) == []


BY_HAND = {"implicit_step": ("nodekit", "scipy"), "fit": ("field", "field_vjp")}
BORROWED = [
    ("def implicit_step(f, jac, t, x, h):\n    return nodekit.solve(f, x, (t, t + h)).y[-1]", "implicit_step"),
    ("from nodekit import solve as s\n\n\ndef implicit_step(f, *rest):\n    return s(f, (0, 1))", "nodekit"),
    ("import nodekit as n\nsolver = n.solve\n\n\ndef help(f):\n    return solver(f)\n\n\n"
     "implicit_step = lambda f, jac, t, x, h: help(f)", "nodekit"),
    ("def fit(f, vjp, x0):\n    return nodekit.solve(lambda t, x: field(t, x, 1), x0, (0, 1))", "without field"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "words"), BORROWED)
def test_what_is_to_be_done_by_hand_is(source, words):
    """A solver where one was to be written, the notebook's own field where calls are counted: pointed out, through
    helpers and other names too; elsewhere they are what they are for.
    """
    assert any(words in note for note in notes(source, by_hand=BY_HAND))
    elsewhere = source.replace("implicit_step", "explore").replace("def fit", "def explore")
    assert notes(elsewhere, by_hand=BY_HAND) == []


def test_given_functions_may_be_used():
    """fit calls the f and vjp that it is given, whatever they are called."""
    source = "def fit(field, field_vjp, x0):\n    return nodekit.solve(lambda t, x: field(t, x), x0, (0, 1))"
    assert notes(source, by_hand=BY_HAND) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_is_honest(name):
    """No line of the reference is pointed out, in any homework."""
    homework = Homework(name)
    released = nbformat.reads(json.dumps(homework.source), as_version=4)
    given = new_notebook(
        cells=[cell for cell in released.cells if not cell.metadata.get("nbgrader", {}).get("solution")]
    )
    own = [new_code_cell(source) for grade_id, source in reference(homework.source).items() if grade_id != "part6"]
    by_hand, draws = getattr(homework.answers, "BY_HAND", {}), reading.drawing(homework.folder)
    assert reading.to_be_read(new_notebook(cells=[*given.cells, *own]), given, name, by_hand, draws) == []


# ---- similar.csv ---------------------------------------------------------------------------------------

MINE = """
def field(x, cell):
    v, w = x  # the state
    cubic = v * v * v / 3
    return np.array([(v - cubic - w + cell.current) / cell.epsilon, v + cell.a - cell.b * w])


def rest(cell):
    roots = np.roots([-1 / 3, 0.0, 1 - 1 / cell.b, cell.current - cell.a / cell.b])
    v = roots[np.abs(roots.imag).argmin()].real
    for i in range(10):
        v = v - 0.1 * i
    return np.array([v, (v + cell.a) / cell.b])
"""
RENAMED = MINE.replace("cubic", "third").replace("v", "volts").replace("roots", "zeros").replace("# the state", "")
OTHER = """
def field(state, cell):
    rate = (state[0] - state[0] ** 3 / 3 - state[1] + cell.current) / cell.epsilon
    return np.array([rate, state[0] + cell.a - cell.b * state[1]])


def rest(cell):
    low, high = -3.0, 3.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        value = middle - middle**3 / 3 - (middle + cell.a) / cell.b + cell.current
        low, high = (middle, high) if value > 0 else (low, middle)
    return np.array([low, (low + cell.a) / cell.b])
"""


def test_copies_stand_first_in_the_report(tmp_path):
    """A copy with other names and no comments is found, also of the reference; independent work is not; no formula
    reaches the table.
    """
    found = {}
    for student, source in {"anna": MINE, "=ben": RENAMED, "kim": OTHER}.items():
        path = tmp_path / f"{student}.ipynb"
        nbformat.write(new_notebook(cells=[new_code_cell(source)]), path)
        found[student] = [path]
    found["lee"] = []
    pairs = similar.write_report(
        tmp_path / "similar.csv", found, new_notebook(), new_notebook(cells=[new_code_cell(MINE)])
    )
    rows = (tmp_path / "similar.csv").read_text(encoding="utf-8").splitlines()
    assert pairs == 3
    assert rows[0] == "share,student,other,lines"
    assert all(row.startswith("1.0,") and "kim" not in row for row in rows[1:])
    assert any("'=ben" in row for row in rows)
