"""Numba's compilers as plain Python: what they decorate is run as it stands, so that it is followed and marked."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import numpy as np

Module = Callable[..., types.ModuleType]

_NUMBERS = {
    **{name: getattr(np, name) for name in (
        "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64", "complex64",
        "complex128", "intp", "uintp",
    )},
    "boolean": np.bool_, "bool_": np.bool_, "b1": np.bool_, "byte": np.uint8, "i4": np.int32, "i8": np.int64,
    "u4": np.uint32, "u8": np.uint64, "f4": np.float32, "f8": np.float64, "int_": np.int64, "uint": np.uint64,
    "float_": np.float32, "double": np.float64,
}  # fmt: skip
_OTHERS = ("void", "none", "unicode_type", "string", "pyobject", "Tuple", "UniTuple", "Array", "DictType", "ListType")


class Type:
    """A type of Numba's: what stands in signatures, and what makes a number of a value: `int64[:](int64)`."""

    def __init__(self, make: Callable[[Any], Any] | None = None) -> None:
        self._make = make

    def __call__(self, *given: Any, **options: Any) -> Any:
        if self._make is None or options or len(given) != 1 or isinstance(given[0], Type | tuple):
            return self
        return self._make(given[0])

    def __getitem__(self, dimensions: Any) -> Type:
        return self


class Dict(dict[Any, Any]):
    """`numba.typed.Dict`: keys and values are as they are given."""

    @classmethod
    def empty(cls, *types_: Any, **options: Any) -> Dict:
        return cls()


class List(list[Any]):
    """`numba.typed.List`."""

    @classmethod
    def empty_list(cls, *types_: Any, **options: Any) -> List:
        return cls()


def jit(function: Any = None, *signature: Any, **options: Any) -> Any:
    """`@njit`, `@njit(cache=True)`, `@njit("int64(int64)")`: the function itself."""
    if isinstance(function, types.FunctionType):
        made: Any = function
        made.py_func = function
        return made
    return jit if function is None or isinstance(function, str | Type | tuple | list) else function


def vectorize(function: Any = None, *signature: Any, **options: Any) -> Any:
    """`@vectorize`: of each element."""
    return np.vectorize(function) if isinstance(function, types.FunctionType) else vectorize


def _nothing(*args: Any, **options: Any) -> None:
    pass


def install(module: Module) -> None:
    """Puts `numba` and its modules where imports find them, whether or not the machine has it."""
    kinds: dict[str, Any] = {name: Type(make) for name, make in _NUMBERS.items()}
    kinds |= {name: Type() for name in _OTHERS}
    typed = {"Dict": Dict, "List": List}
    errors = {"NumbaError": Exception, "TypingError": TypeError, "NumbaWarning": Warning,
              "NumbaPerformanceWarning": Warning, "NumbaDeprecationWarning": Warning}  # fmt: skip
    module(
        "numba", __version__="0.61.0", njit=jit, jit=jit, generated_jit=jit, vectorize=vectorize, prange=range,
        set_num_threads=_nothing, get_num_threads=lambda: 1, literal_unroll=iter, typeof=lambda value: Type(),
        objmode=None, **kinds,
    )  # fmt: skip
    module("numba.types", **kinds)
    module("numba.core")
    module("numba.core.types", **kinds)
    module("numba.core.errors", **errors)
    module("numba.errors", **errors)
    module("numba.typed", **typed)
    module("numba.extending", overload=jit, register_jitable=jit)
    module("numba.experimental", jitclass=lambda *spec: spec[0] if isinstance(spec[0], type) else lambda kind: kind)
    module("numba.cuda", is_available=lambda: False)
    module("numba.config")
