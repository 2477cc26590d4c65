"""What a mixing expression is made of: its weight, its components, and where these come from.

The weight and the components are followed through the assignments of one function (list appends and stores into arrays
included) and from parameters to arguments.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from auditor.program import vocabulary
from auditor.program.module import Module
from auditor.program.origin import Origins
from auditor.program.syntax import Function, last_name, names, number, targets_of
from auditor.source.index import of_type, own_nodes, walk

_DEPTH = 8
WIDTH = re.compile(r"(?i)^(n_?b(ytes)?|num_?bytes|len(gth)?s?|\w*_lens?|\w*byte_?(len|count)s?|tok\w*_bytes|nbytes)$")
LOSS = re.compile(r"(?i)nll|log_?p|lp\b|lp_|_lp|loss|nv|log_?prob")
_TOTAL = re.compile(r"(?i)total|sum|count$|^n$|all")
_PROBABILITY = re.compile(r"(?i)(^|_)p(_|$)|prob")
_WRAPPERS = frozenset(
    {"exp", "log", "log2", "float", "max", "min", "maximum", "minimum", "clip", "array", "asarray", "int", "ln", "log_"}
)


def weighted(origins: Origins, node: ast.BinOp) -> tuple[ast.expr, list[ast.expr]] | None:
    """(weight, components) of `w * a + (1 - w) * b`, whichever parts of it have a name."""
    if not isinstance(node.op, ast.Add):
        return None
    for one, other in ((node.left, node.right), (node.right, node.left)):
        for weight, first in _factors(origins, one):
            for rest, second in _factors(origins, other):
                if _complement(_written(origins, rest)) == ast.unparse(weight):
                    return weight, [first, second]
    return None


def _factors(origins: Origins, node: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    node = _written(origins, node)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        yield node.left, node.right
        yield node.right, node.left


def _written(origins: Origins, node: ast.expr) -> ast.expr:
    """The operation that a name stands for, where it stands for one alone."""
    values = origins.assigned(node) if isinstance(node, ast.Name) else []
    return values[0] if len(values) == 1 and isinstance(values[0], ast.BinOp) else node


def _complement(node: ast.expr) -> str:
    """`w` of `1 - w`."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and number(node.left) == 1:
        return ast.unparse(node.right)
    return ""


