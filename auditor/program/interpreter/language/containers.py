"""Dicts of the abstract heap: what is kept under which key."""

from __future__ import annotations

from auditor.program.interpreter.stream import tokens
from auditor.program.joins import join
from auditor.program.tags import TRAIN, VAL, Tag
from auditor.program.values import Mapping, Value


def store_key(container: Value, key: Value, item: Value) -> None:
    assert isinstance(container.obj, Mapping)
    mapping = container.obj
    if key.known and isinstance(key.const, (str, int, float, bool, type(None))):
        mapping.items[key.const] = item
    elif (kind := kept_apart(key)) is not None:
        held = mapping.items.get(kind)
        mapping.items[kind] = item if held is None else join(held, item)
    else:
        mapping.other = item if mapping.other is None else join(mapping.other, item)
        mapping.key = key if mapping.key is None else join(mapping.key, key)
    container.tags |= item.tags


def one_of(held: Value, key: Value) -> Value:
    """What is read under a key made of tokens: of the numbers held, one that is not known."""
    counted = VAL in key.tags and held.obj is None and isinstance(held.const, (int, float))
    return Value(held.tags, base=held.base) if counted else held


def kept_apart(key: Value) -> Tag | None:
    """Under which a cache holds what it read from a path: validation and training shards stay apart."""
    kinds = [kind for kind in (VAL, TRAIN) if kind in key.tags]
    return kinds[0] if len(kinds) == 1 and tokens.is_name(key) else None
