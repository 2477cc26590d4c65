"""The rules on time, size, hardware and the cutoff, on facts that no folder alone can show."""

from __future__ import annotations

from dataclasses import replace

import pytest
from evidence_samples import FOLDER, a_run, some_facts

from auditor.claims import Claim, Claims, SeedClaim
from auditor.claims.stated import times
from auditor.findings import Outcome
from auditor.runs import Evaluation, LogLine
from auditor.source import ProgramFile, Sources
from auditor.submission import Submission, SubmissionFile
from rules.budgets import (
    artifact_cap,
    calibration_overtime,
    cutoff_grace,
    eval_time_cap,
    hardware,
    precompute_outside_timer,
    train_time_cap,
)
from rules.evidence import (
    claim_mismatch,
)
from rules.law.limits import LIMITS
from rules.law.standing import over_time, wrong_hardware


@pytest.mark.parametrize(
    ("seconds", "outcome"),
    [(600.0, None), (600.001, Outcome.WARNING), (600.5, Outcome.WARNING), (600.501, Outcome.VIOLATION)],
)
def test_the_time_ladder(seconds: float, outcome: Outcome | None) -> None:
    assert over_time(seconds, LIMITS.train_cap_seconds) is outcome


@pytest.mark.parametrize(
    ("gpu", "count", "claimed", "wrong"),
    [
        ("NVIDIA H100 80GB HBM3", 8, None, ""),
        ("NVIDIA H100 PCIe", 8, None, "NVIDIA H100 PCIe"),
        ("NVIDIA GH200", 8, None, "NVIDIA GH200"),
        (None, 4, None, "4 GPUs"),
        (None, 1, "8xH100", "1 GPU"),
        (None, None, "8xH100 80GB SXM", ""),
        (None, None, "1x NVIDIA RTX 4090", "1 GPU, 1x NVIDIA RTX 4090"),
        (None, None, "Apple M1 Pro", "Apple M1 Pro"),
        (None, None, None, ""),
    ],
)
def test_what_is_wrong_with_the_hardware(gpu: str | None, count: int | None, claimed: str | None, wrong: str) -> None:
    claims = Claims(hardware=Claim(claimed, "submission.json:hardware") if claimed else None)
    assert wrong_hardware(a_run(gpu=gpu, world_size=count), claims) == wrong


def test_hardware_without_any_word_is_not_checked() -> None:
    assert hardware.RULE.check(some_facts(a_run(gpu=None, world_size=None))).outcome is Outcome.NOT_CHECKED


def test_the_largest_seed_decides_the_artifact() -> None:
    fits, over = a_run(1), a_run(2, artifact_bytes=16_000_001)
    for order in ((fits, over), (over, fits)):
        ruling = artifact_cap.RULE.check(some_facts(*order))
        assert ruling.outcome is Outcome.VIOLATION
        assert ruling.findings[0].location is not None
        assert ruling.findings[0].location.path == over.log


def test_superseded_logs_only_inform() -> None:
    facts = some_facts(a_run(1))
    old = a_run(2, artifact_bytes=17_000_000, train_seconds=900.0, eval_seconds=900.0)
    facts = replace(facts, runs=(*facts.runs, old))
    for rule in (artifact_cap.RULE, train_time_cap.RULE, eval_time_cap.RULE):
        assert rule.check(facts).outcome is Outcome.PASS


def test_the_two_readings_of_the_code() -> None:
    raw = Sources(None, (), (ProgramFile("train_gpt.py", 160_000, "entry"),))
    counted = replace(some_facts(a_run(artifact_bytes=15_950_000)), sources=raw)
    assert artifact_cap.RULE.check(counted).outcome is Outcome.WARNING
    small = Sources(None, (), (ProgramFile("train_gpt.py", 20_000, "entry"),))
    over = replace(some_facts(a_run(artifact_bytes=16_010_000)), sources=small)
    assert artifact_cap.RULE.check(over).outcome is Outcome.DISPUTED


