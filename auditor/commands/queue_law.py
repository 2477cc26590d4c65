"""The rules' part in the pages of a queue: accepted records, classes, and the test of a record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditor.queue.board import Standings
    from auditor.queue.row import Row
    from auditor.significance.model import Comparison, Side


def standings(rows: Sequence[Row]) -> Standings:
    """What the rows amount to under the law."""
    from auditor.commands import stats_law
    from auditor.queue.board import Record, standings
    from auditor.significance.compare import compare
    from auditor.significance.inputs import screened
    from rules import ALL
    from rules.law import records

    def test(new: Side, base: Side, day: date) -> Comparison:
        base = screened(base, []) if base.kind == "submission" else base
        return compare(screened(new, []), base, stats_law.terms(day, 0.95), baseline_because="the record by then")

    accepted = [
        Record(row.date, row.pr, row.score, stats_law.side_of_record(row)) for row in records.accepted(records.load())
    ]
    return standings(rows, accepted, {rule.id: rule.class_ for rule in ALL}, test)
