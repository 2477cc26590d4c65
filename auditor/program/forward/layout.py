"""Which dimension of a hidden state stands for what, worked out along the statements of a forward pass.

A method gets tokens (batch, position) or hidden states (batch, position, channel); how many names its shape is unpacked
into tells which. What turns dimensions turns the labels with them; where that cannot be told, the value has none.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence

from auditor.program import vocabulary
from auditor.program.syntax import called, is_self, literal
from auditor.source.index import of_type, parent

BATCH, POSITION, CHANNEL, ONE, OTHER = "b", "p", "c", "1", "*"
PIECE = "q"
"""Of positions that are counted in pieces: where in a piece."""

Layout = tuple[str, ...]
Shape = Layout | list["Shape"] | None
"""Labels of the dimensions; a list: of several values; None where they are not known."""

_STATE: Layout = (BATCH, POSITION, CHANNEL)
_TOKENS: Layout = (BATCH, POSITION)


class Layouts:
    """The labels of every expression of a function that was reached. `of` gives them, None where they are not known."""

    def __init__(
        self,
        function: ast.FunctionDef | ast.AsyncFunctionDef,
        *,
        own: bool,
        library: Callable[[str], bool],
        given: Mapping[str, Layout] | None = None,
        assumed: bool = True,
    ) -> None:
        """`own`: a method, whose first parameter is the model. `given`: what is known of its other parameters.

        `assumed`: another parameter is taken for a hidden state. Else it has no labels, unless its shape is unpacked
        into the names of three dimensions, or a part that is an embedding is applied to it.
        """
        self._library = library
        self._assumed = assumed
        around = parent(function)
        self._tables = _embeddings(around) if isinstance(around, ast.ClassDef) else frozenset()
        self._known: dict[ast.AST, Shape] = {}
        self._sizes: dict[str, str] = {}
        self._names: dict[str, Shape] = {}
        spec = function.args
        for parameter in (*spec.posonlyargs, *spec.args)[own:]:
            self._names[parameter.arg] = (given or {}).get(parameter.arg, _STATE if assumed else None)
        self._parameters = set(self._names)
        self._embedded = {
            call.args[0].id
            for call in of_type(function, ast.Call)
            if self._embeds(call) and isinstance(call.args[0], ast.Name)
        }
        if not assumed:
            tokens = self._embedded & self._parameters
            self._names.update({name: _TOKENS for name in tokens if self._names[name] is None})
        self._block(function.body)

    def of(self, node: ast.AST) -> Layout | None:
        found = self._known.get(node)
        return found if isinstance(found, tuple) else None

    # -- statements -----------------------------------------------------------------------------------

    def _block(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Assign):
            value = self._of(node.value)
            for target in node.targets:
                self._assign(target, node.value, value)
        elif isinstance(node, ast.AnnAssign):
            if node.value is not None:
                self._assign(node.target, node.value, self._of(node.value))
        elif isinstance(node, ast.AugAssign):
            self._of(node.target)
            made = self._wider(self._of(node.target), self._of(node.value))
            if isinstance(node.target, ast.Name):
                self._names[node.target.id] = made
        elif isinstance(node, ast.If):
            self._branches(node)
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            self._assign(node.target, node.iter, _each(self._of(node.iter)))
            self._block([*node.body, *node.orelse])
        elif isinstance(node, ast.While):
            self._of(node.test)
            self._block([*node.body, *node.orelse])
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            self._block(node.body)
        elif isinstance(node, ast.Try):
            self._block([*node.body, *node.orelse, *node.finalbody])
        elif isinstance(node, (ast.Return, ast.Expr)) and node.value is not None:
            self._of(node.value)

    def _branches(self, node: ast.If) -> None:
        self._of(node.test)
        before = dict(self._names)
        if not _of_training(node.test):
            self._block(node.body)
        one, self._names = self._names, dict(before)
        self._block(node.orelse)
        for name in {*one, *self._names}:
            here, there = one.get(name), self._names.get(name)
            self._names[name] = here if here == there or name not in self._names else there if name not in one else None

    def _assign(self, target: ast.expr, source: ast.expr, value: Shape) -> None:
        if isinstance(target, ast.Name):
            self._names[target.id] = value
            label = self._size(source)
            if label is not None:
                self._sizes[target.id] = label
        elif isinstance(target, (ast.Tuple, ast.List)):
            if self._unpacks_shape(target.elts, source):
                return
            parts = value if isinstance(value, list) else [None] * len(target.elts)
            if len(parts) == 1:
                parts = parts * len(target.elts)
            for i, element in enumerate(target.elts):
                written = source.elts[i] if isinstance(source, ast.Tuple) and i < len(source.elts) else source
                self._assign(element, written, parts[i] if i < len(parts) else None)

    def _unpacks_shape(self, names: Sequence[ast.expr], source: ast.expr) -> bool:
        """`b, t, d = x.shape`, `b, t = ids.size()`, `b, t = x.shape[:2]`."""
        part = source
        cut = isinstance(part, ast.Subscript)
        if isinstance(part, ast.Subscript):
            part = part.value
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr == "size":
            part = part.func
        if not isinstance(part, ast.Attribute) or part.attr not in ("shape", "size"):
            return False
        held = part.value
        if not cut and isinstance(held, ast.Name) and held.id in self._parameters:
            rank = {2: _TOKENS, 3: _STATE}.get(len(names))
            if self._names.get(held.id) == (_STATE if self._assumed else None):
                self._names[held.id] = rank if self._assumed or rank != _TOKENS else None
        shape = self._of(held)
        for i, name in enumerate(names):
            if isinstance(name, ast.Name):
                self._sizes.pop(name.id, None)
                if isinstance(shape, tuple) and i < len(shape) and (cut or len(shape) == len(names)):
                    self._sizes[name.id] = shape[i]
        return True

    def _size(self, node: ast.expr) -> str | None:
        """The label of a dimension whose length an expression is: `t`, `x.size(1)`, `x.shape[1]`."""
        if isinstance(node, ast.Name):
            return self._sizes.get(node.id)
        held, index = None, None
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr == "shape":
            held, index = node.value.value, literal(node.slice)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "size":
            held, index = node.func.value, literal(node.args[0]) if node.args else None
        shape = self._of(held) if held is not None else None
        if not isinstance(shape, tuple) or index is None or not -len(shape) <= index < len(shape):
            return None
        return shape[index]

    # -- expressions ----------------------------------------------------------------------------------

    def _of(self, node: ast.expr) -> Shape:
        if node in self._known:
            del self._known[node]  # a loop's second round, or the arm of a branch: the latest counts
        made = self._worked_out(node)
        self._known[node] = made
        return made

    def _worked_out(self, node: ast.expr) -> Shape:
        if isinstance(node, ast.Name):
            return self._names.get(node.id)
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.BinOp):
            left, right = self._of(node.left), self._of(node.right)
            return _product(left, right) if isinstance(node.op, ast.MatMult) else self._wider(left, right)
        if isinstance(node, ast.UnaryOp):
            return self._of(node.operand)
        if isinstance(node, ast.Compare):
            return self._wider(self._of(node.left), self._of(node.comparators[0]))
        if isinstance(node, ast.IfExp):
            return self._of(node.body) or self._of(node.orelse)
        if isinstance(node, ast.Subscript):
            return _indexed(self._of(node.value), node.slice)
        if isinstance(node, ast.Attribute):
            held = self._of(node.value)
            return (
                _swapped(held, -2, -1)
                if node.attr in ("T", "mT")
                else held
                if node.attr in vocabulary.LIKE_IT
                else None
            )
        if isinstance(node, (ast.Tuple, ast.List)):
            return [self._of(element) for element in node.elts]
        if isinstance(node, (ast.GeneratorExp, ast.ListComp)):
            first = node.generators[0]
            self._assign(first.target, first.iter, _each(self._of(first.iter)))
            return [self._of(node.elt)]
        if isinstance(node, ast.NamedExpr):
            value = self._of(node.value)
            self._assign(node.target, node.value, value)
            return value
        return None

    def _wider(self, left: Shape, right: Shape) -> Shape:
        """What two operands are broadcast to; one that has no labels is a weight, or like the other."""
        if not isinstance(left, tuple) or not isinstance(right, tuple):
            return left if isinstance(left, tuple) else right if isinstance(right, tuple) else None
        if len(left) < len(right):
            left, right = right, left
        padded = (ONE,) * (len(left) - len(right)) + right
        return tuple(a if a not in (ONE, OTHER) else b for a, b in zip(left, padded, strict=True))

    def _call(self, node: ast.Call) -> Shape:
        name = called(node)
        args: Sequence[ast.expr] = node.args
        for keyword in node.keywords:
            self._of(keyword.value)
        if isinstance(node.func, ast.Attribute) and not self._of_library(node.func.value):
            held = self._of(node.func.value)
            if _of_self(node.func.value):  # a part of the model, or one of its methods
                return self._of_module(args)
        elif args:
            held, args = self._of(args[0]), args[1:]
            if isinstance(node.func, ast.Name):
                for argument in args:
                    self._of(argument)
                return None if name in vocabulary.LOSES_LAYOUT else held
        else:
            return None
        shapes = [self._of(argument) for argument in args]
        return self._function(node, name, held, args, shapes)

    def _of_module(self, args: Sequence[ast.expr]) -> Shape:
        """What a part of the model gives for a state: a state. Tokens are embedded."""
        given = next((s for s in [self._of(argument) for argument in args] if isinstance(s, tuple)), None)
        return (*given, CHANNEL) if given == _TOKENS else given

    def _embeds(self, call: ast.Call) -> bool:
        """`self.table(x)` of an embedding."""
        held = call.func
        return (
            isinstance(held, ast.Attribute)
            and is_self(held.value)
            and held.attr in self._tables
            and len(call.args) == 1
        )

    def _of_library(self, node: ast.expr) -> bool:
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and self._library(node.id)

    def _function(
        self, node: ast.Call, name: str, held: Shape, args: Sequence[ast.expr], shapes: Sequence[Shape]
    ) -> Shape:
        if name in ("chunk", "split", "tensor_split"):
            return [held]
        if name == "checkpoint":
            return next((s for s in shapes if isinstance(s, tuple)), None)
        if name == "einsum":
            return self._summed(node)
        if name in ("cat", "concat", "concatenate") and isinstance(held, list):
            return next((part for part in held if isinstance(part, tuple)), None)
        if name in ("view_as", "reshape_as", "expand_as"):
            return shapes[0] if shapes else None
        if name == "where":
            return next((s for s in (*shapes, held) if isinstance(s, tuple)), None)
        if name in ("matmul", "bmm", "mm"):
            return _product(held, shapes[0] if shapes else None)
        if name in vocabulary.LOSES_LAYOUT or not isinstance(held, tuple):
            return None
        numbers = [literal(a) for a in _flat(args)]
        if name in ("transpose", "swapaxes") and len(numbers) == 2:
            return _swapped(held, *numbers)
        if name == "permute":
            return _ordered(held, numbers)
        if name in ("view", "reshape"):
            return self._reshaped(held, _flat(args))
        if name in ("unsqueeze", "squeeze", "unbind", "select", "flatten", "stack", "movedim", "unflatten"):
            return _moved(name, held, numbers)
        if name in ("one_hot", "embedding"):
            return (*held, CHANNEL)
        if name in vocabulary.REDUCES:
            return _reduced(held, node, args)
        return held

    def operands(self, node: ast.Call) -> list[tuple[str, Layout | None]]:
        """Of `einsum("btd,de->bte", x, w)`: the letters of each operand, with its labels where they are known."""
        spec = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
        if not isinstance(spec, str) or "." in spec:
            return []
        letters = spec.replace(" ", "").partition("->")[0].split(",")
        return [(given, self.of(a)) for given, a in zip(letters, node.args[1:], strict=False)]

    def _summed(self, node: ast.Call) -> Shape:
        made = node.args[0].value.replace(" ", "").partition("->")[2] if self.operands(node) else ""  # type: ignore[attr-defined]
        told: dict[str, str] = {}
        for letters, labels in self.operands(node):
            if labels is not None and len(labels) == len(letters):
                told |= {letter: label for letter, label in zip(letters, labels, strict=True) if label != OTHER}
        return tuple(told.get(letter, OTHER) for letter in made) if told and made else None

    def _reshaped(self, held: Layout, args: Sequence[ast.expr]) -> Shape:
        """`y.reshape(b, t, d)`: told by the sizes that are named; without the positions' it is not known."""
        labels = tuple(self._size(a) or OTHER for a in args)
        if held == _STATE and len(labels) == len(held) + 1 and labels[-1] == CHANNEL and POSITION not in labels:
            return (BATCH, POSITION, PIECE, CHANNEL)  # `x.view(b, t // 2, 2, d)`
        if held[:2] == _TOKENS and len(labels) == len(held) - 1 and literal(args[0]) == -1:
            return (POSITION, *held[2:])  # the windows of a batch one after the other
        return labels if POSITION in labels else None


