"""Which record folders a change touches, from its paths alone.

A record folder is `records/track_NAME/FOLDER`; everything below belongs to it. Submitters also put theirs
directly under `records/`, into a copy of the whole repository, or next to `records/`: such folders are told by
the submission.json or train_gpt.py that they hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from auditor.submission.model import Change

RECORDS = "records"
TRACK = "track"
CLAIMS_FILE = "submission.json"
SCRIPT_FILE = "train_gpt.py"
LISTED = 4  # paths that an error message names


@dataclass(frozen=True, slots=True)
class Touched:
    """The folders that a change adds to or edits, sorted: under a track, under records/, anywhere else."""

    records: tuple[str, ...]
    elsewhere_with_claims: tuple[str, ...]
    elsewhere_with_script: tuple[str, ...]


def touched(changes: Iterable[Change]) -> Touched:
    """The folders in which a change adds or edits files; deletions alone touch none."""
    names = [change.path for change in changes if change.status in ("added", "modified", "renamed")]
    claims, scripts = _holders(names, CLAIMS_FILE), _holders(names, SCRIPT_FILE)
    paths = directories(names)
    marked = claims | scripts
    records = {folder for parts in paths if (folder := record_folder(parts, marked)) is not None}
    outside = [parts for parts in paths if record_folder(parts, frozenset()) is None]
    with_claims = {folder for parts in outside if (folder := _topmost(parts, claims, 1)) is not None}
    with_script = {folder for parts in outside if (folder := _topmost(parts, scripts, 1)) is not None}
    return Touched(tuple(sorted(records)), tuple(sorted(with_claims)), tuple(sorted(with_script - with_claims)))


def record_folder(parts: Sequence[str], marked: frozenset[str]) -> str | None:
    """The record folder that a path (its components) belongs to, None outside records/.

    `marked` are the directories that hold a submission.json or train_gpt.py: below `records/` without a track,
    the topmost of them is the folder.
    """
    for at, part in enumerate(parts):
        if part == RECORDS and len(parts) > at + 3 and parts[at + 1].startswith(TRACK):
            return "/".join(parts[: at + 3])
    for at, part in enumerate(parts):
        if part == RECORDS and len(parts) > at + 2 and not parts[at + 1].startswith(TRACK):
            return _topmost(parts, marked, at + 2) or "/".join(parts[: at + 2])
    return None


def track_of(folder: str) -> str | None:
    """The directory under records/ that holds the folder (track_10min_16mb); None where there is none."""
    parts = folder.split("/")
    for at, part in enumerate(parts[:-2]):
        if part == RECORDS and parts[at + 1].startswith(TRACK):
            return parts[at + 1]
    return None


def directories(names: Iterable[str]) -> list[list[str]]:
    """The components of one path of each directory: what a path belongs to hangs on its directory alone."""
    return [name.split("/") for name in {name.rpartition("/")[0]: name for name in names}.values()]


def _holders(names: Iterable[str], file: str) -> frozenset[str]:
    split = (name.rpartition("/") for name in names)
    return frozenset(directory for directory, _, name in split if name.lower() == file)


def _topmost(parts: Sequence[str], marked: frozenset[str], shortest: int) -> str | None:
    """The shortest directory of the path, of at least `shortest` components, that is marked."""
    for length in range(shortest, len(parts) if marked else 0):
        folder = "/".join(parts[:length])
        if folder in marked:
            return folder
    return None


def summary(changes: Sequence[Change]) -> str:
    """The paths that a change touches, for a one-line message."""
    if not changes:
        return "it touches nothing"
    first = ", ".join(change.path for change in changes[:LISTED])
    more = len(changes) - LISTED
    return f"it touches {first}" + (f" and {more} more" if more > 0 else "")
