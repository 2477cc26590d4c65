"""--switches: every switch of a submission with its value and source, and what flips when it is turned."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.findings import Outcome
from auditor.report.text import count, one_line

if TYPE_CHECKING:
    from auditor.rule import Facts

_VALUE = 24


@dataclass(frozen=True, slots=True)
class Turn:
    """One switch turned to another value, and (rule, outcome before, outcome after) of the rules that this changes."""

    name: str
    value: str
    flips: tuple[tuple[str, Outcome, Outcome], ...]


def _end_of(where: str, room: int) -> str:
    """The line number stays, whatever else goes."""
    return where if len(where) <= room else "\u2026" + where[1 - room :]


def render(facts: Facts, turns: Sequence[Turn], *, form: str = "terminal", width: int = 80) -> str:
    """The table, or with `json` a list of objects."""
    settings = sorted(facts.configuration.settings.items())
    known = {turn.name: turn for turn in turns}
    if form == "json":
        rows = []
        for name, s in settings:
            turn = known.get(name)
            flips = [{"rule": r, "before": str(b), "after": str(a)} for r, b, a in turn.flips] if turn else None
            value = s.value if s.value is None or isinstance(s.value, bool | int | str) else repr(s.value)
            other = turn.value if turn else None
            row = {"name": name, "value": value, "source": s.source, "where": s.where}
            rows.append({**row, "turned_to": other, "flips": flips})
        return json.dumps(rows, indent=2) + "\n"
    lines = []
    names = min(max((len(name) for name, _ in settings), default=0), 32)
    values = min(max((len(str(s.value)) for _, s in settings), default=0), _VALUE)
    for name, s in settings:
        value = "unknown" if s.value is None else one_line(str(s.value), _VALUE)
        start = f"{one_line(name, 60):<{names}}  {value:<{values}}  {s.source:<7}  "
        lines.append(start + _end_of(one_line(s.where), max(width - len(start), 12)))
        for rule, before, after in known[name].flips if name in known else ():
            lines.append(f"    {name}={known[name].value}: {rule}: {before} -> {after}")
    flipping = sum(bool(turn.flips) for turn in turns)
    said = f"{count(len(settings), 'switch', 'switches')}, {len(turns)} of them turned over; "
    said += f"{flipping} {'changes' if flipping == 1 else 'change'} a rule"
    return "\n".join([*lines, "", f"{said}. golf-audit --set NAME=VALUE audits what if."]) + "\n"
