"""What each operation makes of what its operands measure: one table for torch, numpy, math and plain Python.

A function of a library and the method of the same name mean the same (`torch.exp(x)`, `x.exp()`, `np.exp(x)`). An
operation without a transfer gives an *other* that keeps what it was made of. Operators are `arithmetic`.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping

from auditor.program.place import Place
from auditor.program.recipe.arithmetic import (
    PROBABILISTIC,
    RUNNING,
    Operands,
    binary,
    is_number,
    linear,
    made,
    negate,
    sum_of,
)
from auditor.program.recipe.bonuses import entries_set, is_rows
from auditor.program.recipe.model import Node, Op, Over, Sees, What, either, number, sees_of, unknown
from auditor.program.vocabulary import ELEMENTWISE, LIKE_THE_INPUT, OF_HIDDEN_STATES

Transfer = Callable[[Operands, "Place | None"], Node]

_LN2 = math.log(2.0)
_ONE_HOT = "one_hot"


def _log(nodes: Operands, place: Place | None) -> Node:
    x = nodes[0]
    if x.op is Op.EXP:
        return x.inputs[0]
    if is_number(x, 2):
        return number(_LN2, "ln 2")
    if (root := _power_of(x)) is not None:
        base, exponent = root
        return binary(ast.Mult(), exponent, _log((base,), place), place, in_loop=False)
    if x.op is Op.SUM and x.inputs[0].op is Op.EXP and x.inputs[0].inputs[0].what is What.LOGITS:
        return _log_sum_exp(x.inputs[0].inputs, place)  # written out
    if x.what is What.PROBABILITY:
        return made(Op.LOG, (x,), place, What.LOG_PROBABILITY, x.over, x.normalized)
    return made(Op.LOG, (x,), place, What.NUMBER if x.what is What.NUMBER else What.OTHER, x.over)


def _power_of(x: Node) -> tuple[Node, Node] | None:
    """(probability, exponent) of a probability that is raised to a constant power."""
    if x.op is Op.POWER and x.inputs[0].what is What.PROBABILITY and x.inputs[1].op is Op.NUMBER:
        return x.inputs[0], x.inputs[1]
    root = x.op is Op.FUNCTION and x.text == "sqrt" and x.inputs[0].what is What.PROBABILITY
    return (x.inputs[0], number(0.5)) if root else None


def _exp(nodes: Operands, place: Place | None) -> Node:
    x = nodes[0]
    if x.op is Op.LOG:
        return x.inputs[0]
    if x.op is Op.NEGATE and x.inputs[0].what is What.NATS:
        return made(Op.EXP, (x,), place, What.PROBABILITY, x.over, x.normalized)
    what = What.PROBABILITY if x.what is What.LOG_PROBABILITY else What.OTHER
    return made(Op.EXP, (x,), place, what, x.over, x.normalized)


def _softmax(nodes: Operands, place: Place | None) -> Node:
    x = nodes[0]
    if x.what is What.LOGITS:
        return made(Op.SOFTMAX, (x,), place, What.PROBABILITY, Over.VOCABULARY, True)
    return made(Op.SOFTMAX, (x,), place, What.WEIGHT, Over.EXPERTS, True)


def _log_softmax(nodes: Operands, place: Place | None) -> Node:
    x = nodes[0]
    over = Over.VOCABULARY if x.what in (What.LOGITS, What.OTHER) else x.over
    return made(Op.LOG_SOFTMAX, (x,), place, What.LOG_PROBABILITY, over, True)


def _log_add_exp(nodes: Operands, place: Place | None) -> Node:
    mixed = next((n for n in nodes if n.what is What.LOG_PROBABILITY), None)
    if mixed is None:
        return made(Op.LOG_SUM_EXP, nodes[:2], place, nodes[0].what)
    return made(Op.LOG_SUM_EXP, nodes[:2], place, What.LOG_PROBABILITY, mixed.over)


def _log_sum_exp(nodes: Operands, place: Place | None) -> Node:
    return made(Op.LOG_SUM_EXP, nodes[:1], place, nodes[0].what, None)


def _cross_entropy(nodes: Operands, place: Place | None) -> Node:
    normalized = True if nodes[0].what is What.LOGITS else None
    return made(Op.CROSS_ENTROPY, nodes[:2], place, What.NATS, Over.PICKED, normalized)


def _nll(nodes: Operands, place: Place | None) -> Node:
    return negate(pick(nodes[0], nodes[1], place), place) if len(nodes) > 1 else unknown(tuple(nodes), "nll", place)


def pick(values: Node, index: Node, place: Place | None) -> Node:
    """One entry of a distribution, or of a table."""
    if values.what in (What.LOGITS, What.PROBABILITY, What.LOG_PROBABILITY) and index.what is What.TOKENS:
        return made(Op.PICK, (values, index), place, values.what, Over.PICKED, values.normalized)
    what = values.what
    over = Over.PICKED if index.sees & Sees.TARGET else values.over
    return made(Op.TABLE, (values, index), place, what, over, values.normalized)


def _one_hot(nodes: Operands, place: Place | None) -> Node:
    """All of the probability on one token."""
    return made(Op.FUNCTION, nodes[:1], place, What.PROBABILITY, Over.VOCABULARY, True, _ONE_HOT)


def _picked_by_one_hot(product: Node, place: Place | None) -> Node | None:
    """The sum of `rows * one_hot(y)`: the entries at the targets."""
    if product.op is not Op.MULTIPLY or len(product.inputs) != 2:
        return None
    for rows, one in (product.inputs, product.inputs[::-1]):
        if one.op is Op.FUNCTION and one.text == _ONE_HOT and rows.over is Over.VOCABULARY:
            return pick(rows, one.inputs[0], place)
    return None


def _sum(nodes: Operands, place: Place | None) -> Node:
    x = nodes[0]
    if (picked := _picked_by_one_hot(x, place)) is not None:
        return picked
    if x.op in (Op.ACCUMULATE, Op.SUM):
        return x
    if x.what is What.MASK:
        return made(Op.SUM, (x,), place, What.COUNT)
    return made(Op.SUM, (x,), place, *_reduced(x))


def _reduced(x: Node) -> tuple[What, Over | None, bool | None]:
    """What is left of an axis that is summed up: logits of the whole vocabulary become a number of the context."""
    if x.over is Over.VOCABULARY and x.what is not What.ENTROPY:
        return (What.NUMBER if x.what is What.LOGITS else x.what), None, None
    return x.what, x.over, x.normalized


def _mean(nodes: Operands, place: Place | None) -> Node:
    x = nodes[0]
    return made(Op.MEAN, (x,), place, *_reduced(x))


def _same(nodes: Operands, place: Place | None) -> Node:
    return nodes[0]


def _clamp(nodes: Operands, place: Place | None) -> Node:
    x = nodes[0]
    return made(Op.CLAMP, nodes[:3], place, x.what, x.over, x.normalized)


def _least(nodes: Operands, place: Place | None) -> Node:
    first = nodes[0]
    if any(n.op is Op.NUMBER for n in nodes) and len(nodes) == 2:
        kept = next(n for n in (*nodes[::-1], first) if n.op is not Op.NUMBER)
        return made(Op.CLAMP, nodes, place, kept.what, kept.over, kept.normalized)
    losses = first.what in (What.NATS, What.LOG_PROBABILITY, What.PROBABILITY) and len(nodes) > 1
    return made(Op.LEAST, nodes, place, first.what, first.over, False if losses else first.normalized)


def _most(nodes: Operands, place: Place | None) -> Node:
    node = _least(nodes, place)
    if node.op is not Op.LEAST:
        return node
    return Node(Op.MOST, node.inputs, node.what, node.over, node.normalized, node.sees, "", place)


def _length(nodes: Operands, place: Place | None) -> Node:
    x = nodes[0]
    if x.what is What.PIECE:
        return made(Op.ENCODE_LENGTH, (x,), place, What.BYTES)
    return Node(Op.LENGTH, (x,), What.COUNT, place=place)


def choose(condition: Node, one: Node, other: Node, place: Place | None) -> Node:
    """One of two values, position by position."""
    if one == other:
        return one
    what = one.what if one.what is other.what else sum_of(one, other)
    normalized: bool | None = None
    if what in PROBABILISTIC:
        if condition.sees & Sees.TARGET and condition.what is What.MASK and not (one.plain or other.plain):
            normalized = False
        else:
            states = {n.normalized for n in (one, other) if not n.plain}
            normalized = False if False in states else None if None in states else True
    return made(Op.CHOOSE, (condition, one, other), place, what, one.over, normalized)


def _where(nodes: Operands, place: Place | None) -> Node:
    return choose(nodes[0], nodes[1], nodes[2], place) if len(nodes) == 3 else unknown(tuple(nodes), "where", place)


def _between(nodes: Operands, place: Place | None) -> Node:
    """`lerp(a, b, weight)`: a mixture of two."""
    if len(nodes) < 3:
        return unknown(tuple(nodes), "lerp", place)
    one, other, weight = nodes[:3]

    def operated(op: ast.operator, left: Node, right: Node) -> Node:
        return binary(op, left, right, place, in_loop=False)

    rest = operated(ast.Sub(), number(1), weight)
    return operated(ast.Add(), operated(ast.Mult(), rest, one), operated(ast.Mult(), weight, other))


def _joined(nodes: Operands, place: Place | None) -> Node:
    return either(tuple(nodes)) or unknown((), "nothing", place)


def _stacked(nodes: Operands, place: Place | None) -> Node:
    return nodes[0] if len(nodes) == 1 else _joined(nodes, place)  # elements of a list that are told apart stay so


def _bits(op: ast.operator) -> Transfer:
    """`logical_and(a, b)` is `a & b`."""

    def applied(nodes: Operands, place: Place | None) -> Node:
        if len(nodes) != 2:
            return unknown(tuple(nodes), "bits", place)
        return binary(op, nodes[0], nodes[1], place, in_loop=False)

    return applied


def _not(nodes: Operands, place: Place | None) -> Node:
    return Node(Op.COMPARE, tuple(nodes[:1]), What.MASK, sees=nodes[0].sees, text="not", place=place)


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
    return made(Op.SIGMOID, nodes[:1], place, what, nodes[0].over)


def _function(name: str) -> Transfer:
    def applied(nodes: Operands, place: Place | None) -> Node:
        x = nodes[0]
        kept = x.what if x.what is What.NUMBER else What.OTHER
        return made(Op.FUNCTION, nodes[:1], place, kept, x.over, None, name)

    return applied


_LOGARITHMIC = (What.LOG_PROBABILITY, What.NATS)


def _log1p(nodes: Operands, place: Place | None) -> Node:
    """Of a probability less one, moved by something else: what it then sums to is not worked out."""
    x = nodes[0]
    made = [n for n in x.walk() if n.text == "expm1" and n.inputs and n.inputs[0].what in _LOGARITHMIC]
    if x.text == "expm1" or not made:
        return _function("log1p")(nodes, place)
    return unknown((x,), "log1p of what a probability was made into", place)


def _hidden(name: str) -> Transfer:
    """A layer that a script applies by itself: what goes on to the logits is still the model's."""

    def applied(nodes: Operands, place: Place | None) -> Node:
        x = nodes[0]
        of_model = x.what is What.LOGITS and x.over is Over.VOCABULARY
        return made(Op.FUNCTION, nodes[:1], place, x.what if of_model else What.OTHER, x.over, None, name)

    return applied


