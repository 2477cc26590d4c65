"""Rewrites the script's arithmetic on scores so that Python numbers can be followed; lines and results stay."""

from __future__ import annotations

import ast
import re
from collections import Counter
from typing import TypeGuard

from auditor.probe.blocks import is_kernel, of_triton
from auditor.probe.record.single import CURVES

PROBE = "__golf_probe__"
_SIGNS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
_ORDERS: dict[type[ast.cmpop], str] = {ast.Lt: "<", ast.Gt: ">", ast.LtE: "<=", ast.GtE: ">=",
                                       ast.Eq: "==", ast.NotEq: "!="}  # fmt: skip
_DECIDED = (ast.Lt, ast.Gt, ast.LtE, ast.GtE)  # told of, unless by a number that stands there
_ROUNDS = frozenset(["round", "int", "str", "repr", "format", "floor", "ceil", "trunc", "abs", "fabs", "copysign"])
_METHODS = frozenset(
    [
        "astype",
        "copy",
        "sum",
        "mean",
        "clip",
        "reshape",
        "ravel",
        "flatten",
        "squeeze",
        "transpose",
        "dot",
        "take",
        "item",
        "tolist",
    ]
)
_SCORES = re.compile(
    r"loss|nll|nats|bits|bpb|bpt|ent|(?:^|_)(?:ce|lp|logp|cl|tl|sum|total|acc|mean)(?:_|$|\d)|score|total|avg"
)
"""Names that scores go by, outside of functions that use numpy. Another name costs the number its trace, no more."""


def instrument(tree: ast.Module, path: str) -> ast.Module:
    """The module with its arithmetic on scores routed through `__golf_probe__`. `path` is for the caller's messages."""
    rewritten: ast.Module = ast.fix_missing_locations(_Rewriter().visit(tree))
    return rewritten


