"""What one run shows by itself: how often each position was scored, what the figure is made of, normalization."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auditor.probe.measure.exchange import beside
from auditor.probe.measure.figures import Scores
from auditor.probe.measure.runs import Read
from auditor.probe.model import Holds, Kind, Measurement, Witness

_TWICE_SHARE = 0.05
"""Of the stream: fewer positions scored twice are the end of the last windows, not a second pass."""
_UNNORMALIZED = 1e-3
_SUMS = 3e-6  # of a number: what sums in single precision may be off by
_TOLD = 0.1  # bytes: less than that tells whole numbers from others
_BPB_TOLERANCE = 5e-4  # relative; counting one byte too many per document is above it


@dataclass(frozen=True)
class _Laid:
    """Where the scores of the reported number lie in the stream.

    `times`: how often each position is scored. Texts that the stream repeats, and single tokens, can be of several
    places: where they are, word for word, what no other score is of, they are taken to be that (`left` is then what
    is still missing). `whole`: nothing is missing that way, and nothing is over.
    """

    times: NDArray[np.int64]  # position 1 is the first
    missing: NDArray[np.int64]
    left: int
    unknown: int  # scores that are of no place
    whole: bool

    @property
    def twice(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.times > 1) + 1


def _laid(base: Read, scores: Scores) -> _Laid:
    stream, position = np.asarray(base.stream), base.position[scores.row]
    known = position >= 0
    times, missing = _times(position[known], len(stream))
    surely, open_ = _times(position[known & base.sure[scores.row]], len(stream))
    loose = Counter(base.recording.target[scores.row[~(known & base.sure[scores.row])]].tolist())
    text = Counter(stream[open_].tolist())
    if loose - text:
        return _Laid(times, missing, len(missing), int((~known).sum()), False)
    left = (text - loose).total()
    return _Laid(surely, missing if left == len(missing) else missing[:0], left, 0, not left)


def _times(position: NDArray[np.int64], length: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How often each position from 1 on is scored, and those that never are."""
    times = np.bincount(position, minlength=length)[1:]
    return times, np.flatnonzero(times == 0) + 1


def score_count(base: Read) -> Measurement:
    kind, scores = Kind.SCORE_COUNT, base.scores
    if scores is None:
        return Measurement(kind, Holds.UNKNOWN, base.untraced)
    laid, count, expected = _laid(base, scores), len(scores.row), len(base.stream) - 1
    if laid.unknown > 0.01 * count:
        reason = f"{laid.unknown:,} of {count:,} scores could not be matched to the stream"
        return Measurement(kind, Holds.UNKNOWN, reason, expected, reported=base.reported)
    missing, twice = laid.missing, laid.twice
    if not laid.left and not len(twice):
        return Measurement(
            kind, Holds.YES, f"each of {expected:,} positions is scored once", expected, reported=base.reported
        )
    parts = []
    if laid.left:
        where = f"{laid.left:,}"
        if len(missing):
            tail = missing[0] == expected - len(missing) + 1
            where = f"the last {laid.left:,}" if tail else f"{where}, the first of them {int(missing[0]):,},"
        parts.append(f"{where} of {expected:,} positions are never scored")
    if len(twice):
        parts.append(f"{len(twice):,} of {expected:,} positions enter the reported number more than once")
    witnesses = _twice(base) if not laid.unknown else ()
    reason = "; ".join(parts)
    changed = laid.left + len(twice)
    return Measurement(kind, Holds.NO, reason, expected, changed, reported=base.reported, witnesses=witnesses)


def _twice(base: Read) -> tuple[Witness, ...]:
    """Positions that are scored twice for certain; none where they are so few that they end the last windows."""
    scores = base.scores
    assert scores is not None
    position = np.where(base.sure[scores.row], base.position[scores.row], -1)
    times = np.bincount(position[position >= 0], minlength=len(base.stream))
    twice = np.flatnonzero(times > 1)
    if len(twice) < _TWICE_SHARE * (len(base.stream) - 1):
        return ()
    found = []
    for p in twice[:3]:
        at = np.flatnonzero(position == p)[:2]
        location, function = base.place(int(scores.row[at[1]]), int(scores.site[at[1]]))
        before, after = (float(v) for v in scores.value[at])
        label = base.figure.label if base.figure else ""
        found.append(Witness("C4", Kind.SCORE_COUNT, int(p), before, after, None, location, function, label))
    return tuple(found)


