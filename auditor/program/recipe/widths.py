"""What a figure is divided by: the bytes of the tokens that are scored, each counted once.

The bytes of a target are what its piece has, and one for the space in front of it where the token before is no
boundary. Whatever else is added up is no length of the text.
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.program.recipe.model import Node, Op, Sees, What

_SUMS = frozenset({Op.ACCUMULATE, Op.SUM})
_TINY = 1e-3  # bytes of a whole validation set
_LENGTH = frozenset({Op.LENGTH})  # how many there are, whatever they measure
_LOSSES = {What.NATS, What.BITS, What.LOG_PROBABILITY, What.PROBABILITY}


def odd_widths(head: Node) -> Iterator[tuple[Node, str]]:
    """(step, what it counts) of what is added up among the bytes and is not the targets' bytes."""
    seen, waiting = {head}, [head]
    while waiting:
        node = waiting.pop()
        if node.op in _SUMS and (_counts_bytes(node) or _is_of_lengths(node)):
            first = node.inputs[0]
            for term in _terms(node):
                why = _odd(term) or ("" if term is first else _named(term))
                if why:
                    yield term, why
            continue
        below = [inner for inner in node.inputs if inner not in seen]
        seen.update(below)
        waiting += below


def _counts_bytes(node: Node) -> bool:
    """Whether bytes are added up, and no losses beside them."""
    kinds = {below.what for below in node.walk(_LENGTH) if below.op is not Op.LENGTH}
    return What.BYTES in kinds and not kinds & _LOSSES


def _is_of_lengths(node: Node) -> bool:
    """`4 * y.numel()`, added up: as many bytes a token as somebody has thought."""
    return all(term.op is Op.NAME and _reckons(term.text) for term in _terms(node))


def _reckons(text: str) -> bool:
    return any(c.isdigit() for c in text) and "*" in text and any(word in text for word in _COUNTERS)


_COUNTERS = ("numel()", "len(", "size(", ".shape")


def _named(term: Node) -> str:
    """A plain number among the bytes, that the total did not begin with."""
    return f"{term.text} among the bytes" if term.op is Op.NAME and term.text != "a value" else ""


def _terms(node: Node) -> Iterator[Node]:
    """What is summed up, whichever branch it is in."""
    waiting, seen = [node], {node}
    while waiting:
        node = waiting.pop()
        if node.op not in _SUMS and node.op is not Op.EITHER:
            yield node
            continue
        new = [inner for inner in node.inputs if inner not in seen]
        seen.update(new)
        waiting += reversed(new)


def _odd(term: Node, known: dict[Node, str] | None = None) -> str:
    """Why a term is not the bytes of the targets, "" where it is, or where it is not understood anyway."""
    known = {} if known is None else known  # a sum may be of itself, of itself, ...
    if term not in known:
        known[term] = _why_odd(term, known)
    return known[term]


def _why_odd(term: Node, known: dict[Node, str]) -> str:
    if term.op is Op.NAME and _reckons(term.text):
        return "a number of tokens among the bytes"
    if term.op in (Op.UNKNOWN, Op.NAME):
        return ""  # said by itself; what the total began with
    if term.op is Op.MULTIPLY:
        masked = [inner for inner in term.inputs if inner.what is What.MASK or inner.plain]
        rest = [inner for inner in term.inputs if inner not in masked]
        plain_factor = any(inner.op is Op.NUMBER for inner in masked)
        return _odd(rest[0], known) if len(rest) == 1 and not plain_factor else "bytes times something"
    if term.op is Op.NUMBER and _is_tiny(term):
        return ""
    if term.op is Op.CHOOSE and _asks_before(term.inputs[0]):  # `where(boundary[x], width, width + space)`
        return _odd_but_for_spaces(term, known)
    if term.op is Op.CHOOSE:
        return next((why for inner in term.inputs[1:] if inner.op is not Op.NUMBER and (why := _odd(inner, known))), "")
    if term.op is Op.ADD and any(inner.op is Op.SUM for inner in term.inputs):
        named = next((why for inner in term.inputs if (why := _named(inner))), "")
        if named:
            return named
    if term.op is Op.ADD or term.op is Op.EITHER or term.op in _SUMS:
        return next((why for inner in term.inputs if (why := _odd(inner, known))), "")
    if term.op in (Op.TABLE, Op.PICK):
        key = term.inputs[-1]
        of_target = bool(key.sees & Sees.TARGET) or not key.sees
        if term.what is What.BYTES:
            return "" if of_target else "the bytes of tokens that are not scored there"
        return "a space counts whatever stands before it"
    if term.op is Op.COMPARE:
        return _odd_space(term)
    if term.op is Op.ENCODE_LENGTH:
        return ""
    if term.op is Op.LENGTH:
        return "a number of tokens among the bytes"
    return f"{term.text or term.op.value} of the bytes"


def _is_tiny(term: Node) -> bool:
    """`count + 1e-12`: nothing that changes a digit."""
    try:
        return abs(float(term.text)) < _TINY
    except ValueError:
        return False


def _odd_but_for_spaces(term: Node, known: dict[Node, str]) -> str:
    """What is odd in either branch, where the condition asks for the token before: a space may count in one of them."""
    parts = [part for branch in term.inputs[1:] for part in (branch.inputs if branch.op is Op.ADD else (branch,))]
    spaces = [part for part in parts if part.op is Op.TABLE and part.what is not What.BYTES]
    return next((why for part in parts if part not in spaces and (why := _odd(part, known))), "")


def _asks_before(mask: Node) -> bool:
    return any(n.op is Op.TOKENS and not n.sees & Sees.TARGET for n in mask.walk())


def _odd_space(mask: Node) -> str:
    """The byte of a leading space: `leading_space[y] & ~boundary[x]`."""
    if not any(n.op is Op.TABLE for n in mask.walk()):
        return "what the tokens are is counted, not what they are made of"
    if mask.text == "or":
        return "a space counts where the token has one or no boundary stands before it"
    return "" if _asks_before(mask) or len(mask.inputs) > 1 else "a space counts whatever stands before it"
