"""--strict: as many steps as the record's seeds took, at their pace, whatever time it takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("sentencepiece", reason="training needs sentencepiece")

from trainer_samples import TINY

from reference_model.reproduce import cli, options, plan, preflight, target, trial
from reference_model.reproduce.attempt import Job
from reference_model.reproduce.runner import State

# The record's scale on a CPU: its network with as many layers as the small scale, in float32, not compiled.
SHRUNK = TINY | {
    "VOCAB_SIZE": "1024", "NUM_LAYERS": "6", "ROPE_DIMS": "8", "XSA_LAST_N": "6", "RECUR_LAYERS": "2,3",
    "PARALLEL_START_LAYER": "4", "VE_LAYERS": "4,5", "EMBED_DTYPE": "float32", "MUON_DTYPE": "float32",
    "PRECISION": "float32", "COMPILE_MODEL": "0", "MICRO_BATCHES": "2", "EXPECTED_VAL_TOKENS": "0",
}  # fmt: skip


class _Asked(Exception):
    """The job is known, and nothing is run."""


def test_each_seed_takes_the_record_s_steps_at_its_pace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = options.read(["--strict", "--out", str(tmp_path), "--seeds", "42", "7"])
    config = plan.configuration(given)
    assert (config.train.iterations, config.train.budget_seconds) == (5409, None)
    state = State("", "record", "records/x", "2026-01-01", 8, dict(plan._settings(given)), [42, 7])
    jobs: list[Job] = []

    def run_seeds(job: Job, *others: object) -> None:
        jobs.append(job)
        raise _Asked

    monkeypatch.setattr(cli, "run_seeds", run_seeds)
    with pytest.raises(_Asked):
        cli._run(plan.Plan(given, config, state, "", "", False, ""), 0)
    assert jobs[0].of_seed == {42: {"ITERATIONS": "5410"}, 7: {"ITERATIONS": "5409"}}
    assert jobs[0].environment["PACED"] == "0.099988,11.226,0.11572"
    assert jobs[0].environment["MAX_WALLCLOCK_SECONDS"] == "0"
    assert jobs[0].at_once == 1


def test_from_the_command_to_the_folder(
    forked: None, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With fewer steps and a smaller network; what a machine without cards refuses is not asked."""
    monkeypatch.setattr(target, "STEPS", {42: 5})
    monkeypatch.setattr(target, "USUAL_STEPS", 4)
    monkeypatch.setattr(preflight, "examine", lambda *given: [])
    monkeypatch.setattr(trial, "tried", lambda *given: [])
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("COLUMNS", "80")
    settings = {name: value for name, value in SHRUNK.items() if name != "ITERATIONS"}
    status = cli.main(["--strict", "--nproc", "1", "--seeds", "42", "7", "--shards", "2", "--data", str(folder),
                       "--out", str(tmp_path), *(f"--set={n}={value}" for n, value in settings.items())])  # fmt: skip
    shown = capsys.readouterr()
    assert status == 0, shown.out + shown.err
    for seed, steps in {42: 5, 7: 4}.items():
        (log,) = (tmp_path / "records" / "track_non_record_16mb").glob(f"*/train_seed{seed}.log")
        lines = log.read_text("utf-8").splitlines()
        pace = f"  paced: {','.join(str(float(part)) for part in target.PACE.split(','))}"
        assert {f"  iterations: {steps}", "  max_wallclock_seconds: 0.0", "  train_shards: 2", pace} <= set(lines)
        assert any(re.match(rf"training complete in \d+ms step: {steps}/{steps}$", line) for line in lines)
    assert "Is it the record?" in shown.out
    assert re.search(r"^NOT SHOWN TO BE REPRODUCED: a loss of 0.005 nats", shown.out, re.MULTILINE)
