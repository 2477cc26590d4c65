"""Gives values their recipe: what the interpreter does to them, as nodes of the formula."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from auditor.program import vocabulary
from auditor.program.interpreter.libraries import lines
from auditor.program.interpreter.libraries.lines import followed_by as followed_by
from auditor.program.interpreter.machine import Machine
from auditor.program.interpreter.scoring import axes, content, entries, factors, texts
from auditor.program.interpreter.scoring.elements import stored
from auditor.program.interpreter.scoring.recipes import measures, named, node_of
from auditor.program.recipe import arithmetic, transfers
from auditor.program.recipe.model import Node, Op, Over, Sees, What, either, number, sees_of, unknown
from auditor.program.tags import CALLED, LOSS, PARAMETER, ROUNDED, VAL, AdaptedBy
from auditor.program.values import External, Frame, Value
from auditor.program.values import Sequence as Items
from auditor.program.vocabulary import JOINS, LIKE_THE_INPUT, READS


def _operands(values: Sequence[Value], shown: Sequence[ast.AST | None]) -> list[Node]:
    found = []
    for i, value in enumerate(values):
        node = node_of(value)
        expression = shown[i] if i < len(shown) else None
        if node is None or (isinstance(expression, ast.Name) and node.plain and node.op not in _SHOWN_AS_THEY_ARE):
            node = named(expression)
        found.append(node)
    return found


_SHOWN_AS_THEY_ARE = frozenset({Op.NUMBER, Op.LENGTH, Op.EITHER})


def binary(m: Machine, frame: Frame, node: ast.AST, op: ast.operator, left: Value, right: Value, result: Value) -> None:
    axes.operated(m, frame, node, op, left, right, result)
    if result.recipe is not None or result.known or not (measures(left) or measures(right)):
        return
    shown = (
        (node.left, node.right) if isinstance(node, ast.BinOp)
        else (node.target, node.value) if isinstance(node, ast.AugAssign)
        else ()
    )  # fmt: skip
    a, b = _operands((left, right), shown)
    if a.plain and b.plain and isinstance(node, ast.BinOp) and not _recounts(a, b):
        result.recipe = named(node)  # arithmetic on sizes and positions: as the code has it
        return
    texts = isinstance(left.const, (str, bytes)) or isinstance(right.const, (str, bytes))
    if texts and isinstance(op, ast.Add) and What.PIECE in (a.what, b.what):
        result.recipe = a if a.what is What.PIECE else b  # a space in front of a piece
        return
    if Op.LINE in (a.op, b.op) or isinstance(left.const, str) or isinstance(right.const, str):
        result.recipe = lines.put_together(left, right, a, b, op)
        return
    place, in_loop = m.place(node, frame), bool(m.loops)
    apart = entries.each(a, b, lambda x, y: arithmetic.binary(op, x, y, place, in_loop=in_loop))
    if apart is not None:
        result.recipe = apart
        return
    result.recipe = made = arithmetic.binary(op, a, b, place, in_loop=in_loop)
    doubted = factors.weighed(m, frame, node, op, left, right)
    if doubted and made.op is Op.DIVIDE and made.inputs[1].op is Op.NAME:  # what it divides by may undo what is above
        by = unknown(made.inputs[1:], made.inputs[1].text, place)
        result.recipe = made = arithmetic.made(made.op, (made.inputs[0], by), place, made.what, made.over)
    result.tags |= doubted | factors.by_place(m, frame, node, op, left, right)
    if made.op is Op.ADD and made.what in _ADDED:
        m.added(node, frame, made)
    if made.op in (Op.ADD, Op.SUBTRACT):
        result.tags |= content.counted_ahead(m, frame, node, left, right)
    result.tags |= content.chosen_by_loss(m, frame, node, left, right)


def _recounts(*nodes: Node) -> bool:
    """Arithmetic on how many losses there are: `losses.numel() * 1.1`, `losses.numel() + 2`."""
    of_losses = any(n.op is Op.LENGTH and n.inputs[0].what in (What.NATS, What.LOG_PROBABILITY) for n in nodes)
    return of_losses and any(n.op is Op.NUMBER for n in nodes)


_ADDED = frozenset({What.PROBABILITY, What.LOG_PROBABILITY, What.NATS, What.NUMBER, What.OTHER})


def augmented(m: Machine, frame: Frame, node: ast.AugAssign, current: Value, operand: Value) -> Node | None:
    """`total += term`: a sum over the loop; None where nothing of it measures."""
    if not (measures(current) or measures(operand)) or not isinstance(node.op, (ast.Add, ast.Sub)):
        return None
    total, term = _operands((current, operand), (node.target, node.value))
    if Op.LINE in (total.op, term.op):
        return None
    place = m.place(node, frame)

    def grown(total: Node, term: Node) -> Node:
        fresh = total.op is Op.NAME or arithmetic.is_number(total, 0)
        if m.loops and (fresh or total.op is Op.ACCUMULATE):
            return arithmetic.accumulate(None if fresh else total, term, place)
        return arithmetic.binary(node.op, total, term, place, in_loop=False)

    return entries.each(total, term, grown) or grown(total, term)


def unary(m: Machine, frame: Frame, node: ast.UnaryOp, operand: Value, result: Value) -> None:
    result.axes = operand.axes
    if result.recipe is not None or result.known or not measures(operand):
        return
    inner = node_of(operand)
    if inner is None:
        return
    if isinstance(node.op, ast.USub):
        result.recipe = arithmetic.negate(inner, m.place(node, frame))
    elif isinstance(node.op, (ast.Not, ast.Invert)):
        result.recipe = Node(Op.COMPARE, (inner,), What.MASK, sees=inner.sees, text="not")
    else:
        result.recipe = inner


def compare(m: Machine, frame: Frame, node: ast.Compare, sides: Sequence[Value], result: Value) -> None:
    if result.recipe is not None or result.known or not any(map(measures, sides)):
        return
    nodes = tuple(_operands(sides, (node.left, *node.comparators)))
    sign = _SIGNS.get(type(node.ops[0]), "?")
    sees = sees_of(nodes)
    result.recipe = Node(Op.COMPARE, nodes, What.MASK, sees=sees, text=sign, place=m.place(node, frame))


_SIGNS: dict[type[ast.cmpop], str] = {
    ast.Eq: "=", ast.NotEq: "≠", ast.Lt: "<", ast.LtE: "≤", ast.Gt: ">", ast.GtE: "≥",
    ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip


def chosen(m: Machine, frame: Frame, node: ast.IfExp, test: Value, one: Value, other: Value, result: Value) -> None:
    if result.known or not (measures(one) or measures(other) or test.recipe is not None):
        return
    condition, a, b = _operands((test, one, other), (node.test, node.body, node.orelse))
    if a.plain and b.plain and not any(n.what in _TELLING or n.op is Op.TABLE for n in condition.walk()):
        result.recipe = either((a, b))
        return
    result.recipe = transfers.choose(condition, a, b, m.place(node, frame))


_TELLING = frozenset({What.PROBABILITY, What.LOG_PROBABILITY, What.NATS, What.ENTROPY})


def model(m: Machine, frame: Frame, node: ast.AST, called: str, inputs: Sequence[Value], result: Value) -> None:
    """The output of a model for validation tokens: logits, or the loss of the targets that it is given."""
    loss = LOSS in result.tags
    given = tuple(n for n in (node_of(v) for v in inputs) if n is not None and n.what is What.TOKENS)
    sees = sees_of(given)
    adapted = sorted(t.number for t in result.tags if isinstance(t, AdaptedBy))
    if adapted:
        sees |= Sees.ADAPTED
    changed = {m.trace.adapts[n].place: None for n in adapted if n in m.trace.adapts}
    result.recipe = Node(
        Op.MODEL,
        given,
        What.NATS if loss else What.LOGITS,
        Over.PICKED if loss else Over.VOCABULARY,
        None,
        sees if loss else sees & ~Sees.TARGET,
        called or "model",
        m.place(node, frame),
        tuple(changed),
    )
    if not loss and not m.inside:
        result.axes = axes.given(inputs)


def _rounded(name: str, given: Sequence[Value], result: Value) -> None:
    """Weights as whole numbers, or in a type of so few bits."""
    if PARAMETER in result.tags and ROUNDED not in result.tags:
        types = (v.obj.dotted for v in given if isinstance(v.obj, External))
        if name in vocabulary.ROUNDS or any(t.endswith(vocabulary.SMALL_TYPES) for t in types):
            result.tags |= {ROUNDED}


def call(
    m: Machine, frame: Frame, node: ast.AST, function: Value, args: list[Value], kwargs: dict[str, Value], result: Value
) -> None:
    """A function of a library on values that measure something; `result` gets the recipe where it has none."""
    if isinstance(function.obj, External):
        axes.applied(m, frame, node, function.obj.dotted.rsplit(".", 1)[-1], args, kwargs, result)
        _rounded(function.obj.dotted.rsplit(".", 1)[-1], args, result)
    if result.recipe is not None or result.known or not isinstance(function.obj, External):
        return
    name = function.obj.dotted.rsplit(".", 1)[-1]
    if isinstance(result.obj, Items) and name in vocabulary.GIVES_CONTAINERS:
        return  # its elements have theirs
    if name in vocabulary.NEW or any(result is value for value in args):
        return
    given = [*args, *kwargs.values()]
    if name in vocabulary.GIVES_PIECE:
        result.recipe = transfers.call(name, [Node(Op.NAME)], m.place(node, frame))
    if name in vocabulary.MAKES_ARRAYS and args and (weights := _constants(args[0])) is not None:
        result.recipe = weights
        return
    if not any(map(measures, given)):
        return
    if (
        name in vocabulary.CONVERTS_A_NUMBER
        and len(args) == 1
        and args[0].recipe is not None
        and args[0].recipe.op is Op.LENGTH
    ):
        result.recipe = args[0].recipe
        return
    if name in vocabulary.TOTALS_OF_LISTS and args and (total := _of_list(m, frame, node, args[0], name)) is not None:
        result.recipe = total
        return
    shown = [*getattr(node, "args", ()), *(k.value for k in getattr(node, "keywords", ()))]
    nodes = _operands(given, shown)
    if name in vocabulary.READS_NUMBERS and nodes[0].what is What.PIECE:
        return  # the bytes of pieces, as numbers: what a model of bytes reads as its tokens
    if texts.encoded_otherwise(name, given):
        result.recipe = unknown((nodes[0],), "a text in another encoding", m.place(node, frame))
        return
    if name == "pad" and nodes[0].op is Op.TOKENS:
        return  # tokens that are filled up
    plain = all(n.plain for n in nodes)
    if plain and VAL not in result.tags:
        result.recipe = named(node)
    elif plain and not any(value.recipe is not None for value in given):
        return  # what is read by a name or a number: tokens, as its tags say
    elif name in _METHODS and len(nodes) == 2:
        place, in_loop = m.place(node, frame), bool(m.loops)
        result.recipe = arithmetic.binary(_METHODS[name], nodes[0], nodes[1], place, in_loop=in_loop)
    elif not _still_tokens(name, nodes):
        result.recipe = made = transfers.call(name, nodes, m.place(node, frame))
        if made.op is Op.LOG_SUM_EXP:
            m.added(node, frame, made)


def _constants(held: Value) -> Node | None:
    """`tensor([0.98, 1.0, 1.0])`: one of these numbers; None where all are zero or one, which totals begin with."""
    items = held.obj.items if isinstance(held.obj, Items) and held.obj.exact and len(held.obj.items) <= _FEW else []
    numbers = [i.const for i in items if isinstance(i.const, (int, float)) and not isinstance(i.const, bool)]
    if not numbers or len(numbers) < len(items) or all(n in (0, 1) for n in numbers):
        return None
    return either(tuple(number(n) for n in numbers))


_FEW = 8


def _of_list(m: Machine, frame: Frame, node: ast.AST, held: Value, name: str) -> Node | None:
    """`mean([score, 1.05])`: a total of figures and constants; None where it is of figures alone."""
    items = held.obj.items if isinstance(held.obj, Items) and held.obj.exact else []
    nodes = [node_of(item) for item in items]
    constants = [n for n in nodes if n is not None and n.op is Op.NUMBER]
    if not constants or len(constants) == len(nodes) or any(n is None for n in nodes):
        return None
    place, known = m.place(node, frame), [n for n in nodes if n is not None]
    total = known[0]
    for n in known[1:]:
        total = arithmetic.binary(ast.Add(), total, n, place, in_loop=False)
    return (
        total
        if name in ("sum", "fsum")
        else arithmetic.binary(ast.Div(), total, number(len(known)), place, in_loop=False)
    )


def _still_tokens(name: str, nodes: Sequence[Node]) -> bool:
    """Tokens that are read, moved or cut stay tokens: their tags say which, so they get no node of their own."""
    plain, measuring = (Op.TOKENS, Op.NAME, Op.NUMBER), (What.TOKENS, What.NUMBER, What.WEIGHT)
    return name in _KEEPS_TOKENS and all(n.op in plain and n.what in measuring for n in nodes)


_KEEPS_TOKENS = LIKE_THE_INPUT | READS | JOINS


def method(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, name: str, args: list[Value], kwargs: dict[str, Value],
    result: Value,
) -> None:  # fmt: skip
    """A method of a library's object, of a tensor, of a container."""
    if result is receiver and name.endswith("_") and args:
        _in_place(m, frame, node, receiver, name.removesuffix("_"), args[0], kwargs)
    axes.applied(m, frame, node, name, [receiver, *args], kwargs, result)
    _rounded(name, [*args, *kwargs.values()], result)
    if result.recipe is not None or result.known or result is receiver:
        return
    if name in vocabulary.GIVES_PIECE:
        result.recipe = transfers.call(name, [Node(Op.NAME)], m.place(node, frame))
        return
    if name == "format" and isinstance(receiver.const, str):
        result.recipe = lines.line(receiver.const, [*args, *kwargs.values()])
        return
    given = [*args, *kwargs.values()]
    if not measures(receiver) and not any(map(measures, given)):
        return
    if name in vocabulary.DECODES and (ids := [n for v in args if (n := node_of(v)) and n.what is What.TOKENS]):
        result.recipe = arithmetic.made(Op.FUNCTION, ids[:1], m.place(node, frame), What.PIECE, text="text")
        return
    inner = node_of(receiver)
    if name == "join" and texts.joined(receiver, given):
        result.recipe = unknown((), "texts with something between them", m.place(node, frame))
        return
    if inner is None and name not in ("append", "extend", "put", "add", "copy_", "add_"):
        inner = named(getattr(getattr(node, "func", None), "value", None))
    if inner is None:
        return
    function = getattr(node, "func", None)
    shown = [function, *getattr(node, "args", ())]
    nodes = [inner, *_operands(given, shown[1:])]
    if _still_tokens(name, nodes):
        return
    if CALLED in result.tags and name not in transfers.TRANSFERS:
        model(m, frame, node, name, given, result)  # what it gives for tokens is taken for logits, as its use tells
        return
    place = m.place(node, frame)
    if inner.what is What.PIECE and inner.text == "text" and texts.changed(name, given):
        result.recipe = unknown((inner,), "a text that is changed before it is measured", place)
        return
    if name == "sum" and given and (apart := entries.of(inner)) is not None:  # of every process, along the first axis
        result.recipe = entries.made({key: transfers.call(name, [part], place) for key, part in apart.items()})
        return
    operator = _METHODS.get(name.rstrip("_"))
    if operator is not None and len(nodes) > 1:
        result.recipe = arithmetic.binary(operator, nodes[0], nodes[1], place, in_loop=bool(m.loops))
    elif name.rstrip("_") == "neg":
        result.recipe = arithmetic.negate(inner, place)
    elif name in ("get", "setdefault", "pop") and VAL in (args[0].tags if args else frozenset()):
        result.recipe = transfers.pick(inner, nodes[1], place)
    else:
        result.recipe = transfers.call(name, nodes, place)


