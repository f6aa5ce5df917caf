"""Every lesson is executed once, in one kernel: no cell fails, tagged outputs are as committed, all sliders work.

The three tests of a lesson look at that one run, which running.py makes. tests/browser drives the controls by hand.
"""

from pathlib import Path

import nbformat
import pytest

from tests.conftest import unit
from tests.lessons import rules
from tests.lessons.running import run

FOLDER = Path(__file__).parents[2] / "lessons"


def notebooks(pattern):
    """The notebooks as parameters of `ran`; the seconds are those of the committed run."""
    paths = sorted(FOLDER.glob(pattern))
    seconds = [rules.measured_seconds(rules.Lesson(path)) or 60 for path in paths]
    return [
        pytest.param(path, id=path.stem, marks=pytest.mark.slow(seconds=round(s)))
        for path, s in zip(paths, seconds, strict=True)
    ]


LESSONS = notebooks("[0-9][0-9]_*.ipynb")
HOMEWORK = notebooks("homework/*/*.ipynb")


@pytest.fixture(scope="module")
def ran(request):
    """What the one execution of a notebook found; only lessons have sliders."""
    return run(request.param, request.session, sliders=request.param.parent == FOLDER)


def test_there_are_notebooks():
    assert LESSONS
    assert HOMEWORK
    assert len(LESSONS) + len(HOMEWORK) == len(
        [p for p in FOLDER.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts]
    )


@pytest.mark.parametrize("ran", [*LESSONS, *HOMEWORK], indirect=True)
def test_no_cell_fails(ran):
    """From top to bottom in a new kernel, no cell raises or takes more than 120 s; in homework, with its solutions."""
    assert not ran.failed, "\n".join(ran.failed)


@pytest.mark.parametrize("ran", LESSONS, indirect=True)
def test_tagged_outputs_are_those_committed(ran):
    """What cells tagged nbval-check-output print and return is what the notebook says, by nbval's comparison."""
    assert not ran.differ, "\n".join(ran.differ)


@pytest.mark.parametrize("ran", LESSONS, indirect=True)
def test_sliders_work_from_end_to_end(ran):
    """After the last cell each control goes to its ends, or each option, and back."""
    assert not ran.sliders, "\n".join(ran.sliders)


def test_every_lesson_is_a_unit_of_its_own(request):
    """Of several processes, one runs all tests of a lesson, and another may run the next lesson."""
    file, names = request.node.nodeid.partition("::")[0], [param.id for param in [*LESSONS, *HOMEWORK]]
    tests = [test_no_cell_fails, test_tagged_outputs_are_those_committed, test_sliders_work_from_end_to_end]
    units = [{unit(f"{file}::{test.__name__}[{name}]") for test in tests} for name in names]
    assert all(len(found) == 1 for found in units)
    assert len(set.union(*units)) == len(names)


# The run itself, on a small notebook made here.

SOURCES = [
    "from nodekit.classroom import sliders\nh = 1",
    "print('order', h + 3)",
    "h + 1",
    "sliders.explore(lambda ax, h, k: ax.plot([0, 1], [0, h + k]), lambda ax: ax.set(ylim=(0, 9)), size=(3, 2),\n"
    "    alt='a line', h=sliders.linear_slider(0, 2, 1, 'h'), k=sliders.linear_slider(0, 4, 1, 'k'))",
]


@pytest.fixture
def small(tmp_path, request):
    """Runs a notebook of the SOURCES, with changes {cell: source}; 1 and 2 are tagged, and say 4 and 2 where run."""
    v4 = nbformat.v4
    outputs = [
        [],
        [v4.new_output("stream", name="stdout", text="order 4\n")],
        [v4.new_output("execute_result", {"text/plain": "2"}, execution_count=3)],
        [],
    ]

    def make(changes=()):
        sources = [dict(changes).get(i, source) for i, source in enumerate(SOURCES)]
        cells = [
            v4.new_code_cell(source, outputs=seen, execution_count=i)
            for i, (source, seen) in enumerate(zip(sources, outputs, strict=True), start=1)
        ]
        for cell in cells[1:3]:
            cell.metadata["tags"] = ["nbval-check-output"]
        nbformat.write(v4.new_notebook(cells=cells), tmp_path / "small.ipynb")
        return run(tmp_path / "small.ipynb", request.session)

    return make


@pytest.mark.slow(seconds=30)
def test_a_run_without_mistakes(small):
    found = small()
    assert (found.failed, found.differ, found.sliders) == ([], [], [])


