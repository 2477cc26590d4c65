"""Positions that a forward pass takes one by one: from the last to the first, with the next one, in another order."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from auditor.program import vocabulary
from auditor.program.forward.dimensions import POSITION
from auditor.program.forward.layout import Layouts
from auditor.program.syntax import AnyFunction, called, literal
from auditor.source.index import of_type, parent, walk


def read_ahead(function: AnyFunction, layouts: Layouts) -> Iterator[ast.expr]:
    """What a loop reads of later positions for an earlier one.

    From the last position to the first, a state is carried that was made of what stood there. In either direction,
    what stands at `t + 1` is put to `t`.
    """
    for loop in of_type(function, ast.For, ast.While):
        names = _steps(loop)
        if _is_position(loop, names, layouts) and _goes_down(loop, names, layouts):
            if not _about_a_place(loop, names, layouts):
                yield from list(_carried(loop, names, layouts))[:1]
        elif isinstance(loop, ast.For):
            yield from _from_the_next(loop, names, layouts)
    for call in of_type(function, ast.Call):
        for over in call.args[:2] if called(call) in vocabulary.FOLDS else ():
            if _reversed(over) and _over_positions(over, layouts):
                yield call


def taken_apart(function: AnyFunction, layouts: Layouts) -> Iterator[ast.expr]:
    """Rows of positions that something else is done to than going over them, from the first one on."""
    for call in of_type(function, ast.Call):
        if called(call) != "unbind" or not _over_positions(call, layouts):
            continue
        held = parent(call)
        if isinstance(held, ast.Assign) and isinstance(held.targets[0], ast.Name):
            name = held.targets[0].id
            uses: list[ast.expr] = [
                n for n in of_type(function, ast.Name) if n.id == name and isinstance(n.ctx, ast.Load)
            ]
        else:
            uses = [call]
        if not all(_gone_over(use) for use in uses):
            yield call


def _gone_over(rows: ast.expr) -> bool:
    """`for row in rows`, `enumerate(rows)`, `accumulate(rows, f)`, `len(rows)`, `rows[0]`."""
    node: ast.expr = rows
    while True:
        around = parent(node)
        if isinstance(around, (ast.For, ast.comprehension)):
            return around.iter is node
        if isinstance(around, ast.Subscript) and around.value is node:
            return literal(around.slice) == 0
        if not isinstance(around, ast.Call) or node not in around.args:
            return False
        if called(around) in ("accumulate", "len"):
            return True
        if called(around) not in vocabulary.GOES_OVER:
            return False
        node = around


def _steps(loop: ast.For | ast.While) -> set[str]:
    """The names that a loop counts with; those that are counted from the other end are among them."""
    if isinstance(loop, ast.For):
        names = {n.id for n in of_type(loop.target, ast.Name)}
    else:
        names = {n.id for n in of_type(loop.test, ast.Name)} & {name for name, _ in _lowered(loop)}
    for made in _assigned(loop):
        counted = isinstance(made.value, ast.BinOp) and not any(of_type(made.value, ast.Subscript))
        if counted and names & _names(made.value) and isinstance(made.targets[0], ast.Name):
            names |= {made.targets[0].id}
    return names


def _assigned(loop: ast.For | ast.While) -> list[ast.Assign]:
    return [n for statement in loop.body for n in of_type(statement, ast.Assign)]


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in of_type(node, ast.Name)}


def _lowered(loop: ast.While) -> Iterator[tuple[str, ast.stmt]]:
    """`t -= 1` and `t = t - 1` in a loop."""
    for statement in loop.body:
        for lowered in of_type(statement, ast.AugAssign, ast.Assign):
            target = lowered.target if isinstance(lowered, ast.AugAssign) else lowered.targets[0]
            if not isinstance(target, ast.Name):
                continue
            if isinstance(lowered, ast.AugAssign):
                down = isinstance(lowered.op, ast.Sub)
            else:
                value = lowered.value
                down = (
                    isinstance(value, ast.BinOp) and isinstance(value.op, ast.Sub) and target.id in _names(value.left)
                )
            if down:
                yield target.id, lowered


def _is_position(loop: ast.For | ast.While, names: set[str], layouts: Layouts) -> bool:
    return any(True for _ in _reads(loop, names, layouts)) or (
        isinstance(loop, ast.For) and _over_positions(loop.iter, layouts)
    )


def _reads(loop: ast.For | ast.While, names: set[str], layouts: Layouts) -> Iterator[tuple[ast.Subscript, ast.expr]]:
    """`x[:, t]` in a loop that counts with `t`, and the index of the position."""
    for statement in loop.body:
        for read in of_type(statement, ast.Subscript):
            index = _position_of(read, layouts)
            if index is not None and _names(index) & names:
                yield read, index


def _position_of(read: ast.Subscript, layouts: Layouts) -> ast.expr | None:
    """What stands for the position in an index, where one place is taken."""
    parts: Sequence[ast.expr] = read.slice.elts if isinstance(read.slice, ast.Tuple) else [read.slice]
    for label, part in zip(layouts.of(read.value) or (), parts, strict=False):
        if label == POSITION:
            if isinstance(part, ast.Slice) and _is_one_wide(part):
                return part.lower
            return None if isinstance(part, ast.Slice) else part
    return None


def _is_one_wide(part: ast.Slice) -> bool:
    """`t : t + 1`; what is longer is a window, which a filter's taps move over all positions."""
    lower, upper = part.lower, part.upper
    if lower is None or not isinstance(upper, ast.BinOp) or not isinstance(upper.op, ast.Add):
        return False
    sides = [(upper.left, upper.right), (upper.right, upper.left)]
    return any(literal(one) == 1 and ast.dump(place) == ast.dump(lower) for place, one in sides)


