"""What an `if` selects: values that hang on a count of the target, the lower of two losses."""

from __future__ import annotations

import ast
from collections.abc import Sequence as Seq

from auditor.program.interpreter import assignment, effects
from auditor.program.interpreter.machine import Machine
from auditor.program.values import Frame, Tags, Value


def depends(m: Machine, frame: Frame, node: ast.If, gates: Tags) -> None:
    """What either branch computes into a name depends on the condition; a constant there is a bound, not a choice."""
    for statement in (*node.body, *node.orelse):
        value = getattr(statement, "value", None)
        if not isinstance(statement, (ast.Assign, ast.AugAssign)) or value is None or isinstance(value, ast.Constant):
            continue
        for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
            assignment.mark(m, frame, target, gates)


def keeps_the_lower(m: Machine, frame: Frame, node: ast.If, test: Value) -> tuple[list[ast.expr], Tags] | None:
    """`if new < best: best = new` over losses of the current tokens: what the branch stores, and the choice's tag."""
    if ("loss",) not in test.tags or not any(t[0] == "out" for t in test.tags):
        return None
    for part in node.test.values if isinstance(node.test, ast.BoolOp) else [node.test]:
        if not isinstance(part, ast.Compare) or not isinstance(part.ops[0], (ast.Lt, ast.Gt, ast.LtE, ast.GtE)):
            continue
        sides = {ast.unparse(part.left): part.left, ast.unparse(part.comparators[0]): part.comparators[0]}
        stores = [s for s in node.body if isinstance(s, ast.Assign)]
        if any(ast.unparse(s.value) in sides for s in stores):
            values = [m.evaluate(frame, side) for side in sides.values()]
            tags = effects.chooses(m, frame, node, values, ast.unparse(part))
            return ([*(s.targets[0] for s in stores), *_changed_in_place(node.body)], tags) if tags else None
    return None


def _changed_in_place(body: Seq[ast.stmt]) -> list[ast.expr]:
    """The receivers of calls such as `best.copy_(loss)`."""
    called = [s.value for s in body if isinstance(s, ast.Expr) and isinstance(s.value, ast.Call)]
    return [c.func.value for c in called if isinstance(c.func, ast.Attribute) and c.func.attr.endswith("_")]