@pytest.mark.slow(seconds=30)
def test_a_run_finds_each_mistake_and_goes_on(small):
    """A cell that raises, another printed number and another result, a slider that fails at one end and an idle one."""
    fails = SOURCES[3].replace("[0, h + k]", "[0, 1 if h < 2 else 1 / 0]")
    found = small({0: SOURCES[0] + "\n1 / 0", 1: "print('order', h + 2)", 2: "h + 2", 3: fails})
    (failed,) = found.failed
    assert "Cell 0: Cell execution caused an exception" in failed
    assert "ZeroDivisionError" in failed
    assert [f"Cell {i}: Cell outputs differ" in said for i, said in zip((1, 2), found.differ, strict=True)] == [
        True
    ] * 2
    assert found.sliders == [
        "figure 1, h = 2.0: ZeroDivisionError: division by zero",
        "figure 1, h: the picture is the same at two of [0.0, 2.0]",
        "figure 1, k: the picture is the same at two of [0.0, 4.0]",
    ]


@pytest.mark.slow(seconds=30)
def test_a_run_ends_where_a_cell_takes_too_long(small, request, monkeypatch):
    """The cell is interrupted and named, none after it is run, and the sliders count as not moved."""
    monkeypatch.setattr(request.config.option, "nbval_cell_timeout", 1)
    found = small({0: "while True:\n    pass", 1: "1 / 0"})
    (failed,) = found.failed
    assert "Timeout of 1 seconds exceeded" in failed
    assert found.sliders == ["the sliders could not be moved: a cell took too long"]


CLOCKS = [f"{name}{ns}" for name in ("time", "perf_counter", "process_time", "thread_time") for ns in ("", "_ns")]


@pytest.mark.slow(seconds=30)
def test_no_assert_on_a_time_passes_in_a_run(small):
    """Neither bound of a measured time holds, by any clock and however it is imported, in a cell or a lesson's module.

    The bounds are such as every time keeps.
    """
    short, least = "assert now() - begin < 1e20", "assert np.min([now() - begin for _ in range(9)]) >= 0"
    kinds = [f"from time import {clock} as now\nbegin = now()\n{short}" for clock in CLOCKS]
    kinds += [f"import time\nnow = time.perf_counter\nbegin = now()\n{text}" for text in (short, least)]
    kinds += ["import timeit\nassert timeit.timeit('1 + 1', number=9) < 1e9"]
    kinds += ["from examples import clocked\nassert clocked.seconds() < 1e9"]
    tried = "\n".join(
        [
            "import sys, types, numpy as np",
            "sys.modules['examples.clocked'] = module = types.ModuleType('examples.clocked')",
            "exec('import time\\ndef seconds(): return time.process_time() - time.process_time()', vars(module))",
            f"passed, kinds = [], {kinds!r}",
            "for kind in kinds:",
            "    try:",
            "        exec(kind)",
            "    except AssertionError:",
            "        continue",
            "    passed.append(kind)",
            "print('order 4' if not passed else passed)",
        ]
    )
    found = small({1: tried})
    assert (found.failed, found.differ) == ([], [])


@pytest.mark.slow(seconds=30)
def test_what_is_no_cell_has_its_clocks_in_a_run(small):
    """Time limits, progress bars, asyncio and magics work, and a cell may print what it measured."""
    source = """
import asyncio, time
from nodekit.classroom import training, watch
for _ in training.progress_bar(range(2), "two"):
    pass
await asyncio.wait_for(asyncio.sleep(0.01), 5)
try:
    with watch.time_limit(0.1, print):
        while True:
            pass
except watch.TimeUp as up:
    assert not up.waited
begin = time.monotonic()
assert time.monotonic() - begin < 60
took = time.perf_counter() - time.perf_counter()
f"{1e3 * took:5.1f} ms, {took:.0f} s"
%timeit -n 1 -r 1 -q h
print('order', h + 3)"""
    found = small({1: source.strip()})
    assert (found.failed, found.differ) == ([], [])


def test_a_cell_that_is_not_run_is_a_mistake(small):
    """A tag that leaves a cell out would leave it out of all tests."""
    found = small({2: "# NBVAL_SKIP\nh + 1", 3: "h"})
    assert found.failed == ["Cell 2 was not run, by its tag"]
    assert found.sliders == ["there is no figure with sliders"]
