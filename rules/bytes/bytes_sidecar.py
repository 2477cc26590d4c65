"""A transformed text is scored per byte of the original."""

from __future__ import annotations

import math
import re

from auditor.findings import Finding, Outcome, Ruling, found, not_applicable
from auditor.rule import Example, Facts, Rule, Source
from auditor.runs import Run
from rules.bytes._ledger import bytes_per_token, canonical_tokens, denominators, excess, judged, log_finding
from rules.examples.folders import folder, seeds
from rules.law.limits import LIMITS

ID = "bytes-sidecar"

_TRANSFORMED = re.compile(r"(?i)caseops|lossless_caps|case_ops")


def _transformed(facts: Facts, run: Run) -> bool:
    """By the names of its data, or by its figures where they are claimed, as data may lie under any name."""
    claim = facts.claims.val_bpb
    if _by_figures(run) and (
        claim is None or abs(claim.value - (run.val_bpb or 0.0)) < claim.value * LIMITS.ledger_outlier
    ):
        return True
    told = [run.dataset or "", run.tokenizer or ""]
    told += [v for k, v in run.hyperparameters.items() if re.search(r"(?i)path|files|data", k)]
    return any(_TRANSFORMED.search(text) for text in told)


def _by_figures(run: Run) -> bool:
    """Whether a run scores as many tokens as the transformed set has, and divides by the bytes of that text."""
    whole = run.val_tokens is not None and (canonical_tokens(run.val_tokens) or "").startswith("caseops")
    off = (run.implied_bytes or 0.0) / LIMITS.transformed_bytes - 1
    return whole and abs(off) < LIMITS.ledger_tolerance


def _has_sidecar(run: Run) -> bool:
    disabled = any(
        k.lower() == "caseops_enabled" and v.strip().lower() in {"0", "false"} for k, v in run.hyperparameters.items()
    )
    return run.byte_sidecar is True or (
        not disabled and any("val_bytes" in v for k, v in run.hyperparameters.items() if "files" in k.lower())
    )


def _of_run(facts: Facts, run: Run) -> list[Finding]:
    findings = []
    off = excess(run)
    if off is not None and off > LIMITS.ledger_outlier:
        at = run.score.line if run.score else None
        message = f"{run.log} scores a transformed text and divides by {off:+.1%} more bytes than the original has"
        findings.append(log_finding(ID, Outcome.VIOLATION, run, at, message))
    elif off is None and not _has_sidecar(run):
        message = f"{run.log} scores a transformed text and shows no byte sidecar"
        findings.append(log_finding(ID, Outcome.WARNING, run, None, message))
    expected = bytes_per_token(run) if off == 0.0 else None
    expected = expected or LIMITS.bytes_per_token["caseops_sp8192"]
    for line in denominators(facts, run):
        ratio = line.bytes / line.tokens / expected - 1
        if "bpb" in line.text.lower() and ratio > LIMITS.ledger_outlier:
            message = (
                f"line {line.line} of {run.log} divides by {line.bytes:,} bytes of the transformed text, "
                f"{ratio:+.1%} against the original's"
            )
            findings.append(log_finding(ID, Outcome.VIOLATION, run, line.line, message, excerpt=line.text))
    return findings


def check(facts: Facts) -> Ruling:
    runs = [run for run in judged(facts) if _transformed(facts, run)]
    if not runs:
        return not_applicable("no log names a transformed data set")
    findings = [f for run in runs for f in _of_run(facts, run)]
    return found(findings, "the transformed text is scored per byte of the original")


_CASEOPS = {
    "data_path": "./data/datasets/fineweb10B_sp8192_lossless_caps_caseops_v1_reserved",
    "val_bytes_files": "./data/datasets/fineweb10B_sp8192_lossless_caps_caseops_v1_reserved/fineweb_val_bytes_*.bin",
    "caseops_enabled": "True",
}
_OFF = {"data_path": _CASEOPS["data_path"], "caseops_enabled": "False"}
_OF_TRANSFORMED = math.log(2.0) * LIMITS.transformed_bytes / 47_851_520
_MIX = ["cond tokens=47851520 bytes=164594398 mix_bpb=0.990000"]

RULE = Rule(
    id=ID,
    title="A transformed text is scored per byte of the original",
    class_="score",
    authority="maintainer",
    evidence=("logs",),
    criterion="With a lossless transform, the denominator is the original bytes (fineweb_val_bytes_*.bin).",
    why="The transformed text is longer: 164.6 million bytes instead of 151.07, which lowers the score by 8 %.",
    remedy="Read the byte sidecar in every evaluation that is reported, mixtures included.",
    sources=(
        Source("https://github.com/openai/parameter-golf/pull/2138", "cocohearts: 164,594,398 bytes", "2026-05-02"),
        Source("https://github.com/openai/parameter-golf/pull/2039", "cocohearts: 32,756,252 bytes", "2026-05-02"),
    ),
    check=check,
    examples=(
        Example(
            "accounting switched off",
            "breaks",
            folder(logs=seeds((1.0, 1.0, 1.0), val_tokens=47_851_520, val_loss=2.3843, hyperparameters=_OFF)),
            Outcome.VIOLATION,
        ),
        Example(
            "a mixture over transformed bytes",
            "breaks",
            folder(logs=seeds(val_tokens=47_851_520, hyperparameters=_CASEOPS, after=_MIX)),
            Outcome.VIOLATION,
        ),
        Example(
            "no sidecar and no token count",
            "breaks",
            folder(logs=seeds((0.0, 0.0, 0.0), val_loss=2.4, val_tokens=None, hyperparameters=_OFF)),
            Outcome.WARNING,
        ),
        Example(
            "sidecar read",
            "legal",
            folder(logs=seeds(val_tokens=47_851_520, hyperparameters=_CASEOPS)),
            Outcome.PASS,
        ),
        Example(
            "transformed data under another name",
            "breaks",
            folder(logs=seeds((1.0, 1.0, 1.0), val_tokens=47_851_520, val_loss=_OF_TRANSFORMED)),
            Outcome.VIOLATION,
        ),
        Example(
            "as many bytes of another set",
            "legal",
            folder(
                logs=seeds((1.0, 1.0, 1.0), val_tokens=62_021_632, val_loss=_OF_TRANSFORMED * 47_851_520 / 62_021_632)
            ),
            Outcome.NOT_APPLICABLE,
        ),
        Example(
            "worked out anew by the original's bytes",
            "legal",
            folder(
                submission={"val_bpb": 1.0895},
                logs=seeds((1.0, 1.0, 1.0), val_tokens=47_851_520, val_loss=_OF_TRANSFORMED),
            ),
            Outcome.NOT_APPLICABLE,
        ),
        Example("no transform", "legal", folder(), Outcome.NOT_APPLICABLE),
    ),
    not_decidable="whether the sidecar itself is right; its total is 151,074,309 bytes",
)
