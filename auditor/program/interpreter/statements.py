"""Abstract execution of statements: three-valued branches, loops in two iterations, joined returns."""

from __future__ import annotations

import ast
from collections.abc import Sequence as Seq
from functools import partial
from typing import Any

from auditor.program.interpreter import (
    assignment,
    branching,
    callbacks,
    decoration,
    elsewhere,
    measured,
    operators,
    reach,
    selection,
    skipping,
    special,
)
from auditor.program.interpreter.branching import Arms
from auditor.program.interpreter.iteration import iterations, rounds
from auditor.program.interpreter.machine import MAX_STEPS, Branch, Budget, Machine, switches
from auditor.program.values import (
    CLOCK,
    Bound,
    Class,
    External,
    Frame,
    Function,
    Instance,
    Mapping,
    PyModule,
    Sequence,
    Value,
    join,
    with_tags,
)
from auditor.program.written import written
from auditor.source.index import of_type

NORMAL, RETURN, BREAK, CONTINUE, RAISE = 1, 2, 4, 8, 16
"""How a block may complete; a block's completion is the union of the ways."""


def execute(m: Machine, frame: Frame, body: Seq[ast.stmt]) -> int:
    completion = 0
    off = len(m.off)
    try:
        for statement in body:
            how = _statement(m, frame, statement)
            completion |= how & ~NORMAL
            if not how & NORMAL:
                return completion
            if m.leaves is not None:
                m.off.append(m.leaves)
                m.leaves = None
        return completion | NORMAL
    finally:
        if len(m.off) > off:  # what comes after this block is left out as well
            m.leaves = m.off[off]
            del m.off[off:]


def _statement(m: Machine, frame: Frame, node: ast.stmt) -> int:
    _begun(m, frame, node)
    handler = _HANDLERS.get(type(node))
    return NORMAL if handler is None else int(handler(m, frame, node))


def _begun(m: Machine, frame: Frame, node: ast.stmt) -> None:
    m.steps += 1
    if m.steps > MAX_STEPS:
        raise Budget
    m.reach(frame.unit, node)


def _expr(m: Machine, frame: Frame, node: ast.Expr) -> int:
    value = m.evaluate(frame, node.value)
    if isinstance(node.value, ast.Call):
        special.leave(m, frame, node, value)
    dotted = value.obj.dotted if isinstance(value.obj, External) else ""
    return RAISE if dotted in ("sys.exit()", "os._exit()") else NORMAL


def _assign(m: Machine, frame: Frame, node: ast.Assign) -> int:
    value = _added_to_itself(m, frame, node) or m.evaluate(frame, node.value)
    for target in node.targets:
        assignment.assign(m, frame, target, value)
    return NORMAL


def _added_to_itself(m: Machine, frame: Frame, node: ast.Assign) -> Value | None:
    """`total = total + term` is a sum over the loop as `total += term` is; None for any other assignment."""
    target, added = node.targets[0], node.value
    if not m.loops or not isinstance(target, ast.Name) or not isinstance(added, ast.BinOp):
        return None
    if not isinstance(added.op, ast.Add) or not isinstance(added.left, ast.Name) or added.left.id != target.id:
        return None
    current, term = m.evaluate(frame, added.left), m.evaluate(frame, added.right)
    value = operators.binary(m, frame, added, added.op, current, term)
    step = ast.copy_location(ast.AugAssign(target, added.op, added.right), node)
    total = measured.augmented(m, frame, step, current, term)
    if total is not None:
        value.recipe = total
    return value


def _annotated(m: Machine, frame: Frame, node: ast.AnnAssign) -> int:
    if node.value is not None:
        assignment.assign(m, frame, node.target, m.evaluate(frame, node.value))
    return NORMAL


def _augmented(m: Machine, frame: Frame, node: ast.AugAssign) -> int:
    assignment.augmented(m, frame, node)
    return NORMAL


def _return(m: Machine, frame: Frame, node: ast.Return) -> int:
    value = m.evaluate(frame, node.value) if node.value is not None else Value(const=None)
    # `if raw is None: return default`: a constant that a switch has selected is made of that switch.
    frame.returns.append(with_tags(value, frame.gates | frame.settled if value.known else frame.gates))
    return RETURN


