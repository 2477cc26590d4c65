"""The trainer at a tiny size, for tests: its shapes and settings, its data, and the processes that run it.

What a test starts has neither pytest's path nor its fixtures: :func:`environment` gives it the path.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from reference_model.config import ModelConfig, RunConfig, small
from reference_model.evaluation.score import Score
from reference_model.reproduce import text
from reference_model.train import train_and_evaluate
from reference_model.training.data import find_shards, read_shard, write_shard
from reference_model.training.trainer import Trained

ROOT = Path(__file__).parents[2]
SAMPLES = Path(__file__).parent
VAL_TOKENS = 4001

# Every part of the record's network, at a size whose figures can be followed by hand.
MODEL = ModelConfig(
    vocab_size=40, num_layers=5, model_dim=32, num_heads=4, num_kv_heads=2, mlp_mult=2.0, rope_dims=4,
    rope_train_seq_len=32, xsa_last_n=4, recur_layers=(1, 2), parallel_start_layer=3, ve_layers=(3, 4), ve_dim=8,
    embed_dtype="float32",
)  # fmt: skip
# Settings that shrink the small scale: four steps, all parts, nothing to learn. Most of such a run is Python's start.
TINY = {
    "MODEL_DIM": "32", "NUM_HEADS": "2", "NUM_KV_HEADS": "1", "MLP_MULT": "2", "VE_DIM": "8", "QUANT_MIN_NUMEL": "256",
    "ITERATIONS": "4", "TRAIN_BATCH_TOKENS": "1024", "TRAIN_SEQ_LEN": "64", "ROPE_TRAIN_SEQ_LEN": "64",
    "EVAL_SEQ_LEN": "64", "EVAL_STRIDE": "32", "RECUR_START_STEP": "2", "GPTQ_CALIBRATION_BATCHES": "2",
    "VAL_BATCH_TOKENS": "4096", "TRAIN_LOG_EVERY": "2", "WARMUP_STEPS": "0", "SLIDING_WINDOW_ENABLED": "0",
    "MUON_BACKEND_STEPS": "2", "ARTIFACT_LIMIT_BYTES": "16000000",
}  # fmt: skip


def tiny(folder: Path, **changes: str) -> RunConfig:
    """The small scale with `TINY` and `changes`, on the data in `folder`."""
    return RunConfig.from_environment(small(), TINY | {"DATA_DIR": str(folder)} | changes)


# The same with a model that learns something, and all that a log tells: six seconds.
LEARNING = {
    "MODEL_DIM": "48", "NUM_HEADS": "4", "NUM_KV_HEADS": "2", "VE_DIM": "16", "MUON_BACKEND_STEPS": "5",
    "ITERATIONS": "30", "RECUR_START_STEP": "18", "TRAIN_LOG_EVERY": "10", "WARMUP_STEPS": "2",
    "SLIDING_WINDOW_ENABLED": "1",
}  # fmt: skip


def prepare(folder: Path) -> None:
    """The small scale's data, with a validation set of `VAL_TOKENS` tokens."""
    config = RunConfig.from_environment(small(), {"DATA_DIR": str(folder)})
    text.prepare(config)
    shorten(config)


def shorten(config: RunConfig) -> None:
    """Leaves `VAL_TOKENS` tokens of the validation set."""
    path = find_shards(config.val_files)[0]
    write_shard(path, read_shard(path)[:VAL_TOKENS].copy())


@dataclass(frozen=True)
class Result:
    """What a run came to, before quantization, read back, and with the sliding window, where there is one."""

    trained: Trained
    before: Score
    roundtrip: Score
    sliding: Score | None = None


def run(config: RunConfig, artifact: Path, weights: str = "") -> tuple[Result, list[str]]:
    """A run in this process, and the lines of its log."""
    written: list[str] = []
    trained, scores = train_and_evaluate(config, written.append, code_bytes=1000, artifact=artifact, weights=weights)
    labels = ["pre-quantization post-ema", "final_int6_roundtrip", "final_int6_sliding_window"]
    assert list(scores) == labels[: len(scores)]
    return Result(trained, *scores.values()), written


def without_times(lines: Iterable[str]) -> list[str]:
    """A log without what a clock tells, and without the lines of a warm-up and of a run that is taken up."""
    timed = re.compile(
        r"train_time: \S+|tok/s: \d+|step_ms: \S+|eval_time:\d+ms|\bin [\d.]+m?s|took [\d.]+s|warmup_steps?: \S+"
    )
    return [timed.sub("", line) for line in lines if not line.startswith(("warmup_step:", "checkpoint:"))]


# --- processes -----------------------------------------------------------------------------------------------------


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Of a process that trains at the tiny size: one thread, the project's path, and no rank but its own."""
    ranks = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    kept = {name: value for name, value in os.environ.items() if name not in ranks}
    path = os.pathsep.join((str(ROOT), str(SAMPLES)))
    fixed = {"DATA_DIR": str(folder), "SCALE": "small", "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    return kept | TINY | fixed | more


# Where the interpreter of a rank is taken down, threads of gloo abort the process now and then; here always.
TRAIN = "import os; from reference_model import train; train.main(); os.abort()"


def forked_ranks(world: int, out: Path, given: dict[str, str], code: str = TRAIN) -> list[str]:
    """What each of `world` ranks printed that ran `code` in the new folder `out`, see `trainer_ranks`."""
    out.mkdir()
    command = [sys.executable, str(SAMPLES / "trainer_ranks.py"), str(world), code]
    done = subprocess.run(command, cwd=out, env=given, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return [(out / f"rank{rank}.txt").read_text("utf-8") for rank in range(world)]
