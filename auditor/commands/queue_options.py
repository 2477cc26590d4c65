"""The command line of golf-audit queue."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from auditor.commands.asked import Asked, asked
from auditor.commands.options import check_limits, probe_seconds
from auditor.commands.parser import MEMORY_MIB, PROBE_SECONDS, TIMEOUT_SECONDS, Parser, probe_words
from auditor.commands.process import UsageError
from auditor.limits.model import MEBIBYTE, Limits

PORT = 8017

_DESCRIPTION = """\
Audit every pull request of a clone, keep the results, and write them as pages
that sort and filter. What was audited once is not audited again."""

_EPILOG = """\
examples:
  golf-audit queue parameter-golf -o site/
      every pull request; the results are kept in site.sqlite
  golf-audit queue parameter-golf -o site/ --serve
      the same, then open the pages on http://127.0.0.1:8017/
  golf-audit queue parameter-golf -o site/ --new
      only heads that changed since the last time
  golf-audit queue parameter-golf -o april/ --since 2026-04-01
      a part of the queue
  golf-audit queue parameter-golf -o site/ --scheduler tcp://127.0.0.1:8786
      on a dask cluster: dask scheduler --host 127.0.0.1 --port 8786, and on
      each machine golf-audit worker tcp://127.0.0.1:8786

exit status:
  0  every audit has a result      2  wrong usage
  3  some were ended or broke off  4  the auditor itself failed"""


@dataclass(frozen=True)
class QueueOptions:
    """A command line that has been understood."""

    repo: Path
    output: Path
    store: Path
    prs: Asked
    since: str = ""  # ISO day
    track: str | None = None
    only: str | None = None
    author: str | None = None
    new: bool = False
    baseline: str | None = None
    waivers: Path | None = None
    jobs: int = 0
    timeout: float = TIMEOUT_SECONDS
    memory: float = MEMORY_MIB
    probe: bool = False
    probe_unsafe: bool = False
    probe_auto: bool = False  # only where the code leaves something open
    probe_seed: int | None = None  # None: streams, positions and tokens are drawn anew
    probe_exhaustive: bool = False
    probe_limit: float = PROBE_SECONDS
    scheduler: str | None = None
    serve: int | None = None
    progress: bool = True
    debug: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)  # no what-if for a queue

    @property
    def limits(self) -> Limits:
        """What one pull request may take; what its probe may take comes on top of it."""
        runs = probe_seconds(self.probe_limit) if self.probe else 0.0
        return Limits(self.timeout, int(self.memory * MEBIBYTE), runs)


def parser() -> argparse.ArgumentParser:
    p = Parser(
        prog="golf-audit queue",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    p.add_argument("repo", metavar="CLONE", help="a clone, bare or not, that holds refs/pull/N/head")
    p.add_argument("-o", "--output", metavar="FOLDER", required=True, help="where the pages go")
    p.add_argument("--store", metavar="FILE", help="SQLite file that keeps the results (default: FOLDER.sqlite)")
    p.add_argument("--serve", nargs="?", type=int, const=PORT, metavar="PORT", help="then serve them on 127.0.0.1")
    which = p.add_argument_group("which")
    which.add_argument("--pr", nargs="+", default=["all"], metavar="N", help="1395, 1395-1450, ... (default: all)")
    which.add_argument("--since", metavar="DATE", help="heads authored on that day (ISO) or later")
    which.add_argument("--new", action="store_true", help="heads that changed since the last time")
    which.add_argument("--track", metavar="TRACK", help="only of this track, such as track_10min_16mb")
    which.add_argument("--author", metavar="NAME", help="only of this author, as submission.json names them")
    which.add_argument("--only", metavar="RULE", help="only where this rule found something")
    how = p.add_argument_group("how")
    how.add_argument("--baseline", metavar="SOURCE", help="as for golf-audit; none turns the tests off")
    how.add_argument("--waivers", metavar="FILE", help="what maintainers let stand (toml); shown, never hidden")
    how.add_argument(
        "--probe",
        action="store_true",
        help="run each small in a sandbox: minutes for each; --probe=auto: where the code leaves something open",
    )
    how.add_argument("--probe-auto", action="store_true", help=argparse.SUPPRESS)
    how.add_argument("--probe-unsafe", action="store_true", help="even where this machine cannot confine it in full")
    how.add_argument(
        "--probe-timeout", type=float, default=PROBE_SECONDS, metavar="SECONDS", help="default: %(default)g"
    )
    how.add_argument("--jobs", type=int, default=0, metavar="N", help="processes (default: cores)")
    how.add_argument("--scheduler", metavar="ADDRESS", help="a dask scheduler whose workers do the audits")
    how.add_argument(
        "--timeout",
        type=float,
        default=TIMEOUT_SECONDS,
        metavar="SECONDS",
        help="of processor time, for each (default: %(default)g)",
    )
    how.add_argument("--memory", type=float, default=MEMORY_MIB, metavar="MIB", help="for each (default: %(default)g)")
    how.add_argument("--no-progress", action="store_true", help="nothing on standard error but what went wrong")
    how.add_argument("--debug", action="store_true", help="a traceback where the auditor itself fails")
    return p


def read(argv: Sequence[str]) -> QueueOptions:
    """Raises UsageError; exits (SystemExit 0) for --help."""
    given = parser().parse_args(probe_words(argv))
    output = Path(given.output)
    if output.exists() and not output.is_dir():
        raise UsageError(f"{given.output!r} is no folder")
    check_limits(given.timeout, given.memory)
    if given.jobs < 0:
        raise UsageError("--jobs wants a number of processes, 0 for one per core")
    if given.serve is not None and not 0 < given.serve < 65536:
        raise UsageError("--serve wants a port between 1 and 65535")
    if given.since is not None:
        try:
            date.fromisoformat(given.since)
        except ValueError:
            raise UsageError(f"--since wants a day such as 2026-04-05, not {given.since!r}") from None
    return QueueOptions(
        repo=Path(given.repo),
        output=output,
        store=Path(given.store) if given.store else output.with_name(output.resolve().name + ".sqlite"),
        prs=asked(given.pr),
        since=given.since or "",
        track=given.track,
        only=given.only,
        author=given.author,
        new=given.new,
        baseline=given.baseline,
        waivers=Path(given.waivers) if given.waivers else None,
        jobs=given.jobs,
        timeout=given.timeout,
        memory=given.memory,
        probe=given.probe,
        probe_auto=given.probe_auto,
        probe_unsafe=given.probe_unsafe,
        probe_limit=given.probe_timeout,
        scheduler=given.scheduler,
        serve=given.serve,
        progress=not given.no_progress,
        debug=given.debug,
    )
