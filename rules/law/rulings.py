"""The pull requests that maintainers ruled invalid, read from rulings.toml on first use."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class PastRuling:
    """One ruling: the pull request, the ids of the rules it broke, and the maintainer."""

    pr: int
    rules: tuple[str, ...]
    by: str


def parse(text: str) -> Mapping[int, PastRuling]:
    """rulings.toml by pull request. Raises KeyError where a row lacks a field."""
    rows = tomllib.loads(text)["ruling"]
    return {row["pr"]: PastRuling(row["pr"], tuple(row["rules"]), row["by"]) for row in rows}


@cache
def load() -> Mapping[int, PastRuling]:
    return parse(files("rules.law").joinpath("rulings.toml").read_text("utf-8"))
