"""Where the command writes: standard output or a file, how wide, in colour or not; and its progress."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import AbstractContextManager
from typing import TextIO

from auditor.commands.options import Options
from auditor.commands.process import output_file
from auditor.report.text import clip, one_line

_PROGRESS_EVERY = 50  # pull requests between two plain progress lines


def output(options: Options) -> AbstractContextManager[TextIO]:
    """Standard output or the file of -o; what they raise, `output_file` says."""
    return output_file(options.output)


def width(options: Options | None = None) -> int:
    """Columns to write for; 80 where nobody looks at it on a terminal."""
    if options is not None and options.output is not None:
        return 80
    return shutil.get_terminal_size((80, 24)).columns


def colour(options: Options) -> bool:
    """NO_COLOR beats FORCE_COLOR beats whether standard output is a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return options.output is None and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def counted(done: int, total: int) -> None:
    """How many of many are done: one line that changes on a terminal, a line now and then elsewhere."""
    if sys.stderr.isatty():
        print(f"\r{done}/{total} audited", end="\n" if done == total else "", file=sys.stderr, flush=True)
    elif done % _PROGRESS_EVERY == 0 and done < total:
        print(f"golf-audit: {done}/{total} audited", file=sys.stderr, flush=True)


class Progress:
    """What is being done, on standard error: one line that changes on a terminal, plain lines elsewhere."""

    def __init__(self, what: str) -> None:
        self.what = what
        self._terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def __enter__(self) -> Progress:
        return self

    def __call__(self, text: str) -> None:
        """`text` may quote the submission."""
        said = f"{self.what}: {one_line(text, 200)}"
        if self._terminal:
            room = shutil.get_terminal_size((80, 24)).columns - 1
            print(f"\r\x1b[K{clip(said, room)}", end="", file=sys.stderr, flush=True)
        else:
            print(f"golf-audit: {said}", file=sys.stderr, flush=True)

    def __exit__(self, *_: object) -> None:
        if self._terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
