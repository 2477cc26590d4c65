"""The README's headline figure and size."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from auditor.claims.grids import cells_of, plain
from auditor.claims.grids import tables as tables_of
from auditor.claims.lists import listed_seeds
from auditor.claims.model import Claim, Claims, SeedClaim
from auditor.claims.passes import is_mean, is_one
from auditor.claims.seeds import merge_rows
from auditor.claims.sizes import artifact_size, exact_of
from auditor.claims.tables import BESIDE, seed_rows

_UNIT = r"(?:val[_ ]bpb|\bbpb|\bbits[ -]per[ -]byte|\bbits/byte)"
_HEADLINE = re.compile(
    _UNIT + r"\W{0,12}(?:[a-z -]{0,20}(?:\d{1,2}[- ]seeds?[a-z -]{0,20})?\W{0,6})?(\d\.\d{3,12})", re.IGNORECASE
)
_REVERSED = re.compile(
    r"(\d\.\d{3,12})(?:\s?\(?(?:\u00b1|\+/-)\s?\d?\.\d{1,9}\)?)?"
    r"\W{0,4}(?:(?:val[_ ])?bpb\b|bits[ -]per[ -]byte|bits/byte)",
    re.IGNORECASE,
)
# `val_bpb 1.2244 -> 1.1193`, `BPB from 1.2244 to 1.1193`: the second is the result.
_CHANGED = re.compile(
    rf"{_UNIT}.{{0,30}}?\d\.\d{{3,12}}(?:\s?bpb)?[\s*`]{{0,4}}(?:\u2192|->|=>|to)[\s*`]{{0,4}}(\d\.\d{{3,12}})",
    re.IGNORECASE,
)
# Before the result: what the model was before it was quantized or adapted.
_EARLIER = re.compile(
    r"pre-?quant|before quant|unquantized|pre-?ttt|before ttt|\bema\b|roundtrip|best checkpoint", re.IGNORECASE
)
_BEFORE_RESULT = re.compile(r"pre-?quant|before quant|unquantized|pre-?ttt|before ttt", re.IGNORECASE)
_RESULT = re.compile(r"post|final", re.IGNORECASE)
_OURS = re.compile(r"\W{0,4}(?:ours|this\b|our\b|(?:this )?submission|final|result)", re.IGNORECASE)
# What such words announce is a difference, a spread, or the figure of somebody else.
_NOT_OWN = (
    r"by|std|stdev|sigma|delta|gains?|improvements?|gap|margin|diff|difference|reduction|threshold|within|over|than|vs"
    r"|versus|beats|beating|baseline|sota|prior|previous|from"
)
_BEFORE = re.compile(
    r"(?:[-+\u2212\u0394]|(?:\u00b1|\+/-)\s{0,2}"
    rf"|\b(?:{_NOT_OWN})\b\W{{0,6}}(?:of|is|at|about|only|just)?\W{{0,4}}"
    # `projected **0.823-0.829`, `estimated at ~1.187`
    r"|\b(?:projected|expected|estimated|hoped[ -]for)\b[^;|()]{0,24}"
    # `our gap to the leader: 0.0315`
    r"|\b(?:gap|margin|difference|delta)\b[^.;|()\d]{0,40}[:=][\s*`~]{0,4})$",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"[\s*]{0,4}(?:(?:val[_ ])?bpb\b)?[\s*]{0,4}"
    r"(?:better|worse|lower|higher|improvement|gain|reduction|drop|delta|std|gap|margin|base (?:on|of|from) (?:PR )?#)",
    re.IGNORECASE,
)
_KEY_BEFORE = re.compile(r"(?:delta|\u0394|std|gain|baseline|sota|prior|previous)[\s_(*`-]{0,4}$", re.IGNORECASE)
# What has a figure and is no person.
_THINGS = (
    r"model|run|seed|submission|stack|script|team|author|evaluation|eval|candidate|attempt|entry|record|version|today|it"
    r"|this|that|here|there|what|let|config\w*|recipe|pipeline|ensemble|ours?|we|sweep|result|method|approach|variant"
)
# The figure of another pull request: `Base: PR #325 (1.1462 bpb)`, `inspired by PR #1180, which achieved 1.0577`.
_BASE_LINE = re.compile(
    r"[\W_]{0,8}(?:base(?:d on|line)?|parent|inspired by|buil(?:t|ds) (?:up)?on|start(?:ing point|s from|ed from)"
    r"|reference|previous|prior|forked? (?:of|from))\b[^.;]{0,60}?(?:PR|pull request) ?#?\d"
    # `Estimated total: ~1.116 (before), ~1.113 (after)`
    r"|[\W_]{0,8}(?:combined |total )?(?:estimated?|projected|projection|expected)\b"
    # `Target: 1.123-1.128`, `Baseline completed 9717 steps -> 1.154`
    r"|[\W_]{0,8}(?:our )?(?:targets?|goal)\b[^|;]{0,24}[:=]"
    r"|[\W_]{0,8}(?:the )?baseline (?:run )?(?:completed|finished|reached|got|scored|achieved|ended)\b"
    # `Current accepted SOTA to beat: 1.0611`
    r"|[^|.;:]{0,60}\bto beat\b"
    r"|\s{0,8}[-*+] \W{0,4}(?:PR|pull request) ?#?\d{1,5}\W{0,3}\("
    r"|[\W_]{0,8}(?:current|accepted|merged|official|public|leaderboard)\b[\w #()-]{0,30}"
    r"\b(?:sota|leader|leaderboard|baseline|top)\b[^|;]{0,40}[:=]",
    re.IGNORECASE,
)
_OF_ANOTHER = re.compile(
    r"(?:PR|pull request) ?#?\d{1,5}\b(?:[^.;()]{0,40}\(\W{0,3}(?:(?:val[_ ])?bpb)?\W{0,4}"
    r"|[^.;]{0,60}?\b(?:achiev\w{1,3}|scor\w{1,3}|got|gets|reach\w{0,3}|report\w{0,3}|had|has|gave|gives)\b[^.;]{0,12})$"
    # `the current first (PR #1493, 1.0810 BPB)`
    r"|\((?:[\w@-]{1,40},? )?(?:PR|pull request) ?#?\d{1,5},? {0,2}\W{0,4}$"
    # `somebody's winning 1.1428 bpb architecture`; `the run's final 1.1428` is one's own
    rf"|\b(?!(?:{_THINGS})s?\b)[a-z][\w-]{{2,38}}['\u2019]s [\w-]{{0,20}} ?(?:(?:val[_ ])?bpb )?$"
    # `the Seq4096 submission (1.2014 BPB)`
    r"|\bthe (?!final|current|present|whole|full|best|new|last)[a-z][\w-]{2,39} (?:submission|record|entry) \($"
    # `the SOTA stack (its author, 1.1428 bpb)`
    r"|(?<!new )\b(?:sota|baseline|leader)\b[^.;()]{0,40}\([^()]{0,40}$",
    re.IGNORECASE,
)
# `the gap grows from 0.0072 BPB (10-min run) to 0.0325 BPB`
_OF_A_GAP = re.compile(
    r"\b(?:gap|penalty|difference|margin)\b(?:(?!\.\s)[^;|]){0,40}\bfrom\b(?:(?!\.\s)[^;|]){0,60}\bto [*`~]{0,3}$",
    re.IGNORECASE,
)
_CONTEXT = 40  # characters before a figure that are looked at
_BARE = re.compile(r"~?(\d\.\d{3,12})")
_NUMBER = re.compile(r"(?<![\w.])\d{1,2}\.\d{3,20}(?![\d.])")
_MEAN = re.compile(r"\bmean\b|\baverage\b|\bavg\b", re.IGNORECASE)
_STEPS_ROW = re.compile(
    r"(?:total |training |train |optimizer |stop |final )?steps?(?: (?:completed|done|trained|reached|taken))?",
    re.IGNORECASE,
)
_STEPS = re.compile(r"~?(\d{1,3}(?:,\d{3})+|\d{2,9})(?![\w.,%])(?!\s?[-\u2013/]?\s?(?:ms|s|k|to)\b)")
_LEAST = 0.02  # below it a figure is a difference
_HEAD = 60  # lines in which a README states its result
_LINE_LIMIT = 2_000


@dataclass(frozen=True, slots=True)
class Readme:
    """What a README states of the result."""

    seeds: tuple[SeedClaim, ...]
    val_bpb: Claim[float] | None
    means: tuple[Claim[float], ...]
    artifact_bytes: Claim[int] | None
    steps: Claim[int] | None


def read_readme(text: str, path: str, shipped: Claims) -> Readme:
    """Rows of the tables of seeds, the stated BPB and means, the largest size.

    `shipped` is what submission.json claims: its score tells which of several figures and columns is the result.
    """
    lines = [line[:_LINE_LIMIT] for line in text.split("\n")]
    claimed = [shipped.val_bpb.value] if shipped.val_bpb is not None else []
    bpb = _headline(lines, path, claimed)
    table = seed_rows(lines, path, claimed + ([bpb.value] if bpb is not None else []))
    rows = table.rows
    if not any(row.val_bpb is not None for row in rows):
        rows = merge_rows([*rows, *listed_seeds(lines, path)])
    sizes = [(r.artifact_bytes, r.where) for r in rows if r.artifact_bytes is not None]
    stated = artifact_size(lines, path)
    results = [row.val_bpb for row in rows if row.val_bpb is not None]
    # Tables of what was tried on the way hold sizes too.
    ours = table.of_seeds or not claimed or any(is_one(claim, results) or is_mean(claim, results) for claim in claimed)
    size = Claim(*max(sizes)) if sizes and (ours or stated is None) else stated
    size = size if size is None else exact_of(size, lines, path)
    return Readme(rows, bpb, (*_means(lines, path, claimed), *table.means), size, _steps(lines, path))


def _steps(lines: list[str], path: str) -> Claim[int] | None:
    """The steps in a row of one value: `| Training steps | 9,618 |`, `| Stop step | 4837 / 20000 |`."""
    found = []
    for number, line in enumerate(lines, 1):
        cells = [plain(cell) for cell in cells_of(line)] if line.lstrip()[:1] == "|" else []
        if len(cells) == 2 and _STEPS_ROW.fullmatch(cells[0]) and (steps := _STEPS.match(cells[1])):
            found.append(Claim(int(steps[1].replace(",", "")), f"{path}:{number}"))
    return found[0] if len(found) == 1 else None


def _headline(lines: list[str], path: str, claimed: list[float]) -> Claim[float] | None:
    """The figure that the README shares with submission.json, else the first of its prose, else of its tables."""
    stated = _stated(lines[:_HEAD], path)
    shared = [claim for claim in stated if is_one(claim.value, claimed)] or _anywhere(lines, path, claimed)
    return next(iter(shared or stated or _stated(lines, path)), None)


def _stated(lines: list[str], path: str) -> list[Claim[float]]:
    """The scores of these lines, those of prose first."""
    prose: list[Claim[float]] = []
    tables: list[Claim[float]] = []
    earlier: list[Claim[float]] = []
    for number, line in enumerate(lines, 1):
        start = line.lstrip()[:1]
        if start == "|":
            tables += [Claim(figure, f"{path}:{number}") for figure in _metric(line)]
        elif start != ">" and not line.lstrip().startswith("```"):
            found = [Claim(figure, f"{path}:{number}") for figure in _own_figures(line)]
            (earlier if _EARLIER.search(line) and not _RESULT.search(line) else prose).extend(found)
    tables += [claim for claim in _of_ours(lines, path) if claim not in tables]
    return prose + tables + earlier


def _of_ours(lines: list[str], path: str) -> Iterator[Claim[float]]:
    """The score in the row of a comparison that is called ours."""
    for table in tables_of(lines):
        columns = [i for i, h in enumerate(table.header) if "bpb" in h.lower() and not BESIDE.search(h)]
        for number, cells in table.rows if columns else ():
            if _OURS.match(plain(cells[0])) and len(cells) > columns[-1]:
                match = _BARE.fullmatch(plain(cells[columns[-1]]))
                if match:
                    yield Claim(float(match[1]), f"{path}:{number}")


def _anywhere(lines: list[str], path: str, claimed: list[float]) -> list[Claim[float]]:
    """Where the claimed figure stands, whatever is around it."""
    found = (c for c in figures_of(lines, path) if is_one(c.value, claimed))
    return [claim] if (claim := next(found, None)) is not None else []


def figures_of(lines: Sequence[str], path: str) -> Iterator[Claim[float]]:
    """Every figure of a README that may be its result: not those of what the model was before."""
    for number, line in enumerate(lines, 1):
        if _BEFORE_RESULT.search(line) is None or _RESULT.search(line):
            yield from (Claim(float(match[0]), f"{path}:{number}") for match in _NUMBER.finditer(line))


def _means(lines: list[str], path: str, claimed: list[float]) -> Iterator[Claim[float]]:
    """Figures of the first lines that are called a mean; none of a line that has the claimed one too."""
    for number, line in enumerate(lines[:_HEAD], 1):
        if line.lstrip()[:1] in ("|", ">") or not _MEAN.search(line) or BESIDE.search(line):
            continue
        figures = _own_figures(line)
        if figures and not any(is_one(figure, claimed) for figure in figures):
            yield Claim(figures[0], f"{path}:{number}")


def _own_figures(line: str) -> list[float]:
    """The scores of a line of prose, without differences, spreads and what they are compared with."""
    if _BASE_LINE.match(line):
        return []
    changed = _CHANGED.search(line)
    found = [float(changed[1])] if changed else []
    for match in (*_HEADLINE.finditer(line), *_REVERSED.finditer(line)):
        start = match.start(1)
        before = line[max(0, start - _CONTEXT) : start]
        key = line[max(0, match.start() - _CONTEXT) : match.start()]
        if float(match[1]) >= _LEAST and not (
            _BEFORE.search(before)
            or _OF_ANOTHER.search(line[max(0, start - 140) : start])
            or _KEY_BEFORE.search(key)
            or _OF_A_GAP.search(line[max(0, start - 140) : start])
            or _AFTER.match(line, match.end(1))
        ):
            found.append(float(match[1]))
    return found


def _metric(line: str) -> list[float]:
    """The score in a row such as `| val_bpb | 1.1234 |`."""
    cells = [plain(cell) for cell in cells_of(line)]
    if len(cells) != 2 or "bpb" not in cells[0].lower() or BESIDE.search(cells[0]):
        return []
    match = _BARE.fullmatch(cells[1])
    return [float(match[1])] if match else []
