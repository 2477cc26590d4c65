"""Which axis of what a model gives is that of the positions, and which that of the vocabulary.

A distribution is one over the vocabulary: a softmax over positions sums to one over tokens that a decoder has yet to
read. A statistic over all positions of a window (a mean, a spread, what stands last) has seen the later ones, so that
it may not go back into what the model says at an earlier one.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from auditor.program import vocabulary
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.stream import tokens
from auditor.program.recipe.model import Op
from auditor.program.tags import LOSS, NONE, TARGET, VAL, InRound, OfOutput, Pooled, Reads, Tags, Taken, has
from auditor.program.values import Frame, Value
from auditor.program.values import Sequence as Items

BATCH, POSITION, VOCABULARY, ONE = "b", "p", "v", "1"
PAIRED = "q"
"""Positions, of which there is one number for each pair; a mask leaves axes that are not told."""
MAYBE = "?"
"""An axis in front of the others of which it is not known whether it is there."""
_ROWS = (BATCH, POSITION)


def given(tokens_: Sequence[Value]) -> tuple[str, ...]:
    """What the axes of a model's output are, by those of the tokens that it is given."""
    known = next((value.axes for value in tokens_ if VAL in value.tags and value.axes is not None), None)
    return (*known, VOCABULARY) if known == _ROWS else (MAYBE, POSITION, VOCABULARY)


def _rows(name: str, value: Value, rest: Sequence[Value]) -> tuple[str, ...] | None:
    """`tokens.view(-1, n)`, `tokens.unsqueeze(0)`, `stack(windows)`: rows of tokens."""
    if VAL not in value.tags or has(value.tags, OfOutput):
        return None
    sizes = rest[0].obj.items if len(rest) == 1 and isinstance(rest[0].obj, Items) else rest
    two = name in ("view", "reshape") and len(sizes) == 2
    return _ROWS if two or name == "stack" or (name == "unsqueeze" and rest and rest[0].const == 0) else None


def applied(
    m: Machine, frame: Frame, node: ast.AST, name: str, given: Sequence[Value], kwargs: Mapping[str, Value], made: Value
) -> None:
    """A function or a method; what it is applied to stands first among what is given."""
    if m.inside or not given:
        return
    name = name.removesuffix("_") if name.endswith("_") and not name.endswith("__") else name
    subject, rest = given[0], given[1:]
    elementwise = name in ("max", "min") and rest and _numbers(rest[0]) is None
    along = _axis(rest) or bool({"dim", "axis"} & kwargs.keys())
    made.tags |= NONE if elementwise else _of_window(m, name, subject, made, along=along)
    if subject.axes is None:
        others = [value for value in rest if value.axes is not None]
        if name in vocabulary.KEEPS_AXES and others and made.axes is None:
            made.axes = others[0].axes
        elif made is not subject:
            made.axes = _rows(name, subject, rest)
        return
    axes = subject.axes
    if name in vocabulary.KEEPS_AXES:
        for other in rest:
            made.tags |= beside(m, frame, node, subject, other)
    if made is subject:
        return
    over = _dims(name, axes, rest, kwargs)
    if name in vocabulary.OVER_THE_SECOND:
        over = (1,) if len(axes) > 1 and axes[0] != MAYBE else ()
    if name in vocabulary.OVER_THE_LAST and axes[-1] == POSITION:
        why = "it is over all positions of the window, so that later tokens are in it"
        made.tags |= m.doubt(node, frame, f"{name} of what the model gives", why)
    labels = {axes[at] for at in over}
    if (
        (name in vocabulary.OVER_AN_AXIS or name in vocabulary.OVER_THE_SECOND)
        and VOCABULARY in axes
        and over
        and VOCABULARY not in labels
    ):
        why = "it is over the positions, and what stands at one of them does not sum to one over the vocabulary"
        made.tags |= m.doubt(node, frame, f"{name} of what the model gives", why)
    if name in vocabulary.OVER_POSITIONS:
        made.tags |= _pooled(name, subject, rest, over)
        made.axes = axes if name in vocabulary.ORDERS else _left(axes, over, kwargs, rest)
    elif name in vocabulary.CHANGES_AXES:
        made.axes = _reshaped(name, axes, rest)
    elif name in ("gather", "take_along_dim", "take_along_axis"):
        made.axes = tuple(ONE if at in over else label for at, label in enumerate(axes)) if over else None
    elif name in vocabulary.LIKE_AXES and not (PAIRED in axes and name in ("masked_fill", "where")):
        made.axes = axes


def _pooled(name: str, subject: Value, rest: Sequence[Value], over: Sequence[int]) -> Tags:
    """What a statistic over the positions is marked with; losses are asked about elsewhere."""
    if LOSS in subject.tags or subject.axes is None or (rest and _numbers(rest[0]) is None and not _axis(rest)):
        return NONE
    if over and POSITION not in {subject.axes[at] for at in over}:
        return NONE
    if POSITION not in subject.axes or (not over and name in vocabulary.EXTREMES):
        return NONE
    return frozenset([Pooled(t.number) for t in subject.tags if isinstance(t, OfOutput)])


