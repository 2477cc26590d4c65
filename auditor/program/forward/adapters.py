"""Adapters at evaluation: what a reset leaves as it was, and whose rows are mixed with each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from auditor.program.module import Module, Seen
from auditor.program.syntax import called, is_self, last_name, literal
from auditor.program.vocabulary import ACROSS, REFILL, SHAPED
from auditor.source.index import of_type

_ROWED = 3  # dimensions of a factor that each row of a batch has for itself: row, rank, width
_Method = ast.FunctionDef


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept(Seen):
    """A class of which a method that is called from outside refills some of its parameters, but not these."""

    name: str
    method: str
    parameters: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedRows(Seen):
    """A class whose parameter has a row for each row of a batch, and a method that mixes those rows."""

    name: str
    holders: frozenset[str]  # the class, and those that make one of it
    method: str
    parameter: str


def kept_over_resets(module: Module) -> Iterator[Kept]:
    called = {n.func.attr for n in of_type(module.tree, ast.Call) if isinstance(n.func, ast.Attribute)}
    for holder, init, methods in _classes(module):
        parameters = list(_parameters(init))
        for method in methods if parameters else ():
            if method.name not in called or module.reached(method.body[0]) is not True or _of_itself(holder, method):
                continue
            refilled = {name for name, node in _refills(method) if module.reached(node) is not False}
            kept = tuple(name for name in parameters if name not in refilled)
            if kept and refilled & set(parameters):
                yield Kept(
                    place=module.place(holder),
                    active=module.reached(holder),
                    name=holder.name,
                    method=method.name,
                    parameters=kept,
                )


def mixed_rows(module: Module) -> Iterator[MixedRows]:
    makes = {holder.name: {last_name(n.func) for n in of_type(init, ast.Call)} for holder, init, _ in _classes(module)}
    for holder, init, methods in _classes(module):
        rowed = {name for name, shape in _parameters(init).items() if _has_rows(module, shape)}
        holders = _holders(holder.name, makes) if rowed else frozenset()
        if any("Embedding" in makes[name] for name in holders):
            continue  # a part of the model: its rows are experts or layers
        for method in methods if rowed else ():
            node, parameter = next(_mixes(method, rowed), (None, ""))
            if node is not None:
                yield MixedRows(
                    place=module.place(node),
                    active=module.reached(holder),  # its forward is no statement that the interpreter steps through
                    name=holder.name,
                    holders=holders,
                    method=method.name,
                    parameter=parameter,
                )


def _holders(name: str, makes: Mapping[str, set[str]]) -> frozenset[str]:
    found, new = {name}, {name}
    while new:
        new = {other for other, made in makes.items() if made & new} - found
        found |= new
    return frozenset(found)


def _classes(module: Module) -> Iterator[tuple[ast.ClassDef, ast.FunctionDef, list[_Method]]]:
    for holder in of_type(module.tree, ast.ClassDef):
        methods = {n.name: n for n in holder.body if isinstance(n, ast.FunctionDef)}
        init = methods.pop("__init__", None)
        if init is not None:
            yield holder, init, list(methods.values())


def _parameters(init: ast.FunctionDef) -> dict[str, ast.expr]:
    """attribute -> what it is a parameter of."""
    return {
        target.attr: node.value.args[0]
        for node in of_type(init, ast.Assign)
        if isinstance(node.value, ast.Call) and node.value.args and called(node.value) == "Parameter"
        for target in node.targets
        if isinstance(target, ast.Attribute)
    }


def _of_itself(holder: ast.ClassDef, method: _Method) -> bool:
    """Whether the class itself calls the method: an initialization, not a reset."""
    return any(
        isinstance(n.func, ast.Attribute) and n.func.attr == method.name and is_self(n.func.value)
        for n in of_type(holder, ast.Call)
    )


def _refills(reset: ast.FunctionDef) -> Iterator[tuple[str, ast.AST]]:
    for node in of_type(reset, ast.Call):
        if not isinstance(node.func, ast.Attribute) or node.func.attr not in REFILL:
            continue
        for part in (node.func.value, *node.args[:1]):
            while isinstance(part, ast.Attribute) and part.attr == "data":
                part = part.value
            if isinstance(part, ast.Attribute):
                yield part.attr, node


def _has_rows(module: Module, value: ast.expr) -> bool:
    """Whether a tensor is made with three dimensions or more, as many rows as the caller says."""
    for call in (call for made in module.origins.assigned(value) for call in of_type(made, ast.Call)):
        if called(call) not in SHAPED or not call.args:
            continue
        first = call.args[0]
        shape = first.elts if isinstance(first, ast.Tuple | ast.List) else call.args
        if len(shape) >= _ROWED and not isinstance(shape[0], ast.Constant):
            return True
    return False


def _mixes(method: _Method, rowed: set[str]) -> Iterator[tuple[ast.expr, str]]:
    """Expressions that make of all rows of a parameter one, or of each row another."""
    held: dict[str, str] = {}  # local name -> the parameter that it is made of
    for node in of_type(method, ast.Assign):
        for target, value in _pairs(node):
            of = _of(value, rowed, held)
            if of and isinstance(target, ast.Name):
                held[target.id] = of
    for call in of_type(method, ast.Call):
        name = called(call)
        receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
        operands = [*([receiver] if receiver is not None else []), *call.args]
        of = next((found for operand in operands if (found := _of(operand, rowed, held))), "")
        summed = name == "einsum" and _contracted(call, rowed, held)
        if of and (summed or (name in ACROSS and _along_rows(call, of))):
            yield call, of
    for part in of_type(method, ast.Subscript):
        of = _of(part.value, rowed, held)
        index = part.slice.elts[0] if isinstance(part.slice, ast.Tuple) and part.slice.elts else part.slice
        if of and isinstance(part.ctx, ast.Load) and _some_rows(index):
            yield part, of


def _pairs(node: ast.Assign) -> Iterator[tuple[ast.expr, ast.expr]]:
    for target in node.targets:
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            yield from zip(target.elts, node.value.elts, strict=False)
        else:
            yield target, node.value


def _of(node: ast.expr, rowed: set[str], held: dict[str, str]) -> str:
    """The parameter that an expression is, or is a plain view of."""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and called(node) in ("to", "float"):
        node = node.func.value
    if isinstance(node, ast.Attribute) and node.attr in rowed:
        return node.attr
    return held.get(node.id, "") if isinstance(node, ast.Name) else ""


def _along_rows(call: ast.Call, of: str) -> bool:
    """Whether the call names the first dimension."""
    said = [k.value for k in call.keywords if k.arg in ("dim", "dims", "axis")]
    function_of_library = not isinstance(call.func, ast.Attribute) or isinstance(call.func.value, ast.Name)
    rest = call.args[1:] if function_of_library and call.args and of else call.args
    at = rest[-1:] if called(call) in ("roll", "flip") else rest[:1]
    return any(_zero(value) for value in said or at)


def _zero(value: ast.expr) -> bool:
    if isinstance(value, ast.Tuple | ast.List):
        return bool(value.elts) and _zero(value.elts[0])
    return literal(value) == 0


def _some_rows(index: ast.expr) -> bool:
    """`[:1]`, `[[1, 0]]`, `[torch.randperm(n)]`: rows that are not each row's own."""
    if isinstance(index, ast.Slice):
        return literal(index.upper) is not None
    return isinstance(index, ast.List) or (isinstance(index, ast.Call) and called(index) in ("randperm", "argsort"))


def _contracted(call: ast.Call, rowed: set[str], held: dict[str, str]) -> bool:
    """Whether the sum runs over the rows of a parameter: its first letter is not in the result."""
    if not call.args or not isinstance(call.args[0], ast.Constant) or not isinstance(call.args[0].value, str):
        return False
    terms, _, result = call.args[0].value.replace(" ", "").partition("->")
    for term, operand in zip(terms.split(","), call.args[1:], strict=False):
        if _of(operand, rowed, held) and term and result and term[0] not in result:
            return True
    return False
