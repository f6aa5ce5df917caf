"""The figures of the lessons: one style, one way to show a figure, and the plots that recur.

`use_style()` once at the top of a lesson; then `fig, ax = figure()`, draw, `show(fig, alt="...")`. Each named
plot takes the Axes it draws on first and returns what it drew. Nothing here needs a display. Used from lesson 00 on.
"""

import base64
import io

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

__all__ = [
    "convergence",
    "figure",
    "phase_portrait",
    "show",
    "stability_region",
    "steps_taken",
    "trajectories",
    "use_style",
]

# The palette of Okabe and Ito (2008), which readers with any colour vision can tell apart: blue, vermillion,
# green, orange, purple, sky, black. Their yellow is left out, because a line of it on white cannot be seen.
COLORS = ["#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#000000"]
# Every colour has its own dash pattern too, so that a figure also works in print and in greys.
LINESTYLES = ["-", "--", "-.", ":", (0, (7, 2, 1, 2, 1, 2)), (0, (4, 1.5)), (0, (1, 2.5))]

STYLE = {
    "figure.dpi": 110,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.labelsize": 11,
    "legend.fontsize": 10,
    "legend.framealpha": 0.9,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "axes.prop_cycle": cycler(color=COLORS, linestyle=LINESTYLES),
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#D9D9D9",
    "grid.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "image.cmap": "cividis",
}


# On JupyterLab's dark page, and nbconvert's, a white figure glares. Light and dark change places there, and half a turn
# of the hue gives each colour back its own. Not wholly: the figure's ground becomes a dark grey, its ink a light one.
DARK = """<style>
body[data-jp-theme-light="false"] .jp-RenderedImage img,
body[data-jp-theme-light="false"] .nodekit-explorer img { filter: invert(0.9) hue-rotate(180deg); }
</style>"""


def use_style():
    """Set the course's style for every figure made from here on. Call once, at the top of a lesson.

    In a notebook it also displays a rule for pages with a dark theme, which shows nothing itself.
    """
    mpl.rcParams.update(STYLE)
    if InteractiveShell.initialized():
        display({"text/html": DARK, "text/plain": ""}, raw=True)


def figure(columns=1, rows=1, size=None):
    """A new figure with `rows` × `columns` panels: (fig, axes).

    axes is one Axes, or an array of them of shape (columns,), (rows,) or (rows, columns). `size` is
    (width, height) in inches; without it a panel is about 4.5 wide and 3.4 high. Raises ValueError without a panel.
    """
    if columns < 1 or rows < 1:
        raise ValueError(f"a figure needs at least one panel, got columns={columns}, rows={rows}")
    if size is None:
        size = (min(max(6.0, 4.5 * columns), 11.0), 3.4 * rows)
    fig = Figure(figsize=size, layout="constrained")  # not pyplot's: the notebook cannot draw it twice
    FigureCanvasAgg(fig)
    return fig, fig.subplots(rows, columns)


def show(fig, alt):
    """Display `fig` as a picture in the notebook, with `alt` for whoever cannot see it, and close it.

    Raises ValueError if `alt` is empty: say what the figure shows, in a sentence.
    """
    alt = " ".join(alt.split())
    if not alt:
        raise ValueError('show(fig, alt="...") needs a sentence that says what the figure shows; alt is empty')
    png = io.BytesIO()
    fig.savefig(png, format="png")
    plt.close(fig)  # in case it was made with pyplot, which would otherwise show it again
    data = {"image/png": base64.b64encode(png.getvalue()).decode(), "text/plain": alt}
    display(data, raw=True, metadata={"image/png": {"alt": alt}})


def trajectories(ax, t, ys, labels=None):
    """Draw curves y(t). Returns the list of lines.

    t (n,). ys (n,): one curve; (n, d): one curve for each component; or a list of arrays (n,). `labels` names
    the curves (a string for one curve, a list for more) and adds a legend. Raises ValueError where lengths differ.
    """
    t = np.asarray(t)
    curves = [np.asarray(y) for y in ys] if isinstance(ys, list | tuple) else np.asarray(ys)
    if not isinstance(curves, list):
        curves = [curves] if curves.ndim == 1 else list(curves.T)
    labels = [labels] if isinstance(labels, str) else labels
    if labels is not None and len(labels) != len(curves):
        raise ValueError(f"{len(labels)} labels for {len(curves)} curves: {labels}")
    for y in curves:
        if y.shape != t.shape:
            raise ValueError(f"a curve has shape {y.shape}, the times {t.shape}: time goes first, ys (n, d)")
    names = labels if labels is not None else [None] * len(curves)
    lines = [ax.plot(t, y, label=name)[0] for y, name in zip(curves, names, strict=True)]
    if labels is not None:
        ax.legend()
    return lines


