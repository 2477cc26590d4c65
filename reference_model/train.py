"""One run from its configuration to its score: train, calibrate, quantize, store, load back, evaluate.

Run as a script it takes its configuration from the environment, on one process or under torchrun.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from reference_model.config import SCALES, RunConfig
from reference_model.evaluation.bytes import byte_table, load_tokenizer
from reference_model.evaluation.score import Score, evaluate_roundtrip, evaluate_sliding
from reference_model.log import (
    Log,
    calibrated_line,
    console,
    data_lines,
    evaluation_line,
    hyperparameter_lines,
    memory_line,
    raw_size_lines,
    reserve_line,
    resumed_line,
    size_lines,
)
from reference_model.model.attention import backend
from reference_model.model.network import GPT, flops_per_token
from reference_model.quantization.artifact import unpack
from reference_model.quantization.compress import compress
from reference_model.quantization.hessian import collect_hessians
from reference_model.runtime import Runtime, runtime, seed_everything, surroundings
from reference_model.training.checkpoint import WEIGHTS, load, save
from reference_model.training.data import load_validation, training_shards
from reference_model.training.trainer import Trained, Trainer

ARTIFACT = "final_model.int6.ptz"
_CPU_FLOPS = 1e13  # of a step, beyond what a CPU does in a minute; the record's has 2.1e14
_CALIBRATION_SHARE = 0.9  # of what is left of the budget: the last batch may begin until then


def train_and_evaluate(
    config: RunConfig,
    log: Log,
    run: Runtime | None = None,
    code_bytes: int = 0,
    artifact: Path = Path(ARTIFACT),
    weights: str = "",
) -> tuple[Trained, dict[str, Score]]:
    """Trains a model with `config`, writes `artifact`, and scores what that file holds: the scores by their names.

    The weights are written beside the artifact before they are quantized; with `weights` a run goes on from such a
    file and trains nothing. `code_bytes` is what the code counts of the cap. Raises OSError or ValueError for data or
    weights that won't do before anything is computed (`data_check` has a closer look), ArithmeticError for a loss that
    is not finite, and what `compress` raises where the artifact cannot fit.
    """
    run = run or Runtime()
    kept: list[str] = []

    def write(line: str) -> None:
        kept.append(line)
        log(line)

    shards, val = training_shards(config), load_validation(config)
    table = byte_table(load_tokenizer(config.tokenizer_path))
    if len(table.base) != config.model.vocab_size:
        raise ValueError(f"{config.tokenizer_path}: {len(table.base)} pieces are not the model's vocabulary")
    if val.numel() <= config.data.expected_val_tokens:
        raise ValueError(f"{config.val_files}: not all of the validation set: {val.numel() - 1:,} tokens to score")
    seed_everything(config.seed)
    budget = config.train.budget_seconds
    if not weights:
        for line in [*hyperparameter_lines(config, run.world), *surroundings(run)]:
            write(line)
        write(f"attention: {backend(run.device, config.train.precision).__name__}")
        for line in data_lines(len(shards), val.numel() - 1):
            write(line)
        if budget is not None:
            write(reserve_line(config.train.gptq_reserve_seconds, budget))
        trainer = Trainer(config, run, write)
        trained = trainer.fit(lambda model: evaluate_roundtrip(model, val, table, config, run))
        if run.device.type == "cuda":
            write(memory_line(*run.peak_memory()))
        if run.is_main:
            save(artifact.with_name(WEIGHTS), config, trainer.model.state_dict(), trained, kept)
    else:
        before = load(Path(weights), config)
        for line in before.log:
            log(line)
        trained = before.trained
        log(resumed_line(trained.steps, WEIGHTS))
        trainer = Trainer(config, run, lambda line: None)
        trainer.take_up(before.weights, trained)
    limit = None if budget is None else config.train.max_wallclock_seconds - trained.seconds
    hessians = _calibrate(trainer, config, run, log, limit)
    trainer.close()
    scores: dict[str, Score] = {}

    def scored(label: str, score: Score) -> None:
        log(evaluation_line(label, score))
        scores[label] = score

    scored("pre-quantization post-ema", evaluate_roundtrip(trainer.model, val, table, config, run))
    if run.is_main:
        _store(trainer.model, hessians, config, log, code_bytes, artifact)
    run.wait()
    restored = _restore(artifact, config, run, trainer.model.recurrent)
    scored("final_int6_roundtrip", evaluate_roundtrip(restored, val, table, config, run))
    if config.eval.sliding_window_enabled:
        scored("final_int6_sliding_window", evaluate_sliding(restored, val, table, config, run))
    return trained, scores


def _calibrate(trainer: Trainer, config: RunConfig, run: Runtime, log: Log, seconds: float | None) -> dict[str, Tensor]:
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
    log(calibrated_line(len(hessians), used[0] * run.world, run.clock() - started))
    return hessians


def _store(
    model: GPT, hessians: Mapping[str, Tensor], config: RunConfig, log: Log, code_bytes: int, path: Path
) -> None:
    """Writes the artifact."""
    raw = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    for line in raw_size_lines(raw, code_bytes):
        log(line)
    fitted = compress(model, hessians, config.quant, code_bytes, log)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(fitted.blob)
    os.replace(partial, path)
    for line in size_lines(len(fitted.blob), code_bytes):
        log(line)


def _restore(path: Path, config: RunConfig, run: Runtime, recurrent: bool) -> GPT:
    """A model with the weights that the artifact holds, and nothing else."""
    model = GPT(config.model, backend(run.device, config.train.precision))
    model.load_state_dict(unpack(path.read_bytes(), model.state_dict()))
    model.set_recurrence(recurrent)
    return model.to(run.device)


def counted_code(script: Path) -> int:
    """Bytes of the code that trains: the script, or the whole package where that is a part of it."""
    files = script.parent.rglob("*.py") if script.with_name("runtime.py").is_file() else [script]
    return sum(path.stat().st_size for path in files)


def _require_cuda(config: RunConfig, run: Runtime) -> None:
    """A full-size run is never one on a CPU because a driver is missing. Raises ValueError."""
    step = flops_per_token(config.model, False) * config.train.train_batch_tokens
    if step > _CPU_FLOPS and run.device.type != "cuda":
        built = f"was built for CUDA {torch.version.cuda}" if torch.version.cuda else "was built without CUDA"
        raise ValueError(f"steps of this size want CUDA, and torch {torch.__version__} ({built}) finds no card")


def main() -> int:
    """A run by the environment's variables: the configuration's names in capitals, SCALE, FROM_CHECKPOINT, torchrun's.

    What goes wrong is said in one line. Of several ranks the first to fail says it and ends at once, waiting for none:
    torchrun then ends the others. One of several ranks never returns from here: threads of gloo may hold tensors when
    the interpreter is taken down, and would abort the process of a run that is finished.
    """
    environ = os.environ
    rank, several = environ.get("RANK", "0"), environ.get("WORLD_SIZE", "1") != "1"
    status = 0
    scale, weights = environ.get("SCALE", "record"), environ.get("FROM_CHECKPOINT", "")
    try:
        if scale not in SCALES:
            raise ValueError(f"SCALE={scale!r} is none of {', '.join(SCALES)}")
        config = RunConfig.from_environment(SCALES[scale](), environ)
        with runtime(environ) as run:
            _require_cuda(config, run)
            log = console(run.is_main)
            train_and_evaluate(config, log, run, counted_code(Path(__file__)), weights=weights)
    except Exception as error:
        if not isinstance(error, OSError | ValueError):  # settings, data, an artifact that can't fit: no traceback
            traceback.print_exc()
        which = f"rank {rank}: " if several else ""
        print(f"{which}{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        status = 1
    if several:
        sys.stdout.flush()
        os._exit(status)
    return status


if __name__ == "__main__":
    sys.exit(main())
