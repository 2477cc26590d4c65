"""One odd input through everything that an audit does: what went wrong, if anything did."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
import traceback
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from auditor.limits.model import describe
from auditor.submission import Submission
from auditor.submission.model import SubmissionFile

SLOW_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong: `kind` groups failures of one cause, `detail` tells more."""

    kind: str
    detail: str = ""


def submission(files: Mapping[str, bytes]) -> Submission:
    """The folder as if it had been read from disk."""
    return Submission(
        "folder", "records/track_10min_16mb/2026-04-01_Mutant",
        tuple(SubmissionFile(path, len(data), data) for path, data in sorted(files.items())),
        track="track_10min_16mb",
    )  # fmt: skip


def folder(files: Mapping[str, bytes]) -> list[Failure]:
    return audited(submission(files))


def audited(found: Submission) -> list[Failure]:
    """Everything from reading to every format. MemoryError passes: the caller's limit."""
    from auditor.commands.law import law
    from auditor.findings import Outcome
    from auditor.judgement.evaluation import how_scored
    from auditor.judgement.gather import gather
    from auditor.judgement.judge import judge
    from auditor.report import FORMATS, render

    start = time.process_time()
    failures: list[Failure] = []
    rules, budgets = law()
    facts = None
    with _noticed(failures, "reading"):
        facts = gather(found, {}, strict=True)
    if facts is None:
        return failures
    report = None
    with _noticed(failures, "judging"):
        report = judge(facts, rules, budgets, evaluation=how_scored(facts.program, facts.headline))
    if report is None:
        return failures
    failures += (
        Failure(f"error in {row.rule}: {_place(row.reason)}", row.reason)
        for row in report.outcomes
        if row.outcome is Outcome.ERROR
    )
    for form in FORMATS:
        with _noticed(failures, f"rendering {form}"):
            text = render(report, form)  # type: ignore[arg-type]
            failures += _wrong_in(form, text)
    seconds = time.process_time() - start
    if seconds > SLOW_SECONDS:
        failures.append(Failure("slow", f"{seconds:.0f} s of processor time"))
    return failures


def repository(seed: int) -> list[Failure]:
    """An odd repository, loaded as a clone and as a checkout; and audited where it loads and is not huge."""
    from auditor.submission import Clone, SubmissionError, load_path
    from fuzz.odd import PULL
    from fuzz.repositories import make

    failures: list[Failure] = []
    start, used = time.monotonic(), sum(os.times()[:4])
    with tempfile.TemporaryDirectory(prefix="golf-fuzz-") as scratch:
        place = Path(scratch) / "clone"
        what = make(place, seed)
        found: list[Submission] = []
        with (
            _noticed(failures, f"loading: {what}"),
            contextlib.suppress(SubmissionError),
            Clone(place) as clone,
        ):
            for number in clone.pull_requests()[:3]:
                clone.authored(number)
            found.append(clone.load(PULL))
        work = place.with_name("clone-work")
        if work.exists():
            with _noticed(failures, f"loading the work tree: {what}"), contextlib.suppress(SubmissionError):
                found.append(load_path(work))
        for loaded in found:
            if len(loaded.files) < 50 and len(loaded.changes or ()) < 1000:
                failures += audited(loaded)
        if any((folder / "hacked").exists() for folder in (place, work, Path())):
            failures.append(Failure("a program named in the repository ran", what))
        _open(Path(scratch))
    seconds, used = time.monotonic() - start, sum(os.times()[:4]) - used
    if used > SLOW_SECONDS or seconds > 20 * SLOW_SECONDS:  # what waits for a pipe uses nothing
        failures.append(Failure("slow", f"{what}: {used:.0f} s of processor time in {seconds:.0f} s"))
    return failures


def _open(place: Path) -> None:
    """What the repository had closed can be removed."""
    for folder, _, _ in os.walk(place):
        os.chmod(folder, 0o700)


@contextlib.contextmanager
def _noticed(failures: list[Failure], doing: str) -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        failures.append(Failure(f"{doing}: {_place(describe(error))}", traceback.format_exc()))


def _place(said: str) -> str:
    """The type of an exception and where it was raised, without its words."""
    kind, _, rest = said.removeprefix("the rule failed: ").partition(":")
    return f"{kind.partition(' ')[0]} {rest.rpartition('(')[2].rstrip(')')}"


def _wrong_in(form: str, text: str) -> list[Failure]:
    """What no output may hold: control characters, surrogates, numbers that JSON does not have."""
    found = []
    bad = {ch for ch in set(text) if ch != "\n" and unicodedata.category(ch) in ("Cc", "Cf", "Cs") and ch != "\u200b"}
    if bad:
        found.append(Failure(f"{form} holds {', '.join(sorted(f'U+{ord(ch):04X}' for ch in bad))}"))
    if form in ("json", "jsonl", "sarif"):
        try:
            json.loads(text, parse_constant=_no_number)
        except ValueError as error:
            found.append(Failure(f"{form} is no JSON", str(error)[:200]))
    return found


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no JSON")
