"""Abstract evaluation of expressions, assignment, and changes in place."""

from __future__ import annotations

import ast
import math
import operator
import re
from typing import Any

from auditor.program import calls
from auditor.program.iteration import elements, iterations
from auditor.program.machine import Machine, root
from auditor.program.values import (
    NONE,
    TARGET,
    TRAIN,
    UNKNOWN,
    VAL,
    Bound,
    Class,
    External,
    Frame,
    Function,
    Instance,
    Mapping,
    Obj,
    Sequence,
    Tags,
    Value,
    deep_tags,
    dependence,
    join,
    union,
    with_tags,
)

_VAL_NAME = re.compile(r"^(all_)?(val|valid|validation)_(tok|toks|tokens|ids|stream|data_tokens|np|tokens_np)$")
_TARGET_NAME = re.compile(
    r"^(y|ys|yb|y_np|y_batch|y_cpu|tgt|tgts|targets?|labels?|nxt|gold)(_.*)?$|_(tgt|target|targets|labels|tgts)(_np|_ids)?$"
)
_TARGET_KEY = re.compile(r"^_?(full|ngram|joint|pair|tgt|target)_?(h|hs|hash|hashes|key|keys|idx|bucket|buckets)$")
_VAL_PATH = re.compile(r"fineweb_?val|(^|[/_])val(id)?[_\-*0-9]*[^/]*\.(bin|npy|pt)|valid.*\.bin")
_TRAIN_PATH = re.compile(r"fineweb_?train|(^|[/_])train[_\-*0-9]*[^/]*\.(bin|npy|pt)")
_SHAPES = frozenset({"shape", "ndim", "dtype", "device", "is_cuda", "itemsize", "nbytes", "requires_grad", "is_leaf"})
_VIEWS = frozenset({"T", "mT", "H", "real", "flat"})
_BINARY: dict[type[ast.operator], Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.BitAnd: operator.and_,
}
_COMPARE: dict[type[ast.cmpop], Any] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_BIG = 10**18


class Text(Obj):
    """A string of which only the constant part is known; `template` has {} for the rest."""

    __slots__ = ("template",)

    def __init__(self, template: str) -> None:
        self.template = template


def text_of(value: Value) -> str:
    if isinstance(value.obj, Text):
        return value.obj.template
    return value.const if isinstance(value.const, str) else "{}"


def evaluate(m: Machine, frame: Frame, node: ast.expr) -> Value:
    m.tick()
    handler = _HANDLERS.get(type(node))
    return Value() if handler is None else handler(m, frame, node)


def constant(value: Any) -> Value:
    tags = NONE
    if isinstance(value, str) and len(value) < 300:
        if _VAL_PATH.search(value) and "bytes" not in value:
            tags = frozenset({VAL})
        elif _TRAIN_PATH.search(value):
            tags = frozenset({TRAIN})
    return Value(tags, value)


def _constant(m: Machine, frame: Frame, node: ast.Constant) -> Value:
    return constant(node.value)


def _name(m: Machine, frame: Frame, node: ast.Name) -> Value:
    hit = frame.find(node.id)
    if hit is not None:
        return hit
    if node.id == "__name__":
        return Value(const="__main__" if frame.unit is m.sources.entry else frame.unit.module)
    if node.id == "__file__":
        return Value(const=frame.unit.path)
    value = Value(obj=External(f"builtins.{node.id}"))
    return value


def _attribute(m: Machine, frame: Frame, node: ast.Attribute) -> Value:
    return attribute(m, frame, node, evaluate(m, frame, node.value), node.attr)


def attribute(m: Machine, frame: Frame, node: ast.AST, value: Value, name: str) -> Value:
    obj = value.obj
    if isinstance(obj, Instance):
        hit = calls.instance_attribute(m, frame, node, value, obj, name)
        if hit is not None:
            return hit
        if obj.kind == "module":
            tags = value.tags | {("param",)} if name in ("weight", "bias") else value.tags
            return value if name == "module" else Value(tags, base=value)
        return Value(value.tags, obj=Bound(value, name))
    if isinstance(obj, Class):
        hit = obj.lookup(name)
        if hit is not None:
            return hit
        return Value(const=obj.name) if name == "__name__" else Value(value.tags)
    if isinstance(obj, External):
        if obj.dotted == "math":
            const = getattr(math, name, UNKNOWN)
            if isinstance(const, float):
                return Value(const=const)
        if obj.dotted == "os" and name == "environ":
            return Value(obj=External("os.environ"))
        return Value(value.tags, obj=External(f"{obj.dotted}.{name}"))
    if obj is not None and hasattr(obj, "frame") and not isinstance(obj, Function):
        hit = obj.frame.names.get(name)
        return hit if hit is not None else Value()
    if name in _SHAPES:
        return Value(_shape_tags(value.tags))
    if name == "grad":
        return Value(value.tags | calls.gradient_tags(m, frame, node, value), base=value.base or value)
    if name == "data":
        return value
    if name in _VIEWS:
        return Value(value.tags, value.const, value.obj, base=value, mutable=value.mutable)
    return Value(value.tags, obj=Bound(value, name), base=value.base)


