"""A run from its configuration to its log, at a tiny size: what it writes, what it keeps to, what it refuses."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the trainer needs torch")
pytest.importorskip("sentencepiece", reason="the trainer needs sentencepiece")
pytest.importorskip("brotli", reason="the artifact needs brotli")

from auditor.runs.model import Run  # noqa: E402
from auditor.runs.reader import read_log  # noqa: E402
from reference_model import log as lines  # noqa: E402
from reference_model import train as module  # noqa: E402
from reference_model.config import RunConfig, record, small  # noqa: E402
from reference_model.evaluation.score import Score  # noqa: E402
from reference_model.model.network import GPT  # noqa: E402
from reference_model.quantization.artifact import unpack  # noqa: E402
from reference_model.reproduce import text  # noqa: E402
from reference_model.reproduce.unigram import unigram_bpb  # noqa: E402
from reference_model.train import counted_code, main, train_and_evaluate  # noqa: E402
from reference_model.training.data import find_shards, load_validation, read_shard, write_shard  # noqa: E402
from reference_model.training.trainer import Trained  # noqa: E402

TINY = {
    "ITERATIONS": "40", "TRAIN_BATCH_TOKENS": "1024", "TRAIN_SEQ_LEN": "64", "ROPE_TRAIN_SEQ_LEN": "64",
    "EVAL_SEQ_LEN": "64", "EVAL_STRIDE": "32", "RECUR_START_STEP": "24", "GPTQ_CALIBRATION_BATCHES": "2",
    "VAL_BATCH_TOKENS": "4096", "EVAL_BATCH_SEQS": "32", "TRAIN_LOG_EVERY": "10", "WARMUP_STEPS": "2",
}  # fmt: skip
VAL_TOKENS = 4001


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data of the small scale, with a shorter validation set."""
    found = tmp_path_factory.mktemp("data")
    config = RunConfig.from_environment(small(), {"DATA_DIR": str(found)})
    text.prepare(config)
    path = find_shards(config.val_files)[0]
    write_shard(path, read_shard(path)[:VAL_TOKENS].copy())
    return found


def tiny(folder: Path, **changes: str) -> RunConfig:
    return RunConfig.from_environment(small(), TINY | {"DATA_DIR": str(folder)} | changes)


@dataclass(frozen=True)
class Result:
    """What a run came to, before quantization, read back, and with the sliding window, where there is one."""

    trained: Trained
    before: Score
    roundtrip: Score
    sliding: Score | None = None


def run(config: RunConfig, artifact: Path) -> tuple[Result, list[str]]:
    written: list[str] = []
    trained, scores = train_and_evaluate(config, written.append, code_bytes=1000, artifact=artifact)
    labels = ["pre-quantization post-ema", "final_int6_roundtrip", "final_int6_sliding_window"]
    assert list(scores) == labels[: len(scores)]
    return Result(trained, *scores.values()), written


@pytest.fixture(scope="module")
def done(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, list[str], Path]:
    artifact = tmp_path_factory.mktemp("run") / "model.bin"
    return *run(tiny(folder), artifact), artifact


def as_read(written: list[str]) -> Run:
    (found,) = read_log("train_seed42.log", "\n".join(written) + "\n")
    return found


def test_learns_and_scores(folder: Path, done: tuple[Result, list[str], Path]) -> None:
    result, written, _ = done
    score = result.sliding
    assert score is not None
    untrained = float(re.search(r"^0/40 val_loss: \S+ val_bpb: (\S+)", "\n".join(written), re.M)[1])  # type: ignore[index]
    assert untrained == pytest.approx(math.log2(1024) * (VAL_TOKENS - 1) / score.bytes, rel=0.01)
    assert score.bits_per_byte < unigram_bpb(tiny(folder)) - 0.1 < untrained
    assert result.roundtrip.tokens == score.tokens == result.before.tokens == VAL_TOKENS - 1
    assert abs(result.roundtrip.bits_per_byte / result.before.bits_per_byte - 1) < 0.03
    assert result.trained.steps == 40


