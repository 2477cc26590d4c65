"""Bits per byte and nats per token: loss = bpb * ln 2 * bytes per token of the run's own tokenizer."""

from __future__ import annotations

import math
from collections.abc import Iterable

from auditor.significance.model import Figure, Side

LN2 = math.log(2.0)


def implied_bytes_per_token(figure: Figure) -> float | None:
    """Bytes per token that a log divided by: val_loss / ln 2 / val_bpb; None where it prints no loss."""
    if figure.val_loss is None or not figure.val_bpb > 0 or not math.isfinite(figure.val_loss):
        return None
    ratio = figure.val_loss / LN2 / figure.val_bpb
    return ratio if ratio > 0 else None


def bytes_per_token(figures: Iterable[Figure]) -> float | None:
    """The mean over the figures; None unless every one of them tells it."""
    ratios = [implied_bytes_per_token(f) for f in figures]
    known = [r for r in ratios if r is not None]
    return sum(known) / len(known) if known and len(known) == len(ratios) else None


def to_nats(bpb: float, ratio: float) -> float:
    return bpb * LN2 * ratio


def to_bpb(nats: float, ratio: float) -> float:
    return nats / LN2 / ratio


def in_nats(new: Side, base: Side, tolerance: float) -> tuple[list[float], list[float], float, str] | None:
    """Both sides in nats per token of the new side's tokenizer, its bytes per token, and how it was done.

    `tolerance` is the relative difference of bytes per token within which two tokenizers count as one. None where
    neither side tells its bytes per token.
    """
    ratio = new.bytes_per_token or bytes_per_token(new.figures)
    theirs = base.bytes_per_token or bytes_per_token(base.figures)
    if ratio is None and theirs is None:
        return None
    if ratio is None:
        assert theirs is not None
        note = f"the new figures come without a loss: converted with the baseline's {theirs:.4f} bytes per token"
        return _converted(new, theirs), _own(base, theirs), theirs, note
    ours = _own(new, ratio)
    if theirs is None:
        note = f"the baseline's figures come without a loss: converted with the new side's {ratio:.4f} bytes per token"
        return ours, _converted(base, ratio), ratio, note
    if abs(theirs / ratio - 1) <= tolerance:
        return ours, _own(base, theirs), ratio, f"both sides have {ratio:.4f} bytes per token: losses as logged"
    note = (
        f"another tokenizer: the baseline ran at {theirs:.4f} bytes per token, the new side at {ratio:.4f}; the "
        f"baseline's bits per byte were converted with {ratio:.4f}"
    )
    return ours, _converted(base, ratio), ratio, note


def _converted(side: Side, ratio: float) -> list[float]:
    return [to_nats(f.val_bpb, ratio) for f in side.figures]


def _own(side: Side, ratio: float) -> list[float]:
    losses = [f.val_loss for f in side.figures]
    return [x for x in losses if x is not None] if None not in losses else _converted(side, ratio)
