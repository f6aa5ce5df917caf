"""Mutants of the functions that the lessons define, each given to the lesson's own asserts."""

import ast
import contextlib
import json
import os
import re
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import matplotlib

from tests.mutation import forked, operators
from tests.mutation.cells import Cell, plan
from tests.mutation.mutants import install, mutants, no_mistake

LESSONS = Path(__file__).parents[2] / "lessons"


def cells_of(number):
    """The code cells of a lesson, "06" say."""
    (path,) = LESSONS.glob(f"{number}_*.ipynb")
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [Cell("".join(cell["source"])) for cell in found if cell["cell_type"] == "code"]


def definitions(cells):
    """(cell, statement, tree) of every function and class at the top of a cell."""
    for number, cell in enumerate(cells):
        for place, statement in enumerate(cell.statements):
            if statement.is_definition:
                yield number, place, statement.node


def listed(number):
    """[(where, Mutant)] of all functions of a lesson."""
    trees = [tree for _, _, tree in definitions(cells_of(number))]
    return [(number, mutant) for tree in trees for mutant in mutants(tree, operators.FOR_LESSONS)]


def execute(body, names):
    exec(compile(ast.fix_missing_locations(ast.Module(body, [])), "<cell>", "exec"), names)


class OutOfTime(BaseException):
    """A cell has used several times the CPU time that it needs without a mistake."""


def outcome(cells, names, planned, tree, seconds):
    """Run in a child: "survived", "no mistake", or in which cell what was raised. tree: the mutant, or None.

    seconds: the CPU time that each cell needs without a mistake.
    """
    install()
    signal.signal(signal.SIGPROF, ring)
    if tree is not None and planned.first > planned.cell:
        execute([tree], names)
    for k in planned.run:
        body = list(cells[k].body)
        if k == planned.cell and tree is not None:
            body[planned.statement] = tree
        signal.setitimer(signal.ITIMER_PROF, limit(seconds[k]))
        try:
            execute(body, names)
        except OutOfTime:
            return f"out of time: code cell {k + 1}"
        except (Exception, SystemExit) as error:
            return f"killed: code cell {k + 1}: {type(error).__name__}: {error}"
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    return "no mistake" if tree is not None and no_mistake(tree) else "survived"


def ring(signum, frame):
    raise OutOfTime


def limit(seconds):
    return 3 + 3 * seconds


def times(cells, names):
    """Run in a child: the CPU seconds of each cell, as JSON. A lesson that fails without any mistake raises."""
    found = []
    for cell in cells:
        start = time.process_time()
        execute(cell.body, names)
        found.append(round(time.process_time() - start, 2))
    return json.dumps(found)


def prepare():
    """Let cells run outside of a notebook: no display, no picture made, one thread, so that a fork is safe."""
    os.chdir(LESSONS)
    if str(LESSONS) not in sys.path:
        sys.path.insert(0, str(LESSONS))
    matplotlib.use("Agg")
    from nodekit.classroom import plotting

    plotting.show = lambda fig, alt: None
    with contextlib.suppress(ImportError):
        import torch

        torch.set_num_threads(1)


def judge(number, chosen, processes=1, say=print):
    """[(where, Mutant, Outcome)] for the chosen (where, Mutant) of a lesson. RuntimeError if the lesson itself fails.

    The lesson is executed cell by cell; before each, the mutants of the functions that it is first to use are run.
    """
    prepare()
    cells, waiting, results = cells_of(number), {}, {}
    wanted = {(mutant.name, mutant.text, ast.unparse(mutant.tree)) for _, mutant in chosen}
    for cell, place, tree in definitions(cells):
        found = mutants(tree, operators.FOR_LESSONS)
        mine = [m for m in found if (m.name, m.text, ast.unparse(m.tree)) in wanted]
        planned = plan(cells, cell, place)
        if mine and planned is None:  # no cell uses it
            results[cell, place] = [(m, forked.Outcome("survived", 0.0)) for m in mine]
        elif mine:
            waiting.setdefault(planned.first, []).append((planned, mine))
    names = {"__name__": "__main__"}
    timed = forked.run([lambda: times(cells, names)], limit=600)[0]
    if not timed.text.startswith("["):
        raise RuntimeError(f"lesson {number} itself {timed.text}")
    seconds = json.loads(timed.text)
    for k, cell in enumerate(cells):
        for planned, mine in waiting.pop(k, ()):
            outcomes = judge_function(cells, names, planned, mine, seconds, processes)
            results[planned.cell, planned.statement] = list(zip(mine, outcomes, strict=True))
            survived = [m.text for m, each in zip(mine, outcomes, strict=True) if each.text == "survived"]
            say(f"{mine[0].name.split('.')[0]} of code cell {planned.cell + 1}: {len(survived)} of {len(mine)} survive")
            for text in survived:  # at once: the whole takes long, and may be stopped
                say(f"  {text}")
        if not waiting:
            break
        with open(os.devnull, "w") as silent, contextlib.redirect_stdout(silent):
            execute(cell.body, names)
    return [(number, *pair) for key in sorted(results) for pair in results[key]]


def judge_function(cells, names, planned, mine, seconds, processes):
    """The Outcomes of the mutants of one function."""
    needed = sum(limit(seconds[k]) for k in planned.run) + 10
    tasks = [lambda m=mutant: outcome(cells, names, planned, m.tree, seconds) for mutant in mine]
    outcomes = forked.run(tasks, needed, processes)
    # Is it the mistake that they died of? Without it, all cells up to the last that killed one must pass.
    killing = [int(match[1]) - 1 for each in outcomes if (match := re.match(r"killed: code cell (\d+)", each.text))]
    if killing and not any(each.text == "survived" for each in outcomes):
        right = replace(planned, run=tuple(k for k in planned.run if k <= max(killing)))
        found = forked.run([lambda: outcome(cells, names, right, None, seconds)], needed)[0]
        if found.text != "survived":
            return [forked.Outcome(f"unclear: without a mistake {found.text}", each.seconds) for each in outcomes]
    return outcomes
