"""golf-audit queue: every pull request of a clone, kept in a store, shown as pages."""

from __future__ import annotations

import difflib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.commands.folders import audited, loaded
from auditor.commands.law import law, rule_named
from auditor.commands.many import prepared
from auditor.commands.output import Progress
from auditor.commands.process import BROKEN, NOT_JUDGED, OK, Ended, UsageError, say
from auditor.commands.queue_options import QueueOptions, read
from auditor.commands.work import Task, load, unloaded
from auditor.queue.identity import tool
from auditor.queue.row import Row, row_of
from auditor.queue.store import Result, Store, StoreError, key_of
from auditor.report.text import count

if TYPE_CHECKING:
    from auditor.judgement.model import Report

_CLAIM_SECONDS = 60.0  # on top of what an audit may take: for it to be written
_WAIT_SECONDS = 1.0  # between two looks at what another run is doing


def run(arguments: Sequence[str]) -> int:
    """The command, without what guards it. Raises UsageError or SubmissionError."""
    options = read(arguments)
    if options.only is not None:
        rule_named(options.only)
    try:
        with Store(options.store) as store:
            heads = _heads(options, store)
            keys = {pr: key_of(head, tool(), _settings(options)) for pr, head in heads.items()}
            shown = {**store.latest(), **keys} if options.new else keys
            try:
                broken = _audited(options, store, heads, keys)
            except (KeyboardInterrupt, Ended):
                _broken_off(options, store, keys, shown)
                raise
            pages = _written(options, store, shown)
    except StoreError as error:
        return say("golf-audit", str(error), BROKEN)
    if options.progress:
        say("golf-audit", _sum(pages, len(shown), options.output))
    if options.serve is not None:
        from auditor.queue.serve import serve

        serve(options.output, options.serve, partial(say, "golf-audit"))
    return NOT_JUDGED if broken else OK


# --- the audits ----------------------------------------------------------------------------------------------------


def _audited(options: QueueOptions, store: Store, heads: Mapping[int, str], keys: Mapping[int, str]) -> int:
    """Audits what has no result yet. How many broke off."""
    done = store.done(list(keys.values()))
    waiting = {pr: key for pr, key in keys.items() if key not in done}
    tally = _Tally(len(waiting), len(keys))
    with Progress("queue", quiet=not options.progress) as progress:
        if waiting:
            prepared(options)
        for task, result in _results(options, store, heads, waiting):
            assert task.pr is not None
            store.put(keys[task.pr], result)
            progress(tally.took(result), passing=tally.done % 25 != 0)
    rows = store.rows(list(keys.values()))
    store.remember(tool(), _settings(options), {pr: key for pr, key in keys.items() if key in rows})
    return tally.broken


def _broken_off(options: QueueOptions, store: Store, keys: Mapping[int, str], shown: Mapping[int, str]) -> None:
    """Pages of what a run has that was asked to end; asked once more it ends without them."""
    done = len(store.done(list(keys.values())))
    said = "the pages show them" if done else "nothing to show yet"
    say("golf-audit", f"{done} of {len(keys)} audited, {said}; the same command goes on from there")
    if done:
        _written(options, store, shown)


def _heads(options: QueueOptions, store: Store) -> dict[int, str]:
    """The head commit of every pull request that is asked for. Raises UsageError where none is left."""
    from auditor.submission import Clone

    with Clone(options.repo) as clone:
        heads = clone.heads()
        asked = options.prs.among(list(heads))
        wanted = [pr for pr in asked if pr in heads]
        if options.since:
            wanted = [pr for pr in wanted if (clone.authored(pr) or "")[:10] >= options.since]
        tracks = set(clone.tracks()) if options.track is not None else set()
    rows = store.rows(list(store.latest().values())).values() if options.new or options.track is not None else ()
    if options.track is not None:
        _check_track(options.track, tracks | {row.track for row in rows})
    if options.new:
        known = {row.pr: row.head for row in rows}
        wanted = [pr for pr in wanted if known.get(pr) != heads[pr]]
    if not wanted and not options.new:
        raise UsageError(f"{options.repo} has none of these pull requests")
    if missing := [f"#{pr}" for pr in asked if pr not in heads]:
        say("golf-audit", f"{options.repo} has no {', '.join(missing)}")
    return {pr: heads[pr] for pr in wanted}


def _check_track(track: str, known: set[str]) -> None:
    """Raises UsageError, with the nearest names, for a track that nothing is in."""
    if track in known:
        return
    near = difflib.get_close_matches(track, sorted(known), n=3, cutoff=0.4)
    hint = f"; did you mean {' or '.join(near)}?" if near else f"; there are {', '.join(sorted(known - {''}))}"
    raise UsageError(f"--track: there is no track {track!r}{hint if known - {''} else ''}")


def _settings(options: QueueOptions) -> dict[str, object]:
    """What an audit's result depends on besides its head and the auditor."""
    waivers = options.waivers.read_text("utf-8", "replace") if options.waivers is not None else ""
    probe = options.probe_limit if options.probe else None
    settings: dict[str, object] = {
        "baseline": options.baseline,
        "waivers": waivers,
        "probe": probe,
        "unsafe": options.probe_unsafe,
    }
    return {**settings, "auto": True} if options.probe_auto else settings


def _results(
    options: QueueOptions, store: Store, heads: Mapping[int, str], waiting: Mapping[int, str]
) -> Iterator[tuple[Task, Result]]:
    """Every result that is still missing, as they come; what another run is doing is left to it while it lives."""
    left = dict(waiting)
    while left:
        for task, result in _run(options, _claimed(options, store, left), heads):
            left.pop(task.pr or 0, None)
            yield task, result
        done = store.done(list(left.values()))
        left = {pr: key for pr, key in left.items() if key not in done}
        if left:
            time.sleep(_WAIT_SECONDS)


