"""What a finished run amounts to: its figures, the audit of its folder, and the statistics.

The only part of the package that knows the auditor; `cli` calls it last.
"""

from __future__ import annotations

import contextlib
import io
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
    from auditor.significance.model import Equivalence, Side


_AUDIT_SECONDS = 1200  # it takes five; a run of minutes is not judged by how busy the machine is at its end


def figures(config: RunConfig, results: Sequence[SeedResult]) -> str:
    """Bits per byte from the untrained model to the score, seed by seed."""
    from reference_model.reproduce.unigram import unigram_bpb

    names = ["untrained", *(evaluation.name for evaluation in results[0].evaluations)] if results else []
    lines = ["", "bits per byte of the validation text", f"  {'':15}" + "".join(f"{name:>12}" for name in names)]
    for result in results:
        values = [result.untrained_bpb, *(evaluation.val_bpb for evaluation in result.evaluations)]
        cells = ("-" if value is None else f"{value:.4f}" for value in values)
        lines.append(f"  {f'seed {result.seed}':15}" + "".join(f"{cell:>12}" for cell in cells))
    if config.scale == "small":
        lines += [f"  a unigram model of the training text: {unigram_bpb(config):.4f}",
                  "Another text and another model than the record's: compare runs of this scale",
                  "with each other."]  # fmt: skip
    return "\n".join(lines)


def audit(folder: Path, report: Path, whole: bool) -> int:
    """Audits the folder, writes golf-audit's report to `report`, and returns its exit status.

    Prints the whole of it, or its verdict alone where that is enough: nothing is wrong, and nothing is at stake.
    """
    from auditor.commands.audit import main

    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = main([str(folder), "--timeout", str(_AUDIT_SECONDS)])
    text = said.getvalue()
    report.write_text(text, encoding="utf-8")
    print(f"\n$ golf-audit {folder}", flush=True)
    if whole or status != 0:
        print(text, end="", flush=True)
    else:
        print("\n".join(text.splitlines()[:3]))
        print(f"  the whole report: {report}", flush=True)
    return status


def statistics(folder: Path) -> None:
    """Compares the folder's seeds with the record's own (equivalence) and with the record before it, at its scale."""
    from auditor.commands import stats_law
    from auditor.report.significance import render
    from auditor.significance.compare import compare
    from auditor.submission import load_path
    from rules.law.limits import LIMITS

    new = stats_law.side_of(stats_law.facts_of(load_path(folder)))
    terms = stats_law.terms(date.fromisoformat(target.DATE))
    number = target.NAME.removeprefix("#")
    same = f"the seeds of pull request {number}, which is to be reproduced"
    record = compare(new, _record(), terms, baseline_because=same, margin_nats=LIMITS.significance_nats)
    prior, _ = stats_law.source(str(target.PRIOR), None)
    because = f"the record that pull request {number} was made to beat"
    before = compare(new, prior, terms, baseline_because=because, frontier=stats_law.frontier())
    width = shutil.get_terminal_size((80, 24)).columns
    for title, answer in (("Is it the record?", record), ("Does it beat the record before?", before)):
        print(f"\n{title}\n")
        print(render(answer, "terminal", width=width, colour=sys.stdout.isatty()), end="", flush=True)
    print(f"\n{conclusion(record.equivalence)}", flush=True)


def conclusion(found: Equivalence | None) -> str:
    """Whether the record was reproduced: equal to it, or at least not worse. A lower score is no failure to reproduce.

    Non-inferiority is one of equivalence's two tests: that the difference is less than the margin (p_above).
    """
    if found is None or found.p_above is None or found.p_below is None:
        return f"NOT SHOWN TO BE REPRODUCED: {found.reason if found else 'nothing to compare'}"
    margin = f"{found.margin:g} {'nats per token' if found.unit == 'nats' else 'bits per byte'}"
    if max(found.p_above, found.p_below) < found.alpha:
        return f"REPRODUCED: the seeds differ from the record's by less than {margin} (p = {found.p:.3g})"
    if found.p_above < found.alpha:
        return f"REPRODUCED, and better: not worse than the record by {margin} (p = {found.p_above:.3g})"
    return (f"NOT SHOWN TO BE REPRODUCED: a loss of {margin} against the record is not ruled out "
            f"(p = {found.p_above:.3g}, needed below {found.alpha:g})")  # fmt: skip


def _record() -> Side:
    from auditor.significance.inputs import screened
    from auditor.significance.model import Figure, Side
    from auditor.significance.units import bytes_per_token

    figures = tuple(Figure(bpb, loss, seed) for seed, (bpb, loss) in target.SEEDS.items())
    side = Side(target.NAME, "record", figures, bytes_per_token(figures), target.DATE, target.URL)
    return screened(side, ())
