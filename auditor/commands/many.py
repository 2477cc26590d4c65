"""Several submissions in one go: a triage table, or their reports one after the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from auditor.commands.folders import audited
from auditor.commands.law import law, waivers
from auditor.commands.options import Options
from auditor.commands.output import Progress, colour, output, width
from auditor.commands.process import BROKEN, FAILED, NOT_JUDGED, OK, UsageError, say
from auditor.commands.work import Task, Terms, exit_status, unloaded
from auditor.limits.confine import one_thread
from auditor.limits.model import LimitReached

if TYPE_CHECKING:
    from auditor.judgement.model import Report
    from auditor.report import Format
    from auditor.report.triage import Row

# Of several submissions the most telling status counts, in this order.
PRECEDENCE = (FAILED, BROKEN, NOT_JUDGED, OK)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker sends back of one submission: its text or its row of the triage table, and the status."""

    text: str
    row: Row
    status: int


def many(options: Options) -> int:
    """The command for several submissions; its exit status is the most telling of theirs."""
    from auditor.queue.pool import in_order, run_many

    tasks = _tasks(options)
    prepared(options)
    work = cast("Callable[[Task], Answer]", partial(_one, options))
    broken = cast("Callable[[Task, Exception], Answer]", partial(_broken, options))
    jobs = min(options.jobs or os.cpu_count() or 1, len(tasks))
    answers = in_order(tasks, run_many(tasks, work, broken, jobs=jobs, limits=options.limits))
    rows, statuses = [], {OK}
    with output(options) as out, Progress("", quiet=not options.progress) as progress:
        for number, answer in enumerate(answers, start=1):
            progress(f"{number}/{len(tasks)} audited", passing=number % 50 != 0)
            statuses.add(answer.status)
            rows.append(answer.row)
            if not options.quiet:
                out.write(answer.text)
                out.flush()
        if options.form == "terminal" and not options.quiet:
            from auditor.report.triage import render

            out.write(render(rows, width=width(options), colour=colour(options)))
    return next(status for status in PRECEDENCE if status in statuses)


def _tasks(options: Options) -> Sequence[Task]:
    """Raises UsageError where nothing is left, SubmissionError for a clone that is none."""
    if options.repo is None:
        return [Task(path=str(path)) for path in dict.fromkeys(options.paths)]
    from auditor.submission import Clone

    with Clone(options.repo) as clone:  # a wrong path is one error, not one for every pull request
        known = clone.pull_requests() if options.prs.every or options.prs.spans else []
    tasks = [Task(pr) for pr in options.prs.among(known)]
    if not tasks:
        raise UsageError("the clone has none of these pull requests")
    return tasks


def prepared(options: Terms) -> None:
    """What is wrong with baseline, waivers or rules is said once, before workers start; they find all loaded."""
    one_thread()
    if options.baseline != "none":
        from auditor.commands.stats_law import source  # with the numerical libraries: workers have them at their start

        if options.baseline not in (None, "auto"):
            source(options.baseline, options.repo)
    if options.waivers is not None:
        waivers(options.waivers)
    if options.probe:
        from auditor.commands.running import INSTALL, ready

        if not ready():  # the audits are worth having all the same; each says that its probe was not checked
            say("golf-audit", INSTALL)
    law()


def _one(options: Options, task: Task) -> Answer:
    """Runs in a worker."""
    from auditor.submission import SubmissionError

    try:
        report = audited(task, options, kept=True)
    except (SubmissionError, UsageError) as error:
        return _answer(unloaded(task.nothing, str(error)), options, task)
    return _answer(report, options, task, exit_status(report, options.fail_on))


def _broken(options: Options, task: Task, error: Exception) -> Answer:
    status = NOT_JUDGED if isinstance(error, LimitReached) else BROKEN
    return _answer(unloaded(task.nothing, str(error)), options, task, status)


def _answer(report: Report, options: Options, task: Task, status: int = NOT_JUDGED) -> Answer:
    from auditor.report import render
    from auditor.report.triage import row_of

    text = "" if options.form == "terminal" else render(report, cast("Format", options.form))
    if options.form == "markdown":
        text += "\n---\n\n"
    return Answer(text, row_of(report, task.name), status)