def _shape_tags(tags: Tags) -> Tags:
    """A shape says nothing of the content: only the loop and the switches stay."""
    return frozenset(t for t in tags if t[0] in ("dep", "cfg"))


def _binary(m: Machine, frame: Frame, node: ast.BinOp) -> Value:
    left, right = evaluate(m, frame, node.left), evaluate(m, frame, node.right)
    return binary(m, frame, node, node.op, left, right)


def binary(m: Machine, frame: Frame, node: ast.AST, op: ast.operator, left: Value, right: Value) -> Value:
    tags = left.tags | right.tags
    if left.known and right.known:
        folded = _fold(op, left.const, right.const)
        if folded is not UNKNOWN:
            value = constant(folded)
            return Value(value.tags | tags, folded)
    if isinstance(op, ast.Add):
        joined = _concatenate(left, right, tags)
        if joined is not None:
            return joined
    if isinstance(op, ast.Mult) and isinstance(left.obj, Sequence) and left.obj.items:
        return Value(tags, obj=Sequence(list(left.obj.items), exact=False))
    if isinstance(op, ast.Div) and _is_path(left):
        return Value(tags, obj=Text(f"{text_of(left)}/{text_of(right)}"))
    if isinstance(op, (ast.BitXor, ast.Mod, ast.BitAnd)) and VAL in tags and ("bool",) not in tags:
        tags |= {("hash",)}
    if isinstance(op, (ast.Mult, ast.Div)):
        tags = calls.arithmetic(m, frame, node, op, left, right, tags)
    if isinstance(op, (ast.Add, ast.Sub)) and not isinstance(left.obj, Instance):
        for side in (left, right):  # the state of a tensor that is optimized goes into the sum
            r = root(side)
            if r is not side:
                tags |= frozenset(t for t in r.tags if t[0] == "adapted")
    return Value(tags, mutable=left.mutable or right.mutable)


def _is_path(value: Value) -> bool:
    return isinstance(value.const, str) or isinstance(value.obj, Text)


def _fold(op: ast.operator, a: Any, b: Any) -> Any:
    numbers = isinstance(a, (int, float)) and isinstance(b, (int, float))
    if isinstance(op, ast.Pow):
        return a**b if numbers and abs(a) < 1e6 and 0 <= b <= 16 else UNKNOWN
    if isinstance(op, ast.LShift) and not (isinstance(b, int) and 0 <= b < 64):
        return UNKNOWN
    if isinstance(op, ast.Div) and isinstance(a, str) and isinstance(b, str):
        return f"{a.rstrip('/')}/{b}"
    text = isinstance(a, str) and isinstance(b, str) and isinstance(op, ast.Add)
    if not numbers and not text:
        return UNKNOWN
    function = _BINARY.get(type(op))
    if function is None:
        return UNKNOWN
    try:
        result = function(a, b)
    except (ArithmeticError, ValueError, TypeError):
        return UNKNOWN
    if isinstance(result, int) and abs(result) > _BIG:
        return UNKNOWN
    return result


def _concatenate(left: Value, right: Value, tags: Tags) -> Value | None:
    if isinstance(left.obj, Sequence) and isinstance(right.obj, Sequence):
        exact = left.obj.exact and right.obj.exact
        return Value(tags, obj=Sequence([*left.obj.items, *right.obj.items][:64], exact))
    if _is_path(left) and _is_path(right):
        return Value(tags, obj=Text(text_of(left) + text_of(right)))
    return None


