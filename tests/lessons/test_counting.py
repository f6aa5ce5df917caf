"""The one count of a lesson: what is deeper, and what each thing costs."""

import pytest

from tests.lessons.counting import Count, core, fives, pieces, time_row, total, words


def markdown(source):
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def code(source, *kinds):
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": [{"data": dict.fromkeys(kinds, "")}]}


CARD = "# 03 Small\n\n**Question.** One, two?\n\n| **You will** | not count |"  # 4 words: 03 is one


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("one two, **three** - 4 — x'", 5),
        ("so $a + b = c$ it is", 4),
        ("[a link](https://a.b/c d) <dfn>or</dfn>", 3),
    ],
)
def test_words(source, count):
    assert words(source) == count


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([markdown(CARD)], Count(words=5)),
        ([markdown(CARD), markdown("| one | two |\n|---|---|\n| 3 | 4 |\n\nfive")], Count(words=8)),
        ([markdown("x"), markdown("one\n\n$$\na + b\n$$\n\ntwo $$c$$")], Count(words=3, formulas=2)),
        ([markdown("x"), markdown("```\n# no heading of many words\n```\none")], Count(words=2)),
        ([code("1"), code("show()", "image/png", "text/plain")], Count(code=2, figures=1)),
        ([code("sliders.explore(draw)", "image/png")], Count(code=1, sliders=1)),
        ([markdown("x\n\n### References\n\n- many words, not counted")], Count(words=1)),
        (
            [
                markdown("x\n\n**Exercise 1.** Much text. *8 minutes, ●○○.*\n\nMore."),
                code("def f()"),
                code("a.check(f)"),
            ],
            Count(words=1, exercises=[8]),
        ),
        ([markdown("**Exercise 1.** *1 minute, ●○○.*"), code("e.f.check(f)"), code("2")], Count(code=1, exercises=[1])),
        ([markdown("**Exercise 1.** *8 minutes, ●○○.*"), markdown("So it is."), code("2")], Count(3, 0, 1, 0, 0, [8])),
    ],
)
def test_what_counts(cells, expected):
    assert total(pieces(cells)) == expected


def test_minutes():
    """150 words a minute; ½ a formula and a code cell; 2 a figure and a slider; exercises as stated."""
    assert Count(300, 2, 3, 1, 1, [8, 5]).minutes == 2 + 1 + 1.5 + 2 + 2 + 13
    assert [fives(minutes) for minutes in (0.1, 5, 5.1, 59.9)] == [5, 5, 10, 60]


def flags(*cells):
    return [(piece.cell, piece.deeper) for piece in pieces(cells)]


def test_a_deeper_part_ends_at_the_next_heading_of_its_level():
    """Lower headings and code stay in it, whatever they are called; a higher one ends it too."""
    cells = [
        markdown("## 1. One"),
        markdown("### Deeper: why"),
        code("1"),
        markdown("#### Deeper: still"),
        markdown("#### In it"),
        markdown("### Out of it"),
        markdown("### Deeper: again"),
        markdown("## 2. Out of it"),
        markdown("## 3. Deeper: whole section"),
        markdown("### In it"),
        markdown("# Out"),
        markdown("## Deeperly no"),
    ]
    assert [deeper for _, deeper in flags(*cells)] == [0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 0]


def test_a_deeper_exercise_ends_with_its_check():
    cells = [
        markdown("**Exercise 1 (deeper).** *8 minutes, ●○○.*"),
        code("def f(): ..."),
        code("e.f.check(f)"),
        code("1"),
        markdown("**Exercise 2 (deeper).** *8 minutes, ●○○.*"),
        markdown("On."),
    ]
    assert [deeper for _, deeper in flags(*cells)] == [1, 1, 1, 0, 1, 0]


def test_the_core_path_is_what_is_not_deeper():
    cells = [markdown(CARD), markdown("one **Exercise 1.**\n\n**Exercise 2.** *20 minutes, ●○○.*")]
    cells += [markdown("**Exercise 3 (deeper).** *20 minutes, ●○○.*"), code("e.f.check(f)")]
    assert core(pieces(cells)).exercises == [20]
    assert total(pieces(cells)).exercises == [20, 20]
    assert time_row(cells) == "core path 25 minutes, everything 45"
