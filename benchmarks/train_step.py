"""An optimizer step on one GPU's share of the batch, ours against the record's script, on the same card.

    python benchmarks/train_step.py --record train_gpt.py [--out train_step.json]      # one H100: both sides
    python benchmarks/train_step.py --clone CLONE                                       # the script out of a clone
    python benchmarks/train_step.py --scale small --device cpu --steps 2 --warm-up 1    # only ours, anywhere

A share is 98,304 tokens (786,432 over 8 GPUs): forward, backward, clipping, every optimizer, the average of the
weights, before and after recurrence starts. Both sides use the same attention kernel, and their medians are compared;
so are MFU, peak memory, the kernels of a step, sliding evaluation, calibration and GPTQ. Each side runs in a process of
its own, which has half of --minutes. The record ran torch 2.9.1 (the extra `gpu`): on another one it is another model.

The projection to 8 GPUs assumes: every GPU computes the same share; Muon's work is divided by 8; gradients (float32)
and Muon's directions (bfloat16) travel at --gigabytes-per-second; ours wait for all of it, the record's gradients
travel while it computes. Exit status: 0, or 1 where ours is slower or needs more memory than the record's, or where
FlashAttention 3 was chosen and not every layer of ours calls it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import record_script

HERE = Path(__file__).resolve().parent
GPUS = 8
PARAMETERS = 34_401_372
LAYERS = 11
_UNITS = {"peak_mib": "MiB", "mfu_percent": "%"}
Result = dict[str, Any]


def run_side(which: str, options: dict[str, Any], folder: Path) -> Result:
    """Runs one side in a subprocess, the record's without network. Raises RuntimeError with its last words."""
    out = folder / f"{which}.json"
    command = [sys.executable, str(HERE / "sides.py"), which, json.dumps({**options, "out": str(out)})]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(HERE.parent), str(HERE)))}
    if options["device"] == "cpu":
        environment |= {"TORCHDYNAMO_DISABLE": "1", "CUDA_VISIBLE_DEVICES": ""}
    if which == "record":
        command = record_script.offline(command)
    try:
        done = subprocess.run(command, env=environment, cwd=folder, stdout=sys.stderr, stderr=subprocess.PIPE,
                              text=True, check=False, timeout=options["seconds"])  # fmt: skip
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{which}: not done within {options['seconds']:.0f} s") from None
    if done.returncode != 0:
        raise RuntimeError(f"{which}: exit status {done.returncode}\n{done.stderr[-3000:]}")
    result: Result = json.loads(out.read_text(encoding="utf-8"))
    return result


def projected(side: Result, when: str, gigabytes_per_second: float, overlapped: bool) -> float:
    """Milliseconds of a step on 8 GPUs under the assumptions above. A ring moves 2 (n-1)/n of what it adds up."""
    part = side[when]
    ring = (GPUS - 1) / GPUS / (gigabytes_per_second * 1e6)  # ms per byte, one way
    gradients, directions = PARAMETERS * 4 * 2 * ring, PARAMETERS * 2 * ring
    alone: float = part["step"] - part["muon"] * (1 - 1 / GPUS)
    return alone + directions + (0.0 if overlapped else gradients)


def table(ours: Result, record: Result | None, gigabytes_per_second: float) -> list[tuple[str, float, float | None]]:
    """(what, ours, the record's), the same unit in a row."""
    rows: list[tuple[str, float, float | None]] = []
    for when in ("before", "after"):
        for name in ("step", "forward_backward", "optimizer", "muon", "ema", "slowest_step", "mfu_percent", "peak_mib"):
            what = f"{when} recurrence: {name}, {_UNITS.get(name, 'ms')}"
            rows.append((what, ours[when][name], record[when][name] if record else None))
        rows.append(
            (
                f"{when} recurrence: step on 8 GPUs (projected), ms",
                projected(ours, when, gigabytes_per_second, overlapped=False),
                projected(record, when, gigabytes_per_second, overlapped=True) if record else None,
            )
        )
    for name in ours.get("rest", {}):
        rows.append((name.replace("_", " "), ours["rest"][name], record["rest"][name] if record else None))
    return rows


