"""golf-audit: one submission, or a triage table of several. `golf-audit queue` is in `auditor.commands.queue`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from auditor.commands.folders import audited
from auditor.commands.law import law, rule_named
from auditor.commands.options import Options, read
from auditor.commands.output import Progress, colour, output, width
from auditor.commands.parser import parser
from auditor.commands.process import BROKEN, FAILED, INTERRUPTED, NOT_JUDGED, OK, USAGE, UsageError, guarded
from auditor.commands.work import Task, exit_status, facts_of, load, unloaded
from auditor.commands.worker import limited

if TYPE_CHECKING:
    from auditor.judgement.model import Report
    from auditor.report import Format
    from auditor.rule import Rule
    from auditor.submission import Submission

__all__ = ["BROKEN", "FAILED", "INTERRUPTED", "NOT_JUDGED", "OK", "USAGE", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status and never raises, whatever the input."""
    return guarded("golf-audit", _main, argv)


def _main(arguments: Sequence[str]) -> int:
    if arguments[:1] == ["queue"]:
        from auditor.commands.queue import run

        return run(arguments[1:])
    if arguments[:1] == ["explain-witness"]:
        from auditor.commands.witness import run as explained

        return explained(arguments[1:])
    if arguments[:1] == ["worker"]:
        from auditor.commands.cluster_worker import work

        return work(arguments[1:])
    options = read(arguments)
    if options.completion is not None:
        from auditor.commands.completion import script

        return _written(options, script(parser(), options.completion) + "\n")
    if options.rules or options.explain is not None:
        return _catalogue(options)
    if options.smoke:
        return _smoke(options)
    if options.watch:
        from auditor.commands.watch import watched

        return watched(options.paths, partial(_several if options.several else _single, options))
    return _several(options) if options.several else _single(options)


def _several(options: Options) -> int:
    from auditor.commands.many import many

    return many(options)


# --- the rules -----------------------------------------------------------------------------------------------------


def _catalogue(options: Options) -> int:
    from auditor.report import rules as catalogue

    rules, budgets = law()
    if options.explain is not None:
        text = _explained(rule_named(options.explain), options)
    elif options.form == "json":
        text = catalogue.listing_json(rules)
    elif options.form == "markdown":
        text = catalogue.page(rules, budgets.ruleset)
    else:
        text = catalogue.listing(rules, width=width())
    return _written(options, text)


def _explained(rule: Rule, options: Options) -> str:
    """One rule as its page in Markdown, or as text."""
    if options.form == "markdown":
        from auditor.report.rule_page import page
        from rules.examples.folders import folder

        return page(rule, folder())
    from auditor.report.rules import explain

    return explain(rule, width=min(width(), 100))


def _written(options: Options, text: str) -> int:
    if not options.quiet or options.output is not None:
        with output(options) as out:
            out.write(text)
    return OK


# --- one submission ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answered:
    """What a worker sends back of one submission: its text and the exit status."""

    text: str
    status: int


def _single(options: Options) -> int:
    from auditor.limits.model import LimitReached
    from auditor.report import render
    from auditor.submission import SubmissionError

    if options.probe:
        _needs_torch()
    shown = partial(render, form=cast("Format", options.form), width=width(options), colour=colour(options))
    try:
        answer = limited(partial(_answered, options, shown), options.limits)
    except LimitReached as reached:
        answer = Answered(shown(unloaded(_task(options).nothing, str(reached))), NOT_JUDGED)
    except SubmissionError as error:
        if options.form == "jsonl" and options.prs.one:  # a line for every pull request that was asked for
            _written(options, shown(unloaded(_task(options).nothing, str(error))))
        raise
    _written(options, answer.text)
    return answer.status


def _answered(options: Options, shown: Callable[[Report], str]) -> Answered:
    """Runs in a worker."""
    if options.switches:
        return Answered(_switches(_load(options), options), OK)
    with Progress("probe", quiet=not options.progress) as progress:
        report = audited(_task(options), options, progress, folder=options.folder)
    status = exit_status(report, options.fail_on)
    if options.source is not None:
        from auditor.report.source import render as source

        try:
            return Answered(source(report, options.source, form=options.form), OK)
        except ValueError as error:
            raise UsageError(f"--show-source: {error}") from None
    if options.checklist:
        from auditor.report.checklist import render as listed

        return Answered(listed(report, form=options.form, width=width(options), colour=colour(options)), status)
    return Answered(shown(report), status)


def _switches(submission: Submission, options: Options) -> str:
    from auditor.commands.switches import turned
    from auditor.report.switches import render as table

    facts = facts_of(submission, options)
    with Progress("switches", quiet=not options.progress) as progress:
        return table(facts, turned(facts, options, progress), form=options.form, width=width(options))


def _needs_torch() -> None:
    """Raises UsageError where torch is missing."""
    from auditor.commands.running import INSTALL, ready

    if not ready():
        raise UsageError(INSTALL)


def _smoke(options: Options) -> int:
    _needs_torch()
    answer = limited(partial(_smoked, options), options.limits)
    _written(options, answer.text)
    return answer.status


def _smoked(options: Options) -> Answered:
    """Runs in a worker."""
    from auditor.commands.running import smoked
    from auditor.limits.confine import unconfined
    from auditor.report.smoke import render

    facts = facts_of(_load(options), options)
    with Progress("smoke", quiet=not options.progress) as progress, unconfined():
        result = smoked(facts, unsafe=options.probe_unsafe, progress=progress)
    text = render(facts, result, form=options.form, width=width(options))
    return Answered(text, OK if result.status == "ran" else NOT_JUDGED)


def _task(options: Options) -> Task:
    return Task(options.prs.one) if options.repo is not None else Task(path=str(options.paths[0]))


def _load(options: Options) -> Submission:
    return load(_task(options), options.repo, options.folder)


if __name__ == "__main__":
    sys.exit(main())
