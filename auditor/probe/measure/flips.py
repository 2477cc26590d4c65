"""The flips and their null control: which scores moved although nothing before them did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from auditor.probe.measure.compare import (
    LARGEST_NOISE,
    Bound,
    Pairs,
    other_series,
    paired,
    profile,
    reported_series,
    same_shapes,
)
from auditor.probe.measure.runs import Ints, Read, Stream
from auditor.probe.model import Condition, Holds, Kind, Measurement, Witness
from auditor.probe.scene.tokenizer import BOS

_FIRST, _LARGEST = 4, 2  # witnesses shown
_LEAST_PLACED = 0.5
"""Of the scores of the reported number: that fewer did not change says nothing of the others."""


@dataclass(frozen=True, slots=True)
class Flip:
    """A run on another stream. `kind` says which; `first`..`last` are the positions that were changed.

    `late`: those that were, where not all of them: their scores are the last to be taken.
    """

    kind: Kind
    read: Read
    first: int
    last: int
    late: NDArray[np.bool_] | None = None
    rounding: float | None = None  # as of `Bound`

    def before(self, pairs: Pairs) -> Pairs:
        """Scores that may not know what was changed: at positions before it, or taken before the first of it was."""
        return before_change(pairs, self.first, self.late)


def before_change(pairs: Pairs, first: int, late: NDArray[np.bool_] | None) -> Pairs:
    if late is None:
        return pairs.where(pairs.position < first)
    changed = late[pairs.position]
    soonest = pairs.when[changed].min(initial=np.iinfo(np.int64).max)
    return pairs.where(~changed & (pairs.when < soonest))


def determinism(
    base: Read, null: Read | None, why: str, before: Callable[[Pairs], Pairs] | None = None
) -> tuple[Measurement, float | None]:  # fmt: skip
    """The null control, and its noise in nats; None where there was no second run.

    `before`: scores up to which the runs are on the same stream.
    """
    kind = Kind.DETERMINISM
    if null is None:
        return Measurement(kind, Holds.UNKNOWN, why), None
    first, second = reported_series(base), reported_series(null)
    reported = base.reported if first is not None and second is not None else None
    if first is None or second is None:
        first, second = other_series(base), other_series(null)
    pairs = paired(first, second)
    if before is not None:
        pairs = before(pairs)
    if not len(pairs.position):
        return Measurement(kind, Holds.UNKNOWN, "no score of the stream was recorded"), None
    change = pairs.change
    noise, moved = float(change.max()), int((change > 0).sum())
    if not moved:
        holds, reason = Holds.YES, f"{len(change):,} scores are the same to the last bit in two runs"
    elif noise <= LARGEST_NOISE:
        holds, reason = Holds.NO, f"two runs on one stream differ by up to {noise:.2g} nats"
    else:
        holds, reason = (
            Holds.NO,
            f"two runs on one stream differ by up to {noise:.2g} nats: no flip can be told from that",
        )
    found = Measurement(kind, holds, reason, len(change), moved, noise, noise, reported)
    return found, noise


def repeated(found: Measurement, others: tuple[Measurement | None, ...]) -> Measurement:
    """A flip that changed scores has to do so with other tokens as well, in another run, before it is a witness."""
    if found.holds is not Holds.NO:
        return found
    shown = [other for other in others if other is not None and other.flipped is not None]
    if any(other.holds is Holds.NO for other in shown):
        return replace(found, reason=f"{found.reason}; with other tokens again")
    held = any(other.holds is Holds.YES for other in shown)
    why = "with other tokens nothing changed" if held else "no run with other tokens could repeat it"
    return replace(found, holds=Holds.UNKNOWN, reason=f"{found.reason}; but {why}", witnesses=())


FEW_TRAINED = 16
"""Positions: fewer may be a phrase that training texts share with the stream."""


def trained(base: Read, found: Measurement, stream: Stream, masked: Measurement | None = None) -> Measurement:
    """A future flip that holds, where a gradient was taken of positions before they were scored.

    What was masked out of a batch moves nothing, so this is no witness. But where neither what the flip changed (all
    from `P` on, or what is `late`) nor the token at `Q` (the target flip's) is among those positions, no flip speaks of
    them: the hold is none, unless another token at one of them, in a run of its own, has changed neither what predicts
    it nor what stands before it (`masked`). And where they are, and count in the loss, a gradient that changes no score
    was multiplied by nothing, or what it moved was put aside: that may be otherwise at full size.
    """
    if found.holds is not Holds.YES:
        return found
    early = base.trained_first(summed=True)
    if len(early) >= FEW_TRAINED and (_among(early, stream.P, stream.late) or (early == stream.Q).any()):
        reason = f"gradients were taken of {len(early):,} positions before they were scored, and moved no score"
        return replace(found, holds=Holds.UNKNOWN, reason=f"{reason} here; {found.reason}")
    early = base.trained_first()
    if len(early) < FEW_TRAINED or _among(early, stream.P, stream.late) or (early == stream.Q).any():
        return found
    reason = f"{len(early):,} positions were in batches that moved the weights before they were scored, none of them"
    if masked is not None and masked.holds is Holds.YES and masked.flipped in early:
        return replace(
            found, reason=f"{found.reason}; nor with another token at {masked.flipped:,}, which weights moved by"
        )
    return replace(found, holds=Holds.UNKNOWN, reason=f"{reason} flipped; {found.reason}")


def _among(positions: Ints, first: int, late: NDArray[np.bool_] | None) -> bool:
    """Whether some of them were changed."""
    return bool((positions >= first).any() if late is None else late[positions].any())


def selected(base: Read, found: Measurement) -> Measurement:
    """A flip that holds, where something had been chosen by scores of later positions: it may choose the same again."""
    if found.holds is not Holds.YES:
        return found
    last = base.chosen_by()
    if last is None:
        return found
    reason = f"something was chosen by scores up to position {last:,} before earlier ones were scored"
    return replace(found, holds=Holds.UNKNOWN, reason=f"{reason}, which a flip need not change; {found.reason}")


def flipped(base: Read, flip: Flip, noise: float | None) -> Measurement:
    """The future flip or the target flip against the run as it is."""
    first, second = reported_series(base), reported_series(flip.read)
    if first is None or second is None:
        return _unattributed(base, flip, noise)
    bound = Bound(noise, same_shapes(base, flip.read), flip.rounding)
    pairs = paired(first, second)
    early = flip.before(pairs)
    numbers = np.isfinite(early.before) & np.isfinite(early.after)
    lost = int((~numbers).sum())
    early = early.where(numbers)
    told = _told_before(base, flip, pairs, early)
    if flip.kind is Kind.TARGET_FLIP:  # the one token that is another had been scored by then
        kept = ~told | (early.change <= bound.limit)
        early, told = early.where(kept), told[kept]
    if not len(early.position):
        why = f"{lost:,} scores are no numbers" if lost else "no score before the flip was recorded"
        return Measurement(flip.kind, Holds.UNKNOWN, why, flipped=flip.first)
    changed = early.change > bound.limit
    at_target = _target_rows(pairs, flip, bound)
    if noise is None or not bound.usable:
        reason = (
            "without a null control nothing can be compared" if noise is None else "the run is too noisy to compare"
        )
        return _measured(base, flip, Holds.UNKNOWN, reason, early, changed, noise)
    if flip.kind is Kind.FUTURE_FLIP and changed.any() and not (changed & ~told).any():
        reason = f"{int(changed.sum()):,} scores changed, of documents that were scored after changed ones further on"
        if flip.late is not None:
            reason = f"{int(changed.sum()):,} scores changed that stand behind a changed token and were taken before it"
        return _measured(base, flip, Holds.UNKNOWN, reason, early, changed, noise)
    if bound.open and changed.any():
        reason = f"{int(changed.sum()):,} scores changed that were taken in batches of other sizes: rounding, or more"
        return _measured(base, flip, Holds.UNKNOWN, reason, early, changed, noise)
    if changed.any() or at_target.any():
        return _broken(base, flip, early, changed & ~told, pairs, at_target, noise)
    if bound.coarse and (early.change > 0).any():
        reason = "batches of other sizes change scores by more than rounding does: no less can be told from that"
        return _measured(base, flip, Holds.UNKNOWN, reason, early, changed, noise)
    if lost:
        return _measured(base, flip, Holds.UNKNOWN, f"{lost:,} scores are no numbers", early, changed, noise)
    placed = int(first.sure.sum())
    if placed < _LEAST_PLACED * len(first.sure):
        reason = f"of {placed:,} of {len(first.sure):,} scores alone it is known which position they are of"
        return _measured(base, flip, Holds.UNKNOWN, f"{reason}; none of them changed", early, changed, noise)
    reason = f"none of {len(early.position):,} scores before {_where(flip)} changed"
    if flip.kind is Kind.TARGET_FLIP and not (pairs.position == flip.first).any():
        reason += "; its own distribution was not seen"
    return _measured(base, flip, Holds.YES, reason + _elsewhere(base, flip, bound), early, changed, noise)


def _told_before(base: Read, flip: Flip, pairs: Pairs, early: Pairs) -> NDArray[np.bool_]:
    """Scores that were taken after one of a changed token in another document, which stands further on in the stream.

    Who scores whole documents in another order than the stream's (by their length, say) and adapts to what is scored
    may do so; what that changes is no witness. Within a document the order is the stream's, and a position that was
    scored before in this evaluation is scored again, whatever the order is.
    """
    document = np.cumsum(base.stream == BOS)
    if flip.late is not None:  # it was taken before, but what counts along the stream may know what stands before it
        return early.position > flip.first
    there = (pairs.position >= flip.first) & (pairs.position <= flip.last)
    first: dict[int, int] = {}
    for number, when in zip(document[pairs.position[there]].tolist(), pairs.when[there].tolist(), strict=True):
        first[number] = min(when, first.get(number, when))
    soonest = sorted((when, number) for number, when in first.items())[:2]
    mask = np.zeros(len(early.position), dtype=bool)
    for when, number in soonest:
        again = np.isin(early.position, base.scored_by(when))
        mask |= (document[early.position] != number) & (early.when > when) & ~again
    return mask


def _target_rows(pairs: Pairs, flip: Flip, bound: Bound) -> NDArray[np.bool_]:
    """Scores of the flipped token whose distribution, taken before it was seen, moved."""
    if flip.kind is not Kind.TARGET_FLIP:
        return np.zeros(len(pairs.position), dtype=bool)
    a, b = pairs.digest_before, pairs.digest_after
    with np.errstate(invalid="ignore"):
        moved = np.abs(a - b) > np.maximum(bound.limit, 1e-6 * np.abs(a)) if bound.limit else a != b
    known = np.isfinite(a) & np.isfinite(b)
    mask: NDArray[np.bool_] = (pairs.position == flip.first) & known & moved
    return mask


def _broken(
    base: Read,
    flip: Flip,
    early: Pairs,
    changed: NDArray[np.bool_],
    pairs: Pairs,
    at_target: NDArray[np.bool_],
    noise: float | None,
) -> Measurement:
    moved = early.where(changed)
    order = np.argsort(-np.minimum(moved.change, 1e9), kind="stable")
    chosen = sorted({*range(min(_FIRST, len(moved.position))), *order[:_LARGEST].tolist()})
    witnesses = [_witness(base, flip, moved, i) for i in chosen]
    own = pairs.where(at_target)
    witnesses += [_witness(base, flip, own, i) for i in range(min(1, len(own.position)))]
    parts = []
    if len(moved.position):
        parts.append(
            f"{len(moved.position):,} of {len(early.position):,} scores before {_where(flip)} changed, "
            f"by up to {_size(float(moved.change.max()))} nats"
        )
    if len(own.position):
        parts.append("the distribution that predicts the flipped token moved with it")
    return _measured(base, flip, Holds.NO, "; ".join(parts) + _uncertain(base), early, changed, noise, tuple(witnesses))


def _witness(base: Read, flip: Flip, pairs: Pairs, i: int) -> Witness:
    row = int(pairs.row[i])
    location, function = base.place(row, int(pairs.place[i]))
    return Witness(
        _condition(base, flip, int(pairs.when[i])),
        flip.kind,
        int(pairs.position[i]),
        float(pairs.before[i]),
        float(pairs.after[i]),
        flip.first,
        location,
        function,
        base.figure.label if base.figure else "",
    )


def _condition(base: Read, flip: Flip, when: int) -> Condition:
    """C3 where the weights had been moved by a changed token before this score was taken, else C1."""
    moved = base.trained_after(flip.first, flip.last)
    return "C3" if moved is not None and moved < when else "C1"


def _measured(
    base: Read,
    flip: Flip,
    holds: Holds,
    reason: str,
    early: Pairs,
    changed: NDArray[np.bool_],
    noise: float | None,
    witnesses: tuple[Witness, ...] = (),
) -> Measurement:
    effect = float(early.change.max()) if len(early.position) else None
    count = max(int(changed.sum()), 1 if witnesses else 0)
    picture = profile(early, len(base.stream))
    return Measurement(
        flip.kind,
        holds,
        reason,
        len(early.position),
        count,
        noise,
        effect,
        base.reported,
        witnesses,
        flip.first,
        picture,
    )


def _unattributed(base: Read, flip: Flip, noise: float | None) -> Measurement:
    """Scores were recorded, but not how the printed figure was made of them: they decide nothing."""
    pairs = paired(other_series(base), other_series(flip.read))
    early = flip.before(pairs)
    bound = Bound(noise, same_shapes(base, flip.read), flip.rounding)
    changed = early.change > bound.limit
    why = base.untraced
    if len(early.position):
        why += f"; {int(changed.sum()):,} of {len(early.position):,} recorded scores before the flip changed"
    effect = float(early.change.max()) if len(early.position) else None
    return Measurement(
        flip.kind, Holds.UNKNOWN, why, len(early.position), int(changed.sum()), noise, effect, None, (), flip.first
    )


def _uncertain(base: Read) -> str:
    if base.certain or base.figure is None:
        return ""
    return f"; the claimed figure was not printed, these scores are those of '{base.figure.label}'"


def _elsewhere(base: Read, flip: Flip, bound: Bound) -> str:
    """What moved among scores that do not enter the reported number."""
    scores = base.scores
    pairs = paired(other_series(base), other_series(flip.read))
    outside = pairs.where((pairs.position < flip.first) & ~np.isin(pairs.row, scores.row if scores else []))
    moved = int((outside.change > bound.limit).sum())
    return f"; {moved:,} scores that do not enter the reported number did" if moved else ""


def _where(flip: Flip) -> str:
    return f"position {flip.first:,}" + (" and what is scored with it or later" if flip.late is not None else "")


def _size(value: float) -> str:
    return f"{value:.2g}" if np.isfinite(value) else "infinitely many"
