"""A folder on disk, read without following anything that leads out of it.

Every directory and file is opened relative to its parent's descriptor and never through a symbolic link, so that
nothing outside the folder is read even if it changes meanwhile; pipes and devices are not opened for reading.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from auditor.submission.bounds import Budget, printable
from auditor.submission.model import SubmissionFile

CHUNK = 1 << 20
NOT_FOLLOWED = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
ROOT = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY
DIRECTORY = NOT_FOLLOWED | os.O_DIRECTORY
REGULAR = NOT_FOLLOWED | os.O_NONBLOCK  # opening a pipe must not wait for its writer
IGNORED = ".git"  # git's own files are no part of a submission


@contextmanager
def opened(name: str | Path, flags: int, parent: int | None = None) -> Iterator[int]:
    """A file descriptor that is closed again. Raises OSError."""
    descriptor = os.open(name, flags, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def files_on_disk(root: Path, inside: str, budget: Budget) -> tuple[list[SubmissionFile], list[str]]:
    """Every file of the folder `inside` (a relative path, "" for `root` itself), recursively, sorted by path,
    and one sentence for each that was refused or not read. Raises OSError when the folder cannot be opened."""
    reader = _Reader(budget)
    with opened(root, ROOT) as top:
        reader.enter(top, [part for part in inside.split("/") if part])
    reader.problems.extend(f"{file.path}: {file.problem}" for file in reader.files if file.problem)
    return sorted(reader.files, key=lambda file: file.path), sorted(reader.problems)


def names_on_disk(root: Path, inside: str) -> list[tuple[str, bool]]:
    """The names in one directory below `root`, sorted, each with whether it is a directory (a link is not)."""
    with opened(root, ROOT) as top:
        return _names(top, [part for part in inside.split("/") if part])


def _names(directory: int, parts: list[str]) -> list[tuple[str, bool]]:
    if parts:
        with opened(parts[0], DIRECTORY, directory) as below:
            return _names(below, parts[1:])
    with os.scandir(directory) as entries:
        return sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)


class _Reader:
    """One walk through a folder, within a budget."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.files: list[SubmissionFile] = []
        self.problems: list[str] = []
        self.directories = 0

    def enter(self, directory: int, parts: list[str]) -> None:
        """Goes down to the folder, no component of which may be a link, then reads it."""
        if not parts:
            self.read(directory, "", 1)
            return
        with opened(parts[0], DIRECTORY, directory) as below:
            self.enter(below, parts[1:])

    def read(self, directory: int, prefix: str, level: int) -> None:
        self.directories += 1
        for name, is_directory in _names(directory, []):
            path = prefix + printable(os.fsencode(name))
            if len(self.files) >= self.budget.bounds.files:
                message = f"more than {self.budget.bounds.files:,} files: the others were not read"
                if message not in self.problems:
                    self.problems.append(message)
                return
            if name == IGNORED:
                continue
            if not is_directory:
                self.files.append(self.file(directory, name, path))
            elif self.directories >= self.budget.bounds.directories:
                message = f"more than {self.budget.bounds.directories:,} folders: the others were not read"
                if message not in self.problems:
                    self.problems.append(message)
            elif level < self.budget.bounds.depth:
                self.below(directory, name, path, level)
            else:
                self.problems.append(f"{path}: more than {self.budget.bounds.depth} levels of folders, not read")

    def below(self, directory: int, name: str, path: str, level: int) -> None:
        try:
            with opened(name, DIRECTORY, directory) as inner:
                self.read(inner, path + "/", level + 1)
        except OSError as error:
            self.problems.append(f"{path}: cannot be opened ({error.strerror})")

    def file(self, directory: int, name: str, path: str) -> SubmissionFile:
        try:
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if stat.S_ISLNK(status.st_mode):
                target = printable(os.fsencode(os.readlink(name, dir_fd=directory)))
                return SubmissionFile(path, None, None, f"a symbolic link to {target}: refused")
            if not stat.S_ISREG(status.st_mode):
                return SubmissionFile(path, None, None, "a pipe, socket or device: refused")
            with opened(name, REGULAR, directory) as descriptor:
                return self.content(descriptor, path)
        except OSError as error:
            return SubmissionFile(path, None, None, f"cannot be read ({error.strerror})")

    def content(self, descriptor: int, path: str) -> SubmissionFile:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):  # it was replaced since it was looked at
            return SubmissionFile(path, None, None, "a pipe, socket or device: refused")
        refused = self.budget.refuses(status.st_size)
        if refused is not None:
            return SubmissionFile(path, status.st_size, None, refused)
        return self.budget.file(path, status.st_size, _chunks(descriptor, status.st_size))


def _chunks(descriptor: int, size: int) -> Iterator[bytes]:
    """At most `size` bytes: a file that grows while it is read does not exceed its budget."""
    left = size
    while left > 0 and (chunk := os.read(descriptor, min(CHUNK, left))):
        left -= len(chunk)
        yield chunk
