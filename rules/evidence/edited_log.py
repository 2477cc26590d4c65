"""edited-log: what a log shows was not changed after the run."""

from __future__ import annotations

from auditor.findings import Finding, Location, Outcome, Ruling, found, not_applicable, not_checked
from auditor.rule import Example, Facts, Rule
from auditor.runs.edits import Edit
from rules.examples.folders import folder
from rules.law.standing import pull, readme

ID = "edited-log"

_UNITS = {"val_bpb": ("", 8), "training time": (" s", 3), "evaluation time": (" s", 3)}


def check(facts: Facts) -> Ruling:
    if not facts.runs:
        return not_applicable("no log shows a run")
    if facts.submission.earlier_logs is None:
        return not_checked("no history of the folder is known: earlier commits of its logs would show it")
    return found([_finding(edit) for edit in facts.edits], "no commit changed a figure of a run in its log")


def _finding(edit: Edit) -> Finding:
    before, after = _text(edit.what, edit.before), _text(edit.what, edit.after)
    message = (
        f"{edit.log} had {edit.what} {before} in commit {edit.commit[:9]} and has {after} now, with the same times of "
        "training: "
    )
    if edit.remeasured:
        message += "the evaluation was run again, or the log was edited"
    else:
        message += "the log was edited without a new run"
    outcome = Outcome.DISPUTED if edit.better and not edit.remeasured else Outcome.WARNING
    return Finding(ID, outcome, message, Location(edit.log, edit.line))


def _text(what: str, value: float) -> str:
    if what == "seed":
        return f"{value:.0f}"
    unit, digits = _UNITS.get(what, (" bytes", 0))
    return f"{value:,.{digits}f}{unit}"


RULE = Rule(
    id=ID,
    title="A log's figures were changed by a later commit",
    class_="evidence",
    authority="README",
    evidence=("history", "logs"),
    criterion="Of a run, told by its times to the millisecond, every commit of the branch shows the same val_bpb, "
    "sizes and times. A figure that became better without a new run is disputed, another one is a warning.",
    why="A log is the proof of the claim; a figure that can be changed by hand proves nothing.",
    remedy="Restore the log as the run printed it; after a change of the code run again and add the new log.",
    sources=(
        readme("a train log that shows the claimed result"),
        pull(1902, "cocohearts: order by creation; by code where pull requests were edited", "2026-04-28"),
    ),
    check=check,
    examples=(Example("a folder without history", "legal", folder(), Outcome.NOT_CHECKED),),
    not_decidable="Commits that a force-push removed; what was edited before the first commit.",
)
