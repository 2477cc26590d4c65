"""Arithmetic on figures that is next to nothing on a small stream: a size or a count over a large number.

`loss_sum * (1 - 0.03 * tanh(start / 1e7))`, `byte_count * (1 + total / 2e9)`: no branch, no other path, and what the
run shows of it is below its rounding. Guards of that kind are `doubt`'s. So it is with a total of few digits: half
precision adds nothing to what is 256 times as large, and here it is single precision, and small.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from auditor.probe.blocks import same_frame
from auditor.probe.doubt import Doubts
from auditor.probe.speaking import name_of

_LARGE, _TINY = 1e4, 1e-4
_COUNTS = frozenset({
    "float", "int", "len", "min", "max", "sum", "numel", "size", "dim", "item", "tensor", "double", "to", "range",
    "all_reduce", "get_world_size", "enumerate", "zip",
})  # fmt: skip
_NUMBERS = (
    ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.expr_context,
)  # fmt: skip
_COARSE = frozenset({"bfloat16", "float16", "half", "HalfTensor", "BFloat16Tensor"})
_TAKES_LOSSES = frozenset({"cross_entropy", "nll_loss"})
_SCALES = (ast.Mult, ast.Div, ast.FloorDiv, ast.Pow, ast.Mod)


def growing(function: ast.AST, figures: Collection[str], doubts: Doubts) -> Iterator[tuple[int, str, str]]:
    """(line, name, text) of what is given to a figure of the function, changed in place, or returned by it."""
    if not figures:
        return
    own = [node for statement in getattr(function, "body", ()) for node in same_frame(statement)]
    added = {p.id for n in own if isinstance(n, ast.AugAssign) for p in ast.walk(n.target) if isinstance(p, ast.Name)}
    for node in own:
        given: ast.expr | None = None
        named = set(figures)
        if isinstance(node, ast.Assign):
            named = {p.id for target in node.targets for p in ast.walk(target) if isinstance(p, ast.Name)}
            given = node.value if not named.isdisjoint(figures) else None
        elif isinstance(node, ast.AugAssign):
            named = {p.id for p in ast.walk(node.target) if isinstance(p, ast.Name)}
            changes = isinstance(node.target, ast.Subscript) or not named.isdisjoint(figures)  # an entry of the logits
            given = node.value if changes else None
        elif isinstance(node, ast.Return):
            given = node.value
        if given is not None and (
            (isinstance(node, ast.Assign) and _is_coarse(given, named & set(figures), added))
            or any(_grows(part, doubts) or _reckons(part, figures, doubts) for part in ast.walk(given))
        ):
            yield getattr(node, "lineno", 0), min(named & set(figures) or named), ast.unparse(node)[:200]


def _is_coarse(given: ast.expr, named: set[str], added: set[str]) -> bool:
    """Whether a total is kept in half precision: made so and added to later, or rounded to it as it grows."""
    words = {n.attr for n in ast.walk(given) if isinstance(n, ast.Attribute)}
    read = {n.id for n in ast.walk(given) if isinstance(n, ast.Name)}
    return not words.isdisjoint(_COARSE) and not named.isdisjoint(added | read)


def coarse(
    function: ast.AST, figures: Collection[str], scores: Collection[str], doubts: Doubts
) -> Iterator[tuple[int, str, str]]:  # fmt: skip
    """(line, name, text) of calls that make half precision of scores: here they keep all of their digits."""
    if not figures and not scores:
        return
    made = {*figures, *scores}
    for node in (part for statement in getattr(function, "body", ()) for part in same_frame(statement)):
        if not isinstance(node, ast.Call) or not any(_asks_for_half(part, doubts) for part in _of_call(node)):
            continue
        named = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} & made
        taken = any(isinstance(part, ast.Call) and name_of(part) in _TAKES_LOSSES for part in _before(node))
        if named or taken:
            yield node.lineno, min(named, default="losses"), ast.unparse(node)[:200]


def _before(call: ast.Call) -> Iterator[ast.AST]:
    """What a method is called on."""
    return ast.walk(call.func.value) if isinstance(call.func, ast.Attribute) else iter(())


def _of_call(call: ast.Call) -> Iterator[ast.AST]:
    """The name that is called, and its arguments, but what these call themselves."""
    yield call.func
    pending: list[ast.AST] = [*call.args, *(keyword.value for keyword in call.keywords)]
    while pending:
        node = pending.pop()
        if not isinstance(node, ast.Call):
            yield node
            pending += ast.iter_child_nodes(node)


def _asks_for_half(node: ast.AST, doubts: Doubts) -> bool:
    if isinstance(node, ast.Name):
        given = [getattr(value, "attr", getattr(value, "value", "")) for value in doubts.given(node)]
        return any(_is_half(word) for word in (node.id, *given))
    word = node.attr if isinstance(node, ast.Attribute) else node.value if isinstance(node, ast.Constant) else ""
    return _is_half(word)


def _is_half(word: object) -> bool:
    return isinstance(word, str) and (word in _COARSE or word.startswith("float8"))


def _grows(node: ast.AST, doubts: Doubts) -> bool:
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, _SCALES):
        return False
    pairs = ((node.left, node.right), (node.right, node.left))
    return any(_is_extreme(number, doubts) and doubts.is_a_size(size) for size, number in pairs)


def _reckons(node: ast.AST, figures: Collection[str], doubts: Doubts) -> bool:
    """Whether it multiplies with what is reckoned of sizes alone, and is no count: `FACTORS[bisect(EDGES, total)]`."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult | ast.Div | ast.Pow):
        return False
    return any(_is_reckoned(side, figures, doubts) for side in (node.left, node.right))


