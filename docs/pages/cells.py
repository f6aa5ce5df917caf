"""Which cells of a lesson its sliders need, and the figures that come out when these are run."""

import ast
import base64
import contextlib
import io
import json
import math
import symtable
from dataclasses import dataclass
from pathlib import Path

# Mean differences of two pictures, in levels of 255: of the same numbers, and of a training on another kind of CPU.
EQUAL, ALIKE = 0.1, 5.0


def code_cells(path):
    """[(number among all cells, source)] of a notebook's code cells."""
    cells = json.loads(Path(path).read_text(encoding="utf-8"))["cells"]
    return [(i, "".join(cell["source"])) for i, cell in enumerate(cells) if cell["cell_type"] == "code"]


def statements(sources):
    """The statements of the cells, one after the other, as source; the last cell whole."""
    found = []
    for source in sources[:-1]:
        lines = source.split("\n")
        for node in ast.parse(source).body:
            first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
            found.append("\n".join(lines[first - 1 : node.end_lineno]))
    return [*found, sources[-1]]


@dataclass
class Names:
    """What a cell does to the notebook's names: those it makes anew, those it may change, those it reads."""

    made: set
    changed: set
    read: set


def names(source, functions=frozenset()):
    """The `Names` of a cell. functions: the names of the notebook's own, which may change what they are given."""
    tree, table = ast.parse(source), symtable.symtable(source, "cell", "exec")
    top = {symbol.get_name(): symbol for symbol in table.get_symbols()}
    assigned = {name for name, symbol in top.items() if symbol.is_assigned() or symbol.is_imported()}
    made = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    for node in tree.body:
        if isinstance(node, ast.Assign) and not any_parts(node.targets):
            made |= {n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            made |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    changed = assigned - made
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            changed |= roots(node)  # net.weight = ..., table[k] = ...
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            changed |= roots(node.func)  # path.append(x)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in functions:
            changed |= set().union(*map(roots, node.args))  # train(net)
    return Names(made, changed - made, reads(table))


def any_parts(targets):
    """Whether an assignment is to a part of something, such as x[0], and so makes nothing anew."""
    return any(isinstance(n, ast.Attribute | ast.Subscript) for target in targets for n in ast.walk(target))


def roots(node):
    """{net} of net.layers[0].weight; nothing of what is no name's part."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def reads(table):
    """The notebook's names that a cell reads, within its functions too."""
    symbols = [s for s in table.get_symbols() if table.get_type() == "module" or s.is_global()]
    return {s.get_name() for s in symbols if s.is_referenced()}.union(*map(reads, table.get_children()))


def needed(sources):
    """The numbers, among these statements (or cells), of those that the last one needs, in order.

    Going back, one counts if it makes or changes a name that is still wanted; what it makes anew is wanted no more,
    and what it reads is. It may miss a change through a second name: the picture tells (`explorers`).
    """
    every = [node for source in sources for node in ast.parse(source).body]
    functions = {node.name for node in every if isinstance(node, ast.FunctionDef)}
    imports = [node for node in every if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {(alias.asname or alias.name).split(".")[0] for node in imports for alias in node.names}
    wanted, keep = set(names(sources[-1]).read), [len(sources) - 1]
    for number in range(len(sources) - 2, -1, -1):
        cell = names(sources[number], functions)
        always = "use_style()" in sources[number] or sources[number].startswith(("import ", "from "))
        if always or (cell.made | cell.changed - modules) & wanted:
            keep.append(number)
            wanted = (wanted - cell.made) | cell.read
    return sorted(keep)


def explorers(path):
    """Yields (number of the cell, explorer) of a lesson: of the cells before, what the slider needs is run.

    If its picture is not the one that the lesson shows, all before is run. Raises RuntimeError if it still is not.
    """
    from IPython.core.interactiveshell import InteractiveShell

    from nodekit.classroom import sliders

    cells = code_cells(path)
    shell = InteractiveShell.instance()
    for last, (where, source) in enumerate(cells):
        if "sliders.explore(" not in source:
            continue
        parts = statements([source for _, source in cells[: last + 1]])
        few = [parts[number] for number in needed(parts)[:-1]]
        for before, same in ((few, EQUAL), (parts[:-1], ALIKE)):
            shell.reset()
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                shell.run_cell("\n".join(before))
                explorer = shell.run_cell(source).result
            if isinstance(explorer, sliders.Explorer) and off(explorer.png, committed(path, where)) < same:
                break
        else:
            raise RuntimeError(f"cell {where} of {Path(path).name} does not draw the picture that it holds")
        yield where, explorer


def committed(path, where):
    """The picture that a cell holds."""
    outputs = json.loads(Path(path).read_text(encoding="utf-8"))["cells"][where]["outputs"]
    return next(base64.b64decode("".join(o["data"]["image/png"])) for o in outputs if "image/png" in o.get("data", {}))


def off(png, other):
    """The mean difference of two pictures, in levels of 255; infinite for other sizes."""
    import numpy as np
    from PIL import Image

    a, b = (np.asarray(Image.open(io.BytesIO(each)).convert("RGB"), dtype=float) for each in (png, other))
    return np.abs(a - b).mean() if a.shape == b.shape else math.inf
