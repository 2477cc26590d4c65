"""From a trained model to its artifact: which tensor is stored how, and what the log says of it."""

from __future__ import annotations

import time
from collections.abc import Mapping

import torch
from torch import Tensor

from reference_model.artifact import workers
from reference_model.config import QuantConfig
from reference_model.gptq import Quantized, quantize_all, round_rows
from reference_model.log import Log
from reference_model.model import GPT, Linear
from reference_model.prune import Fitted, fit


def compress(
    model: GPT, hessians: Mapping[str, Tensor], config: QuantConfig, code_bytes: int, log: Log
) -> Fitted:
    """The artifact that fits beside `code_bytes` of code. Raises DoesNotFit with the figures.

    Matrices go through GPTQ, embedding tables are rounded, and whatever has no more than quant_min_numel elements is
    kept in float16.
    """
    started = time.perf_counter()
    weights = {name: weight.detach() for name, weight, _ in model.quantizable() if _is_large(weight, config)}
    matrices = {name for name, _, kind in model.quantizable() if kind == "matrix"} & weights.keys()
    to_solve = {name: weight.float() for name, weight in weights.items() if name in matrices}
    quantized = _matrices(model, to_solve, hessians, config)
    for name in weights.keys() - matrices:
        quantized[name] = round_rows(weights[name].float(), config.embed_bits, config.embed_clip_quantile)
    plain = {name: tensor.half() for name, tensor in model.state_dict().items() if name not in weights}
    log(f"GPTQ quantization: {len(matrices)} layers, {len(weights) - len(matrices)} tables rounded to int8")
    log(f"GPTQ quantization took {time.perf_counter() - started:.1f}s")
    started = time.perf_counter()
    ordered = {name: _on_cpu(quantized[name]) for name in model.state_dict() if name in quantized}
    fitted = fit(
        ordered, {name: tensor.cpu() for name, tensor in plain.items()}, code_bytes, config.artifact_limit_bytes,
        config.brotli_quality, config.matrix_bits,
    )  # fmt: skip
    report = fitted.report
    log(
        f"selective_prune: unpruned={(report.unpruned_bytes + code_bytes) / 1e6:.2f}MB "
        f"target={config.artifact_limit_bytes / 1e6:.1f}MB"
    )
    log(f"selective_prune: pruned {report.pruned}/{report.prunable} lowest-error +/-1 values")
    log(f"selective_prune: pruned and compressed in {time.perf_counter() - started:.1f}s")
    return fitted


def _is_large(weight: Tensor, config: QuantConfig) -> bool:
    return weight.numel() > config.quant_min_numel


def _matrices(
    model: GPT, weights: Mapping[str, Tensor], hessians: Mapping[str, Tensor], config: QuantConfig
) -> dict[str, Quantized]:
    """GPTQ of every matrix. Matrices that are stacked in one weight are clipped each by itself."""
    parts: dict[str, list[str]] = {}
    pieces: dict[str, Tensor] = {}
    piece_hessians: dict[str, Tensor] = {}
    for name, weight in weights.items():
        layer = model.get_submodule(name.removesuffix(".weight"))
        assert isinstance(layer, Linear)
        parts[name] = [f"{name}/{index}" for index in range(len(layer.parts))]
        pieces.update(zip(parts[name], weight.split(layer.parts), strict=True))
        if name in hessians:
            piece_hessians.update(dict.fromkeys(parts[name], hessians[name]))
    found = quantize_all(
        pieces, piece_hessians, workers(), config.matrix_bits, config.gptq_block_size, config.gptq_damp,
        config.clip_quantiles,
    )  # fmt: skip
    return {name: _stacked([found[piece] for piece in parts[name]]) for name in weights}


def _stacked(pieces: list[Quantized]) -> Quantized:
    rows = [len(piece.codes) for piece in pieces]
    error = sum(piece.error * count for piece, count in zip(pieces, rows, strict=True)) / sum(rows)
    codes, scales = torch.cat([piece.codes for piece in pieces]), torch.cat([piece.scales for piece in pieces])
    return Quantized(codes, scales, pieces[0].bits, error)


def _on_cpu(matrix: Quantized) -> Quantized:
    return Quantized(matrix.codes.cpu(), matrix.scales.cpu(), matrix.bits, matrix.error)
