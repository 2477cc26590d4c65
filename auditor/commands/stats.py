"""golf-stats: is it a record?"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO, cast

from auditor.commands.options import UsageError
from auditor.commands.stats_options import Options, read
from auditor.report.text import one_line

if TYPE_CHECKING:
    from auditor.significance.model import Chain, Comparison, Side

MET, NOT_MET, USAGE, NOT_TESTED, BROKEN, INTERRUPTED = 0, 1, 2, 3, 4, 130


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status and never raises, whatever the input."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            cast("object", stream).reconfigure(errors="backslashreplace")  # type: ignore[attr-defined]
    try:
        return _main(arguments)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return BROKEN
    except KeyboardInterrupt:
        return _say("interrupted", INTERRUPTED)
    except SystemExit as leaving:  # argparse, after --help and --version
        return leaving.code if isinstance(leaving.code, int) else MET
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
        answer = _chain() if options.chain else answer_of(options)
        _write(answer, options)
        return exit_status(answer)
    except UsageError as error:
        return _say(str(error), USAGE)
    except SubmissionError as error:
        return _say(str(error), USAGE if error.usage else NOT_TESTED)


def _say(message: str, status: int) -> int:
    print(f"golf-stats: {one_line(message, 1000)}", file=sys.stderr)
    return status


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


def _write(answer: Comparison | Chain, options: Options) -> None:
    from auditor.report.significance import render

    width = 80 if options.output is not None else shutil.get_terminal_size((80, 24)).columns
    text = render(answer, options.form, width=width, colour=_colour(options))
    with _output(options) as out:
        out.write(text)


@contextlib.contextmanager
def _output(options: Options) -> Iterator[TextIO]:
    """Standard output or the file of -o. Raises UsageError where the file cannot be written."""
    if options.output is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    try:
        out = options.output.open("w", encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(f"cannot write {str(options.output)!r}: {error.strerror}") from error
    with out:
        yield out


def _colour(options: Options) -> bool:
    """NO_COLOR beats FORCE_COLOR beats whether standard output is a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return options.output is None and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


if __name__ == "__main__":
    sys.exit(main())
