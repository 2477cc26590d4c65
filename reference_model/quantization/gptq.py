"""Post-training quantization: full-Hessian GPTQ for matrices, rounding to nearest for embedding tables.

GPTQ (Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers", 2022,
arXiv:2210.17323) rounds a matrix column by column and lets the columns still to come make up for each column's error,
so that the layer's *output* on calibration data changes least. It follows OBQ (Frantar and Alistarh, 2022,
arXiv:2208.11580) and OBS (Hassibi and Stork, 1993). Columns go in order of falling Hessian diagonal ("act-order").

What makes it fast here, with the same result as the column loop of the paper up to rounding:

- One factorization instead of three: with J the reversal, H = U U^T for the upper triangle U = J chol(J H J) J, so that
  U^-1 is the upper Cholesky factor of H^-1, which the algorithm asks for.
- Rows are independent given H. So every row of every clipping candidate is worked on at once, and a (row, scale) pair
  that several candidates share is worked on once: most scales of a trained model sit at their floor.
- In units of its scale a row needs no multiplication to be rounded; stored with columns leading, each is contiguous.
- Updates are lazy on two levels: rank-1 within a few columns, matrix products beyond them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

CLIP_QUANTILES = (0.999, 0.9995, 0.9999, 0.99999, 1.0)
_INNER = 16  # columns between two matrix products inside a block
_MOST_WORKERS = 8  # Python between the tensor operations leaves more of them waiting for each other


@dataclass(frozen=True, slots=True)
class Quantized:
    """A matrix as whole numbers times a scale for each row: ``weight[r, c] ~ codes[r, c] * scales[r]``."""

    codes: Tensor  # int8 [rows, columns], within -(2**(bits - 1) - 1) .. 2**(bits - 1) - 1
    scales: Tensor  # float16 [rows], in units of the weight
    bits: int
    error: float  # mean squared difference from the weight

    def dequantize(self) -> Tensor:
        """float32 [rows, columns]. Exact: 7 bits times 11 bits fit float32's 24, so no platform rounds differently."""
        return self.codes.float() * self.scales.float()[:, None]


def quantize(
    weight: Tensor,
    hessian: Tensor | None,
    bits: int = 6,
    block: int = 128,
    damp: float = 0.01,
    quantiles: Sequence[float] = CLIP_QUANTILES,
) -> Quantized:
    """GPTQ of one matrix [rows, columns], given E[x x^T] of its inputs [columns, columns] up to a factor.

    The scale of each row is its clipping threshold over the largest code; of the thresholds (quantiles of |w|) the one
    with the least squared error over the whole matrix is taken. ``damp`` is added to the Hessian's diagonal, as a share
    of its mean. Without a Hessian, or with one that is not positive definite even so, each value is rounded to the
    nearest code. Works in the weight's precision (at least float32), on the weight's device, and changes no argument.
    Raises ValueError for shapes that don't match and for values that are not finite.
    """
    return quantize_together([weight], hessian, bits, block, damp, quantiles)[0]


def quantize_together(
    weights: Sequence[Tensor],
    hessian: Tensor | None,
    bits: int = 6,
    block: int = 128,
    damp: float = 0.01,
    quantiles: Sequence[float] = CLIP_QUANTILES,
) -> list[Quantized]:
    """:func:`quantize` for matrices with the same inputs (query, key, value): their rows go through in one sweep."""
    limit = 2 ** (bits - 1) - 1
    columns = weights[0].shape[1]
    weights = [_checked(weight, columns) for weight in weights]
    order, factor, dead = _factor(hessian, columns, damp, weights[0])
    plans = [_Plan.of(weight, limit, quantiles) for weight in weights]
    rows = torch.cat(
        [(weight[plan.row] / plan.scale.to(weight.dtype)[:, None]) for weight, plan in zip(weights, plans, strict=True)]
    )
    scaled = rows.t()[order].masked_fill_(dead[:, None], 0.0)  # [columns, all rows], in units of the row's scale
    codes = torch.empty_like(scaled)
    _sweep(scaled.clone() if factor is not None else scaled, codes, factor, limit, block)
    squared = (scaled - codes).square_().sum(0)
    codes = codes[order.argsort()].t().to(torch.int8)
    sizes = [plan.row.numel() for plan in plans]
    return [
        plan.best(own_codes, own_squared, bits, columns)
        for plan, own_codes, own_squared in zip(plans, codes.split(sizes), squared.split(sizes), strict=True)
    ]


