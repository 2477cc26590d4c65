"""What the instrumented script calls: arithmetic on Python numbers, followed as the mode follows tensors.

Every function computes exactly what the expression it stands for computes, and returns that very object.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from auditor.probe.record.arrays import Arrays
from auditor.probe.record.mirror import Mirrors
from auditor.probe.record.single import Scalar, Single, combined, curved, identity

_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
}
_IN_PLACE: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.iadd,
    "-": operator.isub,
    "*": operator.imul,
    "/": operator.itruediv,
    "**": operator.ipow,
}
_ORDERS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_FEW = 64  # values that are chosen from
_FLOATS = frozenset([float, np.float64, np.float32])


class Hooks:
    """The builtin that the script's arithmetic goes through.

    `e`: told of each block that is entered; `t`: given each truth that is used as a number, and gives it back.
    """

    slice = slice

    def __init__(
        self, mirrors: Mirrors, arrays: Arrays, e: Callable[[int], None] = lambda number: None,
        t: Callable[..., Any] = lambda number, value, bound=None: value,
    ) -> None:  # fmt: skip
        self.e, self.t = e, t
        self.mirrors, self.arrays, self._numbers = mirrors, arrays, mirrors.numbers

    def b(self, sign: str, left: Any, right: Any) -> Any:
        out = _BINARY[sign](left, right)
        kind = type(out)
        if kind in _FLOATS:
            if identity(left) in self._numbers or identity(right) in self._numbers:
                self._note(sign, left, right, out)
        elif kind is np.ndarray and self.arrays.of:
            self._look(sign, (left, right), out)
        return out

    def x(self, function: Any, *args: Any, **options: Any) -> Any:
        """`math.log(x)` and its like."""
        out = function(*args, **options)
        if self._numbers and type(out) in _FLOATS:
            self._curve(function, args, out)
        return out

    def v(self, over: Any) -> Any:
        """What a loop goes over."""
        known = type(over) is np.ndarray and self.arrays.get(over) is not None
        return self.arrays.elements(over) if known else over

    def z(self, function: Any, *over: Any, **options: Any) -> Any:
        """`zip(xs, ys)`, `enumerate(xs)`, of what a loop goes over."""
        return function(*map(self.v, over), **options)

    def i(self, sign: str, left: Any, right: Any) -> Any:
        out = _IN_PLACE[sign](left, right)
        kind = type(out)
        if kind in _FLOATS:
            if identity(left) in self._numbers or identity(right) in self._numbers:
                self._note(sign, left, right, out)
        elif kind is np.ndarray and self.arrays.of:
            self._look(sign, (left, right), out)
        return out

    def o(self, sign: str, left: Any, right: Any) -> Any:
        """`x < y`."""
        known = bool(self._numbers) and (identity(left) in self._numbers or identity(right) in self._numbers)
        if known and not any(type(side) is float and math.isinf(side) for side in (left, right)):
            self.mirrors.compared((left, right))  # against infinity nothing is chosen
        return _ORDERS[sign](left, right)

    def d(self, sign: str, left: Any, right: Any) -> Any:
        """`x - y` or `x / y` where it decides a branch."""
        if self._numbers:
            self.mirrors.compared((left, right))
        return self.b(sign, left, right)

    def w(self, value: Any) -> Any:
        """A name that was given a difference, or is rounded, where it decides a branch."""
        if self._numbers and identity(value) in self._numbers:
            self.mirrors.compared((value,))
        return value

    def c(self, function: Any, *args: Any, **options: Any) -> Any:
        """`min`, `max` and `sorted`."""
        if self._numbers:
            values = args[0] if len(args) == 1 else args
            if type(values) in (list, tuple) and len(values) <= _FEW:
                self.mirrors.compared([part for v in values for part in (v if type(v) in (list, tuple) else (v,))])
            if len(args) == 2:
                self._bounded(function, args)
        return function(*args, **options)

    def _bounded(self, function: Any, args: tuple[Any, ...]) -> None:
        for i, value in enumerate(args):
            held = self.mirrors.held(value)
            if isinstance(held, Single) and not self.mirrors.tape.trains_by(held.row):
                self.arrays.bounds.look_at_one(function, args, i, held)
                return

    def u(self, value: Any) -> Any:
        """`-x`."""
        out = -value
        if type(out) in _FLOATS:
            if (held := self.mirrors.held(value)) is not None:
                self.mirrors.note_number(out, _negative(held))
        elif self.arrays.of and type(out) is np.ndarray:
            self._look("-", (value,), out)
        return out

    def n(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        """A function of numpy."""
        out = function(*args, **kwargs)
        if self._numbers and type(out) in _FLOATS:
            self._curve(function, args, out)
        if self.arrays.of or self._numbers:
            self._look(getattr(function, "__name__", ""), args, out)
        return out

    def m(self, owner: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        """A method of what may be an array."""
        out = getattr(owner, name)(*args, **kwargs)
        if type(owner) is np.ndarray and self.arrays.of:
            self._look(name, (owner, *args), out)
        elif name == "item" and type(out) is float and (held := self.mirrors.held(owner)) is not None:
            self.mirrors.note_number(out, held)
        return out

    def g(self, owner: Any, index: Any) -> Any:
        """`x[i]`."""
        out = owner[index]
        if type(owner) is np.ndarray and self.arrays.of:
            try:
                self.arrays.taken(owner, index, out)
            except Exception as error:
                self.mirrors.tape.fault(f"index: {type(error).__name__}: {str(error)[:200]}")
        return out

    def s(self, value: Any, owner: Any, index: Any) -> None:
        """`x[i] = value`."""
        owner[index] = value
        if type(owner) is np.ndarray and (self.arrays.of or self._numbers):
            try:
                self.arrays.stored(owner, index, value)
            except Exception as error:
                self.mirrors.tape.fault(f"store: {type(error).__name__}: {str(error)[:200]}")

    def _look(self, name: str, args: tuple[Any, ...], out: Any) -> None:
        """Whatever goes wrong in here is the recorder's trouble, not the script's."""
        try:
            self.arrays.called(name, args, out)
        except Exception as error:
            self.mirrors.tape.fault(f"{name}: {type(error).__name__}: {str(error)[:200]}")

    def f(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        """`float(x)`, `sum(xs)`, `np.mean(xs)`, `np.sum(xs)` of numbers."""
        name = getattr(function, "__name__", "")
        if name in ("sum", "fsum") and args and hasattr(args[0], "__next__"):
            args = (list(args[0]), *args[1:])  # read once, either way
        out = function(*args, **kwargs)
        if type(out) in _FLOATS and args and self._numbers:
            if name in ("float", "float64"):
                if (held := self.mirrors.held(args[0])) is not None:
                    self.mirrors.note_number(out, held)
            elif type(args[0]) in (list, tuple) and len(args) == 1 and not kwargs:
                self._note_sum(name, args[0], out)
        if self.arrays.of and args:
            self._look(name, args, out)
        return out

    def _note_sum(self, name: str, values: Any, out: Any) -> None:
        if name not in ("sum", "fsum", "mean"):
            return
        share = 1.0 / len(values) if name == "mean" else 1.0
        terms, constant = [], 0.0
        for value in values:
            scalar = self.mirrors.number(value)
            if scalar is not None:
                terms.append((scalar.node, scalar.factor * share))
            elif isinstance(value, float | int | np.number):
                constant += value * share
            else:
                return
        if terms:
            self.mirrors.note_number(out, Scalar(self.mirrors.tape.sum(terms, constant)))

    def _curve(self, function: Any, args: tuple[Any, ...], out: Any) -> None:
        held = [one for value in args if isinstance(one := self.mirrors.held(value), Single)]
        single = curved(getattr(function, "__name__", ""), held)
        if single is not None:
            self.mirrors.note_number(out, single)

    def _note(self, sign: str, left: Any, right: Any, out: Any) -> None:
        held = self.mirrors.held(left), self.mirrors.held(right)
        try:
            if any(isinstance(one, Single) for one in held):
                single = combined(sign, left, held[0], right, held[1])
                if single is not None:
                    self.mirrors.note_number(out, single)
                if single is not None or sign not in "+-":
                    return
            a, b = self.mirrors.number(left), self.mirrors.number(right)
            scalar = self._combined(sign, left, a, right, b)
        except (TypeError, ValueError, ZeroDivisionError, OverflowError):
            return
        if scalar is not None:
            self.mirrors.note_number(out, scalar)

    def _combined(self, sign: str, left: Any, a: Scalar | None, right: Any, b: Scalar | None) -> Scalar | None:
        if sign == "*" and (a is None) != (b is None):
            scalar, other = (a, right) if a is not None else (b, left)
            return Scalar(scalar.node, scalar.factor * float(other)) if scalar is not None else None
        if sign == "/" and a is not None and b is None:
            return Scalar(a.node, a.factor / float(right))
        if sign not in "+-":
            return None
        terms, constant = [], 0.0
        for scalar, value, factor in ((a, left, 1.0), (b, right, 1.0 if sign == "+" else -1.0)):
            if scalar is not None:
                terms.append((scalar.node, scalar.factor * factor))
            else:
                constant += factor * float(value)
        return Scalar(self.mirrors.tape.sum(terms, constant))


def _negative(held: Scalar | Single) -> Scalar | Single:
    if isinstance(held, Single):
        return replace(held, factor=-held.factor, added=-held.added)
    return replace(held, factor=-held.factor)
