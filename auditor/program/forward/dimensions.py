"""Labels of the dimensions of a value, and what turns, cuts and sums make of them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from auditor.program import vocabulary
from auditor.program.syntax import called, literal

BATCH, POSITION, CHANNEL, ONE, OTHER = "b", "p", "c", "1", "*"
PIECE = "q"
"""Of positions that are counted in pieces: where in a piece."""

Layout = tuple[str, ...]
Shape = Layout | list["Shape"] | None
"""Labels of the dimensions; a list: of several values; None where they are not known."""

STATE: Layout = (BATCH, POSITION, CHANNEL)
TOKENS: Layout = (BATCH, POSITION)


def flat(args: Sequence[ast.expr]) -> list[ast.expr]:
    """`permute((0, 2, 1))` as `permute(0, 2, 1)`."""
    return list(args[0].elts) if len(args) == 1 and isinstance(args[0], (ast.Tuple, ast.List)) else list(args)


def each(shape: Shape) -> Shape:
    """What a loop over a value runs through."""
    if isinstance(shape, list):
        told = [part for part in shape if part is not None]
        return told[0] if told and all(part == told[0] for part in told) else None
    return shape[1:] if isinstance(shape, tuple) else None


def swapped(held: Shape, one: int | None, other: int | None) -> Shape:
    if not isinstance(held, tuple) or one is None or other is None:
        return None
    if not (-len(held) <= one < len(held) and -len(held) <= other < len(held)):
        return None
    labels = list(held)
    labels[one], labels[other] = labels[other], labels[one]
    return tuple(labels)


def ordered(held: Layout, order: Iterable[int | None]) -> Shape:
    places = list(order)
    if len(places) != len(held) or any(p is None or not -len(held) <= p < len(held) for p in places):
        return None
    return tuple(held[p] for p in places if p is not None)


def moved(name: str, held: Layout, numbers: Sequence[int | None]) -> Shape:
    if name == "flatten" and not numbers:
        return (POSITION,) if POSITION in held else None
    at = numbers[0] if numbers else (0 if name == "unbind" else None)
    if at is None:
        return None
    if name == "unsqueeze":
        at += len(held) + 1 if at < 0 else 0
        return (*held[:at], ONE, *held[at:])
    if not -len(held) <= at < len(held):
        return None
    at %= len(held)
    if name == "unflatten":
        return (*held[:at], POSITION, PIECE, *held[at + 1 :]) if held[at] == POSITION else None
    if name == "flatten":
        if held[:2] == TOKENS and list(numbers) == [0, 1]:
            return (POSITION, *held[2:])  # the windows of a batch one after the other
        return (*held[:at], CHANNEL) if len(numbers) == 1 and POSITION not in held[at:] else None
    if name in ("squeeze", "unbind", "select"):
        left = held[:at] + held[at + 1 :]
        return [left] if name == "unbind" else left
    return None


def reduced(held: Layout, node: ast.Call, args: Sequence[ast.expr]) -> Shape:
    given = next((k.value for k in node.keywords if k.arg in ("dim", "axis")), None)
    args = args[called(node) in vocabulary.DIMENSION_SECOND :]
    if isinstance(given, (ast.Tuple, ast.List)) and len(given.elts) == 1:
        given = given.elts[0]
    at = literal(given) if given is not None else next((literal(a) for a in flat(args)), None)
    if at is None or not -len(held) <= at < len(held):
        return None
    at %= len(held)
    kept = any(k.arg in ("keepdim", "keepdims") and getattr(k.value, "value", False) for k in node.keywords)
    kept = kept or (len(args) > 1 and getattr(args[1], "value", False) is True)
    return held[:at] + ((ONE,) if kept else ()) + held[at + 1 :]


def product(left: Shape, right: Shape) -> Shape:
    """`a @ b`; what has no labels is a matrix of weights."""
    if isinstance(left, tuple) and len(left) > 1:
        last = right[-1] if isinstance(right, tuple) and right else CHANNEL
        longer = right if isinstance(right, tuple) and len(right) > len(left) else left
        return (*longer[:-2], left[-2], last) if len(longer) > 1 else None
    return right if isinstance(right, tuple) else None


def indexed(held: Shape, index: ast.expr) -> Shape:
    if isinstance(held, list):
        at = literal(index)
        return held[at] if at is not None and -len(held) <= at < len(held) else each(held)
    if not isinstance(held, tuple):
        return None
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    left, made = list(held), []
    for i, part in enumerate(parts):
        if isinstance(part, ast.Constant) and part.value is Ellipsis:
            behind = sum(not (isinstance(p, ast.Constant) and p.value is None) for p in parts[i + 1 :])
            made += left[: max(len(left) - behind, 0)]
            del left[: max(len(left) - behind, 0)]
        elif isinstance(part, ast.Constant) and part.value is None:
            made.append(ONE)
        elif not left:
            return None
        elif isinstance(part, ast.Slice):
            made.append(left.pop(0))
        elif literal(part) is not None:
            left.pop(0)
        else:
            return None
    return (*made, *left)


def broadcast(left: Shape, right: Shape) -> Shape:
    """What two operands are broadcast to; one that has no labels is a weight, or like the other."""
    if not isinstance(left, tuple) or not isinstance(right, tuple):
        return left if isinstance(left, tuple) else right if isinstance(right, tuple) else None
    if len(left) < len(right):
        left, right = right, left
    padded = (ONE,) * (len(left) - len(right)) + right
    return tuple(a if a not in (ONE, OTHER) else b for a, b in zip(left, padded, strict=True))


def stacked(node: ast.Call, part: Layout | None, args: Sequence[ast.expr]) -> Shape:
    """`stack([x, y], dim)`: a dimension more."""
    given = next((k.value for k in node.keywords if k.arg in ("dim", "axis")), args[0] if args else ast.Constant(0))
    at = literal(given)
    if part is None or at is None:
        return None
    at += len(part) + 1 if at < 0 else 0
    return (*part[:at], OTHER, *part[at:])