def test_time_off_the_record_or_on_other_hardware_warns() -> None:
    late = a_run(train_seconds=900.0, eval_seconds=900.0)
    for facts in (
        some_facts(late, track="track_non_record_16mb"),
        some_facts(replace(late, gpu="NVIDIA A100-SXM4-80GB")),
    ):
        assert train_time_cap.RULE.check(facts).outcome is Outcome.WARNING
        assert eval_time_cap.RULE.check(facts).outcome is Outcome.WARNING
    assert train_time_cap.RULE.check(some_facts(late)).outcome is Outcome.VIOLATION
    assert eval_time_cap.RULE.check(some_facts(late)).outcome is Outcome.VIOLATION


def test_nothing_says_how_long_it_took() -> None:
    silent = a_run(train_seconds=None, eval_seconds=None, artifact_bytes=None, code_bytes=None)
    for rule in (train_time_cap.RULE, eval_time_cap.RULE, artifact_cap.RULE):
        assert rule.check(some_facts(silent)).outcome is Outcome.NOT_CHECKED
    capped = replace(silent, wallclock_cap_seconds=3600.0)
    assert train_time_cap.RULE.check(some_facts(capped)).outcome is Outcome.WARNING


def test_times_are_found_under_any_name() -> None:
    raw: dict[str, object] = {
        "training": {"wallclock_hours": 2.0, "max_wallclock_seconds": 600, "steps": 7000},
        "seed_results": {"42": {"eval_time_ms": 627_269, "train_time_s": 599.5}},
        "eval_time_cap_seconds": 600,
        "training_time_std_seconds": 3.0,
        "nested": [[[[[[[{"eval_seconds": 1}]]]]]]],
        "time": None,
    }
    assert sorted(c.value for c in times(raw, "train")) == [599.5, 7200.0]
    assert [c.value for c in times(raw, "eval")] == [627.269]
    assert times(raw, "eval")[0].where == "submission.json:seed_results.42.eval_time_ms"


def test_calibration_without_a_duration() -> None:
    log = "\n".join(["x"] * 9 + ["stopping_early"] + ["gptq: calibrating with 256 batches"] + ["x"] * 9) + "\n"
    shipped = SubmissionFile("train_seed42.log", len(log), log.encode())
    late = a_run(train_seconds=600.0, train_seconds_line=10, score=Evaluation(20, "final", 1.1, 1.8))
    march = Claims(date=Claim("2026-03-24", "submission.json:date"))
    ruling = calibration_overtime.RULE.check(some_facts(late, claims=march, files=(shipped,)))
    assert ruling.outcome is Outcome.VIOLATION
    assert ruling.findings[0].location is not None
    assert ruling.findings[0].location.line == 11
    early = replace(late, train_seconds=580.0)
    assert calibration_overtime.RULE.check(some_facts(early, files=(shipped,))).outcome is Outcome.NOT_CHECKED
    other = log.replace("calibrating with 256 batches", "calibrating on self-generated text")
    generated = SubmissionFile("train_seed42.log", len(other), other.encode())
    assert calibration_overtime.RULE.check(some_facts(late, files=(generated,))).outcome is Outcome.PASS


def test_precomputation_counts_into_the_evaluation() -> None:
    run = a_run(eval_seconds=480.0, hyperparameters={"ngram_hint_precompute_outside": "True"})
    assert precompute_outside_timer.RULE.check(some_facts(run)).outcome is Outcome.WARNING
    timed = replace(run, ngram=(LogLine(7, "ngram hint precompute (outside eval timer): 168.3s"),))
    ruling = precompute_outside_timer.RULE.check(some_facts(timed))
    assert ruling.outcome is Outcome.DISPUTED
    assert "648.3" in ruling.reason