def _unary(m: Machine, frame: Frame, node: ast.UnaryOp) -> Value:
    value = evaluate(m, frame, node.operand)
    if isinstance(node.op, ast.Not):
        known = truth(m, frame, node.operand, value)
        return Value(value.tags, UNKNOWN if known is None else not known)
    if isinstance(value.const, (int, float)):
        if isinstance(node.op, ast.USub):
            return Value(value.tags, -value.const)
        if isinstance(node.op, ast.Invert) and isinstance(value.const, int):
            return Value(value.tags, ~value.const)
        return value
    return Value(value.tags)


def _boolean(m: Machine, frame: Frame, node: ast.BoolOp) -> Value:
    stop = isinstance(node.op, ast.Or)
    tags = NONE
    last: Value | None = None
    unknown = False
    for operand in node.values:
        value = evaluate(m, frame, operand)
        known = truth(m, frame, operand, value)
        if known is stop:
            if unknown and last is not None:
                return Value(tags | value.tags, UNKNOWN if not stop else UNKNOWN, join(last, value).obj)
            # Only what decides counts: a switch that is off makes the rest irrelevant.
            return with_tags(value, tags if not unknown else NONE)
        if known is None:
            unknown = True
            last = value if last is None else join(last, value)
        elif last is None or not unknown:
            last = value
        tags |= value.tags
    assert last is not None
    if not unknown:
        return with_tags(last, tags)
    return Value(tags, UNKNOWN, last.obj, last.base, last.mutable)


def _compare(m: Machine, frame: Frame, node: ast.Compare) -> Value:
    left = evaluate(m, frame, node.left)
    tags = left.tags
    verdict: bool | None = True
    for op, right_node in zip(node.ops, node.comparators, strict=True):
        right = evaluate(m, frame, right_node)
        tags |= right.tags
        calls.comparison(m, frame, node, left, right)
        one = _compare_one(m, op, left, right)
        if one is False:
            return Value(_shape_tags(left.tags | right.tags) if isinstance(op, (ast.Is, ast.IsNot)) else tags, False)
        if one is None:
            verdict = None
        left = right
    return Value(tags | {("bool",)}, UNKNOWN if verdict is None else True)


def _compare_one(m: Machine, op: ast.cmpop, left: Value, right: Value) -> bool | None:
    if isinstance(op, (ast.In, ast.NotIn)):
        found = calls.contains(m, left, right)
        return found if found is None or isinstance(op, ast.In) else not found
    if isinstance(op, (ast.Is, ast.IsNot)):
        same: bool | None = None
        if left.known and right.known:
            same = left.const is right.const
        elif right.known and right.const is None and (left.obj is not None or left.mutable):
            same = False
        return same if same is None or isinstance(op, ast.Is) else not same
    if left.known and right.known:
        try:
            return bool(_COMPARE[type(op)](left.const, right.const))
        except (TypeError, KeyError):
            return None
    return None


def truth(m: Machine, frame: Frame, node: ast.expr, value: Value) -> bool | None:
    """Whether the value counts as true; None if that is not known."""
    if value.known:
        return bool(value.const)
    obj = value.obj
    if isinstance(obj, Sequence):
        return bool(obj.items) if obj.exact else None
    if isinstance(obj, Mapping):
        return True if obj.items else None
    if isinstance(obj, (Function, Class, Instance, External)):
        return None if isinstance(obj, External) and obj.dotted.endswith("()") else True
    return None


def _if_expression(m: Machine, frame: Frame, node: ast.IfExp) -> Value:
    test = evaluate(m, frame, node.test)
    known = truth(m, frame, node.test, test)
    names = frozenset(t for t in test.tags if t[0] == "cfg")
    if known is not None:
        taken = evaluate(m, frame, node.body if known else node.orelse)
        if not (m.explore and names):
            return with_tags(taken, names)
        with m.branch(frozenset(), unsure=False, dormant=True):
            other = evaluate(m, frame, node.orelse if known else node.body)
        return join(taken, other) if taken.known and taken.const is None else with_tags(taken, names)
    body, orelse = evaluate(m, frame, node.body), evaluate(m, frame, node.orelse)
    return with_tags(join(body, orelse), names)


