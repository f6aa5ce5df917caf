"""The website, built from this checkout and looked at in a real browser: nothing is missing, nothing asks another host.

The frames of one lesson are made, lesson 00's; how a figure becomes frames is tested in test_frames.py.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.lab import INSTALL, chromium
from tests.site import DOCS
from tests.site.controls import SAME, apart

from pages import pdf  # isort: skip

ROOT = DOCS.parent
pytestmark = pytest.mark.slow(seconds=150)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site. Warnings are errors."""
    out = tmp_path_factory.mktemp("site") / "html"
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(DOCS), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"NODEKIT_SITE_FRAMES": "00"})
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def address(site):
    """Where the site is served, on this machine alone."""
    with pdf.served(site) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    if chromium() is None:
        assert "REQUIRE_BROWSER" not in os.environ, INSTALL
        pytest.skip(INSTALL)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser, address):
    """open(path, width, dark): a page that notes requests to other hosts (.outside) and errors (.errors)."""
    contexts = []

    def open_(path, width=1366, dark=False, scripts=True):
        context = browser.new_context(
            viewport={"width": width, "height": 768},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
        )
        contexts.append(context)
        page = context.new_page()
        page.outside, page.errors = [], []
        page.on("request", lambda r: r.url.startswith((address, "data:")) or page.outside.append(r.url))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.goto(f"{address}/{path}")
        if scripts:
            page.wait_for_function("!window.MathJax || (MathJax.startup && MathJax.startup.promise)")
            page.evaluate("window.MathJax && MathJax.startup.promise.then(() => 1)")
        return page

    yield open_
    for context in contexts:
        context.close()


# What is read on a page, without code.
PROSE = """() => { const page = document.querySelector("article").cloneNode(true);
page.querySelectorAll("pre, code, script").forEach(part => part.remove()); return page.textContent; }"""
PAGES = [
    "index.html",
    "gallery.html",
    "glossary.html",
    "cheat_sheet.html",
    "architecture.html",
    "readme.html",
    "reference/index.html",
    "reference/nodekit.html",
    "homework/hw1.html",
    "lessons/INSTRUCTORS.html",
    *[f"lessons/{path.stem}.html" for path in sorted((ROOT / "lessons").glob("[0-9][0-9]_*.ipynb"))],
]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole(page, path):
    """On a phone too: no request to another host, no script's error, every formula set, every picture with alt text,
    nothing wider than the screen.
    """
    there = page(path, width=390)
    assert there.outside == []
    assert there.errors == []
    assert there.locator("mjx-merror").count() == 0
    text = there.evaluate(PROSE)
    assert not re.search(r"\$[^$\n]{1,60}\$", text)
    alts = there.locator("article img").evaluate_all("images => images.map(image => image.alt)")
    assert all(len(alt) > 5 and not re.fullmatch(r"[\w./-]+\.png", alt) for alt in alts)
    assert there.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("path", ["index.html", "lessons/00_start_here.html", "lessons/03_solvers.html"])
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious(page, path, dark):
    """By the rules of WCAG 2.1 A and AA, beside what the theme's own templates break. Contrasts, of which a long
    lesson has thousands and no others than lesson 00, are looked at in the short pages alone."""
    from axe_playwright_python.sync_playwright import Axe

    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa"]}
    if path == "lessons/03_solvers.html":
        options["rules"] = {"color-contrast": {"enabled": False}}
    found = Axe().run(page(path, dark=dark), context="article", options=options).response["violations"]
    serious = [(v["id"], v["nodes"][0]["html"][:200]) for v in found if v["impact"] in ("serious", "critical")]
    assert serious == []


def test_a_slider_moves_without_a_kernel(page, site):
    """The picture is Matplotlib's; by key to both ends, and by a number, its title is the one that is drawn there."""
    there = page("lessons/00_start_here.html")
    figure = there.locator(".course-frames").first
    figure.scroll_into_view_if_needed()
    figure.locator(".course-over svg").wait_for()
    slider, box = figure.locator("input[type=range]"), figure.locator("input[type=number]")
    start = figure.locator(".course-over").inner_text()
    png = (site / "_static" / "frames" / "00-13.png").read_bytes()
    assert apart(png, figure.locator(".course-stage").screenshot()) < SAME
    slider.press("End")
    last = box.input_value()
    at_end = figure.locator(".course-over").inner_text()
    slider.press("Home")
    first = box.input_value()
    at_start = figure.locator(".course-over").inner_text()
    assert len({start, at_end, at_start}) == 3
    assert float(first) < float(last)
    box.fill(last)
    box.press("Enter")
    assert figure.locator(".course-over").inner_text() == at_end
    assert there.errors == []


