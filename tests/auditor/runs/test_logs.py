"""One small fixture per family of logs."""

from __future__ import annotations

import pytest
from log_samples import BASELINE, MODERN, SOURCE, one

from auditor.runs import read_log, read_runs
from auditor.submission import Submission, SubmissionFile


def test_modern_log() -> None:
    run = one(MODERN)
    assert (run.seed, run.seed_source) == (7, "line 4")
    assert (run.steps, run.planned_steps, run.world_size) == (501, 20000, 8)
    assert run.train_seconds == pytest.approx(590.078)
    assert run.train_seconds_line == 16
    assert (run.calibration_seconds, run.calibration_line) == (9.8, 21)
    assert run.eval_seconds == pytest.approx(75.81)
    assert (run.artifact_bytes, run.code_bytes, run.model_bytes) == (15_890_000, 90_000, 15_800_000)
    assert (run.val_tokens, run.train_shards) == (1_000_000, 26)
    assert run.score is not None
    assert run.score.label == "final_int6_sliding_window"
    assert run.implied_bytes == pytest.approx(2.5 / 0.69314718056 * 1e6 / 1.0874)
    assert run.hyperparameters["ttt_enabled"] == "False"
    assert run.hyperparameter_lines["ttt_enabled"] == 5
    assert (run.reserve_seconds, run.effective_budget_seconds, run.wallclock_cap_seconds) == (10, 590, 600)
    assert [e.label for e in run.evaluations if e.step is None] == [
        "pre-quantization post-ema",
        "final_int6_roundtrip",
        "final_int6_sliding_window",
    ]
    assert run.problems == ()
    assert run.complete


def test_baseline_log_takes_the_packed_total_and_the_exact_line() -> None:
    run = one(BASELINE)
    assert run.artifact_bytes == 15_863_489
    assert run.raw_artifact_bytes == 67_272_625
    assert run.val_bpb == 1.22436570
    assert run.eval_seconds == pytest.approx(1.401)
    assert run.val_tokens == 62_021_632
    assert run.hyperparameters["train_seq_len"] == "1024"
    assert (run.seed, run.steps, run.world_size) == (1337, 13780, 8)
    assert run.wallclock_cap_seconds == 600
    assert run.dataset == "fineweb10B_sp1024"


def test_smallest_of_several_codecs() -> None:
    run = one(
        BASELINE.replace("final_int8_zlib_roundtrip val", "Total submission size int6+zstd: 15000000 bytes\nfinal val")
    )
    assert run.artifact_bytes == 15_000_000


@pytest.mark.parametrize(
    "encode",
    [
        lambda t: t.replace("\n", "\r\n").encode(),
        lambda t: t.encode("utf-16"),
        lambda t: t.encode("utf-16-le"),
        lambda t: b"\xef\xbb\xbf" + t.encode(),
        lambda t: t.encode() + b"\xff\xfe\x80 broken",
        lambda t: t.encode("utf-16-be"),
        lambda t: t.encode("utf-32"),
        lambda t: b"\0\0\xfe\xff" + t.encode("utf-32-be"),
        lambda t: t[:700].encode() + t[700:].encode("utf-16"),
        lambda t: t[:700].encode("utf-16") + t[700:].encode(),
        lambda t: t.encode() + b"\0" * 4096,
        lambda t: b"\0" * 4096 + t.encode(),
        lambda t: t.replace("brotli", "\u201cbrotli\u201d").encode("cp1252"),
        lambda t: t.replace("\n", "\u2028").encode(),
        lambda t: "".join(line + "\n\r"[i % 2] for i, line in enumerate(t.split("\n"))).encode(),
        lambda t: t.replace("val_bpb:", "val_bpb\uff1a").encode(),
    ],
    ids=["crlf", "utf-16", "utf-16 without mark", "utf-8 mark", "invalid utf-8", "utf-16-be", "utf-32", "utf-32-be",
         "utf-16 appended", "utf-8 appended", "zeros at the end", "zeros at the start", "cp1252", "line separators",
         "ends of two kinds", "wide colons"],
)  # fmt: skip
def test_encodings(encode) -> None:  # type: ignore[no-untyped-def]
    data = encode(MODERN)
    (run,) = read_runs(Submission("folder", "x", (SubmissionFile("train.log", len(data), data),)))
    assert (run.seed, run.val_bpb, run.artifact_bytes) == (7, 1.0874, 15_890_000)


