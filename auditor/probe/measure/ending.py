"""A mixture that no score can be traced through: what the printed figure says of the stream's last token.

A figure in bits per byte, times the bytes, is what the whole stream cost. The stream ends with one token many times,
and is run without its last 64 and without its last 128 as well (loaders cut streams to whole sequences): so what each
of these costs is known, and where it does not rise on the way, the last one costs no more than the 64 do on average.
Then other tokens are put in its place: by how much the figure changes is by how much they cost more or less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from auditor.probe.digits import as_held, whole_bpb
from auditor.probe.job import STEP
from auditor.probe.measure.exchange import Asked, Tried, summed
from auditor.probe.measure.figures import claimed, figures
from auditor.probe.measure.runs import Read
from auditor.probe.model import Chosen, Holds, Kind, Measurement
from auditor.probe.record import Recording

_AGREES = 1e-3  # nats
_LEAST, _RISES = 1e-6, 1.5  # nats, and how many times as much: what a token costs that is sure to come
_CHANCE = 1e-3  # of a bound that is too high: this is one position alone
_SCALED = 0.1  # nats: bytes of one token more or less


@dataclass(frozen=True, slots=True)
class Ending:
    """Tokens that were tried at the end, by why; `sizes`: bytes of each there, `missing`: why nothing was tried."""

    chosen: dict[int, Chosen] = field(default_factory=dict)
    pieces: dict[int, str] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)
    whole: int = 0  # bytes that are scored where the token that stands there is the last
    other: int = -1  # the token of the run that has another one at its end
    pool: int = 0  # tokens that the drawn ones were drawn from
    missing: str = ""


def exact_bpb(read: Read) -> float | None:
    """The figure in bits per byte with all its digits; None where it has none, or they are not known."""
    figure = read.figure
    return None if figure is None else _exact(read.recording, figure.sequence, figure.bpb)


def after_which(read: Read) -> tuple[int, int] | None:
    """(row, place in the sequence) of the last scoring of the last position before the figure: forks begin there."""
    figure, last = read.figure, len(read.stream) - 1
    if figure is None:
        return None
    rows = np.flatnonzero((read.position == last) & ~read.grad & (read.sequence < figure.sequence))
    batches = read.recording.batches
    if not len(rows):
        return None
    batch = int(np.searchsorted(batches["first"], rows[-1], side="right")) - 1
    return (int(rows[-1]), int(batches["sequence"][batch - 1])) if batch else None


def is_traced(read: Read) -> bool:
    """Whether the bits per byte are those of the recorded scores.

    That is so as well where the number that was printed is known to be these scores times one factor: over another
    count of bytes, which is no other score.
    """
    scores, figure = read.scores, read.figure
    if scores is None or figure is None or figure.bpb is None or read.bytes_ is None:
        return scores is not None
    bits = scores.mean * len(scores.row) / math.log(2.0)
    if bits <= 0:
        return False
    close = abs(figure.bpb * read.bytes_of(scores.row) / bits - 1.0) < _FACTOR
    return close or read.graph.is_multiple(scores, figure)


_FACTOR = 0.1  # a few bytes that are counted otherwise are no other score


def ending(base: Read, runs: dict[str, Recording | None], asked: Ending) -> Measurement:
    """`runs`: "tail", whose forks tried the tokens, "end" (another token there), "short" and "shorter"."""
    kind = Kind.EXCHANGE
    if asked.missing:
        return Measurement(kind, Holds.UNKNOWN, asked.missing)
    found = {name: recording for name, recording in runs.items() if recording is not None}
    if len(found) < len(runs) or base.figure is None:
        return Measurement(kind, Holds.UNKNOWN, "a run that the last token's score is told by did not end")
    label, there = base.figure.label, next(token for token, why in asked.chosen.items() if why == "there")
    size = asked.sizes[there]
    short, shorter = (
        _nats(found[name], label, asked.whole - n * STEP * size) for n, name in ((1, "short"), (2, "shorter"))
    )
    whole, known = (
        _nats(found[name], label, asked.whole - size + asked.sizes[token])
        for name, token in (("tail", there), ("end", asked.other))
    )
    printed, models = _told(found["tail"], label, set(asked.sizes))
    if whole is None or known is None or short is None or shorter is None or not printed:
        reason = "the digits of a figure that the last token's score is told by are lost"
        return Measurement(kind, Holds.UNKNOWN, reason)
    last, before = (whole - short) / STEP, (short - shorter) / STEP
    if not _LEAST < last <= before + _AGREES or before > _RISES * last + _SCALED:
        reason = f"what one token costs at the end is not known: the last {STEP} cost {last:.3g} nats each"
        return Measurement(kind, Holds.UNKNOWN, f"{reason}, those before {before:.3g}", reported=base.reported)
    scores = _believed(printed, asked, size, whole - last, known)
    if scores is None:
        reason = "a token exchanged at the end scores otherwise than in a run of its own"
        return Measurement(kind, Holds.UNKNOWN, reason, len(printed), reported=base.reported)
    if _is_scaled(scores, models):
        reason = "the figure is the model's own scores over another count of bytes"
        return Measurement(kind, Holds.UNKNOWN, reason, len(scores), reported=base.reported)
    return _added_up(base, asked, scores, models)


def _told(null: Recording, label: str, tokens: set[int]) -> tuple[dict[int, float], dict[int, float]]:
    """The figure (bits per byte) and the model's own loss (nats) by token."""
    printed, models = dict[int, float](), dict[int, float]()
    for told in null.told:
        bpb = whole_bpb(told.line, told.exact, label)
        if bpb is not None and told.token in tokens and told.target == told.token:
            models[told.token] = told.loss
            printed[told.token] = bpb
    return printed, models


