"""Assignment, augmented assignment, and changes in place."""

from __future__ import annotations

import ast
from collections.abc import Mapping as Mapping_

from auditor.program.holdings import deep_tags
from auditor.program.interpreter import perhaps
from auditor.program.interpreter.language import callbacks, containers, indexing, operators, special
from auditor.program.interpreter.language.iteration import varied
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring import (
    adapting,
    beside,
    content,
    count_tables,
    doubts,
    effects,
    elements,
    entries,
    factors,
    measured,
    steering,
    unfollowed,
    weights,
)
from auditor.program.interpreter.stream import parts, ranks, rounds, skipping, tokens
from auditor.program.joins import MAX_ELEMENTS, bounded, join, options
from auditor.program.recipe.model import Node
from auditor.program.tags import (
    ALIGNED,
    ARTIFACT,
    BY_LOSS,
    HIDDEN,
    MASK,
    NONE,
    PARAMETER,
    TARGET,
    VAL,
    AdaptedBy,
    CutIn,
    InRound,
    OfOutput,
    OfSwitch,
    Tags,
    has,
)
from auditor.program.trace import SEES_LATER
from auditor.program.values import (
    UNKNOWN,
    Class,
    External,
    Frame,
    Function,
    Instance,
    Mapping,
    PyModule,
    Sequence,
    Value,
    dependence,
    union,
    with_tags,
)


def assign(m: Machine, frame: Frame, target: ast.expr, value: Value) -> None:
    if m.selections and isinstance(target, (ast.Name, ast.Attribute, ast.Subscript)):
        value = adapting.kept(m, value)
        value = steering.decided(m, value)
    if isinstance(target, ast.Name):
        scope = frame.nonlocal_names.get(target.id, frame)
        if (frame.owner is not None or frame is frame.globals) and target.id in m.overrides and value.obj is None:
            value = Value(value.tags | {OfSwitch(target.id)}, m.overrides[target.id])
        if m.claims:
            value = with_tags(value, m.claim_tags(frame, target.id))
        if scope is scope.globals or scope is not frame:
            m.rebinds(scope.names.get(target.id), value)
        if scope is not frame:
            perhaps.about(m, scope, target.id)
        scope.names[target.id] = value
    elif isinstance(target, (ast.Tuple, ast.List)):
        _unpack(m, frame, target.elts, value)
    elif isinstance(target, ast.Starred):
        assign(m, frame, target.value, value)
    elif isinstance(target, ast.Attribute):
        owner = m.evaluate(frame, target.value)
        store_attribute(m, frame, target, owner, target.attr, value)
    elif isinstance(target, ast.Subscript):
        _store(m, frame, target, value)


def store_attribute(m: Machine, frame: Frame, node: ast.AST, owner: Value, name: str, value: Value) -> None:
    """`owner.name = value`, whatever the owner is."""
    for option in options(owner):
        obj = option.obj
        if isinstance(obj, Instance):
            _store_in_instance(m, frame, node, option, obj, name, value)
        elif isinstance(obj, Function) and name == "__code__" and isinstance(value.obj, Function):
            m.rebinds(obj.attributes.get(name), value)
            obj.node, obj.unit, obj.frame = value.obj.node, value.obj.unit, value.obj.frame
        elif isinstance(obj, (Class, Function)):
            m.rebinds(obj.attributes.get(name), value)
            perhaps.about(m, obj, name)
            obj.attributes[name] = value
        elif isinstance(obj, External):
            _patch(m, frame, node, f"{obj.dotted}.{name}", value)
        elif isinstance(obj, PyModule):
            m.rebinds(obj.frame.names.get(name), value)
            perhaps.about(m, obj.frame, name)
            obj.frame.names[name] = value
        elif name == "data":
            weights.rebound(m, frame, node, option, value)
            mutate(m, option, value, replace=True, at=(frame, node))
        elif name != "grad" and obj is None and not option.known and not weights.is_weight(option):
            option.tags |= frozenset([t for t in deep_tags(value, 1) if t in _OF_TOKENS or isinstance(t, _IN_ROUNDS)])


_OF_TOKENS, _IN_ROUNDS = frozenset({VAL, TARGET}), (CutIn, InRound)
"""What something of which nothing is known tells of the tokens that it is given to hold."""


