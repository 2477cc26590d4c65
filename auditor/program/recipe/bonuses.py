"""What a guess brings the scored token where it is right, and whether the other tokens pay for it.

A guess h, made of the tokens before, may have a bonus: -log p(y) - b [y = h]. What is scored is a distribution where
the logarithm of what it then sums to is added, log(1 + p(h) (exp(b) - 1)): so in pull requests 1514 (merged) and 2135
(accepted). Probabilities may have w [y = h] added to them where 1 - w of them is kept. Condition 2 of issue 1017.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import islice, product

from auditor.program.recipe.model import Node, Op, Over, Sees, What

_TOTALS = frozenset({Op.SUM, Op.ACCUMULATE, Op.MEAN})
_LOSSES = (What.NATS, What.BITS, What.LOG_PROBABILITY)
_BOUNDS = frozenset({Op.CLAMP, Op.MOST, Op.LEAST})
_SUMS = 16  # alternatives of a sum that are told apart
_TERMS = 64  # of one of them
_DEPTH = 200
_LOOKED_AT = 200  # nodes of a term
_TOLERANCE = 1e-3

_WORDS = re.compile(r"[A-Za-z_]\w*")

_FREE = "a guess that is right makes the loss less, and no other token pays for it"
_OTHERWISE = "a guess that is right makes the loss less, and whether the other tokens pay for it could not be told"
_MORE = "a guess that is right gets probability which no other token loses"
_ENTRIES = "entries of a row of probabilities are set, and it is not divided by what it sums to"
_BESIDE = "what the scored token is goes into its loss, beside its probability"
_OWN = "what a guess brings hangs on the scored token itself, which the other tokens would bring otherwise"
_SET = "with other entries"

Term = tuple[int, Node]
"""(1 or -1, what is added or taken away)."""


def unpaid(head: Node) -> Iterator[tuple[Node, str, bool]]:
    """(bonus, what is wrong with it, whether that is certain) for the bonuses that go into a figure."""
    said: set[Node] = set()
    known: dict[Node, list[list[Term]]] = {}
    asked: set[Node] = set()
    for node in head.walk():
        if node.op in _TOTALS:
            inputs = [inner for inner in node.inputs if inner not in asked]
            asked.update(inputs)
            found = [bonus for inner in inputs for terms in _sums(inner, known) for bonus in _of_losses(terms)]
            found += _of_a_total(node)
        elif _of_rows(node):
            found = [(node, _ENTRIES, True)]
        elif node.op is Op.LOG:
            found = [bonus for terms in _sums(node.inputs[0], known) for bonus in _of_probabilities(terms)]
        else:
            continue
        for bonus, why, certain in found:
            if bonus not in said:
                said.add(bonus)
                yield bonus, why, certain


def is_rows(node: Node) -> bool:
    """Whether there is a number for each token of the vocabulary, that is a probability or its logarithm."""
    return node.what in (What.PROBABILITY, What.LOG_PROBABILITY) and node.over is Over.VOCABULARY


def entries_set(rows: Node, value: Node | None) -> Node:
    """`probabilities[guess] += 0.2`: rows of which entries are other numbers now, and that sum to something else."""
    given = () if value is None or value.op is Op.NUMBER else (value,)
    sees = rows.sees | (value.sees if value is not None else Sees.NOTHING)
    return Node(Op.FUNCTION, (rows, *given), rows.what, rows.over, False, sees, _SET)


def _of_rows(node: Node) -> bool:
    """A probability that is read off rows of which entries were set, and no sum was taken again."""
    if node.op is not Op.PICK or node.normalized is not False:
        return False
    below = node.inputs[0]
    while below.normalized is False and below.text != _SET and below.inputs:
        below = below.inputs[0]
    return below.text == _SET


def weighs_by_a_guess(factor: Node) -> bool:
    """`1 - 0.5 * hit`: what a loss is multiplied by is another number where a guess is right."""
    return factor.op in (Op.ADD, Op.SUBTRACT) and is_of_a_guess(factor)


def _of_a_total(total: Node) -> list[tuple[Node, str, bool]]:
    """`total -= 2 * hits`, beside `total += losses`."""
    losses = [part for part in total.inputs if part.what in _LOSSES]
    others = [part for part in total.inputs if part not in losses and part.sees & Sees.TARGET]
    return [
        (part, _OTHERWISE, False) for part in others if losses and any(map(_is_guess, islice(part.walk(), _LOOKED_AT)))
    ]


def _of_losses(terms: list[Term]) -> Iterator[tuple[Node, str, bool]]:
    payments = [(sign, node) for sign, node in terms if _is_payment(node)]
    losses = [
        -sign if node.what is What.LOG_PROBABILITY else sign
        for sign, node in terms
        if node.what in _LOSSES and node.sees & Sees.TARGET and not _is_payment(node)
    ]
    if not losses:
        return
    for _, node in terms:
        if node.what in _LOSSES or not node.sees & Sees.TARGET or _is_payment(node):
            continue
        if not is_of_a_guess(node):
            yield node, _BESIDE, False
        elif not payments:
            yield node, _FREE, True
        elif any(weight.sees & Sees.TARGET for weight in _factors(node)):
            yield node, _OWN, False
        elif not any(sign == losses[0] and _pays(payment, node) for sign, payment in payments):
            yield node, _OTHERWISE, False


def _of_probabilities(terms: list[Term]) -> Iterator[tuple[Node, str, bool]]:
    kept = [node for _, node in terms if node.what is What.PROBABILITY and node.sees & Sees.TARGET]
    if not kept:
        return
    for _, node in terms:
        if node.what is What.PROBABILITY or not is_of_a_guess(node):
            continue
        weights = _factors(node)
        given = _product(weights)
        left = [_factors(part, kept=What.PROBABILITY) for part in kept]
        if given is not None and not any(_leaves(factors, given) for factors in left):
            yield node, _MORE, all(_product(factors) is not None for factors in left)
        elif given is None and not any(_is_rest(f, weights) for factors in left for f in factors):
            yield node, _MORE, False


def _leaves(factors: list[Node], given: float) -> bool:
    weight = _product(factors)
    return weight is not None and math.isclose(weight, 1 - given, abs_tol=_TOLERANCE)


def _is_rest(factor: Node, weights: list[Node]) -> bool:
    """`1 - w`."""
    one, other = factor.inputs if factor.op is Op.SUBTRACT and len(factor.inputs) == 2 else (factor, factor)
    return _number(one) == 1 and any(other == weight for weight in weights)


def _sums(head: Node, known: dict[Node, list[list[Term]]]) -> list[list[Term]]:
    """What a sum is of, one list for each of its alternatives. `known`: of the nodes that were asked for; parts are
    shared, and a sum of sums of itself has very many."""
    waiting = [head]
    while waiting:
        node = waiting[-1]
        parts = _parts(node) if node not in known else ()
        below = [part for _, part in parts if part not in known]
        if below and len(waiting) < _DEPTH:
            waiting += below
            continue
        waiting.pop()
        if node not in known:
            known[node] = _combined(node, parts, known)
    return known[head]


def _parts(node: Node) -> tuple[Term, ...]:
    """What a node is the sum of, or may be; () where it is a term."""
    if node.op in (Op.ADD, Op.SUBTRACT) and len(node.inputs) == 2:
        return (1, node.inputs[0]), (-1 if node.op is Op.SUBTRACT else 1, node.inputs[1])
    if node.op is Op.NEGATE:
        return ((-1, node.inputs[0]),)
    if node.op in (Op.EITHER, Op.CHOOSE):
        return tuple((1, way) for way in node.inputs[node.op is Op.CHOOSE :])
    if node.op in _BOUNDS and node.inputs:
        return ((1, node.inputs[0]),)
    if node.op is Op.MULTIPLY and len(node.inputs) == 2:
        for gate, inner in (node.inputs, node.inputs[::-1]):
            if inner.op in (Op.ADD, Op.SUBTRACT) and not gate.sees & Sees.TARGET:
                return ((1, inner),)
    return ()


def _combined(node: Node, parts: tuple[Term, ...], known: dict[Node, list[list[Term]]]) -> list[list[Term]]:
    if not parts:
        return [[(1, node)]]
    ways = [[[(sign * s, n) for s, n in terms] for terms in known.get(part, [[(1, part)]])] for sign, part in parts]
    if node.op not in (Op.ADD, Op.SUBTRACT):
        return [terms for way in ways for terms in way][:_SUMS]
    return [[*one, *other][:_TERMS] for one, other in islice(product(*ways), _SUMS)]


def is_of_a_guess(node: Node) -> bool:
    """A term is small, or one of very many that share what they are made of: then it counts as none."""
    return any(_is_guess(at) for at in islice(node.walk(_TOTALS), _LOOKED_AT))


def _is_guess(node: Node) -> bool:
    """The scored token compared with a token that something else gives; a number is no guess, but one of padding."""
    if node.op is not Op.COMPARE:
        return False
    targets = [part for part in node.inputs if part.op is Op.TOKENS and part.sees & Sees.TARGET]
    return bool(targets) and any(part.op is not Op.NUMBER for part in node.inputs if part not in targets)


def _is_payment(node: Node) -> bool:
    """A logarithm of a probability and what it is raised by, maybe under a gate."""
    if node.op is Op.MULTIPLY and len(node.inputs) == 2:
        inner = [part for part in node.inputs if part.what is not What.MASK]
        return len(inner) == 1 and not is_of_a_guess(node) and _is_payment(inner[0])
    logarithm = node.op is Op.LOG or node.text == "log1p"
    below = islice(node.inputs[0].walk(), _LOOKED_AT) if logarithm else ()
    return any(at.op is Op.EXP or at.what is What.PROBABILITY for at in below)


def _pays(payment: Node, bonus: Node) -> bool:
    """Whether the bonus goes into the payment, as it is or as its exponential."""
    weights = _factors(bonus)
    given = _product(weights)
    below = list(islice(payment.walk(), _LOOKED_AT))
    if given is None:
        return all(any(_is_same(weight, at) for at in below) for weight in weights if weight.op is not Op.NUMBER)
    try:
        wanted = (given, math.exp(given), math.expm1(given))
    except OverflowError:
        return False
    numbers = [number for at in below if (number := _number(at)) is not None]
    return any(math.isclose(number, want, rel_tol=_TOLERANCE) for number in numbers for want in wanted)


def _is_same(weight: Node, part: Node) -> bool:
    """The weight, or what was worked out of it where nothing is known of either: `betas` and `betas.exp() - 1`."""
    if weight == part:
        return True
    named = weight.op is Op.NAME and part.op is Op.NAME and weight.text.isidentifier()
    return named and weight.text in _WORDS.findall(part.text)


def _factors(node: Node, kept: What = What.MASK) -> list[Node]:
    """What a guess, or what is `kept`, is multiplied by."""
    waiting, found = [node], []
    while waiting:
        at = waiting.pop()
        if at.op is Op.MULTIPLY:
            waiting += at.inputs
        elif not _is_guess(at) and at.what is not kept:
            found.append(at)
    return found


def _product(factors: list[Node]) -> float | None:
    """None where a factor is no number."""
    whole = 1.0
    for factor in factors:
        number = _number(factor)
        if number is None:
            return None
        whole *= number
    return whole


def _number(node: Node) -> float | None:
    try:
        return float(node.text) if node.op is Op.NUMBER else None
    except ValueError:
        return None
