"""What can be said of an expression from its form alone."""

import ast

NEVER_NEGATIVE = {"norm", "abs", "sqrt", "exp", "square", "std", "var", "len", "hypot", "any", "all", "ptp"}
KEEPS_SIGN = {"float", "sum", "mean", "max", "min", "median", "item", "tolist", "prod"}


def expr(text):
    return ast.parse(text, mode="eval").body


def is_int(node):
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
    return isinstance(node, ast.Constant) and type(node.value) is int


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def is_time(node):
    return isinstance(node, ast.Name) and node.id in {"t", "s", "t0", "t1", "tau"}


def never_negative(node):
    """Seen from its form: a norm, a square, a sum of such."""
    if isinstance(node, ast.Constant):
        return type(node.value) in (int, float) and node.value >= 0
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.Pow):
            return is_int(node.right) and ast.literal_eval(node.right) % 2 == 0
        return isinstance(node.op, ast.Add | ast.Mult | ast.Div) and all(map(never_negative, (node.left, node.right)))
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func).split(".")[-1]
        if name == "max" and isinstance(node.func, ast.Name):
            return any(map(never_negative, node.args))
        of_what = node.args or [getattr(node.func, "value", node.func)]
        return name in NEVER_NEGATIVE or (name in KEEPS_SIGN and all(map(never_negative, of_what)))
    if isinstance(node, ast.GeneratorExp | ast.ListComp):
        return never_negative(node.elt)
    return isinstance(node, ast.Compare)
