"""Facts of a submission that no folder alone can show, for the rules on budgets, evidence and process."""

from __future__ import annotations

from dataclasses import replace

from auditor.claims import Claims
from auditor.config import Configuration
from auditor.program import Program
from auditor.rule import Facts
from auditor.runs import Evaluation, Run
from auditor.source import Sources
from auditor.submission import Submission, SubmissionFile

FOLDER = "records/track_10min_16mb/2026-04-10_Example"


def a_run(seed: int = 42, bpb: float = 1.1, **changes: object) -> Run:
    run = Run(
        log=f"train_seed{seed}.log",
        seed=seed,
        world_size=8,
        gpu="NVIDIA H100 80GB HBM3",
        train_seconds=590.0,
        eval_seconds=90.0,
        artifact_bytes=15_900_000,
        code_bytes=40_000,
        score=Evaluation(90, "final_exact", bpb, 1.86),
        content_digest=f"{seed}:{bpb}",
    )
    return replace(run, **changes)  # type: ignore[arg-type]


def some_facts(
    *headline: Run, claims: Claims | None = None, files: tuple[SubmissionFile, ...] = (), **submission: object
) -> Facts:
    base = Submission("pull-request", FOLDER, files, track="track_10min_16mb")
    return Facts(
        submission=replace(base, **submission),  # type: ignore[arg-type]
        sources=Sources(None, (), ()),
        claims=claims or Claims(),
        runs=headline,
        headline=headline,
        configuration=Configuration(),
        program=Program(),
    )
