"""The glossary: collected from <dfn> in the lessons, and written into lesson 00."""

import json

import pytest

from tests.lessons import glossary, rules


def markdown(source, *tags):
    return {"cell_type": "markdown", "metadata": {"tags": list(tags)}, "source": source}


@pytest.fixture
def course(tmp_path):
    """Writes lessons {number: sources of Markdown cells}, each below a card; returns their folder."""

    def write(lessons):
        for number, sources in lessons.items():
            cells = [markdown("# The card may say stiff"), *map(markdown, sources)]
            (tmp_path / f"{number}_x.ipynb").write_text(json.dumps({"cells": cells}))
        return tmp_path

    return write


SOURCE = """First, no definition. A field is **<dfn>Lipschitz
continuous</dfn>**, with a bound $L|x|$, i.e. steep nowhere. What follows is another matter."""


def test_a_term_has_its_sentence():
    """On one line, without tags and emphasis; an abbreviation ends no sentence; a list's mark goes."""
    (found,) = glossary.collected([markdown(SOURCE)], "02_x.ipynb")
    assert found.term == "Lipschitz continuous"
    assert found.sentence == "A field is Lipschitz continuous, with a bound $L|x|$, i.e. steep nowhere."
    (found,) = glossary.collected([markdown("Two:\n\n- a <dfn>knot</dfn> is tied")], "02_x.ipynb")
    assert found.sentence == "a knot is tied"


def test_the_table_is_by_the_alphabet(course):
    """A bar in a formula does not end a column."""
    folder = course({"01": ["A <dfn>step</dfn> is one."], "02": [SOURCE]})
    assert glossary.table(folder) == [
        "| term | what it is | lesson |",
        "|---|---|---|",
        "| **Lipschitz continuous** | A field is Lipschitz continuous, with a bound $L\\vert x\\vert $, i.e. steep "
        "nowhere. | [02](02_x.ipynb) |",
        "| **step** | A step is one. | [01](01_x.ipynb) |",
    ]


@pytest.mark.parametrize(
    ("use", "said"),
    [
        ("It is stiff.", 1),
        ("STIFF ones", 1),
        ("A stiffness that grows", 0),
        ("semi-stiff", 0),
        ("`stiff` and $stiff$ and [a](stiff.md)", 0),
        ("### Stiff", 0),
        ("### Deeper: a look\n\nIt is stiff.", 0),
    ],
)
def test_a_use_before_the_definition_is_found(course, use, said):
    """Whole words of the prose of the core path, in an earlier lesson as in an earlier cell."""
    definition = "We call it <dfn>stiff</dfn> where that is so. It stays stiff."
    folder = course({"01": [use], "02": [f"## A\n\n{use}", f"## B\n\n{definition}", "It is stiff."]})
    for number in ("01", "02"):
        found = list(glossary.used_too_early(rules.Lesson(folder / f"{number}_x.ipynb")))
        assert len(found) == said, found


def test_after_the_definition_all_is_well(course):
    """In the same paragraph, in later lessons, in plurals; a longer term is no use of a shorter one."""
    first = "A <dfn>stage</dfn> is one. Stages are many. The <dfn>adjoint equation</dfn> is one, too."
    folder = course({"01": [first], "02": ["Stages, adjoint equations.", "The <dfn>adjoint</dfn> is it."]})
    for number in ("01", "02"):
        assert list(glossary.used_too_early(rules.Lesson(folder / f"{number}_x.ipynb"))) == []


def test_a_word_before_a_line_break_is_found(course):
    folder = course({"01": ["a step\nsize", "the <dfn>step size</dfn> is it"]})
    assert len(list(glossary.used_too_early(rules.Lesson(folder / "01_x.ipynb")))) == 1


def sentence(source):
    """What the glossary says of the one term of a cell."""
    (term,) = glossary.collected([{"cell_type": "markdown", "source": source}], "02_b.ipynb")
    return term.sentence


def test_et_al_ends_no_sentence():
    """An abbreviation's point is followed by a year; a sentence's own by the next."""
    said = sentence("First. A <dfn>gate</dfn> opens (Cho et al. 2014). It shuts.")
    assert said == "A gate opens (Cho et al. 2014)."


def test_a_displayed_formula_ends_its_sentence():
    """It stands in the line, which may end between two; a box holds its own together, a matrix keeps its rows; before
    code a point ends it.
    """
    assert sentence("A <dfn>law</dfn> is\n\n$$\n\\begin{aligned}\nx' &= y\n\\end{aligned}\n$$") == "A law is"
    two = "$$\n\\begin{aligned}\nx' &= y, \\\\[2pt]\ny' &= -x\n\\end{aligned}\n$$"
    assert sentence(f"A <dfn>law</dfn> is:\n\n{two}\n\nMore.") == "A law is: $x' = y$, $y' = -x$"
    boxed = "$$\n\\boxed{a = b, \\qquad c = d}\n$$"
    assert sentence(f"A <dfn>law</dfn> is:\n\n{boxed}") == "A law is: $\\boxed{a = b, \\qquad c = d}$"
    matrix = "$$\n\\begin{pmatrix} a & b \\\\ c & d \\end{pmatrix}\n$$"
    assert sentence(f"A <dfn>table</dfn>:\n\n{matrix}") == "A table: $\\begin{pmatrix} a & b \\\\ c & d \\end{pmatrix}$"
    assert sentence("nodekit has the <dfn>law</dfn>:") == "nodekit has the law."
