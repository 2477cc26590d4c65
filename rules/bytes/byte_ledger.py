"""What a log divided by must be the bytes of the validation set."""

from __future__ import annotations

import math
from collections.abc import Sequence

from auditor.findings import Finding, Outcome, Ruling, found
from auditor.probe.model import Kind
from auditor.rule import Behaviour, Example, Facts, Rule, Source
from auditor.runs import Run
from auditor.runs.evaluations import stem
from rules.bytes._ledger import bytes_per_token, denominators, excess, family, full_bytes, judged, log_finding
from rules.examples.folders import VAL_BYTES, VAL_TOKENS, folder, log, seeds
from rules.law.limits import LIMITS
from rules.law.standing import distinct

ID = "byte-ledger"

_EXACT = 6  # decimals from which on a figure tells its denominator to some bytes
_MILLISECONDS = 2  # decimals of a time that two runs do not share by chance together with a loss
_LEAST_APART, _TIMES_ROUNDING = 1_000.0, 30.0


def _cause(off: float) -> str:
    if abs(off - (LIMITS.double_space_ratio - 1)) < LIMITS.ledger_outlier:
        return "; a leading space counted twice gives this ratio"
    return ""


def _of_run(run: Run) -> Finding | None:
    off = excess(run)
    if not off:
        return None
    line = run.score.line if run.score else None
    if run.implied_bytes:
        shown = f"the figures of {run.log} divide by {run.implied_bytes:,.0f} bytes, the set has {full_bytes(run):,}"
    else:
        shown = (
            f"the figures of {run.log} mean {bytes_per_token(run) or 0:.3f} bytes per token, "
            f"{LIMITS.bytes_per_token[family(run) or '']:.3f} is what its tokenizer has"
        )
    if off > 0:
        message = f"{shown}: {off:+.1%}{_cause(off)}; the score is that much too low unless the text is another"
    else:
        message = f"{shown}: {off:+.1%}; a part was scored, or bytes were missed, which makes the score worse"
    outcome = Outcome.DISPUTED if off > LIMITS.ledger_outlier else Outcome.WARNING
    return log_finding(ID, outcome, run, line, message)


def _printed(facts: Facts, run: Run) -> list[Finding]:
    """Lines that print their own denominator, against the bytes per token of the same log's ledger or tokenizer."""
    off = excess(run)
    per_token = bytes_per_token(run) if off == 0 else LIMITS.bytes_per_token.get(family(run) or "")
    found_here = []
    for line in denominators(facts, run):
        if per_token is None or "bpb" not in line.text.lower():
            continue
        ratio = line.bytes / line.tokens / per_token - 1
        if abs(ratio) > LIMITS.ledger_outlier:
            message = (
                f"line {line.line} of {run.log} divides {line.tokens:,} tokens by {line.bytes:,} bytes, "
                f"{line.bytes / line.tokens:.3f} a token; the validation set has {per_token:.3f}: {ratio:+.1%}"
            )
            outcome = Outcome.DISPUTED if ratio > 0 else Outcome.WARNING
            found_here.append(log_finding(ID, outcome, run, line.line, message, excerpt=line.text))
    return found_here


def _decimals(value: float | None) -> int:
    return len(repr(value).partition(".")[2]) if value is not None and "e" not in repr(value) else 0


def _seal(runs: Sequence[Run]) -> list[Finding]:
    """Runs over one text divide by the same bytes and end in figures of their own; what does not was edited."""
    groups: dict[tuple[object, ...], list[Run]] = {}
    for run in distinct(runs):
        if run.score is not None and run.implied_bytes and run.val_tokens:
            key = (run.val_tokens, run.tokenizer, run.dataset, run.world_size, run.byte_sidecar, stem(run.score.label))
            groups.setdefault(key, []).append(run)
    findings: list[Finding] = []
    for group in groups.values():
        findings += _odd_denominator(group)
        findings += _same_end(group)
    return findings + _same_stop(distinct(runs))


