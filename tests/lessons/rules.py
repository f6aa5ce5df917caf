"""What every committed notebook must keep to. Each rule takes a Lesson and yields what is wrong, in words.

tests/lessons/test_notebooks.py applies each to every lesson, and breaks each once.
"""

import getpass
import json
import re
import socket
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

CARD = ["You will", "Before this", "Run time", "Backends"]
# An address on the web other than one of the literature: an installer's output, say, or a registry's.
ADDRESS = re.compile(r"\bhttps?://(?!(?:arxiv\.org|doi\.org)/)[\w.-]+")
FOLDERS = "home|Users|root|tmp|usr|opt|var|work|mnt|etc|srv|private|content|workspace|github"
# A path from the root of a file system: not a URL's path, not a fraction, not half of ../tmp/x.
ABSOLUTE_PATH = re.compile(rf"(?<![\w./:~])/(?:{FOLDERS})/[\w.-]+|\bfile://|\b[A-Z]:\\\\?\w")
# Names that say nothing of a person or a computer, or that the course uses itself: somebody may be called euler.
COMMON_NAMES = {"root", "user", "runner", "admin", "student", "jovyan", "ubuntu", "localhost"}
COMMON_NAMES |= set(re.findall(r"\w+", (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8").lower()))
MEGABYTE = 1_000_000


@dataclass
class Lesson:
    """A notebook file, and what its exercises are: module -> names, module -> name -> wrong answers."""

    path: Path
    exercises: dict = field(default_factory=dict)
    banks: dict = field(default_factory=dict)

    def __post_init__(self):
        self.notebook = json.loads(self.path.read_text(encoding="utf-8"))
        self.cells = self.notebook["cells"]
        self.code = [cell for cell in self.cells if cell["cell_type"] == "code"]
        self.markdown = [cell for cell in self.cells if cell["cell_type"] == "markdown"]


def text(lines):
    """nbformat's multi-line strings: a list of lines, or one string."""
    return lines if isinstance(lines, str) else "".join(lines)


def source(cells):
    return "\n\n".join(text(cell["source"]) for cell in cells)


def pictures(cell):
    """(type, metadata) of every picture among a cell's outputs."""
    for output in cell.get("outputs", []):
        for kind in output.get("data", {}):
            if kind.startswith("image/"):
                yield kind, output.get("metadata", {}).get(kind, {})


def card_rows(lesson):
    return dict(re.findall(r"^\|\s*\*\*(.+?)\*\*\s*\|\s*(.*?)\s*\|\s*$", text(lesson.cells[0]["source"]), re.M))


def card(lesson):
    """The first cell is the title with the lesson's number, the question, and the card."""
    first = text(lesson.cells[0]["source"])
    if lesson.cells[0]["cell_type"] != "markdown":
        yield "the first cell is not Markdown"
    if not re.match(rf"# {lesson.path.name[:2]} \S", first):
        yield f"the title is not '# {lesson.path.name[:2]} ...'"
    if not re.search(r"^\*\*Question\.\*\* .+\?", first, re.M):
        yield "no line '**Question.** ...?'"
    rows = card_rows(lesson)
    for label in CARD:
        if not rows.get(label):
            yield f"the card has no row '| **{label}** | ... |'"


def counts(lesson):
    """Run from top to bottom in a new kernel: counts 1, 2, ..., N."""
    found = [cell["execution_count"] for cell in lesson.code]
    if not found or found != list(range(1, len(found) + 1)):
        yield f"execution counts are {found}"


def no_error(lesson):
    for number, cell in enumerate(lesson.code, start=1):
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                yield f"code cell {number} ends in {output['ename']}: {output['evalue']}"


def no_trace_of_a_machine(lesson):
    """No absolute path, no address but of the literature, no name of a user or a computer, in sources and outputs."""
    names = {n for n in (getpass.getuser(), socket.gethostname()) if len(n) > 3 and n.lower() not in COMMON_NAMES}
    forbidden = [re.compile(rf"\b{re.escape(word)}\b") for word in names]
    for place, each in written(lesson):
        for pattern in [ABSOLUTE_PATH, ADDRESS, *forbidden]:
            if match := pattern.search(each):
                yield f"{place} holds {match.group()!r}"


def written(lesson):
    """(where, text) of all that can be read in a notebook: sources, text outputs, the state of widgets."""
    for number, cell in enumerate(lesson.cells):
        yield f"cell {number}", text(cell["source"])
        for output in cell.get("outputs", []):
            yield f"cell {number}", text(output.get("text", "")) + "\n".join(output.get("traceback", []))
            for kind, value in output.get("data", {}).items():
                if kind.startswith("text/"):
                    yield f"cell {number}", text(value)
    for saved in lesson.notebook["metadata"].get("widgets", {}).values():
        for widget in saved["state"].values():
            for name, value in widget["state"].items():
                if isinstance(value, str):
                    yield f"the {name} of a widget", value


def kernel(lesson):
    name = lesson.notebook["metadata"].get("kernelspec", {}).get("name")
    if name != "python3":
        yield f"the kernel is {name!r}, not 'python3'"


def alt(lesson):
    for number, cell in enumerate(lesson.code, start=1):
        for kind, metadata in pictures(cell):
            if not metadata.get("alt", "").strip():
                yield f"code cell {number}: {kind} without alt text: use plotting.show(fig, alt=...)"


def sentence_below(lesson):
    """JupyterLab does not show alt text, so each figure is followed by a sentence in Markdown."""
    for cell, following in zip(lesson.cells, [*lesson.cells[1:], None], strict=True):
        if cell["cell_type"] == "code" and list(pictures(cell)):
            below = text(following["source"]) if following and following["cell_type"] == "markdown" else ""
            if not re.match(r"[^#\s].{20,}?[.:?!]", below, re.S):
                yield f"no Markdown sentence below the figure of code cell {cell['execution_count']}"


def links(lesson):
    """A relative link leads to a file that is there. A lesson that is not made yet is named, not linked."""
    found = re.findall(r"\]\(\s*<?([^)\s>]+)", source(lesson.markdown))
    found += re.findall(r"""(?:href|src)=["']([^"']+)""", source(lesson.markdown))
    for link in found:
        target = link.split("#")[0].split("?")[0]
        if not target or re.match(r"[a-z]+:", target):
            continue
        if not (lesson.path.parent / target).exists():
            yield f"the link to {link} leads nowhere"


def exercises(lesson):
    """Each exNN.name is in exercises/exNN.py, and each that is checked has its bank of wrong answers."""
    for module, name, method in re.findall(r"\b(ex\d\d)\.(\w+)(?:\.(\w+))?", source(lesson.code)):
        if name not in lesson.exercises.get(module, ()):
            yield f"{module}.{name} is not in exercises/{module}.py"
        elif method == "check" and not lesson.banks.get(module, {}).get(name):
            yield f"{module}.{name} has no bank of wrong answers"


def imports_nodekit(lesson):
    if not re.search(r"^\s*(import|from) nodekit\b", source(lesson.code), re.M):
        yield "nodekit is never imported"


def seconds_of(code):
    """The seconds that code cells took, by their times; None if one has none. Their kernel's start is not in it."""
    total = 0.0
    for cell in code:
        times = cell["metadata"].get("execution", {})
        try:
            ends = [datetime.fromisoformat(times[f"iopub.status.{state}"]) for state in ("busy", "idle")]
        except KeyError:
            return None
        total += (ends[1] - ends[0]).total_seconds()
    return total


def measured_seconds(lesson):
    """What the committed run took."""
    return seconds_of(lesson.code)


def run_time(lesson):
    """The card's run time is the measured one within a factor of 2 (below a second: a second), and below 60 s."""
    stated = re.match(r"(\d+(?:\.\d+)?) s on 2 cores", card_rows(lesson).get("Run time", ""))
    measured = measured_seconds(lesson)
    if stated is None:
        yield "the card's run time is not of the form '12 s on 2 cores'"
    if measured is None:
        yield "the cells hold no times: execute with `python -m tests.lessons.make NN`"
    if stated is None or measured is None:
        return
    measured, seconds = max(measured, 1.0), float(stated.group(1))
    if not seconds / 2 <= measured <= seconds * 2:
        yield f"the card says {seconds:g} s, the committed run took {measured:.1f} s"
    if measured >= 60:
        yield f"the run took {measured:.0f} s: 60 is the limit"


def mathematics(lesson):
    r"""\begin{align} stands for itself in LaTeX only: inside $$ ... $$ it is aligned."""
    for match in re.findall(r"\\begin\{(?:align|equation|gather|eqnarray)\*?\}", source(lesson.markdown)):
        yield f"{match} does not render everywhere: $$ \\begin{{aligned}} ... \\end{{aligned}} $$ does"


def blocks(cell):
    """The paragraphs, headings and formulas of a Markdown cell, one by one; blocks of code are left out."""
    plain = re.sub(r"^(```|~~~).*?^\1", "code", text(cell["source"]), flags=re.M | re.S)
    plain = re.sub(r"^(#+ .*)$", r"\n\n\1\n\n", plain, flags=re.M)
    return [block.strip() for block in re.split(r"\n\s*\n", plain) if block.strip()]


def headings(cell):
    """[(level, title)] of a Markdown cell."""
    found = [re.match(r"(#+) (.*)", block) for block in blocks(cell)] if cell["cell_type"] == "markdown" else []
    return [(len(match[1]), match[2].strip()) for match in found if match]


def announced(lesson):
    """What a colon announces comes next: no heading stands between, and a cell's last colon is followed by code."""
    for number, cell in enumerate(lesson.cells):
        parts = blocks(cell) if cell["cell_type"] == "markdown" else []
        next_type = next((each["cell_type"] for each in lesson.cells[number + 1 :]), None)
        for i, part in enumerate(parts):
            if part.startswith("#") or not re.search(r":[*_)\]\"”]*$", part):
                continue
            if i + 1 == len(parts) and next_type != "code":
                yield f"cell {number} ends in {part[-40:]!r}, and no code cell follows"
            elif i + 1 < len(parts) and re.match("#+ ", parts[i + 1]):
                yield f"cell {number} announces with {part[-40:]!r}, and the heading {parts[i + 1]!r} follows"


def numbering(lesson):
    """The sections, ## 1. to ## N., rise by one."""
    titles = [title for cell in lesson.cells for level, title in headings(cell) if level == 2]
    found = [int(match[1]) for title in titles if (match := re.match(r"(\d+)\b", title))]
    if not found or found != list(range(1, len(found) + 1)):
        yield f"the sections are numbered {found}"


def quiz(lesson):
    """The heading of the quiz is the last before the cell that shows it, and that is the next cell."""
    shown = [cell["cell_type"] == "code" and ".quiz.show(" in text(cell["source"]) for cell in lesson.cells]
    above = ""
    for number, (cell, next_shows) in enumerate(zip(lesson.cells, [*shown[1:], False], strict=True)):
        titles = [title for _, title in headings(cell)]
        if any(is_quiz(title) for title in titles) and not (is_quiz(titles[-1]) and next_shows):
            yield f"cell {number} has the heading of the quiz, and the quiz does not follow it"
        above = titles[-1] if titles else above
        if shown[number] and not is_quiz(above):
            yield f"cell {number} shows the quiz under the heading {above!r}"


def is_quiz(title):
    return re.search(r"\bquiz\b", title, re.I) is not None


def size(lesson):
    bytes_ = lesson.path.stat().st_size
    if bytes_ >= 2 * MEGABYTE:
        yield f"{bytes_ / MEGABYTE:.1f} MB: 2 is the limit"


RULES = [
    card, counts, no_error, no_trace_of_a_machine, kernel, alt, sentence_below, links, exercises, imports_nodekit,
    run_time, mathematics, announced, numbering, quiz, size,
]  # fmt: skip
