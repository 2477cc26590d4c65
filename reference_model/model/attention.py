"""Causal attention kernels behind one signature, chosen by what the machine has.

FlashAttention 3 (Shah et al. 2024, https://arxiv.org/abs/2407.08608) on Hopper cards where it is installed, torch's
scaled_dot_product_attention everywhere else. Key/value heads are shared by consecutive groups of query heads (GQA,
Ainslie et al. 2023, https://arxiv.org/abs/2305.13245).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(q [B, T, H, D], k [B, T, G, D], v [B, T, G, D]) -> [B, T, H, D]; position t sees positions 0..t; scale 1/sqrt(D)."""

HOPPER = (9, 0)  # the compute capability that FlashAttention 3 is written for
HUB_KERNEL = "kernels-community/flash-attn3"


def backend(device: torch.device) -> Attend:
    """The fastest kernel that is there for ``device``: FlashAttention 3, or :func:`sdpa`."""
    if device.type == "cuda" and torch.cuda.get_device_capability(device) == HOPPER:
        flash = _installed_flash() or _hub_flash()
        if flash is not None:
            return flash_attention(flash)
    return sdpa


def sdpa(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """torch's own kernels, which want heads before positions."""
    q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
    grouped = q.size(1) != k.size(1)
    return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=grouped).transpose(1, 2)


def flash_attention(flash: Callable[..., Any]) -> Attend:
    """Wraps a ``flash_attn_func``, which takes half precision only and in some releases returns the log-sum-exp too."""

    def flash_attention_3(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        if q.dtype not in (torch.bfloat16, torch.float16):
            return sdpa(q, k, v)
        out = flash(q, k, v, causal=True)
        return out[0] if isinstance(out, tuple) else out

    return flash_attention_3


def _installed_flash() -> Callable[..., Any] | None:
    try:
        return importlib.import_module("flash_attn_interface").flash_attn_func
    except (ImportError, AttributeError, OSError):  # OSError: built against another torch or CUDA
        return None


def _hub_flash() -> Callable[..., Any] | None:
    """The Hub's build through the ``kernels`` package, which loads it from its cache or downloads it."""
    try:
        return importlib.import_module("kernels").get_kernel(HUB_KERNEL).flash_attn_func
    except Exception:  # absent, offline, or no build for this torch: whatever it is, SDPA does the same
        return None
