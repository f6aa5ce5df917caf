"""The mutants of a definition: each operator of operators.py at each of its nodes, in the order of the source."""

import ast
import builtins
import copy
from collections import Counter
from dataclasses import dataclass

from tests.mutation.operators import Context

PICTURES = {"ax", "axes", "fig", "plt", "plotting"}
# Fields of nodes in which a mistake is none, or shows at once.
LEFT_ALONE = {"annotation", "returns", "decorator_list", "bases", "defaults", "kw_defaults"}


@dataclass(frozen=True)
class Mutant:
    """One mistake in one definition. `tree` is the whole definition; name and text are what accepted.toml lists."""

    name: str  # of the function, or Class.method
    text: str  # "operator: the line before -> the line after"
    tree: ast.stmt


def mutants(definition, operators):
    """The mutants of a FunctionDef or ClassDef: a list. Two with the same text are told apart by a number."""
    found, times, lines = [], Counter(), unparsed(definition)
    known = {"\n".join(lines)}
    for path, node, parent in places(definition):
        context = Context(parent, *names_of(definition, path))
        for operator in operators:
            for new in operator(node, context):
                tree = replaced(definition, path, new)
                if ast.unparse(tree) in known:  # another operator has made it already
                    continue
                known.add(ast.unparse(tree))
                before, after = difference(lines, unparsed(tree))
                name, text = name_of(definition, path), f"{operator.__name__}: {before} -> {after}"
                times[name, text] += 1
                if times[name, text] > 1:
                    text += f" ({times[name, text]})"
                found.append(Mutant(name, text, tree))
    return found


def places(node, path=(), parent=None):
    """(path, node, parent) of every node that may be mutated, depth first. path: of fields and indices."""
    if drawn_or_said(node):
        return
    if path:
        yield path, node, parent
    for field, value in ast.iter_fields(node):
        if field in LEFT_ALONE:
            continue
        if isinstance(value, ast.AST):
            yield from places(value, (*path, (field, None)), node)
        elif isinstance(value, list):
            for i, each in enumerate(value):
                if isinstance(each, ast.AST):
                    yield from places(each, (*path, (field, i)), node)


def drawn_or_said(node):
    """A text, an assert, a print, and what draws on axes."""
    if isinstance(node, ast.Assert | ast.JoinedStr | ast.Import | ast.ImportFrom):
        return True
    if isinstance(node, ast.FunctionDef):
        return bool(PICTURES & {arg.arg for arg in ast.walk(node.args) if isinstance(arg, ast.arg)})
    if isinstance(node, ast.Expr):
        if isinstance(node.value, ast.Constant):
            return True
        head = node.value.func if isinstance(node.value, ast.Call) else node.value
        while isinstance(head, ast.Attribute | ast.Subscript):
            head = head.value
        return isinstance(head, ast.Name) and head.id in PICTURES | {"print"}
    return False


def at(tree, path):
    """The nodes from the tree down the path, the tree first."""
    nodes = [tree]
    for field, i in path:
        value = getattr(nodes[-1], field)
        nodes.append(value if i is None else value[i])
    return nodes


def replaced(tree, path, new):
    """A copy of the tree with another node, or a list of statements, at the path."""
    tree = copy.deepcopy(tree)
    *_, parent, _ = at(tree, path)
    field, i = path[-1]
    new = copy.deepcopy(new)
    if i is None:
        setattr(parent, field, new)
    else:
        getattr(parent, field)[i : i + 1] = new if isinstance(new, list) else [new]
    return ast.fix_missing_locations(tree)


def names_of(definition, path):
    """The arguments of the functions around a node, and how often each name is assigned in the definition."""
    around = [node for node in at(definition, path) if isinstance(node, ast.FunctionDef | ast.Lambda)]
    arguments = {arg.arg for node in around for arg in ast.walk(node.args) if isinstance(arg, ast.arg)}
    names = [node for node in ast.walk(definition) if isinstance(node, ast.Name)]
    return arguments, Counter(node.id for node in names if isinstance(node.ctx, ast.Store))


def name_of(definition, path):
    """The function's name; of a class, with the method's."""
    if not isinstance(definition, ast.ClassDef):
        return definition.name
    inner = [node.name for node in at(definition, path)[1:] if isinstance(node, ast.FunctionDef)]
    return ".".join([definition.name, *inner[:1]])


def unparsed(tree):
    return ast.unparse(tree).splitlines()


def difference(before, after):
    """The lines that are not common to both: two texts."""
    start = next(
        (i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(map(len, (before, after)))
    )
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    return [" ⏎ ".join(map(str.strip, lines[start : len(lines) - end])) for lines in (before, after)]


# ---- what mutated code calls ---------------------------------------------------------------------------

used = set()  # of these functions, those that met what they change: only then was there a mistake


def _transposed_(value):
    """A matrix, or many, transposed; a vector has no transpose."""
    if getattr(value, "ndim", 0) < 2:
        return value
    used.add("_transposed_")
    return value.swapaxes(-1, -2)


def _absolute_(value):
    return each_number("_absolute_", abs, value)


def _inexact_(value):
    return each_number("_inexact_", lambda x: 1.0001 * x, value)


def each_number(name, change, value):
    """The value with `change` made to its real numbers that are no integers, also inside lists and tuples."""
    if isinstance(value, tuple | list):
        return type(value)(each_number(name, change, part) for part in value)
    if "float" not in str(getattr(value, "dtype", type(value))):
        return value
    used.add(name)
    return change(value)


def install():
    """Let mutated code find these names, whatever its globals."""
    for function in (_transposed_, _absolute_, _inexact_):
        setattr(builtins, function.__name__, function)


def no_mistake(tree):
    """What the mutant was made with met nothing that it changes."""
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    made_with = {"_transposed_", "_absolute_", "_inexact_"} & names
    return bool(made_with) and not made_with & used
