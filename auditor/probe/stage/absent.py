"""Modules that are not installed: stand-ins where one is simple, ImportError for the rest, a note of them all."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Callable, Iterable, Sequence
from importlib.abc import MetaPathFinder
from typing import Any

from auditor.probe.stage import attention, einsums, numba, recurrent

_FLASH = {
    name: getattr(attention, name)
    for name in ("flash_attn_func", "flash_attn_varlen_func", "flash_attn_qkvpacked_func", "flash_attn_kvpacked_func")
}


class Nothing:
    """Answers every call and attribute with itself."""

    def __getattr__(self, name: str) -> Nothing:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args: Any, **options: Any) -> Nothing:
        return self

    def __enter__(self) -> Nothing:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def __iter__(self) -> Any:
        return iter(())


def module(name: str, **contents: Any) -> types.ModuleType:
    """Puts a module with these contents where imports find it."""
    made = types.ModuleType(name)
    made.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
    made.__path__ = []
    vars(made).update(contents)
    sys.modules[name] = made
    parent, _, last = name.rpartition(".")
    if parent in sys.modules:
        setattr(sys.modules[parent], last, made)
    return made


class _Bar:
    """tqdm: the iterable itself, silent."""

    def __init__(self, iterable: Iterable[Any] = (), *args: Any, **options: Any) -> None:
        self._iterable = iterable

    def __iter__(self) -> Any:
        return iter(self._iterable)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def update(self, *args: Any, **options: Any) -> None:
        pass

    close = set_description = set_postfix = set_postfix_str = refresh = update

    @staticmethod
    def write(text: str, *args: Any, **options: Any) -> None:
        print(text)


def _offline(*args: Any, **options: Any) -> Any:
    raise OSError("huggingface_hub is offline here")


def _kernel(name: str, *args: Any, **options: Any) -> Any:
    if "flash" in name.lower():
        return types.SimpleNamespace(**_FLASH, flash_attn_interface=types.SimpleNamespace(**_FLASH))
    raise ImportError(f"the kernel {name} is not here")


def _no_compiler(*args: Any, **options: Any) -> Any:
    raise RuntimeError("no CUDA or C++ compiler here")


def _as_it_is(source: str, *args: Any, **options: Any) -> str:
    """How far a source is minified decides a size alone."""
    return source


class _Notes(MetaPathFinder):
    """The last finder: whatever comes this far is not installed."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        self._note(fullname)
        return None


def install(note: Callable[[str], None]) -> None:
    """Adds stand-ins; `note` is told the name of every module that was asked for and is not here."""
    for name in ("flash_attn_interface", "flash_attn", "flash_attn.flash_attn_interface", "flash_attn_3"):
        module(name, __version__="2.8.3", **_FLASH)
    module("flash_attn_3.flash_attn_interface", **_FLASH)
    module("kernels", get_kernel=_kernel)
    bar: Any = _Bar
    for name in ("tqdm", "tqdm.auto", "tqdm.std"):
        module(name, tqdm=bar, trange=lambda *args, **options: _Bar(range(*args)))
    module("wandb", **dict.fromkeys(("init", "log", "finish", "config", "run", "Settings", "watch"), Nothing()))
    module(
        "huggingface_hub",
        **dict.fromkeys(("hf_hub_download", "snapshot_download", "login", "HfApi", "list_repo_files"), _offline),
    )
    module("torch.utils.cpp_extension", load=_no_compiler, load_inline=_no_compiler, CUDA_HOME=None,
           CUDAExtension=_no_compiler, CppExtension=_no_compiler, BuildExtension=Nothing(),
           include_paths=lambda *args: [])  # fmt: skip
    if importlib.util.find_spec("einops") is None:
        module("einops", **einsums.contents())
    if importlib.util.find_spec("python_minifier") is None:
        module("python_minifier", minify=_as_it_is)
    numba.install(module)
    recurrent.install(module)
    sys.meta_path.append(_Notes(note))
