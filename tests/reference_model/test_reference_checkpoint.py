"""Nothing of a finished training is lost, and ranks end together: errors and kills at every stage, on the CPU."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the trainer needs torch")
pytest.importorskip("sentencepiece", reason="the trainer needs sentencepiece")

from reference_model.config import RunConfig, small  # noqa: E402
from reference_model.reproduce import attempt, text  # noqa: E402
from reference_model.train import train_and_evaluate  # noqa: E402
from reference_model.training import checkpoint  # noqa: E402
from reference_model.training.checkpoint import OtherRun, load  # noqa: E402

ROOT = Path(__file__).parents[2]
TINY = {
    "ITERATIONS": "4", "TRAIN_BATCH_TOKENS": "1024", "TRAIN_SEQ_LEN": "64", "ROPE_TRAIN_SEQ_LEN": "64",
    "EVAL_SEQ_LEN": "64", "RECUR_START_STEP": "2", "GPTQ_CALIBRATION_BATCHES": "2", "VAL_BATCH_TOKENS": "4096",
    "TRAIN_LOG_EVERY": "2", "WARMUP_STEPS": "0", "SLIDING_WINDOW_ENABLED": "0", "ARTIFACT_LIMIT_BYTES": "16000000",
    "MUON_BACKEND_STEPS": "2",
}  # fmt: skip
# The script with a fault in it: AT names what fails, WHO the rank, HOW what happens.
FAULTY = """
import os, signal, sys, time
from reference_model import train
from reference_model.training.trainer import Trainer

def faulty(name, inside):
    def fail(*given, **named):
        if os.environ.get("RANK", "0") == os.environ["WHO"]:
            if os.environ["HOW"] == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise RuntimeError("the fault of this test")
        return inside(*given, **named)
    return fail if os.environ.get("AT") == name else inside

Trainer._step = faulty("step", Trainer._step)
train.compress = faulty("compress", train.compress)
train._calibrate = faulty("calibrate", train._calibrate)
sys.exit(train.main())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("data")
    text.prepare(RunConfig.from_environment(small(), {"DATA_DIR": str(found)}))
    return found


def environment(folder: Path, **more: str) -> dict[str, str]:
    ranks = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    kept = {name: value for name, value in os.environ.items() if name not in ranks}
    settings = {"DATA_DIR": str(folder), "SCALE": "small", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return kept | TINY | settings | more


def started(out: Path, world: int, given: dict[str, str]) -> subprocess.Popen[str]:
    out.mkdir(exist_ok=True)
    (out / "faulty.py").write_text(textwrap.dedent(FAULTY), "utf-8")
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={world}"] if world > 1 else []
    return subprocess.Popen([sys.executable, *torchrun, "faulty.py"], cwd=out, env=given, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip


def figures(log: str) -> list[str]:
    """The log without what a clock tells, and without the line that says where it was taken up."""
    timed = re.compile(r"train_time: \S+|tok/s: \d+|step_ms: \S+|eval_time:\d+ms|in [\d.]+m?s|took [\d.]+s")
    return [timed.sub("", line) for line in log.splitlines() if not line.startswith("checkpoint:")]


def test_what_comes_after_training_is_repeated_from_the_weights(folder: Path, tmp_path: Path) -> None:
    """The same log and the same artifact, to the last byte, without a step of training."""
    config = RunConfig.from_environment(small(), TINY | {"DATA_DIR": str(folder)})
    first: list[str] = []
    (tmp_path / "first").mkdir()
    train_and_evaluate(config, first.append, artifact=tmp_path / "first" / "a.bin")
    weights = tmp_path / "first" / checkpoint.WEIGHTS
    assert weights.name == attempt.WEIGHTS
    again: list[str] = []
    (tmp_path / "again").mkdir()
    train_and_evaluate(config, again.append, artifact=tmp_path / "again" / "a.bin", weights=str(weights))
    assert (tmp_path / "again" / "a.bin").read_bytes() == (tmp_path / "first" / "a.bin").read_bytes()
    assert figures("\n".join(again)) == figures("\n".join(first))
    assert any(line.startswith("checkpoint: final_model.pt holds the weights after step 4") for line in again)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"SEED": "7"}, "trained with seed=42, and 7 is asked for"),
        ({"ITERATIONS": "5"}, "iterations=4, and 5"),
        ({"MATRIX_BITS": "5", "EVAL_STRIDE": "32"}, ""),
    ],
)
def test_weights_of_another_training_are_refused(
    changed: dict[str, str], said: str, folder: Path, tmp_path: Path
) -> None:
    given = TINY | {"DATA_DIR": str(folder)}
    config = RunConfig.from_environment(small(), given)
    path = tmp_path / "w.pt"
    checkpoint.save(path, config, {"a": torch.ones(2)}, checkpoint.Trained(4, 1.5), ["a line"])
    other = RunConfig.from_environment(small(), given | changed)
    if not said:
        assert load(path, other).log == ("a line",)
        return
    with pytest.raises(OtherRun, match=said):
        load(path, other)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut"])
def test_what_are_no_weights_is_said(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "w.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"w\.pt: no weights of a finished training"):
        load(tmp_path / "w.pt", small())


@pytest.mark.parametrize("how", ["raise", "kill"])
def test_a_rank_that_fails_ends_all_of_them(how: str, folder: Path, tmp_path: Path) -> None:
    """The other rank waits in an exchange; it must not do so until a time limit."""
    process = started(tmp_path / "run", 2, environment(folder, AT="step", WHO="1", HOW=how))
    began = time.monotonic()
    out, errors = process.communicate(timeout=240)
    assert process.returncode != 0
    first = re.search(r"^rank \d+: .*", errors, re.MULTILINE)
    if how == "raise":
        assert first is not None
        assert first[0] == "rank 1: RuntimeError: the fault of this test", errors
    else:
        assert re.search(r"exitcode *: -9", errors), errors
    assert time.monotonic() - began < 200, "most of it is the start of two processes on a busy machine"
    assert "final_" not in out


def test_a_kill_after_training_loses_no_training(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = started(out, 1, environment(folder, AT="calibrate", WHO="0", HOW="kill"))
    before, _ = process.communicate(timeout=240)
    assert process.returncode == -signal.SIGKILL
    weights = out / checkpoint.WEIGHTS
    assert weights.is_file()
    process = started(out, 1, environment(folder, FROM_CHECKPOINT=str(weights), AT="step", WHO="0", HOW="raise"))
    after, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors  # no step is taken: it would have failed
    assert figures(after)[: len(figures(before)) - 3] == figures(before)[: len(figures(before)) - 3]
    assert "final_int6_roundtrip val_loss:" in after
