"""submission.json in all its forms, as claims."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from auditor.claims import seeds as S
from auditor.claims.model import Claim, Claims, SeedClaim
from auditor.claims.passes import is_mean, is_one, says_nothing, settle
from auditor.claims.values import to_bytes, to_float, to_seconds, to_seed

_TEXT_LIMIT = 400
_PROBLEM_LIMIT = 12
_BPB = (
    "val_bpb", "mean_val_bpb", "val_bpb_mean", "val_bpb_exact", "val_bpb_3seed_mean", "three_seed_mean_bpb",
    "mean_bpb", "final_val_bpb", "val_bpb_mean_3seed", "three_seed_mean_val_bpb", "bpb", "score", "final_bpb",
    "bpb_mean", "val_bpb_avg", "mean_val_bpb_3seed", "seed_mean_bpb", "average_val_bpb", "best_val_bpb",
    "validation_bpb",
)  # fmt: skip
_STD = ("val_bpb_std", "std_val_bpb", "val_bpb_3seed_std", "three_seed_std_bpb", "std_bpb", "bpb_std", "std")
_LOSS = (
    "val_loss", "mean_val_loss", "val_loss_mean", "val_loss_exact", "final_val_loss", "loss", "val_loss_nats",
    "mean_val_loss_nats", "val_nats",
)  # fmt: skip
_HARDWARE = ("hardware", "gpu", "gpus", "gpu_type", "platform", "compute", "device", "hw")
_AUTHOR = (
    "author", "authors", "github_id", "github", "submitter", "author_name", "name_of_author", "team_or_author",
    "team_name", "github_username", "github_handle", "github_user",
)  # fmt: skip
_NAME = ("name", "submission_name", "title", "run_name")
_DATE = ("date", "submission_date", "created", "date_submitted")
_NESTED = (
    "results",
    "result",
    "metrics",
    "metadata",
    "summary",
    "final",
    "scores",
    "submission",
    "evaluation",
    "validation",
    "val",
)
_SIZES = ("size", "sizes", "bytes", "artifact", "package")
# Where seeds stand; the figure that a bare number under such a key is.
_SEED_KEYS = {
    "seed_results": "val_bpb", "seeds": "val_bpb", "per_seed_results": "val_bpb", "per_seed": "val_bpb",
    "results": "val_bpb", "runs": "val_bpb", "seed_runs": "val_bpb", "seed_scores": "val_bpb",
    "three_seed_results": "val_bpb", "all_seeds": "val_bpb", "results_per_seed": "val_bpb",
    "individual_seeds": "val_bpb", "seed_details": "val_bpb",
}  # fmt: skip
# `val_bpb_by_seed`, `per_seed_artifact_bytes`, `eval_time_ms`: keys whose object may be keyed by seed.
_FIGURES = (
    (re.compile(r"eval_?(?:time|s\b|seconds|ms)", re.IGNORECASE), "eval_seconds"),
    (re.compile(r"train(?:ing)?_?(?:time|s\b|seconds|ms|wallclock)", re.IGNORECASE), "train_seconds"),
    (re.compile(r"artifact|bytes_total|total_bytes|submission_bytes", re.IGNORECASE), "artifact_bytes"),
    (re.compile(r"loss", re.IGNORECASE), "val_loss"),
    (re.compile(r"steps", re.IGNORECASE), "steps"),
    (re.compile(r"bpb", re.IGNORECASE), "val_bpb"),
)
_FIGURE_WORDS = re.compile(r"bpb|val_loss|seed|bytes|artifact|_size|eval_time|train_time|wallclock", re.IGNORECASE)
# Keys with such words describe something else than the result.
_BESIDE = re.compile(
    r"std|delta|baseline|pre_|pre-|quant|roundtrip|ema|gain|prior|previous|note|compare|improve|descript|lineage|"
    r"comment|method|superseded|seedless|limit|cap|budget|reduction|all_runs|reference|headroom|margin|target|sota|"
    r"under|retract|invalid|project|_model|model_|base|gap|ablation|tokenizer|mask|enabled|prefix|seed_?\d|num_seeds|n_seeds|seed_count|"
    r"three_seeds|stat|sigma|tagline|log|file|vs_|hash|sha|version|dim|vocab|layer|tests?$|source|context",
    re.IGNORECASE,
)
_SEED_LISTS = ("seeds", "seed_list", "random_seeds", "seeds_tested", "seeds_run", "submittable_seeds", "seeds_used")
_PACKED_TOTAL = re.compile(
    r"(?:artifact|submission|total)_(?:size_)?bytes_(?:\w{1,40}_)?total|bytes_total_(?!est|limit|cap)\w{1,60}"
)
_TRAILING_COMMA = re.compile(r",(\s{0,200}[}\]])")


def read_submission_json(text: str, name: str = "submission.json") -> Claims:
    """Claims of one file. Anything that is not understood becomes a sentence in `problems`; never raises."""
    fields, problems = _parse(text, name)
    if fields is None:
        return Claims(problems=tuple(problems))
    claims = _scalars(fields, name)
    rows = _seed_rows(fields, name, [claims.val_bpb.value] if claims.val_bpb else [])
    claims = replace(claims, seeds=rows, raw=fields, val_bpb=_mean_of_seeds(fields, name, claims.val_bpb, rows))
    if claims.artifact_bytes is None:
        sizes = [(r.artifact_bytes, r.where) for r in rows if r.artifact_bytes is not None]
        if sizes:
            largest = max(sizes)
            claims = replace(claims, artifact_bytes=Claim(largest[0], largest[1]))
    return replace(claims, problems=(*problems, *_not_understood(fields, claims, name)))


def _mean_of_seeds(
    fields: Mapping[str, object], name: str, claim: Claim[float] | None, rows: Sequence[SeedClaim]
) -> Claim[float] | None:
    """The mean where `val_bpb` is the figure of one of several seeds, and a key of its own holds their mean."""
    figures = [row.val_bpb for row in rows if row.val_bpb is not None]
    mean = _number(fields, tuple(key for key in _BPB if "mean" in key), name)
    if claim is None or mean is None or len(figures) < 2:
        return claim
    return mean if is_one(claim.value, figures) and is_mean(mean.value, figures) else claim


def _parse(text: str, name: str) -> tuple[Mapping[str, object] | None, list[str]]:
    text = text.lstrip("\ufeff").strip().strip("\0")
    if not text:
        return None, [f"{name} is empty."]
    problems: list[str] = []
    try:
        value = _loads(text)
    except (ValueError, RecursionError) as error:
        try:
            value = _loads(_TRAILING_COMMA.sub(r"\1", text))
            problems.append(f"{name} is not valid JSON (a trailing comma).")
        except (ValueError, RecursionError):
            reason = error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__
            line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
            return None, [f"{name} is not valid JSON ({reason}{line})."]
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        problems.append(f"{name} is a list with one object.")
        value = value[0]
    if isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
        problems.append(f"{name} is a list of {len(value)} objects, taken as the seeds.")
        value = {"seed_results": value}
    if not isinstance(value, dict):
        return None, [f"{name} holds a {_kind(value)}, not an object."]
    return value, problems


def _loads(text: str) -> object:
    return json.loads(text)


def _kind(value: object) -> str:
    return {list: "list", str: "string", bool: "boolean", type(None): "null"}.get(type(value), "number")


def _text(fields: Mapping[str, object], keys: tuple[str, ...], name: str) -> Claim[str] | None:
    found = S.pick(fields, keys)
    if found is None or isinstance(found[1], Mapping):
        return None
    value = ", ".join(map(str, found[1])) if isinstance(found[1], list) else str(found[1])
    return Claim(value[:_TEXT_LIMIT], f"{name}:{found[0]}")


def _number(fields: Mapping[str, object], keys: tuple[str, ...], name: str) -> Claim[float] | None:
    for key in keys:
        found = S.pick(fields, (key,))
        if found is None:
            continue
        where, value = f"{name}:{found[0]}", found[1]
        if isinstance(value, Mapping):
            inner = S.pick(value, ("mean", "value", "avg", "average", "final", "best", *keys))
            where, value = (f"{where}.{inner[0]}", inner[1]) if inner else (where, None)
        number = to_float(value)
        if number is not None:
            return Claim(number, where)
    return None


def _scalars(fields: Mapping[str, object], name: str) -> Claims:
    bpb = _number(fields, _BPB, name)
    loss = _number(fields, _LOSS, name)
    for inner, place in _levels(fields, f"{name}:", _NESTED)[1:]:
        bpb = bpb or _number(inner, _BPB, place.removesuffix("."))
        loss = loss or _number(inner, _LOSS, place.removesuffix("."))
    author = _text(fields, _AUTHOR, name)
    return Claims(
        author=author,
        name=_text(fields, _NAME, name),
        date=_text(fields, _DATE, name),
        track=_text(fields, ("track", "category", "submission_track"), name),
        hardware=_text(fields, _HARDWARE, name),
        val_bpb=bpb,
        val_bpb_std=_number(fields, _STD, name),
        val_loss=loss,
        artifact_bytes=_artifact(fields, name),
        code_bytes=_bytes(fields, S.CODE_KEYS, name) or _code_beside(fields, name),
        steps=_steps(fields, name),
        train_seconds=_seconds(fields, S.TRAIN_KEYS, name),
        eval_seconds=_seconds(fields, S.EVAL_KEYS, name),
    )


def _steps(fields: Mapping[str, object], name: str) -> Claim[int] | None:
    found = S.pick(fields, S.STEP_KEYS)
    steps = to_float(found[1]) if found else None
    return Claim(int(steps), f"{name}:{found[0]}") if found and steps is not None and steps >= 1 else None


def _bytes(fields: Mapping[str, object], keys: tuple[str, ...], name: str) -> Claim[int] | None:
    found = S.pick(fields, keys)
    size = to_bytes(found[1], found[0]) if found else None
    return Claim(size, f"{name}:{found[0]}") if found and size is not None else None


def _artifact(fields: Mapping[str, object], name: str) -> Claim[int] | None:
    """The largest artifact that any of the usual keys claims."""
    best: Claim[int] | None = None
    for key in S.ARTIFACT_KEYS:
        claim = _bytes(fields, (key,), name)
        if claim and (best is None or claim.value > best.value):
            best = claim
    for inner, place in _levels(fields, f"{name}:", (*_NESTED, *_SIZES))[1:]:
        last = place.rstrip(".").rsplit(".", 1)[-1].rsplit(":", 1)[-1]
        keys = (*S.ARTIFACT_KEYS, "total") if last in _SIZES else S.ARTIFACT_KEYS
        best = best or _bytes(inner, keys, place.removesuffix("."))
    # `artifact_bytes_int8_zlib_total`: what is not packed has a total, too.
    totals = (_bytes(fields, (key,), name) for key in fields if _PACKED_TOTAL.fullmatch(key.lower()))
    return best or min((size for size in totals if size is not None), key=lambda size: size.value, default=None)


def _code_beside(fields: Mapping[str, object], name: str) -> Claim[int] | None:
    """The code in an object of sizes: `"bytes": {"total": 15900000, "code": 50000}`."""
    for key in _SIZES:
        inner = fields.get(key)
        if isinstance(inner, Mapping) and (found := _bytes(inner, (*S.CODE_KEYS, "code"), f"{name}:{key}")):
            return found
    return None


def _levels(
    fields: Mapping[str, object], place: str, names: tuple[str, ...], depth: int = 4
) -> list[tuple[Mapping[str, object], str]]:
    """The object, and those that it holds under these names, with the beginning of their keys' paths."""
    levels = [(fields, place)]
    for key in names if depth else ():
        inner = fields.get(key)
        if isinstance(inner, Mapping):
            levels += _levels(inner, f"{place}{key}.", names, depth - 1)
    return levels


