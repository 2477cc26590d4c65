"""The challenge's own: its files by their paths, its settings; what reads, writes, packs and unpacks them."""

from __future__ import annotations

import re


def names_validation(text: str) -> bool:
    """Whether a text is the path, or the pattern of paths, of validation tokens; those of byte counts are none."""
    return len(text) < _PATH and "bytes" not in text and _VALIDATION_FILES.search(text) is not None


def names_training(text: str) -> bool:
    """Whether a text is the path, or the pattern of paths, of training tokens."""
    return len(text) < _PATH and _TRAINING_FILES.search(text) is not None


SOURCE_DOCUMENTS = "docs_selected"
"""Part of the name of the file that the challenge's shards are made of: the validation documents are its first."""

_VALIDATION_FILES = re.compile(
    r"fineweb_?val|(?:^|[/_])val(?:id)?[_\-*0-9]*[^/]*\.(?:bin|npy|pt)|valid.*\.bin"
    r"|(?<![a-z])val(?:idation)?(?:_[0-9*{]|\*)"
)

_TRAINING_FILES = re.compile(
    r"fineweb_?train|(?:^|[/_])train[_\-*0-9]*[^/]*\.(?:bin|npy|pt)|(?<![a-z])train(?:_[0-9*{]|\*)"
)

_PATH = 300  # characters of a text that can be a path

SAVE = frozenset(
    {"save", "dump", "savez", "savez_compressed", "write", "write_bytes", "write_text", "tofile", "save_file"}
)

PACKS = frozenset(
    {
        "dumps",
        "compress",
        "compressobj",
        "packb",
        "pack",
        "pack_into",
        "tobytes",
        "to_bytes",
        "state_dict",
        "b85encode",
        "b64encode",
    }
)
"""Calls that give in packed form what they are given."""

LOAD = frozenset({"load", "read", "read_bytes", "load_file", "readinto"})

UNPACKS_TEXT = frozenset({"b85decode", "b64decode", "a85decode", "b32decode", "fromhex", "unhexlify"})

STORED = frozenset({"decompress", "frombuffer", "b85decode", "b64decode", "a85decode", "read_bytes", "unpackbits"})
"""Calls that give what a file or a literal holds in packed form."""

FROM_DISK = frozenset({"torch.load", "numpy.load", "pickle.load", "pickle.loads", "safetensors.torch.load_file"})

READS = frozenset({"fromfile", "memmap", "load", "glob", "rglob", "open", "read", "read_bytes", "Path", "join", "stat"})
"""Ways from a path to what is in the file."""

CHALLENGE_DOWNLOADS = frozenset({"cached_challenge_fineweb.py", "download_hf_docs_and_tokenize.py"})
"""Scripts of the challenge's repository that bring its data."""

SHARDS = ("fineweb_train_000000.bin", "fineweb_train_000001.bin", "fineweb_val_000000.bin")
"""What the challenge's data folder holds, as a listing gives it: training shards, then the validation shard."""

LOG_ENDINGS = (".log", ".out", ".err", ".txt", ".csv", ".tsv", ".jsonl")
"""How files that runs print into end."""

BESIDE_SHARDS = (".json", ".model", ".vocab", ".toml", ".yaml", ".yml")
"""How files end that may stand beside the shards."""

OPENS = frozenset({"open", "memmap", "fromfile", "load", "readinto"})
"""Calls that open files."""

_BUDGETS = frozenset({"max_wallclock_seconds", "iterations"})
"""What the challenge's own script calls how long it trains; other names are their authors'."""


def is_budget(switch: str) -> bool:
    """Whether a switch says for how long a program is to train."""
    return switch.lower().lstrip("-").replace("-", "_") in _BUDGETS
