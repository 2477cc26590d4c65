"""At evaluation, a chunk is scored before anything is trained on it."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.findings import Finding, Outcome, Ruling, found
from auditor.probe.model import Kind
from auditor.program.scores import Dependence
from auditor.program.tags import Reread
from auditor.program.trace import Lookup, Order
from auditor.rule import Behaviour, Example, Facts, Rule, Source
from rules.examples.adaptation import ADAPT, PREPARE, TTT_SWITCH, score_first, train_first
from rules.examples.folders import folder, seeds
from rules.examples.scripts import SCORING, script
from rules.findings import event_finding, pair_finding
from rules.order._epochs import epochs_finding, unexplained
from rules.scored import judge_pairs, pairs, reported, unreadable

ID = "adapt-before-score"


def claims(pair: Dependence) -> bool:
    """The weights are trained on the chunk that is scored next, or on the stream and kept in memory."""
    if pair.of_tensor or pair.repeats is not None:
        return False
    return pair.order is Order.SAME or (pair.in_another_pass and not (pair.scored_first or pair.saved))


def _say(pair: Dependence) -> str:
    if pair.order is Order.SAME:
        return f"'{pair.adapt.place.function}' trains on a chunk of validation tokens before that chunk is scored"
    return (
        f"'{pair.adapt.place.function}' trains on the validation stream, and only afterwards "
        f"'{pair.output.place.function}' scores it"
    )


def _legal(facts: Facts) -> list[Finding]:
    """Score-first adaptation is legal: it is shown, as what was found, with outcome `pass`."""
    shown: dict[tuple[str, int, int], Finding] = {}
    for pair in pairs(facts):
        if pair.score_first:
            message = (
                f"score-first adaptation in '{pair.adapt.place.function}': each chunk is scored before it is trained on"
            )
            shown.setdefault(pair.adapt.place.key, pair_finding(facts, ID, Outcome.PASS, pair, message))
    return list(shown.values())


def _counted(facts: Facts) -> Iterator[Finding]:
    """Counts that have taken in the tokens of a part of the stream before that part is scored with them."""
    for hit in reported(facts, Reread):
        if isinstance(hit.event, Lookup) and hit.event.ahead and hit.event.mixed:
            message = f"'{hit.event.place.function}' counts the tokens of a part of the stream before it scores them"
            yield event_finding(
                facts, ID, Outcome.VIOLATION, hit.event, hit.report, message, "counts of its own tokens"
            )


def check(facts: Facts) -> Ruling:
    shown = [epochs_finding(facts, ID, epochs) for epochs in unexplained(facts) if not epochs.ahead_of_artifact]
    missing = unreadable(facts)
    if missing is not None:
        return found(shown, "") if shown else missing
    otherwise = "every adaptation to validation tokens follows the score of those tokens, or there is none"
    return judge_pairs(
        facts, ID, Outcome.VIOLATION, claims, _say, otherwise, [*_legal(facts), *_counted(facts), *shown]
    )


_TWO_PHASES = """
if args.ttt_enabled:
    adapt(model, val_tokens, args, device)
val_loss, val_bpb = eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device)
"""

_EPOCH_LINES = ("ttt:start lr=0.001", "ttt_epoch 1/2 loss:2.9000", "ttt_epoch 2/2 loss:2.8000")
_PRINTS = """            tuner.step()
        print(f"ttt_epoch {epoch + 1}/{args.ttt_epochs} loss:{0.0:.4f}")
"""
_PRINTING = ADAPT.replace("            tuner.step()\n", _PRINTS)
_ADAPTED_LAST = SCORING + PREPARE
_AFTERWARDS = script(settings=TTT_SWITCH.format(default=1), helpers=_PRINTING, scoring=_ADAPTED_LAST)

RULE = Rule(
    id=ID,
    title="A chunk is scored before it is trained on",
    class_="score",
    authority="maintainer",
    evidence=("code", "logs"),
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
        Example(
            "the log shows epochs ahead of the score that no code in the folder prints",
            "breaks",
            folder(logs=seeds(lines=_EPOCH_LINES)),
            Outcome.DISPUTED,
        ),
        Example(
            "the log shows epochs that only a function that nothing calls prints",
            "breaks",
            folder(script(helpers=_PRINTING), logs=seeds(lines=_EPOCH_LINES)),
            Outcome.DISPUTED,
        ),
        Example(
            "epochs that follow the score",
            "legal",
            folder(_AFTERWARDS, logs=seeds(after=_EPOCH_LINES)),
            Outcome.PASS,
        ),
        Example(
            "epochs that follow a score that the code does not make",
            "legal",
            folder(logs=seeds(after=_EPOCH_LINES)),
            Outcome.PASS,
        ),
        Example("scored, then trained on", "legal", folder(score_first()), Outcome.PASS),
        Example("switched off", "inactive", folder(train_first(enabled=0)), Outcome.PASS),
        Example("no adaptation", "legal", folder(), Outcome.PASS),
    ),
    behaviour=Behaviour(shown_by=(Kind.FUTURE_FLIP, Kind.TARGET_FLIP), breaks=("C3", "C1"), stands_for=("C3",)),
    not_decidable="updates that no gradient makes, which only a run can show",
)
