"""Parts of the stream that are left out by what is in them, by their length or by their turn."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from collections.abc import Sequence as Seq
from dataclasses import replace

from auditor.program import vocabulary
from auditor.program.interpreter.completion import BREAK, CONTINUE
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring import recalled
from auditor.program.interpreter.stream import ranks
from auditor.program.numbers import position_of
from auditor.program.positions import EQUAL, FunctionOf, Position
from auditor.program.recipe.model import Node, Op
from auditor.program.recipe.spine import told_by_the_token
from auditor.program.tags import LOSS, NONE, RANDOM, SHARE, VAL, InRound, Mark, OfOutput, Reads, Tags, has
from auditor.program.trace import CHANGES_LOSSES, LEAVES_OUT
from auditor.program.values import Comparison, Conditions, Frame, Value, with_tags
from auditor.program.values import Sequence as Items
from auditor.source.index import of_type, walk

_SHORT = 8  # tokens; what is shorter holds nothing to score
WEIGHED = Mark("weighed")
"""Tag of what was counted over the tokens of a part of the stream: where documents lie is told by tokens as well."""


def by_content(m: Machine, frame: Frame, node: ast.expr, test: Value) -> str | None:
    """What a condition that is not known asks of a part of the stream; None where it asks nothing of it."""
    if test.known:
        return None
    if _asks(node):
        return "their tokens" if _whether_some_are(node) and VAL in test.tags and not has(test.tags, OfOutput) else None
    if RANDOM in test.tags and isinstance(test.obj, Comparison):
        return "chance"
    if VAL in test.tags and has(test.tags, OfOutput) and LOSS in test.tags:
        return "their losses"
    if _by_length(m, test):
        return "their length"
    return "their tokens" if WEIGHED in test.tags else None


def _asks(node: ast.expr) -> bool:
    """`mask.any()`: whether there is anything at all."""
    while isinstance(node, ast.UnaryOp):
        node = node.operand
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in vocabulary.ASKS


def _whether_some_are(node: ast.expr) -> bool:
    """`(y == 7).any()`: whether a token of the part in hand is such a one."""
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Compare)
    )


def _by_length(m: Machine, test: Value) -> bool:
    if not isinstance(test.obj, Comparison):
        return False
    for side, other in (test.obj.sides, test.obj.sides[::-1]):
        limit = m.extents.at(position_of(other))
        if limit is None or limit <= _SHORT or m.extents.at(position_of(side)) is not None:
            continue
        if any(isinstance(term, Value) and term in m.extents.lengths for term, _ in position_of(side).terms):
            return True
    return False


def by_turn(m: Machine, test: Value) -> bool:
    """`if i % 2: continue`: a constant share of the rounds, whichever process runs."""
    sides = test.obj.sides if isinstance(test.obj, Comparison) else (test,)
    places = [Position(value.const) if type(value.const) is int else position_of(value) for value in sides]
    for term, _ in places[0].terms if len(places) == 1 else ():
        if isinstance(term, FunctionOf) and term.function == EQUAL:
            places = list(term.operands)
    for place in places:
        for term, _ in place.terms:
            if isinstance(term, FunctionOf) and term.function == "Mod":
                of, by = term.operands
                if m.extents.depends(of) and by.literal and by.constant > 1:
                    return all(other.literal for other in places if other is not place)
    return False


def by_place(m: Machine, test: Value) -> bool:
    """`if start == 0`, `if i:`: where in the stream the loop has come to, against a constant of the code."""
    sides = test.obj.sides if isinstance(test.obj, Comparison) else (test,)
    places = [Position(value.const) if type(value.const) is int else position_of(value) for value in sides]
    for term, _ in places[0].terms if len(places) == 1 else ():
        if isinstance(term, FunctionOf) and term.function == EQUAL:
            places = list(term.operands)
    running = [place for place in places if not place.literal and _is_running(m, place)]
    return len(running) == 1 and all(place.literal for place in places if place is not running[0])


def _is_running(m: Machine, place: Position) -> bool:
    """The number that a loop around has in hand, by itself."""
    here = {m.extents.elements.get(loop.instance) for loop in m.loops}
    terms = [term for term, _ in place.terms]
    return len(terms) == 1 and isinstance(terms[0], Value) and terms[0] in m.extents.steps and _held(terms[0], here)


def _held(number: Value, elements: set[Value | None]) -> bool:
    """Whether a loop has it in hand, by itself or in a pair."""
    held = [v for e in elements if e is not None for v in (e.obj.items if isinstance(e.obj, Items) else [e])]
    return any(number is v or any(t is number for t, _ in position_of(v).terms) for v in held)


def by_token(m: Machine, test: Value) -> bool:
    """`if x[0, 0] == 7`: what a token of the part in hand is."""
    if test.known or not has(test.tags, Reads) or has(test.tags, OfOutput) or test.recipe is None:
        return False
    here = {loop.instance for loop in m.loops}
    return any(isinstance(t, InRound) and t.loop in here for t in test.tags) and _compares_a_token(test.recipe)


def _compares_a_token(test: Node) -> bool:
    """A comparison of tokens with something, by size with a number alone: places in the stream are compared so too."""
    if test.op is not Op.COMPARE:
        return False
    by_size = test.text in ("<", "≤", ">", "≥") and not any(side.op is Op.NUMBER for side in test.inputs)
    return any((_is_of_tokens(side) and not by_size) or _compares_a_token(side) for side in test.inputs)


def _is_of_tokens(side: Node) -> bool:
    """Tokens, a key made of them, or something that is not understood and was made of them: `hash(tuple(y))`."""
    return side.op in (Op.TOKENS, Op.HASH) or (side.op is Op.UNKNOWN and any(n.op is Op.TOKENS for n in side.walk()))


def after_arms(
    m: Machine, frame: Frame, node: ast.If, test: Value, left: tuple[bool, bool]
) -> list[tuple[ast.expr, Tags]]:
    """After both arms of a condition: what of the accumulators hangs on it, and the tags that say so.

    `left`: whether each arm ends the round. Whatever else is summed up in this loop leaves that round out.
    """
    summed, others = m.arms
    one_leaves = sum(left) == 1 and not summed and not others
    if m.loops and any(ranks.tells(m, part, asked) for part, asked in parts_of(node.test, test)):
        return by_process(m, frame, node, one_leaves=one_leaves)
    if m.loops and one_leaves and not test.known and names_a_shard(node.test, test):
        loop = m.loops[-1]
        tags = m.doubt(node, frame, "a choice among shards", "those of certain names are left out", against=LEAVES_OUT)
        m.unread[loop.instance] = m.unread.get(loop.instance, NONE) | tags
        return []
    if not m.loops or not (one_leaves or bool(summed) != bool(others)):
        return []
    if known := recalled.tells(test.tags):
        if one_leaves:
            m.skipped[m.loops[-1]] = m.skipped.get(m.loops[-1], NONE) | known
        return [] if one_leaves else [(target, known) for target in _sums(node.body if summed else node.orelse)]
    why = _told(m, frame, node.test, test, one_leaves=one_leaves)
    if why is None:
        return []
    if one_leaves:
        loop = m.loops[-1]  # this round alone: what was summed up before it stays
        tags = m.omitted(node, frame, why)
        m.skipped[loop] = m.skipped.get(loop, NONE) | tags
        if why == "their losses" and (m.ended[0] | m.ended[1]) & BREAK:  # and all that would come after it
            later = replace(loop, iteration=loop.iteration + 1)
            m.skipped[later] = m.skipped.get(later, NONE) | tags
        return []
    return [(target, m.omitted(node, frame, why)) for target in _sums(node.body if summed else node.orelse)]


def parts_of(node: ast.expr, test: Value) -> list[tuple[ast.expr, Value]]:
    """The conditions that a condition is put together of."""
    if not isinstance(test.obj, Conditions):
        return [(node, test)]
    return [part for pair in test.obj.parts for part in parts_of(*pair)]


def _told(m: Machine, frame: Frame, node: ast.expr, test: Value, *, one_leaves: bool) -> str | None:
    """What the rounds that are left have in common, None where nothing tells of it.

    Of several conditions that must all hold, one that compares lengths may say that nothing of a window is new.
    """
    if isinstance(test.obj, Conditions):
        found = [(_told(m, frame, part, asked, one_leaves=one_leaves), asked) for part, asked in test.obj.parts]
        reasons = [why for why, _ in found if why is not None]
        excused = any(why is None and _compares_lengths(asked) for why, asked in found)
        if "their losses" in reasons:  # no length excuses that
            return "their losses"
        return reasons[0] if reasons and not (test.obj.every and excused) else None
    why = by_content(m, frame, node, test)
    goes_on = bool((m.ended[0] | m.ended[1]) & CONTINUE)
    if why is None and one_leaves and goes_on and (by_token(m, test) or _among_found(node, test)):
        return "their tokens"
    if why is None and (goes_on or not one_leaves) and by_place(m, test):
        return "their place in the stream"
    return "their turn" if why is None and by_turn(m, test) else why


def _among_found(node: ast.expr, test: Value) -> bool:
    """`if start // length not in short: continue`: whether a place is among those that tokens have told."""
    asked = node.operand if isinstance(node, ast.UnaryOp) else node
    among = isinstance(asked, ast.Compare) and isinstance(asked.ops[0], (ast.In, ast.NotIn))
    return among and not test.known and VAL in test.tags and not has(test.tags, OfOutput)


def _compares_lengths(test: Value) -> bool:
    """A comparison by size of what is no constant of the code: `end - start <= first`, not `len(x) > 0`."""
    sides = test.obj.sides if isinstance(test.obj, Comparison) else ()
    return bool(sides) and not any(type(side.const) is int and side.const <= 1 and not side.tags for side in sides)


def by_process(m: Machine, frame: Frame, node: ast.If, *, one_leaves: bool) -> list[tuple[ast.expr, Tags]]:
    """`if rank == world_size - 1: continue`: some of the processes leave out what they were to score."""
    summed, others = m.arms
    if not one_leaves and bool(summed) == bool(others):
        return []
    instance = m.loops[-1].instance
    if one_leaves and instance not in m.extents.elements:
        return []  # it goes over nothing that could be shared out: `while True`, until training is at its end
    tags = m.doubt(node, frame, "what each process scores", "some of them leave out their share", against=LEAVES_OUT)
    if one_leaves:
        m.idle[instance] = m.idle.get(instance, NONE) | tags
        return []
    targets = _sums(node.body if summed else node.orelse)
    return [(target, tags) for target in targets if SHARE in m.evaluate(frame, target).tags]


def _sums(arm: Seq[ast.stmt]) -> Iterator[ast.expr]:
    """What an arm adds to, unless it empties what it has added."""
    within = [inner for statement in arm for inner in walk(statement)]
    stored = [
        (t.id, s.lineno) for s in within if isinstance(s, ast.Assign) for t in s.targets if isinstance(t, ast.Name)
    ]
    for inner in within:
        if isinstance(inner, ast.AugAssign):
            added = {n.id for n in of_type(inner.value, ast.Name)}
            if not added & {name for name, line in stored if line > inner.lineno}:
                yield inner.target
        elif isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Call):
            function = inner.value.func
            if isinstance(function, ast.Attribute) and function.attr in ("append", "add_", "extend"):
                yield function.value


def of_rounds(m: Machine, summed: Value) -> Tags:
    """What is summed up, or put into a list, in a loop of which some rounds were left: the tags that say so."""
    found: list[Tags] = []
    if m.skipped and LOSS in summed.tags:
        found += [m.skipped.get(loop, NONE) for loop in m.loops]
    if m.idle and LOSS in summed.tags and SHARE in summed.tags:
        found += [m.idle.get(loop.instance, NONE) for loop in m.loops]
    if m.unread and VAL in summed.tags and not has(summed.tags, OfOutput):
        found += [m.unread.get(loop.instance, NONE) for loop in m.loops]
    return NONE.union(*found)


def filtered(
    m: Machine, frame: Frame, node: ast.comprehension, tests: Seq[Value], found: list[tuple[Value, ...]], made: int
) -> None:
    """Elements of a comprehension that are parts of the stream, and were kept by what is in them."""
    for condition, test in zip(node.ifs, tests, strict=True):
        why = by_content(m, frame, condition, test)
        if not test.known and (tags := kept(m, frame, condition, test, found[made:])):
            found[made:] = [tuple(with_tags(item, tags) for item in items) for items in found[made:]]
        if why is not None and isinstance(test.obj, Comparison):  # by size: a list of files is kept by their names
            for at in range(made, len(found)):
                if any(VAL in item.tags for item in found[at]):
                    tags = m.omitted(condition, frame, why)
                    found[at] = tuple(with_tags(item, tags) for item in found[at])


def kept(m: Machine, frame: Frame, node: ast.expr, test: Value, found: Seq[tuple[Value, ...]]) -> Tags:
    """Losses that are kept by what the tokens are, tokens of the whole stream, shards by their names or numbers."""
    held = [item for items in found for item in items if VAL in item.tags]
    by_tokens = test.recipe is not None and told_by_the_token(test.recipe, None)
    if not held or has(test.tags, OfOutput):
        return NONE
    if known := recalled.tells(test.tags):
        return known
    if by_tokens and any(LOSS in item.tags for item in held):
        return m.doubt(
            node,
            frame,
            "a choice among losses",
            "which losses count depends on what the tokens are",
            against=CHANGES_LOSSES,
        )
    if by_tokens and all(item.obj is None and not has(item.tags, OfOutput) for item in held):
        return _of_outer_loops(m, frame, node, held)
    if names_a_shard(node, test):
        return m.doubt(node, frame, "a choice among shards", "those of certain names are left out", against=LEAVES_OUT)
    return NONE


def _of_outer_loops(m: Machine, frame: Frame, node: ast.AST, held: Seq[Value]) -> Tags:
    """Tokens that are kept by what they are, of the stream as a whole and no part that a loop around has in hand."""
    running = {loop.instance for loop in m.loops[:-1]}
    if any(isinstance(t, InRound) and t.loop in running for item in held for t in item.tags):
        return NONE
    return m.doubt(
        node,
        frame,
        "a choice among tokens",
        "which of the stream are scored depends on what they are",
        against=LEAVES_OUT,
    )


def names_a_shard(node: ast.expr, test: Value) -> bool:
    """`"000001" not in path`: a condition on the name of a file of the validation set that tells one from another."""
    if VAL not in test.tags or has(test.tags, Reads) or has(test.tags, OfOutput):
        return False
    texts = [n.value for n in of_type(node, ast.Constant) if isinstance(n.value, str)]
    return any(any(map(str.isdigit, text)) and "\\" not in text for text in texts)


def weighed(m: Machine, name: str, part: Value) -> Tags:
    """`(chunk > 900).sum()`: something of the content of the part that the loop has in hand."""
    if name not in vocabulary.STATISTICS or VAL not in part.tags or has(part.tags, OfOutput):
        return NONE
    here = {loop.instance for loop in m.loops}
    return frozenset({WEIGHED}) if any(isinstance(t, InRound) and t.loop in here for t in part.tags) else NONE
