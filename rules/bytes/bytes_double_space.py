"""The byte of a leading space may be counted once."""

from __future__ import annotations

from auditor.findings import Finding, Outcome, Ruling, found, not_checked
from auditor.program.bytes.tables import ByteTable
from auditor.program.module import Seen
from auditor.rule import Example, Facts, Rule, Source
from rules.examples.folders import folder
from rules.examples.scripts import TABLES, script
from rules.findings import shown

ID = "bytes-double-space"


def _held(table: ByteTable) -> int | None:
    """Bytes that the table holds for a leading space: the space itself is one, the mark U+2581 three."""
    spaced, word = table.excess("spaced"), table.excess("word")
    return None if spaced is None or word is None else spaced - word


def _finding(table: ByteTable, held: int, added: tuple[Seen, ...]) -> Finding | None:
    shown_as = f"{held} bytes (the mark itself)" if held > 1 else "1 byte"
    counts = f"the byte table '{table.name}' already counts the leading space as {shown_as}"
    effect = "the denominator is too large and the score too low"
    # Only a table whose loop also marks leading spaces is one that the addition belongs to.
    if table.flags is not None and added:
        where = next((a for a in added if a.place.unit is table.place.unit), added[0])
        message = f"{counts}, and line {where.place.line} adds it again: {effect}"
        return shown(ID, Outcome.VIOLATION, where, message, also=table.active)
    if held > 1 and table.boundaries is not None:
        return shown(ID, Outcome.VIOLATION, table, f"{counts}: {effect}")
    return None


def _of_all(table: ByteTable, added: tuple[Seen, ...]) -> Finding | None:
    """A space is added for what a table marks, and the one that is filled with the bytes marks every piece."""
    if table.flags is not None or table.all_flagged is None or not added:
        return None
    where = next((a for a in added if a.place.unit is table.place.unit), added[0])
    message = (
        f"'{table.all_flagged}' marks pieces without a leading space as well, and line {where.place.line} adds a byte "
        "for what is marked: the denominator is too large and the score too low"
    )
    return shown(ID, Outcome.DISPUTED, where, message, also=table.active)


def check(facts: Facts) -> Ruling:
    findings: list[Finding] = []
    open_questions, sure = [], False
    for table in facts.code.byte_tables:
        held = _held(table)
        if (finding := _of_all(table, facts.code.added_spaces)) is not None:
            findings.append(finding)
        if held is None:
            open_questions.append(f"what '{table.name}' holds for a piece with a leading space could not be worked out")
        elif held > 0 and (twice := _finding(table, held, facts.code.added_spaces)) is not None:
            findings.append(twice)
        elif held > 1:
            open_questions.append(f"'{table.name}' holds {held} bytes for a leading space; its use is not known")
        else:
            sure = True
    if not facts.code.byte_tables:
        return not_checked("no table of bytes per piece was found in the code")
    unchecked = open_questions[0] if open_questions and not sure else ""
    return found(findings, "the byte table counts a leading space once", unchecked=unchecked)


