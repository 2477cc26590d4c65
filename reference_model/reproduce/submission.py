"""The record folder of a finished run: README.md, submission.json, requirements.txt, the logs, train_gpt.py.

Every figure in it is read off the logs; nothing is rounded twice.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reference_model.config import RunConfig
from reference_model.reproduce import target
from reference_model.reproduce.curves import curves, steps_of
from reference_model.reproduce.results import Progress, SeedResult
from reference_model.reproduce.runner import write_whole

RECORD_TRACK, OTHER_TRACK = "track_10min_16mb", "track_non_record_16mb"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the logs do not say of a submission. `day` is ISO; `settings` were changed from the scale's own."""

    config: RunConfig
    day: str
    nproc: int
    hardware: str
    settings: Mapping[str, str]
    versions: Mapping[str, str]
    author: str
    github_id: str
    at_once: int = 1  # seeds that ran at the same time

    @property
    def compared(self) -> bool:
        """Whether the record's own course stands beside the seeds'."""
        return self.config.scale == "record"

    @property
    def is_record_attempt(self) -> bool:
        return self.config.scale == "record" and not self.settings

    @property
    def name(self) -> str:
        return f"Reference model, {self.config.scale} scale"


def folder_name(config: RunConfig, day: str, settings: Mapping[str, str]) -> str:
    """Its place in the challenge's repository: only the unchanged record scale is in the record track."""
    record = config.scale == "record" and not settings
    changed = "_Changed" if settings else ""
    return f"records/{RECORD_TRACK if record else OTHER_TRACK}/{day}_Reference_{config.scale.capitalize()}{changed}"


def write(folder: Path, script: str, logs: Mapping[int, str], results: Sequence[SeedResult], facts: Facts) -> None:
    """Writes the folder's files; each is there whole or not at all. A log that is not of `results` is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {f"train_seed{result.seed}.log" for result in results}
    for stale in folder.glob("train_seed*.log"):
        if stale.name not in wanted:
            stale.unlink()
    for result in results:
        write_whole(folder / f"train_seed{result.seed}.log", logs[result.seed])
    write_whole(folder / "train_gpt.py", script)
    write_whole(folder / "requirements.txt", requirements(facts.versions))
    write_whole(folder / "submission.json", json.dumps(claims(results, facts), indent=2) + "\n")
    write_whole(folder / "curves.svg", curves(logs, results, facts.compared))
    write_whole(folder / "README.md", readme(results, facts, {seed: steps_of(log) for seed, log in logs.items()}))


def requirements(versions: Mapping[str, str]) -> str:
    """The packages as they were at the run; without the part of a version that names a build."""
    return "".join(f"{name}=={version.partition('+')[0]}\n" for name, version in sorted(versions.items()))


def claims(results: Sequence[SeedResult], facts: Facts) -> dict[str, object]:
    """submission.json: means over the seeds, and each seed's own figures."""
    return {
        "author": facts.author,
        "github_id": facts.github_id,
        "name": facts.name,
        "blurb": _blurb(facts),
        "date": facts.day,
        "track": RECORD_TRACK if facts.is_record_attempt else OTHER_TRACK,
        **({} if facts.is_record_attempt else {"non_record": True}),
        "val_loss": round(_mean([r.score.val_loss for r in results]), 8),
        "val_bpb": round(_mean([r.score.val_bpb for r in results]), 8),
        **({"val_bpb_std": round(statistics.stdev(r.score.val_bpb for r in results), 8)} if len(results) > 1 else {}),
        "bytes_total": max(r.artifact_bytes for r in results),
        "bytes_code": max(r.code_bytes for r in results),
        "hardware": facts.hardware,
        "seeds": [r.seed for r in results],
        "seed_results": {
            str(r.seed): {
                "val_loss": r.score.val_loss,
                "val_bpb": r.score.val_bpb,
                "artifact_bytes": r.artifact_bytes,
                "steps": r.steps,
            }
            for r in results
        },
    }