def _embeddings(owner: ast.ClassDef) -> frozenset[str]:
    """The attributes of a module that hold an embedding."""
    found = set()
    for statement in of_type(owner, ast.Assign):
        if any(called(made) in vocabulary.EMBEDDINGS for made in of_type(statement.value, ast.Call)):
            found |= {t.attr for t in statement.targets if isinstance(t, ast.Attribute) and is_self(t.value)}
    return frozenset(found)


def _of_training(test: ast.expr) -> bool:
    """`if self.training:`"""
    parts = test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]
    return any(isinstance(part, ast.Attribute) and part.attr == "training" for part in parts)


def _of_self(node: ast.expr) -> bool:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return is_self(node)


def _flat(args: Sequence[ast.expr]) -> list[ast.expr]:
    """`permute((0, 2, 1))` as `permute(0, 2, 1)`."""
    return list(args[0].elts) if len(args) == 1 and isinstance(args[0], (ast.Tuple, ast.List)) else list(args)


def _each(shape: Shape) -> Shape:
    """What a loop over a value runs through."""
    if isinstance(shape, list):
        return shape[0] if shape and all(part == shape[0] for part in shape) else None
    return shape[1:] if isinstance(shape, tuple) else None


def _swapped(held: Shape, one: int | None, other: int | None) -> Shape:
    if not isinstance(held, tuple) or one is None or other is None:
        return None
    if not (-len(held) <= one < len(held) and -len(held) <= other < len(held)):
        return None
    labels = list(held)
    labels[one], labels[other] = labels[other], labels[one]
    return tuple(labels)


