"""Takes batches from the record's own loader (in a process of its own) and saves them.

    python record_batches.py FOLDER_OF_THE_SCRIPT PATTERN_OF_SHARDS TOKENS_A_STEP LENGTH MICRO_BATCHES COUNT OUT.pt

COUNT micro-batches, as [COUNT, B, LENGTH + 1]: inputs and targets overlap but for one token.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import torch


def main(folder: str, pattern: str, tokens: str, length: str, micro_batches: str, count: str, out: str) -> None:
    sys.path.insert(0, folder)
    script: Any = importlib.import_module("train_gpt")
    loader = script.DistributedTokenLoader(pattern, 0, 1, torch.device("cpu"))
    found = [loader.next_batch(int(tokens), int(length), int(micro_batches)) for _ in range(int(count))]
    torch.save(torch.stack([torch.cat((x, y[:, -1:]), dim=1) for x, y in found]), out)


if __name__ == "__main__":
    main(*sys.argv[1:])
