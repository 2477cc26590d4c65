"""The submission as a value: one record folder and how it came to be chosen."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal


class SubmissionError(Exception):
    """The submission could not be loaded at all; the message is one line for the user.

    `usage` tells wrong input on the command line (exit status 2) from a source that
    exists but cannot be judged (exit status 3).
    """

    def __init__(self, message: str, *, usage: bool = False) -> None:
        super().__init__(message)
        self.usage = usage


NOT_KEPT = "hashed, content not kept"


@dataclass(frozen=True)
class SubmissionFile:
    """One file of the record folder.

    `path` is relative to the record folder, with forward slashes. `data` is None when the
    content could not be read (`problem` says why: a symlink, an object missing from the clone,
    larger than the reader's bound); `size` is None when even the size is unknown. `digest` is the
    SHA-256 of content that was read but not kept (weights of tens of megabytes).
    """

    path: str
    size: int | None
    data: bytes | None
    problem: str | None = None
    digest: str | None = None

    @property
    def unread(self) -> str:
        """Why the content is not known, "" where it is. Weights that were hashed only are known well enough."""
        known = self.data is not None or (self.problem or "").endswith(NOT_KEPT)
        return "" if known else self.problem or "no content"

    @cached_property
    def sha256(self) -> str | None:
        return self.digest if self.data is None else hashlib.sha256(self.data).hexdigest()

    @cached_property
    def text(self) -> str:
        """The content as text: byte-order marks honoured (UTF-8, UTF-16), undecodable bytes replaced."""
        return decode_text(self.data or b"")


# Text in UTF-16 within other bytes: shells append one encoding to a file in another.
_WIDE = re.compile(rb"(?:\xff\xfe)?(?:[\t\n\r\x1b -\xff]\x00){4,}|(?:\xfe\xff)?(?:\x00[\t\n\r\x1b -\xff]){4,}")
_NARROW = re.compile(rb"[\t\n\r -~]{64}")


def decode_text(data: bytes) -> str:
    """Bytes of unknown origin as text; never raises."""
    if data.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return data.decode("utf-32", errors="replace")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) and _NARROW.search(data) is None:
        return data.decode("utf-16", errors="replace")
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    if b"\0" not in data:
        return data.decode("utf-8", errors="replace")
    for width, codec in ((4, "utf-32-le"), (2, "utf-16-le")):
        # PowerShell redirection writes UTF-16 without a mark now and then: half of the bytes are NUL.
        head = data[:512]
        zeros = [head[i::width].count(0) * 2 * width // max(1, len(head)) for i in range(width)]
        if len(head) > 8 and _NARROW.search(data) is None and all(zeros[1:]) and not zeros[0]:
            return data.decode(codec, errors="replace")
        if len(head) > 8 and _NARROW.search(data) is None and all(zeros[:-1]) and not zeros[-1]:
            return data.decode(codec[:-2] + "be", errors="replace")
    return _WIDE.sub(_narrowed, data).strip(b"\0").decode("utf-8", errors="replace")


def _narrowed(match: re.Match[bytes]) -> bytes:
    wide = match[0].removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")
    return wide.decode("utf-16-be" if wide[:1] == b"\0" else "utf-16-le", errors="replace").encode()


@dataclass(frozen=True, slots=True)
class EarlierFile:
    """A file of the record folder as an earlier commit of the same branch had it; `path` as in `SubmissionFile`."""

    path: str
    commit: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """One path that a pull request touches. `path` is relative to the repository root."""

    path: str
    status: Literal["added", "modified", "deleted", "renamed", "type-changed"]


@dataclass(frozen=True)
class Submission:
    """One record folder, wherever it comes from.

    `folder` is the path in the repository where known (`records/track_10min_16mb/NAME`), else the
    folder's own name. `chosen_because` is empty when there was nothing to choose. `changes` is None
    when the origin has no history (a plain folder). `commit` is the head, `base` the commit that it is
    compared with, `landed_as` the commit of the main branch that brought it in (merge or squash).
    `title` is the pull request's where a merge tells it, else the head commit's subject.
    `edits_existing_folder` says that the change touches a record folder that the base already has,
    the chosen one or another.
    """

    origin: Literal["folder", "checkout", "pull-request"]
    folder: str
    files: tuple[SubmissionFile, ...]
    pr: int | None = None
    commit: str | None = None
    base: str | None = None
    title: str | None = None
    authored: str | None = None  # ISO 8601 date of the head commit
    track: str | None = None  # the folder under records/, e.g. track_10min_16mb
    changes: tuple[Change, ...] | None = None
    other_folders: tuple[str, ...] = ()
    landed: tuple[str, ...] = ()  # of these, what the main branch has come to have: the branch merged it, too
    rivals: tuple[str, ...] = ()  # of these, record folders that are added as well, with a script and claims or a log
    chosen_because: str = ""
    edits_existing_folder: bool = False
    problems: tuple[str, ...] = ()  # what was refused or could not be read, one sentence each
    landed_as: str | None = None
    in_repository: bool = False  # `folder` is the path in the repository, for a plain folder inside of one
    notes: tuple[str, ...] = ()  # what a reader should know of the origin (uncommitted files)
    as_committed: bool = True  # False: the files on disk are others than `commit` has, whose title is not theirs
    earlier_logs: tuple[EarlierFile, ...] | None = None  # as other commits had them, newest first; None: no history

    @cached_property
    def by_path(self) -> Mapping[str, SubmissionFile]:
        return {f.path: f for f in self.files}

    @cached_property
    def not_listed(self) -> str:
        """The first directory whose files are not all known, as a sentence; "" where everything was listed."""
        return next((p for p in self.problems if not any(p.startswith(f"{path}: ") for path in self.by_path)), "")

    def named(self, name: str) -> SubmissionFile | None:
        """The file of that name (case-insensitive), the shallowest first."""
        hits = [f for f in self.files if f.path.rsplit("/", 1)[-1].lower() == name.lower()]
        return min(hits, key=lambda f: (f.path.count("/"), f.path), default=None)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record folder that could have been audited; used while choosing one.

    `added`: the base does not have it; `on_main`: the main branch has come to have it by another way. `figures`
    are the scores (bits per byte) that its submission.json claims. `has_submission_json` is False for an empty one.
    `has_log` goes by names: a text file that lists requirements is none.
    """

    folder: str
    added: bool
    has_submission_json: bool
    has_script: bool
    has_log: bool = False
    has_readme: bool = False
    figures: tuple[float, ...] = ()
    on_main: bool = False

    @property
    def name(self) -> str:
        return self.folder.rsplit("/", 1)[-1]

    @property
    def stands_alone(self) -> bool:
        """Whether it is new, and has what a submission cannot do without."""
        return self.added and not self.on_main and self.has_script and (self.has_submission_json or self.has_log)