def _sequence(m: Machine, frame: Frame, node: ast.Tuple | ast.List | ast.Set) -> Value:
    items: list[Value] = []
    exact = True
    for element in node.elts:
        if isinstance(element, ast.Starred):
            inner = evaluate(m, frame, element.value)
            exact = exact and isinstance(inner.obj, Sequence) and inner.obj.exact
            items.extend(elements(inner) if not isinstance(inner.obj, Sequence) else inner.obj.items)
        else:
            items.append(evaluate(m, frame, element))
    return Value(obj=Sequence(items, exact), tags=union(*items) if len(items) <= 64 else NONE)


def _dict(m: Machine, frame: Frame, node: ast.Dict) -> Value:
    mapping = Mapping()
    value = Value(obj=mapping)
    for key, item in zip(node.keys, node.values, strict=True):
        content = evaluate(m, frame, item)
        if key is None:
            if isinstance(content.obj, Mapping):
                mapping.items.update(content.obj.items)
            mapping.other = content.obj.other if isinstance(content.obj, Mapping) else content
            continue
        store_key(value, evaluate(m, frame, key), content)
    return value


def store_key(container: Value, key: Value, item: Value) -> None:
    assert isinstance(container.obj, Mapping)
    mapping = container.obj
    if key.known and isinstance(key.const, (str, int, float, bool, type(None))):
        mapping.items[key.const] = item
    else:
        mapping.other = item if mapping.other is None else join(mapping.other, item)
    container.tags |= item.tags


def _joined(m: Machine, frame: Frame, node: ast.JoinedStr) -> Value:
    parts: list[str] = []
    tags = NONE
    exact = True
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value))
            continue
        value = evaluate(m, frame, part.value) if isinstance(part, ast.FormattedValue) else Value()
        tags |= deep_tags(value, 1)
        if isinstance(value.const, (str, int)) and not getattr(part, "format_spec", None):
            parts.append(str(value.const))
        else:
            parts.append(text_of(value) if isinstance(value.obj, Text) else "{}")
            exact = False
    text = "".join(parts)
    own = constant(text).tags
    return Value(tags | own, text) if exact else Value(tags | own, obj=Text(text))


def _subscript(m: Machine, frame: Frame, node: ast.Subscript) -> Value:
    container = evaluate(m, frame, node.value)
    return subscript(m, frame, node, container)


def subscript(m: Machine, frame: Frame, node: ast.Subscript, container: Value) -> Value:
    obj = container.obj
    index_node = node.slice
    if isinstance(obj, (Function, Class)) or (isinstance(obj, External) and obj.dotted != "os.environ"):
        return container  # a generic alias: list[int]
    if isinstance(obj, External):
        return calls.environment(m, frame, node, evaluate(m, frame, index_node), None)
    index = _index(m, frame, index_node)
    if isinstance(obj, Mapping):
        calls.table_read(m, frame, node, container, index)
        if index.known and index.const in obj.items:
            return obj.items[index.const]
        if obj.other is not None:
            hit = obj.other
        else:
            hit = Value(container.tags)
            for item in list(obj.items.values())[:16]:
                hit = join(hit, item) if hit.obj is not None else with_tags(item, container.tags)
        looked = calls.table_read(m, frame, node, container, index)
        return Value(hit.tags | looked | index.tags, base=hit.base) if looked else hit
    if isinstance(obj, Sequence):
        return _sequence_item(obj, container, index, index_node)
    if isinstance(container.const, str) and index.known and isinstance(index.const, int):
        return Value(container.tags)
    tags = container.tags | (index.tags - {("bool",)}) | _span(index_node, index)
    tags |= calls.table_read(m, frame, node, container, index)
    if VAL in tags and _shifted(index_node):
        tags |= {TARGET}
    elif _context_slice(index_node):
        tags -= {TARGET}
    if isinstance(obj, Instance) and obj.cls is not None:
        method = obj.cls.lookup("__getitem__")
        if method is not None:
            return calls.call(
                m, frame, node, Value(obj=Bound(container, "__getitem__", _function_of(method))), [index], {}
            )
    fancy = VAL in index.tags and not isinstance(index_node, ast.Slice)
    return Value(tags, base=None if fancy else container, mutable=container.mutable)


def _function_of(value: Value) -> Function | None:
    return value.obj if isinstance(value.obj, Function) else None


def _index(m: Machine, frame: Frame, node: ast.expr) -> Value:
    if isinstance(node, ast.Slice):
        parts = [evaluate(m, frame, p) for p in (node.lower, node.upper, node.step) if p is not None]
        return Value(union(*parts))
    if isinstance(node, ast.Tuple):
        parts = [_index(m, frame, p) for p in node.elts]
        tags = union(*parts)
        for i, part in enumerate(node.elts):
            tags |= _span(part, parts[i])
        return Value(tags)
    return evaluate(m, frame, node)


