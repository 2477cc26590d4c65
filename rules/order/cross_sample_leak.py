"""What is trained on one row of a batch may serve another row only if its tokens come first in the official order."""

from __future__ import annotations

from auditor.findings import Finding, Outcome, Ruling, found
from auditor.probe.model import Kind
from auditor.rule import Behaviour, Example, Facts, Rule, Source
from rules.examples.folders import folder
from rules.examples.lora import lora_per_document, lora_per_row
from rules.examples.slot import PER_ROW, SHARED, slot
from rules.findings import pair_finding, shown
from rules.scored import pairs, unreadable

ID = "cross-sample-leak"


def check(facts: Facts) -> Ruling:
    missing = unreadable(facts)
    if missing is not None:
        return missing
    findings: dict[object, Finding] = {}
    for pair in pairs(facts):
        if pair.adapt.shared_rows and not pair.score_first:
            message = (
                f"one tensor is fitted in '{pair.adapt.place.function}' for all rows of a batch: what a row scores "
                "has been fitted to tokens of other rows that come later"
            )
            key = pair.adapt.place.key
            findings.setdefault(key, pair_finding(facts, ID, Outcome.DISPUTED, pair, message))
    adapted = {p.adapt.subject_name for p in pairs(facts) if p.active is not False}
    for mixed in facts.code.mixed_rows if adapted else ():
        if mixed.holders & adapted or "" in adapted:
            message = (
                f"'{mixed.name}.{mixed.method}' mixes the rows of {mixed.parameter}, each of which is trained on its "
                "own row of a batch: what a row scores has been fitted to tokens of other rows"
            )
            findings[mixed.name] = shown(ID, Outcome.DISPUTED, mixed, message)
    adapting = any(p.active is not False for p in pairs(facts))
    for adapter in facts.code.kept_over_resets if adapting else ():
        kept = ", ".join(adapter.parameters)
        message = f"'{adapter.name}.{adapter.method}' keeps {kept} from one batch of documents to the next"
        findings[adapter.name] = shown(ID, Outcome.WARNING, adapter, message)
    return found(list(findings.values()), "no adapter serves tokens that precede the ones it was trained on")


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
        Example("the rows of a batch share an average", "breaks", folder(lora_per_row("mean(0)")), Outcome.DISPUTED),
        Example("each row has its own factors", "legal", folder(lora_per_row("clone()")), Outcome.PASS),
        Example("no steps", "inactive", folder(slot(":s", SHARED)), Outcome.PASS, {"SLOT_STEPS": "0"}),
    ),
    behaviour=Behaviour(shown_by=(Kind.FUTURE_FLIP, Kind.TARGET_FLIP), breaks=("C1", "C3")),
    not_decidable="the order in which several processes take documents from a queue",
)
