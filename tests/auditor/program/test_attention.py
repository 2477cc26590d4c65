"""Attention of a library is causal where its flag says so in evaluation, whoever passes that on."""

from __future__ import annotations

import pytest
from program_samples import FINAL, program

from auditor.program.scores import unfollowed


@pytest.mark.parametrize(
    ("flag", "known", "is_open"),
    [
        ("True", True, False),
        ("not self.training", True, False),
        ("self.one_way", True, False),
        ("self.both_ways", True, True),
        ("x.size(0) > 1", False, False),
        ("self.training", True, True),
        ("self.training or x.size(0) < 2", True, True),
    ],
)
def test_attention_is_causal_in_evaluation(flag: str, known: bool, is_open: bool) -> None:
    body = (
        "class Net2(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.emb = nn.Embedding(8, 8)\n        self.one_way, self.both_ways = True, False\n"
        "    def forward_logits(self, x):\n        q = self.emb(x)\n"
        f"        return F.scaled_dot_product_attention(q, q, q, is_causal={flag})\n"
        'print(f"final val_bpb:{score(Net2().eval(), val)}")'
    )
    found = program(body)
    assert (unfollowed(found) == ()) is known
    assert bool(found.trace.open_attention) is is_open


_ATTEND = "def attend(q, k, v, causal=False):\n    return F.scaled_dot_product_attention(q, k, v, is_causal=causal)\n"


_PASSED_ON = _ATTEND.replace("attend", "plain", 1) + (
    "def attend(q, k, v, causal=False):\n"
    "    if fast is not None:\n        return fast(q, k, v, causal)\n    return plain(q, k, v, causal=causal)\n"
    "try:\n    from flash_attn_interface import flash_attn_func as fast\nexcept ImportError:\n    fast = None\n"
)


_ALL_PASSED_ON = _ATTEND.replace("attend", "plain", 1) + "def attend(*a, **k):\n    return plain(*a, **k)\n"


@pytest.mark.parametrize("wrapper", [_ATTEND, _PASSED_ON, _ALL_PASSED_ON], ids=["one", "two", "all its arguments"])
@pytest.mark.parametrize(("given", "known"), [("causal=True", True), ("causal=x.size(0) > 1", False), ("", False)])
def test_a_wrapper_of_attention_is_causal_where_all_its_calls_say_so(wrapper: str, given: str, known: bool) -> None:
    body = (
        f"{wrapper}"
        "class Net2(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.emb = nn.Embedding(8, 8)\n"
        "    def forward_logits(self, x):\n        q = self.emb(x)\n"
        f"        return attend(q, q, q, {given})\n"
        'print(f"final val_bpb:{score(Net2(), val)}")'
    )
    found = program(body)
    assert (unfollowed(found) == () and not found.trace.open_attention) is known


_WITH_MASK = """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(8, 8)
        self.plain = {plain}
    def forward_logits(self, x):
        h = self.emb(x)
        bias = None if self.plain else mask_of_somebody(x)
        return F.scaled_dot_product_attention(h, h, h, attn_mask={mask}, is_causal=self.plain)
net = Model()
"""


@pytest.mark.parametrize(
    ("plain", "mask", "known", "is_open"),
    [("True", "bias", True, False), ("False", "bias", False, False), ("False", "None", True, True)],
)
def test_a_mask_may_stand_for_the_flag(plain: str, mask: str, known: bool, is_open: bool) -> None:
    followed = program(_WITH_MASK.format(plain=plain, mask=mask) + FINAL)
    assert bool(followed.trace.open_attention) is is_open
    assert ([gap.what for gap in unfollowed(followed, "final")] == []) is known
