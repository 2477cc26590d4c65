"""Time the audit: the whole command as a user starts it, and with --profile the stages inside one process.

    python benchmarks/audit.py                                   the submissions under examples/
    python benchmarks/audit.py path/to/record/folder             a folder
    python benchmarks/audit.py --repo CLONE --pr 1395 1394       pull requests of a clone
    python benchmarks/audit.py --repo CLONE --pr 1 2 3 --jobs 2  all of them in one command
    python benchmarks/audit.py --against-ast --repo CLONE --pr 1395 1394
                                                                 processor time over that of ast.parse on the same files

Times are wall-clock but for --against-ast; "cpu" is what the command and its workers used of all cores. The first run
of each target is not counted: it reads the disk.
"""

from __future__ import annotations

import argparse
import ast
import gc
import importlib
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

ROOT = Path(__file__).resolve().parent.parent
P = ParamSpec("P")
R = TypeVar("R")

# What the pipeline calls, by stage: (module that calls it, name there).
_STAGES = {
    "claims": ("auditor.judgement.gather", "read_claims"),
    "runs": ("auditor.judgement.gather", "read_runs"),
    "decode": ("auditor.judgement.gather", "decode"),
    "configure": ("auditor.judgement.gather", "configure"),
    "analyse": ("auditor.judgement.gather", "analyse"),
}


@dataclass(frozen=True, slots=True)
class Target:
    """What one timing audits: arguments of golf-audit."""

    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one run of the command."""

    wall: float
    cpu: float


def targets(options: argparse.Namespace) -> list[Target]:
    """One target for every pull request or folder; all pull requests in one target where --jobs is given."""
    if options.repo is not None:
        repo = ("--repo", str(options.repo))
        if options.jobs:
            numbers = tuple(map(str, options.pr))
            return [
                Target(
                    f"{len(numbers)} PRs, {options.jobs} jobs", (*repo, "--jobs", str(options.jobs), "--pr", *numbers)
                )
            ]
        return [Target(f"#{number}", (*repo, "--pr", str(number))) for number in options.pr]
    folders = options.paths or sorted(p for p in (ROOT / "examples").glob("*") if p.is_dir())
    return [Target(folder.name, (str(folder),)) for folder in folders]


def command(target: Target, form: str) -> Timing:
    """Run golf-audit once in a process of its own. Raises RuntimeError where it fails (status 2 or 4)."""
    arguments = [sys.executable, "-m", "auditor.commands.audit", *target.arguments, "--format", form]
    before, start = os.times(), time.perf_counter()
    done = subprocess.run(
        arguments, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
    )
    wall, after = time.perf_counter() - start, os.times()
    if done.returncode in (2, 4):
        raise RuntimeError(f"{target.name}: status {done.returncode}: {done.stderr.strip()[:400]}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Timing(wall, cpu)


def report(name: str, timings: Sequence[Timing]) -> str:
    wall = [t.wall for t in timings]
    cpu = statistics.median(t.cpu for t in timings)
    return (
        f"{name:24}  median {statistics.median(wall):7.3f}  min {min(wall):7.3f}  max {max(wall):7.3f}  cpu {cpu:7.3f}"
    )


# --- against the parser alone --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ratio:
    """Processor seconds of one audit, from the loaded submission to the rendered report, and of `ast.parse` alone."""

    name: str
    audit: float
    parse: float
    shares: dict[str, float]

    @property
    def times(self) -> float:
        return self.audit / self.parse if self.parse else 0.0


def against_ast(target: Target, times: int) -> Ratio:
    """Medians of both sides, turn by turn in this process; the parser reads every Python file of the folder."""
    from auditor.commands import audit as cli
    from auditor.commands import work
    from auditor.commands.options import read
    from auditor.limits.confine import collect_seldom
    from auditor.report import render

    options = read(list(target.arguments))
    submission = cli._load(options)
    collect_seldom()  # as in the process in which the command audits
    texts = [file.data for file in submission.files if file.path.endswith(".py") and file.data]
    audits, parses = [], []
    shares: dict[str, list[float]] = defaultdict(list)
    for _ in range(times):
        parses.append(_processor(lambda: _parse(texts)))
        spent: dict[str, float] = defaultdict(float)
        with _timed_stages(spent, time.process_time):
            audits.append(_processor(lambda: render(work.audit(submission, options), "json", width=80, colour=False)))
        for stage in _STAGES:
            shares[stage].append(spent[stage])
    medians = {stage: statistics.median(values) for stage, values in shares.items()}
    return Ratio(target.name, statistics.median(audits), statistics.median(parses), medians)


def _processor(work: Callable[[], object]) -> float:
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


def _parse(texts: Sequence[bytes]) -> None:
    for text in texts:
        with warnings.catch_warnings(), suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            warnings.simplefilter("ignore")
            ast.parse(text)


def ratios(found: Sequence[Target], times: int) -> Iterator[str]:
    """One line a submission, then the ratio of the sums, the median ratio, and what the audit's time goes to."""
    every = []
    against_ast(found[0], 1)  # regular expressions are compiled and limits are read once
    for target in found:
        one = against_ast(target, times)
        every.append(one)
        yield f"{one.name:24}  audit {one.audit:7.3f} s   ast.parse {one.parse:7.4f} s   {one.times:5.1f} times"
    audit, parse = sum(one.audit for one in every), sum(one.parse for one in every)
    middle = statistics.median(one.times for one in every if one.parse)
    yield f"{len(every)} submissions: {audit / parse:.1f} times ast.parse over all of them, median {middle:.1f}"
    for stage in _STAGES:
        seconds = sum(one.shares[stage] for one in every)
        yield f"  {stage:12} {seconds / audit:6.1%}   {seconds / parse:5.1f} times ast.parse"


