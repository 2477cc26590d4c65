"""What each definition is called in the single file, resolved by scope (LibCST's ScopeProvider), never by text.

Where joining two modules would change what a name means, a definition is renamed, and where that is not enough the
build is refused.
"""

from __future__ import annotations

import builtins
import keyword
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import libcst as cst
from libcst.metadata import Assignment, BaseAssignment, GlobalScope, ImportAssignment, Scope

from reference_model.joining.parts import BuildError, Imported, Part


@dataclass(frozen=True)
class _Use:
    """A node that stands for a global definition of a module of the package."""

    node: int  # id of a Name or Attribute
    module: str
    name: str
    written: str  # how the using module says it
    scope: Scope | None  # None for the definition itself


def choose_names(parts: Sequence[Part]) -> None:
    """A definition keeps its name unless two modules, an import or a builtin have it too, or a local name hides it."""
    taken = {name for part in parts for name in _bound_outside(part)} | set(dir(builtins))
    counts = Counter(name for part in parts for name in part.defines)
    by_name = {part.name: part for part in parts}
    for part in parts:
        for name in sorted(part.defines - {"__all__"}):
            if counts[name] > 1 or name in taken:
                _rename(part, name, taken | set(counts))
    uses = [(part, use) for part in parts for use in _uses(part, by_name)]
    for _, use in uses:
        other = by_name[use.module]
        if use.name not in other.renames and _hidden(use, use.name):
            _rename(other, use.name, taken | set(counts))
    for part, use in uses:
        final = by_name[use.module].renames.get(use.name, use.name)
        if _hidden(use, final):
            raise BuildError(f"{part.name}: a local name hides {final!r}, which is {use.module}.{use.name}")


def _rename(part: Part, name: str, taken: set[str]) -> None:
    new = f"{'_' if name.startswith('_') else ''}{part.name}_{name.lstrip('_')}"
    if new in taken or keyword.iskeyword(new):
        raise BuildError(f"{part.name}: {name!r} stands for several things, and {new!r} is taken")
    part.renames[name] = new


def _bound_outside(part: Part) -> Iterator[str]:
    """Names that imports from outside the package bind at the module's top."""
    for assignment in part.scope.assignments:
        if isinstance(assignment, ImportAssignment) and id(assignment.node) not in part.internal:
            yield assignment.name.split(".")[0]


def _uses(part: Part, by_name: Mapping[str, Part]) -> Iterator[_Use]:
    """Every node of a module that stands for a definition of the package, its own or another module's."""
    for scope in part.scopes:
        for assignment in scope.assignments:
            if not isinstance(assignment, Assignment):
                continue
            taken = part.internal.get(id(assignment.node), {}).get(assignment.name)
            if taken is not None:
                if taken.module in by_name:  # else it is imported for type checkers alone
                    yield from _uses_of_taken(part, assignment, taken, by_name[taken.module])
            elif isinstance(scope, GlobalScope) and assignment.name in part.defines:
                yield _Use(_own_name(assignment), part.name, assignment.name, assignment.name, None)
                for access in assignment.references:
                    yield _Use(id(access.node), part.name, assignment.name, assignment.name, access.scope)


def _uses_of_taken(part: Part, assignment: Assignment, taken: Imported, other: Part) -> Iterator[_Use]:
    for access in assignment.references:
        node, name = access.node, taken.name
        if name is None:
            node = _attribute_of(part, node)
            name = node.attr.value
        if name not in other.defines:
            raise BuildError(f"{part.name}: {taken.module}.{name} is not defined in {taken.module} itself")
        yield _Use(id(node), taken.module, name, assignment.name, access.scope)


def _hidden(use: _Use, final: str) -> bool:
    """Whether, where the use stands, a local name captures `final`. The local import that is dropped does not."""
    scope = use.scope
    while scope is not None and not isinstance(scope, GlobalScope):
        if any(a.name == final and not _is_import_of(a, use) for a in scope.assignments):
            return True
        scope = scope.parent
    return False


def _is_import_of(assignment: BaseAssignment, use: _Use) -> bool:
    return isinstance(assignment, ImportAssignment) and assignment.name == use.written


def _own_name(assignment: Assignment) -> int:
    """The node that writes the name of a global definition."""
    node = assignment.node
    return id(node.name) if isinstance(node, cst.FunctionDef | cst.ClassDef) else id(node)


def replacements(part: Part, by_name: Mapping[str, Part]) -> dict[int, str]:
    """id of a Name or Attribute node -> the name that stands for it in the file."""
    return {use.node: by_name[use.module].renames.get(use.name, use.name) for use in _uses(part, by_name)}


def _attribute_of(part: Part, name: cst.CSTNode) -> cst.Attribute:
    """The `module.name` that a use of a module's name belongs to."""
    finder = _AttributeFinder(name)
    part.wrapper.module.visit(finder)
    if finder.found is None:
        raise BuildError(f"{part.name}: a module of the package is used as a value; only module.name can be joined")
    return finder.found


class _AttributeFinder(cst.CSTVisitor):
    def __init__(self, value: cst.CSTNode) -> None:
        self.value = value
        self.found: cst.Attribute | None = None

    def visit_Attribute(self, node: cst.Attribute) -> None:
        if node.value is self.value:
            self.found = node
