"""What calibration costs, ours against the record's script: operations counted on a CPU, and the seconds that follow.

    python benchmarks/calibration.py --clone CLONE          # both sides; CLONE has the heads of pull requests
    python benchmarks/calibration.py --scale small          # only ours

Each side calibrates on one sequence in a process of its own, and torch counts the operations of the products, of
attention (its causal half) and of the Hessians. A batch of a rank is 48 such sequences. The record's three logs say how
long its ranks took for 64 batches each (GPTQ:collected): ours, which share the 64 batches, take that time by operations
and batches. What is added to that is the sum of all ranks' Hessians, at --gigabytes-per-second.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import record_script
import train_step

from reference_model.config import SCALES, RunConfig

RECORD_SECONDS = 9.8  # of the record's slowest seed, for BATCHES on each rank
BATCHES = 64
Operations = dict[str, int]


def of_a_batch(side: train_step.Result, run: RunConfig) -> Operations:
    """Operations of a rank's batch, by kind."""
    sequences = run.train.train_batch_tokens // run.train.micro_batches // run.train.train_seq_len
    return {kind: count * sequences for kind, count in side["operations"].items()}


def seconds(ours: Operations, record: Operations, run: RunConfig) -> float:
    """Of our ranks' batches at the pace of the record's."""
    share = run.quant.gptq_calibration_batches / train_step.GPUS / BATCHES
    return RECORD_SECONDS * share * sum(ours.values()) / sum(record.values())


def summed_seconds(run: RunConfig, gigabytes_per_second: float) -> float:
    """Of adding up the float32 Hessians of all ranks: a ring moves 2 (n-1)/n of them."""
    model = run.model
    size = 4 * model.num_layers * (3 * model.model_dim**2 + model.mlp_dim**2)
    return size * 2 * (train_step.GPUS - 1) / train_step.GPUS / (gigabytes_per_second * 1e9)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--clone", type=Path, metavar="DIR", help="a clone of openai/parameter-golf")
    parser.add_argument("--scale", choices=tuple(SCALES), default="record")
    parser.add_argument("--gigabytes-per-second", type=float, default=50.0, help="between GPUs, at the least")
    given = parser.parse_args(argv)
    source = record_script.from_clone(given.clone) if given.clone else None
    if given.clone and source is None:
        parser.error(f"{given.clone} has no {record_script.REF}")
    run = SCALES[given.scale]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = {"scale": given.scale, "device": "cpu", "count": True, "folder": name, "seconds": 600.0}
        sides = {"ours": of_a_batch(train_step.run_side("ours", options, folder), run)}
        if source is not None:
            record_script.place(source, folder)
            sides["record"] = of_a_batch(train_step.run_side("record", options, folder), run)
    print(f"TFLOP of a rank's batch{'':7}" + "".join(f"{which:>10}" for which in sides))
    for kind in sides["ours"]:
        print(f"  {kind:28}" + "".join(f"{side[kind] / 1e12:10.3f}" for side in sides.values()))
    print(f"  {'all':28}" + "".join(f"{sum(side.values()) / 1e12:10.3f}" for side in sides.values()))
    if "record" in sides:
        whole = seconds(sides["ours"], sides["record"], run)
        print(f"ours, at the record's pace: {whole:.2f} s, and {summed_seconds(run, given.gigabytes_per_second):.3f} s "
              f"for the sum; reserved: {run.train.gptq_reserve_seconds:g} s")  # fmt: skip
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
