"""No choice among scorers, passes or epochs by which gave the realised token the lower loss."""

from __future__ import annotations

from auditor.findings import Finding, Outcome, Ruling, found
from auditor.probe.model import Kind
from auditor.program.tags import ChosenBy
from auditor.program.trace import Choice
from auditor.rule import Behaviour, Example, Facts, Rule, Source
from rules.examples.adaptation import score_first
from rules.examples.folders import folder
from rules.examples.scripts import EVALUATION, script
from rules.findings import event_finding
from rules.scored import reported, unreadable

ID = "oracle-selection"


def check(facts: Facts) -> Ruling:
    missing = unreadable(facts)
    if missing is not None:
        return missing
    findings: list[Finding] = []
    for hit in reported(facts, ChosenBy):
        event = hit.event
        assert isinstance(event, Choice)
        message = (
            f"'{event.place.function or 'the script'}' keeps the lower of two losses of the same tokens ({event.text})"
        )
        what = "chosen by the realised token's loss"
        findings.append(event_finding(facts, ID, Outcome.VIOLATION, event, hit.report, message, what))
    return found(findings, "no loss is chosen because it is the lower one")


_SECOND = 'nll = F.cross_entropy(logits.float().flatten(0, 1), y.flatten(), reduction="none")'
_OTHER = 'other = F.cross_entropy(0.9 * logits.float().flatten(0, 1), y.flatten(), reduction="none")'


def _with(choice: str) -> str:
    indented = "\n            ".join((_SECOND, _OTHER, choice))
    return script(EVALUATION.replace(_SECOND, indented), settings='best_of = int(os.environ.get("BEST_OF", "1"))')


_GATE = "sure = logits.float().softmax(-1).amax(-1).flatten() > 0.5\n            nll = torch.where(sure, nll, other)"

RULE = Rule(
    id=ID,
    title="No choosing by the realised token's loss",
    class_="score",
    authority="maintainer",
    evidence=("code",),
    criterion="No minimum, where or comparison over candidate losses of the same target decides what is reported.",
    why="The choice uses the token that is to be predicted; a decoder could not make it.",
    remedy="Choose by something known before the token: the model's entropy, its top probability, the match length.",
    sources=(
        Source("https://github.com/openai/parameter-golf/pull/573", "valerio-oai: minimum over passes", "2026-03-24"),
        Source(
            "https://github.com/openai/parameter-golf/pull/659",
            "valerio-oai: the rule uses the ground truth",
            "2026-03-25",
        ),
    ),
    check=check,
    examples=(
        Example("minimum of two losses", "breaks", folder(_with("nll = torch.minimum(nll, other)")), Outcome.VIOLATION),
        Example(
            "where the other is lower",
            "breaks",
            folder(_with("nll = torch.where(other < nll, other, nll)")),
            Outcome.VIOLATION,
        ),
        Example(
            "the lower loss of each window is kept",
            "breaks",
            folder(
                _with("nll, other = nll.sum(), other.sum()\n            if other < nll:\n                nll = other")
            ),
            Outcome.VIOLATION,
        ),
        Example(
            "the losses of each window are kept by their total",
            "breaks",
            folder(
                _with(
                    "least = nll.sum().item()\n            if other.sum().item() < least:\n"
                    "                nll, least = other, other.sum().item()"
                )
            ),
            Outcome.VIOLATION,
        ),
        Example("gated by the largest probability", "legal", folder(_with(_GATE)), Outcome.PASS),
        Example(
            "switched off",
            "inactive",
            folder(_with("nll = torch.minimum(nll, other) if args.best_of > 1 else nll")),
            Outcome.PASS,
        ),
        Example("score-first chunks", "legal", folder(score_first()), Outcome.PASS),
    ),
    behaviour=Behaviour(
        shown_by=(Kind.TARGET_FLIP, Kind.FUTURE_FLIP, Kind.SCORE_COUNT),
        breaks=("C4", "C1"),
        blind="a choice by the token's own loss changes no other score",
    ),
    not_decidable="a choice among finished runs, which no folder shows",
)
