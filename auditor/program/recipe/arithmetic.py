"""What arithmetic makes of what its operands measure: sums, products, and whether a mixture is still normalized."""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence

from auditor.program.place import Place
from auditor.program.recipe.model import Node, Op, Over, Sees, What, bounded, number, sees_of, unknown

Operands = Sequence[Node]

_LN2 = math.log(2.0)
PROBABILISTIC = (What.PROBABILITY, What.LOG_PROBABILITY, What.NATS, What.BITS)
"""What a distribution is told by; what a rule asks whether it is normalized."""


RUNNING = "running total"
"""Text of the function that gives what comes together up to each position."""


def made(
    op: Op,
    nodes: Operands,
    place: Place | None,
    what: What,
    over: Over | None = None,
    normalized: bool | None = None,
    text: str = "",
) -> Node:
    """A node of what its inputs see, bounded in depth."""
    return bounded(Node(op, tuple(nodes), what, over, normalized, sees_of(nodes), text, place))


def binary(op: ast.operator, left: Node, right: Node, place: Place | None, *, in_loop: bool) -> Node:
    """An operator on two measured operands."""
    if (key := _key(left, right, place) or _mangled(op, left, right, place)) is not None:
        return key
    if isinstance(op, ast.Add):
        return add(left, right, place, in_loop=in_loop)
    if isinstance(op, ast.Sub):
        return _subtract(left, right, place)
    if isinstance(op, ast.Mult):
        return _multiply(left, right, place)
    if isinstance(op, (ast.Div, ast.FloorDiv)):
        return _divide(left, right, place)
    if isinstance(op, ast.Pow):
        return made(Op.POWER, (left, right), place, left.what if left.what is What.NUMBER else What.OTHER)
    if isinstance(op, ast.MatMult):
        return linear((left, right) if left.what is What.LOGITS else (right, left), place)
    bits = isinstance(op, (ast.BitAnd, ast.BitOr)) and not {left.what, right.what} & {What.TOKENS, What.NATS}
    if left.what is What.MASK or right.what is What.MASK or (bits and left.op is right.op is Op.TABLE):
        sign = "or" if isinstance(op, ast.BitOr) else "and"
        return made(Op.COMPARE, (left, right), place, What.MASK, text=sign)
    return unknown((left, right), type(op).__name__, place)


def _key(left: Node, right: Node, place: Place | None) -> Node | None:
    """Arithmetic on token ids makes a key of them."""
    keys = [n for n in (left, right) if n.op in (Op.TOKENS, Op.HASH)]
    if not keys or any(n not in keys and n.op not in (Op.NUMBER, Op.NAME, Op.LENGTH) for n in (left, right)):
        return None
    leaves = tuple(dict.fromkeys(leaf for n in keys for leaf in (n.inputs if n.op is Op.HASH else (n,))))
    return made(Op.HASH, leaves, place, What.POSITIONS)


def _mangled(op: ast.operator, left: Node, right: Node, place: Place | None) -> Node | None:
    """An exclusive or, a remainder or a shift of what token ids went into makes a key of them, however it was built."""
    hashing = (ast.BitXor, ast.Mod, ast.LShift, ast.RShift)
    if not isinstance(op, hashing) or {left.what, right.what} & {*PROBABILISTIC, What.LOGITS, What.MASK, What.BYTES}:
        return None
    leaves = tuple(dict.fromkeys(n for side in (left, right) for n in side.walk() if n.op is Op.TOKENS))
    return made(Op.HASH, leaves[:8], place, What.POSITIONS) if leaves else None


def is_number(node: Node, value: float) -> bool:
    return node.op is Op.NUMBER and node.text == f"{value:g}"


def add(left: Node, right: Node, place: Place | None, *, in_loop: bool = False) -> Node:
    """A sum of two; the same term added again in a loop is one sum over the loop."""
    for zero, other in ((left, right), (right, left)):
        if is_number(zero, 0):
            return accumulate(None, other, place) if in_loop and zero is left else other
    if left.op is Op.ACCUMULATE or (in_loop and (right in _terms(left) or right == left)):
        return accumulate(left, right, place)
    for part, top in ((left, right), (right, left)):
        if part.op is Op.LOG_SUM_EXP and part.inputs[0].op is Op.SUBTRACT and part.inputs[0].inputs[1] == top:
            # `(x - m).exp().sum().log() + m`
            rows = part.inputs[0].inputs[0]
            return made(Op.LOG_SUM_EXP, (rows,), place, rows.what)
    what = left.what if left.what is right.what else sum_of(left, right)
    if what is What.PROBABILITY and left.what is right.what:
        over = left.over if left.over is right.over else None
        return made(Op.ADD, (left, right), place, what, over, mixture_normalized(left, right))
    if What.LOG_PROBABILITY in (left.what, right.what):
        one = left if left.what is What.LOG_PROBABILITY else right
        other = right if one is left else left
        # A constant, or a number of the context alone, on every entry leaves what they sum to another constant.
        keeps = one.normalized if other.what is What.NUMBER and not other.sees else None
        return made(Op.ADD, (left, right), place, What.LOG_PROBABILITY, one.over, keeps)
    if {left.what, right.what} == {What.LOGITS, What.PROBABILITY}:
        return made(Op.ADD, (left, right), place, What.LOGITS, Over.VOCABULARY)  # a bias
    if What.PROBABILITY in (left.what, right.what) and (left.sees | right.sees) & Sees.TARGET:
        # A probability of the model beside what was read at the target alone: a hashed count is no distribution's, and
        # a weight of it that is told by the target is none that was there before it.
        known = False if _hashed(left, right) or _weighed_by_target(left, right) else None
        return made(Op.ADD, (left, right), place, What.PROBABILITY, Over.PICKED, known)
    for part, other in ((left, right), (right, left)):
        if part.what is What.PROBABILITY and other.op is Op.NUMBER and not _negligible(other):
            return made(Op.ADD, (left, right), place, What.PROBABILITY, part.over, False)
    plain = {left.what, right.what} <= {left.what, What.NUMBER, What.MASK}
    keeps = left.normalized if plain and right.what is not left.what else None
    return made(Op.ADD, (left, right), place, what, left.over if left.over is right.over else None, keeps)


