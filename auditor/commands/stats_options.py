"""The command line of golf-stats: its options, their help, and what is wrong usage."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from auditor import __version__
from auditor.commands.options import check_limits, form_of
from auditor.commands.parser import MEMORY_MIB, TIMEOUT_SECONDS, Parser
from auditor.commands.process import UsageError
from auditor.limits.model import MEBIBYTE, Limits

FORMATS = ("terminal", "markdown", "json", "html")

_DESCRIPTION = """\
Is it a record? Test the seeds of a submission to OpenAI's Parameter Golf
against the seeds of the record that it has to beat, under each rule that has
been applied to records."""

_EPILOG = """\
SOURCE is the number of an accepted record's pull request, a record folder, with
--repo any pull request of that clone, or figures such as 1.0811,1.0808,1.0812.

examples:
  golf-stats records/track_10min_16mb/2026-04-05_MyRecord
      against the record that stood when the submission was made
  golf-stats MyRecord --baseline 1019 -o significance.md
      against the record of pull request 1019, for the pull request
  golf-stats --repo parameter-golf --pr 1395 --baseline 1019
      a pull request of a clone
  golf-stats --values 1.0927 1.0927 1.0919 --as-of 2026-04-05
      figures alone, by the rules and the record of that day
  golf-stats Rerun --baseline MyRecord --reproduces
      did the rerun reproduce the claim?
  golf-stats --chain -o chain.html
      every accepted record against the one before

exit status, whatever the format:
  0  the bar that was applied on that day is met (--reproduces: reproduced)
  1  it is not met      2  wrong usage      3  it could not be tested
  4  golf-stats itself failed"""


@dataclass(frozen=True)
class Options:
    """A command line that has been understood. `margin` in nats per token, None for the README's."""

    path: Path | None = None
    repo: Path | None = None
    pr: int | None = None
    folder: str | None = None
    values: tuple[float, ...] = ()
    bytes_per_token: float | None = None
    baseline: str = "auto"
    as_of: date | None = None
    pool: tuple[str, ...] = ()
    pool_baseline: tuple[str, ...] = ()
    reproduces: bool = False
    margin: float | None = None
    confidence: float = 0.95
    chain: bool = False
    form: str = "terminal"
    output: Path | None = None
    color: str = "auto"
    timeout: float = TIMEOUT_SECONDS
    memory: float = MEMORY_MIB
    debug: bool = False

    @property
    def limits(self) -> Limits:
        """What the whole test may take."""
        return Limits(self.timeout, int(self.memory * MEBIBYTE))


def parser() -> Parser:
    p = Parser(
        prog="golf-stats",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    new = p.add_argument_group("what to test")
    new.add_argument("path", nargs="?", metavar="PATH", help="a record folder, or a checkout of a pull request")
    new.add_argument("--repo", metavar="CLONE", help="a clone, bare or not, that holds refs/pull/N/head")
    new.add_argument("--pr", type=int, metavar="N", help="a pull request of that clone")
    new.add_argument("--folder", metavar="FOLDER", help="the record folder, where several could be meant")
    new.add_argument("--values", type=float, nargs="+", metavar="BPB", help="figures of seeds, in bits per byte")
    new.add_argument("--bytes-per-token", type=float, metavar="X", help="of the tokenizer behind --values")
    new.add_argument("--pool", action="append", default=[], metavar="SOURCE", help="add an independent reproduction")
    new.add_argument("--chain", action="store_true", help="test every accepted record against the one before")
    base = p.add_argument_group("against what")
    base.add_argument("--baseline", default="auto", metavar="SOURCE", help="default: the record that stood at the time")
    base.add_argument(
        "--pool-baseline", action="append", default=[], metavar="SOURCE", help="the same for the baseline"
    )
    base.add_argument("--as-of", metavar="DATE", help="rules and record of that day (ISO), the day's own rows included")
    base.add_argument("--reproduces", action="store_true", help="test whether both are the same within a margin")
    base.add_argument(
        "--margin", type=float, metavar="NATS", help="that margin, nats per token (default: the README's)"
    )
    base.add_argument("--confidence", type=float, default=0.95, metavar="LEVEL", help="of intervals (default: 0.95)")
    what = p.add_argument_group("what to print")
    what.add_argument("--format", choices=FORMATS, help="default: by the ending of -o, else terminal")
    what.add_argument("-o", "--output", metavar="FILE", help="write the report there instead of to standard output")
    what.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="default: auto")
    what.add_argument(
        "--timeout",
        type=float,
        default=TIMEOUT_SECONDS,
        metavar="SECONDS",
        help="of processor time (default: %(default)g)",
    )
    what.add_argument("--memory", type=float, default=MEMORY_MIB, metavar="MIB", help="in MiB (default: %(default)g)")
    what.add_argument("--debug", action="store_true", help="a traceback where golf-stats itself fails")
    p.add_argument("--version", action="version", version=f"golf-stats {__version__}")
    return p


def read(argv: Sequence[str]) -> Options:
    """Raises UsageError; exits (SystemExit 0) for --help and --version."""
    given = parser().parse_args(argv)
    options = Options(
        path=Path(given.path) if given.path is not None else None,
        repo=Path(given.repo) if given.repo is not None else None,
        pr=given.pr,
        folder=given.folder,
        values=tuple(given.values or ()),
        bytes_per_token=given.bytes_per_token,
        baseline=given.baseline,
        as_of=_day(given.as_of),
        pool=tuple(given.pool),
        pool_baseline=tuple(given.pool_baseline),
        reproduces=given.reproduces,
        margin=given.margin,
        confidence=given.confidence,
        chain=given.chain,
        form=given.format or (form_of(Path(given.output)) if given.output is not None else "terminal"),
        output=Path(given.output) if given.output is not None else None,
        color=given.color,
        timeout=given.timeout,
        memory=given.memory,
        debug=given.debug,
    )
    _check(options)
    return options


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--as-of wants a day such as 2026-04-05, not {text!r}") from None


def _check(options: Options) -> None:
    """Raises UsageError for options that do not go together."""
    if options.output is not None and not options.output.parent.is_dir():
        raise UsageError(f"there is no folder {str(options.output.parent)!r} to write to")
    if options.form not in FORMATS:
        raise UsageError(f"golf-stats has no format {options.form}; it has {', '.join(FORMATS)}")
    check_limits(options.timeout, options.memory)
    given = [options.path is not None, options.pr is not None, bool(options.values)]
    if options.chain:
        if any(given) or options.baseline != "auto":
            raise UsageError("--chain tests the accepted records; leave PATH, --pr, --values and --baseline out")
        return
    if sum(given) > 1:
        raise UsageError("PATH, --pr and --values exclude each other")
    if not any(given):
        raise UsageError("say what to test: PATH, --repo CLONE --pr N, --values or --chain (see golf-stats --help)")
    if options.pr is not None and (options.repo is None or options.pr < 1):
        raise UsageError("--pr wants the number of a pull request, 1 or more, and --repo CLONE")
    if options.bytes_per_token is not None:
        if not options.values:
            raise UsageError("--bytes-per-token goes with --values; logs tell their own")
        if not 0.01 < options.bytes_per_token < 1000:
            raise UsageError("--bytes-per-token wants a number such as 2.436")
    if options.margin is not None and not (options.reproduces and options.margin > 0 and math.isfinite(options.margin)):
        raise UsageError("--margin wants a number of nats per token above 0, and --reproduces")
    if not 0.5 < options.confidence < 1:
        raise UsageError("--confidence wants a level between 0.5 and 1, such as 0.95")
