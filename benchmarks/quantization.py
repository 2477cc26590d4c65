"""GPTQ, pruning and compression of a full-size model: ours against the record's script, on the same random matrices.

    GOLF_CLONE=CLONE python benchmarks/quantization.py [--repeat 3] [--layers 11] [--std 0.08] [--ours-only]

66 matrices of the record's shapes and both embedding tables. The record's functions run in a subprocess without
network, from a temporary copy of the script out of the clone. Prints a table of medians and, with --json, writes all
figures. Weights of the default size quantize as trained ones do: most row scales are at their floor, three in ten codes
are +/-1, and the artifact is just above the limit.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import record_script
import torch
from numpy.typing import NDArray
from torch import Tensor

from reference_model.quantization import artifact, gptq, prune

LIMIT = 16_000_000  # bytes of code and model
RECORD_CODE_BYTES = 90_804  # both sides have as much code, so that they have as much room for the model
Codes = NDArray[np.generic]
_DRIVER = Path(__file__).with_name("quantization_record.py")


@dataclass(frozen=True)
class Model:
    """Random stand-ins under the record's names."""

    matrices: dict[str, Tensor]
    tables: dict[str, Tensor]
    hessians: dict[str, Tensor]  # query, key and value have one and the same

    @property
    def weights(self) -> dict[str, Tensor]:
        return {**self.tables, **self.matrices}


@dataclass(frozen=True)
class Times:
    """Seconds of wall clock, of all cores together in `cpu`, and bytes of the artifact."""

    gptq: float
    prune: float  # all that is neither quantization nor compression
    brotli: float
    whole: float
    cpu: float  # says more than the clock where the machine is busy with other things
    artifact_bytes: int


