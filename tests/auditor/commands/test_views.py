"""A submitter's views of one submission: the checklist, switches, decoded source, waivers, watching, completion."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest
from submission_repositories import TRACK, Repo

from auditor.commands import audit as cli
from auditor.commands import watch

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
BREAKS, LEGAL = EXAMPLES / "pre_quant_ttt", EXAMPLES / "score_first_ttt"


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return shutil.copytree(LEGAL, tmp_path / "2026-03-22_Sample")


def test_the_checklist_has_a_fix_for_what_is_wrong(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for log in sorted(record.glob("*.log"))[1:]:
        log.unlink()
    assert cli.main([str(record), "--checklist", "--format", "json"]) == cli.FAILED
    lines = {line["what"]: line for line in json.loads(capsys.readouterr().out)}
    assert lines["single-seed"]["mark"] == "NO"
    assert lines["single-seed"]["fix"]
    assert lines["files"]["mark"] == "ok"
    assert lines["artifact"]["mark"] == "ok"
    assert cli.main([str(record), "--checklist"]) == cli.FAILED
    text = capsys.readouterr().out
    assert "[NO] single-seed" in text
    assert "fix: " in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_checklist_names_every_thing_that_is_missing(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    claims = json.loads((record / "submission.json").read_text("utf-8"))
    claims = {key: value for key, value in claims.items() if key not in ("author", "github_id")}
    (record / "submission.json").write_text(json.dumps(claims), "utf-8")
    (record / "README.md").unlink()
    (record / "train_gpt.py").rename(record / "train.py")
    cli.main([str(record), "--checklist", "--format", "json"])
    lines = json.loads(capsys.readouterr().out)
    package = [(line["said"], bool(line["fix"])) for line in lines if line["what"] == "package-files"]
    assert [said.split(" (")[0] for said, _ in package] == [
        "the folder has no README.md",
        "submission.json names no author and no github_id",
    ]
    assert [fix for _, fix in package] == [False, True]  # the same for both: told once
    (script,) = [line for line in lines if line["what"] == "script"]
    assert script["mark"] == "!"
    assert "train_gpt.py" in script["fix"]


def test_what_is_no_record_attempt_may_take_longer(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    claims = json.loads((record / "submission.json").read_text("utf-8")) | {"track": "non_record_16mb"}
    (record / "submission.json").write_text(json.dumps(claims), "utf-8")
    for log in record.glob("*.log"):
        log.write_text(re.sub(r"(train_time:)(\d+)ms", r"\g<1>9\2ms", log.read_text("utf-8")), "utf-8")
    cli.main([str(record), "--checklist", "--format", "json"])
    marks = {line["what"]: line["mark"] for line in json.loads(capsys.readouterr().out)}
    assert marks["training"] == marks["train-time-cap"] == "!"


def test_the_checklist_says_whether_it_is_a_record(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main([str(LEGAL), "--checklist", "--format", "json"])
    (line,) = [one for one in json.loads(capsys.readouterr().out) if one["what"] == "record"]
    assert "bar" in line["said"]


def test_switches_and_what_turns_with_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([str(BREAKS), "--switches", "--format", "json", "--no-progress"]) == cli.OK
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    turned = rows["TTT_ENABLED"]
    assert (turned["source"], turned["turned_to"]) == ("log", "0")
    assert {"rule": "pre-quant-ttt", "before": "violation", "after": "pass"} in turned["flips"]
    assert rows["NUM_LAYERS"]["flips"] is None
    assert cli.main([str(BREAKS), "--switches", "--no-progress"]) == cli.OK
    assert "TTT_ENABLED=0: pre-quant-ttt: violation -> pass" in capsys.readouterr().out


def test_the_source_that_findings_cite(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([str(BREAKS), "--show-source"]) == cli.OK
    text = capsys.readouterr().out
    assert text.startswith("# train_gpt.py, layer 0")
    (marked,) = [line for line in text.splitlines() if line.endswith("# <- pre-quant-ttt")]
    assert "step()" in marked
    assert cli.main([str(BREAKS), "--show-source", "7"]) == cli.USAGE
    assert "train_gpt.py@0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "said"), [("TTT_ENABLE", "did you mean TTT_ENABLED"), ("NOPE", "--switches lists"), ("ttt_lrr", "TTT_LR")]
)
def test_an_unknown_what_if_is_refused_with_the_nearest(
    name: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([str(BREAKS), "--set", f"{name}=1"]) == cli.USAGE
    assert said in capsys.readouterr().err


def test_what_if_is_headed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([str(BREAKS), "--set", "TTT_ENABLED=0"]) == cli.OK
    assert capsys.readouterr().out.startswith("HYPOTHETICAL: what if TTT_ENABLED=0")


def test_the_ending_says_the_format(tmp_path: Path) -> None:
    begins = {"html": "<!doctype html>", "md": "## VIOLATION", "json": "{\n", "sarif": "{\n", "txt": " VIOLATION"}
    for ending, start in begins.items():
        target = tmp_path / f"report.{ending}"
        assert cli.main([str(BREAKS), "-o", str(target)]) == cli.FAILED
        assert target.read_text("utf-8").startswith(start), ending


def test_quiet_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([str(BREAKS), "--quiet"]) == cli.FAILED
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("bar", "status"), [("score", 1), ("budget,paperwork", 0), ("score,never", 0)])
def test_classes_fail(bar: str, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([str(BREAKS), "--quiet", "--fail-on", bar]) == status


def test_several_folders_are_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([str(BREAKS), str(LEGAL), "--no-progress"]) == cli.FAILED
    first, second, last = capsys.readouterr().out.splitlines()
    assert "violation" in first
    assert "clean" in second
    assert last == "2 submissions: 1 violation (1 score), 1 clean"


def test_a_waiver_is_shown_and_never_hides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repo = Repo(tmp_path / "work")
    folder = f"{TRACK}/2026-03-22_Sample"
    repo.pull_request(7, {f"{folder}/{f.name}": f.read_bytes() for f in BREAKS.iterdir()})
    waivers = tmp_path / "waivers.toml"
    row = '[[waiver]]\nrule = "pre-quant-ttt"\npr = 7\nby = "A maintainer"\nreason = "an experiment"\n'
    waivers.write_text(row + 'url = "https://example.org/7"\n')
    command = ["--repo", str(repo.path), "--pr", "7", "--waivers", str(waivers)]
    assert cli.main(command) == cli.OK
    text = capsys.readouterr().out
    assert text.startswith(" VIOLATION ")
    assert "waived by A maintainer: an experiment" in text
    assert cli.main([*command, "--format", "markdown"]) == cli.OK
    assert "waived by A maintainer" in capsys.readouterr().out
    for bad, said in ((row.replace("pre-quant-ttt", "no-such-rule"), "no rule"), (row.replace("by", "x"), "lacks by")):
        waivers.write_text(bad)
        from auditor.commands import law

        law.waivers.cache_clear()
        assert cli.main(command) == cli.USAGE
        assert said in capsys.readouterr().err


def test_watching_runs_again_on_a_change(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran: list[int] = []

    def change() -> None:
        time.sleep(0.3)
        (record / "README.md").write_text("changed")

    threading.Thread(target=change).start()
    assert watch.watched([record], lambda: ran.append(1) or 0, rounds=2) == 0  # type: ignore[func-returns-value]
    assert len(ran) == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh"])
def test_completion(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--print-completion", shell]) == cli.OK
    said = capsys.readouterr().out
    assert all(word in said for word in ("checklist", "scheduler", "queue", "explain-witness", "worker"))
    assert "pre-quant-ttt" in said  # what --explain and --only can be given


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash itself completes")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("que", ["queue"]),
        ("--chec", ["--checklist"]),
        ("MyRecord --chec", ["--checklist"]),
        ("--explain pre-q", ["pre-quant-ttt"]),
        ("queue --sched", ["--scheduler"]),
        ("queue --chec", []),  # an option of the audit of one
        ("queue --only pre-q", ["pre-quant-ttt"]),
        ("explain-witness --kind target", ["target-flip"]),
        ("rec", ["records"]),
        ("queue rec", ["records"]),
    ],
)
def test_bash_completes_each_command(
    typed: str, offered: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["--print-completion", "bash"]) == cli.OK
    (tmp_path / "completion").write_text(capsys.readouterr().out)
    (tmp_path / "records").mkdir()
    ask = (
        'source ./completion; COMP_WORDS=(golf-audit "$@"); COMP_CWORD=$#; _shtab_golf_audit 2>/dev/null;'
        # what `complete -o default` does where a command has no answer
        '[ ${#COMPREPLY[@]} = 0 ] && complete -p golf-audit | grep -q -- "-o default"'
        ' && COMPREPLY=($(compgen -f -- "${!#}"));'
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    said = subprocess.run(["bash", "-c", ask, "bash", *typed.split()], cwd=tmp_path, capture_output=True, text=True)
    assert said.stdout.split() == offered


def test_an_ending_that_no_format_has(record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([str(record), "-o", str(tmp_path / "r.xyz")]) == cli.USAGE
    assert ".sarif" in capsys.readouterr().err
    assert not (tmp_path / "r.xyz").exists()
    assert cli.main([str(record), "-o", str(tmp_path / "r.xyz"), "--format", "concise"]) == cli.OK
    assert cli.main([str(record), "-o", str(tmp_path / "report")]) == cli.OK


def test_an_uncommitted_folder_does_not_bear_the_title_of_head(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repo = Repo(tmp_path / "work")
    repo.branch("mine")
    repo.write({f"{TRACK}/2026-03-22_Mine/{f.name}": f.read_bytes() for f in LEGAL.iterdir()})
    assert cli.main([str(repo.path), "--color", "always"]) == cli.OK
    text = capsys.readouterr().out
    assert "Launch" not in text
    assert "/blob/" not in text
