"""The byte ledger: what a log divided by, and what it should have."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from auditor.findings import Finding, Location, Outcome
from auditor.rule import Facts
from auditor.runs import Run
from auditor.runs.text import log_lines as unframed
from rules.law.limits import LIMITS

# `... tokens=9662464 bytes=32756252 ...`: evaluations that print their own denominator.
_TOKENS = re.compile(r"\btokens[=:]\s?([0-9][0-9_,]{0,15})\b")
_BYTES = re.compile(r"\bbytes[=:]\s?([0-9][0-9_,]{0,15})\b")
_MAX_LINE = 1000


def judged(facts: Facts) -> tuple[Run, ...]:
    """The runs that the claim stands on, every run where none could be told."""
    return facts.headline or facts.runs


def integer(text: str) -> int:
    return int(text.replace(",", "").replace("_", ""))


def log_lines(facts: Facts, run: Run) -> Iterator[tuple[int, str]]:
    """(number, text) of the short lines of the file that holds a run, from its first line on."""
    file = facts.submission.by_path.get(run.log)
    return iter(() if file is None else _short_lines(file.text, run.first_line))


@lru_cache(maxsize=8)  # half a dozen rules read the same logs
def _short_lines(text: str, first: int) -> list[tuple[int, str]]:
    return [line for line in unframed(text).numbered() if line[0] >= first and len(line[1]) <= _MAX_LINE]


@dataclass(frozen=True)
class Denominator:
    """A line of a log that prints how many tokens and bytes it scored, with a figure in bits per byte."""

    line: int
    text: str
    tokens: int
    bytes: int


def denominators(facts: Facts, run: Run) -> list[Denominator]:
    found = []
    for number, line in log_lines(facts, run):
        if "bytes" not in line or "tokens" not in line:
            continue
        tokens, count = _TOKENS.search(line), _BYTES.search(line)
        if tokens and count and integer(tokens[1]) > 0 and integer(count[1]) > integer(tokens[1]):
            found.append(Denominator(number, line.strip(), integer(tokens[1]), integer(count[1])))
    return found


def family(run: Run) -> str | None:
    """Which published tokenizer a run uses, as far as its log says: a key of `LIMITS.bytes_per_token`."""
    told = [run.tokenizer or "", run.dataset or ""]
    told += [value for name, value in run.hyperparameters.items() if re.search(r"(?i)path|tokenizer|files|data", name)]
    text = " ".join(told).lower()
    size = re.search(r"sp_?(1024|4096|8192)(?![0-9])|(?<![0-9])(1024|4096|8192)_bpe", text)
    vocabulary = {name.lower(): value for name, value in run.hyperparameters.items()}.get("vocab_size", "").strip()
    known = size[1] or size[2] if size else vocabulary if text.strip() and "sp" in text else ""
    key = f"sp{known}"
    if key not in LIMITS.bytes_per_token or (vocabulary and vocabulary != known):
        return None
    return f"caseops_{key}" if "caseops" in text or "lossless_caps" in text else key


def canonical_tokens(tokens: int) -> str | None:
    """The tokenizer whose full validation set has that many tokens, within the flooring to whole sequences."""
    for name, known in LIMITS.canonical_val_tokens.items():
        if any(abs(tokens - count) <= count * LIMITS.val_tokens_tolerance for count in known):
            return name
    return None


def first_day(run: Run) -> bool:
    tokens = run.val_tokens
    return tokens is not None and abs(tokens - LIMITS.first_day_val_tokens) <= tokens * LIMITS.val_tokens_tolerance


def full_bytes(run: Run) -> int:
    return LIMITS.first_day_bytes if first_day(run) else LIMITS.canonical_bytes


def deviation(implied: float, wanted: float) -> float:
    """Relative; 0.0 within the spread of the ways to count the full set.

    Fewer bytes than the set has make the score worse: there, only outliers count.
    """
    ways = (wanted, LIMITS.canonical_bytes_sidecar, LIMITS.canonical_bytes_raw)
    if wanted == LIMITS.canonical_bytes and any(abs(implied / way - 1) <= LIMITS.ledger_tolerance for way in ways):
        return 0.0
    off = implied / wanted - 1
    return 0.0 if -LIMITS.ledger_outlier <= off <= LIMITS.ledger_tolerance else off


def excess(run: Run) -> float | None:
    """By how much the bytes that a log divided by exceed (or, negative, miss) the full set's; None: cannot be told.

    Where the log prints no token count, bytes per token are compared with those of its tokenizer.
    """
    if run.implied_bytes:
        return deviation(run.implied_bytes, full_bytes(run))
    per_token, expected = bytes_per_token(run), LIMITS.bytes_per_token.get(family(run) or "")
    if per_token is None or expected is None:
        return None
    off = per_token / expected - 1
    return 0.0 if abs(off) <= LIMITS.ledger_outlier else off


def bytes_per_token(run: Run) -> float | None:
    if not run.val_loss or not run.val_bpb or run.val_bpb <= 0:
        return None
    return run.val_loss / math.log(2.0) / run.val_bpb


def log_finding(
    rule: str, outcome: Outcome, run: Run, line: int | None, message: str, *, remedy: str = "", excerpt: str = ""
) -> Finding:
    return Finding(rule, outcome, message, Location(run.log, line), remedy=remedy, excerpt=excerpt[:300])
