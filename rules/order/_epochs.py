"""Epochs of adaptation that a log shows ahead of the judged score, and whether the code in the folder prints them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from auditor.findings import Finding, Location, Outcome
from auditor.rule import Facts
from auditor.runs import LogLine, Run
from auditor.source.excerpt import shortened
from rules.scored import unreadable

_EPOCH = re.compile(r"(?i)(?<![a-z])epoch[\s:=]{0,3}(\d{1,4})\s{0,2}/\s{0,2}\d{1,4}")  # `epoch 1/3`, `ttt_epoch:1/10`
_WORD = "epoch"


@dataclass(frozen=True, slots=True)
class Epochs:
    """The lines of one pass of epochs, in a run that the claim stands on."""

    run: Run
    lines: tuple[LogLine, ...]
    ahead_of_artifact: bool


def unexplained(facts: Facts) -> Iterator[Epochs]:
    """Epochs between the end of training and the judged score that no code of the folder prints.

    Where the code cannot be read, none of it does. Epochs that start anew with every chunk are left out: they may be
    of the legal order, and so are those that follow the score. A what-if is another run than the log's.
    """
    if any(setting.source == "set" for setting in facts.configuration.settings.values()):
        return
    for run in facts.headline:
        lines = _once(run)
        printing = facts.code.printing
        known = unreadable(facts) is None and any(printing.may_print(line.text, _WORD) for line in lines)
        if lines and not known:
            yield Epochs(run, lines, run.artifact_line is not None and lines[-1].number < run.artifact_line)


def epochs_finding(facts: Facts, rule: str, epochs: Epochs) -> Finding:
    """Disputed: the lines tell that something was trained before the score, not on which tokens."""
    lines = epochs.lines
    when = "the artifact is made" if epochs.ahead_of_artifact else "the score"
    here = "the code is not here" if unreadable(facts) is not None else "nothing that the program uses prints them"
    message = f"the log shows epochs of test-time training before {when}, and {here}: {shortened(lines[0].text, 60)}"
    where = Location(epochs.run.log, lines[0].number, lines[-1].number)
    return Finding(rule, Outcome.DISPUTED, message, where, excerpt=lines[0].text.strip()[:120])


def _once(run: Run) -> tuple[LogLine, ...]:
    """The lines of epochs that rise from one line to the next, in the window that matters."""
    end = run.score.line if run.score is not None else run.artifact_line
    start = run.train_seconds_line or run.first_line
    if end is None:
        return ()
    found = [(line, m) for line in run.adaptation if start < line.number < end and (m := _EPOCH.search(line.text))]
    numbers = [int(match[1]) for _, match in found]
    rising = all(a < b for a, b in pairwise(numbers))
    return tuple(line for line, _ in found) if rising else ()
