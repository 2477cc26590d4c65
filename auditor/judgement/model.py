"""What a judgement comes to: the verdict, a row for every rule, the budgets, and the report as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from auditor.claims import Claims
from auditor.config import Configuration
from auditor.findings import Class, Finding, Outcome
from auditor.judgement.agreement import Agreement
from auditor.probe.model import Probe
from auditor.program.recipe.formula import Formula
from auditor.runs import Run
from auditor.significance.model import Comparison
from auditor.source import Sources
from auditor.submission import Submission


class Verdict(StrEnum):
    VIOLATION = "violation"
    DISPUTED = "disputed"
    INCONCLUSIVE = "inconclusive"
    CLEAN = "clean"


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """One row of the report's table of rules; every rule has one."""

    rule: str
    outcome: Outcome
    reason: str
    class_: Class


@dataclass(frozen=True, slots=True)
class Said:
    """What the maintainers did with this very submission. It stands beside the verdict and never changes it."""

    what: Literal["accepted", "ruled-out", "merged"]
    text: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Waiver:
    """A maintainer's word that a rule's findings may stand in one pull request. Shown: the verdict is as it was."""

    rule: str
    pr: int
    by: str
    reason: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class OtherFolder:
    """What was found of another record folder that the same pull request adds, by itself. It stands beside the verdict
    and never changes it: merging the pull request brings that folder in as well."""

    folder: str
    verdict: Verdict
    verdict_class: Class | None
    decided_by: tuple[str, ...]
    because: str


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
    findings: tuple[Finding, ...]  # the gravest first: `judgement.gravity`
    not_judged: str = ""  # why the score could not be judged, also where a violation of something else decides
    verdict_class: Class | None = None  # the gravest class among what decides; None where nothing does
    said: tuple[Said, ...] = ()  # what the maintainers did with it
    waivers: tuple[Waiver, ...] = ()  # those of this pull request
    folders: tuple[OtherFolder, ...] = ()  # what else the pull request adds, as far as it was judged
    what_if: Mapping[str, str] = field(default_factory=dict)  # the values of --set, under which all of this holds
    headline: tuple[Run, ...] = ()  # the runs whose figures the claim stands on
    caps: tuple[Cap, ...] = ()
    evaluation: str = ""  # one paragraph: how the score is made, read off the trace
    recipe: Formula | None = None  # the formula of the reported figure
    ruleset: str = ""
    titles: Mapping[str, str] = field(default_factory=dict)  # rule id -> one line
    references: Mapping[str, str] = field(default_factory=dict)  # rule id -> URL of the ruling or README section
    criteria: Mapping[str, str] = field(default_factory=dict)  # rule id -> what is tested
    classes: Mapping[str, Class] = field(default_factory=dict)  # rule id -> what is at stake
    canonical_bytes: float | None = None  # bytes of the full validation set, for the ledger
    significance: Comparison | None = None  # against a baseline, where one was named
    probe: Probe | None = None  # the submission run small, where that was asked for
    agreement: tuple[Agreement, ...] = ()  # what the code says against what the probe saw

    def with_findings(self, findings: tuple[Finding, ...]) -> Report:
        return replace(self, findings=findings)
