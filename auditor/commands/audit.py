"""golf-audit: the only place that knows both the auditor and the rules."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, cast

from auditor.commands.options import Options, UsageError, read
from auditor.commands.output import Progress, colour, counted, output, width
from auditor.commands.process import BROKEN, guarded, say
from auditor.commands.worker import limited
from auditor.limits.confine import confine, unconfined
from auditor.limits.model import LimitReached

if TYPE_CHECKING:
    from auditor.judgement.judge import Budgets
    from auditor.judgement.model import Report
    from auditor.probe.model import Probe
    from auditor.report import Format
    from auditor.report.terminal import Row
    from auditor.rule import Facts, Rule
    from auditor.submission import Submission

OK, FAILED, USAGE, NOT_JUDGED = 0, 1, 2, 3
# Of several submissions the most telling status counts, in this order.
_PRECEDENCE = (FAILED, BROKEN, NOT_JUDGED, OK)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status and never raises, whatever the input."""
    return guarded("golf-audit", _main, argv)


def _main(arguments: Sequence[str]) -> int:
    from auditor.submission import SubmissionError

    try:
        options = read(arguments)
        if options.rules or options.explain is not None:
            return _catalogue(options)
        if options.smoke:
            return _smoke(options)
        return _many(options) if len(options.prs) > 1 else _single(options)
    except UsageError as error:
        return _say(str(error), USAGE)
    except SubmissionError as error:
        return _say(str(error), USAGE if error.usage else NOT_JUDGED)


def _say(message: str, status: int) -> int:
    return say("golf-audit", message, status)


# --- the law -------------------------------------------------------------------------------------------------------


def _law() -> tuple[tuple[Rule, ...], Budgets]:
    from auditor.judgement.judge import Budgets
    from rules import ALL
    from rules.law.limits import load

    limits = load()
    budgets = Budgets(
        artifact_bytes=limits.artifact_cap_bytes,
        train_seconds=limits.train_cap_seconds,
        eval_seconds=limits.eval_cap_seconds,
        validation_bytes=limits.canonical_bytes,
        ruleset=limits.ruleset,
    )
    return ALL, budgets


def _catalogue(options: Options) -> int:
    from auditor.report import rules as catalogue

    rules, budgets = _law()
    if options.explain is not None:
        rule = next((r for r in rules if r.id == options.explain), None)
        if rule is None:
            import difflib

            near = difflib.get_close_matches(options.explain, [r.id for r in rules], n=3)
            hint = f"; did you mean {' or '.join(near)}?" if near else "; golf-audit --rules lists them"
            raise UsageError(f"there is no rule {options.explain!r}{hint}")
        text = catalogue.explain(rule, width=min(width(), 100))
    elif options.form == "json":
        text = catalogue.listing_json(rules)
    elif options.form == "markdown":
        text = catalogue.page(rules, budgets.ruleset)
    else:
        text = catalogue.listing(rules, width=width())
    with output(options) as out:
        out.write(text)
    return OK


# --- one submission ------------------------------------------------------------------------------------------------


def audit(submission: Submission, options: Options) -> Report:
    """Everything between a loaded submission and its report."""
    from auditor.judgement.evaluation import how_scored, recipe_of
    from auditor.judgement.gather import gather
    from auditor.judgement.judge import judge

    rules, budgets = _law()
    facts = gather(submission, options.settings, strict=options.debug)
    if options.baseline is not None:
        from auditor.commands.stats_law import section

        facts = replace(facts, significance=section(facts, options.baseline, options.repo))
    if options.probe:
        facts = replace(facts, probe=_probe(facts, options))
    logged = () if options.settings else facts.headline  # under a what-if, the logs' score is another program's
    said, recipe = how_scored(facts.program, logged), recipe_of(facts.program, logged)
    return judge(facts, rules, budgets, evaluation=said, recipe=recipe)


def _probe(facts: Facts, options: Options) -> Probe:
    from auditor.commands.running import probed

    run = partial(probed, facts, unsafe=options.probe_unsafe, seconds=options.probe_limit, strict=options.debug)
    with unconfined():  # the sandbox has limits of its own
        if len(options.prs) > 1:  # several at a time: their lines would run into each other
            return run(progress=None)
        with Progress("probe") as progress:
            return run(progress=progress)


def _single(options: Options) -> int:
    from auditor.report import render
    from auditor.submission import SubmissionError

    if options.probe:
        _needs_torch()
    shown = partial(render, form=cast("Format", options.form), width=width(options), colour=colour(options))
    try:
        answer = limited(partial(_judged, options, shown), options.limits)
    except LimitReached as reached:
        answer = Answered(shown(_unloaded(options, str(reached))), NOT_JUDGED)
    except SubmissionError as error:
        if options.form == "jsonl" and options.prs:  # a line for every pull request that was asked for
            with output(options) as out:
                out.write(render(_unloaded(options, str(error)), "jsonl"))
        raise
    with output(options) as out:
        out.write(answer.text)
    return answer.status


@dataclass(frozen=True, slots=True)
class Answered:
    """What a worker sends back of one submission: its text and the exit status."""

    text: str
    status: int


def _judged(options: Options, shown: Callable[[Report], str]) -> Answered:
    """Runs in a worker."""
    report = audit(_load(options), options)
    return Answered(shown(report), exit_status(report, options.fail_on))


def _needs_torch() -> None:
    """Raises UsageError where torch is missing."""
    from auditor.commands.running import INSTALL, ready

    if not ready():
        raise UsageError(INSTALL)