def _scattered(nodes: Operands, place: Place | None) -> Node:
    """Rows of which some entries are other numbers: logits are logits still, probabilities sum to something else."""
    rows = nodes[0]
    if is_rows(rows):
        return entries_set(rows, nodes[-1])
    if rows.what is What.LOGITS and rows.over is Over.VOCABULARY:
        return made(Op.FUNCTION, nodes, place, What.LOGITS, Over.VOCABULARY, None, "with other entries")
    return unknown(tuple(nodes), "scatter", place)


def _filled(nodes: Operands, place: Place | None) -> Node:
    """An array that holds one value everywhere."""
    return nodes[1] if len(nodes) > 1 else nodes[0]


def _last(nodes: Operands, place: Place | None) -> Node:
    return nodes[-1]


def _positions(nodes: Operands, place: Place | None) -> Node:
    return Node(Op.NAME, (), What.POSITIONS, text="positions", place=place)


def _running(nodes: Operands, place: Place | None) -> Node:
    """Totals up to each position; of the bytes of a stream, so that those of a part are a difference of two."""
    if nodes[0].what is not What.BYTES:
        return _positions(nodes, place)
    return made(Op.FUNCTION, nodes[:1], place, What.BYTES, text=RUNNING)


def _padded(nodes: Operands, place: Place | None) -> Node:
    """Totals with a zero in front of them are such totals."""
    return nodes[0] if nodes[0].text == RUNNING else unknown(tuple(nodes), "pad", place)


