"""Parts of the validation stream in another order: told by what a key gives and what an order indexes, not by names."""

from __future__ import annotations

import pytest
from folders_in_memory import loaded

from auditor.judgement.gather import gather
from rules.examples.folders import folder
from rules.examples.scripts import script

_HELPERS = """
import random


def a1(t):
    b1 = (t == 1).nonzero().flatten().tolist()
    b2 = [*b1[1:], t.numel()]
    return [MADE for c1, c2 in zip(b1, b2)]


class R1:
    def __init__(self, d1, d2):
        self.d1 = d1
        self.d2 = d2


class A1(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.a = nn.Parameter(torch.zeros(dim))
"""
_SCORES = """
def eval_val(args, model, val_tokens, base_bytes, leading_space, boundary, device):
    ORDER
    e1 = A1(args.model_dim).to(device)
    e2 = torch.optim.SGD(e1.parameters(), lr=1e-3)
    e3, e4, e5 = 0.0, 0.0, 0
    for g1 in f1:
        g2 = PART
        x, y = g2[None, :-1].to(device).long(), g2[None, 1:].to(device).long()
        g3 = F.cross_entropy(model.forward_logits(x + e1.a).flatten(0, 1), y.flatten(), reduction="none")
        e3 += float(g3.detach().sum())
        e4 += float(base_bytes[y].sum())
        e5 += y.numel()
        g3.mean().backward()
        e2.step()
        e2.zero_grad()
    return e3 / e5, e3 / math.log(2.0) / e4
"""
_PAIR, _OF_PAIR = "(c1, c2 - c1)", "val_tokens[g1[0]:g1[0] + g1[1]]"


def _orders(order: str, made: str = _PAIR, part: str = _OF_PAIR) -> list[str]:
    scores = _SCORES.replace("ORDER", order.replace("\n", "\n    ")).replace("PART", part)
    facts = gather(loaded(folder(script(scores, helpers=_HELPERS.replace("MADE", made)))), {}, strict=True)
    return [reorder.how for reorder in facts.code.reorders]


_OF_RECORD = "val_tokens[g1.d1:g1.d1 + g1.d2]"


@pytest.mark.parametrize(
    ("order", "made", "part"),
    [
        ("f1 = sorted(a1(val_tokens), key=lambda h: h[1])", _PAIR, _OF_PAIR),
        ("f1 = a1(val_tokens)\nf1.sort(key=lambda h: (h[1] - 2) // 64, reverse=True)", _PAIR, _OF_PAIR),
        ("f1 = sorted(a1(val_tokens), key=lambda h: -h.d2)", "R1(c1, c2 - c1)", _OF_RECORD),
        ("f1 = sorted(a1(val_tokens), key=lambda h: h[0])", "(c2 - c1, c1)", "val_tokens[g1[1]:g1[1] + g1[0]]"),
        ("clean = a1(val_tokens)\nf1 = sorted([val_tokens[h:h + k] for h, k in clean], key=len)", _PAIR, "g1"),
        ("f1 = sorted([val_tokens[h:h + k] for h, k in a1(val_tokens)], key=lambda q: q.numel())", _PAIR, "g1"),
        (
            "legal = a1(val_tokens)\nsame = sorted(range(len(legal)), key=lambda i: legal[i][1])\n"
            "f1 = [legal[i] for i in same]",
            _PAIR,
            _OF_PAIR,
        ),
        ("f1 = sorted(a1(val_tokens), key=lambda h: int(val_tokens[h[0] + 1]))", _PAIR, _OF_PAIR),
    ],
)
def test_sorted_by_what_is_no_position(order: str, made: str, part: str) -> None:
    (how,) = _orders(order, made, part)
    assert how.startswith("sorted by")


@pytest.mark.parametrize(
    ("order", "part"),
    [
        ("f1 = a1(val_tokens)\nrandom.shuffle(f1)", _OF_PAIR),
        (
            "a2 = (val_tokens.numel() - 1) // 64\nf1 = torch.randperm(a2).tolist()",
            "val_tokens[g1 * 64:g1 * 64 + 65]",
        ),
        (
            "a2 = val_tokens[:-1].view(-1, args.seq_len)\nf1 = a2[torch.randperm(a2.size(0))]",
            "g1",
        ),
        ("f1 = np.random.permutation(range(0, 640, 64))", "val_tokens[g1:g1 + 65]"),
    ],
)
def test_shuffled(order: str, part: str) -> None:
    assert _orders(order, part=part) == ["shuffled"]


@pytest.mark.parametrize(
    ("order", "made", "part"),
    [
        ("f1 = a1(val_tokens)", _PAIR, _OF_PAIR),
        ("shuffled_docs = sorted(a1(val_tokens), key=lambda doc: doc[0])\nf1 = shuffled_docs", _PAIR, _OF_PAIR),
        ("f1 = sorted(a1(val_tokens), key=lambda length: length.d1)", "R1(c1, c2 - c1)", _OF_RECORD),
        ("f1 = sorted(a1(val_tokens), key=lambda h: h[1])", "(c2 - c1, c1)", "val_tokens[g1[1]:g1[1] + g1[0]]"),
        (
            "docs = sorted(model.named_parameters(), key=lambda doc: doc[1].numel())\nf1 = a1(val_tokens)",
            _PAIR,
            _OF_PAIR,
        ),
        ("documents = list(range(8))\nrandom.shuffle(documents)\nf1 = a1(val_tokens)", _PAIR, _OF_PAIR),
        ("windows = torch.randperm(8)\nf1 = a1(val_tokens)", _PAIR, _OF_PAIR),
    ],
)
def test_in_the_order_of_the_stream(order: str, made: str, part: str) -> None:
    assert not _orders(order, made, part)
