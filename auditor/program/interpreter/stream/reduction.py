"""What the processes put together: sums over all of them, over some, what each of them sends to the others."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from collections.abc import Sequence as Seq

from auditor.program import vocabulary
from auditor.program.holdings import deep_tags, module_parts
from auditor.program.interpreter.language import assignment
from auditor.program.interpreter.machine import Machine, root
from auditor.program.interpreter.stream import ranks
from auditor.program.joins import options as alternatives
from auditor.program.positions import Position
from auditor.program.recipe.model import Op, What
from auditor.program.tags import NONE, SHARE, VAL, WORLD, Mark, OfOutput, Tags, has
from auditor.program.trace import CHANGES_LOSSES
from auditor.program.values import External, Frame, Instance, Sequence, Value

_OF_SOME = Mark("of-some")
"""Tag of a group that is not known to hold every process."""


def function(
    m: Machine, frame: Frame, node: ast.AST, name: str, args: list[Value], kwargs: dict[str, Value]
) -> Value | None:
    """The functions of `torch.distributed` by which processes hear of each other."""
    if name in vocabulary.SUMS_OVER_PROCESSES and args:
        tags = _reduced(m, frame, node, args[0], [*args[1:], *kwargs.values()])
        args[0].tags |= tags
        root(args[0]).tags |= tags  # `for total in (losses, tokens): all_reduce(total)`
    if name in ("broadcast", "broadcast_object_list"):
        sent_to_all(m, args[:1])
    if name in (*vocabulary.SUMS_OVER_PROCESSES, "broadcast", "barrier", "synchronize"):
        return args[0] if args else Value(const=None)
    if name in vocabulary.GATHERS_PROCESSES and len(args) >= 2:
        return gathered(m, args[0], args[1])
    return _group(m, name, args, kwargs) if name in vocabulary.GROUPS_OF_PROCESSES else None


def _reduced(m: Machine, frame: Frame, node: ast.AST, total: Value, options: Seq[Value]) -> Tags:
    """`all_reduce(losses, op=ReduceOp.MIN)`: of the processes' totals the lowest, or highest, one."""
    told = [way.obj for option in options for way in alternatives(option)]
    named = [way.dotted.rpartition(".")[2] for way in told if isinstance(way, External)]
    named += _either(m, frame, node)
    of_stream = VAL in total.tags and total.recipe is not None
    if of_stream and any(_OF_SOME in option.tags for option in options):
        return m.doubt(node, frame, "a reduction over the processes", "it is over a group of them, not over all")
    if total.recipe is not None and "AVG" not in named:
        held = root(total)
        before = m.reduced.get(id(held))
        m.reduced[id(held)] = (held, total.recipe)
        if before is not None and before[1] == total.recipe:
            why = "it is summed up over the processes twice, and counts as often as there are"
            return m.doubt(node, frame, "a reduction over the processes", why)
    ranks.together(m, total)
    if mixed := _apart(m, frame, node, total, named):
        return mixed
    if not {"MIN", "MAX", "PRODUCT"} & set(named) or not has(total.tags, OfOutput):
        return NONE
    return m.doubt(
        node, frame, "a reduction over the processes", "it is no sum of what they have scored", against=CHANGES_LOSSES
    )


def _either(m: Machine, frame: Frame, node: ast.AST) -> list[str]:
    """`op=ReduceOp.AVG if total is losses else ReduceOp.SUM`: the operations of which it may be either."""
    given = [*node.args, *(k.value for k in node.keywords)] if isinstance(node, ast.Call) else []
    chosen = [g for g in given if isinstance(g, ast.IfExp) and not m.evaluate(frame, g.test).known]
    return [arm.attr for g in chosen for arm in (g.body, g.orelse) if isinstance(arm, ast.Attribute)]


def _apart(m: Machine, frame: Frame, node: ast.AST, total: Value, named: Seq[str]) -> Tags:
    """Losses of which the processes take the mean, beside tokens or bytes that they sum up, or the other way round."""
    recipe = total.recipe
    losses = recipe is not None and recipe.what in (What.NATS, What.BITS)
    if losses and (recipe is None or recipe.op not in (Op.ACCUMULATE, Op.SUM) or VAL not in total.tags):
        return NONE  # a mean already, or of training
    # Of what measures nothing a sum may be one of counts; gradients are parts of a module.
    plain = recipe is None and root(total).obj is None and "AVG" not in named
    counts = plain if recipe is None else recipe.what in (What.COUNT, What.NUMBER, What.BYTES)
    if not (losses or counts) or {"MIN", "MAX", "PRODUCT"} & set(named):
        return NONE
    ways = m.means.setdefault(m.calls[-1] if m.calls else None, {True: set(), False: set()})
    ways[losses].add("AVG" in named)
    if len(set(named) & {"AVG", "SUM"}) > 1:  # `op=AVG if total is losses else SUM`: which one each gets is not known
        ways[losses].add(False)
    if len(ways[True] | ways[False]) < 2 or not all(ways.values()):
        return NONE
    why = "of the losses and of what they are divided by, one is a sum over the processes and one a mean"
    return m.doubt(node, frame, "a reduction over the processes", why, against=CHANGES_LOSSES)


def sent_to_all(m: Machine, values: Seq[Value]) -> None:
    """What one process has is what all of them have from here on."""
    for value in values:
        held = root(value).obj
        if isinstance(held, Instance):
            for part in module_parts(held):
                m.differing.pop(id(part), None)


def gathered(m: Machine, into: Value, sent: Value) -> Value:
    """Every rank holds what this one sends."""
    sent = ranks.of_all(sent)
    if isinstance(into.obj, Sequence):
        into.obj.items = [sent]
        into.obj.exact = False
        into.tags |= {ranks.GATHERED}
    assignment.mutate(m, into, Value(deep_tags(sent) - {SHARE}))
    return Value(const=None)


def _group(m: Machine, name: str, args: Seq[Value], kwargs: Mapping[str, Value]) -> Value:
    """`new_group()` is of all processes, and so is one of as many as there are."""
    members = args[0] if args else kwargs.get("ranks")
    everyone = name == "new_group" and (members is None or (members.known and members.const is None))
    if everyone or (name == "new_group" and members is not None and _is_everyone(m, members)):
        return Value(obj=External("torch.distributed.group"))
    return Value(frozenset({_OF_SOME}), obj=External("torch.distributed.group"))


def _is_everyone(m: Machine, members: Value) -> bool:
    """`range(world_size)`, in whatever container."""
    several = m.environment("WORLD_SIZE", None)
    if isinstance(members.const, (range, list, tuple)):
        return isinstance(several, int) and sorted(members.const) == list(range(several))
    if not isinstance(members.obj, Sequence):
        return False
    if members.obj.exact:
        numbers = [item.const for item in members.obj.items]
        return isinstance(several, int) and numbers == list(range(several))
    return all(any(_is_size(bound) for bound in m.extents.bounds(item)) for item in members.obj.items)


def _is_size(last: Position) -> bool:
    """The number of the last process: one less than there are."""
    count = last.plus(Position(1))
    terms = list(count.terms) if count is not None and not count.constant else []
    return [factor for term, factor in terms if isinstance(term, Value) and WORLD in term.tags] == [1]
