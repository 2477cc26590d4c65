"""Folding of constant expressions on the syntax tree: what a wrapper computes before it executes the result.

Nothing of the program runs. Names, literals, operators, comprehensions, the codecs and pure functions of `library`, the
program's own small functions and reads of the folder's files are evaluated; anything else raises CannotFold.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from auditor.source import library, methods
from auditor.source.files import ROOT, Files
from auditor.source.inflate import InflateError
from auditor.source.values import (
    CannotFold,
    Closure,
    Code,
    EnvironmentText,
    Handle,
    Method,
    ModuleValue,
    Namespace,
    Origin,
    OutOfSteps,
    Scope,
    Symbol,
    Unknown,
    Value,
)

MAX_STEPS = 1_500_000
"""Expressions and statements evaluated per source text (about a second)."""

MAX_MADE = 256 << 20
"""Bytes of the values that one source text makes in all; one alone may have `inflate.MAX_OUTPUT`."""

MAX_DEPTH = 40
"""Calls of the program's own functions within each other."""

_BUILTIN_NAMES = frozenset(
    {"exec", "eval", "compile", "open", "print", "len", "bytes", "bytearray", "str", "int", "list", "dict", "tuple"}
    | {"set", "range", "zip", "map", "enumerate", "reversed", "sorted", "chr", "ord", "getattr", "globals", "vars"}
    | {"memoryview", "bool", "min", "max", "sum", "any", "all", "__import__"}
)


