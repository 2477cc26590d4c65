"""val-tuned-eval-params: constants of the estimator are not swept against the validation targets."""

from __future__ import annotations

import re

from auditor.findings import Finding, Location, Outcome, Ruling, found, not_checked
from auditor.rule import Example, Facts, Rule
from auditor.runs import Run
from rules.bytes._ledger import log_lines
from rules.examples.folders import folder, log, seeds
from rules.law.standing import distinct, pull, readme

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
_LEAST = 3  # lines that make a sweep
_ROUNDING = 0.00006  # half a digit of a figure with four decimals
_NUMBER = re.compile(r"[-+]?\d[\d.]*(?:e[-+]?\d+)?")
_FIELD = re.compile(r"\b([A-Za-z]\w{0,60})\s{0,2}[:=]\s{0,2}([-+]?\d{1,12}(?:\.\d{1,12})?(?:e[-+]?\d{1,3})?)(?![\w.])")
_FIGURES = ("val_bpb", "bpb")
# What differs from line to line because of the constant, or because time goes on, is no constant.
_OUTCOME = re.compile(r"(?i)bpb|loss|nll|ppl|perplexity|bits|delta|gain|time|elapsed|sec|hit|pct|ratio|mean|used")
_COUNTER = re.compile(
    r"(?i)(?:^|_)(?:steps?|epochs?|iter\w*|chunks?|batch\w*|windows?|docs?|tokens?|seqs?|shards?|rank|seed|phase|pass|"
    r"pos\w*|progress|done|scored|bytes|run|index|idx|i|n|s|ms)$"
)
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
    findings = [finding for run in distinct(facts.headline) for finding in _swept(facts, run)]
    return found(findings, "") if findings else not_checked(_UNDECIDED)


def _swept(facts: Facts, run: Run) -> list[Finding]:
    """The first sweep in a log: lines that differ in one constant and print its val_bpb, the least of them claimed."""
    groups: dict[str, list[tuple[int, dict[str, float]]]] = {}
    for number, line in log_lines(facts, run):
        if number > (run.train_seconds_line or 0) and "bpb" in line:
            fields = {key: float(value) for key, value in _FIELD.findall(line)}
            groups.setdefault(_NUMBER.sub("#", line.strip()), []).append((number, fields))
    for lines in groups.values():
        figures = [next((v for k, v in fields.items() if k in _FIGURES), None) for _, fields in lines]
        constants = [k for k in lines[0][1] if len({fields.get(k) for _, fields in lines}) > 1 and not _is_outcome(k)]
        known = [figure for figure in figures if figure is not None]
        if len(lines) < _LEAST or len(known) < len(lines) or len(constants) != 1:
            continue
        name, least = constants[0], min(known)
        values = {fields.get(name) for _, fields in lines} - {None}
        if len(values) < len(lines) or _COUNTER.search(name) or not _claimed(facts, run, least):
            continue
        best = next(fields[name] for (_, fields), figure in zip(lines, known, strict=True) if figure == least)
        message = (
            f"the log scores {len(lines)} values of {name} on the validation set, and the claimed {least:.5f} is the "
            f"least of them ({name} {best:g})"
        )
        return [Finding(ID, Outcome.WARNING, message, Location(run.log, lines[0][0], lines[-1][0]))]
    return []


def _is_outcome(name: str) -> bool:
    return bool(_OUTCOME.search(name))


def _claimed(facts: Facts, run: Run, figure: float) -> bool:
    claims = facts.claims
    stated = [run.val_bpb, claims.val_bpb.value if claims.val_bpb else None]
    stated += [row.val_bpb for row in (*claims.seeds, *claims.readme_seeds) if row.seed in (None, run.seed)]
    return any(value is not None and abs(value - figure) <= _ROUNDING for value in stated)


_SWEEP_LINES = [
    f"mix_sweep weight:{weight} used:812 val_bpb:{bpb} delta_bpb:{bpb - 1.1:.4f}"
    for weight, bpb in ((0.1, 1.11), (0.2, 1.1), (0.4, 1.12))
]
_CHUNK_LINES = ["chunk:1 bpb:1.1200", "chunk:2 bpb:1.1100", "chunk:3 bpb:1.1000"]

RULE = Rule(
    id=ID,
    title="Constants of the evaluation were tuned on validation outcomes",
    class_="score",
    authority="maintainer",
    evidence=("history", "folder", "logs"),
    criterion="No document of the folder says that mixing constants were swept over stored validation outcomes, and "
    "no log shows a sweep over a constant of the evaluation whose least val_bpb is the claim. "
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
            "three values of one constant in a log, the best of them claimed",
            "breaks",
            folder(logs={42: log(42, 1.1, lines=_SWEEP_LINES)}),
            Outcome.WARNING,
        ),
        Example(
            "three values of one constant in a log, another figure claimed",
            "legal",
            folder(logs={42: log(42, 1.115, lines=_SWEEP_LINES)}),
            Outcome.NOT_CHECKED,
        ),
        Example(
            "the figure as it runs on from chunk to chunk",
            "legal",
            folder(logs=seeds((1.1, 1.1, 1.1), lines=_CHUNK_LINES)),
            Outcome.NOT_CHECKED,
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