def _ordered(held: Layout, order: Iterable[int | None]) -> Shape:
    places = list(order)
    if len(places) != len(held) or any(p is None or not -len(held) <= p < len(held) for p in places):
        return None
    return tuple(held[p] for p in places if p is not None)


def _moved(name: str, held: Layout, numbers: Sequence[int | None]) -> Shape:
    at = numbers[0] if numbers else (0 if name == "unbind" else None)
    if at is None:
        return None
    if name == "unsqueeze":
        at += len(held) + 1 if at < 0 else 0
        return (*held[:at], ONE, *held[at:])
    if not -len(held) <= at < len(held):
        return None
    at %= len(held)
    if name == "flatten":
        if held[:2] == _TOKENS and list(numbers) == [0, 1]:
            return (POSITION, *held[2:])  # the windows of a batch one after the other
        return (*held[:at], CHANNEL) if len(numbers) == 1 and POSITION not in held[at:] else None
    if name in ("squeeze", "unbind", "select"):
        left = held[:at] + held[at + 1 :]
        return [left] if name == "unbind" else left
    return None


def _reduced(held: Layout, node: ast.Call, args: Sequence[ast.expr]) -> Shape:
    given = next((k.value for k in node.keywords if k.arg in ("dim", "axis")), None)
    args = args[called(node) in vocabulary.DIMENSION_SECOND :]
    at = literal(given) if given is not None else next((literal(a) for a in args), None)
    if at is None or not -len(held) <= at < len(held):
        return None
    at %= len(held)
    kept = any(k.arg == "keepdim" and getattr(k.value, "value", False) for k in node.keywords)
    kept = kept or (len(args) > 1 and getattr(args[1], "value", False) is True)
    return held[:at] + ((ONE,) if kept else ()) + held[at + 1 :]