def _odd_denominator(group: Sequence[Run]) -> list[Finding]:
    digits = min(max(_decimals(run.val_bpb) for run in group), max(_decimals(run.val_loss) for run in group))
    if len(group) < 2 or digits < _EXACT:
        return []
    implied = sorted(run.implied_bytes or 0.0 for run in group)
    usual = implied[len(implied) // 2]
    # Half a digit of each figure, as bytes.
    rounding = usual * 10.0**-digits
    apart = max(_LEAST_APART, _TIMES_ROUNDING * rounding)
    odd = [run for run in group if abs((run.implied_bytes or 0.0) - usual) > apart]
    if not odd or (len(group) == 2 and not odd):
        return []
    run = max(odd, key=lambda r: abs((r.implied_bytes or 0.0) - usual))
    others = ", ".join(f"{r.implied_bytes:,.0f} ({r.log})" for r in group if r is not run)
    message = (
        f"val_loss {run.val_loss} and val_bpb {run.val_bpb} of {run.log} divide by {run.implied_bytes:,.0f} bytes, "
        f"those of the other runs by {others}: one text gives one number to {max(3, round(3 * rounding))} bytes, so a "
        "figure was retyped or edited, or another text was scored"
    )
    line = run.score.line if run.score else None
    return [log_finding(ID, Outcome.DISPUTED, run, line, message)]


def _same_end(group: Sequence[Run]) -> list[Finding]:
    """Two seeds that end in the same figures to all digits, although they differ on the way."""
    for index, run in enumerate(group):
        for other in group[index + 1 :]:
            same = (run.val_bpb, run.val_loss) == (other.val_bpb, other.val_loss)
            if not same or _decimals(run.val_bpb) < _EXACT or run.seed == other.seed:
                continue
            ways = [{(e.step, e.val_bpb, e.val_loss) for e in r.evaluations if e.step} for r in (run, other)]
            if ways[0] and ways[1] and not ways[0] & ways[1]:
                message = (
                    f"{run.log} and {other.log} end in val_bpb {run.val_bpb} and val_loss {run.val_loss} to all "
                    "digits, and differ in every figure before: one of them was copied"
                )
                line = other.score.line if other.score else None
                return [log_finding(ID, Outcome.DISPUTED, other, line, message)]
    return []


def _same_stop(runs: Sequence[Run]) -> list[Finding]:
    """Two seeds that stop at one step, millisecond and validation loss, and do not end alike."""
    stops: dict[tuple[object, ...], Run] = {}
    for run in runs:
        last = max((e for e in run.evaluations if e.step), key=lambda e: e.step or 0, default=None)
        if last is None or last.val_loss is None or run.seed is None or _decimals(run.train_seconds) < _MILLISECONDS:
            continue
        other = stops.setdefault((last.step, last.val_loss, last.val_bpb, run.train_seconds), run)
        if other.seed != run.seed and other.val_bpb != run.val_bpb:
            message = (
                f"{run.log} and {other.log}, of two seeds, both stop after {run.train_seconds} s at step "
                f"{last.step} with val_loss {last.val_loss} and val_bpb {last.val_bpb}: a line of one was copied"
            )
            return [log_finding(ID, Outcome.DISPUTED, run, last.line, message)]
    return []


def check(facts: Facts) -> Ruling:
    runs = judged(facts)
    findings: list[Finding] = []
    for run in runs:
        finding = _of_run(run)
        findings += [finding] if finding else []
        findings += _printed(facts, run)
    findings += _seal(runs)
    if all(excess(run) is None for run in runs):
        return found(findings, "", unchecked="no log says val_loss, val_bpb and how many tokens it scored")
    known = next((run for run in runs if run.implied_bytes), None)
    shown = f"{known.implied_bytes:,.0f}" if known and known.implied_bytes else "the expected number of"
    return found(findings, f"the logs divide by {shown} bytes")


def _over(factor: float, **changes: object) -> dict[int, str]:
    loss = 1.1 * math.log(2.0) * VAL_BYTES / VAL_TOKENS * factor
    return seeds((1.1, 1.1, 1.1), val_loss=loss, **changes)


_NO_TOKENS = {
    seed: log(
        seed,
        1.1,
        val_loss=1.1 * math.log(2.0) * 2.436 * 1.167,
        val_tokens=None,
        hyperparameters={"tokenizer_path": "./data/tokenizers/fineweb_1024_bpe.model", "vocab_size": 1024},
    )
    for seed in (42, 314, 999)
}
_MIX = ["mix tokens=62021632 bytes=164594398 mix_bpb=1.010000"]
_MIX_RIGHT = ["mix tokens=62021632 bytes=151074309 mix_bpb=1.090000"]

RULE = Rule(
    id=ID,
    title="The log divides by the bytes of the validation set",
    class_="score",
    authority="measured",
    evidence=("logs",),
    criterion="val_loss / ln 2 * val_tokens / val_bpb is 151.08 million within 0.2 %, whatever the tokenizer.",
    why="Bits per byte compare models over the same text; a larger denominator makes any model look better.",
    remedy="Compare the sum of the byte table over the validation tokens with the bytes of the 50,000 documents.",
    sources=(
        Source("https://github.com/openai/parameter-golf/pull/1804", "audit tool: 151,080,891 bytes"),
        Source(
            "https://github.com/openai/parameter-golf/pull/2138",
            "cocohearts: 164,594,398 for 151,074,309",
            "2026-05-02",
        ),
        Source("https://github.com/openai/parameter-golf#submission-process", "prove that val_bpb is right"),
    ),
    check=check,
    examples=(
        Example("a sixth too many bytes", "breaks", folder(logs=_over(1.167)), Outcome.DISPUTED),
        Example("bytes missed", "breaks", folder(logs=_over(0.97)), Outcome.WARNING),
        Example("no token count, bytes per token tell", "breaks", folder(logs=_NO_TOKENS), Outcome.DISPUTED),
        Example("a mixture with its own denominator", "breaks", folder(logs=seeds(after=_MIX)), Outcome.DISPUTED),
        Example("the full set", "legal", folder(), Outcome.PASS),
        Example("a mixture over the same bytes", "legal", folder(logs=seeds(after=_MIX_RIGHT)), Outcome.PASS),
        Example(
            "the first day's set",
            "legal",
            folder(
                logs=seeds((1.2, 1.2, 1.2), val_tokens=63_779_840, val_loss=1.2 * math.log(2.0) * 155.8e6 / 63_779_840)
            ),
            Outcome.PASS,
        ),
        Example("nothing to compute it from", "legal", folder(logs={42: "seed:42\n"}), Outcome.NOT_CHECKED),
    ),
    behaviour=Behaviour(
        shown_by=(Kind.REPORTED_NUMBER,),
        stands_for=(Kind.REPORTED_NUMBER,),
        blind="the logs divided by the bytes of another stream",
    ),
    not_decidable="why the bytes differ; bytes-double-space, bytes-fallback-width and partial-val look for causes",
)
