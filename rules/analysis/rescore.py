"""Second passes over count tables: the table is complete before the tokens that filled it are scored from it."""

from __future__ import annotations

from auditor.findings import Finding, Outcome
from auditor.program.trace import Lookup
from auditor.rule import Facts
from rules.analysis.trace import event_finding, reported


def table_findings(facts: Facts, rule: str) -> list[Finding]:
    """Look-ups in a table that an earlier pass over the same stream has filled."""
    found = []
    for number, report, trace in reported(facts, "lookup"):
        event = trace.lookups[number]
        if isinstance(event, Lookup) and event.refilled:
            message = f"'{event.place.function}' scores the stream with counts that a whole pass over it has filled"
            found.append(
                event_finding(
                    facts, rule, Outcome.VIOLATION, event, report, message, "counts of tokens yet to be scored"
                )
            )
    return found
