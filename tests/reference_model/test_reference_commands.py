"""What README.md, docs/record.md and --help show of the trainer, run as written in an empty folder."""

from __future__ import annotations

import glob
import importlib.util
import re
import shlex
import shutil
import sys
import tomllib
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from reference_model.reproduce import options, verdict

ROOT = Path(__file__).parents[2]
ENTRIES = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
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


Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def audits() -> list[int]:
    """The status of the one audit here, once there is one."""
    return []


@pytest.fixture
def typed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], audits: list[int]
) -> Typed:
    """Runs a command line in a folder as a shell would: status, output, errors. `tmp_path` is the home folder.

    In this process, because most of a short run is the import of torch. To a run the tiny size is added, and a seed
    where the command names none: paths and options depend on neither. The first folder of all tests here is audited,
    and stands for all: they have the same script.
    """
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    hub = types.ModuleType("huggingface_hub")
    exec(HUB, hub.__dict__)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)

    audit = verdict.audit

    def audited(place: Path, report: Path, whole: bool) -> int:
        assert (place / "submission.json").is_file()
        audits.extend([] if audits else [audit(place, report, whole)])
        return audits[0]

    monkeypatch.setattr(verdict, "audit", audited)

    def run(command: str, folder: Path) -> tuple[int, str, str]:
        from trainer_samples import TINY

        monkeypatch.chdir(folder)
        quoted = "'" in command  # then a pattern is none
        program, *words = [part for word in shlex.split(command)
                           for part in (not quoted and sorted(glob.glob(word))) or [word]]  # fmt: skip
        if program == "golf-reproduce" and words[0] != "data":
            words += ["--scale", "small", *(f"--set={name}={value}" for name, value in TINY.items())]
            if "--seeds" not in words:  # golf-stats compares what has a name of its own: one seed has no spread
                words += ["--seeds", "42", *(["314"] if "--out" in words else [])]
        module, _, function = ENTRIES[program].partition(":")
        capsys.readouterr()
        status = getattr(importlib.import_module(module), function)(words)
        return status, *capsys.readouterr()

    return run


def needs_training() -> None:
    pytest.importorskip("torch", reason="training needs torch (the train extra)")
    pytest.importorskip("sentencepiece", reason="training needs sentencepiece (the train extra)")


def short_data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The small scale's data are those of all tests here, whose validation set takes no time."""
    from reference_model.reproduce import text

    monkeypatch.setattr(text, "prepare", lambda config: shutil.copytree(folder, config.data.data_dir))


