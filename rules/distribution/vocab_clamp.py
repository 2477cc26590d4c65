"""Target ids are scored as they are."""

from __future__ import annotations

from auditor.findings import Outcome, Ruling, found
from auditor.rule import Example, Facts, Rule, Source
from rules.examples.folders import folder
from rules.examples.scripts import script
from rules.findings import shown

ID = "vocab-clamp"


def check(facts: Facts) -> Ruling:
    message = "validation token ids are clamped to the model's vocabulary: another text is scored"
    findings = [shown(ID, Outcome.DISPUTED, place, message) for place in facts.code.changed_targets]
    return found(findings, "token ids are scored as they are")


_CLAMP = "val_tokens = val_tokens.clamp(max=args.vocab_size - 1)"
_FUNCTION = """
def fit(ids, vocab_size):
    return torch.clamp(ids, 0, vocab_size - 1)
"""
_HASHED = """
def bigram_ids(x, vocab_size):
    return (x[1:] * 31 + x[:-1]) % vocab_size
"""

RULE = Rule(
    id=ID,
    title="Target ids are not clamped to the vocabulary",
    class_="score",
    authority="community",
    evidence=("code",),
    criterion="No validation token id is changed on its way to the loss.",
    why="A rare token replaced by a fixed one is another, easier text.",
    remedy="Use a vocabulary that holds every id of the data set.",
    sources=(Source("https://github.com/openai/parameter-golf/pull/1723", "closed"),),
    check=check,
    examples=(
        Example("clamped after loading", "breaks", folder(script(before_training=_CLAMP)), Outcome.DISPUTED),
        Example(
            "clamped by a helper",
            "breaks",
            folder(script(helpers=_FUNCTION, before_training="val_tokens = fit(val_tokens, args.vocab_size)")),
            Outcome.DISPUTED,
        ),
        Example(
            "an index into a hashed table",
            "legal",
            folder(script(helpers=_HASHED, before_training="ids = bigram_ids(val_tokens, args.vocab_size)")),
            Outcome.PASS,
        ),
        Example("ids as they are", "legal", folder(), Outcome.PASS),
        Example("a helper that nothing calls", "inactive", folder(script(helpers=_FUNCTION)), Outcome.PASS),
    ),
)
