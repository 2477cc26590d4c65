"""What a queue amounts to: ready to merge, the frontier, what changed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest
import queue_samples as samples

from auditor.findings import Class
from auditor.queue.board import Point, Record, changed, frontier, standings, valid
from auditor.queue.row import Row
from auditor.significance.compare import Terms, compare
from auditor.significance.model import Bar, Comparison, Figure, Side

CLASSES: dict[str, Class] = {"cheat": "score", "late": "budget", "one-seed": "evidence", "files": "paperwork"}
BAR = Bar("b", "bar", "b", 0.0, 0.25, date(2026, 1, 1), "said", "https://example.org")
TERMS = Terms((BAR,), None, date(2026, 4, 1), 0.01, 0.95)


def three(mean: float) -> tuple[Figure, ...]:
    return tuple(Figure(mean + d, None, n, f"{n}.log") for n, d in enumerate((-0.0004, 0.0, 0.0004)))


def attempt(pr: int, mean: float, day: str = "2026-04-10", **more: object) -> Row:
    figures = json.dumps([(f.val_bpb, f.val_loss, f.seed, f.log) for f in three(mean)])
    values: dict[str, object] = {"bpb": mean, "mean": mean, "day": day, "figures": figures, "bar_met": True}
    return samples.row(pr, **{**values, **more})


def test_(new: Side, base: Side, day: date) -> Comparison:
    return compare(new, base, replace(TERMS, as_of=day), baseline_because="then")


test_.__test__ = False  # type: ignore[attr-defined]
BASE = Record("2026-04-01", 1, 1.10, Side("#1", "record", three(1.10)))


def ready(*rows: Row, records: tuple[Record, ...] = (BASE,)) -> list[tuple[int, str]]:
    return [(one.row.pr, one.base) for one in standings(rows, records, CLASSES, test_).ready]


def test_each_stands_against_the_record_as_it_would_be_by_then() -> None:
    assert ready(attempt(30, 1.085), attempt(10, 1.09), attempt(20, 1.095)) == [(10, "#1"), (30, "#10")]


def test_only_what_nothing_was_found_against_in_score_and_budget() -> None:
    good = attempt(10, 1.09)
    assert ready(replace(good, verdict="violation", deciding="cheat")) == []
    assert ready(replace(good, verdict="violation", deciding="late")) == []
    assert ready(replace(good, verdict="disputed", deciding="cheat")) == []
    assert ready(replace(good, verdict="violation", deciding="files", disputed="cheat")) == []
    assert ready(replace(good, verdict="inconclusive", judged=False)) == []
    assert ready(replace(good, verdict="violation", deciding="files", judged=False)) == []  # decided by something else
    assert ready(replace(good, bar_met=None)) == []  # seeds of different configurations, for example
    assert ready(replace(good, attempt=False)) == []
    assert ready(replace(good, said="ruled-out")) == []
    assert ready(replace(good, said="accepted")) == []
    assert ready(replace(good, verdict="violation", deciding="late", waived="late")) == [(10, "#1")]


@pytest.mark.parametrize(
    ("verdict", "class_", "merged"),
    [
        ("clean", "", True),
        ("violation", "paperwork", True),
        ("violation", "evidence", True),
        ("violation", "score", False),
        ("disputed", "budget", False),
        ("inconclusive", "", False),
    ],
)
def test_a_folder_that_comes_in_with_it_has_to_be_sound(verdict: str, class_: str, merged: bool) -> None:
    beside = json.dumps([["records/track/Other", verdict, class_, []]])
    assert (ready(replace(attempt(10, 1.09), beside=beside)) == [(10, "#1")]) is merged


def test_what_has_to_be_mended_is_said() -> None:
    rows = (attempt(10, 1.09, verdict="violation", deciding="one-seed,files"),)
    assert standings(rows, (BASE,), CLASSES, test_).ready[0].mend == ("one-seed", "files")


def test_noise_and_later_records_are_no_gain() -> None:
    assert ready(attempt(10, 1.0999)) == []
    later = Record("2026-04-09", 15, 1.08, Side("#15", "record", three(1.08)))
    assert ready(attempt(10, 1.09), records=(BASE, later)) == []
    assert ready(attempt(10, 1.09, day="2026-04-08"), records=(BASE, later)) == [(10, "#1")]


def test_a_record_that_was_opened_earlier_stands_whatever_day_a_submission_bears() -> None:
    known = Record("2026-04-09", 5, 1.08, Side("#5", "record", three(1.08)))
    assert ready(attempt(10, 1.09, day="2026-04-02"), records=(BASE, known)) == []
    assert ready(attempt(10, 1.07, day="2026-04-09"), records=(BASE, known)) == [(10, "#5")]


def test_the_frontier_goes_down_by_day() -> None:
    points = [Point("2026-04-03", 1.1, "a", 1, True), Point("2026-04-01", 1.2, "b", 2, True)]
    points += [Point("2026-04-03", 1.09, "c", 3, True), Point("2026-04-05", 1.15, "d", 4, True)]
    assert [p.pr for p in frontier(points)] == [2, 3]


def test_a_score_that_no_log_shows_is_not_valid() -> None:
    unseen = replace(attempt(10, 1.0, verdict="violation", deciding="files"), mean=None)
    found = standings((unseen, attempt(11, 1.05, bpb=1.04)), (BASE,), CLASSES, test_)
    assert [(p.pr, p.bpb) for p in found.valid] == [(11, 1.05)]  # the mean of its logs, not its claim
    assert [(p.pr, p.bpb) for p in found.points if p.valid] == [(11, 1.05)]
    assert [p.bpb for p in found.claimed] == [1.0]


def test_claims_that_are_not_valid_are_on_the_claimed_line_alone() -> None:
    cheat = attempt(10, 0.5, verdict="violation", deciding="cheat")
    found = standings((cheat, attempt(11, 1.05)), (BASE,), CLASSES, test_)
    assert [p.pr for p in found.claimed] == [10]
    assert [p.pr for p in found.valid] == [11]
    assert not valid(cheat, CLASSES)


def test_what_changed_is_told() -> None:
    old = attempt(10, 1.09)
    assert changed([], [old]) == ()
    assert changed([old], [old]) == ()
    (turned,) = changed([old], [replace(old, verdict="violation", class_="score", deciding="cheat")])
    assert turned.what == "clean -> violation score"
    (pushed,) = changed([old], [replace(old, head="b" * 40)])
    assert pushed.what == "new head, the same result"
    argued = replace(old, verdict="violation", class_="paperwork", deciding="files")
    (more,) = changed([argued], [replace(argued, disputed="cheat")])
    assert more.what == "decided by files -> files (disputed: cheat)"
    assert [one.what for one in changed([old], [old, attempt(11, 1.0)])] == ["new"]
