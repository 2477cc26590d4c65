"""golf-stats: is it a record?"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from auditor.commands.output import colour, output, width
from auditor.commands.process import UsageError, guarded
from auditor.commands.stats_options import Options, read
from auditor.commands.worker import limited

if TYPE_CHECKING:
    from auditor.significance.model import Chain, Comparison, Side

MET, NOT_MET, USAGE, NOT_TESTED, BROKEN = 0, 1, 2, 3, 4  # the last three are those of `process`


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status and never raises, whatever the input."""
    return guarded("golf-stats", _main, argv)


def _main(arguments: Sequence[str]) -> int:
    options = read(arguments)
    text, status = limited(partial(_answered, options, width(options), colour(options)), options.limits)
    with output(options) as out:
        out.write(text)
    return status


def _answered(options: Options, columns: int, tint: bool) -> tuple[str, int]:
    """The text and the exit status. Runs in a worker."""

    from auditor.report.significance import render

    answer = _chain() if options.chain else answer_of(options)
    return render(answer, options.form, width=columns, colour=tint), exit_status(answer)


def _chain() -> Chain:
    from auditor.commands import stats_law
    from auditor.significance.chain import chain
    from rules.law.limits import LIMITS

    return chain(stats_law.entries(), stats_law.bars(), LIMITS.ledger_tolerance)


def answer_of(options: Options) -> Comparison:
    """Everything between the command line and the report. Raises UsageError or SubmissionError."""
    from datetime import date

    from auditor.commands import stats_law
    from auditor.significance.compare import compare
    from rules.law.limits import LIMITS

    new, folder = _new_side(options)
    day = options.as_of or (date.fromisoformat(new.date) if new.date else None)
    if options.baseline != "auto":
        base, because = stats_law.source(options.baseline, options.repo)
    elif options.as_of is None and not new.date and not options.values:
        raise UsageError("the submission bears no date: say --as-of DATE or --baseline SOURCE")
    else:
        inclusive = options.as_of is not None or day is None
        base, because = stats_law.standing(
            day or date.fromisoformat(LIMITS.ruleset), inclusive=inclusive, folder=folder
        )
    margin = (options.margin or LIMITS.significance_nats) if options.reproduces else None
    return compare(
        stats_law.with_reproductions(new, options.pool, options.repo),
        stats_law.with_reproductions(base, options.pool_baseline, options.repo),
        stats_law.terms(day or date.fromisoformat(LIMITS.ruleset), options.confidence),
        baseline_because=because,
        margin_nats=margin,
        frontier=stats_law.frontier(),
    )


def _new_side(options: Options) -> tuple[Side, str]:
    """The side in question and its folder."""
    from auditor.commands import stats_law
    from auditor.significance.inputs import from_values

    if options.values:
        return from_values(options.values, "the given figures", options.bytes_per_token), ""
    from auditor.submission import Clone, load_path

    if options.pr is not None and options.repo is not None:
        with Clone(options.repo) as clone:
            submission = clone.load(options.pr, folder=options.folder)
    else:
        assert options.path is not None
        submission = load_path(options.path, folder=options.folder)
    return stats_law.side_of(stats_law.facts_of(submission)), submission.folder


def exit_status(answer: Comparison | Chain) -> int:
    """What an answer means to a script; the same for every format."""
    from auditor.significance.model import Chain

    if isinstance(answer, Chain):
        return MET
    if answer.equivalence is not None:
        said = answer.equivalence.equivalent
    else:
        said = answer.deciding.met if answer.deciding is not None else None
    return NOT_TESTED if said is None else MET if said else NOT_MET


if __name__ == "__main__":
    sys.exit(main())