@pytest.mark.usefixtures("forked")
def test_every_documented_command_runs_as_written(
    folder: Path, typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All in one folder, in their order, a command that several pages show once."""
    needs_training()
    short_data(folder, monkeypatch)
    assert all(len(commands) >= 3 for commands in DOCUMENTED.values())
    commands = dict.fromkeys(command for page in DOCUMENTED.values() for command in page)
    assert all(str(path) not in " ".join(commands) for path in ("/data", "/tmp")), "an example leaves the folder"
    for command in commands:
        status, said, errors = typed(command, tmp_path)
        wanted = (0, 1) if command.startswith("golf-stats") else (0,)  # 1: no significant difference
        assert status in wanted, f"{command}\n{said}\n{errors}"
        assert "Traceback" not in errors
        assert ("--data is left aside" in said) == ("--data DATA" in command and command.split()[1] != "data")


@pytest.mark.parametrize("page", sorted(path.relative_to(ROOT) for path in (ROOT / "docs").glob("*.md")), ids=str)
def test_no_other_page_shows_a_command_of_the_trainer(page: Path) -> None:
    assert shown((ROOT / page).read_text("utf-8")) == DOCUMENTED.get(str(page), [])


@pytest.mark.usefixtures("forked")
def test_a_run_is_resumed_from_another_folder(
    folder: Path, typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path of every kind at once: relative, several folders that are not there, names that a pattern would read."""
    needs_training()
    short_data(folder, monkeypatch)
    (tmp_path / "a" / "b").mkdir(parents=True)
    status, said, errors = typed("golf-reproduce --seeds 42 --out '../my run/[1]*?/übung/'", tmp_path / "a" / "b")
    assert status == 0, said + errors
    status, said, errors = typed("golf-reproduce --seeds 42 --out 'a/my run/[1]*?/übung' --resume", tmp_path)
    assert status == 0, said + errors
    assert said.count("(finished before)") == 1
    (log,) = (tmp_path / "a" / "my run" / "[1]*?" / "übung" / "records").glob("*/*/train_seed42.log")
    assert log.stat().st_size
    assert not list((tmp_path / "a" / "b").iterdir())


def test_the_home_folder_is_found_where_the_shell_leaves_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    read = options.read(["--out=~/rerun/", "--data", "~nobody-of-that-name/data"])
    assert (read.out, read.data) == (tmp_path / "rerun", Path("~nobody-of-that-name/data"))


@pytest.mark.parametrize("data", ["../data", "my data", "~/shards"])
def test_data_go_into_any_folder(data: str, typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    status, said, errors = typed(f"golf-reproduce data '--data={data}'", tmp_path / "work")
    assert status == 0, said + errors
    assert len(list(tmp_path.rglob("fineweb_train_*.bin"))) == 3
    assert "~" not in {path.name for path in tmp_path.rglob("*")}


@pytest.mark.parametrize("option", ["--out", "--data"])
def test_a_file_is_no_folder(option: str, typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, _, errors = typed(f"golf-reproduce {option} file", tmp_path)
    assert (status, errors) == (2, f"golf-reproduce: {option} wants a folder, and file is none\n")


def test_a_checkpoint_of_another_training_starts_nothing(folder: Path, typed: Typed, tmp_path: Path) -> None:
    """One line each, before anything is made or asked of a machine."""
    needs_training()
    import torch
    from trainer_samples import tiny

    from reference_model.training import checkpoint

    command = "golf-reproduce --seeds 42 --from-checkpoint w.pt --out new"
    assert typed(command, tmp_path) == (2, "", "golf-reproduce: --from-checkpoint w.pt: no such file\n")
    trained = checkpoint.Trained(4, 1.5)
    checkpoint.save(tmp_path / "w.pt", tiny(folder, SEED="7"), {"a": torch.ones(2)}, trained, ["a line"])
    said = "golf-reproduce: --from-checkpoint w.pt: trained with seed=7, and 42 is asked for\n"
    assert typed(command, tmp_path) == (2, "", said)
    (tmp_path / "w.pt").write_bytes(b"")
    status, _, errors = typed(command, tmp_path)
    assert (status, "w.pt: no weights of a finished training" in errors, errors.count("\n")) == (2, True, 1)
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_made_is_one_line(typed: Typed, tmp_path: Path) -> None:
    needs_training()
    (tmp_path / "file").touch()
    status, _, errors = typed("golf-reproduce --out file/run", tmp_path)
    assert status == 1
    assert errors.count("\n") == 1
    assert "file/run" in errors


@pytest.mark.parametrize("option", ["--scale small", "--out rerun", "--resume", "--no-pack", "--seeds 42"])
def test_data_take_no_option_of_a_run(option: str, typed: Typed, tmp_path: Path) -> None:
    status, said, errors = typed(f"golf-reproduce data {option}", tmp_path)
    assert (status, said) == (2, "")
    assert errors.endswith(f"with --data and --shards, not with {option.split()[0].replace('--no-', '--')}\n")


def test_data_whose_folder_cannot_be_made_are_one_line(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, _, errors = typed("golf-reproduce data --data file/shards", tmp_path)
    assert (status, errors.count("\n")) == (1, 1)
    assert "file/shards" in errors


def test_an_interrupted_download_is_told_how_to_go_on(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*given: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["huggingface_hub"], "hf_hub_download", interrupted)
    said = "golf-reproduce: interrupted; the same command goes on with what is not there\n"
    status, _, errors = typed("golf-reproduce data", tmp_path)
    assert (status, errors) == (130, said)
