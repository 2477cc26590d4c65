"""Rewrites the script's arithmetic on scores so that Python numbers can be followed; lines and results stay."""

from __future__ import annotations

import ast
import re

PROBE = "__golf_probe__"
_SIGNS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_SCORES = re.compile(
    r"loss|nll|nats|bits|bpb|bpt|ent|(?:^|_)(?:ce|lp|logp|cl|tl|sum|total|acc|mean)(?:_|$|\d)|score|total|avg"
)
"""Names that scores go by. A name that is not among them costs the number its trace, nothing else."""


def instrument(tree: ast.Module, path: str) -> ast.Module:
    """The module with its arithmetic on scores routed through `__golf_probe__`. `path` is for the caller's messages."""
    rewritten: ast.Module = ast.fix_missing_locations(_Rewriter().visit(tree))
    return rewritten


class _Rewriter(ast.NodeTransformer):
    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return node if _is_compiled(node) else self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        sign = _SIGNS.get(type(node.op))
        if sign is None or not (_is_score(node.left) or _is_score(node.right)):
            return node
        return ast.copy_location(_call("b", ast.Constant(sign), node.left, node.right), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        sign = _SIGNS.get(type(node.op))
        if sign is None or not _is_plain(node.target) or not (_is_score(node.target) or _is_score(node.value)):
            return node
        held = _load(node.target)
        value = ast.copy_location(_call("i", ast.Constant(sign), held, node.value), node)
        return ast.copy_location(ast.Assign([node.target], value), node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        if (
            name not in ("float", "sum", "mean", "fsum", "float64")
            or not node.args
            or isinstance(node.args[0], ast.Starred)
        ):
            return node
        if owner is not None and not (
            isinstance(owner, ast.Name) and owner.id in ("np", "numpy", "math", "statistics")
        ):
            return node
        if owner is None and name not in ("float", "sum"):
            return node
        call = ast.Call(_attribute("f"), [node.func, *node.args], node.keywords)
        return ast.copy_location(call, node)


def _is_compiled(node: ast.FunctionDef) -> bool:
    """Functions whose source another compiler reads: their bodies stay as they are."""
    return any(word in ast.unparse(d) for d in node.decorator_list for word in ("jit", "triton", "numba"))


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
