"""torch.compile and its kin as identity: the program is what it is without them. Fused optimizers are plain ones."""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable
from typing import Any

import torch
from torch import nn


class Settings:
    """`torch._dynamo.config`, `torch._inductor.config`: takes whatever is set, and answers with it."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = Settings()
        self.__dict__[name] = value
        return value

    def __bool__(self) -> bool:
        return False

    def __int__(self) -> int:
        return 0

    __index__ = __int__

    def __lt__(self, other: Any) -> bool:
        return int(self) < other

    def __gt__(self, other: Any) -> bool:
        return int(self) > other

    def __le__(self, other: Any) -> bool:
        return int(self) <= other

    def __ge__(self, other: Any) -> bool:
        return int(self) >= other

    def patch(self, *args: Any, **options: Any) -> Any:
        from auditor.probe.stage.cuda import _Context

        return _Context()


class Compiled(nn.Module):
    """What torch.compile makes of a module: another one that holds it as `_orig_mod` and answers as it does."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self._modules["_orig_mod"] = module
        self.training = module.training

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        module: Any = self._modules["_orig_mod"]
        return module(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        modules = self.__dict__["_modules"]
        return modules["_orig_mod"] if name == "_orig_mod" else getattr(modules["_orig_mod"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "training" or "_orig_mod" not in self.__dict__.get("_modules", ()):
            super().__setattr__(name, value)
        else:
            setattr(self._modules["_orig_mod"], name, value)


def same(target: Any = None, *args: Any, **options: Any) -> Any:
    """torch.compile(f), torch.compile(f, ...), @torch.compile, @torch.compile(...): f."""
    if target is None:
        return same
    return Compiled(target) if isinstance(target, nn.Module) else target


def _as_they_are(*names: str) -> dict[str, Callable[..., Any]]:
    return dict.fromkeys(names, same)


def _nothing(*args: Any, **options: Any) -> None:
    return None


def install() -> None:
    """Replaces compilers, tracers and their settings."""
    module: Any = torch
    module.compile = same
    module.jit.script = module.jit.script_if_tracing = module.jit.export = module.jit.ignore = same
    module.jit.trace = lambda function, *args, **options: function
    layer: Any = nn.Module
    layer.compile = _nothing
    compiler: Any = torch.compiler
    for name in ("disable", "allow_in_graph", "set_stance", "wrap_numpy", "nested_compile_region"):
        setattr(compiler, name, same)
    for name in ("reset", "cudagraph_mark_step_begin"):
        setattr(compiler, name, _nothing)
    compiler.is_compiling = compiler.is_dynamo_compiling = lambda: False
    dynamo: Any = sys.modules["torch._dynamo"]
    dynamo.config = Settings()
    for name in ("disable", "allow_in_graph", "disallow_in_graph", "run", "forbid_in_graph"):
        setattr(dynamo, name, same)
    for name in ("reset", "mark_dynamic", "mark_static", "mark_static_address", "maybe_mark_dynamic", "graph_break"):
        setattr(dynamo, name, _nothing)
    dynamo.is_compiling = lambda: False
    dynamo.optimize = lambda *args, **options: same
    _inductor()
    _optimizers()
    _scans()


def _inductor() -> None:
    inductor = types.ModuleType("torch._inductor")
    settings: Any = Settings()
    vars(inductor).update(config=settings, __path__=[])
    sys.modules["torch._inductor"] = inductor
    sys.modules["torch._inductor.config"] = settings
    sys.modules["torch._dynamo.config"] = sys.modules["torch._dynamo"].config
    module: Any = torch
    module._inductor = inductor


def _scans() -> None:
    """Scans in the way that works on any device."""
    import importlib

    place: Any = importlib.import_module("torch._higher_order_ops.associative_scan")
    scan = place.associative_scan

    @functools.wraps(scan)
    def call(combine: Any, xs: Any, dim: int, *args: Any, **options: Any) -> Any:
        return scan(combine, xs, dim, reverse=options.get("reverse", False), combine_mode="generic")

    place.associative_scan = call


def _optimizers() -> None:
    """The same steps without the kernels of an accelerator."""
    for name in ("Adam", "AdamW", "SGD", "NAdam", "RAdam", "Adagrad", "RMSprop", "Adamax", "Adadelta"):
        kind: Any = getattr(torch.optim, name)
        kind.__init__ = _plain(kind.__init__)


def _plain(initialize: Callable[..., Any]) -> Callable[..., Any]:
    taken = inspect.signature(initialize).parameters

    @functools.wraps(initialize)
    def call(self: Any, *args: Any, **options: Any) -> None:
        for name in ("fused", "capturable"):
            if name in taken:
                options.pop(name, None)
        initialize(self, *args, **options)

    return call
