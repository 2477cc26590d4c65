"""Control, unknown and unused pieces stand for no text."""

from __future__ import annotations

from auditor.findings import Finding, Outcome, Ruling, found, not_checked
from auditor.program.bytes.pieces import PieceKind
from auditor.rule import Example, Facts, Rule, Source
from rules.examples.folders import folder
from rules.examples.scripts import TABLES, script
from rules.findings import shown

ID = "bytes-special-token"
_KINDS: tuple[tuple[PieceKind, str], ...] = (("control", "<s>"), ("unknown", "<unk>"), ("unused", "an unused id"))


def check(facts: Facts) -> Ruling:
    findings: list[Finding] = []
    for table in facts.code.byte_tables:
        counted = [(kind, sample, width) for kind, sample in _KINDS if (width := table.width.get(kind))]
        if not counted:
            continue
        listed = ", ".join(f"{kind} pieces ({sample}) as {width} bytes" for kind, sample, width in counted)
        # A control piece occurs once per document, the others practically never.
        outcome = Outcome.VIOLATION if any(kind == "control" for kind, _, _ in counted) else Outcome.WARNING
        findings.append(shown(ID, outcome, table, f"'{table.name}' counts {listed}; they stand for no text"))
    if not facts.code.byte_tables:
        return not_checked("no table of bytes per piece was found in the code")
    unknown = [table.name for table in facts.code.byte_tables if "control" not in table.width]
    unsure = unknown and len(unknown) == len(facts.code.byte_tables)
    unchecked = f"what '{unknown[0]}' holds for a control piece could not be worked out" if unsure else ""
    return found(findings, "control, unknown and unused pieces count as no bytes", unchecked=unchecked)


_COUNTED = TABLES.replace(
    "if tokenizer.is_control(i) or tokenizer.is_unknown(i) or tokenizer.is_unused(i):", "if tokenizer.is_unused(i):"
)
_UNUSED = TABLES.replace(" or tokenizer.is_unused(i)", "")
_DEAD = TABLES + _COUNTED.replace("build_byte_tables", "old_byte_tables")

RULE = Rule(
    id=ID,
    title="Control, unknown and unused pieces count as no bytes",
    class_="score",
    authority="community",
    evidence=("code",),
    criterion="The byte table holds 0 for control, unknown and unused pieces and for operator code points.",
    why="Every document begins with a control piece; counting its spelling makes the denominator too large.",
    remedy="Skip the ids for which the tokenizer says is_control, is_unknown or is_unused before measuring a piece.",
    sources=(
        Source("https://github.com/openai/parameter-golf/issues/1017", "field guide, section V", "2026-03-28"),
        Source(
            "https://github.com/openai/parameter-golf/pull/1797#issuecomment-4322526174",
            "cocohearts verified the corrected byte counts",
            "2026-04-26",
        ),
    ),
    check=check,
    examples=(
        Example("control pieces measured", "breaks", folder(script(tables=_COUNTED)), Outcome.VIOLATION),
        Example("only unused ids measured", "breaks", folder(script(tables=_UNUSED)), Outcome.WARNING),
        Example("skipped", "legal", folder(), Outcome.PASS),
        Example("an old table that nothing calls", "inactive", folder(script(tables=_DEAD)), Outcome.PASS),
    ),
    not_decidable="which ids a custom tokenizer marks as control; operator code points of a transformed text",
)