def _span(node: ast.expr, index: Value) -> Tags:
    """Where a slice begins and ends, as text: tells the scored part of a window from its context."""
    if isinstance(node, ast.Tuple):
        tags = NONE
        for part in node.elts:
            tags |= _span(part, index)
        return tags
    if isinstance(node, ast.Slice):
        lower = node.lower is not None and not (isinstance(node.lower, ast.Constant) and node.lower.value in (0, None))
        if lower and node.lower is not None and not isinstance(node.lower, ast.Constant):
            return frozenset({("from", ast.unparse(node.lower))})
        if not lower and node.upper is not None and not isinstance(node.upper, (ast.Constant, ast.UnaryOp)):
            return frozenset({("upto", ast.unparse(node.upper))})
    return NONE


def _shifted(node: ast.expr) -> bool:
    """`[1:]`, `[..., 1:]`, `[a + 1 : b + 1]`, `[k:]`: the slice of the tokens that are predicted."""
    if isinstance(node, ast.Tuple):
        return any(_shifted(part) for part in node.elts)
    if not isinstance(node, ast.Slice) or node.lower is None:
        return False
    lower = node.lower
    if isinstance(lower, ast.Constant):
        return isinstance(lower.value, int) and lower.value > 0
    text = ast.unparse(lower)
    return bool(re.search(r"\+ 1\b", text) or (node.upper is None and re.search(r"order|ctx|width|\bn - 1\b", text)))


def _context_slice(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple):
        return any(_context_slice(part) for part in node.elts)
    return isinstance(node, ast.Slice) and isinstance(node.upper, ast.UnaryOp) and node.lower is None


def _sequence_item(obj: Sequence, container: Value, index: Value, node: ast.expr) -> Value:
    items = obj.items
    if isinstance(node, ast.Slice):
        tags = index.tags
        if (
            not index.tags
            and obj.exact
            and all(p is None or isinstance(p, ast.Constant) for p in (node.lower, node.upper))
            and node.step is None
        ):
            lower = node.lower.value if isinstance(node.lower, ast.Constant) else None
            upper = node.upper.value if isinstance(node.upper, ast.Constant) else None
            return Value(container.tags, obj=Sequence(items[lower:upper]))
        return Value(container.tags | tags, obj=Sequence([with_tags(i, tags) for i in items], exact=False))
    if isinstance(index.const, int) and obj.exact and -len(items) <= index.const < len(items):
        return with_tags(items[index.const], dependence(container))
    if not items:
        return Value(container.tags | index.tags)
    hit = items[0]
    for item in items[1:16]:
        hit = join(hit, item)
    return with_tags(hit, index.tags | dependence(container))


