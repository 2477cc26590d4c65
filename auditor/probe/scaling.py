"""Whether a figure stays what it is where everything that was counted up is more, as it is at full size.

A mean is the same for ten times the losses of ten times the tokens, and a sum is ten times as much. `bytes + relu(bytes
- 1e7)`, `bytes * max(1, log10(bytes) - 6)` and `bytes ** (1 + (bytes > 1e10))` are neither, whatever a small stream
gives, and no branch says so. So what a function makes of its totals is reckoned here with such numbers, the
submission's text read as arithmetic: nothing of it is run. What this cannot read has no value, and says nothing.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from auditor.probe.blocks import same_frame

Value = float | bool | str | tuple["Value", ...] | None
SIZES = (1.0, 30.0, 1e3, 4e4, 1e6, 1e9)  # times the small stream: 4e4 is the validation set
_LOSSES = (22.0, 8.0, 3.0, 2.2, 1.1, 0.7)  # nats: of a model that was not trained, and of such that were
_TOKENS, _BYTES, _NATS = 1536.0, 3487.0, 8.0
_SAME = 2e-3  # of a number: `max(count, 1)` and `count + 1e-9` are no function of the size
_ROUNDS, _DEEP = 2000, 60
_STEPS = 20_000  # statements of one way; rounds in rounds come to any number of them
_LONG = 1000  # characters, or elements
_SAYS_NOTHING = frozenset({
    "item", "double", "float", "float64", "float32", "to", "cpu", "detach", "tensor", "as_tensor", "sum", "clone",
    "squeeze", "reshape", "view", "tolist", "numpy", "long", "cuda", "flatten", "mean", "scalar_tensor", "asarray",
})  # fmt: skip


def _where(test: float, first: float, second: float) -> float:
    return first if test else second


def _clamp(value: float, low: float = -math.inf, high: float = math.inf) -> float:
    return min(max(value, low), high)


def _round(value: float, digits: float = 0.0) -> float:
    return round(value, int(digits))


def _text(value: float) -> str:
    return str(int(value)) if value == math.trunc(value) and abs(value) < 1e15 else str(value)


def _sigmoid(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-value)) if value > -700 else 0.0


_FUNCTIONS: dict[str, Callable[..., Value]] = {
    **{name: getattr(math, name) for name in (
        "exp", "log", "log2", "log10", "log1p", "expm1", "sqrt", "tanh", "floor", "ceil", "sin", "cos", "atan", "erf",
        "pow", "trunc", "fmod", "copysign", "hypot",
    )},
    "int": math.trunc, "max": max, "min": min, "abs": abs, "round": _round, "len": len, "str": _text, "bool": bool,
    "maximum": max, "minimum": min, "where": _where, "clamp": _clamp, "clip": _clamp, "clamp_min": max,
    "clamp_max": min, "relu": lambda x: max(x, 0.0), "sigmoid": _sigmoid, "isfinite": math.isfinite,
    "softplus": lambda x: x if x > 30.0 else math.log1p(math.exp(x)), "square": lambda x: x * x,
    "heaviside": lambda x, at=0.0: float(x > 0) if x else at, "sign": lambda x: float(x > 0) - float(x < 0),
}  # fmt: skip
_BINARY: dict[type[ast.operator], Callable[..., Value]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
}  # fmt: skip
_COMPARED: dict[type[ast.cmpop], Callable[..., bool]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}  # fmt: skip


def out_of_scale(
    function: ast.AST, figures: Collection[str], scores: Collection[str]
) -> Iterator[tuple[int, str, str]]:  # fmt: skip
    """(line, name, text) of figures of a function that neither stay nor grow as what was counted up does.

    `scores`: those of its names that are made of losses.
    """
    if not figures:
        return
    runs = [_Reckoned(scores, size, _NATS) for size in SIZES]
    runs += [_Reckoned(scores, SIZES[3], loss) for loss in _LOSSES]
    for run in runs:
        run.statements(getattr(function, "body", ()))
    by_size, by_loss = runs[: len(SIZES)], runs[len(SIZES) :]
    for place in runs[0].given:
        line, name, text = place
        if name in figures and not (
            _is_in_scale(SIZES, [run.given.get(place) for run in by_size])
            and _is_in_scale(_LOSSES, [run.given.get(place) for run in by_loss])
        ):
            yield line, name, text


def _is_in_scale(factors: Sequence[float], values: Sequence[Value]) -> bool:
    """Whether the values are all the same, or as the factors are; what has no value says nothing."""
    known = [(f, float(v)) for f, v in zip(factors, values, strict=True) if isinstance(v, int | float)]
    known = [(f, v) for f, v in known if math.isfinite(v)]
    if len(known) < 2:
        return True
    factors, numbers = [f for f, _ in known], [v for _, v in known]
    first = numbers[0] / factors[0]
    still = all(abs(v - numbers[0]) <= _SAME * abs(numbers[0]) for v in numbers)
    grown = all(abs(v / f - first) <= _SAME * abs(first) for v, f in zip(numbers, factors, strict=True))
    return still or grown or _is_of_a_power(factors, numbers)


def _is_of_a_power(losses: Sequence[float], numbers: Sequence[float]) -> bool:
    """`math.exp(val_loss)`, of which the logarithm is as the losses are: a perplexity."""
    if any(v <= 0.0 for v in numbers):
        return False
    logs = [math.log(v) for v in numbers]
    return abs(logs[0]) > 1.0 and all(
        abs(v / f - logs[0] / losses[0]) <= _SAME * abs(logs[0] / losses[0]) for v, f in zip(logs, losses, strict=True)
    )


@dataclass
class _Reckoned:
    """One way through a function. `size`: of the stream, times the small one; `loss`: nats of a token."""

    scores: Collection[str]
    size: float
    loss: float
    names: dict[str, Value] = field(default_factory=dict)
    given: dict[tuple[int, str, str], Value] = field(default_factory=dict)
    steps: int = 0

    def statements(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        self.steps += 1
        if self.steps > _STEPS:
            self._forget(node)
        elif isinstance(node, ast.Assign):
            value = self.value(node.value)
            for target in node.targets:
                self._give(target, value, node)
        elif isinstance(node, ast.AugAssign):
            function = _BINARY.get(type(node.op))
            held, more = self.names.get(ast.unparse(node.target)), self.value(node.value)
            known = function is not None and held is not None and more is not None
            self._give(node.target, _safely(function, held, more) if known and function else None, node)
        elif isinstance(node, ast.With):
            self.statements(node.body)
        elif isinstance(node, ast.If):
            test = self.value(node.test)
            if test is not None:
                self.statements(node.body if test else node.orelse)
            else:
                self._forget(node)
        elif isinstance(node, ast.For | ast.While | ast.Try):
            self._round(node)
        elif isinstance(node, ast.Return) and node.value is not None:
            self._returned(node)

    def _round(self, node: ast.For | ast.While | ast.Try) -> None:
        """A loop over a number of rounds is gone through; any other one counts something up."""
        over = node.iter if isinstance(node, ast.For) else None
        if isinstance(over, ast.Call) and getattr(over.func, "id", "") == "range" and len(over.args) == 1:
            times = self.value(over.args[0])
            if isinstance(times, int | float) and math.isfinite(times):
                for _ in range(min(int(times), _ROUNDS)):
                    self.statements(node.body)
                    if self.steps > _STEPS:
                        break
                return
        self._forget(node)
        parts = list(same_frame(node))
        counted = {ast.unparse(p.target) for p in parts if isinstance(p, ast.AugAssign) and isinstance(p.op, ast.Add)}
        for name in counted:
            self.names[name] = self._total(name)

    def _total(self, name: str) -> float:
        if name in self.scores or "loss" in name.lower() or "nll" in name.lower():
            return _TOKENS * self.loss * self.size
        return (_BYTES if "byte" in name.lower() else _TOKENS) * self.size

    def _forget(self, node: ast.AST) -> None:
        for part in same_frame(node):
            if isinstance(part, ast.Name | ast.Attribute | ast.Subscript) and isinstance(part.ctx, ast.Store):
                self.names.pop(ast.unparse(part), None)

    def _give(self, target: ast.expr, value: Value, node: ast.stmt) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            known = isinstance(value, tuple) and len(value) == len(target.elts)
            for i, part in enumerate(target.elts):
                self._give(part, value[i] if known and isinstance(value, tuple) else None, node)
            return
        name = ast.unparse(target)
        self.names[name] = value
        root = target
        while isinstance(root, ast.Attribute | ast.Subscript):
            root = root.value
        self.given[node.lineno, getattr(root, "id", name), ast.unparse(node)[:200]] = value

    def _returned(self, node: ast.Return) -> None:
        assert node.value is not None
        parts = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
        for part in parts:
            for name in {n.id for n in ast.walk(part) if isinstance(n, ast.Name)}:
                self.given[node.lineno, name, ast.unparse(part)[:200]] = self.value(part)

    # --- expressions ------------------------------------------------------------------------------------------------

    def value(self, node: ast.expr, deep: int = _DEEP) -> Value:
        """What an expression comes to; None where that is not known."""
        if not deep:
            return None
        if isinstance(node, ast.Constant):
            return _number(node.value) if isinstance(node.value, int | float | str) else None
        if isinstance(node, ast.Name | ast.Attribute):
            return self.names.get(ast.unparse(node))
        if isinstance(node, ast.IfExp):
            test = self.value(node.test, deep - 1)
            return None if test is None else self.value(node.body if test else node.orelse, deep - 1)
        parts = [self.value(part, deep - 1) for part in _operands(node)]
        if isinstance(node, ast.Subscript) and ast.unparse(node) in self.names:
            return self.names[ast.unparse(node)]
        if None in parts:
            return None
        return self._of_parts(node, parts)

    def _of_parts(self, node: ast.expr, parts: list[Value]) -> Value:
        if isinstance(node, ast.BinOp):
            function = _BINARY.get(type(node.op))
            return None if function is None else _safely(function, *parts)
        if isinstance(node, ast.UnaryOp):
            return _safely(operator.not_ if isinstance(node.op, ast.Not) else operator.neg, *parts)
        if isinstance(node, ast.Compare):
            function = _COMPARED.get(type(node.ops[0])) if len(node.ops) == 1 else None
            return None if function is None else _safely(function, *parts)
        if isinstance(node, ast.BoolOp):
            return all(parts) if isinstance(node.op, ast.And) else any(parts)
        if isinstance(node, ast.Tuple | ast.List):
            return tuple(parts)
        if isinstance(node, ast.Subscript):
            return _safely(operator.getitem, parts[0], int(parts[1]) if isinstance(parts[1], float) else parts[1])
        return self._called(node, parts) if isinstance(node, ast.Call) else None

    @staticmethod
    def _called(node: ast.Call, parts: list[Value]) -> Value:
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name in _SAYS_NOTHING:
            return parts[0] if parts else None
        words = [keyword.arg for keyword in node.keywords]
        if name not in _FUNCTIONS or any(word not in ("min", "max") for word in words):
            return None
        if name in ("clamp", "clip") and words:
            low, high = (
                parts[len(parts) - len(words) + words.index(w)] if w in words else None for w in ("min", "max")
            )
            ends = (-math.inf if low is None else low, math.inf if high is None else high)
            return _safely(_clamp, parts[0], *ends)
        return None if words else _safely(_FUNCTIONS[name], *parts)


def _operands(node: ast.expr) -> list[ast.expr]:
    """What it is made of, in the order that its operator or function takes them."""
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.UnaryOp):
        return [node.operand]
    if isinstance(node, ast.Compare):
        return [node.left, *node.comparators]
    if isinstance(node, ast.BoolOp):
        return node.values
    if isinstance(node, ast.Tuple | ast.List):
        return node.elts
    if isinstance(node, ast.Subscript):
        return [node.value, node.slice]
    if not isinstance(node, ast.Call):
        return []
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    is_method = owner is not None and not (isinstance(owner, ast.Name) and owner.id in _LIBRARIES)
    is_method = is_method and ast.unparse(owner) not in _MODULES if owner is not None else False
    own = [owner] if is_method and owner is not None else []
    if name in _SAYS_NOTHING:
        return own or node.args[:1]
    return [*own, *node.args, *(keyword.value for keyword in node.keywords)]


_LIBRARIES = frozenset({"math", "torch", "np", "numpy", "F", "dist"})
_MODULES = frozenset({"torch.nn.functional", "nn.functional", "torch.special"})


def _safely(function: Callable[..., Value], *parts: Value) -> Value:
    """None for what has no value, or one that is too long."""
    if function is operator.mod and isinstance(parts[0], str):  # `"%999999999d" % 1`
        return None
    try:
        found = _number(function(*parts))
    except (ArithmeticError, TypeError, ValueError, IndexError):
        return None
    return None if isinstance(found, complex) or (isinstance(found, str | tuple) and len(found) > _LONG) else found


def _number(value: Value) -> Value:
    """Whole numbers as floats, which are too large at some time and not slow: `10 ** 10 ** 10`."""
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return None
    return value
