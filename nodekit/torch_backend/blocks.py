"""What is done with ∂f/∂y: of the whole state, or of samples that do not see each other (lesson 15).

A batch y0 (n, ...) whose samples f treats by themselves has a block-diagonal ∂f/∂y: n blocks (d, d) in place of one
matrix (n d, n d), made by d backward passes in place of n d, and n small systems in place of a large one.
"""

import torch

from nodekit.torch_backend.newton import Jacobian, backward_rows
from nodekit.torch_backend.recording import recording

FAR = 1e-2  # how far samples are moved, relatively, to see whether others notice


class Whole:
    """∂f/∂y is one matrix (d, d)."""

    Jacobian = Jacobian

    def __init__(self, d):
        self.d = d

    def apart(self, x):
        """A state (d,), or m of them (m, d), as what a matrix acts on: (d,) or (m d,)."""
        return x if x.dim() == 1 else x.reshape(-1)

    def together(self, x, like):
        """What `apart` has made of something of the form of `like`, back in that form."""
        return x if like.dim() == 1 else x.reshape(like.shape)

    def rows(self, ks, ys, create_graph=False):
        """[∂k_i/∂y_i] of each pair, from its graph. No k_i may depend on another's y."""
        return backward_rows(ks, ys, create_graph)

    def applied(self, matrix, x):
        """matrix @ x of a matrix (m d, m d) and a state x (d,), or m of them as one vector, (m, d)."""
        return self.together(matrix @ self.apart(x), x)

    def solved(self, system, x):
        """x (m, d) -> system⁻¹ x."""
        return self.together(torch.linalg.solve(system, self.apart(x)), x)

    def system(self, a, J, h):
        """I − h (a_ji J_jᵀ)_ij of m stages, J (m, d, d): (m d, m d)."""
        m = len(a)
        system = torch.einsum("ji,j...kl->...iljk", a, J).reshape(*J.shape[1:-2], m * self.d, m * self.d) * -h
        system.diagonal(dim1=-2, dim2=-1).add_(1.0)
        return system

    def pulled(self, x, J):
        """J_jᵀ x_j of m stages: x (m, d), J (m, d, d) -> (m, d)."""
        return (x.reshape(*J.shape[:-2], 1, self.d) @ J).reshape(x.shape)


class Samples(Whole):
    """∂f/∂y is a block (d, d) for each of n samples: each matrix of `Whole` is n of them, (n, ., .)."""

    def __init__(self, d, n):
        super().__init__(d // n)
        self.n = n

    def Jacobian(self, *arguments):
        return BlockJacobian(self, *arguments)

    def apart(self, x):
        """x (n d,) or (m, n d) -> (n, d, 1) or (n, m d, 1)."""
        if x.dim() == 1:
            return x.reshape(self.n, self.d, 1)
        return x.reshape(len(x), self.n, self.d).transpose(0, 1).reshape(self.n, -1, 1)

    def together(self, x, like):
        if like.dim() == 1:
            return x.reshape(-1)
        return x.reshape(self.n, len(like), self.d).transpose(0, 1).reshape(like.shape)

    def rows(self, ks, ys, create_graph=False):
        # Component i summed over the samples: what each adds depends on its own y alone.
        sums = torch.eye(self.d, dtype=ks[0].dtype, device=ks[0].device).repeat(1, self.n)
        found = backward_rows(ks, ys, create_graph, sums)
        return [rows.reshape(self.d, self.n, self.d).transpose(0, 1) for rows in found]


class BlockJacobian(Jacobian):
    """∂f/∂y of samples that do not see each other, (n, d, d). The user's jac returns it so, or of y's shape twice,
    without the second axis of samples.

    Raises ValueError at the first call where a sample's slope depends on another sample.
    """

    def __init__(self, samples, *arguments):
        super().__init__(*arguments)
        self.samples = samples

    def with_value(self, t, y):
        if not self.njev and self.samples.n > 1:
            self.look_for_strangers(t, self.values(y))
        return super().with_value(t, y)

    def look_for_strangers(self, t, y):
        """Move every second sample, and see whether the slopes of the others stay."""
        n, d = self.samples.n, self.samples.d
        moved = y.reshape(n, d).clone()
        moved[::2] += FAR * torch.clamp(moved[::2].abs(), min=1.0)
        found = self.attempt(self.field, t, moved.reshape(-1))  # it may lie beyond a border of f
        if found is None:
            return
        k = self.values(self.field(t, y))
        change = (self.values(found) - k).reshape(n, d)[1::2].abs()
        if bool((change > 1e3 * self.eps(k) * k.abs().max()).any()):
            raise ValueError(
                'batch="blocks" needs an f that treats the samples along the first axis of y by themselves, but at '
                f"t = {t!r} a sample's slope changes with another sample (batch normalisation? a mean over the batch?)."
                ' Take batch="joint".'
            )

    def product(self, matrix, v):
        return self.samples.applied(matrix, v.to(matrix.dtype))

    def rows(self, t, y):
        with recording(y.detach().clone()) as (y, _):
            k = self.field(t, y)
            return self.samples.rows([k], [y])[0], k.detach()

    def columns(self, t, y):
        """By forward differences of one component of all samples at a time: d + 1 evaluations of f."""
        n, d = self.samples.n, self.samples.d
        k = self.field(t, y).detach()
        y, moves = y.reshape(n, d), self.moves(y, k).reshape(n, d).to(y.dtype)
        found = []
        for j in range(d):
            moved = y.clone()
            moved[:, j] += moves[:, j]
            slope = self.field(t, moved.reshape(-1)).detach().reshape(n, d)
            found.append((slope - k.reshape(n, d)) / (moved - y)[:, j : j + 1])
        return torch.stack(found, -1), k

    def from_user(self, t, y):
        self.njev += 1
        n, d = self.samples.n, self.samples.d
        matrix, shape = self.given(t, self.values(y))
        if matrix.shape not in ((n, d, d), shape + shape[1:]):
            raise ValueError(
                f'jac returned shape {tuple(matrix.shape)} at t = {t!r}; with batch="blocks" and y of shape {shape} it '
                f"must be {(n, d, d)}: for each sample the derivative of component i of f by component j of y."
            )
        return matrix.reshape(n, d, d)
