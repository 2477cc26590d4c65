"""Which functions of a module score validation tokens, and which lines run after training. Structure, not names."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cached_property

from auditor.program import vocabulary
from auditor.program.origin import Origins
from auditor.program.syntax import (
    Function,
    assignments,
    called,
    calls,
    function_name,
    function_of,
    last_name,
    line_of,
    names,
)
from auditor.source.index import of_type, own_nodes, own_of_type, parent, walk

_DEPTH = 4


class Phases:
    """Phases of one module. `scoring`: functions that compute losses without gradients, and what they call.

    `budgets`: the attributes that keep how long the program is to train.
    """

    def __init__(self, origins: Origins, budgets: frozenset[str]) -> None:
        self._reckoned_in: dict[ast.AST, frozenset[str]] = {}
        self._origins = origins
        self._budgets = budgets
        self.tree = origins.tree
        self.own = origins.own
        self.functions = origins.functions
        self._trees = (origins.tree, *origins.beside)

    @cached_property
    def scoring(self) -> frozenset[str]:
        roots = {name for name, f in self.functions.items() if self._scores(f) and not _trains(f)}
        return self._reached_from(roots, self.collectors)

    @cached_property
    def collectors(self) -> frozenset[str]:
        """The functions that sum activations for quantization; what a main function sums itself, the trace tells."""
        found = (name for name, f in self.functions.items() if _collects_statistics(f) and not _trains(f))
        return frozenset(found)

    def _reached_from(self, roots: set[str], without: frozenset[str] = frozenset()) -> frozenset[str]:
        found = roots - without
        frontier = set(found)
        for _ in range(_DEPTH):
            called = set().union(*(self._called_in[name] for name in frontier))
            frontier = (called & self.functions.keys()) - found - without
            found |= frontier
        return frozenset(found)

    def reaching(self, names: frozenset[str]) -> frozenset[str]:
        """The functions that call one of these names, be it through others."""
        found: set[str] = set()
        for _ in range(_DEPTH):
            found |= {n for n, f in self.functions.items() if n not in found and self._called_in[n] & (names | found)}
        return frozenset(found)

    @cached_property
    def modules(self) -> frozenset[str]:
        """The names of the classes that have parameters."""
        classes = (holder for tree in self._trees for holder in of_type(tree, ast.ClassDef))
        return frozenset(c.name for c in classes if any(last_name(base) == "Module" for base in c.bases))

    def called_by(self, node: ast.AST) -> list[Function]:
        """The functions that a piece of code calls, be it through others; an optimizer's own step is none of them."""
        roots = {self._named(call) for call in calls(node)} & self.functions.keys() - vocabulary.TRAINING_STEPS
        return [self.functions[name] for name in sorted(self._reached_from(roots))]

    def calls_from(self, node: ast.AST) -> Iterator[ast.Call]:
        """The calls of a piece of code, and of the functions that it calls."""
        for part in (node, *self.called_by(node)):
            yield from calls(part)

    @cached_property
    def _called_in(self) -> dict[str, set[str]]:
        return {name: {self._named(c) for c in calls(f)} for name, f in self.functions.items()}

    def _named(self, call: ast.Call) -> str:
        """The name of what is called; `model.train()` is no call of a function of that name that stands by itself."""
        name = last_name(call.func)
        function = self.functions.get(name)
        if function is None or name not in vocabulary.SELF or not isinstance(call.func, ast.Attribute):
            return name
        return name if isinstance(parent(function), ast.ClassDef) else ""

    @cached_property
    def training_end(self) -> tuple[ast.AST, int] | None:
        """(scope, line) behind the outermost training loop of the scope that trains and then evaluates."""
        others = [f for name, f in self.functions.items() if self.own.get(name) is not f]
        return self._last_training((self.tree, *self.own.values())) or self._last_training(others)

    def _last_training(self, scopes: Iterable[ast.AST]) -> tuple[ast.AST, int] | None:
        best: tuple[ast.AST, int] | None = None
        for scope in scopes:
            for node in own_of_type(scope, ast.For, ast.While):
                if self._is_training(node):
                    end = getattr(node, "end_lineno", None) or node.lineno
                    if best is None or end > best[1]:
                        best = scope, end
        return best

    def _is_training(self, loop: ast.For | ast.While) -> bool:
        """Whether a loop trains the model from training tokens, or for as long as the settings say."""
        if not {called(c) for c in self.calls_from(loop)} >= vocabulary.TRAINING_STEPS:
            return False
        return self.is_budgeted(loop) or any("training" in self._origins.of(call) for call in calls(loop))

    def is_budgeted(self, loop: ast.AST) -> bool:
        """Whether code watches the wall clock or the number of iterations; test-time training does not."""
        return bool(names(loop) & {*self._budgets, *self._reckoned(self._origins.scope_of(loop))})

    def _reckoned(self, scope: ast.AST) -> frozenset[str]:
        """The names of a scope that are reckoned from the settings, once for all its loops."""
        known = self._reckoned_in.get(scope)
        if known is None:
            known = self._reckoned_in[scope] = frozenset(
                last_name(target)
                for target, value, _ in assignments(scope)
                if names(value) & self._budgets and not any(True for _ in of_type(value, ast.Call))
            )
        return known

    def _scores(self, function: Function) -> bool:
        """Whether a function does something with validation tokens without gradients."""
        made = {called(c) for c in calls(function)}
        decorated = any(last_name(d) in vocabulary.NO_GRADIENT for d in function.decorator_list)
        if not (made & vocabulary.NO_GRADIENT or decorated):
            return False
        return any("validation" in self._origins.of(part) for part in of_type(function, ast.Subscript, ast.Call))

    def after_training(self, node: ast.AST) -> bool:
        """Whether a node stands behind the training loop, in the scope that holds it."""
        end = self.training_end
        if end is None or line_of(node) <= end[1]:
            return False
        return any(n is node for n in own_nodes(end[0]))

    def in_scoring(self, node: ast.AST) -> bool:
        return function_name(node) in self.scoring


def _trains(function: Function) -> bool:
    """A main function, which scores and trains."""
    made = {called(c) for c in calls(function)}
    return "init_process_group" in made or {"backward", "state_dict"} <= made


def _gram(node: ast.AST) -> bool:
    """`x.T @ x`, `x.t().matmul(x)`: the sum that a Hessian estimate is made of."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        left, right = ast.dump(node.left), ast.dump(node.right)
        return left != right and (_plain(node.left) == right or _plain(node.right) == left)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"addmm_", "matmul"}:
        return any(_plain(a) == ast.dump(b) for a in (*node.args, node.func.value) for b in node.args if a is not b)
    return False


def _plain(node: ast.expr) -> str:
    """The expression that is transposed, dumped; "" where nothing is."""
    if isinstance(node, ast.Attribute) and node.attr in {"T", "mT"}:
        return ast.dump(node.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"t", "transpose"}:
        return ast.dump(node.func.value)
    return ""


def _collects_statistics(function: Function) -> bool:
    """Whether a function sums activations for quantization: a Gram matrix that is added up, or hooks that add up."""
    hooked = any(called(c).startswith("register_forward") for c in calls(function))
    grams = [n for n in of_type(function, ast.BinOp, ast.Call) if _gram(n)]
    if hooked and grams:
        return True
    added = [n for n in of_type(function, ast.AugAssign) if isinstance(n.op, ast.Add)]
    if hooked:
        return any(function_of(node) is not function for node in added)
    return any(isinstance(n, ast.Call) for n in grams) or any(
        gram in walk(node.value) for node in added for gram in grams
    )
