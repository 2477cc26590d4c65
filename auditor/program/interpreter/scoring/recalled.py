"""What a file holds for a place of the stream: read by where a walk over it stands, and not by the tokens there.

An artifact may hold whatever training has put into it, and a table in it may be read by the tokens before. Read by the
position in the validation stream it holds what was known of that stream (pull requests 168 and 275).
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from auditor.program.interpreter.machine import Machine
from auditor.program.tags import ARTIFACT, FILED, LOSS, NONE, TRAIN, VAL, InRound, OfOutput, Recalled, Tags, has
from auditor.program.values import Frame, Value

_STORED = frozenset({FILED, ARTIFACT})
_OTHERWISE = frozenset({VAL, TRAIN})


def is_stored(table: Value) -> bool:
    """Whether a value comes out of a file that is no token shard; tokens, and what models make of them, do not."""
    return not _STORED.isdisjoint(table.tags) and _OTHERWISE.isdisjoint(table.tags) and not has(table.tags, OfOutput)


def read(m: Machine, frame: Frame, node: ast.AST, table: Value, index: Value) -> Tags:
    """`stored[start:end]`, `answers.get(position)`, `position in answers`, where a loop tells the position."""
    if m.inside or not m.loops or not is_stored(table) or not _OTHERWISE.isdisjoint(index.tags):
        return NONE
    here = {loop.instance for loop in m.loops}
    rounds = frozenset([t.loop for t in index.tags if isinstance(t, InRound)]) & here
    return m.recalled(node, frame, rounds) if rounds else NONE


def among(m: Machine, frame: Frame, node: ast.AST, values: Iterable[Value]) -> Tags:
    """`torch.take(stored, positions)`: one of them is what a file holds, another says where it is read."""
    given = list(values)
    found = NONE
    for table in given if m.loops and not m.inside else ():
        if is_stored(table):
            for index in given:
                found |= read(m, frame, node, table, index) if index is not table else NONE
    return found


def walked(m: Machine, frame: Frame, node: ast.AST, table: Value) -> Tags:
    """`for tokens, known in zip(chunks, stored)`, `next(stored)`: round after round what comes next of it."""
    if m.inside or not m.loops or not is_stored(table):
        return NONE
    return m.recalled(node, frame, frozenset({m.loops[-1].instance}))


def totals(m: Machine, left: Value, right: Value) -> Tags:
    """`losses / widths` behind the loop: totals of their own, such as bytes that a file counts for each place."""
    here = {loop.instance for loop in m.loops}
    found: set[Recalled] = set()
    for total, other in ((left, right), (right, left)):
        if LOSS in other.tags and LOSS not in total.tags and not has(total.tags, OfOutput):
            own = (t for t in total.tags - other.tags if isinstance(t, Recalled))
            found |= {t for t in own if here.isdisjoint(m.trace.recalls[t.number].rounds)}
    return frozenset(found)


def tells(tags: Tags) -> Tags:
    """What a condition on it leaves with everything that it decides."""
    return frozenset([t for t in tags if isinstance(t, Recalled)])


def without(tags: Tags) -> Tags:
    """Where tokens of the stream are cut may stand in a file, such as where its documents begin."""
    return frozenset([t for t in tags if not isinstance(t, Recalled)])
