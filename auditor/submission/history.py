"""What a pull request changes: how it reached the main branch, and the commit to compare it with."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from auditor.submission.bounds import printable
from auditor.submission.model import SubmissionError
from auditor.submission.objects import OBJECT_ID, Commit, MissingObject, Objects
from auditor.submission.repository import Repository

# The forms in which GitHub and its command line name the pull request that a commit lands.
SQUASH_SUBJECT = re.compile(r"\(#(\d{1,9})\)$")
MERGE_SUBJECT = re.compile(r"Merge (?:pull request|PR) #(\d{1,9})\b:?")

BRANCH_COMMITS = 20_000  # a branch with more commits of its own is compared by what was read of it


@dataclass(frozen=True, slots=True)
class Span:
    """A pull request as two trees to compare, and the commits between them, newest first.

    `base` is None when the history does not reach the main branch; `tree` is then compared with its tip's.
    `landed_as` and `title` are known for merged pull requests only, `main_tree` (the main branch's tip) is for
    the others.
    """

    head: Commit
    tree: str
    base: str | None
    base_tree: str | None
    own: tuple[Commit, ...]
    landed_as: str | None = None
    title: str | None = None
    main_tree: str | None = None


class Mainline:
    """The main branch (or several tips taken together), read once."""

    def __init__(self, commits: Iterable[Commit], tip: str | None) -> None:
        self.commits = {commit.oid: commit for commit in commits}
        self.tip = tip

    @cached_property
    def first_parents(self) -> tuple[Commit, ...]:
        """The chain of first parents, newest first: what was landed, in order."""
        chain: dict[str, Commit] = {}
        oid = self.tip
        # An object that lies about its id can be its own ancestor.
        while oid is not None and oid not in chain and (commit := self.commits.get(oid)) is not None:
            chain[oid] = commit
            oid = commit.parents[0] if commit.parents else None
        return tuple(chain.values())

    @cached_property
    def landings(self) -> dict[int, Commit]:
        """Pull request number -> the commit that landed it, for merges and squash merges."""
        found: dict[int, Commit] = {}
        for commit in reversed(self.first_parents):
            hit = (
                MERGE_SUBJECT.match(commit.subject)
                if len(commit.parents) > 1
                else SQUASH_SUBJECT.search(commit.subject)
            )
            if hit is not None:
                found.setdefault(int(hit[1]), commit)
        return found

    @cached_property
    def brought_in_by(self) -> dict[str, Commit]:
        """Commit id -> the oldest commit on the first-parent chain that contains it."""
        found: dict[str, Commit] = {}
        for landing in reversed(self.first_parents):
            waiting = [landing.oid]
            while waiting:
                oid = waiting.pop()
                commit = self.commits.get(oid)
                if oid not in found and commit is not None:
                    found[oid] = landing
                    waiting.extend(commit.parents)
        return found

    def ancestors(self, *tips: str) -> set[str]:
        """These commits and everything before them, as far as this history knows."""
        seen: set[str] = set()
        waiting = list(tips)
        while waiting:
            oid = waiting.pop()
            if oid not in seen and oid in self.commits:
                seen.add(oid)
                waiting.extend(self.commits[oid].parents)
        return seen


def read_mainline(repository: Repository, tips: list[str]) -> Mainline:
    """The history of the tips in one git command. SubmissionError when it cannot be read."""
    out = repository.git("log", "-z", "--no-show-signature", "--no-color", "--format=%H %ct%n%B%x01%T %P", *tips, "--")
    if out is None:
        where = repository.layout.path
        raise SubmissionError(f"the history of the main branch cannot be read in {where} ({repository.words})")
    commits = []
    for record in out.split(b"\0"):
        first, _, rest = record.partition(b"\n")
        message, _, links = rest.rpartition(b"\x01")
        ids, (tree, *parents) = first.split(b" "), links.decode("ascii", errors="replace").split() or ["", ""]
        oid = ids[0].decode("ascii", errors="replace")
        if OBJECT_ID.fullmatch(oid) is not None and tree:
            seconds = _seconds(ids[1]) if len(ids) > 1 else 0
            commits.append(Commit(oid, tree, tuple(parents), None, seconds, printable(message)))
    return Mainline(commits, tips[0] if tips else None)


def _seconds(text: bytes) -> int:
    """Seconds since 1970 as git prints them; 0 (unknown) for what is none."""
    return int(text) if text.isdigit() and len(text) < 20 else 0


def landed_title(commit: Commit, number: int) -> str:
    """The pull request's title as its landing commit tells it, "" when it does not."""
    subject = commit.subject
    merge = MERGE_SUBJECT.match(subject)
    if merge is None:
        return SQUASH_SUBJECT.sub("", subject).strip()
    rest = subject[merge.end() :].strip()
    if rest and not rest.startswith("from "):
        return rest
    body = [line.strip() for line in commit.message.split("\n")[1:] if line.strip()]
    return body[0] if body else ""


def span_of(objects: Objects, main: Mainline, number: int, head_id: str) -> Span:
    """The two sides of a pull request.

    Merged or squashed: the landing commit against its first parent. Contained in another's merge: against the
    main branch as it was before that merge. Otherwise: against the point where the branch left the main branch.
    Raises SubmissionError when the head is missing, or is a commit of the main branch itself.
    """
    head = _commit(objects, head_id, f"the head of pull request {number}")
    landing = main.landings.get(number)
    if landing is not None and landing.parents:
        before = main.commits.get(landing.parents[0])
        own = branch_commits(objects, main.ancestors(landing.parents[0]), head)
        return Span(
            head,
            landing.tree,
            landing.parents[0],
            before.tree if before is not None else None,
            own,
            landing.oid,
            landed_title(landing, number) or None,
        )
    carrier = main.brought_in_by.get(head_id)
    if carrier is None:
        return branch_span(objects, main, head, set(main.commits))
    if carrier.oid == head_id or any(commit.oid == head_id for commit in main.first_parents):
        raise SubmissionError(
            f"pull request {number} adds nothing: its head {head_id[:9]} is a commit of the main branch"
        )
    span = branch_span(objects, main, head, main.ancestors(carrier.parents[0]))
    return replace(span, landed_as=carrier.oid, main_tree=None)


def branch_span(objects: Objects, main: Mainline, head: Commit, known: set[str]) -> Span:
    """A branch against the newest commit of `known` that it contains: git's merge base.

    A branch of unrelated history is compared with the main branch's tip, so that what both have is no change.
    """
    own = branch_commits(objects, known, head)
    reached = {parent for commit in own for parent in commit.parents if parent in known}
    if head.oid in known:
        reached.add(head.oid)
    base = _newest(main, reached)
    tip = main.commits.get(main.tip or "")
    main_tree = tip.tree if tip is not None else None
    if base is None:
        return Span(head, head.tree, None, main_tree, own, main_tree=main_tree)
    return Span(head, head.tree, base.oid, base.tree, own, main_tree=main_tree)


def branch_commits(objects: Objects, known: set[str], head: Commit, most: int = BRANCH_COMMITS) -> tuple[Commit, ...]:
    """The commits of a branch that are not in `known`, newest first (by commit date, then as reached)."""
    seen = {head.oid}
    own: list[Commit] = []
    waiting = [head]
    while waiting and len(own) < most:
        commit = waiting.pop()
        if commit.oid in known:
            continue
        own.append(commit)
        for parent in commit.parents:
            if parent not in seen and parent not in known:
                seen.add(parent)
                try:
                    waiting.append(objects.commit(parent))
                except MissingObject:
                    continue  # a shallow clone ends here
    return tuple(sorted(own, key=lambda commit: -commit.committed))


def _newest(main: Mainline, reached: set[str]) -> Commit | None:
    """The best common ancestor: reached commits that another reached one contains are no candidates."""
    best = [main.commits[oid] for oid in reached]
    if len(best) > 1:
        covered = main.ancestors(*(parent for commit in best for parent in commit.parents))
        best = [commit for commit in best if commit.oid not in covered]
    return max(best, key=lambda commit: (commit.committed, commit.oid), default=None)


def _commit(objects: Objects, oid: str, what: str) -> Commit:
    try:
        return objects.commit(oid)
    except MissingObject as error:
        raise SubmissionError(f"{what} ({oid[:9]}) is {error}") from None
