"""One quantity in many spellings: it is read, or said not to be understood; nothing smaller stands in for it."""

from __future__ import annotations

import pytest

from auditor.runs import Run, read_log

LINES = """\
val_loader:shards pattern=./val_*.bin tokens:62021632
world_size:8
seed:42
step:5000/20000 val_loss:2.7 val_bpb:1.6500 train_time:410000ms step_avg:82.00ms
step:5200/20000 train_loss:2.9 train_time:426400ms step_avg:82.00ms
{stop}
{total}
{final}
"""
STOP = "stopping_early: wallclock_cap train_time:590038ms step:7303/20000"
TOTAL = "Total submission size int8+zlib: 15818899 bytes"
FINAL = "final_int8_sliding_window val_loss:1.7574 val_bpb:1.0409 eval_time:96377ms"


def read(stop: str = STOP, total: str = TOTAL, final: str = FINAL) -> Run:
    (run,) = read_log("a.log", LINES.format(stop=stop, total=total, final=final))
    return run


TRAINED = (
    "640.1 seconds", "640.1 Sec.", "10.668 min", "10 min 40 s", "10m40s", "0:10:40", "00:10:40.100", "6.401e+05ms",
    "640,100ms", "640_100ms", "640 100 ms", "640'100 ms", "0.1778h", "640100000 \u00b5s", "PT10M40S", "10'40\"",
    "0 days 00:10:40", "10 minutes and 40 seconds", "~640s", "\u2248640.1s", "**640.1s**", "np.float64(640100.0)ms",
    "640.1 [s]", "640.1 (s)", "[640.1s]", "(640.1s)", "+640.1s", "10m:40s", "640.1s (10.67 min)",
)  # fmt: skip


@pytest.mark.parametrize("written", TRAINED)
def test_training_time(written: str) -> None:
    run = read(stop=f"stopping_early: wallclock_cap train_time:{written} step:7303/20000")
    assert run.train_seconds == pytest.approx(640.1, abs=0.6)


@pytest.mark.parametrize(
    "line",
    [
        "stopping_early: wallclock_cap train_time_ms:640100 step:7303/20000",
        "stopping_early: wallclock_cap train_time (s): 640.1 step:7303/20000",
        "stopping_early: wallclock_cap train_time[s]: 640.1 step:7303/20000",
        "Training finished after 640.1 seconds",
        "finished training in 640.1 s",
        "Training stopped at step 7303 after 640.1s",
        "stopping early at step 7303 (640.1s)",
        "Wallclock cap reached at step 7303: 640.1s",
        "[train] stop: wall-clock limit hit, 640.1 s elapsed, step 7303",
        "stopping_early: wallclock_cap elapsed:640.1s step:7303/20000",
        "stopping_early: wallclock_cap Train_time: 640.1 s step:7303/20000",
        "stopping_early: wallclock_cap trainTimeMs:640100 step:7303/20000",
        "stopping_early: wallclock_cap train_seconds=640.1 step:7303/20000",
        "stopping_early: wallclock_cap training-duration 640.1s step:7303/20000",
        "stopping_early: wallclock_cap train_wall -> 640.1s step:7303/20000",
    ],
)
def test_lines_that_tell_when_training_stopped(line: str) -> None:
    assert read(stop=line).train_seconds == pytest.approx(640.1)


@pytest.mark.parametrize(
    "written", ["640.1", "640.1 fortnights", "640,1 s", "640.1 ks", "1/6 hour", "unknown", "-640.1s"]
)
def test_a_training_time_that_is_not_understood_hides_the_earlier_one(written: str) -> None:
    run = read(stop=f"stopping_early: wallclock_cap train_time:{written} step:7303/20000")
    assert run.train_seconds is None
    assert run.unread == ("training time",)


def test_steps_that_took_no_time_are_not_understood() -> None:
    run = read(stop="stopping_early: wallclock_cap train_time:0ms step:7303/20000")
    assert (run.train_seconds, run.unread) == (None, ("training time",))