def _seconds(fields: Mapping[str, object], keys: tuple[str, ...], name: str) -> Claim[float] | None:
    found = S.pick(fields, keys)
    seconds = to_seconds(found[1], found[0]) if found else None
    return Claim(seconds, f"{name}:{found[0]}") if found and seconds is not None else None


def _seed_rows(fields: Mapping[str, object], name: str, claims: list[float]) -> tuple[SeedClaim, ...]:
    rows: list[SeedClaim] = []
    for level, place in _levels(fields, f"{name}:", _NESTED):
        for key, value in list(level.items())[:2_000]:
            figure = _figure_by_seed(key, value)
            if figure is not None:
                rows += S.rows_of(value, f"{place}{key}", figure)
        rows += [r for r in S.rows_of(_seed_named(level), place, "val_bpb") if r.val_bpb is not None or r.figures]
        rows += _parallel_lists(level, place)
        rows += S.keyed_rows(level, place, _figure_named)
    rows = [row for row in settle(S.merge_rows(rows), claims) if not says_nothing(row)]
    if not rows:
        rows = _single_seed(fields, name) or _listed_seeds(fields, name)
    return tuple(rows)


def _figure_by_seed(key: str, value: object) -> str | None:
    """What the numbers under this key are, if its object or list may hold one entry per seed."""
    lower = key.lower()
    if not isinstance(value, Mapping | list):
        return None
    return _SEED_KEYS[lower] if lower in _SEED_KEYS else _figure_named(lower)


