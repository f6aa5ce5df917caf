"""What the cells of a notebook read and write, and so which of them a function can change."""

import ast
import dis
import types
from dataclasses import dataclass

# Calls of these change none of their arguments.
HARMLESS = {"print", "plotting", "plt", "ax", "axes", "fig", "sliders", "display"}


class Statement:
    """The names that a statement reads when it is run, those that it may write, and those that it surely binds.

    A definition reads nothing of its body when it is run: that is `later`. To write is to bind a name, to set a part
    of what it stands for, or to call a method of it, or a function with it, in a statement of its own, as in
    `optimizer.step()` and `train(net)`. What is bound before it is read is not read.
    """

    def __init__(self, node):
        self.node = node
        self.is_definition = isinstance(node, ast.FunctionDef | ast.ClassDef)
        self.later = set()
        if isinstance(node, ast.For | ast.While | ast.If | ast.With):
            self._compound(node)
            return
        code = compile(ast.Module([node], []), "<cell>", "exec")
        inner = {name for each in inside(code) for name in names(each, "LOAD_GLOBAL", "LOAD_NAME")}
        self.reads, self.binds = names(code, "LOAD_NAME", "LOAD_GLOBAL"), names(code, "STORE_NAME")
        if self.is_definition:
            self.later = inner
        else:
            self.reads |= inner
        self.writes = self.binds | touched(node)

    def _compound(self, node):
        """A loop is taken to be run at least once, of a condition's branches we know nothing."""
        if isinstance(node, ast.For):
            start = [ast.Assign([node.target], node.iter)]
        elif isinstance(node, ast.With):
            start = [
                ast.Assign([each.optional_vars or ast.Name("_", ast.Store())], each.context_expr) for each in node.items
            ]
        else:
            start = [ast.Expr(node.test)]
        start = [ast.fix_missing_locations(ast.copy_location(each, node)) for each in start]
        body = Block([*start, *node.body])
        other = Block(getattr(node, "orelse", []))
        self.reads, self.writes = body.reads | other.reads, body.writes | other.writes
        self.binds = body.binds if isinstance(node, ast.For | ast.With) else set()


class Block:
    """Statements one after the other."""

    def __init__(self, nodes):
        self.statements = [Statement(node) for node in nodes]
        self.reads, self.writes, self.binds = set(), set(), set()
        for each in self.statements:
            self.reads |= each.reads - self.binds
            self.writes |= each.writes
            self.binds |= each.binds


class Cell(Block):
    """The code of a cell."""

    def __init__(self, source):
        self.body = ast.parse(source).body
        super().__init__(self.body)
        defining = ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom
        self.defines_only = all(isinstance(node, defining) for node in self.body)


def names(code, *operations):
    return {each.argval for each in dis.get_instructions(code) if each.opname in operations}


def inside(code):
    """The code of the functions, classes and comprehensions in it, however deep."""
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield each
            yield from inside(each)


def touched(node):
    """The names whose objects a statement may change in place."""
    found = set()
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute | ast.Subscript) and isinstance(each.ctx, ast.Store | ast.Del):
            found.add(head(each))
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and head(node.value.func) not in HARMLESS:
        call = node.value
        found |= {head(call.func)} | {head(each) for each in (*call.args, *(word.value for word in call.keywords))}
    return found - {None}


def head(node):
    """x of x.a[0].b and of x.a(); None of anything else."""
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        else:
            return None
    return node.id


@dataclass(frozen=True)
class Plan:
    """How a function's mutants are run: from cell `first` on, the cells of `run`.

    If `first` is the function's own cell, it holds the mutant; else the mutant is defined just before.
    """

    cell: int
    statement: int
    first: int
    run: tuple


def plan(cells, number, place):
    """The Plan for the definition that is statement `place` of cell `number`, or None if no cell uses it."""
    hot = {cells[number].statements[place].node.name}
    earlier = [s for cell in cells[:number] for s in cell.statements] + cells[number].statements[:place]
    callers = {s.node.name: s for s in earlier if s.is_definition}
    while more := {name for name, s in callers.items() if s.later & hot} - hot:
        hot |= more
    used = []
    for k, cell in enumerate(cells):
        for i, s in enumerate(cell.statements):
            if (k, i) <= (number, place):
                continue
            if s.reads & hot:
                hot |= s.writes
                used.append(k)
            elif s.later & hot:
                hot.add(s.node.name)
            else:
                hot -= s.binds
    return Plan(number, place, used[0], needed_by(set(used), cells)) if used else None


def needed_by(used, cells):
    """The cells that are used, and those from the first of them on that give the others what they need."""
    later = {}
    for s in [s for cell in cells for s in cell.statements if s.is_definition]:
        later[s.node.name] = later.get(s.node.name, set()) | s.later
    needed, run = set(), []
    for k in range(len(cells) - 1, min(used) - 1, -1):
        if k in used or cells[k].defines_only or cells[k].writes & needed:
            run.append(k)
            needed = (needed - cells[k].binds) | cells[k].reads
            while more := {name for known in needed & later.keys() for name in later[known]} - needed:
                needed |= more
    return tuple(run[::-1])
