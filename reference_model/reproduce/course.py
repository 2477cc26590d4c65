"""Where a run of the record's scale stands against the record's own three logs, while it goes on."""

from __future__ import annotations

from reference_model.reproduce import target
from reference_model.reproduce.results import Progress, Validated

# Standard deviations of a batch's noise that a training loss may be off: one run in twenty does so at some step.
_SIGMAS = 2.5


def against_record(seen: Progress | Validated) -> tuple[str, bool] | None:
    """A loss beside the record's at that step, and whether it is too far off; None where the record's is not known.

    The record's seeds had the same batches; a run of ours has others. So a training loss is too far off beyond the
    seeds' range and the noise of a batch; a validation loss, of the same tokens, beyond three times the seeds' range.
    """
    if isinstance(seen, Validated):
        known, kind = target.VALIDATION.get(seen.step), "validation loss"
        room = 2 * (max(known) - min(known)) if known else 0.0
    else:
        known, kind = target.LOSSES.get(seen.step), "loss"
        room = _SIGMAS * target.BATCH_NOISE
    if not known:
        return None
    low, high = min(known), max(known)
    off = max(low - seen.loss, seen.loss - high, 0.0)
    side = "within its seeds" if not off else f"{off:.4f} {'below' if seen.loss < low else 'above'}"
    said = f"step {seen.step:,}: {kind} {seen.loss:.4f}, the record's {low:.4f} to {high:.4f}: {side}"
    if not off > room:  # a loss that is no number is off, too
        return said, False
    return f"{said}, where {room:.4f} can be chance: this is another course than the record's", True
