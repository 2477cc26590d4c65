"""The seeds of a report: its runs as a table, their mean and spread, and the bytes that their logs divided by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from auditor.judgement.model import Report
from auditor.report.text import count, grouped
from auditor.report.view import MEGABYTE
from auditor.runs import Run


@dataclass(frozen=True, slots=True)
class Seed:
    """One row of the seeds table, as text."""

    seed: str
    bpb: str
    loss: str
    steps: str
    train: str
    evaluation: str
    artifact: str
    implied: str
    log: str


HEADINGS = Seed("seed", "val_bpb", "val_loss", "steps", "train s", "eval s", "artifact", "divided by", "log")


def shown_runs(report: Report) -> tuple[Run, ...]:
    """The runs of the seeds table by seed: those that the claim stands on, else all."""
    return tuple(sorted(report.headline or report.runs, key=lambda run: (run.seed is None, run.seed or 0, run.log)))


def table(runs: Sequence[Run]) -> tuple[Seed, ...]:
    return tuple(_seed(run) for run in runs)


def _seed(run: Run) -> Seed:
    train = "?"
    if run.train_seconds is not None:
        train = f"{run.train_seconds:.1f}"
        train += f"+{run.calibration_seconds:.1f}" if run.calibration_seconds else ""
    return Seed(
        seed="?" if run.seed is None else str(run.seed),
        bpb="?" if run.val_bpb is None else f"{run.val_bpb:.8f}",
        loss="?" if run.val_loss is None else f"{run.val_loss:.8f}",
        steps=grouped(run.steps),
        train=train,
        evaluation=grouped(run.eval_seconds, 1),
        artifact=grouped(run.artifact_bytes),
        implied="?" if run.implied_bytes is None else f"{run.implied_bytes / MEGABYTE:.2f} MB",
        log=run.log + (f" [{run.index}]" if run.index else ""),
    )


def spread(runs: Sequence[Run]) -> tuple[float, float | None] | None:
    """Mean and sample standard deviation (None for a single run) of the runs' bits per byte."""
    values = [run.val_bpb for run in runs if run.val_bpb is not None]
    if not values:
        return None
    mean = math.fsum(values) / len(values)
    if len(values) < 2:
        return mean, None
    return mean, math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1))


def summary(report: Report) -> str:
    """`mean 1.09244346, standard deviation 0.00043, 3 runs; claimed 1.09240`."""
    runs = shown_runs(report)
    known = spread(runs)
    claim = report.claims.val_bpb
    claimed = f"claimed {claim.value:.8f} ({claim.where})" if claim else "no claimed value was found"
    if known is None:
        return claimed
    mean, deviation = known
    said = f"mean {mean:.8f}"
    said += f", standard deviation {deviation:.8f}" if deviation is not None else ""
    return f"{said}, {count(sum(r.val_bpb is not None for r in runs), 'run')}; {claimed}"


def ledger(report: Report) -> str:
    """One sentence on the bytes that the logs divided by; empty where no log says."""
    runs = [run for run in shown_runs(report) if run.implied_bytes is not None]
    values = [run.implied_bytes for run in runs if run.implied_bytes is not None]
    if not values:
        return "No log prints val_loss, val_bpb and the number of tokens together: the bytes divided by are unknown."
    low, high = min(values), max(values)
    span = f"{low / MEGABYTE:.2f}" + (f" to {high / MEGABYTE:.2f}" if round(high - low, -4) else "")
    said = f"The logs divided by {span} million bytes (val_loss / ln 2 x val_tokens / val_bpb)"
    if not report.canonical_bytes:
        return said + "."
    worst = max(values, key=lambda v: abs(v - (report.canonical_bytes or v)))
    off = (worst / report.canonical_bytes - 1) * 100
    difference = "no difference" if abs(off) < 0.005 else f"{off:+.2f} %"
    return f"{said}; the full validation set has {report.canonical_bytes / MEGABYTE:.2f} million: {difference}."