def _if(m: Machine, frame: Frame, node: ast.If) -> int:
    """Each `elif` is within the one before it: they may be thousands, and are not run within each other's calls."""
    return branching.chain(_arms(m, frame, node), partial(_arms, m, frame))


def _arm(m: Machine, frame: Frame, body: Seq[ast.stmt]) -> Arms:
    if len(body) == 1 and isinstance(body[0], ast.If):
        _begun(m, frame, body[0])
        return (yield body[0])
    return execute(m, frame, body)


def _arms(m: Machine, frame: Frame, node: ast.If) -> Arms:
    test = m.evaluate(frame, node.test)
    known = operators.truth(m, frame, node.test, test)
    names = switches(test.tags)
    reach.stopped(m, frame, node, by_clock=known is None and CLOCK in test.tags)
    key = (frame.unit.path, frame.unit.layer, node.lineno)
    forced = m.forced.get(key)
    if forced is not None:
        known = forced
    explored = m.explore and names and not _asks_whether_set(node.test)
    if known is not None and not explored:
        taken = node.body if known else node.orelse
        m.trace.switched |= bool(names)
        if names:
            frame.settled |= frozenset(("cfg", name) for name in names)
        before = dict(frame.names)
        m.decided.append((key, known, names))
        with m.branch(names, unsure=False, dormant=False), branching.way(m, frame, node.test, names, known):
            how = yield from _arm(m, frame, taken)
        m.decided.pop()
        if how == RAISE:
            # A run that printed a score has passed its checks, whatever is known of the configuration here.
            frame.names = before
            return NORMAL
        return how
    unsure = known is None and any(t[0] == "unset" for t in test.tags)
    chosen = selection.keeps_the_lower(m, frame, node, test) if known is None else None
    gates = frozenset(t for t in test.tags if t[0] == "gate") - frame.gates
    frame.gates |= gates
    with m.selecting(test, node, frame):
        how = yield from _both(
            m,
            frame,
            node.body,
            node.orelse,
            names,
            unsure=unsure,
            dead=None if known is None else not known,
            key=key,
            test=node.test,
        )
    frame.gates -= gates
    selection.chosen(m, frame, node, test)
    for target, tags in skipping.after_arms(m, frame, node, test, m.left) if known is None else ():
        assignment.mark(m, frame, target, tags)
    if gates:
        selection.depends(m, frame, node, gates)
    if chosen is not None:
        targets, tags = chosen
        for target in targets:
            assignment.mark(m, frame, target, tags)
    return how


def _asks_whether_set(test: ast.expr) -> bool:
    """`raw is None`, `"TTT" in os.environ`: how a switch is read, not a way that the program may take."""
    return isinstance(test, ast.Compare) and isinstance(test.ops[0], (ast.Is, ast.IsNot, ast.In, ast.NotIn))


def _both(
    m: Machine,
    frame: Frame,
    body: Seq[ast.stmt],
    orelse: Seq[ast.stmt],
    names: frozenset[str],
    *,
    unsure: bool,
    dead: bool | None,
    key: Branch | None = None,
    test: ast.expr | None = None,
) -> Arms:
    """Run both branches and join what they leave; `dead` names the one that does not really run, if known."""
    before, summed = dict(frame.names), m.summed
    running = m.branch(names, unsure=unsure, dormant=dead is True, key=key, way=True)
    with running, m.arm() as written, branching.way(m, frame, test, names, True):
        first = yield from _arm(m, frame, body)
    after_body, heap, between = frame.names, branching.undo(written), m.summed
    frame.names = before
    running = m.branch(names, unsure=unsure, dormant=dead is False, key=key, way=False)
    with running, m.arm() as other, branching.way(m, frame, test, names, False):
        second = yield from _arm(m, frame, orelse)
    m.arms = (between - summed, m.summed - between)
    m.left = (_ends_round(first), _ends_round(second))
    branching.merge(m, heap, other, first_raises=first == RAISE, second_raises=second == RAISE)
    live, way = (first, False) if dead is False else (second, True)
    m.leaves = (
        (names or frozenset({"?"}), key, way) if dead is not None and live != RAISE and not live & NORMAL else None
    )
    if not first & NORMAL and not first & (BREAK | CONTINUE):
        return first | second
    if not second & NORMAL and not second & (BREAK | CONTINUE):
        frame.names = after_body
        return first | second
    merged = dict(frame.names)
    for name, value in after_body.items():
        there = frame.names.get(name)
        if there is not value:  # most names are none of the arms' business
            merged[name] = value if there is None else join(value, there)
    frame.names = merged
    return first | second


