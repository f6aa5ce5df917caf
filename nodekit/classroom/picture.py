"""A figure that is drawn again and again, fast enough to follow a slider.

What `setup` draws stays: it is painted once, and that background is kept as pixels. A redraw paints only what
`draw` adds on top of it (and whatever lies above that), takes it away again, and encodes the pixels as PNG: about
20 ms for two panels, where drawing all of it anew takes 120. Where `draw` changes what stays, such as the limits, all
of it is drawn anew, so that the picture is always the one that `setup` and `draw` give together.
"""

import io
import itertools
import math
from contextlib import contextmanager

import numpy as np
from matplotlib.text import Text
from PIL import Image

from nodekit.classroom import plotting


class Picture:
    """The figure of an explorer as PNG bytes. It knows nothing of widgets."""

    def __init__(self, draw, setup, columns, rows, size):
        self.draw, self.setup, self.shape = draw, setup, (rows, columns)
        self.fig, _ = plotting.figure(columns, rows, size)
        self.width = round(self.fig.bbox.width)
        self.axes = None  # as `setup` left them; None: to be made by the next render
        self.places = None  # of the panels in the figure

    def render(self, values):
        """The picture at `values`. Every call starts from the axes as `setup` left them."""
        axes, added = self._drawn(values)
        if self._changed():
            self.fig.set_layout_engine("constrained")
            self.fig.canvas.draw()
        else:
            self._blit(added)
            self._remove(added)
            self.axes = axes
        png = io.BytesIO()
        pixels = np.ascontiguousarray(np.asarray(self.fig.canvas.buffer_rgba())[..., :3])
        Image.fromarray(pixels).save(png, "PNG", compress_level=1)  # level 1: a tenth larger, a third faster
        return png.getvalue()

    def _drawn(self, values):
        """The axes with what `draw` added, and that by panel; .axes is None until it is taken away."""
        if self.axes is None:
            self._prepare()
        axes, self.axes = self.axes, None  # if `draw` raises, or changes what stays, these are spoilt
        self.draw(axes, **values)
        if self.fig.get_children() != self.figure_children:
            raise RuntimeError("draw added to the figure (a colour bar, twin axes, a suptitle): do it in setup")
        return axes, [[a for a in ax.get_children() if a not in kept] for ax, kept in self._panels()]

    @contextmanager
    def moving(self, values):
        """Within it: the artists that lie above the kept background at `values`, in order, placed in the figure; or
        None where `draw` changes what stays. For whoever draws them in another way than `render` (docs/pages)."""
        axes, added = self._drawn(values)
        if self._changed():
            yield None
            return
        self._blit(added)  # the background is that of these values too
        live = (
            sorted(self._live(*panel), key=lambda a: a.zorder)
            for panel in zip(self.own, added, self.floor, strict=True)
        )
        yield list(itertools.chain(*live))
        self._remove(added)
        self.axes = axes

    def _prepare(self):
        self.fig.clear()
        self.fig.set_layout_engine("constrained")
        self.axes = self.fig.subplots(*self.shape)
        self.own = list(np.ravel(self.axes))
        if self.setup is not None:
            self.setup(self.axes)
        self.figure_children = self.fig.get_children()
        self.kept = [set(ax.get_children()) for ax in self.own]
        self.titles = [[_copy(title) for title in _titles(ax)] for ax in self.own]
        self.containers = [len(ax.containers) for ax in self.own]
        self.background, self.floor = None, [math.inf] * len(self.own)
        self._remember()

    def _panels(self):
        return zip(self.own, self.kept, strict=True)

    def _remember(self):
        """Note the state of what stays, so that `_changed` can tell."""
        self.frames = [_frame(ax) for ax in self.own]
        for ax, kept in self._panels():
            ax.set_prop_cycle(None)  # each draw starts at the first colour
            for artist in kept:
                artist.stale = False

    def _changed(self):
        """Did `draw` change anything that stays? Titles are its own to set, and an axis is in its frame."""
        if self.frames != [_frame(ax) for ax in self.own]:
            return True
        for ax, kept in self._panels():
            untouched = {*_titles(ax), ax.xaxis, ax.yaxis}
            if not kept <= set(ax.get_children()) or any(a.stale for a in kept - untouched):
                return True
        return False

    def _blit(self, added):
        """Paint the kept background, then in order what `draw` added and whatever lies above that."""
        floor = [min((a.zorder for a in new), default=math.inf) for new in added]
        if self.background is None or any(now < kept for now, kept in zip(floor, self.floor, strict=True)):
            self.floor = floor
            self._paint_background(added)
        canvas = self.fig.canvas
        canvas.restore_region(self.background)
        for ax, new, floor in zip(self.own, added, self.floor, strict=True):
            for artist in sorted(self._live(ax, new, floor), key=lambda a: a.zorder):
                ax.draw_artist(artist)

    def _live(self, ax, new, floor):
        """The artists of a panel that are not in its background, in the order in which matplotlib has them."""
        hidden = set() if ax.axison else {*ax.spines.values(), ax.xaxis, ax.yaxis}
        above = {a for a in ax.get_children() if a.zorder > floor} - hidden - {ax.patch}
        return [a for a in ax.get_children() if a in above or a in new or a in _titles(ax)]

    def _paint_background(self, added):
        if self.places is None:  # with what `draw` added in place; and kept, so that no panel jumps
            self.fig.get_layout_engine().execute(self.fig)
            self.places = [ax.get_position(original=True) for ax in self.fig.axes]
        self.fig.set_layout_engine("none")
        for ax, place in zip(self.fig.axes, self.places, strict=True):
            ax.set_position(place)
            ax.set_in_layout(True)  # or it would stay there when everything is laid out anew
        live = [self._live(*panel) for panel in zip(self.own, added, self.floor, strict=True)]
        live = list(itertools.chain(*live))
        for artist in live:
            artist.set_animated(True)  # leaves it out, but unlike set_visible(False) still finds a title's place
        self.fig.canvas.draw()
        self.background = self.fig.canvas.copy_from_bbox(self.fig.bbox)
        for artist in live:
            artist.set_animated(False)
        self._remember()

    def _remove(self, added):
        for artist in itertools.chain(*added):
            artist.remove()
        for ax, titles, containers in zip(self.own, self.titles, self.containers, strict=True):
            ax.set_prop_cycle(None)
            del ax.containers[containers:]
            for title, before in zip(_titles(ax), titles, strict=True):
                title.set_text(before.get_text())
                title.update_from(before)


def _titles(ax):
    return ax.title, ax._left_title, ax._right_title


def _copy(title):
    copy = Text(text=title.get_text())
    copy.update_from(title)
    return copy


def _frame(ax):
    """What the background shows of a panel beside its artists: limits, ticks (a scale has its own) and labels."""
    state = [ax.axison, ax.get_aspect(), ax.get_position(original=True).bounds]
    state += [ax.get_xlim(), ax.get_ylim(), ax.get_autoscalex_on(), ax.get_autoscaley_on()]
    for axis in (ax.xaxis, ax.yaxis):
        state += [axis.get_major_locator(), axis.get_minor_locator(), axis.get_major_formatter()]
        state += [axis.get_tick_params("major"), axis.get_tick_params("minor"), axis.label.get_text()]
    return state
