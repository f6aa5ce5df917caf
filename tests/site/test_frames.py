"""Figures that move on a page without a kernel: their frames are the pictures that the slider would draw."""

import base64
import io
import itertools
import json

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from nodekit.classroom import plotting, sliders
from tests.site import DOCS  # noqa: F401

from pages import cells, frames  # isort: skip


@pytest.fixture(autouse=True)
def style():
    with mpl.rc_context():
        plotting.use_style()
        yield


def explorer(draw, **controls):
    def setup(ax):
        ax.set(xlim=(0, 1), ylim=(-2, 2), title="before")
        ax.plot([0, 1], [0, 0], label="stays")
        ax.legend(loc="upper right")

    return sliders.explore(draw, setup, alt="a line", size=(4, 3), **controls)


def draw(ax, a, b=0.0, kind="solid"):
    ax.plot([0, 1], [a, b], linestyle=kind)
    ax.set_title(f"a = {a:g}")


def test_one_slider_has_every_step_it_can():
    """101 places of a slider, its start and both ends among them, each a frame."""
    made = explorer(draw, a=sliders.linear_slider(-1, 1, 0.3, "a"))
    values, settings = frames.layout(made.controls, 200)
    assert 30 < len(values["a"]) <= 61
    assert (values["a"][0], values["a"][-1]) == (-1, 1)
    assert 0.3 in values["a"]
    assert settings == [(k,) for k in range(len(values["a"]))]


def test_two_sliders_make_a_grid_and_three_with_a_choice_a_star():
    """A grid as long as every slider has nine places; then one slider moves at a time, at every choice."""
    a, b = (sliders.linear_slider(-1, 1, 0.3, name) for name in "ab")
    values, settings = frames.layout({"a": a, "b": b}, 200)
    assert settings == list(itertools.product(range(len(values["a"])), range(len(values["b"]))))
    assert len(settings) <= 200 + len(values["a"]) + len(values["b"])
    c = sliders.choice(["solid", "dashed"], "dashed", "kind")
    values, settings = frames.layout({"a": a, "b": b, "kind": c}, 100)
    start = [values[name].index(0.3) for name in "ab"]
    assert len(values["a"]) > 15
    assert {kind for *_, kind in settings} == {0, 1}
    assert all((x == start[0]) + (y == start[1]) >= 1 for x, y, _ in settings)
    assert len(settings) == len(set(settings)) == 2 * (len(values["a"]) + len(values["b"]) - 1)


def test_a_log_slider_keeps_its_numbers():
    """The values are the ones that Jupyter's box shows, in equal ratios."""
    values, _ = frames.layout({"h": sliders.log_slider(1e-3, 1, 0.1, "h")}, 40)
    assert {0.001, 0.1, 1.0} <= set(values["h"])
    gaps = np.diff(np.log(values["h"]))
    assert 0 < gaps.min() <= gaps.max() < 1.6 * np.median(gaps)


def test_pieces_are_what_draw_adds():
    """The title drawn is in its frame, and not in another; what stays is in none; equal pieces are kept once."""
    data = frames.frames(explorer(draw, a=sliders.linear_slider(-1, 1, 0.0, "a", step=0.5)))
    assert data["values"] == [[-1, -0.5, 0.0, 0.5, 1]]
    assert data["start"] == [2]
    whole = ["".join(data["pieces"][i] for i in data["frames"][str(k)]) for k in range(5)]
    for k, a in enumerate(("-1", "-0.5", "0", "0.5", "1")):
        assert f">a = {a}<" in whole[k]
        assert sum(f">a = {a}<" in other for other in whole) == 1
        assert "before" not in whole[k]
    assert len(data["pieces"]) == len(set(data["pieces"])) < sum(map(len, data["frames"].values()))
    assert data["background"].startswith("data:image/webp;base64,")