def test_echoed_source_is_not_read() -> None:
    run = one(SOURCE + "=" * 100 + "\nRunning Python 3.12\n" + "=" * 100 + "\n" + BASELINE)
    assert run.echoes_source
    assert (run.val_bpb, run.artifact_bytes, run.seed) == (1.22436570, 15_863_489, 1337)
    assert not any(e.val_bpb in (0.5, 0.6) for e in run.evaluations)


def test_echoed_source_without_a_rule_after_it() -> None:
    run = one(SOURCE + BASELINE)
    assert run.echoes_source
    assert (run.val_bpb, run.seed) == (1.22436570, 1337)


def test_echo_after_the_dump() -> None:
    dump, rest = MODERN.split("train_shards", 1)
    run = one(dump + SOURCE + "=" * 100 + "\ntrain_shards" + rest)
    assert (run.val_bpb, run.artifact_bytes) == (1.0874, 15_890_000)


def test_ranks_print_the_same_lines() -> None:
    lines = MODERN.splitlines()
    text = "\n".join(f"[rank{r}]: {line}" for line in lines for r in range(4))
    run = one(text)
    assert run.val_bpb == 1.0874
    assert run.calibration_seconds == 9.8
    assert len([e for e in run.evaluations if e.step is None]) == 3


def test_time_prefixes() -> None:
    text = "".join(f"[2026-03-31 20:52:10,123] INFO: {line}\n" for line in BASELINE.splitlines())
    run = one(text)
    assert (run.seed, run.steps, run.val_bpb) == (1337, 13780, 1.22436570)


@pytest.mark.parametrize(
    ("line", "size"),
    [
        ("total_bytes=151080891", None),
        ("val_tokens=62021632 total_bytes=151080891", None),
        ("total_bytes=15900000 (artifact)", 15_900_000),
        ("export model_bytes:15880000 total_bytes:15900000", 15_900_000),
        ("total_bytes: 15900000 limit: 16000000", 15_900_000),
    ],
)
def test_total_bytes_are_the_artifacts_where_the_line_speaks_of_it(line: str, size: int | None) -> None:
    assert one(f"step:1/9 train_loss:2\nstep:2/9 train_loss:2\n{line}\nval_bpb:1.2\n").artifact_bytes == size


def test_the_usual_line_of_a_step_is_read_as_any_other() -> None:
    lines = "".join(f"step:{n}/900 train_loss:2.9{n} train_time:{n * 83}ms step_avg:83.07ms\n" for n in (1, 2, 5, 3))
    for text in (BASELINE, BASELINE.replace("stopping_early", lines + "stopping_early"), BASELINE + lines):
        slow = text.replace("ms\n", "ms \n")  # a blank behind it: none of the usual lines
        assert read_log("a.log", text) == read_log("a.log", slow)


def test_cut_off_log() -> None:
    text = MODERN[: MODERN.index("stopping_early")]
    run = one(text)
    assert not run.complete
    assert run.artifact_bytes is None
    assert run.score is not None
    assert run.score.step == 501
    assert run.train_seconds == pytest.approx(588.0)


def test_adaptation_lines_are_bounded_and_progress_is_no_evaluation() -> None:
    progress = "".join(f"  ttt_chunk [{i}/900] bpb=1.{i:06d} time={i}.0s\n" for i in range(1, 901))
    run = one(BASELINE + progress + "legal_ttt val_loss:2.0100 val_bpb:1.1900 eval_time:400000ms\n")
    assert run.val_bpb == 1.19
    assert len([e for e in run.evaluations if e.step is None]) == 3
    assert 40 <= len(run.adaptation) <= 90
    assert "[1/900]" in run.adaptation[0].text
    assert run.adaptation[-1].text.startswith("legal_ttt")


def test_the_first_of_the_lines_that_begin_alike_is_kept() -> None:
    run = one(BASELINE + "layer 1: quantized\nlayer 23: quantized\nlayers: all\n")
    kept = [line.text for line in run.beginnings]
    assert "layer 1: quantized" in kept
    assert "layer 23: quantized" in kept  # its number is as long as no other's
    assert "layers: all" in kept
    more = one(BASELINE + "".join(f"layer {i}: quantized\n" for i in range(10, 90)))
    assert len([line for line in more.beginnings if line.text.startswith("layer ")]) == 1


def test_gates_and_sidecar() -> None:
    gates = "ngram_tilt:hints total=100 gated=30 token_gate=10 within_gate=15 word_gate=5 agree2plus=2\n"
    run = one(MODERN + gates + "val_bytes sidecar: enabled\n")
    assert (run.gates["within_gate"], run.gates["word_gate"], run.gates["agree2plus"]) == (15, 5, 2)
    assert run.gates_line == len(MODERN.splitlines()) + 1
    assert run.byte_sidecar is True
    assert one(MODERN + "caseops sidecar: False\n").byte_sidecar is False


