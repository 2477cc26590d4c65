"""golf-audit worker: this machine takes audits of a queue from a dask scheduler."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Sequence

from auditor.commands.parser import Parser
from auditor.commands.process import UsageError
from auditor.queue.cluster import INSTALL

_DESCRIPTION = """\
Take audits of golf-audit queue --scheduler from a dask scheduler, until it ends.
A cluster is two commands: dask scheduler on one machine, this one on each."""


def parser() -> argparse.ArgumentParser:
    p = Parser(prog="golf-audit worker", description=_DESCRIPTION, allow_abbrev=False)
    p.add_argument("scheduler", metavar="ADDRESS", help="such as tcp://127.0.0.1:8786: what dask scheduler prints")
    p.add_argument("--jobs", type=int, default=0, metavar="N", help="audits at a time (default: cores)")
    return p


def work(arguments: Sequence[str]) -> int:
    """Becomes the workers' process. Raises UsageError."""
    given = parser().parse_args(arguments)
    if importlib.util.find_spec("distributed") is None:
        raise UsageError(INSTALL.replace("--scheduler", "golf-audit worker"))
    jobs = given.jobs or os.cpu_count() or 1
    command = [sys.executable, "-m", "distributed.cli.dask_worker", given.scheduler]
    command += ["--nworkers", str(jobs), "--nthreads", "1", "--no-dashboard"]
    # An audit is a process of its own, so that it can be ended; dask's own workers may not have children by default.
    os.execve(sys.executable, command, {**os.environ, "DASK_DISTRIBUTED__WORKER__DAEMON": "False"})
