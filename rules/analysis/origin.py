"""Where a value comes from: validation tokens, training tokens, or a stored blob.

Names are followed through assignments, parameters (to the arguments at every call in the unit) and attributes (to
every assignment of that attribute), a bounded number of steps. File patterns decide, names of variables do not.
"""

from __future__ import annotations

import ast
import re
from functools import cached_property, lru_cache
from typing import Literal

from auditor.source.index import children, of_type, own_nodes, parents
from rules.analysis.syntax import Function, assignments, calls, functions, last_name

Kind = Literal["validation", "training", "blob"]

_DEPTH = 12
_BUDGET = 6000  # nodes visited per question
_VALIDATION = re.compile(r"fineweb_val_(?!bytes)|(?<![a-z])val(?:idation)?(?:_\*|_[0-9*{]|\*)|^val(?:idation)?$")
_TRAINING = re.compile(r"fineweb_train_|(?<![a-z])train(?:_\*|_[0-9*{]|\*)|^train$")
_BLOB_CALLS = {"decompress", "frombuffer", "b85decode", "b64decode", "a85decode", "read_bytes", "unpackbits"}


@lru_cache(maxsize=32)
def origins_of(tree: ast.Module) -> Origins:
    """The one `Origins` of a module: several rules ask it."""
    return Origins(tree)


