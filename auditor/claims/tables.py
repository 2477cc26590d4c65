"""The README's tables of seeds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from auditor.claims.grids import Table, plain, tables
from auditor.claims.model import Claim, SeedClaim
from auditor.claims.passes import says_nothing, settle
from auditor.claims.seeds import merge_rows
from auditor.claims.values import first_figure, to_bytes, to_count, to_seconds, to_seed

_SEED_HEADING = re.compile(r"\W{0,6}(?:random )?seeds?\b", re.IGNORECASE)
_SEED_CELL = re.compile(
    r"^\W{0,4}(?:seed\s{0,2}[=:#]?\s{0,2})?(\d{1,10})(?:\s{0,2}[(\u2020\u2021*#].{0,60})?$", re.IGNORECASE
)
# A seed that a cell spells out: `Seed 42`, `val_bpb (seed 42)`, `train_seed42.log`.
_SEED_SPELLED = re.compile(r"(?<![a-z])seed[ _=:#-]{0,3}(\d{1,10})(?!\d)|^s(\d{2,10})$", re.IGNORECASE)
_SEED_BESIDE = re.compile(r"\((?:random )?seeds?\)", re.IGNORECASE)  # a column `Run (seed)` of `A (42)`
_IN_BRACKETS = re.compile(r"\((?:seed\s?)?(\d{1,10})\)\W{0,4}$", re.IGNORECASE)
_METRICS = re.compile(r"(?:metrics?|seeds?|run|)$", re.IGNORECASE)
# Columns that hold a BPB which is not the seed's result.
BESIDE = re.compile(
    r"pre|quant|roundtrip|ema|delta|\u0394|gain|base|std|prior|sota|w/o|without|no ttt|before|gap|int6|fp|raw|vs|impro",
    re.IGNORECASE,
)
# A row of something else than this submission, where no heading says that the rows are its seeds.
_OTHER_ROW = re.compile(
    r"\W{0,4}(?:earlier|older|old\b|previous|prior|baseline|base\b|reference|parent|before|PR ?#|#\d|vanilla"
    r"|control\b)",
    re.IGNORECASE,
)
# A mean below them that is somebody else's, by any of the row's first cells.
_OTHER_MEAN = re.compile(
    r"\bPR ?#?\d|#\d|\b(?:references?|baselines?|previous|prior|published|parent|leaderboard|sota)\b", re.IGNORECASE
)
# A row whose name is that of another pull request, before its seed.
_ANOTHERS = re.compile(r"^\W{0,4}PR ?#?\d|\b(?:public|published|upstream)\b|\breference$", re.IGNORECASE)
_FINAL = re.compile(r"final|post.?ttt|ttt|sliding|slot|gram|ppm|score|submi|sw\b|exact|mean", re.IGNORECASE)
_NAMED = ("ttt", "sliding", "final", "score", "post-ttt", "legal ttt")
_BITS = re.compile(r"bits[ /-](?:per[ -])?byte")
_VALUE = re.compile(r"(?:value|result|score)s?$", re.IGNORECASE)
_BARE_BPB = re.compile(r"[0-7]\.\d{3,18}")
_HIGHEST = 20.0  # a byte has eight bits; untrained models say more
_NAME_LIMIT = 60
_MEAN = re.compile(r"(?:\d{1,2}[- ]seed )?(?:mean|average|avg)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Row:
    """One seed of a table: its raw cells, one for each heading."""

    seed: int
    cells: Sequence[str]
    where: str


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which column says what; those that hold a BPB from the least to the most likely result.

    Columns that are not called BPB, but look like it, come first and never count unless they bear the claim.
    """

    roles: dict[str, int]
    bpb: tuple[int, ...]
    unnamed: int


@dataclass(frozen=True, slots=True)
class SeedTable:
    """The rows of a README's tables of seeds, and the means that stand below them in the column of the result.

    `of_seeds` is False where no heading says so and the cells spell seeds out: rows may be of what was tried before.
    """

    rows: tuple[SeedClaim, ...]
    means: tuple[Claim[float], ...]
    of_seeds: bool


