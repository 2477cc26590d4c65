"""`golf-audit explain-witness`: the runs that one witness needs, and the few lines that made it."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from auditor.commands.options import Options, settings
from auditor.commands.output import output, width
from auditor.commands.parser import PROBE_SECONDS
from auditor.commands.process import NOT_JUDGED, OK, UsageError
from auditor.commands.running import INSTALL, ready
from auditor.commands.work import Task, facts_of, load
from auditor.commands.worker import limited

KINDS = ("future-flip", "target-flip", "score-count", "exchange")
_ANY = ("future-flip", "exchange")
"""Which runs are made where no measurement is asked for: those of the first are of all but the exchange as well."""


def run(arguments: Sequence[str]) -> int:
    given = parser().parse_args(arguments)
    if (given.repo is None) == (given.path is None) or (given.repo is None) != (given.pr is None):
        raise UsageError("give a folder, or --repo CLONE and --pr N")
    if not ready():
        raise UsageError(INSTALL)
    options = Options(
        paths=(Path(given.path),) if given.path else (), repo=Path(given.repo) if given.repo else None,
        folder=given.folder, settings=settings(given.set), probe=True, probe_seed=given.probe_seed,
        probe_seconds=given.probe_timeout, probe_unsafe=given.probe_unsafe,
    )  # fmt: skip
    task = Task(given.pr) if given.pr is not None else Task(path=str(given.path))
    text, status = limited(partial(_answered, options, task, given.kind, _again(arguments)), options.limits)
    with output(options) as out:
        out.write(text)
    return status


def _answered(options: Options, task: Task, kind: str, again: str) -> tuple[str, int]:
    """Runs in a worker."""
    from auditor.commands.law import law
    from auditor.judgement.judge import judge
    from auditor.limits.confine import unconfined
    from auditor.probe.model import Kind
    from auditor.probe.run import probe
    from auditor.report.probe_witness import render

    facts = facts_of(load(task, options.repo, options.folder), options)
    seed = options.probe_seed
    with unconfined():
        for only in (kind,) if kind else _ANY:
            found = probe(facts, unsafe=options.probe_unsafe, seconds=options.probe_limit, seed=seed, only=Kind(only))
            if found.witnesses or found.status != "ran":
                break
            seed = found.seed  # the other measurement is of the same streams
    own = tuple(m for m in found.measurements if m.witnesses and kind in ("", m.kind))
    judged = replace(facts, probe=replace(found, measurements=own))  # without what other witnesses confirm
    findings = judge(judged, *law()).findings if own else ()
    text = render(facts, found, again, findings, asked=kind or None, width=min(width(options), 100))
    return text, OK if found.status == "ran" and own else NOT_JUDGED


def _again(arguments: Sequence[str]) -> str:
    kept, skip = [], False
    for word in arguments:
        if not skip and not word.startswith("--probe-seed"):
            kept.append(shlex.quote(word))
        skip = word == "--probe-seed"
    return " ".join(["golf-audit explain-witness", *kept])


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="golf-audit explain-witness",
        description="Run what one witness of the probe needs; print what it shows and the lines that made it.",
        epilog="exit status: 0 there is a witness, 2 wrong usage, 3 there is none",
    )
    p.add_argument("path", nargs="?", metavar="PATH", help="a record folder")
    p.add_argument("--repo", metavar="CLONE", help="a clone that has the pull request")
    p.add_argument("--pr", type=int, metavar="N")
    p.add_argument("--folder", metavar="NAME", help="of several record folders this one")
    p.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="what if this setting had that value"
    )
    p.add_argument(
        "--kind", choices=KINDS, default="", help=f"one measurement alone (default: {_ANY[0]}, then {_ANY[1]})"
    )
    p.add_argument("--probe-seed", type=int, metavar="N", help="the runs that a report names by this number")
    p.add_argument("--probe-timeout", type=float, metavar="SECONDS", default=PROBE_SECONDS)
    p.add_argument(
        "--probe-unsafe", action="store_true", help="run it even where this machine cannot confine it in full"
    )
    return p
