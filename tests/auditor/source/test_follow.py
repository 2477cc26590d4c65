"""Which files the program consists of: the entry, modules, native sources, launchers, and what bad folders come to."""

from __future__ import annotations

import os
import subprocess
import time

import pytest
from source_samples import IMPORTS, PROGRAM, command, decisive, decoded, opened, packed, submission

from auditor.claims import Claims
from auditor.source import Sources, decode
from auditor.source.model import ProgramFile
from auditor.submission import Submission, SubmissionFile

LAUNCHER = "#!/bin/bash\nset -e\nexport STRIDE=64\ntorchrun --standalone --nproc_per_node=8 train_fast.py\n"


def roles(sources: Sources) -> dict[str, str]:
    return {f.path: f.role for f in sources.files}


def entry_path(sources: Sources) -> str:
    assert sources.entry is not None, sources.problems
    return sources.entry.path


@pytest.mark.parametrize(
    ("names", "commands", "expected"),
    [
        (["train_gpt.py", "prepare_data.py"], [], "train_gpt.py"),
        (["train_gpt.py", "train_other.py"], ["train_other.py"], "train_other.py"),
        (["train_gpt.py", "train_other.py"], ["train_other.py", "train_gpt.py"], "train_gpt.py"),
        (["train_gpt.py"], ["records/track_10min_16mb/2026-01-01_Sample/train_gpt.py"], "train_gpt.py"),
        (["copy/train_gpt.py", "train_gpt.py"], ["train_gpt.py"], "train_gpt.py"),
        (["copy/train_gpt.py", "train_gpt.py"], ["copy/train_gpt.py"], "copy/train_gpt.py"),
        (["train_mlx.py", "prepare_data.py"], [], "train_mlx.py"),
        (["only.py"], [], "only.py"),
        (["train_gpt.py", "prepare_data.py"], ["prepare_data.py", "train_gpt.py"], "train_gpt.py"),
        (["train_gpt.py"], ["train_missing.py"], "train_gpt.py"),
    ],
)
def test_the_entry(names: list[str], commands: list[str], expected: str) -> None:
    sources = decoded(dict.fromkeys(names, PROGRAM), *map(command, commands))
    assert entry_path(sources) == expected
    assert sources.entry_because
    assert sources.units[0] is sources.entry


def test_the_entry_without_any_hint_is_the_one_that_reads_the_validation_shards() -> None:
    files = {"a.py": PROGRAM * 9, "b.py": "import glob\nval = glob.glob('fineweb_val_*.bin')\n"}
    assert entry_path(decoded(files)) == "b.py"


def test_a_launcher_names_the_entry_and_is_part_of_the_program() -> None:
    files = {"run.sh": LAUNCHER, "train_fast.py": PROGRAM, "train_slow.py": PROGRAM, "setup.sh": "pip install x\n"}
    sources = decoded(files, command("run.sh", None))
    assert entry_path(sources) == "train_fast.py"
    assert roles(sources) == {"train_fast.py": "entry", "run.sh": "launcher"}
    assert sources.unused == ("setup.sh", "train_slow.py")
    assert [(u.path, u.language) for u in sources.units] == [("train_fast.py", "python"), ("run.sh", "shell")]
    assert decoded(files).entry is not None  # found through the launcher without a command too
    assert entry_path(decoded(files)) == "train_fast.py"


def test_sibling_modules_are_followed() -> None:
    files = {
        "train_gpt.py": "import model, json\nfrom data.loader import stream\nimport importlib\n"
        "extra = importlib.import_module('extra')\ndef main():\n    from late import scores\n",
        "model.py": "from layers import Block\n",
        "layers.py": "import torch\nclass Block: pass\n",
        "data/__init__.py": "from .loader import stream\n",
        "data/loader.py": "from . import shards\nstream = 1\n",
        "data/shards.py": "X = 1\n",
        "late.py": "scores = 0\n",
        "extra.py": "A = 1\n",
        "json.py": "raise SystemExit\n",
        "other.py": "B = 1\n",
    }
    sources = decoded(files)
    assert {k: v.path for k, v in sources.modules.items()} == {
        "model": "model.py",
        "layers": "layers.py",
        "data": "data/__init__.py",
        "data.loader": "data/loader.py",
        "data.shards": "data/shards.py",
        "late": "late.py",
        "extra": "extra.py",
        "json": "json.py",
    }
    assert sources.unused == ("other.py",)
    assert sources.code_bytes == sum(len(v) for k, v in files.items() if k != "other.py")


