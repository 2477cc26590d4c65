"""What the law asks of a recipe: where on the way to the figure it stops being a distribution's, or a loss."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping

from auditor.program.recipe.formula import figure
from auditor.program.recipe.model import Node, Op, Sees, What
from auditor.program.recipe.spine import count_of
from auditor.program.scores import reports_of
from auditor.program.trace import ReportLine, Trace

_SCORED = (What.PROBABILITY, What.LOG_PROBABILITY, What.NATS, What.BITS)
_TOTALS = (What.COUNT, What.NUMBER, What.WEIGHT)
_LOSSES = (What.NATS, What.BITS)
_DISTRIBUTIONS = frozenset(
    {Op.SOFTMAX, Op.LOG_SOFTMAX, Op.LOG_SUM_EXP, Op.CROSS_ENTROPY, Op.EXP, Op.LOG, Op.COMPARE, Op.MOST, Op.LEAST}
)
# No tokenizer has fewer than 1.2 or more than 8 bytes a token; 2 and 8 convert units.
_FEWEST, _MOST, _UNIT = 1.2, 8.0, 2.0
_UNITS = (1.0, math.log(2.0), 1.0 / math.log(2.0))
_TOLERANCE = 1e-3
_ROUNDED, _EXACT = 3e-4, 1e-6  # 0.693 is the logarithm of two; a factor of 1.0005 is none of one
_LEAST_SCALE = 0.8
_FINITE = 1e-5  # what keeps a logarithm or a division finite


def figures(trace: Trace, label: str | None) -> Iterator[tuple[ReportLine, Node]]:
    """The reported figures that have a recipe, each with the line that prints it."""
    for line in reports_of(trace, label):
        found = figure(line)
        if found is not None:
            yield line, found[1]


def unnormalized(head: Node) -> Iterator[Node]:
    """The first steps on the way that make no distribution of what went in: a mixture, a choice by the target.

    A maximum is none: `m + log(exp(a - m) + exp(b - m))` is how a sum is made stable.
    """
    for node in head.walk():
        lost = node.normalized is False and not any(below.normalized is False for below in node.inputs)
        # Logarithms that are added up are no mixture: what a bonus costs is another question (`bonuses`).
        mixed = node.what is What.PROBABILITY if node.op is Op.ADD else node.op is Op.CHOOSE
        mixed = mixed and bool(node.sees & Sees.TARGET)
        mixed = mixed or (node.op is Op.SUBTRACT and node.what is What.NATS)  # logits, and the sum of others
        if lost and node.what in _SCORED and mixed:
            yield node


def shifted(head: Node) -> Iterator[tuple[Node, float]]:
    """Where a constant that is no unit is added to a loss or a total, or multiplied with it: (step, constant)."""
    # Of which no distribution, and no mixture, is made again on the way to the figure.
    unmixed = set(head.walk(_DISTRIBUTIONS))
    for node in _of_the_score(head):
        if count_of(node) is not None:
            continue  # a mean over so many rounds, a sum over so many tokens, or not: `spine` asks
        if node.op not in (Op.MULTIPLY, Op.DIVIDE, Op.ADD, Op.SUBTRACT) or len(node.inputs) != 2:
            continue
        for part, other in (node.inputs, node.inputs[::-1]):
            # What a table holds for a piece (`len(text) + 1`) is evaluated on sample pieces, and no shift of the score.
            piece = part.op is Op.ENCODE_LENGTH
            counted = (part.what is What.BYTES and not piece) or (part.op is Op.ACCUMULATE and part.what in _TOTALS)
            measured = part.what in _LOSSES or (part.what is What.LOG_PROBABILITY and node in unmixed)
            counted = counted or (part.op is Op.LENGTH and part.inputs[0].what in (*_LOSSES, What.LOG_PROBABILITY))
            counted = (
                counted and node in unmixed
            )  # what weights are made of (a rate that falls with the tokens) is none
            constants = _constants(other) if counted or measured else []
            if node.op is Op.SUBTRACT and part is node.inputs[0] and _evens_out(part, constants):
                continue
            if node.op in (Op.ADD, Op.SUBTRACT):
                # `if space[y]: width += 1` is how a loop counts a space; what it asks is not kept: `widths` says so.
                space = part.what is What.BYTES and part.op in (Op.TABLE, Op.PICK)
                found = [c for c in constants if abs(c) > _FINITE and not (space and c == 1)]
            else:
                found = [c for c in constants if not _is_unit(c)]
            if found:
                yield node, found[0]


def _evens_out(mixed: Node, constants: list[float]) -> bool:
    """`logsumexp(rows, 0) - log(2)` of two log-probabilities: each of them counts by half."""
    while mixed.op in (Op.PICK, Op.NEGATE):
        mixed = mixed.inputs[0]
    if mixed.op is not Op.LOG_SUM_EXP or len(constants) != 1:
        return False
    rows = mixed.inputs[0].inputs if mixed.inputs[0].op is Op.EITHER else mixed.inputs
    several = len(rows) > 1 and all(row.what is What.LOG_PROBABILITY for row in rows)
    return several and len(rows) <= math.exp(min(constants[0], _LOGARITHM)) * (1 + _TOLERANCE)


_LOGARITHM = 20.0  # of more models than anybody mixes


def assumed_widths(head: Node) -> Iterator[tuple[Node, float]]:
    """Where bits per token become bits per byte by a constant number of bytes a token: (step, that number)."""
    known: dict[Node, Factors] = {}
    for node in _of_the_score(head):
        factors = _factors(node, known) if node.op in (Op.MULTIPLY, Op.DIVIDE) else {}
        losses = [factor for factor, inverse in factors if factor.what in _LOSSES and not inverse]
        if not losses or any(factor.what is What.BYTES for factor, _ in factors):
            continue
        found = [(f, times if inverse else -times) for (f, inverse), times in factors.items() if f.op is Op.NUMBER]
        numbers = [(_constant(f) or 1.0, times) for f, times in found]
        if all(_is_unit(value) for value, _ in numbers):
            continue
        width = 1.0 if losses[0].what is What.BITS else 1 / math.log(2.0)
        for value, times in numbers:
            width *= _power(value, times)
        if not 0 < abs(width) < math.inf:
            continue
        # A loss times a number near one is a scaled loss, and no change of units.
        scaled = losses[0].what is not What.BITS and not any(_is_log_of_two(value) for value, _ in numbers)
        if scaled and _LEAST_SCALE < 1 / (width * math.log(2.0)) < 1 / _LEAST_SCALE:
            continue
        if _FEWEST < width < _MOST and not math.isclose(width, _UNIT, rel_tol=_TOLERANCE):
            yield node, width
            return


_FROM_LOGITS = frozenset({Op.CROSS_ENTROPY, Op.LOG_SOFTMAX, Op.SOFTMAX})


def _of_the_score(head: Node) -> Iterator[Node]:
    """Every node but those of a loss that is added to another one under a weight that is not known.

    Such a term is for training (`loss + alpha * auxiliary`), and whether the figure has any of it is not known: what
    it is multiplied by changes no score. That the sum is none of the tokens' losses alone is told elsewhere (`spine`).
    """
    seen, waiting = {head}, [head]
    while waiting:
        node = waiting.pop()
        yield node
        # A distribution that is made of them is one whatever logits were multiplied by, or moved by.
        below = node.inputs[1:] if node.op in _FROM_LOGITS else node.inputs
        if node.op is Op.DIVIDE and below[1].op is Op.UNKNOWN:
            continue  # a mean by weights that are not known: what they do to the losses is left open
        if node.op is Op.ADD and node.what in _LOSSES and sum(part.what in _LOSSES for part in below) > 1:
            below = tuple(part for part in below if not _weighed(part)) or below
        for part in below:
            if part not in seen:
                seen.add(part)
                waiting.append(part)


def _weighed(node: Node) -> bool:
    """`alpha * loss`, where nothing says what alpha is."""
    while node.op in (Op.MULTIPLY, Op.DIVIDE) and node.what in _LOSSES:
        loss = next((part for part in node.inputs if part.what in _LOSSES), None)
        if loss is None or (node.op is Op.DIVIDE and loss is not node.inputs[0]):
            return False
        if node.op is Op.MULTIPLY and any(part.op is Op.NAME for part in node.inputs if part is not loss):
            return True
        node = loss
    return False


def _is_log_of_two(constant: float) -> bool:
    return any(math.isclose(constant, unit, rel_tol=_TOLERANCE) for unit in _UNITS[1:])


def _is_unit(constant: float) -> bool:
    """One, or the logarithm of two to as many digits as somebody has written."""
    return math.isclose(constant, 1.0, rel_tol=_EXACT) or any(
        math.isclose(constant, unit, rel_tol=_ROUNDED) for unit in _UNITS[1:]
    )


Factors = Mapping[tuple[Node, bool], int]
"""(factor, whether the product is divided by it) -> how often. A product of products of itself has very many."""


def _factors(head: Node, known: dict[Node, Factors]) -> Factors:
    """The factors of a product; `known` are those of the products that have been asked for."""
    waiting = [head]
    while waiting:
        node = waiting[-1]
        below = [n for n in node.inputs if n not in known] if node.op in (Op.MULTIPLY, Op.DIVIDE) else []
        waiting += below
        if below:
            continue
        waiting.pop()
        if node.op not in (Op.MULTIPLY, Op.DIVIDE):
            known[node] = {(node, False): 1}
            continue
        one, other = node.inputs
        found = Counter(known[one])
        for (factor, inverse), times in known[other].items():
            found[factor, inverse != (node.op is Op.DIVIDE)] += times
        known[node] = found
    return known[head]


def _power(value: float, times: int) -> float:
    try:
        return float(value) ** times
    except (OverflowError, ZeroDivisionError):
        return math.inf


def _constants(node: Node) -> list[float]:
    """The constant that a node is, or those that it may be."""
    options = node.inputs if node.op is Op.EITHER else node.inputs[1:] if node.op is Op.CHOOSE else (node,)
    found = [_constant(option) for option in options if option.op is Op.NUMBER]
    return [c for c in found if c is not None] if len(found) == len(options) else []


def _constant(node: Node) -> float | None:
    if node.text == "ln 2":
        return math.log(2.0)
    try:
        return float(node.text)
    except ValueError:
        return None
