"""Submissions of homework 1, good and bad: each takes a released notebook and makes what a student hands in."""

import copy
import json
import re

LIGHT = {  # of the reference, without its tables and figures
    "setting": 'setting = {"method": "bdf", "rtol": 1e-5, "atol": 1e-7}',
    "explore": "pass",
}
FULL = {"part1": 12, "part2": 18, "part3": 24, "part4": 16, "part5": 20}
NOTHING = dict.fromkeys(FULL, 0)


def reference(source):
    """{grade_id: source} of the solution cells of the source notebook, without nbgrader's marks."""
    cells = [cell for cell in source["cells"] if cell["metadata"].get("nbgrader", {}).get("solution")]
    return {
        cell["metadata"]["nbgrader"]["grade_id"]: re.sub(r" *### (BEGIN|END) SOLUTION\n?", "", text(cell))
        for cell in cells
    }


def text(cell):
    return cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])


def printed(cells):
    """What the cells show as text."""
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]
    return "\n".join(text if isinstance(text, str) else "".join(text) for text in texts)


def find(notebook, grade_id):
    """The cell of this grade_id."""
    return next(c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == grade_id)


def filled(released, answers):
    """The released notebook with the cells of `answers`, {grade_id: source}, filled in."""
    notebook = copy.deepcopy(released)
    for grade_id, source in answers.items():
        find(notebook, grade_id)["source"] = source
    return notebook


def brief(notebook):
    """Without the cells that are neither the student's nor handed in: a quicker run."""
    keep = [c for c in notebook["cells"] if "nbgrader" in c["metadata"] or c["id"] in ("variant", "imports")]
    return notebook | {"cells": keep}


def with_lines(notebook, lines, grade_id="field", before=True):
    """Lines of code before (or after) the source of one cell."""
    notebook = copy.deepcopy(notebook)
    cell = find(notebook, grade_id)
    cell["source"] = f"{lines}\n{text(cell)}" if before else f"{text(cell)}\n{lines}"
    return notebook


# Answers that were right for another variant, or for the numbers that one sees at home.
MEMORY = """
import json
import os

os.environ["NODEKIT_HOMEWORK_SECRET"] = "0"
remembered = json.loads('''{public}''')


def replay(part, name):
    items = iter(remembered[part][name])

    def answer(*inputs):
        value = next(items)
        return np.array(value) if isinstance(value, list) else value

    return answer


field, jacobian = replay("1", "field"), replay("1", "jacobian")
"""
MEMORY_2 = """
rest, _euler, _dopri5 = replay("2", "rest"), replay("2", "euler"), replay("2", "dopri5")


def largest_stable_step(J, method):
    return _euler(J) if method == "euler" else _dopri5(J)
"""
MEMORY_4 = 'period = replay("4", "period")'

PATCHED_CHECKS = """
from nodekit.classroom import checks, watch

checks.Exercise._judge = lambda self, function: checks.Result(True, "right")
checks.Exercise.check = lambda self, function: print("✓ right")
watch.is_stub = lambda function: False
hw1_checks.setting = lambda *a: True
"""

FORGED = """
from IPython.display import display


def forged(part, variant, *work):
    if part < 3:
        return float({1: 12, 2: 18}[part])  # what nbgrader would read as points
    answer = {"points": 24, "order": "right", "period": [1.9, 1.9], "setting": {"method": "bdf", "nfev": 1}}
    display({"application/vnd.nodekit.answer+json": {"part": part, "answer": answer}}, raw=True)


hw1.hand_in = forged
"""

# What a student's code should not see, and a page should not run.
CURIOUS = """
import os
from IPython.display import HTML, Javascript, display

seen = [place for place in {places!r} if os.path.exists(place)]
print("SEEN", len(seen), "others", sum(name.isdecimal() for name in os.listdir("/proc")) > 4)
display(HTML("<img src=x onerror=alert(1)><script>alert(2)</script><b>bold</b>"), Javascript("alert(3)"))
display({{"image/png": '"><script>alert(4)</script>'}}, raw=True)
"""
WORDS = "Words of mine <script>alert(5)</script> and [a link](javascript:alert(6)), ![gone](attachment:gone.png)"

