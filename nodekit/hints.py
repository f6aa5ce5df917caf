"""What the public functions take and give, as names for type checkers (no lesson builds them).

No module imports this one when a program runs, since it names torch. States that come out of a solve are Any: they are
of the library and the form that y0 had, which a checker cannot follow through f.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import torch

    from nodekit.gradients import Way
    from nodekit.stepping.control import Controller

Array: TypeAlias = "np.ndarray[Any, Any] | torch.Tensor"
Tensors: TypeAlias = "Sequence[torch.Tensor] | dict[Any, torch.Tensor]"
# An initial state of either library; autograd's boxes are Any.
State: TypeAlias = "float | complex | Sequence[float] | Sequence[Sequence[float]] | Array | Tensors"
Field: TypeAlias = Callable[[Any, Any], Any]  # f(t, y) -> dy/dt
Times: TypeAlias = "Sequence[float] | Sequence[float | torch.Tensor] | Array"
Tolerance: TypeAlias = "float | Array | Sequence[float] | Sequence[Array] | dict[Any, Any]"
Event: TypeAlias = Callable[..., Any]  # g(t, y) -> number, truth value, or array of them
Direction: TypeAlias = Literal[-1, 0, 1]
Batch: TypeAlias = Literal["joint", "blocks", "independent"]
Control: TypeAlias = "Literal['I', 'PI', 'PID', 'predictive'] | Controller"
Gradient: TypeAlias = "Literal['discrete', 'checkpoint', 'backprop', 'adjoint', 'interpolated'] | Way"


class Method(Protocol):
    """A record in `nodekit.methods`: what solve() asks of each."""

    @property
    def name(self) -> str: ...
    @property
    def family(self) -> str: ...
    @property
    def adaptive(self) -> bool: ...
