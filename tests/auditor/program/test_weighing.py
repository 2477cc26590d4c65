"""Attention that is written out without a softmax: what its weights leave to a position."""

from __future__ import annotations

import ast

import pytest

from auditor.program.forward.handmade import written_out
from auditor.source.index import walk

BODY = """
class A(nn.Module):
    def __init__(self):
        self.register_buffer("mask", torch.tril(torch.ones(64, 64)))
        self.out = nn.Linear(8, 8)
    def forward(self, x, q, k, v):
        t = q.size(-2)
        s = q @ k.transpose(-2, -1) / 8 ** 0.5
        {weights}
        return {made}
"""
CAUSAL = "torch.ones(t, t, dtype=torch.bool).triu(1)"
WEIGHTS = {
    "as it is": ("w = s * self.mask[:t, :t]", "nothing ahead"),
    "exponentials": (
        f"e = s.masked_fill({CAUSAL}, -torch.inf).exp(); w = e / e.sum(-1, keepdim=True)", "nothing ahead",
    ),
    "exponentials that are masked": (
        "e = torch.exp(s - s.amax(-1, keepdim=True)) * self.mask[:t, :t]; w = e / e.sum(-1, keepdim=True)",
        "nothing ahead",
    ),
    "sigmoids": (f"w = torch.sigmoid(s).masked_fill({CAUSAL}, 0.0)", "nothing ahead"),
    "squares": ("w = F.relu(s).square() * self.mask[:t, :t]", "nothing ahead"),
    "a triangle of it": ("w = s.tril()", "nothing ahead"),
    "one further": ("w = s * torch.ones(t, t).tril(1)", "what follows"),
    "the other way": ("w = s.exp() * torch.ones(t, t).triu()", "what follows"),
    "sigmoids of what a mask made zero": ("w = torch.sigmoid(s * self.mask[:t, :t])", "what follows"),
    "no mask": ("w = s.exp(); w = w / w.sum(-1, keepdim=True)", ""),
    "a mask that is not understood": ("w = s * unknown(t)", ""),
}  # fmt: skip


def _sees(weights: str, made: str = "w @ v") -> list[str]:
    tree = ast.parse(BODY.format(weights=weights, made=made))
    walk(tree)
    holder = tree.body[0]
    assert isinstance(holder, ast.ClassDef)
    return [one.sees for one in written_out(holder.body[1], holder)]


@pytest.mark.parametrize(("weights", "sees"), WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("made", ["w @ v", "torch.matmul(w, v)", "torch.bmm(w, v)"])
def test_what_the_weights_leave(weights: str, sees: str, made: str) -> None:
    assert _sees(weights, made) == [sees]


NOT_ATTENTION = {
    "a layer": ("w = self.out(x)", "w @ self.out.weight.T"),
    "two of its weights": ("u = self.out.weight.to(x.dtype)", "(x @ u.T) @ u"),
    "an adapter": ("u = x.transpose(-2, -1)", "(u @ lora.down) @ lora.up"),
    "scores that weigh nothing": ("w = s", "w.amax()"),
}


@pytest.mark.parametrize(("weights", "made"), NOT_ATTENTION.values(), ids=NOT_ATTENTION)
def test_it_is_no_attention(weights: str, made: str) -> None:
    assert not _sees(weights, made)
