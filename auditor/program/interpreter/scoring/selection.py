"""What an `if` selects: values that hang on a count of the target, the lower of two losses."""

from __future__ import annotations

import ast
from collections.abc import Sequence as Seq

from auditor.program import vocabulary
from auditor.program.interpreter.language import assignment
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring import effects, recipes
from auditor.program.tags import LOSS, OfOutput, Tags, has
from auditor.program.values import Comparison, Frame, Value, with_tags
from auditor.program.written import written


def depends(m: Machine, frame: Frame, node: ast.If, gates: Tags) -> None:
    """What either branch computes into a name depends on the condition; a constant there is a bound, not a choice."""
    for statement in (*node.body, *node.orelse):
        value = getattr(statement, "value", None)
        if not isinstance(statement, (ast.Assign, ast.AugAssign)) or value is None or isinstance(value, ast.Constant):
            continue
        for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
            assignment.mark(m, frame, target, gates)


def chosen(m: Machine, frame: Frame, node: ast.If | ast.While, test: Value) -> None:
    """`if loss < best: best, temperature = loss, t`: what else is kept has been chosen by the validation loss."""
    if not m.is_of_loss(test):
        return
    names = [name for statement in (*node.body, *node.orelse) for name in _stored(statement)]
    for name in names:
        value = frame.names.get(name)
        if value is not None and recipes.is_loss(value) and not isinstance(node.test, ast.Call):
            why = "whether a loss counts, or another of the same tokens, is told by losses"
            frame.names[name] = with_tags(value, m.doubt(node, frame, f"the choice of {name}", why))
    kept = [(name, value) for name in names if (value := frame.names.get(name)) is not None and not m.is_of_loss(value)]
    for name, value in kept:
        if value.obj is None:
            why = "a number that the loss on validation tokens has chosen"
            frame.names[name] = with_tags(value, m.doubt(node, frame, f"the choice of {name}", why))


def _stored(statement: ast.stmt) -> list[str]:
    """The names that a statement gives plain values."""
    if not isinstance(statement, ast.Assign):
        return []
    targets = [part for target in statement.targets for part in getattr(target, "elts", [target])]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def keeps_the_lower(m: Machine, frame: Frame, node: ast.If, test: Value) -> tuple[list[ast.expr], Tags] | None:
    """`if new < best: best = new` over losses of the current tokens: what the branch stores, and the choice's tag."""
    if LOSS not in test.tags or not has(test.tags, OfOutput):
        return None
    for part in node.test.values if isinstance(node.test, ast.BoolOp) else [node.test]:
        turned = isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.Not)
        body = node.orelse if turned else node.body
        stores = [s for s in body if isinstance(s, ast.Assign)]
        compared = _comparison(m, frame, node, part, test) if stores else None
        if compared is not None and any(_stores_a_side(m, frame, s.value, part, compared) for s in stores):
            tags = effects.chooses(m, frame, node, list(compared.sides), written(part))
            targets = [part for s in stores for part in getattr(s.targets[0], "elts", [s.targets[0]])]
            return ([*targets, *_changed_in_place(body)], tags) if tags else None
    return None


def _comparison(m: Machine, frame: Frame, node: ast.If, part: ast.expr, test: Value) -> Comparison | None:
    """The comparison by size that a part of the condition is, or that a name stands for."""
    value = test if part is node.test else Value() if _calls(part) else m.evaluate(frame, part)
    return value.obj if isinstance(value.obj, Comparison) else None


def _calls(node: ast.AST) -> bool:
    """Whether evaluating an expression once more may do something once more."""
    return any(
        isinstance(n, (ast.Await, ast.NamedExpr))
        or (isinstance(n, ast.Call) and getattr(n.func, "attr", getattr(n.func, "id", "")) not in vocabulary.TOTALS)
        for n in ast.walk(node)
    )


def _stores_a_side(m: Machine, frame: Frame, value: ast.expr, part: ast.expr, compared: Comparison) -> bool:
    if _calls(value):  # what calls something is not done a second time: the same words in the condition say the same
        text = written(value)
        return any(isinstance(n, ast.expr) and written(n) == text for n in ast.walk(part))
    parts = value.elts if isinstance(value, ast.Tuple) else [value]
    stored = [m.evaluate(frame, part) for part in parts]
    return any(effects.same(one, side) or _is_of(m, one, side) for one in stored for side in compared.sides)


def _is_of(m: Machine, losses: Value, compared: Value) -> bool:
    """`if new.sum() < old.sum(): old = new`: losses whose total, or mean, is what is compared."""
    made = {t for t in losses.tags if isinstance(t, OfOutput)}
    return m.is_of_loss(losses) and m.is_of_loss(compared) and bool(made & compared.tags)


def _changed_in_place(body: Seq[ast.stmt]) -> list[ast.expr]:
    """The receivers of calls such as `best.copy_(loss)`."""
    called = [s.value for s in body if isinstance(s, ast.Expr) and isinstance(s.value, ast.Call)]
    return [c.func.value for c in called if isinstance(c.func, ast.Attribute) and c.func.attr.endswith("_")]
