"""What is done to losses on the way to the figure is no pass because a small run shows nothing of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from probe_reports import having, holding, measurement, unknown
from program_samples import program
from report_samples import BUDGETS, facts, rule

from auditor.findings import passed
from auditor.judgement.judge import judge
from auditor.judgement.model import Report, Verdict
from auditor.probe.model import Holds, Kind, Measurement, Probe, Term
from auditor.program.recipe.formula import formula

SCORED = """
total = torch.zeros(())
for at in range(0, val.numel() - 9, 8):
    with torch.no_grad():
        n = net(val[at:at + 8], val[at + 1:at + 9]).detach()
        total += {each}
total = {whole}
print(f"final val_bpb:{{total}}")
"""
TRIED = measurement(Kind.EXCHANGE, terms=(Term(9, 1, "a", "drawn", 0.1, 0.1),))


def probed(each: str, whole: str, probe: Probe | None) -> Report:
    made = program(SCORED.format(each=each, whole=whole))
    recipe = formula(made.trace.reports[-1])
    given = replace(facts(), program=made, probe=probe, headline=())
    return judge(given, [rule("a-passes", passed("fine"))], BUDGETS, recipe=recipe)


@pytest.mark.parametrize(
    ("each", "whole"),
    [
        ("n - 0.02 * torch.tanh(n)", "total"),
        ("n ** 0.99", "total"),
        ("n.clamp(max=9.0)", "total"),
        ("min(n.item(), 9.0)", "total"),
        ("n", "total.item() ** 0.99"),
        ("n", "math.log(math.exp(total.item()) - 1.0)"),
        ("n", "total.item() - 0.01 * math.sin(total.item())"),
        ("float(np.interp(n.item(), [0.0, 5.0, 9.0], [0.0, 4.9, 9.0]))", "total"),
        ("n", "float(str(total.item())[:4])"),
    ],
)
def test_a_function_of_losses_that_a_small_run_sees_nothing_of_is_no_pass(each: str, whole: str) -> None:
    assert probed(each, whole, None).verdict is Verdict.INCONCLUSIVE
    report = probed(each, whole, holding())
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "losses of a small model" in report.verdict_because


@pytest.mark.parametrize(
    "factor",
    [
        "FACTORS[len(str(val.numel())) - 1]",
        "np.heaviside(val.numel() - 2e6, 0.0)",
        "0.95 ** min(1, divmod(val.numel(), 2_000_000)[0])",
        "(1 - 0.05 * torch.tensor(float(val.numel())).half().isinf())",
    ],
)
def test_a_factor_that_is_reckoned_of_sizes_is_another_at_full_size(factor: str) -> None:
    assert probed(f"n.sum() * {factor}", "total", holding()).verdict is not Verdict.CLEAN


@pytest.mark.parametrize(("each", "whole"), [("n", "total"), ("n", "total / math.log(2.0)"), ("n.double()", "total")])
def test_sums_and_changes_of_unit_pass(each: str, whole: str) -> None:
    assert probed(each, whole, holding()).verdict is Verdict.CLEAN


def test_what_is_not_understood_is_shown_by_tokens_that_were_exchanged() -> None:
    each = "float(np.interp(n.item(), [0.0, 5.0, 9.0], [0.0, 4.9, 9.0]))"
    assert probed(each, "total", having(TRIED)).verdict is Verdict.CLEAN
    off = having(TRIED, measurement(Kind.REPORTED_NUMBER, Holds.NO))
    assert probed(each, "total", off).verdict is Verdict.INCONCLUSIVE, "and by no others than make the figure"


@pytest.mark.parametrize(
    ("exchange", "number", "verdict"),
    [
        (unknown(Kind.EXCHANGE), measurement(Kind.REPORTED_NUMBER, Holds.NO), Verdict.INCONCLUSIVE),
        (replace(unknown(Kind.EXCHANGE), effect=0.02), measurement(Kind.REPORTED_NUMBER), Verdict.INCONCLUSIVE),
        (unknown(Kind.EXCHANGE), measurement(Kind.REPORTED_NUMBER), Verdict.CLEAN),
        (measurement(Kind.EXCHANGE), measurement(Kind.REPORTED_NUMBER, Holds.NO), Verdict.CLEAN),
    ],
)
def test_a_figure_that_is_off_and_may_be_of_no_distribution_is_no_pass(
    exchange: Measurement, number: Measurement, verdict: Verdict
) -> None:
    assert probed("n", "total", having(exchange, number)).verdict is verdict
