"""A dump of settings in a form that no reader understands is said; defaults do not stand in for it in silence."""

from __future__ import annotations

import pytest
from folders_in_memory import loaded

from auditor.judgement.gather import gather
from auditor.judgement.judge import not_judged_because
from auditor.rule import Facts
from rules.examples.folders import folder, log
from rules.examples.scripts import script

NAMES = ("ttt_enabled", "ttt_lr", "ttt_epochs", "num_layers", "model_dim", "warmdown_iters")
SETTINGS = "; ".join(f'{name} = int(os.environ.get("{name.upper()}", "1"))' for name in NAMES)


def facts(dump: str) -> Facts:
    shown = {seed: f"{dump}\n{log(seed, 1.1)}" for seed in (42, 314, 999)}
    return gather(loaded(folder(script(settings=SETTINGS), logs=shown)), {})


UNREAD = {
    "keys and values on lines of their own": "\n".join(f"{name}:\n    value: 0" for name in NAMES),
    "names above their values": "  ".join(NAMES) + "\n" + "  ".join("0" for _ in NAMES),
}
READ_OR_NONE = {
    "YAML": "config:\n" + "\n".join(f"  {name}: 0" for name in NAMES),
    "no dump": "",
    "one name in passing": "ttt_enabled: see the script",
}


@pytest.mark.parametrize("name", UNREAD)
def test_a_dump_that_is_not_understood_is_a_problem(name: str) -> None:
    found = facts(UNREAD[name])
    assert all("settings" in run.unread for run in found.headline)
    assert "ttt_enabled" in found.headline[0].problems[-1]
    assert "settings of a run" in not_judged_because(found, [])


@pytest.mark.parametrize("name", READ_OR_NONE)
def test_what_is_read_or_not_there_is_none(name: str) -> None:
    assert not any("settings" in run.unread for run in facts(READ_OR_NONE[name]).headline)