def test_the_auditor_reads_the_whole_log(done: tuple[Result, list[str], Path]) -> None:
    result, written, artifact = done
    score = result.sliding
    assert score is not None
    found = as_read(written)
    assert found.problems == ()
    assert found.complete
    assert (found.seed, found.world_size, found.steps, found.planned_steps) == (42, 1, 40, 40)
    assert found.train_seconds == pytest.approx(result.trained.seconds, abs=1e-3)
    assert found.calibration_seconds is not None
    assert 0 <= found.calibration_seconds < 60
    assert found.model_bytes == artifact.stat().st_size
    assert found.code_bytes == 1000
    assert found.artifact_bytes == found.model_bytes + 1000
    assert found.val_tokens == VAL_TOKENS - 1
    assert found.implied_bytes == pytest.approx(score.bytes, rel=1e-6)
    assert found.val_bpb == pytest.approx(score.bits_per_byte, abs=1e-8)
    assert found.val_loss == pytest.approx(score.nats_per_token, abs=1e-8)
    assert found.eval_seconds == pytest.approx(score.seconds, abs=1e-3)
    labels = [entry.label for entry in found.evaluations if entry.step is None]
    assert labels == ["pre-quantization post-ema", "final_int6_roundtrip", "final_int6_sliding_window"]
    assert [entry.step for entry in found.evaluations if entry.step is not None] == [0, 40]
    model = GPT(small().model).state_dict()
    assert found.model_params == sum(map(torch.numel, unpack(artifact.read_bytes(), model).values()))
    assert found.train_shards == 2
    assert found.hyperparameters["iterations"] == "40"
    assert (found.adaptation, found.ngram, found.ppm) == ((), (), ())


def test_recurrence_starts_once_at_its_step(done: tuple[Result, list[str], Path]) -> None:
    _, written, _ = done
    starts = [index for index, line in enumerate(written) if line.startswith("recurrence:")]
    assert [written[index] for index in starts] == ["recurrence:activated at step 24, layers=[0, 1, 2, 3, 2, 3, 4, 5]"]
    assert written[starts[0] - 1].startswith("20/40 train_loss")


def figures(written: list[str]) -> list[str]:
    """The log without what a clock tells."""
    timed = re.compile(
        r"train_time: \S+|tok/s: \d+|step_ms: \S+|eval_time:\d+ms|in [\d.]+m?s|took [\d.]+s|warmup_steps?: \S+"
    )
    return [timed.sub("", line) for line in written if "warmup_step:" not in line]


def test_the_same_seed_gives_the_same_bytes(folder: Path, done: tuple[Result, list[str], Path], tmp_path: Path) -> None:
    _, again = run(tiny(folder), tmp_path / "again.bin")
    assert figures(again) == figures(done[1])
    assert (tmp_path / "again.bin").read_bytes() == done[2].read_bytes()


def test_another_seed_is_another_run(folder: Path, tmp_path: Path) -> None:
    short = {"ITERATIONS": "2", "SLIDING_WINDOW_ENABLED": "0"}
    results = [run(tiny(folder, SEED=seed, **short), tmp_path / seed) for seed in ("1", "2")]
    assert results[0][0].roundtrip.bits_per_byte != results[1][0].roundtrip.bits_per_byte
    assert [as_read(written).seed for _, written in results] == [1, 2]
    assert results[0][0].sliding is None


def test_warm_up_leaves_no_trace(folder: Path, tmp_path: Path) -> None:
    for steps in ("0", "3"):
        config = tiny(folder, ITERATIONS="4", RECUR_START_STEP="2", SLIDING_WINDOW_ENABLED="0", WARMUP_STEPS=steps)
        run(config, tmp_path / steps)
    assert (tmp_path / "0").read_bytes() == (tmp_path / "3").read_bytes()


