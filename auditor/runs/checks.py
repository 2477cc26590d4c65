"""Contradictions inside one log, as sentences."""

from __future__ import annotations

from auditor.runs.model import Run
from auditor.runs.score import kind

# Announcements of the reserve are rounded to whole seconds.
_ROUNDING_SECONDS = 1.0
# Periodic figures are printed with four decimals; passes over the same text agree far closer than this.
_RATIO_TOLERANCE = 0.005
_STEP_TIME_TOLERANCE = 0.02


def contradictions(run: Run, name_seed: int | None) -> tuple[str, ...]:
    """What the log says against itself. None of it is proof of anything by itself."""
    return tuple(
        sentence
        for sentence in (
            _seed_in_name(run, name_seed),
            _budget(run),
            _step_time(run),
            _steps(run),
            _ratio(run),
            _parts(run),
        )
        if sentence
    )


def _seed_in_name(run: Run, name_seed: int | None) -> str:
    if name_seed is None or run.seed is None or name_seed == run.seed or run.index > 0:
        return ""
    return f"The file name says seed {name_seed}, {run.seed_source} says seed {run.seed}."


def _budget(run: Run) -> str:
    cap, effective = run.wallclock_cap_seconds, run.effective_budget_seconds
    if cap is None or effective is None or run.reserve_seconds is None:
        return ""
    if abs(cap - run.reserve_seconds - effective) <= _ROUNDING_SECONDS:
        return ""
    return (
        f"The log announces an effective budget of {effective:g} s, but its dump says max_wallclock_seconds {cap:g}"
        f" and the reserve is {run.reserve_seconds:g} s."
    )


def _step_time(run: Run) -> str:
    """Within one line: the steps, their average and the time that they took."""
    if not run.step_average_ms or run.average_over is None:
        return ""
    steps, seconds = run.average_over
    product = steps * run.step_average_ms / 1000
    if abs(product - seconds) <= _STEP_TIME_TOLERANCE * seconds + 1:
        return ""
    return (
        f"{steps} steps of {run.step_average_ms:g} ms make {product:.1f} s,"
        f" but the same line says that they took {seconds:.1f} s."
    )


def _steps(run: Run) -> str:
    if run.steps is not None and run.planned_steps and run.steps > run.planned_steps:
        return f"The log counts {run.steps} steps of {run.planned_steps} planned ones."
    return ""


def _ratio(run: Run) -> str:
    """Loss and bits per byte of one text stand in one proportion, whichever pass prints them."""
    score = run.score
    if score is None or not score.val_loss or not score.val_bpb:
        return ""
    others = sorted(
        e.val_loss / e.val_bpb
        for e in run.evaluations
        if e.val_loss and e.val_bpb and kind(e) in ("step", "diagnostic", "plain")
    )
    if not others:
        return ""
    usual = others[len(others) // 2]
    ratio = score.val_loss / score.val_bpb
    if abs(ratio / usual - 1) <= _RATIO_TOLERANCE:
        return ""
    return (
        f"Loss per bit of the score (line {score.line}) is {ratio:.4f}, of the log's other evaluations {usual:.4f}:"
        " they divided by different byte counts, or loss and val_bpb come from two passes."
    )


def _parts(run: Run) -> str:
    """Code and compressed model make the artifact."""
    if run.artifact_bytes is None or run.model_bytes is None or run.code_bytes is None or run.artifact_line is None:
        return ""
    sums = {run.model_bytes + code for code in (run.code_bytes, run.code_bytes_uncompressed) if code}
    if run.artifact_bytes in sums or run.artifact_bytes == run.model_bytes or not sums:
        return ""
    if abs(run.artifact_bytes - min(sums)) < 0.1 * run.artifact_bytes:
        return (
            f"The artifact's {run.artifact_bytes} bytes (line {run.artifact_line}) are not the {run.model_bytes} of the"
            f" model plus the {run.code_bytes} of the code."
        )
    return ""
