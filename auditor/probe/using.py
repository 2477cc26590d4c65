"""What a piece of code does with validation tokens: uses that the run has not seen elsewhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from auditor.probe.speaking import name_of
from auditor.source.walking import nodes as walked

_SIZES = frozenset({"numel", "size", "shape", "dim", "ndim", "dtype", "device", "nbytes", "element_size", "__len__"})
_SAID = frozenset({"print", "log", "log0", "len", "print0", "str", "repr", "isinstance", "type", "hasattr", "id"})
_MASKS = frozenset({"attn_mask", "attn_bias", "mask", "block_mask", "attention_mask"})
_OF_VALIDATION = re.compile(r"^(val|validation)$|_val_|_val[.*]")  # of a file, not of a line of a log


def shards(node: ast.AST) -> Iterator[str]:
    """Strings that make names of validation shards: `path.replace("train", "val")`."""
    for part in walked(node):
        if isinstance(part, ast.Call) and name_of(part) not in _SAID:
            yield from (
                a.value for a in part.args
                if isinstance(a, ast.Constant) and isinstance(a.value, str) and _OF_VALIDATION.search(a.value)
            )  # fmt: skip


def _is_a_part(node: ast.Assign, names: frozenset[str]) -> bool:
    """`part = tokens[:n]`, where `part` held the stream in this run all the same."""
    value = node.value.value if isinstance(node.value, ast.Subscript) else node.value
    targets = all(isinstance(target, ast.Name) and target.id in names for target in node.targets)
    return targets and isinstance(value, ast.Name)


def _is_nothing(index: ast.expr) -> bool:
    """`tokens[:0]`: none of them."""
    return isinstance(index, ast.Slice) and isinstance(index.upper, ast.Constant) and index.upper.value == 0


def uses(
    node: ast.AST, names: frozenset[str], attributes: frozenset[str], given: frozenset[str]
) -> Iterator[str]:  # fmt: skip
    """Names of the stream that are used otherwise than as the run has seen."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
        return
    if isinstance(node, ast.Attribute) and node.attr in _SIZES:
        return
    if isinstance(node, ast.Subscript) and _is_nothing(node.slice):
        return
    if isinstance(node, ast.Assign) and _is_a_part(node, names):
        return
    if isinstance(node, ast.Call):
        name = name_of(node)
        if name in given or name in _SAID or name in _SIZES:
            return
    if isinstance(node, ast.Name) and node.id in names and isinstance(node.ctx, ast.Load):
        yield node.id
    if isinstance(node, ast.Attribute) and node.attr in attributes and isinstance(node.ctx, ast.Load):
        yield node.attr
    for child in ast.iter_child_nodes(node):
        yield from uses(child, names, attributes, given)


def places(function: ast.AST, names: frozenset[str]) -> frozenset[str]:
    """Names that say which part of the stream is taken: of `tokens[begin + late:]` both."""
    return frozenset(
        part.id
        for node in walked(function)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in names
        for part in walked(node.slice) if isinstance(part, ast.Name)
    )  # fmt: skip


def masks(function: ast.AST) -> frozenset[str]:
    """Names that say what attention sees: what it is given as a mask."""
    return frozenset(
        part.id
        for node in walked(function) if isinstance(node, ast.keyword) and node.arg in _MASKS
        for part in walked(node.value) if isinstance(part, ast.Name)
    )  # fmt: skip