def _patch(m: Machine, frame: Frame, node: ast.AST, dotted: str, value: Value) -> None:
    """`library.name = value`: whatever calls it there may call it from here on."""
    dotted = dotted.replace(".__dict__", "")
    m.patch(frame, node, dotted, value)
    if dotted.partition(".")[0] in ("torch", "numpy", "math"):
        return
    if callbacks.callable_of_program(value):
        m.call(frame, node, value, [Value() for _ in range(callbacks.positional(value) or 0)], {})
    callbacks.called_back(m, frame, node, value)


def patch_all(m: Machine, frame: Frame, node: ast.AST, dotted: str, named: Mapping_[str, Value]) -> None:
    """`vars(library).update(name=value)`."""
    for name, value in named.items():
        _patch(m, frame, node, f"{dotted}.{name}", value)


def _store_in_instance(
    m: Machine, frame: Frame, node: ast.AST, owner: Value, instance: Instance, name: str, value: Value
) -> None:
    cls = instance.cls
    if cls is not None:
        hit = cls.lookup(name)
        if hit is not None and isinstance(hit.obj, Function) and "__set__" in hit.obj.attributes:
            m.call(frame, node, hit.obj.attributes["__set__"], [owner, value], {})
            return
        if hit is not None and special.special(m, frame, node, hit, "__set__", [owner, value]) is not None:
            return
        own = cls.lookup("__setattr__")
        if own is not None and isinstance(own.obj, Function) and own.obj.node not in m.calls:
            m.invoke(frame, node, own.obj, owner, [Value(const=name), value], {})
            return
    if name == "__class__" and isinstance(value.obj, Class):
        m.rebinds(None, value)
        instance.cls = value.obj
        return
    weights.replaced(m, frame, node, owner, value)
    if (before := instance.attributes.get(name)) is not None:
        weights.exchanged(m, frame, node, before, value)
    m.write_attribute(instance, name, value)


def _unpack(m: Machine, frame: Frame, targets: list[ast.expr], value: Value) -> None:
    value = special.iterable(m, frame, targets[0], value)
    obj = value.obj
    items: list[Value]
    starred = next((i for i, t in enumerate(targets) if isinstance(t, ast.Starred)), None)
    if isinstance(obj, Sequence) and obj.exact and starred is None and len(obj.items) == len(targets):
        items = [with_tags(item, dependence(value)) for item in obj.items]
    elif isinstance(obj, Sequence) and obj.exact and starred is not None and len(obj.items) >= len(targets) - 1:
        tail = len(targets) - starred - 1
        middle = obj.items[starred : len(obj.items) - tail]
        items = [
            *obj.items[:starred],
            Value(union(*middle), obj=Sequence(list(middle))),
            *obj.items[len(obj.items) - tail :],
        ]
    elif isinstance(obj, Sequence) and obj.items:
        one = obj.items[0]
        for item in varied(obj.items[1:]):
            one = join(one, item)
        items = [with_tags(one, value.tags)] * len(targets)
    else:
        items = [
            Value(value.tags, base=value.base, mutable=value.mutable, recipe=entries.at(value.recipe, i))
            for i in range(len(targets))
        ]
    for target, item in zip(targets, items, strict=False):
        assign(m, frame, target, item)


def _store(m: Machine, frame: Frame, target: ast.Subscript, value: Value) -> None:
    container = m.evaluate(frame, target.value)
    index = indexing.index_value(m, frame, target.slice)
    obj = container.obj
    if isinstance(obj, External) and obj.dotted == "os.environ":
        if isinstance(index.const, str):
            m.files[f"environ:{index.const}"] = m.files.get(f"environ:{index.const}", NONE) | deep_tags(value)
        return
    if isinstance(obj, External) and obj.dotted.endswith(".__dict__") and isinstance(index.const, str):
        _patch(m, frame, target, f"{obj.dotted}.{index.const}", value)
        return
    if special.special(m, frame, target, container, "__setitem__", [indexing.as_given(index), value]) is not None:
        return
    unfollowed.sent(m, frame, target, container, [value])
    whole = content.of_the_stream(m, container)
    count_tables.write(m, container, index, value)
    steering.stored(m, container, value)
    m.changed(None, value)
    perhaps.about_to_change(m, obj)
    if isinstance(obj, Mapping) and obj.of is not None and isinstance(index.const, str):
        store_attribute(m, frame, target, obj.of, index.const, value)
    elif isinstance(obj, (Mapping, Sequence)):
        for held in _held_at(obj, index):
            weights.exchanged(m, frame, target, held, value)
        put(container, index, value)
    else:
        added = rounds.placed(m, deep_tags(value, 1), index) | (index.tags - {MASK}) | tokens.span(index)
        added |= doubts.replaced(m, frame, target, container, index, value)
        added |= content.told_ahead(m, frame, target, container, index)
        if TARGET in container.tags and not has(container.tags, OfOutput):
            added |= parts.left_out(m, frame, target, container, index, value)
        if MASK in index.tags or isinstance(index.obj, tokens.Cut):
            added |= factors.widened(m, frame, target, container)
        if TARGET in added and tokens.shifted(index):
            added |= {ALIGNED}
        by_mask = VAL in container.tags or MASK in index.tags
        if by_mask and VAL not in value.tags and not has(container.tags, OfOutput) and not weights.is_weight(container):
            added -= {VAL, TARGET}
            added |= {HIDDEN} if VAL in container.tags else NONE
        if by_mask and whole:
            added |= content.by_their_content(m, frame, target)
        mutate(m, container, Value(added), at=(frame, target))
        elements.stored(container, index, value)


