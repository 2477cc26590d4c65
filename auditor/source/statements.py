"""The statements of a module, walked in order with folded values.

Both branches of a condition that is not known are walked; a name on whose value they differ is not known afterwards.
A statement whose effect can't be folded is passed over.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any

from auditor.source import library
from auditor.source.calls import Folder
from auditor.source.files import Files
from auditor.source.methods import check_parts
from auditor.source.values import CannotFold, Closure, ModuleValue, Scope, Symbol, Unknown, Value
from auditor.source.walking import nodes

_MAX_LOOP = 100_000
_STILL = 4
"""Turns of a `while` loop after which it is asked whether anything changes."""

_LONG_FUNCTION = 40
"""Statements of a function from which on it is called only for what it executes, not for what it returns."""


class _Return(Exception):
    def __init__(self, value: Value) -> None:
        self.value = value


class _LeaveLoop(Exception):
    pass


class Walker(Folder):
    """Walks statements; `executing` names the functions whose calls are always walked."""

    def __init__(self, files: Files, path: str, scope: Scope | None, executing: frozenset[str]) -> None:
        super().__init__(files, path, scope)
        self.executing = executing
        self.seen: set[int] = set()  # functions that were walked
        self.busy: set[int] = set()
        self.generators: dict[int, bool] = {}
        self.may_leave = False  # a way out of the loop that is walked was taken on a condition that is not known

    def block(self, body: Iterable[ast.stmt], scope: Scope) -> None:
        for statement in body:
            self.steps += 1
            handler = _STATEMENTS.get(type(statement))
            if handler is not None:
                try:
                    handler(self, statement, scope)
                except CannotFold:
                    continue  # its effect is unknown; names that it assigns were set so by the handler

    def whole(self, body: Iterable[ast.stmt], scope: Scope) -> bool:
        """Walk statements by themselves; False where a `return`, `break` or `continue` leads out of them."""
        try:
            self.block(body, scope)
        except (_Return, _LeaveLoop):
            return False
        return True

    def _import_names(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            name = alias.name if alias.asname else alias.name.partition(".")[0]
            scope.names[alias.asname or name] = Symbol(name)

    def _import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        for alias in node.names:
            full = f"{node.module}.{alias.name}"
            if alias.name != "*":
                known = full in library.CONSTANTS
                scope.names[alias.asname or alias.name] = library.CONSTANTS[full] if known else Symbol(full)
            else:
                prefix = f"{node.module}."
                for name in (*library.CODECS, *library.CONSTANTS):
                    if name.startswith(prefix) and "." not in name[len(prefix) :]:
                        value = library.CONSTANTS.get(name, Symbol(name))
                        scope.names[name[len(prefix) :]] = value

    def _assign(self, node: ast.Assign, scope: Scope) -> None:
        value = self.known(node.value, scope)
        for target in node.targets:
            self._store(target, value, scope)

    def _annotated(self, node: ast.AnnAssign, scope: Scope) -> None:
        if node.value is not None:
            self._store(node.target, self.known(node.value, scope), scope)

    def _augmented(self, node: ast.AugAssign, scope: Scope) -> None:
        left = ast.copy_location(ast.BinOp(_as_load(node.target), node.op, node.value), node)
        self._store(node.target, self.known(left, scope), scope)

    def _store(self, target: ast.expr, value: Value, scope: Scope) -> None:
        if isinstance(target, (ast.Subscript, ast.Attribute)):
            owner = self.fold(target.value, scope)
            if isinstance(owner, ModuleValue) and isinstance(target, ast.Attribute):
                owner.attributes[target.attr] = value
            elif isinstance(owner, (dict, list)) and isinstance(target, ast.Subscript):
                owner[self._key(target.slice, scope)] = value
            elif isinstance(owner, Scope) and isinstance(target, ast.Subscript):
                owner.names[str(self.fold(target.slice, scope))] = value
            return
        self.bind(target, value, scope)

    def _expression(self, node: ast.Expr, scope: Scope) -> None:
        if not isinstance(node.value, ast.Constant):
            self.fold(node.value, scope)

    def _define(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        scope.names[node.name] = Closure(node, scope)

    def _define_class(self, node: ast.ClassDef, scope: Scope) -> None:
        scope.names[node.name] = Unknown(f"the class {node.name} is not followed")

    def _if(self, node: ast.If, scope: Scope) -> None:
        try:
            taken = self.truth(self.fold(node.test, scope))
        except CannotFold as error:
            self._both_ways([node.body, node.orelse], scope, str(error))
            return
        self.block(node.body if taken else node.orelse, scope)

    def _both_ways(self, ways: list[list[ast.stmt]], scope: Scope, why: str) -> None:
        """Walk alternatives from the same state; a name on whose value they differ is not known afterwards."""
        before = dict(scope.names)
        results: list[dict[str, Value]] = []
        for way in ways:
            scope.names = dict(before)
            try:
                self.block(way, scope)
            except (_Return, _LeaveLoop):
                self.may_leave = True
                continue  # what follows is not reached this way
            results.append(scope.names)
        merged = dict(before)
        for result in results:
            merged.update({k: v for k, v in result.items() if isinstance(v, (Symbol, Closure)) or k not in before})
        for name in merged:
            if not all(name in r and _same(r[name], merged[name]) for r in results) and name in before:
                merged[name] = Unknown(f"{name} depends on a condition: {why}")
        scope.names = merged

    def _for(self, node: ast.For, scope: Scope) -> None:
        try:
            items = self.iterate(self.fold(node.iter, scope))[:_MAX_LOOP]
        except CannotFold as error:
            self.bind(node.target, Unknown(str(error)), scope)
            self._both_ways([node.body, []], scope, str(error))
            return
        for item in items:
            self.bind(node.target, item, scope)
            if not self.once(node.body, scope):
                return
        self.block(node.orelse, scope)

    def once(self, body: list[ast.stmt], scope: Scope) -> bool:
        """One pass of a loop's body; False where the loop is left, or may be for a reason that is not known."""
        outside, self.may_leave = self.may_leave, False
        try:
            self.block(body, scope)
        except _LeaveLoop as leave:
            return leave.args != ("break",)
        finally:
            left, self.may_leave = self.may_leave, outside
        return not left

    def _while(self, node: ast.While, scope: Scope) -> None:
        for turn in range(_MAX_LOOP):
            before = _snapshot(scope) if turn < _STILL else None
            try:
                if not self.truth(self.fold(node.test, scope)):
                    return
            except CannotFold as error:
                self._both_ways([node.body, []], scope, str(error))
                return
            if not self.once(node.body, scope):
                return
            if before is not None and _unchanged(before, _snapshot(scope)):
                return  # left by something that folding does not see: an exception, a return, another thread

    def _with(self, node: ast.With | ast.AsyncWith, scope: Scope) -> None:
        for item in node.items:
            value = self.known(item.context_expr, scope)
            if item.optional_vars is not None:
                self.bind(item.optional_vars, value, scope)
        self.block(node.body, scope)

    def _try(self, node: ast.Try, scope: Scope) -> None:
        self.block([*node.body, *node.orelse, *node.finalbody], scope)
        # A handler runs when something is missing here that folding takes to be there; walk it for what it executes.
        for handler in node.handlers:
            if self.handler_matters(handler):
                self._both_ways([handler.body, []], scope, "an exception")

    def handler_matters(self, handler: ast.ExceptHandler) -> bool:
        """Whether an exception handler is walked."""
        return False

    def _return(self, node: ast.Return, scope: Scope) -> None:
        raise _Return(self.known(node.value, scope) if node.value is not None else None)

    def _leave(self, node: ast.Break | ast.Continue, scope: Scope) -> None:
        raise _LeaveLoop("break" if isinstance(node, ast.Break) else "continue")

    # -- functions ---------------------------------------------------------------------------------------------------

    def run_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> Value:
        if id(node) not in self.generators:
            self.generators[id(node)] = _is_generator(node)
        if self.generators[id(node)] or (node.name not in self.executing and len(node.body) > _LONG_FUNCTION):
            raise CannotFold(f"a call of {node.name}")
        value = self.run(node, scope)
        if isinstance(value, Unknown):
            raise CannotFold(value.why)
        return value

    def run(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> Value:
        self.seen.add(id(node))
        if id(node) in self.busy:
            raise CannotFold(f"{node.name} calls itself")
        self.busy.add(id(node))
        try:
            self.block(node.body, scope)
        except _Return as result:
            return result.value
        except _LeaveLoop:
            return None
        finally:
            self.busy.discard(id(node))
        return None


def _as_load(target: ast.expr) -> ast.expr:
    if isinstance(target, ast.Name):
        return ast.copy_location(ast.Name(target.id, ast.Load()), target)
    return target


def _is_generator(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(n, (ast.Yield, ast.YieldFrom, ast.Await)) for n in nodes(node))


def _same(a: Value, b: Value) -> bool:
    if a is b or type(a) is not type(b):
        return a is b
    try:
        check_parts(a, b)
        return bool(a == b)
    except (CannotFold, RecursionError):  # tuples of tuples of tuples
        return False


def _snapshot(scope: Scope) -> list[tuple[str, Value, int]]:
    """Names, values, and the sizes of values that can grow in place."""
    return [(k, v, len(v) if isinstance(v, (list, dict, set, bytearray)) else 0) for k, v in scope.names.items()]


def _unchanged(before: list[tuple[str, Value, int]], after: list[tuple[str, Value, int]]) -> bool:
    return len(before) == len(after) and all(
        a[0] == b[0] and a[2] == b[2] and _same(a[1], b[1]) for a, b in zip(before, after, strict=True)
    )


_STATEMENTS: dict[type[ast.stmt], Callable[[Walker, Any, Scope], None]] = {
    ast.Import: Walker._import_names,
    ast.ImportFrom: Walker._import_from,
    ast.Assign: Walker._assign,
    ast.AnnAssign: Walker._annotated,
    ast.AugAssign: Walker._augmented,
    ast.Expr: Walker._expression,
    ast.FunctionDef: Walker._define,
    ast.AsyncFunctionDef: Walker._define,
    ast.ClassDef: Walker._define_class,
    ast.If: Walker._if,
    ast.For: Walker._for,
    ast.While: Walker._while,
    ast.With: Walker._with,
    ast.AsyncWith: Walker._with,
    ast.Try: Walker._try,
    ast.Return: Walker._return,
    ast.Break: Walker._leave,
    ast.Continue: Walker._leave,
}
