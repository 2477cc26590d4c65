"""`flex_attention` as one dense computation: same arguments, same result up to rounding, no compiler.

Queries, keys, values [batch, heads, tokens, width]. Score and mask functions are pointwise, so they are called once
with indices that broadcast to [batch, heads, queries, keys].
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor


def flex_attention(
    query: Tensor, key: Tensor, value: Tensor, score_mod: Any = None, block_mask: Any = None,
    scale: float | None = None, enable_gqa: bool = False, return_lse: bool = False, kernel_options: Any = None,
    **others: Any,
) -> Any:  # fmt: skip
    """torch.nn.attention.flex_attention.flex_attention."""
    groups = query.size(1) // key.size(1)
    if groups > 1:
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    rows, columns = query.size(-2), key.size(-2)
    scores = query.float() @ key.float().transpose(-1, -2) * (query.size(-1) ** -0.5 if scale is None else scale)
    index = (
        torch.arange(query.size(0))[:, None, None, None], torch.arange(query.size(1))[None, :, None, None],
        torch.arange(rows)[None, None, :, None], torch.arange(columns)[None, None, None, :],
    )  # fmt: skip
    if score_mod is not None:
        scores = score_mod(scores, *index)
    mask_mod = getattr(block_mask, "mask_mod", None)
    if mask_mod is not None:
        scores = scores.masked_fill(~torch.as_tensor(mask_mod(*index)), float("-inf"))
    out = (scores.softmax(-1).nan_to_num(0.0) @ value.float()).to(query.dtype)
    if return_lse:
        return out, scores.logsumexp(-1)
    return out


def install() -> None:
    """Replaces the function where scripts import it from, and makes block masks on the CPU."""
    import torch.nn.attention.flex_attention as place

    genuine = place.create_block_mask

    @functools.wraps(genuine)
    def create_block_mask(*args: Any, **options: Any) -> Any:
        return genuine(*args[:5], **{**options, "device": "cpu", "_compile": False})

    module: Any = place
    module.flex_attention, module.create_block_mask = flex_attention, create_block_mask
