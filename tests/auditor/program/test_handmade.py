"""What attention that is written out lets a position see."""

from __future__ import annotations

import ast

import pytest

from auditor.program.forward.handmade import written_out
from auditor.program.forward.masks import open_mask
from auditor.program.syntax import is_library
from auditor.source.index import walk

BODY = """
class A(nn.Module):
    def __init__(self):
        self.register_buffer("mask", torch.tril(torch.ones(64, 64)))
    def forward(self, q, k, v):
        t = q.size(-2)
        i = torch.arange(t)
        s = q @ k.transpose(-2, -1) / 8 ** 0.5
        {mask}
        return s.softmax(-1) @ v
"""
MASKS = {
    "s = s.masked_fill(self.mask[:t, :t] == 0, float('-inf'))": "nothing ahead",
    "s.masked_fill_(torch.ones(t, t, dtype=torch.bool).triu(1), -1e9)": "nothing ahead",
    "s = s + torch.full((t, t), float('-inf')).triu(1)": "nothing ahead",
    "s = torch.where(i[:, None] >= i[None, :], s, -torch.inf)": "nothing ahead",
    "s = s.masked_fill(~(i[:, None] >= i[None]), torch.finfo(s.dtype).min)": "nothing ahead",
    "s = s.masked_fill((i[:, None] < i) | (i[:, None] - i > 3), -1e9)": "nothing ahead",
    "s = s + torch.full((t, t), float('-inf')).triu(2)": "what follows",
    "s = torch.where(i[:, None] <= i[None, :], s, -torch.inf)": "what follows",
    "s = s.masked_fill((i[:, None] - i).abs() > 3, -1e9)": "what follows",
    "s = s.masked_fill((i[:, None] - i).clamp(max=0).lt(0), -1e9)": "nothing ahead",
    "s = s.masked_fill(torch.eye(t) == 1, -1e9)": "what follows",
    "s = s.masked_fill(~(i[:, None] > i[None, :]), -1e9)": "all in an empty row",
    "s = s.masked_fill(unknown(t), -1e9)": "",
    "s = s.masked_fill(i[:, None] + t // 600 < i, -1e9)": "",
    "s = s.masked_fill((i[:, None] < i) | (i[:, None] - i > 1023), -1e9)": "nothing ahead",
    "pass": "",
}


def _class(text: str) -> ast.ClassDef:
    """The class of a module, with what is above it: a method is told from a function by where it stands."""
    tree = ast.parse(text)
    walk(tree)
    assert isinstance(tree.body[0], ast.ClassDef)
    return tree.body[0]


@pytest.mark.parametrize(("mask", "sees"), MASKS.items(), ids=MASKS)
def test_what_the_mask_leaves(mask: str, sees: str) -> None:
    holder = _class(BODY.format(mask=mask))
    found = list(written_out(holder.body[1], holder))
    assert [one.sees for one in found] == [sees]


NONE = {
    "a router": "return torch.einsum('be,bed->bd', self.router(q).softmax(-1), v)",
    "no weighing": "return (q @ k.mT).softmax(-1).amax()",
    "a distribution": "return F.softmax(q @ self.head.T, -1)",
}


@pytest.mark.parametrize("body", NONE.values(), ids=NONE)
def test_it_is_no_attention(body: str) -> None:
    holder = _class(f"class A(nn.Module):\n    def forward(self, q, k, v):\n        {body}\n")
    assert not list(written_out(holder.body[0], holder))


@pytest.mark.parametrize(
    ("mask", "is_open"),
    [
        ("None", False),
        ("mask_of_somebody", None),
        ("torch.ones(t, t).tril(t // 600)", None),
        ("(torch.arange(t)[:, None] >= torch.arange(t)) | (t > 512)", None),
        ("(torch.arange(t)[:, None] >= torch.arange(t)) & (torch.arange(t)[:, None] - torch.arange(t) < 512)", False),
        ("torch.ones(t, t, dtype=torch.bool).tril()", False),
        ("torch.ones(t, t, dtype=torch.bool).tril(1)", True),
        ("torch.ones(t, t).triu(1) * -1e9", False),
    ],
)
def test_a_mask_that_attention_is_given(mask: str, is_open: bool) -> None:
    function = ast.parse(f"def attend(q, k, v, t):\n    return sdpa(q, k, v, attn_mask={mask})")
    (given,) = [n for n in ast.walk(function) if isinstance(n, ast.keyword) and n.arg == "attn_mask"]
    assert open_mask(function, None, given.value) is is_open


def test_a_mask_of_which_parts_are_written_over() -> None:
    body = "def attend(q, t):\n    m = torch.ones(t, t).tril()\n    m[:, : t // 2] = 1\n    return sdpa(q, attn_mask=m)"
    function = ast.parse(body)
    (given,) = [n for n in ast.walk(function) if isinstance(n, ast.keyword)]
    assert open_mask(function, None, given.value) is None


@pytest.mark.parametrize("alias", ["F", "nnf"])
def test_a_library_is_one_under_any_name(alias: str) -> None:
    text = f"import torch\nimport torch.nn as nn\nimport torch.nn.functional as {alias}\n" + BODY.format(mask="pass")
    tree = ast.parse(text.replace("s.softmax(-1)", f"{alias}.softmax(s.triu(1), -1)"))
    walk(tree)
    holder = next(n for n in tree.body if isinstance(n, ast.ClassDef))
    assert len(list(written_out(holder.body[1], holder))) == 1
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]
    told = {ast.unparse(n.func) for n in calls if is_library(n.func.value)}  # type: ignore[attr-defined]
    assert told == {"torch.tril", "torch.ones", "torch.arange", f"{alias}.softmax"}


BIASED = """
class A(nn.Module):
    def __init__(self):
        self.bias = {held}
    def forward(self, q, k, v):
        t = q.size(-2)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=self.bias[:, :, :t, :t])
"""
HELD = {
    "nn.Parameter(torch.zeros(1, 8, 64, 64))": True,
    "nn.Parameter(torch.randn(1, 8, 64, 64))": True,
    "torch.full((64, 64), float('-inf')).triu(1)": False,
    "torch.ones(64, 64, dtype=torch.bool).tril()": False,
}


@pytest.mark.parametrize(("held", "opened"), HELD.items(), ids=HELD)
def test_a_mask_that_is_learned_leaves_nothing_out(held: str, opened: bool) -> None:
    holder = _class(BIASED.format(held=held))
    call = next(n for n in ast.walk(holder) if isinstance(n, ast.Call) and n.keywords)
    assert open_mask(holder.body[1], holder, call.keywords[0].value) is opened


@pytest.mark.parametrize(("dim", "sees"), [("-1", "nothing ahead"), ("-2", "")])
def test_a_softmax_over_the_queries_is_not_told(dim: str, sees: str) -> None:
    mask = "s = s.masked_fill(self.mask[:t, :t] == 0, float('-inf'))"
    body = BODY.format(mask=mask).replace("s.softmax(-1)", f"s.softmax(dim={dim})")
    held = _class(body)
    assert [found.sees for found in written_out(held.body[1], held)] == [sees]