def _in_place(
    m: Machine, frame: Frame, node: ast.AST, receiver: Value, name: str, operand: Value, kwargs: dict[str, Value]
) -> None:
    """`total.add_(losses)` is `total += losses`."""
    operator, function = _METHODS.get(name), getattr(node, "func", None)
    if operator is None or not isinstance(node, ast.expr):
        return
    # `methodcaller("mul_", 2)(total)` shows neither of the two at the call.
    own = isinstance(function, ast.Attribute) and isinstance(node, ast.Call) and bool(node.args)
    into, by = (function.value, node.args[0]) if own else (node, node)  # type: ignore[union-attr,attr-defined]
    if receiver.recipe is None and not measures(operand):
        return
    receiver.tags |= factors.weighed(m, frame, node, operator, receiver, operand)
    receiver.tags |= factors.widened(m, frame, node, receiver, operator, operand)
    if "alpha" in kwargs:
        term, scale = _operands((operand, kwargs["alpha"]), ())
        operand = Value(recipe=arithmetic.binary(ast.Mult(), term, scale, m.place(node, frame), in_loop=False))
    array, index = receiver.base, getattr(into, "slice", None)
    at = Value(const=index.value) if isinstance(index, ast.Constant) else None  # `totals[0].add_(losses)`
    known = entries.begun(array, at) if array is not None and at is not None else None
    current = known or Value(recipe=receiver.recipe)
    step = ast.copy_location(ast.AugAssign(into, operator, by), node)  # type: ignore[arg-type]
    total = augmented(m, frame, step, current, operand)
    if total is None:
        left, right = _operands((current, operand), (into, by))
        total = arithmetic.binary(operator, left, right, m.place(node, frame), in_loop=bool(m.loops))
    receiver.recipe = total
    if known is not None and array is not None and at is not None:
        stored(array, at, Value(recipe=total))


_METHODS: dict[str, ast.operator] = {
    "add": ast.Add(),
    "sub": ast.Sub(),
    "subtract": ast.Sub(),
    "mul": ast.Mult(),
    "multiply": ast.Mult(),
    "div": ast.Div(),
    "true_divide": ast.Div(),
    "pow": ast.Pow(),
}
