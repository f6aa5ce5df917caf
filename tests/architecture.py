"""nodekit's rooms, the arrows between them, and the way of y0 through a solve, all read from the code.

`python -m tests.architecture` writes them into docs/architecture.md, between its two markers.

An arrow goes from the room that imports to the room that is imported. It is *lazy* where every import of it stands
inside a function, import_module("...") too; a name with a hole in it, f"nodekit.{library}_backend.state", stands for
all modules that it fits. What stands below `if TYPE_CHECKING` is not there when a program runs, and is no arrow.
"""

import ast
import re
import sys
from collections import defaultdict
from pathlib import Path

import torch

import nodekit

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- made by python -m tests.architecture -->", "<!-- end of what is made -->"

# Bottom to top. An arrow goes down, to a lower row: never up, and not to a room of the same row.
LEVELS = [
    ["ground", "methods"],
    ["problems", "stepping", "paths"],
    ["steppers"],
    ["numpy_backend", "torch_backend"],
    ["front"],
    ["stochastic"],
    ["analysis", "models", "drop_in"],
    ["classroom"],
    ["door"],
]
# The files beside the folders are three rooms: what everything stands on, what a user calls, and the door.
FILES = {
    "ground": ["arrays", "solution", "events", "gradients", "travel", "private_autograd", "hints"],
    "front": ["solve", "arguments"],
    "door": ["__init__", "course", "moved"],
}
# Lazy arrows that dispatch: which library's module is wanted is known only when an array has come.
DISPATCH = {("steppers", "numpy_backend"), ("steppers", "torch_backend")}
# Arrows that go up all the same, each with the reason. This list may only shrink.
KNOWN = {
    ("nodekit.numpy_backend.gradient", "front"): "solve_and_vjp is a solve with a way back; it calls nodekit.solve",
}


def modules():
    """{name: path} of every module of nodekit; a package is called nodekit.methods.__init__."""
    paths = sorted((ROOT / "nodekit").rglob("*.py"))
    return {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths}


MODULES = modules()


def room(module):
    """The room of a module. Raises ValueError for a file beside the folders that FILES does not place."""
    first = module.split(".")[1]
    if f"nodekit.{first}" not in MODULES:
        return first
    for name, files in FILES.items():
        if first in files:
            return name
    raise ValueError(f"{module} is in no room: name it in FILES of tests/architecture.py.")


def found(name):
    """The modules that an imported name stands for: one, or none, or several for a name with holes."""
    fits = re.compile(re.escape(name).replace("\x00", r"\w+") + r"(\.__init__)?")
    return [module for module in MODULES if fits.fullmatch(module)]


def names_in(node):
    """The dotted names that a node of a syntax tree imports; a hole in one is a NUL.

    Raises ValueError for a relative import, which nodekit does not use.
    """
    if isinstance(node, ast.ImportFrom) and node.level:
        raise ValueError(f"{ast.unparse(node)}: write the whole name, from nodekit. ...")
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        below = [f"{node.module}.{alias.name}" for alias in node.names]
        return [name if found(name) else node.module for name in below]
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
        wanted = node.args[0]
        parts = wanted.values if isinstance(wanted, ast.JoinedStr) else [wanted]
        return ["".join(part.value if isinstance(part, ast.Constant) else "\x00" for part in parts)]
    return []


def imports(source):
    """(name, lazy) of every import in a module's source."""

    def walk(node, lazy):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            yield from ((name, lazy) for name in names_in(child))
            yield from walk(child, lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))

    return list(walk(ast.parse(source), False))


def module_arrows():
    """{(module, module): lazy}; lazy only where all its imports are."""
    arrows = {}
    for module, path in MODULES.items():
        for name, lazy in imports(path.read_text(encoding="utf-8")):
            for target in found(name):
                arrows[module, target] = lazy and arrows.get((module, target), True)
    return arrows


def arrows():
    """{(room, room): the arrows between their modules, as module_arrows has them}."""
    between = defaultdict(dict)
    for (module, target), lazy in module_arrows().items():
        if room(module) != room(target):
            between[room(module), room(target)][module, target] = lazy
    return dict(between)


def goes_down(a, b):
    """Whether the arrow from room a to room b goes to a lower row."""
    height = {name: i for i, names in enumerate(LEVELS) for name in names}
    return height[b] < height[a]


