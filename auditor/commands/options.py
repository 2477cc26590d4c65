"""The options of golf-audit, understood: values, and what does not go together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from auditor.commands.asked import Asked, Bar, asked, bar
from auditor.commands.parser import MEMORY_MIB, PROBE_SECONDS, TIMEOUT_SECONDS, parsed
from auditor.commands.process import UsageError
from auditor.limits.model import MEBIBYTE, PATIENCE, Limits

MANY = ("terminal", "markdown", "jsonl", "concise", "github")  # formats that hold several submissions
SMOKE = ("terminal", "json")  # formats of --smoke
LONGEST_SECONDS = 1e6
LEAST_MIB, MOST_MIB = 64.0, 1e9
SMOKE_SECONDS = 600.0  # what the runs of --smoke may take in all; each has a limit of its own
PROBE_START_SECONDS = 60.0  # for the sandbox to start and to import torch, which the probe's own limit leaves out
ENDINGS = {
    ".html": "html",
    ".htm": "html",
    ".json": "json",
    ".jsonl": "jsonl",
    ".md": "markdown",
    ".sarif": "sarif",
    ".txt": "terminal",
}


@dataclass(frozen=True)
class Options:
    """A command line that has been understood."""

    paths: tuple[Path, ...] = ()
    repo: Path | None = None
    prs: Asked = field(default_factory=Asked)
    folder: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    form: str = "terminal"
    output: Path | None = None
    fail_on: Bar = field(default_factory=Bar)
    baseline: str | None = None  # None: not given, the record that stood where the seeds allow a test
    waivers: Path | None = None
    checklist: bool = False
    switches: bool = False
    source: str | None = None  # the layer that --show-source names, "" for what the findings cite
    color: str = "auto"
    quiet: bool = False
    progress: bool = True
    watch: bool = False
    jobs: int = 0
    timeout: float = TIMEOUT_SECONDS
    memory: float = MEMORY_MIB
    probe: bool = False
    smoke: bool = False
    probe_unsafe: bool = False
    probe_auto: bool = False  # only where the code leaves something open
    probe_seed: int | None = None  # None: streams, positions and tokens are drawn anew
    probe_exhaustive: bool = False
    probe_seconds: float | None = None  # None: not given, `PROBE_SECONDS`
    rules: bool = False
    explain: str | None = None
    completion: str | None = None  # the shell whose completion is to be printed, and nothing else
    debug: bool = False

    @property
    def several(self) -> bool:
        """Whether more than one submission is meant."""
        return len(self.paths) > 1 or (bool(self.prs) and self.prs.one is None)

    @property
    def probe_limit(self) -> float:
        """Seconds of processor time that the probe of one submission may take."""
        return PROBE_SECONDS if self.probe_seconds is None else self.probe_seconds

    @property
    def limits(self) -> Limits:
        """What one submission may take; what its runs may take comes on top of it."""
        runs = SMOKE_SECONDS if self.smoke else probe_seconds(self.probe_limit) if self.probe else 0.0
        return Limits(self.timeout, int(self.memory * MEBIBYTE), runs)


def probe_seconds(limit: float) -> float:
    """By the clock, for a probe with so many seconds of the processor."""
    return PROBE_START_SECONDS + PATIENCE * limit


def read(argv: Sequence[str]) -> Options:
    """Raises UsageError; exits (SystemExit 0) for --help and --version."""
    given = parsed(argv)
    output = Path(given.output) if given.output is not None else None
    options = Options(
        paths=tuple(Path(path) for path in given.path),
        repo=Path(given.repo) if given.repo is not None else None,
        prs=asked(given.pr or ()),
        folder=given.folder,
        settings=settings(given.set),
        form=given.format or (form_of(output) if output is not None else "terminal"),
        output=output,
        fail_on=bar(given.fail_on),
        baseline=given.baseline,
        waivers=Path(given.waivers) if given.waivers is not None else None,
        checklist=given.checklist,
        switches=given.switches,
        source=given.show_source,
        color=given.color,
        quiet=given.quiet,
        progress=not (given.no_progress or given.quiet),
        watch=given.watch,
        jobs=given.jobs,
        timeout=given.timeout,
        memory=given.memory,
        probe=given.probe,
        probe_auto=given.probe_auto,
        probe_seed=given.probe_seed,
        probe_exhaustive=given.probe_exhaustive,
        smoke=given.smoke,
        probe_unsafe=given.probe_unsafe,
        probe_seconds=given.probe_timeout,
        rules=given.rules,
        explain=given.explain,
        completion=given.print_completion,
        debug=given.debug,
    )
    _check(options)
    return options


def form_of(output: Path) -> str:
    """The format that the ending of a file's name says; terminal for one without. Raises UsageError."""
    if not output.suffix:
        return "terminal"
    found = ENDINGS.get(output.suffix.lower())
    if found is None:
        known = ", ".join(ENDINGS)
        raise UsageError(f"-o {str(output)!r}: no format ends in {output.suffix!r}; {known} do, or say --format")
    return found


