"""Figures with sliders: the picture is always the one that `setup` and `draw` give, whatever came before.

The reference for a picture is the same figure drawn once, in full, by matplotlib alone.
"""

import base64
import functools
import gc
import io
import weakref

import ipywidgets as widgets
import matplotlib as mpl
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from PIL import Image

from nodekit.classroom import plotting, sliders

T = np.linspace(0, 10, 101)


@pytest.fixture(autouse=True)
def style():
    with mpl.rc_context():
        plotting.use_style()
        yield


def steady(axes):
    """A setup that fixes all that a picture's frame consists of."""
    for ax in np.ravel(axes):
        ax.set(xlim=(0, 10), ylim=(-2, 2), xlabel="t (s)", ylabel="y", title=" ")


def explore(draw, setup=steady, h=None, **options):
    options = {"alt": "curves", "size": (5, 3)} | options
    return sliders.explore(draw, setup, h=h or sliders.linear_slider(0, 2, 1.0, "step size h"), **options)


def pixels(png):
    return np.array(Image.open(io.BytesIO(png)))


def drawn_in_full(draw, setup, value, place=None):
    fig, ax = plotting.figure(size=(5, 3))
    if setup is not None:
        setup(ax)
    ax.set_prop_cycle(None)
    draw(ax, h=value)
    if place is not None:
        fig.set_layout_engine("none")
        ax.set_position(place)
    fig.canvas.draw()
    return np.array(fig.canvas.buffer_rgba())[..., :3]


def place(explorer):
    return explorer.picture.own[0].get_position(original=True)


# What a lesson may do in `draw`, one a case. The comment says what would go wrong.


def lines(ax, h):  # an earlier curve left behind, or another colour at each redraw
    ax.plot(T, h * np.sin(T))
    ax.plot(T, h * np.cos(T))


def title_and_legend(ax, h):  # yesterday's number in the title
    ax.plot(T, h * np.sin(T), label=f"h = {h:.2f}")
    ax.legend(loc="upper right")
    ax.set_title(f"$h$ = {h:.2f}")


def title_at_times(ax, h):  # a title that stays when it should go
    if h > 1:
        ax.set_title("unstable")


def title_in_red_at_times(ax, h):
    if h > 1:
        ax.set_title("unstable", color="red", fontsize=9, alpha=0.5)
    else:
        ax.set_title("stable")
    if h < 1:
        ax.set_title("left", loc="left", fontweight="bold")


def under_what_stays(ax, h):  # a filled area painted over the curves, the grid or the frame of the background
    ax.fill_between(T, -2, h * np.sin(T), zorder=0.2)
    ax.contourf(T, np.linspace(-2, 2, 5), np.outer(np.arange(5), T), levels=[0, 10 * h + 1, 41])


def at_times_deeper(ax, h):  # the same, when the first picture did not need it
    ax.plot(T, h * np.sin(T), linewidth=12, zorder=0.2 if h > 1 else 5)


def image(ax, h):
    ax.imshow(np.outer(T, T) * h, extent=(0, 10, -2, 2), aspect="auto", vmin=0, vmax=200)


def bars(ax, h):  # a legend that still knows the bars of before
    ax.bar([1, 2, 3], [h, h / 2, 1], label="bars")
    ax.errorbar([5, 6], [h, 1], yerr=0.3, label="measured")
    ax.legend(loc="upper right")


def marks(ax, h):
    ax.annotate("here", (5, h), (2, -1), arrowprops={"arrowstyle": "->"})
    ax.axhline(h)
    ax.quiver([1, 2], [0, 1], [h, 1], [1, h])
    ax.inset_axes([0.6, 0.6, 0.3, 0.3]).plot(T, h * T)


def limits(ax, h):
    ax.plot(T, np.sin(T))
    ax.set_xlim(0, 4 + 5 * h)


def limits_at_times(ax, h):  # limits that stay when they should go
    ax.plot(T, np.sin(T))
    if h > 1:
        ax.set_ylim(-5, 5)


def autoscaled_at_times(ax, h):  # limits that no longer follow the data
    if h <= 1:
        ax.autoscale(False)
    ax.plot(T, 5 * h * np.sin(T))


def same_limits(ax, h):
    ax.plot(T, h * np.sin(T))
    ax.set_xlim(0, 10)


def label(ax, h):
    ax.set_xlabel(f"t, in units of {h:.2f}")


def ticks(ax, h):
    ax.set_xticks([0, h, 10])


def grid(ax, h):
    ax.grid(h > 1)


def scale(ax, h):
    ax.plot(T + 1, T + h)
    if h > 1:
        ax.set(xscale="log", yscale="log", xlim=(1, 10), ylim=(1, 10))


