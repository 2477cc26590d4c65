"""Pruning to the size limit: the cheapest +/-1 codes become 0 until code and model fit.

Zeroing a code of +/-1 changes its weight by the row's scale, so the rows with the smallest scales go first; among equal
ones, the first in the model. A pruned row's codes are easier to predict, and the artifact shrinks.

Brotli at the record's quality takes half a minute for the whole model, so its size is predicted instead of tried: by
the entropy of each matrix's codes (Shannon, 1948) times what Brotli needs over it. That ratio is measured on a few
matrices, whose streams are used later, then on all; only matrices that change are compressed again. Most runs compress
once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count as count_from

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .artifact import assemble, pack_codes
from .gptq import Quantized

_SAMPLE = 12  # every so manyth matrix is compressed before the others, for the first prediction
_SLACK = 2000  # a result that leaves no more than limit/_SLACK bytes unused is taken
_REHEARSALS = 2  # predictions that only the sample is compressed for
_ROUNDS = 8
_STRIDE = 1024  # rows between two sums that are kept
_STREAM_BYTES = 60.0  # about what a stream costs beyond its codes: block and code tables


class DoesNotFit(ValueError):
    """Code and model exceed the limit with every +/-1 pruned."""


@dataclass(frozen=True, slots=True)
class PruneReport:
    """What :func:`fit` found. Sizes in bytes; ``unpruned_bytes`` is exact if nothing was pruned, else predicted."""

    code_bytes: int
    model_bytes: int
    limit_bytes: int
    unpruned_bytes: int  # of the model
    pruned: int  # codes set to 0
    prunable: int  # codes of +/-1 before
    compressed_matrices: int  # compressions of a matrix at full quality, for `matrices` matrices
    matrices: int

    @property
    def total_bytes(self) -> int:
        return self.code_bytes + self.model_bytes


@dataclass(frozen=True, slots=True)
class Fitted:
    """The artifact that fits, what is in it, and how it came about."""

    blob: bytes
    quantized: dict[str, Quantized]
    report: PruneReport


def prune_to_fit(
    quantized: Mapping[str, Quantized], code_bytes: int, limit_bytes: int, plain: Mapping[str, Tensor] | None = None,
    quality: int = 10, bits: int = 6,
) -> tuple[dict[str, Quantized], PruneReport]:
    """:func:`fit` without the artifact."""
    fitted = fit(quantized, plain or {}, code_bytes, limit_bytes, quality, bits)
    return fitted.quantized, fitted.report


def fit(
    quantized: Mapping[str, Quantized], plain: Mapping[str, Tensor], code_bytes: int, limit_bytes: int,
    quality: int = 10, bits: int = 6,
) -> Fitted:
    """The artifact, pruned as little as the limit on code and model together asks for (within limit/2000 bytes).

    Only matrices of at most ``bits`` bits are pruned. Changes no argument. Raises DoesNotFit with the figures.
    """
    search = _Search(quantized, plain, code_bytes, limit_bytes, quality, bits)
    below = -1  # the largest count that is known not to fit
    best: tuple[int, bytes, dict[str, Quantized]] | None = None
    count = search.predict()
    for attempt in count_from(1):
        matrices = _pruned(quantized, search.ranking, count)
        blob = search.pack(matrices, count)
        unused = limit_bytes - code_bytes - len(blob)
        if unused >= 0:
            best = count, blob, matrices
        else:
            below = count
            if count >= search.ranking.prunable:
                raise DoesNotFit(search.refusal(len(blob)))
        count = search.predict()
        if best is not None:
            close = 0 <= unused <= limit_bytes // _SLACK and count > 0  # at 0, pruning may not be needed at all
            if close or best[0] <= below + 1 or attempt >= _ROUNDS:
                return Fitted(best[1], best[2], search.report(*best[:2]))
        above = best[0] if best is not None else search.ranking.prunable + 1
        if not below < count < above:
            count = (below + above) // 2
    raise AssertionError("the bisection ends")


def prune(quantized: Mapping[str, Quantized], count: int, bits: int = 6) -> dict[str, Quantized]:
    """The ``count`` cheapest codes of +/-1 set to 0; matrices in which nothing changes are the same objects."""
    return _pruned(quantized, _Ranking.of(quantized, bits), count)


class _Search:
    """Streams at full quality of what has been tried, and what they say of what has not."""

    def __init__(
        self, quantized: Mapping[str, Quantized], plain: Mapping[str, Tensor], code_bytes: int, limit_bytes: int,
        quality: int, bits: int,
    ) -> None:
        self.names = list(quantized)
        self.plain, self.quality = plain, quality
        self.code_bytes, self.limit_bytes = code_bytes, limit_bytes
        self.ranking = _Ranking.of(quantized, bits)
        self.entropy = _Entropy(quantized, self.ranking)
        self.compressions = 0
        self.streams: dict[str, tuple[Tensor, bytes]] = {}  # by name: the codes, and what became of them
        prunable = self.ranking.names
        others = [name for name in self.names if name not in prunable]
        self.ratios = np.ones(len(prunable))
        self._compress(quantized, others + prunable[::_SAMPLE])
        self._calibrate(0)
        self.fixed = len(assemble(quantized, plain, [b""] * len(quantized), quality)) + sum(
            len(self.streams[name][1]) for name in others)
        self.unpruned = round(self._predicted(0) + self.fixed)
        for _ in range(_REHEARSALS):  # the ratio of a pruned matrix is another one
            count = self.predict()
            self._compress(_pruned(quantized, self.ranking, count), prunable[::_SAMPLE])
            self._calibrate(count)

    def predict(self) -> int:
        """The smallest count that should fit, by what is known so far."""
        room = self.limit_bytes - self.code_bytes - self.fixed
        if self._predicted(0) <= room:
            return 0
        room -= self.limit_bytes // _SLACK // 2
        low, high = 0, self.ranking.prunable  # what doesn't fit, what may
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._predicted(middle) <= room else (middle, high)
        return high

    def pack(self, matrices: Mapping[str, Quantized], count: int) -> bytes:
        """The artifact of what ``count`` leaves; the next prediction knows its size."""
        self._compress(matrices, self.names)
        self._calibrate(count)
        blob = assemble(matrices, self.plain, [self.streams[name][1] for name in self.names], self.quality)
        self.fixed = len(blob) - sum(len(self.streams[name][1]) for name in self.ranking.names)
        return blob

    def report(self, count: int, blob: bytes) -> PruneReport:
        unpruned = len(blob) if count == 0 else self.unpruned
        return PruneReport(self.code_bytes, len(blob), self.limit_bytes, unpruned, count, self.ranking.prunable,
                           self.compressions, len(self.names))

    def refusal(self, smallest: int) -> str:
        total = self.code_bytes + smallest
        return (f"{self.code_bytes:,} bytes of code and {smallest:,} of model make {total:,}, "
                f"{total - self.limit_bytes:,} more than the limit of {self.limit_bytes:,}, "
                f"though all {self.ranking.prunable:,} values of +/-1 are pruned")

    def _predicted(self, count: int) -> float:
        return float((self.entropy.bytes(count) * self.ratios).sum())

    def _compress(self, matrices: Mapping[str, Quantized], names: Sequence[str]) -> None:
        changed = [name for name in names
                   if name not in self.streams or not torch.equal(self.streams[name][0], matrices[name].codes)]
        packed = pack_codes([matrices[name] for name in changed], self.quality)
        for name, stream in zip(changed, packed, strict=True):
            self.streams[name] = (matrices[name].codes, stream)
        self.compressions += len(changed)

    def _calibrate(self, count: int) -> None:
        """Ratios of stream to entropy: each matrix's own; where it has no stream yet, that of all that have."""
        entropy = self.entropy.bytes(count)
        known = np.array([name in self.streams for name in self.ranking.names], dtype=bool)
        actual = np.array([len(self.streams[name][1]) for name in self.ranking.names if name in self.streams])
        if known.any():
            self.ratios[~known] = actual.sum() / entropy[known].sum()
            self.ratios[known] = actual / entropy[known]