@pytest.mark.parametrize(
    ("authored", "outcome"),
    [
        ("2026-05-01T16:59:00-07:00", Outcome.PASS),
        ("2026-05-01T17:01:00-07:00", Outcome.WARNING),
        ("2026-05-02T00:00:00", Outcome.PASS),
        ("not a date", Outcome.PASS),  # the folder's date remains
    ],
)
def test_the_cutoff_is_a_moment(authored: str, outcome: Outcome) -> None:
    assert cutoff_grace.RULE.check(some_facts(authored=authored)).outcome is outcome


def test_the_mean_of_the_sizes_is_said_to_be_one() -> None:
    rows = tuple(SeedClaim(f"README.md:{n}", n, artifact_bytes=size) for n, size in ((1, 15_900_000), (2, 15_950_002)))
    runs = [a_run(row.seed or 0, artifact_bytes=row.artifact_bytes) for row in rows]
    claims = Claims(
        val_bpb=Claim(1.1, "submission.json:val_bpb"), readme_seeds=rows,
        artifact_bytes=Claim(15_925_001, "submission.json:bytes_total"),
        readme_artifact_bytes=Claim(15_950_002, "README.md:2"),
    )  # fmt: skip
    assert claim_mismatch.RULE.check(some_facts(*runs, claims=claims)).outcome is Outcome.PASS
    low = replace(claims, artifact_bytes=Claim(15_890_000, "submission.json:bytes_total"))
    assert "15,890,000" in claim_mismatch.RULE.check(some_facts(*runs, claims=low)).reason


def test_a_mean_of_the_logs_sizes_differs_from_no_size_of_one() -> None:
    runs = [a_run(seed, artifact_bytes=size) for seed, size in ((1, 15_900_000), (2, 15_950_002))]
    claims = Claims(
        val_bpb=Claim(1.1, "submission.json:val_bpb"),
        artifact_bytes=Claim(15_925_001, "submission.json:bytes_total"),
        readme_artifact_bytes=Claim(15_950_002, "README.md:2"),
    )
    assert claim_mismatch.RULE.check(some_facts(*runs, claims=claims)).outcome is Outcome.PASS
    other = replace(claims, artifact_bytes=Claim(15_930_007, "submission.json:bytes_total"))
    assert "15,930,007" in claim_mismatch.RULE.check(some_facts(*runs, claims=other)).reason


@pytest.mark.parametrize(
    ("code", "artifact", "outcome"),
    [
        (104_891, 10_200_510, Outcome.PASS),  # as shipped, which the log counts as less
        (47_396, 10_143_015, Outcome.PASS),  # as the log counts
        (80_000, 10_175_619, Outcome.WARNING),  # neither
    ],
)
def test_sizes_that_count_the_code_as_it_is_shipped(code: int, artifact: int, outcome: Outcome) -> None:
    row = SeedClaim("submission.json:seed_results.42", 42, val_bpb=1.1, artifact_bytes=artifact, code_bytes=code)
    claims = Claims(val_bpb=Claim(1.1, "submission.json:val_bpb"), seeds=(row,))
    given = some_facts(a_run(42, artifact_bytes=10_143_015, code_bytes=47_396), claims=claims)
    shipped = Sources(None, (), (ProgramFile("train_gpt.py", 104_887, "entry"),))
    assert claim_mismatch.RULE.check(replace(given, sources=shipped)).outcome is outcome


def test_a_wall_clock_that_the_readme_has_under_another_name() -> None:
    readme = b"Train time: 534.9 s\nPublished runtime: 602.1 s\n"
    claims = Claims(
        val_bpb=Claim(1.1, "submission.json:val_bpb"),
        train_seconds=Claim(602.1, "submission.json:wallclock_seconds"),
        readme_train_seconds=Claim(534.9, "README.md:1"),
    )
    run = a_run(train_seconds=534.9)
    for text, outcome in ((readme, Outcome.PASS), (readme[:20], Outcome.WARNING)):
        file = SubmissionFile("README.md", len(text), text)
        facts = replace(some_facts(run, claims=claims), submission=Submission("folder", FOLDER, (file,)))
        assert claim_mismatch.RULE.check(facts).outcome is outcome
