"""Git objects by id, through one long-lived `git cat-file --batch`."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from auditor.submission.bounds import Budget, printable
from auditor.submission.model import SubmissionError, SubmissionFile
from auditor.submission.repository import Repository

CHUNK = 1 << 20
TREE_BYTES = 64 << 20  # a tree object beyond this is no directory that anyone made by hand
COMMIT_BYTES = 4 << 20
NAME_BYTES = 4096  # of one entry in a directory: more than any file system takes
CACHED_TREES = 4096
OBJECT_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")

DIRECTORY, SYMLINK, SUBMODULE = 0o040000, 0o120000, 0o160000


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One name in a directory: its mode (git's octal), raw name and object id."""

    mode: int
    name: bytes
    oid: str

    @property
    def is_directory(self) -> bool:
        return self.mode == DIRECTORY


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit's header and message. `authored` is ISO 8601, `committed` in seconds since 1970 (0: unknown)."""

    oid: str
    tree: str
    parents: tuple[str, ...]
    authored: str | None
    committed: int
    message: str

    @property
    def subject(self) -> str:
        return self.message.split("\n", 1)[0].strip()


class MissingObject(Exception):
    """The object is not in the clone, or cannot be read; the message says which."""


class Objects:
    """Reads objects of a repository. Ids are full hexadecimal object ids, never names or paths."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._process: subprocess.Popen[bytes] | None = None
        self._trees: dict[str, tuple[TreeEntry, ...]] = {}

    def close(self) -> None:
        """Ends git at once: it may be at work on an object that nobody wants any more."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            try:
                self._process = subprocess.Popen(
                    ["git", "cat-file", "--batch"],
                    env=self._repository.env,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                )
            except FileNotFoundError:
                raise SubmissionError("git is needed to read a clone, and was not found") from None
            except OSError as error:
                raise SubmissionError(f"git cannot be run: {error.strerror}") from None
        return self._process

    def _open(self, oid: str) -> tuple[str, int]:
        """Asks for an object; returns its type and size in bytes. The content must be drained next."""
        if OBJECT_ID.fullmatch(oid) is None:  # what stands in a commit is anyone's; git takes names and paths too
            raise MissingObject("named by something that is no object id")
        # A git that was ended from outside is no damaged object: the same question goes to a new one, once.
        words = (self._ask(oid) or self._ask(oid)).split()
        if len(words) == 3 and words[2].isdigit():
            return words[1].decode("ascii", errors="replace"), int(words[2])
        if not words:
            raise MissingObject("damaged in this clone")
        raise MissingObject("missing from this clone")

    def _ask(self, oid: str) -> bytes:
        """Git's first line of an answer; empty where the process ended, and then the next question starts another."""
        process = self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        header = b""
        with suppress(OSError):
            process.stdin.write(oid.encode("ascii") + b"\n")
            process.stdin.flush()
            header = process.stdout.readline()
        if not header:
            self.close()
        return header

    def _content(self, size: int) -> Iterator[bytes]:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        left = size + 1  # a newline ends the content
        while left > 0:
            chunk = process.stdout.read(min(left, CHUNK))
            if not chunk:
                self.close()
                raise MissingObject("damaged in this clone")
            left -= len(chunk)
            yield chunk if left else chunk[:-1]

    def _whole(self, oid: str, kind: str, limit: int) -> bytes:
        found, size = self._open(oid)
        if size > limit:
            self.close()  # cheaper than draining what nobody wants
            raise MissingObject(f"larger than {limit:,} bytes")
        data = b"".join(self._content(size))
        if found != kind:
            raise MissingObject(f"a {found} where a {kind} was expected")
        return data

    def tree(self, oid: str) -> tuple[TreeEntry, ...]:
        """The entries of a directory. Raises MissingObject."""
        entries = self._trees.get(oid)
        if entries is None:
            entries = tuple(_tree_entries(self._whole(oid, "tree", TREE_BYTES), len(oid) // 2))
            if len(self._trees) >= CACHED_TREES:
                self._trees.clear()
            self._trees[oid] = entries
        return entries

    def commit(self, oid: str) -> Commit:
        """A commit's header and message. Raises MissingObject."""
        return parse_commit(oid, self._whole(oid, "commit", COMMIT_BYTES))

    def bytes_of(self, oid: str, limit: int) -> bytes | None:
        """A blob of at most `limit` bytes; None when it is larger or missing."""
        try:
            return self._whole(oid, "blob", limit)
        except MissingObject:
            return None

    def file(self, path: str, oid: str, budget: Budget) -> SubmissionFile:
        """A blob as a file of the submission, within the budget; a problem instead of an exception."""
        try:
            kind, size = self._open(oid)
            refused = budget.refuses(size)
            if refused is not None:
                self.close()
                return SubmissionFile(path, size, None, refused)
            file = budget.file(path, size, self._content(size))
        except MissingObject as error:
            return SubmissionFile(path, None, None, str(error))
        return file if kind == "blob" else SubmissionFile(path, None, None, f"a git {kind}, not a file")


def _tree_entries(data: bytes, id_bytes: int) -> Iterator[TreeEntry]:
    """Git's binary tree format: b"<octal mode> <name>\\0<raw id>", repeated."""
    at = 0
    while at < len(data):
        space, end = data.find(b" ", at), data.find(b"\0", at)
        mode = data[at:space]
        octal = 0 < len(mode) <= 7 and not mode.strip(b"01234567")
        if not at < space < end or not octal or end + 1 + id_bytes > len(data) or end - space > NAME_BYTES:
            raise MissingObject("a damaged directory in this clone")
        yield TreeEntry(int(mode, 8), data[space + 1 : end], data[end + 1 : end + 1 + id_bytes].hex())
        at = end + 1 + id_bytes


def parse_commit(oid: str, data: bytes) -> Commit:
    """A raw commit object; unknown headers are skipped, a damaged one raises MissingObject."""
    head, _, message = data.partition(b"\n\n")
    tree, parents = "", []
    authored, committed = None, 0
    for line in head.split(b"\n"):
        key, _, value = line.partition(b" ")
        if key == b"tree" and not tree:
            tree = value.decode("ascii", errors="replace")
        elif key == b"parent":
            parents.append(value.decode("ascii", errors="replace"))
        elif key == b"author" and authored is None:
            authored = _date(value)[0]
        elif key == b"committer":
            committed = _date(value)[1]
    if not tree:
        raise MissingObject("a damaged commit in this clone")
    return Commit(oid, tree, tuple(parents), authored, committed, printable(message))


def _date(signature: bytes) -> tuple[str | None, int]:
    """The time in `Name <mail> 1700000000 +0100`, as ISO 8601 and as seconds."""
    words = signature.rsplit(b" ", 2)
    try:
        seconds, zone = int(words[-2]), int(words[-1])
        minutes = (abs(zone) // 100 * 60 + abs(zone) % 100) * (1 if zone >= 0 else -1)
        moment = datetime.fromtimestamp(seconds, UTC).astimezone(timezone(timedelta(minutes=minutes)))
    except (IndexError, ValueError, OverflowError, OSError):
        return None, 0
    return moment.isoformat(), seconds
