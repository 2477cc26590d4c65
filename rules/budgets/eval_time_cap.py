"""eval-time-cap: 600 s of evaluation on 8xH100."""

from __future__ import annotations

import re
from dataclasses import replace

from auditor.findings import Finding, Location, Outcome, Ruling, found, not_checked
from auditor.rule import Example, Facts, Rule
from auditor.runs import Run
from auditor.runs.score import near
from rules.examples.folders import folder, log, seeds
from rules.law.limits import LIMITS
from rules.law.standing import (
    claimed_at,
    is_record,
    most_claimed,
    name,
    not_understood,
    place,
    pull,
    readme,
    wrong_hardware,
)

ID = "eval-time-cap"

_ADAPTS = re.compile(r"ttt|adapt", re.IGNORECASE)


def check(facts: Facts) -> Ruling:
    cap = LIMITS.eval_cap_seconds
    timed = [(run, run.eval_seconds) for run in facts.headline if run.eval_seconds is not None]
    findings = [
        _over(facts, run, f"{name(run)} scored for {seconds:,.1f} s{_adapted(run)}", seconds, place(run, _line(run)))
        for run, seconds in timed
        if seconds > cap
    ]
    findings += [f for run in facts.headline if not findings and (f := _chained(run)) is not None]
    claim, said = most_claimed(facts, "eval_seconds"), "evaluation"
    adaptation = facts.claims.readme_adaptation_seconds
    if adaptation is not None and adaptation.value > cap and not timed and (claim is None or claim.value <= cap):
        claim, said = adaptation, "test-time training alone"
    if not findings and claim is not None and claim.value > cap:
        what = f"claims {claim.value:,.1f} s of {said}"
        finding = _over(facts, None, what, claim.value, claimed_at(claim))
        if timed:
            finding = replace(finding, outcome=Outcome.WARNING, message=f"{finding.message}; the logs behind it do not")
        findings.append(finding)
    unread = not_understood(facts.headline, "evaluation time")
    if timed:
        summary = f"the longest scoring pass took {max(s for _, s in timed):,.1f} s of {cap:.0f}"
        return found(findings, summary, unchecked=unread)
    if unread and not findings:
        return not_checked(unread)
    if claim is not None:
        return found(findings, f"claims {claim.value:,.1f} s of {said}; no log says")
    return not_checked("no log or claim states how long the scoring pass took")


def _chained(run: Run) -> Finding | None:
    """A timed adaptation pass that ends before another pass gives the score: together they may be what it needs.

    An adaptation pass with the figure of the score is the pass that yields it, printed under another name.
    """
    score = run.score
    if score is None or run.eval_seconds is None or _ADAPTS.search(score.label):
        return None
    adapted = [e for e in run.evaluations if e.line < score.line and _ADAPTS.search(e.label)]
    counted = {p.seconds for p in run.passes}  # timed by a line of their own, and in the run's seconds already
    before = [e.seconds for e in adapted if e.seconds and not near(e, score) and e.seconds not in counted]
    total = max(before, default=0.0) + run.eval_seconds
    if not before or total <= LIMITS.eval_cap_seconds:
        return None
    message = (
        f"{name(run)} scored for {run.eval_seconds:,.1f} s after a pass of test-time training of {max(before):,.1f} s; "
        f"if the score needs both, they take {total:,.1f} s, {total - LIMITS.eval_cap_seconds:,.1f} s past the cap"
    )
    return Finding(ID, Outcome.WARNING, message, place(run, score.line))


def _adapted(run: Run) -> str:
    return f", {run.waited_seconds:,.1f} s of adaptation before it included" if run.waited_seconds else ""


def _line(run: Run) -> int | None:
    return run.score.line if run.score else None


def _over(facts: Facts, run: Run | None, what: str, seconds: float, where: Location) -> Finding:
    message = f"{what}, {seconds - LIMITS.eval_cap_seconds:,.1f} s past the cap"
    outside = sum(p.seconds for p in run.passes if p.outside) if run is not None else 0.0
    other = wrong_hardware(run, facts.claims)
    if not is_record(facts):
        note = "; not a record attempt, so this only keeps it off the leaderboard"
        return Finding(ID, Outcome.WARNING, message + note, where)
    if other:
        return Finding(ID, Outcome.WARNING, f"{message}; the cap speaks of 8xH100 and this ran on {other}", where)
    if run is not None and seconds - outside <= LIMITS.eval_cap_seconds:
        # Nobody has ruled on work that the score needs outside of the timer.
        return Finding(ID, Outcome.DISPUTED, f"{message}, {outside:,.1f} s of it outside the log's timer", where)
    return Finding(ID, Outcome.VIOLATION, message, where)


RULE = Rule(
    id=ID,
    title="Evaluation took longer than 600 s",
    class_="budget",
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
        Example(
            "test-time training first, then another pass that scores",
            "breaks",
            folder(
                logs=seeds(
                    eval_seconds=380.0,
                    label="final_slot",
                    lines=("final_ttt val_loss:1.9000 val_bpb:1.1250 eval_time:390000ms",),
                )
            ),
            Outcome.WARNING,
        ),
        Example(
            "a row of submission.json says so",
            "breaks",
            folder(
                logs=seeds(eval_seconds=None),
                submission={"ablations": {"stack": {"val_bpb": 1.1, "eval_time_s": 627.3}}},
            ),
            Outcome.VIOLATION,
        ),
        Example(
            "the README's test-time training is longer",
            "breaks",
            folder(logs=seeds(eval_seconds=None), readme="# Result\n\nTTT total time: 705s\n"),
            Outcome.VIOLATION,
        ),
        Example("599 s", "legal", folder(logs=seeds(eval_seconds=599.0)), Outcome.PASS),
    ),
    not_decidable="Work that a log does not time; two passes that the score needs one after the other.",
)
