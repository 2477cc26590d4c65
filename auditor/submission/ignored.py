"""What git would not hand in: files that a .gitignore names and no commit has."""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterator, Sequence
from pathlib import Path

from pathspec import GitIgnoreSpec

from auditor.submission.disk import DIRECTORY, REGULAR, ROOT, opened
from auditor.submission.model import SubmissionFile

NAME = ".gitignore"
_MOST_BYTES = 1 << 18  # of one list of patterns
_MOST_LINES = 2_000
_LONGEST, _MOST_STARS = 300, 2  # characters of a pattern, and stars in one of its names
_STARS = re.compile(r"\*+")
LISTED = 4  # files that a note names


def without_ignored(
    root: Path, inside: str, files: Sequence[SubmissionFile], tracked: Container[str]
) -> tuple[list[SubmissionFile], tuple[str, ...]]:
    """The files of the folder `inside` that git hands in, and a note that names the others.

    The patterns are those of `root`, of every folder on the way down and of the folder's own. What a commit has
    (`tracked`, paths in the folder) is handed in, whatever the patterns say.
    """
    own = {file.path.rpartition("/")[0]: file.text for file in files if file.path.rsplit("/", 1)[-1] == NAME}
    above = {place: spec for place, text in _above(root, inside) if (spec := _spec(text)) is not None}
    below = {place: spec for place, text in own.items() if (spec := _spec(text)) is not None}
    if not above and not below:
        return list(files), ()
    kept: list[SubmissionFile] = []
    left_out: list[SubmissionFile] = []
    for file in files:
        ignored = file.path not in tracked and _is_ignored(file.path, inside, above, below)
        (left_out if ignored else kept).append(file)
    if not left_out:
        return kept, ()
    names = ", ".join(file.path for file in left_out[:LISTED])
    more = f" and {len(left_out) - LISTED} more" if len(left_out) > LISTED else ""
    return kept, (f"left out, since git ignores them and no commit has them: {names}{more}",)


def _above(root: Path, inside: str) -> Iterator[tuple[int, str]]:
    """The lists of the folders from `root` down to the parent of `inside`, by their depth."""
    parts = [part for part in inside.split("/") if part]
    try:
        with opened(root, ROOT) as top:
            yield from _down(top, parts, 0)
    except OSError:
        return


def _down(directory: int, parts: Sequence[str], depth: int) -> Iterator[tuple[int, str]]:
    if not parts:
        return
    try:
        with opened(NAME, REGULAR, directory) as descriptor:
            yield depth, os.read(descriptor, _MOST_BYTES).decode("utf-8", errors="replace")
    except OSError:
        pass
    try:
        with opened(parts[0], DIRECTORY, directory) as below:
            yield from _down(below, parts[1:], depth + 1)
    except OSError:
        return


def _spec(text: str) -> GitIgnoreSpec | None:
    lines = [line for line in text.splitlines()[:_MOST_LINES] if line.strip() and _is_simple(line)]
    try:
        return GitIgnoreSpec.from_lines(lines) if lines else None
    except ValueError:  # git takes no notice of a pattern that is none
        return GitIgnoreSpec.from_lines(line for line in lines if _is_pattern(line))


def _is_simple(line: str) -> bool:
    """Whether matching takes little time: many stars in one name try all ways to share it out."""
    return len(line) < _LONGEST and all(len(_STARS.findall(part)) <= _MOST_STARS for part in line.split("/"))


def _is_pattern(line: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([line])
    except ValueError:
        return False
    return True


def _is_ignored(path: str, inside: str, above: dict[int, GitIgnoreSpec], below: dict[str, GitIgnoreSpec]) -> bool:
    """What the nearest list that speaks of the path says."""
    parts = path.split("/")
    for depth in range(len(parts) - 1, -1, -1):
        spec = below.get("/".join(parts[:depth]))
        said = spec.check_file("/".join(parts[depth:])).include if spec is not None else None
        if said is not None:
            return said
    way = [part for part in inside.split("/") if part]
    for depth in sorted(above, reverse=True):
        said = above[depth].check_file("/".join([*way[depth:], *parts])).include
        if said is not None:
            return said
    return False
