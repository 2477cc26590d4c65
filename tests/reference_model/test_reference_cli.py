"""golf-reproduce from its command line: what it refuses, what it asks of the machine, the small scale end to end."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reference_model.config import RunConfig, record, small
from reference_model.reproduce import preflight, verdict
from reference_model.reproduce.cli import main
from reference_model.reproduce.options import UsageError, read
from reference_model.reproduce.preflight import Gpu, examine, ready
from reference_model.reproduce.results import Evaluation, Progress, SeedResult
from reference_model.reproduce.submission import Facts, claims, command, folder_name, readme, requirements

Reproduce = Callable[..., tuple[int, str, str]]
H100 = Gpu("NVIDIA H100 80GB HBM3", "570.86")


def test_the_seeds_of_the_record_are_the_default() -> None:
    options = read(["--scale", "small", "--seeds", "7", "7", "8", "--set", "ITERATIONS=5"])
    assert (options.seeds, options.scale, options.settings) == ((7, 8), "small", {"ITERATIONS": "5"})
    assert read([]).seeds == (42, 314, 999)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seeds", "-1"], "--seeds"),
        (["--nproc", "3"], "--nproc wants 1, 2, 4 or 8"),
        (["--set", "ITERATIONS"], "NAME=VALUE"),
        (["--scale", "huge"], "invalid choice"),
        (["fetch"], "invalid choice"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        read(arguments)
    assert main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(("setting", "said"), [("NO_SUCH=1", "no setting"), ("ITERATIONS=many", "ITERATIONS='many'"),
                                               ("SEED=4", "--seeds"), ("TRAIN_FILES=x", "--data decide"),
                                               ("NUM_HEADS=0", "NUM_HEADS must be above 0")])  # fmt: skip
def test_settings_that_are_none_are_refused(
    setting: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--scale", "small", "--out", str(tmp_path / "o"), "--set", setting]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_processes_that_cannot_share_a_step_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--scale", "small", "--nproc", "4", "--out", str(tmp_path / "o")]) == 2
    assert capsys.readouterr().err == "golf-reproduce: --nproc: 4 processes can't share 2 micro-batches\n"
    assert not (tmp_path / "o").exists()


# --- the machine ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cards", "nproc", "state", "found"),
    [
        ([], None, "missing", "no NVIDIA GPU"),
        ([H100] * 8, None, "there", "8x NVIDIA H100 80GB HBM3"),
        ([H100] * 4, None, "missing", "4x NVIDIA H100 80GB HBM3"),
        ([Gpu("NVIDIA A100")] * 8, None, "missing", "8x NVIDIA A100"),
        ([Gpu("NVIDIA A100")] * 8, 8, "noted", "8x NVIDIA A100"),
        ([H100] * 4, 4, "noted", "4x NVIDIA H100 80GB HBM3"),
    ],
)
def test_the_record_wants_eight_h100(
    cards: list[Gpu], nproc: int | None, state: str, found: str, tmp_path: Path
) -> None:
    check = next(c for c in examine(record(), tmp_path, nproc, cards) if c.what == "GPUs")
    assert (check.state, check.found) == (state, found)


def test_the_small_scale_needs_no_card_and_drivers_are_alike(tmp_path: Path) -> None:
    assert "GPUs" not in {c.what for c in examine(small(), tmp_path)}
    mixed = [*[H100] * 7, Gpu(H100.name, "535.1")]
    rows = {c.what: c for c in examine(record(), tmp_path, 8, mixed)}
    assert (rows["driver"].state, rows["driver"].found) == ("noted", "535.1, 570.86")


def test_what_is_missing_is_one_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(preflight, "gpus", list)
    monkeypatch.setattr(preflight, "_version", lambda name: None if name == "brotli" else "1.0")
    assert main(["--out", str(tmp_path / "o")]) == 2
    shown = capsys.readouterr()
    assert "MISSING" in shown.out
    assert "pip install" in shown.out
    assert "missing: brotli, GPUs" in shown.err
    assert shown.err.endswith(", data\n")
    rows = [line for line in shown.out.splitlines() if "MISSING" in line]
    assert len([row for row in rows if "data" in row]) == 1, "the folder, not each of what would be in it"
    assert not (tmp_path / "o").exists()


def test_data_that_cannot_be_looked_at_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "reference_model.reproduce.data_check", None)
    here = RunConfig.from_environment(record(), {"DATA_DIR": str(tmp_path)})
    (check,) = preflight.data(here)
    assert (check.what, check.state) == ("data", "missing")
    assert check.remedy.startswith("pip install")


def test_full_disk_and_memory_stop_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(preflight._ROOM, "small", (1e6, 1e6))
    states = {c.what: c.state for c in examine(small(), tmp_path)}
    assert (states["memory"], states["disk"]) == ("missing", "missing")
    assert not ready(examine(small(), tmp_path))


# --- the folder ----------------------------------------------------------------------------------------------------


def _facts(**changes: object) -> Facts:
    settings = dict(changes.get("settings", {}))  # type: ignore[call-overload]
    return Facts(record(), "2026-04-06", 8, "8x NVIDIA H100 80GB HBM3", settings, {"torch": "2.9.1+cu128"}, "A", "a")


def _result(seed: int, bpb: float) -> SeedResult:
    score = Evaluation("final_int6_sliding_window", bpb * 2, bpb, 75.0)
    return SeedResult(seed, (score,), 3.6, 5410, 590.0, 15_987_206 + seed, 59_000)


def test_claims_are_means_and_the_largest_size() -> None:
    said = claims([_result(42, 1.0927), _result(314, 1.0925)], _facts())
    assert said["val_bpb"] == pytest.approx(1.0926)
    assert said["bytes_total"] == 15_987_206 + 314
    assert said["track"] == "track_10min_16mb"
    assert "non_record" not in said
    changed = claims([_result(42, 1.09)], _facts(settings={"RECUR_LAYERS": ""}))
    assert (changed["track"], changed["non_record"]) == ("track_non_record_16mb", True)
    steps = {42: [Progress(4500, 20_000, 2.6, 480.0, 7_300_000, 115.7, 0.41),
                  Progress(5000, 20_000, 2.5035, 542.6, 7_246_209, 115.7, 0.41)]}  # fmt: skip
    page = readme([_result(42, 1.09)], _facts(settings={"RECUR_LAYERS": ""}), steps)
    assert "RECUR_LAYERS=" in page
    assert "| 42 | 590.0 | 109.1 | 7,246,209 | 41.0 % | 2.5035 |" in page
    assert "| 42 | 3.6000 | 1.0900 |" in page
    assert "| record (#1395) | 3.6137 to 3.6153 | 1.0919 to 1.0927 |" in page
    assert "| 5,000 | 2.5035 | 2.5035 to 2.5063 |" in page
    assert "| 500 | - | 2.9422 to 2.9553 |" in page
    assert "at the same time" not in page
    assert requirements({"torch": "2.9.1+cu128", "brotli": "1.2.0"}) == "brotli==1.2.0\ntorch==2.9.1\n"
    assert command(_facts(), 42) == "SEED=42 DATA_DIR=./data torchrun --standalone --nproc_per_node=8 train_gpt.py"


def test_only_the_unchanged_record_scale_is_in_the_record_track() -> None:
    assert folder_name(record(), "2026-04-06", {}) == "records/track_10min_16mb/2026-04-06_Reference_Record"
    assert folder_name(record(), "2026-04-06", {"SEED": "1"}).startswith("records/track_non_record_16mb/")
    assert folder_name(small(), "2026-04-06", {}) == "records/track_non_record_16mb/2026-04-06_Reference_Small"


# --- end to end ----------------------------------------------------------------------------------------------------


@pytest.fixture
def reproduce(forked: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Reproduce:
    """golf-reproduce at the small scale: its status, and what it printed. A stray variable must decide nothing."""
    pytest.importorskip("torch", reason="training needs torch (the train extra)")
    pytest.importorskip("sentencepiece", reason="training needs sentencepiece (the train extra)")
    for name, value in {"NUM_LAYERS": "1", "COLUMNS": "80", "OMP_NUM_THREADS": "1"}.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["--scale", "small", *arguments])
        return status, *capsys.readouterr()

    return run


def _set(settings: dict[str, str]) -> list[str]:
    return [f"--set={name}={value}" for name, value in settings.items()]


def test_the_small_scale_end_to_end(
    reproduce: Reproduce, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own model; fewer steps, on fewer tokens, after which it weighs less: the cap is lower, too."""
    out = tmp_path / "out"
    shutil.copytree(folder, out / "data")
    few = _set({"ITERATIONS": "16", "TRAIN_BATCH_TOKENS": "1024", "RECUR_START_STEP": "8", "EVAL_STRIDE": "128",
                "ARTIFACT_LIMIT_BYTES": "256000"})  # fmt: skip
    status, said, errors = reproduce("--out", str(out), "--seeds", "42", "314", *few)
    assert status == 0, said + errors
    (place,) = (out / "records" / "track_non_record_16mb").iterdir()
    names = {"README.md", "submission.json", "requirements.txt", "train_gpt.py", "curves.svg"}
    assert {path.name for path in place.iterdir()} == names | {"train_seed42.log", "train_seed314.log"}
    said_after = said.partition("bits per byte of the validation text")[2].splitlines()
    assert len(said_after) < 20, "what can be said of a small run fits a screen"
    assert [line for line in said.splitlines() if len(line) > 80 and str(out) not in line] == []
    assert re.search(r"^ CLEAN ", said, re.MULTILINE)
    assert "Is it the record?" not in said
    assert "Budgets" in (out / "work" / "audit.txt").read_text("utf-8")
    assert (out / "work" / "train_gpt_readable.py").read_text("utf-8").startswith("from __future__")
    claimed = json.loads((place / "submission.json").read_text("utf-8"))
    unigram = float(re.search(r"unigram model of the training text: ([0-9.]+)", said)[1])  # type: ignore[index]
    untrained = float(re.search(r"^  seed 42 +([0-9.]+)", said, re.MULTILINE)[1])  # type: ignore[index]
    assert claimed["val_bpb"] < untrained - 0.5
    assert unigram < untrained
    page = (place / "README.md").read_text("utf-8")
    assert re.search(r"^\| 314 \| 4\.\d{4} \| \d\.\d{4} \| \d\.\d{4} \| \d\.\d{4} \|$", page, re.MULTILINE)
    assert "seeds ran at the same time" in page
    assert "#1395" not in page
    assert claimed["val_bpb_std"] > 0
    for log in place.glob("train_seed*.log"):
        assert "num_layers: 1\n" not in log.read_text("utf-8")
        assert re.search(r"selective_prune: pruned [1-9]\d*/", log.read_text("utf-8")), "pruning takes part"
    status, _, errors = reproduce("--out", str(out))
    assert (status, "holds a run already" in errors) == (2, True)
    monkeypatch.setattr(verdict, "audit", lambda *given: 0)  # the same folder
    status, said, errors = reproduce("--out", str(out), "--resume", "--seeds", "42", "314", *few)
    assert status == 0, said + errors
    assert said.count("(finished before)") == 2
    assert "started" not in said
    status, _, errors = reproduce("--out", str(out), "--resume", "--seeds", "42", *few)
    assert (status, "can't be left out" in errors) == (2, True)


