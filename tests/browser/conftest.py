"""One JupyterLab and one browser for these tests, on a copy of the lessons and a small notebook of their own."""

import os
import shutil
from pathlib import Path

import nbformat
import pytest

from tests.browser.lab import INSTALL, Lab, chromium

LESSONS = Path(__file__).parents[2] / "lessons"
SMALL = """
import time
import numpy as np
from nodekit.classroom import plotting, sliders
plotting.use_style()
t, calls = np.linspace(0, 10, 200), []
---
def setup(axes):
    for ax in axes:
        ax.set(xlim=(0, 10), ylim=(-2, 2), xlabel="t (s)")

def draw(axes, h, layers, method):
    if layers > 40:
        raise ValueError(f"{layers} layers are too many")
    axes[0].plot(t, h * np.sin(t), label=method)
    axes[0].legend(loc="upper right")
    axes[1].plot(t, np.sin(t / layers))
    axes[0].set_title(f"h = {h!r}, {layers!r} layers")

figure = sliders.explore(draw, setup, columns=2, alt="two curves",
    h=sliders.log_slider(1e-3, 1, 0.1, "step size h"),
    layers=sliders.linear_slider(1, 50, 4, "number of layers", step=1),
    method=sliders.choice(["euler", "rk4"], "euler", "method"))
figure
---
def slow(ax, h):
    calls.append(h)
    time.sleep(0.3)
    ax.set_title(f"h = {h}")

sliders.explore(slow, alt="a slow figure", h=sliders.linear_slider(0, 100, 0, "slow h", step=1))
---
fig, ax = plotting.figure()
ax.plot(t, np.sin(t))
plotting.show(fig, alt="a sine")
---
from nodekit.classroom.quiz import Prediction, Question, Quiz
first = Question("1 + 1?", {"a": "one", "b": "two"}, "b", {"a": "That is 1.", "b": "It is."})
second = Question("2 - 1?", {"a": "one", "b": "two"}, "a", {"a": "Yes.", "b": "That is 2."})
Quiz(first, second).show()
---
guess = Prediction("1 + 2?", {"a": "one", "b": "three"}, "b", {"a": "That is 1.", "b": "It is three."})
guess.ask()
---
guess.reveal()
"""


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """The running JupyterLab. It ends with the session, or in a failing start."""
    if chromium() is None:
        if os.environ.get("REQUIRE_BROWSER") == "1":
            raise RuntimeError(f"REQUIRE_BROWSER=1, and this {INSTALL}")
        pytest.skip(INSTALL)
    folder = tmp_path_factory.mktemp("browser") / "lessons"
    shutil.copytree(LESSONS, folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in SMALL.split("---\n")]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "small.ipynb")
    with Lab(folder) as running:
        yield running
