"""The README's table of seeds and its headline figure."""

from __future__ import annotations

import re
from dataclasses import replace

from auditor.claims.model import Claim, SeedClaim
from auditor.claims.seeds import merge_rows
from auditor.claims.values import first_figure, to_bytes, to_seconds, to_seed

_SEPARATOR = re.compile(r"[\s|:-]{3,2000}$")
_SEED_CELL = re.compile(r"(?:seed\s{0,2}[=:#]?\s{0,2})?(\d{1,10})(?:\s{0,2}[(\u2020\u2021*#].{0,60})?$", re.IGNORECASE)
# Columns that hold a BPB which is not the seed's result.
_BESIDE = re.compile(
    r"pre|quant|roundtrip|ema|delta|\u0394|gain|base|std|prior|sota|w/o|without|no ttt|before|gap|int6|fp|raw|vs|impro",
    re.IGNORECASE,
)
_FINAL = re.compile(r"final|post.?ttt|ttt|sliding|slot|n-?gram|ppm|score|submi|sw\b|exact|mean", re.IGNORECASE)
_HEADLINE = re.compile(r"(?:val[_ ]bpb|\bbpb)\W{0,12}(?:[a-z -]{0,20}\W{0,6})?(\d\.\d{3,12})", re.IGNORECASE)
_REVERSED = re.compile(r"(\d\.\d{3,12})\W{0,4}(?:val[_ ])?bpb\b", re.IGNORECASE)
_SIZE = re.compile(r"(\d{1,2}[,_]\d{3}[,_]\d{3}|\d{7,9})\s{0,2}(?:bytes|B)\b|(\d{1,2}\.\d{1,4})\s{0,2}MB\b")
_LINE_LIMIT = 2_000


def read_readme(text: str, path: str) -> tuple[tuple[SeedClaim, ...], Claim[float] | None, Claim[int] | None]:
    """Rows of the tables of seeds, the first BPB of the prose, the largest size of either."""
    lines = [line[:_LINE_LIMIT] for line in text.split("\n")]
    rows = _seed_rows(lines, path)
    bpb = _headline(lines, path)
    sizes = [(r.artifact_bytes, r.where) for r in rows if r.artifact_bytes is not None]
    if sizes:
        return rows, bpb, Claim(*max(sizes))
    return rows, bpb, _size(lines, path)


def _headline(lines: list[str], path: str) -> Claim[float] | None:
    for number, line in enumerate(lines[:60], 1):
        match = _HEADLINE.search(line) or _REVERSED.search(line)
        if match and line[match.start(1) - 1] in "-+\u2212\u00b1" and match.start(1) > 0:
            continue  # a difference
        if match and not line.lstrip().startswith(("|", ">", "```")):
            return Claim(float(match[1]), f"{path}:{number}")
    return None


def _size(lines: list[str], path: str) -> Claim[int] | None:
    for number, line in enumerate(lines[:80], 1):
        match = _SIZE.search(line)
        if match and re.search(r"artifact|size|bytes|MB", line):
            size = to_bytes(match[1] if match[1] else f"{match[2]} MB")
            if size and 100_000 < size < 200_000_000:
                return Claim(size, f"{path}:{number}")
    return None


def _cells(line: str) -> list[str]:
    inner = line.strip().strip("|")
    return [cell.strip().replace("*", "").replace("`", "").strip() for cell in inner.split("|")]


def _seed_rows(lines: list[str], path: str) -> tuple[SeedClaim, ...]:
    """The first table whose rows are seeds and hold BPB; later tables fill in sizes and times of the same seeds."""
    rows: list[SeedClaim] = []
    headed = False
    for begin, end in _tables(lines):
        header = _cells(lines[begin])
        found = _by_rows(lines, header, begin, end, path) or _by_columns(lines, header, begin, end, path)
        if not found:
            continue
        has_bpb = any(r.val_bpb is not None for r in found)
        if has_bpb and headed:
            known = {r.seed for r in rows}
            found = [r for r in found if r.seed in known]
        headed = headed or has_bpb
        rows += found
    if headed:
        kept = {r.seed for r in rows if r.val_bpb is not None}
        rows = [r for r in rows if r.seed in kept]
    return merge_rows(rows)


def _tables(lines: list[str]) -> list[tuple[int, int]]:
    """Half-open line ranges of Markdown tables, header first."""
    tables = []
    index = 0
    while index + 1 < len(lines):
        rule = lines[index + 1]
        if "|" not in lines[index] or "|" not in rule or "-" not in rule or not _SEPARATOR.match(rule):
            index += 1
            continue
        end = index + 2
        while end < len(lines) and "|" in lines[end]:
            end += 1
        tables.append((index, end))
        index = end
    return tables


