"""A checkout of a pull request: the record folder that its commits, or files not committed yet, add."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from auditor.submission.bounds import Bounds, Budget
from auditor.submission.change import ChangeSet, own_work, pick
from auditor.submission.clone import MAIN_REFS
from auditor.submission.disk import files_on_disk, names_on_disk
from auditor.submission.earlier import blobs_below, earlier_logs
from auditor.submission.history import Mainline, Span, branch_span, read_mainline
from auditor.submission.ignored import without_ignored
from auditor.submission.layout import RECORDS, TRACK, track_of
from auditor.submission.model import Change, Submission, SubmissionError, SubmissionFile
from auditor.submission.objects import MissingObject, Objects
from auditor.submission.repository import Repository
from auditor.submission.trees import entry_at

_UPSTREAM = re.compile(r"[/:]openai/parameter-golf(?:\.git)?/?$", re.IGNORECASE)
DIFFERING = 6  # uncommitted files that a note names


def checkout(repository: Repository, path: Path, folder: str | None, bounds: Bounds) -> Submission | None:
    """The submission in a work tree, its files as they are on disk.

    None when the repository says nothing of the work tree (no commit yet, no main branch to compare with), and
    when `folder` names a directory that the branch does not touch: then it is a folder like any other.
    Raises SubmissionError when the branch adds no record folder.
    """
    refs = repository.refs()
    head_id = refs.get("HEAD")
    if head_id is None:
        return None
    objects = Objects(repository)
    try:
        span = _span(repository, objects, refs, head_id)
        if span is None:
            return None
        sparse = repository.setting("core.sparseCheckout").lower() in ("true", "1", "yes", "on")
        return _submission(objects, span, path, folder, bounds, sparse=sparse)
    except MissingObject as error:
        raise SubmissionError(f"{path}: commit {head_id[:9]} is {error}") from None
    finally:
        objects.close()


def _span(repository: Repository, objects: Objects, refs: dict[str, str], head_id: str) -> Span | None:
    """HEAD against the nearest point on any main branch that does not contain it already."""
    tips = [refs[name] for name in MAIN_REFS if name in refs and name != "HEAD"]
    mainlines = [read_mainline(repository, [tip]) for tip in dict.fromkeys(tips)]
    others = [line for line in mainlines if head_id not in line.commits] or mainlines
    if not others:
        return None
    if others is mainlines and not _is_upstream(repository):
        own = own_work(objects, objects.commit(head_id))
        if own is not None:
            return own
    commits = {commit.oid: commit for line in others for commit in line.commits.values()}
    return branch_span(objects, Mainline(commits.values(), others[0].tip), objects.commit(head_id), set(commits))


def _is_upstream(repository: Repository) -> bool:
    """Whether the work tree is a clone of the challenge's repository itself, whose main branch is nobody's work."""
    return _UPSTREAM.search(repository.setting("remote.origin.url")) is not None


def _submission(
    objects: Objects, span: Span, path: Path, folder: str | None, bounds: Bounds, *, sparse: bool
) -> Submission | None:
    committed = ChangeSet.between(objects, span)
    uncommitted = _uncommitted_folders(objects, span, path)
    changes = replace(committed, changes=tuple(sorted({*committed.changes, *uncommitted}, key=lambda c: c.path)))
    if folder is not None and (path / folder).is_dir() and not any(_below(c, folder) for c in changes.changes):
        return None
    if not changes.changes and changes.problems:
        raise SubmissionError(
            f"{path}: what it adds to the main branch cannot be told, {changes.problems[0]}: choose a record folder "
            "with --folder",
            usage=True,
        )
    if not changes.changes:
        raise SubmissionError(
            f"{path} adds nothing to the main branch: choose a record folder with --folder", usage=True
        )
    picked = pick(changes, folder, f"the branch checked out in {path}")
    try:
        files, problems = files_on_disk(path, picked.folder, Budget(bounds))
    except OSError as error:
        if not sparse:
            raise SubmissionError(f"{path / picked.folder} cannot be read ({error.strerror})") from None
        files, problems = [], []
    if sparse:
        left_out = _left_out(objects, span, picked.folder, files, bounds)
        problems = sorted([*problems, *(f"{file.path}: {file.problem}" for file in left_out)])
        files = sorted([*files, *left_out], key=lambda file: file.path)
    if not files:
        raise SubmissionError(f"{path / picked.folder} is empty")
    files, ignored = without_ignored(path, picked.folder, files, _blobs(objects, span.tree, picked.folder, bounds))
    notes = _notes(objects, span, picked.folder, files, bounds)
    return Submission(
        origin="checkout",
        folder=picked.folder,
        files=tuple(files),
        commit=span.head.oid,
        base=span.base,
        title=span.head.subject or None,
        authored=span.head.authored,
        track=track_of(picked.folder),
        changes=changes.changes,
        other_folders=picked.others,
        rivals=picked.rivals,
        landed=picked.landed,
        chosen_because=picked.because,
        edits_existing_folder=changes.edits_existing_folder,
        problems=(*changes.problems, *problems),
        notes=(*notes, *ignored),
        as_committed=not notes,
        earlier_logs=earlier_logs(objects, span.own, picked.folder, files, bounds),
    )


def _left_out(
    objects: Objects, span: Span, folder: str, files: Iterable[SubmissionFile], bounds: Bounds
) -> list[SubmissionFile]:
    """The committed files that a sparse checkout does not have on disk."""
    present = {file.path for file in files}
    said = "left out by a sparse checkout (git sparse-checkout add, or disable)"
    return [
        SubmissionFile(name, None, None, said)
        for name in sorted(_blobs(objects, span.tree, folder, bounds))
        if name not in present
    ]


def _below(change: Change, folder: str) -> bool:
    return change.path.startswith(folder.strip().removeprefix("./").rstrip("/") + "/")


def _uncommitted_folders(objects: Objects, span: Span, path: Path) -> list[Change]:
    """The files, one level deep, of record folders on disk that the head commit does not have."""
    found: list[Change] = []
    for track in _listed(path, RECORDS, directories=True):
        if not track.startswith(TRACK):
            continue
        for name in _listed(path, f"{RECORDS}/{track}", directories=True):
            folder = f"{RECORDS}/{track}/{name}"
            if entry_at(objects, span.tree, folder) is None:
                found.extend(Change(f"{folder}/{file}", "added") for file in _listed(path, folder, directories=False))
    return found


def _listed(path: Path, inside: str, *, directories: bool) -> list[str]:
    """The directories, or the other names, in one directory; none when it cannot be opened."""
    try:
        return [name for name, is_directory in names_on_disk(path, inside) if is_directory is directories]
    except OSError:
        return []


def _notes(
    objects: Objects, span: Span, folder: str, files: Iterable[SubmissionFile], bounds: Bounds
) -> tuple[str, ...]:
    """Which files on disk are not those of the head commit; a difference of line endings alone is none."""
    committed = _blobs(objects, span.tree, folder, bounds)
    differing = []
    for file in files:
        oid = committed.pop(file.path, None)
        if oid is None:
            differing.append(f"{file.path} is not committed")
        elif file.data is not None and oid not in _blob_ids(file.data, len(oid)):
            differing.append(f"{file.path} differs from the commit")
    differing += [f"{name} is deleted on disk" for name in sorted(committed)]
    if not differing:
        return ()
    more = f" and {len(differing) - DIFFERING} more" if len(differing) > DIFFERING else ""
    return (f"read from disk, not from commit {span.head.oid[:9]}: {'; '.join(differing[:DIFFERING])}{more}",)


def _blobs(objects: Objects, tree: str, folder: str, bounds: Bounds) -> dict[str, str]:
    """Path in the folder -> blob id, of the files that the commit has."""
    top = entry_at(objects, tree, folder)
    return dict(blobs_below(objects, top.oid, bounds)) if top is not None and top.is_directory else {}


def _blob_ids(data: bytes, digits: int) -> set[str]:
    """The ids that git gives the content as it is, and with Unix line endings."""
    algorithm = "sha1" if digits == 40 else "sha256"
    forms = {data, data.replace(b"\r\n", b"\n")}
    return {
        hashlib.new(algorithm, b"blob %d\0" % len(form) + form, usedforsecurity=False).hexdigest() for form in forms
    }
