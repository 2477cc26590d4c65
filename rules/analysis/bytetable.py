"""What a script's byte tables say, by working out its table-building loop on a few sample pieces.

The scripts spell the same table in dozens of ways. So the loop over the vocabulary is interpreted, on values and
without running anything of it, once for every sample piece: a word, a word with a leading space, a byte-fallback
piece, control, unknown and unused pieces. What is stored for each tells what the table counts.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from auditor.source import Unit
from auditor.source.index import of_type, own_nodes, walk
from rules.analysis.pieces import PIECES, SAMPLES, Loop, Stop, is_piece_call
from rules.analysis.syntax import functions, last_name


@dataclass(frozen=True)
class ByteTable:
    """One table of bytes per piece. `width` maps the text of a sample to what the table holds for it.

    `line` is where the width of a plain word is stored; `flags` names the table of the same loop that marks leading
    spaces, `boundaries` the one that marks boundary tokens (None where the loop builds none).
    """

    unit: Unit
    name: str
    line: int
    width: dict[str, int]
    flags: str | None
    boundaries: str | None

    def of(self, kind: str) -> int | None:
        return next((self.width[p.text] for p in SAMPLES if p.kind == kind and p.text in self.width), None)


def _holders(tree: ast.Module) -> list[ast.AST]:
    """The functions that name pieces, and the module where its own statements do."""
    lines = [node.lineno for node in of_type(tree, ast.Call) if is_piece_call(node)]
    holders: list[ast.AST] = [
        f for f in functions(tree) if any(f.lineno <= line <= (f.end_lineno or f.lineno) for line in lines)
    ]
    if any(isinstance(n, ast.Call) and is_piece_call(n) for n in own_nodes(tree)):
        holders.append(tree)
    return holders


def _loops(scope: ast.AST) -> Iterator[tuple[ast.For, dict[str, object]]]:
    """The loops over a vocabulary, with what is known of names at their start."""
    lists = {
        target.id
        for node in of_type(scope, ast.Assign)
        if isinstance(node.value, ast.ListComp) and is_piece_call(node.value.elt)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in own_nodes(scope):
        if not isinstance(node, ast.For):
            continue
        reads = any(is_piece_call(n) for n in of_type(node, ast.Call))
        by_list = any(n.id in lists for n in of_type(node, ast.Name))
        if reads or by_list:
            yield node, dict.fromkeys(lists, PIECES)


def _initial(scope: ast.AST) -> dict[str, int]:
    """What a table holds where the loop stores nothing: 1 for `ones` and `[True] * n`, else 0."""
    found: dict[str, int] = {}
    for node in of_type(scope, ast.Assign):
        if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            text = ast.dump(node.value)
            filled = "'ones'" in text or ("List(" in text and "value=True" in text)
            found[node.targets[0].id] = int(filled)
    return found


def _bind(loop: ast.For, work: Loop, lists: set[str]) -> None:
    """Bind the loop variable to the sample where the loop runs over a list of pieces."""
    over, target = loop.iter, loop.target
    if isinstance(over, ast.Name) and over.id in lists and isinstance(target, ast.Name):
        work.names[target.id] = work.piece.text
    if (
        isinstance(over, ast.Call)
        and last_name(over.func) == "enumerate"
        and over.args
        and isinstance(over.args[0], ast.Name)
        and over.args[0].id in lists
        and isinstance(target, ast.Tuple)
        and len(target.elts) == 2
        and isinstance(target.elts[1], ast.Name)
    ):
        work.names[target.elts[1].id] = work.piece.text


def _stores(loop: ast.For, known: dict[str, object], helpers: dict[str, ast.FunctionDef]) -> list[Loop]:
    results = []
    for piece in SAMPLES:
        work = Loop(piece, helpers, dict(known))
        _bind(loop, work, set(known))
        try:
            work.block(loop.body)
        except Stop:
            pass
        except RecursionError:
            work.stores.clear()
        results.append(work)
    return results


def _width(value: object) -> int | None:
    if isinstance(value, bytes):
        return len(value)
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _tables_of_loop(
    unit: Unit, loop: ast.For, known: dict[str, object], initial: dict[str, int], helpers: dict[str, ast.FunctionDef]
) -> Iterator[ByteTable]:
    worked = _stores(loop, known, helpers)
    columns = sorted({name for work in worked for name in work.stores})
    default: tuple[object, int] = (None, 0)
    flags = boundaries = None
    for name in columns:
        marks = {w.piece.kind: w.stores[name][0] if name in w.stores else bool(initial.get(name, 0)) for w in worked}
        if not all(isinstance(v, bool) or v in (0, 1) for v in marks.values()):
            continue
        if marks["spaced"] and not marks["word"]:
            flags = name
        elif marks["control"] and not marks["word"]:
            boundaries = name
    for name in columns:
        width: dict[str, int] = {}
        for work in worked:
            stored, _ = work.stores.get(name, default)
            measured = initial.get(name, 0) if name not in work.stores else _width(stored)
            if measured is not None:
                width[work.piece.text] = measured
        if width.get("cat") == 3 and width.get("zebra") == 5:
            yield ByteTable(unit, name, worked[0].stores[name][1], width, flags, boundaries)


def byte_tables(unit: Unit, tree: ast.Module) -> tuple[ByteTable, ...]:
    """The byte tables that a unit builds. A table is what holds 3 for the piece "cat" and 5 for "zebra"."""
    # Several rules ask the same of the same program; the text decides, the tree is only its parse.
    return _byte_tables(_Same(unit, tree))


class _Same:
    """A unit as a cache key: equal only to the same parse of it."""

    def __init__(self, unit: Unit, tree: ast.Module) -> None:
        self.unit, self.tree = unit, tree

    def __hash__(self) -> int:
        return id(self.tree)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.tree is self.tree


@lru_cache(maxsize=32)
def _byte_tables(key: _Same) -> tuple[ByteTable, ...]:
    holders = _holders(key.tree)
    if not holders:
        return ()
    helpers = {f.name: f for f in functions(key.tree) if isinstance(f, ast.FunctionDef)}
    found: dict[tuple[int, str], ByteTable] = {}
    for scope in holders:
        for loop, known in _loops(scope):
            for table in _tables_of_loop(key.unit, loop, known, _initial(scope), helpers):
                found.setdefault((table.line, table.name), table)
    return tuple(found[name] for name in sorted(found))


def adds_leading_space(tree: ast.Module) -> ast.AST | None:
    """The place that adds the leading-space byte at evaluation: `+ (space[target] & ~boundary[previous])`."""
    for node in of_type(tree, ast.BinOp, ast.AugAssign):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            added = [node.left, node.right]
        elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
            added = [node.value]
        else:
            continue
        if any(_is_space_mark(side) for side in added):
            return node
    return None


def _is_space_mark(node: ast.expr) -> bool:
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in {"logical_and", "bitwise_and"}:
            return any(_negated_lookup(a) for a in node.args)
        node = node.func.value  # .to(...), .astype(...), .float()
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.Mult):
        sides = (node.left, node.right)
        return any(_negated_lookup(s) for s in sides) and any(isinstance(s, ast.Subscript) for s in sides)
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        return any(_negated_lookup(v) for v in node.values)
    return False


def _negated_lookup(node: ast.expr) -> bool:
    negated = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert | ast.Not)
    if negated and isinstance(node, ast.UnaryOp):
        return any(isinstance(n, ast.Subscript) for n in walk(node.operand))
    if isinstance(node, ast.Call):
        return last_name(node.func) == "logical_not"
    return False
