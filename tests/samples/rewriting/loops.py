"""Loops, sums and choices written another way: a `while` that counts, a list that is filled, an `if` of two arms."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from auditor.source.walking import nodes
from rewriting.program import FUNCTION, Files, Transformer, print_trees, trees_of


class Blocks(Transformer):
    """Puts statements in the place of a statement; `fresh` gives names that nobody else has."""

    def __init__(self) -> None:
        self.made = 0

    def fresh(self) -> str:
        self.made += 1
        return f"made_{self.made}"

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                setattr(node, name, [new for old in block for new in self._of(old)])
        for part in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            self.generic_visit(part)
        return node

    def _of(self, statement: ast.stmt) -> list[ast.stmt]:
        self.generic_visit(statement)
        return list(self.turn(statement))

    def turn(self, statement: ast.stmt) -> Iterator[ast.stmt]:
        raise NotImplementedError


def loaded(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def stored(name: str) -> ast.Name:
    return ast.Name(name, ast.Store())


def _rewritten(files: Files, by: type[Blocks]) -> dict[str, str]:
    return print_trees({path: by().visit(tree) for path, tree in trees_of(files).items()})


class _Count(Blocks):
    def turn(self, statement: ast.stmt) -> Iterator[ast.stmt]:
        bounds = _range_of(statement)
        if bounds is None or not isinstance(statement, ast.For):
            yield statement
            return
        at, end, step = self.fresh(), self.fresh(), self.fresh()
        for name, value in zip((at, end, step), bounds, strict=True):
            yield ast.Assign([stored(name)], value)
        raised = ast.AugAssign(stored(at), ast.Add(), loaded(step))
        below = ast.Compare(loaded(at), [ast.Lt()], [loaded(end)])
        yield ast.While(below, [ast.Assign([statement.target], loaded(at)), raised, *statement.body], [])


def _range_of(loop: ast.stmt) -> tuple[ast.expr, ast.expr, ast.expr] | None:
    """(start, end, step) of a loop over a range that goes up by plain numbers or names."""
    over = loop.iter if isinstance(loop, ast.For) and not loop.orelse and isinstance(loop.target, ast.Name) else None
    if not isinstance(over, ast.Call) or not isinstance(over.func, ast.Name) or over.func.id != "range":
        return None
    start, step = ast.Constant(0), ast.Constant(1)
    if len(over.args) == 1:
        return start, over.args[0], step
    if len(over.args) == 2:
        return over.args[0], over.args[1], step
    goes_up = isinstance(over.args[2], (ast.Name, ast.Attribute, ast.Constant))
    return (over.args[0], over.args[1], over.args[2]) if goes_up else None


class _Collect(Blocks):
    def turn(self, statement: ast.stmt) -> Iterator[ast.stmt]:
        made = statement.value if isinstance(statement, ast.Assign) else None
        if not isinstance(made, ast.ListComp) or len(made.generators) != 1 or not isinstance(statement, ast.Assign):
            yield statement
            return
        over, held = made.generators[0], self.fresh()
        names = {n.id: self.fresh() for n in nodes(over.target) if isinstance(n, ast.Name)}
        for part in (over.target, made.elt, *over.ifs):
            for name in (n for n in nodes(part) if isinstance(n, ast.Name)):
                name.id = names.get(name.id, name.id)
        body: list[ast.stmt] = [ast.Expr(ast.Call(ast.Attribute(loaded(held), "append", ast.Load()), [made.elt], []))]
        for condition in reversed(over.ifs):
            body = [ast.If(condition, body, [])]
        yield ast.Assign([stored(held)], ast.List([], ast.Load()))
        yield ast.For(over.target, over.iter, body, [])
        yield ast.Assign(statement.targets, loaded(held))


class _Choose(Blocks):
    def turn(self, statement: ast.stmt) -> Iterator[ast.stmt]:
        choice = statement.value if isinstance(statement, (ast.Assign, ast.Return)) else None
        if isinstance(choice, ast.IfExp) and isinstance(statement, ast.Return):
            yield ast.If(choice.test, [ast.Return(choice.body)], [ast.Return(choice.orelse)])
        elif isinstance(choice, ast.IfExp) and isinstance(statement, ast.Assign):
            arms = [ast.Assign(statement.targets, value) for value in (choice.body, choice.orelse)]
            yield ast.If(choice.test, arms[:1], arms[1:])
        else:
            yield statement


class _Add(Transformer):
    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        if not isinstance(node.target, ast.Name):
            return node
        return ast.Assign([node.target], ast.BinOp(loaded(node.target.id), node.op, node.value))


def counted(files: Files) -> dict[str, str]:
    """`for` over a range as `while` with a counter."""
    return _rewritten(files, _Count)


def collected(files: Files) -> dict[str, str]:
    """Lists of a comprehension are filled by a loop."""
    return _rewritten(files, _Collect)


def chosen(files: Files) -> dict[str, str]:
    """`a if test else b` as a statement."""
    return _rewritten(files, _Choose)


def summed(files: Files) -> dict[str, str]:
    """`total += x` as `total = total + x`."""
    return print_trees({path: _Add().visit(tree) for path, tree in trees_of(files).items()})


class _Inside(Transformer):
    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        first = 0
        while first < len(node.body) and isinstance(node.body[first], (ast.Global, ast.Nonlocal)):
            first += 1
        inner = node.body[first:]
        generator = any(isinstance(n, (ast.Yield, ast.YieldFrom)) for n in nodes(node))
        kept = [d for d in node.decorator_list if generator or not _without_gradients(d)]
        contexts = [d for d in node.decorator_list if d not in kept] or [_NOTHING]
        node.decorator_list = kept
        if inner and not any(isinstance(s, FUNCTION) for s in inner):
            node.body[first:] = [ast.With([ast.withitem(context) for context in contexts], inner)]
        return node


_NOTHING = ast.parse("contextlib.nullcontext()", mode="eval").body


def _without_gradients(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else None
    return isinstance(called, ast.Attribute) and called.attr in ("no_grad", "inference_mode")


def inside(files: Files) -> dict[str, str]:
    """Functions do what they do inside of a `with`, that of their decorator or one that does nothing."""
    trees = trees_of(files)
    for tree in trees.values():
        _Inside().visit(tree)
        futures = [s for s in tree.body if isinstance(s, ast.ImportFrom) and s.module == "__future__"]
        first = tree.body.index(futures[-1]) + 1 if futures else 0
        tree.body.insert(first, ast.Import([ast.alias("contextlib")]))
    return print_trees(trees)
