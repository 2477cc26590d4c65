"""What each operation makes of what its operands measure: one table for torch, numpy, math and plain Python.

A function of a library and the method of the same name mean the same (`torch.exp(x)`, `x.exp()`, `np.exp(x)`). An
operation without a transfer gives an *other* that keeps what it was made of.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping, Sequence

from auditor.program.place import Place
from auditor.program.recipe.model import Node, Op, Over, Sees, What, bounded, either, number, unknown
from auditor.program.vocabulary import ELEMENTWISE, LIKE_THE_INPUT

Operands = Sequence[Node]
Transfer = Callable[[Operands, "Place | None"], Node]

_LN2 = math.log(2.0)
_PROBABILISTIC = (What.PROBABILITY, What.LOG_PROBABILITY, What.NATS, What.BITS)


def sees_of(nodes: Operands) -> Sees:
    seen = Sees.NOTHING
    for node in nodes:
        seen |= node.sees
    return seen


def _made(
    op: Op,
    nodes: Operands,
    place: Place | None,
    what: What,
    over: Over | None = None,
    normalized: bool | None = None,
    text: str = "",
) -> Node:
    return bounded(Node(op, tuple(nodes), what, over, normalized, sees_of(nodes), text, place))


# --- arithmetic ----------------------------------------------------------------------------------------------------


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
        return _made(Op.POWER, (left, right), place, left.what if left.what is What.NUMBER else What.OTHER)
    if isinstance(op, ast.MatMult):
        return linear((left if left.what is What.LOGITS else right,), place)
    bits = isinstance(op, (ast.BitAnd, ast.BitOr)) and not {left.what, right.what} & {What.TOKENS, What.NATS}
    if left.what is What.MASK or right.what is What.MASK or (bits and left.op is right.op is Op.TABLE):
        sign = "or" if isinstance(op, ast.BitOr) else "and"
        return _made(Op.COMPARE, (left, right), place, What.MASK, text=sign)
    return unknown((left, right), type(op).__name__, place)


def _key(left: Node, right: Node, place: Place | None) -> Node | None:
    """Arithmetic on token ids makes a key of them."""
    made = [n for n in (left, right) if n.op in (Op.TOKENS, Op.HASH)]
    if not made or any(n not in made and n.op not in (Op.NUMBER, Op.NAME, Op.LENGTH) for n in (left, right)):
        return None
    leaves = tuple(dict.fromkeys(leaf for n in made for leaf in (n.inputs if n.op is Op.HASH else (n,))))
    return _made(Op.HASH, leaves, place, What.POSITIONS)


def _mangled(op: ast.operator, left: Node, right: Node, place: Place | None) -> Node | None:
    """An exclusive or, a remainder or a shift of what token ids went into makes a key of them, however it was built."""
    hashing = (ast.BitXor, ast.Mod, ast.LShift, ast.RShift)
    if not isinstance(op, hashing) or {left.what, right.what} & {*_PROBABILISTIC, What.LOGITS, What.MASK, What.BYTES}:
        return None
    leaves = tuple(dict.fromkeys(n for side in (left, right) for n in side.walk() if n.op is Op.TOKENS))
    return _made(Op.HASH, leaves[:8], place, What.POSITIONS) if leaves else None


def is_number(node: Node, value: float) -> bool:
    return node.op is Op.NUMBER and node.text == f"{value:g}"


def add(left: Node, right: Node, place: Place | None, *, in_loop: bool = False) -> Node:
    """A sum of two; the same term added again in a loop is one sum over the loop."""
    for zero, other in ((left, right), (right, left)):
        if is_number(zero, 0):
            return accumulate(None, other, place) if in_loop and zero is left else other
    if left.op is Op.ACCUMULATE or (in_loop and (right in _terms(left) or right == left)):
        return accumulate(left, right, place)
    what = left.what if left.what is right.what else _sum_of(left, right)
    if what is What.PROBABILITY and left.what is right.what:
        over = left.over if left.over is right.over else None
        return _made(Op.ADD, (left, right), place, what, over, mixture_normalized(left, right))
    if What.LOG_PROBABILITY in (left.what, right.what):
        one = left if left.what is What.LOG_PROBABILITY else right
        other = right if one is left else left
        # A constant, or a number of the context alone, on every entry leaves what they sum to another constant.
        keeps = one.normalized if other.what is What.NUMBER and not other.sees else None
        return _made(Op.ADD, (left, right), place, What.LOG_PROBABILITY, one.over, keeps)
    if What.PROBABILITY in (left.what, right.what) and (left.sees | right.sees) & Sees.TARGET:
        # A probability of the model beside what was read at the target alone: a hashed count is no distribution's.
        known = False if _hashed(left, right) else None
        return _made(Op.ADD, (left, right), place, What.PROBABILITY, Over.PICKED, known)
    for part, other in ((left, right), (right, left)):
        if part.what is What.PROBABILITY and other.op is Op.NUMBER and not _negligible(other):
            return _made(Op.ADD, (left, right), place, What.PROBABILITY, part.over, False)
    plain = {left.what, right.what} <= {left.what, What.NUMBER, What.MASK}
    keeps = left.normalized if plain and right.what is not left.what else None
    return _made(Op.ADD, (left, right), place, what, left.over if left.over is right.over else None, keeps)


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


def _terms(node: Node) -> tuple[Node, ...]:
    return (*_terms(node.inputs[0]), node.inputs[1]) if node.op is Op.ADD else (node,)


def _sum_of(left: Node, right: Node) -> What:
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
    first = kept[0]
    what = first.what if all(node.what is first.what for node in kept) else What.OTHER
    states = {node.normalized for node in kept}
    normalized = False if False in states else None if None in states else True
    return _made(Op.ACCUMULATE, kept[:24], place, what, Over.POSITIONS, normalized)


def _subtract(left: Node, right: Node, place: Place | None) -> Node:
    if is_number(right, 0):
        return left
    if left.what is What.LOGITS and right.op is Op.LOG_SUM_EXP:
        same = right.inputs[0] == left or (left.op is Op.PICK and right.inputs[0] == left.inputs[0])
        picked = Over.PICKED if left.over is Over.PICKED else Over.VOCABULARY
        return _made(Op.SUBTRACT, (left, right), place, What.LOG_PROBABILITY, picked, True if same else None)
    if left.op is Op.LOG_SUM_EXP and right.what is What.LOGITS:
        same = right.op is Op.PICK and left.inputs[0] == right.inputs[0]
        return _made(Op.SUBTRACT, (left, right), place, What.NATS, Over.PICKED, True if same else None)
    if is_number(left, 0) and right.what is What.LOG_PROBABILITY:
        return negate(right, place)
    if left.what is What.LOG_PROBABILITY and right.what is What.LOG_PROBABILITY:
        return _made(Op.SUBTRACT, (left, right), place, What.LOG_PROBABILITY, left.over)
    what = left.what if left.what is right.what else _sum_of(left, right)
    return _made(Op.SUBTRACT, (left, right), place, what, left.over)


def negate(node: Node, place: Place | None) -> Node:
    if node.op is Op.NEGATE:
        return node.inputs[0]
    if node.what is What.LOG_PROBABILITY:
        return _made(Op.NEGATE, (node,), place, What.NATS, node.over, node.normalized)
    if node.what is What.NATS:
        return _made(Op.NEGATE, (node,), place, What.LOG_PROBABILITY, node.over, node.normalized)
    return _made(Op.NEGATE, (node,), place, node.what, node.over, node.normalized)


def _multiply(left: Node, right: Node, place: Place | None) -> Node:
    for one, other in ((left, right), (right, left)):
        if is_number(one, 1):
            return other
        if one.what in _PROBABILISTIC and other.what in (What.NUMBER, What.WEIGHT, What.MASK, What.COUNT):
            # A weighted probability sums to its weight: what a mixture of two comes to is told where they are added.
            return _made(Op.MULTIPLY, (left, right), place, one.what, one.over, one.normalized)
    if left.what is right.what is What.PROBABILITY:
        logs = any(n.op is Op.LOG for n in (left, right))
        over = left.over if left.over is right.over else None
        return _made(Op.MULTIPLY, (left, right), place, What.OTHER if logs else What.PROBABILITY, over)
    if {left.what, right.what} == {What.PROBABILITY, What.LOG_PROBABILITY}:
        return _made(Op.MULTIPLY, (left, right), place, What.ENTROPY, left.over)
    what = left.what if left.what is right.what else _sum_of(left, right)
    return _made(Op.MULTIPLY, (left, right), place, what, left.over or right.over)


def _divide(left: Node, right: Node, place: Place | None) -> Node:
    if is_number(right, 1):
        return left
    if left.what is What.NATS and right.op is Op.NUMBER and _is(right, _LN2):
        return _made(Op.DIVIDE, (left, number(_LN2, "ln 2")), place, What.BITS, left.over, left.normalized)
    if right.op is Op.NUMBER and _is(right, _LN2):
        right = number(_LN2, "ln 2")
    if left.what is What.COUNT and right.what in (What.COUNT, What.NUMBER, What.OTHER) and left.op is not Op.LENGTH:
        if left.over is Over.PICKED or left.sees & Sees.TARGET:
            return _made(Op.DIVIDE, (left, right), place, What.PROBABILITY, Over.PICKED)
        return _made(Op.DIVIDE, (left, right), place, What.NUMBER, left.over)
    if left.what in _PROBABILISTIC:
        return _made(Op.DIVIDE, (left, right), place, left.what, left.over, left.normalized)
    what = What.NUMBER if left.what is right.what else left.what
    return _made(Op.DIVIDE, (left, right), place, what, left.over)


def _is(node: Node, value: float) -> bool:
    if node.text == "ln 2":
        return math.isclose(value, _LN2)
    try:
        return math.isclose(float(node.text), value, rel_tol=1e-4)
    except ValueError:
        return False


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


# --- functions and methods -----------------------------------------------------------------------------------------


def _log(nodes: Operands, place: Place | None) -> Node:
    x = nodes[0]
    if x.op is Op.EXP:
        return x.inputs[0]
    if is_number(x, 2):
        return number(_LN2, "ln 2")
    if x.what is What.PROBABILITY:
        return _made(Op.LOG, (x,), place, What.LOG_PROBABILITY, x.over, x.normalized)
    return _made(Op.LOG, (x,), place, What.NUMBER if x.what is What.NUMBER else What.OTHER, x.over)


def _exp(nodes: Operands, place: Place | None) -> Node:
    x = nodes[0]
    if x.op is Op.LOG:
        return x.inputs[0]
    if x.op is Op.NEGATE and x.inputs[0].what is What.NATS:
        return _made(Op.EXP, (x,), place, What.PROBABILITY, x.over, x.normalized)
    what = What.PROBABILITY if x.what is What.LOG_PROBABILITY else What.OTHER
    return _made(Op.EXP, (x,), place, what, x.over, x.normalized)


def _softmax(nodes: Operands, place: Place | None) -> Node:
    x = nodes[0]
    if x.what is What.LOGITS:
        return _made(Op.SOFTMAX, (x,), place, What.PROBABILITY, Over.VOCABULARY, True)
    return _made(Op.SOFTMAX, (x,), place, What.WEIGHT, Over.EXPERTS, True)


def _log_softmax(nodes: Operands, place: Place | None) -> Node:
    x = nodes[0]
    over = Over.VOCABULARY if x.what in (What.LOGITS, What.OTHER) else x.over
    return _made(Op.LOG_SOFTMAX, (x,), place, What.LOG_PROBABILITY, over, True)


def _log_add_exp(nodes: Operands, place: Place | None) -> Node:
    mixed = next((n for n in nodes if n.what is What.LOG_PROBABILITY), None)
    if mixed is None:
        return _made(Op.LOG_SUM_EXP, nodes[:2], place, nodes[0].what)
    return _made(Op.LOG_SUM_EXP, nodes[:2], place, What.LOG_PROBABILITY, mixed.over)


def _log_sum_exp(nodes: Operands, place: Place | None) -> Node:
    return _made(Op.LOG_SUM_EXP, nodes[:1], place, nodes[0].what, None)


def _cross_entropy(nodes: Operands, place: Place | None) -> Node:
    normalized = True if nodes[0].what is What.LOGITS else None
    return _made(Op.CROSS_ENTROPY, nodes[:2], place, What.NATS, Over.PICKED, normalized)


def _nll(nodes: Operands, place: Place | None) -> Node:
    return negate(pick(nodes[0], nodes[1], place), place) if len(nodes) > 1 else unknown(tuple(nodes), "nll", place)


def pick(values: Node, index: Node, place: Place | None) -> Node:
    """One entry of a distribution, or of a table."""
    if values.what in (What.LOGITS, What.PROBABILITY, What.LOG_PROBABILITY) and index.what is What.TOKENS:
        return _made(Op.PICK, (values, index), place, values.what, Over.PICKED, values.normalized)
    what = values.what
    over = Over.PICKED if index.sees & Sees.TARGET else values.over
    return _made(Op.TABLE, (values, index), place, what, over, values.normalized)


def _sum(nodes: Operands, place: Place | None) -> Node:
    x = nodes[0]
    if x.op in (Op.ACCUMULATE, Op.SUM):
        return x
    if x.what is What.MASK:
        return _made(Op.SUM, (x,), place, What.COUNT)
    return _made(Op.SUM, (x,), place, *_reduced(x))


def _reduced(x: Node) -> tuple[What, Over | None, bool | None]:
    """What is left of an axis that is summed up: logits of the whole vocabulary become a number of the context."""
    if x.over is Over.VOCABULARY and x.what is not What.ENTROPY:
        return (What.NUMBER if x.what is What.LOGITS else x.what), None, None
    return x.what, x.over, x.normalized


def _mean(nodes: Operands, place: Place | None) -> Node:
    x = nodes[0]
    return _made(Op.MEAN, (x,), place, *_reduced(x))


def _same(nodes: Operands, place: Place | None) -> Node:
    return nodes[0]


def _clamp(nodes: Operands, place: Place | None) -> Node:
    x = nodes[0]
    return _made(Op.CLAMP, nodes[:3], place, x.what, x.over, x.normalized)


def _least(nodes: Operands, place: Place | None) -> Node:
    first = nodes[0]
    if any(n.op is Op.NUMBER for n in nodes) and len(nodes) == 2:
        kept = next(n for n in (*nodes[::-1], first) if n.op is not Op.NUMBER)
        return _made(Op.CLAMP, nodes, place, kept.what, kept.over, kept.normalized)
    losses = first.what in (What.NATS, What.LOG_PROBABILITY, What.PROBABILITY) and len(nodes) > 1
    return _made(Op.LEAST, nodes, place, first.what, first.over, False if losses else first.normalized)


def _most(nodes: Operands, place: Place | None) -> Node:
    node = _least(nodes, place)
    if node.op is not Op.LEAST:
        return node
    return Node(Op.MOST, node.inputs, node.what, node.over, node.normalized, node.sees, "", place)


def _length(nodes: Operands, place: Place | None) -> Node:
    x = nodes[0]
    if x.what is What.PIECE:
        return _made(Op.ENCODE_LENGTH, (x,), place, What.BYTES)
    return Node(Op.LENGTH, (x,), What.COUNT, place=place)


def choose(condition: Node, one: Node, other: Node, place: Place | None) -> Node:
    """One of two values, position by position."""
    if one == other:
        return one
    what = one.what if one.what is other.what else _sum_of(one, other)
    normalized: bool | None = None
    if what in _PROBABILISTIC:
        if condition.sees & Sees.TARGET and condition.what is What.MASK and Op.NUMBER not in (one.op, other.op):
            normalized = False
        else:
            states = {n.normalized for n in (one, other) if n.op is not Op.NUMBER}
            normalized = False if False in states else None if None in states else True
    return _made(Op.CHOOSE, (condition, one, other), place, what, one.over, normalized)


def _where(nodes: Operands, place: Place | None) -> Node:
    return choose(nodes[0], nodes[1], nodes[2], place) if len(nodes) == 3 else unknown(tuple(nodes), "where", place)


def _joined(nodes: Operands, place: Place | None) -> Node:
    return either(tuple(nodes)) or unknown((), "nothing", place)


def _pick(nodes: Operands, place: Place | None) -> Node:
    index = next((n for n in nodes[1:] if n.op is not Op.NUMBER), None)
    return pick(nodes[0], index, place) if index is not None else nodes[0]


def _piece(nodes: Operands, place: Place | None) -> Node:
    return Node(Op.NAME, (), What.PIECE, text="piece", place=place)


def _asked(nodes: Operands, place: Place | None) -> Node:
    return Node(Op.COMPARE, tuple(nodes[:1]), What.MASK, sees=sees_of(nodes[:1]), text="kind of", place=place)


def _sigmoid(nodes: Operands, place: Place | None) -> Node:
    x = nodes[0]
    capped = x.what is What.LOGITS and x.over is Over.VOCABULARY  # logits that are capped are logits
    what = What.LOGITS if capped else What.WEIGHT
    return _made(Op.SIGMOID, nodes[:1], place, what, nodes[0].over)


def linear(nodes: Operands, place: Place | None) -> Node:
    """A product with weights: of a model's output it gives logits."""
    x = nodes[0]
    what = What.LOGITS if x.what is What.LOGITS else What.OTHER
    return _made(Op.LINEAR, nodes[:1], place, what, Over.VOCABULARY if what is What.LOGITS else None)


