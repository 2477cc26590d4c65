"""Mixtures of a token model with the product of a byte model's probabilities over the bytes of the token.

The products of the tokens of a vocabulary do not sum to one: a token that begins another one takes its mass twice.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from auditor.program.mixtures.flow import WIDTH, Flow, weighted
from auditor.program.mixtures.spread import ByteMixture, mixture
from auditor.program.module import Module
from auditor.program.syntax import Function, functions, last_name, names
from auditor.source.index import of_type, own_of_type, parent

_LOGARITHMS = frozenset({"log", "log2", "ln", "_ln", "logf"})
_DEPTH = 6


def product_mixtures(module: Module) -> Iterator[ByteMixture]:
    """One for every mixture of a token's log-probability with a sum of logarithms over its bytes."""
    for function in functions(module.tree):
        if not any(_adds(node) for node in own_of_type(function, ast.AugAssign)):
            continue
        flow = Flow(module, function)
        sums = dict(_sums(function, flow))
        for node in own_of_type(function, ast.BinOp) if sums else ():
            parts = weighted(module.origins, node) or flow.log_weighted(node)
            if parts is None:
                continue
            for one, other in (parts[1], parts[1][::-1]):
                summed = flow.aliases(one) & sums.keys()
                if summed and _of_the_model(flow, other):
                    yield mixture(module, flow, node, parts, sums[min(summed)], product=True)
                    break


def _adds(node: ast.AugAssign) -> bool:
    return isinstance(node.op, ast.Add) and isinstance(node.target, ast.Name)


def _sums(function: Function, flow: Flow) -> Iterator[tuple[str, ast.AugAssign]]:
    """`s += log(p)` in a loop over the bytes of a token that counts them, where `s` starts anew with every token."""
    for node in of_type(function, ast.AugAssign):
        if not _adds(node) or not isinstance(node.target, ast.Name):
            continue
        loops = _loops(node, function)
        if len(loops) < 2 or not _over_bytes(loops[0]):
            continue
        name, inner = node.target.id, loops[0]
        starts = [a for a in of_type(loops[1], ast.Assign) if any(_sets_to_zero(a, t, name) for t in a.targets)]
        anew = any(_loops(a, function)[:1] == loops[1:2] for a in starts)
        if anew and _counts(inner) and _logarithm(flow, node.value, 0, set()):
            yield name, node


def _loops(node: ast.AST, function: Function) -> list[ast.For | ast.While]:
    """The loops around a node, innermost first."""
    found: list[ast.For | ast.While] = []
    current = parent(node)
    while current is not None and current is not function:
        if isinstance(current, ast.For | ast.While):
            found.append(current)
        current = parent(current)
    return found


def _over_bytes(loop: ast.For | ast.While) -> bool:
    """A loop over something's elements, or over as many as a token has bytes; not one over orders or positions."""
    if not isinstance(loop, ast.For) or not isinstance(loop.target, ast.Name):
        return False
    if not isinstance(loop.iter, ast.Call):
        return True
    called = last_name(loop.iter.func)
    if called != "range":
        return called != "reversed"
    return any(last_name(a.func) == "len" for a in of_type(loop.iter, ast.Call)) or any(
        WIDTH.search(name) for name in names(loop.iter)
    )


def _sets_to_zero(node: ast.Assign, target: ast.expr, name: str) -> bool:
    if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
        pairs = zip(target.elts, node.value.elts, strict=False)
        return any(isinstance(t, ast.Name) and t.id == name and _is_zero(v) for t, v in pairs)
    return isinstance(target, ast.Name) and target.id == name and _is_zero(node.value)


def _is_zero(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and not isinstance(node.value, str) and node.value == 0


def _counts(loop: ast.For | ast.While) -> bool:
    """Whether the loop counts its element in a table: `d[b] = d.get(b, 0) + 1`, `d[b] += 1`."""
    if not isinstance(loop, ast.For) or not isinstance(loop.target, ast.Name):
        return False
    for node in of_type(loop, ast.Assign, ast.AugAssign):
        target = node.target if isinstance(node, ast.AugAssign) else node.targets[0]
        if isinstance(target, ast.Subscript) and loop.target.id in names(target.slice):
            return True
    return False


def _logarithm(flow: Flow, node: ast.expr, depth: int, seen: set[str]) -> bool:
    if any(last_name(call.func) in _LOGARITHMS for call in of_type(node, ast.Call)):
        return True
    fresh = {n.id for n in of_type(node, ast.Name)} - seen
    seen |= fresh
    return depth < _DEPTH and any(
        _logarithm(flow, value, depth + 1, seen) for name in sorted(fresh) for value in flow.values.get(name, ())
    )


def _of_the_model(flow: Flow, node: ast.expr) -> bool:
    """Whether a component is, by what it is made of, the log-probability of the model."""
    values = [value for alias in flow.aliases(node) for value in flow.values.get(alias, ())]
    return any(flow.is_loss(value) for value in (node, *values))
