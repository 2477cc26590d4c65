"""Conditions under which an n-gram hint applies that ask for the class of the very token that is scored."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import islice

from auditor.program import helpers_c
from auditor.program.helpers_c import CText
from auditor.program.module import Module, Seen
from auditor.program.syntax import last_name, names
from auditor.source.index import of_type, walk

_MOST = 4  # places of one text that are told
# Tables that say what class a token is of: boundary, word start, leading space.
_CLASS = re.compile(r"(?i)bnd|bound|(^|_)ws(_|$)|has_ls|leading|word|starts?_|is_space|space_lut|punct")
_HINTS = r"\b\w{0,60}(?:hint|lookup|find_|predict|probe)\w{0,60}"
_ASSIGNED = re.compile(r"\b(\w{1,80})\s{0,20}=(?!=)\s{0,20}([^;{}]{1,200});")
_CONDITION, _BLOCK = 500, 4000  # characters that are read of a condition or call, and of the block behind it
_OF_CURRENT = re.compile(r"\[\s*(\w+)\s*\]")
_OUTPUT = re.compile(r"\b\w{1,80}\s?\[\s?\w{1,80}\s?\]\s?=(?!=)|\bout_\w+\s*=(?!=)|\*\s*out\w*\s*=(?!=)")


def c_target_gates(source: CText) -> Iterator[Seen]:
    """Where a C text looks a hint up under a condition on the class of the token that it stands at."""
    for index in islice(_in_c(source.text), _MOST):
        yield Seen(place=source.place(index), active=source.active)


def target_gates(module: Module) -> Iterator[Seen]:
    """The same in Python."""
    for node in islice(_in_python(module.tree), _MOST):
        yield Seen(place=module.place(node), active=module.reached(node))


# --- C -------------------------------------------------------------------------------------------------------------


def _in_c(text: str) -> Iterator[int]:
    for start, end in helpers_c.functions(text):
        body = text[start:end]
        classes = _classes_of_current(body)
        if not classes:
            continue
        word = re.compile(r"\b(?:" + "|".join(map(re.escape, sorted(classes))) + r")\b")
        for match in re.finditer(r"\bif\s*\(", body):
            close = helpers_c.matched(body, match.end() - 1, _CONDITION)
            if word.search(body, match.end(), close) and _looks_up(body, close):
                yield start + match.start()
        for match in re.finditer(_HINTS + r"\s*\(", body):
            close = helpers_c.matched(body, match.end() - 1, _CONDITION)
            if word.search(body, match.end(), close):
                yield start + match.start()


def _classes_of_current(body: str) -> set[str]:
    """The names that hold the class of the current token: `lut[tok]` with `tok = tokens[i]`, not `tokens[i - 1]`."""
    current: set[str] = set()
    classes: set[str] = set()
    for match in _ASSIGNED.finditer(body):
        target, value = match.groups()
        if re.search(r"(?i)\btok\w*\s*\[\s*\w+\s*\]", value) and not _CLASS.search(value.split("[")[0]):
            current.add(target)
        if not _CLASS.search(value) and not _CLASS.search(target):
            continue
        inside = set(_OF_CURRENT.findall(value))
        if inside & current or re.search(r"\[\s*\w*tok\w*\s*\[\s*\w+\s*\]\s*\]", value):
            classes.add(target)
    return classes


def _looks_up(body: str, at: int) -> bool:
    """Whether the block after a condition reads a table and stores a hint."""
    rest = body[at : at + _BLOCK].lstrip()
    if not rest.startswith("{"):
        return False
    block = rest[: helpers_c.matched(rest, 0)]
    return bool(re.search(_HINTS + r"\s*\(", block)) and bool(_OUTPUT.search(block))


# --- Python --------------------------------------------------------------------------------------------------------


def _in_python(tree: ast.Module) -> Iterator[ast.AST]:
    for loop in of_type(tree, ast.For):
        yield from _gates(loop.body, *_walked(loop))


def _walked(loop: ast.For) -> tuple[set[str], set[str]]:
    """The names that a loop gives to the position, and to what stands there."""
    over = loop.iter
    names = [n.id for n in of_type(loop.target, ast.Name)]
    if isinstance(over, ast.Call) and last_name(over.func) == "range":
        return set(names), set()
    if isinstance(over, ast.Call) and last_name(over.func) == "enumerate":
        return set(names[:1]), set(names[1:])
    return set(), set(names)


def _gates(statements: list[ast.stmt], positions: set[str], current: set[str]) -> Iterator[ast.If]:
    """Conditions on what a table holds for the element, under which a look-up by something else is stored there."""
    classes: set[str] = set()
    nodes = [node for statement in statements for node in walk(statement)]
    for node in nodes:
        target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
        if not isinstance(node, ast.Assign) or not isinstance(target, ast.Name):
            continue
        if _reads(node.value, current) or names(node.value) & classes:
            classes.add(target.id)
        elif _plain(node.value) & current or _reads(node.value, positions):
            current = current | {target.id}
    own = positions | current | classes
    for node in nodes:
        asks = isinstance(node, ast.If) and (names(node.test) & classes or _reads(node.test, current))
        parts = [*node.body, *node.orelse] if isinstance(node, ast.If) and asks else []
        if isinstance(node, ast.If) and any(_stored(n, positions, own) for part in parts for n in walk(part)):
            yield node


def _reads(node: ast.AST, keys: set[str]) -> bool:
    """Whether something is read under one of these names as the key."""
    return any(_plain(read.slice) & keys for read in of_type(node, ast.Subscript))


def _plain(node: ast.expr) -> set[str]:
    """The name that an expression converts: `tok`, `int(tok)`, `tok.item()`."""
    while isinstance(node, ast.Call):
        if len(node.args) > 1:
            return set()
        node = node.args[0] if node.args else node.func
        node = node.value if isinstance(node, ast.Attribute) else node
    return {node.id} if isinstance(node, ast.Name) else set()


def _stored(node: ast.AST, positions: set[str], own: set[str]) -> bool:
    """`hint[i] = table[context]`: what is stored for the position is looked up by something that is not its token."""
    if not isinstance(node, ast.Assign) or not any(
        isinstance(target, ast.Subscript) and _plain(target.slice) & positions for target in node.targets
    ):
        return False
    keys = [names(read.slice) for read in of_type(node.value, ast.Subscript)]
    keys += [names(c.args[0]) for c in of_type(node.value, ast.Call) if last_name(c.func) == "get" and c.args]
    return any(key and not key & own for key in keys)
