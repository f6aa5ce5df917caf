"""Mutants of the reference solutions, each given to the check of its exercise."""

import ast
import contextlib
import importlib
import inspect
import io
import sys
import textwrap
from pathlib import Path

from nodekit.classroom.checks import Exercise
from tests.mutation import forked, operators
from tests.mutation.mutants import install, mutants, no_mistake

LESSONS = Path(__file__).parents[2] / "lessons"


def exercises(number):
    """{name: Exercise} of a lesson, "06" say."""
    if str(LESSONS) not in sys.path:
        sys.path.insert(0, str(LESSONS))
    module = importlib.import_module(f"exercises.ex{number}")
    return {name: value for name, value in vars(module).items() if isinstance(value, Exercise)}


def listed(number):
    """[(where, Mutant)] of all exercises of a lesson."""
    found = []
    for exercise in exercises(number).values():
        definition = ast.parse(textwrap.dedent(inspect.getsource(exercise.reference))).body[0]
        found += [(f"ex{number}", mutant) for mutant in mutants(definition, operators.ALL)]
    return found


def answer(exercise, tree):
    """The mutant as a student's function, with the globals of the reference."""
    names = dict(exercise._module) | {"__name__": "__main__"}
    exec(compile(ast.Module([tree], []), "<mutant>", "exec"), names)
    return names[exercise.reference.__name__]


def judged(exercise, tree, seconds):
    """Run in a child: "survived", "no mistake", or why the check refused."""
    install()
    exercise.seconds = seconds
    try:
        function = exercise.reference if tree is None else answer(exercise, tree)
    except Exception as error:
        return f"killed: {type(error).__name__}: {error}"
    with contextlib.redirect_stdout(io.StringIO()):
        result = exercise.check(function)
    if not result.passed:
        return "killed: " + result.message.splitlines()[0]
    return "no mistake" if tree is not None and no_mistake(tree) else "survived"


def judge(number, chosen, processes=1, say=print):
    """[(where, Mutant, Outcome)] for the chosen (where, Mutant) of a lesson. RuntimeError if a reference is refused."""
    results = []
    for exercise in exercises(number).values():
        own = exercise.reference.__name__
        mine = [mutant for _, mutant in chosen if mutant.name.split(".")[0] == own]
        if not mine:
            continue
        reference = forked.run([lambda e=exercise: judged(e, None, e.seconds)], limit=4 * exercise.seconds)[0]
        if reference.text != "survived":
            raise RuntimeError(f"{exercise.name} refuses its own solution: {reference.text}")
        # A mutant that does not end need not be waited for as long as a student's machine may need.
        limit = min(exercise.seconds, 2 + 5 * reference.seconds)
        tasks = [lambda e=exercise, m=mutant, s=limit: judged(e, m.tree, s) for mutant in mine]
        outcomes = forked.run(tasks, 2 * limit + 5, processes)
        results += [(f"ex{number}", *pair) for pair in zip(mine, outcomes, strict=True)]
        say(f"{exercise.name}: {sum(o.text == 'survived' for o in outcomes)} of {len(mine)} survive")
    return results
