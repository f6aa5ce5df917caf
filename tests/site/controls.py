"""Every control of every lesson, moved to both ends on the website in a browser, against Matplotlib's own picture.

    sphinx-build -b html docs docs/_build/html
    python -m tests.site.controls docs/_build/html [03 14 ...]

Prints a line for each figure: its frames, what it weighs as a server sends it, the largest mean difference of the two
pictures in levels of 255, how long a move takes, and whether every title that Matplotlib draws stands on the page.
Ends with 1 if a picture differs or a title is missing. The lessons' cells are run again: minutes.
"""

import gzip
import io
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser.lab import chromium
from tests.site import DOCS

from pages import cells, pdf  # isort: skip

SAME = 3.0  # mean difference in levels of 255
MOVED = """async ([figure, k, place]) => {
  const handle = figure.querySelectorAll(".course-controls label")[k].querySelector("select, input");
  const start = performance.now();
  handle.value = place;
  handle.dispatchEvent(new Event(handle.tagName == "SELECT" ? "change" : "input", {bubbles: true}));
  await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - start;
}"""


def ends(spec):
    """(number of the control, place) of each control's two ends; of a list of choices, every one."""
    for k, values in enumerate(spec["values"]):
        for place in range(len(values)) if spec["choices"][k] else (0, len(values) - 1):
            yield k, place


def titles(fig):
    """What stands above the axes, without mathematics, which is drawn letter by letter."""
    found = [ax.get_title() for ax in fig.axes]
    return [title for title in found if title and "$" not in title and "\n" not in title]


def apart(png, other):
    """The mean difference of two pictures, in levels of 255, of squares that letters and lines fit into."""
    first, second = (Image.open(io.BytesIO(each)).convert("RGB") for each in (png, other))
    size = [side // 8 for side in first.size]
    a, b = (np.asarray(each.resize(size, Image.Resampling.BOX), dtype=float) for each in (first, second))
    return np.abs(a - b).mean()


def look(page, element, spec, explorer):
    """[(mean difference from Matplotlib's picture, milliseconds, what is missing)] of each move."""
    names, rows, still = list(explorer.controls), [], explorer.png
    for k, place in ends(spec):
        took = page.evaluate(MOVED, [element, k, place])
        at = [int(part) for part in element.get_attribute("data-at").split(",")]
        values = {name: spec["values"][i][at[i]] for i, name in enumerate(names)}
        seen, wanted = element.query_selector(".course-stage").screenshot(), explorer.picture.render(values)
        off, moved = apart(wanted, seen), apart(wanted, still)
        stuck = bool(moved > 0.2 and apart(still, seen) < off)
        text = element.query_selector(".course-over").text_content()
        whole = element.query_selector(".course-over > img")
        missing = [] if whole else [title for title in titles(explorer.picture.fig) if title not in text]
        rows.append((off, took, missing + ["the picture did not move"] * stuck))
        page.evaluate(MOVED, [element, k, spec["start"][k]])
    return rows


def main(site, only):
    """Look at the lessons whose numbers are in `only`; each in a process of its own, whose settings of torch no other
    lesson has changed."""
    if len(only) != 1:
        numbers = only or sorted(path.name[:2] for path in (DOCS.parent / "lessons").glob("[0-9][0-9]_*.ipynb"))
        command = [sys.executable, "-m", "tests.site.controls", site]
        return max(subprocess.run([*command, number]).returncode for number in numbers)
    wrong, site = 0, Path(site).resolve()
    os.chdir(DOCS.parent / "lessons")  # where a lesson's kernel starts
    with sync_playwright() as playwright, pdf.served(site) as address:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        (lesson,) = Path.cwd().glob(f"{only[0]}_*.ipynb")
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.goto(f"{address}/lessons/{lesson.stem}.html")
        for element, (number, explorer) in zip(
            page.query_selector_all(".course-frames"), cells.explorers(lesson), strict=True
        ):
            element.scroll_into_view_if_needed()
            element.wait_for_selector(".course-stage")
            spec = json.loads(element.query_selector("script").text_content())
            raw = Path(site, "_static", "frames", f"{lesson.name[:2]}-{number}.json").read_bytes()
            rows = look(page, element, spec, explorer)
            off, missing = max(row[0] for row in rows), [title for row in rows for title in row[2]]
            wrong += off > SAME or bool(missing)
            kind = "one at a time" if spec["star"] else "every combination"
            print(
                f"{lesson.name[:2]} cell {number}: {len(json.loads(raw)['frames'])} frames, "
                f"{kind}, {len(gzip.compress(raw, 6)) // 1000} kB, "
                f"difference {off:.2f}, {statistics.median(row[1] for row in rows):.0f} ms a move, "
                f"{len(rows)} moves, missing: {missing}",
                flush=True,
            )
        page.close()
        browser.close()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
