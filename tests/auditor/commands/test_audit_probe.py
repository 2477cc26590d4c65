"""--probe and --smoke on the command line: options, exit statuses, torch missing, many pull requests. Runs nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import probe_reports as probes
import pytest
import report_samples as samples

from auditor.commands import audit as cli
from auditor.commands import options, running
from auditor.commands.output import Progress
from auditor.judgement.gather import gather
from auditor.limits.model import PATIENCE
from auditor.probe.model import Holds, Kind, Probe, Smoke
from auditor.rule import Facts
from auditor.submission import load_path

ROOT = Path(cli.__file__).resolve().parents[2]
CLEAN = ROOT / "examples" / "score_first_ttt"
BREAKS = ROOT / "examples" / "pre_quant_ttt"


@pytest.fixture
def seen() -> list[dict[str, Any]]:
    """What the fakes below were called with."""
    return []


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch, seen: list[dict[str, Any]]) -> Callable[[Probe | Exception], None]:
    """Installs a probe that answers with the given value and runs nothing."""

    def install(answer: Probe | Exception) -> None:
        def fake(
            facts: Facts, *, unsafe: bool, seconds: float, progress: Callable[[str], None] | None, **more: Any
        ) -> Probe:
            seen.append({"facts": facts, "unsafe": unsafe, "seconds": seconds, "progress": progress, **more})
            if progress is not None:
                progress("base run, attempt 2\x1b[2J\nand more")
            if isinstance(answer, Exception):
                raise answer
            return answer

        module = types.ModuleType("auditor.probe.run")
        module.probe = fake  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "auditor.probe.run", module)
        monkeypatch.setattr(running, "ready", lambda: True)

    return install


@pytest.fixture
def smoke(monkeypatch: pytest.MonkeyPatch, seen: list[dict[str, Any]]) -> Callable[[Smoke], None]:
    def install(answer: Smoke) -> None:
        def fake(facts: Facts, *, unsafe: bool, progress: Callable[[str], None] | None) -> Smoke:
            seen.append({"facts": facts, "unsafe": unsafe})
            if progress is not None:
                progress("building the model")
            return answer

        module = types.ModuleType("auditor.probe.smoke")
        module.smoke = fake  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "auditor.probe.smoke", module)
        monkeypatch.setattr(running, "ready", lambda: True)

    return install


@pytest.fixture(autouse=True)
def in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a worker: what the fakes see and print stays here."""
    monkeypatch.setattr(cli, "limited", lambda work, limits: work())


# --- where it is asked for ---