def _ends_round(how: int) -> bool:
    return bool(how & (BREAK | CONTINUE)) and not how & NORMAL


def _for(m: Machine, frame: Frame, node: ast.For | ast.AsyncFor) -> int:
    iterable = special.iterable(m, frame, node, m.evaluate(frame, node.iter))
    return _loop(m, frame, node, iterable)


def _loop(m: Machine, frame: Frame, node: ast.For | ast.AsyncFor, iterable: Value) -> int:
    completion = 0
    finished = True
    for element in iterations(m, frame, node, iterable):
        m.extents.elements[m.loops[-1].instance] = element
        if isinstance(iterable.const, range):
            m.ranges[m.loops[-1].instance] = iterable.const
        if m.loops[-1].iteration > 1:
            _filled(frame, node)
        assignment.assign(m, frame, node.target, element)
        how = execute(m, frame, node.body)
        m.leaves = None
        completion |= how & (RETURN | RAISE)
        if not how & (NORMAL | CONTINUE):
            finished = bool(how & BREAK)
            break
    if finished and node.orelse:
        return completion | execute(m, frame, node.orelse)
    return completion | (NORMAL if finished else 0)


def _while(m: Machine, frame: Frame, node: ast.While) -> int:
    instance = m.fresh_loop()
    counters = _counters(node)
    claims = _claims(node)
    completion = 0
    broken = False
    for k in (1, 2)[: rounds(m, frame, node)]:
        with m.iteration(instance, k, node):
            test = m.evaluate(frame, node.test)
            known = operators.truth(m, frame, node.test, test)
        names = switches(test.tags)
        if known is False and not (m.explore and names):
            break
        with m.iteration(instance, k, node), m.branch(names, unsure=False, dormant=known is False):
            for name in counters:
                value = frame.find(name)
                if value is not None and not value.mutable and value.obj is None:
                    const = value.const if k == 1 else Value().const
                    counted = Value(value.tags | {("dep", instance, k)}, const)
                    frame.names[name] = counted
            if k > 1:
                reach.walked(m, frame, node, counters)
                _filled(frame, node)
            with m.claiming(frame, claims, ("dep", instance, k)), m.selecting(test, node, frame):
                how = execute(m, frame, node.body)
        completion |= how & (RETURN | RAISE)
        if not how & (NORMAL | CONTINUE):
            if how & BREAK:
                broken = True
                break
            return completion
    for name in counters:  # whatever the count was, it is not the constant of the first rounds
        value = frame.names.get(name)
        if value is not None and value.known:
            frame.names[name] = Value(value.tags)
    if node.orelse and not broken:
        return completion | execute(m, frame, node.orelse)
    return completion | NORMAL


def _filled(frame: Frame, loop: ast.For | ast.AsyncFor | ast.While) -> None:
    """What a list holds that the loop adds to now and then is not known after the first round, even if that did not."""
    for call in of_type(loop, ast.Call):
        if isinstance(call.func, ast.Attribute) and call.func.attr in _ADDS and isinstance(call.func.value, ast.Name):
            held = frame.find(call.func.value.id)
            if held is not None and isinstance(held.obj, Sequence) and not held.obj.items:
                held.obj.exact = False


_ADDS = frozenset({"append", "add", "appendleft", "extend"})


def _counters(node: ast.While) -> list[str]:
    """Names that the loop's body steps: they carry the loop, as the target of a `for` does."""
    names = []
    for child in of_type(node, ast.AugAssign, ast.Assign):
        if isinstance(child, ast.AugAssign):
            if isinstance(child.target, ast.Name):
                names.append(child.target.id)
        elif isinstance(child.targets[0], ast.Name):
            target = child.targets[0].id
            if any(n.id == target for n in of_type(child.value, ast.Name)):
                names.append(target)
    return list(dict.fromkeys(names))


def _claims(node: ast.While) -> frozenset[str]:
    """Names that the loop takes from outside in each round and ends on: a batch claimed from a shared queue."""
    tested: set[str] = set()
    for child in of_type(node, ast.If):
        if any(isinstance(n, ast.Break) for n in child.body):
            tested |= {n.id for n in of_type(child.test, ast.Name)}
    taken = {
        target.id
        for child in of_type(node, ast.Assign)
        if isinstance(child.value, ast.Call)
        for target in child.targets
        if isinstance(target, ast.Name)
    }
    return frozenset(tested & taken)


