"""Whether a place in a forward pass is run while the model scores, by the conditions around it.

Whether it is in training and what the module holds is told; under any other condition the place may be come to.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence

from auditor.program.interpreter.machine import Machine
from auditor.program.values import Frame, Function, Instance, Value
from auditor.source.index import own_of_type, parent

_LEAVES = (ast.Return, ast.Raise)
_PLAIN = (
    ast.Name, ast.Attribute, ast.Constant, ast.UnaryOp, ast.unaryop, ast.Compare, ast.cmpop, ast.expr_context,
)  # fmt: skip


Told = Mapping[str, Value]
"""Parameters of which it is known what one call leaves them, or gives them."""


def left_out(m: Machine, function: Function, node: ast.AST, owners: Sequence[Instance], given: Told) -> bool:
    """Whether a place is not come to outside of training.

    `owners` are the parts of the model that have the method, `given` what the call is known to pass.
    """
    for test, way in _around(function.node, node):
        told = _holds(m, function, test, owners, given)
        if told is not None and told is not way:
            return True
    return False


def come_to(m: Machine, function: Function, node: ast.AST, owners: Sequence[Instance], given: Told) -> bool:
    """Whether every condition around a place is known to hold outside of training."""
    return all(_holds(m, function, test, owners, given) is way for test, way in _around(function.node, node))


def constants(call: ast.AST, function: Function, args: Sequence[Value], kwargs: Told) -> Told:
    """Of the parameters of a function that is called: those that the call leaves as they are, or gives a constant."""
    if not isinstance(call, ast.Call) or any(isinstance(a, ast.Starred) for a in call.args):
        return {}
    if any(keyword.arg is None for keyword in call.keywords):
        return {}
    passed = dict(zip(parameters(function.node)[function.owner is not None :], args, strict=False)) | dict(kwargs)
    return {name: value for name, value in {**defaults(function.node), **passed}.items() if _is_constant(value)}


def handed_on(
    m: Machine, function: Function, owners: Sequence[Instance], given: Told, call: ast.Call, called: Function
) -> Told:
    """`constants` of a call that stands in a function which itself is called with what is known of it."""
    frames = []
    for owner in owners or (None,):
        frames.append(evaluating(m, function, owner))
        frames[-1].names.update(_parameters_as(function, given))
    args = [_agreed(m, frames, argument) for argument in call.args]
    kwargs = {k.arg: _agreed(m, frames, k.value) for k in call.keywords if k.arg is not None}
    return constants(call, called, args, kwargs)


def _agreed(m: Machine, frames: Sequence[Frame], argument: ast.expr) -> Value:
    """What an argument is in every part of the model that passes it, where that is one constant."""
    if not isinstance(argument, (ast.Constant, ast.Name, ast.Attribute)):
        return Value()
    values = [m.evaluate(frame, argument) for frame in frames]
    same = all(_is_constant(value) and value.const == values[0].const for value in values)
    return values[0] if same else Value()


def _is_constant(value: Value) -> bool:
    return value.known and (value.const is None or isinstance(value.const, (bool, str, int, float)))


def defaults(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> dict[str, Value]:
    spec = node.args
    positional = [*spec.posonlyargs, *spec.args]
    pairs = [
        *zip(reversed(positional), reversed(spec.defaults), strict=False),
        *zip(spec.kwonlyargs, spec.kw_defaults, strict=True),
    ]
    return {a.arg: Value(const=d.value) for a, d in pairs if isinstance(d, ast.Constant)}


def _parameters_as(function: Function, given: Told) -> dict[str, Value]:
    """What the parameters are but the first of a method: what a call passes may be something else than the default."""
    return {name: given.get(name, Value()) for name in parameters(function.node)[function.owner is not None :]}


def _around(scope: ast.AST, node: ast.AST) -> Iterator[tuple[ast.expr, bool]]:
    """The conditions under which a place is come to, and which way each must go."""
    below, above = node, parent(node)
    while above is not None and below is not scope:
        if isinstance(above, ast.IfExp) and below is not above.test:
            yield above.test, below is above.body
        for block in (getattr(above, name, None) for name in ("body", "orelse")):
            if not isinstance(block, list) or below not in block:
                continue
            if isinstance(above, ast.If):
                yield above.test, block is above.body
            for before in block[: block.index(below)]:
                if isinstance(before, ast.If) and isinstance(before.body[-1], _LEAVES):
                    yield before.test, False
        below, above = above, parent(above)


def _holds(m: Machine, function: Function, test: ast.expr, owners: Sequence[Instance], given: Told) -> bool | None:
    told = set()
    for owner in owners or (None,):
        frame = evaluating(m, function, owner)
        frame.names.update(_parameters_as(function, given))
        told.add(_truth(m, frame, _written(function.node, test)))
    return told.pop() if len(told) == 1 else None


def _truth(m: Machine, frame: Frame, test: ast.expr) -> bool | None:
    """As far as the parts of a condition tell it, which are asked in their order."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        told = _truth(m, frame, test.operand)
        return None if told is None else not told
    if isinstance(test, ast.BoolOp):
        ends = isinstance(test.op, ast.Or)
        parts = [_truth(m, frame, part) for part in test.values]
        return ends if ends in parts else None if None in parts else not ends
    if not all(isinstance(part, _PLAIN) for part in ast.walk(test)):
        return None
    value = m.evaluate(frame, test)
    return bool(value.const) if value.known else None


def _written(scope: ast.AST, test: ast.expr) -> ast.expr:
    """What a flag of the function was set to, where one assignment sets it."""
    if not isinstance(test, ast.Name):
        return test
    stored = [n for n in own_of_type(scope, ast.Name) if n.id == test.id and isinstance(n.ctx, ast.Store)]
    made = parent(stored[0]) if len(stored) == 1 else None
    return made.value if isinstance(made, ast.Assign) and len(made.targets) == 1 else test


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> list[str]:
    spec = node.args
    return [a.arg for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]


def evaluating(m: Machine, function: Function, owner: Instance | None, *, training: bool | None = None) -> Frame:
    """The function's scope with its defaults, and a module that is in training or not."""
    frame = Frame(function.unit, function.frame, function.frame.globals)
    spec = function.node.args
    positional = [*spec.posonlyargs, *spec.args]
    for parameter in (*positional, *spec.kwonlyargs):
        frame.names[parameter.arg] = Value()
    given = zip(reversed(positional), reversed(spec.defaults), strict=False)
    for parameter, default in (*given, *zip(spec.kwonlyargs, spec.kw_defaults, strict=True)):
        if default is not None:
            frame.names[parameter.arg] = m.evaluate(function.frame, default)
    if positional and function.owner is not None:
        held = dict(owner.attributes) if owner is not None else {}
        own = Instance(
            function.owner, {**held, "training": Value(const=m.in_training if training is None else training)}
        )
        frame.names[positional[0].arg] = Value(obj=own)
    return frame
