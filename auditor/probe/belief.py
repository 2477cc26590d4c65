"""What a measurement may say: less where code evades or did not run, and nothing yet where another run has to tell."""

from __future__ import annotations

from dataclasses import replace

from auditor.probe.measure import Measured
from auditor.probe.model import Evasion, Holds, Kind, Measurement, Unseen

FLIPS = (Kind.FUTURE_FLIP, Kind.TARGET_FLIP)
_OF_WHAT_RAN = frozenset({Kind.FUTURE_FLIP, Kind.TARGET_FLIP, Kind.EXCHANGE, Kind.SCORE_COUNT, Kind.REPORTED_NUMBER})


def doubted(found: Measurement, evasion: Evasion) -> Measurement:
    """Nothing holds of code that looks for whoever looks at it."""
    if found.holds is not Holds.YES:
        return found
    return replace(found, holds=Holds.UNKNOWN, reason=f"{found.reason}; but the code evades: {evasion.what}")


def limited(found: Measurement, left_out: tuple[Unseen, ...]) -> Measurement:
    """A hold counts only for what ran."""
    if not left_out or found.holds is not Holds.YES or found.kind not in _OF_WHAT_RAN:
        return found
    first = left_out[0]
    more = f" and {len(left_out) - 1} more places" if len(left_out) > 1 else ""
    reason = (
        f"{found.reason}; {first.location.path}:{first.location.line}{more} could use validation tokens"
        f" ({', '.join(first.names[:3])}) and did not run"
    )
    return replace(found, holds=Holds.UNKNOWN, reason=reason)


def opened(found: Measurement, switches: tuple[str, ...]) -> Measurement:
    """What was seen with a switch that documented commands set in both ways: which of them was scored is not known."""
    if not switches or not found.witnesses:
        return found
    reason = f"{found.reason}; with {', '.join(switches)}, which documented commands turn on and off"
    return replace(found, reason=reason, reported=None)


def moved(measured: Measured) -> bool:
    """Whether there is anything that a null run has to tell from noise.

    Runs on streams that differ from some position on are a control of their own where nothing before it changed, not
    by the last bit either.
    """
    return any(m.noise for m in measured.measurements if m.kind is Kind.DETERMINISM) or any(
        m.changed or m.effect for m in measured.measurements if m.kind in FLIPS
    )


def too_few(measured: Measured) -> bool:
    """Whether tokens that were exchanged have a sum, and more of them may tell whether there is too much."""
    return any(m.kind is Kind.EXCHANGE and m.holds is Holds.UNKNOWN and m.terms for m in measured.measurements)


def once(measured: Measured) -> bool:
    """Whether a flip changed scores that no other flip has changed yet."""
    return any(m.changed and m.holds is Holds.UNKNOWN for m in measured.measurements if m.kind in FLIPS)