def _with(m: Machine, frame: Frame, node: ast.With | ast.AsyncWith) -> int:
    generator = _generator_of(m, frame, node.items[0].context_expr)
    return _inside(m, frame, node, generator) if generator is not None else _entered(m, frame, node, node.items)


def _generator_of(m: Machine, frame: Frame, made: ast.expr) -> ast.AST | None:
    """The generator that a context manager is made of."""
    if not isinstance(made, ast.Call) or not isinstance(made.func, (ast.Name, ast.Attribute)):
        return None
    function = m.evaluate(frame, made.func).obj
    function = function.function if isinstance(function, Bound) else function
    if not isinstance(function, Function) or isinstance(function.node, ast.Lambda) or function.node in m.calls:
        return None
    applied = {written(d).rsplit(".", 1)[-1] for d in function.node.decorator_list}
    return function.node if applied & {"contextmanager", "asynccontextmanager"} else None


def _inside(m: Machine, frame: Frame, node: ast.With | ast.AsyncWith, generator: ast.AST) -> int:
    """The block runs where the generator yields: what comes behind the `yield` comes after it."""
    first, rest = node.items[0], node.items[1:]
    ends: list[int] = []
    calls, functions = list(m.calls), list(m.functions)

    def block(yielded: Value) -> None:
        inner_calls, inner_functions = m.calls, m.functions
        m.calls, m.functions = calls, functions
        try:
            if first.optional_vars is not None:
                assignment.assign(m, frame, first.optional_vars, yielded)
            ends.append(_entered(m, frame, node, rest))
        finally:
            m.calls, m.functions = inner_calls, inner_functions

    m.contexts.append((generator, block))
    depth = len(m.contexts)
    m.evaluate(frame, first.context_expr)
    if not ends:  # it was not stepped into as far as its `yield`
        del m.contexts[depth - 1 :]
        block(Value())
    return ends[0]


def _entered(m: Machine, frame: Frame, node: ast.With | ast.AsyncWith, items: Seq[ast.withitem]) -> int:
    entered: list[Value] = []
    for item in items:
        value = m.evaluate(frame, item.context_expr)
        entered.append(value)
        for name in ("__enter__", "__aenter__"):
            own = special.special(m, frame, node, value, name, [])
            value = value if own is None else own
        if item.optional_vars is not None:
            if isinstance(value.obj, Sequence) and len(value.obj.items) == 1:
                value = value.obj.items[0]  # a generator as a context manager: `with` binds what it yields
            assignment.assign(m, frame, item.optional_vars, value)
    how = execute(m, frame, node.body)
    for value in reversed(entered):
        for name in ("__exit__", "__aexit__"):
            special.special(m, frame, node, value, name, [Value(const=None)] * 3)
        if m.exits:
            callbacks.left(m, frame, node, value)
    return how


def _try(m: Machine, frame: Frame, node: ast.Try | Any) -> int:
    before = dict(frame.names)
    completion = execute(m, frame, node.body)
    if completion & NORMAL and node.orelse:
        completion = (completion & ~NORMAL) | execute(m, frame, node.orelse)
    after = frame.names
    for handler in node.handlers:
        frame.names = {**before}
        if handler.name:
            frame.names[handler.name] = m.raised if m.raised is not None else Value()
        how = execute(m, frame, handler.body)
        completion |= how
        if how & NORMAL:
            for name, value in frame.names.items():
                other = after.get(name)
                if other is not value:
                    after[name] = value if other is None else join(other, value)
    frame.names = after
    if node.handlers:
        completion |= 0 if completion & NORMAL else completion
    if node.finalbody:
        how = execute(m, frame, node.finalbody)
        if not how & NORMAL:
            return how
    return completion


def _raise(m: Machine, frame: Frame, node: ast.Raise) -> int:
    if node.exc is not None:
        kind = m.evaluate(frame, node.exc.func) if isinstance(node.exc, ast.Call) else None
        if kind is not None and isinstance(kind.obj, External) and isinstance(node.exc, ast.Call):
            given = [m.evaluate(frame, a) for a in node.exc.args if not isinstance(a, ast.Starred)]
            m.raised = Value(obj=Instance(None, {"args": Value(obj=Sequence(given))}))
        else:
            m.raised = m.evaluate(frame, node.exc)
    return RAISE