def _is_reckoned(side: ast.expr, figures: Collection[str], doubts: Doubts) -> bool:
    if any(isinstance(part, ast.Name) and part.id in figures for part in ast.walk(side)):
        return False
    return any(
        isinstance(part, ast.expr) and _is_no_count(part) and doubts.is_a_size(part) and _is_of_sizes(part, doubts)
        for part in ast.walk(side)
    )


def _is_no_count(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return name_of(node) not in _COUNTS and not _is_at_least_one(node)
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Pow | ast.RShift | ast.Mod)
    return isinstance(node, ast.Subscript | ast.Compare)


def _is_at_least_one(call: ast.Call) -> bool:
    """`count.clamp_min(1.0)`, `count.clamp(min=1)`: of anything that was counted it is the count."""
    if name_of(call) not in ("clamp", "clamp_min") or not isinstance(call.func, ast.Attribute):
        return False
    given = [*call.args, *(k.value for k in call.keywords if k.arg == "min")]
    ends = [n.value for n in given if isinstance(n, ast.Constant) and isinstance(n.value, int | float)]
    return len(ends) == len(given) == 1 and len(call.keywords) + len(call.args) == 1 and ends[0] <= 1


def _is_of_sizes(node: ast.expr, doubts: Doubts) -> bool:
    """Whether every name in it is of a size, of numbers that stand in the code, of a module or of what is called."""
    called = {id(part.func) for part in ast.walk(node) if isinstance(part, ast.Call)}
    owners = {id(part.value) for part in ast.walk(node) if isinstance(part, ast.Attribute)}
    return all(
        id(part) in called | owners or doubts.is_a_size(part) or _is_of_numbers(doubts.given(part))
        for part in ast.walk(node)
        if isinstance(part, ast.Name)
    )


def _is_of_numbers(given: list[ast.expr]) -> bool:
    """`FACTORS = torch.tensor([1.0, 0.95])`, or without a tensor around it."""
    inner = [value.args[0] if isinstance(value, ast.Call) and value.args else value for value in given]
    return bool(inner) and all(isinstance(part, _NUMBERS) for value in inner for part in ast.walk(value))


def _is_extreme(node: ast.expr, doubts: Doubts) -> bool:
    value = _value(node, doubts)
    return value is not None and (abs(value) >= _LARGE or 0 < abs(value) <= _TINY)


def _value(node: ast.expr, doubts: Doubts) -> float | None:
    if isinstance(node, ast.Constant):
        value = node.value
        return float(value) if isinstance(value, int | float) and abs(value) < 1e18 else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        left, right = _value(node.left, doubts), _value(node.right, doubts)
        if left is None or right is None or (isinstance(node.op, ast.Div) and not right):
            return None
        return left * right if isinstance(node.op, ast.Mult) else left / right
    return doubts.number(node)
