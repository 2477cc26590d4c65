"""What every rewriting needs: the files of a program as trees, and trees printed again."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

Files = Mapping[str, str]
"""The text files of a folder; what is no Python is only read."""
Rewriting = Callable[[Files], dict[str, str]]
GONE = "\0"
"""The text of a file that is there no more."""
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


class Unfit(Exception):
    """The program uses what this rewriting can't keep."""


def python_of(files: Files) -> dict[str, str]:
    return {path: text for path, text in files.items() if path.endswith(".py") and text != GONE}


def trees_of(files: Files) -> dict[str, ast.Module]:
    trees = {path: ast.parse(text) for path, text in python_of(files).items()}
    for tree in trees.values():
        for node in ast.walk(tree):
            called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            if called in {"locals", "vars", "exec", "eval", "globals"}:
                raise Unfit(f"names are looked up by {called}()")
    return trees


def print_trees(trees: Mapping[str, ast.Module]) -> dict[str, str]:
    texts = {path: ast.unparse(ast.fix_missing_locations(tree)) + "\n" for path, tree in trees.items()}
    for path, text in texts.items():
        compile(text, path, "exec")
    return texts


class WithinFunctions(ast.NodeTransformer):
    """Knows whether it is in the body of a function; defaults and annotations are none of it."""

    inside = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.inside += 1
        node.body = [self.visit(statement) for statement in node.body]
        self.inside -= 1
        return node


def asks_main(test: ast.expr) -> bool:
    """`__name__ == "__main__"`."""
    return any(isinstance(n, ast.Name) and n.id == "__name__" for n in ast.walk(test))


def is_script(tree: ast.Module) -> bool:
    return any(isinstance(n, ast.If) and asks_main(n.test) for n in tree.body)
