"""Tensors that are asked for on a CUDA device are made on the CPU, and bfloat16 is float32.

Devices of the type "cuda" stay what they are: scripts compare and print them. Only the functions that make or move
tensors know better. On a CPU bfloat16 is slower than float32, and its rounding hides small effects.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

_FACTORIES = (
    "arange", "as_tensor", "asarray", "bartlett_window", "blackman_window", "empty", "empty_like", "empty_strided",
    "eye", "from_file", "full", "full_like", "hamming_window", "hann_window", "linspace", "logspace", "normal", "ones",
    "ones_like", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm", "range",
    "scalar_tensor", "sparse_coo_tensor", "tensor", "tril_indices", "triu_indices", "zeros", "zeros_like",
)  # fmt: skip
_MOVES = ("to", "new_empty", "new_full", "new_ones", "new_tensor", "new_zeros")
_CPU = torch.device("cpu")


def on_cpu(value: Any) -> Any:
    """The CPU for whatever names a CUDA device; every other value as it is."""
    if isinstance(value, torch.device):
        return _CPU if value.type == "cuda" else value
    if isinstance(value, str) and value.startswith("cuda"):
        return _CPU
    return value


def redirected(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` with CUDA devices replaced among its arguments, and without page-locked memory."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if "device" in kwargs:
            device = kwargs["device"]
            kwargs["device"] = _CPU if isinstance(device, int) else on_cpu(device)
        if kwargs.get("pin_memory"):
            del kwargs["pin_memory"]
        for value in args:
            if isinstance(value, (torch.device, str)):
                args = tuple(on_cpu(a) for a in args)
                break
        return function(*args, **kwargs)

    return call


def install() -> None:
    """Redirects factories and moves, and puts float32 in bfloat16's place."""
    _factories()
    _moves()
    _bfloat16()
    _loading()


def _factories() -> None:
    for name in _FACTORIES:
        function = getattr(torch, name, None)
        if function is not None:
            setattr(torch, name, redirected(function))

    class Generator(torch.Generator):
        """A generator on the CPU, whatever device it is asked for on."""

        def __new__(cls, device: Any = None) -> Any:
            make: Any = torch._C.Generator.__new__
            return make(cls, "cpu")

        def __init__(self, device: Any = None) -> None:
            pass

    module: Any = torch
    module.Generator = Generator
    module.set_default_device = lambda device: None


def _moves() -> None:
    tensor: Any = torch.Tensor
    for name in _MOVES:
        setattr(tensor, name, _move(getattr(tensor, name)))

    def same(self: Any, *args: Any, **kwargs: Any) -> Any:
        return self

    tensor.cuda = same
    tensor.pin_memory = same
    tensor.is_pinned = lambda self, *args: True
    tensor.record_stream = lambda self, stream: None
    storage: Any = torch.UntypedStorage
    storage.pin_memory = same


def _move(function: Callable[..., Any]) -> Callable[..., Any]:
    """Like `redirected`; `tensor.to(0)` names the first device too."""
    inner = redirected(function)
    is_to = function.__name__ == "to"

    @functools.wraps(function)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if is_to and args and type(args[0]) is int:
            args = (_CPU, *args[1:])
        return inner(self, *args, **kwargs)

    return call


def _bfloat16() -> None:
    module: Any = torch
    module.storage._storage_type_to_dtype_map()  # made once, while the two kinds are still two
    module.bfloat16 = torch.float32
    tensor: Any = torch.Tensor
    tensor.bfloat16 = tensor.float
    layer: Any = torch.nn.Module
    layer.bfloat16 = layer.float
    module.BFloat16Tensor = module.FloatTensor
    layer.cuda = lambda self, device=None: self


def _loading() -> None:
    load = torch.load

    @functools.wraps(load)
    def call(f: Any, map_location: Any = None, **kwargs: Any) -> Any:
        # Scripts load what they have just written themselves; some hold more than tensors.
        kwargs.setdefault("weights_only", False)
        return load(f, map_location="cpu", **kwargs)

    module: Any = torch
    module.load = call
