"""Every rule: complete metadata, and every example in it judged as it says."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import pytest
from folders_in_memory import loaded

import rules
from auditor.findings import Outcome
from auditor.judgement.gather import gather
from auditor.rule import Example, Rule
from rules import ALL, order
from rules.examples.folders import folder
from rules.law import limits, records
from rules.law import rulings as _rulings
from rules.law.limits import LIMITS

EXAMPLES = [(rule, example) for rule in ALL for example in rule.examples]
RULE_IDS = frozenset(rule.id for rule in ALL)


@pytest.mark.parametrize(("rule", "example"), EXAMPLES, ids=[f"{r.id}: {e.name}" for r, e in EXAMPLES])
def test_example(rule: Rule, example: Example) -> None:
    ruling = rule.check(gather(loaded(example.files), example.settings, strict=True))
    assert ruling.outcome is example.expect, ruling.reason
    assert ruling.reason
    live = [f for f in ruling.findings if f.active is not False]
    if example.kind == "breaks":
        assert live, "a broken rule points to a place"
    assert all(f.rule == rule.id for f in ruling.findings)
    assert all(f.message and f.message.isprintable() for f in ruling.findings)
    for finding in ruling.findings:
        if finding.location is not None:
            assert finding.location.path in example.files


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.id)
def test_metadata_is_complete(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.id)
    assert rule.title
    assert rule.criterion
    assert rule.why
    assert rule.remedy
    assert rule.evidence
    assert rule.sources, "a rule says where it comes from"
    for source in rule.sources:
        assert source.url.startswith("https://github.com/openai/parameter-golf")
        assert source.said
        assert re.fullmatch(r"(20\d\d-\d\d(-\d\d)?)?", source.date)
    names = [example.name for example in rule.examples]
    assert len(set(names)) == len(names)
    kinds = {example.kind for example in rule.examples}
    assert "legal" in kinds, "a rule shows its near-miss"
    # What only the history of the repository shows cannot be broken by a folder.
    assert "breaks" in kinds or rule.evidence[0] == "history"


def test_one_rule_is_one_file_named_after_its_id() -> None:
    package = Path(rules.__file__).parent
    for rule in ALL:
        assert len([f for f in rules.FOLDERS if (package / f / f"{rule.id.replace('-', '_')}.py").is_file()]) == 1
    assert [rule.id for rule in ALL] == sorted(RULE_IDS)


def test_a_module_without_a_rule_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "no_rule_in_here.py").write_text("x = 1\n")
    monkeypatch.setattr(order, "__path__", [str(tmp_path)])
    with pytest.raises(TypeError, match="no_rule_in_here"):
        rules.load.__wrapped__()


def test_nothing_fires_on_the_plain_example() -> None:
    """The folder that every example starts from is legal; `chronology` alone says that it is no record."""
    facts = gather(loaded(folder()), {}, strict=True)
    outcomes = {rule.id: rule.check(facts) for rule in ALL}
    fired = {
        name: ruling.reason
        for name, ruling in outcomes.items()
        if ruling.outcome in (Outcome.VIOLATION, Outcome.DISPUTED, Outcome.WARNING, Outcome.ERROR)
    }
    assert fired.keys() <= {"chronology"}, fired


def test_limits_have_sources() -> None:
    for name, origin in LIMITS.origins.items():
        assert origin.url.startswith("https://github.com/openai/parameter-golf"), name
        assert datetime.date.fromisoformat(origin.date)
        assert origin.said
        assert origin.unit
    assert LIMITS.artifact_cap_bytes == 16_000_000
    assert str(LIMITS.cutoff.date()) == "2026-05-02"
    assert LIMITS.source("gpus").startswith("README")


def test_limits_and_their_type_must_agree() -> None:
    with pytest.raises(ValueError, match="artifact_cap_bytes"):
        limits.parse('ruleset = "2026-05-02"\n')


def test_records_are_complete_and_ordered() -> None:
    rows = records.load()
    assert len(rows) > 40
    assert [r.date for r in rows] == sorted(r.date for r in rows)
    assert min(r.score for r in rows) == pytest.approx(LIMITS.lowest_accepted_bpb, abs=1e-4)
    for row in rows:
        assert row.url.startswith("https://github.com/openai/parameter-golf")
        assert row.seeds
        for seed in row.seeds:
            assert 1.0 < seed.val_bpb < 1.3


def test_the_best_record_before_a_day() -> None:
    first = records.load()[0]
    assert records.best_before(first.date) is None
    later = records.best_before("2026-04-06")
    assert later is not None
    assert later.date < "2026-04-06"
    assert later.score == min(r.score for r in records.load() if r.date < "2026-04-06")
    other = records.best_before("2026-04-06", excluding_folder=later.folder)
    assert other is not None
    assert other != later


def test_past_rulings_name_rules() -> None:
    rulings = _rulings.load()
    assert rulings
    for ruling in rulings.values():
        assert ruling.rules
        assert ruling.by
