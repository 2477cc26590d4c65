"""What was audited, in an SQLite file: nothing is audited twice, and what was done survives whatever ends the run.

Each result is one transaction. A result is found by its key, which `key_of` makes of everything that it depends on:
the head commit, the auditor and its rules, and the settings. Several runs may write to one file at a time; `claim`
keeps them from doing the same audit. docs/queue.md describes the tables for those who want to ask them more.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from auditor.queue import owner
from auditor.queue.row import COLUMNS, Row, from_values, values

VERSION = 4
_BUSY_SECONDS = 60.0
_ATTEMPTS = 2  # a result that says that an audit broke off counts after so many
_TYPES = dict.fromkeys(("pr", "attempt", "judged", "unchecked", "seeds", "bar_met"), "INTEGER")
_TYPES |= dict.fromkeys(("bpb", "mean", "gain_bpb", "gain_nats", "p"), "REAL")
_ADDED = (  # by versions 2, 3 and 4
    "judged INTEGER NOT NULL DEFAULT 1",
    "disputed TEXT NOT NULL DEFAULT ''",
    "beside TEXT NOT NULL DEFAULT '[]'",
)
_COLUMNS = ", ".join(f"{name} {_TYPES.get(name, 'TEXT')}" for name in COLUMNS)
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS audits (
  key TEXT PRIMARY KEY, audited TEXT NOT NULL, seconds REAL NOT NULL, broken INTEGER NOT NULL,
  attempts INTEGER NOT NULL, {_COLUMNS}, report BLOB NOT NULL, page BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS audits_by_pr ON audits (pr);
CREATE TABLE IF NOT EXISTS claims (key TEXT PRIMARY KEY, owner TEXT NOT NULL, until REAL NOT NULL);
CREATE TABLE IF NOT EXISTS runs (
  id INTEGER PRIMARY KEY, ended TEXT NOT NULL, tool TEXT NOT NULL, settings TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS run_audits (
  run INTEGER NOT NULL, pr INTEGER NOT NULL, key TEXT NOT NULL, PRIMARY KEY (run, pr)
);
"""


class StoreError(Exception):
    """The store cannot be read or written; the message is one line for the user."""


@dataclass(frozen=True, slots=True)
class Result:
    """One audit: its row, the report as JSON, its page as HTML. `broken`: the audit was ended or died."""

    row: Row
    report: str
    page: str
    seconds: float
    broken: bool = False


