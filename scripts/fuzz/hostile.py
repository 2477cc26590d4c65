"""Submissions that would take all time or memory if they were allowed to, through the command as a user runs it.

  PYTHONPATH=scripts python -m fuzz.hostile                 all of them, a row of a table for each
  PYTHONPATH=scripts python -m fuzz.hostile growing deep    some groups
  PYTHONPATH=scripts python -m fuzz.hostile --only zfill    those with this in their names

A piece of code is put at the top of the plain example's script, and once more into code that the script executes.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from auditor.limits.model import PATIENCE
from fuzz import check
from fuzz.disks import DISKS, RACES
from fuzz.folders import MADE
from fuzz.pieces import CODE
from fuzz.texts import CLAIMS, TEXTS
from rules.examples.folders import folder

SECONDS, MEBIBYTES = 120, 2048


GROUPS = (*CODE, "executed", "texts", "made", "disk", "race", "several")


@dataclass(frozen=True, slots=True)
class Case:
    """A hostile submission: `make` writes it into an empty folder. `meanwhile` is done to it again and again
    while it is audited. `beside`: others that are audited by the same command."""

    group: str
    name: str
    make: Callable[[Path], None]
    meanwhile: Callable[[Path], None] | None = None
    beside: tuple[Callable[[Path], None], ...] = ()


def _write(place: Path, files: Mapping[str, str | bytes]) -> None:
    for path, data in files.items():
        target = place / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"))


def with_code(code: str, *, executed: bool = False) -> dict[str, str | bytes]:
    """The plain example with code at the top of its script."""
    files = dict(folder())
    files["train_gpt.py"] = (f"exec({code!r})\n" if executed else code) + str(files["train_gpt.py"])
    return files


def with_text(path: str, text: str) -> dict[str, str | bytes]:
    """The plain example with text at the end of a file; claims are replaced."""
    files = dict(folder())
    before = "" if path == CLAIMS else files.get(path, "")
    files[path] = (before if isinstance(before, str) else before.decode()) + text
    return files


def cases(groups: tuple[str, ...] = GROUPS) -> Iterator[Case]:
    def writer(files: Callable[[], Mapping[str, str | bytes]]) -> Callable[[Path], None]:
        return lambda place: _write(place, files())

    def changed(change: Callable[[Path], None]) -> Callable[[Path], None]:
        def make(place: Path) -> None:
            _write(place, folder())
            change(place)

        return make

    for group, pieces in CODE.items():
        for name, code in pieces.items():
            if group in groups:
                yield Case(group, name, writer(lambda code=code: with_code(code)))  # type: ignore[misc]
            if "executed" in groups and len(code) < 100_000:
                yield Case("executed", f"{group}: {name}", writer(lambda code=code: with_code(code, executed=True)))  # type: ignore[misc]
    if "texts" in groups:
        for name, (path, text) in TEXTS.items():
            yield Case("texts", name, writer(lambda path=path, text=text: with_text(path, text())))  # type: ignore[misc]
    if "made" in groups:
        for name, made in MADE.items():
            yield Case("made", name, writer(lambda made=made: {**folder(), **made()} if made is not dict else {}))  # type: ignore[misc]
    if "disk" in groups:
        for name, change in DISKS.items():
            yield Case("disk", name, changed(change))
    if "race" in groups:
        for name, change in RACES.items():
            yield Case("race", name, writer(folder), meanwhile=change)
    if "several" in groups:
        for name, codes in _SEVERAL.items():
            first, *others = [writer(lambda code=code: with_code(code)) for code in codes]  # type: ignore[misc]
            yield Case("several", name, first, beside=tuple(others))
        first, *others = [changed(change) for change in DISKS.values()]
        yield Case("several", "all odd folders", first, beside=tuple(others))


_SEVERAL: Mapping[str, tuple[str, ...]] = {
    group: tuple(pieces[name] for name in sorted(pieces)[::-4][:6]) for group, pieces in CODE.items()
}
"""A few of each group, in one go."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How an audit ended: seconds by the clock and of the processor, the size of its largest process, and what is
    `wrong` about it."""

    status: int
    said: str
    seconds: float
    processor: float
    mebibytes: float
    wrong: tuple[str, ...]


def run(case: Case) -> Ran:
    """The audit of a case by the command, in a process of its own that has every module loaded already."""
    from auditor.limits.scratch import Scratch

    with Scratch("hostile") as scratch, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        place = scratch.path / "records" / "track_10min_16mb" / "2026-04-01_Hostile"
        place.mkdir(parents=True)
        case.make(place)
        places = [place, *(place.with_name(f"{place.name}_{i}") for i in range(1, len(case.beside) + 1))]
        for other, make in zip(places[1:], case.beside, strict=True):
            other.mkdir()
            make(other)
        form = "jsonl" if case.beside else "json"
        arguments = [*map(str, places), f"--format={form}", f"--timeout={SECONDS}", f"--memory={MEBIBYTES}"]
        start = time.monotonic()
        process = os.fork()
        if process == 0:
            _command(arguments, out.fileno(), err.fileno())
        with _done_meanwhile(case, place):
            _, status, used = os.wait4(process, 0)
        seconds = time.monotonic() - start
        out.seek(0)
        err.seek(0)
        text, said = out.read().decode("utf-8", "replace"), err.read().decode("utf-8", "replace")
    exit_status = os.waitstatus_to_exitcode(status)
    if case.beside:
        answers = [_weighed(exit_status, line, said) for line in text.splitlines()]
        verdict = f"{len(answers)} reports"
        wrong = tuple(dict.fromkeys(what for _, found in answers for what in found))
        if len(answers) != len(places):
            wrong = (*wrong, f"{len(answers)} reports of {len(places)}")
    else:
        verdict, wrong = _weighed(exit_status, text, said)
    processor = used.ru_utime + used.ru_stime
    if processor > SECONDS * len(places) + 20 or seconds > PATIENCE * SECONDS * len(places) + 20:
        wrong = (*wrong, "passed the limit of time")
    if used.ru_maxrss / 1024 > MEBIBYTES + 200:
        wrong = (*wrong, "passed the limit of memory")
    return Ran(exit_status, verdict, seconds, processor, used.ru_maxrss / 1024, wrong)


@contextlib.contextmanager
def _done_meanwhile(case: Case, place: Path) -> Iterator[None]:
    """What is done to the folder until the audit has ended."""
    if case.meanwhile is None:
        yield
        return
    ended = threading.Event()

    def again() -> None:
        while not ended.is_set():
            with contextlib.suppress(OSError):
                case.meanwhile(place)  # type: ignore[misc]

    thread = threading.Thread(target=again)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _command(arguments: list[str], out: int, err: int) -> NoReturn:
    """The whole of the command's process, once it has been forked."""
    from auditor.commands.audit import main as command

    status = 1
    try:
        os.dup2(out, 1)
        os.dup2(err, 2)
        status = command(arguments)
        sys.stdout.flush()
    finally:
        os._exit(status)