def _held_at(obj: Mapping | Sequence, index: Value) -> list[Value]:
    """What is kept there, or may be."""
    if isinstance(obj, Mapping):
        return [obj.items[index.const]] if index.known and index.const in obj.items else []
    known = isinstance(index.const, int) and obj.exact and -len(obj.items) <= index.const < len(obj.items)
    return [obj.items[index.const]] if known else varied(obj.items)


def put(container: Value, index: Value, value: Value) -> None:
    """`container[index] = value`, of a list or dict."""
    obj = container.obj
    if isinstance(obj, Mapping):
        containers.store_key(container, index, value)
    elif isinstance(obj, Sequence):
        if isinstance(index.const, int) and obj.exact and -len(obj.items) <= index.const < len(obj.items):
            obj.items[index.const] = value
        else:
            several = value.obj.items if isinstance(index.obj, tokens.Cut) and isinstance(value.obj, Sequence) else None
            for one in varied(several) if several is not None else [value]:
                obj.items = [join(item, one) for item in bounded(obj.items)] or [one]
            obj.exact = obj.exact and several is None
        container.tags |= value.tags


def mark(m: Machine, frame: Frame, target: ast.expr, tags: Tags) -> None:
    """Give what a name or element holds more tags."""
    value = m.evaluate(frame, target)
    if isinstance(target, ast.Name):
        assign(m, frame, target, with_tags(value, tags))
    else:
        mutate(m, value, Value(tags))


