"""What a script's byte tables say, by working out its loops over the vocabulary on a few sample pieces.

The scripts spell the same table in dozens of ways. So the loop is worked out once for every sample: a word, a word with
a leading space, one that is not ASCII, a byte-fallback piece, control, unknown and unused pieces. What is stored for
each tells what the table counts.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from auditor.program.bytes.pieces import (
    BYTE_LEVEL,
    PIECES,
    SENTENCEPIECE,
    Piece,
    PieceKind,
    Sampled,
    Stored,
    names_piece,
)
from auditor.program.module import Module, Seen
from auditor.program.syntax import Function, called, functions, is_method, last_name, targets_of
from auditor.source.files import Files
from auditor.source.index import of_type, own_nodes, own_of_type, walk
from auditor.source.statements import Walker
from auditor.source.values import CannotFold, Closure, OutOfSteps, Scope, Unknown, Value

# How much longer one sample is than the other in the encodings that a table can count.
_PER_CHARACTER = (1, 2, 4)
_LONGEST_WORD = 16  # bytes of "cat" in the widest encoding, with its mark
_Tables = dict[str, Stored | Unknown]


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteTable(Seen):
    """One table of bytes per piece. `width` maps the kind of a sample to what the table holds for it, where known.

    `flags` names the table of the same loop that marks leading spaces, `boundaries` the one that marks boundary tokens
    (None where the loop builds none), `all_flagged` one that marks pieces with and without a space alike.
    """

    name: str
    width: Mapping[PieceKind, int]
    flags: str | None
    boundaries: str | None
    all_flagged: str | None = None

    def excess(self, kind: PieceKind) -> int | None:
        """Bytes that the table holds for a sample beyond those that it stands for; None where that is not known."""
        return self.width[kind] - _TRUE[kind] if kind in self.width else None


_WORDS: tuple[PieceKind, ...] = ("word", "longer", "accented", "foreign")
_TRUE = {piece.kind: piece.width for piece in SENTENCEPIECE}


def byte_tables(module: Module) -> tuple[ByteTable, ...]:
    """The byte tables that a unit builds: what grows with the length of the piece by one character's bytes."""
    if not any(names_piece(node) for node in of_type(module.tree, ast.Call)):
        return ()
    samples = _samples(module.unit.text)
    helpers = _helpers(module.tree)
    holders: list[ast.AST] = [f for f in functions(module.tree) if _asks(f, helpers)]
    if any(isinstance(n, ast.Call) and _is_asked(n, helpers) for n in own_nodes(module.tree)):
        holders.append(module.tree)
    top = Scope()
    imports = Walker(Files({}), "", top, frozenset())
    for node in module.tree.body:
        if isinstance(node, ast.FunctionDef):
            top.names[node.name] = Closure(node, top)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            imports.block([node], top)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            top.names.update({t.id: node.value.value for t in node.targets if isinstance(t, ast.Name)})
    for function in functions(module.tree):  # of a class, or of the function that calls them
        if function.name not in top.names and not is_method(function):
            top.names[function.name] = Closure(function, top)
    found: dict[tuple[int, str], ByteTable] = {}
    for holder in holders:
        scope = _at_start(holder, top, samples)
        for loop in _loops(holder, helpers):
            for table in _of_loop(module, loop, scope, samples):
                found.setdefault((table.place.line, table.name), table)
    return tuple(found[key] for key in sorted(found))


def _helpers(tree: ast.Module) -> frozenset[str]:
    """Functions of the script's own that measure one piece: they ask a tokenizer, or another, outside of any loop."""
    every = list(functions(tree))
    found: frozenset[str] = frozenset()
    while True:
        new = found | {function.name for function in every if _asks_once(function, found)}
        if new == found:
            return found
        found = new


def _asks_once(function: Function, helpers: frozenset[str]) -> bool:
    asked = [n for n in own_of_type(function, ast.Call) if _is_asked(n, helpers)]
    if not asked:
        return False
    looped = {id(n) for loop in of_type(function, ast.For, ast.While) for n in of_type(loop, ast.Call)}
    looped |= {id(n) for made in of_type(function, *_MADE) for n in of_type(made, ast.Call)}
    return not any(id(n) in looped for n in asked)


