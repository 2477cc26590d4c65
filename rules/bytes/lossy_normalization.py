"""Text normalization that loses information."""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.findings import Finding, Location, Outcome, Ruling, found
from auditor.program.preparation import lossy_steps
from auditor.rule import Example, Facts, Rule, Source
from rules.bytes._ledger import judged, log_finding
from rules.examples.folders import folder, seeds

ID = "lossy-normalization"

_DATASET = re.compile(r"(?i)case_?fold|lower_?case|nfk[cd]|uncased")
_LOSSLESS = re.compile(r"(?i)lossless|caseops")


def _in_scripts(facts: Facts) -> Iterator[Finding]:
    for step in lossy_steps(facts.submission):
        message = f"{step.path} passes the documents through {step.how} before they are tokenized"
        yield Finding(ID, Outcome.DISPUTED, message, Location(step.path, step.line))


def _in_logs(facts: Facts) -> Iterator[Finding]:
    for run in judged(facts):
        told = [run.dataset or "", run.tokenizer or "", *run.hyperparameters.values()]
        mark = next(
            (t for t in told if _DATASET.search(t) and not _LOSSLESS.search(t) and "/" in t + (run.dataset or "")), None
        )
        if mark:
            message = (
                f"{run.log} uses the data set or tokenizer {mark[:120]}, whose name says that case or form is lost"
            )
            yield log_finding(ID, Outcome.DISPUTED, run, None, message, excerpt=mark)


def check(facts: Facts) -> Ruling:
    return found([*_in_logs(facts), *_in_scripts(facts)], "nothing in the folder normalizes the text with loss")


_PREPARE = """
import json
import unicodedata

import numpy as np
import sentencepiece as spm


def fold(text):
    return unicodedata.normalize("NFKC", text).casefold()


def main():
    tokenizer = spm.SentencePieceProcessor(model_file="t.model")
    with open("docs.jsonl") as docs:
        ids = [tokenizer.encode(fold(json.loads(line)["text"])) for line in docs]
    np.concatenate(ids).astype("<u2").tofile("fineweb_val_000000.bin")
"""
_PLAIN = _PREPARE.replace('unicodedata.normalize("NFKC", text).casefold()', "text")
_OPTION = _PLAIN.replace("    tokenizer =", '    mode = "FULL".lower()\n    tokenizer =')
_NAMED = {"data_path": "./data/datasets/fineweb10B_sp8192_casefold"}
_LOSSLESS_NAME = {"data_path": "./data/datasets/fineweb10B_sp8192_lossless_caps_caseops_v1"}

RULE = Rule(
    id=ID,
    title="Lossy normalization of the text (no ruling)",
    class_="score",
    authority="disputed",
    evidence=("folder", "logs"),
    criterion="The documents reach the tokenizer without case folding or compatibility normalization.",
    why="A text without case has less to predict, whatever its bytes; no maintainer has ruled on it.",
    remedy="Use a transform that can be undone, with the original bytes as the denominator.",
    sources=(
        Source("https://github.com/openai/parameter-golf/issues/1604", "open, no ruling"),
        Source("https://github.com/openai/parameter-golf/pull/1578", "casefold, bytes of the folded text verified"),
    ),
    check=check,
    examples=(
        Example("folded in the data script", "breaks", folder(extra={"prepare.py": _PREPARE}), Outcome.DISPUTED),
        Example("said by the data set's name", "breaks", folder(logs=seeds(hyperparameters=_NAMED)), Outcome.DISPUTED),
        Example("text as it is", "legal", folder(extra={"prepare.py": _PLAIN}), Outcome.PASS),
        Example("an option in lower case", "legal", folder(extra={"prepare.py": _OPTION}), Outcome.PASS),
        Example(
            "a transform that can be undone", "legal", folder(logs=seeds(hyperparameters=_LOSSLESS_NAME)), Outcome.PASS
        ),
    ),
    not_decidable="data sets prepared by a script that is not in the folder",
)
