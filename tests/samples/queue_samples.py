"""Hand-made rows of a queue, and a store that holds them."""

from __future__ import annotations

import json
from pathlib import Path

from auditor.queue.board import Change, Point, Ready, Standings, frontier
from auditor.queue.row import Row
from auditor.queue.site import Site, write
from auditor.queue.store import Result, Store, key_of
from rules import ALL

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e\"' onload=x <img src=//evil.example> {{ 7 * 7 }} javascript:alert(1)"
_HEAD = '<head><meta name="viewport" content="width=device-width"><title>x</title></head>'
PAGE = f'<!doctype html>\n<html lang="en">\n{_HEAD}\n<body>\n<main><h1>Report</h1></main>\n</body>\n</html>\n'


def row(pr: int, **more: object) -> Row:
    values: dict[str, object] = {
        "pr": pr, "head": f"{pr:040x}", "folder": f"records/track_10min_16mb/2026-04-05_{pr}", "title": f"Record {pr}",
        "author": f"Author {pr % 3}", "track": "track_10min_16mb", "day": f"2026-04-{pr % 28 + 1:02d}", "attempt": True,
        "verdict": "clean", "class_": "", "because": "6 not checked", "deciding": "", "disputed": "", "warned": "",
        "waived": "", "unchecked": 6, "judged": True, "bpb": 1.08, "mean": 1.08, "seeds": 3, "base": "",
        "gain_bpb": None, "gain_nats": None, "p": None, "bar_met": None, "said": "", "said_text": "",
        "figures": json.dumps([(1.0799, None, 1, "a"), (1.08, None, 2, "b"), (1.0801, None, 3, "c")]),
    }  # fmt: skip
    return Row(**{**values, **more})  # type: ignore[arg-type]


ROWS = (
    row(1, verdict="violation", class_="score", deciding="pre-quant-ttt,single-seed", bpb=0.95, author="Zoe"),
    row(2, bpb=1.2, gain_bpb=0.02, p=0.001, bar_met=True, base="#1", title="Ünïcode ≥ record"),
    row(
        3,
        verdict="violation",
        class_="paperwork",
        deciding="package-files",
        bpb=None,
        mean=None,
        day="",
        disputed="future-dependence",
    ),
    row(4, verdict="disputed", class_="score", deciding="slot-scored-positions", said="accepted", said_text="accepted"),
    row(5, title=HOSTILE, author=HOSTILE, because=HOSTILE, folder=HOSTILE, said_text=HOSTILE, track=HOSTILE),
    row(6, verdict="inconclusive", bpb=1.15, warned="chronology", p=0.4, bar_met=False, gain_bpb=-0.01),
    row(
        7,
        beside=json.dumps([["records/t/Better", "clean", "", []], [HOSTILE, "violation", "score", ["pre-quant-ttt"]]]),
    ),
    *(row(n, bpb=1.05 + n / 10_000, day=f"2026-04-{n % 28 + 1:02d}") for n in range(10, 60)),
)


def site(rows: tuple[Row, ...] = ROWS) -> Site:
    points = tuple(Point(r.day, r.bpb, r.title, r.pr, r.verdict == "clean") for r in rows if r.bpb and r.day)
    valid = frontier([p for p in points if p.valid])
    ready = (Ready(rows[1], "#1", 0.02, 0.05, 0.001, ("package-files",)),)
    standings = Standings(
        ready, frontier([Point("2026-03-18", 1.2244, "Base", 1, True)]), valid, frontier(points), points
    )
    return Site(
        rows, standings, (Change(rows[1], rows[0]), Change(None, rows[-1])), "0.1.0+test", "2026-11-28T10:00:00", ALL
    )


def store(path: Path, rows: tuple[Row, ...] = ROWS) -> tuple[Store, dict[int, str]]:
    """An open store with a result for each row, and the keys."""
    held = Store(path)
    keys = {one.pr: key_of(one.head, "test", {}) for one in rows}
    for one in rows:
        held.put(keys[one.pr], Result(one, "{}\n", PAGE, 1.0))
    return held, keys


def written(folder: Path, rows: tuple[Row, ...] = ROWS) -> Path:
    """The pages of the rows, in a folder."""
    held, keys = store(folder.with_name(folder.name + ".sqlite"), rows)
    with held:
        write(folder, held, keys, site(rows))
    return folder
