"""A tree once more, with other nodes in the place of some: what is indexed is not changed any more, and is asked about
in another spelling as well."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from auditor.source.walking import CALLED, FIELDS, INDEXED, NOTES, WRITTEN

A = TypeVar("A", bound=ast.AST)

Instead = Callable[[ast.AST, tuple[int, ...]], ast.AST | None]
"""What stands in the place of a node, None: its copy. It is given the lines of the functions around, the outermost
first, behind 0 for the module."""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_LOOPS = (ast.For, ast.While)
_ASKED = (ast.Name, ast.alias)


@dataclass(frozen=True, slots=True)
class Hung:
    """A call that was copied, and where the copy hangs: `holder[at]`, of the fields of a node or of a list in one."""

    call: ast.Call
    copy: ast.Call
    holder: Any
    at: Any


@dataclass(frozen=True, slots=True)
class Copy(Generic[A]):
    """`calls`: all that were copied, each ahead of those within it; `loops`: the copies of all that were."""

    tree: A
    calls: list[Hung]
    loops: list[ast.For | ast.While]


def copied(tree: A, instead: Instead | None = None) -> Copy[A]:
    """The tree once more. `instead` is asked about names and the names of imports.

    Several times as fast as `copy.deepcopy` and a transformer of `ast`, and without recursion: thousands of `elif`
    stand within each other. What is noted down at nodes is of the copied tree, and left out.
    """
    whole: list[A] = [tree]
    calls: list[Hung] = []
    loops: list[ast.For | ast.While] = []
    stack: list[tuple[ast.AST, Any, Any, tuple[int, ...]]] = [(tree, whole, 0, (0,))]
    while stack:  # as with an index, what is done for each node is what it costs
        node, holder, at, around = stack.pop()
        kind = type(node)
        if instead is not None and kind in _ASKED and (other := instead(node, around)) is not None:
            holder[at] = other
            continue
        holder[at] = made = _new(kind)
        made.__dict__ = held = node.__dict__.copy()
        held.pop(INDEXED, None)
        held.pop(WRITTEN, None)
        if kind is ast.Call:
            held.pop(CALLED, None)
            calls.append(Hung(node, made, holder, at))  # type: ignore[arg-type]
        elif kind in _FUNCTIONS:
            around = (*around, held["lineno"])
        elif kind in _LOOPS:
            loops.append(made)  # type: ignore[arg-type]
        for name in FIELDS[kind]:
            value = held.get(name)
            if isinstance(value, ast.AST):
                stack.append((value, held, name, around))
            elif value and isinstance(value, list):
                held[name] = items = [*value]
                stack += [(item, items, n, around) for n, item in enumerate(items) if isinstance(item, ast.AST)]
    for note in NOTES:
        whole[0].__dict__.pop(note, None)
    return Copy(whole[0], calls, loops)


_new = ast.AST.__new__
