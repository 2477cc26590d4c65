"""Where a model mixes each position with the one before it, and whether a mask stops it where documents begin."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from auditor.program import vocabulary
from auditor.program.guards import Guards, is_module
from auditor.program.module import Module, Seen
from auditor.program.syntax import (
    Function,
    both,
    called,
    calls,
    function_of,
    functions,
    is_library,
    last_name,
    line_of,
    number,
    targets_of,
)
from auditor.source.index import of_type, parent, root, walk

_DEPTH = 6
_TAKES_IDS = {  # which of their arguments are ids
    "embedding": slice(0, 1), "one_hot": slice(0, 1), "bincount": slice(0, 1), "cross_entropy": slice(1, 2),
    "nll_loss": slice(1, 2),
}  # fmt: skip
_LARGEST_WEIGHT = 1000  # larger integers are multipliers of a hash, not weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Smear(Seen):
    """One mix of a position with the previous one.

    `masked`: a document mask reaches it (None: under some switch). `packed`: attention is told where documents begin
    inside a row, so that the batch packs several of them.
    """

    masked: bool | None
    packed: bool | None


def smears(module: Module) -> Iterator[Smear]:
    """Every mix in the methods of a unit's modules, and in what a forward pass that scores calls; one for a statement.

    A module is a class that inherits: what a plain class makes of neighbouring tokens is the key of a table.
    """
    found: list[tuple[ast.AST, bool | None]] = []
    called_by_models = module.program.trace.in_models
    for function in functions(module.tree):
        holder = parent(function)
        of_module = isinstance(holder, ast.ClassDef) and is_module(holder)
        if of_module or (module.unit.path, module.unit.layer, function.lineno) in called_by_models:
            finder = _Finder(module.guards, function)
            found += [(node, finder.masked(node)) for node in finder.mixed()]
    packed = _packs(module) if found else None
    for node, masked in found:
        yield Smear(place=module.place(node), active=module.guards.active(node), masked=masked, packed=packed)


def _packs(module: Module) -> bool | None:
    """Whether attention is told where documents begin: by a kernel that takes several, or a mask that compares them."""
    best: bool | None = False
    for call in (call for tree in module.trees for call in calls(tree)):
        if "varlen" in called(call) or _masks_documents(module, call):
            state = module.guards.active(call) if root(call) is module.tree else module.reached(call)
            if state:
                return True
            best = None if state is None else best
    return best


def _masks_documents(module: Module, call: ast.Call) -> bool:
    """`create_block_mask(f, ...)` of a function that asks whether two positions are of the same document."""
    if called(call) != "create_block_mask" or not call.args:
        return False
    given = call.args[0]
    function = given if isinstance(given, ast.Lambda) else module.origins.functions.get(last_name(given))
    compared = of_type(function, ast.Compare) if function is not None else ()
    return any(
        isinstance(n.ops[0], ast.Eq) and all(isinstance(s, ast.Subscript) for s in (n.left, n.comparators[0]))
        for n in compared
    )


class _Finder:
    def __init__(self, guards: Guards, function: Function) -> None:
        self.guards = guards
        self.function = function
        self.local: dict[str, list[tuple[ast.expr, ast.AST]]] = {}
        for node in of_type(function, ast.Assign, ast.AugAssign, ast.AnnAssign):
            if node.value is not None:
                for target in targets_of(node):
                    self._keep(target, node.value, node)

    def _keep(self, target: ast.expr, value: ast.expr, statement: ast.AST) -> None:
        while isinstance(target, ast.Subscript):
            target = target.value
        if isinstance(target, ast.Name):
            self.local.setdefault(target.id, []).append((value, statement))

    @cached_property
    def ids(self) -> frozenset[str]:
        """What is used as ids are, written out: looked up, compared with one, or calculated with as a key is."""
        used: list[ast.expr] = []
        for node in of_type(self.function, ast.Call, ast.BinOp, ast.Compare):
            if isinstance(node, ast.Call):
                used += self._looked_up(node)
            elif isinstance(node, ast.Compare):
                used += [node.left, *node.comparators] if _compares(node) else []
            elif isinstance(node.op, ast.Mod | ast.BitXor | ast.BitAnd | ast.FloorDiv):
                used.append(node)
        return frozenset(ast.unparse(bare) for part in used for bare in self._made_of(part, _DEPTH))

    def _looked_up(self, call: ast.Call) -> list[ast.expr]:
        """What a call takes as ids: an embedding of the module, or a function of the library."""
        name = called(call)
        made = self.guards.origins.stored.get(name, ())
        if any(called(c) in vocabulary.EMBEDDINGS for value in made for c in of_type(value, ast.Call)):
            return call.args[:1]
        return call.args[_TAKES_IDS[name]] if name in _TAKES_IDS else []

    def _made_of(self, node: ast.expr, depth: int) -> Iterator[ast.expr]:
        """The names that arithmetic is made of, also by way of other names."""
        for leaf in _leaves(node):
            bare = _bare(leaf)
            if bare is not None:
                yield bare
            for value, _ in self.local.get(bare.id, ()) if isinstance(bare, ast.Name) and depth else ():
                yield from self._made_of(value, depth - 1)

    def mixed(self) -> Iterator[ast.AST]:
        inside: set[int] = set()
        for node in of_type(self.function, ast.BinOp, ast.AugAssign, ast.Call):
            if id(node) in inside:
                continue
            if self._is_mix(node):
                inside.update(id(n) for n in walk(node))
                yield node

    def _is_mix(self, node: ast.AST) -> bool:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            return self._weighted(node, list(_leaves(node)))
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add) and isinstance(node.target, ast.Subscript):
            return self._weighted(node.value, [node.target, *_leaves(node.value)])
        if isinstance(node, ast.Call) and called(node) in {"lerp", "addcmul", "lerp_", "addcmul_"}:
            parts = list(node.args)
            if isinstance(node.func, ast.Attribute) and not is_library(node.func.value):
                parts.append(node.func.value)
            return self._pair([leaf for part in parts for leaf in _leaves(part)])
        return False

    def _weighted(self, node: ast.expr, leaves: list[ast.expr]) -> bool:
        """A sum with a product in it: a plain difference of neighbours mixes nothing in."""
        if not any(isinstance(n.op, ast.Mult) for n in of_type(node, ast.BinOp)):
            return False
        large = (number(leaf) for leaf in leaves)
        return not any(abs(n) > _LARGEST_WEIGHT for n in large if n is not None) and self._pair(leaves)

    def _pair(self, leaves: list[ast.expr]) -> bool:
        previous = {b for leaf in leaves for b in self.previous_of(leaf) if b not in self.ids}
        if not previous:
            return False
        return any(_current_of(leaf) in previous and not self.previous_of(leaf) for leaf in leaves)

    def previous_of(self, node: ast.expr, depth: int = 0) -> set[str]:
        """What an expression is the previous position of, written out: {"x"} for `x[:, :-1]`."""
        if depth > _DEPTH:
            return set()
        if isinstance(node, ast.Subscript):
            inner = node.value
            padded = self._padded(inner)
            if padded is not None:
                return {ast.unparse(padded.args[0])} if _pads_front(padded) else set()
            return {ast.unparse(inner)} if _drops_last(node.slice) or self._counts_back(node.slice) else set()
        if isinstance(node, ast.Name):
            found: set[str] = set()
            for value, _ in self.local.get(node.id, ()):
                if not (isinstance(value, ast.Name) and value.id == node.id):
                    found |= self.previous_of(value, depth + 1)
            return found - {node.id}
        if isinstance(node, ast.Call):
            return self._previous_of_call(node, depth)
        return set()

    def _counts_back(self, index: ast.expr) -> bool:
        """`arange(t) - 1`: the numbers of the previous positions, also under a name and between bounds."""
        parts = [index, *(v for n in of_type(index, ast.Name) for v, _ in self.local.get(n.id, ()))]
        return any(
            isinstance(n.op, ast.Sub) and number(n.right) == 1 and any(called(c) == "arange" for c in calls(n.left))
            for part in parts
            for n in of_type(part, ast.BinOp)
        )

    def _padded(self, node: ast.expr) -> ast.Call | None:
        """The call that pads, where an expression is one or was set to one last, as the text goes."""
        held = self.local.get(node.id, []) if isinstance(node, ast.Name) else []
        before = [value for value, statement in held if line_of(statement) < line_of(node)]
        made = before[-1] if before else node
        return made if isinstance(made, ast.Call) and called(made) == "pad" and made.args else None

    def _previous_of_call(self, node: ast.Call, depth: int) -> set[str]:
        name = called(node)
        if name in {"cat", "concat", "concatenate"} and node.args and isinstance(node.args[0], ast.List | ast.Tuple):
            parts = node.args[0].elts
            return self.previous_of(parts[-1], depth + 1) if len(parts) == 2 else set()
        if name == "pad" and node.args:
            return self.previous_of(node.args[0], depth + 1)
        if name == "roll":
            return _rolled(node)
        of = list(node.args)
        if isinstance(node.func, ast.Attribute) and not is_library(node.func.value):
            of.insert(0, node.func.value)
        if name == "narrow" and len(of) == 4:  # x, dimension, start, length
            return {ast.unparse(of[0])} if number(of[1]) == 1 and number(of[2]) == 0 else set()
        if name == "index_select" and len(of) == 3:
            return {ast.unparse(of[0])} if self._counts_back(of[2]) else set()
        if name == "diff" and of:
            return {ast.unparse(of[0])}
        if name in {"where", "masked_fill", "masked_fill_"} | vocabulary.SAME_STATE:
            receiver = [node.func.value] if isinstance(node.func, ast.Attribute) and name != "where" else []
            return {base for part in (*receiver, *node.args) for base in self.previous_of(part, depth + 1)}
        return set()

    # --- masks ----------------------------------------------------------------------------------------------------

    def masked(self, node: ast.AST) -> bool | None:
        """Whether a comparison of token ids, or something named a mask, is part of the mix."""
        streams = {name for leaf in _leaves_of(node) for base in self.previous_of(leaf) for name in [base]}
        return self._mask_in(node, streams, set(), 0)

    def _mask_in(self, node: ast.AST, streams: set[str], seen: set[str], depth: int) -> bool | None:
        best: bool | None = False
        for inner in walk(node):
            state: bool | None = False
            if _compares(inner) or (isinstance(inner, ast.Call) and called(inner) in vocabulary.MASK_CALLS):
                state = True
            elif isinstance(inner, ast.Name) and inner.id not in streams | seen and depth < _DEPTH:
                seen.add(inner.id)
                state = self._mask_of_name(inner.id, streams, seen, depth)
            if state:
                return True
            best = None if state is None else best
        return best

    def _mask_of_name(self, name: str, streams: set[str], seen: set[str], depth: int) -> bool | None:
        values = self.local.get(name, ())
        if not values:
            return self._mask_given(name)
        best: bool | None = False
        for value, statement in values:
            state = both(self._mask_in(value, streams, seen, depth + 1), self.guards.holds(statement))
            if state:
                return True
            best = None if state is None else best
        return best

    def _mask_given(self, name: str) -> bool | None:
        """Whether what the calls of the method give for a parameter is made by a comparison."""
        passed, _ = self.guards.origins.passed(self.function, name)
        states = [
            _Finder(self.guards, around)._mask_in(value, set(), set(), _DEPTH - 2)
            for value in passed
            if (around := function_of(value)) is not None
        ]
        return True if any(states) else None if None in states else False


def _leaves(node: ast.expr) -> Iterator[ast.expr]:
    """The operands of an arithmetic expression."""
    stack = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, ast.BinOp):
            stack += [current.left, current.right]
        elif isinstance(current, ast.UnaryOp):
            stack.append(current.operand)
        else:
            yield current


def _leaves_of(node: ast.AST) -> Iterator[ast.expr]:
    for inner in walk(node):
        if isinstance(inner, ast.expr):
            yield inner


def _current_of(node: ast.expr) -> str:
    """`x` for `x` and for `x[:, 1:]`."""
    if isinstance(node, ast.Subscript) and _drops_first(node.slice):
        return ast.unparse(node.value)
    if isinstance(node, ast.Call) and called(node) == "narrow" and isinstance(node.func, ast.Attribute):
        starts = len(node.args) == 3 and number(node.args[0]) == 1 and number(node.args[1]) == 1
        return ast.unparse(node.func.value) if starts else ""
    return ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""


def _position(index: ast.expr) -> ast.Slice | None:
    """The one slice of an index that is not `:`, if it does not stand on the batch or the channel axis."""
    if isinstance(index, ast.Slice):
        return index
    if not isinstance(index, ast.Tuple):
        return None
    cuts = [
        (i, e)
        for i, e in enumerate(index.elts)
        if isinstance(e, ast.Slice) and (e.lower is not None or e.upper is not None)
    ]
    if any(not isinstance(e, ast.Slice) and not _is_ellipsis(e) for e in index.elts) or not cuts:
        return None
    return cuts[0][1] if cuts[0][0] > 0 or len(index.elts) == 2 else None


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _drops_last(index: ast.expr) -> bool:
    cut = _position(index)
    return (
        cut is not None and cut.lower is None and cut.step is None and cut.upper is not None and number(cut.upper) == -1
    )


def _drops_first(index: ast.expr) -> bool:
    cut = _position(index)
    return (
        cut is not None and cut.upper is None and cut.step is None and cut.lower is not None and number(cut.lower) == 1
    )


def _pads_front(call: ast.Call) -> bool:
    """`F.pad(x, (0, 0, 1, 0))`: one position in front."""
    widths = call.args[1] if len(call.args) > 1 else next((k.value for k in call.keywords if k.arg == "pad"), None)
    if not isinstance(widths, ast.Tuple | ast.List):
        return False
    numbers = [number(e) for e in widths.elts]
    return numbers in ([0, 0, 1, 0], [1, 0])


def _rolled(call: ast.Call) -> set[str]:
    """The tensor that `torch.roll(x, 1, dims=1)` or `x.roll(1, 1)` moves by one position."""
    arguments = list(call.args)
    if isinstance(call.func, ast.Attribute) and not is_library(call.func.value):
        arguments.insert(0, call.func.value)
    shift = arguments[1] if len(arguments) > 1 else next((k.value for k in call.keywords if k.arg == "shifts"), None)
    if isinstance(shift, ast.Tuple | ast.List) and len(shift.elts) == 1:
        shift = shift.elts[0]
    return {ast.unparse(arguments[0])} if arguments and shift is not None and number(shift) == 1 else set()


def _bare(node: ast.expr) -> ast.expr | None:
    """The name whose elements an expression gives: `ids` for `ids[:, 1:].long()`."""
    while not isinstance(node, ast.Name | ast.Attribute):
        if isinstance(node, ast.Subscript):
            node = node.value
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in vocabulary.SAME_STATE | vocabulary.WHOLE
        ):
            node = node.func.value
        else:
            return None
    return node


def _compares(node: ast.AST) -> bool:
    """A comparison for equality that can be one of token ids or document numbers."""
    if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq | ast.NotEq):
        return False
    text = ast.unparse(node)
    return not re.search(r"\bshape\b|\bsize\(|\bndim\b|\bnumel\(|\bdim\(|\blen\(|\btraining\b", text)
