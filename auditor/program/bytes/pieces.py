"""Sample pieces of a vocabulary, and a script's statements worked out for one of them.

The one evaluator of constant expressions runs the statements; here are only the answers that a tokenizer gives for the
sample. Nothing of the script runs. What is stored in a table is kept under the table's name; where that depends on
something unknown, the stored value is unknown too.
"""

from __future__ import annotations

import ast
import html
import json
import re
import unicodedata
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from auditor.program import vocabulary
from auditor.program.syntax import last_name
from auditor.source.files import Files
from auditor.source.statements import Walker
from auditor.source.values import CannotFold, Method, OutOfSteps, Scope, Symbol, Unknown, Value

SPACE = "▁"
_STEPS = 4_000  # statements and expressions worked out per sample

PieceKind = Literal[
    "word", "longer", "letter", "quoted", "spaced", "accented", "foreign", "byte", "control", "unknown", "unused"
]


@dataclass(frozen=True, slots=True)
class Piece:
    """One sample. `width`: bytes of the text that it stands for, without the leading space; `decoded`: that text."""

    kind: PieceKind
    text: str
    width: int
    decoded: str


SENTENCEPIECE = (
    Piece("word", "cat", 3, "cat"),
    Piece("longer", "zebra", 5, "zebra"),
    Piece("letter", "e", 1, "e"),
    Piece("quoted", "\\'&", 3, "\\'&"),
    Piece("spaced", SPACE + "cat", 3, "cat"),  # decoding drops the space in front of the first word
    Piece("accented", "café", 5, "café"),
    Piece("foreign", "日本", 6, "日本"),
    Piece("byte", "<0xE2>", 1, "\ufffd"),
    Piece("control", "<s>", 0, ""),
    Piece("unknown", "<unk>", 0, " \u2047 "),
    Piece("unused", "<spare>", 0, "<spare>"),
)
# Byte-level BPE spells every byte as one printable character, the space as U+0120.
BYTE_LEVEL = (
    Piece("word", "cat", 3, "cat"),
    Piece("longer", "zebra", 5, "zebra"),
    Piece("letter", "e", 1, "e"),
    Piece("quoted", "\\'&", 3, "\\'&"),
    Piece("spaced", "\u0120cat", 3, " cat"),
    Piece("accented", "cafÃ©", 5, "café"),
    Piece("foreign", "æĹ¥æľ¬", 6, "日本"),
    Piece("byte", "â", 1, "\ufffd"),
    Piece("control", "<|endoftext|>", 0, ""),
)
PIECES = Symbol("every piece")  # a list of pieces, as `[sp.id_to_piece(i) for i in range(n)]` makes it

_KINDS: dict[str, PieceKind] = {
    "is_control": "control",
    "is_unknown": "unknown",
    "is_unused": "unused",
    "is_byte": "byte",
}
_LONGEST_PATTERN = 200  # characters; samples are shorter than ten, so that no pattern takes long on one


def _replaced(pattern: str, by: str, text: str, count: int = 0) -> str:
    return re.sub(pattern, by, text, count=count)


# What scripts do to a piece before they measure it, beside the methods that every text has.
_OF_TEXT: Mapping[str, Callable[..., str]] = {
    "re.sub": _replaced,
    "regex.sub": _replaced,
    "unicodedata.normalize": lambda form, text: unicodedata.normalize(form, text),
    "urllib.parse.quote": lambda text, safe="/": urllib.parse.quote(text, safe),
    "urllib.parse.quote_plus": lambda text, safe="": urllib.parse.quote_plus(text, safe),
    "html.escape": lambda text, quote=True: html.escape(text, quote),
    "json.dumps": lambda text, ensure_ascii=True: json.dumps(text, ensure_ascii=ensure_ascii),
    "builtins.repr": lambda text: repr(text),
    "builtins.ascii": lambda text: ascii(text),
}
_TABLE = "[]"  # what a table's name begins with among the names: no name of Python's
_IDS: dict[str, PieceKind] = {"bos_id": "control", "eos_id": "control", "unk_id": "unknown"}


@dataclass(frozen=True, slots=True)
class Stored:
    """What a table holds for the sample, and the line that stores it (0: what the table was made with)."""

    value: Value
    line: int


class _Id(int):
    """The id of the sample: within whatever bounds the vocabulary has."""


@lru_cache(maxsize=4096)  # the same few hundred names are called all over a script
def snake(name: str) -> str:
    return "".join("_" + c.lower() if c.isupper() and i else c.lower() for i, c in enumerate(name))


def names_piece(node: ast.AST) -> bool:
    """Whether a node asks a tokenizer for one piece: by its id, or by decoding that id alone."""
    if not isinstance(node, ast.Call):
        return False
    name = snake(last_name(node.func))
    return name in vocabulary.GIVES_TEXT or (
        name in vocabulary.DECODES and len(node.args) == 1 and _alone(node.args[0])
    )


def _alone(node: ast.expr) -> bool:
    return isinstance(node, ast.List) and len(node.elts) == 1 and not isinstance(node.elts[0], ast.Starred)