def printed(ours: Result, rows: Sequence[tuple[str, float, float | None]]) -> str:
    head = f"{ours['device']}, torch {ours['torch']}, attention {ours['attention']}, {ours['tokens']:,} tokens a step"
    lines = [head, f"{'':58}{'ours':>12}{'record':>12}{'ratio':>8}"]
    for what, one, other in rows:
        end = f"{other:12.2f}{one / other if other else float('nan'):8.3f}" if other is not None else ""
        lines.append(f"{what:58}{one:12.2f}{end}")
    return "\n".join(lines)


def profiles(which: str, side: Result) -> str:
    """The kernels that a step spends its time in, and how often FlashAttention 3 is called."""
    lines = []
    for when in ("before", "after"):
        seen = side[when]["profile"]
        lines.append(f"\n{which}, {when} recurrence: {seen['kernels']:,} kernels a step, "
                     f"{seen['flash_calls']} of them FlashAttention 3's")  # fmt: skip
        lines += [f"  {name:70} {count:6,} x {ms:9.2f} ms" for name, count, ms in seen["rows"]]
    return "\n".join(lines)


def unused_flash(ours: Result) -> list[str]:
    """Where FlashAttention 3 was chosen and a visit of a layer does without: each calls it forward and backward."""
    if ours["attention"] != "flash_attention_3":
        return []
    return [f"{when} recurrence: {ours[when]['profile']['flash_calls']} kernels of FlashAttention 3, "
            f"for {visits} layers forward and backward"
            for when, visits in (("before", LAYERS), ("after", LAYERS + 2))
            if ours[when]["profile"]["flash_calls"] < 2 * visits]  # fmt: skip


def misses(ours: Result, record: Result) -> list[str]:
    """Where ours takes longer or more memory than the record's script."""
    return [
        f"{when} recurrence: {name} {ours[when][name]:.1f}, the record's {record[when][name]:.1f}"
        for when in ("before", "after")
        for name in ("step", "peak_mib")
        if ours[when][name] > record[when][name]
    ]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--record", type=Path, metavar="FILE", help="the record's train_gpt.py")
    parser.add_argument("--clone", type=Path, metavar="DIR", help="a clone of openai/parameter-golf to take it from")
    parser.add_argument("--scale", choices=("record", "small"), default="record")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--warm-up", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=8.0, help="for both sides together")
    parser.add_argument("--no-rest", action="store_true", help="only the steps: no evaluation, calibration, GPTQ")
    parser.add_argument("--gigabytes-per-second", type=float, default=200.0, help="between GPUs, for the projection")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write everything as JSON")
    given = parser.parse_args(argv)
    source = given.record.read_text(encoding="utf-8") if given.record else None
    if given.clone:
        source = record_script.from_clone(given.clone)
        if source is None:
            parser.error(f"{given.clone} has no {record_script.REF}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = {
            "scale": given.scale,
            "device": given.device,
            "steps": given.steps,
            "warm_up": given.warm_up,
            "rest": not given.no_rest,
            "folder": name,
            "seconds": 60 * given.minutes / 2,
        }
        ours, record = run_side("ours", options, folder), None
        if source is not None:
            record_script.place(source, folder)
            record = run_side("record", options, folder)
    rows = table(ours, record, given.gigabytes_per_second)
    print(printed(ours, rows))
    for which, side in (("ours", ours), ("record", record)):
        if side is not None:
            print(profiles(which, side))
    if given.out:
        given.out.write_text(json.dumps({"ours": ours, "record": record, "rows": rows}, indent=1), encoding="utf-8")
    missed = misses(ours, record) if record else []
    unused = unused_flash(ours) if given.scale == "record" else []
    for line in missed:
        print(f"slower or larger: {line}")
    for line in unused:
        print(f"another kernel than the chosen one: {line}")
    return 1 if missed or unused else 0


if __name__ == "__main__":
    sys.exit(main())
