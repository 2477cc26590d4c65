"""Comparisons of settings and numbers that come out with the small values as with the submitted ones.

`args.eval_stride > 0` does with a stride of 32 as with one of 64: what it decides is decided as at full size.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

_STEPS = 4
_COMPARED: Mapping[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}  # fmt: skip


@dataclass(frozen=True)
class Alike:
    """Of one script: what names are `given`, which of them are `counted` up, the `values` of its settings.

    A value is a pair: as submitted, and as it was used. `passed`: what calls give a parameter, whatever it is named.
    """

    given: Mapping[str, Sequence[ast.expr]]
    counted: Collection[str]
    values: Mapping[str, tuple[float, float]]
    passed: Callable[[ast.Name], Sequence[ast.expr]] = lambda _: ()

    def same(self, node: ast.AST) -> bool:
        """Whether it compares a setting with a number and comes out with the small value as with the submitted one."""
        found = self._outcomes(node)
        if found is None:
            return self._same_in_each_call(node)
        return found[0] == found[1]

    def _same_in_each_call(self, node: ast.AST) -> bool:
        """Whether a parameter is held against a number, and what each call passes for it makes that come out alike."""
        if not isinstance(node, ast.Compare) or not isinstance(node.left, ast.Name):
            return False
        if any(counted.partition("@")[0] == node.left.id for counted in self.counted):
            return False
        passed = self.passed(node.left)
        found = [self._outcomes(ast.Compare(value, node.ops, node.comparators)) for value in passed]
        return bool(found) and all(pair is not None and pair[0] == pair[1] for pair in found)

    def submitted(self, test: ast.AST) -> bool | None:
        """How a test comes out with what was submitted; None where that is not known."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            inner = self.submitted(test.operand)
            return None if inner is None else not inner
        if isinstance(test, ast.BoolOp):
            decisive = isinstance(test.op, ast.Or)
            parts = [self.submitted(part) for part in test.values]
            return decisive if decisive in parts else None if None in parts else not decisive
        found = self._outcomes(test)
        return None if found is None else found[0]

    def turned(self, test: ast.AST) -> frozenset[str]:
        """Settings by whose small values a comparison in it comes out otherwise than as submitted."""
        found: set[str] = set()
        for node in ast.walk(test):
            outcomes = self._outcomes(node)
            if outcomes is not None and outcomes[0] != outcomes[1]:
                found |= {name for part in ast.walk(node) if (name := _spelled(part).lower()) in self.values}
        return frozenset(name for name in found if self.values[name][0] != self.values[name][1])

    def _outcomes(self, node: ast.AST, steps: int = _STEPS) -> tuple[bool, bool] | None:
        """How a comparison of settings and numbers comes out as submitted and here."""
        if not isinstance(node, ast.Compare) or len(node.ops) != 1 or type(node.ops[0]) not in _COMPARED:
            return None
        left, right = self._pair(node.left, steps), self._pair(node.comparators[0], steps)
        if left is None or right is None:
            return None
        compare = _COMPARED[type(node.ops[0])]
        return compare(left[0], right[0]), compare(left[1], right[1])

    def _pair(self, node: ast.expr, left: int = _STEPS) -> tuple[float, float] | None:
        """What a number, or a setting that nothing else is given to, is as submitted and here.

        What is one of two of those by such a comparison, and a name that is given one of these, are as well.
        """
        if isinstance(node, ast.Constant):
            value = node.value
            return (float(value), float(value)) if isinstance(value, int | float) else None
        if isinstance(node, ast.IfExp):
            pairs = self._outcomes(node.test, left - 1) if left else None
            if pairs is None or pairs[0] != pairs[1]:
                return None
            return self._pair(node.body if pairs[0] else node.orelse, left - 1)
        name = _spelled(node)
        # `self.train_seq_len = train_seq_len` hands a setting on under its own name.
        given = {ast.dump(value): value for value in self.given.get(name, ()) if _spelled(value) != name}
        if name in self.counted or len(given) > 1:
            return None
        if name.lower() in self.values or not left:
            pair = self.values.get(name.lower())
            passed = self.passed(node) if isinstance(node, ast.Name) and left else ()
            return None if any(self._pair(value, left - 1) != pair for value in passed) else pair
        only = next(iter(given.values()), None)
        return self._pair(only, left - 1) if isinstance(only, ast.Name | ast.Attribute | ast.IfExp) else None


def _spelled(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
