"""The gate: every committed lesson keeps every rule, and every rule is seen to refuse what it should."""

import copy
import json

import pytest

from tests.lessons import gate, reading, rules

LESSONS = sorted(gate.FOLDER.glob("[0-9][0-9]_*.ipynb"))
RULE = pytest.mark.parametrize("rule", gate.RULES, ids=lambda rule: rule.__name__)


def test_there_are_lessons():
    """The gate below stands in front of something."""
    assert LESSONS


def test_numbers_are_not_given_twice():
    numbers = [path.name[:2] for path in LESSONS]
    assert len(set(numbers)) == len(numbers)


@RULE
@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lesson_keeps(path, rule):
    """Each lesson keeps each rule."""
    assert list(rule(gate.load(path))) == []


# A small notebook that keeps every rule, and ways to break them one by one.

CARD = """# 03 Small
**Question.** Does the gate open?

| | This lesson |
|---|---|
| **You will** | measure nothing |
| **Before this** | nothing |
| **Time** | core path 25 minutes, everything 50 |
| **Run time** | 12 s on 2 cores |
| **Backends** | NumPy |"""
MARKDOWN = [
    CARD,
    "The figure shows a line that rises from zero to one.\n\n$$ \\begin{aligned} x &= y \\end{aligned} $$",
    "See [lesson 04](04_next.ipynb), [the file](data/a.csv#top), [a paper](https://arxiv.org/abs/1806.07366).\n\n"
    "## 1. What a colon says\n\nA list:\n\n- of one\n\n```\nx:\n# no heading\n```\n\n### A number\n\nAnd a *cell:*",
    "## 2. Quiz\n\nChoose, and read why. (Without buttons: `ex03.quiz.answer(1)`.)",
]
EXERCISE = "**Exercise 1.** *8 minutes, ●○○.* A step.\n\n**Exercise 2.** *7 minutes, ●●○.* Another one."
DEEPER = "## 3. Deeper: why\n\nIt can be skipped."
SKIPPED = "**Exercise 3 (deeper).** *25 minutes, ●●●.* A third."


def markdown(source, *tags):
    return {"cell_type": "markdown", "metadata": {"tags": list(tags)} if tags else {}, "source": source}


def code(count, source, seconds, outputs=()):
    times = {"iopub.status.busy": "2026-11-21T10:00:00.5Z", "iopub.status.idle": f"2026-11-21T10:00:{seconds:06.3f}Z"}
    return {
        "cell_type": "code",
        "metadata": {"execution": times},
        "execution_count": count,
        "source": source.splitlines(keepends=True),
        "outputs": list(outputs),
    }


