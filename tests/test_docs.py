"""The documentation that is made from data is what the data makes."""

from __future__ import annotations

from pathlib import Path

from auditor.report.rules import page
from rules import ALL
from rules.limits import load

PAGE = Path(__file__).resolve().parents[1] / "docs" / "rules.md"


def test_the_rules_page_is_not_stale() -> None:
    assert PAGE.read_text("utf-8") == page(ALL, load().ruleset), (
        "run: golf-audit --rules --format markdown -o docs/rules.md"
    )


def test_every_rule_has_a_section_with_its_sources() -> None:
    text = page(ALL, load().ruleset)
    for rule in ALL:
        assert f"\n## {rule.id}\n" in text
        for source in rule.sources:
            assert source.url in text
