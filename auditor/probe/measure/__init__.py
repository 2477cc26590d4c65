"""From the recordings of the runs to measurements. Pure functions of the parent: no torch, no files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auditor.probe.job import STEP
from auditor.probe.measure.compare import rounding, same_shapes
from auditor.probe.measure.counts import normalization, of_no_bytes, reported_number, score_count
from auditor.probe.measure.ending import Ending, ending, is_traced
from auditor.probe.measure.exchange import Asked, Tried, exchange, of_a_small_number, place_of
from auditor.probe.measure.flips import Flip, before_change, determinism, flipped, repeated, selected, trained
from auditor.probe.measure.runs import Claim, Read, Runs, Stream
from auditor.probe.model import Chosen, Holds, Kind, Measurement
from auditor.probe.record import Recording

__all__ = ["Claim", "Ending", "Measured", "Request", "Runs", "Stream", "measure"]


@dataclass(frozen=True, slots=True)
class Request:
    """Tokens that forks of the future run were to try at a position, and why each; or why none could be."""

    position: int
    chosen: Mapping[int, Chosen] = field(default_factory=dict)
    pieces: Mapping[int, str] = field(default_factory=dict)
    whole: bool = False  # the whole vocabulary
    missing: str = ""
    pool: int = 0  # as of `Asked`
    mass: float = 0.0
    put: tuple[int, ...] | None = None  # where nothing was counted yet: numbers in the place of submitted ones


@dataclass(frozen=True, slots=True)
class Measured:
    """All measurements in the order of `Kind`; `labels`: the printed figures, the claimed one first.

    `exchanged`: positions and the tokens that were tried there. `resized`: whether other tokens made batches of other
    sizes.
    """

    measurements: tuple[Measurement, ...]
    labels: tuple[str, ...]
    losses_recorded: int
    exchanged: tuple[tuple[int, int], ...] = ()
    resized: bool = False


def measure(
    runs: Runs, stream: Stream, claim: Claim, requests: Sequence[Request] = (), end: Ending | None = None
) -> Measured:  # fmt: skip
    base = Read(runs.base, stream.base, claim.label, stream.bytes_)
    label = base.figure.label if base.figure else claim.label
    null = Read(runs.null, stream.base, label, stream.bytes_, base) if runs.null else None
    control, noise = determinism(base, null, _why(runs, "null", base))
    if noise is None:
        control, noise = _implied(runs, base, stream, label, control)
    resized = Read(runs.resized, stream.base[:-STEP], label, None, base) if runs.resized else None
    known = _Known(label, noise, rounding(base, resized))
    future = _flip(runs, base, Kind.FUTURE_FLIP, stream, known)
    target = _flip(runs, base, Kind.TARGET_FLIP, stream, known)
    again = _again(runs, base, stream, known)
    number = reported_number(base)
    measurements: tuple[Measurement, ...] = (
        selected(
            base,
            trained(
                base,
                repeated(future, (target if runs.target else None, again)),
                stream,
                _masked(runs, base, stream, known),
            ),
        ),
        repeated(
            target,
            (
                future if runs.target else None,
                _first_changed(runs, base, stream, known) if runs.target else None,
                again,
            ),
        ),
        _twice(runs, base, stream, label),
        number,
        normalization(base),
        _of_bytes(runs, base, stream, number, _counted(runs, base, stream, label, requests, end)),
        control,
    )
    assumed = claim.assumed or (claim.foreign and base.figure is not None and not base.certain)
    if base.figure is not None and not base.certain and not assumed:
        measurements = tuple(_other_figure(m, claim.label, label) for m in measurements)
    if assumed:
        measurements = tuple(_assumed(m, label) for m in measurements)
    labels = [label, *(f.label for f in base.figures)] if base.figure else []
    tried = tuple((e.position, e.token) for r in (runs.future, runs.null, runs.more) if r for e in r.exchanged)
    labels = list(dict.fromkeys(name for name in labels if name))
    others = [Read(r, tokens, label, None, base) for r, tokens in _flips(runs, stream)]
    differ = not all(same_shapes(base, other) for other in others)
    return Measured(measurements, tuple(labels), runs.base.losses_recorded, tried, differ)


def _flips(runs: Runs, stream: Stream) -> Iterator[tuple[Recording, NDArray[Any]]]:
    for recording, tokens in ((runs.future, stream.future), (runs.target, stream.target), (runs.again, stream.again)):
        if recording is not None and tokens is not None:
            yield recording, tokens


def _twice(runs: Runs, base: Read, stream: Stream, label: str) -> Measurement:
    """How often positions are scored. What is a witness has to be one in a run with other tokens as well."""
    found = score_count(base)
    others = ((runs.future, stream.future), (runs.target, stream.target))
    if not found.witnesses or any(
        score_count(Read(recording, tokens, label, None, base)).witnesses
        for recording, tokens in others
        if recording is not None
    ):
        return found
    reason = f"{found.reason}; no run with other tokens showed it again"
    return replace(found, holds=Holds.UNKNOWN, reason=reason, witnesses=())


def _implied(
    runs: Runs, base: Read, stream: Stream, label: str, control: Measurement
) -> tuple[Measurement, float | None]:  # fmt: skip
    """Without a null run: scores before a flip that are the same to the last bit in two runs are a control as well."""
    for recording, tokens, first in ((runs.future, stream.future, stream.P), (runs.target, stream.target, stream.Q)):
        if recording is None:
            continue
        late = stream.late if recording is runs.future else None
        other = Read(recording, tokens, label, None, base)
        found, noise = determinism(base, other, "", partial(before_change, first=first, late=late))
        if noise == 0.0:
            return found, noise
    return control, None


def _counted(
    runs: Runs, base: Read, stream: Stream, label: str, requests: Sequence[Request], end: Ending | None
) -> Measurement:  # fmt: skip
    """The exchange; no witness where it has too much before anything was counted, by a number that was made small."""
    asked = [_asked(runs, base, stream, label, one) for one in requests if one.put is None]
    found = _exchanged(runs, base, asked, end)
    for one in requests if found.holds is Holds.NO else ():
        if one.put is None:
            continue
        why = of_a_small_number(_asked(runs, base, stream, label, one), stream.vocabulary, one.put)
        if why:
            return replace(found, holds=Holds.UNKNOWN, reason=f"{why}; {found.reason}", witnesses=(), changed=0)
    return found


def _of_bytes(runs: Runs, base: Read, stream: Stream, number: Measurement, found: Measurement) -> Measurement:
    """The exchange; no hold where the printed bits per byte are a function of the scores and not their bits.

    A number may be whole by chance: it has to be in the runs on other streams as well.
    """
    if found.holds is not Holds.YES or number.holds is not Holds.NO:
        return found
    label = base.figure.label if base.figure else ""
    reads = [base, *(Read(recording, tokens, label, None, base) for recording, tokens in _flips(runs, stream))]
    if not any(map(of_no_bytes, reads)):
        return found
    reason = f"the printed bits per byte are over no whole number of bytes; {found.reason}"
    return replace(found, holds=Holds.UNKNOWN, reason=reason)


def _exchanged(runs: Runs, base: Read, asked: Sequence[Asked], end: Ending | None) -> Measurement:
    if end is None:
        return exchange(base, asked)
    return ending(base, {name: getattr(runs, name) for name in ("tail", "end", "short", "shorter")}, end)


def _asked(runs: Runs, base: Read, stream: Stream, label: str, request: Request) -> Asked:
    """What became of a request, with what whole runs say of the same tokens."""
    place = place_of(base, request.position)
    chosen, pieces = dict(request.chosen), dict(request.pieces)
    if place is None or request.missing:
        why = request.missing or f"the score of position {request.position:,} is not known for certain"
        return Asked(request.position, chosen, (), pieces, {}, whole=request.whole, missing=why)
    run = next((r for r in (runs.future, runs.null) if r is not None and r.exchanged), None)
    sent = run.exchanged if run else ()
    if runs.more is not None:
        sent = (*sent, *runs.more.exchanged)
    tried = {
        e.token: Tried(e.token, e.target, e.loss, e.score * place.factor)
        for e in sent
        if e.position == request.position and e.token in chosen
    }
    known = {int(stream.base[request.position]): place.score}
    if runs.target is not None and request.position == stream.Q:
        other = place_of(Read(runs.target, stream.target, label, None, base), request.position)
        if other is not None:
            known[int(stream.target[request.position])] = other.score
    missing = "" if tried or runs.future else _why(runs, "future", base)
    ordered = tuple(tried[token] for token in chosen if token in tried)  # as they were drawn
    standing = int((stream.future if run is runs.future else stream.base)[request.position])
    return Asked(
        request.position, chosen, ordered, pieces, known, standing, request.whole, missing, request.pool, request.mass
    )  # fmt: skip


def _other_figure(found: Measurement, claimed: str, printed: str) -> Measurement:
    """What was measured on another figure than the claimed one is no answer, unless it is a witness."""
    if found.kind is Kind.DETERMINISM or found.witnesses:
        return found
    reason = f"the claimed figure '{claimed}' was not printed; of '{printed}': {found.reason}"
    return replace(found, holds=Holds.UNKNOWN, reason=reason)


def _assumed(found: Measurement, printed: str) -> Measurement:
    """A diagnostic may be printed last: what it shows is no more than a hint."""
    said = f"; no log says which figure is claimed, '{printed}' was the last" if found.witnesses else ""
    return replace(found, reason=found.reason + said, reported=None)


@dataclass(frozen=True, slots=True)
class _Known:
    """Of the base run: the figure's label, and what two runs differ by for no reason (nats), as of `Bound`."""

    label: str
    noise: float | None
    rounding: float | None


