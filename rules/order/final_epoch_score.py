"""When a chunk is trained on for several epochs, the loss that counts is the one before the first."""

from __future__ import annotations

from auditor.findings import Outcome, Ruling
from auditor.probe.model import Kind
from auditor.program.scores import Dependence
from auditor.rule import Behaviour, Example, Facts, Rule, Source
from rules.examples.adaptation import epochs_scored_at, score_first
from rules.examples.folders import folder
from rules.scored import judge_pairs

ID = "final-epoch-score"


def claims(pair: Dependence) -> bool:
    """The weights are trained and the score is taken in rounds of the same loop."""
    return not (pair.score_first or pair.of_tensor) and pair.repeats is not None


def _say(pair: Dependence) -> str:
    line = pair.repeats.line if pair.repeats else 0
    return (
        f"the score is taken in a later round of the loop at line {line}, after '{pair.adapt.place.function}' "
        "has trained on the same tokens in an earlier one"
    )


def check(facts: Facts) -> Ruling:
    otherwise = "no score is taken after an epoch over the same tokens"
    return judge_pairs(facts, ID, Outcome.VIOLATION, claims, _say, otherwise)


RULE = Rule(
    id=ID,
    title="The loss of the first epoch counts, not the last",
    class_="score",
    authority="maintainer",
    evidence=("code",),
    criterion="In a loop of epochs over the same validation tokens, the recorded loss precedes every step on them.",
    why="Reporting the last epoch's loss of multi-epoch adaptation is equivalent to training on the test set.",
    remedy="Record the loss in the first epoch and train in the others, or take one epoch.",
    sources=(
        Source("https://github.com/openai/parameter-golf/pull/568", "valerio-oai", "2026-03-24"),
        Source("https://github.com/openai/parameter-golf/pull/512", "valerio-oai", "2026-03-24"),
    ),
    check=check,
    examples=(
        Example("the last epoch's loss", "breaks", folder(epochs_scored_at("args.ttt_epochs - 1")), Outcome.VIOLATION),
        Example("the first epoch's loss", "legal", folder(epochs_scored_at("0")), Outcome.PASS),
        Example(
            "one epoch only",
            "inactive",
            folder(epochs_scored_at("args.ttt_epochs - 1")),
            Outcome.PASS,
            {"TTT_EPOCHS": "1"},
        ),
        Example("scored, then several epochs", "legal", folder(score_first()), Outcome.PASS),
    ),
    behaviour=Behaviour(shown_by=(Kind.FUTURE_FLIP, Kind.TARGET_FLIP, Kind.SCORE_COUNT), breaks=("C3", "C1", "C4")),
    not_decidable="a loop whose number of rounds the configuration does not tell is taken to run more than once",
)
