"""Text for the scene: the Python installation's own sources, so that words and phrases come again.

Files are taken in the order of a hash of their path; the same installation always gives the same text.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path

_LEFT_OUT = frozenset({"__pycache__", "dist-packages", "idlelib", "lib2to3", "site-packages", "test", "tests"})
_LONGEST_FILE = 120_000  # bytes; longer sources are tables rather than text
_BYTES = 3_000_000
_SHORTEST, _LONGEST = 200, 900  # characters of a document


@functools.lru_cache(maxsize=4)
def documents(root: Path | None = None) -> tuple[str, ...]:
    """Short texts: paragraphs of comments, docstrings and code. Raises FileNotFoundError where there are none."""
    root = root or Path(sysconfig.get_path("stdlib"))
    found: list[str] = []
    size = 0
    for path in sorted(_sources(root), key=lambda path: _rank(path, root)):
        try:
            text = path.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        found.extend(_pieces(text))
        size += len(text)
        if size >= _BYTES:
            break
    if not found:
        raise FileNotFoundError(f"{root}: no Python sources to take text from")
    return tuple(found)


def _pieces(text: str) -> Iterator[str]:
    """A source in documents of a few hundred characters, cut between paragraphs, white space run together."""
    piece = ""
    for paragraph in re.split(r"\n\s*\n", text):
        piece += " " + " ".join(paragraph.split())
        if len(piece) >= _SHORTEST:
            yield piece.strip()[:_LONGEST]
            piece = ""


def _sources(root: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if name not in _LEFT_OUT]
        for name in files:
            path = Path(folder, name)
            if name.endswith(".py") and 0 < path.stat().st_size <= _LONGEST_FILE:
                yield path


def _rank(path: Path, root: Path) -> tuple[bytes, str]:
    name = path.relative_to(root).as_posix()
    return hashlib.sha256(name.encode()).digest(), name