def _negligible(node: Node) -> bool:
    """A number that only keeps a logarithm or a division finite."""
    try:
        return abs(float(node.text)) <= 1e-5
    except ValueError:
        return False


def _hashed(*nodes: Node) -> bool:
    """Whether something went in that was looked up under a hash of the scored token: a count, by whatever name."""
    tables = (below for node in nodes for below in node.walk() if below.op is Op.TABLE)
    return any(table.inputs[-1].op is Op.HASH and table.inputs[-1].sees & Sees.TARGET for table in tables)


def _weighed_by_target(*nodes: Node) -> bool:
    """Whether a probability counts by what is read of the scored token; a mask marks what is padding."""
    weights = [weight for weight, inner in map(weighted, nodes) if weight and inner.what is What.PROBABILITY]
    return any(w.sees & Sees.TARGET and w.what is not What.MASK and any(map(_is_told, w.walk())) for w in weights)


def _is_told(node: Node) -> bool:
    return node.op in (Op.TABLE, Op.COMPARE, Op.CHOOSE) and bool(node.sees & Sees.TARGET)


def _terms(node: Node) -> tuple[Node, ...]:
    return (*_terms(node.inputs[0]), node.inputs[1]) if node.op is Op.ADD else (node,)


def sum_of(left: Node, right: Node) -> What:
    """What a sum of two different things measures: a plain number leaves it what the other is."""
    for plain, other in ((left, right), (right, left)):
        if plain.what in (What.NUMBER, What.MASK):
            return other.what
    return What.OTHER


def accumulate(total: Node | None, term: Node, place: Place | None) -> Node:
    """`total += term` in a loop."""
    terms: tuple[Node, ...] = ()
    if total is not None and total.op is Op.ACCUMULATE:
        terms = total.inputs
        place = total.place
    elif total is not None and not is_number(total, 0):
        terms = tuple(t for t in _terms(total) if not is_number(t, 0))
    kept = tuple(dict.fromkeys((*terms, term)))
    summed = [node for node in kept if node.op is not Op.NAME] or list(kept)  # without what the total began with
    what = summed[0].what if all(node.what is summed[0].what for node in summed) else What.OTHER
    states = {node.normalized for node in summed}
    normalized = False if False in states else None if None in states else True
    return made(Op.ACCUMULATE, kept[:24], place, what, Over.POSITIONS, normalized)


def _subtract(left: Node, right: Node, place: Place | None) -> Node:
    if is_number(right, 0):
        return left
    if left.what is What.LOGITS and right.op is Op.LOG_SUM_EXP:
        same = right.inputs[0] == left or (left.op is Op.PICK and right.inputs[0] == left.inputs[0])
        picked = Over.PICKED if left.over is Over.PICKED else Over.VOCABULARY
        return made(Op.SUBTRACT, (left, right), place, What.LOG_PROBABILITY, picked, True if same else None)
    if left.op is Op.LOG_SUM_EXP and right.what is What.LOGITS:
        among = right.inputs[0] if right.op is Op.PICK else None  # the logits that the target's stands among
        known = None if among is None else _is_sum_of(left.inputs[0], among)
        return made(Op.SUBTRACT, (left, right), place, What.NATS, Over.PICKED, known)
    if is_number(left, 0) and right.what is What.LOG_PROBABILITY:
        return negate(right, place)
    if left.what is What.LOG_PROBABILITY and right.what is What.LOG_PROBABILITY:
        return made(Op.SUBTRACT, (left, right), place, What.LOG_PROBABILITY, left.over)
    if left == right and left.text == RUNNING:  # at two positions
        return made(Op.SUM, left.inputs, place, left.what, left.over)
    what = left.what if left.what is right.what else sum_of(left, right)
    return made(Op.SUBTRACT, (left, right), place, what, left.over)


def _is_sum_of(summed: Node, logits: Node) -> bool | None:
    """Whether the logits are those that were summed up; not where one is the other times a number."""
    if summed == logits:
        return True
    for scaled, plain in ((summed, logits), (logits, summed)):
        if scaled.op in (Op.MULTIPLY, Op.DIVIDE, Op.POWER) and plain in scaled.inputs:
            return False
    return None


