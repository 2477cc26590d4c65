"""What the functions of a model hand to each other, by its dimensions."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping

from auditor.program import vocabulary
from auditor.program.forward.dimensions import POSITION, Layout
from auditor.program.forward.layout import Layouts
from auditor.program.syntax import AnyFunction, is_method, is_self, last_name
from auditor.program.values import External, Function
from auditor.source.index import function_around, of_type, parent

_METHODS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEEP = 3
"""Functions that pass their own parameters on which are asked in turn."""


def handed(function: Function, library: Callable[[str], bool], *, assumed: bool = True) -> Mapping[str, Layout]:
    """The labels of those parameters for which every call in the class passes the same, and they are known there.

    Another parameter is taken for a hidden state: what is not known is looked at more closely, not less; unless
    nothing is to be `assumed`.
    """
    node, owner = function.node, function.owner
    if owner is None or isinstance(node, ast.Lambda) or node.name in vocabulary.CALLED_BY_TORCH:
        return {}
    passed: dict[str, list[Layout | None]] = {}
    for method in owner.node.body:
        if not isinstance(method, _METHODS) or method is node:
            continue
        calls = [call for call in of_type(method, ast.Call) if _is_own(call.func, node.name)]
        layouts = Layouts(method, own=True, library=library, assumed=assumed) if calls else None
        for call in calls:
            assert layouts is not None
            for name, value in _given(node, call, own=is_method(node)):
                passed.setdefault(name, []).append(layouts.of(value) if value is not None else None)
    return {name: known[0] for name, known in passed.items() if known[0] is not None and len(set(known)) == 1}


def handed_by_name(
    node: ast.FunctionDef | ast.AsyncFunctionDef, tree: ast.Module, library: Callable[[str], bool], depth: int = _DEEP
) -> Mapping[str, Layout]:
    """Of a function without `self`: the labels that are known of what some of its calls pass, and they agree.

    Nothing is assumed of those that call it: what they pass may be weights.
    """
    passed: dict[str, set[Layout]] = {}
    around: dict[ast.FunctionDef | ast.AsyncFunctionDef, list[ast.Call]] = {}
    for call in of_type(tree, ast.Call):
        if _calls(call.func, node):
            within = function_around(call)
            if within is not None and within is not node:
                around.setdefault(within, []).append(call)
    for within, calls in around.items():
        own = is_method(within)
        given = handed_by_name(within, tree, library, depth - 1) if depth and not own else {}
        layouts = Layouts(within, own=own, library=library, given=given, assumed=False)
        for call in calls:
            for name, value in _given(node, call, own=_is_operation(node)):
                labels = layouts.of(value) if value is not None else None
                if labels is not None:
                    passed.setdefault(name, set()).add(labels)
    return {name: labels.pop() for name, labels in passed.items() if len(labels) == 1}


def _calls(called: ast.expr, function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """`f`; `Class.f` of a static method; `Class.apply` of the forward pass of an operation with its own gradient"""
    cls = parent(function)
    if not isinstance(cls, ast.ClassDef):
        return isinstance(called, ast.Name) and called.id == function.name
    name = "apply" if _is_operation(function) else function.name
    held = called.value if isinstance(called, ast.Attribute) and called.attr == name else None
    return isinstance(held, ast.Name) and held.id == cls.name


def _is_operation(function: AnyFunction) -> bool:
    """The forward pass of a `torch.autograd.Function`, whose first parameter is its context."""
    cls = parent(function)
    return (
        isinstance(cls, ast.ClassDef)
        and any(last_name(base) == "Function" for base in cls.bases)
        and isinstance(function, ast.FunctionDef)
        and function.name == "forward"
    )


def is_library(function: Function, name: str) -> bool:
    """Whether a name stands for a library, or something of one, where the function is."""
    value = function.frame.find(name)
    return value is not None and isinstance(value.obj, External)


def of_weights(function: Function, library: Callable[[str], bool]) -> bool:
    """Whether an operation with its own gradient is given nothing known to have positions: it rounds weights."""
    node, tree = function.node, function.unit.tree
    if not _is_operation(node) or not isinstance(node, ast.FunctionDef) or tree is None:
        return False
    return not any(POSITION in labels for labels in handed_by_name(node, tree, library).values())


def _given(
    node: ast.FunctionDef | ast.AsyncFunctionDef, call: ast.Call, *, own: bool
) -> Iterator[tuple[str, ast.expr | None]]:
    """Each parameter with what a call passes for it."""
    names = [a.arg for a in (*node.args.posonlyargs, *node.args.args)][own:]
    given = dict(zip(names, call.args, strict=False)) | {k.arg: k.value for k in call.keywords if k.arg}
    for name in names:
        yield name, given.get(name)


def _is_own(called: ast.expr, name: str) -> bool:
    """`self.name`"""
    return isinstance(called, ast.Attribute) and called.attr == name and is_self(called.value)
