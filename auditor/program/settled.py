"""Constant expressions under the configuration: names, parameters and attributes are followed to what they are set to.

The one evaluator of constant expressions does the arithmetic; here is only what a switch, a parameter or an attribute
stands for. What has several values, or none that is known, raises CannotFold.
"""

from __future__ import annotations

import ast
import operator as operators
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from auditor.config import Configuration
from auditor.program import vocabulary
from auditor.program.origin import Origins
from auditor.program.syntax import Function, assignments, is_library, last_name
from auditor.source import Unit
from auditor.source.constants import Constants
from auditor.source.environment import read_by, readers
from auditor.source.files import Files
from auditor.source.index import of_type, own_nodes, parent
from auditor.source.values import CannotFold, OutOfSteps, Scope, Symbol, Value

_DEPTH = 14
_VALUES = 8  # of one name that are looked at
_ORDERS: Mapping[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operators.lt, ast.LtE: operators.le, ast.Gt: operators.gt, ast.GtE: operators.ge,
}  # fmt: skip
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_OBJECT: Final = Symbol("object")  # something that is not None and is true: a module, a tensor


class Settled(Constants):
    """The values of one module's expressions."""

    def __init__(self, unit: Unit, origins: Origins, configuration: Configuration) -> None:
        super().__init__(Files({}), unit.path)
        self.flow = origins
        self.settings = configuration.settings
        self.kept = {switch.attribute: switch for switch in reversed(configuration.switches)}
        self._locals: dict[ast.AST, dict[str, list[ast.expr]]] = {}
        self._busy: set[object] = set()
        self._readers = readers((origins.tree, *origins.beside))
        self._classes = {c.name for tree in (origins.tree, *origins.beside) for c in of_type(tree, ast.ClassDef)}

    def truth_of(self, test: ast.expr) -> bool | None:
        """Whether a condition holds; None where the configuration does not tell."""
        try:
            return self.truth(self.fold(test, self.scope))
        except (CannotFold, OutOfSteps):
            return None

    def number_of(self, node: ast.expr) -> float | None:
        """The number that an expression stands for; None where it is none, or not known."""
        try:
            value = self.fold(node, self.scope)
            return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
        except (CannotFold, OutOfSteps, OverflowError):
            return None

    def fold(self, node: ast.expr, scope: Scope) -> Value:
        own = _OWN.get(type(node))
        if own is None:
            return super().fold(node, scope)
        try:
            return own(self, node)
        except (ArithmeticError, ValueError, TypeError) as error:  # of constants as odd as the program's own run
            raise CannotFold(f"{type(error).__name__}: {str(error)[:80]}") from None

    def truth(self, value: Value) -> bool:
        return value is _OBJECT or super().truth(value)

    # --- expressions ----------------------------------------------------------------------------------------------

    def _choice(self, node: ast.IfExp) -> Value:
        test = self.truth_of(node.test)
        if test is None:
            return self._agreed([node.body, node.orelse])
        return self.fold(node.body if test else node.orelse, self.scope)

    def _all_or_any(self, node: ast.BoolOp) -> bool:
        # What asks only for a tensor's shape tells one batch from another: the rest decides whether the branch runs.
        rest = [v for v in node.values if not self.of_shape_only(v, self.flow.scope_of(v))]
        states = [self.truth_of(value) for value in rest or node.values]
        decisive = isinstance(node.op, ast.Or)
        if decisive in states:
            return decisive
        if None in states:
            raise CannotFold("a condition that is not known")
        return not decisive

    def _compared(self, node: ast.Compare) -> bool:
        if len(node.ops) != 1:
            raise CannotFold("a chain of comparisons")
        left, right = (self.fold(v, self.scope) for v in (node.left, node.comparators[0]))
        operator = node.ops[0]
        if isinstance(operator, ast.Is | ast.Eq | ast.IsNot | ast.NotEq):
            if _OBJECT in (left, right) and None not in (left, right):
                raise CannotFold("a comparison of objects")
            return (_plain(left) == _plain(right)) is isinstance(operator, ast.Is | ast.Eq)
        a, b = _plain(left), _plain(right)
        if type(operator) not in _ORDERS or not isinstance(a, int | float) or not isinstance(b, int | float):
            raise CannotFold("a comparison of what is no number")
        return _ORDERS[type(operator)](a, b)

    def _called(self, node: ast.Call) -> Value:
        read = read_by(node, self._readers)
        if read is not None:
            return self._setting(*read)
        name = last_name(node.func)
        if name in vocabulary.CONVERSIONS and len(node.args) == 1:
            value = self.fold(node.args[0], self.scope)
            if value is None:
                raise CannotFold("a conversion of None")
            return bool(_plain(value)) if name == "bool" else _plain(value)
        if name == "getattr" and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
            return self._attribute_named(str(node.args[1].value))
        if name in self._classes or (name[:1].isupper() and name not in self.flow.functions) or is_library(node.func):
            return _OBJECT
        raise CannotFold("a call")

    def _setting(self, name: str, default: ast.expr | None) -> Value:
        setting = self.settings.get(name)
        if setting is not None and setting.value is not None:
            return _plain(setting.value)
        if default is None or setting is not None:
            raise CannotFold(f"the switch {name} is not known")
        return _plain(self.fold(default, self.scope))

    # --- what names stand for -------------------------------------------------------------------------------------

    def _attribute_named(self, name: str) -> Value:
        values = self.flow.stored.get(name, [])
        if values and name not in self._busy:
            return self._followed(name, values)
        switch = self.kept.get(name)
        if switch is None:
            raise CannotFold(f"the attribute {name} is not known")
        setting = self.settings.get(switch.name)
        value = setting.value if setting is not None else switch.default
        if value is None:
            raise CannotFold(f"the switch {switch.name} is not known")
        return _plain(value)

    def _named(self, node: ast.Name) -> Value:
        scope = self.flow.scope_of(node)
        while True:  # its function, those around it, the module
            values: list[ast.expr | None] = [*self._set_in(scope).get(node.id, ())]
            inner = isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef)
            defaults = _defaults(scope) if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef) else {}
            if node.id in defaults:
                values += self._passed(scope, node.id, defaults[node.id])
            if values:
                return self._followed((node.id, scope), values)
            if not inner:
                raise CannotFold(f"the name {node.id} is not known")
            scope = self.flow.scope_of(scope)

    def _passed(self, function: ast.AST, parameter: str, default: ast.expr | None) -> list[ast.expr | None]:
        """What a parameter may be: what every call passes, and the default where one passes nothing."""
        assert isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        if function.name in self.flow.handed_on:
            raise CannotFold(f"{function.name} is called under other names")
        passed, whole = self.flow.passed(function, parameter)
        return [*passed] if whole else [*passed, default]

    def _set_in(self, scope: ast.AST) -> dict[str, list[ast.expr]]:
        """name -> the values of the plain assignments to it in a scope."""
        known = self._locals.get(scope)
        if known is None:
            known = self._locals[scope] = {}
            for target, value, _ in assignments(scope):
                if isinstance(target, ast.Name):
                    known.setdefault(target.id, []).append(value)
        return known

    def _followed(self, key: object, values: Iterable[ast.expr | None]) -> Value:
        if key in self._busy or len(self._busy) > _DEPTH:
            raise CannotFold("a name that is made of itself")
        self._busy.add(key)
        try:
            held = list(values)
            return self._agreed([v for v in held if len(held) == 1 or v is None or self._may_run(v)])
        finally:
            self._busy.discard(key)

    def _may_run(self, value: ast.expr) -> bool:
        """Whether no condition around an assignment keeps it from running: of two arms one gives the name its value."""
        child: ast.AST = value
        above = parent(value)
        while above is not None and not isinstance(above, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if isinstance(above, ast.If) and child is not above.test:
                truth = self.truth_of(above.test)
                if truth is not None and truth is not any(child is s for s in above.body):
                    return False
            child, above = above, parent(above)
        return True

    def _agreed(self, nodes: list[ast.expr | None]) -> Value:
        """The value that all of the expressions have."""
        if not nodes or None in nodes[:_VALUES]:
            raise CannotFold("a value that is not known")
        values = [self.fold(node, self.scope) for node in nodes[:_VALUES] if node is not None]
        if any(value != values[0] for value in values):
            raise CannotFold("several values")
        return values[0]

    # --- shapes ---------------------------------------------------------------------------------------------------

    def of_shape_only(self, node: ast.expr, scope: ast.AST, depth: int = 0) -> bool:
        """Whether an expression is made of reads of a tensor's shape and constants; names are followed in `scope`."""
        if depth > _DEPTH:
            return False
        if isinstance(node, ast.Attribute):
            return node.attr in vocabulary.SHAPE_ATTRIBUTES
        if isinstance(node, ast.Call):
            return isinstance(node.func, ast.Attribute) and node.func.attr in vocabulary.SHAPE_METHODS
        if isinstance(node, ast.Name):
            read: list[ast.expr] = _unpacked(node.id, scope)
        elif isinstance(node, ast.Subscript):
            read = [node.value]
        else:
            read = [part for part in _operands(node) if not isinstance(part, ast.Constant)]
        return bool(read) and all(self.of_shape_only(part, scope, depth + 1) for part in read)


def _operands(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.Compare):
        return [node.left, *node.comparators]
    if isinstance(node, ast.BoolOp):
        return node.values
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    return [node.operand] if isinstance(node, ast.UnaryOp) else []


def _unpacked(name: str, scope: ast.AST) -> list[ast.expr]:
    """What a name is set to in a scope; of a shape that is unpacked, the shape. A parameter has no value here."""
    return [
        node.value
        for node in own_nodes(scope)
        if isinstance(node, ast.Assign)
        for target in node.targets
        for element in (target.elts if isinstance(target, ast.Tuple | ast.List) else [target])
        if isinstance(element, ast.Name) and element.id == name
    ]


def _defaults(function: Function) -> dict[str, ast.expr | None]:
    """parameter -> its default; parameters that take the rest of the arguments are left out."""
    arguments = function.args
    plain = [*arguments.posonlyargs, *arguments.args]
    found: dict[str, ast.expr | None] = {a.arg: None for a in plain}
    found |= {a.arg: d for a, d in zip(reversed(plain), reversed(arguments.defaults), strict=False)}
    return found | {a.arg: d for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)}


def _plain(value: Value) -> Value:
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


_OWN: dict[type[ast.expr], Callable[[Settled, Any], Value]] = {
    ast.IfExp: Settled._choice,
    ast.BoolOp: Settled._all_or_any,
    ast.Compare: Settled._compared,
    ast.Call: Settled._called,
    ast.Attribute: lambda self, node: self._attribute_named(node.attr),
    ast.Name: Settled._named,
}
