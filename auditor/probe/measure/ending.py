"""A mixture that no score can be traced through: what the printed figure says of the stream's last token.

A figure in bits per byte, times the bytes, is what the whole stream cost. What it cost without its last token taken
from that is the last token's score, whatever was done with tokens, bytes and counts in between. So other tokens are put
at the end, and exp(-score) is what each would have been given.

What it cost without its last token is asked twice, if need be. Tokens that have no bytes are put at the end as well:
where the model gives two of them different losses and the figure is the same, they cost nothing, and the rest is the
stream without its last token. Otherwise it is run without it, which says nothing where a loader then drops more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from auditor.probe.measure.exchange import Asked, Tried, summed
from auditor.probe.measure.figures import claimed, figures
from auditor.probe.measure.runs import Read
from auditor.probe.model import Chosen, Holds, Kind, Measurement
from auditor.probe.record import Recording
from auditor.runs.evaluations import parse_evaluation, stem
from auditor.runs.text import clean

_AGREES = 1e-3  # nats
_TELLS = 0.01  # nats: what the model gives two tokens that cost the same whatever it gives them
_CHANCE = 1e-3  # of a bound that is too high: this is one position alone
_SCALED = 0.1  # nats: bytes of one token more or less


@dataclass(frozen=True, slots=True)
class Ending:
    """Tokens that were tried at the end, by why; `sizes`: bytes of each there, `missing`: why nothing was tried."""

    chosen: dict[int, Chosen] = field(default_factory=dict)
    pieces: dict[int, str] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)
    other: int = -1  # the token of the run that has another one at its end
    pool: int = 0  # tokens that the drawn ones were drawn from
    empty: tuple[int, ...] = ()  # tokens without bytes that were tried beside the chosen ones
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
    """Whether the bits per byte are those of the recorded scores."""
    scores, figure = read.scores, read.figure
    if scores is None or figure is None or figure.bpb is None or read.bytes_ is None:
        return scores is not None
    bits = scores.mean * len(scores.row) / math.log(2.0)
    if bits <= 0:
        return False
    return abs(figure.bpb * read.bytes_of(scores.row) / bits - 1.0) < _FACTOR


_FACTOR = 0.1  # a few bytes that are counted otherwise are no other score


def ending(base: Read, runs: dict[str, Recording | None], asked: Ending) -> Measurement:
    """`runs`: "end" (another token at the end), "null", whose forks tried the others, and "short", where it was run."""
    kind = Kind.EXCHANGE
    if asked.missing:
        return Measurement(kind, Holds.UNKNOWN, asked.missing)
    short, end, null = (runs.get(name) for name in ("short", "end", "null"))
    if end is None or null is None or base.bytes_ is None or base.figure is None:
        return Measurement(kind, Holds.UNKNOWN, "a run that the last token's score is told by did not end")
    printed, models = _told(null, base.figure.label, {*asked.sizes, *asked.empty})
    before = float(base.bytes_[1:].sum()) - asked.sizes[int(base.stream[-1])]
    known = _nats(end, base.figure.label, before + asked.sizes[asked.other])
    without = None if short is None else _nats(short, base.figure.label, before)
    if known is None or not printed:
        reason = "the digits of a figure that the last token's score is told by are lost"
        return Measurement(kind, Holds.UNKNOWN, reason)
    scores, reason = _believed(printed, models, asked, before, without, known)
    if scores is None:
        return Measurement(kind, Holds.UNKNOWN, reason, len(printed), reported=base.reported)
    if _is_scaled(scores, models):
        reason = "the figure is the model's own scores over another count of bytes"
        return Measurement(kind, Holds.UNKNOWN, reason, len(scores), reported=base.reported)
    return _added_up(base, asked, scores, models)


def _told(null: Recording, label: str, tokens: set[int]) -> tuple[dict[int, float], dict[int, float]]:
    """The figure (bits per byte) and the model's own loss (nats) by token."""
    printed, models = dict[int, float](), dict[int, float]()
    for told in null.told:
        parsed = parse_evaluation(0, clean(told.line))
        if parsed is None or parsed.val_bpb is None or stem(parsed.label) != stem(label):
            continue
        if told.token not in tokens or told.target != told.token:
            continue
        bpb = _of_text(told.exact, parsed.val_bpb)
        if bpb is not None:
            models[told.token] = told.loss
            printed[told.token] = bpb
    return printed, models


