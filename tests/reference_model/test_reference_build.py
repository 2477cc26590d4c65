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

from reference_model.joining.single_file import BuildError, packed, single_file

PACKAGE = Path(__file__).parents[2] / "reference_model"

MAIN = "\n\nif __name__ == '__main__':\n    print(main())\n"


def _written(folder: Path, modules: dict[str, str]) -> Path:
    for name, text in modules.items():
        path = folder.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text("from __future__ import annotations\n" + text, "utf-8")
    return folder


def _said(arguments: list[str], folder: Path) -> str:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


JOINED = {
    "modules of folders": {
        "model.a": "N = 4\n",
        "model.b": "from reference_model.model.a import N\n\ndef twice() -> int:\n    return 2 * N\n",
        "train": "from reference_model.model.b import twice\n\ndef main() -> object:\n    return twice()\n",
    },
    "imports from outside, several times and under other names": {
        "a": "import math\nimport os\nimport os.path\nfrom math import log as ln\n\n"
        "def log(x: float) -> float:\n    return ln(x) + math.pi * (os.sep == '')\n",
        "train": "import math\nfrom reference_model.a import log\n\n"
        "def main() -> object:\n    return log(1.0), math.e\n",
    },
    "modules know each other's types": {
        "a": "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from reference_model.b import B\n\n"
        "class A:\n    def other(self, b: B) -> int:\n        return b.n\n",
        "b": "from reference_model.a import A\n\nclass B(A):\n    n = 6\n",
        "train": "from reference_model.b import B\n\ndef main() -> object:\n    return B().other(B())\n",
    },
    "a module that can be run by itself": {
        "a": "__all__ = ['late']\n\ndef late() -> int:\n    return 4\n\nif __name__ == '__main__':\n    print('gone')",
        "train": "from reference_model.a import late\n\ndef main() -> object:\n    return late()\n",
    },
    "a local name like a definition elsewhere": {
        "a": "def step(size: int) -> int:\n    return size\n",
        "b": "def rest(step: int) -> int:\n    return step\n",
        "train": "from reference_model.a import step\nfrom reference_model.b import rest\n\n"
        "def main() -> object:\n    return [step(rest(step)) for step in ()], step(size=3)\n",
    },
    "docstrings, comments and lines of several": {
        "a": '"""Doc."""\n\nWIDTH = 3  # columns\n"""After a constant."""\n\n\n'
        'class Wrong(Exception):\n    """Doc."""\n',
        "train": "from reference_model.a import (\n    WIDTH,\n    Wrong,\n)\n\n\ndef main() -> object:\n"
        '    """Doc."""\n    # why\n    return f"""{WIDTH}\n  # stays\n""", Wrong.__name__\n',
    },
}


@pytest.mark.parametrize("pack", [False, True], ids=["readable", "packed"])
@pytest.mark.parametrize("modules", JOINED.values(), ids=JOINED)
def test_joining_changes_no_meaning(modules: dict[str, str], pack: bool, tmp_path: Path) -> None:
    package = _written(tmp_path / "reference_model", {**modules, "train": modules["train"] + MAIN})
    text = single_file(pack, folder=package)
    (tmp_path / "one.txt").write_text(text, "utf-8")
    assert _said(["-I", "one.txt"], tmp_path) == _said(["-m", "reference_model.train"], tmp_path)
    assert "gone" not in text


def test_comments_and_docstrings_are_in_the_readable_form_alone(tmp_path: Path) -> None:
    modules = JOINED["docstrings, comments and lines of several"]
    text = single_file(folder=_written(tmp_path, {**modules, "train": modules["train"] + MAIN}))
    assert all(part in text for part in ("# columns", '"""After a constant."""', "    # why", '    """Doc."""'))
    assert len(packed(text).splitlines()) == 2
    assert packed(text) == packed(text.replace("    # why\n", "").replace("# columns", "# rows"))


def test_the_packed_form_runs_as_the_same_file(tmp_path: Path) -> None:
    main = "from pathlib import Path\n\ndef main() -> object:\n    return Path(__file__).stem" + MAIN
    (tmp_path / "one.txt").write_text(single_file(True, folder=_written(tmp_path, {"train": main})), "utf-8")
    assert _said(["-I", "one.txt"], tmp_path) == "one"


