"""Where scores are born: cross-entropy, nll_loss, and a gather along the vocabulary of a distribution."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from auditor.probe.record.bounds import Bounds
from auditor.probe.record.mirror import Mirror, Mirrors
from auditor.probe.record.single import Scalar

SMALLEST_VOCABULARY = 64
"""Narrower last dimensions are no vocabulary: heads, experts, orders."""
CROSS_ENTROPY, NLL, GATHER = 0, 1, 2
_ROWS_AT_ONCE = 16384
_MOST_WHOLE = 150  # distributions of one run, fewer than whoever reads them takes


def projection(width: int) -> NDArray[Any]:
    """The fixed vector that a distribution is digested with. No random numbers: the script's stay its own."""
    return np.cos(np.arange(1, width + 1, dtype=np.float64) ** 2 * 0.7548776662466927).astype(np.float32)


class Losses:
    def __init__(
        self, mirrors: Mirrors, site: Callable[[], int], bounds: Bounds, contexts: Iterable[Sequence[int]] = ()
    ) -> None:  # fmt: skip
        """`contexts`: tokens; a distribution that predicts the last of them after the others is written down whole."""
        self.mirrors, self.site, self.bounds = mirrors, site, bounds
        self.expect(contexts)
        self._whole = 0  # distributions that were written down
        self._projections: dict[int, NDArray[Any]] = {}

    def expect(self, contexts: Iterable[Sequence[int]]) -> None:
        self._contexts = [np.array(context, dtype=np.int64) for context in contexts]

    def cross_entropy(self, func: Any, args: Any, kwargs: dict[str, Any], out: Tensor) -> None:
        """Also `F.nll_loss`, which takes the same arguments but label smoothing."""
        given = _bind(args, kwargs)
        logits, target = given["input"], given["target"]
        if target.is_floating_point() or logits.dim() == 0 or target.numel() == 0:
            return
        classes = 1 if logits.dim() > 1 else 0
        if logits.shape[classes] < SMALLEST_VOCABULARY:
            return
        reduction = given["reduction"]
        rows = out
        if reduction != "none":
            with torch.no_grad():
                rows = func(**{**given, "reduction": "none", "size_average": None, "reduce": None})
        # With smoothing or weights of classes a loss is not what the row gives its target: that is written down beside.
        changed = bool(given.get("label_smoothing")) or given.get("weight") is not None
        summed = rows
        if changed:
            with torch.no_grad():
                rows = func(logits, target, ignore_index=given.get("ignore_index", -100), reduction="none")
        flat = logits.detach().movedim(classes, -1).reshape(-1, logits.shape[classes])
        digests = self._digests(flat) if not out.requires_grad or reduction == "none" else None
        is_log = func.__name__ == "nll_loss"
        norms = self._norms(flat, log=True) if is_log else np.zeros(len(flat), dtype=np.float32)
        grad = bool(out.requires_grad)
        ids = self._write(target, rows, digests, norms, grad, NLL if is_log else CROSS_ENTROPY)
        if ids is None:
            return
        if not grad:
            self._wanted(target, ids, flat, log=True)
        if reduction == "none":
            self.mirrors.put(out, Mirror(ids.reshape(out.shape), 1.0, own=changed))
            return
        counted = target.reshape(-1) != given.get("ignore_index", -100)
        flat_ids = ids.reshape(-1)[counted]
        if flat_ids.numel() == 0 or given.get("weight") is not None:
            return
        share = 1.0 / flat_ids.numel() if reduction == "mean" else 1.0
        values = summed.detach().reshape(-1)[counted].double().numpy() if changed else None
        node = self.mirrors.tape.leaf(flat_ids.numpy(), share, values, self.site())
        if node >= 0:
            self.mirrors.put(out, Scalar(node))

    def gather(self, source: Tensor, index: Tensor, out: Tensor) -> None:
        """`source.gather(-1, index)`: the entries at the targets of something that is as wide as a vocabulary."""
        flat = source.detach().reshape(-1, source.shape[-1])
        sample = flat[:: max(1, len(flat) // 8)].float()
        if bool((sample <= 1e-4).all()) and bool((sample.exp().sum(-1) - 1).abs().max() < 0.2):
            norms, log = self._norms(flat, log=True), True
        elif bool((sample >= 0).all()) and bool((sample.sum(-1) - 1).abs().max() < 0.2):
            norms, log = self._norms(flat, log=False), False
        else:  # logits, from which a logsumexp may be taken later
            norms, log = np.full(len(flat), np.nan, dtype=np.float32), None
        picked = out.detach().reshape(-1).double()
        losses = -picked if log is not False else -picked.log()
        ids = self._write(index, losses, self._digests(flat), norms, bool(out.requires_grad), GATHER)
        if ids is not None:
            self._wanted(index, ids, flat, log=log is not False)
            # The sign and, for probabilities, the logarithm are still to come: whatever is summed is written down then.
            self.mirrors.put(out, Mirror(ids.reshape(out.shape), 1.0, own=True))

    def _write(
        self, target: Tensor, rows: Tensor, digests: Any, norms: Any, grad: bool, kind: int
    ) -> Tensor | None:  # fmt: skip
        targets = target.detach().reshape(-1).to(torch.int32).numpy()
        losses = rows.detach().reshape(-1).double().numpy()
        if digests is None:
            digests = np.full(len(targets), np.nan)
        width = target.shape[-1] if target.dim() > 1 and kind != GATHER else 0
        first = self.mirrors.tape.batch(
            targets, losses, digests, norms, site=self.site(), grad=grad, width=width, kind=kind
        )
        if first >= 0 and not grad:
            self.bounds.batch(first, losses)
        return None if first < 0 else torch.arange(first, first + len(targets), dtype=torch.int64)

    def _wanted(self, target: Tensor, ids: Tensor, flat: Tensor, *, log: bool) -> None:
        if not self._contexts or self._whole >= _MOST_WHOLE:
            return
        targets = target.detach().reshape(-1).to(torch.int64).numpy()
        first = int(ids.reshape(-1)[0]) if ids.numel() else 0
        for context in self._contexts:
            for end in np.flatnonzero(targets == context[-1]).tolist():
                start = end + 1 - len(context)
                if start < 0 or (targets[start : end + 1] != context).any():
                    continue
                self._whole += 1
                values = flat[end].double()
                values = torch.log_softmax(values if log else values.log(), dim=-1)
                self.mirrors.tape.whole(first + end, values.numpy())

    def _digests(self, flat: Tensor) -> NDArray[Any]:
        width = flat.shape[-1]
        vector = self._projections.get(width)
        if vector is None:
            vector = self._projections[width] = projection(width)
        with np.errstate(all="ignore"):  # masked tokens have a logit of -inf
            parts = [
                flat[i : i + _ROWS_AT_ONCE].float().numpy() @ vector for i in range(0, max(len(flat), 1), _ROWS_AT_ONCE)
            ]
        return np.concatenate(parts)

    @staticmethod
    def _norms(flat: Tensor, *, log: bool) -> NDArray[Any]:
        """|sum of the probabilities - 1| of each row."""
        parts = []
        for i in range(0, max(len(flat), 1), _ROWS_AT_ONCE):
            piece = flat[i : i + _ROWS_AT_ONCE].float()
            parts.append(((piece.exp() if log else piece).sum(-1, dtype=torch.float64) - 1).abs())
        return torch.cat(parts).float().numpy()


_ARGUMENTS = ("input", "target", "weight", "size_average", "ignore_index", "reduce", "reduction", "label_smoothing")
"""Of F.cross_entropy in their order; those of F.nll_loss are the same without the last."""


def _bind(args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    return {"reduction": "mean", **dict(zip(_ARGUMENTS, args, strict=False)), **kwargs}
