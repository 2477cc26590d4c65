"""The candidates among the folders that a change touches, and the one to audit."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from auditor.submission.bounds import printable
from auditor.submission.choose import Choice, Evidence, choose, claimed_figures, has_content, is_log, is_readme, named
from auditor.submission.history import Span
from auditor.submission.layout import CLAIMS_FILE, directories, record_folder, summary, touched
from auditor.submission.model import Candidate, Change, SubmissionError
from auditor.submission.objects import Commit, MissingObject, Objects, TreeEntry
from auditor.submission.trees import difference, entry_at

CLAIMS_BYTES = 4 << 20
WALKED = 50  # own commits that are compared with their parent, to see what was worked on last
SUBJECTS = 50
GENERIC = ("Merge ", "Revert ")  # subjects that name a branch or what is undone


@dataclass(frozen=True)
class ChangeSet:
    """What a span of commits changes, with access to its trees."""

    objects: Objects
    span: Span
    changes: tuple[Change, ...]
    problems: tuple[str, ...]

    @classmethod
    def between(cls, objects: Objects, span: Span) -> ChangeSet:
        found = difference(objects, span.base_tree, span.tree)
        return cls(objects, span, found.changes, found.problems)

    @property
    def edits_existing_folder(self) -> bool:
        """Whether a record folder that the base has is changed, or loses files."""
        folders = {record_folder(parts, frozenset()) for parts in directories(self.paths)}
        return any(self.existed(folder) for folder in folders if folder is not None)

    def existed(self, folder: str) -> bool:
        return entry_at(self.objects, self.span.base_tree, folder) is not None

    @cached_property
    def paths(self) -> list[str]:
        """The changed paths, sorted."""
        return sorted(change.path for change in self.changes)

    def _range(self, folder: str) -> tuple[int, int]:
        """Where in `paths` those below a folder stand."""
        return bisect_left(self.paths, f"{folder}/"), bisect_left(self.paths, f"{folder}0")  # "0" comes after "/"

    def candidate(self, folder: str) -> Candidate:
        """What can be told of a folder without reading more than its submission.json."""
        names = [self.paths[at] for at in range(*self._range(folder))]
        entries = self._entries(folder)
        names += [printable(entry.name) for entry in entries]
        claims = b""
        for entry in entries:
            if printable(entry.name).lower() == CLAIMS_FILE and not entry.is_directory:
                claims = self.objects.bytes_of(entry.oid, CLAIMS_BYTES) or b""
        return Candidate(
            folder=folder,
            added=not self.existed(folder),
            has_submission_json=has_content(claims) or (not entries and f"{folder}/{CLAIMS_FILE}" in names),
            has_script=any(name.endswith(".py") for name in names),
            has_log=any(map(is_log, names)),
            has_readme=any(map(is_readme, names)),
            figures=claimed_figures(claims),
            on_main=entry_at(self.objects, self.span.main_tree, folder) is not None,
        )

    def last_touched(self, folders: Sequence[str]) -> str | None:
        """The folder of the branch's newest commit that touches just one of `folders`."""
        for commit in self.span.own[:WALKED]:
            if len(commit.parents) == 1:
                hits = self._touched_by(commit, folders)
                if len(hits) == 1:
                    return hits[0]
        return None

    def _touched_by(self, commit: Commit, folders: Sequence[str]) -> list[str]:
        try:
            before = self.objects.commit(commit.parents[0]).tree
        except MissingObject:
            return []
        return [folder for folder in folders if self._id(before, folder) != self._id(commit.tree, folder)]

    def _id(self, tree: str, folder: str) -> str | None:
        entry = entry_at(self.objects, tree, folder)
        return entry.oid if entry is not None else None

    def _entries(self, folder: str) -> tuple[TreeEntry, ...]:
        entry = entry_at(self.objects, self.span.tree, folder)
        if entry is None or not entry.is_directory:
            return ()
        try:
            return self.objects.tree(entry.oid)
        except MissingObject:
            return ()

    def evidence(self) -> Evidence:
        """What the commits say; subjects that merely name a branch are left out."""
        head = self.span.head.subject
        return Evidence(
            title=self.span.title,
            head_subject=None if head.startswith(GENERIC) else head,
            subjects=tuple(c.subject for c in self.span.own[:SUBJECTS] if not c.subject.startswith(GENERIC)),
            last_touched=self.last_touched,
        )


def own_work(objects: Objects, head: Commit) -> Span | None:
    """The newest commits that work on one record folder, against the commit before them; None without any.

    For a fork whose work is on its own main branch, where no other branch tells what is new.
    """
    folders: set[str] = set()
    own: list[Commit] = []
    base: Commit | None = None
    commit = head
    for _ in range(WALKED):
        try:
            parent = objects.commit(commit.parents[0]) if commit.parents else None
        except MissingObject:
            parent = None  # a shallow clone ends here
        if parent is None:
            break
        own.append(commit)
        here: set[str] = set()
        if len(commit.parents) == 1:  # a merge brings in others' folders
            found = touched(difference(objects, parent.tree, commit.tree).changes)
            here = {*found.records, *found.elsewhere_with_claims}
        if here and folders and not here & folders:
            break
        folders = folders or here
        base = parent if here else base
        commit = parent
    if base is None:
        return None
    return Span(head, head.tree, base.oid, base.tree, tuple(own))


def pick(changes: ChangeSet, wanted: str | None, what: str) -> Choice:
    """The folder to audit of `what` ("pull request 7"), by request or by choice.

    Added record folders come first, then folders elsewhere that hold a submission.json, then record folders that
    are edited, then folders elsewhere that hold a script. Raises SubmissionError when there is none.
    """
    found = touched(changes.changes)
    existed = {folder: changes.existed(folder) for folder in found.records}
    added = [folder for folder in found.records if not existed[folder]]
    edited = [folder for folder in found.records if existed[folder]]
    everything = [*added, *edited, *found.elsewhere_with_claims, *found.elsewhere_with_script]
    if not everything and changes.problems:
        # A clone without trees shows no change at all.
        raise SubmissionError(f"{what} could not be read: {changes.problems[0]} (a partial clone lacks objects)")
    if not everything:
        raise SubmissionError(f"{what} adds no record folder: {summary(changes.changes)}")
    if wanted is not None:
        folder = named(wanted, everything)
        return Choice(folder, "asked for by name", tuple(sorted(set(everything) - {folder})))
    tiers = (
        (added, ""),
        (found.elsewhere_with_claims, "no record folder is added; it holds a submission.json"),
        (edited, "no record folder is added; this one is edited"),
        (found.elsewhere_with_script, "no record folder is touched; it holds a train_gpt.py"),
    )
    folders, why = next((folders, why) for folders, why in tiers if folders)
    choice = choose([changes.candidate(folder) for folder in folders], changes.evidence())
    because = "; ".join(part for part in (why, choice.because) if part)
    others = tuple(sorted(set(everything) - {choice.folder}))
    return Choice(choice.folder, because, others, choice.rivals if folders is added else (), choice.landed)
