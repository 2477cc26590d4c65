"""A finished draft as a `Run`."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from auditor.runs import sizes
from auditor.runs.checks import contradictions
from auditor.runs.draft import Draft, number, whole
from auditor.runs.evaluations import join_exact
from auditor.runs.model import Evaluation, Run
from auditor.runs.phases import waited_for
from auditor.runs.score import choose_score, is_final

_NAMED_SEED = re.compile(r"seed[_\-=]?(\d{1,10})(?!\d)", re.IGNORECASE)
_SHORT_SEED = re.compile(r"(?<![a-z0-9])sd?[_\-=]?(\d{1,10})(?![\da-z])", re.IGNORECASE)
# `train_1337.log`; a number below ten or with leading zeros counts files, not seeds.
_BARE_SEED = re.compile(r"(?:\w{0,40}(?:log|run|train)_)?([1-9]\d{1,4})\.[a-z]{1,4}~?$", re.IGNORECASE)

_RANKS = (2, 4, 8, 16)  # processes that may share an evaluation
_SHARE = 0.01  # by which the share of a rank is off: the last one has what is left


def seed_of_name(path: str) -> tuple[int | None, bool]:
    """The seed that a file name spells, and whether it says "seed".

    `train_seed42.log`, `logs/seed_1337/run.txt`, `log_s314.txt`, `train_999.log`.
    """
    folder, _, name = path.rpartition("/")
    for part in (name, folder.rpartition("/")[2]):
        named = _NAMED_SEED.findall(part)
        if named:
            return int(named[-1]), True
    short = _SHORT_SEED.findall(name)
    if short:
        return int(short[-1]), False
    bare = _BARE_SEED.match(name)
    return (int(bare[1]) if bare else None), False


def implied_bytes(val_loss: float | None, val_tokens: int | None, val_bpb: float | None) -> float | None:
    """The number of bytes that a log divided by: val_loss / ln 2 * val_tokens / val_bpb."""
    if not val_loss or not val_tokens or not val_bpb:
        return None
    return val_loss / math.log(2) * val_tokens / val_bpb


def setting(settings: Mapping[str, str], *names: str) -> str | None:
    """The value under any of these names, whatever their case."""
    for name in names:
        for spelled in (name, name.upper()):
            if spelled in settings:
                return settings[spelled]
    return None


def assemble(draft: Draft, index: int, echoes_source: bool) -> Run:
    evaluations = join_exact(draft.evaluations)
    seed, seed_source = _seed(draft)
    train_seconds, train_line = _train_seconds(draft)
    total = sizes.artifact(draft)
    world = setting(draft.settings, "world_size")
    cap = setting(draft.settings, "max_wallclock_seconds", "max_wallclock")
    calibration = sum(seconds for _, seconds in draft.calibrations.values()) if draft.calibrations else None
    run = Run(
        log=draft.log, index=index, first_line=draft.first_line, seed=seed, seed_source=seed_source,
        steps=draft.steps, planned_steps=draft.planned_steps,
        world_size=draft.world_size or (whole(world) if world else None) or draft.asked_world_size, gpu=draft.gpu,
        hyperparameters=draft.settings, hyperparameter_lines=draft.setting_lines,
        train_seconds=train_seconds, train_seconds_line=train_line,
        calibration_seconds=calibration,
        calibration_line=max((line for line, _ in draft.calibrations.values()), default=None),
        wallclock_cap_seconds=number(cap) if cap else None,
        reserve_seconds=draft.reserve_seconds, effective_budget_seconds=draft.effective_budget_seconds,
        step_average_ms=draft.step_average_ms, average_over=draft.average_over,
        burst_seconds=sum(seconds for _, seconds in draft.bursts.values()) if draft.bursts else None,
        burst_line=max((line for line, _ in draft.bursts.values()), default=None),
        evaluations=evaluations, beside=tuple(draft.beside), total_eval_seconds=draft.total_eval_seconds,
        val_tokens=draft.val_tokens, set_tokens=draft.val_tokens, val_tokens_line=draft.val_tokens_line,
        artifact_bytes=total[0] if total else None, artifact_line=total[1] if total else None,
        totals=tuple((size.amount, size.line) for size in draft.each_total),
        raw_artifact_bytes=sizes.raw_total(draft), model_bytes=sizes.model_bytes(draft),
        raw_model_bytes=sizes.raw_model_bytes(draft), code_bytes=sizes.code_bytes(draft),
        code_bytes_compressed=draft.code.get("compressed"), code_bytes_uncompressed=draft.code.get("uncompressed"),
        model_params=draft.model_params, train_shards=draft.train_shards,
        tokenizer=draft.tokenizer or setting(draft.settings, "tokenizer_path"),
        dataset=draft.dataset or setting(draft.settings, "data_path", "datasets_dir", "data_dir"),
        adaptation=draft.adaptation.lines(), ngram=draft.ngram.lines(), ppm=draft.ppm.lines(),
        beginnings=tuple(draft.beginnings.values()),
        gates=draft.gates, gates_line=draft.gates_line,
        byte_sidecar=draft.byte_sidecar, byte_sidecar_line=draft.byte_sidecar_line,
        evaluated_apart_from_line=draft.evaluated_apart_from_line,
        complete=any(is_final(e) for e in evaluations),
        echoes_source=echoes_source, content_digest=_digest(draft, evaluations),
    )  # fmt: skip
    score, because = choose_score(evaluations)
    run = with_score(replace(run, passes=tuple(draft.passes)), score, because, draft.adapt_seconds)
    named, explicit = seed_of_name(draft.log)
    unread = tuple(_unread(draft, run))
    said = tuple(f"The {what} on line {line} is not understood: {why}." for what, line, why in unread)
    if run.not_finite is not None:
        said += (f"The final evaluation on line {run.not_finite.line} printed {run.not_finite.printed}.",)
    if draft.other_seed is not None:
        said += (
            f"Line {draft.other_seed_line} says seed {draft.other_seed}, line {draft.seed_line} seed {draft.seed}: two "
            "runs write into this log, or one line is not the run's.",
        )
    problems = (*contradictions(run, named if explicit else None), *said)
    return replace(run, problems=problems, unread=tuple(what for what, _, _ in unread))


def _unread(draft: Draft, run: Run) -> Iterator[tuple[str, int, str]]:
    """What the log prints and nobody can take a figure from: what it is, its line, and why."""
    for what, (line, why) in draft.unread.items():
        yield what, line, why
    if run.score is not None and run.score.unread and run.eval_seconds is None:
        yield "evaluation time", run.score.line, run.score.unread


def with_score(run: Run, score: Evaluation | None, because: str, fallback_seconds: float | None = None) -> Run:
    """The run with another evaluation as its score, and everything that follows from it."""
    seconds = score.seconds if score else None
    if seconds is None and score is not None and score.step is None and not score.unread:
        seconds = fallback_seconds if fallback_seconds is not None else run.total_eval_seconds
    waited = waited_for(run.passes, score, run.train_seconds_line or run.first_line) if score else 0.0
    if score is not None and score.step is None and waited:
        seconds = (seconds or 0.0) + waited
    tokens = _scored_tokens(run, score)
    return replace(
        run,
        val_tokens=tokens,
        score=score,
        score_because=because,
        eval_seconds=seconds,
        waited_seconds=waited,
        implied_bytes=implied_bytes(score.val_loss, tokens, score.val_bpb) if score else None,
    )


def _scored_tokens(run: Run, score: Evaluation | None) -> int | None:
    """The tokens of the set, or of the part that the score's own line says it covers; the share of one rank is none."""
    whole = run.set_tokens if run.set_tokens is not None else run.val_tokens
    part = score.tokens if score is not None else None
    if whole is None or part is None or not 0 < part < whole:
        return whole
    ranks = whole / part
    of_a_rank = abs(ranks - round(ranks)) < _SHARE * ranks and round(ranks) in (run.world_size, *_RANKS)
    return whole if of_a_rank or part > (1 - _SHARE) * whole else part


