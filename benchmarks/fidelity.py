"""What our departures from the record do to the score, at the small scale: each seed is trained with each of them.

    python benchmarks/fidelity.py --clone CLONE [--seeds 42 314 999]

Orders of batches: ours, ours begun from another number, and the record's own loader's over the same 26 shards. From the
weights of our order: logits rounded to bfloat16 after their cap, as the record's evaluation has them (its training has
not: the compiler keeps them in float32), and calibration on the first batches of training, as the record does it,
instead of the next ones. Bits per byte of the validation text; "averaged" is before quantization, "sliding" the score.
Takes half a minute for each seed and order.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import record_script
import torch
from torch import Tensor

from reference_model import config
from reference_model.model import network
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
def another_order() -> Iterator[None]:
    """Our loader, begun from another number."""
    new = np.random.default_rng
    with patch.object(data.np.random, "default_rng", lambda seed: new([*seed, 1])):
        yield


def record_batches(run: config.RunConfig, source: str, folder: Path) -> Tensor:
    """The micro-batches of a run and its calibration from the record's loader."""
    record_script.place(source, folder)
    train, out = run.train, folder / "batches.pt"
    count = train.iterations * train.micro_batches + run.quant.gptq_calibration_batches
    numbers = (train.train_batch_tokens, train.train_seq_len, train.micro_batches, count)
    command = [sys.executable, str(_DRIVER), str(folder), run.train_files, *map(str, numbers), str(out)]
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

        def skip(self, batches: int) -> None:
            for _ in range(batches):
                next(self._left)

        def close(self) -> None: ...

    with patch.object(trainer, "TrainLoader", Given):
        yield


@contextlib.contextmanager
def rounded_logits() -> Iterator[None]:
    """After the cap."""
    exact = network.capped
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


def measured(run: config.RunConfig, source: str, seeds: Sequence[int], folder: Path) -> dict[str, list[Scores]]:
    """The scores of each seed, by the departure."""
    batches = record_batches(run, source, folder)
    found: dict[str, list[Scores]] = {}
    for seed in seeds:
        seeded = replace(run, seed=seed)
        (folder / str(seed)).mkdir()
        artifact, weights = folder / str(seed) / "a.bin", str(folder / str(seed) / checkpoint.WEIGHTS)
        departures = {
            "ours": contextlib.nullcontext(),
            "logits rounded": rounded_logits(),
            "calibrated from the start": calibrated_from_the_start(),
            "another order": another_order(),
            "the record's order": given_order(batches),
        }
        for name, changed in departures.items():
            again = weights if "order" not in name and name != "ours" else ""
            with changed:
                found.setdefault(name, []).append(scores(seeded, artifact, again))
            print(f"seed {seed}, {name}: {found[name][-1]}", file=sys.stderr, flush=True)
    return found


def table(found: dict[str, list[Scores]]) -> str:
    """Means over the seeds, and their differences from ours, seed by seed, with the standard deviation of these."""
    ours = found["ours"]
    lines = []
    for name, all_scores in found.items():
        for stage in ("averaged", "sliding"):
            values = [score[stage] for score in all_scores]
            apart = [value - own[stage] for value, own in zip(values, ours, strict=True)]
            spread = statistics.stdev(values if name == "ours" else apart) if len(values) > 1 else float("nan")
            what = "of the seeds" if name == "ours" else f"of the differences, {statistics.mean(apart):+.6f} on average"
            lines.append(f"{name:26} {stage:9} {statistics.mean(values):.6f}, standard deviation {spread:.6f} {what}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--clone", type=Path, required=True, metavar="DIR", help="a clone of openai/parameter-golf")
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 314, 999])
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
        print(table(measured(run, source, given.seeds, folder)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
