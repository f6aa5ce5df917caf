"""The figures of the lessons: what is drawn is what was given, and nobody is left without a description."""

import base64
import io
import itertools
import subprocess
import sys
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from matplotlib.figure import Figure
from PIL import Image

from nodekit.classroom import plotting


@pytest.fixture(autouse=True)
def style():
    with mpl.rc_context():
        plotting.use_style()
        yield


@pytest.fixture
def axes():
    return plotting.figure()[1]


def pixels(fig):
    fig.canvas.draw()
    return np.array(fig.canvas.buffer_rgba())


def test_importing_the_plots_needs_neither_torch_nor_a_display():
    """A lesson on NumPy alone runs where torch is missing, and on a server without a screen."""
    code = "import sys; sys.modules['torch'] = None; from nodekit.classroom import plotting; plotting.figure()"
    environment = {"PATH": "", "MPLBACKEND": ""}
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, env=environment, timeout=60)


def relative_luminance(color):
    channels = np.array(mpl.colors.to_rgb(color))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def seen_without_red_cones(color):
    """A colour as a protanope sees it, by Viénot, Brettel and Mollon (1999), in linear RGB."""
    channels = np.array(mpl.colors.to_rgb(color))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    red_green = 0.11238 * linear[0] + 0.88762 * linear[1]
    return np.array([red_green, 0.00401 * linear[0] - 0.00401 * linear[1] + linear[2]])


def test_the_colours_differ_without_red_cones_and_the_dashes_without_any_colour():
    """Each pair of curves can be told apart by a colour-blind reader, and by line style in greys."""
    for one, other in itertools.combinations(plotting.COLORS, 2):
        assert np.abs(seen_without_red_cones(one) - seen_without_red_cones(other)).max() > 0.07, (one, other)
    assert len(set(map(str, plotting.LINESTYLES))) == len(plotting.COLORS)
    # Okabe and Ito's orange, sky and purple are for lines, which need less contrast than text: 2 to 1 on white.
    assert all(1.05 / (relative_luminance(color) + 0.05) > 2 for color in plotting.COLORS)


def test_the_style_cycles_colours_and_line_styles_together(axes):
    """Two curves drawn with no style given differ in both."""
    first, second = axes.plot([0, 1]) + axes.plot([1, 0])
    assert (first.get_color(), second.get_color()) == tuple(plotting.COLORS[:2])
    assert first.get_linestyle() != second.get_linestyle()


@pytest.mark.parametrize(("columns", "rows", "shape"), [(1, 1, ()), (2, 1, (2,)), (1, 3, (3,)), (2, 3, (3, 2))])
def test_figure_gives_one_axes_or_an_array_of_them(columns, rows, shape):
    """One Axes needs no index; more come as (columns,), (rows,) or (rows, columns)."""
    fig, axes = plotting.figure(columns, rows)
    assert np.shape(axes) == shape
    assert fig.get_figwidth() <= 11


def test_figure_refuses_no_panels():
    with pytest.raises(ValueError, match="columns=0"):
        plotting.figure(columns=0)


def shown(fig, alt):
    """The one output that show() makes in a notebook."""
    InteractiveShell.instance()
    with capture_output() as captured:
        plotting.show(fig, alt=alt)
    (output,) = captured.outputs
    return output


def test_show_gives_one_picture_with_its_description():
    """The PNG is the figure, and its alt text is in the metadata and is the plain text."""
    fig, ax = plotting.figure(size=(4, 2))
    ax.plot([0, 1])
    output = shown(fig, "a line\n   that rises")
    assert output.metadata == {"image/png": {"alt": "a line that rises"}}
    assert output.data["text/plain"] == "a line that rises"
    picture = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"])))
    assert picture.size == (4 * 110, 2 * 110)


def test_show_closes_a_figure_of_pyplot():
    """A figure made with pyplot is not drawn a second time at the end of the cell."""
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    fig, _ = plt.subplots()
    shown(fig, "nothing")
    assert not plt.fignum_exists(fig.number)


@pytest.mark.parametrize("alt", ["", "  \n "])
def test_show_refuses_a_figure_without_a_description(alt):
    with pytest.raises(ValueError, match="alt is empty"):
        plotting.show(Figure(), alt=alt)


T = np.linspace(0, 1, 5)
TWO = np.stack([T, T**2], axis=1)


@pytest.mark.parametrize(("ys", "labels"), [(T, "x"), (TWO, ["x", "v"]), ([T, T**2], ["x", "v"]), (TWO, None)])
def test_trajectories_draws_each_component_over_time(axes, ys, labels):
    """One line for each component or array, in order, with its name in the legend."""
    lines = plotting.trajectories(axes, T, ys, labels)
    for line, expected in zip(lines, TWO.T, strict=False):
        np.testing.assert_array_equal(line.get_xdata(), T)
        np.testing.assert_array_equal(line.get_ydata(), expected)
    named = [] if axes.get_legend() is None else [text.get_text() for text in axes.get_legend().get_texts()]
    assert named == list(labels or [])


def test_trajectories_says_what_does_not_fit(axes):
    """Time second instead of first, or too few names, is told in the terms of the caller."""
    with pytest.raises(ValueError, match=r"shape \(2,\), the times \(5,\): time goes first"):
        plotting.trajectories(axes, T, TWO.T)
    with pytest.raises(ValueError, match="1 labels for 2 curves"):
        plotting.trajectories(axes, T, TWO, ["x"])