def _believed(
    printed: dict[int, float], models: dict[int, float], asked: Ending, before: float, short: float | None, known: float
) -> tuple[dict[int, float] | None, str]:  # fmt: skip
    """Scores (nats) by token, over the bytes as they are with it, or as they were counted before the fork.

    A token has to cost what it does in a run of its own, and none less than nothing; otherwise None and the reason.
    """
    reason = "a token exchanged at the end scores otherwise than in a run of its own"
    there = asked.sizes[next(token for token, why in asked.chosen.items() if why == "there")]
    for counted in (None, there):
        sizes = {token: asked.sizes.get(token, 0) if counted is None else counted for token in printed}
        whole = {token: bpb * math.log(2.0) * (before + sizes[token]) for token, bpb in printed.items()}
        for without in (_without(whole, models, asked), short):
            scores = {token: whole[token] - (without or 0.0) for token in printed if token in asked.chosen}
            if without is None or asked.other not in scores:
                continue
            if abs(scores[asked.other] - (known - without)) > _AGREES:
                continue
            if min(scores.values()) >= -_AGREES:
                return scores, ""
            reason = "the figure of the stream without its last token is of other positions as well"
    return None, reason


def _without(whole: dict[int, float], models: dict[int, float], asked: Ending) -> float | None:
    """What the stream costs with a token that costs nothing at its end (nats); None where there is no such token."""
    empty = [token for token in asked.empty if token in whole]
    costs, losses = [whole[token] for token in empty], [models[token] for token in empty]
    if len(empty) < 2 or max(losses) - min(losses) < _TELLS or max(costs) - min(costs) > _AGREES:
        return None
    return costs[0]


def _is_scaled(scores: dict[int, float], models: dict[int, float]) -> bool:
    """Whether every score is the model's own times one factor: who counts bytes otherwise has mixed nothing."""
    a = np.array([models[token] for token in scores])
    b = np.array([scores[token] for token in scores])
    factor = float((a * b).sum() / max((a * a).sum(), 1e-9))
    return bool(np.abs(b - factor * a).max(initial=0.0) < _SCALED)


def _added_up(base: Read, asked: Ending, scores: dict[int, float], models: dict[int, float]) -> Measurement:
    position = len(base.stream) - 1
    tried = tuple(Tried(token, token, models[token], max(score, -20.0)) for token, score in scores.items())
    found = summed(base, Asked(position, dict(asked.chosen), tried, dict(asked.pieces), {}, pool=asked.pool), _CHANCE)
    holds = Holds.UNKNOWN if found.holds is Holds.YES else found.holds  # of one position alone
    return replace(
        found, holds=holds, reason=f"{found.reason}; the last one of the stream, as the printed figure has it"
    )


def _nats(recording: Recording, label: str, size: float) -> float | None:
    figure, certain = claimed(figures(recording), label)
    if figure is None or not certain:
        return None
    bpb = _exact(recording, figure.sequence, figure.bpb)
    return None if bpb is None else bpb * math.log(2.0) * size


def _exact(recording: Recording, sequence: int, printed: float | None) -> float | None:
    held = next((exact for at, exact in recording.exact if at == sequence), ())
    return None if printed is None else _of_text(held, printed)


def _of_text(exact: tuple[tuple[str, float], ...], printed: float) -> float | None:
    return next((value for text, value in exact if float(text) == printed), None)
