"""Reachability in three values: under defaults, `--set`, what a log proves, and switches that nothing settles."""

from __future__ import annotations

import textwrap

import pytest
from folders_in_memory import loaded
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program_samples import FINAL, HEAD, pairs, program, sources

from auditor.claims import Claims, Command
from auditor.config import configure
from auditor.judgement.gather import gather
from auditor.program import analyse
from auditor.source.plain import SyntaxProblem
from auditor.source.syntax import parse_python
from rules.examples.adaptation import score_first
from rules.examples.folders import folder
from rules.examples.scripts import script

GUARDS = {
    "an integer": ('int(os.environ.get("TTT", "0"))', "on", "1"),
    "a string": ('os.environ.get("TTT", "none")', 'on == "full"', "full"),
    "a word": ('os.environ.get("TTT", "false").lower() == "true"', "on", "true"),
    "a comparison": ('float(os.environ.get("TTT", "0.0"))', "on > 0.5", "0.9"),
    "a product": ('int(os.environ.get("TTT", 0)) * 4', "on >= 4", "1"),
    "a helper": ('flag("TTT", False)', "on", "1"),
    "a helper that returns early": ('early("TTT", False)', "on", "1"),
    "getenv": ('bool(int(os.getenv("TTT", "0")))', "on and True", "1"),
}
HELPER = """
def flag(name, default):
    raw = os.environ.get(name)
    return default if raw is None else raw == "1"
def early(name, default):
    raw = os.environ.get(name)
    if raw is None:
        return default
    return raw == "1"
"""


@pytest.mark.parametrize(("value", "test", "setting"), GUARDS.values(), ids=GUARDS)
def test_a_switch_decides(value: str, test: str, setting: str) -> None:
    body = f"{HELPER}on = {value}\nif {test}:\n    fit(net, val, opt)\n{FINAL}"
    off = pairs(body)
    assert [d.active for d in off] == [False]
    assert all("TTT" in d.adapt.off for d in off)
    assert {d.active for d in pairs(body, {"TTT": setting})} == {True}


def test_a_dataclass_a_class_and_argparse_hold_switches() -> None:
    plain = "class C:\n    ttt: int = int(os.environ.get('TTT', 0))\nc = C()\n"
    dataclass = f"from dataclasses import dataclass\n@dataclass\n{plain}"
    for head in (dataclass, plain):
        body = f"{head}if c.ttt:\n    fit(net, val, opt)\n{FINAL}"
        assert [d.active for d in pairs(body)] == [False]
        assert {d.active for d in pairs(body, {"TTT": "1"})} == {True}
    body = (
        "import argparse\np = argparse.ArgumentParser()\n"
        "p.add_argument('--ttt', type=int, default=0)\nc = p.parse_args()\n"
        f"if c.ttt:\n    fit(net, val, opt)\n{FINAL}"
    )
    assert [d.active for d in pairs(body)] == [False]
    assert {d.active for d in pairs(body, {"ttt": "1"})} == {True}


def test_eight_ranks_run_and_what_any_of_them_trains_counts() -> None:
    body = f'world = int(os.environ["WORLD_SIZE"])\nif world > 1:\n    fit(net, val, opt)\n{FINAL}'
    assert {d.active for d in pairs(body)} == {True}
    body = f'rank = int(os.environ.get("RANK", "3"))\nif rank != 0:\n    fit(net, val, opt)\n{FINAL}'
    assert {d.active for d in pairs(body)} == {True}


@pytest.mark.parametrize("test", ['os.name == "nt"', 'os.name != "posix"', 'sys.platform.startswith("win")'])
def test_the_score_is_made_on_linux(test: str) -> None:
    assert not pairs(f"import sys\nif {test}:\n    fit(net, val, opt)\n{FINAL}")
    assert pairs(f"import sys\nif not ({test}):\n    fit(net, val, opt)\n{FINAL}")


def test_a_condition_on_data_is_taken_to_run() -> None:
    assert {d.active for d in pairs(f"if val.sum() > 3:\n    fit(net, val, opt)\n{FINAL}")} == {True}


def test_an_early_return_switches_the_rest_off() -> None:
    body = f"""
    def work():
        if int(os.environ.get("TTT", "0")) == 0:
            return
        fit(net, val, opt)
    work()
    {FINAL}
    """
    assert [d.active for d in pairs(body)] == [False]
    assert {d.active for d in pairs(body, {"TTT": "1"})} == {True}


def test_a_log_proves_that_a_branch_ran() -> None:
    body = f'if int(os.environ.get("TTT", "0")):\n    print(f"adapting epochs {{3}}")\n    fit(net, val, opt)\n{FINAL}'
    assert [d.active for d in pairs(body)] == [False]
    assert {d.active for d in pairs(body, log=("adapting epochs 3",))} == {True}
    proof = program(body, log=("adapting epochs 3",)).proofs[0]
    assert (proof.log, proof.log_line, proof.text) == ("train.log", 1, "adapting epochs 3")
    # What-if beats what the log shows.
    assert [d.active for d in pairs(body, {"TTT": "0"}, log=("adapting epochs 3",))] == [False]


