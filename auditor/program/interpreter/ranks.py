"""What the other ranks do. A run is followed as rank 0, whose log is read; but every rank adds to the figure."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from auditor.program.values import RANK, Tags, Value
from auditor.source.index import of_type

_VARIABLES = frozenset({"RANK", "LOCAL_RANK", "SLURM_PROCID", "SLURM_LOCALID", "OMPI_COMM_WORLD_RANK"})


def of_rank(tags: Tags) -> bool:
    """Whether a value is made of which rank it is."""
    return RANK in tags or any(t[0] == "cfg" and t[1] in _VARIABLES for t in tags)


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
