"""--show-source: the decoded code that findings point into, with the numbers of its lines."""

from __future__ import annotations

import json

from auditor.judgement.model import Report
from auditor.report.text import plain
from auditor.source import Unit


def render(report: Report, layer: str, *, form: str = "terminal") -> str:
    """The units of a layer (`1`, `train_gpt.py`, `train_gpt.py@1`), or "" for those that findings cite, else the entry.

    Raises ValueError where there is none.
    """
    units = [unit for unit in report.sources.units if _wanted(report, unit, layer)]
    if not units:
        known = ", ".join(f"{unit.path}@{unit.layer}" for unit in report.sources.units) or "nothing"
        raise ValueError(f"no such layer: {layer or 'there is no code'}; what was decoded: {known}")
    if form == "json":
        rows = [{"path": u.path, "layer": u.layer, "packing": u.packing, "text": u.text} for u in units]
        return json.dumps(rows, indent=2) + "\n"
    return "\n".join(_shown(report, unit) for unit in units)


def _wanted(report: Report, unit: Unit, layer: str) -> bool:
    if layer:
        return layer in (str(unit.layer), unit.path, f"{unit.path}@{unit.layer}")
    cited = {(f.location.path, f.location.layer) for f in report.findings if f.location is not None}
    cited &= {(other.path, other.layer) for other in report.sources.units}
    entry = report.sources.entry
    return (unit.path, unit.layer) in cited or (not cited and unit is entry)


def _shown(report: Report, unit: Unit) -> str:
    marked: dict[int, str] = {}
    for finding in reversed(report.findings):
        at = finding.location
        if at is not None and (at.path, at.layer) == (unit.path, unit.layer) and at.line:
            marked |= dict.fromkeys(range(at.line, (at.end_line or at.line) + 1), finding.rule)
    lines = unit.text.split("\n")
    gutter = len(str(len(lines)))
    packing = f", {unit.packing}" if unit.packing else ""
    head = f"# {plain(unit.path)}, layer {unit.layer}{plain(packing)}: {len(lines)} lines"
    body = []
    for number, line in enumerate(lines, start=1):
        note = f"  # <- {marked[number]}" if number in marked else ""
        body.append(f"{number:>{gutter}} {'>' if number in marked else '|'} {plain(line)}{note}".rstrip())
    return "\n".join([head, *body]) + "\n"
