"""The workflows that users copy and action.yml, their own shell run step by step against a stand-in of GitHub."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from action_runner import Job, environment
from github_stand_in import GH, TOKEN, GitHub, serving, urls
from submission_repositories import Repo

from rules.examples.folders import folder

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples" / "workflows"
PLACE = "records/track_10min_16mb/2026-04-05_Mine"


class World:
    """A repository on GitHub with pull request 7, and a runner that works for it."""

    def __init__(self, tmp_path: Path, github: GitHub) -> None:
        self.github, self.tmp = github, tmp_path
        self.origin = Repo(tmp_path / "origin")
        self.head = ""
        bin_ = tmp_path / "bin"
        bin_.mkdir()
        (bin_ / "gh").write_text(GH.format(python=sys.executable))
        (bin_ / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        for tool in bin_.iterdir():
            tool.chmod(0o755)
        # Where the step that is left out would install it.
        (tmp_path / "temp" / "golf-audit" / "bin").mkdir(parents=True)
        os.symlink(
            Path(sysconfig.get_path("scripts"), "golf-audit"), tmp_path / "temp" / "golf-audit" / "bin" / "golf-audit"
        )

    def push(self, files: Mapping[str, bytes | str], place: str = f"{PLACE}/") -> None:
        """Files (or what replaces them) into the pull request."""
        origin = self.origin
        if not self.head:
            origin.branch("pr7")
        else:
            origin.git("checkout", "-q", "pr7")
        self.head = origin.commit(
            "Mine",
            {f"{place}{name}": text.encode() if isinstance(text, str) else text for name, text in files.items()},
        )
        origin.git("update-ref", "refs/pull/7/head", "HEAD")
        origin.git("checkout", "-q", "--detach", "main")
        origin.git("merge", "-q", "--no-ff", "-m", "merge", "pr7")
        origin.git("update-ref", "refs/pull/7/merge", "HEAD")
        origin.git("checkout", "-q", "main")
        self.github.pulls = [{"number": 7, "head": {"label": "someone:topic", "sha": self.head}}]

    def run(self, workflow: str, checks_out: str) -> tuple[int, Job]:
        """One run of a workflow in a fresh workspace."""
        number = len(list(self.tmp.glob("work*")))
        work = self.tmp / f"work{number}"
        (self.tmp / "temp" / "summary.md").unlink(missing_ok=True)

        def checkout(given: Mapping[str, str]) -> None:
            assert given == {"fetch-depth": "0", "persist-credentials": "False"}
            git("init", "-q", str(work))
            git("-C", str(work), "remote", "add", "origin", str(self.origin.path))
            git("-C", str(work), "fetch", "-q", "origin", "+refs/heads/main*:refs/remotes/origin/main*")
            git("-C", str(work), "fetch", "-q", "origin", f"{checks_out}:refs/remotes/wanted")
            git("-C", str(work), "checkout", "-q", "--detach", "refs/remotes/wanted")

        def upload(given: Mapping[str, str]) -> None:
            text = Path(given["sarif_file"]).read_text("utf-8")
            self.github.upload(text, given["ref"] or checks_out, given["sha"])

        run = {"event": "pull_request", "head_branch": "topic", "head_sha": self.head}
        owner = {"full_name": "someone/parameter-golf", "owner": {"login": "someone"}}
        event = {"workflow_run": {**run, "head_repository": owner}}
        (self.tmp / "work").mkdir(exist_ok=True)
        job = Job(
            workspace=work,
            temp=self.tmp / "temp",
            github={"repository": "openai/parameter-golf", "token": TOKEN, "event": event},
            uses={
                "actions/checkout": checkout,
                "actions/setup-python": lambda given: None,
                "github/codeql-action/upload-sarif": upload,
            },
            env=environment(PATH=f"{self.tmp / 'bin'}{os.pathsep}{os.environ['PATH']}", GITHUB_API_URL=self.github.url),
            action=ROOT,
            skip="pip install",
        )
        return job.workflow(EXAMPLES / workflow), job

    def summary(self) -> str:
        return (self.tmp / "temp" / "summary.md").read_text("utf-8")


def git(*words: str) -> None:
    subprocess.run(["git", *words], check=True, capture_output=True, timeout=60)


@pytest.fixture
def world(tmp_path: Path) -> Any:
    with serving(GitHub()) as github:
        yield World(tmp_path, github)


def _files(**more: str) -> dict[str, bytes | str]:
    return {**folder(logs={}), **more}


def test_a_pull_request_is_read_and_told(world: World) -> None:
    world.push(_files())
    status, job = world.run("golf-audit.yml", "refs/pull/7/merge")
    assert status == 1, job.printed  # no logs: paperwork
    assert "package incomplete" in world.summary()
    assert f"::error file={PLACE}/" in job.printed or "::error title=" in job.printed
    assert world.github.comments == []
    assert world.github.uploads == []


def test_the_comment_is_posted_then_updated_and_the_alerts_are_the_pull_request_s(world: World) -> None:
    world.push(_files())
    status, job = world.run("golf-audit-comment.yml", "refs/heads/main")
    assert status == 0, job.printed
    (first,) = [comment["body"] for comment in world.github.comments]
    assert first == world.summary()
    assert world.head in first  # permalinks are at its commit
    (upload,) = world.github.uploads
    assert (upload["ref"], upload["sha"]) == ("refs/pull/7/head", world.head)
    assert urls(upload["sarif"])
    assert all(uri.startswith(PLACE) for uri in urls(upload["sarif"]))
    world.push({"README.md": "# Mine\n\nval_bpb 1.2\n"})
    assert world.run("golf-audit-comment.yml", "refs/heads/main")[0] == 0
    (second,) = [comment["body"] for comment in world.github.comments]
    assert second != first
    assert world.head in second
    assert [one["sha"] for one in world.github.uploads][1:] == [world.head]


def test_a_pull_request_without_a_submission_fails_nothing(world: World) -> None:
    world.push({"notes.txt": "nothing"}, place="")
    status, job = world.run("golf-audit-comment.yml", "refs/heads/main")
    assert status == 0, job.printed
    assert "::warning title=golf-audit::could not be judged" in job.printed
    assert world.github.comments == []
    assert world.run("golf-audit.yml", "refs/pull/7/merge")[0] == 3


def test_nothing_is_done_for_a_branch_without_a_pull_request(world: World) -> None:
    world.push(_files())
    world.github.pulls = []
    status, job = world.run("golf-audit-comment.yml", "refs/heads/main")
    assert status == 0
    assert "$/golf-audit" not in job.ran
    assert world.github.comments == []


def test_a_comment_that_is_refused_fails_the_job(world: World) -> None:
    world.push(_files())
    world.github.refuses = 403
    status, job = world.run("golf-audit-comment.yml", "refs/heads/main")
    assert status == 1
    assert "pull-requests: write" in job.printed


def test_python_of_the_action_imports_nothing_from_the_workspace(tmp_path: Path) -> None:
    """A pull request may add venv.py or pip.py, and the working directory may be its checkout."""
    for name in ("venv.py", "pip.py", "json.py", "sitecustomize.py"):
        (tmp_path / name).write_text("raise SystemExit('imported from the workspace')\n")
    steps = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["runs"]["steps"]
    lines = [line.strip() for step in steps for line in step.get("run", "").splitlines()]
    modules = [line for line in lines if re.search(r"python\"? ", line)]
    assert len(modules) == 3
    for line in modules:
        words = re.sub(r".*python\"? ", "", line).split()
        words = [*words[: 3 if "-m" in words else 1], "--help"]
        if words[-2].endswith('.py"'):
            continue
        done = subprocess.run([sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