@pytest.mark.parametrize(
    ("how", "folder", "score", "runs"),
    [
        ("--probe=auto", CLEAN, None, False),
        ("--probe=auto", BREAKS, None, False),  # the code decides it
        ("--probe=auto", CLEAN, 0.39, True),  # which the code does not explain
        ("--probe=always", CLEAN, None, True),
        ("--probe=always", BREAKS, None, True),
        ("--probe", CLEAN, None, True),
    ],
)
def test_auto_runs_what_the_code_leaves_open(
    how: str, folder: Path, score: float | None, runs: bool, tmp_path: Path, probe: Callable[[Probe | Exception], None],
    seen: list[dict[str, Any]], capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    probe(Probe("failed", "asked"))
    if score is not None:
        copied = tmp_path / folder.name
        shutil.copytree(folder, copied)
        (copied / "submission.json").write_text(json.dumps({"val_bpb": score}))
        folder = copied
    cli.main([str(folder), how, "--format", "json", "--fail-on", "never"])
    assert (len(seen) == 1) is runs
    assert (json.loads(capsys.readouterr().out)["probe"] is not None) is runs


def test_auto_runs_what_is_inconclusive(
    tmp_path: Path, probe: Callable[[Probe | Exception], None], seen: list[dict[str, Any]]
) -> None:
    probe(Probe("failed", "asked"))
    (tmp_path / "train_gpt.py").write_text("import torch\nprint(torch.ops.some.kernel())\n")
    cli.main([str(tmp_path), "--probe=auto", "--format", "json", "--fail-on", "never"])
    assert len(seen) == 1


# --- options -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a", "--probe", "--smoke"], "ask for one of them"),
        (["a", "--probe-unsafe"], "--probe-unsafe goes with --probe or --smoke"),
        (["a", "--probe-timeout", "9"], "--probe-timeout goes with --probe"),
        (["a", "--smoke", "--probe-timeout", "9"], "--probe-timeout goes with --probe"),
        (["a", "--probe", "--probe-timeout", "0"], "above 0"),
        (["a", "--probe", "--probe-timeout", "nan"], "above 0"),
        (["a", "--probe", "--probe-timeout", "x"], "invalid float value"),
        (["a", "--smoke", "--format", "html"], "--smoke has no --format html; it has terminal, json"),
        (["a", "--smoke", "--baseline", "auto"], "leave --baseline out"),
        (["--repo", "b", "--pr", "1", "2", "--smoke"], "--smoke looks at one submission"),
        (["--rules", "--probe"], "leave --probe and --smoke out"),
        (["--explain", "x", "--smoke"], "leave --probe and --smoke out"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == cli.USAGE
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    assert said in captured.err


def test_the_time_of_many_leaves_room_for_the_probe() -> None:
    given = ["--repo", "b", "--pr", "1", "2", "--timeout", "10"]
    start = options.PROBE_START_SECONDS
    for more, seconds in (
        ([], 0),
        (["--probe"], start + PATIENCE * options.PROBE_SECONDS),
        (["--probe", "--probe-timeout", "7"], start + PATIENCE * 7),
    ):
        limits = options.read([*given, *more]).limits
        assert (limits.seconds, limits.wall_seconds) == (10, PATIENCE * 10 + seconds)


def test_help_names_the_options(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.main(["--help"]) == cli.OK
    said = capsys.readouterr().out
    for part in ("--probe ", "--smoke", "--probe-unsafe", "--probe-timeout SECONDS", "MyRecord --probe", ".[probe]"):
        assert part in said, part


# --- one submission ------------------------------------------------------------------------------------------------


def test_what_is_given_reaches_the_probe(probe: Any, seen: list[dict[str, Any]]) -> None:
    probe(probes.holding())
    given = [str(CLEAN), "--set", "TTT_ENABLED=0", "--probe", "--probe-timeout", "7", "--probe-unsafe"]
    assert cli.main(given) == cli.OK
    (call,) = seen
    assert (call["unsafe"], call["seconds"]) == (True, 7.0)
    assert str(call["facts"].configuration.settings["TTT_ENABLED"].value) == "0"
    assert "home" not in call  # the sandbox is its own, and goes with it


def test_one_of_many_finds_the_sandbox_of_its_process(probe: Any, seen: list[dict[str, Any]]) -> None:
    probe(probes.holding())
    for kept in (True, False):
        running.probed(gather(load_path(CLEAN), {}), unsafe=True, seconds=1.0, strict=True, progress=None, kept=kept)
    first, second = seen
    assert (first["home"].func, first["home"].args) == (running._home, (True,))
    assert "home" not in second


def test_nothing_is_run_unless_it_is_asked_for(probe: Any, smoke: Any, seen: list[dict[str, Any]]) -> None:
    probe(probes.holding())
    smoke(probes.smoke())
    assert cli.main([str(CLEAN)]) == cli.OK
    assert seen == []


@pytest.mark.parametrize(
    ("example", "answer", "status", "verdict"),
    [
        (CLEAN, probes.holding(), cli.OK, "clean"),
        (CLEAN, probes.broken(), cli.FAILED, "violation"),
        (CLEAN, probes.failed(), cli.NOT_JUDGED, "clean"),
        (CLEAN, probes.refused(), cli.NOT_JUDGED, "clean"),
        (CLEAN, probes.having(probes.unknown(Kind.FUTURE_FLIP)), cli.NOT_JUDGED, "clean"),
        (CLEAN, probes.having(probes.measurement(Kind.DETERMINISM, Holds.NO)), cli.OK, "clean"),
        (BREAKS, probes.holding(), cli.FAILED, "violation"),
        (BREAKS, probes.broken(), cli.FAILED, "violation"),
        (BREAKS, probes.failed(), cli.FAILED, "violation"),
    ],
)
def test_exit_status_and_verdict(
    probe: Any, example: Path, answer: Probe, status: int, verdict: str, capsys: pytest.CaptureFixture[str]
) -> None:
    probe(answer)
    assert cli.main([str(example), "--probe", "--format", "json"]) == status
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"] == verdict
    assert report["probe"]["status"] == answer.status
    assert cli.main([str(example), "--probe", "--fail-on", "never"]) == (cli.OK if answer.decided else cli.NOT_JUDGED)


def test_the_example_that_breaks_a_rule_is_confirmed(probe: Any, capsys: pytest.CaptureFixture[str]) -> None:
    probe(probes.broken(probes.witness(location=samples.Location("train_gpt.py", 186))))
    cli.main([str(BREAKS), "--probe", "--format", "json"])
    report = json.loads(capsys.readouterr().out)
    assert [f["rule"] for f in report["findings"] if f["outcome"] == "violation" and f["active"]] == ["pre-quant-ttt"]
    (found,) = [f for f in report["findings"] if f["rule"] == "pre-quant-ttt"]
    assert found["trace"][-1]["event"] == "Witness"
    assert "F.cross_entropy" in found["trace"][-1]["text"]
    assert {row["subject"]: row["stand"] for row in report["probe"]["agreement"]} == {
        "pre-quant-ttt": "confirmed",
        "C2": "clean by both",
        "C4": "clean by both",
    }


def test_a_probe_that_breaks_costs_its_own_result_only(probe: Any, capsys: pytest.CaptureFixture[str]) -> None:
    probe(ValueError("odd"))
    assert cli.main([str(BREAKS), "--probe", "--format", "json"]) == cli.FAILED
    report = json.loads(capsys.readouterr().out)
    assert report["probe"]["outcome"] == "not-checked"
    assert "the probe itself failed: ValueError: odd" in report["probe"]["reason"]
    assert cli.main([str(BREAKS), "--probe", "--debug"]) == cli.BROKEN


def test_refused_isolation_is_said_with_the_way_out(probe: Any, capsys: pytest.CaptureFixture[str]) -> None:
    probe(probes.refused())
    assert cli.main([str(CLEAN), "--probe"]) == cli.NOT_JUDGED
    said = " ".join(capsys.readouterr().out.split())
    assert "missing: network: neither seccomp nor a network namespace" in said
    assert "--probe-unsafe runs it all the same" in said


@pytest.mark.parametrize("option", ["--probe", "--smoke"])
def test_without_torch_one_line_says_how_to_install_it(
    option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(running, "ready", lambda: False)
    assert cli.main([str(CLEAN), option]) == cli.USAGE
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    assert "pip install '.[probe]'" in captured.err


# --- progress ------------------------------------------------------------------------------------------------------


def test_progress_is_plain_lines_where_nobody_looks(probe: Any, capsys: pytest.CaptureFixture[str]) -> None:
    probe(probes.holding())
    cli.main([str(CLEAN), "--probe", "--format", "json"])
    captured = capsys.readouterr()
    assert captured.err == "golf-audit: probe: base run, attempt 2\\x1b[2J and more\n"
    json.loads(captured.out)


def test_progress_is_one_changing_line_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with Progress("probe") as progress:
        progress("base run")
        progress("x" * 99)
    first, second, last = capsys.readouterr().err.split("\r\x1b[K")[1:]
    assert first == "probe: base run"
    assert len(second) == 39
    assert last == ""


# --- many pull requests --------------------------------------------------------------------------------------------


class FakeClone:
    """Pull request 2 is the example that breaks a rule, the others the one that keeps it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> FakeClone:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def load(self, pr: int, folder: str | None = None) -> samples.Submission:
        from dataclasses import replace

        from auditor.submission import load_path

        return replace(load_path(BREAKS if pr == 2 else CLEAN), pr=pr)


@pytest.fixture
def clone(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr("auditor.submission.Clone", FakeClone)
    monkeypatch.setattr("auditor.queue.pool.START", "fork")  # so that the workers see what is replaced here
    return ["--repo", "clone", "--jobs", "2", "--pr", "1", "2"]


def test_the_sweep_probes_too(clone: list[str], probe: Any, capsys: pytest.CaptureFixture[str]) -> None:
    probe(probes.broken())
    assert cli.main([*clone, "--probe"]) == cli.FAILED
    captured = capsys.readouterr()
    lines = [line.split() for line in captured.out.splitlines()[:2]]
    assert [[*line[:3], *line[6:9]] for line in lines] == [
        ["#1", "violation", "score", "breaks", "C3", "adapt-before-score:"],
        ["#2", "violation", "score", "breaks", "C3", "pre-quant-ttt:"],
    ]
    assert "attempt 2" not in captured.err, "lines of several workers would run into each other"


def test_a_sweep_without_torch_says_so_once_and_in_every_report(
    clone: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(running, "ready", lambda: False)
    assert cli.main([*clone, "--probe", "--format", "jsonl"]) == cli.FAILED
    captured = capsys.readouterr()
    assert captured.err.count("pip install '.[probe]'") == 1
    for line in captured.out.splitlines():
        said = json.loads(line)["probe"]
        assert (said["status"], said["outcome"]) == ("refused", "not-checked")
        assert "pip install '.[probe]'" in said["reason"]
    assert cli.main(["--repo", "clone", "--pr", "1", "3", "--probe", "--format", "jsonl"]) == cli.NOT_JUDGED


# --- the smoke test ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (probes.smoke(), cli.OK),
        (probes.smoke(status="failed", reason="ImportError: no module named x", loss=None), cli.NOT_JUDGED),
        (probes.smoke(status="refused", reason="nothing confines it"), cli.NOT_JUDGED),
    ],
)
def test_the_smoke_test(
    smoke: Any, answer: Smoke, status: int, seen: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    smoke(answer)
    assert cli.main([str(CLEAN), "--smoke", "--probe-unsafe"]) == status
    captured = capsys.readouterr()
    assert "golf-audit: smoke: building the model" in captured.err
    assert ("34,401,372" in captured.out) is (answer.status != "refused")
    assert answer.reason in captured.out
    assert seen[0]["unsafe"] is True
    assert cli.main([str(CLEAN), "--smoke", "--format", "json"]) == status
    assert json.loads(capsys.readouterr().out)["smoke"]["status"] == answer.status


def test_the_smoke_table_goes_into_a_file(smoke: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    smoke(probes.smoke())
    assert cli.main([str(CLEAN), "--smoke", "-o", str(tmp_path / "smoke.txt")]) == cli.OK
    assert capsys.readouterr().out == ""
    assert "34,401,372" in (tmp_path / "smoke.txt").read_text("utf-8")


# --- as a process --------------------------------------------------------------------------------------------------


def test_an_audit_imports_nothing_that_could_run_a_submission() -> None:
    code = "import sys; from auditor.commands import audit\n"
    code += "audit.limited = lambda work, limits: work()\n"
    code += "audit.main([sys.argv[1], '--format', 'json', '-o', sys.argv[2]])\n"
    code += "print(sorted(m for m in sys.modules if m == 'torch' or m.startswith('auditor.probe')))"
    command = [sys.executable, "-c", code, str(CLEAN), os.devnull]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, timeout=60, check=True)
    assert done.stdout.decode().splitlines()[-1] == "['auditor.probe', 'auditor.probe.model']"
