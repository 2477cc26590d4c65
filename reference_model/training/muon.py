"""MuonEq-R: momentum, rows brought to one length, then orthogonalized, for weight matrices.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) replaces a matrix's update by the nearest
orthogonal one, found with a few Newton-Schulz steps; MuonEq-R equalizes the rows first, on which those steps then
converge faster. Matrices of one shape are orthogonalized in one batch; of several ranks each takes a share of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the odd quintic polynomial that moves singular values towards 1 (Jordan et al. 2024)."""


def orthogonalize(batch: Tensor, steps: int) -> Tensor:
    """batch [n, rows, columns], rows <= columns -> about U V^T of each, singular values in roughly 0.7..1.2."""
    a, b, c = NEWTON_SCHULZ
    x = batch / (batch.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


def update_directions(batch: Tensor, steps: int, dtype: torch.dtype) -> Tensor:
    """The steps to take (for a learning rate of 1) along momenta ``batch`` [n, rows, columns], in ``dtype``."""
    rows, columns = batch.shape[-2:]
    batch = (batch / batch.norm(dim=-1, keepdim=True).clamp_min(1e-7)).to(dtype)
    if rows <= columns:
        return orthogonalize(batch, steps)
    return orthogonalize(batch.mT, steps).mT * (rows / columns) ** 0.5


@dataclass(frozen=True, slots=True)
class Matrix:
    """A matrix to optimize: some rows of a parameter (all of them, mostly)."""

    parameter: nn.Parameter
    start: int
    rows: int

    @property
    def weight(self) -> Tensor:
        return self.parameter.detach()[self.start : self.start + self.rows]

    @property
    def gradient(self) -> Tensor:
        assert self.parameter.grad is not None
        return self.parameter.grad[self.start : self.start + self.rows]


class Group:
    """All matrices of one shape. Momentum exists only for this rank's share of them, rank first, world apart."""

    def __init__(self, matrices: Sequence[Matrix], rank: int, world: int) -> None:
        self.matrices = list(matrices)
        self.per_rank = -(-len(matrices) // world)
        self.mine = self.matrices[rank * self.per_rank : (rank + 1) * self.per_rank]
        self.world = world
        self.momentum = torch.zeros(len(self.mine), *matrices[0].weight.shape, device=matrices[0].weight.device)

    def nesterov(self, momentum: float) -> Tensor:
        """Updates the momentum by the gradients and looks one step ahead (Nesterov): [matrices of this rank, R, C]."""
        gradients = torch.stack([matrix.gradient for matrix in self.mine])
        self.momentum.mul_(momentum).add_(gradients)
        return gradients.add_(self.momentum, alpha=momentum)

    def gather(self, directions: Tensor | None, dtype: torch.dtype) -> Tensor:
        """All ranks' directions, in the matrices' order."""
        if self.world == 1:
            assert directions is not None
            return directions
        share = torch.zeros(self.per_rank, *self.momentum.shape[1:], dtype=dtype, device=self.momentum.device)
        if directions is not None:
            share[: len(directions)] = directions
        everything = share.new_empty(self.world * self.per_rank, *share.shape[1:])
        dist.all_gather_into_tensor(everything, share)
        return everything[: len(self.matrices)]


class Muon:
    """The optimizer over all matrices. With ``fused`` the directions are compiled, once per shape."""

    def __init__(self, matrices: Sequence[Matrix], steps: int, dtype: torch.dtype, world: int, fused: bool) -> None:
        by_shape: dict[tuple[int, ...], list[Matrix]] = {}
        for matrix in matrices:
            by_shape.setdefault(tuple(matrix.weight.shape), []).append(matrix)
        rank = dist.get_rank() if world > 1 else 0
        self.groups = [Group(same, rank, world) for same in by_shape.values()]
        self.steps = steps
        self.dtype = dtype
        self.directions: Callable[[Tensor, int, torch.dtype], Tensor] = update_directions
        if fused:
            self.directions = torch.compile(update_directions, dynamic=False)

    @torch.no_grad()
    def step(self, lr: float, momentum: float, weight_decay: float) -> None:
        """weight <- weight (1 - lr weight_decay) - lr direction. Parameters must have gradients, equal on all ranks."""
        for group in self.groups:
            ahead = group.nesterov(momentum) if group.mine else None
            found = self.directions(ahead, self.steps, self.dtype) if ahead is not None else None
            directions = group.gather(found, self.dtype).float()
            weights = [matrix.weight for matrix in group.matrices]
            torch._foreach_mul_(weights, 1.0 - lr * weight_decay)
            torch._foreach_add_(weights, list(directions.unbind()), alpha=-lr)

    def reset(self) -> None:
        for group in self.groups:
            group.momentum.zero_()
