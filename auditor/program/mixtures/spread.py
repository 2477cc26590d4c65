"""Mixtures of a token model with a byte model in which the token's log-probability is spread over its bytes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from auditor.program.mixtures.flow import Flow, mixes_logarithms, weighted
from auditor.program.module import Module, Seen
from auditor.program.place import Place
from auditor.program.syntax import functions, last_name, names, targets_of
from auditor.source.index import of_type, parent


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteMixture(Seen):
    """A mixture of a token model's log-probability with a byte model's.

    `spread`: where the log-probability is spread over bytes; with `product`, where the byte model's are multiplied up
    to the token's instead. `gate`: where the weight is chosen by a probability of the realised byte, and `reads` what
    that reads.
    """

    spread: Place
    gate: Place | None
    reads: str
    product: bool = False


def spread_mixtures(module: Module) -> Iterator[ByteMixture]:
    """One for every mixing expression of a module's functions."""
    for function in functions(module.tree):
        mixing = [
            node
            for node in of_type(function, ast.BinOp)
            if (weighted(module.origins, node) is not None or mixes_logarithms(node)) and not _averages(node)
        ]
        flow = Flow(module, function) if mixing else None
        for node in mixing:
            if flow is None or module.origins.scope_of(node) is not function:
                continue
            parts = weighted(module.origins, node) or flow.log_weighted(node)
            spread = next((s for c in parts[1] if (s := flow.spread_in(c)) is not None), None) if parts else None
            if parts is not None and spread is not None:
                yield mixture(module, flow, node, parts, spread)


def _averages(node: ast.BinOp) -> bool:
    """`mean = b * mean + (1 - b) * loss`: a running average, which goes on from what it was."""
    above = parent(node)
    kept = {last_name(target) for target in targets_of(above)} if above is not None else set()
    return bool(kept & names(node))


def mixture(
    module: Module,
    flow: Flow,
    node: ast.AST,
    parts: tuple[ast.expr, list[ast.expr]],
    spread: ast.AST,
    *,
    product: bool = False,
) -> ByteMixture:
    """The mixture of a weight and components at a node."""
    gate, reads = flow.gate_of(*parts)
    return ByteMixture(
        place=module.place(node),
        active=module.reached(node, spread),
        spread=module.place(spread),
        gate=None if gate is None else module.place(gate),
        reads=reads,
        product=product,
    )
