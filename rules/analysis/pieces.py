"""A loop over a vocabulary, worked out for one sample piece: a small interpreter that runs nothing of the script."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from rules.analysis.syntax import last_name

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


class _Unknown:
    """A value that could not be worked out."""


class Stop(Exception):
    """Leaves the loop body: continue, break, return, or too many steps."""


_UNKNOWN = _Unknown()
PIECES = _Unknown()  # a list of pieces, as `[sp.id_to_piece(i) for i in range(n)]` makes it
_KINDS = {
    "is_control": "control",
    "is_unknown": "unknown",
    "is_unused": "unused",
    "is_byte": "byte",
}
_PIECE_CALLS = {"id_to_piece", "convert_ids_to_tokens", "id_to_token"}


def _snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() and i else c.lower() for i, c in enumerate(name))


def is_piece_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _snake(last_name(node.func)) in _PIECE_CALLS


@dataclass
class Loop:
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
            raise Stop

    def block(self, body: list[ast.stmt]) -> None:
        for statement in body:
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        self.tick()
        if isinstance(node, ast.Continue | ast.Break | ast.Return):
            raise Stop
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
        if isinstance(node.value, ast.Name) and self.names.get(node.value.id) is PIECES:
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
        if is_piece_call(node):
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
        inner = Loop(self.piece, self.helpers, steps=self.steps, depth=self.depth + 1)
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
