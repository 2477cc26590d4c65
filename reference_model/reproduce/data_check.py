"""What is wrong with the data and the tokenizer of a run, said before a second of an accelerator is spent on it.

`golf-reproduce` asks before it starts; the training script itself stops at the first thing that won't do.
"""

from __future__ import annotations

from dataclasses import dataclass

from reference_model.config import RunConfig
from reference_model.evaluation.bytes import TokenizerRefused, load_tokenizer
from reference_model.training.data import ShardError, Tokens, find_shards, read_shard

_VAL_SEQUENCE = 2048  # expected_val_tokens is counted in whole sequences of this length
_SAMPLED_TOKENS = 1 << 20  # of each training shard, to see whether its ids fit the vocabulary


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that would end a run or spoil its figure: where it is, and what is wrong and wanted."""

    where: str
    message: str


def check(config: RunConfig) -> list[Problem]:
    """Everything that is wrong; the ids of training shards are looked at in part."""
    problems = _tokenizer_problems(config)
    wanted = config.data.train_shards
    train, found = _open_all(config.train_files, "training", wanted)
    problems += found
    if len(train) < wanted and not found:
        problems.append(Problem(config.train_files, f"{len(train)} training shards here, {wanted} are wanted"))
    val, found = _open_all(config.val_files, "validation")
    problems += found
    for path, tokens in train.items():
        if len(tokens) <= 2 * config.train.train_seq_len:
            problems.append(Problem(path, f"{len(tokens)} tokens are too few for training sequences"))
    for path, tokens in [*((p, t[:_SAMPLED_TOKENS]) for p, t in train.items()), *val.items()]:
        highest = int(tokens.max(initial=0))
        if highest >= config.model.vocab_size:
            message = f"holds id {highest}, beyond the vocabulary of {config.model.vocab_size}: another tokenizer's"
            problems.append(Problem(path, message))
    return problems + (_val_problems(config, sum(map(len, val.values()))) if val and not found else [])


def _open_all(pattern: str, kind: str, first: int = 0) -> tuple[dict[str, Tokens], list[Problem]]:
    shards: dict[str, Tokens] = {}
    problems: list[Problem] = []
    try:
        paths = find_shards(pattern)[: first or None]
    except FileNotFoundError:
        return {}, [Problem(pattern, f"no {kind} shard here: `golf-reproduce data` fetches them")]
    for path in paths:
        try:
            shards[str(path)] = read_shard(path)
        except (ShardError, OSError) as error:
            problems.append(Problem(str(path), str(error).removeprefix(f"{path}: ")))
    return shards, problems


def _tokenizer_problems(config: RunConfig) -> list[Problem]:
    path, wanted = config.tokenizer_path, config.model.vocab_size
    try:
        size = int(load_tokenizer(path).vocab_size())
    except (TokenizerRefused, OSError) as error:
        return [Problem(path, str(error).removeprefix(f"{path}: "))]
    return [] if size == wanted else [Problem(path, f"a vocabulary of {size}, but the model's is {wanted}")]


def _val_problems(config: RunConfig, tokens: int) -> list[Problem]:
    """The number of validation tokens tells a part, or another split, from the challenge's 50,000 documents."""
    expected, scored = config.data.expected_val_tokens, tokens - 1
    if scored < 1:
        return [Problem(config.val_files, "no token to score")]
    if expected and not expected <= scored < expected + _VAL_SEQUENCE:
        message = f"{scored:,} tokens to score, but the full validation set has {expected:,} in whole sequences"
        return [Problem(config.val_files, message)]
    return []