def frame(ax, h):
    ax.spines["right"].set_visible(h > 1)
    ax.set_facecolor("#EEEEEE" if h > 1 else "#FFFFFF")


def axis_off(ax, h):
    ax.plot(T, h * np.sin(T))
    if h > 1:
        ax.set_axis_off()


def moves_what_setup_drew(ax, h):  # the background's old line below the new one
    if ax.lines:
        ax.lines[0].set_ydata(h * np.cos(T))


def removes_what_setup_drew(ax, h):
    if h > 1:
        for line in list(ax.lines):
            line.remove()


def nothing_at_times(ax, h):
    if h > 1:
        ax.plot(T, np.sin(T))


DRAWS = [
    lines, title_and_legend, title_at_times, title_in_red_at_times, under_what_stays, at_times_deeper, image,
    bars, marks, limits, limits_at_times, autoscaled_at_times, same_limits, label, ticks, grid, scale, frame, axis_off,
    moves_what_setup_drew, removes_what_setup_drew, nothing_at_times,
]  # fmt: skip


def steady_with_artists(ax):
    steady(ax)
    ax.plot(T, np.sin(T) ** 2, color="black", linewidth=3, label="exact")
    ax.axvspan(4, 5, color="#CCCCCC", zorder=3)
    ax.legend(loc="lower left")


@pytest.mark.parametrize("setup", [None, steady, steady_with_artists])
@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.slow(seconds=30)
def test_the_picture_is_the_one_drawn_in_full(draw, setup):
    """At every value, after any other, a redraw equals the figure drawn from nothing, pixel by pixel."""
    explorer = explore(draw, setup)
    for value in [1.0, 2.0, 0.5, 1.0]:
        explorer.controls["h"].value = value
        assert explorer.error is None
        reference = drawn_in_full(draw, setup, value, place(explorer))
        difference = np.abs(pixels(explorer.png).astype(int) - reference)
        assert difference.max() <= 2, f"h = {value}: {np.count_nonzero(difference)} values differ"


@pytest.mark.parametrize("draw", [lines, title_and_legend, title_in_red_at_times, image, marks, same_limits])
def test_what_stays_is_painted_once(draw, monkeypatch):
    """A redraw that changes nothing of setup's calls neither setup nor a full drawing of the figure again."""
    setups, paintings = [], []
    explorer = explore(draw, lambda ax: (setups.append(1), steady(ax)))
    monkeypatch.setattr(explorer.picture.fig.canvas, "draw", lambda: paintings.append(1))
    first = place(explorer).bounds
    for value in np.linspace(0.1, 2, 5):
        explorer.controls["h"].value = value
        assert place(explorer).bounds == first, "the panel jumps"
    assert (len(setups), len(paintings)) == (1, 0)


def test_without_a_frame_none_is_painted():
    """Where setup takes the axes away, a redraw that paints below them does not bring them back."""

    def setup(ax):
        steady(ax)
        ax.set_axis_off()

    explorer = explore(under_what_stays, setup)
    explorer.controls["h"].value = 2.0
    reference = drawn_in_full(under_what_stays, setup, 2.0, place(explorer))
    np.testing.assert_array_equal(pixels(explorer.png), reference)


def grows(ax, h):
    if h < 1:
        ax.set_title("three\nlines\nhigh")
    if h > 1.5:
        ax.set_ylim(0, 10_000_000)
        ax.ticklabel_format(style="plain")


def test_the_panel_does_not_jump():
    """The first picture's place is kept while the frame stays, even when all was drawn anew in between."""
    explorer = explore(grows)
    first = place(explorer).bounds
    for value in [0.5, 2.0, 0.5]:
        explorer.controls["h"].value = value
    assert place(explorer).bounds == pytest.approx(first)


def test_new_tick_labels_find_room():
    """Where draw changes the limits the panel moves, so that wider numbers are not cut off."""
    explorer = explore(grows)
    first = place(explorer)
    explorer.controls["h"].value = 2.0
    assert place(explorer).x0 > first.x0 + 0.05
    assert explorer.picture.own[0].get_tightbbox().x0 >= 0


