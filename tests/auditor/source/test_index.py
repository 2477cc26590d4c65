"""The indexed walks give what `ast` gives, in the order of the text, and go when the tree goes."""

from __future__ import annotations

import ast
import copy
import gc
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from auditor.source.index import children, of_type, own_nodes, own_of_type, parent, parents, walk

PROGRAM = Path(__file__).parents[3].joinpath("auditor/source/statements.py").read_text("utf-8")
_SCOPES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda


@pytest.fixture(scope="module")
def tree() -> ast.Module:
    return ast.parse(PROGRAM + "\nasync def late(x):\n    return [lambda y: y + x, {**x}]\n")


def _same(one: Iterable[ast.AST], other: Iterable[ast.AST]) -> bool:
    first, second = list(one), list(other)
    return len(first) == len(second) and all(a is b for a, b in zip(first, second, strict=True))


def _placed(node: ast.AST) -> Iterator[ast.AST]:
    """The node and what is below it, each before what is below it in turn, without operators and contexts."""
    if not isinstance(node, ast.expr_context | ast.operator | ast.cmpop | ast.unaryop | ast.boolop):
        yield node
        for child in ast.iter_child_nodes(node):
            yield from _placed(child)


def test_walks_in_the_order_of_the_text(tree: ast.Module) -> None:
    for node in _placed(tree):
        assert _same(walk(node), _placed(node))
        assert _same(walk(node), _placed(node)), "and the second time"
        below = [n for n in ast.iter_child_nodes(node) if list(_placed(n))]
        assert _same(children(node), below)


def test_nodes_of_a_class_in_the_order_of_the_text(tree: ast.Module) -> None:
    for node in _placed(tree):
        assert _same(of_type(node, ast.Call), (n for n in _placed(node) if isinstance(n, ast.Call)))
        both = (n for n in _placed(node) if isinstance(n, ast.FunctionDef | ast.Name))
        assert _same(of_type(node, ast.FunctionDef, ast.Name), both)


def test_own_nodes_leave_out_inner_scopes(tree: ast.Module) -> None:
    def plain(scope: ast.AST) -> Iterator[ast.AST]:
        yield scope
        for child in ast.iter_child_nodes(scope):
            if not isinstance(child, _SCOPES) and list(_placed(child)):
                yield from plain(child)

    for node in _placed(tree):
        assert _same(own_nodes(node), plain(node))
        assert _same(
            own_of_type(node, ast.Name, ast.Call), (n for n in list(plain(node))[1:] if type(n) in (ast.Name, ast.Call))
        )


def test_parents(tree: ast.Module) -> None:
    list(walk(tree))
    above = parents(tree)
    assert tree not in above
    assert parent(tree) is None
    for node in _placed(tree):
        for child in children(node):
            assert above[child] is node
            assert parent(child) is node


def test_a_copy_is_a_tree_of_its_own(tree: ast.Module) -> None:
    list(walk(tree))
    copied = copy.deepcopy(tree.body[-1])
    assert next(of_type(copied, ast.Lambda)) is not next(of_type(tree.body[-1], ast.Lambda))
    assert parent(copied) is None


def test_a_tree_is_not_kept_alive() -> None:
    tree = ast.parse("def f(x):\n    return g(x)\n")
    function = tree.body[0]
    list(walk(tree)), list(walk(function)), list(of_type(tree, ast.Call)), list(own_nodes(function))
    gone: list[weakref.ref[ast.AST]] = [weakref.ref(tree), weakref.ref(function)]
    del tree, function
    gc.collect()
    assert [reference() for reference in gone] == [None, None]
