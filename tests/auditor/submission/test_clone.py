"""Pull requests from the objects of small clones."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from submission_repositories import DAY, TRACK, Load, Repo, record

from auditor.submission import Clone, Submission, SubmissionError
from auditor.submission.bounds import Bounds


def paths(submission: Submission) -> list[str]:
    return [file.path for file in submission.files]


def test_open_pull_request(repo: Repo, load: Load) -> None:
    base = repo.head()
    head = repo.pull_request(7, record("2026-04-01_New"), "Record: new thing")
    repo.commit("Main moves on", {"README.md": b"changed\n"})
    found = load(7)
    assert (found.origin, found.pr, found.folder, found.track) == (
        "pull-request",
        7,
        f"{TRACK}/2026-04-01_New",
        "track_10min_16mb",
    )
    assert paths(found) == ["README.md", "submission.json", "train_gpt.py"]
    assert found.by_path["submission.json"].data == b'{"val_bpb": 1.2}\n'
    assert (found.commit, found.base, found.title, found.landed_as) == (head, base, "Record: new thing", None)
    assert found.authored is not None
    assert found.authored.endswith("+01:00")
    assert [change.status for change in found.changes or ()] == ["added"] * 3
    assert (found.chosen_because, found.other_folders, found.edits_existing_folder, found.problems) == (
        "",
        (),
        False,
        (),
    )


def test_a_branch_that_merged_main_is_compared_with_the_newest_common_commit(repo: Repo, load: Load) -> None:
    repo.branch("topic")
    repo.commit("Add", record("2026-04-01_Mine"))
    repo.git("checkout", "-q", "main")
    base = repo.commit("Another record lands", record("2026-04-02_Theirs"))
    repo.git("checkout", "-q", "topic")
    repo.clock += 1
    repo.git("merge", "-q", "-m", "Merge branch 'main'", "main")
    repo.pull(8)
    found = load(8)
    assert found.base == base
    assert found.folder == f"{TRACK}/2026-04-01_Mine"
    assert {change.path.split("/")[2] for change in found.changes or ()} == {"2026-04-01_Mine"}


def test_the_newest_common_commit_is_told_by_history_not_by_dates(repo: Repo, load: Load) -> None:
    repo.branch("topic")
    repo.commit("Add", record("2026-04-01_Mine"))
    repo.git("checkout", "-q", "main")
    repo.clock -= 30 * DAY
    base = repo.commit("Another record lands, by a clock that is behind", record("2026-04-02_Theirs"))
    repo.git("checkout", "-q", "topic")
    repo.git("merge", "-q", "-m", "Merge branch 'main'", "main")
    repo.pull(8)
    assert load(8).base == base


def test_merged_pull_request_is_the_merge_against_its_first_parent(repo: Repo, load: Load) -> None:
    head = repo.pull_request(9, record("2026-04-01_Merged"), "wip")
    before = repo.commit("Main moves on", {"README.md": b"changed\n"})
    merge = repo.merge(9, "Merge pull request #9 from someone/branch\n\nRecord: the real title\n")
    repo.commit("Later", {"README.md": b"again\n"})
    found = load(9)
    assert (found.commit, found.base, found.landed_as) == (head, before, merge)
    assert found.title == "Record: the real title"
    assert {change.path.split("/")[2] for change in found.changes or ()} == {"2026-04-01_Merged"}


def test_merge_commit_that_carries_the_title_in_its_subject(repo: Repo, load: Load) -> None:
    repo.pull_request(9, record("2026-04-01_Merged"), "wip")
    repo.merge(9, "Merge PR #9: Record: the real title")
    assert load(9).title == "Record: the real title"


def test_squash_merge_is_the_squash_against_its_parent(repo: Repo, load: Load) -> None:
    head = repo.pull_request(10, record("2026-04-01_Squashed"), "wip")
    before = repo.head()
    squash = repo.squash(10, "Record: squashed (#10)")
    repo.pull_request(11, record("2026-04-05_Next"))
    found = load(10)
    assert (found.commit, found.base, found.landed_as) == (head, before, squash)
    assert found.title == "Record: squashed"
    assert found.folder == f"{TRACK}/2026-04-01_Squashed"
    assert load(11).folder == f"{TRACK}/2026-04-05_Next"


def test_a_branch_continued_after_its_squash_is_still_what_landed(repo: Repo, load: Load) -> None:
    repo.pull_request(10, record("2026-04-01_Squashed"), "wip")
    repo.squash(10, "Record: squashed (#10)")
    repo.git("checkout", "-q", "pr10")
    repo.clock += 1
    repo.git("merge", "-q", "-m", "Merge branch 'main'", "main")
    repo.pull(10)
    assert load(10).folder == f"{TRACK}/2026-04-01_Squashed"


def test_a_mention_of_another_number_is_no_landing(repo: Repo, load: Load) -> None:
    repo.pull_request(12, record("2026-04-01_Open"))
    repo.commit("Fix what (#12) broke")
    repo.commit('Revert "Add (#12)" (#13)')
    assert load(12).landed_as is None


def test_a_pull_request_contained_in_anothers_merge(repo: Repo, load: Load) -> None:
    repo.branch("shared")
    repo.commit("First", record("2026-04-01_First"))
    repo.git("update-ref", "refs/pull/20/head", "HEAD")
    repo.commit("Second", record("2026-04-02_Second"))
    repo.pull(21)
    merge = repo.merge(21, "Merge pull request #21 from someone/shared")
    found = load(20)
    assert found.folder == f"{TRACK}/2026-04-01_First"
    assert found.other_folders == ()
    assert found.landed_as == merge


def test_a_head_on_the_main_branch_adds_nothing(repo: Repo, load: Load) -> None:
    repo.commit("A record", record("2026-04-01_Other"))
    repo.pull(22)
    repo.commit("Later")
    with pytest.raises(SubmissionError, match="pull request 22 adds nothing") as caught:
        load(22)
    assert not caught.value.usage


def test_unrelated_history_is_compared_with_the_tip_of_main(repo: Repo, load: Load) -> None:
    repo.git("checkout", "-q", "--orphan", "fresh")
    repo.commit("All in one", record("2026-04-01_New"))
    repo.pull(23)
    found = load(23)
    assert found.folder == f"{TRACK}/2026-04-01_New"
    assert found.base is None
    assert "shares no commit" in found.notes[0]


def test_editing_an_existing_folder_says_so(repo: Repo, load: Load) -> None:
    repo.pull_request(30, {f"{TRACK}/2026-03-17_Base/train_gpt.py": b"print(2)\n"})
    found = load(30)
    assert found.folder == f"{TRACK}/2026-03-17_Base"
    assert found.edits_existing_folder
    assert "edited" in found.chosen_because
    assert [(c.path, c.status) for c in found.changes or ()] == [(f"{TRACK}/2026-03-17_Base/train_gpt.py", "modified")]
    assert paths(found) == ["README.md", "submission.json", "train_gpt.py"]


def test_an_added_folder_comes_before_an_edited_one(repo: Repo, load: Load) -> None:
    repo.pull_request(31, {f"{TRACK}/2026-03-17_Base/README.md": None, **record("2026-01-01_New"), "notes.md": b"x"})
    found = load(31)
    assert found.folder == f"{TRACK}/2026-01-01_New"
    assert found.edits_existing_folder
    statuses = {change.path: change.status for change in found.changes or ()}
    assert statuses[f"{TRACK}/2026-03-17_Base/README.md"] == "deleted"
    assert statuses["notes.md"] == "added"


@pytest.mark.parametrize(
    "files",
    [{"train_gpt.py": b"print(3)\n"}, {f"{TRACK}/2026-03-17_Base/README.md": None}, {f"{TRACK}/notes.md": b"x"}],
)
def test_no_record_folder(repo: Repo, load: Load, files: dict[str, bytes | None]) -> None:
    repo.pull_request(32, files)
    with pytest.raises(SubmissionError, match="pull request 32 adds no record folder: it touches ") as caught:
        load(32)
    assert not caught.value.usage
    assert "\n" not in str(caught.value)


def test_a_pull_request_without_changes(repo: Repo, load: Load) -> None:
    repo.pull_request(33, {})
    with pytest.raises(SubmissionError, match="it touches nothing"):
        load(33)


@pytest.mark.parametrize(
    ("track", "name", "folder"),
    [
        ("submissions/me", "Mine", "submissions/me/Mine"),
        ("golf/records/track_a", "Mine", "golf/records/track_a/Mine"),
        ("records", "Mine", "records/Mine"),
        ("records/mine", "Mine", "records/mine/Mine"),
        (f"{TRACK}/2026-04-01_Outer", "run1", f"{TRACK}/2026-04-01_Outer"),
    ],
)
def test_where_record_folders_sit(repo: Repo, load: Load, track: str, name: str, folder: str) -> None:
    repo.pull_request(34, record(name, track=track))
    found = load(34)
    assert found.folder == folder
    assert any(path.endswith("train_gpt.py") for path in paths(found))
    assert ("no record folder" in found.chosen_because) == track.startswith("submissions")


def test_several_folders_are_chosen_from_and_listed(repo: Repo, load: Load) -> None:
    repo.pull_request(35, record("2026-04-01_Old", 1.3) | record("2026-04-09_New", 1.1), "update README")
    found = load(35)
    assert found.folder == f"{TRACK}/2026-04-09_New"
    assert found.other_folders == found.rivals == (f"{TRACK}/2026-04-01_Old",)
    assert found.landed == ()
    assert "2026-04-09" in found.chosen_because
    asked = load(35, folder="2026-04-01_Old")
    assert (asked.folder, asked.other_folders) == (f"{TRACK}/2026-04-01_Old", (f"{TRACK}/2026-04-09_New",))
    assert asked.rivals == ()  # one was asked for
    with pytest.raises(SubmissionError, match=r"2026-04-01_Old, .*2026-04-09_New") as caught:
        load(35, folder="2026-04-03_Neither")
    assert caught.value.usage


@pytest.mark.parametrize(
    ("log", "beside", "chosen"),
    [
        ("train_seed1.log", {}, "2026-04-01_Whole"),
        ("requirements.txt", {}, "2026-04-09_Sandbox"),
        ("train_seed1.log", {"README.md": b"# Sandbox\n"}, "2026-04-09_Sandbox"),
    ],
)
def test_a_working_folder_is_not_the_submission_however_new(
    repo: Repo, load: Load, log: str, beside: dict[str, bytes], chosen: str
) -> None:
    files = {**record("2026-04-01_Whole"), f"{TRACK}/2026-04-01_Whole/{log}": b"step:1\n"}
    sandbox = {"train_gpt.py": b"print(2)\n", **beside}
    repo.pull_request(7, files | {f"{TRACK}/2026-04-09_Sandbox/{name}": data for name, data in sandbox.items()}, "Work")
    found = load(7)
    assert found.folder == f"{TRACK}/{chosen}"
    assert f"{TRACK}/2026-04-09_Sandbox" not in found.rivals


def test_a_folder_that_main_has_by_now_is_not_the_submission(repo: Repo, load: Load) -> None:
    repo.pull_request(36, record("2026-04-01_Mine") | record("2026-04-09_Copied"), "wip")
    repo.commit("Landed by someone else", record("2026-04-09_Copied"))
    found = load(36)
    assert found.folder == f"{TRACK}/2026-04-01_Mine"
    assert "main branch does not have" in found.chosen_because
    assert (found.other_folders, found.rivals) == ((f"{TRACK}/2026-04-09_Copied",), ())
    assert found.landed == found.other_folders


def test_the_commit_that_worked_on_a_folder_last_decides_last(repo: Repo, load: Load) -> None:
    repo.branch("topic")
    repo.commit("one", record("2026-04-01_Aa"))
    repo.commit("two", record("2026-04-01_Bb"))
    repo.commit("three", {f"{TRACK}/2026-04-01_Aa/README.md": b"more\n"})
    repo.pull(37)
    found = load(37)
    assert found.folder == f"{TRACK}/2026-04-01_Aa"
    assert "worked on it last" in found.chosen_because


def test_links_and_submodules_are_refused(repo: Repo, load: Load, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret", encoding="ascii")
    repo.branch("topic")
    repo.write(record("2026-04-01_Links"))
    os.symlink("/etc/passwd", repo.path / TRACK / "2026-04-01_Links" / "absolute.txt")
    os.symlink("../../../train_gpt.py", repo.path / TRACK / "2026-04-01_Links" / "relative.py")
    repo.commit("Add")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},{TRACK}/2026-04-01_Links/module")
    repo.git("commit", "-q", "-m", "module")
    repo.pull(40)
    found = load(40)
    for name, word in (("absolute.txt", "symbolic link"), ("relative.py", "symbolic link"), ("module", "submodule")):
        file = found.by_path[name]
        assert file.data is None
        assert word in (file.problem or "")
    assert len(found.problems) == 3
    assert "/etc/passwd" in found.problems[0]


def test_a_missing_object_is_a_problem_of_its_file(repo: Repo, load: Load) -> None:
    repo.pull_request(41, record("2026-04-01_Hole"))
    blob = repo.head(f"refs/pull/41/head:{TRACK}/2026-04-01_Hole/train_gpt.py")
    (repo.path / ".git/objects" / blob[:2] / blob[2:]).unlink()
    found = load(41)
    file = found.by_path["train_gpt.py"]
    assert (file.data, file.size, file.sha256) == (None, None, None)
    assert found.problems == ("train_gpt.py: missing from this clone",)
    assert found.by_path["README.md"].data == b"# 2026-04-01_Hole\n"


def test_a_damaged_object_does_not_lose_the_rest(repo: Repo, load: Load) -> None:
    noise = b"".join(hashlib.sha256(bytes([i])).digest() for i in range(256))
    repo.pull_request(42, record("2026-04-01_Rot") | {f"{TRACK}/2026-04-01_Rot/a.log": noise})
    blob = repo.head(f"refs/pull/42/head:{TRACK}/2026-04-01_Rot/a.log")
    target = repo.path / ".git/objects" / blob[:2] / blob[2:]
    target.chmod(0o644)
    target.write_bytes(target.read_bytes()[:2000])
    found = load(42)
    assert found.by_path["a.log"].problem == "damaged in this clone"
    assert found.by_path["train_gpt.py"].data == b"print('2026-04-01_Rot')\n"


def test_a_missing_head_is_an_error_of_one_line(repo: Repo, load: Load) -> None:
    head = repo.pull_request(43, record("2026-04-01_Gone"))
    repo.git("branch", "-D", "pr43")
    (repo.path / ".git/objects" / head[:2] / head[2:]).unlink()
    with pytest.raises(SubmissionError, match=r"the head of pull request 43 .* missing from this clone"):
        load(43)


def test_large_files(repo: Repo) -> None:
    files = {
        f"{TRACK}/2026-04-01_Big/{name}": b"x" * size
        for name, size in (("a.log", 900), ("b.ptz", 900), ("c.log", 2000))
    }
    repo.pull_request(44, record("2026-04-01_Big") | files)
    with Clone(repo.path, Bounds(file_bytes=1000, weight_bytes=800)) as clone:
        found = clone.load(44).by_path
        again = clone.load(44).by_path
    assert found["a.log"].data == b"x" * 900
    assert (found["b.ptz"].data, found["b.ptz"].size) == (None, 900)
    assert found["b.ptz"].sha256 == hashlib.sha256(b"x" * 900).hexdigest()
    assert (found["c.log"].data, found["c.log"].size, found["c.log"].sha256) == (None, 2000, None)
    assert found["train_gpt.py"].data is not None  # read after the refused one
    assert again == found


def test_too_many_files_and_levels(repo: Repo) -> None:
    deep = f"{TRACK}/2026-04-01_Deep/" + "d/" * 6 + "f.txt"
    many = {f"{TRACK}/2026-04-02_Many/f{i:03}.txt": b"x" for i in range(30)}
    repo.pull_request(45, record("2026-04-01_Deep") | {deep: b"x"})
    repo.pull_request(46, record("2026-04-02_Many") | many)
    with Clone(repo.path, Bounds(files=10, depth=3)) as clone:
        assert any("more than 3 levels" in problem for problem in clone.load(45).problems)
        found = clone.load(46)
    assert len(found.files) == 10
    assert any("more than 10 files" in problem for problem in found.problems)


def test_file_names_of_any_bytes(repo: Repo, load: Load) -> None:
    folder = f"{TRACK}/2026-04-01_Ünïcode \n\t"
    repo.branch("topic")
    repo.write({f"{folder}/train_gpt.py": b"1\n"})
    with open(os.fsencode(repo.path / folder) + b"/\xff.txt", "wb") as file:
        file.write(b"x")
    repo.commit("Add")
    repo.pull(47)
    found = load(47)
    assert found.folder == folder
    assert paths(found) == ["\\xff.txt", "train_gpt.py"]
    "".join(paths(found)).encode()
