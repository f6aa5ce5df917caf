"""What a field depends on besides t and y: the tensors that a gradient is to reach (used from lesson 05 on).

autograd.Function must be told its inputs. A field may be a module, a function that uses one, or anything callable:
we look into the object, and at the graph of its first evaluation. Either finds what the other may miss: a parameter
that is used only later in time, and a tensor at the end of a longer way.
"""

import functools
import types

import torch

DEPTH, LIMIT = 5, 2000  # how far, and into how many objects, we look; tensors are all taken
PLAIN = bool, int, float, str, type(None)


class Around:
    """A field around another, f, that gives it other tensors: {id: leaf}. `held` looks through it."""

    def __init__(self, f, leaves):
        self.f, self.leaves = f, leaves


def on_what(f, field, t, y, first=None):
    """(tensors, slope): the tensors that require grad and that f uses; and f(t, y), a value.

    field: f on flat states, which counts this first evaluation. first: (leaf, slope, ...) of one that was recorded
    already, at a leaf that is y.
    Leaves are all taken; of computed tensors those that the first evaluation met, which is at a y that does not
    require grad: f may leave torch, as by y.numpy(), where nothing does.
    Raises ValueError where one of the computed tensors was made from a leaf that only the graph knows: see apart.py.
    """
    leaves, computed = held(f)
    if first is None:
        with torch.enable_grad():
            k = field(t, y.detach().clone())
    else:
        k = first[1]
    nodes = {x.grad_fn: x for x in computed}
    met = []
    for node in graph([k.grad_fn], nodes):
        if node in nodes:
            met.append(nodes[node])
        elif hasattr(node, "variable"):
            leaves.append(node.variable)
    ends = {id(x) for x in leaves}
    if any(reaches(b, ends, ()) for b in met):
        raise ValueError(
            "f uses a tensor that cannot be found in it, and another that was computed from it: their gradients cannot "
            "be told apart. Give both as params=[...], or compute the second within f."
        )
    found = unique(leaves + met)
    return found if first is None else [x for x in found if x is not first[0]], k.detach()


def graph(stack, last=()):
    """Autograd's nodes, from those of `stack` on to what they were computed from; those in `last` are the end."""
    seen = set()
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        yield node
        if node not in last:
            stack += [before for before, _ in node.next_functions]


def reaches(b, ends, nodes):
    """Whether b was computed from a leaf with its id in `ends`, or from the tensor of one of the nodes."""
    behind = graph([before for before, _ in b.grad_fn.next_functions])
    return any(node in nodes or (hasattr(node, "variable") and id(node.variable) in ends) for node in behind)


def told(module):
    """The parameters of a module that require grad, for `params` of `solve`, or None.

    None where it holds another tensor that requires grad, a condition say: then `solve` looks for itself, which costs
    one evaluation that is recorded.
    """
    leaves, computed = held(module)
    parameters = [p for p in module.parameters() if p.requires_grad]
    own = {id(p) for p in parameters}
    return None if computed or any(id(x) not in own for x in leaves) else parameters


def unique(tensors):
    """Each tensor once, in order."""
    return list({id(x): x for x in tensors}.values())


def held(f):
    """(leaves, computed): the tensors that require grad within f, as far as it can be looked into."""
    leaves, computed, seen, looked = [], [], set(), 0
    stack = [(f, 0)]
    while stack and looked < LIMIT:
        x, depth = stack.pop()
        if id(x) in seen or depth > DEPTH:
            continue
        seen.add(id(x))
        if isinstance(x, torch.Tensor):
            if x.requires_grad:
                (leaves if x.is_leaf else computed).append(x)
            continue
        looked += 1
        if isinstance(x, Around):
            stack += [(part, depth) for part in (x.f, *x.leaves.values())]
        else:
            stack += [(part, depth + 1) for part in parts(x)]
    return leaves[::-1], computed


def parts(x):
    """What an object holds, as far as a field may be expected to use it."""
    if isinstance(x, torch.nn.Module):
        # Those of the modules within it too: one of them may hold an encoder's output, which must be an input of
        # autograd's. The parameters last: they are looked at first, before LIMIT.
        own = (v for m in x.modules() for k, v in vars(m).items() if not k.startswith("_") and not isinstance(v, PLAIN))
        return [*own, *x.buffers(), *x.parameters()]
    if isinstance(x, types.FunctionType):
        cells = [cell.cell_contents for cell in x.__closure__ or () if filled(cell)]
        named = [x.__globals__[name] for name in _names(x.__code__) if name in x.__globals__]
        return [*cells, *(x.__defaults__ or ()), *(x.__kwdefaults__ or {}).values(), *named]
    if isinstance(x, types.MethodType):
        return [x.__self__, x.__func__]
    if isinstance(x, functools.partial):
        return [x.func, *x.args, *x.keywords.values()]
    if isinstance(x, list | tuple | set):
        return x
    if isinstance(x, dict):
        return x.values()
    if isinstance(x, type | types.ModuleType | types.BuiltinFunctionType) or type(x).__module__ in (
        "builtins",
        "numpy",
    ):
        return ()
    wrapped = [x.__wrapped__] if hasattr(x, "__wrapped__") else []
    call = type(x).__dict__.get("__call__")
    return [*wrapped, *(vars(x).values() if hasattr(x, "__dict__") else ()), *([call] if call else [])]


def filled(cell):
    """Whether a closure's cell holds something already."""
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:  # a name that is assigned later
        return False
    return True


def _names(code):
    """The global names that a function uses, those of the functions within it too."""
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return {*code.co_names, *(name for c in inner for name in _names(c))}