def _figure_named(lower: str) -> str | None:
    """What a key of such a name holds, where it is of the result."""
    if _BESIDE.search(lower):
        return None
    return next((figure for pattern, figure in _FIGURES if pattern.search(lower)), None)


def _seed_named(level: Mapping[str, object]) -> dict[str, object]:
    """Keys such as `seed_42` or `1337` that hold a seed's object at the top level."""
    named = re.compile(r"(?:seed[ _-]?)?\d{1,10}", re.IGNORECASE)
    return {k: v for k, v in level.items() if named.fullmatch(k) and isinstance(v, Mapping | int | float)}


def _parallel_lists(level: Mapping[str, object], place: str) -> list[SeedClaim]:
    """`"seeds": [1, 2, 3]` beside `"seed_bpbs": [...]` of the same length."""
    listed = S.pick(level, ("seeds", "seed_list"))
    if listed is None or not isinstance(listed[1], list):
        return []
    seeds = [to_seed(s) for s in listed[1]]
    rows: list[SeedClaim] = []
    for key, value in level.items():
        if key == listed[0] or not isinstance(value, list) or len(value) != len(seeds) or "bpb" not in key.lower():
            continue
        if _BESIDE.search(key):
            continue
        numbers = [to_float(v) for v in value]
        rows += [
            SeedClaim(f"{place}{key}[{i}]", seed, val_bpb=n, figures={f"{place}{key}": n})
            for i, (seed, n) in enumerate(zip(seeds, numbers, strict=True))
            if seed is not None and n is not None and 0 <= n < 20
        ]
    return rows


