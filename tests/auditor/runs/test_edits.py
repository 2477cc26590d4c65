"""Figures that a later commit changed in a log, told from the logs of new runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from submission_repositories import TRACK, Repo

from auditor.findings import Outcome
from auditor.judgement.gather import gather
from auditor.submission import Clone, Submission, load_path
from rules.evidence import edited_log

FOLDER = f"{TRACK}/2026-04-01_Mine"
PATH = f"{FOLDER}/train_seed42.log"


def log(bpb: float = 1.1187, *, train: int = 590_021, took: int = 96_214, code: int = 11_562, seed: int = 42) -> str:
    steps = "".join(
        f"step:{n}/20000 train_loss:{3 - n / 9000:.4f} train_time:{n * train // 7000}ms step_avg:{train / 7000:.2f}ms\n"
        for n in range(500, 7001, 500)
    )
    return (
        f"seed:{seed}\nworld_size:8\nval_loader:shards tokens:62021632\n{steps}"
        f"stopping_early: wallclock_cap train_time:{train}ms step:7000/20000\n"
        f"Code size: {code} bytes\nSerialized model int8+zlib: 15806940 bytes\n"
        f"Total submission size int8+zlib: {15_806_940 + code} bytes\n"
        f"final_int8_exact val_loss:{bpb * 1.689:.8f} val_bpb:{bpb:.8f} eval_time:{took}ms\n"
    )


def files(text: str) -> dict[str, bytes]:
    claims = json.dumps({"val_bpb": 1.1187, "author": "A", "github_id": "a"}).encode()
    return {
        PATH: text.encode(),
        f"{FOLDER}/submission.json": claims,
        f"{FOLDER}/README.md": b"# Mine\n",
        f"{FOLDER}/train_gpt.py": b"print(1)\n",
    }


def submission(tmp_path: Path, *texts: str) -> Submission:
    repo = Repo(tmp_path / "repo")
    repo.branch("topic")
    for number, text in enumerate(texts):
        repo.commit(f"Log {number}", files(text))
    repo.pull(7)
    with Clone(repo.path) as clone:
        return clone.load(7)


EDITS = {
    "figure": (log(1.1203), log(1.1187), "val_bpb"),
    "code size": (log(code=21_562), log(), "artifact"),
    "time of training": (
        log(train=612_345),
        log(train=612_345).replace("train_time:612345ms", "train_time:599021ms"),
        "",
    ),
    "time of evaluation": (log(took=612_345), log(took=599_214), "evaluation time"),
    "seed": (log(seed=1337), log(seed=42), "seed"),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_log_is_told_with_both_figures(tmp_path: Path, name: str) -> None:
    before, after, what = EDITS[name]
    ruling = edited_log.RULE.check(gather(submission(tmp_path, before, after), {}))
    assert ruling.outcome in (Outcome.DISPUTED, Outcome.WARNING)
    assert what in ruling.reason
    assert any(f.location is not None and f.location.path == "train_seed42.log" for f in ruling.findings)


def test_an_edit_that_makes_the_score_better_is_disputed(tmp_path: Path) -> None:
    ruling = edited_log.RULE.check(gather(submission(tmp_path, log(1.1203), log(1.1187)), {}))
    assert ruling.outcome is Outcome.DISPUTED
    assert "1.12030000" in ruling.reason
    assert "1.11870000" in ruling.reason


HONEST = {
    "a new run": (log(1.1203, train=590_021), log(1.1187, train=590_178, took=96_877)),
    "a log that goes on": (log().split("stopping_early")[0], log()),
    "an evaluation behind the first": (log(1.1203), log(1.1203) + "final_ttt_exact val_loss:1.88 val_bpb:1.11870000\n"),
    "other line ends": (log().replace("\n", "\r\n"), log()),
    "the same": (log(), log()),
    "a new run whose first steps and stop take the same": tuple(
        "".join(f"step:{n}/20000 train_loss:3.1 train_time:{n * 82}ms\n" for n in range(2, 12)) + text
        for text in (log(1.1203, seed=1337), log(1.1187, train=591_178, took=96_877).replace("591178ms", "590021ms"))
    ),
    "two short logs of runs that stop at the cap": tuple(
        f"step:7000/20000 train_loss:2.1 train_time: 9.8m\nstopping_early: wallclock_cap train_time: 590026ms\n"
        f"final_int8_exact val_loss:1.88 val_bpb:{bpb} eval_time:{took}ms\n"
        for bpb, took in ((1.1203, 96_214), (1.1187, 405_410))
    ),
}


@pytest.mark.parametrize("name", HONEST)
def test_a_log_of_its_own_is_no_edit(tmp_path: Path, name: str) -> None:
    ruling = edited_log.RULE.check(gather(submission(tmp_path, *HONEST[name]), {}))
    assert ruling.outcome is Outcome.PASS


def test_a_folder_of_a_checkout_has_the_history_too(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.branch("topic")
    repo.commit("Log", files(log(1.1203)))
    repo.commit("Update log", files(log(1.1187)))
    for place in (repo.path, repo.path / FOLDER):
        assert edited_log.RULE.check(gather(load_path(place), {})).outcome is Outcome.DISPUTED


def test_a_log_that_was_renamed_is_found(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.branch("topic")
    repo.commit("Log", files(log(1.1203)))
    repo.commit("Rename", {PATH: None, f"{FOLDER}/train.log": log(1.1187).encode()})
    assert edited_log.RULE.check(gather(load_path(repo.path), {})).outcome is Outcome.DISPUTED


def test_without_history_it_is_not_checked(tmp_path: Path) -> None:
    for path, data in files(log()).items():
        target = tmp_path / "plain" / path.rpartition("/")[2]
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(data)
    assert edited_log.RULE.check(gather(load_path(tmp_path / "plain"), {})).outcome is Outcome.NOT_CHECKED
