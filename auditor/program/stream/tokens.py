"""What becomes of token ids: targets that are changed on their way to the loss."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.program.model import Program
from auditor.program.module import Seen
from auditor.program.recipe.model import Node, Op, What

_SAME_IDS = frozenset({Op.CHOOSE, Op.EITHER, Op.TABLE, Op.CLAMP, Op.LEAST, Op.MOST})


def changed_targets(program: Program) -> Iterator[Seen]:
    """Where the ids that losses are picked at are bounded from above, or taken modulo something."""
    told: set[tuple[str, int, int]] = set()
    for trace in (program.trace, program.dormant):
        for recipe in (r.recipe for r in trace.reports if r.recipe is not None) if trace is not None else ():
            targets = [n.inputs[1] for n in recipe.walk() if _picks(n)]
            for node in (n for target in targets for n in _ids(target) if _changes(n)):
                if node.place is not None and node.place.key not in told:
                    told.add(node.place.key)
                    yield Seen(place=node.place, active=program.reached(node.place.unit, node.place.line))


def _picks(node: Node) -> bool:
    if node.op is Op.PICK:
        return len(node.inputs) > 1 and node.inputs[0].what in (What.LOG_PROBABILITY, What.PROBABILITY, What.LOGITS)
    return node.op is Op.CROSS_ENTROPY and len(node.inputs) > 1


def _ids(node: Node) -> Iterator[Node]:
    """Everything that ids went through, down to the stream; what they were looked up in is not entered."""
    waiting, seen = [node], {node}
    while waiting:
        at = waiting.pop()
        yield at
        below = at.inputs[at.op is Op.CHOOSE :] if at.op in _SAME_IDS else ()
        waiting += [n for n in below if n not in seen]
        seen.update(below)


def _changes(node: Node) -> bool:
    """A bound from above, or a remainder; `clamp(min=0)` is for targets that are left out."""
    if node.op is Op.HASH:
        return [n.what for n in node.inputs] == [What.TOKENS]
    if node.op not in (Op.CLAMP, Op.LEAST) or not any(n.what is What.TOKENS for n in node.inputs):
        return False
    bounds = [n for n in node.inputs if n.what is not What.TOKENS]
    return any(not (n.op is Op.NUMBER and (n.text == "0" or n.text.startswith("-"))) for n in bounds)
