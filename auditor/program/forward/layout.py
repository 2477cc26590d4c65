"""Which dimension of a hidden state stands for what, worked out along the statements of a forward pass.

A method gets tokens (batch, position) or hidden states (batch, position, channel); how many names its shape is unpacked
into tells which. What turns dimensions turns the labels with them; where that cannot be told, the value has none.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence

from auditor.program import vocabulary
from auditor.program.forward.containers import attribute, built_in, method, one_of, path, put_in
from auditor.program.forward.dimensions import (
    BATCH,
    CHANNEL,
    OTHER,
    PIECE,
    POSITION,
    STATE,
    TOKENS,
    Layout,
    Shape,
    broadcast,
    each,
    flat,
    indexed,
    moved,
    ordered,
    product,
    reduced,
    stacked,
    swapped,
)
from auditor.program.forward.operands import of_self, of_training
from auditor.program.syntax import AnyFunction, called, is_self, literal
from auditor.source.index import of_type, parent


class Layouts:
    """The labels of every expression of a function that was reached. `of` gives them, None where they are not known."""

    def __init__(
        self,
        function: AnyFunction,
        *,
        own: bool,
        library: Callable[[str], bool],
        given: Mapping[str, Layout] | None = None,
        assumed: bool = True,
    ) -> None:
        """`own`: a method, whose first parameter is the model. `given`: what is known of its other parameters, and of
        the names around it.

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
        self._names.update(given or {})
        for parameter in (*spec.posonlyargs, *spec.args)[own:]:
            self._names[parameter.arg] = (given or {}).get(parameter.arg, STATE if assumed else None)
        self._parameters = {a.arg for a in (*spec.posonlyargs, *spec.args)[own:]}
        self._embedded = {
            call.args[0].id
            for call in of_type(function, ast.Call)
            if self._embeds(call) and isinstance(call.args[0], ast.Name)
        }
        if not assumed:
            tokens = self._embedded & self._parameters
            self._names.update({name: TOKENS for name in tokens if self._names[name] is None})
        if isinstance(function, ast.Lambda):
            self._of(function.body)
        else:
            self._block(function.body)

    def names(self) -> dict[str, Layout]:
        """What the names of the function stand for at its end, where that is known."""
        return {name: shape for name, shape in self._names.items() if isinstance(shape, tuple)}

    def size(self, node: ast.expr) -> str | None:
        """The label of a dimension whose length an expression is."""
        return self._size(node)

    def of(self, node: ast.AST) -> Layout | None:
        return one_of(self._known.get(node))

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
            made = broadcast(self._of(node.target), self._of(node.value))
            if isinstance(node.target, ast.Name):
                self._names[node.target.id] = made
        elif isinstance(node, ast.If):
            self._branches(node)
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            self._assign(node.target, node.iter, each(self._of(node.iter)))
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
        if not of_training(node.test):
            self._block(node.body)
        one, self._names = self._names, dict(before)
        self._block(node.orelse)
        for name in {*one, *self._names}:
            here, there = one.get(name), self._names.get(name)
            self._names[name] = here if here == there or there is None else there if here is None else None

    def _assign(self, target: ast.expr, source: ast.expr, value: Shape) -> None:
        if isinstance(target, ast.Name):
            self._names[target.id] = value
            label = self._size(source)
            if label is not None:
                self._sizes[target.id] = label
        elif isinstance(target, (ast.Tuple, ast.List)):
            if self._unpacks_shape(target.elts, source):
                return
            parts = value if isinstance(value, list) else [value if _is_called(source) else None] * len(target.elts)
            if len(parts) == 1:
                parts = parts * len(target.elts)
            for i, element in enumerate(target.elts):
                written = source.elts[i] if isinstance(source, ast.Tuple) and i < len(source.elts) else source
                self._assign(element, written, parts[i] if i < len(parts) else None)
        elif (name := path(target)) and one_of(value) is not None:
            self._store(target, name, value)

    def _store(self, target: ast.expr, name: str, value: Shape) -> None:
        """`self.state = x`, `held["x"] = x`, `y[:, 1:] = x`"""
        before = self._names.get(name)
        if isinstance(target, ast.Attribute) or (before is None and any(of_type(target, ast.Slice))):
            self._names[name] = value
        elif not isinstance(before, tuple):
            self._names[name] = [*(before or []), value]

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
            rank = {2: TOKENS, 3: STATE}.get(len(names))
            if self._names.get(held.id) == (STATE if self._assumed else None):
                self._names[held.id] = rank if self._assumed or rank != TOKENS else None
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
            return product(left, right) if isinstance(node.op, ast.MatMult) else broadcast(left, right)
        if isinstance(node, ast.UnaryOp):
            return self._of(node.operand)
        if isinstance(node, ast.Compare):
            return broadcast(self._of(node.left), self._of(node.comparators[0]))
        if isinstance(node, ast.IfExp):
            return self._of(node.body) or self._of(node.orelse)
        if isinstance(node, ast.Subscript):
            return self._picked(node)
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        if isinstance(node, (ast.Tuple, ast.List)):
            return [self._of(element) for element in node.elts]
        if isinstance(node, ast.Dict):
            return [self._of(value) for value in node.values]
        if isinstance(node, (ast.GeneratorExp, ast.ListComp)):
            first = node.generators[0]
            self._assign(first.target, first.iter, each(self._of(first.iter)))
            return [self._of(node.elt)]
        if isinstance(node, ast.NamedExpr):
            value = self._of(node.value)
            self._assign(node.target, node.value, value)
            return value
        return None

    def _picked(self, node: ast.Subscript) -> Shape:
        held, numbers = self._of(node.value), one_of(self._of(node.slice))
        if held is None and numbers is not None and POSITION in numbers:
            return (*numbers, CHANNEL)  # rows of a table of weights, by tokens
        return indexed(held, node.slice)

    def _attribute(self, node: ast.Attribute) -> Shape:
        held, name = self._of(node.value), path(node)
        if name in self._names:
            return self._names[name]
        if node.attr in ("T", "mT"):
            return swapped(held, -2, -1)
        if node.attr in vocabulary.LIKE_IT:
            return held
        return attribute(held, node.attr) if name.partition(".")[0] not in self._parameters else None

    def _call(self, node: ast.Call) -> Shape:
        name = called(node)
        args: Sequence[ast.expr] = node.args
        named = {keyword.arg or "**": self._of(keyword.value) for keyword in node.keywords}
        if isinstance(node.func, ast.Attribute) and not self.of_library(node.func.value):
            held = self._of(node.func.value)
            into = put_in(name, held, [*[self._of(a) for a in args], *named.values()])
            if into is not None and one_of(into) is not None and (at := path(node.func.value)):
                self._names[at] = into
            if isinstance(held, list):
                return method(name, held)
            if of_self(node.func.value):  # a part of the model, or one of its methods
                return self._of_module(args)
            if held is None and name not in vocabulary.LOSES_LAYOUT:  # a function beside, an object, a weight
                return built_in("", [self._of(a) for a in args], named)
        elif isinstance(node.func, ast.Name):
            lost = name in vocabulary.LOSES_LAYOUT
            shapes = [self._of(argument) for argument in args]
            return None if lost else built_in(name, shapes, named)
        elif args:
            held, args = self._of(args[0]), args[1:]
        else:
            return None
        shapes = [self._of(argument) for argument in args]
        return self._function(node, name, held, args, shapes)

    def _of_module(self, args: Sequence[ast.expr]) -> Shape:
        """What a part of the model gives for a state: a state. Tokens are embedded."""
        given = next((s for s in [self._of(argument) for argument in args] if isinstance(s, tuple)), None)
        return (*given, CHANNEL) if given == TOKENS else given

    def _embeds(self, call: ast.Call) -> bool:
        """`self.table(x)` of an embedding."""
        held = call.func
        return (
            isinstance(held, ast.Attribute)
            and is_self(held.value)
            and held.attr in self._tables
            and len(call.args) == 1
        )

    def of_library(self, node: ast.expr) -> bool:
        """Whether an expression names a library, or something in one."""
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and self._library(node.id)

    def _function(
        self, node: ast.Call, name: str, held: Shape, args: Sequence[ast.expr], shapes: Sequence[Shape]
    ) -> Shape:
        if name in ("chunk", "split", "tensor_split"):
            return [held]
        if name in ("checkpoint", "reduce"):
            return one_of([*reversed(shapes)] if name == "reduce" else [*shapes])
        if name == "stack":
            return stacked(node, one_of(held), args)
        if name == "einsum":
            return self._summed(node)
        if name in ("cat", "concat", "concatenate") and isinstance(held, list):
            return next((part for part in held if isinstance(part, tuple)), None)
        if name in ("view_as", "reshape_as", "expand_as"):
            return shapes[0] if shapes else None
        if name == "expand" and isinstance(held, tuple):
            return (OTHER,) * (len(flat(args)) - len(held)) + held
        if name == "where":
            return next((s for s in (*shapes, held) if isinstance(s, tuple)), None)
        if name in ("matmul", "bmm", "mm", "cdist"):
            other = shapes[0] if shapes else None
            return product(held, swapped(other, -2, -1) if name == "cdist" else other)
        if name == "baddbmm" and len(shapes) == 2:
            return product(*shapes)
        if name == "cosine_similarity":
            both = broadcast(held, shapes[0] if shapes else None)
            return reduced(both, node, args[1:]) if isinstance(both, tuple) else None
        if name in vocabulary.LOSES_LAYOUT or not isinstance(held, tuple):
            return None
        numbers = [literal(a) for a in flat(args)]
        if name in ("transpose", "swapaxes") and len(numbers) == 2:
            return swapped(held, *numbers)
        if name == "permute":
            return ordered(held, numbers)
        if name in ("view", "reshape"):
            return self._reshaped(held, flat(args))
        if name in ("unsqueeze", "squeeze", "unbind", "select", "flatten", "stack", "movedim", "unflatten"):
            return moved(name, held, numbers)
        if name in ("one_hot", "embedding"):
            return (*held, CHANNEL)
        if name in vocabulary.REDUCES:
            return reduced(held, node, args)
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
        if len(args) == 1:
            whole = args[0].value if isinstance(args[0], ast.Starred) else args[0]
            if isinstance(whole, ast.Attribute) and whole.attr == "shape":
                return self._of(whole.value)
        labels = tuple(self._size(a) or OTHER for a in args)
        if len(labels) == len(held) and all(told in (OTHER, was) for told, was in zip(labels, held, strict=True)):
            return held if BATCH in labels or POSITION in labels else None
        if held == STATE and len(labels) == len(held) + 1 and labels[-1] == CHANNEL and POSITION not in labels:
            return (BATCH, POSITION, PIECE, CHANNEL)  # `x.view(b, t // 2, 2, d)`
        if held[:2] == TOKENS and len(labels) == len(held) - 1 and literal(args[0]) == -1:
            return (POSITION, *held[2:])  # the windows of a batch one after the other
        return labels if POSITION in labels else None


def _is_called(source: ast.expr) -> bool:
    """Whether what is taken apart was given by a call, or stands under a name: a tuple, and no tensor."""
    return isinstance(source, (ast.Call, ast.Name))


def _embeddings(owner: ast.ClassDef) -> frozenset[str]:
    """The attributes of a module that hold an embedding."""
    found = set()
    for statement in of_type(owner, ast.Assign):
        if any(called(made) in vocabulary.EMBEDDINGS for made in of_type(statement.value, ast.Call)):
            found |= {t.attr for t in statement.targets if isinstance(t, ast.Attribute) and is_self(t.value)}
    return frozenset(found)
