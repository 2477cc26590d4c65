"""Pull requests that add several record folders: each is judged, the verdict is of one, and none is passed over."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from submission_repositories import TRACK, Repo

from auditor.commands import audit as cli
from auditor.commands import folders

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
BREAKS, LEGAL = "pre_quant_ttt", "score_first_ttt"


def files(example: str, name: str) -> dict[str, bytes]:
    return {f"{TRACK}/{name}/{f.name}": f.read_bytes() for f in (EXAMPLES / example).iterdir()}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Beside a legal folder: 3 one that breaks a rule, 5 another legal one, 8 notes, 9 more than are judged."""
    path = tmp_path_factory.mktemp("folders")
    repo = Repo(path / "work")
    legal = files(LEGAL, "2026-04-09_Legal")
    repo.pull_request(3, legal | files(BREAKS, "2026-04-01_Breaks"))
    repo.pull_request(5, legal | files(LEGAL, "2026-04-01_Other"))
    repo.pull_request(8, legal | {f"{TRACK}/2026-04-01_Notes/notes.md": b"x\n"})
    tiny = {"train_gpt.py": b"print(1)\n", "submission.json": b'{"val_bpb": 1.2}\n'}
    many = {f"{TRACK}/2026-04-01_{n}/{name}": data for n in range(folders.MOST + 1) for name, data in tiny.items()}
    repo.pull_request(9, legal | many)
    return repo.bare(path / "clone")


def audited(clone: Path, number: int, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str]:
    status = cli.main(["--repo", str(clone), "--pr", str(number), *more])
    return status, " ".join(capsys.readouterr().out.split())


def test_a_folder_that_breaks_a_rule_is_said_at_once_and_fails(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = audited(clone, 3, capsys)
    assert status == cli.FAILED
    assert said.startswith("CLEAN")
    worse = f"also adds {TRACK}/2026-04-01_Breaks, which is worse: violation (score)"
    assert worse in said
    assert f"other folders violation (score), decided by pre-quant-ttt: {TRACK}/2026-04-01_Breaks" in said
    assert "not audited" not in said
    for form in ("markdown", "html", "concise", "github", "sarif"):
        assert "which is worse" in audited(clone, 3, capsys, "--format", form)[1], form
    assert "which is worse" in audited(clone, 3, capsys, "--checklist")[1]
    assert audited(clone, 3, capsys, "--format", "github")[1].startswith("::error")
    assert audited(clone, 3, capsys, "--fail-on", "budget")[0] == cli.OK
    assert "#3 clean" in (table := audited(clone, 3, capsys, "5")[1])
    assert "also adds 2026-04-01_Breaks" in table


def test_the_fields_that_there_were_are_of_the_chosen_folder(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = json.loads(audited(clone, 3, capsys, "--format", "json")[1])
    assert (report["verdict"], report["verdict_class"]) == ("clean", None)
    assert report["submission"]["folder"] == f"{TRACK}/2026-04-09_Legal"
    assert report["submission"]["other_folders"] == [f"{TRACK}/2026-04-01_Breaks"]
    (other,) = report["folders"]
    assert (other["folder"], other["verdict"], other["verdict_class"], other["decided_by"]) == (
        f"{TRACK}/2026-04-01_Breaks", "violation", "score", ["pre-quant-ttt"],
    )  # fmt: skip


def test_another_legal_folder_changes_nothing(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = audited(clone, 5, capsys)
    assert status == cli.OK
    assert f"other folders clean: {TRACK}/2026-04-01_Other" in said
    assert "worse" not in said
    assert audited(clone, 5, capsys, "--format", "github")[1].startswith("::notice")


def test_notes_are_no_submission_and_are_named(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = audited(clone, 8, capsys)
    assert status == cli.OK
    assert "other folders" not in said
    report = json.loads(audited(clone, 8, capsys, "--format", "json")[1])
    assert report["folders"] == []


def test_one_that_is_asked_for_by_name_is_judged_alone(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = audited(clone, 3, capsys, "--folder", "2026-04-09_Legal")
    assert status == cli.OK
    assert f"not audited {TRACK}/2026-04-01_Breaks" in said
    assert audited(clone, 3, capsys, "--folder", "2026-04-01_Breaks")[0] == cli.FAILED


def test_a_what_if_is_of_one_program(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = json.loads(audited(clone, 3, capsys, "--format", "json", "--set", "SEED=7")[1])
    assert report["folders"] == []


def test_of_many_the_first_are_judged_and_the_rest_named(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, said = audited(clone, 9, capsys)
    told = said.partition("other folders package incomplete, decided by package-files: ")[2].partition(" folder ")[0]
    assert told.count(f"{TRACK}/2026-04-01_") == folders.MOST  # in one line: the same is found of each
    assert f"not audited {TRACK}/2026-04-01_{folders.MOST}" in said


def test_a_queue_keeps_and_shows_it(clone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = tmp_path / "site"
    assert cli.main(["queue", str(clone), "-o", str(site), "--pr", "3", "5", "--no-progress"]) == cli.OK
    with sqlite3.connect(tmp_path / "site.sqlite") as db:
        found = dict(db.execute("SELECT pr, beside FROM audits"))
    assert [one[1] for one in json.loads(found[3])] == ["violation"]
    assert [one[1] for one in json.loads(found[5])] == ["clean"]
    index = (site / "index.html").read_text("utf-8")
    assert index.count("another folder: violation score") == 1
    only = ["queue", str(clone), "-o", str(site), "--pr", "3", "5", "--only", "pre-quant-ttt", "--no-progress"]
    assert cli.main(only) == cli.OK
    assert 'data-pr="3"' in (text := (site / "index.html").read_text("utf-8"))
    assert 'data-pr="5"' not in text
    capsys.readouterr()
