"""Rules are law: predicates on facts. No rule reads code; each pair of adaptation and score is claimed by one rule."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import rules
from auditor.program.scores import Dependence
from auditor.program.trace import Loop, Order
from rules.order import (
    adapt_before_score,
    final_epoch_score,
    logit_bias_on_val,
    pre_quant_ttt,
    slot_context_only,
    slot_scored_positions,
    two_pass_rescore,
)

FOLDER = Path(rules.__file__).parent
# What walks or parses code, and what holds it: with none of these a rule can only ask the program.
WALKERS = ("ast", "auditor.source.index", "auditor.source.walking", "auditor.source.plain", "auditor.source.syntax")
TEXTS = frozenset({"tree", "units"})
SCRIPTS = frozenset({".py", ".c", ".cpp", ".cu", ".h"})
CLAIMING = (
    adapt_before_score,
    final_epoch_score,
    logit_bias_on_val,
    pre_quant_ttt,
    slot_context_only,
    slot_scored_positions,
    two_pass_rescore,
)


def breaches(text: str) -> Iterator[str]:
    """What in a module of rules gets at code by itself. Strings of examples are code of submissions, and no matter."""
    for node in ast.walk(ast.parse(text)):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        yield from (f"imports {name}" for name in modules if name in WALKERS)
        if isinstance(node, ast.Attribute) and node.attr in TEXTS:
            yield f"reads .{node.attr} at line {node.lineno}"
        if isinstance(node, ast.FunctionDef):
            inside = list(ast.walk(node))
            scripts = any(isinstance(n, ast.Constant) and n.value in SCRIPTS for n in inside)
            if scripts and any(isinstance(n, ast.Attribute) and n.attr in ("text", "data") for n in inside):
                yield f"reads scripts at line {node.lineno}"


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: str(path.relative_to(FOLDER)))
def test_no_rule_reads_code(path: Path) -> None:
    assert not list(breaches(path.read_text("utf-8")))


@pytest.mark.parametrize(
    "text",
    [
        "import ast",
        "from auditor.source.index import walk",
        "for unit in facts.sources.units: pass",
        "if re.search('x', facts.sources.entry.tree): pass",
        "def check(files): return [f.text for f in files if f.path.endswith('.py')]",
    ],
)
def test_what_reads_code_is_told(text: str) -> None:
    assert list(breaches(text))


def _pairs() -> Iterator[Dependence]:
    """Every way in which an adaptation and a score can stand to each other."""
    yes_no = (False, True)
    events: Any = None  # no rule looks at more than what the adaptation changes, and for which rows
    for order, subject, shared, loop, context_only, scored_first, saved in itertools.product(
        Order, ("module", "tensor"), yes_no, (None, Loop(1, 1, 1)), yes_no, yes_no, yes_no
    ):
        adapt: Any = SimpleNamespace(subject=subject, shared_rows=shared)
        yield Dependence(adapt, events, events, order, True, context_only, loop, scored_first, saved)


def test_each_pair_is_claimed_by_one_rule() -> None:
    for pair in _pairs():
        claimed = [rule.ID for rule in CLAIMING if rule.claims(pair)]
        assert len(claimed) == (0 if pair.score_first else 1), (pair, claimed)
