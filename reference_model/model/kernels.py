"""The model's arithmetic that is worth a kernel of its own, each with plain torch that it must agree with.

There are two ways to fewer passes over memory. `torch.compile` fuses what is written in plain torch; on GPUs that is
what runs, and a test counts the kernels that it makes. Without a compiler each operation is a pass of its own and keeps
its operands for the backward pass; there the functions below with a backward pass of their own take part. Which of them
a model uses is one choice (:class:`network.GPT`, `by_hand`), and values and gradients are the same but for rounding.

N rows (positions), C = model_dim, V = vocabulary, F = width of the MLP, D = width of a head.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from reference_model.config import ModelConfig

Rotation = tuple[Tensor, Tensor]
"""Cosines and sines, each [T, 1, rope_dims/2]."""

_ROWS = 256  # positions whose logits are held at once


# --- norm, rotation and gain of queries and keys -------------------------------------------------------------------


def rms_norm(x: Tensor) -> Tensor:
    """Over the last dimension, in the type of x, as the record's torch 2.9.1 has it.

    From 2.12 on CUDA's autocast has rms_norm on its float32 list: queries, keys and the residual stream would become
    float32, and FlashAttention 3, which takes half precision alone, could not be used.
    """
    with torch.autocast(x.device.type, enabled=False):
        return F.rms_norm(x, (x.size(-1),))


def rotation(length: int, config: ModelConfig, device: torch.device | None = None) -> Rotation:
    """Angles position x base^(-2i/rope_dims); past the trained length the base grows, so that the slowest still fit."""
    dims, base = config.rope_dims, config.rope_base
    if length > config.rope_train_seq_len and dims > 2:
        base *= (length / config.rope_train_seq_len) ** (dims / (dims - 2))
    frequencies = base ** -(torch.arange(0, dims, 2, dtype=torch.float32, device=device) / max(dims, 1))
    angles = torch.outer(torch.arange(length, dtype=torch.float32, device=device), frequencies)[:, None, :]
    return angles.cos(), angles.sin()


def rotate(x: Tensor, by: Rotation) -> Tensor:
    """Turns the pairs (i, i + rope_dims/2) of the leading rope_dims of x [B, T, heads, D]; the rest passes."""
    cos, sin = by[0].to(x.dtype), by[1].to(x.dtype)
    half = cos.size(-1)
    a, b, rest = torch.split(x, [half, half, x.size(-1) - 2 * half], dim=-1)
    return torch.cat((a * cos + b * sin, b * cos - a * sin, rest), dim=-1)


def norm_rotate_gain(x: Tensor, turn: Rotation, gain: Tensor) -> Tensor:
    """Queries and keys in one pass: x [B, T, heads, D], normed, multiplied by the gain of each head, and rotated.

    The heads of the queries come first, as many as `gain` has; those of the keys have none. A turn of a vector and its
    length are independent, so that the gain may come before the rotation: what it was multiplied with need not be kept
    for the backward pass then, 1,536 bytes of bfloat16 for each position at the record's size.
    """
    whole = torch.cat((gain, gain.new_ones(x.size(-2) - len(gain))))
    return rotate(rms_norm(x) * whole.to(x.dtype)[:, None], turn)


# --- up-projection and squared leaky ReLU --------------------------------------------------------------------------


def squared(x: Tensor, slope: float) -> Tensor:
    """The leaky ReLU, squared. Plain torch."""
    return F.leaky_relu(x, slope).square()


def up_squared_by_hand(x: Tensor, weight: Tensor, slope: float) -> Tensor:
    """x [..., C], weight [F, C] of its type -> [..., F]: the twin of :func:`squared` after the product.

    Of the tensors [..., F] that plain torch makes on the way and keeps, it keeps the product alone.
    """
    out: Tensor = _UpSquared.apply(x, weight, slope)
    return out


class _UpSquared(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, slope: float) -> Tensor:
        up = F.linear(x, weight)
        ctx.save_for_backward(x, weight, up)
        ctx.slope = slope
        return F.leaky_relu(up, slope).square_()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight, up = ctx.saved_tensors
        # f(u) = (s u)^2 with s = 1 or the slope, so f'(u) = 2 s^2 u: a leaky ReLU again, of the slope squared.
        inner = F.leaky_relu(up, ctx.slope**2).mul_(grads[0]).mul_(2)
        rows = inner.flatten(0, -2)
        return inner @ weight, rows.t() @ x.flatten(0, -2), None


# --- logits, their cap, and cross-entropy --------------------------------------------------------------------------


def capped(hidden: Tensor, weight: Tensor, cap: float) -> Tensor:
    """hidden [..., C], weight [V, C] -> float32 [..., V], squeezed smoothly between -cap and cap."""
    return cap * torch.tanh(F.linear(hidden, weight).float() / cap)


def capped_loss(hidden: Tensor, weight: Tensor, targets: Tensor, cap: float) -> Tensor:
    """Mean cross-entropy in nats of the capped logits of hidden [N, C] against targets [N]. Plain torch."""
    return F.cross_entropy(capped(hidden, weight, cap), targets)


def capped_loss_by_hand(hidden: Tensor, weight: Tensor, targets: Tensor, cap: float) -> Tensor:
    """The twin of :func:`capped_loss`: a few positions at a time, so that the logits [N, V] are never there at once.

    The gradients are made with the loss, as in Liger Kernel (Hsu et al. 2024, https://arxiv.org/abs/2410.10989): what
    is kept is of the size of `hidden` and `weight`. Called where no gradient is wanted it makes none.
    """
    out: Tensor = _CappedLoss.apply(hidden, weight, targets, cap)
    return out


class _CappedLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, cap: float) -> Tensor:
        wanted = any(ctx.needs_input_grad)
        to_hidden = torch.empty_like(hidden) if wanted else hidden
        to_weight = torch.zeros(weight.shape, device=weight.device) if wanted else weight
        total = torch.zeros((), device=hidden.device)
        for start in range(0, len(hidden), _ROWS):
            rows, target = hidden[start : start + _ROWS], targets[start : start + _ROWS, None]
            tanh = F.linear(rows, weight).float().div_(cap).tanh_()
            logits = tanh * cap
            norm = logits.logsumexp(-1, keepdim=True)
            total += (norm - logits.gather(-1, target)).sum()
            if not wanted:
                continue
            # d loss / d logit = p - 1[target]; d logit / d product = 1 - tanh^2
            slope = logits.sub_(norm).exp_()
            slope.scatter_add_(-1, target, torch.full(target.shape, -1.0, device=slope.device))
            slope.mul_(tanh.square_().neg_().add_(1.0)).div_(len(hidden))
            of_product = slope.to(rows.dtype)
            torch.mm(of_product, weight, out=to_hidden[start : start + _ROWS])
            to_weight += of_product.t() @ rows
        if wanted:
            ctx.save_for_backward(to_hidden, to_weight.to(weight.dtype))
        return total / len(hidden)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        to_hidden, to_weight = ctx.saved_tensors
        return to_hidden * grads[0].to(to_hidden.dtype), to_weight * grads[0].to(to_weight.dtype), None, None
