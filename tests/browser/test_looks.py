"""What a student sees: a slider and its picture on one screen, figures on a dark page, terms and folded answers."""

import io
import re
import struct
from base64 import b64decode

import nbformat
import pytest
from PIL import Image

from tests.lessons import gate

pytestmark = pytest.mark.slow(seconds=60)
SCREEN = {"width": 1366, "height": 768}


def sizes(path):
    """[(width, height, controls)] of a lesson's figures with sliders: the pixels of the still picture, its controls."""
    found = []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code" and re.search(r"\bexplore\(", cell.source):
            controls = len(re.findall(r"sliders\.(?:log_slider|linear_slider|choice)\(", cell.source))
            for output in cell.outputs:
                if "image/png" in output.get("data", {}):
                    png = b64decode(output.data["image/png"])
                    found.append((*struct.unpack(">II", png[16:24]), controls))
    return found


LESSONS = {path.name[:2]: sizes(path) for path in sorted(gate.FOLDER.glob("[0-9][0-9]_*.ipynb"))}
ALIKE = """
figure = sliders.explore(lambda ax, **values: None, alt="as large as that of {number}", size=({w} / 110, {h} / 110),
    **{{f"c{{i}}": sliders.linear_slider(0, 2 + i, 1, f"{number} control {{i}}") for i in range({controls})}})
figure
"""


@pytest.fixture(scope="module")
def heights(lab):
    """{lesson: heights in pixels of figures with as many controls, and as large, as its own}, and the screen's."""
    cells = ["from nodekit.classroom import plotting, sliders\nplotting.use_style()"]
    order = [(number, *one) for number, all_ in LESSONS.items() for one in all_]
    cells += [ALIKE.format(number=number, w=w, h=h, controls=controls) for number, w, h, controls in order]
    nodes = [nbformat.v4.new_code_cell(cell.strip()) for cell in cells]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=nodes, metadata=kernel), lab.work / "alike.ipynb")
    with lab.open("alike.ipynb") as notebook:
        notebook.page.set_viewport_size(SCREEN)
        notebook.run_all()
        screen = notebook.page.locator(".jp-WindowedPanel-outer").bounding_box()["height"]
        figures = notebook.explorers()
        found = {}
        for (number, *_), figure in zip(order, figures, strict=True):
            box = figure.locator.bounding_box()
            assert box["width"] <= SCREEN["width"]
            found.setdefault(number, []).append(box["height"])
        return found, screen


@pytest.mark.parametrize("number", LESSONS)
def test_control_and_picture_are_on_one_screen(heights, number, measured):
    """1366 × 768, in JupyterLab with its bars: the page need not be scrolled between the hand and what it moves."""
    found, screen = heights
    measured(f"lesson {number}: {', '.join(f'{h:.0f}' for h in found.get(number, []))} of {screen:.0f} pixels")
    assert all(height <= screen for height in found[number])


@pytest.mark.parametrize(("theme", "inverted"), [("JupyterLab Light", False), ("JupyterLab Dark", True)])
def test_figures_on_a_dark_page(lab, theme, inverted):
    """On a dark page the ground of a figure, still or with sliders, is dark, and on a light one white."""
    with lab.open("small.ipynb") as notebook:
        notebook.js("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
        notebook.run_all()
        for image in [notebook.explorers()[0].image, notebook.pictures()[-1]]:
            image.scroll_into_view_if_needed()
            notebook.page.wait_for_timeout(300)
            shot = image.screenshot()
            assert (corner(shot) < 60) == inverted
        notebook.js("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})")


def corner(png):
    """The lightness, 0 to 255, near the upper left corner of a picture."""
    return Image.open(io.BytesIO(png)).convert("L").getpixel((4, 4))


MARKDOWN = "A <dfn>term</dfn> is a word.\n\n<details><summary>More</summary>Folded text.</details>"


def test_a_term_and_a_fold_pass_the_sanitizer(lab):
    """JupyterLab lets <dfn> and <details> through, in Markdown and in the stored HTML of a notebook without trust."""
    html = nbformat.v4.new_output("display_data", {"text/html": "<details><summary>Open</summary>Answer.</details>"})
    cells = [nbformat.v4.new_markdown_cell(MARKDOWN), nbformat.v4.new_code_cell("1", outputs=[html])]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), lab.work / "terms.ipynb")
    with lab.open("terms.ipynb", kernel=False) as notebook:
        notebook.page.locator(".jp-MarkdownOutput dfn", has_text="term").wait_for()
        for summary, inside in [("More", "Folded text."), ("Open", "Answer.")]:
            fold = notebook.page.locator(".jp-RenderedHTMLCommon details", has_text=inside)
            assert not fold.evaluate("details => details.open")
            assert fold.locator("summary").text_content() == summary
            fold.evaluate("details => details.querySelector('summary').click()")  # a dialog asks for a kernel
            assert fold.evaluate("details => details.open")
