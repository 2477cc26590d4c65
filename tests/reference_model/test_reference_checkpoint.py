"""Nothing of a finished training is lost, and ranks end together: errors and kills at every stage, on the CPU."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the trainer needs torch")
pytest.importorskip("sentencepiece", reason="the trainer needs sentencepiece")

from trainer_samples import environment, run, tiny, without_times  # noqa: E402

from reference_model.config import small  # noqa: E402
from reference_model.reproduce import attempt  # noqa: E402
from reference_model.training import checkpoint  # noqa: E402
from reference_model.training.checkpoint import OtherRun, load  # noqa: E402
from reference_model.training.trainer import Trainer  # noqa: E402

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
            with open("fault", "w") as file:
                file.write(str(time.time()))
            raise RuntimeError("the fault of this test")
        return inside(*given, **named)
    return fail if os.environ.get("AT") == name else inside

Trainer._step = faulty("step", Trainer._step)
train._calibrate = faulty("calibrate", train._calibrate)
sys.exit(train.main())
"""


def ended(out: Path, world: int, given: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A run of the script with the fault."""
    out.mkdir()
    (out / "faulty.py").write_text(FAULTY, "utf-8")
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={world}"] if world > 1 else []
    return subprocess.run([sys.executable, *torchrun, "faulty.py"], cwd=out, env=given, capture_output=True, text=True,
                          timeout=300, check=False)  # fmt: skip


def test_what_comes_after_training_is_repeated_from_the_weights(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same log and the same artifact, to the last byte, without a step of training."""
    first, again = tmp_path / "first", tmp_path / "again"
    for place in (first, again):
        place.mkdir()
    _, before = run(tiny(folder), first / "a.bin")
    weights = first / checkpoint.WEIGHTS
    assert weights.name == attempt.WEIGHTS
    monkeypatch.setattr(Trainer, "_step", lambda *given: pytest.fail("trains again"))
    _, after = run(tiny(folder), again / "a.bin", weights=str(weights))
    assert (again / "a.bin").read_bytes() == (first / "a.bin").read_bytes()
    assert without_times(after) == without_times(before)
    assert any(line.startswith("checkpoint: final_model.pt holds the weights after step 4") for line in after)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"SEED": "7"}, "trained with seed=42, and 7 is asked for"),
        ({"ITERATIONS": "5"}, "iterations=4, and 5"),
        ({"MATRIX_BITS": "5", "EVAL_STRIDE": "16"}, ""),
    ],
)
def test_weights_of_another_training_are_refused(
    changed: dict[str, str], said: str, folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "w.pt"
    checkpoint.save(path, tiny(folder), {"a": torch.ones(2)}, checkpoint.Trained(4, 1.5), ["a line"])
    other = tiny(folder, **changed)
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


def test_a_rank_that_fails_ends_all_of_them(folder: Path, tmp_path: Path) -> None:
    """The other rank waits in an exchange; it must not do so until a time limit."""
    done = ended(tmp_path / "run", 2, environment(folder, AT="step", WHO="1", HOW="raise"))
    since = time.time() - float((tmp_path / "run" / "fault").read_text())
    assert done.returncode != 0
    first = re.search(r"^rank \d+: .*", done.stderr, re.MULTILINE)
    assert first is not None, done.stderr
    assert first[0] == "rank 1: RuntimeError: the fault of this test"
    assert since < 30, "seconds from the fault to the end of every process"
    assert "final_" not in done.stdout


def test_a_kill_after_training_loses_no_training(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed = ended(tmp_path / "run", 1, environment(folder, AT="calibrate", WHO="0", HOW="kill"))
    assert killed.returncode == -signal.SIGKILL
    weights = tmp_path / "run" / checkpoint.WEIGHTS
    monkeypatch.setattr(Trainer, "_step", lambda *given: pytest.fail("trains again"))
    _, after = run(tiny(folder), tmp_path / "model.bin", weights=str(weights))
    before = without_times(killed.stdout.splitlines())
    assert any(line.startswith("4/4 val_loss:") for line in before)
    assert without_times(after)[: len(before)] == before
    assert any(line.startswith("final_int6_roundtrip val_loss:") for line in after)
