"""Whether attention is causal while a model scores, where a call says so by an expression."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import partial

from auditor.program import vocabulary
from auditor.program.forward import told
from auditor.program.forward.applied import applied
from auditor.program.forward.closed import closed_blocks, closed_by_a_part
from auditor.program.forward.handed import is_library, of_weights
from auditor.program.forward.handmade import written_out
from auditor.program.forward.masks import open_mask
from auditor.program.forward.mixing import FOLLOWS, PAIRS, UNTOLD, mixed
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring.conditions import Told, come_to, evaluating, left_out
from auditor.program.interpreter.scoring.passed import passed_to
from auditor.program.syntax import called
from auditor.program.values import External, Function, Instance, Value
from auditor.source.index import function_around, of_type, parent

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_TENSORS = 3  # query, key, value


def causal(m: Machine, function: Function, node: ast.Call, owners: Sequence[Instance], given: Told) -> None:
    """Write down attention whose `is_causal` does not hold, or may not hold, when the model is not in training.

    `owners` are the parts of the model whose method the function is: what they hold decides, and what a call is known
    to pass (`given`).
    """
    name = _name(function, node)
    options = told.options(node, function.node)
    if name not in vocabulary.ATTENTION | {"flex_attention"} or left_out(m, function, node, owners, given):
        return
    if name == "flex_attention":
        _by_mask_function(m, function, node, options)
    if name not in vocabulary.ATTENTION:
        return
    flag = options.get("is_causal", options.get("causal"))
    of_a_dict = flag is not None and all(flag is not k.value for k in node.keywords)
    closed = flag is not None and not (of_a_dict and isinstance(flag, ast.Constant) and not flag.value)
    if not closed and _unmasked(node, options):
        m.opened(node, function.frame)
    elif flag is None and (None in options or any(isinstance(a, ast.Starred) for a in node.args)):
        why = "what it is told stands elsewhere, and whether that is to be causal could not be told"
        m.unfollowed(node, function.frame, "attention", why, {"losses"})
    placed = len(node.args) > _TENSORS and not name.startswith("flash")  # another one has its scale there
    mask = options.get("attn_mask", options.get("mask", node.args[_TENSORS] if placed else None))
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
        if isinstance(flag, ast.Name) and flag.id in given:
            said = [given[flag.id]]
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


def _name(function: Function, call: ast.Call) -> str:
    """What a call calls, by the name that it has in its library."""
    value = function.frame.find(call.func.id) if isinstance(call.func, ast.Name) else None
    if value is not None and isinstance(value.obj, External):
        return value.obj.dotted.rpartition(".")[2]
    return called(call)


def by_another_name(m: Machine, function: Function, owners: Sequence[Instance], given: Told) -> None:
    """Write down attention that a function does not call by its name: what it is told there is not seen."""
    for node in of_type(function.node, ast.Attribute, ast.Constant):
        above = parent(node)
        named = node.attr if isinstance(node, ast.Attribute) else node.value
        if named not in vocabulary.ATTENTION | vocabulary.ATTENTION_BY_BIAS:
            continue
        calls = isinstance(above, ast.Call) and above.func is node and named in vocabulary.ATTENTION
        asks = isinstance(above, ast.Call) and called(above) == "hasattr"
        handed_over = isinstance(node, ast.Attribute) or (isinstance(above, ast.Call) and called(above) == "getattr")
        if handed_over and not calls and not asks and not left_out(m, function, node, owners, given):
            why = "it is called by another name, and whether it is to be causal could not be told"
            m.unfollowed(node, function.frame, "attention", why, {"losses"})


def _sees_later(
    node: _Function, holder: ast.AST | None, tree: ast.Module | None, mask: ast.expr, depth: int = 3
) -> bool | None:
    """Whether a mask leaves later positions, wherever the calls of the function make it; None where it is not told."""
    given = passed_to(node, holder is not None, tree, mask) if depth else None
    if given is None:
        leaves = open_mask(node, holder, mask)
        return False if leaves is None and closed_by_a_part(node, holder, mask) else leaves
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
    blocks = options.get("block_mask", node.args[_TENSORS + 1] if len(node.args) > _TENSORS + 1 else None)
    if len(node.args) <= _TENSORS and not told:
        m.opened(node, function.frame)
    elif blocks is None or not _made_closed(function, blocks):
        why = "which positions its mask leaves is told by a function that is not evaluated"
        m.unfollowed(node, function.frame, "flex_attention", why, {"losses"})


def _made_closed(function: Function, blocks: ast.expr) -> bool:
    """Whether a block mask leaves no later position, wherever the calls of the function make it."""
    tree = function.unit.tree
    if tree is None:
        return False
    given = _given(function, blocks)
    if given is None:
        return closed_blocks(function.node, tree, blocks)
    return all(closed_blocks(function_around(value) or tree, tree, value) for value in given)


def _unmasked(node: ast.Call, options: dict[str | None, ast.expr]) -> bool:
    """Attention over what it is given as it is: no mask, no cache, and nothing that the call hides."""
    hidden = None in options or any(isinstance(a, ast.Starred) for a in node.args)  # `**options`
    mask = options.get("attn_mask", options.get("mask", ast.Constant(None)))
    return not hidden and len(node.args) <= _TENSORS and isinstance(mask, ast.Constant) and mask.value is None


def by_hand(m: Machine, function: Function, owners: Sequence[Instance], given: Told) -> None:
    """Write down attention that a function writes out, where it sees what follows or its mask is not understood."""
    holder = function.owner.node if function.owner is not None else None
    if function.node not in m.passes.written_out:
        weights = of_weights(function, partial(is_library, function))
        m.passes.written_out[function.node] = () if weights else tuple(written_out(function.node, holder))
    for found in m.passes.written_out[function.node]:
        if left_out(m, function, found.node, owners, given):
            continue
        if found.sees in ("what follows", "all in an empty row"):
            m.opened(found.node, function.frame, found.sees)
        elif not found.sees:
            why = "it is written out, and what its mask leaves of later positions could not be told"
            m.unfollowed(found.node, function.frame, "attention", why, {"losses"})


def without(m: Machine, function: Function, owners: Sequence[Instance], given: Told) -> None:
    """Write down what mixes positions besides attention: later ones are brought forward, or all are averaged."""
    parts = applied(function, owners)
    key = function.node, tuple(parts.items())
    if key not in m.passes.mixed:
        m.passes.mixed[key] = tuple(mixed(function, parts))
    for found in m.passes.mixed[key]:
        if left_out(m, function, found.node, owners, given):
            continue
        if found.sees == FOLLOWS:
            m.opened(found.node, function.frame, "what is brought forward")
        elif found.sees == PAIRS:
            if all(found.node is not one.node for one in m.passes.written_out.get(function.node, ())):
                why = "pairs of positions are shared out, and what its mask leaves of later ones could not be told"
                m.unfollowed(found.node, function.frame, "attention", why, {"losses"})
        elif found.sees == UNTOLD:
            why = "whether it brings later positions forward could not be told: its dimensions are not known"
            m.unfollowed(found.node, function.frame, "a move in the model", why, {"losses"})
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
    return passed_to(function.node, function.owner is not None, function.unit.tree, flag)
