"""A configuration is read in whatever form a program dumps it; what happens later is no configuration."""

from __future__ import annotations

import json
import pprint

import pytest

from auditor.runs import read_log

VALUES: dict[str, object] = {
    "data_path": "./data/fineweb10B_sp1024", "iterations": 20000, "max_wallclock_seconds": 590.0, "seed": 314,
    "ttt_enabled": False, "ttt_lr": 1e-4, "vocab_size": 1024,
}  # fmt: skip
SHELL = {name.upper(): int(v) if isinstance(v, bool) else v for name, v in VALUES.items()}


def lines(form: str, values: dict[str, object] = VALUES) -> str:
    return "\n".join(form.format(name, value) for name, value in values.items())


def joined(form: str, between: str) -> str:
    return between.join(form.format(name, repr(value)) for name, value in VALUES.items())


FORMS = {
    "YAML": "config:\n" + lines("  {}: {}"),
    "YAML without a title": lines("{}: {}"),
    "pretty JSON": json.dumps(VALUES, indent=2),
    "pretty JSON with a title": "Hyperparameters: " + json.dumps(VALUES, indent=4),
    "nested JSON": json.dumps({"config": VALUES}, indent=2),
    "nested JSON on one line": json.dumps({"config": VALUES}),
    "JSON behind a title": "args: " + json.dumps(VALUES),
    "dict": str(VALUES),
    "pprint": pprint.pformat(VALUES, width=40),
    "namespace": f"namespace({joined('{}={}', ', ')})",
    "data class on lines": f"TrainArgs(\n{joined('    {}={}', ',' + chr(10))}\n)",
    "AttrDict": f"AttrDict({VALUES})",
    "list of pairs": str(list(VALUES.items())),
    "TOML": "[train]\n" + lines("{} = {!r}"),
    "banner": "=== Hyperparameters ===\n" + lines("{}: {}") + "\n===",
    "two words in the title": "Training configuration:\n" + lines("  {}: {}"),
    "dots": "------ arguments ------\n" + "\n".join(f"  {k} {'.' * (40 - len(k))} {v}" for k, v in VALUES.items()),
    "columns": "Hyperparameters:\n" + "\n".join(f"  {k:<30}{v}" for k, v in VALUES.items()),
    "two in a row": "Hyperparameters:\n  "
    + "\n  ".join("  ".join(f"{k}: {VALUES[k]}" for k in list(VALUES)[i : i + 2]) for i in range(0, 7, 2)),
    "table of rich": "\u250f\u2501\u2501\u2513\n" + lines("\u2502 {:<24} \u2502 {!s:<30} \u2502"),
    "table": lines("| {} | {} |"),
    "list": "Hyperparameters:\n" + lines("* {}: {}"),
    "far indented": "Hyperparameters:\n" + lines(" " * 20 + "{}: {}"),
    "options": "python train_gpt.py " + " ".join(f"--{k} {v}" for k, v in VALUES.items()),
    "options with signs": "python train_gpt.py " + " ".join(f"--{k}={v}" for k, v in VALUES.items()),
    "exports": lines("export {}={}", SHELL),
    "set -x": lines("+ export {}={}", SHELL),
    "command": " ".join(f"{k}={v}" for k, v in SHELL.items()) + " torchrun --nproc_per_node=8 train_gpt.py",
    "PowerShell": lines('$env:{}="{}"', SHELL),
    "object": lines("config.{}: {}"),
    "tag": lines("[config] {}={}"),
    "commas": joined("{}: {}", ", "),
    "bars": joined("{}={}", " | "),
}
REST = (
    "val_loader:shards pattern=./data/fineweb_val_*.bin tokens:62021632\n"
    "step:7000/20000 train_loss:2.1 train_time:589000ms step_avg:84.14ms\n"
    "stopping_early: wallclock_cap train_time:590038ms step:7303/20000\n"
    "final_int8_ttt_exact val_loss:1.88946058 val_bpb:1.11904107 lr:0.5 iterations:7\n"
)


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_a_dump(name: str) -> None:
    (run,) = read_log("a.log", f"{FORMS[name]}\n{REST}")
    found = {key.lower(): value for key, value in run.hyperparameters.items()}
    assert found["data_path"].strip("'\"") == "./data/fineweb10B_sp1024"
    assert found["ttt_enabled"].lower() in ("false", "0")
    assert float(found["ttt_lr"]) == 1e-4
    assert (run.seed, run.wallclock_cap_seconds, found["iterations"]) == (314, 590.0, "20000")
    assert run.val_tokens == 62_021_632


@pytest.mark.parametrize(
    "line",
    [
        "ttt:start lr=0.5 epochs=9 chunk=32768",  # what a phase does
        "step:0/20000 val_loss:6.9 val_bpb:4.1 lr:0.5",
        "lr = float(os.environ.get('LR', 0.5))",  # code
        "params: embed_lr",
        "lr: 0.5",  # one line is no dump
    ],
)
def test_other_lines_are_no_dump(line: str) -> None:
    (run,) = read_log("a.log", f"{line}\n{REST}")
    assert "lr" not in run.hyperparameters
