"""Hyperparameters as a log dumps them."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator

from auditor.runs.draft import Draft, whole
from auditor.runs.pairs import EVENTS, PROGRESS, Pair, columns_of, pair_of, pairs_of, unquoted

_HEADER = re.compile(
    r"(?:[-=*#<\[ ]{0,40})(?:[a-z]{1,20}[ _-]){0,2}(?:hyper-?parameters|hparams|hps|configuration|config|arguments|args"
    r"|settings|options|flags)\b[-=*:#>\]({ ]{0,60}$",
    re.IGNORECASE,
)
_ENTRY = re.compile(
    r"\s{1,40}(?:[-*\u2022] )?[\"']?([A-Za-z_][\w.]{0,80})[\"']?\s{0,40}(?:->|=>|[:=\u2192])\s{0,40}(.{0,1200})$"
)
_TOKEN = re.compile(r"([A-Za-z_][A-Za-z_0-9]{0,60})[:=](\S{1,200})$")
_ASSIGNMENT = re.compile(r"\s{0,8}([A-Z][A-Z0-9_]{2,60})=(\S{0,300})\s{0,8}$")
_ENV_COMMENT = re.compile(r"# env:([A-Za-z_]\w{0,80})=(.{0,400})$")
_SEED = re.compile(r"(?:\bseed[\"']?\s{0,2}[:=]\s{0,2}|--seed\s{1,3})(\d{1,10})\b", re.IGNORECASE)
_ITEM = re.compile(r"([A-Za-z_]\w{0,60})\s{0,2}=\s{0,2}('[^']{0,300}'|\"[^\"]{0,300}\"|[^,()\[\]{}]{1,300})")
MAX_DUMP = 20_000
_SIGNS = 2  # of a line with three pairs at least
_DEPTH = 3  # mappings in mappings
_CONSTRUCTORS = ("Hyperparameters(", "Namespace(", "Config(", "Args(")
_INTERRUPTION = 12  # lines
_BLOCK = 4  # lines of one name and value each, one after another, that are a dump without a title
_BRACKETS = re.compile(r"[\s{}()\[\],+|\u2500-\u257f=-]{0,200}$")  # a line of a dump's frame


def read_setting(draft: Draft, line_number: int, line: str) -> bool:
    """Takes what the line says of hyperparameters; True where the line is part of a dump."""
    if draft.in_dump:
        pairs = _entries(line)
        if pairs:
            for name, value in pairs:
                _take(draft, name, value, line_number)
            draft.dump_line = line_number
            if line[:1].isspace():
                return True  # what is not indented may be the next line of another kind
        # Warnings of other ranks and libraries come between the lines of a dump; nothing has happened before its end.
        near = line_number - draft.dump_line <= _INTERRUPTION
        draft.in_dump = near and not draft.trained and not draft.evaluations
    if len(line) < 80 and _HEADER.match(line.strip()):
        draft.in_dump, draft.dump_line = True, line_number
        return True
    if line[:6] == "# env:":
        match = _ENV_COMMENT.match(line)
        if match:
            _take(draft, match[1], match[2].strip(), line_number)
        return match is not None
    if draft.trained:
        return False
    match = _ASSIGNMENT.match(line) if "=" in line else None
    if match:
        _take(draft, match[1], match[2], line_number)
        return True
    if not draft.evaluations:
        _untitled(draft, line_number, line)
    if ":" in line or "=" in line or "--seed" in line:
        _tokens(draft, line_number, line)
    return False


def _entries(line: str) -> list[Pair]:
    """What a line below the title of a dump sets."""
    entry = _ENTRY.match(line)
    pair = pair_of(line) or (columns_of(line) if entry is None else None)
    if pair is not None or entry is None:
        return [pair] if pair is not None else []
    pairs = pairs_of(line, least=2) if "  " in entry[2].strip() else []
    return pairs or [(entry[1], unquoted(entry[2].strip()))]


def _untitled(draft: Draft, line_number: int, line: str) -> None:
    """A dump without a title: several lines of one pair each, or one of many."""
    pair = pair_of(line)
    if pair is not None:
        draft.block.append((*pair, line_number))
        if len(draft.block) >= _BLOCK:
            for name, value, number in draft.block:
                _take(draft, name, value, number)
            del draft.block[:-_BLOCK]
    elif not _BRACKETS.match(line):
        draft.block.clear()


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
    if pairs[0][1] in EVENTS or pairs[0][0] in PROGRESS:
        return
    for name, value in pairs:
        _take(draft, name, value, line_number)


def _take(draft: Draft, name: str, value: str, line_number: int) -> None:
    draft.set(name, value, line_number)
    if name.lower() != "seed":
        return
    if draft.seed is None:
        draft.seed, draft.seed_line = whole(value), line_number
    elif (other := whole(value)) is not None and other != draft.seed and not draft.trained:
        draft.other_seed, draft.other_seed_line = other, line_number


def read_literal(draft: Draft, line_number: int, text: str) -> None:
    """A dump on one line: JSON, a Python dict, `Hyperparameters(a=1, b='x')`, a command."""
    text = text[:MAX_DUMP]
    brace = text.find("{")
    values = _mapping(text[brace : text.rfind("}") + 1]) if brace >= 0 else None
    if values is not None:
        for name, value in _scalars(values):
            _take(draft, name, str(value), line_number)
        return
    paren = text.find("(")
    if paren >= 0 and brace < 0 and any(word in text for word in _CONSTRUCTORS):
        for match in _ITEM.finditer(text, paren):
            _take(draft, match[1], match[2].strip().strip("'\""), line_number)
        return
    for name, value in pairs_of(text):
        _take(draft, name, value, line_number)


def is_literal(line: str) -> bool:
    """Whether a line may be a dump of its own."""
    if line[:2] == '{"':
        return True
    if "(" not in line and "{" not in line:
        return False
    return any(word in line for word in (*_CONSTRUCTORS, "hparams"))


def may_list(line: str) -> bool:
    """Whether a line holds signs enough for a list of names and values."""
    return line.count("=") + line.count(":") > _SIGNS or line.count(" --") > _SIGNS or "('" in line


def _scalars(values: dict[object, object], depth: int = 0) -> Iterator[tuple[str, object]]:
    """The plain values of a mapping and of those that it holds, the outer ones first."""
    inner = []
    for name, value in values.items():
        if isinstance(value, str | int | float | bool) or value is None:
            yield str(name), value
        elif isinstance(value, dict) and depth < _DEPTH:
            inner.append(value)
    for value in inner:
        yield from _scalars(value, depth + 1)


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
