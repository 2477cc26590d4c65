"""What of the script could reach the validation tokens and did not run: a hold says nothing of it.

A block is named here where the configuration does not leave it out, the run did not enter it although it came to its
door, it uses a name that held validation tokens in that function, and what decides it may come out otherwise at full
size (`doubt`). Uses that the run has seen elsewhere are passed
over: calls of functions that were given the stream, and what asks for sizes and prints.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

from auditor.findings import Location
from auditor.probe.blocks import Block, Place, blocks, first_line
from auditor.probe.doubt import Doubts
from auditor.probe.measure.confined import Survey
from auditor.probe.model import Unseen
from auditor.rule import Facts
from auditor.source import Unit

_SIZES = frozenset({"numel", "size", "shape", "dim", "ndim", "dtype", "device", "nbytes", "element_size", "__len__"})
_SAID = frozenset({"print", "log", "log0", "len", "print0", "str", "repr", "isinstance", "type", "hasattr", "id"})
_MOST = 20


def unseen(facts: Facts, survey: Survey, changed: Iterable[str]) -> tuple[Unseen, ...]:
    """In the order of the text, at most a few. `changed`: settings that the probe gave other values."""
    chosen = frozenset(name.lstrip("-").replace("-", "_").lower() for name in changed)
    held = {(path, line): frozenset(names) for path, line, names in survey.holders}
    units = [facts.sources.entry, *facts.sources.modules.values()]
    found: list[Unseen] = []
    for unit in dict.fromkeys(u for u in units if u is not None):
        if unit.tree is not None and unit.language == "python":
            entered = {(line, column) for path, line, column in survey.blocks if path == unit.path}
            if entered:  # a unit that was not even imported has no names
                found += _of_unit(facts, unit, entered, held, Doubts(unit.tree, chosen))
    return tuple(found[:_MOST])


def _of_unit(
    facts: Facts, unit: Unit, entered: set[Place], held: Mapping[tuple[str, int], frozenset[str]], doubts: Doubts
) -> Iterator[Unseen]:  # fmt: skip
    assert unit.tree is not None
    every = blocks(unit.tree)
    outer = {block.place: block for block in every}
    given = _given(unit.tree, {line for path, line in held if path == unit.path})
    everywhere = held.get((unit.path, 0), frozenset())
    for block in every:
        if block.is_body or block.place in entered or not _at_the_door(block, outer, entered):
            continue
        names = held.get((unit.path, block.function), frozenset()) | everywhere
        used = sorted({name for node in block.nodes for name in _uses(node, names, given)})
        if not used or all(isinstance(node, ast.Raise) for node in block.nodes):
            continue
        if facts.program.reached(unit, block.place[0]) is False or _decided(facts, unit, block):
            continue
        if not doubts.of(_decides(block.test)):
            continue
        test = ast.unparse(block.test)[:200] if isinstance(block.test, ast.expr) else ""
        yield Unseen(Location(unit.path, block.place[0], block.place[0], unit.layer), tuple(used), test)


def _decides(test: ast.AST | None) -> ast.AST | None:
    """Of a block's test, what decides whether it runs."""
    if isinstance(test, ast.BoolOp):
        return ast.Tuple(test.values[:-1], ast.Load())
    return test.test if isinstance(test, ast.IfExp) else test


def _at_the_door(block: Block, outer: Mapping[Place, Block], entered: set[Place]) -> bool:
    """Whether what the block is in was entered: otherwise that is named, or nothing called it."""
    return block.inside is None or (block.inside in entered and block.inside in outer)


def _decided(facts: Facts, unit: Unit, block: Block) -> bool:
    """Whether a log shows that the branch is not taken."""
    line = getattr(block.test, "lineno", 0)
    return any(p.path == unit.path and p.line == line for p in facts.program.proofs)


def _given(tree: ast.Module, lines: set[int]) -> frozenset[str]:
    """Functions and methods that had the stream in their hands while they ran, by name."""
    functions = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in functions if first_line(node) in lines)


def _is_a_part(node: ast.Assign, names: frozenset[str]) -> bool:
    """`part = tokens[:n]`, where `part` held the stream in this run all the same."""
    value = node.value.value if isinstance(node.value, ast.Subscript) else node.value
    targets = all(isinstance(target, ast.Name) and target.id in names for target in node.targets)
    return targets and isinstance(value, ast.Name)


def _uses(node: ast.AST, names: frozenset[str], given: frozenset[str]) -> Iterator[str]:
    """Names of the stream that are used otherwise than as the run has seen."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
        return
    if isinstance(node, ast.Attribute) and node.attr in _SIZES:
        return
    if isinstance(node, ast.Assign) and _is_a_part(node, names):
        return
    if isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name in given or name in _SAID or name in _SIZES:
            return
    if isinstance(node, ast.Name) and node.id in names and isinstance(node.ctx, ast.Load):
        yield node.id
    for child in ast.iter_child_nodes(node):
        yield from _uses(child, names, given)
