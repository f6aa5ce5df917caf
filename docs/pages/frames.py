"""Figures with sliders that move on a page without a kernel, from any `sliders.explore`, with no word in the lesson.

A figure's background is kept once, as WebP; a frame, one for each setting of the controls that a page can show, is
what `draw` adds, as SVG; where `draw` changes what stays, it is a whole picture. The lessons' cells that a slider
needs are run in a process of their own, when the site is built; what comes out is kept in docs/_build/frames under a
name that is made from all that it depends on.

    python docs/pages/frames.py LESSON.ipynb FOLDER      # one lesson
"""

import base64
import gzip
import hashlib
import io
import itertools
import json
import math
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from pages import cells

ROOT = Path(__file__).parents[2]
KILOBYTES = 300  # of a figure, compressed
FRAMES = 200  # of a figure, at most
SECONDS = 15  # of one CPU, that a figure may take
FINE = 9  # places of every slider; with fewer a star shows more than a grid


def key():
    """What the frames depend on: every file of nodekit and of the lessons, how they are drawn, and the libraries."""
    found = hashlib.sha256()
    for library in ("numpy", "torch", "matplotlib", "autograd", "scikit-learn"):
        found.update(version(library).encode())
    paths = [path for folder in ("nodekit", "lessons") for path in (ROOT / folder).rglob("*")]
    for path in sorted([*paths, Path(__file__), Path(cells.__file__)]):
        if path.suffix in (".py", ".csv") and "homework" not in path.parts:
            found.update(path.read_bytes())
    return found.hexdigest()


def make(cache, only=None):
    """Make the frames of all lessons (or of those whose numbers are in `only`) that are not in the folder `cache` yet.

    Returns {lesson's number: {number of the code cell: path of its frames}}.
    """
    cache, common, found = Path(cache), key(), {}
    jobs = {}
    for path in sorted((ROOT / "lessons").glob("[0-9][0-9]_*.ipynb")):
        if only is not None and path.name[:2] not in only:
            continue
        code = [source for _, source in cells.code_cells(path)]
        name = hashlib.sha256((common + "\n".join(code)).encode()).hexdigest()[:20]
        jobs[path] = cache / f"{path.name[:2]}-{name}"
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(make_one, jobs, jobs.values()))
    for path, folder in jobs.items():
        found[path.name[:2]] = {int(file.stem): file for file in sorted(folder.glob("*.json"))}
    for old in set(cache.iterdir()) - set(jobs.values()) if only is None else ():
        for file in old.iterdir():
            file.unlink()
        old.rmdir()
    return found


