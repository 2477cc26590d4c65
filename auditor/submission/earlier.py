"""The logs of a record folder as earlier commits of its branch had them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from auditor.submission.bounds import Bounds, printable
from auditor.submission.choose import is_log
from auditor.submission.history import branch_commits
from auditor.submission.model import EarlierFile, SubmissionError, SubmissionFile
from auditor.submission.objects import Commit, MissingObject, Objects
from auditor.submission.repository import Repository
from auditor.submission.trees import entry_at

COMMITS = 300  # the newest of the branch that are looked at
VERSIONS = 8  # of one log
FILES = 64
LOG_BYTES = 8 << 20


def earlier_logs(
    objects: Objects, commits: Sequence[Commit], folder: str, files: Sequence[SubmissionFile], bounds: Bounds
) -> tuple[EarlierFile, ...]:
    """Other contents of the folder's logs in the branch's own commits, newest first. What a clone lacks is left out."""
    shipped = {file.sha256 for file in files if file.data is not None}
    known: dict[str, set[str | None]] = {}
    found: list[EarlierFile] = []
    seen: set[str] = set()
    for commit in commits[:COMMITS]:
        top = entry_at(objects, commit.tree, folder)
        if top is None or not top.is_directory or top.oid in seen:
            continue
        seen.add(top.oid)
        for path, oid in blobs_below(objects, top.oid, bounds).items():
            digests = known.setdefault(path, set())
            if not is_log(path) or oid in seen or len(digests) >= VERSIONS or len(found) >= FILES:
                continue
            seen.add(oid)
            data = objects.bytes_of(oid, LOG_BYTES)
            earlier = SubmissionFile(path, None, data)
            if data and earlier.sha256 not in shipped and earlier.sha256 not in digests:
                digests.add(earlier.sha256)
                found.append(EarlierFile(path, commit.oid, data))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Committed:
    """What the history of a work tree tells of one folder: other contents of its logs, and the files of HEAD."""

    logs: tuple[EarlierFile, ...]
    tracked: frozenset[str]  # paths in the folder


def committed(repository: Path, folder: str, files: Sequence[SubmissionFile], bounds: Bounds) -> Committed | None:
    """The newest commits before HEAD on a folder of a work tree; None where no history can be read."""
    try:
        with Repository(repository) as opened:
            head = opened.refs().get("HEAD")
            if head is None:
                return None
            objects = Objects(opened)
            try:
                newest = objects.commit(head)
                commits = branch_commits(objects, set(), newest, most=COMMITS)
                logs = earlier_logs(objects, commits, folder, files, bounds)
                top = entry_at(objects, newest.tree, folder)
                tracked = blobs_below(objects, top.oid, bounds) if top is not None and top.is_directory else ()
                return Committed(logs, frozenset(tracked))
            finally:
                objects.close()
    except (SubmissionError, MissingObject):
        return None


def blobs_below(objects: Objects, tree: str, bounds: Bounds) -> Mapping[str, str]:
    """Path in the folder -> blob id, as far as the bounds let see and the clone has the directories."""
    return dict(_blobs(objects, tree, bounds))


def _blobs(objects: Objects, tree: str, bounds: Bounds) -> Iterator[tuple[str, str]]:
    waiting = [("", tree, 1)]
    directories = count = 0
    while waiting and directories < bounds.directories and count < bounds.files:
        prefix, oid, level = waiting.pop()
        directories += 1
        try:
            entries = objects.tree(oid)
        except MissingObject:
            continue
        for entry in entries:
            name = prefix + printable(entry.name)
            if not entry.is_directory:
                count += 1
                yield name, entry.oid
            elif level < bounds.depth:
                waiting.append((name + "/", entry.oid, level + 1))
