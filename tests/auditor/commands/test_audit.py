"""The command: exit statuses, formats, wrong usage, many pull requests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import many_samples
import pytest
import report_samples as samples
from patience import PATIENCE

from auditor.commands import asked, folders, many, options, work
from auditor.commands import audit as cli
from auditor.findings import Outcome, found, not_checked, passed
from auditor.judgement.model import Report
from auditor.report import FORMATS
from auditor.submission import Submission, SubmissionError

CLEAN = samples.judge(samples.facts(), [samples.rule("a", passed("fine"))], samples.BUDGETS)


def _with(outcome: Outcome) -> Report:
    return samples.judge(samples.facts(), [samples.rule("a", found([samples.finding(outcome)], ""))], samples.BUDGETS)


REPORTS = {
    "clean": CLEAN,
    "unchecked": samples.judge(samples.facts(), [samples.rule("a", not_checked("no log"))], samples.BUDGETS),
    "warning": _with(Outcome.WARNING),
    "disputed": _with(Outcome.DISPUTED),
    "violation": _with(Outcome.VIOLATION),
    "inconclusive": samples.unreadable(),
    "error": samples.judge(samples.facts(), [samples.rule("a", ValueError("x"))], samples.BUDGETS),
}
STATUSES = {
    # report: violation, disputed, warning, never
    "clean": (0, 0, 0, 0),
    "unchecked": (0, 0, 0, 0),
    "warning": (0, 0, 1, 0),
    "disputed": (0, 1, 1, 0),
    "violation": (1, 1, 1, 0),
    "inconclusive": (3, 3, 3, 3),
    "error": (4, 4, 4, 4),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A record folder that loads."""
    record = tmp_path / "2026-04-05_Sample"
    record.mkdir()
    (record / "train_gpt.py").write_text("print(1)\n")
    (record / "submission.json").write_text('{"val_bpb": 1.1}')
    return record


def _audits(monkeypatch: pytest.MonkeyPatch, report: Report) -> None:
    monkeypatch.setattr(folders, "audit", lambda submission, given, progress=None, *, kept=False: report)


