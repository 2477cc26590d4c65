"""The documentation that is made from data is what the data makes; the examples say what they are shown for."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import labels
import make_docs
import pytest
from folders_in_memory import loaded

from auditor.commands import audit as cli
from auditor.judgement.gather import gather
from auditor.report.rules import page
from rules import ALL
from rules.law.limits import load

ROOT = Path(__file__).resolve().parents[1]


def test_no_made_page_is_stale() -> None:
    stale = [path.name for path, text in make_docs.made().items() if path.read_text("utf-8") != text]
    assert not stale, "run: ./dev docs"


def test_every_rule_has_a_section_with_its_sources() -> None:
    text = page(ALL, load().ruleset)
    for rule in ALL:
        assert f"\n## {rule.id}\n" in text
        for source in rule.sources:
            assert source.url in text


@pytest.mark.parametrize(
    ("example", "settings", "verdict", "status", "active"),
    [
        ("pre_quant_ttt", [], "violation", cli.FAILED, {"pre-quant-ttt"}),
        ("pre_quant_ttt", ["--set", "TTT_ENABLED=0"], "clean", cli.OK, set()),
        ("score_first_ttt", [], "clean", cli.OK, set()),
        ("score_first_ttt", ["--set", "TTT_ENABLED=0"], "clean", cli.OK, set()),
    ],
)
def test_the_examples(
    example: str, settings: list[str], verdict: str, status: int, active: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([str(ROOT / "examples" / example), *settings, "--format", "json"]) == status
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"] == verdict
    deciding = {f["rule"] for f in report["findings"] if f["active"] and f["outcome"] in ("violation", "disputed")}
    assert deciding == active
    assert [run["seed"] for run in report["runs"]] == [314, 42, 999]


def test_the_figures_of_the_examples_agree_with_their_files() -> None:
    for example in ("pre_quant_ttt", "score_first_ttt"):
        size = (ROOT / "examples" / example / "train_gpt.py").stat().st_size
        for log in (ROOT / "examples" / example).glob("*.log"):
            assert f"Code size: {size} bytes" in log.read_text("utf-8"), log


def test_links_within_the_documentation_lead_somewhere() -> None:
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_the_rule_that_contributing_writes_from_nothing_works(tmp_path: Path) -> None:
    """As it stands there: it lints, and every example of it is judged as it says."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(code) == 1
    (tmp_path / "score_unit.py").write_text(code[0], "utf-8")
    ruff = [sys.executable, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), str(tmp_path)]
    done = subprocess.run(ruff, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    held: dict[str, Any] = {}
    exec(compile(code[0], "score_unit.py", "exec"), held)
    rule = held["RULE"]
    assert {example.kind for example in rule.examples} >= {"breaks", "legal"}
    for example in rule.examples:
        assert rule.check(gather(loaded(example.files), example.settings, strict=True)).outcome is example.expect


def test_the_package_holds_what_it_needs_at_run_time() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    core = {re.split(r"[<>=]", d)[0] for d in project["project"]["dependencies"]}
    assert "torch" not in core
    assert project["project"]["scripts"]["golf-audit"] == "auditor.cli:main"
    assert project["project"]["scripts"]["golf-reproduce"] == "reference_model.reproduce.cli:main"
    assert project["project"]["optional-dependencies"]["train"][0] == "torch==2.13.0"
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["auditor", "reference_model", "rules"]


# --- the table of what is checked and how well ----------------------------------------------------------------------


A, B, C = "pre-quant-ttt", "two-pass-rescore", "artifact-cap"


def _finding(rule: str, outcome: str = "violation", active: bool | None = True) -> dict[str, object]:
    return {"rule": rule, "outcome": outcome, "active": active}


def _label(pr: int, expect: str, rules: list[str], scope: str = "evaluation") -> dict[str, object]:
    return {"pr": pr, "expect": expect, "scope": scope, "rules": rules, "accept": rules, "confidence": "ruled"}


def test_scores() -> None:
    given = [
        _label(1, "violation", [A]),
        _label(2, "violation", [A]),
        _label(3, "violation", [B]),
        _label(4, "violation", [A]),
        _label(5, "clean", []),
        _label(6, "clean", []),
        _label(7, "clean", []),
        _label(8, "violation", [C], "other"),
    ]
    found = {
        1: {"verdict": "violation", "findings": [_finding(A)]},
        2: {"verdict": "violation", "findings": [_finding(A, active=False)]},  # switched off: missed
        3: {"verdict": "disputed", "findings": [_finding(A, "disputed", None)]},  # under another name
        5: {"verdict": "clean", "findings": [_finding(A, active=False), _finding(C)]},
        6: {"verdict": "inconclusive", "findings": []},
        7: {"verdict": "violation", "findings": [_finding(B), _finding(A, "disputed")]},
        8: {"verdict": "clean", "findings": [_finding(C, "warning")]},
    }
    scores = labels.score(given, found)
    assert {name: (g.right, g.labels) for name, g in scores.groups.items()} == {
        "evaluation/violation": (2, 4),
        "evaluation/clean": (1, 3),
        "other/violation": (1, 1),
    }
    assert scores.rules[A] == labels.RuleScore(labels=3, named=1, otherwise=0, false=0, disputed=1)
    assert scores.rules[B] == labels.RuleScore(labels=1, named=0, otherwise=1, false=1)
    assert scores.rules[C] == labels.RuleScore(labels=1, named=1)
    text = labels.tables(scores)
    assert f"| `{A}` | 3 | 1 | 0 | 2 | 0 (and 1 disputed) |" in text
    assert f"| `{C}` | 1 | 1 | 0 | 0 | not labelled |" in text
    marked = f"x\n{labels.BEGIN}\nold\n{labels.END}\ny"
    assert labels.replaced(marked, text) == f"x\n{labels.BEGIN}\n{text}\n{labels.END}\ny"
    with pytest.raises(ValueError, match="no <!--"):
        labels.replaced("no markers", text)
