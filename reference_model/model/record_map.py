"""Our names for the 1.0924 record's weights (pull request 1395), and how to read its checkpoints.

The record keeps queries, keys and values in three matrices; ours are stacked in one, so a name of ours can stand for
several of the record's, stacked in that order.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from reference_model.config import ModelConfig

WHOLE: dict[str, tuple[str, ...]] = {
    "embedding.weight": ("tok_emb.weight",),
    "skip_weights": ("skip_weights",),
    "skip_gates": ("skip_gates",),
    "lane_merge": ("lane_merge",),
    "values.embedding.weight": ("ve_shared.embed.weight",),
    "values.project.weight": ("ve_shared.proj.weight",),
    "values.scale": ("ve_shared.scale",),
}
PER_BLOCK: dict[str, tuple[str, ...]] = {
    "attention_scale": ("attn_scale",),
    "mlp_scale": ("mlp_scale",),
    "residual_mix": ("resid_mix",),
    "attention.gain": ("attn.q_gain",),
    "attention.qkv.weight": ("attn.c_q.weight", "attn.c_k.weight", "attn.c_v.weight"),
    "attention.out.weight": ("attn.proj.weight",),
    "mlp.up.weight": ("mlp.fc.weight",),
    "mlp.down.weight": ("mlp.proj.weight",),
}


def names(config: ModelConfig) -> dict[str, tuple[str, ...]]:
    """Every name in our state_dict, with the record's names for its parts, top rows first."""
    absent = set()
    if not config.skip_gates_enabled:
        absent.add("skip_gates")
    if not 0 < config.parallel_start_layer < config.num_layers:
        absent.add("lane_merge")
    if not config.ve_layers:
        absent |= {name for name in WHOLE if name.startswith("values.")}
    table = {ours: theirs for ours, theirs in WHOLE.items() if ours not in absent}
    for layer in range(config.num_layers):
        for ours, theirs in PER_BLOCK.items():
            table[f"blocks.{layer}.{ours}"] = tuple(f"blocks.{layer}.{name}" for name in theirs)
    for index in range(len(config.ve_layers)):
        table[f"values.layer_scales.{index}"] = (f"ve_layer_scales.{index}",)
    return table


def from_record(weights: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """The record's state_dict as ours; gradients by name do as well. Raises KeyError for a name that is missing.

    Raises ValueError when ``weights`` has names that no weight of ours stands for.
    """
    table = names(config)
    unknown = set(weights) - {name for theirs in table.values() for name in theirs}
    if unknown:
        raise ValueError(f"no place for the record's {', '.join(sorted(unknown))}")
    return {ours: _joined([weights[name] for name in theirs]) for ours, theirs in table.items()}


def _joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)
