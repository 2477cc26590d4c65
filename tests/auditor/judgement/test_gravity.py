"""Gravity: class before outcome before the alphabet; one fact of several seeds is one finding."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report_samples import BUDGETS, facts, finding, rule

from auditor.findings import Class, Finding, Location, Outcome, Ruling, found
from auditor.judgement.gravity import together
from auditor.judgement.judge import judge
from auditor.judgement.model import Report, Said, Verdict
from auditor.queue.row import row_of
from auditor.report import render, view
from auditor.report.triage import row_of as triage
from auditor.rule import Rule


def _breaks(name: str, class_: Class, outcome: Outcome = Outcome.VIOLATION, **more: object) -> Rule:
    return rule(name, found([finding(outcome, rule=name, message=f"{name} is broken")], ""), class_=class_, **more)


def _judged(*rules: Rule) -> Report:
    return judge(facts(), rules, BUDGETS)


def test_the_class_goes_before_the_alphabet_everywhere() -> None:
    report = _judged(_breaks("a-files", "paperwork"), _breaks("b-late", "budget"), _breaks("z-cheats", "score"))
    assert [f.rule for f in report.findings] == ["z-cheats", "b-late", "a-files"]
    assert report.verdict_class == "score"
    assert report.verdict_because.startswith("z-cheats: ")
    assert view.because(report) == "Decided by z-cheats, b-late, a-files."
    for form in ("terminal", "markdown", "html", "concise", "github"):
        text = render(report, form)  # type: ignore[arg-type]
        assert text.index("z-cheats is broken") < text.index("b-late is broken") < text.index("a-files is broken")


def test_what_is_disputed_beside_a_violation_decides_nothing() -> None:
    report = _judged(_breaks("a-files", "paperwork"), _breaks("z-argued", "score", Outcome.DISPUTED))
    assert view.because(report) == "Decided by a-files. Disputed besides: z-argued."
    one = row_of(report, head="", day="", attempt=True)
    assert (one.rules, one.argued, one.because) == (("a-files",), ("z-argued",), "a-files is broken")
    line = triage(report, "#1")
    assert (line.rule, line.message) == ("a-files", "a-files is broken")
    alone = _judged(_breaks("z-argued", "score", Outcome.DISPUTED))
    assert view.rests_on(alone) == (("z-argued",), ())


@pytest.mark.parametrize(
    ("rules", "class_", "said"),
    [
        ([_breaks("a", "score")], "score", "of the score: the number is not what it claims to be"),
        ([_breaks("a", "evidence")], "evidence", "of the evidence: the number is not shown"),
        ([_breaks("a", "paperwork")], "paperwork", "in the paperwork: package incomplete"),
        ([_breaks("a", "budget"), _breaks("b", "paperwork")], "budget", "of the budget: "),
        (
            [_breaks("a", "paperwork"), _breaks("b", "score", Outcome.DISPUTED)],
            "paperwork",
            "in the paperwork: package incomplete; the score is disputed",
        ),
    ],
)
def test_the_verdict_names_its_class(rules: list[Rule], class_: Class, said: str) -> None:
    report = _judged(*rules)
    assert report.verdict is Verdict.VIOLATION
    assert report.verdict_class == class_
    assert view.meaning(report).startswith(said)


def test_a_dispute_of_the_score_goes_before_a_violation_in_the_paperwork() -> None:
    report = _judged(_breaks("a", "paperwork"), _breaks("b", "score", Outcome.DISPUTED))
    assert [f.rule for f in view.deciding(report)] == ["b", "a"]


def test_what_decides_nothing_has_no_class() -> None:
    assert _judged(_breaks("a", "score", Outcome.WARNING)).verdict_class is None


def test_in_one_class_the_readme_goes_before_what_is_argued() -> None:
    report = _judged(_breaks("a", "score", authority="disputed"), _breaks("b", "score", authority="README"))
    assert [f.rule for f in report.findings] == ["b", "a"]


def _late(log: str, seconds: float, **more: object) -> Finding:
    message = f"{log} (seed {log[10:-4]}) trained for {seconds} s, {seconds - 600:.3f} s past the cap"
    values: dict[str, object] = {"location": Location(log, 40), "message": message, "trace": ()}
    return finding(Outcome.WARNING, rule="late", **{**values, **more})


LOGS = ("train_seed42.log", "train_seed314.log", "train_seed999.log")


def test_one_fact_of_three_seeds_is_one_finding_with_three_places() -> None:
    three = [_late(log, 600 + number / 10) for number, log in enumerate(LOGS, start=1)]
    report = _judged(rule("late", Ruling(Outcome.WARNING, "r", tuple(three)), class_="budget"))
    (only,) = report.findings
    assert [only.location.path, *(other.location.path for other in only.also)] == list(LOGS)  # type: ignore[union-attr]
    assert [other.message for other in only.also] == [f.message for f in three[1:]]
    for form in ("terminal", "markdown", "html", "json", "concise", "github", "sarif"):
        text = render(report, form)  # type: ignore[arg-type]
        assert "train_seed42.log" in text, form
    assert "train_seed999.log:40" in render(report, "terminal")


def test_what_differs_in_more_than_figures_stays_apart() -> None:
    one, two = _late(LOGS[0], 601.0), _late(LOGS[1], 602.0)
    other = replace(two, message=two.message + "; not a record attempt")
    assert len(together([one, other], LOGS)) == 2
    assert len(together([one, replace(two, outcome=Outcome.VIOLATION)], LOGS)) == 2
    assert len(together([one, replace(two, active=False)], LOGS)) == 2
    assert len(together([one, two], LOGS)) == 1


def test_lines_of_code_stay_apart() -> None:
    lines = [finding(location=Location("train_gpt.py", n), message=f"line {n}", trace=()) for n in (3, 8)]
    assert len(together(lines, LOGS)) == 2


def test_what_the_maintainers_did_stands_beside_the_verdict() -> None:
    said = Said("accepted", "accepted as a record of 2026-04-09 with 1.0810 BPB", "https://example.org/ruling")
    report = judge(facts(), [_breaks("a", "score")], BUDGETS, said=[said])
    assert report.verdict is Verdict.VIOLATION
    for form in ("terminal", "markdown", "html", "json"):
        assert "accepted as a record of 2026-04-09" in render(report, form)  # type: ignore[arg-type]


def test_a_pass_with_a_place_is_no_warning() -> None:
    fine = finding(Outcome.PASS, rule="fine", message="scored before it is trained on", trace=())
    report = _judged(rule("fine", Ruling(Outcome.PASS, "r", (fine,))))
    assert view.warnings(report) == ()
    assert [f.rule for f in view.in_order(report)] == ["fine"]
    assert "Warnings" not in render(report, "markdown")
    assert "scored before it is trained on" in render(report, "markdown")
