"""Which branches of a module run, decided from the configuration alone.

The interpreter takes a model's forward pass as one step. What stands inside it is guarded by attributes
(`if self.smear_enabled`, `if self.smear is not None`) that go back to switches; these are followed here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Final

from auditor.config.defaults import switches
from auditor.rule import Facts
from auditor.source import Unit
from auditor.source.index import children, of_type, walk
from rules.analysis.origin import Origins, origins_of
from rules.analysis.shape import of_shape_only
from rules.analysis.syntax import Function, both, dotted, environment_default, last_name

_DEPTH = 14
_SCOPES = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef
_CONVERSIONS = frozenset({"bool", "int", "float", "str"})
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class _Sentinel:
    """Stands for what has no value here; compared by identity."""


UNKNOWN: Final = _Sentinel()
OBJECT: Final = _Sentinel()  # something that is not None and is true: a module, a tensor


@lru_cache(maxsize=8)
def conditions_of(facts: _ByIdentity, unit: Unit) -> Conditions:
    return Conditions(facts.facts, unit)


class _ByIdentity:
    """Makes facts a key of the cache without hashing what they hold."""

    __slots__ = ("facts",)

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    def __hash__(self) -> int:
        return id(self.facts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and other.facts is self.facts


def conditions(facts: Facts, unit: Unit) -> Conditions:
    """The conditions of one Python unit that parsed."""
    return conditions_of(_ByIdentity(facts), unit)


class Conditions:
    """Answers whether a place of one unit runs, as far as switches tell."""

    def __init__(self, facts: Facts, unit: Unit) -> None:
        assert unit.tree is not None
        self.facts = facts
        self.unit = unit
        self.origins: Origins = origins_of(unit.tree)
        self._switches = switches(facts.sources)

    @property
    def above(self) -> dict[ast.AST, ast.AST]:
        return self.origins.above

    # --- places ---------------------------------------------------------------------------------------------------

    def holds(self, node: ast.AST) -> bool | None:
        """Whether the conditions around a node, up to its function, let it run."""
        state: bool | None = True
        child, parent = node, self.above.get(node)
        while parent is not None and not isinstance(child, _SCOPES):
            state = both(state, self._lets(parent, child))
            child, parent = parent, self.above.get(parent)
        return state

    def _lets(self, parent: ast.AST, child: ast.AST) -> bool | None:
        if isinstance(parent, ast.If | ast.IfExp):
            if child is parent.test:
                return True
            body = parent.body if isinstance(parent.body, list) else [parent.body]
            truth = self.truth(parent.test)
            return truth if any(child is b for b in body) else _not(truth)
        for name in ("body", "orelse", "finalbody"):
            block = getattr(parent, name, None)
            if isinstance(block, list) and child in block:
                return self._not_left(block, child)
        return True

    def _not_left(self, block: list[ast.stmt], child: ast.AST) -> bool | None:
        """Whether no statement before `child` leaves the block (`if not self.enabled: return x`)."""
        state: bool | None = True
        for statement in block:
            if statement is child:
                break
            if isinstance(statement, ast.If) and _leaves(statement.body) and not statement.orelse:
                state = both(state, _not(self.truth(statement.test)))
        return state

    def active(self, node: ast.AST) -> bool | None:
        """Whether a node runs: by the interpreter outside of modules, by switches inside of them."""
        holder = self._class_of(node)
        if holder is None or not _is_module(holder):
            return self.facts.program.reached(self.unit, getattr(node, "lineno", 1))
        return both(both(self.holds(node), self.used(holder)), self._called(node, holder))

    def used(self, holder: ast.ClassDef, depth: int = 0) -> bool | None:
        """Whether a class is instantiated (or inherited from) somewhere that runs."""
        best: bool | None = False
        for node in self._mentions.get(holder.name, ()):
            owner = self._class_of(node)
            if owner is holder:
                continue
            if owner is not None and _is_module(owner):
                inner = self.used(owner, depth + 1) if depth < 4 else None
                state = both(self.holds(node), inner)
            else:
                state = self.facts.program.reached(self.unit, getattr(node, "lineno", 1))
            if state:
                return True
            best = None if state is None else best
        return True if (elsewhere := self._used_elsewhere(holder.name)) else None if elsewhere is None else best

    def _used_elsewhere(self, name: str) -> bool | None:
        """Whether another unit of the program uses a name of this one on a line that runs."""
        best: bool | None = False
        for other in self.facts.sources.units:
            if other is self.unit or other.tree is None or name not in other.text:
                continue
            for node in walk(other.tree):
                if (isinstance(node, ast.Name) and node.id == name) or (
                    isinstance(node, ast.Attribute) and node.attr == name
                ):
                    state = self.facts.program.reached(other, node.lineno)
                    if state:
                        return True
                    best = None if state is None else best
        return best

    def _called(self, node: ast.AST, holder: ast.ClassDef) -> bool | None:
        """Whether the method that holds a node is called at all; `forward` always is."""
        method = self._method_of(node, holder)
        if method is None or method.name in {"forward", "__call__", "__init__"}:
            return True
        return any(not _within(n, method, self.above) for n in self._attribute_uses.get(method.name, ())) or False

    def _class_of(self, node: ast.AST) -> ast.ClassDef | None:
        current = self.above.get(node)
        while current is not None and not isinstance(current, ast.ClassDef):
            current = self.above.get(current)
        return current

    def _method_of(self, node: ast.AST, holder: ast.ClassDef) -> Function | None:
        found: Function | None = None
        current = self.above.get(node)
        while current is not None and current is not holder:
            if isinstance(current, ast.FunctionDef | ast.AsyncFunctionDef):
                found = current
            current = self.above.get(current)
        return found

    @cached_property
    def _mentions(self) -> dict[str, list[ast.AST]]:
        found: dict[str, list[ast.AST]] = {}
        for node in of_type(self.origins.tree, ast.Name):
            if isinstance(node.ctx, ast.Load):
                found.setdefault(node.id, []).append(node)
        return found

    @cached_property
    def _attribute_uses(self) -> dict[str, list[ast.AST]]:
        found: dict[str, list[ast.AST]] = {}
        for node in of_type(self.origins.tree, ast.Attribute):
            found.setdefault(node.attr, []).append(node)
        return found

    @cached_property
    def _assigned(self) -> dict[str, list[ast.expr]]:
        """attribute name -> the values that `x.name = value` gives it."""
        found: dict[str, list[ast.expr]] = {}
        for node in of_type(self.origins.tree, ast.Assign, ast.AnnAssign):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Attribute):
                        found.setdefault(target.attr, []).append(node.value)
            elif isinstance(node.target, ast.Attribute) and node.value is not None:
                found.setdefault(node.target.attr, []).append(node.value)
        return found

    # --- values ---------------------------------------------------------------------------------------------------

    def truth(self, test: ast.expr) -> bool | None:
        value = self.value(test)
        if value is UNKNOWN:
            return None
        return True if value is OBJECT else bool(value)

    def value(self, node: ast.expr, depth: int = 0, seen: frozenset[str] = frozenset()) -> object:
        """The value of an expression under the configuration: a scalar, None, OBJECT or UNKNOWN."""
        if depth > _DEPTH:
            return UNKNOWN
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.UnaryOp):
            return self._unary(node, depth, seen)
        if isinstance(node, ast.BoolOp):
            return self._bool(node, depth, seen)
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            return self._compare(node, depth, seen)
        if isinstance(node, ast.IfExp):
            test = self.value(node.test, depth + 1, seen)
            if test is UNKNOWN:
                return self._agreed([node.body, node.orelse], depth, seen)
            return self.value(node.body if test else node.orelse, depth + 1, seen)
        if isinstance(node, ast.Call):
            return self._call(node, depth, seen)
        if isinstance(node, ast.Attribute):
            return self._attribute(node.attr, depth, seen)
        if isinstance(node, ast.Name):
            return self._name(node, depth, seen)
        return UNKNOWN

    def _unary(self, node: ast.UnaryOp, depth: int, seen: frozenset[str]) -> object:
        value = self.value(node.operand, depth + 1, seen)
        if value is UNKNOWN:
            return UNKNOWN
        if isinstance(node.op, ast.Not):
            return value is not OBJECT and not value
        return -value if isinstance(node.op, ast.USub) and isinstance(value, int | float) else UNKNOWN

    def _bool(self, node: ast.BoolOp, depth: int, seen: frozenset[str]) -> object:
        # What asks only for a tensor's shape tells one batch from another: the rest decides whether the branch runs.
        rest = [v for v in node.values if not of_shape_only(v, self.origins.scope_of(v))]
        values = [self.value(v, depth + 1, seen) for v in rest or node.values]
        decisive = isinstance(node.op, ast.Or)
        if any(v is not UNKNOWN and (v is OBJECT or bool(v)) is decisive for v in values):
            return decisive
        return UNKNOWN if UNKNOWN in values else not decisive

    def _compare(self, node: ast.Compare, depth: int, seen: frozenset[str]) -> object:
        left, right = (self.value(v, depth + 1, seen) for v in (node.left, node.comparators[0]))
        operator = node.ops[0]
        if left is UNKNOWN or right is UNKNOWN:
            return UNKNOWN
        if isinstance(operator, ast.Is | ast.Eq | ast.IsNot | ast.NotEq):
            if OBJECT in (left, right) and None not in (left, right):
                return UNKNOWN
            return (_plain(left) == _plain(right)) is isinstance(operator, ast.Is | ast.Eq)
        a, b = _plain(left), _plain(right)
        if not isinstance(a, int | float) or not isinstance(b, int | float):
            return UNKNOWN
        orders = {ast.Lt: a < b, ast.LtE: a <= b, ast.Gt: a > b, ast.GtE: a >= b}
        return orders.get(type(operator), UNKNOWN)

    def _call(self, node: ast.Call, depth: int, seen: frozenset[str]) -> object:
        read = environment_default(node)
        if read is not None:
            return self._setting(read[0], read[1], depth, seen)
        name = last_name(node.func)
        if name in _CONVERSIONS and len(node.args) == 1:
            value = self.value(node.args[0], depth + 1, seen)
            if value is UNKNOWN or value is None:
                return UNKNOWN
            return bool(_plain(value)) if name == "bool" else _plain(value)
        if name == "getattr" and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
            value = self._attribute(str(node.args[1].value), depth + 1, seen)
            return value if value is not UNKNOWN or len(node.args) < 3 else UNKNOWN
        if name[:1].isupper() or dotted(node.func).startswith(("nn.", "torch.")):
            return OBJECT
        return UNKNOWN

    def _setting(self, name: str, default: ast.expr | None, depth: int, seen: frozenset[str]) -> object:
        setting = self.facts.configuration.settings.get(name)
        if setting is not None and setting.value is not None:
            return _plain(setting.value)
        return _plain(self.value(default, depth + 1, seen)) if default is not None and setting is None else UNKNOWN

    def _attribute(self, name: str, depth: int, seen: frozenset[str]) -> object:
        values = self._assigned.get(name, [])
        if values and name not in seen:
            return self._agreed(values, depth, seen | {name})
        for switch in self._switches:
            if switch.attribute == name:
                setting = self.facts.configuration.settings.get(switch.name)
                value = setting.value if setting is not None else switch.default
                return UNKNOWN if value is None else _plain(value)
        return UNKNOWN

    def _name(self, node: ast.Name, depth: int, seen: frozenset[str]) -> object:
        key = "=" + node.id
        if key in seen:
            return UNKNOWN
        scope = self.origins.scope_of(node)
        values = list(self._locals(scope).get(node.id, ()))
        if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
            parameter = _parameter(scope, node.id)
            if parameter is not None:
                passed = self.origins.arguments(scope, node.id)
                given: list[ast.expr | None] = [*values]
                given += passed or [parameter[1]]
                return self._agreed(given, depth, seen | {key})
        if not values and scope is not self.origins.tree:
            values = list(self._locals(self.origins.tree).get(node.id, ()))
        if values:
            return self._agreed(values, depth, seen | {key})
        return self._attribute(node.id, depth + 1, seen | {key}) if len(node.id) > 2 else UNKNOWN

    def _locals(self, scope: ast.AST) -> dict[str, list[ast.expr]]:
        known = self._local_cache.get(scope)
        if known is None:
            known = {}
            for target, value in _plain_assignments(scope):
                known.setdefault(target, []).append(value)
            self._local_cache[scope] = known
        return known

    @cached_property
    def _local_cache(self) -> dict[ast.AST, dict[str, list[ast.expr]]]:
        return {}

    def _agreed(self, nodes: Sequence[ast.expr | None], depth: int, seen: frozenset[str]) -> object:
        """The value that all of the expressions have, UNKNOWN where they differ."""
        values = [UNKNOWN if n is None else self.value(n, depth + 1, seen) for n in nodes[:8]]
        first = values[0] if values else UNKNOWN
        return first if all(v is first or (UNKNOWN not in (v, first) and v == first) for v in values) else UNKNOWN


def _not(state: bool | None) -> bool | None:
    return None if state is None else not state


def _leaves(body: list[ast.stmt]) -> bool:
    # A run that got to its score raised nothing.
    return bool(body) and isinstance(body[-1], ast.Return | ast.Continue | ast.Break)


def _is_module(holder: ast.ClassDef) -> bool:
    """Classes of tensors' code: `nn.Module` and classes of the script that inherit from another class."""
    return bool(holder.bases)


def _within(node: ast.AST, holder: ast.AST, above: dict[ast.AST, ast.AST]) -> bool:
    current: ast.AST | None = node
    while current is not None:
        if current is holder:
            return True
        current = above.get(current)
    return False


def _parameter(function: Function, name: str) -> tuple[str, ast.expr | None] | None:
    """(name, default) of a parameter, None where the function has none of that name."""
    arguments = function.args
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(arguments.defaults)) + list(arguments.defaults)
    for argument, default in [
        *zip(plain, defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]:
        if argument.arg == name:
            return name, default
    return None


def _plain_assignments(scope: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """(name, value) of the assignments to plain names in a scope, nested functions excluded."""
    stack: list[ast.AST] = list(children(scope))
    while stack:
        node = stack.pop()
        if isinstance(node, _SCOPES):
            continue
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, node.value
        stack.extend(children(node))


def _plain(value: object) -> object:
    """`"1"`, `1` and `1.0` are alike, so are `"false"` and False."""
    if not isinstance(value, str):
        return value
    word = value.strip().lower()
    if word in _WORDS:
        return _WORDS[word]
    try:
        return float(word)
    except ValueError:
        return word