def _flip(runs: Runs, base: Read, kind: Kind, stream: Stream, known: _Known) -> Measurement:
    if kind is Kind.TARGET_FLIP and runs.target is None and "target" not in runs.missing:
        other = _first_changed(runs, base, stream, known)
        if other is not None:
            return other
    recording: Recording | None = runs.future if kind is Kind.FUTURE_FLIP else runs.target
    name = "future" if kind is Kind.FUTURE_FLIP else "target"
    first = stream.P if kind is Kind.FUTURE_FLIP else stream.Q
    if recording is None:
        return Measurement(kind, Holds.UNKNOWN, _why(runs, name, base), flipped=first)
    tokens = stream.future if kind is Kind.FUTURE_FLIP else stream.target
    last = len(stream.base) if kind is Kind.FUTURE_FLIP else first
    late = stream.late if kind is Kind.FUTURE_FLIP else None
    return flipped(
        base,
        Flip(kind, Read(recording, tokens, known.label, None, base), first, last, late, known.rounding),
        known.noise,
    )


def _first_changed(runs: Runs, base: Read, stream: Stream, known: _Known) -> Measurement | None:
    """A target flip without a run of its own: the first token that the future run has changed is predicted as well."""
    if runs.future is None:
        return None
    read = Read(runs.future, stream.future, known.label, None, base)
    return flipped(base, Flip(Kind.TARGET_FLIP, read, stream.P, stream.P, None, known.rounding), known.noise)


