"""Pruning to the size limit: the cheapest +/-1 codes become 0 until code and model fit.

Zeroing a code of +/-1 changes its weight by the row's scale, so the rows with the smallest scales go first; among equal
ones, the first in the model. A pruned row's codes are easier to predict, and the artifact shrinks.

How many have to go is found by the method of false position on the artifact's true size. Brotli at the record's quality
takes half a minute for the whole model; after the first time, only matrices that change are compressed again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import count as count_from

import torch
from torch import Tensor

from reference_model.quantization.artifact import assemble, pack_codes
from reference_model.quantization.gptq import Quantized

_SLACK = 2000  # a result that leaves no more than limit/_SLACK bytes unused is taken
_SAVED = 0.3  # bytes that a pruned code is expected to save before anything is known
_LEAST_SAVED = 0.01  # bytes, likewise, whatever the attempts so far say
_ROUNDS = 8  # attempts after which the best is taken
_ALL = 4  # attempts after which, where none has fitted, everything is pruned


class DoesNotFit(ValueError):
    """Code and model exceed the limit with every +/-1 pruned."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """The artifact that fits, and what is in it."""

    blob: bytes
    quantized: dict[str, Quantized]
    unpruned_bytes: int  # of the model
    pruned: int  # codes set to 0
    prunable: int  # codes of +/-1 before


def fit(
    quantized: Mapping[str, Quantized],
    plain: Mapping[str, Tensor],
    code_bytes: int,
    limit_bytes: int,
    quality: int = 10,
    bits: int = 6,
) -> Fitted:
    """The artifact, pruned as little as the limit on code and model together asks for (within limit/2000 bytes).

    Only matrices of at most ``bits`` bits are pruned. Changes no argument. Raises DoesNotFit with the figures.
    """
    ranking = _Ranking(quantized, bits)
    room, slack = limit_bytes - code_bytes, limit_bytes // _SLACK
    count, matrices, streams = 0, dict(quantized), pack_codes(quantized, quality)
    blob = assemble(quantized, plain, streams, quality)
    unpruned = len(blob)
    failed, failed_bytes = 0, unpruned  # the largest count that is known not to fit
    best: Fitted | None = None
    for attempt in count_from():
        if len(blob) <= room:
            best = Fitted(blob, matrices, unpruned, count, ranking.prunable)
            saved = (failed_bytes - len(blob)) / max(count - failed, 1)
        elif count < ranking.prunable:
            failed, failed_bytes = count, len(blob)
            saved = (unpruned - len(blob)) / count if count else _SAVED
        else:
            raise DoesNotFit(
                f"{code_bytes:,} bytes of code and {len(blob):,} of model make {code_bytes + len(blob):,}, more than "
                f"the limit of {limit_bytes:,}, though all {count:,} values of +/-1 are pruned"
            )
        if best is not None and (best.pruned <= failed + 1 or room - len(best.blob) <= slack or attempt >= _ROUNDS):
            return best
        count = failed + int((failed_bytes - room + slack // 2) / max(saved, _LEAST_SAVED))
        if best is None:
            count = min(count, ranking.prunable) if attempt < _ALL else ranking.prunable
        else:
            count = min(count, best.pruned - 1)
        count = max(count, failed + 1)
        before, matrices = matrices, ranking.pruned(count)
        changed = {
            name: matrix for name, matrix in matrices.items() if not torch.equal(matrix.codes, before[name].codes)
        }
        streams |= pack_codes(changed, quality)
        blob = assemble(matrices, plain, streams, quality)
    raise AssertionError("the search ends")


def prune(quantized: Mapping[str, Quantized], count: int, bits: int = 6) -> dict[str, Quantized]:
    """The ``count`` cheapest codes of +/-1 set to 0; matrices in which nothing changes are the same objects."""
    return _Ranking(quantized, bits).pruned(count)


class _Ranking:
    """Rows of the prunable matrices in the order in which they lose their +/-1."""

    def __init__(self, quantized: Mapping[str, Quantized], bits: int) -> None:
        self.quantized = quantized
        self.names = [name for name, matrix in quantized.items() if matrix.bits <= bits]
        matrices = [quantized[name] for name in self.names]
        self.sizes = [len(matrix.codes) for matrix in matrices]
        scales = [matrix.scales.float() for matrix in matrices]
        ones = [(matrix.codes.abs() == 1).sum(1) for matrix in matrices]
        self.order = torch.cat([torch.zeros(0), *scales]).argsort(stable=True)  # [all rows]
        # [all rows], in that order: codes pruned once this row is done
        self.ends = torch.cat([torch.zeros(0, dtype=torch.int64), *ones])[self.order].cumsum(0)
        self.prunable = int(self.ends[-1]) if self.names else 0

    def pruned(self, count: int) -> dict[str, Quantized]:
        """With the ``count`` cheapest codes of +/-1 set to 0."""
        losses = torch.empty_like(self.ends)
        losses[self.order] = self.ends.clamp_max(count).diff(prepend=self.ends.new_zeros(1))
        result = dict(self.quantized)
        for name, most in zip(self.names, losses.split(self.sizes), strict=True):
            if most.any():
                ones = result[name].codes.abs() == 1
                codes = result[name].codes.masked_fill(ones & (ones.cumsum(1) <= most[:, None]), 0)
                result[name] = replace(result[name], codes=codes)
        return result
