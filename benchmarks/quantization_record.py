"""Runs the record's own quantization, pruning and compression (in a process of its own) and times its parts.

    python quantization_record.py FOLDER_OF_THE_SCRIPT FOLDER_OF_THE_MODEL

The second folder has weights.npz and hessians.npz; the compressed artifact, codes.npz and times.json are written there.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch


def timed(spent: dict[str, list[float]], name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        started = time.perf_counter()
        result = function(*args, **kwargs)
        spent.setdefault(name, []).append(time.perf_counter() - started)
        return result

    return run


def load(path: Path) -> dict[str, torch.Tensor]:
    with np.load(path, allow_pickle=False) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


def main(script_folder: str, model_folder: str) -> None:
    sys.path.insert(0, script_folder)
    script: Any = importlib.import_module("train_gpt")
    folder = Path(model_folder)
    weights, hessians = load(folder / "weights.npz"), load(folder / "hessians.npz")
    codes: dict[str, Any] = {}
    spent: dict[str, list[float]] = {}
    quantize = script.gptq_mixed_quantize_int6

    def keep(*args: Any) -> Any:
        result, meta = quantize(*args)
        codes.update({name: tensor.numpy().copy() for name, tensor in result.items()})
        return result, meta

    shared = {
        name: hessians[name if name in hessians else f"{name.rsplit('.', 2)[0]}.c_q.weight"]
        for name in weights
        if ".attn." in name or ".mlp." in name
    }
    script.gptq_mixed_quantize_int6 = timed(spent, "gptq", keep)
    script._compress = timed(spent, "brotli", script._compress)
    script.torch.save = timed(spent, "save", torch.save)
    script.collect_hessians = lambda *args, **kwargs: shared
    script.DistributedTokenLoader = lambda *args, **kwargs: None
    script.log = lambda line, *args: print(line, flush=True)
    settings = SimpleNamespace(
        is_main_process=True,
        model_path=str(folder / "raw.pt"),
        quantized_model_path=str(folder / "record.ptz"),
        gptq_enabled=True,
        train_files="",
        rank=0,
        world_size=1,
        local_rank=0,
        gptq_calibration_batches=1,
        compressor="brotli",
    )
    model = SimpleNamespace(state_dict=lambda: weights)
    code = (Path(script_folder) / "train_gpt.py").read_text(encoding="utf-8")
    started, cpu = time.perf_counter(), time.process_time()
    script.serialize(settings, model, code)
    whole = time.perf_counter() - started - spent["save"][0]  # of the unquantized model, which only the record writes
    parts = {"gptq": sum(spent["gptq"]), "brotli": sum(spent["brotli"])}
    times = {**parts, "prune": whole - sum(parts.values()), "whole": whole, "cpu": time.process_time() - cpu}
    (folder / "times.json").write_text(json.dumps(times), encoding="utf-8")
    np.savez(folder / "codes.npz", **codes)


if __name__ == "__main__":
    main(*sys.argv[1:])
