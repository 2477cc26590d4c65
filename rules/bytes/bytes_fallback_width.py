"""A byte-fallback token stands for one byte."""

from __future__ import annotations

from auditor.findings import Finding, Location, Outcome, Ruling, found, not_checked
from auditor.program.bytes.tokenizers import side_table, token_lengths
from auditor.rule import Example, Facts, Rule, Source
from rules.examples.folders import folder
from rules.examples.scripts import TABLES, script
from rules.examples.tokenizers import token_bytes, vocabulary
from rules.findings import shown

ID = "bytes-fallback-width"


def _in_code(facts: Facts) -> list[Finding]:
    findings: list[Finding] = []
    for table in facts.code.byte_tables:
        width = table.width.get("byte", 0)
        if width > 1:
            message = f"'{table.name}' counts a byte-fallback piece such as <0xE2> as {width} bytes; it stands for one"
            findings.append(shown(ID, Outcome.VIOLATION, table, message))
    return findings


def _in_side_tables(facts: Facts) -> tuple[list[Finding], int, list[str]]:
    """Single-byte tokens that a shipped table of bytes per token counts as more."""
    findings: list[Finding] = []
    problems: list[str] = []
    tables = 0
    vocabularies = [f for f in facts.submission.files if f.path.endswith(".vocab") and f.data]
    for file in facts.submission.files:
        if not file.path.endswith(".npz") or file.data is None:
            continue
        widths, problem = side_table(file.data, "base_bytes")
        if widths is None:
            problems.append(f"{file.path}: {problem}")
            continue
        tables += 1
        for shipped in vocabularies:
            lengths = token_lengths(shipped.data or b"")
            if lengths is None:
                continue
            wide = [i for i, (n, w) in enumerate(zip(lengths, widths, strict=False)) if n == 1 and w > 1]
            if wide:
                message = (
                    f"{len(wide)} tokens of one byte in {shipped.path} count up to {max(widths[i] for i in wide)} "
                    f"bytes in {file.path} (ids {wide[0]} to {wide[-1]})"
                )
                findings.append(
                    Finding(ID, Outcome.VIOLATION, message, Location(file.path), remedy=RULE.remedy, excerpt=message)
                )
    return findings, tables, problems


def check(facts: Facts) -> Ruling:
    in_files, side_tables, problems = _in_side_tables(facts)
    tables = facts.code.byte_tables
    if not tables and not side_tables:
        return not_checked("; ".join(problems) or "no table of bytes per piece was found")
    unknown = [table.name for table in tables if "byte" not in table.width]
    unsure = unknown and len(unknown) == len(tables)
    unchecked = f"what '{unknown[0]}' holds for a byte-fallback piece could not be worked out" if unsure else ""
    return found([*_in_code(facts), *in_files], "a byte-fallback piece counts as one byte", unchecked=unchecked)


_NO_BYTE_CASE = TABLES.replace(
    "        if tokenizer.is_byte(i):\n            base_bytes[i] = 1\n            continue\n", ""
)
_DECODED = _NO_BYTE_CASE.replace("piece.encode(", "tokenizer.decode([i]).encode(")
_STREAM = """
def byte_stream(tokens, tokenizer):
    stream = bytearray()
    for t in tokens:
        p = tokenizer.id_to_piece(int(t))
        b = (" " + p[1:]).encode() if p.startswith("\\u2581") else p.encode()
        stream.extend(b)
    return bytes(stream)
"""
_STREAM_CALL = """
val_loss, val_bpb = eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device)
val_bpb = val_loss / math.log(2.0) * val_tokens.numel() / len(byte_stream(val_tokens.tolist(), tokenizer))
"""

RULE = Rule(
    id=ID,
    title="A byte-fallback token counts as one byte",
    class_="score",
    authority="maintainer",
    evidence=("code", "folder"),
    criterion="Every token that stands for a single byte of text counts as exactly one byte in the denominator.",
    why="Its spelling <0xNN> has six bytes and a replacement character three; either makes the score too low.",
    remedy="Count 1 where the tokenizer says that a piece is a byte; rebuild a side table from the raw token bytes.",
    sources=(
        Source("https://github.com/openai/parameter-golf/pull/1806", "cocohearts: invalid Scylla record", "2026-04-26"),
        Source("https://github.com/openai/parameter-golf/pull/1289", "withdrawn by its author: 4.13 % too low"),
        Source("https://github.com/openai/parameter-golf/issues/1017", "field guide, section V", "2026-03-28"),
    ),
    check=check,
    examples=(
        Example("no case for bytes", "breaks", folder(script(tables=_NO_BYTE_CASE)), Outcome.VIOLATION),
        Example(
            "a byte stream of spelled pieces",
            "breaks",
            folder(script(helpers=_STREAM, scoring=_STREAM_CALL)),
            Outcome.VIOLATION,
        ),
        Example(
            "a side table that counts 3",
            "breaks",
            folder(extra={"t.vocab": vocabulary([b"a", b"\xe2", b"the"]), "t.meta.npz": token_bytes([1, 3, 3])}),
            Outcome.VIOLATION,
        ),
        Example("decoded one by one", "breaks", folder(script(tables=_DECODED)), Outcome.VIOLATION),
        Example("one byte", "legal", folder(), Outcome.PASS),
        Example(
            "a side table of raw bytes",
            "legal",
            folder(extra={"t.vocab": vocabulary([b"a", b"\xe2", b"the"]), "t.meta.npz": token_bytes([1, 1, 3])}),
            Outcome.PASS,
        ),
        Example("a byte stream nobody reads", "inactive", folder(script(helpers=_STREAM)), Outcome.PASS),
    ),
    not_decidable="a tokenizer that is not in the folder and whose widths no code computes; the byte ledger sees those",
)