def test_any_line_of_a_log_proves_that_its_branch_ran() -> None:
    body = f'if float(os.environ.get("SCALE", "0")) > 0:\n    print("fitting scales")\n    fit(net, val, opt)\n{FINAL}'
    assert [d.active for d in pairs(body)] == [False]
    assert {d.active for d in pairs(body, others=("fitting scales",))} == {True}
    assert [d.active for d in pairs(body, others=("fitted scales",))] == [False]


_FLAG = f"""
flag = os.environ.get("KIND", "plain") == "wide"
if not flag:
    print("no wide layers")
else:
    print("wide layers")
if flag:
    fit(net, val, opt)
{FINAL}
"""


def test_a_flag_that_a_log_shows_is_so_wherever_it_is_asked_for() -> None:
    assert [d.active for d in pairs(_FLAG)] == [False]
    assert {d.active for d in pairs(_FLAG, others=("wide layers",))} == {True}
    assert [d.active for d in pairs(_FLAG, {"KIND": "wide"}, others=("no wide layers",))] == [True]  # a what-if
    kept = _FLAG.replace("flag = os", "class Of:\n    pass\nof = Of()\nof.flag = os").replace("if flag", "if of.flag")
    assert {d.active for d in pairs(kept.replace("not flag", "not of.flag"), others=("wide layers",))} == {True}


_PRESET = f"""
class Settings:
    ttt = bool(int(os.environ.get("TTT", "0")))
settings = Settings()
if os.environ.get("PRESET", "plain") == "large":
    settings.ttt = True
if settings.ttt:
    print(f"adapting epochs {{3}}")
    fit(net, val, opt)
{FINAL}
"""


def test_a_log_proves_what_an_arm_that_is_left_out_has_switched_on() -> None:
    assert True not in {d.active for d in pairs(_PRESET)}
    assert {d.active for d in pairs(_PRESET, log=("adapting epochs 3",))} == {True}
    (proof,) = program(_PRESET, log=("adapting epochs 3",)).proofs
    assert proof.text == "adapting epochs 3"


def test_a_line_that_two_arms_print_proves_neither() -> None:
    body = 'if int(os.environ.get("TTT", "0")):\n    print(f"adapting epochs {val.sum()}")\n    fit(net, val, opt)\n'
    body += f'else:\n    print(f"adapting epochs {{val.min()}}")\n{FINAL}'
    assert [d.active for d in pairs(body, log=("adapting epochs 3",))] == [False]


def test_commands_that_disagree_leave_a_switch_open() -> None:
    body = HEAD.strip() + f'\nif int(os.environ.get("TTT", "0")):\n    fit(net, val, opt)\n{FINAL}\n'
    found = sources(body)
    commands = tuple(
        Command(f"README.md:{n}", {"TTT": value}, "train_gpt.py", (), "") for n, value in ((1, "0"), (2, "1"))
    )
    configuration = configure(found, Claims(commands=commands), (), {})
    assert configuration.unsettled == {"TTT"}
    followed = analyse(found, configuration)
    assert [a.active for a in followed.trace.adapts.values()][:1] == [None]
    line = body.splitlines().index("    fit(net, val, opt)") + 1
    assert found.entry is not None
    assert followed.reached(found.entry, line) is None


def test_lines_are_reached_or_not() -> None:
    text = HEAD.strip() + f"\nif 1 > 2:\n    dead = 1\nelse:\n    live = 1\n{FINAL}\n"
    found = sources(text)
    followed = analyse(found, configure(found, Claims(), (), {}))
    lines = text.splitlines()
    assert found.entry is not None
    assert followed.reached(found.entry, lines.index("    dead = 1") + 1) is False
    assert followed.reached(found.entry, lines.index("    live = 1") + 1) is True


HOSTILE = {
    "recursion": "def f(n):\n    return f(n - 1)\nf(3)",
    "mutual recursion": "def f():\n    g()\ndef g():\n    f()\nf()",
    "a class that is its own base": "class A: pass\nclass B(A): pass\nA.__bases__ = (B,)\nB().x",
    "a list that holds itself": "a = []\na.append(a)\nprint(a, len(a), a[0][0][0])\nfit(net, a, opt)",
    "a dict that holds itself": "d = {}\nd['d'] = d\nprint(d, sum(d))\ntorch.save(d, 'x')",
    "names that are not there": "missing(1).attr[2] += other\n",
    "deep expressions": "x = " + "+".join(["val"] * 400),
    "nested loops": "\n".join("    " * i + f"for a{i} in range(9):" for i in range(12)) + "\n" + "    " * 12 + "pass",
    "great powers": "x = 10 ** 10 ** 10\ny = 'a' * 10 ** 9\nz = 1 << 10 ** 9",
    "wrong arity": "def f(a, *, b):\n    return a + b\nf()\nf(1, 2, 3, c=4)",
    "match": "match val:\n    case [1, 2]:\n        pass\n    case _:\n        pass",
    "generators": "def g():\n    yield val\n    yield from g()\nfor t in g():\n    fit(net, t, opt)",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_hostile_code_ends(body: str) -> None:
    assert program(f"{body}\n{FINAL}").trace.reports


_LINES = score_first().splitlines()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(0, len(_LINES) - 1), min_size=1, max_size=12, unique=True))
def test_any_script_that_parses_is_analysed(dropped: list[int]) -> None:
    text = "\n".join(line for i, line in enumerate(_LINES) if i not in dropped)
    try:
        parse_python(text)
    except SyntaxProblem:
        return
    found = sources(textwrap.dedent(text))
    assert analyse(found, configure(found, Claims(), (), {})).steps > 0


