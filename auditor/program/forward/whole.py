"""One number of all positions at once, and whether each of them gets to know it: `x / x.abs().max()`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from auditor.program import vocabulary
from auditor.program.forward.dimensions import POSITION
from auditor.program.forward.layout import Layouts
from auditor.program.forward.operands import along
from auditor.program.syntax import called
from auditor.source.index import of_type, parent

_STEPS = 8  # from a number to what is made of it


def of_all(function: ast.AST, layouts: Layouts) -> Iterator[ast.expr]:
    """Statistics over everything, told no dimension, that stand beside each position later."""
    for call in of_type(function, ast.Call):
        name = called(call)
        if name not in vocabulary.REDUCES and name not in vocabulary.WITHOUT_ORDER:
            continue
        library = isinstance(call.func, ast.Attribute) and layouts.of_library(call.func.value)
        if not isinstance(call.func, ast.Attribute) or (library and not call.args):
            continue
        subject, others = (call.args[0], call.args[1:]) if library else (call.func.value, call.args)
        told = len(others) > (name in vocabulary.DIMENSION_SECOND) or any(
            k.arg in ("dim", "axis") for k in call.keywords
        )
        labels = layouts.of(subject) or ()
        asks = name in vocabulary.ASKS_WHETHER and along(call, others, 0, "dim", labels)
        if told and not asks and name not in vocabulary.WITHOUT_ORDER:
            continue
        if POSITION in labels and comes_back(call, function, layouts):
            yield call


def comes_back(node: ast.expr, function: ast.AST, layouts: Layouts, steps: int = _STEPS) -> bool:
    """Whether what was made of positions is put together with what stands at each of them."""
    at: ast.AST = node
    for step in range(steps):
        above = parent(at)
        if isinstance(above, ast.BinOp):
            beside = [above.left if above.right is at else above.right]
        elif isinstance(above, ast.Call) and above.func is not at:
            of = [above.func.value] if isinstance(above.func, ast.Attribute) else []
            beside = [one for one in (*of, *above.args) if one is not at]
        elif isinstance(above, ast.Assign) and isinstance(above.targets[0], ast.Name):
            name = above.targets[0].id
            uses = [n for n in of_type(function, ast.Name) if n.id == name and isinstance(n.ctx, ast.Load)]
            behind = [use for use in uses if use.lineno > above.lineno]
            return any(comes_back(use, function, layouts, steps - step - 1) for use in behind)
        elif isinstance(above, (ast.Attribute, ast.Subscript, ast.Call, ast.UnaryOp)):
            beside = []
        else:
            return False
        if any(POSITION in (layouts.of(one) or ()) for one in beside):
            return True
        at = above
    return False