def test_phase_portrait_points_along_the_field(axes):
    """Every arrow has the direction of f there, one length, and is darkest where f is fastest."""

    def field(t, y):
        return np.array([y[1], -np.sin(y[0]) - t * y[1]])

    arrows = plotting.phase_portrait(axes, field, (-3, 3), (-2, 2), t=0.5, arrows=8)
    expected = np.array([field(0.5, point) for point in arrows.get_offsets()])
    speed = np.linalg.norm(expected, axis=1)
    np.testing.assert_allclose(np.stack([arrows.U, arrows.V], axis=1), expected / speed[:, None], atol=1e-14)
    assert speed[np.argmax(arrows.get_array())] == pytest.approx(speed.max())
    assert speed[np.argmin(arrows.get_array())] == pytest.approx(speed.min())
    assert (axes.get_xlim(), axes.get_ylim()) == ((-3, 3), (-2, 2))


def test_phase_portrait_draws_no_arrow_at_rest(axes):
    """Where f is zero there is no direction, and no warning of a division by zero."""
    arrows = plotting.phase_portrait(axes, lambda t, y: 0 * y, (-1, 1), (-1, 1), arrows=3)
    assert not arrows.U.any()
    assert not arrows.V.any()


def test_phase_portrait_refuses_a_field_that_is_not_planar(axes):
    with pytest.raises(ValueError, match=r"must return shape \(2,\)"):
        plotting.phase_portrait(axes, lambda t, y: np.zeros(3), (-1, 1), (-1, 1))


def test_stability_region_of_euler_is_the_disk_at_minus_one(axes):
    """The boundary drawn for R(z) = 1 + z lies on |z + 1| = 1 (Hairer and Wanner, 1996, IV.2)."""
    _, boundary = plotting.stability_region(axes, lambda z: 1 + z, (-3, 1), (-2, 2))
    (path,) = boundary.get_paths()
    np.testing.assert_allclose(np.hypot(path.vertices[:, 0] + 1, path.vertices[:, 1]), 1, atol=1e-3)


def test_stability_region_fills_the_inside(axes):
    """Backward Euler, R(z) = 1/(1 - z), is stable all around the disk at +1; its pole is the disk's centre."""
    plotting.stability_region(axes, lambda z: 1 / (1 - z), (-2, 4), (-3, 3), points=121)
    axes.grid(False)
    picture = pixels(axes.figure)

    def color(x, y):
        across, up = axes.transData.transform((x, y))
        return mpl.colors.to_hex(picture[len(picture) - 1 - round(up), round(across), :3] / 255)

    assert {color(-1, 0.5), color(0.5, 2.5), color(3.5, -0.5)} == {"#cfe3f1"}
    assert {color(1, 0.2), color(1.5, 0.5)} == {"#ffffff"}


def test_convergence_draws_the_errors_and_the_slope_beside_them(axes):
    """The dotted line has the slope of the order on logarithmic axes, and is half as high as the first error."""
    h = np.array([0.5, 0.25, 0.125])
    data, reference = plotting.convergence(axes, h, h**2, "midpoint", order=2)
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    np.testing.assert_array_equal(data.get_ydata(), h**2)
    np.testing.assert_allclose(reference.get_ydata(), 0.5 * h**2)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["midpoint", "slope 2"]


@pytest.mark.parametrize("errors", [[0.1, 0.0], [0.1, np.nan], [0.1]])
def test_convergence_refuses_what_has_no_logarithm(axes, errors):
    with pytest.raises(ValueError, match="must be positive and of one shape"):
        plotting.convergence(axes, [0.1, 0.2], errors, "euler")


def test_steps_taken_tells_accepted_from_rejected(axes):
    """Dots are the accepted attempts and crosses the others, each at its t and |h|."""
    t, h, accepted = np.array([1.0, 1, 0.9, 0.7]), np.array([-0.2, -0.1, -0.2, -0.3]), [False, True, True, False]
    sol = SimpleNamespace(steps=SimpleNamespace(t=t, h=h, accepted=accepted))
    kept, rejected = plotting.steps_taken(axes, sol)
    np.testing.assert_array_equal(kept.get_xydata(), [[1, 0.1], [0.9, 0.2]])
    np.testing.assert_array_equal(rejected.get_xydata(), [[1, 0.2], [0.7, 0.3]])
    assert (kept.get_label(), rejected.get_label()) == ("accepted", "rejected")


def test_every_named_plot_can_be_painted(axes):
    """The plots are painted without a warning, not only constructed."""
    plotting.stability_region(axes, lambda z: 1 + z)
    blank = pixels(plotting.figure()[0])
    assert (pixels(axes.figure) != blank).any()


def test_a_dark_page_is_told_in_a_notebook_only(monkeypatch, capsys):
    """The rule names still figures and explorers, on pages that say they are dark; a script prints nothing."""
    seen = []
    monkeypatch.setattr(plotting, "display", lambda data, raw: seen.append(data))
    monkeypatch.setattr(plotting.InteractiveShell, "initialized", lambda: False)
    plotting.use_style()
    assert seen == []
    monkeypatch.setattr(plotting.InteractiveShell, "initialized", lambda: True)
    plotting.use_style()
    (data,) = seen
    assert data["text/plain"] == ""
    for name in (".jp-RenderedImage img", ".nodekit-explorer img"):
        assert f'body[data-jp-theme-light="false"] {name}' in data["text/html"]
