"""The binary formats of git, as hostile bytes; and the whole path from a real clone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from submission_repositories import Repo, record

from auditor.submission import Clone, SubmissionError
from auditor.submission.bounds import Bounds, Budget, printable, unsafe_name
from auditor.submission.objects import MissingObject, Objects, _tree_entries, parse_commit
from auditor.submission.repository import Repository
from auditor.submission.trees import difference, entry_at, files_below


@given(st.binary())
def test_any_bytes_as_a_directory_or_a_commit(data: bytes) -> None:
    with suppress(MissingObject):
        assert all(len(entry.oid) == 40 for entry in _tree_entries(data, 20))
    with suppress(MissingObject):
        assert parse_commit("0" * 40, data).tree


@given(st.binary())
def test_printable_names_can_be_encoded(name: bytes) -> None:
    printable(name).encode("utf-8")


def test_names_that_leave_the_folder() -> None:
    assert all(unsafe_name(name) for name in (b"", b".", b"..", b"a/b", b".GIT"))
    assert not any(unsafe_name(name) for name in (b"...", b"a..b", b".gitignore", "ü".encode()))


def test_a_commit_with_a_strange_date() -> None:
    commit = parse_commit(
        "0" * 40, b"tree 1\nauthor A <a> 99999999999999999 +0000\ncommitter A <a> x y\n\nsubject\nbody"
    )
    assert (commit.authored, commit.committed, commit.subject) == (None, 0, "subject")
    assert parse_commit("0" * 40, b"tree 1\nauthor A <a> 0 -0130\n\n").authored == "1969-12-31T22:30:00-01:30"


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "repo")


@pytest.fixture
def objects(repo: Repo) -> Iterator[Objects]:
    with Repository(repo.path) as repository:
        store = Objects(repository)
        yield store
        store.close()


def test_a_tree_whose_names_leave_the_folder(repo: Repo, objects: Objects) -> None:
    """git refuses to make such trees in its index, not as objects."""
    blob = repo.head("HEAD:README.md")
    raw = b"".join(b"100644 " + name + b"\0" + bytes.fromhex(blob) for name in (b"..", b"../../etc", b"fine"))
    (repo.path / "raw").write_bytes(raw)
    tree = repo.git("hash-object", "-t", "tree", "-w", "--literally", "raw")
    files, problems = files_below(objects, tree, Budget(Bounds()))
    assert [(file.path, file.data) for file in files] == [("..", None), ("../../etc", None), ("fine", b"golf\n")]
    assert len(problems) == 2
    (repo.path / "raw").write_bytes(b"40000 ..\0" + bytes.fromhex(tree))
    outer = repo.git("hash-object", "-t", "tree", "-w", "--literally", "raw")
    files, _ = files_below(objects, outer, Budget(Bounds()))
    assert [(file.path, file.data) for file in files] == [("..", None)]


def test_kinds_are_checked(repo: Repo, objects: Objects) -> None:
    with pytest.raises(MissingObject, match="a commit where a tree"):
        objects.tree(repo.head())
    with pytest.raises(MissingObject, match="missing"):
        objects.commit("1" * 40)
    assert objects.bytes_of(repo.head("HEAD:README.md"), 100) == b"golf\n"
    assert objects.bytes_of(repo.head("HEAD:README.md"), 2) is None
    assert objects.commit(repo.head()).subject == "Launch"


def test_differences_are_those_of_git(repo: Repo, objects: Objects) -> None:
    before = repo.head("HEAD^{tree}")
    repo.branch("topic")
    repo.write({"train_gpt.py": None, "README.md": b"other\n", "a/b/c": b"1", **record("2026-04-01_X")})
    os.symlink("README.md", repo.path / "train_gpt.py")
    (repo.path / "records/track_10min_16mb/2026-03-17_Base/train_gpt.py").chmod(0o755)
    repo.commit("change")
    after = repo.head("HEAD^{tree}")
    words = {"A": "added", "M": "modified", "D": "deleted", "T": "type-changed"}
    for old, new in ((before, after), (after, before)):
        lines = repo.git("diff-tree", "-r", "--no-renames", "--name-status", old, new).splitlines()
        expected = sorted((path, words[letter]) for letter, path in (line.split("\t") for line in lines))
        assert [(change.path, change.status) for change in difference(objects, old, new).changes] == expected
        assert len(expected) == 7
    assert all(change.status == "added" for change in difference(objects, None, after).changes)


def test_entries_by_path(repo: Repo, objects: Objects) -> None:
    tree = repo.head("HEAD^{tree}")
    entry = entry_at(objects, tree, "records/track_10min_16mb/2026-03-17_Base/README.md")
    assert entry is not None
    assert not entry.is_directory
    assert entry_at(objects, tree, "README.md/below") is None
    assert entry_at(objects, tree, "records/none") is None
    assert entry_at(objects, None, "records") is None


def _clone() -> Path:
    place = os.environ.get("GOLF_CLONE")
    if not place:
        pytest.skip("GOLF_CLONE names no clone of openai/parameter-golf")
    return Path(place)


@pytest.mark.clone
@pytest.mark.parametrize(
    ("number", "folder", "files", "landed"),
    [
        (1395, "2026-04-06_SP4096_LinearLR_DepthRecurrence_1.0924", 6, False),
        (549, "2026-03-23_LeakyReLU_LegalTTT_ParallelMuon", 6, True),
        (1019, "2026-03-25_ValCalib_GPTQ_XSA_BigramHash3072", 7, True),
        (1394, "2026-04-05_SP8192_GPTQ-Embeddings_SDClip_Loop45x2", 10, True),
        (77, "2026-03-17_LoRA_TTT", 8, True),
    ],
)
def test_real_pull_requests(number: int, folder: str, files: int, landed: bool) -> None:
    start = time.monotonic()
    with Clone(_clone()) as clone:
        found = clone.load(number)
    seconds = time.monotonic() - start
    assert found.folder == f"records/track_10min_16mb/{folder}"
    assert len(found.files) == files
    assert (found.landed_as is not None) is landed
    assert all(file.data is not None and file.sha256 is not None for file in found.files)
    assert seconds < 1.0


@pytest.mark.clone
def test_real_pull_requests_without_a_record() -> None:
    with Clone(_clone()) as clone:
        assert len(clone.pull_requests()) > 2000
        for number in (1806, 608, 132):
            with pytest.raises(SubmissionError, match=f"pull request {number} adds no"):
                clone.load(number)
        assert clone.load(124).edits_existing_folder
