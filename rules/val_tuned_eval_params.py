"""val-tuned-eval-params: constants of the estimator are not swept against the validation targets."""

from __future__ import annotations

import re

from auditor.findings import Finding, Location, Outcome, Ruling, found, not_checked
from auditor.rule import Example, Facts, Rule
from rules._evidence import pull, readme
from rules._examples import folder

ID = "val-tuned-eval-params"

_SWEEP = re.compile(r"\b(?:grid[- ]search|swept|sweep(?:s|ing)?|tuned|optimi[sz]ed|fitted)\b", re.IGNORECASE)
_OFFLINE = re.compile(
    r"\b(?:offline|dumped|saved|cached|stored)\b.{0,60}\b(?:nll|log-?probs?|logits|losses|byte streams?)\b"
    r"|\b(?:nll|log-?probs?|logits|losses)\b.{0,60}\b(?:offline|dumped|saved|cached|stored)\b",
    re.IGNORECASE,
)
_VAL = re.compile(r"\bval(?:idation)?\b", re.IGNORECASE)
_PROSE = (".md", ".txt", ".rst")
_DOCUMENT_BYTES = 200_000
_LINE = 2_000  # characters of a line that are looked at
_UNDECIDED = (
    "one folder does not show how the constants of the evaluation were chosen; the history of their tuning would"
)


def check(facts: Facts) -> Ruling:
    for shipped in facts.submission.files:
        if not shipped.path.lower().endswith(_PROSE) or shipped.data is None or len(shipped.data) > _DOCUMENT_BYTES:
            continue
        if any(run.log == shipped.path for run in facts.runs):
            continue
        for number, line in enumerate(shipped.text.splitlines(), 1):
            said = line[:_LINE]
            if _SWEEP.search(said) and _VAL.search(said) and _OFFLINE.search(said):
                message = "says that constants of the evaluation were tuned offline on figures of the validation set"
                where = Location(shipped.path, number)
                return found([Finding(ID, Outcome.WARNING, message, where)], "")
    return not_checked(_UNDECIDED)


RULE = Rule(
    id=ID,
    title="Constants of the evaluation were tuned on validation outcomes",
    authority="maintainer",
    evidence=("history", "folder"),
    criterion="No document of the folder says that mixing constants were swept over stored validation outcomes. "
    "Ordinary hyperparameters chosen over runs are allowed.",
    why="A sweep over stored validation outcomes fits the estimator to the text that it is scored on.",
    remedy="Choose the constants on training text, and say so.",
    sources=(
        pull(1991, "cocohearts: offline tuning on validation outcomes is no record evidence", "2026-05-02"),
        readme("tuning hyperparameters over runs is fine"),
        pull(1855, "merged: nine settings chosen by val_bpb over runs", "2026-04-29"),
    ),
    check=check,
    examples=(
        Example(
            "mixer swept over stored log-probabilities",
            "breaks",
            folder(readme="# Example\n\nThe gate was swept offline on saved log-probs of the validation stream.\n"),
            Outcome.WARNING,
        ),
        Example(
            "hyperparameters tuned over runs",
            "legal",
            folder(readme="# Example\n\nThe learning rate was tuned over 12 runs by val_bpb.\n"),
            Outcome.NOT_CHECKED,
        ),
    ),
    not_decidable="A sweep that nobody mentions.",
)
