"""Limits of time and memory, in one audit and in several: what passes one is not judged, and nothing has failed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from auditor.commands.audit import NOT_JUDGED, main
from rules.examples.folders import folder


@pytest.fixture
def several(tmp_path: Path) -> list[str]:
    """Two submissions, the second one with a log of 80 MB."""
    for number in (1, 2):
        place = tmp_path / "records" / "track_10min_16mb" / f"2026-04-0{number}_Some"
        place.mkdir(parents=True)
        for path, data in folder().items():
            (place / path).write_bytes(data if isinstance(data, bytes) else data.encode())
    with (place / "train_seed7.log").open("wb") as log:
        log.write(b"step:1/20000 train_loss:3.1 train_time:1ms\n" * 2_000_000)
    return sorted(str(path) for path in place.parent.iterdir())


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_of_several_the_one_that_takes_too_long_is_not_judged(
    several: list[str], jobs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*several, "--format=jsonl", "--timeout=0.01", f"--jobs={jobs}"]) == NOT_JUDGED
    reports = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [report["verdict"] for report in reports] == ["inconclusive"] * 2
    said = re.compile(r"took more than 0\.01 s of processor time|took more than 0\.06 s by the clock")  # as it comes
    assert all(said.search(json.dumps(report)) for report in reports)


def test_of_several_the_one_that_takes_too_much_memory_is_not_judged(
    several: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*several, "--format=jsonl", "--memory=100", "--jobs=1"]) == NOT_JUDGED
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["verdict"] == "clean"
    assert "took more than 100 MiB of memory and was ended" in json.dumps(second)


@pytest.mark.parametrize("limit", ["--timeout=0.01", "--memory=100"])
def test_one_that_passes_a_limit_is_not_judged(
    several: list[str], limit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([several[1], "--format=json", limit]) == NOT_JUDGED
    assert "and was ended" in capsys.readouterr().out
