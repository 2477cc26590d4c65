"""The single file: joining modules changes no meaning, and the file is the package's own code."""

from __future__ import annotations

import ast
import builtins
import dis
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

pytest.importorskip("libcst", reason="the builder needs libcst (the reproduce extra)")

from reference_model.build import ENTRY, MOST_BYTES, BuildError, packed, single_file

PACKAGE = Path(__file__).parents[2] / "reference_model"

MAIN = "\n\nif __name__ == '__main__':\n    print(main())\n"


def _joined(folder: Path, modules: dict[str, str], **options: bool) -> str:
    for name, text in modules.items():
        (folder / f"{name}.py").write_text("from __future__ import annotations\n" + text, "utf-8")
    return single_file(folder=folder, **options)


def _run(text: str, folder: Path) -> str:
    script = folder / "one.txt"
    script.write_text(text, "utf-8")
    done = subprocess.run([sys.executable, "-I", str(script)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr + text
    return done.stdout.strip()


def _package(modules: dict[str, str], folder: Path) -> str:
    """What the modules print as a package."""
    package = folder / "as_package" / "reference_model"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    for name, text in modules.items():
        (package / f"{name}.py").write_text("from __future__ import annotations\n" + text, "utf-8")
    command = [sys.executable, "-m", "reference_model.train"]
    done = subprocess.run(command, cwd=package.parent, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


JOINED = {
    "two modules have a private name": {
        "a": "_LIMIT = 3\n\ndef low() -> int:\n    return _LIMIT\n",
        "b": "_LIMIT = 5\n\ndef high() -> int:\n    return _LIMIT\n",
        "train": "from reference_model.a import low\nfrom reference_model.b import high\n\n"
        "def main() -> object:\n    return low(), high()\n",
    },
    "a definition has a builtin's name": {
        "a": "def sum(x: list[int]) -> int:\n    return 7\n",
        "train": "from reference_model.a import sum as total\n\n"
        "def main() -> object:\n    return sum([1, 2]), total([1, 2])\n",
    },
    "a definition has an import's name": {
        "a": "def log(x: float) -> float:\n    return -x\n",
        "train": "from math import log\nfrom reference_model import a\n\n"
        "def main() -> object:\n    return log(1.0), a.log(1.0)\n",
    },
    "a local name hides what a module's attribute becomes": {
        "lines": "def step(number: int) -> str:\n    return f'step {number}'\n",
        "train": "from reference_model import lines\n\n"
        "def main() -> object:\n    return [lines.step(step) for step in range(2)]\n",
    },
    "a parameter hides what an alias becomes": {
        "a": "def scale() -> int:\n    return 2\n",
        "train": "from reference_model.a import scale as factor\n\n"
        "def times(scale: int) -> int:\n    return scale * factor()\n\n"
        "def main() -> object:\n    return times(21)\n",
    },
    "an import inside a function": {
        "a": "def late() -> int:\n    return 4\n",
        "train": "def main() -> object:\n    from reference_model.a import late\n\n    return late()\n",
    },
    "relative imports": {
        "a": "N = 4\n",
        "b": "from .a import N\n\ndef twice() -> int:\n    return 2 * N\n",
        "train": "from . import b\n\ndef main() -> object:\n    return b.twice()\n",
    },
    "modules know each other's types": {
        "a": "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from reference_model.b import B\n\n"
        "class A:\n    def other(self, b: B) -> int:\n        return b.n\n",
        "b": "from reference_model.a import A\n\nclass B(A):\n    n = 6\n",
        "train": "from reference_model.b import B\n\ndef main() -> object:\n    return B().other(B())\n",
    },
    "keyword arguments and attributes keep their names": {
        "a": "from dataclasses import dataclass\n\n_size = 9\n\n@dataclass(frozen=True)\nclass C:\n"
        "    size: int = 1\n    step: int = 2\n\ndef step(size: int) -> int:\n    return size + _size\n",
        "b": "_size = 1\nstep = 100\n",
        "train": "from reference_model import a, b\n\ndef main() -> object:\n"
        "    return a.C(size=3, step=b.step).step, a.step(size=3), b._size\n",
    },
    "a body that was only a docstring": {
        "a": 'class Wrong(Exception):\n    """Doc."""\n\n\ndef nothing() -> None:\n    """Doc."""\n    # why\n',
        "train": "from reference_model.a import Wrong, nothing\n\n"
        "def main() -> object:\n    return Wrong.__name__, nothing()\n",
    },
    "methods and functions that are not needed": {
        "a": "class Plain:\n    def used(self) -> int:\n        return 1\n\n"
        "    def unused(self) -> int:\n        return spare()\n\n"
        "    @property\n    def by_string(self) -> int:\n        return 2\n\n"
        "    def __len__(self) -> int:\n        return 3\n\n"
        "def spare() -> int:\n    return 5\n",
        "b": "class Base:\n    def call(self) -> int:\n        return self.hook()\n\n"
        "    def hook(self) -> int:\n        return 0\n\n"
        "class Derived(Base):\n    def hook(self) -> int:\n        return 4\n",
        "train": "from reference_model import a, b\n\n"
        "def main(spare: int = 6) -> object:\n    plain = a.Plain()\n    assert isinstance(plain, a.Plain)\n"
        "    return plain.used(), getattr(plain, 'by_string'), len(plain), b.Derived().call(), spare\n",
    },
    "comments and strings that look like them": {
        "train": "# gone\nTEXT = 'a # stays'  # gone\n\ndef main() -> object:\n    'gone'\n    # gone\n"
        "    return (\n        # gone\n        TEXT\n    )\n",
    },
}


@pytest.mark.parametrize("modules", JOINED.values(), ids=JOINED)
def test_joining_changes_no_meaning(modules: dict[str, str], tmp_path: Path) -> None:
    modules = {**modules, "train": modules["train"] + MAIN}
    text = _joined(tmp_path, modules)
    assert "gone" not in text
    assert "reference_model" not in text
    assert _run(text, tmp_path) == _package(modules, tmp_path)


def test_what_is_not_needed_is_left_out(tmp_path: Path) -> None:
    modules = JOINED["methods and functions that are not needed"]
    text = _joined(tmp_path, {**modules, "train": modules["train"] + MAIN})
    assert "def used" in text
    assert "def unused" not in text
    assert "def spare" not in text
    assert "assert" not in text


def test_an_assertion_with_a_message_is_a_check(tmp_path: Path) -> None:
    text = _joined(tmp_path, {"train": "def main() -> object:\n    assert 1 + 1 == 2, 'sums'\n    return 1" + MAIN})
    assert "assert 1 + 1 == 2, 'sums'" in text


def test_the_packed_form_runs_as_the_same_file(tmp_path: Path) -> None:
    modules = {"train": "from pathlib import Path\n\ndef main() -> object:\n    return Path(__file__).stem" + MAIN}
    text = _joined(tmp_path, modules, pack=True)
    assert len(text.splitlines()) == 2
    assert _run(text, tmp_path) == "one"


REFUSED = {
    "global": ("N = 1\n\ndef main() -> object:\n    global N\n    N = 2\n    return N", "global"),
    "a module as a value": ("from reference_model import a\n\ndef main() -> object:\n    return a", "as a value"),
    "star": ("from reference_model.a import *\n\ndef main() -> object:\n    return 1", "star import"),
    "re-export": ("from reference_model.a import math\n\ndef main() -> object:\n    return math", "not defined in a"),
    "no such module": ("from reference_model.z import n\n\ndef main() -> object:\n    return n", "no module 'z'"),
    "import of the package": ("import reference_model.a\n\ndef main() -> object:\n    return 1", "write 'from"),
    "a circle": ("from reference_model.back import n\n\ndef main() -> object:\n    return n", "import each other"),
    "one name, two things": ("from cmath import sqrt\nfrom reference_model.a import root\n\ndef main() -> object:\n"
                             "    return sqrt(2), root", "sqrt"),
    "the package's name": ("def main() -> object:\n    return 'reference_model'", "still name the package"),
    "a local name in the way": ("from reference_model.a import _n\n\ndef main(a_n: int = 1) -> object:\n"
                                "    def inner(_n: int) -> int:\n        return n() + a_n\n\n    return inner, _n",
                                None),
}  # fmt: skip


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_joined_is_refused(text: str, said: str | None, tmp_path: Path) -> None:
    others = {
        "a": "import math\nfrom math import sqrt\n\n_n = 1\n\ndef root() -> float:\n    return sqrt(math.pi)\n",
        "back": "from reference_model.train import main\n\nn = main\n",
    }
    if said is None:  # this one can be
        assert _joined(tmp_path, {**others, "train": text + MAIN})
        return
    with pytest.raises(BuildError, match=said):
        _joined(tmp_path, {**others, "train": text + MAIN})


def test_a_file_that_is_too_large_is_refused_with_both_sizes(tmp_path: Path) -> None:
    large = f"def main() -> object:\n    return {'x' * MOST_BYTES!r}"
    with pytest.raises(BuildError, match=r"60,\d\d\d bytes.*60,000"):
        _joined(tmp_path, {"train": large + MAIN})


# --- the real file -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built() -> str:
    return single_file()


def test_the_file_is_small_readable_and_always_the_same(built: str) -> None:
    assert len(built.encode()) <= MOST_BYTES == 60_000
    assert built == single_file()
    lines = built.splitlines()
    assert max(map(len, lines)) <= 120
    assert sum(1 for line in lines if line.strip()) > 1200, "not squeezed onto few lines"
    assert not any(isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant) for n in ast.walk(ast.parse(built)))
    comments = [line for line in lines if line.strip().startswith("#")]
    assert all(re.fullmatch(r"# \w+\.py|# main", line) for line in comments)


def test_every_name_that_the_file_uses_exists_in_it(built: str) -> None:
    known = set(dir(builtins)) | {"__file__", "__name__", "__annotations__"}
    code = compile(built, "train_gpt.py", "exec")
    known |= {i.argval for i in dis.get_instructions(code) if i.opname in ("STORE_NAME", "STORE_GLOBAL")}
    missing = {name for part in _codes(code) for name in _globals(part)} - known
    assert not missing


def _codes(code: types.CodeType) -> list[types.CodeType]:
    inner = [c for constant in code.co_consts if isinstance(constant, types.CodeType) for c in _codes(constant)]
    return [code, *inner]


def _globals(code: types.CodeType) -> set[str]:
    return {i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}


class _Nameless(ast.NodeTransformer):
    """A definition without docstrings, assertions for type checkers, types of functions, the package's imports, names.
    """

    in_function = False

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name("_")

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        kept = self.generic_visit(node)
        return ast.Name("_") if isinstance(node.value, ast.Name) else kept

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(node.arg)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        self.generic_visit(node)
        if not self.in_function:
            node.annotation = ast.Name("_")
            return node
        return None if node.value is None else ast.Assign([node.target], node.value)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        return None if node.level or (node.module or "").startswith("reference_model") else node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if text else self.generic_visit(node)

    def visit_Assert(self, node: ast.Assert) -> ast.AST | None:
        return None if node.msg is None else self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        outside, self.in_function = self.in_function, True
        self.generic_visit(node)
        self.in_function = outside
        node.body = node.body or [ast.Pass()]
        node.name = "_"
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        node.name = "_"
        return node


def _definitions(text: str) -> dict[str, str]:
    """Functions, methods, and classes without them, by name."""
    nodes: dict[str, ast.AST] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef):
            methods = [inner for inner in node.body if isinstance(inner, ast.FunctionDef)]
            node.body = [inner for inner in node.body if inner not in methods]
            nodes |= {f"{node.name}.{method.name}": method for method in methods}
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            nodes[node.name] = node
    return {name: ast.dump(_Nameless().visit(node)) for name, node in nodes.items()}


def test_every_definition_of_the_file_is_the_package_s(built: str) -> None:
    sections = re.split(r"^# (\w+)(?:\.py)?\n", built, flags=re.MULTILINE)[1:]
    assert ENTRY in sections[::2]
    compared = 0
    for module, text in list(zip(sections[::2], sections[1::2], strict=True))[:-1]:
        own = _definitions((PACKAGE / f"{module}.py").read_text("utf-8"))
        for name, code in _definitions(text).items():
            plain = next((n for n in (name, name.replace(f"{module}_", "", 1)) if n in own), None)
            assert plain is not None, f"{module} has no {name}"
            assert code == own[plain], f"{module}.{plain}"
            compared += 1
    assert compared > 150


def test_the_auditor_opens_the_packed_form(built: str, tmp_path: Path) -> None:
    from auditor.claims import read_claims
    from auditor.source import decode
    from auditor.submission import load_path

    (tmp_path / "train_gpt.py").write_text(packed(built), "utf-8")
    submission = load_path(tmp_path)
    assert any(unit.text == built for unit in decode(submission, read_claims(submission)).units)
