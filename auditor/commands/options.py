"""The command line of golf-audit: its options, their help, and what is wrong usage."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from auditor import __version__
from auditor.commands.process import written
from auditor.limits.model import MEBIBYTE, Limits
from auditor.report import FORMATS

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

FAIL_ON = ("violation", "disputed", "warning", "never")
MANY = ("terminal", "markdown", "jsonl")  # formats that hold several submissions
SMOKE = ("terminal", "json")  # formats of --smoke
TIMEOUT_SECONDS = 120.0
MEMORY_MIB = 2048.0
LONGEST_SECONDS = 1e6
LEAST_MIB, MOST_MIB = 64.0, 1e9
SMOKE_SECONDS = 600.0  # what the runs of --smoke may take in all; each has a limit of its own
PROBE_SECONDS = 120.0
PROBE_START_SECONDS = 60.0  # for the sandbox to start and to import torch, which the probe's own limit leaves out

_DESCRIPTION = """\
Judge a submission to OpenAI's Parameter Golf: what its code does with the
validation tokens, what its logs show, and whether its claims follow from them.
The submission is read. It is run for --probe and --smoke alone, in a sandbox."""

_EPILOG = """\
examples:
  golf-audit records/track_10min_16mb/2026-04-05_MyRecord
      audit a record folder
  golf-audit --repo parameter-golf --pr 1395
      audit a pull request, straight from refs/pull/1395/head of the clone
      (git fetch origin '+refs/pull/*/head:refs/pull/*/head' gets them)
  golf-audit --repo parameter-golf --pr 1395 --set TTT_ENABLED=1
      what if that switch were on?
  golf-audit --repo parameter-golf --pr 1394 1395 1412
      a triage table, one line each
  golf-audit MyRecord --format markdown -o review.md
      a review comment
  golf-audit MyRecord --probe
      run it small in a sandbox: do later tokens change earlier scores?
  golf-audit --repo parameter-golf --pr 1395 --set SLOT_ENABLED=1 --probe
      the same with that switch on
  golf-audit MyRecord --smoke
      does it import, how large is the model, does one forward pass work?
  golf-audit --explain pre-quant-ttt
      one rule: what it tests, why, and who said so

