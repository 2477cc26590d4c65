"""What README.md, docs/record.md and --help show of the trainer, run as written in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from reference_model.reproduce import options

ROOT = Path(__file__).parents[2]
# Two steps, one evaluation: paths and options do not depend on the scale. A seed takes seconds.
FAST = "ITERATIONS=2 WARMUP_STEPS=0 RECUR_START_STEP=1 EVAL_STRIDE=128 GPTQ_CALIBRATION_BATCHES=1"
HUB = '''
"""Stands in for huggingface_hub: a data set of three files."""
from pathlib import Path
from types import SimpleNamespace

SIZES = {"datasets/datasets/fineweb10B_sp4096/fineweb_train_%06d.bin" % n: 10 + n for n in range(3)}
SIZES |= {"datasets/datasets/fineweb10B_sp4096/fineweb_val_000000.bin": 9}
SIZES |= {"datasets/tokenizers/fineweb_4096_bpe.model": 8}


class HfApi:
    def list_repo_tree(self, repository, folder, repo_type):
        return [SimpleNamespace(path=path, size=size) for path, size in SIZES.items() if path.startswith(folder)]


def hf_hub_download(repository, path, repo_type, local_dir):
    target = Path(local_dir, path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(b"x" * SIZES[path])
    return str(target)
'''


def shown(text: str) -> list[str]:
    """The lines that call golf-reproduce, and those that compare what it made."""
    whole = re.sub(r"\\\n\s*", "", text)
    lines = (line.partition("   #")[0].strip() for line in whole.splitlines())
    return [line for line in lines if re.match(r"golf-(reproduce\s+(--|data)|stats no-recurrence)", line)]


DOCUMENTED = {
    "README.md": shown((ROOT / "README.md").read_text("utf-8")),
    "docs/record.md": shown((ROOT / "docs" / "record.md").read_text("utf-8")),
    "--help": shown(options.parser().format_help()),
}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PATH with the project's entry points; golf-reproduce adds to a run what makes it fast."""
    folder = tmp_path_factory.mktemp("bin")
    entries = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    fast = " ".join(f"--set {setting}" for setting in FAST.split())
    for name in ("golf-reproduce", "golf-stats"):
        module, _, function = entries[name].partition(":")
        call = f'"{sys.executable}" -c "import sys; from {module} import {function}; sys.exit({function}())" "$@"'
        run = f'case "$1" in data) exec {call};; *) exec {call} --scale small {fast};; esac'
        (folder / name).write_text(f"#!/bin/sh\n{run if name == 'golf-reproduce' else call}\n", "utf-8")
        (folder / name).chmod(0o755)
    (folder / "huggingface_hub.py").write_text(HUB, "utf-8")
    return folder


def sh(command: str, folder: Path, programs: Path, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": f"{programs}:{ROOT}"}
    environment |= {"OMP_NUM_THREADS": "1", "HOME": str(home or folder)}
    return subprocess.run(["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True,
                          timeout=900, check=False)  # fmt: skip


def needs_training() -> None:
    pytest.importorskip("torch", reason="training needs torch (the train extra)")
    pytest.importorskip("sentencepiece", reason="training needs sentencepiece (the train extra)")


def test_every_documented_command_runs_as_written(programs: Path, tmp_path: Path) -> None:
    """All in one folder, in their order, a command that several pages show once."""
    needs_training()
    assert all(len(commands) >= 3 for commands in DOCUMENTED.values())
    commands = dict.fromkeys(command for page in DOCUMENTED.values() for command in page)
    assert all(str(path) not in " ".join(commands) for path in ("/data", "/tmp")), "an example leaves the folder"
    for command in commands:
        done = sh(command, tmp_path, programs)
        wanted = (0, 1) if command.startswith("golf-stats") else (0,)  # 1: no significant difference
        assert done.returncode in wanted, f"{command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr


def test_a_run_is_resumed_from_another_folder(programs: Path, tmp_path: Path) -> None:
    """A path of every kind at once: relative, several folders that are not there, names that a pattern would read."""
    needs_training()
    (tmp_path / "a" / "b").mkdir(parents=True)
    run = "--seeds 42 --set SLIDING_WINDOW_ENABLED=0"
    first = sh(f"golf-reproduce {run} --out '../my run/[1]*?/übung/'", tmp_path / "a" / "b", programs)
    assert first.returncode == 0, first.stdout + first.stderr
    again = sh(f"golf-reproduce {run} --out 'a/my run/[1]*?/übung' --resume", tmp_path, programs)
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("(finished before)") == 1
    (log,) = (tmp_path / "a" / "my run" / "[1]*?" / "übung" / "records").glob("*/*/train_seed42.log")
    assert log.stat().st_size
    assert not list((tmp_path / "a" / "b").iterdir())


def test_the_home_folder_is_found_where_the_shell_leaves_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    read = options.read(["--out=~/rerun/", "--data", "~nobody-of-that-name/data"])
    assert (read.out, read.data) == (tmp_path / "rerun", Path("~nobody-of-that-name/data"))


@pytest.mark.parametrize("data", ["../data", "my data", "~/shards"])
def test_data_go_into_any_folder(data: str, programs: Path, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    done = sh(f"golf-reproduce data '--data={data}'", tmp_path / "work", programs, home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(tmp_path.rglob("fineweb_train_*.bin"))) == 3
    assert "~" not in {path.name for path in tmp_path.rglob("*")}


@pytest.mark.parametrize("option", ["--out", "--data"])
def test_a_file_is_no_folder(option: str, programs: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = sh(f"golf-reproduce {option} file", tmp_path, programs)
    assert done.returncode == 2
    assert done.stderr == f"golf-reproduce: {option} wants a folder, and file is none\n"


def test_a_folder_that_cannot_be_made_is_one_line(programs: Path, tmp_path: Path) -> None:
    needs_training()
    (tmp_path / "file").touch()
    done = sh("golf-reproduce --out file/run", tmp_path, programs)
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("\n") == 1
    assert "file/run" in done.stderr
