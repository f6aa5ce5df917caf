"""Mutants of the functions that the lessons define, each given to the lesson's own asserts."""

import ast
import contextlib
import json
import os
import sys
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


def outcome(cells, names, planned, tree):
    """Run in a child: "survived", "no mistake", or in which cell what was raised. tree: the mutant, or None."""
    install()
    own = cells[planned.cell].body
    if tree is not None and planned.first > planned.cell:
        execute([tree], names)
    for k in planned.run:
        body = cells[k].body
        if k == planned.cell and tree is not None:
            body = [*own[: planned.statement], tree, *own[planned.statement + 1 :]]
        try:
            execute(body, names)
        except (Exception, SystemExit) as error:
            return f"killed: {type(error).__name__} in code cell {k + 1}: {error}"
    return "no mistake" if tree is not None and no_mistake(tree) else "survived"


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
    for k, cell in enumerate(cells):
        for planned, mine in waiting.pop(k, ()):
            outcomes = judge_function(cells, names, planned, mine, processes, say)
            results[planned.cell, planned.statement] = list(zip(mine, outcomes, strict=True))
        if not waiting:
            break
        with open(os.devnull, "w") as silent, contextlib.redirect_stdout(silent):
            execute(cell.body, names)
    return [(number, *pair) for key in sorted(results) for pair in results[key]]


def judge_function(cells, names, planned, mine, processes, say):
    """The Outcomes of the mutants of one function."""
    right = forked.run([lambda: outcome(cells, names, planned, None)], limit=300)[0]
    where = f"{mine[0].name.split('.')[0]} of code cell {planned.cell + 1}"
    if right.text != "survived":
        raise RuntimeError(f"{where} has no mistake, and yet: {right.text}")
    tasks = [lambda m=mutant: outcome(cells, names, planned, m.tree) for mutant in mine]
    outcomes = forked.run(tasks, 10 + 4 * right.seconds, processes)
    survived = sum(each.text == "survived" for each in outcomes)
    say(f"{where}: {survived} of {len(mine)} survive; {right.seconds:.0f} s without a mistake")
    return outcomes