_MADE = (ast.ListComp, ast.GeneratorExp, ast.DictComp)


def _is_asked(call: ast.Call, helpers: frozenset[str]) -> bool:
    return names_piece(call) or (bool(call.args) and last_name(call.func) in helpers)


def _asks(node: ast.AST, helpers: frozenset[str]) -> bool:
    return any(_is_asked(call, helpers) for call in of_type(node, ast.Call))


def _samples(text: str) -> tuple[Piece, ...]:
    """The vocabulary that the script's tokenizer has: SentencePiece's, unless only byte-level marks are spoken of."""
    byte_level = "\u0120" in text or "\\u0120" in text
    return BYTE_LEVEL if byte_level and "sentencepiece" not in text else SENTENCEPIECE


def _at_start(holder: ast.AST, top: Scope, samples: tuple[Piece, ...]) -> Scope:
    """What is known of names before the loops: constants, lists of pieces, nested functions, how tables are made."""
    scope = Scope({}, top)
    worker = Sampled(samples[0], samples, scope)
    for node in sorted(own_nodes(holder), key=lambda n: getattr(n, "lineno", 0)):
        if isinstance(node, ast.FunctionDef) and node is not holder:
            scope.names[node.name] = Closure(node, scope)
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        made = _made_with(node.value)
        for target in targets_of(node):
            if isinstance(node.value, ast.ListComp) and names_piece(node.value.elt):
                worker.bind(target, PIECES, scope)
            elif made is not None:
                worker.put(last_name(target), made, 0)
            elif isinstance(target, ast.Name) and not any(
                isinstance(call.func, ast.Name) or names_piece(call) for call in of_type(node.value, ast.Call)
            ):
                scope.names[target.id] = _value(worker, node.value, scope)
    return scope


def _value(worker: Sampled, node: ast.expr, scope: Scope) -> Value:
    """The value, or Unknown. Each has a budget of its own: one that takes too much hides none of the others."""
    worker.steps = worker.made = 0
    try:
        return worker.known(node, scope)
    except (OutOfSteps, RecursionError):
        return Unknown("takes more steps than are followed")


def _made_with(node: ast.expr) -> int | None:
    """What every element of a new table holds: 1 for `ones` and `[True] * n`, 0 for `zeros` and an empty list."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        lists = [side for side in (node.left, node.right) if isinstance(side, ast.List) and len(side.elts) == 1]
        element = lists[0].elts[0] if lists else None
        return int(element.value) if isinstance(element, ast.Constant) and isinstance(element.value, int) else None
    if isinstance(node, ast.Call) and called(node) in {"zeros", "ones", "empty"}:
        return int(called(node) == "ones")
    return 0 if isinstance(node, ast.List) and not node.elts else None


@dataclass(frozen=True, slots=True)
class _Loop:
    """A walk over the vocabulary: the body of a `for`, or the element of a comprehension with the table's name."""

    target: ast.expr
    over: ast.expr
    body: list[ast.stmt]
    element: ast.expr | None = None
    table: str = ""


def _loops(holder: ast.AST, helpers: frozenset[str]) -> Iterator[_Loop]:
    lists = {
        last_name(target)
        for node in of_type(holder, ast.Assign)
        if isinstance(node.value, ast.ListComp) and names_piece(node.value.elt)
        for target in node.targets
    }
    for node in own_nodes(holder):
        if isinstance(node, ast.For):
            if _asks(node, helpers) or any(name.id in lists for name in of_type(node, ast.Name)):
                yield _Loop(node.target, node.iter, node.body)
        elif isinstance(node, ast.Assign | ast.Return) and node.value is not None:
            name = last_name(node.targets[0]) if isinstance(node, ast.Assign) else "the returned table"
            for made in of_type(node.value, *_MADE):
                element = made.value if isinstance(made, ast.DictComp) else made.elt
                measured = _asks(element, helpers) and not names_piece(element)
                if len(made.generators) == 1 and measured:
                    yield _Loop(made.generators[0].target, made.generators[0].iter, [], element, name)


