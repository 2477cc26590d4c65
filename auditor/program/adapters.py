"""Adapters with a reset, and what the reset leaves as it was."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from auditor.program.module import Module, Seen
from auditor.program.vocabulary import REFILL
from auditor.source.index import of_type


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept(Seen):
    """A class whose reset runs and refills some of its parameters, but not these."""

    name: str
    parameters: tuple[str, ...]


def kept_over_resets(module: Module) -> Iterator[Kept]:
    for holder in of_type(module.tree, ast.ClassDef):
        methods = {n.name: n for n in holder.body if isinstance(n, ast.FunctionDef)}
        init, reset = methods.get("__init__"), methods.get("reset")
        if init is None or reset is None or module.reached(reset.body[0]) is not True:
            continue
        parameters = [
            target.attr
            for node in of_type(init, ast.Assign)
            if "Parameter(" in ast.unparse(node.value)
            for target in node.targets
            if isinstance(target, ast.Attribute)
        ]
        refilled = {name for name, node in _refills(reset) if module.reached(node) is not False}
        kept = tuple(name for name in parameters if name not in refilled)
        if kept and refilled & set(parameters):
            yield Kept(place=module.place(holder), active=module.reached(holder), name=holder.name, parameters=kept)


def _refills(reset: ast.FunctionDef) -> Iterator[tuple[str, ast.AST]]:
    for node in of_type(reset, ast.Call):
        if not isinstance(node.func, ast.Attribute) or node.func.attr not in REFILL:
            continue
        for part in (node.func.value, *node.args[:1]):
            while isinstance(part, ast.Attribute) and part.attr == "data":
                part = part.value
            if isinstance(part, ast.Attribute):
                yield part.attr, node
