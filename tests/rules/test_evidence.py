"""The rules on budgets, evidence and process, on facts that no folder alone can show."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from evidence_samples import FOLDER, a_run, some_facts

from auditor.claims import Claim, Claims, SeedClaim
from auditor.findings import Outcome
from auditor.program.code import Code
from auditor.runs import Evaluation
from auditor.submission import Change, Submission, SubmissionFile
from rules.budgets import (
    eval_time_cap,
)
from rules.data import train_val_overlap
from rules.evidence import (
    bpb_floor,
    chronology,
    claim_mismatch,
    mixed_config_seeds,
    multiplicity,
    package_files,
    significance,
    single_seed,
)
from rules.law import records
from rules.law.standing import dated, is_record


@pytest.mark.parametrize(
    ("track", "record"),
    [
        ("track_10min_16mb", True),
        ("track_non_record_16mb", False),
        ("non-record-unlimited-compute", False),
        (None, True),
    ],
)
def test_who_asks_for_the_leaderboard(track: str | None, record: bool) -> None:
    assert is_record(some_facts(track=track)) is record


def test_who_says_that_it_is_no_record_is_believed() -> None:
    assert not is_record(some_facts(claims=Claims(non_record=Claim(True, "submission.json:record"))))


def test_a_submission_is_dated_by_its_claim_then_its_folder_then_its_head() -> None:
    claimed = Claims(date=Claim("2026-04-12", "submission.json:date"))
    assert dated(some_facts(claims=claimed)) == date(2026, 4, 12)
    assert dated(some_facts()) == date(2026, 4, 10)
    assert dated(some_facts(folder="records/x/2026-99-99_y", authored="2026-04-30T08:00:00+02:00")) == date(2026, 4, 30)
    assert dated(some_facts(folder="x")) is None


def test_what_a_pull_request_changes_elsewhere() -> None:
    inside = Change(f"{FOLDER}/README.md", "added")
    outside = Change("train_gpt.py", "modified")

    def messages(*changes: Change, **more: object) -> str:
        ruling = package_files.RULE.check(some_facts(changes=changes, **more))
        return " | ".join(f.message for f in ruling.findings if f.outcome is Outcome.WARNING)

    assert "outside its folder" not in messages(inside)
    assert "outside its folder: train_gpt.py" in messages(inside, outside)
    # A folder whose name begins like this one is another folder.
    assert "outside its folder" in messages(Change(f"{FOLDER}2/README.md", "added"))
    other = "records/track_10min_16mb/other"
    claims, notes = Change(f"{other}/submission.json", "added"), Change(f"{other}/notes.md", "added")
    assert "1 more record folder" in messages(inside, claims, other_folders=(other,))
    assert "more record folder" not in messages(inside, notes, other_folders=(other,))
    assert "more record folder" not in messages(inside, claims, other_folders=(other,), landed=(other,))
    elsewhere = Change("dev/2026-04-10/train_gpt.py", "added")
    assert "more record folder" not in messages(inside, elsewhere, other_folders=("dev/2026-04-10",))
    assert "was there before" in messages(inside, edits_existing_folder=True)


def test_several_candidates_in_one_pull_request() -> None:
    other = "records/track_10min_16mb/2026-04-11_Other"
    aside = "records/track_non_record_16mb/2026-04-11_Other"

    def outcome(folder: str, name: str) -> Outcome:
        changes = (Change(f"{folder}/{name}", "added"),)
        return multiplicity.RULE.check(some_facts(other_folders=(folder,), changes=changes)).outcome

    assert outcome(other, "train_gpt.py") is Outcome.WARNING
    assert outcome(other, "notes.md") is Outcome.NOT_CHECKED
    assert outcome(aside, "train_gpt.py") is Outcome.NOT_CHECKED


def test_an_accepted_row_is_not_measured_against_later_ones() -> None:
    row = records.load()[5]
    stated = Claim(row.score, "submission.json:val_bpb")
    claims = Claims(val_bpb=stated, date=Claim("2026-04-30", "submission.json:date"))
    assert chronology.RULE.check(some_facts(claims=claims)).outcome is Outcome.WARNING
    assert chronology.RULE.check(some_facts(claims=claims, folder=row.folder)).outcome is Outcome.PASS


def test_copies_of_one_log_are_one_seed() -> None:
    runs = [a_run(seed, content_digest="same") for seed in (1, 2, 3)]
    ruling = single_seed.RULE.check(some_facts(*runs))
    assert ruling.outcome is Outcome.VIOLATION
    assert any("same figures" in f.message for f in ruling.findings)
    again = [a_run(1, 1.1), a_run(2, 1.2), a_run(3, 1.3), replace(a_run(3, 1.3), log="copy.log")]
    assert single_seed.RULE.check(some_facts(*again)).outcome is Outcome.PASS


def test_a_claimed_figure_of_another_line() -> None:
    run = a_run(bpb=1.11)
    run = replace(run, evaluations=(Evaluation(50, "pre-quantization", 1.1, 1.8), Evaluation(90, "final", 1.11, 1.9)))
    claims = Claims(val_bpb=Claim(1.1, "submission.json:val_bpb"))
    ruling = claim_mismatch.RULE.check(some_facts(run, claims=claims))
    assert ruling.outcome is Outcome.WARNING
    assert "pre-quantization" in ruling.reason
    nowhere = Claims(val_bpb=Claim(1.05, "submission.json:val_bpb"))
    assert claim_mismatch.RULE.check(some_facts(run, claims=nowhere)).outcome is Outcome.VIOLATION
    worse = Claims(val_bpb=Claim(1.2, "submission.json:val_bpb"))
    assert claim_mismatch.RULE.check(some_facts(run, claims=worse)).outcome is Outcome.WARNING
    prose = Claims(readme_val_bpb=Claim(1.05, "README.md:3"))
    assert claim_mismatch.RULE.check(some_facts(run, claims=prose)).outcome is Outcome.WARNING


@pytest.mark.parametrize(("claim", "said"), [(1.15677715, True), (1.15677716, False), (1.1567, False)])
def test_a_table_that_states_the_claim_is_named_and_is_no_log(claim: float, said: bool) -> None:
    data = b"variant,bpb\nsliding,1.15677715\nother,1.1567\n"
    claims = Claims(val_bpb=Claim(claim, "submission.json:val_bpb"))
    given = some_facts(a_run(bpb=1.17824), claims=claims, files=(SubmissionFile("eval.csv", len(data), data),))
    ruling = claim_mismatch.RULE.check(given)
    assert ruling.outcome is Outcome.VIOLATION
    assert ("eval.csv states it" in ruling.reason) is said


def test_a_claim_of_one_seed_names_the_nearest() -> None:
    runs = [a_run(1, 1.10006), a_run(2, 1.10001), a_run(3, 1.104)]
    claims = Claims(val_bpb=Claim(1.10002, "submission.json:val_bpb"))
    reason = claim_mismatch.RULE.check(some_facts(*runs, claims=claims)).reason
    assert "train_seed2.log (seed 2) alone" in reason


@pytest.mark.parametrize(
    ("score", "last", "warned"),
    [
        (Evaluation(50, "", 1.3529, 2.2, step=4200), Evaluation(90, "", 1.3659, 2.3, step=8600), True),
        (Evaluation(50, "", 1.3529, 2.2, step=4200), Evaluation(90, "final_int8", 1.3659, 2.3), True),
        (Evaluation(50, "", 1.3529, 2.2, step=4200), Evaluation(90, "", 1.3529, 2.2, step=8600), False),
        (Evaluation(50, "", 1.3529, 2.2, step=4200), Evaluation(90, "", 1.34, 2.1, step=8600), False),
        (Evaluation(90, "final_int8", 1.3529, 2.2), Evaluation(95, "no_ttt", 1.3659, 2.3), False),
    ],
)
def test_a_step_of_training_is_not_the_end(score: Evaluation, last: Evaluation, warned: bool) -> None:
    run = a_run(score=score, evaluations=(score, last))
    ruling = claim_mismatch.RULE.check(some_facts(run, claims=Claims(val_bpb=Claim(1.3529, "submission.json:val_bpb"))))
    assert ("at its end" in ruling.reason) is warned
    assert ruling.outcome is (Outcome.WARNING if warned else Outcome.PASS)


def test_a_seed_that_is_claimed_better_than_its_log() -> None:
    row = SeedClaim("submission.json:seed_results.42", 42, val_bpb=1.09)
    claims = Claims(val_bpb=Claim(1.1, "submission.json:val_bpb"), seeds=(row,))
    ruling = claim_mismatch.RULE.check(some_facts(a_run(), claims=claims))
    assert ruling.outcome is Outcome.VIOLATION
    assert "seed 42" in ruling.reason


def test_the_title_may_disagree() -> None:
    claims = Claims(val_bpb=Claim(1.1, "submission.json:val_bpb"))
    said = some_facts(a_run(), claims=claims, title="Record: sliding window, val_bpb 1.0570")
    assert "title" in claim_mismatch.RULE.check(said).reason
    for title in ("Record: sliding window (1.1002 BPB)", "Say how the 0.022 BPB quantization gap was measured"):
        fine = some_facts(a_run(), claims=claims, title=title)
        assert claim_mismatch.RULE.check(fine).outcome is Outcome.PASS


def test_an_unfilled_figure_is_no_low_score() -> None:
    empty = Claims(val_bpb=Claim(0.0, "submission.json:val_bpb"))
    assert bpb_floor.RULE.check(some_facts(claims=empty)).outcome is Outcome.NOT_CHECKED


@pytest.mark.parametrize(
    "again",
    [
        Claims(readme_val_bpb=Claim(0.0, "README.md:1")),
        Claims(readme_seeds=(SeedClaim("README.md:9", 42, val_bpb=0.0),)),
        Claims(seeds=(SeedClaim("submission.json:seeds.42", 42, val_bpb=0.0),)),
    ],
)
def test_a_zero_that_is_stated_twice_is_a_claim(again: Claims) -> None:
    ruling = bpb_floor.RULE.check(some_facts(claims=replace(again, val_bpb=Claim(0.0, "submission.json:val_bpb"))))
    assert ruling.outcome is Outcome.WARNING
    assert "0.00000" in ruling.reason


@pytest.mark.parametrize(("adapted_bpb", "outcome"), [(1.100027, Outcome.PASS), (1.13, Outcome.WARNING)])
def test_one_pass_under_two_names_counts_once(adapted_bpb: float, outcome: Outcome) -> None:
    adapted = Evaluation(80, "ttt:done", adapted_bpb, None, seconds=565.2)
    score = Evaluation(90, "final_roundtrip", 1.1, 1.86, seconds=565.651)
    run = a_run(score=score, evaluations=(adapted, score), eval_seconds=565.651)
    assert eval_time_cap.RULE.check(some_facts(run)).outcome is outcome


def test_seeds_on_other_validation_sets_are_no_sample() -> None:
    claims = Claims(val_bpb=Claim(1.1, "submission.json:val_bpb"))
    runs = [a_run(1, val_tokens=62_021_632), a_run(2, val_tokens=40_540_160)]
    assert mixed_config_seeds.RULE.check(some_facts(*runs, claims=claims)).outcome is Outcome.VIOLATION


def test_settings_that_agree_are_not_searched_for_in_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    claims = Claims(val_bpb=Claim(1.1, "submission.json:val_bpb"))
    asked: list[str] = []
    monkeypatch.setattr(Code, "mentions", lambda code, words: asked.append(words) or True)
    runs = [a_run(seed, hyperparameters={"width": "512", "rate": rate}) for seed, rate in ((1, "0.1"), (2, "0.2"))]
    assert mixed_config_seeds.RULE.check(some_facts(*runs, claims=claims)).outcome is Outcome.VIOLATION
    assert any("rate" in words for words in asked)
    assert not any("width" in words for words in asked)


@pytest.mark.parametrize(("shards", "outcome"), [(1502, Outcome.DISPUTED), (80, Outcome.NOT_CHECKED)])
def test_shard_counts_are_marks(shards: int, outcome: Outcome) -> None:
    run = a_run(val_tokens=47_851_520, train_shards=shards)
    assert train_val_overlap.RULE.check(some_facts(run)).outcome is outcome
    part = replace(run, val_tokens=9_662_464)
    assert train_val_overlap.RULE.check(some_facts(part)).outcome is Outcome.NOT_CHECKED


def test_a_figure_of_another_log_of_the_seed_is_no_invention() -> None:
    final = a_run(1337, 1.1052)
    old = replace(
        a_run(1337, 1.1047), log="old_seed1337.log", evaluations=(Evaluation(80, "final_exact", 1.1047, 1.8),)
    )
    rows = (SeedClaim("README.md:11", 1337, val_bpb=1.1040),)
    claims = Claims(val_bpb=Claim(1.1052, "submission.json:val_bpb"), readme_seeds=rows)
    said = claim_mismatch.RULE.check(some_facts(final, claims=claims))
    assert said.outcome is Outcome.VIOLATION
    rows = (SeedClaim("README.md:11", 1337, val_bpb=1.1047),)
    facts = replace(some_facts(final, claims=replace(claims, readme_seeds=rows)), runs=(final, old))
    said = claim_mismatch.RULE.check(facts)
    assert said.outcome is Outcome.WARNING
    assert "it is the figure of old_seed1337.log" in said.reason


def test_steps_that_no_run_made() -> None:
    runs = [a_run(seed, steps=steps, planned_steps=20_000) for seed, steps in ((1, 9_234), (2, 9_250))]
    for claim, said in ((9_009, True), (9_250, False), (20_000, False), (9_200, False)):
        claims = Claims(val_bpb=Claim(1.1, "submission.json:val_bpb"), steps=Claim(claim, "submission.json:step_stop"))
        ruling = claim_mismatch.RULE.check(some_facts(*runs, claims=claims))
        assert ("states 9,009 steps, train_seed1.log shows 9,234 steps" in ruling.reason) is said


@pytest.mark.parametrize(
    ("readme", "said"),
    [
        (b"| Steps | 5,189 |\n\nThe last run\n| Steps | 5,189 | 5,193 |\n", False),
        (b"| Steps | 5,189 |\nThe last run made 5193 steps.\n", False),
        (b"| Steps | 5,189 |\n15,193 tokens, 5,193.7 s\n", True),
    ],
)
def test_steps_of_another_run_in_a_readme_that_has_those_of_the_log(readme: bytes, said: bool) -> None:
    claims = Claims(val_bpb=Claim(1.1, "submission.json:val_bpb"), readme_steps=Claim(5_189, "README.md:1"))
    given = some_facts(a_run(steps=5_193, planned_steps=20_000), claims=claims)
    file = SubmissionFile("README.md", len(readme), readme)
    ruling = claim_mismatch.RULE.check(replace(given, submission=Submission("folder", FOLDER, (file,))))
    assert ("states 5,189 steps" in ruling.reason) is said


def test_seeds_that_only_the_readme_has() -> None:
    rows = tuple(SeedClaim(f"README.md:{seed}", seed, val_bpb=1.1) for seed in (1, 2, 3))
    claims = Claims(val_bpb=Claim(1.1, "submission.json:val_bpb"), readme_seeds=rows)
    runs = [replace(a_run(1), log=f"{name}.log", content_digest=name) for name in "abc"]
    assert (
        "README.md states 3 seeds; no log shows seeds 2, 3"
        in claim_mismatch.RULE.check(some_facts(*runs, claims=claims)).reason
    )
    tried = replace(claims, readme_seeds=tuple(replace(row, val_bpb=1.3) for row in rows))
    assert "no log shows" not in claim_mismatch.RULE.check(some_facts(a_run(1), claims=tried)).reason


def test_a_zero_is_not_compared_and_is_said_to_be_missing() -> None:
    claims = Claims(
        val_bpb=Claim(0.0, "submission.json:val_bpb"), raw={"val_bpb": 0.0, "author": "a", "github_id": "b"}
    )
    assert claim_mismatch.RULE.check(some_facts(a_run(), claims=claims)).outcome is not Outcome.VIOLATION


def test_seeds_of_logs_that_could_not_be_read_are_not_missing() -> None:
    rows = tuple(SeedClaim(f"submission.json:seeds.{seed}", seed, val_bpb=1.1) for seed in (1, 2, 3))
    claims = Claims(val_bpb=Claim(1.1, "submission.json:val_bpb"), seeds=rows)
    facts = some_facts(a_run(1), claims=claims)
    assert single_seed.RULE.check(facts).outcome is Outcome.VIOLATION
    assert "no log shows seeds 2, 3" in claim_mismatch.RULE.check(facts).reason
    pointer = SubmissionFile("train_seed2.log", 130, None, problem="a Git LFS pointer, its content is not here")
    facts = replace(facts, submission=replace(facts.submission, files=(pointer,)))
    ruling = single_seed.RULE.check(facts)
    assert ruling.outcome is Outcome.NOT_CHECKED
    assert "train_seed2.log" in ruling.reason
    assert "no log shows" not in claim_mismatch.RULE.check(facts).reason
    other = replace(facts, claims=replace(claims, val_bpb=Claim(1.09, "submission.json:val_bpb")))
    assert claim_mismatch.RULE.check(other).outcome is Outcome.NOT_CHECKED
    assert significance.RULE.check(facts).outcome is Outcome.NOT_CHECKED


def test_a_mean_over_seeds_without_logs_is_no_proof_of_the_contrary() -> None:
    rows = tuple(SeedClaim(f"README.md:{n}", n, val_bpb=bpb) for n, bpb in ((1, 1.1478), (2, 1.1468), (3, 1.1463)))
    claims = Claims(
        val_bpb=Claim(1.1478, "submission.json:val_bpb"), readme_seeds=rows, readme_means=(Claim(1.147, "README.md:9"),)
    )
    assert claim_mismatch.RULE.check(some_facts(a_run(1, 1.1478), claims=claims)).outcome is Outcome.WARNING
    runs = [a_run(n, 1.1478 + n / 100_000) for n in (1, 2, 3)]
    assert claim_mismatch.RULE.check(some_facts(*runs, claims=claims)).outcome is Outcome.VIOLATION


def test_a_seed_that_only_its_figure_tells_has_a_log() -> None:
    claims = Claims(
        val_bpb=Claim(1.1, "submission.json:val_bpb"), seeds=(SeedClaim("submission.json:seeds.7", 7, val_bpb=1.1),)
    )
    told = a_run(7)
    facts = replace(some_facts(told, claims=claims), runs=(replace(told, seed=None),))
    assert "no log shows" not in claim_mismatch.RULE.check(facts).reason
