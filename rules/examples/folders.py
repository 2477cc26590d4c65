"""Builders of minimal submission folders for the examples of the rules.

`folder()` with no arguments is a complete, legal, three-seed record submission: every rule must find nothing in it.
An example changes the one thing that it is about. The figures agree with each other: `val_loss`, `val_tokens`
and `val_bpb` of a default log give the byte total of the full validation set, and submission.json claims the
mean of the logs.
"""

from __future__ import annotations

import base64
import json
import lzma
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property

from rules.examples import scripts

VAL_TOKENS = 62_021_632
VAL_BYTES = 151_080_891
SEEDS = (42, 314, 999)
TRACK = "track_10min_16mb"

DEFAULT_CODE_BYTES = 48_000  # stands for the size of the script that a folder puts beside the log
_TOTAL_SIZE = re.compile(r"Total submission size int8\+zlib: (\d{1,12}) bytes")


def log(
    seed: int = 42,
    val_bpb: float = 1.1,
    *,
    val_loss: float | None = None,
    val_tokens: int | None = VAL_TOKENS,
    train_seconds: float = 590.0,
    calibration_seconds: float | None = None,
    eval_seconds: float | None = 90.0,
    artifact_bytes: int | None = 15_900_000,
    code_bytes: int = DEFAULT_CODE_BYTES,
    steps: int = 6000,
    world_size: int = 8,
    gpu: str | None = "NVIDIA H100 80GB HBM3",
    hyperparameters: Mapping[str, object] | None = None,
    label: str = "final_int8_zlib_roundtrip",
    exact: bool = True,
    before: Sequence[str] = (),
    lines: Sequence[str] = (),
    after: Sequence[str] = (),
) -> str:
    """A train log in the challenge's grammar.

    `val_loss` (nats per token) defaults to the one that makes the log divide by the full set's bytes.
    `before` stands at the head, `lines` between training and the final evaluation, `after` at the end.
    """
    if val_loss is None:
        val_loss = val_bpb * math.log(2.0) * VAL_BYTES / (val_tokens or VAL_TOKENS)
    ms = round(train_seconds * 1000)
    out: list[str] = [*before]
    if hyperparameters is not None:
        out.append("Hyperparameters:")
        out += [f"  {name}: {value}" for name, value in sorted(hyperparameters.items())]
    if gpu is not None:
        out += [f"|   {i}  {gpu}          On  | 00000000:0{i}:00.0 Off |" for i in range(world_size)]
    if val_tokens is not None:
        out.append(
            "val_loader:shards pattern=./data/datasets/fineweb10B_sp1024/fineweb_val_*.bin tokens:" + str(val_tokens)
        )
    out += [
        "train_loader:dataset:fineweb10B_sp1024 train_shards:80",
        "model_params:17059912",
        f"world_size:{world_size} grad_accum_steps:{max(1, 8 // max(1, world_size))}",
        "train_batch_tokens:524288 train_seq_len:1024 iterations:20000 warmup_steps:20 max_wallclock_seconds:600.000",
        f"seed:{seed}",
        f"step:{steps // 2}/20000 train_loss:{val_loss + 0.2:.4f} train_time:{ms // 2}ms step_avg:{ms / steps:.2f}ms",
        f"step:{steps}/20000 val_loss:{val_loss + 0.01:.4f} val_bpb:{val_bpb + 0.006:.4f} train_time:{ms}ms "
        f"step_avg:{ms / steps:.2f}ms",
        f"stopping_early: wallclock_cap train_time:{ms}ms step:{steps}/20000",
        "peak memory allocated: 10111 MiB reserved: 10302 MiB",
    ]
    if calibration_seconds is not None:
        out.append(f"GPTQ: collected 66 Hessians in {calibration_seconds:.1f}s")
    out += ["Serialized model: 66045335 bytes", f"Code size: {code_bytes} bytes"]
    if artifact_bytes is not None:
        out += [
            f"Serialized model int8+zlib: {artifact_bytes - code_bytes} bytes",
            f"Total submission size int8+zlib: {artifact_bytes} bytes",
        ]
    out += lines
    took = "" if eval_seconds is None else f" eval_time:{eval_seconds * 1000:.0f}ms"
    out.append(f"{label} val_loss:{val_loss:.4f} val_bpb:{val_bpb:.4f}{took}")
    if exact:
        out.append(f"{label}_exact val_loss:{val_loss:.8f} val_bpb:{val_bpb:.8f}")
    return "\n".join([*out, *after]) + "\n"


