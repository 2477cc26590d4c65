"""chronology: a record beats the records accepted for an earlier day."""

from __future__ import annotations

from auditor.findings import Finding, Outcome, Ruling, found, not_applicable, not_checked, passed
from auditor.rule import Example, Facts, Rule
from rules.examples.folders import folder, seeds
from rules.law import records
from rules.law.standing import claimed_at, dated, is_record, pull, readme

ID = "chronology"


def check(facts: Facts) -> Ruling:
    if not is_record(facts):
        return not_applicable("not a record attempt")
    claim, day = facts.claims.val_bpb or facts.claims.readme_val_bpb, dated(facts)
    if any(row.folder == facts.submission.folder for row in records.load()):
        return passed("the folder is itself an accepted row of the leaderboard")
    if claim is None or day is None:
        missing = "claims no val_bpb" if claim is None else "states no date"
        return not_checked(f"the submission {missing} to compare with the leaderboard")
    best = records.best_before(day.isoformat(), excluding_folder=facts.submission.folder)
    if best is not None and claim.value >= best.score:
        message = (
            f"claims {claim.value:.5f} on {day}; {best.score} of {best.date} was accepted ({best.url}): valid or not, "
            "it is no record"
        )
        return found([Finding(ID, Outcome.WARNING, message, claimed_at(claim))], "")
    bar = f"{best.score} of {best.date}" if best else "no earlier row"
    return not_checked(
        f"claims {claim.value:.5f} on {day} against {bar}; the times of creation of the pull requests of that day "
        "would decide the order"
    )


RULE = Rule(
    id=ID,
    title="A better record was accepted for an earlier day",
    class_="evidence",
    authority="README",
    evidence=("history", "claims"),
    criterion="The claim is below the best accepted record that bears an earlier date. Not being the best is no "
    "breach; the finding is a warning.",
    why="The leaderboard is ordered by the creation of pull requests; a submission competes with what was there.",
    remedy="Submit to the non-record track, or improve the score.",
    sources=(
        readme("ordered by the creation of the pull request"),
        pull(1902, "cocohearts: order by creation; by code where pull requests were edited", "2026-04-28"),
        pull(2146, "cocohearts: valid rows that are not the frontier", "2026-05-02"),
    ),
    check=check,
    examples=(
        Example("worse than the record of the month before", "breaks", folder(), Outcome.WARNING),
        Example(
            "better than everything before",
            "legal",
            folder(logs=seeds((1.0601, 1.0598, 1.0604))),
            Outcome.NOT_CHECKED,
        ),
        Example(
            "off the record", "inactive", folder(submission={"track": "track_non_record_16mb"}), Outcome.NOT_APPLICABLE
        ),
    ),
    not_decidable="Times of creation of pull requests, and candidates that were never ruled on.",
)
