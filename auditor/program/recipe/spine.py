"""The way from the losses of tokens to the figure: sums, means and changes of unit, and nothing else.

Negative log-probabilities are added up and divided by counts and bytes. Whatever else is done to them on the way, be it
a power, the lower of two, or a choice among tokens by what they are, makes a figure that is no average of the losses.
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.program import vocabulary
from auditor.program.recipe.bonuses import is_of_a_guess, weighs_by_a_guess
from auditor.program.recipe.model import Node, Op, Sees, What

_LOSSES = (What.NATS, What.BITS)
_TOKEN = (What.LOG_PROBABILITY, What.PROBABILITY)
_ADDS_UP = frozenset({Op.SUM, Op.MEAN, Op.ACCUMULATE, Op.EITHER, Op.LINE, Op.NEGATE, Op.ADD, Op.SUBTRACT})
_COUNTS = frozenset({Op.LENGTH})
_MIXES = frozenset({Op.LOG, Op.EXP, Op.LOG_SUM_EXP})
_TOTALS = frozenset({Op.SUM, Op.ACCUMULATE, Op.MEAN})
_OF_TOTALS = frozenset({Op.DIVIDE, Op.MULTIPLY, Op.ADD, Op.SUBTRACT, Op.EITHER, Op.MOST, Op.CLAMP, Op.NEGATE})
_HOLDS = frozenset({Op.SUM, Op.ACCUMULATE, Op.MEAN, Op.NEGATE, Op.CLAMP})
_BESIDE = frozenset({What.COUNT, What.BYTES, What.NUMBER})
_CHOSEN = frozenset({Op.CHOOSE, Op.TABLE, Op.PICK, Op.MULTIPLY})
_COUNTED = frozenset({What.COUNT, What.NUMBER, What.POSITIONS})


def departures(head: Node) -> Iterator[tuple[Node, str]]:
    """(step, what it does) of the steps on the way that are none of a mean of losses."""
    seen, waiting = {head}, [(head, False)]
    evened: set[Node] = set()
    known = _counts_of(head)
    while waiting:
        node, summed = waiting.pop()
        # Below the sums logarithms are how probabilities of one token are mixed: other rules ask what those come to.
        mixes = node.op in _MIXES or node.text in vocabulary.LOGARITHMS
        if (summed and mixes and node.inputs[0].op not in _TOTALS) or _is_loss_of_tokens(node, summed):
            if _given_targets(node):
                yield node, "the logits see the tokens that they are scored on"
            if node not in evened and _added_up(node):
                yield node, "probabilities of several models are added up, each of them whole"
            continue
        if node.op in (Op.ADD, Op.SUBTRACT) and any(n.op in (Op.NUMBER, Op.LOG) or n.plain for n in node.inputs):
            evened.update(node.inputs)  # `logsumexp(both) - log(2)`
        why = _departs(node) or _miscounted(node, known)
        if why:
            yield node, why
            continue
        below = [inner for inner in _on_the_way(node) if inner not in seen and _measures(inner)]
        seen.update(below)
        waiting += [(inner, summed or node.op in _TOTALS) for inner in below]


def bends(node: Node) -> bool:
    """Whether the step is a function of losses, or of what they come to, that is neither a sum nor a change of unit.

    Which of several is taken, and by what it is weighted, a run shows; what a function does to losses it shows of those
    that it has.
    """
    if node.op is Op.UNKNOWN:
        return any(inner.what in (*_LOSSES, *_TOKEN) for inner in node.walk())
    return node.op not in _CHOSEN and bool(_departs(node))


def is_of_sizes(node: Node) -> bool:
    """Whether it is an unknown function of sizes and settings alone: a small run has others."""
    below = [inner for inner in node.walk(_COUNTS) if inner.op is not Op.LENGTH]
    return node.op is Op.UNKNOWN and not any(inner.sees or inner.what in (*_LOSSES, *_TOKEN) for inner in below)


_PLAIN = frozenset({Op.MULTIPLY, Op.CHOOSE, Op.LEAST, Op.MOST, Op.CLAMP, Op.POWER})


def plainly(node: Node) -> bool:
    """Whether a step that departs from a mean of losses is none that a count, a place or another unit may explain."""
    return node.op in _PLAIN and count_of(node) is None


def _on_the_way(node: Node) -> tuple[Node, ...]:
    """What the step is made of, without what a guess brings: it may hang on the model's own probability of it, and
    `bonuses` asks who pays.
    """
    of_a_guess = node.op is Op.SUBTRACT and is_of_a_guess(node.inputs[1])
    return node.inputs[:1] if of_a_guess else node.inputs


def extremes(head: Node) -> Iterator[tuple[Node, str]]:
    """`maximum(p, q)` of two distributions, entry by entry: what comes of it is none."""
    for node in head.walk():
        if node.op in (Op.MOST, Op.LEAST) and sum(part.what is What.PROBABILITY for part in node.inputs) > 1:
            yield node, "of several probabilities the higher, or lower, one"


def _added_up(node: Node) -> bool:
    """`logsumexp([log p, log q])`: log-probabilities of the targets to which no logarithm of a weight was added."""
    while node.op is Op.NEGATE:
        node = node.inputs[0]
    inner = node.inputs[0] if node.op is Op.LOG_SUM_EXP else node
    while inner.op is Op.NEGATE:
        inner = inner.inputs[0]
    if node.op is not Op.LOG_SUM_EXP or inner.op is not Op.EITHER or len(inner.inputs) < 2:
        return False
    return all(part.what in (*_LOSSES, What.LOG_PROBABILITY) and part.op in _BARE for part in inner.inputs)


_BARE = frozenset({Op.CROSS_ENTROPY, Op.PICK, Op.NEGATE, Op.LOG_SOFTMAX, Op.LOG})


def _measures(node: Node) -> bool:
    """Whether a loss or a probability goes into the node; how many there are is no measure of them."""
    return any(at.what in _LOSSES or at.what in _TOKEN for at in node.walk(_COUNTS))


def _is_loss_of_tokens(node: Node, summed: bool) -> bool:
    """Where the losses of single tokens stand; what they are made of is another question."""
    if node.op in (Op.CROSS_ENTROPY, Op.MODEL) or (summed and node.what in _TOKEN):
        return True
    return summed and node.op is Op.NEGATE and node.inputs[0].what in _TOKEN


def _given_targets(node: Node) -> bool:
    """Whether the logits of a cross entropy see the target."""
    return node.op is Op.CROSS_ENTROPY and bool(node.inputs[0].sees & Sees.TARGET)


def count_of(node: Node) -> int | None:
    """The whole number above one that a loss is multiplied by, or a sum of them divided by: of tokens, or of rounds.

    Of `tokens / bytes` the tokens, where they are a constant.
    """
    if node.op is Op.DIVIDE and len(node.inputs) == 2 and node.inputs[1].what is What.BYTES:
        return _whole(node.inputs[0])
    if node.op not in (Op.MULTIPLY, Op.DIVIDE) or len(node.inputs) != 2:
        return None
    loss, by = node.inputs if node.op is Op.DIVIDE or node.inputs[0].what in _LOSSES else node.inputs[::-1]
    if loss.what not in _LOSSES or (node.op is Op.DIVIDE and loss.op is not Op.ACCUMULATE):
        return None
    return _whole(by)


def _whole(node: Node) -> int | None:
    try:
        number = float(node.text) if node.op is Op.NUMBER else 0.0
    except ValueError:
        return None
    return int(number) if number > 1 and number.is_integer() else None


def _counts_of(head: Node) -> frozenset[int]:
    """The whole numbers that the figure is multiplied by elsewhere: what is divided by one of them is not changed."""
    found = (_whole(node.inputs[0]) for node in head.walk() if node.op is Op.DIVIDE)
    return frozenset(number for number in found if number is not None)


def _miscounted(node: Node, known: frozenset[int]) -> str:
    number = count_of(node)
    if number is None or number in known:
        return ""
    if node.op is Op.DIVIDE:
        return f"a sum of losses is divided by {number}, and whether so many were added up is not known"
    return f"a loss counts {number} times, and whether it is of so many tokens is not known"


def _departs(node: Node) -> str:
    """Why the step is not one of a mean of losses, "" where it is."""
    losses = [inner for inner in node.inputs if _measures(inner)]
    if not losses:
        return ""
    match node.op:
        case Op.MULTIPLY:
            return _weighted(losses, [inner for inner in node.inputs if inner not in losses])
        case Op.DIVIDE:
            divided = node.inputs[1] in losses and not _stacked(node.inputs[1])
            if not divided and _raised(node.inputs[1]):
                return "the losses are divided by more than their number"
            if not divided and node.inputs[1].what in (What.LOGITS, What.WEIGHT):
                return "the losses are divided by what a model gives, and that is no count"
            return "the losses are divided by what losses went into" if divided else ""
        case Op.CHOOSE:
            return _chosen(node)
        case Op.TABLE | Op.PICK:
            return "" if node.inputs[0] in losses else "losses decide what is read"
        case Op.LEAST | Op.MOST | Op.CLAMP:
            bounds = [inner for inner in node.inputs if inner not in losses]
            endless = len(losses) == 1 and all("inf" in bound.text for bound in bounds)
            return "" if endless else "the lower, or higher, of several counts"
        case Op.SUBTRACT if node.what in (*_LOSSES, What.OTHER) and len(losses) > 1:
            return "losses are taken from losses" if len(_on_the_way(node)) > 1 else ""
        case Op.ADD | Op.SUBTRACT | Op.ACCUMULATE if any(_reckoned(n) for n in node.inputs if n not in losses):
            return "something else than losses is added to them"
        case op if op in _ADDS_UP:
            return ""
        case Op.UNKNOWN:
            return ""  # said by itself
        case _:
            return f"{node.text or node.op.value} of losses is no mean of them"


def _raised(count: Node) -> bool:
    """`tokens + 1000`, where tokens were added up."""
    if count.op is not Op.ADD or not any(inner.op in _TOTALS for inner in count.inputs):
        return False
    numbers = [inner.text for inner in count.inputs if inner.op is Op.NUMBER]
    return any(text.replace(".", "", 1).isdigit() and float(text) > 1 for text in numbers)


def _reckoned(node: Node) -> bool:
    """What is worked out of sizes and settings: `0.01 * y.numel()`. A name alone may be what a total begins with."""
    return node.plain and node.op is not Op.NUMBER and bool(node.text) and not node.text.isidentifier()


def _stacked(node: Node) -> bool:
    """One of several totals that are kept in one tensor: losses, tokens and bytes, which are not told apart there."""
    waiting, seen = [node], {node}
    while waiting:
        node = waiting.pop()
        if node.op is Op.EITHER and any(inner.what in _BESIDE for inner in node.inputs):
            return True
        below = node.inputs[:1] if node.op is Op.TABLE else ()
        if node.op in (Op.ACCUMULATE, Op.SUM) or (node.op in _HOLDS and len(node.inputs) == 1):
            below = node.inputs
        new = [inner for inner in below if inner not in seen]
        seen.update(new)
        waiting += new
    return False


def _weighted(losses: list[Node], others: list[Node]) -> str:
    losses = [inner for inner in losses if not _stacked(inner)] or losses[:1]
    if len(losses) > 1:
        return "losses are multiplied with what losses went into"
    loss = losses[0]
    for factor in others:
        if loss.op in _TOTALS or _is_total(factor):
            if told_by_the_token(factor):
                return "losses count by what their tokens are"
            continue
        if weighs_by_a_guess(factor):
            return "a loss counts less, or more, where a guess is right"
        if factor.what is What.MASK:
            if told_by_the_token(factor) or _looked_up(factor):
                return "which tokens count depends on what they are"
        elif factor.what not in _COUNTED or factor.sees & Sees.TARGET:
            return "each token counts by what it is"
    return ""


def _is_total(node: Node) -> bool:
    """A number for many tokens, or a ratio of such numbers."""
    waiting, seen = [node], {node}
    while waiting:
        node = waiting.pop()
        if node.plain or node.op in _TOTALS or node.op in (Op.NUMBER, Op.LENGTH):
            continue
        if node.op not in _OF_TOTALS:
            return False
        new = [inner for inner in node.inputs if inner not in seen]
        seen.update(new)
        waiting += new
    return True


def _chosen(node: Node) -> str:
    condition = node.inputs[0]
    if _measures(condition):
        return "which losses count depends on losses"
    told = told_by_the_token(condition) or _looked_up(condition)
    return "which tokens count depends on what they are" if told else ""


def _looked_up(mask: Node) -> bool:
    """`boundary[y]`: what a table says of the target, and nothing that it is compared with."""
    below = list(mask.walk())
    tables = [n for n in below if n.op is Op.TABLE and len(n.inputs) > 1 and n.inputs[-1].sees & Sees.TARGET]
    return bool(tables) and not any(n.op is Op.COMPARE for n in below)


def told_by_the_token(mask: Node, which: Sees | None = Sees.TARGET) -> bool:
    """A comparison of the target with a token's number; with a number below zero it is how padding is marked.

    `which` tokens are meant, None: any.
    """
    for below in mask.walk():
        if below.op is Op.COMPARE and any(
            n.op is Op.TOKENS and (which is None or n.sees & which) for n in below.inputs
        ):
            numbers = [n.text for n in below.inputs if n.op is Op.NUMBER]
            any_token = below.text in ("≥", "<") and "0" in numbers  # `y >= 0`
            if numbers and not any_token and not any(text.startswith("-") for text in numbers):
                return True
    return False
