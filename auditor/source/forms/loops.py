"""`while` loops that count, as the `for` loops over a range that they are.

    at = 0                                     for at in range(0, end, step):
    while at < end:              is read as        ...
        ...
        at += step

The counter may be raised at the beginning, too, where a name was given its value before (`first = at; at += step`). A
loop stays as it is written where it begins with something else than a number, where `continue` would skip the count,
where what it counts to or by may change on the way, and where the counter is read behind it.
"""

from __future__ import annotations

import ast
from collections import Counter
from copy import deepcopy
from functools import cached_property

from auditor.source.forms.blocks import SCOPES, is_name
from auditor.source.walking import nodes

_ARITHMETIC = (ast.Constant, ast.Name, ast.Attribute, ast.BinOp, ast.operator, ast.expr_context)


def read_as_counted(scope: ast.AST, blocks: list[list[ast.stmt]]) -> None:
    """Put `for` loops in the place of `while` loops that count."""
    read = _Read(scope)
    loops = [(block, at) for block in blocks for at, s in enumerate(block) if isinstance(s, ast.While)]
    for block, at in loops:  # those within first
        loop = block[at]
        assert isinstance(loop, ast.While)
        counted = _counted(block[:at], loop, read)
        if counted is not None:
            block[at] = counted


class _Read:
    """How often a scope asks for each of its names; looked up where a loop needs it, as few do."""

    def __init__(self, scope: ast.AST) -> None:
        self.scope = scope

    @cached_property
    def times(self) -> Counter[str]:
        return Counter(n.id for n in nodes(self.scope) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))


def _counted(before: list[ast.stmt], loop: ast.While, read: _Read) -> ast.For | None:
    test = loop.test
    if loop.orelse or not isinstance(test, ast.Compare) or not isinstance(test.left, ast.Name):
        return None
    counter = test.left.id
    if len(test.ops) != 1 or not isinstance(test.ops[0], ast.Lt) or not _is_fixed(test.comparators[0], loop):
        return None
    start = _value(before, counter)
    raised = [(at, s) for at, s in enumerate(loop.body) if isinstance(s, ast.AugAssign) and _raises(s, counter)]
    if not isinstance(start, ast.Constant) or len(raised) != 1 or _stores(loop, counter) != 1:
        return None
    at, step = raised[0][0], raised[0][1].value
    if not _is_fixed(step, loop):
        return None
    inside = sum(isinstance(n, ast.Name) and n.id == counter and isinstance(n.ctx, ast.Load) for n in ast.walk(loop))
    if read.times[counter] != inside:  # it is asked for behind the loop, where it is the first number that is too large
        return None
    target: ast.expr = ast.copy_location(ast.Name(counter, ast.Store()), test.left)
    body = [s for s in loop.body if s is not raised[0][1]]
    if at == len(loop.body) - 1:
        if _continues(loop.body):
            return None
    else:
        first = loop.body[0]
        given = at == 1 and isinstance(first, ast.Assign) and len(first.targets) == 1
        if not given or not isinstance(first, ast.Assign) or not is_name(first.value, counter) or inside != 2:
            return None  # 2: in the condition, and where the name is given its value
        target, body = first.targets[0], loop.body[2:]
    if not body:
        return None
    bounds = [deepcopy(bound) for bound in (start, *(_simple(before, each) for each in (test.comparators[0], step)))]
    if _is_number(bounds[2], 1):
        bounds = bounds[1:2] if _is_number(start, 0) else bounds[:2]
    over = ast.Call(ast.Name("range", ast.Load()), bounds, [])
    return ast.copy_location(ast.For(target, _placed(over, test), body, [], None), loop)


def _simple(before: list[ast.stmt], bound: ast.expr) -> ast.expr:
    """A bound, or what its name was given right before, where that can stand in its place."""
    value = _value(before, bound.id) if isinstance(bound, ast.Name) else None
    return bound if value is None or any(not isinstance(n, _ARITHMETIC) for n in ast.walk(value)) else value


def _is_number(node: ast.expr, number: int) -> bool:
    return isinstance(node, ast.Constant) and node.value == number and not isinstance(node.value, bool)


def _placed(call: ast.Call, test: ast.expr) -> ast.Call:
    ast.copy_location(call, test)
    ast.copy_location(call.func, test)
    return call


def _value(before: list[ast.stmt], name: str) -> ast.expr | None:
    """What a name was given right before, behind nothing but other such assignments."""
    for statement in reversed(before):
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            return None
        if is_name(statement.targets[0], name):
            value = statement.value
            return value if not any(isinstance(n, ast.Call) for n in ast.walk(value)) else None
        if any(isinstance(n, ast.Call) for n in ast.walk(statement.value)) and not _is_plain(statement):
            return None
    return None


def _is_plain(statement: ast.Assign) -> bool:
    return all(isinstance(target, ast.Name) for target in statement.targets)


def _raises(statement: ast.AugAssign, counter: str) -> bool:
    return isinstance(statement.op, ast.Add) and is_name(statement.target, counter)


def _is_fixed(node: ast.expr, loop: ast.While) -> bool:
    """Whether an expression has one value in all rounds: numbers, and names that the loop does not give another."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            if _stores(loop, part.id):
                return False
        elif isinstance(part, ast.UnaryOp):
            if isinstance(part.op, ast.USub):
                return False  # a range that goes down ends otherwise
        elif isinstance(part, ast.Constant):
            if not isinstance(part.value, int) or part.value < 0:
                return False
        elif isinstance(part, ast.Call):
            held = {n.id for n in ast.walk(part) if isinstance(n, ast.Name)}
            if any(_base(call.func) in held for s in loop.body for call in ast.walk(s) if isinstance(call, ast.Call)):
                return False  # `len(waiting)`, of a list that the loop fills
        elif not isinstance(part, (*_ARITHMETIC, ast.keyword)):
            return False
    return True


def _base(function: ast.expr) -> str:
    """The name of the object whose method is called."""
    return function.value.id if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) else ""


def _stores(loop: ast.While, name: str) -> int:
    return sum(isinstance(n, ast.Name) and n.id == name and not isinstance(n.ctx, ast.Load) for n in ast.walk(loop))


def _continues(body: list[ast.stmt]) -> bool:
    """Whether the loop that these statements are of is continued among them."""
    waiting: list[ast.AST] = [*body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Continue):
            return True
        if not isinstance(node, (ast.For, ast.AsyncFor, ast.While, *SCOPES)) and isinstance(
            node, (ast.stmt, ast.ExceptHandler, ast.match_case)
        ):
            waiting += ast.iter_child_nodes(node)
    return False
