"""A mixture that no score can be traced through: what the printed figure says of the stream's last token.

A figure in bits per byte, times the bytes, is what the whole stream cost. What it cost without its last token taken
from that is the last token's score, whatever was done with tokens, bytes and counts in between. So other tokens are put
at the end, and exp(-score) is what each would have been given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from auditor.probe.measure.figures import claimed, figures
from auditor.probe.measure.runs import Read
from auditor.probe.model import Chosen, Holds, Kind, Measurement, Term, Witness
from auditor.probe.record import Recording
from auditor.runs.evaluations import parse_evaluation, stem
from auditor.runs.text import clean

OVER = 0.02
"""Of probability together: what the figure leaves unsure of one token's score is far less."""
_AGREES = 1e-3  # nats
_SCALED = 0.1  # nats: bytes of one token more or less
_LISTED = 60


@dataclass(frozen=True, slots=True)
class Ending:
    """Tokens that were tried at the end, by why; `sizes`: bytes of each there, `missing`: why nothing was tried."""

    chosen: dict[int, Chosen] = field(default_factory=dict)
    pieces: dict[int, str] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)
    other: int = -1  # the token of the run that has another one at its end
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
    """`runs`: "short", "end" (another token at the end) and "null", whose forks tried the others."""
    kind = Kind.EXCHANGE
    if asked.missing:
        return Measurement(kind, Holds.UNKNOWN, asked.missing)
    short, end, null = (runs.get(name) for name in ("short", "end", "null"))
    if short is None or end is None or null is None or base.bytes_ is None or base.figure is None:
        return Measurement(kind, Holds.UNKNOWN, "a run that the last token's score is told by did not end")
    label, there, sizes = base.figure.label, int(base.stream[-1]), asked.sizes
    whole = float(base.bytes_[1:].sum())
    before = whole - sizes[there]
    without, known = _nats(short, label, before), _nats(end, label, before + sizes[asked.other])
    if without is None or known is None:
        return Measurement(
            kind, Holds.UNKNOWN, "the digits of a figure that the last token's score is told by are lost"
        )
    scores, models = dict[int, float](), dict[int, float]()
    for told in null.told:
        parsed = parse_evaluation(0, clean(told.line))
        if parsed is None or parsed.val_bpb is None or stem(parsed.label) != stem(label):
            continue
        if told.token not in sizes or told.target != told.token:
            continue
        bpb = _of_text(told.exact, parsed.val_bpb)
        if bpb is not None:
            models[told.token] = told.loss
            scores[told.token] = bpb * math.log(2.0) * (before + sizes[told.token]) - without
    if asked.other not in scores or abs(scores[asked.other] - (known - without)) > _AGREES:
        reason = "a token exchanged at the end scores otherwise than in a run of its own"
        return Measurement(kind, Holds.UNKNOWN, reason, len(scores), reported=base.reported)
    if _is_scaled(scores, models):
        reason = "the figure is the model's own scores over another count of bytes"
        return Measurement(kind, Holds.UNKNOWN, reason, len(scores), reported=base.reported)
    return _added_up(base, asked, scores, models)


def _is_scaled(scores: dict[int, float], models: dict[int, float]) -> bool:
    """Whether every score is the model's own times one factor: who counts bytes otherwise has mixed nothing."""
    a = np.array([models[token] for token in scores])
    b = np.array([scores[token] for token in scores])
    factor = float((a * b).sum() / max((a * a).sum(), 1e-9))
    return bool(np.abs(b - factor * a).max(initial=0.0) < _SCALED)


def _added_up(base: Read, asked: Ending, scores: dict[int, float], models: dict[int, float]) -> Measurement:
    position = len(base.stream) - 1
    terms = [
        Term(
            position,
            token,
            asked.pieces.get(token, ""),
            asked.chosen[token],
            math.exp(-max(score, -20.0)),
            math.exp(-max(0.0, models[token])),
        )
        for token, score in scores.items()
    ]
    tried = math.fsum(t.probability for t in terms)
    reason = (
        f"the {len(terms)} tokens tried at position {position:,}, the last, would have had {tried:.4g} of probability"
    )
    reason += " together, as the printed figure has it"
    shown = tuple(sorted(terms, key=lambda t: -t.probability)[:_LISTED])
    label = base.figure.label if base.figure else ""
    found = Measurement(Kind.EXCHANGE, Holds.UNKNOWN, f"{reason}; what the others have is not known", len(terms),
                        effect=max(0.0, tried - 1.0), reported=base.reported, terms=shown, total=tried)  # fmt: skip
    if tried <= 1.0 + OVER:
        return found
    own = math.fsum(t.model or 0.0 for t in terms)
    witness = Witness("C2", Kind.EXCHANGE, position, own, tried, None, None, "", label)
    return Measurement(Kind.EXCHANGE, Holds.NO, f"{reason}: no distribution", len(terms), 1, None, tried - 1.0,
                       base.reported, (witness,), None, (), shown, tried)  # fmt: skip


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