def test_a_later_packing_with_its_parts_on_one_line_is_the_artifact() -> None:
    line = "gptq_int6_brotli: 14,930,293 bytes | code: 90,756 | total: 15,021,049 (15.02MB)"
    run = read(total=f"Total submission size int8+zlib: 16758490 bytes\n{line}")
    assert (run.artifact_bytes, run.model_bytes, run.code_bytes) == (15_021_049, 14_930_293, 90_756)


def test_the_cap_itself_is_no_time_below_what_the_steps_tell() -> None:
    assert read(stop="wallclock cap reached: limit 300s").train_seconds == pytest.approx(426.4)


@pytest.mark.parametrize(
    "told",
    [
        "eval_time:96,377ms", "eval_time_s=96.377", "eval_seconds:96.377", "elapsed=96.4s", "elapsed_seconds=96.4",
        "elapsed_s:96.4", "(96.4s)", "[96.4s]", "in 96.4s", "took 96.4s", "evaluated in 96.4 s", "wall:96.4s",
        "duration=96.4s", "seconds=96.4", "dt:96377ms", "eval_time:1m36.4s", "eval_time:96 377 ms", "t=96.4s",
        "eval_time(s):96.4", "eval_time [s]: 96.4", "eval_minutes:1.6063", "evalTimeMs:96377", "duration 96.4 s",
        "runtime: 96.4s", "eval_wall_s=96.4", "eval_wallclock_seconds: 96.4", "eval_elapsed_s: 96.4", "eval_dur: 96.4s",
        "96.4s", "eval_time:96.4 \u00b1 0.1 s", "Eval_Time: 96.4s", "EVAL_TIME=96.4s", "sliding_time:96.4s",
        "ttt_time_ms:96377", "eval_time\u224896.4s",
    ],
)  # fmt: skip
def test_evaluation_time(told: str) -> None:
    run = read(final=f"final_int8_sliding_window val_loss:1.7574 val_bpb:1.0409 {told}")
    assert run.eval_seconds == pytest.approx(96.4, abs=0.05)


@pytest.mark.parametrize(
    "told", ["eval_time:96.4", "eval_time:N/A", "eval_time:<600s", "eval_time:-5s", "eval_time:0ms"]
)
def test_an_evaluation_time_that_is_not_understood_is_said(told: str) -> None:
    exact = "final_int8_sliding_window_exact val_loss:1.75744651 val_bpb:1.04085518"
    run = read(final=f"final_int8_sliding_window val_loss:1.7574 val_bpb:1.0409 {told}\n{exact}")
    assert (run.val_bpb, run.eval_seconds, run.unread) == (1.04085518, None, ("evaluation time",))


def test_a_temperature_is_no_time() -> None:
    assert read(final="final_int8_sliding_window val_bpb:1.0409 T=1.05 eval_time:96377ms").eval_seconds == 96.377


@pytest.mark.parametrize(
    "line",
    [
        "Total submission size int8+zlib: <16 MB", "Total submission size int8+zlib: N/A", "artifact_bytes=N/A",
        "Total submission size int8+zlib: \u226416 MB", "Artifact: <16 MB", "Total size: under 16MB",
        "Serialized model int8+zlib: 15807122 bytes\nTotal submission size int8+zlib: OK\nCode size: 11777 bytes",
    ],
)  # fmt: skip
def test_a_total_that_is_none_is_said(line: str) -> None:
    assert "artifact" in read(total=line).unread


def test_the_time_of_a_whole_run_is_not_that_of_its_evaluation() -> None:
    summary = "seed=42 val_bpb=1.0409 val_loss=1.7574 steps=7303 elapsed_s=759.7"
    assert read(final=f"{FINAL}\n{summary}").eval_seconds == pytest.approx(96.377)


