"""Which of several record folders a submission is, decided the way a reviewer would.

Each test keeps the folders that it speaks for and hands them on; the test that leaves one folder decides, and
its reason is told. A merged pull request's title is known, and outweighs dates; otherwise the head commit's
subject stands for it, whose score is as good but whose words ("update README") are weaker than a date.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from auditor.submission.model import Candidate, SubmissionError

FIGURE = re.compile(r"(?<![\d.])([0-9]\.\d{3,8})(?![\d.])")
DATE = re.compile(r"^(20\d\d)[-_]?(\d{1,2})[-_](\d{1,2})(?!\d)|^(20\d\d)(\d\d)(\d\d)(?!\d)")
WORD = re.compile(r"[a-z0-9]+")
WHOLE_WORD = 4  # a shorter word must stand alone in the title: "ttt" is part of many others
TITLE_WEIGHT = 3  # letters that the best folder's words must be ahead by
HIGHEST_BPB = 8.0  # a byte has eight bits
EMPTY = (b"", b"{}", b"[]", b"null")


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen folder, why ("" when there was only one), and the others, sorted. `rivals` are those of them that
    are submissions of their own, as new as the chosen one (none where it was asked for by name), `landed` those that
    the main branch has come to have."""

    folder: str
    because: str
    others: tuple[str, ...]
    rivals: tuple[str, ...] = ()
    landed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known besides the folders.

    `title` is the pull request's, `head_subject` the head commit's, `subjects` those of the branch's own commits,
    newest first. `last_touched` tells, of some folders, the one that the branch's newest commit to touch only one
    of them touched.
    """

    title: str | None = None
    head_subject: str | None = None
    subjects: tuple[str, ...] = ()
    last_touched: Callable[[Sequence[str]], str | None] = lambda folders: None


Test = Callable[[Sequence[Candidate], Evidence], tuple[Sequence[Candidate], str]]


def choose(candidates: Sequence[Candidate], evidence: Evidence) -> Choice:
    """The folder to audit among at least one candidate."""
    left = sorted(candidates, key=lambda candidate: candidate.folder)
    count = len(left)
    because = ""
    for test in TESTS:
        if len(left) == 1:
            break
        kept, reason = test(left, evidence)
        if kept:
            left, because = sorted(kept, key=lambda candidate: candidate.folder), reason
    if len(left) > 1:
        because = "nothing else tells them apart: the last by name"
    chosen = left[-1].folder
    others = tuple(sorted(candidate.folder for candidate in candidates if candidate.folder != chosen))
    rivals = tuple(sorted(c.folder for c in candidates if c.folder != chosen and c.stands_alone))
    landed = tuple(sorted(c.folder for c in candidates if c.folder != chosen and c.on_main))
    return Choice(chosen, f"one of {count} folders; {because}" if count > 1 else "", others, rivals, landed)


def named(wanted: str, folders: Sequence[str]) -> str:
    """The folder that `wanted` names: its path, the end of its path, or its name. SubmissionError lists them."""
    wanted = wanted.strip().removeprefix("./").rstrip("/")
    hits = [folder for folder in folders if folder == wanted] or [
        folder for folder in folders if ("/" + folder).endswith("/" + wanted)
    ]
    if wanted and len(hits) == 1:
        return hits[0]
    which = "names several folders" if len(hits) > 1 else "is not among the folders"
    raise SubmissionError(f"--folder {wanted} {which}: {', '.join(hits or folders)}", usage=True)


def claimed_figures(data: bytes) -> tuple[float, ...]:
    """The scores in bits per byte that a submission.json claims at its top level, in its order."""
    try:
        claims = json.loads(data.decode("utf-8-sig", errors="replace"))
    except (ValueError, RecursionError):
        return ()
    if not isinstance(claims, dict):
        return ()
    found = []
    for key, value in claims.items():
        if "bpb" not in key.lower():
            continue
        try:
            figure = float(value)
        except (TypeError, ValueError, OverflowError):
            continue
        if 0 < figure < HIGHEST_BPB:
            found.append(figure)
    return tuple(found)


def has_content(data: bytes) -> bool:
    return b"".join(data.split()) not in EMPTY


def is_log(path: str) -> bool:
    """Whether a file's name may be a training log's; text files of requirements are none."""
    name = path.rpartition("/")[2].lower()
    return name.endswith((".log", ".txt")) and not name.startswith("requirements")


def is_readme(path: str) -> bool:
    return path.rpartition("/")[2].lower().startswith("readme")


def date_of(name: str) -> tuple[int, int, int] | None:
    """Year, month and day at the start of a folder's name, whatever their separators."""
    hit = DATE.match(name)
    if hit is None:
        return None
    year, month, day = (int(part) for part in hit.groups() if part is not None)
    return (year, month, day) if 1 <= month <= 12 and 1 <= day <= 31 else None


