"""`torch._dynamo` without what it imports: half of what importing torch for a run costs, and nothing here compiles.

Put where imports find it before the first one asks. Every name that it does not have is a decorator that does nothing.
"""

from __future__ import annotations

import collections
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from pathlib import Path
from typing import Any

_NAME = "torch._dynamo"
_GENUINE = frozenset({f"{_NAME}._trace_wrapped_higher_order_op"})
"""Parts that libraries compute with: masks of flex_attention are made by it."""


class Nowhere:
    """A context manager and decorator that does nothing."""

    def __init__(self, *args: Any, **options: Any) -> None:
        pass

    def __enter__(self) -> Nowhere:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __call__(self, function: Any = None, *args: Any, **options: Any) -> Any:
        return function


def same(target: Any = None, *args: Any, **options: Any) -> Any:
    """f(g), f(g, ...), @f, @f(...): g."""
    return same if target is None else target


class _Module(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return same


class _Finder(MetaPathFinder, Loader):
    """Answers for the parts of it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not fullname.startswith(_NAME + "."):
            return None
        if fullname in _GENUINE:
            import torch

            file = Path(torch.__file__).parent / "_dynamo" / f"{fullname.rpartition('.')[2]}.py"
            return importlib.util.spec_from_file_location(fullname, file)
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return _made(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        vars(module).update(_CONTENTS.get(module.__name__, {}))


def _false(*args: Any, **options: Any) -> bool:
    return False


def _true(*args: Any, **options: Any) -> bool:
    return True


def _nothing(*args: Any, **options: Any) -> None:
    return None


class _Errors(types.ModuleType):
    """`torch._dynamo.exc`: kinds of exceptions that are never raised."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (RuntimeError,), {})


_CONTENTS: dict[str, dict[str, Any]] = {
    _NAME: {
        "is_compiling": _false, "is_dynamo_supported": _true, "is_inductor_supported": _true, "reset": _nothing,
        "list_backends": lambda *args, **options: [], "error_on_graph_break": Nowhere,
    },
    f"{_NAME}.utils": {
        "disable_cache_limit": Nowhere, "is_compile_supported": _true,
        "counters": collections.defaultdict(collections.Counter),
    },
    f"{_NAME}.eval_frame": {
        "is_dynamo_supported": _true, "is_inductor_supported": _true, "_is_in_optimized_module": _false,
    },
    f"{_NAME}.external_utils": {"is_compiling": _false},
    f"{_NAME}.compiled_autograd": {
        "_disable": Nowhere, "_enable": Nowhere, "compiled_autograd_enabled": False,
        "in_compiled_autograd_region": False,
    },
    f"{_NAME}.exc": {},
}  # fmt: skip


def _made(name: str) -> types.ModuleType:
    module = _Errors(name) if name == f"{_NAME}.exc" else _Module(name)
    module.__path__ = []
    return module


def install() -> None:
    """Does nothing where the real one has been imported."""
    if _NAME in sys.modules:
        return
    import torch

    sys.meta_path.insert(0, _Finder())
    module = _made(_NAME)
    module.__spec__ = importlib.machinery.ModuleSpec(_NAME, None, is_package=True)
    vars(module).update(_CONTENTS[_NAME])
    sys.modules[_NAME] = module
    package: Any = torch
    package._dynamo = module
    for name in _CONTENTS.keys() - {_NAME}:
        setattr(module, name.rpartition(".")[2], importlib.import_module(name))
