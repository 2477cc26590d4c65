"""Whatever wraps the lines of a log, the same run is read from it; writers that share a log are told apart."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import pytest

from auditor.runs import Run, read_log
from auditor.runs.text import log_lines

SOURCE = """import os
import torch

def main():
    print(f"final_int8 val_loss:{1.5} val_bpb:{1.0}")

if __name__ == "__main__":
    main()
====================================================================================================
Running Python 3.12.3
"""


def log(seed: int = 42, bpb: float = 1.1187, source: str = SOURCE) -> list[str]:
    steps = [
        f"step:{n}/20000 train_loss:{3 - n / 9000:.4f} train_time:{n * 80}ms step_avg:80.00ms"
        for n in range(1000, 7400, 400)
    ]
    return (
        source
        + "Hyperparameters:\n  iterations: 20000\n  max_wallclock_seconds: 600.0\n"
        + f"  seed: {seed}\n  ttt_enabled: True\n  val_loss_every: 1000\n"
        + "val_loader:shards pattern=./data/fineweb_val_*.bin tokens:62021632\n"
        + "train_loader:dataset:fineweb10B_sp1024 train_shards:80\nmodel_params:17059912\nworld_size:8\n"
        + f"seed:{seed}\nwarmup_step:1/20\nwarmup_step:20/20\n"
        + "\n".join(steps)
        + "\nstep:7300/20000 val_loss:1.9300 val_bpb:1.1431 train_time:590000ms step_avg:80.82ms\n"
        + "stopping_early: wallclock_cap train_time:590038ms step:7303/20000\n"
        + "Code size: 11562 bytes\nSerialized model int8+zlib: 15806940 bytes\n"
        + "Total submission size int8+zlib: 15818502 bytes\nttt:start chunks=1893\n"
        + f"final_int8_ttt val_loss:1.8895 val_bpb:{bpb:.4f} eval_time:313022ms\n"
        + f"final_int8_ttt_exact val_loss:1.88946058 val_bpb:{bpb:.8f}"
    ).split("\n")


def stamp(n: int) -> str:
    return f"{12 + n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}"


FRAMES: dict[str, Callable[[int], str]] = {
    "torchrun": lambda n: "[default0]:",
    "torchrun rank": lambda n: "[rank0]: ",
    "srun --label": lambda n: "0: ",
    "srun --label, two digits": lambda n: "00: ",
    "docker": lambda n: f"2026-04-05T{stamp(n)}.{n:09d}Z ",
    "docker compose": lambda n: "trainer-1  | ",
    "compose, with times": lambda n: f"trainer_1  | 2026-04-05T{stamp(n)}.123456789Z ",
    "kubectl": lambda n: "[pod/train-0/main] ",
    "Ray": lambda n: "(main pid=4242) ",
    "Ray, coloured": lambda n: "\x1b[36m(TrainWorker pid=4242, ip=10.0.0.7)\x1b[0m ",
    "mpirun --tag-output": lambda n: "[1,0]<stdout>:",
    "GitHub Actions": lambda n: f"2026-04-05T{stamp(n)}.1234567Z ",
    "gh run view --log": lambda n: f"train\tRun training\t2026-04-05T{stamp(n)}.1234567Z ",
    "logging": lambda n: f"2026-04-05 {stamp(n)},123 - INFO - ",
    "logging, name": lambda n: f"2026-04-05 {stamp(n)},123 - __main__ - {'WARNING' if n % 7 == 3 else 'INFO'} - ",
    "basicConfig": lambda n: "INFO:root:",
    "level in brackets": lambda n: f"[2026-04-05 {stamp(n)}][INFO] ",
    "padded level": lambda n: f"{stamp(n)} | INFO     | __main__:main:{42 + n % 3} - ",
    "hydra": lambda n: f"[2026-04-05 {stamp(n)},123][__main__][INFO] - ",
    "absl": lambda n: f"I0405 {stamp(n)}.123456 140 train_gpt.py:{30 + n % 5}] ",
    "syslog": lambda n: f"Apr  5 {stamp(n)} node-3 python[4242]: ",
    "journal": lambda n: f"Apr 05 {stamp(n)} gpu1 train.sh[99]: ",
    "zone": lambda n: f"2026-04-05T{stamp(n)}+02:00 ",
    "no fraction": lambda n: f"[{stamp(n)}] ",
    "moreutils ts": lambda n: f"Apr 05 {stamp(n)} ",
    "ts -s": lambda n: f"00:{n // 60 % 60:02}:{n % 60:02} ",
    "epoch": lambda n: f"{1774912345 + n}.{n % 1000:03d} ",
    "elapsed": lambda n: f"[{n * 0.7:.1f}s] ",
    "modal": lambda n: "\x1b[2m(train)\x1b[0m > ",
    "SkyPilot": lambda n: "(task, pid=1234) ",
    "indented": lambda n: "    ",
    "quoted": lambda n: "> ",
    "level alone": lambda n: "INFO ",
    "levels of one width": lambda n: f"{stamp(n)} {'WARNING ' if n % 5 == 4 else 'INFO    '}",
    "sign": lambda n: "\u2192 ",
    "set -x": lambda n: "+ ",
    "blank that does not break": lambda n: "\u00a0",
    "cat -n": lambda n: f"{n + 1:>6}\t",
    "seconds since the start": lambda n: f"+{n * 0.7:.3f}s ",
    "loguru": lambda n: (
        f"2026-04-05 {stamp(n)}.{n:03} | {'WARNING' if n % 7 == 3 else 'INFO':<8} | t:log0:{41 + n % 4} - "
    ),
    "glog letters": lambda n: f"{'W' if n % 7 == 3 else 'I'}20260405 {stamp(n)}.123456 4242 train.py:{30 + n % 5}] ",
    "NeMo": lambda n: f"[NeMo {'W' if n % 7 == 3 else 'I'} 2026-04-05 {stamp(n)} train_gpt:{41 + n % 4}] ",
    "level behind the zone": lambda n: (
        f"2026-04-05 {stamp(n)},123 {'WARNING' if n % 7 == 3 else 'INFO'} train:{n % 3} "
    ),
    "no blank behind the time": lambda n: f"2026-04-05T{stamp(n)}.123456789Z",
    "uvicorn": lambda n: f"{'WARNING:' if n % 7 == 3 else 'INFO:':<9} ",
    "a name and a sign": lambda n: "rank=0 ",
    "time printed once": lambda n: f"[{stamp(n)}] INFO     " if n % 3 == 0 else " " * 20,
}
RECORDS: dict[str, Callable[[int, str], str]] = {
    "docker": lambda n, line: json.dumps({"time": f"2026-04-05T{stamp(n)}Z", "log": f"{line}\n"}),
    "structlog": lambda n, line: json.dumps({"level": "info", "message": line}),
    "tracing": lambda n, line: json.dumps({"target": "train", "fields": {"message": line}}),
    "cloud": lambda n, line: json.dumps({"insertId": f"i{n}", "textPayload": line}),
    "logfmt": lambda n, line: f"time=2026-04-05T{stamp(n)}Z level=info msg={json.dumps(line)}",
    "quoted": lambda n, line: f"'{line}'",
    "bytes": lambda n, line: f"b{line!r}",
    "csv": lambda n, line: f'2026-04-05T{stamp(n)}Z,"{line.replace(chr(34), chr(34) * 2)}"',
    "recording of a terminal": lambda n, line: json.dumps([n * 0.5, "o", f"{line}\r\n"]),
    "structlog, keys and values": lambda n, line: f"timestamp='2026-04-05 {stamp(n)}' level='info' event={line!r}",
    "filled up": lambda n, line: f"{line:<160}",
    "list of strings": lambda n, line: f'"{line}",',
    "time behind": lambda n, line: f"{line} [{stamp(n)}]",
    "place behind": lambda n, line: f"{line:<90} train_gpt.py:{100 + n}",
}


def facts(run: Run) -> dict[str, object]:
    values = dataclasses.asdict(run)
    for name in ("content_digest", "beginnings"):  # of the lines as they stand
        values.pop(name)
    return values


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_changes_nothing(name: str) -> None:
    plain = log()
    framed = [FRAMES[name](n) + line for n, line in enumerate(plain)]
    expected, found = read_log("a.log", "\n".join(plain)), read_log("a.log", "\n".join(framed))
    assert [facts(run) for run in found] == [facts(run) for run in expected]
    assert expected[0].hyperparameters["ttt_enabled"] == "True"
    assert expected[0].score is not None
    assert expected[0].score.val_bpb == 1.1187


@pytest.mark.parametrize("name", ["logging", "docker", "basicConfig", "Ray", "padded level"])
def test_a_message_of_several_lines_has_its_frame_on_the_first(name: str) -> None:
    plain = log(source="")
    framed = [line if line.startswith("  ") else FRAMES[name](n) + line for n, line in enumerate(plain)]
    assert facts(read_log("a.log", "\n".join(framed))[0]) == facts(read_log("a.log", "\n".join(plain))[0])


@pytest.mark.parametrize("name", RECORDS)
def test_lines_as_records(name: str) -> None:
    plain = log(source="")
    framed = [RECORDS[name](n, line) for n, line in enumerate(plain)]
    assert facts(read_log("a.log", "\n".join(framed))[0]) == facts(read_log("a.log", "\n".join(plain))[0])


UNKNOWN_WORDS = [
    "# sweep of the learning rate, run 3",
    *(f"{word} value={n / 7:.5f}" for n, word in enumerate(("alpha", "beta", "gamma", "delta", "epsilon") * 4)),
    "iteration 100 of 400 mean 2.41",
    "result val_loss:1.88946058 val_bpb:1.11870000 in 96.2 s",
    "Total submission size int8+zlib: 15818502 bytes",
]


@pytest.mark.parametrize("name", [name for name in FRAMES if name not in ("levels of one width", "time printed once")])
def test_a_frame_is_found_before_words_that_nobody_knows(name: str) -> None:
    framed = [FRAMES[name](n) + line for n, line in enumerate(UNKNOWN_WORDS)]
    assert [line.strip() for line in log_lines("\n".join(framed)).lines] == UNKNOWN_WORDS


def test_what_lines_of_one_kind_begin_with_is_no_frame() -> None:
    lines = [f"epoch {n} | lr {0.1 / n:.4f} | gap {n}" for n in range(1, 60)]
    assert log_lines("\n".join(lines)).lines == lines
    lines = [f"  item {n} weighs {n}" for n in range(1, 60)] + ["done"]
    assert log_lines("\n".join(lines)).lines == lines


def test_an_unframed_log_keeps_its_lines() -> None:
    lines = ["0: first", "1: second", "[eval] step:1/2 val_bpb:1.5", *log()]
    run = read_log("a.log", "\n".join(lines))[0]
    assert run.steps == 7303


@pytest.mark.parametrize(
    "labels", [("trainer-1  | ", "trainer-2  | "), ("(run pid=1) ", "(run pid=2) "), ("0: ", "1: ")]
)
def test_interleaved_jobs_are_runs_of_their_own(labels: tuple[str, str]) -> None:
    both = [
        labels[which] + line
        for pair in zip(log(42, 1.11, ""), log(7, 1.12, ""), strict=True)
        for which, line in enumerate(pair)
    ]
    runs = read_log("a.log", "\n".join(both))
    assert [(run.seed, run.val_bpb) for run in runs] == [(42, 1.11), (7, 1.12)]


def test_ranks_of_one_job_are_one_run() -> None:
    lines = [f"[rank{rank}]: {line}" for line in log(source="") for rank in range(8)]
    runs = read_log("a.log", "\n".join(lines))
    assert [run.val_bpb for run in runs] == [1.1187]


def test_lines_of_other_ranks_between_those_of_a_dump() -> None:
    lines: list[str] = []
    for line in log(source=""):
        lines += [f"[default0]:{line}", "[default3]:a warning of another rank"]
    run = read_log("a.log", "\n".join(lines))[0]
    assert run.hyperparameters["ttt_enabled"] == "True"
    assert run.val_bpb == 1.1187


def test_warnings_of_other_writers_between_the_lines_of_a_dump() -> None:
    lines: list[str] = []
    for n, line in enumerate(log(source="")):
        lines += [f"[1,0]<stdout>:{line}", f"[1,1]<stderr>:W0405 {n} a warning"]
    assert read_log("a.log", "\n".join(lines))[0].hyperparameters["ttt_enabled"] == "True"


BAR = "val:  93%|##################  | 1680/1893 [00:52<00:08,  6.05it/s]"


@pytest.mark.parametrize(
    "written",
    [
        f"\r{BAR}\r{BAR}\r{' ' * 70}\rLINE",
        f"{BAR}LINE",
        f"\r{BAR}\r{BAR}LINE",
        f"{BAR * 60}\rLINE",
        "LINE\r",
        f"LINE\r{BAR}",
        "\x1b[2K\x1b[1GLINE\x1b[0m",
        "val 93% [====>   ]\x08\x08\x08\x08\x08LINE",
    ],
)
def test_a_bar_on_the_line_of_a_figure(written: str) -> None:
    plain = log()
    for marker in ("stopping_early", "final_int8_ttt_exact"):
        mixed = [written.replace("LINE", line) if line.startswith(marker) else line for line in plain]
        assert facts(read_log("a.log", "\n".join(mixed))[0]) == facts(read_log("a.log", "\n".join(plain))[0])


@pytest.mark.parametrize(
    "bar",
    [
        "1680it [00:52, 32.1it/s]", "Evaluating \u2501\u2501\u2501\u2578\u2501 93% 0:00:06", "progress: 93%",
        "1680/1893 [=====>....] - ETA: 6s - loss: 1.9", "\u280b evaluating 1680/1893", "Evaluating....... 93%",
        "|\u2588\u2588\u2588\u258e  | 93% 1680/1893 [00:52]",
    ],
)  # fmt: skip
def test_a_figure_that_was_printed_over_counts(bar: str) -> None:
    plain = log()
    for marker in ("stopping_early", "final_int8_ttt_exact"):
        mixed = [f"{line}\r{bar}" if line.startswith(marker) else line for line in plain]
        assert facts(read_log("a.log", "\n".join(mixed))[0]) == facts(read_log("a.log", "\n".join(plain))[0])


def test_lines_that_were_printed_over_keep_the_files_numbers() -> None:
    lines = log(source="")
    joined = [lines[0] + "\r" + lines[1], *lines[2:]]
    run, plain = read_log("a.log", "\n".join(joined))[0], read_log("a.log", "\n".join(lines))[0]
    assert run.score is not None
    assert plain.score is not None
    assert run.score.line == plain.score.line - 1


def test_old_line_ends() -> None:
    plain = log()
    for end in ("\r\n", "\r"):
        assert facts(read_log("a.log", end.join(plain))[0]) == facts(read_log("a.log", "\n".join(plain))[0])


def test_names_of_sizes_with_underscores() -> None:
    lines = [
        *log()[:-6],
        "code_size:56228 bytes total_submission_size:52625931 bytes",
        "serialized_model_int8_zlib:14179856 bytes (payload:15335872 raw_torch:15375235 payload_ratio:3.43x)",
        "total_submission_size_int8_zlib:14236084 bytes",
        "final_int8 val_loss:1.8895 val_bpb:1.1190 eval_time:313022ms",
    ]
    run = read_log("a.log", "\n".join(lines))[0]
    assert (run.artifact_bytes, run.model_bytes, run.code_bytes) == (14236084, 14179856, 56228)


def test_adaptation_before_the_score_is_part_of_its_time() -> None:
    waited = ["ttt:start epochs=3", "ttt:done elapsed=43.1s", "ttt:elapsed=43.1s"]
    tail = ["final_int6_sliding_window val_loss:1.9085 val_bpb:1.1303 stride:64 eval_time:85849ms"]
    run = read_log("a.log", "\n".join(log()[:-3] + waited + tail))[0]
    assert run.eval_seconds == pytest.approx(128.949)
    assert run.waited_seconds == pytest.approx(43.1)


def test_a_final_nan_is_the_runs_final_evaluation() -> None:
    lines = [line.replace("1.1187", "nan").replace("1.11870000", "nan").replace("1.8895", "nan") for line in log()]
    run = read_log("a.log", "\n".join(lines))[0]
    assert run.val_bpb is None
    assert run.complete
    assert run.not_finite is not None
    assert any("printed nan" in problem for problem in run.problems)


def test_a_time_without_a_known_unit_is_unknown() -> None:
    for written in ("640.1", "640.1 fortnights", "640,1 s"):
        lines = [line.replace("train_time:590038ms", f"train_time:{written}") for line in log()]
        run = read_log("a.log", "\n".join(lines))[0]
        assert run.train_seconds is None
        assert run.unread == ("training time",)


def bar(share: int) -> str:
    return f"val: {share:3d}%|{'#' * (share // 5):<20}| {share * 18}/1893 [00:{share // 2:02}<00:50,  6.05it/s]"


@pytest.mark.parametrize("between", ["\r", "", "\r\x1b[K", "\x1b[A\x1b[K", "\x1b[1G"])
@pytest.mark.parametrize("place", ["stopping_early", "Total submission", "final_int8_ttt ", "final_int8_ttt_exact"])
def test_bars_on_the_line_of_a_figure_change_nothing(between: str, place: str) -> None:
    plain = "\n".join(log(source=""))
    bars = between.join(bar(share) for share in range(0, 101, 2))
    (found,) = read_log("a.log", plain.replace(place, bars + between + place))
    (expected,) = read_log("a.log", plain)
    assert facts(found) == facts(expected)


def test_blanks_that_do_not_break() -> None:
    plain = "\n".join(log(source=""))
    assert facts(read_log("a.log", plain.replace(" ", "\u00a0"))[0])["artifact_bytes"] == 15_818_502


@pytest.mark.parametrize(("lines", "kept"), [(100, True), (30_000, False)])
def test_usual_logs_are_read_once_and_large_ones_are_not_kept(lines: int, kept: bool) -> None:
    def text(number: int) -> str:
        return "\n".join([f"log {number}", *["x"] * lines])

    first = log_lines(text(0))
    for number in range(1, 6):
        log_lines(text(number))
    assert (log_lines(text(0)) is first) is kept
