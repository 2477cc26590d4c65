"""Again whenever a file of the folder changes. Looks once a second: no library is needed for a dozen files."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from auditor.commands.process import NOT_JUDGED, say
from auditor.submission import SubmissionError

_EVERY = 1.0  # seconds
_MOST = 5_000  # files that are looked at


def watched(paths: Sequence[Path], work: Callable[[], int], *, rounds: int | None = None) -> int:
    """`work` now and after every change below the paths, until interrupted or for so many `rounds`; its last status.

    A folder that cannot be read for the moment (an editor is writing it) is waited for.
    """
    done = 0
    while True:
        seen = state(paths)
        if sys.stdout.isatty():
            print("\x1b[2J\x1b[H", end="")
        try:
            status = work()
        except SubmissionError as error:
            status = say("golf-audit", str(error), NOT_JUDGED)
        done += 1
        if done == rounds:
            return status
        say("golf-audit", f"waiting for a change ({time.strftime('%H:%M:%S')}); Ctrl-C ends it")
        while state(paths) == seen:
            time.sleep(_EVERY)


def state(paths: Sequence[Path]) -> tuple[tuple[str, int, int], ...]:
    """(path, nanoseconds of the last change, bytes) of every file; what git keeps is left out."""
    found: list[tuple[str, int, int]] = []
    for path in paths:
        for folder, folders, files in os.walk(path):
            folders[:] = sorted(name for name in folders if name not in (".git", "__pycache__"))
            for name in sorted(files):
                whole = os.path.join(folder, name)
                try:
                    known = os.lstat(whole)
                except OSError:
                    continue
                found.append((whole, known.st_mtime_ns, known.st_size))
                if len(found) >= _MOST:
                    return tuple(found)
    return tuple(found)
