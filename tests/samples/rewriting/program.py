"""What every rewriting needs: the files of a program as trees, and trees printed again."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from auditor.source.walking import FIELDS, nodes, statements

Files = Mapping[str, str]
"""The text files of a folder; what is no Python is only read."""
Rewriting = Callable[[Files], dict[str, str]]
GONE = "\0"
"""The text of a file that is there no more."""
_LOOKING_UP = ("locals", "vars", "exec", "eval", "globals")
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


class Unfit(Exception):
    """The program uses what this rewriting can't keep."""


def python_of(files: Files) -> dict[str, str]:
    return {path: text for path, text in files.items() if path.endswith(".py") and text != GONE}


def trees_of(files: Files) -> dict[str, ast.Module]:
    trees = {path: ast.parse(text) for path, text in python_of(files).items()}
    for path, tree in trees.items():
        for node in nodes(tree) if any(f"{name}(" in files[path] for name in _LOOKING_UP) else ():
            called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            if called in _LOOKING_UP:
                raise Unfit(f"names are looked up by {called}()")
    return trees


def print_trees(trees: Mapping[str, ast.Module]) -> dict[str, str]:
    for tree in trees.values():
        for node in statements(tree):
            if "lineno" not in node.__dict__:
                node.lineno = 0  # type: ignore[attr-defined]  # asked for, and of no consequence
    return {path: ast.unparse(tree) + "\n" for path, tree in trees.items()}


class Transformer(ast.NodeTransformer):
    """`ast.NodeTransformer` without operators and contexts, which is most of its time."""

    visitors: ClassVar[dict[type[ast.AST], Callable[[Any, Any], Any]]]

    def __init_subclass__(cls) -> None:
        cls.visitors = {}

    def visit(self, node: ast.AST) -> Any:
        kind = type(node)
        visitor = self.visitors.get(kind)
        if visitor is None:
            visitor = self.visitors[kind] = getattr(type(self), f"visit_{kind.__name__}", type(self).generic_visit)
        return visitor(self, node)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        held = node.__dict__
        for name in FIELDS[type(node)]:
            value = held.get(name)
            if isinstance(value, ast.AST):
                new = self.visit(value)
                if new is None:
                    delattr(node, name)
                elif new is not value:
                    setattr(node, name, new)
            elif value and isinstance(value, list):
                value[:] = [new for item in value for new in self._made_of(item)]
        return node

    def _made_of(self, item: Any) -> Iterable[Any]:
        if not isinstance(item, ast.AST):
            return (item,)
        new = self.visit(item)
        return () if new is None else (new,) if isinstance(new, ast.AST) else new


class WithinFunctions(Transformer):
    """Knows whether it is in the body of a function; defaults and annotations are none of it."""

    inside = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.inside += 1
        node.body = [self.visit(statement) for statement in node.body]
        self.inside -= 1
        return node


def asks_main(test: ast.expr) -> bool:
    """`__name__ == "__main__"`."""
    return any(isinstance(n, ast.Name) and n.id == "__name__" for n in nodes(test))


def is_script(tree: ast.Module) -> bool:
    return any(isinstance(n, ast.If) and asks_main(n.test) for n in tree.body)
