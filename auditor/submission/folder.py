"""A submission on disk: a record folder, or a work tree that holds one."""

from __future__ import annotations

import os
from pathlib import Path

from auditor.submission.bounds import DEFAULT_BOUNDS, Bounds, Budget
from auditor.submission.checkout import checkout
from auditor.submission.choose import named
from auditor.submission.disk import files_on_disk, names_on_disk
from auditor.submission.earlier import committed
from auditor.submission.ignored import without_ignored
from auditor.submission.layout import RECORDS, TRACK, record_folder, track_of
from auditor.submission.model import Submission, SubmissionError
from auditor.submission.repository import Repository, locate

LISTED = 8  # folders that an error message names


def load_path(path: Path, *, folder: str | None = None, bounds: Bounds = DEFAULT_BOUNDS) -> Submission:
    """The submission at `path`: a record folder, a checkout of a pull request, or a tree with one record folder.

    `folder` chooses among several, or a folder inside `path`. Raises SubmissionError: usage for a path or folder
    that is not there or that names no submission; otherwise when there is nothing to judge.
    """
    try:
        path.stat()
        names = names_on_disk(path, "") if path.is_dir() else None
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        reason = "does not exist" if isinstance(error, FileNotFoundError | ValueError) else f"cannot be read ({error})"
        raise SubmissionError(f"{path} {reason}", usage=True) from None
    if names is None:
        raise SubmissionError(f"{path} is a file: name the record folder that holds it", usage=True)
    if not names:
        raise SubmissionError(f"{path} is empty")
    layout = locate(path) if _may_be_repository(names) else None
    if layout is not None and layout.bare:
        raise SubmissionError(f"{path} is a repository without a work tree: use --repo with --pr", usage=True)
    directories = [name for name, is_directory in names if is_directory]
    # Without records/, someone keeps one submission in git, or a sparse checkout leaves it out.
    if layout is not None and (RECORDS in directories or layout.sparse):
        with Repository(path) as repository:
            found = checkout(repository, path, folder, bounds)
        if found is not None:
            return found
    if folder is not None or RECORDS in directories or _is_shelf(path, names):
        return _inside(path, folder, bounds)
    return _record_folder(path, "", bounds)


def _may_be_repository(names: list[tuple[str, bool]]) -> bool:
    present = {name for name, _ in names}
    return ".git" in present or {"HEAD", "objects", "refs"} <= present


def _is_shelf(path: Path, names: list[tuple[str, bool]]) -> bool:
    """Whether the directory is one that holds record folders (records/ or a track), and is none itself."""
    name = path.resolve().name
    return (name == RECORDS or name.startswith(TRACK)) and not any(
        file.endswith(".py") or file == "submission.json" for file, is_directory in names if not is_directory
    )


def record_folders(root: Path) -> list[str]:
    """The record folders below `root`, relative to it: records/TRACK/NAME, or NAME in a track's directory."""
    top = root.resolve().name
    shelves = [""] if top.startswith(TRACK) else []
    for shelf in ("", RECORDS):
        shelves += [f"{shelf}/{name}".lstrip("/") for name in _directories(root, shelf) if name.startswith(TRACK)]
    found = [f"{shelf}/{name}".lstrip("/") for shelf in shelves for name in _directories(root, shelf)]
    loose = [f"{RECORDS}/{name}" for name in _directories(root, RECORDS) if not name.startswith(TRACK)]
    return sorted({*found, *loose})


def _directories(root: Path, inside: str) -> list[str]:
    try:
        return [name for name, is_directory in names_on_disk(root, inside) if is_directory and name != ".git"]
    except OSError:
        return []


def repository_above(place: Path) -> Path | None:
    """The work tree that surrounds a folder, by its `.git`; None where there is none, or the folder is its root."""
    return next((parent for parent in place.parents if os.path.lexists(parent / ".git")), None)


def _inside(path: Path, folder: str | None, bounds: Bounds) -> Submission:
    """The one record folder below `path`, or the one asked for."""
    folders = record_folders(path)
    if folder is not None:
        wanted = folder.strip().removeprefix("./").rstrip("/")
        direct = bool(wanted) and ".." not in wanted.split("/") and (path / wanted).is_dir()
        return _record_folder(path, wanted if direct else named(folder, folders), bounds)
    if len(folders) == 1:
        return _record_folder(path, folders[0], bounds)
    if not folders:
        raise SubmissionError(f"{path} holds no record folder")
    shown = ", ".join(folders[-LISTED:])
    raise SubmissionError(
        f"{path} holds {len(folders)} record folders and no history tells which is new: "
        f"choose one with --folder ({'..., ' if len(folders) > LISTED else ''}{shown})",
        usage=True,
    )


def _record_folder(root: Path, inside: str, bounds: Bounds) -> Submission:
    place = root.resolve() / inside
    try:
        files, problems = files_on_disk(root, inside, Budget(bounds))
    except OSError as error:
        raise SubmissionError(f"{root / inside} cannot be read ({error.strerror})") from None
    if not files:
        raise SubmissionError(f"{root / inside} is empty" + (f": {problems[0]}" if problems else ""))
    parts = [*(part for part in place.parts if part != os.sep), "-"]
    folder = record_folder(parts, frozenset())
    # The path in the repository, where the folder's place on disk tells it.
    name = folder[folder.rindex(f"{RECORDS}/{TRACK}") :] if folder and f"{RECORDS}/{TRACK}" in folder else place.name
    above = repository_above(place)
    if above is not None and RECORDS not in name.split("/"):
        name = place.relative_to(above).as_posix()
    work_tree = above if above is not None and (above / name) == place else None
    history = committed(work_tree, name, files, bounds) if work_tree is not None else None
    tracked = history.tracked if history is not None else frozenset()
    files, notes = without_ignored(work_tree or root / inside, name if work_tree else "", files, tracked)
    return Submission(
        origin="folder",
        earlier_logs=history.logs if history is not None else None,
        notes=notes,
        in_repository=above is not None,
        folder=name,
        files=tuple(files),
        track=track_of(name),
        problems=tuple(problems),
    )
