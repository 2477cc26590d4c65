"""Reading an element or a slice: elements of containers, look-ups in count tables, the shifted slice of targets."""

from __future__ import annotations

import ast

from auditor.program.interpreter.language import binding, containers, enums, settling, special
from auditor.program.interpreter.language.iteration import varied
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring import (
    adapting,
    content,
    count_tables,
    doubts,
    effects,
    elements,
    recalled,
    told,
)
from auditor.program.interpreter.stream import epochs, ordering, ranks, reach, rounds, sliced, tokens
from auditor.program.joins import join
from auditor.program.tags import (
    HASHED_TARGET,
    LAST_ONE,
    LATER,
    LOSS,
    MASK,
    RANDOM,
    SHIFTED,
    SHORTENED,
    TAIL,
    TARGET,
    TRIMMED,
    VAL,
    Begun,
    OfOutput,
    has,
    joined_key,
)
from auditor.program.values import (
    Bound,
    Class,
    External,
    Frame,
    Function,
    Instance,
    Mapping,
    Sequence,
    Value,
    dependence,
    union,
    with_tags,
)


def subscript_expression(m: Machine, frame: Frame, node: ast.Subscript) -> Value:
    container = m.evaluate(frame, node.value)
    return subscript(m, frame, node, container)


def subscript(m: Machine, frame: Frame, node: ast.Subscript, container: Value) -> Value:
    result, index = _subscript(m, frame, node, container)
    if index is not None and (tags := recalled.read(m, frame, node, container, index)):
        result = with_tags(result, tags)
    if index is not None and result is not container:
        elements.element(m, frame, node, container, index, result)
    return result


