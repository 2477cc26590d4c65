#!/usr/bin/env python3
"""Time golf-audit queue against the yardstick of reading code at all: ast.parse over every Python file of the queue.

    python benchmarks/whole_queue.py CLONE [--sample 40 [--seed 1]] [--pr 1380-1420] [--jobs 2] [-o SITE]

Both sides run here, one after the other, over the same pull requests. Processor time is that of all processes that the
command ever had; memory is the largest that they held at one time, shared pages counted once. Wanted: cold at most 6
times ast.parse, warm at most 20 s for the whole queue, 1.5 GiB.
(The module is not called queue: that is one of the standard library's names.)
"""

from __future__ import annotations

import argparse
import ast
import ctypes
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from auditor.commands.asked import asked
from auditor.submission import Clone, SubmissionError

WANTED_RATIO, WANTED_WARM_SECONDS, WANTED_BYTES = 6.0, 20.0, 1.5 * (1 << 30)
_LOOK_SECONDS = 0.2
_SET_CHILD_SUBREAPER = 36  # of prctl(2)


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds on the clock and of processors, and the most bytes that all processes held at once."""

    wall: float
    cpu: float
    resident: int


def parse_seconds(clone: Path, prs: Sequence[int]) -> tuple[float, int]:
    """Processor seconds of ast.parse over every different Python file, without loading it, and how many there are."""
    texts: dict[str, str] = {}
    with Clone(clone) as opened:
        for pr in prs:
            try:
                submission = opened.load(pr)
            except SubmissionError:
                continue
            texts |= {f.sha256 or f.path: f.text for f in submission.files if f.path.endswith(".py") and f.data}
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for text in texts.values():
            try:
                ast.parse(text)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
    return time.process_time() - began, len(texts)


def timed(command: Sequence[str]) -> Timing:
    """A command with all its processes. Raises CalledProcessError where it fails."""
    _adopt()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began, most = time.perf_counter(), 0
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            most = max(most, _resident(process.pid))
            time.sleep(_LOOK_SECONDS)
    with suppress(ChildProcessError):
        while True:  # what it left behind ends by itself, and counts
            os.waitpid(-1, 0)
    if process.returncode not in (0, 3):
        raise subprocess.CalledProcessError(process.returncode, list(command))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Timing(time.perf_counter() - began, cpu, most)


def _adopt() -> None:
    """Processes whose parent has ended become this one's children (Linux): their time is not lost."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _resident(root: int) -> int:
    """Bytes that the process and all below it hold, a shared page counted once; 0 where the system does not tell."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
    found, waiting = {root}, [root]
    while waiting:
        above = waiting.pop()
        below = {process for process, parent in parents.items() if parent == above} - found
        found |= below
        waiting += below
    return sum(_share(process) for process in found)


def _share(process: int) -> int:
    """Bytes: the process's own pages and its share of those that it has in common with others (PSS)."""
    with suppress(OSError, ValueError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("clone", type=Path)
    p.add_argument("--pr", nargs="+", default=["all"])
    p.add_argument("--sample", type=int, metavar="N", help="so many of them, drawn at random")
    p.add_argument("--seed", type=int, default=1, help="of the sample (default: %(default)s)")
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument(
        "-o", "--output", type=Path, metavar="SITE", help="keep the pages there, and their store beside them"
    )
    given = p.parse_args(argv)
    with Clone(given.clone) as clone:
        prs = asked(given.pr).among(clone.pull_requests())
    if given.sample is not None:
        prs = tuple(sorted(random.Random(given.seed).sample(prs, min(given.sample, len(prs)))))
    if given.output is not None and (given.output.exists() or given.output.with_suffix(".sqlite").exists()):
        p.error(f"{given.output} or its store exists: a cold run starts without")
    parse, files = parse_seconds(given.clone, prs)
    with tempfile.TemporaryDirectory(prefix="golf-queue-") as folder:
        site = given.output or Path(folder) / "site"
        command = [sys.executable, "-m", "auditor", "queue", str(given.clone), "-o", str(site)]
        command += ["--jobs", str(given.jobs), "--no-progress", "--pr", *map(str, prs)]
        cold, warm = timed(command), timed(command)
    print(f"{len(prs)} pull requests, {files} different Python files; ast.parse {parse:.1f} s of processor")
    ratio = cold.cpu / parse if parse else float("nan")
    print(f"cold  {cold.wall:8.1f} s, {cold.cpu:8.1f} s of processor")
    print(f"      {ratio:8.1f} times ast.parse (wanted {WANTED_RATIO:g})")
    print(f"warm  {warm.wall:8.1f} s (wanted {WANTED_WARM_SECONDS:g})")
    print(f"held  {max(cold.resident, warm.resident) / (1 << 30):.2f} GiB (wanted {WANTED_BYTES / (1 << 30):g})")
    fine = ratio <= WANTED_RATIO and warm.wall <= WANTED_WARM_SECONDS
    return 0 if fine and max(cold.resident, warm.resident) <= WANTED_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
