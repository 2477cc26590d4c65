"""What the names of a script are given: by assignments, loops, calls, and what decides whether those run.

A name is that of the function which gives it a value (its key is `name@line` of that function, `name@0` of the module),
an attribute (`name@`) is one thing wherever it is set, by classes and modules too. What cannot be told stands for all
of that spelling (`name`).
"""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeGuard

from auditor.probe.blocks import first_line, is_fragile, same_frame, splits
from auditor.source.walking import nodes as walked

Function = ast.FunctionDef | ast.AsyncFunctionDef
_SETS = frozenset({"setattr", "__setattr__"})
_CALLED = frozenset({"forward", "__call__"})  # through the object


class Around(NamedTuple):
    """A loop or a comprehension: what it goes over, between which places, and the names that it binds."""

    start: tuple[int, int]
    end: tuple[int, int]
    names: frozenset[str]
    over: ast.expr


def _none(_: ast.AST) -> bool:
    return False


@dataclass
class Given:
    """Of one script. `left_out`: whether the configuration leaves a statement or call out of what runs."""

    tree: ast.Module
    left_out: Callable[[ast.AST], bool] = _none
    values: dict[str, list[ast.expr]] = field(default_factory=dict)  # name, attribute or key -> what it is given
    entries: dict[str, list[ast.expr]] = field(default_factory=dict)  # of what a name holds: `state["late"] = True`
    counted: set[str] = field(default_factory=set)  # by loops or by adding to them
    added: set[str] = field(default_factory=set)  # those that are added to
    classes: set[str] = field(default_factory=set)
    functions: dict[str, list[Function]] = field(default_factory=dict)
    imported: set[str] = field(default_factory=set)  # names that an import gives which may fail
    modules: dict[str, str] = field(default_factory=dict)  # what a name that is imported is of
    guards: dict[int, tuple[ast.AST | None, ...]] = field(default_factory=dict)  # a value's id -> what decides it
    _calls: dict[str, list[ast.Call]] = field(default_factory=dict)
    _local: set[str] = field(default_factory=set)
    _spans: list[tuple[int, int, Function]] = field(default_factory=list)
    _loops: list[Around] = field(default_factory=list)
    _methods: dict[int, str] = field(default_factory=dict)  # id of a method -> its class
    _shared: set[str] = field(default_factory=set)  # names that a function says are not its own

    def __post_init__(self) -> None:
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                self.functions.setdefault(node.name, []).append(node)
                self._spans.append((node.lineno, node.end_lineno or node.lineno, node))
            elif isinstance(node, ast.ClassDef):
                self.classes.add(node.name)
                self._methods |= {id(s): node.name for s in node.body if isinstance(s, Function)}
            elif isinstance(node, ast.Global | ast.Nonlocal):
                self._shared.update(node.names)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                of = node.module or "" if isinstance(node, ast.ImportFrom) else ""
                self.modules |= {(a.asname or a.name).partition(".")[0]: of or a.name for a in node.names}
        self._spans.sort(key=lambda span: span[0])
        self._in(self.tree.body, 0, ())

    # --- reading the text ------------------------------------------------------------------------------------------

    def _in(self, body: Sequence[ast.stmt], scope: int, around: tuple[ast.AST | None, ...], weak: bool = False) -> None:
        ends = splits(body, weak)
        for i, statement in enumerate(body):
            if i in ends and (weak or _ends_in_silence(body[i - 1])):
                around = (*around, ends[i])
            self._statement(statement, scope, around)

    def _statement(self, node: ast.stmt, scope: int, around: tuple[ast.AST | None, ...]) -> None:
        if isinstance(node, Function):
            arguments = node.args
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
            self._local |= {f"{a.arg}@{first_line(node)}" for a in every if a is not None}
            self._in(node.body, first_line(node), ())
        elif isinstance(node, ast.Try):
            self._note_imports(node)
        if isinstance(node, ast.If | ast.While):
            self.guards[id(node.test)] = around
        for name, value in ast.iter_fields(node):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                if not isinstance(node, Function):
                    self._in(value, -1 if isinstance(node, ast.ClassDef) else scope, (*around, *_decided(node, name)),
                             is_fragile(node, name))  # fmt: skip
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.ExceptHandler):
                    self._in(child.body, scope, (*around, None))
                elif isinstance(child, ast.match_case):
                    self._in(child.body, scope, (*around, getattr(node, "subject", None)))
                elif isinstance(child, ast.expr | ast.withitem | ast.keyword):
                    self._expression(child, scope, around)
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._note(target, node.value, scope, around)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self._note(node.target, node.value, scope, around)
        elif isinstance(node, ast.AugAssign | ast.For | ast.AsyncFor):
            names = set(names_of(node.target))
            counts = node.target.value if isinstance(node.target, ast.Subscript) else node.target  # `calls[0] += 1`
            for part in walked(counts):
                if isinstance(part, ast.Name | ast.Attribute) and (spelled(part) in names or counts is not node.target):
                    self._count(part, scope, added=isinstance(node, ast.AugAssign))
            if isinstance(node, ast.For | ast.AsyncFor):
                first, last = node.body[0], node.body[-1]
                end = (last.end_lineno or last.lineno, last.end_col_offset or 0)
                self._loops.append(Around((first.lineno, first.col_offset), end, frozenset(names), node.iter))

    def _expression(self, node: ast.AST, scope: int, around: tuple[ast.AST | None, ...]) -> None:
        for part in walked(node):
            if isinstance(part, ast.Call) and not self.left_out(part):
                self._calls.setdefault(called(part), []).append(part)
                if called(part) in _SETS and len(part.args) == 3:
                    self._set(part, scope, around)
            elif isinstance(part, ast.NamedExpr):
                self._note(part.target, part.value, scope, around)
            elif isinstance(part, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
                start, end = (part.lineno, part.col_offset), (part.end_lineno or part.lineno, part.end_col_offset or 0)
                for one in part.generators:
                    names = frozenset(names_of(one.target))
                    self.counted |= names
                    self._loops.append(Around(start, end, names, one.iter))

    def _set(self, call: ast.Call, scope: int, around: tuple[ast.AST | None, ...]) -> None:
        """`setattr(model, "late", True)`."""
        owner, name, value = call.args
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            self._note(ast.copy_location(ast.Attribute(owner, name.value, ast.Store()), call), value, scope, around)

    def _note(self, target: ast.expr, value: ast.expr, scope: int, around: tuple[ast.AST | None, ...]) -> None:
        said = {part.value for part in walked(value) if isinstance(part, ast.Constant)}  # `getattr(f, "n", 0) + 1`
        for part in walked(target):
            if _is_an_entry(part) and not self.left_out(value):
                self.entries.setdefault(self.key(part.value), []).append(value)
                self.guards[id(value)] = around
            if not isinstance(part, ast.Name | ast.Attribute) or not isinstance(part.ctx, ast.Store):
                continue
            name = part.id if isinstance(part, ast.Name) else part.attr
            if isinstance(part, ast.Name) and scope >= 0 and name not in self._shared:
                self._local.add(f"{name}@{scope}")
            if self.left_out(value):
                continue
            for key in _keys(name, scope if isinstance(part, ast.Name) else -1):
                self.values.setdefault(key, []).append(value)
            self.guards[id(value)] = around
            used = {spelled(inner) for inner in walked(value) if type(inner) is type(part)} | said
            if name in used and any(isinstance(inner, ast.BinOp) for inner in walked(value)):
                self._count(part, scope, added=True)  # `n = n + 1`

    def _count(self, node: ast.Name | ast.Attribute, scope: int, *, added: bool) -> None:
        keys = set(_keys(spelled(node), scope if isinstance(node, ast.Name) else -1))
        if isinstance(node, ast.Name) and scope >= 0 and node.id not in self._shared:
            self._local.add(f"{node.id}@{scope}")
        self.counted |= keys
        self.added |= keys if added else set()

    def _note_imports(self, tried: ast.Try) -> None:
        """`try: import kernels; HAVE = True`, `except ImportError: HAVE = False`: another machine may have them."""
        imports = [s for s in tried.body if isinstance(s, ast.Import | ast.ImportFrom)]
        if not imports:
            return
        aliases = [alias for statement in imports for alias in statement.names]
        self.imported |= {(alias.asname or alias.name).partition(".")[0] for alias in aliases}
        for statement in (*tried.body, *tried.orelse, *(s for h in tried.handlers for s in h.body)):
            if isinstance(statement, ast.Assign):
                self.imported |= {name for target in statement.targets for name in names_of(target)}

    # --- what is asked of it ---------------------------------------------------------------------------------------

    def key(self, node: ast.AST) -> str:
        """Of a name or an attribute, "" of anything else."""
        if isinstance(node, ast.Attribute):
            return self.attribute(node.attr)
        if not isinstance(node, ast.Name):
            return ""
        for function in self._functions_around(node.lineno):
            key = f"{node.id}@{first_line(function)}"
            if key in self._local:
                return key
        key = f"{node.id}@0"
        return key if key in self._local else node.id

    def attribute(self, name: str) -> str:
        """The key of an attribute."""
        return f"{name}@" if f"{name}@" in self.values or f"{name}@" in self.counted else name

    def _functions_around(self, line: int) -> Iterator[Function]:
        """The innermost first."""
        for start, end, function in reversed(self._spans[: bisect_right(self._spans, line, key=lambda s: s[0])]):
            if start <= line <= end:
                yield function

    def loop(self, node: ast.Name) -> ast.expr | None:
        """What the innermost loop around a name goes over that gives it its values, where nothing adds to them."""
        if self.key(node) in self.added:
            return None
        at = (node.lineno, node.col_offset)
        around = [loop for loop in self._loops if node.id in loop.names and loop.start <= at < loop.end]
        return max(around, key=lambda loop: loop.start).over if around else None

    def number(self, node: ast.expr) -> int | None:
        """What it is made of numbers and of names that are given one number alone; None where it is not."""
        if isinstance(node, ast.Constant):
            value = node.value
            return int(value) if isinstance(value, int | float) and abs(value) < 1e12 else None
        if isinstance(node, ast.Name) and node.id not in self.counted:
            values = self.values.get(node.id, ())
            only = values[0] if len(values) == 1 else None
            return self.number(only) if isinstance(only, ast.Constant | ast.BinOp) else None
        if isinstance(node, ast.BinOp):
            left, right = self.number(node.left), self.number(node.right)
            if left is None or right is None:
                return None
            if isinstance(node.op, ast.Mult):
                return left * right
            if isinstance(node.op, ast.LShift | ast.Pow) and 0 <= right < 40 and 0 <= left < 1000:
                return left << right if isinstance(node.op, ast.LShift) else int(left**right)
        return None

    def passed(self, node: ast.Name) -> list[ast.expr]:
        """What calls pass for a parameter that its function gives no other value; nothing of another name."""
        key = self.key(node)
        is_local = key.partition("@")[2] not in ("", "0")
        return list(self.parameters(key)) if is_local and key not in self.values else []

    def parameters(self, key: str) -> Iterator[ast.expr]:
        """What calls pass for a parameter, and what it is without one."""
        name, _, line = key.partition("@")
        for functions in self.functions.values():
            for function in functions:
                if not line or first_line(function) == int(line):
                    yield from self._passed(function, name)

    def _passed(self, function: Function, name: str) -> Iterator[ast.expr]:
        arguments = function.args
        placed = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
        if name not in placed and name not in {a.arg for a in arguments.kwonlyargs}:
            return
        owner = self._methods.get(id(function), "")
        calls = [*self._calls.get(function.name, ())]
        if owner and function.name == "__init__":
            calls = [*self._calls.get(owner, ()), *calls]
        if owner and function.name in _CALLED:
            known = self.functions.keys() | self.classes | {owner}
            calls += [c for n, found in self._calls.items() if n not in known for c in found if _may_pass(c, name)]
        at = placed.index(name) - bool(owner and placed[:1] in (["self"], ["cls"])) if name in placed else -1
        for call in calls[:40]:
            yield from (keyword.value for keyword in call.keywords if keyword.arg == name)
            if 0 <= at < len(call.args) and (not owner or function.name not in _CALLED or called(call) == owner):
                yield call.args[at]
        defaults = dict(zip(reversed(placed), reversed(arguments.defaults), strict=False))
        defaults |= {a.arg: d for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d}
        if name in defaults:
            yield defaults[name]


def _is_an_entry(node: ast.AST) -> TypeGuard[ast.Subscript]:
    """`state["late"]`, `seen[0]`, of a name or an attribute that holds it; not a variable of the environment."""
    return (
        isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and isinstance(node.slice, ast.Constant)
        and isinstance(node.value, ast.Name | ast.Attribute) and spelled(node.value) != "environ"
    )  # fmt: skip


def _ends_in_silence(node: ast.stmt) -> bool:
    """Whether what follows may not run without anything being said: an exception is."""
    return any(isinstance(part, ast.Return | ast.Continue | ast.Break) for part in same_frame(node))


def _keys(name: str, scope: int) -> tuple[str, ...]:
    """By which a name or an attribute is known that is given a value there; below 0 that is a class or an object."""
    return (name, *([f"{name}@{scope}"] if scope >= 0 else []), *([f"{name}@"] if scope <= 0 else []))


def _may_pass(call: ast.Call, name: str) -> bool:
    return any(keyword.arg == name for keyword in call.keywords)


def _decided(node: ast.AST, name: str) -> tuple[ast.AST | None, ...]:
    """What decides whether these statements of it run."""
    if isinstance(node, ast.If | ast.While):
        return (node.test,)
    if isinstance(node, ast.For | ast.AsyncFor):
        return (node.iter,)
    return ()


def called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def names_of(target: ast.expr) -> Iterator[str]:
    for part in walked(target):
        if isinstance(part, ast.Name | ast.Attribute) and isinstance(part.ctx, ast.Store):
            yield part.id if isinstance(part, ast.Name) else part.attr


def words(node: ast.AST) -> set[str]:
    """The names and attributes in it."""
    return {spelled(part) for part in walked(node)} - {""}


def spelled(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
