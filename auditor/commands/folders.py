"""The audit of a pull request: the record folder that is chosen, and beside it each other one that it adds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.commands.work import Task, Terms, audit, load

if TYPE_CHECKING:
    from auditor.judgement.model import OtherFolder, Report
    from auditor.submission import Submission

MOST = 8  # other folders that are judged; a branch may bring all that its author ever submitted
_SHARE = 1 / 3  # of the time of the audit: the chosen folder is the one that was asked for


def audited(
    task: Task, terms: Terms, progress: Callable[[str], None] | None = None, *, folder: str | None = None,
    kept: bool = False,
) -> Report:  # fmt: skip
    """The report of a submission that is loaded here, with what was found in the other folders.

    Raises SubmissionError, and UsageError for a what-if name that the program does not know.
    """
    began = time.process_time()
    submission = load(task, terms.repo, folder)
    report = audit(submission, terms, progress, kept=kept)
    if terms.settings:
        return report  # a what-if of one program
    rivals = task.rivals if task.loaded is not None else loaded(task, submission, terms.repo)
    found = []
    for rival in rivals:
        if time.process_time() - began > terms.timeout * _SHARE:
            break  # the report names what was not judged
        found.append(_judged(rival, terms))
    return replace(report, folders=tuple(found))


def loaded(task: Task, submission: Submission, repo: Path | None) -> Sequence[Submission]:
    """The other submissions of a pull request, as many as are judged; one that cannot be read is left out."""
    return list(_each(task, submission.rivals[:MOST], repo))


def _each(task: Task, folders: Sequence[str], repo: Path | None) -> Iterator[Submission]:
    from auditor.submission import SubmissionError

    for folder in folders:
        try:
            yield load(task, repo, folder)
        except SubmissionError:
            continue


def _judged(submission: Submission, terms: Terms) -> OtherFolder:
    """What is found of a folder by its files alone: it is run for no probe and tested against no record."""
    from auditor.commands.law import law
    from auditor.judgement.evaluation import how_scored, recipe_of
    from auditor.judgement.gather import gather
    from auditor.judgement.judge import judge
    from auditor.judgement.model import OtherFolder
    from auditor.report import view

    facts = gather(submission, {}, strict=terms.debug)
    rules, budgets = law()
    report = judge(
        facts,
        rules,
        budgets,
        evaluation=how_scored(facts.program, facts.headline),
        recipe=recipe_of(facts.program, facts.headline),
    )
    decided, _ = view.rests_on(report)
    because = view.gravest(report)
    said = because.message if because is not None else report.verdict_because
    return OtherFolder(submission.folder, report.verdict, report.verdict_class, decided, said)
