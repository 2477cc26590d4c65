"""What the rules on byte-level mixtures share: whether a mixture runs, and whether it is the score."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from auditor.program.mixtures.of_bytes import ByteMixture
from auditor.rule import Facts
from auditor.runs import LogLine, Run

_FIGURE = re.compile(r"(?<![\w.])[01]\.\d{3,10}(?!\d)")
_SAME_FIGURE = 0.003  # bits per byte between a claimed mean and one seed's line
_LABEL = re.compile(r"(?i)ppm|byte_?mix|mix_bpb")
_MIXED_LINE = re.compile(r"(?i)mix")


def mixtures(facts: Facts) -> list[ByteMixture]:
    """Every mixture of the program; what a headline log prints of one counts as running."""
    printed = any(True for _ in printed_lines(facts))
    return [replace(mixture, active=True) if printed else mixture for mixture in facts.code.byte_mixtures]


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
