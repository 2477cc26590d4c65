"""The score that a submission is judged by, and what of the evaluation trace reaches it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from auditor.findings import Finding, Outcome, Ruling, found, not_checked
from auditor.program.scores import Dependence, OfEvent, Reported, dependences, reported_events, unfollowed
from auditor.program.trace import Adapt
from auditor.rule import Facts
from rules.findings import pair_finding


def label(facts: Facts) -> str | None:
    """The name under which the logs print the score; None under a what-if, whose score is another line than theirs."""
    if any(setting.source == "set" for setting in facts.configuration.settings.values()):
        return None
    return next((run.score.label for run in facts.headline if run.score and run.score.label), None)


def pairs(facts: Facts) -> tuple[Dependence, ...]:
    """Every pair of an adaptation by gradients and a score that depends on it."""
    return tuple(pair for pair in dependences(facts.program, label(facts)) if not _otherwise(pair.adapt))


def _otherwise(adapt: Adapt) -> bool:
    """Whether weights are adapted by other ways than gradients."""
    return adapt.statistics or adapt.chosen or bool(adapt.steered)


def steered(facts: Facts) -> tuple[Dependence, ...]:
    """Every pair of training on other tokens that a loss on validation tokens decides something of, and a score."""
    return tuple(pair for pair in dependences(facts.program, label(facts)) if pair.adapt.steered)


def chosen(facts: Facts) -> tuple[Dependence, ...]:
    """Every pair of weights that were chosen by their loss on validation tokens, and a score that depends on it."""
    return tuple(pair for pair in dependences(facts.program, label(facts)) if pair.adapt.chosen)


def calibrated(facts: Facts) -> tuple[Dependence, ...]:
    """Every pair of statistics of validation tokens that weights are changed by, and a score that depends on it."""
    return tuple(
        pair for pair in dependences(facts.program, label(facts)) if pair.adapt.statistics and not pair.adapt.steered
    )


def reported(facts: Facts, kind: type[OfEvent]) -> list[Reported]:
    """The events of one kind that reach the score."""
    return reported_events(facts.program, label(facts), kind)


def against(facts: Facts, rule: str, what: str) -> list[Finding]:
    """What the figure is made of that is against the law as it reads, and that nobody has followed to its end.

    A run of the program that decides says more, but of what bends losses: it shows that of those that it has.
    """
    probed = facts.probe is not None and facts.probe.decided
    gaps = [gap for gap in unfollowed(facts.program, label(facts)) if gap.against == what]
    return [
        Finding(rule, Outcome.DISPUTED, f"{gap.what}: {gap.why}", gap.place.location, gap.active)
        for gap in gaps
        if not probed or gap.bends
    ]


def unreadable(facts: Facts) -> Ruling | None:
    """The ruling where there is no trace to judge."""
    if facts.sources.entry is None or not facts.program.followed:
        why = facts.program.problems[0] if facts.program.problems else "the scored code could not be read"
        return not_checked(f"{why}; a readable script would decide it")
    return None


def judge_pairs(
    facts: Facts,
    rule: str,
    outcome: Outcome,
    claims: Callable[[Dependence], bool],
    say: Callable[[Dependence], str],
    otherwise: str,
    extra: Iterable[Finding] = (),
) -> Ruling:
    """One finding for each adaptation of which a score depends in a way that the rule claims."""
    missing = unreadable(facts)
    if missing is not None:
        return missing
    findings: dict[tuple[str, int, int], Finding] = {}
    for pair in pairs(facts):
        if pair.adapt.place.key not in findings and claims(pair):
            findings[pair.adapt.place.key] = pair_finding(facts, rule, outcome, pair, say(pair))
    return found([*findings.values(), *extra], otherwise)
