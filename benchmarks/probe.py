#!/usr/bin/env python3
"""How far the probe reaches: run it on labelled pull requests, count what ran, what it saw and how long it took.

    python benchmarks/probe.py CLONE labels.jsonl -o reach.jsonl [--jobs 2] [--timeout 90] [--nice 10] [--pr N N ...]
    python benchmarks/probe.py CLONE labels.jsonl -o reach.jsonl --again failed     those that did not run, once more
    python benchmarks/probe.py --from reach.jsonl labels.jsonl [--write docs/probe.md]    the tables alone

Each pull request is one `golf-audit --probe` of its own, so that its time and its processor time are its own: with
more than one job, or on a busy machine, the processor time is the figure to quote. The most telling labels come first:
mixtures, then causality, then clean ones, then the rest. What stands in the output file already, probed at this commit,
is not run again, so the same command goes on where it was stopped. A label is one JSON object a line, as for
benchmarks/labels.py.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from auditor.commands.parser import PROBE_SECONDS
from auditor.limits.model import PATIENCE

BEGIN, END = "<!-- reach:begin -->", "<!-- reach:end -->"
CAUSAL = frozenset(
    {"pre-quant-ttt", "adapt-before-score", "slot-scored-positions", "two-pass-rescore", "final-epoch-score"}
)
"""The labels that a flipped token or a count of scores can show."""
MIXED = frozenset(
    {"ngram-target-key", "ngram-target-gate", "ppm-target-gate", "unnormalized-mixture", "byte-ppm-mixture"}
)
"""The labels that an exchange of tokens can show."""
_GRACE_SECONDS = 300.0  # for the audit around the probe

Label = Mapping[str, Any]
Row = dict[str, Any]


# --- running -------------------------------------------------------------------------------------------------------


def commit() -> str:
    """The commit of this program, with a mark where files differ from it; "" outside of a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--exclude=*"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    return said.stdout.strip()


def audit(clone: str, pr: int, timeout: float, at: str = "", nice: int = 0) -> Row:
    """One pull request: the probe's part of its report, and what it took. `at` is written beside."""
    command = [sys.executable, "-m", "auditor.commands.audit", "--repo", clone, "--pr", str(pr), "--format", "json"]
    command += ["--probe", "--probe-timeout", f"{timeout:g}", "--fail-on", "never"]
    start = time.monotonic()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        if nice:
            command = ["nice", "-n", str(nice), *command]
        process = subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL)
        usage = _wait(process, start + PATIENCE * timeout + _GRACE_SECONDS)
        out.seek(0)
        err.seek(0)
        text, said = out.read(), err.read().decode(errors="replace")
    row: Row = {"pr": pr, "commit": at, "seconds": round(time.monotonic() - start, 2), "cpu": round(usage, 2)}
    try:
        report = json.loads(text)
    except ValueError:
        return row | {"status": "no report", "reason": said.strip()[-300:]}
    return row | _of_report(report)


def _wait(process: subprocess.Popen[bytes], deadline: float) -> float:
    """Seconds of processor time of the process and all that it waited for."""
    while True:
        pid, _, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = 0  # it has been waited for
            return float(usage.ru_utime + usage.ru_stime)
        if time.monotonic() > deadline:
            process.kill()
        time.sleep(0.05)


def _of_report(report: Mapping[str, Any]) -> Row:
    probe = report["probe"]
    if probe is None:  # nothing was loaded
        return {"status": "no probe", "reason": report["verdict_because"], "verdict": report["verdict"]}
    return {
        "status": probe["status"],
        "reason": probe["reason"],
        "verdict": report["verdict"],
        "outcome": probe["outcome"],
        "witnessed": [m["kind"] for m in probe["measurements"] if m["witnesses"] and m["reported"] is not False],
        "measurements": {
            m["kind"]: {k: m[k] for k in ("holds", "reason", "compared", "changed", "noise", "effect", "reported")}
            for m in probe["measurements"]
        },
        "agreement": [(a["subject"], a["stand"]) for a in probe["agreement"]],
        "absent": probe["absent"],
        "attempts": len(probe["attempts"]),
        "unseen": len(probe["unseen"]),
        "evasions": len(probe["evasions"]),
        "total": next((m["total"] for m in probe["measurements"] if m["kind"] == "exchange"), None),
        "losses": probe["losses_recorded"],
        "forked": probe["runs"]["forked"],
        "whole": probe["runs"]["whole"],
    }


