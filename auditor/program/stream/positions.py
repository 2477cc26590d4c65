"""Tables that are indexed by the absolute position in the validation stream, and where they reach logits or losses."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property

from auditor.program import vocabulary
from auditor.program.module import Module, Seen
from auditor.program.origin import Origins
from auditor.program.syntax import Function, assignments, called, functions, is_library, last_name, targets_of
from auditor.program.written import written
from auditor.source.index import of_type, own_nodes, own_of_type, parent, walk

_ROUNDS = 4  # steps that a name is followed forward
_LOSSES = vocabulary.LOSS | vocabulary.DISTRIBUTION


def helped_by_position(module: Module) -> Iterator[Seen]:
    """Statements that change a logit or a loss by what a table holds for that position of the stream."""
    for function in functions(module.tree):
        for node in _Reader(module.origins, function).statements():
            yield Seen(place=module.place(node), active=module.reached(node))


class _Reader:
    """One function that walks the stream."""

    def __init__(self, origins: Origins, function: Function) -> None:
        self.origins = origins
        self.function = function
        self._values: dict[ast.AST, dict[str, list[ast.expr]]] = {}
        self._stores: dict[ast.AST, dict[str, list[ast.Assign]]] = {}

    def statements(self) -> Iterator[ast.stmt]:
        if not self._makers or not self.positions or not self.outputs:
            return
        for table in self._tables():
            held = self._held(table)
            if any(self._mentions(a, table, held) for call in self._makers for a in call.args):
                continue  # what the model reads or is scored against is the stream itself
            for node in own_of_type(self.function, ast.Assign, ast.AugAssign):
                if self._changes(node, table, held):
                    yield node

    @cached_property
    def local(self) -> list[tuple[str, ast.expr]]:
        return [(t.id, v) for t, v, _ in assignments(self.function) if isinstance(t, ast.Name)]

    # --- positions ------------------------------------------------------------------------------------------------

    @cached_property
    def positions(self) -> frozenset[str]:
        """Names that are an absolute position: loop variables that cut the stream, and sums with them."""
        loops = own_of_type(self.function, ast.For)
        variables = [
            n.target.id
            for n in loops
            if isinstance(n.target, ast.Name) and isinstance(n.iter, ast.Call) and called(n.iter) in vocabulary.WALKS
        ]
        cuts = self._cuts() if variables else set()
        found = {name for name in variables if cuts and self._forward({name}) & cuts}
        return frozenset(self._forward(found)) if found else frozenset()

    def _cuts(self) -> set[str]:
        """Names in the bounds of slices of the validation stream."""
        found: set[str] = set()
        for node in of_type(self.function, ast.Subscript):
            if isinstance(node.slice, ast.Slice) and "validation" in self.origins.of(node.value):
                found |= {n.id for n in of_type(node.slice, ast.Name)}
        return found

    @cached_property
    def _sums(self) -> list[tuple[str, set[str]]]:
        """(name, the names that it is a sum of)"""
        made = [*self.local]
        made += [(n.target.id, n.iter) for n in own_of_type(self.function, ast.For) if isinstance(n.target, ast.Name)]
        return [(name, parts) for name, value in made if (parts := _summed(value))]

    def _forward(self, names: set[str]) -> set[str]:
        names = set(names)
        for _ in range(_ROUNDS):
            names |= {name for name, parts in self._sums if parts & names}
        return names

    # --- tables ---------------------------------------------------------------------------------------------------

    def _tables(self) -> set[str]:
        """The stored tables that are read at a position, written out."""
        found: set[str] = set()
        for node in walk(self.function):
            table = self._read(node)
            if table is not None and written(table) not in found and self._stored(table, node):
                found.add(written(table))
        return found

    def _read(self, node: ast.AST) -> ast.expr | None:
        """The table in `table[position]`, `table[position:end]`, `table.get(position)` and `position in table`."""
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            bounds = [node.slice.lower, node.slice.upper] if isinstance(node.slice, ast.Slice) else [node.slice]
            held, keys = node.value, [b for b in bounds if b is not None]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            held, keys = node.func.value, node.args[:1]
        elif isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.In | ast.NotIn):
            held, keys = node.comparators[0], [node.left]
        else:
            return None
        plain = isinstance(held, ast.Name | ast.Attribute)
        return held if plain and any(_summed(key) & self.positions for key in keys) else None

    def _stored(self, table: ast.expr, read: ast.AST) -> bool:
        """Whether a table comes out of a file that is no token shard, or was filled with targets before."""
        kinds = self.origins.of(table)
        if "blob" in kinds and not kinds & {"validation", "training"}:
            return True
        return isinstance(table, ast.Name) and self._filled(table, self.function, read, 0)

    def _filled(self, table: ast.expr, scope: ast.AST, read: ast.AST | None, depth: int) -> bool:
        if depth > _ROUNDS:
            return False
        if isinstance(table, ast.Call):
            builder = self.origins.functions.get(last_name(table.func))
            returned = [n.value for n in own_nodes(builder) if isinstance(n, ast.Return)] if builder is not None else []
            return any(self._filled(v, builder, None, depth + 1) for v in returned if v is not None and builder)
        if not isinstance(table, ast.Name):
            return False
        if any(read is None or self._loop(s) is not self._loop(read) for s in self._fills(table.id, scope)):
            return True
        values = list(self._assigned(scope).get(table.id, ()))
        if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
            values += self.origins.arguments(scope, table.id)
        return any(self._filled(v, self.origins.scope_of(v), None, depth + 1) for v in values if v is not table)

    def _assigned(self, scope: ast.AST) -> dict[str, list[ast.expr]]:
        """Name -> the values that a scope assigns to it; told once for each scope."""
        if scope not in self._values:
            found = self._values.setdefault(scope, {})
            for target, value, _ in assignments(scope):
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(value)
        return self._values[scope]

    def _fills(self, name: str, scope: ast.AST) -> list[ast.Assign]:
        """`table[...] = target` in a loop of a scope."""
        if scope not in self._stores:
            found = self._stores.setdefault(scope, {})
            for node in own_nodes(scope):
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
                    base = node.targets[0].value
                    if not isinstance(base, ast.Name) or self._loop(node) is None or not _is_plain(node.value):
                        continue
                    if "validation" in self.origins.of(node.value):
                        found.setdefault(base.id, []).append(node)
        return self._stores[scope].get(name, [])

    def _loop(self, node: ast.AST) -> ast.AST | None:
        """The outermost loop around a node."""
        found: ast.AST | None = None
        current = parent(node)
        while current is not None and not isinstance(current, ast.FunctionDef | ast.AsyncFunctionDef):
            found = current if isinstance(current, ast.For | ast.While) else found
            current = parent(current)
        return found

    # --- what is made of them -------------------------------------------------------------------------------------

    @cached_property
    def _makers(self) -> list[ast.Call]:
        """The calls that make logits and losses: losses, and what gives a loss its first argument."""
        losses = [c for c in of_type(self.function, ast.Call) if called(c) in _LOSSES]
        scored = {n.id for c in losses for n in of_type(c.args[0] if c.args else c.func, ast.Name)}
        for _ in range(_ROUNDS):
            scored |= {_converted(value) for name, value in self.local if name in scored}
        made = [v for name, v in self.local if name in scored]
        return [*losses, *(call for value in made for call in of_type(value, ast.Call))]

    @cached_property
    def outputs(self) -> frozenset[str]:
        found: set[str] = set()
        for _ in range(_ROUNDS):
            for name, value in self.local:
                made = any(call in self._makers for call in of_type(value, ast.Call))
                if made or (not isinstance(value, ast.Call) and _base(value) in found):
                    found.add(name)
        return frozenset(found)

    def _held(self, table: str) -> set[str]:
        """Names that are set to what the table holds."""
        held: set[str] = set()
        for _ in range(_ROUNDS):
            for name, value in self.local:
                if (_is_plain(value) or not isinstance(value, ast.Call)) and self._mentions(value, table, held):
                    held.add(name)
        return held - self.outputs

    def _mentions(self, node: ast.AST, table: str, held: set[str]) -> bool:
        for inner in walk(node):
            if isinstance(inner, ast.Name) and inner.id in held:
                return True
            read = self._read(inner)
            if read is not None and written(read) == table:
                return True
        return False

    def _changes(self, node: ast.Assign | ast.AugAssign, table: str, held: set[str]) -> bool:
        target = targets_of(node)[0]
        if _base(target) not in self.outputs:
            return False
        if isinstance(target, ast.Name) and isinstance(node, ast.Assign):
            replaced = isinstance(node.value, ast.Call) and called(node.value) in vocabulary.REPLACES_ENTRIES
            return (replaced or isinstance(node.value, ast.BinOp)) and self._mentions(node.value, table, held)
        if self._mentions(node.value, table, held) or (
            isinstance(target, ast.Subscript) and self._mentions(target.slice, table, held)
        ):
            return True
        current = parent(node)
        while current is not None and current is not self.function:
            if isinstance(current, ast.If) and self._mentions(current.test, table, held):
                return True
            current = parent(current)
        return False


def _summed(node: ast.expr) -> set[str]:
    """The names that an arithmetic expression is made of; none where it reads something out of a table."""
    if any(True for _ in of_type(node, ast.Subscript, ast.Compare)):
        return set()
    if any(called(call) not in vocabulary.ARITHMETIC for call in of_type(node, ast.Call)):
        return set()
    return {name.id for name in of_type(node, ast.Name)}


def _is_plain(node: ast.expr) -> bool:
    """Tokens as they are: sliced and converted, nothing computed."""
    while isinstance(node, ast.Subscript | ast.Call):
        if isinstance(node, ast.Subscript):
            node = node.value
        elif called(node) not in vocabulary.SAME_ENTRIES:
            return False
        elif isinstance(node.func, ast.Attribute) and not is_library(node.func.value):
            node = node.func.value
        elif node.args:
            node = node.args[0]
        else:
            return False
    return isinstance(node, ast.Name | ast.Attribute)


def _converted(node: ast.expr) -> str:
    """The name whose value an expression moves, casts or cuts; "" where it does something else."""
    while isinstance(node, ast.Subscript | ast.Call):
        if isinstance(node, ast.Subscript):
            node = node.value
        elif isinstance(node.func, ast.Attribute) and node.func.attr in vocabulary.LIKE_THE_INPUT:
            node = node.func.value
        else:
            return ""
    return node.id if isinstance(node, ast.Name) else ""


def _base(node: ast.expr) -> str:
    while isinstance(node, ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
