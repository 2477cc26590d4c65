"""hardware: record runs are made on 8xH100 SXM."""

from __future__ import annotations

from auditor.findings import Finding, Outcome, Ruling, found, not_applicable, not_checked
from auditor.rule import Example, Facts, Rule
from rules.examples.folders import folder, log, seeds
from rules.law.standing import (
    PROCESS,
    claimed_at,
    is_record,
    name,
    on_challenge_hardware,
    place,
    pull,
    readme,
    wrong_hardware,
)

ID = "hardware"


def check(facts: Facts) -> Ruling:
    findings = []
    known = 0
    for run in facts.headline:
        known += on_challenge_hardware(run, facts.claims) is not None
        other = wrong_hardware(run, facts.claims)
        if other:
            findings.append(Finding(ID, Outcome.WARNING, f"{name(run)} ran on {other}, not on 8xH100 SXM", place(run)))
    if not findings and facts.claims.hardware is not None:
        known += on_challenge_hardware(None, facts.claims) is not None
        other = wrong_hardware(None, facts.claims)
        if other:
            message = f"the submission names {other}, not 8xH100 SXM"
            findings.append(Finding(ID, Outcome.WARNING, message, claimed_at(facts.claims.hardware)))
    if findings and not is_record(facts):
        return not_applicable(f"not a record attempt; {findings[0].message}")
    if not known:
        return not_checked("neither a log nor the submission names the GPUs; nvidia-smi in the log would decide")
    return found(findings, "8 GPUs, and nothing names another kind than H100 SXM")


RULE = Rule(
    id=ID,
    title="A record run on other hardware than 8xH100 SXM",
    class_="budget",
    authority="README",
    evidence=("logs", "claims"),
    criterion="No headline log and no claim of a record attempt names another number of GPUs or another GPU.",
    why="The caps are times on that machine; a run elsewhere shows neither that it fits nor that it does not.",
    remedy="Rerun the seeds on 8xH100 SXM, or submit to the non-record track.",
    sources=(
        readme("reproducibly under ten minutes on 8xH100 SXM", PROCESS),
        pull(1959, "cocohearts: a projection from 4xH100 is no record evidence", "2026-05-02"),
        pull(2103, "cocohearts: 1xH100", "2026-05-02"),
    ),
    check=check,
    examples=(
        Example("four GPUs", "breaks", folder(logs={**seeds(), 42: log(42, 1.1001, world_size=4)}), Outcome.WARNING),
        Example("another GPU", "breaks", folder(logs=seeds(gpu="NVIDIA H200")), Outcome.WARNING),
        Example("8xH100", "legal", folder(), Outcome.PASS),
        Example(
            "one GPU in the non-record track",
            "inactive",
            folder(
                logs=seeds(world_size=1, gpu="NVIDIA GeForce RTX 4090"), submission={"track": "track_non_record_16mb"}
            ),
            Outcome.NOT_APPLICABLE,
        ),
    ),
    not_decidable="A log that prints no GPU name is believed.",
)
