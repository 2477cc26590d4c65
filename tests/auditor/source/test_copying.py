"""Copies of trees: the same text, nodes of their own, and other nodes where they are asked for."""

from __future__ import annotations

import ast

from auditor.source.copying import copied
from auditor.source.index import of_type, root

TEXT = """
import a as b

@deco
def f(x, *y, k=1):
    global g
    for i in x[1:]:
        total = {**h(i, *y), 1: (yield)} if not x else f"{x!r:>3}"
    return lambda q: g(h(q), k=-1) < 2 <= 3
"""


def test_a_copy_says_the_same_and_shares_nothing() -> None:
    tree = ast.parse(TEXT)
    list(of_type(tree, ast.Call))
    copy = copied(tree).tree
    assert ast.dump(copy, include_attributes=True) == ast.dump(ast.parse(TEXT), include_attributes=True)
    placed = [n for n in ast.walk(copy) if not isinstance(n, (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop))]
    assert not {id(n) for n in placed} & {id(n) for n in ast.walk(tree)}
    assert all(root(n) is copy for n in placed)
    copy.body.clear()
    assert ast.dump(tree) == ast.dump(ast.parse(TEXT))


def test_other_nodes_in_the_place_of_names() -> None:
    def instead(node: ast.AST, around: tuple[int, ...]) -> ast.AST | None:
        return ast.Constant(around[-1]) if isinstance(node, ast.Name) and node.id == "x" else None

    made = copied(ast.parse("x\n\n\ndef f(y=x):\n    return lambda: x\n"), instead).tree
    assert ast.unparse(made) == "0\n\ndef f(y=4):\n    return lambda: 4"


def test_calls_ahead_of_those_within_them_and_where_they_hang() -> None:
    copy = copied(ast.parse("f(g(1), k=h(2)).i(j(3))"))
    names = [getattr(hung.copy.func, "id", "i") for hung in copy.calls]
    assert set(names) == set("fghij")
    assert names.index("f") < min(names.index("g"), names.index("h"))
    for hung in copy.calls:
        assert hung.holder[hung.at] is hung.copy
        assert hung.call is not hung.copy


def test_thousands_of_elifs() -> None:
    tree = ast.parse("if x == 0:\n    pass\n")
    branch = tree.body[0]
    for n in range(5000):
        assert isinstance(branch, ast.If)
        branch.orelse = [ast.If(ast.Name(f"x{n}", ast.Load()), [ast.Pass()], [])]
        branch = branch.orelse[0]
    assert sum(isinstance(n, ast.If) for n in ast.walk(copied(tree).tree)) == 5001
