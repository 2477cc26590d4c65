"""Attention and the like over all positions, called and written in other ways: none of them is passed over."""

from __future__ import annotations

import pytest
from mixing_samples import MODEL, sees
from program_samples import FINAL, program

HEAD = """
import xformers.ops
def attend(q, k, v):
    return F.softmax(q @ k.transpose(-2, -1), dim=-1) @ v
class Held:
    @staticmethod
    def run(q, k, v):
        return (q @ k.mT).softmax(-1) @ v
"""
OPEN = {
    "under a local name": ("f = F.scaled_dot_product_attention\nx = x + f(q, k, v)"),
    "by its name as text": ('x = x + getattr(F, "scaled_dot_product_attention")(q, k, v)'),
    "told by a dict": ("opts = dict(is_causal=False)\nx = x + F.scaled_dot_product_attention(q, k, v, **opts)"),
    "with the weights of its heads": (
        "x = x + F.multi_head_attention_forward(x, x, x, 8, 2, self.w, self.b, None, None, False, 0.0, self.o, None)[0]"
    ),
    "of a library that is told by a bias": ("x = x + xformers.ops.memory_efficient_attention(q, k, v)"),
    "in a function within": ("def at(q, k, v):\n    return (q @ k.mT).softmax(-1) @ v\nx = x + at(q, k, v)"),
    "in a lambda": ("at = lambda q, k, v: (q @ k.mT).softmax(-1) @ v\nx = x + at(q, k, v)"),
    "handed to what calls it": ("x = x + torch.utils.checkpoint.checkpoint(attend, q, k, v)"),
    "of a static method": ("x = x + Held.run(q, k, v)"),
    "scores with a bias": ("s = torch.baddbmm(self.bias, q, k.mT)\nx = x + s.softmax(-1) @ v"),
    "products of pairs": (
        "s = (q[:, :, None] * k[:, None]).sum(-1)\nx = x + (s.softmax(-1)[..., None] * v[:, None]).sum(2)"
    ),
    "distances": ("s = -torch.cdist(q, k)\nx = x + s.softmax(-1) @ v"),
    "cosines": ("s = F.cosine_similarity(q[:, :, None], k[:, None], dim=-1)\nx = x + s.softmax(-1) @ v"),
    "the largest scores": (
        "s = q @ k.mT\n"
        "i = s.topk(4, -1).indices\n"
        "x = x + torch.gather(v[:, None].expand(-1, t, -1, -1), 2, i[..., None].expand(-1, -1, -1, d)).mean(2)"
    ),
    "the largest score": ("s = q @ k.mT\nx = x + v[torch.arange(b)[:, None], s.argmax(-1)]"),
    "keys and values together": ("kv = torch.tensordot(k, v, dims=([1], [1]))\nx = x + q @ kv"),
    "a layer over positions": ("x = x + F.linear(x.mT, self.wt).mT"),
    "a matrix over positions, contracted": ("x = x + torch.tensordot(self.wt, x, dims=([1], [1])).transpose(0, 1)"),
}
OPEN |= {
    "told by a dict that changes": (
        'o = {"is_causal": True}\no.update(self.part)\nx = x + F.scaled_dot_product_attention(q, k, v, **o)'
    ),
    "told by a dict that is given something else": (
        'o = dict(is_causal=True)\no["is_causal"] = d > 4\nx = x + F.scaled_dot_product_attention(q, k, v, **o)'
    ),
}
LAWFUL = {
    "told to be causal": "x = x + F.scaled_dot_product_attention(q, k, v, is_causal=True)",
    "told to be causal, with options": (
        "x = x + F.scaled_dot_product_attention(q, k, v, is_causal=True, **{'scale': 1.0})"
    ),
    "told by a dict": (
        'o = {"attn_mask": None, "is_causal": True}\nif d > 4:\n    o["scale"] = 1.0\n'
        "x = x + F.scaled_dot_product_attention(q, k, v, **o)"
    ),
    "asked whether it is there": (
        "hasattr(F, 'scaled_dot_product_attention')\nx = x + F.scaled_dot_product_attention(q, k, v, is_causal=True)"
    ),
    "of channels": "x = x + x.softmax(-1)",
    "a layer over channels": "x = x + F.linear(x, self.part)",
}


def _followed(body: str) -> list[str]:
    lines = "\n        ".join(["q, k, v = self.qkv(x).chunk(3, dim=-1)", *body.split("\n")])
    text = MODEL.replace("{body}", lines).replace("{part}", "None")
    followed = program(HEAD + text + FINAL)
    return [*sees(followed), *(gap.what for gap in followed.trace.unfollowed.values() if gap.what == "attention")]


@pytest.mark.parametrize("body", OPEN.values(), ids=OPEN)
def test_it_is_seen_or_written_down(body: str) -> None:
    assert _followed(body)


@pytest.mark.parametrize("body", LAWFUL.values(), ids=LAWFUL)
def test_what_is_causal_is_not(body: str) -> None:
    assert not _followed(body)
