"""Changes of weights that no optimizer makes: what is written into a parameter, and where it came from."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from auditor.program.holdings import deep_tags, leaves, module_parts
from auditor.program.interpreter.libraries import files
from auditor.program.interpreter.machine import Machine, Pending, root
from auditor.program.interpreter.scoring import adapting, trained
from auditor.program.interpreter.stream import ranks
from auditor.program.joins import options
from auditor.program.tags import (
    ARTIFACT,
    BY_LOSS,
    COPIED,
    NONE,
    OUTSIDE,
    PACKED,
    PARAMETER,
    PARTIAL,
    VAL,
    AdaptedBy,
    GradientOf,
    Tags,
    has,
)
from auditor.program.trace import OTHER_WEIGHTS
from auditor.program.values import Frame, Instance, Mapping, Value

_PARAMETER = PARAMETER


def is_weight(value: Value) -> bool:
    """A parameter of a module, a view into one, or a tensor that is a parameter by itself."""
    r = root(value)
    if isinstance(r.obj, Instance):
        return r.obj.kind == "module" and r is not value and _PARAMETER in value.tags
    return r.obj is None and r.mutable and _PARAMETER in r.tags


def written(m: Machine, frame: Frame, node: ast.AST, target: Value, tags: Tags) -> Tags:
    """The tags of what is written into the target; with an adaptation's, if validation tokens get into weights so."""
    if m.stepping or not is_weight(target):
        return tags
    trained.moved(root(target))
    _from_memory(m, frame, node, target, tags)
    pending = _cause(m, frame, node, target, tags)
    if pending is None:
        return tags
    _adapted(m, frame, node, pending, root(target))
    return frozenset([t for t in tags if not isinstance(t, GradientOf)]) | {AdaptedBy(m.last)}


def _from_memory(m: Machine, frame: Frame, node: ast.AST, target: Value, tags: Tags) -> None:
    """Weights that were read back from the artifact take the values of others, which were not."""
    into = root(target).obj
    kept = not isinstance(into, Instance) or not into.read_back or ARTIFACT in tags or has(tags, AdaptedBy)
    if _PARAMETER in tags and not kept and not has(tags, GradientOf):
        m.unfollowed(node, frame, _PLACE, _IN_MEMORY, {"weights"}, against=OTHER_WEIGHTS)


def rebound(m: Machine, frame: Frame, node: ast.AST, target: Value, source: Value) -> None:
    """`p.data = held`: the parameter shows other memory from here on; what it showed before keeps what it holds."""
    into, of = root(target).obj, root(source).obj
    if not is_weight(target) or not isinstance(into, Instance) or not into.read_back:
        return
    seen: Value | None = source
    while seen is not None and seen is not target:
        seen = seen.base
    if isinstance(of, Instance) and of.kind == "module" and seen is None and ARTIFACT not in source.tags:
        m.unfollowed(node, frame, _PLACE, _IN_MEMORY, {"weights"}, against=OTHER_WEIGHTS)


def exchanged(m: Machine, frame: Frame, node: ast.AST, before: Value, value: Value) -> None:
    """A part of a module takes the place of one whose weights were read back."""
    if m.inside or not any(part.read_back for part in _parts(before)):
        return
    if any((part.trained or part.moved) and not part.read_back for part in _parts(value)):
        m.unfollowed(node, frame, _PLACE, _IN_MEMORY, {"weights"}, against=OTHER_WEIGHTS)


def _parts(value: Value) -> list[Instance]:
    modules = [leaf.obj for leaf in leaves(value, 2) if isinstance(leaf.obj, Instance) and leaf.obj.kind == "module"]
    return [part for module in modules for part in module_parts(module)]


_PLACE = "weights that take the place of those read back"
_IN_MEMORY = "they were in memory, and are none that the artifact holds"


def _cause(m: Machine, frame: Frame, node: ast.AST, target: Value, tags: Tags) -> Pending | None:
    """What makes the write an adaptation: gradients of validation tokens, or values that those tokens went into."""
    if has(tags, GradientOf):
        return m.validation_gradients()
    chosen = BY_LOSS in tags and not has(tags, AdaptedBy)
    if (VAL in tags or chosen) and isinstance(root(target).obj, Instance):
        return Pending(tags, m.place(node, frame), tags)
    return None


