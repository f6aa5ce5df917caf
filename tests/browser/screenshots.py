"""Pictures of a notebook as a student sees it in JupyterLab: each figure, each figure with sliders, the page.

    python -m tests.browser.screenshots lessons/03_solvers.ipynb OUTDIR
    python -m tests.browser.screenshots lessons/03_solvers.ipynb OUTDIR --set "step size h=0.5" --set "method=rk4"

Runs the notebook (in a copy of its folder) and writes to OUTDIR
    figure-01.png ...      the still figures, in order
    slider-01.png ...      the figures with sliders as they first appear
    slider-01-set.png ...  the same after every --set "LABEL=VALUE" whose label that figure has, in order
    page-01.png ...        the whole page, in pieces
and prints what it wrote, with the error shown below a figure if there is one. Needs Chromium on the PATH.
"""

import argparse
from pathlib import Path

from tests.browser.lab import INSTALL, Lab, chromium

PIECE = 1800  # pixels of the page's height in one picture


def save(notebook, folder, settings=()):
    """Write the pictures of an open notebook that has been run; returns the lines to print."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    said, used = [], set()

    def write(locator, name, remark=""):
        locator.screenshot(path=folder / name)
        said.append(f"{folder / name}  {remark}")

    for number, picture in enumerate(notebook.pictures(), start=1):
        write(picture, f"figure-{number:02}.png")
    for number, figure in enumerate(notebook.explorers(), start=1):
        labels = figure.labels()
        write(figure.locator, f"slider-{number:02}.png", f"controls: {', '.join(labels)}")
        mine = [(label, value) for label, value in settings if label in labels]
        for label, value in mine:
            figure.type(label, value)
            figure.settle()
        if mine:
            used |= {label for label, _ in mine}
            write(figure.locator, f"slider-{number:02}-set.png", figure.error)
    unused = {label for label, _ in settings} - used
    if unused:
        raise LookupError(f"no figure has a control labelled {sorted(unused)}")
    notebook.page.set_viewport_size({"width": 1280, "height": 30_000})
    notebook.page.wait_for_timeout(500)
    notebook.js("() => { document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0; }")
    boxes = notebook.page.locator(".jp-Notebook .jp-Cell").all()
    end = min(30_000, round(max(box["y"] + box["height"] for box in (cell.bounding_box() for cell in boxes)) + 20))
    for number, top in enumerate(range(0, end, PIECE), start=1):
        clip = {"x": 0, "y": top, "width": 1280, "height": min(PIECE, end - top)}
        path = folder / f"page-{number:02}.png"
        notebook.page.screenshot(path=path, clip=clip)
        said.append(str(path))
    return said


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lesson", type=Path)
    parser.add_argument("outdir", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="LABEL=VALUE", dest="settings")
    arguments = parser.parse_args()
    if chromium() is None:
        parser.error(INSTALL)
    settings = [tuple(setting.rsplit("=", 1)) for setting in arguments.settings]
    if any(len(setting) != 2 for setting in settings):
        parser.error(f'--set takes "LABEL=VALUE", got {arguments.settings}')
    with Lab(arguments.lesson.resolve().parent) as lab, lab.open(arguments.lesson.name) as notebook:
        notebook.run_all()
        print("\n".join(save(notebook, arguments.outdir, settings)))


if __name__ == "__main__":
    main()
