"""The last, shorter window is scored as well."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.findings import Finding, Outcome, Ruling, found
from auditor.rule import Example, Facts, Rule, Source
from rules.examples.folders import folder
from rules.examples.scripts import EVALUATION, script
from rules.findings import shown

ID = "val-tail-drop"


def _findings(facts: Facts) -> Iterator[Finding]:
    for walk in facts.code.short_walks:
        message = f"every window ends within the stream: up to {walk.step} - 1 tokens at its end are not scored"
        yield shown(ID, Outcome.WARNING, walk, message)


def check(facts: Facts) -> Ruling:
    return found(list(_findings(facts)), "no window of the validation set is left out")


_LOOP = "        for start in range(0, total, stride):\n"
_FULL_ONLY = EVALUATION.replace(_LOOP, "        for start in range(0, total - seq_len + 1, stride):\n")
_DROPPED = EVALUATION.replace(
    _LOOP,
    "        starts = [s for s in range(0, total, stride) if s + seq_len <= total]\n        for start in starts:\n",
)
_SKIPPED = EVALUATION.replace(_LOOP, _LOOP + "            if start + seq_len > total:\n                continue\n")
_KEPT = EVALUATION.replace(
    _LOOP,
    "        starts = [s for s in range(0, total, stride) if min(s + seq_len, total) - s >= stride]\n"
    "        for start in starts:\n",
)
_ADDED = EVALUATION.replace(
    _LOOP,
    "        starts = list(range(0, total - seq_len + 1, stride))\n"
    "        starts.append(total - seq_len)\n"
    "        for start in starts:\n",
)

RULE = Rule(
    id=ID,
    title="The last partial window is scored",
    class_="score",
    authority="maintainer",
    evidence=("code",),
    criterion="Sliding windows cover every validation token, the remainder at the end included.",
    why="A token left out is not scored; at the usual stride this is at most 63 tokens of 62 million.",
    remedy="Let the last window end at the end of the stream, and score what the one before it left.",
    sources=(
        Source("https://github.com/openai/parameter-golf/pull/50", "0hq: the last window", "2026-03-19"),
        Source("https://github.com/openai/parameter-golf/pull/124", "merged correction"),
    ),
    check=check,
    examples=(
        Example("full windows only", "breaks", folder(script(_FULL_ONLY)), Outcome.WARNING),
        Example("full windows only, in a list", "breaks", folder(script(_DROPPED)), Outcome.WARNING),
        Example("the last one skipped in the loop", "breaks", folder(script(_SKIPPED)), Outcome.WARNING),
        Example("only starts behind the last window dropped", "legal", folder(script(_KEPT)), Outcome.PASS),
        Example("the last window added", "legal", folder(script(_ADDED)), Outcome.PASS),
        Example("all windows", "legal", folder(), Outcome.PASS),
        Example(
            "an old evaluation that nothing calls",
            "inactive",
            folder(script(helpers=_DROPPED.replace("def eval_val(", "def eval_old("))),
            Outcome.PASS,
        ),
    ),
)
