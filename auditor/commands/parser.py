"""The command line of golf-audit as argparse sees it: options, their help, shell completion."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from auditor import __version__
from auditor.commands.process import UsageError, written
from auditor.limits.model import PATIENCE
from auditor.report import FORMATS

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

TIMEOUT_SECONDS = 120.0
MEMORY_MIB = 2048.0
PROBE_SECONDS = 90.0  # of runs: with the audit, the sandbox and the measuring a submission takes less than 110
SHELLS = ("bash", "zsh", "fish", "tcsh")

_DESCRIPTION = """\
Judge a submission to OpenAI's Parameter Golf: what its code does with the
validation tokens, what its logs show, and whether its claims follow from them.
The submission is read. It is run for --probe and --smoke alone, in a sandbox."""

_EPILOG = """\
examples:
  golf-audit records/track_10min_16mb/2026-04-05_MyRecord
      audit a record folder
  golf-audit MyRecord --checklist
      is the package complete, and is it a record? each line with its fix
  golf-audit --repo parameter-golf --pr 1395
      audit a pull request, straight from refs/pull/1395/head of the clone
      (git fetch origin '+refs/pull/*/head:refs/pull/*/head' gets them)
  golf-audit --repo parameter-golf --pr 1395 --set TTT_ENABLED=1
      what if that switch were on? (--switches lists them)
  golf-audit --repo parameter-golf --pr 1394 1400-1412 '#1420'
      a triage table, one line each
  golf-audit queue parameter-golf -o site/
      every pull request, as pages that sort and filter (see golf-audit queue
      --help)
  golf-audit MyRecord -o review.md
      a review comment; the ending says the format
  golf-audit MyRecord --probe
      run it small in a sandbox: do later tokens change earlier scores?
  golf-audit explain-witness MyRecord --kind exchange
      one witness of the probe alone, with the lines that made it
  golf-audit MyRecord --smoke
      does it import, how large is the model, does one forward pass work?
  golf-audit --explain pre-quant-ttt
      one rule: what it tests, why, and who said so

exit status, whatever the format:
  0  nothing to fail on      1  a violation (see --fail-on)      2  wrong usage
  3  could not be judged, or --probe or --smoke came to no result
  4  the auditor itself failed"""


class Parser(argparse.ArgumentParser):
    """Wrong usage is an exception; and so is help that cannot be written, which argparse would keep to itself."""

    def error(self, message: str) -> object:  # type: ignore[override]
        raise UsageError(message)

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        with written("standard output"):
            (file or sys.stderr).write(message)


def parser() -> argparse.ArgumentParser:
    p = Parser(
        prog="golf-audit",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    where = p.add_argument_group("what to audit")
    where.add_argument("path", nargs="*", metavar="PATH", help="record folders, or a checkout of a pull request")
    where.add_argument("--repo", metavar="CLONE", help="a clone, bare or not, that holds refs/pull/N/head")
    where.add_argument(
        "--pr", nargs="+", metavar="N", help="pull requests of that clone: 1395, '#1395', its address, 1395-1450, all"
    )
    where.add_argument(
        "--folder", metavar="FOLDER", help="the record folder, where several could be meant; judged alone"
    )
    where.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what if this switch had that value; beats log, run command and default (repeatable)",
    )
    where.add_argument(
        "--baseline",
        metavar="SOURCE",
        help="is it a record? against a record's pull request, a folder, figures, auto (default: the record that "
        "stood) or none",
    )
    where.add_argument("--waivers", metavar="FILE", help="what maintainers let stand (toml); shown, never hidden")
    _printing(p)
    _running(p)
    _manner(p)
    p.add_argument("--version", action="version", version=f"golf-audit {__version__}")
    return p


def _printing(p: argparse.ArgumentParser) -> None:
    what = p.add_argument_group("what to print")
    formats = ", ".join(FORMATS)
    what.add_argument(
        "--format", choices=FORMATS, metavar="FORMAT", help=f"{formats} (default: by the ending of -o, else terminal)"
    )
    what.add_argument("-o", "--output", metavar="FILE", help="write the report there instead of to standard output")
    what.add_argument(
        "--fail-on",
        metavar="WHAT",
        default="violation",
        help="the least that gives exit status 1: violation (default), disputed, warning or never; with classes "
        "(score, evidence, budget, paperwork) in those alone: score,disputed",
    )
    what.add_argument("--checklist", action="store_true", help="a submitter's list: each line with its fix")
    what.add_argument("--switches", action="store_true", help="every switch, and what changes when it is turned")
    what.add_argument(
        "--show-source", nargs="?", const="", metavar="LAYER", help="the decoded code that findings point into"
    )
    what.add_argument("--rules", action="store_true", help="list the rules and exit (terminal, markdown or json)")
    what.add_argument("--explain", metavar="RULE", help="explain one rule and exit (terminal or markdown)")
    what.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="default: auto")
    what.add_argument("--quiet", action="store_true", help="no report, the exit status alone")
    what.add_argument("--no-progress", action="store_true", help="nothing on standard error but what went wrong")


def probe_words(argv: Sequence[str]) -> list[str]:
    """`--probe=auto` and `--probe=always` as options without a value: `--probe PATH` has none either."""
    known = {"--probe=always": ["--probe"], "--probe=auto": ["--probe", "--probe-auto"]}
    return [part for word in argv for part in known.get(word, [word])]


def _running(p: argparse.ArgumentParser) -> None:
    ran = p.add_argument_group("running it (needs torch: pip install '.[probe]')")
    ran.add_argument(
        "--probe",
        action="store_true",
        help="run it small in a sandbox and measure; --probe=auto: only where the code leaves something open",
    )
    ran.add_argument("--probe-auto", action="store_true", help=argparse.SUPPRESS)
    ran.add_argument("--smoke", action="store_true", help="import it, build the model, one forward pass; then exit")
    ran.add_argument(
        "--probe-timeout",
        type=float,
        metavar="SECONDS",
        help=f"of processor time, for the probe of each submission (default: {PROBE_SECONDS:g})",
    )
    ran.add_argument(
        "--probe-seed", type=int, metavar="N", help="the runs that a report names by this number (default: drawn anew)"
    )
    ran.add_argument(
        "--probe-exhaustive", action="store_true", help="try the whole vocabulary at one position and print its sum"
    )
    ran.add_argument(
        "--probe-unsafe", action="store_true", help="run it even where this machine cannot confine it in full"
    )


def _manner(p: argparse.ArgumentParser) -> None:
    how = p.add_argument_group("how")
    how.add_argument("--watch", action="store_true", help="again whenever a file of the folder changes")
    how.add_argument("--jobs", type=int, default=0, metavar="N", help="processes for several (default: cores)")
    how.add_argument(
        "--timeout",
        type=float,
        default=TIMEOUT_SECONDS,
        metavar="SECONDS",
        help="of processor time, for the audit of each submission without its probe; by the clock"
        f" {PATIENCE:g} times as many (default: {TIMEOUT_SECONDS:g})",
    )
    how.add_argument(
        "--memory",
        type=float,
        default=MEMORY_MIB,
        metavar="MIB",
        help=f"for the audit of each submission, in MiB (default: {MEMORY_MIB:g})",
    )
    how.add_argument(
        "--print-completion",
        choices=SHELLS,
        metavar="SHELL",
        help=f"of {', '.join(SHELLS)}, and exit",
    )
    how.add_argument("--debug", action="store_true", help="a traceback where the auditor itself fails")


def parsed(argv: Sequence[str]) -> argparse.Namespace:
    """Raises UsageError; exits (SystemExit 0) for --help and --version."""
    return parser().parse_args(probe_words(argv))
