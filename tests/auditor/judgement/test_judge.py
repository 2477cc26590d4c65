"""The judge: every rule has an outcome, the most severe decides, and nothing unread is called clean."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import report_samples as samples
from report_samples import BUDGETS, facts, finding, rule, run

from auditor.claims import Claim, Claims
from auditor.findings import Finding, Location, Outcome, Ruling, found, not_checked, passed
from auditor.judgement.judge import caps, judge, unloaded
from auditor.judgement.model import Verdict
from auditor.program import Program
from auditor.rule import Facts
from auditor.source import SourceProblem, Sources
from auditor.submission import Submission, SubmissionFile

BREAKS = rule("b-breaks", found([finding()], ""))
DISPUTED = rule("c-disputed", found([finding(Outcome.DISPUTED)], ""))
WARNS = rule("d-warns", found([finding(Outcome.WARNING)], ""))
PASSES = rule("a-passes", passed("fine"))
RAISES = rule("e-raises", RuntimeError("boom"))
NOT_READ = replace(
    facts(), sources=replace(facts().sources, problems=(SourceProblem("train_gpt.py", 3, "cannot unpack", True),))
)


@pytest.mark.parametrize(
    ("rules", "given", "verdict"),
    [
        ([PASSES], facts(), Verdict.CLEAN),
        ([PASSES, WARNS], facts(), Verdict.CLEAN),
        ([PASSES, WARNS], NOT_READ, Verdict.INCONCLUSIVE),
        ([PASSES, DISPUTED], NOT_READ, Verdict.DISPUTED),
        ([BREAKS, DISPUTED], NOT_READ, Verdict.VIOLATION),
        ([BREAKS, RAISES], facts(), Verdict.VIOLATION),
        ([PASSES, RAISES], facts(), Verdict.INCONCLUSIVE),
    ],
)
def test_verdicts_take_precedence_in_order(rules: list, given: Facts, verdict: Verdict) -> None:
    for order in itertools.permutations(rules):
        assert judge(given, order, BUDGETS).verdict is verdict


def test_every_rule_has_one_outcome_in_id_order() -> None:
    report = judge(facts(), [WARNS, BREAKS, RAISES, DISPUTED, PASSES], BUDGETS)
    assert [row.rule for row in report.outcomes] == ["a-passes", "b-breaks", "c-disputed", "d-warns", "e-raises"]


def test_a_rule_that_raises_costs_its_own_outcome_only() -> None:
    report = judge(facts(), [RAISES, BREAKS], BUDGETS)
    outcomes = {row.rule: row for row in report.outcomes}
    assert outcomes["e-raises"].outcome is Outcome.ERROR
    assert "RuntimeError: boom" in outcomes["e-raises"].reason
    assert outcomes["b-breaks"].outcome is Outcome.VIOLATION
    assert len(report.findings) == 1


def test_a_check_that_returns_no_ruling_is_an_error() -> None:
    report = judge(facts(), [rule("odd", passed("")), replace(PASSES, id="none", check=lambda _: None)], BUDGETS)  # type: ignore[arg-type, return-value]
    assert {row.rule: row.outcome for row in report.outcomes}["none"] is Outcome.ERROR


def test_inactive_findings_never_decide() -> None:
    report = judge(facts(), [rule("x", found([finding(active=False)], ""))], BUDGETS)
    assert report.verdict is Verdict.CLEAN
    assert report.findings[0].active is False


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sources": Sources(None, (), (), entry_because="no script in the folder")}, "no script in the folder"),
        ({"program": Program(followed=False, problems=("the entry is not Python",))}, "the entry is not Python"),
        (
            {
                "submission": Submission("folder", "x", (SubmissionFile("submission.json", 2, b"[]"),)),
                "claims": Claims(problems=("not an object",)),
            },
            "submission.json",
        ),
    ],
)
def test_what_was_not_read_is_never_clean(change: dict, said: str) -> None:
    report = judge(replace(facts(), **change), [PASSES], BUDGETS)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert said in report.verdict_because


def test_a_problem_that_is_not_decisive_does_not_prevent_clean() -> None:
    problem = SourceProblem("tool.py", None, "invalid syntax", decisive=False)
    given = replace(facts(), sources=replace(facts().sources, problems=(problem,)))
    assert judge(given, [PASSES], BUDGETS).verdict is Verdict.CLEAN


def test_findings_are_sorted_active_first_then_by_severity() -> None:
    mixed = [
        finding(active=False),
        finding(Outcome.WARNING),
        finding(Outcome.DISPUTED, active=None),
        finding(message="later", location=Location("train_gpt.py", 14)),
        finding(message="earlier"),
    ]
    report = judge(facts(), [rule("x", Ruling(Outcome.VIOLATION, "r", tuple(mixed)))], BUDGETS)
    assert [(f.active, f.outcome) for f in report.findings] == [
        (True, Outcome.VIOLATION),
        (True, Outcome.VIOLATION),
        (None, Outcome.DISPUTED),
        (True, Outcome.WARNING),
        (False, Outcome.VIOLATION),
    ]
    assert [f.message for f in report.findings[:2]] == ["earlier", "later"]


def test_findings_get_the_lines_they_point_to_and_the_remedy() -> None:
    (done,) = judge(facts(), [BREAKS], BUDGETS).findings
    assert done.excerpt.strip() == "optimizer.step()"
    assert done.remedy == BREAKS.remedy


def test_fingerprints_survive_shifted_lines() -> None:
    moved = "# a comment\n" + samples.SCRIPT
    (before,) = judge(facts(), [BREAKS], BUDGETS).findings
    shifted = rule("b-breaks", found([finding(location=Location("train_gpt.py", 9))], ""))
    (after,) = judge(facts(moved), [shifted], BUDGETS).findings
    assert before.fingerprint == after.fingerprint


def test_a_decoded_layer_is_quoted_from_its_own_text() -> None:
    hidden = rule("x", found([Finding("x", Outcome.VIOLATION, "m", Location("train_gpt.py", 8, None, 1))], ""))
    (done,) = judge(facts(layer=1), [hidden], BUDGETS).findings
    assert done.excerpt.strip() == "optimizer.step()"
    (missing,) = judge(facts(layer=0), [hidden], BUDGETS).findings
    assert missing.excerpt == ""


def test_caps_take_the_largest_headline_run_and_count_calibration() -> None:
    runs = (run(1, 1.1, train_seconds=580.0, calibration_seconds=15.0), run(2, 1.1, train_seconds=590.0))
    artifact, training, evaluation = caps(runs, Claims(), BUDGETS)
    assert (artifact.used, artifact.headroom) == (15_987_002, 12_998)
    assert training.used == pytest.approx(599.8)
    assert training.where == "train_seed2.log"
    assert evaluation.used == 75.8
    longer = (run(1, 1.1, train_seconds=580.0, calibration_seconds=25.0), runs[1])
    assert caps(longer, Claims(), BUDGETS)[1].headroom == pytest.approx(-5.0)


def test_caps_fall_back_to_the_claim_and_to_unknown() -> None:
    artifact, training, _ = caps((), Claims(artifact_bytes=Claim(16_000_001, "submission.json:bytes")), BUDGETS)
    assert artifact.headroom == -1
    assert "claimed" in artifact.note
    assert training.used is None
    assert training.headroom is None


def test_an_unloaded_submission_is_inconclusive_with_every_rule_unchecked() -> None:
    report = unloaded(Submission("pull-request", "", (), pr=3), "no such pull request", [PASSES, BREAKS], BUDGETS)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert [row.outcome for row in report.outcomes] == [Outcome.NOT_CHECKED] * 2
    assert report.submission.pr == 3


def test_clean_says_how_much_was_not_checked() -> None:
    report = judge(facts(), [PASSES, rule("z", not_checked("needs a run"))], BUDGETS)
    assert "1 could not be checked" in report.verdict_because
