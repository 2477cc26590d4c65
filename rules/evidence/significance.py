"""significance: a record beats the one before by more than the noise between seeds."""

from __future__ import annotations

import math

from auditor.findings import Finding, Outcome, Ruling, found, not_applicable, not_checked, passed
from auditor.rule import Example, Facts, Rule
from auditor.runs.unread import unread_logs
from auditor.significance.model import Comparison
from rules.examples.folders import folder, log, seeds
from rules.law.limits import LIMITS
from rules.law.standing import PROCESS, distinct, is_record, name, place, pull, readme

ID = "significance"


def check(facts: Facts) -> Ruling:
    if not is_record(facts):
        return not_applicable("not a record attempt")
    if unread := unread_logs(facts.submission):
        return not_checked(f"a log could not be read: {unread[0]}")
    if facts.significance is not None:
        return _tested(facts.significance)
    runs = [run for run in facts.headline if run.val_bpb is not None]
    if not runs:
        return not_checked("no log shows a final figure; the figures of three seeds would decide")
    if len(distinct(runs)) < 2:
        message = f"{name(runs[0])} is the only independent run: without a spread between seeds nothing can be tested"
        return found([Finding(ID, Outcome.WARNING, message, place(runs[0]))], "")
    figures = [run.val_bpb for run in runs if run.val_bpb is not None]
    if len(set(figures)) == 1:
        message = f"all {len(figures)} runs show {figures[0]:.8f}: without a spread between seeds nothing can be tested"
        return found([Finding(ID, Outcome.WARNING, message, place(runs[1]))], "")
    mean = sum(figures) / len(figures)
    spread = math.sqrt(sum((x - mean) ** 2 for x in figures) / (len(figures) - 1))
    return not_checked(
        f"mean {mean:.5f}, standard deviation {spread:.5f} over {len(figures)} runs; a one-sided Welch test against "
        f"the seeds of the record that it has to beat would decide ({LIMITS.significance_nats} nats per token at p < "
        f"{LIMITS.significance_p}; since {LIMITS.progression_date} in practice p < {LIMITS.progression_p})"
    )


def _tested(comparison: Comparison) -> Ruling:
    """The ruling of a test against a baseline: by the bar that was applied on the submission's day."""
    bar = comparison.deciding
    against = f"against {comparison.base.name}"
    if bar is None or bar.met is None:
        why = bar.reason if bar is not None else f"no bar was applied on {comparison.as_of}"
        return found([Finding(ID, Outcome.WARNING, f"{against} nothing can be tested: {why}")], "")
    said = "; ".join(f"{b.bar.title} bar {'met' if b.met else 'not met'} ({b.reason})" for b in comparison.bars)
    if bar.met:
        return passed(f"{against}: {said}")
    return found([Finding(ID, Outcome.WARNING, f"{against}: {said}")], "")


RULE = Rule(
    id=ID,
    title="The margin over the record before is not shown",
    class_="evidence",
    authority="README",
    evidence=("logs", "claims"),
    criterion="The mean of the seeds beats the record before by 0.005 nats per token at p < 0.01 (README, one-sided); "
    "rows since April were placed by p < 0.25 without the margin. One run, or runs without a spread cannot be tested.",
    why="Seeds differ by about half of a thousandth bit per byte; smaller margins are noise.",
    remedy="Run three or more seeds with the same settings and compare them with the record's seeds by a Welch test.",
    sources=(
        readme("0.005 nats at p < 0.01", PROCESS),
        pull(549, "valerio-oai: clears the bar, per token", "2026-03"),
        pull(1902, "cocohearts: chronological progression at p < 0.25", "2026-04-28"),
        pull(2146, "cocohearts: p-values of the last rows", "2026-05-02"),
    ),
    check=check,
    examples=(
        Example("one seed", "breaks", folder(logs={42: log(42, 1.1)}), Outcome.WARNING),
        Example("three seeds, one figure", "breaks", folder(logs=seeds((1.1, 1.1, 1.1))), Outcome.WARNING),
        Example("three seeds", "legal", folder(), Outcome.NOT_CHECKED),
        Example(
            "off the record",
            "inactive",
            folder(logs={42: log(42, 1.1)}, submission={"track": "track_non_record_16mb"}),
            Outcome.NOT_APPLICABLE,
        ),
    ),
    not_decidable="Which record it has to beat: the leaderboard at the time of the submission says so.",
)