def _product(left: Shape, right: Shape) -> Shape:
    """`a @ b`; what has no labels is a matrix of weights."""
    if isinstance(left, tuple) and len(left) > 1:
        last = right[-1] if isinstance(right, tuple) and right else CHANNEL
        longer = right if isinstance(right, tuple) and len(right) > len(left) else left
        return (*longer[:-2], left[-2], last) if len(longer) > 1 else None
    return right if isinstance(right, tuple) else None


def _indexed(held: Shape, index: ast.expr) -> Shape:
    if isinstance(held, list):
        at = literal(index)
        return held[at] if at is not None and -len(held) <= at < len(held) else _each(held)
    if not isinstance(held, tuple):
        return None
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    left, made = list(held), []
    for i, part in enumerate(parts):
        if isinstance(part, ast.Constant) and part.value is Ellipsis:
            behind = sum(not (isinstance(p, ast.Constant) and p.value is None) for p in parts[i + 1 :])
            made += left[: max(len(left) - behind, 0)]
            del left[: max(len(left) - behind, 0)]
        elif isinstance(part, ast.Constant) and part.value is None:
            made.append(ONE)
        elif not left:
            return None
        elif isinstance(part, ast.Slice):
            made.append(left.pop(0))
        elif literal(part) is not None:
            left.pop(0)
        else:
            return None
    return (*made, *left)