def augmented(m: Machine, frame: Frame, node: ast.AugAssign) -> None:
    operand = m.evaluate(frame, node.value)
    operand = with_tags(operand, skipping.of_rounds(m, operand))
    if isinstance(node.op, ast.Add):
        operand = with_tags(operand, beside.cut_apart(m, frame, node, operand))
    if isinstance(node.target, ast.Subscript):
        container = m.evaluate(frame, node.target.value)
        index = indexing.index_value(m, frame, node.target.slice)
        count_tables.write(m, container, index)
        steering.stored(m, container, operand)
        if m.selections:
            steering.stored(m, container, Value(frozenset({BY_LOSS})))
        if isinstance(container.obj, (Mapping, Sequence)) and VAL not in index.tags:
            element = indexing.subscript(m, frame, node.target, container)
            count_tables.grow(m, element, operand)
            total = measured.augmented(m, frame, node, element, operand)
            now = operators.binary(m, frame, node, node.op, element, operand)
            total = total or now.recipe
            mutate(m, element, Value(operand.tags - {TARGET}))
            perhaps.about_to_change(m, container.obj)
            if not element.mutable:
                made = Value(element.tags | operand.tags, now.const, mutable=operand.mutable, recipe=total)
                made.position = now.position
                put(container, index, made)
            elif total is not None:
                element.recipe = total
        elif isinstance(container.obj, Mapping):
            total = measured.augmented(m, frame, node, Value(), operand)
            containers.store_key(container, index, Value(operand.tags, mutable=operand.mutable, recipe=total))
        else:
            current = entries.begun(container, index)
            if current is None and container.recipe is not None and not isinstance(node.op, ast.Add):
                current = Value(recipe=container.recipe)  # whichever of its elements it is
                container.recipe = None
            total = None if current is None else _total(m, frame, node, current, operand)
            added = operand.tags | index.tags
            if MASK in index.tags or isinstance(index.obj, tokens.Cut):
                added |= factors.widened(m, frame, node, container)
            added |= content.told_ahead(m, frame, node, container, index)
            if TARGET in added and has(container.tags, OfOutput) and tokens.moved_on(index):
                why = "it is made of tokens that stand further on, and is added further on"
                added = (added - {TARGET}) | m.doubt(
                    node, frame, "what is added to a model's output", why, against=SEES_LATER
                )
            if isinstance(container.obj, Sequence):  # a key of tokens: which of its numbers grows is not known
                perhaps.about_to_change(m, container.obj)
                container.obj.items = [Value(i.tags, obj=i.obj, mutable=i.mutable) for i in container.obj.items[:1]]
                container.obj.exact = False
            mutate(m, container, Value(added), at=(frame, node))
            elements.stored(container, index, operand if current is None else Value(recipe=total))
        effects.accumulated(m, frame, node, operand)
        return
    current = m.evaluate(frame, node.target)
    name = special.BINARY.get(type(node.op), "")
    own = special.special(m, frame, node, current, f"__i{name}__", [operand])
    if own is not None:
        assign(m, frame, node.target, own)
        return
    effects.accumulated(m, frame, node, operand)
    count_tables.grow(m, current, operand)
    if current.mutable and not current.known:
        result = operators.binary(m, frame, node, node.op, current, operand)
        total = measured.augmented(m, frame, node, current, operand)
        mutate(m, current, Value(result.tags), at=(frame, node))
        current.recipe = total or result.recipe or current.recipe
        return
    if isinstance(current.obj, Sequence) and isinstance(operand.obj, Sequence):
        m.changed(None, operand)
        perhaps.about_to_change(m, current.obj)
        items = [*current.obj.items, *operand.obj.items]
        current.obj.items[:] = bounded(items)
        current.obj.exact = current.obj.exact and operand.obj.exact and len(items) <= MAX_ELEMENTS
        current.tags |= operand.tags
        return
    result = operators.binary(m, frame, node, node.op, current, operand)
    result.recipe = measured.augmented(m, frame, node, current, operand) or result.recipe
    if VAL in operand.tags or operand.mutable:
        result.mutable = True
    assign(m, frame, node.target, result)


def _total(m: Machine, frame: Frame, node: ast.AugAssign, current: Value, operand: Value) -> Node | None:
    """What an element measures after `element += operand`, or whatever the operator is."""
    total = measured.augmented(m, frame, node, current, operand)
    return total or operators.binary(m, frame, node, node.op, current, operand).recipe


def mutate(
    m: Machine, value: Value, source: Value, *, replace: bool = False, at: tuple[Frame, ast.AST] | None = None
) -> None:
    """Change a value in place: views write through, and a module's parameters take the source's adaptations.

    `at` is where, for a change that may be an adaptation.
    """
    tags = deep_tags(source, 1)
    if at is not None:
        tags = weights.written(m, *at, value, tags)
    if value.known or (VAL in tags and VAL not in value.tags):
        m.changes += 1
    seen: Value | None = value
    for _ in range(16):
        if seen is None:
            return
        if isinstance(seen.obj, Instance):
            if seen.obj.kind == "module":
                if m.apart and PARAMETER in value.tags and not m.stepping:  # a step is shared out, and put together
                    ranks.written(m, [seen.obj])
                adapted = {t.number for t in tags if isinstance(t, AdaptedBy)}
                if ARTIFACT in tags and PARAMETER in value.tags:
                    seen.obj.read_back = True
                    if at is not None:
                        m.load(at[1], at[0], read_back=True)
                if m.selections and PARAMETER in value.tags:
                    adapted.add(adapting.selected(m, seen))
                # Refilling a buffer leaves the parameters as they are.
                if replace and not m.unsure and PARAMETER in value.tags:
                    seen.obj.adapted = adapted
                else:
                    seen.obj.adapted |= adapted
            return
        if replace and seen is value and not m.unsure:
            keep = frozenset([t for t in seen.tags if isinstance(t, OfSwitch) or t == PARAMETER])
            seen.tags = keep | tags
        else:
            seen.tags |= tags
        seen.const = UNKNOWN
        seen = seen.base