def most_telling_first(prs: Sequence[int], labels: Mapping[int, Label]) -> list[int]:
    """Labels of a class in the order of the list: mixtures, causality, clean ones, the rest."""

    def rank(pr: int) -> int:
        label = labels[pr]
        if MIXED & set(label["rules"]):
            return 0
        if CAUSAL & set(label["rules"]):
            return 1
        return 2 if label["expect"] == "clean" and label["scope"] == "evaluation" else 3

    return sorted(prs, key=rank)


def run_all(clone: str, prs: Sequence[int], output: Path, jobs: int, timeout: float, nice: int = 0) -> None:
    """Adds a line to `output` for each pull request, as it ends."""
    done, at = 0, commit()
    with ThreadPoolExecutor(jobs) as pool, output.open("a", encoding="utf-8") as out:
        waiting = {pool.submit(audit, clone, pr, timeout, at, nice): pr for pr in prs}
        for future in as_completed(waiting):
            row = future.result()
            out.write(json.dumps(row) + "\n")
            out.flush()
            done += 1
            said = ", ".join(row.get("witnessed", ())) or row["reason"][:90]
            print(f"{done}/{len(prs)}  #{row['pr']}  {row['status']}  {row['cpu']:.1f} s  {said}", file=sys.stderr)


# --- tables --------------------------------------------------------------------------------------------------------


