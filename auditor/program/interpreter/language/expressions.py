"""Abstract evaluation of expressions."""

from __future__ import annotations

import ast
from typing import Any

from auditor.program.holdings import deep_tags
from auditor.program.interpreter.language import (
    assignment,
    calls,
    comparisons,
    containers,
    indexing,
    operators,
    special,
)
from auditor.program.interpreter.language.iteration import UNROLL, elements, iterations, rounds
from auditor.program.interpreter.machine import MAX_STEPS, MAX_TAGS, TOO_ENTANGLED, TOO_LONG, Budget, Machine
from auditor.program.interpreter.scoring import content, measured, told
from auditor.program.interpreter.stream import skipping, tokens
from auditor.program.recipe.model import Node, Op, What
from auditor.program.tags import ARTIFACT, NONE, PARTIAL, VAL, OfOutput
from auditor.program.values import External, Frame, Function, Instance, Mapping, Sequence, Value, union, with_tags
from auditor.source.index import of_type

_STATE = (Instance, Sequence, Mapping, type(None))
"""What can be changed in place, tensors included: of such a name from outside a function it is not enough that it is
the same."""


def evaluate(m: Machine, frame: Frame, node: ast.expr) -> Value:
    m.steps += 1
    if m.steps > MAX_STEPS:
        raise Budget(TOO_LONG)
    kind = type(node)
    if kind is ast.Name and (local := frame.names.get(node.id)) is not None:  # type: ignore[attr-defined]
        value: Value = local  # nearly half of all expressions
    else:
        handler = _HANDLERS.get(kind)
        if handler is None:
            return Value()
        value = handler(m, frame, node)
    tags = value.tags
    if tags:
        if len(tags) > MAX_TAGS:
            raise Budget(TOO_ENTANGLED)
        if VAL in tags:
            m.touched += 1
    return value


_BITS = 1000  # of an integer that is known: a larger one is no float, and no size, seed or token of anything


def _constant(m: Machine, frame: Frame, node: ast.Constant) -> Value:
    if isinstance(node.value, int) and node.value.bit_length() > _BITS:
        return Value()
    return tokens.constant(node.value)


def _name(m: Machine, frame: Frame, node: ast.Name) -> Value:
    hit = frame.find(node.id)
    if hit is not None:
        if isinstance(hit.obj, _STATE) and not hit.known and hit is frame.globals.names.get(node.id):
            m.shared += 1
        return hit
    if node.id == "__name__":
        return Value(const="__main__" if frame.unit is m.sources.entry else frame.unit.module)
    if node.id == "__file__":
        return Value(const=frame.unit.path)
    dotted = f"builtins.{node.id}"
    return m.patched.get(dotted) or Value(obj=External(dotted))


def _attribute(m: Machine, frame: Frame, node: ast.Attribute) -> Value:
    return m.attribute(frame, node, evaluate(m, frame, node.value), node.attr)


def _sequence(m: Machine, frame: Frame, node: ast.Tuple | ast.List | ast.Set) -> Value:
    items: list[Value] = []
    exact = True
    for element in node.elts:
        if isinstance(element, ast.Starred):
            inner = special.iterable(m, frame, node, evaluate(m, frame, element.value))
            exact = exact and isinstance(inner.obj, Sequence) and inner.obj.exact
            items.extend(elements(inner) if not isinstance(inner.obj, Sequence) else inner.obj.items)
        else:
            items.append(evaluate(m, frame, element))
    if isinstance(node, ast.Set):
        for item in items:
            special.special(m, frame, node, item, "__hash__", [])
    if len(items) > max(tokens.MAX_ITEMS, len(node.elts)):
        items, exact = items[: tokens.MAX_ITEMS], False
    return Value(obj=Sequence(items, exact), tags=union(*items) if len(items) <= 64 else NONE)


def _dict(m: Machine, frame: Frame, node: ast.Dict) -> Value:
    mapping = Mapping()
    value = Value(obj=mapping)
    for key, item in zip(node.keys, node.values, strict=True):
        content = evaluate(m, frame, item)
        if key is None:
            if isinstance(content.obj, Mapping):
                mapping.items.update(content.obj.items)
            mapping.other = content.obj.other if isinstance(content.obj, Mapping) else content
            continue
        named = evaluate(m, frame, key)
        special.special(m, frame, node, named, "__hash__", [])
        containers.store_key(value, named, content)
    return value


def _joined(m: Machine, frame: Frame, node: ast.JoinedStr) -> Value:
    parts: list[str] = []
    line = Node(Op.LINE, (), What.TEXT)
    tags = NONE
    exact = True
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value))
            line = measured.followed_by(line, str(part.value))
            continue
        value = _formatted(m, frame, part) if isinstance(part, ast.FormattedValue) else Value()
        if parts and tokens.BPB.search(parts[-1]) and not any(isinstance(t, OfOutput) for t in deep_tags(value, 1)):
            tags |= {tokens.UNSCORED}
        tags |= deep_tags(value, 1)
        line = measured.followed_by(line, value)
        shown = tokens.printed(value.const) if not getattr(part, "format_spec", None) else None
        if shown is not None:
            parts.append(shown)
        else:
            parts.append(tokens.text_of(value) if isinstance(value.obj, tokens.Text) else "{}")
            exact = False
    text = tokens.made(tags, parts, exact=exact)
    if not text.known and VAL in tags:
        text.recipe = line
    return text


