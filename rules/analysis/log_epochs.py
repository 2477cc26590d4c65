"""Epochs of adaptation that a log shows ahead of the judged score, and whether the code in the folder prints them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from auditor.findings import Finding, Location, Outcome
from auditor.rule import Facts
from auditor.runs import LogLine, Run
from auditor.source.index import of_type, parents
from rules.analysis.syntax import Function, function_of, last_name, python_units
from rules.analysis.trace import shortened, unreadable

_EPOCH = re.compile(r"(?i)(?<![a-z])epoch[\s:=]{0,3}(\d{1,4})\s{0,2}/\s{0,2}\d{1,4}")  # `epoch 1/3`, `ttt_epoch:1/10`
_MIN_HEAD = 4  # characters of a constant beginning that are enough to know a line again


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
        if lines and (unreadable(facts) is not None or not any(_explained(facts, line.text) for line in lines)):
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


def _explained(facts: Facts, text: str) -> bool:
    """Whether some code of the folder may have printed the line: code that anything in the folder mentions."""
    text = text.strip()
    traces = [t for t in (facts.program.trace, facts.program.dormant) if t is not None]
    if any(len(head) >= _MIN_HEAD and text.startswith(head) for trace in traces for head in trace.heads):
        return True
    units = [tree for _, tree in python_units(facts)]
    for tree in units:
        above = parents(tree)
        for node in of_type(tree, ast.JoinedStr, ast.Constant):
            if _makes(_constant_parts(node), text):
                holder = function_of(node, above)
                if holder is None or _mentioned(units, holder):
                    return True
    return any(_EPOCH.search(text) and "epoch" in u.text for u in facts.sources.units if u.language != "python")


def _constant_parts(node: ast.AST) -> list[str]:
    """What a string always holds, in order; values that are filled in are left out."""
    if isinstance(node, ast.JoinedStr):
        return [p.value for p in node.values if isinstance(p, ast.Constant) and isinstance(p.value, str)]
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 400:
        return re.split(r"%[-+ #0-9.]{0,8}[a-zA-Z]|\{[^{}]{0,40}\}", node.value)
    return []


def _makes(parts: Sequence[str], text: str) -> bool:
    """Whether a line can be made of these parts, a word on epochs being one of them."""
    if not any("epoch" in part.lower() for part in parts):
        return False
    at = 0
    for part in (p.strip() for p in parts):
        at = text.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True


def _mentioned(units: Sequence[ast.Module], function: Function) -> bool:
    """Whether anything outside of a function speaks of it by name."""
    own = set(map(id, of_type(function, ast.Name, ast.Attribute)))
    for tree in units:
        for node in of_type(tree, ast.Name, ast.Attribute):
            if id(node) not in own and last_name(node) == function.name:
                return True
    return False
