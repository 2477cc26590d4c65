"""A byte-fallback token stands for one byte."""

from __future__ import annotations

from auditor.findings import Finding, Location, Outcome, Ruling, found, not_checked
from auditor.rule import Example, Facts, Rule, Source
from rules.analysis.bytetable import byte_tables
from rules.analysis.syntax import code_finding, python_units
from rules.analysis.vocabulary import example_meta, example_vocab, side_table, token_lengths
from rules.examples.folders import TABLES, folder, script

ID = "bytes-fallback-width"


def _in_code(facts: Facts) -> tuple[list[Finding], int]:
    findings: list[Finding] = []
    tables = 0
    for unit, tree in python_units(facts):
        for table in byte_tables(unit, tree):
            tables += 1
            width = table.of("byte")
            if width is None or width <= 1:
                continue
            message = f"'{table.name}' counts a byte-fallback piece such as <0xE2> as {width} bytes; it stands for one"
            findings.append(code_finding(facts, ID, Outcome.VIOLATION, unit, table.line, message, remedy=RULE.remedy))
    return findings, tables


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
        for vocabulary in vocabularies:
            lengths = token_lengths(vocabulary.data or b"")
            if lengths is None:
                continue
            wide = [i for i, (n, w) in enumerate(zip(lengths, widths, strict=False)) if n == 1 and w > 1]
            if wide:
                message = (
                    f"{len(wide)} tokens of one byte in {vocabulary.path} count up to {max(widths[i] for i in wide)} "
                    f"bytes in {file.path} (ids {wide[0]} to {wide[-1]})"
                )
                findings.append(
                    Finding(ID, Outcome.VIOLATION, message, Location(file.path), remedy=RULE.remedy, excerpt=message)
                )
    return findings, tables, problems


def check(facts: Facts) -> Ruling:
    in_code, tables = _in_code(facts)
    in_files, side_tables, problems = _in_side_tables(facts)
    if not tables and not side_tables:
        return not_checked("; ".join(problems) or "no table of bytes per piece was found")
    return found([*in_code, *in_files], "a byte-fallback piece counts as one byte")


_NO_BYTE_CASE = TABLES.replace(
    "        if tokenizer.is_byte(i):\n            base_bytes[i] = 1\n            continue\n", ""
)
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
            folder(extra={"t.vocab": example_vocab([b"a", b"\xe2", b"the"]), "t.meta.npz": example_meta([1, 3, 3])}),
            Outcome.VIOLATION,
        ),
        Example("one byte", "legal", folder(), Outcome.PASS),
        Example(
            "a side table of raw bytes",
            "legal",
            folder(extra={"t.vocab": example_vocab([b"a", b"\xe2", b"the"]), "t.meta.npz": example_meta([1, 1, 3])}),
            Outcome.PASS,
        ),
        Example("a byte stream nobody reads", "inactive", folder(script(helpers=_STREAM)), Outcome.PASS),
    ),
    not_decidable="a tokenizer that is not in the folder and whose widths no code computes; the byte ledger sees those",
)
