"""train-val-overlap: no training shard holds one of the first 50,000 documents."""

from __future__ import annotations

import re

from auditor.findings import Finding, Location, Outcome, Ruling, found, not_checked
from auditor.rule import Example, Facts, Rule
from auditor.runs import Run
from rules.examples.folders import folder, seeds
from rules.law.limits import LIMITS
from rules.law.standing import issue, name, place, pull, readme

ID = "train-val-overlap"

# How the folder's documents and launchers say that the validation part of a build was smaller than the set.
_VAL_DOCS = re.compile(r"--?val[-_]docs[= ]\s*`?([\d_,]{1,12})", re.IGNORECASE)
_PROSE = (".md", ".txt", ".sh", ".rst")
_LOG_SIZE = 200_000  # characters; documents are shorter, logs need not be searched
_UNDECIDED = (
    "logs only hint at overlap; comparing the documents of the training shards with the first "
    "50,000 documents would decide"
)


def check(facts: Facts) -> Ruling:
    full = [run for run in facts.headline if _full_set(run)]
    findings = [f for run in full if (f := _by_shards(run)) is not None]
    findings += _by_documents(facts, bool(full or not facts.headline))
    if findings:
        return found(findings, "")
    shards = {run.train_shards for run in facts.headline if run.train_shards is not None}
    return not_checked(f"{_UNDECIDED}{_shards(shards)}")


def _shards(counts: set[int]) -> str:
    if not counts:
        return ""
    known = " (as published)" if counts == {LIMITS.published_train_shards} else ""
    return f"; train shards: {', '.join(str(c) for c in sorted(counts))}{known}"


def _full_set(run: Run) -> bool:
    return run.val_tokens is not None and any(run.val_tokens in c for c in LIMITS.canonical_val_tokens.values())


def _by_shards(run: Run) -> Finding | None:
    """The count of shards tells local builds apart; the two readings of it are both on record."""
    if run.train_shards not in LIMITS.rebuilt_train_shards:
        return None
    fits = "the 10,000-document build" if run.train_shards in LIMITS.leaking_train_shards else "a disjoint rebuild"
    message = (
        f"{name(run)} trained on {run.train_shards} shards of a local build and validated on the full set; by count "
        f"this fits {fits}, and the ruling on #2130 took such a count for the overlap of documents 10,000 to 49,999"
    )
    return Finding(ID, Outcome.DISPUTED, message, place(run))


def _by_documents(facts: Facts, validated_on_all: bool) -> list[Finding]:
    """A document or launcher that builds the training set with fewer validation documents than are scored."""
    if not validated_on_all:
        return []
    for shipped in facts.submission.files:
        if not shipped.path.lower().endswith(_PROSE) or shipped.data is None or len(shipped.data) > _LOG_SIZE:
            continue
        if any(run.log == shipped.path for run in facts.runs):
            continue
        for number, line in enumerate(shipped.text.splitlines(), 1):
            match = _VAL_DOCS.search(line)
            digits = re.sub(r"\D", "", match.group(1)) if match else ""
            if digits and int(digits) < LIMITS.validation_documents:
                message = (
                    f"the data were built with {int(digits):,} validation documents; with the full set of "
                    f"{LIMITS.validation_documents:,} scored, the documents between them are in the training shards"
                )
                return [Finding(ID, Outcome.DISPUTED, message, Location(shipped.path, number))]
    return []


RULE = Rule(
    id=ID,
    title="Validation documents in the training shards",
    class_="score",
    authority="maintainer",
    evidence=("logs", "folder"),
    criterion="Training starts at document 50,000 of the same build. Marks of the overlap: a build command with fewer "
    "than 50,000 validation documents next to a score over the full set, or the shard counts of the builds that were "
    "argued over. Marks are disputed findings, never proof; the published 80 shards prove nothing either.",
    why="Four fifths of the validation text would have been trained on.",
    remedy="Build training and validation shards in one run with `--val-docs=50000`, or use the published shards, and "
    "rerun the seeds.",
    sources=(
        issue(2127, "how the overlap comes about, and which pull requests show it", "2026-05-01"),
        pull(2018, "cocohearts: closed for it", "2026-05-02"),
        pull(2130, "cocohearts: removed from the leaderboard for it", "2026-05-02"),
        readme("validation data may not be accessed during training"),
    ),
    check=check,
    examples=(
        Example(
            "the document says how the data were built",
            "breaks",
            folder(
                logs=seeds(val_tokens=47_851_520),
                extra={"DATA.md": "python prepare.py --val-docs=10000 for train, the full set for val\n"},
            ),
            Outcome.DISPUTED,
        ),
        Example(
            "the whole set held out",
            "legal",
            folder(
                logs=seeds(val_tokens=47_851_520),
                extra={"DATA.md": "python prepare.py --val-docs=50000\n"},
            ),
            Outcome.NOT_CHECKED,
        ),
        Example("published shards", "legal", folder(), Outcome.NOT_CHECKED),
    ),
    not_decidable="The overlap itself: it needs the shards.",
)