def readme(results: Sequence[SeedResult], facts: Facts, steps: Mapping[int, Sequence[Progress]]) -> str:
    """README.md: what was run, the figures, the course of each seed over the record's, how to run it again."""
    mean_bpb, mean_loss = (_mean([getattr(r.score, name) for r in results]) for name in ("val_bpb", "val_loss"))
    changed = [f"`{name}={value}`" for name, value in sorted(facts.settings.items())]
    mean = ("**mean**", f"**{mean_bpb:.8f}**", f"{mean_loss:.8f}", "", "")
    scores = _table(("seed", "val_bpb", "val_loss", "steps", "artifact bytes"), [*map(_row, results), mean])
    paces = _table(("seed", "training s", "ms a step", "tokens/s", "MFU", "last training loss"),
                   [_course(result, steps.get(result.seed, ())) for result in results])  # fmt: skip
    sections = [
        f"# {facts.name}",
        _blurb(facts),
        *([f"Changed from that scale's own values: {', '.join(changed)}."] if changed else []),
        scores,
        f"Hardware: {facts.hardware}. The score is the sliding window's, of the weights that were read back from the "
        f"artifact; every validation token is scored once.",
        "## Course",
        "![training loss, time of a step, work done and validation of each seed](curves.svg)",
        "Bits per byte of the validation set from stage to stage:",
        _stages(results, facts.compared),
        *(["Training loss at the steps of the record's logs:", _losses(steps)] if facts.compared else []),
        paces,
        *([] if facts.at_once == 1 else
          [f"Up to {facts.at_once} seeds ran at the same time: these times are no measure of speed."]),
        "## Again",
        f"A seed is run beside `train_gpt.py`, with {_data(facts)} in the folder `data` there:",
        "```bash\n" + command(facts, results[0].seed) + "\n```",
    ]  # fmt: skip
    return "\n\n".join(sections) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def _stages(results: Sequence[SeedResult], compared: bool) -> str:
    names = list(dict.fromkeys(evaluation.name for result in results for evaluation in result.evaluations))
    rows = []
    for result in results:
        found = {evaluation.name: evaluation.val_bpb for evaluation in result.evaluations}
        values = [result.untrained_bpb, *map(found.get, names)]
        rows.append([str(result.seed), *("-" if value is None else f"{value:.4f}" for value in values)])
    if compared:
        record = {"untrained": target.UNTRAINED, **dict(target.STAGES)}
        rows.append([f"record ({target.NAME})", *(_range(record.get(name)) for name in ("untrained", *names))])
    return _table(("seed", "untrained", *names), rows)


def _losses(steps: Mapping[int, Sequence[Progress]]) -> str:
    seen = {seed: {step.step: step.loss for step in told} for seed, told in steps.items()}
    rows = [
        [f"{step:,}", *(f"{losses[step]:.4f}" if step in losses else "-" for losses in seen.values()), _range(known)]
        for step, known in target.LOSSES.items()
    ]
    return _table(("step", *(f"seed {seed}" for seed in seen), f"record ({target.NAME})"), rows)


def _range(values: Sequence[float] | None) -> str:
    return "-" if values is None else f"{min(values):.4f} to {max(values):.4f}"


def _data(facts: Facts) -> str:
    if facts.config.scale == "record":
        return "what `golf-reproduce data` fetches"
    return "what `golf-reproduce --scale small` has made in the folder `data` of its output"


def command(facts: Facts, seed: int) -> str:
    """How to run one seed again, next to the script."""
    scale = {} if facts.config.scale == "record" else {"SCALE": facts.config.scale}
    settings = {"SEED": str(seed), **scale, **dict(sorted(facts.settings.items())), "DATA_DIR": "./data"}
    how = "python" if facts.nproc == 1 else f"torchrun --standalone --nproc_per_node={facts.nproc}"
    return f"{' '.join(f'{name}={value}' for name, value in settings.items())} {how} train_gpt.py"


def _blurb(facts: Facts) -> str:
    model = facts.config.model
    shape = f"{model.num_layers} layers of width {model.model_dim}, vocabulary {model.vocab_size}"
    parts = (
        "depth recurrence, two residual lanes, gated U-Net skips, value embeddings, exclusive self-attention, "
        "MuonEq-R, weight averaging, full-Hessian GPTQ, pruning and Brotli"
    )
    if facts.config.scale == "record":
        return f"A reproduction of pull request 1395 from a trainer written anew: {shape}; {parts}."
    return (
        f"Every part of the trainer at a small size, on Python's own sources instead of FineWeb: {shape}; {parts}. "
        "The figures compare with no other submission's."
    )


def _row(result: SeedResult) -> tuple[str, ...]:
    score = result.score
    return (str(result.seed), f"{score.val_bpb:.8f}", f"{score.val_loss:.8f}", f"{result.steps:,}",
            f"{result.artifact_bytes:,}")  # fmt: skip


def _course(result: SeedResult, steps: Sequence[Progress]) -> tuple[str, ...]:
    """Means over all of the training, MFU as the median of what the log's lines say."""
    seconds = result.train_seconds or 0.0
    pace = f"{1000 * seconds / result.steps:.1f}" if result.steps and seconds else "-"
    shares = [step.mfu for step in steps if step.mfu is not None]
    share = f"{100 * statistics.median(shares):.1f} %" if shares else "-"
    rate, loss = (f"{steps[-1].tokens_per_second:,}", f"{steps[-1].loss:.4f}") if steps else ("-", "-")
    return str(result.seed), f"{seconds:.1f}", pace, rate, share, loss


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