# --- inside one process --------------------------------------------------------------------------------------------


def stages(target: Target) -> dict[str, float]:
    """Seconds of every stage and rule of one audit in this process, the imports beforehand not counted."""
    from auditor.commands import audit as cli
    from auditor.commands import work
    from auditor.commands.law import law
    from auditor.commands.options import read
    from auditor.report import render

    spent: dict[str, float] = defaultdict(float)
    options = read(list(target.arguments))
    rules = tuple(replace(rule, check=_timed(rule.check, spent, f"rule {rule.id}")) for rule in law()[0])
    with _timed_stages(spent), _replaced("rules", "load", lambda: rules), _replaced("rules", "ALL", rules):
        submission = _timed(cli._load, spent, "load")(options)
        found = _timed(work.audit, spent, "audit")(submission, options)
        _timed(render, spent, "render")(found, "terminal", width=80, colour=False)
    spent["rules, together"] = sum(seconds for name, seconds in spent.items() if name.startswith("rule "))
    return dict(spent)


def _timed(
    function: Callable[P, R], spent: dict[str, float], name: str, clock: Callable[[], float] = time.perf_counter
) -> Callable[P, R]:
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        start = clock()
        try:
            return function(*args, **kwargs)
        finally:
            spent[name] += clock() - start

    return call


@contextmanager
def _timed_stages(spent: dict[str, float], clock: Callable[[], float] = time.perf_counter) -> Iterator[None]:
    kept: list[tuple[Any, str, Any]] = []
    try:
        for stage, (module_name, name) in _STAGES.items():
            module = importlib.import_module(module_name)
            kept.append((module, name, getattr(module, name)))
            setattr(module, name, _timed(getattr(module, name), spent, stage, clock))
        yield
    finally:
        for module, name, function in kept:
            setattr(module, name, function)


@contextmanager
def _replaced(module_name: str, name: str, value: object) -> Iterator[None]:
    module = importlib.import_module(module_name)
    held = vars(module).get(name)
    setattr(module, name, value)
    try:
        yield
    finally:
        if held is None:
            delattr(module, name)
        else:
            setattr(module, name, held)


def breakdown(target: Target, times: int) -> Iterator[str]:
    """The median of every stage over `times` audits, then the rules, slowest first."""
    seen: dict[str, list[float]] = defaultdict(list)
    stages(target)  # regular expressions are compiled and limits are read once
    for _ in range(times):
        for name, seconds in stages(target).items():
            seen[name].append(seconds)
    medians = {name: statistics.median(values) for name, values in seen.items()}
    order = ["load", *_STAGES, "rules, together", "render"]
    yield from (f"  {name:34} {medians[name] * 1000:8.1f} ms" for name in order if name in medians)
    rules = sorted((n for n in medians if n.startswith("rule ")), key=lambda n: -medians[n])
    yield from (f"    {name:32} {medians[name] * 1000:8.1f} ms" for name in rules)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path, help="record folders (default: those under examples/)")
    parser.add_argument("--repo", type=Path, help="a clone with refs/pull/N/head")
    parser.add_argument("--pr", nargs="+", type=int, default=[], help="pull requests of the clone")
    parser.add_argument(
        "--jobs", type=int, default=0, help="audit all pull requests in one command with that many workers"
    )
    parser.add_argument("--times", type=int, default=10, help="runs of each target (default: 10)")
    parser.add_argument("--format", default="terminal", help="what golf-audit prints (default: terminal)")
    parser.add_argument(
        "--against-ast", action="store_true", help="processor time over that of ast.parse, both sides in one run"
    )
    parser.add_argument("--profile", action="store_true", help="the stages and rules of an audit, in this process")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(argv)
    if bool(options.repo) != bool(options.pr):
        parser.error("--repo and --pr go together")
    if options.times < 1:
        parser.error("--times must be at least 1")
    if (options.profile or options.against_ast) and options.jobs:
        parser.error("--profile and --against-ast look into one process: leave --jobs out")
    found = targets(options)
    if not found:
        parser.error("examples/ holds no submission: name a folder, or --repo and --pr")
    sys.path.insert(0, str(ROOT))
    try:
        if options.against_ast:
            for line in ratios(found, options.times):
                print(line, flush=True)
            return 0
        for target in found:
            if options.profile:
                print(target.name, *breakdown(target, options.times), sep="\n")
                continue
            warm_up = 0 if options.jobs else 1
            timings = [command(target, options.format) for _ in range(options.times + warm_up)][warm_up:]
            print(report(target.name, timings), flush=True)
    except RuntimeError as error:
        print(f"benchmarks/audit.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
