"""What a C, C++ or CUDA text says, as trees that are plainer than those of the grammar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Tree:
    """An expression or a statement. `at`: the character at which it starts, from 0.

    Expressions: number, string, name, call, index, member, prefix, postfix, binary, assign, choose, cast, list,
    lambda. Statements: block, if, loop, declare, expression, return, break, continue. `text` is the operator, name or
    number; of a cast or declaration `type` is what it makes: "float", "int" or "".
    """

    kind: str
    at: int
    text: str = ""
    parts: tuple[Tree, ...] = ()
    type: str = ""

    def walk(self) -> Iterator[Tree]:
        waiting = [self]
        while waiting:
            tree = waiting.pop()
            yield tree
            waiting += reversed(tree.parts)


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    type: str
    reference: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A function, a method (`owner` is its class) or a macro with arguments."""

    name: str
    owner: str
    parameters: tuple[Parameter, ...]
    body: Tree


@dataclass(slots=True)
class Text:
    """What a text defines. `fields`: of each class, what its members hold. `unread`: where something was no C."""

    functions: list[Function] = field(default_factory=list)
    globals: list[Tree] = field(default_factory=list)
    fields: dict[str, dict[str, str]] = field(default_factory=dict)
    unread: list[int] = field(default_factory=list)
