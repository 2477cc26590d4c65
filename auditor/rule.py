"""What a rule is: metadata that becomes documentation, a check, and examples that are its tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from auditor.claims import Claims
from auditor.config import Configuration
from auditor.findings import Class, Outcome, Ruling
from auditor.program import Program
from auditor.program.code import Code
from auditor.runs import Run
from auditor.runs.edits import Edit
from auditor.source import Sources
from auditor.submission import Submission

if TYPE_CHECKING:
    from auditor.probe.model import Condition, Kind, Probe
    from auditor.significance.model import Comparison

Authority = Literal["README", "maintainer", "community", "disputed", "measured"]
Evidence = Literal["code", "logs", "claims", "folder", "history"]


@dataclass(frozen=True)
class Facts:
    """Everything that a check may look at; values only, nothing is read from disk after this."""

    submission: Submission
    sources: Sources
    claims: Claims
    runs: tuple[Run, ...]  # every run of the folder
    headline: tuple[Run, ...]  # the runs whose figures the claim stands on
    configuration: Configuration
    program: Program
    significance: Comparison | None = None  # against a baseline, where one was named
    edits: tuple[Edit, ...] = ()  # figures that a later commit changed in a log
    probe: Probe | None = None  # the submission run small, where that was asked for

    @cached_property
    def code(self) -> Code:
        """What the program answers about its code beside the trace."""
        return Code(self.sources, self.configuration, self.program)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the rule comes from: a URL, who said it, and when (ISO date, "" for the README)."""

    url: str
    said: str
    date: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """A minimal submission folder and what the rule must say of it; every example runs as a test.

    `files` maps paths to contents. `settings` are what-if values (`--set`).
    """

    name: str
    kind: Literal["breaks", "legal", "inactive"]
    files: Mapping[str, str | bytes]
    expect: Outcome
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What running a submission shows of a rule.

    `breaks`: the conditions of issue 1017 that a finding of the rule breaks, the one that names it first. A witness of
    one of them that a measurement in `shown_by` took confirms the finding. `stands_for`: what the probe finds without a
    finding from the code is filed under this rule; every condition and measurement has one rule that stands for it.
    `blind`: why nothing follows for the rule where the measurements hold, "" where they speak against a finding.
    `argued`: why a disputed finding stays one although a witness confirms it, "" where the witness settles it.
    """

    shown_by: tuple[Kind, ...]
    breaks: tuple[Condition, ...] = ()
    stands_for: tuple[Condition | Kind, ...] = ()
    blind: str = ""
    argued: str = ""


@dataclass(frozen=True)
class Rule:
    """One way to break the law.

    `check` is pure: facts to ruling. It may raise; the judge turns that into an `error` outcome.
    """

    id: str
    title: str
    class_: Class  # what is at stake: `findings.Class`
    authority: Authority
    evidence: tuple[Evidence, ...]
    criterion: str
    why: str
    remedy: str
    sources: tuple[Source, ...]
    check: Callable[[Facts], Ruling]
    examples: tuple[Example, ...] = ()
    behaviour: Behaviour | None = None  # where a run can show it
    not_decidable: str = ""  # what this rule cannot see, and what would
