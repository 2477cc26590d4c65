"""Causal attention kernels behind one signature, chosen by what the machine has.

FlashAttention 3 (Shah et al. 2024, https://arxiv.org/abs/2407.08608) on Hopper cards where it is installed, torch's
scaled_dot_product_attention everywhere else. Key/value heads are shared by consecutive groups of query heads (GQA,
Ainslie et al. 2023, https://arxiv.org/abs/2305.13245).
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(q [B, T, H, D], k [B, T, G, D], v [B, T, G, D]) -> [B, T, H, D]; position t sees positions 0..t; scale 1/sqrt(D)."""

HOPPER = (9, 0)  # the compute capability that FlashAttention 3 is written for


def backend(device: torch.device, precision: str = "bfloat16") -> Attend:
    """The fastest kernel that is there for ``device`` and that takes ``precision``: FlashAttention 3, or `sdpa`."""
    if device.type == "cuda" and precision == "bfloat16" and torch.cuda.get_device_capability(device) == HOPPER:
        flash = _installed_flash()
        if flash is not None:
            return flash_attention(flash)
    return sdpa


def sdpa(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """torch's own kernels, which want heads before positions."""
    q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
    grouped = q.size(1) != k.size(1)
    return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=grouped).transpose(1, 2)


def flash_attention(flash: Callable[..., Any]) -> Attend:
    """Wraps a ``flash_attn_func``, which in some releases returns the log-sum-exp too.

    It takes half precision alone. Anything else is an error here, not a reason for a slower kernel: the log names the
    kernel, and a model that feeds it float32 is not the one that was meant. The kernel raises TypeError.
    """

    def flash_attention_3(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        if not q.dtype == k.dtype == v.dtype or q.dtype not in (torch.bfloat16, torch.float16):
            raise TypeError(f"FlashAttention 3 takes half precision, and is given {q.dtype}, {k.dtype} and {v.dtype}")
        out = flash(q, k, v, causal=True)
        return out[0] if isinstance(out, tuple) else out

    return flash_attention_3


def _installed_flash() -> Callable[..., Any] | None:
    """None where it is not installed. One that is and can't be loaded, as for another torch, raises what it raises."""
    if importlib.util.find_spec("flash_attn_interface") is None:
        return None
    return importlib.import_module("flash_attn_interface").flash_attn_func
