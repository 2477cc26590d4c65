"""A delta fitted only to context that earlier windows have scored: argued, not ruled on."""

from __future__ import annotations

from auditor.findings import Outcome, Ruling
from auditor.program.scores import Dependence
from auditor.rule import Example, Facts, Rule, Source
from rules.examples.folders import folder
from rules.examples.slot import PER_ROW, slot
from rules.scored import judge_pairs

ID = "slot-context-only"


def claims(pair: Dependence) -> bool:
    """A tensor for each row, fitted where earlier windows have scored."""
    return pair.fitted_in_place and pair.context_only and not pair.adapt.shared_rows


def _say(pair: Dependence) -> str:
    return f"'{pair.adapt.place.function}' fits a tensor to the context of each window, which earlier windows scored"


def check(facts: Facts) -> Ruling:
    return judge_pairs(facts, ID, Outcome.DISPUTED, claims, _say, "no tensor is fitted to the context of a window")


RULE = Rule(
    id=ID,
    title="SLOT on already scored context",
    class_="score",
    authority="disputed",
    evidence=("code",),
    criterion="A per-window delta is optimized on positions that earlier windows have scored, and on no others.",
    why=(
        "By the text of the four conditions this adapts on scored tokens only. Issue #1336 asks whether it is legal; "
        "nobody has answered, and no such submission was accepted."
    ),
    remedy="Ask for a ruling before relying on it; report the figure without it beside the one with it.",
    sources=(Source("https://github.com/openai/parameter-golf/issues/1336", "open question, no ruling"),),
    check=check,
    examples=(
        Example("context only, one delta per row", "breaks", folder(slot(":s", PER_ROW)), Outcome.DISPUTED),
        Example("zero steps", "inactive", folder(slot(":s", PER_ROW)), Outcome.PASS, {"SLOT_STEPS": "0"}),
        Example("no delta", "legal", folder(), Outcome.PASS),
    ),
)
