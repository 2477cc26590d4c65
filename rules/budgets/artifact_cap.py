"""artifact-cap: code plus compressed model within 16,000,000 bytes, by the largest seed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from auditor.findings import Finding, Location, Outcome, Ruling, found, not_checked
from auditor.rule import Example, Facts, Rule
from auditor.runs import Run
from rules.examples.folders import folder, log, packed, seeds
from rules.examples.scripts import script
from rules.law.limits import LIMITS
from rules.law.standing import claimed_at, most_claimed, name, not_understood, place, pull, readme

ID = "artifact-cap"

# Packed weights by their names: `final_model.int8.ptz`, `model.int6.br`. A plain checkpoint is no artifact.
_PACKED_MODEL = re.compile(
    r"(?:model|weights|artifact|submission|quant|packed).{0,40}\.(?:ptz|pt\.xz|xz|lzma|zst|br|zlib|gz)$", re.IGNORECASE
)
_SMALLEST_MODEL = 1_000_000  # bytes
_SAME_MODEL = 0.01
_LONG = f'{script()}NOTES = """{"".join(chr(97 + i * i % 26) for i in range(80_000))}"""\n'


def check(facts: Facts) -> Ruling:
    logged = [(run, size) for run in facts.headline if (size := _size(run)) is not None]
    findings = []
    if logged:
        run, size = max(logged, key=lambda pair: pair[1])
        findings += _judge_log(facts, run, size)
        summary = f"the largest artifact is {size:,} bytes, {LIMITS.artifact_cap_bytes - size:,} below the cap"
    findings += _shipped_model(facts, [run for run, _ in logged])
    claim, cap = most_claimed(facts, "artifact_bytes"), LIMITS.artifact_cap_bytes
    if claim is not None:
        summary = summary if logged else f"claimed: {claim.value:,.0f} bytes; no log says"
        if claim.value > LIMITS.artifact_cap_bytes and not findings:
            outcome = Outcome.WARNING if logged else Outcome.VIOLATION
            findings.append(
                Finding(
                    ID,
                    outcome,
                    f"claims an artifact of {claim.value:,.0f} bytes, {claim.value - cap:,.0f} over "
                    f"the cap{'; the logs of the runs are within it' if logged else ''}{_mebibytes(claim.value)}",
                    claimed_at(claim),
                )
            )
    unread = not_understood(facts.headline, "artifact")
    if not logged and unread and not findings:
        return not_checked(unread)
    if not logged and claim is None:
        return not_checked(
            "no log or claim states the artifact's size; the `Total submission size` line of the run would decide"
        )
    return found(findings, summary, unchecked=unread)


def _shipped_model(facts: Facts, logged: Sequence[Run]) -> list[Finding]:
    """A packed model in the folder: it is weighed, whatever the logs say of theirs."""
    findings = []
    known = [size for run in logged for size in (run.model_bytes, run.artifact_bytes) if size is not None]
    code = facts.sources.code_bytes
    for file in facts.submission.files:
        size = file.size
        if size is None or size < _SMALLEST_MODEL or not _PACKED_MODEL.search(file.path.rsplit("/", 1)[-1]):
            continue
        over = size + code - LIMITS.artifact_cap_bytes
        if over > 0:
            message = f"{file.path} weighs {size:,} bytes, with {code:,} bytes of code {over:,} over the cap"
            if known:
                message += f"; the logs total {max(known):,}"
            findings.append(Finding(ID, Outcome.VIOLATION, message, Location(file.path)))
        elif known and all(abs(size - other) > _SAME_MODEL * other for other in known):
            nearest = min(known, key=lambda other: abs(other - size))
            message = (
                f"{file.path} weighs {size:,} bytes, no log shows a model of that size (the nearest has {nearest:,})"
            )
            findings.append(Finding(ID, Outcome.WARNING, message, Location(file.path)))
    return findings


def _size(run: Run) -> int | None:
    if run.artifact_bytes is not None:
        return run.artifact_bytes
    return None if run.model_bytes is None or run.code_bytes is None else run.model_bytes + run.code_bytes


def _judge_log(facts: Facts, run: Run, size: int) -> list[Finding]:
    """The log's own total decides. What the shipped code weighs is a second reading where it is the same code, packed;
    another script, not packed, is not the one that the log counted."""
    cap = LIMITS.artifact_cap_bytes
    shipped = facts.sources.code_bytes
    counted = run.code_bytes if run.code_bytes is not None else run.code_bytes_compressed
    as_shipped = None if counted is None or not shipped else size - counted + shipped
    where = place(run, run.artifact_line)
    if size > cap:
        if as_shipped is not None and as_shipped <= cap and counted is not None and _is_packed(facts, counted):
            message = (
                f"{name(run)} totals {size:,} bytes, {size - cap:,} over the cap, with {counted:,} bytes of code; "
                f"the code as shipped weighs {shipped:,}, which makes {as_shipped:,} (the ruling on #1835 counted the "
                "larger figure, its author the smaller)"
            )
            return [Finding(ID, Outcome.DISPUTED, message, where)]
        message = f"{name(run)} totals {size:,} bytes, {size - cap:,} over the cap{_mebibytes(size)}"
        if as_shipped is not None and as_shipped <= cap:
            message += (
                f"; the script of the folder weighs {shipped:,} bytes, not the {counted:,} that the log counts: "
                "no run of it is shown"
            )
        return [Finding(ID, Outcome.VIOLATION, message, where)]
    if as_shipped is not None and as_shipped > cap:
        message = (
            f"{name(run)} totals {size:,} bytes with {counted:,} bytes of code, but the code as shipped, helpers "
            f"included, weighs {shipped:,}: {as_shipped:,} bytes, {as_shipped - cap:,} over the cap. Rows accepted "
            f"since {LIMITS.compressed_code_practice_date} count it compressed"
        )
        return [Finding(ID, Outcome.WARNING, message, where)]
    return []


def _is_packed(facts: Facts, counted: int) -> bool:
    """Whether the folder's code may be what the log counts, in less room: more comes out of it than it weighs."""
    text = sum(facts.code.unpacked_bytes.values())
    return not text or (text > facts.sources.code_bytes and text * 2 >= counted)


