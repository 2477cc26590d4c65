"""A delta may not be fitted to the positions that are then scored."""

from __future__ import annotations

from auditor.findings import Outcome, Ruling
from auditor.probe.model import Kind
from auditor.program.scores import Dependence
from auditor.rule import Behaviour, Example, Facts, Rule, Source
from rules.examples.folders import folder
from rules.examples.slot import PER_ROW, SHARED, slot
from rules.scored import judge_pairs

ID = "slot-scored-positions"


def claims(pair: Dependence) -> bool:
    """A tensor that is fitted beyond what earlier windows have scored, be it for another row."""
    return pair.fitted_in_place and (pair.adapt.shared_rows or not pair.context_only)


def _say(pair: Dependence) -> str:
    if pair.context_only:
        return (
            f"'{pair.adapt.place.function}' fits one tensor for all rows of a batch of overlapping windows; the "
            "context of later windows holds what earlier windows score"
        )
    return f"'{pair.adapt.place.function}' fits a tensor to a loss that includes the positions it then scores"


def check(facts: Facts) -> Ruling:
    otherwise = "no tensor is fitted to the positions that are scored"
    return judge_pairs(facts, ID, Outcome.DISPUTED, claims, _say, otherwise)


RULE = Rule(
    id=ID,
    title="SLOT does not optimize on the positions it scores",
    class_="score",
    authority="disputed",
    evidence=("code",),
    criterion="The masks of the objective and of the score do not intersect, over all rows that share the delta.",
    why=(
        "Flipping a target changes the score of other positions, and a delta fitted to its own targets predicts them "
        "too well. No maintainer has ruled (issue #1336); no such submission was accepted."
    ),
    remedy="Fit the delta to positions scored in earlier windows only, one delta per row.",
    sources=(
        Source("https://github.com/openai/parameter-golf/issues/1336", "open question, no ruling"),
        Source("https://github.com/openai/parameter-golf/pull/1240", "flip test: 240 of 240 positions change"),
    ),
    check=check,
    examples=(
        Example("fitted to the scored part", "breaks", folder(slot("s:", PER_ROW)), Outcome.DISPUTED),
        Example("fitted to the whole window", "breaks", folder(slot(":", PER_ROW)), Outcome.DISPUTED),
        Example("context only, one delta for the batch", "breaks", folder(slot(":s", SHARED)), Outcome.DISPUTED),
        Example("context only, one delta per row", "legal", folder(slot(":s", PER_ROW)), Outcome.PASS),
        Example("zero steps", "inactive", folder(slot("s:", PER_ROW)), Outcome.PASS, {"SLOT_STEPS": "0"}),
    ),
    behaviour=Behaviour(shown_by=(Kind.FUTURE_FLIP, Kind.TARGET_FLIP), breaks=("C1", "C3")),
    not_decidable="a mask that the code computes from data",
)
