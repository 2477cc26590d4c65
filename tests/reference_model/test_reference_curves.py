"""curves.svg and the answer to whether the record was reproduced."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.significance.model import Equivalence
from reference_model.reproduce import target
from reference_model.reproduce.curves import curves, ticks
from reference_model.reproduce.results import read_result
from reference_model.reproduce.verdict import conclusion


def log(seed: int, mfu: str = "") -> str:
    steps = "\n".join(
        f"{step}/20000 train_loss: {2.4 + 8 / step**0.4:.4f} train_time: {step / 600:.2f}m tok/s: {7_800_000 + seed} "
        f"step_ms: {100 + seed / 100:.2f}{mfu}"
        for step in [1, 2, 3, 4, 5, *range(50, 5400, 50)]
    )
    return (
        f"0/20000 val_loss: 8.3177 val_bpb: 3.6153\n{steps}\n"
        "stopping_early: wallclock_cap train_time: 590078ms step: 5410/20000\nCode size: 24000 bytes\n"
        "pre-quantization post-ema val_loss:2.52 val_bpb:1.0974 eval_time:2019ms\n"
        "Total submission size int6+brotli: 15987206 bytes\n"
        "final_int6_roundtrip val_loss:2.55 val_bpb:1.1113 eval_time:8010ms\n"
        "final_int6_sliding_window val_loss:2.51393353 val_bpb:1.09269834 eval_time:75810ms\n"
    )


def drawn(mfu: str = "", compared: bool = True) -> ElementTree.Element:
    logs = {seed: log(seed, mfu) for seed in (42, 314, 999)}
    return ElementTree.fromstring(curves(logs, [read_result(seed, text) for seed, text in logs.items()], compared))


def words(picture: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in picture.iter("{http://www.w3.org/2000/svg}text")]


def test_four_panels_hold_every_seed_and_the_record() -> None:
    said = words(drawn())
    titles = ["training loss, nats per token, by step", "milliseconds a step",
              "million tokens a second, since the start", "validation, bits per byte"]  # fmt: skip
    assert [word for word in said if word in titles] == titles
    assert all(said.count(f"seed {seed}") == 4 for seed in (42, 314, 999))
    assert said.count("record") == 3
    assert {"averaged", "read back", "sliding"} <= set(said)
    assert any(word.startswith("MFU") for word in words(drawn(" mfu: 0.412")))
    assert "record" not in words(drawn(compared=False))


def test_everything_lies_inside_the_picture() -> None:
    picture = drawn(" mfu: 0.412")
    for line in picture.iter("{http://www.w3.org/2000/svg}polyline"):
        points = [tuple(map(float, pair.split(","))) for pair in line.get("points", "").split()]
        assert len(points) >= 4
        assert all(58 <= x <= 447 and 43 <= y <= 217 for x, y in points)


def test_a_log_without_steps_is_a_picture_all_the_same() -> None:
    assert "the logs have no figures of this" in curves({42: ""}, [], False)


def test_names_are_text() -> None:
    text = log(42).replace("final_int6_roundtrip", "final_<b>&")
    assert ElementTree.fromstring(curves({42: text}, [read_result(42, text)], False)) is not None


@given(st.floats(-1e3, 1e3), st.floats(1e-2, 1e6))
def test_ticks_are_round_and_enclose(low: float, span: float) -> None:
    found = ticks(low, low + span)
    assert found[0] <= low + 1e-6 * span
    assert found[-1] >= low + span - 1e-6 * max(span, abs(low))
    assert 2 <= len(found) <= 9
    apart = found[1] - found[0]
    mantissa = apart / 10 ** math.floor(math.log10(apart) + 1e-9)
    assert min(abs(mantissa - round_) for round_ in (1, 2, 5)) < 1e-3


@pytest.mark.parametrize(
    ("p_above", "p_below", "said"),
    [
        (0.01, 0.02, "REPRODUCED: the seeds differ from the record's by less than 0.005 nats per token (p = 0.02)"),
        (0.001, 0.9, "REPRODUCED, and better: not worse than the record by 0.005"),
        (0.4, 0.001, "NOT SHOWN TO BE REPRODUCED: a loss of 0.005 nats per token against the record is not ruled out"),
        (None, None, "NOT SHOWN TO BE REPRODUCED: one seed"),
    ],
)
def test_better_than_the_record_is_no_failure(p_above: float | None, p_below: float | None, said: str) -> None:
    found = Equivalence("nats", 0.005, 0.05, -0.02, p_above, p_below, None, None, 4.0, None, "Welch", "one seed")
    assert conclusion(found).startswith(said)


def test_the_target_is_the_record_s() -> None:
    assert [mean for _, mean in [(n, sum(v) / 3) for n, v in target.STAGES]][-1] == pytest.approx(1.09244346)
    assert len(re.split(",", target.PACE)) == 3
    losses = [sum(values) / 3 for values in target.LOSSES.values()]
    bends = [a - 2 * b + c for a, b, c in zip(losses, losses[1:], losses[2:], strict=False)]
    noise = math.sqrt(sum(bend**2 for bend in bends) / len(bends) / 6)
    assert noise == pytest.approx(target.BATCH_NOISE, abs=0.002)
