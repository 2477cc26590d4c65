"""Lines that tell what the run ran on and with: GPU, ranks, data, n-gram gates, adaptation."""

from __future__ import annotations

import re
from typing import Literal

from auditor.runs.draft import Draft, whole

_GPU = re.compile(
    r"\b(?:NVIDIA |Tesla |GeForce )?(?:GH200|GB200|GB10|[HBALVT]\d{1,3}[SZGX]?|MI\d{3}X?"
    r"|RTX(?: PRO)? ?[A-Z]?\d{3,4}(?: Ti| SUPER)?)"
    r"(?:[- ](?:SXM\d?|PCIe|NVL|HBM\d\w?|\d{2,3}GB|Ti|Laptop|Blackwell|Ada)){0,5}\b"
)
_WORLD = re.compile(
    r"(?:\bws(?=[:=]\d{1,4} g)|world[_ ]size|nproc[_-]per[_-]node|num_gpus)\s{0,2}[:= ]\s{0,3}(\d{1,4})\b",
    re.IGNORECASE,
)
# `8xH100` stands where a launcher tells what it asked for; a rank count of the run itself beats it.
_ASKED = re.compile(r"(?<![\w.])(\d{1,3})\s?[x\u00d7*]\s?(?:NVIDIA )?[HAB]\d{2,3}\b")
# `ws:8 ga:1 s:42`: abbreviations that stand for one another.
_SHORT_SEED = re.compile(r"\bws:\d{1,4}\b.{0,200}?\ss:(\d{1,10})(?![\w.])")
_LOADED = re.compile(
    r"\b(?:load\w{0,20}|ckpt|resum\w{1,4}|checkpoint_path|init_from)\b.{0,200}?seed[_=-]?(\d{1,10})(?!\d)[^\s]{0,200}"
    r"\.(?:pt|ptz|pth|bin|npz|safetensors)\b",
    re.IGNORECASE,
)
_PARAMETERS = re.compile(
    r"(?:model_params|model params|total params|num_params|total parameters)\s{0,3}[:=]\s{0,3}(\d[\d,_]{2,20})",
    re.IGNORECASE,
)
_SHARDS = re.compile(r"train_shards\s{0,2}[:=]\s{0,3}(\d{1,7})\b")
_DATASET = re.compile(r"train_loader:dataset:([^\s]{1,120})")
_TOKENIZER = re.compile(r"tokenizer_path=([^\s]{1,300})")
_GATE = re.compile(r"\b(total|gated|token_gate|within_gate|word_gate|agree2plus)\s{0,2}=\s{0,2}(\d{1,15})")
_SIDECAR_OFF = re.compile(r"sidecar\w{0,20}\s{0,2}[:=]\s{0,2}(?:false|0|none|off|disabled|no)\b", re.IGNORECASE)
_PPM = re.compile(r"\bppm", re.IGNORECASE)
_ADAPTATION = ("ttt", "slot", "prequant", "lora", "adapt")


def read_device(draft: Draft, line: str) -> None:
    if draft.gpu is None:
        match = _GPU.search(line)
        if match:
            draft.gpu = match[0].strip()
    if draft.world_size is None:
        world = _WORLD.search(line)
        if world:
            draft.world_size = int(world[1]) or None
    if draft.asked_world_size is None:
        asked = _ASKED.search(line)
        draft.asked_world_size = int(asked[1]) if asked else None


def read_short_seed(draft: Draft, line_number: int, line: str) -> None:
    """The seed of a line that abbreviates the configuration."""
    match = _SHORT_SEED.search(line) if draft.seed is None else None
    if match:
        draft.seed, draft.seed_line = int(match[1]), line_number


def read_checkpoint(draft: Draft, line_number: int, line: str) -> None:
    """The seed in the path of a checkpoint that is loaded: `loading from outputs/seed1337/final_model.pt`."""
    match = _LOADED.search(line) if draft.loaded_seed is None else None
    if match:
        draft.loaded_seed, draft.loaded_line = int(match[1]), line_number


def read_data(draft: Draft, line: str) -> None:
    parameters = _PARAMETERS.search(line)
    if parameters and draft.model_params is None:
        draft.model_params = whole(parameters[1])
    shards = _SHARDS.search(line)
    if shards and draft.train_shards is None:
        draft.train_shards = int(shards[1])
    dataset = _DATASET.search(line)
    if dataset and draft.dataset is None:
        draft.dataset = dataset[1]
    tokenizer = _TOKENIZER.search(line)
    if tokenizer and draft.tokenizer is None:
        draft.tokenizer = tokenizer[1]


def read_gates(draft: Draft, line_number: int, line: str) -> None:
    """The counters of the n-gram tilt: how many hints each gate let through."""
    gates = {name: int(value) for name, value in _GATE.findall(line)}
    if "within_gate" in gates or "word_gate" in gates or "agree2plus" in gates:
        draft.gates, draft.gates_line = gates, line_number


def read_sidecar(draft: Draft, line_number: int, line: str) -> None:
    """Whether bytes are counted from a sidecar file; the first line that speaks of it decides."""
    lower = line.lower()
    if draft.byte_sidecar is None and ("byte" in lower or "val" in lower or "caseops" in lower):
        draft.byte_sidecar = _SIDECAR_OFF.search(line) is None
        draft.byte_sidecar_line = line_number


def kind_of(line: str) -> Literal["adaptation", "ngram", "ppm"] | None:
    """What sort of evaluation code prints such a line, if it is one of the three that a `Run` keeps apart."""
    lower = line.lower()
    if "n-gram" in lower or "ngram" in lower:
        return "ngram"
    if "ppm" in lower and _PPM.search(line):
        return "ppm"
    return "adaptation" if any(word in lower for word in _ADAPTATION) else None


def read_kinds(draft: Draft, line_number: int, line: str) -> None:
    """Keeps the lines of adaptation, n-gram and PPM code that ran."""
    kind = kind_of(line)
    if kind is not None:
        getattr(draft, kind).add(line_number, line)