def _of_window(m: Machine, name: str, subject: Value, made: Value, *, along: bool) -> Tags:
    """What was counted over the tokens of the window in hand: the targets are among them, shifted or not."""
    if name not in vocabulary.COUNTS_OVER or made is subject or VAL not in subject.tags or has(subject.tags, OfOutput):
        return NONE
    if subject.obj is not None:
        return NONE  # a list of lengths, of bounds
    if not m.loops or not (TARGET in subject.tags or has(subject.tags, Reads)):
        return NONE
    if along and subject.recipe is not None and any(n.op is Op.TABLE for n in subject.recipe.walk()):
        return NONE  # `rows.sum(-1)`: of each of the rows that a table has for the tokens
    return frozenset({Taken(frozenset([(t.loop, t.iteration) for t in subject.tags if isinstance(t, InRound)]))})


def _axis(rest: Sequence[Value]) -> bool:
    return any(_numbers(value) is not None for value in rest)


def beside(m: Machine, frame: Frame, node: ast.AST, one: Value, other: Value) -> Tags:
    """What the model gives for each position meets a statistic over all positions of the same window."""
    for at_each, whole in ((one, other), (other, one)):
        if at_each.axes is None or POSITION not in at_each.axes or LOSS in at_each.tags:
            continue
        if not has(at_each.tags, OfOutput):
            continue  # tokens beside each other
        pooled = any(isinstance(t, Pooled) and is_of(m, t, at_each.tags) for t in whole.tags)
        of_tokens = any(isinstance(t, Taken) and m.is_of_this_round(t.rounds, at_each.tags) for t in whole.tags)
        ahead = of_tokens and not has(whole.tags, OfOutput)
        if ahead or pooled:
            why = "it is a statistic over all positions of the window, so that later tokens are in it"
            return m.doubt(node, frame, "what is put to the model's output", why)
    return NONE


def is_of(m: Machine, statistic: Pooled, tags: Tags) -> bool:
    """Whether a statistic is of the window that something was made for: of the same output, or of one made of it."""
    here = {loop.instance: loop.iteration for loop in m.loops}
    if any(
        here.get(loop.instance, loop.iteration) != loop.iteration for loop in m.trace.outputs[statistic.number].loops
    ):
        return False  # of a window before
    own = _ancestors(m, {statistic.number})
    return bool(own & _ancestors(m, {t.number for t in tags if isinstance(t, OfOutput)}))


def _ancestors(m: Machine, numbers: set[int]) -> set[int]:
    found, waiting = set(numbers), list(numbers)
    while waiting:
        new = m.trace.outputs[waiting.pop()].parents - found
        found |= new
        waiting += new
    return found


def operated(m: Machine, frame: Frame, node: ast.AST, op: ast.operator, left: Value, right: Value, made: Value) -> None:
    """An operator on two values: it is as wide as the wider of them."""
    if m.inside or (left.axes is None and right.axes is None):
        return
    made.tags |= beside(m, frame, node, left, right)
    if isinstance(op, ast.MatMult):
        made.tags |= _mixed(m, frame, node, left)
        if left.axes and right.axes and (left.axes[-1], *right.axes[-2:]) == (VOCABULARY, VOCABULARY, POSITION):
            made.axes = (*left.axes[:-1], PAIRED)
        return
    one, other = left.axes or (), right.axes or ()
    if PAIRED in (*one, *other) and not _is_number(right if one else left):
        return  # a mask may be added
    made.axes = one if len(one) >= len(other) else other


def _mixed(m: Machine, frame: Frame, node: ast.AST, left: Value) -> Tags:
    """`(h @ h.T).softmax(-1) @ h`: positions are weighed by how alike they are, the later ones as well."""
    if left.axes is None or left.axes[-1] != PAIRED:
        return NONE
    return m.doubt(node, frame, "a mean over positions", "nothing is known to leave out the later ones")


def turned(of: Value, made: Value) -> None:
    """`h.T`, `h.mT`: the last two axes in the other order."""
    if of.axes is not None and len(of.axes) > 1:
        made.axes = (*of.axes[:-2], of.axes[-1], of.axes[-2])


def _is_number(value: Value) -> bool:
    return value.known or not value.mutable


