"""Which run a line of a log belongs to, and whose seed it is."""

from __future__ import annotations

import pytest
from log_samples import BASELINE, MODERN, one

from auditor.runs import read_log


def test_several_runs_in_one_file() -> None:
    second = BASELINE.replace("seed:1337", "seed:42").replace("1.22436570", "1.22400000")
    runs = read_log("train.log", BASELINE + second)
    assert [(r.index, r.seed, r.val_bpb) for r in runs] == [(0, 1337, 1.22436570), (1, 42, 1.224)]
    assert runs[1].first_line == len(BASELINE.splitlines()) + 2


LAUNCHER = """\
[STAGE 1/2] run=aa{n} | 8\u00d7H100 | hparams: {{'num_layers': 10, 'eval_stride': 64, 'seed': {seed}}}
[STAGE 2/2] run=aa{n} | launching
[gpu] [WARN] temp_c=9{n}
[RESULT] run=aa{n} | score=1.19{n}0 | size=15,1{n}5,793B | fits | 1493s
"""


def test_summaries_of_a_launcher() -> None:
    text = "".join(LAUNCHER.format(n=n, seed=seed) for n, seed in enumerate((1337, 42, 7)))
    runs = read_log("train.log", text)
    assert [(run.seed, run.val_bpb, run.artifact_bytes) for run in runs] == [
        (1337, 1.19, 15_105_793),
        (42, 1.191, 15_115_793),
        (7, 1.192, 15_125_793),
    ]
    assert all(run.world_size == 8 and run.complete for run in runs)


def test_a_seed_among_abbreviations() -> None:
    text = BASELINE.replace("seed:1337\n", "params:17,059,912 L:10 d:640 ws:8 ga:1 s:42\n")
    assert read_log("train.log", text)[0].seed == 42
    assert read_log("train.log", BASELINE.replace("seed:1337\n", "lengths s:42\n"))[0].seed is None


def test_runs_that_announce_their_seeds() -> None:
    runs = [
        f"#### STARTING TRAINING FOR SEED: {seed} ####\nStep 10 | loss 2.5 | 1s\nStep 20 | loss 2.4 | 2s\n"
        f"final_int8_zlib_roundtrip val_loss:2.0 val_bpb:{bpb} eval_time:61514ms\n"
        for seed, bpb in ((1337, 1.2), (42, 1.3))
    ]
    assert [(r.seed, r.val_bpb) for r in read_log("train.log", "".join(runs))] == [(1337, 1.2), (42, 1.3)]


def test_evaluation_as_a_process_of_its_own_belongs_to_the_training_before_it() -> None:
    later = "Hyperparameters:\n  seed: 7\n  ttt_enabled: True\nval_tokens: 1000000\n"
    later += "quantized_ttt val_loss:2.48000000 val_bpb:1.07870000 eval_time:300000ms\n"
    run = one(MODERN + later)
    assert (run.val_bpb, run.train_seconds, run.steps) == (1.0787, 590.078, 501)
    assert run.evaluated_apart_from_line == len(MODERN.splitlines()) + 1
    assert run.hyperparameters["ttt_enabled"] == "False"


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("train_seed42.log", 42),
        ("log_s314.txt", 314),
        ("logs/seed_11/run.txt", 11),
        ("train_999.log", 999),
        ("run_001.txt", None),
        ("train.log", None),
        ("exp2_sp1024.txt", None),
    ],
)
def test_seed_of_the_file_name(name: str, seed: int | None) -> None:
    run = one(BASELINE.replace("seed:1337\n", ""), name)
    assert run.seed == seed
    assert run.seed_source == ("file name" if seed is not None else "")


def test_copies_share_their_digest() -> None:
    copy = one("# trimmed\n" + BASELINE.replace("logs/run.txt\n", "").replace("seed:1337", "seed:42"), "copy.log")
    assert copy.content_digest == one(BASELINE).content_digest
    assert one(BASELINE.replace("1.22436570", "1.22436571")).content_digest != copy.content_digest


def test_two_seeds_before_any_training_are_said() -> None:
    text = "seed:42\nseed:1337\nworld_size:8\nstep:5/9 train_loss:2 train_time:500ms\nfinal_exact val_bpb:1.11870000\n"
    (run,) = read_log("a.log", text)
    assert "1337" in run.problems[-1]
    assert "42" in run.problems[-1]
    (run,) = read_log("a.log", text.replace("seed:1337", "seed:42"))
    assert not run.problems


def test_a_launcher_repeats_a_figure_under_its_own_title() -> None:
    run = one(BASELINE + "[summary] final_sliding_val_bpb=1.22436570\n")
    assert run.score is not None
    assert "summary" not in run.score.label


def _alone(text: str) -> str:
    """The log without what trainers print first: only its seed tells a run from the one before."""
    return text[text.index("seed:1337") :]


def test_runs_that_only_their_seeds_tell_apart() -> None:
    again = _alone(BASELINE).replace("seed:1337", "seed:42").replace("1.22436570", "1.22500000")
    runs = read_log("train.log", BASELINE + again)
    assert [(run.seed, run.val_bpb) for run in runs] == [(1337, 1.2243657), (42, 1.225)]
    crashed = BASELINE[: BASELINE.index("step:13780")] + "RuntimeError: out of memory\n"
    runs = read_log("train.log", crashed + again)
    assert [(run.seed, run.complete, run.steps) for run in runs] == [(1337, False, 1000), (42, True, 13_780)]


@pytest.mark.parametrize("line", ["seed: 1337", "seed: 7"])
def test_a_seed_that_is_told_without_another_training_begins_no_run(line: str) -> None:
    for text in (f"{BASELINE}{line}\n", BASELINE.replace("final_int8", f"{line}\nfinal_int8", 1)):
        run = one(text)
        assert (run.seed, run.steps, run.val_bpb) == (1337, 13_780, 1.2243657)


@pytest.mark.parametrize(
    ("line", "waits"),
    [
        ("ttt:done elapsed:43.1s", True),
        ("ngram hints: done in 43.1s (outside the timer)", True),
        ("building n-gram hints ... done in 43.1s", True),
        ("ngram hints: 43.1s so far, 10%", False),
    ],
)
def test_what_the_score_waits_for(line: str, waits: bool) -> None:
    at = BASELINE.index("final_int8")
    assert one(f"{BASELINE[:at]}{line}\n{BASELINE[at:]}").waited_seconds == (43.1 if waits else 0.0)


@pytest.mark.parametrize(
    "line", ["train_loop finished, elapsed=640.1s", "training:done elapsed:640.1s", "train_loop:complete in 10m40.1s"]
)
def test_a_loop_that_is_over(line: str) -> None:
    text = BASELINE.replace("stopping_early: wallclock_cap train_time:600038ms step:13780/20000", line)
    assert one(text).train_seconds == pytest.approx(640.1)


def test_a_seed_as_an_option() -> None:
    assert one(BASELINE.replace("seed:1337", "command: train_gpt.py --seed 314 --lr 0.1")).seed == 314