def seed_rows(lines: list[str], path: str, claims: Sequence[float]) -> SeedTable:
    """The first table whose rows are seeds and hold BPB; later tables fill in sizes and times of the same seeds.

    `claims` are the claimed scores in bits per byte: they tell which BPB column is the result.
    """
    rows: list[SeedClaim] = []
    means: list[Claim[float]] = []
    headed = False
    of_seeds = False
    for table in tables(lines):
        of_seeds = of_seeds or any(_SEED_HEADING.match(plain(cell)) for cell in table.header)
        header, seeds = _by_rows(table, path)
        if not seeds:
            header, seeds = _by_columns(table, path)
        found = [row for row in settle(_claims(header, seeds), claims) if row.figures or not says_nothing(row)]
        has_bpb = any(r.val_bpb is not None for r in found)
        if has_bpb and headed:
            known = {r.seed for r in rows}
            found = [r for r in found if r.seed in known]
        if has_bpb and not headed:
            means += _means_below(table, path, found)
        headed = headed or has_bpb
        rows += found
    merged = settle(merge_rows(rows), claims)
    kept = tuple(r for r in merged if not says_nothing(r) and (r.val_bpb is not None or not headed))
    return SeedTable(kept, tuple(means), of_seeds)


def _means_below(table: Table, path: str, rows: Sequence[SeedClaim]) -> Iterator[Claim[float]]:
    """The mean in the column whose figures the rows were taken from."""
    header = [plain(cell) for cell in table.header]
    results = [row.val_bpb for row in rows if row.val_bpb is not None]
    for number, cells in table.rows:
        named = [plain(cell) for cell in cells[:2]]
        if not any(map(_MEAN.match, named)) or any(map(_OTHER_MEAN.search, named)):
            continue
        for column, heading in enumerate(header):
            own = [row.figures.get(heading[:_NAME_LIMIT]) for row in rows]
            figure = first_figure(plain(cells[column])) if column < len(cells) else None
            if figure is not None and heading and own == results and 0 <= figure < _HIGHEST:
                yield Claim(figure, f"{path}:{number}")


def _by_rows(table: Table, path: str) -> tuple[list[str], list[_Row]]:
    """The rows of a column that is headed as one of seeds, else of one whose cells spell seeds out."""
    header = list(table.header)
    headed = next((i for i, h in enumerate(header) if _SEED_HEADING.match(plain(h))), None)
    columns = range(min(len(header), 3)) if headed is None else (headed,)
    spelled = _SEED_SPELLED if headed is None else _SEED_CELL
    if headed is None and (beside := [i for i, h in enumerate(header) if _SEED_BESIDE.search(plain(h))]):
        columns, spelled = range(beside[0], beside[0] + 1), _IN_BRACKETS
    for column in columns:
        rows = [
            _Row(int(next(filter(None, match.groups()))), cells, f"{path}:{number}")
            for number, cells in table.rows
            if column < len(cells)
            and (match := spelled.search(plain(cells[column]))) is not None
            and (headed is not None or not _OTHER_ROW.match(plain(cells[column])))
            and not any(_ANOTHERS.search(plain(cell)) for cell in cells[:column])
        ]
        if rows:
            if len({row.seed for row in rows}) < len(rows) and headed is None:
                continue  # several rows of one seed: configurations, not seeds
            header[column] = ""  # its numbers are no figures
            return header, rows
    return header, []


def _by_columns(table: Table, path: str) -> tuple[list[str], list[_Row]]:
    """A table whose columns are seeds, turned: `| metric | seed 42 | seed 1337 | mean |`."""
    header = [plain(h) for h in table.header]
    seeds = {i: to_seed(h) for i, h in enumerate(header) if re.match(r"(?:seed[ _=:]{0,2}|s)\d", h, re.IGNORECASE)}
    bare = {i: int(h) for i, h in enumerate(header) if i and h.isdigit() and len(h) < 11}
    if not seeds and (len(bare) < 2 or not _METRICS.match(header[0])):
        return [], []
    body = [cells for _, cells in table.rows]
    rows = [
        _Row(seed, [cells[i] if i < len(cells) else "" for cells in body], f"{path}:{table.line}")
        for i, seed in (seeds or bare).items()
        if seed is not None
    ]
    return [cells[0] for cells in body], rows


