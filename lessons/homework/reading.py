"""Which lines of a student's code a human should read: those that reach for what hand_in knows, or do not do by hand
what is to be done by hand. Seen in the syntax tree, so that neither a comment nor a variable's name is an alarm.

It takes no points. Whoever wants to hide from it can; most do not try.
"""

import ast
import re
from functools import cached_property

from IPython.core.inputtransformer2 import TransformerManager

# What a student's own code has no reason to use: where the numbers of the hidden test come from, and ways to get there.
REACHES = """
    os.environ os.environb os.getenv os.putenv os.system os.popen os.fork os.kill os.killpg os.execv os.posix_spawn
    sys._getframe sys.modules sys.settrace sys.setprofile gc ctypes subprocess socket multiprocessing importlib
    inspect.currentframe inspect.stack inspect.getclosurevars builtins eval exec compile __import__
    handin answers judging marking get_ipython.system get_ipython.getoutput get_ipython.run_cell_magic
""".split()
SPECIAL = {"__self__", "__closure__", "__globals__", "__code__", "__subclasses__", "f_back", "f_globals", "f_locals"}
COUNTERS = {"left", "most", "calls", "function", "probes"}  # by which the functions that a student is given count
BUILT_IN = ("eval", "exec", "compile", "__import__", "getattr", "setattr", "delattr", "vars", "get_ipython")
WORDS = ("NODEKIT_HOMEWORK", "/proc/", "answers.py")
PATCHED = ("handin", "nodekit", "numpy", "IPython", "builtins")  # beside the homework's own modules
DRAWN = {"inputs", "drawn", "secret", "rng"}  # of the homework's module: where every hidden number comes from


class Code:
    """The code of several cells: each a syntax tree, with the names that its imports and assignments gave to things.

    own: sources of the cells that a student wrote. given: those of the release, whose imports hold in the others.
    """

    def __init__(self, own, given):
        self.trees, self.names = parsed(own), {name: name for name in BUILT_IN}
        for _ in range(2):  # the second time for what was named after its use
            for _, tree in [*parsed(given), *self.trees]:
                for node in ast.walk(tree):
                    self.learn(node)

    def nodes(self):
        return (node for _, tree in self.trees for node in ast.walk(tree))

    def learn(self, node):
        """Keep what an import or an assignment calls something."""
        if isinstance(node, ast.Import):
            for one in node.names:
                first = one.name.split(".")[0]
                self.names[one.asname or first] = one.name if one.asname else first
        elif isinstance(node, ast.ImportFrom):
            for one in node.names:
                self.names[one.asname or one.name] = f"{node.module}.{one.name}"
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            dotted, name = self.dotted(node.value), node.targets[0].id
            if dotted and not isinstance(node.value, ast.Call | ast.Subscript):
                self.names.setdefault(name, dotted)

    def dotted(self, node):
        """'os.environ' of an expression that means it, by whatever names; None where it is nothing of the kind."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id)
        if isinstance(node, ast.Attribute):
            inner = self.dotted(node.value)
            return f"{inner}.{node.attr}" if inner else None
        if isinstance(node, ast.Subscript) and (key := constant(node.slice)):  # vars(os)["environ"], sys.modules["os"]
            inner = self.dotted(node.value)
            return key if inner == "sys.modules" else f"{inner.removesuffix('.__dict__')}.{key}" if inner else None
        if isinstance(node, ast.Call):
            called, given = self.dotted(node.func), [constant(one) for one in node.args]
            if called == "getattr" and len(given) > 1 and given[1]:
                inner = self.dotted(node.args[0])
                return f"{inner}.{given[1]}" if inner else None
            if called in ("__import__", "importlib.import_module") and given and given[0]:
                return given[0]
            if called == "vars" and node.args:
                return self.dotted(node.args[0])
            return "get_ipython" if called == "get_ipython" else None
        return None

    @cached_property
    def defined(self):
        """{name: node} of the functions, classes and lambdas that have a name."""
        found = {}
        for node in self.nodes():
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
                found[node.name] = node
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda | ast.Name):
                found |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}
        return found

    def used_by(self, name):
        """The nodes of what `name` is defined as, and of all that it uses in turn."""
        seen, ahead = set(), [name]
        while ahead:
            one = ahead.pop()
            if one in seen or one not in self.defined:
                continue
            seen.add(one)
            for node in ast.walk(self.defined[one]):
                yield node
                if isinstance(node, ast.Name):
                    ahead.append(node.id)

    def line(self, node):
        """The student's own line on which a node begins."""
        for source, tree in self.trees:
            if any(other is node for other in ast.walk(tree)):
                lines = source.splitlines()
                return lines[min(node.lineno, len(lines)) - 1].strip()
        return ""


def parsed(sources):
    """[(source, its syntax tree)], without cells that have none: they fail in the kernel, too."""
    trees = []
    for source in sources:
        source = re.sub(r"\A(\s*\n)+", "", source)  # as the transformation does it, so that lines have their numbers
        try:  # magics become calls of get_ipython()
            trees.append((source, ast.parse(TransformerManager().transform_cell(source))))
        except (SyntaxError, ValueError, RecursionError):
            continue
    return trees


