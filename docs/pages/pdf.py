"""The whole course as one PDF to print, made of the built website by a browser, with contents and page numbers.

    sphinx-build -W -b html docs docs/_build/html
    python docs/pages/pdf.py docs/_build/html course.pdf

Each page of the site is printed by itself; the PDFs are joined behind a page of contents, whose lines are links, and
each title is a bookmark with the page's own headings below it.
"""

import argparse
import functools
import html
import http.server
import io
import shutil
import threading
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import Link
from pypdf.generic import Fit

PAPER = {"format": "A4", "margin": {"top": "18mm", "bottom": "18mm", "left": "16mm", "right": "16mm"}}
LINE = 28  # height of a line of the contents, in pixels, of which there are 96 to an inch
# A page as it is printed: the figure of a slider as it stands, no side bars, no cell torn apart that fits on a page.
PRINTED = """
#jb-print-toc, .course-controls, .headerbtn, .copybtn { display: none !important; }
.bd-header-article, .prev-next-footer, .bd-footer { display: none !important; }
.bd-main, .bd-content, .bd-article-container, .bd-article { max-width: none !important; padding: 0 !important; }
.cell_output img, figure, table, .cell_input { break-inside: avoid; }
h1, h2, h3 { break-after: avoid; }
pre { white-space: pre-wrap !important; }
"""


@contextmanager
def served(folder):
    """The address of a folder, on this machine alone."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def printed(browser, address):
    """(title, PDF) of one page, after its formulas are set."""
    page = browser.new_page()
    page.emulate_media(media="print", color_scheme="light")
    page.goto(address)
    page.evaluate("window.MathJax && MathJax.startup.promise.then(() => 1)")
    page.add_style_tag(content=PRINTED)
    title = page.locator("h1").first.evaluate("h => h.firstChild.textContent").strip()
    pdf = page.pdf(**PAPER, scale=0.7, outline=True, tagged=True, print_background=True)
    page.close()
    return title, pdf


def from_html(browser, text, **options):
    page = browser.new_page()
    page.set_content(text)
    pdf = page.pdf(**PAPER, **options)
    page.close()
    return PdfReader(io.BytesIO(pdf))


def contents(browser, entries, first):
    """The page of contents, as a PDF. entries: (title, number of its page from 0), behind `first` pages."""
    lines = "".join(
        f'<div style="height:{LINE}px;display:flex;justify-content:space-between">'
        f"<span>{html.escape(title)}</span><span>{first + number + 1}</span></div>"
        for title, number in entries
    )
    style = "margin:0;font-family:'DejaVu Sans',sans-serif;font-size:13px"
    heading = f'<h1 style="margin:0;height:{2 * LINE}px;font-size:22px">Neural ODEs, built and understood</h1>'
    return from_html(browser, f'<body style="{style}">{heading}{lines}</body>')


def book(site, pages, browser):
    """A PdfWriter with all pages of the site: contents, bookmarks, page numbers."""
    writer, entries = PdfWriter(), []
    with served(site) as address:
        for path in pages:
            title, pdf = printed(browser, f"{address}/{path}")
            entries.append((title, len(writer.pages)))
            writer.append(io.BytesIO(pdf), outline_item=title)
    head = contents(browser, entries, 1)
    if len(head.pages) > 1:
        raise ValueError(f"{len(entries)} titles do not fit on one page of contents: make LINE smaller")
    writer.merge(0, head, import_outline=False)
    left, top = 16 / 25.4 * 72, writer.pages[0].mediabox.height - 18 / 25.4 * 72
    for k, (_, number) in enumerate(entries):
        y = top - (2 + k) * LINE * 0.75
        box = (left, y - LINE * 0.75, writer.pages[0].mediabox.width - left, y)
        writer.add_annotation(0, Link(rect=box, target_page_index=number + 1, fit=Fit.fit()))
    count = len(writer.pages)
    blank = '<div style="break-after:page">&nbsp;</div>' * (count - 1) + "&nbsp;"
    foot = '<div style="width:100%;text-align:center;font-size:9px"><span class="pageNumber"></span></div>'
    numbers = from_html(
        browser, blank, display_header_footer=True, header_template="<span></span>", footer_template=foot
    )
    for page, number in zip(writer.pages, numbers.pages, strict=True):
        page.merge_page(number)
    writer.add_metadata({"/Title": "Neural ODEs, built and understood", "/Author": "The nodekit developers"})
    return writer


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path)
    parser.add_argument("pdf", type=Path)
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    parser.add_argument("--browser", default=found, help="Chromium's path; if none is found, playwright's own")
    arguments = parser.parse_args()
    pages = [f"lessons/{path.name}" for path in sorted((arguments.site / "lessons").glob("[0-9][0-9]_*.html"))]
    pages += ["cheat_sheet.html", "glossary.html"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=arguments.browser, args=["--no-sandbox"])
        book(arguments.site, pages, browser).write(arguments.pdf)
        browser.close()


if __name__ == "__main__":
    main()
