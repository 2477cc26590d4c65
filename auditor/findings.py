"""The words of judgement: outcomes, findings with their places, and what one rule says."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, get_args

# What is at stake where a rule is broken, the gravest first. score: the number is not what it claims to be; evidence:
# the number is not shown; budget: bytes, seconds, hardware; paperwork: the package is not as asked.
Class = Literal["score", "evidence", "budget", "paperwork"]
CLASSES: tuple[Class, ...] = get_args(Class)


class Outcome(StrEnum):
    """What a rule came to. Order of severity is `Outcome.rank`."""

    VIOLATION = "violation"
    DISPUTED = "disputed"  # argued both ways, no ruling
    ERROR = "error"  # the rule itself failed
    WARNING = "warning"
    NOT_CHECKED = "not-checked"  # could not be decided from what is there
    PASS = "pass"
    NOT_APPLICABLE = "not-applicable"

    @property
    def rank(self) -> int:
        """0 is the most severe."""
        return list(Outcome).index(self)


@dataclass(frozen=True, slots=True)
class Location:
    """A place in the submission. `line` counts from 1 in the decoded text of that layer (0: as shipped)."""

    path: str
    line: int | None = None
    end_line: int | None = None
    layer: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One event of a trace: what happens, and where. `code` is untrusted text, the line that the step is about."""

    event: str  # "Adapt", "Score", "Read", ...
    text: str
    location: Location
    code: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A further place of the same fact (the log of another seed), and what is said of it there."""

    location: Location
    message: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact that a rule found, with its place.

    `active`: True it runs under the configuration, False it does not, None it cannot be told.
    Only active findings decide. `excerpt` is untrusted text, lines of the submission. `also`: where else the same
    fact stands; the judge puts the findings of several seeds together.
    """

    rule: str
    outcome: Outcome
    message: str
    location: Location | None = None
    active: bool | None = True
    trace: tuple[Step, ...] = ()
    excerpt: str = ""
    remedy: str = ""
    also: tuple[Place, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Stable under shifted lines: rule, file, outcome and the excerpt without white space."""
        where = self.location.path if self.location else ""
        body = "".join((self.excerpt or self.message).split())
        key = "\0".join((self.rule, self.outcome, where, body))
        return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What one rule says of one submission."""

    outcome: Outcome
    reason: str
    findings: tuple[Finding, ...] = ()


def passed(reason: str) -> Ruling:
    return Ruling(Outcome.PASS, reason)


def not_checked(reason: str) -> Ruling:
    return Ruling(Outcome.NOT_CHECKED, reason)


def not_applicable(reason: str) -> Ruling:
    return Ruling(Outcome.NOT_APPLICABLE, reason)


def found(findings: tuple[Finding, ...] | list[Finding], otherwise: str, *, unchecked: str = "") -> Ruling:
    """The ruling that a rule's findings amount to.

    The most severe finding that is not inactive decides. With none, the outcome is `pass` with the reason
    `otherwise` (or `not-checked` with the reason `unchecked`, if given), and inactive findings stay attached.
    """
    findings = tuple(findings)
    live = [f for f in findings if f.active is not False]
    if live:
        worst = min(live, key=lambda f: f.outcome.rank)
        return Ruling(worst.outcome, worst.message, findings)
    if unchecked:
        return Ruling(Outcome.NOT_CHECKED, unchecked, findings)
    if findings:
        return Ruling(Outcome.PASS, f"present in the code, not active: {findings[0].message}", findings)
    return Ruling(Outcome.PASS, otherwise)