def _smoke(options: Options) -> int:
    _needs_torch()
    try:
        answer = limited(partial(_smoked, options, width(options)), options.limits)
    except LimitReached as reached:
        return _say(str(reached), NOT_JUDGED)
    with output(options) as out:
        out.write(answer.text)
    return answer.status


def _smoked(options: Options, columns: int) -> Answered:
    """Runs in a worker."""
    from auditor.commands.running import smoked
    from auditor.judgement.gather import gather
    from auditor.report.smoke import render

    facts = gather(_load(options), options.settings, strict=options.debug)
    with Progress("smoke") as progress, unconfined():
        result = smoked(facts, unsafe=options.probe_unsafe, progress=progress)
    return Answered(
        render(facts, result, form=options.form, width=columns), OK if result.status == "ran" else NOT_JUDGED
    )


def _load(options: Options) -> Submission:
    from auditor.submission import Clone, load_path

    if options.repo is not None:
        with Clone(options.repo) as clone:
            return clone.load(options.prs[0], folder=options.folder)
    assert options.path is not None
    return load_path(options.path, folder=options.folder)


def _unloaded(options: Options, reason: str, pr: int | None = None) -> Report:
    """The report of what could not be loaded, or whose audit was ended."""
    from auditor.judgement.judge import unloaded
    from auditor.submission import Submission

    rules, budgets = _law()
    number = pr if pr is not None else next(iter(options.prs), None)
    name = "" if options.path is None else options.path.resolve().name
    return unloaded(Submission("pull-request" if number else "folder", name, (), pr=number), reason, rules, budgets)


def exit_status(report: Report, fail_on: str) -> int:
    """What a report means to a script; the same for every format."""
    from auditor.findings import Outcome
    from auditor.judgement.model import Verdict

    if _reaches(report, fail_on):
        return FAILED
    if any(row.outcome is Outcome.ERROR for row in report.outcomes):
        return BROKEN
    if report.probe is not None and not report.probe.decided:
        return NOT_JUDGED  # it was asked for: what it did not look at is no pass
    return NOT_JUDGED if report.verdict is Verdict.INCONCLUSIVE else OK


def _reaches(report: Report, fail_on: str) -> bool:
    from auditor.findings import Outcome

    if fail_on == "never":
        return False
    bar = Outcome(fail_on)
    failing = [o for o in (Outcome.VIOLATION, Outcome.DISPUTED, Outcome.WARNING) if o.rank <= bar.rank]
    return any(row.outcome in failing for row in report.outcomes)


# --- many pull requests --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker sends back of one pull request: its text or its row of the triage table, and the status."""

    text: str
    row: Row
    status: int


def _many(options: Options) -> int:
    from auditor.queue.pool import run_many
    from auditor.submission import Clone

    assert options.repo is not None
    with Clone(options.repo):  # a wrong path is one error, not one for every pull request
        pass
    if options.baseline is not None and options.baseline != "auto":
        from auditor.commands.stats_law import source

        source(options.baseline, options.repo)
    if options.probe:
        from auditor.commands.running import INSTALL, ready

        if not ready():  # the audits are worth having all the same; each says that its probe was not checked
            _say(INSTALL, NOT_JUDGED)
    _law()  # and so is a broken rule; forked workers have the modules loaded
    work = cast("Callable[[int], Answer]", partial(_one_of_many, options))
    broken = cast("Callable[[int, str], Answer]", partial(_broken, options))
    jobs = options.jobs or os.cpu_count() or 1
    answers = run_many(options.prs, work, broken, jobs=jobs, timeout=options.task_limit)
    rows, statuses = [], set()
    with output(options) as out:
        for number, answer in enumerate(answers, start=1):
            counted(number, len(options.prs))
            statuses.add(answer.status)
            rows.append(answer.row)
            out.write(answer.text)
            out.flush()
        if options.form == "terminal":
            from auditor.report.terminal import render_table

            out.write(render_table(rows, width=width(options), colour=colour(options)))
    return next(status for status in _PRECEDENCE if status in statuses)


def _one_of_many(options: Options, pr: int) -> Answer:
    """Runs in a worker."""
    from auditor.submission import Clone, SubmissionError

    assert options.repo is not None
    confine(options.limits)
    try:
        with Clone(options.repo) as clone:
            report = audit(clone.load(pr), options)
    except SubmissionError as error:
        return _answer(_unloaded(options, str(error), pr), options, pr)
    except MemoryError:
        return _answer(_unloaded(options, options.limits.too_large, pr), options, pr)
    return _answer(report, options, pr, exit_status(report, options.fail_on))


def _broken(options: Options, pr: int, reason: str) -> Answer:
    return _answer(_unloaded(options, reason, pr), options, pr, BROKEN)


def _answer(report: Report, options: Options, pr: int, status: int = NOT_JUDGED) -> Answer:
    from auditor.report import render, view
    from auditor.report.probe import mark
    from auditor.report.terminal import Row

    text = "" if options.form == "terminal" else render(report, cast("Format", options.form))
    if options.form == "markdown":
        text += "\n---\n\n"
    claim = report.claims.val_bpb
    findings = view.deciding(report)
    rule = findings[0].rule if findings else ""
    message = findings[0].message if findings else view.remark(report)
    bpb = f"{claim.value:.4f}" if claim else "?"
    row = Row(f"#{pr}", str(report.verdict), bpb, rule, message, mark(report.probe))
    return Answer(text, row, status)


if __name__ == "__main__":
    sys.exit(main())
