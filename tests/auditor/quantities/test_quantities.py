"""Every quantity reads back from every spelling, and what is spelt otherwise reads as nothing else."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.quantities import (
    duration_at,
    figure_at,
    find_durations,
    find_size,
    size_at,
    spread_after,
    unit_of_name,
)

SECONDS = st.integers(0, 99_999).map(lambda tenths: tenths / 10)
UNITS = {
    "ns": 1e-9, "us": 1e-6, "ms": 1e-3, "MS": 1e-3, "msec": 1e-3, "milliseconds": 1e-3, "s": 1, "S": 1, "sec": 1,
    "secs": 1, "seconds": 1, "Seconds": 1, "m": 60, "min": 60, "mins": 60, "minutes": 60, "h": 3600, "hours": 3600,
}  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    SECONDS, st.sampled_from(sorted(UNITS)), st.sampled_from(["", " ", "  "]), st.sampled_from(["", " ", "*", "~", "`"])
)
def test_a_duration_in_every_unit(amount: float, unit: str, gap: str, before: str) -> None:
    reading = duration_at(f"{before}{amount}{gap}{unit}")
    assert reading is not None
    assert reading.value == pytest.approx(amount * UNITS[unit], abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 35_999))
def test_a_duration_in_every_form(seconds: int) -> None:
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    forms = [f"{hours}:{minutes:02}:{rest:02}", f"{hours}h{minutes}m{rest}s", f"{hours} h {minutes} min {rest} s"]
    forms += [f"{seconds * 1000:,}ms", f"{seconds * 1000:_}ms", f"{seconds:.3e} s", f"PT{hours}H{minutes}M{rest}S"]
    forms += [f"{seconds // 60}m{rest}s", f"{seconds // 60}:{rest:02}"]
    for form in forms:
        reading = duration_at(form)
        assert reading is not None, form
        assert reading.value == pytest.approx(seconds, rel=6e-4), form


@pytest.mark.parametrize(
    "text", ["640.1", "640.1 M", "640.1x", "640.1 fortnights", "640.1 s/step", "640.1 ms per step", "98%", "640,1 s",
             "590-600 s", "1.2.3 s", "10m40", "640.1 Ms", "0x280 s", "nan s"]
)  # fmt: skip
def test_what_is_no_duration_says_so(text: str) -> None:
    reading = duration_at(text)
    assert reading is None or (reading.value is None and reading.problem)


def test_a_bare_number_has_the_unit_of_its_name() -> None:
    names = {"train_time_ms": "ms", "Train (s)": "s", "eval_time_min": "min", "trainTimeMs": "ms", "train_time": ""}
    names |= {"wallclock_seconds_total": "seconds", "min_time": "", "steps": "", "time [ms]": "ms"}
    assert {name: unit_of_name(name) for name in names} == names
    assert [unit_of_name(n, size=True) for n in ("artifact_mb", "bytes_total", "Size (KiB)", "artifact")] == [
        "mb", "bytes", "kib", "",
    ]  # fmt: skip
    reading = duration_at("640100 step:7303", 0, "ms")
    assert reading is not None
    assert reading.value == 640.1


@settings(max_examples=60, deadline=None)
@given(st.integers(1_000_000, 99_999_999))
def test_a_size_in_every_form(size: int) -> None:
    spaced = f"{size:,}".replace(",", " ")
    for form in (
        f"{size} bytes",
        f"{size:,} B",
        f"{size:_} bytes",
        f"{spaced} bytes",
        f"{size:,}".replace(",", "\u202f") + " B",
    ):
        reading = size_at(form)
        assert reading is not None, form
        assert (reading.value, reading.exact) == (size, True), form
    for form, unit in ((f"{size / 1e6:.6f} MB", 1), (f"{size / 2**20:.6f} MiB", 2), (f"{size / 1e3:.3f} KB", 1)):
        reading = size_at(form)
        assert reading is not None, form
        assert reading.value == pytest.approx(size, abs=unit), form
    both = find_size(f"{size / 1e6:.2f} MB ({size:,} bytes)")
    assert both is not None
    assert both.value == size


@pytest.mark.parametrize("text", ["15.99M", "15.99", "15988293", "15 988 293", "98.2%", "1.5 bytes", "-3 bytes"])
def test_what_is_no_size_says_so(text: str) -> None:
    reading = size_at(text)
    assert reading is None or (reading.value is None and reading.problem)


@settings(max_examples=60, deadline=None)
@given(st.floats(1e-3, 9.99), st.integers(4, 12))
def test_a_figure_in_every_wrapper(value: float, digits: int) -> None:
    shown = f"{value:.{digits}f}"
    forms = [shown, f"{value:.{digits}e}", f"**{shown}**", f"np.float64({shown})", f"tensor({shown}, device='cuda:0')"]
    forms += [
        f"tensor([{shown}], dtype=torch.float64)",
        f"array({shown})",
        f"Decimal('{shown}')",
        f"{shown} \u00b1 0.0003",
    ]
    for form in forms:
        reading = figure_at(form)
        assert reading is not None, form
        assert reading.value == pytest.approx(value, rel=10.0**-digits, abs=10.0**-digits), form


@pytest.mark.parametrize("text", ["1.2.3", "2026-04-05", "1,1187", "0x10", "1e400", "tensor(1.5", "10:40:01"])
def test_what_is_no_figure(text: str) -> None:
    reading = figure_at(text)
    assert reading is None or reading.value is None


def test_what_is_no_number_is_printed_as_one() -> None:
    assert [math.isnan(r.value) for r in (figure_at("nan"), figure_at("NaN")) if r and r.value is not None] == [
        True
    ] * 2
    assert [r.value for r in (figure_at("inf"), figure_at("-inf")) if r] == [math.inf, -math.inf]
    mean = figure_at("1.1187 +/- 0.0003")
    assert mean is not None
    assert spread_after("1.1187 +/- 0.0003", mean.end) == 0.0003


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("640.1 \u00b1 2 s", 640.1), ("640.1 +/- 0.3 seconds", 640.1), ("`640.1` s", 640.1), ("**640.1** s", 640.1),
        ("datetime.timedelta(seconds=640, microseconds=100000)", 640.1), ("640100000 microseconds", 640.1),
    ],
)  # fmt: skip
def test_other_spellings_of_a_duration(text: str, seconds: float) -> None:
    reading = duration_at(text)
    assert reading is not None
    assert reading.value == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("128.27 Mbit", 16_033_750),
        ("128.27 megabits", 16_033_750),
        ("16 034 KB", 16_034_000),
        ("`16034123` bytes", 16_034_123),
    ],
)
def test_other_spellings_of_a_size(text: str, size: int) -> None:
    reading = size_at(text, 0, "bytes")
    assert reading is not None
    assert reading.value == size


def test_a_megabit_that_may_be_a_megabyte_is_neither() -> None:
    reading = size_at("15.99 Mb")
    assert reading is not None
    assert reading.value is None
    assert "Mb" in reading.problem


def test_the_durations_of_a_sentence() -> None:
    said = find_durations("Training < 600s (588s) on 2026-04-05; eval 8 min 43 s, 98 ms/step, v1.2 s")
    assert [reading.value for reading in said] == [600, 588, 523]
