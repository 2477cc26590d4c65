"""The Action: the comment is posted once and then updated, and zizmor finds nothing in what users copy."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import post_comment
import pytest
import report_samples as samples
from github_stand_in import BOT, TOKEN, GitHub, serving

from auditor.report import render
from auditor.report.markdown import MARKER

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / "examples" / "workflows").glob("*.yml"))
OURS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
# Beside the interpreter too: an environment that is not activated is on no PATH.
ZIZMOR = shutil.which("zizmor", path=os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")]))


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    # Comments of people come first; one of them quotes the marker and is not to be overwritten.
    people = [{"id": n, "user": {"type": "User", "login": "a"}, "body": f"{n} {MARKER}"} for n in range(130)]
    with serving(GitHub(people)) as found:
        monkeypatch.setenv("GITHUB_API_URL", found.url)
        monkeypatch.setenv("GH_TOKEN", TOKEN)
        yield found


@pytest.mark.parametrize("account", [None, "someone"])
def test_a_comment_is_posted_once_and_then_updated(
    github: GitHub, account: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    github.account = account
    report = tmp_path / "report.md"
    for build, said in ((samples.violating, "posted"), (samples.clean, "updated"), (samples.hostile, "updated")):
        report.write_text(render(build(), "markdown"), "utf-8")
        assert post_comment.main(["openai/parameter-golf", "7", str(report)]) == 0
        assert said in capsys.readouterr().out
        assert len(github.comments) == 131
        assert github.comments[-1]["body"] == report.read_text("utf-8")
    assert github.comments[0]["body"] == f"0 {MARKER}"


def test_of_two_runs_at_once_one_comment_stays(github: GitHub, tmp_path: Path) -> None:
    report = tmp_path / "report.md"
    report.write_text(render(samples.violating(), "markdown"), "utf-8")
    github.late = [{"id": 5000, "user": BOT, "body": f"of the other run {MARKER}"}]
    assert post_comment.main(["openai/parameter-golf", "7", str(report)]) == 0
    assert [comment["id"] for comment in github.comments[130:]] == [5000]
    assert github.comments[-1]["body"] == report.read_text("utf-8")


def test_a_token_without_the_right_is_told(github: GitHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    github.refuses = 403
    (tmp_path / "report.md").write_text(render(samples.violating(), "markdown"), "utf-8")
    assert post_comment.main(["openai/parameter-golf", "7", str(tmp_path / "report.md")]) == 1
    assert "pull-requests: write" in capsys.readouterr().err


def test_only_a_report_is_posted(github: GitHub, tmp_path: Path) -> None:
    (tmp_path / "x.md").write_text("anything")
    assert post_comment.main(["openai/parameter-golf", "7", str(tmp_path / "x.md")]) == 2
    assert post_comment.main(["openai/parameter-golf", "7/../8", str(tmp_path / "x.md")]) == 2
    assert len(github.comments) == 130


def test_the_marker_is_the_report_s() -> None:
    assert post_comment.MARKER == MARKER


def test_every_action_is_pinned_to_a_commit() -> None:
    for path in (ROOT / "action.yml", *WORKFLOWS, *OURS):
        for used in re.findall(r"uses: (\S+)", path.read_text("utf-8")):
            assert used.startswith("$/") or re.fullmatch(r"[\w/.-]+@[0-9a-f]{40}", used), f"{path.name}: {used}"


@pytest.mark.skipif(ZIZMOR is None, reason="zizmor is not installed (pip install zizmor)")
def test_zizmor_finds_nothing(tmp_path: Path) -> None:
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    for path in (*WORKFLOWS, *OURS):
        shutil.copy(path, folder)
    shutil.copy(ROOT / ".github" / "dependabot.yml", folder.parent)
    assert ZIZMOR is not None
    command = [
        ZIZMOR,
        "--offline",
        "--persona",
        "auditor",
        "--format",
        "json",
        str(ROOT / "action.yml"),
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert [one["ident"] for one in json.loads(done.stdout) if not one["ignored"]] == []
