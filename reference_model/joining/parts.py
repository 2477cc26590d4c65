"""One module on its way into the single file: what it defines, and what it takes from which other module."""

from __future__ import annotations

from dataclasses import dataclass, field

import libcst as cst
from libcst.metadata import Assignment, GlobalScope, ImportAssignment, MetadataWrapper, Scope, ScopeProvider


class BuildError(Exception):
    """Source that cannot be joined without changing what it means; the message names module and reason."""


@dataclass(frozen=True)
class Imported:
    """A name that a module takes from another module of the package; `name` is None for the module itself."""

    module: str
    name: str | None


@dataclass
class Part:
    """One module on its way into the file: what it defines, takes from the package and imports from elsewhere."""

    name: str
    wrapper: MetadataWrapper
    scope: GlobalScope
    scopes: tuple[Scope, ...]
    defines: frozenset[str]
    internal: dict[int, dict[str, Imported]]  # id of an import statement's node -> the names that it binds
    renames: dict[str, str] = field(default_factory=dict)

    needs: tuple[str, ...] = ()  # modules that must come before it
    uses: tuple[str, ...] = ()  # modules that it imports when a function runs


def read(name: str, text: str, package: str, modules: frozenset[str]) -> Part:
    """The module `name` of `package`, whose other modules are `modules`."""
    wrapper = MetadataWrapper(cst.parse_module(text))
    found = wrapper.resolve(ScopeProvider)
    scopes = tuple(dict.fromkeys(scope for scope in found.values() if scope is not None))
    top = next(scope for scope in scopes if isinstance(scope, GlobalScope))
    internal: dict[int, dict[str, Imported]] = {}
    for node in _imports(wrapper.module):
        if isinstance(node, cst.ImportFrom):
            taken = _taken(name, node, package, modules)
            if taken is not None:
                internal[id(node)] = taken
        elif any(dotted(alias.name).split(".")[0] == package for alias in node.names):
            raise BuildError(f"{name}: write 'from {package} import ...', not 'import {package}...'")
    defined = {
        assignment.name
        for assignment in top.assignments
        if isinstance(assignment, Assignment) and not isinstance(assignment, ImportAssignment)
    }
    part = Part(name, wrapper, top, scopes, frozenset(defined), internal)
    part.needs, part.uses = _dependencies(part)
    return part


def _dependencies(part: Part) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Modules imported as the module itself is, and those imported later; not those for type checkers alone."""
    now: set[str] = set()
    later: set[str] = set()
    for statement in part.wrapper.module.body:
        if for_type_checkers(statement):
            continue
        into = now if isinstance(statement, cst.SimpleStatementLine) else later
        for node in _imports(statement):
            into |= {taken.module for taken in part.internal.get(id(node), {}).values()}
    return tuple(sorted(now)), tuple(sorted(later - now))


def for_type_checkers(statement: cst.BaseStatement) -> bool:
    return isinstance(statement, cst.If) and dotted(statement.test).endswith("TYPE_CHECKING")


def _imports(module: cst.CSTNode) -> list[cst.Import | cst.ImportFrom]:
    visitor = _Imports()
    module.visit(visitor)
    return visitor.found


class _Imports(cst.CSTVisitor):
    def __init__(self) -> None:
        self.found: list[cst.Import | cst.ImportFrom] = []

    def visit_Import(self, node: cst.Import) -> None:
        self.found.append(node)

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:
        self.found.append(node)


def _taken(part: str, node: cst.ImportFrom, package: str, modules: frozenset[str]) -> dict[str, Imported] | None:
    """Bound name -> what it is, of an import from the package; None for any other import."""
    path = dotted(node.module) if node.module is not None else ""
    if len(node.relative) > 1:
        raise BuildError(f"{part}: {package} has no parent package to import from")
    if node.relative:
        path = f"{package}.{path}".rstrip(".")
    if path.split(".")[0] != package:
        return None
    if isinstance(node.names, cst.ImportStar):
        raise BuildError(f"{part}: a star import cannot be joined")
    taken = {}
    for alias in node.names:
        name = dotted(alias.name)
        bound = cst.ensure_type(alias.asname.name, cst.Name).value if alias.asname else name
        taken[bound] = Imported(name, None) if path == package else Imported(path.removeprefix(f"{package}."), name)
        if taken[bound].module not in modules:
            raise BuildError(f"{part}: {package} has no module {taken[bound].module!r}")
    return taken


def dotted(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)


