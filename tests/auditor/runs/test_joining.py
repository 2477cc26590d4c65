"""One run that is told in two log files: its program's and its terminal's, or its training's and its evaluation's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from auditor.claims import Claim, Claims, SeedClaim
from auditor.runs import Run, headline, read_log

TRAINING = (
    "seed:42\nworld_size:8\n"
    "step:7000/20000 val_loss:1.93 val_bpb:1.1431 train_time:599000ms step_avg:85.57ms\n"
    "stopping_early: wallclock_cap train_time:600411ms step:7016/20000\n"
    "Code size: 11562 bytes\nSerialized model int6+zstd: 15806940 bytes\n"
    "Total submission size int6+zstd: 15818502 bytes\n"
    "final_int6_exact val_loss:1.9100 val_bpb:1.13120000\n"
)
EVALUATION = (
    "seed:42\nttt_enabled:True\nval_loader:shards pattern=x tokens:62021632\nworld_size:8\n"
    "eval_only:ttt val_loss:1.8895 val_bpb:1.11904107 eval_time:404494ms\n"
)
CLAIM = Claims(val_bpb=Claim(1.11904107, "submission.json:val_bpb"))


def both(claims: Claims = CLAIM, training: str = TRAINING, *more: Run) -> tuple[Run, ...]:
    return headline((*read_log("eval.log", EVALUATION), *read_log("train.log", training), *more), claims)


def test_the_budgets_of_an_evaluation_are_those_of_its_training() -> None:
    (run,) = both()
    assert (run.log, run.val_bpb, run.eval_seconds) == ("eval.log", 1.11904107, 404.494)
    assert (run.steps, run.train_seconds, run.artifact_bytes, run.code_bytes) == (7016, 600.411, 15_818_502, 11_562)
    assert run.train_seconds_line is None  # the line is of another file
    assert "train.log" in run.headline_because
    assert "iterations" not in run.hyperparameters


@pytest.mark.parametrize("row", [{"steps": 7055, "train_seconds": None}, {"steps": None, "train_seconds": 588.1}])
def test_a_training_that_is_not_the_claimed_one_is_not_taken(row: dict[str, float | None]) -> None:
    seed = SeedClaim("submission.json:seeds.42", 42, val_bpb=1.11904107, **row)  # type: ignore[arg-type]
    (run,) = both(replace(CLAIM, seeds=(seed,)))
    assert (run.steps, run.train_seconds, run.artifact_bytes) == (None, None, None)
    assert "train.log" in run.problems[-1]


def test_of_two_trainings_of_one_seed_none_is_known_to_be_it() -> None:
    other = read_log("again.log", TRAINING.replace("600411", "599222").replace("1.1312", "1.1321"))
    (run,) = both(CLAIM, TRAINING, *other)
    assert run.train_seconds is None


def test_another_seed_is_another_training() -> None:
    (run,) = both(CLAIM, TRAINING.replace("seed:42", "seed:7"))
    assert run.train_seconds is None


def test_a_terminal_holds_more_lines_of_the_same_run() -> None:
    text = TRAINING + EVALUATION.splitlines()[-1]
    shown = "W0405 torch/distributed/run.py: OMP_NUM_THREADS\nstep:0/20000 val_loss:6.9 val_bpb:4.1\n" + text
    runs = (*read_log("stdout.txt", shown), *read_log("train_seed42.log", text))
    assert [run.log for run in headline(runs, Claims())] == ["train_seed42.log"]


LOADED = EVALUATION.replace(
    "seed:42\n", "Hyperparameters:\n  load_checkpoint_path: out/{0}/final_model.pt\n  seed: 42\n"
)


@pytest.mark.parametrize(
    "line", ["load_checkpoint: loading from out/seed1337/final_model.pt", "ckpt: out/run_seed1337/model.ptz"]
)
def test_the_seed_of_an_evaluation_is_that_of_its_checkpoint(line: str) -> None:
    """An evaluation has a seed of its own, by default the same for all."""
    text = EVALUATION.replace("world_size:8\n", f"world_size:8\n{line}\n")
    (run,) = headline(
        (*read_log("eval.log", text), *read_log("a.log", TRAINING), *read_log("b.log", _of_seed_1337())), CLAIM
    )
    assert (run.seed, run.train_seconds) == (1337, 600.777)
    assert "checkpoint" in run.seed_source


def _of_seed_1337() -> str:
    return TRAINING.replace("seed:42", "seed:1337").replace("600411", "600777").replace("1.1312", "1.1330")


def test_a_training_that_goes_on_from_a_checkpoint_has_its_own_seed() -> None:
    (run,) = read_log("train.log", "loading from out/seed1337/final_model.pt\n" + TRAINING)
    assert run.seed == 42


def test_without_a_seed_the_only_training_of_the_folder_is_it() -> None:
    evaluation, training = (text.replace("seed:42\n", "") for text in (EVALUATION, TRAINING))
    runs = (*read_log("eval.log", evaluation), *read_log("train.log", training))
    (run,) = headline(runs, CLAIM)
    assert (run.seed, run.steps) == (None, 7016)
    other = read_log("again.log", training.replace("600411", "599222").replace("1.1312", "1.1321"))
    (run,) = headline((*runs, *other), CLAIM)
    assert run.steps is None