def test_a_complete_log_without_its_lines_shows_that_a_branch_did_not_run() -> None:
    body = f'if int(os.environ.get("TTT", "1")):\n    print(f"ttt:start epochs {{3}}")\n    fit(net, val, opt)\n{FINAL}'
    # The score's line is there, the branch's is not.
    assert {d.active for d in pairs(body, log=("other line",))} == {True}  # some adaptation line is there
    assert [d.active for d in pairs(body)] == [False]
    # A documented command that says so is believed against the log's silence, as is --set.
    assert {d.active for d in pairs(body, {"TTT": "1"})} == {True}
    # Lines that are printed through another function than the score's may go elsewhere.
    elsewhere = body.replace('print(f"ttt', 'log_to_file(f"ttt')
    helper = "def log_to_file(text):\n    print(text)\n"
    assert {d.active for d in pairs(helper + elsewhere)} == {True}


def test_lines_of_a_program_that_was_not_followed_may_run() -> None:
    spare = "if False:\n    spare = 1\n"
    unit, line = sources("").entry, textwrap.dedent(HEAD).strip().count("\n") + 3
    lost, known = program(spare + "score(net, val)"), program(spare + FINAL)
    assert not lost.followed
    assert lost.reached(unit, line) is None
    assert known.reached(unit, line) is False
    assert known.reached(unit, line + 1) is True


@pytest.mark.parametrize("n", [300, 2000])
def test_many_elifs_are_read(n: int) -> None:
    """Each is within the one before it in the tree; what comes last counts as what comes first does."""
    setting = "mode = os.environ.get('MODE', 'x')\nif mode == 'a':\n    scale = 1.0\n"
    setting += "".join(f"elif mode == 'a{i}':\n    scale = {i}.0\n" for i in range(n))
    facts = gather(loaded(folder(script(settings=setting + "elif mode == 'x':\n    scale = 3.0\n"))), {}, strict=True)
    assert facts.program.followed


def test_what_ends_the_run_is_said_with_its_place() -> None:
    entangled = "v = 0\n" + "for q in TOKENS:\n    v = v + q\n" * 2100
    (said,) = [p for p in program(f"{entangled}{FINAL}").problems if "places" in p]
    assert said.startswith("train_gpt.py:")
    assert "depends on more than 2,000 places" in said
    deep = "class B:\n    def a(self, x):\n        return self\nb = B()\nq = b" + ".a(TOKENS)" * 400 + "\n"
    lost = program(f"{deep}{FINAL}")
    assert not lost.followed
    assert any(p.startswith("train_gpt.py:") and "nested more deeply" in p for p in lost.problems)


def test_a_module_that_stands_in_many_places_is_looked_at_once() -> None:
    """Six levels of four hundred that are the same: as many ways as 400 to the power of 6."""
    body = "class M(torch.nn.Module):\n    def __init__(self, inner):\n        super().__init__()\n"
    body += "        self.l = torch.nn.ModuleList([inner] * 400)\n"
    body += "m = torch.nn.Linear(1, 1)\n" + "m = M(m)\n" * 6 + "m(TOKENS)\nm.load_state_dict(torch.load('x.pt'))\n"
    assert program(f"{body}{FINAL}").followed


@pytest.mark.parametrize("test", ["found and rows > 9", "rows > 9 and found", "not (found or rows < 9)"])
def test_a_part_that_is_known_decides_whatever_the_others_are(test: str) -> None:
    body = (
        "try:\n    import faster\n    found = True\nexcept ImportError:\n    found = False\n"
        f"rows = 3\nif {test}:\n    fit(net, val, opt)\n{FINAL}"
    )
    assert not [d for d in pairs(body) if d.active is not False]


def test_settings_that_a_loop_adds_are_told_apart() -> None:
    """The switch is one of more names than a loop is followed for one by one."""
    others = ", ".join(f"size_{i}={i}" for i in range(12))
    body = f"""
import argparse
p = argparse.ArgumentParser()
for name, default in dict({others}, ttt=WANTED, folder="./data").items():
    p.add_argument("--" + name, type=type(default), default=default)
c = p.parse_args()
if c.ttt:
    fit(net, load(c.folder + "/fineweb_val_*.bin"), opt)
{FINAL}
"""
    assert [pair.active for pair in pairs(body.replace("WANTED", "1"))] == [True]
    assert not any(pair.active for pair in pairs(body.replace("WANTED", "0")))
