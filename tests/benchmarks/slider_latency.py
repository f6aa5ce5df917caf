"""How long from a key press to the changed picture, as a student has it in JupyterLab. Run by hand:

    python -m tests.benchmarks.slider_latency [PRESSES]

A figure of two panels with two lines of 200 points each, a title each and a legend; headless Chromium and
JupyterLab on this machine. Measured in the page, from the keydown event to the load event of the new picture, with
the kernel, the server, the browser and the decoding of the PNG all between. The target is a median of 60 ms.
"""

import os
import statistics
import sys
import tempfile
from pathlib import Path

import nbformat

from tests.browser.lab import INSTALL, Lab, chromium

CELL = """
import numpy as np
from nodekit.classroom import plotting, sliders
plotting.use_style()
t = np.linspace(0, 10, 200)

def setup(axes):
    for ax in axes:
        ax.set(xlim=(0, 10), ylim=(-2, 2), xlabel="t (s)", ylabel="y")

def draw(axes, h):
    for ax, wave in zip(axes, (np.sin, np.cos)):
        ax.plot(t, wave(t), label="exact")
        ax.plot(t, wave((1 - h) * t), label="computed")
        ax.set_title(f"h = {h}")
    axes[0].legend(loc="upper right")

sliders.explore(draw, setup, columns=2, alt="two panels", h=sliders.log_slider(1e-3, 1, 0.01, "step size h"))
"""
WATCH = """image => {
    window.waits = [];
    let pressed = null;
    document.addEventListener('keydown', () => { pressed = performance.now(); }, true);
    image.addEventListener('load', () => {
        if (pressed !== null) window.waits.push(performance.now() - pressed);
        pressed = null;
    });
}"""


def measure(presses):
    """Milliseconds of each press."""
    with tempfile.TemporaryDirectory() as folder:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL.strip())])
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, Path(folder) / "latency.ipynb")
        with Lab(folder) as lab, lab.open("latency.ipynb") as page:
            page.run_all()
            (figure,) = page.explorers()
            handle = figure.handle("step size h")
            for key in ["ArrowRight"] * 5:  # the first ones also fill caches
                handle.press(key)
                figure.settle(quiet=0.3)
            figure.image.evaluate(WATCH)
            for number in range(1, presses + 1):
                handle.press("ArrowRight" if number % 60 < 30 else "ArrowLeft")
                page.page.wait_for_function("number => window.waits.length === number", arg=number)
                page.page.wait_for_timeout(50)  # a new press, not a held key
            return page.js("() => window.waits")


def main():
    presses = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    if chromium() is None:
        sys.exit(INSTALL)
    waits = sorted(measure(presses))
    tenth = waits[int(0.9 * len(waits))]
    print(f"{len(waits)} presses on {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}: median "
          f"{statistics.median(waits):.0f} ms, fastest {waits[0]:.0f}, nine in ten within {tenth:.0f}")  # fmt: skip


if __name__ == "__main__":
    main()
