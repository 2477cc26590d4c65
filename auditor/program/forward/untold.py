"""What seems to bring later positions forward, of a value whose dimensions could not be told: it is not passed over."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from auditor.program import vocabulary
from auditor.program.forward.layout import Layouts
from auditor.program.forward.operands import given, number, start
from auditor.program.syntax import AnyFunction, called, literal
from auditor.source.index import of_type, parent, walk


def untold(function: AnyFunction, layouts: Layouts, *, own: bool) -> Iterator[ast.expr]:
    """`own`: a method, whose first parameter is the model."""
    made = _made_of_states(function, own)
    yield from _of_lists(function, made)
    for call in of_type(function, ast.Call):
        name = called(call)
        if not isinstance(call.func, ast.Attribute):
            continue
        library = layouts.of_library(call.func.value)
        if library and not call.args:
            continue
        subject, others = (call.args[0], call.args[1:]) if library else (call.func.value, call.args)
        if (name == "roll" and not _goes_on(given(call, others, 0, "shifts"))) or name in vocabulary.FLIPS:
            moved = [subject]
        elif name in ("cat", "concat", "concatenate") and isinstance(subject, (ast.Tuple, ast.List)):
            moved = [part for part in subject.elts[:1] if len(subject.elts) > 1 and (start(part) or 0) > 0]
        else:
            continue
        if any(layouts.of(part) is None and _mentions(part, made) for part in moved):
            yield call


def _of_lists(function: AnyFunction, made: set[str]) -> Iterator[ast.expr]:
    """`row[1:] + row[:1]`: of numbers of Python."""
    for joined in of_type(function, ast.BinOp):
        cut = joined.left.slice if isinstance(joined.left, ast.Subscript) else None
        if not isinstance(joined.op, ast.Add) or not isinstance(cut, ast.Slice) or cut.upper is not None:
            continue
        if (
            number(cut.lower) > 0
            and isinstance(joined.right, (ast.Subscript, ast.List))
            and _mentions(joined.left, made)
        ):
            yield joined


def _goes_on(shift: ast.expr | None) -> bool:
    """`roll(1, 1)`: a literal that is not negative."""
    return shift is not None and literal(shift) is not None and number(shift) >= 0


def _made_of_states(function: AnyFunction, own: bool) -> set[str]:
    """The names that are given something made of what the pass was given."""
    spec = function.args
    made = {a.arg for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)[own:]}
    while True:
        size = len(made)
        for statement in of_type(function, ast.Assign, ast.AugAssign, ast.AnnAssign):
            if statement.value is not None and _mentions(statement.value, made):
                targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                stored = [n for t in targets for n in of_type(t, ast.Name) if isinstance(n.ctx, ast.Store)]
                made |= {n.id for n in stored}
        for loop in of_type(function, ast.For, ast.comprehension):
            if _mentions(loop.iter, made):
                made |= {n.id for n in of_type(loop.target, ast.Name)}
        if len(made) == size:
            return made


def _mentions(node: ast.expr, names: set[str]) -> bool:
    """Whether an expression is made of one of the names, other than of its size or kind."""
    for name in walk(node):
        if not isinstance(name, ast.Name) or name.id not in names:
            continue
        above = parent(name)
        fact = isinstance(above, ast.Attribute) and above.attr in vocabulary.FACTS_OF_TENSORS | vocabulary.SIZES
        asked = isinstance(above, ast.Call) and called(above) in vocabulary.ASKS_ALONE
        if not fact and not asked:
            return True
    return False