def element(container: Value, index: Value, made: Value) -> None:
    """An element or a slice: axes that one place is taken of are gone."""
    axes = container.axes
    if axes is None and VAL in container.tags and not has(container.tags, OfOutput):
        first = index.obj.parts[0] if isinstance(index.obj, tokens.Axes) and index.obj.parts else index
        made.axes = _ROWS if first.known and first.const is None else None
    if axes is None or made is container:
        return
    if axes[0] == MAYBE and not _from_the_end(index, len(axes)):
        return
    left, kept = list(axes), []
    parts = index.obj.parts if isinstance(index.obj, tokens.Axes) else [index]
    for i, part in enumerate(parts):
        if part.const is Ellipsis:
            behind = sum(not (p.known and p.const is None) for p in parts[i + 1 :])
            kept += left[: max(len(left) - behind, 0)]
            del left[: max(len(left) - behind, 0)]
            continue
        if part.known and part.const is None:
            kept.append(ONE)
        elif not left:
            return
        elif isinstance(part.obj, tokens.Cut):
            label = left.pop(0)
            kept.append(label)
            lower = part.obj.lower.const if part.obj.lower is not None else None
            if label == POSITION and lower == -1 and part.obj.upper is None:
                made.tags |= _last(container)
        elif isinstance(part.const, int):
            if left.pop(0) == POSITION and part.const == -1:
                made.tags |= _last(container)
        else:
            return
    made.axes = (*kept, *left)


def _from_the_end(index: Value, count: int) -> bool:
    """`[:, -1]` of (positions, vocabulary) or of rows of them is one place of either; `[..., None]` tells."""
    parts = index.obj.parts if isinstance(index.obj, tokens.Axes) else []
    return len(parts) >= count or any(part.const is Ellipsis for part in parts)


def _last(container: Value) -> Tags:
    """`logits[:, -1]`: the last position has seen all others."""
    if LOSS in container.tags:
        return NONE
    return frozenset([Pooled(t.number) for t in container.tags if isinstance(t, OfOutput)])


def _numbers(value: Value) -> list[int] | None:
    """The whole numbers that a value is, or holds."""
    if isinstance(value.const, int) and not isinstance(value.const, bool):
        return [value.const]
    if isinstance(value.const, (tuple, list)) and all(isinstance(n, int) for n in value.const):
        return list(value.const)
    if isinstance(value.obj, Items) and value.obj.exact and value.obj.items:
        held = [item.const for item in value.obj.items]
        return [n for n in held if isinstance(n, int)] if all(isinstance(n, int) for n in held) else None
    return None


def _dims(name: str, axes: tuple[str, ...], rest: Sequence[Value], kwargs: Mapping[str, Value]) -> tuple[int, ...]:
    """The axes that an operation runs along; none where it says none, or all."""
    told = kwargs.get("dim", kwargs.get("axis"))
    if told is None and rest:
        at = 1 if name in ("norm", "topk", "quantile", "average") else 0
        told = rest[at] if len(rest) > at else None
    numbers = _numbers(told) if told is not None else None
    if axes[0] == MAYBE:  # counted from the front it may be any; the third of three is the last
        numbers = [n for n in numbers or () if n < 0 or n == len(axes) - 1]
    return tuple([n % len(axes) for n in numbers or () if -len(axes) <= n < len(axes)])


def _left(
    axes: tuple[str, ...], over: Sequence[int], kwargs: Mapping[str, Value], rest: Sequence[Value]
) -> tuple[str, ...] | None:
    keep = any(v.const is True for v in (*kwargs.values(), *rest))
    if not over:
        return None
    return tuple([ONE if at in over else label for at, label in enumerate(axes) if keep or at not in over])


def _reshaped(name: str, axes: tuple[str, ...], rest: Sequence[Value]) -> tuple[str, ...] | None:
    flat = rest[0].obj.items if len(rest) == 1 and isinstance(rest[0].obj, Items) else rest
    numbers = [v.const if isinstance(v.const, int) else None for v in flat]
    known = [n % len(axes) for n in numbers if n is not None and -len(axes) <= n < len(axes)]
    if axes[0] == MAYBE:  # what names three axes says that there are three
        if (
            name in ("transpose", "swapaxes", "movedim", "flatten", "permute")
            and max(known, default=0) + len(known) > 2
        ):
            axes = (BATCH, *axes[1:])
        elif name in ("squeeze", "unsqueeze", "t"):
            return None
    if name in ("view", "reshape"):
        if len(numbers) == len(axes):
            return axes
        return {1: (POSITION,) if VOCABULARY not in axes else None, 2: axes[-2:]}.get(len(numbers))
    if name in ("flatten", "ravel"):
        if known == [0, 1] and len(axes) == 3:
            return (POSITION, axes[2]) if axes[0] in (BATCH, ONE) else None
        return (POSITION,) if VOCABULARY not in axes and POSITION in axes and not known else None
    if name in ("transpose", "swapaxes", "movedim") and len(known) == 2:
        swapped = list(axes)
        swapped[known[0]], swapped[known[1]] = swapped[known[1]], swapped[known[0]]
        return tuple(swapped)
    if name == "permute" and len(known) == len(axes):
        return tuple(axes[n] for n in known)
    if name == "t" and len(axes) == 2:
        return axes[::-1]
    if name == "squeeze" and len(known) == 1:
        return axes[: known[0]] + axes[known[0] + 1 :]
    if name == "unsqueeze" and len(numbers) == 1 and numbers[0] is not None:
        at = numbers[0] + (len(axes) + 1 if numbers[0] < 0 else 0)
        return (*axes[:at], ONE, *axes[at:])
    return None