@pytest.mark.parametrize(
    ("line", "size"),
    [
        ("Total submission size int8+zlib: 15 818 899 bytes", 15_818_899),
        ("Total submission size int8+zlib: 15.82 MB (15,818,899 bytes)", 15_818_899),
        ("Total submission size int8+zlib: 15448.1 KiB", 15_818_854),
        ("Total submission size int8+zlib: np.int64(15818899) bytes", 15_818_899),
        ("Total submission size int8+zlib (bytes): 15818899", 15_818_899),
        ("Total submission size int8+zlib [MB]: 15.818899", 15_818_899),
        ("Total submission size int8+zlib: 126551192 bits", 15_818_899),
        ("Total submission size int8+zlib: 15.82", None),
        ("Total submission size int8+zlib: 15,82 MB", None),
        ("Submission: 15,818,899 bytes", 15_818_899),
        (
            "Serialized model: 106158113 bytes\nCode size: 126681 bytes\nHybrid serialized model: 15756132 bytes\n"
            "Total Hybrid submission size: 15882813 bytes",
            15_882_813,
        ),
        ("ZLIB compressed size: 15,868,520 bytes\nTotal artifact size: 15,921,334 bytes (<16,000,000)", 15_921_334),
        ("submission_bytes 15818899", 15_818_899),
        ("bytes_total: 15818899", 15_818_899),
        ("final artifact 15818899 bytes", 15_818_899),
        ("artifact_mb=15.818899", 15_818_899),
        ("total_size_mb: 15.818899", 15_818_899),
        ("total: 15818899 (model 15807122 + code 11777)", 15_818_899),
        ("Total submission size int8+zlib = 15818899 bytes", 15_818_899),
        ("Total submission size int8+zlib 15818899 bytes", 15_818_899),
        ("Total submission size int8+zlib: `15818899` bytes", 15_818_899),
        ("Total submission size int8+zlib: 126.551192 Mbit", 15_818_899),
        ("Total submission size int8+zlib: 126.55 Mb", None),
        ("size_bytes:15818899", 15_818_899),
        ("model_bytes:15807122 code_bytes:11777 total:15818899\ntarget_artifact_bytes:16000000", 15_818_899),
        ("artifact_size_bytes=15818899", 15_818_899),
        ("artifact bytes: 15818899", 15_818_899),
        ("Final size: 15818899 bytes", 15_818_899),
        ("Total compressed size int8+zlib: 15818899 bytes", 15_818_899),
        ("model+code bytes: 15818899", 15_818_899),
        ("total_mb: 15.818899", 15_818_899),
    ],
)
def test_artifact(line: str, size: int | None) -> None:
    assert read(total=line).artifact_bytes == size


@pytest.mark.parametrize(
    "final",
    [
        "final val_bpb:np.float64(1.0409)",
        "final val_bpb:tensor(1.0409, device='cuda:0')",
        "final val_bpb:array(1.0409)",
        "final val_bpb:1.0409e+00",
        "final val_bpb:1.0409 \u00b1 0.0003",
        "final val_bpb:(1.0409)",
        "final val_bpb:[1.0409]",
        "final val_bpb \u2192 1.0409",
        "final val_bpb => 1.0409",
        "final bits per byte: 1.0409",
        "final bits-per-byte 1.0409",
        "final val_bits_per_byte:1.0409",
        "final_bpb_exact: 1.04090000",
        "| final | val_bpb | 1.0409 |",
        "final val_bpb:Decimal('1.0409')",
        "BPB(final)=1.0409",
        "final val_bpb:+1.0409",
    ],
)
def test_score(final: str) -> None:
    assert read(final=final).val_bpb == pytest.approx(1.0409)


@pytest.mark.parametrize(
    "token", ["nan", "inf", "tensor(nan)", "None", "N/A", "1,0409", "1.04.09", "1.#QNAN", "-nan(ind)"]
)
def test_a_final_score_that_is_no_number_is_the_final_score(token: str) -> None:
    run = read(final=f"final_int8 val_loss:2 val_bpb:{token}")
    assert run.val_bpb is None
    assert run.not_finite is not None
    assert run.complete


def test_a_difference_of_scores_is_none() -> None:
    assert read(final=f"{FINAL}\nvariant post_minus_pre_val_bpb=0.0013 val_bpb_diff:0.0021").val_bpb == 1.0409
