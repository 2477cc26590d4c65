"""Trees as they are followed, and never run: what says the same thing is read in one form, however it is written."""

from __future__ import annotations

import ast

from auditor.source.forms.blocks import blocks, scopes
from auditor.source.forms.library_names import read_as_the_library
from auditor.source.forms.loops import read_as_counted
from auditor.source.forms.sums import read_as_sums
from auditor.source.syntax import parse_python


def parse_to_follow(text: str) -> ast.Module:
    """One module as it is followed, never run. Raises SyntaxProblem where the text cannot be parsed."""
    tree = parse_python(text)
    held = [(scope, blocks(scope)) for scope in scopes(tree)]
    read_as_the_library(tree, [b for scope, own in held if not isinstance(scope, ast.ClassDef) for b in own], text)
    for scope, own in held:
        read_as_sums(scope, own)
        read_as_counted(scope, own)
    return tree
