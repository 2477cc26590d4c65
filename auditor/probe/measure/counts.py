"""What one run shows by itself: how often each position was scored, what the figure is made of, normalization."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from auditor.probe.measure.runs import Read
from auditor.probe.model import Holds, Kind, Measurement, Witness

_TWICE_SHARE = 0.05
"""Of the stream: fewer positions scored twice are the end of the last windows, not a second pass."""
_UNNORMALIZED = 1e-3
_BPB_TOLERANCE = 5e-4  # relative; counting one byte too many per document is above it


def score_count(base: Read) -> Measurement:
    kind, scores = Kind.SCORE_COUNT, base.scores
    if scores is None:
        return Measurement(kind, Holds.UNKNOWN, base.untraced)
    position = base.position[scores.row]
    unknown = int((position < 0).sum())
    times = np.bincount(position[position >= 0], minlength=len(base.stream))[1:]
    missing, twice = np.flatnonzero(times == 0) + 1, np.flatnonzero(times > 1) + 1
    expected = len(base.stream) - 1
    if unknown > 0.01 * len(position):
        reason = f"{unknown:,} of {len(position):,} scores could not be matched to the stream"
        return Measurement(kind, Holds.UNKNOWN, reason, expected, reported=base.reported)
    if len(missing) and _repeats(base, times):
        missing = twice = missing[:0]
    if not len(missing) and not len(twice):
        return Measurement(
            kind, Holds.YES, f"each of {expected:,} positions is scored once", expected, reported=base.reported
        )
    parts = []
    if len(missing):
        tail = missing[0] == expected - len(missing) + 1
        where = f"the last {len(missing):,}" if tail else f"{len(missing):,}, the first of them {int(missing[0]):,},"
        parts.append(f"{where} of {expected:,} positions are never scored")
    if len(twice):
        parts.append(f"{len(twice):,} of {expected:,} positions enter the reported number more than once")
    witnesses = _twice(base, position, twice) if len(twice) >= _TWICE_SHARE * expected and not unknown else ()
    reason = "; ".join(parts)
    changed = len(missing) + len(twice)
    return Measurement(kind, Holds.NO, reason, expected, changed, reported=base.reported, witnesses=witnesses)


def _repeats(base: Read, times: NDArray[np.int64]) -> bool:
    """Whether what is missing stands, word for word, where the stream is scored too often: a text that it repeats."""
    tokens = np.asarray(base.stream)[1:]
    over = np.repeat(tokens, np.maximum(times - 1, 0))
    return bool(np.array_equal(np.sort(over), np.sort(tokens[times == 0])))


def _twice(base: Read, position: NDArray[np.int64], twice: NDArray[np.int64]) -> tuple[Witness, ...]:
    scores = base.scores
    assert scores is not None
    found = []
    for p in twice[:3]:
        at = np.flatnonzero(position == p)[:2]
        location, function = base.place(int(scores.row[at[1]]), int(scores.site[at[1]]))
        before, after = (float(v) for v in scores.value[at])
        label = base.figure.label if base.figure else ""
        found.append(Witness("C4", Kind.SCORE_COUNT, int(p), before, after, None, location, function, label))
    return tuple(found)


def reported_number(base: Read) -> Measurement:
    kind, scores, figure = Kind.REPORTED_NUMBER, base.scores, base.figure
    if scores is None or figure is None:
        return Measurement(kind, Holds.UNKNOWN, base.untraced)
    count = len(scores.row)
    effects, parts = [], []
    if figure.loss is not None:
        effects.append(abs(figure.loss - scores.mean) / abs(scores.mean))
        parts.append(f"val_loss {figure.loss} is the mean of {count:,} scores")
    holds = Holds.YES
    if figure.bpb is not None and base.bytes_ is not None:
        total = base.bytes_of(scores.row)
        expected = scores.mean * count / math.log(2.0) / total if total else math.inf
        effect = abs(figure.bpb - expected) / expected
        effects.append(effect)
        rounding = 0.51 * 10.0**-figure.bpb_decimals / expected
        if effect > _BPB_TOLERANCE + rounding:
            holds = Holds.NO
            parts.append(f"val_bpb {figure.bpb} is not their bits over the {int(total):,} bytes they decode to")
        else:
            parts.append(f"val_bpb {figure.bpb} is their bits over the {int(total):,} bytes they decode to")
    elif holds is Holds.YES:
        parts.append("the bytes could not be checked")
    return Measurement(kind, holds, "; ".join(parts), count, effect=max(effects, default=None), reported=base.reported)


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