def _mebibytes(size: float) -> str:
    return "; below 16 MiB, but the cap is decimal" if size <= LIMITS.mebibyte_cap_bytes else ""


RULE = Rule(
    id=ID,
    title="The artifact is larger than 16,000,000 bytes",
    class_="budget",
    authority="README",
    evidence=("logs", "claims", "folder"),
    criterion="Counted code plus compressed model of the largest headline run is at most 16,000,000 bytes (decimal).",
    why="The challenge is the best model in a fixed number of bytes; a larger artifact plays another game.",
    remedy="Shrink the model or its code until the largest seed's `Total submission size` is at most 16,000,000 bytes, "
    "and ship the code in the form in which it is counted (a packed train_gpt.py).",
    sources=(
        readme("code bytes plus compressed model bytes, 16,000,000 decimal"),
        pull(1809, "regina-openai: 16,024,793 bytes is not eligible", "2026-04-26"),
        pull(1835, "regina-openai: 16,071,321 bytes, counted with the raw source", "2026-04-28"),
        pull(1959, "cocohearts: model 15,976,086 plus code 66,546 is over", "2026-05-02"),
        pull(1626, "merged: ships its code raw and counts it compressed, as ten accepted rows do", "2026-04-29"),
    ),
    check=check,
    examples=(
        Example(
            "one seed of three is over",
            "breaks",
            folder(logs={**seeds(), 999: log(999, 1.1004, artifact_bytes=16_020_000, code_bytes=5_000)}),
            Outcome.VIOLATION,
        ),
        Example(
            "only the claim says it",
            "breaks",
            folder(logs=seeds(artifact_bytes=None), submission={"artifact_bytes": 16_500_000}),
            Outcome.VIOLATION,
        ),
        Example(
            "the logged code is raw, the shipped code is small",
            "breaks",
            folder(logs=seeds(artifact_bytes=16_030_000, code_bytes=90_000)),
            Outcome.VIOLATION,
        ),
        Example(
            "the logged code is raw, the shipped code is packed",
            "breaks",
            folder(lambda: packed(_LONG), logs=seeds(artifact_bytes=16_030_000, code_bytes=len(_LONG))),
            Outcome.DISPUTED,
        ),
        Example(
            "code counted compressed and shipped raw, as merged rows do",
            "legal",
            folder(
                script() + "# " + "x" * 90_000 + "\n",
                logs=seeds(artifact_bytes=15_990_000, code_bytes=30_000),
            ),
            Outcome.WARNING,
        ),
        Example("exactly the cap", "legal", folder(logs=seeds(artifact_bytes=16_000_000)), Outcome.PASS),
    ),
    not_decidable="The model file is seldom in the folder, so the logged size is believed.",
)