def random_model(layers: int = 11, std: float = 0.08, seed: int = 0, width: int = 512, vocabulary: int = 4096) -> Model:
    torch.manual_seed(seed)
    matrices: dict[str, Tensor] = {}
    hessians: dict[str, Tensor] = {}
    for layer in range(layers):
        block = f"blocks.{layer}"
        for names, columns in (
            ({"attn.c_q": width, "attn.c_k": width // 2, "attn.c_v": width // 2}, width),
            ({"attn.proj": width}, width),
            ({"mlp.fc": 4 * width}, width),
            ({"mlp.proj": width}, 4 * width),
        ):
            hessian = _hessian(columns)
            for name, rows in names.items():
                matrices[f"{block}.{name}.weight"] = torch.randn(rows, columns) * std * (0.9 + 0.2 * torch.rand(()))
                hessians[f"{block}.{name}.weight"] = hessian
    tables = {"tok_emb.weight": torch.randn(vocabulary, width), "ve_shared.embed.weight": torch.randn(vocabulary, 128)}
    return Model(matrices, {name: table * 0.3 for name, table in tables.items()}, hessians)


def _hessian(columns: int) -> Tensor:
    """Second moments of correlated inputs of different sizes."""
    inputs = torch.randn(2 * columns, columns) * (0.1 + 2 * torch.rand(columns))
    inputs[:, 1:] += 0.5 * inputs[:, :-1]
    return inputs.t() @ inputs / len(inputs)


def run_ours(model: Model, code_bytes: int, limit: int) -> tuple[Times, dict[str, gptq.Quantized], prune.Fitted]:
    """Everything from weights to the artifact's bytes, as a run does it."""
    started, cpu = time.perf_counter(), time.process_time()
    matrices = gptq.quantize_all(model.matrices, model.hessians, artifact.workers())
    tables = {name: gptq.round_rows(table) for name, table in model.tables.items()}
    quantized_at = time.perf_counter()
    compressing = _Stopwatch(artifact.pack_codes)
    with patch.object(prune, "pack_codes", compressing):
        fitted = prune.fit({**tables, **matrices}, {}, code_bytes, limit)
    ended = time.perf_counter()
    packing = compressing.seconds
    times = Times(
        quantized_at - started,
        ended - quantized_at - packing,
        packing,
        ended - started,
        time.process_time() - cpu,
        len(fitted.blob),
    )
    return times, {**tables, **matrices}, fitted


class _Stopwatch:
    def __init__(self, function: object) -> None:
        self.function, self.seconds = function, 0.0

    def __call__(self, *args: object) -> object:
        started = time.perf_counter()
        try:
            return self.function(*args)  # type: ignore[operator]
        finally:
            self.seconds += time.perf_counter() - started


def run_record(model: Model, source: str, folder: Path) -> tuple[Times, dict[str, Codes], list[str]]:
    """The record's `serialize`, less its collection of Hessians: times, codes and scales before pruning, log lines."""
    record_script.place(source, folder)
    save: Any = np.savez
    save(folder / "weights.npz", **{name: weight.numpy() for name, weight in model.weights.items()})
    repeats = ("c_k.weight", "c_v.weight")
    own = {name: matrix.numpy() for name, matrix in model.hessians.items() if not name.endswith(repeats)}
    save(folder / "hessians.npz", **own)
    root = str(Path(__file__).resolve().parent.parent)
    command = record_script.offline([sys.executable, str(_DRIVER), str(folder), str(folder)])
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": root})
    if done.returncode:
        raise RuntimeError(f"the record's script failed:\n{done.stderr[-2000:]}")
    times = json.loads((folder / "times.json").read_text(encoding="utf-8"))
    with np.load(folder / "codes.npz", allow_pickle=False) as arrays:
        codes = {name: arrays[name] for name in arrays.files}
    return Times(**times, artifact_bytes=(folder / "record.ptz").stat().st_size), codes, done.stdout.splitlines()


def as_much_pruned(ours: dict[str, gptq.Quantized], log: Sequence[str]) -> int | None:
    """Bytes of our artifact with as many values pruned as the record's log says; None where it says nothing."""
    counts = [int(found[1]) for line in log if (found := re.search(r"selective_prune: pruning (\d+)/", line))]
    return len(artifact.pack(prune.prune(ours, counts[0]), {})) if counts else None


def differing(ours: dict[str, gptq.Quantized], theirs: dict[str, Codes]) -> tuple[int, int, int]:
    """Codes that differ before pruning, scales that differ, codes in all."""
    both = {name: matrix for name, matrix in ours.items() if f"{name}.q" in theirs}  # small ones it does not quantize
    codes = sum(int((matrix.codes.numpy() != theirs[f"{name}.q"]).sum()) for name, matrix in both.items())
    scales = sum(int((matrix.scales.numpy() != theirs[f"{name}.scale"]).sum()) for name, matrix in both.items())
    return codes, scales, sum(matrix.codes.numel() for matrix in both.values())


def medians(runs: Sequence[Times]) -> dict[str, float]:
    return {name: statistics.median(asdict(run)[name] for run in runs) for name in asdict(runs[0])}


def table(ours: dict[str, float], record: dict[str, float] | None) -> str:
    lines = [f"{'':16}{'ours':>14}{'record':>14}{'record/ours':>14}"]
    for name, mine in ours.items():
        unit = "" if name.endswith("bytes") else " s"
        digits = 0 if unit == "" else 1
        theirs = f"{record[name]:>12,.{digits}f}{unit or '  '}{record[name] / max(mine, 1e-9):>14.3g}" if record else ""
        lines.append(f"{name.replace('_', ' '):16}{mine:>12,.{digits}f}{unit or '  '}{theirs}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clone", default=os.environ.get("GOLF_CLONE", ""), help="for the record's script")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--layers", type=int, default=11, help="of six matrices each")
    parser.add_argument("--std", type=float, default=0.08, help="of the weights")
    parser.add_argument("--ours-only", action="store_true")
    parser.add_argument("--json", type=Path, help="write all figures here")
    options = parser.parse_args(argv)
    source = None if options.ours_only else record_script.from_clone(Path(options.clone))
    if source is None and not options.ours_only:
        print("the record's script needs --clone or GOLF_CLONE; --ours-only does without", file=sys.stderr)
        return 2
    model = random_model(options.layers, options.std)
    ours: list[Times] = []
    record: list[Times] = []
    notes: list[str] = []
    for turn in range(options.repeat):  # in turns, so that a busy machine slows both
        times, quantized, fitted = run_ours(model, RECORD_CODE_BYTES, LIMIT)
        ours.append(times)
        notes.append(
            f"ours: {fitted.unpruned_bytes:,} bytes before pruning, {len(fitted.blob):,} after; "
            f"{fitted.pruned:,} of {fitted.prunable:,} values pruned"
        )
        print(f"ours, run {turn + 1}: {times.whole:.1f} s", file=sys.stderr)
        if source is not None:
            with tempfile.TemporaryDirectory() as folder:
                times, codes, log = run_record(model, source, Path(folder))
            record.append(times)
            wrong, scales, count = differing(quantized, codes)
            if turn == 0 and (alike := as_much_pruned(quantized, log)) is not None:
                notes.append(f"ours: {alike:,} bytes with as many values pruned as the record's script prunes")
            notes += [f"{wrong:,} of {count:,} codes and {scales:,} scales differ before pruning", *log]
            print(f"record, run {turn + 1}: {times.whole:.1f} s", file=sys.stderr)
    print(
        f"{len(model.matrices)} matrices, torch {torch.__version__}, {torch.get_num_threads()} threads, "
        f"{artifact.workers()} cores, medians of {options.repeat}"
    )
    print(table(medians(ours), medians(record) if record else None))
    print("\n".join(dict.fromkeys(notes)))
    if options.json:
        figures = {"ours": [asdict(run) for run in ours], "record": [asdict(run) for run in record], "notes": notes}
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
