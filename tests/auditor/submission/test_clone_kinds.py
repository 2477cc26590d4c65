"""Clones of every kind: bare, shallow, sparse, borrowed; and what their own files may not make the reader do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from submission_repositories import TRACK, Repo, record

from auditor.submission import Clone, SubmissionError, load_path


@pytest.mark.parametrize("bare", [False, True])
def test_bare_or_not_and_the_list_of_pull_requests(repo: Repo, tmp_path: Path, bare: bool) -> None:
    for number in (12, 3):
        repo.pull_request(number, record(f"2026-04-{number:02}_X"))
    repo.git("update-ref", "refs/pull/99/merge", "HEAD")
    place = repo.bare(tmp_path / "mirror.git") if bare else repo.path
    with Clone(place) as clone:
        assert clone.pull_requests() == [3, 12]
        assert clone.load(3).folder == f"{TRACK}/2026-04-03_X"
        with pytest.raises(SubmissionError, match="no pull request 99 ") as caught:
            clone.load(99)
    assert caught.value.usage


def test_heads_fetched_into_remote_refs_and_main_of_the_remote(repo: Repo, tmp_path: Path) -> None:
    repo.pull_request(5, record("2026-04-05_X"))
    repo.commit("Others land", record("2026-04-06_Theirs"))
    other = tmp_path / "fork"
    repo.git("clone", "-q", str(repo.path), str(other))
    repo.git("-C", str(other), "fetch", "-q", "origin", "+refs/pull/*/head:refs/remotes/origin/pr/*")
    repo.git("-C", str(other), "update-ref", "refs/heads/main", "refs/remotes/origin/main~1")
    with Clone(other) as clone:
        assert clone.pull_requests() == [5]
        assert clone.load(5).folder == f"{TRACK}/2026-04-05_X"


def test_a_shallow_clone(repo: Repo, tmp_path: Path) -> None:
    repo.commit("More history")
    repo.pull_request(6, record("2026-04-06_X"))
    place = tmp_path / "shallow"
    repo.git("clone", "-q", "--depth", "1", f"file://{repo.path}", str(place))
    repo.git("-C", str(place), "fetch", "-q", "--depth", "2", "origin", "refs/pull/6/head:refs/pull/6/head")
    with Clone(place) as clone:
        assert clone.load(6).folder == f"{TRACK}/2026-04-06_X"


@pytest.mark.parametrize(
    "kind", ["whole", "--depth=1", "--filter=blob:none", "--filter=tree:0", "worktree", "unknown extension", "own main"]
)
def test_every_kind_of_clone_shows_its_folder(repo: Repo, tmp_path: Path, kind: str) -> None:
    """A folder that is on the disk is read from there, whatever objects are missing."""
    folder = f"{TRACK}/2026-04-06_X"
    repo.pull_request(6, record("2026-04-06_X"))
    for name in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
        repo.git("config", name, "true")
    repo.git("branch", "work", "refs/pull/6/head")
    place = tmp_path / "clone"
    options = [kind] if kind.startswith("--") else []
    repo.git("clone", "-q", "-b", "work", *options, f"file://{repo.path}", str(place))
    if kind == "worktree":
        repo.git("-C", str(place), "worktree", "add", "-q", "--detach", str(tmp_path / "tree"))
        place = tmp_path / "tree"
    if kind == "unknown extension":
        repo.git("-C", str(place), "config", "core.repositoryFormatVersion", "1")
        repo.git("-C", str(place), "config", "extensions.ofTomorrow", "1")
    if kind == "own main":
        repo.git("-C", str(place), "checkout", "-q", "-B", "main")
        repo.git("-C", str(place), "remote", "remove", "origin")
    named = load_path(place / folder)
    assert named.by_path["train_gpt.py"].data
    assert not any(file.unread for file in named.files)
    if kind in ("whole", "--filter=blob:none", "worktree", "own main"):
        assert load_path(place).folder == folder
        return
    with pytest.raises(SubmissionError) as caught:  # which folder is new cannot be told: that is said, and no more
        load_path(place)
    words = {"--depth=1": "no history", "--filter=tree:0": "missing from this clone", "unknown extension": "extension"}
    assert words[kind] in str(caught.value)


def test_what_a_sparse_checkout_leaves_out_is_not_missing(repo: Repo, tmp_path: Path) -> None:
    repo.pull_request(6, record("2026-04-06_X"))
    repo.git("branch", "work", "refs/pull/6/head")
    place = tmp_path / "clone"
    repo.git("clone", "-q", "-b", "work", "--sparse", f"file://{repo.path}", str(place))
    loaded = load_path(place)
    assert loaded.folder == f"{TRACK}/2026-04-06_X"
    assert "sparse checkout" in loaded.by_path["train_gpt.py"].unread


@pytest.mark.parametrize("kind", ["missing", "plain", "file", "inside"])
def test_what_is_no_repository(repo: Repo, tmp_path: Path, kind: str) -> None:
    place = {"missing": tmp_path / "no", "plain": tmp_path, "file": tmp_path / "f", "inside": repo.path / "records"}[
        kind
    ]
    (tmp_path / "f").write_text("x", encoding="ascii")
    with pytest.raises(SubmissionError) as caught:
        Clone(place)
    assert caught.value.usage
    assert str(place) in str(caught.value)


def test_a_repository_without_main(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.pull_request(1, record("2026-04-06_X"))
    repo.git("checkout", "-q", "--detach")
    repo.git("branch", "-D", "main")
    repo.git("symbolic-ref", "HEAD", "refs/heads/none")
    with Clone(repo.path) as clone, pytest.raises(SubmissionError, match="no main branch"):
        clone.load(1)


def test_nothing_that_the_clone_configures_is_run(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A promisor remote, hooks, a monitor, a filter and signature checks, each of which would leave a mark."""
    repo.pull_request(50, record("2026-04-01_Trap"))
    blob = repo.head(f"refs/pull/50/head:{TRACK}/2026-04-01_Trap/train_gpt.py")
    (repo.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    mark = tmp_path / "mark"
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\necho ran >> {mark}\nexit 1\n", encoding="ascii")
    trap.chmod(0o755)
    settings = {
        "core.fsmonitor": trap,
        "core.hooksPath": tmp_path,
        "core.alternateRefsCommand": trap,
        "log.showSignature": "true",
        "gpg.program": trap,
        "extensions.partialClone": "origin",
        "remote.origin.url": f"ext::{trap}",
        "remote.origin.promisor": "true",
        "protocol.ext.allow": "always",
    }
    for key, value in settings.items():
        repo.git("config", key, str(value))
    repo.git("config", "core.repositoryFormatVersion", "1")
    repo.git("cat-file", "-e", blob, check=False)
    assert mark.exists(), "the trap is set: plain git runs it"
    mark.unlink()
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    with Clone(repo.path) as clone:
        assert clone.load(50).by_path["train_gpt.py"].problem == "missing from this clone"
    assert not mark.exists()


def test_a_clone_leaves_nothing_behind(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    repo.pull_request(1, record("2026-04-06_X"))
    before = repo.git("status", "--porcelain"), repo.git("for-each-ref")
    with Clone(repo.path) as clone:
        clone.load(1)
        assert list(scratch.iterdir())
    assert not list(scratch.iterdir())
    assert (repo.git("status", "--porcelain"), repo.git("for-each-ref")) == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in this system's folders")
@pytest.mark.parametrize("name", ["HEAD", "config", "packed-refs", "shallow", "refs/pull/9/head"])
def test_a_pipe_in_the_git_folder_is_not_waited_for(repo: Repo, name: str) -> None:
    repo.pull_request(7, record("2026-04-01_New"), "Record: new thing")
    place = repo.path / ".git" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    os.mkfifo(place)
    with pytest.raises(SubmissionError, match=rf"{name} is no (file|ref): the repository is not read"):
        Clone(repo.path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in this system's folders")
@pytest.mark.parametrize("name", ["info/commit-graph", "pack/pack-1.pack", "pack/multi-pack-index", "ab/" + "c" * 38])
@pytest.mark.parametrize("borrowed", [False, True])
def test_a_pipe_among_the_objects_is_not_waited_for(repo: Repo, name: str, borrowed: bool, tmp_path: Path) -> None:
    repo.pull_request(7, record("2026-04-01_New"), "Record: new thing")
    objects = repo.path / ".git" / "objects"
    if borrowed:
        (objects / "info").mkdir(exist_ok=True)
        (objects / "info" / "alternates").write_text(f"{tmp_path}/lent\n../objects\n\n{objects}\n")
        objects = tmp_path / "lent"
    place = objects / name
    place.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(place)
    with pytest.raises(SubmissionError, match="is no object's file: the repository is not read"):
        Clone(repo.path)


def test_a_ref_that_is_a_link_out_of_the_repository_is_not_followed(repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "main").write_text(repo.head() + "\n")
    (repo.path / ".git" / "refs" / "heads" / "out").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SubmissionError, match="refs/heads/out is no ref"):
        Clone(repo.path)