def test_compressed_code_is_what_counts() -> None:
    sizes = "Code size (uncompressed): 190000 bytes\nCode size (compressed): 37000 bytes"
    run = one(MODERN.replace("Code size: 90,000 bytes", sizes).replace("15890000", "15837000"))
    assert (run.code_bytes, run.code_bytes_compressed, run.code_bytes_uncompressed) == (37_000, 37_000, 190_000)
    assert run.problems == ()


def test_gpu_of_the_device_table() -> None:
    table = "| GPU  Name                 Persistence-M | Bus-Id |\n|   0  NVIDIA H100 80GB HBM3          On  |   0 |\n"
    run = one(BASELINE.replace("logs/run.txt\n", table))
    assert run.gpu is not None
    assert run.gpu.startswith("NVIDIA H100")


def test_gated_delta_net_family() -> None:
    lines = [
        "=== Full Training ===",
        "Seed: 999, Steps: 7000, Warmdown: 2100",
        "World size: 8, Grad accum: 1",
        "Validation tokens: 40,540,160",
        "Total params: 33,909,825",
        "step     1/7000 | loss 9.0038 | lr_mul 0.0500 | 3s",
        "step  2300/7000 | loss 3.1991 | lr_mul 1.0000 | 592s",
        "Stopping early at step 2333 (wallclock limit)",
        "Training complete in 600s",
        "EMA BPB (fp32):     1.001460",
        "Quantized BPB:      1.020260",
        "TTT BPB:          1.010565 (delta: -0.0092)",
        "TTT eval time:    275.0s",
        "final_int6_ttt_exact val_loss:3.07254215 val_bpb:1.01056452",
    ]
    run = one("\n".join(lines))
    assert (run.seed, run.steps, run.planned_steps, run.world_size) == (999, 2333, 7000, 8)
    assert (run.train_seconds, run.val_tokens, run.model_params) == (600.0, 40_540_160, 33_909_825)
    assert run.val_bpb == 1.01056452
    assert run.eval_seconds == 275.0


@pytest.mark.parametrize(
    "dump",
    [
        '{"seed": 5, "ttt_enabled": false}',
        "Hyperparameters(seed=5, ttt_enabled=False)",
        "hparams: {'seed': 5, 'ttt_enabled': False}",
        "SEED=5\nTTT_ENABLED=0",
        "# env:SEED=5\n# env:TTT_ENABLED=0",
    ],
)
def test_other_dumps(dump: str) -> None:
    run = one(dump + "\n" + BASELINE.replace("seed:1337\n", ""))
    assert run.seed == 5
    assert run.hyperparameters.get("ttt_enabled", run.hyperparameters.get("TTT_ENABLED")) in ("False", "0")


def test_files_that_are_no_logs() -> None:
    files = {
        "requirements.txt": "torch==2.5\nnumpy\n",
        "notes.txt": "We reached val_bpb: 1.0800 with seed 42.\n",
        "train_gpt.py": BASELINE,
        "README.md": BASELINE,
        "model.bin": MODERN,
        "junk.log": "\0\1\2\3\4\5" * 3_000 + BASELINE,
        "missing.log": None,
    }
    loaded = tuple(
        SubmissionFile(path, None if text is None else len(text), None if text is None else text.encode())
        for path, text in files.items()
    )
    assert read_runs(Submission("folder", "x", loaded)) == ()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("effective=590000ms", "effective=1990000ms", "effective budget of 1990 s"),
        ("Serialized model int6+brotli: 15800000", "Serialized model int6+brotli: 15700000", "are not the 15700000"),
        ("val_loss:2.50000000 val_bpb:1.08740000", "val_loss:2.50000000 val_bpb:1.00740000", "Loss per bit"),
        ("step: 501/20000", "step: 20501/20000", "20501 steps of 20000"),
    ],
)
def test_contradictions(old: str, new: str, words: str) -> None:
    assert old in MODERN
    assert any(words in problem for problem in one(MODERN.replace(old, new)).problems)


def test_contradiction_with_the_file_name_and_within_a_line() -> None:
    assert any("file name says seed 8" in p for p in one(MODERN, "train_seed8.log").problems)
    slow = BASELINE.replace("train_time:600038ms step_avg:43.54ms", "train_time:600038ms step_avg:63.54ms")
    assert any("13780 steps of 63.54 ms" in p for p in one(slow).problems)
    assert one(BASELINE).problems == ()


