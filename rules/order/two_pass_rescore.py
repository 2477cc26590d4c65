"""A token is scored once: no second scoring after a state has seen it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from auditor.findings import Finding, Outcome, Ruling
from auditor.probe.model import Kind
from auditor.program.scores import Dependence
from auditor.program.tags import ChosenBy, LookedUp, OfOutput, Reread
from auditor.program.trace import Choice, Event, Lookup, Output, Trace
from auditor.rule import Behaviour, Example, Facts, Rule, Source
from rules.examples.adaptation import lowest_of_epochs, lowest_of_passes, score_first
from rules.examples.folders import folder
from rules.examples.ngram import rows_of_counts
from rules.examples.scripts import EVALUATION, script
from rules.findings import event_finding
from rules.scored import judge_pairs, reported

ID = "two-pass-rescore"


def claims(pair: Dependence) -> bool:
    """The weights are trained on what was scored before, and it is scored again."""
    return not pair.of_tensor and pair.in_another_pass and pair.scored_first


def _say(pair: Dependence) -> str:
    return (
        f"'{pair.output.place.function}' scores the stream again with weights that "
        f"'{pair.adapt.place.function}' has trained on it; that second score is reported"
    )


def _refilled(facts: Facts) -> Iterator[Finding]:
    """Look-ups in a table that an earlier pass over the same stream has filled."""
    read = [*reported(facts, LookedUp), *(h for h in reported(facts, Reread) if _mixed(h.event))]
    for hit in read:
        if isinstance(hit.event, Lookup) and hit.event.refilled:
            where = hit.event.place.function
            message = f"'{where}' scores the stream with counts that a whole pass over it has filled"
            what = "counts of tokens yet to be scored"
            yield event_finding(facts, ID, Outcome.VIOLATION, hit.event, hit.report, message, what)


def _mixed(event: Event) -> bool:
    return isinstance(event, Lookup) and event.mixed


def _rounds(facts: Facts) -> Iterator[Finding]:
    """The lower of several scores of the same tokens, of which the later ones come after training on them."""
    for hit in reported(facts, ChosenBy):
        if not isinstance(hit.event, Choice):
            continue
        trace = facts.program.trace
        outputs = [
            trace.outputs[t.number] for t in hit.event.tags if isinstance(t, OfOutput) and t.number in trace.outputs
        ]
        if any(_in_between(trace, first, second) for first in outputs for second in outputs):
            where = hit.event.place.function
            message = f"'{where}' scores the same tokens in several rounds, trained on them in between, and keeps one"
            what = "one of several scores is kept"
            yield event_finding(facts, ID, Outcome.VIOLATION, hit.event, hit.report, message, what)


def _in_between(trace: Trace, first: Output, second: Output) -> bool:
    """Whether the same call scores twice, the second time with weights that were trained on the stream since."""
    return first.place == second.place and any(
        first.order < trace.adapts[number].order < second.order
        for number in second.state - first.state
        if number in trace.adapts
    )


def check(facts: Facts) -> Ruling:
    otherwise = "no token enters the reported score after a state has seen it"
    return judge_pairs(facts, ID, Outcome.VIOLATION, claims, _say, otherwise, chain(_refilled(facts), _rounds(facts)))


_CHUNKED = score_first()
_SECOND = EVALUATION.replace("def eval_val(", "def eval_again(")
_PRINTED = '    print(f"final_int8'
_AGAIN = """
    print(f"first_pass val_loss:{val_loss:.4f} val_bpb:{val_bpb:.4f}")
    val_loss, val_bpb = eval_again(args, model, val_tokens, base_bytes, leading_space, boundary, device)
"""
_TWICE = _CHUNKED.replace(_PRINTED, _AGAIN.lstrip("\n") + _PRINTED).replace(
    "def main():", _SECOND.strip("\n") + "\n\n\ndef main():"
)
_BOTH = """
val_loss, val_bpb = eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device)
print(f"roundtrip val_loss:{val_loss:.4f} val_bpb:{val_bpb:.4f}")
val_loss, val_bpb = eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device)
"""

RULE = Rule(
    id=ID,
    title="Every token is scored once",
    class_="score",
    authority="maintainer",
    evidence=("code", "logs"),
    criterion=(
        "No position enters the reported score again after weights, counts or caches were updated with it "
        "(condition 4 of issue #1017)."
    ),
    why="A second pass predicts text that the state has already seen.",
    remedy="Report the first, score-first pass; evaluate other modes from fresh weights.",
    sources=(
        Source("https://github.com/openai/parameter-golf/pull/846", "valerio-oai", "2026-03-27"),
        Source(
            "https://github.com/openai/parameter-golf/pull/991",
            "valerio-oai: TTT run twice, second pass reported",
            "2026-03-28",
        ),
    ),
    check=check,
    examples=(
        Example("scored again with the adapted weights", "breaks", folder(_TWICE), Outcome.VIOLATION),
        Example(
            "the first chunks again, with counts of the whole stream",
            "breaks",
            folder(rows_of_counts(again=True)),
            Outcome.VIOLATION,
        ),
        Example("one pass of the same look-up", "legal", folder(rows_of_counts(again=False)), Outcome.PASS),
        Example("the lowest of several rounds", "breaks", folder(lowest_of_epochs()), Outcome.VIOLATION),
        Example("the lowest of several passes", "breaks", folder(lowest_of_passes()), Outcome.VIOLATION),
        Example("two modes, no adaptation", "legal", folder(script(scoring=_BOTH)), Outcome.PASS),
        Example("one score-first pass", "legal", folder(_CHUNKED), Outcome.PASS),
        Example("the first pass does not adapt", "inactive", folder(_TWICE), Outcome.PASS, {"TTT_ENABLED": "0"}),
    ),
    behaviour=Behaviour(
        shown_by=(Kind.SCORE_COUNT, Kind.FUTURE_FLIP, Kind.TARGET_FLIP),
        breaks=("C4", "C1", "C3"),
        stands_for=("C4",),
    ),
    not_decidable="a second pass in another process",
)
