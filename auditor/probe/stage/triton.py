"""A small interpreter for Triton kernels: each program of a grid runs as the Python function that it is, over tensors.

Covers the language as far as submissions use it: pointers with masks, tensor descriptors, reductions, dot products.
https://triton-lang.org/main/python-api/triton.language.html
"""

from __future__ import annotations

import functools
import inspect
import itertools
import math
import re
import types
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

_LAUNCH_OPTIONS = frozenset({"num_warps", "num_stages", "num_ctas", "maxnreg", "grid", "warmup", "stream"})


class _Program:
    """Which program of the grid runs. `rows`: all of them at once, one in each row, blocks along the last dimension."""

    at: tuple[Any, ...] = (0, 0, 0)
    of: tuple[int, ...] = (1, 1, 1)
    rows = False


class Pointer:
    """Addresses into one tensor's storage: offsets (in elements) from its first element."""

    def __init__(self, memory: Tensor, offsets: Tensor) -> None:
        self.memory, self.offsets = memory, offsets

    @classmethod
    def of(cls, tensor: Tensor) -> Pointer:
        tensor = tensor.detach()
        size = tensor.untyped_storage().nbytes() // tensor.element_size() - tensor.storage_offset()
        return cls(torch.as_strided(tensor, (size,), (1,), tensor.storage_offset()), torch.tensor(0))

    @property
    def dtype(self) -> Any:
        return types.SimpleNamespace(element_ty=self.memory.dtype)

    @property
    def shape(self) -> Any:
        return self.offsets.shape

    def __add__(self, other: Any) -> Pointer:
        return Pointer(self.memory, self.offsets + other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Pointer:
        return Pointer(self.memory, self.offsets - other)

    def __getitem__(self, key: Any) -> Pointer:
        return Pointer(self.memory, self.offsets[key])

    def load(self, mask: Any = None, other: Any = None) -> Tensor:
        offsets, mask = self._spread(mask)
        if mask is None:
            return self.memory[offsets]
        values = self.memory[torch.where(mask, offsets, 0)]
        if other is None:
            other = 0
        filling = other.to(values.dtype) if isinstance(other, Tensor) else torch.tensor(other, dtype=values.dtype)
        return torch.where(mask, values, filling)

    def store(self, value: Any, mask: Any = None) -> None:
        offsets, mask = self._spread(mask)
        value = torch.as_tensor(value).to(self.memory.dtype).broadcast_to(offsets.shape)
        if mask is None:
            self.memory[offsets] = value
        else:
            self.memory[offsets[mask]] = value[mask]

    def add(self, value: Any, mask: Any = None) -> Tensor:
        before = self.load(mask)
        offsets, mask = self._spread(mask)
        value = torch.as_tensor(value).to(self.memory.dtype).broadcast_to(offsets.shape)
        if mask is not None:
            offsets, value = offsets[mask], value[mask]
        self.memory.index_add_(0, offsets.reshape(-1), value.reshape(-1))
        return before

    def _spread(self, mask: Any) -> tuple[Tensor, Tensor | None]:
        offsets = self.offsets.to(torch.int64)
        if mask is None:
            return offsets, None
        spread = torch.broadcast_tensors(offsets, torch.as_tensor(mask))
        return spread[0], spread[1].to(torch.bool)


class Descriptor:
    """A tensor descriptor: blocks of a matrix, zero beyond its edges."""

    def __init__(
        self, base: Tensor, shape: Sequence[int], strides: Sequence[int], block_shape: Sequence[int], *more: Any
    ) -> None:
        self.base = torch.as_strided(base.detach(), tuple(shape), tuple(strides), base.storage_offset())
        self.shape, self.strides, self.block_shape = list(shape), list(strides), list(block_shape)
        self.dtype = base.dtype

    @classmethod
    def from_tensor(cls, tensor: Tensor, block_shape: Sequence[int], *more: Any) -> Descriptor:
        return cls(tensor, tensor.shape, tensor.stride(), block_shape)

    def _cut(self, starts: Sequence[Any]) -> tuple[slice, ...]:
        pairs = zip(map(int, starts), self.block_shape, self.shape, strict=True)
        return tuple(slice(start, max(start, min(start + size, whole))) for start, size, whole in pairs)

    def load(self, starts: Sequence[Any]) -> Tensor:
        inside = self.base[self._cut(starts)]
        block = inside.new_zeros(self.block_shape)
        block[tuple(slice(0, size) for size in inside.shape)] = inside
        return block

    def store(self, starts: Sequence[Any], value: Tensor) -> None:
        cut = self.base[self._cut(starts)]
        cut.copy_(value.reshape(self.block_shape)[tuple(slice(0, size) for size in cut.shape)])


class Kernel:
    """What `triton.jit` makes of a function: `kernel[grid](...)` runs it once per program."""

    def __init__(self, function: Callable[..., Any], chosen: dict[str, Any] | None = None) -> None:
        self.fn, self._chosen = function, dict(chosen or {})
        self._signature = inspect.signature(function)
        self._by_rows = _is_by_rows(function)
        functools.update_wrapper(self, function)

    def with_values(self, values: dict[str, Any]) -> Kernel:
        return Kernel(self.fn, {**self._chosen, **values})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.fn(*args, **kwargs)  # from within another kernel

    def __getitem__(self, grid: Any) -> Callable[..., None]:
        return functools.partial(self.launch, grid)

    def launch(self, grid: Any, *args: Any, **kwargs: Any) -> None:
        names = self._signature.parameters
        values = {n: v for n, v in {**self._chosen, **kwargs}.items() if n in names or n not in _LAUNCH_OPTIONS}
        values = {n: v for n, v in values.items() if n in names}
        bound = self._signature.bind(*args, **{n: v for n, v in values.items() if n not in list(names)[: len(args)]})
        bound.apply_defaults()
        if callable(grid):
            grid = grid(dict(bound.arguments))
        sizes = tuple(int(n) for n in (grid if isinstance(grid, (tuple, list)) else (grid,)))
        given = {n: Pointer.of(v) if isinstance(v, Tensor) else _plain(v) for n, v in bound.arguments.items()}
        _Program.of = (*sizes, 1, 1)[:3]
        with torch.no_grad():
            if self._by_rows and len(sizes) == 1:
                self._all_at_once(sizes[0], given)
                return
            for place in itertools.product(*(range(n) for n in reversed(_Program.of))):
                _Program.at = tuple(torch.tensor(n) for n in reversed(place))
                self.fn(**given)

    def _all_at_once(self, programs: int, given: dict[str, Any]) -> None:
        _Program.at, _Program.rows = (torch.arange(programs)[:, None], 0, 0), True
        try:
            self.fn(**given)
        finally:
            _Program.rows = False


_NOT_BY_ROWS = re.compile(
    r"\b(if|while)\b|None *[\],]|\b(dot|trans|reshape|permute|zeros|full|atomic_\w+|cumsum)\(|_scan|desc"
)


def _is_by_rows(function: Callable[..., Any]) -> bool:
    """Whether every program works on plain blocks of one dimension, so that all can run together."""
    try:
        return _NOT_BY_ROWS.search(inspect.getsource(function)) is None
    except (OSError, TypeError):
        return False


class Constexpr:
    """`tl.constexpr`: an annotation, or a value known when the kernel is compiled."""

    def __new__(cls, value: Any = None) -> Any:
        return value

    def __class_getitem__(cls, item: Any) -> Any:
        return cls


def _plain(value: Any) -> Any:
    return value


def jit(function: Any = None, **options: Any) -> Any:
    """`triton.jit`, with and without arguments."""
    return Kernel(function) if function is not None else jit


def autotune(configs: Sequence[Any], *args: Any, **options: Any) -> Callable[[Kernel], Kernel]:
    """`triton.autotune`: the first configuration."""
    return lambda kernel: kernel.with_values(configs[0].kwargs if configs else {})


def heuristics(values: dict[str, Callable[..., Any]]) -> Callable[[Kernel], Kernel]:
    return lambda kernel: kernel


class Config:
    def __init__(self, kwargs: dict[str, Any], **options: Any) -> None:
        self.kwargs = kwargs


def _tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else torch.tensor(value)


def _pointwise(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda *values, **options: function(*map(_tensor, values))


def _reduced(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(x: Tensor, axis: int | None = None, keep_dims: bool = False, **options: Any) -> Any:
        if _Program.rows:
            axis, keep_dims = -1, True
        if axis is None:
            return function(x)
        result = function(x, dim=axis, keepdim=keep_dims)
        return result if isinstance(result, Tensor) else result[0]

    return call


def dot(a: Tensor, b: Tensor, acc: Any = None, **options: Any) -> Tensor:
    out = a.float() @ b.float()
    return out if acc is None else acc + out


def where(condition: Any, a: Any, b: Any) -> Tensor:
    return torch.where(_tensor(condition).to(torch.bool), _tensor(a), _tensor(b))


def associative_scan(x: Any, axis: int, combine: Any, reverse: bool = False, **options: Any) -> Any:
    """Step by step along the axis; of a tensor or of a tuple of tensors."""
    parts = x if isinstance(x, tuple) else (x,)
    columns = [tuple(p.select(axis, i) for p in parts) for i in range(parts[0].shape[axis])]
    if reverse:
        columns.reverse()
    done = [columns[0]]
    for column in columns[1:]:
        result = combine(*done[-1], *column)
        done.append(result if isinstance(result, tuple) else (result,))
    if reverse:
        done.reverse()
    stacked = tuple(torch.stack([d[i] for d in done], axis) for i in range(len(parts)))
    return stacked if isinstance(x, tuple) else stacked[0]


def language() -> dict[str, Any]:
    """The contents of `triton.language`."""
    kinds = {name: getattr(torch, name) for name in ("float16", "float32", "float64", "int8", "int16", "int32", "int64",
                                                     "uint8", "bfloat16")}  # fmt: skip
    pointwise = {
        name: _pointwise(getattr(torch, name))
        for name in ("exp", "exp2", "log", "log2", "sqrt", "rsqrt", "abs", "sigmoid", "sin", "cos", "erf", "floor",
                     "ceil", "maximum", "minimum", "tanh")
    }  # fmt: skip
    math_ = types.SimpleNamespace(**pointwise, max=pointwise["maximum"], min=pointwise["minimum"], pow=torch.pow)
    reduced: dict[str, Callable[..., Any]] = {"sum": torch.sum, "max": torch.max, "min": torch.min}
    return {
        **kinds, **pointwise, **{name: _reduced(function) for name, function in reduced.items()},
        "int1": torch.bool, "constexpr": Constexpr, "tensor": Tensor, "dtype": torch.dtype, "math": math_,
        "argmax": lambda x, axis, **o: x.argmax(axis), "argmin": lambda x, axis, **o: x.argmin(axis),
        "softmax": lambda x, axis=0, **o: x.softmax(axis), "clamp": lambda x, low, high, **o: x.clamp(low, high),
        "program_id": lambda axis=0, **o: _Program.at[axis],
        "num_programs": lambda axis=0, **o: _Program.of[axis],
        "arange": lambda start, end: torch.arange(start, end),
        "zeros": lambda shape, dtype=torch.float32: torch.zeros(tuple(shape), dtype=dtype),
        "zeros_like": torch.zeros_like,
        "full": lambda shape, value, dtype=torch.float32: torch.full(tuple(shape), value, dtype=dtype),
        "load": lambda pointer, mask=None, other=None, **o: pointer.load(mask, other),
        "store": lambda pointer, value, mask=None, **o: pointer.store(value, mask),
        "atomic_add": lambda pointer, value, mask=None, **o: pointer.add(value, mask),
        "dot": dot, "where": where, "associative_scan": associative_scan,
        "cumsum": lambda x, axis=0, **o: x.cumsum(axis), "cumprod": lambda x, axis=0, **o: x.cumprod(axis),
        "cdiv": lambda a, b: -(-a // b), "range": lambda *a, **o: range(*map(int, a)),
        "static_range": lambda *a, **o: range(*map(int, a)), "static_assert": _nothing, "static_print": _nothing,
        "device_print": _nothing, "device_assert": _nothing, "debug_barrier": _nothing, "assume": _nothing,
        "multiple_of": lambda x, *a: x, "max_contiguous": lambda x, *a: x, "max_constancy": lambda x, *a: x,
        "broadcast_to": lambda x, shape: x.broadcast_to(shape), "expand_dims": lambda x, axis: x.unsqueeze(axis),
        "reshape": lambda x, *shape, **o: x.reshape(*shape), "view": lambda x, *shape: x.reshape(*shape),
        "trans": lambda x, *order: x.permute(*order) if order else x.transpose(-1, -2),
        "permute": lambda x, *order: x.permute(*order), "ravel": lambda x: x.reshape(-1),
        "join": lambda a, b: torch.stack((a, b), -1), "split": lambda x: (x[..., 0], x[..., 1]),
        "cast": lambda x, kind, **o: x.to(kind), "fma": lambda a, b, c: a * b + c,
        "make_tensor_descriptor": lambda p, *shapes, **named: Descriptor(p.memory, *shapes, **named),
        "extra": types.SimpleNamespace(cuda=types.SimpleNamespace(libdevice=math_), libdevice=math_),
    }  # fmt: skip


def _nothing(*args: Any, **options: Any) -> None:
    pass


def install() -> None:
    """Puts `triton` and its modules where imports find them."""
    from auditor.probe.stage.absent import module

    tensor: Any = Tensor
    tensor.is_cuda = property(lambda self: True)  # kernels insist on it
    module(
        "triton", jit=jit, autotune=autotune, heuristics=heuristics, Config=Config, __version__="3.3.0",
        cdiv=lambda a, b: -(-a // b), set_allocator=_nothing, JITFunction=Kernel,
        next_power_of_2=lambda n: 1 << max(0, math.ceil(math.log2(max(1, n)))),
    )  # fmt: skip
    module("triton.language", **language())
    module("triton.language.extra", cuda=types.SimpleNamespace(libdevice=None))
    module("triton.language.math", **vars(language()["math"]))
    module("triton.tools")
    module("triton.tools.tensor_descriptor", TensorDescriptor=Descriptor)
    module("triton.runtime", driver=types.SimpleNamespace(), JITFunction=Kernel)
    module("triton.testing", do_bench=lambda function, **o: function() and 0.0)