REFUSED = {
    "two definitions": ("from reference_model.a import root\n\ndef _n() -> int:\n    return root", "'_n' is also"),
    "a definition and an import": ("from cmath import sqrt\nfrom reference_model.a import root\n", "'sqrt' is also"),
    "a builtin": ("def sum() -> int:\n    return 1\n", "'sum' is also a name of a builtin"),
    "another name": ("from reference_model.a import root as r\n", "keeps its name"),
    "star": ("from reference_model.a import *\n", "keeps its name"),
    "star from outside": ("from math import *\n", "star import"),
    "a module as a value": ("from reference_model import a\n", "write 'from reference_model.module import name'"),
    "import of the package": ("import reference_model.a\n", "write 'from"),
    "a relative import": ("from .a import root\n", "write 'from"),
    "re-export": ("from reference_model.a import math\n", "math is not defined in a itself"),
    "inside a function": ("def main() -> object:\n    from reference_model.a import root\n\n    return root", "inside"),
    "in a branch": ("if True:\n    from reference_model.a import root\n", "train:3: .* inside a function or a branch"),
    "a circle": ("from reference_model.back import n\n\ndef other() -> object:\n    return n", "import each other"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_joined_is_refused(text: str, said: str, tmp_path: Path) -> None:
    others = {
        "a": "import math\nfrom math import sqrt\n\n_n = 1\n\ndef root() -> float:\n    return sqrt(math.pi)\n",
        "back": "from reference_model.train import main\n\nn = main\n",
    }
    with pytest.raises(BuildError, match=said):
        single_file(folder=_written(tmp_path, {**others, "train": text + MAIN}))


# --- the real file -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built() -> str:
    return single_file()


def test_the_file_is_readable_and_always_the_same(built: str) -> None:
    assert built == single_file()
    assert max(map(len, built.splitlines())) <= 120
    assert len(single_file(True).encode()) < 30_000  # what is submitted and counted: 0.2 % of the cap


def test_every_statement_of_its_modules_is_in_it_as_written(built: str) -> None:
    modules = re.findall(r"^# --- (\S+\.py) ---$", built, flags=re.MULTILINE)
    assert modules[-1] == "train.py"
    assert "reproduce/cli.py" not in modules
    compared = 0
    for module in modules:
        text = (PACKAGE / module).read_text("utf-8")
        for statement in ast.parse(text).body:
            if isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign):
                assert f"\n{ast.get_source_segment(text, statement)}" in built, (module, statement.lineno)
                compared += 1
    assert compared > 120


def test_every_name_that_the_file_uses_exists_in_it(built: str) -> None:
    known = set(dir(builtins)) | {"__file__", "__name__", "__annotations__"}
    code = compile(built, "train_gpt.py", "exec")
    known |= {i.argval for i in dis.get_instructions(code) if i.opname in ("STORE_NAME", "STORE_GLOBAL")}
    assert not {name for part in _codes(code) for name in _globals(part)} - known


def _codes(code: types.CodeType) -> list[types.CodeType]:
    inner = [c for constant in code.co_consts if isinstance(constant, types.CodeType) for c in _codes(constant)]
    return [code, *inner]


def _globals(code: types.CodeType) -> set[str]:
    return {i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}


def test_the_auditor_opens_the_packed_form(built: str, tmp_path: Path) -> None:
    from auditor.claims import read_claims
    from auditor.source import decode
    from auditor.submission import load_path

    (tmp_path / "train_gpt.py").write_text(packed(built), "utf-8")
    submission = load_path(tmp_path)
    units = [unit.text for unit in decode(submission, read_claims(submission)).units]
    assert any("class Trainer" in text and "def quantize_together" in text for text in units)


def test_the_auditor_finds_nothing_in_the_packed_form(
    built: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from auditor.commands.audit import main

    (tmp_path / "train_gpt.py").write_text(packed(built), "utf-8")
    main([str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    found = {line.partition("]")[0] for line in lines if line.startswith(("violation[", "disputed["))}
    assert found <= {"violation[package-files"}  # there is nothing but the script
