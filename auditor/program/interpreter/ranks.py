"""What the other ranks do. A run is followed as rank 0, whose log is read; but every rank adds to the figure."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from auditor.program.values import RANK, WORLD, Tags, Value
from auditor.program.values import Sequence as Items
from auditor.source.index import of_type

_VARIABLES = frozenset({"RANK", "LOCAL_RANK", "SLURM_PROCID", "SLURM_LOCALID", "OMPI_COMM_WORLD_RANK"})


def of_rank(tags: Tags) -> bool:
    """Whether a value is made of which rank it is."""
    return RANK in tags or any(t[0] == "cfg" and t[1] in _VARIABLES for t in tags)


SHARE = ("share",)
"""Tag of what is made of the tokens that one process reads of those that all of them share out among them."""


def share(index: Tags) -> Tags:
    """The tag of tokens at an index that goes by which of how many processes it is."""
    mine = RANK in index or ("cfg", "RANK") in index
    return frozenset({SHARE}) if mine and (WORLD in index or ("cfg", "WORLD_SIZE") in index) else frozenset()


def together(value: Value, summed: set[int]) -> None:
    """What all processes have put together; `summed` are the outputs of which that is a sum."""
    summed.update(t[1] for t in value.tags if t[0] == "out")
    seen: Value | None = value
    for _ in range(16):
        if seen is None:
            return
        seen.tags -= {SHARE}
        seen = seen.base


def of_all(sent: Value) -> Value:
    """What every process gets of a value that each of them sends."""
    obj = Items([of_all(item) for item in sent.obj.items], sent.obj.exact) if isinstance(sent.obj, Items) else sent.obj
    return Value(sent.tags - {SHARE}, sent.const, obj, sent.base, sent.mutable, sent.recipe)


def alike(arm: Sequence[ast.stmt]) -> bool:
    """Whether an arm that other ranks take leaves alone what the figure is made of: it waits, prints or ends."""
    return all(_alike(statement) for statement in arm)


def _alike(statement: ast.stmt) -> bool:
    if isinstance(statement, (ast.Pass, ast.Raise, ast.Assert)):
        return True
    if isinstance(statement, ast.Return):
        return statement.value is None or isinstance(statement.value, ast.Constant)
    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
        return statement.value is None or _empty(statement.value)
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _empty(value: ast.expr) -> bool:
    """None, a text, an empty container, or a list of None to receive into: nothing that a figure is made of."""
    if not isinstance(value, (ast.Constant, ast.List, ast.Tuple, ast.Dict)):
        return False
    return not any(of_type(value, ast.Name, ast.Call, ast.Attribute)) and not any(
        map(_number, of_type(value, ast.Constant))
    )


def _number(constant: ast.Constant) -> bool:
    return isinstance(constant.value, (int, float)) and not isinstance(constant.value, bool)


def differs(value: Value, other: Value) -> bool:
    """Whether other ranks may have another number, tensor or object where this one has `value`."""
    return value is not other and not (other.known and isinstance(other.const, (str, bytes, bool, type(None))))
