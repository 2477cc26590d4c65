"""./dev fuzz: mutants of submissions and odd repositories through everything that an audit does.

  ./dev fuzz                            1,000 mutants and 100 repositories
  ./dev fuzz --mutants 10000            that many mutants, repositories a tenth of them
  ./dev fuzz --minutes 30               as many as the time allows, other ones every time
  ./dev fuzz --seed 4711 --mutants 1    one of them again
  ./dev fuzz --mutants 10000 --only mutants        (or repositories: a tenth as many)

What fails is kept in --keep (default: fuzz-findings), made as small as it gets, one folder for each kind of failure.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from auditor.queue.pool import run_many
from fuzz import check
from fuzz.check import Failure
from fuzz.minimize import minimized
from fuzz.mutants import Files, mutant
from fuzz.work import LIMITS, Task, ended, one


def _tasks(mutants: int | None, seed: int, until: float, only: str | None) -> Iterator[Task]:
    """Ten mutants, and a repository after them."""
    numbers = range(seed, seed + mutants) if mutants is not None else itertools.count(seed)
    for number in numbers:
        if time.monotonic() > until:
            return
        if only != "repositories":
            yield ("mutant", number)
        if number % 10 == 9 and only != "mutants":
            yield ("repository", number // 10)


def _keep(folder: Path, task: Task, failure: Failure) -> None:
    """Writes the smallest mutant that fails in this way, and what went wrong."""
    kind, seed = task
    place = folder / f"{kind}-{seed}"
    place.mkdir(parents=True, exist_ok=True)
    said = {"task": [kind, seed], "kind": failure.kind, "detail": failure.detail}
    if kind == "mutant" and failure.kind not in ("ended", "a limit", "slow"):
        said["made"], files = mutant(seed)

        def fails(smaller: Files) -> bool:
            return any(found.kind == failure.kind for found in check.folder(smaller))

        for path, data in minimized(files, fails).items():
            target = place / "files" / "".join(ch if ch.isalnum() or ch in "._-/" else "_" for ch in path)[-200:]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
    (place / "failure.json").write_text(json.dumps(said, indent=1) + "\n", "utf-8")


def main(argv: list[str] | None = None) -> int:
    """0 where nothing failed, 1 otherwise."""
    parser = argparse.ArgumentParser(
        prog="./dev fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mutants", type=int, help="how many (default: 1000)")
    parser.add_argument("--minutes", type=float, help="how long, instead of how many")
    parser.add_argument("--only", choices=("mutants", "repositories"), help="leave the others out")
    parser.add_argument("--seed", type=int, help="of the first one (default: 0; with --minutes: from the clock)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: cores)")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"), help="where failures go")
    given = parser.parse_args(argv)
    long = given.minutes is not None
    seed = given.seed if given.seed is not None else int(time.time()) * 1000 if long else 0
    until = time.monotonic() + given.minutes * 60 if long else float("inf")
    count = None if long else given.mutants if given.mutants is not None else 1000
    done: Counter[str] = Counter()
    failures: dict[str, list[Task]] = {}
    start = time.monotonic()
    for task, found in run_many(_tasks(count, seed, until, given.only), one, ended, jobs=given.jobs, limits=LIMITS):
        done[task[0]] += 1
        if done.total() % 1000 == 0:
            print(f"fuzz: {done['mutant']:,} mutants, {done['repository']:,} repositories", file=sys.stderr, flush=True)
        for failure in found:
            tasks = failures.setdefault(failure.kind, [])
            tasks.append(task)
            if len(tasks) == 1:
                print(f"fuzz: {task[0]} {task[1]}: {failure.kind}", file=sys.stderr, flush=True)
                _keep(given.keep, task, failure)
    for kind, tasks in sorted(failures.items(), key=lambda item: -len(item[1])):
        print(f"{len(tasks):6,}  {kind}  (first: {tasks[0][0]} {tasks[0][1]})")
    print(
        f"{done['mutant']:,} mutants and {done['repository']:,} repositories in {time.monotonic() - start:,.0f} s"
        f" from seed {seed}: {sum(map(len, failures.values())):,} failures of {len(failures)} kinds"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