exit status, whatever the format:
  0  nothing to fail on      1  a violation (see --fail-on)      2  wrong usage
  3  could not be judged, or --probe or --smoke came to no result
  4  the auditor itself failed"""


class UsageError(Exception):
    """Wrong usage; the message is one line for the user."""


@dataclass(frozen=True)
class Options:
    """A command line that has been understood."""

    path: Path | None = None
    repo: Path | None = None
    prs: tuple[int, ...] = ()
    folder: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    form: str = "terminal"
    output: Path | None = None
    fail_on: str = "violation"
    baseline: str | None = None
    jobs: int = 0
    timeout: float = TIMEOUT_SECONDS
    memory: float = MEMORY_MIB
    probe: bool = False
    smoke: bool = False
    probe_unsafe: bool = False
    probe_seconds: float | None = None  # None: not given, `PROBE_SECONDS`
    rules: bool = False
    explain: str | None = None
    debug: bool = False

    @property
    def probe_limit(self) -> float:
        """Seconds that the probe of one submission may take."""
        return PROBE_SECONDS if self.probe_seconds is None else self.probe_seconds

    @property
    def task_limit(self) -> float:
        """Seconds that one submission may take in all: the probe's come on top of the audit's."""
        if self.smoke:
            return self.timeout + SMOKE_SECONDS
        return self.timeout + (PROBE_START_SECONDS + self.probe_limit if self.probe else 0.0)

    @property
    def limits(self) -> Limits:
        """What one submission may take."""
        return Limits(self.task_limit, int(self.memory * MEBIBYTE))


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
    where.add_argument("path", nargs="?", metavar="PATH", help="a record folder, or a checkout of a pull request")
    where.add_argument("--repo", metavar="CLONE", help="a clone, bare or not, that holds refs/pull/N/head")
    where.add_argument("--pr", type=int, nargs="+", metavar="N", help="pull requests of that clone")
    where.add_argument("--folder", metavar="FOLDER", help="the record folder, where several could be meant")
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
        help="test significance against a record's pull request, a folder, figures, or auto: the record that stood",
    )
    _probe_options(p)
    what = p.add_argument_group("what to print")
    what.add_argument("--format", choices=FORMATS, default="terminal", help="default: terminal")
    what.add_argument("-o", "--output", metavar="FILE", help="write the report there instead of to standard output")
    what.add_argument("--fail-on", choices=FAIL_ON, default="violation", help="the least that gives exit status 1")
    what.add_argument("--rules", action="store_true", help="list the rules and exit (terminal, markdown or json)")
    what.add_argument("--explain", metavar="RULE", help="explain one rule and exit")
    how = p.add_argument_group("how")
    how.add_argument(
        "--jobs", type=int, default=0, metavar="N", help="processes for many pull requests (default: cores)"
    )
    how.add_argument(
        "--timeout",
        type=float,
        default=TIMEOUT_SECONDS,
        metavar="SECONDS",
        help=f"for the audit of each submission, its probe not counted (default: {TIMEOUT_SECONDS:g})",
    )
    how.add_argument(
        "--memory",
        type=float,
        default=MEMORY_MIB,
        metavar="MIB",
        help=f"for the audit of each submission, in MiB (default: {MEMORY_MIB:g})",
    )
    how.add_argument("--debug", action="store_true", help="a traceback where the auditor itself fails")
    p.add_argument("--version", action="version", version=f"golf-audit {__version__}")
    return p


def _probe_options(p: argparse.ArgumentParser) -> None:
    ran = p.add_argument_group("running it (needs torch: pip install '.[probe]')")
    ran.add_argument("--probe", action="store_true", help="run it small in a sandbox and compare scores before a flip")
    ran.add_argument("--smoke", action="store_true", help="import it, build the model, one forward pass; then exit")
    ran.add_argument(
        "--probe-timeout",
        type=float,
        metavar="SECONDS",
        help=f"for the probe of each submission (default: {PROBE_SECONDS:g})",
    )
    ran.add_argument(
        "--probe-unsafe", action="store_true", help="run it even where this machine cannot confine it in full"
    )


def read(argv: Sequence[str]) -> Options:
    """Raises UsageError; exits (SystemExit 0) for --help and --version."""
    given = parser().parse_args(argv)
    options = Options(
        path=Path(given.path) if given.path is not None else None,
        repo=Path(given.repo) if given.repo is not None else None,
        prs=tuple(dict.fromkeys(given.pr or ())),
        folder=given.folder,
        settings=_settings(given.set),
        form=given.format,
        output=Path(given.output) if given.output is not None else None,
        fail_on=given.fail_on,
        baseline=given.baseline,
        jobs=given.jobs,
        timeout=given.timeout,
        memory=given.memory,
        probe=given.probe,
        smoke=given.smoke,
        probe_unsafe=given.probe_unsafe,
        probe_seconds=given.probe_timeout,
        rules=given.rules,
        explain=given.explain,
        debug=given.debug,
    )
    _check(options)
    return options


def _settings(pairs: Sequence[str]) -> dict[str, str]:
    settings = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--set wants NAME=VALUE, not {pair!r}")
        settings[name.strip()] = value
    return settings


def _check(options: Options) -> None:
    """Raises UsageError for options that do not go together."""
    if options.output is not None and not options.output.parent.is_dir():
        raise UsageError(f"there is no folder {str(options.output.parent)!r} to write to")
    if options.rules or options.explain is not None:
        _check_catalogue(options)
        return
    _check_probe(options)
    if options.path is None and options.repo is None:
        raise UsageError("say what to audit: PATH, or --repo CLONE --pr N (see golf-audit --help)")
    if options.path is not None and (options.repo is not None or options.prs):
        raise UsageError("PATH and --repo/--pr exclude each other")
    if options.repo is not None and not options.prs:
        raise UsageError("--repo needs --pr N [N ...]")
    if any(number < 1 for number in options.prs):
        raise UsageError("--pr wants the number of a pull request, 1 or more")
    if options.jobs < 0:
        raise UsageError("--jobs wants a number of processes, 0 for one per core")
    check_limits(options.timeout, options.memory)
    if len(options.prs) > 1:
        if options.form not in MANY:
            hint = "jsonl" if options.form == "json" else f"one of {', '.join(MANY)}"
            raise UsageError(f"--format {options.form} holds one submission; for several pull requests use {hint}")
        if options.folder is not None:
            raise UsageError("--folder goes with one pull request")


def check_limits(timeout: float, memory: float) -> None:
    """Raises UsageError for limits that are none."""
    if not 0 < timeout <= LONGEST_SECONDS:
        raise UsageError("--timeout wants a number of seconds above 0")
    if not LEAST_MIB <= memory <= MOST_MIB:
        raise UsageError(f"--memory wants a number of MiB, {LEAST_MIB:g} or more")


def _check_probe(options: Options) -> None:
    if options.probe and options.smoke:
        raise UsageError("--smoke prints a table of its own; --probe goes into a report: ask for one of them")
    if options.probe_unsafe and not (options.probe or options.smoke):
        raise UsageError("--probe-unsafe goes with --probe or --smoke; nothing is run without them")
    if options.probe_seconds is not None:
        if not options.probe:
            raise UsageError("--probe-timeout goes with --probe")
        if not (options.probe_seconds > 0 and math.isfinite(options.probe_seconds)):
            raise UsageError("--probe-timeout wants a number of seconds above 0")
    if not options.smoke:
        return
    if len(options.prs) > 1:
        raise UsageError("--smoke looks at one submission; give one --pr")
    if options.form not in SMOKE:
        raise UsageError(f"--smoke has no --format {options.form}; it has {', '.join(SMOKE)}")
    if options.baseline is not None:
        raise UsageError("--smoke judges nothing; leave --baseline out")


def _check_catalogue(options: Options) -> None:
    what = "--rules" if options.rules else "--explain"
    if options.rules and options.explain is not None:
        raise UsageError("--rules and --explain exclude each other")
    if options.path is not None or options.repo is not None or options.prs:
        raise UsageError(f"{what} audits nothing; leave PATH, --repo and --pr out")
    if options.probe or options.smoke or options.probe_unsafe or options.probe_seconds is not None:
        raise UsageError(f"{what} audits nothing; leave --probe and --smoke out")
    forms = ("terminal", "markdown", "json") if options.rules else ("terminal",)
    if options.form not in forms:
        raise UsageError(f"{what} has no --format {options.form}; it has {', '.join(forms)}")
