"""One run from its configuration to its score: train, calibrate, quantize, store, load back, evaluate.

Run as a script it takes its configuration from the environment, on one process or under torchrun.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from reference_model import log as lines
from reference_model.artifact import unpack
from reference_model.attention import backend, name
from reference_model.bytes import ByteTable, byte_table, load_tokenizer
from reference_model.compress import compress
from reference_model.config import SCALES, RunConfig
from reference_model.data import check, find_shards, load_validation
from reference_model.evaluation import Score, evaluate_roundtrip, evaluate_sliding
from reference_model.hessian import collect_hessians
from reference_model.log import Log
from reference_model.model import GPT
from reference_model.runtime import Runtime, runtime, seed_everything, surroundings
from reference_model.trainer import Trainer

ARTIFACT = "final_model.int6.ptz"
_CALIBRATION_SHARE = 0.9  # of what is left of the budget: the last batch may begin until then


class DataRefused(ValueError):
    """The data or the tokenizer won't do; one line for each problem."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run came to. Seconds of wall clock; sizes in bytes."""

    seed: int
    steps: int
    train_seconds: float
    calibration_seconds: float
    model_bytes: int
    code_bytes: int
    before_quantization: Score
    roundtrip: Score
    sliding: Score | None

    @property
    def score(self) -> Score:
        return self.sliding or self.roundtrip


def train(
    config: RunConfig, log: Log, run: Runtime | None = None, code_bytes: int = 0, artifact: Path = Path(ARTIFACT)
) -> RunResult:
    """Trains a model with `config`, writes `artifact`, and scores what that file holds.

    `code_bytes` is what the code counts of the cap. Raises DataRefused before anything is computed, and what
    `compress` raises where the artifact cannot fit.
    """
    run = run or Runtime()
    problems = check(config)
    if problems:
        raise DataRefused("\n".join(f"{problem.where}: {problem.message}" for problem in problems))
    seed_everything(config.seed)
    for line in [*lines.hyperparameters(config, run.world), *surroundings(run)]:
        log(line)
    log(f"attention: {name(backend(run.device))}")
    val = load_validation(config)
    table = byte_table(load_tokenizer(config.tokenizer_path))
    for line in lines.data(len(find_shards(config.train_files)), val.numel() - 1):
        log(line)
    budget = config.train.budget_seconds
    if budget is not None:
        log(lines.reserve(config.train.gptq_reserve_seconds, budget))
    trainer = Trainer(config, run, log)
    trained = trainer.fit(lambda model: evaluate_roundtrip(model, val, table, config, run))
    if run.device.type == "cuda":
        log(lines.memory(*run.peak_memory()))
    limit = None if budget is None else config.train.max_wallclock_seconds - trained.seconds
    hessians, calibration_seconds = _calibrate(trainer, config, run, log, limit)
    trainer.close()
    before = evaluate_roundtrip(trainer.model, val, table, config, run)
    log(lines.evaluation("pre-quantization post-ema", before))
    model_bytes = _store(trainer.model, hessians, config, run, log, code_bytes, artifact)
    restored = _restore(artifact, config, run, trainer.model.recurrent)
    roundtrip, sliding = _final_scores(restored, val, table, config, run, log)
    return RunResult(
        config.seed, trained.steps, trained.seconds, calibration_seconds, model_bytes, code_bytes, before, roundtrip,
        sliding,
    )  # fmt: skip


def _calibrate(
    trainer: Trainer, config: RunConfig, run: Runtime, log: Log, seconds: float | None
) -> tuple[dict[str, Tensor], float]:
    """Hessians over the calibration batches of all ranks, collected within what is left of the budget."""
    log("GPTQ:collecting Hessians from training data")
    started = run.clock()
    limit = None if seconds is None else _CALIBRATION_SHARE * seconds
    used = [0]

    def batches() -> Iterator[Tensor]:
        for ids in trainer.calibration(limit):
            used[0] += 1
            yield ids

    with run.autocast(config.train.precision):
        hessians = collect_hessians(trainer.model, batches(), run.sum, run.world, config.quant.quant_min_numel)
    spent = run.clock() - started
    log(lines.calibrated(len(hessians), used[0] * run.world, spent))
    return hessians, spent


def _store(
    model: GPT, hessians: Mapping[str, Tensor], config: RunConfig, run: Runtime, log: Log, code_bytes: int, path: Path
) -> int:
    """Writes the artifact; rank 0 computes it. Bytes of the compressed model."""
    size = torch.zeros(1, dtype=torch.float64, device=run.device)
    if run.is_main:
        raw = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
        for line in lines.raw_sizes(raw, code_bytes):
            log(line)
        fitted = compress(model, hessians, config.quant, code_bytes, log)
        partial = path.with_name(path.name + ".partial")
        partial.write_bytes(fitted.blob)
        os.replace(partial, path)
        size += len(fitted.blob)
        for line in lines.sizes(len(fitted.blob), code_bytes):
            log(line)
    return round(run.sum(size).item())


def _restore(path: Path, config: RunConfig, run: Runtime, recurrent: bool) -> GPT:
    """A model with the weights that the artifact holds, and nothing else."""
    model = GPT(config.model, backend(run.device))
    model.load_state_dict(unpack(path.read_bytes()))
    model.set_recurrence(recurrent)
    return model.to(run.device)


def _final_scores(
    model: GPT, val: Tensor, table: ByteTable, config: RunConfig, run: Runtime, log: Log
) -> tuple[Score, Score | None]:
    roundtrip = evaluate_roundtrip(model, val, table, config, run)
    log(lines.evaluation("final_int6_roundtrip", roundtrip))
    if not config.eval.sliding_window_enabled:
        return roundtrip, None
    sliding = evaluate_sliding(model, val, table, config, run)
    log(lines.evaluation("final_int6_sliding_window", sliding))
    return roundtrip, sliding


def counted_code(main_file: str | None) -> int:
    """Bytes of the code that trains: the script that was started, or the whole package where that is a part of it."""
    if main_file is None:
        return 0
    script = Path(main_file)
    files = sorted(script.parent.glob("*.py")) if (script.parent / "trainer.py").is_file() else [script]
    return sum(path.stat().st_size for path in files)


def main() -> int:
    """A run by the environment's variables: the configuration's names in capitals, SCALE, and torchrun's."""
    environ = os.environ
    scale = environ.get("SCALE", "record")
    if scale not in SCALES:
        print(f"SCALE={scale!r} is none of {', '.join(SCALES)}", file=sys.stderr)
        return 2
    try:
        config = RunConfig.from_environment(SCALES[scale](), environ)
        with runtime(environ) as run:
            code_bytes = counted_code(getattr(sys.modules["__main__"], "__file__", None))
            train(config, lines.console(run.is_main), run, code_bytes)
    except ValueError as error:  # settings, data, or an artifact that can't fit: the message says what and why
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
