"""Bytes are counted, not assumed."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.findings import Finding, Outcome, Ruling, found
from auditor.program.bytes.pieces import PieceKind
from auditor.program.recipe.reading import assumed_widths, figures
from auditor.program.recipe.widths import odd_widths
from auditor.rule import Example, Facts, Rule, Source
from rules.examples.folders import folder
from rules.examples.scripts import EVALUATION, TABLES, script
from rules.findings import formula_finding, shown
from rules.scored import label

ID = "bytes-hardcoded"
_TEXT: tuple[PieceKind, ...] = ("word", "letter", "quoted", "accented", "foreign")


def _assumed(facts: Facts) -> Iterator[Finding]:
    for line, head in figures(facts.program.trace, label(facts)):
        for node, width in assumed_widths(head):
            message = f"the figure divides by a constant of {width:.6g} bytes per token instead of counting bytes"
            finding = formula_finding(ID, line, node, message, "bits per token become bits per byte")
            if finding is not None:
                yield finding
        if facts.probe is not None and facts.probe.decided:
            continue
        for node, why in odd_widths(head):
            message = f"as it reads, the figure divides by more than the bytes of the scored tokens: {why}"
            finding = formula_finding(ID, line, node, message, "other than bytes are counted", Outcome.DISPUTED)
            if finding is not None:
                yield finding


def _other_than_bytes(facts: Facts) -> Iterator[Finding]:
    """Tables whose pieces have another length than their text has bytes in UTF-8: characters, or other encodings."""
    wrong = [(table, [n for kind in _TEXT if (n := table.excess(kind))]) for table in facts.code.byte_tables]
    if all(off for _, off in wrong):
        for table, off in wrong:
            more = max(off) > 0
            what = "more" if more else "fewer"
            message = (
                f"'{table.name}' holds {what} bytes for a piece than its text has in UTF-8: characters are counted, or "
                f"another encoding's bytes; the score is too {'low' if more else 'high'}"
            )
            yield shown(ID, Outcome.VIOLATION if more else Outcome.WARNING, table, message)


def check(facts: Facts) -> Ruling:
    assumed = {finding.location: finding for finding in _assumed(facts)}
    return found(
        [*assumed.values(), *_other_than_bytes(facts)], "no figure is made with a constant number of bytes per token"
    )


_LINE = "    val_bpb = val_loss / math.log(2.0) * (token_count / byte_count).item()\n"
_NO_TABLE = """
def build_byte_tables(tokenizer, vocab_size, device):
    return None, None, None
"""


def _uncounted(replacement: str) -> str:
    body = EVALUATION.replace(_LINE, replacement)
    start = body.index("            prev, tgt")
    return body[:start] + body[body.index("    val_loss = (loss_sum") :]


_CONSTANT = _uncounted("    BYTES_PER_TOKEN = 2.436\n    val_bpb = val_loss / math.log(2.0) / BYTES_PER_TOKEN\n")
_SWITCH = _uncounted("    bits = val_loss / math.log(2.0)\n    val_bpb = bits / args.width\n")
_WIDTH = 'len(piece.encode("utf-8"))'
_CHARACTERS = TABLES.replace(_WIDTH, "len(piece)")


def _encoded(encoding: str) -> str:
    return TABLES.replace(_WIDTH, f'len(piece.encode("{encoding}", "ignore"))')


_AT_LEAST = TABLES.replace(_WIDTH, f"max(4, {_WIDTH})")
_QUOTED = TABLES.replace(_WIDTH, "len(repr(piece).encode()) - 2")
_PROGRESS = EVALUATION.replace(
    _LINE, _LINE + '    print(f"about {val_loss / math.log(2.0) / 2.436:.2f} bits per byte so far")\n'
)

_SCALED = EVALUATION.replace("loss_sum += scored", "loss_sum += 0.98 * scored")

RULE = Rule(
    id=ID,
    title="Bytes are counted, not assumed",
    class_="score",
    authority="maintainer",
    evidence=("code",),
    criterion="The reported figure divides by bytes summed over the scored tokens, not by a constant per token.",
    why="A constant is right for one text and one tokenizer at most, and can be chosen.",
    remedy="Sum the byte table over the scored tokens, as the baseline does.",
    sources=(
        Source("https://github.com/openai/parameter-golf/pull/2009", "cocohearts: BYTES_PER_TOKEN", "2026-05-02"),
        Source("https://github.com/openai/parameter-golf/issues/1017", "field guide, section V", "2026-03-28"),
    ),
    check=check,
    examples=(
        Example("a named constant", "breaks", folder(script(_CONSTANT, tables=_NO_TABLE)), Outcome.VIOLATION),
        Example(
            "a switch, through a variable",
            "breaks",
            folder(
                script(_SWITCH, tables=_NO_TABLE, settings='width = float(os.environ.get("BYTES_A_TOKEN", "2.436"))')
            ),
            Outcome.VIOLATION,
        ),
        Example("bytes in another encoding", "breaks", folder(script(tables=_encoded("utf-16"))), Outcome.VIOLATION),
        Example("at least four bytes for a piece", "breaks", folder(script(tables=_AT_LEAST)), Outcome.VIOLATION),
        Example("the backslashes of repr", "breaks", folder(script(tables=_QUOTED)), Outcome.VIOLATION),
        Example("letters that are dropped", "breaks", folder(script(tables=_encoded("latin-1"))), Outcome.WARNING),
        Example("characters", "breaks", folder(script(tables=_CHARACTERS)), Outcome.WARNING),
        Example("counted", "legal", folder(), Outcome.PASS),
        Example("losses that are scaled, over counted bytes", "legal", folder(script(_SCALED)), Outcome.PASS),
        Example("a constant in a progress print", "legal", folder(script(_PROGRESS)), Outcome.PASS),
    ),
)