def _function(name: str) -> Transfer:
    def made(nodes: Operands, place: Place | None) -> Node:
        x = nodes[0]
        kept = x.what if x.what is What.NUMBER else What.OTHER
        return _made(Op.FUNCTION, nodes[:1], place, kept, x.over, None, name)

    return made


def _filled(nodes: Operands, place: Place | None) -> Node:
    """An array that holds one value everywhere."""
    return nodes[1] if len(nodes) > 1 else nodes[0]


def _last(nodes: Operands, place: Place | None) -> Node:
    return nodes[-1]


def _positions(nodes: Operands, place: Place | None) -> Node:
    return Node(Op.NAME, (), What.POSITIONS, text="positions", place=place)


def _counted(nodes: Operands, place: Place | None) -> Node:
    return _made(Op.TABLE, nodes[:1], place, What.COUNT)


TRANSFERS: Mapping[str, Transfer] = {
    **dict.fromkeys(LIKE_THE_INPUT, _same),
    **dict.fromkeys(("log", "log_"), _log),
    **dict.fromkeys(("exp", "exp_"), _exp),
    **dict.fromkeys(("softmax", "Softmax"), _softmax),
    **dict.fromkeys(("log_softmax", "LogSoftmax"), _log_softmax),
    "logsumexp": _log_sum_exp,
    "logaddexp": _log_add_exp,
    **dict.fromkeys(("cross_entropy", "CrossEntropyLoss", "linear_cross_entropy"), _cross_entropy),
    **dict.fromkeys(("nll_loss", "NLLLoss"), _nll),
    **dict.fromkeys(("gather", "take_along_dim", "take_along_axis", "index_select", "take"), _pick),
    **dict.fromkeys(("sum", "nansum", "fsum"), _sum),
    **dict.fromkeys(("mean", "nanmean", "average", "fmean"), _mean),
    **dict.fromkeys(("clamp", "clip", "clamp_min", "clamp_max", "clamp_", "clamp_min_", "clamp_max_"), _clamp),
    **dict.fromkeys(("minimum", "fmin", "min", "amin"), _least),
    **dict.fromkeys(("maximum", "fmax", "max", "amax"), _most),
    **dict.fromkeys(("numel", "len", "size", "nelement", "__len__"), _length),
    **dict.fromkeys(("sigmoid", "Sigmoid", "expit", "tanh"), _sigmoid),
    **dict.fromkeys(("stack", "cat", "concat", "concatenate", "vstack", "hstack"), _joined),
    **dict.fromkeys(("id_to_piece", "IdToPiece", "piece", "id_to_token", "decode_single_token_bytes"), _piece),
    **dict.fromkeys(("bincount", "histc", "unique"), _counted),
    **dict.fromkeys(("startswith", "endswith", "is_byte", "is_control", "is_unknown", "is_unused", "IsByte"), _asked),
    **dict.fromkeys(("linear", "matmul", "mm", "bmm", "addmm", "einsum"), linear),
    **dict.fromkeys(("arange", "nonzero", "argwhere", "flatnonzero", "searchsorted", "argsort", "cumsum"), _positions),
    **{name: _function(name) for name in ELEMENTWISE},
    **dict.fromkeys(("values", "items", "bytes", "bytearray"), _same),
    **dict.fromkeys(("full", "full_like"), _filled),
    "join": _last,
    "where": _where,
}


def call(name: str, operands: Operands, place: Place | None) -> Node:
    """A function of a library, or a method, on measured operands."""
    transfer = TRANSFERS.get(name)
    if transfer is None or not operands:
        return unknown(tuple(operands), name, place)
    return transfer(operands, place)