def negate(node: Node, place: Place | None) -> Node:
    if node.op is Op.NEGATE:
        return node.inputs[0]
    if node.what is What.LOG_PROBABILITY:
        return made(Op.NEGATE, (node,), place, What.NATS, node.over, node.normalized)
    if node.what is What.NATS:
        return made(Op.NEGATE, (node,), place, What.LOG_PROBABILITY, node.over, node.normalized)
    return made(Op.NEGATE, (node,), place, node.what, node.over, node.normalized)


def _multiply(left: Node, right: Node, place: Place | None) -> Node:
    for one, other in ((left, right), (right, left)):
        if is_number(one, 1):
            return other
        if one.what in PROBABILISTIC and other.what in (What.NUMBER, What.WEIGHT, What.MASK, What.COUNT):
            # A weighted probability sums to its weight: what a mixture of two comes to is told where they are added.
            return made(Op.MULTIPLY, (left, right), place, one.what, one.over, one.normalized)
    if left.what is right.what is What.PROBABILITY:
        logs = any(n.op is Op.LOG for n in (left, right))
        over = left.over if left.over is right.over else None
        return made(Op.MULTIPLY, (left, right), place, What.OTHER if logs else What.PROBABILITY, over)
    if {left.what, right.what} == {What.PROBABILITY, What.LOG_PROBABILITY}:
        return made(Op.MULTIPLY, (left, right), place, What.ENTROPY, left.over)
    what = left.what if left.what is right.what else sum_of(left, right)
    return made(Op.MULTIPLY, (left, right), place, what, left.over or right.over)


def _divide(left: Node, right: Node, place: Place | None) -> Node:
    if is_number(right, 1):
        return left
    if left.what is What.NATS and right.op is Op.NUMBER and _is(right, _LN2):
        return made(Op.DIVIDE, (left, number(_LN2, "ln 2")), place, What.BITS, left.over, left.normalized)
    if right.op is Op.NUMBER and _is(right, _LN2):
        right = number(_LN2, "ln 2")
    if left.what is What.COUNT and right.what in (What.COUNT, What.NUMBER, What.OTHER) and left.op is not Op.LENGTH:
        if left.over is Over.PICKED or left.sees & Sees.TARGET:
            return made(Op.DIVIDE, (left, right), place, What.PROBABILITY, Over.PICKED)
        return made(Op.DIVIDE, (left, right), place, What.NUMBER, left.over)
    if left.op is Op.EXP and left.inputs[0].what is What.LOGITS and right.op is Op.SUM and right.inputs[0] == left:
        return made(Op.SOFTMAX, left.inputs, place, What.PROBABILITY, Over.VOCABULARY, True)  # written out
    if left.what in PROBABILISTIC:
        whole = left.over is Over.VOCABULARY and right.op is Op.SUM and right.inputs[0] == left
        return made(Op.DIVIDE, (left, right), place, left.what, left.over, True if whole else left.normalized)
    what = What.NUMBER if left.what is right.what else left.what
    return made(Op.DIVIDE, (left, right), place, what, left.over)


def _is(node: Node, value: float) -> bool:
    if node.text == "ln 2":
        return math.isclose(value, _LN2)
    try:
        return math.isclose(float(node.text), value, rel_tol=1e-4)
    except ValueError:
        return False


def linear(nodes: Operands, place: Place | None) -> Node:
    """A product with weights: of a model's output it gives logits. Another factor counts for what it alone sees."""
    x = nodes[0]
    more = tuple(n for n in nodes[1:] if n.sees & ~x.sees)
    if any(n.what in (What.NATS, What.BITS, What.BYTES) for n in nodes):
        return unknown(tuple(nodes), "a product of losses or bytes with other numbers", place)
    what = What.LOGITS if x.what is What.LOGITS else What.OTHER
    return made(Op.LINEAR, (x, *more), place, what, Over.VOCABULARY if what is What.LOGITS else None)


# --- mixtures ------------------------------------------------------------------------------------------------------


def weighted(node: Node) -> tuple[Node | None, Node]:
    """(weight, probability) of one term of a mixture; the weight is None where there is none."""
    if node.op is Op.MULTIPLY:
        for weight, inner in (node.inputs, node.inputs[::-1]):
            if inner.what is What.PROBABILITY and weight.what is not What.PROBABILITY:
                return weight, inner
    return None, node


def mixture_normalized(left: Node, right: Node) -> bool | None:
    """Whether a sum of two weighted probabilities is one: convex weights that do not see the target."""
    (a, p), (b, q) = weighted(left), weighted(right)
    if a is None or b is None:
        return None
    if (a.sees | b.sees) & Sees.TARGET:
        return False
    if not (_complementary(a, b) or _complementary(b, a)):
        return None
    states = {p.normalized, q.normalized}
    return False if False in states else None if None in states else True


def _complementary(weight: Node, rest: Node) -> bool:
    return rest.op is Op.SUBTRACT and is_number(rest.inputs[0], 1) and rest.inputs[1] == weight
