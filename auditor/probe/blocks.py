"""The blocks of a script: what runs or does not run as one, named by the place of its first statement.

A run marks those that it enters. The parent makes the same list from the text that it decoded itself, so what a run
left out is known by name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

Place = tuple[int, int]  # line and column
_COMPILERS = ("jit", "triton", "numba")


@dataclass(frozen=True)
class Block:
    """`nodes`: its statements, or the one expression. `function`: the first line of the innermost function, 0 for none.

    `inside`: the place of the block that it is in. `is_body`: it is a function's own body. `test`: what decides it.
    """

    place: Place
    nodes: tuple[ast.AST, ...]
    function: int
    inside: Place | None
    is_body: bool = False
    test: ast.AST | None = field(default=None, compare=False)


def blocks(tree: ast.Module) -> list[Block]:
    """In the order of the text; those of functions that another compiler reads are left out."""
    return list(_of_statements(tree.body, 0, None))


def first_line(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> int:
    """Where the code object of a function says that it begins: at its first decorator."""
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return min([node.lineno, *(d.lineno for d in decorators)])


def _of_statements(body: list[ast.stmt], function: int, inside: Place | None) -> Iterator[Block]:
    for statement in body:
        yield from _of_node(statement, function, inside)


def _of_node(node: ast.AST, function: int, inside: Place | None) -> Iterator[Block]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        if not is_compiled(node):
            yield from _block(node.body, first_line(node), inside, is_body=True)
        return
    for name, value in ast.iter_fields(node):
        if isinstance(value, list) and value and all(isinstance(v, ast.stmt) for v in value):
            if _always_runs(node, name):
                yield from _of_statements(value, function, inside)
            else:
                test = getattr(node, "test", None) or getattr(node, "iter", None) or getattr(node, "subject", None)
                yield from _block(value, function, inside, test=test)
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST):
                continue
            if lazily_evaluated(node, name, child):
                assert isinstance(child, ast.expr)
                place = (child.lineno, child.col_offset)
                yield Block(place, (child,), function, inside, test=node)
                yield from _of_node(child, function, place)
            else:
                yield from _of_node(child, function, inside)


def _block(
    body: list[ast.stmt], function: int, inside: Place | None, *, is_body: bool = False, test: ast.AST | None = None
) -> Iterator[Block]:  # fmt: skip
    place = (body[0].lineno, body[0].col_offset)
    yield Block(place, tuple(body), function, inside, is_body, test)
    yield from _of_statements(body, function, place)


def _always_runs(node: ast.AST, name: str) -> bool:
    """Whether these statements begin whenever what they are in is reached."""
    if isinstance(node, ast.ClassDef | ast.With | ast.AsyncWith | ast.Module):
        return True
    return isinstance(node, ast.Try) and name in ("body", "finalbody")


def lazily_evaluated(node: ast.AST, name: str, child: ast.AST) -> bool:
    """Expressions with a call that run or do not by what stands before them."""
    if not isinstance(child, ast.expr) or not any(isinstance(part, ast.Call) for part in ast.walk(child)):
        return False
    if isinstance(node, ast.IfExp):
        return name in ("body", "orelse")
    if isinstance(node, ast.BoolOp):
        return child is not node.values[0]
    return isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp) and name == "elt"


def is_compiled(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Functions whose source another compiler reads: their bodies stay as they are."""
    return any(word in ast.unparse(d) for d in node.decorator_list for word in _COMPILERS)


class Mark(ast.NodeTransformer):
    """Puts a call of `hook`.e(number) at the beginning of every block; `places` are theirs by number from `first`."""

    def __init__(self, hook: str, first: int = 0) -> None:
        self._hook, self._first = hook, first
        self.places: list[Place] = []

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        if is_compiled(node):
            return node
        node.body = self._marked(node.body)
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for name, value in ast.iter_fields(node):
            if isinstance(value, list) and value and all(isinstance(v, ast.stmt) for v in value):
                plain = _always_runs(node, name)
                setattr(node, name, [self.visit(v) for v in value] if plain else self._marked(value))
            elif isinstance(value, list):
                setattr(node, name, [self._child(node, name, v) for v in value])
            else:
                setattr(node, name, self._child(node, name, value))
        return node

    def _child(self, node: ast.AST, name: str, child: object) -> object:
        if not isinstance(child, ast.AST):
            return child
        if not lazily_evaluated(node, name, child):
            return self.visit(child)
        assert isinstance(child, ast.expr)
        call = self._call(child)
        return ast.copy_location(ast.BoolOp(ast.Or(), [call, self.visit(child)]), child)

    def _marked(self, body: list[ast.stmt]) -> list[ast.stmt]:
        first = body[0]
        mark = ast.copy_location(ast.Expr(self._call(first)), first)
        is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)  # a docstring stays the first
        inner: list[ast.stmt] = [self.visit(statement) for statement in body]
        return [inner[0], mark, *inner[1:]] if is_text else [mark, *inner]

    def _call(self, at: ast.stmt | ast.expr) -> ast.Call:
        self.places.append((at.lineno, at.col_offset))
        number = ast.Constant(self._first + len(self.places) - 1)
        function = ast.Attribute(ast.Name(self._hook, ast.Load()), "e", ast.Load())
        call = ast.Call(function, [number], [])
        for part in ast.walk(call):
            ast.copy_location(part, at)
        return call