def test_stops_within_the_budget(folder: Path, tmp_path: Path) -> None:
    config = tiny(
        folder, ITERATIONS="100000", MAX_WALLCLOCK_SECONDS="5", GPTQ_RESERVE_SECONDS="2", VAL_LOSS_EVERY="2",
        GPTQ_CALIBRATION_BATCHES="100000", SLIDING_WINDOW_ENABLED="0",
    )  # fmt: skip
    result, written = run(config, tmp_path / "model.bin")
    found = as_read(written)
    assert 3 <= result.trained.steps < 1000
    assert 1.0 < result.trained.seconds <= 3.2  # a step on a busy machine can take longer than those before it
    assert found.calibration_seconds is not None
    assert result.trained.seconds + found.calibration_seconds <= 5.5
    assert found.steps == result.trained.steps
    assert found.train_seconds == pytest.approx(result.trained.seconds, abs=1e-3)
    assert (found.wallclock_cap_seconds, found.reserve_seconds, found.effective_budget_seconds) == (5.0, 2.0, 3.0)
    assert found.problems == ()
    assert any(line.startswith("stopping_early: wallclock_cap") for line in written)


def test_refuses_missing_data_before_anything_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Trainer", lambda *given: pytest.fail("trains without data"))
    written: list[str] = []
    with pytest.raises(FileNotFoundError, match="no shard here"):
        train_and_evaluate(tiny(tmp_path), written.append)
    assert written == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"EXPECTED_VAL_TOKENS": str(VAL_TOKENS)}, "not all of the validation set: 4,000 tokens"), ({}, "vocabulary")],
)
def test_refuses_other_data_before_anything_else(
    folder: Path, changes: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "Trainer", lambda *given: pytest.fail("trains on other data"))
    config = tiny(folder, **changes)
    if not changes:
        monkeypatch.setattr(RunConfig, "tokenizer_path", config.tokenizer_path)
        monkeypatch.setattr(RunConfig, "datasets_dir", config.datasets_dir)
        config = replace(config, model=replace(config.model, vocab_size=512))
    written: list[str] = []
    with pytest.raises(ValueError, match=said):
        train_and_evaluate(config, written.append)
    assert written == []


def test_refuses_an_artifact_that_cannot_fit(folder: Path, tmp_path: Path) -> None:
    config = tiny(folder, ITERATIONS="1", WARMUP_STEPS="0", ARTIFACT_LIMIT_BYTES="20000")
    with pytest.raises(ValueError, match=r"1,000 bytes of code and [\d,]+ of model .* limit of 20,000"):
        run(config, tmp_path / "model.bin")
    assert [path.name for path in tmp_path.iterdir()] == ["final_model.pt"]  # what was trained is kept


