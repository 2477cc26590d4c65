"""The attention kernels of flash_attn 2 and 3 in plain PyTorch: same arguments, same result up to rounding.

Shapes as there: queries, keys, values [batch, tokens, heads, width]; the variable-length forms [tokens, heads, width].
https://github.com/Dao-AILab/flash-attention
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def _mask(rows: int, columns: int, causal: bool, window: tuple[int, int]) -> Tensor | None:
    """Which keys a query sees, aligned at the last key as in flash_attn >= 2.1; None where it sees all."""
    left, right = (-1 if bound is None else int(bound) for bound in window)
    if causal:
        right = 0
    if left < 0 and right < 0:
        return None
    query = torch.arange(rows)[:, None] + (columns - rows)
    key = torch.arange(columns)[None, :]
    seen = torch.ones(rows, columns, dtype=torch.bool)
    if right >= 0:
        seen &= key <= query + right
    if left >= 0:
        seen &= key >= query - left
    return seen


def _attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float | None, softcap: float) -> Tensor:
    """[batch, tokens, heads, width]; heads of keys are shared by groups of query heads."""
    groups = q.size(2) // k.size(2)
    q, k, v = (x.transpose(1, 2).float() for x in (q, k, v))
    if groups > 1:
        k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
    if softcap:
        scores = q @ k.transpose(-1, -2) * (scale if scale is not None else q.size(-1) ** -0.5)
        scores = softcap * torch.tanh(scores / softcap)
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        out = scores.softmax(-1).nan_to_num(0.0) @ v
    else:
        out = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)
    return out.transpose(1, 2)


def flash_attn_func(
    q: Tensor, k: Tensor, v: Tensor, *args: Any, causal: bool = False, window_size: Any = (-1, -1),
    softmax_scale: float | None = None, softcap: float = 0.0, **others: Any,
) -> Any:  # fmt: skip
    """Attention over whole sequences."""
    causal, softmax_scale = _positional(args, causal, softmax_scale)
    mask = _mask(q.size(1), k.size(1), causal, tuple(window_size))
    out = _attend(q, k, v, mask, softmax_scale, softcap).to(v.dtype)
    return _result(out, q, others)


def _positional(args: tuple[Any, ...], causal: bool, scale: float | None) -> tuple[bool, float | None]:
    """What stands after the tensors by position: [dropout, a float in version 2 alone,] scale, causal."""
    for value in args:
        if isinstance(value, bool):
            causal = value
        elif isinstance(value, float) and value > 0:
            scale = value
    return causal, scale


def _result(out: Tensor, q: Tensor, others: dict[str, Any]) -> Any:
    if others.get("return_attn_probs") or others.get("return_softmax_lse"):
        shape = (q.size(0), q.size(2), q.size(1)) if q.dim() == 4 else (q.size(1), q.size(0))
        return (out, q.new_zeros(shape)) + ((None,) if others.get("return_attn_probs") else ())
    return out


def flash_attn_qkvpacked_func(qkv: Tensor, *args: Any, **options: Any) -> Any:
    """As `flash_attn_func`, of one tensor [batch, tokens, 3, heads, width]."""
    return flash_attn_func(*qkv.unbind(2), *args, **options)


def flash_attn_kvpacked_func(q: Tensor, kv: Tensor, *args: Any, **options: Any) -> Any:
    """As `flash_attn_func`, with keys and values in one tensor [batch, tokens, 2, heads, width]."""
    return flash_attn_func(q, *kv.unbind(2), *args, **options)


def flash_attn_varlen_func(
    q: Tensor, k: Tensor, v: Tensor, cu_seqlens_q: Tensor, cu_seqlens_k: Tensor | None = None, *args: Any,
    causal: bool = False, window_size: Any = (-1, -1), softmax_scale: float | None = None, softcap: float = 0.0,
    **others: Any,
) -> Any:  # fmt: skip
    """Attention within each of the sequences that `cu_seqlens` marks off in one long row of tokens."""
    if cu_seqlens_k is None:
        cu_seqlens_k = cu_seqlens_q
    causal, softmax_scale = _positional(args, causal, softmax_scale)
    of_q, at_q = _places(cu_seqlens_q, q.size(0))
    of_k, at_k = _places(cu_seqlens_k, k.size(0))
    seen = of_q[:, None] == of_k[None, :]
    left, right = (-1 if bound is None else int(bound) for bound in window_size)
    if causal:
        right = 0
    if right >= 0:
        seen &= at_k[None, :] <= at_q[:, None] + right
    if left >= 0:
        seen &= at_k[None, :] >= at_q[:, None] - left
    out = _attend(q[None], k[None], v[None], seen, softmax_scale, softcap)[0].to(v.dtype)
    return _result(out, q, others)


def _places(boundaries: Tensor, tokens: int) -> tuple[Tensor, Tensor]:
    """Of every token the number of its sequence, and its place counted from that sequence's end (0 or less)."""
    ends = boundaries[1:].to(torch.int64).contiguous()
    index = torch.arange(tokens)
    of = torch.bucketize(index, ends, right=True)
    last = ends[of.clamp(max=len(ends) - 1)]
    return of, index - last
