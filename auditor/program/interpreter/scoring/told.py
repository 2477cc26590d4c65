"""What a condition decides that asks tokens which are yet to be scored: it tells of them as if it were made of them.

`if y[i] == 0: logits[i] += 0.1` puts the target into the logits as a sum would. What a condition on a target of an
earlier round has decided is kept along the stream, and may be.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from auditor.program.interpreter.completion import BREAK
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring import axes, recalled
from auditor.program.interpreter.scoring.recipes import node_of
from auditor.program.interpreter.stream import rounds
from auditor.program.recipe.model import Node, Op, Sees, What, sees_of
from auditor.program.syntax import called
from auditor.program.tags import LOSS, NONE, TARGET, VAL, CutIn, InRound, OfOutput, Pooled, Tags, has
from auditor.program.values import Conditions, Frame, Value, union, with_tags
from auditor.source.index import of_type, walk

_CARRIED = (InRound, CutIn)
_FAILING = 0  # no loop's number
_APART = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def chosen(m: Machine, frame: Frame, node: ast.IfExp, test: Value, made: Value) -> Value:
    """`0.9 if (y == 3).any() else 1.0`"""
    return of(m, made, asked(m, test) | _pooled(m, frame, node, test, made)) if made.obj is None else made


def of(m: Machine, value: Value, tags: Tags) -> Value:
    """The value, with what a condition has told of it: within a model, its recipe sees the targets as well."""
    made = with_tags(value, tags)
    if not m.inside or TARGET not in tags or value.obj is not None:
        return made
    nodes = (node_of(value) or Node(Op.NAME, ()), Node(Op.TOKENS, (), What.TOKENS, sees=Sees.TARGET, text="y"))
    made.recipe = Node(Op.FUNCTION, nodes, nodes[0].what, sees=sees_of(nodes), text="told by")
    return made


def rounds_of(m: Machine, frame: Frame, loop: ast.For | ast.AsyncFor) -> Tags:
    """`for _ in range(int(y[0]))`: what the number of rounds of a loop tells, within a model."""
    over = loop.iter
    if not m.inside or not isinstance(over, ast.Call) or called(over) != "range":
        return NONE
    return union(*(Value(asked(m, m.evaluate(frame, argument))) for argument in over.args))


def _pooled(m: Machine, frame: Frame, node: ast.AST, test: Value, value: Value) -> Tags:
    """What a condition on a statistic over the window decides: of the same window, or a number that may meet it."""
    if m.inside or LOSS in test.tags:
        return NONE
    found: frozenset[Pooled] = frozenset([t for t in test.tags if isinstance(t, Pooled)])
    if any(axes.is_of(m, t, value.tags) for t in found) and LOSS not in value.tags:
        why = "a statistic over all positions of the window decides it, so that later tokens do"
        return m.doubt(node, frame, "what is done to the model's output", why)
    return found | frozenset([t for t in test.tags if found and isinstance(t, OfOutput)])


def by_statistics(m: Machine, frame: Frame, node: ast.If, test: Value) -> None:
    """What both arms of a condition on a statistic over the window leave."""
    if test.known or not has(test.tags, Pooled):
        return
    for name, _ in dict.fromkeys(_stored([*node.body, *node.orelse])):
        value = frame.names.get(name)
        if value is not None and value.obj is None and (tags := _pooled(m, frame, node, test, value)):
            frame.names[name] = with_tags(value, tags)


def returned(m: Machine, frame: Frame, node: ast.If, test: Value) -> None:
    """`if tokens[0] == 3: return 0.9`: whatever number the function gives from here on tells of the targets.

    So does what is caught, where one of the arms raises.
    """
    tells = asked(m, test)
    if tells and any(True for _ in of_type(node, ast.Return)):
        frame.settled |= tells
        if m.inside:
            why = "the model returns one thing or another by what the targets are"
            frame.gates |= m.doubt(node, frame, "what the model makes of its loss", why)
    if tells and any(True for _ in of_type(node, ast.Raise)):
        failing(m, tells)


def failing(m: Machine, tells: Tags) -> None:
    """Something fails, or does not, by a condition on targets."""
    m.told[_FAILING] = m.told.get(_FAILING, NONE) | tells


def caught(m: Machine, frame: Frame, node: ast.Try) -> None:
    """After a `try`: what it has stored, where the targets told whether it fails."""
    tells = m.told.pop(_FAILING, NONE)
    if tells and node.handlers:
        handled = [statement for handler in node.handlers for statement in handler.body]
        decided(m, frame, [*node.body, *handled, *node.orelse], tells)


def asked(m: Machine, test: Value) -> Tags:
    """What a condition tells of the targets that are in hand; nothing where it asks none of them."""
    if test.known:
        return NONE
    if isinstance(test.obj, Conditions):
        return union(*(Value(asked(m, part)) for _, part in test.obj.parts))
    if m.inside:  # a forward pass that is given the targets: whatever it asks of them
        return frozenset({TARGET}) if TARGET in test.tags and LOSS not in test.tags else NONE
    if VAL not in test.tags or has(test.tags, OfOutput) or not rounds.in_hand(m, test.tags):
        return recalled.tells(test.tags)
    return recalled.tells(test.tags) | frozenset(
        [t for t in test.tags if t in (VAL, TARGET) or isinstance(t, _CARRIED)]
    )


def decided(m: Machine, frame: Frame, body: Sequence[ast.stmt], tags: Tags) -> None:
    """What was computed under the condition: plain values by their names, and what a model gave, changed in place."""
    for name, in_place in dict.fromkeys(_stored(body)):
        value = frame.names.get(name)
        if value is None or value.obj is not None:
            continue
        if in_place and not m.inside:
            value.tags |= tags if has(value.tags, OfOutput) else NONE
        else:
            frame.names[name] = of(m, value, tags)


def ended(m: Machine, how: int, tags: Tags) -> None:
    """An arm ends the loop: how far it came tells of the targets."""
    if tags and how & BREAK and m.loops:
        m.told[m.loops[-1].instance] = tags


def looped(m: Machine, frame: Frame, loop: ast.For | ast.AsyncFor | ast.While, instance: int, tags: Tags) -> None:
    """After a loop that a condition on targets has ended, or kept going: what it has counted."""
    tags |= m.told.pop(instance, NONE)
    if tags:
        target = [] if isinstance(loop, ast.While) else [ast.Assign([loop.target], loop.iter)]
        decided(m, frame, [*target, *loop.body], tags)


def _stored(body: Sequence[ast.stmt]) -> Iterator[tuple[str, bool]]:
    """(name, whether it is changed in place) of what statements store."""
    for statement in body:
        if isinstance(statement, _APART):
            continue
        for node in walk(statement):
            targets: list[ast.expr] = []
            if isinstance(node, ast.Assign):
                targets = node.targets
            elif isinstance(node, (ast.AugAssign, ast.AnnAssign, ast.NamedExpr)):
                targets = [node.target]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr.endswith("_"):
                yield from _named(node.func.value, in_place=True)
            for target in targets:
                parts = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
                for part in parts:
                    yield from _named(part, in_place=False)


def _named(target: ast.expr, *, in_place: bool) -> Iterator[tuple[str, bool]]:
    while isinstance(target, (ast.Subscript, ast.Starred)):
        target, in_place = target.value, in_place or isinstance(target, ast.Subscript)
    if isinstance(target, ast.Name):
        yield target.id, in_place