def _seed(draft: Draft) -> tuple[int | None, str]:
    """The seed of the training: an evaluation that loads a checkpoint has a seed of its own, which decides nothing."""
    if not draft.trained and draft.loaded_seed is not None:
        return draft.loaded_seed, f"the checkpoint on line {draft.loaded_line}"
    if draft.seed is not None:
        return draft.seed, f"line {draft.seed_line}"
    named, _ = seed_of_name(draft.log)
    return named, "" if named is None else "file name"


def _train_seconds(draft: Draft) -> tuple[float | None, int | None]:
    """The stopping line first, then the last step that tells milliseconds, then what is told in minutes.

    What is printed later and not understood leaves the time unknown: it may be longer than all that is.
    """
    if "training time" in draft.unread:
        return None, draft.unread["training time"][0]
    if draft.stop_seconds is not None:
        return draft.stop_seconds, draft.stop_line
    if draft.step_seconds is not None:
        return draft.step_seconds, draft.step_line
    return draft.coarse_seconds, draft.coarse_line


def _digest(draft: Draft, evaluations: tuple[Evaluation, ...]) -> str:
    """Over the figures: copies of a log agree, however they were renamed, trimmed or re-seeded."""
    figures = [f"{e.label}|{e.val_bpb}|{e.val_loss}|{e.step}" for e in evaluations]
    figures += [f"{draft.steps}", f"{draft.stop_seconds}", f"{sizes.artifact(draft)}"]
    return hashlib.sha256("\n".join(figures).encode("utf-8", "surrogatepass")).hexdigest()[:16]