class Origins:
    """Answers questions about one module."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self._left = 0
        self._known: dict[ast.AST, frozenset[Kind]] = {}

    @cached_property
    def above(self) -> dict[ast.AST, ast.AST]:
        return parents(self.tree)

    @cached_property
    def functions(self) -> dict[str, Function]:
        return {f.name: f for f in functions(self.tree)}

    @cached_property
    def _calls(self) -> dict[str, list[ast.Call]]:
        found: dict[str, list[ast.Call]] = {}
        for call in calls(self.tree):
            found.setdefault(last_name(call.func), []).append(call)
        return found

    @cached_property
    def _attributes(self) -> dict[str, list[ast.expr]]:
        """attribute name -> every value assigned to it, in a class body or as `x.name = value`."""
        found: dict[str, list[ast.expr]] = {}
        for node in of_type(self.tree, ast.ClassDef, ast.Assign):
            if isinstance(node, ast.ClassDef):
                for target, value, _ in assignments(node):
                    if isinstance(target, ast.Name):
                        found.setdefault(target.id, []).append(value)
            else:
                for target in node.targets:
                    if isinstance(target, ast.Attribute):
                        found.setdefault(target.attr, []).append(node.value)
        return found

    @cached_property
    def _local(self) -> dict[ast.AST, dict[str, list[ast.expr]]]:
        """scope -> name -> the values it is assigned there (loop targets: what is iterated)."""
        return {scope: self._names_of(scope) for scope in (self.tree, *functions(self.tree))}

    def _names_of(self, scope: ast.AST) -> dict[str, list[ast.expr]]:
        found: dict[str, list[ast.expr]] = {}
        for target, value, _ in assignments(scope):
            for name in _targets(target):
                found.setdefault(name, []).append(value)
        for node in own_nodes(scope):
            if isinstance(node, ast.For | ast.comprehension):
                for name in _targets(node.target):
                    found.setdefault(name, []).append(node.iter)
            elif isinstance(node, ast.withitem) and node.optional_vars is not None:
                for name in _targets(node.optional_vars):
                    found.setdefault(name, []).append(node.context_expr)
            elif isinstance(node, ast.NamedExpr):
                found.setdefault(node.target.id, []).append(node.value)
        return found

    def scope_of(self, node: ast.AST) -> ast.AST:
        current = self.above.get(node)
        while current is not None and not isinstance(current, ast.FunctionDef | ast.AsyncFunctionDef):
            current = self.above.get(current)
        return current or self.tree

    def assigned(self, node: ast.expr) -> list[ast.expr]:
        """The values that a name is assigned in its function; the expression itself where it is no such name."""
        values = self._local.get(self.scope_of(node), {}).get(node.id, []) if isinstance(node, ast.Name) else []
        return values or [node]

    def of(self, node: ast.AST) -> frozenset[Kind]:
        """What the value of an expression is made of; empty where nothing is known of it."""
        if node not in self._known:
            self._left = _BUDGET
            self._known[node] = frozenset(self._of(node, self.scope_of(node), 0, set()))
        return self._known[node]

    def _of(self, node: ast.AST, scope: ast.AST, depth: int, seen: set[tuple[str, int]]) -> set[Kind]:
        self._left -= 1
        if depth > _DEPTH or self._left < 0:
            return set()
        if isinstance(node, ast.Constant):
            return _of_text(node.value) if isinstance(node.value, str) else set()
        if isinstance(node, ast.Name):
            return self._of_name(node.id, scope, depth, seen)
        if isinstance(node, ast.Attribute):
            return self._of_attribute(node, scope, depth, seen)
        if isinstance(node, ast.Call):
            return self._of_call(node, scope, depth, seen)
        if isinstance(node, ast.Compare):
            return set()
        if isinstance(node, ast.Subscript):
            return self._of(node.value, scope, depth, seen)
        found: set[Kind] = set()
        for child in children(node):
            if isinstance(child, ast.expr):
                found |= self._of(child, scope, depth, seen)
        return found

    def _of_name(self, name: str, scope: ast.AST, depth: int, seen: set[tuple[str, int]]) -> set[Kind]:
        if (name, id(scope)) in seen:
            return set()
        seen.add((name, id(scope)))
        found: set[Kind] = set()
        values = self._local.get(scope, {}).get(name, [])
        for value in values:
            found |= self._of(value, scope, depth + 1, seen)
        if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
            found |= self._of_parameter(name, scope, depth, seen)
            if not values and not _has_parameter(scope, name):
                found |= self._of_name(name, self.scope_of(scope), depth + 1, seen)
        return found

    def _of_parameter(self, name: str, scope: Function, depth: int, seen: set[tuple[str, int]]) -> set[Kind]:
        found: set[Kind] = set()
        for argument in self.arguments(scope, name):
            found |= self._of(argument, self.scope_of(argument), depth + 1, seen)
        return found

    def arguments(self, function: Function, parameter: str) -> list[ast.expr]:
        """What is passed for a parameter at the calls of a function."""
        names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
        own = function.name
        if names[:1] == ["self"]:
            names = names[1:]
            holder = self.above.get(function)
            if own == "__init__" and isinstance(holder, ast.ClassDef):
                own = holder.name
        found = []
        for call in self._calls.get(own, []):
            found += [k.value for k in call.keywords if k.arg == parameter]
            if parameter in names and names.index(parameter) < len(call.args):
                found.append(call.args[names.index(parameter)])
        return found

    def _of_attribute(self, node: ast.Attribute, scope: ast.AST, depth: int, seen: set[tuple[str, int]]) -> set[Kind]:
        key = ("." + node.attr, 0)
        found: set[Kind] = set()
        known = self._attributes.get(node.attr, [])
        if known and key not in seen:
            seen.add(key)
            for value in known:
                found |= self._of(value, self.scope_of(value), depth + 1, seen)
        if not known:
            found |= self._of(node.value, scope, depth + 1, seen)  # tokens.T, tokens.long
        return found

    def _of_call(self, node: ast.Call, scope: ast.AST, depth: int, seen: set[tuple[str, int]]) -> set[Kind]:
        name = last_name(node.func)
        found: set[Kind] = {"blob"} if name in _BLOB_CALLS else set()
        if name == "Hyperparameters":
            return found
        for argument in (*node.args, *(k.value for k in node.keywords)):
            found |= self._of(argument, scope, depth + 1, seen)
        if isinstance(node.func, ast.Attribute):
            found |= self._of(node.func.value, scope, depth + 1, seen)
        function = self.functions.get(name)
        if function is not None and ("()" + name, 0) not in seen:
            seen.add(("()" + name, 0))
            for inner in of_type(function, ast.Return):
                if inner.value is not None:
                    found |= self._of(inner.value, function, depth + 1, seen)
        return found


def _has_parameter(function: Function, name: str) -> bool:
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    return any(a is not None and a.arg == name for a in every)


def _targets(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Tuple | ast.List):
        return [name for element in node.elts for name in _targets(element)]
    if isinstance(node, ast.Starred):
        return _targets(node.value)
    return []


def _of_text(text: str) -> set[Kind]:
    found: set[Kind] = set()
    if _VALIDATION.search(text):
        found.add("validation")
    if _TRAINING.search(text):
        found.add("training")
    return found
