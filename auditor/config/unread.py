"""Dumps of settings that a log holds and no reader understands: what the run was configured with is then not known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from auditor.config.model import Switch
from auditor.runs import Run
from auditor.runs.echo import echoed_ranges
from auditor.runs.text import log_lines, without
from auditor.submission import Submission

_LINES = 4_000  # of a run in which it dumps its settings
_NAMED = re.compile(r"(?<![\w/.-])([A-Za-z_]\w{4,60})[\"']?(?=\s{0,40}(?:[:=|\u2502\u2503]|->|\.{2,9})|\s{2,60}\S|\t)")
_CODE = re.compile(r"environ|getenv|add_argument|\breturn\b|\bself\.|\bif\b")
_LEAST = 5  # switches that are named and not read: fewer are named in passing
_SHOWN = 3


def with_unread_dumps(runs: Sequence[Run], submission: Submission, switches: Sequence[Switch]) -> tuple[Run, ...]:
    """The runs, those whose log names most switches in a form that is not understood with a problem that says so."""
    names = {name.lower() for s in switches if s.kind != "constant" for name in (s.name.lstrip("-"), s.attribute)}
    return tuple(_noted(run, submission, frozenset(name for name in names if "_" in name)) for run in runs)


def _noted(run: Run, submission: Submission, names: frozenset[str]) -> Run:
    known = names & {name.lower() for name in run.hyperparameters}
    file = submission.by_path.get(run.log)
    if len(known) >= _LEAST or len(names) < _LEAST or file is None:
        return run
    first, found = _named(file.text, run.first_line, names)
    unread = [name for name in found if name not in known]
    if len(unread) < _LEAST or len(unread) <= len(known):
        return run
    shown = ", ".join(unread[:_SHOWN])
    problem = f"The settings from line {first} on are not understood: {shown} and {len(unread) - _SHOWN} more."
    return replace(run, unread=(*run.unread, "settings"), problems=(*run.problems, problem))


def _named(text: str, first_line: int, names: frozenset[str]) -> tuple[int, list[str]]:
    """The line of the first switch that a run's log names beside a sign, and all that it names so."""
    lines = [line for line in log_lines(text).numbered() if line[0] >= first_line][:_LINES]
    found: dict[str, int] = {}
    for number, line in without(lines, echoed_ranges([text for _, text in lines])):
        if _CODE.search(line):
            continue
        for match in _NAMED.finditer(line[:2_000]):
            if match[1].lower() in names:
                found.setdefault(match[1].lower(), number)
    return min(found.values(), default=0), list(found)
