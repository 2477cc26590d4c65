"""At evaluation, a chunk is scored before anything is trained on it."""

from __future__ import annotations

from auditor.findings import Outcome, Ruling
from auditor.program.scores import Dependence
from auditor.program.trace import Order
from auditor.rule import Example, Facts, Rule, Source
from rules._adaptation import ADAPT, TTT_SWITCH, score_first, train_first
from rules._examples import folder, script
from rules._trace import SCORE_FIRST, judge_pairs, kind, pair_finding, pairs

ID = "adapt-before-score"


def _say(pair: Dependence) -> str:
    if pair.order is Order.SAME:
        return f"'{pair.adapt.place.function}' trains on a chunk of validation tokens before that chunk is scored"
    return (
        f"'{pair.adapt.place.function}' trains on the validation stream, and only afterwards "
        f"'{pair.output.place.function}' scores it"
    )


def _legal(facts: Facts) -> list[object]:
    """Score-first adaptation is legal: it is shown, as what was found, with outcome `pass`."""
    shown: dict[tuple[str, int, int], object] = {}
    for pair in pairs(facts):
        if kind(pair) == SCORE_FIRST:
            message = (
                f"score-first adaptation in '{pair.adapt.place.function}': each chunk is scored before it is trained on"
            )
            shown.setdefault(pair.adapt.place.key, pair_finding(facts, ID, Outcome.PASS, pair, message))
    return list(shown.values())


def check(facts: Facts) -> Ruling:
    otherwise = "every adaptation to validation tokens follows the score of those tokens, or there is none"
    return judge_pairs(facts, ID, Outcome.VIOLATION, _say, otherwise, _legal(facts))  # type: ignore[arg-type]


_TWO_PHASES = """
if args.ttt_enabled:
    adapt(model, val_tokens, args, device)
val_loss, val_bpb = eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device)
"""

RULE = Rule(
    id=ID,
    title="A chunk is scored before it is trained on",
    authority="maintainer",
    evidence=("code",),
    criterion=(
        "For every scored token, its recorded loss is computed before any optimizer step whose batch contains it "
        "(condition 3 of issue #1017)."
    ),
    why="A model that has trained on a token predicts it too well; the number is then no compression of unseen text.",
    remedy="Record the loss of a chunk first, under no_grad, and train on it only after that; skip the last chunk.",
    sources=(
        Source(
            "https://github.com/openai/parameter-golf/blob/main/README.md",
            "only tokens already evaluated",
            "2026-03-20",
        ),
        Source(
            "https://github.com/openai/parameter-golf/issues/677",
            "0hq, valerio-oai: list of illegal submissions",
            "2026-03-25",
        ),
        Source(
            "https://github.com/openai/parameter-golf/pull/549", "valerio-oai: score-first chunks look legal", "2026-03"
        ),
    ),
    check=check,
    examples=(
        Example("trained on, then scored, chunk by chunk", "breaks", folder(train_first()), Outcome.VIOLATION),
        Example(
            "two phases: train on the whole stream, then score it",
            "breaks",
            folder(script(settings=TTT_SWITCH.format(default=1), helpers=ADAPT, scoring=_TWO_PHASES)),
            Outcome.VIOLATION,
        ),
        Example("scored, then trained on", "legal", folder(score_first()), Outcome.PASS),
        Example("switched off", "inactive", folder(train_first(enabled=0)), Outcome.PASS),
        Example("no adaptation", "legal", folder(), Outcome.PASS),
    ),
    not_decidable="updates that no gradient makes, which only a run can show",
)
