"""Record folders and checkouts on disk."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
from pathlib import Path

import pytest
from submission_repositories import TRACK, Repo, record

from auditor.submission import SubmissionError, load_path
from auditor.submission.bounds import Bounds


def make(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return root


def test_a_record_folder(tmp_path: Path) -> None:
    root = make(tmp_path / "mine", {"train_gpt.py": b"1\n", "sub/helper.py": b"2\n", "train.log": b"\xff\x00"})
    found = load_path(root)
    assert (found.origin, found.folder, found.track, found.pr, found.changes) == ("folder", "mine", None, None, None)
    assert [file.path for file in found.files] == ["sub/helper.py", "train.log", "train_gpt.py"]
    assert found.by_path["train.log"].data == b"\xff\x00"
    assert found.by_path["sub/helper.py"].sha256 == hashlib.sha256(b"2\n").hexdigest()
    assert found.problems == ()


def test_a_record_folder_inside_a_tree_knows_its_track(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, record("2026-04-01_X"))
    found = load_path(tmp_path / TRACK / "2026-04-01_X")
    assert (found.folder, found.track) == (f"{TRACK}/2026-04-01_X", "track_10min_16mb")
    monkeypatch.chdir(tmp_path / TRACK / "2026-04-01_X")
    assert load_path(Path()).folder == found.folder


def test_a_tree_without_git(tmp_path: Path) -> None:
    make(tmp_path / "one", {"train_gpt.py": b"root\n", **record("2026-04-01_X")})
    assert load_path(tmp_path / "one").folder == f"{TRACK}/2026-04-01_X"
    assert load_path(tmp_path / "one" / "records").folder == f"{TRACK}/2026-04-01_X"
    assert load_path(tmp_path / "one" / TRACK).folder == f"{TRACK}/2026-04-01_X"
    make(tmp_path / "one", record("2026-04-02_Y"))
    with pytest.raises(SubmissionError, match=r"2 record folders .*--folder .*2026-04-01_X, .*2026-04-02_Y") as caught:
        load_path(tmp_path / "one")
    assert caught.value.usage
    assert load_path(tmp_path / "one", folder="2026-04-02_Y").folder == f"{TRACK}/2026-04-02_Y"
    assert load_path(tmp_path / "one", folder=f"./{TRACK}/2026-04-02_Y/").folder == f"{TRACK}/2026-04-02_Y"
    for wrong in ("2026-04-03_Z", "../one", "..", "", "/"):
        with pytest.raises(SubmissionError):
            load_path(tmp_path / "one", folder=wrong)


def test_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "hollow" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "records" / "track_a").mkdir(parents=True)
    (tmp_path / "file").write_bytes(b"x")
    cases = {
        "missing": ("does not exist", True),
        "nul\0byte": ("does not exist", True),
        "file": ("is a file: name the record folder", True),
        "empty": ("is empty", False),
        "hollow": ("is empty", False),
        "tree": ("holds no record folder", False),
    }
    for name, (message, usage) in cases.items():
        with pytest.raises(SubmissionError, match=message) as caught:
            load_path(tmp_path / name)
        assert caught.value.usage is usage
        assert "\n" not in str(caught.value)


def test_links_are_refused_and_nothing_outside_is_read(tmp_path: Path) -> None:
    make(tmp_path / "outside", {"secret.txt": b"secret"})
    root = make(tmp_path / "mine", {"train_gpt.py": b"1\n"})
    os.symlink(tmp_path / "outside" / "secret.txt", root / "file.txt")
    os.symlink(tmp_path / "outside", root / "directory")
    os.symlink("train_gpt.py", root / "near.py")
    os.symlink("loop", root / "loop")
    found = load_path(root)
    for name in ("file.txt", "directory", "near.py", "loop"):
        assert found.by_path[name].data is None
        assert "symbolic link" in (found.by_path[name].problem or "")
    assert len(found.files) == 5
    assert len(found.problems) == 4
    assert all(b"secret" not in (file.data or b"") for file in found.files)


def test_a_linked_record_folder_is_not_entered(tmp_path: Path) -> None:
    make(tmp_path / "outside", {"train_gpt.py": b"secret\n"})
    root = make(tmp_path / "tree", record("2026-04-01_X"))
    os.symlink(tmp_path / "outside", root / TRACK / "2026-04-02_Link")
    assert load_path(root).folder == f"{TRACK}/2026-04-01_X"
    with pytest.raises(SubmissionError):
        load_path(root, folder=f"{TRACK}/2026-04-02_Link")


def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    root = make(tmp_path / "mine", {"train_gpt.py": b"1\n"})
    os.mkfifo(root / "train.log")
    found = load_path(root)
    assert "pipe" in (found.by_path["train.log"].problem or "")
    assert found.by_path["train_gpt.py"].data == b"1\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_what_may_not_be_read(tmp_path: Path) -> None:
    root = make(tmp_path / "mine", {"train_gpt.py": b"1\n", "closed/x.py": b"1\n", "shut.log": b"1\n"})
    (root / "closed").chmod(0)
    (root / "shut.log").chmod(0)
    found = load_path(root)
    (root / "closed").chmod(0o755)
    assert [problem.split(":")[0] for problem in found.problems] == ["closed", "shut.log"]


def test_bounds(tmp_path: Path) -> None:
    root = make(
        tmp_path / "mine",
        {"a.log": b"x" * 900, "b.pt": b"y" * 900, "c.log": b"x" * 2000, "d/e/f/g.txt": b"x", "train_gpt.py": b"1\n"},
    )
    found = load_path(root, bounds=Bounds(file_bytes=1000, weight_bytes=800, depth=3))
    assert found.by_path["a.log"].data == b"x" * 900
    assert found.by_path["b.pt"].data is None
    assert found.by_path["b.pt"].sha256 == hashlib.sha256(b"y" * 900).hexdigest()
    assert (found.by_path["c.log"].data, found.by_path["c.log"].size) == (None, 2000)
    assert any("more than 3 levels" in problem for problem in found.problems)
    few = load_path(root, bounds=Bounds(files=2))
    assert len(few.files) == 2
    assert any("more than 2 files" in problem for problem in few.problems)
    tight = load_path(root, bounds=Bounds(total_bytes=1500))
    assert tight.by_path["a.log"].data is not None
    assert tight.by_path["c.log"].data is None


def test_a_log_of_100_megabytes_is_read_in_full(tmp_path: Path) -> None:
    root = make(tmp_path / "mine", {"train_gpt.py": b"1\n"})
    size = 100 * 1_000_000
    with (root / "train.log").open("wb") as file:
        file.truncate(size - 4)
        file.seek(0, os.SEEK_END)
        file.write(b"end\n")
    tracemalloc.start()
    data = load_path(root).by_path["train.log"].data
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert data is not None
    assert len(data) == size
    assert data.endswith(b"end\n")
    assert peak < 3 * size


def test_a_checkout_finds_the_folder_its_branch_adds(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    base = repo.head()
    repo.branch("topic")
    head = repo.commit("Record: mine", record("2026-04-01_Mine"))
    found = load_path(repo.path)
    assert (found.origin, found.folder, found.commit, found.base) == (
        "checkout",
        f"{TRACK}/2026-04-01_Mine",
        head,
        base,
    )
    assert [change.status for change in found.changes or ()] == ["added"] * 3
    assert (found.title, found.pr, found.notes, found.edits_existing_folder) == ("Record: mine", None, (), False)


def test_a_checkout_is_read_as_it_is_on_disk_and_says_so(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.branch("topic")
    repo.commit("Record: mine", record("2026-04-01_Mine"))
    folder = repo.path / TRACK / "2026-04-01_Mine"
    (folder / "train_gpt.py").write_bytes(b"print('edited')\n")
    (folder / "train.log").write_bytes(b"new\n")
    (folder / "README.md").unlink()
    crlf = (folder / "submission.json").read_bytes().replace(b"\n", b"\r\n")
    (folder / "submission.json").write_bytes(crlf)
    found = load_path(repo.path)
    assert found.by_path["train_gpt.py"].data == b"print('edited')\n"
    (note,) = found.notes
    assert "train_gpt.py differs" in note
    assert "train.log is not committed" in note
    assert "README.md is deleted" in note
    assert "submission.json" not in note


def test_a_folder_that_is_not_committed_yet(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    with pytest.raises(SubmissionError, match="adds nothing to the main branch: choose a record folder with --folder"):
        load_path(repo.path)
    repo.write(record("2026-04-01_Draft"))
    found = load_path(repo.path)
    assert found.folder == f"{TRACK}/2026-04-01_Draft"
    assert "not committed" in found.notes[0]


def test_a_checkout_on_a_fork_is_compared_with_the_main_branch_that_lacks_it(tmp_path: Path) -> None:
    upstream = Repo(tmp_path / "upstream")
    fork = tmp_path / "fork"
    upstream.git("clone", "-q", "-o", "upstream", str(upstream.path), str(fork))
    make(fork, record("2026-04-01_Mine"))
    upstream.git("-C", str(fork), "add", "-A")
    upstream.git("-C", str(fork), "commit", "-q", "-m", "on the fork's own main")
    found = load_path(fork)
    assert found.folder == f"{TRACK}/2026-04-01_Mine"
    assert found.base == upstream.head()


def test_folder_chooses_in_a_checkout_even_what_the_branch_does_not_touch(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.branch("topic")
    repo.commit("two", record("2026-04-01_One") | record("2026-04-02_Two"))
    assert load_path(repo.path).folder == f"{TRACK}/2026-04-02_Two"
    asked = load_path(repo.path, folder="2026-04-01_One")
    assert (asked.folder, asked.other_folders) == (f"{TRACK}/2026-04-01_One", (f"{TRACK}/2026-04-02_Two",))
    old = load_path(repo.path, folder=f"{TRACK}/2026-03-17_Base")
    assert (old.origin, old.folder) == ("folder", f"{TRACK}/2026-03-17_Base")


def test_a_checkout_of_a_branch_without_record(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.branch("topic")
    repo.commit("docs", {"README.md": b"more\n"})
    with pytest.raises(SubmissionError, match=r"adds no record folder: it touches README\.md"):
        load_path(repo.path)


def test_a_submission_kept_in_a_repository_of_its_own(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "mine")
    repo.git("rm", "-rq", "records")
    repo.commit("only mine", {"submission.json": b"{}"})
    found = load_path(repo.path)
    assert (found.origin, found.folder) == ("folder", "mine")
    assert [file.path for file in found.files] == ["README.md", "submission.json", "train_gpt.py"]


def test_a_repository_without_commits(tmp_path: Path) -> None:
    root = make(tmp_path / "new", record("2026-04-01_X"))
    Repo(tmp_path / "helper").git("init", "-q", str(root))
    assert load_path(root).folder == f"{TRACK}/2026-04-01_X"


def test_a_bare_repository_is_no_folder(tmp_path: Path) -> None:
    bare = Repo(tmp_path / "repo").bare(tmp_path / "bare.git")
    with pytest.raises(SubmissionError, match="use --repo with --pr") as caught:
        load_path(bare)
    assert caught.value.usage