def _comprehension(m: Machine, frame: Frame, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:
    items, exact = _generate(m, frame, node, node.generators, [node.elt])
    return Value(union(*[i[0] for i in items]), obj=Sequence([i[0] for i in items], exact))


def _dict_comprehension(m: Machine, frame: Frame, node: ast.DictComp) -> Value:
    items, _ = _generate(m, frame, node, node.generators, [node.key, node.value])
    value = Value(obj=Mapping())
    for key, item in items:
        store_key(value, key, item)
    return value


def _generate(
    m: Machine, frame: Frame, node: ast.expr, generators: list[ast.comprehension], parts: list[ast.expr]
) -> tuple[list[tuple[Value, ...]], bool]:
    scope = Frame(frame.unit, frame, frame.globals)
    scope.owner = frame.owner
    found: list[tuple[Value, ...]] = []
    exact = True

    def run(i: int) -> None:
        nonlocal exact
        if i == len(generators):
            found.append(tuple(evaluate(m, scope, part) for part in parts))
            return
        generator = generators[i]
        iterable = evaluate(m, scope, generator.iter)
        known = isinstance(iterable.obj, Sequence) and iterable.obj.exact and len(iterable.obj.items) <= 4
        exact = exact and known and not generator.ifs
        count = len(elements(iterable))
        for n, element in enumerate(iterations(m, node, iterable), start=1):
            if not known and n < count:
                continue  # the general element stands for all of them
            assign(m, scope, generator.target, element)
            if all(truth(m, scope, test, evaluate(m, scope, test)) is not False for test in generator.ifs):
                run(i + 1)

    run(0)
    return found, exact


def _lambda(m: Machine, frame: Frame, node: ast.Lambda) -> Value:
    return Value(obj=Function(node, frame.unit, frame, None, "<lambda>"))


def _named(m: Machine, frame: Frame, node: ast.NamedExpr) -> Value:
    value = evaluate(m, frame, node.value)
    assign(m, frame, node.target, value)
    return value


def _yield(m: Machine, frame: Frame, node: ast.Yield | ast.YieldFrom) -> Value:
    value = evaluate(m, frame, node.value) if node.value is not None else Value(const=None)
    scope = frame
    if isinstance(node, ast.YieldFrom):
        scope.yields.extend(elements(value))
    else:
        scope.yields.append(value)
    return Value()


def _wrapped(m: Machine, frame: Frame, node: Any) -> Value:
    return evaluate(m, frame, node.value)


def _call(m: Machine, frame: Frame, node: ast.Call) -> Value:
    return calls.call_node(m, frame, node)


# -- assignment ------------------------------------------------------------------------------------


def assign(m: Machine, frame: Frame, target: ast.expr, value: Value) -> None:
    if isinstance(target, ast.Name):
        scope = frame.nonlocal_names.get(target.id, frame)
        if (frame.owner is not None or frame is frame.globals) and target.id in m.overrides and value.obj is None:
            value = Value(value.tags | {("cfg", target.id)}, m.overrides[target.id])
        if m.claims:
            value = with_tags(value, m.claim_tags(frame, target.id))
        scope.names[target.id] = _named_value(target.id, value)
    elif isinstance(target, (ast.Tuple, ast.List)):
        _unpack(m, frame, target.elts, value)
    elif isinstance(target, ast.Starred):
        assign(m, frame, target.value, value)
    elif isinstance(target, ast.Attribute):
        owner = evaluate(m, frame, target.value)
        value = _named_value(target.attr, value)
        if isinstance(owner.obj, Instance):
            owner.obj.attributes[target.attr] = value
        elif isinstance(owner.obj, Class):
            owner.obj.attributes[target.attr] = value
        elif target.attr == "data":
            mutate(m, owner, value, replace=True)
        elif owner.obj is not None and hasattr(owner.obj, "frame") and not isinstance(owner.obj, Function):
            owner.obj.frame.names[target.attr] = value
    elif isinstance(target, ast.Subscript):
        _store(m, frame, target, value)


def _named_value(name: str, value: Value) -> Value:
    """Names help to find the events: the validation stream, and the tokens that are predicted."""
    if value.obj is not None and not isinstance(value.obj, Bound):
        return value
    if _VAL_NAME.match(name) and TRAIN not in value.tags:
        value = with_tags(value, frozenset({VAL}))
    if VAL in value.tags and (_TARGET_NAME.search(name) or (("hash",) in value.tags and _TARGET_KEY.match(name))):
        value = with_tags(value, frozenset({TARGET}))
    return value


def _unpack(m: Machine, frame: Frame, targets: list[ast.expr], value: Value) -> None:
    obj = value.obj
    items: list[Value]
    starred = next((i for i, t in enumerate(targets) if isinstance(t, ast.Starred)), None)
    if isinstance(obj, Sequence) and obj.exact and starred is None and len(obj.items) == len(targets):
        items = [with_tags(item, dependence(value)) for item in obj.items]
    elif isinstance(obj, Sequence) and obj.exact and starred is not None and len(obj.items) >= len(targets) - 1:
        tail = len(targets) - starred - 1
        middle = obj.items[starred : len(obj.items) - tail]
        items = [
            *obj.items[:starred],
            Value(union(*middle), obj=Sequence(list(middle))),
            *obj.items[len(obj.items) - tail :],
        ]
    elif isinstance(obj, Sequence) and obj.items:
        one = obj.items[0]
        for item in obj.items[1:8]:
            one = join(one, item)
        items = [with_tags(one, value.tags)] * len(targets)
    else:
        items = [Value(value.tags, base=value.base, mutable=value.mutable) for _ in targets]
    for target, item in zip(targets, items, strict=False):
        assign(m, frame, target, item)


def _store(m: Machine, frame: Frame, target: ast.Subscript, value: Value) -> None:
    container = evaluate(m, frame, target.value)
    index = _index(m, frame, target.slice)
    obj = container.obj
    if isinstance(obj, External) and obj.dotted == "os.environ":
        return
    calls.table_write(m, container, index)
    if isinstance(obj, (Mapping, Sequence)):
        _put(container, index, value)
    else:
        added = deep_tags(value, 1) | index.tags | _span(target.slice, index)
        if VAL not in value.tags:
            added -= {VAL, TARGET}
        mutate(m, container, Value(added))


def _put(container: Value, index: Value, value: Value) -> None:
    obj = container.obj
    if isinstance(obj, Mapping):
        store_key(container, index, value)
    elif isinstance(obj, Sequence):
        if isinstance(index.const, int) and obj.exact and -len(obj.items) <= index.const < len(obj.items):
            obj.items[index.const] = value
        else:
            obj.items = [join(item, value) for item in obj.items[:8]] or [value]
        container.tags |= value.tags


def augmented(m: Machine, frame: Frame, node: ast.AugAssign) -> None:
    operand = evaluate(m, frame, node.value)
    if isinstance(node.target, ast.Subscript):
        container = evaluate(m, frame, node.target.value)
        index = _index(m, frame, node.target.slice)
        calls.table_write(m, container, index)
        if isinstance(container.obj, (Mapping, Sequence)) and VAL not in index.tags:
            element = subscript(m, frame, node.target, container)
            calls.table_grows(m, element, operand)
            mutate(m, element, Value(operand.tags - {TARGET}))
            if not element.mutable:
                _put(container, index, Value(element.tags | operand.tags, mutable=operand.mutable))
        elif isinstance(container.obj, Mapping):
            store_key(container, index, Value(operand.tags, mutable=operand.mutable))
        else:
            mutate(m, container, Value(operand.tags | index.tags))
        calls.accumulated(m, frame, node, operand)
        return
    current = evaluate(m, frame, node.target)
    calls.accumulated(m, frame, node, operand)
    calls.table_grows(m, current, operand)
    if current.mutable and not current.known:
        result = binary(m, frame, node, node.op, current, operand)
        mutate(m, current, Value(result.tags))
        return
    if isinstance(current.obj, Sequence) and isinstance(operand.obj, Sequence):
        current.obj.items.extend(operand.obj.items[:16])
        current.obj.items[:] = current.obj.items[:64]
        current.obj.exact = current.obj.exact and operand.obj.exact
        current.tags |= operand.tags
        return
    result = binary(m, frame, node, node.op, current, operand)
    if VAL in operand.tags or operand.mutable:
        result.mutable = True
    assign(m, frame, node.target, result)


def mutate(m: Machine, value: Value, source: Value, *, replace: bool = False) -> None:
    """Change a value in place: views write through, and a module's parameters take the source's adaptations."""
    tags = deep_tags(source, 1)
    seen: Value | None = value
    for _ in range(16):
        if seen is None:
            return
        if isinstance(seen.obj, Instance):
            if seen.obj.kind == "module":
                adapted = {t[1] for t in tags if t[0] == "adapted"}
                # Refilling a buffer leaves the parameters as they are.
                if replace and not m.unsure and ("param",) in value.tags:
                    seen.obj.adapted = adapted
                else:
                    seen.obj.adapted |= adapted
            return
        if replace and seen is value and not m.unsure:
            keep = frozenset(t for t in seen.tags if t[0] in ("cfg", "param"))
            seen.tags = keep | tags
        else:
            seen.tags |= tags
        seen.const = UNKNOWN
        seen = seen.base


_HANDLERS: dict[type[ast.expr], Any] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.BoolOp: _boolean,
    ast.Compare: _compare,
    ast.IfExp: _if_expression,
    ast.Tuple: _sequence,
    ast.List: _sequence,
    ast.Set: _sequence,
    ast.Dict: _dict,
    ast.JoinedStr: _joined,
    ast.FormattedValue: _wrapped,
    ast.Subscript: _subscript,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _dict_comprehension,
    ast.Lambda: _lambda,
    ast.NamedExpr: _named,
    ast.Yield: _yield,
    ast.YieldFrom: _yield,
    ast.Await: _wrapped,
    ast.Starred: _wrapped,
    ast.Call: _call,
    ast.Slice: lambda m, frame, node: _index(m, frame, node),
}
