"""Careless and hostile input through the real command: a line or a report that says why; no traceback, no `clean`."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

import rules
from auditor.commands import audit as cli
from auditor.rule import Facts
from auditor.runs.unread import MAX_LOG

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "score_first_ttt"
SCRIPT = (EXAMPLE / "train_gpt.py").read_bytes()
LOG = (EXAMPLE / "train_seed42.log").read_bytes()
JUNK = bytes(range(256)) * 40
Audit = Callable[..., subprocess.CompletedProcess[str]]


def _command(*arguments: str | Path, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    """golf-audit as a process of its own; fails where it takes longer."""
    command = [sys.executable, "-m", "auditor.commands.audit", *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    assert "Traceback" not in run.stdout + run.stderr
    return run


@pytest.fixture
def audit(capfd: pytest.CaptureFixture[str]) -> Audit:
    """golf-audit in this process: what it says is of interest, and not how a process of it ends."""

    def audited(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        capfd.readouterr()
        status = cli.main([*map(str, arguments)])
        shown = capfd.readouterr()
        assert "Traceback" not in shown.out + shown.err
        return subprocess.CompletedProcess(arguments, status, shown.out, shown.err)

    return audited


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """A copy of the clean example, to be spoilt."""
    return shutil.copytree(EXAMPLE, tmp_path / "2026-03-22_Sample")


def test_the_example_is_clean_before_it_is_spoilt(record: Path) -> None:
    assert cli.main([str(record)]) == cli.OK


# --- what cannot be loaded at all: one line -------------------------------------------------------------------------


def _one_line(run: subprocess.CompletedProcess[str], status: int, said: str) -> None:
    assert run.returncode == status, run.stderr
    assert run.stdout == ""
    assert run.stderr.startswith("golf-audit: ")
    assert run.stderr.count("\n") == 1
    assert said in run.stderr


def test_a_missing_path(tmp_path: Path) -> None:
    _one_line(_command(tmp_path / "nowhere"), cli.USAGE, "nowhere does not exist")


def test_an_empty_folder(tmp_path: Path) -> None:
    _one_line(_command(tmp_path), cli.NOT_JUDGED, "is empty")


def test_a_repository_without_that_pull_request(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "clone"], check=True, timeout=30)
    _one_line(_command("--repo", tmp_path / "clone", "--pr", "17"), cli.USAGE, "no pull request 17")
    several = _command("--repo", tmp_path / "clone", "--pr", "17", "18")
    assert several.returncode == cli.NOT_JUDGED
    assert several.stdout.count("inconclusive") == 3  # a line each, and the sum


def test_a_path_that_is_no_repository(tmp_path: Path) -> None:
    run = _command("--repo", tmp_path, "--pr", "17")
    assert run.returncode in (cli.USAGE, cli.NOT_JUDGED)
    assert run.stderr.count("\n") == 1


# --- what is loaded and cannot be read: a report that says so -------------------------------------------------------


def _packed_bomb() -> bytes:
    payload = base64.b85encode(zlib.compress(bytes(100_000_000), 9)).decode()
    return f"import base64, zlib\nexec(zlib.decompress(base64.b85decode({payload!r})))\n".encode()


SCRIPTS = {
    "binary junk": (JUNK, "binary data, not Python"),
    "1,500 nested parentheses": (b"x = " + b"(" * 1500 + b"1" + b")" * 1500 + b"\n", "too many nested parentheses"),
    "a sum of 50,000 terms": (b"x = " + b"1+" * 50_000 + b"1\n", "nested too deeply"),
    "invalid UTF-8 behind the first lines": (SCRIPT + b"# \xff\xfe\n", "not valid utf-8"),
    "invalid UTF-8 in the first line": (b"# \xff\n" + SCRIPT, "encoding"),
    "an encoding that hides code": (b"# coding: utf-7\n" + SCRIPT, "utf-7"),
    "UTF-16": (b"\xff\xfe" + SCRIPT.decode().encode("utf-16-le"), "not text that Python reads"),
    "a bomb": (_packed_bomb(), "decompresses to more than"),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_that_cannot_be_read(name: str, record: Path, audit: Audit) -> None:
    script, said = SCRIPTS[name]
    (record / "train_gpt.py").write_bytes(script)
    run = audit(record)
    assert run.returncode == cli.NOT_JUDGED
    shown = " ".join(run.stdout.split())
    assert shown.startswith("INCONCLUSIVE")
    assert said in shown
    assert "could not be read" in shown


def test_an_empty_script(record: Path, audit: Audit) -> None:
    (record / "train_gpt.py").write_bytes(b"")
    run = audit(record)
    assert run.returncode == cli.FAILED
    assert "train_gpt.py is empty" in run.stdout


@pytest.mark.parametrize("text", [b"[]", b"null", b"", b"7", b"{", b"[" * 100_000, JUNK])
def test_a_submission_json_that_holds_no_claims(text: bytes, record: Path, audit: Audit) -> None:
    (record / "submission.json").write_bytes(text)
    run = audit(record, "--format", "json")
    assert json.loads(run.stdout)["verdict"] != "clean"
    assert run.returncode in (cli.FAILED, cli.NOT_JUDGED)


def test_what_could_not_be_read_is_named(record: Path, audit: Audit) -> None:
    (record / "submission.json").write_text("[]")
    (record / "README.md").write_bytes(b"# \xff\xfe\n")
    shown = audit(record).stdout
    assert "submission.json holds a list, not an object" in shown
    assert "README.md is not valid UTF-8" in shown


@pytest.mark.parametrize("name", ["train_seed42.log", "train_log_42.txt"])
def test_a_log_of_binary_junk_is_not_the_absence_of_a_log(name: str, record: Path, audit: Audit) -> None:
    (record / "train_seed42.log").unlink()
    (record / name).write_bytes(JUNK)
    run = audit(record)
    assert run.returncode == cli.NOT_JUDGED
    assert f"{name}: binary data" in " ".join(run.stdout.split())


def test_a_log_too_long_to_be_read_whole(record: Path) -> None:
    """More than is read, in one line; the time that figures on every line take is bounded by the next test."""
    part = b"val_bpb:1.1 " * 87_000
    with (record / "train_seed42.log").open("wb") as out:
        out.write(LOG)
        for _ in range(MAX_LOG // len(part) + 2):
            out.write(part)
    run = _command(record)
    assert run.returncode == cli.NOT_JUDGED
    assert f"only the first {MAX_LOG:,} were read" in " ".join(run.stdout.split())


def test_time_is_linear_in_the_log(record: Path) -> None:
    line = b"step:%d/20000 train_loss:2.5 val_loss:2.1 val_bpb:1.2 train_time:%dms step_avg:81.00ms\n"
    with (record / "train_seed42.log").open("wb") as out:
        out.write(LOG + b"".join(line % (i, i) for i in range(60_000)))
    start = time.monotonic()
    assert cli.main([str(record), "--format", "json", "-o", os.devnull]) in (cli.OK, cli.FAILED)
    assert time.monotonic() - start < 20  # about one second for 5 MB where nothing else runs


def test_links_are_not_followed(record: Path, tmp_path: Path, audit: Audit) -> None:
    secret = tmp_path / "secret.py"
    secret.write_text("PASSWORD = 'not for the report'\n")
    (record / "train_gpt.py").unlink()
    (record / "train_gpt.py").symlink_to(secret)
    run = audit(record)
    assert run.returncode in (cli.FAILED, cli.NOT_JUDGED)
    assert "not for the report" not in run.stdout


def test_a_rule_that_raises_is_no_pass(record: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:  # type: ignore[no-untyped-def]
    def explode(facts: Facts) -> None:
        raise RecursionError("very deep")

    first, *others = rules.ALL
    monkeypatch.setattr(rules, "ALL", (type(first)(**{**vars(first), "check": explode}), *others))
    assert cli.main([str(record)]) == cli.BROKEN
    shown = " ".join(capsys.readouterr().out.split())
    assert "CLEAN" not in shown
    assert f"{first.id}" in shown
    assert "RecursionError: very deep" in shown
    assert "Traceback" not in shown
