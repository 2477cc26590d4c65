"""Which values are validation tokens, training tokens and targets: told by path, by name and by slice."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from collections.abc import Sequence as Seq
from functools import lru_cache
from typing import Any

from auditor.program import vocabulary
from auditor.program.values import (
    HASH,
    HASHED_TARGET,
    NONE,
    TARGET,
    TRAIN,
    VAL,
    Bound,
    Obj,
    Tags,
    Value,
    with_tags,
)

_VAL_NAME = re.compile(r"^(all_)?(val|valid|validation)_(tok|toks|tokens|ids|stream|data_tokens|np|tokens_np)$")


_TARGET_NAME = re.compile(
    r"^(y|ys|yb|y_np|y_batch|y_cpu|tgt|tgts|targets?|labels?|nxt|gold)(_.*)?$|_(tgt|target|targets|labels|tgts)(_np|_ids)?$"
)


UNSCORED = ("unscored",)
"""Tag of a text that names bits per byte before something that no loss has gone into."""


_TARGET_KEY = re.compile(r"^_?(full|ngram|joint|pair|tgt|target)_?(h|hs|hash|hashes|key|keys|idx|bucket|buckets)$")


class Text(Obj):
    """A string of which only the constant part is known; `template` has {} for the rest."""

    __slots__ = ("template",)

    def __init__(self, template: str) -> None:
        self.template = template


def text_of(value: Value) -> str:
    if isinstance(value.obj, Text):
        return value.obj.template
    return value.const if isinstance(value.const, str) else "{}"


def constant(value: Any) -> Value:
    return Value(_path_tags(value) if isinstance(value, str) else NONE, value)


@lru_cache(maxsize=2048)  # a loop's constants come by again and again
def _path_tags(text: str) -> Tags:
    if vocabulary.names_validation(text):
        return frozenset({VAL})
    return frozenset({TRAIN}) if vocabulary.names_training(text) else NONE


def shape_tags(tags: Tags) -> Tags:
    """A shape says nothing of the content: only the loop and the switches stay."""
    return frozenset(t for t in tags if t[0] in ("dep", "cfg"))


def span(node: ast.expr, index: Value) -> Tags:
    """Where a slice begins and ends, as text: tells the scored part of a window from its context."""
    if isinstance(node, ast.Tuple):
        tags = NONE
        for part in node.elts:
            tags |= span(part, index)
        return tags
    if isinstance(node, ast.Slice):
        lower = node.lower is not None and not (isinstance(node.lower, ast.Constant) and node.lower.value in (0, None))
        if lower and node.lower is not None and not isinstance(node.lower, ast.Constant):
            return frozenset({("from", ast.unparse(node.lower))})
        if not lower and node.upper is not None and not isinstance(node.upper, (ast.Constant, ast.UnaryOp)):
            return frozenset({("upto", ast.unparse(node.upper))})
    return NONE


def shifted(node: ast.expr) -> bool:
    """`[1:]`, `[..., 1:]`, `[a + 1 : b + 1]`, `[k:]`: the slice of the tokens that are predicted."""
    if isinstance(node, ast.Tuple):
        return any(shifted(part) for part in node.elts)
    if not isinstance(node, ast.Slice) or node.lower is None:
        return False
    lower = node.lower
    if isinstance(lower, ast.Constant):
        return isinstance(lower.value, int) and lower.value > 0
    text = ast.unparse(lower)
    return bool(re.search(r"\+ 1\b", text) or (node.upper is None and re.search(r"order|ctx|width|\bn - 1\b", text)))


def rolled(value: Value, args: Seq[Value], kwargs: Mapping[str, Value]) -> Tags:
    """`roll(x, -1)`: every position holds the token that comes after it."""
    shift = args[0] if args else kwargs.get("shifts", Value())
    ahead = isinstance(shift.const, int) and shift.const < 0
    return frozenset({TARGET}) if ahead and VAL in value.tags else NONE


def context_slice(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple):
        return any(context_slice(part) for part in node.elts)
    return isinstance(node, ast.Slice) and isinstance(node.upper, ast.UnaryOp) and node.lower is None


def named_value(name: str, value: Value) -> Value:
    """Names help to find the events: the validation stream, and the tokens that are predicted."""
    if value.obj is not None and not isinstance(value.obj, Bound):
        return value
    if _VAL_NAME.match(name) and TRAIN not in value.tags:
        value = with_tags(value, frozenset({VAL}))
    if VAL in value.tags and _TARGET_NAME.search(name):
        value = with_tags(value, frozenset({TARGET}))
    elif VAL in value.tags and HASH in value.tags and _TARGET_KEY.match(name):
        value = with_tags(value, frozenset({TARGET, HASHED_TARGET}))
    return value