def key_of(head: str, tool: str, settings: Mapping[str, object]) -> str:
    """The key of an audit: what its result depends on, hashed."""
    text = json.dumps([VERSION, head, tool, dict(sorted(settings.items()))], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class Store:
    """One file. Use as a context manager. Raises StoreError for a file that is no store or cannot be written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._owner = owner.this_process()
        with self._said():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._carry_on()
            version = self._version()
            if version not in (0, VERSION):
                raise StoreError(f"{path} is a store of another version ({version}); choose another file")
            self._db.executescript(_SCHEMA)
            self._db.execute(f"PRAGMA user_version = {VERSION}")

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    def _carry_on(self) -> None:
        """A store of a version before gets what is new: what it knows is needed to say what changed."""
        if not 0 < self._version() < VERSION:
            return
        self._db.execute("BEGIN IMMEDIATE")
        for column in _ADDED[self._version() - 1 :]:  # none where another run was faster
            self._db.execute(f"ALTER TABLE audits ADD COLUMN {column}")
        self._db.execute(f"PRAGMA user_version = {VERSION}")
        self._db.execute("COMMIT")

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        with suppress(sqlite3.Error):
            self._db.execute("DELETE FROM claims WHERE owner = ?", (self._owner,))
        self._db.close()

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"the store {self.path}: {error}") from error

    # --- results -----------------------------------------------------------------------------------------------

    def done(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys whose audit need not be done: it has a result, or has broken off often enough."""
        found: set[str] = set()
        with self._said():
            for part in _parts(keys):
                marks = ",".join("?" * len(part))
                asked = f"SELECT key FROM audits WHERE key IN ({marks}) AND (broken = 0 OR attempts >= {_ATTEMPTS})"
                found.update(key for (key,) in self._db.execute(asked, part))
        return found

    def put(self, key: str, result: Result) -> None:
        """Writes a result, whole or not at all. One that broke off never takes the place of one that did not."""
        columns = ", ".join(COLUMNS)
        marks = ", ".join("?" * len(COLUMNS))
        kept = "broken" if not result.broken else "1"
        known = (key, _now(), result.seconds, int(result.broken), *values(result.row))
        blobs = (zlib.compress(result.report.encode(), 6), zlib.compress(result.page.encode(), 6))
        with self._said():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.execute(
                    f"INSERT INTO audits (key, audited, seconds, broken, {columns}, report, page, attempts) "
                    f"VALUES (?, ?, ?, ?, {marks}, ?, ?, 1) ON CONFLICT (key) DO UPDATE SET "
                    + ", ".join(
                        f"{n} = excluded.{n}" for n in ("audited", "seconds", "broken", *COLUMNS, "report", "page")
                    )
                    + f", attempts = attempts + 1 WHERE broken = {kept}",
                    (*known, *blobs),
                )
                self._db.execute("DELETE FROM claims WHERE key = ?", (key,))
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    def rows(self, keys: Sequence[str]) -> dict[str, Row]:
        """The rows of the keys that have a result."""
        found: dict[str, Row] = {}
        with self._said():
            for part in _parts(keys):
                marks = ",".join("?" * len(part))
                for key, *row in self._db.execute(
                    f"SELECT key, {', '.join(COLUMNS)} FROM audits WHERE key IN ({marks})", part
                ):
                    found[key] = from_values(tuple(row))
        return found

    def page(self, key: str) -> str:
        """The page of an audit. Raises KeyError."""
        return self._blob("page", key)

    def report(self, key: str) -> str:
        """The report of an audit as JSON. Raises KeyError."""
        return self._blob("report", key)

    def _blob(self, column: str, key: str) -> str:
        with self._said():
            found = self._db.execute(f"SELECT {column} FROM audits WHERE key = ?", (key,)).fetchone()
        if found is None:
            raise KeyError(key)
        return zlib.decompress(found[0]).decode()

    # --- several runs at a time --------------------------------------------------------------------------------

    def claim(self, key: str, seconds: float) -> bool:
        """Whether this run may do the audit; False while another that is alive does it, or has done it."""
        now = time.time()
        with self._said():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                free = self._free(key, now) and not self.done([key])
                if free:
                    self._db.execute(
                        "INSERT OR REPLACE INTO claims (key, owner, until) VALUES (?, ?, ?)",
                        (key, self._owner, now + seconds),
                    )
            finally:
                self._db.execute("COMMIT")
        return free

    def _free(self, key: str, now: float) -> bool:
        held = self._db.execute("SELECT owner, until FROM claims WHERE key = ?", (key,)).fetchone()
        if held is None or held[0] == self._owner or held[1] < now:
            return True
        return owner.is_gone(held[0])

    # --- runs --------------------------------------------------------------------------------------------------

    def remember(self, tool: str, settings: Mapping[str, object], keys: Mapping[int, str]) -> None:
        """A run has ended with these results: key by pull request. A run that brought nothing new is none."""
        latest = self.latest()
        if all(latest.get(pr) == key for pr, key in keys.items()):
            return
        with self._said():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                said = json.dumps(dict(sorted(settings.items())), sort_keys=True, default=str)
                done = self._db.execute(
                    "INSERT INTO runs (ended, tool, settings) VALUES (?, ?, ?)", (_now(), tool, said)
                )
                rows = [(done.lastrowid, pr, key) for pr, key in keys.items()]
                self._db.executemany("INSERT INTO run_audits (run, pr, key) VALUES (?, ?, ?)", rows)
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    def last_run(self) -> int | None:
        """The number of the last run that ended, None before the first."""
        with self._said():
            found: int | None = self._db.execute("SELECT max(id) FROM runs").fetchone()[0]
        return found

    def ended(self, run: int) -> str:
        """When a run ended (ISO 8601, UTC)."""
        with self._said():
            return str(self._db.execute("SELECT ended FROM runs WHERE id = ?", (run,)).fetchone()[0])

    def latest(self, *, before: int | None = None) -> dict[int, str]:
        """The key of each pull request's newest result, in runs before that one where a run is given."""
        limit = before if before is not None else 1 << 62
        asked = "SELECT pr, key FROM run_audits WHERE run < ? ORDER BY run"
        with self._said():
            return dict(self._db.execute(asked, (limit,)))


def _parts(keys: Sequence[str], size: int = 500) -> Iterable[Sequence[str]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
