"""Every exercise of every lesson: complete, solvable, and not to be passed by a wrong answer."""

import ast
import importlib.util
import inspect
import json
import re
from pathlib import Path

import pytest

from nodekit.classroom.checks import Exercise
from nodekit.classroom.quiz import Prediction, Quiz

HERE = Path(__file__).parent
LESSONS = HERE.parents[1] / "lessons"

MODULES = {
    path.stem: importlib.import_module(f"exercises.{path.stem}")
    for path in sorted((LESSONS / "exercises").glob("ex[0-9][0-9].py"))
}


def assigned(kind):
    """(module name, name) of every Exercise, Prediction or Quiz."""
    return [
        (module, name)
        for module, found in MODULES.items()
        for name, value in vars(found).items()
        if isinstance(value, kind)
    ]


def bank(module):
    """The wrong answers of a module of exercises: name -> {label: (function, words)}."""
    return importlib.import_module(f"wrong_answers.{module}").WRONG


def right(module):
    """Right answers in other forms than the reference's: name -> {label: function}; {} where there are none."""
    found = importlib.util.find_spec(f"right_answers.{module}")
    return importlib.import_module(f"right_answers.{module}").RIGHT if found else {}


def lesson_source(module):
    """The code of the lesson, cell by cell. Fails if there is no lesson of that number."""
    notebooks = list(LESSONS.glob(f"{module[2:]}_*.ipynb"))
    assert len(notebooks) == 1, f"{module}.py belongs to lessons/{module[2:]}_*.ipynb, found {notebooks}"
    cells = json.loads(notebooks[0].read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def stub_in_lesson(module, name):
    """The source of `def name` or `class name` in the lesson, from the cell that also checks it."""
    call = f"{module}.{name}.check({name})"
    cells = [cell for cell in lesson_source(module) if call in cell]
    assert len(cells) == 1, f"the lesson calls {call} in {len(cells)} cells, not in one"
    definitions = [node for node in ast.parse(cells[0]).body if getattr(node, "name", None) == name]
    assert len(definitions) == 1, f"the cell with {call} does not define {name}"
    return ast.unparse(definitions[0])


EXERCISES = assigned(Exercise)
QUESTIONS = [
    (module, name, i) for module, name in assigned(Quiz) for i in range(len(getattr(MODULES[module], name).questions))
]
WRONG = [(module, name, label) for module in MODULES for name, answers in bank(module).items() for label in answers]
RIGHT = [(module, name, label) for module in MODULES for name, answers in right(module).items() for label in answers]


def test_there_are_exercises():
    """The discovery below finds something: in every lesson 3 to 5 exercises and one quiz; 00 is only the door."""
    assert MODULES
    for module in MODULES.keys() - {"ex00"}:
        assert 3 <= sum(found == module for found, _ in EXERCISES) <= 5
        assert sum(found == module for found, _ in assigned(Quiz)) == 1


@pytest.mark.parametrize(("module", "name"), EXERCISES)
def test_exercise_is_complete(module, name):
    """Three hints; a reference of the exercise's own name; a docstring that gives shapes or types."""
    exercise = getattr(MODULES[module], name)
    assert exercise.name == f"{module}.{name}"
    assert exercise.reference.__name__ == name
    assert len(exercise.hints) == 3
    assert len(set(exercise.hints)) == 3
    doc = inspect.getdoc(exercise.reference)
    assert "Returns" in doc
    assert re.search(r"\((\w+,|\w+, .*\w)\)|\b(float|int|bool|str|dict)\b", doc), f"no shape or type in: {doc}"


@pytest.mark.parametrize(("module", "name"), EXERCISES)
def test_reference_passes(module, name, capsys):
    """The solution that a student is shown is right, pasted as it is printed."""
    exercise = getattr(MODULES[module], name)
    result = exercise.check(exercise.reference)
    assert result.passed, result.message
    capsys.readouterr()
    exercise.solution()
    assert capsys.readouterr().out.startswith((f"def {name}(", f"class {name}("))


@pytest.mark.parametrize(("module", "name"), EXERCISES)
def test_untouched_stub(module, name):
    """The lesson's stub has the reference's arguments and docstring, and is told 'not attempted yet'."""
    exercise = getattr(MODULES[module], name)
    namespace = {}
    exec(compile(stub_in_lesson(module, name), "<stub>", "exec"), namespace)
    stub = namespace[name]
    assert inspect.signature(stub) == inspect.signature(exercise.reference)
    assert inspect.getdoc(stub) == inspect.getdoc(exercise.reference)
    result = exercise.check(stub)
    assert not result.passed
    assert not result.attempted
    assert result.message == f"Not attempted yet. {module}.{name}.hint() gives the first of three hints."


@pytest.mark.parametrize(("module", "name"), EXERCISES)
def test_bank_has_three_wrong_answers(module, name):
    """Every exercise is tested against at least three wrong answers, each with words of its own weight."""
    answers = bank(module).get(name, {})
    assert len(answers) >= 3
    assert all(len(words) >= 5 for _, words in answers.values())


@pytest.mark.parametrize("module", MODULES)
def test_bank_has_no_strangers(module):
    """Each name in the banks is an exercise: a renamed exercise does not leave its answers behind."""
    names = {name for found, name in EXERCISES if found == module}
    assert set(bank(module)) <= names
    assert set(right(module)) <= names


@pytest.mark.parametrize(("module", "name", "label"), WRONG)
def test_wrong_answer_is_rejected(module, name, label):
    """A plausible wrong answer is rejected, and the message names its mistake."""
    function, words = bank(module)[name][label]
    result = getattr(MODULES[module], name).check(function)
    assert not result.passed
    assert result.attempted, result.message
    assert words in result.message


@pytest.mark.parametrize(("module", "name", "label"), RIGHT)
def test_right_answer_in_another_form_passes(module, name, label):
    """A right answer passes in every form that is right: another type, another order of the work."""
    result = getattr(MODULES[module], name).check(right(module)[name][label])
    assert result.passed, result.message


@pytest.mark.parametrize(("module", "name"), assigned(Quiz))
def test_quiz_is_fair(module, name):
    """Five questions; the right option is not always the same letter, nor mostly the longest."""
    quiz = getattr(MODULES[module], name)
    assert quiz.name == f"{module}.quiz"
    questions = quiz.questions
    assert len(questions) == 5
    assert len({question.answer for question in questions}) >= 3
    longest = [max(question.options, key=lambda key: len(question.options[key])) for question in questions]
    assert sum(key == question.answer for key, question in zip(longest, questions, strict=True)) <= 2
    assert any(f"{module}.quiz.show()" in cell for cell in lesson_source(module))


@pytest.mark.parametrize(("module", "name", "i"), QUESTIONS)
def test_question_explains_every_option(module, name, i):
    """Every option, right or wrong, has an explanation of its own, and exactly one is judged right."""
    question = getattr(MODULES[module], name).questions[i]
    assert len(question.options) >= 3
    assert len(set(question.options.values())) == len(set(question.explain.values())) == len(question.options)
    assert all(len(text) >= 15 for text in question.explain.values())
    assert sum(question.judge(letter).startswith("Right. ") for letter in question.options) == 1


@pytest.mark.parametrize(("module", "name"), assigned(Prediction))
def test_prediction_is_asked_and_revealed(module, name):
    """Every prediction is asked in the lesson before it is revealed."""
    prediction = getattr(MODULES[module], name)
    code = "\n".join(lesson_source(module))
    asked, revealed = code.find(f"{module}.{name}.ask()"), code.find(f"{module}.{name}.reveal()")
    assert 0 <= asked < revealed
    explain = prediction.question.explain
    assert len(set(explain.values())) == len(explain) >= 3
