"""golf-audit: the only place that knows both the auditor and the rules."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, cast

from auditor.commands.options import Options, UsageError, read
from auditor.commands.output import Progress, colour, counted, output, width
from auditor.report.text import one_line

if TYPE_CHECKING:
    from auditor.judgement.judge import Budgets
    from auditor.judgement.model import Report
    from auditor.probe.model import Probe
    from auditor.report import Format
    from auditor.report.terminal import Row
    from auditor.rule import Facts, Rule
    from auditor.submission import Submission

OK, FAILED, USAGE, NOT_JUDGED, BROKEN, INTERRUPTED = 0, 1, 2, 3, 4, 130
# Of several submissions the most telling status counts, in this order.
_PRECEDENCE = (FAILED, BROKEN, NOT_JUDGED, OK)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status and never raises, whatever the input."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        # A name that the locale cannot print must not end the report.
        with contextlib.suppress(AttributeError, ValueError):
            cast("object", stream).reconfigure(errors="backslashreplace")  # type: ignore[attr-defined]
    try:
        return _main(arguments)
    except BrokenPipeError:
        # The reader has gone (`golf-audit ... | head`): nothing more can be said, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return BROKEN
    except KeyboardInterrupt:
        return _say("interrupted", INTERRUPTED)
    except SystemExit as leaving:  # argparse, after --help and --version
        return leaving.code if isinstance(leaving.code, int) else OK
    except Exception as error:
        if "--debug" in arguments:
            import traceback

            traceback.print_exc()
        from auditor.judgement.judge import describe

        return _say(f"internal error: {describe(error)}; --debug shows where", BROKEN)


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
    print(f"golf-audit: {one_line(message, 1000)}", file=sys.stderr)
    return status


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
    from auditor.judgement.evaluation import how_scored
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
    return judge(facts, rules, budgets, evaluation=how_scored(facts.program, logged))


def _probe(facts: Facts, options: Options) -> Probe:
    from auditor.commands.running import probed

    run = partial(probed, facts, unsafe=options.probe_unsafe, seconds=options.probe_limit, strict=options.debug)
    if len(options.prs) > 1:  # several at a time: their lines would run into each other
        return run(progress=None)
    with Progress("probe") as progress:
        return run(progress=progress)


def _single(options: Options) -> int:
    from auditor.report import render
    from auditor.submission import SubmissionError

    if options.probe:
        _needs_torch()
    try:
        submission = _load(options)
    except SubmissionError as error:
        if options.form == "jsonl" and options.prs:  # a line for every pull request that was asked for
            with output(options) as out:
                out.write(render(_unloaded(options.prs[0], str(error)), "jsonl"))
        raise
    report = audit(submission, options)
    with output(options) as out:
        out.write(render(report, cast("Format", options.form), width=width(options), colour=colour(options)))
    return exit_status(report, options.fail_on)


def _needs_torch() -> None:
    """Raises UsageError where torch is missing."""
    from auditor.commands.running import INSTALL, ready

    if not ready():
        raise UsageError(INSTALL)


def _smoke(options: Options) -> int:
    from auditor.commands.running import smoked
    from auditor.judgement.gather import gather
    from auditor.report.smoke import render

    _needs_torch()
    facts = gather(_load(options), options.settings, strict=options.debug)
    with Progress("smoke") as progress:
        result = smoked(facts, unsafe=options.probe_unsafe, progress=progress)
    with output(options) as out:
        out.write(render(facts, result, form=options.form, width=width(options)))
    return OK if result.status == "ran" else NOT_JUDGED


def _load(options: Options) -> Submission:
    from auditor.submission import Clone, load_path

    if options.repo is not None:
        with Clone(options.repo) as clone:
            return clone.load(options.prs[0], folder=options.folder)
    assert options.path is not None
    return load_path(options.path, folder=options.folder)


def _unloaded(pr: int, reason: str) -> Report:
    from auditor.judgement.judge import unloaded
    from auditor.submission import Submission

    rules, budgets = _law()
    return unloaded(Submission("pull-request", "", (), pr=pr), reason, rules, budgets)


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
    try:
        with Clone(options.repo) as clone:
            report = audit(clone.load(pr), options)
    except SubmissionError as error:
        return _answer(_unloaded(pr, str(error)), options, pr)
    return _answer(report, options, pr, exit_status(report, options.fail_on))


def _broken(options: Options, pr: int, reason: str) -> Answer:
    return _answer(_unloaded(pr, reason), options, pr, BROKEN)


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
