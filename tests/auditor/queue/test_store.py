"""The store: results are found by what they depend on, whole or not there, and safe from a second run."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
import queue_samples as samples

from auditor.queue.identity import tool
from auditor.queue.row import COLUMNS
from auditor.queue.store import Result, Store, StoreError, key_of

ROW = samples.ROWS[1]
KEY = key_of(ROW.head, "tool", {"baseline": None})


def result(**more: object) -> Result:
    values: dict[str, object] = {"row": ROW, "report": '{"a": 1}', "page": "<p>", "seconds": 1.5}
    return Result(**{**values, **more})  # type: ignore[arg-type]


def test_a_result_comes_back_as_it_was(tmp_path: Path) -> None:
    with Store(tmp_path / "s.sqlite") as store:
        assert store.done([KEY]) == set()
        store.put(KEY, result())
    with Store(tmp_path / "s.sqlite") as store:
        assert store.done([KEY, "other"]) == {KEY}
        assert store.rows([KEY]) == {KEY: ROW}
        assert (store.report(KEY), store.page(KEY)) == ('{"a": 1}', "<p>")
        with pytest.raises(KeyError):
            store.page("other")


def test_every_row_survives_the_store(tmp_path: Path) -> None:
    held, keys = samples.store(tmp_path / "s.sqlite")
    with held:
        rows = held.rows(list(keys.values()))
    assert [rows[keys[row.pr]] for row in samples.ROWS] == list(samples.ROWS)


def test_the_key_changes_with_all_that_a_result_depends_on() -> None:
    keys = {key_of(*given) for given in [("a", "t", {}), ("b", "t", {}), ("a", "u", {}), ("a", "t", {"probe": 1})]}
    assert len(keys) == 4
    assert key_of("a", "t", {"x": 1, "y": 2}) == key_of("a", "t", {"y": 2, "x": 1})
    assert tool() == tool()
    assert "+" in tool()


def test_what_broke_off_is_tried_once_more_and_never_replaces_a_result(tmp_path: Path) -> None:
    with Store(tmp_path / "s.sqlite") as store:
        store.put(KEY, result(broken=True))
        assert store.done([KEY]) == set()
        store.put(KEY, result(broken=True))
        assert store.done([KEY]) == {KEY}
        store.put("b", result(broken=True))
        store.put("b", result(page="good"))
        store.put("b", result(broken=True, page="bad"))
        assert store.page("b") == "good"
        assert store.done(["b"]) == {"b"}


@pytest.mark.parametrize(
    ("version", "missing"), [(1, ("judged", "disputed", "beside")), (2, ("disputed", "beside")), (3, ("beside",))]
)
def test_a_store_of_a_version_before_is_carried_on(tmp_path: Path, version: int, missing: tuple[str, ...]) -> None:
    path = tmp_path / "s.sqlite"
    with Store(path) as store:
        store.put(KEY, result())
        store.remember("t", {}, {1: KEY})
        for column in missing:
            store._db.execute(f"ALTER TABLE audits DROP COLUMN {column}")
        store._db.execute(f"PRAGMA user_version = {version}")
    with Store(path) as store:
        row = store.rows([KEY])[KEY]
        assert row.judged
        assert row.argued == ()
        assert row.others() == ()
        assert store.latest() == {1: KEY}


def test_two_runs_do_not_do_the_same_audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store(tmp_path / "s.sqlite") as one, Store(tmp_path / "s.sqlite") as two:
        two._owner = "another run"
        assert one.claim(KEY, 60)
        assert one.claim(KEY, 60)
        assert not two.claim(KEY, 60)
        monkeypatch.setattr("auditor.queue.owner.is_gone", lambda owner: True)
        assert two.claim(KEY, 60)  # whose run is gone leaves its claim
        one.put(KEY, result())
        assert not two.claim(KEY, 60)  # done
        assert one._db.execute("SELECT count(*) FROM claims").fetchone() == (0,)
        assert two.claim("other", -1)
        assert one.claim("other", 60)  # a claim that is over


def test_runs_are_remembered_and_told_apart(tmp_path: Path) -> None:
    with Store(tmp_path / "s.sqlite") as store:
        assert store.last_run() is None
        store.remember("t", {}, {1: "a", 2: "b"})
        store.remember("t", {}, {1: "a"})  # nothing new
        first = store.last_run()
        store.remember("t", {}, {1: "c"})
        assert store.last_run() != first
        assert store.latest() == {1: "c", 2: "b"}
        assert store.latest(before=store.last_run()) == {1: "a", 2: "b"}


def test_the_folders_of_a_store_are_made(tmp_path: Path) -> None:
    with Store(tmp_path / "new" / "site" / "s.sqlite") as store:
        store.put(KEY, result())
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="the store"):
        Store(tmp_path / "file" / "s.sqlite")


def test_a_file_that_is_no_store_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite").write_text("this is no database, and longer than a header " * 40)
    with pytest.raises(StoreError, match="not a database"):
        Store(tmp_path / "x.sqlite")
    with pytest.raises(StoreError, match="unable to open"):
        Store(tmp_path)


def test_a_store_of_another_version_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "s.sqlite") as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="another version"):
        Store(tmp_path / "s.sqlite")


def test_a_full_disk_loses_nothing_that_was_done(tmp_path: Path) -> None:
    with Store(tmp_path / "s.sqlite") as store:
        store.put(KEY, result())
        pages = store._db.execute("PRAGMA page_count").fetchone()[0]
        store._db.execute(f"PRAGMA max_page_count = {pages}")
        import random

        noise = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=200_000))
        with pytest.raises(StoreError, match="full"):
            store.put("big", result(page=noise))
        assert store.page(KEY) == "<p>"
    with Store(tmp_path / "s.sqlite") as store:
        assert store.done([KEY, "big"]) == {KEY}


def test_the_columns_can_be_asked_with_sql(tmp_path: Path) -> None:
    held, _ = samples.store(tmp_path / "s.sqlite")
    held.__exit__(None, None, None)
    with sqlite3.connect(tmp_path / "s.sqlite") as db:
        found = db.execute("SELECT pr FROM audits WHERE verdict = 'violation' AND class_ = 'score'").fetchall()
        columns = [row[1] for row in db.execute("PRAGMA table_info(audits)")]
    assert found == [(1,)]
    assert set(COLUMNS) < set(columns)
    assert json.loads(ROW.figures)