def _single_seed(fields: Mapping[str, object], name: str) -> list[SeedClaim]:
    found = S.pick(fields, S.SEED_KEYS)
    seed = to_seed(found[1]) if found else None
    if found is None or seed is None:
        return []
    row = S.seed_row(seed, fields, f"{name}:{found[0]}")
    return [row] if row else []


def _listed_seeds(fields: Mapping[str, object], name: str) -> list[SeedClaim]:
    found = S.pick(fields, _SEED_LISTS)
    if found is None or not isinstance(found[1], list):
        return []
    return [SeedClaim(f"{name}:{found[0]}[{i}]", to_seed(s)) for i, s in enumerate(found[1]) if to_seed(s) is not None]


def _not_understood(fields: Mapping[str, object], claims: Claims, name: str) -> list[str]:
    """Keys that speak of the result and that nothing above could read."""
    sentences: list[str] = []
    if claims.val_bpb is None and not any(r.val_bpb is not None for r in claims.seeds):
        sentences.append(f"{name} claims no val_bpb.")
    known = {k.lower() for k in (*_BPB, *_STD, *_LOSS, *S.ARTIFACT_KEYS, *S.CODE_KEYS, *S.TRAIN_KEYS, *S.EVAL_KEYS)}
    for key, value in fields.items():
        lower = key.lower()
        if value is None or value in ("", [], {}) or not _FIGURE_WORDS.search(key):
            continue
        if lower in known:
            understood = _read(lower, value) is not None or (isinstance(value, Mapping) and _has_number(value))
        elif _BESIDE.search(key) or isinstance(value, str | bool | int | float):
            continue
        else:
            figure = _figure_by_seed(key, value)
            listed = figure is not None or lower in _SEED_LISTS
            understood = listed and isinstance(value, list) and all(to_seed(v) is not None for v in value)
            understood = understood or (figure is not None and bool(S.rows_of(value, key, figure)))
            understood = understood or (isinstance(value, Mapping) and ("seed" not in lower or _not_filled_in(value)))
        if not understood:
            sentences.append(f"{name}: the shape of the key {key[:60]!r} is not understood ({_shape(value)}).")
    extra = len(sentences) - _PROBLEM_LIMIT
    return sentences if extra <= 0 else [*sentences[:_PROBLEM_LIMIT], f"{name}: {extra} more keys are not understood."]


def _read(key: str, value: object) -> float | None:
    """What is read of a value under one of the known keys."""
    sized = key in {name.lower() for name in (*S.ARTIFACT_KEYS, *S.CODE_KEYS)}
    return to_bytes(value, key) if sized else to_float(value)


def _not_filled_in(rows: Mapping[str, object]) -> bool:
    """Whether the rows of seeds have the names of figures, and none of the figures."""
    inner = [row for row in rows.values() if isinstance(row, Mapping)]
    figures = [value for row in inner for key, value in row.items() if _FIGURE_WORDS.search(str(key))]
    return len(inner) == len(rows) and bool(figures) and all(value is None for value in figures)


def _has_number(value: Mapping[str, object]) -> bool:
    return any(to_float(v) is not None for v in value.values())


def _shape(value: object) -> str:
    if isinstance(value, Mapping):
        return f"an object with {len(value)} keys"
    return f"a list of {len(value)}" if isinstance(value, list) else f"a {_kind(value)}"