class Flow:
    """Assignments of one function, and where their values come from."""

    def __init__(self, module: Module, function: Function) -> None:
        self.module = module
        self.origins = origins = module.origins
        self.function = function
        self.values: dict[str, list[ast.expr]] = {}
        closed_over: list[ast.AST] = []
        outer = origins.scope_of(function)
        while isinstance(outer, Function):
            closed_over += own_nodes(outer)
            outer = origins.scope_of(outer)
        for node in (*of_type(function, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Call), *closed_over):
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) and node.value is not None:
                for target in targets_of(node):
                    self._keep(target, node.value)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _grows(node):
                self._keep(node.func.value, node.args[0])

    def _keep(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            for one, other in zip(target.elts, value.elts, strict=True):
                self._keep(one, other)
            return
        if isinstance(target, ast.Tuple | ast.List):
            return
        name = last_name(target)
        if name:
            self.values.setdefault(name, []).append(value)

    def log_weighted(self, node: ast.BinOp) -> tuple[ast.expr, list[ast.expr]] | None:
        """The same in logarithms: `max(a, c) + log1p(exp(-abs(a - c)))` with a = log(w) + x, c = log(1 - w) + y."""
        if not mixes_logarithms(node):
            return None
        components: list[ast.expr] = []
        weight: ast.expr | None = None
        for name in sorted(names(node)):
            for value in self.values.get(name, ()):
                if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
                    for log, rest in ((value.left, value.right), (value.right, value.left)):
                        if isinstance(log, ast.Call) and log.args and last_name(log.func) in {"log", "_ln", "ln"}:
                            components.append(rest)
                            weight = weight if _complement(log.args[0]) else log.args[0]
        return (weight, components) if weight is not None and len(components) > 1 else None

    def spread_in(self, node: ast.AST, depth: int = 0, seen: set[tuple[str, str]] | None = None) -> ast.AST | None:
        """The division of a log-probability by a number of bytes (or that root of a probability) in an expression.

        Names are followed to what they are assigned or passed, calls of the module's functions to what these return.
        """
        seen = set() if seen is None else seen
        if depth > _DEPTH:
            return None
        for inner in of_type(node, ast.BinOp):
            if self._spreads(inner):
                return inner
        return next(
            (hit for flow, value in self._made_of(node, seen) if (hit := flow.spread_in(value, depth + 1, seen))), None
        )

    def _made_of(self, node: ast.AST, seen: set[tuple[str, str]]) -> Iterator[tuple[Flow, ast.expr]]:
        """The expressions behind an expression's names and calls, each with the function that it stands in."""
        own = self.function.name
        for name in sorted({n.id for n in of_type(node, ast.Name)}):
            if (own, name) in seen:
                continue
            seen.add((own, name))
            yield from ((self, value) for value in self.values.get(name, ()))
            for passed in self.origins.arguments(self.function, name):
                scope = self.origins.scope_of(passed)
                yield (Flow(self.module, scope) if isinstance(scope, Function) else self), passed
        for call in of_type(node, ast.Call):
            called = self.origins.functions.get(last_name(call.func))
            if called is None or (called.name, "return") in seen:
                continue
            seen.add((called.name, "return"))
            for statement in own_nodes(called):
                if isinstance(statement, ast.Return) and statement.value is not None:
                    yield Flow(self.module, called), statement.value

    def is_loss(self, node: ast.expr) -> bool:
        """Whether a value is a log-probability of the model, by what it is made of or by its name."""
        return "loss" in self.module.measures.of(node) or any(LOSS.search(name) for name in names(node))

    def _spreads(self, node: ast.BinOp) -> bool:
        """A log-probability over a number of bytes, or that root of a probability."""
        if isinstance(node.op, ast.Div):
            return self._is_width(node.right) and self.is_loss(node.left) and not self._is_total(node)
        power = node.right
        if not isinstance(node.op, ast.Pow) or not isinstance(power, ast.BinOp) or not isinstance(power.op, ast.Div):
            return False  # a temperature's sharpening is no root
        if number(power.left) != 1 or not self._is_width(power.right):
            return False
        return self.is_loss(node.left) or any(_PROBABILITY.search(name) for name in names(node.left))

    def _is_width(self, node: ast.expr, depth: int = 0) -> bool:
        """The length of something, or a name that is set to, or given, nothing else."""
        while isinstance(node, ast.Call) and last_name(node.func) in {"float", "int", "max"} and node.args:
            node = node.args[0]
        if isinstance(node, ast.Call):
            return last_name(node.func) == "len"
        if WIDTH.search(last_name(node)):
            return True
        if not isinstance(node, ast.Name) or depth > _DEPTH:
            return False
        scope = self.origins.scope_of(node)
        passed = self.origins.arguments(scope, node.id) if isinstance(scope, Function) else []
        values = [value for value in self.origins.assigned(node) if value is not node] + passed
        return bool(values) and all(self._is_width(value, depth + 1) for value in values)

    def _is_total(self, node: ast.BinOp) -> bool:
        return any(_TOTAL.search(name) for name in names(node) if not LOSS.search(name))

    # --- gates ------------------------------------------------------------------------------------------------------

    def gate_of(self, weight: ast.expr, components: list[ast.expr]) -> tuple[ast.AST | None, str]:
        """Where the weight is chosen by comparing a component's own probability, and what that reads."""
        own = {n for c in components for n in self.aliases(c)}
        for condition in self.conditions(weight):
            for compare in of_type(condition, ast.Compare):
                for side in (compare.left, *compare.comparators):
                    shared = self.aliases(side) & own
                    if shared:
                        return compare, min(shared)
        return None, ""

    def conditions(self, node: ast.expr, depth: int = 0, seen: set[str] | None = None) -> Iterator[ast.expr]:
        """The conditions that an expression's value depends on, through the names in it."""
        seen = set() if seen is None else seen
        if depth > _DEPTH:
            return
        for inner in walk(node):
            if isinstance(inner, ast.IfExp):
                yield inner.test
                yield from self.conditions(inner.test, depth + 1, seen)
            elif isinstance(inner, ast.Call) and last_name(inner.func) == "where" and inner.args:
                yield inner.args[0]
                yield from self.conditions(inner.args[0], depth + 1, seen)
            elif isinstance(inner, ast.Name) and inner.id not in seen:
                seen.add(inner.id)
                for value in self.values.get(inner.id, ()):
                    if depth and isinstance(value, ast.Compare | ast.BoolOp | ast.UnaryOp):
                        yield value
                    yield from self.conditions(value, depth + 1, seen)

    def aliases(self, node: ast.expr, seen: set[str] | None = None) -> set[str]:
        """The names that stand for an expression's value, under exp, log, float and indexing."""
        seen = set() if seen is None else seen
        if isinstance(node, ast.Subscript):
            return self.aliases(node.value, seen)
        if isinstance(node, ast.UnaryOp):
            return self.aliases(node.operand, seen)
        if isinstance(node, ast.Call) and last_name(node.func).lstrip("_") in _WRAPPERS and node.args:
            return {a for argument in node.args for a in self.aliases(argument, seen)}
        if not isinstance(node, ast.Name) or node.id in seen:
            return set()
        seen.add(node.id)
        found = {node.id}
        for value in self.values.get(node.id, ()):
            found |= self.aliases(value, seen)
        return found


def _grows(call: ast.Call) -> bool:
    return last_name(call.func) in vocabulary.GROW and bool(call.args)


def mixes_logarithms(node: ast.BinOp) -> bool:
    """Whether a sum has the form of a mixture in logarithms."""
    inside = {last_name(n.func) for n in of_type(node, ast.Call)} if isinstance(node.op, ast.Add) else set()
    return "exp" in inside and bool(inside & {"log1p", "log", "_ln", "ln"})
