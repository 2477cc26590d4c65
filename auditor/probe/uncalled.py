"""Functions that nothing calls as submitted: each call stands in a branch that the settings leave out.

`if chunk in boundaries: consolidate(chunk)` never does where `boundaries` is an empty list, because the setting that
would fill it is 0.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from auditor.probe.given import Given, called
from auditor.source.index import of_type

_FILLS = frozenset({"append", "extend", "insert", "add", "update", "appendleft", "setdefault", "__setitem__"})


@dataclass(frozen=True)
class Uncalled:
    """Of one script. `submitted`: how a test of settings comes out with what was submitted, None where not known."""

    tree: ast.Module
    given: Given
    submitted: Callable[[ast.AST], bool | None]

    def holds(self, name: str) -> bool:
        """Whether a function is called somewhere, and nowhere that runs as submitted."""
        calls = [call for call in of_type(self.tree, ast.Call) if called(call) == name]
        by_name = [n for n in of_type(self.tree, ast.Name) if n.id == name and isinstance(n.ctx, ast.Load)]
        if not calls or len(by_name) != len(calls):  # it is handed on, or is a method
            return False
        return all(self._left_out(call) for call in calls)

    def _left_out(self, node: ast.AST) -> bool:
        """Whether it stands in an arm of an `if` that is not taken."""
        for branch in of_type(self.tree, ast.If):
            for way, arm in ((True, branch.body), (False, branch.orelse)):
                if any(part is node for statement in arm for part in ast.walk(statement)):
                    known = self._known(branch.test)
                    if known is not None and known is not way:
                        return True
        return False

    def _known(self, test: ast.AST) -> bool | None:
        known = self.submitted(test)
        if known is not None:
            return known
        if isinstance(test, ast.BoolOp):
            decisive = isinstance(test.op, ast.Or)
            parts = [self._known(part) for part in test.values]
            return decisive if decisive in parts else None if None in parts else not decisive
        if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.In):
            return False if self._is_empty(test.comparators[0]) else None
        return None

    def _is_empty(self, node: ast.expr) -> bool:
        """Whether a name is given nothing but empty lists, and nothing is put into them."""
        key = self.given.key(node) if isinstance(node, ast.Name) else ""
        values = self.given.values.get(key, []) if key else []
        if not values or key in self.given.counted or self.given.entries.get(key) or [*self.given.parameters(key)]:
            return False
        assert isinstance(node, ast.Name)
        filled = any(
            isinstance(n.value, ast.Name) and n.value.id == node.id and n.attr in _FILLS
            for n in of_type(self.tree, ast.Attribute)
        )  # fmt: skip
        return not filled and all(_is_none(value) or self._left_out(value) for value in values)


def _is_none(value: ast.expr) -> bool:
    if isinstance(value, ast.List | ast.Tuple | ast.Set):
        return not value.elts
    empty = isinstance(value, ast.Call) and not value.args and not value.keywords
    return empty and called(value) in ("list", "set", "tuple", "frozenset")  # type: ignore[arg-type]
