"""Which positions a mask leaves to each other, worked out for a sequence of a few of them."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from auditor.program import vocabulary
from auditor.program.forward.elementwise import COMPARISONS, NUMPY, OPERATIONS
from auditor.program.syntax import called, is_library, is_self, literal, number
from auditor.source.index import of_type, parent

POSITIONS = 6
_MANY = 48  # a number that positions here do not come to
"""How many of them a mask is worked out for."""
_NEVER = -1e3  # a score below which nothing is left of a position
_DEPTH = 24


class Unknown(Exception):
    """An expression that is not worked out."""


FAILURES: Final = (Unknown, ValueError, TypeError, IndexError, ArithmeticError, RecursionError)
"""What working an expression out may raise."""


class _Filled(Unknown):
    """An array of which a part is written over: `mask[:, :n] = True`."""


def open_mask(function: ast.AST, holder: ast.AST | None, mask: ast.expr) -> bool | None:
    """Whether a mask that attention is given leaves a later position; None where it could not be worked out.

    None, too, where it would leave one of so many positions that its large numbers are small ones: `t // 600`.
    """
    leaves = _open_mask(function, holder, mask, within=False)
    return None if leaves is False and _open_mask(function, holder, mask, within=True) is not False else leaves


def _open_mask(function: ast.AST, holder: ast.AST | None, mask: ast.expr, *, within: bool) -> bool | None:
    import numpy as np

    try:
        found = np.asarray(Mask(before(assigned(function), mask.lineno + 1), holder, within=within).value(mask))
        if found.dtype == object:  # `attn_mask=None`
            return False
        if found.ndim < 2:
            return None
        found = np.broadcast_to(found, (POSITIONS, POSITIONS))
    except FAILURES:
        return None
    kept = found if found.dtype == bool else found > _NEVER
    return bool(np.any(kept & np.triu(np.ones((POSITIONS, POSITIONS), dtype=bool), 1)))


def reaches_later(function: ast.AST, index: ast.expr) -> bool | None:
    """Whether an index of the positions picks a later one for some of them; None where it could not be worked out."""
    import numpy as np

    try:
        found = np.asarray(Mask(before(assigned(function), index.lineno + 1), None).value(index)).ravel()
    except FAILURES:
        return None
    places = found.size == POSITIONS and found.dtype.kind in "iuf"
    return bool(np.any(found > np.arange(POSITIONS))) if places else None


def name_of(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


Values = dict[str, list[ast.expr]]


def assigned(function: ast.AST) -> Values:
    """Name -> what it is assigned, in the order of the lines; `x += y` and `x.masked_fill_(..)` too."""
    found: list[tuple[int, str, ast.expr]] = []
    for node in of_type(function, ast.Assign, ast.AugAssign, ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            if isinstance(target, ast.Tuple) and _is_shape(node.value):
                size = ast.copy_location(ast.Constant(POSITIONS), node)
                found += [(node.lineno, name.id, size) for name in target.elts if isinstance(name, ast.Name)]
            if isinstance(target, ast.Name) and node.value is not None:
                value: ast.expr = node.value
                if isinstance(node, ast.AugAssign):
                    value = ast.copy_location(ast.BinOp(ast.Name(target.id), node.op, node.value), node)
                found.append((node.lineno, target.id, value))
            elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name) and node.value is not None:
                found.append((node.lineno, target.value.id, ast.copy_location(ast.Starred(target), node)))
    for call in of_type(function, ast.Call):
        if (
            isinstance(call.func, ast.Attribute)
            and call.func.attr == "masked_fill_"
            and isinstance(call.func.value, ast.Name)
        ):
            found.append((call.lineno, call.func.value.id, call))
    values: Values = {}
    for _, name, value in sorted(found, key=lambda item: item[0]):
        values.setdefault(name, []).append(value)
    return values


def _is_shape(node: ast.expr | None) -> bool:
    """`x.shape`, `x.shape[:2]`, `x.size()`."""
    while isinstance(node, (ast.Subscript, ast.Call)):
        node = node.value if isinstance(node, ast.Subscript) else node.func
    return isinstance(node, ast.Attribute) and node.attr in ("shape", "size")


def before(values: Values, line: int) -> Values:
    """What names were assigned ahead of a line."""
    return {name: [v for v in held if v.lineno < line] for name, held in values.items()}


class Mask:
    """Works out the scores of a few positions; an activation is zero."""

    product: ClassVar[float] = 0.0
    """What stands for each entry of a product of activations."""

    def __init__(
        self, values: Values, holder: ast.AST | None, given: Mapping[str, Any] | None = None, *, within: bool = False
    ) -> None:
        """`within`: numbers that are larger than there are positions are held to be smaller than these."""
        self.within = within
        self.values = values
        self.holder = holder
        self.given = given or {}  # parameters, where a call is followed
        self._times: dict[str, int] = {}

    def sees(self, subject: ast.expr) -> str:
        import numpy as np  # of the many modules that are read few write their attention out

        try:
            scores = np.broadcast_to(np.asarray(self._value(subject, 0), dtype=float), (POSITIONS, POSITIONS))
        except FAILURES:
            return ""
        if not scores.any():
            return ""  # there is no mask: it may be over heads, layers or memories, and no position of the stream
        kept = scores > _NEVER
        if np.any(kept & np.triu(np.ones((POSITIONS, POSITIONS), dtype=bool), 1)):
            return "what follows"
        empty = ~kept.any(axis=1)
        if np.any(empty & np.isfinite(scores).any(axis=1)):
            return "all in an empty row"
        if self.within:
            return "nothing ahead"
        within = type(self)(self.values, self.holder, self.given, within=True).sees(subject)
        return "nothing ahead" if within == "nothing ahead" else ""

    def value(self, node: ast.expr) -> Any:
        return self._value(node, 0)

    def _value(self, node: ast.expr, depth: int) -> Any:
        if depth > _DEPTH:
            raise Unknown
        handler = getattr(self, f"_{type(node).__name__.lower()}", None)
        if handler is None:
            raise Unknown
        return handler(node, depth + 1)

    def _constant(self, node: ast.Constant, depth: int) -> Any:
        if node.value is None or isinstance(node.value, (int, float)):
            return node.value
        raise Unknown

    def _name(self, node: ast.Name, depth: int) -> Any:
        """The latest value of a name, of those above the line; where it is made of itself, the one before."""
        values = self.values.get(node.id, ())
        above = sum(value.lineno < node.lineno for value in values) if hasattr(node, "lineno") else 0
        at = min(self._times.get(node.id, len(values)), above or len(values)) - 1
        if at < 0 and node.id in self.given:
            return self.given[node.id]
        if at < 0:
            value = number(node)
            if value is None:
                raise Unknown
            return literal(node) if value.is_integer() else value
        self._times[node.id] = at
        try:
            return self._value(values[at], depth)
        finally:
            self._times[node.id] = at + 1

    def _attribute(self, node: ast.Attribute, depth: int) -> Any:
        import numpy as np

        if node.attr in ("inf", "Inf") and is_library(node.value):
            return np.inf
        if node.attr == "min" and isinstance(node.value, ast.Call) and called(node.value) == "finfo":
            return -1e38
        if is_self(node.value) and self.holder is not None:
            return self._value(self._held(node.attr), depth)
        raise Unknown

    def _held(self, name: str) -> ast.expr:
        """A buffer of the class."""
        assert self.holder is not None
        for call in of_type(self.holder, ast.Call):
            first = call.args[0] if call.args else None
            if called(call) == "register_buffer" and isinstance(first, ast.Constant) and first.value == name:
                return call.args[1]
        for node in of_type(self.holder, ast.Assign):
            if any(isinstance(t, ast.Attribute) and t.attr == name for t in node.targets):
                return node.value
        raise Unknown

    def _unaryop(self, node: ast.UnaryOp, depth: int) -> Any:
        import numpy as np

        value = self._value(node.operand, depth)
        if isinstance(node.op, ast.USub):
            return -value
        if isinstance(node.op, (ast.Invert, ast.Not)):
            return ~np.asarray(value, dtype=bool)
        raise Unknown

    def _binop(self, node: ast.BinOp, depth: int) -> Any:
        import numpy as np

        if isinstance(node.op, ast.MatMult):
            return np.full((POSITIONS, POSITIONS), self.product)
        sides = [self._or_nothing(side, depth) for side in (node.left, node.right)]
        known = [side for side in sides if side is not None]
        if isinstance(node.op, (ast.Mult, ast.Div)) and len(known) == 1:
            return known[0]  # a scale
        if len(known) < 2:
            raise Unknown
        a, b = (np.asarray(side) for side in sides)
        if isinstance(node.op, (ast.BitAnd, ast.BitOr)):
            a, b = a.astype(bool), b.astype(bool)
        with np.errstate(all="ignore"):
            operation = OPERATIONS.get(type(node.op))
            if operation is None:
                raise Unknown
            return getattr(np, operation)(a, self._reached(b) if isinstance(node.op, (ast.FloorDiv, ast.Mod)) else b)

    def _or_nothing(self, node: ast.expr, depth: int) -> Any:
        try:
            return self._value(node, depth)
        except Unknown:
            return None

    def _compare(self, node: ast.Compare, depth: int) -> Any:
        import numpy as np

        operation = COMPARISONS.get(type(node.ops[0])) if len(node.ops) == 1 else None
        if operation is None:
            raise Unknown
        left, right = (self._reached(self._value(side, depth)) for side in (node.left, node.comparators[0]))
        return getattr(np, operation)(left, right)

    def _reached(self, value: Any) -> Any:
        """What positions are held against: a number that they come to, where the large ones are small ones."""
        import numpy as np

        return np.where(np.asarray(value) > _MANY, POSITIONS // 3, value) if self.within else value

    def _subscript(self, node: ast.Subscript, depth: int) -> Any:
        """`i[:, None]`, `mask[:t, :t]`, `mask[None, None]`; a size is that of the positions."""
        import numpy as np

        if isinstance(node.value, ast.Attribute) and node.value.attr == "shape":
            return POSITIONS
        value = np.asarray(self._value(node.value, depth))
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        shape: list[int] = []
        dims = list(value.shape)
        axes = sum(isinstance(part, ast.Slice) for part in parts)
        for part in list(parts):  # of heads and batches, of which there are none here
            if axes > len(dims) and isinstance(part, ast.Slice) and part.lower is part.upper is part.step is None:
                parts, axes = parts[1:], axes - 1
        for part in parts:
            if isinstance(part, ast.Constant) and part.value is None:
                shape.append(1)
            elif isinstance(part, ast.Constant) and part.value is Ellipsis:
                shape.extend(dims)
                dims = []
            elif isinstance(part, ast.Slice) and part.lower is None and part.step is None and dims:
                shape.append(dims.pop(0))
            else:
                raise Unknown
        shape.extend(dims)
        return value.reshape(shape).reshape([n for i, n in enumerate(shape) if n != 1 or i >= len(shape) - 2])

    def _starred(self, node: ast.Starred, depth: int) -> Any:
        """Stands for `mask[:, :n] = True` among the values of a name."""
        raise _Filled

    def _call(self, node: ast.Call, depth: int) -> Any:
        import numpy as np

        name = called(node)
        own = isinstance(node.func, ast.Attribute) and not is_library(node.func.value)
        if name == "float" and not own and node.args and isinstance(node.args[0], ast.Constant):
            return float(node.args[0].value)  # type: ignore[arg-type]
        if name in vocabulary.PRODUCTS:
            return np.full((POSITIONS, POSITIONS), self.product)
        operands = [node.func.value, *node.args] if own and isinstance(node.func, ast.Attribute) else list(node.args)
        options = {k.arg: k.value for k in node.keywords}
        if name in vocabulary.SAME_MASK and operands:
            value = self._value(operands[0], depth)
            return np.asarray(value, dtype=bool) if name == "bool" else value
        if name == "arange":
            first = self._or_nothing(operands[0], depth) if len(operands) > 1 else 0
            if not isinstance(first, int) or len(operands) > 2:
                raise Unknown
            return np.arange(first, first + POSITIONS)
        if name == "size" and own:
            return POSITIONS
        if name in NUMPY and operands and not options:
            return getattr(np, NUMPY[name])(*(np.asarray(self._value(o, depth)) for o in operands))
        if name.rstrip("_") in vocabulary.BOUNDS and operands:
            return self._bounded(name.rstrip("_"), operands, options, depth)
        if name in ("ones", "zeros", "full", "ones_like", "zeros_like", "full_like", "new_ones", "new_zeros"):
            fill = options.get("fill_value", operands[-1] if name.startswith("full") else None)
            number = self._value(fill, depth) if fill is not None else float("ones" in name)
            kind = options.get("dtype")
            return np.full(
                (POSITIONS, POSITIONS),
                number,
                dtype=bool if kind is not None and name_of(kind) in ("bool", "bool_") else None,
            )
        if name in ("eye", "diag"):  # of a row of weights
            at = options.get("diagonal", operands[1] if len(operands) > 1 and name == "diag" else ast.Constant(0))
            return np.eye(POSITIONS, k=int(self._value(at, depth)))
        if name in ("Parameter", "Buffer") and operands:
            return self._value(operands[0], depth)
        if name == vocabulary.CAUSAL_MASK:
            return np.triu(np.full((POSITIONS, POSITIONS), -np.inf), 1)
        if name in ("rand", "randn", "rand_like", "randn_like"):  # what is learned leaves nothing out
            return np.zeros((POSITIONS, POSITIONS))
        if name in ("tril", "triu", "tril_", "triu_"):
            diagonal = options.get("diagonal", options.get("k", operands[1] if len(operands) > 1 else ast.Constant(0)))
            value = np.asarray(self._value(operands[0], depth))
            k = int(self._value(diagonal, depth))
            keep = (
                np.tril(np.ones((POSITIONS, POSITIONS), dtype=bool), k)
                if name.startswith("tril")
                else np.triu(np.ones((POSITIONS, POSITIONS), dtype=bool), k)
            )
            return np.where(keep, np.broadcast_to(value, (POSITIONS, POSITIONS)), np.zeros((), dtype=value.dtype))
        if name in ("masked_fill", "masked_fill_"):
            scores, mask = (self._value(o, depth) for o in operands[:2])
            fill = self._value(operands[2] if len(operands) > 2 else options["value"], depth)
            return np.where(np.asarray(mask, dtype=bool), fill, scores)
        if name == "where" and len(operands) == 3:
            test, one, other = operands[1:2] + operands[:1] + operands[2:] if own else operands
            return np.where(
                np.asarray(self._value(test, depth), dtype=bool), self._value(one, depth), self._value(other, depth)
            )
        if name in ("logical_not", "logical_and", "logical_or", "bitwise_and", "bitwise_or", "bitwise_not"):
            return getattr(np, name)(*(np.asarray(self._value(o, depth), dtype=bool) for o in operands))
        return self._returned(node, depth)

    def _returned(self, node: ast.Call, depth: int) -> Any:
        """What a function of the same module, or a method of the same class, returns."""
        function = self._called(node)
        returns = list(of_type(function, ast.Return)) if function is not None else []
        if function is None or len(returns) != 1 or returns[0].value is None:
            raise Unknown
        spec = function.args
        names = [a.arg for a in (*spec.posonlyargs, *spec.args)]
        names = names[1:] if isinstance(node.func, ast.Attribute) else names
        passed = dict(zip(names, node.args, strict=False)) | {k.arg: k.value for k in node.keywords if k.arg}
        given = {name: value for name, one in passed.items() if (value := self._or_nothing(one, depth)) is not None}
        for name, default in zip(reversed(names), reversed(spec.defaults), strict=False):
            if name not in passed and isinstance(default, ast.Constant):
                given[name] = default.value
        values = before(assigned(function), returns[0].value.lineno + 1)
        inner = type(self)(values, self.holder, given, within=self.within)
        return inner._value(returns[0].value, depth)

    def _called(self, node: ast.Call) -> ast.FunctionDef | None:
        if isinstance(node.func, ast.Attribute) and is_self(node.func.value):
            around: ast.AST | None = self.holder
        elif isinstance(node.func, ast.Name):
            around = node
            while (above := parent(around)) is not None:
                around = above
        else:
            return None
        body = getattr(around, "body", None)
        found = [f for f in body or () if isinstance(f, ast.FunctionDef) and f.name == name_of(node.func)]
        return found[-1] if found else None

    def _bounded(self, name: str, operands: list[ast.expr], options: dict[str | None, ast.expr], depth: int) -> Any:
        import numpy as np

        given = [*operands[1:3], *([None] * (3 - len(operands)))]
        if name.endswith(("min", "max")):
            given = [given[0], None] if name.endswith("min") else [None, given[0]]
        low, high = options.get("min", given[0]), options.get("max", given[1])
        value = np.asarray(self._value(operands[0], depth))
        value = value if low is None else np.maximum(value, self._value(low, depth))
        return value if high is None else np.minimum(value, self._value(high, depth))