ENDLESS = "while True:\n    pass"
STUBBORN = """
import time

while True:
    try:
        time.sleep(60)
    except BaseException:
        pass
"""
FLOOD = """
while True:
    print("x" * 10_000)
"""


def bank(released, source, public, elsewhere, places, boxed):
    """{student: (notebook, text or None, expected points, words of the note, ...)} for one variant. None: any points.

    What loses one part alone, or nothing, stands with others in one notebook.

    public: {part: answer}, what a right solution hands in at home, with the secret 0; elsewhere: the same of another
    variant. places: paths that nobody in a box sees. boxed: whether submissions run in one.
    """
    right = reference(source)
    light = brief(filled(released, right | LIGHT))
    stub = brief(released)
    lost = {"part2": 0, "part3": 0, "part4": 0}
    until_part3 = NOTHING | {"part1": 12, "part2": 18}

    def memorised(public):
        learnt = {"steps": MEMORY_2, "period": MEMORY_4, "implicit": "implicit_step = None"}
        return brief(filled(released, learnt | {"field": MEMORY.replace("{public}", json.dumps(public))}))

    def instead(lines):
        return brief(filled(released, right | LIGHT | {"implicit": lines}))

    def of_variant(notebook, variant):
        cells = [c | {"source": f"VARIANT = {variant}"} if c["id"] == "variant" else c for c in notebook["cells"]]
        return notebook | {"cells": cells}

    # An exception, 2 GB and a loop without an end, each in a cell of its own.
    accidents = {
        "steps": "largest_stable_step = 1 / 0",
        "implicit": "implicit_step = np.ones(2**28)",
        "period": ENDLESS,
    }
    # Another variant, cells of nbgrader's changed, renamed and lost, and an answer of more than a megabyte.
    long = "def implicit_step(f, jac, t, x, h):\n    return np.ones((100, 100))"
    tampered = of_variant(filled(light, {"part1": "12.0", "implicit": long}), 0)
    find(tampered, "part1")["metadata"]["nbgrader"].update(locked=False, points=1000, grade=False)
    tampered["cells"] = [cell for cell in tampered["cells"] if cell is not find(tampered, "part2")]
    tampered["cells"].append({"cell_type": "markdown", "id": "new", "metadata": {}, "source": WORDS})
    find(tampered, "steps")["metadata"]["nbgrader"]["grade_id"] = "my own"
    return {
        "stub": (stub, NOTHING, "not attempted"),
        "memorised": (memorised(public), NOTHING, "part4: period: the largest relative error"),
        "memorised elsewhere": (
            of_variant(memorised(elsewhere), 8),
            NOTHING,
            "part1: field: the largest relative error",
        ),
        "checks patched": (with_lines(stub, PATCHED_CHECKS, before=False), NOTHING, "not attempted"),
        "hand_in forged": (
            with_lines(stub, FORGED + CURIOUS.format(places=places)),
            NOTHING,
            "part1: Nothing was handed in",
        ),
        "accidents": (
            filled(light, accidents),
            FULL | lost,
            "part2: Nothing was handed in: NameError",
            "part3: Nothing was handed in: NameError: name 'implicit_step' is not defined",
            "was stopped after",
        ),
        "stubborn": (instead(STUBBORN), until_part3, "could not be interrupted; nothing after it was run"),
        "flood": (instead(FLOOD), until_part3 | {"part4": None, "part5": None}, "part3: Nothing was handed in"),
        "exit": (instead("import os\nos._exit(0)"), until_part3, "the kernel died in cell"),
        "ends the grader": (
            with_lines(stub, "import os\nos.kill(os.getppid(), 9)"),
            NOTHING,
            "field: not attempted" if boxed else "the grader stopped",
        ),
        "tampered": (tampered, FULL | {"part3": 0}, "cell part2 was missing", "1 is the limit"),
        "broken": ('{"cells": [', NOTHING, "the file is no notebook"),
        "no notebook": ("[1, 2]", NOTHING, "the file is no notebook"),
        "missing": (None, NOTHING, "no notebook was submitted"),
    }