def test_a_figure_whose_limits_move_is_kept_whole():
    """Where `draw` changes what stays, a frame is the picture itself."""

    def zoom(ax, a):
        ax.set_xlim(0, a)

    made = explorer(zoom, a=sliders.linear_slider(1, 2, 1.0, "a", step=0.5))
    data = frames.frames(made)
    picture = base64.b64decode(data["frames"]["2"].partition(",")[2])
    made.controls["a"].value = 2.0
    wanted, found = (np.asarray(Image.open(io.BytesIO(png)).convert("RGB")) for png in (made.png, picture))
    assert np.array_equal(wanted, found)


def test_a_field_of_colours_is_kept_as_pictures():
    """What weighs more as SVG than the whole figure does as a picture is kept as the latter."""
    grid = np.random.default_rng(0).normal(size=(120, 160))

    def colours(ax, a):
        ax.pcolormesh(np.linspace(0, 1, 161), np.linspace(-2, 2, 121), np.round(np.abs(grid) < a))

    made = explorer(colours, a=sliders.linear_slider(0.5, 1.0, 0.5, "a", step=0.25))
    data = frames.frames(made)
    assert all(frame.startswith("data:image/webp;base64,") for frame in data["frames"].values())
    assert frames.compressed(data) <= 1000 * frames.KILOBYTES
    assert not frames.heavier(explorer(draw, a=sliders.linear_slider(-1, 1, 0.0, "a")))


def test_the_budget_holds():
    """A figure of long random paths stays below its kilobytes, with fewer frames."""
    rng = np.random.default_rng(0)

    def noise(ax, a):
        ax.plot(np.linspace(0, 1, 2000), a * rng.normal(size=2000))

    data = frames.frames(explorer(noise, a=sliders.linear_slider(-1, 1, 0.0, "a")))
    assert frames.compressed(data) <= 1000 * frames.KILOBYTES
    assert 3 <= len(data["frames"]) < 60


CELLS = [
    "import numpy as np",
    "def field(x):\n    return a * x",
    "a = 2.0",
    "slow = [i for i in range(10)]",
    "net = [1.0]",
    "net.append(a)",
    "table = {}\nprint(slow)",
    "table['k'] = net",
    "def draw(ax, h):\n    ax.plot([h], [field(h) + table['k'][0]])",
    "unrelated = slow",
    "sliders.explore(draw, h=1)",
]


def test_a_slider_s_cells_are_found_through_functions_and_changes():
    """Needed: what is used within a function, appended to a list, put into a table; not what uses the rest."""
    assert {1, 2, 4, 5, 6, 7, 8, 10} <= set(cells.needed(CELLS))
    assert 9 not in cells.needed(CELLS)


IMPORTS = "from nodekit.classroom import plotting, sliders\nplotting.use_style()"


def notebook(tmp_path, png, source):
    out = {"output_type": "execute_result", "data": {"image/png": base64.b64encode(png).decode()}, "metadata": {}}
    both = [
        {
            "cell_type": "code",
            "source": "from nodekit.classroom import plotting, sliders\nplotting.use_style()",
            "outputs": [],
        },
        {"cell_type": "code", "source": source, "outputs": [out]},
    ]
    path = tmp_path / "00_x.ipynb"
    path.write_text(json.dumps({"cells": both}), encoding="utf-8")
    return path


SOURCE = (
    "def draw(ax, a):\n    ax.plot([0, 1], [0, a])\n\n"
    "sliders.explore(draw, alt='a line', size=(4, 3), a=sliders.linear_slider(0, 1, 1.0, 'a'))"
)


def test_a_picture_that_the_lesson_does_not_hold_is_refused(tmp_path):
    """The frames at the start are the picture that is committed, or there are none."""

    def line(ax, a):
        ax.plot([0, 1], [0, a])

    right = sliders.explore(line, alt="a line", size=(4, 3), a=sliders.linear_slider(0, 1, 1.0, "a")).png
    ((number, found),) = cells.explorers(notebook(tmp_path, right, SOURCE))
    assert (number, found.png) == (1, right)
    wrong = sliders.explore(line, alt="a line", size=(4, 3), a=sliders.linear_slider(0, 1, 0.2, "a")).png
    with pytest.raises(RuntimeError, match=r"cell 1 of 00_x\.ipynb does not draw the picture that it holds"):
        list(cells.explorers(notebook(tmp_path, wrong, SOURCE)))
