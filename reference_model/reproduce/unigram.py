"""The score of a model that knows how often each token occurs and nothing else: what a trained model must beat."""

from __future__ import annotations

import math

import numpy as np
import torch

from reference_model.config import RunConfig
from reference_model.evaluation.bytes import byte_table, load_tokenizer
from reference_model.training.data import load_validation, read_shard, training_shards


def unigram_bpb(config: RunConfig) -> float:
    """Bits per byte of the validation tokens by the training shards' counts, one added to each id's."""
    counts = np.ones(config.model.vocab_size, dtype=np.int64)
    for path in training_shards(config):
        counts += np.bincount(read_shard(path), minlength=counts.size)
    tokens = load_validation(config).to(torch.int64)
    nats = -np.log(counts / counts.sum())[tokens[1:].numpy()].sum()
    size = byte_table(load_tokenizer(config.tokenizer_path)).count(tokens[:-1], tokens[1:]).sum()
    return float(nats / math.log(2) / int(size))