def _weighed(status: int, text: str, said: str) -> tuple[str, tuple[str, ...]]:
    """The verdict (or the line on standard error), and what is wrong with the answer."""
    wrong = []
    if status not in (0, 1, 3) and not (status == 2 and said.count("\n") == 1):
        wrong.append(f"exit status {status}")
    if "Traceback" in said or "internal error" in said:
        wrong.append("a traceback")
    if said.count("\n") > 1:
        wrong.append("more than one line of complaint")
    if not text:
        if not said:
            wrong.append("nothing was said")
        return said.strip()[:100], tuple(wrong)
    try:
        report = json.loads(text)
        failed = [row["rule"] for row in report["outcomes"] if row["outcome"] == "error"]
    except (ValueError, KeyError) as error:
        return "", (*wrong, f"no report: {error}")
    wrong += [f"error in {rule}" for rule in failed]
    return f"{report['verdict']}: {report['verdict_because']}"[:100], tuple(wrong)


def main() -> int:
    """0 where every case ended well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--only", default="", help="a part of the name")
    given = parser.parse_args()
    check.audited(check.submission({}))  # every module is loaded once
    bad = 0
    for case in cases(tuple(given.groups) or GROUPS):
        if given.only not in case.name:
            continue
        ran = run(case)
        bad += bool(ran.wrong)
        print(
            f"{case.group:9} {case.name:32} {ran.status} {ran.seconds:6.1f} s {ran.processor:6.1f} s"
            f" {ran.mebibytes:6,.0f} MiB  {'; '.join(ran.wrong).upper() or 'ok'}  {ran.said}",
            flush=True,
        )
    print(f"{bad} went wrong")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