def _subscript(m: Machine, frame: Frame, node: ast.Subscript, container: Value) -> tuple[Value, Value | None]:
    """The element, and the index where there is one."""
    obj = container.obj
    index_node = node.slice
    if isinstance(obj, Class):
        own = _of_class(m, frame, node, container, obj)
        return (own, None) if own is not None else (container, None)
    if isinstance(obj, Function) or (isinstance(obj, External) and obj.dotted != "os.environ"):
        return container, None  # a generic alias: list[int]
    if isinstance(obj, External):
        return effects.environment(m, frame, node, m.evaluate(frame, index_node), None), None
    index = index_value(m, frame, index_node)
    if m.loops and index.known and not isinstance(index_node, ast.Constant) and settling.differ(obj):
        settling.asked(m, index_node)
    if isinstance(obj, Mapping):
        count_tables.read(m, frame, node, container, index)
        if index.known and index.const in obj.items:
            return obj.items[index.const], index
        if (kind := containers.kept_apart(index)) in obj.items:
            return obj.items[kind], index
        if obj.makes is not None and _is_made(obj.makes, obj, index):
            made = m.call(frame, node, obj.makes, [], {})
            containers.store_key(container, index, made)
            return made, index
        if obj.other is not None:
            hit = obj.other
        else:
            hit = Value(container.tags)
            for item in varied(list(obj.items.values())):
                numbers = hit.known and item.known  # which of them is not known
                hit = join(hit, item) if hit.obj is not None or numbers else with_tags(item, container.tags)
        hit = containers.one_of(hit, index)
        hit = hit if index.known or hit.obj is not None else told.of(m, hit, told.asked(m, index))
        looked = count_tables.read(m, frame, node, container, index)
        hit = adapting.picked_by_loss(m, frame, node, container, index, hit)
        return (Value(hit.tags | looked | index.tags, base=hit.base) if looked else hit), index
    if isinstance(obj, Sequence):
        found = _sequence_item(m, obj, container, index, index_node)
        found = with_tags(found, doubts.of_some(m, frame, node, container, index, index_node))
        if marked := sliced.left_out(m, frame, node, container, index):
            assert isinstance(found.obj, Sequence)
            found.obj.items[:] = [with_tags(item, marked) for item in found.obj.items]
        return adapting.picked_by_loss(m, frame, node, container, index, found), index
    if container in m.extents.shapes and index.const == 0:
        rows = Value(tags=container.tags)
        m.extents.bound(rows, m.extents.shapes[container])
        return rows, index
    if (
        isinstance(container.const, (str, bytes))
        and (cut := _of_text(m, frame, container, index, index_node)) is not None
    ):
        return cut, None
    if isinstance(container.const, str) and index.known and isinstance(index.const, int):
        return Value(container.tags), index
    if isinstance(obj, tokens.Text):
        return Value(container.tags, obj=tokens.Text("{}")), None
    if m.loops and VAL in container.tags and not has(container.tags, OfOutput):
        index = _of_parts(m, index)
    of_index = (
        recalled.without(index.tags) if VAL in container.tags and not has(container.tags, OfOutput) else index.tags
    )
    tags = container.tags | (of_index - {MASK}) | tokens.span(index) | ordering.first_drawn(m, container.tags, index)
    tags |= count_tables.read(m, frame, node, container, index)
    if TARGET in container.tags or has(container.tags, OfOutput) or container.recipe is not None:
        tags |= tokens.left_out(index)
    tags |= content.cut_by_tokens(m, frame, node, container, index)
    tags |= doubts.selected(m, frame, node, container, index) | doubts.thinned(m, frame, node, container, index)
    if tokens.ends_early(index) and has(container.tags, OfOutput):
        tags |= {TRIMMED}
    of_tokens = VAL in container.tags and not has(tags, OfOutput)
    if of_tokens:
        if m.orders:
            ordering.indexed(m, container.tags, index.tags)
        tags |= tokens.places(index) | ranks.share(index.tags)
        if m.loops and container.recipe is None:
            m.walked(container.tags, index.tags)
        if RANDOM in index.tags:
            tags |= m.omitted(node, frame, "chance")
        tags |= ranks.shared(m, frame, node, container.tags, index.tags)
        if tokens.turns(index):
            tags |= doubts.turned(m, frame, node, container)
        if tokens.context_slice(index):
            tags |= {SHORTENED}
            m.shortened.add(container)
        tags = reach.cut(m, container, index, tags)
    if (VAL in container.tags or has(container.tags, OfOutput)) and (begun := tokens.begun(container, index)):
        tags = frozenset([t for t in tags if not isinstance(t, Begun)]) | begun
    if TARGET in container.tags and tokens.last_one(index):
        tags |= {LAST_ONE}
    if m.inside:
        pass  # what a model is given as targets are the targets, however it cuts them
    elif VAL in container.tags and (tokens.shifted(index) or SHIFTED in index.tags):
        tags = rounds.cut(m, (tags | {TARGET}) - {SHIFTED}, index)
    elif container in m.shortened and not {TARGET, SHORTENED} & tags and tokens.tail(index):
        tags = rounds.cut(m, tags | {TARGET, TAIL}, index)
    elif of_tokens and tokens.open_ended(index):
        tags |= {LATER}
    elif tokens.context_slice(index):
        tags -= {TARGET}
    elif of_tokens and isinstance(index.obj, tokens.Cut) and m.loops:
        tags = rounds.cut(m, tags, index)
    if isinstance(obj, Instance) and obj.cls is not None:
        if (whole := binding.as_tuple(container)) is not container:
            return _subscript(m, frame, node, whole)
        method = obj.cls.lookup("__getitem__")
        index = as_given(index)
        if method is not None:
            function = Value(obj=Bound(container, "__getitem__", _function_of(method)))
            return m.call(frame, node, function, [index], {}), None
        other = obj.cls.lookup("__missing__")
        if other is not None:
            return m.call(
                frame, node, Value(obj=Bound(container, "__missing__", _function_of(other))), [index], {}
            ), None
    if TARGET in index.tags and VAL in tags and has(container.tags, OfOutput):
        tags |= {LOSS}  # the target's entry of a distribution, however it was normalized
    fancy = VAL in index.tags and not isinstance(index_node, ast.Slice)
    selected = index.mutable and VAL not in tags  # some of an array of positions: still those positions
    position = (container.position or container) if selected else None
    base = None if fancy else container
    return Value(tags, base=base, mutable=container.mutable, position=position), index


def _of_parts(m: Machine, index: Value) -> Value:
    """An index into tokens, of the rounds that have a part of the stream to themselves."""
    tags = epochs.of_parts(m, index)
    if len(tags) == len(index.tags):
        return index
    return Value(tags, index.const, index.obj, index.base, index.mutable, index.recipe, index.position or index)


def _is_made(makes: Value, held: Mapping, index: Value) -> bool:
    """Whether a missing key gets a new element: of numbers that a library makes only where no key is unknown."""
    if isinstance(makes.obj, External):
        return held.other is None and isinstance(index.const, str)
    return held.other is None or index.known