def _of_loop(module: Module, loop: _Loop, start: Scope, samples: tuple[Piece, ...]) -> Iterator[ByteTable]:
    worked = [_worked(piece, samples, loop, start) for piece in samples]
    columns = sorted({name for tables in worked if tables is not None for name in tables})
    marks = {
        name: {piece.kind: _width(tables, name) for piece, tables in zip(samples, worked, strict=True)}
        for name in columns
    }
    flags = boundaries = all_flagged = None
    for name, mark in marks.items():
        if all(value in (0, 1) for value in mark.values()):
            if mark["spaced"] and not mark["word"]:
                flags = name
            elif mark["spaced"] and not mark["control"]:
                all_flagged = name
            elif mark["control"] and not mark["word"]:
                boundaries = name
    for name, mark in marks.items():
        word, longer = mark["word"], mark["longer"]
        stored = (worked[0] or {}).get(name)
        if word is None or longer is None or not isinstance(stored, Stored) or not stored.line:
            continue
        grows = longer - word in [2 * n for n in _PER_CHARACTER] and 0 < word <= _LONGEST_WORD
        if grows or _mostly_true(mark):
            at = ast.Pass(lineno=stored.line, col_offset=0, end_lineno=stored.line)
            known = {kind: value for kind, value in mark.items() if value is not None}
            yield ByteTable(
                place=module.place(at),
                active=module.reached(at),
                name=name,
                width=known,
                flags=flags,
                boundaries=boundaries,
                all_flagged=all_flagged,
            )


def _mostly_true(mark: Mapping[PieceKind, int | None]) -> bool:
    """Whether most of the words are as long as they are in truth: what is left is a table that adds to some of them."""
    return sum(mark.get(kind) == _TRUE[kind] for kind in _WORDS) > len(_WORDS) // 2


def _worked(piece: Piece, samples: tuple[Piece, ...], loop: _Loop, start: Scope) -> _Tables | None:
    """What the tables hold for a sample after the loop has come by it; None where that could not be worked out."""
    scope = Scope(dict(start.names), start.outer)
    worker = Sampled(piece, samples, scope)
    try:
        worker.bind(loop.target, _item(worker, loop.over), scope)
        if loop.element is not None:
            worker.put(loop.table, worker.known(loop.element, scope), loop.element.lineno)
        else:
            worker.whole(loop.body, scope)
    except (OutOfSteps, CannotFold, RecursionError):
        return None
    return worker.tables


def _item(worker: Sampled, over: ast.expr) -> Value:
    """What a loop variable is for the sample: its id, its text, or both."""
    if worker.known(over, worker.scope) == PIECES:
        return worker.piece.text
    called = last_name(over.func) if isinstance(over, ast.Call) else ""
    if isinstance(over, ast.Call) and called in {"enumerate", "zip"} and over.args:
        items = tuple(_item(worker, argument) for argument in over.args)
        return (worker.own_id, *items) if called == "enumerate" else items
    return worker.own_id


_LARGEST_WIDTH = 10**9  # bytes; more is no width


def _width(tables: _Tables | None, name: str) -> int | None:
    if tables is None:
        return None
    stored = tables.get(name, Stored(0, 0))  # made elsewhere and left as it was: nothing is counted
    value = stored.value if isinstance(stored, Stored) else None
    if isinstance(value, bytes | bytearray):
        return len(value)
    return int(value) if isinstance(value, int | float) and abs(value) <= _LARGEST_WIDTH else None


def added_space(module: Module) -> Seen | None:
    """The place that adds the leading-space byte at evaluation: `+ (space[target] & ~boundary[previous])`."""
    for node in of_type(module.tree, ast.BinOp, ast.AugAssign):
        if isinstance(node.op, ast.Add):
            added = [node.left, node.right] if isinstance(node, ast.BinOp) else [node.value]
            if any(_is_space_mark(side) for side in added):
                return Seen(place=module.place(node), active=module.reached(node))
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
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert | ast.Not):
        return any(isinstance(n, ast.Subscript) for n in walk(node.operand))
    return isinstance(node, ast.Call) and called(node) == "logical_not"
