"""What the code says against what the probe saw: which rule a witness falls under, and what it decides."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import get_args

import probe_reports as probes
import pytest
import report_samples as samples
from probe_reports import broken, failed, having, holding, judged, measurement, refused, slot, unknown, witness

from auditor.findings import Finding, Location, Outcome
from auditor.judgement.agreement import CONDITIONS, Stand
from auditor.judgement.model import Report, Verdict
from auditor.judgement.witnessed import figures, say
from auditor.probe.model import Condition, Holds, Kind
from auditor.rule import Behaviour
from rules import ALL

TTT = samples.finding()


def outcome(report: Report, rule: str) -> Outcome:
    return next(row.outcome for row in report.outcomes if row.rule == rule)


def reason(report: Report, rule: str) -> str:
    return next(row.reason for row in report.outcomes if row.rule == rule)


def stands(report: Report) -> dict[str, Stand]:
    return {row.subject: row.stand for row in report.agreement}


def the(report: Report, rule: str) -> Finding:
    (found,) = [f for f in report.findings if f.rule == rule]
    return found


# --- a witness with a finding from the code ------------------------------------------------------------------------


def test_a_witness_becomes_a_step_of_the_finding_that_it_confirms() -> None:
    report = judged(broken(), TTT)
    found = the(report, "pre-quant-ttt")
    assert [step.event for step in found.trace] == ["Read", "Adapt", "Score", "Witness"]
    step = found.trace[-1]
    assert step.location == probes.LINE
    said = "the loss of position 5,210 is 3.1021 nats, and 2.9876 where the tokens from 12,345 on are others"
    assert (step.text, step.code) == (said, "total += model(chunk).item()")
    assert found.message == f"{TTT.message}; the probe confirms it"
    assert reason(report, "pre-quant-ttt") == found.message
    assert stands(report)["pre-quant-ttt"] is Stand.CONFIRMED
    assert outcome(report, "adapt-before-score") is Outcome.PASS, "no second name for the same thing"
    assert report.verdict is Verdict.VIOLATION


def test_code_that_may_run_is_shown_to_run() -> None:
    assert the(judged(broken(), replace(TTT, active=None)), "pre-quant-ttt").active is True


def test_code_that_does_not_run_explains_nothing() -> None:
    report = judged(broken(), replace(TTT, active=False))
    assert outcome(report, "pre-quant-ttt") is Outcome.PASS
    assert outcome(report, "adapt-before-score") is Outcome.VIOLATION


def test_a_dispute_is_decided_by_a_witness() -> None:
    report = judged(broken(witness("C1")), slot())
    found = the(report, "slot-scored-positions")
    assert (found.outcome, report.verdict) == (Outcome.VIOLATION, Verdict.VIOLATION)
    assert "the probe shows condition 1 broken by it" in found.message
    assert outcome(report, "slot-scored-positions") is Outcome.VIOLATION


def test_a_dispute_stays_one_where_the_law_itself_is_argued() -> None:
    argued = Behaviour(probes.FLIPS, ("C1", "C3"), argued="another estimator")
    rules = probes.law(slot(), behaviours={"slot-scored-positions": argued})
    report = samples.judge(samples.facts(probe=broken(witness("C1"))), rules, samples.BUDGETS)
    found = the(report, "slot-scored-positions")
    assert (found.outcome, report.verdict) == (Outcome.DISPUTED, Verdict.DISPUTED)
    assert found.message.endswith("the probe confirms it (another estimator)")
    assert found.trace[-1].event == "Witness"


def test_a_dispute_stays_one_where_the_score_may_be_none_of_the_reported_number() -> None:
    for reported, stand in ((None, Stand.CONFIRMED), (False, Stand.NOT_CHECKED)):
        report = judged(broken(witness("C1"), reported=reported), slot())
        assert report.verdict is Verdict.DISPUTED, reported
        assert stands(report)["slot-scored-positions"] is stand


def test_one_witness_confirms_one_finding_the_one_at_its_line() -> None:
    elsewhere = replace(TTT, location=Location("train_gpt.py", 2), trace=())
    report = judged(broken(witness("C1")), elsewhere, slot())
    assert the(report, "slot-scored-positions").outcome is Outcome.VIOLATION
    assert stands(report) | {"C2": None, "C4": None} == {
        "pre-quant-ttt": Stand.SHARED,
        "slot-scored-positions": Stand.CONFIRMED,
        "C2": None,
        "C4": None,
    }
    graver = replace(TTT, location=Location("train_gpt.py", 7))
    both = judged(broken(witness("C1")), graver, slot())
    assert the(both, "slot-scored-positions").outcome is Outcome.DISPUTED, "the graver one explains it"
    assert stands(both)["pre-quant-ttt"] is Stand.CONFIRMED


def test_findings_of_one_line_are_one_practice_under_two_names() -> None:
    report = judged(broken(witness("C1")), TTT, slot())
    assert the(report, "slot-scored-positions").outcome is Outcome.VIOLATION
    assert stands(report)["pre-quant-ttt"] is stands(report)["slot-scored-positions"] is Stand.CONFIRMED


@pytest.mark.parametrize(
    ("condition", "kind", "confirms"),
    [
        ("C3", Kind.FUTURE_FLIP, True),
        ("C1", Kind.TARGET_FLIP, True),
        ("C4", Kind.SCORE_COUNT, False),
        ("C1", Kind.SCORE_COUNT, False),
    ],
)
def test_a_finding_is_confirmed_by_its_own_condition_and_measurement(
    condition: str, kind: Kind, confirms: bool
) -> None:
    report = judged(broken(witness(condition, kind=kind), kind=kind), TTT)
    assert (stands(report)["pre-quant-ttt"] is Stand.CONFIRMED) is confirms


# --- a witness alone -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "kind", "rule", "said"),
    [
        (witness("C1"), Kind.FUTURE_FLIP, "future-dependence", "where the tokens from 12,345 on are others"),
        (witness("C3"), Kind.FUTURE_FLIP, "adapt-before-score", "an update with these tokens came before that score"),
        (
            witness("C1", kind=Kind.TARGET_FLIP, flipped=9_001),
            Kind.TARGET_FLIP,
            "future-dependence",
            "where the token at 9,001 is another",
        ),
        (
            witness("C4", kind=Kind.SCORE_COUNT, flipped=None),
            Kind.SCORE_COUNT,
            "two-pass-rescore",
            "position 5,210 is scored twice, with 3.1021 and 2.9876 nats",
        ),
    ],
)
def test_what_the_probe_alone_finds_is_a_violation_of_its_condition(
    seen: probes.Witness, kind: Kind, rule: str, said: str
) -> None:
    report = judged(broken(seen, kind=kind))
    found = the(report, rule)
    assert (found.outcome, found.location) == (Outcome.VIOLATION, probes.LINE)
    assert found.message.startswith("the probe: ")
    assert said in found.message
    assert found.excerpt.strip() == "total += model(chunk).item()"
    assert outcome(report, rule) is Outcome.VIOLATION
    assert stands(report)[rule] is Stand.ALONE
    assert [f.rule for f in report.findings] == [rule]


@pytest.mark.parametrize(("reported", "verdict"), [(None, Verdict.INCONCLUSIVE), (False, Verdict.CLEAN)])
def test_alone_and_not_known_to_be_reported_is_a_warning(reported: bool | None, verdict: Verdict) -> None:
    report = judged(broken(reported=reported))
    assert outcome(report, "adapt-before-score") is Outcome.WARNING
    assert report.verdict is verdict, "what may be of the claimed figure is no pass"
    assert "reported number" in the(report, "adapt-before-score").message


def test_a_witness_decides_where_the_code_could_not_be_read() -> None:
    report = judged(broken(), program=samples.Program(followed=False, problems=("not Python",)))
    assert report.verdict is Verdict.VIOLATION


@pytest.mark.parametrize("kind", [Kind.NORMALIZATION])
def test_what_breaks_no_condition_is_a_warning_at_most(kind: Kind) -> None:
    report = judged(having(measurement(kind, Holds.NO, reason="the rows sum to 1.3")))
    assert outcome(report, "unnormalized-mixture") is Outcome.WARNING
    assert the(report, "unnormalized-mixture").message == "the probe: the rows sum to 1.3"
    assert report.verdict is Verdict.CLEAN


def test_a_measurement_that_no_rule_stands_for_is_only_shown() -> None:
    report = judged(having(measurement(Kind.DETERMINISM, Holds.NO, reason="two runs differ")))
    assert report.findings == ()
    assert report.probe is not None
    assert report.probe.outcome is Outcome.WARNING


# --- no witness ----------------------------------------------------------------------------------------------------


def test_a_finding_that_the_probe_does_not_see_stands() -> None:
    report = judged(holding(), TTT)
    assert (outcome(report, "pre-quant-ttt"), report.verdict) == (Outcome.VIOLATION, Verdict.VIOLATION)
    (row,) = [row for row in report.agreement if row.subject == "pre-quant-ttt"]
    assert row.stand is Stand.NOT_CONFIRMED
    assert "future-flip: 11,608 compared, none changed" in row.text
    assert "stands on the code" in row.text


def test_a_measurement_says_nothing_of_a_rule_that_it_cannot_show() -> None:
    oracle = samples.finding(rule="oracle-selection")
    rules = probes.law(oracle, behaviours={"oracle-selection": Behaviour(probes.FLIPS, ("C1",), blind="it is early")})
    report = samples.judge(samples.facts(probe=holding()), rules, samples.BUDGETS)
    assert stands(report)["oracle-selection"] is Stand.NOT_CHECKED
    assert outcome(report, "oracle-selection") is Outcome.VIOLATION
    assert stands(judged(having(*(unknown(k, "not seen") for k in Kind)), TTT))["pre-quant-ttt"] is Stand.NOT_CHECKED


def test_positions_counted_twice_without_a_witness_are_only_shown() -> None:
    said = "16 of 2,048 positions enter the reported number more than once"
    report = judged(having(measurement(Kind.SCORE_COUNT, Holds.NO, reason=said)))
    assert report.findings == ()
    (row,) = [row for row in report.agreement if row.subject == "C4"]
    assert (row.stand, row.text.endswith(f"{said}, too few to be a second pass")) == (Stand.NOT_CHECKED, True)


def test_a_finding_shows_one_witness_of_each_measurement() -> None:
    target = [witness("C3", position=p, kind=Kind.TARGET_FLIP, flipped=9_001) for p in (7, 8)]
    probe = broken(witness(), witness(position=5_211))
    both = replace(broken(*target, kind=Kind.TARGET_FLIP).measurements[1])
    probe = replace(probe, measurements=(probe.measurements[0], both, *probe.measurements[2:]))
    steps = [s.text for s in the(judged(probe, TTT), "pre-quant-ttt").trace if s.event == "Witness"]
    assert [re.findall(r"position ([\d,]+)", text) for text in steps] == [["5,210"], ["7"]]


def test_clean_by_both_is_said_with_what_was_compared() -> None:
    report = judged(holding())
    assert {row.subject: row.stand for row in report.agreement} == dict.fromkeys(CONDITIONS, Stand.CLEAN)
    assert reason(report, "future-dependence").endswith(
        "; the probe saw none either: future-flip, 11,608 scores, 0 changed"
    )
    assert report.verdict is Verdict.CLEAN


def test_what_could_not_be_measured_is_not_clean_by_both() -> None:
    report = judged(having(unknown(Kind.FUTURE_FLIP, "no score could be aligned")))
    assert stands(report)["C1"] is Stand.NOT_CHECKED
    assert "from the code alone" in reason(report, "future-dependence")
    assert report.probe is not None
    assert not report.probe.decided
    assert report.probe.outcome is Outcome.NOT_CHECKED


@pytest.mark.parametrize("probe", [failed(), refused()])
def test_a_probe_without_a_result_is_never_a_pass(probe: probes.Probe) -> None:
    report = judged(probe, TTT)
    assert (probe.outcome, probe.decided) == (Outcome.NOT_CHECKED, False)
    assert set(stands(report).values()) == {Stand.NOT_CHECKED}
    why = "the probe did not run" if probe.status == "refused" else "the probe came to no result"
    assert reason(report, "future-dependence").endswith(f"; from the code alone: {why}")
    assert outcome(report, "pre-quant-ttt") is Outcome.VIOLATION


def test_without_a_probe_nothing_is_said_of_it() -> None:
    report = judged(None, TTT)
    assert (report.probe, report.agreement) == (None, ())
    assert "probe" not in reason(report, "future-dependence")


# --- words, and the law itself -------------------------------------------------------------------------------------


def test_losses_are_told_apart() -> None:
    assert figures(3.1, 2.9) == ("3.1000", "2.9000")
    assert figures(3.1, 3.1 + 2e-9) == ("3.100000000", "3.100000002")
    assert figures(3.1, 3.1) == ("3.1000", "3.1000")
    own = witness("C1", kind=Kind.TARGET_FLIP, position=9_001, flipped=9_001)
    assert say(own) == "the distribution that predicts position 9,001 changes with the token there"
    assert say(witness(flipped=None)).endswith("3.1021 nats, and 2.9876")


def test_every_condition_and_measurement_has_one_rule_that_stands_for_it() -> None:
    standing = [(key, rule.id) for rule in ALL if rule.behaviour for key in rule.behaviour.stands_for]
    assert sorted(map(str, {key for key, _ in standing})) == sorted(str(key) for key, _ in standing)
    assert {key for key, _ in standing} == {
        *get_args(Condition),
        Kind.EXCHANGE,
        Kind.NORMALIZATION,
        Kind.REPORTED_NUMBER,
    }
    assert dict(standing)["C2"] == "unnormalized-mixture"
    assert dict(standing)["C1"] == "future-dependence"
    assert dict(standing)["C3"] == "adapt-before-score"
    assert dict(standing)["C4"] == "two-pass-rescore"


def test_a_rule_that_a_condition_is_filed_under_breaks_it_and_measures_it_first() -> None:
    first = {"C1": Kind.FUTURE_FLIP, "C2": Kind.EXCHANGE, "C3": Kind.FUTURE_FLIP, "C4": Kind.SCORE_COUNT}
    for rule in ALL:
        for key in rule.behaviour.stands_for if rule.behaviour else ():
            assert rule.behaviour
            if isinstance(key, Kind):
                assert key in rule.behaviour.shown_by
            else:
                assert rule.behaviour.breaks[0] == key
                assert rule.behaviour.shown_by[0] is first[key]


@pytest.mark.parametrize(
    "name",
    ["pre-quant-ttt", "adapt-before-score", "slot-scored-positions", "two-pass-rescore", "final-epoch-score"],
)
def test_the_rules_that_a_run_can_show_say_so(name: str) -> None:
    (rule,) = [rule for rule in ALL if rule.id == name]
    assert rule.behaviour
    assert Kind.FUTURE_FLIP in rule.behaviour.shown_by
    assert not rule.behaviour.blind
    assert not rule.behaviour.argued
