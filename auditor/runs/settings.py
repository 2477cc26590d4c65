"""Hyperparameters as a log dumps them."""

from __future__ import annotations

import ast
import json
import re

from auditor.runs.draft import Draft, whole

_HEADER = re.compile(
    r"(?:[-=* ]{0,8})(?:hyper-?parameters|configuration|config|args|settings)\b[-=*: ]{0,40}$", re.IGNORECASE
)
_ENTRY = re.compile(r"\s{1,12}([A-Za-z_][\w.]{0,80})\s{0,40}[:=]\s{0,40}(.{0,1200})$")
_TOKEN = re.compile(r"([A-Za-z_][A-Za-z_0-9]{0,60})[:=](\S{1,200})$")
_ASSIGNMENT = re.compile(r"\s{0,8}([A-Z][A-Z0-9_]{2,60})=(\S{0,300})\s{0,8}$")
_ENV_COMMENT = re.compile(r"# env:([A-Za-z_]\w{0,80})=(.{0,400})$")
_SEED = re.compile(r"\bseed\s{0,2}[:=]\s{0,2}(\d{1,10})\b", re.IGNORECASE)
_ITEM = re.compile(r"([A-Za-z_]\w{0,60})\s{0,2}=\s{0,2}('[^']{0,300}'|\"[^\"]{0,300}\"|[^,()\[\]{}]{1,300})")
# First tokens of lines that tell what happens, not how it is configured.
_EVENTS = frozenset(
    {"start", "started", "done", "enabled", "disabled", "begin", "end", "finished", "complete", "applied"}
)
MAX_DUMP = 20_000
_INTERRUPTION = 12  # lines


def read_setting(draft: Draft, line_number: int, line: str) -> bool:
    """Takes what the line says of hyperparameters; True where the line is part of a dump."""
    if draft.in_dump:
        entry = _ENTRY.match(line)
        if entry:
            _take(draft, entry[1], entry[2].strip(), line_number)
            draft.dump_line = line_number
            return True
        # Warnings of other ranks and libraries come between the lines of a dump; nothing has happened before its end.
        draft.in_dump = line_number - draft.dump_line <= _INTERRUPTION and not draft.trained and not draft.evaluations
    if len(line) < 80 and _HEADER.match(line.strip()):
        draft.in_dump, draft.dump_line = True, line_number
        return True
    if line.startswith("# env:"):
        match = _ENV_COMMENT.match(line)
        if match:
            _take(draft, match[1], match[2].strip(), line_number)
        return match is not None
    match = _ASSIGNMENT.match(line) if "=" in line and not draft.trained else None
    if match:
        _take(draft, match[1], match[2], line_number)
        return True
    if not draft.trained and (":" in line or "=" in line):
        _tokens(draft, line_number, line)
    return False


def _tokens(draft: Draft, line_number: int, line: str) -> None:
    """`train_batch_tokens:524288 train_seq_len:1024`: a line of nothing else than such pairs."""
    words = line.split()
    if not words or len(words) > 40 or _TOKEN.match(words[0]) is None:
        seed = _SEED.search(line) if len(line) < 300 and "seed" in line.lower() else None
        if seed and draft.seed is None and "spinquant" not in line:
            draft.seed, draft.seed_line = whole(seed[1]), line_number
        return
    pairs = []
    for word in words:
        match = _TOKEN.match(word)
        if match is None or "{" in word:
            return
        pairs.append((match[1], match[2].rstrip(",;")))
    if pairs[0][1] in _EVENTS or pairs[0][0] in (
        "step",
        "warmup_step",
        "train_loader",
        "val_loader",
        "loop_warmup_step",
    ):
        return
    for name, value in pairs:
        _take(draft, name, value, line_number)


def _take(draft: Draft, name: str, value: str, line_number: int) -> None:
    draft.set(name, value, line_number)
    if name.lower() == "seed" and draft.seed is None:
        draft.seed, draft.seed_line = whole(value), line_number


def read_literal(draft: Draft, line_number: int, text: str) -> None:
    """A dump on one line: JSON, a Python dict, or `Hyperparameters(a=1, b='x')`."""
    text = text[:MAX_DUMP]
    brace = text.find("{")
    if brace >= 0:
        values = _mapping(text[brace : text.rfind("}") + 1])
        for name, value in (values or {}).items():
            if isinstance(value, str | int | float | bool) or value is None:
                _take(draft, str(name), str(value), line_number)
        return
    paren = text.find("(")
    if paren >= 0:
        for match in _ITEM.finditer(text, paren):
            _take(draft, match[1], match[2].strip().strip("'\""), line_number)


def _mapping(text: str) -> dict[object, object] | None:
    # Nothing that a trainer dumps is nested deeply; parsers recurse on what is.
    if sum(map(text.count, "{[(")) > 100 or text.count("--") > 20:
        return None
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        if isinstance(value, dict):
            return value
    return None