def _counted(nodes: Operands, place: Place | None) -> Node:
    return made(Op.TABLE, nodes[:1], place, What.COUNT)


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
    "one_hot": _one_hot,
    **dict.fromkeys(("scatter", "scatter_add", "index_add", "index_put"), _scattered),
    **dict.fromkeys(("mean", "nanmean", "average", "fmean"), _mean),
    **dict.fromkeys(("clamp", "clip", "clamp_min", "clamp_max", "clamp_", "clamp_min_", "clamp_max_"), _clamp),
    **dict.fromkeys(("minimum", "fmin", "min", "amin"), _least),
    **dict.fromkeys(("maximum", "fmax", "max", "amax"), _most),
    **dict.fromkeys(("numel", "len", "size", "nelement", "__len__"), _length),
    **dict.fromkeys(("sigmoid", "Sigmoid", "expit", "tanh"), _sigmoid),
    **dict.fromkeys(("cat", "concat", "concatenate", "vstack", "hstack"), _joined),
    **dict.fromkeys(("id_to_piece", "IdToPiece", "piece", "id_to_token", "decode_single_token_bytes"), _piece),
    **dict.fromkeys(("bincount", "histc", "unique"), _counted),
    **dict.fromkeys(("startswith", "endswith", "is_byte", "is_control", "is_unknown", "is_unused", "IsByte"), _asked),
    **dict.fromkeys(("linear", "matmul", "mm", "bmm", "addmm", "einsum", "dot", "inner", "vdot", "mv"), linear),
    **dict.fromkeys(("arange", "nonzero", "argwhere", "flatnonzero", "searchsorted", "argsort"), _positions),
    **{name: _function(name) for name in ELEMENTWISE},
    "log1p": _log1p,
    **{name: _hidden(name) for name in OF_HIDDEN_STATES},
    **dict.fromkeys(("values", "items", "bytes", "bytearray"), _same),
    **dict.fromkeys(("full", "full_like"), _filled),
    **dict.fromkeys(("logical_and", "bitwise_and"), _bits(ast.BitAnd())),
    **dict.fromkeys(("logical_or", "bitwise_or"), _bits(ast.BitOr())),
    **dict.fromkeys(("logical_not", "bitwise_not"), _not),
    "cumsum": _running,
    "pad": _padded,
    "stack": _stacked,
    "join": _last,
    "where": _where,
    **dict.fromkeys(("lerp", "lerp_"), _between),
}


def call(name: str, operands: Operands, place: Place | None) -> Node:
    """A function of a library, or a method, on measured operands."""
    transfer = TRANSFERS.get(name)
    if transfer is None or not operands:
        return unknown(tuple(operands), name, place)
    found = transfer(operands, place)
    beside = tuple(n for n in operands[1:] if n.sees & ~found.sees & Sees.TARGET)
    if not beside or name.endswith("_as") or found.what not in _TOLD_BY_ALL:
        return found
    return made(Op.FUNCTION, (found, *beside), place, found.what, found.over, None, name)


_TOLD_BY_ALL = (What.LOGITS, What.PROBABILITY, What.LOG_PROBABILITY, What.NUMBER, What.OTHER)
"""What is told of the targets by each operand of a call, be it a shift, a weight or keys and values."""
