"""Whether the submission says that it is no attempt at a record: by its folder, a key, a title, or any sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping

from auditor.claims.model import Claim, Claims
from auditor.submission import Submission, SubmissionFile

_NON_RECORD = re.compile(r"non[-_ ]?record", re.IGNORECASE)
_KEYS = (
    "track", "submission_type", "status", "type", "name", "title", "record", "category", "non_record", "is_record",
    "record_attempt", "record_claim", "blurb", "notes", "note", "description", "comment", "comments",
)  # fmt: skip
_SHORT = ("track", "submission_type", "status", "type", "name", "title", "record", "category", "non_record")
_NESTED = ("metadata", "submission", "meta", "info")
_UNLIMITED = re.compile(r"unlimited(?:[ _-]compute)?", re.IGNORECASE)
_NO = ("no", "false", "non", "none", "0")
# What a sentence says of the submission itself.
_SAID = re.compile(
    r"\b(?:this|our|the present)\b(?: (?:is|was|submission|run|pr|entry|folder|record|result|work|one))*.{0,40}?"
    r"\bnon[-_ ]?record|\b(?:submit(?:ted|ting)?|filed|entered|intended|meant|posted)\b.{0,40}?\bnon[-_ ]?record"
    r"|^\W{0,6}(?:track|category|submission type|type|status)\W{1,8}.{0,30}?(?:non[-_ ]?record|unlimited)"
    r"|^\W{0,6}(?:a |an )?non[-_ ]?record\b(?!s)|^\W{0,6}not an? (?:new |leaderboard )?record\b"
    r"|\b(?:is|was|am|are) not (?:(?:intended|meant|claimed|submitted|offered) )?(?:as |to be )?"
    r"(?:a |an )?(?:new |sota |leaderboard )?record\b(?: (?:attempt|submission|claim|entry))?",
    re.IGNORECASE,
)
# Of others, or the contrary.
_OTHERS = re.compile(
    r"\bnot a non|unlike|other non|previous non|best non|base\b|see also|\bof (?:PR )?#|\bPR ?#\d|from (?:the|a) non"
    r"|beats|compared|\bor submit|\btreat\b|\bwould\b|\bcould\b|\bshould\b|\bif\b|instead of|rather than",
    re.IGNORECASE,
)
_TEXT = 200_000
_LINE = 400


def non_record(submission: Submission, claims: Claims, readme: SubmissionFile | None) -> Claim[bool] | None:
    """The folder's track first, then submission.json's words, the title, the README's sentences."""
    if _NON_RECORD.search(submission.track or "") or "/track_non_record" in submission.folder:
        return Claim(True, submission.folder)
    said = _by_key(claims.raw, "submission.json:")
    for key in _NESTED:
        inner = claims.raw.get(key)
        said = said or (_by_key(inner, f"submission.json:{key}.") if isinstance(inner, Mapping) else None)
    if said:
        return said
    if submission.title and _NON_RECORD.search(submission.title):
        return Claim(True, "title")
    if readme is not None and readme.data:
        for number, line in enumerate(readme.text[:_TEXT].splitlines(), 1):
            if _in_words(line[:_LINE], heading=number < 12 and line.startswith(("#", "**"))):
                return Claim(True, f"{readme.path}:{number}")
    return Claim(False, submission.folder) if submission.track else None


def _by_key(fields: Mapping[str, object], place: str) -> Claim[bool] | None:
    for key in _KEYS:
        value = fields.get(key)
        no = value is False or (isinstance(value, str) and value.strip().lower() in _NO)
        if (key == "non_record" and value is True) or (key in ("record", "is_record", "record_attempt") and no):
            return Claim(True, place + key)
        if not isinstance(value, str):
            continue
        short = key in _SHORT and _NON_RECORD.search(value) is not None
        unlimited = key in ("track", "category") and _UNLIMITED.search(value) is not None
        if short or unlimited or any(_in_words(part) for part in re.split(r"(?<=[.!?;])\s", value[:2_000])):
            return Claim(True, place + key)
    return None


def _in_words(line: str, *, heading: bool = False) -> bool:
    if "record" not in line.lower() and "unlimited" not in line.lower():
        return False
    if heading and _NON_RECORD.search(line):
        return True
    for sentence in re.split(r"(?<=[.!?;])\s", line):
        said = _SAID.search(sentence)
        if said and not _OTHERS.search(sentence):
            return True
    return False
