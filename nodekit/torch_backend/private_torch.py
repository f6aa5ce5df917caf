"""What nodekit takes of torch beyond its documented interface: all of it, so that a new version is looked at here.

tests/test_private.py names the versions that were tried, and holds each of these to what is said of it. What the
compiler needs is imported when it is asked for: it takes a second.
"""

from operator import attrgetter

import torch

__all__ = ["compiler_errors", "transformed", "version_of", "vjps_compiled", "watching", "while_loop"]

version_of = attrgetter("_version")  # how often a tensor was changed in place; not under torch.inference_mode


def transformed():
    """Whether torch.func is at work (vmap, grad, jvp): values cannot be looked at then."""
    return torch._C._are_functorch_transforms_active()


def watching(see):
    """A context in which see(name, arguments, result) follows each of torch's operations, a backward pass's too."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Watching(TorchDispatchMode):
        def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
            result = operation(*args, **(kwargs or {}))
            see(operation.overloadpacket.__name__, args, result)
            return result

    return Watching()


def while_loop(going, body, state):
    """body, again and again while going: a loop that torch.compile keeps as one. Only for compiled code."""
    from torch._higher_order_ops.while_loop import while_loop

    return while_loop(going, body, state)


def vjps_compiled():
    """A context in which torch.compile takes calls of torch.autograd.grad into its graph."""
    return torch._dynamo.config.patch(trace_autograd_ops=True)


def compiler_errors():
    """The errors of torch.compile's own, as a tuple of classes."""
    return torch._dynamo.exc.TorchDynamoException, torch._inductor.exc.InductorError
