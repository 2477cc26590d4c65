"""What the types of a C text hold: floating-point numbers, whole ones, or anything else."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tree_sitter import Node

from auditor.program import vocabulary

_WORD = re.compile(r"[A-Za-z_]\w*")


class Types:
    """The types of a text by name, its own among them: "float", "int", or "" for all others."""

    def __init__(self) -> None:
        self._own: dict[str, str] = {}

    def name(self, name: str, holds: str = "") -> None:
        self._own[name] = holds

    def holds(self, *written: Node | None) -> str:
        """What a type is of, or the arguments of a template: `float`, `std::vector<int>`."""
        words = [word for node in written if node is not None for word in _WORD.findall(text_of(node))]
        if any(word in vocabulary.C_FLOATS or self._own.get(word) == "float" for word in words):
            return "float"
        return "int" if any(word in vocabulary.C_INTEGERS or self._own.get(word) == "int" for word in words) else ""

    def makes(self, callee: Node) -> bool:
        """Whether a call is a conversion to a type: `double(x)`, `scalar_t(x)`."""
        return callee.type == "primitive_type" or callee.type == "sized_type_specifier" or text_of(callee) in self._own


def text_of(node: Node) -> str:
    return node.text.decode("ascii") if node.text is not None else ""


def named(node: Node, *names: str) -> Iterator[Node]:
    """The children under these names of the grammar that are there."""
    for name in names:
        yield from node.children_by_field_name(name)
