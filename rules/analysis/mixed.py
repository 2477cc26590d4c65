"""What the rules on byte-level mixtures share: where a mixture stands, whether it runs, whether it is the score."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from auditor.findings import Location
from auditor.program import helpers_c as _c
from auditor.rule import Facts
from auditor.runs import LogLine, Run
from auditor.source import Unit
from rules.analysis.byte_mixture import Mixture, in_c, in_python
from rules.analysis.byte_product import products
from rules.analysis.syntax import both, line_of, python_units

_FIGURE = re.compile(r"(?<![\w.])[01]\.\d{3,10}(?!\d)")
_SAME_FIGURE = 0.003  # bits per byte between a claimed mean and one seed's line
_LABEL = re.compile(r"(?i)ppm|byte_?mix|mix_bpb")
_MIXED_LINE = re.compile(r"(?i)mix")


@dataclass(frozen=True)
class Placed:
    """A mixture with its place. `line` counts in the unit's text."""

    unit: Unit
    mixture: Mixture
    active: bool | None

    def location(self, what: object) -> Location:
        line = line_of(what) if not isinstance(what, int) else what  # type: ignore[arg-type]
        if self.unit.language == "c":
            return _c.place(self.unit, line)
        return Location(self.unit.path, line, getattr(what, "end_lineno", None), self.unit.layer)


def mixtures(facts: Facts) -> Iterator[Placed]:
    """Every mixture of the program; what a headline log prints of one counts as running."""
    printed = any(True for _ in printed_lines(facts))
    for unit, tree in python_units(facts):
        for mixture in (*in_python(tree), *products(tree)):
            state = both(
                facts.program.reached(unit, line_of(mixture.node)), facts.program.reached(unit, line_of(mixture.spread))
            )
            yield Placed(unit, mixture, True if printed else state)
    for unit in _c.c_units(facts):
        for mixture in in_c(_c.plain(unit.text)):
            yield Placed(unit, mixture, True if printed else _c.reached(facts, unit))


def printed_lines(facts: Facts) -> Iterator[tuple[Run, LogLine]]:
    """The lines of the headline logs that give a mixture's figure."""
    for run in facts.headline or facts.runs:
        for line in run.ppm:
            if _FIGURE.search(line.text) and (_MIXED_LINE.search(line.text) or _LABEL.search(line.text.split("=")[0])):
                yield run, line


def is_score(facts: Facts) -> bool | None:
    """Whether the claimed figure is the mixture's: None where no log prints one."""
    lines = list(printed_lines(facts))
    if any(run.score is not None and _LABEL.search(run.score.label) for run in facts.headline):
        return True
    if not lines:
        return None
    claim = facts.claims.val_bpb
    wanted = [claim.value] if claim is not None else [run.val_bpb for run in facts.headline if run.val_bpb is not None]
    figures = [float(figure) for _, line in lines for figure in _FIGURE.findall(line.text)]
    return any(abs(a - b) <= _SAME_FIGURE for a in wanted for b in figures) if wanted else None
