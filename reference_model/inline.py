"""Several modules of a package become one text: names are unified, docstrings, comments and functions' types dropped.

The work of `build.single_file`. Every name is resolved by scope (LibCST's ScopeProvider), never by text; where joining
two modules would change what a name means, a definition is renamed, and where that is not enough the build is refused.
"""

from __future__ import annotations

import builtins
import keyword
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import libcst as cst
from libcst.metadata import (
    Assignment,
    BaseAssignment,
    GlobalScope,
    ImportAssignment,
    MetadataWrapper,
    Scope,
    ScopeProvider,
)


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
        elif any(_dotted(alias.name).split(".")[0] == package for alias in node.names):
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
        if _for_type_checkers(statement):
            continue
        into = now if isinstance(statement, cst.SimpleStatementLine) else later
        for node in _imports(statement):
            into |= {taken.module for taken in part.internal.get(id(node), {}).values()}
    return tuple(sorted(now)), tuple(sorted(later - now))


def _for_type_checkers(statement: cst.BaseStatement) -> bool:
    return isinstance(statement, cst.If) and _dotted(statement.test).endswith("TYPE_CHECKING")


def join(parts: Sequence[Part], entry: str) -> str:
    """The text of the one file. `parts` come in the order of their dependencies, `entry` is the module that is run."""
    by_name = {part.name: part for part in parts}
    _choose_names(parts)
    outside = _Outside()
    bodies = [(f"{part.name}.py", _body(part, by_name, outside)) for part in parts]
    main = [statement for name, body in bodies if name == f"{entry}.py" for statement in body if _is_guard(statement)]
    bodies = [(name, [statement for statement in body if not _is_guard(statement)]) for name, body in bodies]
    bodies = [(name, body) for name, body in _reachable([*bodies, ("main", main)]) if body]
    used = {name for _, body in bodies for statement in body for name in _names(statement)}
    head = "\n".join(["from __future__ import annotations", "", *outside.lines(used)]).strip("\n")
    return "\n\n\n".join([head, *(f"# {name}\n{_written(body)}" for name, body in bodies)]) + "\n"


def _is_guard(statement: cst.BaseStatement) -> bool:
    """Whether it is the `if __name__ == "__main__":` of a module."""
    return isinstance(statement, cst.If) and "__name__" in _dotted(statement.test)


def _written(body: Sequence[Statement]) -> str:
    """The statements' text, with two empty lines around definitions."""
    text, before = "", False
    for statement in body:
        definition = isinstance(statement, cst.FunctionDef | cst.ClassDef)
        code = (
            cst.Module([], default_indent=_INDENT).code_for_node(statement.with_changes(leading_lines=[])).strip("\n")
        )
        text += ("\n\n\n" if definition or before else "\n") + code if text else code
        before = definition
    return text


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
    path = _dotted(node.module) if node.module is not None else ""
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
        name = _dotted(alias.name)
        bound = cst.ensure_type(alias.asname.name, cst.Name).value if alias.asname else name
        taken[bound] = Imported(name, None) if path == package else Imported(path.removeprefix(f"{package}."), name)
        if taken[bound].module not in modules:
            raise BuildError(f"{part}: {package} has no module {taken[bound].module!r}")
    return taken


def _dotted(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)


# --- names ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Use:
    """A node that stands for a global definition of a module of the package."""

    node: int  # id of a Name or Attribute
    module: str
    name: str
    written: str  # how the using module says it
    scope: Scope | None  # None for the definition itself


def _choose_names(parts: Sequence[Part]) -> None:
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


def _replacements(part: Part, by_name: Mapping[str, Part]) -> dict[int, str]:
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


# --- statements ----------------------------------------------------------------------------------------------------

Statement = cst.SimpleStatementLine | cst.BaseCompoundStatement


