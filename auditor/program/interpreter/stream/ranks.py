"""What the other ranks do. A run is followed as rank 0, whose log is read; but every rank adds to the figure."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Sequence

from auditor.program import vocabulary
from auditor.program.interpreter.around import NOTHING, Around, OnTop
from auditor.program.interpreter.machine import Machine
from auditor.program.tags import NONE, RANK, SHARE, VAL, WORLD, AmongSeveral, InRound, Mark, OfOutput, OfSwitch, Tags
from auditor.program.trace import LEAVES_OUT, OTHER_WEIGHTS
from auditor.program.values import Frame, Instance, Value
from auditor.program.values import Sequence as Items
from auditor.source.index import of_type


def of_rank(tags: Tags) -> bool:
    """Whether a value is made of which rank it is."""
    if not tags or RANK in tags:
        return bool(tags)
    return not vocabulary.NAMES_OF_RANK.isdisjoint([t.name for t in tags if isinstance(t, OfSwitch)])


_FOLDED = Mark("folded-rank")
"""Tag of a number that is the same for several of the processes."""


def folded(op: ast.operator, left: Value, right: Value) -> Tags:
    """`rank // 2`, `rank % 4`"""
    bare = left.known and of_rank(left.tags) and all(t == RANK or isinstance(t, OfSwitch) for t in left.tags)
    divided = isinstance(op, (ast.FloorDiv, ast.Mod, ast.RShift, ast.BitAnd)) and type(right.const) is int
    return frozenset({_FOLDED}) if bare and divided and not right.tags and right.const > 1 else NONE


def shared(m: Machine, frame: Frame, node: ast.AST, container: Tags, index: Tags) -> Tags:
    """Tokens of the validation stream that several processes read, each of them for all."""
    if _FOLDED not in index or VAL not in container or any(isinstance(t, OfOutput) for t in container):
        return NONE
    return m.doubt(
        node, frame, "the places in the stream", "several of the processes score the same ones", against=LEAVES_OUT
    )


def share(index: Tags) -> Tags:
    """The tag of tokens at an index that goes by which of how many processes it is."""
    mine = RANK in index or OfSwitch("RANK") in index
    return frozenset({SHARE}) if mine and (WORLD in index or OfSwitch("WORLD_SIZE") in index) else frozenset()


GATHERED = Mark("gathered")
"""Tag of a list that holds what each of the processes has sent."""

_COMPARED: dict[type[ast.cmpop], Callable[[int, int], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}
_FEWEST, _USUAL = 2, 8  # processes; a record's run has eight


def of_several(op: ast.cmpop, left: Value, right: Value) -> Tags:
    """`world_size == 1`: whether it holds where there are several processes, however many these are."""
    if not left.known and WORLD in left.tags and type(right.const) is int:
        sign, bound = type(op), right.const
    elif not right.known and WORLD in right.tags and type(left.const) is int:
        sign, bound = _TURNED.get(type(op), type(op)), left.const
    else:
        return NONE
    compared = _COMPARED.get(sign)
    if compared is None or compared(_FEWEST, bound) is not compared(_USUAL, bound):
        return NONE
    return frozenset({AmongSeveral(compared(_USUAL, bound))})


def tells(m: Machine, test: ast.expr, value: Value) -> bool:
    """`rank == world_size - 1`: which process it is decides, whatever the loops around have in hand."""
    here = {loop.instance for loop in m.loops}
    if not of_rank(value.tags) or any(isinstance(t, InRound) and t.loop in here for t in value.tags):
        return False
    return not any(isinstance(n.op, (ast.Mod, ast.FloorDiv, ast.BitAnd)) for n in of_type(test, ast.BinOp))


def turned(tags: Tags) -> Tags:
    """`not world_size > 1`"""
    return frozenset([AmongSeveral(not t.holds) if isinstance(t, AmongSeveral) else t for t in tags])


def alone(m: Machine, test: Tags, holds: bool) -> Around:
    """While an arm runs that no process goes into where there are several."""
    only = AmongSeveral(not holds) in test and AmongSeveral(holds) not in test
    return OnTop(m.alone, True) if only else NOTHING


def apart(m: Machine, test: Tags) -> Around:
    """While an arm runs that hangs on which process it is."""
    return OnTop(m.apart, True) if of_rank(test) else NOTHING


def written(m: Machine, modules: Sequence[Instance]) -> None:
    """Weights are given other values: by every process, or only by those that go into the arm around."""
    for module in modules:
        if m.apart:
            m.differing[id(module)] = module
        else:
            m.differing.pop(id(module), None)


def of_some(m: Machine, frame: Frame, node: ast.AST, parts: Sequence[Instance]) -> Tags:
    """A model that scores, whose weights not every process has."""
    if m.apart or m.inside or m.differing.keys().isdisjoint(map(id, parts)):
        return NONE
    why = "some of the processes have other weights than the one that writes the log"
    return m.doubt(node, frame, "the model that scores", why, against=OTHER_WEIGHTS)


def together(m: Machine, value: Value) -> None:
    """All processes have put a value together, if there are several where this happens."""
    if m.alone or any(names & vocabulary.NAMES_OF_SIZE for names, _, _ in m.off):
        return
    m.summed_up.update(t.number for t in value.tags if isinstance(t, OfOutput))
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
