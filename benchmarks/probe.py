#!/usr/bin/env python3
"""How far the probe reaches: run labelled pull requests on the CPU and compare what was witnessed with the labels.

    python benchmarks/probe.py labels.jsonl --repo CLONE -o probes.jsonl            all of them, one after the other
    python benchmarks/probe.py labels.jsonl --repo CLONE -o probes.jsonl --pr 1395 1394 --jobs 2
    python benchmarks/probe.py labels.jsonl -o probes.jsonl                         the tables of what is there
    python benchmarks/probe.py labels.jsonl -o probes.jsonl --write docs/probe.md   put them between its reach markers

Pull requests that the file has already are left out, so that a run can be continued. Seconds are of wall clock and of
processor time for the whole probe: the sandbox, torch's import and about four runs.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from labels import read_lines

BEGIN, END = "<!-- reach:begin -->", "<!-- reach:end -->"
CAUSALITY = frozenset(
    {"pre-quant-ttt", "adapt-before-score", "slot-scored-positions", "two-pass-rescore", "final-epoch-score"}
)
"""The labels of broken causality that a probe is to witness."""

Row = Mapping[str, Any]


def probed(repo: Path, pr: int, seconds: float) -> dict[str, Any]:
    """One pull request: what its probe came to. Never raises."""
    from auditor.judge import describe
    from auditor.pipeline import gather
    from auditor.probe.run import probe
    from auditor.submission import Clone

    row: dict[str, Any] = {"pr": pr, "status": "failed", "reason": "", "seconds": 0.0}
    before = _cpu()
    try:
        with Clone(repo) as clone:
            facts = gather(clone.load(pr), {})
        start = time.perf_counter()
        before = _cpu()
        result = probe(facts, seconds=seconds)
        row["seconds"] = round(time.perf_counter() - start, 1)
        row.update(
            status=result.status, reason=result.reason, outcome=str(result.outcome), decided=result.decided,
            tries=[{"error": a.error, "line": _line(a.location)} for a in result.attempts],
            absent=list(result.absent), labels=list(result.labels), losses=result.losses_recorded,
            measurements=[
                {"kind": str(m.kind), "holds": str(m.holds), "reported": m.reported, "reason": m.reason,
                 "compared": m.compared, "changed": m.changed, "effect": m.effect,
                 "conditions": sorted({w.condition for w in m.witnesses})}
                for m in result.measurements
            ],
        )  # fmt: skip
    except Exception as error:
        row["reason"] = describe(error)
    row["cpu"] = round(_cpu() - before, 1)
    return row


def _cpu() -> float:
    """Processor time of this process and of the ones it has ended, seconds."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def _line(location: Any) -> str:
    return f"{location.path}:{location.line}" if location is not None else ""


def run(options: argparse.Namespace, prs: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Rows as they come, each from a process of its own kind: one that ends badly takes no other along."""
    if options.jobs == 1:
        for pr in prs:
            yield probed(options.repo, pr, options.seconds)
        return
    with ProcessPoolExecutor(options.jobs) as pool:
        waiting = [pool.submit(probed, options.repo, pr, options.seconds) for pr in prs]
        for future in as_completed(waiting):
            yield future.result()


def conditions(row: Row, *, reported: bool) -> set[str]:
    """Conditions that were witnessed; with `reported` only where the score is known to enter the printed figure."""
    found = row.get("measurements", ())
    return {c for m in found for c in m["conditions"] if m["reported"] or not reported}


def tables(labels: Sequence[Row], rows: Mapping[int, Row]) -> str:
    """The Markdown between the markers."""
    seen = [(label, rows[label["pr"]]) for label in labels if label["pr"] in rows]
    ran = [(label, row) for label, row in seen if row["status"] == "ran"]
    seconds = [row["seconds"] for _, row in seen] or [0.0]
    processor = [row["cpu"] for _, row in seen] or [0.0]
    clean = [row for label, row in ran if label["expect"] == "clean"]
    broken = [row for label, row in ran if set(label.get("rules", ())) & CAUSALITY and label["expect"] == "violation"]
    called = sum(row["outcome"] == "violation" for row in clean)
    lines = [
        "| labelled pull requests | |",
        "|---|---:|",
        f"| ran to their end | {len(ran)} of {len(seen)} ({_share(len(ran), len(seen))}) |",
        f"| with a result on the future flip | {sum(bool(row.get('decided')) for _, row in ran)} |",
        f"| seconds of wall clock, median and longest | {statistics.median(seconds):.1f}, {max(seconds):.1f} |",
        f"| seconds of processor time, median and longest | {statistics.median(processor):.1f}, {max(processor):.1f} |",
        f"| labelled clean: called a violation | {called} of {len(clean)} |",
        f"| labelled causality violations: witnessed | "
        f"{sum(bool(conditions(row, reported=False)) for row in broken)} of {len(broken)} |",
        "",
        "Why the others did not run:",
        "",
        *_reasons(row for _, row in seen if row["status"] != "ran"),
    ]
    return "\n".join(lines)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "none"


def _reasons(rows: Iterable[Row]) -> Iterator[str]:
    """Reasons with the pull requests that they held for, the most frequent first."""
    found: dict[str, list[int]] = {}
    for row in rows:
        reason = " ".join(str(row["reason"]).removeprefix("it did not run to its end: ").split())[:110]
        found.setdefault(reason, []).append(row["pr"])
    for reason, prs in sorted(found.items(), key=lambda item: (-len(item[1]), item[1])):
        yield f"- `{reason.replace('`', chr(39))}`: " + ", ".join(f"#{pr}" for pr in sorted(prs))


def say(row: Row) -> None:
    """One line for a terminal."""
    witnessed = ",".join(sorted(conditions(row, reported=False)))
    tail = f"witness {witnessed}" if witnessed else row["reason"][:150]
    print(f"#{row['pr']:<6}{row['status']:<9}{row['seconds']:>7.1f} s {row['cpu']:>6.1f} s cpu  {tail}", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--repo", type=Path, help="a clone with pull-request heads; without it nothing is run")
    parser.add_argument("-o", "--output", type=Path, required=True, help="JSON lines, one for each pull request")
    parser.add_argument("--pr", type=int, nargs="*", help="these alone")
    parser.add_argument("--limit", type=int, help="at most so many")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=120.0, help="for the probe of each (default: 120)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables between its reach markers")
    given = parser.parse_args(argv)
    labels = read_lines(given.labels)
    rows = {row["pr"]: row for row in (read_lines(given.output) if given.output.exists() else ())}
    if given.repo is not None:
        wanted = given.pr or [label["pr"] for label in labels]
        missing = [pr for pr in wanted if pr not in rows][: given.limit]
        with given.output.open("a", encoding="utf-8") as out:
            for row in run(given, missing):
                rows[row["pr"]] = row
                out.write(json.dumps(row) + "\n")
                out.flush()
                say(row)
    text = tables(labels, rows)
    print(f"\n{text}\n\n{dict(Counter(row['status'] for row in rows.values()))}")
    return _write(given.write, text) if given.write is not None else 0


def _write(path: Path, text: str) -> int:
    before, begin, rest = path.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        print(f"{path}: no {BEGIN} ... {END}", file=sys.stderr)
        return 2
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
