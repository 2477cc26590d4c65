"""A module's statements as the single file has them: names unified; docstrings, comments, functions' types dropped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import libcst as cst

from reference_model.joining.needed import Statement, binds
from reference_model.joining.parts import BuildError, Part, dotted, for_type_checkers


def statements(part: Part, new: Mapping[int, str], outside: Outside) -> list[Statement]:
    """What is left of a module. `new`: id of a node -> the name that stands for it; imports are handed to `outside`."""
    cleaned = part.wrapper.module.visit(_Cleaner(part, new))
    kept: list[Statement] = []
    for statement in cleaned.body:
        if for_type_checkers(statement):
            continue
        if isinstance(statement, cst.SimpleStatementLine):
            rest = [small for small in statement.body if not outside.take(part.name, small)]
            if not rest or binds(rest[0]) == {"__all__"}:
                continue
            statement = statement.with_changes(body=rest)
        kept.append(statement)
    return kept


class Outside:
    """The imports from outside the package, merged: what each bound name stands for."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}  # bound name -> dotted path
        self.plain: set[str] = set()  # import a.b: the path that is loaded
        self.froms: dict[str, tuple[str, str]] = {}  # bound name -> (module, name) for a "from" import

    def take(self, part: str, small: cst.BaseSmallStatement) -> bool:
        """Whether the statement is an import, which is then kept here."""
        if isinstance(small, cst.Import):
            for alias in small.names:
                path = dotted(alias.name)
                if alias.asname is None:
                    self._bind(part, path.split(".")[0], path.split(".")[0])
                    self.plain.add(path)
                else:
                    self._bind(part, cst.ensure_type(alias.asname.name, cst.Name).value, path)
            return True
        if isinstance(small, cst.ImportFrom):
            module = dotted(small.module) if small.module is not None else ""
            if module == "__future__":
                return True
            if isinstance(small.names, cst.ImportStar):
                raise BuildError(f"{part}: a star import cannot be joined")
            for alias in small.names:
                name = dotted(alias.name)
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

    The types of a class's fields stay: dataclasses are made from them. An assertion without a message tells type
    checkers what is so, and is dropped; one with a message is a check, and stays.
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
        further = INDENT if updated_node.last_line.value else ""
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
        return updated_node.with_changes(body=_without_idle(updated_node.body) or [_PASS])

    def leave_Module(self, original_node: cst.Module, updated_node: cst.Module) -> cst.Module:
        return updated_node.with_changes(body=_without_idle(updated_node.body))


INDENT = "\t"  # a byte for each level
_NO_SPACES = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
_PASS = cst.SimpleStatementLine([cst.Pass()])


def _without_idle(body: Iterable[cst.BaseStatement]) -> list[cst.BaseStatement]:
    """Statements without those that do nothing, and one empty line before a definition."""
    kept: list[cst.BaseStatement] = []
    for statement in body:
        if isinstance(statement, cst.SimpleStatementLine):
            rest = [s for s in statement.body if not _says_nothing(s)]
            if not rest:
                continue
            statement = statement.with_changes(body=rest)
        if kept and isinstance(statement, cst.FunctionDef | cst.ClassDef):
            statement = statement.with_changes(leading_lines=[cst.EmptyLine(indent=False)])
        kept.append(statement)
    return kept


def _says_nothing(small: cst.BaseSmallStatement) -> bool:
    """Whether it is a string, or an assertion for type checkers."""
    if isinstance(small, cst.Assert):
        return small.msg is None
    return isinstance(small, cst.Expr) and isinstance(small.value, cst.SimpleString | cst.ConcatenatedString)
