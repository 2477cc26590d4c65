"""What a finished run amounts to: its figures, the audit of its folder, and the statistics.

The only part of the package that knows the auditor; `cli` calls it last.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from reference_model.config import RunConfig
from reference_model.reproduce import target
from reference_model.reproduce.results import SeedResult

if TYPE_CHECKING:
    from auditor.significance.model import Side


def figures(config: RunConfig, results: Sequence[SeedResult]) -> str:
    """Bits per byte from the untrained model to the score, seed by seed."""
    from reference_model.reproduce.unigram import unigram_bpb

    lines = ["", "bits per byte of the validation text"]
    for result in results:
        rows = [("untrained", result.untrained_bpb), *((e.label, e.val_bpb) for e in result.evaluations)]
        said = ", ".join(f"{name} {value:.4f}" for name, value in rows if value is not None)
        lines.append(f"  seed {result.seed}: {said}")
    if config.scale == "small":
        lines.append(f"  a unigram model of the training text: {unigram_bpb(config):.4f}")
    return "\n".join(lines)


def audit(folder: Path) -> int:
    """Prints golf-audit's report of the folder and returns its exit status."""
    from auditor.commands.audit import main

    print(f"\n$ golf-audit {folder}", flush=True)
    return main([str(folder)])


def statistics(folder: Path, scale: str) -> None:
    """Compares the folder's seeds with the record's own (equivalence) and, at its scale, with the record before it."""
    from auditor.commands import stats_law
    from auditor.report.significance import render
    from auditor.significance.compare import compare
    from auditor.submission import load_path
    from rules.law.limits import LIMITS

    new = stats_law.side_of(stats_law.facts_of(load_path(folder)))
    terms = stats_law.terms(date.fromisoformat(target.DATE))
    if scale != "record":
        print(
            "\nThis scale scores another text with another model: what follows shows that the tests run; it neither "
            "confirms nor contradicts the record."
        )
    number = target.NAME.removeprefix("#")
    same = f"the seeds of pull request {number}, which is to be reproduced"
    answers = {
        "Is it the record?": compare(new, _record(), terms, baseline_because=same, margin_nats=LIMITS.significance_nats)
    }
    if scale == "record":
        prior, _ = stats_law.source(str(target.PRIOR), None)
        because = f"the record that pull request {number} was made to beat"
        answers["Does it beat the record before?"] = compare(
            new, prior, terms, baseline_because=because, frontier=stats_law.frontier()
        )
    width = shutil.get_terminal_size((80, 24)).columns
    for title, answer in answers.items():
        print(f"\n{title}\n")
        print(render(answer, "terminal", width=width, colour=sys.stdout.isatty()), end="", flush=True)


def _record() -> Side:
    from auditor.significance.inputs import screened
    from auditor.significance.model import Figure, Side
    from auditor.significance.units import bytes_per_token

    figures = tuple(Figure(bpb, loss, seed) for seed, (bpb, loss) in target.SEEDS.items())
    side = Side(target.NAME, "record", figures, bytes_per_token(figures), target.DATE, target.URL)
    return screened(side, ())