def test_two_panels_come_as_an_array():
    """With two columns draw and setup get both axes, and both change."""

    def draw(axes, h):
        axes[0].plot(T, h * np.sin(T))
        axes[1].plot(T, h * np.cos(T))

    explorer = explore(draw, columns=2)
    before = pixels(explorer.png)
    explorer.controls["h"].value = 2.0
    changed = (before != pixels(explorer.png)).any(axis=(0, 2))
    assert changed[: len(changed) // 2].any()
    assert changed[len(changed) // 2 :].any()


def fails_above_one(ax, h):
    ax.plot(T, h * np.sin(T))
    if h > 1:
        raise ValueError(f"<unstable> at h = {h}")


def fails_in_what_it_calls(ax, h):
    fails_above_one(ax, h)


def test_an_error_is_shown_until_a_value_works_again():
    """The message has type, text and line; the picture stays; the next good value gives the right picture."""
    explorer = explore(fails_in_what_it_calls)
    before = explorer.png
    explorer.controls["h"].value = 1.5
    message = explorer.children[-1].value
    assert isinstance(explorer.error, ValueError)
    assert "ValueError: &lt;unstable&gt; at h = 1.5" in message
    assert "fails_in_what_it_calls, line" in message
    assert 'raise ValueError(f"' in message.replace("&quot;", '"').replace("&#x27;", "'")
    assert __file__ not in message
    assert explorer.png == before
    explorer.controls["h"].value = 0.5
    assert (explorer.error, explorer.children[-1].value) == (None, "")
    reference = drawn_in_full(fails_in_what_it_calls, steady, 0.5, place(explorer))
    np.testing.assert_array_equal(pixels(explorer.png), reference)


def test_an_error_of_a_partial_is_shown_too():
    """`draw` may be anything that can be called; calling it wrongly is an error like any other."""
    explorer = explore(functools.partial(fails_above_one, h=0.1), h=sliders.choice(["a", 1], 1, "h"))
    explorer.controls["h"].value = "a"
    assert "fails_above_one, line" in explorer.children[-1].value
    assert "TypeError" in explorer.children[-1].value
    assert "_redraw" not in explorer.children[-1].value


def test_an_error_in_the_first_picture_is_raised():
    """The cell that makes the figure fails, with the traceback that a student knows."""
    with pytest.raises(ValueError, match="unstable"):
        explore(fails_above_one, h=sliders.linear_slider(0, 2, 1.5, "step size h"))


@pytest.mark.parametrize("what", [lambda fig: fig.suptitle("h"), lambda fig: fig.axes[0].twinx()])
def test_draw_may_not_add_to_the_figure(what):
    """A twin axis or a suptitle would pile up; it is refused with the way out."""
    with pytest.raises(RuntimeError, match="do it in setup"):
        explore(lambda ax, h: what(ax.figure))


def test_setup_may_add_a_colour_bar():
    """The panel keeps its place beside the colour bar when all is drawn anew."""

    def setup(ax):
        steady(ax)
        ax.figure.colorbar(mpl.cm.ScalarMappable(mpl.colors.Normalize(0, 1)), ax=ax)

    explorer = explore(limits_at_times, setup, h=sliders.linear_slider(0, 2, 0.5, "h"))
    before = explorer.png
    explorer.controls["h"].value = 1.5
    assert explorer.png != before
    explorer.controls["h"].value = 0.5
    assert explorer.png == before


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"alt": " "}, ValueError, "says what the figure shows"),
        ({"h": 0.1}, TypeError, "h=0.1 is not made by log_slider"),
    ],
)
def test_explore_refuses_what_it_cannot_show(options, error, message):
    with pytest.raises(error, match=message):
        sliders.explore(lines, steady, **({"alt": "curves", "h": sliders.log_slider(0.1, 1, 0.5, "h")} | options))


def test_explore_needs_a_control():
    with pytest.raises(ValueError, match="at least one control"):
        sliders.explore(lines, alt="curves")


def test_without_a_kernel_there_is_the_picture_and_its_description():
    """The output holds the widget, the PNG as it is now, and alt text where nbconvert looks for it."""
    explorer = explore(lines, alt="two\ncurves")
    explorer.controls["h"].value = 1.7
    data, metadata = InteractiveShell.instance().display_formatter.format(explorer)
    assert "application/vnd.jupyter.widget-view+json" in data
    assert base64.b64decode(data["image/png"]) == explorer.png
    assert data["text/plain"] == "two curves"
    assert metadata == {"image/png": {"alt": "two curves"}}


def test_the_tests_can_find_every_live_figure():
    """explorers lists the figures that are alive in the order of their making, and keeps none alive."""
    one, two = explore(lines), explore(lines)
    assert list(sliders.explorers.values())[-2:] == [one, two]
    forgotten = weakref.ref(one)
    widgets.Widget.close_all()  # ipywidgets itself keeps every widget that is not closed
    del one, two
    gc.collect()
    assert forgotten() is None
    assert not sliders.explorers


