"""The training behind an evaluation that ran as a process of its own and wrote a log of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from auditor.claims import Claims, SeedClaim
from auditor.runs.model import Run

_STEPS, _ROUND_STEPS, _SECONDS = 10, 100, 2.0  # what rounding makes of a claim


def with_training(chosen: Sequence[Run], runs: Iterable[Run], claims: Claims) -> tuple[Run, ...]:
    """`chosen`, each run that shows no training completed by the folder's only log that trains its seed.

    Where no seed is known it is completed by the only log of the folder that shows a training at all.

    A log whose steps or seconds are not those that a table claims for the seed is of another training: it is named as a
    problem and nothing is taken from it. Lines of the other log are not kept: a line belongs to one file. Nor are its
    settings: the evaluation had its own.
    """
    trained = [run for run in runs if run.steps is not None or run.train_seconds is not None]
    return tuple(_joined(run, trained, (*claims.seeds, *claims.readme_seeds)) for run in chosen)


def _joined(run: Run, trained: Sequence[Run], rows: Sequence[SeedClaim]) -> Run:
    if run.steps is not None or run.train_seconds is not None or "training time" in run.unread:
        return run
    found = [other for other in trained if run.seed in (other.seed, None) and other.log != run.log]
    if len(found) != 1 or (run.seed is None and len(trained) > 1):
        return run
    other = found[0]
    odd = next((row for row in rows if row.seed == run.seed and not _of_one_training(row, other)), None)
    if odd is not None:
        problem = f"No log shows the training behind it: that in {other.log} is not the one that {odd.where} claims."
        return replace(run, problems=(*run.problems, problem))
    sized = other if run.artifact_bytes is None else run
    return replace(
        run, steps=other.steps, planned_steps=other.planned_steps, train_seconds=other.train_seconds,
        calibration_seconds=other.calibration_seconds, wallclock_cap_seconds=other.wallclock_cap_seconds,
        reserve_seconds=other.reserve_seconds, effective_budget_seconds=other.effective_budget_seconds,
        burst_seconds=other.burst_seconds, unread=(*run.unread, *other.unread),
        artifact_bytes=sized.artifact_bytes, raw_artifact_bytes=sized.raw_artifact_bytes,
        artifact_line=sized.artifact_line if sized is run else None,
        model_bytes=sized.model_bytes, raw_model_bytes=sized.raw_model_bytes, code_bytes=sized.code_bytes,
        code_bytes_compressed=sized.code_bytes_compressed, code_bytes_uncompressed=sized.code_bytes_uncompressed,
        world_size=run.world_size or other.world_size, gpu=run.gpu or other.gpu,
        model_params=run.model_params or other.model_params, train_shards=run.train_shards or other.train_shards,
        headline_because=f"{run.headline_because}; its training is in {other.log}",
    )  # fmt: skip


def _of_one_training(row: SeedClaim, run: Run) -> bool:
    if row.steps is not None and run.steps is not None:
        rounded = row.steps % _ROUND_STEPS == 0
        if abs(row.steps - run.steps) > (_ROUND_STEPS if rounded else _STEPS):
            return False
    if row.train_seconds is not None and run.train_seconds is not None:
        return abs(row.train_seconds - run.train_seconds) <= _SECONDS
    return True
