"""The mistakes: each takes a node of a syntax tree and yields what could stand there by mistake."""

import ast
import copy
from collections import Counter
from dataclasses import dataclass

from tests.mutation.forms import expr, is_int, is_text, is_time, never_negative

OPPOSITE = {"min": "max", "minimum": "maximum", "argmin": "argmax", "amin": "amax", "floor": "ceil", "sum": "mean"}
OPPOSITE |= {value: key for key, value in OPPOSITE.items()}
SYMMETRIC = {"min", "max", "minimum", "maximum", "allclose", "isclose", "hypot", "isinstance", "zip", "print"}
COMPARED = {
    ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE), ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
}  # fmt: skip
OTHER_SIGN = {ast.Add: ast.Sub, ast.Sub: ast.Add}


@dataclass(frozen=True)
class Context:
    """What a mistake may look at: the node's parent, and the names that the definition takes and assigns."""

    parent: ast.AST
    arguments: set
    stored: Counter


def changed(node, **fields):
    """A shallow copy of the node with other fields."""
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def transpose(node, context):
    """A.T @ x for A @ x, and back; on a vector it is no mistake."""
    if isinstance(node, ast.Attribute) and node.attr in ("T", "mT"):
        yield node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        for side in ("left", "right"):
            operand = getattr(node, side)
            if not (isinstance(operand, ast.Attribute) and operand.attr in ("T", "mT")):
                yield changed(node, **{side: expr(f"_transposed_({ast.unparse(operand)})")})
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("linalg.solve"):
        yield changed(node, args=[expr(f"_transposed_({ast.unparse(node.args[0])})"), *node.args[1:]])


def sign(node, context):
    """+ for -, - for +, and a minus dropped."""
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in OTHER_SIGN:
        operands = [getattr(node, side, None) for side in ("left", "right", "value")]
        if not any(isinstance(each, ast.List | ast.Tuple | ast.JoinedStr) or is_text(each) for each in operands):
            yield changed(node, op=OTHER_SIGN[type(node.op)]())
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        if not (is_int(node) and isinstance(context.parent, ast.keyword | ast.Subscript | ast.Slice | ast.Tuple)):
            yield node.operand