def test_modules_in_a_directory_put_on_the_path() -> None:
    files = {"train_gpt.py": "import sys\nsys.path.insert(0, 'src')\nimport scoring\n", "src/scoring.py": "X = 1\n"}
    assert decoded(files).modules["scoring"].path == "src/scoring.py"


def test_modules_that_import_each_other() -> None:
    sources = decoded({"train_gpt.py": "import a\n", "a.py": "import b\n", "b.py": "import a\n"})
    assert [u.path for u in sources.units] == ["train_gpt.py", "a.py", "b.py"]


def test_exec_of_a_sibling_file() -> None:
    wrapper = "exec(open(__file__.replace('train_gpt.py','train_gpt_decode.py')).read())"
    sources = opened({"train_gpt.py": wrapper, "train_gpt_decode.py": PROGRAM})
    assert sources.entry is not None
    assert (sources.entry.path, sources.entry.layer) == ("train_gpt_decode.py", 0)
    assert sources.files == (
        ProgramFile("train_gpt.py", len(wrapper), "entry"),
        ProgramFile("train_gpt_decode.py", len(PROGRAM), "payload-of-entry"),
    )


def test_a_sibling_is_run_by_runpy() -> None:
    files = {
        "start.py": "import runpy\nrunpy.run_path('./train_gpt.py', run_name='__main__')\n",
        "train_gpt.py": PROGRAM,
    }
    assert entry_path(decoded(files, command("start.py"))) == "train_gpt.py"


def test_a_started_script_belongs_to_the_program() -> None:
    files = {
        "train_gpt.py": PROGRAM
        + "import subprocess, sys\ndef go():\n    subprocess.run([sys.executable, 'rescore.py'])\n",
        "rescore.py": "X = 1\n",
    }
    assert roles(decoded(files)) == {"train_gpt.py": "entry", "rescore.py": "module"}


def test_a_documented_evaluation_script_belongs_to_the_program() -> None:
    files = {"train_gpt.py": PROGRAM, "eval_final.py": PROGRAM + "X = 1\n"}
    sources = decoded(files, command("train_gpt.py"), command("eval_final.py"))
    assert entry_path(sources) == "train_gpt.py"
    assert roles(sources) == {"train_gpt.py": "entry", "eval_final.py": "module"}


def test_native_sources_are_units() -> None:
    files = {
        "train_gpt.py": PROGRAM + "import ctypes\nfrom pathlib import Path\nSRC = Path(__file__).with_name('count.c')\n"
        "lib = ctypes.CDLL('./count.so')\n",
        "count.c": '#include "count.h"\nint count(void) { return 1; }\n',
        "count.h": "int count(void);\n",
        "spare.cu": "__global__ void k() {}\n",
    }
    sources = decoded(files)
    assert [(u.path, u.language) for u in sources.units[1:]] == [("count.c", "c"), ("count.h", "c")]
    assert roles(sources)["count.c"] == "helper-source"
    assert sources.unused == ("spare.cu",)


def test_native_code_in_a_literal_is_a_unit() -> None:
    kernel = "#include <stdint.h>\n" + "double score(int n) { return n * 0.5; }\n" * 4
    sources = decoded(f"{PROGRAM}\nKERNEL = r'''{kernel}'''\n")
    (unit,) = sources.units[1:]
    assert (unit.text, unit.language, unit.layer) == (kernel, "c", 1)


def test_what_follows_inside_a_payload() -> None:
    inner = "import helper\n" + PROGRAM
    files = {"train_gpt.py": f"{IMPORTS}exec({packed(inner)})", "helper.py": "X = 1\n"}
    sources = decoded(files)
    assert [(u.path, u.layer) for u in sources.units] == [("train_gpt.py", 1), ("helper.py", 0), ("train_gpt.py", 0)]
    assert sources.modules["helper"].text == "X = 1\n"


def test_data_files_are_named_and_not_counted_as_code() -> None:
    files = {"train_gpt.py": PROGRAM + "model = 'tok.model'\n", "tok.model": b"\x01\x02", "README.md": "tok.model"}
    sources = decoded(files)
    assert roles(sources) == {"train_gpt.py": "entry", "tok.model": "data"}
    assert sources.code_bytes == len(files["train_gpt.py"])


