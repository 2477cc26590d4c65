"""The recipe for people and for scripts: the formula's lines, their places, and the rules that they break."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from auditor.findings import Finding, Location
from auditor.judgement.model import Report
from auditor.program.recipe.formula import Formula, Part
from auditor.program.recipe.model import Sees
from auditor.report.places import place
from auditor.report.view import deciding

LEGEND = "x: tokens before the scored one; y: the scored token; [a]: 1 where a holds, else 0"
ADAPTED = "′: weights that were trained on validation tokens"
_SEEN = {
    Sees.TARGET: "the scored token",
    Sees.EARLIER: "earlier tokens",
    Sees.TRAINING: "training data",
    Sees.ADAPTED: "adapted weights",
}


@dataclass(frozen=True, slots=True)
class Row:
    """`S = Σ −log softmax(GPT(x))[y]`, where it stands, and the rules that a finding there breaks."""

    name: str
    text: str
    where: str
    rules: tuple[str, ...]


def rows(report: Report) -> list[Row]:
    if report.recipe is None:
        return []
    return [_row(report, part) for part in report.recipe.parts]


def _row(report: Report, part: Part) -> Row:
    where = place(part.place.location, report.sources) if part.place is not None else ""
    return Row(part.name, part.text, where, broken(report, part))


def broken(report: Report, part: Part) -> tuple[str, ...]:
    """The rules of the deciding findings of which a place stands in this line of the formula."""
    here = [p.location for p in part.places]
    hits = (f.rule for f in deciding(report) if any(_meets(a, b) for a in _places(f) for b in here))
    return tuple(dict.fromkeys(hits))


def _places(finding: Finding) -> Iterator[Location]:
    """Where a finding is, and the scores in its trace; that a figure is printed breaks nothing."""
    if finding.location is not None:
        yield finding.location
    yield from (step.location for step in finding.trace if step.event not in ("Report", "Read"))


def _meets(a: Location, b: Location) -> bool:
    if (a.path, a.layer) != (b.path, b.layer) or a.line is None or b.line is None:
        return False
    return a.line <= (b.end_line or b.line) and b.line <= (a.end_line or a.line)


def notes(report: Report) -> list[str]:
    """What the signs mean, and what was not understood."""
    recipe = report.recipe
    if recipe is None:
        return []
    said = [LEGEND + (f"; {ADAPTED}" if any("′" in part.text for part in recipe.parts) else "")]
    if not recipe.understood:
        said.append("not every step on the way to the figure is understood")
    if recipe.hidden:
        said.append(f"{recipe.hidden} more parts are left out")
    return said


def as_dict(report: Report) -> dict[str, Any] | None:
    """The recipe as plain JSON values."""
    recipe: Formula | None = report.recipe
    if recipe is None:
        return None
    return {
        "figure": recipe.label,
        "understood": recipe.understood,
        "hidden_parts": recipe.hidden,
        "parts": [_part(report, part) for part in recipe.parts],
    }


def _part(report: Report, part: Part) -> dict[str, Any]:
    node, at = part.node, part.place.location if part.place is not None else None
    return {
        "name": part.name,
        "formula": part.text,
        "what": str(node.what),
        "over": str(node.over) if node.over else None,
        "normalized": node.normalized,
        "sees": [said for seen, said in _SEEN.items() if node.sees & seen],
        "location": {"path": at.path, "line": at.line, "end_line": at.end_line, "layer": at.layer} if at else None,
        "rules": list(broken(report, part)),
    }
