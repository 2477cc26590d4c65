"""Loops whose body is one call, as if the body of what is called stood there: where a step stands says nothing."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy

from auditor.program.syntax import bound_in, last_name
from auditor.source.copying import copied

_MOST = 200  # loops of one module that are read so
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_STAYS = (ast.Yield, ast.YieldFrom, ast.Await, ast.Global, ast.Nonlocal)


def inlined(tree: ast.Module, loops: Iterable[ast.For | ast.While], *, fresh: bool) -> ast.Module:
    """The module with the bodies put in; the module itself where there is none to put in. Places stay what they are.

    `loops`: all of the module. `fresh`: nobody has the tree, so that it may be changed itself.
    """
    own = _functions(tree)
    if not any(_called(loop, own) for loop in loops):
        return tree
    copy = tree if fresh else copied(tree).tree
    own = _functions(copy)
    found = [(scope, loop) for scope in _scopes(copy) for loop in _loops(scope) if _called(loop, own)]
    for scope, loop in found[:_MOST]:
        called = _called(loop, own)
        if called is not None:
            loop.body = [*_body(scope, called, loop.body[0])]
    return copy


def _functions(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    """The module's functions by the name that calls them; a static method, which `normal` calls so, is one."""
    times = Counter(bound_in(tree))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.bases]
    static = [
        node
        for cls in classes
        for node in cls.body
        if isinstance(node, ast.FunctionDef) and [last_name(d) for d in node.decorator_list] == ["staticmethod"]
    ]
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and not node.decorator_list]
    return {node.name: node for node in [*static, *functions] if times[node.name] == 1}


def _scopes(tree: ast.Module) -> list[ast.AST]:
    return [tree, *(node for node in ast.walk(tree) if isinstance(node, _FUNCTIONS))]


def _loops(scope: ast.AST) -> Iterator[ast.For | ast.While]:
    """The loops of a scope, without those of the functions in it."""
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.For | ast.While):
            yield node
        if not isinstance(node, (*_FUNCTIONS, ast.Lambda)):
            waiting += ast.iter_child_nodes(node)


def _called(loop: ast.For | ast.While, own: Mapping[str, ast.FunctionDef]) -> tuple[ast.FunctionDef, ast.Call] | None:
    """The function that is all that a loop does, and its call."""
    statement = loop.body[0] if len(loop.body) == 1 else None
    call = statement.value if isinstance(statement, ast.Assign | ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id not in own:
        return None
    function = own[call.func.id]
    if isinstance(statement, ast.Assign) and len(statement.targets) != 1:
        return None
    return (function, call) if _fits(function, call) else None


def _fits(function: ast.FunctionDef, call: ast.Call) -> bool:
    """Whether plain arguments meet plain parameters, and the function ends where its text does."""
    a = function.args
    plain = not (a.vararg or a.kwarg or a.kwonlyargs or a.posonlyargs or call.keywords)
    if not plain or len(call.args) != len(a.args) or any(isinstance(given, ast.Starred) for given in call.args):
        return False
    inner = [node for statement in function.body for node in ast.walk(statement)]
    returns = [node for node in inner if isinstance(node, ast.Return)]
    stays = any(isinstance(node, (*_STAYS, *_FUNCTIONS)) for node in inner)
    return not stays and returns in ([], [_end(function.body)])


def _end(body: Sequence[ast.stmt]) -> ast.stmt:
    """The last statement, within the contexts that hold all of the end."""
    last = body[-1]
    return _end(last.body) if isinstance(last, ast.With) else last


def _body(scope: ast.AST, called: tuple[ast.FunctionDef, ast.Call], statement: ast.stmt) -> Iterator[ast.stmt]:
    function, call = called
    taken = {node.id for node in ast.walk(scope) if isinstance(node, ast.Name)}
    stored = {
        node.id
        for part in function.body
        for node in ast.walk(part)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    }
    names = {name: f"{name} of {function.name}" for name in stored & taken}
    for parameter, given in zip(function.args.args, call.args, strict=True):
        if isinstance(given, ast.Name):
            names[parameter.arg] = given.id
        else:
            names.pop(parameter.arg, None)
            yield ast.copy_location(ast.Assign([ast.Name(parameter.arg, ast.Store())], given), call)
    target = statement.targets[0] if isinstance(statement, ast.Assign) else None
    yield from _given([_Renamed(names).visit(deepcopy(part)) for part in function.body], target)


def _given(body: list[ast.stmt], target: ast.expr | None) -> list[ast.stmt]:
    """The statements with the target given what they return at their end."""
    *before, last = body
    if isinstance(last, ast.With):
        last.body = _given(last.body, target) or [ast.copy_location(ast.Pass(), last)]
    elif isinstance(last, ast.Return):
        if target is None or last.value is None or ast.unparse(target) == ast.unparse(last.value):
            return before
        return [*before, ast.copy_location(ast.Assign([target], last.value), last)]
    return body


class _Renamed(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self.names.get(node.id, node.id)
        return node