class _Rewriter(ast.NodeTransformer):
    """`numpy`: whether the function at hand uses numpy or logarithms, where any name may hold scores."""

    def __init__(self) -> None:
        self.numpy = False
        self._tested = False  # whether what is visited decides a branch
        self._rounded = False  # in such a place, whether a number is made another kind of
        self._differences: frozenset[str] = frozenset()  # names that are given one
        self._told: frozenset[str] = frozenset()  # names of the best so far, that decide nothing by themselves
        self._curves: frozenset[str] = frozenset()  # names that functions of `math` go by
        self._kernels: frozenset[str] = frozenset()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if is_kernel(node, self._kernels):
            return node
        numpy, told, differences, self._tested = self.numpy, self._told, self._differences, False
        self.numpy = numpy or any(_is_numpy(part) or self._is_curve(part) for part in ast.walk(node))
        self._told, self._differences = _best_so_far(node), _differences(node)
        node.body = [self.visit(statement) for statement in node.body]  # never decorators, defaults and annotations
        self.numpy, self._told, self._differences = numpy, told, differences
        return node

    def visit_Module(self, node: ast.Module) -> ast.AST:
        self._kernels, self._curves, self._differences = of_triton(node), _curves(node), _differences(node)
        self.numpy = any(_is_numpy(part) for statement in node.body for part in _own(statement))
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        wanted = self.numpy or _is_score(node.left) or _is_score(node.right) or _is_difference(node)
        tested = self._tested and _is_difference(node)
        self.generic_visit(node)
        if tested:
            return ast.copy_location(_call("d", ast.Constant(_SIGNS[type(node.op)]), node.left, node.right), node)
        sign = _SIGNS.get(type(node.op))
        if sign is None or not wanted:
            return node
        return ast.copy_location(_call("b", ast.Constant(sign), node.left, node.right), node)

    def visit_If(self, node: ast.If) -> ast.AST:
        return self._with_test(node)

    def visit_While(self, node: ast.While) -> ast.AST:
        return self._with_test(node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        return self._with_test(node)

    def _with_test(self, node: ast.If | ast.While | ast.IfExp) -> ast.AST:
        """A difference of two figures that is asked for (`if best - now > 0`) chooses as `<` does."""
        test, self._tested = node.test, True
        node.test = self.visit(test)
        self._tested = False
        test, node.test = node.test, ast.copy_location(ast.Constant(True), test)
        self.generic_visit(node)
        node.test = test
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if self._tested and (self._rounded or node.id in self._differences) and isinstance(node.ctx, ast.Load):
            return ast.copy_location(_call("w", node), node)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """Which of two is the less: chosen by scores, if they are such."""
        self.generic_visit(node)
        sign = _ORDERS.get(type(node.ops[0]))
        sides = (node.left, node.comparators[0])
        if sign is None or len(node.ops) > 1 or any(isinstance(part, ast.Constant) for part in sides):
            return node
        return ast.copy_location(_call("o", ast.Constant(sign), *sides), node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        wanted = isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant)
        wanted = wanted and (self.numpy or _is_score(node.operand))
        self.generic_visit(node)
        return ast.copy_location(_call("u", node.operand), node) if wanted else node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        if not self.numpy or not isinstance(node.ctx, ast.Load):
            return node
        index = _index(node.slice)
        return node if index is None else ast.copy_location(_call("g", node.value, index), node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        if _is_best(node) and getattr(node.targets[0], "id", "") in self._told:
            return node  # it is asked for where a comparison or a line of text does
        self.generic_visit(node)
        target = node.targets[0]
        if not self.numpy or len(node.targets) > 1 or not isinstance(target, ast.Subscript):
            return node
        index = _index(target.slice)
        if index is None:
            return node
        return ast.copy_location(ast.Expr(_call("s", node.value, target.value, index)), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        wanted = self.numpy or _is_score(node.target) or _is_score(node.value)
        node.value = self.visit(node.value)
        sign = _SIGNS.get(type(node.op))
        if sign is None or not _is_plain(node.target) or not wanted:
            return node
        held = _load(node.target)
        value = ast.copy_location(_call("i", ast.Constant(sign), held, node.value), node)
        return ast.copy_location(ast.Assign([node.target], value), node)

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        if self.numpy and isinstance(node.iter, ast.Name | ast.Attribute):
            node.iter = ast.copy_location(_call("v", node.iter), node.iter)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        if self.numpy and not node.is_async and isinstance(node.iter, ast.Name | ast.Attribute):
            node.iter = ast.copy_location(_call("v", node.iter), node.iter)
        return node

    def _is_curve(self, node: ast.AST) -> bool:
        """`math.log(p)`, by whatever name; not `math.log(2.0)`."""
        if not isinstance(node, ast.Call) or not node.args or isinstance(node.args[0], ast.Constant):
            return False
        function = node.func
        if isinstance(function, ast.Name):
            return function.id in self._curves
        return isinstance(function, ast.Attribute) and _is_math(function)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        curve, rounded = self._is_curve(node), self._rounded
        self._rounded = rounded or _word(node.func) in _ROUNDS
        self.generic_visit(node)
        self._rounded = rounded
        if curve and not any(isinstance(argument, ast.Starred) for argument in node.args):
            return _routed("x", node, node.func)
        if not node.args and not isinstance(node.func, ast.Attribute):
            return node
        if isinstance(node.func, ast.Name):
            if isinstance(node.args[0], ast.Starred):
                return node
            if node.func.id in ("min", "max", "sorted"):
                return _routed("c", node, node.func)
            if self.numpy and node.func.id in ("zip", "enumerate"):
                return _routed("z", node, node.func)
            return _routed("f", node, node.func) if node.func.id in ("float", "sum") else node
        if not isinstance(node.func, ast.Attribute):
            return node
        owner, name = node.func.value, node.func.attr
        if isinstance(owner, ast.Name) and owner.id in ("np", "numpy", "math", "statistics"):
            if name in ("mean", "fsum", "sum", "float64") and node.args:
                return _routed("f", node, node.func)
            return _routed("n", node, node.func) if owner.id in ("np", "numpy") else node
        if name == "from_numpy":
            return _routed("n", node, node.func)
        return _routed("m", node, owner, ast.Constant(name)) if self.numpy and name in _METHODS else node


def _is_difference(node: ast.AST) -> TypeGuard[ast.BinOp]:
    """By which two figures are held against each other: what one has more than the other, or how many times as much."""
    return (
        isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub | ast.Div)
        and not any(isinstance(side, ast.Constant) for side in (node.left, node.right))
    )  # fmt: skip


def _differences(function: ast.FunctionDef | ast.Module) -> frozenset[str]:
    """Names that are given the difference of two things: `gain = best - now`."""
    return frozenset(
        part.targets[0].id for part in ast.walk(function)
        if isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name)
        and any(_is_difference(inner) and isinstance(inner.op, ast.Sub) for inner in ast.walk(part.value))
    )  # fmt: skip


def _is_best(node: ast.AST) -> TypeGuard[ast.Assign]:
    """`best = min(best, bpb)`."""
    return (
        isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name)
        and node.value.func.id in ("min", "max") and not node.value.keywords and len(node.value.args) == 2
        and all(isinstance(argument, ast.Name) for argument in node.value.args)
    )  # fmt: skip


