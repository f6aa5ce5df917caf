"""What torch.compile made, kept for the next solve with the same field (used from lesson 08 on)."""

import functools
import types
import warnings
from collections import OrderedDict
from contextlib import nullcontext

import torch
from torch.torch_version import TorchVersion

from nodekit.torch_backend.depends import filled
from nodekit.torch_backend.private_torch import compiler_errors, vjps_compiled

OLDEST = "2.13"  # older ones cannot compile a loop that keeps a record, or one with a vjp in it
KEPT = 64  # compiled functions; the one that was not used for longest goes first

# The loop in C++ takes half the time of the loop in Python; tanh by an exponential, half that of tanh by a polynomial,
# to an absolute error of rounding.
FOR_CPU = {"cpp_wrapper": True, "cpp.use_decompose_tanh": True}

_made = OrderedDict()


def compiled(f, key, build, vjp=False):
    """torch.compile(build(f)), made at the first call with this f and key, and kept. vjp: whether it takes one of f.

    Two functions with one code and the same objects in their closures are one f: a lambda made anew in every call of
    a training loop is not compiled anew.
    Raises RuntimeError: torch is older than 2.13; when it is called, there is no compiler or f cannot be compiled.
    """
    if not new_enough(torch.__version__):
        raise RuntimeError(
            f"compile=True needs torch {OLDEST} or newer, and this is {torch.__version__}. "
            "Use compile=False, or upgrade torch."
        )
    whole = (identity(f), key)
    if whole in _made:
        made, own = _made[whole]
        if identity(own) == whole[0]:  # what its closure holds may have been exchanged since
            _made.move_to_end(whole)
            return made
    function = build(f)
    # The compiler keeps its graphs, and counts them, with the code: each function gets one of its own.
    own = types.FunctionType(
        function.__code__.replace(),
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    options = FOR_CPU if _on_cpu(key) else None
    made = _Explained(torch.compile(own, fullgraph=True, dynamic=False, options=options), vjp)
    _made[whole] = made, f  # f is kept too: an identity is good as long as the object lives
    if len(_made) > KEPT:
        _made.popitem(last=False)
    return made


@functools.cache
def new_enough(version):
    return TorchVersion(version) >= OLDEST


def identity(f):
    """What makes f the same field in the next call, hashable: objects by their ids, of things that f keeps alive."""
    if isinstance(f, types.MethodType):
        return id(f.__self__), identity(f.__func__)
    if isinstance(f, functools.partial):
        return identity(f.func), tuple(map(id, f.args)), tuple((k, id(v)) for k, v in sorted(f.keywords.items()))
    if isinstance(f, types.FunctionType):
        cells = tuple(id(cell.cell_contents) if filled(cell) else None for cell in f.__closure__ or ())
        named = tuple((k, id(v)) for k, v in sorted((f.__kwdefaults__ or {}).items()))
        return f.__code__, id(f.__globals__), cells, tuple(map(id, f.__defaults__ or ())), named
    return id(f)


def _on_cpu(key):
    return any(isinstance(x, torch.device) and x.type == "cpu" for x in key)


class _Explained:
    """A compiled function; the compiler's own errors become one sentence."""

    def __init__(self, function, vjp):
        self.function, self.ready, self.allowed = function, False, vjps_compiled if vjp else nullcontext

    def __call__(self, *arguments):
        if not self.ready:  # the compiler's own deprecations are no news for whoever solves an equation
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                self.ready = True
                return self(*arguments)
        try:
            with self.allowed():  # a compiled vjp calls torch.autograd.grad
                return self.function(*arguments)
        except compiler_errors() as error:
            why = " ".join(str(error).split("\n\n")[0].split())[:300]
            raise RuntimeError(
                f"compile=True: f could not be compiled ({type(error).__name__}: {why}). Use compile=False; or, if no "
                "compiler was found, install one (g++ or clang), or write f in torch functions alone."
            ) from error
