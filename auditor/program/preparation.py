"""Scripts that prepare the data set: what they do to the documents on the way to the tokenizer."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from auditor.program.syntax import calls, last_name, strings
from auditor.source.plain import SyntaxProblem, quiet_parse
from auditor.submission import Submission

_READS_DOCUMENTS = re.compile(r"docs_selected|jsonl|iter_docs|\"text\"|'text'")
_WRITES_SHARDS = re.compile(r"\bencode|\bEncode|sentence_iterator|SentencePieceTrainer|\.tofile\(|write_shard")
_DOCUMENT = re.compile(r"(?i)text|doc|line|normal")
_MAX_SCRIPT = 400_000  # characters of a script that is parsed here


@dataclass(frozen=True, slots=True)
class LossyStep:
    """A call that drops case or form of a document, in a file of the folder, by its line."""

    path: str
    line: int
    how: str


def lossy_steps(submission: Submission) -> Iterator[LossyStep]:
    """The first such call of every script that reads documents and tokenizes them."""
    for file in submission.files:
        if not file.path.endswith(".py") or file.data is None or len(file.data) > _MAX_SCRIPT:
            continue
        text = file.text
        if not (_READS_DOCUMENTS.search(text) and _WRITES_SHARDS.search(text)):
            continue
        try:
            tree = quiet_parse(text)
        except SyntaxProblem:
            continue
        for call in calls(tree):
            how = _lossy(call)
            if how is not None:
                yield LossyStep(file.path, call.lineno, how)
                break


def _lossy(call: ast.Call) -> str | None:
    name = last_name(call.func)
    if name == "casefold" and isinstance(call.func, ast.Attribute) and not call.args:
        return "casefold()"
    if name == "lower" and isinstance(call.func, ast.Attribute) and not call.args:
        # The text of a document, not an option or a file name.
        return "lower()" if _DOCUMENT.search(last_name(call.func.value)) else None
    if name == "normalize":
        form = next((s for s in strings(call) if s in {"NFKC", "NFKD"}), None)
        return f"normalize({form})" if form else None
    return None