def _of_class(m: Machine, frame: Frame, node: ast.Subscript, container: Value, cls: Class) -> Value | None:
    """What a class gives for an index, None where it is a generic alias."""
    if enums.is_enumeration(cls):
        return enums.by_name(cls, index_value(m, frame, node.slice))
    own = cls.lookup("__class_getitem__")
    if own is not None and isinstance(own.obj, Function):
        return m.invoke(frame, node, own.obj, container, [as_given(index_value(m, frame, node.slice))], {})
    if special.find(container, "__getitem__") is None:
        return None
    return special.special(m, frame, node, container, "__getitem__", [as_given(index_value(m, frame, node.slice))])


def _of_text(m: Machine, frame: Frame, container: Value, index: Value, node: ast.expr) -> Value | None:
    """An element or a slice of a known text."""
    key: object = index.const if index.known else None
    if isinstance(node, ast.Slice):
        parts = [
            m.evaluate(frame, p) if p is not None else Value(const=None) for p in (node.lower, node.upper, node.step)
        ]
        if not all(p.known and isinstance(p.const, (int, type(None))) for p in parts):
            return None
        key = slice(*[p.const for p in parts])
    if not isinstance(key, (int, slice)):
        return None
    try:
        return Value(container.tags, container.const[key])
    except (IndexError, ValueError):
        return None


def _function_of(value: Value) -> Function | None:
    return value.obj if isinstance(value.obj, Function) else None


def index_value(m: Machine, frame: Frame, node: ast.expr) -> Value:
    if isinstance(node, ast.Slice):
        lower, upper, step = (
            None if part is None else m.evaluate(frame, part) for part in (node.lower, node.upper, node.step)
        )
        tags = union(*(part for part in (lower, upper, step) if part is not None))
        # Where tokens are cut may hang on tokens (documents); it does not make targets of what is cut out.
        return Value(tags - {TARGET, HASHED_TARGET}, obj=tokens.Cut(lower, upper, step))
    if isinstance(node, ast.Tuple):
        parts = [index_value(m, frame, p) for p in node.elts]
        index = Value(joined_key(*(part.tags for part in parts)), obj=tokens.Axes(parts))
        index.tags |= tokens.span(index)
        return index
    value = m.evaluate(frame, node)
    if value.obj is not None:
        own = special.special(m, frame, node, value, "__index__", [])
        special.special(m, frame, node, value, "__hash__", [])
        return value if own is None else own
    return value


def as_given(index: Value) -> Value:
    """An index as a method of the program gets it: `held[a, b]` gives it a tuple."""
    return Value(index.tags, obj=Sequence(list(index.obj.parts))) if isinstance(index.obj, tokens.Axes) else index


def _sequence_item(m: Machine, obj: Sequence, container: Value, index: Value, node: ast.expr) -> Value:
    items = obj.items
    if isinstance(node, ast.Slice):
        tags = index.tags
        if (
            not index.tags
            and obj.exact
            and all(p is None or isinstance(p, ast.Constant) for p in (node.lower, node.upper))
            and node.step is None
        ):
            lower = node.lower.value if isinstance(node.lower, ast.Constant) else None
            upper = node.upper.value if isinstance(node.upper, ast.Constant) else None
            if isinstance(lower, int | None) and isinstance(upper, int | None):
                return Value(container.tags, obj=Sequence(items[lower:upper]))
        if isinstance(index.obj, tokens.Cut) and not obj.exact and index.obj.lower is None:
            return reach.first_of(m, container, items, index.obj.upper, tags)
        return Value(container.tags | tags, obj=Sequence([with_tags(i, tags) for i in items], exact=False))
    if isinstance(index.const, int) and obj.exact and -len(items) <= index.const < len(items):
        return with_tags(items[index.const], dependence(container))
    if not items:
        return Value(container.tags | index.tags)
    hit = items[0]
    for item in varied(items[1:], 15):
        hit = join(hit, item)
    if hit.obj is None and len(items) > 1:  # an unknown one of several tables: together they are one table
        hit = Value(hit.tags | container.tags, hit.const, base=container, mutable=True, recipe=container.recipe)
    return with_tags(hit, index.tags | dependence(container))
