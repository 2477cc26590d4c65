"""The same steps in another shape: printed again, wrapped, turned, with named results."""

from __future__ import annotations

import ast

from auditor.source.walking import nodes
from rewriting.program import Files, Transformer, asks_main, print_trees, python_of, trees_of


def printed(files: Files) -> dict[str, str]:
    """Printed from the parsed tree: no comments, other line breaks."""
    return {path: ast.unparse(ast.parse(text)) + "\n" for path, text in python_of(files).items()}


def wrapped(files: Files) -> dict[str, str]:
    """Every function is called through another one that passes its arguments on."""
    trees = trees_of(files)
    for tree in trees.values():
        body: list[ast.stmt] = []
        for node in tree.body:
            body.append(node)
            if isinstance(node, ast.FunctionDef) and not node.decorator_list and node.name != "main":
                outer, node.name = node.name, node.name + "_body"
                passing = f"def {outer}(*args, **kwargs):\n    return {node.name}(*args, **kwargs)"
                body.extend(ast.parse(passing).body)
        tree.body = body
    return print_trees(trees)


_TURNED = {ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE, ast.Eq: ast.Eq, ast.NotEq: ast.NotEq}


class _Turn(Transformer):
    def visit_If(self, node: ast.If) -> ast.AST:
        self.generic_visit(node)
        chain = len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If)
        if node.orelse and not chain and not asks_main(node.test):
            node.test, node.body, node.orelse = ast.UnaryOp(ast.Not(), node.test), node.orelse, node.body
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        self.generic_visit(node)
        node.test, node.body, node.orelse = ast.UnaryOp(ast.Not(), node.test), node.orelse, node.body
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        op = _TURNED.get(type(node.ops[0])) if len(node.ops) == 1 else None
        simple = (ast.Name, ast.Attribute, ast.Constant)
        if op and isinstance(node.left, simple) and isinstance(node.comparators[0], simple) and not asks_main(node):
            node.left, node.ops, node.comparators = node.comparators[0], [op()], [node.left]
        return node


def turned(files: Files) -> dict[str, str]:
    """if/else the other way round, comparisons turned."""
    return print_trees({path: _Turn().visit(tree) for path, tree in trees_of(files).items()})


class _NameResults(Transformer):
    """`return f(x)` becomes `result = f(x); return result`, and an argument that is a call gets a name first."""

    def __init__(self) -> None:
        self.count = 0

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        return node

    def visit_Return(self, node: ast.Return) -> ast.AST | list[ast.stmt]:
        if node.value is None or isinstance(node.value, (ast.Name, ast.Constant)):
            return node
        made = ast.Assign([ast.Name("returned_value", ast.Store())], node.value)
        return [*self._named(made), ast.Return(ast.Name("returned_value", ast.Load()))]

    def visit_Assign(self, node: ast.Assign) -> ast.AST | list[ast.stmt]:
        return self._named(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST | list[ast.stmt]:
        return self._named(node)

    def _named(self, node: ast.Assign | ast.AugAssign) -> list[ast.stmt]:
        """The first thing that the value computes is computed a line earlier."""
        holder: ast.AST = node
        value: ast.expr = node.value
        while True:
            inner = _first_part(value)
            if inner is None or not isinstance(inner, (ast.Call, ast.BinOp, ast.Subscript)):
                break
            holder, value = value, inner
        if value is node.value or (isinstance(node, ast.AugAssign) and not isinstance(node.target, ast.Name)):
            return [node]
        self.count += 1
        name = f"part_{self.count}"
        for field, held in ast.iter_fields(holder):
            if held is value:
                setattr(holder, field, ast.Name(name, ast.Load()))
            elif isinstance(held, list) and held and held[0] is value:
                held[0] = ast.Name(name, ast.Load())
        return [ast.Assign([ast.Name(name, ast.Store())], value), node]


def _first_part(value: ast.expr) -> ast.expr | None:
    """The part of an expression that Python evaluates first."""
    if isinstance(value, ast.Call):
        named = isinstance(value.func, (ast.Name, ast.Attribute))
        return value.args[0] if named and value.args and not isinstance(value.args[0], ast.Starred) else None
    if isinstance(value, ast.BinOp):
        return value.left
    if isinstance(value, ast.Subscript):
        return value.value
    return None


def named(files: Files) -> dict[str, str]:
    """Results get names before they are returned or go on."""
    trees = trees_of(files)
    for tree in trees.values():
        for node in nodes(tree):
            if isinstance(node, ast.FunctionDef):
                node.body = [s for old in node.body for s in _listed(_NameResults().visit(old))]
    return print_trees(trees)


def _listed(made: ast.AST | list[ast.stmt]) -> list[ast.stmt]:
    return made if isinstance(made, list) else [made]  # type: ignore[list-item]
