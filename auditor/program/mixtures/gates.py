"""Conditions under which an n-gram hint applies that ask for the class of the very token that is scored."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import islice

from auditor.program import helpers_c
from auditor.program.helpers_c import CText
from auditor.program.module import Module, Seen
from auditor.program.syntax import functions, last_name, names
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
    """The same in Python: conditions, and weights that are chosen by `where`."""
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
    for function in functions(tree):
        for loop in of_type(function, ast.For):
            yield from _in_loop(loop)
        for call in of_type(function, ast.Call):
            if last_name(call.func) == "where" and len(call.args) == 3 and _tilted_by_target(call):
                yield call


def _in_loop(loop: ast.For) -> Iterator[ast.AST]:
    """Conditions on the class of the loop's own token under which a hint for that position is stored."""
    own = {n.id for n in of_type(loop.target, ast.Name)}
    current, classes = set(own), set[str]()
    for node in loop.body:
        for inner in walk(node):
            if (
                not isinstance(inner, ast.Assign)
                or len(inner.targets) != 1
                or not isinstance(inner.targets[0], ast.Name)
            ):
                continue
            target = inner.targets[0].id
            if _class_lookup(inner.value, current):
                classes.add(target)
            elif _is_current(inner.value, current, own):
                current.add(target)
    for inner in (n for body in loop.body for n in walk(body)):
        if not isinstance(inner, ast.If):
            continue
        asks = bool(names(inner.test) & classes) or _class_lookup(inner.test, current)
        if asks and any(_stores_at(n, own) for body in inner.body for n in walk(body)):
            yield inner


def _class_lookup(node: ast.AST, current: set[str]) -> bool:
    return any(
        isinstance(n, ast.Subscript)
        and bool(_CLASS.search(last_name(n.value)))
        and isinstance(n.slice, ast.Name)
        and n.slice.id in current
        for n in walk(node)
    )


def _is_current(node: ast.expr, current: set[str], own: set[str]) -> bool:
    """`int(tok)` or `tokens[i]`: the token at the loop's position."""
    if isinstance(node, ast.Call) and len(node.args) == 1:
        return _is_current(node.args[0], current, own)
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Name) and node.slice.id in own and "tok" in last_name(node.value).lower()
    return isinstance(node, ast.Name) and node.id in current


def _stores_at(node: ast.AST, own: set[str]) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else ()
    return any(
        isinstance(t, ast.Subscript)
        and isinstance(t.slice, ast.Name)
        and t.slice.id in own
        and bool(re.search(r"(?i)top|hint|prob|valid|gate|boost|beta|tilt", last_name(t.value)))
        for t in targets
    )


def _tilted_by_target(call: ast.Call) -> bool:
    """`where(starts_word[targets], boost, 0)`."""
    targets = {n for n in names(call.args[0]) if re.search(r"(?i)target|tgt|(^|_)y(_|$)|label", n)}
    weights = names(call.args[1]) | names(call.args[2])
    return _class_lookup(call.args[0], targets) and any(re.search(r"(?i)boost|beta|tilt|hint", w) for w in weights)
