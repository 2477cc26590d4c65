"""What a program has registered to run with what happens to a module, a tensor or an optimizer."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from auditor.program.values import Value


@dataclass(frozen=True, slots=True, eq=False)
class Hook:
    """A function that runs with what happens to an object; `kind`: forward, gradient, step or backward."""

    kind: str
    of: Value
    function: Value
    at: ast.AST  # where it was registered
