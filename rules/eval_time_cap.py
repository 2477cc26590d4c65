"""eval-time-cap: 600 s of evaluation on 8xH100."""

from __future__ import annotations

from auditor.findings import Finding, Location, Outcome, Ruling, found, not_checked
from auditor.rule import Example, Facts, Rule
from auditor.runs import Run
from rules._evidence import claimed_at, is_record, name, place, pull, readme, wrong_hardware
from rules._examples import folder, log, seeds
from rules.limits import LIMITS

ID = "eval-time-cap"


def check(facts: Facts) -> Ruling:
    cap = LIMITS.eval_cap_seconds
    timed = [(run, run.eval_seconds) for run in facts.headline if run.eval_seconds is not None]
    findings = [
        _over(facts, run, f"{name(run)} scored for {seconds:,.1f} s", seconds, place(run, _line(run)))
        for run, seconds in timed
        if seconds > cap
    ]
    claim = facts.claims.eval_seconds
    if not findings and claim is not None and claim.value > cap:
        what = f"claims {claim.value:,.1f} s of evaluation"
        findings.append(_over(facts, None, what, claim.value, claimed_at(claim)))
    if timed:
        return found(findings, f"the longest scoring pass took {max(s for _, s in timed):,.1f} s of {cap:.0f}")
    if claim is not None:
        return found(findings, f"claims {claim.value:,.1f} s of evaluation; no log says")
    return not_checked("no log or claim states how long the scoring pass took")


def _line(run: Run) -> int | None:
    return run.score.line if run.score else None


def _over(facts: Facts, run: Run | None, what: str, seconds: float, where: Location) -> Finding:
    message = f"{what}, {seconds - LIMITS.eval_cap_seconds:,.1f} s past the cap"
    other = wrong_hardware(run, facts.claims)
    if not is_record(facts):
        note = "; not a record attempt, so this only keeps it off the leaderboard"
        return Finding(ID, Outcome.WARNING, message + note, where)
    if other:
        return Finding(ID, Outcome.WARNING, f"{message}; the cap speaks of 8xH100 and this ran on {other}", where)
    return Finding(ID, Outcome.VIOLATION, message, where)


RULE = Rule(
    id=ID,
    title="Evaluation took longer than 600 s",
    authority="README",
    evidence=("logs", "claims"),
    criterion="The pass that yields each headline figure, with the adaptation it needs, takes at most 600 s on 8xH100.",
    why="Evaluation has its own ten minutes; a score that needs more is not reachable within the challenge.",
    remedy="Make the scoring pass cheaper (larger stride, fewer adaptation steps) and rerun it within 600 s. "
    "Diagnostic evaluations are not counted.",
    sources=(
        readme("at most ten minutes of evaluation on 8xH100, besides the training"),
        pull(529, "valerio-oai: closed at 616 s", "2026-03"),
        pull(1972, "cocohearts: 688 s", "2026-05-02"),
    ),
    check=check,
    examples=(
        Example(
            "one seed is over",
            "breaks",
            folder(logs={**seeds(), 314: log(314, 1.0998, eval_seconds=640.0)}),
            Outcome.VIOLATION,
        ),
        Example(
            "over on one GPU",
            "legal",
            folder(logs=seeds(eval_seconds=900.0, world_size=1), submission={"hardware": "1xH100"}),
            Outcome.WARNING,
        ),
        Example("599 s", "legal", folder(logs=seeds(eval_seconds=599.0)), Outcome.PASS),
    ),
    not_decidable="Work that a log does not time; two passes that the score needs one after the other.",
)
