"""No line that a command prints is a command to the machine that runs it in CI, whatever a submission is named."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.commands.audit import main
from auditor.report import FORMATS
from rules import ALL
from rules.examples.folders import folder

HOSTILE = "::set-output name=x::y"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A folder and files with names that act; it breaks a rule in one of them."""
    example = next(e for rule in ALL if rule.id == "pre-quant-ttt" for e in rule.examples if e.kind == "breaks")
    (tmp_path / HOSTILE).mkdir()
    for path, data in {**folder(), **example.files}.items():
        name = path if path != "train_gpt.py" else "##[add-mask]train_gpt.py"
        (tmp_path / HOSTILE / name).write_bytes(data.encode() if isinstance(data, str) else bytes(data))
    (tmp_path / HOSTILE / "##vso[task.setvariable]x.py").write_text("1 +\n")
    before = Path.cwd()
    os.chdir(tmp_path)
    yield HOSTILE
    os.chdir(before)


@pytest.mark.parametrize(
    "arguments",
    [*([f"--format={form}"] for form in FORMATS), ["--checklist"], ["--checklist", "--format=json"], ["beside"]],
    ids=lambda arguments: " ".join(arguments),
)
def test_nothing_printed_is_a_command(arguments: list[str], place: str, capsys: pytest.CaptureFixture[str]) -> None:
    if arguments == ["beside"]:
        Path(f"{place}2").mkdir()
        arguments = [f"{place}2"]
    assert main([place, *arguments]) in (0, 1, 3)
    said = capsys.readouterr()
    assert "add-mask" in said.out or "set-output" in said.out
    for line in (said.out + said.err).splitlines():
        assert not re.search(r"##\w*\[", line), line
        if "--format=github" not in arguments:
            assert not line.lstrip().startswith("::"), line


def test_nor_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no such ##[add-mask]x"]) == 2
    assert "add-mask" in (said := capsys.readouterr().err)
    assert "##[" not in said
