"""Positions that a forward pass mixes without attention: later ones brought forward, and statistics over all of them.

Which dimension is that of the positions is worked out along the statements (`layout`); what is computed from weights
alone is left out.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from auditor.program import vocabulary
from auditor.program.forward.applied import Part, Parts
from auditor.program.forward.backwards import read_ahead, taken_apart
from auditor.program.forward.dimensions import POSITION, STATE, Layout
from auditor.program.forward.handed import handed, handed_by_name, is_library
from auditor.program.forward.layout import Layouts
from auditor.program.forward.operands import along, given, number, resolved
from auditor.program.forward.padded import behind, brought_forward, cut_behind, open_ended, stored_forward
from auditor.program.forward.picked import beside_all, later, picks_later
from auditor.program.forward.products import brings_forward, contracts, mixes, products
from auditor.program.forward.spread import spread
from auditor.program.forward.untold import untold
from auditor.program.forward.whole import of_all
from auditor.program.syntax import AnyFunction, called, is_method, literal
from auditor.program.values import External, Function
from auditor.source.index import function_around, of_type, parent, walk

FOLLOWS, ALL, UNTOLD, PAIRS = "what follows", "all positions", "perhaps what follows", "pairs of positions"


@dataclass(frozen=True, slots=True)
class Mixed:
    """One operation. `sees`: "what follows", or "all positions", where the layout that is taken for given decides, or
    "perhaps what follows", where the dimensions could not be told, or "pairs of positions", where a mask decides.

    `spread`: what each position is known to get of the others (`spread`), "" where that is not known.
    """

    node: ast.expr
    sees: str
    spread: str = ""


def mixed(function: Function, parts: Parts) -> Iterator[Mixed]:
    """The operations of a method through which a position gets to know of later ones.

    `parts`: of its calls those that apply a module of a library (`applied`). What a function that stands by itself
    gets may be weights, so that statistics in it tell nothing, unless a call is known to pass what has positions.
    """
    node = function.node
    library, own = partial(is_library, function), is_method(node)
    told = _told(function, node, library)
    sure = {found.node: found for found in _operations(function, node, parts, told) if found.sees == ALL}
    taken = Layouts(node, own=own, library=library, given=handed(function, library))
    for found in _operations(function, node, parts, taken):
        if found.sees in (FOLLOWS, PAIRS) or (own and found.node not in sure):
            yield found
    for operation in sure:
        yield Mixed(operation, ALL, spread(operation, function, told))
    for moved in untold(node, taken, own=own):
        yield Mixed(moved, UNTOLD)
    for inner in of_type(node, ast.FunctionDef, ast.Lambda):
        if inner is not node:
            given = taken.names() | _without_the_batch(inner)
            around = Layouts(inner, own=False, library=library, given=given)
            yield from (found for found in _operations(function, inner, parts, around) if found.sees == FOLLOWS)


def _without_the_batch(function: AnyFunction) -> dict[str, Layout]:
    """What the parameters of a function are that stands in a call of `vmap`."""
    above = parent(function)
    mapped = isinstance(above, ast.Call) and called(above) == "vmap"
    return {a.arg: STATE[1:] for a in function.args.args} if mapped else {}


def _told(function: Function, node: AnyFunction, library: Callable[[str], bool]) -> Layouts:
    """The labels of which nothing is taken for given."""
    own, tree = is_method(node), function.unit.tree
    given = handed(function, library, assumed=False)
    if not own and tree is not None and function_around(node) is None and not isinstance(node, ast.Lambda):
        given = {**handed_by_name(node, tree, library), **given}
    return Layouts(node, own=own, library=library, given=given, assumed=False)


def _operations(held: Function, function: AnyFunction, parts: Parts, layouts: Layouts) -> Iterator[Mixed]:
    for node in read_ahead(function, layouts):
        yield Mixed(node, FOLLOWS)
    for node in taken_apart(function, layouts):
        yield Mixed(node, ALL)
    for node in of_type(function, ast.Call):
        name = called(node)
        subject, rest = _subject(node, held)
        labels = layouts.of(subject) if subject is not None else None
        if name in ("cat", "concat", "concatenate", "hstack", "pad") and brought_forward(node, name, layouts, function):
            yield Mixed(node, FOLLOWS)
        elif subject is not None and _backwards(node, name, rest) and number(given(node, rest, 1, "dims")) == 2:
            yield Mixed(node, FOLLOWS)  # (batch, head, position, channel)
        elif labels is not None and subject is not None:
            if _turned_round(node, name, rest, labels):
                yield Mixed(node, FOLLOWS)
            elif name in vocabulary.SORTS and _of_places(subject, function):
                continue  # `argsort(arange(t) + length * left_out)`: those that are kept, in the order that they have
            elif picks_later(node, name, rest, labels, function):
                yield Mixed(node, FOLLOWS)
            elif _over_the_last(node, name, subject, rest, function, labels):
                yield Mixed(node, ALL)
            elif labels.count(POSITION) == 1 and _over_all(node, name, rest, labels):
                yield Mixed(node, ALL)  # of pairs, it is attention, and its mask decides
            elif labels.count(POSITION) == 2 and _shares_pairs(node, name, rest, labels):
                yield Mixed(node, PAIRS)
        elif name == "einsum" and (_moves_positions(node) or _sums_positions(node, layouts)):
            yield Mixed(node, ALL)
        if name == "tensordot" and contracts(node, layouts):
            yield Mixed(node, ALL)
        part = parts.get(node)
        if part is not None and part.looks_ahead(node):
            yield Mixed(node, FOLLOWS)
        elif part is not None and _mixes(part, layouts, node.args):
            yield Mixed(node, ALL)
    for product in products(function, layouts):
        if mixes(product, layouts, held.owner.node if held.owner is not None else None):
            yield Mixed(product.node, ALL)
        elif brings_forward(product, function, layouts):
            yield Mixed(product.node, FOLLOWS)
    for statement in of_type(function, ast.AugAssign, ast.Assign):
        target = statement.target if isinstance(statement, ast.AugAssign) else statement.targets[0]
        if stored_forward(target, statement.value, layouts):
            yield Mixed(statement.value, FOLLOWS)
    for node in later(function, layouts):
        yield Mixed(node, FOLLOWS)
    for node in (*beside_all(function, layouts), *of_all(function, layouts)):
        yield Mixed(node, ALL)


def _shares_pairs(call: ast.Call, name: str, args: Sequence[ast.expr], labels: Layout) -> bool:
    """`scores.softmax(-1)`, `scores.topk(k, -1)`: what each position gets of each other one."""
    if name not in vocabulary.SHARES_OUT | vocabulary.CHOOSES:
        return False
    return along(call, args, name in vocabulary.DIMENSION_SECOND, "dim", labels)


def _both_sides(call: ast.Call, name: str, args: Sequence[ast.expr]) -> bool:
    """Pooling over the last dimension to both sides, over all of it, or of neighbours that become one."""
    if "pool" not in name:
        return False
    stride = given(call, args, 1, "stride") or given(call, args, 0, "kernel_size")
    return "adaptive" in name or number(given(call, args, 2, "padding")) > 0 or literal(stride) != 1


def _over_the_last(
    call: ast.Call, name: str, subject: ast.expr, args: Sequence[ast.expr], function: ast.AST, labels: Layout
) -> bool:
    """Whether positions are mixed with those behind them: in windows of them, or because they stand last."""
    if name == "unfold":
        return along(call, args, 0, "dimension", labels) and not behind(subject, function)
    if labels[-1] != POSITION:
        return False
    if name == "linear":
        return labels.count(POSITION) == 1
    if name == "interpolate":
        return True
    if name == "conv1d":
        if literal(given(call, args, 2, "stride") or ast.Constant(1)) != 1:
            return True  # neighbours become one
        return open_ended(call, subject, args, function)
    if name == "conv_transpose1d":
        return bool(number(given(call, args, 3, "padding"))) or not cut_behind(call, function)
    return _both_sides(call, name, args) or _normed(call, name, args)


def _normed(call: ast.Call, name: str, args: Sequence[ast.expr]) -> bool:
    """A norm over what stands last, where these are the positions."""
    return name in ("layer_norm", "rms_norm") and given(call, args, 0, "normalized_shape") is not None


def _mixes(part: Part, layouts: Layouts, args: Sequence[ast.expr]) -> bool:
    """A norm over what follows the channels, a linear layer over the positions."""
    if part.dotted.endswith(vocabulary.NORMS_OVER_POSITIONS):
        return _over_the_rest(layouts, args)
    return (part.steps_over or part.dotted.endswith("nn.Linear")) and _last_is_position(layouts, args)


def _last_is_position(layouts: Layouts, args: Sequence[ast.expr]) -> bool:
    labels = layouts.of(args[0]) if args else None
    return labels is not None and labels[-1] == POSITION


def _of_places(subject: ast.expr | None, function: ast.AST) -> bool:
    """Whether what is put in order was made of the numbers of the positions themselves."""
    parts = resolved(subject, function) if subject is not None else []
    return any(getattr(n, "attr", "") == "arange" for part in parts for n in walk(part))


def _turned_round(call: ast.Call, name: str, args: Sequence[ast.expr], labels: Layout) -> bool:
    if name == "flip":
        return along(call, args, 0, "dims", labels)
    if name == "diff":  # each less than the next; what is put behind the last keeps it at its place
        return any(k.arg == "append" for k in call.keywords) and along(call, args, 1, "dim", labels)
    if name == "as_strided":
        offset = given(call, args, 2, "storage_offset")
        return POSITION in labels and offset is not None and literal(offset) != 0
    return _backwards(call, name, args) and along(call, args, 1, "dims", labels)


def _backwards(call: ast.Call, name: str, args: Sequence[ast.expr]) -> bool:
    shift = given(call, args, 0, "shifts")
    unknown = isinstance(shift, ast.UnaryOp) and isinstance(shift.op, ast.USub) and literal(shift) is None
    return name == "roll" and (unknown or number(shift) < 0)


def _subject(call: ast.Call, held: Function) -> tuple[ast.expr | None, Sequence[ast.expr]]:
    """What an operation is applied to, and its other arguments."""
    if not isinstance(call.func, ast.Attribute):
        return None, call.args
    base = call.func.value
    root = base
    while isinstance(root, ast.Attribute):
        root = root.value
    value = held.frame.find(root.id) if isinstance(root, ast.Name) else None
    if value is not None and isinstance(value.obj, External):  # a library, under whatever name
        return (call.args[0], call.args[1:]) if call.args else (None, ())
    return base, call.args


def _over_positions(shape: ast.expr | None) -> bool:
    """`layer_norm(x, x.shape[1:])`: over positions and channels."""
    if isinstance(shape, (ast.Tuple, ast.List)):
        return len(shape.elts) > 1
    index = shape.slice if isinstance(shape, ast.Subscript) else None
    return isinstance(index, ast.Slice) and number(index.lower) in (1, -2) and index.upper is None


def _moves_positions(call: ast.Call) -> bool:
    """`einsum("btd,ts->bsd", x, a)`: what stands for the positions of a hidden state is not where it was."""
    spec = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
    if not isinstance(spec, str) or "->" not in spec or "." in spec:
        return False
    given, _, made = spec.replace(" ", "").partition("->")
    states = [letters for letters in given.split(",") if len(letters) == len(made) == 3]
    return any(s[0] == made[0] and s[2] == made[2] and s[1] != made[1] for s in states)


def _sums_positions(call: ast.Call, layouts: Layouts) -> bool:
    """`einsum("bhtd,bhte->bhde", k, v)`: the positions are gone, and no weights for each pair of them did it."""
    spec = getattr(call.args[0], "value", "") if call.args else ""
    made = spec.replace(" ", "").partition("->")[2] if isinstance(spec, str) else ""
    operands = [(letters, labels) for letters, labels in layouts.operands(call) if labels is not None]
    along = [[x for x, label in zip(*o, strict=True) if label == POSITION] for o in operands if len(o[0]) == len(o[1])]
    single = [letters[0] for letters in along if len(letters) == 1]
    pairs = {letter for letters in along if len(letters) > 1 for letter in letters}
    known = len(operands) == len(layouts.operands(call))  # of another operand that letter may be the pair's
    lost = [letter for letter in single if letter not in made and letter not in pairs]
    return bool(made) and any(single.count(letter) > 1 or known for letter in lost)


def _over_the_rest(layouts: Layouts, args: Sequence[ast.expr]) -> bool:
    labels = layouts.of(args[0]) if args else None
    return labels is not None and POSITION in labels[2:]


def _over_all(call: ast.Call, name: str, args: Sequence[ast.expr], labels: Layout) -> bool:
    if name in vocabulary.SPECTRA:
        return given(call, args, 1, "dim") is None or name.endswith(("2", "n")) or along(call, args, 1, "dim", labels)
    if name in vocabulary.OVER_THE_REST and POSITION in labels[2:]:
        return True
    if name == "batch_norm":
        return POSITION in labels and getattr(given(call, args, 4, "training"), "value", False) is True
    if name in vocabulary.DECOMPOSES and POSITION in labels[-2:]:
        return True
    if name.removesuffix("_") in vocabulary.ADDS_AT_PLACES:
        return along(call, args, 0, "dim", labels)
    if name == "layer_norm" and _over_positions(given(call, args, 0, "normalized_shape")):
        return True
    if name not in vocabulary.ALONG and any(k.arg in ("dim", "axis") for k in call.keywords):
        return along(call, (), 1, "dim", labels)
    return name in vocabulary.OVER_ALL and along(call, args, name in vocabulary.DIMENSION_SECOND, "dim", labels)
