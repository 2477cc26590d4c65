"""What calls pass for a parameter, as far as the text tells whose calls they are."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Set
from typing import NamedTuple

from auditor.program import vocabulary
from auditor.program.interpreter.scoring.conditions import Told, defaults, parameters
from auditor.program.syntax import is_library
from auditor.program.values import Function, Value
from auditor.source.index import function_around, of_type, parent

AnyFunction = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Scored(NamedTuple):
    """A call of a model that scores: its method, what it is known to pass, and the functions it may lead to."""

    method: Function
    given: Told
    functions: Set[ast.AST]

    def handed(self, function: Function) -> Told:
        """The switches of a part's `forward` that are the same in every call that the score leads to.

        What training alone passes is no matter; one that is handed on is what the function around the call gets.
        """
        tree = function.unit.tree
        told: dict[str, Value] = {}
        for name, left in defaults(function.node).items():
            if tree is None or not isinstance(left.const, bool):
                continue
            values = self._values(function.node, tree, name, set())
            if all(isinstance(v.const, bool) and v.const == values[0].const for v in values):
                told[name] = values[0]
        return told

    def _values(self, node: AnyFunction, tree: ast.Module, name: str, seen: set[tuple[ast.AST, str]]) -> list[Value]:
        if (node, name) in seen:
            return []
        seen.add((node, name))
        own = node is self.method.node
        said = [(self.given if own else defaults(node)).get(name, Value())]  # a call may leave it out
        for value in _values_for(tree, node, name):
            said += self._value(value, tree, seen)
        return said

    def _value(self, value: ast.expr, tree: ast.Module, seen: set[tuple[ast.AST, str]]) -> list[Value]:
        around = within = function_around(value)
        while within is not None and within not in self.functions:
            above = parent(within)
            within = function_around(above) if above is not None else None
        if around is None or within is None:
            return []
        if isinstance(value, ast.Name) and value.id in parameters(around):
            return self._values(around, tree, value.id, seen)
        return [Value(const=value.value) if isinstance(value, ast.Constant) else Value()]


def _values_for(tree: ast.Module, node: AnyFunction, name: str) -> Iterator[ast.expr]:
    """What calls that may be of a function pass for its parameter; a call that hides its arguments stands for them."""
    of_class = isinstance(parent(node), ast.ClassDef)
    at = parameters(node).index(name) - of_class if name in parameters(node) else len(parameters(node))
    for call in of_type(tree, ast.Call):
        named = [k.value for k in call.keywords if k.arg == name]
        if named:
            yield from named if not is_library(call.func) else []
        elif _may_call(tree, call.func, node):
            hidden = any(k.arg is None for k in call.keywords) or any(isinstance(a, ast.Starred) for a in call.args)
            yield from [call] if hidden else call.args[at : at + 1]


def _may_call(tree: ast.Module, callee: ast.expr, node: AnyFunction) -> bool:
    """By its name, or as a part of a model is called: by none that the program has defined."""
    if is_library(callee):
        return False
    name = callee.attr if isinstance(callee, ast.Attribute) else callee.id if isinstance(callee, ast.Name) else ""
    own = getattr(node, "name", "")
    if name == own or isinstance(node, ast.Lambda):
        return True
    if own not in ("forward", "__call__"):
        return False
    known = vocabulary.TENSOR_METHODS | vocabulary.VIEW | vocabulary.ALWAYS_THERE
    return name not in known and all(defined.name != name for defined in of_type(tree, ast.FunctionDef))


def passed_to(node: AnyFunction, of_class: bool, tree: ast.Module | None, flag: ast.expr) -> list[ast.expr] | None:
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