def test_figures_and_questions_stand_on_the_page_s_own_ground(page):
    """In the dark too, where the theme puts outputs on a light one."""
    grounds = "parts => parts.map(part => getComputedStyle(part.closest('.text_html')).backgroundColor)"
    for path, kind in (("00_start_here", ".course-frames"), ("03_solvers", ".course-question")):
        there = page(f"lessons/{path}.html", dark=True)
        assert there.evaluate("document.documentElement.dataset.theme") == "dark"
        assert set(there.locator(kind).evaluate_all(grounds)) == {"rgba(0, 0, 0, 0)"}


def test_a_figure_is_a_picture_without_scripts(page):
    """Where scripts are off the still picture stands there, with its alt text; so do the answers, folded."""
    there = page("lessons/00_start_here.html", scripts=False)
    still = there.locator(".course-frames img")
    assert still.count() == 1
    assert len(still.get_attribute("alt")) > 20
    there.goto(there.url.replace("00_start_here", "03_solvers"))
    assert there.locator(".course-question details").count() == 5


def test_questions_answer_without_a_kernel(page):
    """A quiz judges each choice; a prediction is compared further down, and kept when the page is opened again."""
    there = page("lessons/03_solvers.html")
    quiz = there.locator('.course-question[data-key="ex03.quiz.1"]')
    quiz.locator("input[value=b]").check()
    assert "Right." in quiz.locator(".course-said").inner_text()
    quiz.locator("input[value=a]").check()
    assert "Not quite." in quiz.locator(".course-said").inner_text()
    guess = there.locator('.course-question[data-key="ex03.first_guess"]')
    reveal = there.locator('.course-reveal[data-for="ex03.first_guess"]')
    assert "You have not chosen yet" in reveal.inner_text()
    guess.locator("input[value=a]").check()
    assert "You chose a. Not quite." in reveal.inner_text()
    there.reload()
    assert "You chose a. Not quite." in reveal.inner_text()


def test_search_finds_a_word(page):
    """Without another host."""
    there = page("search.html?q=Robertson")
    there.locator("#search-results li").first.wait_for()
    assert "15 Stiff Neural ODEs" in there.locator("#search-results").inner_text()
    assert there.outside == []


def test_the_course_is_printed(browser, site):
    """Pages into one PDF: contents whose lines are links and name the right page, bookmarks, page numbers."""
    writer = pdf.book(site, ["cheat_sheet.html", "lessons/00_start_here.html"], browser)
    text = [page.extract_text() for page in writer.pages]
    lesson = next(k for k, each in enumerate(text) if "00 Start here" in each and k)
    assert re.search(rf"Cheat sheet\s*2\s*00 Start here\s*{lesson + 1}", text[0])
    assert [link.get_object()["/Subtype"] for link in writer.pages[0]["/Annots"]] == ["/Link", "/Link"]
    assert [text[k].rstrip().endswith(str(k + 1)) for k in range(len(text))] == [True] * len(text)
    marks = [item.title for item in writer.outline if not isinstance(item, list)]
    assert marks == ["Cheat sheet", "00 Start here"]


def test_no_homework_solution_is_on_the_site(site):
    """A student's page of an assignment holds no solution, and no answers' module is anywhere."""
    for path in site.rglob("hw*.*"):
        assert "SOLUTION" not in path.read_text(encoding="utf-8", errors="ignore"), path.name
    assert not [path for path in site.rglob("*") if path.name in ("answers.py", "grading.py", "judging.py")]


def test_every_public_name_is_in_the_reference(site):
    """Each name of nodekit/API.md has an entry with an anchor of its own."""
    from tests.api import MODULES, public

    anchors = set()
    for path in (site / "reference").glob("*.html"):
        anchors |= set(re.findall(r'<dt class="sig[^>]* id="([\w.]+)"', path.read_text(encoding="utf-8")))
    named = {anchor.rpartition(".")[2] for anchor in anchors}
    assert {name for module in MODULES for name in public(module)} <= named


def test_links_lead_somewhere(site):
    """Every link of a page to a page of the site, and to a place on it, is there."""
    ids = {}
    for path in site.rglob("*.html"):
        ids[path.resolve()] = set(re.findall(r'\bid="([^"]+)"', path.read_text(encoding="utf-8")))
    lost = []
    for path in ids:
        for target in re.findall(r'<a [^>]*href="([^"]+)"', path.read_text(encoding="utf-8")):
            if re.match(r"[a-z]+:|//", target):
                continue
            file, _, anchor = target.partition("#")
            there = (path.parent / file).resolve() if file else path
            if not there.exists() or (anchor and there in ids and anchor not in ids[there]):
                lost.append((Path(path).name, target))
    assert lost == []
