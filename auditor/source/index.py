"""A syntax tree walked once: what stands below a node, by class, and what stands above it.

Dozens of questions ask for the calls, the functions, the names of the same modules, functions and expressions. So the
nodes of a module are numbered once in the order of the text; what is below a node is then a range of numbers, and the
nodes of one class in that range are found by bisection. Trees must not be changed once indexed.

The parser makes one node for each operator and each context (`Add`, `Load`) and uses it everywhere. Those have no place
of their own and are left out; the node that holds them tells them.
"""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Iterator
from itertools import chain
from typing import TypeVar, overload

from auditor.source.walking import FIELDS, INDEXED

A = TypeVar("A", bound=ast.AST)
B = TypeVar("B", bound=ast.AST)
C = TypeVar("C", bound=ast.AST)
D = TypeVar("D", bound=ast.AST)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


class _Index:
    """The numbered nodes of one tree.

    `ends[n]` is the number behind the last node below node n, `within[n]` that of the innermost function around it (-1:
    none).
    """

    __slots__ = ("above", "by_type", "ends", "nodes", "within")

    def __init__(self, root: ast.AST) -> None:
        nodes: list[ast.AST] = []
        above: list[int] = []
        within: list[int] = []
        by_type: dict[type[ast.AST], list[int]] = {}
        stack: list[tuple[ast.AST, int, int]] = [(root, -1, -1)]
        while stack:  # this loop is what an index costs, nearly as much as the parser: it calls nothing of its own
            node, over, inside = stack.pop()
            number = len(nodes)
            nodes.append(node)
            above.append(over)
            within.append(inside)
            kind, held = type(node), node.__dict__
            held[INDEXED] = (self, number)
            if kind in by_type:
                by_type[kind].append(number)
            else:
                by_type[kind] = [number]
            if kind in _FUNCTIONS:
                inside = number
            for name in FIELDS[kind]:
                value = held.get(name)
                if isinstance(value, ast.AST):
                    stack.append((value, number, inside))
                elif value and isinstance(value, list):
                    stack += [(item, number, inside) for item in reversed(value) if isinstance(item, ast.AST)]
        ends = list(range(1, len(nodes) + 1))
        for number in range(len(nodes) - 1, 0, -1):
            over, end = above[number], ends[number]
            if end > ends[over]:
                ends[over] = end
        self.nodes, self.above, self.within, self.by_type, self.ends = nodes, above, within, by_type, ends

    def __deepcopy__(self, memo: object) -> _Index:
        return self  # the copied node is told from the node by its identity


def below(node: ast.AST) -> list[ast.AST]:
    """The nodes directly below, the last first."""
    found: list[ast.AST] = []
    known = node.__dict__
    for name in FIELDS[type(node)]:
        value = known.get(name)
        if isinstance(value, ast.AST):
            found.append(value)
        elif isinstance(value, list):
            found += [item for item in reversed(value) if isinstance(item, ast.AST)]
    return found


def _place(node: ast.AST) -> tuple[_Index, int]:
    known: tuple[_Index, int] | None = node.__dict__.get(INDEXED)
    if known is not None and known[0].nodes[known[1]] is node:
        return known
    index = _Index(node)
    return index, 0


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes directly below, in the order of the text."""
    return below(node)[::-1]


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """The node and everything below it, in the order of the text."""
    index, at = _place(node)
    return iter(index.nodes[at : index.ends[at]])


def size(node: ast.AST) -> int:
    """How many nodes the node and everything below it are."""
    index, at = _place(node)
    return index.ends[at] - at


@overload
def of_type(node: ast.AST, a: type[A], /) -> Iterator[A]: ...
@overload
def of_type(node: ast.AST, a: type[A], b: type[B], /) -> Iterator[A | B]: ...
@overload
def of_type(node: ast.AST, a: type[A], b: type[B], c: type[C], /) -> Iterator[A | B | C]: ...
@overload
def of_type(node: ast.AST, a: type[A], b: type[B], c: type[C], d: type[D], /) -> Iterator[A | B | C | D]: ...
def of_type(node: ast.AST, *wanted: type[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of exactly these classes, the node itself included, in the order of the text."""
    index, at = _place(node)
    end = index.ends[at]
    if end == at + 1:
        return iter((node,) if type(node) in wanted else ())
    numbers: list[int] = []
    for kind in wanted:
        numbers += _between(index, kind, at, end)
    if len(wanted) > 1:
        numbers.sort()
    nodes = index.nodes
    return iter([nodes[number] for number in numbers])


def own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The scope and its nodes without those of the functions and classes defined in it, in the order of the text."""
    index, at = _place(scope)
    start, spans = at + 1, []
    for inner, end in _inner(index, at):
        spans.append(index.nodes[start:inner])
        start = end
    return chain((scope,), *spans, index.nodes[start : index.ends[at]])


@overload
def own_of_type(scope: ast.AST, a: type[A], /) -> Iterator[A]: ...
@overload
def own_of_type(scope: ast.AST, a: type[A], b: type[B], /) -> Iterator[A | B]: ...
@overload
def own_of_type(scope: ast.AST, a: type[A], b: type[B], c: type[C], /) -> Iterator[A | B | C]: ...
def own_of_type(scope: ast.AST, *wanted: type[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of exactly these classes among `own_nodes`, the scope itself left out."""
    index, at = _place(scope)
    numbers = sorted(n for kind in wanted for n in _between(index, kind, at + 1, index.ends[at]))
    inner = _inner(index, at)
    first, end = next(inner, (index.ends[at], 0))
    for number in numbers:
        while number >= end and number > first:
            first, end = next(inner, (index.ends[at], 0))
        if number < first:
            yield index.nodes[number]


def _inner(index: _Index, at: int) -> Iterator[tuple[int, int]]:
    """(first, behind the last) number of every function and class defined in a node, the outermost ones."""
    end = at + 1
    for number in sorted(n for kind in _SCOPES for n in _between(index, kind, at + 1, index.ends[at])):
        if number >= end:
            end = index.ends[number]
            yield number, end


def _between(index: _Index, kind: type[ast.AST], start: int, end: int) -> list[int]:
    every = index.by_type.get(kind, [])
    return every[bisect_left(every, start) : bisect_left(every, end)]


def parent(node: ast.AST) -> ast.AST | None:
    """The node above; None for the root, and for a node of a tree that was never walked."""
    index, at = _place(node)
    above = index.above[at]
    return index.nodes[above] if above >= 0 else None


def root(node: ast.AST) -> ast.AST:
    """The tree that a node is part of; the node itself where that was never walked."""
    return _place(node)[0].nodes[0]


def function_around(node: ast.AST) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The innermost function around a node; None at the top level, and for a node of a tree that was never walked."""
    index, at = _place(node)
    found = index.nodes[index.within[at]] if index.within[at] >= 0 else None
    return found if isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef)) else None


def parents(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    """child -> the node above it."""
    index, at = _place(tree)
    return {index.nodes[n]: index.nodes[index.above[n]] for n in range(at + 1, index.ends[at])}
