"""Whether a test can come out otherwise at full size: it rests on what the probe chose, counts, clocks and the like.

A test that is made of settings and literals comes out the same, since the settings are as submitted. What its names
were given is followed through assignments, parameters and what functions of the script return, a few steps far.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

_PLAIN = frozenset({
    "int", "float", "bool", "str", "len", "max", "min", "abs", "round", "any", "all", "isinstance", "getattr", "get",
    "lower", "strip", "split", "startswith", "endswith", "replace", "getenv", "issubclass", "callable", "sum", "set",
    "tuple", "list", "sorted", "dict", "parse_args", "numel", "size", "dim", "items", "keys", "values", "range", "zip",
    "enumerate", "is_initialized", "is_available", "get_rank", "get_world_size",
})  # fmt: skip
_STEPS = 4


@dataclass
class Doubts:
    """Of one script. `chosen`: names of settings that the probe gave other values, in lower case."""

    tree: ast.Module
    chosen: frozenset[str]
    _given: dict[str, list[ast.expr]] = field(default_factory=dict)  # name or attribute -> what it is given
    _counted: set[str] = field(default_factory=set)
    _classes: set[str] = field(default_factory=set)
    _functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = field(default_factory=dict)
    _calls: dict[str, list[ast.Call]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    self._note(target, node.value)
            elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
                self._note(node.target, node.value)
            elif isinstance(node, ast.AugAssign | ast.For | ast.comprehension):
                self._counted.update(_names(node.target))
            elif isinstance(node, ast.ClassDef):
                self._classes.add(node.name)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self._functions[node.name] = node
            elif isinstance(node, ast.Call):
                self._calls.setdefault(_called(node), []).append(node)

    def _note(self, target: ast.expr, value: ast.expr) -> None:
        for name in _names(target):
            self._given.setdefault(name, []).append(value)

    def of(self, test: ast.AST | None) -> bool:
        """Whether it may come out otherwise. What has no test (a handler of exceptions) may."""
        return test is None or self._expression(test, _STEPS, frozenset())

    def _expression(self, node: ast.AST, left: int, seen: frozenset[str]) -> bool:
        if isinstance(node, ast.Call):
            name = _called(node)
            if name in ("getenv", "get") and node.args and isinstance(node.args[0], ast.Constant):
                return str(node.args[0].value).lower() in self.chosen
            own = self._functions.get(name)
            if own is not None and left and name not in seen:
                returned = [n.value for n in ast.walk(own) if isinstance(n, ast.Return) and n.value is not None]
                return any(self._expression(value, left - 1, seen | {name}) for value in returned)
            if name in self._classes:
                return False  # an object: what it has is asked for by name
            if name not in _PLAIN:
                return True
            if name == "getattr" and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
                return self._name(str(node.args[1].value), left, seen)
            return any(self._expression(part, left, seen) for part in (node.func, *node.args))
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            return self._name(node.id if isinstance(node, ast.Name) else node.attr, left, seen)
        return any(self._expression(child, left, seen) for child in ast.iter_child_nodes(node))

    def _name(self, name: str, left: int, seen: frozenset[str]) -> bool:
        if name in self._counted or name.lower() in self.chosen or name in ("modules", "builtins", "__builtins__"):
            return True
        if not left or name in seen:
            return False
        values = [*self._given.get(name, ()), *self._arguments(name)]
        return any(self._expression(value, left - 1, seen | {name}) for value in values[:12])

    def _arguments(self, name: str) -> Iterator[ast.expr]:
        """What calls pass for parameters of that name."""
        for function in self._functions.values():
            parameters = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
            every = [*parameters, *(a.arg for a in function.args.kwonlyargs)]
            if name not in every:
                continue
            for call in self._calls.get(function.name, ())[:6]:
                yield from (keyword.value for keyword in call.keywords if keyword.arg == name)
                at = parameters.index(name) if name in parameters else -1
                if 0 <= at < len(call.args) and parameters[:1] != ["self"]:
                    yield call.args[at]


def _names(target: ast.expr) -> Iterator[str]:
    for part in ast.walk(target):
        if isinstance(part, ast.Name | ast.Attribute) and isinstance(part.ctx, ast.Store):
            yield part.id if isinstance(part, ast.Name) else part.attr


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""
