"""A token is scored once: no second scoring after a state has seen it."""

from __future__ import annotations

from auditor.findings import Outcome, Ruling
from auditor.probe.model import Kind
from auditor.program.scores import Dependence
from auditor.rule import Behaviour, Example, Facts, Rule, Source
from rules.analysis.rescore import table_findings
from rules.analysis.trace import judge_pairs
from rules.examples.adaptation import score_first
from rules.examples.folders import EVALUATION, folder, script

ID = "two-pass-rescore"


def _say(pair: Dependence) -> str:
    return (
        f"'{pair.output.place.function}' scores the stream again with weights that "
        f"'{pair.adapt.place.function}' has trained on it; that second score is reported"
    )


def check(facts: Facts) -> Ruling:
    otherwise = "no token enters the reported score after a state has seen it"
    return judge_pairs(facts, ID, Outcome.VIOLATION, _say, otherwise, table_findings(facts, ID))


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
