"""What a script does to the text of scored tokens before it measures how many bytes that has."""

from __future__ import annotations

from collections.abc import Sequence

from auditor.program import vocabulary
from auditor.program.interpreter.scoring.recipes import node_of
from auditor.program.recipe.model import What
from auditor.program.values import Value

_SAME_LENGTH = frozenset({"utf8", "u8", "utf", "cp65001"})


def changed(method: str, given: Sequence[Value]) -> bool:
    """Whether a method of a text gives one that may have another number of bytes than it has in UTF-8."""
    if method != "encode":
        return method in vocabulary.RESIZES_TEXT
    encoding = given[0] if given else Value(const="utf-8")
    named = encoding.const if isinstance(encoding.const, str) else ""
    return named.lower().replace("-", "").replace("_", "") not in _SAME_LENGTH


def joined(receiver: Value, given: Sequence[Value]) -> bool:
    """`" ".join(texts)`: something stands between the texts of tokens."""
    texts = [node for value in given if (node := node_of(value)) is not None and node.what is What.PIECE]
    return bool(texts) and receiver.const != ""


def encoded_otherwise(function: str, given: Sequence[Value]) -> bool:
    """`bytes(text, "utf-32")`"""
    texts = given and (node := node_of(given[0])) is not None and node.what is What.PIECE and node.text == "text"
    return bool(texts) and function in ("bytes", "bytearray") and changed("encode", given[1:])
