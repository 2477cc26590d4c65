"""precompute-outside-timer: work on validation tokens that the score needs is inside the evaluation's timer."""

from __future__ import annotations

import re

from auditor.findings import Finding, Location, Outcome, Ruling, found, not_checked
from auditor.rule import Example, Facts, Rule
from auditor.runs import Run
from rules.examples.folders import folder, seeds
from rules.law.limits import LIMITS
from rules.law.standing import name, place, pull, readme

ID = "precompute-outside-timer"

_SWITCH = re.compile(
    r"(?:precompute|hint|prepare)\w{0,40}_(?:outside|untimed)|(?:outside|untimed)_\w{0,40}(?:precompute|hint)",
    re.IGNORECASE,
)
# A log line that times such work: "precompute ... (outside eval timer) ... 168.3s"
_OUTSIDE = re.compile(r"outside|untimed|not timed|excluded", re.IGNORECASE)
_WORK = re.compile(r"precomput|hint|n-?gram|table|cache", re.IGNORECASE)
_SECONDS = re.compile(r"(\d{1,6}\.\d{1,6}) ?s(?:ec|econds)?\b")
_ON = frozenset({"1", "true", "yes", "on"})


def check(facts: Facts) -> Ruling:
    findings = []
    for run in facts.headline:
        on = (key for key, value in run.hyperparameters.items() if value.strip().lower() in _ON)
        switch = next((key for key in on if _SWITCH.search(key)), None)
        line = _timed_line(run)
        if switch is None and line is None:
            continue
        where = place(run, line[0] if line else run.hyperparameter_lines.get(switch or ""))
        findings.append(_finding(run, switch, line[1] if line else None, where))
    if not facts.headline:
        return not_checked("no log shows what ran outside the evaluation's timer")
    return found(findings, "no headline log shows precomputation outside the evaluation's timer")


def _timed_line(run: Run) -> tuple[int, float] | None:
    """The line that says that such work ran outside the timer, and its seconds."""
    for said in run.ngram:
        if _OUTSIDE.search(said.text) and _WORK.search(said.text):
            seconds = _SECONDS.findall(said.text)
            return said.number, float(seconds[-1]) if seconds else 0.0
    return None


def _finding(run: Run, switch: str | None, seconds: float | None, where: Location) -> Finding:
    how = f"`{switch}` is on" if switch else "says that it precomputes outside the timer"
    took = f" ({seconds:.1f} s)" if seconds else ""
    message = f"{name(run)}: {how}{took}; what the score needs of the validation tokens belongs inside the 600 s"
    # The run's seconds hold such a pass already where it has a line of its own.
    counted = any(p.outside for p in run.passes) and run.waited_seconds > 0
    total = (run.eval_seconds or 0.0) + (0.0 if counted else seconds or 0.0)
    if seconds and total > LIMITS.eval_cap_seconds:
        message += f", and with it evaluation takes {total:.1f} s"
        return Finding(ID, Outcome.DISPUTED, message, where)
    return Finding(ID, Outcome.WARNING, message, where)


RULE = Rule(
    id=ID,
    title="Work that the score needs runs outside the evaluation's timer",
    class_="budget",
    authority="community",
    evidence=("logs",),
    criterion="No switch or line of a headline log puts precomputation over validation tokens outside the timer; it is "
    "disputed where evaluation with it exceeds 600 s, a warning otherwise.",
    why="Hint tables over validation tokens are part of the evaluation, whoever starts the clock when.",
    remedy="Move the precomputation inside the timed evaluation and show that the whole stays below 600 s.",
    sources=(
        pull(1967, "150 to 172 s of hint precomputation outside the timer, criticised", "2026-05-01"),
        pull(2135, "accepted with the precomputation inside the timer", "2026-05-02"),
        readme("at most ten minutes of evaluation"),
    ),
    check=check,
    examples=(
        Example(
            "hints precomputed outside the timer",
            "breaks",
            folder(logs=seeds(hyperparameters={"ngram_hint_precompute_outside": True})),
            Outcome.WARNING,
        ),
        Example(
            "switched off",
            "legal",
            folder(logs=seeds(hyperparameters={"ngram_hint_precompute_outside": False})),
            Outcome.PASS,
        ),
        Example("nothing of the kind", "inactive", folder(), Outcome.PASS),
    ),
    not_decidable="Work before the timer that no line mentions; the code around the timer would show it. No maintainer "
    "has ruled on the point by itself.",
)
