"""Masks of which a part, or the function that makes them, leaves no later position."""

from __future__ import annotations

import ast

import pytest

from auditor.program.forward.closed import closed_blocks, closed_by_a_part, weighs_later
from auditor.program.syntax import called
from auditor.source.index import of_type

MADE = """
def past(b, h, q, kv):
    return q >= kv
def near(b, h, q, kv):
    return (q - kv).abs() < 512
def window(b, h, q, kv):
    earlier = q >= kv
    return earlier & (q - kv < 512) & (docs[q] == docs[kv])
def ahead(b, h, q, kv):
    return kv <= q + 1
def maker(size):
    def inner(b, h, i, j):
        return (i >= j) & (i - j < size)
    return inner
def blocks(t):
    return create_block_mask({made}, None, None, t, t)
class A:
    def __init__(self):
        self.blocks = blocks(64)
    def forward(self, q, k, v, t):
        here = blocks(t)
        return flex_attention(q, k, v, block_mask={mask})
"""


@pytest.mark.parametrize("mask", ["here", "self.blocks", "blocks(t)"])
@pytest.mark.parametrize(
    ("made", "closed"),
    [
        ("past", True),
        ("window", True),
        ("maker(256)", True),
        ("lambda b, h, i, j: i >= j", True),
        ("and_masks(near, past)", True),
        ("or_masks(past, window)", True),
        ("near", False),
        ("ahead", False),
        ("or_masks(past, near)", False),
        ("lambda b, h, i, j: i <= j", False),
        ("elsewhere", False),
    ],
)
def test_the_function_of_a_block_mask(made: str, mask: str, closed: bool) -> None:
    tree = ast.parse(MADE.format(made=made, mask=mask))
    (call,) = (c for c in of_type(tree, ast.Call) if called(c) == "flex_attention")
    function = next(f for f in of_type(tree, ast.FunctionDef) if f.name == "forward")
    assert closed_blocks(function, tree, call.keywords[0].value) is closed


GIVEN = """
def forward(self, q, k, v, ids):
    t = q.size(2)
    docs = torch.cumsum(ids == 1, dim=1)
    same = docs[:, :, None] == docs[:, None, :]
    earlier = torch.ones(t, t, dtype=torch.bool).tril()
    {more}
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
"""


@pytest.mark.parametrize(
    ("more", "closed"),
    [
        ("mask = (same & earlier)[:, None]", True),
        ("mask = torch.logical_and(earlier, same).unsqueeze(1)", True),
        ("mask = earlier; mask = mask & same", False),
        ("mask = (same | earlier)[:, None]", False),
        ("mask = same[:, None]", False),
        ("mask = same & earlier; mask[:, :, :4] = True", False),
        ("mask = same & torch.ones(t, t, dtype=torch.bool).tril(1)", False),
    ],
)
def test_a_mask_of_two_conditions(more: str, closed: bool) -> None:
    tree = ast.parse(GIVEN.format(more=more))
    (call,) = (c for c in of_type(tree, ast.Call) if called(c) == "scaled_dot_product_attention")
    (function,) = of_type(tree, ast.FunctionDef)
    assert closed_by_a_part(function, None, call.keywords[0].value) is closed


@pytest.mark.parametrize(
    ("matrix", "later"),
    [
        ("torch.exp(-(i[:, None] - i[None, :]).abs().float())", True),
        ("0.1 * (i[:, None] <= i[None, :]).float()", True),
        ("torch.tril(0.9 ** (i[:, None] - i[None, :]).clamp_min(0).float())", False),
        ("(i[:, None] >= i[None, :]).float()", False),
        ("weights", False),
    ],
)
def test_a_matrix_of_the_numbers_of_positions(matrix: str, later: bool) -> None:
    tree = ast.parse(f"def forward(x):\n    i = torch.arange(x.size(1))\n    mix = {matrix}\n    return mix @ x\n")
    (function,) = of_type(tree, ast.FunctionDef)
    (product,) = (p for p in of_type(tree, ast.BinOp) if isinstance(p.op, ast.MatMult))
    assert weighs_later(function, product.left) is later
