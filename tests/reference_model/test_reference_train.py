"""A run from its configuration to its log, at a tiny size: what it writes, what it keeps to, what it refuses."""

from __future__ import annotations

import math
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the trainer needs torch")
pytest.importorskip("sentencepiece", reason="the trainer needs sentencepiece")
pytest.importorskip("brotli", reason="the artifact needs brotli")

from trainer_samples import (  # noqa: E402
    LEARNING,
    VAL_TOKENS,
    Result,
    environment,
    forked_ranks,
    run,
    tiny,
    without_times,
)

from auditor.runs.model import Run  # noqa: E402
from auditor.runs.reader import read_log  # noqa: E402
from reference_model import log as lines  # noqa: E402
from reference_model import train as module  # noqa: E402
from reference_model.config import RunConfig, record  # noqa: E402
from reference_model.evaluation.score import Score  # noqa: E402
from reference_model.model.network import GPT  # noqa: E402
from reference_model.quantization.artifact import unpack  # noqa: E402
from reference_model.reproduce.unigram import unigram_bpb  # noqa: E402
from reference_model.train import counted_code, main, train_and_evaluate  # noqa: E402
from reference_model.training.data import find_shards, load_validation, write_shard  # noqa: E402


@pytest.fixture(scope="module")
def done(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, list[str], Path]:
    """The one run here that learns; nobody writes into its folder."""
    artifact = tmp_path_factory.mktemp("run") / "model.bin"
    return *run(tiny(folder, **LEARNING), artifact), artifact


def as_read(written: list[str]) -> Run:
    (found,) = read_log("train_seed42.log", "\n".join(written) + "\n")
    return found


def test_learns_and_scores(folder: Path, done: tuple[Result, list[str], Path]) -> None:
    result, written, _ = done
    score = result.sliding
    assert score is not None
    untrained = float(re.search(r"^0/30 val_loss: \S+ val_bpb: (\S+)", "\n".join(written), re.M)[1])  # type: ignore[index]
    assert untrained == pytest.approx(math.log2(1024) * (VAL_TOKENS - 1) / score.bytes, rel=0.01)
    assert score.bits_per_byte < unigram_bpb(tiny(folder)) - 0.1 < untrained
    assert result.roundtrip.tokens == score.tokens == result.before.tokens == VAL_TOKENS - 1
    assert abs(result.roundtrip.bits_per_byte / result.before.bits_per_byte - 1) < 0.03
    assert result.trained.steps == 30


def test_the_auditor_reads_the_whole_log(done: tuple[Result, list[str], Path]) -> None:
    result, written, artifact = done
    score = result.sliding
    assert score is not None
    found = as_read(written)
    assert found.problems == ()
    assert found.complete
    assert (found.seed, found.world_size, found.steps, found.planned_steps) == (42, 1, 30, 30)
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
    assert [entry.step for entry in found.evaluations if entry.step is not None] == [0, 30]
    model = GPT(tiny(Path(), **LEARNING).model).state_dict()
    assert found.model_params == sum(map(torch.numel, unpack(artifact.read_bytes(), model).values()))
    assert found.train_shards == 2
    assert found.hyperparameters["iterations"] == "30"
    assert (found.adaptation, found.ngram, found.ppm) == ((), (), ())


def test_recurrence_starts_once_at_its_step(done: tuple[Result, list[str], Path]) -> None:
    _, written, _ = done
    starts = [index for index, line in enumerate(written) if line.startswith("recurrence:")]
    assert [written[index] for index in starts] == ["recurrence:activated at step 18, layers=[0, 1, 2, 3, 2, 3, 4, 5]"]
    assert written[starts[0] - 1].startswith("10/30 train_loss")


def test_the_same_seed_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("one", "other")]
    logs = [without_times(run(tiny(folder), path)[1]) for path in paths]
    assert logs[0] == logs[1]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_another_seed_is_another_run(folder: Path, tmp_path: Path) -> None:
    results = [run(tiny(folder, SEED=seed, ITERATIONS="2"), tmp_path / seed) for seed in ("1", "2")]
    assert results[0][0].roundtrip.bits_per_byte != results[1][0].roundtrip.bits_per_byte
    assert [as_read(written).seed for _, written in results] == [1, 2]
    assert results[0][0].sliding is None


def test_warm_up_leaves_no_trace(folder: Path, tmp_path: Path) -> None:
    for steps in ("0", "3"):
        run(tiny(folder, WARMUP_STEPS=steps), tmp_path / steps)
    assert (tmp_path / "0").read_bytes() == (tmp_path / "3").read_bytes()


def test_stops_within_the_budget(folder: Path, tmp_path: Path) -> None:
    config = tiny(
        folder, ITERATIONS="100000", MAX_WALLCLOCK_SECONDS="5", GPTQ_RESERVE_SECONDS="2", VAL_LOSS_EVERY="20",
        GPTQ_CALIBRATION_BATCHES="100000",
    )  # fmt: skip
    result, written = run(config, tmp_path / "model.bin")
    found = as_read(written)
    assert 3 <= result.trained.steps < 10_000
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


def pre_quantization(log: Run) -> float:
    return next(found.val_loss for found in log.evaluations if found.label.startswith("pre-quant"))


def test_eight_ranks_train_the_model_that_one_does(folder: Path, tmp_path: Path) -> None:
    """As on the machine of the challenge, from the data to the score, each with one of a step's eight pieces.

    The same sequences in another order of summation: equal but for rounding.
    """
    changes = {"MICRO_BATCHES": "8", "GPTQ_CALIBRATION_BATCHES": "8", "PACED": "0.1,11.2,0.12",
               "SLIDING_WINDOW_ENABLED": "1", "TRAIN_LOG_EVERY": "1"}  # fmt: skip
    printed = forked_ranks(8, tmp_path / "eight", environment(folder, **changes))
    lines, *others = ([line for line in text.splitlines() if not line.startswith("[Gloo]")] for text in printed)
    assert others == [[]] * 7, "one rank writes"
    assert {"  world_size: 8", "  grad_accum_steps: 1", "  paced: 0.1,11.2,0.12"} <= set(lines)
    assert sum(line.startswith("4/4 train_loss:") for line in lines) == 1
    found = as_read(lines)
    assert found.problems == ()
    assert found.complete
    assert (found.world_size, found.steps, found.val_tokens) == (8, 4, VAL_TOKENS - 1)
    assert re.search(r"GPTQ:collected \d+ Hessians from 8 batches", printed[0])
    alone, _ = run(tiny(folder, **changes), tmp_path / "alone")
    assert pre_quantization(found) == pytest.approx(alone.before.nats_per_token, rel=1e-5)
    assert found.implied_bytes == pytest.approx(alone.before.bytes, rel=1e-6)
    model = GPT(tiny(folder, **changes).model).state_dict()
    assert unpack((tmp_path / "eight" / module.ARTIFACT).read_bytes(), model).keys() == model.keys()


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
    own = tmp_path / "data"
    shutil.copytree(folder, own)
    config = tiny(own, VAL_LOSS_EVERY="1")
    first, _ = run(config, tmp_path / "first")
    write_shard(find_shards(config.val_files)[0], load_validation(config).flip(0).numpy()[:500])
    second, _ = run(config, tmp_path / "second")
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    assert first.roundtrip.bits_per_byte != second.roundtrip.bits_per_byte
    assert first.trained.steps == second.trained.steps
