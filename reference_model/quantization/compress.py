"""From a trained model to its artifact: which tensor is stored how, and what the log says of it."""

from __future__ import annotations

import time
from collections.abc import Mapping

import torch
from torch import Tensor

from reference_model.config import QuantConfig
from reference_model.log import Log
from reference_model.model.network import GPT, Linear
from reference_model.quantization.artifact import workers
from reference_model.quantization.gptq import Quantized, quantize_all, round_rows
from reference_model.quantization.prune import Fitted, fit


def compress(model: GPT, hessians: Mapping[str, Tensor], config: QuantConfig, code_bytes: int, log: Log) -> Fitted:
    """The artifact that fits beside `code_bytes` of code. Raises DoesNotFit with the figures.

    Matrices go through GPTQ, embedding tables are rounded, and whatever has no more than quant_min_numel elements is
    kept in float16.
    """
    started = time.perf_counter()
    large = {
        name: layer for name, layer in model.quantizable().items() if layer.weight.numel() > config.quant_min_numel
    }
    quantized = _matrices({n: layer for n, layer in large.items() if isinstance(layer, Linear)}, hessians, config)
    log(f"GPTQ quantization: {len(quantized)} layers, {len(large) - len(quantized)} tables rounded to int8")
    for name in large.keys() - quantized.keys():
        table = large[name].weight.detach().float().cpu()
        quantized[name] = round_rows(table, config.embed_bits, config.embed_clip_quantile)
    log(f"GPTQ quantization took {time.perf_counter() - started:.1f}s")
    started = time.perf_counter()
    stored = model.state_dict()
    fitted = fit(
        {name: quantized[name] for name in stored if name in quantized},
        {name: tensor.half().cpu() for name, tensor in stored.items() if name not in quantized},
        code_bytes, config.artifact_limit_bytes, config.brotli_quality, config.matrix_bits,
    )  # fmt: skip
    log(
        f"selective_prune: unpruned={(fitted.unpruned_bytes + code_bytes) / 1e6:.2f}MB "
        f"target={config.artifact_limit_bytes / 1e6:.1f}MB"
    )
    log(f"selective_prune: pruned {fitted.pruned}/{fitted.prunable} lowest-error +/-1 values")
    log(f"selective_prune: pruned and compressed in {time.perf_counter() - started:.1f}s")
    return fitted


def _matrices(
    layers: Mapping[str, Linear], hessians: Mapping[str, Tensor], config: QuantConfig
) -> dict[str, Quantized]:
    """GPTQ of every matrix. Matrices that are stacked in one weight are clipped each by itself."""
    pieces: dict[str, Tensor] = {}
    piece_hessians: dict[str, Tensor] = {}
    for name, layer in layers.items():
        for index, piece in enumerate(layer.weight.detach().float().split(layer.parts)):
            pieces[f"{name}/{index}"] = piece
            piece_hessians[f"{name}/{index}"] = hessians[name]
    found = quantize_all(
        pieces, piece_hessians, workers(), config.matrix_bits, config.gptq_block_size, config.gptq_damp,
        config.clip_quantiles,
    )  # fmt: skip
    return {
        name: _stacked([found[f"{name}/{index}"] for index in range(len(layer.parts))])
        for name, layer in layers.items()
    }


def _stacked(pieces: list[Quantized]) -> Quantized:
    """The matrices under each other, on the CPU."""
    codes, scales = torch.cat([piece.codes for piece in pieces]), torch.cat([piece.scales for piece in pieces])
    error = sum(piece.error * len(piece.codes) for piece in pieces) / len(codes)
    return Quantized(codes.cpu(), scales.cpu(), pieces[0].bits, error)
