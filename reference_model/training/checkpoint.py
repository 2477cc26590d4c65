"""The weights of a finished training, on disk before anything is quantized: what comes after can be repeated from them.

A file has the averaged weights, the configuration, what training came to, and the lines that the log had until then.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from torch import Tensor

from reference_model.config import RunConfig
from reference_model.training.trainer import Trained

WEIGHTS = "final_model.pt"
_PLACES = {"data_dir", "datasets_dir", "expected_val_tokens", "tokenizer_path", "train_files", "val_files"}


class OtherRun(ValueError):
    """The weights are those of another run; the message names what differs."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What training left: weights by their names, on the CPU; steps and seconds; the log so far."""

    weights: Mapping[str, Tensor]
    trained: Trained
    log: tuple[str, ...]


def save(path: Path, config: RunConfig, weights: Mapping[str, Tensor], trained: Trained, log: Sequence[str]) -> None:
    """Writes a file that is there whole or not at all, and on the disk when this returns."""
    held = {"config": config.dump(), "weights": {name: tensor.cpu() for name, tensor in weights.items()},
            "steps": trained.steps, "seconds": trained.seconds, "log": list(log)}  # fmt: skip
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        torch.save(held, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def load(path: Path, config: RunConfig) -> Checkpoint:
    """Raises OtherRun for weights that were not trained as ``config`` says, ValueError for what is no such file."""
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
        found = Checkpoint(held["weights"], Trained(held["steps"], held["seconds"]), tuple(held["log"]))
        before = dict(held["config"])
    except OSError:
        raise
    except Exception as error:  # torch, pickle and zip each have their own
        raise ValueError(f"{path}: no weights of a finished training: {error}") from error
    now = config.dump()
    after = _PLACES | {field.name for section in (config.quant, config.eval) for field in fields(section)}
    for name in sorted((before.keys() | now.keys()) - after):
        if before.get(name) != now.get(name):
            raise OtherRun(f"{path}: trained with {name}={before.get(name)}, and {now.get(name)} is asked for")
    return found