def test_a_log_slider_moves_in_equal_ratios():
    """100 steps from end to end; the number is rounded to three digits, so that what is shown is what is used."""
    h = sliders.log_slider(1e-3, 1, 0.1, "step size h")
    assert (h.value, h.slider.min, h.slider.max) == (0.1, -3, 0)
    assert round((h.slider.max - h.slider.min) / h.slider.step) == 100
    h.slider.value = -2.01
    assert h.value == h.box.value == 0.00977
    assert h.slider.value == -2.01, "the handle is moved under the hand"
    h.slider.value = h.slider.max
    assert h.value == 1


def test_a_log_slider_stays_within_bounds_of_many_digits():
    """At the end of the slider the value is the bound itself, though it has four digits."""
    h = sliders.log_slider(0.1234, 2.785, 1, "h")
    h.slider.value = h.slider.max
    assert h.value <= 2.785
    h.slider.value = h.slider.min
    assert h.value == 0.1234


@pytest.mark.parametrize(
    ("low", "high", "step", "place", "expected"),
    [(-0.3, 0.7, None, -0.3 + 0.1 + 0.2, 0.0), (0, 3, 0.5, 1.5, 1.5), (0, 1, None, 0.1 + 0.2, 0.3)],
)
def test_a_linear_slider_moves_in_equal_steps(low, high, step, place, expected):
    """The value is a decimal number, without the dust of adding steps up: 0.3 and not 0.30000000000000004."""
    slider = sliders.linear_slider(low, high, high, "rate", step)
    assert round((high - low) / slider.slider.step, 9) == (high - low) / (step or (high - low) / 100)
    slider.slider.value = place
    assert slider.value == expected


def test_a_slider_of_ints_gives_ints():
    """A number of layers can be used as one, moved or typed."""
    layers = sliders.linear_slider(1, 50, 10, "layers", step=1)
    assert isinstance(layers.value, int)
    layers.slider.value = 17.0
    assert (layers.value, type(layers.value)) == (17, int)
    layers.box.value = 20
    assert (layers.value, type(layers.value), layers.slider.value) == (20, int, 20)


def test_a_typed_number_is_kept_exactly():
    """The handle goes to the number's place; the front end's answer, the nearest step, does not change it."""
    h = sliders.log_slider(1e-3, 1, 0.1, "step size h")
    seen = []
    h.observe(lambda change: seen.append(change.new), "value")
    h.box.value = 0.5
    assert h.slider.value == np.log10(0.5)
    h.slider.value = -0.30  # what the front end answers: the slider's step is 0.03
    assert (h.value, h.box.value, seen) == (0.5, 0.5, [0.5])
    h.slider.value = -0.27  # one key press
    assert h.value == h.box.value == 0.537


def test_a_number_out_of_bounds_becomes_the_bound():
    """And no redraw ever sees it."""
    h, seen = sliders.linear_slider(0, 2, 1.0, "h"), []
    h.observe(lambda change: seen.append(change.new), "value")
    h.box.value = 7
    assert h.value == h.box.value == h.slider.value == 2
    h.value = -1.0
    assert h.value == h.box.value == h.slider.value == 0
    assert seen == [2, 0]


def test_a_slider_of_floats_gives_floats_even_where_its_bounds_are_ints():
    """1 and 1.0 are the same number, but not in a format such as {h:d} or as a shape."""
    for slider in [sliders.linear_slider(0, 2, 1, "h"), sliders.log_slider(1, 100, 10, "h")]:
        assert type(slider.value) is float
        slider.box.value = 1000
        assert type(slider.value) is float


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sliders.log_slider(0, 1, 0.1, "h"), "'h' needs 0 < low < high, got low=0"),
        (lambda: sliders.log_slider(1, 0.1, 0.5, "h"), "got low=1, high=0.1"),
        (lambda: sliders.log_slider(0.1, 1, 2, "h"), "starts at 2"),
        (lambda: sliders.linear_slider(1, 1, 1, "T"), "'T' needs low < high"),
        (lambda: sliders.linear_slider(0, np.nan, 0, "T"), "high=nan"),
        (lambda: sliders.linear_slider(0, 1, -1, "T"), "starts at -1"),
        (lambda: sliders.linear_slider(0, 1, 0, "T", step=2), "0 < step <= 1, got step=2"),
        (lambda: sliders.linear_slider(0, 1, 0, " "), "needs a label"),
        (lambda: sliders.choice(["euler"], "euler", "method"), "at least two"),
        (lambda: sliders.choice(["euler", "rk4"], "rk5", "method"), "starts at 'rk5', which is not one of"),
        (lambda: sliders.choice(["euler", "rk4"], "rk4", ""), "needs a label"),
    ],
)
def test_a_control_that_cannot_work_says_why(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_choice_gives_the_option_itself():
    """Options may be numbers, and draw gets the number."""
    order = sliders.choice([1, 2, 4], 2, "order")
    assert (order.value, order.description) == (2, "order")
