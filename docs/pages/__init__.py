"""What Sphinx does not know of this course: where its pages come from, and what a lesson shows without a kernel."""

import os
import shutil
from pathlib import Path

from pages import cells, docstrings, frames, links, notebook, sources


def begin(app, config):
    """Write the pages that are made, and the frames of the sliders: of all lessons, or for a quick look of those that
    NODEKIT_SITE_FRAMES names, such as "00,03", or empty for none."""
    sources.make(app.srcdir)
    only = os.environ.get("NODEKIT_SITE_FRAMES")
    app.course_frames = frames.make(Path(app.srcdir, "_build", "frames"), None if only is None else only.split(","))


def end(app, error):
    """Put the frames beside the pages, each with the picture that stands there where scripts are off."""
    if error:
        return
    folder = Path(app.outdir, "_static", "frames")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for number, figures in app.course_frames.items():
        lesson = next((sources.ROOT / "lessons").glob(f"{number}_*.ipynb"))
        for cell, path in figures.items():
            shutil.copyfile(path, folder / f"{number}-{cell}.json")
            (folder / f"{number}-{cell}.png").write_bytes(cells.committed(lesson, cell))


def setup(app):
    """Connect the parts to the build. Each says what it changes."""
    app.connect("config-inited", begin)
    app.connect("build-finished", end)
    app.connect("source-read", notebook.prepare)
    app.connect("source-read", links.prepare)
    app.connect("autodoc-process-docstring", docstrings.prepare, priority=400)  # before napoleon
    app.add_css_file("course.css")
    app.add_js_file("quiz.js", loading_method="defer")
    app.add_js_file("frames.js", loading_method="defer")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
