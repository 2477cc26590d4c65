"""Pull requests straight from the objects of a clone: nothing is checked out, fetched or run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType

from auditor.submission.bounds import DEFAULT_BOUNDS, Bounds, Budget, printable
from auditor.submission.change import ChangeSet, pick
from auditor.submission.earlier import earlier_logs
from auditor.submission.history import Mainline, Span, read_mainline, span_of
from auditor.submission.layout import RECORDS, TRACK, track_of
from auditor.submission.model import Submission, SubmissionError
from auditor.submission.objects import MissingObject, Objects
from auditor.submission.repository import Repository
from auditor.submission.trees import entry_at, files_below

# refs/pull/N/head as GitHub serves it; the others are what common fetch settings make of it.
PULL_REF = re.compile(
    r"^refs/(?:pull/(\d{1,9})/head|remotes/[^/]+/(?:pr|pull)/(\d{1,9})(?:/head)?|heads/pr/(\d{1,9}))$"
)
MAIN_REFS = (
    "refs/remotes/upstream/main",
    "refs/remotes/origin/main",
    "refs/heads/main",
    "refs/remotes/origin/master",
    "refs/heads/master",
    "HEAD",
)


@dataclass(frozen=True, slots=True)
class Refs:
    """Object ids by full ref name, and the heads of the pull requests by number."""

    all: dict[str, str]
    heads: dict[int, str]


def read_refs(repository: Repository) -> Refs:
    refs = repository.refs()
    heads: dict[int, str] = {}
    for name in sorted(refs, key=lambda name: (not name.startswith("refs/pull/"), name)):
        hit = PULL_REF.match(name)
        if hit is not None:
            heads.setdefault(int(next(group for group in hit.groups() if group)), refs[name])
    return Refs(refs, heads)


class Clone:
    """A clone with pull-request heads, bare or not. Use as a context manager.

    Raises SubmissionError (usage) when `path` is no git repository.
    """

    def __init__(self, path: Path, bounds: Bounds = DEFAULT_BOUNDS) -> None:
        self._path = path
        self._bounds = bounds
        self._repository = Repository(path)
        self._objects = Objects(self._repository)

    def __enter__(self) -> Clone:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._objects.close()
        self._repository.close()

    @cached_property
    def _refs(self) -> Refs:
        return read_refs(self._repository)

    @cached_property
    def _main(self) -> Mainline:
        tip = next((self._refs.all[name] for name in MAIN_REFS if name in self._refs.all), None)
        if tip is None:
            raise SubmissionError(f"{self._path} has no main branch to compare pull requests with")
        return read_mainline(self._repository, [tip])

    def pull_requests(self) -> list[int]:
        """The numbers of the pull requests whose heads the clone has, ascending."""
        return sorted(self._refs.heads)

    def heads(self) -> dict[int, str]:
        """The head commit's id of every pull request that the clone has, by number."""
        return dict(sorted(self._refs.heads.items()))

    def authored(self, pr: int) -> str | None:
        """The ISO 8601 date of the head commit, None where it is not known."""
        try:
            return self._objects.commit(self._refs.heads[pr]).authored
        except (KeyError, MissingObject):
            return None

    def tracks(self) -> list[str]:
        """The tracks of the main branch: directories of records/. Empty where they cannot be read."""
        try:
            entry = entry_at(self._objects, self._objects.commit(self._main.tip or "").tree, RECORDS)
            entries = self._objects.tree(entry.oid) if entry is not None and entry.is_directory else ()
        except MissingObject:
            return []
        names = [printable(one.name) for one in entries if one.is_directory]
        return sorted(name for name in names if name.startswith(TRACK))

    def load(self, pr: int, *, folder: str | None = None) -> Submission:
        """The record folder that a pull request adds; `folder` chooses among several.

        Raises SubmissionError: usage for a pull request or folder that is not there; otherwise when the
        pull request adds no record folder, or its commits are missing from the clone.
        """
        head = self._refs.heads.get(pr)
        if head is None:
            raise SubmissionError(f"{self._path} has no pull request {pr} (no refs/pull/{pr}/head)", usage=True)
        span = span_of(self._objects, self._main, pr, head)
        return self._submission(pr, span, folder)

    def _submission(self, pr: int, span: Span, folder: str | None) -> Submission:
        changes = ChangeSet.between(self._objects, span)
        picked = pick(changes, folder, f"pull request {pr}")
        entry = entry_at(self._objects, span.tree, picked.folder)
        if entry is None or not entry.is_directory:
            raise SubmissionError(f"pull request {pr}: {picked.folder} cannot be read from {self._path}")
        files, problems = files_below(self._objects, entry.oid, Budget(self._bounds))
        return Submission(
            origin="pull-request",
            folder=picked.folder,
            files=tuple(files),
            pr=pr,
            commit=span.head.oid,
            base=span.base,
            title=span.title or span.head.subject or None,
            authored=span.head.authored,
            track=track_of(picked.folder),
            changes=changes.changes,
            other_folders=picked.others,
            rivals=picked.rivals,
            landed=picked.landed,
            chosen_because=picked.because,
            edits_existing_folder=changes.edits_existing_folder,
            problems=(*changes.problems, *problems),
            landed_as=span.landed_as,
            notes=_notes(span),
            earlier_logs=earlier_logs(self._objects, span.own, picked.folder, files, self._bounds),
        )


def _notes(span: Span) -> tuple[str, ...]:
    notes: list[str] = []
    if span.base is None:
        notes.append("the branch shares no commit with the main branch: compared with its newest commit")
    if span.landed_as is not None and span.landed_as != span.head.oid:
        notes.append(f"landed on the main branch as {span.landed_as[:9]}")
    return tuple(notes)
