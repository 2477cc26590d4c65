"""The speed comparison: its arithmetic, and both sides on a CPU."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the trainer needs torch")

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


def changed(**figures: float) -> train_step.Result:
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


def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> dict[str, train_step.Result]:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    out = tmp_path / "out.json"
    train_step.main(
        ["--scale", "small", "--device", "cpu", "--steps", "1", "--warm-up", "0", "--no-rest", "--out", str(out), *more]
    )
    found: dict[str, train_step.Result] = json.loads(out.read_text())
    return found


def test_our_side_runs_on_a_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = measured(tmp_path, monkeypatch)
    assert found["record"] is None
    assert all(found["ours"][when]["step"] > 0 for when in ("before", "after"))
    assert found["ours"]["after"]["profile"]["kernels"] > found["ours"]["before"]["profile"]["kernels"] > 0


@pytest.mark.clone
@pytest.mark.skipif(not os.environ.get("GOLF_CLONE"), reason="GOLF_CLONE names no clone with pull-request heads")
def test_the_records_side_runs_on_a_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = measured(tmp_path, monkeypatch, "--clone", os.environ["GOLF_CLONE"])
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