def seeds(val_bpb: Sequence[float] = (1.1001, 1.0998, 1.1004), **changes: object) -> dict[int, str]:
    """Three logs; `changes` go to every `log()`."""
    return {seed: log(seed, bpb, **changes) for seed, bpb in zip(SEEDS, val_bpb, strict=False)}  # type: ignore[arg-type]


_BPB = re.compile(r"val_bpb:(\d+\.\d+)")


class _Folder(Mapping[str, str | bytes]):
    """A folder that is put together when it is first looked at: an audit imports the rules and needs no example."""

    def __init__(self, build: Callable[[], dict[str, str | bytes]]) -> None:
        self._build = build

    @cached_property
    def _files(self) -> dict[str, str | bytes]:
        return self._build()

    def __getitem__(self, path: str) -> str | bytes:
        return self._files[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def folder(
    script: str | Callable[[], str] | None = None,
    logs: Mapping[int, str] | None = None,
    *,
    readme: str | None = None,
    submission: Mapping[str, object] | None = None,
    extra: Mapping[str, str | bytes] | None = None,
    drop: Sequence[str] = (),
) -> Mapping[str, str | bytes]:
    """The files of a record folder; `drop` leaves some out, `extra` adds or replaces files.

    submission.json claims what the logs say; `submission` adds or replaces keys of it (a None value removes one).
    A script that takes time to make, as a packed one does, is given as a function that makes it.
    """

    def build() -> dict[str, str | bytes]:
        code = script() if callable(script) else script
        return _files(code, seeds() if logs is None else logs, readme, submission or {}, extra or {}, drop)

    return _Folder(build)


def _files(
    script: str | None,
    logs: Mapping[int, str],
    readme: str | None,
    submission: Mapping[str, object],
    extra: Mapping[str, str | bytes],
    drop: Sequence[str],
) -> dict[str, str | bytes]:
    scores = {seed: float(_BPB.findall(text)[-1]) for seed, text in logs.items() if _BPB.search(text)}
    mean = round(sum(scores.values()) / len(scores), 8) if scores else None
    claim: dict[str, object] = {
        "author": "Example Author",
        "github_id": "example",
        "name": "Example",
        "date": "2026-04-10",
        "track": TRACK,
        "val_bpb": mean,
        "seeds": list(scores),
        "seed_results": {str(seed): {"val_bpb": bpb} for seed, bpb in scores.items()},
        "hardware": "8xH100 80GB SXM",
    }
    claim = {key: value for key, value in {**claim, **submission}.items() if value is not None}
    if readme is None:
        rows = "\n".join(f"| {seed} | {bpb:.8f} |" for seed, bpb in scores.items())
        readme = (
            f"# Example\n\n| Seed | val_bpb |\n|---|---|\n{rows}\n\n"
            "```bash\nSEED=42 torchrun --standalone --nproc_per_node=8 train_gpt.py\n```\n"
        )
    code = scripts.script() if script is None else script
    shipped = len(code.encode("utf-8"))
    logs = {seed: recounted(text, DEFAULT_CODE_BYTES, shipped) for seed, text in logs.items()}
    files: dict[str, str | bytes] = {
        "train_gpt.py": code,
        "README.md": readme,
        "submission.json": json.dumps(claim, indent=2) + "\n",
        **{f"train_seed{seed}.log": text for seed, text in logs.items()},
        **extra,
    }
    return {path: data for path, data in files.items() if path not in drop}


def recounted(text: str, counted: int, shipped: int) -> str:
    """A log that counted `counted` bytes of code counts `shipped`; its total stays, and any other count."""
    new = text.replace(f"Code size: {counted} bytes", f"Code size: {shipped} bytes")
    total = _TOTAL_SIZE.search(new)
    if new == text or total is None:
        return new
    before, after = (int(total[1]) - size for size in (counted, shipped))
    return new.replace(f"Serialized model int8+zlib: {before} bytes", f"Serialized model int8+zlib: {after} bytes")


def packed(text: str) -> str:
    """The script as a self-extracting one: lzma under base85, then exec."""
    payload = base64.b85encode(lzma.compress(text.encode("utf-8"))).decode("ascii")
    return f"import base64, lzma\nexec(lzma.decompress(base64.b85decode({payload!r})))\n"
