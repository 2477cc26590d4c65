"""Calls that read a variable of the environment: of the library, and of functions of the program that pass it on."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from auditor.source.index import of_type

_MODULE_READS = ("environ.get", "getenv")
_PASSES = 3  # functions that pass a variable's name on to each other


@dataclass(frozen=True, slots=True)
class Reader:
    """Which argument of a function is the variable's name, and which its default; `named`: the default's name."""

    key: int = 0
    default: int | None = 1
    named: str = "default"


_LIBRARY = Reader()
Readers = Mapping[str, Reader]


def readers(trees: Iterable[ast.Module]) -> Readers:
    """The functions of these modules that give what the environment holds under a name that they are given."""
    return _readers(tuple(trees))


@lru_cache(maxsize=2)  # what the settings and what the branches are asked of are the same modules
def _readers(trees: tuple[ast.Module, ...]) -> Readers:
    found: dict[str, Reader] = {}
    for tree in trees:
        for statement in of_type(tree, ast.ImportFrom):
            for alias in statement.names if statement.module == "os" else ():
                spelled = alias.asname or alias.name
                if alias.name in ("environ", "getenv"):
                    found[spelled if alias.name == "getenv" else f"{spelled}.get"] = _LIBRARY
    for _ in range(_PASSES):
        before = len(found)
        for tree in trees:
            _extend(found, tree)
        if len(found) == before:
            break
    return found


def read_by(call: ast.Call, known: Readers) -> tuple[str, ast.expr | None] | None:
    """(NAME, default) of a call that reads a variable of a name that is written there."""
    reader = _reader(call, known)
    if reader is None or reader.key >= len(call.args):
        return None
    key = call.args[reader.key]
    if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
        return None
    return key.value, _default(call, reader)


def _default(call: ast.Call, reader: Reader) -> ast.expr | None:
    by_name = next((k.value for k in call.keywords if k.arg == reader.named), None)
    if by_name is not None or reader.default is None:
        return by_name
    return call.args[reader.default] if reader.default < len(call.args) else None


def _reader(call: ast.Call, known: Readers) -> Reader | None:
    function = call.func
    last = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if last != "get" and last not in known and not last.endswith("getenv"):
        return None  # as nearly every call
    name = _dotted(function)
    if name.endswith(_MODULE_READS):
        return _LIBRARY
    return known.get(name) or known.get(name.rsplit(".", 1)[-1])


def _extend(found: dict[str, Reader], tree: ast.Module) -> None:
    for node in of_type(tree, ast.Assign, ast.FunctionDef):
        if isinstance(node, ast.FunctionDef):
            reader = _passing(node.args, node, found)
            name = node.name
        else:
            target = node.targets[0]
            name = target.id if isinstance(target, ast.Name) and len(node.targets) == 1 else ""
            value = node.value
            if isinstance(value, ast.Lambda):
                reader = _passing(value.args, value, found)
            else:  # e = os.environ.get
                aliased = _dotted(value)
                reader = _LIBRARY if aliased.endswith(_MODULE_READS) else found.get(aliased)
        if name and reader is not None:
            found.setdefault(name, reader)


def _passing(arguments: ast.arguments, function: ast.AST, known: Readers) -> Reader | None:
    """How a function reads a variable whose name it is given."""
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    method = names[:1] in (["self"], ["cls"])
    own = names[1:] if method else names
    for call in of_type(function, ast.Call):
        reader = _reader(call, known)
        if reader is not None and _hands_on(call, arguments):
            beside = len(own)  # what is handed on is counted from behind these
            default = None if reader.default is None else reader.default + beside
            return Reader(reader.key + beside, default, reader.named)
        if reader is not None and reader.key < len(call.args):
            made = _placed(call.args[reader.key], _default(call, reader), own)
            if made is not None:
                return made
    for read in of_type(function, ast.Subscript):  # os.environ[name]
        if _dotted(read.value).endswith("environ"):
            made = _placed(read.slice, None, own)
            if made is not None:
                return made
    return None


def _hands_on(call: ast.Call, arguments: ast.arguments) -> bool:
    """`def read(*given, **named): return env(*given, **named)`."""
    first = call.args[0] if call.args else None
    given = first.value if isinstance(first, ast.Starred) else None
    return isinstance(given, ast.Name) and arguments.vararg is not None and given.id == arguments.vararg.arg


def _placed(key: ast.expr, default: ast.expr | None, names: list[str]) -> Reader | None:
    if not isinstance(key, ast.Name) or key.id not in names:
        return None
    used = {n.id for n in of_type(default, ast.Name)} if default is not None else set()
    at = next((i for i, name in enumerate(names) if name in used), None)
    others = [i for i in range(len(names)) if i != names.index(key.id)]
    if at is None and others:  # `return cast(found) if found is not None else default`
        at = others[-1]
    return Reader(names.index(key.id), at, names[at] if at is not None else "")


def _dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
