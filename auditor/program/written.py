"""Code as it is written: the text of a syntax tree."""

from __future__ import annotations

import ast
from functools import lru_cache


@lru_cache(maxsize=8192)  # a loop's body comes by again and again, and trees do not change
def written(node: ast.AST) -> str:
    """`ast.unparse`, once for each node."""
    return ast.unparse(node)