def factor(node, context):
    """A number of the arithmetic doubled, or halved; a result doubled."""
    if isinstance(node, ast.Constant) and isinstance(context.parent, ast.BinOp | ast.UnaryOp):
        value, minus = node.value, isinstance(context.parent, ast.UnaryOp)
        if type(value) is float or (type(value) is int and not minus):  # -1 is an index, or "the last axis"
            if abs(value) <= 1e-3:
                return
            yield ast.Constant(2 * value)
            yield ast.Constant(value // 2 if value % 2 == 0 and type(value) is int else value / 2)
    if isinstance(node, ast.Return):
        yield from one_result(node, lambda text: f"2 * ({text})")


def one_result(node, make):
    """`return` with one of its values made another."""
    if isinstance(node.value, ast.Tuple):
        for i, each in enumerate(node.value.elts):
            if not isinstance(each, ast.Constant | ast.Starred):
                others = [*node.value.elts[:i], expr(make(ast.unparse(each))), *node.value.elts[i + 1 :]]
                yield changed(node, value=ast.Tuple(others, ast.Load()))
    elif not isinstance(node.value, ast.Constant | ast.Compare | ast.BoolOp | ast.Dict | ast.List | None):
        yield changed(node, value=expr(make(ast.unparse(node.value))))


def time(node, context):
    """A field taken at t for t + h, at t + h for t, or at time 0 where there is no h."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
        return
    if len(node.args) < 2 and node.func.id not in context.arguments:
        return
    first, new = node.args[0], None
    if isinstance(first, ast.BinOp) and type(first.op) in OTHER_SIGN and is_time(first.left):
        new = first.left
    elif is_time(first):
        steps = [name for name in ("h", "dt") if name in context.arguments or name in context.stored]
        new = expr(f"{first.id} + {steps[0]}" if steps else f"0 * {first.id}")
    if new is not None:
        yield changed(node, args=[new, *node.args[1:]])


def off_by_one(node, context):
    """A loop too short, an index or the end of a slice moved by one."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        start, stop, *step = node.args if len(node.args) > 1 else [ast.Constant(0), *node.args]
        yield changed(node, args=[start, moved(stop, -1), *step])
        yield changed(node, args=[moved(start, 1), stop, *step])
    if isinstance(node, ast.Subscript):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        for i, part in enumerate(parts):
            for new in moved_indices(part):
                both = [*parts[:i], new, *parts[i + 1 :]]
                yield changed(node, slice=ast.Tuple(both, ast.Load()) if isinstance(node.slice, ast.Tuple) else new)


def moved_indices(part):
    if isinstance(part, ast.Slice):
        for end in ("lower", "upper"):
            if getattr(part, end) is not None:
                for by in (1, -1):
                    yield changed(part, **{end: moved(getattr(part, end), by)})
    elif is_int(part) or (isinstance(part, ast.Name) and len(part.id) == 1) or isinstance(part, ast.BinOp):
        yield moved(part, 1)
        yield moved(part, -1)


def moved(node, by):
    if is_int(node):
        return expr(str(ast.literal_eval(node) + by))
    return expr(f"{ast.unparse(node)} {'+' if by > 0 else '-'} 1")


def comparison(node, context):
    """<= for <, > for <, != for ==."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for op in COMPARED.get(type(node.ops[0]), ()):
            yield changed(node, ops=[op()])


def opposite(node, context):
    """max for min, mean for sum."""
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in OPPOSITE:
            yield changed(node, func=changed(node.func, attr=OPPOSITE[node.func.attr]))
        elif isinstance(node.func, ast.Name) and node.func.id in ("min", "max"):
            yield changed(node, func=ast.Name(OPPOSITE[node.func.id], ast.Load()))


def inexact(node, context):
    """A result off by a part in ten thousand."""
    if isinstance(node, ast.Return):
        yield from one_result(node, lambda text: f"_inexact_({text})")


def absolute(node, context):
    """A result without its sign."""
    if isinstance(node, ast.Return) and not never_negative(node.value):
        yield from one_result(node, lambda text: f"_absolute_({text})")


def in_place(node, context):
    """x += ... on the caller's x, for x + ...."""
    if not (isinstance(node, ast.Assign | ast.Return) and isinstance(node.value, ast.BinOp)):
        return
    left, op, right = node.value.left, node.value.op, node.value.right
    if not (isinstance(left, ast.Name) and left.id in context.arguments and type(op) in OTHER_SIGN):
        return
    augmented = ast.AugAssign(ast.Name(left.id, ast.Store()), op, right)
    if isinstance(node, ast.Return):
        yield [augmented, changed(node, value=left)]
    elif [ast.unparse(target) for target in node.targets] == [left.id]:
        yield augmented


def removed(node, context):
    """A statement left out, unless it alone makes a name."""
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [each for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)]
        stores = [each.id for each in names if isinstance(each.ctx, ast.Store)]
        if stores and all(context.stored[name] < 2 and name not in context.arguments for name in stores):
            return
    elif not isinstance(
        node, ast.AugAssign | ast.Expr | ast.If | ast.For | ast.While | ast.With | ast.Raise | ast.Break | ast.Continue
    ):
        return
    yield ast.Pass()


def logic(node, context):
    """or for and, and for or; `not` dropped."""
    if isinstance(node, ast.BoolOp):
        yield changed(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand


def swapped(node, context):
    """Two neighbours among a call's arguments in the other order."""
    if not isinstance(node, ast.Call) or any(isinstance(arg, ast.Starred) for arg in node.args):
        return
    if ast.unparse(node.func).split(".")[-1] in SYMMETRIC:
        return
    for i in range(len(node.args) - 1):
        one, other = node.args[i : i + 2]
        if ast.unparse(one) != ast.unparse(other):
            yield changed(node, args=[*node.args[:i], other, one, *node.args[i + 2 :]])


def tolerance(node, context):
    """A tolerance ten times as large."""
    if isinstance(node, ast.Constant) and type(node.value) is float and 0 < abs(node.value) <= 1e-3:
        yield ast.Constant(float(f"{10 * node.value:.12g}"))


FOR_LESSONS = [
    transpose, sign, factor, time, off_by_one, comparison, opposite, absolute, in_place, removed, logic, swapped,
]  # fmt: skip
ALL = [*FOR_LESSONS, inexact, tolerance]
