"""multiplicity: one candidate is submitted, not the best of several."""

from __future__ import annotations

from auditor.findings import Finding, Outcome, Ruling, found, not_applicable, not_checked
from auditor.rule import Example, Facts, Rule
from rules.examples.folders import folder
from rules.law.standing import adds_a_record, is_record, issue, listed, pull

ID = "multiplicity"


def check(facts: Facts) -> Ruling:
    if not is_record(facts):
        return not_applicable("not a record attempt")
    others = facts.submission.other_folders
    rivals = [f for f in others if "non_record" not in f and "track_" in f and adds_a_record(facts, f)]
    if rivals:
        message = f"the pull request adds further record candidates ({listed(rivals)}); the best of several is no test"
        return found([Finding(ID, Outcome.WARNING, message)], "")
    return not_checked("whether the author opened several candidates at a time needs the list of their pull requests")


RULE = Rule(
    id=ID,
    title="Several record candidates at a time, of which the best counts",
    class_="evidence",
    authority="disputed",
    evidence=("history",),
    criterion="The pull request adds one record folder; a test over the best of several needs a correction.",
    why="Choosing after the fact among candidates makes p-values meaningless.",
    remedy="Submit one candidate, or state how many were tried and correct the test for it.",
    sources=(
        pull(2146, "objection to six candidates of one author, of which the best was kept; no ruling", "2026-05-02"),
        issue(2148, "how many records meet the README's bar", "2026-05-02"),
    ),
    check=check,
    examples=(Example("one folder without history", "legal", folder(), Outcome.NOT_CHECKED),),
    not_decidable="Candidates in other pull requests; the repository's list of pull requests would show them.",
)
