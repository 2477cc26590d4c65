"""A vocabulary needs a piece for the space itself."""

from __future__ import annotations

from auditor.findings import Finding, Location, Outcome, Ruling, found, not_checked
from auditor.program.bytes.pieces import SPACE
from auditor.program.bytes.tokenizers import BYTE, CONTROL, NORMAL, UNKNOWN, pieces
from auditor.rule import Example, Facts, Rule, Source
from rules.bytes._ledger import excess, judged
from rules.examples.folders import folder
from rules.examples.tokenizers import model

ID = "bytes-missing-metaspace"


def check(facts: Facts) -> Ruling:
    findings: list[Finding] = []
    models = 0
    off = [run for run in judged(facts) if (over := excess(run)) is not None and over > 0]
    for file in facts.submission.files:
        if not file.path.endswith(".model") or file.data is None:
            continue
        vocabulary = pieces(file.data)
        if vocabulary is None:
            continue
        models += 1
        if any(text == SPACE and kind != CONTROL for text, kind in vocabulary):
            continue
        how = "becomes the three byte pieces of the mark" if any(kind == BYTE for _, kind in vocabulary) else "is lost"
        message = f"{file.path} has no piece for the space mark U+2581 alone: a space that no piece begins with {how}"
        if off:
            message += f", and {off[0].log} divides by {off[0].implied_bytes or 0:,.0f} bytes"
        outcome = Outcome.VIOLATION if off else Outcome.WARNING
        findings.append(Finding(ID, outcome, message, Location(file.path), remedy=RULE.remedy))
    if not models:
        return not_checked("the folder holds no SentencePiece model")
    return found(findings, "the vocabulary has a piece for the space mark alone")


_BARE = [("<unk>", UNKNOWN), ("<s>", CONTROL), ("<0xE2>", BYTE), ("a", NORMAL), (SPACE + "a", NORMAL)]
_BROKEN = model(_BARE)
_WHOLE = model([*_BARE, (SPACE, NORMAL)])


def _logs(implied: float) -> dict[int, str]:
    from rules.examples.folders import VAL_BYTES, seeds

    loss = 1.1 * 0.6931471805599453 * VAL_BYTES / 62_021_632 * implied
    return seeds((1.1, 1.1, 1.1), val_loss=loss)


RULE = Rule(
    id=ID,
    title="The vocabulary has a piece for the space itself",
    class_="score",
    authority="community",
    evidence=("folder", "logs"),
    criterion="The tokenizer holds a standalone U+2581 piece, so that every space is one byte of one piece.",
    why="Without it spaces fall back to the three bytes of the mark, or vanish; the denominator is then wrong.",
    remedy="Add the piece U+2581 to the vocabulary, retokenize, and show that the table counts the original bytes.",
    sources=(Source("https://github.com/openai/parameter-golf/issues/897", "scores about 20 % too low"),),
    check=check,
    examples=(
        Example(
            "no space piece, ledger too large",
            "breaks",
            folder(logs=_logs(1.2), extra={"tokenizer/custom.model": _BROKEN}),
            Outcome.VIOLATION,
        ),
        Example("no space piece", "breaks", folder(extra={"custom.model": _BROKEN}), Outcome.WARNING),
        Example("with a space piece", "legal", folder(extra={"custom.model": _WHOLE}), Outcome.PASS),
        Example("no tokenizer in the folder", "legal", folder(), Outcome.NOT_CHECKED),
    ),
    not_decidable="tokenizers that are not in the folder; the byte ledger sees the effect",
)