def _title_figure(left: Sequence[Candidate], evidence: Evidence) -> tuple[Sequence[Candidate], str]:
    return _with_figure(left, evidence.title or ""), "its score is the one in the title"


def _head_figure(left: Sequence[Candidate], evidence: Evidence) -> tuple[Sequence[Candidate], str]:
    return _with_figure(left, evidence.head_subject or ""), "its score is the one in the head commit's subject"


def _with_figure(left: Sequence[Candidate], title: str) -> list[Candidate]:
    for figure in FIGURE.findall(title):
        places = len(figure) - 2
        kept = [
            candidate
            for candidate in left
            if figure in candidate.name
            or any(figure in (f"{f:.{places}f}", f"{f:.10f}"[: places + 2]) for f in candidate.figures)
        ]
        if kept:
            return kept
    return []


def _title_words(left: Sequence[Candidate], evidence: Evidence) -> tuple[Sequence[Candidate], str]:
    return _with_words(left, evidence.title or ""), "the title names it"


def _head_words(left: Sequence[Candidate], evidence: Evidence) -> tuple[Sequence[Candidate], str]:
    return _with_words(left, evidence.head_subject or ""), "the head commit's subject names it"


def _with_words(left: Sequence[Candidate], title: str) -> list[Candidate]:
    """The folders whose own words (those that not all share) the title holds most of, counted in letters."""
    words = {candidate.folder: set(WORD.findall(_undated(candidate.name).lower())) for candidate in left}
    shared = set.intersection(*words.values())
    spoken = WORD.findall(title.lower())
    run_on = "".join(spoken)
    weights = {
        folder: sum(
            len(word) for word in own - shared if word in spoken or (len(word) >= WHOLE_WORD and word in run_on)
        )
        for folder, own in words.items()
    }
    best = max(weights.values())
    second = max((weight for weight in weights.values() if weight < best), default=0)
    if best - second < TITLE_WEIGHT:
        return []
    return [candidate for candidate in left if weights[candidate.folder] == best]


def _undated(name: str) -> str:
    hit = DATE.match(name)
    return name[hit.end() :] if hit is not None else name


def _runnable(left: Sequence[Candidate], evidence: Evidence) -> tuple[Sequence[Candidate], str]:
    return [candidate for candidate in left if candidate.has_script], "the only one with a script"


def _only_claims(left: Sequence[Candidate], evidence: Evidence) -> tuple[Sequence[Candidate], str]:
    kept = [candidate for candidate in left if candidate.has_submission_json]
    return kept, "the only one with a submission.json that says something"


def _documented(left: Sequence[Candidate], evidence: Evidence) -> tuple[Sequence[Candidate], str]:
    """Drops working folders: where another has claims and a log, one with neither, nor a README, is no submission."""
    if not any(candidate.has_submission_json and candidate.has_log for candidate in left):
        return [], ""
    kept = [c for c in left if c.has_submission_json or c.has_log or c.has_readme]
    return kept, "the only one with claims, a log or a README"


def _newest_date(left: Sequence[Candidate], evidence: Evidence) -> tuple[Sequence[Candidate], str]:
    """Keeps folders without a date too: they may be newer than any."""
    dates = {candidate.folder: date_of(candidate.name) for candidate in left}
    newest = max((date for date in dates.values() if date is not None), default=None)
    if newest is None:
        return [], ""
    text = "-".join(f"{part:02d}" for part in newest)
    return [c for c in left if dates[c.folder] in (newest, None)], f"its name has the newest date, {text}"


def _dated(left: Sequence[Candidate], evidence: Evidence) -> tuple[Sequence[Candidate], str]:
    return [candidate for candidate in left if date_of(candidate.name) is not None], "its name has a date"


def _new_to_main(left: Sequence[Candidate], evidence: Evidence) -> tuple[Sequence[Candidate], str]:
    return [candidate for candidate in left if not candidate.on_main], "the only one that the main branch does not have"


def _branch_subjects(left: Sequence[Candidate], evidence: Evidence) -> tuple[Sequence[Candidate], str]:
    for subject in evidence.subjects:
        kept = _with_figure(left, subject) or _with_words(left, subject)
        if kept:
            return kept, "the newest commit subject that tells them apart names it"
    return [], ""


def _last_touched(left: Sequence[Candidate], evidence: Evidence) -> tuple[Sequence[Candidate], str]:
    folder = evidence.last_touched([candidate.folder for candidate in left])
    return [candidate for candidate in left if candidate.folder == folder], "the branch worked on it last"


TESTS: tuple[Test, ...] = (
    _new_to_main,
    _title_figure,
    _head_figure,
    _title_words,
    _documented,
    _newest_date,
    _head_words,
    _runnable,
    _only_claims,
    _branch_subjects,
    _last_touched,
    _dated,
)
