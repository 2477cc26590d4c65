"""Changes of a script that leave it a script: expressions and statements change places, are wrapped, left out."""

from __future__ import annotations

import ast
import copy
import random
from collections.abc import Callable
from typing import Any

_ATTRIBUTES = (
    "copy_", "detach", "numel", "shape", "T", "items", "append", "add_", "mean", "sum", "item", "data", "grad",
    "forward", "load_state_dict", "parameters", "read", "split", "update", "get", "__dict__", "to", "log_softmax",
    "gather", "step",
)  # fmt: skip
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.LShift, ast.BitXor, ast.MatMult)
_COMPARISONS = (ast.Lt, ast.GtE, ast.Eq, ast.NotEq, ast.Is, ast.In, ast.NotIn)


def changed(rng: random.Random, data: bytes) -> bytes:
    """Some changes of the syntax tree, written out again; the same where it is no Python, or has no such place."""
    try:
        tree = ast.parse(data)
        for _ in range(rng.choice([1, 1, 2, 4, 9])):
            rng.choice(_CHANGES)(rng, tree)
        return ast.unparse(ast.fix_missing_locations(tree)).encode("utf-8", "replace") + b"\n"
    except (SyntaxError, ValueError, LookupError, RecursionError, TypeError, AttributeError):
        return data


def _holders(tree: ast.AST, kind: type[ast.AST]) -> list[tuple[ast.AST, str, int | None]]:
    """Where nodes of a kind stand: the node above, its field, the place in a list."""
    found: list[tuple[ast.AST, str, int | None]] = []
    for node in ast.walk(tree):
        for name, value in ast.iter_fields(node):
            if isinstance(value, list):
                found += [(node, name, at) for at, item in enumerate(value) if isinstance(item, kind)]
            elif isinstance(value, kind):
                found.append((node, name, None))
    return found


def _get(place: tuple[ast.AST, str, int | None]) -> Any:
    node, name, at = place
    value = getattr(node, name)
    return value if at is None else value[at]


def _set(place: tuple[ast.AST, str, int | None], new: ast.AST) -> None:
    node, name, at = place
    if at is None:
        setattr(node, name, new)
    else:
        getattr(node, name)[at] = new


def _values(tree: ast.AST) -> list[tuple[ast.AST, str, int | None]]:
    return [p for p in _holders(tree, ast.expr) if not isinstance(getattr(_get(p), "ctx", None), (ast.Store, ast.Del))]


def _statements(tree: ast.AST) -> list[tuple[ast.AST, str, int | None]]:
    return [place for place in _holders(tree, ast.stmt) if place[2] is not None]


def _replace_value(rng: random.Random, tree: ast.Module) -> None:
    """One expression stands where another one was, a copy: it may be around it."""
    values = _values(tree)
    _set(rng.choice(values), copy.deepcopy(_get(rng.choice(values))))


def _swap_values(rng: random.Random, tree: ast.Module) -> None:
    one, other = rng.choice(_values(tree)), rng.choice(_values(tree))
    inside = {id(node) for node in ast.walk(_get(one))} | {id(node) for node in ast.walk(_get(other))}
    if id(_get(one)) not in inside or id(one[0]) in inside or id(other[0]) in inside:
        return
    first, second = _get(one), _get(other)
    _set(one, second)
    _set(other, first)


def _wrap_value(rng: random.Random, tree: ast.Module) -> None:
    place = rng.choice(_values(tree))
    old = _get(place)
    name = ast.Name("q", ast.Load())
    made: list[Callable[[], ast.expr]] = [
        lambda: ast.IfExp(name, old, ast.Constant(None)),
        lambda: ast.Tuple([old, old], ast.Load()),
        lambda: ast.List([ast.Starred(old, ast.Load())], ast.Load()),
        lambda: ast.Dict([None, old], [name, old]),
        lambda: ast.Subscript(old, ast.Slice(old, None, ast.Constant(-1)), ast.Load()),
        lambda: ast.Subscript(old, old, ast.Load()),
        lambda: ast.Attribute(old, rng.choice(_ATTRIBUTES), ast.Load()),
        lambda: ast.Call(old, [old], [ast.keyword(None, name)]),
        lambda: ast.Call(ast.Attribute(old, rng.choice(_ATTRIBUTES), ast.Load()), [name], []),
        lambda: ast.Lambda(ast.arguments([], [ast.arg("q")], None, [], [], None, [old]), old),
        lambda: ast.ListComp(old, [ast.comprehension(ast.Name("q", ast.Store()), old, [old], 0)]),
        lambda: ast.GeneratorExp(name, [ast.comprehension(ast.Name("q", ast.Store()), old, [], 0)]),
        lambda: ast.NamedExpr(ast.Name("q", ast.Store()), old),
        lambda: ast.BinOp(old, rng.choice(_OPERATORS)(), name),
        lambda: ast.Compare(old, [rng.choice(_COMPARISONS)()], [name]),
        lambda: ast.BoolOp(ast.Or(), [old, name]),
        lambda: ast.UnaryOp(rng.choice([ast.Not, ast.USub, ast.Invert])(), old),
        lambda: ast.JoinedStr([ast.FormattedValue(old, 114, None)]),
        lambda: ast.Starred(old, ast.Load()),
    ]
    _set(place, rng.choice(made)())