def test_a_cap_that_cannot_be_kept_ends_with_the_figures(reproduce: Reproduce, folder: Path, tmp_path: Path) -> None:
    from trainer_samples import TINY

    shutil.copytree(folder, tmp_path / "data")
    settings = TINY | {"ITERATIONS": "1", "ARTIFACT_LIMIT_BYTES": "40000"}
    status, _, errors = reproduce("--out", str(tmp_path), "--seeds", "42", *_set(settings))
    assert status == 1
    assert re.search(r"seed 42 ended with status 1.*DoesNotFit: .*40,000", errors, re.DOTALL), errors


def test_the_packed_file_does_what_the_package_does(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same log to the last digit, times and sizes of the code aside."""
    pytest.importorskip("torch", reason="training needs torch (the train extra)")
    pytest.importorskip("sentencepiece", reason="training needs sentencepiece (the train extra)")
    from trainer_samples import environment, without_times

    from reference_model import train
    from reference_model.joining.single_file import single_file

    (tmp_path / "train_gpt.py").write_text(single_file(pack=True), "utf-8")
    given = environment(folder, SLIDING_WINDOW_ENABLED="1")
    done = subprocess.run([sys.executable, "train_gpt.py"], cwd=tmp_path, env={**given, "PYTHONPATH": ""},
                          capture_output=True, text=True, timeout=900, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    monkeypatch.chdir(tmp_path)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert train.main() == 0
    logs = [without_times(log.splitlines()) for log in (done.stdout, capsys.readouterr().out)]
    one, other = ([line for line in log if not line.startswith(("Code size", "Total submission"))] for log in logs)
    assert [re.sub(r"unpruned=[0-9.]+MB", "", line) for line in one] == [
        re.sub(r"unpruned=[0-9.]+MB", "", line) for line in other
    ]
    assert any("final_int6_sliding_window val_loss:" in line for line in one)