def upward():
    """(module, room) of every arrow that does not go down, but for lazy ones that dispatch."""
    return {
        (module, b)
        for (a, b), between in arrows().items()
        for (module, _), lazy in between.items()
        if not goes_down(a, b) and not (lazy and (a, b) in DISPATCH)
    }


def picture():
    """The rooms as a Mermaid graph. An arrow down is left out where a longer way of such arrows leads there too."""
    between = arrows()
    lazy = {pair for pair, found in between.items() if all(found.values())}
    down = {pair for pair in between if goes_down(*pair)} - lazy

    def reaches(a, b):
        return a == b or any(reaches(c, b) for start, c in down if start == a)

    lines = ["```mermaid", "graph TD"]
    for row in reversed(LEVELS):
        lines += [f"    {name}" + (f'["{name}: {", ".join(FILES[name])}"]' if name in FILES else "") for name in row]
    for a, b in sorted(between):
        if (a, b) in down and any(c != b and reaches(c, b) for start, c in down if start == a):
            continue
        up = "|up|" if any((module, b) in KNOWN for module, _ in between[a, b]) else ""
        lines.append(f"    {a} {'-.->' if (a, b) in lazy else '-->'}{up} {b}")
    return [*lines, "```"]


def table():
    """Every arrow, a row for each room: how many modules of which room it imports, those inside functions apart."""
    names, between = [name for row in reversed(LEVELS) for name in row], arrows()
    lines = ["| room | imports at once | imports inside functions |", "|---|---|---|"]
    for a in names:
        cells = []
        for wanted in (False, True):
            counts = [
                (b, len({to for (_, to), lazy in between.get((a, b), {}).items() if lazy is wanted})) for b in names
            ]
            cells.append(", ".join(f"{b} {n}" for b, n in counts if n) or "–")
        lines.append(f"| `{a}` | {cells[0]} | {cells[1]} |")
    return lines


def walk(run):
    """The functions of nodekit on the way from run() to the first arithmetic of a step: where it calls `advance`.

    A list of (module, function), outermost first. Functions of torch in between are not counted.
    """
    way = []

    def look(frame, event, _):
        arithmetic = event == "call" and frame.f_code.co_name in ("advance", "fused_advance")
        if way or not arithmetic or frame.f_back.f_code.co_name != "runge_kutta_step":
            return
        while frame:
            name = frame.f_globals.get("__name__", "")
            if name.split(".")[0] == "nodekit":
                way.append((name, frame.f_code.co_qualname.replace("<locals>.", "")))
            frame = frame.f_back

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        run()
    finally:
        sys.setprofile(before)
    return way[::-1]


def walks():
    """{title: way}: a solve with dopri5 on each library, with gradients on torch, and the way back."""
    y0 = torch.ones(3, dtype=torch.float64)
    solve = lambda y: nodekit.solve(lambda t, y: -y, y, (0.0, 1.0)).y[-1].sum()  # noqa: E731
    loss = solve(y0.clone().requires_grad_())
    return {
        "NumPy": walk(lambda: solve(y0.numpy())),
        "torch, no gradient wanted": walk(lambda: solve(y0)),
        "torch, gradient wanted": walk(lambda: solve(y0.clone().requires_grad_())),
        "torch, the way back of `backward()`": walk(loss.backward),
    }


def made():
    """What stands between the markers."""
    between = arrows()
    lazy = sum(all(pair.values()) for pair in between.values())
    lines = [f"{len(between)} arrows between {sum(map(len, LEVELS))} rooms, {lazy} of them lazy (dashed).", ""]
    lines += [
        *picture(),
        "",
        *table(),
        "",
        "Arrows that go up, marked so in the picture; each closes a circle of rooms:",
        "",
    ]
    lines += [f"- `{module}` imports from `{to}`: {why}." for (module, to), why in sorted(KNOWN.items())]
    for title, way in walks().items():
        lines += ["", f"**{title}: {len(way)} levels of calls**", ""]
        lines += [f"{i}. `{function}` in `{module}`" for i, (module, function) in enumerate(way, 1)]
    return "\n".join(lines)


def page(text):
    """The page with what is made put between its markers."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{made()}\n\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
