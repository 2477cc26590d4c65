"""What comes first: the class of the rule, then the outcome, never the alphabet.

A number that is not what it claims to be is graver than one that is not shown, and both than a file that is missing,
so a reader meets them in that order in every output. And the same fact in the logs of several seeds is one finding.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from auditor.findings import CLASSES, Finding, Outcome, Place
from auditor.judgement.model import RuleOutcome
from auditor.rule import Authority, Rule

_AUTHORITY: tuple[Authority, ...] = ("README", "maintainer", "measured", "community", "disputed")
_DECIDING = (Outcome.VIOLATION, Outcome.DISPUTED)
_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?", re.IGNORECASE)
_Key = tuple[int | str, ...]


def weight(rules: Sequence[Rule]) -> Callable[[str], tuple[int, int]]:
    """The place of a rule's class and of its authority, by the rule's id; 0 is the gravest."""
    known = {rule.id: (CLASSES.index(rule.class_), _AUTHORITY.index(rule.authority)) for rule in rules}
    return lambda rule: known.get(rule, (len(CLASSES), len(_AUTHORITY)))


def ordered(findings: Iterable[Finding], rules: Sequence[Rule]) -> tuple[Finding, ...]:
    """What runs before what does not; by class, outcome, certainty and authority; then by place."""
    of = weight(rules)

    def key(finding: Finding) -> _Key:
        at = finding.location
        class_, authority = of(finding.rule)
        place = (at.path, at.layer, at.line or 0) if at else ("", 0, 0)
        gravity = (class_, finding.outcome.rank, int(finding.active is None), authority)
        return (int(finding.active is False), *gravity, finding.rule, *place, finding.message)

    return tuple(sorted(findings, key=key))


def decisive(outcomes: Iterable[RuleOutcome], rules: Sequence[Rule]) -> tuple[RuleOutcome, ...]:
    """The rows that a verdict may rest on: violations, then disputes, each the gravest first."""
    of = weight(rules)
    rows = [row for row in outcomes if row.outcome in _DECIDING]
    return tuple(sorted(rows, key=lambda row: (row.outcome.rank, *of(row.rule), row.rule)))


def together(findings: Iterable[Finding], files: Iterable[str]) -> tuple[Finding, ...]:
    """The findings, with those that say the same of several seeds put into the first of them.

    Two say the same where the words are the same and only figures and names of `files` differ. What points into
    code stays apart: two lines that do the same are two things to mend.
    """
    names = sorted({name for path in files for name in (path, path.rsplit("/", 1)[-1])}, key=len, reverse=True)
    named = re.compile("|".join(map(re.escape, names))) if names else None
    kept: dict[object, Finding] = {}
    for finding in findings:
        at = finding.location
        apart = at is None or finding.trace or at.layer or at.path.endswith(".py")
        said = named.sub("file", finding.message) if named else finding.message
        key = (finding.rule, finding.outcome, finding.active, _NUMBER.sub("0", said))
        first = kept.get(key)
        if apart or at is None:
            kept[object()] = finding
        elif first is None:
            kept[key] = finding
        elif at != first.location:
            kept[key] = replace(first, also=(*first.also, Place(at, finding.message)))
    return tuple(kept.values())
