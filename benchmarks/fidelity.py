"""What our departures from the record do to the score, at the small scale: each seed is trained with each of them.

    python benchmarks/fidelity.py --clone CLONE [--seeds 42 314 999] [--orders 1]

Orders of batches over the same 26 shards: ours, ours begun from other numbers, and those of the record's own loader,
which the shards' path decides. From the weights of our order: logits rounded to bfloat16 after their cap, as the
record's evaluation has them (its training has not: the compiler keeps them in float32), and calibration on the first
batches of training, as the record does it, instead of the next ones. Bits per byte of the validation text; "averaged"
is before quantization, "sliding" the score. Takes half a minute for each seed and each order.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import record_script
import torch
from torch import Tensor

from reference_model import config
from reference_model.model import kernels, network
from reference_model.reproduce import text
from reference_model.train import train_and_evaluate
from reference_model.training import checkpoint, data, trainer

SHARDS = 26
_DRIVER = Path(__file__).with_name("record_batches.py")
Scores = dict[str, float]


def prepared(folder: Path) -> config.RunConfig:
    """The small scale on its own text, in as many shards as the record has."""
    run = config.small()
    run = replace(run, data=replace(run.data, data_dir=str(folder)))
    text.prepare(run)
    paths = data.find_shards(run.train_files)
    tokens = np.concatenate([data.read_shard(path) for path in paths])
    for path in paths:
        path.unlink()
    for index, part in enumerate(np.array_split(tokens, SHARDS)):
        data.write_shard(Path(run.datasets_dir, f"fineweb_train_{index:06d}.bin"), part)
    return run


@contextlib.contextmanager
def another_order(number: int) -> Iterator[None]:
    """Our loader, begun from another number."""
    new = np.random.default_rng
    with patch.object(np.random, "default_rng", lambda seed: new([*seed, number])):
        yield


def record_batches(run: config.RunConfig, source: str, folder: Path, number: int) -> Tensor:
    """The micro-batches of a run and its calibration from the record's loader, by a path of that number."""
    record_script.place(source, folder)
    train, out, shards = run.train, folder / "batches.pt", folder / f"shards{number}"
    shards.symlink_to(run.datasets_dir)
    count = train.iterations * train.micro_batches + run.quant.gptq_calibration_batches
    numbers = (train.train_batch_tokens, train.train_seq_len, train.micro_batches, count)
    command = [sys.executable, str(_DRIVER), str(folder), f"{shards}/fineweb_train_*.bin", *map(str, numbers), str(out)]
    subprocess.run(record_script.offline(command), check=True, capture_output=True)
    found: Tensor = torch.load(out, weights_only=True)
    return found


@contextlib.contextmanager
def given_order(batches: Tensor) -> Iterator[None]:
    """A loader that has these batches, for one rank."""

    class Given:
        def __init__(self, *where: object) -> None:
            self._left = iter(batches)

        def next_batch(self) -> tuple[Tensor, Tensor]:
            batch = next(self._left)
            return batch[:, :-1].contiguous(), batch[:, 1:].contiguous()

        def close(self) -> None: ...

    with patch.object(trainer, "TrainLoader", Given):
        yield


@contextlib.contextmanager
def rounded_logits() -> Iterator[None]:
    """After the cap."""
    exact = kernels.capped
    with patch.object(network, "capped", lambda *given: exact(*given).bfloat16().float()):
        yield


@contextlib.contextmanager
def calibrated_from_the_start() -> Iterator[None]:
    with patch.object(data.TrainLoader, "skip", lambda self, batches: None):
        yield


def scores(run: config.RunConfig, artifact: Path, weights: str = "") -> Scores:
    """Bits per byte by the evaluation's name."""
    _, found = train_and_evaluate(run, lambda line: None, code_bytes=30_000, artifact=artifact, weights=weights)
    names = ("averaged", "read back", "sliding")
    return dict(zip(names, (score.bits_per_byte for score in found.values()), strict=True))


def measured(
    run: config.RunConfig, source: str, seeds: Sequence[int], orders: int, folder: Path
) -> dict[str, list[tuple[Scores, Scores]]]:
    """By the departure the scores of each seed (and order), each beside what our order and rules give the seed."""
    found: dict[str, list[tuple[Scores, Scores]]] = {}
    theirs = [record_batches(run, source, folder, number) for number in range(orders)]
    for seed in seeds:
        seeded = replace(run, seed=seed)
        (folder / str(seed)).mkdir()
        artifact, weights = folder / str(seed) / "a.bin", str(folder / str(seed) / checkpoint.WEIGHTS)
        departures: list[tuple[str, AbstractContextManager[None], str]] = [
            ("ours", contextlib.nullcontext(), ""),
            ("logits rounded", rounded_logits(), weights),
            ("calibrated from the start", calibrated_from_the_start(), weights),
            *(("another order", another_order(number), "") for number in range(1, orders + 1)),
            *(("the record's order", given_order(batches), "") for batches in theirs),
        ]
        for name, changed, again in departures:
            with changed:
                got = scores(seeded, artifact, again)
            own = found["ours"][-1][0] if name != "ours" else got
            found.setdefault(name, []).append((got, own))
            print(f"seed {seed}, {name}: {got}", file=sys.stderr, flush=True)
    return found


def table(found: dict[str, list[tuple[Scores, Scores]]]) -> str:
    """Means and standard deviations of the scores, and of their differences from ours with the same seed."""
    lines = [f"{'':36}{'mean':>9}{'sd':>10}{'from ours':>12}{'sd':>10}"]
    for name, pairs in found.items():
        for stage in ("averaged", "sliding"):
            columns = [[got[stage] for got, _ in pairs], [got[stage] - own[stage] for got, own in pairs]]
            spreads = [statistics.stdev(values) if len(values) > 1 else float("nan") for values in columns]
            (mean, apart), (spread, of_apart) = map(statistics.mean, columns), spreads
            lines.append(f"{name:26}{stage:10}{mean:9.5f}{spread:10.5f}{apart:+12.5f}{of_apart:10.5f}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--clone", type=Path, required=True, metavar="DIR", help="a clone of openai/parameter-golf")
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 314, 999])
    parser.add_argument("--orders", type=int, default=1, metavar="N", help="others of ours, and of the record's loader")
    parser.add_argument("--steps", type=int, help="of training; by default the small scale's")
    given = parser.parse_args(argv)
    source = record_script.from_clone(given.clone)
    if source is None:
        parser.error(f"{given.clone} has no {record_script.REF}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = prepared(folder / "data")
        if given.steps:
            run = replace(run, train=replace(run.train, iterations=given.steps))
        print(table(measured(run, source, given.seeds, given.orders, folder)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
