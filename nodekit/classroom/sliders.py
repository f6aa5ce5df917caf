"""Figures with sliders: `explore(draw, setup, h=log_slider(...))` is drawn again each time a control moves.

`draw(axes, **values)` adds what changes to the axes; `setup(axes)` runs before it and adds what stays, with the
limits and labels. How a redraw keeps up with the hand is in picture.py. Used from lesson 00 on.
"""

import base64
import html
import itertools
import linecache
import math
import traceback
import weakref
from pathlib import Path

import ipywidgets as widgets
import traitlets

from nodekit.classroom.picture import Picture

__all__ = ["choice", "explore", "linear_slider", "log_slider"]

# Every figure with sliders that is alive, in the order in which they were made: the tests move all controls.
explorers = weakref.WeakValueDictionary()
_number = itertools.count()


def explore(draw, setup=None, *, columns=1, rows=1, size=None, alt, **controls):
    """A figure that follows its controls. Leave it as the last expression of a cell.

    draw(axes, **values): adds the changing artists. Called with the value of every control, by name. axes is
        what `plotting.figure(columns, rows)` gives: one Axes, or an array. It may set titles.
    setup(axes): adds the artists that stay, limits and labels. If `draw` changes any of these, the picture is
        still right, but slower, as all of it is drawn anew.
    alt: a sentence for whoever cannot see the figure.
    controls: made by `log_slider`, `linear_slider` and `choice`.

    An error in `draw` is raised by the first picture; later it is shown below the figure until a value works.
    """
    return Explorer(Picture(draw, setup, columns, rows, size), alt, controls)


def log_slider(low, high, value, label):
    """A slider over [low, high] in equal ratios, 100 to the whole: for step sizes, tolerances, stiffness.

    Raises ValueError unless 0 < low < high.
    """
    if not 0 < low < high < math.inf:
        raise ValueError(f"log_slider {label!r} needs 0 < low < high, got low={low}, high={high}")
    low, high, value = float(low), float(high), float(value)
    start, end = math.log10(low), math.log10(high)
    # Three digits, so that the box shows the very number that is used.
    return Slider(low, high, value, label, start, end, math.log10, lambda place: float(f"{10**place:.3g}"))


def linear_slider(low, high, value, label, step=None):
    """A slider over [low, high], in steps of `step` (a hundredth of the whole by default).

    With low, high, value and step all of type int, its values are int too. Raises ValueError unless low < high
    and 0 < step <= high - low.
    """
    if not -math.inf < low < high < math.inf:
        raise ValueError(f"linear_slider {label!r} needs low < high, got low={low}, high={high}")
    if step is not None and not 0 < step <= high - low:
        raise ValueError(f"linear_slider {label!r} needs 0 < step <= {high - low}, got step={step}")
    whole = all(isinstance(number, int) for number in (low, high, value, step))
    if not whole:
        low, high, value = float(low), float(high), float(value)
    digits = 0 if whole else 3 - math.floor(math.log10(step or high - low))  # drops what rounding adds

    def number(place):
        return round(place) if whole else round(place, digits)

    return Slider(low, high, value, label, low, high, float, number, step)


def choice(options, value, label):
    """A drop-down list of `options`: strings or numbers.

    Raises ValueError for fewer than two, or a value that is none of them.
    """
    options = list(options)
    if len(set(options)) < 2:
        raise ValueError(f"choice {label!r} needs at least two different options, got {options}")
    if value not in options:
        raise ValueError(f"choice {label!r} starts at {value!r}, which is not one of {options}")
    _check_label(label)
    return widgets.Dropdown(options=options, value=value, description=label)


def _check_label(label):
    if not label.strip():
        raise ValueError("a control needs a label that says what it sets, and its unit if it has one")


