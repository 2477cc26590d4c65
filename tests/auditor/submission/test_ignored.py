"""What git ignores is no part of a submission; what a commit has is, whatever the patterns say."""

from __future__ import annotations

from pathlib import Path

import pytest
from submission_repositories import TRACK, Repo, record

from auditor.submission import Submission, load_path

NAME = "2026-04-01_Mine"
FOLDER = f"{TRACK}/{NAME}"


def paths(submission: Submission) -> set[str]:
    return {file.path for file in submission.files}


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    repo = Repo(tmp_path / "repo")
    repo.commit("Ignore", {".gitignore": b"*.ptz\nlogs/\n__pycache__/\n!keep.ptz\n"})
    repo.branch("topic")
    return repo


FILES = {
    f"{FOLDER}/final_model.int8.ptz": b"weights",
    f"{FOLDER}/keep.ptz": b"weights",
    f"{FOLDER}/logs/train.log": b"step:1/2 train_loss:2\n",
    f"{FOLDER}/__pycache__/train_gpt.cpython-311.pyc": b"\0",
    f"{FOLDER}/train_seed42.log": b"step:1/2 train_loss:2\n",
}
HANDED_IN = {"README.md", "submission.json", "train_gpt.py", "keep.ptz", "train_seed42.log"}


@pytest.mark.parametrize("place", ["", FOLDER])
@pytest.mark.parametrize("committed", [True, False])
def test_ignored_files_of_a_work_tree_are_left_out_and_named(repo: Repo, place: str, committed: bool) -> None:
    if committed:
        repo.commit("Add", record(NAME))
    repo.write({**record(NAME), **FILES})
    found = load_path(repo.path / place)
    assert paths(found) == HANDED_IN
    assert any("git ignores" in note and "final_model.int8.ptz" in note for note in found.notes)


@pytest.mark.parametrize("place", ["", FOLDER])
def test_a_tracked_file_is_handed_in_although_a_pattern_names_it(repo: Repo, place: str) -> None:
    repo.write({**record(NAME), **FILES})
    repo.git("add", "-A", "-f")
    repo.commit("Add all")
    found = load_path(repo.path / place)
    assert paths(found) >= {*HANDED_IN, "final_model.int8.ptz", "logs/train.log"}
    assert not any("git ignores" in note for note in found.notes)


def test_the_nearest_list_speaks_last(repo: Repo) -> None:
    repo.write({**record(NAME), **FILES, f"{FOLDER}/.gitignore": b"!*.ptz\ntrain_seed*.log\n"})
    found = paths(load_path(repo.path / FOLDER))
    assert "final_model.int8.ptz" in found
    assert "train_seed42.log" not in found


def test_a_plain_folder_has_its_own_list(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    for path, data in {"train_gpt.py": b"1\n", "a.log": b"x\n", "sub/b.tmp": b"x\n", ".gitignore": b"*.tmp\n"}.items():
        (plain / path).parent.mkdir(parents=True, exist_ok=True)
        (plain / path).write_bytes(data)
    found = load_path(plain)
    assert paths(found) == {"train_gpt.py", "a.log", ".gitignore"}
    assert "sub/b.tmp" in found.notes[0]


def test_a_list_that_is_a_link_or_no_text_is_passed_over(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "train_gpt.py").write_bytes(b"1\n")
    (tmp_path / "elsewhere").write_bytes(b"*.py\n")
    (plain / ".gitignore").symlink_to(tmp_path / "elsewhere")
    assert "train_gpt.py" in paths(load_path(plain))
    (plain / ".gitignore").unlink()
    (plain / ".gitignore").write_bytes(b"\xff\xfe[\n" * 100 + b"!\n\\\n" + b"a*" * 100 + b"b\n*.tmp\n")
    (plain / ("a" * 200)).write_bytes(b"x")
    (plain / "c.tmp").write_bytes(b"x")
    assert "train_gpt.py" in paths(load_path(plain))
    assert "c.tmp" not in paths(load_path(plain))
