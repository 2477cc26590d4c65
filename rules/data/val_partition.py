"""The validation set is the first 50,000 documents, once."""

from __future__ import annotations

from auditor.findings import Finding, Outcome, Ruling, found
from auditor.rule import Example, Facts, Rule, Source
from auditor.runs import Run
from rules.bytes._ledger import canonical_tokens, excess, family, first_day, judged, log_finding
from rules.examples.folders import VAL_BYTES, folder, seeds
from rules.law.limits import LIMITS

ID = "val-partition"


def _of_run(run: Run) -> Finding | None:
    tokens = run.val_tokens
    if tokens is None or canonical_tokens(tokens) or first_day(run):
        return None
    off = excess(run)
    if tokens in LIMITS.noncanonical_val_tokens:
        message = (
            f"{run.log} scores {tokens:,} tokens, the mark of a local build that is not the first 50,000 documents"
        )
        return log_finding(ID, Outcome.WARNING, run, run.val_tokens_line, message)
    known = LIMITS.canonical_val_tokens.get(family(run) or "")
    if tokens in LIMITS.split_10k_val_tokens or (known and off != 0.0):
        full = f"{known[0]:,}" if known else "more"
        message = f"{run.log} scores {tokens:,} tokens; the full set of its tokenizer has {full}"
        return log_finding(ID, Outcome.WARNING, run, run.val_tokens_line, message)
    return None


def _of_runs(runs: tuple[Run, ...]) -> Finding | None:
    """Seeds that were scored over different sets."""
    counted = [run for run in runs if run.val_tokens]
    if len(counted) < 2:
        return None
    low, high = (f(counted, key=lambda r: r.val_tokens or 0) for f in (min, max))
    if (high.val_tokens or 0) <= (low.val_tokens or 0) * (1 + LIMITS.val_tokens_tolerance):
        return None
    message = f"{low.log} scores {low.val_tokens:,} tokens and {high.log} {high.val_tokens:,}: not the same set"
    return log_finding(ID, Outcome.WARNING, high, high.val_tokens_line, message)


def check(facts: Facts) -> Ruling:
    runs = judged(facts)
    findings = [f for f in (*(_of_run(run) for run in runs), _of_runs(runs)) if f]
    known = any(canonical_tokens(run.val_tokens or 0) or first_day(run) or excess(run) == 0.0 for run in runs)
    unchecked = (
        "" if known else "no log shows a token count that can be compared; only the shards themselves would tell"
    )
    return found(findings, "token count and bytes are those of the first 50,000 documents", unchecked=unchecked)


_DATA = {"tokenizer_path": "fineweb_1024_bpe.model", "vocab_size": 1024}

RULE = Rule(
    id=ID,
    title="The validation set is the global first 50,000 documents",
    class_="score",
    authority="maintainer",
    evidence=("logs",),
    criterion="The token count (or, for a custom tokenizer, the byte count) is that of the first 50,000 documents.",
    why="Several preparation jobs that each take their own first documents yield another, incomparable set.",
    remedy="Prepare the validation shards in one job from the first 50,000 documents, or use the published ones.",
    sources=(
        Source("https://github.com/openai/parameter-golf/pull/2109", "cocohearts: four jobs' sets", "2026-05-02"),
        Source("https://github.com/openai/parameter-golf#getting-started", "the fixed first 50,000 documents"),
    ),
    check=check,
    examples=(
        Example("another count", "breaks", folder(logs=seeds(val_tokens=49_999_872, val_loss=2.7)), Outcome.WARNING),
        Example(
            "another count for its tokenizer",
            "breaks",
            folder(logs=seeds(val_tokens=57_000_000, val_loss=1.86, hyperparameters=_DATA)),
            Outcome.WARNING,
        ),
        Example("the published set", "legal", folder(), Outcome.PASS),
        Example(
            "a custom tokenizer over the same bytes",
            "legal",
            folder(logs=seeds((1.1, 1.1, 1.1), val_tokens=52_000_000, val_loss=1.1 * 0.69314718 * VAL_BYTES / 52e6)),
            Outcome.PASS,
        ),
        Example("nothing said", "legal", folder(logs={42: "seed:42\n"}), Outcome.NOT_CHECKED),
    ),
    not_decidable="which documents the shards hold; the shards themselves would tell",
)