PICTURE = {
    "output_type": "display_data",
    "data": {"image/png": "aGFsbG8=", "text/plain": ["a line\n", "that rises"]},
    "metadata": {"image/png": {"alt": "a line that rises"}},
}
QUIZ = {"output_type": "display_data", "data": {"text/html": "<p>1?</p>", "text/plain": "1?"}, "metadata": {}}
STREAM = {"output_type": "stream", "name": "stdout", "text": ["order 3.98, 1/tmp/x of it, and/or more\n"]}
GOOD = {
    "cells": [
        markdown(MARKDOWN[0]),
        code(1, "import numpy as np\nimport nodekit\nfrom exercises import ex03\nex03.guess.ask()", 4.5, [STREAM]),
        code(2, "ex03.heun_step.check(heun_step)\n1 / 3", 6.5, [PICTURE]),
        markdown(MARKDOWN[1]),
        markdown(MARKDOWN[2]),
        code(3, "sliders.explore(draw)\nex03.guess.reveal()", 0.5),
        markdown(MARKDOWN[3]),
        code(4, "ex03.quiz.show()\nprogress.show(ex03)", 0.5, [QUIZ]),
        markdown(EXERCISE),
        markdown(SKIPPED, "deeper"),
        markdown(DEEPER, "deeper"),
        {**code(5, "4 / 3", 0.5), "metadata": {**code(5, "", 0.5)["metadata"], "tags": ["deeper"]}},
    ],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


@pytest.fixture
def lesson(tmp_path):
    """Writes a notebook beside what its links lead to, and loads it."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.csv").write_text("")
    later = {"cells": [markdown("So it is\n\n- a <dfn>late term</dfn>, which is late. Not before.")]}
    (tmp_path / "04_next.ipynb").write_text(json.dumps(later))

    def write(notebook, name="03_small.ipynb"):
        (tmp_path / name).write_text(json.dumps(notebook), encoding="utf-8")
        names, bank = {"heun_step", "quiz", "rk4_step", "guess"}, {"heun_step": {"zeros": None}}
        return rules.Lesson(tmp_path / name, {"ex03": names}, {"ex03": bank})

    return write


@RULE
def test_a_good_notebook_keeps(lesson, rule):
    assert list(rule(lesson(GOOD))) == []


def cell(number, **changed):
    return lambda notebook: notebook["cells"][number].update(changed)


def card_row(label, value):
    """Replace one row of the card, or take it out."""
    old = next(line for line in CARD.splitlines() if line.startswith(f"| **{label}**"))
    return cell(0, source=CARD.replace(old, f"| **{label}** | {value} |" if value is not None else ""))


def output(number, **changed):
    return lambda notebook: notebook["cells"][number]["outputs"][0].update(changed)


def prints(line):
    return output(1, text=[line])


def takes(number, seconds):
    return lambda notebook: notebook["cells"][number].update(code(number, "import nodekit", seconds))


def widget_state(value):
    return {"application/vnd.jupyter.widget-state+json": {"state": {"id": {"state": {"value": value, "max": 1}}}}}


def tagged(number, *tags):
    return lambda notebook: notebook["cells"][number]["metadata"].update(tags=list(tags))


BREAKS = {
    "no card": (rules.card, cell(0, source="# 03 Small\n**Question.** Why?")),
    "card in code": (rules.card, cell(0, cell_type="code", execution_count=None, outputs=[])),
    "another number": (rules.card, cell(0, source=CARD.replace("# 03", "# 04"))),
    "no question": (rules.card, cell(0, source=CARD.replace("**Question.** Does the gate open?", ""))),
    "a question without a question": (rules.card, cell(0, source=CARD.replace("open?", "open."))),
    **{f"card without {label}": (rules.card, card_row(label, None)) for label in rules.CARD},
    "an empty row": (rules.card, card_row("Backends", "")),
    "stripped": (rules.counts, cell(2, execution_count=None)),
    "out of order": (rules.counts, cell(2, execution_count=3)),
    "an error": (
        rules.no_error,
        output(1, output_type="error", ename="ValueError", evalue="h", traceback=[], name=None, text=""),
    ),
    "a path in a source": (rules.no_trace_of_a_machine, cell(1, source="open('/home/ada/x')\nimport nodekit")),
    "a path in a text": (rules.no_trace_of_a_machine, cell(4, source="It is in C:\\Users\\ada.")),
    "a path printed": (rules.no_trace_of_a_machine, prints("/tmp/ipykernel_7/1.py:3: RuntimeWarning: overflow\n")),
    "a path quoted": (rules.no_trace_of_a_machine, prints("saved to '/work/x.npz'\n")),
    "a path as a result": (rules.no_trace_of_a_machine, output(2, data={"text/plain": "PosixPath('/root/course')"})),
    "a path in HTML": (rules.no_trace_of_a_machine, output(2, data={"text/html": ["<b>/usr/lib", "/x</b>"]})),
    "a path in a widget": (
        rules.no_trace_of_a_machine,
        lambda notebook: notebook["metadata"].update(widgets=widget_state("<pre>in /tmp/ipykernel_7/1.py</pre>")),
    ),
    "a registry": (rules.no_trace_of_a_machine, prints("Looking in indexes: https://packages.example/simple\n")),
    "another kernel": (rules.kernel, lambda notebook: notebook["metadata"]["kernelspec"].update(name="venv")),
    "no kernel": (rules.kernel, lambda notebook: notebook["metadata"].clear()),
    "no alt": (rules.alt, output(2, metadata={})),
    "an empty alt": (rules.alt, output(2, metadata={"image/png": {"alt": " "}})),
    "an SVG without alt": (rules.alt, output(2, data={"image/svg+xml": "<svg/>"})),
    "no sentence below": (rules.sentence_below, lambda notebook: notebook["cells"].insert(3, code(3, "1", 7))),
    "a heading below": (rules.sentence_below, cell(3, source="## What the figure shows, in words.\nA line.")),
    "two words below": (rules.sentence_below, cell(3, source="A line.")),
    "nothing below": (rules.sentence_below, lambda notebook: notebook["cells"].__delitem__(slice(3, None))),
    "a dead link": (rules.links, cell(4, source="See [lesson 05](05_later.ipynb).")),
    "a dead link with an anchor": (rules.links, cell(4, source="See [lesson 05](05_later.ipynb#why).")),
    "a dead picture": (rules.links, cell(4, source='<img src="figure.png">')),
    "an unknown exercise": (rules.exercises, cell(2, source="ex03.euler_step.check(f)")),
    "an unknown module": (rules.exercises, cell(2, source="ex04.heun_step.check(f)")),
    "an exercise without a bank": (rules.exercises, cell(2, source="ex03.rk4_step.check(f)")),
    "no nodekit": (rules.imports_nodekit, cell(1, source="import numpy  # import nodekit")),
    "no run time": (rules.run_time, card_row("Run time", "short")),
    "too slow for its card": (rules.run_time, card_row("Run time", "4 s on 2 cores")),
    "too fast for its card": (rules.run_time, card_row("Run time", "21 s on 2 cores")),
    "no times": (rules.run_time, cell(2, metadata={})),
    "align": (rules.mathematics, cell(3, source="A line that rises to one.\n\n\\begin{align*} x \\end{align*}")),
    "a heading after a colon": (rules.announced, cell(3, source="And so it is:\n\n### Next\n\nA line.")),
    "a heading in the next line": (
        rules.announced,
        cell(3, source="A line.\n\nIn **numbers:**\n## 1. Next\n\nA line."),
    ),
    "a heading after a bracket": (rules.announced, cell(3, source="A line. (With more of it:)\n\n### Next\n\nA line.")),
    "a colon before Markdown": (rules.announced, cell(3, source="A line. The numbers:")),
    "a colon before the end": (rules.announced, lambda notebook: notebook["cells"].append(markdown("In numbers:"))),
    "no sections": (rules.numbering, lambda notebook: notebook["cells"].__delitem__(slice(4, None))),
    "a section twice": (rules.numbering, cell(6, source="## 1. Quiz")),
    "a section left out": (rules.numbering, cell(6, source="## 3. Quiz")),
    "sections from 2": (rules.numbering, lambda notebook: notebook["cells"].pop(4)),
    "sections in another order": (rules.numbering, cell(6, source="## 2. Quiz\n## 4. Cost\n## 3. Summary")),
    "a cell between quiz and heading": (rules.quiz, lambda notebook: notebook["cells"].insert(7, code(4, "1", 0.5))),
    "a heading between quiz and heading": (rules.quiz, cell(6, source="## 2. Quiz\n\nChoose.\n\n### Cost")),
    "a heading for a quiz that stands elsewhere": (rules.quiz, cell(3, source="A line.\n\n## 1. Quiz\n\nChoose.")),
    "a heading without a quiz": (rules.quiz, lambda notebook: notebook["cells"].pop(7)),
    "a quiz without a heading": (rules.quiz, cell(6, source="Choose, and read why.")),
    "state of widgets": (
        reading.no_widget_state,
        lambda notebook: notebook["metadata"].update(widgets=widget_state("1")),
    ),
    "the view of a widget": (
        reading.no_widget_state,
        output(7, data={"application/vnd.jupyter.widget-view+json": {}, "text/plain": "1?"}),
    ),
    "a deeper heading without a tag": (reading.deeper, tagged(10)),
    "a deeper code cell without a tag": (reading.deeper, tagged(11)),
    "a deeper exercise without a tag": (reading.deeper, tagged(9)),
    "a tag without a heading": (reading.deeper, tagged(5, "deeper")),
    "half a cell deeper": (reading.deeper, cell(6, source="## 2. Quiz\n\n### Deeper: why\n\nChoose.")),
    "half a cell a deeper exercise": (reading.deeper, cell(8, source=f"{EXERCISE}\n\n{SKIPPED}")),
    "a part that ends within a cell": (reading.deeper, cell(10, source=f"{DEEPER}\n\n## 4. On\n\nWe go on.")),
    "too many words": (reading.core_path, cell(3, source="A line that rises. " + "word " * 2200)),
    "too many minutes": (reading.core_path, cell(8, source=EXERCISE.replace("*8", "*48"))),
    "one exercise": (reading.core_path, cell(8, source=EXERCISE.split("\n")[0])),
    "four exercises": (reading.core_path, cell(8, source=f"{EXERCISE}\n\n{EXERCISE}")),
    "an exercise without minutes": (reading.core_path, cell(8, source=EXERCISE.replace("*8 minutes, ●○○.*", ""))),
    "no slider": (reading.core_path, cell(5, source="2 / 3")),
    "two sliders": (reading.core_path, cell(7, source="ex03.quiz.show()\nsliders.explore(draw)")),
    "no time": (reading.time_row, card_row("Time", None)),
    "another time": (reading.time_row, card_row("Time", "core path 30 minutes, everything 50")),
    "a term before its definition": (
        reading.terms,
        cell(8, source=f"Two nodal   sets.\n\nA <dfn>nodal set</dfn> is a set.\n\n{EXERCISE}"),
    ),
    "a term defined where it is skipped": (
        reading.terms,
        lambda notebook: [
            cell(10, source=f"{DEEPER} A <dfn>node</dfn> is one.")(notebook),
            notebook["cells"].append(markdown("## 4. On\n\nNodes are used.")),
        ],
    ),
    "a term of a later lesson": (reading.terms, cell(3, source="A line that rises, as a late-term does.")),
    "no prediction": (
        reading.predictions,
        lambda notebook: [cell(1, source="import nodekit")(notebook), cell(5, source="1")(notebook)],
    ),
    "a prediction without an answer": (reading.predictions, cell(5, source="1")),
    "an answer without a question": (reading.predictions, cell(1, source="import nodekit")),
    "an answer below its question": (reading.predictions, cell(2, source="ex03.guess.reveal()")),
    "a formula in a heading": (reading.plain_headings, cell(6, source="## 2. Quiz on $x$")),
    "a card without a heading": (reading.plain_headings, cell(0, source=CARD.replace("| | This lesson |", "| | |"))),
    "no progress": (reading.progress, cell(7, source="ex03.quiz.show()")),
    "progress above the quiz": (
        reading.progress,
        lambda notebook: [
            cell(7, source="ex03.quiz.show()")(notebook),
            cell(2, source="progress.show(ex03)")(notebook),
        ],
    ),
    "too large": (rules.size, output(2, data={"image/png": "a" * 2_000_000})),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_notebook_is_refused(lesson, name):
    """Each way to break a rule is found by that rule."""
    rule, breaks = BREAKS[name]
    notebook = copy.deepcopy(GOOD)
    breaks(notebook)
    assert list(rule(lesson(notebook))) != []


def test_a_minute_is_too_long(lesson):
    """Sixty seconds is refused even where the card says so."""
    notebook = copy.deepcopy(GOOD)
    card_row("Run time", "62 s on 2 cores")(notebook)
    takes(1, 59.9)(notebook)
    assert list(rules.run_time(lesson(notebook))) == ["the run took 65 s: 60 is the limit"]


def test_every_rule_is_broken_once():
    assert {rule for rule, _ in BREAKS.values()} == set(gate.RULES)


@pytest.mark.parametrize("name", ["getpass.getuser", "socket.gethostname"])
def test_the_name_of_user_and_computer_are_refused(lesson, monkeypatch, name):
    """Whoever executes the notebook does not sign it."""
    monkeypatch.setattr(name, lambda: "lovelace")
    notebook = copy.deepcopy(GOOD)
    prints("made by lovelace\n")(notebook)
    assert list(rules.no_trace_of_a_machine(lesson(notebook))) == ["cell 1 holds 'lovelace'"]