def read_rows(path: Path) -> dict[int, Row]:
    """The last line of each pull request."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    return {row["pr"]: row for row in rows}


def read_labels(path: Path) -> dict[int, Label]:
    labels = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    return {label["pr"]: label for label in labels}


def tables(rows: Mapping[int, Row], labels: Mapping[int, Label]) -> str:
    """Markdown: the figures, the causality labels that were not witnessed, the reasons for what did not run."""
    known = {pr: row for pr, row in rows.items() if pr in labels}
    ran = {pr: row for pr, row in known.items() if row["status"] == "ran"}
    decided = [pr for pr, row in ran.items() if row["outcome"] != "not-checked"]
    clean = {pr for pr in ran if labels[pr]["scope"] == "evaluation" and labels[pr]["expect"] == "clean"}
    causal = {pr for pr in ran if CAUSAL & set(labels[pr]["rules"])}
    seen = {pr for pr in causal if ran[pr]["witnessed"]}
    mixed = {pr for pr in ran if MIXED & set(labels[pr]["rules"])}
    added = {pr for pr in mixed if "exchange" in ran[pr]["witnessed"]}
    either = {pr for pr in mixed if ran[pr]["witnessed"]}
    false = sorted(pr for pr in clean if ran[pr]["witnessed"])
    bytewise = {pr for pr in mixed if "byte-ppm-mixture" in labels[pr]["rules"]}
    open_ = sorted(pr for pr in clean if ran[pr]["outcome"] == "not-checked")
    commits = sorted({str(row.get("commit") or "not known") for row in known.values()})
    head = [
        ("commit", ", ".join(commits)),
        ("labelled pull requests", f"{len(known)}"),
        ("ran to its end", f"{len(ran)} ({_share(len(ran), len(known))})"),
        ("came to a result", f"{len(decided)} ({_share(len(decided), len(known))})"),
        ("labelled clean, ran", f"{len(clean)}"),
        ("of these called a violation by the probe", f"{len(false)}" + (f" ({_numbers(false)})" if false else "")),
        ("of these without a result", f"{len(open_)} ({_share(len(open_), len(clean))})"),
        ("labelled with a causality violation, ran", f"{len(causal)}"),
        ("of these witnessed", f"{len(seen)} ({_share(len(seen), len(causal))})"),
        ("labelled with an n-gram key or a mixture, ran", f"{len(mixed)}"),
        ("of these witnessed by exchange", f"{len(added)} ({_share(len(added), len(mixed))})"),
        ("of these witnessed at all", f"{len(either)} ({_share(len(either), len(mixed))})"),
        ("byte mixtures among them, and those witnessed", f"{len(bytewise)}, {len(bytewise & either)}"),
        *_times("processor time of an audit with the probe, ran", [row["cpu"] for row in ran.values()]),
        *_times("of those where tokens were exchanged", [r["cpu"] for r in ran.values() if r["total"] is not None]),
        *_times("processor time, did not run", [r["cpu"] for pr, r in known.items() if pr not in ran]),
        (
            "runs that were forked at the read of the validation tokens",
            f"{sum(r.get('forked', 0) for r in ran.values())}",
        ),
        ("pull requests of which no run was", f"{sum(not r.get('forked', 0) for r in ran.values())}"),
    ]
    parts = [_table(("", ""), head), _by_rule(ran, labels), _by_kind(ran, clean)]
    if whole := collections.Counter(_plain(row["whole"]) for row in ran.values() if row.get("whole")):
        parts.append(
            "Runs that began from nothing, and why:\n\n"
            + _table(("reason", "pull requests"), [(why, str(count)) for why, count in whole.most_common()])
        )
    unseen = sorted(causal - seen)
    if unseen:
        reasons = [(f"#{pr}", ", ".join(sorted(CAUSAL & set(labels[pr]["rules"]))), _why(ran[pr])) for pr in unseen]
        parts.append("Causality labels that ran and were not witnessed:\n\n" + _table(("", "label", "why"), reasons))
    silent = sorted(mixed - either)
    if silent:
        why = [(f"#{pr}", ", ".join(sorted(MIXED & set(labels[pr]["rules"]))), _exchange(ran[pr])) for pr in silent]
        parts.append(
            "N-gram and mixture labels that ran and were not witnessed:\n\n" + _table(("", "label", "why"), why)
        )
    if open_:
        why = [(f"#{pr}", "clean", _undecided(ran[pr])) for pr in open_]
        parts.append("Clean labels that ran and came to no result:\n\n" + _table(("", "label", "why"), why))
    failed = [row for pr, row in known.items() if pr not in ran]
    if failed:
        parts.append("What did not run, and why:\n\n" + _failures(failed))
    return "\n\n".join(parts) + "\n"


def _by_rule(ran: Mapping[int, Row], labels: Mapping[int, Label]) -> str:
    rows = []
    for rule in sorted({rule for pr in ran for rule in labels[pr]["rules"]}):
        prs = [pr for pr in ran if rule in labels[pr]["rules"] and labels[pr]["scope"] == "evaluation"]
        if prs:
            rows.append((f"`{rule}`", str(len(prs)), str(sum(bool(ran[pr]["witnessed"]) for pr in prs))))
    return _table(("label", "ran", "witnessed"), rows)


def _by_kind(ran: Mapping[int, Row], clean: Iterable[int]) -> str:
    kinds = list(dict.fromkeys(kind for row in ran.values() for kind in row["measurements"]))
    rows = []
    for kind in kinds:
        everywhere = collections.Counter(row["measurements"][kind]["holds"] for row in ran.values())
        on_clean = collections.Counter(ran[pr]["measurements"][kind]["holds"] for pr in clean)
        rows.append((f"`{kind}`", *(f"{everywhere[h]} ({on_clean[h]})" for h in ("holds", "broken", "not-checked"))))
    return _table(("measurement (on clean labels)", "holds", "broken", "not checked"), rows)


def _why(row: Row) -> str:
    """Why nothing was seen: the future flip's own reason, and whether another rule than these would show it."""
    found = row["measurements"].get("future-flip", {})
    return f"{found.get('holds', '?')}: {_plain(found.get('reason', ''))}"


def _exchange(row: Row) -> str:
    found = row["measurements"].get("exchange", {})
    return f"{found.get('holds', '?')}: {_plain(found.get('reason', ''))}"


