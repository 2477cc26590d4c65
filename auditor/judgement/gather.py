"""From a submission to everything that the rules look at."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.claims import read_claims
from auditor.config import Configuration, configure, with_unread_dumps
from auditor.limits.model import describe
from auditor.program import Program, analyse
from auditor.rule import Facts
from auditor.runs import Run, read_runs
from auditor.runs.edits import edits_of
from auditor.runs.headline import headline
from auditor.source import Sources, decode
from auditor.submission import Submission


def gather(submission: Submission, settings: Mapping[str, str], *, strict: bool = False) -> Facts:
    """Read, decode and follow a submission. `settings` are what-if values that beat every other source.

    An analysis that raises leaves a program that was not followed, which no rule takes for an innocent one;
    `strict` lets the exception through. A reader that raises is not caught: rules would take what it did not
    deliver for something that the submission lacks.
    """
    claims = read_claims(submission)
    runs = read_runs(submission)
    claimed = headline(runs, claims)
    sources = decode(submission, claims, _folder_of(claimed))
    configuration = configure(sources, claims, claimed or runs, settings)
    return Facts(
        submission=submission,
        sources=sources,
        claims=claims,
        runs=runs,
        headline=with_unread_dumps(claimed, submission, configuration.switches),
        configuration=configuration,
        program=_followed(sources, configuration, claimed or runs, strict),
        edits=edits_of(submission, runs),
    )


def _folder_of(runs: tuple[Run, ...]) -> str:
    """The subfolder that all these logs stand in, "" where there is none or more than one."""
    folders = {run.log.rpartition("/")[0] for run in runs}
    return folders.pop() if len(folders) == 1 else ""


def _followed(sources: Sources, configuration: Configuration, runs: tuple[Run, ...], strict: bool) -> Program:
    try:
        return analyse(sources, configuration, runs)
    except MemoryError:
        raise  # the audit's limit: the whole of it ends
    except Exception as error:
        if strict:
            raise
        return Program(followed=False, problems=(f"the analysis failed: {describe(error)}",))
