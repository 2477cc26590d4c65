"""Directories in git: what differs between two of them, and what a folder holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from auditor.submission.bounds import Budget, printable, unsafe_name
from auditor.submission.model import Change, SubmissionFile
from auditor.submission.objects import SUBMODULE, SYMLINK, MissingObject, Objects, TreeEntry

DEPTH = 64  # directory levels that a comparison follows
CHANGES = 100_000  # paths that a comparison lists
DIRECTORIES = 20_000  # that a walk opens: one tree object may stand in any number of places
ENTRIES = 2_000_000  # names that a comparison looks at
PATH_CHARACTERS = 4096
PROBLEMS = 50  # that are told one by one
LINK_BYTES = 4096

Status = Literal["added", "modified", "deleted", "type-changed"]


@dataclass(frozen=True, slots=True)
class Difference:
    """The changes between two trees, sorted by path. `problems` are directories that could not be compared."""

    changes: tuple[Change, ...]
    problems: tuple[str, ...]


def difference(objects: Objects, before: str | None, after: str) -> Difference:
    """What the tree `after` changes in the tree `before` (None: empty). Renames are a deletion and an addition."""
    found: list[Change] = []
    problems: list[str] = []
    waiting: list[tuple[str, str | None, str | None, int]] = [("", before, after, 0)]
    directories = entries = 0
    while waiting:
        if directories >= DIRECTORIES or entries >= ENTRIES or len(found) >= CHANGES:
            problems.append(f"more than {directories:,} directories, {len(found):,} changes: the others were not read")
            break
        prefix, old_id, new_id, level = waiting.pop()
        directories += 1
        try:
            old, new = _named(objects, old_id), _named(objects, new_id)
        except MissingObject as error:
            problems.append(f"{prefix or 'the root directory'} is {error}")
            continue
        entries += len(old) + len(new)
        for name in old.keys() | new.keys():
            was, now = old.get(name), new.get(name)
            if was is not None and now is not None and (was.oid, was.mode) == (now.oid, now.mode):
                continue
            path = prefix + printable(name)
            if len(path) > PATH_CHARACTERS:
                problems.append(f"{prefix[:80]}...: a path of more than {PATH_CHARACTERS:,} characters, not followed")
                continue
            files = [entry if entry is not None and not entry.is_directory else None for entry in (was, now)]
            found.extend(_change(path, *files))
            trees = [entry.oid if entry is not None and entry.is_directory else None for entry in (was, now)]
            if trees == [None, None]:
                continue
            if level < DEPTH:
                waiting.append((path + "/", trees[0], trees[1], level + 1))
            else:
                problems.append(f"{path}: more than {DEPTH} levels of directories, not compared")
    return Difference(tuple(sorted(found, key=lambda change: change.path)), _said(problems))


def _said(problems: list[str]) -> tuple[str, ...]:
    """The first of them, and how many more there are."""
    more = len(problems) - PROBLEMS
    return tuple(problems) if more <= 0 else (*problems[:PROBLEMS], f"and {more:,} more such directories")


def _named(objects: Objects, oid: str | None) -> dict[bytes, TreeEntry]:
    return {} if oid is None else {entry.name: entry for entry in objects.tree(oid)}


def _change(path: str, was: TreeEntry | None, now: TreeEntry | None) -> Iterator[Change]:
    if was is None and now is None:
        return
    status: Status = "modified"
    if was is None:
        status = "added"
    elif now is None:
        status = "deleted"
    elif (was.mode >> 12) != (now.mode >> 12):
        status = "type-changed"
    yield Change(path, status)


def entry_at(objects: Objects, tree: str | None, path: str) -> TreeEntry | None:
    """The entry at a path of names (as `printable` shows them); None when it is not there or cannot be read."""
    found: TreeEntry | None = None
    oid = tree
    for part in path.split("/"):
        if oid is None:
            return None
        try:
            found = next((entry for entry in objects.tree(oid) if printable(entry.name) == part), None)
        except MissingObject:
            return None
        oid = found.oid if found is not None and found.is_directory else None
        if found is None:
            return None
    return found


def files_below(objects: Objects, tree: str, budget: Budget) -> tuple[list[SubmissionFile], list[str]]:
    """Every file of a folder, recursively, sorted by path, and one sentence for each that was refused or not read."""
    files: list[SubmissionFile] = []
    problems: list[str] = []
    waiting = [("", tree, 1)]
    directories = 1
    while waiting:
        prefix, oid, level = waiting.pop()
        try:
            entries = objects.tree(oid)
        except MissingObject as error:
            problems.append(f"{prefix or 'the folder'}: {error}")
            continue
        for entry in entries:
            path = prefix + printable(entry.name)
            if entry.is_directory and not unsafe_name(entry.name):
                directories += 1
                if directories > budget.bounds.directories:
                    problems.append(f"more than {budget.bounds.directories:,} folders: the others were not read")
                    waiting.clear()
                    break
                if level < budget.bounds.depth:
                    waiting.append((path + "/", entry.oid, level + 1))
                else:
                    problems.append(f"{path}: more than {budget.bounds.depth} levels of folders, not read")
            elif len(files) >= budget.bounds.files:
                problems.append(f"more than {budget.bounds.files:,} files: the others were not read")
                waiting.clear()
                break
            else:
                files.append(_file(objects, entry, path, budget))
    problems.extend(f"{file.path}: {file.problem}" for file in files if file.problem)
    return sorted(files, key=lambda file: file.path), sorted(problems)


def _file(objects: Objects, entry: TreeEntry, path: str, budget: Budget) -> SubmissionFile:
    if unsafe_name(entry.name):
        return SubmissionFile(path, None, None, "its name leaves the folder: refused")
    if entry.mode == SYMLINK:
        target = printable(objects.bytes_of(entry.oid, LINK_BYTES) or b"an unknown place")
        return SubmissionFile(path, None, None, f"a symbolic link to {target}: refused")
    if entry.mode == SUBMODULE:
        return SubmissionFile(path, None, None, "a submodule: its files are in another repository")
    return objects.file(path, entry.oid, budget)
