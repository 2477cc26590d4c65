"""Where the commands write: standard output or a file, how wide, in colour or not; and their progress."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol, TextIO, cast

from auditor.commands.process import output_file
from auditor.report.text import clip, one_line, without_commands


class Target(Protocol):
    """What the options of every command say of its output."""

    @property
    def output(self) -> Path | None: ...

    @property
    def color(self) -> str: ...

    @property
    def form(self) -> str: ...


class Page:
    """What a command writes to: nothing of it is a command to a machine that reads along."""

    def __init__(self, out: TextIO, form: str) -> None:
        self._out, self._form = out, form

    def write(self, text: str) -> None:
        self._out.write(without_commands(text, self._form))

    def flush(self) -> None:
        self._out.flush()


@contextmanager
def output(options: Target) -> Iterator[Page]:
    """Standard output or the file of -o; what they raise, `output_file` says. What machines read is UTF-8."""
    if options.output is None and options.form != "terminal":
        with suppress(AttributeError, ValueError):
            cast("object", sys.stdout).reconfigure(encoding="utf-8")  # type: ignore[attr-defined]
    with output_file(options.output) as out:
        yield Page(out, options.form)


def width(options: Target | None = None) -> int:
    """Columns to write for; 80 where nobody looks at it on a terminal."""
    if options is not None and options.output is not None:
        return 80
    return shutil.get_terminal_size((80, 24)).columns


def colour(options: Target) -> bool:
    """--color beats NO_COLOR beats FORCE_COLOR beats whether standard output is a terminal."""
    if options.color != "auto":
        return options.color == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return options.output is None and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


class Progress:
    """What is being done, on standard error: one line that changes on a terminal, plain lines elsewhere.

    `quiet` says nothing at all.
    """

    def __init__(self, what: str, *, quiet: bool = False) -> None:
        self.what = what
        self._quiet = quiet
        self._terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def __enter__(self) -> Progress:
        return self

    def __call__(self, text: str, *, passing: bool = False) -> None:
        """`text` may quote the submission. A `passing` line is for a terminal alone."""
        said = without_commands(f"{self.what}: {one_line(text, 200)}" if self.what else one_line(text, 200))
        if self._quiet or (passing and not self._terminal):
            return
        if self._terminal:
            room = shutil.get_terminal_size((80, 24)).columns - 1
            print(f"\r\x1b[K{clip(said, room)}", end="", file=sys.stderr, flush=True)
        else:
            print(f"golf-audit: {said}", file=sys.stderr, flush=True)

    def __exit__(self, *_: object) -> None:
        if self._terminal and not self._quiet:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
