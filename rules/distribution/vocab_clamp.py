"""Target ids are scored as they are."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from auditor.findings import Finding, Outcome, Ruling, found
from auditor.rule import Example, Facts, Rule, Source
from auditor.source.index import of_type
from rules.analysis.syntax import calls, code_finding, last_name, names, origins_of, python_units
from rules.examples.folders import folder, script

ID = "vocab-clamp"

_VOCABULARY = re.compile(r"(?i)vocab|n_tokens|num_embeddings|\bV\b")
_CLAMPS = {"clamp", "clamp_", "clamp_max", "clamp_max_", "clip", "clip_", "minimum", "remainder", "fmod", "mod"}
_OTHER = re.compile(r"(?i)gram|hash|bucket|logit|bias")


def _clamped(node: ast.AST) -> tuple[ast.expr, list[ast.expr]] | None:
    """(what is clamped, its bounds) of a call or a remainder."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return node.left, [node.right]
    if not (isinstance(node, ast.Call) and last_name(node.func) in _CLAMPS):
        return None
    bounds = [*node.args, *(k.value for k in node.keywords if k.arg != "out")]
    if isinstance(node.func, ast.Attribute) and last_name(node.func.value) not in {"torch", "np", "numpy"}:
        return node.func.value, bounds
    return (bounds[0], bounds[1:]) if bounds else None


def _findings(facts: Facts) -> Iterator[Finding]:
    for unit, tree in python_units(facts):
        origins = origins_of(tree)
        for node in of_type(tree, ast.Call, ast.BinOp):
            clamped = _clamped(node)
            if clamped is None:
                continue
            what, bounds = clamped
            bounded = any(_VOCABULARY.search(name) for bound in bounds for name in names(bound))
            mixed = any(_OTHER.search(name) for name in names(node)) or any(_hashes(c) for c in calls(what))
            products = any(isinstance(n.op, ast.Mult | ast.BitXor) for n in of_type(what, ast.BinOp))
            if bounded and not mixed and not products and "validation" in origins.of(what):
                message = "validation token ids are clamped to the model's vocabulary: another text is scored"
                yield code_finding(facts, ID, Outcome.DISPUTED, unit, node, message)


def _hashes(call: ast.Call) -> bool:
    return "hash" in last_name(call.func).lower()


def check(facts: Facts) -> Ruling:
    return found(list(_findings(facts)), "token ids are scored as they are")


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
