"""Other programs that scripts call: answered from here, since none can be started in the sandbox."""

from __future__ import annotations

import os
import shutil
import subprocess
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from auditor.probe.job import LIBRARIES, Wanted

_NVIDIA_SMI = """\
Wed Jan  1 00:00:00 2025
+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI 570.00                 Driver Version: 570.00         CUDA Version: 12.8     |
|   0  NVIDIA H100 80GB HBM3          On  |   00000000:00:00.0 Off |                    0 |
+-----------------------------------------------------------------------------------------+
"""
_COMPILERS = frozenset({"cc", "gcc", "g++", "c++", "clang", "clang++"})
_COMMIT = "0" * 40


def answer(command: Any, options: Mapping[str, Any]) -> tuple[int, str]:
    """Exit status and output. Raises FileNotFoundError for a program that the stage does not have."""
    words = command.split() if isinstance(command, str) else [os.fspath(word) for word in command]
    words = [w.decode() if isinstance(w, bytes) else str(w) for w in words]
    name = os.path.basename(words[0]) if words else ""
    if name == "nvidia-smi":
        return 0, "NVIDIA H100 80GB HBM3\n" if any("query" in w for w in words) else _NVIDIA_SMI
    if name == "git":
        return 0, f"{_COMMIT}\n" if "rev-parse" in words else ""
    if name == "pyminify":
        return 0, _source(words, options)
    if name in _COMPILERS:
        return _compiled(words, options)
    if name == "lrzip":
        _repack(words)
        return 0, ""
    if "pip" in words or name in ("pip", "pip3", "uv"):
        return 0, ""
    raise FileNotFoundError(2, "No such file or directory", name)


def _source(words: list[str], options: Mapping[str, Any]) -> str:
    """What a minifier is given, as it is."""
    given = options.get("input") or b""
    files = [word for word in words[1:] if os.path.isfile(word)]
    if files:
        with open(files[0], encoding="utf-8") as file:
            return file.read()
    return given if isinstance(given, str) else given.decode("utf-8", "replace")


class _Compile:
    """Who is told what was to be compiled."""

    ask: Callable[[Wanted], None] | None = None
    home = "."


def _compiled(words: list[str], options: Mapping[str, Any]) -> tuple[int, str]:
    """The shared library that was made of this source before the run; the source is asked for where there is none."""
    flags = tuple(word for word in words[1:] if word.startswith("-") and len(word) > 2)
    out = words[words.index("-o") + 1] if "-o" in words[:-1] else ""
    files = [word for word in words[1:] if word.endswith((".c", ".cc", ".cpp", ".cxx")) and os.path.isfile(word)]
    source = _source([words[0], *files], options)
    is_cpp = words[0].endswith("++") or bool(files and not files[0].endswith(".c"))
    wanted = Wanted("c++" if is_cpp else "c", source, flags)
    made = os.path.join(_Compile.home, LIBRARIES, f"{wanted.key}.so")
    if out and os.path.exists(made):
        shutil.copyfile(made, out)
        return 0, ""
    if source and "-shared" in flags and _Compile.ask is not None:
        _Compile.ask(wanted)
    raise FileNotFoundError(2, "No such file or directory", words[0])


def _repack(words: list[str]) -> None:
    """lrzip -o OUT IN, with -d back again: zlib does as well, the size apart."""
    out = words[words.index("-o") + 1]
    with open(words[-1], "rb") as file:
        data = file.read()
    with open(out, "wb") as file:
        file.write(zlib.decompress(data) if "-d" in words else zlib.compress(data, 6))


def _bytes_or_text(output: str, options: dict[str, Any]) -> Any:
    text = options.get("text") or options.get("universal_newlines") or options.get("encoding")
    return output if text else output.encode()


def run(args: Any, *more: Any, **options: Any) -> subprocess.CompletedProcess[Any]:
    """In place of subprocess.run."""
    try:
        status, output = answer(args, options)
    except FileNotFoundError:
        if not options.get("shell"):
            raise
        status, output = 127, ""
    if status and options.get("check"):
        raise subprocess.CalledProcessError(status, args)
    return subprocess.CompletedProcess(args, status, _bytes_or_text(output, options), _bytes_or_text("", options))


class Process:
    """In place of subprocess.Popen: a program that has ended already."""

    def __init__(self, args: Any, *more: Any, **options: Any) -> None:
        self.args, self._options, self.pid = args, options, 0
        self.returncode, output = answer(args, options)
        self._output = _bytes_or_text(output, options)

    def __class_getitem__(cls, item: Any) -> Any:
        return cls

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def communicate(self, *args: Any, **options: Any) -> tuple[Any, Any]:
        return self._output, self._output[:0]

    def wait(self, timeout: float | None = None) -> int:
        return self.returncode

    def poll(self) -> int:
        return self.returncode

    def kill(self) -> None:
        pass

    terminate = kill


def _leave(status: int = 0) -> None:
    raise SystemExit(status)


def _refuse() -> int:
    raise PermissionError(1, "Operation not permitted")


def install(ask: Callable[[Wanted], None]) -> None:
    """Replaces what `subprocess` and `os` start programs with. `ask` is told of libraries to compile."""
    _Compile.ask, _Compile.home = ask, os.getcwd()
    module: Any = subprocess
    module.run = run
    module.Popen = Process
    module.call = lambda args, *more, **options: run(args, **options).returncode
    module.check_call = lambda args, *more, **options: run(args, check=True, **options).returncode
    module.check_output = lambda args, *more, **options: run(args, check=True, **options).stdout
    module.getoutput = lambda command, **options: run(command, shell=True, text=True).stdout
    module.getstatusoutput = lambda command, **options: (0, run(command, shell=True, text=True).stdout)
    system: Any = os
    system._exit = _leave
    system.fork = system.forkpty = _refuse
    system.system = lambda command: run(command, shell=True).returncode