def _function(m: Machine, frame: Frame, node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    function = Function(node, frame.unit, frame, frame.owner, node.name)
    for default in (*node.args.defaults, *node.args.kw_defaults):
        if isinstance(default, ast.Call):  # it runs once, here
            m.evaluate(frame, default)
    value = Value(obj=function)
    for decorator in reversed(node.decorator_list):
        value = decoration.decorate(m, frame, decorator, value)
    scope = frame.nonlocal_names.get(node.name, frame)
    scope.names[node.name] = value
    return NORMAL


def _class(m: Machine, frame: Frame, node: ast.ClassDef) -> int:
    cls = Class(node.name, [m.evaluate(frame, b) for b in node.bases], {}, frame.unit, node)
    cls.dataclass = any("dataclass" in written(d) for d in node.decorator_list)
    inner = Frame(frame.unit, frame, frame.globals)
    inner.owner = cls
    value = Value(obj=cls)
    frame.names[node.name] = value
    execute(m, inner, node.body)
    cls.attributes.update(inner.names)
    decoration.created(m, frame, node, value, cls)
    for decorator in reversed(node.decorator_list):
        value = decoration.decorate(m, frame, decorator, value)
    frame.names[node.name] = value
    return NORMAL


def _import(m: Machine, frame: Frame, node: ast.Import) -> int:
    for alias in node.names:
        sibling = elsewhere.import_unit(m, alias.name)
        if sibling is not None:
            value = Value(obj=sibling)
        elif alias.asname:
            value = Value(obj=External(alias.name))
        else:
            value = Value(obj=External(alias.name.split(".")[0]))
        frame.names[alias.asname or alias.name.split(".")[0]] = value
    return NORMAL


def _import_from(m: Machine, frame: Frame, node: ast.ImportFrom) -> int:
    name = node.module or ""
    sibling = elsewhere.import_unit(m, name) if name or node.level else None
    for alias in node.names:
        inner = sibling
        if sibling is None and node.level:
            inner = elsewhere.import_unit(m, alias.name)
            if inner is not None:
                frame.names[alias.asname or alias.name] = Value(obj=inner)
                continue
        if isinstance(inner, PyModule):
            if alias.name == "*":
                frame.names.update({k: v for k, v in inner.frame.names.items() if not k.startswith("_")})
                continue
            value = inner.frame.names.get(alias.name)
            frame.names[alias.asname or alias.name] = value if value is not None else Value()
        else:
            frame.names[alias.asname or alias.name] = Value(obj=External(f"{name}.{alias.name}"))
    return NORMAL


def _global(m: Machine, frame: Frame, node: ast.Global) -> int:
    for name in node.names:
        frame.nonlocal_names[name] = frame.globals
    return NORMAL


def _nonlocal(m: Machine, frame: Frame, node: ast.Nonlocal) -> int:
    for name in node.names:
        scope = frame.parent
        while scope is not None and name not in scope.names:
            scope = scope.parent
        if scope is not None:
            frame.nonlocal_names[name] = scope
    return NORMAL


def _delete(m: Machine, frame: Frame, node: ast.Delete) -> int:
    for target in node.targets:
        if isinstance(target, ast.Name):
            gone = frame.names.pop(target.id, None)
            if gone is not None:
                special.leave(m, frame, node, gone)
        elif isinstance(target, ast.Subscript):
            special.special(
                m, frame, node, m.evaluate(frame, target.value), "__delitem__", [m.evaluate(frame, target.slice)]
            )
        elif isinstance(target, ast.Attribute):
            _delete_attribute(m, frame, node, m.evaluate(frame, target.value), target.attr)
    return NORMAL


def _delete_attribute(m: Machine, frame: Frame, node: ast.AST, owner: Value, name: str) -> None:
    special.special(m, frame, node, owner, "__delattr__", [Value(const=name)])
    cls = owner.obj.cls if isinstance(owner.obj, Instance) else None
    held = cls.lookup(name) if cls is not None else None
    if held is not None and isinstance(held.obj, Function) and "__delete__" in held.obj.attributes:
        m.call(frame, node, held.obj.attributes["__delete__"], [owner], {})
    elif held is not None:
        special.special(m, frame, node, held, "__delete__", [owner])
    elif isinstance(owner.obj, Instance):
        gone = owner.obj.attributes.get(name)
        if gone is not None:
            special.leave(m, frame, node, gone)


def _assert(m: Machine, frame: Frame, node: ast.Assert) -> int:
    operators.truth(m, frame, node.test, m.evaluate(frame, node.test))
    return NORMAL


def _match(m: Machine, frame: Frame, node: ast.Match) -> int:
    subject = m.evaluate(frame, node.subject)
    completion = NORMAL
    for case in node.cases:
        pattern = case.pattern
        _captured(m, frame, pattern, subject)
        if case.guard is not None:
            guard = m.evaluate(frame, case.guard)
            if operators.truth(m, frame, case.guard, guard) is False:
                continue
        if isinstance(pattern, ast.MatchValue) and subject.known:
            value = m.evaluate(frame, pattern.value)
            if value.known and value.const != subject.const:
                continue
            if value.known:
                return execute(m, frame, case.body)
        names, unsure = switches(subject.tags), not subject.known
        both = _both(m, frame, case.body, [], names, unsure=unsure, dead=None)
        completion |= branching.chain(both, partial(_arms, m, frame))
    return completion


def _captured(m: Machine, frame: Frame, pattern: ast.pattern, subject: Value) -> None:
    """Bind the names of a pattern to the parts of what is matched."""
    if isinstance(pattern, ast.MatchAs):
        if pattern.pattern is not None:
            _captured(m, frame, pattern.pattern, subject)
        if pattern.name is not None:
            frame.names[pattern.name] = subject
    elif isinstance(pattern, ast.MatchStar) and pattern.name is not None:
        frame.names[pattern.name] = Value(subject.tags, obj=Sequence([subject], exact=False))
    elif isinstance(pattern, ast.MatchOr):
        for part in pattern.patterns:
            _captured(m, frame, part, subject)
    elif isinstance(pattern, ast.MatchSequence):
        items = subject.obj.items if isinstance(subject.obj, Sequence) else []
        plain = len(items) == len(pattern.patterns) and not any(isinstance(p, ast.MatchStar) for p in pattern.patterns)
        one = items[0] if items else Value(subject.tags, base=subject.base, mutable=subject.mutable)
        for item in items[1:16]:
            one = join(one, item)
        for i, part in enumerate(pattern.patterns):
            if isinstance(part, ast.MatchStar):
                _captured(m, frame, part, one)
            else:
                _captured(m, frame, part, items[i] if plain else one)
    elif isinstance(pattern, ast.MatchMapping):
        for key, part in zip(pattern.keys, pattern.patterns, strict=True):
            named = m.evaluate(frame, key)
            held = subject.obj if isinstance(subject.obj, Mapping) else Mapping()
            hit = held.items.get(named.const) if named.known else None
            _captured(m, frame, part, hit or held.other or Value(subject.tags))
        if pattern.rest is not None:
            frame.names[pattern.rest] = subject
    elif isinstance(pattern, ast.MatchClass):
        cls = m.evaluate(frame, pattern.cls)
        names = _fields(cls) if pattern.patterns else []
        positional = [(names[i] if i < len(names) else "", part) for i, part in enumerate(pattern.patterns)]
        for name, part in [*positional, *zip(pattern.kwd_attrs, pattern.kwd_patterns, strict=True)]:
            _captured(m, frame, part, m.attribute(frame, pattern, subject, name) if name else subject)


def _fields(cls: Value) -> list[str]:
    """The names that positional patterns of a class stand for."""
    if not isinstance(cls.obj, Class):
        return []
    said = cls.obj.lookup("__match_args__")
    if said is not None and isinstance(said.obj, Sequence):
        return [str(item.const) for item in said.obj.items]
    return [n.target.id for n in cls.obj.node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)]


_HANDLERS: dict[type[ast.stmt], Any] = {
    ast.Expr: _expr,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Return: _return,
    ast.If: _if,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.Global: _global,
    ast.Nonlocal: _nonlocal,
    ast.Delete: _delete,
    ast.Match: _match,
    ast.Break: lambda m, frame, node: BREAK,
    ast.Continue: lambda m, frame, node: CONTINUE,
    ast.Raise: _raise,
    ast.Assert: _assert,
}
