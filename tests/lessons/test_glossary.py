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


def test_the_table_is_by_the_alphabet_and_replaces_the_old_one(course):
    """A bar in a formula does not end a column; what stands around the markers stays."""
    folder = course({"01": ["A <dfn>step</dfn> is one."], "02": [SOURCE]})
    old = f"## Glossary\n\n{glossary.BEGIN}\nold\n{glossary.END}\nAfter."
    new = glossary.with_table(old, folder)
    assert new == "\n".join(
        [
            "## Glossary", "", glossary.BEGIN, "", "| term | what it is | lesson |", "|---|---|---|",
            "| **Lipschitz continuous** | A field is Lipschitz continuous, with a bound $L\\vert x\\vert $, i.e. steep "
            "nowhere. | [02](02_x.ipynb) |",
            "| **step** | A step is one. | [01](01_x.ipynb) |", "", glossary.END, "After.",
        ]
    )  # fmt: skip
    assert glossary.with_table(new, folder) == new
    with pytest.raises(ValueError, match="glossary"):
        glossary.with_table("## Glossary", folder)


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