def _body(part: Part, by_name: Mapping[str, Part], outside: _Outside) -> list[Statement]:
    new = _replacements(part, by_name)
    cleaned = part.wrapper.module.visit(_Cleaner(part, new))
    kept: list[Statement] = []
    for statement in cleaned.body:
        if _for_type_checkers(statement):
            continue
        if isinstance(statement, cst.SimpleStatementLine):
            rest = [small for small in statement.body if not outside.take(part.name, small)]
            if not rest or _binds(rest[0]) == {"__all__"}:
                continue
            statement = statement.with_changes(body=rest)
        kept.append(statement)
    return kept


class _Outside:
    """The imports from outside the package, merged: what each bound name stands for."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}  # bound name -> dotted path
        self.plain: set[str] = set()  # import a.b: the path that is loaded
        self.froms: dict[str, tuple[str, str]] = {}  # bound name -> (module, name) for a "from" import

    def take(self, part: str, small: cst.BaseSmallStatement) -> bool:
        """Whether the statement is an import, which is then kept here."""
        if isinstance(small, cst.Import):
            for alias in small.names:
                path = _dotted(alias.name)
                if alias.asname is None:
                    self._bind(part, path.split(".")[0], path.split(".")[0])
                    self.plain.add(path)
                else:
                    self._bind(part, cst.ensure_type(alias.asname.name, cst.Name).value, path)
            return True
        if isinstance(small, cst.ImportFrom):
            module = _dotted(small.module) if small.module is not None else ""
            if module == "__future__":
                return True
            if isinstance(small.names, cst.ImportStar):
                raise BuildError(f"{part}: a star import cannot be joined")
            for alias in small.names:
                name = _dotted(alias.name)
                bound = cst.ensure_type(alias.asname.name, cst.Name).value if alias.asname else name
                self._bind(part, bound, f"{module}.{name}")
                self.froms.setdefault(bound, (module, name))
            return True
        return False

    def _bind(self, part: str, bound: str, path: str) -> None:
        if self.names.setdefault(bound, path) != path:
            raise BuildError(f"{part}: {bound!r} is {path} here and {self.names[bound]} in another module")

    def lines(self, used: set[str]) -> list[str]:
        """Import statements for the names that are used."""
        plain = [f"import {path}" for path in sorted(self.plain) if path.split(".")[0] in used]
        aliased: list[str] = []
        groups: dict[str, list[str]] = {}
        for bound in sorted(set(self.names) & used):
            if bound in self.froms:
                module, name = self.froms[bound]
                groups.setdefault(module, []).append(name if name == bound else f"{name} as {bound}")
            elif self.names[bound] != bound:
                aliased.append(f"import {self.names[bound]} as {bound}")
        return [*plain, *aliased, *(f"from {module} import {', '.join(groups[module])}" for module in sorted(groups))]


class _Cleaner(cst.CSTTransformer):
    """Writes the names that the file uses, and drops what does not run: docstrings, comments, types of functions.

    The types of a class's fields stay: dataclasses are made from them.
    """

    def __init__(self, part: Part, new: Mapping[int, str]) -> None:
        self.part = part
        self.new = new
        self.inside: list[cst.CSTNode] = []  # functions and classes around the node

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        self.inside.append(node)

    def leave_ClassDef(self, original_node: cst.ClassDef, updated_node: cst.ClassDef) -> cst.ClassDef:
        self.inside.pop()
        return updated_node

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self.inside.append(node)

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
        self.inside.pop()
        return updated_node.with_changes(returns=None)

    def leave_Param(self, original_node: cst.Param, updated_node: cst.Param) -> cst.Param:
        if updated_node.default is None:
            return updated_node.with_changes(annotation=None)
        return updated_node.with_changes(annotation=None, equal=_NO_SPACES)

    def leave_AnnAssign(
        self, original_node: cst.AnnAssign, updated_node: cst.AnnAssign
    ) -> cst.BaseSmallStatement | cst.RemovalSentinel:
        if self.inside and isinstance(self.inside[-1], cst.ClassDef):
            return updated_node
        if updated_node.value is None:
            return cst.RemoveFromParent()
        return cst.Assign([cst.AssignTarget(updated_node.target)], updated_node.value)

    def leave_ParenthesizedWhitespace(
        self, original_node: cst.ParenthesizedWhitespace, updated_node: cst.ParenthesizedWhitespace
    ) -> cst.ParenthesizedWhitespace:
        further = _INDENT if updated_node.last_line.value else ""
        return updated_node.with_changes(last_line=cst.SimpleWhitespace(further))

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        new = self.new.get(id(original_node))
        return updated_node if new is None else updated_node.with_changes(value=new)

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.BaseExpression:
        new = self.new.get(id(original_node))
        return updated_node if new is None else cst.Name(new, lpar=updated_node.lpar, rpar=updated_node.rpar)

    def leave_ImportFrom(
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.BaseSmallStatement | cst.RemovalSentinel:
        return cst.RemoveFromParent() if id(original_node) in self.part.internal else updated_node

    def visit_Global(self, node: cst.Global) -> None:
        raise BuildError(f"{self.part.name}: a 'global' statement cannot be joined")

    def leave_EmptyLine(self, original_node: cst.EmptyLine, updated_node: cst.EmptyLine) -> cst.RemovalSentinel:
        return cst.RemoveFromParent()

    def leave_TrailingWhitespace(
        self, original_node: cst.TrailingWhitespace, updated_node: cst.TrailingWhitespace
    ) -> cst.TrailingWhitespace:
        return updated_node.with_changes(comment=None, whitespace=cst.SimpleWhitespace(""))

    def leave_IndentedBlock(self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock) -> cst.BaseSuite:
        return updated_node.with_changes(body=_without_strings(updated_node.body) or [_PASS])

    def leave_Module(self, original_node: cst.Module, updated_node: cst.Module) -> cst.Module:
        return updated_node.with_changes(body=_without_strings(updated_node.body))


_INDENT = "\t"  # a byte for each level
_NO_SPACES = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
_PASS = cst.SimpleStatementLine([cst.Pass()])


def _without_strings(body: Iterable[cst.BaseStatement]) -> list[cst.BaseStatement]:
    """Statements without those that are nothing but a string, and one empty line before a definition."""
    kept: list[cst.BaseStatement] = []
    for statement in body:
        if isinstance(statement, cst.SimpleStatementLine):
            rest = [s for s in statement.body if not _is_string(s)]
            if not rest:
                continue
            statement = statement.with_changes(body=rest)
        if kept and isinstance(statement, cst.FunctionDef | cst.ClassDef):
            statement = statement.with_changes(leading_lines=[cst.EmptyLine(indent=False)])
        kept.append(statement)
    return kept


def _is_string(small: cst.BaseSmallStatement) -> bool:
    return isinstance(small, cst.Expr) and isinstance(small.value, cst.SimpleString | cst.ConcatenatedString)


# --- what is needed ------------------------------------------------------------------------------------------------


def _reachable(bodies: list[tuple[str, list[Statement]]]) -> list[tuple[str, list[Statement]]]:
    """Without the definitions that nothing needs which the entry runs. Other statements are all run, and kept."""
    definitions: dict[str, list[Statement]] = {}
    wanted: list[str] = []
    for _, body in bodies:
        for statement in body:
            bound = _bound(statement)
            for name in bound:
                definitions.setdefault(name, []).append(statement)
            if not bound:
                wanted += _names(statement)
    seen: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name not in seen:
            seen.add(name)
            wanted += (used for statement in definitions.get(name, ()) for used in _names(statement))
    return [(name, [s for s in body if not _bound(s) or _bound(s) & seen]) for name, body in bodies]


def _bound(statement: Statement) -> set[str]:
    """The names that a definition or a plain assignment binds; none for any other statement."""
    if isinstance(statement, cst.FunctionDef | cst.ClassDef):
        return {statement.name.value}
    if isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1:
        return _binds(statement.body[0])
    return set()


def _binds(small: cst.BaseSmallStatement) -> set[str]:
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


class _Names(cst.CSTVisitor):
    def __init__(self) -> None:
        self.found: set[str] = set()

    def visit_Name(self, node: cst.Name) -> None:
        self.found.add(node.value)


def _names(node: cst.CSTNode) -> set[str]:
    visitor = _Names()
    node.visit(visitor)
    return visitor.found