def test_the_last_of_thousands_of_evaluations_is_kept() -> None:
    steps = "".join(f"step:{n}/90000 val_loss:2.5 val_bpb:1.{n:05} train_time:{n * 80}ms\n" for n in range(1, 9_000))
    run = read_log("train_seed1.log", steps + "final_int8_exact val_loss:1.8 val_bpb:1.11870000 eval_time:96214ms\n")[0]
    assert run.val_bpb == 1.1187


def test_a_log_that_ends_at_the_stop_is_a_run_without_a_score() -> None:
    text = "Hyperparameters:\n  seed: 42\n  ttt_enabled: False\nworld_size:8\n"
    (run,) = read_log("a.log", text + "stopping_early: wallclock_cap train_time:590038ms step:7303/20000\n")
    assert (run.seed, run.train_seconds, run.complete, run.val_bpb) == (42, 590.038, False, None)
    assert run.hyperparameters["ttt_enabled"] == "False"


def test_a_log_that_sums_its_run_up() -> None:
    run = one(
        "run_id: a\nhardware: 8xH100\nseed: 42\n\nResult:\nstop_step: 4017/20000\ntrain_time_s: 590.110\n"
        "eval_time_s: 277.205\nfinal_int6_sliding_window_val_bpb: 1.09503234\ncode_bytes: 90415\n"
        "model_bytes: 15902710\nartifact_total_bytes: 15993125\n"
    )
    assert (run.seed, run.steps, run.train_seconds, run.eval_seconds) == (42, 4017, 590.11, 277.205)
    assert (run.val_bpb, run.code_bytes, run.artifact_bytes) == (1.09503234, 90_415, 15_993_125)


def test_a_setting_is_no_sum_of_the_run() -> None:
    assert one("train_time_s: 600\n" + BASELINE).train_seconds == 600.038
    assert one(BASELINE.replace("seed:1337", "seed:1337\ntrain_seconds: 500")).train_seconds == 600.038


def test_sizes_under_the_names_of_the_parts() -> None:
    text = BASELINE[: BASELINE.index("Serialized")] + "final val_loss:2.0727 val_bpb:1.2244\n"
    run = one(
        f"{text}artifact:code_path=/w/train_gpt.py code_bytes=98920\nartifact:model_path=/w/m model_bytes=14817018\n"
    )
    assert (run.model_bytes, run.code_bytes, run.artifact_bytes) == (14_817_018, 98_920, 14_915_938)
    assert one(f"{text}raw model_bytes=67224983 code_bytes=98920\n").artifact_bytes is None
    assert one(f"{text}  Artifact \ud06c\uae30: 15,066,137 bytes\n").artifact_bytes == 15_066_137


def test_a_total_that_is_the_model_counts_no_code() -> None:
    text = (
        BASELINE[: BASELINE.index("Code size")]
        + "Code size (uncompressed): 208498 bytes\nCode size (compressed): 0 bytes\n"
    )
    sizes = "Serialized model int6+zstd: 15918882 bytes\nTotal submission size int6+zstd: {} bytes\n"
    final = "final_int6_exact val_loss:2.07 val_bpb:1.2243\n"
    assert one(text + sizes.format(15_918_882) + final).code_bytes == 0
    assert one(text + sizes.format(16_127_380) + final).code_bytes == 208_498


def test_the_time_that_hessians_took() -> None:
    line = "gptq:collected hessians for 68 layers post_time:27111ms total_train_time:582179ms\n"
    assert one(BASELINE + line).calibration_seconds == pytest.approx(27.111)


@pytest.mark.parametrize(
    ("line", "size"),
    [
        ("15.807MB model + 0.012MB code = 15.82MB/16.00MB", 15_820_000),
        ("[size] total=15818502 limit=16000000", 15_818_502),
        ("[data] total=15818502 shards=80", None),
    ],
)
def test_totals_on_lines_of_few_words(line: str, size: int | None) -> None:
    text = BASELINE[: BASELINE.index("Serialized")] + f"{line}\nfinal val_loss:2.0727 val_bpb:1.2244\n"
    assert one(text).artifact_bytes == size


def test_a_total_that_something_was_added_to() -> None:
    run = one(BASELINE + "total_submission_with_table: 15,986,378 bytes (15.25 MB)\n")
    assert (run.artifact_bytes, run.model_bytes) == (15_986_378, 15_815_847)
