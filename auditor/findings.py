"""The vocabulary of judgement: outcomes, findings, verdicts, and the report as a value."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from auditor.claims import Claims
from auditor.config import Configuration
from auditor.runs import Run
from auditor.source import Sources
from auditor.submission import Submission

if TYPE_CHECKING:
    from auditor.agreement import Agreement
    from auditor.probe.model import Probe
    from auditor.significance.model import Comparison


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


class Verdict(StrEnum):
    VIOLATION = "violation"
    DISPUTED = "disputed"
    INCONCLUSIVE = "inconclusive"
    CLEAN = "clean"


@dataclass(frozen=True, slots=True)
class Location:
    """A place in the submission. `line` counts from 1 in the decoded text of that layer (0: as shipped)."""

    path: str
    line: int | None = None
    end_line: int | None = None
    layer: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One event of a trace: what happens, and where."""

    event: str  # "Adapt", "Score", "Read", ...
    text: str
    location: Location


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where a rule found something.

    `active`: True it runs under the configuration, False it does not, None it cannot be told.
    Only active findings decide. `excerpt` is untrusted text, lines of the submission.
    """

    rule: str
    outcome: Outcome
    message: str
    location: Location | None = None
    active: bool | None = True
    trace: tuple[Step, ...] = ()
    excerpt: str = ""
    remedy: str = ""

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


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """One row of the report's table of rules; every rule has one."""

    rule: str
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class Cap:
    """A budget and what was used of it. `used` is None where nothing says."""

    name: str  # "artifact", "training", "evaluation"
    used: float | None
    limit: float
    unit: str  # "bytes", "seconds"
    where: str  # log or file that says so
    note: str = ""

    @property
    def headroom(self) -> float | None:
        return None if self.used is None else self.limit - self.used


@dataclass(frozen=True)
class Report:
    """Everything the renderers need; they decide nothing."""

    submission: Submission
    claims: Claims
    runs: tuple[Run, ...]
    sources: Sources
    configuration: Configuration
    verdict: Verdict
    verdict_because: str
    outcomes: tuple[RuleOutcome, ...]
    findings: tuple[Finding, ...]
    headline: tuple[Run, ...] = ()  # the runs whose figures the claim stands on
    caps: tuple[Cap, ...] = ()
    evaluation: str = ""  # one paragraph: how the score is made, read off the trace
    ruleset: str = ""
    titles: Mapping[str, str] = field(default_factory=dict)  # rule id -> one line
    references: Mapping[str, str] = field(default_factory=dict)  # rule id -> URL of the ruling or README section
    criteria: Mapping[str, str] = field(default_factory=dict)  # rule id -> what is tested
    canonical_bytes: float | None = None  # bytes of the full validation set, for the ledger
    significance: Comparison | None = None  # against a baseline, where one was named
    probe: Probe | None = None  # the submission run small, where that was asked for
    agreement: tuple[Agreement, ...] = ()  # what the code says against what the probe saw

    def with_findings(self, findings: tuple[Finding, ...]) -> Report:
        return replace(self, findings=findings)
