"""The numbers of the challenge, read from limits.toml on first use.

Rules say `LIMITS.artifact_cap_bytes`; where the number comes from is `LIMITS.origins["artifact_cap_bytes"]`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Any, cast


@dataclass(frozen=True, slots=True)
class Origin:
    """Who said a number, when (ISO date), where to read it, and what it counts."""

    said: str
    date: str
    url: str
    unit: str


@dataclass(frozen=True)
class Limits:
    """The values; units are in the names, and in `origins[name].unit`."""

    ruleset: str
    artifact_cap_bytes: int
    mebibyte_cap_bytes: int
    compressed_code_practice_date: date
    train_cap_seconds: float
    eval_cap_seconds: float
    time_tolerance_seconds: float
    calibration_practice_excess_seconds: float
    calibration_practice_date: date
    gpus: int
    validation_documents: int
    canonical_bytes: int
    canonical_bytes_sidecar: int
    transformed_bytes: int
    canonical_bytes_raw: int
    ledger_tolerance: float
    ledger_outlier: float
    val_tokens_tolerance: float
    partial_coverage: float
    double_space_ratio: float
    first_day_val_tokens: int
    first_day_bytes: int
    first_day_last_date: date
    split_10k_val_tokens: tuple[int, ...]
    split_10k_bytes: int
    noncanonical_val_tokens: tuple[int, ...]
    canonical_val_tokens: Mapping[str, tuple[int, ...]]
    bytes_per_token: Mapping[str, float]
    published_train_shards: int
    rebuilt_train_shards: tuple[int, ...]
    leaking_train_shards: tuple[int, ...]
    record_seeds: int
    single_seed_practice_until: date
    significance_nats: float
    significance_p: float
    progression_p: float
    progression_date: date
    claim_tolerance_bpb: float
    lowest_accepted_bpb: float
    bpb_floor: float
    cutoff: datetime
    smear_ruling_date: date
    ngram_ruling_date: date
    gate_ruling_date: date
    byte_mixture_ruling_date: date
    ttt_ruling_date: date
    origins: Mapping[str, Origin]

    def source(self, name: str) -> str:
        """One line for a finding: who, when, where. Raises KeyError for a name that is no limit."""
        origin = self.origins[name]
        return f"{origin.said}, {origin.date}, {origin.url}"


def parse(text: str) -> Limits:
    """limits.toml as a value. Raises ValueError where a key is missing or not known."""
    raw = tomllib.loads(text)
    values: dict[str, Any] = {"ruleset": raw.pop("ruleset")}
    origins: dict[str, Origin] = {}
    for name, entry in raw.items():
        values[name] = _frozen(entry["value"])
        origins[name] = Origin(entry["said"], entry["date"], entry["url"], entry["unit"])
    values["origins"] = origins
    wanted = {f.name for f in fields(Limits)}
    if wanted != values.keys():
        raise ValueError(f"limits.toml and Limits differ: {sorted(wanted ^ values.keys())}")
    return Limits(**values)


def _frozen(value: object) -> object:
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, dict):
        return {key: _frozen(inner) for key, inner in value.items()}
    return value


@cache
def load() -> Limits:
    return parse(files("rules.law").joinpath("limits.toml").read_text("utf-8"))


class _OnFirstUse:
    """Stands for the limits without reading them: importing a rule must not touch the disk."""

    def __getattr__(self, name: str) -> object:
        return getattr(load(), name)


LIMITS = cast(Limits, _OnFirstUse())
