"""How a rule shows what the program answered: at the place, with whether it runs there."""

from __future__ import annotations

from auditor.findings import Finding, Outcome, Step
from auditor.program.module import Seen
from auditor.program.syntax import both


def shown(
    rule: str,
    outcome: Outcome,
    seen: Seen,
    message: str,
    *,
    also: bool | None = True,
    trace: tuple[Step, ...] = (),
    remedy: str = "",
) -> Finding:
    """A finding in the code; active where the code runs and `also` holds."""
    return Finding(
        rule=rule,
        outcome=outcome,
        message=message,
        location=seen.place.location,
        active=both(seen.active, also),
        trace=trace,
        remedy=remedy,
    )