class Constants:
    """Evaluates expressions of one source text in a scope; remembers where folded text came from."""

    def __init__(self, files: Files, path: str, scope: Scope | None = None) -> None:
        self.files = files
        self.path = path
        self.scope = scope or Scope()
        self.scope.top.names.setdefault("__file__", posixpath.join(ROOT, path))
        self.scope.top.names["__name__"] = "__main__"
        self.steps = 0
        self.made = 0
        self.depth = 0
        self.origins: dict[str | bytes, Origin] = {}

    # -- expressions -------------------------------------------------------------------------------------------------

    def fold(self, node: ast.expr, scope: Scope) -> Value:
        """The value of an expression. Raises CannotFold, OutOfSteps."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise OutOfSteps
        handler = _EXPRESSIONS.get(type(node))
        if handler is None:
            raise CannotFold(f"a {type(node).__name__} expression")
        try:
            value = handler(self, node, scope)
        except (CannotFold, OutOfSteps):
            raise
        except InflateError as error:
            raise CannotFold(str(error)) from None
        except Exception as error:
            # Constants of the wrong type or shape: what would be an exception when the program runs.
            raise CannotFold(f"{type(error).__name__}: {str(error)[:80]}") from None
        if not isinstance(node, _NOT_MADE):
            self._spend(value)
        return value

    def _spend(self, value: Value) -> None:
        self.made += methods.size(value)
        if self.made > MAX_MADE:
            raise OutOfSteps

    def known(self, node: ast.expr, scope: Scope) -> Value:
        """The value, or Unknown."""
        try:
            return self.fold(node, scope)
        except CannotFold as error:
            return Unknown(str(error))

    def _constant(self, node: ast.Constant, scope: Scope) -> Value:
        return node.value

    def _name(self, node: ast.Name, scope: Scope) -> Value:
        if scope.has(node.id):
            value = scope.find(node.id)
            if isinstance(value, Unknown):
                raise CannotFold(value.why)
            return value
        if node.id in ("__builtins__", "builtins"):
            return Symbol("builtins")
        if node.id in _BUILTIN_NAMES:
            return Symbol(f"builtins.{node.id}")
        raise CannotFold(f"the name {node.id} is not known")

    def _attribute(self, node: ast.Attribute, scope: Scope) -> Value:
        return self.attribute(self.fold(node.value, scope), node.attr)

    def attribute(self, owner: Value, name: str) -> Value:
        if isinstance(owner, Symbol):
            full = f"{owner.name}.{name}"
            if full in library.CONSTANTS:
                return library.CONSTANTS[full]
            if full == "sys.argv":
                return [self.scope.top.names["__file__"]]
            return Symbol(full, owner.args, owner.kwargs)
        if isinstance(owner, ModuleValue):
            if name in owner.attributes:
                return owner.attributes[name]
            if name in ("__dict__", "loader"):
                return Namespace(owner) if name == "__dict__" else owner
            return {"__name__": owner.name, "name": owner.name}.get(name, Method(owner, name))
        if isinstance(owner, Handle) and name == "name" and owner.path is not None:
            return owner.path
        if isinstance(owner, PurePosixPath) and name in ("parent", "name", "stem", "suffix", "parents", "parts"):
            return getattr(owner, name) if name != "parents" else list(owner.parents)
        return Method(owner, name)

    def _subscript(self, node: ast.Subscript, scope: Scope) -> Value:
        owner = self.fold(node.value, scope)
        if isinstance(node.slice, ast.Slice):
            parts = [
                None if p is None else self.fold(p, scope)
                for p in (node.slice.lower, node.slice.upper, node.slice.step)
            ]
            return self.note(owner, owner[slice(*parts)])
        key = self._key(node.slice, scope)
        if isinstance(owner, Symbol) and isinstance(key, str):
            return Symbol(f"builtins.{key}") if owner.name in ("builtins", "builtins.__dict__") else Symbol(key)
        if isinstance(owner, Scope) and isinstance(key, str):
            return self._name(ast.Name(key), owner)
        value = owner[key]
        if isinstance(value, Unknown):
            raise CannotFold(value.why)
        return value

    def _binary(self, node: ast.BinOp, scope: Scope) -> Value:
        # A sum of hundreds of literals is a deep tree to the left: walk it down without recursion.
        chain: list[ast.BinOp] = [node]
        while isinstance(chain[-1].left, ast.BinOp):
            chain.append(chain[-1].left)
        value = self.fold(chain[-1].left, scope)
        for link in reversed(chain):
            self.steps += 1
            if link is not node:
                self._spend(value)
            value = methods.binary(link.op, value, self.fold(link.right, scope))
        return value

    def _unary(self, node: ast.UnaryOp, scope: Scope) -> Value:
        value = self.fold(node.operand, scope)
        if isinstance(node.op, ast.Not):
            return not self.truth(value)
        if isinstance(value, (int, float)):
            return -value if isinstance(node.op, ast.USub) else +value if isinstance(node.op, ast.UAdd) else ~int(value)
        raise CannotFold("an operator on a value that is not a number")

    def truth(self, value: Value) -> bool:
        if isinstance(value, (Symbol, Closure, Unknown, Method, EnvironmentText)):
            raise CannotFold("a condition that is not known")
        return bool(value)

    def _condition(self, node: ast.IfExp, scope: Scope) -> Value:
        return self.fold(node.body if self.truth(self.fold(node.test, scope)) else node.orelse, scope)

    def _both(self, node: ast.BoolOp, scope: Scope) -> Value:
        value: Value = None
        for part in node.values:
            value = self.fold(part, scope)
            if self.truth(value) is isinstance(node.op, ast.Or):
                break
        return value

    def _compare(self, node: ast.Compare, scope: Scope) -> bool:
        left = self.fold(node.left, scope)
        for kind, part in zip(node.ops, node.comparators, strict=True):
            right = self.fold(part, scope)
            if isinstance(left, _NOT_COMPARED) or isinstance(right, _NOT_COMPARED):
                raise CannotFold("a condition that is not known")
            if not methods.compare(kind, left, right):
                return False
            left = right
        return True

    def _sequence(self, node: ast.List | ast.Tuple | ast.Set, scope: Scope) -> Value:
        items: list[Value] = []
        for item in node.elts:
            if isinstance(item, ast.Starred):
                more = self.iterate(self.fold(item.value, scope))
                methods.check_size(len(items) + len(more), items)
                items.extend(more)
            else:
                items.append(self.fold(item, scope))
        if not isinstance(node, ast.Set):
            return items if isinstance(node, ast.List) else tuple(items)
        methods.check_parts(items)
        return set(items)

    def _dict(self, node: ast.Dict, scope: Scope) -> dict[Value, Value]:
        result: dict[Value, Value] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                result.update(self.fold(value, scope))
            else:
                result[self._key(key, scope)] = self.known(value, scope)
        return result

    def _key(self, node: ast.expr, scope: Scope) -> Value:
        key = self.fold(node, scope)
        methods.check_parts(key)
        return key

    def _joined(self, node: ast.JoinedStr, scope: Scope) -> str:
        parts: list[str] = []
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                if part.format_spec is not None or part.conversion not in (-1, 115):
                    raise CannotFold("a format with a specification")
                parts.append(methods.call_method("{}", "format", [self.fold(part.value, scope)], {}))
            else:
                parts.append(self.fold(part, scope))
        return str(methods.call_method("", "join", [parts], {}))

    def _lambda(self, node: ast.Lambda, scope: Scope) -> Closure:
        return Closure(node, scope)

    def _walrus(self, node: ast.NamedExpr, scope: Scope) -> Value:
        scope.names[node.target.id] = value = self.fold(node.value, scope)
        return value

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp, scope: Scope) -> Value:
        result: list[Value] = []
        self._generate(node.generators, Scope({}, scope), lambda inner: result.append(self.fold(node.elt, inner)))
        if not isinstance(node, ast.SetComp):
            return result
        methods.check_parts(result)
        return set(result)

    def _dict_comprehension(self, node: ast.DictComp, scope: Scope) -> dict[Value, Value]:
        result: dict[Value, Value] = {}

        def put(inner: Scope) -> None:
            result[self._key(node.key, inner)] = self.fold(node.value, inner)

        self._generate(node.generators, Scope({}, scope), put)
        return result

    def _generate(self, generators: list[ast.comprehension], scope: Scope, emit: Callable[[Scope], None]) -> None:
        if not generators:
            emit(scope)
            return
        first, rest = generators[0], generators[1:]
        for item in self.iterate(self.fold(first.iter, scope)):
            self.bind(first.target, item, scope)
            if all(self.truth(self.fold(test, scope)) for test in first.ifs):
                self._generate(rest, scope, emit)

    def iterate(self, value: Value) -> list[Value]:
        if isinstance(value, Handle) and value.text:
            return value.data.decode("utf-8", errors="replace").splitlines(keepends=True)
        return list(library.PURE["builtins.list"](value))

    def bind(self, target: ast.expr, value: Value, scope: Scope) -> None:
        """Assign to a name or to a tuple of names; anything else is not tracked."""
        if isinstance(target, ast.Name):
            scope.names[target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            items: list[Value]
            try:
                items = self.iterate(value)
            except CannotFold as error:
                items = [Unknown(str(error))] * len(target.elts)
            if len(items) != len(target.elts):
                items = [Unknown("unpacked from a sequence that is not known")] * len(target.elts)
            for element, item in zip(target.elts, items, strict=True):
                self.bind(element, item, scope)
        elif isinstance(target, ast.Starred):
            self.bind(target.value, Unknown("a starred assignment"), scope)

    def _call(self, node: ast.Call, scope: Scope) -> Value:
        function = self.fold(node.func, scope)
        args: list[Value] = []
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                args.extend(self.iterate(self.fold(argument.value, scope)))
            else:
                args.append(self.known(argument, scope))
        kwargs: dict[str, Value] = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                kwargs.update(self.fold(keyword.value, scope))
            else:
                kwargs[keyword.arg] = self.known(keyword.value, scope)
        return self.call(function, args, kwargs, node, scope)

    def call(self, function: Value, args: list[Value], kwargs: dict[str, Value], node: ast.Call, scope: Scope) -> Value:
        """The value of a call; what can be called is the business of the subclass."""
        raise CannotFold("a call")

    # -- origins -----------------------------------------------------------------------------------------------------

    def note(self, source: Value, result: Value, codec: str | None = None) -> Value:
        """Note that `result` was made of `source` (and by which codec); returns `result`."""
        if isinstance(source, Code):
            source = source.text
        if isinstance(source, Handle):
            source = source.data
        origin = self.origin(source)
        if codec is None and origin == Origin():
            return result
        steps = ((codec,) if codec else ()) + origin.codecs
        for item in (
            result if isinstance(result, (list, tuple)) else result.values() if isinstance(result, dict) else [result]
        ):
            value = item.text if isinstance(item, Code) else bytes(item) if isinstance(item, bytearray) else item
            if isinstance(value, (str, bytes)) and len(value) > 15:
                self.origins.setdefault(value, Origin(origin.path, steps))
        return result

    def origin(self, value: Value) -> Origin:
        value = bytes(value) if isinstance(value, (bytearray, memoryview)) else value
        return self.origins.get(value, Origin()) if isinstance(value, (str, bytes)) else Origin()


_NOT_MADE = (ast.Constant, ast.Name, ast.Attribute, ast.NamedExpr, ast.IfExp, ast.BoolOp)  # hand on what there is
_NOT_COMPARED = (Symbol, Handle, Unknown, EnvironmentText)
_EXPRESSIONS: dict[type[ast.expr], Callable[[Constants, Any, Scope], Value]] = {
    ast.Constant: Constants._constant,
    ast.Name: Constants._name,
    ast.Attribute: Constants._attribute,
    ast.Subscript: Constants._subscript,
    ast.BinOp: Constants._binary,
    ast.UnaryOp: Constants._unary,
    ast.IfExp: Constants._condition,
    ast.BoolOp: Constants._both,
    ast.Compare: Constants._compare,
    ast.List: Constants._sequence,
    ast.Tuple: Constants._sequence,
    ast.Set: Constants._sequence,
    ast.Dict: Constants._dict,
    ast.JoinedStr: Constants._joined,
    ast.Lambda: Constants._lambda,
    ast.NamedExpr: Constants._walrus,
    ast.ListComp: Constants._comprehension,
    ast.SetComp: Constants._comprehension,
    ast.GeneratorExp: Constants._comprehension,
    ast.DictComp: Constants._dict_comprehension,
    ast.Call: Constants._call,
}
