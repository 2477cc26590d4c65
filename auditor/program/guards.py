"""Which branches of a module run, decided from the configuration alone.

The interpreter takes a model's forward pass as one step. What stands inside it is guarded by attributes
(`if self.smear_enabled`, `if self.smear is not None`) that go back to switches; these are followed here.
"""

from __future__ import annotations

import ast
from functools import cached_property

from auditor.program import vocabulary
from auditor.program.model import Program
from auditor.program.origin import Origins
from auditor.program.settled import Settled
from auditor.program.syntax import Function, both, line_of
from auditor.source import Sources, Unit
from auditor.source.index import of_type, parent

_SCOPES = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef
_NESTING = 4  # modules within modules


class Guards:
    """Answers whether a place of one unit runs, as far as switches tell."""

    def __init__(self, unit: Unit, origins: Origins, settled: Settled, sources: Sources, program: Program) -> None:
        self.unit = unit
        self.origins = origins
        self.settled = settled
        self.sources = sources
        self.program = program

    def holds(self, node: ast.AST) -> bool | None:
        """Whether the conditions around a node, up to its function, let it run."""
        state: bool | None = True
        child, above = node, parent(node)
        while above is not None and not isinstance(child, _SCOPES):
            state = both(state, self._lets(above, child))
            child, above = above, parent(above)
        return state

    def _lets(self, above: ast.AST, child: ast.AST) -> bool | None:
        if isinstance(above, ast.If | ast.IfExp):
            if child is above.test:
                return True
            body = above.body if isinstance(above.body, list) else [above.body]
            truth = self.settled.truth_of(above.test)
            return truth if any(child is b for b in body) else _not(truth)
        for name in ("body", "orelse", "finalbody"):
            block = getattr(above, name, None)
            if isinstance(block, list) and child in block:
                return self._not_left(block, child)
        return True

    def _not_left(self, block: list[ast.stmt], child: ast.AST) -> bool | None:
        """Whether no statement before `child` leaves the block (`if not self.enabled: return x`)."""
        state: bool | None = True
        for statement in block:
            if statement is child:
                break
            if isinstance(statement, ast.If) and _leaves(statement.body) and not statement.orelse:
                state = both(state, _not(self.settled.truth_of(statement.test)))
        return state

    def active(self, node: ast.AST) -> bool | None:
        """Whether a node runs: by the interpreter outside of modules, by switches inside of them."""
        holder = self.class_of(node)
        if holder is None or not is_module(holder):
            return self.program.reached(self.unit, line_of(node))
        return both(both(self.holds(node), self._used(holder)), self._called(node, holder))

    def _used(self, holder: ast.ClassDef, depth: int = 0) -> bool | None:
        """Whether a class is instantiated (or inherited from) somewhere that runs."""
        best: bool | None = False
        for node in self._mentions.get(holder.name, ()):
            owner = self.class_of(node)
            if owner is holder:
                continue
            if owner is not None and is_module(owner):
                inner = self._used(owner, depth + 1) if depth < _NESTING else None
                state = both(self.holds(node), inner)
            else:
                state = self.program.reached(self.unit, line_of(node))
            if state:
                return True
            best = None if state is None else best
        return True if (elsewhere := self._used_elsewhere(holder.name)) else None if elsewhere is None else best

    def _used_elsewhere(self, name: str) -> bool | None:
        """Whether another unit of the program uses a name of this one on a line that runs."""
        best: bool | None = False
        for other in self.sources.units:
            if other is self.unit or other.tree is None or name not in other.text:
                continue
            for node in of_type(other.tree, ast.Name, ast.Attribute):
                if (node.id if isinstance(node, ast.Name) else node.attr) == name:
                    state = self.program.reached(other, node.lineno)
                    if state:
                        return True
                    best = None if state is None else best
        return best

    def _called(self, node: ast.AST, holder: ast.ClassDef) -> bool | None:
        """Whether the method that holds a node is called at all; `forward` always is."""
        method: Function | None = None
        current = parent(node)
        while current is not None and current is not holder:
            if isinstance(current, ast.FunctionDef | ast.AsyncFunctionDef):
                method = current
            current = parent(current)
        if method is None or method.name in vocabulary.CALLED_BY_TORCH:
            return True
        own = {id(n) for n in of_type(method, ast.Attribute)}
        return any(id(n) not in own for n in self._attribute_uses.get(method.name, ()))

    def class_of(self, node: ast.AST) -> ast.ClassDef | None:
        current = parent(node)
        while current is not None and not isinstance(current, ast.ClassDef):
            current = parent(current)
        return current

    @cached_property
    def _mentions(self) -> dict[str, list[ast.AST]]:
        found: dict[str, list[ast.AST]] = {}
        for node in of_type(self.origins.tree, ast.Name):
            if isinstance(node.ctx, ast.Load):
                found.setdefault(node.id, []).append(node)
        return found

    @cached_property
    def _attribute_uses(self) -> dict[str, list[ast.AST]]:
        found: dict[str, list[ast.AST]] = {}
        for node in of_type(self.origins.tree, ast.Attribute):
            found.setdefault(node.attr, []).append(node)
        return found


def is_module(holder: ast.ClassDef) -> bool:
    """Classes of tensors' code: `nn.Module` and classes of the script that inherit from another class."""
    return bool(holder.bases)


def _not(state: bool | None) -> bool | None:
    return None if state is None else not state


def _leaves(body: list[ast.stmt]) -> bool:
    # A run that got to its score raised nothing.
    return bool(body) and isinstance(body[-1], ast.Return | ast.Continue | ast.Break)
