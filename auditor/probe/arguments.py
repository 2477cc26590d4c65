"""Sizes that stand in the code as arguments of functions: `calibrate(model, num_seqs=64, seq_len=2048)`.

No setting reaches them, and a run on the CPU would spend its time there: texts generated for calibration, batches of
Hessians. Where a parameter's default or a keyword argument is a plain number, it is shrunk by its name as settings are.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping

from auditor.probe.shrink import Measures, Scale, shrunk
from auditor.source.index import of_type

_NAMES = re.compile(
    r"(.*_)?seq_len(gth)?|gen_len|(num|n)_?(calib_|gptq_)?(seqs|sequences|samples|batches)|(gptq_|calib_)?nsamples"
    r"|(num_)?calib(ration)?_(seqs|samples|batches)"
)
Arguments = dict[str, int]
"""New values by `name=value` as it stands in the code."""


def arguments(trees: Iterable[ast.Module], own: Measures, scale: Scale) -> Arguments:
    """What to put in the place of which arguments."""
    found: Arguments = {}
    for tree in trees:
        for node in of_type(tree, ast.FunctionDef, ast.Call):
            for name, number, _ in _given(node):
                new = shrunk(name, number, own, scale)
                if new is not None:
                    found[f"{name}={number}"] = new
    return found


class Rewrite(ast.NodeTransformer):
    """Puts the new values in."""

    def __init__(self, values: Mapping[str, int]) -> None:
        self._values = values

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self._replace(node)
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self._replace(node)
        return self.generic_visit(node)

    def _replace(self, node: ast.AST) -> None:
        for name, number, place in _given(node):
            place.value = self._values.get(f"{name}={number}", number)


def _given(node: ast.AST) -> Iterator[tuple[str, int, ast.Constant]]:
    """Numbers that parameters with such a name default to, or that they are called with: name, number, where."""
    pairs: list[tuple[str | None, ast.expr | None]] = []
    if isinstance(node, ast.FunctionDef):
        positional = [*node.args.posonlyargs, *node.args.args]
        with_default = positional[len(positional) - len(node.args.defaults) :]
        pairs += [(a.arg, d) for a, d in zip(with_default, node.args.defaults, strict=True)]
        pairs += [(a.arg, d) for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)]
    elif isinstance(node, ast.Call):
        pairs += [(k.arg, k.value) for k in node.keywords]
    for name, value in pairs:
        if name and _NAMES.fullmatch(name) and isinstance(value, ast.Constant) and type(value.value) is int:
            yield name, value.value, value
