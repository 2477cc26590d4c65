"""Rules look at what is done: neutral names hide nothing, telling names accuse and excuse nobody."""

from __future__ import annotations

import pytest
from folders_in_memory import loaded

from auditor.findings import Outcome
from auditor.judgement.gather import gather
from auditor.rule import Rule
from rules.bytes import lossy_normalization
from rules.data import train_data_at_eval
from rules.distribution import vocab_clamp
from rules.examples.folders import folder
from rules.examples.scripts import EVALUATION, script


def _outcome(rule: Rule, files: object) -> Outcome:
    return rule.check(gather(loaded(files), {}, strict=True)).outcome  # type: ignore[arg-type]


_COUNTS = """
class K1:
    def __init__(self, a1):
        self.a1 = a1
        self.a2 = torch.zeros(a1, a1)

    def b1(self, c1):
        self.a2.view(-1).index_add_(0, c1[:-1] * self.a1 + c1[1:], torch.ones(c1.numel() - 1))

    def b2(self, c2):
        METHOD


def f1(d1, d2):
    FUNCTION


def f2(d1):
    return f1(d1, "x.bin")
"""
_GIVEN = EVALUATION.replace("boundary, device):", "boundary, device, e1=None):").replace(
    "            nll = F.cross", "            logits = logits + e1.a2[x].add(1).log()\n            nll = F.cross"
)
_FILL = "g1 = K1(args.vocab_size)\nfor path in train_files:\n    g1.b1(load_shard(path).long())"
_GIVE = "val_loss, val_bpb = eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device, e1=g1)"


def _table(kept: str, function: str = "pass", method: str = "pass", **names: str) -> Outcome:
    helpers = _COUNTS.replace("FUNCTION", function).replace("METHOD", method)
    texts = [_GIVEN, helpers, _FILL, kept + _GIVE]
    for old, new in names.items():
        texts = [text.replace(old, new) for text in texts]
    scored, helped, fill, give = texts
    return _outcome(train_data_at_eval.RULE, folder(script(scored, helpers=helped, before_training=fill, scoring=give)))


@pytest.mark.parametrize(
    ("kept", "function", "method"),
    [
        ("f1(g1.a2, 'x.bin')\n", "torch.save(d1, d2)", "pass"),
        ("f2(g1)\n", "h1 = d1.a2.numpy()\n    np.savez(d2, h1)", "pass"),
        ("g1.b2('x.bin')\n", "pass", "self.a2.numpy().tofile(c2)"),
        ("h2 = zlib.compress(g1.a2.numpy().tobytes())\n", "pass", "pass"),
    ],
)
def test_a_table_that_is_saved_is_paid_for(kept: str, function: str, method: str) -> None:
    assert _table(kept, function, method) is Outcome.PASS


@pytest.mark.parametrize(
    ("kept", "function", "names"),
    [
        ("f1(g1, 'x.bin')\n", "print(d2)", {"f1": "save_artifact"}),
        ("h1 = f1(g1, 4)\n", "return d1.a2 * d2", {"f1": "quantize_and_pack"}),
        ("h1 = f2(g1)\n", "return d1.a2.mean()", {"f2": "export_state_dict"}),
        ("g1.b2(3)\n", "pass", {"b2": "serialize"}),
    ],
)
def test_a_table_that_is_only_said_to_be_saved_is_not(kept: str, function: str, names: dict[str, str]) -> None:
    assert _table(kept, function, **names) is Outcome.DISPUTED


@pytest.mark.parametrize(
    "change",
    [
        "val_tokens = val_tokens.clamp(max=args.vocab_size - 1)",
        "a1 = args.vocab_size\nval_tokens = val_tokens % a1",
        "hash_bias = 1023\nval_tokens = torch.clip(val_tokens, 0, hash_bias)",
        "val_tokens = torch.minimum(val_tokens, torch.tensor(args.vocab_size - 1))",
    ],
)
def test_targets_that_are_changed(change: str) -> None:
    assert _outcome(vocab_clamp.RULE, folder(script(before_training=change))) is Outcome.DISPUTED


@pytest.mark.parametrize(
    "change",
    [
        "vocab = val_tokens.clamp(max=args.vocab_size - 1)",  # and nothing is scored with it
        "n_tokens = (val_tokens[1:] * 31 + val_tokens[:-1]) % args.vocab_size",
        "V = val_tokens.clamp(max=7).float().mean()",
    ],
)
def test_ids_that_are_changed_beside_the_targets(change: str) -> None:
    assert _outcome(vocab_clamp.RULE, folder(script(before_training=change))) is Outcome.PASS


_PREPARE = """
import json

import numpy as np
import sentencepiece as spm

HELPERS

def main():
    a1 = spm.SentencePieceProcessor(model_file="t.model")
    with open("docs.jsonl") as a2:
BODY
    np.concatenate(a3).astype("<u2").tofile("fineweb_val_000000.bin")
"""


def _prepared(body: str, helpers: str = "") -> Outcome:
    text = _PREPARE.replace("HELPERS", helpers).replace("BODY", "\n".join(f"        {x}" for x in body.splitlines()))
    return _outcome(lossy_normalization.RULE, folder(extra={"prepare.py": text}))


@pytest.mark.parametrize(
    ("body", "helpers"),
    [
        ('a3 = [a1.encode(json.loads(b)["text"].lower()) for b in a2]', ""),
        ('a3 = []\nfor b in a2:\n    c = json.loads(b)["text"]\n    c = c.lower()\n    a3.append(a1.encode(c))', ""),
        (
            "a3 = [a1.encode(d) for d in f1(a2)]",
            'def f1(e):\n    for g in e:\n        yield json.loads(g)["text"].lower()\n',
        ),
        ("h = []\nfor b in a2:\n    h.append(b.casefold())\na3 = [a1.encode(k) for k in h]", ""),
        ("a3 = [f1(a1, b) for b in a2]", "def f1(e, g):\n    h = g.lower()\n    return e.encode_as_ids(h)\n"),
        (
            "a3 = [f2(a1, f1(b)) for b in a2]",
            "def f1(e):\n    return e.lower()\ndef f2(e, g):\n    return e.encode(g)\n",
        ),
    ],
)
def test_documents_that_lose_their_case(body: str, helpers: str) -> None:
    assert _prepared(body, helpers) is Outcome.DISPUTED


@pytest.mark.parametrize(
    "body",
    [
        'a3 = [a1.encode(json.loads(b)["text"]) for b in a2]\ntext = "FULL".lower()\nprint(text)',
        'a3 = [a1.encode(doc) for doc in a2 if "x" in doc.lower()]',
        'line = {b.lower(): 1 for b in a2}\na3 = [a1.encode(json.loads(b)["text"]) for b in a2]',
    ],
)
def test_words_in_lower_case_that_nothing_tokenizes(body: str) -> None:
    assert _prepared(body) is Outcome.PASS