def settings(pairs: Sequence[str]) -> dict[str, str]:
    """The values of --set. Raises UsageError."""
    values = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--set wants NAME=VALUE, not {pair!r}")
        values[name.strip()] = value
    return values


def _check(options: Options) -> None:
    """Raises UsageError for options that do not go together."""
    if options.output is not None and not options.output.parent.is_dir():
        raise UsageError(f"there is no folder {str(options.output.parent)!r} to write to")
    if options.completion is not None:
        return
    if options.rules or options.explain is not None:
        _check_catalogue(options)
        return
    _check_probe(options)
    if not options.paths and options.repo is None:
        raise UsageError("say what to audit: PATH, or --repo CLONE --pr N (see golf-audit --help)")
    if options.paths and (options.repo is not None or options.prs):
        raise UsageError("PATH and --repo/--pr exclude each other")
    if options.repo is not None and not options.prs:
        raise UsageError("--repo needs --pr N [N ...]")
    _check_manner(options)
    if options.several:
        _check_several(options)


def check_limits(timeout: float, memory: float) -> None:
    """Raises UsageError for limits that are none."""
    if not 0 < timeout <= LONGEST_SECONDS:
        raise UsageError("--timeout wants a number of seconds above 0")
    if not LEAST_MIB <= memory <= MOST_MIB:
        raise UsageError(f"--memory wants a number of MiB, {LEAST_MIB:g} or more")


def _check_manner(options: Options) -> None:
    if options.jobs < 0:
        raise UsageError("--jobs wants a number of processes, 0 for one per core")
    check_limits(options.timeout, options.memory)
    views = [name for name, on in _views(options).items() if on]
    if len(views) > 1:
        raise UsageError(f"{' and '.join(views)} exclude each other")
    if views and options.form not in ("terminal", "json"):
        raise UsageError(f"{views[0]} has no --format {options.form}; it has terminal, json")
    if options.watch and (options.repo is not None or options.output is not None):
        raise UsageError("--watch looks at folders and writes to the terminal")
    if options.settings and options.baseline not in (None, "none"):
        raise UsageError("--set asks what if, and the logs' figures are not that program's: leave --baseline out")


def _views(options: Options) -> dict[str, bool]:
    return {
        "--checklist": options.checklist,
        "--switches": options.switches,
        "--show-source": options.source is not None,
        "--smoke": options.smoke,
    }


def _check_several(options: Options) -> None:
    if options.form not in MANY:
        hint = "jsonl" if options.form == "json" else f"one of {', '.join(MANY)}"
        raise UsageError(f"--format {options.form} holds one submission; for several use {hint}")
    if options.folder is not None:
        raise UsageError("--folder goes with one pull request")
    for name, on in _views(options).items():
        if on:
            raise UsageError(f"{name} looks at one submission")


def _check_probe(options: Options) -> None:
    if options.probe and options.smoke:
        raise UsageError("--smoke prints a table of its own; --probe goes into a report: ask for one of them")
    if options.probe_unsafe and not (options.probe or options.smoke):
        raise UsageError("--probe-unsafe goes with --probe or --smoke; nothing is run without them")
    if (options.probe_seed is not None or options.probe_exhaustive) and not options.probe:
        raise UsageError("--probe-seed and --probe-exhaustive go with --probe")
    if options.probe_seconds is not None:
        if not options.probe:
            raise UsageError("--probe-timeout goes with --probe")
        if not (options.probe_seconds > 0 and math.isfinite(options.probe_seconds)):
            raise UsageError("--probe-timeout wants a number of seconds above 0")
    if not options.smoke:
        return
    if options.several:
        raise UsageError("--smoke looks at one submission; give one --pr")
    if options.form not in SMOKE:
        raise UsageError(f"--smoke has no --format {options.form}; it has {', '.join(SMOKE)}")
    if options.baseline is not None:
        raise UsageError("--smoke judges nothing; leave --baseline out")


def _check_catalogue(options: Options) -> None:
    what = "--rules" if options.rules else "--explain"
    if options.rules and options.explain is not None:
        raise UsageError("--rules and --explain exclude each other")
    if options.paths or options.repo is not None or options.prs:
        raise UsageError(f"{what} audits nothing; leave PATH, --repo and --pr out")
    if options.probe or options.smoke or options.probe_unsafe or options.probe_seconds is not None:
        raise UsageError(f"{what} audits nothing; leave --probe and --smoke out")
    forms = ("terminal", "markdown", "json") if options.rules else ("terminal", "markdown")
    if options.form not in forms:
        raise UsageError(f"{what} has no --format {options.form}; it has {', '.join(forms)}")
