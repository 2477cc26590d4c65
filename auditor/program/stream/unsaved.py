"""Tables that are filled from training tokens in memory and handed to the evaluation past the artifact."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from auditor.program import vocabulary
from auditor.program.module import Module, Seen
from auditor.program.origin import Origins
from auditor.program.place import Place
from auditor.program.syntax import assignments, base, base_name, is_self, last_name, line_of, names, targets_of
from auditor.source.index import of_type, own_nodes, own_of_type, parent

_DEPTH = 4  # functions that hand a table on to each other


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried(Seen):
    """One table that the evaluation is given as it is in memory, and where it is filled from training tokens."""

    name: str
    filled: Place


def carried(module: Module) -> Iterator[Carried]:
    """One for each object of a plain class that training fills, nothing saves, and a scoring call behind it is given.

    Modules are left out: their parameters are what the artifact is made of. So is every object that is saved or
    packed, be it through functions of the program, or put into something else: it may be part of the artifact.
    """
    if module.phases.training_end is None:
        return
    origins = module.origins
    scope, end = module.phases.training_end
    defined = (node for tree in (module.tree, *origins.beside) for node in of_type(tree, ast.ClassDef))
    plain = {node.name: node for node in defined if not node.bases}
    values = [(t.id, v) for t, v, _ in assignments(scope) if isinstance(t, ast.Name)]
    made: dict[str, set[str]] = {}  # name -> the methods of its class that change it
    for name, value in values:
        if isinstance(value, ast.Call | ast.IfExp):
            classes = [plain[n] for c in of_type(value, ast.Call) if (n := last_name(c.func)) in plain]
            changing = {f.name for c in classes for f in of_type(c, ast.FunctionDef) if _changes_itself(f)}
            made.setdefault(name, set()).update(changing - {"__init__"})
    inside = list(own_of_type(scope, ast.Call))
    methods: dict[str, list[ast.Call]] = {}  # calls of methods, by the name of the object
    for call in inside:
        if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
            methods.setdefault(call.func.value.id, []).append(call)
    others: dict[str, set[str]] = {}  # name -> those that are given the same object
    for other, value in values:
        for given in _given(value):
            others.setdefault(given, set()).add(other)
    for name in sorted(made):
        filled = next((c for c in methods.get(name, ()) if _fills(c, name, made[name], origins)), None)
        aliases = {name} | others.get(name, set())
        if filled is None or any(_leaves(node, aliases, origins) for node in own_nodes(scope)):
            continue
        for call in inside:
            arguments = [*call.args, *(k.value for k in call.keywords)]
            handed = any(aliases & _given(argument) for argument in arguments)
            scores = any("validation" in origins.of(argument) for argument in arguments)
            if line_of(call) > end and handed and scores and last_name(call.func) in origins.functions:
                yield Carried(
                    place=module.place(call),
                    active=module.reached(call, filled),
                    name=name,
                    filled=module.place(filled),
                )
                break


def _given(node: ast.expr) -> set[str]:
    """The names whose very object an expression gives: `a`, and `a if x else None`."""
    if isinstance(node, ast.IfExp):
        return _given(node.body) | _given(node.orelse)
    return {node.id} if isinstance(node, ast.Name) else set()


def _fills(call: ast.Call, name: str, methods: set[str], origins: Origins) -> bool:
    """`table.update(tokens of a training shard)`"""
    func = call.func
    if not isinstance(func, ast.Attribute) or func.attr not in methods:
        return False
    if not isinstance(func.value, ast.Name) or func.value.id != name:
        return False
    kinds = [origins.of(argument) for argument in (*call.args, *(k.value for k in call.keywords))]
    return any("training" in kind and "validation" not in kind for kind in kinds)


def _leaves(node: ast.AST, aliases: set[str], origins: Origins, depth: int = 0) -> bool:
    """Whether a statement saves one of the names, or stores it or a part of it elsewhere."""
    if isinstance(node, ast.Call):
        return _saves(node, aliases, origins, depth)
    if isinstance(node, ast.Assign) and aliases & names(node.value):
        kept = [t for t in node.targets if isinstance(t, ast.Attribute | ast.Subscript)]
        return any(base_name(target) not in aliases for target in kept)
    return False


def _saves(call: ast.Call, aliases: set[str], origins: Origins, depth: int) -> bool:
    """Whether a call writes or packs one of the names: a library's, or a function of the program that is given it."""
    own = last_name(call.func)
    arguments = [*call.args, *(k.value for k in call.keywords)]
    receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
    function = origins.functions.get(own)
    if function is None:
        parts = [*arguments, *([receiver] if receiver is not None else [])]
        return own in vocabulary.SAVE | vocabulary.PACKS and any(aliases & names(part) for part in parts)
    if depth == _DEPTH:
        return False
    parameters = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
    method = isinstance(parent(function), ast.ClassDef)
    given = [*([receiver] if method and receiver is not None else []), *call.args]
    inside = {p for p, value in zip(parameters, given, strict=False) if aliases & names(value)}
    inside |= {k.arg for k in call.keywords if k.arg and aliases & names(k.value)}
    if not inside:
        return False
    inside |= {
        t.id for t, value, _ in assignments(function) if isinstance(t, ast.Name) and inside & names(value)
    }  # what is made of it
    return any(_saves(inner, inside, origins, depth + 1) for inner in of_type(function, ast.Call))


def _changes_itself(method: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a method stores into what its object holds."""
    for node in of_type(method, ast.Assign, ast.AugAssign, ast.Call):
        if isinstance(node, ast.Call):
            stores = isinstance(node.func, ast.Attribute) and (
                node.func.attr.endswith("_") or node.func.attr in vocabulary.STORES
            )
            targets: list[ast.expr] = [node.func] if stores else []
        else:
            targets = targets_of(node)
        if any(not isinstance(target, ast.Name) and is_self(base(target)) for target in targets):
            return True
    return False
