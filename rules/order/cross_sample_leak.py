"""What is trained on one row of a batch may serve another row only if its tokens come first in the official order."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from auditor.findings import Finding, Outcome, Ruling, found
from auditor.probe.model import Kind
from auditor.rule import Behaviour, Example, Facts, Rule, Source
from auditor.source import Unit
from auditor.source.index import of_type
from rules.analysis.syntax import code_finding, python_units
from rules.analysis.trace import SCORE_FIRST, kind, pair_finding, pairs, unreadable
from rules.examples.folders import folder
from rules.examples.lora import lora_per_document
from rules.examples.slot import PER_ROW, SHARED, slot

ID = "cross-sample-leak"
_REFILLS = frozenset({"zero_", "fill_", "normal_", "uniform_", "copy_", "kaiming_uniform_", "zeros_", "set_"})


def check(facts: Facts) -> Ruling:
    missing = unreadable(facts)
    if missing is not None:
        return missing
    findings: dict[object, Finding] = {}
    for pair in pairs(facts):
        if kind(pair) != SCORE_FIRST and pair.adapt.shared_rows:
            message = (
                f"one tensor is fitted in '{pair.adapt.place.function}' for all rows of a batch: what a row scores "
                "has been fitted to tokens of other rows that come later"
            )
            key = pair.adapt.place.key
            findings.setdefault(key, pair_finding(facts, ID, Outcome.DISPUTED, pair, message))
    adapting = any(p.active is not False for p in pairs(facts))
    for unit, tree in python_units(facts):
        for cls, kept in _kept_over_resets(facts, unit, tree):
            if adapting:
                message = f"'{cls.name}.reset' keeps {', '.join(kept)} from one batch of documents to the next"
                findings[cls.name] = code_finding(facts, ID, Outcome.WARNING, unit, cls, message)
    return found(list(findings.values()), "no adapter serves tokens that precede the ones it was trained on")


def _kept_over_resets(facts: Facts, unit: Unit, tree: ast.Module) -> Iterator[tuple[ast.ClassDef, list[str]]]:
    """Classes of adapters with a reset that runs and leaves some of their parameters as they were."""
    for cls in of_type(tree, ast.ClassDef):
        methods = {n.name: n for n in cls.body if isinstance(n, ast.FunctionDef)}
        init, reset = methods.get("__init__"), methods.get("reset")
        if init is None or reset is None or facts.program.reached(unit, reset.body[0].lineno) is not True:
            continue
        parameters = [
            target.attr
            for n in of_type(init, ast.Assign)
            if "Parameter(" in ast.unparse(n.value)
            for target in n.targets
            if isinstance(target, ast.Attribute)
        ]
        refilled = {name for name, line in _refills(reset) if facts.program.reached(unit, line) is not False}
        kept = [name for name in parameters if name not in refilled]
        if kept and refilled & set(parameters):
            yield cls, kept


def _refills(reset: ast.FunctionDef) -> Iterator[tuple[str, int]]:
    for node in of_type(reset, ast.Call):
        if not isinstance(node.func, ast.Attribute) or node.func.attr not in _REFILLS:
            continue
        for part in (node.func.value, *node.args[:1]):
            while isinstance(part, ast.Attribute) and part.attr == "data":
                part = part.value
            if isinstance(part, ast.Attribute):
                yield part.attr, node.lineno


RULE = Rule(
    id=ID,
    title="Adapters do not leak between rows of a batch",
    class_="score",
    authority="maintainer",
    evidence=("code",),
    criterion="State trained on one row is used for another only if its tokens precede that row in the official order.",
    why="With rows from different places of the stream, a shared state carries later tokens into earlier scores.",
    remedy="Give every row its own adapter and reset it for each document, or adapt after all rows are scored.",
    sources=(
        Source(
            "https://github.com/openai/parameter-golf/issues/1017",
            "cocohearts' notes: strict original-order score-first is not established",
            "2026-05-02",
        ),
        Source("https://github.com/openai/parameter-golf/pull/1530", "merged: reset for each document", "2026-04-29"),
    ),
    check=check,
    examples=(
        Example("one delta for a batch of windows", "breaks", folder(slot(":s", SHARED)), Outcome.DISPUTED),
        Example("one delta for each row", "legal", folder(slot(":s", PER_ROW)), Outcome.PASS),
        Example("one factor survives the reset", "breaks", folder(lora_per_document(warm=1)), Outcome.WARNING),
        Example("all factors are reset", "legal", folder(lora_per_document(warm=0)), Outcome.PASS),
        Example("no steps", "inactive", folder(slot(":s", SHARED)), Outcome.PASS, {"SLOT_STEPS": "0"}),
    ),
    behaviour=Behaviour(shown_by=(Kind.FUTURE_FLIP, Kind.TARGET_FLIP), breaks=("C1", "C3")),
    not_decidable="the order in which several processes take documents from a queue",
)
