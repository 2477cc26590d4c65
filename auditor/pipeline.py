"""From a submission to everything that the rules look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from auditor.claims import Claims, read_claims
from auditor.config import Configuration, configure
from auditor.judge import describe
from auditor.program import Program, analyse
from auditor.rule import Facts
from auditor.runs import Run, read_runs
from auditor.runs.headline import headline
from auditor.source import SourceProblem, Sources, decode
from auditor.submission import Submission

T = TypeVar("T")


def gather(submission: Submission, settings: Mapping[str, str], *, strict: bool = False) -> Facts:
    """Read, decode and follow a submission. `settings` are what-if values that beat every other source.

    A reader that raises costs its own part only: the part stays empty, and a decisive problem in
    `Facts.sources` keeps the report from being called clean. `strict` lets the exception through.
    """
    failures: list[SourceProblem] = []

    def part(what: str, read: Callable[[], T], empty: T) -> T:
        try:
            return read()
        except Exception as error:
            if strict:
                raise
            message = f"the auditor failed while it {what}: {describe(error)}"
            failures.append(SourceProblem(submission.folder or ".", None, message, decisive=True))
            return empty

    no_runs: tuple[Run, ...] = ()
    claims = part("read the claims", lambda: read_claims(submission), Claims())
    runs = part("read the logs", lambda: read_runs(submission), no_runs)
    claimed = part("matched the logs to the claims", lambda: headline(runs, claims), no_runs)
    sources = part("decoded the source", lambda: decode(submission, claims), Sources(None, (), ()))
    configuration = part(
        "read the configuration", lambda: configure(sources, claims, claimed or runs, settings), Configuration()
    )
    program = part("followed the code", lambda: analyse(sources, configuration), Program(followed=False))
    return Facts(
        submission=submission,
        sources=replace(sources, problems=(*sources.problems, *failures)) if failures else sources,
        claims=claims,
        runs=runs,
        headline=claimed,
        configuration=configuration,
        program=program,
    )
