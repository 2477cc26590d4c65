"""What a block leaves behind that may not have run decides nothing afterwards; one that has run, all it did before."""

from __future__ import annotations

import pytest
from program_samples import FINAL, pairs

LATE = "net.emb.weight.std().item() < 0.5"  # not known
HEAD = """
import atexit, os
class Flags:
    flag = False
    def leave(self, marks):
        if {late}:
            return
        self.flag = True
        marks.append(1)
def mark():
    global FLAG
    FLAG = True
mark.flag = False
FLAG = False
flags, marks, table, last = Flags(), [], {{'a': 0}}, 0
"""
PERHAPS = {
    "append": ("if {late}:\n    marks.append(1)", "not marks"),
    "length": ("if {late}:\n    marks.append(1)", "len(marks) == 0"),
    "sum of lists": ("if {late}:\n    marks += [1]", "not marks"),
    "clear": ("marks.append(1)\nif {late}:\n    marks.clear()", "marks"),
    "element": ("marks.append(0)\nif {late}:\n    marks[0] = 1", "marks[0] == 0"),
    "new key": ("if {late}:\n    table['b'] = 1", "'b' not in table"),
    "value": ("if {late}:\n    table['a'] = 1", "table['a'] == 0"),
    "update": ("if {late}:\n    table.update(b=1)", "'b' not in table"),
    "attribute": ("if {late}:\n    flags.flag = True", "not flags.flag"),
    "attribute that is new": ("if {late}:\n    flags.new = True", "not getattr(flags, 'new', False)"),
    "attribute that is there": ("if {late}:\n    flags.new = True", "not hasattr(flags, 'new')"),
    "of a class": ("if {late}:\n    Flags.flag = True", "not Flags.flag"),
    "of a function": ("if {late}:\n    mark.flag = True", "not mark.flag"),
    "global": ("if {late}:\n    mark()", "not FLAG"),
    "and": ("{late} and marks.append(1)", "not marks"),
    "either": ("marks.append(1) if {late} else None", "not marks"),
    "walrus": ("{late} and (last := 1)", "not last"),
    "rounds": ("for _ in range(int(net.emb.weight.std())):\n    flags.flag = True", "not flags.flag"),
    "names of rounds": ("for _ in range(int(net.emb.weight.std())):\n    last = 1", "not last"),
    "while": ("while {late}:\n    table['a'] = 1", "table['a'] == 0"),
    "exception": ("try:\n    net(1)\nexcept ValueError:\n    flags.flag = True", "not flags.flag"),
    "before one": ("try:\n    net(1)\n    marks.append(1)\nexcept ValueError:\n    pass", "not marks"),
    "early end": ("flags.leave(marks)", "not flags.flag"),
    "early end, list": ("flags.leave(marks)", "not marks"),
    "round that is left": ("for _ in (1,):\n    if {late}:\n        continue\n    last = 1", "not last"),
    "case": ("match int(net.emb.weight.std()):\n    case 0:\n        marks.append(1)", "not marks"),
    "callback": ("os.register_at_fork(after_in_child=mark)", "not FLAG"),
}
SURE = {
    "append": ("marks.append(1)", "not marks"),
    "attribute": ("flags.flag = True", "not flags.flag"),
    "key": ("table['a'] = 1", "table['a'] == 0"),
    "rounds": ("for _ in range(3):\n    last = 1", "not last"),
    "the other way raises": ("if {late}:\n    raise ValueError\nelse:\n    flags.flag = True", "not flags.flag"),
    "both ways": ("if {late}:\n    flags.flag = True\nelse:\n    flags.flag = True", "not flags.flag"),
    "handler that raises": (
        "try:\n    flags.flag = True\nexcept ValueError:\n    raise",
        "not flags.flag",
    ),
}


def _active(before: str, test: str) -> set[bool | None]:
    body = f"{HEAD}{before}\nif {test}:\n    fit(net, val, opt)\n".replace("{late}", LATE)
    return {d.active for d in pairs(body.replace("{{", "{").replace("}}", "}") + FINAL)}


@pytest.mark.parametrize(("before", "test"), PERHAPS.values(), ids=PERHAPS)
def test_what_may_not_have_run_leaves_both_ways_open(before: str, test: str) -> None:
    assert True in _active(before, test)


@pytest.mark.parametrize(("before", "test"), SURE.values(), ids=SURE)
def test_what_has_run_decides(before: str, test: str) -> None:
    assert not _active(before, test) - {False}


AMBIENT = ("'TORCHELASTIC_RUN_ID' in os.environ", "os.environ.get('CUDA_HOME')", "os.getenv('HOSTNAME', '') != ''")


@pytest.mark.parametrize("test", AMBIENT)
def test_a_variable_that_the_machine_sets_is_not_taken_to_be_absent(test: str) -> None:
    assert _active("", test) - {False}


def test_a_variable_that_nobody_sets_is_absent() -> None:
    assert not _active("", "'MY_TTT' in os.environ") - {False}