@pytest.mark.parametrize("name", STATUSES)
@pytest.mark.parametrize("form", FORMATS)
def test_exit_status_whatever_the_format(
    name: str, form: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _audits(monkeypatch, REPORTS[name])
    for fail_on, status in zip(asked.FAIL_ON, STATUSES[name], strict=True):
        assert cli.main([str(folder), "--format", form, "--fail-on", fail_on]) == status
    assert capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "say what to audit"),
        (["a", "--repo", "b", "--pr", "1"], "exclude each other"),
        (["a", "--pr", "1"], "exclude each other"),
        (["--repo", "b"], "--repo needs --pr"),
        (["--repo", "b", "--pr", "0"], "1 or more"),
        (["--repo", "b", "--pr", "x"], "numbers such as 1395"),
        (["a", "--set", "NAME"], "NAME=VALUE"),
        (["a", "--set", "=1"], "NAME=VALUE"),
        (["a", "--format", "pdf"], "invalid choice"),
        (["a", "--fail-on", "clean"], "--fail-on wants"),
        (["a", "-o", "/nowhere/at/all/x"], "no folder"),
        (["--repo", "b", "--pr", "1", "2", "--format", "json"], "use jsonl"),
        (["--repo", "b", "--pr", "1", "2", "--format", "sarif"], "holds one submission"),
        (["--repo", "b", "--pr", "1", "2", "--folder", "c"], "--folder goes with one"),
        (["--repo", "b", "--pr", "1", "--jobs", "-1"], "--jobs"),
        (["--repo", "b", "--pr", "1", "--timeout", "nan"], "--timeout"),
        (["a", "--frobnicate"], "unrecognized"),
        (["--rules", "a"], "audits nothing"),
        (["--rules", "--explain", "x"], "exclude each other"),
        (["--rules", "--format", "html"], "has no --format html"),
        (["--explain", "x", "--format", "json"], "has no --format json"),
        (["/does/not/exist"], "/does/not/exist"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == cli.USAGE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("golf-audit: ")
    assert captured.err.count("\n") == 1
    assert said in captured.err


def test_an_empty_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([str(tmp_path)]) in (cli.USAGE, cli.NOT_JUDGED)
    assert capsys.readouterr().err.count("\n") == 1


def test_what_cannot_be_loaded_is_status_3(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def load(*given: object) -> Submission:
        raise SubmissionError("the head is missing\x1b[2J from this clone")

    monkeypatch.setattr(folders, "load", load)
    assert cli.main([str(folder)]) == cli.NOT_JUDGED
    assert capsys.readouterr().err == "golf-audit: the head is missing\\x1b[2J from this clone\n"


def test_an_internal_failure_is_one_line_and_status_4(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def explode(
        submission: Submission, given: options.Options, progress: object = None, *, kept: bool = False
    ) -> Report:
        raise RecursionError("deep\nvery deep")

    monkeypatch.setattr(folders, "audit", explode)
    assert cli.main([str(folder)]) == cli.BROKEN
    error = capsys.readouterr().err
    assert error.startswith("golf-audit: internal error: RecursionError: deep very deep")
    assert error.count("\n") == 1
    assert "Traceback" not in error
    assert cli.main([str(folder), "--debug"]) == cli.BROKEN
    assert "Traceback" in capsys.readouterr().err


def test_output_file(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:  # type: ignore[no-untyped-def]
    _audits(monkeypatch, CLEAN)
    target = tmp_path / "report.json"
    assert cli.main([str(folder), "--format", "json", "-o", str(target)]) == cli.OK
    assert json.loads(target.read_text("utf-8"))["verdict"] == "clean"
    assert capsys.readouterr().out == ""
    assert cli.main([str(folder), "-o", str(tmp_path)]) == cli.USAGE
    assert "cannot write" in capsys.readouterr().err


def test_colour_obeys_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:  # type: ignore[no-untyped-def]
    _audits(monkeypatch, REPORTS["violation"])
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    cli.main([str(folder)])
    assert "\x1b" not in capsys.readouterr().out
    monkeypatch.setenv("FORCE_COLOR", "1")
    cli.main([str(folder)])
    assert "\x1b[" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    cli.main([str(folder)])
    assert "\x1b" not in capsys.readouterr().out


# --- the rules -------------------------------------------------------------------------------------------------


def test_rules_are_listed_and_explained(capsys: pytest.CaptureFixture[str]) -> None:
    from rules import ALL

    assert cli.main(["--rules"]) == cli.OK
    listed = capsys.readouterr().out
    assert [rule.id for rule in ALL if rule.id not in listed] == []
    assert cli.main(["--rules", "--format", "json"]) == cli.OK
    assert [row["id"] for row in json.loads(capsys.readouterr().out)] == [rule.id for rule in ALL]
    for rule in ALL:
        assert cli.main(["--explain", rule.id]) == cli.OK
        said = capsys.readouterr().out
        assert rule.sources[0].url in said
        assert f"{rule.examples[0].kind}: " in said
    assert cli.main(["--explain", ALL[0].id + "x"]) == cli.USAGE
    assert f"did you mean {ALL[0].id}" in capsys.readouterr().err


def test_help_names_examples_and_exit_statuses(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.main(["--help"]) == cli.OK
    said = capsys.readouterr().out
    assert "exit status" in said
    assert "--explain pre-quant-ttt" in said
    assert max(map(len, said.splitlines())) <= 80
    assert cli.main(["--version"]) == cli.OK
    assert capsys.readouterr().out.startswith("golf-audit ")


# --- many pull requests ----------------------------------------------------------------------------------------


@pytest.fixture
def clone(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr("auditor.submission.Clone", many_samples.FakeClone)
    monkeypatch.setattr(many, "_one", many_samples.one)
    for module in (folders, work):
        monkeypatch.setattr(module, "audit", many_samples.audit)
    return ["--repo", "clone", "--jobs", "2", "--timeout", "5"]


def test_every_pull_request_gets_its_line_in_order(clone: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    asked = [5, 66, 13, 77, 88, 2, 4]
    status = cli.main([*clone, "--format", "jsonl", "--pr", *map(str, asked)])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["submission"]["pr"] for row in rows] == asked
    verdicts = {row["submission"]["pr"]: row["verdict"] for row in rows}
    assert verdicts == {5: "clean", 66: "inconclusive", 13: "inconclusive", 77: "inconclusive"} | {
        88: "inconclusive",
        2: "violation",
        4: "clean",
    }
    because = {row["submission"]["pr"]: row["verdict_because"] for row in rows}
    assert "died" in because[66]
    assert "no pull request 13" in because[13]
    assert "more than 5 s of processor time" in because[77]
    assert "ValueError: odd" in because[88]
    assert all(row["outcomes"] for row in rows)
    assert status == cli.FAILED


@pytest.mark.parametrize(("asked", "status"), [([4, 5], 0), ([4, 2], 1), ([4, 13], 3), ([13, 88], 4), ([88, 2], 1)])
def test_the_status_of_many(clone: list[str], asked: list[int], status: int) -> None:
    assert cli.main([*clone, "--format", "jsonl", "--pr", *map(str, asked)]) == status


def test_many_in_the_terminal_are_a_triage_table(clone: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*clone, "--pr", "4", "2", "13"]) == cli.FAILED
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines[:3]] == [
        ["#2", "violation", "score"],
        ["#13", "inconclusive", "?"],
        ["#4", "clean", "1.0924"],
    ]
    assert "pre-quant-ttt" in lines[0]
    assert lines[3] == "3 submissions: 1 violation (1 score), 1 inconclusive, 1 clean"


def test_many_in_markdown_follow_each_other(clone: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    cli.main([*clone, "--format", "markdown", "--pr", "4", "2"])
    said = capsys.readouterr().out
    assert said.count("<!-- golf-audit:report -->") == 2
    assert said.index("## CLEAN") < said.index("## VIOLATION of the score")


def test_one_pull_request_that_does_not_load_gives_a_json_line_too(
    clone: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*clone, "--format", "jsonl", "--pr", "13"]) == cli.USAGE
    captured = capsys.readouterr()
    assert json.loads(captured.out)["verdict"] == "inconclusive"
    assert captured.err == "golf-audit: no pull request 13\n"


# --- as a process ----------------------------------------------------------------------------------------------


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    root = Path(cli.__file__).resolve().parents[2]
    return subprocess.run(
        [sys.executable, "-m", "auditor.commands.audit", *arguments],
        capture_output=True,
        cwd=root,
        env={**os.environ, **environment},
        timeout=PATIENCE,
        check=False,
    )


def test_a_reader_that_leaves_is_no_traceback() -> None:
    root = Path(cli.__file__).resolve().parents[2]
    command = f'"{sys.executable}" -m auditor.commands.audit --rules --format json | true'
    done = subprocess.run(["sh", "-c", command], capture_output=True, cwd=root, timeout=PATIENCE, check=False)
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


def test_a_locale_without_unicode_does_not_end_the_report() -> None:
    done = _run("--rules", "--format", "markdown", PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")
    assert done.returncode == cli.OK
    assert done.stdout.isascii()


def test_listing_the_rules_imports_neither_torch_nor_scipy_nor_rich() -> None:
    code = "import sys; from auditor.commands.audit import main; main(['--rules'])\n"
    code += "heavy = {'rich', 'scipy', 'torch'}\n"
    code += "print(sorted(heavy & set(sys.modules)))"
    root = Path(cli.__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=root, timeout=PATIENCE, check=True)
    assert done.stdout.decode().splitlines()[-1] == "[]"
