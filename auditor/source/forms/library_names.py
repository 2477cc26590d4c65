"""Functions of a library that the program has given names of its own, as what they are.

    attend = F.scaled_dot_product_attention
    y = attend(q, k, v)          is read as    y = F.scaled_dot_product_attention(q, k, v)

A name stays where it is given another value anywhere, and where the program may put something else in the library's
place: the name would keep what was there before.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from contextlib import suppress
from copy import deepcopy
from unicodedata import normalize

from auditor.source.forms.blocks import blocks
from auditor.source.walking import nodes, occurrences


def read_as_the_library(tree: ast.Module, held: list[list[ast.stmt]], text: str) -> None:
    """`held`: the blocks of the tree's scopes, those of classes left out; `text`: what the tree was read from."""
    found = {
        target.id: statement.value
        for block in held
        for statement in block
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1
        if isinstance(target := statement.targets[0], ast.Name) and isinstance(statement.value, ast.Attribute)
    }
    imported = {a.asname or a.name.split(".")[0] for s in _imports(tree) for a in s.names} if found else set()
    found = {name: value for name, value in found.items() if _base(value) in imported}
    text = text if text.isascii() or not found else normalize("NFKC", text)  # as the parser does with names
    if not any(_may_be_called(name, text) for name in found):  # as few are: no node is looked at
        return
    bound: list[str] = []
    called: set[str] = set()
    replaced: set[str] = set()
    for node in nodes(tree):  # every node of every program: one look at each
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                bound.append(node.id)
        elif isinstance(node, ast.Call):
            called.add(getattr(node.func, "id", ""))
        elif isinstance(node, ast.Attribute):
            if not isinstance(node.ctx, ast.Load):
                replaced.add(node.attr)
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                replaced.add(node.value)
        else:
            bound += _bound(node)
    times = Counter(bound)
    found = {name: value for name, value in found.items() if name in called and value.attr not in replaced}
    plain = {name: value for name, value in found.items() if times[name] == 1 and times[_base(value)] == 1}
    if plain:
        with suppress(RecursionError):  # thousands of `elif`: what is deeper keeps its names
            _Put(plain).visit(tree)


def _may_be_called(name: str, text: str) -> bool:
    """Whether a bracket opens behind the name somewhere; a comment, or brackets that end, may stand between them."""
    return any(_OPENS.match(text, at + len(name)) for at in occurrences(text, name))


_OPENS = re.compile(r"(?:[\s\\)]|#[^\n]*\n)*\(")


def _imports(tree: ast.Module) -> list[ast.Import | ast.ImportFrom]:
    return [s for block in blocks(tree) for s in block if isinstance(s, (ast.Import, ast.ImportFrom))]


def _base(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _bound(node: ast.AST) -> list[str]:
    """The names that a node that is none itself gives a value, as often as it does."""
    if isinstance(node, ast.arg):
        return [node.arg]
    if isinstance(node, ast.alias):
        return [node.asname or node.name.split(".")[0]]
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    return [*node.names, *node.names] if isinstance(node, (ast.Global, ast.Nonlocal)) else []


class _Put(ast.NodeTransformer):
    def __init__(self, found: dict[str, ast.Attribute]) -> None:
        self.found = found

    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = self.found.get(node.id) if isinstance(node.ctx, ast.Load) else None
        if value is None:
            return node
        made = deepcopy(value)
        for part in ast.walk(made):
            if isinstance(part, ast.expr):
                ast.copy_location(part, node)
        return made