def _adapted(m: Machine, frame: Frame, node: ast.AST, pending: Pending, target: Value) -> None:
    event = adapting.adapt_roots(m, frame, node, pending, [target])
    if VAL not in pending.tags:
        event.steered, event.statistics = FORM, False


FORM = "which of several forms they are kept in"


def replaced(m: Machine, frame: Frame, node: ast.AST, owner: Value, value: Value) -> None:
    """A parameter of a module is replaced by another one."""
    if isinstance(owner.obj, Instance) and owner.obj.kind == "module" and value.obj is None:
        trained.moved(owner)
        tags = deep_tags(value, 1)
        if owner.obj.read_back and COPIED in tags and ARTIFACT not in tags and not has(tags, AdaptedBy):
            m.unfollowed(node, frame, _PLACE, _IN_MEMORY, {"weights"}, against=OTHER_WEIGHTS)
        pending = _cause(m, frame, node, Value(frozenset({_PARAMETER}), base=owner, mutable=True), tags)
        if pending is not None and not m.stepping and _PARAMETER in tags:
            _adapted(m, frame, node, pending, owner)
        owner.obj.adapted |= {t.number for t in tags if isinstance(t, AdaptedBy)}


def loaded(
    m: Machine, frame: Frame, node: ast.AST, module: Value, source: Value, *, strict: Value | None = None
) -> None:
    """`load_state_dict`: the module takes the source's adaptations, and an edited source is an adaptation."""
    assert isinstance(module.obj, Instance)
    if m.alone:
        return  # no run of several processes comes here
    tags = deep_tags(source)
    content = _content(source)
    loose = strict is not None and strict.const is not True
    if loose and PARTIAL in source.tags and trained.as_trained(module_parts(module.obj)):
        why = "those of other names stay as training has left them"
        m.unfollowed(node, frame, "a part of the artifact that is loaded", why, {"weights"}, against=OTHER_WEIGHTS)
    adapted = {t.number for t in tags if isinstance(t, AdaptedBy)}
    m.load(node, frame, read_back=ARTIFACT in tags)
    packed = any(PACKED in written for written in m.files.values())
    if OUTSIDE in tags and ARTIFACT not in tags and packed and files.all_named(m):
        why = "the file is none of those that the program writes, of which one is the artifact"
        m.unfollowed(node, frame, "weights that are loaded", why, {"weights"})
    _from_memory(m, frame, node, module, content)
    ranks.written(m, module_parts(module.obj))
    for part in module_parts(module.obj):
        part.read_back = ARTIFACT in tags or (m.unsure > 0 and part.read_back)
        part.moved = True
        part.adapted = part.adapted | adapted if m.unsure else set(adapted)
    if m.selections:
        chosen = adapting.selected(m, module)
        for part in module_parts(module.obj):
            part.adapted.add(chosen)
    pending = _cause(m, frame, node, Value(frozenset({_PARAMETER}), base=module, mutable=True), content)
    if pending is not None:
        _adapted(m, frame, node, pending, module)


def _content(source: Value) -> Tags:
    """The tags of the tensors in a state dict."""
    if not isinstance(source.obj, Mapping):
        return source.tags
    tags = NONE
    for item in (*source.obj.items.values(), *([source.obj.other] if source.obj.other is not None else [])):
        tags |= item.tags
    return tags


def all_written(m: Machine, frame: Frame, node: ast.AST, targets: Value, tags: Tags) -> None:
    """Every tensor of a list is changed: `torch._foreach_add_(weights, changes)`."""
    changed: list[Value] = []
    for leaf in leaves(targets):
        r = root(leaf)
        own = written(m, frame, node, leaf, tags)
        if isinstance(r.obj, Instance):
            r.obj.adapted |= {t.number for t in own if isinstance(t, AdaptedBy)}
            if m.selections and not m.stepping:  # taken back where the loss is no lower
                r.obj.adapted.add(adapting.selected(m, r))
        else:
            leaf.tags |= own
        changed.append(leaf)


def pooled(target: Value, source: Value) -> None:
    """A module takes weights from another one by a method that is not followed: `averaged.update_parameters(twin)`."""
    for option in options(source):
        if isinstance(target.obj, Instance) and isinstance(option.obj, Instance) and option.obj.kind == "module":
            for part in module_parts(option.obj):
                target.obj.adapted |= part.adapted


def flat(values: Iterable[Value]) -> Tags:
    tags = NONE
    for value in values:
        tags |= deep_tags(value, 2)
    return tags