BAD = {
    "junk": bytes(range(256)) * 40,
    "parentheses": "(" * 1500 + ")" * 1500,
    "invalid UTF-8": b"x = '\xff\xfe'\ny = = 1\n",
    "empty": b"",
    "blank": b"\n\n  \n",
    "notebook magic": "%%writefile train.py\nx = 1\n",
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_bad_scripts_are_decisive_problems(content: str | bytes) -> None:
    start = time.process_time()
    sources = decoded(content)
    assert decisive(sources)
    assert all("\n" not in m for m in decisive(sources))
    assert sources.entry is None or sources.entry.tree is None
    assert time.process_time() - start < 1


def test_no_code() -> None:
    sources = decoded({"README.md": "# hello"})
    assert sources.entry is None
    assert decisive(sources) == ["no code: the folder holds no Python file"]
    assert decode(Submission("folder", "x", ()), Claims()).entry is None


def test_a_script_that_could_not_be_read() -> None:
    files = (SubmissionFile("train_gpt.py", None, None, "a symlink"),)
    sources = decode(Submission("folder", "x", files), Claims())
    assert sources.entry is None
    assert decisive(sources) == ["could not be read: a symlink"]


def test_a_broken_module_is_decisive_and_names_its_line() -> None:
    sources = decoded({"train_gpt.py": "import broken\n" + PROGRAM, "broken.py": "x = 1\ndef f(:\n"})
    (problem,) = sources.problems
    assert (problem.path, problem.line, problem.decisive) == ("broken.py", 2, True)
    assert entry_path(sources) == "train_gpt.py"


def test_a_broken_file_that_is_not_used_does_not_matter() -> None:
    assert not decoded({"train_gpt.py": PROGRAM, "spare.py": "def f(:\n"}).problems


def test_decoding_is_the_same_each_time() -> None:
    files = {"train_gpt.py": "import a, b\n", "a.py": "import b\n", "b.py": "", "run.sh": LAUNCHER}
    first, second = decoded(files), decoded(files)
    assert [u.label for u in first.units] == [u.label for u in second.units]
    assert first.files == second.files


def test_a_long_script_is_decoded_quickly() -> None:
    body = "".join(
        f"def f{i}(x, y={i}):\n    z = [a * {i} for a in x if a > y]\n    return sum(z) + len('exec({i})')\n"
        for i in range(500)
    )
    folder = submission({"train_gpt.py": body})
    start = time.process_time()
    decode(folder, Claims())
    assert time.process_time() - start < 0.6


@pytest.mark.clone
def test_packed_records_of_the_challenge_open() -> None:
    clone = os.environ.get("GOLF_CLONE")
    if not clone:
        pytest.skip("GOLF_CLONE is not set")

    def git(*arguments: str) -> bytes:
        return subprocess.run(["git", "-C", clone, *arguments], capture_output=True, check=True).stdout

    listing = git("ls-tree", "-r", "-l", "main", "--", "records").decode().splitlines()
    packed_scripts = 0
    for line in listing:
        meta, path = line.split("\t", 1)
        size = meta.split()[3]
        if not path.endswith("/train_gpt.py") or not size.isdigit() or int(size) > 30_000:
            continue
        data = git("cat-file", "blob", meta.split()[2])
        if b"b85decode" not in data[:200]:
            continue
        sources = decode(Submission("folder", "x", (SubmissionFile("train_gpt.py", len(data), data),)), Claims())
        assert sources.entry is not None
        assert sources.entry.layer >= 1
        assert sources.entry.tree is not None
        assert b"val_bpb" in sources.entry.text.encode()
        packed_scripts += 1
    assert packed_scripts >= 3


def test_a_launcher_that_many_commands_run_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from auditor.source import entry

    reads = []
    real = entry._scripts_in
    monkeypatch.setattr(entry, "_scripts_in", lambda *given: reads.append(given[1]) or real(*given))
    commands = [command("run.sh", None)] * 1000
    sources = decoded({"run.sh": LAUNCHER, "train_fast.py": PROGRAM, "train_slow.py": PROGRAM}, *commands)
    assert entry_path(sources) == "train_fast.py"
    assert reads == ["run.sh"]
