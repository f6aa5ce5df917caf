"""What f's value depends on besides t, y and its own objects: autocast, the default dtype, the random state.

A solve evaluates f on its way forward, in dense output and on the way back, perhaps long after, in another place of
the program. f then finds what was in force when the solve began, as in torch.utils.checkpoint; the solver's own
arithmetic is never autocast. Used wherever a step is repeated (lessons 05 and 07).
"""

from contextlib import ExitStack, contextmanager

import torch


class Context:
    """autocast and the default dtype as they are when this is made, for a state on `device`."""

    def __init__(self, device):
        self.device, self.kinds = device, tuple({"cpu", device.type})
        on = [kind for kind in self.kinds if torch.is_autocast_enabled(kind)]
        self.autocast = [(kind, torch.get_autocast_dtype(kind)) for kind in on]
        self.default, self.random = torch.get_default_dtype(), None

    @contextmanager
    def held(self):
        """For the solver's own code: no autocast, and the default dtype of the start."""
        now = torch.get_default_dtype()
        with ExitStack() as stack:
            for kind in self.kinds:
                if torch.is_autocast_enabled(kind):
                    stack.enter_context(torch.autocast(kind, enabled=False))
            if now is not self.default:
                torch.set_default_dtype(self.default)
                stack.callback(torch.set_default_dtype, now)
            yield

    def around(self, f):
        """f under the autocast of the start; f itself where there was none.

        Without autocast's cache of weights: what it keeps of a call without gradients would serve one with them.
        """
        if not self.autocast:
            return f

        def under_autocast(t, y):
            with ExitStack() as stack:
                for kind, dtype in self.autocast:
                    stack.enter_context(torch.autocast(kind, dtype=dtype, cache_enabled=False))
                return f(t, y)

        return under_autocast

    def note_random(self):
        """Note the random state, from which on f is to draw nothing. It may have drawn at its first evaluation."""
        self.random = self._random_state()

    def refuse_random(self, name):
        """Raise ValueError if random numbers were drawn since `note_random`: repeated steps would draw others."""
        before, self.random = self.random, None  # not to be kept as long as the solve
        if not all(map(torch.equal, before, self._random_state())):
            raise ValueError(
                f"f draws random numbers, so that gradient={name!r}, which evaluates it again, would be the gradient "
                "of another solve. Draw them once, before the solve; put dropout into eval mode; or use "
                'gradient="backprop", which records those that were drawn.'
            )

    def _random_state(self):
        on_device = [torch.cuda.get_rng_state(self.device)] if self.device.type == "cuda" else []
        return [torch.random.get_rng_state(), *on_device]
