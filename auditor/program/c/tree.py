"""Tokens and trees of C, C++ and CUDA texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|/\*(?:.*?\*/|.*))
    |(?P<directive>\#(?:\\\n|[^\n])*)
    |(?P<string>(?:L|u8|u|U)?"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    |(?P<number>(?:0[xX][\da-fA-F']+|(?:\d[\d']*\.?[\d']*|\.\d+)(?:[eE][-+]?\d+)?)[uUlLfF]*)
    |(?P<name>[A-Za-z_]\w*)
    |(?P<sign><<=|>>=|\.\.\.|->|\+\+|--|&&|\|\||::|<<|>>|[-+*/%&|^<>=!]=|.)""",
    re.DOTALL | re.VERBOSE,
)
_DEFINED = re.compile(r"#\s*define\s+([A-Za-z_]\w*)(?:\(([\w\s,.]*)\))?[ \t]*")


@dataclass(frozen=True, slots=True)
class Token:
    """`kind`: name, number, string or sign. `at`: the character at which it starts."""

    kind: str
    text: str
    at: int


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


@dataclass(frozen=True, slots=True)
class Macro:
    name: str
    parameters: tuple[str, ...] | None
    body: tuple[Token, ...]


def tokens_of(text: str, start: int = 0, end: int | None = None) -> tuple[list[Token], list[Macro]]:
    """The tokens between two characters, and the macros that are defined there; comments are left out."""
    found: list[Token] = []
    macros: list[Macro] = []
    for match in _TOKEN.finditer(text, start, len(text) if end is None else end):
        kind = match.lastgroup or ""
        if kind == "directive":
            defined = _DEFINED.match(text, match.start(), match.end())
            if defined is not None:
                body, _ = tokens_of(text, defined.end(), match.end())
                given = defined[2]
                names = None if given is None else tuple(n.strip() for n in given.split(",") if n.strip())
                macros.append(Macro(defined[1], names, tuple(t for t in body if t.text != "\\")))
        elif kind != "skip":
            found.append(Token(kind, match.group(), match.start()))
    return found, macros