def _operator(rng: random.Random, tree: ast.Module) -> None:
    hits = [node for node in ast.walk(tree) if isinstance(node, (ast.BinOp, ast.AugAssign))]
    if hits:
        rng.choice(hits).op = rng.choice(_OPERATORS)()


def _attribute(rng: random.Random, tree: ast.Module) -> None:
    hits = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    if hits:
        rng.choice(hits).attr = rng.choice([*_ATTRIBUTES, rng.choice(hits).attr])


def _name(rng: random.Random, tree: ast.Module) -> None:
    """One use of a name becomes another name's."""
    hits = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    if hits:
        rng.choice(hits).id = rng.choice(hits).id


def _argument(rng: random.Random, tree: ast.Module) -> None:
    """A call's argument gets lost, doubled, a name, or a star."""
    hits = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    if not hits:
        return
    call = rng.choice(hits)
    at = rng.randrange(len(call.args))
    what = rng.randrange(4)
    if what == 0:
        del call.args[at]
    elif what == 1:
        call.args.append(call.args[at])
    elif what == 2:
        call.keywords.append(ast.keyword(rng.choice(["dim", "key", "device", "q", None]), call.args.pop(at)))
    else:
        call.args[at] = ast.Starred(call.args[at], ast.Load())


def _move_statement(rng: random.Random, tree: ast.Module) -> None:
    """A statement goes to another place, stays there too, or is left out."""
    places = _statements(tree)
    node, name, at = rng.choice(places)
    body = getattr(node, name)
    taken = body[at]
    if rng.random() < 0.6 and len(body) > 1:
        del body[at]
    if rng.random() < 0.7:
        inside = {id(part) for part in ast.walk(taken)}
        goals = [place for place in _statements(tree) if id(place[0]) not in inside]
        goal, field, there = rng.choice(goals)
        getattr(goal, field).insert(there or 0, taken)


def _wrap_statement(rng: random.Random, tree: ast.Module) -> None:
    """Statements go into a branch, a loop, a function, a class."""
    node, name, at = rng.choice(_statements(tree))
    body = getattr(node, name)
    start = at or 0
    end = start + rng.choice([1, 1, 3, len(body)])
    inner: list[ast.stmt] = body[start:end]
    value = _get(rng.choice(_values(tree)))
    no_arguments = ast.arguments([], [], None, [], [], None, [])
    call = ast.Expr(ast.Call(ast.Name("q", ast.Load()), [], []))
    handler = ast.ExceptHandler(ast.Name("Exception", ast.Load()), "q", [ast.Pass()])
    store = ast.Name("q", ast.Store())
    made: list[list[ast.stmt]] = [
        [ast.If(value, inner, [])],
        [ast.If(value, [ast.Pass()], inner)],
        [ast.For(store, value, inner, [])],
        [ast.While(value, inner, [])],
        [ast.Try(inner, [handler], [], [])],
        [ast.Try([ast.Raise(value, None)], [handler], [], inner)],
        [ast.With([ast.withitem(value, store)], inner)],
        [ast.FunctionDef("q", no_arguments, inner, [], None), call],
        [ast.FunctionDef("q", no_arguments, inner, [value], None), call],
        [ast.ClassDef("q", [value], [], inner, []), call],
    ]
    body[start:end] = rng.choice(made)


def _target(rng: random.Random, tree: ast.Module) -> None:
    """What is assigned to becomes something else: an element, an attribute, several names."""
    hits = [node for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    if not hits:
        return
    node = rng.choice(hits)
    value, store = _get(rng.choice(_values(tree))), ast.Store()
    node.targets = rng.choice([
        [*node.targets, *rng.choice(hits).targets],
        [ast.Subscript(value, value, store)],
        [ast.Subscript(value, ast.Slice(None, None, None), store)],
        [ast.Attribute(value, rng.choice(_ATTRIBUTES), store)],
        [ast.Tuple([ast.Name("q", store), ast.Starred(ast.Name("r", store), store)], store)],
        [ast.List([ast.Tuple([ast.Name("q", store)], store)], store)],
    ])  # fmt: skip


_CHANGES = (
    _replace_value, _replace_value, _swap_values, _wrap_value, _wrap_value, _operator, _attribute, _name, _argument,
    _move_statement, _wrap_statement, _target,
)  # fmt: skip
