"""train-time-cap: 600 s of training on 8xH100."""

from __future__ import annotations

from auditor.findings import Finding, Outcome, Ruling, found, not_checked
from auditor.rule import Example, Facts, Rule
from auditor.runs import Run
from rules.examples.folders import folder, seeds
from rules.law.limits import LIMITS
from rules.law.standing import (
    PROCESS,
    claimed_at,
    is_record,
    most_claimed,
    name,
    not_understood,
    over_time,
    place,
    pull,
    readme,
    wrong_hardware,
)

ID = "train-time-cap"


def check(facts: Facts) -> Ruling:
    timed = [(run, _whole(run)) for run in facts.headline if run.train_seconds is not None]
    findings = [f for run, seconds in timed if (f := _judge(facts, run, seconds)) is not None]
    unread = not_understood(facts.headline, "training time")
    if timed:
        longest = max(seconds for _, seconds in timed)
        summary = f"the longest training took {longest:.3f} s of {LIMITS.train_cap_seconds:.0f}"
        return found(findings, summary, unchecked=unread)
    if unread:
        return not_checked(unread)
    claim = most_claimed(facts, "train_seconds")
    if claim is not None:
        outcome = over_time(claim.value, LIMITS.train_cap_seconds)
        if outcome is not None:
            message = f"claims {claim.value:,.1f} s of training{_excess(claim.value)}; no log says"
            findings.append(_soften(facts, None, Finding(ID, outcome, message, claimed_at(claim))))
        return found(findings, f"claims {claim.value:,.1f} s of training; no log says")
    for run in facts.headline:
        if run.wallclock_cap_seconds is not None and run.wallclock_cap_seconds > LIMITS.train_cap_seconds:
            message = f"{name(run)} ran with a wall-clock cap of {run.wallclock_cap_seconds:,.0f} s and prints no time"
            findings.append(Finding(ID, Outcome.WARNING, message, place(run)))
    return found(findings, "", unchecked="") if findings else not_checked("no log or claim states the training time")


def _whole(run: Run) -> float:
    """The loop's time, and that of training which followed its stop."""
    return (run.train_seconds or 0.0) + (run.burst_seconds or 0.0)


def _judge(facts: Facts, run: Run, seconds: float) -> Finding | None:
    outcome = over_time(seconds, LIMITS.train_cap_seconds)
    if outcome is None or (outcome is Outcome.WARNING and not is_record(facts)):
        return None
    burst = f", {run.burst_seconds:,.1f} s of it after the stop of the loop" if run.burst_seconds else ""
    message = f"{name(run)} trained for {seconds:,.3f} s{burst}{_excess(seconds)}"
    return _soften(facts, run, Finding(ID, outcome, message, place(run, run.train_seconds_line)))


def _excess(seconds: float) -> str:
    return f", {seconds - LIMITS.train_cap_seconds:,.3f} s past the cap"


def _soften(facts: Facts, run: Run | None, finding: Finding) -> Finding:
    """The cap speaks of record runs on 8xH100; elsewhere an excess only says that this is no record run."""
    other = wrong_hardware(run, facts.claims)
    if not is_record(facts):
        note = "; not a record attempt, so this only keeps it off the leaderboard"
    elif other:
        note = f"; the cap speaks of 8xH100 and this ran on {other}"
    elif finding.outcome is Outcome.WARNING:
        note = ": the loop stops at the first step past it"
    else:
        return finding
    return Finding(ID, Outcome.WARNING, finding.message + note, finding.location)


RULE = Rule(
    id=ID,
    title="Training took longer than 600 s",
    class_="budget",
    authority="README",
    evidence=("logs", "claims"),
    criterion="Every headline run trains for at most 600.000 s on 8xH100; to 600.5 s is a warning.",
    why="The track is ten minutes of training; more steps lower the loss.",
    remedy="Stop the loop by the clock (`MAX_WALLCLOCK_SECONDS` at most 600, less what follows it) and rerun the seed.",
    sources=(
        readme("under ten minutes on 8xH100 SXM", PROCESS),
        pull(609, "valerio-oai: everything fits into training or evaluation, nothing is untimed", "2026-03"),
        pull(1908, "601.153 s by a forced stop step, reported in #1956 and rerun", "2026-04"),
        pull(1945, "a first run of 602.048 s was rerun", "2026-04"),
    ),
    check=check,
    examples=(
        Example("one second over", "breaks", folder(logs=seeds(train_seconds=601.2)), Outcome.VIOLATION),
        Example("the step in flight", "legal", folder(logs=seeds(train_seconds=600.08)), Outcome.WARNING),
        Example(
            "40 minutes on one GPU",
            "legal",
            folder(logs=seeds(train_seconds=2400.0, world_size=1), submission={"hardware": "1xH100"}),
            Outcome.WARNING,
        ),
        Example("on the second", "legal", folder(logs=seeds(train_seconds=600.0)), Outcome.PASS),
    ),
    not_decidable="A timer that leaves out real optimiser steps; the code of the loop would show it.",
)
