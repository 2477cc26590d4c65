"""Autocast and gradient scaling. Everything is float32 here; what is left of float16 is cast where kinds meet.

Outside autocast a script that multiplies a float16 by a float32 matrix fails, and so it does here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

_LEAST_HALF = torch.tensor(2.0**-24, dtype=torch.float16)  # the smallest number above 0 that there is


class _State:
    depth = 0


class Autocast:
    """In place of torch.autocast: a context manager, and a decorator."""

    def __init__(self, *args: Any, enabled: bool = True, **options: Any) -> None:
        self._enabled = bool(enabled)

    def __enter__(self) -> Autocast:
        _State.depth += self._enabled
        return self

    def __exit__(self, *error: object) -> None:
        _State.depth -= self._enabled

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return call


class GradScaler:
    """A scaler that scales by one."""

    def __init__(self, *args: Any, **options: Any) -> None:
        pass

    def scale(self, loss: Any) -> Any:
        return loss

    def step(self, optimizer: Any, *args: Any, **options: Any) -> Any:
        return optimizer.step(*args, **options)

    def _nothing(self, *args: Any, **options: Any) -> None:
        pass

    update = unscale_ = load_state_dict = _nothing

    def get_scale(self) -> float:
        return 1.0

    def is_enabled(self) -> bool:
        return False

    def state_dict(self) -> dict[str, Any]:
        return {}


def _cast(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`; under autocast floating arguments of different kinds become float32."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if _State.depth:
            kinds = {a.dtype for a in args if isinstance(a, torch.Tensor) and a.is_floating_point()}
            if len(kinds) > 1 or torch.float16 in kinds:
                args = tuple(a.float() if isinstance(a, torch.Tensor) and a.is_floating_point() else a for a in args)
        return function(*args, **kwargs)

    return call


def _halved(half: Callable[..., Any]) -> Callable[..., Any]:
    """`tensor.half()` that makes nothing of no number but 0.

    `scale.clamp(min=1e-8).half().float()` is 0 where float16 has no such number, and weights that are divided by it are
    none; a compiler that fuses the two casts leaves it as it was, and scripts count on that.
    """

    @functools.wraps(half)
    def call(self: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        out = half(self, *args, **kwargs)
        lost = (out.detach() == 0) & (self.detach() != 0)
        least = torch.where(self.detach() < 0, -_LEAST_HALF, _LEAST_HALF)
        return torch.where(lost, least, out) if lost.any() else out

    return call


def _grouped(attend: Callable[..., Any]) -> Callable[..., Any]:
    """Attention that takes fewer heads of keys or of values, told so or not, as kernels of a GPU do."""

    @functools.wraps(attend)
    def call(query: Any, key: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
        heads = query.size(-3) if query.dim() >= 4 else 0
        if heads and not kwargs.get("enable_gqa"):
            key, value = (x.repeat_interleave(heads // x.size(-3), -3) if 0 < x.size(-3) < heads else x
                          for x in (key, value))  # fmt: skip
        return attend(query, key, value, *args, **kwargs)

    return call


class InferenceMode(torch.no_grad):
    """In place of torch.inference_mode: its tensors may be used in training later.

    On a GPU caches that are filled in inference mode reach training as copies in bfloat16, which here are no copies.
    """

    def __init__(self, mode: bool = True) -> None:
        super().__init__()
        self._mode = mode

    def __new__(cls, mode: Any = True) -> Any:
        return cls()(mode) if callable(mode) else super().__new__(cls)

    def __enter__(self) -> None:
        self.prev = torch.is_grad_enabled()
        if self._mode:
            torch.set_grad_enabled(False)

    def clone(self) -> InferenceMode:
        return InferenceMode(self._mode)


def install() -> None:
    """Replaces autocast and scalers, and wraps what autocast would cast for."""
    module: Any = torch
    amp: Any = torch.amp
    cuda: Any = torch.cuda.amp
    module.autocast = amp.autocast = amp.autocast_mode.autocast = Autocast
    cuda.autocast = cuda.autocast_mode.autocast = Autocast
    amp.GradScaler = amp.grad_scaler.GradScaler = cuda.GradScaler = cuda.grad_scaler.GradScaler = GradScaler
    module.is_autocast_enabled = lambda *args: _State.depth > 0
    module.get_autocast_dtype = lambda *args: torch.float32
    module.get_autocast_gpu_dtype = module.get_autocast_dtype
    module.is_autocast_cache_enabled = lambda: False
    module.clear_autocast_cache = lambda: None
    module.inference_mode = InferenceMode
    functional: Any = F
    for name in ("linear", "conv1d", "bilinear"):
        setattr(functional, name, _cast(getattr(functional, name)))
    functional.scaled_dot_product_attention = _grouped(_cast(functional.scaled_dot_product_attention))
    for name in ("matmul", "mm", "bmm", "addmm", "baddbmm", "einsum"):
        setattr(module, name, _cast(getattr(module, name)))
    tensor: Any = torch.Tensor
    tensor.half = _halved(tensor.half)
    for name in ("matmul", "mm", "bmm", "__matmul__", "__rmatmul__"):
        setattr(tensor, name, _cast(getattr(tensor, name)))
