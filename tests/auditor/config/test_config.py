"""Where a switch's value comes from: the code's default, the documented command, the log, `--set`, in this order."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest
from program_samples import sources

from auditor.claims import Claims, Command
from auditor.config import Configuration, configure
from auditor.config.defaults import literal, switches
from auditor.config.resolve import as_environment, like, same
from auditor.runs import Run

SCRIPT = """
import argparse, os
from dataclasses import dataclass

EPOCHS = 3
NAME = "a" + "b"

def env_int(name, default):
    return int(os.environ.get(name, default))

class Hyperparameters:
    ttt_enabled = bool(int(os.environ.get("TTT_ENABLED", "0")))
    batch = int(os.environ.get("BATCH_TOKENS", 2048 * 48 * 8))
    lr = float(os.getenv("LR", 1e-3))
    steps = env_int("STEPS", 20)
    word = os.environ.get("MODE", "false").lower() == "true"

rank = int(os.environ["RANK"])
parser = argparse.ArgumentParser()
parser.add_argument("--warm-up", type=int, default=5)
parser.add_argument("--fast", action="store_true")
"""


def command(
    where: str = "README.md:3", script: str | None = "train_gpt.py", arguments: tuple[str, ...] = (), **environment: str
) -> Command:
    return Command(where, environment, script, arguments, "")


def resolved(
    *commands: Command, dump: dict[str, str] | None = None, settings: dict[str, str] | None = None
) -> Configuration:
    run = Run("a.log", world_size=8, hyperparameters=dump or {}, hyperparameter_lines=dict.fromkeys(dump or {}, 7))
    return configure(sources(SCRIPT), Claims(commands=commands), (run,), settings or {})


def test_every_kind_of_switch_is_found_with_its_default() -> None:
    found = {s.name: (s.kind, s.default, s.attribute) for s in switches(sources(SCRIPT))}
    assert found["TTT_ENABLED"] == ("environment", "0", "ttt_enabled")
    assert found["BATCH_TOKENS"] == ("environment", 2048 * 48 * 8, "batch")
    assert found["LR"] == ("environment", 1e-3, "lr")
    assert found["STEPS"] == ("environment", 20, "steps")
    assert found["RANK"] == ("environment", None, "rank")
    assert found["--warm-up"] == ("option", 5, "warm_up")
    assert found["--fast"] == ("option", False, "fast")
    assert found["EPOCHS"] == ("constant", 3, "EPOCHS")


@pytest.mark.parametrize(
    ("commands", "dump", "settings", "value", "source", "where"),
    [
        ((), {}, {}, "0", "default", "train_gpt.py:12"),
        ((command(TTT_ENABLED="1"),), {}, {}, "1", "command", "README.md:3"),
        ((command(TTT_ENABLED="1"),), {"ttt_enabled": "False"}, {}, False, "log", "a.log:7"),
        ((command(TTT_ENABLED="1"),), {"ttt_enabled": "False"}, {"TTT_ENABLED": "2"}, 2, "set", "--set"),
        ((), {"ttt_enabled": "False"}, {"ttt_enabled": "1"}, 1, "set", "--set"),
    ],
)
def test_later_sources_win(
    commands: tuple[Command, ...],
    dump: dict[str, str],
    settings: dict[str, str],
    value: object,
    source: str,
    where: str,
) -> None:
    setting = resolved(*commands, dump=dump, settings=settings).settings["TTT_ENABLED"]
    assert (setting.value, setting.source, setting.where) == (value, source, where)


def test_the_program_sees_what_it_can_convert() -> None:
    configuration = resolved(dump={"ttt_enabled": "True", "word": "True"})
    assert configuration("TTT_ENABLED", "0") == "1"  # int("True") would fail
    assert configuration("MODE", "false") == "true"
    assert configuration("WORLD_SIZE", "1") == "8"
    assert configuration("RANK", None) == "0"
    assert configuration("LR", 1e-3) is None  # only the default says


def test_options_of_the_command_line() -> None:
    found = resolved(command(arguments=("--warm-up", "9", "--fast")))
    assert found.settings["--warm-up"].value == "9"
    assert found.settings["--fast"].value == "True"


def test_contradictions_are_kept_and_paths_are_not() -> None:
    found = resolved(command(STEPS="5", MODE="/data/x"), dump={"steps": "6", "word": "/other/x"})
    assert [(c.name, c.used.value, c.other.value) for c in found.conflicts] == [("STEPS", 6, "5")]
    assert not resolved(command(STEPS="6.0"), dump={"steps": "6"}).conflicts


def test_a_command_for_another_script_does_not_count() -> None:
    assert resolved(command(script="other.py", STEPS="5")).settings["STEPS"].source == "default"
    # Scripts are renamed when a folder is put together.
    assert resolved(command(script="train_v2.py", STEPS="5")).settings["STEPS"].source == "command"


def test_documented_assignments_hold_where_no_run_command_sets_the_switch() -> None:
    block = command("README.md:9", script=None, TTT_ENABLED="1", STEPS="7")
    alone = resolved(block).settings["TTT_ENABLED"]
    assert (alone.value, alone.source, alone.where) == ("1", "command", "README.md:9")
    beside = resolved(block, command(TTT_ENABLED="0"))
    assert [beside.settings[name].value for name in ("TTT_ENABLED", "STEPS")] == ["0", "7"]
    assert not beside.conflicts
    logged = resolved(block, dump={"ttt_enabled": "False"})
    assert logged.settings["TTT_ENABLED"].value is False
    assert [c.name for c in logged.conflicts] == ["TTT_ENABLED"]


def test_blocks_of_assignments_add_up_and_open_what_they_set_in_two_ways() -> None:
    found = resolved(command(script=None, STEPS="7"), command("README.md:9", script=None, STEPS="8", TTT_ENABLED="1"))
    assert found.settings["TTT_ENABLED"].value == "1"
    assert found.settings["STEPS"].value is None
    assert found.settings["STEPS"].where == "README.md:3, README.md:9"


def test_what_a_sentence_says_holds_where_nothing_else_tells_what_ran() -> None:
    said = Claims(mentioned=(command(script=None, TTT_ENABLED="1"),))
    ran = Run("a.log", world_size=8)
    assert configure(sources(SCRIPT), said, (), {}).settings["TTT_ENABLED"].value == "1"
    assert configure(sources(SCRIPT), said, (ran,), {}).settings["TTT_ENABLED"].value == "0"
    commanded = replace(said, commands=(command(TTT_ENABLED="0"),))
    assert configure(sources(SCRIPT), commanded, (), {}).settings["TTT_ENABLED"].value == "0"


def test_sentences_that_contradict_each_other_leave_a_switch_open() -> None:
    said = Claims(mentioned=(command(script=None, STEPS="1"), command("README.md:9", script=None, STEPS="2")))
    assert configure(sources(SCRIPT), said, (), {}).settings["STEPS"].value is None


def test_a_name_that_nothing_reads_is_told() -> None:
    assert resolved(settings={"NO_SUCH": "1"}).unknown == ("NO_SUCH",)


def test_a_constant_can_be_asked_about() -> None:
    assert resolved(settings={"EPOCHS": "0"}).constants == {"EPOCHS": 0}


@pytest.mark.parametrize(
    ("default", "text", "value"),
    [
        (0, "3", 3),
        (0.0, "1e-3", 1e-3),
        ("", "None", None),
        ("0", "False", False),
        ("x", "'word'", "word"),
        (1, "yes", True),
    ],
)
def test_dumped_text_becomes_a_value(default: str | int | float, text: str, value: object) -> None:
    assert like(default, text) == value


def test_booleans_go_back_in_the_defaults_spelling() -> None:
    assert [as_environment(d, True) for d in ("0", "false", "False", 0, None)] == ["1", "true", "True", "1", "1"]
    assert as_environment("0", None) is None
    assert same(True, "1")
    assert same("off", 0)
    assert same("0.50", 0.5)
    assert not same("a", "b")


@pytest.mark.parametrize(
    ("value", "known"),
    [
        ("2048 * 48 * 8", 786432), ("7 // 2", 3), ("(-8) ** 0.5", None), ("1 // 0", None),
        ("9" * 400 + " * 1.0", None), ("10 ** 400 * 1.5", None), ("1 << -1", None), ("1 + " * 1500 + "1", 1501),
        ("'a' * 10 ** 9", None), ("1e308 * 10", float("inf")),
    ],
)  # fmt: skip
def test_arithmetic_of_defaults_never_raises(value: str, known: object) -> None:
    found = {s.name: s.default for s in switches(sources(f"import os\nx = os.environ.get('A', {value})\n"))}
    assert found == {"A": known}


@pytest.mark.parametrize(
    "value", ["2 ** " * 900 + "1", "1 - (" * 150 + "1" + ")" * 150, "-" * 900 + "1", "int(" * 150 + "1" + ")" * 150]
)
def test_a_value_that_is_too_deep_is_not_known(value: str) -> None:
    """From wherever it is asked: how deep is too deep hangs on that."""

    def asked(depth: int) -> object:
        return asked(depth - 1) if depth else literal(ast.parse(value, mode="eval").body)

    for depth in (0, 400):
        assert asked(depth) is None or isinstance(asked(depth), int)


def test_what_a_caller_sets_goes_before_what_a_launcher_falls_back_on() -> None:
    launcher = replace(command("run.sh:9", STEPS="5"), defaults=frozenset({"STEPS"}))
    for commands in ((command(STEPS="6"), launcher), (launcher, command(STEPS="6"))):
        found = resolved(*commands)
        assert (found.settings["STEPS"].value, found.conflicts) == ("6", ())
    assert resolved(command(STEPS="6"), replace(launcher, defaults=frozenset())).conflicts


@pytest.mark.parametrize("word", ["bf16", "torch.bfloat16", "BFLOAT16"])
def test_types_by_their_short_names(word: str) -> None:
    assert same(word, "bfloat16")
    assert not same(word, "float16")