class Slider(widgets.HBox):
    """A slider and a box for its number. `.value` is the number in the box, to the last digit.

    The slider's own read-out can be typed into as well, but shows (and returns) the nearest step of the slider
    instead of the number typed: 0.102 for 0.1. Here the handle goes to the nearest step, and the number stays.
    """

    value = traitlets.Any()

    def __init__(self, low, high, value, label, start, end, place, number, step=None):
        """`place` takes a number to its place on the slider, from start to end; `number` takes it back."""
        _check_label(label)
        if not low <= value <= high:
            raise ValueError(f"slider {label!r} starts at {value}, outside of [{low}, {high}]")
        self.low, self.high, self.label, self._place, self._number = low, high, label, place, number
        self._step = step or (end - start) / 100
        self._handle_moved = False
        self.slider = widgets.FloatSlider(
            place(value), min=start, max=end, step=self._step, description=label, readout=False,
        )  # fmt: skip
        box = widgets.BoundedIntText if isinstance(number(place(value)), int) else widgets.BoundedFloatText
        self.box = box(value, min=low, max=high, tooltip=label, layout=widgets.Layout(width="7em"))
        super().__init__([self.slider, self.box], value=value)
        self.slider.observe(self._on_handle, "value")
        self.box.observe(lambda change: self.set_trait("value", change.new), "value")

    @traitlets.validate("value")
    def _inside(self, proposal):
        return type(self.low)(min(max(proposal.value, self.low), self.high))

    @traitlets.observe("value")
    def _on_value(self, change):
        self.box.value = self.value
        if not self._handle_moved:  # else the handle would be moved under the hand
            self.slider.value = self._place(self.value)

    def _on_handle(self, change):
        # The front end answers a number between two steps with the nearest step: that is not the hand.
        if abs(change.new - self._place(self.value)) <= 0.5 * self._step * (1 + 1e-9):
            return
        self._handle_moved = True
        try:
            self.value = self._number(change.new)
        finally:
            self._handle_moved = False


class Explorer(widgets.VBox):
    """Controls above a picture, and below it the error of the last redraw, if there was one.

    .controls: name -> widget.  .error: the exception of the last redraw, or None.  .png: the picture, bytes.
    """

    def __init__(self, picture, alt, controls):
        self.alt = " ".join(alt.split())
        if not self.alt:
            raise ValueError('explore(..., alt="...") needs a sentence that says what the figure shows')
        if not controls:
            raise ValueError("explore needs at least one control, such as h=log_slider(1e-3, 1, 0.1, 'step h')")
        for name, control in controls.items():
            if not isinstance(control, Slider | widgets.Dropdown):
                raise TypeError(f"control {name}={control!r} is not made by log_slider, linear_slider or choice")
        self.picture, self.controls, self.error = picture, controls, None
        handles = [getattr(control, "slider", control) for control in controls.values()]
        width = f"{max(len(handle.description) for handle in handles) + 1}ch"
        for handle in handles:
            handle.style.description_width, handle.layout.width = width, "32em"
        # The front end holds a slider's next value back until the kernel has answered the one before, so that
        # a fast hand skips values and never builds a queue.
        for control in controls.values():
            control.observe(self._redraw, "value")
        self._image = widgets.Image(value=picture.render(self.values), format="png")
        self._image.layout = widgets.Layout(width=f"{picture.width}px", max_width="100%")
        self._message = widgets.HTML()
        super().__init__([*controls.values(), self._image, self._message])
        self.add_class("nodekit-explorer")  # by which the browser tests find it
        explorers[next(_number)] = self

    @property
    def values(self):
        return {name: control.value for name, control in self.controls.items()}

    @property
    def png(self):
        return self._image.value

    def _redraw(self, change):
        try:
            self._image.value = self.picture.render(self.values)
        except Exception as error:  # whatever the student's function raises is theirs to see
            self.error = error
            self._message.value = _explain(error)
        else:
            self.error = None
            self._message.value = ""

    def _repr_mimebundle_(self, **kwargs):
        """The widget, and for a page without a kernel its picture as it is now."""
        data = super()._repr_mimebundle_(**kwargs)
        data["image/png"] = base64.b64encode(self.png).decode()
        data["text/plain"] = self.alt
        return data, {"image/png": {"alt": self.alt}}


def _explain(error):
    """The error as HTML: its type and message, and the lines of the notebook that led to it."""
    frames = traceback.extract_tb(error.__traceback__)[3:]  # without _redraw, render and _drawn: from `draw` on
    lines = []
    for frame in frames:
        if Path(frame.filename).parent == Path(frames[0].filename).parent:  # a kernel keeps its cells in one folder
            source = linecache.getline(frame.filename, frame.lineno).strip()
            lines.append(f"{frame.name}, line {frame.lineno}:  {source}")
    text = "\n".join([*lines, f"{type(error).__name__}: {error}", "The picture is the last one that worked."])
    style = "border-left: 4px solid #D55E00; padding: 4px 10px; white-space: pre-wrap; line-height: 1.4"
    return f'<pre role="alert" class="nodekit-error" style="{style}">{html.escape(text)}</pre>'