class Sampled(Walker):
    """Works out statements for one sample of a vocabulary."""

    def __init__(self, piece: Piece, vocabulary: tuple[Piece, ...], scope: Scope) -> None:
        super().__init__(Files({}), "", scope, frozenset())
        self.piece = piece
        self.ids = {sample.kind: _Id(at) for at, sample in reversed(list(enumerate(vocabulary)))}

    @property
    def own_id(self) -> int:
        return self.ids[self.piece.kind]

    def block(self, body: list[ast.stmt], scope: Scope) -> None:  # type: ignore[override]
        if self.steps > _STEPS:
            raise OutOfSteps
        super().block(body, scope)

    def fold(self, node: ast.expr, scope: Scope) -> Value:
        if isinstance(node, ast.Call):
            answer = self._answered(node, scope)
            if answer is not None:
                return answer[0]
        elif isinstance(node, ast.Compare):
            bounded = self._within(node, scope)
            if bounded is not None:
                return bounded
        elif isinstance(node, ast.BoolOp):
            return self._either(node, scope)
        elif isinstance(node, ast.Subscript):
            held = self.scope.names.get(_TABLE + last_name(node.value))
            if held is not None:
                return self._sure(held.value if isinstance(held, Stored) else held)
            if self.known(node.value, scope) == PIECES:
                return self.piece.text
        return super().fold(node, scope)

    @staticmethod
    def _sure(value: Value) -> Value:
        if isinstance(value, Unknown):
            raise CannotFold(value.why)
        return value

    def _answered(self, node: ast.Call, scope: Scope) -> tuple[Value] | None:
        """What the tokenizer says of the sample, and calls that put something into a table."""
        name = snake(last_name(node.func))
        if names_piece(node):
            text = self.piece.text if name in vocabulary.GIVES_TEXT else self.piece.decoded
            listed = name in vocabulary.GIVES_TEXT and node.args and _alone(node.args[0])
            return ([text] if listed else text,)
        if name in _KINDS:
            return (self.piece.kind == _KINDS[name],)
        if name in _IDS and not node.args:
            return (self.ids.get(_IDS[name], -1),)
        if name == "hasattr":
            return (True,)
        if isinstance(node.func, ast.Attribute) and name in {"append", "extend"} and len(node.args) == 1:
            return self._appended(node.func.value, node.args[0], scope)
        if name in {"int", "float"} and len(node.args) == 1:
            value = self.fold(node.args[0], scope)
            return (value,) if isinstance(value, _Id) else None
        if name == "item" and isinstance(node.func, ast.Attribute) and not node.args:
            return (self.fold(node.func.value, scope),)
        function = self._named(node.func, scope)
        return (self._rewritten(function, node, scope),) if function in _OF_TEXT else None

    def _named(self, function: ast.expr, scope: Scope) -> str:
        """The full name of a library's function, "" of any other."""
        if isinstance(function, ast.Name) and not scope.has(function.id):
            return f"builtins.{function.id}"
        known = self.known(function, scope)
        return known.name if isinstance(known, Symbol) else ""

    def _rewritten(self, name: str, node: ast.Call, scope: Scope) -> str:
        given = [self.fold(argument, scope) for argument in node.args]
        named = {keyword.arg or "": self.fold(keyword.value, scope) for keyword in node.keywords}
        if any(not isinstance(v, str | int) or len(str(v)) > _LONGEST_PATTERN for v in (*given, *named.values())):
            raise CannotFold(f"{name} of something else than short texts")
        try:
            return _OF_TEXT[name](*given, **named)
        except (TypeError, ValueError, re.error, OverflowError, RecursionError) as error:
            raise CannotFold(f"{name}: {error}") from None

    def _appended(self, owner: ast.expr, item: ast.expr, scope: Scope) -> tuple[Value] | None:
        """What is appended to a list of the script's own is for folding; what is not known is taken for a table."""
        if not isinstance(self.known(owner, scope), Unknown | Symbol | Method):
            return None
        self.put(last_name(owner), self.known(item, scope), item.lineno)
        return (None,)

    def _within(self, node: ast.Compare, scope: Scope) -> bool | None:
        """Bounds like `i < vocab_size` hold for every sample."""
        if len(node.ops) != 1:
            return None
        left, right = self.known(node.left, scope), self.known(node.comparators[0], scope)
        if isinstance(left, Unknown) and isinstance(right, _Id):
            return isinstance(node.ops[0], ast.Gt | ast.GtE | ast.NotEq)
        if isinstance(left, _Id) and isinstance(right, Unknown):
            return isinstance(node.ops[0], ast.Lt | ast.LtE | ast.NotEq | ast.NotIn)
        return None

    def _either(self, node: ast.BoolOp, scope: Scope) -> Value:
        """Three-valued: an operand that is not known matters only where the others do not decide."""
        decisive = isinstance(node.op, ast.Or)
        value: Value = not decisive
        unknown: Unknown | None = None
        for part in node.values:
            value = self.known(part, scope)
            if isinstance(value, Unknown):
                unknown = value
            elif self.truth(value) is decisive:
                return value
        return self._sure(unknown or value)

    def _store(self, target: ast.expr, value: Value, scope: Scope) -> None:
        self.bind(target, value, scope)

    def bind(self, target: ast.expr, value: Value, scope: Scope) -> None:
        if isinstance(target, ast.Subscript):
            self.put(last_name(target.value), value, target.lineno)
        elif not isinstance(target, ast.Attribute):
            super().bind(target, value, scope)

    def put(self, table: str, value: Value, line: int) -> None:
        """Keep what is stored in a table; among the names, so that ways on which it differs make it unknown."""
        self.scope.names[_TABLE + table] = Stored(value, line)

    @property
    def tables(self) -> dict[str, Stored | Unknown]:
        return {name[len(_TABLE) :]: value for name, value in self.scope.names.items() if name.startswith(_TABLE)}
