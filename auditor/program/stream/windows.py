"""Walks over the stream by windows, worked out for small streams: whether some window reaches the end."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from auditor.program import vocabulary
from auditor.program.module import Module, Seen
from auditor.program.origin import Origins
from auditor.program.syntax import called, calls, function_of, last_name, number, targets_of
from auditor.source.calls import Folder
from auditor.source.files import Files
from auditor.source.index import of_type, parent
from auditor.source.values import CannotFold, OutOfSteps, Scope, Value

_LENGTH, _STRIDE = 8, 3
_TOTALS = (20, 21, 22)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortWalk(Seen):
    """A walk of which no window reaches the end of the stream. `step`: the name of the stride."""

    step: str


def short_walks(module: Module) -> Iterator[ShortWalk]:
    for node in of_type(module.tree, ast.comprehension, ast.For, ast.Call):
        walked = _windows(node)
        if walked is None:
            continue
        if not _over_stream(module, walked):
            continue
        starts = _Starts(module.origins, walked.target, walked.over)
        if starts.total == starts.step or not starts.leaves_out(walked.keep, walked.skip):
            continue
        if not _grows_later(walked.over):
            yield ShortWalk(place=module.place(walked.over), active=module.reached(walked.over), step=starts.step)


def _over_stream(module: Module, walked: _Walk) -> bool:
    """Whether the function that walks, or one that it calls, cuts pieces out of validation tokens."""
    function = function_of(walked.over) or module.tree
    parts = (function, *module.phases.called_by(function))
    cuts = (node for part in parts for node in of_type(part, ast.Subscript) if isinstance(node.slice, ast.Slice))
    return any("validation" in module.origins.of(node.value) for node in cuts)


@dataclass(frozen=True, slots=True)
class _Walk:
    """A walk by strides over a range, with the conditions that keep a window and those that skip one."""

    target: str
    over: ast.Call
    keep: list[ast.expr]
    skip: list[ast.expr]


def _windows(node: ast.AST) -> _Walk | None:
    keep: list[ast.expr] = []
    skip: list[ast.expr] = []
    if isinstance(node, ast.comprehension):
        target, over, keep = last_name(node.target), node.iter, node.ifs
    elif isinstance(node, ast.For):
        target, over = last_name(node.target), node.iter
        keep = list(_kept(node.body))
        skip = [s.test for s in node.body if isinstance(s, ast.If) and isinstance(s.body[0], ast.Continue)]
    elif isinstance(node, ast.Call) and called(node) in {"list", "sorted"} and node.args:
        target, over = "start", node.args[0]
    else:
        return None
    if not (isinstance(over, ast.Call) and called(over) == "range" and len(over.args) == 3):
        return None
    named = {last_name(n) for n in (over.args[1], *keep, *skip) for n in of_type(n, ast.Name, ast.Attribute)}
    # Windows that overlap have a length beside the step; a walk by whole batches or sequences knows one of them alone.
    sliding = len(named - {target, last_name(over.args[2]), _first(over.args[1]), "min", "max"}) > 0
    return _Walk(target, over, keep, skip) if sliding and number(over.args[0]) == 0 else None


def _kept(body: list[ast.stmt]) -> Iterator[ast.expr]:
    """`if start + length <= total: starts.append(start)`: the conditions under which a round does anything."""
    while len(body) == 1 and isinstance(body[0], ast.If) and not body[0].orelse:
        if not isinstance(body[0].body[0], ast.Continue):
            yield body[0].test
        body = body[0].body


def _first(node: ast.expr) -> str:
    """The name that a sum begins with: the length of the stream."""
    while isinstance(node, ast.BinOp):
        node = node.left
    return last_name(node)


class _Starts(Folder):
    """`range(0, stop, stride)` with its conditions, as numbers.

    A name that is a difference or a sum of others is what that comes to; one that is no other is the window's length.
    """

    def __init__(self, origins: Origins, target: str, over: ast.Call) -> None:
        super().__init__(Files({}), "")
        self.flow = origins
        self.stop = over.args[1]
        self.step = last_name(over.args[2])
        self.same = {last_name(value) for value in origins.assigned(over.args[2])}  # `stride = args.eval_stride`
        self.total = _first(self.stop)
        self.target = target
        self.values: dict[str, int] = {}

    def fold(self, node: ast.expr, scope: Scope) -> Value:
        if isinstance(node, ast.Name | ast.Attribute):
            name = last_name(node)
            if name in self.values:
                return self.values[name]
            made = self.flow.assigned(node)
            reckoned = (
                len(made) == 1 and isinstance(made[0], ast.BinOp) and not any(of_type(made[0], ast.Call, ast.Subscript))
            )
            return self.fold(made[0], scope) if reckoned else _LENGTH
        if isinstance(node, ast.Call) and called(node) in {"min", "max"}:
            parts = [self.fold(argument, scope) for argument in node.args]
            return min(parts) if called(node) == "min" else max(parts)
        return super().fold(node, scope)

    def leaves_out(self, keep: list[ast.expr], skip: list[ast.expr]) -> bool:
        """Whether for some stream no window reaches its end."""
        try:
            return any(self._ends(total, keep, skip) < total for total in _TOTALS)
        except (CannotFold, OutOfSteps):
            return False

    def _ends(self, total: int, keep: list[ast.expr], skip: list[ast.expr]) -> int:
        """Where the last window ends."""
        end = 0
        self.values = {**dict.fromkeys((*self.same, self.step), _STRIDE), self.total: total}
        for start in range(0, int(self.fold(self.stop, self.scope)), _STRIDE):
            self.values |= {self.target: start}
            kept = [self.truth(self.fold(test, self.scope)) for test in keep]
            skipped = [self.truth(self.fold(test, self.scope)) for test in skip]
            if all(kept) and not any(skipped):
                end = max(end, min(start + _LENGTH, total))
        return end or total


def _grows_later(over: ast.AST) -> bool:
    """Whether the list of starts is added to afterwards: it may well get the last window then."""
    statement = over
    while not isinstance(statement, ast.stmt) and (above := parent(statement)) is not None:
        statement = above
    lists = {last_name(target) for target in targets_of(statement)}
    added = (call.func for call in calls(function_of(over) or statement))
    return any(
        isinstance(f, ast.Attribute) and f.attr in vocabulary.GROWS and last_name(f.value) in lists for f in added
    )
