"""bpb-floor: scores that no review has ever confirmed deserve a second look."""

from __future__ import annotations

from auditor.findings import Finding, Outcome, Ruling, found, not_checked
from auditor.rule import Example, Facts, Rule
from rules.examples.folders import folder, seeds
from rules.law.limits import LIMITS
from rules.law.standing import claimed_at, is_record, name, not_filled_in, place, pull

ID = "bpb-floor"


def check(facts: Facts) -> Ruling:
    findings = []
    scored = [(run, run.score) for run in facts.headline if run.score is not None]
    figures = [(e.val_bpb, name(run), place(run, e.line)) for run, e in scored if e.val_bpb is not None]
    claim = facts.claims.val_bpb
    if claim is not None and not not_filled_in(facts.claims):
        figures.append((claim.value, "the claim", claimed_at(claim)))
    if not figures:
        return not_checked("neither a log nor submission.json states a final val_bpb")
    lowest, who, where = min(figures, key=lambda row: row[0])
    if lowest < LIMITS.bpb_floor:
        message = f"{who}: {lowest:.5f} bits per byte; no score below {LIMITS.bpb_floor} survived a review"
        findings.append(Finding(ID, Outcome.WARNING, message, where))
    elif lowest < LIMITS.lowest_accepted_bpb and is_record(facts):
        message = f"{who}: {lowest:.5f} bits per byte, below the best that was accepted ({LIMITS.lowest_accepted_bpb})"
        findings.append(Finding(ID, Outcome.WARNING, message, where))
    return found(findings, f"the lowest figure is {lowest:.5f} bits per byte")


RULE = Rule(
    id=ID,
    title="A score lower than any that was confirmed",
    class_="evidence",
    authority="measured",
    evidence=("claims", "logs"),
    criterion="No claimed or logged final figure is below the best accepted row (1.05651); below 1.0 none survived. A "
    "heuristic: it asks for a review and decides nothing.",
    why="Scores far below the rest came from wrong byte counts, leaks or unnormalized mixtures.",
    remedy="Have causality, normalization and the byte count of the score shown in code.",
    sources=(
        pull(2146, "the best accepted row", "2026-05-02"),
        pull(1184, "0.9485, merged and then removed: bytes counted wrongly", "2026-04-24"),
        pull(1246, "its author argues a floor about 1.0", "2026-04"),
    ),
    check=check,
    examples=(
        Example("0.39", "breaks", folder(logs=seeds((0.3901, 0.3899, 0.3904))), Outcome.WARNING),
        Example("below the best row", "breaks", folder(logs=seeds((1.0401, 1.0399, 1.0404))), Outcome.WARNING),
        Example("1.10", "legal", folder(), Outcome.PASS),
    ),
    not_decidable="Why a score is low; the evaluation rules and the byte ledger look for that.",
)
