"""Fast looks at a text and its tree: which statements there are, and whether a name occurs at all."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
_SPAWNERS = ("subprocess", "os.system", "os.exec", "os.popen", "os.spawn", "os.posix_spawn", "Popen")
_SKELETON = re.compile(
    r"#[^\n]*|[rRbBuUfF]{0,2}(?:\"\"\"[^\"\\]*(?:(?:\\.|\"(?!\"\"))[^\"\\]*)*\"\"\"|'''[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'''"
    r"|\"[^\"\\\n]*(?:\\.[^\"\\\n]*)*\"|'[^'\\\n]*(?:\\.[^'\\\n]*)*')",
    re.DOTALL,
)


class _Fields(dict[type[ast.AST], tuple[str, ...]]):
    """By class of node, as it is asked for: a table, as every node of every tree comes by."""

    def __missing__(self, kind: type[ast.AST]) -> tuple[str, ...]:
        found = self[kind] = tuple(name for name in reversed(kind._fields) if name not in _PLAIN)
        return found


_PLAIN = frozenset(
    {"ctx", "op", "ops", "id", "attr", "kind", "type_comment", "level", "module", "asname", "simple", "conversion"}
    | {"is_async", "type_ignores"}
)
INDEXED: Final = "_indexed"  # where a node stands in its tree
WRITTEN: Final = "_written"  # a node's text
CALLED: Final = "_called"  # what a call calls of a library
LIBRARIES, OWN_NAMES, NUMBERS = "_libraries", "_own_names", "_named_numbers"
NOTES: Final = (LIBRARIES, OWN_NAMES, NUMBERS)
"""What is noted down at nodes, those in NOTES at the root alone: it is kept as long as they are."""

FIELDS: Final = _Fields({ast.Constant: ()})
"""The fields that may hold nodes with a place of their own, the last first. The parser makes one node for each operator
and each context, and uses it everywhere."""


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Every statement (and handler, and match case), in the order of the text; expressions are not entered."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        yield node
        for name in reversed(_BLOCKS):
            block = getattr(node, name, None)
            if isinstance(block, list):
                stack.extend(reversed(block))


def nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node that has a place, in no order that means anything; several times as fast as `ast.walk`."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        yield node
        held = node.__dict__
        for name in FIELDS[type(node)]:
            value = held.get(name)
            if isinstance(value, ast.AST):
                stack.append(value)
            elif value and isinstance(value, list):
                stack += [item for item in value if isinstance(item, ast.AST)]


def occurrences(text: str, word: str) -> Iterator[int]:
    """Where `word` stands as a name of its own."""
    at = text.find(word)
    while at >= 0:
        end = at + len(word)
        if not _in_name(text[at - 1 : at]) and not _in_name(text[end : end + 1]):
            yield at
        at = text.find(word, end)


def _in_name(character: str) -> bool:
    return character.isalnum() or character == "_"


def spawns(text: str) -> bool:
    """Whether the text mentions a way of starting processes."""
    return any(word in text for word in _SPAWNERS)


@lru_cache(maxsize=4)  # two questions are asked of each text, one after the other
def code_only(text: str) -> str:
    """The text with its string literals emptied and its comments gone; approximate for f-strings within f-strings."""
    return _SKELETON.sub('""', text)
