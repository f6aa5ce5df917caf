"""tests.lessons.make, on a small lesson made here; and what is left of that lesson on a page without a kernel."""

import re

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter

from nodekit.classroom import kept
from tests.lessons import front, gate, make, reading, rules

v4 = nbformat.v4
CARD = """# 77 Small

**Question.** Does it run?

| | |
|---|---|
| **You will** | measure nothing |
| **Before this** | nothing |
| **Reading time** | 90 minutes |
| **Run time** | 50 s on 2 cores |
| **Backends** | NumPy |"""
SETUP = """
from nodekit.classroom import plotting, sliders
from nodekit.classroom.quiz import Prediction, Question, Quiz
options = {'a': "it rises", "b": "it falls"}
why = {"a": "Because h is positive.", "b": "Because h is negative."}
guess = Prediction("What will the line do?", options, "a", why)
quiz = Quiz(Question("And then?", options, "b", why))
plotting.use_style()
"""
CODE = [
    SETUP,
    "guess.ask()",
    "sliders.explore(lambda ax, h: ax.plot([0, 1], [0, h]), size=(3, 2), alt='a line of slope h',"
    " h=sliders.linear_slider(0, 2, 1, 'slope h'))",
    "guess.reveal()",
    "quiz.show()",
    "import sys\nfor k in range(2):\n    print(k, flush=True)\n    sys.stdout.flush()\n    sys.stdout.write('')\n1+1",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("lessons")


def write(path, sources, card=CARD):
    cells = [v4.new_markdown_cell(card), v4.new_markdown_cell("## 1. One\n\nA <dfn>line</dfn> is straight.")]
    for source in sources:
        cells += [v4.new_code_cell(source.strip()), v4.new_markdown_cell("A sentence that says what is to be seen.")]
    nbformat.write(v4.new_notebook(cells=cells), path)
    return path


@pytest.fixture(scope="module")
def made(folder):
    """The small lesson, made; lesson 00 beside it has the place for a glossary."""
    start = write(folder / "00_start.ipynb", [], CARD.replace("77", "00"))
    notebook = nbformat.read(start, 4)
    source = "\n".join(front.markers("glossary"))
    notebook.cells.append(v4.new_markdown_cell(source, metadata={"tags": ["glossary"]}))
    nbformat.write(notebook, start)
    path = write(folder / "77_small.ipynb", CODE)
    make.make(path)
    return path


slow = pytest.mark.slow(seconds=15)


@slow
def test_what_is_made(made):
    """Formatted, counted from 1, streams in one piece, no widgets, alt text in its place, both times on the card."""
    lesson = rules.Lesson(made)
    assert rules.text(lesson.code[0]["source"]).count("'") == 0
    assert rules.text(lesson.code[-1]["source"]).endswith("1 + 1")
    assert [cell["execution_count"] for cell in lesson.code] == [1, 2, 3, 4, 5, 6]
    assert [output["output_type"] for output in lesson.code[-1]["outputs"]] == ["stream", "execute_result"]
    for rule in (rules.counts, rules.alt, rules.kernel, rules.run_time, reading.no_widget_state, reading.time_row):
        assert list(rule(lesson)) == []
    assert rules.card_rows(lesson)["Time"] == "core path 10 minutes, everything 10"
    assert "Reading time" not in rules.card_rows(lesson)
    assert rules.card_rows(lesson)["Run time"] != "50 s on 2 cores"


@slow
def test_the_glossary_is_written(made, folder):
    assert f"| **line** | A line is straight. | [77]({made.name}) |" in (folder / "00_start.ipynb").read_text()


@pytest.fixture(scope="module", params=["lab", "course"])
def page(made, request):
    """nbconvert's page, (its template, parsed): its own, and the course's, which has the alt texts."""
    templates = [str(gate.FOLDER.parent / "docs" / "templates")]
    exporter = HTMLExporter(template_name=request.param, extra_template_basedirs=templates)
    html, _ = exporter.from_filename(str(made))
    return request.param, BeautifulSoup(html, "html.parser")


@slow
def test_a_page_without_a_kernel_shows_the_slider_s_picture(page):
    """With its alt text in the course's template. nbconvert's own, "lab", reads none: the sentence below says it."""
    template, soup = page
    (image,) = soup.select("img")
    assert image["src"].startswith("data:image/png;base64,")
    assert template == "lab" or image["alt"] == "a line of slope h"
    assert "A sentence that says what is to be seen." in image.find_next("p").text


@slow
def test_a_dark_page_has_the_rule_for_its_figures(made):
    """nbconvert's dark page says that it is dark as JupyterLab's does, and holds what use_style displays."""
    html, _ = HTMLExporter(theme="dark").from_filename(str(made))
    body = BeautifulSoup(html, "html.parser").body
    assert body["data-jp-theme-light"] == "false"
    assert 'body[data-jp-theme-light="false"] .jp-RenderedImage img' in html


@slow
def test_a_page_without_a_kernel_asks_and_does_not_tell(page):
    """The prediction's question and options, no explanation beside them; folded further down: the reveal, the quiz."""
    _, soup = page
    text = soup.get_text()
    assert text.count("What will the line do?") == 2 + 1  # in the source, as the question, and where it is revealed
    folded = soup.select("details")
    assert len(folded) == 2
    assert "The answer is a) it rises" in folded[0].text
    assert "Because h is positive." in folded[0].text
    assert "b) Right. Because h is negative." in folded[1].text
    assert "a) Not quite. Because h is positive." in folded[1].text
    for each in [*folded, *soup.select(".highlight, .cm-editor")]:
        each.decompose()
    left = soup.get_text()
    assert "a) it rises" in left
    assert "Because" not in left
    assert "answer is" not in left
    assert "And then?" in left


@slow
def test_a_failing_cell_is_shown_and_nothing_is_overwritten(folder, capsys, monkeypatch):
    """The traceback, the exit status, and the file byte for byte."""
    monkeypatch.setattr(make.pack, "write", lambda: pytest.fail("the tables are of lessons/ alone"))
    path = write(folder / "78_failing.ipynb", ["x = 0", "1/x"])
    before = path.read_bytes()
    assert make.main([str(path)]) == 1
    said = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    assert "ZeroDivisionError: division by zero" in said
    assert "1 / x" in said
    assert "the file is as it was" in said
    assert path.read_bytes() == before


@slow
def test_what_its_author_has_solved_is_not_in_a_lesson(folder, monkeypatch):
    """A lesson is made as for someone who begins, whatever is kept beside it."""
    monkeypatch.delenv(kept.VARIABLE, raising=False)
    code = "from nodekit.classroom import kept\nkept.note('.', '77', 'exercises', 'one', {'passed': True})"
    look = "from nodekit.classroom import kept\nprint(kept.read('.'))"
    for source, printed in ((code, None), (look, "{}\n")):  # in two kernels
        notebook = v4.new_notebook(cells=[v4.new_code_cell(source)])
        make.execute(notebook, folder)
        if printed:
            assert notebook.cells[0].outputs[0].text == printed
    assert not (folder / kept.FILE).exists()


@slow
def test_a_cell_has_a_limit(folder):
    notebook = v4.new_notebook(cells=[v4.new_code_cell("while True:\n    pass")])
    with pytest.raises(make.CellTimeoutError):
        make.execute(notebook, folder, seconds=1)


def test_code_that_is_none_is_not_run(folder):
    path = write(folder / "79_broken.ipynb", ["def"])
    with pytest.raises(ValueError, match="ruff cannot format 79_broken"):
        make.make(path)


def test_what_is_wrong_is_said_and_ends_with_1(tmp_path, capsys, monkeypatch):
    path = write(tmp_path / "77_small.ipynb", ["x = 0\nfrom os import path"])
    monkeypatch.setattr(make, "make", lambda path: None)
    assert make.main([str(path)]) == 1
    said = capsys.readouterr().out
    assert "counts: execution counts are [None]" in said
    assert "imports_nodekit: nodekit is never imported" in said
    assert "F401" in said


@pytest.mark.parametrize(
    ("seconds", "row"), [(0.1, "1 s"), (1.2, "2 s"), (9.0, "9 s"), (9.5, "10 s"), (41, "45 s"), (60, "60 s")]
)
def test_the_run_time_in_words(seconds, row):
    assert make.run_row(seconds) == f"{row} on 2 cores"


def test_a_lesson_is_found_by_its_number_or_its_path():
    path = make.find("05")
    assert path.name.startswith("05_")
    assert make.find(str(path)) == path
    for name in ("99", "lessons/99_none.ipynb", "0"):
        with pytest.raises(ValueError, match="no lesson"):
            make.find(name)


def test_a_card_without_the_row():
    with pytest.raises(ValueError, match="no row"):
        make.with_row("# 05", "Run time", "3 s on 2 cores")
    assert gate.FOLDER.name == "lessons"