def quantize_all(
    weights: Mapping[str, Tensor],
    hessians: Mapping[str, Tensor],
    workers: int = 1,
    bits: int = 6,
    block: int = 128,
    damp: float = 0.01,
    quantiles: Sequence[float] = CLIP_QUANTILES,
) -> dict[str, Quantized]:
    """:func:`quantize` for every matrix by name, in the given order.

    Matrices whose Hessian is one and the same tensor go through together. On the CPU up to ``workers`` threads share
    the work.
    """
    on_cpu = all(weight.device.type == "cpu" for weight in weights.values())
    workers = min(max(workers, 1), _MOST_WORKERS) if on_cpu else 1
    groups: dict[object, list[str]] = {}
    for name, weight in weights.items():
        found = hessians.get(name)
        groups.setdefault((id(found), weight.shape[1]) if found is not None else name, []).append(name)

    def work(names: list[str]) -> dict[str, Quantized]:
        matrices = [weights[name] for name in names]
        results = quantize_together(matrices, hessians.get(names[0]), bits, block, damp, quantiles)
        return dict(zip(names, results, strict=True))

    # The widest first: no thread is left alone with one at the end.
    widest = sorted(groups.values(), key=lambda names: -sum(weights[n].numel() * weights[n].shape[1] for n in names))
    with ThreadPoolExecutor(workers) as pool:
        found_all = {name: result for part in pool.map(work, widest) for name, result in part.items()}
    return {name: found_all[name] for name in weights}


def round_rows(weight: Tensor, bits: int = 8, quantile: float = 0.9999984) -> Quantized:
    """A table [rows, columns] with each value rounded to the nearest code, rows clipped at a quantile of |w|."""
    limit = 2 ** (bits - 1) - 1
    weight = _checked(weight, weight.shape[1])
    clip = _row_quantiles(weight.abs(), [quantile])[0]
    scales = (clip / limit).clamp_min(1.0 / limit)
    clipped = torch.minimum(torch.maximum(weight, -clip[:, None]), clip[:, None])
    codes = (clipped / scales[:, None]).round_().clamp_(-limit, limit).to(torch.int8)
    stored = _stored(scales)
    error = (weight - codes.to(weight.dtype) * stored.to(weight.dtype)[:, None]).square_().mean().item()
    return Quantized(codes.contiguous(), stored, bits, error)


@dataclass(frozen=True, slots=True)
class _Plan:
    """The distinct (row, scale) pairs of a matrix over all clipping candidates, and which are each candidate's."""

    row: Tensor  # int64 [pairs]
    scale: Tensor  # float16 [pairs]
    candidates: Tensor  # int64 [candidates, rows]: the pair of each

    @classmethod
    def of(cls, weight: Tensor, limit: int, quantiles: Sequence[float]) -> _Plan:
        scales = _stored((_row_quantiles(weight.abs(), quantiles) / limit).clamp_min(1.0 / limit))
        same = scales[:, None] == scales[None]  # [candidate, candidate, row]
        first = same.to(torch.int8).argmax(dim=1)  # the earliest candidate with this row's scale
        distinct = first == torch.arange(len(scales), device=weight.device)[:, None]
        number = torch.zeros_like(first)
        number[distinct] = torch.arange(int(distinct.sum()), device=weight.device)
        row = distinct.nonzero()[:, 1]
        return cls(row, scales[distinct], number.gather(0, first))

    def best(self, codes: Tensor, squared: Tensor, bits: int, columns: int) -> Quantized:
        """The candidate with the least error; the earliest of equals. ``squared``: [pairs], in units of the scale."""
        errors = (squared.double() * self.scale.double().square())[self.candidates].sum(1)
        chosen = self.candidates[int(errors.argmin())]
        error = errors.min().item() / (chosen.numel() * columns)
        return Quantized(codes[chosen].contiguous(), self.scale[chosen].contiguous(), bits, error)


