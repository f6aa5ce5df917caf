"""The course's glossary: a term is defined where it first stands, as <dfn>term</dfn> in a lesson's Markdown.

`python -m tests.lessons.make NN` writes the table into lesson 00 (front.py). A rule of reading.py finds a term that is
used before it is defined.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from tests.lessons import counting

FOLDER = Path(__file__).parents[2] / "lessons"
DFN = re.compile(r"<dfn>(.*?)</dfn>", re.S)
FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$]+\$|`[^`]+`|\]\([^)]*\)", re.S)


@dataclass(frozen=True)
class Term:
    """A term, the sentence that defines it, and its lesson's file name."""

    term: str
    sentence: str
    file: str


def collected(cells, file):
    """[Term] of a lesson's cells, in order."""
    return [
        Term(" ".join(term.split()), with_formula(sentence_around(paragraph, match), following), file)
        for cell in cells
        if cell["cell_type"] == "markdown"
        for paragraph, following in pairwise([*re.split(r"\n\s*\n", counting.text(cell["source"])), ""])
        for match in DFN.finditer(paragraph)
        for term in [match[1]]
    ]


def sentence_around(paragraph, match):
    """The sentence of a paragraph that holds a match, on one line, without tags, emphasis and a list's mark."""
    ends = [m.end() for m in re.finditer(r"(?<! al)[.?!][*_)\"”]*\s+(?=[^a-z\s])", paragraph)]  # no end: et al.
    start = max([end for end in ends if end <= match.start()], default=0)
    stop = min([end for end in ends if end >= match.end()], default=len(paragraph))
    sentence = re.sub(r"</?dfn>", "", paragraph[start:stop])
    return re.sub(r"^([-*>]|\d+\.)\s+", "", " ".join(sentence.split())).replace("**", "")


def with_formula(sentence, following):
    """A sentence that ends in a colon, with the displayed formula of the next paragraph as one within the line."""
    if not sentence.endswith(":"):
        return sentence
    displayed = re.fullmatch(r"\$\$(.*)\$\$\s*", following.strip(), re.S)
    if not displayed:  # code follows, or a list
        return sentence[:-1] + "."
    formula = re.sub(r"\\(begin|end)\{aligned\}", "", displayed[1])
    if "\\begin" not in formula:  # else these belong to a matrix
        formula = re.sub(r"\\\\(\[[^\]]*\])?", r" \\qquad ", formula.replace("&", ""))  # one after the other
    parts = [" ".join(part.split()).rstrip(",") for part in formula.split(r"\qquad")]
    if any(part.count("{") != part.count("}") for part in parts):  # a box around all of them
        parts = [" ".join(formula.split())]
    return f"{sentence} {', '.join(f'${part}$' for part in parts)}"  # a line may end between them


@cache
def cells_of(path, changed):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def lessons(folder):
    """[(path, cells)] of the lessons in a folder, in order."""
    paths = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    return [(path, cells_of(path, path.stat().st_mtime_ns)) for path in paths]


def table(folder=FOLDER):
    """The glossary as Markdown lines, by the alphabet."""
    terms = [term for path, cells in lessons(folder) for term in collected(cells, path.name)]
    rows = [
        f"| **{term.term}** | {escaped(term.sentence)} | [{term.file[:2]}]({term.file}) |"
        for term in sorted(terms, key=lambda term: term.term.lower())
    ]
    return ["| term | what it is | lesson |", "|---|---|---|", *rows]


def escaped(sentence):
    """A bar within a formula would end the table's column."""
    return sentence.replace("\\|", "\\Vert ").replace("|", "\\vert ")


@cache
def pattern(term):
    """Whole words, simple plurals, in any case."""
    parts = r"[\s-]+".join(map(re.escape, re.split(r"[\s-]+", term)))
    return re.compile(rf"(?<![\w-]){parts}(?:s|es)?(?![\w-])", re.I)


def prose(cells):
    """[(cell, text)] of the core path: no card, made table, references, heading, formula, code or address."""
    for piece in counting.pieces(cells):
        made = {"glossary", "way"} & set(cells[piece.cell]["metadata"].get("tags", []))
        titles = "references" in piece.heading[1].lower()  # of papers and books
        if piece.cell and piece.text and not piece.deeper and not made and not titles:
            yield piece.cell, re.sub(r"^#+ .*$", "", FORMULA.sub(" ", piece.text), flags=re.M)


def used_too_early(lesson):
    """Words for each term that the core path uses before its definition; one in a part that can be skipped is none."""
    found = [(path.name, collected(cells, path.name)) for path, cells in lessons(lesson.path.parent)]
    own = lesson.path.name
    known = {term.term for file, terms in found for term in terms if file < own}
    later = {term.term: f"in lesson {file[:2]}" for file, terms in reversed(found) for term in terms if file > own}
    later |= {term.term: "further down, or in a part that can be skipped" for term in collected(lesson.cells, own)}
    not_yet = {term: where for term, where in later.items() if term not in known}
    everything = known | set(later)
    longer = {term: [o for o in everything if o != term and pattern(term).search(o)] for term in not_yet}
    for number, part in prose(lesson.cells):
        flat = " ".join(part.split())
        for term, where in [(term, where) for term, where in not_yet.items() if pattern(term).search(flat)]:
            before, definition, _ = flat.partition(f"<dfn>{term}</dfn>")
            for other in longer[term]:  # the "adjoint equation" is no use of "adjoint"
                before = pattern(other).sub(" ", before)
            if pattern(term).search(before):
                yield f"cell {number} uses the term {term!r}, which is defined {where}"
                del not_yet[term]
            elif definition:
                del not_yet[term]