def _by_rows(lines: list[str], header: list[str], begin: int, end: int, path: str) -> list[SeedClaim]:
    column = next((i for i, h in enumerate(header) if re.match(r"(?:random )?seeds?\b", h, re.IGNORECASE)), None)
    if column is None:
        return []
    roles = _roles(header, column)
    rows = []
    for index in range(begin + 2, end):
        cells = _cells(lines[index])
        match = _SEED_CELL.match(cells[column]) if column < len(cells) else None
        if match:
            rows.append(_row(int(match[1]), cells, header, roles, f"{path}:{index + 1}"))
    return [r for r in rows if r != SeedClaim(r.where, r.seed)]


def _roles(header: list[str], seed_column: int) -> dict[str, int]:
    """Which column says what. Of several BPB columns the one that is named like a result, the last such, is taken."""
    roles: dict[str, int] = {}
    bpb: list[tuple[int, int]] = []
    for index, name in enumerate(header):
        lower = name.lower()
        if index == seed_column or not lower:
            continue
        if "bpb" in lower or lower in ("ttt", "sliding", "final", "score", "post-ttt", "legal ttt"):
            bpb.append(
                (0 if _BESIDE.search(lower) and "post-ttt" not in lower else 2 if _FINAL.search(lower) else 1, index)
            )
        elif "loss" in lower and "val_loss" not in roles and "train" not in lower:
            roles["val_loss"] = index
        elif (
            re.search(r"artifact|total.*(?:bytes|size)|submission|\bsize|^bytes|^total$", lower) and "code" not in lower
        ):
            roles.setdefault("artifact_bytes", index)
        elif "code" in lower:
            roles.setdefault("code_bytes", index)
        elif "step" in lower and not re.search(r"ms|avg|time|/", lower):
            roles.setdefault("steps", index)
        elif "eval" in lower or "ttt time" in lower:
            roles.setdefault("eval_seconds", index)
        elif re.search(r"train|wall|^time", lower):
            roles.setdefault("train_seconds", index)
    if bpb:
        roles["val_bpb"] = max(bpb)[1]
    return roles


def _row(seed: int, cells: list[str], header: list[str], roles: dict[str, int], where: str) -> SeedClaim:
    def cell(role: str) -> tuple[str, str] | None:
        index = roles.get(role)
        return (cells[index], header[index]) if index is not None and index < len(cells) and cells[index] else None

    def number(role: str) -> float | None:
        text = cell(role)
        figure = first_figure(text[0]) if text else None
        return figure[0] if figure else None

    bpb, steps = number("val_bpb"), number("steps")
    size, code, train, evaluation = (
        cell("artifact_bytes"),
        cell("code_bytes"),
        cell("train_seconds"),
        cell("eval_seconds"),
    )
    artifact = to_bytes(size[0]) if size else None
    if artifact is not None and size is not None and artifact < 100_000 and "kb" in size[1].lower():
        artifact *= 1000
    return SeedClaim(
        where=where,
        seed=seed,
        val_bpb=bpb if bpb is not None and 0 <= bpb < 20 else None,
        val_loss=number("val_loss"),
        artifact_bytes=artifact,
        code_bytes=to_bytes(code[0]) if code else None,
        steps=int(steps) if steps is not None else None,
        train_seconds=to_seconds(*train) if train else None,
        eval_seconds=to_seconds(*evaluation) if evaluation else None,
    )


def _by_columns(lines: list[str], header: list[str], begin: int, end: int, path: str) -> list[SeedClaim]:
    """A table whose columns are seeds: `| metric | seed 42 | seed 1337 | mean |`."""
    seeds = {i: to_seed(h) for i, h in enumerate(header) if re.match(r"seed[ _=:]{0,2}\d", h, re.IGNORECASE)}
    if not seeds:
        return []
    rows = {i: SeedClaim(f"{path}:{begin + 1}", seed) for i, seed in seeds.items()}
    for index in range(begin + 2, end):
        cells = _cells(lines[index])
        name = cells[0].lower() if cells else ""
        for column in seeds:
            if column < len(cells):
                rows[column] = _fill(rows[column], name, cells[column])
    return [r for r in rows.values() if r.val_bpb is not None]


def _fill(row: SeedClaim, name: str, cell: str) -> SeedClaim:
    figure = first_figure(cell)
    if figure is None:
        return row
    if "bpb" in name and not _BESIDE.search(name) and 0 <= figure[0] < 20:
        return replace(row, val_bpb=figure[0])
    if "artifact" in name or "total" in name:
        return replace(row, artifact_bytes=to_bytes(cell))
    return row