def phase_portrait(ax, f, xlim, ylim, t=0.0, arrows=19):
    """Draw the directions of a planar field f(t, y), y (2,), as arrows of equal length; darker is faster.

    `xlim`, `ylim` are the limits of the panel, and `arrows` is their number on a side. Returns the arrows.
    Raises ValueError if f returns another shape than (2,).
    """
    x, y = np.meshgrid(np.linspace(*xlim, arrows), np.linspace(*ylim, arrows))
    # One point at a time: a lesson's field takes one state, and need not know about grids of them.
    field = np.array([f(t, np.array(point)) for point in zip(x.ravel(), y.ravel(), strict=True)], dtype=float)
    if field.shape != (arrows**2, 2):
        raise ValueError(f"f(t, y) must return shape (2,) for y of shape (2,), got {field.shape[1:]}")
    speed = np.linalg.norm(field, axis=1)
    direction = np.divide(field, speed[:, None], out=np.zeros_like(field), where=speed[:, None] > 0)
    # Rank, not speed, sets the shade: one fast corner would otherwise leave all else white.
    shade = np.searchsorted(np.sort(speed), speed) / len(speed)
    drawn = ax.quiver(
        x, y, *direction.T, shade, cmap="Greys", clim=(-0.5, 1.3), pivot="mid",
        scale=1.4 * arrows, scale_units="width", width=0.004, zorder=1,
    )  # fmt: skip
    _set_limits(ax, xlim, ylim)
    return drawn


def stability_region(ax, R, xlim=(-5, 2), ylim=(-4, 4), points=201):
    """Draw where |R(z)| ≤ 1 in the complex plane of z = hλ: filled, with its boundary, axes to equal scale.

    R is a function of a complex array of any shape, such as
    `lambda z: nodekit.analysis.stability.stability_function(tableau, z)`. Returns (filled, boundary).
    """
    x, y = np.meshgrid(np.linspace(*xlim, points), np.linspace(*ylim, points))
    with np.errstate(all="ignore"):  # an implicit method's R has poles
        size = np.abs(R(x + 1j * y))
    size = np.where(np.isfinite(size), size, 2.0)
    ax.axhline(0, color="#888888", linewidth=0.8, linestyle="-")
    ax.axvline(0, color="#888888", linewidth=0.8, linestyle="-")
    filled = ax.contourf(x, y, size, levels=[0, 1], colors=["#CFE3F1"])
    boundary = ax.contour(x, y, size, levels=[1], colors=COLORS[0], linewidths=1.5)
    _set_limits(ax, xlim, ylim)
    if ax.get_aspect() != 1.0:
        ax.set_aspect("equal")
    ax.set_xlabel("Re hλ")
    ax.set_ylabel("Im hλ")
    return filled, boundary


def convergence(ax, h, errors, label, order=None):
    """Draw errors against step sizes on logarithmic axes, and a dotted line of slope `order` beside them.

    h (n,) and errors (n,), positive, else ValueError. Call once for each method. Returns the list of lines.
    """
    h, errors = np.asarray(h, dtype=float), np.asarray(errors, dtype=float)
    if h.shape != errors.shape or not (np.all(h > 0) and np.all(errors > 0)):
        raise ValueError(f"h {h.shape} and errors {errors.shape} must be positive and of one shape")
    _log_scale(ax, "x", "y")
    lines = ax.plot(h, errors, marker="o", label=label)
    if order is not None:
        largest = np.argmax(h)
        reference = 0.5 * errors[largest] * (h / h[largest]) ** order
        lines += ax.plot(h, reference, ":", color="#666666", linewidth=1.2, label=f"slope {order}")
    ax.set_xlabel("step size h")
    ax.set_ylabel("error")
    ax.legend()
    return lines


def steps_taken(ax, sol):
    """Draw the size of every attempted step of a Solution over t: dots accepted, crosses rejected.

    Returns the list of lines.
    """
    t, h = np.asarray(sol.steps.t), np.abs(np.asarray(sol.steps.h))
    accepted = np.asarray(sol.steps.accepted, dtype=bool)
    _log_scale(ax, "y")
    lines = ax.plot(t[accepted], h[accepted], ".-", color=COLORS[0], linewidth=0.8, label="accepted")
    if not accepted.all():
        style = {"color": COLORS[1], "markersize": 7, "linestyle": "none"}
        lines += ax.plot(t[~accepted], h[~accepted], "x", label="rejected", **style)
    ax.set_xlabel("t")
    ax.set_ylabel("step size h")
    ax.legend()
    return lines


def _set_limits(ax, xlim, ylim):
    """Set the limits; left alone when they are right, so that a slider's redraw keeps its background."""
    if tuple(ax.get_xlim()) != tuple(xlim):
        ax.set_xlim(*xlim)
    if tuple(ax.get_ylim()) != tuple(ylim):
        ax.set_ylim(*ylim)


def _log_scale(ax, *which):
    for name in which:
        if getattr(ax, f"get_{name}scale")() != "log":  # setting it again would drop the axis's own ticks
            getattr(ax, f"set_{name}scale")("log")
