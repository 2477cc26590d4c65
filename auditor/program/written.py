"""Code as it is written: the text of a syntax tree."""

from __future__ import annotations

import ast

from auditor.source.walking import WRITTEN


def written(node: ast.AST) -> str:
    """`ast.unparse`, once for each node: a loop's body comes by again and again, and trees do not change.

    The text is kept by the node itself, so that nothing keeps a tree alive that nobody asks of any more.
    """
    known: str | None = node.__dict__.get(WRITTEN)
    if known is None:
        known = node.__dict__[WRITTEN] = ast.unparse(node)
    return known
