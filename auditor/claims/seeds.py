"""Per-seed figures of submission.json in their many shapes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from auditor.claims.model import SeedClaim
from auditor.claims.passes import says_nothing
from auditor.claims.values import to_bytes, to_float, to_seconds, to_seed

Object = Mapping[str, object]
_HOLDERS = ("metrics", "results", "result", "scores", "evaluation", "final")
# `val_bpb_seed42`, `seed_42_val_bpb`, `bpb_s42`: the figure of one seed under a key of its own.
_OF_SEED = re.compile(
    r"(?:(?P<before>[a-z][a-z_]{0,40}?)_?)?(?:seed|(?<![a-z])(?<!sliding_)(?<!stride_)(?<!window_)s)_?(?P<seed>\d{1,10})(?:_(?P<after>[a-z][a-z_]{0,40}))?$"
)
_PAIR = re.compile(r"\W{0,3}(?:seed)?[ _=:#-]{0,3}(\d{1,10})\s{0,2}[:=]\s{0,2}(?:val_?bpb\s?[:=]?\s?)?(\d\.\d{2,12})")

# In the order in which they are believed: the figure that a seed reports stands before its parts.
BPB_KEYS = (
    "val_bpb", "val_bpb_exact", "final_val_bpb", "bpb", "final_bpb", "post_ttt_val_bpb", "ttt_val_bpb", "ttt_bpb",
    "legal_ttt_bpb", "legal_ttt_val_bpb", "post_ttt_bpb", "ppm_mixer_val_bpb", "ngram_bpb", "slot_bpb",
    "slot_val_bpb", "submission_bpb", "score", "sliding_val_bpb", "sliding_window_val_bpb", "sliding_bpb",
    "sliding_window_bpb", "final_sliding_bpb", "sw_bpb", "mean_val_bpb", "mean_bpb", "mean", "value",
    "variant_bpb", "roundtrip_val_bpb", "int8_bpb",
)  # fmt: skip
LOSS_KEYS = (
    "val_loss", "val_loss_exact", "final_val_loss", "mean_val_loss", "loss", "sliding_val_loss", "val_loss_nats",
    "val_nats",
)  # fmt: skip
ARTIFACT_KEYS = (
    "artifact_bytes", "bytes_total", "total_bytes", "artifact_bytes_max", "total_size_bytes", "artifact_size_bytes",
    "artifact_size", "submission_bytes", "total_submission_bytes", "bytes", "size_bytes", "total_artifact_bytes",
    "artifact", "artifact_mb", "artifact_size_mb", "total_submission_size_bytes", "submission_size_bytes",
)  # fmt: skip
CODE_KEYS = ("bytes_code", "code_bytes", "code_size_bytes", "code_size", "code_bytes_compressed")
STEP_KEYS = ("steps", "step_stop", "stop_step", "train_steps", "training_steps", "num_steps", "final_step", "step")
TRAIN_KEYS = (
    "train_wallclock_ms", "train_time_ms", "train_ms", "train_time_s", "train_seconds", "training_time_seconds",
    "training_seconds", "train_s", "train_time_seconds", "train_time", "training_time_s", "train_loop_seconds",
    "wallclock_seconds", "wallclock_s", "training_time", "train_time_sec",
)  # fmt: skip
EVAL_KEYS = (
    "eval_time_ms", "eval_ms", "eval_time_s", "eval_seconds", "eval_time_seconds", "eval_s", "total_eval_time_s",
    "eval_time", "ttt_time_seconds", "ttt_eval_time_s", "eval_time_sec", "eval_time_seconds_total", "ppm_eval_time_ms",
)  # fmt: skip
SEED_KEYS = ("seed", "SEED", "Seed", "random_seed", "seed_id")


def _canonical(key: str) -> str:
    """`valBpb`, `val-bpb` and `Val BPB` as `val_bpb`."""
    return re.sub(r"[\s.-]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key[:120])).lower()


def pick(fields: Object, keys: tuple[str, ...]) -> tuple[str, object] | None:
    """The first of these keys that holds something, whatever its case."""
    spelled = {k: _canonical(k) for k in reversed(list(fields))}
    lowered = {**{canonical: k for k, canonical in spelled.items()}, **{k.lower(): k for k in spelled}}
    for key in keys:
        actual = lowered.get(key.lower())
        if actual is not None and fields[actual] is not None:
            return actual, fields[actual]
    return None


def seed_row(seed: int | None, fields: Object, where: str) -> SeedClaim | None:
    """One seed's figures; None where the object holds none. Its `val_bpb` is None where only `figures` are known."""
    inner = pick(fields, _HOLDERS)
    if inner is not None and isinstance(inner[1], Mapping):
        fields = {**inner[1], **fields}
    bpb, loss = pick(fields, BPB_KEYS), pick(fields, LOSS_KEYS)
    size, code = pick(fields, ARTIFACT_KEYS), pick(fields, CODE_KEYS)
    steps, train, evaluation = pick(fields, STEP_KEYS), pick(fields, TRAIN_KEYS), pick(fields, EVAL_KEYS)
    count = to_float(steps[1]) if steps else None
    code_bytes = to_bytes(code[1], code[0]) if code else None
    row = SeedClaim(
        where=where,
        seed=seed,
        val_bpb=to_float(bpb[1]) if bpb else None,
        val_loss=to_float(loss[1]) if loss else None,
        artifact_bytes=_whole_size(fields, to_bytes(size[1], size[0]), code_bytes) if size else None,
        code_bytes=code_bytes,
        steps=int(count) if count is not None else None,
        train_seconds=to_seconds(train[1], train[0]) if train else None,
        eval_seconds=to_seconds(evaluation[1], evaluation[0]) if evaluation else None,
        figures=_figures(fields),
    )
    return None if says_nothing(row) and not row.figures else row


