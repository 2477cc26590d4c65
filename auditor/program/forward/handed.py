"""What the methods of a model hand to each other, by its dimensions."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

from auditor.program import vocabulary
from auditor.program.forward.layout import Layout, Layouts
from auditor.program.syntax import is_self
from auditor.program.values import Function
from auditor.source.index import of_type

_METHODS = (ast.FunctionDef, ast.AsyncFunctionDef)


def handed(function: Function, library: Callable[[str], bool]) -> Mapping[str, Layout]:
    """The labels of those parameters for which every call in the class passes the same, and they are known there.

    Another parameter is taken for a hidden state: what is not known is looked at more closely, not less.
    """
    node, owner = function.node, function.owner
    if owner is None or isinstance(node, ast.Lambda) or node.name in vocabulary.CALLED_BY_TORCH:
        return {}
    names = [a.arg for a in (*node.args.posonlyargs, *node.args.args)][1:]
    passed: dict[str, list[Layout | None]] = {}
    for method in owner.node.body:
        if not isinstance(method, _METHODS) or method is node:
            continue
        calls = [call for call in of_type(method, ast.Call) if _is_own(call.func, node.name)]
        layouts = Layouts(method, own=True, library=library) if calls else None
        for call in calls:
            assert layouts is not None
            given = dict(zip(names, call.args, strict=False)) | {k.arg: k.value for k in call.keywords if k.arg}
            for name in names:
                passed.setdefault(name, []).append(layouts.of(given[name]) if name in given else None)
    found = {}
    for name, known in passed.items():
        first = known[0]
        if first is not None and all(labels == first for labels in known):
            found[name] = first
    return found


def _is_own(called: ast.expr, name: str) -> bool:
    """`self.name`"""
    return isinstance(called, ast.Attribute) and called.attr == name and is_self(called.value)
