"""What a script prints, line by line, on its way out."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable
from typing import TextIO


class Printed(io.TextIOBase):
    """A text stream that hands every finished line on, keeps the last ones, and passes all through."""

    encoding = "utf-8"

    def __init__(self, through: TextIO, on_line: Callable[[str], None], keep: int = 40) -> None:
        self._through, self._on_line = through, on_line
        self._open = ""
        self.last: deque[str] = deque(maxlen=keep)

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._through.write(text)
        self._open += text
        while "\n" in self._open:
            line, _, self._open = self._open.partition("\n")
            self._line(line)
        if len(self._open) > 100_000:
            self._line(self._open)
            self._open = ""
        return len(text)

    def _line(self, line: str) -> None:
        line = line.rsplit("\r", 1)[-1]
        if line.strip():
            self.last.append(line[:2_000])
        self._on_line(line)

    def flush(self) -> None:
        self._through.flush()

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return self._through.fileno()

    def finish(self) -> None:
        """Hands on a last line that has no end."""
        if self._open:
            self._line(self._open)
            self._open = ""
        self.flush()

    @property
    def buffer(self) -> io.BufferedIOBase:
        return _Bytes(self)

    def reconfigure(self, **options: object) -> None:
        """Line buffering and the like change nothing here."""


class _Bytes(io.BufferedIOBase):
    """`sys.stdout.buffer`."""

    def __init__(self, text: Printed) -> None:
        self._text = text

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._text.write(bytes(data).decode("utf-8", "replace"))
        return len(data)

    def flush(self) -> None:
        self._text.flush()
