"""C helpers of a submission, compiled beside the sandbox: what the compiler may see, and what it answers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from auditor.probe.job import Wanted
from auditor.probe.native import _taken, build
from auditor.probe.sandbox import bubblewrap

COMPILES = pytest.mark.skipif(
    shutil.which("gcc") is None or not bubblewrap.find()[0], reason="needs gcc and bubblewrap"
)


@COMPILES
def test_a_helper_becomes_a_shared_library() -> None:
    wanted = Wanted("c", "int twice(int x) { return 2 * x; }\n", ("-O3", "-std=c11"))
    built = build(wanted)
    assert built is not None
    assert built.key == wanted.key
    assert built.library.startswith(b"\x7fELF")
    assert build(Wanted("c", "this is no C\n")) is None


@COMPILES
def test_the_compiler_sees_no_file_of_the_user(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text('"the secret of the user"')
    assert build(Wanted("c", f'const char *it =\n#include "{secret}"\n;\n')) is None
    assert build(Wanted("c", '__asm__(".incbin \\"/etc/passwd\\"");\n')) is None


def test_options_that_reach_the_compiler() -> None:
    asked = ("-std=c++17", "-fopenmp", "-O3", "-I/root", "-std=c11;x", "-std=$(x)", "-fplugin=./a.so", "@file")
    assert _taken(Wanted("c", "", asked)) == ["-std=c++17", "-fopenmp"]