def _formatted(m: Machine, frame: Frame, node: ast.FormattedValue) -> Value:
    value = evaluate(m, frame, node.value)
    spec = evaluate(m, frame, node.format_spec) if node.format_spec is not None else Value(const="")
    own = special.text(m, frame, node, value, spec if node.conversion == -1 else None)
    return value if own is None else with_tags(own, value.tags)


def _comprehension(m: Machine, frame: Frame, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:
    items, exact = _generate(m, frame, node, node.generators, [node.elt])
    made = Value(union(*[i[0] for i in items]), obj=Sequence([i[0] for i in items], exact))
    return content.once_each(m, frame, node, made) if isinstance(node, ast.SetComp) else made


def _dict_comprehension(m: Machine, frame: Frame, node: ast.DictComp) -> Value:
    items, _ = _generate(m, frame, node, node.generators, [node.key, node.value])
    value = Value(obj=Mapping())
    for key, item in items:
        containers.store_key(value, key, item)
    tests = [test for generator in node.generators for test in generator.ifs]
    if any(any(of_type(test, ast.Constant)) for test in tests) and any(ARTIFACT in item.tags for _, item in items):
        value.tags |= {PARTIAL}
    return value


def _generate(
    m: Machine, frame: Frame, node: ast.expr, generators: list[ast.comprehension], parts: list[ast.expr]
) -> tuple[list[tuple[Value, ...]], bool]:
    scope = Frame(frame.unit, frame, frame.globals)
    scope.owner = frame.owner
    found: list[tuple[Value, ...]] = []
    exact = True

    def run(i: int) -> None:
        nonlocal exact
        if i == len(generators):
            found.append(tuple(evaluate(m, scope, part) for part in parts))
            return
        generator = generators[i]
        iterable = _spelled_out(special.iterable(m, scope, node, evaluate(m, scope, generator.iter)))
        known = isinstance(iterable.obj, Sequence) and iterable.obj.exact and len(iterable.obj.items) <= 4
        exact = exact and known and not generator.ifs
        count = min(len(elements(iterable)), rounds(m, scope, node))
        for n, element in enumerate(iterations(m, scope, node, iterable), start=1):
            if not known and n < count:
                continue  # the general element stands for all of them
            assignment.assign(m, scope, generator.target, element)
            tests = [evaluate(m, scope, test) for test in generator.ifs]
            if all(comparisons.truth(m, scope, *pair) is not False for pair in zip(generator.ifs, tests, strict=True)):
                made = len(found)
                run(i + 1)
                if tells := union(*(Value(told.asked(m, test)) for test in tests)):
                    found[made:] = [tuple(told.of(m, part, tells) for part in one) for one in found[made:]]
                skipping.filtered(m, scope, generator, tests, found, made)

    run(0)
    return found, exact


def _spelled_out(iterable: Value) -> Value:
    """`range(3)`: its numbers, so that each of what is made for them is one by itself."""
    if not isinstance(iterable.const, range) or len(iterable.const) > UNROLL:
        return iterable
    return Value(iterable.tags, obj=Sequence([Value(iterable.tags, i) for i in iterable.const]))


def _lambda(m: Machine, frame: Frame, node: ast.Lambda) -> Value:
    return Value(obj=Function(node, frame.unit, frame, None, "<lambda>"))


def _named(m: Machine, frame: Frame, node: ast.NamedExpr) -> Value:
    value = evaluate(m, frame, node.value)
    assignment.assign(m, frame, node.target, value)
    return value


def _is_told(m: Machine, loop: int) -> bool:
    """A loop of one round at most."""
    span = m.ranges.get(loop)
    return span is not None and len(span) <= 1


def _yield(m: Machine, frame: Frame, node: ast.Yield | ast.YieldFrom) -> Value:
    value = evaluate(m, frame, node.value) if node.value is not None else Value(const=None)
    scope = frame
    scope.some |= bool(m.unsure) or not all(_is_told(m, loop.instance) for loop in m.loops[scope.loops :])
    if m.contexts and m.calls and m.calls[-1] is m.contexts[-1][0]:
        m.contexts.pop()[1](value)  # the block of a `with` runs here
    if isinstance(node, ast.YieldFrom):
        scope.yields.extend(elements(special.iterable(m, frame, node, value)))
    else:
        scope.yields.append(value)
    return m.sent if m.sent is not None else Value()


def _awaited(m: Machine, frame: Frame, node: ast.Await) -> Value:
    value = evaluate(m, frame, node.value)
    own = special.special(m, frame, node, value, "__await__", [])
    return value if own is None else own


def _wrapped(m: Machine, frame: Frame, node: Any) -> Value:
    return evaluate(m, frame, node.value)


_HANDLERS: dict[type[ast.expr], Any] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.BinOp: operators.binary_expression,
    ast.UnaryOp: operators.unary,
    ast.BoolOp: operators.boolean,
    ast.Compare: comparisons.compare,
    ast.IfExp: operators.if_expression,
    ast.Tuple: _sequence,
    ast.List: _sequence,
    ast.Set: _sequence,
    ast.Dict: _dict,
    ast.JoinedStr: _joined,
    ast.FormattedValue: _wrapped,
    ast.Subscript: indexing.subscript_expression,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _dict_comprehension,
    ast.Lambda: _lambda,
    ast.NamedExpr: _named,
    ast.Yield: _yield,
    ast.YieldFrom: _yield,
    ast.Await: _awaited,
    ast.Starred: _wrapped,
    ast.Call: calls.call_node,
    ast.Slice: indexing.index_value,
}
