"""Tags of two kinds are never the same tag, whatever they hold."""

from __future__ import annotations

from itertools import combinations
from typing import get_args

import pytest

from auditor.program.positions import Position
from auditor.program.tags import (
    HASH,
    HASHED_TARGET,
    LATER,
    NONE,
    TARGET,
    VAL,
    Before,
    OfOutput,
    Reads,
    Tag,
    has,
    hashed,
)

KINDS = get_args(Tag)


@pytest.mark.parametrize(("one", "other"), list(combinations(KINDS, 2)), ids=lambda kind: kind.__name__)
def test_kinds_with_the_same_fields_are_told_apart(one: type[Tag], other: type[Tag]) -> None:
    made, beside = (kind(*[1] * _required(kind)) for kind in (one, other))
    assert made != beside
    assert has(frozenset({made}), one)
    assert not has(frozenset({made}), other)


def test_each_kind_is_named_once() -> None:
    names = [kind._field_defaults["kind"] for kind in KINDS if "kind" in kind._fields]
    assert len(names) == len(set(names)) == len(KINDS) - 1  # a mark has its own name


def _required(kind: type[Tag]) -> int:
    return len(kind._fields) - len(kind._field_defaults)


def test_tokens_behind_those_beside_them_in_a_key_are_the_targets() -> None:
    first = Position(0, frozenset({("at", 1)}))
    behind = first.plus(Position(1))
    assert behind is not None
    context, token = frozenset({VAL, Reads(first), Before(behind)}), frozenset({VAL, Reads(behind)})
    assert TARGET in hashed(context, token)
    assert TARGET not in hashed(context, context)
    assert TARGET in hashed(frozenset({VAL}), frozenset({VAL, LATER}))


def test_a_hash_of_no_tokens_is_no_key() -> None:
    assert hashed(NONE) == NONE
    assert hashed(frozenset({VAL})) == {VAL, HASH}
    assert hashed(frozenset({VAL, TARGET})) == {VAL, TARGET, HASH, HASHED_TARGET}
    assert TARGET not in hashed(frozenset({VAL, OfOutput(1)}), frozenset({VAL, LATER}))
