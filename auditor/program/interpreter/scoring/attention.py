"""Whether attention is causal while a model scores, where a call says so by an expression."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from auditor.program import vocabulary
from auditor.program.forward.handmade import written_out
from auditor.program.forward.masks import open_mask
from auditor.program.forward.mixing import FOLLOWS, mixed
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring.conditions import Told, come_to, evaluating, left_out
from auditor.program.syntax import called, is_library
from auditor.program.values import Function, Instance, Value
from auditor.source.index import function_around, of_type, parent

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_TENSORS = 3  # query, key, value


def causal(m: Machine, function: Function, node: ast.Call, owners: Sequence[Instance], given: Told) -> None:
    """Write down attention whose `is_causal` does not hold, or may not hold, when the model is not in training.

    `owners` are the parts of the model whose method the function is: what they hold decides, and what a call is known
    to pass (`given`).
    """
    name = called(node)
    options: dict[str | None, ast.expr] = {k.arg: k.value for k in node.keywords}
    if name not in vocabulary.ATTENTION | {"flex_attention"} or left_out(m, function, node, owners, given):
        return
    if name == "flex_attention":
        _by_mask_function(m, function, node, options)
    if name not in vocabulary.ATTENTION:
        return
    flag = options.get("is_causal", options.get("causal"))
    if flag is None and _unmasked(node, options):
        m.opened(node, function.frame)
    mask = options.get("attn_mask", options.get("mask", node.args[_TENSORS] if len(node.args) > _TENSORS else None))
    if isinstance(mask, ast.Constant) and mask.value == "causal":  # as MLX is told
        return
    holder = function.owner.node if function.owner is not None else None
    sees_later = _sees_later(function.node, holder, function.unit.tree, mask) if mask is not None else False
    if sees_later:
        m.opened(node, function.frame)
    elif sees_later is None and (flag is None or (isinstance(flag, ast.Constant) and not flag.value)):
        why = "what its mask leaves of later positions could not be told"
        m.unfollowed(node, function.frame, "attention", why, {"losses"})
    if flag is None or isinstance(flag, ast.Constant):
        return
    passed = _given(function, flag)
    if passed is not None:
        said = [Value(const=bool(g.value)) if isinstance(g, ast.Constant) else Value() for g in passed]
        frame = function.frame
    else:
        frames = [evaluating(m, function, owner) for owner in owners or (None,)]
        said = [m.evaluate(frame, flag) for frame in frames]
        frame = frames[0]
        if not all(value.known for value in said) and _of_training(m, function, owners, flag):
            m.opened(node, frame)  # what holds in training alone is no promise for the score
            return
    if all(value.known and value.const for value in said):
        return
    if any(value.known and not value.const for value in said):
        if mask is not None and not isinstance(mask, ast.Constant) and not _never_given(function, mask):
            why = "is_causal does not hold where a mask is given, and what that leaves of later positions is not known"
            m.unfollowed(node, frame, "attention", why, {"losses"})
        else:
            m.opened(node, frame)
        return
    m.unfollowed(node, frame, "attention", "is_causal is computed, and could not be told", {"losses"})


def _sees_later(
    node: _Function, holder: ast.AST | None, tree: ast.Module | None, mask: ast.expr, depth: int = 3
) -> bool | None:
    """Whether a mask leaves later positions, wherever the calls of the function make it; None where it is not told."""
    given = _passed_to(node, holder is not None, tree, mask) if depth else None
    if given is None:
        return open_mask(node, holder, mask)
    told: list[bool | None] = []
    for value in given:
        around = function_around(value)
        above = parent(around) if around is not None else None
        if around is not None:
            told.append(_sees_later(around, above if isinstance(above, ast.ClassDef) else None, tree, value, depth - 1))
        else:
            told.append(open_mask(tree, None, value) if tree is not None else None)
    known = [one for one in told if one is not None]  # calls of other things by as many arguments are among them
    return True in known if known else None


def _never_given(function: Function, mask: ast.expr) -> bool:
    """Whether a mask is a parameter for which no call passes anything."""
    given = _given(function, mask)
    return given is not None and all(isinstance(g, ast.Constant) and g.value is None for g in given)


def _by_mask_function(m: Machine, function: Function, node: ast.Call, options: dict[str | None, ast.expr]) -> None:
    """`flex_attention`: causal by the function that its mask, or its scores, are made with."""
    given = [options.get(name) for name in ("block_mask", "score_mod", None)]
    told = [v for v in given if v is not None and not (isinstance(v, ast.Constant) and v.value is None)]
    if len(node.args) <= _TENSORS and not told:
        m.opened(node, function.frame)
    else:
        why = "which positions its mask leaves is told by a function that is not evaluated"
        m.unfollowed(node, function.frame, "flex_attention", why, {"losses"})


def _unmasked(node: ast.Call, options: dict[str | None, ast.expr]) -> bool:
    """Attention over what it is given as it is: no mask, no cache, and nothing that the call hides."""
    hidden = None in options or any(isinstance(a, ast.Starred) for a in node.args)  # `**options`
    mask = options.get("attn_mask", options.get("mask", ast.Constant(None)))
    return not hidden and len(node.args) <= _TENSORS and isinstance(mask, ast.Constant) and mask.value is None


def by_hand(m: Machine, function: Function, owners: Sequence[Instance], given: Told) -> None:
    """Write down attention that a function writes out, where it sees what follows or its mask is not understood."""
    holder = function.owner.node if function.owner is not None else None
    for found in written_out(function.node, holder):
        if left_out(m, function, found.node, owners, given):
            continue
        if found.sees in ("what follows", "all in an empty row"):
            m.opened(found.node, function.frame, found.sees)
        elif not found.sees:
            why = "it is written out, and what its mask leaves of later positions could not be told"
            m.unfollowed(found.node, function.frame, "attention", why, {"losses"})


def without(m: Machine, function: Function, owners: Sequence[Instance], given: Told) -> None:
    """Write down what mixes positions besides attention: later ones are brought forward, or all are averaged."""
    for found in mixed(function, owners):
        if left_out(m, function, found.node, owners, given):
            continue
        if found.sees == FOLLOWS:
            m.opened(found.node, function.frame, "what is brought forward")
        elif found.spread and come_to(m, function, found.node, owners, given):
            m.opened(found.node, function.frame, found.spread)
        else:
            why = "it is taken over what seems to be the positions, later ones included"
            m.unfollowed(found.node, function.frame, "a statistic in the model", why, {"losses"})


def _of_training(m: Machine, function: Function, owners: Sequence[Instance], flag: ast.expr) -> bool:
    """Whether a flag holds where the model is in training."""
    frames = [evaluating(m, function, owner, training=True) for owner in owners or (None,)]
    return all(value.known and value.const for value in (m.evaluate(frame, flag) for frame in frames))


def _given(function: Function, flag: ast.expr) -> list[ast.expr] | None:
    """What the calls in the model pass for a parameter that is the flag; None where it is none, or none passes it."""
    return _passed_to(function.node, function.owner is not None, function.unit.tree, flag)


def _passed_to(node: _Function, of_class: bool, tree: ast.Module | None, flag: ast.expr) -> list[ast.expr] | None:
    spec = node.args
    positional = [a.arg for a in (*spec.posonlyargs, *spec.args)]
    if (
        tree is None
        or not isinstance(flag, ast.Name)
        or flag.id not in (*positional, *(a.arg for a in spec.kwonlyargs))
    ):
        return None
    at = positional.index(flag.id) - of_class if flag.id in positional else None
    if of_class:
        return list(_passed(tree, flag.id, at)) or None
    return None if isinstance(node, ast.Lambda) else list(_passed_by_name(tree, node, flag.id)) or None


def _passed_by_name(
    tree: ast.Module, node: ast.FunctionDef | ast.AsyncFunctionDef, name: str, depth: int = 4
) -> Iterator[ast.expr]:
    """What the calls of a function that stands by itself pass, wherever they are; its default where one passes none.

    A wrapper that passes its own parameter on is asked in turn.
    """
    spec = node.args
    positional = [a.arg for a in (*spec.posonlyargs, *spec.args)]
    at = positional.index(name) if name in positional else None
    defaults = dict(zip(reversed(positional), reversed(spec.defaults), strict=False))
    defaults |= {a.arg: d for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if d is not None}
    for call in _calls_of(tree, node, depth):
        passed = [k.value for k in call.keywords if k.arg == name]
        passed += [call.args[at]] if at is not None and len(call.args) > at else []
        value = passed[0] if passed else defaults.get(name, call)
        around = function_around(call)
        if depth and isinstance(value, ast.Name) and around is not None and _is_wrapper(around, node, value.id):
            yield from _passed_by_name(tree, around, value.id, depth - 1)
        else:
            yield value


def _calls_of(tree: ast.Module, node: ast.FunctionDef | ast.AsyncFunctionDef, depth: int) -> Iterator[ast.Call]:
    """The calls of a function by its name; for `f(*args, **kwargs)`, those of the function that passes them on."""
    for call in of_type(tree, ast.Call):
        if not isinstance(call.func, ast.Name) or call.func.id != node.name:
            continue
        around = function_around(call)
        whole = around.args.vararg if around is not None else None
        starred = [a.value.id for a in call.args if isinstance(a, ast.Starred) and isinstance(a.value, ast.Name)]
        if depth and around is not None and whole is not None and starred == [whole.arg] and len(call.args) == 1:
            yield from _calls_of(tree, around, depth - 1)
        else:
            yield call


def _is_wrapper(around: ast.FunctionDef | ast.AsyncFunctionDef, of: ast.AST, name: str) -> bool:
    """Whether another function that stands by itself has a parameter of that name."""
    own = [a.arg for a in (*around.args.posonlyargs, *around.args.args, *around.args.kwonlyargs)]
    return around is not of and name in own and not isinstance(parent(around), ast.ClassDef)


def _passed(tree: ast.Module, name: str, at: int | None) -> Iterator[ast.expr]:
    for call in of_type(tree, ast.Call):
        base: ast.expr = call.func
        while isinstance(base, (ast.Attribute, ast.Subscript)):
            base = base.value
        if isinstance(base, ast.Name) and (base.id in vocabulary.ALWAYS_THERE or is_library(base)):
            continue
        yield from (k.value for k in call.keywords if k.arg == name)
        if at is not None and at > 0 and len(call.args) == at + 1 and _in_a_class(call):
            yield call.args[at]


def _in_a_class(call: ast.Call) -> bool:
    """A call by a part of the model, which may be one of another part."""
    if isinstance(call.func, ast.Attribute) and call.func.attr in vocabulary.TENSOR_METHODS | vocabulary.VIEW:
        return False
    function = function_around(call)
    if function is None or function.name == "__init__":
        return False
    return isinstance(parent(function), ast.ClassDef)