@pytest.mark.parametrize(
    ("environment", "status", "message"),
    [({"SCALE": "huge"}, 1, "SCALE='huge'"), ({"SCALE": "record"}, 1, "steps of this size want CUDA, and torch"),
     ({"ITERATIONS": "many"}, 1, "ITERATIONS='many' can't be read as int"),
     ({"DATA_DIR": "/nowhere", "SCALE": "small"}, 1, "fineweb_train_*.bin: no shard here")],
)  # fmt: skip
def test_main_says_what_is_wrong(
    environment: dict[str, str], status: int, message: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for name in ("RANK", "WORLD_SIZE", "SCALE", "ITERATIONS", "DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main() == status
    said = capsys.readouterr()
    assert message in said.err
    assert said.out == ""


def launch(folder: Path, out: Path, world: int) -> list[str]:
    out.mkdir()
    ranks = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    environment = {name: value for name, value in os.environ.items() if name not in ranks}
    environment |= TINY | {"DATA_DIR": str(folder), "SCALE": "small", "ITERATIONS": "3", "RECUR_START_STEP": "2"}
    environment |= {"SLIDING_WINDOW_ENABLED": "0", "OMP_NUM_THREADS": "1", "MUON_BACKEND_STEPS": "2"}
    environment["ARTIFACT_LIMIT_BYTES"] = "16000000"  # run as a package, all of its modules count as code
    environment["PYTHONPATH"] = str(Path(module.__file__).parents[1])
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={world}"] if world > 1 else []
    command = [sys.executable, *torchrun, "-m", "reference_model.train"]
    ended = subprocess.run(command, cwd=out, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stderr[-2000:]
    return ended.stdout.splitlines()


def test_two_ranks_train_the_model_that_one_does(folder: Path, tmp_path: Path) -> None:
    """The same sequences in another order of summation: equal but for rounding."""
    one, two = (as_read(launch(folder, tmp_path / str(world), world)) for world in (1, 2))
    assert (one.world_size, two.world_size) == (1, 2)
    assert two.problems == ()
    assert one.val_tokens == two.val_tokens
    before = [next(e for e in found.evaluations if e.label.startswith("pre-quant")) for found in (one, two)]
    assert before[0].val_loss == pytest.approx(before[1].val_loss, rel=1e-5)
    assert one.implied_bytes == pytest.approx(two.implied_bytes, rel=1e-6)


def test_log_of_the_records_size() -> None:
    """What only a run on 8 GPUs writes, read by the auditor."""
    score = Score(2.514, 1.0927, 45_516_800, 151_080_891, 75.81)
    config = record(314)
    written = [
        *lines.hyperparameter_lines(config, 8), "device: NVIDIA H100 80GB HBM3, CUDA 12.8",
        *lines.data_lines(80, 45_516_800), lines.parameters_line(34_401_372), lines.reserve_line(10.0, 590.0),
        lines.warmup_line(1, 20), lines.warmup_line(20, 20),
        lines.validation_line(0, 20_000, score),
        lines.step_line(500, 20_000, 2.9, 48.0, 500 * 786_432, 0.0998, 0.412),
        lines.recurrence_line(3000, [0, 1]), lines.stopped_line(5410, 20_000, 589.9), lines.memory_line(30208, 30250),
        lines.calibrated_line(66, 64, 9.8), lines.evaluation_line("pre-quantization post-ema", score),
        *lines.raw_size_lines(132_406_149, 55_000), *lines.size_lines(15_900_000, 55_000),
        lines.evaluation_line("final_int6_roundtrip", score), lines.evaluation_line("final_int6_sliding_window", score),
    ]  # fmt: skip
    (found,) = read_log("train_seed314.log", "\n".join(written))
    assert found.problems == ()
    assert (found.seed, found.world_size, found.steps, found.model_params) == (314, 8, 5410, 34_401_372)
    assert found.gpu == "NVIDIA H100 80GB HBM3"
    assert (found.train_seconds, found.calibration_seconds, found.eval_seconds) == (589.9, 9.8, 75.81)
    assert (found.wallclock_cap_seconds, found.reserve_seconds, found.effective_budget_seconds) == (600.0, 10.0, 590.0)
    assert (found.model_bytes, found.code_bytes, found.artifact_bytes) == (15_900_000, 55_000, 15_955_000)
    assert found.raw_model_bytes == 132_406_149
    assert found.train_shards == 80
    assert len(found.evaluations) == 4


def test_code_that_counts(tmp_path: Path) -> None:
    script = tmp_path / "train_gpt.py"
    script.write_text("x" * 123)
    assert counted_code(script) == 123
    package = Path(module.__file__).parent
    assert counted_code(package / "train.py") == sum(path.stat().st_size for path in package.rglob("*.py"))


def test_validation_data_is_only_evaluated(folder: Path, tmp_path: Path) -> None:
    """Another validation set changes scores, and no byte of the artifact."""
    short = {"ITERATIONS": "3", "SLIDING_WINDOW_ENABLED": "0", "VAL_LOSS_EVERY": "1"}
    config = tiny(folder, **short)
    first, _ = run(config, tmp_path / "first")
    path = find_shards(config.val_files)[0]
    original = path.read_bytes()
    try:
        write_shard(path, load_validation(config).flip(0).numpy()[:500])
        second, _ = run(config, tmp_path / "second")
    finally:
        path.write_bytes(original)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    assert first.roundtrip.bits_per_byte != second.roundtrip.bits_per_byte
    assert first.trained.steps == second.trained.steps