class _Entropy:
    """How many bytes a matrix's codes hold at least if each is coded by itself, whatever is pruned."""

    def __init__(self, quantized: Mapping[str, Quantized], ranking: _Ranking) -> None:
        self.ranking = ranking
        most = max((2 ** (quantized[name].bits - 1) for name in ranking.names), default=2)
        self.zero = most
        rows = [_histograms(quantized[name].codes, most) for name in ranking.names]
        self.whole = np.array([part.sum(0) for part in rows]).reshape(len(rows), 2 * most)
        first = np.cumsum([0, *(len(part) for part in rows)])
        every = np.concatenate([*rows, np.zeros((0, 2 * most), dtype=np.int64)])
        self.by_rank = every[first[ranking.matrix] + ranking.row]
        self.marks = [np.zeros_like(self.whole)]  # what _STRIDE rows, twice as many, ... of the ranking hold, by matrix
        for start in range(0, len(self.by_rank) - _STRIDE + 1, _STRIDE):
            self.marks.append(self._plus_rows(self.marks[-1], start, start + _STRIDE))

    def _plus_rows(self, histograms: NDArray[np.int64], start: int, stop: int) -> NDArray[np.int64]:
        total = histograms.copy()
        np.add.at(total, self.ranking.matrix[start:stop], self.by_rank[start:stop])
        return total

    def bytes(self, count: int) -> NDArray[np.float64]:
        """[matrices]. Rows that lose codes and rows that don't have a code table each, as Brotli's blocks do."""
        ranking = self.ranking
        touched = int(np.searchsorted(ranking.ends, count)) + 1 if count else 0
        mark = min(touched // _STRIDE, len(self.marks) - 1)
        losing = self._plus_rows(self.marks[mark], mark * _STRIDE, touched)
        keeping = self.whole - losing
        gone = np.diff(np.minimum(ranking.ends, count), prepend=0)[:touched]
        ones = losing[:, [self.zero - 1, self.zero + 1]]
        losses = np.bincount(ranking.matrix[:touched], gone, len(self.whole))
        left = 1 - losses / np.maximum(ones.sum(1), 1)
        losing[:, [self.zero - 1, self.zero + 1]] = ones * left[:, None]
        losing[:, self.zero] += losses.astype(np.int64)
        return _entropy_bytes(losing) + _entropy_bytes(keeping) + _STREAM_BYTES


def _histograms(codes: Tensor, most: int) -> NDArray[np.int64]:
    """[rows, 2 * most]: how often a row has the code ``column - most``."""
    rows, width = codes.shape[0], 2 * most
    keys = codes.cpu().to(torch.int32) + most + width * torch.arange(rows, dtype=torch.int32)[:, None]
    return torch.bincount(keys.flatten(), minlength=rows * width).view(rows, width).numpy()


def _entropy_bytes(histograms: NDArray[np.int64]) -> NDArray[np.float64]:
    totals = histograms.sum(1, keepdims=True)
    shares = histograms / np.maximum(totals, 1)
    bits = -np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    return np.asarray((histograms * bits).sum(1) / 8)


@dataclass(frozen=True, slots=True)
class _Ranking:
    """Rows of the prunable matrices in the order in which they lose their +/-1."""

    names: list[str]
    matrix: NDArray[np.int64]  # [all rows], index into names
    row: NDArray[np.int64]  # [all rows], within the matrix
    ends: NDArray[np.int64]  # [all rows], codes pruned once this row is done

    @classmethod
    def of(cls, quantized: Mapping[str, Quantized], bits: int) -> _Ranking:
        names = [name for name, matrix in quantized.items() if matrix.bits <= bits]
        nothing = np.zeros(0, dtype=np.int64)
        scales = [quantized[name].scales.float().cpu().numpy() for name in names]
        ones = [(quantized[name].codes.abs() == 1).sum(1).cpu().numpy() for name in names]
        order = np.argsort(np.concatenate([*scales, nothing]), kind="stable")
        matrix = np.concatenate([*(np.full(len(part), index) for index, part in enumerate(scales)), nothing])
        row = np.concatenate([*(np.arange(len(part)) for part in scales), nothing])
        return cls(names, matrix[order], row[order], np.concatenate([*ones, nothing])[order].cumsum())

    @property
    def prunable(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def losses(self, count: int) -> list[NDArray[np.int64]]:
        """When ``count`` are pruned in all: for each matrix, the rows that lose codes and how many, [rows, 2]."""
        taken = np.minimum(self.ends, count)
        losses = np.diff(taken, prepend=0)
        touched = losses > 0
        return [np.stack([self.row, losses], 1)[touched & (self.matrix == index)] for index in range(len(self.names))]


def _pruned(quantized: Mapping[str, Quantized], ranking: _Ranking, count: int) -> dict[str, Quantized]:
    result = dict(quantized)
    for name, losses in zip(ranking.names, ranking.losses(count), strict=True):
        if not len(losses):
            continue
        codes = result[name].codes.clone()
        rows, most = (torch.from_numpy(column.copy()).to(codes.device) for column in losses.T)
        part = codes[rows]
        ones = part.abs() == 1
        codes[rows] = part.masked_fill(ones & (ones.cumsum(1) <= most[:, None]), 0)
        result[name] = replace(result[name], codes=codes)
    return result
