"""A changed tokenizer or data set needs a proof of its bytes."""

from __future__ import annotations

import re

from auditor.findings import Finding, Location, Outcome, Ruling, found, not_applicable, not_checked
from auditor.program.bytes.pieces import SPACE
from auditor.program.bytes.tokenizers import NORMAL
from auditor.rule import Example, Facts, Rule, Source
from rules.bytes._ledger import excess, judged
from rules.examples.folders import VAL_BYTES, folder, seeds
from rules.examples.tokenizers import model

ID = "custom-tokenizer-proof"

_PUBLISHED = re.compile(r"(?i)fineweb_(?:1024|4096|8192)_bpe\.(?:model|vocab)|lossless_caps_caseops_v1")
_TOKENIZER_FILE = re.compile(r"(?i)\.(?:model|vocab)$|meta\.npz$|tokenizer[^/]*\.json$")
_TOKENIZER_PATH = re.compile(r"(?i)^\S+\.(?:model|vocab|json)$")


def _custom(facts: Facts) -> tuple[str, str] | None:
    """(file, what says so) of a tokenizer other than the published ones."""
    for file in facts.submission.files:
        name = file.path.rsplit("/", 1)[-1]
        if _TOKENIZER_FILE.search(name) and not _PUBLISHED.search(name):
            return file.path, f"the folder ships {file.path}"
    for run in judged(facts):
        told = [run.tokenizer or "", *(v for k, v in run.hyperparameters.items() if "tokenizer" in k.lower())]
        other = next((t for t in told if _TOKENIZER_PATH.match(t) and not _PUBLISHED.search(t)), None)
        if other:
            return run.log, f"{run.log} uses the tokenizer {other[-120:]}"
    return None


def check(facts: Facts) -> Ruling:
    custom = _custom(facts)
    runs = judged(facts)
    if custom is None:
        if not runs:
            return not_checked("no log says which tokenizer was used")
        return not_applicable("the tokenizer is a published one, as far as folder and logs say")
    # Bytes per token of the published tokenizers say nothing of another one: only a full ledger counts here.
    known = [off for run in runs if run.implied_bytes and (off := excess(run)) is not None]
    if known and all(off == 0.0 for off in known):
        return found([], f"{custom[1]}, and the logs divide by the bytes of the full validation set")
    why = "no log shows the bytes it divided by" if not known else "the bytes that the logs divide by are not the set's"
    message = f"{custom[1]}, and {why}: the README asks for proof that val_bpb is right"
    return found([Finding(ID, Outcome.WARNING, message, Location(custom[0]))], "")


_MODEL = {"custom.model": model([("a", NORMAL), (SPACE, NORMAL)])}
_WRONG = seeds((1.1, 1.1, 1.1), val_tokens=52_000_000, val_loss=1.1 * 0.69314718 * VAL_BYTES * 1.05 / 52e6)
_RIGHT = seeds((1.1, 1.1, 1.1), val_tokens=52_000_000, val_loss=1.1 * 0.69314718 * VAL_BYTES / 52e6)

RULE = Rule(
    id=ID,
    title="A custom tokenizer comes with evidence of exact bytes",
    class_="evidence",
    authority="README",
    evidence=("folder", "logs"),
    criterion="With another tokenizer or data set, the byte count of the validation set is shown to be the original's.",
    why="Every known inflation of the score through bytes came with a changed tokenizer or data set.",
    remedy="Log the sum of bytes over the validation set, or ship a byte sidecar and a round-trip check.",
    sources=(
        Source(
            "https://github.com/openai/parameter-golf#submission-process", "prove with certainty that val_bpb is right"
        ),
    ),
    check=check,
    examples=(
        Example("another byte count", "breaks", folder(logs=_WRONG, extra=_MODEL), Outcome.WARNING),
        Example(
            "no token count in the logs", "breaks", folder(logs=seeds(val_tokens=None), extra=_MODEL), Outcome.WARNING
        ),
        Example("the set's bytes", "legal", folder(logs=_RIGHT, extra=_MODEL), Outcome.PASS),
        Example("a published tokenizer", "legal", folder(), Outcome.NOT_APPLICABLE),
    ),
    not_decidable="whether a written proof is right; bytes that agree are the strongest sign from outside",
)