def _undecided(row: Row) -> str:
    """The first measurement that a pass needs and that was not checked."""
    found = row["measurements"]
    kinds = [k for k in ("future-flip", "exchange", "target-flip") if found.get(k, {}).get("holds") == "not-checked"]
    return f"`{kinds[0]}`: {_plain(found[kinds[0]]['reason'])}" if kinds else row["reason"]


def _failures(rows: Iterable[Row]) -> str:
    groups: dict[str, list[int]] = collections.defaultdict(list)
    for row in rows:
        groups[_kind_of_failure(row)].append(row["pr"])
    ordered = sorted(groups.items(), key=lambda g: (-len(g[1]), g[0]))
    return _table(("reason", "pull requests"), [(reason, _numbers(sorted(prs))) for reason, prs in ordered])


def _kind_of_failure(row: Row) -> str:
    """The reason without the place in the script and its figures: what several have in common."""
    text = _plain(row["reason"]).removeprefix("it did not run to its end: ")
    return re.sub(r"\d[\d,.]*", "N", re.sub(r" \([^()]*:\d+\)$", "", text))[:110] or row["status"]


def _plain(text: str) -> str:
    """Untrusted text for a Markdown table."""
    return re.sub(r"[|`<>@\[\]\n\r*_]", " ", text)[:160].strip()


def _times(name: str, values: list[float]) -> list[tuple[str, str]]:
    if not values:
        return []
    return [(f"{name}: median, largest", f"{statistics.median(values):.1f} s, {max(values):.1f} s")]


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "none"


def _numbers(prs: Iterable[int]) -> str:
    return ", ".join(f"#{pr}" for pr in prs)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    align = ["---", *("---:" if len(head) != 3 or head[1] != "label" else "---" for _ in head[1:])]
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join(align) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def write(page: Path, text: str) -> None:
    """Put the tables between the page's markers."""
    before, begin, rest = page.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{page} has no {BEGIN} ... {END}")
    page.write_text(f"{before}{BEGIN}\n{text}{END}{after}", "utf-8")


# --- command line --------------------------------------------------------------------------------------------------


AGAIN: Mapping[str, Callable[[Row, Label], bool]] = {
    "failed": lambda row, label: row["status"] != "ran",
    "unseen": lambda row, label: bool(CAUSAL & set(label["rules"])) and not row.get("witnessed"),
    "false": lambda row, label: label["expect"] == "clean" and bool(row.get("witnessed")),
    "all": lambda row, label: True,
}
"""Which of the pull requests that have a line are run once more."""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clone", nargs="?", default=os.environ.get("GOLF_CLONE", ""))
    parser.add_argument("labels", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("reach.jsonl"), help="a line for each pull request")
    parser.add_argument("--from", dest="results", type=Path, help="run nothing, take these lines")
    parser.add_argument("--pr", type=int, nargs="+", default=(), metavar="N", help="only these")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="run at most so many")
    parser.add_argument("--again", choices=AGAIN, help="run these once more")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument(
        "--timeout",
        type=float,
        default=PROBE_SECONDS,
        help="processor seconds for the runs of one (default: %(default)g)",
    )
    parser.add_argument("--nice", type=int, default=0, help="of the audits (default: 0)")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the tables between the markers of that page")
    options = parser.parse_args(argv)
    labels = read_labels(options.labels)
    path: Path = options.results or options.output
    if options.results is None:
        if not options.clone:
            parser.error("CLONE or GOLF_CLONE says where the pull requests are")
        rows = read_rows(path) if path.exists() else {}
        wanted = [pr for pr in (options.pr or labels) if pr in labels]
        again = AGAIN.get(options.again)
        at = commit()
        todo = [
            pr for pr in most_telling_first(wanted, labels)
            if pr not in rows or rows[pr].get("commit", at) != at or (again and again(rows[pr], labels[pr]))
        ]  # fmt: skip
        run_all(options.clone, todo[: options.limit or None], path, options.jobs, options.timeout, options.nice)
    text = tables(read_rows(path), labels)
    print(text, end="")
    if options.write:
        write(options.write, text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
