"""What code steps, by the names that it is written with: `at += 64`, `loader.at`, `state["at"]`, `nonlocal at`."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from auditor.program.syntax import last_name
from auditor.source.index import of_type

Loop = ast.For | ast.AsyncFor | ast.While


@dataclass(slots=True)
class Steps:
    """What some code steps, by its names: attributes, keys, names of functions around; and what it calls and reads."""

    attributes: set[str] = field(default_factory=set)
    keys: set[Any] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    reads: set[str] = field(default_factory=set)

    def add(self, other: Steps) -> None:
        self.attributes |= other.attributes
        self.keys |= other.keys
        self.names |= other.names
        self.reads |= other.reads


@dataclass(frozen=True, slots=True)
class Written:
    """What a loop steps: names of its own function, of which others are `asked` for by more than their steps, or
    `carried` further; names of what is `cut_off`; and what it, and what it calls, steps `elsewhere`."""

    names: tuple[str, ...]
    carried: tuple[str, ...]
    asked: tuple[str, ...]
    cut_off: frozenset[str]
    elsewhere: Steps


def written(node: Loop, trees: Iterable[ast.Module | None]) -> Written:
    """`trees`: of the modules of the program."""
    names = _named(node)
    return Written(
        tuple(names), tuple(_carried(node, names)), tuple(_asked(node, names)), frozenset(_cut_off(node)),
        _reached(node, trees),
    )  # fmt: skip


def _named(node: Loop) -> list[str]:
    """Names that the loop steps, those of `begin, end = end, end + 64` and `(at := at + 64)` among them."""
    names = []
    for child in of_type(node, ast.AugAssign, ast.Assign, ast.NamedExpr):
        if isinstance(child, ast.AugAssign):
            if isinstance(child.target, ast.Name):
                names.append(child.target.id)
            continue
        target = child.target if isinstance(child, ast.NamedExpr) else child.targets[0]
        read = {n.id for n in of_type(child.value, ast.Name)}
        names += [
            t.id
            for t in (target.elts if isinstance(target, ast.Tuple) else [target])
            if isinstance(t, ast.Name) and t.id in read
        ]
    if isinstance(node, ast.While):
        names += _stepped_by_another(node)
    return list(dict.fromkeys(names))


def _carried(node: Loop, stepped: Collection[str]) -> list[str]:
    """Names that are given what another name has stepped: `begin, end = end, end + 64`."""
    names = []
    for child in of_type(node, ast.Assign):
        pairs = [(child.targets[0], child.value)]
        if isinstance(child.targets[0], ast.Tuple) and isinstance(child.value, ast.Tuple):
            pairs = list(zip(child.targets[0].elts, child.value.elts, strict=False))
        names += [
            target.id for target, value in pairs
            if isinstance(target, ast.Name) and isinstance(value, ast.Name) and value.id in stepped
        ]  # fmt: skip
    return [name for name in dict.fromkeys(names) if name not in stepped]


def _cut_off(node: Loop) -> set[str]:
    """Names of what loses its beginning in each round: `rest = rest[64:]`."""
    return {
        step.targets[0].id for step in of_type(node, ast.Assign)
        if isinstance(step.targets[0], ast.Name) and isinstance(step.value, ast.Subscript)
        and isinstance(step.value.value, ast.Name) and step.value.value.id == step.targets[0].id
        and isinstance(step.value.slice, ast.Slice) and step.value.slice.lower is not None
        and step.value.slice.upper is None
    }  # fmt: skip


def _asked(node: Loop, names: Collection[str]) -> Iterator[str]:
    """Those that the loop asks for in anything else than their own steps."""
    own: dict[str, int] = dict.fromkeys(names, 0)
    reads: dict[str, int] = dict.fromkeys(names, 0)
    for child in of_type(node, ast.Name):
        if child.id in reads and isinstance(child.ctx, ast.Load):
            reads[child.id] += 1
    for step in of_type(node, ast.Assign):
        targets = {n.id for target in step.targets for n in of_type(target, ast.Name)}
        for n in of_type(step.value, ast.Name):
            if n.id in own and targets == {n.id}:
                own[n.id] += 1
    yield from (name for name in names if reads[name] > own[name])


def _stepped_by_another(node: ast.While) -> Iterator[str]:
    """`end = min(at + 8, n)`, and then `at = end`: what the condition asks for, and another name has stepped."""
    made: dict[str, set[str]] = {}
    for child in of_type(node, ast.Assign):
        if isinstance(child.targets[0], ast.Name):
            made.setdefault(child.targets[0].id, set()).update(n.id for n in of_type(child.value, ast.Name))
    for name in sorted({n.id for n in of_type(node.test, ast.Name)} & made.keys()):
        if any(name in made.get(other, ()) for other in made[name] - {name}):
            yield name


def _steps_of(node: ast.AST) -> Steps:
    found = Steps()
    outside = {name for part in of_type(node, ast.Global, ast.Nonlocal) for name in part.names}
    read = {part.attr for part in of_type(node, ast.Attribute) if isinstance(part.ctx, ast.Load)}
    for step in of_type(node, ast.AugAssign, ast.Assign):
        targets = [step.target] if isinstance(step, ast.AugAssign) else step.targets
        told = isinstance(step, ast.Assign) and isinstance(step.value, ast.Constant)
        for target in () if told else targets:
            if isinstance(target, ast.Attribute) and (isinstance(step, ast.AugAssign) or target.attr in read):
                found.attributes.add(target.attr)
            elif isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
                found.keys.add(target.slice.value)
            elif isinstance(target, ast.Name) and target.id in outside:
                found.names.add(target.id)
    for call in of_type(node, ast.Call):
        found.calls.add(last_name(call.func))
        if last_name(call.func) == "setattr" and len(call.args) == 3 and isinstance(call.args[1], ast.Constant):
            found.attributes.add(str(call.args[1].value))
        elif last_name(call.func) == "update":
            found.keys |= {keyword.arg for keyword in call.keywords if keyword.arg is not None}
    found.calls |= {part.attr for part in of_type(node, ast.Attribute)}  # properties
    found.reads = {n.id for n in of_type(node, ast.Name)}
    return found


def _reached(node: Loop, trees: Iterable[ast.Module | None]) -> Steps:
    """What the loop steps, and the functions of the program that it calls, by their names."""
    functions: dict[str, list[ast.AST]] = {}
    for tree in trees:
        for function in of_type(tree, ast.FunctionDef, ast.AsyncFunctionDef) if tree is not None else ():
            functions.setdefault(function.name, []).append(function)
    found = Steps()
    waiting, seen = [_steps_of(node)], set[str]()
    while waiting:
        one = waiting.pop()
        found.add(one)
        for name in (one.calls & functions.keys()) - seen:
            seen.add(name)
            waiting += [_steps_of(function) for function in functions[name]]
    return found
