"""Walks over a syntax tree that are made once and remembered for as long as the tree lives.

Dozens of rules ask for the calls, the functions, the names of the same modules and functions. `walk` and `of_type`
give the nodes in the order of `ast.walk`, so that they can stand in for it. Trees must not be changed once indexed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TypeVar, overload
from weakref import WeakKeyDictionary

A = TypeVar("A", bound=ast.AST)
B = TypeVar("B", bound=ast.AST)
C = TypeVar("C", bound=ast.AST)
D = TypeVar("D", bound=ast.AST)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


class _Below:
    """What stands below one node. The node itself must not be in here: that would keep it alive for ever."""

    __slots__ = ("by_type", "nodes", "own")

    def __init__(self) -> None:
        self.nodes: tuple[ast.AST, ...] | None = None
        self.by_type: dict[tuple[type[ast.AST], ...], Sequence[ast.AST]] = {}
        self.own: tuple[ast.AST, ...] | None = None


_KNOWN: WeakKeyDictionary[ast.AST, _Below] = WeakKeyDictionary()


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes directly below, as `ast.iter_child_nodes` gives them."""
    found: list[ast.AST] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            found.append(value)
        elif isinstance(value, list):
            found += [item for item in value if isinstance(item, ast.AST)]
    return found


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """The node and everything below it, in the order of `ast.walk`."""
    return chain((node,), _nodes(node))


@overload
def of_type(node: ast.AST, a: type[A], /) -> Iterator[A]: ...
@overload
def of_type(node: ast.AST, a: type[A], b: type[B], /) -> Iterator[A | B]: ...
@overload
def of_type(node: ast.AST, a: type[A], b: type[B], c: type[C], /) -> Iterator[A | B | C]: ...
@overload
def of_type(node: ast.AST, a: type[A], b: type[B], c: type[C], d: type[D], /) -> Iterator[A | B | C | D]: ...
def of_type(node: ast.AST, *wanted: type[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of exactly these classes, the node itself included, in the order of `ast.walk`."""
    if type(node) in wanted:
        yield node
    if not _remembered(node):
        yield from _only(_nodes(node), wanted)
        return
    known = _known(node)
    found = known.by_type.get(wanted)
    if found is None:
        found = known.by_type[wanted] = _only(_nodes(node), wanted)
    yield from found


def own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The scope and its nodes without those of the functions and classes defined in it, last child first."""
    if not _remembered(scope):
        return chain((scope,), _own(scope))
    known = _known(scope)
    if known.own is None:
        known.own = tuple(_own(scope))
    return chain((scope,), known.own)


def parents(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    """child -> the node above it."""
    return {child: node for node in walk(tree) for child in children(node)}


def _remembered(node: ast.AST) -> bool:
    """Expressions are small, and there are too many of them to remember."""
    return isinstance(node, (ast.stmt, ast.mod))


def _known(node: ast.AST) -> _Below:
    known = _KNOWN.get(node)
    if known is None:
        known = _KNOWN[node] = _Below()
    return known


def _only(nodes: Sequence[ast.AST], wanted: tuple[type[ast.AST], ...]) -> list[ast.AST]:
    return [node for node in nodes if type(node) in wanted]


def _nodes(node: ast.AST) -> Sequence[ast.AST]:
    if not _remembered(node):
        return _breadth_first(node)
    known = _known(node)
    if known.nodes is None:
        known.nodes = tuple(_breadth_first(node))
    return known.nodes


def _breadth_first(root: ast.AST) -> list[ast.AST]:
    found = children(root)
    syntax = ast.AST
    for node in found:  # the list grows meanwhile
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, syntax):
                found.append(value)
            elif isinstance(value, list):
                for item in value:
                    if isinstance(item, syntax):
                        found.append(item)
    return found


def _own(scope: ast.AST) -> list[ast.AST]:
    stack = [child for child in children(scope) if not isinstance(child, _SCOPES)]
    found: list[ast.AST] = []
    while stack:
        node = stack.pop()
        found.append(node)
        stack += [child for child in children(node) if not isinstance(child, _SCOPES)]
    return found
