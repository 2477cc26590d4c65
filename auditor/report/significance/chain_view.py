"""The wording of the chain of records."""

from __future__ import annotations

from auditor.report.significance.blocks import Block, Items, Paragraph, Section, Table
from auditor.significance.model import Chain, ChainRow
from auditor.significance.probability import show_p

_MARK = "*"  # after a p of a test with a standard deviation from elsewhere


def name(row: ChainRow) -> str:
    return f"#{row.pr}" if row.pr is not None else row.name


def title(chain: Chain) -> str:
    return "every accepted record against the one before"


def sentence(chain: Chain) -> str:
    """How many rows meet each bar, and what the record would be."""
    tested = [row for row in chain.rows if row.met]
    counts = "; ".join(
        f"{sum(dict(row.met).get(bar.id, False) for row in tested)} meet the {bar.title} bar" for bar in chain.bars
    )
    last = min(chain.rows, key=lambda row: row.score)
    final = chain.kept_final
    return (
        f"{len(chain.rows)} accepted rows, {len(tested)} of them testable against the record before: {counts}. Had the "
        f"{chain.bars[0].title} bar been kept, the record would be {final.score:.4f} ({name(final)}, {final.date}) "
        f"instead of {last.score:.4f} ({name(last)}, {last.date}), after {sum(r.kept for r in chain.rows) - 1} records "
        f"instead of {len(chain.rows) - 1}."
    )


def sections(chain: Chain) -> tuple[Section, ...]:
    rows = tuple(_cells(chain, row) for row in chain.rows)
    links = tuple((name(row), row.url) for row in chain.rows)
    headings = (
        "date", "record", "seeds", "BPB", "against", "gain, BPB", "gain, nats", "p", "p, margin",
        *(bar.short for bar in chain.bars), "kept",
    )  # fmt: skip
    text = frozenset({0, 1, 4, *range(9, len(headings))})
    table = Table(headings, rows, text, links, secondary=frozenset({2, 3, 4, 5}), dense=True)
    return (
        Section("Records", (table, Paragraph(_legend(chain))), chart="chain"),
        Section("Had the README's bar been kept", (_kept(chain),)),
        Section("About the evidence", _evidence(chain), folded=True),
    )


def _cells(chain: Chain, row: ChainRow) -> tuple[str, ...]:
    mark = _MARK if row.tested == "known-sd" else ""
    met = dict(row.met)
    bars = tuple("-" if bar.id not in met else "met" if met[bar.id] else "no" for bar in chain.bars)
    return (
        row.date,
        name(row),
        str(row.n),
        f"{row.mean:.5f}",
        row.before or "-",
        "-" if row.gain_bpb is None else f"{row.gain_bpb:+.5f}",
        "-" if row.gain_nats is None else f"{row.gain_nats:+.5f}",
        show_p(row.p) + mark,
        show_p(row.p_margin) + (mark if row.p_margin is not None else ""),
        *bars,
        "yes" if row.kept else "no",
    )


def _legend(chain: Chain) -> str:
    sd, df, records = chain.pooled_sd
    margin = chain.bars[0]
    return (
        f"p: one-sided Welch test against the best record before; with margin: against {margin.margin_nats:g} nats per "
        f"token. {_MARK} a side has one seed: a z test with the standard deviation pooled over {records} records "
        f"({sd:.6f} bits per byte, {df} degrees of freedom), which meets no bar. "
        "BPB: the mean of the folder's logs, one figure for each seed; nats: per token. "
        "README, April: whether that bar is met. kept: would be a record had every record needed the README's bar."
    )


def _kept(chain: Chain) -> Block:
    return Items(
        tuple((f"{row.date} {name(row)}", f"{row.score:.4f}, {row.kept_reason}") for row in chain.rows if row.kept)
    )


def _evidence(chain: Chain) -> tuple[Block, ...]:
    rows = tuple((name(row), r.message) for row in chain.rows for r in row.remarks)
    return (Items(rows),) if rows else ()