def _claims(header: list[str], rows: list[_Row]) -> list[SeedClaim]:
    if not rows:
        return []
    columns = _columns(header, rows)
    return [_claim(row, header, columns) for row in rows]


def _columns(header: list[str], rows: list[_Row]) -> _Columns:
    """Of several BPB columns a bold one is the likeliest, then one that is named like a result, then the last."""
    roles: dict[str, int] = {}
    named: list[tuple[tuple[bool, bool, bool], int]] = []
    unnamed: list[int] = []
    for index, heading in enumerate(header):
        lower = plain(heading).lower()
        role = _role(lower)
        if role == "val_bpb":
            beside = BESIDE.search(lower) is not None and "post-ttt" not in lower
            rank = (not beside, _bold(heading, index, rows), _FINAL.search(lower) is not None)
            named.append((rank, index))
        elif role is not None:
            roles.setdefault(role, index)
        elif lower and all(index < len(r.cells) and _BARE_BPB.fullmatch(plain(r.cells[index])) for r in rows):
            unnamed.append(index)
    if not named and len(unnamed) == 1 and _VALUE.match(plain(header[unnamed[0]])):
        return _Columns(roles, (unnamed[0],), 0)
    return _Columns(roles, (*unnamed, *(index for _, index in sorted(named))), len(unnamed))


def _role(lower: str) -> str | None:
    """What a column of this name holds, None where the name does not say."""
    if "bpb" in lower or _BITS.search(lower) or lower in _NAMED:
        return "val_bpb"
    if "loss" in lower:
        return None if "train" in lower else "val_loss"
    if re.search(r"artifact|total.*(?:bytes|size)|submission|\bsize|^bytes|^total$", lower) and "code" not in lower:
        return "artifact_bytes"
    if "code" in lower:
        return "code_bytes"
    if "step" in lower and not re.search(r"ms|avg|time|/", lower):
        return "steps"
    if ("eval" in lower and not re.search(r"token|stride|window|docs|est", lower)) or "ttt time" in lower:
        return "eval_seconds"
    return "train_seconds" if re.search(r"(?<!un)train|wall|^time", lower) else None


def _bold(heading: str, index: int, rows: list[_Row]) -> bool:
    """Bold in the heading or in most rows; one bold cell marks the best seed."""
    bold = sum(index < len(r.cells) and r.cells[index].startswith(("**", "__")) for r in rows)
    return heading.startswith(("**", "__")) or (bold > 1 and 2 * bold > len(rows))


def _claim(row: _Row, header: list[str], columns: _Columns) -> SeedClaim:
    def cell(role: str) -> tuple[str, str] | None:
        index = columns.roles.get(role)
        if index is None or index >= len(row.cells) or not plain(row.cells[index]):
            return None
        return plain(row.cells[index]), plain(header[index])

    def number(role: str) -> float | None:
        text = cell(role)
        return first_figure(text[0]) if text else None

    figures = _figures(row, header, columns.bpb)
    result = _figures(row, header, columns.bpb[-1:] if len(columns.bpb) > columns.unnamed else ())
    size, code, steps = cell("artifact_bytes"), cell("code_bytes"), cell("steps")
    train, evaluation = cell("train_seconds"), cell("eval_seconds")
    return SeedClaim(
        where=row.where,
        seed=row.seed,
        val_bpb=next(iter(result.values()), None),
        val_loss=number("val_loss"),
        artifact_bytes=to_bytes(*size) if size else None,
        code_bytes=to_bytes(*code) if code else None,
        steps=to_count(steps[0]) if steps else None,
        train_seconds=to_seconds(*train) if train else None,
        eval_seconds=to_seconds(*evaluation) if evaluation else None,
        figures=figures,
    )


def _figures(row: _Row, header: list[str], columns: Sequence[int]) -> dict[str, float]:
    """The BPB of these columns by their names."""
    found: dict[str, float] = {}
    for index in columns:
        figure = first_figure(plain(row.cells[index])) if index < len(row.cells) else None
        if figure is not None and 0 <= figure < _HIGHEST:
            found[plain(header[index])[:_NAME_LIMIT]] = figure
    return found
