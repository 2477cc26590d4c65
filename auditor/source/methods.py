"""Methods and operators on constants: the pure ones, with the size of the result known before it is made."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath

from auditor.source import library
from auditor.source.inflate import MAX_OUTPUT
from auditor.source.values import CannotFold, Value

_TEXT_METHODS = frozenset(
    {"encode", "hex", "strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "startswith", "endswith", "lower"}
    | {"upper", "swapcase", "partition", "rpartition", "find", "rfind", "index", "rindex", "count", "removeprefix"}
    | {
        "removesuffix",
        "translate",
        "replace",
        "ljust",
        "rjust",
        "center",
        "zfill",
        "isdigit",
        "title",
        "capitalize",
        "isalpha",
        "isspace",
    }
)
GROWING = frozenset({"join", "replace", "ljust", "rjust", "center", "zfill", "expandtabs", "translate", "encode"})
"""Methods of a text whose result may be longer than the text."""

_LIST_METHODS = frozenset({"append", "extend", "insert", "reverse", "pop", "index", "count", "copy", "sort", "clear"})
_WHOLE = frozenset({"index", "count", "sort"})  # go through the list, and compare what is in it
_DICT_METHODS = frozenset({"get", "items", "keys", "values", "update", "setdefault", "pop", "copy"})
_SET_METHODS = frozenset({"add", "update", "discard", "copy"})
_INT_METHODS = frozenset({"bit_length"})
_PATH_METHODS = frozenset(
    {"with_suffix", "with_name", "with_stem", "joinpath", "as_posix", "relative_to", "is_absolute"}
)
_SIMPLE_FIELD = re.compile(r"\{\w*\}")
_SIMPLE_PERCENT = re.compile(r"%[sdrx%]")


def call_method(owner: Value, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """`owner.name(...)` for a pure method of a constant; raises CannotFold for any other."""
    if isinstance(owner, (str, bytes, bytearray)):
        return _text_method(owner, name, args, kwargs)
    if isinstance(owner, bool) or owner is None:
        raise CannotFold(f"method {name} of a constant")
    if isinstance(owner, int) and name == "to_bytes":
        length = args[0] if args else kwargs.get("length", 1)
        check_size(length)
        return owner.to_bytes(*args, **kwargs)
    allowed = {list: _LIST_METHODS, dict: _DICT_METHODS, set: _SET_METHODS, int: _INT_METHODS}.get(type(owner))
    if isinstance(owner, PurePosixPath):
        allowed = _PATH_METHODS
        library.path(owner, *args)
    if isinstance(owner, tuple):
        allowed = frozenset({"index", "count"})
    if allowed is None or name not in allowed:
        raise CannotFold(f"method {name} of a {type(owner).__name__}")
    check_parts(*(args if isinstance(owner, (dict, set)) else (owner, *args) if name in _WHOLE else ()))
    if isinstance(owner, list) and name == "extend":
        check_size(len(owner) + len(library.PURE["builtins.list"](args[0])), owner)
    return getattr(owner, name)(*args, **kwargs)


def _text_method(owner: str | bytes | bytearray, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if name == "join":
        parts = [str(p) if isinstance(p, PurePosixPath) else p for p in library.PURE["builtins.list"](args[0])]
        check_size(longest(owner, name, [parts]))
        return owner.join(parts)  # type: ignore[arg-type]
    if name == "format" and isinstance(owner, str):
        if _SIMPLE_FIELD.sub("", owner.replace("{{", "").replace("}}", "")).count("{"):
            raise CannotFold("a format with a specification")
        texts = [_plain(a) for a in args]
        named = {key: _plain(a) for key, a in kwargs.items()}
        check_size((len(owner) + 1) * (1 + max(map(len, [*texts, *named.values()]), default=0)) // 2)
        return owner.format(*texts, **named)
    if "split" in name and len(owner) > library.MAX_ELEMENTS:
        raise CannotFold("splitting a text that long")
    if name not in _TEXT_METHODS or not hasattr(owner, name):
        raise CannotFold(f"method {name} of text")
    if name in GROWING:
        check_size(longest(owner, name, args))
    return getattr(owner, name)(*args, **kwargs)


def _plain(value: Value) -> str:
    """What a format field without a specification prints; its text has no attributes that could be followed."""
    if isinstance(value, (str, int, float, PurePosixPath)):
        return str(value)
    raise CannotFold("formatting an object")


def check_size(size: Value, of: Value = "") -> None:
    """Raises CannotFold where a value of this size, a text or a sequence as `of` is, is not made."""
    if isinstance(of, (list, tuple)) and size > library.MAX_ELEMENTS:
        raise CannotFold(f"a sequence of more than {library.MAX_ELEMENTS:,} elements")
    if not isinstance(size, int) or size > MAX_OUTPUT:
        raise CannotFold(f"a value of more than {MAX_OUTPUT:,} bytes")


_CONTAINERS = (list, tuple, dict, set)
_MOST_PARTS = 100_000


def check_parts(*values: Value) -> None:
    """Raises CannotFold where what goes through whole values, as `==`, `hash` and `sorted` do, has no end.

    A tuple of itself and itself, sixty times, is sixty tuples; and 2 ** 60 to whoever goes through them.
    """
    waiting = [value for value in values if isinstance(value, _CONTAINERS)]
    left = _MOST_PARTS
    while waiting:
        value = waiting.pop()
        left -= 1
        if left < 0:
            raise CannotFold(f"a value of more than {_MOST_PARTS:,} parts")
        waiting += [inner for inner in value if isinstance(inner, _CONTAINERS)]
        if isinstance(value, dict):
            waiting += [inner for inner in value.values() if isinstance(inner, _CONTAINERS)]


def size(value: Value) -> int:
    """Bytes that a value takes, what it refers to left out."""
    if isinstance(value, (str, bytes, bytearray)):
        return len(value)
    if isinstance(value, (list, tuple, dict, set)):
        return 8 * len(value)
    return value.bit_length() // 8 if isinstance(value, int) else 0


def longest(owner: Value, name: str, args: Sequence[Value]) -> int:
    """The most characters that a method of a text (or bytes) with these arguments could give, before it is called."""
    if name == "join":
        return sum(map(len, args[0])) + len(owner) * len(args[0])
    if name == "replace":
        times: int = owner.count(args[0]) if args[0] else len(owner) + 1
        return len(owner) + times * max(0, len(args[1]) - len(args[0]))
    if name in ("ljust", "rjust", "center", "zfill"):
        return max(len(owner), args[0]) if isinstance(args[0], int) else len(owner)
    if name == "expandtabs":
        width: int = args[0] if args and isinstance(args[0], int) else 8
        tabs: int = owner.count("\t" if isinstance(owner, str) else b"\t")
        return len(owner) + max(0, width) * tabs
    if name == "translate" and args and isinstance(args[0], dict):
        return len(owner) * max([1, *(len(text) for text in args[0].values() if isinstance(text, str))])
    return 4 * len(owner) + 4  # encodings, case: the longest of a character


_SAFE_OPERATORS: Mapping[type[ast.operator], Callable[[Value, Value], Value]] = {
    ast.Sub: operator.sub,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.RShift: operator.rshift,
}
_HEAVY_OPERATORS: Mapping[type[ast.operator], Callable[[Value, Value], Value]] = {
    ast.Mod: operator.mod,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv,
    ast.LShift: operator.lshift,
    ast.Pow: operator.pow,
}
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Value, Value], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_MOST_BITS = 100_000  # of numbers that are multiplied or divided, which takes their square of time
_SEQUENCES = (str, bytes, bytearray, list, tuple)


def binary(kind: ast.operator, left: Value, right: Value) -> Value:
    """`left <op> right` on constants."""
    if isinstance(left, PurePosixPath) and isinstance(kind, ast.Div):
        return library.path(left, right)
    if isinstance(kind, ast.Add):
        if isinstance(left, _SEQUENCES):
            check_size(len(left) + len(right), left)
        return _numbers_or(_SEQUENCES, operator.add, left, right)
    if isinstance(kind, ast.Mult):
        if isinstance(left, int) and isinstance(right, _SEQUENCES):
            left, right = right, left
        if isinstance(left, _SEQUENCES):
            check_size(len(left) * max(0, right), left)
        elif isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > _MOST_BITS:
            raise CannotFold("a product of huge numbers")
        return _numbers_or(_SEQUENCES, operator.mul, left, right)
    if isinstance(kind, ast.Mod) and isinstance(left, str):
        return _percent(left, right)
    if type(kind) in _SAFE_OPERATORS:
        return _numbers_or((dict, set), _SAFE_OPERATORS[type(kind)], left, right)
    if type(kind) in _HEAVY_OPERATORS and isinstance(left, (int, float)) and isinstance(right, (int, float)):
        if any(isinstance(side, int) and side.bit_length() > _MOST_BITS for side in (left, right)):
            raise CannotFold("a division of huge numbers")
        if isinstance(kind, (ast.Pow, ast.LShift)) and (abs(right) > 4096 or abs(left) > 1 << 64):
            raise CannotFold("a huge number")
        return _HEAVY_OPERATORS[type(kind)](left, right)
    raise CannotFold("an operator on values that are not constants")


def _numbers_or(kinds: tuple[type, ...], function: Callable[[Value, Value], Value], left: Value, right: Value) -> Value:
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return function(left, right)
    if isinstance(left, kinds) and isinstance(right, (*kinds, int)):
        return function(left, right)
    raise CannotFold("an operator on values that are not constants")


def _percent(template: str, values: Value) -> str:
    items = values if isinstance(values, tuple) else (values,)
    if _SIMPLE_PERCENT.sub("", template).count("%"):
        raise CannotFold("a format with a specification")
    texts = tuple(i if isinstance(i, int) else _plain(i) for i in items)
    check_size(len(template) + sum(len(str(t)) for t in texts))
    return template % texts


def compare(kind: ast.cmpop, left: Value, right: Value) -> bool:
    check_parts(left, right)
    return bool(_COMPARISONS[type(kind)](left, right))
