"""What a run of the single file comes to: definitions and methods that nothing names are left out."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator

import libcst as cst

Statement = cst.SimpleStatementLine | cst.BaseCompoundStatement
Bodies = list[tuple[str, list[Statement]]]


def reachable(bodies: Bodies) -> Bodies:
    """Without the definitions that nothing needs which the entry runs. Other statements are all run, and kept."""
    while True:
        kept = _definitions(bodies)
        said = {word for _, body in kept for statement in body for word in _words(statement)}
        bodies = [(name, [_lean(statement, said) for statement in body]) for name, body in kept]
        if all(new is old for (_, a), (_, b) in zip(bodies, kept, strict=True) for new, old in zip(a, b, strict=True)):
            return bodies


def _definitions(bodies: Bodies) -> Bodies:
    """Without the definitions that no name leads to from a statement that is run."""
    definitions: dict[str, list[Statement]] = {}
    wanted: list[str] = []
    for _, body in bodies:
        for statement in body:
            bound = _bound(statement)
            for name in bound:
                definitions.setdefault(name, []).append(statement)
            if not bound:
                wanted += names_in(statement)
    seen: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name not in seen:
            seen.add(name)
            wanted += (used for statement in definitions.get(name, ()) for used in names_in(statement))
    return [(name, [s for s in body if not _bound(s) or _bound(s) & seen]) for name, body in bodies]


def _lean(statement: Statement, said: set[str]) -> Statement:
    """A class without the methods that no attribute and no string names. One with bases may be called by them."""
    if not isinstance(statement, cst.ClassDef) or statement.bases:
        return statement
    body = [inner for inner in statement.body.body if not _unnamed(inner, said)]
    if len(body) == len(statement.body.body):
        return statement
    return statement.with_changes(body=statement.body.with_changes(body=body))


def _unnamed(inner: cst.CSTNode, said: set[str]) -> bool:
    return isinstance(inner, cst.FunctionDef) and not inner.name.value.startswith("__") and inner.name.value not in said


def _bound(statement: Statement) -> set[str]:
    """The names that a definition or a plain assignment binds; none for any other statement."""
    if isinstance(statement, cst.FunctionDef | cst.ClassDef):
        return {statement.name.value}
    if isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1:
        return binds(statement.body[0])
    return set()


def binds(small: cst.BaseSmallStatement) -> set[str]:
    """The names that an assignment binds; none for one that changes anything else, too, or is none."""
    targets: list[cst.BaseExpression] = []
    if isinstance(small, cst.Assign):
        targets = [target.target for target in small.targets]
    elif isinstance(small, cst.AnnAssign):
        targets = [small.target]
    names = [t.value for target in targets for t in _flat(target) if isinstance(t, cst.Name)]
    return set(names) if len(names) == sum(1 for target in targets for _ in _flat(target)) else set()


def _flat(target: cst.BaseExpression) -> Iterator[cst.BaseExpression]:
    if isinstance(target, cst.Tuple | cst.List):
        for element in target.elements:
            yield from _flat(element.value)
    else:
        yield target


def names_in(node: cst.CSTNode) -> set[str]:
    """Every name in it that stands for something outside it."""
    return set(_free(symtable.symtable(cst.Module([]).code_for_node(node), "part", "exec")))


def _free(scope: symtable.SymbolTable) -> Iterator[str]:
    for symbol in scope.get_symbols():
        if symbol.is_global() or (scope.get_type() == "module" and symbol.is_referenced()):
            yield symbol.get_name()
    for inner in scope.get_children():
        yield from _free(inner)


class _Words(cst.CSTVisitor):
    """What follows a dot, and strings: what may name a method."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def visit_Attribute(self, node: cst.Attribute) -> None:
        self.found.add(node.attr.value)

    def visit_SimpleString(self, node: cst.SimpleString) -> None:
        value = ast.literal_eval(node.value)
        self.found |= {value} if isinstance(value, str) else set()


def _words(node: cst.CSTNode) -> set[str]:
    visitor = _Words()
    node.visit(visitor)
    return visitor.found
