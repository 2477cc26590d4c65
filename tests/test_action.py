"""The Action: the comment is posted once and then updated, and zizmor finds nothing in what users copy."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sysconfig
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import post_comment
import pytest
import report_samples as samples

from auditor.report import render
from auditor.report.markdown import MARKER

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / "examples" / "workflows").glob("*.yml"))
OURS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
# Beside the interpreter too: an environment that is not activated is on no PATH.
ZIZMOR = shutil.which("zizmor", path=os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")]))


class GitHub(BaseHTTPRequestHandler):
    """As much of the API as comments need."""

    comments: list[dict[str, Any]]

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        page = int(re.search(r"[?&]page=(\d+)", self.path).group(1))  # type: ignore[union-attr]
        self._answer(self.comments[(page - 1) * 100 : page * 100])

    def _sent(self) -> str:
        assert self.headers["Authorization"] == "Bearer secret"
        return str(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"])

    def do_POST(self) -> None:
        self.comments.append({"id": 1000 + len(self.comments), "user": {"type": "Bot"}, "body": self._sent()})
        self._answer({})

    def do_PATCH(self) -> None:
        wanted = int(self.path.rsplit("/", 1)[1])
        next(c for c in self.comments if c["id"] == wanted)["body"] = self._sent()
        self._answer({})


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    # Comments of people come first; one of them quotes the marker and is not to be overwritten.
    GitHub.comments = [{"id": n, "user": {"type": "User"}, "body": f"{n} {MARKER}"} for n in range(130)]
    server = ThreadingHTTPServer(("127.0.0.1", 0), GitHub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("GITHUB_API_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("GH_TOKEN", "secret")
    yield GitHub.comments
    server.shutdown()


def test_a_comment_is_posted_once_and_then_updated(
    github: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.md"
    for build, said in ((samples.violating, "posted"), (samples.clean, "updated"), (samples.hostile, "updated")):
        report.write_text(render(build(), "markdown"), "utf-8")
        assert post_comment.main(["openai/parameter-golf", "7", str(report)]) == 0
        assert said in capsys.readouterr().out
        assert len(github) == 131
        assert github[-1]["body"] == report.read_text("utf-8")
    assert github[0]["body"] == f"0 {MARKER}"


def test_only_a_report_is_posted(github: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "x.md").write_text("anything")
    assert post_comment.main(["openai/parameter-golf", "7", str(tmp_path / "x.md")]) == 2
    assert post_comment.main(["openai/parameter-golf", "7/../8", str(tmp_path / "x.md")]) == 2
    assert len(github) == 130


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