def make_one(path, folder):
    """The frames of a lesson, in a process of its own, unless they are there. Raises RuntimeError with what it said."""
    if folder.exists():
        return
    part = folder.with_name(folder.name + ".part")
    part.mkdir(parents=True, exist_ok=True)
    settings = {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg", "NODEKIT_PROGRESS": "", "PYTHONWARNINGS": "ignore"}
    settings["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "lessons")])
    command = [sys.executable, __file__, str(path), str(part.resolve())]
    done = subprocess.run(command, cwd=path.parent, env=os.environ | settings, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the frames of {path.name}: {done.stderr[-2000:]}")
    part.rename(folder)


def places(control, count):
    """At most `count` values of a control, its start among them, in equal places of its handle."""
    from nodekit.classroom import sliders

    if not isinstance(control, sliders.Slider):
        return list(control.options)
    s = control.slider
    steps = round((s.max - s.min) / control._step)
    each = max(1, math.ceil(steps / (count - 1)))
    where = [s.min + k * control._step for k in range(0, steps + 1, each)]
    if where[-1] < s.max - control._step / 2:
        where.append(s.max)
    start = control._place(control.value)
    where[min(range(len(where)), key=lambda k: abs(where[k] - start))] = start
    return [control._number(place) if place != start else control.value for place in where]


def layout(controls, most):
    """(values of each control, settings): every combination where that is fine enough, else one slider at a time.

    settings: [tuple of numbers of values], the controls in order.
    """
    from nodekit.classroom import sliders

    moving = [name for name, control in controls.items() if isinstance(control, sliders.Slider)]
    choices = math.prod(len(control.options) for name, control in controls.items() if name not in moving)
    grid = int((most / choices) ** (1 / max(1, len(moving))))
    star = grid < FINE and len(moving) > 1
    count = min(61, max(3, most // (choices * len(moving)) if star else grid))
    values = {name: places(control, count) for name, control in controls.items()}
    start = {name: values[name].index(control.value) for name, control in controls.items()}
    every = list(itertools.product(*(range(len(v)) for v in values.values())))
    if star:
        begin = [start[name] if name in moving else None for name in values]
        every = [s for s in every if sum(b not in (None, k) for k, b in zip(s, begin, strict=True)) <= 1]
    return values, every


def frames(explorer):
    """The figure as JSON for frames.js: {alt, names, choices, values, start, width, height,
    background, pieces, frames, star}.

    A frame, by the numbers of its values ("3,0"), is a list of numbers of pieces, which are SVG; or a whole picture.
    """
    values, settings = layout(explorer.controls, FRAMES)
    most, whole = FRAMES, heavier(explorer)
    if len(settings) > 16:  # from few frames, how many will do
        few = [settings[:: len(settings) // count] for count in (4, 16)]
        begin = time.process_time()
        size = [compressed(drawn(explorer, values, some, whole)) for some in few]
        cost = (time.process_time() - begin) / len([*few[0], *few[1]])
        each = max(1, size[1] - size[0]) / (len(few[1]) - len(few[0]))
        most = max(16, min(FRAMES, int((1000 * KILOBYTES - size[0]) / each), int(SECONDS / cost)))
    while True:
        data = drawn(explorer, *layout(explorer.controls, most), whole)
        size = compressed(data)
        if size <= 1000 * KILOBYTES or most < 12:
            return data
        most = int(most * min(0.9, 1000 * KILOBYTES / size))


def heavier(explorer):
    """Whether what moves weighs more as SVG than the whole figure as a picture: a field of colour, or many paths."""
    with explorer.picture.moving(explorer.values) as artists:
        pieces = artists and svg(explorer.picture.fig, artists)
    return bool(pieces) and compressed(pieces) > 2 * compressed(webp(explorer.png))


def compressed(data):
    """Its size as a server sends it, in bytes."""
    return len(gzip.compress(json.dumps(data, ensure_ascii=False).encode(), 6))


def drawn(explorer, values, settings, whole):
    """The figure's data at these settings. whole: each frame is a picture of its own."""
    import matplotlib as mpl

    from nodekit.classroom import sliders

    picture, names_ = explorer.picture, list(values)
    found, pieces = {}, {}
    for setting in settings:
        at = {name: values[name][k] for name, k in zip(names_, setting, strict=True)}
        with mpl.rc_context({"path.simplify_threshold": 0.5}), picture.moving(at) as artists:
            moving = not whole and artists and svg(picture.fig, artists)
        frame = moving and [pieces.setdefault(piece, len(pieces)) for piece in moving]
        found[",".join(map(str, setting))] = frame or webp(picture.render(at))
    picture.render(explorer.values)
    background = None
    if picture.axes is not None:
        picture.fig.canvas.restore_region(picture.background)
        background = webp(pixels(picture.fig))
    controls = explorer.controls
    slider = [isinstance(control, sliders.Slider) for control in controls.values()]
    return {
        "alt": explorer.alt,
        "names": [c.label if s else c.description for c, s in zip(controls.values(), slider, strict=True)],
        "choices": [not s for s in slider],
        "values": list(values.values()),
        "start": [values[name].index(control.value) for name, control in controls.items()],
        "width": picture.width,
        "height": round(picture.fig.bbox.height),
        "star": len(settings) < math.prod(len(v) for v in values.values()),
        "background": background,
        "pieces": list(pieces),
        "frames": found,
    }


def pixels(fig):
    import numpy as np
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(np.asarray(fig.canvas.buffer_rgba())[..., :3])).save(out, "PNG")
    return out.getvalue()


def webp(png):
    from PIL import Image

    out = io.BytesIO()
    Image.open(io.BytesIO(png)).save(out, "WEBP", lossless=True, method=4)
    return "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode()


def svg(fig, artists):
    """The artists of a figure as SVG, which the page scales: its head, a piece for each artist, its tail.

    What is the same in all frames, such as a legend, is the same piece, and has to be kept only once. Lines and letters
    are measured in points, of which an inch has 72: in a figure of more dots SVG would draw them too small.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import RendererSVG

    out, dots = io.StringIO(), fig.dpi
    try:
        fig.dpi = 72
        with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "nodekit", "path.simplify": True}):
            renderer = RendererSVG(fig.bbox.width, fig.bbox.height, out, None, 72)
            ends = [out.tell()]
            for artist in artists:
                artist.draw(renderer)
                ends.append(out.tell())
            renderer.finalize()
    finally:
        fig.dpi = dots
    text = out.getvalue()
    pieces = [text[start:end] for start, end in itertools.pairwise([text.index("<svg"), *ends, len(text)])]
    return [short(piece) for piece in pieces]


def short(piece):
    """SVG without metadata and white space, its numbers, in tags alone, to a tenth of a pixel."""
    piece = re.sub(r"<metadata>.*?</metadata>", "", piece, flags=re.S)
    piece = re.sub(r"<[^>]*>", lambda tag: re.sub(r"(\d+\.\d)\d+", r"\1", tag[0]), piece)
    return re.sub(r"(^|>)\s+(<|$)", r"\1\2", piece)


if __name__ == "__main__":
    for number, explorer in cells.explorers(sys.argv[1]):
        data = json.dumps(frames(explorer), ensure_ascii=False)
        Path(sys.argv[2], f"{number}.json").write_text(data, encoding="utf-8")
