"""The speed comparison: its arithmetic, and both sides on a CPU."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the trainer needs torch")

import sides  # noqa: E402
import train_step  # noqa: E402

PART = {
    "step": 100.0,
    "forward_backward": 80.0,
    "optimizer": 15.0,
    "muon": 8.0,
    "ema": 5.0,
    "slowest_step": 101.0,
    "peak_mib": 30000.0,
    "loss": 8.0,
    "mfu_percent": 40.0,
    "profile": {"rows": [("gemm", 44, 30.0)], "kernels": 400, "flash_calls": 26},
}
SIDE = {"device": "card", "torch": "2", "attention": "sdpa", "tokens": 98304, "before": PART, "after": PART}


def changed(**figures: Any) -> train_step.Result:
    return {**SIDE, "after": {**PART, **figures}}


def test_only_what_is_slower_or_larger_is_missed() -> None:
    assert train_step.misses(SIDE, SIDE) == []
    assert train_step.misses(SIDE, changed(step=120.0)) == []
    assert train_step.misses(changed(step=100.1), SIDE) == ["after recurrence: step 100.1, the record's 100.0"]
    assert len(train_step.misses(changed(step=101, peak_mib=30001), SIDE)) == 2


def test_the_projection_divides_muon_and_adds_the_transfers() -> None:
    bytes_sent = 34_401_372 * 2 * 7 / 8  # directions, bfloat16
    waiting = bytes_sent / 200e9 * 1000
    assert train_step.projected(SIDE, "before", 200.0, overlapped=True) == pytest.approx(93 + waiting)
    gradients = 34_401_372 * 4 * 2 * 7 / 8 / 200e9 * 1000
    assert train_step.projected(SIDE, "before", 200.0, overlapped=False) == pytest.approx(93 + waiting + gradients)


def test_a_chosen_kernel_that_is_not_used_is_missed() -> None:
    flash = {**SIDE, "attention": "flash_attention_3"}
    assert train_step.unused_flash(SIDE) == train_step.unused_flash(flash) == []
    part = {**PART, "profile": {**PART["profile"], "flash_calls": 24}}  # type: ignore[dict-item]
    (said,) = train_step.unused_flash({**flash, "after": part})
    assert said == "after recurrence: 24 kernels of FlashAttention 3, for 13 layers forward and backward"
    assert "400 kernels a step, 26 of them FlashAttention 3's" in train_step.profiles("ours", flash)


def test_the_table_names_units_and_ratios() -> None:
    text = train_step.printed(SIDE, train_step.table(changed(step=80.0), SIDE, 200.0))
    assert "98,304 tokens a step" in text
    line = next(line for line in text.splitlines() if line.startswith("after recurrence: step, ms"))
    assert line.split()[-3:] == ["80.00", "100.00", "0.800"]
    alone = train_step.printed(SIDE, train_step.table(SIDE, None, 200.0))
    assert all(len(line.split()) > 1 for line in alone.splitlines())


@pytest.mark.parametrize(
    ("attention", "changes", "status", "said"),
    [
        ("sdpa", {}, 0, ""),
        ("sdpa", {"step": 100.1}, 1, "slower or larger: after recurrence: step 100.1, the record's 100.0"),
        ("sdpa", {"peak_mib": 30001.0}, 1, "slower or larger: after recurrence: peak_mib 30001.0"),
        ("flash_attention_3", {}, 0, ""),
        ("flash_attention_3", {"profile": {**PART["profile"], "flash_calls": 0}}, 1, "another kernel than the chosen"),  # type: ignore[dict-item]
    ],
)
def test_the_exit_status_says_what_is_missed(
    attention: str, changes: dict[str, Any], status: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Both sides are stated here; each is given half of eight minutes."""
    sides = {"ours": {**changed(**changes), "attention": attention}, "record": SIDE}
    seconds = []

    def run_side(which: str, options: dict[str, Any], folder: Path) -> train_step.Result:
        seconds.append(options["seconds"])
        return sides[which]

    monkeypatch.setattr(train_step, "run_side", run_side)
    script = tmp_path / "train_gpt.py"
    script.touch()
    assert train_step.main(["--record", str(script)]) == status
    shown = capsys.readouterr().out
    assert said in shown
    assert {"mfu_percent", "peak_mib"} <= {word.strip(",") for word in shown.split()}
    assert seconds == [240.0, 240.0]


def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> dict[str, train_step.Result]:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    out = tmp_path / "out.json"
    assert train_step.main([*arguments, "--out", str(out)]) in (0, 1)
    found: dict[str, train_step.Result] = json.loads(out.read_text())
    return found


def test_our_side_runs_on_a_cpu_as_the_page_shows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, which has torch: that a side has one of its own is shown where one fails."""

    def run_side(which: str, options: dict[str, Any], folder: Path) -> train_step.Result:
        out = folder / f"{which}.json"
        sides.main(which, {**options, "out": str(out)})
        found: train_step.Result = json.loads(out.read_text("utf-8"))
        return found

    monkeypatch.setattr(train_step, "run_side", run_side)
    page = (Path(__file__).parents[2] / "docs" / "record.md").read_text("utf-8")
    (shown,) = re.findall(r"^python benchmarks/train_step\.py (--scale small[^#\n]*)", page, re.MULTILINE)
    found = measured(tmp_path, monkeypatch, *shown.split())
    assert found["record"] is None
    assert all(found["ours"][when]["step"] > 0 for when in ("before", "after"))
    assert found["ours"]["after"]["profile"]["kernels"] > found["ours"]["before"]["profile"]["kernels"] > 0
    assert all(value > 0 for value in found["ours"]["rest"].values())


@pytest.mark.clone
@pytest.mark.skipif(not os.environ.get("GOLF_CLONE"), reason="GOLF_CLONE names no clone with pull-request heads")
def test_the_records_side_runs_on_a_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = ("--scale", "small", "--device", "cpu", "--steps", "1", "--warm-up", "0", "--no-rest")
    found = measured(tmp_path, monkeypatch, *short, "--clone", os.environ["GOLF_CLONE"])
    assert found["record"]["tokens"] == found["ours"]["tokens"] == 1024
    assert found["record"]["after"]["step"] > 0


def test_a_side_that_fails_says_why(tmp_path: Path) -> None:
    script = tmp_path / "broken.py"
    script.write_text("raise SystemExit('this script is broken')")
    folder = tmp_path / "work"
    folder.mkdir()
    train_step.record_script.place(script.read_text(), folder)
    options = {
        "scale": "small",
        "device": "cpu",
        "steps": 1,
        "warm_up": 0,
        "rest": False,
        "folder": str(folder),
        "seconds": 200.0,
    }
    with pytest.raises(RuntimeError, match="this script is broken"):
        train_step.run_side("record", options, folder)
