"""The accepted records with their seeds, read from records.toml on first use."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class RecordSeed:
    """One seed of a record: bits per byte, nats per token, bytes, seconds. None: its log does not say."""

    val_bpb: float
    seed: int | None = None
    val_loss: float | None = None
    artifact_bytes: int | None = None
    code_bytes: int | None = None
    steps: int | None = None
    train_seconds: float | None = None
    eval_seconds: float | None = None
    log: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """A row of the leaderboard. `score` is the row's figure, `seeds` what the folder's logs show at `commit`.

    `date` is the row's (ISO); `on_leaderboard` is False for a row that was accepted after the last README.
    """

    name: str
    author: str
    date: str
    folder: str
    commit: str
    score: float
    url: str
    on_leaderboard: bool
    seeds: tuple[RecordSeed, ...]
    pr: int | None = None

    @property
    def mean_bpb(self) -> float:
        """Mean of the seeds, the row's figure where there are none."""
        return sum(s.val_bpb for s in self.seeds) / len(self.seeds) if self.seeds else self.score


def parse(text: str) -> tuple[Record, ...]:
    """records.toml as values, oldest first. Raises KeyError or TypeError for a row with a wrong shape."""
    rows = tomllib.loads(text)["record"]
    records = [Record(**{**row, "seeds": tuple(RecordSeed(**seed) for seed in row["seeds"])}) for row in rows]
    return tuple(sorted(records, key=lambda r: (r.date, -r.score)))


@cache
def load() -> tuple[Record, ...]:
    return parse(files("rules.law").joinpath("records.toml").read_text("utf-8"))


def best_before(day: str, *, excluding_folder: str = "") -> Record | None:
    """The best record of an earlier date than `day` (ISO), None before the first."""
    name = excluding_folder.rstrip("/").rsplit("/", 1)[-1]
    earlier = [r for r in load() if r.date < day[:10] and r.folder.rsplit("/", 1)[-1] != name]
    return min(earlier, key=lambda r: r.score, default=None)


def accepted(records: tuple[Record, ...]) -> tuple[Record, ...]:
    """One row for each folder of a pull request: where later commits brought other logs, those that give the score."""
    rows: dict[tuple[int | None, str], Record] = {}
    for record in records:
        key = (record.pr, record.folder)
        other = rows.get(key)
        if other is None or abs(record.mean_bpb - record.score) < abs(other.mean_bpb - other.score):
            rows[key] = record
    return tuple(rows.values())


def of_pull_request(number: int) -> tuple[Record, ...]:
    """The accepted rows of a pull request, the best first; some hold two."""
    return tuple(sorted((r for r in accepted(load()) if r.pr == number), key=lambda r: r.score))


def standing_on(day: str, *, excluding_folder: str = "") -> Record | None:
    """The best record of `day` (ISO) or earlier, None before the first."""
    name = excluding_folder.rstrip("/").rsplit("/", 1)[-1]
    known = [r for r in accepted(load()) if r.date <= day[:10] and r.folder.rsplit("/", 1)[-1] != name]
    return min(known, key=lambda r: r.score, default=None)