def constant(node):
    """The text that an expression is, 'env' + 'iron' too; None if it is none."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = constant(node.left), constant(node.right)
        return left + right if left is not None and right is not None else None
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def under(dotted, roots):
    return dotted is not None and any(dotted == root or dotted.startswith(f"{root}.") for root in roots)


def to_be_read(notebook, released, homework, by_hand, draws):
    """In words, the lines of a student's own code that a human should look at; at most five.

    homework: the assignment's name. by_hand: {function: names that it must not use}. draws: names of the homework's
    functions that take a generator or a seed, which no function that is handed in has a reason to call.
    """
    given = [cell.source for cell in released.cells if cell.cell_type == "code"]
    code = Code([c.source for c in notebook.cells if c.cell_type == "code" and c.source not in given], given)
    found = {}
    for node in code.nodes():
        why = suspicious(code, node, homework)
        if why:
            found.setdefault(code.line(node), why)
    handed = handed_in(released)
    for name in handed | set(by_hand):
        parameters = {node.arg for node in code.used_by(name) if isinstance(node, ast.arg)}
        for node in code.used_by(name):
            why = forbidden(code, node, name, by_hand.get(name, ()), parameters, draws, homework)
            if why:
                found.setdefault(code.line(node), why)
    return [f"to be read by a human: {line[:80]!r} ({why})" for line, why in list(found.items())[:5]]


def drawing(folder):
    """The names of the functions in the homework's modules that take a generator, a seed or the secret."""
    names = set(DRAWN)
    for path in folder.glob("hw*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and {arg.arg for arg in node.args.args} & {"random", "seed", "secret"}:
                names.add(node.name)
    return names


def handed_in(released):
    """The names of the functions that the release's locked cells hand in."""
    names = set()
    for cell in released.cells:
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade"):
            calls = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)]
            names |= {arg.id for call in calls for arg in call.args if isinstance(arg, ast.Name)}
    return names - {"VARIANT"}


def suspicious(code, node, homework):
    """Why no homework needs this, or None."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return next((f"{word} is no business of a homework" for word in WORDS if word in node.value), None)
    if isinstance(node, ast.Import | ast.ImportFrom):
        modules = [getattr(node, "module", None) or one.name for one in node.names]
        if isinstance(node, ast.ImportFrom) and under(node.module, ("os", "sys")):
            modules = [f"{node.module}.{one.name}" for one in node.names]
        bad = [m for m in modules if under(m, REACHES) or m in ("os.*", "sys.*") or m.startswith(f"{homework}_tried")]
        return f"imports {bad[0]}" if bad else None
    if isinstance(node, ast.Attribute) and node.attr in SPECIAL:
        return f"{node.attr} looks inside of what it was given"
    targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
    for target in targets if isinstance(node, ast.Assign | ast.AugAssign) else ():
        dotted = code.dotted(target) if isinstance(target, ast.Attribute | ast.Subscript) else None
        if dotted and (under(dotted, PATCHED) or dotted.startswith(homework)) and "." in dotted:
            return f"replaces {dotted}"
    if isinstance(node, ast.Call):
        called = code.dotted(node.func)
        target = code.dotted(node.args[0]) if node.args else None
        if called in ("setattr", "delattr") and target and (under(target, PATCHED) or target.startswith(homework)):
            return f"changes {target}"
        if (
            called == "getattr"
            and len(node.args) > 1
            and constant(node.args[1]) is None
            and under(target, ("os", "sys"))
        ):
            return f"asks {target} for a name that is computed"
        if called == f"{homework}.inputs" and ast.unparse(node)[-11:] != "VARIANT, 0)":
            return "asks for the numbers of the hidden test"
    if isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.Call):
        dotted = code.dotted(node)
        if under(dotted, REACHES):
            return f"reaches {dotted}"
        parts = (dotted or "").split(".")
        if parts[0] == homework and len(parts) > 1 and parts[1] in DRAWN - {"inputs"}:
            return f"reaches {dotted}"
    return None


def forbidden(code, node, name, by_hand, parameters, draws, homework):
    """Why the function `name`, or what it calls, is not to use this; or None."""
    if isinstance(node, ast.Name | ast.Attribute):
        dotted = code.dotted(node)
        plain = isinstance(node, ast.Name) and node.id not in parameters and node.id in by_hand
        if plain or under(dotted, by_hand):
            return f"{name} is to do without {dotted or node.id}"
        parts = (dotted or "").split(".")
        if len(parts) > 1 and parts[0].startswith(homework) and parts[-1] in draws:
            return f"{name} calls what the judge's numbers are drawn with"
    if isinstance(node, ast.Attribute) and node.attr in COUNTERS and isinstance(node.value, ast.Name):
        if node.value.id in parameters:
            return f"{name} looks inside of {node.value.id}"
    return None
