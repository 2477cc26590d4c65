"""The remembered walks give what `ast` gives, and go when the tree goes."""

from __future__ import annotations

import ast
import gc
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from auditor.source.index import children, of_type, own_nodes, parents, walk

PROGRAM = Path(__file__).parents[3].joinpath("auditor/source/statements.py").read_text("utf-8")
_SCOPES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda


@pytest.fixture(scope="module")
def tree() -> ast.Module:
    return ast.parse(PROGRAM + "\nasync def late(x):\n    return [lambda y: y + x, {**x}]\n")


def _same(one: Iterable[ast.AST], other: Iterable[ast.AST]) -> bool:
    first, second = list(one), list(other)
    return len(first) == len(second) and all(a is b for a, b in zip(first, second, strict=True))


def test_walks_in_the_order_of_ast(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        assert _same(walk(node), ast.walk(node))
        assert _same(walk(node), ast.walk(node)), "and the second time"
        assert _same(children(node), ast.iter_child_nodes(node))


def test_nodes_of_a_class_in_the_order_of_ast(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        assert _same(of_type(node, ast.Call), (n for n in ast.walk(node) if isinstance(n, ast.Call)))
        both = (n for n in ast.walk(node) if isinstance(n, ast.FunctionDef | ast.Name))
        assert _same(of_type(node, ast.FunctionDef, ast.Name), both)


def test_own_nodes_leave_out_inner_scopes(tree: ast.Module) -> None:
    def plain(scope: ast.AST) -> Iterator[ast.AST]:
        stack = [scope]
        while stack:
            node = stack.pop()
            yield node
            stack += [child for child in ast.iter_child_nodes(node) if not isinstance(child, _SCOPES)]

    for node in ast.walk(tree):
        assert _same(own_nodes(node), plain(node))


def test_parents(tree: ast.Module) -> None:
    above = parents(tree)
    assert tree not in above
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.expr_context | ast.operator | ast.cmpop | ast.unaryop | ast.boolop):
                assert above[child] is node  # the parser makes one node of each operator, and uses it everywhere


def test_a_tree_is_not_kept_alive() -> None:
    tree = ast.parse("def f(x):\n    return g(x)\n")
    function = tree.body[0]
    list(walk(tree)), list(walk(function)), list(of_type(tree, ast.Call)), list(own_nodes(function))
    gone: list[weakref.ref[ast.AST]] = [weakref.ref(tree), weakref.ref(function)]
    gc.disable()  # no collection is needed: nothing that is remembered refers back
    try:
        del tree, function
        assert [reference() for reference in gone] == [None, None]
    finally:
        gc.enable()