_IN_TABLE = TABLES.replace("            piece = piece[1:]\n", '            piece = piece.replace("\\u2581", " ")\n')
_ALL_MARKED = TABLES.replace("            leading_space[i] = True\n", "").replace(
    "        boundary[i] = False\n", "        boundary[i] = False\n        leading_space[i] = True\n"
)
_OTHER_MARK = TABLES.replace("\\u2581", "?")
_PLUS_ONE = """
def build_byte_tables(tokenizer, vocab_size, device):
    width = torch.zeros(vocab_size, dtype=torch.int16, device=device)
    starts = torch.zeros(vocab_size, dtype=torch.bool, device=device)
    edge = torch.ones(vocab_size, dtype=torch.bool, device=device)
    for i in range(vocab_size):
        if tokenizer.is_control(i) or tokenizer.is_unknown(i) or tokenizer.is_unused(i):
            continue
        edge[i] = False
        if tokenizer.is_byte(i):
            width[i] = 1
            continue
        text = tokenizer.id_to_piece(i)
        width[i] = len(text.encode("utf-8"))
        if text.startswith("\\u2581"):
            starts[i] = True
            width[i] = len(text[1:].encode("utf-8")) + 1
    return width, starts, edge
"""
_HELPER = """
def surface(piece):
    return piece.replace("\\u2581", " ")
"""
_THROUGH_HELPER = TABLES.replace("            piece = piece[1:]\n", "").replace(
    "piece.encode(", "surface(piece).encode("
)
_MEASURED_BY_A_HELPER = '''
def measure(tokenizer, i):
    """Bytes of one piece, and whether it starts with a space."""
    if tokenizer.is_byte(i):
        return 1, False
    piece = tokenizer.id_to_piece(i)
    return len(piece.encode("utf-8")), piece.startswith("\\u2581")


def build_byte_tables(tokenizer, vocab_size, device):
    width = torch.zeros(vocab_size, dtype=torch.int16, device=device)
    starts = torch.zeros(vocab_size, dtype=torch.bool, device=device)
    edge = torch.ones(vocab_size, dtype=torch.bool, device=device)
    for i in range(tokenizer.vocab_size()):
        if tokenizer.is_control(i) or tokenizer.is_unknown(i) or tokenizer.is_unused(i):
            continue
        edge[i] = False
        width[i], starts[i] = measure(tokenizer, i)
    return width, starts, edge
'''
_MEASURED_RIGHT = _MEASURED_BY_A_HELPER.replace("len(piece.encode", 'len(piece.removeprefix("\\u2581").encode')
_NO_ADDITION = """
def eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device):
    loss_sum, byte_count, total = 0.0, 0.0, val_tokens.numel() - 1
    with torch.inference_mode():
        for start in range(0, total, args.seq_len):
            x = val_tokens[start:start + args.seq_len][None].to(device)
            y = val_tokens[start + 1:start + args.seq_len + 1][None].to(device)
            logits = model.forward_logits(x[:, :y.size(1)])
            loss_sum += F.cross_entropy(logits.float().flatten(0, 1), y.flatten(), reduction="sum").item()
            byte_count += base_bytes[y].double().sum().item()
    return loss_sum / total, loss_sum / math.log(2.0) / byte_count
"""

RULE = Rule(
    id=ID,
    title="The byte of a leading space is counted once",
    class_="score",
    authority="community",
    evidence=("code",),
    criterion="No piece with a leading U+2581 has the space both in the byte table and added at evaluation.",
    why="Counting the space twice makes the number of bytes about 17 % too large and the score about 15 % too low.",
    remedy="Strip one leading U+2581 before measuring the piece, and add 1 at evaluation where the piece had it "
    "and the previous token is no boundary; then the log's bytes agree with the full validation set's.",
    sources=(
        Source("https://github.com/openai/parameter-golf/issues/1719", "report of the double count"),
        Source("https://github.com/openai/parameter-golf/pull/1734", "withdrawn by its author: 1.0108 becomes 1.1873"),
        Source("https://github.com/openai/parameter-golf/pull/1804", "audit tool: ratio 176,332,748 / 151,080,891"),
    ),
    check=check,
    examples=(
        Example("the space replaced, not stripped", "breaks", folder(script(tables=_IN_TABLE)), Outcome.VIOLATION),
        Example("plus one in the table, other names", "breaks", folder(script(tables=_PLUS_ONE)), Outcome.VIOLATION),
        Example(
            "replaced in a helper",
            "breaks",
            folder(script(tables=_HELPER + _THROUGH_HELPER)),
            Outcome.VIOLATION,
        ),
        Example("measured by a helper", "breaks", folder(script(tables=_MEASURED_BY_A_HELPER)), Outcome.VIOLATION),
        Example("a mark that is no tokenizer's", "breaks", folder(script(tables=_OTHER_MARK)), Outcome.VIOLATION),
        Example(
            "every piece marked as one with a space", "breaks", folder(script(tables=_ALL_MARKED)), Outcome.DISPUTED
        ),
        Example("stripped, then added at evaluation", "legal", folder(), Outcome.PASS),
        Example(
            "measured by a helper, the mark stripped", "legal", folder(script(tables=_MEASURED_RIGHT)), Outcome.PASS
        ),
        Example(
            "in the table, not added at evaluation",
            "legal",
            folder(script(_NO_ADDITION, tables=_IN_TABLE)),
            Outcome.PASS,
        ),
    ),
    not_decidable="tables built by a tokenizer library or read from a side file; the byte ledger sees those",
)
