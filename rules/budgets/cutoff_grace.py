"""cutoff-grace: the challenge ended on 2026-05-01 at 17:00 Pacific time."""

from __future__ import annotations

from datetime import UTC, datetime

from auditor.findings import Finding, Outcome, Ruling, found, not_applicable, not_checked, passed
from auditor.rule import Example, Facts, Rule
from rules.examples.folders import folder
from rules.law.limits import LIMITS
from rules.law.standing import claimed_at, dated, is_record, pull

ID = "cutoff-grace"


def check(facts: Facts) -> Ruling:
    if not is_record(facts):
        return not_applicable("not a record attempt")
    head = _moment(facts.submission.authored)
    if head is not None and head > LIMITS.cutoff:
        message = (
            f"the head commit is of {head:%Y-%m-%d %H:%M} UTC, after the cutoff; commits after it may only add results "
            "or narrowly restore compliance, which the history of the pull request decides"
        )
        return found([Finding(ID, Outcome.WARNING, message)], "")
    day = dated(facts)
    if head is None and day is not None and day > LIMITS.cutoff.date():
        where = claimed_at(facts.claims.date) if facts.claims.date else None
        return found([Finding(ID, Outcome.WARNING, f"dated {day}, after the cutoff", where)], "")
    if head is None and day is None:
        return not_checked("nothing dates the submission; the time of the head commit would decide")
    return passed(f"dated {head:%Y-%m-%d %H:%M} UTC, before the cutoff" if head else f"dated {day}, before the cutoff")


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


RULE = Rule(
    id=ID,
    title="Submitted or changed after the cutoff",
    class_="paperwork",
    authority="maintainer",
    evidence=("history", "claims"),
    criterion="The head commit (or, without history, the stated date) is not after 2026-05-02 00:00 UTC; a later one "
    "is a warning, since results may still be added to what was public before.",
    why="Ideas and code had to be public at the cutoff; only evidence may follow.",
    remedy="Show that the code was public before the cutoff and that later commits only add results.",
    sources=(
        pull(2146, "cocohearts: what may change after the cutoff", "2026-05-02"),
        pull(2109, "not counted: corrected after the cutoff", "2026-05-02"),
        pull(2135, "accepted under the grace policy", "2026-05-02"),
    ),
    check=check,
    examples=(
        Example("dated a day late", "breaks", folder(submission={"date": "2026-05-03"}), Outcome.WARNING),
        Example("in April", "legal", folder(), Outcome.PASS),
        Example(
            "off the record",
            "inactive",
            folder(submission={"date": "2026-05-09", "track": "track_non_record_16mb"}),
            Outcome.NOT_APPLICABLE,
        ),
    ),
    not_decidable="What later commits changed; the commits of the pull request would show it.",
)