def _claimed(options: QueueOptions, store: Store, left: Mapping[int, str]) -> Iterator[Task]:
    for pr, key in list(left.items()):
        if store.claim(key, options.limits.wall_seconds + _CLAIM_SECONDS):
            yield Task(pr)


def _run(options: QueueOptions, tasks: Iterator[Task], heads: Mapping[int, str]) -> Iterator[tuple[Task, Result]]:
    work: Callable[[Task], Result] = partial(_one, options, dict(heads))
    broken: Callable[[Task, Exception], Result] = partial(_broken, dict(heads))
    if options.scheduler is not None:
        from auditor.queue.cluster import run_on_cluster

        sent = (_sent(options, task) for task in tasks)
        return run_on_cluster(options.scheduler, sent, work, broken, limits=options.limits)
    from auditor.queue.pool import run_many

    jobs = options.jobs or os.cpu_count() or 1
    return run_many(tasks, work, broken, jobs=jobs, limits=options.limits)


def _sent(options: QueueOptions, task: Task) -> Task:
    """The task with its submission, and the others that it brings, so that the other machine needs no clone."""
    from dataclasses import replace

    from auditor.submission import SubmissionError

    try:
        submission = load(task, options.repo)
        return replace(task, loaded=submission, rivals=tuple(loaded(task, submission, options.repo)))
    except SubmissionError as error:
        return replace(task, refused=str(error))


def _one(options: QueueOptions, heads: Mapping[int, str], task: Task) -> Result:
    """Runs in a worker."""
    from auditor.submission import SubmissionError

    began = time.monotonic()
    try:
        report = audited(task, options, kept=True)
    except (SubmissionError, UsageError) as error:
        report = unloaded(task.nothing, str(error))
    return _result(report, heads, time.monotonic() - began)


def _broken(heads: Mapping[int, str], task: Task, error: Exception) -> Result:
    return _result(unloaded(task.nothing, str(error)), heads, 0.0, broken=True)


def _result(report: Report, heads: Mapping[int, str], seconds: float, *, broken: bool = False) -> Result:
    from auditor.queue.site import RULES
    from auditor.report import render
    from auditor.report.html import render as page
    from rules.law.standing import dated, is_record

    day = dated(report)
    row = row_of(
        report,
        head=heads[report.submission.pr or 0],
        day=day.isoformat() if day else "",
        attempt=is_record(report),
    )
    return Result(row, render(report, "jsonl"), page(report, rules=RULES), seconds, broken)


class _Tally:
    """How far a run is, in words."""

    def __init__(self, waiting: int, total: int) -> None:
        self.done, self.broken = 0, 0
        self._waiting, self._kept = waiting, total - waiting
        self._verdicts: Counter[str] = Counter()
        self._began = time.monotonic()

    def took(self, result: Result) -> str:
        """`412/2059, 3.1/s, 8 min left; 120 clean, 90 violation score`."""
        self.done += 1
        self.broken += result.broken
        self._verdicts[f"{result.row.verdict} {result.row.class_}".strip()] += 1
        rate = self.done / max(time.monotonic() - self._began, 1e-9)
        left = (self._waiting - self.done) / rate
        said = f"{left / 60:.0f} min" if left > 90 else f"{left:.0f} s"
        kept = f" ({self._kept} known)" if self._kept else ""
        counts = ", ".join(f"{number} {verdict}" for verdict, number in self._verdicts.most_common())
        return f"{self.done}/{self._waiting}{kept}, {rate:.1f}/s, {said} left; {counts}"


# --- the pages -----------------------------------------------------------------------------------------------------


def _written(options: QueueOptions, store: Store, keys: Mapping[int, str]) -> list[Row]:
    """Writes the pages; the rows that they show."""
    from auditor.commands.queue_law import standings
    from auditor.queue.board import changed
    from auditor.queue.site import Site, write

    rows = store.rows(list(keys.values()))
    known = {pr: rows[key] for pr, key in keys.items() if key in rows}
    shown = [row for _, row in sorted(known.items()) if _wanted(options, row)]
    run_ = store.last_run()
    earlier = store.latest(before=run_) if run_ is not None else {}
    old = store.rows(list(earlier.values()))
    changes = changed([old[key] for key in earlier.values() if key in old], shown)
    ended = store.ended(run_) if run_ else ""
    write(options.output, store, keys, Site(shown, standings(shown), changes, tool(), ended, law()[0]))
    return shown


def _sum(shown: Sequence[Row], known: int, output: Path) -> str:
    """`2 of 40 pull requests (1 clean, 1 violation score): site/index.html`."""
    counts = Counter(f"{row.verdict} {row.class_}".strip() for row in shown)
    said = ", ".join(f"{number} {verdict}" for verdict, number in counts.most_common())
    number = count(known, "pull request") if len(shown) == known else f"{len(shown)} of {count(known, 'pull request')}"
    return f"{number}{f' ({said})' if said else ''}: {output / 'index.html'}"


def _wanted(options: QueueOptions, row: Row) -> bool:
    if options.track is not None and row.track != options.track:
        return False
    if options.author is not None and options.author.casefold() not in row.author.casefold():
        return False
    found = (*row.rules, *row.argued, *row.warnings, *(rule for other in row.others() for rule in other.rules))
    return options.only is None or options.only in found
