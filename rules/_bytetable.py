"""What a script's byte tables say, by working out its table-building loop on a few sample pieces.

The scripts spell the same table in dozens of ways. So the loop over the vocabulary is interpreted, on values and
without running anything of it, once for every sample piece: a word, a word with a leading space, a byte-fallback
piece, control, unknown and unused pieces. What is stored for each tells what the table counts.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from auditor.source import Unit
from rules._syntax import functions, last_name, own_nodes

SPACE = "▁"
_STEPS = 4000  # statements and expressions worked out per sample


@dataclass(frozen=True)
class Piece:
    """One sample of a vocabulary. `width`: UTF-8 bytes of the text it stands for, without the leading space."""

    text: str
    kind: str  # "word", "spaced", "byte", "control", "unknown", "unused"
    width: int


SAMPLES = (
    Piece("cat", "word", 3),
    Piece("zebra", "word", 5),
    Piece(SPACE + "cat", "spaced", 3),
    Piece("<0xE2>", "byte", 1),
    Piece("<s>", "control", 0),
    Piece("<unk>", "unknown", 0),
    Piece("<spare>", "unused", 0),
)


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


class _Unknown:
    """A value that could not be worked out."""


class _Stop(Exception):
    """Leaves the loop body: continue, break, return, or too many steps."""


_UNKNOWN = _Unknown()
_PIECES = _Unknown()  # a list of pieces, as `[sp.id_to_piece(i) for i in range(n)]` makes it
_KINDS = {
    "is_control": "control",
    "is_unknown": "unknown",
    "is_unused": "unused",
    "is_byte": "byte",
}
_PIECE_CALLS = {"id_to_piece", "convert_ids_to_tokens", "id_to_token"}


def _snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() and i else c.lower() for i, c in enumerate(name))


def _is_piece_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _snake(last_name(node.func)) in _PIECE_CALLS


@dataclass
class _Loop:
    """Works out one loop body for one sample piece."""

    piece: Piece
    helpers: dict[str, ast.FunctionDef]
    names: dict[str, object] = field(default_factory=dict)
    stores: dict[str, tuple[object, int]] = field(default_factory=dict)
    steps: int = 0
    depth: int = 0

    def tick(self) -> None:
        self.steps += 1
        if self.steps > _STEPS:
            raise _Stop

    def block(self, body: list[ast.stmt]) -> None:
        for statement in body:
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        self.tick()
        if isinstance(node, ast.Continue | ast.Break | ast.Return):
            raise _Stop
        if isinstance(node, ast.Assign):
            value = self.value(node.value)
            for target in node.targets:
                self.assign(target, value, node.lineno)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self.assign(node.target, self.value(node.value), node.lineno)
        elif isinstance(node, ast.AugAssign):
            left = self.stored(node.target)
            self.assign(node.target, self.binary(node.op, left, self.value(node.value)), node.lineno)
        elif isinstance(node, ast.If):
            self.branch(node)
        elif isinstance(node, ast.Try | ast.With):
            self.block(node.body)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            self.method(node.value)

    def branch(self, node: ast.If) -> None:
        test = self.value(node.test)
        if isinstance(test, _Unknown):
            # Bounds like `if i < vocab_size` concern no sample: take the body.
            self.block(node.body)
        else:
            self.block(node.body if test else node.orelse)

    def method(self, call: ast.Call) -> None:
        """`table.append(v)` and `.extend(v)` store as `table[i] = v` does."""
        if isinstance(call.func, ast.Attribute) and call.func.attr in {"append", "extend"} and len(call.args) == 1:
            self.stores[last_name(call.func.value)] = (self.value(call.args[0]), call.lineno)

    def stored(self, target: ast.expr) -> object:
        if isinstance(target, ast.Subscript):
            return self.stores.get(last_name(target.value), (_UNKNOWN, 0))[0]
        return self.value(target)

    def assign(self, target: ast.expr, value: object, line: int) -> None:
        if isinstance(target, ast.Name):
            self.names[target.id] = value
        elif isinstance(target, ast.Subscript):
            self.stores[last_name(target.value)] = (value, line)

    def value(self, node: ast.expr) -> object:
        self.tick()
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return self.names.get(node.id, _UNKNOWN)
        if isinstance(node, ast.Call):
            return self.call(node)
        if isinstance(node, ast.BinOp):
            return self.binary(node.op, self.value(node.left), self.value(node.right))
        if isinstance(node, ast.BoolOp):
            return self.boolean(node)
        if isinstance(node, ast.UnaryOp):
            operand = self.value(node.operand)
            return (not operand) if isinstance(node.op, ast.Not) and not isinstance(operand, _Unknown) else _UNKNOWN
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            return self.compare(node)
        if isinstance(node, ast.IfExp):
            test = self.value(node.test)
            return _UNKNOWN if isinstance(test, _Unknown) else self.value(node.body if test else node.orelse)
        if isinstance(node, ast.Subscript):
            return self.subscript(node)
        return _UNKNOWN

    def boolean(self, node: ast.BoolOp) -> object:
        values = [self.value(v) for v in node.values]
        decisive = isinstance(node.op, ast.Or)
        if any(bool(v) == decisive for v in values if not isinstance(v, _Unknown)):
            return decisive
        return _UNKNOWN if any(isinstance(v, _Unknown) for v in values) else not decisive

    def compare(self, node: ast.Compare) -> object:
        left, right = self.value(node.left), self.value(node.comparators[0])
        if isinstance(left, _Unknown) or isinstance(right, _Unknown):
            return _UNKNOWN
        try:
            match node.ops[0]:
                case ast.Eq():
                    return left == right
                case ast.NotEq():
                    return left != right
                case ast.Gt():
                    return bool(left > right)  # type: ignore[operator]
                case ast.GtE():
                    return bool(left >= right)  # type: ignore[operator]
                case ast.Lt():
                    return bool(left < right)  # type: ignore[operator]
                case ast.LtE():
                    return bool(left <= right)  # type: ignore[operator]
                case ast.In():
                    return left in right  # type: ignore[operator]
                case ast.NotIn():
                    return left not in right  # type: ignore[operator]
        except TypeError:
            return _UNKNOWN
        return _UNKNOWN

    def subscript(self, node: ast.Subscript) -> object:
        if isinstance(node.value, ast.Name) and self.names.get(node.value.id) is _PIECES:
            return self.piece.text
        value = self.value(node.value)
        if not isinstance(value, str | bytes):
            return _UNKNOWN
        index = node.slice
        if isinstance(index, ast.Slice) and index.step is None:
            low = self.value(index.lower) if index.lower else None
            high = self.value(index.upper) if index.upper else None
            if (low is None or isinstance(low, int)) and (high is None or isinstance(high, int)):
                return value[low:high]
            return _UNKNOWN
        at = self.value(index) if isinstance(index, ast.expr) else _UNKNOWN
        return value[at] if isinstance(at, int) and -len(value) <= at < len(value) else _UNKNOWN

    def binary(self, op: ast.operator, left: object, right: object) -> object:
        if isinstance(left, str) and isinstance(right, str) and isinstance(op, ast.Add):
            return left + right
        if isinstance(left, bytes) and isinstance(right, bytes) and isinstance(op, ast.Add):
            return left + right
        if isinstance(left, int | float) and isinstance(right, int | float):
            if isinstance(op, ast.Add):
                return left + right
            if isinstance(op, ast.Sub):
                return left - right
            if isinstance(op, ast.Mult):
                return left * right
            if isinstance(op, ast.BitOr) and isinstance(left, int) and isinstance(right, int):
                return left | right
        return _UNKNOWN

    def call(self, node: ast.Call) -> object:
        name = last_name(node.func)
        snake = _snake(name)
        if _is_piece_call(node):
            return self.piece.text
        if snake in _KINDS:
            return self.piece.kind == _KINDS[snake]
        arguments = [self.value(a) for a in node.args if not isinstance(a, ast.Starred)]
        if isinstance(node.func, ast.Attribute):
            return self.text_method(node.func, arguments)
        first = arguments[0] if arguments else _UNKNOWN
        if name == "len":
            return len(first) if isinstance(first, str | bytes | list) else _UNKNOWN
        if name in {"int", "bool", "float"} and len(arguments) == 1:
            return first if isinstance(first, int | float) else _UNKNOWN
        if name in {"max", "min"} and len(arguments) > 1 and all(isinstance(a, int) for a in arguments):
            numbers = [a for a in arguments if isinstance(a, int)]
            return max(numbers) if name == "max" else min(numbers)
        if name == "bytes" and len(node.args) == 1 and isinstance(node.args[0], ast.List):
            return b"\0" * len(node.args[0].elts)
        if name in self.helpers and self.depth < 3:
            return self.helper(self.helpers[name], node)
        return _UNKNOWN

    def text_method(self, func: ast.Attribute, arguments: list[object]) -> object:
        owner = self.value(func.value)
        if isinstance(owner, bytes) and func.attr == "decode":
            return owner.decode("utf-8", errors="replace")
        if not isinstance(owner, str):
            return _UNKNOWN
        texts = [a for a in arguments if isinstance(a, str)]
        if len(texts) != len(arguments):
            return _UNKNOWN
        match func.attr, len(texts):
            case "encode", _:
                return owner.encode("utf-8")
            case "startswith", 1:
                return owner.startswith(texts[0])
            case "endswith", 1:
                return owner.endswith(texts[0])
            case "replace", 2:
                return owner.replace(texts[0], texts[1])
            case "lstrip", 0 | 1:
                return owner.lstrip(*texts)
            case "strip", 0 | 1:
                return owner.strip(*texts)
            case "removeprefix", 1:
                return owner.removeprefix(texts[0])
            case "count", 1:
                return owner.count(texts[0])
            case "lower" | "upper" | "casefold", 0:
                return owner.lower()
        return _UNKNOWN

    def helper(self, function: ast.FunctionDef, call: ast.Call) -> object:
        """The value that a helper of the script returns: its last return statement that is reached."""
        inner = _Loop(self.piece, self.helpers, steps=self.steps, depth=self.depth + 1)
        for parameter, argument in zip(function.args.args, call.args, strict=False):
            inner.names[parameter.arg] = self.value(argument)
        result = inner.returned(function.body)
        self.steps = inner.steps
        return result

    def returned(self, body: list[ast.stmt]) -> object:
        for statement in body:
            if isinstance(statement, ast.Return):
                return self.value(statement.value) if statement.value is not None else None
            if isinstance(statement, ast.If):
                test = self.value(statement.test)
                if isinstance(test, _Unknown):
                    continue
                result = self.returned(statement.body if test else statement.orelse)
                if not isinstance(result, _Unknown):
                    return result
            else:
                self.statement(statement)
        return _UNKNOWN


def _holders(tree: ast.Module) -> list[ast.AST]:
    """The functions that name pieces, and the module where its own statements do."""
    lines = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_piece_call(node)]
    holders: list[ast.AST] = [
        f for f in functions(tree) if any(f.lineno <= line <= (f.end_lineno or f.lineno) for line in lines)
    ]
    if any(isinstance(n, ast.Call) and _is_piece_call(n) for n in own_nodes(tree)):
        holders.append(tree)
    return holders


def _loops(scope: ast.AST) -> Iterator[tuple[ast.For, dict[str, object]]]:
    """The loops over a vocabulary, with what is known of names at their start."""
    lists = {
        target.id
        for node in ast.walk(scope)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.ListComp) and _is_piece_call(node.value.elt)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in own_nodes(scope):
        if not isinstance(node, ast.For):
            continue
        reads = any(_is_piece_call(n) for n in ast.walk(node))
        by_list = any(isinstance(n, ast.Name) and n.id in lists for n in ast.walk(node))
        if reads or by_list:
            yield node, dict.fromkeys(lists, _PIECES)


def _initial(scope: ast.AST) -> dict[str, int]:
    """What a table holds where the loop stores nothing: 1 for `ones` and `[True] * n`, else 0."""
    found: dict[str, int] = {}
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            text = ast.dump(node.value)
            filled = "'ones'" in text or ("List(" in text and "value=True" in text)
            found[node.targets[0].id] = int(filled)
    return found


def _bind(loop: ast.For, work: _Loop, lists: set[str]) -> None:
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


def _stores(loop: ast.For, known: dict[str, object], helpers: dict[str, ast.FunctionDef]) -> list[_Loop]:
    results = []
    for piece in SAMPLES:
        work = _Loop(piece, helpers, dict(known))
        _bind(loop, work, set(known))
        try:
            work.block(loop.body)
        except _Stop:
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
    for node in ast.walk(tree):
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
        return any(isinstance(n, ast.Subscript) for n in ast.walk(node.operand))
    if isinstance(node, ast.Call):
        return last_name(node.func) == "logical_not"
    return False