def _bytes(base: Read, scores: Scores) -> float | None:
    """True bytes of what was scored; None where it is not known of each score which token of the stream it is of."""
    if base.bytes_ is None:
        return None
    laid = _laid(base, scores)
    if laid.whole:
        return float((np.maximum(laid.times, 1) * base.bytes_[1:]).sum())
    position = base.position[scores.row]
    sure = bool(base.sure[scores.row].all()) or len(np.unique(position)) == len(position)
    return float(base.bytes_[position].sum()) if sure and (position >= 0).all() else None


def reported_number(base: Read) -> Measurement:
    kind, scores, figure = Kind.REPORTED_NUMBER, base.scores, base.figure
    if scores is None or figure is None:
        return Measurement(kind, Holds.UNKNOWN, base.untraced)
    count = len(scores.row)
    effects, parts = [], []
    if figure.loss is not None:
        effects.append(abs(figure.loss - scores.mean) / abs(scores.mean))
        parts.append(f"val_loss {figure.loss} is the mean of {count:,} scores")
    more = beside(scores)
    holds = Holds.NO if scores.added < 0 else Holds.UNKNOWN if more else Holds.YES
    parts += [more] if more else []
    total = _bytes(base, scores)
    if figure.bpb is not None and total is not None:
        expected = scores.mean * count / math.log(2.0) / total if total else math.inf
        effect = abs(figure.bpb - expected) / expected
        effects.append(effect)
        rounding = 0.51 * 10.0**-figure.bpb_decimals / expected
        if effect > _BPB_TOLERANCE + rounding:
            holds = Holds.NO
            parts.append(f"val_bpb {figure.bpb} is not their bits over the {int(total):,} bytes they decode to")
        else:
            parts.append(f"val_bpb {figure.bpb} is their bits over the {int(total):,} bytes they decode to")
    else:
        holds = Holds.UNKNOWN if holds is Holds.YES else holds
        parts.append("the bytes could not be checked")
    return Measurement(kind, holds, "; ".join(parts), count, effect=max(effects, default=None), reported=base.reported)


def of_no_bytes(base: Read) -> bool:
    """Whether the printed bits per byte are those of the scores over no whole number of bytes.

    Who counts the bytes otherwise than the tokens decode still counts them: the figure is over a whole number of them,
    and of as many tokens or one more or less. A function of the figure, or of the bytes, gives another one.
    """
    scores, figure = base.scores, base.figure
    if scores is None or figure is None or not figure.bpb or scores.mean <= 0:
        return False
    count = len(scores.row)
    total = scores.mean * count / math.log(2.0) / figure.bpb
    off = total * (0.51 * 10.0**-figure.bpb_decimals / figure.bpb + _SUMS)
    counted = (total * (count + more) / count for more in (0, 1, -1))
    return off < _TOLD and all(abs(size - round(size)) > off for size in counted)


def normalization(base: Read) -> Measurement:
    """Of the scores of the reported number whose whole distribution was seen."""
    kind, scores, recording = Kind.NORMALIZATION, base.scores, base.recording
    if scores is None:
        return Measurement(kind, Holds.UNKNOWN, base.untraced)
    rows = np.unique(scores.row)
    kinds = recording.of_rows("kind")[rows]
    norms = recording.norm[rows]
    seen = np.isfinite(norms)
    # An altered cross-entropy is no longer normalized by construction; a gathered probability is always "altered":
    # its logarithm and sign come later. There the value must still be that logarithm.
    changed = np.abs(scores.value - recording.loss[scores.row]) > 1e-4 * np.maximum(1.0, np.abs(scores.value))
    changed &= np.abs(scores.value + recording.loss[scores.row]) > 1e-4 * np.maximum(1.0, np.abs(scores.value))
    beyond = int((scores.own & changed).sum())
    if beyond:
        reason = f"{beyond:,} of {len(changed):,} scores were computed further after the distribution was read"
        return Measurement(kind, Holds.UNKNOWN, reason, len(rows), reported=base.reported)
    if not seen.all():
        return Measurement(
            kind, Holds.UNKNOWN, "the distribution was not seen whole", len(rows), reported=base.reported
        )
    effect = float(norms.max())
    bad = int((norms > _UNNORMALIZED).sum())
    if bad:
        reason = f"{bad:,} of {len(rows):,} distributions do not sum to 1, by up to {effect:.2g}"
        return Measurement(kind, Holds.NO, reason, len(rows), bad, effect=effect, reported=base.reported)
    how = "cross_entropy normalizes them" if (kinds == 0).all() else "the probabilities over the vocabulary sum to 1"
    return Measurement(
        kind, Holds.YES, f"{len(rows):,} distributions: {how}", len(rows), effect=effect, reported=base.reported
    )