def _whole_size(fields: Object, size: int | None, code: int | None) -> int | None:
    """The size with the code where another key adds that to it: an "artifact" is the model alone at times."""
    if size is None or code is None:
        return size
    sizes = (to_bytes(found[1], found[0]) for key in ARTIFACT_KEYS if (found := pick(fields, (key,))) is not None)
    return next((other for other in sizes if other == size + code), size)


def _figures(fields: Object) -> dict[str, float]:
    """Every BPB of one seed by its key, the most believed last."""
    order = {key: -rank for rank, key in enumerate(BPB_KEYS)}
    numbers = {
        key: number
        for key, value in list(fields.items())[:200]
        if ("bpb" in key.lower() or key.lower() in order) and (number := to_float(value)) is not None
    }
    kept = {key[:60]: number for key, number in numbers.items() if 0 <= number < 20}
    return dict(sorted(kept.items(), key=lambda pair: order.get(pair[0].lower(), -len(order))))


def rows_of(value: object, where: str, figure: str = "val_bpb") -> list[SeedClaim]:
    """Seed rows out of a dict keyed by seed, a list of objects, or a list of figures; [] where it is neither.

    `figure` names what bare numbers are.
    """
    if isinstance(value, Mapping):
        return _from_mapping(value, where, figure)
    rows: list[SeedClaim] = []
    if isinstance(value, list):
        for index, entry in enumerate(value[:200]):
            if isinstance(entry, Mapping):
                found = pick(entry, SEED_KEYS)
                row = seed_row(to_seed(found[1]) if found else None, entry, f"{where}[{index}]")
                rows += [row] if row else []
            elif (pair := _pair(entry)) is not None:
                rows += _bare(pair[0], pair[1], f"{where}[{index}]", figure)
    return rows


def _pair(entry: object) -> tuple[int, object] | None:
    """`[42, 1.1187]`, `"42: 1.1187"`."""
    if isinstance(entry, list) and len(entry) == 2:
        seed = to_seed(entry[0])
        return None if seed is None or not isinstance(entry[1], float) else (seed, entry[1])
    match = _PAIR.match(entry) if isinstance(entry, str) else None
    return (int(match[1]), match[2]) if match else None


def keyed_rows(fields: Object, where: str, figure_of: Callable[[str], str | None]) -> list[SeedClaim]:
    """The figures whose keys name a seed and what they are; `figure_of` tells that from the rest of the key."""
    rows: list[SeedClaim] = []
    for key, value in list(fields.items())[:2_000]:
        match = _OF_SEED.fullmatch(_canonical(key))
        if match is None or isinstance(value, Mapping | list | bool):
            continue
        figure = figure_of("_".join(filter(None, (match["before"], match["after"]))))
        if figure is not None:
            rows += _bare(int(match["seed"]), value, f"{where}{key}", figure)
    return rows


def _from_mapping(value: Object, where: str, figure: str) -> list[SeedClaim]:
    rows: list[SeedClaim] = []
    for key, entry in list(value.items())[:500]:
        seed = to_seed(key)
        place = f"{where}{key}" if where.endswith((":", ".")) else f"{where}.{key}"
        if isinstance(entry, Mapping):
            inner = pick(entry, SEED_KEYS)
            seed = to_seed(inner[1]) if inner and to_seed(inner[1]) is not None else seed
            row = seed_row(seed, entry, place) if seed is not None else None
            rows += [row] if row else []
        elif seed is not None:
            rows += _bare(seed, entry, place, figure)
    return rows


def _bare(seed: int, entry: object, where: str, figure: str) -> list[SeedClaim]:
    if figure == "artifact_bytes":
        size = to_bytes(entry, where.rsplit(".", 1)[0].rsplit(":", 1)[-1])
        return [] if size is None else [SeedClaim(where, seed, artifact_bytes=size)]
    number = to_float(entry)
    if number is None:
        return []
    if figure == "val_loss":
        return [SeedClaim(where, seed, val_loss=number)]
    if figure == "steps":
        return [SeedClaim(where, seed, steps=int(number))]
    if figure in ("train_seconds", "eval_seconds"):
        seconds = to_seconds(entry, where.rsplit(".", 1)[0])
        train = figure == "train_seconds"
        return [
            SeedClaim(where, seed, train_seconds=seconds if train else None, eval_seconds=None if train else seconds)
        ]
    # Bits per byte of text lie below what eight bits can say.
    if not 0 <= number < 20:
        return []
    return [SeedClaim(where, seed, val_bpb=number, figures={where.rpartition(".")[0]: number})]


def merge_rows(rows: list[SeedClaim]) -> tuple[SeedClaim, ...]:
    """One row per seed: later rows fill in what the first ones do not say. Rows without a seed stay apart."""
    merged: dict[object, SeedClaim] = {}
    for index, row in enumerate(rows):
        key: object = row.seed if row.seed is not None else ("unknown", index)
        old = merged.get(key)
        if old is None:
            merged[key] = row
            continue
        names = ("val_bpb", "val_loss", "artifact_bytes", "code_bytes", "steps", "train_seconds", "eval_seconds")
        gaps = {n: getattr(row, n) for n in names if getattr(old, n) is None}
        merged[key] = replace(old, **gaps, figures={**row.figures, **old.figures})
    return tuple(merged.values())
