"""One execution of a notebook, in one kernel, for all its tests: nbval runs and compares it, then its sliders move.

In that kernel a lesson measures no time: it gets nan from every clock, so that an assert on seconds fails here, on
every machine, and not first on a student's busy one.
"""

import inspect
import json
from collections import defaultdict
from dataclasses import dataclass, field

import nbformat
import pytest
from nbval.plugin import IPyNbCell, IPyNbFile


def blind():
    """Let the clocks of `time` say nan to cells and to the lessons' own modules. Its source is sent to the kernel.

    What else asks a clock (time limits, progress bars, asyncio, the kernel) gets the time; time.monotonic stays. Each
    comparison with nan is false: only an assert in the negative, `not a > b`, would not notice.
    """
    import functools
    import sys
    import time

    def without_time(clock):
        @functools.wraps(clock)
        def read():
            caller = sys._getframe(1).f_globals.get("__name__", "").split(".")[0]
            lessons = caller in ("__main__", "examples", "exercises", "timeit") or caller.startswith("run_")
            return float("nan") if lessons else clock()

        return read

    for name in ("time", "perf_counter", "process_time", "thread_time"):
        for clock in (name, f"{name}_ns"):
            setattr(time, clock, without_time(getattr(time, clock)))
    sys.modules.pop("timeit", None)  # it holds a clock from before; what is imported from now on holds one of these


def sweep():
    """Move every control of every live figure; return what is wrong. Its source is sent to the kernel."""
    from nodekit.classroom import sliders

    wrong = [] if sliders.explorers else ["there is no figure with sliders"]
    for number, explorer in enumerate(sliders.explorers.values(), start=1):
        for name, control in explorer.controls.items():
            where = f"figure {number}, {name}"
            start, before, pictures = control.value, explorer.png, []
            ends = list(getattr(control, "options", ())) or [control.low, control.high]
            for value in ends:
                control.value = value
                pictures.append(explorer.png)
                if explorer.error is not None:
                    wrong.append(f"{where} = {value}: {type(explorer.error).__name__}: {explorer.error}")
            if len(set(pictures)) < len(ends):
                wrong.append(f"{where}: the picture is the same at two of {ends}")
            control.value = start
            if explorer.error is not None or explorer.png != before:
                wrong.append(f"{where}: back at {start} the picture is another one, or none")
    return wrong


KEPT = []  # a kernel of nbval's holds a file open, which would be a warning where it is collected
BLIND = f"{inspect.getsource(blind)}\nblind()\ndel blind"
SWEEP = f"{inspect.getsource(sweep)}\nimport json\nprint(json.dumps(sweep()))"


@dataclass
class Run:
    """What was wrong in words: cells that failed, tagged cells with other outputs than committed, sliders."""

    failed: list = field(default_factory=list)
    differ: list = field(default_factory=list)
    sliders: list = field(default_factory=list)


def run(path, session, sliders=True):
    """Execute the notebook at `path` from top to bottom and then, in the same kernel, the sweep of its sliders.

    The session is pytest's, with nbval's options: the kernel of this environment, and a cell's seconds.
    """
    notebook = IPyNbFile.from_parent(session, path=path)
    notebook.compare_outputs = False  # of cells without a tag: this is what --nbval-lax sets
    cells, found = list(notebook.collect()), Run()
    notebook.setup()
    try:
        error, _ = hidden(notebook, "clocks", -1, BLIND)
        found.failed += [error] if error else []
        for cell in cells:
            error = execute(cell)
            if error is not None:
                (found.differ if error.startswith("Cell outputs differ") else found.failed).append(error)
            if notebook.timed_out:  # what comes after it would find a kernel that is still busy
                break
        if sliders:
            found.sliders = moved(notebook, len(cells))
    finally:
        notebook.teardown()
        KEPT.append(notebook.kernel)
    return found


def execute(cell):
    """Run one cell as nbval does; None, or what is wrong with it: nbval's words, then the cell and the traceback."""
    try:
        cell.runtest()
    except pytest.skip.Exception:
        return f"Cell {cell.cell_num} was not run, by its tag"
    except Exception as error:
        return f"{error}\n{cell.repr_failure(pytest.ExceptionInfo.from_exception(error))}"
    return None


def moved(notebook, number):
    """What the sweep finds in the notebook's kernel; `number` is the first that no cell has."""
    if notebook.timed_out:
        return ["the sliders could not be moved: a cell took too long"]
    error, printed = hidden(notebook, "sweep", number, SWEEP)
    return [f"the sliders could not be moved: {error}"] if error else json.loads(printed.splitlines()[-1])


def hidden(notebook, name, number, source):
    """Run a cell that the notebook does not have: None or what is wrong with it, and what it printed."""
    source = nbformat.v4.new_code_cell(source)
    cell = IPyNbCell.from_parent(notebook, name=name, cell_num=number, cell=source, options=defaultdict(bool))
    error = execute(cell)
    return error, "".join(output.text for output in cell.test_outputs or () if output.get("name") == "stdout")