def _masked(runs: Runs, base: Read, stream: Stream, known: _Known) -> Measurement | None:
    """A target flip where a batch that moved the weights held a token before it was scored; None for no such run."""
    if runs.masked is None or stream.masked is None:
        return None
    at = int(np.flatnonzero(stream.masked != stream.base)[0])
    read = Read(runs.masked, stream.masked, known.label, None, base)
    return flipped(base, Flip(Kind.TARGET_FLIP, read, at, at, None, known.rounding), known.noise)


def _again(runs: Runs, base: Read, stream: Stream, known: _Known) -> Measurement | None:
    """The future flip with other tokens once more, None where it was not run."""
    if runs.again is None or stream.again is None:
        return None
    read = Read(runs.again, stream.again, known.label, None, base)
    return flipped(
        base, Flip(Kind.FUTURE_FLIP, read, stream.P, len(stream.base), stream.late, known.rounding), known.noise
    )


def _why(runs: Runs, name: str, base: Read) -> str:
    reason = runs.missing.get(name, "")
    if reason:
        return f"the run did not end: {reason}"
    if not is_traced(base):
        return f"{base.untraced if base.scores is None else _OTHERS_MADE_IT}: there are no scores to compare"
    return "there was no such run"


_OTHERS_MADE_IT = "the printed figure is made of other numbers than the scores that were recorded"