def _best_so_far(function: ast.FunctionDef) -> frozenset[str]:
    """Names that are given the lesser of two, and asked for by `<` and in text alone: that is where they decide."""
    names: set[str] = set()
    uses: Counter[str] = Counter()
    for part in ast.walk(function):
        if _is_best(part):
            target = part.targets[0]
            assert isinstance(target, ast.Name)
            assert isinstance(part.value, ast.Call)
            names.add(target.id)
            uses.update(a.id for a in part.value.args if isinstance(a, ast.Name) and a.id == target.id)
        elif isinstance(part, ast.Compare) and len(part.ops) == 1 and isinstance(part.ops[0], _DECIDED):
            sides = (part.left, part.comparators[0])
            if not any(isinstance(side, ast.Constant) for side in sides):
                uses.update(side.id for side in sides if isinstance(side, ast.Name))
        elif isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name):
            uses[part.value.id] += 1
    loads = Counter(n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
    shared = {name for n in ast.walk(function) if isinstance(n, ast.Global | ast.Nonlocal) for name in n.names}
    return frozenset(name for name in names if loads[name] == uses[name] and name not in shared)


def _is_math(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Attribute) and node.attr in CURVES
        and isinstance(node.value, ast.Name) and node.value.id == "math"
    )  # fmt: skip


def _curves(tree: ast.Module) -> frozenset[str]:
    """Names that are given such a function: `_log = math.log`, `from math import exp`."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _is_math(node.value):
            found.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):  # `exp, log = math.exp, math.log`
            for target in node.targets:
                if isinstance(target, ast.Tuple) and len(target.elts) == len(node.value.elts):
                    pairs = zip(target.elts, node.value.elts, strict=True)
                    found.update(t.id for t, value in pairs if isinstance(t, ast.Name) and _is_math(value))
        elif isinstance(node, ast.ImportFrom) and node.module == "math":
            found.update(alias.asname or alias.name for alias in node.names if alias.name in CURVES)
    return frozenset(found)


def _word(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def _routed(method: str, node: ast.Call, *first: ast.expr) -> ast.AST:
    return ast.copy_location(ast.Call(_attribute(method), [*first, *node.args], node.keywords), node)


def _own(statement: ast.stmt) -> list[ast.AST]:
    """The nodes of a statement of the module, those of functions and classes left out."""
    return [] if isinstance(statement, ast.FunctionDef | ast.ClassDef) else list(ast.walk(statement))


def _is_numpy(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == "numpy"
    return isinstance(node, ast.Name) and node.id in ("np", "numpy", "ndarray")


def _index(node: ast.expr) -> ast.expr | None:
    """An index as an expression of its own; None for what has none."""
    if isinstance(node, ast.Slice):
        parts = [ast.Constant(None) if p is None else p for p in (node.lower, node.upper, node.step)]
        return ast.copy_location(ast.Call(_attribute("slice"), parts, []), node)
    if isinstance(node, ast.Tuple):
        elements = [_index(e) for e in node.elts]
        if any(e is None or isinstance(e, ast.Starred) for e in elements):
            return None
        return ast.copy_location(ast.Tuple([e for e in elements if e is not None], ast.Load()), node)
    return None if isinstance(node, ast.Starred) else node


def _is_score(node: ast.expr) -> bool:
    for part in ast.walk(node):
        name = part.id if isinstance(part, ast.Name) else part.attr if isinstance(part, ast.Attribute) else ""
        if name and _SCORES.search(name.lower()):
            return True
    return False


def _is_plain(node: ast.expr) -> bool:
    """Whether reading the target a second time does nothing: names, attributes of names, constant or named indices."""
    if isinstance(node, ast.Name):
        return True
    if isinstance(node, ast.Attribute):
        return _is_plain(node.value)
    if isinstance(node, ast.Subscript):
        return _is_plain(node.value) and isinstance(node.slice, ast.Name | ast.Constant)
    return False


def _load(node: ast.expr) -> ast.expr:
    copy = ast.parse(ast.unparse(node), mode="eval").body
    for part in ast.walk(copy):
        ast.copy_location(part, node)
    return copy


def _attribute(method: str) -> ast.Attribute:
    return ast.Attribute(ast.Name(PROBE, ast.Load()), method, ast.Load())


def _call(method: str, *args: ast.expr) -> ast.Call:
    return ast.Call(_attribute(method), list(args), [])