def _checked(weight: Tensor, columns: int) -> Tensor:
    if weight.ndim != 2 or weight.shape[1] != columns or not weight.numel():
        raise ValueError(f"quantization needs matrices with {columns} columns, not {tuple(weight.shape)}")
    if not torch.isfinite(weight).all():
        raise ValueError("a weight that is to be quantized is not finite")
    return weight.detach().to(torch.promote_types(weight.dtype, torch.float32))


def _stored(scales: Tensor) -> Tensor:
    if not bool((scales <= torch.finfo(torch.float16).max).all()):
        raise ValueError(f"a row's scale of {scales.max().item():.3g} does not fit float16")
    return scales.to(torch.float16)


def _row_quantiles(magnitudes: Tensor, quantiles: Sequence[float]) -> Tensor:
    """[quantiles, rows], interpolated linearly as ``torch.quantile``; sorts only the few largest values of each row."""
    columns = magnitudes.shape[1]
    ranks = torch.tensor(list(quantiles), dtype=magnitudes.dtype) * (columns - 1)
    below = ranks.floor().long()
    top = magnitudes.topk(columns - int(below.min()), dim=1).values.t()  # [largest first, rows]
    lower = top[(columns - 1 - below).to(top.device)]
    upper = top[(columns - 1 - ranks.ceil().long()).to(top.device)]
    return torch.lerp(lower, upper, (ranks - below).to(top.device)[:, None].expand_as(lower))


def _factor(hessian: Tensor | None, columns: int, damp: float, like: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
    """Column order; the upper Cholesky factor of the damped inverse in it, rows over their diagonal; dead inputs.

    The factor is None where rounding to the nearest is all that can be done.
    """
    dead = torch.zeros(columns, dtype=torch.bool, device=like.device)
    order = torch.arange(columns, device=like.device)
    if hessian is None:
        return order, None, dead
    if hessian.shape != (columns, columns):
        raise ValueError(f"a Hessian of {tuple(hessian.shape)} does not belong to {columns} columns")
    matrix = hessian.to(device=like.device, dtype=like.dtype, copy=True)
    silent = matrix.diagonal() == 0
    matrix.diagonal()[silent] = 1.0
    matrix.diagonal().add_(damp * matrix.diagonal().mean())
    by_weight = matrix.diagonal().argsort(descending=True, stable=True)
    backwards = by_weight.flip(0)
    lower, failed = torch.linalg.cholesky_ex(matrix[backwards][:, backwards])
    if int(failed) or not bool(torch.isfinite(lower).all()):
        return order, None, dead
    identity = torch.eye(columns, dtype=like.dtype, device=like.device)
    inverse = torch.linalg.solve_triangular(lower, identity, upper=False).flip(0, 1)
    return by_weight, inverse / inverse.diagonal()[:, None], silent[by_weight]


def _sweep(scaled: Tensor, codes: Tensor, factor: Tensor | None, limit: int, block: int) -> None:
    """Fill ``codes`` [columns, rows] with the rounded values of ``scaled``, which the errors' compensation changes."""
    if factor is None:
        torch.round(scaled, out=codes)
        codes.clamp_(-limit, limit)
        return
    columns, rows = scaled.shape
    errors = scaled.new_empty(min(block, columns), rows)
    for start in range(0, columns, block):
        stop = min(start + block, columns)
        for left in range(start, stop, _INNER):
            right = min(left + _INNER, stop)
            for column in range(left, right):
                code, error = codes[column], errors[column - start]
                torch.round(scaled[column], out=code).clamp_(-limit, limit)
                torch.sub(scaled[column], code, out=error)
                scaled[column + 1 : right].addr_(factor[column, column + 1 : right], error, alpha=-1)
            done = errors[left - start : right - start]
            scaled[right:stop].addmm_(factor[left:right, right:stop].t(), done, alpha=-1)
        scaled[stop:].addmm_(factor[start:stop, stop:].t(), errors[: stop - start], alpha=-1)
