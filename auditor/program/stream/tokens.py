"""What becomes of token ids: validation ids that are clamped, and evaluations that draw a few batches."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from auditor.program.module import Module, Seen
from auditor.program.syntax import last_name, names, strings
from auditor.source.index import of_type

_VOCABULARY = re.compile(r"(?i)vocab|n_tokens|num_embeddings|\bV\b")
_CLAMPS = frozenset(
    {"clamp", "clamp_", "clamp_max", "clamp_max_", "clip", "clip_", "minimum", "remainder", "fmod", "mod"}
)
_OTHER = re.compile(r"(?i)gram|hash|bucket|logit|bias")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws(Seen):
    """An evaluation of `count` randomly drawn validation batches."""

    count: int


def random_draws(module: Module) -> Iterator[Draws]:
    drawing = module.phases.reaching(frozenset({"randint"}))
    for loop in of_type(module.tree, ast.For) if drawing else ():
        over = loop.iter
        if not (isinstance(over, ast.Call) and last_name(over.func) == "range" and len(over.args) == 1):
            continue
        drawn = [c for c in module.phases.calls_from(loop) if last_name(c.func) in drawing and "val" in set(strings(c))]
        count = module.guards.settled.number_of(over.args[0]) if drawn else None
        if count is not None:
            yield Draws(place=module.place(drawn[0]), active=module.reached(drawn[0]), count=int(count))


def clamped_ids(module: Module) -> Iterator[Seen]:
    """Validation token ids that are bounded by the size of a vocabulary."""
    for node in of_type(module.tree, ast.Call, ast.BinOp):
        clamped = _clamped(node)
        if clamped is None:
            continue
        what, bounds = clamped
        if not any(_VOCABULARY.search(name) for bound in bounds for name in names(bound)):
            continue
        mixed = any(_OTHER.search(name) for name in names(node))
        mixed = mixed or any(isinstance(n.op, ast.Mult | ast.BitXor) for n in of_type(what, ast.BinOp))
        if not mixed and "validation" in module.origins.of(what):
            yield Seen(place=module.place(node), active=module.reached(node))


def _clamped(node: ast.AST) -> tuple[ast.expr, list[ast.expr]] | None:
    """(what is clamped, its bounds) of a call or a remainder."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return node.left, [node.right]
    if not (isinstance(node, ast.Call) and last_name(node.func) in _CLAMPS):
        return None
    bounds = [*node.args, *(k.value for k in node.keywords if k.arg != "out")]
    if isinstance(node.func, ast.Attribute) and last_name(node.func.value) not in {"torch", "np", "numpy"}:
        return node.func.value, bounds
    return (bounds[0], bounds[1:]) if bounds else None