def _over_positions(over: ast.expr, layouts: Layouts) -> bool:
    """`x.unbind(1)`, wherever it stands in what a loop goes over."""
    for call in of_type(over, ast.Call):
        if called(call) in ("unbind", "split", "chunk", "tensor_split") and isinstance(call.func, ast.Attribute):
            of = [call.func.value, *call.args]
            labels = next((found for node in of if (found := layouts.of(node)) is not None), None)
            numbers = [literal(a) for a in (*call.args, *(k.value for k in call.keywords))]
            at = next((n for n in reversed(numbers) if n is not None), 0)
            if labels is not None and -len(labels) <= at < len(labels) and labels[at] == POSITION:
                return True
    return False


def _goes_down(loop: ast.For | ast.While, names: set[str], layouts: Layouts) -> bool:
    if isinstance(loop, ast.While):
        return bool(names)
    places = [index for _, index in _reads(loop, names, layouts)]
    told = {name for place in places for name in _names(place)}
    made = [m.value for m in _assigned(loop) if isinstance(m.targets[0], ast.Name) and m.targets[0].id in told]
    mirrored = any(_from_the_end(n, loop) for part in (*places, *made) for n in of_type(part, ast.BinOp, ast.UnaryOp))
    return _reversed(loop.iter) is not mirrored


def _about_a_place(loop: ast.For | ast.While, names: set[str], layouts: Layouts) -> bool:
    """`x[:, t - k]` in a loop over `k`, in one over `t`: taps of a filter for one position, told from there on.

    Nothing is given away in its rounds: what has come together is for the position of the loop around.
    """
    for statement in loop.body:
        stores = any(isinstance(n.ctx, ast.Store) for n in of_type(statement, ast.Subscript))
        if stores or any(called(c) in vocabulary.GIVES_NONE | vocabulary.ADDS_TO for c in of_type(statement, ast.Call)):
            return False
    around: set[str] = set()
    above = parent(loop)
    while above is not None:
        around |= _names(above.target) if isinstance(above, ast.For) else set()
        above = parent(above)
    places = [index for _, index in _reads(loop, names, layouts)]
    return bool(places) and all(_names(place) & (around - names) for place in places)


def _from_the_end(node: ast.BinOp | ast.UnaryOp, loop: ast.For) -> bool:
    """`t - 1 - i`, `-i`, `~i`: what is taken off is the number of the round."""
    counted = _names(loop.target)
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, (ast.USub, ast.Invert)) and bool(_names(node.operand) & counted)
    taken = isinstance(node.op, ast.Sub) and bool(_names(node.right) & counted)
    return taken and not _names(node.left) & counted


def _reversed(over: ast.expr) -> bool:
    """`reversed(...)`, `range(t - 1, -1, -1)`, `...[::-1]`; twice is not at all."""
    times = 0
    for node in walk(over):
        if isinstance(node, ast.Call):
            step = node.args[2] if called(node) in ("range", "arange") and len(node.args) > 2 else None
            times += called(node) in ("reversed", "flip") or (step is not None and (literal(step) or 0) < 0)
        elif isinstance(node, ast.Slice):
            times += node.step is not None and (literal(node.step) or 0) < 0
    return times % 2 == 1


def _carried(loop: ast.For | ast.While, names: set[str], layouts: Layouts) -> Iterator[ast.expr]:
    """Where a name is given what it held in the round before, together with what stands at a position."""
    rows = _names(loop.target) if isinstance(loop, ast.For) and _over_positions(loop.iter, layouts) else set()
    reads = {read for read, _ in _reads(loop, names, layouts)}
    seen: set[str] = set()
    before: set[str] = set()  # read in this round earlier than they are stored
    while True:
        size = len(seen)
        stored: set[str] = set()
        for statement in loop.body:
            for made in of_type(statement, ast.Assign, ast.AugAssign):
                target = made.target if isinstance(made, ast.AugAssign) else made.targets[0]
                used = _names(made.value) | (_names(target) if isinstance(made, ast.AugAssign) else set())
                before |= used - stored
                if used & (rows | seen) or reads & set(walk(made.value)):
                    seen |= {n.id for n in of_type(target, ast.Name) if isinstance(n.ctx, ast.Store)}
                stored |= {n.id for n in of_type(target, ast.Name) if isinstance(n.ctx, ast.Store)}
                if seen & before & stored - names:
                    yield made.value
                    return
        if len(seen) == size:
            return


def _from_the_next(loop: ast.For, names: set[str], layouts: Layouts) -> Iterator[ast.expr]:
    """`out[:, t] = x[:, t + 1]`"""
    for statement in loop.body:
        for made in of_type(statement, ast.Assign, ast.AugAssign):
            target = made.target if isinstance(made, ast.AugAssign) else made.targets[0]
            if not isinstance(target, ast.Subscript):
                continue
            parts = target.slice.elts if isinstance(target.slice, ast.Tuple) else [target.slice]
            places = {p.id for p in parts if isinstance(p, ast.Name)} & names
            for read in of_type(made.value, ast.Subscript):
                index = _position_of(read, layouts)
                if (
                    isinstance(index, ast.BinOp)
                    and isinstance(index.op, ast.Add)
                    and _names(index) & places
                    and (literal(index.right) or literal(index.left) or 0) > 0
                ):
                    yield read
