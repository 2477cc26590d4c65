"""What folding knows of a value: Python constants as themselves, everything else as one of these."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Value = Any
"""A constant (str, bytes, numbers, tuple, list, dict, set, PurePosixPath) or one of the classes below."""


class CannotFold(Exception):
    """The value is not known without running the program; the message is a phrase that says why."""


class OutOfSteps(Exception):
    """Folding took more steps, or made more bytes, than one source text is given."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that could not be folded, and why."""

    why: str


class EnvironmentText(str):
    """The default of an environment variable: good enough to find a file by, not to decide a condition by."""


@dataclass(frozen=True)
class Symbol:
    """Something of the standard library or of a third party, by its full name: `lzma.decompress`.

    A call's result that is only good for its methods is a symbol too (`zlib.decompressobj()`), with its arguments.
    """

    name: str
    args: tuple[Value, ...] = ()
    kwargs: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Code:
    """What `compile` returns: text that has not run yet."""

    text: str


@dataclass(slots=True)
class ModuleValue:
    """A module object made by hand (`types.ModuleType(name)`), or a specification that names a file."""

    name: str
    path: str | None = None
    attributes: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Namespace:
    """A module object's `__dict__`: where an `exec` puts its names."""

    module: ModuleValue


@dataclass(slots=True)
class Handle:
    """An open file: what it reads, or the virtual path that it writes to."""

    data: bytes
    text: bool
    path: str | None = None
    writes: bool = False


@dataclass(frozen=True)
class Closure:
    """A function of the program: its definition and the scope it was made in."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope


@dataclass(frozen=True, slots=True)
class Method:
    """A bound method of a known value."""

    owner: Value
    name: str


@dataclass
class Scope:
    """Names and what is known of them, innermost first."""

    names: dict[str, Value] = field(default_factory=dict)
    outer: Scope | None = None

    def find(self, name: str) -> Value:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        return None

    def has(self, name: str) -> bool:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return True
            scope = scope.outer
        return False

    @property
    def top(self) -> Scope:
        scope = self
        while scope.outer is not None:
            scope = scope.outer
        return scope


@dataclass(frozen=True, slots=True)
class Origin:
    """Where text came from: a file of the folder, and the codecs it went through, the last applied first."""

    path: str | None = None
    codecs: tuple[str, ...] = ()