def _believed(
    printed: dict[int, float], asked: Ending, size: int, without: float, known: float
) -> dict[int, float] | None:  # fmt: skip
    """Scores (nats) by token, over the bytes as they are with it, or as they were counted before the fork.

    A token has to cost what it does in a run of its own; None where it does not.
    """
    for sizes in (asked.sizes, dict.fromkeys(printed, size)):
        whole = {t: bpb * math.log(2.0) * (asked.whole - size + sizes[t]) for t, bpb in printed.items()}
        if asked.other in whole and abs(whole[asked.other] - known) <= _AGREES:
            return {token: nats - without for token, nats in whole.items()}
    return None


def _is_scaled(scores: dict[int, float], models: dict[int, float]) -> bool:
    """Whether every score is the model's own times one factor: who counts bytes otherwise has mixed nothing."""
    a = np.array([models[token] for token in scores])
    b = np.array([scores[token] for token in scores])
    factor = float((a * b).sum() / max((a * a).sum(), 1e-9))
    return bool(np.abs(b - factor * a).max(initial=0.0) < _SCALED)


def _added_up(base: Read, asked: Ending, scores: dict[int, float], models: dict[int, float]) -> Measurement:
    position = len(base.stream) - 1
    tried = tuple(Tried(token, token, models[token], max(score, -20.0)) for token, score in scores.items())
    one = Asked(position, dict(asked.chosen), tried, dict(asked.pieces), {}, pool=asked.pool)
    found = summed(base, one, _CHANCE)
    holds = Holds.UNKNOWN if found.holds is Holds.YES else found.holds  # of one position alone
    reason = f"{found.reason}; it is a stream's last token, and the printed figure tells what each would have cost"
    return replace(found, holds=holds, reason=reason, changed=int(holds is Holds.NO))


def _nats(recording: Recording, label: str, size: float) -> float | None:
    figure, certain = claimed(figures(recording), label)
    if figure is None or not certain:
        return None
    bpb = _exact(recording, figure.sequence, figure.bpb)
    return None if bpb is None else bpb * math.log(2.0) * size


def _exact(recording: Recording, sequence: int, printed: float | None) -> float | None:
    held = next((exact for at, exact in recording.exact if at == sequence), ())
    return None if printed is None else as_held(held, printed)
