"""All rules on all lessons.

`problems(path)` says what is wrong with one; test_notebooks.py and make.py ask it.
"""

import importlib
from pathlib import Path

from tests.lessons import reading, rules

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / "lessons"
RULES = [*rules.RULES, *reading.RULES]


def load(path):
    """The lesson, with the names in its exercises and in their banks of wrong answers."""
    module = f"ex{path.name[:2]}"
    if not (FOLDER / "exercises" / f"{module}.py").exists():
        return rules.Lesson(path)
    names = set(vars(importlib.import_module(f"exercises.{module}")))
    has_bank = (HERE / "wrong_answers" / f"{module}.py").exists()
    bank = importlib.import_module(f"wrong_answers.{module}").WRONG if has_bank else {}
    return rules.Lesson(path, {module: names}, {module: bank})


def problems(path):
    """[words] of what is wrong with the lesson, rule by rule."""
    lesson = load(path)
    return [f"{rule.__name__}: {said}" for rule in RULES for said in rule(lesson)]
